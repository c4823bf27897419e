// SPDX-License-Identifier: Apache-2.0
// The app `http` with OAuth 2: a person connects a service with a client of his own, whose addresses, id and secret he types.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startAuthorizationServer } from './authorization_server.mjs';
import { startOauthStack } from './oauth_stack.mjs';
import { startOauthVendor } from './oauth_vendor.mjs';
import { Person } from './person.mjs';

const TYPE = 'oauth2';
const SECRET = 'canary-own-client-secret-47';
const MODULE = 'ActionSendDataOAuth';

let vendor; let oauth; let stack;

before(async () => {
  vendor = await startOauthVendor();
  oauth = await startOauthStack([{ connection: vendor.room('operators').connection('operators') }]);
  ({ stack } = oauth);
});

after(async () => {
  await oauth?.close();
  await vendor?.close();
});

const room = (name, ways = {}) => vendor.room(name, { ...ways, client: { id: 'mine', secret: SECRET, auth: 'body', ...ways.client } });
const fieldsOf = (at, more = {}) => ({ authorizeUri: `${at.url}/authorize`, tokenUri: `${at.url}/token`, scope: 'read write',
  clientId: 'mine', clientSecret: SECRET, ...more });
const ask = async () => oauth.asked(await oauth.call('POST', '/api/v2/credential-requests/requests/v2', { name: 'A service', teamId: oauth.world.teamId,
  provider: { newUser: { name: 'Grace Hopper', email: 'grace@example.org' } }, credentials: [{ appName: 'http', appModules: [MODULE] }] }));
const askFilled = (prefill, scopes = []) => oauth.askFilled(TYPE, prefill, { scopes });

async function connect(at, more) {
  const asked = await ask();
  const made = await asked.person.authorize(asked.item.id, { fields: fieldsOf(at, more) });
  return { ...asked, made, id: await oauth.connectionOf(asked.item.id) };
}

const refused = async (person, item, fields) => {
  const answer = await person.call('POST', `/items/${item.id}/connect`, { fields });
  assert.ok([400, 422].includes(answer.status), answer.text);
  return answer;
};

describe('an account of a service with a client of one\'s own', () => {
  test('is a module of the app http', async () => {
    const answer = await oauth.call('GET', `/api/v2/credential-requests/apps/http/3/modules-with-credentials?teamId=${oauth.world.teamId}&organizationId=${oauth.world.organizationId}`);
    assert.equal(answer.status, 200, answer.text);
    const found = JSON.stringify(answer.body);
    assert.match(found, /"ActionSendDataOAuth"/);
    assert.match(found, /"account:oauth2"/);
  });

  test('is connected, refreshed, given again and deleted; its secret is shown nowhere', async () => {
    const at = room('usual', { rotates: true });
    const { person, item, publicUri } = await ask();
    assert.deepEqual([item.component, item.type, item.name, item.appLabel, item.state], ['account', 'oauth', TYPE, 'HTTP', 'pending']);
    assert.deepEqual(item.connect.client, { redirectUri: `${stack.url}/oauth/callback/${item.id}`, authorizeField: 'authorizeUri', tokenField: 'tokenUri' });
    assert.equal(item.connect.available, true);
    assert.deepEqual(item.connect.fields.map(({ name, type, required }) => [name, type, required]), [['authorizeUri', 'url', true],
      ['tokenUri', 'url', true], ['scope', 'text', false], ['clientId', 'text', true], ['clientSecret', 'password', false], ['clientAuth', 'select', false]]);

    const url = new URL(await person.connect(item.id, fieldsOf(at)));
    assert.equal(url.origin + url.pathname, `${at.url}/authorize`);
    assert.deepEqual(['redirect_uri', 'client_id', 'scope', 'code_challenge_method', 'response_type'].map((name) => url.searchParams.get(name)),
      [item.connect.client.redirectUri, 'mine', 'read write', 'S256', 'code']);
    assert.equal(String(url).includes(SECRET), false);
    const { answer } = await person.walk(String(url));
    assert.equal(answer.status, 303, answer.text);
    const waiting = await person.settled(item.id);
    assert.deepEqual([waiting.progress, waiting.account.name], ['confirm', new URL(at.url).host]); // nobody says whose it is
    await person.confirm(item.id);
    assert.equal((await person.settled(item.id)).state, 'authorized');

    const id = await oauth.connectionOf(item.id);
    const first = await oauth.live(id);
    assert.ok(at.accepts(first.token));
    await oauth.age(id);
    const second = await oauth.live(id);
    assert.notEqual(second.token, first.token);
    assert.ok(at.accepts(second.token));
    assert.deepEqual(at.spends(), { 1: 1 });
    const grant = await oauth.grant(id);
    assert.deepEqual([grant.state, grant.account, grant.scopes], ['active', new URL(at.url).host, ['read', 'write']]);
    for (const path of [`/api/v2/connections/${id}`, `/api/v2/connections?teamId=${oauth.world.teamId}`, `/api/v2/connections/${id}/editable-data-schema`,
      `/api/v2/credential-requests/credentials/${item.id}`]) {
      const shown = await oauth.call('GET', path);
      assert.equal(shown.status, 200, `${path}: ${shown.text}`);
      assert.equal(shown.text.includes(SECRET), false, path);
    }
    assert.equal(JSON.stringify(await new Person(stack, publicUri, person.jar).look()).includes(SECRET), false);
    assert.deepEqual(await stack.findSecret(SECRET), []);

    at.end('grace');
    await oauth.age(id);
    assert.equal((await oauth.tryLive(id)).status, 424);
    assert.equal((await oauth.credential(item.id)).state, 'reauthorizing');
    await person.authorize(item.id, { fields: fieldsOf(at) });
    assert.equal(await oauth.connectionOf(item.id), id);
    assert.ok(at.accepts((await oauth.live(id)).token));

    assert.equal((await oauth.call('DELETE', `/api/v2/connections/${id}?confirmed=true`)).status, 200);
    assert.equal((await oauth.tryLive(id)).status, 404);
    assert.deepEqual(at.faults, []);
  });

  test('proves its client as the service wants it, and asks for scopes as they were typed', async () => {
    const basic = room('basic', { client: { auth: 'basic' }, scope_separator: ',' });
    const one = await connect(basic, { clientAuth: 'basic', scope: 'read, write' });
    assert.ok(basic.accepts((await oauth.live(one.id)).token));
    assert.deepEqual((await oauth.grant(one.id)).scopes, ['read', 'write']);
    const bare = room('public', { client: { auth: 'none' } });
    const two = await connect(bare, { clientSecret: undefined, scope: undefined, authorizeUri: `${bare.url}/authorize?audience=things` });
    assert.ok(bare.accepts((await oauth.live(two.id)).token));
    assert.equal(bare.requests.find(({ path }) => path === 'authorize').query.audience, 'things');
    assert.deepEqual([basic.faults, bare.faults], [[], []]);
  });

  test('works with a strict server that knows this one redirect URI', async () => {
    const strict = await startAuthorizationServer();
    try {
      const { person, item } = await ask();
      strict.addClient({ client_id: 'mine', client_secret: SECRET, redirect_uris: [item.connect.client.redirectUri] });
      const { oauth2 } = strict.connection('x');
      const fields = { authorizeUri: oauth2.authorize_url, tokenUri: oauth2.token_url, scope: 'openid offline_access', clientId: 'mine', clientSecret: SECRET, clientAuth: 'basic' };
      await person.authorize(item.id, { fields });
      const id = await oauth.connectionOf(item.id);
      const { token } = await oauth.live(id);
      await oauth.age(id);
      assert.notEqual((await oauth.live(id)).token, token);
      // another item has another one, which this server does not know
      const other = await ask();
      const { answer } = await other.person.walk(await other.person.connect(other.item.id, fields));
      assert.match(answer.text, /redirect_uri/);
      assert.equal((await other.person.item(other.item.id)).state, 'pending');
    } finally {
      await strict.close();
    }
  });
});

