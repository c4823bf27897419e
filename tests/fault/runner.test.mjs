// SPDX-License-Identifier: Apache-2.0
// The runner is killed, stopped, frozen, doubled and cut off from the database in the middle of jobs: nothing is lost, and
// no result of one who lost his job counts.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { sleep, startStack, waitFor } from '../e2e/harness.mjs';
import { startVendor } from '../e2e/vendor.mjs';
import { multiRequest, processState } from './load.mjs';

const LEASE_S = 5;

let stack, vendor, world, count = 0;
before(async () => {
  stack = await startStack({ workers: 6, set: [`runner.runner_lease_s=${LEASE_S}`, 'runner.drain_s=3', 'common.db_timeout_s=3'] });
  vendor = await startVendor();
  world = await stack.world();
});
beforeEach(() => vendor.reset());
after(async () => {
  await vendor?.close();
  await stack?.close();
});

const api = (method, path, body, options = {}) => stack.api(method, path, body, { token: world.token, ...options });

async function credential(options) {
  const made = await api('POST', '/api/v1/user_credentials', multiRequest(world.teamId, vendor, `vendor ${++count}`, options));
  assert.equal(made.status, 201, made.text);
  return made.body.id;
}

// Ask for a token without waiting; gives the job's id.
async function order(id) {
  const answer = await api('POST', `/api/v1/user_credentials/${id}/token`, undefined, { headers: { prefer: 'respond-async' } });
  assert.equal(answer.status, 202, answer.text);
  const [[job]] = await stack.mysql(`SELECT MAX(id) FROM job WHERE kind = 'fetch' AND subject = '${id}'`);
  return Number(job);
}

async function jobRow(job) {
  const [[state, attempt, fence, owner, error]] = await stack.mysql(
    `SELECT state, attempt, fence, COALESCE(lease_owner, ''), COALESCE(error, '') FROM job WHERE id = ${job}`);
  return { state, attempt: Number(attempt), fence: Number(fence), owner, error };
}

const ended = (job, seconds = 30) => waitFor(`the end of job ${job}`, async () => {
  const row = await jobRow(job);
  return ['done', 'failed', 'dead'].includes(row.state) && row;
}, { seconds });

async function tokenOf(id) {
  const answer = await api('POST', `/api/v1/user_credentials/${id}/token`);
  assert.equal(answer.status, 200, answer.text);
  return answer.body.token;
}

// A second runner on the same queue; gives its process and a promise of its exit code.
function secondRunner() {
  const child = spawn(join(stack.build, 'bailee-runner'), ['--config', stack.conf], { stdio: ['ignore', 'ignore', 'pipe'] });
  let log = '';
  child.stderr.on('data', (part) => { log += part; });
  const exit = new Promise((resolve) => { child.on('exit', (code, signal) => resolve(code ?? signal)); });
  return { child, exit, log: () => log, end: () => { child.kill('SIGTERM'); return exit; } };
}
// Whether the process was at work just now; one that has left is listed as older.
const isListed = async (pid) =>
  (await stack.mysql(`SELECT id FROM runner WHERE pid = ${pid} AND seen_at > UTC_TIMESTAMP(3) - INTERVAL 9 SECOND`)).length === 1;

test('killed in the middle of a fetch: the next runner takes the job over when its lease has run out', async () => {
  const id = await credential();
  const release = vendor.hold('/token');
  const job = await order(id);
  await waitFor('the second request', () => vendor.hits('/token') === 1);
  await stack.kill('runner');
  release();
  await stack.start('runner');
  const row = await ended(job);
  assert.equal(row.state, 'done');
  assert.equal(row.attempt, 2);
  assert.equal(vendor.hits('/login'), 2);
  assert.ok(vendor.accepts(await tokenOf(id)));
  const [[logged]] = await stack.mysql(`SELECT COUNT(*) FROM fetch_log WHERE job_id = ${job}`);
  assert.equal(logged, '1');
});

