// SPDX-License-Identifier: Apache-2.0
// Requests by type (the first version), asking oneself, by credentials with filled-in fields, and extending; and what becomes of
// a form for a connection.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { startStack } from './harness.mjs';
import { startVendor } from './vendor.mjs';

const REQUESTS = '/api/v2/credential-requests/requests';
const ACTIONS = '/api/v2/credential-requests/actions';
const CANARY = 'canary-51b0ce77fa';

let stack;
let vendor;
let apps;
let mine;
let theirs;

const call = (method, path, body, options = {}) => stack.api(method, path, body, { token: mine.token, ...options });

function expectError(answer, status, code, detail) {
  assert.equal(answer.status, status, answer.text);
  assert.equal(answer.body.code, code, answer.text);
  assert.equal(answer.text.includes(CANARY), false, answer.text);
  if (detail) assert.match(`${answer.body.detail} ${JSON.stringify(answer.body.suberrors ?? [])}`, detail);
}

async function made(path, body) {
  const answer = await call('POST', path, { teamId: mine.teamId, ...body });
  assert.equal(answer.status, 200, answer.text);
  const id = answer.body.request.id;
  const secret = answer.body.publicUri.split('#')[1];
  const headers = { authorization: `Link ${secret}` };
  return {
    ...answer.body,
    id,
    secret,
    headers: answer.headers,
    open: async () => (await stack.api('GET', `/public/requests/${id}`, undefined, { headers })).body,
    submit: (item, fields) => stack.api('POST', `/public/requests/${id}/items/${item}`, { fields }, { headers }),
    detail: async () => (await call('GET', `${REQUESTS}/${id}/detail`)).body.requestDetail,
  };
}

async function settled(request) {
  for (const { id } of (await request.open()).items) await stack.answered(request.id, request.secret, id);
  return (await request.open()).items;
}

function definitionOf(url) {
  const host = new URL(url).host;
  return {
    name: 'shoplet',
    version: 2,
    label: 'Shoplet',
    keys: ['basicauth'],
    connections: [{
      type: 'shoplet',
      label: 'Shoplet account',
      auth: 'apikey',
      fields: [{ name: 'shop', type: 'text', label: 'Shop', required: true, pattern: '[a-z]+', expected: 'small letters' },
        { name: 'apiKey', type: 'password', label: 'Key', required: true },
        { name: 'region', type: 'select', label: 'Region', default: 'eu', options: [{ label: 'EU', value: 'eu' }, { label: 'US', value: 'us' }] }],
      inject: [{ where: 'header', name: 'X-Key', template: '<<apiKey>>' }],
      test: { method: 'GET', url: `${url}/shops/<<shop>>`, expect: [200] },
      account_name: ['/owner'],
      allowed_hosts: [host],
    }],
    modules: [{ id: 'Get', name: 'Get', label: 'Get', type: 'account:shoplet' }, { id: 'Ping', name: 'Ping', label: 'Ping' },
      { id: 'Login', name: 'Login', label: 'Login', type: 'keychain:basicauth' }],
  };
}

before(async () => {
  vendor = await startVendor();
  apps = mkdtempSync(join(tmpdir(), 'bailee-apps-'));
  writeFileSync(join(apps, 'shoplet.json'), JSON.stringify(definitionOf(vendor.url)));
  stack = await startStack({ set: [`common.apps_extra_dir=${apps}`] });
  mine = await stack.world({ name: 'Ada' });
  theirs = await stack.world({ name: 'Mallory' });
  for (const shop of ['blue', 'red']) {
    vendor.on(`/shops/${shop}`, (request, response) => (request.headers['x-key'] === CANARY
      ? response.writeHead(200, { 'content-type': 'application/json' }).end('{"owner":"ada@shop.example"}')
      : response.writeHead(401, { 'content-type': 'application/json' }).end('{"message":"this key is not known"}')));
  }
});
after(async () => {
  await stack?.close();
  await vendor?.close();
  rmSync(apps, { recursive: true, force: true });
});

