// SPDX-License-Identifier: Apache-2.0
// The person's way to a provider and back, and everybody else's: what ends a trip, what leaves it alone, and what nobody gets to see.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { freePort, startStack, waitFor } from './harness.mjs';
import { linkIn, mailOptions, MailServer } from './mail_server.mjs';
import { startOauthVendor } from './oauth_vendor.mjs';
import { appFor, Person } from './person.mjs';
import { startVendor } from './vendor.mjs';

const REQUESTS = '/api/v2/credential-requests/requests';
const PAGE_HEADERS = { 'cache-control': 'no-store', 'referrer-policy': 'no-referrer', 'x-robots-tag': 'noindex, nofollow', 'x-content-type-options': 'nosniff' };
const CANARY = 'canary-page-77b0';
const TYPES = { plain: 'plain', other: 'other', issued: 'issued', bare: 'bare', shop: 'shop' };

let stack;
let vendor;
let mail;
let forms;
let apps;
let world;
const redirectUris = {};
const rooms = {};

const call = (method, path, body, options = {}) => stack.api(method, path, body, { token: world.token, ...options });
const hasPageHeaders = (answer) => {
  for (const [name, value] of Object.entries(PAGE_HEADERS)) assert.equal(answer.headers[name], value, `${name} of ${answer.status}`);
};
const isRefused = (answer) => {
  assert.equal(answer.status, 400, answer.text);
  assert.match(answer.headers['content-type'], /^text\/html/);
  assert.match(answer.text, /This sign-in cannot be continued/);
  assert.match(answer.headers['content-security-policy'], /default-src 'none'.*frame-ancestors 'none'/);
  assert.equal(answer.headers['set-cookie'], undefined);
  hasPageHeaders(answer);
};

async function ask(type = 'plain', more = {}) {
  const made = await call('POST', `${REQUESTS}/v2`, { name: `For ${type}`, teamId: world.teamId, provider: { providerMakeUserId: world.userId },
    credentials: [{ appName: `app#${type}`, appModules: ['Use'], ...more }] });
  assert.equal(made.status, 200, made.text);
  const person = new Person(stack, made.body.publicUri);
  return { person, uri: made.body.publicUri, item: await person.item(0) };
}

const count = async (sql) => Number((await stack.mysql(`SELECT COUNT(*) FROM ${sql}`))[0][0]);
const jobsOf = (item) => count(`job WHERE kind = 'oauth_exchange' AND subject = '${item.id}'`);
const bound = ({ requestId }) => count(`credential_request WHERE uuid_text(id) = '${requestId}' AND browser_hash IS NOT NULL`);

// Somebody who is at the provider, just before he comes back.
async function atProvider(type = 'plain', fields = undefined) {
  const asked = await ask(type);
  const { callback } = await asked.person.walk(await asked.person.connect(asked.item.id, fields), { stopBefore: true });
  return { ...asked, callback };
}

const changed = (callback, change) => {
  const url = new URL(callback);
  for (const [name, value] of Object.entries(change)) value === null ? url.searchParams.delete(name) : url.searchParams.set(name, value);
  return String(url);
};

