// SPDX-License-Identifier: Apache-2.0
// Clients that know apps, versions, modules and types of connections by the names that Make has for them.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startStack } from './harness.mjs';
import { startOauthStack } from './oauth_stack.mjs';
import { startOauthVendor } from './oauth_vendor.mjs';

const REQUESTS = '/api/v2/credential-requests/requests';
const ACTIONS = '/api/v2/credential-requests/actions';
// app, version, modules, and what the first credential is called
const KNOWN = [
  ['google-email', 2, ['ActionSendEmail', 'TriggerNewEmail'], 'google-restricted'],
  ['google-email', 4, ['sendAnEmail', 'makeAnApiCall'], 'google-email'],
  ['google-sheets', 2, ['addRow', 'deleteRow'], 'google'],
  ['google-drive', 4, ['uploadAFile', 'getAFile'], 'google-drive'],
  ['google-calendar', 5, ['makeApiCall'], 'google'],
  ['microsoft-email', 2, ['createAndSendAMessage', 'makeApiCall'], 'azure'],
  ['microsoft-calendar', 2, ['makeApiCall'], 'azure'],
  ['slack', 4, ['CreateMessage', 'WatchMessages'], 'slack3'],
  ['airtable', 3, ['ActionSearchRecords', 'ActionUpdateRecords'], 'airtable3'],
  ['openai-gpt-3', 1, ['CreateCompletion', 'createModelResponse'], 'openai-gpt-3'],
  ['anthropic-claude', 1, ['createAMessage'], 'anthropic-claude'],
  ['hubspotcrm', 2, ['upsertAContact'], 'hubspotcrm'],
  ['facebook-pages', 6, ['CreatePost'], 'facebook'],
  ['linkedin', 2, ['CreatePost'], 'linkedin2'],
  ['notion', 1, ['createAPage'], 'notion'],
  ['trello', 1, ['createCard'], 'trello'],
];

let stack;
let mine;

const call = (method, path, body) => stack.api(method, path, body, { token: mine.token });

async function credentialsOf(path, body) {
  const answer = await call('POST', path, { teamId: mine.teamId, name: 'By other names', ...body });
  assert.equal(answer.status, 200, answer.text);
  const detail = await call('GET', `${REQUESTS}/${answer.body.request.id}/detail`);
  return { credentials: detail.body.requestDetail.credentials, answer: answer.body, detail: detail.body.requestDetail };
}

before(async () => {
  stack = await startStack();
  mine = await stack.world();
});

after(() => stack?.close());

test('a request in two versions and one for oneself repeat the names they were made with', async () => {
  for (const [appName, appVersion, appModules, name] of KNOWN)
    for (const [path, more] of [[`${REQUESTS}/v2`, { provider: { providerMakeUserId: mine.userId } }], [`${ACTIONS}/create`, {}]]) {
      const { credentials, detail } = await credentialsOf(path, { credentials: [{ appName, appVersion, appModules }], ...more });
      const [credential] = credentials;
      assert.equal(credentials.length, 1, appName);
      assert.deepEqual([credential.appName, credential.appVersion, credential.appModules, credential.name],
        [appName, String(appVersion), appModules, name]);
      assert.deepEqual(detail.appNames, [appName]);
    }
});

test('modules are listed by each of their ids, with the types that the name goes with', async () => {
  for (const [appName, appVersion, appModules, name] of KNOWN) {
    const answer = await call('GET', `/api/v2/credential-requests/apps/${appName}/${appVersion}/modules-with-credentials`);
    assert.equal(answer.status, 200, answer.text);
    for (const id of appModules) {
      const row = answer.body.appModules.find((module) => module.id === id);
      assert.ok(row, `${appName} ${id}`);
      assert.equal(row.name, id.split(':')[0]);
      assert.equal(row.type.split(':')[1].split(',')[0], name);
    }
  }
  const latest = await call('GET', '/api/v2/imt/apps/google-email/latest/modules-with-credentials');
  assert.ok(latest.body.appModules.some((module) => module.type === 'account:google-email'));
  const none = await call('GET', '/api/v2/imt/apps/google-email/3/modules-with-credentials');
  assert.equal(none.status, 400);
  assert.equal(none.body.code, 'IM007');
});

test('all modules of an app are each asked for once, and without a version the newest is meant', async () => {
  const { credentials: [credential] } = await credentialsOf(`${ACTIONS}/create`, { credentials: [{ appName: 'google-email', appModules: ['*'] }] });
  assert.equal(credential.appVersion, '4');
  assert.equal(credential.name, 'google-email');
  assert.equal(credential.appModules.includes('ActionSendEmail'), true);
  assert.equal(credential.appModules.includes('sendAnEmail'), false);
});

test('a module that an app has under none of its names is refused', async () => {
  const answer = await call('POST', `${ACTIONS}/create`, { teamId: mine.teamId, credentials: [{ appName: 'google-email', appModules: ['sendEmails'] }] });
  assert.equal(answer.status, 400);
  assert.equal(answer.body.code, 'IM007');
});

