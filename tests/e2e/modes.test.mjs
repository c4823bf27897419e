// SPDX-License-Identifier: Apache-2.0
// Every mode of user credentials: what is asked for, what is shown, what a change leaves, and the token that comes of it.
import assert from 'node:assert/strict';
import { createHmac, constants, createPublicKey, generateKeyPairSync, randomBytes, verify } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';

import { startStack, waitFor } from './harness.mjs';
import { startVendor } from './vendor.mjs';

const BASE = '/api/v1/user_credentials';
const CANARY = 'canary-modes-3307';

let stack; let vendor; let world; let other; let count = 0;

const api = (method, path, body, options = {}) => stack.api(method, path, body, { token: world.token, ...options });
const ask = (id, options) => api('POST', `${BASE}/${id}/token`, undefined, options);
const log = async (id) => (await api('GET', `${BASE}/${id}/log`)).body.log;
const post = (body) => api('POST', BASE, { name: `mode ${++count}`, team_id: world.teamId, ...body });

async function create(body) {
  const answer = await post(body);
  assert.equal(answer.status, 201, answer.text);
  assert.ok(!answer.text.includes(CANARY), 'a secret in an answer');
  return answer.body;
}

// 422, one entry for each thing that is wrong, and nothing secret in it.
async function refused(answering, ...details) {
  const answer = await answering;
  assert.equal(answer.status, 422, answer.text);
  assert.ok(!answer.text.includes(CANARY), answer.text);
  for (const detail of details) assert.ok(answer.body.errors.some((entry) => detail.test(entry.details)), `${detail} in ${answer.text}`);
}

async function tokenOf(id) {
  const answer = await ask(id);
  assert.equal(answer.status, 200, answer.text);
  return answer.body.token;
}

before(async () => {
  vendor = await startVendor({ password: `${CANARY}-password` });
  stack = await startStack({ workers: 8 });
  world = await stack.world();
  other = await stack.world({ name: 'Other' });
});
beforeEach(() => vendor.reset());
after(async () => {
  await stack?.close();
  await vendor?.close();
});

// ---- HTTP_REQUEST_AGENT ----

const agent = (path, more = {}) => ({ mode: 'HTTP_REQUEST_AGENT', http_request_location_of_token: '=response.body.token',
  http_request_options: { url: `${vendor.url}${path}`, method: 'post', content_type: 'json', payload: { key: '<<secret>>' } },
  http_request_secret: `${CANARY}-agent`, ...more });

