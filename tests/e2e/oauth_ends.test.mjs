// SPDX-License-Identifier: Apache-2.0
// What providers say, in words of their own, of grants and tokens that are over, of revocation, and of whose account it is.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { waitFor } from './harness.mjs';
import { startOauthStack } from './oauth_stack.mjs';
import { startOauthVendor } from './oauth_vendor.mjs';
import { ENDS, furnish } from './oauth_ways.mjs';

let oauth;
let vendor;
let ends;
let single; // rooms of one test each
before(async () => {
  vendor = await startOauthVendor();
  ends = ENDS.map((way) => ({ ...way, ...furnish(vendor, way) }));
  const make = (name, ways, more) => ({ room: vendor.room(name, ways), get connection() { return this.room.connection(name, more(this.room)); } });
  single = {
    forgetful: make('forgetful', { rotates: false }, () => ({ oauth2: { keep_old_refresh: false } })),
    all: make('all', {}, (room) => ({ oauth2: { revoke: { url: `${room.url}/revoke`, style: 'form', ends_all: true } } })),
    told: make('told', { shape: (values) => ({ type: 'application/json', body: JSON.stringify({ ...values, owner: { id: 4711 } }) }) },
      () => ({ oauth2: { response_map: { access_token: ['/access_token'], account: ['/owner/id'] } }, account_id: undefined })),
    session: make('session', { session: true }, (room) => ({ oauth2: { expires: { source: 'answer', default_s: 600 },
      post_exchange: { url: `${room.url}/long`, params: { access_token: '<<access_token>>' }, after_refresh: true },
      response_map: { access_token: ['/session', '/access_token'] } } })),
    polite: make('polite', { always_200: true }, (room) => ({ test: { method: 'GET', url: `${room.url}/me`, expect: [200], success_when: { path: '/id' } } })),
  };
  oauth = await startOauthStack([...ends, ...Object.values(single)].map(({ connection, secret }) => ({ connection, secret })));
});
after(async () => {
  await oauth?.close();
  await vendor?.close();
});

describe('a grant is over when the provider says', () => {
  for (const [at, { name }] of ENDS.entries()) {
    test(name, async () => {
      const row = ends[at];
      const { id, item } = await oauth.connect(row.type);
      await oauth.age(id);
      assert.ok(row.room.accepts((await oauth.live(id)).token));
      row.room.end('grace');
      await oauth.age(id);
      assert.notEqual((await oauth.tryLive(id)).status, 200);
      assert.equal((await oauth.grant(id)).state, 'broken');
      assert.equal((await oauth.credential(item.id)).state, 'reauthorizing');
    });
  }
});

test('a refresh without a refresh token ends the old one where the definition says so', async () => {
  const { id } = await oauth.connect('forgetful');
  assert.equal((await oauth.grant(id)).refreshes, true);
  await oauth.age(id);
  await oauth.live(id);
  const grant = await oauth.grant(id);
  assert.deepEqual([grant.generation, grant.refreshes], [2, false]);
});

test('where revoking ends all of an account, it is left to the last connection', async () => {
  const { room } = single.all;
  const one = await oauth.connect('all');
  const two = await oauth.connect('all');
  const deleted = async ({ id }) => assert.equal((await oauth.call('DELETE', `/api/v2/connections/${id}?confirmed=true`)).status, 200);
  await deleted(one);
  await waitFor('the verdict', async () =>
    (await oauth.stack.mysql(`SELECT COUNT(*) FROM audit WHERE event = 'connection.revoke_not_supported'`))[0][0] !== '0');
  assert.deepEqual(room.revoked, []);
  assert.ok(room.accepts((await oauth.live(two.id)).token));
  await deleted(two);
  await waitFor('the revocation', () => room.revoked.length === 1);
});

test('the token answer may say whose account it is', async () => {
  const { id } = await oauth.connect('told');
  const [[account]] = await oauth.stack.mysql(`SELECT account_id FROM oauth_grant WHERE connection_id = ${id}`);
  assert.equal(account, '4711');
});

test('a service that says 200 of a token that has ended is not believed', async () => {
  const { id } = await oauth.connect('polite');
  const check = () => oauth.call('POST', `/api/v2/connections/${id}/test`);
  assert.equal((await check()).status, 200);
  single.polite.room.end('grace');
  assert.notDeepEqual((await check()).body, { verified: true });
});

test('a session that cannot be opened costs no refresh token, and is opened by the next refresh', async () => {
  const { room } = single.session;
  const { id } = await oauth.connect('session');
  room.ways.no_sessions = true;
  await oauth.age(id);
  assert.notEqual((await oauth.tryLive(id)).status, 200);
  const grant = await oauth.grant(id);
  assert.deepEqual([grant.state, grant.refreshes], ['active', true]);
  assert.ok(grant.generation >= 2 && grant.life <= 0, JSON.stringify(grant));
  room.ways.no_sessions = false;
  assert.ok(room.accepts((await oauth.live(id)).token));
  assert.ok(Object.values(room.spends()).every((times) => times === 1), JSON.stringify(room.spends()));
});
