// SPDX-License-Identifier: Apache-2.0
// What a person does on the request page, step by step, with answers made up for it: the way to a provider and back, the
// back button, two windows, keys alone. The real service stands behind the other tests.
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';

import { chromium } from 'playwright-core';

import { ERRORS, ID, SECRET, startFake } from './fake.mjs';
import { github, key, many, ownClient, shop, viewOf, zendesk } from './states.mjs';

let fake; let browser; let context; let page;

before(async () => {
  fake = await startFake();
  browser = await chromium.launch({
    executablePath: process.env.BAILEE_CHROMIUM ?? '/usr/bin/chromium',
    args: process.getuid() === 0 ? ['--no-sandbox'] : [],
  });
});
after(async () => {
  await browser?.close();
  await fake?.close();
});
beforeEach(async () => {
  await context?.close();
  context = await browser.newContext({ locale: 'en-GB', reducedMotion: 'reduce', viewport: { width: 1024, height: 700 } });
  page = await context.newPage();
  Object.assign(fake, { view: null, on: {}, calls: [], back: null });
});

const ACCOUNT = { id: '0198a1c2-7d3e-7000-8000-00000000acc0', name: 'grace-hopper', other: false, former: null };
const OTHER = { id: '0198a1c2-7d3e-7000-8000-00000000acc1', name: 'ada-lovelace', other: true, former: 'grace-hopper' };
const button = (name, on = page) => on.getByRole('button', { name });
const focused = () => page.evaluate(() => document.activeElement.textContent);
// What the live region comes to say: a screen reader says each text that is put there.
const hears = (...texts) => page.waitForFunction((all) => all.every((text) => document.getElementById('announcer').textContent.includes(text)), texts, { timeout: 5000 })
  .catch(async () => assert.fail(`not said: ${texts.join(' | ')}; but: ${await page.locator('#announcer').textContent()}`));
const heardAll = () => page.evaluate(() => window.heard);
const listen = () => page.evaluate(() => {
  window.heard = [];
  new MutationObserver(() => {
    const text = document.getElementById('announcer').textContent;
    if (text) window.heard.push(text);
  }).observe(document.getElementById('announcer'), { childList: true, subtree: true });
});
const change = (item) => { fake.view = viewOf(fake.view.items.map((one) => (one.id === item.id ? item : one)), { browser: 'this' }); };

async function open(items, more) {
  fake.view = viewOf(items, more);
  fake.on.connect ??= () => ({ url: fake.provider });
  await page.goto(fake.uri);
  await page.locator('.card').first().waitFor();
}

