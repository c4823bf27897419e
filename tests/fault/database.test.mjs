// SPDX-License-Identifier: Apache-2.0
// MariaDB goes away under load and comes back: said politely, nothing that was acknowledged is lost or done twice, and
// nothing has to be restarted.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { sleep, startStack, waitFor } from '../e2e/harness.mjs';
import { startVendor } from '../e2e/vendor.mjs';
import { multiRequest } from './load.mjs';

const CLIENTS = 8;
const ANSWER_MOST_MS = 15000; // far above what an answer takes, far below a hang

let stack, vendor, world;
before(async () => {
  stack = await startStack({ workers: 4, set: ['common.db_timeout_s=3', 'api.wait_default_s=3'] });
  vendor = await startVendor();
  world = await stack.world();
});
after(async () => {
  await vendor?.close();
  await stack?.close();
});

const create = (name) => stack.api('POST', '/api/v1/user_credentials',
  { name, mode: 'TEXT', team_id: world.teamId, value: 'v' }, { token: world.token, ms: ANSWER_MOST_MS });

// Clients that write, read back and list until `until` is over; every answer is kept.
function startLoad(prefix) {
  const load = { answers: [], written: [], stop: false };
  const ask = async (kind, promise) => {
    const at = Date.now();
    const answer = await promise;
    load.answers.push({ kind, status: answer.status, retryAfter: answer.headers['retry-after'], at, text: answer.text });
    return answer;
  };
  const client = async (number) => {
    for (let i = 0; !load.stop; i++) {
      const name = `${prefix} ${number} ${i}`;
      const made = await ask('write', create(name));
      if (made.status === 201) load.written.push({ name, id: made.body.id });
      const last = load.written.at(-1);
      if (last) {
        const path = `/api/v1/user_credentials/${last.id}`;
        const read = await ask('read', stack.api('GET', path, undefined, { token: world.token, ms: ANSWER_MOST_MS }));
        if (read.status === 200) assert.equal(read.body.name, last.name);
      }
      await ask('me', stack.api('GET', '/api/v2/users/me', undefined, { token: world.token, ms: ANSWER_MOST_MS }));
    }
  };
  load.over = Promise.all(Array.from({ length: CLIENTS }, (_, number) => client(number)));
  load.over.catch(() => {}); // looked at when the load is ended
  load.end = async () => {
    load.stop = true;
    await load.over;
  };
  return load;
}

const countOf = (load, status) => load.answers.filter((answer) => answer.status === status).length;

async function goesAwayAndComesBack(prefix, goAway) {
  const load = startLoad(prefix);
  await waitFor('some writes', () => load.written.length >= 20);
  await goAway();
  await waitFor('refusals', () => countOf(load, 503) >= 3 * CLIENTS);
  assert.equal((await stack.api('GET', '/healthz')).status, 200);
  const ready = await stack.api('GET', '/readyz', undefined, { ms: ANSWER_MOST_MS });
  assert.equal(ready.status, 503, ready.text);
  assert.match(ready.headers['retry-after'], /^\d+$/);
  const pools = [await stack.pid('api'), await stack.pid('public'), await stack.pid('runner')];

  await stack.start('db');
  const before = load.written.length;
  await waitFor('writes after the return', () => load.written.length >= before + 3 * CLIENTS);
  await waitFor('readiness', async () => (await stack.api('GET', '/readyz')).status === 200);
  await load.end();

  for (const answer of load.answers) {
    assert.ok([200, 201, 503].includes(answer.status) || (answer.kind === 'read' && answer.status === 404),
      `${answer.kind} answered ${answer.status} ${answer.text}`);
    if (answer.status === 503) assert.match(answer.retryAfter ?? '', /^\d+$/, answer.text);
  }
  assert.equal(countOf(load, 404), 0, 'what was acknowledged was not there when it was read');
  assert.deepEqual([await stack.pid('api'), await stack.pid('public'), await stack.pid('runner')], pools);

  const rows = await stack.mysql(`SELECT name, COUNT(*) FROM user_credential WHERE name LIKE '${prefix} %' GROUP BY name`);
  const counts = new Map(rows.map(([name, count]) => [name, Number(count)]));
  for (const { name } of load.written) assert.equal(counts.get(name), 1, `${name} was acknowledged`);
  for (const [name, count] of counts) assert.equal(count, 1, `${name} is there ${count} times`);
  const audits = await stack.mysql(`SELECT COUNT(*) FROM audit WHERE event = 'user_credential.create' AND subject IN
    (SELECT id FROM user_credential WHERE name LIKE '${prefix} %')`);
  assert.equal(Number(audits[0][0]), counts.size, 'each row has one audit row');
}

