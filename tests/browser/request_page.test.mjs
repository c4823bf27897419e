// SPDX-License-Identifier: Apache-2.0
// The request page in Chromium against the whole stack: what a person with a link sees and does, in each state.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import AxeBuilder from '@axe-core/playwright';
import { chromium } from 'playwright-core';

import { sleep, startStack, waitFor } from '../e2e/harness.mjs';
import { startVendor } from '../e2e/vendor.mjs';

const CANARY = 'canary-request-page-5e11';
const MODULES = { apikeyauth: 'ActionSendDataAPIKeyAuth', basicauth: 'ActionSendDataBasicAuth' };

let stack; let world; let browser; let vendor; let apps;

// A service whose accounts are connected with a key; its test call goes to the vendor of this test.
function shop(url) {
  return {
    name: 'shoplet',
    version: 1,
    label: 'Shoplet',
    connections: [{
      type: 'shoplet',
      label: 'Shoplet account',
      auth: 'apikey',
      fields: [{ name: 'shop', type: 'text', label: 'Shop name', required: true, prefix: 'https://', suffix: '.shop.example' },
        { name: 'apiKey', type: 'password', label: 'API key', required: true },
        { name: 'region', type: 'select', label: 'Region', required: true, options: [{ label: 'Europe', value: 'eu' }, { label: 'America', value: 'us' }] },
        { name: 'note', type: 'text', label: 'Note' }],
      inject: [{ where: 'header', name: 'X-Key', template: '<<apiKey>>' }],
      test: { method: 'GET', url: `${url}/shop`, expect: [200] },
      account_name: ['/owner'],
      allowed_hosts: [new URL(url).host],
    }],
    modules: [{ id: 'Get', name: 'Get', label: 'Get', type: 'account:shoplet' }],
  };
}

before(async () => {
  vendor = await startVendor();
  apps = mkdtempSync(join(tmpdir(), 'bailee-apps-'));
  writeFileSync(join(apps, 'shoplet.json'), JSON.stringify(shop(vendor.url)));
  stack = await startStack({ set: [`common.apps_extra_dir=${apps}`] });
  world = await stack.world({ name: 'Page' });
  browser = await chromium.launch({
    executablePath: process.env.BAILEE_CHROMIUM ?? '/usr/bin/chromium',
    args: process.getuid() === 0 ? ['--no-sandbox'] : [],
  });
});
after(async () => {
  await browser?.close();
  await stack?.close();
  await vendor?.close();
  rmSync(apps, { recursive: true, force: true });
});

const api = (method, path, body) => stack.api(method, `/api/v2${path}`, body, { token: world.token });

// Asks somebody for keys of these types: { id, uri, secret, path }.
async function ask(types = ['apikeyauth', 'basicauth'], more = {}) {
  const answer = await api('POST', '/credential-requests/requests/v2', {
    name: 'Access for the order reports',
    teamId: world.teamId,
    description: 'We move the reports.\nFor that we read from the shop.',
    provider: { newUser: { name: 'Grace Hopper', email: 'grace@example.org' } },
    credentials: [{ appName: 'http', appModules: types.map((type) => MODULES[type]), ...more }],
  });
  assert.equal(answer.status, 200, answer.text);
  const uri = answer.body.publicUri;
  const { id } = answer.body.request;
  return { id, uri, secret: uri.split('#')[1], path: `/public/requests/${id}` };
}

async function detail(request) {
  const answer = await api('GET', `/credential-requests/requests/${request.id}/detail`);
  assert.equal(answer.status, 200, answer.text);
  return answer.body.requestDetail;
}

async function keys() {
  return (await api('GET', `/keys?teamId=${world.teamId}`)).body.keys;
}