describe('HTTP_REQUEST_AGENT', () => {
  it('is one request: a token from its answer, kept as long as http_request_ttl says', async () => {
    const { id, mode } = await create(agent('/slow?ms=1', { http_request_ttl: 300 }));
    assert.equal(mode, 'HTTP_REQUEST_AGENT');
    const token = await tokenOf(id);
    assert.ok(vendor.accepts(token));
    assert.equal(await tokenOf(id), token);
    assert.equal(vendor.hits('/slow'), 1);
    assert.deepEqual(JSON.parse(vendor.requests[0].body), { key: `${CANARY}-agent` });
    assert.deepEqual((await log(id))[0].requests.map((request) => request.status), [200]);
  });

  it('takes its options as JSON text, and the name of the credential as root', async () => {
    const body = agent('/slow?ms=1', { name: 'Agent By Slug', http_request_location_of_token: '\\=agent_by_slug.body.token' });
    body.http_request_options = JSON.stringify(body.http_request_options);
    assert.ok(vendor.accepts(await tokenOf((await create(body)).id)));
  });

  it('keeps its secret when it is not sent, its options when only the secret is', async () => {
    vendor.on('/key', (request, response, body) => {
      const { key } = JSON.parse(body);
      response.writeHead(key === `${CANARY}-new` ? 200 : 401, { 'content-type': 'application/json' }).end(JSON.stringify({ token: `of ${body.length}` }));
    });
    const { id } = await create(agent('/refuse'));
    const { http_request_options: options } = agent('/key');
    assert.equal((await api('PATCH', `${BASE}/${id}`, { http_request_options: options })).status, 200);
    assert.equal((await ask(id)).status, 424);
    assert.deepEqual(JSON.parse(vendor.requests.at(-1).body), { key: `${CANARY}-agent` });
    assert.equal((await api('PATCH', `${BASE}/${id}`, { http_request_secret: `${CANARY}-new` })).status, 200);
    assert.match(await tokenOf(id), /^of /);
    assert.equal((await api('PUT', `${BASE}/${id}`, { mode: 'HTTP_REQUEST_AGENT', name: `renamed ${++count}` })).status, 200);
    assert.match(await tokenOf(id), /^of /);
    vendor.on('/key', undefined);
  });

  it('says what is wrong with its options, and under which field a formula failed', async () => {
    await refused(post({ mode: 'HTTP_REQUEST_AGENT' }), /^http_request_location_of_token: is required/, /^http_request_options: is required/);
    await refused(post(agent('/x', { http_request_options: { url: 'ftp://x', colour: 1 } })), /^http_request_options\.url: /, /^http_request_options\.colour: /);
    await refused(post(agent('/x', { http_request_options: 'no json' })), /^http_request_options: /);
    await refused(post(agent('/x', { http_request_expires: '60' })), /^http_request_expires: must be a formula/);
    const { id } = await create(agent('/slow', { http_request_options: { url: '<<secret>>' } }));
    const answer = await ask(id);
    assert.equal(answer.status, 424);
    assert.match(answer.body.error, /request 1 of 1: http_request_options\.url: /);
    assert.ok(!answer.text.includes(CANARY));
  });
});

// ---- the end of a token ----

