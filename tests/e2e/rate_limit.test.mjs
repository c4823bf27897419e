// SPDX-License-Identifier: Apache-2.0
// Rate limits of the API in nginx: by token and by address, in the shape of the surface, and off unless asked for.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { sleep, startStack } from './harness.mjs';

const INFO = '/api/v1/info';
const ME = '/api/v2/users/me';
const stacks = [];
after(async () => {
  for (const stack of stacks) await stack.close();
});

async function start(options) {
  const stack = await startStack(options);
  stacks.push(stack);
  return stack;
}

// As many calls as fast as can be; gives the answers.
async function burst(stack, n, path, options) {
  const answers = [];
  for (let i = 0; i < n; i += 25) answers.push(...await Promise.all(Array.from({ length: 25 }, () => stack.api('GET', path, undefined, options))));
  return answers;
}
const refused = (answers) => answers.filter(({ status }) => status === 429);

test('a token that calls too often gets 429 with Retry-After, another token does not', async () => {
  const stack = await start({ apiRate: '1r/s', addressRate: '10000r/s' });
  const mine = await stack.world({ name: 'Ada' });
  const other = await stack.addToken(mine.userId);
  const answers = await burst(stack, 150, INFO, { token: mine.token });
  assert.ok(refused(answers).length >= 30, `${refused(answers).length} refused`);
  assert.ok(answers.filter(({ status }) => status === 200).length >= 100);
  const [v1] = refused(answers);
  assert.match(v1.headers['retry-after'], /^[1-9]\d*$/);
  assert.match(v1.headers['content-type'], /^application\/json/);
  assert.deepEqual(Object.keys(v1.body).sort(), ['error', 'errors']);
  assert.ok(v1.headers['x-request-id']);
  const v2 = await stack.api('GET', ME, undefined, { token: mine.token });
  assert.equal(v2.status, 429);
  assert.equal(v2.body.code, 'SC429');
  for (const options of [{ scheme: 'token' }, { token: undefined, headers: { 'x-user-token': mine.token } }]) {
    assert.equal((await stack.api('GET', ME, undefined, { token: mine.token, ...options })).status, 429, 'by any header');
  }
  assert.equal((await stack.api('GET', ME, undefined, { token: other })).status, 200);
  assert.equal((await stack.api('GET', '/readyz')).status, 200);
  await sleep(1000 * Number(v2.headers['retry-after']) + 200);
  assert.equal((await stack.api('GET', ME, undefined, { token: mine.token })).status, 200, 'after Retry-After');
  // who knows the public id alone cannot use the calls up
  const forged = `${other.slice(0, 16)}${'A'.repeat(other.length - 16)}`;
  await burst(stack, 150, ME, { token: forged });
  assert.equal((await stack.api('GET', ME, undefined, { token: other })).status, 200);
  assert.equal(stack.logs('').includes(mine.token.slice(4, 24)), false, 'the key is not logged');
});

test('an address that calls too often gets 429, whatever its tokens', async () => {
  const stack = await start({ apiRate: '10000r/s', addressRate: '1r/s' });
  const answers = await burst(stack, 250, INFO, {});
  assert.ok(refused(answers).length >= 30, `${refused(answers).length} refused`);
  assert.ok(answers.filter(({ status }) => status === 401).length >= 200);
});

test('limits are off in a stack that does not ask for them', async () => {
  const stack = await start({});
  const { token } = await stack.world({ name: 'Ada' });
  assert.deepEqual(refused(await burst(stack, 450, INFO, { token })), []);
  assert.match(readFileSync(join(stack.dir, 'nginx-site.conf'), 'utf8'), /map "off"/);
});
