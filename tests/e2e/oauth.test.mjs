// SPDX-License-Identifier: Apache-2.0
// OAuth from the link a person gets to the token an automation uses, and back to the provider: at a strict authorization server,
// with everything that may come back to the callback instead of what should.
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';

import { startAuthorizationServer } from './authorization_server.mjs';
import { waitFor } from './harness.mjs';
import { startOauthStack } from './oauth_stack.mjs';
import { startOauthVendor } from './oauth_vendor.mjs';
import { Jar, Person } from './person.mjs';

const SECRET = 'strict-secret:%+&-canary-91';

let oauth;
let strict;
let vendor;
let honest;
let evil;
let unrevoked;
let silent; // never answers the exchange of a code: begun at once, looked at in the end
before(async () => {
  strict = await startAuthorizationServer();
  vendor = await startOauthVendor();
  honest = vendor.room('honest', { iss: 'http://127.0.0.1:1/honest' });
  evil = vendor.room('evil');
  unrevoked = vendor.room('unrevoked');
  silent = { room: vendor.room('silent') };
  oauth = await startOauthStack([
    { connection: strict.connection('strict', { oauth2: { iss_required: true } }), secret: SECRET, clientId: 'bailee' },
    { connection: honest.connection('honest', { oauth2: { issuer: 'http://127.0.0.1:1/honest', iss_required: true } }) },
    { connection: evil.connection('evil') },
    { connection: unrevoked.connection('unrevoked', { oauth2: { revoke: undefined } }) },
    { connection: silent.room.connection('silent') },
  ]);
  strict.addClient({ client_id: 'bailee', client_secret: SECRET, redirect_uris: [await oauth.redirectUri('strict')] });
  Object.assign(silent, await oauth.ask('silent'), { begun: Date.now(), release: silent.room.hold('token') });
  assert.equal((await silent.person.walk(await silent.person.connect(silent.item.id))).answer.status, 303);
});
after(async () => {
  await oauth?.close();
  await strict?.close();
  await vendor?.close();
});

const atStrict = async (token) => (await fetch(`${strict.url}/api/me`, { headers: { authorization: `Bearer ${token}` } })).json();
const headersOf = (answer, ...names) => Object.fromEntries(names.map((name) => [name, answer.headers[name]]));

