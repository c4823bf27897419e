// SPDX-License-Identifier: Apache-2.0
// A team's key is rotated while its values are read and written, and while the runner is killed: nothing fails, nothing is lost.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { sleep, startStack, waitFor } from '../e2e/harness.mjs';
import { sealerOf } from '../e2e/seal.mjs';
import { startVendor } from '../e2e/vendor.mjs';
import { multiRequest } from './load.mjs';

const MANY = 1500; // values more than fit in a slice of the runner's time

let stack, vendor, world;
before(async () => {
  stack = await startStack({ workers: 4, set: ['runner.runner_lease_s=5'] });
  vendor = await startVendor();
  world = await stack.world();
});
after(async () => {
  await vendor?.close();
  await stack?.close();
});

const api = (method, path, body, options = {}) => stack.api(method, path, body, { token: world.token, ...options });
const created = async (path, body) => {
  const made = await api('POST', path, body);
  assert.ok([200, 201].includes(made.status), made.text);
  return made.body;
};
const textCredential = async (name, value) => (await created('/api/v1/user_credentials', { name, mode: 'TEXT', team_id: world.teamId, value })).id;
const valueOf = async (id) => {
  const answer = await api('POST', `/api/v1/user_credentials/${id}/token`);
  assert.equal(answer.status, 200, answer.text);
  return answer.body.token;
};
const rotate = (team = world.teamId) => stack.ctl(['keys', 'rotate', 'team', '--team', String(team), '--json']);
const status = (team = world.teamId) => stack.ctl(['keys', 'status', '--team', String(team), '--json']);
const jobs = () => stack.mysql("SELECT state, COALESCE(error, '') FROM job WHERE kind = 'keys_reseal' ORDER BY id");
// A minute is over.
async function retired(team, generation) {
  await stack.mysql(`UPDATE team_key SET created_at = created_at - INTERVAL 2 MINUTE WHERE team_id = ${team};
    UPDATE job SET run_at = UTC_TIMESTAMP(3) WHERE kind = 'keys_reseal' AND state = 'queued'`);
  await waitFor('the end of the old key', async () => (await status(team)).every((key) => key.generation >= generation), { seconds: 40 });
}

// Reads and writes without a pause, until told to stop; says what went wrong, and how much was done.
function load(values) {
  const wrong = [];
  let [over, done] = [false, 0];
  const worker = async (write) => {
    while (!over) {
      const ids = [...values.keys()];
      const id = ids[Math.floor(Math.random() * ids.length)];
      try {
        if (write) {
          const value = randomUUID();
          values.set(await textCredential(`new ${value}`, value), value);
          await sleep(20);
        } else {
          assert.equal(await valueOf(id), values.get(id));
        }
        done += 1;
      } catch (error) {
        wrong.push(error.message);
      }
    }
  };
  const workers = [worker(false), worker(false), worker(true)];
  return async () => {
    over = true;
    await Promise.all(workers);
    return { wrong, done };
  };
}