before(async () => {
  apps = mkdtempSync(join(tmpdir(), 'bailee-apps-'));
  vendor = await startOauthVendor();
  const ways = { plain: {}, other: {}, bare: {}, shop: {}, issued: { iss: 'https://issuer.example' } };
  const definitions = {
    issued: { oauth2: { issuer: 'https://issuer.example', iss_required: true } },
    shop: { fields: [{ name: 'shop', type: 'text', label: 'Shop', required: true, pattern: '[a-z]+', expected: 'small letters' }] },
  };
  for (const type of Object.keys(ways)) {
    rooms[type] = vendor.room(type, ways[type]);
    const connection = rooms[type].connection(TYPES[type], definitions[type] ?? {});
    writeFileSync(join(apps, `${type}.json`), JSON.stringify(appFor(connection, {
      modules: ['Use', 'Read'].map((name) => ({ id: name, name, label: name, type: `account:${connection.type}`, ...(name === 'Read' ? { scope: ['read'] } : {}) })),
    })));
  }
  // A login whose test says whose it is.
  forms = await startVendor({ user: 'u', password: 'p' });
  forms.on('/who', (request, response) => {
    const [name] = Buffer.from(request.headers.authorization.slice(6), 'base64').toString().split(':');
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ name, id: `id-${name}` }));
  });
  writeFileSync(join(apps, 'login.json'), JSON.stringify(appFor({ type: 'login', label: 'Login', auth: 'basic',
    fields: [{ name: 'user', type: 'text', label: 'User', required: true }, { name: 'password', type: 'password', label: 'Password', required: true }],
    inject: [{ where: 'basic', template: '<<user>>:<<password>>' }], test: { method: 'GET', url: `${forms.url}/who`, expect: [200] },
    account_name: ['/name'], account_id: ['/id'], allowed_hosts: [new URL(forms.url).host] })));
  mail = await new MailServer(await freePort()).start();
  stack = await startStack({ set: [`common.apps_extra_dir=${apps}`, ...mailOptions(mail.port)] });
  world = await stack.world();
  for (const type of Object.keys(rooms)) {
    ({ redirectUri: redirectUris[type] } = await stack.ctl(['app', 'redirect-uri', TYPES[type], '--json']));
    if (type === 'bare') continue;
    await stack.ctl(['app', 'set-client', '--app', `app#${type}`, '--type', TYPES[type], '--client-id', 'client', '--client-secret-file', '-'],
      { input: 'client-secret\n' });
  }
});

after(async () => {
  await stack?.close();
  await mail?.stop?.();
  await vendor?.close();
  await forms?.close();
  rmSync(apps, { recursive: true, force: true });
});

describe('the redirect URI', () => {
  test('is there before the client id, and stays when that changes', async () => {
    const uri = async () => (await stack.ctl(['app', 'redirect-uri', 'plain', '--json'])).redirectUri;
    assert.match(redirectUris.plain, new RegExp(`^${stack.url}/oauth/callback/[0-9a-f-]{36}$`));
    assert.equal(await uri(), redirectUris.plain);
    const set = await stack.ctl(['app', 'set-client', '--app', 'app#plain', '--type', 'plain', '--client-id', 'client', '--client-secret-file', '-', '--json'],
      { input: 'client-secret\n' });
    assert.equal(set.redirectUri, redirectUris.plain);
    assert.equal(new Set(Object.values(redirectUris)).size, Object.keys(redirectUris).length);
    assert.match((await stack.tryCtl(['app', 'redirect-uri', 'nope'])).stderr, /no OAuth connection/);
  });

  test('of an organization is its own', async () => {
    const { redirectUri } = await stack.ctl(['app', 'redirect-uri', 'other', '--organization', String(world.organizationId), '--json']);
    assert.notEqual(redirectUri, redirectUris.other);
    assert.match((await stack.tryCtl(['app', 'redirect-uri', 'other', '--organization', '4711'])).stderr, /no such organization/);
    const { person, item } = await ask('other');
    const url = new URL(await person.connect(item.id)); // reserved is not registered: the common one counts
    assert.equal(url.searchParams.get('redirect_uri'), redirectUris.other);
  });
});

