// SPDX-License-Identifier: Apache-2.0
// Connections from outside: making, reading, changing, testing at a provider, deleting; and that nothing they hold comes out.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { startStack, waitFor } from './harness.mjs';
import { startVendor } from './vendor.mjs';

const CONNECTIONS = '/api/v2/connections';
const CANARY = 'canary-7d20c5b1e9';
const ALL = ['accountLabel', 'accountName', 'accountType', 'connectedSystemId', 'editable', 'expire', 'id', 'metadata', 'name',
  'organizationId', 'packageName', 'scoped', 'scopesCnt', 'teamId', 'theme', 'uid', 'upgradeable'];

let stack;
let vendor;
let apps;
let mine;
let theirs;

const keys = (object) => Object.keys(object).sort();
const call = (method, path, body, options = {}) => stack.api(method, path, body, { token: mine.token, ...options });

function expectError(answer, status, code, detail) {
  assert.equal(answer.status, status, answer.text);
  assert.equal(answer.body.code, code, answer.text);
  assert.equal(answer.text.includes(CANARY), false, answer.text);
  if (detail) assert.match(`${answer.body.detail} ${JSON.stringify(answer.body.suberrors ?? [])}`, detail);
}

async function create(change = {}, teamId = mine.teamId) {
  const answer = await call('POST', `${CONNECTIONS}?teamId=${teamId}`,
    { accountName: 'Shop', accountType: 'shoplet', shop: 'blue', apiKey: CANARY, ...change });
  assert.equal(answer.status, 200, answer.text);
  return answer.body.connection;
}

// What of a definition the tests need; its calls go to the vendor of the test.
function definitionOf(url) {
  const host = new URL(url).host;
  const connection = (type, more) => ({ type, label: `Account of ${type}`, auth: 'apikey', allowed_hosts: [host], ...more });
  const shop = { name: 'shop', type: 'text', label: 'Shop', required: true, pattern: '[a-z]+', expected: 'small letters' };
  const key = { name: 'apiKey', type: 'password', label: 'Key', required: true };
  return {
    name: 'shoplet',
    version: 2,
    label: 'Shoplet',
    connections: [
      connection('shoplet', {
        fields: [shop, key, { name: 'region', type: 'select', label: 'Region', default: 'eu', options: [{ label: 'EU', value: 'eu' }, { label: 'US', value: 'us' }] }],
        inject: [{ where: 'header', name: 'X-Key', template: 'Key <<apiKey>>' }, { where: 'query', name: 'shop', template: '<<shop>>' }],
        test: { method: 'GET', url: `${url}/whoami/<<shop>>`, headers: { Accept: 'application/json' }, expect: [200] },
        account_name: ['/user/email', '/user/name'],
        account_id: ['/user/id'],
      }),
      connection('shoplet-login', {
        auth: 'basic',
        fields: [{ name: 'user', type: 'text', label: 'User', required: true }, { name: 'password', type: 'password', label: 'Password', required: true }],
        inject: [{ where: 'basic', template: '<<user>>:<<password>>' }],
        test: { method: 'POST', url: `${url}/login-test`, body: '{"query":"me"}', expect: [200], success_when: { path: '/ok', equals: true } },
      }),
      connection('shoplet-untested', { fields: [key], inject: [{ where: 'header', name: 'X-Key', template: '<<apiKey>>' }] }),
    ],
    modules: [{ id: 'Get', name: 'Get', label: 'Get', type: 'account:shoplet' }],
  };
}

before(async () => {
  vendor = await startVendor();
  apps = mkdtempSync(join(tmpdir(), 'bailee-apps-'));
  writeFileSync(join(apps, 'shoplet.json'), JSON.stringify(definitionOf(vendor.url)));
  stack = await startStack({ set: [`common.apps_extra_dir=${apps}`, 'api.wait_default_s=4'] });
  mine = await stack.world({ name: 'Ada' });
  theirs = await stack.world({ name: 'Mallory' });
});
after(async () => {
  await stack?.close();
  await vendor?.close();
  rmSync(apps, { recursive: true, force: true });
});