describe('the end of a token', () => {
  const answerWith = (value) => vendor.on('/ends', (request, response) =>
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(typeof value === 'function' ? value() : value)));
  const living = (more = {}) => create(agent('/ends', { http_request_expires: '=response.body.ends', ...more }));
  const fetched = async (id) => {
    const answer = await ask(id);
    assert.equal(answer.status, 200, answer.text);
    return answer.body;
  };
  const lifeOf = (body) => (Date.parse(body.expires_at) - Date.parse(body.fetched_at)) / 1000;
  const near = (got, expected) => assert.ok(Math.abs(got - expected) <= 2, `${got} s, not ${expected}`);
  after(() => vendor.on('/ends', undefined));

  it('is read as seconds, epoch or ISO time, and http_request_ttl stays the most', async () => {
    const cases = [[600, 600], ['600', 600], [() => Math.floor(Date.now() / 1000) + 700, 700], [() => Date.now() + 800000, 800],
      [() => new Date(Date.now() + 900000).toISOString(), 900], [1e9 - 1, 86400]];
    for (const [ends, expected] of cases) {
      answerWith(() => ({ token: 't', ends: typeof ends === 'function' ? ends() : ends }));
      const { id } = await living();
      const body = await fetched(id);
      near(lifeOf(body), expected);
      vendor.reset();
      assert.deepEqual(await fetched(id), body);
      assert.equal(vendor.hits('/ends'), 0, 'it was kept');
    }
    answerWith({ token: 't', ends: 600 });
    near(lifeOf(await fetched((await living({ http_request_ttl: 60 })).id)), 60);
    near(lifeOf(await fetched((await living({ http_request_ttl: 6000 })).id)), 600);
  });

  it('that is not said leaves http_request_ttl alone, and what cannot be read fails', async () => {
    answerWith({ token: 't' });
    near(lifeOf(await fetched((await living({ http_request_ttl: 60 })).id)), 60);
    assert.equal((await fetched((await living()).id)).expires_at, null);
    for (const ends of ['soon', {}, -1, true]) {
      answerWith({ token: 't', ends });
      const answer = await ask((await living({ http_request_ttl: 60 })).id);
      assert.equal(answer.status, 424, answer.text);
      assert.match(answer.body.error, /neither seconds nor a time/);
    }
  });

  it('is never nearer than 5 seconds when the token is handed out', async () => {
    for (const ends of [0, 4, '4', 1000000000]) {
      answerWith({ token: 't', ends });
      const answer = await ask((await living({ http_request_ttl: 60 })).id);
      assert.equal(answer.status, 424, answer.text);
      assert.match(answer.body.error, /less than 5 seconds/);
    }
    answerWith({ token: 't', ends: 8 });
    const { id } = await living();
    const begin = Date.now();
    await fetched(id);
    await waitFor('a new fetch while the token still lives', async () => {
      const body = await fetched(id);
      assert.ok(Date.parse(body.expires_at) - Date.now() >= 4000, 'less than 5 seconds to live');
      return vendor.hits('/ends') > 1;
    }, { everyMs: 200 });
    assert.ok(Date.now() - begin < 6000);
  });

  it('is seen to in time for one in steady use: nobody waits, and no vendor is asked twice', async () => {
    let n = 0;
    answerWith(() => ({ token: `t${++n}`, ends: 30 }));
    const { id } = await living();
    assert.equal((await fetched(id)).token, 't1');
    const older = (seconds) => stack.mysql(`UPDATE fetch_token SET fetched_at = fetched_at - INTERVAL ${seconds} SECOND,
      fresh_until = fresh_until - INTERVAL ${seconds} SECOND, expires_at = expires_at - INTERVAL ${seconds} SECOND WHERE credential_id = ${id}`);
    await older(16);
    await fetched(id);
    assert.equal(n, 1, 'not before the last fifth');
    await older(5);
    const release = vendor.hold('/ends');
    assert.deepEqual((await Promise.all(Array.from({ length: 5 }, () => fetched(id)))).map((body) => body.token), Array(5).fill('t1'));
    release();
    await waitFor('the next token', async () => (await fetched(id)).token === 't2');
    assert.deepEqual((await log(id)).map((entry) => entry.outcome), ['fetched', 'fetched']);
    answerWith({ token: null });
    await older(21);
    for (let i = 0; i < 5; i++) assert.equal((await fetched(id)).token, 't2', 'a failure ahead of time hurts nobody');
    await waitFor('the failure', async () => (await log(id))[0].outcome === 'failed');
    await fetched(id);
    assert.equal((await log(id)).length, 3, 'and is not repeated at once');
  });

  it('is seen to by the runner where it was used again', async () => {
    answerWith(() => ({ token: 't', ends: 1000 }));
    const [used, idle] = [await living(), await living()];
    for (const { id } of [used, idle]) {
      await fetched(id);
      await stack.mysql(`UPDATE fetch_token SET fetched_at = fetched_at - INTERVAL 850 SECOND, fresh_until = fresh_until - INTERVAL 850 SECOND WHERE credential_id = ${id}`);
    }
    await waitFor('the uses to be written', async () =>
      (await stack.mysql(`SELECT COUNT(last_used_at) FROM user_credential WHERE id IN (${used.id}, ${idle.id})`))[0][0] === '2');
    await stack.mysql(`UPDATE user_credential SET last_used_at = UTC_TIMESTAMP(3) - INTERVAL 845 SECOND WHERE id = ${idle.id}`);
    await stack.housekeep();
    await waitFor('a fetch nobody asked for', async () => (await log(used.id)).length === 2);
    assert.equal((await log(idle.id)).length, 1);
  });

  it('is the exp of a JWT, also for those who come back for it later', async () => {
    const jwt = (seconds) => `${Buffer.from('{"alg":"none"}').toString('base64url')}.${
      Buffer.from(JSON.stringify({ exp: Math.floor(Date.now() / 1000) + seconds })).toString('base64url')}.c2ln`;
    answerWith(() => ({ token: jwt(120) }));
    near(lifeOf(await fetched((await living({ http_request_ttl: 3600 })).id)), 120);
    near(lifeOf(await fetched((await living()).id)), 120); // told, though it is fetched each time
    answerWith(() => ({ token: jwt(-10) }));
    assert.equal((await ask((await living({ http_request_ttl: 3600 })).id)).status, 424);
    answerWith(() => ({ token: jwt(7) }));
    const { id } = await living();
    const { body: { job } } = await ask(id, { headers: { Prefer: 'respond-async' } });
    await waitFor('the job', async () => (await api('GET', `/api/v2/jobs/${job.id}`)).body.job.state === 'done');
    await waitFor('the token to be too old to be collected', async () => {
      const { body } = await api('POST', `${BASE}/${id}/token`, { job_id: job.id });
      assert.ok(Date.parse(body.expires_at) - Date.now() >= 3000);
      return vendor.hits('/ends') > 1;
    }, { everyMs: 300 });
  });
});

