// SPDX-License-Identifier: Apache-2.0
// The site under TLS: what only holds there is the cookie's prefix, its Secure, and that browsers stay with https.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { connect } from 'node:tls';
import { startOauthStack } from './oauth_stack.mjs';
import { startOauthVendor } from './oauth_vendor.mjs';
import { Person } from './person.mjs';

let vendor;
let oauth;
before(async () => {
  vendor = await startOauthVendor();
  oauth = await startOauthStack([{ connection: vendor.room('plain').connection('plain') }], { tls: true });
});
after(async () => {
  await oauth?.close();
  await vendor?.close();
});

const HSTS = 'max-age=31536000';
const hostNames = (person) => [...person.jar.of(oauth.stack.url).keys()];

test('the cookie that binds a link is for this host and for TLS alone', async () => {
  const { person, item } = await oauth.ask('plain');
  assert.match(person.stack.url, /^https:/);
  const [[name, cookie]] = [...person.jar.of(oauth.stack.url)];
  assert.equal(name, `__Host-bailee-${person.requestId}`);
  assert.deepEqual(cookie.attributes.filter((part) => !/^Max-Age=\d+$/.test(part)), ['Path=/', 'HttpOnly', 'SameSite=Lax', 'Secure']);
  assert.equal((await person.call('POST', `/items/${item.id}/decline`, {})).status, 202);
  assert.equal((await person.look()).browser, 'this');

  // the same value under a name that a page of another host could have set
  const stranger = new Person(oauth.stack, `${oauth.stack.url}/request/${person.requestId}#${person.secret}`);
  stranger.jar.of(oauth.stack.url).set(`bailee-${person.requestId}`, cookie);
  assert.equal((await stranger.look()).browser, 'other');
});

// Chromium and Firefox keep 180 cookies of a host; each link has one of its own for as long as its request lives.
test('whoever has been sent very many links is still known by each', async () => {
  const { person, item } = await oauth.ask('plain');
  const { callback } = await person.walk(await person.connect(item.id), { stopBefore: true });
  const jar = person.jar.of(oauth.stack.url);
  const [[name, cookie]] = [...jar];
  jar.clear();
  for (let n = 1; n < 180; n++) jar.set(`__Host-bailee-${String(n).padStart(8, '0')}${name.slice(22)}`, { value: 'x'.repeat(43), attributes: [] });
  jar.set(name, cookie);
  assert.equal((await person.look()).browser, 'this');
  const page = await person.browse(`${oauth.stack.url}/request/${person.requestId}`);
  assert.equal(page.status, 200, page.text);
  const back = await person.browse(callback);
  assert.equal(back.status, 303, back.text);
});

test('an account is connected there and back over https', async () => {
  const { person, item } = await oauth.ask('plain');
  const url = await person.connect(item.id);
  const redirectUri = new URL(url).searchParams.get('redirect_uri');
  assert.equal(redirectUri, await oauth.redirectUri('plain'));
  assert.ok(redirectUri.startsWith(`${oauth.stack.url}/oauth/callback/`), redirectUri);
  const { answer } = await person.walk(url);
  assert.equal(answer.status, 303, answer.text);
  assert.equal(answer.headers.location, `${oauth.stack.url}/request/${person.requestId}`);
  assert.equal((await person.settled(item.id)).progress, 'confirm');
  await person.confirm(item.id);
  assert.equal((await person.settled(item.id)).state, 'authorized');
  assert.equal(hostNames(person).length, 1);
});

test('every answer keeps browsers with https, refused ones too', async () => {
  const { stack } = oauth;
  for (const [path, status] of [['/request/x', 200], ['/static/page.js', 200], ['/healthz', 200], ['/public/requests/x', 404], ['/nowhere', 404],
    ['/api/v2/users/me', 401], ['/oauth/callback/x', 400]]) {
    const answer = await stack.call('GET', path);
    assert.equal(answer.status, status, path);
    assert.equal(answer.headers['strict-transport-security'], HSTS, path);
  }
});

const spokenTo = (options, text) => new Promise((resolve, reject) => {
  const socket = connect({ ...oauth.stack.net, ...options }, () => {
    const version = socket.getProtocol();
    socket.end(text);
    resolve(version);
  });
  socket.on('error', reject);
});

test('old versions of TLS are not spoken', async () => {
  assert.equal(await spokenTo({}), 'TLSv1.3');
  assert.equal(await spokenTo({ maxVersion: 'TLSv1.2' }), 'TLSv1.2');
  await assert.rejects(spokenTo({ minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }), /alert|version|protocol/i);
});
