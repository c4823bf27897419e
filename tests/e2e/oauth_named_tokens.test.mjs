// SPDX-License-Identifier: Apache-2.0
// Connections with several tokens: one of the person beside that of the app, each rotating on its own clock; and one for another
// audience, obtained with the main refresh token. Each is given by its name, breaks by itself, and ends with the connection.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { waitFor } from './harness.mjs';
import { startOauthStack } from './oauth_stack.mjs';
import { startOauthVendor } from './oauth_vendor.mjs';

const SCOPES = [{ name: 'read', words: 'Read' }, { name: 'write', words: 'Write' }, { name: 'user:search', words: 'Search as you' },
  { name: 'user:chat:write', words: 'Write as you' }];
const USER = {
  name: 'user', from: 'answer', scope_param: 'user_scope',
  response_map: {
    access_token: ['/authed_user/access_token'], refresh_token: ['/authed_user/refresh_token'], expires: ['/authed_user/expires_in'],
    scope: ['/authed_user/scope'], token_type: ['/authed_user/token_type'],
  },
};
const SITES = { name: 'sites', from: 'refresh_token', refresh_params: { scope: 'sites/.default' } };
const WRONG = { name: 'wrong', from: 'refresh_token', resource: 'https://wrong.example/' };
const CARRIED = [{ where: 'header', name: 'Authorization', template: 'Bearer <<access_token>>' },
  { where: 'header', name: 'X-Sites', template: '<<access_token.sites>>' }];
const derived = (tokens) => ({ rotation: { rotates: false }, tokens });

let oauth;
let vendor;
let rooms;
before(async () => {
  vendor = await startOauthVendor();
  const fixed = { rotates: false, audiences: ['sites/.default'] };
  rooms = Object.fromEntries([['chat'], ['team'], ['drive', fixed], ['refused', { ...fixed, audiences: ['other'] }], ['lacking', fixed],
    ['moving', { ...fixed, rotates: true }]]
    .map(([name, ways]) => [name, vendor.room(name, ways)]));
  oauth = await startOauthStack([
    { connection: rooms.chat.connection('chat', { oauth2: { scopes: SCOPES, tokens: [USER] } }) },
    { connection: rooms.team.connection('team', { oauth2: { scopes: SCOPES, tokens: [{ ...USER, required: true }] } }) },
    { connection: rooms.drive.connection('drive', { inject: CARRIED, oauth2: derived([{ ...SITES, required: true }]) }) },
    { connection: rooms.refused.connection('refused', { oauth2: derived([{ ...SITES, required: true }]) }) },
    { connection: rooms.moving.connection('moving', { oauth2: derived([SITES]) }) },
    { connection: rooms.lacking.connection('lacking', { oauth2: derived([WRONG, SITES]) }) },
  ]);
});
after(async () => {
  await oauth?.close();
  await vendor?.close();
});

const tokensOf = async (id) => (await oauth.call('GET', `/api/v2/connections/${id}`)).body.connection.tokens;
const tokenNames = async (id) => (await tokensOf(id)).map(({ name }) => name);
const grantOf = (room, token) => room.access.get(token)?.grant;
const generations = (id, ...names) => Promise.all(names.map(async (name) => (await oauth.grant(id, name)).generation));
const spent = (room, grant) => [...room.refresh.values()].filter((row) => row.grant === grant && row.spends).map(({ spends }) => spends);
const remove = (id) => oauth.call('DELETE', `/api/v2/connections/${id}?confirmed=true`);
const nothingLeft = (id) => oauth.stack.mysql(`SELECT COUNT(*) FROM oauth_grant WHERE connection_id = ${id}`);

// Who finds nobody free to wait for him is told so at once, and asks again.
async function liveAtLast(id, name) {
  for (;;) {
    const answer = await oauth.tryLive(id, { name });
    if (answer.status !== 202) return answer.body;
  }
}
const askAtOnce = (id, n, ...names) => Promise.all(Array.from({ length: n }, (_, i) => liveAtLast(id, names[i % names.length])));

// Both tokens of a connection, and what the provider knows of them.
async function both(room, id) {
  const [main, user] = await Promise.all([oauth.live(id), oauth.live(id, { name: 'user' })]);
  return { main, user, grants: [grantOf(room, main.token), grantOf(room, user.token)] };
}