test('a connection is made, read, renamed and deleted', async () => {
  const connection = await create({ scopes: ['read', 'write'] });
  const { scopes, tokens, ...listed } = connection;
  assert.deepEqual(tokens, []);
  assert.deepEqual(keys(listed), ALL);
  assert.deepEqual(scopes, [{ id: 'read', account: 'shoplet' }, { id: 'write', account: 'shoplet' }]);
  assert.deepEqual({ ...listed, id: 0, theme: '' }, {
    id: 0, name: 'Shop', accountName: 'shoplet', accountLabel: 'Account of shoplet', packageName: 'shoplet', expire: null, metadata: null,
    teamId: mine.teamId, theme: '', upgradeable: false, scopesCnt: 2, scoped: true, accountType: 'basic', editable: true, uid: null,
    connectedSystemId: null, organizationId: mine.organizationId,
  });
  assert.deepEqual((await call('GET', `${CONNECTIONS}/${connection.id}`)).body, { connection });
  assert.deepEqual((await call('GET', `${CONNECTIONS}/${connection.id}?cols%5B%5D=name&cols%5B%5D=scopes`)).body.connection, { name: 'Shop', scopes });
  expectError(await call('GET', `${CONNECTIONS}/${connection.id}?cols=apiKey`), 400, 'SC400', /cols/);
  const renamed = await call('PATCH', `${CONNECTIONS}/${connection.id}`, { name: 'Shop 2' });
  assert.deepEqual(renamed.body, { connection: { ...connection, name: 'Shop 2' } });
  for (const query of ['', '?confirmed=false']) expectError(await call('DELETE', `${CONNECTIONS}/${connection.id}${query}`), 400, 'IM004');
  assert.deepEqual((await call('DELETE', `${CONNECTIONS}/${connection.id}?confirmed=true`)).body, { connection: connection.id });
  expectError(await call('GET', `${CONNECTIONS}/${connection.id}`), 404, 'IM304');
});

test('lists are by name, by type, and say what is scoped', async () => {
  const teamId = await stack.addTeam('Lists', mine.organizationId);
  await stack.ctl(['member', 'add', '--team', String(teamId), '--user', String(mine.userId)]);
  await create({ accountName: 'b', scopes: ['read'] }, teamId);
  await create({ accountName: 'C', scopes: ['read', 'write'] }, teamId);
  await create({ accountName: 'a', accountType: 'shoplet-login', shop: undefined, apiKey: undefined, user: 'u', password: CANARY }, teamId);
  const list = async (query) => (await call('GET', `${CONNECTIONS}?teamId=${teamId}${query}`)).body.connections;
  const all = await list('');
  assert.deepEqual(all.map(({ name }) => name), ['a', 'b', 'C']);
  for (const one of all) assert.deepEqual(keys(one), ALL);
  assert.deepEqual(await list('&cols%5B%5D=id&pg%5Blimit%5D=1&pg%5Boffset%5D=1'), [{ id: all[1].id }]);
  for (const query of ['&type%5B%5D=shoplet', '&type=shoplet', '&type=shoplet,google']) {
    assert.deepEqual((await list(query)).map(({ name }) => name), ['b', 'C'], query);
  }
  assert.deepEqual((await list('&type%5B%5D=shoplet&shoplet%5B%5D=read&shoplet%5B%5D=write')).map(({ name, scoped }) => [name, scoped]),
    [['b', false], ['C', true]]);
  expectError(await call('GET', CONNECTIONS), 400, 'SC400', /teamId/);
  expectError(await call('GET', `${CONNECTIONS}?teamId=${teamId}&type=nope`), 400, 'IM007');
  expectError(await call('GET', `${CONNECTIONS}?teamId=${teamId}&cols=scopes`), 400, 'SC400', /cols/);
  expectError(await call('GET', `${CONNECTIONS}?teamId=${theirs.teamId}`), 403, 'IM002');
});