// A browser window at an address, of a browser of its own or beside another window. close() fails when the page did what it
// must not: see there.
async function visit(uri, { expectErrors = false, beside, ...options } = {}) {
  const context = beside?.page.context()
    ?? await browser.newContext({ viewport: { width: 1024, height: 800 }, locale: 'en-GB', reducedMotion: 'reduce', ...options });
  const page = await context.newPage();
  const seen = { console: [], urls: [], headers: [] };
  await page.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) => console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`));
  });
  page.on('console', (message) => { if (['error', 'warning'].includes(message.type())) seen.console.push(message.text()); });
  page.on('pageerror', (error) => seen.console.push(String(error)));
  page.on('request', (sent) => {
    seen.urls.push(sent.url().split('#')[0]); // a fragment is not sent
    seen.headers.push([sent.url().split('#')[0], sent.headers()]);
  });
  const one = {
    page,
    seen,
    card: (label) => page.locator('.card', { has: page.getByRole('heading', { name: label, exact: true }) }),
    notice: (title) => page.getByRole('heading', { level: 1, name: title }).waitFor(),
    // The look is well: axe finds nothing, nothing sticks out, targets are large enough.
    async check(what) {
      const { violations } = await new AxeBuilder({ page }).analyze();
      assert.deepEqual(violations.map((rule) => `${what}: ${rule.id}: ${rule.nodes.map((node) => node.target)}`), []);
      const faults = await page.evaluate(() => [
        ...(document.documentElement.scrollWidth > window.innerWidth ? ['wider than the window'] : []),
        ...[...document.querySelectorAll('button:not(.jump), input:not([type=checkbox]), select, textarea')]
          .map((node) => [node, node.getBoundingClientRect()])
          .filter(([node, box]) => box.width > 0 && !node.matches('.unseen') && (box.height < 44 || box.width < 44))
          .map(([node, box]) => `${node.tagName} ${node.id}: ${box.width} x ${box.height}`),
        ...[...document.querySelectorAll('[style], script:not([src]), style')].map((node) => `inline: ${node.outerHTML}`)]);
      assert.deepEqual(faults, [], what);
    },
    // Nothing on the console, all from one origin, and the secret in headers to /public/ alone.
    async close() {
      await (beside ? page : context).close();
      const noise = expectErrors ? /^Failed to load resource: the server responded with a status of \d+/ : /$^/;
      assert.deepEqual(seen.console.filter((text) => !noise.test(text)), []);
      const secret = uri.split('#')[1];
      for (const [url, headers] of seen.headers) {
        assert.equal(new URL(url).origin, stack.url);
        assert.ok(!secret || !url.includes(secret), url);
        const { authorization, ...others } = headers;
        assert.ok(!secret || !JSON.stringify(others).includes(secret), `${url}: ${JSON.stringify(others)}`);
        assert.equal(authorization !== undefined, new URL(url).pathname.startsWith('/public/'), url);
      }
    },
  };
  await page.goto(uri);
  return one;
}

const send = (card) => card.getByRole('button', { name: 'Send securely' }).click();

async function fillKey(card, key) {
  await card.getByLabel('Key', { exact: true }).fill(key);
  await send(card);
}

async function fillLogin(card, password, user = 'grace') {
  await card.getByLabel('User name').fill(user);
  await card.getByLabel('Password', { exact: true }).fill(password);
  await send(card);
}

describe('a link', () => {
  it('takes two forms, which become two keys', async () => {
    const request = await ask(undefined, { description: 'Reading is enough.', nameOverride: 'Orders' });
    const before_ = (await keys()).length;
    const { page, card, check, close } = await visit(request.uri);
    await page.getByRole('heading', { level: 1, name: 'Access for the order reports' }).waitFor();
    assert.match(await page.locator('.who').innerText(), /Page User[\s\S]*page\.user@example\.org[\s\S]*Page Team/);
    assert.match(await page.title(), /Access for the order reports/);
    await page.getByText('0 of 2 answered').waitFor();
    await check('forms');
    await fillKey(card('API key'), `${CANARY}-key`);
    await card('API key').getByText('Saved for Page Team').waitFor();
    await check('one of two');
    assert.equal((await detail(request)).status, 'partially_authorized');
    await fillLogin(card('User name and password'), `${CANARY}-password`);
    await page.getByRole('heading', { name: 'All done, thank you' }).waitFor();
    assert.match(await page.evaluate(() => document.activeElement.className), /outcome/);
    await check('done');
    const after_ = await detail(request);
    assert.equal(after_.status, 'authorized');
    assert.deepEqual(after_.credentials.map((one) => one.state), ['authorized', 'authorized']);
    assert.equal((await keys()).length, before_ + 2);
    await page.reload();
    await page.getByRole('heading', { name: 'All done, thank you' }).waitFor();
    assert.equal(await page.locator('form').count(), 0);
    await close();
  });

  it('takes both forms with one button; one that lacks something waits', async () => {
    const request = await ask();
    const { page, card, check, close } = await visit(request.uri);
    await card('API key').getByLabel('Key', { exact: true }).fill(`${CANARY}-all-key`);
    await card('User name and password').getByLabel('User name').fill('grace');
    const all = page.getByRole('button', { name: 'Send everything securely' });
    await all.click();
    await card('User name and password').getByText('Please fill in this field').first().waitFor();
    await card('API key').getByText('Saved for Page Team').waitFor();
    assert.equal(await all.isVisible(), false); // one form is left, with its own button
    await fillLogin(card('User name and password'), `${CANARY}-all-password`);
    await page.getByRole('heading', { name: 'All done, thank you' }).waitFor();
    await check('all at once');
    assert.equal((await detail(request)).status, 'authorized');
    await close();
    const again = await ask();
    const second = await visit(again.uri);
    await second.card('API key').getByLabel('Key', { exact: true }).fill(`${CANARY}-both-key`);
    await second.card('User name and password').getByLabel('User name').fill('grace');
    await second.card('User name and password').getByLabel('Password', { exact: true }).fill(`${CANARY}-both-password`);
    await second.page.getByRole('button', { name: 'Send everything securely' }).click();
    await second.page.getByRole('heading', { name: 'All done, thank you' }).waitFor();
    assert.equal((await detail(again)).status, 'authorized');
    await second.close();
  });

  it('leaves neither its secret nor what was typed anywhere', async () => {
    const request = await ask(['apikeyauth']);
    const { card, close } = await visit(request.uri);
    await fillKey(card('API key'), `${CANARY}-nowhere`);
    await card('API key').getByText('Saved for').waitFor();
    await close();
    assert.deepEqual(await stack.findSecret(request.secret), []);
    assert.deepEqual(await stack.findSecret(`${CANARY}-nowhere`), []);
  });

  it('connects an account, with fields that the requester has filled in', async () => {
    vendor.on('/shop', (sent, response) => (sent.headers['x-key'] === `${CANARY}-shop`
      ? response.writeHead(200, { 'content-type': 'application/json' }).end('{"owner":"grace@shop.example"}')
      : response.writeHead(401, { 'content-type': 'application/json' }).end('{"message":"this key is not known"}')));
    const answer = await api('POST', '/credential-requests/actions/create-by-credentials', { teamId: world.teamId,
      name: 'Access to the shop', connections: [{ type: 'shoplet', prefill: { hard: { shop: 'blue', region: 'us' }, soft: { note: 'from us' } } }] });
    assert.equal(answer.status, 200, answer.text);
    const { page, card, check, close } = await visit(answer.body.publicUri);
    const item = card('Shoplet account');
    const name = item.getByLabel('Shop name');
    await name.waitFor();
    assert.equal(await name.inputValue(), 'blue');
    assert.equal(await name.isEditable(), false);
    assert.match(await name.evaluate((input) => input.getAttribute('aria-describedby').split(' ').map((id) => document.getElementById(id).textContent).join(' ')),
      /cannot be changed/);
    assert.equal(await item.getByLabel('Region').inputValue(), 'us');
    assert.equal(await item.getByLabel('Region').isDisabled(), true);
    assert.equal(await item.getByLabel('Note').inputValue(), 'from us');
    await check('prefilled');
    await item.getByLabel('Note').fill('changed');
    await item.getByLabel('API key', { exact: true }).fill('wrong-key');
    await send(item);
    await item.getByText('this key is not known').waitFor();
    await check('refused by the provider');
    assert.equal(await name.inputValue(), 'blue');
    assert.equal(await item.getByLabel('Note').inputValue(), 'changed');
    await item.getByLabel('API key', { exact: true }).fill(`${CANARY}-shop`);
    await send(item);
    await item.getByText('grace@shop.example').waitFor();
    await check('whose account it is');
    await item.getByRole('button', { name: 'Yes, use this account' }).click();
    await page.getByRole('heading', { name: 'All done, thank you' }).waitFor();
    const { credentials: [credential] } = await detail(answer.body.request);
    const { connection } = (await api('GET', `/connections/${credential.remoteId}`)).body;
    assert.equal(connection.metadata.value, 'grace@shop.example');
    await close();
  });

  it('works with the keyboard alone', async () => {
    const request = await ask(['basicauth']);
    const { page, card, close } = await visit(request.uri);
    await card('User name and password').waitFor();
    for (const text of ['grace', `${CANARY}-keyboard`]) {
      await page.keyboard.press('Tab');
      await page.keyboard.type(text);
    }
    await page.keyboard.press('Tab'); // the button that shows the password
    assert.equal(await page.evaluate(() => document.activeElement.getAttribute('aria-label')), 'Show Password');
    await page.keyboard.press('Space');
    assert.equal(await card('User name and password').getByLabel('Password', { exact: true }).getAttribute('type'), 'text');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'All done, thank you' }).waitFor();
    await close();
  });

  it('names what is missing, and leads to it without touching the fragment', async () => {
    const request = await ask(['basicauth']);
    const { page, card, check, seen, close } = await visit(request.uri);
    const login = card('User name and password');
    await send(login);
    await login.getByRole('group', { name: 'Please check 2 fields' }).waitFor();
    assert.match(await page.evaluate(() => document.activeElement.className), /summary/);
    await check('errors');
    await login.getByRole('button', { name: 'Password: Please fill in this field.' }).click();
    assert.match(await page.evaluate(() => document.activeElement.id), /authPass$/);
    assert.equal(await page.evaluate(() => document.activeElement.getAttribute('aria-invalid')), 'true');
    assert.equal(new URL(page.url()).hash, `#${request.secret}`);
    assert.equal(seen.urls.filter((url) => url.includes('/items/')).length, 0);
    await close();
  });

  it('shows what the service says about a field, and keeps what is there', async () => {
    const request = await ask(['basicauth']);
    const { page, card, check, close } = await visit(request.uri, { expectErrors: true });
    const login = card('User name and password');
    await fillLogin(login, `${CANARY}-colon`, 'gra:ce');
    await login.getByText('Must not hold a colon', { exact: true }).waitFor();
    await check('refused by the service');
    assert.equal(await login.getByLabel('User name').inputValue(), 'gra:ce');
    await login.getByLabel('User name').fill('grace');
    await send(login);
    await page.getByRole('heading', { name: 'All done, thank you' }).waitFor();
    await close();
  });

  it('can be declined with a reason, and provided after all', async () => {
    const request = await ask(['apikeyauth']);
    const { page, card, check, close } = await visit(request.uri);
    await card('API key').getByRole('button', { name: 'Decline' }).click();
    await page.getByRole('dialog', { name: 'Decline “API key”?' }).waitFor();
    await check('dialog');
    await page.keyboard.press('Escape');
    assert.equal(await page.getByRole('dialog').count(), 0);
    assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Decline …');
    await card('API key').getByRole('button', { name: 'Decline' }).click();
    await page.getByRole('dialog').getByLabel('Reason').fill('Not mine to give.');
    await page.getByRole('dialog').getByRole('button', { name: 'Decline' }).click();
    await card('API key').getByText('Reason given: “Not mine to give.”').waitFor();
    await page.getByRole('heading', { name: 'Declined', exact: true }).waitFor();
    await check('declined');
    const declined = await detail(request);
    assert.equal(declined.status, 'declined');
    assert.equal(declined.credentials[0].declineReason, 'Not mine to give.');
    await card('API key').getByRole('button', { name: 'Provide it after all' }).click();
    assert.equal(await page.getByRole('heading', { name: 'Declined', exact: true }).count(), 0);
    await fillKey(card('API key'), `${CANARY}-after-all`);
    await page.getByRole('heading', { name: 'All done, thank you' }).waitFor();
    assert.equal((await detail(request)).status, 'authorized');
    await close();
  });

  it('shows that a member of the team has declined while nobody worked on the form', async () => {
    const request = await ask(['apikeyauth']);
    const [{ id }] = (await detail(request)).credentials;
    const { page, card, close } = await visit(request.uri);
    await card('API key').waitFor();
    await stack.stop('runner');
    try {
      await fillKey(card('API key'), `${CANARY}-called-off`);
      await card('API key').getByText('Being checked and saved').waitFor();
      const declined = await api('POST', `/credential-requests/credentials/${id}/decline`, { reason: 'Not needed any more.' });
      assert.equal(declined.status, 200, declined.text);
      await card('API key').getByText('Reason given: “Not needed any more.”').waitFor();
    } finally {
      await stack.start('runner');
    }
    await page.reload();
    await card('API key').getByText('This was declined.').waitFor();
    await close();
  });

  it('says what went wrong the last time', async () => {
    const request = await ask(['basicauth']);
    const { id } = (await detail(request)).credentials[0];
    await stack.mysql(`INSERT INTO job (kind, subject, state, run_at, max_attempts, payload, error, created_at, finished_at)
      VALUES ('fulfil', '${id}', 'failed', UTC_TIMESTAMP(3), 1, '{}', 'The archive refused the login.', UTC_TIMESTAMP(3), UTC_TIMESTAMP(3))`);
    const { page, card, check, close } = await visit(request.uri);
    await card('User name and password').getByText('The archive refused the login.').waitFor();
    await check('failed');
    await fillLogin(card('User name and password'), `${CANARY}-again`);
    await page.getByRole('heading', { name: 'All done, thank you' }).waitFor();
    await close();
  });

  it('takes only a refusal for an account', async () => {
    const request = await ask(['basicauth']);
    await stack.mysql(`UPDATE credential SET component = 'account', name = 'google', label = 'Google', scope = '["See your sheets"]'
      WHERE request_id = UNHEX(REPLACE('${request.id}', '-', ''))`);
    const { page, card, check, close } = await visit(request.uri);
    await card('Google').getByText('cannot be connected here yet').waitFor();
    await card('Google').getByText('See your sheets').waitFor();
    assert.equal(await page.locator('form').count(), 0);
    await check('account');
    await card('Google').getByRole('button', { name: 'Decline' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Decline' }).click();
    await page.getByRole('heading', { name: 'Declined', exact: true }).waitFor();
    await close();
  });

  it('catches up with what another window has sent', async () => {
    const request = await ask(['apikeyauth']);
    const first = await visit(request.uri);
    const second = await visit(request.uri, { beside: first });
    await second.card('API key').waitFor();
    await fillKey(first.card('API key'), `${CANARY}-first`);
    await first.page.getByRole('heading', { name: 'All done, thank you' }).waitFor();
    await second.page.getByRole('heading', { name: 'All done, thank you' }).waitFor(); // by itself
    assert.equal(await second.page.locator('form').count(), 0);
    await second.close();
    await first.close();
  });

  it('belongs to the browser that answers first; another one is told so, also while somebody types there', async () => {
    const request = await ask();
    const first = await visit(request.uri);
    const second = await visit(request.uri, { expectErrors: true });
    await second.card('API key').waitFor();
    await fillKey(first.card('API key'), `${CANARY}-first-browser`);
    await first.card('API key').getByText('Saved for Page Team').waitFor();
    await fillKey(second.card('API key'), `${CANARY}-second-browser`);
    await second.notice('In use in another browser');
    await second.page.getByText('ask Page User for a new link').waitFor();
    assert.equal(await second.page.getByText('page.user@example.org').count(), 1);
    assert.equal(await second.page.locator('form').count(), 0);
    await second.check('in use elsewhere');
    await second.close();
    const third = await visit(request.uri);
    await third.notice('In use in another browser');
    await third.close();
    await first.page.reload();
    await first.card('API key').getByText('Saved for Page Team').waitFor();
    await first.close();
  });

  it('shows words of others as words: no markup, no turned direction', async () => {
    const request = await ask(['apikeyauth'], { description: '<img src=x onerror=alert(1)> \u202egnihton\u202c', nameOverride: '<b>bold</b>' });
    const { page, card, close } = await visit(request.uri);
    await card('API key').waitFor();
    assert.match(await card('API key').innerText(), /<img src=x onerror=alert\(1\)> gnihton\n[\s\S]*<b>bold<\/b>/);
    assert.equal(await page.locator('main img, main b').count(), 0);
    await close();
  });
});