test('killed at every attempt: the job is dead, says so, and can be put back', async () => {
  const id = await credential();
  const release = vendor.hold('/login');
  const job = await order(id);
  for (let attempt = 1; attempt <= 3; attempt++) {
    await waitFor(`attempt ${attempt}`, () => vendor.hits('/login') === attempt, { seconds: 30 });
    await stack.kill('runner');
    await stack.mysql(`UPDATE job SET lease_until = UTC_TIMESTAMP(3) - INTERVAL 1 SECOND WHERE id = ${job}`);
    await stack.start('runner');
  }
  const row = await ended(job);
  assert.equal(row.state, 'dead');
  assert.match(row.error, /the runner ended/);
  release();
  await stack.ctl(['jobs', 'retry', String(job)]);
  assert.equal((await ended(job)).state, 'done');
});

test('told to stop: it finishes what it has, and a waiting caller gets his token', async () => {
  const id = await credential();
  const release = vendor.hold('/token');
  const answer = api('POST', `/api/v1/user_credentials/${id}/token`);
  await waitFor('the second request', () => vendor.hits('/token') === 1);
  const pid = await stack.pid('runner');
  assert.ok(await isListed(pid));
  const stopped = stack.stop('runner');
  await sleep(300);
  release();
  const { status, body, text } = await answer;
  assert.equal(status, 200, text);
  assert.ok(vendor.accepts(body.token));
  await stopped;
  assert.ok(!await isListed(pid));
  await stack.start('runner');
  const [[attempts]] = await stack.mysql(`SELECT attempt FROM job WHERE kind = 'fetch' AND subject = '${id}'`);
  assert.equal(attempts, '1');
});

test('told to stop with a vendor that hangs: the job is handed back unharmed and another runner does it', async () => {
  const id = await credential();
  const release = vendor.hold('/login');
  const job = await order(id);
  await waitFor('the first request', () => vendor.hits('/login') === 1);
  const begin = Date.now();
  await stack.stop('runner');
  assert.ok(Date.now() - begin < 10000, 'the drain has an end');
  const row = await jobRow(job);
  assert.deepEqual([row.state, row.attempt, row.owner], ['queued', 0, '']);
  release();
  await stack.start('runner');
  assert.deepEqual((({ state, attempt }) => ({ state, attempt }))(await ended(job)), { state: 'done', attempt: 1 });
});

test('started again: who asks meanwhile waits and gets his token', async () => {
  const id = await credential();
  await stack.stop('runner');
  const answer = api('POST', `/api/v1/user_credentials/${id}/token`);
  await sleep(500);
  await stack.start('runner');
  const { status, body, text } = await answer;
  assert.equal(status, 200, text);
  assert.ok(vendor.accepts(body.token));
});

test('frozen beyond its lease: another runner does the job, and the late result is refused', async () => {
  const id = await credential();
  const release = vendor.hold('/token');
  const job = await order(id);
  await waitFor('the second request', () => vendor.hits('/token') === 1);
  await stack.kill('runner', 'STOP');
  const pid = await stack.pid('runner');
  await waitFor('the freeze', () => processState(pid) === 'T');
  release();
  const other = secondRunner();
  try {
    const row = await ended(job);
    assert.equal(row.state, 'done');
    assert.equal(row.attempt, 2);
    const [[before]] = await stack.mysql(`SELECT HEX(token_sealed) FROM fetch_token WHERE credential_id = ${id}`);
    await stack.kill('runner', 'CONT');
    await waitFor('the refusal', () => /job_taken_over/.test(stack.logs('runner')));
    const [[now]] = await stack.mysql(`SELECT HEX(token_sealed) FROM fetch_token WHERE credential_id = ${id}`);
    assert.equal(now, before);
    assert.deepEqual(await stack.mysql(`SELECT COUNT(*) FROM fetch_log WHERE job_id = ${job}`), [['1']]);
    assert.deepEqual(await jobRow(job), row);
  } finally {
    await stack.kill('runner', 'CONT');
    assert.equal(await other.end(), 0, other.log());
  }
});

