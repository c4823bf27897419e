// SPDX-License-Identifier: Apache-2.0
// Measures a build and says how near it comes to its aims; see run.sh for the options.
import { execFileSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, release } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { fixed, table } from './figures.mjs';
import { measureHttp } from './http.mjs';
import { measureFirstByte, measureIdle, measureJobs } from './jobs.mjs';
import { measureModes } from './modes.mjs';
import { privateMiB } from './process.mjs';
import { measureSlow } from './slow.mjs';
import { World } from './world.mjs';

const PARTS = ['http', 'jobs', 'modes', 'first-byte', 'idle', 'slow'];
const NUMBERS = { rounds: 5, seconds: 2, connections: 8, workers: 4, jobs: 3000, samples: 150 };

function readOptions() {
  const options = Object.fromEntries(['build', 'only', 'json', ...Object.keys(NUMBERS)].map((name) => [name, { type: 'string' }]));
  const { values } = parseArgs({ options });
  for (const [name, otherwise] of Object.entries(NUMBERS)) {
    values[name] = Number(values[name] ?? otherwise);
    if (!(Number.isInteger(values[name]) && values[name] > 0)) throw new Error(`--${name} takes a number above 0`);
  }
  values.parts = values.only?.split(',') ?? PARTS;
  for (const part of values.parts) if (!PARTS.includes(part)) throw new Error(`--only knows ${PARTS.join(', ')}, not ${part}`);
  if (!values.build) throw new Error('--build DIR is missing');
  return { ...values, build: resolve(values.build), idleSeconds: 10 };
}

// A build that watches itself is not what is shipped.
function checkBuild(build) {
  for (const program of ['bailee-fcgi', 'bailee-runner', 'baileectl', 'tests/bench/floor', 'tests/bench/bare_fetch',
    'tests/bench/formula_cost'])
    if (!existsSync(join(build, program))) throw new Error(`${build} lacks ${program}: run "make bench" there`);
  const libraries = execFileSync('ldd', [join(build, 'bailee-fcgi')], { encoding: 'utf8' });
  if (/libasan|libubsan|libtsan/.test(libraries)) throw new Error(`${build} is a build with sanitizers; configure one without`);
}

async function memory(world) {
  const master = await world.stack.pid('api');
  const workers = (await world.stack.pids('api')).filter((pid) => pid !== master).map(privateMiB);
  const [runner] = await world.stack.pids('runner');
  return { workerMiB: Math.max(...workers), workers, masterMiB: privateMiB(master), runnerMiB: privateMiB(runner) };
}

async function measure(options) {
  const world = await World.start(options);
  const results = {};
  const say = (what) => process.stderr.write(`${what} …\n`);
  const parts = {
    http: async () => { await world.makeRows(); results.http = await measureHttp(world); },
    jobs: async () => { results.jobs = await measureJobs(world); },
    modes: async () => { results.modes = await measureModes(world); },
    'first-byte': async () => { results.firstByte = await measureFirstByte(world); },
    idle: async () => { results.idle = await measureIdle(world); },
    slow: async () => { results.slow = await measureSlow(world); },
  };
  try {
    for (const part of PARTS.filter((name) => options.parts.includes(name))) {
      say(part);
      await parts[part]();
    }
    results.memory = await memory(world);
  } catch (error) {
    const lines = world.stack.logs().split('\n').filter((line) => /level=(warn|error)|\[(error|crit)\]/.test(line));
    process.stderr.write(`${lines.slice(-10).join('\n')}\n`);
    throw error;
  } finally {
    await world.close();
  }
  return results;
}

function aims({ http, jobs, firstByte, idle, slow, memory: used }) {
  const least = (what, got, aim) => ({ what, got: got.toFixed(2), aim: `≥ ${aim.toFixed(2)}`, met: got >= aim });
  const most = (what, got, aim, unit, below = got <= aim) => ({ what, got: `${got.toFixed(2)} ${unit}`, aim: `≤ ${aim} ${unit}`, met: below });
  return [
    ...(http ?? []).filter((row) => row.aim).map((row) => least(`${row.name}, of the floor`, row.ratio, row.aim)),
    ...(jobs ? [least('fetches of the runner, of bare libcurl', jobs.ratio, 0.5),
      most('formulas, of the processor time of a fetch', jobs.formulas.typical / jobs.runnerUs * 100, 5, '%')] : []),
    ...(firstByte ? [most('enqueue to first byte, p50', firstByte.firstByte.p50, 25, 'ms')] : []),
    ...(idle ? [most('idle runner and its part of the database', idle.runnerPercent + idle.dbPercent, 1, '% of a core')] : []),
    ...(slow ? [most(`private memory of the runner with ${slow.remotes} remotes under way`, slow.busyMiB, 48, 'MiB')] : []),
    most('private memory of the largest worker', used.workerMiB, 8, 'MiB'),
  ];
}