describe('each look', () => {
  for (const [name, options] of Object.entries({
    'small and dark': { viewport: { width: 320, height: 640 }, colorScheme: 'dark' },
    'small and light': { viewport: { width: 320, height: 640 }, colorScheme: 'light' },
    'large and dark': { viewport: { width: 1440, height: 900 }, colorScheme: 'dark' },
    'with forced colours': { viewport: { width: 1024, height: 800 }, forcedColors: 'active' },
    'moving': { reducedMotion: 'no-preference' },
  })) {
    it(`is well ${name}, in every state`, async () => {
      const request = await ask();
      const { page, card, check, close } = await visit(request.uri, options);
      await card('API key').waitFor();
      await check(`${name}: forms`);
      await send(card('User name and password'));
      await check(`${name}: errors`);
      await card('API key').getByRole('button', { name: 'Decline' }).click();
      await check(`${name}: dialog`);
      await page.getByRole('dialog').getByRole('button', { name: 'Decline' }).click();
      await card('API key').getByText('This was declined.').waitFor();
      await fillLogin(card('User name and password'), `${CANARY}-${name}`);
      await page.getByRole('heading', { name: 'Everything is answered' }).waitFor();
      await sleep(500); // the panel appears
      await check(`${name}: answered`);
      await close();
    });
  }

  it('speaks German to those who ask for it', async () => {
    const request = await ask(['basicauth']);
    const { page, card, check, close } = await visit(request.uri, { locale: 'de-AT', viewport: { width: 320, height: 640 } });
    await card('Benutzername und Passwort').getByRole('button', { name: 'Sicher senden' }).click();
    await page.getByRole('group', { name: 'Bitte prüfen Sie 2 Felder' }).waitFor();
    assert.equal(await page.evaluate(() => document.documentElement.lang), 'de');
    await check('German');
    await close();
  });
});