describe('a token of the person beside that of the app', () => {
  const connect = (type = 'chat') => oauth.connect(type, { scopes: ['read', 'user:search', 'user:chat:write'] });

  test('is asked for with scopes of its own, and given by its name', async () => {
    const { id, item, person } = await connect();
    const room = rooms.chat;
    const { query } = room.requests.filter(({ path }) => path === 'authorize').at(-1);
    assert.deepEqual([query.scope, query.user_scope], ['read', 'search chat:write']);
    assert.deepEqual(item.scopes.map(({ words }) => words).sort(), ['Read', 'Search as you', 'Write as you']);
    const { main, user, grants } = await both(room, id);
    assert.deepEqual(grants.map(({ second, scopes }) => [Boolean(second), scopes.join()]), [[false, 'read'], [true, 'search,chat:write']]);
    assert.deepEqual([main.tokenType, user.tokenType], ['Bearer', 'user']);
    assert.equal((await oauth.live(id, { name: 'main' })).token, main.token);
    const { connection } = (await oauth.call('GET', `/api/v2/connections/${id}`)).body;
    assert.deepEqual(connection.tokens, [{ name: 'main', state: 'active' }, { name: 'user', state: 'active' }]);
    assert.deepEqual(connection.scopes.map((scope) => scope.id).sort(), ['read', 'user:chat:write', 'user:search']);
    assert.equal((await person.item(item.id)).state, 'authorized');
    for (const { token } of [main, user]) assert.deepEqual(await oauth.stack.findSecret(token), []);
  });

  test('and a name that it does not have is refused by that name', async () => {
    const { id } = await connect();
    for (const name of ['owner', 'User', 'user.main', "x' OR 1=1"]) {
      const answer = await oauth.tryLive(id, { name });
      assert.deepEqual([answer.status, answer.body.code], [400, 'IM005'], answer.text);
      assert.ok(answer.body.detail.includes(`no token "${name}"`), answer.text);
    }
    assert.equal((await oauth.tryLive(id, { name: 'x'.repeat(33) })).status, 400);
  });

  test('is refreshed on its own clock', async () => {
    const { id } = await connect();
    const room = rooms.chat;
    const first = await both(room, id);
    const lives = await Promise.all(['main', 'user'].map(async (name) => (await oauth.grant(id, name)).life));
    assert.ok(Math.abs(lives[0] - 3600) < 90 && Math.abs(lives[1] - 7200) < 90, String(lives));
    await oauth.age(id, 'user');
    const second = await both(room, id);
    assert.equal(second.main.token, first.main.token);
    assert.notEqual(second.user.token, first.user.token);
    assert.deepEqual(second.grants, first.grants, 'the answer to a refresh has it at the top');
    assert.deepEqual(await generations(id, 'main', 'user'), [1, 2]);
    await oauth.age(id, 'main');
    const third = await both(room, id);
    assert.equal(third.user.token, second.user.token);
    assert.deepEqual(third.grants, first.grants);
    await oauth.age(id, 'user');
    assert.deepEqual((await both(room, id)).grants, first.grants);
    assert.deepEqual(await generations(id, 'main', 'user'), [2, 3]);
    assert.deepEqual(first.grants.map((grant) => spent(room, grant)), [[1], [1, 1]]);
    assert.deepEqual(room.faults, []);
  });

  test('is refreshed ahead by the sweep, as the main one is', async () => {
    const { id } = await connect();
    await oauth.stack.mysql(`UPDATE oauth_grant SET refresh_at = UTC_TIMESTAMP(3) WHERE connection_id = ${id}`);
    await oauth.stack.housekeep();
    await waitFor('both refreshes', async () => (await generations(id, 'main', 'user')).every((at) => at === 2), { seconds: 90 });
  });

  test('is spent once, however many ask for both', async () => {
    const { id } = await connect();
    const room = rooms.chat;
    const { grants } = await both(room, id);
    await oauth.age(id);
    const asked = await askAtOnce(id, 24, 'main', 'user');
    assert.equal(new Set(asked.map(({ token }) => token)).size, 2);
    asked.forEach(({ token }, i) => assert.equal(grantOf(room, token), grants[i % 2]));
    assert.deepEqual(grants.map((grant) => spent(room, grant)), [[1], [1]]);
    assert.deepEqual(await generations(id, 'main', 'user'), [2, 2]);
  });

  test('is given back with the connection', async () => {
    const { id } = await connect();
    const { grants } = await both(rooms.chat, id);
    assert.equal((await remove(id)).status, 200);
    await waitFor('both revocations', () => grants.every(({ dead }) => dead));
    assert.ok(rooms.chat.revoked.every(({ known }) => known));
    assert.deepEqual(await nothingLeft(id), [['0']]);
    await waitFor('the end of both grants', async () => (await oauth.stack.mysql("SELECT COUNT(*) FROM oauth_grant WHERE state = 'ending'"))[0][0] === '0');
  });

  test('is given back when the account is the wrong one, or the link is', async () => {
    const room = rooms.chat;
    const waiting = async () => {
      const asked = await oauth.ask('chat', { scopes: ['read', 'user:search'] });
      await asked.person.walk(await asked.person.connect(asked.item.id));
      assert.equal((await asked.person.settled(asked.item.id)).progress, 'confirm');
      return { ...asked, grants: room.grants.slice(-2) };
    };
    const rejected = await waiting();
    await rejected.person.confirm(rejected.item.id, false);
    await waitFor('both revocations', () => rejected.grants.every(({ dead }) => dead));
    const declined = await waiting();
    assert.equal((await declined.person.call('POST', `/items/${declined.item.id}/decline`, { reason: 'no' })).status, 202);
    await waitFor('both revocations', () => declined.grants.every(({ dead }) => dead));
    const again = await waiting();
    await again.person.walk(await again.person.connect(again.item.id));
    await again.person.settled(again.item.id);
    await waitFor('both revocations of what was granted first', () => again.grants.every(({ dead }) => dead));
  });

  test('that is taken back breaks alone, opens the credential again, and signing in replaces both', async () => {
    const room = rooms.chat;
    const { id, item, person } = await connect();
    const { main, grants } = await both(room, id);
    grants[1].dead = true;
    await oauth.age(id, 'user');
    const refused = await oauth.tryLive(id, { name: 'user' });
    assert.deepEqual([refused.status, refused.body.code], [424, 'SC424'], refused.text);
    assert.deepEqual(await tokensOf(id), [{ name: 'main', state: 'active' }, { name: 'user', state: 'broken' }]);
    assert.equal((await oauth.live(id)).token, main.token, 'the main one is given as before');
    assert.equal((await oauth.credential(item.id)).state, 'reauthorizing');
    const tested = await oauth.call('POST', `/api/v2/connections/${id}/test`);
    assert.equal(tested.status, 400, tested.text);
    assert.equal((await oauth.credential(item.id)).state, 'reauthorizing', 'a main token that works does not mend it');
    await oauth.age(id, 'main');
    assert.ok(room.accepts((await oauth.live(id)).token));
    assert.equal((await oauth.credential(item.id)).state, 'reauthorizing');
    await person.authorize(item.id);
    assert.equal(await oauth.connectionOf(item.id), id);
    const next = await both(room, id);
    assert.ok(next.grants.every((grant) => !grant.dead && !grants.includes(grant)));
    assert.deepEqual(await tokensOf(id), [{ name: 'main', state: 'active' }, { name: 'user', state: 'active' }]);
    assert.equal((await oauth.call('POST', `/api/v2/connections/${id}/test`)).status, 200);
    await waitFor('the end of what was there before', () => grants.every(({ dead }) => dead));
  });

  test('is there after all when the main one breaks', async () => {
    const { id, item } = await connect();
    const { user, grants } = await both(rooms.chat, id);
    grants[0].dead = true;
    await oauth.age(id, 'main');
    assert.equal((await oauth.tryLive(id)).status, 424);
    assert.equal((await oauth.live(id, { name: 'user' })).token, user.token);
    assert.equal((await oauth.credential(item.id)).state, 'reauthorizing');
    await oauth.age(id, 'user');
    assert.ok(rooms.chat.accepts((await oauth.live(id, { name: 'user' })).token));
    assert.equal((await oauth.credential(item.id)).state, 'reauthorizing');
  });

  test('is simply not there when nobody asks for it and it is not needed', async () => {
    const { id } = await oauth.connect('chat', { scopes: ['read'] });
    assert.equal(rooms.chat.requests.filter(({ path }) => path === 'authorize').at(-1).query.user_scope, undefined);
    assert.deepEqual(await tokenNames(id), ['main']);
    assert.match((await oauth.tryLive(id, { name: 'user' })).body.detail, /no token "user"/);
    const extended = await oauth.call('POST', '/api/v2/credential-requests/actions/extend', { connectionId: id, scopes: ['user:search'] });
    assert.equal(extended.status, 200, extended.text);
  });

  test('ends the attempt when it is needed and does not come', async () => {
    const { person, item } = await oauth.ask('team', { scopes: ['read'] });
    await person.walk(await person.connect(item.id));
    const failed = await person.settled(item.id);
    assert.equal(failed.progress, 'failed');
    assert.match(failed.problem.text, /has not given the token "user"/);
    await waitFor('the revocation of what came', () => rooms.team.grants.every(({ dead }) => dead));
    const { id } = await connect('team');
    assert.deepEqual(await tokenNames(id), ['main', 'user']);
  });
});

