// SPDX-License-Identifier: Apache-2.0
// The providers that OAuth is tested against refuse what they must: a lax one would prove nothing.
import assert from 'node:assert/strict';
import { createHash, generateKeyPairSync, randomBytes, randomUUID, sign } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { startDemoAuthorizationServer } from '../../examples/demo-authorization-server.mjs';
import { startAuthorizationServer } from './authorization_server.mjs';
import { startOauthVendor } from './oauth_vendor.mjs';
import { Person } from './person.mjs';

const BACK = 'http://127.0.0.1:9/oauth/callback/x';
const SECRET = 's: %+&/=?"x';
const noStack = { url: 'http://127.0.0.1:9' };
const person = () => new Person(noStack, `${noStack.url}/request/0#x`);
const challenge = (verifier) => createHash('sha256').update(verifier).digest('base64url');
const newVerifier = () => randomBytes(32).toString('base64url');
const basic = (id, secret) => `Basic ${Buffer.from([id, secret].map((part) =>
  String(new URLSearchParams({ x: part })).slice(2)).join(':')).toString('base64')}`;

function authorizeUrl(url, verifier, change = {}) {
  const all = { client_id: 'client', response_type: 'code', redirect_uri: BACK, scope: 'read', state: 'the-state',
    code_challenge: challenge(verifier), code_challenge_method: 'S256', ...change };
  return `${url}?${new URLSearchParams(Object.entries(all).filter(([, value]) => value !== undefined))}`;
}

async function post(url, form, headers = {}) {
  const answer = await fetch(url, { method: 'POST', body: new URLSearchParams(form), headers });
  const text = await answer.text();
  try {
    return { status: answer.status, ...JSON.parse(text) };
  } catch {
    return { status: answer.status, text };
  }
}

const back = async (url, how) => new URL((await person().walk(url, { stopBefore: true, ...how })).callback).searchParams;

describe('the strict server', () => {
  let server;
  before(async () => {
    server = await startAuthorizationServer();
    server.addClient({ client_id: 'client', client_secret: SECRET, redirect_uris: [BACK] });
  });
  after(() => server?.close());

  const authorize = (verifier, change) => authorizeUrl(`${server.issuer}/auth`, verifier, { resource: server.resource, ...change });
  const token = (form, headers = { authorization: basic('client', SECRET) }) => post(`${server.url}/token`, form, headers);
  const exchange = async (verifier, change = {}) => token({ grant_type: 'authorization_code', redirect_uri: BACK, code_verifier: verifier,
    resource: server.resource, code: (await back(authorize(verifier))).get('code'), ...change });
  const me = async (access) => (await fetch(`${server.url}/api/me`, { headers: { authorization: `Bearer ${access}` } })).json();

  test('gives a code with iss to whom the person allows it, and tokens that say whose', async () => {
    const verifier = newVerifier();
    const redirect = await back(authorize(verifier), { login: 'ada' });
    assert.equal(redirect.get('iss'), server.issuer);
    assert.equal(redirect.get('state'), 'the-state');
    const tokens = await token({ grant_type: 'authorization_code', redirect_uri: BACK, code_verifier: verifier, resource: server.resource,
      code: redirect.get('code') });
    assert.equal((await me(tokens.access_token)).name, 'ada');
  });

  test('tells a denial', async () => {
    assert.equal((await back(authorize(newVerifier()), { decision: 'deny' })).get('error'), 'access_denied');
  });

  test('refuses what is not exactly right', async () => {
    const verifier = newVerifier();
    assert.equal((await back(authorize(verifier, { code_challenge: undefined, code_challenge_method: undefined }))).get('error'), 'invalid_request');
    assert.equal((await back(authorize(verifier, { code_challenge_method: 'plain' }))).get('error'), 'invalid_request');
    assert.equal((await person().walk(authorize(verifier, { redirect_uri: `${BACK}y` }))).answer.status, 400);
    assert.equal((await exchange(newVerifier(), { code_verifier: newVerifier() })).error, 'invalid_grant');
    assert.equal((await exchange(newVerifier(), { redirect_uri: `${BACK}y` })).error, 'invalid_grant');
    assert.equal((await exchange(newVerifier(), { resource: 'https://elsewhere.example/' })).error, 'invalid_target');
    const raw = { authorization: `Basic ${Buffer.from(`client:${SECRET}`).toString('base64')}` }; // not form-encoded first
    assert.match((await token({ grant_type: 'refresh_token', refresh_token: 'x' }, raw)).error, /^invalid_(client|request)$/);
  });

  test('ends everything when a refresh token is used twice', async () => {
    const first = await exchange(newVerifier());
    const second = await token({ grant_type: 'refresh_token', refresh_token: first.refresh_token });
    assert.equal(second.status, 200);
    assert.notEqual(second.refresh_token, first.refresh_token);
    assert.equal((await token({ grant_type: 'refresh_token', refresh_token: first.refresh_token })).error, 'invalid_grant');
    assert.equal((await token({ grant_type: 'refresh_token', refresh_token: second.refresh_token })).error, 'invalid_grant');
    assert.equal((await me(second.access_token)).error, 'invalid_token');
  });

  test('revokes', async () => {
    const tokens = await exchange(newVerifier());
    const form = { token: tokens.refresh_token };
    assert.equal((await post(`${server.url}/token/revocation`, form, { authorization: basic('client', SECRET) })).status, 200);
    assert.equal((await token({ grant_type: 'refresh_token', refresh_token: tokens.refresh_token })).error, 'invalid_grant');
  });

  test('can be away and come back', async () => {
    await server.leave();
    await assert.rejects(fetch(server.url));
    await server.comeBack();
    assert.equal((await fetch(`${server.url}/api/me`)).status, 401);
  });
});