describe('a link that does not work', () => {
  it('says so alike for an unknown request and a wrong secret', async () => {
    const request = await ask(['apikeyauth']);
    const wrong = `${request.uri.slice(0, -2)}${request.uri.endsWith('AA') ? 'BA' : 'AA'}`;
    for (const uri of [wrong, wrong.replace(request.id, '0198a1c2-0000-7000-8000-00000000dead')]) {
      const { check, notice, close } = await visit(uri, { expectErrors: true });
      await notice('This link does not work');
      await check('unknown');
      await close();
    }
  });

  it('says that it was cut off, without asking the service', async () => {
    const request = await ask(['apikeyauth']);
    for (const uri of [request.uri.slice(0, -1), request.uri.split('#')[0]]) {
      const { check, notice, seen, close } = await visit(uri);
      await notice('This link is not complete');
      await check('incomplete');
      assert.equal(seen.urls.filter((url) => url.includes('/public/')).length, 0);
      await close();
    }
  });

  it('says that the request has ended, also while somebody types', async () => {
    const request = await ask(['apikeyauth']);
    const open = await visit(request.uri, { expectErrors: true });
    await open.card('API key').waitFor();
    await stack.mysql(`UPDATE credential_request SET expires_at = UTC_TIMESTAMP(3) - INTERVAL 1 SECOND
      WHERE id = UNHEX(REPLACE('${request.id}', '-', ''))`);
    await fillKey(open.card('API key'), `${CANARY}-late`);
    await open.notice('This request has ended');
    await open.close();
    const { check, notice, close } = await visit(request.uri, { expectErrors: true });
    await notice('This request has ended');
    await check('expired');
    await close();
    assert.equal((await detail(request)).credentials[0].state, 'pending');
  });
});

