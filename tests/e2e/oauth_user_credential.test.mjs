// SPDX-License-Identifier: Apache-2.0
// User credentials that a person connects: the link, the way to the provider and back, the token and its refresh, and what ends it all.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startStack, waitFor } from './harness.mjs';
import { startOauthVendor } from './oauth_vendor.mjs';
import { Person } from './person.mjs';

const BASE = '/api/v1/user_credentials';
const SECRET = 'canary-client-secret-91';

let stack; let vendor; let mine; let theirs; let made = 0;

const api = (method, path, body, options = {}) => stack.api(method, path, body, { token: mine.token, ...options });
const count = async (sql) => Number((await stack.mysql(`SELECT COUNT(*) FROM ${sql}`))[0][0]);
const room = (name, ways = {}) => vendor.room(name, { ...ways, client: { id: 'client', secret: SECRET, auth: 'body', ...ways.client } });

before(async () => {
  vendor = await startOauthVendor();
  stack = await startStack();
  mine = await stack.world({ name: 'Ada' });
  theirs = await stack.world({ name: 'Mallory' });
});

after(async () => {
  await stack?.close();
  await vendor?.close();
});

const bodyFor = (at, more = {}) => ({ name: `drive ${made += 1}`, team_id: mine.teamId, mode: 'OAUTH', oauth_grant_type: 'authorization_code',
  oauth_url: `${at.url}/authorize`, oauth_token_url: `${at.url}/token`, oauth_client_id: 'client', oauth_client_secret: SECRET,
  oauth_scope: 'read write', oauthPkceCodeChallengeMethod: at.ways.pkce, ...more });

async function create(at, more) {
  const answer = await api('POST', BASE, bodyFor(at, more));
  assert.equal(answer.status, 201, answer.text);
  return answer.body;
}

// A link for it, and the browser it is opened in.
async function ask(id, options) {
  const answer = await api('POST', `${BASE}/${id}/connect`, undefined, options);
  assert.equal(answer.status, 201, answer.text);
  const person = new Person(stack, answer.body.publicUri);
  return { answer, person, item: await person.item(0) };
}

async function connect(id) {
  const { person, item } = await ask(id);
  await person.authorize(item.id);
  return { person, item };
}

// Callers who may not wait any longer are told for which job to come back.
async function token(id, options) {
  let answer = await api('POST', `${BASE}/${id}/token`, undefined, options);
  while (answer.status === 202) answer = await api('POST', `${BASE}/${id}/token`, { job_id: answer.body.job.id }, options);
  return answer;
}

async function tokenOf(id) {
  const answer = await token(id);
  assert.equal(answer.status, 200, answer.text);
  return answer.body.token;
}

async function noToken(id, words) {
  const answer = await token(id);
  assert.equal(answer.status, 424, answer.text);
  assert.match(answer.body.error, words);
}

// As time does it: the access token there is has ended.
const expire = (id) => stack.mysql(`UPDATE oauth_token t JOIN oauth_grant g ON g.uuid = t.grant_uuid
  SET t.expires_at = UTC_TIMESTAMP(3) - INTERVAL 1 SECOND WHERE g.user_credential_id = ${id};
  DELETE FROM fetch_token WHERE credential_id = ${id}`);
const stateOf = async ({ item }) => (await api('GET', `/api/v2/credential-requests/credentials/${item.id}`)).body.credential;
const grantsOf = (id) => count(`oauth_grant WHERE user_credential_id = ${id}`);

