// SPDX-License-Identifier: Apache-2.0
// Providers whose host is a field: the operator's client is used at the host where it is registered, whatever a person or requester fills in.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { createServer } from 'node:net';
import { waitFor } from './harness.mjs';
import { startOauthStack } from './oauth_stack.mjs';

const HOME = 'home.localhost';
const STRANGER = 'stranger.localhost';

// Whom the runner wants to speak to: the names in the first messages of TLS.
let wanted; let listener; let port; let oauth;

const selfHosted = (type, field = {}, at = (path) => `https://<<host>>:${port}/${path}`) => ({
  type, label: `${type} account`, auth: 'oauth2',
  fields: [{ name: 'host', type: 'text', label: 'Host', pattern: '[a-z.]+', required: !field.default, ...field }],
  inject: [{ where: 'header', name: 'Authorization', template: 'Bearer <<access_token>>' }],
  oauth2: { authorize_url: at('authorize'), token_url: at('token'), client_auth: 'body', pkce: 'S256', scopes: [{ name: 'read', words: 'Read what is there' }] },
  test: { method: 'GET', url: at('me'), expect: [200] }, account_name: ['/name'], account_id: ['/id'],
  allowed_hosts: [new URL(at('me').replace('<<host>>', 'a')).host.replace(/^a(?=[.:])/, '<<host>>')],
});

before(async () => {
  wanted = new Set();
  listener = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', (data) => {
      for (const name of [HOME, STRANGER]) if (data.includes(name)) wanted.add(name);
      socket.destroy();
    });
  });
  await new Promise((resolve) => { listener.listen(0, '127.0.0.1', resolve); });
  ({ port } = listener.address());
  oauth = await startOauthStack([
    { connection: selfHosted('free'), host: `${HOME}:${port}` },
    { connection: selfHosted('usual', { default: HOME }) },
    { connection: selfHosted('narrow', {}, (path) => `https://<<host>>.shop.example/${path}`) },
  ]);
});

after(async () => {
  await oauth?.close();
  await new Promise((resolve) => { listener?.close(resolve); });
});

// Back with a code, as if the provider had sent the person.
async function comeBack(person, url) {
  const state = new URL(url).searchParams.get('state');
  const back = new URL(new URL(url).searchParams.get('redirect_uri'));
  back.search = String(new URLSearchParams({ code: 'a-code', state }));
  assert.equal((await person.browse(String(back))).status, 303);
}

// Until the runner asks `name`, or has ended; what it cannot reach it tries again, of earlier tests as well.
async function exchanged(person, item, url, name) {
  await comeBack(person, url);
  await waitFor('the runner', async () => wanted.has(name) || (await person.item(item.id)).progress !== 'working', { seconds: 30 });
}

async function refused({ person, item }, fields) {
  wanted.clear();
  const answer = await person.call('POST', `/items/${item.id}/connect`, fields && { fields });
  if (answer.status === 200) await exchanged(person, item, answer.body.url, STRANGER);
  assert.ok(!wanted.has(STRANGER));
  assert.equal(answer.status, 400, answer.text);
  return answer.text;
}

describe('an operator\'s client at a host that a field names', () => {
  test('is sent to the host where it is registered', async () => {
    for (const [type, fields] of [['free', { host: HOME }], ['usual', {}], ['usual', { host: HOME }]]) {
      wanted.clear();
      const { person, item } = await oauth.ask(type);
      await exchanged(person, item, await person.connect(item.id, fields), HOME);
      assert.deepEqual([...wanted], [HOME], type);
    }
  });

  test('is not sent to a host that the person names', async () => {
    for (const type of ['free', 'usual'])
      assert.match(await refused(await oauth.ask(type), { host: STRANGER }), new RegExp(`registered it at ${HOME}:${port} alone`));
  });

  test('is not sent to a host that the requester has filled in', async () => {
    for (const type of ['free', 'usual'])
      await refused(await oauth.askFilled(type, { hard: { host: STRANGER } }), {});
  });

  test('is not sent by the runner to a host that stands in the database instead', async () => {
    wanted.clear();
    const { person, item } = await oauth.ask('free');
    const url = await person.connect(item.id, { host: HOME });
    await oauth.stack.mysql(`UPDATE app_client SET host = '${STRANGER}:${port}' WHERE connection_type = 'free'`);
    await exchanged(person, item, url, STRANGER);
    await oauth.stack.mysql(`UPDATE app_client SET host = '${HOME}:${port}' WHERE connection_type = 'free'`);
    assert.ok(!wanted.has(STRANGER));
    assert.notEqual((await person.item(item.id)).progress, 'confirm');
  });

  test('is registered with its host, of these types and no others', async () => {
    const set = (type, ...more) => oauth.stack.ctl(['app', 'set-client', '--app', oauth.appOf(type), '--type', type, '--client-id', 'client', ...more]);
    await assert.rejects(set('free'), /--host says at which host/);
    await assert.rejects(set('free', '--host', 'a.example/path'), /--host is no name of a host/);
    await assert.rejects(set('narrow', '--host', 'a.shop.example'), /say themselves where they go/);
    const list = await oauth.stack.ctl(['app', 'clients', '--json']);
    assert.deepEqual(Object.fromEntries(list.map(({ type, host }) => [type, host])),
      { free: `${HOME}:${port}`, usual: `${HOME}:${port}`, narrow: null });
  });

  test('that was registered before hosts were said is at the usual one, or nowhere', async () => {
    await oauth.stack.mysql("UPDATE app_client SET host = NULL, secret_sealed = NULL WHERE connection_type IN ('free', 'usual')");
    const asked = await oauth.ask('free');
    assert.equal(asked.item.connect.available, false);
    assert.equal((await asked.person.call('POST', `/items/${asked.item.id}/connect`, { fields: { host: HOME } })).status, 422);
    assert.match(await refused(await oauth.ask('usual'), { host: STRANGER }), /registered it at/);
  });
});