describe('what the page is told', () => {
  test('scopes in words, whether it can be connected, and what that needs', async () => {
    const plain = (await ask('plain', { scopes: undefined })).item;
    assert.equal(plain.form, null);
    assert.equal(plain.appLabel, 'App of plain account');
    assert.deepEqual(plain.connect, { available: true, fields: null });
    assert.deepEqual([plain.account, plain.progress, plain.problem], [null, null, null]);
    const shop = (await ask('shop')).item;
    assert.deepEqual(shop.connect.fields.map(({ name, required }) => [name, required]), [['shop', true]]);
    const { person, item } = await ask('bare');
    assert.deepEqual(item.connect, { available: false, fields: null });
    const answer = await person.call('POST', `/items/${item.id}/connect`, {});
    assert.equal(answer.status, 422, answer.text);
    assert.match(answer.body.detail, /not registered/);
  });

  test('nobody sets out for a team whose connections live at another platform', async () => {
    const { person, item } = await ask('plain');
    await stack.mysql(`INSERT INTO team_platform (team_id, uuid, kind, base_url, remote_team_id, token_sealed)
      VALUES (${world.teamId}, UNHEX(REPLACE(UUID(), '-', '')), 'make', 'https://platform.example/api/v2', 1, 'x')`);
    try {
      assert.deepEqual((await person.item((one) => one.id === item.id)).connect, { available: false, fields: null });
      assert.equal((await person.call('POST', `/items/${item.id}/connect`, {})).status, 422);
    } finally {
      await stack.mysql(`DELETE FROM team_platform WHERE team_id = ${world.teamId}`);
    }
  });

  test('a hundred looks bind nothing, whatever they carry', async () => {
    const { person } = await ask();
    for (let i = 0; i < 50; i++) {
      for (const method of ['GET', 'HEAD']) {
        const answer = await stack.call(method, person.path, undefined, { token: person.secret, scheme: 'Link', browser: i % 2 ? null : `scanner ${i}` });
        assert.equal(answer.status, 200);
        hasPageHeaders(answer);
        if (method === 'GET') assert.equal(answer.body.browser, 'free');
      }
    }
    assert.equal(await bound(person), 0);
  });

  test('the first answer binds the link to its browser; another one learns who asks, and no more', async () => {
    const { person, uri, item } = await ask('shop');
    const [cookie] = [...person.jar.of(stack.url)];
    assert.equal(cookie[0], `bailee-${person.requestId}`); // plain http on this machine: no __Host-, no Secure
    assert.deepEqual(cookie[1].attributes.filter((part) => !/^Max-Age=\d+$/.test(part)), ['Path=/', 'HttpOnly', 'SameSite=Lax']);
    await person.connect(item.id, { shop: 'blue' });
    assert.equal((await person.look()).browser, 'this');

    const stranger = new Person(stack, uri);
    const view = await stranger.look();
    assert.deepEqual(view, { browser: 'other', items: [], delayed: false, canRelink: true,
      request: { id: person.requestId, name: 'For shop', requester: view.request.requester } });
    assert.deepEqual(Object.keys(view.request.requester).sort(), ['email', 'name']);
    for (const [path, body] of [['', { fields: {} }], ['/connect', { fields: { shop: 'red' } }], ['/decline', {}], ['/confirm', { account: item.id, accept: true }]]) {
      const answer = await stranger.call('POST', `/items/${item.id}${path}`, body);
      assert.equal(answer.status, 403, `${path}: ${answer.text}`);
      assert.equal(answer.headers['set-cookie'], undefined);
      hasPageHeaders(answer);
    }
    assert.equal((await person.look()).browser, 'this');
  });

  test('a refused answer binds nothing', async () => {
    const { person, item } = await ask('shop');
    const answer = await person.call('POST', `/items/${item.id}/connect`, { fields: { shop: 'BLUE' } });
    assert.equal(answer.status, 400, answer.text);
    assert.match(answer.text, /fields\.shop: must be small letters/);
    assert.equal(await bound(person), 0);
  });
});