describe('the way to a provider', () => {
  it('leads there and back to the same item, its account is confirmed, and all is done', async () => {
    await open([key({ state: 'authorized' }), github()]);
    fake.back = () => change(github({ progress: 'confirm', account: ACCOUNT }));
    await button('Connect with GitHub').click();
    await page.getByRole('heading', { name: 'Allow it?' }).waitFor();
    assert.equal(new URL(page.url()).hostname, 'localhost');
    await page.getByText('Allow', { exact: true }).click();
    await page.getByRole('heading', { name: 'Is this your account?' }).waitFor();
    assert.equal(new URL(page.url()).hash, `#${SECRET}`); // restored, so that the address can be kept or loaded again
    assert.equal(await focused(), 'Is this your account?');
    fake.on.confirm = ({ body }) => { if (body.accept) change(github({ state: 'authorized', account: ACCOUNT })); };
    await button('Yes, use this account').click();
    await page.getByRole('heading', { name: 'All done, thank you' }).waitFor();
    assert.deepEqual(fake.calls, [{ kind: 'connect', item: github().id, body: {} }, { kind: 'confirm', item: github().id, body: { account: ACCOUNT.id, accept: true } }]);
    assert.match(await page.evaluate(() => document.activeElement.className), /outcome/);
  });

  it('says where one\'s own client secret goes before it is given, and what to register there', async () => {
    await open([ownClient()]);
    const card = page.locator('.card');
    const uri = ownClient().connect.client.redirectUri;
    assert.equal(await page.getByLabel('Redirect URI', { exact: true }).inputValue(), uri);
    await context.grantPermissions(['clipboard-read', 'clipboard-write']);
    await button('Copy').click();
    await page.getByText('Copied').waitFor();
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), uri);
    assert.equal(await card.getByText('will be sent to').count(), 0);
    const plainly = async () => (await card.locator('.warning').innerText()).replace(/[\u2066-\u2069]/g, '');
    await page.getByLabel('Authorize URI').fill('https://login.example/authorize');
    await page.getByLabel('Token URI').fill('https://api.example:8443/token');
    await page.getByLabel('Client ID').fill('mine');
    assert.equal(await plainly(), 'You will be sent to login.example to sign in. Your client secret will be sent to api.example:8443.');
    await page.getByLabel('Token URI').fill('not a URL');
    await page.getByLabel('Client ID').fill('mine');
    assert.equal(await plainly(), 'You will be sent to login.example to sign in.');

    await page.getByLabel('Token URI').fill(' https://api.example/token ');
    await card.locator('input[id$=-clientSecret]').fill('s3cret');
    await button('Connect').click();
    await page.getByRole('heading', { name: 'Allow it?' }).waitFor();
    assert.deepEqual(fake.calls.map(({ body }) => body), [{ fields: { authorizeUri: 'https://login.example/authorize', tokenUri: 'https://api.example/token',
      clientId: 'mine', clientSecret: 's3cret', clientAuth: 'body' } }]);
  });

  it('names the host that the requester has chosen for one\'s client secret', async () => {
    await open([ownClient({ tokenUri: { value: 'https://evil.example/token', locked: true } })]);
    const words = (await page.locator('.card .warning').innerText()).replace(/[\u2066-\u2069]/g, '');
    assert.match(words, /^Your client secret will be sent to evil\.example, an address that Ada Lovelace has filled in\. Go on only if/);
    change(ownClient({}, { progress: 'confirm', account: { ...ACCOUNT, name: 'evil.example' } }));
    await page.reload();
    await page.getByText('An account at evil.example').waitFor();
  });

  it('asks first for what the provider needs to be found', async () => {
    await open([zendesk()]);
    await button('Connect with Zendesk').click();
    await page.getByRole('group', { name: 'Please check one field' }).waitFor();
    assert.equal(fake.calls.length, 0);
    await page.getByLabel('Subdomain').fill('acme');
    await button('Connect with Zendesk').click();
    await page.getByRole('heading', { name: 'Allow it?' }).waitFor();
    assert.deepEqual(fake.calls, [{ kind: 'connect', item: zendesk().id, body: { fields: { subdomain: 'acme' } } }]);
  });

  it('is gone once, however often the button is pressed', async () => {
    let go;
    fake.on.connect = () => new Promise((resolve) => { go = () => resolve({ url: fake.provider }); });
    await open([github()]);
    await button('Connect with GitHub').dblclick();
    await button('Opening GitHub …').click({ force: true });
    assert.equal(await button('Opening GitHub …').getAttribute('aria-disabled'), 'true');
    go();
    await page.getByRole('heading', { name: 'Allow it?' }).waitFor();
    assert.equal(fake.calls.length, 1);
  });

  it('can be gone again after the back button', async () => {
    await open([github()]);
    await button('Connect with GitHub').click();
    await page.getByRole('heading', { name: 'Allow it?' }).waitFor();
    await page.goBack();
    await button('Connect with GitHub').click();
    await page.getByRole('heading', { name: 'Allow it?' }).waitFor();
    assert.equal(fake.calls.length, 2);
  });

  it('is looked at again when the browser shows the page as it was left', async () => {
    await open([github()]);
    await page.evaluate(() => { window.kept = true; });
    change(github({ state: 'authorized', account: ACCOUNT }));
    await page.evaluate(() => window.dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true })));
    await page.getByRole('heading', { name: 'All done, thank you' }).waitFor();
    assert.equal(await page.evaluate(() => window.kept), true);
  });

  it('frees its button when the page is still there', async () => {
    fake.on.connect = () => ERRORS.away();
    await open([github()]);
    await button('Connect with GitHub').click();
    await page.getByText('The service cannot be reached.').waitFor();
    fake.on.connect = () => ({ url: fake.provider });
    await button('Connect with GitHub').click();
    await page.getByRole('heading', { name: 'Allow it?' }).waitFor();
  });

  it('goes to no address that is none of the web', async () => {
    fake.on.connect = () => ({ url: 'javascript:document.title="owned"' });
    await open([github()]);
    const error = page.waitForEvent('pageerror');
    await button('Connect with GitHub').click();
    assert.match(String(await error), /not an address of the web/);
    assert.notEqual(await page.title(), 'owned');
  });

  it('asks before what was typed elsewhere is lost', async () => {
    await open([github(), key()]);
    await page.getByLabel('Key', { exact: true }).fill('k-123');
    await button('Connect with GitHub').click();
    await page.getByRole('dialog', { name: 'Not sent yet' }).waitFor();
    assert.equal(await focused(), 'Stay here');
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').waitFor({ state: 'hidden' });
    assert.equal(await page.getByLabel('Key', { exact: true }).inputValue(), 'k-123');
    assert.equal(fake.calls.length, 0);
    await button('Connect with GitHub').click();
    const asked = [];
    page.on('dialog', (dialog) => { asked.push(dialog.type()); dialog.accept(); });
    await button('Go to GitHub all the same').click();
    await page.getByRole('heading', { name: 'Allow it?' }).waitFor();
    assert.deepEqual(asked, []); // once is enough
  });

  it('tells of a refusal there without alarm, and can be gone again', async () => {
    await open([github()]);
    fake.back = () => change(github({ progress: 'failed', problem: { code: 'denied', text: 'the provider did not grant the access' } }));
    await button('Connect with GitHub').click();
    await page.getByText('Allow', { exact: true }).click();
    await page.getByText('Not allowed at GitHub').waitFor();
    assert.equal(await focused(), 'GitHub account');
    assert.equal(await page.getByText('access_denied').count(), 0);
    assert.equal(await button('Connect with GitHub').isEnabled(), true);
  });

  it('leads back to the request from a way that cannot be continued', async () => {
    await open([github()]);
    fake.back = 400;
    await button('Connect with GitHub').click();
    await page.getByText('Allow', { exact: true }).click();
    await page.getByRole('link', { name: 'Back to the request' }).waitFor();
    assert.equal(new URL(page.url()).search, ''); // no code is left in the address
    await page.getByRole('link', { name: 'Back to the request' }).click();
    await button('Connect with GitHub').waitFor();
    assert.equal(page.url(), fake.uri);
  });

  it('says the same without a script', async () => {
    const bare = await (await browser.newContext({ javaScriptEnabled: false })).newPage();
    fake.back = 400;
    await bare.goto(`${fake.url}/oauth/callback/x?state=${ID}.s&code=c`);
    await bare.getByRole('heading', { name: 'This sign-in cannot be continued' }).waitFor();
    await bare.goto(fake.uri);
    await bare.getByRole('heading', { name: 'This page needs JavaScript' }).waitFor();
    await bare.context().close();
  });
});

