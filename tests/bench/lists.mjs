// SPDX-License-Identifier: Apache-2.0
// Do lists keep their speed? The same calls with 1,000 requests in one team, and with 1,000,000 in 200 teams: ratios, and
// what the database says it does. `make bench-lists`; not part of ./check.
//
//   node tests/bench/lists.mjs --build FOLDER [--rows 1000000] [--teams 200] [--json FILE]
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { startStack } from '../e2e/harness.mjs';
import { median } from './figures.mjs';

const FEW = 1000;
const MOST = 1.5; // ratio that is still well
const CALLS = 150;

const { values: options } = parseArgs({ options: { build: { type: 'string' }, rows: { type: 'string', default: '1000000' },
  teams: { type: 'string', default: '200' }, json: { type: 'string' } } });
const rows = Number(options.rows);
const teams = Number(options.teams);

const LIST = '/api/v2/credential-requests/requests';
// name, query; a deep page is near the end of what its team has
const ASKED = [
  ['first page', () => ''],
  ['with total', () => '&pg[returnTotalCount]=true'],
  ['by status', () => '&status=declined'],
  ['by name, seldom', () => '&name=needle'],
  ['by name, often', () => '&name=request'],
  ['by requester', (world) => `&userId=${world.userId}`],
  ['sorted by name', () => '&pg[sortBy]=name&pg[sortDir]=asc'],
  ['deep page', (world, each) => `&pg[offset]=${each - 100}`],
  ['deep page by status', (world, each) => `&status=pending&pg[offset]=${Math.floor(each * 0.8) - 100}`],
];

// `n` requests from number `from` on, spread over the teams by `team`: SQL of the database's own number source.
async function insert(stack, world, from, to, team) {
  // in the order of the primary key, a part at a time: at random would be minutes
  const digits = to - from > 10000 ? [...'0123456789abcdef'] : ['_'];
  for (const digit of digits) {
    await stack.mysql(`SET SESSION unique_checks = 0, foreign_key_checks = 0;
    INSERT INTO credential_request (id, team_id, requester_id, provider_id, name, status, link_hash, created_at, updated_at, expires_at)
    SELECT UNHEX(MD5(CONCAT('request ', seq))), ${team}, ${world.userId}, ${world.userId},
      CONCAT(IF(seq MOD 97 = 0, 'needle ', 'request '), seq), IF(seq MOD 5 = 0, 'declined', 'pending'), UNHEX(SHA2(seq, 256)),
      '2026-01-01' + INTERVAL seq SECOND, '2026-01-01' + INTERVAL seq SECOND, '2027-01-01' + INTERVAL seq SECOND
    FROM seq_${from}_to_${to} WHERE MD5(CONCAT('request ', seq)) LIKE '${digit}%' ORDER BY 1`);
  }
}

async function measure(stack, world, each) {
  const paths = ASKED.map(([name, query]) => ({ name, path: `${LIST}?teamId=${world.teamId}&pg[limit]=100${query(world, each)}`, ms: [] }));
  for (let i = 0; i < CALLS + 10; i++) {
    for (const one of paths) {
      const start = process.hrtime.bigint();
      const answer = await stack.call('GET', one.path, undefined, { token: world.token });
      const ms = Number(process.hrtime.bigint() - start) / 1e6;
      if (answer.status !== 200) throw new Error(`${one.path}: ${answer.text}`);
      one.rows = answer.body.requests.length;
      if (i >= 10) one.ms.push(ms);
    }
  }
  return paths.map(({ name, path, ms, rows: n }) => ({ name, path, rows: n, ms: median(ms) }));
}

const stack = await startStack({ workers: 2, ...(options.build ? { build: options.build } : {}) });
try {
  const world = await stack.world({ name: 'Lists' });
  await insert(stack, world, 1, FEW, String(world.teamId));
  await stack.mysql('ANALYZE TABLE credential_request');
  const few = await measure(stack, world, FEW);
  // as many teams of the same organization, of which the first is the one that is asked for
  await stack.mysql(`INSERT INTO team (id, organization_id, key_generation, name, slug) SELECT ${world.teamId} + seq, ${world.organizationId}, 1, CONCAT('Team ', seq),
    CONCAT('bench_', seq) FROM seq_1_to_${teams - 1}`);
  await insert(stack, world, FEW + 1, rows, `${world.teamId} + seq MOD ${teams}`);
  await stack.mysql('ANALYZE TABLE credential_request');
  const each = Number((await stack.mysql(`SELECT COUNT(*) FROM credential_request WHERE team_id = ${world.teamId}`))[0][0]);
  const many = await measure(stack, world, each);
  const result = ASKED.map(([name], i) => ({ name, rows: many[i].rows, fewMs: few[i].ms, manyMs: many[i].ms, ratio: many[i].ms / few[i].ms }));
  console.log(`${FEW} requests in one team, then ${rows} in ${teams} teams (${each} in the one that is asked for); ms are medians of ${CALLS} calls\n`);
  console.log(`${'call'.padEnd(22)}${'rows'.padStart(6)}${'few ms'.padStart(10)}${'many ms'.padStart(10)}${'ratio'.padStart(8)}`);
  for (const row of result) {
    console.log(`${row.name.padEnd(22)}${String(row.rows).padStart(6)}${row.fewMs.toFixed(2).padStart(10)}${row.manyMs.toFixed(2).padStart(10)}${row.ratio.toFixed(2).padStart(8)}${row.ratio > MOST ? '  over' : ''}`);
  }
  for (const [what, where, tail] of [['first page', '', 'LIMIT 100'], ['by status', "AND r.status = 'declined'", 'LIMIT 100'],
    ['deep page', '', `LIMIT 100 OFFSET ${each - 100}`]]) {
    console.log(`\nEXPLAIN ${what}`);
    for (const line of await stack.mysql(`EXPLAIN SELECT r.* FROM (SELECT r.id FROM credential_request r WHERE r.team_id = ${world.teamId} ${where}
      ORDER BY r.created_at DESC, r.id DESC ${tail}) i JOIN credential_request r ON r.id = i.id ORDER BY r.created_at DESC, r.id DESC`)) console.log(`  ${line.join(' | ')}`);
  }
  if (options.json) writeFileSync(options.json, `${JSON.stringify({ rows, teams, result }, null, 2)}\n`);
  process.exitCode = result.some(({ ratio }) => ratio > MOST) ? 1 : 0;
} finally {
  await stack.close();
}
