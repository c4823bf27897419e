// SPDX-License-Identifier: Apache-2.0
// Do lists keep their speed? The same calls with 1,000 requests in one team, and with 1,000,000 in 200 teams: ratios, and
// what the database says it does. `make bench-lists`; not part of ./check.
//
//   node tests/bench/lists.mjs --build FOLDER [--rows 1000000] [--teams 200] [--json FILE] [--sql]
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { startStack } from '../e2e/harness.mjs';
import { fixed, median, table } from './figures.mjs';

const FEW = 1000;
const MOST = 1.5; // ratio that is still well
const CALLS = 150;
const WARM = 10;
const PAGE = 100;

const { values: options } = parseArgs({ options: { build: { type: 'string' }, rows: { type: 'string', default: '1000000' },
  teams: { type: 'string', default: '200' }, json: { type: 'string' }, sql: { type: 'boolean' } } });
const rows = Number(options.rows);
const teams = Number(options.teams);

const LIST = '/api/v2/credential-requests/requests';
// Name, and query: `of` counts the team's rows that are so; a deep page is the last full one of what it goes through.
const ANEW = 'rEqUeSt'; // in another mixture of cases at every call: what is known of the last one does not help
const ASKED = [
  ['first page', async () => ''],
  ['with total', async () => '&pg[returnTotalCount]=true'],
  ['deep page', async (of) => `&pg[offset]=${await of('TRUE') - PAGE}`],
  ['by status', async () => '&status=declined'],
  ['by status, deep page', async (of) => `&status=pending&pg[offset]=${await of("status = 'pending'") - PAGE}`],
  ['by name, often', async () => '&name=REQUEST'],
  ['by name, often, anew', async () => `&name=${ANEW}`],
  ['by name, seldom', async () => '&name=needle'],
  ['by name and status', async () => '&name=needle&status=declined'],
  ['by requester', async (of, world) => `&userId=${world.userId}`],
  ['by requester, seldom', async (of, world) => `&userId=${world.otherId}`],
  ['sorted by name', async () => '&pg[sortBy]=name&pg[sortDir]=asc'],
  ['sorted by update', async () => '&pg[sortBy]=updatedAt&pg[sortDir]=desc'],
  ['sorted by expiry', async () => '&pg[sortBy]=expiresAt&pg[sortDir]=asc'],
];

const ALTER = 'ALTER TABLE credential_request';
// The indexes beside the primary key, as parts of an ALTER TABLE: a million rows go in without them in a fraction of the time.
async function indexes(stack) {
  return stack.mysql(`SELECT CONCAT('DROP KEY ', index_name),
    CONCAT('ADD KEY ', index_name, ' (', GROUP_CONCAT(column_name ORDER BY seq_in_index), ')')
    FROM information_schema.statistics WHERE table_schema = 'bailee' AND table_name = 'credential_request' AND index_name <> 'PRIMARY' GROUP BY index_name`);
}

// Requests by number, in the team that `team` says; the seldom ones do not become more in the one that is asked for. SQL of the
// database's own number source, in the order of the primary key.
function insert(stack, world, from, to, team) {
  const every = (n) => `seq MOD ${n} = 0 AND ${team} <> ${from > FEW ? world.teamId : 0}`;
  return stack.mysql(`SET SESSION unique_checks = 0, foreign_key_checks = 0;
    INSERT INTO credential_request (id, team_id, requester_id, provider_id, name, status, link_hash, created_at, updated_at, expires_at)
    SELECT UNHEX(MD5(CONCAT('request ', seq))), ${team}, IF(${every(89)}, ${world.otherId}, ${world.userId}), ${world.userId},
      CONCAT(IF(${every(97)}, 'needle ', 'request '), seq), IF(CRC32(seq) MOD 5 = 0, 'declined', 'pending'), UNHEX(SHA2(seq, 256)),
      '2026-01-01' + INTERVAL seq SECOND, '2026-01-01' + INTERVAL seq SECOND, '2027-01-01' + INTERVAL seq SECOND
    FROM seq_${from}_to_${to} ORDER BY 1`);
}

// The parts of the names, as the migration makes them; of some teams at a time.
async function insertParts(stack, world) {
  for (let team = world.teamId; team < world.teamId + teams; team += 10) {
    await stack.mysql(`INSERT INTO request_name_part (team_id, part, request_id)
      SELECT DISTINCT r.team_id, LEFT(WEIGHT_STRING(SUBSTR(r.name, s.seq, 8)), 16), r.id
      FROM credential_request r JOIN seq_1_to_255_step_3 s ON s.seq <= GREATEST(CHAR_LENGTH(r.name), 1)
      WHERE r.team_id BETWEEN ${team} AND ${team + 9} ORDER BY 1, 2, 3`);
  }
}

async function insertMany(stack, world, ...rest) {
  const keys = await indexes(stack);
  await stack.mysql(`SET foreign_key_checks = 0; ${ALTER} ${keys.map(([drop]) => drop).join(', ')}`);
  await insert(stack, world, ...rest);
  await stack.mysql(`SET foreign_key_checks = 0; ${ALTER} ${keys.map(([, add]) => add).join(', ')}`);
}

