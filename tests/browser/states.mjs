// SPDX-License-Identifier: Apache-2.0
// Every state of the request page: what the service answers, and what the person has done to come there.
// Each: { view, uri?, act?(page, fake), on?, wait? } — view may be a function for an error. Used by the tests and for the pictures.
import { readFileSync } from 'node:fs';
import { ERRORS, ID } from './fake.mjs';

export const REQUEST = {
  id: ID,
  name: 'Access for the order reports',
  description: 'We are moving the weekly order reports into our new dashboard.\nFor that it reads orders from the shop and issues from GitHub.',
  requester: { name: 'Ada Lovelace', email: 'ada@analytical.example' },
  team: 'Reporting',
  organization: 'Analytical Engines',
  expiresAt: '2031-03-14T17:00:00.000Z',
  status: 'pending',
};

const uuid = (n) => `0198a1c2-7d3e-7000-8000-0000000000${String(n).padStart(2, '0')}`;
const ITEM = {
  description: null, nameOverride: null, scope: [], scopes: [], missing: [], state: 'pending', declineReason: null, progress: null, error: null, problem: null,
  form: null, connect: null, account: null,
};

export const github = (more = {}) => ({ ...ITEM,
  id: uuid(1), component: 'account', type: 'account:github', name: 'github', label: 'GitHub account', app: 'github', appVersion: '1', appLabel: 'GitHub',
  scopes: [{ name: 'read:user', words: 'Read your profile' }, { name: 'read:org', words: 'See your organizations and teams' },
    { name: 'repo', words: 'Full control of your repositories, private ones too' }],
  connect: { available: true, fields: null }, ...more });

export const zendesk = (more = {}) => ({ ...ITEM,
  id: uuid(2), component: 'account', type: 'account:zendesk', name: 'zendesk', label: 'Zendesk account', app: 'zendesk', appVersion: '1', appLabel: 'Zendesk',
  scopes: [{ name: 'tickets:read', words: 'Read your tickets' }, { name: 'hc:read', words: null }],
  connect: { available: true, fields: [{ name: 'subdomain', type: 'text', label: 'Subdomain', help: 'acme in acme.zendesk.com', required: true, suffix: '.zendesk.com' }] },
  ...more });

// A service that the person brings a client of his own to; the fields are those of the app that ships.
const OWN = JSON.parse(readFileSync(new URL('../../apps/http.json', import.meta.url), 'utf8')).connections[0];
export const ownClient = (values = {}, more = {}) => ({ ...ITEM,
  id: uuid(6), component: 'account', type: 'oauth', name: OWN.type, label: OWN.label, app: 'http', appVersion: '3', appLabel: 'HTTP',
  connect: { available: true, client: { redirectUri: `https://bailee.example.org/oauth/callback/${uuid(6)}`, authorizeField: 'authorizeUri', tokenField: 'tokenUri' },
    fields: OWN.fields.map(({ pattern, expected, ...field }) => ({ ...field, ...values[field.name] })) }, ...more });

export const key = (more = {}) => ({ ...ITEM,
  id: uuid(3), component: 'keychain', type: 'keychain:apikeyauth', name: 'apikeyauth', label: 'API key', app: 'http', appVersion: '3', appLabel: 'HTTP',
  description: 'The key of the warehouse API, from its settings page.',
  form: [{ name: 'key', type: 'password', label: 'Key', help: 'The API key as the service shows it.', required: true }], ...more });

export const shop = (more = {}) => ({ ...ITEM,
  id: uuid(4), component: 'account', type: 'account:shoplet', name: 'shoplet', label: 'Shoplet account', app: 'shoplet', appVersion: '1', appLabel: 'Shoplet',
  nameOverride: 'Orders of the blue shop',
  form: [
    { name: 'shop', type: 'text', label: 'Shop name', required: true, prefix: 'https://', suffix: '.shop.example', value: 'blue', locked: true },
    { name: 'user', type: 'text', label: 'User name', required: true, value: 'grace' },
    { name: 'password', type: 'password', label: 'Password', required: true },
    { name: 'note', type: 'text', label: 'Note' }], ...more });

