// SPDX-License-Identifier: Apache-2.0
// Providers that are not as RFC 6749 has them: each way of being different, from the link to a token that was refreshed and given
// back, with nothing but data in the app definition. And answers that are of no use.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { waitFor } from './harness.mjs';
import { startOauthStack } from './oauth_stack.mjs';
import { startOauthVendor, usual } from './oauth_vendor.mjs';
import { CANARY, furnish, USELESS, WAYS } from './oauth_ways.mjs';

const SLACK_S = 90; // between what the provider says and what is kept

let oauth;
let vendor;
let rows;
let hostile;
before(async () => {
  vendor = await startOauthVendor();
  rows = WAYS.map((way) => ({ ...way, ...furnish(vendor, way) }));
  hostile = { room: vendor.room('hostile') };
  hostile.connection = hostile.room.connection('hostile');
  oauth = await startOauthStack([...rows, hostile].map(({ connection, secret }) => ({ connection, secret })));
});
after(async () => {
  await oauth?.close();
  await vendor?.close();
});

// The newest token works at the provider's API.
async function works(row, id) {
  const { token } = await oauth.live(id);
  assert.ok(row.room.accepts(token), `${row.type}: the provider does not take ${token}`);
  return token;
}

async function refreshed(row, id, before_) {
  await oauth.age(id);
  const token = await works(row, id);
  assert.notEqual(token, before_);
  return token;
}

describe('a provider where', () => {
  for (const [at, { name }] of WAYS.entries()) {
    test(name, async () => {
      const row = rows[at];
      const { id, made } = await oauth.connect(row.type, { scopes: ['read', 'write'], fields: row.fields });
      assert.equal(made.account.name, 'grace');
      const grant = await oauth.grant(id);
      assert.deepEqual([...grant.scopes].sort(), [...new Set(['read', 'write', ...row.connection.oauth2.default_scopes ?? []])].sort());
      if (row.life === null) assert.equal(grant.life, null);
      else if (row.life) assert.ok(Math.abs(grant.life - row.life) < SLACK_S, `lives ${grant.life} s, not ${row.life}`);
      const first = await works(row, id);
      if (row.given) assert.deepEqual((await oauth.live(id)).fields, row.given);
      if (row.seen) {
        const seen = row.room.requests.filter(({ path }) => path === row.seen.path).at(-1);
        assert.deepEqual(seen?.query, row.seen.query);
      }
      if (row.refresh !== false) {
        const second = await refreshed(row, id, first);
        await refreshed(row, id, second);
        assert.deepEqual(row.room.spends(), row.refresh === 'same' ? { 1: 2 } : { 1: 1, 2: 1 });
      }
      assert.deepEqual(row.room.faults, []);
      const gone = await oauth.call('DELETE', `/api/v2/connections/${id}?confirmed=true`);
      assert.equal(gone.status, 200, gone.text);
      await waitFor('the revocation', () => row.room.grants.every(({ dead }) => dead));
      assert.ok(row.room.revoked.every(({ known }) => known), 'what was revoked is a token of it');
    });
  }
});

test('an account that does not say what calls need, or says it otherwise, is not connected', async () => {
  const row = rows[WAYS.findIndex(({ name }) => name === 'the account itself says what later calls need')];
  const { me } = row.room.ways;
  for (const wrong of [{}, { accounts: [{ id: 'b-7' }] }, { accounts: [{ id: 'a-7', base: 'https://EVIL' }] }]) {
    row.room.ways.me = wrong;
    const { person, item } = await oauth.ask(row.type);
    await person.walk(await person.connect(item.id, row.fields));
    const after_ = await person.settled(item.id);
    assert.equal(after_.progress, 'failed', JSON.stringify(after_));
    assert.match(after_.problem.text, /does not say what calls/);
  }
  row.room.ways.me = me;
  await waitFor('what was granted is given back', () => row.room.grants.every(({ dead }) => dead));
});

test('a state under another name than was sent is nobody\'s', async () => {
  const row = rows[WAYS.findIndex(({ name }) => name === 'the state has another name')];
  const { person, item } = await oauth.ask(row.type);
  const { callback } = await person.walk(await person.connect(item.id), { stopBefore: true });
  const state = new URL(callback).searchParams.get('customField');
  for (const change of [{ customField: null, state }, { customField: 'x', state }, { customField: null, other: state }]) {
    const url = new URL(callback);
    for (const [name, value] of Object.entries(change)) {
      if (value === null) url.searchParams.delete(name);
      else url.searchParams.set(name, value);
    }
    const { answer } = await person.walk(String(url));
    assert.equal(answer.status, 400, JSON.stringify(change));
  }
  const { answer } = await person.walk(callback);
  assert.equal(answer.status, 303);
  assert.equal((await person.settled(item.id)).progress, 'confirm');
});

describe('an answer to the code that is', () => {
  for (const [name, { status, type, body, headers }] of USELESS) {
    test(`${name}: comes to nothing but words`, async () => {
      const { room } = hostile;
      room.ways.shape = (values) => ({ status, type, body: body(values), headers });
      const { person, item } = await oauth.ask('hostile');
      const { answer } = await person.walk(await person.connect(item.id));
      assert.equal(answer.status, 303);
      const tried = room.calls('token');
      const after_ = await person.settled(item.id, { seconds: 40 });
      assert.equal(after_.progress, 'failed', JSON.stringify(after_));
      assert.equal(after_.state, 'pending');
      assert.ok(after_.problem?.text, JSON.stringify(after_));
      assert.doesNotMatch(JSON.stringify(after_), new RegExp(`${CANARY}|[Mm]aintenance|access-|refresh-`));
      assert.ok(room.calls('token') - tried <= 1, 'a code is not sent again');
      const states = async () => (await oauth.stack.mysql(`SELECT state FROM oauth_grant WHERE uuid_text(credential_id) = '${item.id}'`)).flat();
      assert.ok((await states()).every((state) => state === 'ending')); // what came is given back
      await waitFor('the revocation', async () => (await states()).length === 0);
    });
  }

  test('of use: the same item is connected after all of that', async () => {
    hostile.room.ways.shape = usual.shape;
    await oauth.connect('hostile');
    assert.doesNotMatch(oauth.stack.logs(), new RegExp(CANARY));
  });
});