describe('the vendor with ways of its own', () => {
  let vendor;
  before(async () => { vendor = await startOauthVendor(); });
  after(() => vendor?.close());

  async function grant(room, client = { client_id: 'client', client_secret: 'client-secret' }, headers = {}) {
    const verifier = newVerifier();
    const code = (await back(authorizeUrl(`${room.url}/authorize`, verifier))).get('code');
    return post(`${room.url}/token`, { grant_type: 'authorization_code', code, redirect_uri: BACK, code_verifier: verifier, ...client }, headers);
  }
  const refresh = (room, token) => post(`${room.url}/token`,
    { grant_type: 'refresh_token', refresh_token: token, client_id: 'client', client_secret: 'client-secret' });

  test('counts each refresh token spent, and ends the family on reuse', async () => {
    const room = vendor.room('rotates');
    const first = await grant(room);
    const second = await refresh(room, first.refresh_token);
    assert.ok(room.accepts(second.access_token));
    assert.deepEqual(room.spends(), { 1: 1 });
    assert.equal((await refresh(room, first.refresh_token)).error, 'invalid_grant');
    assert.equal((await refresh(room, second.refresh_token)).error, 'invalid_grant');
    assert.deepEqual(room.spends(), { 1: 2, 2: 1 });
    assert.ok(!room.accepts(second.access_token));
  });

  test('gives the same answer again within its grace', async () => {
    const room = vendor.room('grace', { grace_ms: 60000 });
    const first = await grant(room);
    const second = await refresh(room, first.refresh_token);
    assert.equal((await refresh(room, first.refresh_token)).refresh_token, second.refresh_token);
  });

  test('acts, and then says nothing, or says it twice', async () => {
    const room = vendor.room('dropping', { drop: 1 });
    const first = await grant(room);
    await assert.rejects(refresh(room, first.refresh_token));
    assert.equal((await refresh(room, first.refresh_token)).error, 'invalid_grant');
    room.ways.duplicate = 1;
    assert.equal((await grant(room)).status, 200);
  });

  test('holds an answer after it has acted', async () => {
    const room = vendor.room('holding');
    const first = await grant(room);
    const release = room.hold('token');
    const answer = refresh(room, first.refresh_token);
    while (release.waiting() === 0) await new Promise((resolve) => { setTimeout(resolve, 5); });
    assert.deepEqual(room.spends(), { 1: 1 });
    release();
    assert.equal((await answer).status, 200);
  });

  test('verifies what a client signs of itself', async () => {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const room = vendor.room('signed', { client: { id: 'client', auth: 'private_key_jwt', publicKey } });
    const assertion = (change) => {
      const now = Math.floor(Date.now() / 1000);
      const parts = [{ alg: 'ES256' }, { iss: 'client', sub: 'client', aud: `${room.url}/token`, exp: now + 60, jti: randomUUID(), ...change }]
        .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
      const signature = sign('sha256', Buffer.from(parts), { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url');
      return { client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer', client_assertion: `${parts}.${signature}` };
    };
    assert.equal((await grant(room, assertion())).status, 200);
    for (const change of [{ aud: 'https://elsewhere.example' }, { aud: [`${room.url}/token`] }, { exp: 1 }, { sub: 'another' }, { jti: undefined }])
      assert.equal((await grant(room, assertion(change))).error, 'invalid_client', JSON.stringify(change));
    const once = assertion();
    assert.equal((await grant(room, once)).status, 200);
    assert.equal((await grant(room, once)).error, 'invalid_client');
    const tampered = assertion();
    tampered.client_assertion = `${tampered.client_assertion.slice(0, -6)}AAAAAA`;
    assert.equal((await grant(room, tampered)).error, 'invalid_client');
  });

  test('minds each of its ways', async () => {
    const plain = await grant(vendor.room('own-client'), { client_id: 'client', client_secret: 'wrong' });
    assert.equal(plain.error, 'invalid_client');
    const coded = vendor.room('coded', { client: { id: 'client', secret: SECRET, auth: 'basic' } });
    assert.equal((await grant(coded, {}, { authorization: basic('client', SECRET) })).status, 200);
    assert.equal((await grant(coded, {}, { authorization: `Basic ${Buffer.from(`client:${SECRET}`).toString('base64')}` })).error, 'invalid_client');
    const off = vendor.room('no-pkce', { pkce: 'off' });
    assert.equal((await person().walk(authorizeUrl(`${off.url}/authorize`, newVerifier()))).answer.status, 400);
    const denies = vendor.room('denies', { deny: 'temporarily_unavailable' });
    assert.equal((await back(authorizeUrl(`${denies.url}/authorize`, newVerifier()))).get('error'), 'temporarily_unavailable');
  });
});

describe('the demo server of quickstart', () => {
  const folder = mkdtempSync(join(tmpdir(), 'bailee-demo-'));
  const start = () => startDemoAuthorizationServer({ clientId: 'client', clientSecret: SECRET, redirectUri: BACK, state: join(folder, 'state') });
  let server;
  before(async () => { server = await start(); });
  after(async () => {
    await server?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const authorize = (verifier, change = {}) => authorizeUrl(`${server.url}/authorize`, verifier, { scope: 'notes.read', ...change });
  const token = (form) => post(`${server.url}/token`, form, { authorization: basic('client', SECRET) });
  // Its page has a hidden field; so a hand of its own.
  async function decide(url, decision = 'allow', login = 'ada') {
    const page = await fetch(url);
    const text = await page.text();
    const id = /name="id" value="([\w-]{43})"/.exec(text)?.[1];
    assert.ok(id, text);
    const answer = await fetch(`${server.url}/decide`, { method: 'POST', redirect: 'manual', body: new URLSearchParams({ id, decision, login }) });
    return { parameters: new URL(answer.headers.get('location') ?? 'http://none/').searchParams, status: answer.status, id, page };
  }
  const exchange = async (change = {}) => {
    const verifier = newVerifier();
    const { parameters } = await decide(authorize(verifier));
    return token({ grant_type: 'authorization_code', code: parameters.get('code'), redirect_uri: BACK, code_verifier: verifier, ...change });
  };

  test('shows what is asked for, and gives a code, or says that it was denied', async () => {
    const allowed = await decide(authorize(newVerifier()));
    assert.match(allowed.page.headers.get('content-security-policy'), /default-src 'none'/);
    assert.equal(allowed.status, 303);
    assert.deepEqual([allowed.parameters.get('iss'), allowed.parameters.get('state')], [server.url, 'the-state']);
    assert.equal((await decide(authorize(newVerifier()), 'deny')).parameters.get('error'), 'access_denied');
    const again = await fetch(`${server.url}/decide`, { method: 'POST', body: new URLSearchParams({ id: allowed.id, decision: 'allow' }) });
    assert.equal(again.status, 400);
  });

  test('refuses what is not exactly right', async () => {
    for (const change of [{ client_id: 'x' }, { redirect_uri: `${BACK}y` }, { state: '' }])
      assert.equal((await fetch(authorize(newVerifier(), change), { redirect: 'manual' })).status, 400);
    for (const [change, error] of [[{ code_challenge_method: 'plain' }, 'invalid_request'], [{ code_challenge: '' }, 'invalid_request'],
      [{ scope: 'all' }, 'invalid_scope'], [{ response_type: 'token' }, 'unsupported_response_type']]) {
      const answer = await fetch(authorize(newVerifier(), change), { redirect: 'manual' });
      assert.equal(new URL(answer.headers.get('location')).searchParams.get('error'), error);
    }
    for (const change of [{ code: 'x' }, { redirect_uri: 'x' }, { code_verifier: newVerifier() }])
      assert.equal((await exchange(change)).error, 'invalid_grant');
    assert.equal((await exchange({ grant_type: 'password' })).error, 'unsupported_grant_type');
    assert.equal((await post(`${server.url}/token`, {}, { authorization: basic('client', 'wrong') })).status, 401);
  });

  test('its tokens work until they are used twice or revoked', async () => {
    const me = async (access) => (await fetch(`${server.url}/api/me`, { headers: { authorization: `Bearer ${access}` } })).json();
    const first = await exchange();
    assert.equal((await me(first.access_token)).name, 'ada');
    const second = await token({ grant_type: 'refresh_token', refresh_token: first.refresh_token });
    assert.equal((await me(second.access_token)).name, 'ada');
    assert.equal((await token({ grant_type: 'refresh_token', refresh_token: first.refresh_token })).error, 'invalid_grant');
    assert.equal((await token({ grant_type: 'refresh_token', refresh_token: second.refresh_token })).error, 'invalid_grant');
    assert.equal((await me(second.access_token)).error, 'invalid_token');
    const third = await exchange();
    await server.close();
    server = await start();
    assert.equal((await me(third.access_token)).name, 'ada', 'known after a restart');
    assert.equal((await post(`${server.url}/revoke`, { token: third.refresh_token }, { authorization: basic('client', SECRET) })).status, 200);
    assert.equal((await me(third.access_token)).error, 'invalid_token');
  });
});
