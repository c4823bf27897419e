// SPDX-License-Identifier: Apache-2.0
// Make's own client library, as it is published, against this server: only the host differs.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { Make, MakeError } from '@makehq/sdk';
import { startStack } from './harness.mjs';

const CANARY = 'canary-make-sdk-8813';
const BASIC = { authUser: 'ada', authPass: CANARY };

let stack; let world; let make;

const clientOf = (token) => {
  const client = new Make(token, `127.0.0.1:${stack.port}`);
  client.protocol = 'http'; // the library's own switch for test installations
  return client;
};
const refused = (promise, statusCode, message) => assert.rejects(promise, (error) => {
  assert.ok(error instanceof MakeError, String(error));
  assert.equal(error.statusCode, statusCode, error.message);
  assert.match(error.message, message);
  return true;
});
const ask = (more = {}) => make.credentialRequests.createAction({ name: 'Shop', teamId: world.teamId,
  credentials: [{ appName: 'http', appModules: ['ActionSendDataBasicAuth'], appVersion: 3 }], ...more });

before(async () => {
  stack = await startStack();
  world = await stack.world();
  make = clientOf(world.token);
});
after(() => stack.close());

test('who am I, and where', async () => {
  assert.equal((await make.users.me()).id, world.userId);
  const { authUsed, scope } = await make.users.currentAuthorization();
  assert.equal(authUsed, 'token');
  assert.ok(scope.includes('credential-requests:write'));
  assert.deepEqual(await make.organizations.list({ cols: ['id'], pg: { limit: 5, sortDir: 'desc' } }), [{ id: world.organizationId }]);
  assert.equal((await make.organizations.get(world.organizationId, { wait: true })).id, world.organizationId);
  assert.deepEqual(await make.teams.list(world.organizationId, { cols: ['id', 'organizationId'], includePrivateSpaces: true }),
    [{ id: world.teamId, organizationId: world.organizationId }]);
  assert.equal((await make.teams.get(world.teamId, { cols: ['*'] })).name, 'World Team');
});

