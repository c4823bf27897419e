// SPDX-License-Identifier: Apache-2.0
// Refresh tokens that a provider takes once: whatever happens to runners, answers and the database meanwhile, none is sent a
// second time but where the provider may have acted unseen, and no connection is lost by it. Each test says how often the
// token of each generation was sent.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { sleep, waitFor } from '../e2e/harness.mjs';
import { startOauthStack } from '../e2e/oauth_stack.mjs';
import { startOauthVendor } from '../e2e/oauth_vendor.mjs';
import { processState } from './load.mjs';

const ASKERS = 64;
const RUNNERS = 4;
const ROUNDS = 5;

let oauth;
let stack;
let vendor;
let strict; // ends all that was granted when a token comes twice
let kind; // takes the token spent last for a while again, and says so
before(async () => {
  vendor = await startOauthVendor();
  strict = vendor.room('strict');
  kind = vendor.room('kind', { grace_ms: 60000 });
  oauth = await startOauthStack([
    { connection: strict.connection('strict') },
    { connection: kind.connection('kind', { oauth2: { rotation: { rotates: true, reuse_grace_s: 60 } } }) },
  ], { workers: 12, set: ['runner.runner_lease_s=5', 'api.wait_default_s=20'] });
  ({ stack } = oauth);
});
after(async () => {
  await oauth?.close();
  await vendor?.close();
});

// A fresh connection at a room whose counts begin anew.
async function connected(room) {
  room.refresh.clear();
  const user = `user-${room.grants.length}`;
  room.ways.user = user;
  const { id } = await oauth.connect(room.name);
  const grant = await oauth.grant(id);
  return { id, room, user, grant: grant.uuid };
}

// Somebody needs a token; a busy server is asked again.
async function ask(one) {
  for (let tries = 0; tries < 400; tries++) {
    const answer = await stack.call('POST', `/api/v2/connections/${one.id}/token`, undefined, { token: oauth.world.token });
    if (![202, 503, 504, 429].includes(answer.status)) return answer; // 202: it is under way, and others wait already
    await sleep(50);
  }
  throw new Error('always busy');
}

async function token(one) {
  const { status, body, text } = await ask(one);
  assert.equal(status, 200, text);
  assert.ok(one.room.accepts(body.token), 'the provider does not take it');
  return body.token;
}

// Asks without waiting for it, and gives the promise of the answer.
async function order(one) {
  await oauth.age(one.id);
  return ask(one);
}

function tell(t, one, expected) {
  const spends = one.room.spends();
  t.diagnostic(`sent by generation: ${JSON.stringify(spends)}`);
  assert.deepEqual(spends, expected);
}

const journal = async (one) => (await stack.mysql(
  `SELECT generation, COALESCE(outcome, 'unknown') FROM oauth_spend WHERE uuid_text(grant_uuid) = '${one.grant}' ORDER BY id`))
  .map(([generation, outcome]) => `${generation} ${outcome}`);

// The leases that a dead or frozen runner had run out.
const leasesEnd = (one) => stack.mysql(`UPDATE oauth_grant SET lease_until = UTC_TIMESTAMP(3) - INTERVAL 1 SECOND
    WHERE lease_until IS NOT NULL AND uuid_text(uuid) = '${one.grant}';
  UPDATE job SET lease_until = UTC_TIMESTAMP(3) - INTERVAL 1 SECOND WHERE state = 'running' AND subject = '${one.grant}';
  UPDATE job SET run_at = UTC_TIMESTAMP(3) WHERE state = 'queued' AND subject = '${one.grant}'`);

// After a call without an answer nobody may spend the token until the lease is over: the provider may still be at it. Time passes
// more quickly here, for as long as `work` takes.
async function minutesPass(one, work) {
  let over = false;
  const done = work.finally(() => { over = true; });
  while (!over) {
    await stack.mysql(`UPDATE oauth_grant SET lease_until = UTC_TIMESTAMP(3) - INTERVAL 1 SECOND WHERE lease_until IS NOT NULL
        AND uuid_text(uuid) = '${one.grant}' AND NOT EXISTS (SELECT 1 FROM job WHERE state = 'running' AND subject = '${one.grant}');
      UPDATE job SET run_at = UTC_TIMESTAMP(3) WHERE state = 'queued' AND subject = '${one.grant}'`);
    await sleep(200);
  }
  return done;
}

async function anotherRunner(one) {
  await leasesEnd(one);
  await stack.start('runner');
}

// A session that holds the row of a grant until it is let go, or the test has ended.
async function lockGrant(t, one) {
  const child = spawn('mariadb', ['--no-defaults', `--socket=${stack.dir}/run/db.sock`, '-uroot', '-N', '-B', '--unbuffered', 'bailee']);
  t.after(() => child.kill('SIGKILL'));
  let out = '';
  child.stdout.on('data', (part) => { out += part; });
  child.stdin.write(`BEGIN;\nSELECT 1 FROM oauth_grant WHERE uuid_text(uuid) = '${one.grant}' FOR UPDATE;\nSELECT 'locked';\n`);
  await waitFor('the lock', () => out.includes('locked'));
  return () => new Promise((resolve) => {
    child.once('exit', resolve);
    child.stdin.end('ROLLBACK;\n');
  });
}

