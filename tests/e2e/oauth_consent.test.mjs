// SPDX-License-Identifier: Apache-2.0
// A provider that gives no code: an administrator grants the client itself access to his directory, and the client asks for tokens with
// nothing but what it is, as often as it likes. Whose directory it is the requester says: the redirect is not to be trusted.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { waitFor } from './harness.mjs';
import { startOauthStack } from './oauth_stack.mjs';
import { startOauthVendor } from './oauth_vendor.mjs';

const DIRECTORY = '6c1e2f0a-93b4-4c3e-9f57-0d8a5b1c2e3f';
const ANOTHER = '00000000-aaaa-4bbb-8ccc-dddddddddddd';
const GUID = '[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}';
const PREFILL = { hard: { directory: DIRECTORY } };

let vendor;
let room;
let oauth;
before(async () => {
  vendor = await startOauthVendor();
  room = vendor.room('consent', { consent: { scope: 'read' }, pkce: 'off' });
  const connection = room.connection('consent', {
    fields: [{ name: 'directory', type: 'text', label: 'Directory', required: true, requester: true, pattern: GUID, expected: 'the id of a directory' }],
    oauth2: {
      authorize_url: `${room.url}/authorize/<<directory>>`, token_url: `${room.url}/token/<<directory>>`,
      revoke: undefined, rotation: undefined, pkce: 'off', token_grant: 'client_credentials', refresh_source: 'client',
      token_params: { scope: 'read' }, denied_when: { param: 'admin_consent', value: 'False' }, dead_errors: ['unauthorized_client'],
      callback_fields: [{ name: 'granted_by', param: 'tenant', pattern: GUID, required: true, same_as: 'directory' },
        { name: 'consent', param: 'admin_consent', pattern: '[Tt]rue', required: true }],
    },
  });
  oauth = await startOauthStack([{ connection, own: true }]);
});
after(async () => {
  await oauth?.close();
  await vendor?.close();
});

// As the redirect of the provider, but with other values; null: without it.
async function comeBack(person, item, change) {
  const { callback } = await person.walk(await person.connect(item.id), { stopBefore: true });
  const url = new URL(callback);
  for (const [name, value] of Object.entries(change)) {
    if (value === null) url.searchParams.delete(name);
    else url.searchParams.set(name, value);
  }
  return person.walk(String(url));
}

test('the client of such a provider belongs to one organization', async () => {
  await assert.rejects(oauth.register('consent'), /--organization/);
});

test('who asks must say whose directory it is', async () => {
  for (const prefill of [undefined, null, {}, { soft: { directory: DIRECTORY } }, { hard: {} }])
    await assert.rejects(oauth.askFilled('consent', prefill), /prefill.hard.directory/);
  await assert.rejects(oauth.ask('consent'), /create-by-credentials/);
});

test('an administrator grants it, and tokens are had by the client alone', async () => {
  const { id, made } = await oauth.connect('consent', { prefill: PREFILL });
  assert.equal(made.account.name, 'grace');
  const { token: first } = await oauth.live(id);
  assert.ok(room.accepts(first));
  const grant = await oauth.grant(id);
  assert.equal(grant.refreshes, false, 'there is no refresh token');
  for (const before_ of [first, undefined]) {
    await oauth.age(id);
    const { token } = await oauth.live(id);
    assert.ok(room.accepts(token));
    assert.notEqual(token, before_);
  }
  assert.equal((await oauth.grant(id)).generation, 3);
  assert.deepEqual(room.faults, []);
  const seen = room.requests.filter(({ path }) => path === 'token');
  for (const { form } of seen) assert.deepEqual(Object.keys(form).sort(), ['client_id', 'client_secret', 'grant_type', 'scope']);
});

test('many who want it at once are one call', async () => {
  const { id } = await oauth.connect('consent', { prefill: PREFILL });
  await oauth.age(id);
  const before_ = room.calls('token');
  const answers = await Promise.all(Array.from({ length: 6 }, () => oauth.tryLive(id)));
  const { token } = await oauth.live(id); // some may have been told to come again
  assert.deepEqual([...new Set(answers.map(({ body }) => body.token ?? token))], [token]);
  assert.equal(room.calls('token'), before_ + 1);
});

test('a provider that says nothing is asked again at once: nothing was spent', async () => {
  const { id } = await oauth.connect('consent', { prefill: PREFILL });
  await oauth.age(id);
  room.ways.drop = 2;
  const before_ = room.calls('token');
  const began = Date.now();
  await waitFor('a token', async () => (await oauth.tryLive(id)).status === 200, { seconds: 45 });
  assert.ok(Date.now() - began < 45000, 'the lease of a token that may be spent is 60 s');
  assert.equal(room.calls('token'), before_ + 3);
  assert.equal((await oauth.grant(id)).state, 'active');
});

test('an administrator who says no has denied it', async () => {
  for (const no of ['permission_denied', 'access_denied', 'False']) {
    room.ways.no_consent = no;
    const { person, item } = await oauth.askFilled('consent', PREFILL);
    const calls = room.calls('token');
    await person.walk(await person.connect(item.id));
    const after_ = await person.settled(item.id);
    assert.equal(after_.progress, 'failed', no);
    assert.equal(after_.problem.code, 'denied', JSON.stringify(after_));
    assert.equal(room.calls('token'), calls);
  }
  room.ways.no_consent = null;
});

test('a redirect about another directory, or about none, comes to nothing', async () => {
  for (const change of [{ tenant: ANOTHER }, { tenant: null }, { tenant: 'common' }, { admin_consent: null }, { admin_consent: 'maybe' }]) {
    const { person, item } = await oauth.askFilled('consent', PREFILL);
    const calls = room.calls('token');
    await comeBack(person, item, change);
    const after_ = await person.settled(item.id);
    assert.equal(after_.progress, 'failed', JSON.stringify(change));
    assert.equal(after_.state, 'pending');
    assert.equal(room.calls('token'), calls, JSON.stringify(change));
  }
});

test('the directory cannot be changed by who is asked', async () => {
  const { person, item } = await oauth.askFilled('consent', PREFILL);
  const answer = await person.call('POST', `/items/${item.id}/connect`, { fields: { directory: ANOTHER } });
  assert.equal(answer.status, 400, answer.text);
  assert.match(answer.text, /filled in by the requester/);
});

test('the letter case of the directory does not matter', async () => {
  const { person, item } = await oauth.askFilled('consent', PREFILL);
  await comeBack(person, item, { tenant: DIRECTORY.toUpperCase() });
  assert.equal((await person.settled(item.id)).progress, 'confirm');
});

test('a consent that is withdrawn opens the credential again', async () => {
  const { id, item } = await oauth.connect('consent', { prefill: PREFILL });
  room.consented.get(DIRECTORY).dead = true;
  await oauth.age(id);
  const answer = await oauth.tryLive(id);
  assert.notEqual(answer.status, 200);
  assert.equal((await oauth.grant(id)).state, 'broken');
  assert.equal((await oauth.credential(item.id)).state, 'reauthorizing');
});