export const everyField = (more = {}) => ({ ...ITEM,
  id: uuid(5), component: 'keychain', type: 'keychain:every', name: 'every', label: 'Client certificate', app: 'http', appVersion: '3', appLabel: 'HTTP',
  form: [
    { name: 'host', type: 'text', label: 'Host', required: true, help: 'Where the service is.' },
    { name: 'where', type: 'select', label: 'Environment', required: true, options: [
      { label: 'Production', value: 'production' },
      { label: 'Test', value: 'test', nested: [{ name: 'tenant', type: 'text', label: 'Tenant', required: true }, { name: 'strict', type: 'boolean', label: 'Check certificates strictly' }] }] },
    { name: 'certificate', type: 'cert', label: 'Certificate', help: 'Your client certificate in PEM form, its chain behind it, or a .p12 or .pfx file.', required: true },
    { name: 'privateKey', type: 'pkey', label: 'Private key', help: 'The key of this certificate, in PEM form; leave empty for a .p12 or .pfx file.' },
    { name: 'passphrase', type: 'password', label: 'Passphrase', help: 'Only where the key or the file is protected by one.' },
    { name: 'keep', type: 'boolean', label: 'Keep connections open' }], ...more });

export const viewOf = (items, more = {}) => ({ browser: 'free', request: REQUEST, items, delayed: false, canRelink: true, ...more });
const one = (item, more) => ({ view: viewOf([item], more) });
const other = (canRelink) => viewOf([], { browser: 'other', canRelink, request: { id: ID, name: REQUEST.name, requester: REQUEST.requester } });
const button = (page, name) => page.getByRole('button', { name });
const account = { id: uuid(9), name: 'grace-hopper', other: false, former: null };
const missing = [{ name: 'read:org', words: 'See your organizations and teams' }, { name: 'repo', words: 'Full control of your repositories, private ones too' }];

// As many items as wanted, a third of them answered.
export const many = (n) => Array.from({ length: n }, (_, index) => [github, shop, key][index % 3]({
  id: uuid(9).replace(/..$/, String(index).padStart(2, '0')).replace('0198', '0199'), label: `Access ${index + 1}`, ...(index % 3 === 2 ? { state: 'authorized' } : {}) }));