// ---- JWT ----

const pair = (type, options) => generateKeyPairSync(type, { ...options, publicKeyEncoding: { type: 'spki', format: 'pem' },
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' } });
const decode = (part) => JSON.parse(Buffer.from(part, 'base64url').toString());

function verifies(algorithm, key, token) {
  const [head, payload, signature] = token.split('.');
  const data = Buffer.from(`${head}.${payload}`);
  const digest = `sha${algorithm.slice(2)}`;
  if (algorithm.startsWith('HS')) return createHmac(digest, key).update(data).digest('base64url') === signature;
  const options = { key: createPublicKey(key) };
  if (algorithm.startsWith('ES')) options.dsaEncoding = 'ieee-p1363';
  if (algorithm.startsWith('PS')) Object.assign(options, { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST });
  return verify(digest, data, options, Buffer.from(signature, 'base64url'));
}

describe('JWT', () => {
  const rsa = pair('rsa', { modulusLength: 2048 });
  const p256 = pair('ec', { namedCurve: 'P-256' });
  const p384 = pair('ec', { namedCurve: 'P-384' });
  const secret = `${CANARY}-${randomBytes(48).toString('hex')}`;
  const keys = { HS256: secret, HS384: secret, HS512: secret, RS256: rsa, RS384: rsa, RS512: rsa, ES256: p256, ES384: p384, PS256: rsa };
  const jwt = (algorithm, more = {}) => ({ mode: 'JWT', jwt_algorithm: algorithm, jwt_private_key: keys[algorithm].privateKey ?? keys[algorithm],
    jwt_payload: { iss: 'bailee', nested: { a: [1, 'ü'] } }, jwt_auto_generate_time_claims: true, ...more });

  for (const algorithm of Object.keys(keys)) {
    it(`signs with ${algorithm}, freshly for each call, without a job`, async () => {
      const { id } = await create(jwt(algorithm));
      const answer = await ask(id);
      assert.equal(answer.status, 200, answer.text);
      const [head, payload] = answer.body.token.split('.').slice(0, 2).map(decode);
      assert.deepEqual(head, { alg: algorithm, typ: 'JWT' });
      const { iat, exp, ...claims } = payload;
      assert.deepEqual(claims, { iss: 'bailee', nested: { a: [1, 'ü'] } });
      assert.ok(Math.abs(iat - Date.now() / 1000) < 10 && exp === iat + 3600);
      assert.ok(verifies(algorithm, keys[algorithm].publicKey ?? keys[algorithm], answer.body.token));
      assert.equal(Date.parse(answer.body.expires_at), exp * 1000);
      assert.deepEqual([answer.body.token_type, answer.body.fetched_at], ['Bearer', null]);
      assert.deepEqual(await stack.mysql(`SELECT 1 FROM job WHERE subject = '${id}'`), []);
    });
  }

  it('takes the payload as JSON text, with time claims of its own or none', async () => {
    const exp = Math.floor(Date.now() / 1000) + 500;
    const fixed = await ask((await create(jwt('HS256', { jwt_payload: JSON.stringify({ exp }), jwt_auto_generate_time_claims: false }))).id);
    assert.deepEqual(decode(fixed.body.token.split('.')[1]), { exp });
    assert.equal(Date.parse(fixed.body.expires_at), exp * 1000);
    const none = await ask((await create(jwt('HS256', { jwt_payload: undefined, jwt_auto_generate_time_claims: undefined }))).id);
    assert.deepEqual(decode(none.body.token.split('.')[1]), {});
    assert.equal(none.body.expires_at, null);
    const past = await create(jwt('HS256', { jwt_payload: { exp: Math.floor(Date.now() / 1000) + 3 }, jwt_auto_generate_time_claims: false }));
    await refused(ask(past.id), /exp claim/);
  });

  it('checks the key when it is stored and when the algorithm changes, and keeps it otherwise', async () => {
    await refused(post({ mode: 'JWT' }), /^jwt_algorithm: is required/, /^jwt_private_key: is required/);
    await refused(post(jwt('RS256', { jwt_private_key: p256.privateKey })), /^jwt_private_key: /);
    await refused(post(jwt('ES256', { jwt_private_key: p384.privateKey })), /^jwt_private_key: /);
    await refused(post(jwt('RS256', { jwt_private_key: `${CANARY} no key` })), /^jwt_private_key: /);
    await refused(post(jwt('RS256', { jwt_private_key: rsa.publicKey })), /^jwt_private_key: /);
    await refused(post(jwt('HS256', { jwt_private_key: '' })), /^jwt_private_key: /);
    await refused(post(jwt('HS256', { jwt_algorithm: 'none' })), /^jwt_algorithm: must be one of/);
    await refused(post(jwt('HS256', { jwt_payload: '[1]' })), /^jwt_payload: /);
    const { id } = await create(jwt('RS256'));
    await refused(api('PATCH', `${BASE}/${id}`, { jwt_algorithm: 'ES256' }), /^jwt_private_key: /);
    assert.equal((await api('PATCH', `${BASE}/${id}`, { jwt_algorithm: 'PS256' })).status, 200);
    assert.equal((await api('PUT', `${BASE}/${id}`, { mode: 'JWT', jwt_payload: null })).status, 200);
    const token = await tokenOf(id);
    assert.ok(verifies('PS256', rsa.publicKey, token));
    assert.deepEqual(Object.keys(decode(token.split('.')[1])).sort(), ['exp', 'iat']);
  });
});

// ---- OAUTH ----

describe('OAUTH', () => {
  // RFC 6749 section 4.4, and nothing else
  const tokenServer = (more = {}) => vendor.on('/oauth/token', (request, response, body) => {
    const form = new URLSearchParams(body);
    const basic = /^Basic (.+)$/.exec(request.headers.authorization ?? '')?.[1];
    const [id, secret] = basic ? Buffer.from(basic, 'base64').toString().split(':').map(decodeURIComponent) : [form.get('client_id'), form.get('client_secret')];
    const bad = (status, error) => response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify({ error }));
    if (request.method !== 'POST' || request.headers['content-type'] !== 'application/x-www-form-urlencoded') return bad(400, 'invalid_request');
    if (basic && (form.has('client_id') || form.has('client_secret'))) return bad(400, 'invalid_request');
    if (id !== 'client <<id>>' || secret !== `=${CANARY}:<<x>> %`) return bad(401, 'invalid_client');
    if (form.get('grant_type') !== 'client_credentials') return bad(400, 'unsupported_grant_type');
    const count_ = vendor.hits('/oauth/token');
    return response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-store' })
      .end(JSON.stringify({ access_token: `access-${count_}-${form.get('scope')}-${basic ? 'basic' : 'post'}`, token_type: 'Bearer', ...more }));
  });
  const client = (more = {}) => ({ mode: 'OAUTH', oauth_grant_type: 'client_credentials', oauth_token_url: `${vendor.url}/oauth/token`,
    oauth_client_id: 'client <<id>>', oauth_client_secret: `=${CANARY}:<<x>> %`, ...more });
  after(() => vendor.on('/oauth/token', undefined));

  it('gets an access token with client_credentials, and keeps it for expires_in', async () => {
    tokenServer({ expires_in: 600 });
    const { id, redirect_url: redirect } = await create(client({ oauth_scope: 'read write' }));
    assert.equal(redirect, null);
    const answer = await ask(id);
    assert.equal(answer.status, 200, answer.text);
    assert.equal(answer.body.token, 'access-1-read write-post');
    assert.equal(answer.body.token_type, 'Bearer');
    assert.equal(Date.parse(answer.body.expires_at) - Date.parse(answer.body.fetched_at), 600000);
    assert.deepEqual((await ask(id)).body, answer.body);
    assert.equal(vendor.hits('/oauth/token'), 1);
  });

  it('authenticates the client with Basic where it is told so, without a scope where there is none', async () => {
    tokenServer({ expires_in: 600 });
    assert.equal(await tokenOf((await create(client({ oauth_token_endpoint_auth_method: 'client_secret_basic' }))).id), 'access-1-null-basic');
  });

  it('asks each time where the answer does not say how long a token lives', async () => {
    tokenServer();
    const { id } = await create(client());
    assert.notEqual(await tokenOf(id), await tokenOf(id));
  });

  it('fails with the status, and says no secret', async () => {
    tokenServer();
    const { id } = await create(client({ oauth_client_secret: `${CANARY} wrong` }));
    const answer = await ask(id);
    assert.equal(answer.status, 424);
    assert.match(answer.body.error, /status 401/);
    assert.ok(!answer.text.includes(CANARY));
    vendor.on('/oauth/token', (request, response) => response.writeHead(307, { location: `${vendor.url}/echo` }).end());
    assert.match((await ask(id)).body.error, /status 307/);
    assert.equal(vendor.hits('/echo'), 0, 'the secret is not carried on');
  });

  it('keeps what a person is to authorize, and shows where the provider sends him back to', async () => {
    const body = client({ oauth_grant_type: 'authorization_code', oauth_url: `${vendor.url}/authorize`, oauthPkceCodeChallengeMethod: 'S256' });
    const made = await create(body);
    assert.match(made.redirect_url, /^http:\/\/127\.0\.0\.1:\d+\/oauth\/callback\/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    assert.equal((await api('GET', `${BASE}/${made.id}`)).body.redirect_url, made.redirect_url);
    const changed = await api('PATCH', `${BASE}/${made.id}`, { oauth_scope: 'all' });
    assert.equal(changed.body.redirect_url, made.redirect_url);
    const answer = await ask(made.id);
    assert.equal(answer.status, 424);
    assert.match(answer.body.error, /connect it first/);
    assert.notEqual((await create(body)).redirect_url, made.redirect_url);
  });

  it('says what is missing', async () => {
    await refused(post({ mode: 'OAUTH' }), /^oauth_token_url: is required/, /^oauth_client_id: is required/);
    await refused(post(client({ oauth_client_id: 'i'.repeat(513) })), /^oauth_client_id: /);
    await refused(post(client({ oauth_client_secret: undefined })), /^oauth_client_secret: is required with client_credentials/);
    await refused(post(client({ oauth_grant_type: 'authorization_code' })), /^oauth_url: is required/);
    await refused(post(client({ oauth_token_url: 'ftp://x/' })), /^oauth_token_url: /);
    await refused(post(client({ oauth_token_url: 'https://user@example.com/' })), /^oauth_token_url: /);
    await refused(post(client({ oauthPkceCodeChallengeMethod: 'S512' })), /^oauthPkceCodeChallengeMethod: /);
    await refused(post(client({ oauth_grant_type: 'password' })), /^oauth_grant_type: /);
  });
});

// ---- AWS ----

describe('AWS', () => {
  const keys = { aws_access_key: 'AKIDEXAMPLEEXAMPLE12', aws_secret_key: `${CANARY}/aws` };
  const arn = 'arn:aws:iam::123456789012:role/path/Name+=,.@-_';

  it('is used, not read', async () => {
    for (const more of [{ aws_authentication_type: 'KEY', ...keys }, { aws_authentication_type: 'INSTANCE_PROFILE' },
      { aws_authentication_type: 'ROLE', ...keys, aws_assumed_role_arn: arn }, { aws_authentication_type: 'ROLE', aws_assumed_role_arn: arn }]) {
      const made = await create({ mode: 'AWS', ...more });
      assert.equal(made.aws_authentication_type, more.aws_authentication_type);
      assert.equal(made.aws_assumed_role_external_id, null);
      await refused(ask(made.id), /used, not read/);
    }
  });

  it('makes an external id, shows it, and keeps it through changes until it is switched off', async () => {
    const { id, aws_assumed_role_external_id: external } = await create({ mode: 'AWS', aws_authentication_type: 'ROLE', ...keys,
      aws_assumed_role_arn: arn, use_static_external_id: true });
    assert.match(external, /^[0-9a-f-]{36}$/);
    const shown = async (change) => (await api('PATCH', `${BASE}/${id}`, change)).body.aws_assumed_role_external_id;
    assert.equal(await shown({ description: 'changed' }), external);
    assert.equal(await shown({ aws_secret_key: `${CANARY}/new` }), external);
    assert.equal(await shown({ use_static_external_id: false }), null);
    assert.notEqual(await shown({ use_static_external_id: true }), external);
  });

  it('says what does not fit', async () => {
    const aws = (more) => post({ mode: 'AWS', ...more });
    await refused(aws({}), /^aws_authentication_type: is required/);
    await refused(aws({ aws_authentication_type: 'KEY' }), /^aws_access_key: is required with KEY/);
    await refused(aws({ aws_authentication_type: 'KEY', aws_access_key: keys.aws_access_key }), /^aws_secret_key: is required/);
    await refused(aws({ aws_authentication_type: 'KEY', ...keys, aws_access_key: 'AKID EXAMPLE' }), /^aws_access_key: must be at most 128/);
    await refused(aws({ aws_authentication_type: 'KEY', ...keys, aws_access_key: 'AKID/EXAMPLE' }), /^aws_access_key: must be at most 128/);
    await refused(aws({ aws_authentication_type: 'ROLE', ...keys }), /^aws_assumed_role_arn: is required/);
    for (const bad of [`${arn} x`, 'arn:aws:iam::123456789012:role/r\u00f4le', `${arn}${'x'.repeat(2048)}`])
      await refused(aws({ aws_authentication_type: 'ROLE', ...keys, aws_assumed_role_arn: bad }), /^aws_assumed_role_arn: must be/);
    await refused(aws({ aws_authentication_type: 'PROFILE' }), /^aws_authentication_type: must be one of/);
    const { id } = await create({ mode: 'AWS', aws_authentication_type: 'INSTANCE_PROFILE' });
    await refused(api('PATCH', `${BASE}/${id}`, { aws_authentication_type: 'KEY' }), /^aws_access_key: is required/);
  });
});

// ---- MTLS ----

describe('MTLS', () => {
  let folder; const pem = {};

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'bailee-mtls-'));
    for (const name of ['one', 'two']) {
      execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', `/CN=${name}`, '-days', '30',
        '-keyout', join(folder, `${name}.key`), '-out', join(folder, `${name}.pem`)], { stdio: 'ignore' });
      for (const kind of ['key', 'pem']) pem[`${name}.${kind}`] = readFileSync(join(folder, `${name}.${kind}`), 'utf8');
    }
  });
  after(() => rmSync(folder, { recursive: true, force: true }));
  const mtls = (more = {}) => ({ mode: 'MTLS', mtls_client_certificate: pem['one.pem'], mtls_client_private_key: pem['one.key'], ...more });

  it('is used, not read', async () => {
    const { id } = await create(mtls({ mtls_root_certificate: pem['two.pem'] }));
    await refused(ask(id), /used, not read/);
  });

  it('wants a certificate, the key that belongs to it, and a root that is one', async () => {
    await refused(post({ mode: 'MTLS' }), /^mtls_client_certificate: is required/, /^mtls_client_private_key: is required/);
    await refused(post(mtls({ mtls_client_certificate: 'x' })), /^mtls_client_certificate: is not/);
    await refused(post(mtls({ mtls_client_private_key: pem['two.key'] })), /^mtls_client_private_key: /);
    await refused(post(mtls({ mtls_client_private_key: CANARY })), /^mtls_client_private_key: /);
    await refused(post(mtls({ mtls_root_certificate: pem['one.key'] })), /^mtls_root_certificate: /);
    const { id } = await create(mtls());
    await refused(api('PATCH', `${BASE}/${id}`, { mtls_client_certificate: pem['two.pem'] }), /^mtls_client_private_key: /);
    const both = { mtls_client_certificate: pem['two.pem'], mtls_client_private_key: pem['two.key'] };
    assert.equal((await api('PATCH', `${BASE}/${id}`, both)).status, 200);
  });
});