// Somebody waits for the row. The server shows the same again to whoever asks within a tenth of a second.
const someoneWaits = () => waitFor('a transaction that waits for the row', async () =>
  (await stack.mysql("SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'"))[0][0] !== '0', { everyMs: 250 });

function startRunner() {
  const child = spawn(join(stack.build, 'bailee-runner'), ['--config', stack.conf], { stdio: ['ignore', 'ignore', 'pipe'] });
  let log = '';
  child.stderr.on('data', (part) => { log += part; });
  const exit = new Promise((resolve) => { child.on('exit', (code, signal) => resolve(code ?? signal)); });
  return { child, end: () => { child.kill('SIGTERM'); return exit; }, log: () => log };
}

describe('many at once', () => {
  test(`${ASKERS} askers on ${RUNNERS} runners spend each generation once`, async (t) => {
    const runners = Array.from({ length: RUNNERS - 1 }, startRunner);
    try {
      const alive = 'SELECT COUNT(*) FROM runner WHERE seen_at > UTC_TIMESTAMP(3) - INTERVAL 5 SECOND';
      await waitFor('all runners', async () => Number((await stack.mysql(alive))[0][0]) >= RUNNERS);
      const one = await connected(strict);
      const expected = {};
      strict.ways.delay_ms = 30;
      for (let round = 1; round <= ROUNDS; round++) {
        await oauth.age(one.id);
        const tokens = await Promise.all(Array.from({ length: ASKERS }, () => token(one)));
        assert.equal(new Set(tokens).size, 1, `round ${round}: everybody has the same token`);
        expected[round] = 1;
      }
      tell(t, one, expected);
    } finally {
      strict.ways.delay_ms = 0;
      for (const runner of runners) assert.equal(await runner.end(), 0, runner.log());
    }
  });
});

describe('the runner is killed', () => {
  test('before it has noted that it will spend: nothing was sent', async (t) => {
    const one = await connected(strict);
    const release = await lockGrant(t, one);
    const answer = order(one);
    await someoneWaits();
    await stack.kill('runner');
    await release();
    assert.deepEqual(await journal(one), []);
    await anotherRunner(one);
    assert.equal((await answer).status, 200);
    await token(one);
    tell(t, one, { 1: 1 });
  });

  test('after it has noted that, and before the provider has acted: the token is sent again, and good', async (t) => {
    const one = await connected(strict);
    const release = strict.hold('token-in');
    const answer = order(one);
    await waitFor('the call', () => release.waiting() === 1);
    assert.deepEqual(await journal(one), ['1 unknown']);
    await stack.kill('runner');
    await sleep(100);
    release();
    await anotherRunner(one);
    assert.equal((await answer).status, 200);
    await token(one);
    tell(t, one, { 1: 1 }); // the first call never counted
  });

  for (const [name, room, ending] of [['that takes it again within its grace', () => kind, 'alive'],
    ['that takes no token twice', () => strict, 'broken']]) {
    test(`after the provider has acted, at one ${name}`, async (t) => {
      const one = await connected(room());
      const release = one.room.hold('token');
      const answer = order(one);
      await waitFor('the call', () => release.waiting() === 1);
      await stack.kill('runner');
      release();
      await anotherRunner(one);
      const { status } = await answer;
      if (ending === 'alive') {
        assert.equal(status, 200);
        await token(one);
        tell(t, one, { 1: 2 });
      } else {
        // The provider itself has ended it: told, once, and never sent again.
        assert.ok(status >= 400 && status < 500, String(status));
        assert.equal((await oauth.grant(one.id)).state, 'broken');
        assert.ok((await ask(one)).status >= 400);
        tell(t, one, { 1: 2 });
      }
    });
  }

  test('with the answer in hand, before it is stored', async (t) => {
    const one = await connected(kind);
    const hold = kind.hold('token');
    const answer = order(one);
    await waitFor('the call', () => hold.waiting() === 1);
    const release = await lockGrant(t, one);
    hold();
    await someoneWaits();
    await stack.kill('runner');
    await release();
    assert.equal((await oauth.grant(one.id)).generation, 1);
    await anotherRunner(one);
    assert.equal((await answer).status, 200);
    await token(one);
    tell(t, one, { 1: 2 });
  });

  test('after the answer is stored: nothing is sent again', async (t) => {
    const one = await connected(strict);
    const answer = order(one);
    await waitFor('the new generation', async () => (await oauth.grant(one.id)).generation === 2, { everyMs: 2 });
    await stack.kill('runner');
    await anotherRunner(one);
    assert.equal((await answer).status, 200);
    await token(one);
    tell(t, one, { 1: 1 });
  });
});