export const STATES = {
  first: { view: viewOf([github(), shop(), key()]) },
  connect: one(github()),
  'connect-fields': one(zendesk()),
  'connect-own-client': one(ownClient()),
  'connect-own-client-filled': one(ownClient({ authorizeUri: { value: 'https://login.warehouse.example/authorize', locked: true },
    tokenUri: { value: 'https://login.warehouse.example/token', locked: true }, scope: { value: 'orders.read' } })),
  'confirm-own-client': one(ownClient({}, { progress: 'confirm', account: { id: uuid(9), name: 'login.warehouse.example', other: false, former: null } }), { browser: 'this' }),
  'connect-unavailable': one(github({ connect: { available: false, fields: null } })),
  'connect-leave': { view: viewOf([github(), key()]),
    act: async (page) => { await page.locator('input[id$=-key]').fill('k-123'); await button(page, /GitHub/).click(); await page.getByRole('dialog').waitFor(); } },
  'connect-busy': { ...one(github()), on: { connect: () => new Promise(() => {}) },
    act: async (page) => { await button(page, /GitHub/).click(); } },
  'oauth-working': one(github({ progress: 'working' }), { browser: 'this' }),
  confirm: one(github({ progress: 'confirm', account }), { browser: 'this' }),
  'confirm-other': one(github({ progress: 'confirm', state: 'reauthorizing', account: { id: uuid(9), name: 'someone.else@example.org', other: true, former: 'grace-hopper' } }), { browser: 'this' }),
  'confirm-other-unknown': one(github({ progress: 'confirm', state: 'reauthorizing', account: { id: uuid(9), name: null, other: true, former: null } }), { browser: 'this' }),
  'confirm-missing': one(github({ progress: 'confirm', account, missing }), { browser: 'this' }),
  'confirm-missing-other': one(zendesk({ progress: 'confirm', state: 'reauthorizing', missing: [{ name: 'hc:read', words: null }],
    account: { id: uuid(9), name: 'someone.else@example.org', other: true, former: 'grace.brewster.murray.hopper@example.org' } }), { browser: 'this' }),
  'confirm-again': { ...one(zendesk({ progress: 'confirm', account, missing: [{ name: 'hc:read', words: null }] }), { browser: 'this' }),
    act: async (page) => { await button(page, 'Connect again').or(button(page, 'Noch einmal verbinden')).click(); await page.locator('form').waitFor(); } },
  'confirm-login': one(shop({ progress: 'confirm', account: { id: uuid(9), name: 'grace@shop.example', other: false, former: null } }), { browser: 'this' }),
  'confirm-unnamed': one(github({ progress: 'confirm', account: { id: uuid(9), name: null, other: false, former: null } }), { browser: 'this' }),
  connected: { view: viewOf([github({ state: 'authorized', account }), key()], { browser: 'this' }) },
  'connected-missing': one(github({ state: 'authorized', account, missing }), { browser: 'this' }),
  denied: one(github({ progress: 'failed', problem: { code: 'denied', text: 'access_denied' } })),
  'sign-in-expired': one(github({ progress: 'failed', problem: { code: 'expired', text: 'expired' } })),
  'provider-error': one(github({ progress: 'failed', problem: { code: 'provider', text: 'The application has been suspended (application_suspended).' } })),
  'provider-away': one(github({ progress: 'failed', problem: { code: 'away', text: 'github.com did not answer' } })),
  'other-problem': one(github({ progress: 'failed', problem: { code: 'something-new', text: 'Something new happened.' } })),
  forms: { view: viewOf([shop(), key()]) },
  'every-field': { ...one(everyField()), act: async (page) => { await page.locator('select').selectOption('test'); } },
  blank: { ...one(key()), act: async (page) => {
    await page.locator('input[id$=-key]').evaluate((input) => {
      input.value = 'k-123 ';
      input.dispatchEvent(new InputEvent('input', { inputType: 'insertFromPaste', bubbles: true }));
    });
    await page.locator('.blank button').waitFor();
  } },
  errors: { ...one(shop()), act: async (page) => {
    await page.locator('input[id$=-user]').fill('');
    await page.locator('button[type=submit]').click();
    await page.locator('.summary:not([hidden])').waitFor();
  } },
  refused: { ...one(shop()), on: { submit: () => ERRORS.field('user', 'must not hold a colon') }, act: async (page) => {
    await page.locator('input[id$=-password]').fill('secret');
    await page.locator('button[type=submit]').click();
    await page.locator('.summary:not([hidden])').waitFor();
  } },
  failed: one(shop({ progress: 'failed', problem: { code: 'refused', text: 'Shoplet said: this password is not known.' } })),
  working: { view: viewOf([shop({ progress: 'working' }), key()], { browser: 'this' }) },
  delayed: one(key({ progress: 'working' }), { browser: 'this', delayed: true }),
  decline: { ...one(key()), act: async (page) => { await page.locator('.button.quiet').click(); await page.getByRole('dialog').waitFor(); } },
  declined: one(key({ state: 'declined', declineReason: 'That key is not mine to give; Charles has it.' }), { browser: 'this' }),
  reopened: { ...one(key({ state: 'declined', declineReason: null }), { browser: 'this' }),
    act: async (page) => { await page.locator('.result .button').click(); await page.locator('form').waitFor(); } },
  partly: { view: viewOf([github({ state: 'authorized', account }), shop(), key({ state: 'declined', declineReason: 'Not mine to give.' })], { browser: 'this' }) },
  done: { view: viewOf([github({ state: 'authorized', account }), shop({ state: 'authorized', account: { id: uuid(9), name: 'grace@shop.example' } }), key({ state: 'authorized' })], { browser: 'this' }) },
  answered: { view: viewOf([github({ state: 'authorized', account }), key({ state: 'declined', declineReason: null })], { browser: 'this' }) },
  again: one(github({ state: 'reauthorizing' })),
  'again-form': one(shop({ state: 'invalid' })),
  unknown_type: one({ ...key(), form: null }),
  'in-use': { view: other(true) },
  'in-use-ask': { view: other(false) },
  relinked: { view: other(true), act: async (page) => { await page.locator('.notice .button').click(); await page.locator('.notice.relinked').waitFor(); } },
  'relink-often': { view: other(true), on: { relink: () => ERRORS.rate() },
    act: async (page) => { await page.locator('.notice .button').click(); await page.locator('.notice .error:not([hidden])').waitFor(); } },
  incomplete: { view: null, uri: (fake) => fake.uri.slice(0, -3) },
  cookies: { ...one(key()), uri: (fake) => fake.uri.replace('#', '?no-cookies#'),
    init: () => { if (window.location.search === '?no-cookies') Object.defineProperty(navigator, 'cookieEnabled', { get: () => false }); } },
  unknown: { view: ERRORS.unknown },
  expired: { view: ERRORS.gone },
  rate: { view: ERRORS.rate },
  away: { view: ERRORS.away },
  'away-typing': { ...one(shop()), act: async (page, fake) => {
    fake.view = ERRORS.away;
    fake.on.submit = () => ERRORS.away();
    await page.locator('input[id$=-password]').fill('kept');
    await page.locator('button[type=submit]').click();
    await page.locator('.banner:not([hidden])').waitFor();
  } },
  returned: { view: null, uri: (fake) => { fake.back = 400; return `${fake.url}/oauth/callback/x?state=${ID}.s&code=c`; } },
  'returned-away': { view: null, uri: (fake) => { fake.back = 503; return `${fake.url}/oauth/callback/x?state=${ID}.s&code=c`; } },
  many: { view: viewOf(many(12), { browser: 'this' }) },
  crowd: { view: viewOf(many(64), { browser: 'this' }) },
  'right-to-left': { view: viewOf([github(), key({ label: 'مفتاح الواجهة' })], { request: { ...REQUEST, name: 'طلب الوصول إلى تقارير الطلبات', description: 'نحن ننقل التقارير الأسبوعية.',
    team: 'فريق التقارير', requester: { name: 'ليلى 😀 حسن', email: 'layla@example.org' } } }) },
  'long-names': { view: viewOf([github({ label: 'W'.repeat(255) }), shop({ label: '😀'.repeat(127) }), key({ label: `${'Key of the warehouse '.repeat(12)}.` })],
    { request: { ...REQUEST, name: 'N'.repeat(255), team: 'T'.repeat(255), requester: { name: 'A'.repeat(255), email: `${'a'.repeat(64)}@${'b'.repeat(60)}.${'c'.repeat(60)}.example` } } }) },
  nothing: { view: null, uri: (fake) => `${fake.url}/` },
  long: { view: viewOf([
    github({ label: 'GitHub-Benutzerkonto der Entwicklungsabteilungsleitung', description: 'https://example.org/averyveryverylongaddresswithoutanyspaceatallthatmustwrapsomewhereorelse?x=1' }),
    zendesk({ scopes: Array.from({ length: 14 }, (_, n) => ({ name: `scope.number.${n}`, words: n % 3 ? `Read and change the records of kind ${n}` : null })) }),
    key({ label: 'مفتاح الواجهة', state: 'authorized' }), shop()],
  { request: { ...REQUEST, name: 'Zugriff auf die Rechnungsstellungsschnittstelle und das Kundenbeziehungsmanagementsystem', team: 'Unternehmensressourcenplanung',
    requester: { name: 'Wolfeschlegelsteinhausenbergerdorff von und zu Hohenlohe-Langenburg', email: 'wolfeschlegelsteinhausenbergerdorff@entwicklungsabteilung.example.org' } } }) },
};

// Opens a state in a page and waits until it stands.
export async function showState(page, fake, name) {
  const state = STATES[name];
  Object.assign(fake, { view: structuredCloneOr(state.view), on: { ...state.on }, calls: [], back: null });
  if (state.init) await page.addInitScript(state.init);
  await page.goto(state.uri?.(fake) ?? fake.uri);
  await page.locator('.page, .notice').first().waitFor();
  await state.act?.(page, fake);
}

function structuredCloneOr(view) {
  return typeof view === 'function' ? view : structuredClone(view);
}
