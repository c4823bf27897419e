// SPDX-License-Identifier: Apache-2.0
// Keys that are files: chosen or pasted on the request page, refused in plain words, made into keys by the runner.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import AxeBuilder from '@axe-core/playwright';
import { chromium } from 'playwright-core';

import { startStack, TOP, waitFor } from '../e2e/harness.mjs';

const TYPES = ['clientcertauth', 'gpg-public', 'webpay'];
const file = (name) => join(TOP, 'tests', 'data', 'keys', name);
const own = mkdtempSync(join(tmpdir(), 'bailee-own-'));
let stack; let world; let browser;

before(async () => {
  writeFileSync(join(own, 'files.json'), JSON.stringify({ name: 'app#files', version: 1, label: 'Files', keys: TYPES,
    modules: TYPES.map((type, at) => ({ id: `M${at}`, name: `M${at}`, label: type, type: `keychain:${type}` })) }));
  stack = await startStack({ set: [`common.apps_extra_dir=${own}`] });
  world = await stack.world({ name: 'Files' });
  browser = await chromium.launch({
    executablePath: process.env.BAILEE_CHROMIUM ?? '/usr/bin/chromium',
    args: process.getuid() === 0 ? ['--no-sandbox'] : [],
  });
});
after(async () => {
  await browser?.close();
  await stack?.close();
  rmSync(own, { recursive: true });
});

const api = (method, path, body) => stack.api(method, `/api/v2${path}`, body, { token: world.token });

async function open(type) {
  const { body } = await api('POST', '/credential-requests/requests/v2', { name: 'Key files', teamId: world.teamId,
    provider: { providerMakeUserId: world.userId }, credentials: [{ appName: 'app#files', appModules: [`M${TYPES.indexOf(type)}`] }] });
  const page = await (await browser.newContext()).newPage();
  await page.goto(body.publicUri);
  const state = async () => (await api('GET', `/credential-requests/requests/${body.request.id}/detail`)).body.requestDetail.credentials[0].state;
  return { page, authorized: () => waitFor('the key', async () => await state() === 'authorized') };
}

const choose = (page, field, name) => page.locator(`input[type=file][id$="-${field}-file"]`).setInputFiles(file(name));
const send = (page) => page.getByRole('button', { name: 'Send securely' }).click();

test('a PKCS#12 file is chosen, its passphrase given, and a key and a certificate come of it', async () => {
  const { page, authorized } = await open('clientcertauth');
  await page.getByLabel('Certificate', { exact: true }).waitFor();
  const { violations } = await new AxeBuilder({ page }).analyze();
  assert.deepEqual(violations.map((rule) => `${rule.id}: ${rule.nodes.map((node) => node.target)}`), []);
  await choose(page, 'certificate', 'rsa.p12');
  await send(page);
  await page.getByText('does not open with this passphrase').first().waitFor();
  await choose(page, 'certificate', 'rsa.p12');
  await page.locator('input[id$="-passphrase"]').fill('open-sesame');
  await send(page);
  await authorized();
  await page.context().close();
});

test('a key that does not belong to its certificate is told at the key', async () => {
  const { page, authorized } = await open('clientcertauth');
  await page.getByLabel('Certificate', { exact: true }).fill(readFileSync(file('rsa.crt'), 'utf8'));
  await choose(page, 'privateKey', 'ec.key');
  await send(page);
  await page.getByText('does not belong to the certificate').first().waitFor();
  assert.equal(await page.locator('[id$="-privateKey"]').getAttribute('aria-invalid'), 'true');
  await page.getByLabel('Certificate', { exact: true }).fill(readFileSync(file('rsa.crt'), 'utf8'));
  await choose(page, 'privateKey', 'rsa.key');
  await send(page);
  await authorized();
  await page.context().close();
});

test('an OpenPGP key and a merchant key are taken from files', async () => {
  for (const [type, field, name] of [['gpg-public', 'publicKey', 'gpg-public.asc'], ['webpay', 'privateKey', 'rsa.key']]) {
    const { page, authorized } = await open(type);
    await page.locator(`[id$="-${field}"]`).waitFor();
    await choose(page, field, name);
    await send(page);
    await authorized();
    await page.context().close();
  }
});