test('wrong bodies are refused by name and never repeated', async () => {
  const base = { accountName: 'x', accountType: 'shoplet', shop: 'blue', apiKey: 'k' };
  const post = (change, teamId = mine.teamId) => call('POST', `${CONNECTIONS}?teamId=${teamId}`, { ...base, ...change });
  for (const [change, path] of [
    [{ accountName: undefined }, /accountName/],
    [{ accountName: '' }, /accountName/],
    [{ accountName: 'n'.repeat(129) }, /accountName/],
    [{ accountType: undefined }, /accountType/],
    [{ accountType: 7 }, /accountType/],
    [{ scopes: 'read' }, /scopes/],
    [{ scopes: [1] }, /scopes/],
    [{ shop: undefined }, /shop/],
    [{ shop: `${CANARY}\r\nX: y` }, /shop/],
    [{ shop: 'a/b' }, /small letters/],
    [{ region: 'moon' }, /region/],
    [{ apiKey: undefined }, /apiKey/],
    [{ apiKey: [CANARY] }, /apiKey/],
    [{ more: CANARY }, /more/],
  ]) expectError(await post(change), 400, 'SC400', path);
  for (const accountType of ['nope', 'SHOPLET', 'account:shoplet', 'basicauth']) expectError(await post({ accountType }), 400, 'IM007');
  expectError(await post({ accountType: 'github' }), 400, 'IM005', /accountType|signs in/);
  for (const teamId of [theirs.teamId, 999999]) expectError(await post({}, teamId), 403, 'IM002');
  expectError(await call('POST', CONNECTIONS, base), 400, 'SC400', /teamId/);
  expectError(await post({ teamId: theirs.teamId }), 422, 'SC422', /teamId/);
  expectError(await call('POST', CONNECTIONS, { ...base, teamId: theirs.teamId }), 403, 'IM002');
  expectError(await call('POST', `${CONNECTIONS}?teamId=${mine.teamId}`, '[]'), 400, 'SC400');
  expectError(await call('POST', `${CONNECTIONS}?teamId=${mine.teamId}`, ''), 400, 'SC400');
});

test('the team may stand in the body, and cols cut what a change answers', async () => {
  const body = { accountName: 'In the body', accountType: 'shoplet', shop: 'blue', apiKey: CANARY, scopes: null, teamId: mine.teamId };
  for (const query of ['', `?teamId=${mine.teamId}`]) {
    const made = await call('POST', `${CONNECTIONS}${query}`, body);
    assert.equal(made.status, 200, made.text);
    const { id, teamId } = made.body.connection;
    assert.equal(teamId, mine.teamId);
    const renamed = await call('PATCH', `${CONNECTIONS}/${id}?cols%5B%5D=id&cols%5B%5D=name`, { name: 'Other' });
    assert.deepEqual(renamed.body, { connection: { id, name: 'Other' } });
    expectError(await call('PATCH', `${CONNECTIONS}/${id}?cols=nope`, { name: 'Third' }), 400, 'SC400', /cols/);
    assert.equal((await call('GET', `${CONNECTIONS}/${id}?cols=name`)).body.connection.name, 'Other');
  }
});

test('set-data replaces all fields, and the account has to show itself again', async () => {
  const { id } = await create();
  vendor.on('/whoami/blue', (request, response) => response.writeHead(200, { 'content-type': 'application/json' })
    .end(JSON.stringify({ user: { email: 'ada@shop.example', id: 42 } })));
  assert.deepEqual((await call('POST', `${CONNECTIONS}/${id}/test`)).body, { verified: true });
  const known = (await call('GET', `${CONNECTIONS}/${id}`)).body.connection;
  assert.deepEqual([known.metadata, known.uid], [{ value: 'ada@shop.example', type: 'email' }, '42']);
  const { editableParameters, fields } = (await call('GET', `${CONNECTIONS}/${id}/editable-data-schema`)).body;
  assert.deepEqual(editableParameters, ['shop', 'apiKey', 'region']);
  assert.deepEqual(fields.map(({ name, type, required }) => [name, type, required]),
    [['shop', 'text', true], ['apiKey', 'password', true], ['region', 'select', false]]);
  const set = (body) => call('POST', `${CONNECTIONS}/${id}/set-data`, body);
  expectError(await set({ apiKey: CANARY }), 400, 'SC400', /shop/);
  expectError(await set({ shop: 'red', apiKey: CANARY, old: 1 }), 400, 'SC400', /old/);
  assert.deepEqual((await set({ shop: 'red', apiKey: CANARY })).body, { changed: true });
  const after_ = (await call('GET', `${CONNECTIONS}/${id}`)).body.connection;
  assert.deepEqual([after_.metadata, after_.uid, after_.name], [null, null, 'Shop']);
  expectError(await call('PATCH', `${CONNECTIONS}/${id}`, {}), 400, 'SC400', /name/);
  expectError(await call('PATCH', `${CONNECTIONS}/${id}`, { name: 'n'.repeat(129) }), 400, 'SC400', /name/);
});