describe('when the service is not well', () => {
  it('keeps what was typed while it is away', async () => {
    const request = await ask(['basicauth']);
    const { page, card, check, close } = await visit(request.uri, { expectErrors: true });
    const login = card('User name and password');
    await login.waitFor();
    await stack.stop('public');
    try {
      await fillLogin(login, `${CANARY}-away`);
      await login.getByText('The service cannot be reached.').waitFor();
      await page.locator('.banner').getByText('Connection lost.').waitFor();
      await check('away');
      assert.equal(await login.getByLabel('Password', { exact: true }).inputValue(), `${CANARY}-away`);
    } finally {
      await stack.start('public');
    }
    await page.locator('.banner').getByText('Connection lost.').waitFor({ state: 'hidden', timeout: 60000 });
    await send(login);
    await page.getByRole('heading', { name: 'All done, thank you' }).waitFor();
    await close();
  });

  it('opens by itself once it is back', async () => {
    const request = await ask(['apikeyauth']);
    await stack.stop('public');
    let one;
    try {
      one = await visit(request.uri, { expectErrors: true });
      await one.notice('The service cannot be reached');
      await one.check('away from the start');
    } finally {
      await stack.start('public');
    }
    await one.card('API key').waitFor({ timeout: 60000 });
    await one.close();
  });

  it('takes a form while no runner is at work, and says that it will take a while', async () => {
    const request = await ask(['apikeyauth']);
    const { page, card, check, close } = await visit(request.uri);
    await card('API key').waitFor();
    await stack.stop('runner');
    try {
      await stack.mysql('DELETE FROM runner');
      await fillKey(card('API key'), `${CANARY}-later`);
      await card('API key').getByText('worked on later than usual').waitFor();
      await check('delayed');
    } finally {
      await stack.start('runner');
    }
    await page.getByRole('heading', { name: 'All done, thank you' }).waitFor({ timeout: 60000 });
    await close();
  });
});