describe('an account at a strict server', () => {
  test('is connected by its owner, and a token for it can be fetched, refreshed and used', async () => {
    const { person, item, request } = await oauth.ask('strict', { scopes: ['read', 'write'] });
    assert.deepEqual(item.scopes.map(({ name, words }) => [name, words]), [['read', 'The right to read'], ['write', 'The right to write']]);
    assert.equal(item.form, null);
    assert.deepEqual(item.connect, { available: true, fields: null });
    assert.equal((await person.look()).browser, 'free');
    const url = await person.connect(item.id);
    assert.equal((await person.look()).browser, 'this');
    const asked = new URL(url).searchParams;
    assert.equal(asked.get('code_challenge_method'), 'S256');
    assert.equal(asked.get('resource'), strict.resource);
    assert.match(asked.get('state'), new RegExp(`^${request.id}\\.[\\w-]{43}$`));
    const { answer } = await person.walk(url, { login: 'grace' });
    assert.equal(answer.status, 303, answer.text);
    assert.equal(answer.headers.location, `${oauth.stack.url}/request/${request.id}`);
    assert.deepEqual(headersOf(answer, 'cache-control', 'referrer-policy'), { 'cache-control': 'no-store', 'referrer-policy': 'no-referrer' });
    const waiting = await person.settled(item.id);
    assert.deepEqual([waiting.progress, waiting.state, waiting.account.name], ['confirm', 'pending', 'grace']);
    assert.equal((await oauth.credential(item.id)).remoteId, null, 'nothing is made before the person has confirmed');
    await person.confirm(item.id);
    assert.equal((await person.settled(item.id)).state, 'authorized');

    const id = await oauth.connectionOf(item.id);
    const first = await oauth.live(id);
    assert.equal((await atStrict(first.token)).name, 'grace');
    assert.equal((await oauth.live(id)).token, first.token, 'kept until it ends');
    await oauth.age(id);
    const second = await oauth.live(id);
    assert.notEqual(second.token, first.token);
    assert.equal((await atStrict(second.token)).name, 'grace');
    assert.deepEqual([(await oauth.grant(id)).generation, strict.liveRefreshTokens()], [2, 1]);
    assert.ok(!strict.events.some(({ what }) => what === 'grant.error'), JSON.stringify(strict.events));
    assert.deepEqual(await oauth.stack.findSecret(second.token), []);
    assert.deepEqual(await oauth.stack.findSecret(SECRET), []);
  });

  test('is not connected when its owner says no there, and may be afterwards', async () => {
    const { person, item } = await oauth.ask('strict');
    const { answer } = await person.walk(await person.connect(item.id), { decision: 'deny' });
    assert.equal(answer.status, 303);
    const denied = await person.settled(item.id);
    assert.deepEqual([denied.progress, denied.state, denied.problem?.code], ['failed', 'pending', 'denied']);
    await person.authorize(item.id);
  });

  test('is given back when its owner says that it is the wrong one', async () => {
    const { person, item } = await oauth.ask('strict');
    await person.walk(await person.connect(item.id), { login: 'wrong' });
    assert.equal((await person.settled(item.id)).account.name, 'wrong');
    const before_ = strict.hits('/token/revocation');
    await person.confirm(item.id, false);
    const open = await person.settled(item.id);
    assert.deepEqual([open.progress, open.state, open.account], [null, 'pending', null]);
    await waitFor('the revocation', () => strict.hits('/token/revocation') > before_);
    await person.authorize(item.id, { login: 'right' });
  });

  test('is revoked at the provider when its connection is deleted', async () => {
    const { id } = await oauth.connect('strict');
    const { token } = await oauth.live(id);
    const { uuid } = await oauth.grant(id);
    assert.equal((await oauth.call('DELETE', `/api/v2/connections/${id}?confirmed=true`)).status, 200);
    await waitFor('the revocation', async () => (await atStrict(token)).error === 'invalid_token');
    const [[event]] = await oauth.stack.mysql(`SELECT COUNT(*) FROM audit WHERE event = 'connection.revoke' AND outcome = 'ok'`);
    assert.ok(Number(event) >= 1);
    await waitFor('the end of its tokens', async () =>
      (await oauth.stack.mysql(`SELECT COUNT(*) FROM oauth_token WHERE uuid_text(grant_uuid) = '${uuid}'`))[0][0] === '0');
  });

  test('is revoked when the whole request is deleted with what came of it', async () => {
    const { id, request } = await oauth.connect('strict');
    const { token } = await oauth.live(id);
    const gone = await oauth.call('DELETE', `/api/v2/credential-requests/requests/${request.id}?confirmed=true`);
    assert.equal(gone.status, 200, gone.text);
    await waitFor('the revocation', async () => (await atStrict(token)).error === 'invalid_token');
  });

  test('that was withdrawn there is opened again, on the same link, and keeps its connection', async () => {
    const { id, item, person } = await oauth.connect('strict', { login: 'ada' });
    const { token } = await oauth.live(id);
    await fetch(`${strict.url}/token/revocation`, { method: 'POST', body: new URLSearchParams({ token, client_id: 'bailee', client_secret: SECRET }) });
    await oauth.age(id);
    strict.answer('/token', (request, response) => response.writeHead(400, { 'content-type': 'application/json' }).end('{"error":"invalid_grant"}'));
    const broken = await oauth.tryLive(id);
    strict.answer('/token');
    assert.ok(broken.status >= 400 && broken.status < 500, broken.text);
    assert.equal((await oauth.grant(id)).state, 'broken');
    await waitFor('the open item', async () => (await person.item(item.id)).state !== 'authorized');
    const signOut = () => person.jar.hosts.delete('localhost');
    signOut();
    await person.walk(await person.connect(item.id), { login: 'mallory' });
    assert.deepEqual({ ...(await person.settled(item.id)).account, id: 0 }, { id: 0, name: 'mallory', other: true, former: 'ada' }, 'another one is said to be');
    await person.confirm(item.id, false);
    await person.settled(item.id);
    signOut();
    await person.walk(await person.connect(item.id), { login: 'ada' });
    assert.deepEqual({ ...(await person.settled(item.id)).account, id: 0 }, { id: 0, name: 'ada', other: false, former: null });
    await person.confirm(item.id);
    assert.equal((await person.settled(item.id)).state, 'authorized');
    assert.equal(await oauth.connectionOf(item.id), id);
    assert.equal((await atStrict((await oauth.live(id)).token)).name, 'ada');
  });

  test('gets more rights by a further request, and keeps its connection', async () => {
    const { id } = await oauth.connect('strict', { scopes: ['read'], login: 'grace' });
    const extended = await oauth.call('POST', '/api/v2/credential-requests/actions/extend', { connectionId: id, scopes: ['write'] });
    assert.equal(extended.status, 200, extended.text);
    const person = new Person(oauth.stack, extended.body.publicUri);
    const { items: [item] } = await person.look();
    await person.authorize(item.id, { login: 'grace' });
    assert.equal(await oauth.connectionOf(item.id), id);
    assert.deepEqual([...(await oauth.grant(id)).scopes].sort(), ['read', 'write']);
    assert.equal((await atStrict((await oauth.live(id)).token)).scope.split(' ').sort().join(' '), 'read write');
  });

  test('gets no more rights with another account', async () => {
    const { id } = await oauth.connect('strict', { login: 'grace' });
    const extended = await oauth.call('POST', '/api/v2/credential-requests/actions/extend', { connectionId: id, scopes: ['write'] });
    const person = new Person(oauth.stack, extended.body.publicUri);
    const { items: [item] } = await person.look();
    const before_ = strict.hits('/token/revocation');
    await person.walk(await person.connect(item.id), { login: 'mallory' });
    const refused = await person.settled(item.id);
    assert.deepEqual([refused.progress, refused.problem.code], ['failed', 'refused']);
    assert.match(refused.problem.text, /another account/);
    await waitFor('the revocation of what was granted', () => strict.hits('/token/revocation') > before_);
    assert.deepEqual((await oauth.grant(id)).scopes, ['read']);
    assert.equal((await atStrict((await oauth.live(id)).token)).name, 'grace');
  });
});

