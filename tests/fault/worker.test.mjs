// SPDX-License-Identifier: Apache-2.0
// Workers that are killed, stuck, reloaded and stopped under load: others go on, and nothing acknowledged is lost.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { startStack, waitFor } from '../e2e/harness.mjs';
import { startVendor } from '../e2e/vendor.mjs';
import { multiRequest, processState, workersOf } from './load.mjs';

const CLIENTS = 8;
const WORKERS = 4;
const LIMIT_S = 3;

let stack, vendor, world;
before(async () => {
  stack = await startStack({ workers: WORKERS, set: [`api.request_limit_s=${LIMIT_S}`, 'api.wait_default_s=2', 'api.drain_s=10'] });
  vendor = await startVendor();
  world = await stack.world();
});
after(async () => {
  await vendor?.close();
  await stack?.close();
});

const create = (name) => stack.api('POST', '/api/v1/user_credentials',
  { name, mode: 'TEXT', team_id: world.teamId, value: 'v' }, { token: world.token });

// Clients that write and read until end(); answers are counted by status, broken connections under "lost".
function startLoad(prefix) {
  const load = { counts: {}, bad: [], written: [], stop: false };
  const note = (answer) => {
    load.counts[answer.status] = (load.counts[answer.status] ?? 0) + 1;
    if (![200, 201].includes(answer.status)) load.bad.push(`${answer.status} ${answer.text}`);
    return answer;
  };
  const lost = (error) => ({ status: 'lost', text: String(error) });
  const client = async (number) => {
    for (let i = 0; !load.stop; i++) {
      const name = `${prefix} ${number} ${i}`;
      const made = note(await create(name).catch(lost));
      if (made.status === 201) load.written.push(name);
      note(await stack.api('GET', '/api/v2/users/me', undefined, { token: world.token }).catch(lost));
    }
  };
  load.over = Promise.all(Array.from({ length: CLIENTS }, (_, number) => client(number)));
  load.end = async () => {
    load.stop = true;
    await load.over;
  };
  return load;
}

async function nothingLost(load, prefix) {
  const rows = await stack.mysql(`SELECT name, COUNT(*) FROM user_credential WHERE name LIKE '${prefix} %' GROUP BY name`);
  const counts = new Map(rows.map(([name, count]) => [name, Number(count)]));
  for (const name of load.written) assert.equal(counts.get(name), 1, `${name} was acknowledged`);
  for (const [name, count] of counts) assert.equal(count, 1, `${name} is there ${count} times`);
}

const more = (load, count) => {
  const from = load.written.length;
  return waitFor('more writes', () => load.written.length >= from + count);
};

const full = () => waitFor('all workers', async () => (await workersOf(stack, 'api')).length === WORKERS);

test('a worker killed under load costs at most its own request', async () => {
  const load = startLoad('killed');
  let kills = 0;
  for (; kills < 5; kills++) {
    await more(load, 10);
    const workers = await full() && await workersOf(stack, 'api');
    process.kill(workers[kills % workers.length], 'SIGKILL');
  }
  await more(load, 30);
  await load.end();
  assert.ok(load.bad.length <= kills, load.bad.join('\n'));
  for (const bad of load.bad) assert.match(bad, /^503 .*"(code|error)":/, 'nginx answers for the worker that is gone');
  await full();
  await nothingLost(load, 'killed');
});

test('all workers killed at once are replaced', async () => {
  const master = await stack.pid('api');
  for (const pid of await workersOf(stack, 'api')) process.kill(pid, 'SIGKILL');
  await full();
  await waitFor('an answer', async () => (await create('after all were killed')).status === 201, { everyMs: 100 });
  assert.equal(await stack.pid('api'), master);
});