describe('an account', () => {
  it('that is the wrong one opens the item again, with advice', async () => {
    await open([github({ progress: 'confirm', account: ACCOUNT })]);
    fake.on.confirm = ({ body }) => { if (!body.accept) change(github({ progress: 'working', account: ACCOUNT })); };
    await button('No, use another').click();
    await page.getByText('Being checked with GitHub').waitFor();
    change(github());
    await page.getByText('If GitHub picks the same one by itself, sign out there first.').waitFor();
    await button('Connect with GitHub').waitFor();
    assert.equal(fake.calls[0].body.accept, false);
  });

  it('is answered for once, however often the button is pressed, and again after a failure', async () => {
    await open([github({ progress: 'confirm', account: ACCOUNT })]);
    fake.on.confirm = () => ERRORS.away();
    await button('Yes, use this account').dblclick();
    await page.getByText('The service cannot be reached.').waitFor();
    fake.on.confirm = () => { change(github({ state: 'authorized', account: ACCOUNT })); };
    await button('Yes, use this account').click();
    await page.getByRole('heading', { name: 'All done, thank you' }).waitFor();
    assert.equal(fake.calls.length, 2);
  });

  it('with less than was asked for says so before the yes, and can be connected again', async () => {
    const missing = [{ name: 'read:org', words: 'See your organizations and teams' }, { name: 'secret_scope', words: null }];
    await open([github({ progress: 'confirm', account: ACCOUNT, missing })]);
    await page.getByRole('list', { name: 'Left out at GitHub:' }).waitFor();
    assert.deepEqual(await page.getByRole('list', { name: 'Left out at GitHub:' }).getByRole('listitem').allTextContents(),
      ['See your organizations and teams', 'secret_scope']);
    await hears('Left out at GitHub: See your organizations and teams; secret_scope.');
    await button('Connect again').click();
    await page.getByRole('heading', { name: 'Allow it?' }).waitFor();
    fake.back = () => change(github({ progress: 'confirm', account: { ...ACCOUNT, id: OTHER.id } }));
    await page.getByText('Allow', { exact: true }).click();
    await page.getByRole('heading', { name: 'Is this your account?' }).waitFor();
    assert.equal(await button('Connect again').count(), 0);
    assert.equal(await page.getByText('Left out').count(), 0);
    assert.deepEqual(fake.calls.map((call) => call.kind), ['connect']);
  });

  it('with less than was asked for can be used all the same, and the page keeps saying what is missing', async () => {
    const missing = [{ name: 'read:org', words: 'See your organizations and teams' }];
    await open([github({ progress: 'confirm', account: ACCOUNT, missing })]);
    fake.on.confirm = () => { change(github({ state: 'authorized', account: ACCOUNT, missing })); };
    await button('Yes, use this account').click();
    await page.getByRole('heading', { name: 'Done, thank you', exact: true }).waitFor();
    await page.getByText('Ada Lovelace has what you gave; what was left out stands below.').waitFor();
    await page.getByRole('list', { name: 'Left out at GitHub:' }).getByText('See your organizations and teams').waitFor();
  });

  it('that needs its address again is connected again over its form, and kept until then', async () => {
    await open([zendesk({ progress: 'confirm', account: ACCOUNT, missing: [{ name: 'hc:read', words: null }] })]);
    await button('Connect again').click();
    assert.equal(await focused(), 'Zendesk account');
    await button('Go back').click();
    await page.getByRole('heading', { name: 'Is this your account?' }).waitFor();
    await button('Connect again').click();
    await page.getByLabel('Subdomain').fill('acme');
    await button('Connect with Zendesk').click();
    await page.getByRole('heading', { name: 'Allow it?' }).waitFor();
    assert.deepEqual(fake.calls, [{ kind: 'connect', item: zendesk().id, body: { fields: { subdomain: 'acme' } } }]);
  });

  it('that cannot be connected again just now says so, and can still be used', async () => {
    await open([github({ progress: 'confirm', account: ACCOUNT, missing: [{ name: 'repo', words: null }] })]);
    fake.on.connect = () => ERRORS.away();
    await button('Connect again').click();
    await page.getByRole('alert').getByText('The service cannot be reached.').waitFor();
    fake.on.confirm = () => { change(github({ state: 'authorized', account: ACCOUNT })); };
    await button('Yes, use this account').click();
    await page.getByRole('heading', { name: 'All done, thank you' }).waitFor();
  });

  for (const [what, item] of [['connected at its provider', github], ['of a form', shop]]) {
    it(`${what} that is another one than before names the former`, async () => {
      await open([item({ progress: 'confirm', state: 'reauthorizing', account: OTHER })]);
      await page.locator('.card .warning').getByText('Before, grace-hopper was connected here.').waitFor();
      change(item({ progress: 'confirm', state: 'reauthorizing', account: { ...OTHER, id: ACCOUNT.id, former: null } }));
      await page.reload();
      await page.locator('.card .warning').getByText('Before, a different account was connected here.').waitFor();
      // two accounts may have one name
      change(item({ progress: 'confirm', state: 'reauthorizing', account: { ...OTHER, former: OTHER.name } }));
      await page.reload();
      await page.locator('.card .warning').getByText('Before, a different account was connected here.').waitFor();
    });
  }
});

