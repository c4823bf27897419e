// SPDX-License-Identifier: Apache-2.0
// Every state of the request page in every look: axe finds nothing, nothing sticks out, what can be pressed is large enough.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { chromium } from 'playwright-core';

import { TOP } from '../e2e/harness.mjs';
import { startFake } from './fake.mjs';
import { showState, STATES } from './states.mjs';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

const LOOKS = {
  'a phone, light': { viewport: { width: 390, height: 844 }, colorScheme: 'light' },
  'the smallest phone, dark, German': { viewport: { width: 320, height: 640 }, colorScheme: 'dark', locale: 'de-AT' },
  'a desk, dark': { viewport: { width: 1280, height: 900 }, colorScheme: 'dark' },
  'a desk, light, German': { viewport: { width: 1280, height: 900 }, colorScheme: 'light', locale: 'de-CH' },
  'a desk at 200 %': { axe: false, viewport: { width: 640, height: 450 }, deviceScaleFactor: 2, colorScheme: 'light', locale: 'de-DE' },
};

let fake; let browser;

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

// What axe does not look at.
const faultsOf = (page) => page.evaluate(() => [
  ...(document.documentElement.scrollWidth > window.innerWidth ? ['wider than the window'] : []),
  ...[...document.querySelectorAll('button:not(.jump), a, input:not([type=checkbox]), select, textarea')]
    .map((node) => [node, node.getBoundingClientRect()])
    .filter(([node, box]) => box.width > 0 && !node.matches('.unseen') && (box.height < 44 || box.width < 44))
    .map(([node, box]) => `${node.tagName} ${node.id || node.textContent}: ${box.width} x ${box.height}`),
  ...[...document.querySelectorAll('main *')].filter((node) => node.children.length === 0 && node.scrollWidth > node.clientWidth + 1
    && node.clientWidth > 0 && !node.matches('input, textarea, select, .unseen, .bar *') && getComputedStyle(node).display !== 'inline')
    .map((node) => `cut off: ${node.className} ${node.textContent}`),
  ...[...document.querySelectorAll('main *')].filter((node) => node.children.length === 0 && /^(?:[a-z]+\.)+[a-z]+$/.test(node.textContent) && !node.closest('bdi, code, [dir=auto]'))
    .map((node) => `a text that is missing: ${node.textContent}`),
  ...[...document.querySelectorAll('[style], script:not([src]), style')].map((node) => `inline: ${node.outerHTML}`)]);

// axe as its builder would run it, without a second page each time.
async function violationsOf(page) {
  await page.evaluate(AXE);
  return page.evaluate(async () => (await window.axe.run()).violations.map((rule) => `${rule.id}: ${rule.nodes.map((node) => node.target)}`));
}

for (const [look, { axe = true, ...options }] of Object.entries(LOOKS)) {
  describe(look, () => {
    let page; let context;
    const noise = [];
    before(async () => {
      context = await browser.newContext({ reducedMotion: 'reduce', locale: 'en-GB', ...options });
      page = await context.newPage();
      page.on('pageerror', (error) => noise.push(String(error)));
      page.on('console', (message) => { if (['error', 'warning'].includes(message.type()) && !/status of \d+/.test(message.text())) noise.push(message.text()); });
    });
    after(() => context.close());

    for (const name of Object.keys(STATES)) {
      it(name, async () => {
        noise.length = 0;
        await page.goto('about:blank');
        await showState(page, fake, name);
        assert.deepEqual(await faultsOf(page), []);
        if (axe) assert.deepEqual(await violationsOf(page), []);
        assert.deepEqual(noise, []);
      });
    }
  });
}

describe('the languages', () => {
  const folder = join(TOP, 'web', 'texts');
  const catalogues = Object.fromEntries(readdirSync(folder).map((file) => [file.replace('.json', ''), JSON.parse(readFileSync(join(folder, file), 'utf8'))]));
  const placeholders = (text) => [...JSON.stringify(text).matchAll(/\{(\w+)\}/g)].map(([, name]) => name).sort();

  it('have each a name on the page', () => {
    const source = readFileSync(join(TOP, 'web', 'texts.js'), 'utf8');
    const listed = [.../LANGUAGES = \{([^}]*)\}/.exec(source)[1].matchAll(/(\w+):/g)].map(([, tag]) => tag);
    assert.deepEqual(listed.sort(), Object.keys(catalogues).sort());
  });

  for (const [tag, catalogue] of Object.entries(catalogues)) {
    it(`have the same texts: ${tag}`, () => {
      const own = ({ service, direction, ...texts }) => Object.keys(texts).sort();
      assert.deepEqual(own(catalogue), own(catalogues.en));
      for (const key of own(catalogue)) assert.deepEqual([...new Set(placeholders(catalogue[key]))], [...new Set(placeholders(catalogues.en[key]))], key);
    });
  }

  // Names stay as they are in any language: of products, and the ways through a provider's own menus.
  it('say in words of their own what the shipped apps ask for', () => {
    const asked = readdirSync(join(TOP, 'apps')).flatMap((file) => JSON.parse(readFileSync(join(TOP, 'apps', file), 'utf8')).connections ?? [])
      .flatMap((connection) => (connection.oauth2?.scopes ?? []).map((scope) => scope.words).filter(Boolean));
    assert.ok(asked.length > 200);
    for (const [tag, { service }] of Object.entries(catalogues).filter(([name]) => name !== 'en')) {
      const missing = [...new Set(asked)].filter((words) => !(words in service));
      // an app may come before its translation; the page then shows the English words
      assert.ok(missing.length <= 12, `${tag}: ${missing.join('; ')}`);
    }
  });

  it('have no text that nothing uses', () => {
    const code = readdirSync(join(TOP, 'web')).filter((file) => file.endsWith('.js')).map((file) => readFileSync(join(TOP, 'web', file), 'utf8')).join('\n');
    // names put together in the code: state.<look> and the like
    const made = /^(state|notice|problem|trust|all)\.|^form\.(away|rate)$/;
    const unused = Object.keys(catalogues.en).filter((key) => key !== 'service' && !made.test(key) && !code.includes(`'${key}'`));
    assert.deepEqual(unused, []);
  });
});