describe('a token for another audience', () => {
  test('is obtained with the main refresh token, carried by the test, and renewed without touching the main one', async () => {
    const room = rooms.drive;
    const { id } = await oauth.connect('drive');
    const [{ token: main }, { token: sites }] = [await oauth.live(id), await oauth.live(id, { name: 'sites' })];
    assert.deepEqual([room.access.get(main).audience, room.access.get(sites).audience], ['', 'sites/.default']);
    assert.equal(grantOf(room, sites), grantOf(room, main));
    assert.equal(room.requests.filter(({ path }) => path === 'me').at(-1).headers['x-sites'], sites);
    await oauth.age(id, 'sites');
    const renewed = await oauth.live(id, { name: 'sites' });
    assert.notEqual(renewed.token, sites);
    assert.equal(room.access.get(renewed.token).audience, 'sites/.default');
    assert.deepEqual(await generations(id, 'main', 'sites'), [1, 2]);
    assert.equal((await oauth.grant(id, 'sites')).refreshes, false, 'it has no refresh token of its own');
    await oauth.age(id);
    const asked = await askAtOnce(id, 16, 'main', 'sites');
    assert.equal(new Set(asked.map(({ token }) => token)).size, 2);
    assert.deepEqual(await generations(id, 'main', 'sites'), [2, 3]);
    assert.equal((await oauth.call('POST', `/api/v2/connections/${id}/test`)).status, 200);
    assert.equal((await remove(id)).status, 200);
    await waitFor('the revocation', () => room.grants.every(({ dead }) => dead));
  });

  test('that has ended is renewed before a test carries it', async () => {
    const { id } = await oauth.connect('drive');
    await oauth.age(id, 'sites');
    await oauth.stack.mysql('DO SLEEP(0.01)');
    assert.equal((await oauth.call('POST', `/api/v2/connections/${id}/test`)).status, 200);
    assert.deepEqual(await generations(id, 'main', 'sites'), [1, 2]);
  });

  test('that the provider does not give ends the attempt where it is needed', async () => {
    const { person, item } = await oauth.ask('refused');
    await person.walk(await person.connect(item.id));
    const failed = await person.settled(item.id);
    assert.equal(failed.progress, 'failed');
    assert.match(failed.problem.text, /the token "sites": .*nobody has agreed/);
    await waitFor('the revocation', () => rooms.refused.grants.every(({ dead }) => dead));
  });

  test('that the provider does not give is not there where it is not needed, and others are', async () => {
    const { id } = await oauth.connect('lacking');
    assert.deepEqual(await tokenNames(id), ['main', 'sites']);
    assert.equal((await oauth.tryLive(id, { name: 'wrong' })).status, 400);
  });

  test('breaks alone when the provider refuses it later', async () => {
    const room = rooms.lacking;
    const { id, item } = await oauth.connect('lacking');
    room.ways.audiences = ['other'];
    await oauth.age(id, 'sites');
    assert.equal((await oauth.tryLive(id, { name: 'sites' })).status, 424);
    room.ways.audiences = ['sites/.default'];
    assert.deepEqual(await tokensOf(id), [{ name: 'main', state: 'active' }, { name: 'sites', state: 'broken' }]);
    assert.equal((await oauth.credential(item.id)).state, 'reauthorizing');
    assert.equal((await oauth.tryLive(id)).status, 200);
  });

  test('stays when its refresh met one of the main grant, whose refresh token is another one since', async () => {
    const room = rooms.moving;
    const { id, item } = await oauth.connect('moving');
    await oauth.age(id);
    const release = room.hold('token-in');
    const asked = oauth.tryLive(id, { name: 'sites' });
    await waitFor('its refresh', () => release.waiting() > 0);
    room.gates.delete('token-in'); // only that one waits
    await liveAtLast(id);
    release();
    await asked;
    await waitFor('the next try', async () => (await oauth.grant(id, 'sites')).generation === 2, { seconds: 60 });
    assert.deepEqual(await tokensOf(id), [{ name: 'main', state: 'active' }, { name: 'sites', state: 'active' }]);
    assert.equal((await oauth.credential(item.id)).state, 'authorized');
  });

  test("is never obtained with another team's grant, whatever the database says it hangs on", async () => {
    const room = rooms.drive;
    const { id } = await oauth.connect('drive');
    const { token } = await oauth.live(id, { name: 'sites' });
    const other = Object.assign(Object.create(oauth), { world: await oauth.stack.world({ name: 'Other' }) });
    const theirs = await other.connect('drive');
    const their = grantOf(room, (await other.live(theirs.id)).token);
    const had = room.access.size;
    await oauth.stack.mysql(`DELETE FROM oauth_grant WHERE connection_id = ${theirs.id} AND token_name = 'sites'`);
    await oauth.stack.mysql(`UPDATE oauth_grant s JOIN oauth_grant m ON m.connection_id = ${theirs.id} AND m.token_name = 'main'
      SET s.main_uuid = m.uuid WHERE s.connection_id = ${id} AND s.token_name = 'sites'`);
    await oauth.age(id, 'sites');
    const answer = await oauth.tryLive(id, { name: 'sites' });
    assert.ok([400, 424, 500, 502].includes(answer.status), answer.text);
    assert.equal([...room.access.values()].slice(had).filter(({ grant }) => grant === their).length, 0);
    assert.notEqual(grantOf(room, token), their);
  });
});