// One way back after the other, none of which is right: the same page, and nothing happens.
describe('a callback is refused when', () => {
  let person;
  let item;
  let callback;
  let tokenCalls;
  const allTokenCalls = () => honest.calls('token') + evil.calls('token') + strict.hits('/token');
  const refused = new Map(); // what is said, by what is wrong
  beforeEach(async () => {
    honest.ways.deny = '';
    ({ person, item } = await oauth.ask('honest'));
    ({ callback } = await person.walk(await person.connect(item.id), { stopBefore: true }));
    tokenCalls = allTokenCalls();
  });

  const changed = (change) => {
    const url = new URL(callback);
    for (const [name, value] of Object.entries(change))
      if (value === undefined) url.searchParams.delete(name);
      else url.searchParams.set(name, value);
    return String(url);
  };

  async function isRefused(what, url, browser = person) {
    const answer = await browser.browse(url);
    assert.equal(answer.status, 400, `${what}: ${answer.text}`);
    const expected = { 'cache-control': 'no-store', 'referrer-policy': 'no-referrer', location: undefined, 'set-cookie': undefined,
      'x-content-type-options': 'nosniff' };
    assert.deepEqual(headersOf(answer, ...Object.keys(expected)), expected);
    refused.set(what, answer.text);
    assert.equal(allTokenCalls(), tokenCalls, what);
  }

  // The real one still counts; or does not, when the state was used up.
  async function stillGood() {
    assert.equal((await person.browse(callback)).status, 303);
    assert.equal((await person.settled(item.id)).progress, 'confirm');
    assert.equal(allTokenCalls(), tokenCalls + 1);
  }

  test('its state is not one of ours', async () => {
    const state = new URL(callback).searchParams.get('state');
    const flipped = state.slice(0, -2) + (state.at(-2) === 'A' ? 'B' : 'A') + state.at(-1);
    const other = `00000000-0000-4000-8000-000000000000${state.slice(36)}`;
    for (const [what, value] of [['no state', undefined], ['an empty state', ''], ['another state', flipped], ['of another request', other],
      ['a long state', 'x'.repeat(4000)], ['a strange state', "'; DROP TABLE oauth_flow; --"]])
      await isRefused(what, changed({ state: value }));
    await isRefused('a state that comes twice', `${callback}&state=${state}`);
    await stillGood();
  });

  test('the browser has not the cookie, or that of another', async () => {
    await isRefused('no cookie', callback, new Person(oauth.stack, `${oauth.stack.url}/request/${person.requestId}#x`));
    const another = await oauth.ask('honest');
    await another.person.connect(another.item.id);
    await isRefused('the cookie of another request', callback, another.person);
    const forged = new Jar();
    for (const [name] of person.jar.of(oauth.stack.url)) forged.of(oauth.stack.url).set(name, { value: 'A'.repeat(43), attributes: [] });
    await isRefused('a made-up cookie', callback, new Person(oauth.stack, `${oauth.stack.url}/request/${person.requestId}#x`, forged));
    await stillGood();
  });

  test('it comes to another registration than it was begun with (CORF)', async () => {
    const elsewhere = new URL(callback);
    elsewhere.pathname = new URL(await oauth.redirectUri('evil')).pathname;
    await isRefused('another registration', String(elsewhere));
    elsewhere.pathname = '/oauth/callback/00000000-0000-4000-8000-000000000000';
    await isRefused('an unknown registration', String(elsewhere));
    await stillGood();
  });

  test('a hostile provider sends the browser on to an honest one (COAT)', async () => {
    const own = await oauth.ask('evil');
    const redirect = await oauth.redirectUri('honest');
    evil.ways.bounce = (query) => `${honest.url}/authorize?${new URLSearchParams({ ...Object.fromEntries(query), redirect_uri: redirect })}`;
    const { callback: bounced, seen } = await own.person.walk(await own.person.connect(own.item.id), { stopBefore: true });
    evil.ways.bounce = null;
    assert.ok(seen.some((url) => url.startsWith(honest.url)) && bounced.includes('code='), 'the honest provider has given a code');
    await isRefused('an honest code in a hostile flow', bounced, own.person);
    assert.equal(evil.calls('token'), 0, 'the hostile provider has not been given the code');
    assert.ok(!JSON.stringify(evil.requests).includes(new URL(bounced).searchParams.get('code')));
  });

  test('iss is missing or another', async () => {
    for (const [what, iss] of [['no iss', undefined], ['an empty iss', ''], ['another iss', 'http://127.0.0.1:1/evil'],
      ['a longer iss', 'http://127.0.0.1:1/honest/'], ['iss in capitals', 'HTTP://127.0.0.1:1/honest']])
      await isRefused(what, changed({ iss }));
    await isRefused('iss twice', `${callback}&iss=${encodeURIComponent('http://127.0.0.1:1/evil')}`);
  });

  test('it is too late', async () => {
    await oauth.stack.mysql('UPDATE oauth_flow SET expires_at = UTC_TIMESTAMP(3) - INTERVAL 1 SECOND WHERE used_at IS NULL');
    await isRefused('an expired state', callback);
  });

  test('it comes again', async () => {
    assert.equal((await person.browse(callback)).status, 303);
    await person.settled(item.id);
    tokenCalls = allTokenCalls();
    await isRefused('a used state', callback);
  });

  test('all of that looks the same', () => {
    assert.equal(new Set(refused.values()).size, 1, JSON.stringify([...refused].map(([what, text]) => [what, text.length])));
    assert.ok(refused.size >= 15);
  });
});