test('new workers take over on SIGHUP without a failed request', async () => {
  const before = await workersOf(stack, 'api');
  const load = startLoad('reload');
  await more(load, 10);
  for (let round = 0; round < 2; round++) {
    const old = await workersOf(stack, 'api');
    await stack.kill('api', 'HUP');
    await waitFor('other workers', async () => {
      const now = await workersOf(stack, 'api');
      return now.length === WORKERS && !now.some((pid) => old.includes(pid));
    });
    await more(load, 10);
  }
  await load.end();
  assert.deepEqual(load.bad, []);
  assert.ok(!(await workersOf(stack, 'api')).some((pid) => before.includes(pid)));
  await nothingLost(load, 'reload');
});

test('SIGHUP with a bad configuration changes nothing', async () => {
  const good = readFileSync(stack.conf, 'utf8');
  const workers = (await workersOf(stack, 'api')).sort();
  const load = startLoad('refused');
  try {
    writeFileSync(stack.conf, `${good}\nno_such_option = 1\n`);
    await stack.kill('api', 'HUP');
    await waitFor('the refusal', () => /reload_refused.*no_such_option/.test(stack.logs('api')));
    writeFileSync(stack.conf, good.replace('keys/token.key', 'keys/no-such.key'));
    await stack.kill('api', 'HUP');
    await waitFor('the second refusal', () => /reload_refused.*no-such\.key/.test(stack.logs('api')));
    await more(load, 10);
    await load.end();
    assert.deepEqual(load.bad, []);
    await waitFor('the old workers', async () =>
      JSON.stringify((await workersOf(stack, 'api')).sort()) === JSON.stringify(workers));
    // Who has to be replaced before the file is mended works with what was good.
    for (const pid of workers) process.kill(pid, 'SIGKILL');
    await full();
    await waitFor('an answer', async () => (await create('after a refused reload')).status === 201, { seconds: 10, everyMs: 100 });
  } finally {
    writeFileSync(stack.conf, good);
  }
});

test('a pool that is stopped finishes what it has taken, and nginx says the rest is away', async () => {
  const load = startLoad('stopped');
  await more(load, 10);
  await stack.restart('api');
  await more(load, 10);
  await load.end();
  for (const bad of load.bad) assert.match(bad, /^503 .*"(code|error)":/);
  await nothingLost(load, 'stopped');
});

test('a long request is answered although the pool is told to stop meanwhile', async () => {
  const made = await stack.api('POST', '/api/v1/user_credentials',
    multiRequest(world.teamId, vendor, 'Slow', { login: '/slow?ms=1200', token: '/slow?ms=1' }), { token: world.token });
  assert.equal(made.status, 201, made.text);
  const asked = stack.api('POST', `/api/v1/user_credentials/${made.body.id}/token`, undefined, { token: world.token });
  await waitFor('the call', () => vendor.hits('/slow') === 1);
  await stack.stop('api');
  const answer = await asked;
  assert.equal(answer.status, 200, answer.text);
  await stack.start('api');
});

test('a worker stuck with a request is ended and replaced', async () => {
  await full();
  const made = await stack.api('POST', '/api/v1/user_credentials',
    multiRequest(world.teamId, vendor, 'Stuck', { login: '/hang', ttl: null }), { token: world.token });
  assert.equal(made.status, 201, made.text);
  const path = `/api/v1/user_credentials/${made.body.id}/token`;
  const asked = stack.api('POST', path, undefined, { token: world.token }); // a worker waits two seconds for it
  await waitFor('the call', () => vendor.hits('/hang') === 1);
  const workers = await workersOf(stack, 'api');
  // Only the one with the request counts as stuck; the idle ones are let go on below.
  for (const pid of workers) process.kill(pid, 'SIGSTOP');
  const answer = await asked;
  assert.equal(answer.status, 503, answer.text);
  const gone = await waitFor('the end of the stuck worker', () => {
    const ended = workers.filter((pid) => processState(pid) === undefined);
    return ended.length > 0 && ended;
  });
  assert.equal(gone.length, 1, 'idle workers are left alone');
  assert.match(stack.logs('api'), new RegExp(`worker_stuck.*worker=${gone[0]}\\b`));
  for (const pid of workers) if (!gone.includes(pid)) process.kill(pid, 'SIGCONT');
  await full();
  assert.equal((await create('after the stuck one')).status, 201);
});