describe('a screen reader', () => {
  const turn = () => page.evaluate(() => window.dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true })));

  it('is told of an account that waits, when the page is opened and when it comes', async () => {
    await open([github({ progress: 'confirm', account: ACCOUNT })]);
    await hears('GitHub account: please confirm that grace-hopper is your account.');
    await page.goto('about:blank');
    await open([github({ progress: 'working' })]);
    change(github({ progress: 'confirm', account: OTHER }));
    await page.getByRole('heading', { name: 'Is this your account?' }).waitFor();
    await hears('GitHub account: please confirm that ada-lovelace is your account. Before, grace-hopper was connected here.');
  });

  it('is told when another account has come, and does not say yes to it by a key that was meant for the first', async () => {
    await open([github({ progress: 'confirm', account: ACCOUNT })]);
    await button('Yes, use this account').focus();
    change(github({ progress: 'confirm', account: OTHER }));
    await turn();
    await hears('please confirm that ada-lovelace is your account');
    assert.equal(await focused(), 'Is this your account?');
    await page.keyboard.press('Enter');
    await page.keyboard.press('Space');
    assert.equal(fake.calls.length, 0);
  });

  it('hears each state of an item, and what comes at once together', async () => {
    await open([github(), key()]);
    await listen();
    const steps = [
      [github({ progress: 'working' }), 'GitHub account: being checked and saved.'],
      [github({ progress: 'failed', problem: { code: 'refused', text: 'too old' } }), 'GitHub account: GitHub did not accept this. Too old'],
      [github(), 'GitHub account: open again.'],
      [github({ state: 'declined' }), 'GitHub account: declined.'],
      [github({ state: 'reauthorizing' }), 'GitHub account: needed again.'],
      [github({ progress: 'failed', problem: { code: 'refused', text: 'once' } }), 'GitHub account: GitHub did not accept this. Once'],
      [github({ progress: 'failed', problem: { code: 'refused', text: 'twice' } }), 'GitHub account: GitHub did not accept this. Twice'],
    ];
    for (const [item, words] of steps) {
      change(item);
      await turn();
      await hears(words);
    }
    fake.view = viewOf([github({ state: 'authorized', account: ACCOUNT }), key({ state: 'authorized' })], { browser: 'this' });
    await turn();
    await hears('GitHub account: provided.', 'API key: provided.', 'All done, thank you.');
    const all = await heardAll();
    assert.equal(all.length, steps.length + 1, all.join(' | '));
  });

  it('hears that what was sent waits longer than usual', async () => {
    await open([key({ progress: 'working' })]);
    fake.view = viewOf([key({ progress: 'working' })], { browser: 'this', delayed: true });
    await hears('API key: it has arrived safely, but is worked on later than usual.');
  });

  it('hears that the connection is lost, and that it is back', async () => {
    await open([key()]);
    const { view } = fake;
    fake.view = ERRORS.away;
    await turn();
    await hears('Connection lost.');
    fake.view = view;
    await hears('Connected again.');
  });

  it('is led to the heading of a page that takes the place of another', async () => {
    await open([key()]);
    fake.view = ERRORS.gone;
    await turn();
    await page.getByRole('heading', { name: 'This request has ended' }).waitFor();
    assert.equal(await focused(), 'This request has ended');
    fake.view = ERRORS.away;
    await page.goto('about:blank');
    await page.goto(fake.uri);
    await page.getByRole('heading', { name: 'The service cannot be reached' }).waitFor();
    fake.view = viewOf([key()]);
    await page.getByLabel('Key', { exact: true }).waitFor();
    assert.equal(await focused(), 'Access for the order reports');
  });

  it('is told of each button what it belongs to, and what stands around a field', async () => {
    await open([github(), shop()]);
    for (const name of ['Decline …', 'Send securely']) assert.equal(await page.getByRole('button', { name, description: 'Shoplet account' }).count(), 1, name);
    assert.equal(await page.getByRole('button', { name: 'Connect with GitHub', description: 'GitHub account' }).count(), 1);
    assert.equal(await page.getByRole('textbox', { name: 'Shop name', description: /^https:\/\/ \.shop\.example Set by the requester/ }).count(), 1);
  });

  it('finds the question, the account, what is left out and the answers in one group, in this order', async () => {
    await open([github({ progress: 'confirm', state: 'reauthorizing', account: OTHER, missing: [{ name: 'repo', words: 'Everything' }] })]);
    const group = page.getByRole('group', { name: 'Is this your account?' });
    await group.waitFor();
    const tree = await group.ariaSnapshot();
    const order = ['heading "Is this your account?"', 'ada-lovelace', 'Before, grace-hopper was connected here', 'Left out at GitHub:', 'listitem: Everything',
      'Nothing counts until you say yes', 'button "Yes, use this account"', 'button "Connect again"', 'button "No, use another"'];
    const places = order.map((text) => tree.indexOf(text));
    assert.ok(places.every((place, n) => place >= 0 && (n === 0 || place > places[n - 1])), tree);
    const client = await context.newCDPSession(page);
    const { nodes } = await client.send('Accessibility.getFullAXTree');
    const heading = nodes.find((node) => node.role?.value === 'heading' && node.name?.value === 'Is this your account?');
    assert.match(heading.description.value, /^ada-lovelace\s*at GitHub$/); // said with the question when it has the focus
    const region = nodes.find((node) => node.role?.value === 'status');
    assert.ok(region.properties.some(({ name, value }) => name === 'live' && value.value === 'polite'));
  });
});

