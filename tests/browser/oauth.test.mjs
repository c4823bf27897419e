// SPDX-License-Identifier: Apache-2.0
// An account is connected in Chromium: from the link in the invitation mail, over the pages of a strict authorization server, to a
// token that works; and everything a person may do on the way besides.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { chromium } from 'playwright-core';

import { startAuthorizationServer } from '../e2e/authorization_server.mjs';
import { freePort, waitFor } from '../e2e/harness.mjs';
import { linkIn, mailOptions, MailServer } from '../e2e/mail_server.mjs';
import { startOauthStack } from '../e2e/oauth_stack.mjs';

const SECRET = 'browser-secret-91';
const LABEL = 'strict account';
const APP = 'Accounts of the test';

let oauth; let strict; let mail; let browser; let people = 0;

before(async () => {
  mail = await new MailServer(await freePort()).start();
  strict = await startAuthorizationServer();
  // What this server grants twice in one session is one grant to it, and is revoked as one.
  const revoke = { url: `${strict.url}/token/revocation`, style: 'form', ends_all: true };
  oauth = await startOauthStack(['strict', 'second'].map((type) => ({ secret: SECRET, clientId: type === 'strict' ? 'bailee' : 'second',
    connection: strict.connection(type, { oauth2: { iss_required: true, revoke } }) })), { set: mailOptions(mail.port) });
  for (const [type, client_id] of [['strict', 'bailee'], ['second', 'second']])
    strict.addClient({ client_id, client_secret: SECRET, redirect_uris: [await oauth.redirectUri(type)] });
  browser = await chromium.launch({
    executablePath: process.env.BAILEE_CHROMIUM ?? '/usr/bin/chromium',
    args: process.getuid() === 0 ? ['--no-sandbox'] : [],
  });
});
after(async () => {
  await browser?.close();
  await oauth?.close();
  await strict?.close();
  await mail?.stop();
});

// A request to somebody new, and the link in the mail he gets.
async function invite(types = 'strict') {
  const email = `person-${++people}@provider.example`;
  const asked = await oauth.ask(types, { provider: { newUser: { name: 'Grace Hopper', email } } });
  const letter = await mail.letter(email);
  return { ...asked, email, link: linkIn(letter.mail.text)[0] };
}

// A tab; in a browser of its own, unless a context is given. Everything that is requested is looked at: see end().
async function tab(link, context) {
  const own = context ?? await browser.newContext({ viewport: { width: 1024, height: 800 }, locale: 'en-GB', reducedMotion: 'reduce' });
  const page = await own.newPage();
  const faults = [];
  const seen = [];
  const secret = link.split('#')[1];
  page.on('pageerror', (error) => faults.push(String(error)));
  page.on('request', (sent) => {
    const url = new URL(sent.url());
    seen.push(url);
    const { authorization = '', referer = '', ...headers } = sent.headers();
    if (sent.url().split('#')[0].includes(secret) || JSON.stringify(headers).includes(secret) || (sent.postData() ?? '').includes(secret))
      faults.push(`the link's secret goes to ${url.pathname}`);
    if (authorization.includes(secret) && !(url.origin === oauth.stack.url && url.pathname.startsWith('/public/')))
      faults.push(`the link's secret goes to ${url.origin}`);
    if (url.origin !== oauth.stack.url && (referer || sent.resourceType() !== 'document' || ![strict.issuer].includes(url.origin)) &&
      !referer.startsWith(strict.issuer) && url.pathname !== '/favicon.ico')
      faults.push(`${sent.resourceType()} ${url} from ${referer}`);
  });
  await page.goto(link);
  const card = page.locator('.card', { has: page.getByRole('heading', { name: LABEL, exact: true }) });
  return {
    page, card, context: own, seen,
    connect: () => card.getByRole('button', { name: `Connect with ${APP}` }).click(),
    async signIn(login = 'grace') {
      const consent = page.getByRole('heading', { name: 'Allow access?' });
      const account = page.locator('input[name=login]');
      await consent.or(account).first().waitFor();
      if (await account.isVisible()) {
        await account.fill(login);
        await page.getByRole('button', { name: 'Sign in' }).click();
      }
      await consent.waitFor();
    },
    allow: () => page.getByRole('button', { name: 'Allow' }).click(),
    deny: () => page.getByRole('button', { name: 'Deny' }).click(),
    yes: () => card.getByRole('button', { name: 'Yes, use this account' }).click(),
    question: () => card.getByRole('heading', { name: 'Is this your account?' }).waitFor(),
    done: () => page.getByRole('heading', { name: 'All done, thank you' }).waitFor(),
    refused: () => page.getByRole('heading', { name: 'This sign-in cannot be continued' }).waitFor(),
    async end() {
      if (!context) await own.close();
      assert.deepEqual(faults, []);
    },
  };
}