// ---- all alike ----

describe('a credential of any mode', () => {
  it('cannot become one of another', async () => {
    const { id } = await create({ mode: 'TEXT', value: CANARY });
    for (const mode of ['JWT', 'OAUTH', 'AWS', 'MTLS', 'HTTP_REQUEST_AGENT', 'MULTI_REQUEST'])
      await refused(api('PATCH', `${BASE}/${id}`, { mode }), /^mode: cannot be changed: the credential is TEXT/);
  });

  it('takes no harm from the fields of the others', async () => {
    const { id } = await create(agent('/slow?ms=1', { value: 'x', credential_requests: null, jwt_payload: {} }));
    const more = { credential_requests: [{ options: { url: `${vendor.url}/refuse` } }], value: CANARY, aws_access_key: 'AKIDEXAMPLEEXAMPLE12' };
    assert.equal((await api('PATCH', `${BASE}/${id}`, more)).status, 200);
    assert.ok(vendor.accepts(await tokenOf(id)));
  });

  it('keeps what is secret sealed', async () => {
    for (const body of [{ mode: 'TEXT', value: `${CANARY}-sealed` }, agent('/x', { http_request_secret: `${CANARY}-sealed` })]) await create(body);
    assert.deepEqual(await stack.findSecret(`${CANARY}-sealed`), []);
  });

  it('is used by those it is shared with, seen by its team alone', async () => {
    const sister = await stack.addTeam(`Sister ${++count}`, world.organizationId);
    const user = await stack.addUser(`Sis Ter${count}`, [sister]);
    const token = await stack.addToken(user);
    const slug = (await stack.mysql(`SELECT slug FROM team WHERE id = ${sister}`))[0][0];
    const { id } = await create(agent('/slow?ms=1', { read_access: 'SPECIFIC_TEAMS', shared_team_slugs: [slug] }));
    assert.equal((await ask(id, { token })).status, 200);
    assert.equal((await api('GET', `${BASE}/${id}`, undefined, { token })).status, 404);
    assert.equal((await ask(id, { token: other.token })).status, 404);
    assert.equal((await api('PATCH', `${BASE}/${id}`, { read_access: 'TEAM' })).status, 200);
    assert.equal((await ask(id, { token })).status, 404);
  });
});