describe('a runner that was frozen', () => {
  // Frozen while the provider's answer is on its way.
  async function freeze(one) {
    const hold = one.room.hold('token');
    const answer = order(one);
    await waitFor('the call', () => hold.waiting() === 1);
    const pid = await stack.pid('runner');
    await stack.kill('runner', 'STOP');
    await waitFor('the freeze', () => processState(pid) === 'T');
    hold();
    await leasesEnd(one);
    return { answer };
  }

  test('and wakes when its lease is over stores the answer all the same', async (t) => {
    const one = await connected(strict);
    const { answer } = await freeze(one);
    await stack.kill('runner', 'CONT');
    assert.equal((await answer).status, 200);
    await token(one);
    await oauth.age(one.id);
    await token(one);
    tell(t, one, { 1: 1, 2: 1 });
  });

  test('and wakes when another has done it overwrites nothing', async (t) => {
    const one = await connected(kind);
    const { answer } = await freeze(one);
    const other = startRunner();
    try {
      await waitFor('the other runner', async () => (await oauth.grant(one.id)).generation === 2, { seconds: 40 });
      const newest = await token(one);
      await stack.kill('runner', 'CONT');
      await sleep(1000);
      assert.equal((await answer).status, 200);
      assert.equal(await token(one), newest);
      assert.equal((await oauth.grant(one.id)).generation, 2);
      await oauth.age(one.id);
      await token(one);
      tell(t, one, { 1: 2, 2: 1 });
    } finally {
      await stack.kill('runner', 'CONT');
      assert.equal(await other.end(), 0, other.log());
    }
  });
});

describe('an answer that', () => {
  test('never comes, from a provider with a grace: the token is sent again', async (t) => {
    const one = await connected(kind);
    kind.ways.drop = 1;
    assert.equal((await minutesPass(one, order(one))).status, 200);
    await token(one);
    tell(t, one, { 1: 2 });
  });

  test('never comes, from one without: the loss is told, and nothing is sent for ever', async (t) => {
    const one = await connected(strict);
    strict.ways.drop = 1;
    assert.ok((await minutesPass(one, order(one))).status >= 400);
    assert.equal((await oauth.grant(one.id)).state, 'broken');
    assert.ok((await ask(one)).status >= 400);
    tell(t, one, { 1: 2 });
  });

  test('comes twice counts once', async (t) => {
    const one = await connected(strict);
    strict.ways.duplicate = 1;
    assert.equal((await order(one)).status, 200);
    await token(one);
    await oauth.age(one.id);
    await token(one);
    tell(t, one, { 1: 1, 2: 1 });
  });

  test('is an error of the server, which has not acted, is asked for again', async (t) => {
    const one = await connected(strict);
    strict.ways.refuse = { status: 503, body: '{}' };
    const answer = order(one);
    const calls = strict.calls('token');
    await waitFor('a first call', () => strict.calls('token') > calls);
    strict.ways.refuse = null;
    const { status } = await answer;
    if (status !== 200) await waitFor('the token', async () => (await ask(one)).status === 200, { seconds: 60, everyMs: 500 });
    await token(one);
    tell(t, one, { 1: 1 });
  });

  test('says no, because the person has withdrawn it, opens the item and keeps the connection', async (t) => {
    const one = await connected(strict);
    strict.end(one.user);
    assert.ok((await order(one)).status >= 400);
    assert.equal((await oauth.grant(one.id)).state, 'broken');
    assert.equal((await oauth.call('GET', `/api/v2/connections/${one.id}`)).status, 200);
    await ask(one);
    tell(t, one, { 1: 1 });
  });
});

test('a token that nobody asks for is refreshed ahead of its end, once', async (t) => {
  const one = await connected(strict);
  await stack.mysql(`UPDATE oauth_grant SET refresh_at = UTC_TIMESTAMP(3) WHERE uuid_text(uuid) = '${one.grant}';
    UPDATE oauth_token SET created_at = created_at - INTERVAL 1 HOUR WHERE uuid_text(grant_uuid) = '${one.grant}'`);
  await stack.restart('runner'); // one that starts looks at once, and then every minute
  await waitFor('the new generation', async () => (await oauth.grant(one.id)).generation === 2, { seconds: 70, everyMs: 100 });
  await token(one);
  tell(t, one, { 1: 1 });
});

describe('a provider that is away', () => {
  test('has been sent nothing, and is asked once when it is back', async (t) => {
    const one = await connected(strict);
    await vendor.leave();
    const answer = order(one);
    await waitFor('a first attempt', async () => (await journal(one)).length > 0, { seconds: 20 });
    await vendor.comeBack();
    const { status } = await answer;
    if (status !== 200) await waitFor('the token', async () => (await ask(one)).status === 200, { seconds: 60, everyMs: 500 });
    await token(one);
    tell(t, one, { 1: 1 });
    assert.ok((await journal(one)).every((line) => /not_sent|answered/.test(line)), String(await journal(one)));
  });
});