test('two runners share the queue and do every job once', async () => {
  const other = secondRunner();
  try {
    await waitFor('the second runner', () => isListed(other.child.pid));
    const ids = await Promise.all(Array.from({ length: 40 }, () => credential()));
    const jobs = await Promise.all(ids.map(order));
    for (const job of jobs) assert.equal((await ended(job)).attempt, 1);
    assert.equal(vendor.hits('/login'), 40);
    assert.equal(vendor.hits('/token'), 40);
  } finally {
    assert.equal(await other.end(), 0, other.log());
  }
  assert.ok(!await isListed(other.child.pid));
});

test('the database goes away while vendors are asked: results are kept and saved when it is back', async () => {
  const ids = await Promise.all(Array.from({ length: 5 }, () => credential()));
  const release = vendor.hold('/token');
  const jobs = await Promise.all(ids.map(order));
  await waitFor('all second requests', () => vendor.hits('/token') === 5);
  const away = () => stack.logs('runner').split('event=database_away').length;
  const before = away();
  await stack.stop('db');
  release();
  await waitFor('the runner to notice', () => away() > before);
  await stack.start('db');
  for (const job of jobs) {
    const row = await ended(job);
    assert.equal(row.state, 'done');
  }
  for (const id of ids) assert.ok(vendor.accepts(await tokenOf(id)));
  assert.equal(vendor.hits('/login'), 5, 'nobody was asked twice');
  const log = stack.logs('runner');
  assert.match(log, /event=database_away/);
  assert.match(log, /event=database_back/);
});

test('hundreds of hanging vendors do not keep a quick one waiting', async () => {
  const release = vendor.hold('/login');
  const slow = await Promise.all(Array.from({ length: 150 }, () => credential()));
  const jobs = await Promise.all(slow.map(order));
  await waitFor('all of them under way', () => vendor.hits('/login') === 150);
  const quick = await credential({ login: '/flaky?n=0', token: '/flaky?n=0' });
  const begin = Date.now();
  assert.ok(vendor.accepts(await tokenOf(quick)));
  assert.ok(Date.now() - begin < 3000, `took ${Date.now() - begin} ms`);
  release();
  for (const job of jobs) assert.equal((await ended(job)).state, 'done');
});

test('idle, it costs less than a hundredth of a core', async () => {
  const pid = await stack.pid('runner');
  const ticks = () => {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /, '').split(' ');
    return Number(fields[11]) + Number(fields[12]);
  };
  await sleep(1000);
  const before = ticks();
  await sleep(10000);
  const used = ticks() - before; // of 1/100 s
  assert.ok(used <= (/asan|lsan/.test(readFileSync(`/proc/${pid}/maps`, 'utf8')) ? 40 : 10), `${used} ticks in 10 s`);
});

test('it does not start with a wrong configuration, and says what is wrong', async () => {
  const cases = [
    [['--check-config'], {}, 0, /^$/],
    [['--check-config'], { BAILEE_MASTER_KEY_FILE: '/nowhere/master.key' }, 78, /\/nowhere\/master\.key/],
    [['--check-config'], { BAILEE_MASTER_KEY_FILE: '' }, 78, /master_key_file/],
    [['--check-config'], { BAILEE_EGRESS_ALLOW: 'everything' }, 78, /everything/],
    [['--check-config'], { BAILEE_RUNNER_LEASE_S: '1' }, 78, /runner_lease_s/],
    [[], { BAILEE_USER: 'nobody-of-that-name' }, process.getuid() === 0 ? 78 : null, /nobody-of-that-name/],
    [['--no-such-option'], {}, 2, /usage/],
    [['more'], {}, 2, /usage/],
  ];
  for (const [args, env, code, text] of cases) {
    if (code === null) continue;
    const got = await stack.tryProgram('bailee-runner', args, { env, ms: 20000 });
    assert.equal(got.code, code, `${args} ${JSON.stringify(env)}: ${got.stderr}`);
    assert.match(got.stderr, text);
  }
  const help = await stack.tryProgram('bailee-runner', ['--help']);
  assert.equal(help.code, 0);
  assert.match(help.stdout, /usage: bailee-runner/);
});