test('the first version takes types, apps and modules by name, and says that it is old', async () => {
  const request = await made(REQUESTS, {
    name: 'v1',
    description: 'as before',
    provider: { providerMakeUserId: mine.userId },
    connections: [{ type: 'shoplet', appName: 'shoplet', appModules: ['Get'], appVersion: '2', label: 'Your shop', description: 'why', scope: ['a', 'a', 'b'], nameOverride: 'Blue' }],
    keys: [{ type: 'basicauth', appName: 'http', appModules: ['*'], appVersion: 'latest' }],
  });
  assert.match(request.headers.deprecation, /^@\d+$/);
  assert.match(request.headers.link, /<\/api\/v2\/credential-requests\/requests\/v2>; rel="successor-version"/);
  const { credentials } = await request.detail();
  assert.deepEqual(credentials.map(({ component, type, name, label, description, scope, appName, appModules, appVersion, nameOverride }) => [
    component, type, name, label, description, scope, appName, appModules, appVersion, nameOverride]), [
    ['account', 'basic', 'shoplet', 'Your shop', 'why', ['a', 'b'], 'shoplet', ['Get'], '2', 'Blue'],
    ['keychain', 'key', 'basicauth', 'Basic auth', null, [], 'http', ['*'], '3', null],
  ]);
  const base = { teamId: mine.teamId, name: 'x', provider: { providerMakeUserId: mine.userId } };
  const item = { type: 'shoplet', appName: 'shoplet', appModules: ['Get'], appVersion: '2' };
  const post = (change) => call('POST', REQUESTS, { ...base, ...change });
  for (const [change, path, status = 400] of [
    [{}, /at least one/, 422],
    [{ connections: [], keys: [] }, /at least one/, 422],
    [{ name: undefined, connections: [item] }, /name/],
    [{ provider: undefined, connections: [item] }, /provider/],
    [{ connections: [{ ...item, type: undefined }] }, /connections\[0\]\.type/],
    [{ connections: [{ ...item, appVersion: 2 }] }, /connections\[0\]\.appVersion/],
    [{ connections: [{ ...item, appModules: [] }] }, /connections\[0\]\.appModules/],
    [{ keys: [{ ...item, scope: [] , appName: undefined }] }, /keys\[0\]\.appName/],
  ]) expectError(await post(change), status, `SC${status}`, path);
  for (const [change, path] of [
    [{ connections: [{ ...item, type: 'nope' }] }, /type/],
    [{ connections: [{ ...item, appName: 'http' , appVersion: '3', appModules: ['*'] }] }, /type/],
    [{ connections: [{ ...item, appName: 'nope' }] }, /app/],
    [{ connections: [{ ...item, appVersion: '9' }] }, /version/],
    [{ connections: [{ ...item, appModules: ['Nope'] }] }, /module/],
    [{ keys: [{ ...item, type: 'shoplet' }] }, /type/],
  ]) expectError(await post(change), 400, 'IM007', path);
});

test('actions/create asks the caller himself', async () => {
  const request = await made(`${ACTIONS}/create`, { credentials: [{ appName: 'shoplet', appModules: ['Get'], appEndpoints: ['Login'] }] });
  assert.equal(request.request.name, 'Request for credentials');
  const detail = await request.detail();
  assert.equal(detail.makeProviderId, mine.userId);
  assert.deepEqual(detail.credentials.map(({ component, name }) => [component, name]), [['account', 'shoplet'], ['keychain', 'basicauth']]);
  const only = await made(`${ACTIONS}/create`, { name: 'n', description: 'd', credentials: [{ appName: 'shoplet', appEndpoints: ['*'] }] });
  assert.equal((await only.detail()).credentials.length, 2);
  const post = (entry) => call('POST', `${ACTIONS}/create`, { teamId: mine.teamId, credentials: [{ appName: 'shoplet', ...entry }] });
  expectError(await post({}), 422, 'SC422', /appModules|appEndpoints/);
  expectError(await post({ appModules: ['Ping'] }), 400, 'IM005', /needs a credential/);
  expectError(await post({ appEndpoints: ['Nope'] }), 400, 'IM007', /module/);
  expectError(await call('POST', `${ACTIONS}/create`, { teamId: theirs.teamId, credentials: [{ appName: 'shoplet', appModules: ['*'] }] }), 403, 'IM002');
  expectError(await call('POST', `${ACTIONS}/create`, { teamId: mine.teamId, credentials: [] }), 400, 'SC400', /credentials/);
});