describe('what must not be possible', () => {
  test('a code of one item does not come back to another, even in the same browser', async () => {
    const [honest, evil] = [room('honest'), room('evil')];
    const [mine, theirs] = [await ask(), await ask()];
    theirs.person.jar = mine.person.jar;
    const { callback } = await mine.person.walk(await mine.person.connect(mine.item.id, fieldsOf(honest)), { stopBefore: true });
    await theirs.person.connect(theirs.item.id, fieldsOf(evil));
    const elsewhere = callback.replace(mine.item.id, theirs.item.id);
    assert.notEqual(elsewhere, callback);
    assert.equal((await mine.person.browse(elsewhere)).status, 400);
    assert.equal((await theirs.person.item(theirs.item.id)).progress, null);
    assert.equal((await mine.person.browse(callback)).status, 303);
    assert.equal((await mine.person.settled(mine.item.id)).progress, 'confirm');
    assert.equal(evil.calls('token'), 0);
  });

  test('a service that sends the browser on to another one gets nothing that was granted there', async () => {
    const honest = room('strictly');
    const honestItem = await ask();
    await honestItem.person.authorize(honestItem.item.id, { fields: fieldsOf(honest) });
    // It copies what the honest one is asked, with the honest client and its redirect URI, and the state of this trip.
    const evil = room('bounces', { bounce: `${honest.url}/authorize` });
    const victim = await ask();
    victim.person.jar = honestItem.person.jar;
    const own = new URL(await victim.person.connect(victim.item.id, fieldsOf(evil)));
    const copied = new URL(`${honest.url}/authorize`);
    for (const [name, value] of own.searchParams) copied.searchParams.set(name, value);
    copied.searchParams.set('redirect_uri', honestItem.item.connect.client.redirectUri); // all that the honest one takes
    const { answer } = await victim.person.walk(String(copied));
    assert.equal(answer.status, 400, answer.text);
    assert.equal((await victim.person.item(victim.item.id)).state, 'pending');
    assert.equal(evil.calls('token'), 0);
  });

  test('addresses that are no URL to call are refused at their field', async () => {
    const at = room('refuses');
    const { person, item } = await ask();
    const host = new URL(at.url).host;
    for (const field of ['authorizeUri', 'tokenUri'])
      for (const value of ['http://example.com/token', 'https://a:b@example.com/', 'https://example.com/#x', 'javascript:alert(1)', 'file:///etc/passwd',
        '//example.com/', 'https://', 'https:///token', 'https://<<clientSecret>>.example.com/', 'https://example.com\\@evil.example/', `http://${host}@evil.example/`,
        'https://ex%61mple.com/', 'https://exämple.com/', 'https://example.com:x/', 'https://exam ple.com/', 'HTTPS//x', `http://127.0.0.1.evil.example/`]) {
        const answer = await refused(person, item, fieldsOf(at, { [field]: value }));
        assert.match(answer.text, new RegExp(`fields\\.${field}: must be a whole URL`), `${field} ${value}`);
      }
    for (const name of ['state', 'redirect_uri', 'client_id', 'code_challenge', 'redirect%5Furi']) {
      const answer = await refused(person, item, fieldsOf(at, { authorizeUri: `${at.url}/authorize?x=1&${name}=evil` }));
      assert.match(answer.text, /already says/);
    }
    assert.equal((await refused(person, item, fieldsOf(at, { clientAuth: 'private_key_jwt' }))).status, 400);
    assert.equal((await refused(person, item, fieldsOf(at, { clientId: '' }))).status, 400);
    assert.match((await refused(person, item, fieldsOf(at, { clientId: 'i'.repeat(513) }))).text, /client id is longer than 512 bytes/);
  });

  test('private addresses are not called, and the page says why', async () => {
    const at = room('private');
    const uris = ['https://10.0.0.1/token', 'https://169.254.169.254/latest/meta-data', 'https://[fd00::1]/token', 'https://[::ffff:10.0.0.1]/token', 'https://0x0a000001/'];
    await Promise.all(uris.map(async (tokenUri) => { // each is tried for a while
      const { person, item } = await ask();
      const { answer } = await person.walk(await person.connect(item.id, fieldsOf(at, { tokenUri })));
      assert.equal(answer.status, 303, answer.text);
      const failed = await person.settled(item.id, { seconds: 60 });
      assert.equal(failed.progress, 'failed', JSON.stringify(failed));
      assert.match(failed.problem.text, /address/, tokenUri);
      assert.equal(JSON.stringify(failed).includes(SECRET), false);
    }));
  });

  test('an operator registers no client for it', async () => {
    for (const command of [['app', 'set-client', '--app', 'http', '--type', TYPE, '--client-id', 'x'], ['app', 'redirect-uri', TYPE]])
      await assert.rejects(stack.ctl(command), /person brings/);
  });

  test('connections are not made of it without a person', async () => {
    const answer = await oauth.call('POST', `/api/v2/connections?teamId=${oauth.world.teamId}`, { accountName: 'x', accountType: TYPE, ...fieldsOf(room('api')) });
    assert.equal(answer.status, 400, answer.text);
  });
});