test('a test asks the provider as the definition says', async () => {
  const { id } = await create({ accountName: 'asked' });
  const { id: login } = await create({ accountType: 'shoplet-login', shop: undefined, apiKey: undefined, user: 'ada', password: CANARY });
  let seen;
  vendor.on('/whoami/blue', (request, response) => {
    seen = request;
    response.writeHead(200, { 'content-type': 'application/json' }).end('{"user":{"name":"Ada"}}');
  });
  vendor.on('/login-test', (request, response, body) => {
    const right = request.headers.authorization === `Basic ${Buffer.from(`ada:${CANARY}`).toString('base64')}`;
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ ok: right && request.method === 'POST' && body === '{"query":"me"}' }));
  });
  assert.deepEqual((await call('POST', `${CONNECTIONS}/${id}/test`)).body, { verified: true });
  assert.equal(seen.headers['x-key'], `Key ${CANARY}`);
  assert.equal(seen.headers.accept, 'application/json');
  assert.match(seen.url, /^\/whoami\/blue\?shop=blue$/);
  assert.deepEqual((await call('GET', `${CONNECTIONS}/${id}?cols=metadata`)).body.connection.metadata, { value: 'Ada', type: 'text' });
  assert.deepEqual((await call('POST', `${CONNECTIONS}/${login}/test`, '')).body, { verified: true });
  await call('POST', `${CONNECTIONS}/${login}/set-data`, { user: 'eve', password: 'x' });
  expectError(await call('POST', `${CONNECTIONS}/${login}/test`), 400, 'IM005');
});

test('a refusal carries the words of the provider, but no value of the form', async () => {
  const { id } = await create();
  const answers = [
    [401, { error: { message: 'This key was revoked' } }, /401: This key was revoked/],
    [403, { message: `no ${CANARY}` }, /answered 403$/],
    [400, '<html>', /answered 400/],
    [404, { errors: [{ message: 'no such\r\nshop' }] }, /404: no such {2}shop/],
  ];
  for (const [status, body, detail] of answers) {
    vendor.on('/whoami/blue', (request, response) => response.writeHead(status).end(typeof body === 'string' ? body : JSON.stringify(body)));
    const answer = await call('POST', `${CONNECTIONS}/${id}/test`);
    expectError(answer, 400, 'IM005');
    assert.match(answer.body.detail, detail);
  }
});

test('a provider that is away, too slow or broken is a failed dependency', async () => {
  const { id } = await create();
  for (const status of [429, 500, 503]) {
    vendor.on('/whoami/blue', (request, response) => response.writeHead(status).end());
    expectError(await call('POST', `${CONNECTIONS}/${id}/test`), 424, 'SC424', new RegExp(status));
  }
  vendor.on('/whoami/blue', (request, response) => response.socket.destroy());
  expectError(await call('POST', `${CONNECTIONS}/${id}/test`), 424, 'SC424');
  let release;
  vendor.on('/whoami/blue', (request, response) => { release = () => response.writeHead(200).end('{}'); });
  expectError(await call('POST', `${CONNECTIONS}/${id}/test`, undefined, { headers: { Prefer: 'wait=1' } }), 424, 'SC424', /slow/);
  const later = await call('POST', `${CONNECTIONS}/${id}/test`, undefined, { headers: { Prefer: 'respond-async' } });
  assert.equal(later.status, 202, later.text);
  assert.equal(later.headers.location, `/api/v2/jobs/${later.body.job.id}`);
  assert.equal(later.headers['preference-applied'], 'respond-async');
  release();
});

test('what no definition can test says so', async () => {
  const { id } = await create({ accountType: 'shoplet-untested', shop: undefined });
  expectError(await call('POST', `${CONNECTIONS}/${id}/test`), 400, 'IM005', /cannot be tested/);
});

test('scoped tells whether all scopes asked for are there', async () => {
  const { id } = await create({ scopes: ['read'] });
  const scoped = async (scope) => (await call('POST', `${CONNECTIONS}/${id}/scoped`, { scope })).body;
  assert.deepEqual(await scoped(['read']), { connection: { scoped: true } });
  assert.deepEqual(await scoped(['read', 'write']), { connection: { scoped: false } });
  assert.deepEqual(await scoped([]), { connection: { scoped: true } });
  expectError(await call('POST', `${CONNECTIONS}/${id}/scoped`, {}), 400, 'SC400', /scope/);
});