test('by credentials: the answer has what was made, with what was filled in beforehand', async () => {
  const request = await made(`${ACTIONS}/create-by-credentials`, {
    connections: [{ type: 'shoplet', description: 'd', scope: ['a'], nameOverride: 'Mine', prefill: { hard: { shop: 'blue' }, soft: { region: 'us' } } }],
    keys: [{ type: 'apikeyauth', prefill: { soft: { placement: 'qs', name: 'key' } } }, { type: 'aes-key' }],
  });
  assert.equal(request.request.name, 'Request for credentials');
  assert.deepEqual(request.credentials.map(({ component, name, appName, state }) => [component, name, appName, state]),
    [['account', 'shoplet', 'shoplet', 'pending'], ['keychain', 'apikeyauth', 'http', 'pending'], ['keychain', 'aes-key', 'aes-key', 'pending']]);
  assert.deepEqual(request.credentials, (await request.detail()).credentials);
  const { items } = await request.open();
  assert.deepEqual(items[0].form.map(({ name, value, locked }) => [name, value, locked]),
    [['shop', 'blue', true], ['apiKey', undefined, undefined], ['region', 'us', undefined]]);
  assert.deepEqual(items[1].form.map(({ name, value, locked }) => [name, value, locked]),
    [['key', undefined, undefined], ['placement', 'qs', undefined], ['name', 'key', undefined]]);
});

test('what cannot be filled in beforehand is refused by name', async () => {
  const post = (entry, list = 'connections') => call('POST', `${ACTIONS}/create-by-credentials`, { teamId: mine.teamId, [list]: [entry] });
  for (const [prefill, path] of [
    [{ hard: { apiKey: CANARY } }, /connections\[0\]\.prefill\.hard\.apiKey/],
    [{ soft: { apiKey: CANARY } }, /connections\[0\]\.prefill\.soft\.apiKey/],
    [{ soft: { nope: 'x' } }, /prefill\.soft\.nope/],
    [{ hard: { shop: 'Not small' } }, /prefill\.hard\.shop/],
    [{ hard: { shop: '' } }, /prefill\.hard\.shop/],
    [{ hard: { shop: null } }, /prefill\.hard\.shop/],
    [{ hard: { shop: 7 } }, /prefill\.hard\.shop/],
    [{ soft: { region: 'moon' } }, /prefill\.soft\.region/],
    [{ hard: { shop: 'blue' }, soft: { shop: 'red' } }, /prefill/],
    [{ hard: ['shop'] }, /prefill\.hard/],
    [{ medium: {} }, /prefill\.medium/],
    ['x', /prefill/],
  ]) expectError(await post({ type: 'shoplet', prefill }), 400, 'SC400', path);
  expectError(await post({ type: 'basicauth', prefill: { hard: { authPass: CANARY } } }, 'keys'), 400, 'SC400', /keys\[0\]\.prefill\.hard\.authPass/);
  expectError(await post({ type: 'nope' }), 400, 'IM007', /type/);
  expectError(await post({ type: 'basicauth' }), 400, 'IM007', /type/);
  expectError(await call('POST', `${ACTIONS}/create-by-credentials`, { teamId: mine.teamId }), 422, 'SC422', /at least one/);
  expectError(await call('POST', `${ACTIONS}/create-by-credentials`, { teamId: mine.teamId, keys: Array(33).fill({ type: 'basicauth' }) }), 400, 'SC400', /keys/);
});

