// SPDX-License-Identifier: Apache-2.0
// Credentials that use others in their requests, and trying a credential's requests out.
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';

import { startStack, waitFor } from './harness.mjs';
import { startVendor } from './vendor.mjs';

const BASE = '/api/v1/user_credentials';
const CANARY = 'canary-references-4471';

let stack; let vendor; let world; let count = 0;

const api = (method, path, body, options = {}) => stack.api(method, path, body, { token: world.token, ...options });
const ask = (id, options) => api('POST', `${BASE}/${id}/token`, undefined, options);
const log = async (id) => (await api('GET', `${BASE}/${id}/log`)).body.log;

async function create(body, options) {
  const answer = await api('POST', BASE, { name: `ref ${++count}`, team_id: world.teamId, ...body }, options);
  assert.equal(answer.status, 201, answer.text);
  return answer.body;
}
const text = (more = {}) => create({ mode: 'TEXT', value: CANARY, ...more });
const agent = (options, more = {}) => create({ mode: 'HTTP_REQUEST_AGENT', http_request_location_of_token: '=response.body.token',
  http_request_options: { method: 'post', content_type: 'json', ...options }, ...more });
const using = (slug, more) => agent({ url: `${vendor.url}/give`, headers: { 'X-Key': `<<CREDENTIAL.${slug}>>` } }, more);

async function tokenOf(id) {
  const answer = await ask(id);
  assert.equal(answer.status, 200, answer.text);
  return answer.body.token;
}

async function failed(id, reason) {
  const answer = await ask(id);
  assert.equal(answer.status, 424, answer.text);
  assert.match(answer.body.error, reason);
  assert.ok(!answer.text.includes(CANARY));
}

before(async () => {
  vendor = await startVendor();
  vendor.on('/give', (request, response) => response.writeHead(200, { 'content-type': 'application/json' })
    .end(JSON.stringify({ token: `for ${request.headers['x-key']}`, region: request.headers['x-region'] })));
  stack = await startStack({ workers: 8 });
  world = await stack.world();
});
beforeEach(() => vendor.reset());
after(async () => {
  await vendor?.close();
  await stack?.close();
});

