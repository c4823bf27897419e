// SPDX-License-Identifier: Apache-2.0
// Lending: requests sent with a credential whose value the caller does not see, whatever the vendor answers.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash, createHmac } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';

import { formsOf, startStack, waitFor } from './harness.mjs';
import { startVendor } from './vendor.mjs';

const BASE = '/api/v1/user_credentials';
const CANARY = 'canary-lending-9917/+? "ü';

let stack; let vendor; let world; let other; let count = 0;

const api = (method, path, body, options = {}) => stack.api(method, path, body, { token: world.token, ...options });
const lend = (id, body, options) => api('POST', `${BASE}/${id}/request`, body, options);

async function create(body) {
  const answer = await api('POST', BASE, { name: `lent ${++count}`, team_id: world.teamId, mode: 'TEXT', value: CANARY, ...body });
  assert.equal(answer.status, 201, answer.text);
  return answer.body;
}

async function lent(id, body) {
  const answer = await lend(id, body);
  assert.equal(answer.status, 200, answer.text);
  return answer.body;
}

async function refused(answering, ...details) {
  const answer = await answering;
  assert.equal(answer.status, 422, answer.text);
  for (const detail of details) assert.ok(answer.body.errors.some((entry) => detail.test(entry.details)), `${detail} in ${answer.text}`);
}

async function failed(answering, reason) {
  const answer = await answering;
  assert.equal(answer.status, 424, answer.text);
  assert.match(answer.body.error, reason);
}

before(async () => {
  vendor = await startVendor();
  const metadata = `${vendor.url}/imds`;
  stack = await startStack({ workers: 8, set: [`runner.aws_metadata_url=${metadata}`, `runner.aws_sts_url=${vendor.url}/sts`] });
  world = await stack.world();
  other = await stack.world({ name: 'Other' });
});
beforeEach(() => vendor.reset());
after(async () => {
  await vendor?.close();
  await stack?.close();
});