test('a form for a connection is tested at its provider and becomes one, with what was fixed', async () => {
  const request = await made(`${ACTIONS}/create-by-credentials`, { connections: [{ type: 'shoplet', scope: ['read'], nameOverride: 'Blue shop', prefill: { hard: { shop: 'blue' }, soft: { region: 'us' } } }] });
  const [{ id }] = request.credentials;
  const changed = await request.submit(id, { shop: 'red', apiKey: CANARY });
  assert.equal(changed.status, 400, changed.text);
  assert.match(changed.text, /fields\.shop|cannot be changed/);
  assert.equal((await request.submit(id, { apiKey: 'wrong-key' })).status, 202);
  const [failed] = await settled(request);
  assert.equal(failed.progress, 'failed');
  assert.match(failed.error, /401: this key is not known/);
  assert.equal((await request.submit(id, { apiKey: CANARY, region: 'eu' })).status, 202);
  assert.equal((await settled(request))[0].state, 'authorized');
  const { credentials: [credential], status } = await request.detail();
  assert.equal(status, 'authorized');
  assert.deepEqual(credential.remoteScope, ['read']);
  const { connection } = (await call('GET', `/api/v2/connections/${credential.remoteId}`)).body;
  assert.deepEqual([connection.name, connection.accountName, connection.metadata, connection.scopes],
    ['Blue shop', 'shoplet', { value: 'ada@shop.example', type: 'email' }, [{ id: 'read', account: 'shoplet' }]]);
  assert.equal((await call('DELETE', `/api/v2/connections/${connection.id}?confirmed=true`)).status, 200);
  assert.equal((await request.detail()).credentials[0].state, 'pending');
  assert.equal((await request.submit(id, { apiKey: CANARY })).status, 202);
  assert.equal((await settled(request))[0].state, 'authorized');
  const { remoteId } = (await request.detail()).credentials[0];
  const gone = await call('POST', `/api/v2/credential-requests/credentials/${id}/delete-remote`);
  assert.deepEqual([gone.status, gone.body.credential.state, gone.body.credential.remoteId], [200, 'pending', null], gone.text);
  expectError(await call('GET', `/api/v2/connections/${remoteId}`), 404, 'IM304');
});

test('extend asks for what is new, and the answer goes into the same connection', async () => {
  const { body: { connection } } = await call('POST', `/api/v2/connections?teamId=${mine.teamId}`,
    { accountName: 'Red', accountType: 'shoplet', scopes: ['read'], shop: 'red', apiKey: CANARY });
  const extend = (body, options) => call('POST', `${ACTIONS}/extend`, body, options);
  expectError(await extend({ connectionId: connection.id, scopes: ['read'] }), 400, 'IM005', /all of these/);
  expectError(await extend({ connectionId: connection.id, scopes: [] }), 400, 'SC400', /scopes/);
  expectError(await extend({ scopes: ['write'] }), 400, 'SC400', /connectionId/);
  expectError(await extend({ connectionId: 999999, scopes: ['write'] }), 404, 'IM304');
  expectError(await extend({ connectionId: connection.id, scopes: ['write'] }, { token: theirs.token }), 404, 'IM304');
  const request = await made(`${ACTIONS}/extend`, { connectionId: connection.id, scopes: ['write', 'read'] });
  const [credential] = (await request.detail()).credentials;
  assert.deepEqual([credential.scope, credential.name, credential.state], [['read', 'write'], 'shoplet', 'pending']);
  assert.equal((await request.submit(credential.id, { shop: 'red', apiKey: CANARY })).status, 202);
  assert.equal((await settled(request))[0].state, 'authorized');
  assert.equal((await request.detail()).credentials[0].remoteId, String(connection.id));
  const after_ = (await call('GET', `/api/v2/connections/${connection.id}`)).body.connection;
  assert.deepEqual([after_.name, after_.scopesCnt, after_.metadata.value], ['Red', 2, 'ada@shop.example']);
});

test('all of it needs the scope for writing requests', async () => {
  const reader = await stack.addToken(mine.userId, 'credential-requests:read,connections:write');
  for (const path of [REQUESTS, `${ACTIONS}/create`, `${ACTIONS}/create-by-credentials`, `${ACTIONS}/extend`]) {
    expectError(await call('POST', path, {}, { token: reader }), 403, 'SC403', /credential-requests:write/);
  }
  assert.deepEqual(await stack.findSecret(CANARY), []);
});