test('the first version of a request takes the other names as well', async () => {
  const provider = { providerMakeUserId: mine.userId };
  const { credentials: [credential] } = await credentialsOf(REQUESTS, { provider, connections: [{ type: 'google-restricted', appName: 'google-email',
    appModules: ['ActionSendEmail'], appVersion: '2.1.0', scope: ['https://www.googleapis.com/auth/gmail.send'] }] });
  assert.deepEqual([credential.name, credential.appName, credential.appVersion], ['google-restricted', 'google-email', '2']);
  const other = await call('POST', REQUESTS, { teamId: mine.teamId, name: 'n', provider, connections: [{ type: 'azure', appName: 'google-email',
    appModules: ['*'], appVersion: '2' }] });
  assert.equal(other.status, 400);
});

test('types of connections are asked for and found by their other names', async () => {
  const types = ['google-email', 'google-restricted', 'azure', 'slack2', 'slack3', 'airtable3', 'airtable2', 'notion2', 'notion3', 'hubspotcrm',
    'openai-gpt-3', 'anthropic-claude', 'linkedin-openid', 'github2', 'xero3', 'pipedrive-auth'];
  const { answer } = await credentialsOf(`${ACTIONS}/create-by-credentials`, { connections: types.map((type) => ({ type })) });
  assert.deepEqual(answer.credentials.map((credential) => credential.name), types);
  assert.deepEqual(answer.credentials.slice(0, 2).map((credential) => [credential.appName, credential.appVersion]),
    [['google-email', '4'], ['google-email', '2']]);
  assert.equal(answer.credentials[2].type, 'oauth');
});

test('a connection keeps the name that it was made with, and lists find it by each', async () => {
  const path = `/api/v2/connections?teamId=${mine.teamId}`;
  const made = await call('POST', path, { accountName: 'Ours', accountType: 'openai-gpt-3', apiKey: 'sk-1' });
  assert.equal(made.status, 200, made.text);
  const { id } = made.body.connection;
  assert.equal(made.body.connection.accountName, 'openai-gpt-3');
  for (const type of ['openai', 'openai-gpt-3']) {
    const { body } = await call('GET', `${path}&type[]=${type}`);
    assert.deepEqual(body.connections.map((connection) => [connection.id, connection.accountName]), [[id, 'openai-gpt-3']]);
  }
  assert.deepEqual((await call('GET', `${path}&type[]=anthropic-claude`)).body.connections, []);
  assert.equal((await call('GET', `/api/v2/connections/${id}`)).body.connection.accountName, 'openai-gpt-3');
  const changed = await call('POST', `/api/v2/connections/${id}/set-data`, { apiKey: 'sk-2' });
  assert.equal(changed.status, 200, changed.text);
});

test('an operator registers a client under any name, and finds the aliases of an app', async () => {
  await stack.ctl(['app', 'set-client', '--app', 'google-email', '--type', 'google-restricted', '--client-id', 'c1']);
  const clients = await stack.ctl(['app', 'clients', '--json']);
  assert.ok(clients.some((row) => row.app === 'gmail' && row.type === 'google-mail'), JSON.stringify(clients));
  const rows = await stack.ctl(['app', 'list', '--json']);
  assert.ok(rows.find((row) => row.name === 'gmail').aliases.includes('google-email 4'));
  assert.equal((await stack.ctl(['app', 'show', 'google-email', '--json'])).name, 'gmail');
});

test('an account that was asked for by another name is connected, refreshed, given more and given back as any', async () => {
  const vendor = await startOauthVendor();
  let oauth;
  try {
    const room = vendor.room('aka');
    oauth = await startOauthStack([{ connection: room.connection('aka', { aliases: ['aka2'] }) }]);
    const { request, item, person } = await oauth.askFilled('aka2', undefined);
    await person.authorize(item.id);
    const id = await oauth.connectionOf(item.id);
    assert.equal((await oauth.credential(item.id)).name, 'aka2');
    assert.equal((await oauth.call('GET', `/api/v2/connections/${id}`)).body.connection.accountName, 'aka2');
    const first = await oauth.live(id);
    assert.match(first.token, /./);
    await oauth.age(id);
    assert.notEqual((await oauth.live(id)).token, first.token);
    const more = await oauth.asked(await oauth.call('POST', `${ACTIONS}/extend`, { connectionId: id, scopes: ['write'] }));
    assert.equal((await oauth.credential(more.item.id)).name, 'aka2');
    await more.person.authorize(more.item.id);
    assert.equal(await oauth.connectionOf(more.item.id), id);
    assert.equal((await oauth.call('GET', `/api/v2/connections/${id}`)).body.connection.accountName, 'aka2');
    assert.equal((await oauth.call('DELETE', `${REQUESTS}/${request.id}?confirmed=true`)).status, 200);
    assert.equal((await oauth.call('GET', `/api/v2/connections/${id}`)).status, 404);
  } finally {
    await oauth?.close();
    await vendor.close();
  }
});