describe('a callback', () => {
  test('that comes sixteen times at once is taken once', async () => {
    const { person, item } = await oauth.ask('honest');
    const { callback } = await person.walk(await person.connect(item.id), { stopBefore: true });
    const before_ = honest.calls('token');
    const answers = await Promise.all(Array.from({ length: 16 }, () => person.browse(callback)));
    assert.equal(answers.filter(({ status }) => status === 303).length, 1);
    assert.equal(answers.filter(({ status }) => status === 400).length, 15);
    assert.equal((await person.settled(item.id)).progress, 'confirm');
    assert.equal(honest.calls('token'), before_ + 1);
  });

  test('with an error of the provider is told in words of ours', async () => {
    const { person, item } = await oauth.ask('honest');
    honest.ways.deny = 'temporarily_unavailable';
    const { answer } = await person.walk(await person.connect(item.id));
    honest.ways.deny = '';
    assert.equal(answer.status, 303);
    const { progress, problem } = await person.settled(item.id);
    assert.equal(progress, 'failed');
    assert.ok(problem.code && problem.text, JSON.stringify(problem));
  });

  test('leaves its code in no log and no table', async () => {
    const { person, item } = await oauth.ask('honest');
    const { callback } = await person.walk(await person.connect(item.id), { stopBefore: true });
    const { code, state } = Object.fromEntries(new URL(callback).searchParams);
    await person.browse(callback);
    await person.settled(item.id);
    assert.deepEqual(await oauth.stack.findSecret(code), []);
    assert.deepEqual(await oauth.stack.findSecret(state.split('.')[1]), []);
  });

  test('is only GET', async () => {
    const { person, item } = await oauth.ask('honest');
    const { callback } = await person.walk(await person.connect(item.id), { stopBefore: true });
    const before_ = honest.calls('token');
    for (const method of ['HEAD', 'POST', 'PUT', 'DELETE']) assert.ok((await person.browse(callback, { method })).status >= 400, method);
    assert.equal(honest.calls('token'), before_);
    assert.equal((await person.browse(callback)).status, 303);
  });
});