test('under load and with a runner that is killed in the midst, no read fails and every value is the same', async () => {
  const values = new Map();
  for (let i = 0; i < 10; i++) values.set(await textCredential(`text ${i}`, `secret ${i}`), `secret ${i}`);
  const fetched = (await created('/api/v1/user_credentials', multiRequest(world.teamId, vendor, 'vendor'))).id;
  const token = await valueOf(fetched);
  const answerOf = () => api('POST', `/api/v2/keys`, { teamId: world.teamId, name: 'once', typeName: 'apikeyauth', parameters: { key: 'k', placement: 'header', name: 'X' } },
    { headers: { 'idempotency-key': '"one"' } });
  const first = await answerOf();
  const seal = await sealerOf(stack, world.teamId);
  const rows = Array.from({ length: MANY }, (_, i) => [randomUUID(), i]).map(([uuid, i]) =>
    `(UNHEX('${uuid.replaceAll('-', '')}'), ${world.teamId}, 'many ${i}', 'apikeyauth', UNHEX('${seal('keychain', uuid, 'parameters', '{"key":"k"}')}'), NOW(3), NOW(3))`);
  await stack.mysql(`INSERT INTO keychain (uuid, team_id, name, type_name, parameters_sealed, created_at, updated_at) VALUES ${rows.join(',')}`);
  const [[publicKey]] = await stack.mysql(`SELECT HEX(public_key) FROM team_key WHERE team_id = ${world.teamId}`);

  const stop = load(values);
  await sleep(300);
  assert.deepEqual(await rotate(), { teamId: world.teamId, generation: 2, next: 'new values use it from now on; a job moves the old ones: baileectl keys status' });
  const left = async () => Number((await stack.mysql(`SELECT COUNT(*) FROM keychain WHERE team_id = ${world.teamId} AND key_generation = 1`))[0][0]);
  await waitFor('some values moved', async () => (await left()) < MANY, { everyMs: 5 });
  await stack.kill('runner');
  const then = await left();
  assert.ok(then > 0 && then < MANY, `${then} left when the runner was killed`);
  const [old, current] = await status();
  assert.deepEqual([old.generation, old.state, current.generation, current.state], [1, 'old', 2, 'current']);
  assert.ok(old.values >= then && current.values > 0);
  assert.match((await stack.api('GET', '/metrics')).text, /^bailee_team_keys_old 1$/m);
  await stack.start('runner');
  await waitFor('all values moved', async () => (await status()).find(({ generation }) => generation === 1)?.values === 0, { seconds: 60 });
  await retired(world.teamId, 2);
  const { wrong, done } = await stop();
  assert.deepEqual(wrong, []);
  assert.ok(done > 20, `${done} calls`);

  for (const [id, value] of values) assert.equal(await valueOf(id), value);
  const before = vendor.hits('/token');
  assert.deepEqual([await valueOf(fetched), vendor.hits('/token')], [token, before], 'the token from before is still there');
  const again = await answerOf();
  assert.deepEqual([again.status, again.text], [first.status, first.text], 'the answer from before is still there');
  assert.deepEqual((await jobs()).map(([state]) => state), ['done']);
  assert.match((await stack.api('GET', '/metrics')).text, /^bailee_team_keys_old 0$/m);
  assert.equal((await stack.mysql(`SELECT HEX(public_key) FROM team_key WHERE HEX(public_key) = '${publicKey}'`)).length, 0);
  const events = (await stack.mysql("SELECT event, subject FROM audit WHERE event LIKE 'keys.%' OR event = 'integrity.error' ORDER BY id")).map((row) => row.join(' '));
  assert.deepEqual(events, [`keys.rotate ${world.teamId}`, `keys.retire ${world.teamId}:1`, `keys.reseal ${world.teamId}`]);
});

test('two rotations at once make two generations, and one of them stays', async () => {
  const [{ generation }] = (await status()).slice(-1);
  const both = await Promise.all([rotate(), rotate()]);
  assert.deepEqual(both.map((each) => each.generation).sort(), [generation + 1, generation + 2]);
  await waitFor('all values moved', async () => (await status()).every((key) => key.current || key.values === 0), { seconds: 60 });
  await retired(world.teamId, generation + 2);
});

test('the runner can delete no key that a value needs, and change none', async () => {
  for (const [sql, wanted] of [
    ['DELETE FROM team_key', /foreign key constraint/],
    ['UPDATE team_key SET generation = 9', /denied/],
    ['UPDATE team_key SET public_key = REPEAT("x", 32)', /denied/],
    ['UPDATE team SET key_generation = 1', /denied/],
    ['INSERT INTO team_key (team_id, generation) VALUES (1, 9)', /denied/],
    ['UPDATE oauth_token SET generation = 9', /denied/],
    ['UPDATE user_credential SET allowed_hosts = "[]"', /denied/],
  ]) {
    const { code, stderr } = await stack.mysqlAs('runner', sql);
    assert.notEqual(code, 0, sql);
    assert.match(stderr, wanted, sql);
  }
});

test('what cannot be rotated is refused', async () => {
  for (const [args, wanted, code] of [
    [['keys', 'rotate', 'team', '--team', '4711'], /no such team/, 1],
    [['keys', 'rotate', 'team'], /--team is missing/, 2],
    [['keys', 'rotate', 'castle', '--team', '1'], /say which keys/, 2],
    [['keys', 'rotate'], /WHAT is missing/, 2],
  ]) {
    const said = await stack.tryCtl(args);
    assert.equal(said.code, code, said.stderr);
    assert.match(said.stderr, wanted);
  }
});
