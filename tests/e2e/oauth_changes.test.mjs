// SPDX-License-Identifier: Apache-2.0
// Connections that change while something is on its way to them: rights that were extended meanwhile are not taken away by who was asked
// for less, and fields that a refresh says are others now are others from then on.
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';

import { waitFor } from './harness.mjs';
import { startOauthStack } from './oauth_stack.mjs';
import { startOauthVendor, usual } from './oauth_vendor.mjs';
import { Person } from './person.mjs';

const SCOPES = ['read', 'write', 'admin', 'user:search'].map((name) => ({ name, words: `The right to ${name}` }));
const INSTANCE = { name: 'instance', path: ['/instance'], pattern: '[a-z0-9-]{1,20}', required: true };
const USER = { name: 'user', from: 'answer', scope_param: 'user_scope', response_map: { access_token: ['/authed_user/access_token'],
  refresh_token: ['/authed_user/refresh_token'], expires: ['/authed_user/expires_in'], scope: ['/authed_user/scope'] } };

let oauth;
let vendor;
let shop;
let moving;
before(async () => {
  vendor = await startOauthVendor();
  shop = vendor.room('shop');
  moving = vendor.room('moving');
  oauth = await startOauthStack([
    { connection: shop.connection('shop', { oauth2: { scopes: SCOPES, tokens: [USER] } }) },
    { connection: moving.connection('moving', {
      test: { method: 'GET', url: `${moving.url}/me?instance=<<instance>>`, expect: [200] },
      oauth2: { scopes: SCOPES, tokens: [USER], answer_fields: [INSTANCE], refresh_params: { at: '<<instance>>' } },
    }) },
  ]);
});
after(async () => {
  await oauth?.close();
  await vendor?.close();
});

const scopesOf = async (id) => (await oauth.call('GET', `/api/v2/connections/${id}`)).body.connection.scopes.map((scope) => scope.id).sort();

describe('of two that are on their way to one connection', () => {
  // A person who is to grant more.
  async function extension(id, ...scopes) {
    const extended = await oauth.call('POST', '/api/v2/credential-requests/actions/extend', { connectionId: id, scopes });
    assert.equal(extended.status, 200, extended.text);
    const person = new Person(oauth.stack, extended.body.publicUri);
    const { items: [item] } = await person.look();
    return { person, item };
  }
  async function setOut({ person, item }) {
    await person.walk(await person.connect(item.id));
    assert.equal((await person.settled(item.id)).progress, 'confirm');
  }
  async function isRefused({ person, item }) {
    const given = shop.grants.at(-1);
    await person.confirm(item.id);
    const refused = await person.settled(item.id);
    assert.equal(refused.progress, 'failed', JSON.stringify(refused));
    assert.match(refused.problem.text, /given more rights meanwhile.*sign in once more/);
    return given;
  }
  async function confirm({ person, item }) {
    await person.confirm(item.id);
    assert.equal((await person.settled(item.id)).state, 'authorized');
  }

  test('the one that was asked for less does not take away what the other brought', async () => {
    const { id } = await oauth.connect('shop', { scopes: ['read'] });
    const [writes, administers] = [await extension(id, 'write', 'user:search'), await extension(id, 'admin')];
    await setOut(writes);
    await setOut(administers);
    const last = shop.grants.at(-1);
    await confirm(writes);
    assert.deepEqual(await scopesOf(id), ['read', 'user:search', 'write']);
    const { uuid } = await oauth.grant(id);
    await isRefused(administers);
    await waitFor('the revocation of what was granted in vain', () => last.dead);
    assert.equal((await oauth.grant(id)).uuid, uuid);
    assert.deepEqual(await scopesOf(id), ['read', 'user:search', 'write']);
    await setOut(administers);
    const { query } = shop.requests.filter(({ path }) => path === 'authorize').at(-1);
    assert.deepEqual([query.scope.split(' ').sort(), query.user_scope], [['admin', 'read', 'write'], 'search']);
    await confirm(administers);
    assert.deepEqual(await scopesOf(id), ['admin', 'read', 'user:search', 'write']);
    assert.ok(shop.accepts((await oauth.live(id, { name: 'user' })).token));
  });

  test('signing in again does not take away what an extension has brought meanwhile', async () => {
    const { id, person, item } = await oauth.connect('shop', { scopes: ['read'] });
    const writes = await extension(id, 'write');
    shop.grants.at(-1).dead = true;
    await oauth.age(id);
    assert.equal((await oauth.tryLive(id)).status, 424);
    const again = { person, item };
    await setOut(again);
    await setOut(writes);
    await confirm(writes);
    assert.equal((await oauth.credential(item.id)).state, 'reauthorizing');
    await isRefused(again);
    assert.ok(shop.accepts((await oauth.live(id)).token));
    await person.authorize(item.id);
    assert.deepEqual(await scopesOf(id), ['read', 'write']);
    assert.equal(await oauth.connectionOf(item.id), id);
  });

  test('the later one counts when it was asked for all there is', async () => {
    const { id } = await oauth.connect('shop', { scopes: ['read'] });
    const [one, both] = [await extension(id, 'write'), await extension(id, 'write', 'admin')];
    await setOut(one);
    await setOut(both);
    await confirm(one);
    await confirm(both);
    assert.deepEqual(await scopesOf(id), ['admin', 'read', 'write']);
  });

  test('who is asked for all and grants less has the last word', async () => {
    const { id } = await oauth.connect('shop', { scopes: ['read', 'write'] });
    const administers = await extension(id, 'admin');
    shop.ways.shape = (values) => usual.shape({ ...values, scope: 'read admin' });
    await setOut(administers);
    shop.ways.shape = usual.shape;
    await confirm(administers);
    assert.deepEqual(await scopesOf(id), ['admin', 'read']);
  });
});

describe('a field that the answer brings', () => {
  let instance;
  let id;
  beforeEach(async () => {
    instance = 'eu-1';
    moving.ways.shape = (values) => usual.shape({ ...values, instance });
    ({ id } = await oauth.connect('moving', { scopes: ['read', 'user:search'] }));
  });

  async function refresh(name) {
    await oauth.age(id, name);
    await oauth.live(id, { name });
    return moving.requests.filter(({ path, form }) => path === 'token' && form.grant_type === 'refresh_token').at(-1).form.at;
  }
  async function tested() {
    const answer = await oauth.call('POST', `/api/v2/connections/${id}/test`);
    assert.equal(answer.status, 200, answer.text);
    return moving.requests.filter(({ path }) => path === 'me').at(-1).query.instance;
  }

  test('is another one after a refresh that says so, for the connection and for each of its tokens', async () => {
    instance = 'us-2';
    assert.equal(await refresh(), 'eu-1');
    assert.equal(await tested(), 'us-2');
    assert.equal(await refresh('user'), 'us-2');
    assert.equal(await refresh(), 'us-2');
    assert.equal((await oauth.grant(id)).generation, 3);
    assert.deepEqual(await oauth.stack.findSecret('us-2'), []);
  });

  test('stays what it was when a refresh does not say, or nothing that it could be', async () => {
    for (const next of [undefined, null, '', 'evil.example/', 'x'.repeat(21), { id: 'us-2' }, ['us-2']]) {
      instance = next;
      await refresh();
      assert.equal(await refresh(), 'eu-1', JSON.stringify(next));
    }
    assert.equal(await tested(), 'eu-1');
  });

  test('is not what a refresh of another token says', async () => {
    instance = 'us-2';
    await refresh('user');
    assert.equal(await refresh('user'), 'eu-1');
    assert.equal(await tested(), 'eu-1');
  });
});