describe('the way to the provider', () => {
  test('carries a state of its own each time, PKCE and the redirect URI of the registration', async () => {
    const { person, item } = await ask('shop');
    const urls = [new URL(await person.connect(item.id, { shop: 'blue' })), new URL(await person.connect(item.id, { shop: 'blue' }))];
    const [one, two] = urls.map(({ searchParams }) => Object.fromEntries(searchParams));
    assert.equal(one.redirect_uri, redirectUris.shop);
    assert.equal(one.code_challenge_method, 'S256');
    assert.match(one.state, new RegExp(`^${person.requestId}\\.[A-Za-z0-9_-]{43}$`));
    assert.notEqual(one.state, two.state);
    assert.notEqual(one.code_challenge, two.code_challenge);
    assert.equal(await count(`oauth_flow f JOIN credential c ON c.id = f.credential_id WHERE uuid_text(c.id) = '${item.id}'`), 2);
  });

  test('is not gone more than thirty times an hour', async () => {
    const { person, item } = await ask();
    const answers = [];
    for (let i = 0; i < 32; i++) answers.push(await person.call('POST', `/items/${item.id}/connect`, {}));
    assert.deepEqual(answers.map(({ status }) => status), [...Array(30).fill(200), 429, 429]);
    assert.ok(Number(answers[31].headers['retry-after']) > 60);
  });

  test('is closed to forms and keys', async () => {
    const made = await call('POST', `${REQUESTS}/v2`, { name: 'Key', teamId: world.teamId, provider: { providerMakeUserId: world.userId },
      credentials: [{ appName: 'http', appModules: ['ActionSendDataAPIKeyAuth'] }] });
    const person = new Person(stack, made.body.publicUri);
    const item = await person.item(0);
    assert.equal(item.connect, null);
    assert.equal((await person.call('POST', `/items/${item.id}/connect`, {})).status, 400);
    assert.equal((await person.call('POST', `/items/${item.id}/confirm`, { account: item.id, accept: true })).status, 400);
  });
});