describe('answers', () => {
  it('are taken up by another window of the same browser at once', async () => {
    await open([key()]);
    const beside = await context.newPage();
    await beside.goto(fake.uri);
    await button('Send securely', beside).waitFor();
    await page.getByLabel('Key', { exact: true }).fill('k-1');
    fake.on.submit = () => { change(key({ state: 'authorized' })); };
    await button('Send securely').click();
    await beside.getByRole('heading', { name: 'All done, thank you' }).waitFor();
  });

  it('end the page when the link turns out to be in use elsewhere', async () => {
    await open([key()]);
    fake.on.submit = () => {
      fake.view = viewOf([], { browser: 'other', canRelink: true, request: { id: ID, name: 'Reports', requester: { name: 'Ada', email: 'ada@example.org' } } });
      return ERRORS.used();
    };
    await page.getByLabel('Key', { exact: true }).fill('k-1');
    await button('Send securely').click();
    await page.getByRole('heading', { name: 'In use in another browser' }).waitFor();
    await button('Send me a new link').click();
    await page.getByRole('heading', { name: 'A new link is on its way' }).waitFor();
    assert.deepEqual(fake.calls.map((call) => call.kind), ['submit', 'relink']);
    fake.view = ERRORS.unknown; // the old link has ended
    await page.evaluate(() => window.dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true })));
    await page.waitForTimeout(300);
    assert.equal(await page.getByRole('heading', { name: 'A new link is on its way' }).count(), 1);
  });

  it('go without the link in the address for this tab, and for no other', async () => {
    await open([key()]);
    await page.goto('about:blank');
    await page.goto(fake.uri.split('#')[0]);
    await page.getByLabel('Key', { exact: true }).waitFor();
    const beside = await context.newPage();
    await beside.goto(fake.uri.split('#')[0]);
    await beside.getByRole('heading', { name: 'This link is not complete' }).waitFor();
  });

  it('can be taken back after declining, and declined again', async () => {
    await open([shop({ state: 'declined', declineReason: 'Not now.' })], { browser: 'this' });
    await button('Provide it after all').click();
    assert.equal(await focused(), 'Shoplet account');
    await button('Leave it declined').click();
    await page.getByText('Reason given: “Not now.”').waitFor();
    assert.equal(fake.calls.length, 0);
  });

  it('stay to be sent once more when the service could not be reached, and a secret that it refused does not', async () => {
    await open([shop()]);
    const fill = () => page.getByLabel('Password', { exact: true }).fill('p-1');
    const fails = (code) => { fake.on.submit = () => { change(shop({ progress: 'failed', problem: { code, text: 'shop.example did not answer' } })); }; };
    await fill();
    fails('away');
    await button('Send securely').click();
    await page.getByText('What you entered is still here.').waitFor();
    assert.equal(await page.getByLabel('Password', { exact: true }).inputValue(), 'p-1');
    fails('refused');
    await button('Send securely').click();
    await page.getByText('Please check what you entered and send it again.').waitFor();
    assert.equal(await page.getByLabel('Password', { exact: true }).inputValue(), '');
    assert.equal(await page.getByLabel('User name').inputValue(), 'grace');
    assert.deepEqual(fake.calls[1].body, fake.calls[0].body);
  });

  it('reach the fields of a choice, and keep what was typed there', async () => {
    const where = { name: 'where', type: 'select', label: 'Where', required: true, options: [
      { label: 'Cloud', value: 'cloud' }, { label: 'Own host', value: 'own', nested: [{ name: 'host', type: 'text', label: 'Host', required: true }] }] };
    await open([key({ form: [where] })]);
    await page.getByLabel('Where').selectOption('own');
    await page.getByLabel('Host').fill('db.example.org');
    fake.on.submit = () => { change(key({ form: [where], progress: 'failed', problem: { code: 'refused', text: 'does not answer' } })); };
    await button('Send securely').click();
    await page.getByText('Does not answer', { exact: true }).waitFor();
    assert.deepEqual(fake.calls[0].body, { fields: { where: 'own', host: 'db.example.org' } });
    assert.equal(await page.getByLabel('Host').inputValue(), 'db.example.org');
  });
});

