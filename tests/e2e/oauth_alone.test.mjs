// SPDX-License-Identifier: Apache-2.0
// Answers to a code that are not what was asked for: a token of the person that comes without the main one, which is all there is then;
// and answers that lead to no connection, of which nothing is left at the provider.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { waitFor } from './harness.mjs';
import { startOauthStack } from './oauth_stack.mjs';
import { startOauthVendor } from './oauth_vendor.mjs';

const SCOPES = [{ name: 'read', words: 'Read' }, { name: 'user:search', words: 'Search as you' }];
const USER = {
  name: 'user', from: 'answer', scope_param: 'user_scope', alone: true,
  response_map: { access_token: ['/authed_user/access_token'], refresh_token: ['/authed_user/refresh_token'],
    expires: ['/authed_user/expires_in'], scope: ['/authed_user/scope'], token_type: ['/authed_user/token_type'] },
};
const SITES = { name: 'sites', from: 'refresh_token', refresh_params: { scope: 'sites/.default' } };
const json = (change) => (values, context) => ({ type: 'application/json', body: JSON.stringify(change(values, context)) });
const field = (name) => ({ name, path: [`/${name}`], pattern: '[a-z]{1,20}', required: true });

// What is wrong with an answer, and how the failure is told.
const WRONG = {
  'lacks what calls need': { oauth2: { answer_fields: [field('shop')] }, words: /answered 200 without/ },
  'has a refresh token alone': { ways: { shape: json(({ access_token: _, ...values }) => values) }, words: /answered 200 without/ },
  'has no refresh token, and lacks what calls need': { oauth2: { answer_fields: [field('shop')] }, words: /answered 200 without/,
    ways: { shape: json(({ refresh_token: _, ...values }) => values) } },
  'says that it is none': { ways: { shape: json((values) => ({ ...values, error: 'partial' })) }, oauth2: { error_when: { path: '/error' } },
    words: /partial/ },
  'has a token of the person alone, which must not be': { ways: { user_alone: true }, scopes: ['user:search'], words: /answered 200 without/,
    oauth2: { scopes: SCOPES, tokens: [{ ...USER, alone: false }] } },
  'has one that may be alone, and lacks another': { ways: { user_alone: true, audiences: ['sites/.default'], rotates: false }, scopes: ['user:search'],
    words: /the token "sites": .*no refresh token/, oauth2: { scopes: SCOPES, rotation: { rotates: false }, tokens: [USER, { ...SITES, required: true }] } },
  'has one that may be alone, and lacks what calls need': { ways: { user_alone: true }, scopes: ['user:search'], words: /answered 200 without/,
    oauth2: { scopes: SCOPES, tokens: [USER], answer_fields: [field('shop')] } },
  'has a token that is good for nothing': { ways: { me: {} }, more: { test: undefined }, expect: [204], words: /./ },
  'is of an account that says too little': { oauth2: { test_fields: [field('shop')] }, words: /does not say what calls/ },
  'cannot be made long-lived': { ways: { session: true, no_sessions: true }, words: /./,
    oauth2: (room) => ({ post_exchange: { url: `${room.url}/long`, params: { access_token: '<<access_token>>' } } }) },
};

let oauth;
let vendor;
let alone;
let both;
const wrong = {};
before(async () => {
  vendor = await startOauthVendor();
  alone = vendor.room('alone', { user_alone: true });
  both = vendor.room('both', { user_alone: true });
  Object.entries(WRONG).forEach(([name, { ways, oauth2 = {}, expect }], at) => {
    const room = vendor.room(`wrong-${at}`, ways);
    const connection = room.connection(`wrong-${at}`, { oauth2: typeof oauth2 === 'function' ? oauth2(room) : oauth2 });
    if (expect) connection.test.expect = expect;
    wrong[name] = { room, connection };
  });
  oauth = await startOauthStack([
    { connection: alone.connection('alone', { oauth2: { scopes: SCOPES, tokens: [USER] } }) },
    { connection: both.connection('both', { oauth2: { scopes: SCOPES, tokens: [USER] } }) },
    ...Object.values(wrong).map(({ connection }) => ({ connection })),
  ]);
});
after(async () => {
  await oauth?.close();
  await vendor?.close();
});

const connectionOf = async (id) => (await oauth.call('GET', `/api/v2/connections/${id}`)).body.connection;
const testOf = (id) => oauth.call('POST', `/api/v2/connections/${id}/test`);
const grantOf = (room, token) => room.access.get(token)?.grant;