describe('a browser', () => {
  test('has a cookie of its own for each request, for no script and no other site', async () => {
    const { person, item, publicUri } = await oauth.ask('honest');
    const other = new Person(oauth.stack, publicUri);
    assert.deepEqual([(await person.look()).browser, (await other.look()).browser], ['free', 'free'], 'looking binds nobody');
    await person.connect(item.id);
    assert.deepEqual([(await person.look()).browser, (await other.look()).browser], ['this', 'other']);
    const [[name, { value, attributes }], ...others] = [...person.jar.of(oauth.stack.url)];
    assert.deepEqual(others, []);
    assert.equal(name, `bailee-${person.requestId}`);
    assert.match(value, /^[\w-]{43}$/);
    const lower = attributes.map((one) => one.toLowerCase());
    assert.ok(['httponly', 'samesite=lax', 'path=/'].every((one) => lower.includes(one)), attributes.join());
    assert.ok(lower.some((one) => /^max-age=[1-9]\d*$/.test(one)));
    const second = await oauth.ask('honest', { jar: person.jar });
    await second.person.connect(second.item.id);
    assert.equal(person.jar.of(oauth.stack.url).size, 2, 'two tabs with two requests');
  });

  test('that was not first sees who asks and no more', async () => {
    const { person, item, publicUri } = await oauth.ask('honest');
    await person.connect(item.id);
    const other = new Person(oauth.stack, publicUri);
    const view = await other.look();
    assert.equal(view.browser, 'other');
    assert.deepEqual(view.items, []);
    assert.deepEqual(Object.keys(view.request).sort(), ['id', 'name', 'requester']);
    for (const [path, body] of [[`/items/${item.id}/connect`, {}], [`/items/${item.id}/confirm`, { account: item.id, accept: true }], [`/items/${item.id}/decline`, {}]]) {
      const answer = await other.call('POST', path, body);
      assert.ok(answer.status >= 400 && answer.status < 500, `${path}: ${answer.text}`);
      assert.equal(answer.headers['set-cookie'], undefined);
    }
    assert.equal((await person.look()).browser, 'this');
    await person.authorize(item.id);
  });

  test('begins twice: the last trip counts, the first still may', async () => {
    const { person, item } = await oauth.ask('honest');
    const [first, second] = [await person.connect(item.id), await person.connect(item.id)];
    assert.notEqual(new URL(first).searchParams.get('state'), new URL(second).searchParams.get('state'));
    const { answer } = await person.walk(second);
    assert.equal(answer.status, 303);
    assert.equal((await person.settled(item.id)).progress, 'confirm');
    await person.confirm(item.id);
    assert.equal((await person.settled(item.id)).state, 'authorized');
    const late = await person.walk(first);
    assert.ok([303, 400].includes(late.answer.status));
    const item_ = await person.settled(item.id);
    assert.equal(item_.state, 'authorized');
  });
});