const PEM = '-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA==\n-----END PRIVATE KEY-----\n';
const CERTIFICATE = { name: 'c', type: 'cert', label: 'Certificate', required: true };

describe('what is pasted', () => {
  const pasted = {
    'with the line ends of Windows': PEM.replaceAll('\n', '\r\n'),
    'with a byte order mark, blanks and empty lines around': `\ufeff\n\n   ${PEM}  \n\n`,
    'indented, as it stands in a settings file': PEM.replaceAll(/^/gm, '    '),
    'as one line of a JSON file': `"${PEM.replaceAll('\n', '\\n')}",`,
  };
  for (const [how, text] of Object.entries(pasted)) {
    it(`as a key ${how} is sent as a key file has it`, async () => {
      await open([key({ form: [{ name: 'k', type: 'pkey', label: 'Private key', required: true }] })]);
      await page.getByLabel('Private key', { exact: true }).fill(text);
      fake.on.submit = () => { change(key({ state: 'authorized' })); };
      await button('Send securely').click();
      await page.getByRole('heading', { name: 'All done, thank you' }).waitFor();
      assert.deepEqual(fake.calls[0].body, { fields: { k: PEM } });
    });
  }

  it('and is no PEM, is locked, or is a password goes as it is', async () => {
    const form = [CERTIFICATE, { ...CERTIFICATE, name: 'l', label: 'Locked', value: `  ${PEM}`, locked: true }, { name: 'p', type: 'password', label: 'Password', required: true }];
    await open([key({ form })]);
    await page.getByLabel('Certificate', { exact: true }).fill('  MIIB= ');
    await page.getByLabel('Password', { exact: true }).fill(' blank ');
    await button('Send securely').click();
    await hears('being checked');
    assert.deepEqual(fake.calls[0].body, { fields: { c: '  MIIB= ', l: `  ${PEM}`, p: ' blank ' } });
  });

  it('with a blank at its end that nobody sees is pointed out, and goes as the person leaves it', async () => {
    await context.grantPermissions(['clipboard-read', 'clipboard-write']);
    await open([key()]);
    const field = page.getByLabel('Key', { exact: true });
    await field.fill('typed ');
    assert.equal(await button('Remove it').count(), 0); // who types a blank means it
    await field.fill('');
    await page.evaluate(() => navigator.clipboard.writeText('\u200bk-1 2\u00a0\n'));
    await field.press('Control+V');
    await page.getByRole('status').filter({ hasText: 'begins or ends with a blank' }).waitFor();
    await button('Remove it').click();
    assert.equal(await field.inputValue(), 'k-1 2');
    assert.equal(await field.evaluate((node) => node === document.activeElement), true);
    assert.equal(await button('Remove it').count(), 0);
  });

  it('is taken as a file where it is dropped, and does not take the place of the page where it misses', async () => {
    await open([key({ form: [{ name: 'k', type: 'pkey', label: 'Private key', required: true }] })]);
    const drop = (selector) => page.evaluate(([at, text]) => {
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(new File([text], 'key.pem'));
      const over = new DragEvent('dragover', { dataTransfer, bubbles: true, cancelable: true });
      const dropped = new DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true });
      document.querySelector(at).dispatchEvent(over);
      document.querySelector(at).dispatchEvent(dropped);
      return over.defaultPrevented && dropped.defaultPrevented;
    }, [selector, PEM]);
    assert.equal(await drop('h1'), true);
    assert.equal(await drop('.pick'), true);
    await page.getByText('Read from key.pem').waitFor();
    assert.equal(await page.getByLabel('Private key', { exact: true }).inputValue(), PEM);
  });

  it('and too long to be sent is said to be so at its field, and goes nowhere', async () => {
    await open([key({ form: [{ name: 'user', type: 'text', label: 'User', required: true }, { name: 'k', type: 'text', multiline: true, label: 'Token', required: true }] })]);
    await page.getByLabel('User').fill('grace');
    await page.getByLabel('Token').fill('ü'.repeat(32 * 1024));
    await button('Send securely').click();
    await page.getByRole('button', { name: 'Token: This is too long to be sent.' }).click();
    assert.equal(await page.evaluate(() => document.activeElement.getAttribute('aria-invalid')), 'true');
    assert.equal(fake.calls.length, 0);
  });
});