test('connections of others are as unknown as those that are not there', async () => {
  const { id } = await create();
  const calls = [['GET', ''], ['PATCH', '', { name: 'x' }], ['DELETE', ''], ['DELETE', '?confirmed=true'], ['POST', '/test'],
    ['POST', '/set-data', { shop: 'red', apiKey: 'x' }], ['GET', '/editable-data-schema'], ['POST', '/scoped', { scope: [] }]];
  for (const [method, rest, body] of calls) {
    const hidden = await call(method, `${CONNECTIONS}/${id}${rest}`, body, { token: theirs.token });
    const missing = await call(method, `${CONNECTIONS}/999999${rest}`, body, { token: theirs.token });
    const noId = await call(method, `${CONNECTIONS}/abc${rest}`, body, { token: theirs.token });
    expectError(hidden, 404, 'IM304');
    assert.equal(hidden.text, missing.text);
    assert.equal(hidden.text, noId.text);
  }
  assert.equal((await call('GET', `${CONNECTIONS}/${id}`)).body.connection.name, 'Shop');
});

test('reading and writing connections are scopes of their own', async () => {
  const { id } = await create();
  const reader = await stack.addToken(mine.userId, 'connections:read');
  const writer = await stack.addToken(mine.userId, 'connections:write');
  for (const [method, rest, token, scope] of [
    ['POST', `?teamId=${mine.teamId}`, reader, 'write'], ['PATCH', `/${id}`, reader, 'write'], ['DELETE', `/${id}`, reader, 'write'],
    ['POST', `/${id}/test`, reader, 'write'], ['POST', `/${id}/set-data`, reader, 'write'], ['GET', `/${id}`, writer, 'read'],
    ['GET', `?teamId=${mine.teamId}`, writer, 'read'], ['GET', `/${id}/editable-data-schema`, writer, 'read'], ['POST', `/${id}/scoped`, writer, 'read'],
  ]) {
    const answer = await call(method, `${CONNECTIONS}${rest}`, method === 'GET' ? undefined : { scope: [] }, { token });
    expectError(answer, 403, 'SC403', new RegExp(`connections:${scope}`));
  }
});

test('a deleted connection leaves its credential pending', async () => {
  const { id } = await create();
  const made = await call('POST', '/api/v2/credential-requests/requests/v2', { name: 'x', teamId: mine.teamId,
    provider: { providerMakeUserId: mine.userId }, credentials: [{ appName: 'shoplet', appModules: ['*'] }] });
  assert.equal(made.status, 200, made.text);
  const requestId = made.body.request.id;
  await stack.mysql(`UPDATE credential SET state = 'authorized', remote_id = ${id}, platform = 'local' WHERE uuid_text(request_id) = '${requestId}'`);
  assert.equal((await call('DELETE', `${CONNECTIONS}/${id}?confirmed=true`)).status, 200);
  const { requestDetail } = (await call('GET', `/api/v2/credential-requests/requests/${requestId}/detail`)).body;
  assert.deepEqual(requestDetail.credentials.map(({ state, remoteId, component, name, type }) => [state, remoteId, component, name, type]),
    [['pending', null, 'account', 'shoplet', 'basic']]);
  assert.equal(requestDetail.status, 'pending');
});

