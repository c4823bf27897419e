#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// Makes docs/screenshots/*.png from the running request page, in the states of tests/browser/states.mjs.
//
//   scripts/screenshots.mjs [FOLDER]     needs Chromium and `npm ci` in tests/
//   scripts/screenshots.mjs --all FOLDER every state, phone and desk, light and dark, as Chromium makes them: to look at
import { mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { startFake } from '../tests/browser/fake.mjs';
import { showState, STATES } from '../tests/browser/states.mjs';
import { withPalette } from './png.mjs';

const TOP = join(dirname(fileURLToPath(import.meta.url)), '..');
const { chromium } = createRequire(join(TOP, 'tests', 'package.json'))('playwright-core');

const PHONE = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2 };
const DESK = { viewport: { width: 1280, height: 860 }, deviceScaleFactor: 1 };
const MOST = 60 * 1024; // bytes a picture may have

// name: [state, look, what is scrolled to the top]
const PICTURES = {
  request: ['first', { ...DESK }],
  'request-dark-german': ['confirm-other', { ...DESK, colorScheme: 'dark', locale: 'de-DE' }],
  connect: ['connect', PHONE],
  confirm: ['confirm', PHONE],
  done: ['done', PHONE],
  form: ['forms', { ...PHONE, colorScheme: 'dark' }, '.items-head'],
  certificate: ['every-field', PHONE, '.items-head'],
  denied: ['denied', PHONE, '.items-head'],
  decline: ['decline', { ...PHONE, colorScheme: 'dark' }],
  'in-use': ['in-use', PHONE],
  'left-out': ['confirm-missing', PHONE, '.items-head'],
};

// As many colours as fit.
function small(png) {
  for (const colours of [96, 64, 48, 32]) {
    const less = withPalette(png, colours);
    if (less.length < MOST) return less;
  }
  throw new Error('too large');
}

const all = process.argv[2] === '--all';
const folder = process.argv[all ? 3 : 2] ?? (all ? undefined : join(TOP, 'docs', 'screenshots'));
if (!folder) {
  console.error('usage: scripts/screenshots.mjs [FOLDER] | --all FOLDER');
  process.exit(2);
}
const pictures = all
  ? Object.fromEntries(Object.keys(STATES).flatMap((state) => [['phone', PHONE], ['desk', DESK]].flatMap(([size, look]) => ['light', 'dark']
    .map((colorScheme) => [`${state}-${size}-${colorScheme}`, [state, { ...look, colorScheme }]]))))
  : PICTURES;

mkdirSync(folder, { recursive: true });
const fake = await startFake();
const browser = await chromium.launch({
  executablePath: process.env.BAILEE_CHROMIUM ?? '/usr/bin/chromium',
  args: process.getuid() === 0 ? ['--no-sandbox'] : [],
});
for (const [name, [state, options, top]] of Object.entries(pictures)) {
  const context = await browser.newContext({ locale: 'en-GB', colorScheme: 'light', reducedMotion: 'reduce', ...options });
  const page = await context.newPage();
  await showState(page, fake, state);
  await page.locator('#host').evaluate((host, real) => { host.textContent = host.textContent.replace(real, 'bailee.example.org'); }, new URL(fake.url).host);
  if (top) await page.locator(top).evaluate((node) => node.scrollIntoView());
  const png = await page.screenshot({ fullPage: all });
  writeFileSync(join(folder, `${name}.png`), all ? png : small(png));
  await context.close();
}
await browser.close();
await fake.close();