describe('names', () => {
  it('from right to left stand in a sentence that goes from left to right, and turn nothing else', async () => {
    fake.view = viewOf([key()]);
    fake.view.request = { ...fake.view.request, requester: { name: 'محمد\u202e بن', email: 'm+"q"@example.org' } };
    await page.goto(fake.uri);
    const asks = page.locator('.asks');
    await asks.waitFor();
    assert.equal(await asks.textContent(), '\u2068محمد بن\u2069 asks you for access');
    assert.equal(await asks.evaluate((node) => getComputedStyle(node).direction), 'ltr');
    assert.equal(await page.locator('.avatar').textContent(), 'مب');
    assert.equal(await page.locator('.from').textContent(), 'm+"q"@example.orgReporting, Analytical Engines');
  });

  it('of signs alone, or of none, have a picture all the same', async () => {
    await open([github({ progress: 'confirm', account: { ...ACCOUNT, name: '🚀🚀' } })]);
    await page.locator('.face svg').waitFor();
    await page.getByText('🚀🚀', { exact: true }).waitFor();
  });
});

describe('a page that was left open', () => {
  for (const [what, error, title] of [['until the request ended', ERRORS.gone, 'This request has ended'], ['until the request was deleted', ERRORS.unknown, 'This link does not work']]) {
    it(`${what} says so when something is sent, and keeps nothing of it`, async () => {
      await open([key()]);
      await page.getByLabel('Key', { exact: true }).fill('too late');
      fake.on.submit = error;
      fake.view = error;
      await button('Send securely').click();
      await page.getByRole('heading', { name: title }).waitFor();
      assert.equal(await focused(), title);
      assert.equal(await page.evaluate(() => Object.keys(window.sessionStorage).length), 0);
      assert.equal(await page.locator('input').count(), 0);
    });
  }

  it('asks before what was typed is lost, and no more once it is sent', async () => {
    await open([key()]);
    const asked = [];
    page.on('dialog', (dialog) => { asked.push(dialog.type()); dialog.accept(); });
    await page.getByLabel('Key', { exact: true }).click();
    await page.keyboard.type('k-1');
    await page.reload();
    await page.getByLabel('Key', { exact: true }).waitFor();
    assert.deepEqual(asked, ['beforeunload']);
    fake.on.submit = () => { change(key({ state: 'authorized' })); };
    await page.getByLabel('Key', { exact: true }).click();
    await page.keyboard.type('k-1');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'All done, thank you' }).waitFor();
    await page.reload();
    await page.getByRole('heading', { name: 'All done, thank you' }).waitFor();
    assert.equal(asked.length, 1);
  });

  it('that loses its network says so at once, keeps what was typed, and sends it when that is back', async () => {
    await open([key()]);
    await page.getByLabel('Key', { exact: true }).fill('k-1');
    await context.setOffline(true);
    await hears('Connection lost');
    await button('Send securely').click();
    await page.getByText('Not sent').waitFor();
    assert.equal(await page.getByLabel('Key', { exact: true }).inputValue(), 'k-1');
    fake.on.submit = () => { change(key({ state: 'authorized' })); };
    await context.setOffline(false);
    await hears('Connected again');
    await button('Send securely').click();
    await page.getByRole('heading', { name: 'All done, thank you' }).waitFor();
    assert.deepEqual(fake.calls[0].body, { fields: { key: 'k-1' } });
  });

  it('whose script never comes says what to do', async () => {
    await page.route('**/static/page.js', (route) => route.abort());
    await page.goto(fake.uri);
    const words = page.getByText('This takes longer than it should');
    assert.equal(await words.evaluate((node) => getComputedStyle(node).opacity), '0');
    await page.evaluate(() => { for (const animation of document.getAnimations()) if (animation.effect.getTiming().iterations === 1) animation.finish(); });
    assert.equal(await words.evaluate((node) => getComputedStyle(node).opacity), '1');
  });

  it('says what it is doing while the network is slow, and takes no second answer', async () => {
    await open([key()]);
    const network = await context.newCDPSession(page);
    await network.send('Network.enable');
    await network.send('Network.emulateNetworkConditions', { offline: false, latency: 1500, downloadThroughput: 6000, uploadThroughput: 6000 });
    fake.on.submit = () => { change(key({ state: 'authorized' })); };
    await page.getByLabel('Key', { exact: true }).fill('k-1');
    await button('Send securely').click();
    await button('Sending …').waitFor();
    await button('Sending …').click({ force: true });
    await page.getByRole('heading', { name: 'All done, thank you' }).waitFor();
    assert.equal(fake.calls.length, 1);
  });
});