// All of it, as it should be.
async function connectIn(one, login) {
  await one.connect();
  await one.signIn(login);
  await one.allow();
  await one.question();
  await one.yes();
  await one.done();
}

const api = async (token) => (await fetch(`${strict.url}/api/me`, { headers: { authorization: `Bearer ${token}` } })).json();

async function worksFor(item, login = 'grace') {
  const id = await oauth.connectionOf(item.id);
  assert.equal((await api((await oauth.live(id)).token)).name, login);
}

// Up to the consent page and "Allow", but instead of going back the browser stays where it is; gives the URL of the way back.
async function caught(one) {
  await one.connect();
  await one.signIn();
  let url;
  await one.page.route('**/interaction/**', async (route) => { // redirects cannot be caught, what leads to them can
    const answered = await route.fetch({ maxRedirects: 0 });
    const resumed = await one.context.request.get(new URL(answered.headers().location, strict.issuer).href, { maxRedirects: 0 });
    url = resumed.headers().location;
    await route.fulfill({ status: 200, contentType: 'text/plain', body: 'held' });
  });
  await one.allow();
  await waitFor('the way back', () => url);
  await one.page.unroute('**/interaction/**');
  return url;
}

describe('a person', () => {
  it('gets from the link in the mail to a token that works', async () => {
    const { link, item, request } = await invite();
    const one = await tab(link);
    await one.card.getByText('The right to read').waitFor();
    await connectIn(one, 'ada');
    assert.equal(await one.page.evaluate(() => window.location.pathname + window.location.search), `/request/${request.id}`);
    await worksFor(item, 'ada');
    assert.ok(!(await one.context.cookies(strict.issuer)).some(({ name }) => name.startsWith('bailee-')), 'its cookie stays here');
    await one.end();
  });

  it('says no at the provider, reads that, and changes her mind', async () => {
    const { link, item } = await invite();
    const one = await tab(link);
    await one.connect();
    await one.signIn();
    await one.deny();
    await one.card.getByRole('heading', { name: `Not allowed at ${APP}` }).waitFor();
    await connectIn(one);
    await worksFor(item);
    await one.end();
  });

  it('sees that it is the wrong account, and takes another', async () => {
    const { link, item } = await invite();
    const one = await tab(link);
    await one.connect();
    await one.signIn('wrong');
    await one.allow();
    await one.question();
    await one.card.getByText('wrong').first().waitFor();
    await one.card.getByRole('button', { name: 'No, use another' }).click();
    await one.card.getByText(/sign out there first/).waitFor();
    await one.context.clearCookies({ domain: 'localhost' });
    await connectIn(one, 'right');
    await worksFor(item, 'right');
    await one.end();
  });

  it('goes back with the back button at the provider, and after all is done', async () => {
    const { link, item } = await invite();
    const one = await tab(link);
    await one.connect();
    await one.page.locator('input[name=login]').waitFor();
    await one.page.goBack();
    await one.card.getByRole('button', { name: `Connect with ${APP}` }).waitFor();
    await connectIn(one);
    await one.page.goBack();
    await one.page.goto(link);
    await one.done();
    await worksFor(item);
    await one.end();
  });

  it('reloads the page on each step', async () => {
    const { link, item } = await invite();
    const one = await tab(link);
    await one.page.reload();
    await one.connect();
    await one.page.locator('input[name=login]').waitFor();
    await one.page.reload();
    await one.signIn();
    await one.page.reload();
    await one.signIn();
    await one.allow();
    await one.question();
    await one.page.reload();
    await one.question();
    await one.yes();
    await one.page.reload();
    await one.done();
    await one.page.reload();
    await one.done();
    await worksFor(item);
    await one.end();
  });

  it('presses twice', async () => {
    const { link, item } = await invite();
    const one = await tab(link);
    let connects = 0;
    one.page.on('request', (sent) => { if (sent.url().endsWith('/connect')) connects++; });
    await one.card.getByRole('button', { name: `Connect with ${APP}` }).dblclick();
    await one.signIn();
    assert.equal(connects, 1);
    await one.page.getByRole('button', { name: 'Allow' }).dblclick().catch(() => {});
    await one.question();
    await one.card.getByRole('button', { name: 'Yes, use this account' }).dblclick().catch(() => {});
    await one.done();
    await worksFor(item);
    await one.end();
  });

  it('has the link open in two tabs', async () => {
    const { link, item } = await invite();
    const one = await tab(link);
    const two = await tab(link, one.context);
    await one.connect();
    await one.page.locator('input[name=login]').waitFor();
    await two.connect();
    await two.signIn('tab');
    await two.allow();
    await two.question();
    await one.signIn('tab');
    await one.allow();
    await one.page.getByRole('heading', { name: /Is this your account\?|cannot be continued/ }).first().waitFor();
    await two.page.reload();
    await two.question();
    await two.yes();
    await two.done();
    await one.page.goto(link);
    await one.done();
    await worksFor(item, 'tab');
    await two.end();
    await one.end();
  });

  it('comes with another browser, and has a new link sent', async () => {
    const { link, item, email } = await invite();
    const one = await tab(link);
    await one.connect();
    await one.page.locator('input[name=login]').waitFor();
    const other = await tab(link);
    await other.page.getByRole('heading', { name: 'In use in another browser' }).waitFor();
    assert.equal(await other.page.getByText(LABEL).count(), 0);
    await other.page.getByRole('button', { name: 'Send me a new link' }).click();
    await other.page.getByRole('heading', { name: 'A new link is on its way' }).waitFor();
    const [fresh] = linkIn((await mail.letter(email, 2)).mail.text);
    const again = await tab(fresh, other.context);
    await connectIn(again, 'moved');
    await worksFor(item, 'moved');
    await one.page.goto(link);
    await one.page.getByRole('heading', { name: 'This link does not work' }).waitFor();
    await again.end();
    await other.end();
    await one.end();
  });
});