describe('a request', () => {
  it('carries the secret where <<CREDENTIAL.slug>> stands: in the URL, headers, Basic, and the body', async () => {
    const { id, slug } = await create();
    const place = `<<CREDENTIAL.${slug}>>`;
    const answer = await lent(id, { method: 'POST', url: `${vendor.url}/seen/${place}/x?key=${place}&other=1`,
      basic_auth: ['robot', place], headers: { 'X-Plain': 'a<<b>>' }, body: { list: [{ key: place }], n: 1 } });
    assert.equal(answer.status, 404);
    const [seen] = vendor.requests;
    const url = new URL(seen.url ?? seen.path, vendor.url);
    assert.equal(decodeURIComponent(url.pathname), `/seen/${CANARY}/x`);
    assert.equal(url.searchParams.get('key'), CANARY);
    assert.equal(seen.headers.authorization, `Basic ${Buffer.from(`robot:${CANARY}`).toString('base64')}`);
    assert.equal(seen.headers['x-plain'], 'a<<b>>');
    assert.equal(seen.headers['content-type'], 'application/json');
    assert.deepEqual(JSON.parse(seen.body), { list: [{ key: CANARY }], n: 1 });
  });

  it('comes back with status, headers and body, and without the secret in any form', async () => {
    const { id, slug } = await create();
    const forms = formsOf(CANARY);
    vendor.on('/leak', (request, response) => {
      response.writeHead(418, { 'content-type': 'text/plain', 'x-leak': `Bearer ${encodeURIComponent(CANARY)}`, 'set-cookie': ['a=1', 'b=2'] });
      response.end(`begin ${[CANARY, encodeURIComponent(CANARY), Buffer.from(CANARY).toString('hex'), JSON.stringify(CANARY),
        ...['', 'x', 'xy'].flatMap((pad) => ['base64', 'base64url'].map((form) => Buffer.from(`${pad}${CANARY}${pad}`).toString(form)))].join(' | ')} end`);
    });
    const answer = await lent(id, { method: 'GET', url: `${vendor.url}/leak`, headers: { 'X-Key': `<<CREDENTIAL.${slug}>>`.replace('x', 'x') } }).catch((error) => error);
    // a header cannot hold every character
    assert.ok(answer instanceof Error || answer.status === 418);
    const body = await lent(id, { method: 'POST', url: `${vendor.url}/leak`, body: `<<CREDENTIAL.${slug}>>` });
    assert.equal(body.status, 418);
    assert.equal(vendor.requests.at(-1).body, CANARY);
    assert.equal(body.headers['x-leak'], 'Bearer [secret]');
    assert.deepEqual(body.headers['set-cookie'], ['a=1', 'b=2']);
    assert.match(body.body, /^begin \[secret\] .* end$/);
    assert.equal(body.body_encoding, 'text');
    const text = Buffer.from(JSON.stringify(body));
    for (const form of forms) assert.ok(!text.includes(form), form.toString());
    vendor.on('/leak', undefined);
  });

  it('gives nothing back that a vendor wrote another way, compressed, or in pieces', async () => {
    const value = 'Canary-88/17+x="ü"';
    const { id, slug } = await create({ value });
    const json = await create({ value: JSON.stringify({ user: 'robot', private_key: 'canary\nin a key' }) });
    const short = await create({ value: 'ab' });
    const place = `<<CREDENTIAL.${slug}>>`;
    let write;
    const writes = (change, headers = {}) => { write = (request, response, body) => response.writeHead(200, headers).end(change(body, request)); };
    const answer = async (credential = { id, slug }) => (await lent(credential.id, { method: 'post', url: `${vendor.url}/write`, basic_auth: ['robot', 'x'],
      body: `<<CREDENTIAL.${credential.slug}>>` })).body;
    vendor.on('/write', (...args) => write(...args));
    for (const change of [(text) => text.toLowerCase(), (text) => Buffer.from(text, 'utf16le'), (text) => Buffer.from(text, 'utf16le').swap16(),
      (text) => encodeURIComponent(encodeURIComponent(text)), (text) => [...text].map((c) => `&#${c.codePointAt(0)};`).join(''),
      (text) => JSON.stringify(JSON.stringify(text)).slice(3, -3), (text) => Buffer.from(text).toString('hex').match(/../g).join(':'), (text) => [...Buffer.from(text)].join(', ')]) {
      writes(change);
      assert.equal(await answer(), '[secret]', change.toString());
    }
    writes((text) => JSON.stringify(JSON.parse(text), null, 2));
    assert.deepEqual(JSON.parse(await answer(json)), { user: 'robot', private_key: '[secret]' });
    writes((text, request) => request.headers.authorization);
    assert.equal((await lent(short.id, { url: `${vendor.url}/write`, basic_auth: ['robot', `<<CREDENTIAL.${short.slug}>>`] })).body, 'Basic [secret]', 'however short it is');
    writes((text) => gzipSync(text), { 'content-encoding': 'gzip' });
    await failed(lend(id, { method: 'POST', url: `${vendor.url}/write`, body: place }), /compressed/);
    await refused(lend(id, { url: `${vendor.url}/write`, headers: { 'X-Key': place, range: 'bytes=0-5' } }), /^headers\.range: parts/);
    vendor.on('/write', undefined);
  });

  it('answers bytes that are no text as base64', async () => {
    const { id, slug } = await create({ value: 'abcdefgh' });
    vendor.on('/bytes', (request, response) => response.writeHead(200).end(Buffer.from([0, 255, ...Buffer.from('abcdefgh'), 1])));
    const answer = await lent(id, { url: `${vendor.url}/bytes?k=<<CREDENTIAL.${slug}>>` });
    assert.equal(answer.body_encoding, 'base64');
    assert.deepEqual(Buffer.from(answer.body, 'base64'), Buffer.from([0, 255, ...Buffer.from('[secret]'), 1]));
    vendor.on('/bytes', undefined);
  });

  it('withholds an answer that it cannot take the secret out of', async () => {
    const { id, slug } = await create({ value: 'a' });
    vendor.on('/many', (request, response) => response.writeHead(200).end('a'.repeat(1024 * 1024)));
    await failed(lend(id, { url: `${vendor.url}/many?k=<<CREDENTIAL.${slug}>>` }), /status 200.*too much/);
    vendor.on('/many', undefined);
  });

  it('uses a fetched token, fetching it first, and a JWT signed for it', async () => {
    const agent = await create({ mode: 'HTTP_REQUEST_AGENT', value: undefined, http_request_location_of_token: '=response.body.token',
      http_request_options: { url: `${vendor.url}/slow?ms=1` } });
    const me = (slug) => ({ url: `${vendor.url}/api/me`, headers: { Authorization: `Bearer <<CREDENTIAL.${slug}>>` } });
    const answer = await lent(agent.id, me(agent.slug));
    assert.equal(answer.status, 200, answer.body);
    assert.deepEqual(JSON.parse(answer.body), { user: vendor.user });
    assert.equal(vendor.hits('/slow'), 1);
    const jwt = await create({ mode: 'JWT', value: undefined, jwt_algorithm: 'HS256', jwt_private_key: 'k'.repeat(32) });
    const echo = JSON.parse((await lent(jwt.id, { url: `${vendor.url}/echo`, headers: { 'X-Token': `<<CREDENTIAL.${jwt.slug}>>` } })).body);
    assert.equal(echo.headers['x-token'], '[secret]');
    assert.match(vendor.requests.at(-1).headers['x-token'], /^eyJ.+\..+\..+/);
  });

  it('fails with the reason when the token cannot be fetched, or the vendor cannot be reached', async () => {
    const agent = await create({ mode: 'HTTP_REQUEST_AGENT', value: undefined, http_request_location_of_token: '=response.body.token',
      http_request_options: { url: `${vendor.url}/refuse` } });
    await failed(lend(agent.id, { url: `${vendor.url}/echo?<<CREDENTIAL.${agent.slug}>>` }), /status 401/);
    assert.equal(vendor.hits('/echo'), 0);
    const { id, slug } = await create();
    const place = `?k=<<CREDENTIAL.${slug}>>`;
    await failed(lend(id, { url: `http://10.0.0.1/${place}` }), /address is not one that may be reached/);
    await failed(lend(id, { url: `${vendor.url}/drop${place}` }), /closed/);
    await failed(lend(id, { url: `${vendor.url}/hang${place}`, timeout: 1 }), /in time/);
    await failed(lend(id, { url: `${vendor.url}/big${place}&mb=3` }), /too large/);
    assert.equal(vendor.hits('/drop'), 1, 'it is sent once');
  });
});