describe('with keys alone', () => {
  it('everything is reached in the order it is seen', async () => {
    await open([github(), key()]);
    const stops = [];
    for (let n = 0; n < 7; n++) {
      await page.keyboard.press('Tab');
      stops.push(await page.evaluate(() => document.activeElement.getAttribute('aria-label') ?? document.activeElement.labels?.[0]?.textContent ?? document.activeElement.textContent));
    }
    assert.deepEqual(stops, ['Connect with GitHub', 'Decline …', 'Key', 'Show Key', 'Send securely', 'Decline …', 'Deutsch']);
  });

  it('each of several items is reached from the list of all, which says how it stands', async () => {
    await open([github(), shop(), key()]);
    const all = page.getByRole('navigation', { name: 'At a glance' });
    await button('API key Open', all).focus();
    await page.keyboard.press('Enter');
    assert.equal(await focused(), 'API key');
    await page.keyboard.press('Tab');
    await page.keyboard.type('k-1');
    fake.on.submit = () => { change(key({ state: 'authorized' })); };
    await page.keyboard.press('Enter');
    await button('API key Provided', all).waitFor();
    assert.equal(await focused(), 'API key'); // what is listed changes without taking the focus
    assert.deepEqual(await all.getByRole('button').allTextContents(), ['GitHub account Open', 'Shoplet account Open', 'API key Provided']);
  });

  it('a great many items are listed when that is asked for', async () => {
    await open(many(64), { browser: 'this' });
    const last = button('Access 64 Open');
    assert.equal(await last.isVisible(), false);
    await page.getByText('All 64 at a glance').focus();
    await page.keyboard.press('Enter');
    await last.click();
    assert.equal(await focused(), 'Access 64');
    assert.ok(await page.getByRole('heading', { name: 'Access 64' }).evaluate((node) => node.getBoundingClientRect().top < window.innerHeight));
  });

  it('an account is connected, confirmed, and another item declined', async () => {
    await open([github(), key()]);
    fake.back = () => change(github({ progress: 'confirm', account: ACCOUNT }));
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Allow it?' }).waitFor();
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Is this your account?' }).waitFor();
    fake.on.confirm = () => { change(github({ state: 'authorized', account: ACCOUNT })); };
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.getByText('Connected for Reporting').waitFor();
    fake.on.decline = ({ body }) => { change(key({ state: 'declined', declineReason: body.reason })); };
    for (const stop of ['Key', 'Show Key', 'Send', 'Decline']) { await page.keyboard.press('Tab'); assert.ok(stop); }
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').waitFor();
    await page.keyboard.type('Not mine.');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Everything is answered' }).waitFor();
    assert.deepEqual(fake.calls.map((call) => call.kind), ['connect', 'confirm', 'decline']);
  });

  it('the language is changed for good', async () => {
    await open([key()]);
    await button('Deutsch').focus();
    await page.keyboard.press('Enter');
    await button('Sicher senden').waitFor();
    await page.reload();
    await button('Sicher senden').waitFor();
    await button('English').click();
    await button('Send securely').waitFor();
  });
});