describe('credential requests', () => {
  test('apps, modules and types go by the names that Make has for them', async () => {
    const modules = await make.credentialRequests.listAppModulesWithCredentials('slack', 4);
    assert.equal(modules.find((module) => module.id === 'CreateMessage').type, 'account:slack3');
    const { request } = await make.credentialRequests.createAction({ name: 'Mail', teamId: world.teamId,
      credentials: [{ appName: 'google-email', appModules: ['sendAnEmail'], appVersion: 4 }] });
    const [{ appName, appVersion, appModules, name }] = (await make.credentialRequests.getDetail(request.id)).credentials;
    assert.deepEqual([appName, appVersion, appModules, name], ['google-email', '4', ['sendAnEmail'], 'google-email']);
    const { credentials } = await make.credentialRequests.createByCredentials({ teamId: world.teamId,
      connections: [{ type: 'azure', scope: ['Mail.Read'] }] });
    assert.equal(credentials[0].name, 'azure');
  });

  test('asked by modules, listed, shown, declined, reset and deleted', async () => {
    const { request, publicUri } = await ask({ description: 'For the shop' });
    assert.match(publicUri, new RegExp(`/request/${request.id}#`));
    assert.equal(request.makeProviderId, world.userId);
    const found = await make.credentialRequests.list(world.teamId, { name: 'sho', status: 'pending', userId: world.userId,
      makeProviderId: String(world.userId), pg: { limit: 50, sortBy: 'name' }, cols: ['id', 'appNames'] });
    assert.deepEqual(found, [{ id: request.id, appNames: ['http'] }]);
    assert.deepEqual(await make.credentialRequests.list({ teamId: world.teamId, status: 'declined' }), []);
    assert.deepEqual(await make.credentialRequests.get(request.id, { cols: ['name', 'description'] }), { name: 'Shop', description: 'For the shop' });
    const detail = await make.credentialRequests.getDetail(request.id);
    assert.equal(detail.user.id, world.userId);
    const [{ id, state, appModules, appVersion }] = detail.credentials;
    assert.deepEqual([state, appModules, appVersion], ['pending', ['ActionSendDataBasicAuth'], '3']);
    assert.equal((await make.credentialRequests.declineCredential(id)).declineReason, null);
    assert.equal((await make.credentialRequests.declineCredential(id, 'not mine')).declineReason, 'not mine');
    assert.equal((await make.credentialRequests.deleteCredential(id)).remoteId, null);
    await make.credentialRequests.delete(request.id);
    await refused(make.credentialRequests.get(request.id), 404, /credential request/);
  });

  test('asked by types, with what is filled in before', async () => {
    const { request, credentials, publicUri } = await make.credentialRequests.createByCredentials({ teamId: world.teamId,
      connections: [{ type: 'google', scope: ['https://www.googleapis.com/auth/drive'], nameOverride: 'Drive' }],
      keys: [{ type: 'basicauth', description: 'The shop', prefill: { hard: { authUser: 'ada' } } }] });
    assert.equal(request.name, 'Request for credentials');
    assert.ok(publicUri);
    assert.deepEqual(credentials.map(({ component, type, name }) => [component, type, name]), [['account', 'oauth', 'google'], ['keychain', 'key', 'basicauth']]);
  });

  test('asked in the deprecated way', async () => {
    const made = await make.credentialRequests.create({ name: 'Old', teamId: world.teamId, provider: { providerMakeUserId: world.userId },
      keys: [{ type: 'basicauth', appName: 'http', appModules: ['ActionSendDataBasicAuth'], appVersion: '3' }] });
    assert.equal(made.status, 'pending');
  });

  test('fulfilled, a credential shows the key and delete-remote takes it away', async () => {
    const { request, publicUri } = await ask();
    const secret = publicUri.split('#')[1];
    const [{ id }] = (await make.credentialRequests.getDetail(request.id)).credentials;
    const sent = await stack.api('POST', `/public/requests/${request.id}/items/${id}`, { fields: BASIC }, { token: secret, scheme: 'Link' });
    assert.equal(sent.status, 202, sent.text);
    await stack.answered(request.id, secret, id);
    const [{ state, remoteId }] = (await make.credentialRequests.getDetail(request.id)).credentials;
    assert.equal(state, 'authorized');
    assert.equal((await make.keys.get(Number(remoteId))).typeName, 'basicauth');
    const reset = await make.credentialRequests.deleteCredential(id);
    assert.deepEqual([reset.state, reset.remoteId], ['pending', null]);
    await refused(make.keys.get(Number(remoteId)), 404, /key/);
  });

  test('what modules need is told as the library types it', async () => {
    for (const [app, version] of [['http', 3], ['github', 'latest']]) {
      for (const row of await make.credentialRequests.listAppModulesWithCredentials(app, version)) {
        for (const name of ['id', 'name', 'label', 'type']) assert.equal(typeof row[name], 'string');
        assert.equal(typeof row.hook, 'boolean');
        assert.match(row.type, /^(account|keychain):/);
        assert.ok(row.scope === undefined || Array.isArray(row.scope));
      }
    }
    await refused(make.credentialRequests.listAppModulesWithCredentials('app#none', 1), 400, /no such app/);
  });

  test('errors come as the library reads them: the detail, and a line for each field', async () => {
    await refused(ask({ name: '', credentials: [] }), 400, /\n - name: .*\n - credentials: /);
    await refused(ask({ teamId: 999999 }), 403, /./);
    await refused(make.credentialRequests.extendConnection({ connectionId: 999999, scopes: ['x'] }), 404, /connection/);
    await refused(clientOf('550e8400-e29b-41d4-a716-446655440000').users.me(), 401, /token/); // sent as Token, others as Bearer
  });
});

test('keys are made, changed, listed and deleted', async () => {
  const { id } = await make.keys.create({ name: 'Shop', teamId: world.teamId, typeName: 'basicauth', parameters: BASIC });
  assert.equal((await make.keys.update(id, { name: 'Store' })).name, 'Store');
  assert.deepEqual(await make.keys.list(world.teamId, { typeName: 'basicauth', cols: ['id', 'name'] }), [{ id, name: 'Store' }]);
  await make.keys.delete(id);
  await refused(make.keys.get(id), 404, /key/);
  for (const type of await make.keys.types()) assert.equal(typeof type.version, 'string');
});

test('connections are made, renamed, filled anew, asked about their scopes and deleted', async () => {
  const { id, accountName } = await make.connections.create({ name: 'Pay', teamId: world.teamId, accountName: 'stripe', data: { apiKey: CANARY } });
  assert.equal(accountName, 'stripe');
  assert.deepEqual(await make.connections.rename(id, 'Till', { cols: ['name'] }), { name: 'Till' });
  assert.deepEqual(await make.connections.list(world.teamId, { type: ['stripe'], scopes: { stripe: ['read'] }, cols: ['id', 'scoped'] }), [{ id, scoped: false }]);
  assert.deepEqual(await make.connections.listEditableParameters(id), ['apiKey']);
  assert.equal(await make.connections.update(id, { data: { apiKey: `${CANARY}-2` } }), true);
  assert.equal(await make.connections.scoped(id, []), true);
  assert.equal((await make.connections.get(id, { cols: ['teamId'] })).teamId, world.teamId);
  await make.connections.delete(id);
  await refused(make.connections.get(id), 404, /connection/);
});