function show(results, options) {
  const { http, jobs, modes, firstByte, idle, slow, memory: used } = results;
  const print = (...lines) => process.stdout.write(`${lines.join('\n')}\n\n`);
  if (http) {
    print(`HTTP: ${options.workers} workers, ${options.connections} connections, median of ${options.rounds} rounds of ${options.seconds} s; µs of processor time per call`,
      table(http, [['', 'name'], ['calls/s', 'rate', fixed(0)], ['p50 ms', 'p50', fixed(2)], ['p99 ms', 'p99', fixed(2)],
        ['of floor', 'ratio', fixed(2)], ['worker µs', 'workerUs', fixed(0)], ['database µs', 'dbUs', fixed(0)], ['nginx µs', 'nginxUs', fixed(0)]]));
  }
  if (jobs) {
    print(`Jobs: ${jobs.jobs} fetches of two requests, ${jobs.inFlight} in flight, median of ${options.rounds} rounds`,
      table([{ name: 'bare libcurl', rate: jobs.bare }, { ...jobs, name: 'runner' }], [['', 'name'], ['fetches/s', 'rate', fixed(0)],
        ['of bare', 'ratio', fixed(2)], ['runner µs', 'runnerUs', fixed(0)], ['database µs', 'dbUs', fixed(0)]]),
      `of which formulas ${jobs.formulas.typical.toFixed(1)} µs; ${jobs.formulas.rich.toFixed(1)} µs where there are ten of them, a signature and a date among them`);
  }
  if (modes) {
    print(`Other modes: fetches of the runner, ${options.jobs} at a time, median of ${options.rounds} rounds`,
      table(modes.fetches, [['', 'name'], ['fetches/s', 'rate', fixed(0)], ['runner µs', 'runnerUs', fixed(0)], ['database µs', 'dbUs', fixed(0)]]));
    print('Other modes: calls, from a client in JavaScript',
      table(modes.calls, [['', 'name'], ['calls/s', 'rate', fixed(0)], ['p50 ms', 'p50', fixed(2)], ['p99 ms', 'p99', fixed(2)]]));
  }
  if (firstByte) {
    print(`Idle runner, ${firstByte.samples} calls for a token: p50 and p99 in ms`,
      table([{ name: 'until the vendor reads the first request', ...firstByte.firstByte },
        { name: 'until the caller has the token', ...firstByte.answered }],
      [['', 'name'], ['p50', 'p50', fixed(1)], ['p99', 'p99', fixed(1)]]));
  }
  if (idle) print(`Idle for ${idle.seconds.toFixed(0)} s: runner ${idle.runnerPercent.toFixed(2)} %, database for it ${idle.dbPercent.toFixed(2)} % of a core`);
  if (slow) print(`Runner with ${slow.remotes} slow remotes under way: ${slow.busyMiB.toFixed(1)} MiB of its own; ${slow.idleMiB.toFixed(1)} before, ${slow.afterMiB.toFixed(1)} afterwards`);
  print(`Private memory: worker ${used.workers.map(fixed(1)).join(', ')} MiB, master ${used.masterMiB.toFixed(1)}, runner ${used.runnerMiB.toFixed(1)} MiB`);
  print(table(results.aims, [['Aims', 'what'], ['got', 'got'], ['aim', 'aim'], ['', (row) => (row.met ? 'met' : 'MISSED')]]));
}

try {
  const options = readOptions();
  checkBuild(options.build);
  const machine = { cpus: cpus().length, model: cpus()[0].model, kernel: release(), loadBefore: loadavg()[0] };
  const results = { at: new Date().toISOString(), machine, options, ...await measure(options) };
  results.aims = aims(results);
  const busy = machine.loadBefore > machine.cpus / 4 ? ': something else runs here, so these figures are too low' : '';
  process.stdout.write(`${machine.cpus} × ${machine.model}; load before ${machine.loadBefore.toFixed(2)}${busy}\n\n`);
  show(results, options);
  if (options.json) writeFileSync(options.json, `${JSON.stringify(results, undefined, 2)}\n`);
} catch (error) {
  process.stderr.write(`bench: ${error.stack ?? error}\n`);
  process.exitCode = 1;
}