describe('what may not be', () => {
  it('is said before anything is sent', async () => {
    const { id, slug } = await create();
    const place = `<<CREDENTIAL.${slug}>>`;
    const url = `${vendor.url}/echo?k=${place}`;
    await refused(lend(id, { url: `${vendor.url}/echo` }), /stands nowhere in the request/);
    await refused(lend(id, {}), /^url: must be a text/);
    await refused(lend(id, { url: 'ftp://example.com/' }), /^url: /);
    await refused(lend(id, { url: `http://${place}/` }), /^url: must name its host/);
    await refused(lend(id, { url: `${vendor.url}/echo?k=<<CREDENTIAL.another>>` }), /^url: only this credential/);
    for (const bad of ['?q=ü', '?q=a b', '\\\\x', '/{a}', '\u0001']) await refused(lend(id, { url: `${url}${bad}` }), /^url: /);
    await refused(lend(id, { url: `http://user:${place}@example.com/` }), /^url: /);
    await refused(lend(id, { url, method: 'TRACE' }), /^method: must be one of/);
    await refused(lend(id, { url, headers: { Host: 'x' } }), /^headers\.Host: /);
    await refused(lend(id, { url, headers: { 'X-A': 'a\r\nX-B: c' } }), /^headers\.X-A: /);
    for (const name of ['User-Agent', 'accept']) // these go along with a redirect
      await refused(lend(id, { url, headers: { [name]: place } }), /the secret cannot stand in this header/);
    await refused(lend(id, { url: `${vendor.url}/ok/..;/echo?${place}` }), /^url: the URL's path/);
    await refused(lend(id, { url, headers: { 'X-A': 5 } }), /^headers\.X-A: must be a text/);
    await refused(lend(id, { url, basic_auth: ['a'] }), /^basic_auth: /);
    await refused(lend(id, { url, basic_auth: ['a', 'b'], headers: { Authorization: 'x' } }), /^basic_auth: cannot stand beside/);
    await refused(lend(id, { url, method: 'GET', body: 'x' }), /^body: cannot be sent/);
    await refused(lend(id, { url, timeout: 121 }), /^timeout: /);
    assert.equal(vendor.requests.length, 0);
  });

  it('goes nowhere but to allowed_hosts, at every hop', async () => {
    const { port } = new URL(vendor.url);
    const { id, slug } = await create({ allowed_hosts: [`127.0.0.1:${port}/ok/*`, '*.example.com'] });
    const place = `?k=<<CREDENTIAL.${slug}>>`;
    await failed(lend(id, { url: `${vendor.url}/echo${place}` }), /allowed_hosts of the credential does not list/);
    assert.equal(vendor.requests.length, 0);
    vendor.on('/ok/away', (request, response) => response.writeHead(302, { location: `${vendor.url}/echo` }).end());
    vendor.on('/ok/stay', (request, response) => response.writeHead(200).end('fine'));
    await failed(lend(id, { url: `${vendor.url}/ok/away${place}` }), /allowed_hosts of the credential does not list/);
    assert.equal(vendor.hits('/echo'), 0);
    assert.equal((await lent(id, { url: `${vendor.url}/ok/stay${place}` })).body, 'fine');
    vendor.on('/ok/away', undefined);
    vendor.on('/ok/stay', undefined);
    // a list that was widened in the database opens nothing
    await stack.mysql(`UPDATE user_credential SET allowed_hosts = '[]' WHERE id = ${id}`);
    await failed(lend(id, { url: `${vendor.url}/echo${place}` }), /./);
    assert.equal(vendor.hits('/echo'), 0);
  });

  it('is not for strangers, nor for tokens without the scope; those it is shared with need not see it', async () => {
    const { id, slug } = await create({ read_access: 'GLOBAL' });
    const body = { url: `${vendor.url}/echo?k=<<CREDENTIAL.${slug}>>` };
    assert.equal((await lend(id, body, { token: other.token })).status, 404);
    assert.equal((await lend(id, body, { token: await stack.addToken(world.userId, 'user-credentials:read,user-credentials:write') })).status, 403);
    const sister = await stack.addTeam(`Sister ${++count}`, world.organizationId);
    const token = await stack.addToken(await stack.addUser(`Sis Ter${count}`, [sister]), 'user-credentials:use');
    assert.equal((await lend(id, body, { token })).status, 200);
    const audit = await stack.mysql(`SELECT event, COUNT(*) FROM audit WHERE subject = '${id}' AND event LIKE 'credential.%' GROUP BY event ORDER BY event`);
    assert.deepEqual(audit, [['credential.lend', '1'], ['credential.use', '1']]);
  });

  it('leaves neither request nor answer anywhere', async () => {
    const { id, slug } = await create();
    const hidden = 'canary-in-the-request-7781';
    vendor.on('/hide', (request, response) => response.writeHead(200).end('canary-in-the-answer-7782'));
    const waiting = await lend(id, { method: 'POST', url: `${vendor.url}/hide?k=<<CREDENTIAL.${slug}>>`, body: hidden }, { headers: { Prefer: 'respond-async' } });
    assert.equal(waiting.status, 202, waiting.text);
    const job_id = waiting.body.job.id;
    await waitFor('the job', async () => (await api('GET', waiting.headers.location)).body.job.state === 'done');
    for (const secret of [hidden, 'canary-in-the-answer-7782', CANARY]) assert.deepEqual(await stack.findSecret(secret), []);
    const token = await stack.addToken(await stack.addUser(`Col League${++count}`, [world.teamId]));
    assert.equal((await lend(id, { job_id }, { token })).status, 404, 'another person');
    const { id: foreign } = await create();
    assert.equal((await lend(foreign, { job_id })).status, 404, 'another credential');
    assert.equal((await lent(id, { job_id })).body, 'canary-in-the-answer-7782');
    assert.equal((await lend(id, { job_id })).status, 404, 'once');
    assert.deepEqual(await stack.mysql('SELECT * FROM job_value'), []);
    vendor.on('/hide', undefined);
  });
});

// ---- AWS ----

const sha = (data) => createHash('sha256').update(data).digest('hex');
const mac = (key, data) => createHmac('sha256', key).update(data).digest();

// What AWS does with a request: the signature worked out again from what arrived. Gives undefined, or what is wrong.
function awsRefuses(request, body, keys) {
  const auth = /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/([^/]+)\/aws4_request, SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$/
    .exec(request.headers.authorization ?? '');
  if (!auth) return 'IncompleteSignature';
  const [, id, date, region, service, names, signature] = auth;
  const key = keys[id];
  if (!key) return 'InvalidClientTokenId';
  if (key.token !== request.headers['x-amz-security-token']) return 'InvalidClientTokenId: session';
  const amzDate = request.headers['x-amz-date'] ?? '';
  if (!amzDate.startsWith(date) || Math.abs(Date.parse(amzDate.replace(/^(....)(..)(..T..)(..)(..Z)$/, '$1-$2-$3:$4:$5')) - Date.now()) > 300000) return 'RequestExpired';
  const headers = names.split(';');
  for (const needed of ['host', 'x-amz-date', ...(key.token ? ['x-amz-security-token'] : [])]) if (!headers.includes(needed)) return `unsigned ${needed}`;
  const [path, query = ''] = request.url.split('?');
  const canonicalPath = service === 's3' ? path : path.split('/').map(encodeURIComponent).join('/');
  const encode = (text) => encodeURIComponent(decodeURIComponent(text)).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
  const pairs = query.split('&').filter(Boolean).map((pair) => pair.split('=')).map(([name, value = '']) => `${encode(name)}=${encode(value)}`).sort();
  const canonical = [request.method, canonicalPath, pairs.join('&'),
    ...headers.map((name) => `${name}:${String(request.headers[name]).trim().replace(/ +/g, ' ')}`), '', names, sha(body)].join('\n');
  const toSign = ['AWS4-HMAC-SHA256', amzDate, `${date}/${region}/${service}/aws4_request`, sha(canonical)].join('\n');
  const derived = [date, region, service, 'aws4_request'].reduce((last, part) => mac(last, part), `AWS4${key.secret}`);
  return mac(derived, toSign).toString('hex') === signature ? undefined : 'SignatureDoesNotMatch';
}

describe('AWS', () => {
  const long = { aws_access_key: 'AKIDEXAMPLEEXAMPLE12', aws_secret_key: 'canary-aws-secret/+key' };
  const keys = { AKIDEXAMPLEEXAMPLE12: { secret: long.aws_secret_key } };
  const arn = 'arn:aws:iam::123456789012:role/lent';
  const session = (id) => {
    keys[id] = { secret: `canary-secret-of-${id}`, token: `canary/session+of=${id}` };
    return keys[id];
  };
  let externalId; let imdsToken; let sessions = 0;

  before(() => {
    vendor.on('/aws/queue', (request, response, body) => {
      const wrong = awsRefuses(request, body, keys);
      response.writeHead(wrong ? 403 : 200).end(wrong ?? `sent by ${request.headers.authorization.match(/Credential=(\w+)/)[1]}, ${request.headers['x-amz-security-token'] ?? 'no session'}`);
    });
    vendor.on('/sts', (request, response, body) => {
      const form = new URLSearchParams(body);
      const wrong = awsRefuses(request, body, keys) ?? (form.get('Action') !== 'AssumeRole' || form.get('Version') !== '2011-06-15' ? 'InvalidAction'
        : form.get('RoleArn') !== arn || form.get('ExternalId') !== externalId ? 'AccessDenied' : undefined);
      if (wrong) return response.writeHead(403, { 'content-type': 'text/xml' }).end(`<ErrorResponse><Error><Code>${wrong}</Code></Error></ErrorResponse>`);
      const id = `ASIAROLESESSION${++sessions}`;
      const made = session(id);
      return response.writeHead(200, { 'content-type': 'text/xml' }).end(`<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult>
        <Credentials><AccessKeyId>${id}</AccessKeyId><SecretAccessKey>${made.secret}</SecretAccessKey><SessionToken>${made.token}</SessionToken>
        <Expiration>${new Date(Date.now() + 3600000).toISOString()}</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`);
    });
    vendor.on('/imds/latest/api/token', (request, response) => {
      if (request.method !== 'PUT' || !request.headers['x-aws-ec2-metadata-token-ttl-seconds'] || request.headers['x-forwarded-for']) return response.writeHead(403).end();
      imdsToken = `token${++sessions}==`;
      return response.writeHead(200, { 'content-type': 'text/plain' }).end(imdsToken);
    });
    const metadata = (give) => (request, response) => (request.headers['x-aws-ec2-metadata-token'] === imdsToken
      ? response.writeHead(200, { 'content-type': 'text/plain' }).end(give()) : response.writeHead(401).end());
    vendor.on('/imds/latest/meta-data/iam/security-credentials/', metadata(() => 'instance-role\n'));
    vendor.on('/imds/latest/meta-data/iam/security-credentials/instance-role', metadata(() => {
      const id = `ASIAINSTANCE${++sessions}`;
      const made = session(id);
      return JSON.stringify({ Code: 'Success', AccessKeyId: id, SecretAccessKey: made.secret, Token: made.token,
        Expiration: new Date(Date.now() + 3600000).toISOString() });
    }));
  });
  const aws = (more) => create({ mode: 'AWS', value: undefined, ...more });
  const call = (more = {}) => ({ method: 'POST', url: `${vendor.url}/aws/queue?b=2&a=x%20y`, body: 'Action=Send', aws: { service: 'sqs', region: 'eu-west-1' },
    headers: { 'Content-Type': 'application/x-www-form-urlencoded', 'X-Amz-Target': 'a   b' }, ...more });

  it('KEY signs what AWS accepts, for S3 as well', async () => {
    const { id } = await aws({ aws_authentication_type: 'KEY', ...long });
    assert.deepEqual([(await lent(id, call())).body], ['sent by AKIDEXAMPLEEXAMPLE12, no session']);
    assert.equal((await lent(id, call({ method: 'GET', body: undefined, aws: { service: 's3', region: 'us-east-1' } }))).status, 200);
    assert.equal(vendor.requests.at(-1).headers['x-amz-content-sha256'], sha(''));
    const wrong = await aws({ aws_authentication_type: 'KEY', ...long, aws_secret_key: 'another' });
    assert.equal((await lent(wrong.id, call())).body, 'SignatureDoesNotMatch');
  });

  it('ROLE is assumed with the external id, kept sealed, and used again', async () => {
    const made = await aws({ aws_authentication_type: 'ROLE', ...long, aws_assumed_role_arn: arn, use_static_external_id: true });
    externalId = made.aws_assumed_role_external_id;
    const answer = await lent(made.id, call());
    assert.equal(answer.status, 200, answer.body);
    assert.match(answer.body, /^sent by ASIAROLESESSION\d+, \[secret\]$/);
    assert.equal((await lent(made.id, call())).body, answer.body);
    assert.equal(vendor.hits('/sts'), 1);
    for (const key of Object.values(keys).filter(({ token }) => token)) assert.deepEqual(await stack.findSecret(key.secret), []);
    externalId = 'another';
    await api('PATCH', `${BASE}/${made.id}`, { description: 'drops the session' });
    await failed(lend(made.id, call()), /status 403/);
  });

  it('INSTANCE_PROFILE and a ROLE without keys ask the metadata service, version 2', async () => {
    const profile = await aws({ aws_authentication_type: 'INSTANCE_PROFILE' });
    assert.match((await lent(profile.id, call())).body, /^sent by ASIAINSTANCE\d+, \[secret\]$/);
    externalId = null;
    const role = await aws({ aws_authentication_type: 'ROLE', aws_assumed_role_arn: arn });
    assert.match((await lent(role.id, call())).body, /^sent by ASIAROLESESSION\d+, \[secret\]$/);
  });

  it('is not put into requests, and wants to know service and region', async () => {
    const { id, slug } = await aws({ aws_authentication_type: 'KEY', ...long });
    await refused(lend(id, call({ body: `<<CREDENTIAL.${slug}>>` })), /^body: a credential of this mode is not put/);
    await refused(lend(id, call({ aws: { service: 'a b', region: 'x' } })), /^aws: /);
    await failed(lend(id, call({ aws: undefined })), /service and region/);
  });

  it('does not follow a redirect: a signature is for one URL', async () => {
    const { id } = await aws({ aws_authentication_type: 'KEY', ...long });
    assert.equal((await lent(id, call({ url: `${vendor.url}/redirect` }))).status, 302);
  });
});

// ---- MTLS ----

describe('MTLS', () => {
  let folder; let servers; let url; const pem = {};
  const openssl = (...args) => execFileSync('openssl', args, { stdio: 'ignore', cwd: folder });

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'bailee-mtls-'));
    for (const name of ['root', 'server', 'client', 'stranger']) {
      const ca = name === 'root';
      openssl('req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', `/CN=${name}`, '-keyout', `${name}.key`,
        ...(ca || name === 'stranger' ? ['-x509', '-days', '30', '-out', `${name}.pem`] : ['-out', `${name}.csr`]));
      if (ca || name === 'stranger') continue;
      writeFileSync(join(folder, 'ext'), 'subjectAltName=IP:127.0.0.1\n');
      openssl('x509', '-req', '-in', `${name}.csr`, '-CA', 'root.pem', '-CAkey', 'root.key', '-CAcreateserial', '-days', '30', '-extfile', 'ext', '-out', `${name}.pem`);
    }
    for (const name of ['root', 'server', 'client', 'stranger'])
      for (const kind of ['key', 'pem']) pem[`${name}.${kind}`] = readFileSync(join(folder, `${name}.${kind}`), 'utf8');
    servers = [0, 1].map(() => https.createServer({ key: pem['server.key'], cert: pem['server.pem'], ca: pem['root.pem'], requestCert: true, rejectUnauthorized: false },
      (request, response) => {
        const { subject } = request.socket.getPeerCertificate();
        if (request.url === '/away') return response.writeHead(302, { location: `https://127.0.0.1:${servers[1].address().port}/` }).end();
        return response.writeHead(request.socket.authorized ? 200 : 403).end(`${subject?.CN ?? 'nobody'} ${request.socket.remotePort}`);
      }));
    for (const server of servers) await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
    url = `https://127.0.0.1:${servers[0].address().port}`;
  });
  after(() => {
    for (const server of servers ?? []) {
      server.closeAllConnections();
      server.close();
    }
    rmSync(folder, { recursive: true, force: true });
  });
  const mtls = (name, root = pem['root.pem']) => create({ mode: 'MTLS', value: undefined, mtls_client_certificate: pem[`${name}.pem`],
    mtls_client_private_key: pem[`${name}.key`], mtls_root_certificate: root });

  it('presents its certificate, on a connection nobody else uses', async () => {
    const one = await mtls('client');
    const stranger = await mtls('stranger');
    const first = await lent(one.id, { url: `${url}/` });
    assert.equal(first.status, 200, first.body);
    assert.match(first.body, /^client \d+$/);
    const second = await lent(one.id, { url: `${url}/` });
    assert.notEqual(second.body, first.body, 'another connection');
    const foreign = await lent(stranger.id, { url: `${url}/` });
    assert.equal(foreign.status, 403);
    assert.match(foreign.body, /^stranger \d+$/);
  });

  it('trusts its root and no other, goes over TLS alone, and takes no certificate elsewhere', async () => {
    const without = await mtls('client', null);
    await failed(lend(without.id, { url: `${url}/` }), /certificate/i);
    const one = await mtls('client');
    await failed(lend(one.id, { url: `${vendor.url}/echo` }), /https/);
    assert.match((await lent(one.id, { url: `${url}/away` })).body, /^nobody/);
    await refused(lend(one.id, { url: `${url}/?<<CREDENTIAL.${one.slug}>>` }), /^url: a credential of this mode is not put/);
  });
});