describe('a way back', () => {
  const refusals = {
    'too late': async (url) => {
      await oauth.stack.mysql('UPDATE oauth_flow SET expires_at = UTC_TIMESTAMP(3) - INTERVAL 1 SECOND WHERE used_at IS NULL');
      return url;
    },
    'with another state': (url) => url.replace(/(state=[^&]{60})./, (all, kept) => `${kept}${all.endsWith('A') ? 'B' : 'A'}`),
    'with another iss': (url) => url.replace(/iss=[^&]*/, `iss=${encodeURIComponent('http://localhost:1')}`),
    'without iss': (url) => url.replace(/&iss=[^&]*/, ''),
    'to another registration': async (url) => url.replace(/callback\/[^?]*/, `callback/${(await oauth.redirectUri('second')).split('/').pop()}`),
  };
  for (const [how, change] of Object.entries(refusals)) {
    it(`that comes ${how} ends on a page that leads back, and nothing is asked of the provider`, async () => {
      const { link, item } = await invite();
      const one = await tab(link);
      const url = await caught(one);
      const before_ = strict.hits('/token');
      await one.page.goto(await change(url));
      await one.refused();
      assert.equal(await one.page.evaluate(() => window.location.search), '', 'what came is gone from the address');
      assert.equal(strict.hits('/token'), before_);
      await one.page.getByRole('link', { name: 'Back to the request' }).click();
      await connectIn(one);
      await worksFor(item);
      await one.end();
    });
  }

  it('that comes a second time changes nothing', async () => {
    const { link, item } = await invite();
    const one = await tab(link);
    const url = await caught(one);
    await one.page.goto(url);
    await one.question();
    const before_ = strict.hits('/token');
    const two = await tab(link, one.context);
    await two.page.goto(url);
    await two.refused();
    assert.equal(strict.hits('/token'), before_);
    await one.yes();
    await one.done();
    await worksFor(item);
    await two.end();
    await one.end();
  });

  it('to another browser is refused there', async () => {
    const { link, item } = await invite();
    const one = await tab(link);
    const url = await caught(one);
    const other = await tab(link);
    await other.page.goto(url);
    await other.refused();
    await one.page.goto(url);
    await one.question();
    await one.yes();
    await one.done();
    await worksFor(item);
    await other.end();
    await one.end();
  });
});

describe('a provider', () => {
  it('that is away when the person comes back is asked until it is there', async () => {
    const { link, item } = await invite();
    const one = await tab(link);
    const url = await caught(one);
    await strict.leave();
    await one.page.goto(url);
    await one.card.getByText('Being checked').first().waitFor();
    await strict.comeBack();
    await one.card.getByRole('heading', { name: 'Is this your account?' }).waitFor({ timeout: 60000 });
    await one.yes();
    await one.done();
    await worksFor(item);
    await one.end();
  });

  it('that fails with the code is told, and can be tried again', async () => {
    const { link, item } = await invite();
    const one = await tab(link);
    const url = await caught(one);
    strict.answer('/token', (request, response) => response.writeHead(500).end('<h1>sorry, internal canary</h1>'));
    await one.page.goto(url);
    await one.card.getByText('Did not work').first().waitFor({ timeout: 60000 });
    assert.doesNotMatch(await one.page.content(), /internal canary/);
    strict.answer('/token');
    await connectIn(one);
    await worksFor(item);
    await one.end();
  });
});