describe('another credential in request options', () => {
  it('stands for its value, its signed token, or its metadata', async () => {
    const { slug } = await text({ metadata: { region: 'eu' } });
    const { id } = await agent({ url: `${vendor.url}/give`, headers: { 'X-Key': `=CREDENTIAL.${slug}`, 'X-Region': `<<INFO.credential.${slug}.metadata.region>>` } });
    assert.equal(await tokenOf(id), `for ${CANARY}`);
    assert.equal(vendor.requests.at(-1).headers['x-region'], 'eu');
    const jwt = await create({ mode: 'JWT', jwt_algorithm: 'HS256', jwt_private_key: 'k'.repeat(32) });
    assert.match(await tokenOf((await using(jwt.slug)).id), /^for eyJ.+\..+\..+$/);
  });

  it('is fetched first, once for all who need it, and taken from the cache afterwards', async () => {
    const inner = await agent({ url: `${vendor.url}/slow?ms=20` }, { http_request_ttl: 300 });
    const outer = await Promise.all([1, 2, 3].map(() => using(inner.slug)));
    const tokens = await Promise.all(outer.map(({ id }) => tokenOf(id)));
    assert.equal(new Set(tokens).size, 1);
    assert.equal(vendor.hits('/slow'), 1);
    assert.ok(vendor.accepts(tokens[0].slice('for '.length)));
    assert.equal(await tokenOf(outer[0].id), tokens[0]);
    assert.equal(vendor.hits('/slow'), 1);
    assert.equal((await log(inner.id)).length, 1);
  });

  it('works when it is not kept either: each use fetches it anew', async () => {
    const inner = await agent({ url: `${vendor.url}/slow?ms=1` });
    const { id } = await using(inner.slug);
    assert.notEqual(await tokenOf(id), await tokenOf(id));
    assert.equal(vendor.hits('/slow'), 2);
  });

  it('goes through several credentials, and each says whose fault it was', async () => {
    const first = await agent({ url: `${vendor.url}/slow?ms=1` });
    const second = await using(first.slug);
    const third = await using(second.slug);
    assert.match(await tokenOf(third.id), /^for for ./);
    const bad = await agent({ url: `${vendor.url}/refuse` });
    const outer = await using(bad.slug);
    await failed(outer.id, new RegExp(`CREDENTIAL.${bad.slug}: request 1 of 1: the answer has status 401`));
    assert.equal(vendor.hits('/refuse'), 1);
    assert.equal((await log(outer.id))[0].outcome, 'failed');
  });

  it('is sent only where its own allowed_hosts say, at every hop and in no other request', async () => {
    const { port } = new URL(vendor.url);
    const { slug } = await text({ allowed_hosts: [`127.0.0.1:${port}/give`] });
    assert.equal(await tokenOf((await using(slug)).id), `for ${CANARY}`);
    const elsewhere = await agent({ url: `${vendor.url}/slow?ms=1`, headers: { 'X-Key': `<<CREDENTIAL.${slug}>>` } });
    await failed(elsewhere.id, /allowed_hosts of a credential in the request does not list this URL/);
    assert.equal(vendor.hits('/slow'), 0);
    const away = await agent({ url: `${vendor.url}/give`, headers: { 'X-Key': `<<CREDENTIAL.${slug}>>` } });
    vendor.on('/give', (request, response) => response.writeHead(307, { location: '/slow?ms=1' }).end());
    await failed(away.id, /allowed_hosts of a credential/);
    vendor.on('/give', (request, response) => response.writeHead(200, { 'content-type': 'application/json' })
      .end(JSON.stringify({ token: `for ${request.headers['x-key']}` })));
    assert.equal(vendor.hits('/slow'), 0);
    const steps = await create({ mode: 'MULTI_REQUEST', http_request_location_of_token: '=response.body.token', credential_requests: [
      { options: { url: `${vendor.url}/give`, headers: { 'X-Key': `<<CREDENTIAL.${slug}>>` } } }, { options: { url: `${vendor.url}/slow?ms=1` } }] });
    assert.ok(vendor.accepts(await tokenOf(steps.id)));
  });

  it('is refused in a circle, in itself, where there is none, and where it cannot be read', async () => {
    const a = await text({ name: 'circle a' });
    const b = await using(a.slug, { name: 'circle b' });
    const c = await using(b.slug, { name: 'circle c' });
    await api('DELETE', `${BASE}/${a.id}`);
    const again = await using(c.slug, { name: 'circle a' });
    for (const { id } of [again, b, c]) await failed(id, /refer to each other in a circle/);
    await failed((await using('selfish', { name: 'selfish' })).id, /circle/);
    await failed((await using('nobody_has_this')).id, /CREDENTIAL\.nobody_has_this: there is none/);
    const aws = await create({ mode: 'AWS', aws_authentication_type: 'KEY', aws_access_key: 'AKIDEXAMPLEEXAMPLE12', aws_secret_key: CANARY });
    await failed((await using(aws.slug)).id, /mode AWS is used, not read/);
    assert.equal(vendor.requests.length, 0);
    assert.deepEqual(await stack.mysql("SELECT COUNT(*) FROM job WHERE state IN ('queued', 'running') AND kind = 'fetch'"), [['0']]);
  });

  it('may be one that another team shares, and none that it does not', async () => {
    const sister = await stack.addTeam(`Sister ${++count}`, world.organizationId);
    const token = await stack.addToken(await stack.addUser(`Sis Ter${count}`, [sister]));
    const hidden = await text();
    const shared = await text({ read_access: 'GLOBAL' });
    const of = (slug) => create({ team_id: sister, mode: 'HTTP_REQUEST_AGENT', http_request_location_of_token: '=response.body.token',
      http_request_options: { url: `${vendor.url}/give`, headers: { 'X-Key': `<<CREDENTIAL.${slug}>>` } } }, { token });
    const { id } = await of(shared.slug);
    assert.equal((await ask(id, { token })).body.token, `for ${CANARY}`);
    const other = await of(hidden.slug);
    const answer = await ask(other.id, { token });
    assert.equal(answer.status, 424);
    assert.match(answer.body.error, /there is none/);
  });
});