describe('the way back', () => {
  test('ends on the page without code or state, and is gone once', async () => {
    const { person, item, callback } = await atProvider();
    const back = await person.browse(callback);
    assert.equal(back.status, 303, back.text);
    assert.equal(back.headers.location, `${stack.url}/request/${person.requestId}`);
    hasPageHeaders(back);
    assert.equal(await jobsOf(item), 1);
    isRefused(await person.browse(callback));
    assert.equal(await jobsOf(item), 1);
    for (const secret of [new URL(callback).searchParams.get('code'), new URL(callback).searchParams.get('state'), person.secret])
      assert.deepEqual(await stack.findSecret(secret), []);
  });

  test('is gone once when it is gone ten times at once', async () => {
    const { person, item, callback } = await atProvider();
    const answers = await Promise.all(Array.from({ length: 10 }, () => person.browse(callback)));
    assert.deepEqual(answers.map(({ status }) => status).sort(), [303, ...Array(9).fill(400)]);
    assert.equal(await jobsOf(item), 1);
  });

  test('is refused alike whatever is wrong, and still open to the right one', async () => {
    const { person, item, callback } = await atProvider();
    const state = new URL(callback).searchParams.get('state');
    const twisted = state.slice(0, -1) + (state.endsWith('A') ? 'E' : 'A');
    const wrong = {
      'no state': changed(callback, { state: null }),
      'another state': changed(callback, { state: twisted }),
      "another request's state": changed(callback, { state: `00000000-0000-4000-8000-000000000000${state.slice(36)}` }),
      'a state and more': changed(callback, { state: `${state}A` }),
      'a long state': changed(callback, { state: 'A'.repeat(3000) }),
      'two states': `${callback}&state=${state}`,
      'two codes': `${callback}&code=x`,
      'the path of another registration': callback.replace(redirectUris.plain, redirectUris.other),
      'a path nobody knows': callback.replace(redirectUris.plain, `${stack.url}/oauth/callback/00000000-0000-4000-8000-000000000000`),
      'no path': callback.replace(redirectUris.plain, `${stack.url}/oauth/callback/x`),
      'broken text': `${callback}&x=%ff`,
      'nothing at all': redirectUris.plain,
    };
    const pages = new Set();
    for (const [what, url] of Object.entries(wrong)) {
      const answer = await person.browse(url);
      assert.equal(answer.status, 400, what);
      isRefused(answer);
      pages.add(answer.text);
    }
    isRefused(await new Person(stack, `${stack.url}/request/${person.requestId}#x`).browse(callback)); // without the cookie
    const stranger = (await atProvider()).person;
    isRefused(await stranger.browse(callback));
    isRefused(await stranger.browse(callback, { headers: { cookie: `bailee-${person.requestId}=${'A'.repeat(43)}` } }));
    for (const method of ['HEAD', 'POST', 'PUT', 'OPTIONS']) assert.equal((await person.browse(callback, { method })).status, 400, method);
    assert.equal(pages.size, 1);
    assert.equal(await jobsOf(item), 0);
    assert.equal((await person.browse(callback)).status, 303);
  });

  test('is refused when another issuer says it sends the person, or none', async () => {
    const { person, item, callback } = await atProvider('issued');
    assert.equal(new URL(callback).searchParams.get('iss'), 'https://issuer.example');
    for (const iss of ['https://issuer.example/', 'https://ISSUER.example', 'https://evil.example', null]) isRefused(await person.browse(changed(callback, { iss })));
    isRefused(await person.browse(changed(callback, { iss: null, code: null, error: 'access_denied' })));
    assert.equal(await jobsOf(item), 0);
    assert.equal((await person.browse(callback)).status, 303);
  });

  test('comes too late after ten minutes', async () => {
    const { person, item, callback } = await atProvider();
    await stack.mysql(`UPDATE oauth_flow f JOIN credential c ON c.id = f.credential_id SET f.expires_at = UTC_TIMESTAMP(3) WHERE uuid_text(c.id) = '${item.id}'`);
    isRefused(await person.browse(callback));
    const late = await person.item(item.id);
    assert.deepEqual([late.progress, late.problem.code], ['failed', 'expired']);
  });

  test('with a refusal shows it in our words, and keeps nothing else of it', async () => {
    const cases = [['access_denied', 'denied', 'access_denied'], ['server_error', 'provider', 'server_error'], ['<b>evil', 'provider', 'unknown_error'],
      ['expired', 'provider', 'unknown_error']];
    for (const [error, code, kept] of cases) {
      const { person, item, callback } = await atProvider();
      const url = changed(callback, { code: null, error, error_description: 'canary-3f1', error_uri: 'https://canary-3f1.example' });
      const back = await person.browse(url);
      assert.equal(back.status, 303, back.text);
      const after = await person.item(item.id);
      assert.deepEqual([after.progress, after.problem.code, after.state], ['failed', code, 'pending']);
      assert.equal(JSON.stringify(after).includes('canary'), false);
      assert.deepEqual(await stack.mysql(`SELECT f.error, f.return_sealed FROM oauth_flow f JOIN credential c ON c.id = f.credential_id WHERE uuid_text(c.id) = '${item.id}'`),
        [[kept, 'NULL']]);
      assert.equal(await jobsOf(item), 0);
      isRefused(await person.browse(callback));
      await person.connect(item.id); // again
    }
    assert.deepEqual(await stack.findSecret('canary-3f1'), []);
  });

  test('of two trips of one browser counts whichever comes first; both lead to the page', async () => {
    const { person, item, callback } = await atProvider();
    const { callback: newer } = await person.walk(await person.connect(item.id), { stopBefore: true });
    await stack.stop('runner');
    assert.equal((await person.browse(callback)).status, 303);
    assert.equal((await person.browse(newer)).status, 303); // what the first one brought is under way
    assert.equal(await jobsOf(item), 1);
    await stack.start('runner');
  });

  test('leads to the page when the credential has been authorized meanwhile', async () => {
    const { person, item, callback } = await atProvider();
    await stack.mysql(`UPDATE credential SET state = 'authorized' WHERE uuid_text(id) = '${item.id}'`);
    assert.equal((await person.browse(callback)).status, 303);
    isRefused(await new Person(stack, `${stack.url}/request/${person.requestId}#x`).browse(callback));
    assert.equal(await jobsOf(item), 0);
  });

  test('is a page too when the service is away, and can be gone again then', async () => {
    const { person, item, callback } = await atProvider();
    await stack.stop('public');
    const answer = await person.browse(callback);
    assert.equal(answer.status, 503);
    assert.match(answer.headers['content-type'], /^text\/html/);
    hasPageHeaders(answer);
    await stack.start('public');
    assert.equal((await person.browse(callback)).status, 303);
    assert.equal(await jobsOf(item), 1);
  });
});