describe('a token of the person that comes alone', () => {
  const connect = () => oauth.connect('alone', { scopes: ['user:search'] });

  test('is all that the connection has, and is given by its name alone', async () => {
    const { id, item, made } = await connect();
    assert.equal(made.account?.name ?? 'grace', 'grace');
    const connection = await connectionOf(id);
    assert.deepEqual(connection.tokens, [{ name: 'user', state: 'active' }]);
    assert.deepEqual(connection.scopes.map((scope) => scope.id), ['user:search']);
    assert.equal(connection.uid, 'id-grace');
    const { token, tokenType } = await oauth.live(id, { name: 'user' });
    assert.equal(tokenType, 'user');
    assert.deepEqual(grantOf(alone, token).scopes, ['search']);
    for (const name of [undefined, 'main']) {
      const answer = await oauth.tryLive(id, { name });
      assert.deepEqual([answer.status, answer.body.code], [400, 'IM005'], answer.text);
      assert.match(answer.body.detail, /no main token: ask for "user"/);
    }
    assert.match((await oauth.tryLive(id, { name: 'owner' })).body.detail, /no token "owner"/);
    assert.equal((await oauth.credential(item.id)).state, 'authorized');
  });

  test('is carried by the test in the place of the main one, a new one when it has ended', async () => {
    const { id } = await connect();
    const { token } = await oauth.live(id, { name: 'user' });
    assert.equal((await testOf(id)).status, 200);
    assert.equal(alone.requests.filter(({ path }) => path === 'me').at(-1).headers.authorization, `Bearer ${token}`);
    await oauth.age(id);
    assert.equal((await testOf(id)).status, 200);
    const next = await oauth.live(id, { name: 'user' });
    assert.notEqual(next.token, token);
    assert.equal(alone.requests.filter(({ path }) => path === 'me').at(-1).headers.authorization, `Bearer ${next.token}`);
    assert.equal((await oauth.grant(id, 'user')).generation, 2);
  });

  test('is refreshed when it is asked for, and by the sweep', async () => {
    const { id } = await connect();
    const first = await oauth.live(id, { name: 'user' });
    await oauth.age(id);
    const second = await oauth.live(id, { name: 'user' });
    assert.equal(grantOf(alone, second.token), grantOf(alone, first.token));
    await oauth.stack.mysql(`UPDATE oauth_grant SET refresh_at = UTC_TIMESTAMP(3) WHERE connection_id = ${id}`);
    await waitFor('the refresh', async () => (await oauth.grant(id, 'user')).generation === 3, { seconds: 90 });
    assert.deepEqual(alone.faults, []);
  });

  test('is given back with the connection', async () => {
    const { id } = await connect();
    const grant = grantOf(alone, (await oauth.live(id, { name: 'user' })).token);
    assert.equal((await oauth.call('DELETE', `/api/v2/connections/${id}?confirmed=true`)).status, 200);
    await waitFor('the revocation', () => grant.dead);
    await waitFor('its end here', async () => (await oauth.stack.mysql("SELECT COUNT(*) FROM oauth_grant WHERE state = 'ending'"))[0][0] === '0');
  });

  test('breaks the connection when it is taken back, and signing in mends it, with a main one or without', async () => {
    const { id, item, person } = await connect();
    const grant = grantOf(alone, (await oauth.live(id, { name: 'user' })).token);
    grant.dead = true;
    await oauth.age(id);
    assert.equal((await oauth.tryLive(id, { name: 'user' })).status, 424);
    assert.deepEqual((await connectionOf(id)).tokens, [{ name: 'user', state: 'broken' }]);
    assert.equal((await oauth.credential(item.id)).state, 'reauthorizing');
    assert.equal((await testOf(id)).status, 400);
    await person.authorize(item.id);
    assert.equal(await oauth.connectionOf(item.id), id);
    assert.deepEqual((await connectionOf(id)).tokens, [{ name: 'user', state: 'active' }]);
    assert.equal((await testOf(id)).status, 200);
  });

  test('gets a main one beside it when that is asked for later', async () => {
    const { id } = await oauth.connect('both', { scopes: ['user:search'] });
    const extended = await oauth.call('POST', '/api/v2/credential-requests/actions/extend', { connectionId: id, scopes: ['read'] });
    assert.equal(extended.status, 200, extended.text);
    const { person, item } = await oauth.asked(extended);
    await person.authorize(item.id);
    assert.deepEqual((await connectionOf(id)).tokens.map(({ name }) => name), ['main', 'user']);
    assert.notEqual((await oauth.live(id)).token, (await oauth.live(id, { name: 'user' })).token);
    assert.equal((await testOf(id)).status, 200);
    await waitFor('the end of what was there before', () => both.grants[0].dead);
  });
});

describe('nothing is left at the provider of an answer that', () => {
  for (const [name, { scopes, words }] of Object.entries(WRONG)) {
    test(name, async () => {
      const { room, connection } = wrong[name];
      const { person, item } = await oauth.ask(connection.type, { scopes });
      await person.walk(await person.connect(item.id));
      const failed = await person.settled(item.id);
      assert.equal(failed.progress, 'failed', JSON.stringify(failed));
      assert.match(failed.problem.text, words);
      await waitFor('the revocation', () => room.grants.length > 0 && room.grants.every(({ dead }) => dead));
      assert.ok(room.revoked.every(({ known }) => known), 'only what the provider knows is sent to it');
      await waitFor('its end here', async () => (await oauth.stack.mysql(
        `SELECT COUNT(*) FROM oauth_grant WHERE connection_type = '${connection.type}'`))[0][0] === '0');
    });
  }
});