describe('connecting', () => {
  test('goes from a link over the provider to a token, which is then in the cache', async () => {
    const at = room('usual');
    const { id, redirect_url: redirectUrl, name } = await create(at);
    await noToken(id, /connect it first/);
    const { answer, person, item } = await ask(id);
    assert.ok(Date.parse(answer.body.expires_at) > Date.now() + 3600e3);
    assert.deepEqual([item.component, item.type, item.label, item.appLabel, item.state], ['account', 'oauth', name, new URL(at.url).host, 'pending']);
    assert.deepEqual(item.scopes.map((scope) => scope.name), ['read', 'write']);
    assert.deepEqual(item.connect, { available: true, fields: null });
    assert.equal(item.form, null);

    const url = new URL(await person.connect(item.id));
    assert.equal(url.origin + url.pathname, `${at.url}/authorize`);
    assert.deepEqual(['redirect_uri', 'client_id', 'scope', 'code_challenge_method'].map((part) => url.searchParams.get(part)),
      [redirectUrl, 'client', 'read write', 'S256']);
    const { answer: back } = await person.walk(String(url));
    assert.equal(back.status, 303, back.text);
    const waiting = await person.settled(item.id);
    assert.deepEqual([waiting.state, waiting.progress, waiting.account], ['pending', 'confirm', { id: waiting.account.id, name: null, other: false, former: null }]);
    await noToken(id, /connect it first/);
    await person.confirm(item.id);
    assert.equal((await person.settled(item.id)).state, 'authorized');

    const given = await token(id);
    assert.equal(given.status, 200, given.text);
    assert.ok(at.accepts(given.body.token));
    assert.equal(given.body.token_type, 'Bearer');
    assert.ok(Math.abs(Date.parse(given.body.expires_at) - Date.now() - 3600e3) < 60e3);
    const jobs = await count('job');
    for (let i = 0; i < 5; i++) assert.equal(await tokenOf(id), given.body.token);
    assert.equal(await count('job'), jobs);

    const seen = await stateOf({ item });
    assert.deepEqual([seen.component, seen.type, seen.state, seen.remoteId, seen.scope, seen.remoteScope],
      ['account', 'oauth', 'authorized', null, ['read', 'write'], ['read', 'write']]);
    for (const secret of [SECRET, given.body.token, person.secret]) assert.deepEqual(await stack.findSecret(secret), []);
    assert.deepEqual(at.faults, []);
  });

  test('proves with a plain challenge, or as a public client with S256, where the credential says so', async () => {
    const plain = room('plain', { pkce: 'plain' });
    const one = await create(plain);
    await connect(one.id);
    assert.ok(plain.accepts(await tokenOf(one.id)));
    const bare = room('public', { client: { auth: 'none' } });
    const two = await create(bare, { oauth_client_secret: undefined });
    await connect(two.id);
    assert.ok(bare.accepts(await tokenOf(two.id)));
    const basic = room('basic', { client: { auth: 'basic' } });
    const three = await create(basic, { oauth_token_endpoint_auth_method: 'client_secret_basic', oauthPkceCodeChallengeMethod: undefined });
    await connect(three.id);
    assert.ok(basic.accepts(await tokenOf(three.id)));
    assert.deepEqual([plain, bare, basic].map(({ faults }) => faults), [[], [], []]);
  });

  test('is not for others: no link, no look, no token, no way back with the link of another credential', async () => {
    const at = room('theirs');
    const [one, two] = [await create(at), await create(at)];
    for (const path of ['connect', 'token']) {
      const answer = await api('POST', `${BASE}/${one.id}/${path}`, undefined, { token: theirs.token });
      assert.equal(answer.status, 404, answer.text);
    }
    const [first, second] = [await ask(one.id), await ask(two.id)];
    assert.equal((await api('GET', `/api/v2/credential-requests/credentials/${first.item.id}`, undefined, { token: theirs.token })).status, 404);
    const reader = await stack.addToken(mine.userId, 'user-credentials:use');
    assert.equal((await api('POST', `${BASE}/${one.id}/connect`, undefined, { token: reader })).status, 403);

    const { callback } = await first.person.walk(await first.person.connect(first.item.id), { stopBefore: true });
    const elsewhere = callback.replace(one.redirect_url, two.redirect_url);
    assert.notEqual(elsewhere, callback);
    assert.equal((await first.person.browse(elsewhere)).status, 400);
    second.person.jar = first.person.jar; // one browser may have both links open
    await second.person.connect(second.item.id);
    assert.equal((await second.person.browse(elsewhere)).status, 400);
    assert.equal((await new Person(stack, second.answer.body.publicUri).browse(callback)).status, 400);
    const answer = await new Person(stack, first.answer.body.publicUri).call('POST', `/items/${first.item.id}/connect`, {});
    assert.equal(answer.status, 403, 'another browser');
    assert.equal((await first.person.browse(callback)).status, 303);
    assert.equal((await first.person.settled(first.item.id)).progress, 'confirm');
    assert.equal((await second.person.item(second.item.id)).progress, null);
    // what is put into another row of the database is not taken either
    await stack.mysql(`UPDATE oauth_grant g JOIN user_credential u ON u.id = ${two.id} SET g.callback_id = u.uuid
      WHERE uuid_text(g.credential_id) = '${first.item.id}'`);
    await first.person.confirm(first.item.id);
    await first.person.settled(first.item.id);
    assert.deepEqual([await grantsOf(one.id), await grantsOf(two.id)], [0, 0]);
  });

  test('is refused for other modes and what no provider can be', async () => {
    const at = room('rules');
    const other = await api('POST', BASE, { name: `text ${made += 1}`, team_id: mine.teamId, mode: 'TEXT', value: 'x' });
    const refused = await api('POST', `${BASE}/${other.body.id}/connect`);
    assert.equal(refused.status, 422, refused.text);
    assert.match(refused.body.error, /authorization_code/);
    for (const [field, value] of [['oauth_url', 'http://example.com/authorize'], ['oauth_url', 'https://a@example.com/'], ['oauth_url', 'https://example.com/<<x>>'],
      ['oauth_url', 'https://example.com/#x'], ['oauth_url', 'javascript:alert(1)'], ['oauth_token_url', 'http://example.com/token'], ['oauth_token_url', 'file:///etc/passwd']]) {
      const answer = await api('POST', BASE, bodyFor(at, { [field]: value }));
      assert.equal(answer.status, 422, `${field} ${value}: ${answer.text}`);
      assert.match(answer.body.errors[0].details, new RegExp(`^${field}: `));
    }
    const bare = await api('POST', BASE, bodyFor(at, { oauth_client_secret: undefined, oauthPkceCodeChallengeMethod: 'plain' }));
    assert.match(bare.body.errors[0].details, /^oauthPkceCodeChallengeMethod: /);
  });

  test('again with the same Idempotency-Key is one link', async () => {
    const { id } = await create(room('once'));
    const options = { headers: { 'idempotency-key': 'connect-once' } };
    const [first, again] = [await ask(id, options), await ask(id, options)];
    assert.deepEqual(again.answer.body, first.answer.body);
    assert.equal(await count(`credential WHERE user_credential_id = ${id}`), 1);
  });

  test('of a denial says so, and the link is open still', async () => {
    const at = room('denies', { deny: 'access_denied' });
    const { id } = await create(at);
    const { person, item } = await ask(id);
    await person.walk(await person.connect(item.id));
    assert.equal((await person.item(item.id)).problem.code, 'denied');
    at.ways.deny = '';
    await person.authorize(item.id);
    assert.ok(at.accepts(await tokenOf(id)));
  });
});