describe('the calls behind the page', () => {
  const call = (request, method, path, body, { secret = request.secret, headers = {} } = {}) =>
    stack.api(method, request.path + path, body, { headers: { authorization: `Link ${secret}`, ...headers } });

  it('answer a wrong secret, another link and no link alike', async () => {
    const [one, other] = [await ask(['apikeyauth']), await ask(['apikeyauth'])];
    const expected = (await call(one, 'GET', '', undefined, { secret: 'x' })).text;
    for (const answer of [
      await call(one, 'GET', '', undefined, { secret: other.secret }),
      await stack.api('GET', one.path),
      await stack.api('GET', `${one.path.slice(0, -1)}x`, undefined, { headers: { authorization: `Link ${one.secret}` } }),
      await stack.api('GET', one.path, undefined, { token: world.token }),
      await call(one, 'POST', `/items/${one.id}`, { fields: {} }, { secret: other.secret }),
    ]) {
      assert.equal(answer.status, 404, answer.text);
      assert.equal(answer.text, expected);
    }
  });

  it('take no item of another request', async () => {
    const [one, other] = [await ask(['apikeyauth']), await ask(['apikeyauth'])];
    const item = (await detail(other)).credentials[0].id;
    for (const [path, body] of [[`/items/${item}`, { fields: { key: 'k' } }], [`/items/${item}/decline`, {}], ['/items/nothing', { fields: {} }]]) {
      assert.equal((await call(one, 'POST', path, body)).status, 404);
    }
    assert.equal((await detail(other)).credentials[0].state, 'pending');
  });

  it('name what is wrong with a form, and never a value', async () => {
    const request = await ask(['apikeyauth']);
    const item = `/items/${(await detail(request)).credentials[0].id}`;
    for (const [body, status, expected] of [
      ['{', 400, /./],
      [{}, 400, /fields/],
      [{ fields: [] }, 400, /fields/],
      [{ fields: {} }, 400, /fields\.key: is required/],
      [{ fields: { key: '' } }, 400, /fields\.key: must not be empty/],
      [{ fields: { key: 'k', placement: CANARY } }, 400, /fields\.placement: must be one of/],
      [{ fields: { key: 'k', other: CANARY } }, 400, /fields\.other/],
      [{ fields: { key: 'k' }, more: CANARY }, 400, /more/],
      [{ fields: { key: 'k'.repeat(8193) } }, 400, /fields\.key: must have at most/],
    ]) {
      const answer = await call(request, 'POST', item, body);
      assert.equal(answer.status, status, answer.text);
      assert.match(answer.text, expected);
      assert.doesNotMatch(answer.text, new RegExp(CANARY));
    }
    assert.equal((await call(request, 'POST', item, { fields: { key: 'k' } }, { headers: { 'content-type': 'text/plain' } })).status, 415);
    assert.equal((await call(request, 'POST', `${item}/decline`, { reason: 'x'.repeat(2049) })).status, 400);
    assert.equal((await call(request, 'DELETE', item)).status, 405);
    assert.equal((await detail(request)).credentials[0].state, 'pending');
  });

  it('store nothing under a key that is not the installation\'s', async () => {
    const request = await ask(['apikeyauth']);
    const item = `/items/${(await detail(request)).credentials[0].id}`;
    await stack.mysql('CREATE TABLE kept AS SELECT * FROM team_key; UPDATE team_key SET public_key = UNHEX(REPEAT("09", 32))');
    const answer = await call(request, 'POST', item, { fields: { key: `${CANARY}-swapped` } });
    await stack.mysql('UPDATE team_key t JOIN kept k USING (team_id, generation) SET t.public_key = k.public_key; DROP TABLE kept');
    assert.equal(answer.status, 500, answer.text);
    assert.deepEqual(await stack.mysql(`SELECT COUNT(*) FROM submission s JOIN credential c ON c.id = s.credential_id
      WHERE c.request_id = UNHEX(REPLACE('${request.id}', '-', ''))`), [['0']]);
    assert.match(stack.logs('public'), /integrity_error/);
  });

  it('slow down who tries secrets, and nobody who has the right one', async () => {
    const request = await ask(['apikeyauth']);
    const secret = `${request.secret[0] === 'A' ? 'B' : 'A'}${request.secret.slice(1)}`;
    for (let i = 0; i < 20; i++) assert.equal((await call(request, 'GET', '', undefined, { secret })).status, 404);
    const slowed = await call(request, 'GET', '', undefined, { secret });
    assert.equal(slowed.status, 429, slowed.text);
    assert.ok(Number(slowed.headers['retry-after']) >= 60);
    const wrong = await visit(request.uri.replace(request.secret, secret), { expectErrors: true });
    await wrong.notice('Please wait a little');
    await wrong.check('slowed down');
    await wrong.close();
    const right = await visit(request.uri);
    await right.card('API key').waitFor();
    await right.close();
  });

  it('leave an audit row for each answer', async () => {
    const request = await ask();
    const [one, two] = (await detail(request)).credentials.map((credential) => credential.id);
    assert.equal((await call(request, 'POST', `/items/${one}/decline`)).status, 202);
    const sent = await call(request, 'POST', `/items/${two}`, { fields: two && (await call(request, 'GET', '')).body.items[1].name === 'basicauth'
      ? { authUser: 'grace', authPass: CANARY } : { key: CANARY } });
    assert.equal(sent.status, 202, sent.text);
    assert.deepEqual(sent.body, { accepted: true, delayed: false });
    const rows = await stack.mysql(`SELECT event, outcome, subject, address FROM audit WHERE actor = 'link:${request.id}' ORDER BY id`);
    assert.deepEqual(rows, [['link.decline', 'ok', one, '127.0.0.1'], ['link.submit', 'ok', two, '127.0.0.1']]);
    await waitFor('both answers', async () => (await detail(request)).credentials.every((credential) => credential.state !== 'pending'));
  });
});