test('a database that is stopped is a 503, and all is well once it is back', () =>
  goesAwayAndComesBack('stopped', () => stack.stop('db')));

test('a database that is killed is a 503, and what it had acknowledged is there afterwards', () =>
  goesAwayAndComesBack('killed', async () => {
    await stack.kill('db');
    await waitFor('the end of the database', async () => !await stack.pid('db'));
  }));

test('a database that does not answer is a 503 within its time limit', async () => {
  const pid = await stack.pid('db');
  process.kill(pid, 'SIGSTOP');
  try {
    const started = Date.now();
    const answers = await Promise.all([create('hung 1'), create('hung 2'),
      stack.api('GET', '/api/v1/user_credentials', undefined, { token: world.token, ms: ANSWER_MOST_MS }),
      stack.api('GET', '/readyz', undefined, { ms: ANSWER_MOST_MS })]);
    for (const answer of answers) {
      assert.equal(answer.status, 503, answer.text);
      assert.match(answer.headers['retry-after'], /^\d+$/);
    }
    assert.ok(Date.now() - started < ANSWER_MOST_MS);
    assert.equal((await stack.api('GET', '/healthz', undefined, { ms: ANSWER_MOST_MS })).status, 200);
  } finally {
    process.kill(pid, 'SIGCONT');
  }
  await waitFor('readiness', async () => (await stack.api('GET', '/readyz')).status === 200);
  assert.equal((await create('hung 3')).status, 201);
});

test('a fetch that ends while the database is away is saved when it is back', async () => {
  const made = await stack.api('POST', '/api/v1/user_credentials',
    multiRequest(world.teamId, vendor, 'Fetched in an outage'), { token: world.token });
  assert.equal(made.status, 201, made.text);
  const release = vendor.hold('/token');
  const path = `/api/v1/user_credentials/${made.body.id}/token`;
  const asked = await stack.api('POST', path, undefined, { token: world.token, headers: { prefer: 'respond-async' } });
  assert.equal(asked.status, 202, asked.text);
  await waitFor('the second request', () => vendor.hits('/token') === 1);
  await stack.stop('db');
  release();
  await sleep(1000);
  await stack.start('db');
  const token = await waitFor('the token', async () => {
    const answer = await stack.api('POST', path, undefined, { token: world.token });
    assert.ok([200, 202, 503].includes(answer.status), answer.text);
    return answer.status === 200 && answer.body.token;
  });
  assert.ok(vendor.accepts(token));
  assert.equal(vendor.hits('/login'), 1, 'the login was not repeated');
  assert.equal(vendor.hits('/token'), 1);
});

test('the public pool says so too, and comes back', async () => {
  const path = '/public/requests/2f1c0d3e-0000-4000-8000-000000000001';
  const headers = { authorization: `Link ${'A'.repeat(43)}` };
  assert.equal((await stack.api('GET', path, undefined, { headers })).status, 404);
  await stack.stop('db');
  for (let i = 0; i < 6; i++) {
    const away = await stack.api('GET', path, undefined, { headers, ms: ANSWER_MOST_MS });
    assert.equal(away.status, 503, away.text);
    assert.equal(away.body.code, 'SC503');
    assert.match(away.headers['retry-after'], /^\d+$/);
  }
  await stack.start('db');
  await waitFor('the public pool', async () => (await stack.api('GET', path, undefined, { headers })).status === 404);
});

test('pools and runner that start without a database wait for it', async () => {
  await stack.stop('api');
  await stack.stop('runner');
  await stack.stop('db');
  await stack.start('api');
  await stack.start('runner');
  await waitFor('the api pool', async () => (await stack.api('GET', '/healthz')).status === 200);
  const refused = await stack.api('GET', '/api/v2/users/me', undefined, { token: world.token });
  assert.equal(refused.status, 503, refused.text);
  await stack.start('db');
  await waitFor('readiness', async () => (await stack.api('GET', '/readyz')).status === 200);
  assert.equal((await stack.api('GET', '/api/v2/users/me', undefined, { token: world.token })).status, 200);
});