describe('what the requester fills in beforehand', () => {
  test('is shown, and where it is hard stays', async () => {
    const at = room('filled');
    const { person, item } = await askFilled({ hard: { authorizeUri: `${at.url}/authorize`, tokenUri: `${at.url}/token` }, soft: { clientId: 'proposed', scope: 'read' } });
    const shown = Object.fromEntries(item.connect.fields.map((field) => [field.name, field]));
    assert.deepEqual([shown.tokenUri.value, shown.tokenUri.locked, shown.clientId.value, shown.clientId.locked], [`${at.url}/token`, true, 'proposed', undefined]);
    const other = await refused(person, item, fieldsOf(at, { tokenUri: `${room('elsewhere').url}/token` }));
    assert.match(other.text, /tokenUri: was filled in by the requester/);
    await person.authorize(item.id, { fields: { clientId: 'mine', clientSecret: SECRET } });
    assert.ok(at.accepts((await oauth.live(await oauth.connectionOf(item.id))).token));
  });

  test('asks for its scopes beside those of the form', async () => {
    const at = room('scopes');
    const { person, item } = await askFilled({}, ['read']);
    const url = new URL(await person.connect(item.id, fieldsOf(at, { scope: 'write read' })));
    assert.equal(url.searchParams.get('scope'), 'read write');
  });

  test('is never the secret, and must fit', async () => {
    const body = (prefill) => ({ teamId: oauth.world.teamId, provider: { newUser: { name: 'Grace Hopper', email: 'grace@example.org' } },
      connections: [{ type: TYPE, scope: [], prefill }] });
    for (const [prefill, words] of [[{ hard: { clientSecret: 'x' } }, /clientSecret: is a secret/], [{ soft: { clientSecret: 'x' } }, /clientSecret: is a secret/],
      [{ hard: { tokenUri: 'http://example.com/' } }, /tokenUri: must be a whole URL/], [{ hard: { more: 'x' } }, /more: is no field/]]) {
      const answer = await oauth.call('POST', '/api/v2/credential-requests/actions/create-by-credentials', body(prefill));
      assert.equal(answer.status, 400, answer.text);
      assert.match(answer.text, words);
    }
  });
});