describe('trying out', () => {
  const test = (id, body, options) => api('POST', `${BASE}/${id}/test`, body, options);

  it('tells what came of each request, keeps nothing, and shows nothing secret', async () => {
    const inner = await text();
    const { id } = await create({ mode: 'MULTI_REQUEST', http_request_ttl: 300, http_request_expires: '=response.body.expires_in', credential_requests: [
      { options: { url: `${vendor.url}/login`, content_type: 'json', payload: { user: vendor.user, password: '<<secret>>', k: `<<CREDENTIAL.${inner.slug}>>` } },
        http_request_secret: vendor.password },
      { options: { url: `${vendor.url}/token?session=<<PREVIOUS_STEP.body.session>>&plain=${CANARY}#x`, method: 'get',
        headers: { 'X-Session': '<<STEPS[0].body.nested.list[0]["session"]>>' } }, http_request_secret: CANARY },
    ], http_request_location_of_token: '=response.body.token' });
    const answer = await test(id);
    assert.equal(answer.status, 200, answer.text);
    const { ok, error, steps, token } = answer.body;
    assert.deepEqual([ok, error], [true, null]);
    assert.deepEqual(steps.map(({ duration_ms: ms, ...step }) => (assert.ok(ms >= 0), step)), [
      { method: 'POST', url: `${vendor.url}/login`, status: 200, attempts: 1, request_size: vendor.requests[0].body.length,
        response_size: steps[0].response_size, reads: steps[0].reads, error: null },
      { method: 'GET', url: `${vendor.url}/token?session=…&plain=…`, status: 200, attempts: 1, request_size: 0,
        response_size: steps[1].response_size, reads: steps[1].reads, error: null },
    ]);
    assert.deepEqual(steps[0].reads.sort(), [`CREDENTIAL.${inner.slug}`, 'secret']);
    assert.deepEqual(steps[1].reads.sort(), ['PREVIOUS_STEP.body.session', 'STEPS[0].body.nested.list[0].session']);
    assert.deepEqual(token, { length: 32, expires_in: 60, kept_for: 60 });
    for (const secret of [CANARY, vendor.password]) assert.ok(!answer.text.includes(secret));
    assert.deepEqual(await log(id), []);
    assert.deepEqual(await stack.mysql(`SELECT 1 FROM fetch_token WHERE credential_id = ${id}`), []);
    assert.deepEqual(await stack.mysql('SELECT 1 FROM job_value'), []);
  });

  it('says where it failed, and why', async () => {
    const make = (requests, location = '=response.body.token') => create({ mode: 'MULTI_REQUEST', credential_requests: requests, http_request_location_of_token: location });
    const refused = await make([{ options: { url: `${vendor.url}/slow?ms=1` } }, { options: { url: `${vendor.url}/refuse/<<secret>>/x` }, http_request_secret: CANARY },
      { options: { url: `${vendor.url}/login` } }]);
    vendor.on(`/refuse/${CANARY}/x`, (request, response) => response.writeHead(401).end('{}'));
    const { body } = await test(refused.id);
    assert.deepEqual([body.ok, body.token, body.steps.length], [false, null, 2]);
    assert.match(body.error, /request 2 of 3: the answer has status 401/);
    assert.deepEqual([body.steps[0].error, body.steps[1].error, body.steps[1].status], [null, body.error, 401]);
    assert.equal(body.steps[1].url, `${vendor.url}/refuse/…/x`);
    const nothing = (await test((await make([{ options: { url: `${vendor.url}/null` } }])).id)).body;
    assert.match(nothing.error, /nothing in the answer at the location/);
    const unbuilt = (await test((await make([{ options: { url: '<<missing>>' } }])).id)).body;
    assert.deepEqual([unbuilt.steps[0].method, unbuilt.steps[0].url], [null, null]);
    assert.match(unbuilt.error, /credential_requests\[0\]\.options\.url/);
    const formula = (await test((await make([{ options: { url: `="${vendor.url}" + "/x"` } }])).id)).body;
    assert.equal(formula.ok, false);
  });

  it('shows no host and no name in a query that a secret gave', async () => {
    const shown = async (options) => (await test((await agent(options, { http_request_secret: 'canary-name' })).id)).body.steps[0].url;
    assert.equal(await shown({ url: 'http://<<secret>>.invalid/x' }), '…/…');
    assert.equal(await shown({ url: `${vendor.url}/echo?<<secret>>=1&a=2`, method: 'get', payload: { b: 1, '<<secret>>': 2 } }), `${vendor.url}/echo?…=…&a=…&b=…&…=…`);
    assert.equal(await shown({ url: `=CONCAT("${vendor.url}", "/echo")` }), `${vendor.url}/…`);
  });

  it('needs the right to write, membership, and something to try', async () => {
    const { id } = await agent({ url: `${vendor.url}/slow?ms=1` }, { read_access: 'GLOBAL' });
    const reader = await stack.addToken(world.userId, 'user-credentials:read,user-credentials:use');
    assert.equal((await test(id, undefined, { token: reader })).status, 403);
    const sister = await stack.addTeam(`Sister ${++count}`, world.organizationId);
    const token = await stack.addToken(await stack.addUser(`Sis Ter${count}`, [sister]));
    assert.equal((await test(id, undefined, { token })).status, 404);
    assert.equal((await test((await text()).id)).status, 422);
    const later = await test(id, undefined, { headers: { Prefer: 'respond-async' } });
    assert.equal(later.status, 202);
    await waitFor('the job', async () => (await api('GET', later.headers.location)).body.job.state === 'done');
    assert.equal((await test(id, { job_id: later.body.job.id })).body.ok, true);
    assert.equal((await test(id, { job_id: later.body.job.id })).status, 404);
  });
});