describe('a provider', () => {
  const auditOf = async (event) => Number((await oauth.stack.mysql(`SELECT COUNT(*) FROM audit WHERE event = '${event}'`))[0][0]);

  test('that cannot take anything back is not asked, and that is noted', async () => {
    const { id } = await oauth.connect('unrevoked');
    assert.equal((await oauth.call('DELETE', `/api/v2/connections/${id}?confirmed=true`)).status, 200);
    await waitFor('the note', async () => await auditOf('connection.revoke_not_supported') === 1);
    assert.equal(unrevoked.calls('revoke'), 0);
  });

  test('that cannot take it back now is asked again', async () => {
    const { id } = await oauth.connect('honest');
    const { uuid } = await oauth.grant(id);
    honest.ways.revoke = { style: 'form', status: 503 };
    assert.equal((await oauth.call('DELETE', `/api/v2/connections/${id}?confirmed=true`)).status, 200);
    await waitFor('a first attempt', async () =>
      (await oauth.jobs('oauth_revoke', uuid)).some(([, state, attempt]) => state === 'queued' && attempt === '1'));
    honest.ways.revoke = { style: 'form', status: 200 };
    await oauth.stack.mysql(`UPDATE job SET run_at = UTC_TIMESTAMP(3) WHERE kind = 'oauth_revoke' AND subject = '${uuid}'`);
    await waitFor('the revocation', async () => (await oauth.jobs('oauth_revoke', uuid)).every(([, state]) => state === 'done'));
    assert.ok(honest.grants.at(-1).dead);
    assert.deepEqual(await oauth.stack.mysql(`SELECT COUNT(*) FROM oauth_grant WHERE uuid_text(uuid) = '${uuid}'`), [['0']]);
  });

  test('that is away when the person comes back is asked again until it is there', async () => {
    const { person, item } = await oauth.ask('strict');
    const { callback } = await person.walk(await person.connect(item.id), { stopBefore: true });
    await strict.leave();
    assert.equal((await person.browse(callback)).status, 303);
    await waitFor('a first attempt', async () => (await oauth.jobs('oauth_exchange', item.id)).some(([, , attempt]) => attempt !== '0'));
    assert.equal((await person.item(item.id)).progress, 'working');
    await strict.comeBack();
    assert.equal((await person.settled(item.id, { seconds: 60 })).progress, 'confirm');
  });

  test('whose client is another one for an organization gets that one', async () => {
    await oauth.register('evil', { clientId: 'own-client', secret: 'own-secret', organizationId: oauth.world.organizationId });
    const { person, item } = await oauth.ask('evil');
    const query = new URL(await person.connect(item.id)).searchParams;
    assert.equal(query.get('client_id'), 'own-client');
    assert.equal(query.get('redirect_uri'), await oauth.redirectUri('evil', oauth.world.organizationId));
    assert.notEqual(query.get('redirect_uri'), await oauth.redirectUri('evil'));
  });

  test('that never answers is given up, the code is not sent again, and the person is told', async () => {
    const item = await silent.person.settled(silent.item.id, { seconds: 60 });
    assert.deepEqual([item.progress, item.state], ['failed', 'pending']);
    assert.ok(item.problem.text, JSON.stringify(item));
    assert.equal(silent.room.calls('token'), 1);
    silent.release();
    await silent.person.authorize(item.id);
  });
});