describe('a new link', () => {
  const relink = (person) => person.call('POST', '/relink', {});
  async function askByMail(address) {
    const made = await call('POST', `${REQUESTS}/v2`, { name: 'By mail', teamId: world.teamId, shouldSendEmail: true,
      provider: { newUser: { email: address, name: 'Pat' } }, credentials: [{ appName: 'app#plain', appModules: ['Use'] }] });
    assert.equal(made.status, 200, made.text);
    const person = new Person(stack, made.body.publicUri);
    return { person, uri: made.body.publicUri, item: await person.item(0) };
  }

  test('goes to whoever is asked and never into an answer; the old link and its trips end', async () => {
    const { person, uri, item } = await askByMail('lost@provider.example');
    const { callback } = await person.walk(await person.connect(item.id), { stopBefore: true });
    const stranger = new Person(stack, uri);
    assert.equal((await stranger.look()).canRelink, true);
    const answer = await relink(stranger);
    assert.equal(answer.status, 202, answer.text);
    assert.deepEqual(Object.keys(answer.body).sort(), ['accepted', 'delayed']);
    assert.equal((await person.call('GET')).status, 404);
    isRefused(await person.browse(callback));
    const letter = await mail.letter('lost@provider.example', 2);
    const [link, , secret] = linkIn(letter.mail.text);
    assert.notEqual(link, uri);
    const again = new Person(stack, link);
    assert.equal((await again.look()).browser, 'free');
    await again.connect(item.id);
    assert.equal((await again.look()).browser, 'this');
    await waitFor('the link to be forgotten', async () => (await count('mail_link')) === 0);
    assert.deepEqual(await stack.findSecret(secret), []);
  });

  test('is made three times an hour', async () => {
    let { person } = await askByMail('often@provider.example');
    for (let i = 0; i < 3; i++) {
      assert.equal((await relink(person)).status, 202);
      const letter = await mail.letter('often@provider.example', i + 2);
      person = new Person(stack, linkIn(letter.mail.text)[0]);
    }
    const refused = await relink(person);
    assert.equal(refused.status, 429, refused.text);
    assert.equal((await person.look()).browser, 'free');
  });
});

