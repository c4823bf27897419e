// SPDX-License-Identifier: Apache-2.0
// The HTTP part: calls under load of wrk, in turns with the floor.
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { median } from './figures.mjs';
import { processorSeconds } from './process.mjs';
import { range, ROWS } from './world.mjs';

const SCRIPT = join(dirname(fileURLToPath(import.meta.url)), 'load.lua');
const run = promisify(execFile);

// name, aim (part of the floor's rate), and the requests that are sent in turn.
function calls(world) {
  const requests = '/api/v2/credential-requests/requests';
  const each = (ids, method, path) => ids.map((id) => ({ method, path: path(id) }));
  return [
    { name: 'floor', port: world.floorPort, requests: each(range(ROWS), 'GET', (id) => `/api/floor/${id}`) },
    { name: 'GET request', aim: 0.8, requests: each(world.requestIds, 'GET', (id) => `${requests}/${id}`) },
    { name: 'GET user_credential', aim: 0.8, requests: each(world.credentialIds, 'GET', (id) => `/api/v1/user_credentials/${id}`) },
    { name: 'token from cache', aim: 0.7, requests: each(world.credentialIds, 'POST', (id) => `/api/v1/user_credentials/${id}/token`) },
    { name: 'create request', requests: range(ROWS).map((at) =>
      ({ method: 'POST', path: `${requests}/v2`, body: JSON.stringify(world.requestBody(`Load ${at}`)) })) },
  ].map((call) => ({ port: world.stack.port, rounds: [], ...call }));
}

function rawRequest({ method, path, body }, port, token) {
  const type = body === undefined ? '' : 'Content-Type: application/json\r\n';
  const length = method === 'GET' ? '' : `Content-Length: ${Buffer.byteLength(body ?? '')}\r\n`;
  return `${method} ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAuthorization: Bearer ${token}\r\n${type}${length}\r\n${body ?? ''}`;
}

function writeRequests(world, call, at) {
  call.file = join(world.stack.dir, `load-${at}.requests`);
  writeFileSync(call.file, call.requests.map((request) => rawRequest(request, call.port, world.token))
    .map((raw) => `${Buffer.byteLength(raw)}\n${raw}`).join(''));
}

// wrk counts as bad what is 400 and above; a call by hand sees that it is a 200 and no other 2xx or 3xx.
async function checkOne(world, call) {
  const { method, path, body } = call.requests[0];
  const answer = await world.call(method, path, body, call.port);
  if (answer.status !== 200) throw new Error(`${call.name}: status ${answer.status}: ${answer.text.slice(0, 500)}`);
}

async function load(world, call, seconds, pids) {
  await checkOne(world, call);
  const before = Object.entries(pids).map(([part, list]) => [part, processorSeconds(list)]);
  const { stdout } = await run('wrk', ['-t1', `-c${world.options.connections}`, `-d${seconds}s`, '-s', SCRIPT,
    `http://127.0.0.1:${call.port}/`, '--', call.file]);
  const result = JSON.parse(stdout.trim().split('\n').at(-1));
  if (result.bad || result.broken || !result.requests)
    throw new Error(`${call.name}: of ${result.requests} calls ${result.bad} got an error, ${result.broken} no answer`);
  const figures = { rate: result.requests / result.seconds, p50: result.p50, p99: result.p99 };
  for (const [part, begin] of before) figures[`${part}Us`] = (processorSeconds(pids[part]) - begin) / result.requests * 1e6;
  return figures;
}

// Processes whose time counts to a call: the workers that answer it, nginx, the database.
async function partsOf(world, call) {
  const workers = call.name === 'floor'
    ? (await run('pgrep', ['-P', String(world.floor.pid)])).stdout.trim().split('\n').map(Number)
    : await world.stack.pids('api');
  return { worker: workers, nginx: await world.stack.pids('nginx'), db: await world.stack.pids('db') };
}

const jobCount = async (world) => Number((await world.stack.mysql("SELECT COUNT(*) FROM job WHERE kind = 'fetch'"))[0][0]);

export async function measureHttp(world) {
  const all = calls(world);
  const { rounds, seconds } = world.options;
  all.forEach((call, at) => writeRequests(world, call, at));
  const fetches = await jobCount(world);
  for (const call of all) await load(world, call, 1, {});
  for (let round = 0; round < rounds; round++) {
    for (const at of range(all.length)) {
      const call = all[(round + at) % all.length]; // nobody is always behind the same one
      call.rounds.push(await load(world, call, seconds, await partsOf(world, call)));
    }
  }
  if (await jobCount(world) !== fetches) throw new Error('not every token came from the cache');
  return summarize(all);
}

function summarize(all) {
  const rows = all.map(({ name, aim, rounds }) => {
    const row = { name, aim, rounds };
    for (const member of Object.keys(rounds[0])) row[member] = median(rounds.map((round) => round[member]));
    return row;
  });
  // each round against the floor of the same round: what slows a round down slows both
  for (const row of rows) row.ratio = median(row.rounds.map((round, at) => round.rate / rows[0].rounds[at].rate));
  return rows;
}