describe('the token', () => {
  test('is refreshed once it has ended, once for all who ask, and old ones are forgotten', async () => {
    const at = room('ends');
    const { id } = await create(at);
    await connect(id);
    const first = await tokenOf(id);
    await expire(id);
    const tokens = await Promise.all(Array.from({ length: 8 }, () => tokenOf(id)));
    assert.equal(new Set(tokens).size, 1);
    assert.notEqual(tokens[0], first);
    assert.ok(at.accepts(tokens[0]));
    assert.deepEqual(at.spends(), { 1: 1 });
    // refreshed ahead of expiry: the one that is kept goes at once
    await stack.mysql(`UPDATE oauth_grant SET refresh_at = UTC_TIMESTAMP(3) - INTERVAL 1 SECOND WHERE user_credential_id = ${id};
      INSERT INTO job (kind, subject, active_key, team_id, run_at, max_attempts, payload, created_at) SELECT 'oauth_refresh', uuid_text(uuid),
        CONCAT('oauth:', uuid_text(uuid)), team_id, UTC_TIMESTAMP(3), 5, '{}', UTC_TIMESTAMP(3) FROM oauth_grant WHERE user_credential_id = ${id}`);
    await waitFor('the refresh', () => at.spends()[2] === 1);
    await waitFor('the new token', async () => (await tokenOf(id)) !== tokens[0]);
    assert.ok(at.accepts(await tokenOf(id)));
  });

  test('of a grant that has ended is not given: connected again on the same link, it is', async () => {
    const at = room('breaks');
    const { id } = await create(at);
    const connected = await connect(id);
    await tokenOf(id);
    at.end('grace');
    await expire(id);
    await noToken(id, /invalid_grant.*connect it again/);
    assert.equal((await stateOf(connected)).state, 'reauthorizing');
    await noToken(id, /connect it again/);
    await connected.person.authorize(connected.item.id);
    assert.ok(at.accepts(await tokenOf(id)));
    assert.equal(await grantsOf(id), 1);
  });

  test('without a refresh token lasts as long as it does, and then says so', async () => {
    const at = room('short', { shape: ({ refresh_token: _, ...values }) => ({ type: 'application/json', body: JSON.stringify(values) }) });
    const { id } = await create(at);
    await connect(id);
    assert.ok(at.accepts(await tokenOf(id)));
    await expire(id);
    await noToken(id, /nothing to renew it with: connect it again/);
  });

  test('is lent, and used by other credentials, only where it may go', async () => {
    const at = room('lent');
    const { id, slug } = await create(at, { allowed_hosts: [new URL(at.url).host] });
    const me = { method: 'GET', url: `${at.url}/me`, headers: { Authorization: `Bearer <<CREDENTIAL.${slug}>>` } };
    const lend = (request) => api('POST', `${BASE}/${id}/request`, request);
    assert.match((await lend(me)).body.error, /connect it first/);
    await connect(id);
    const answer = await lend(me);
    assert.equal(answer.status, 200, answer.text);
    assert.equal(JSON.parse(answer.body.body).name, 'grace');
    assert.equal(answer.text.includes(await tokenOf(id)), false);
    await expire(id);
    assert.equal(JSON.parse((await lend(me)).body.body).name, 'grace');
    assert.deepEqual(at.spends(), { 1: 1 });
    const elsewhere = await lend({ ...me, url: me.url.replace('127.0.0.1', 'localhost') });
    assert.ok([422, 424].includes(elsewhere.status), elsewhere.text);
    const user = await api('POST', BASE, { name: `uses ${made += 1}`, team_id: mine.teamId, mode: 'HTTP_REQUEST_AGENT',
      http_request_location_of_token: '=response.body.id', http_request_options: me });
    assert.equal(await tokenOf(user.body.id), 'id-grace');
  });

  test('is for the teams it is shared with, who see nothing else of it', async () => {
    const at = room('shared');
    const { id } = await create(at, { read_access: 'GLOBAL' });
    await connect(id);
    const neighbour = await stack.addToken(await stack.addUser('Grace', [await stack.addTeam('Neighbours', mine.organizationId)]));
    assert.ok(at.accepts((await token(id, { token: neighbour })).body.token));
    assert.equal((await api('POST', `${BASE}/${id}/connect`, undefined, { token: neighbour })).status, 404);
    assert.equal((await token(id, { token: theirs.token })).status, 404);
  });
});