// A stack with its team and requests; few alone, or those few among `more`.
async function populate(more) {
  const stack = await startStack({ workers: 2, ...(options.build ? { build: options.build } : {}) });
  const world = await stack.world({ name: 'Lists' });
  world.otherId = await stack.addUser('Seldom', [world.teamId]);
  await stack.mysql('SET GLOBAL innodb_buffer_pool_size = 1 << 30'); // as a server of that size would have
  await insert(stack, world, 1, FEW, String(world.teamId));
  const start = Date.now();
  if (more) {
    // as many teams of the same organization, of which the first is the one that is asked for
    await stack.mysql(`INSERT INTO team (id, organization_id, key_generation, name, slug)
      SELECT ${world.teamId} + seq, ${world.organizationId}, 1, CONCAT('Team ', seq), CONCAT('bench_', seq) FROM seq_1_to_${teams - 1}`);
    await insertMany(stack, world, FEW + 1, rows, `${world.teamId} + seq MOD ${teams}`);
  }
  const seconds = (Date.now() - start) / 1000;
  await insertParts(stack, world);
  await stack.mysql('ANALYZE TABLE credential_request, request_name_part');
  const of = async (where) => Number((await stack.mysql(`SELECT COUNT(*) FROM credential_request WHERE team_id = ${world.teamId} AND ${where}`))[0][0]);
  const cases = [];
  for (const [name, query] of ASKED) {
    cases.push({ name, path: `${LIST}?teamId=${world.teamId}&pg[limit]=${PAGE}${await query(of, world)}`, ms: [] });
  }
  return { stack, world, cases, seconds, requests: await of('TRUE') };
}

let asked = 0;
const anew = (path) => path.replace(ANEW, () => [...ANEW].map((c, at) => (asked >> at & 1 ? c.toUpperCase() : c.toLowerCase())).join(''));

async function ask({ stack, world }, one) {
  asked++;
  const start = process.hrtime.bigint();
  const answer = await stack.call('GET', anew(one.path), undefined, { token: world.token });
  const ms = Number(process.hrtime.bigint() - start) / 1e6;
  if (answer.status !== 200) throw new Error(`${one.path}: ${answer.text}`);
  one.rows = answer.body.requests.length;
  return ms;
}

// In turns, so that whatever else the machine does concerns both.
async function measure(...sides) {
  for (let i = 0; i < CALLS + WARM; i++) {
    for (const at of ASKED.keys()) {
      for (const side of sides) {
        const ms = await ask(side, side.cases[at]);
        if (i >= WARM) side.cases[at].ms.push(ms);
      }
    }
  }
}

// What the database does for a call: the statement that it logs as executed, explained.
async function explain(stack, world, path) {
  await stack.mysql('TRUNCATE mysql.general_log');
  await stack.call('GET', path, undefined, { token: world.token });
  const [[sql]] = await stack.mysql(`SELECT CONVERT(argument USING utf8mb4) FROM mysql.general_log
    WHERE command_type = 'Execute' AND argument LIKE '%FROM credential\\_request%'`);
  return { sql, plan: await stack.mysql(`SET NAMES utf8mb4; EXPLAIN ${sql}`) };
}

const few = await populate(false);
try {
  const many = await populate(true);
  try {
    await measure(few, many);
    const result = many.cases.map(({ name, rows: shown, ms }, at) => {
      const [fewMs, manyMs] = [median(few.cases[at].ms), median(ms)];
      return { name, rows: shown, fewMs, manyMs, ratio: manyMs / fewMs };
    });
    console.log(`${few.requests} requests in one team; ${rows} in ${teams} teams, ${many.requests} of them in the one that is asked for.`);
    const sizes = await many.stack.mysql(`SELECT table_name, ROUND((data_length + index_length) / ${rows}) FROM information_schema.tables
      WHERE table_schema = 'bailee' AND table_name IN ('credential_request', 'request_name_part')`);
    console.log(`Bytes for a request: ${sizes.map((size) => size.join(' ')).join(', ')}.`);
    console.log(`${many.seconds.toFixed(0)} s to put in. Medians of ${CALLS} calls in ms.\n`);
    console.log(table(result, [['call', 'name'], ['rows', 'rows'], ['few', 'fewMs', fixed(2)], ['many', 'manyMs', fixed(2)], ['ratio', 'ratio', fixed(2)],
      ['', ({ ratio }) => (ratio > MOST ? 'over' : '')]]));
    // only what is prepared while the log is on is logged with its values
    await many.stack.mysql("SET GLOBAL log_output = 'TABLE', GLOBAL general_log = 1");
    await many.stack.restart('api');
    for (const one of many.cases) {
      const { sql, plan } = await explain(many.stack, many.world, one.path);
      console.log(`\n${one.name}${options.sql ? `\n  ${sql}` : ''}`);
      for (const line of plan) console.log(`  ${line.join(' | ')}`);
    }
    if (options.json) writeFileSync(options.json, `${JSON.stringify({ rows, teams, requests: many.requests, result }, null, 2)}\n`);
    process.exitCode = result.some(({ ratio }) => ratio > MOST) ? 1 : 0;
  } finally {
    await many.stack.close();
  }
} finally {
  await few.stack.close();
}
