// SPDX-License-Identifier: Apache-2.0
// The runner's part: fetches a second against bare libcurl, how soon a vendor hears of a job, what idling costs.
import { execFile } from 'node:child_process';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { sleep, waitFor } from '../e2e/harness.mjs';
import { median, percentile } from './figures.mjs';
import { processorSeconds, threadSeconds } from './process.mjs';
import { IN_FLIGHT } from './world.mjs';

const run = promisify(execFile);

async function bareRound(world) {
  const { stdout } = await run(join(world.stack.build, 'tests', 'bench', 'bare_fetch'),
    [`${world.vendor}/login`, `${world.vendor}/token`, String(world.options.jobs), String(IN_FLIGHT)]);
  const { fetches, seconds } = JSON.parse(stdout);
  return fetches / seconds;
}

// One job for each credential, as POST …/token puts it in; all at once, so that enqueueing is not measured.
export async function runnerRound(world, name = 'Job') {
  const [[last]] = await world.stack.mysql('SELECT COALESCE(MAX(id), 0) FROM job');
  const pids = { runner: await world.stack.pids('runner'), db: await world.stack.pids('db'), nginx: await world.stack.pids('nginx') };
  const begin = Object.fromEntries(Object.entries(pids).map(([part, list]) => [part, processorSeconds(list)]));
  await world.stack.mysql(`INSERT INTO job (kind, subject, active_key, team_id, run_at, max_attempts, payload, created_at)
    SELECT 'fetch', id, CONCAT('fetch:', id), team_id, UTC_TIMESTAMP(3), 3, '{}', UTC_TIMESTAMP(3)
    FROM user_credential WHERE name LIKE '${name} %'`);
  const mine = `FROM job WHERE id > ${last} AND kind = 'fetch'`;
  await waitFor('the jobs', async () => (await world.stack.mysql(`SELECT COUNT(*) ${mine} AND finished_at IS NULL`))[0][0] === '0',
    { seconds: 120, everyMs: 200 });
  const [[done, us]] = await world.stack.mysql(
    `SELECT SUM(state = 'done'), TIMESTAMPDIFF(MICROSECOND, MIN(started_at), MAX(finished_at)) ${mine}`);
  if (Number(done) !== world.options.jobs) throw new Error(`of ${world.options.jobs} fetches ${done} were done; see ${world.stack.dir}/log`);
  const figures = { rate: Number(done) / Number(us) * 1e6 };
  for (const part of Object.keys(pids)) figures[`${part}Us`] = (processorSeconds(pids[part]) - begin[part]) / Number(done) * 1e6;
  return figures;
}

// µs of processor time for the formulas of one such fetch, and of one with many of them.
async function formulaCost(world) {
  const { stdout } = await run(join(world.stack.build, 'tests', 'bench', 'formula_cost'), ['20000']);
  return JSON.parse(stdout);
}

export async function measureJobs(world) {
  await world.makeCredentials(world.options.jobs, 'Job', null);
  const rounds = [];
  await bareRound(world);
  await runnerRound(world);
  for (let round = 0; round < world.options.rounds; round++)
    rounds.push({ bare: await bareRound(world), ...await runnerRound(world) });
  const result = { inFlight: IN_FLIGHT, jobs: world.options.jobs, rounds };
  for (const member of Object.keys(rounds[0])) result[member] = median(rounds.map((round) => round[member]));
  result.ratio = median(rounds.map((round) => round.rate / round.bare));
  result.formulas = await formulaCost(world);
  return result;
}

// A vendor that notes when each login arrives.
function clockingVendor() {
  const vendor = { arrivals: [] };
  vendor.server = createServer((request, response) => {
    if (request.url === '/login') vendor.arrivals.push(performance.now());
    request.resume();
    response.setHeader('content-type', 'application/json');
    response.end(request.url === '/login' ? '{"session":"one"}' : '{"token":"two"}');
  });
  return new Promise((resolve) => {
    vendor.server.listen(0, '127.0.0.1', () => {
      vendor.url = `http://127.0.0.1:${vendor.server.address().port}`;
      resolve(vendor);
    });
  });
}

// From sending POST …/token (nothing cached, an idle runner) until the vendor reads the first request.
export async function measureFirstByte(world) {
  const vendor = await clockingVendor();
  const { id } = await world.created('/api/v1/user_credentials', world.multiRequest('First byte', null, vendor.url), 201);
  const firstByte = [], answered = [];
  for (let sample = 0; sample < world.options.samples; sample++) {
    await sleep(20 + Math.random() * 40); // at any moment between two looks at the queue
    const begin = performance.now();
    await world.created(`/api/v1/user_credentials/${id}/token`, undefined, 200);
    answered.push(performance.now() - begin);
    if (vendor.arrivals.length !== sample + 1) throw new Error('a fetch did not log in exactly once');
    firstByte.push(vendor.arrivals[sample] - begin);
  }
  vendor.server.closeAllConnections();
  vendor.server.close();
  const of = (values) => ({ p50: percentile(values, 50), p99: percentile(values, 99) });
  return { samples: firstByte.length, firstByte: of(firstByte), answered: of(answered) };
}

// Percent of one core: the runner, and the database's threads that serve it.
export async function measureIdle(world) {
  const [runner] = await world.stack.pids('runner');
  const [db] = await world.stack.pids('db');
  const threads = (await world.stack.mysql(
    "SELECT TID FROM information_schema.PROCESSLIST WHERE USER = 'bailee_runner'")).flat();
  const look = () => ({ at: performance.now() / 1000, runner: processorSeconds([runner]),
    db: threads.reduce((sum, tid) => sum + threadSeconds(db, tid), 0) });
  await sleep(2000);
  const begin = look();
  await sleep(world.options.idleSeconds * 1000);
  const end = look();
  const percent = (member) => (end[member] - begin[member]) / (end.at - begin.at) * 100;
  return { seconds: end.at - begin.at, runnerPercent: percent('runner'), dbPercent: percent('db') };
}