describe('what ends it', () => {
  test('another client, URL or scope does; a name, a description or a client secret does not', async () => {
    const at = room('changes');
    const { id } = await create(at);
    const connected = await connect(id);
    const first = await tokenOf(id);
    for (const change of [{ name: `drive ${made += 1}` }, { description: 'x' }, { oauth_client_secret: SECRET }, { allowed_hosts: ['example.com'] }]) {
      assert.equal((await api('PATCH', `${BASE}/${id}`, change)).status, 200);
      assert.equal(await tokenOf(id), first);
    }
    for (const change of [{ oauth_scope: 'read' }, { oauth_url: `${at.url}/authorize?more=1` }, { oauth_token_url: `${at.url}/token?more=1` }, { oauth_client_id: 'other' }]) {
      assert.equal((await api('PATCH', `${BASE}/${id}`, change)).status, 200);
      await noToken(id, /connect it first/);
      assert.deepEqual([(await stateOf(connected)).state, await grantsOf(id)], ['pending', 0]);
      at.ways.client.id = change.oauth_client_id ?? 'client';
      await connected.person.authorize(connected.item.id);
      assert.ok(at.accepts(await tokenOf(id)));
    }
  });

  test('a code goes to no token URL but that of the provider it came from', async () => {
    const [at, evil] = [room('honest'), room('evil')];
    const { id } = await create(at);
    for (const when of ['away', 'back']) {
      await api('PATCH', `${BASE}/${id}`, { oauth_url: `${at.url}/authorize`, oauth_token_url: `${at.url}/token` });
      const { person, item } = await ask(id);
      const url = await person.connect(item.id);
      if (when === 'away') await api('PATCH', `${BASE}/${id}`, { oauth_url: `${evil.url}/authorize`, oauth_token_url: `${evil.url}/token` });
      const { answer, callback } = await person.walk(url, { stopBefore: when === 'back' });
      if (when === 'away') {
        assert.equal(answer.status, 400);
        continue;
      }
      await stack.kill('runner');
      assert.equal((await person.browse(callback)).status, 303);
      await api('PATCH', `${BASE}/${id}`, { oauth_token_url: `${evil.url}/token` });
      await stack.start('runner');
      assert.match((await person.settled(item.id)).problem.text, /has been changed since/);
    }
    assert.equal(evil.calls('token'), 0);
  });

  test('what waits for a yes ends with the definition it was granted to', async () => {
    const at = room('waits');
    const { id } = await create(at);
    const { person, item } = await ask(id);
    await person.walk(await person.connect(item.id));
    assert.equal((await person.settled(item.id)).progress, 'confirm');
    await api('PATCH', `${BASE}/${id}`, { oauth_scope: 'read' });
    assert.equal((await person.call('POST', `/items/${item.id}/confirm`, { account: item.id, accept: true })).status, 400);
    assert.equal((await person.item(item.id)).progress, null);
  });

  test('delete-remote does, and the link is open again', async () => {
    const at = room('deletes');
    const { id } = await create(at);
    const connected = await connect(id);
    await tokenOf(id);
    const answer = await api('POST', `/api/v2/credential-requests/credentials/${connected.item.id}/delete-remote`);
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual([(await stateOf(connected)).state, await grantsOf(id)], ['pending', 0]);
    await noToken(id, /connect it first/);
    await connected.person.authorize(connected.item.id);
    assert.ok(at.accepts(await tokenOf(id)));
  });

  test('another link replaces what was connected; deleting a request leaves it', async () => {
    const at = room('again');
    const { id } = await create(at);
    const first = await connect(id);
    const second = await connect(id);
    assert.equal(await grantsOf(id), 1);
    const removed = await api('DELETE', `/api/v2/credential-requests/requests/${second.person.requestId}`);
    assert.equal(removed.status, 200, removed.text);
    assert.ok(at.accepts(await tokenOf(id)));
    assert.equal((await stateOf(first)).state, 'authorized');
  });

  test('the credential itself: gone or in another team, nothing of it is left', async () => {
    const at = room('gone');
    const [one, two] = [await create(at), await create(at)];
    const [first, second] = [await connect(one.id), await connect(two.id)];
    const team = await stack.addTeam('Movers', mine.organizationId);
    await stack.ctl(['member', 'add', '--team', String(team), '--user', String(mine.userId)]);
    assert.equal((await api('DELETE', `${BASE}/${one.id}`)).status, 204);
    assert.equal((await api('GET', `/api/v2/credential-requests/credentials/${first.item.id}`)).status, 404);
    assert.equal((await api('PATCH', `${BASE}/${two.id}`, { team_id: team })).status, 200);
    assert.equal((await api('GET', `/api/v2/credential-requests/credentials/${second.item.id}`)).status, 404);
    await noToken(two.id, /connect it first/);
    await connect(two.id);
    assert.ok(at.accepts(await tokenOf(two.id)));
    await waitFor('the end of the grants', async () => (await count("oauth_grant WHERE state = 'ending'")) === 0);
    assert.equal(await count('oauth_grant WHERE user_credential_id IS NULL'), 0);
  });
});