describe('a credential that became a connection is tested again', () => {
  const CREDENTIALS = '/api/v2/credential-requests/credentials';
  const again = (id, options) => call('POST', `${CREDENTIALS}/${id}/request-reauthorize`, undefined, options);
  const credentialOf = async (id) => (await call('GET', `${CREDENTIALS}/${id}`)).body.credential;
  const statusOf = async ({ id }) => (await call('GET', `/api/v2/credential-requests/requests/${id}`)).body.request.status;
  const vendorSays = (status, body = {}) => vendor.on('/whoami/blue', (request, response) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body)));
  const vendorTakes = (key) => vendor.on('/whoami/blue', (request, response) =>
    response.writeHead(request.headers['x-key'] === `Key ${key}` ? 200 : 401).end('{"user":{"id":42}}'));

  async function ask() {
    const made = await call('POST', '/api/v2/credential-requests/requests/v2', { name: 'Again', teamId: mine.teamId,
      provider: { providerMakeUserId: mine.userId }, credentials: [{ appName: 'shoplet', appModules: ['*'] }] });
    assert.equal(made.status, 200, made.text);
    const { id } = made.body.request;
    const { requestDetail } = (await call('GET', `/api/v2/credential-requests/requests/${id}/detail`)).body;
    return { id, secret: made.body.publicUri.split('#')[1], item: requestDetail.credentials[0].id };
  }
  const onPage = (request, method, rest, body) => stack.api(method, `/public/requests/${request.id}${rest}`, body,
    { token: request.secret, scheme: 'Link' });
  const pageItem = async (request) => (await onPage(request, 'GET', '')).body.items[0];
  async function send(request, apiKey) {
    const sent = await onPage(request, 'POST', `/items/${request.item}`, { fields: { shop: 'blue', apiKey } });
    assert.equal(sent.status, 202, sent.text);
    return waitFor('the end of the job', async () => {
      const item = await pageItem(request);
      return item.progress !== 'working' && item;
    });
  }
  async function fillIn(request, apiKey) {
    assert.equal((await send(request, apiKey)).state, 'authorized');
    return credentialOf(request.item);
  }

  test('valid, then refused: open again on the same link, and the same connection afterwards', async () => {
    const request = await ask();
    vendorTakes(`${CANARY}-1`);
    const made = await fillIn(request, `${CANARY}-1`);
    await call('PATCH', `${CONNECTIONS}/${made.remoteId}`, { name: 'Named by hand' });
    expectError(await again(made.id), 400, 'IM005', /still valid/);
    assert.deepEqual(await credentialOf(made.id), made);

    vendorTakes(`${CANARY}-2`);
    const broken = await again(made.id);
    assert.equal(broken.status, 200, broken.text);
    assert.deepEqual(broken.body.credential, { ...made, state: 'reauthorizing', updatedAt: broken.body.credential.updatedAt });
    assert.deepEqual(await credentialOf(made.id), broken.body.credential);
    assert.equal(await statusOf(request), 'invalid');
    assert.equal((await again(made.id)).body.credential?.state, 'reauthorizing');
    const [[marks]] = await stack.mysql(`SELECT COUNT(*) FROM audit WHERE event = 'credential.reauthorizing' AND actor = 'runner' AND subject = '${made.id}'`);
    assert.equal(marks, '2');

    const open = await pageItem(request);
    assert.deepEqual([open.state, open.progress, open.form === null], ['reauthorizing', null, false]);
    const refused = await send(request, `${CANARY}-1`);
    assert.deepEqual([refused.state, refused.progress], ['reauthorizing', 'failed']);
    const [[before_]] = await stack.mysql('SELECT COUNT(*) FROM connection');
    const kept = await fillIn(request, `${CANARY}-2`);
    assert.deepEqual([kept.state, kept.remoteId], ['authorized', made.remoteId]);
    assert.deepEqual(await stack.mysql('SELECT COUNT(*) FROM connection'), [[before_]]);
    assert.equal((await call('GET', `${CONNECTIONS}/${made.remoteId}`)).body.connection.name, 'Named by hand');
    assert.deepEqual((await call('POST', `${CONNECTIONS}/${made.remoteId}/test`)).body, { verified: true });
    expectError(await again(made.id), 400, 'IM005', /still valid/);
    assert.equal(await statusOf(request), 'authorized');
  });

  test('refused, then taken again: authorized without anybody, and without a letter', async () => {
    const request = await ask();
    vendorSays(200);
    const made = await fillIn(request, CANARY);
    const letters = () => stack.mysql("SELECT COUNT(*) FROM job WHERE kind = 'mail'");
    const before_ = await letters();
    for (const ask_ of [() => again(made.id), () => call('POST', `${CONNECTIONS}/${made.remoteId}/test`)]) {
      vendorSays(401);
      assert.equal((await again(made.id)).body.credential?.state, 'reauthorizing');
      vendorSays(200);
      assert.notEqual((await ask_()).status, 424);
      const now = await credentialOf(made.id);
      assert.deepEqual(now, { ...made, updatedAt: now.updatedAt });
      assert.equal(await statusOf(request), 'authorized');
    }
    vendorSays(200);
    expectError(await again(made.id), 400, 'IM005', /still valid/);
    assert.deepEqual(await letters(), before_);
  });

  test('away or too slow: nothing is said about the connection', async () => {
    const request = await ask();
    vendorSays(200);
    const made = await fillIn(request, CANARY);
    for (const status of [429, 500, 503]) {
      vendorSays(status);
      expectError(await again(made.id), 424, 'SC424', new RegExp(status));
    }
    vendor.on('/whoami/blue', (asked, response) => response.socket.destroy());
    expectError(await again(made.id), 424, 'SC424');
    assert.deepEqual(await credentialOf(made.id), made);
  });

  test('the caller leaves: the answer is not lost', async () => {
    const request = await ask();
    vendorSays(200);
    const made = await fillIn(request, CANARY);
    let release;
    vendor.on('/whoami/blue', (asked, response) => { release = () => response.writeHead(403).end(); });
    const begun = await again(made.id, { headers: { Prefer: 'respond-async' } });
    assert.deepEqual([begun.status, begun.body.credential], [202, made], begun.text);
    assert.equal(begun.headers.location, `/api/v2/jobs/${begun.body.job.id}`);
    await waitFor('the call', () => release);
    const joined = await again(made.id, { headers: { Prefer: 'wait=1' } });
    assert.deepEqual([joined.status, joined.body.job?.id], [202, begun.body.job.id], joined.text);
    release();
    await waitFor('the new state', async () => (await credentialOf(made.id)).state === 'reauthorizing');
  });

  test('other fields while it is asked: the refusal was not about them', async () => {
    const request = await ask();
    vendorSays(200);
    const made = await fillIn(request, CANARY);
    let release;
    vendor.on('/whoami/blue', (asked, response) => { release = () => response.writeHead(401).end(); });
    const answer = again(made.id);
    await waitFor('the call', () => release);
    assert.equal((await call('POST', `${CONNECTIONS}/${made.remoteId}/set-data`, { shop: 'blue', apiKey: 'new' })).status, 200);
    release();
    expectError(await answer, 400, 'IM005', /401/);
    assert.deepEqual(await credentialOf(made.id), made);
  });

  test('declined or deleted while it is broken: the connection is still to be deleted, then a new one is made', async () => {
    const request = await ask();
    vendorSays(200);
    const made = await fillIn(request, CANARY);
    vendorSays(401);
    assert.equal((await again(made.id)).status, 200);
    const declined = await call('POST', `${CREDENTIALS}/${made.id}/decline`, { reason: 'no more' });
    assert.deepEqual([declined.body.credential?.state, declined.body.credential?.remoteId], ['declined', made.remoteId], declined.text);
    expectError(await again(made.id), 400, 'IM005', /not authorized/);
    expectError(await call('DELETE', `/api/v2/credential-requests/requests/${request.id}`), 400, 'IM004');
    assert.equal((await call('DELETE', `${CONNECTIONS}/${made.remoteId}?confirmed=true`)).status, 200);
    expectError(await again(made.id), 400, 'IM005', /no connection/);
    vendorSays(200);
    assert.notEqual((await fillIn(request, CANARY)).remoteId, made.remoteId);
  });

  test('not provided yet, of a type without a test, of others', async () => {
    const request = await ask();
    expectError(await again(request.item), 400, 'IM005', /no connection/);
    expectError(await again(request.item, { token: theirs.token }), 404, 'SC404');
    const { id } = await create({ accountType: 'shoplet-untested', shop: undefined });
    await stack.mysql(`UPDATE credential SET state = 'authorized', remote_id = ${id}, platform = 'local' WHERE uuid_text(id) = '${request.item}'`);
    expectError(await again(request.item), 400, 'IM005', /cannot be tested/);
    assert.equal((await credentialOf(request.item)).state, 'authorized');
  });
});

test('a value edited in the database does not open, and what connections hold is nowhere to be seen', async () => {
  const one = await create();
  const two = await create();
  await stack.mysql(`UPDATE connection a JOIN connection b ON b.id = ${one.id} SET a.parameters_sealed = b.parameters_sealed WHERE a.id = ${two.id}`);
  const hits = vendor.hits('/whoami/blue');
  assert.notEqual((await call('POST', `${CONNECTIONS}/${two.id}/test`)).status, 200);
  assert.equal(vendor.hits('/whoami/blue'), hits);
  assert.deepEqual(await stack.findSecret(CANARY), []);
});
