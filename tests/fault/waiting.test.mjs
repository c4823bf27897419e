// SPDX-License-Identifier: Apache-2.0
// Remotes that hang must not stop the API: at most half of the workers wait for them, everybody else is served.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { sleep, startStack, waitFor } from '../e2e/harness.mjs';
import { startVendor } from '../e2e/vendor.mjs';
import { multiRequest, workersOf } from './load.mjs';

const WORKERS = 4;
const MAY_WAIT = WORKERS / 2;
const WAIT_S = 5;
const SOON_MS = 2500; // half of the wait: whoever is slower has waited

let stack, vendor, world;
const hanging = []; // ids of credentials whose vendor hangs
before(async () => {
  stack = await startStack({ workers: WORKERS, set: [`api.wait_default_s=${WAIT_S}`] });
  vendor = await startVendor();
  world = await stack.world();
  for (let i = 0; i < 16; i++) {
    const made = await stack.api('POST', '/api/v1/user_credentials',
      multiRequest(world.teamId, vendor, `Hanging ${i}`, { login: '/hang', ttl: null, options: { timeout: 110 } }), { token: world.token });
    assert.equal(made.status, 201, made.text);
    hanging.push(made.body.id);
  }
});
after(async () => {
  await vendor?.close();
  await stack?.close();
});

async function timed(promise) {
  const started = Date.now();
  const answer = await promise;
  return { ...answer, ms: Date.now() - started };
}

const askToken = (id, headers = {}) =>
  timed(stack.api('POST', `/api/v1/user_credentials/${id}/token`, undefined, { token: world.token, headers }));
const read = () => timed(stack.api('GET', `/api/v1/user_credentials/${hanging[0]}`, undefined, { token: world.token }));

function assertAccepted(answer) {
  assert.equal(answer.status, 202, answer.text);
  assert.match(answer.headers.location, /^\/api\/v2\/jobs\/\d+$/);
  assert.ok(['queued', 'running'].includes(answer.body.job.state), answer.text);
}

// Asks for all tokens at once; while the places are taken, reads must be quick. Gives the answers.
async function askAll(ids) {
  const asked = ids.map((id) => askToken(id));
  const reads = [];
  for (let i = 0; i < 20; i++) {
    reads.push(await read());
    await sleep(20);
  }
  for (const answer of reads) {
    assert.equal(answer.status, 200, answer.text);
    assert.ok(answer.ms < SOON_MS, `a read took ${answer.ms} ms`);
  }
  return Promise.all(asked);
}

test('half of the workers wait, the other askers get 202 at once, and reads go on', async () => {
  const answers = await askAll(hanging);
  answers.forEach(assertAccepted);
  const waited = answers.filter((answer) => answer.ms >= SOON_MS);
  assert.equal(waited.length, MAY_WAIT, answers.map((answer) => answer.ms).join(' '));
});

test('askers of one credential share one fetch', async () => {
  const made = await stack.api('POST', '/api/v1/user_credentials',
    multiRequest(world.teamId, vendor, 'Shared', { login: '/shared-hang', ttl: null, options: { timeout: 110 } }), { token: world.token });
  vendor.on('/shared-hang', () => {});
  const answers = await askAll(Array.from({ length: 12 }, () => made.body.id));
  answers.forEach(assertAccepted);
  assert.equal(new Set(answers.map((answer) => answer.headers.location)).size, 1, 'one job');
  assert.equal(vendor.hits('/shared-hang'), 1);
  assert.equal(answers.filter((answer) => answer.ms >= SOON_MS).length, MAY_WAIT);
});

test('a caller may ask to wait less, or not at all, never more', async () => {
  const async = await askToken(hanging[1], { prefer: 'respond-async' });
  assertAccepted(async);
  assert.ok(async.ms < SOON_MS);
  const short = await askToken(hanging[1], { prefer: 'wait=1' });
  assertAccepted(short);
  assert.ok(short.ms >= 950 && short.ms < WAIT_S * 1000 - 500, `${short.ms} ms`);
  const long = await askToken(hanging[1], { prefer: 'wait=600' });
  assertAccepted(long);
  assert.ok(long.ms < 2 * WAIT_S * 1000, `${long.ms} ms`);
});

test('places of waiting workers that are killed are free again', async () => {
  const asked = hanging.slice(0, 6).map((id) => askToken(id));
  let answered = 0;
  for (const answer of asked) answer.then(() => answered++, () => answered++);
  await waitFor('those that do not wait', () => answered === asked.length - MAY_WAIT);
  const old = await workersOf(stack, 'api');
  for (const pid of old) process.kill(pid, 'SIGKILL');
  const lost = (await Promise.all(asked)).filter((answer) => answer.status !== 202);
  assert.equal(lost.length, MAY_WAIT);
  for (const answer of lost) {
    assert.equal(answer.status, 503, answer.text);
    assert.match(answer.headers['retry-after'], /^\d+$/);
  }
  await waitFor('new workers', async () => {
    const now = await workersOf(stack, 'api');
    return now.length === WORKERS && !now.some((pid) => old.includes(pid));
  });
  const again = await askAll(hanging.slice(0, 6));
  again.forEach(assertAccepted);
  assert.equal(again.filter((answer) => answer.ms >= SOON_MS).length, MAY_WAIT, again.map((answer) => answer.ms).join(' '));
});

test('a caller that goes away does not keep its place', async () => {
  const body = `POST /api/v1/user_credentials/${hanging[2]}/token HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${world.token}\r\n` +
    'Content-Length: 0\r\n\r\n';
  await Promise.allSettled(Array.from({ length: MAY_WAIT }, () => stack.raw(body, { ms: 300 })));
  await sleep(WAIT_S * 1000);
  const answer = await askToken(hanging[3]);
  assertAccepted(answer);
  assert.ok(answer.ms >= SOON_MS, `was answered after ${answer.ms} ms: no place to wait`);
});

test('all other pools and the queue go on', async () => {
  assert.equal((await stack.api('GET', '/readyz')).status, 200);
  const made = await stack.api('POST', '/api/v1/user_credentials', multiRequest(world.teamId, vendor, 'Quick'), { token: world.token });
  const answer = await askToken(made.body.id);
  assert.equal(answer.status, 200, answer.text);
  assert.ok(vendor.accepts(answer.body.token));
});