describe('a connection by form', () => {
  const openForms = () => count('submission WHERE fields_sealed IS NOT NULL');
  const connections = () => count(`connection WHERE team_id = ${world.teamId} AND account_name = 'login'`);
  const fill = async ({ person, item }, user) => {
    const sent = await person.call('POST', `/items/${item.id}`, { fields: { user, password: CANARY } });
    assert.equal(sent.status, 202, sent.text);
    return person.settled(item.id);
  };
  const finish = async ({ person, item }, accept) => {
    await person.confirm(item.id, accept);
    return person.settled(item.id);
  };

  test('waits until the person has said that the account is his', async () => {
    const asked = await ask('login');
    const waiting = await fill(asked, 'ada');
    assert.deepEqual([waiting.state, waiting.progress, waiting.account], ['pending', 'confirm', { id: waiting.account.id, name: 'ada', other: false, former: null }]);
    assert.deepEqual([await connections(), await openForms()], [0, 1]);
    assert.equal(await count(`audit WHERE event = 'credential.authorize' AND subject = '${asked.item.id}'`), 0);
    const done = await finish(asked, true);
    assert.deepEqual([done.state, done.progress, done.account], ['authorized', null, { id: null, name: 'ada', other: false, former: null }]);
    assert.deepEqual([await connections(), await openForms()], [1, 0]);
    assert.deepEqual(await stack.mysql(`SELECT metadata_value, uid FROM connection WHERE account_name = 'login'`), [['ada', 'id-ada']]);
    assert.equal((await asked.person.call('POST', `/items/${asked.item.id}/confirm`, { account: asked.item.id, accept: true })).status, 400);
    assert.deepEqual(await stack.findSecret(CANARY), []);
  });

  test('of an account that is not his is thrown away, and may be filled in again', async () => {
    const asked = await ask('login');
    const before_ = await connections();
    await fill(asked, 'grace');
    const open = await finish(asked, false);
    assert.deepEqual([open.state, open.progress, open.account, open.problem], ['pending', null, null, null]);
    assert.deepEqual([await connections(), await openForms()], [before_, 0]);
    assert.equal((await asked.person.call('POST', `/items/${asked.item.id}/confirm`, { account: asked.item.id, accept: true })).status, 400);
    await fill(asked, 'ada');
    await fill(asked, 'linus'); // instead of what waited
    assert.equal(await openForms(), 1);
    assert.equal((await finish(asked, true)).account.name, 'linus');
  });

  test('waits for one browser; declined or with a new link it waits no more', async () => {
    const asked = await ask('login');
    await fill(asked, 'ada');
    const stranger = new Person(stack, asked.uri);
    assert.equal((await stranger.call('POST', `/items/${asked.item.id}/confirm`, { account: asked.item.id, accept: true })).status, 403);
    assert.equal((await asked.person.call('POST', `/items/${asked.item.id}/decline`, {})).status, 202);
    assert.deepEqual([(await asked.person.settled(asked.item.id)).state, await openForms()], ['declined', 0]);
    await fill(asked, 'ada');
    assert.equal((await stranger.call('POST', '/relink', {})).status, 202);
    assert.equal(await openForms(), 0);
  });

  test('a yes is about the account that was shown, not about one that came since', async () => {
    const asked = await ask('login');
    const seen = (await fill(asked, 'ada')).account;
    const now = (await fill(asked, 'grace')).account; // in another window of the same browser
    assert.notEqual(now.id, seen.id);
    for (const accept of [true, false]) {
      const late = await asked.person.call('POST', `/items/${asked.item.id}/confirm`, { account: seen.id, accept });
      assert.equal(late.status, 400, late.text);
      assert.match(late.text, /another account waits/);
    }
    assert.deepEqual((await asked.person.item(asked.item.id)).account, now);
    await asked.person.confirm(asked.item.id, true, { account: now.id });
    assert.equal((await asked.person.settled(asked.item.id)).account.name, 'grace');
  });

  test('confirmed twice at once makes one connection', async () => {
    const asked = await ask('login');
    const before_ = await connections();
    const { account } = await fill(asked, 'ada');
    const answers = await Promise.all([true, true, true, true].map((accept) => asked.person.call('POST', `/items/${asked.item.id}/confirm`,
      { account: account.id, accept })));
    assert.equal(answers.filter(({ status }) => status === 202).length, 1);
    assert.equal((await asked.person.settled(asked.item.id)).state, 'authorized');
    assert.equal(await connections(), before_ + 1);
  });

  test('adds to a connection of the same account alone', async () => {
    const asked = await ask('login');
    await fill(asked, 'ada');
    assert.equal((await finish(asked, true)).state, 'authorized');
    const { remoteId } = (await call('GET', `/api/v2/credential-requests/credentials/${asked.item.id}`)).body.credential;
    const before_ = await connections();
    const extended = await call('POST', '/api/v2/credential-requests/actions/extend', { connectionId: Number(remoteId), scopes: ['more'] });
    assert.equal(extended.status, 200, extended.text);
    const person = new Person(stack, extended.body.publicUri);
    const more = { person, item: await person.item(0) };
    const refused = await fill(more, 'grace');
    assert.deepEqual([refused.progress, refused.problem.code, refused.account], ['failed', 'refused', null]);
    assert.match(refused.problem.text, /^this is another account than the connection's \(ada\): use that one$/);
    assert.equal(await openForms(), 0);
    const { account } = await fill(more, 'ada');
    assert.deepEqual({ ...account, id: null }, { id: null, name: 'ada', other: false, former: null });
    assert.equal((await finish(more, true)).state, 'authorized');
    assert.equal(await connections(), before_);
  });

  test('says when it is another account than before, and which that was', async () => {
    const asked = await ask('login');
    await fill(asked, 'ada');
    const { state } = await finish(asked, true);
    assert.equal(state, 'authorized');
    await stack.mysql(`UPDATE credential SET state = 'reauthorizing' WHERE uuid_text(id) = '${asked.item.id}'`);
    assert.equal((await asked.person.item(asked.item.id)).account, null);
    const shown = async (user) => {
      const { id, ...account } = (await fill(asked, user)).account;
      assert.ok(id);
      return account;
    };
    assert.deepEqual(await shown('grace'), { name: 'grace', other: true, former: 'ada' });
    assert.deepEqual(await shown('ada'), { name: 'ada', other: false, former: null });
  });
});

describe('all the way', () => {
  test('the account is shown, confirmed, and then the connection is there', async () => {
    const { person, item } = await ask();
    const { answer } = await person.walk(await person.connect(item.id));
    assert.equal(answer.status, 303);
    const waiting = await person.settled(item.id);
    assert.deepEqual([waiting.state, waiting.progress, waiting.account], ['pending', 'confirm', { id: waiting.account.id, name: 'grace', other: false, former: null }]);
    assert.equal(await count('connection WHERE account_name = \'plain\''), 0);
    await person.confirm(item.id, true);
    const done = await person.settled(item.id);
    assert.deepEqual([done.state, done.progress, done.account], ['authorized', null, { id: null, name: 'grace', other: false, former: null }]);
    assert.equal(await count('connection WHERE account_name = \'plain\''), 1);
  });

  test('what was left out at the provider is said before the yes and after it, and to whoever asked', async () => {
    const { person, item } = await ask('plain', { appModules: ['Read'] });
    assert.deepEqual(item.missing, []);
    rooms.plain.ways.withholds = ['read'];
    await person.walk(await person.connect(item.id));
    const waiting = await person.settled(item.id);
    assert.deepEqual([waiting.progress, waiting.missing], ['confirm', [{ name: 'read', words: 'Read what is there' }]]);
    rooms.plain.ways.withholds = [];
    await person.walk(await person.connect(item.id)); // once more, with all of it
    const whole = await person.settled(item.id);
    assert.deepEqual([whole.progress, whole.missing], ['confirm', []]);
    assert.notEqual(whole.account.id, waiting.account.id);
    rooms.plain.ways.withholds = ['read'];
    await person.walk(await person.connect(item.id));
    await person.settled(item.id);
    rooms.plain.ways.withholds = [];
    await person.confirm(item.id, true);
    const done = await person.settled(item.id);
    assert.deepEqual([done.state, done.missing], ['authorized', [{ name: 'read', words: 'Read what is there' }]]);
    const { scope, remoteScope, remoteId } = (await call('GET', `/api/v2/credential-requests/credentials/${item.id}`)).body.credential;
    assert.deepEqual([scope, remoteScope], [['read'], []]);
    assert.equal((await call('POST', `/api/v2/connections/${remoteId}/scoped`, { scope: ['read'] })).body.connection.scoped, false);
  });

  test('an account that is not his is given back, and another one may be connected', async () => {
    const { person, item } = await ask();
    await person.walk(await person.connect(item.id));
    assert.equal((await person.settled(item.id)).progress, 'confirm');
    await person.confirm(item.id, false);
    const open = await person.settled(item.id);
    assert.deepEqual([open.state, open.progress, open.account, open.problem], ['pending', null, null, null]);
    await waitFor('the revocation', () => rooms.plain.revoked.length > 0);
    assert.equal((await person.authorize(item.id)).state, 'authorized');
  });

  test('what waits is given back when the link ends', async () => {
    const { person, uri, item } = await ask();
    await person.walk(await person.connect(item.id));
    assert.equal((await person.settled(item.id)).progress, 'confirm');
    const before_ = rooms.plain.revoked.length;
    assert.equal((await new Person(stack, uri).call('POST', '/relink', {})).status, 202);
    await waitFor('the revocation', () => rooms.plain.revoked.length > before_);
  });
});
