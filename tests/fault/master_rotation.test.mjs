// SPDX-License-Identifier: Apache-2.0
// The master key is replaced while values are read, written and entered on the page, and while baileectl is killed: nothing fails, nothing is
// lost. The pools have copies of the key file, as hosts have.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { chmodSync, copyFileSync, existsSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { sleep, startStack, waitFor } from '../e2e/harness.mjs';
import { startVendor } from '../e2e/vendor.mjs';
import { multiRequest, workersOf } from './load.mjs';

const COPIES = ['api', 'runner'];
const EXIT_CONFIG = 78;

let stack, vendor, world;
before(async () => {
  stack = await startStack({ workers: 3, set: ['runner.runner_lease_s=5'] });
  vendor = await startVendor();
  world = await stack.world();
  for (const section of COPIES) {
    copyKey(section);
    const [head, tail] = readFileSync(stack.conf, 'utf8').split(`[${section}]\n`);
    writeFileSync(stack.conf, `${head}[${section}]\n${tail.replace(/^master_key_file = .*$/m, `master_key_file = ${copyOf(section)}`)}`);
    await stack.restart(section);
  }
});
after(async () => {
  await vendor?.close();
  await stack?.close();
});

const key = (name) => join(stack.dir, 'keys', name);
const copyOf = (section) => key(`master-of-${section}.key`);
function copyKey(section, from = key('master.key')) {
  rmSync(copyOf(section), { force: true });
  copyFileSync(from, copyOf(section));
  chmodSync(copyOf(section), 0o400);
}
const lines = (path) => readFileSync(path, 'utf8').split('\n').length - 1;

const api = (method, path, body, options = {}) => stack.api(method, path, body, { token: world.token, ...options });
const created = async (path, body) => {
  const made = await api('POST', path, body);
  assert.ok([200, 201].includes(made.status), made.text);
  return made.body;
};
const textCredential = async (name, value, team = world.teamId) => (await created('/api/v1/user_credentials', { name, mode: 'TEXT', team_id: team, value })).id;
const valueOf = async (id) => {
  const answer = await api('POST', `/api/v1/user_credentials/${id}/token`);
  assert.equal(answer.status, 200, answer.text);
  return answer.body.token;
};
// A form of the page, from asking to the key that was made.
async function enterKey() {
  const name = randomUUID();
  const answer = await created('/api/v2/credential-requests/requests/v2', { name, teamId: world.teamId,
    provider: { newUser: { name: 'Grace Hopper', email: 'grace@example.org' } },
    credentials: [{ appName: 'http', appModules: ['ActionSendDataAPIKeyAuth'], appVersion: 3 }] });
  const path = `/public/requests/${answer.request.id}`;
  const link = { token: answer.publicUri.split('#')[1], scheme: 'Link', browser: name };
  const { items: [item] } = (await stack.api('GET', path, undefined, link)).body;
  const sent = await stack.api('POST', `${path}/items/${item.id}`, { fields: { key: name } }, link);
  assert.equal(sent.status, 202, sent.text);
  await waitFor('the key', async () => (await stack.api('GET', path, undefined, link)).body.items[0].state === 'authorized', { everyMs: 50 });
}

const master = (...step) => stack.ctl(['keys', 'rotate', 'master', ...step, '--json']);
const tryMaster = (...step) => stack.tryCtl(['keys', 'rotate', 'master', ...step]);
const masters = async () => (await stack.ctl(['keys', 'status', '--json'])).filter(({ kind }) => kind === 'master');
const holders = () => stack.ctl(['keys', 'holders', '--json']);
const events = async () => (await stack.mysql("SELECT event, subject FROM audit WHERE event LIKE 'keys.%' OR event = 'integrity.error' ORDER BY id")).map((row) => row.join(' '));
async function reloadApi() {
  const old = await workersOf(stack, 'api');
  await stack.kill('api', 'HUP');
  await waitFor('other workers', async () => {
    const now = await workersOf(stack, 'api');
    return now.length === 3 && !now.some((pid) => old.includes(pid));
  });
}
const everywhere = async () => {
  for (const section of COPIES) copyKey(section);
  await reloadApi();
  await stack.restart('runner');
};

// Without a pause, until told to stop; says what went wrong, and how much was done.
function load(values, cached) {
  const wrong = [];
  let over = false;
  const done = { read: 0, written: 0, entered: 0, fetched: 0 };
  const worker = async (what, act) => {
    while (!over) {
      try {
        await act();
        done[what] += 1;
      } catch (error) {
        wrong.push(`${what}: ${error.message}`);
      }
    }
  };
  const read = async () => {
    const [id, value] = [...values][Math.floor(Math.random() * values.size)];
    assert.equal(await valueOf(id), value);
  };
  const write = async () => {
    const value = randomUUID();
    values.set(await textCredential(`new ${value}`, value), value);
    await sleep(20);
  };
  const workers = [worker('read', read), worker('read', read), worker('written', write), worker('entered', enterKey),
    worker('fetched', async () => assert.ok(await valueOf(cached)))];
  return async () => {
    over = true;
    await Promise.all(workers);
    return { wrong, done };
  };
}

test('under load, with a killed baileectl and from begin to end, no call fails and every value is the same', async () => {
  const values = new Map();
  for (let i = 0; i < 10; i++) values.set(await textCredential(`text ${i}`, `secret ${i}`), `secret ${i}`);
  const cached = (await created('/api/v1/user_credentials', multiRequest(world.teamId, vendor, 'vendor', { ttl: 1 }))).id;
  for (let i = 0; i < 5; i++) await stack.addTeam(`Team ${i}`, world.organizationId);
  await stack.ctl(['app', 'set-client', '--app', 'github', '--type', 'github', '--client-id', 'abc', '--client-secret-file', '-'], { input: 'client-secret-CANARY\n' });
  const [{ keyId: first, values: needed }] = await masters();
  assert.equal(needed, 7);
  const original = readFileSync(key('master.key'), 'utf8');

  const stop = load(values, cached);
  await sleep(300);
  const begun = await master('--begin');
  assert.equal(begun.current, first);
  const next = begun.nextKey;
  assert.deepEqual(await master('--begin'), begun, 'begun again it is the same');
  assert.deepEqual([lines(key('master.key')), statSync(key('master.key')).mode & 0o777], [2, 0o400]);
  assert.ok(readFileSync(key('master.key'), 'utf8').startsWith(original));

  // nobody has it; then the pool has, and the runner has not
  const early = await tryMaster('--finish');
  assert.equal(early.code, 1);
  assert.match(early.stderr, new RegExp(`4 of 4 processes do not hold master key ${next} yet: bailee-api \\d+ on .*master_key_file`));
  copyKey('api');
  await reloadApi();
  assert.match((await tryMaster('--finish')).stderr, /1 of 4 processes do not hold .* yet: bailee-runner \d+ on /);
  assert.deepEqual((await holders()).map(({ program, holdsNext }) => `${program} ${holdsNext}`).sort(), ['bailee-api true', 'bailee-api true', 'bailee-api true', 'bailee-runner false']);
  assert.deepEqual((await masters()).map(({ keyId, state, current, resealing }) => [keyId, state, current, resealing]),
    [[first, 'current', true, null], [next, 'next', false, '1 of 4 processes do not hold it yet']]);
  copyKey('runner');
  await stack.restart('runner');

  // killed in the midst: one row is held so that it waits there
  const held = stack.mysql(`BEGIN; SELECT team_id FROM team_key WHERE team_id = 3 FOR UPDATE; SELECT SLEEP(8); ROLLBACK`).catch(() => {});
  await sleep(200);
  const killed = spawn(join(stack.build, 'baileectl'), ['--config', stack.conf, 'keys', 'rotate', 'master', '--finish'], { stdio: 'ignore' });
  await waitFor('some rows moved', async () => (await masters()).find(({ keyId }) => keyId === next).values > 0);
  assert.match((await tryMaster('--finish')).stderr, /another baileectl is at the master key/);
  const ended = new Promise((resolve) => { killed.once('exit', resolve); });
  killed.kill('SIGKILL');
  await ended;
  const [old, current] = await masters();
  assert.deepEqual([old.keyId, old.state, current.keyId, current.state], [first, 'old', next, 'current']);
  assert.ok(old.values > 0 && current.values > 0, JSON.stringify([old, current]));
  await stack.addTeam('Made in the midst', world.organizationId);
  await held;
  await waitFor('the server lets go of what was killed', async () => !/another baileectl/.test((await tryMaster('--cancel')).stderr), { everyMs: 200 });
  assert.match((await tryMaster('--cancel')).stderr, /is in use by now/);
  assert.match((await tryMaster('--begin')).stderr, /not at its end; run --finish/);

  const finished = await stack.tryCtl(['keys', 'rotate', 'master', '--finish', '--json']);
  assert.equal(finished.code, 0, finished.stderr);
  assert.match(finished.stderr, /^sealed again: (\d+) of \1$/m);
  const said = JSON.parse(finished.stdout);
  assert.deepEqual([said.current, said.retired, said.oldKeyFile], [next, first, key(`master-${first}.key`)]);
  assert.deepEqual((await masters()).map(({ keyId, state, values: n }) => [keyId, state, n]), [[next, 'current', needed + 1]]);
  assert.equal(readFileSync(said.oldKeyFile, 'utf8'), original, 'the old key is kept as it was');
  assert.deepEqual([lines(key('master.key')), (await master('--finish')).sealedAgain], [1, 0]);

  await everywhere();
  const { wrong, done } = await stop();
  assert.deepEqual(wrong, []);
  assert.ok(done.read > 20 && done.written > 5 && done.entered > 3 && done.fetched > 3, JSON.stringify(done));
  renameSync(said.oldKeyFile, join(stack.dir, 'away'));
  for (const part of ['api', 'runner']) await stack.restart(part);
  for (const [id, value] of values) assert.equal(await valueOf(id), value);
  await enterKey();
  assert.deepEqual(await events(), [`keys.announce master:${next}`, `keys.rotate master:${next}`, `keys.retire master:${first}`]);
  for (const secret of [original, readFileSync(key('master.key'), 'utf8')].map((text) => text.trim().split(':')[1])) {
    const places = (await stack.findSecret(secret)).filter((place) => place !== 'away');
    assert.deepEqual(places, []);
  }
});

test('what has the old key alone exits, naming the key it lacks', async () => {
  await stack.stop('api');
  for (const [section, program, args] of [['api', 'bailee-fcgi', ['--pool=api']], ['runner', 'bailee-runner', []]]) {
    const [{ keyId }] = await masters();
    copyKey(section, join(stack.dir, 'away'));
    const { code, stderr, stdout } = await stack.tryProgram(program, args, { ms: 20000 });
    copyKey(section);
    assert.equal(code, EXIT_CONFIG, stderr + stdout);
    assert.match(stderr + stdout, new RegExp(`master key: the database belongs to key id ${keyId}, the key file holds [0-9a-f]{16}`));
  }
  await stack.start('api');
});

test('a rotation that was begun can be called off, from a file that others have changed as well', async () => {
  const [{ keyId }] = await masters();
  const { nextKey } = await master('--begin');
  const both = readFileSync(key('master.key'));
  const alone = join(stack.dir, 'alone');
  writeFileSync(alone, both.toString().split('\n')[0], { mode: 0o400 });
  // another host's baileectl, which has not been given the file
  const conf = join(stack.dir, 'elsewhere.conf');
  writeFileSync(conf, readFileSync(stack.conf, 'utf8').replaceAll(`= ${key('master.key')}`, `= ${alone}`));
  const elsewhere = (step) => stack.tryCtl(['--config', conf, 'keys', 'rotate', 'master', step]);
  assert.match((await elsewhere('--begin')).stderr, new RegExp(`a rotation to master key ${nextKey} was begun, and it is not in`));
  assert.match((await elsewhere('--finish')).stderr, /is not in the key file here|do not hold/);
  assert.equal(readFileSync(alone, 'utf8'), both.toString().split('\n')[0]);
  await stack.addTeam('Made with a key announced', world.organizationId);
  assert.equal((await master('--cancel')).current, keyId);
  assert.deepEqual((await masters()).map((row) => [row.keyId, row.state]), [[keyId, 'current']]);
  assert.deepEqual([lines(key('master.key')), existsSync(key(`master-${nextKey}.key`))], [1, true]);
  assert.match((await tryMaster('--cancel')).stderr, /no rotation of the master key is under way/);
  // and a begin that was killed before it said so goes on with the key it had made
  rmSync(key('master.key'));
  writeFileSync(key('master.key'), both, { mode: 0o400 });
  assert.match((await tryMaster('--finish')).stderr, /holds a key that was not announced/);
  assert.equal((await master('--begin')).nextKey, nextKey);
  await everywhere();
  assert.equal((await master('--finish')).retired, keyId);
});

test('a key that the installation has not signed stops every program, and is sealed to by none', async () => {
  await stack.mysql(`INSERT INTO master_key (key_id, mark, generation, state, public_key, proof, signature)
    SELECT REPEAT('a', 16), 5, 99, 'next', REPEAT('x', 32), proof, signature FROM master_key LIMIT 1`);
  await stack.stop('api');
  try {
    for (const [program, args] of [['bailee-fcgi', ['--pool=api']], ['bailee-runner', []]]) {
      const { code, stderr, stdout } = await stack.tryProgram(program, args, { ms: 20000 });
      assert.equal(code, EXIT_CONFIG);
      assert.match(stderr + stdout, /master key a{16} in the database is not signed by this installation/);
    }
    assert.match((await tryMaster('--finish')).stderr, /is not signed by this installation/);
    assert.match((await stack.tryCtl(['team', 'add', '--organization', '1', '--name', 'No'])).stderr, /is not signed/);
  } finally {
    await stack.mysql("DELETE FROM master_key WHERE generation = 99");
    await stack.start('api');
  }
});

test('the pools can change no master key, and the database keeps one that a value needs', async () => {
  for (const account of ['api', 'runner']) {
    for (const sql of ['DELETE FROM master_key', "UPDATE master_key SET state = 'old'", 'INSERT INTO master_key () VALUES ()', 'UPDATE team_key SET master_key_id = 1']) {
      const { code, stderr } = await stack.mysqlAs(account, sql);
      assert.notEqual(code, 0, sql);
      assert.match(stderr, /denied/, sql);
    }
  }
  await assert.rejects(stack.mysql('DELETE FROM master_key'), /foreign key constraint/);
});

test('a value that does not open keeps the old key, and the rotation ends when it is put right', async () => {
  await master('--begin');
  await everywhere();
  const [[was]] = await stack.mysql("SELECT HEX(secret_sealed) FROM app_client WHERE secret_sealed IS NOT NULL");
  const [[team]] = await stack.mysql('SELECT HEX(private_sealed) FROM team_key WHERE team_id = 2');
  await stack.mysql(`UPDATE app_client SET secret_sealed = UNHEX('${was.slice(0, -2)}00') WHERE secret_sealed IS NOT NULL;
    UPDATE team_key SET private_sealed = UNHEX('${team.slice(0, -2)}00') WHERE team_id = 2`);
  const refused = await tryMaster('--finish');
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /2 values do not open with master key [0-9a-f]{16}, first of all team_key 2:1; it stays in use/);
  assert.deepEqual((await masters()).map(({ state, values }) => [state, values > 2 ? 'many' : values]), [['old', 2], ['current', 'many']]);
  await stack.mysql(`UPDATE app_client SET secret_sealed = UNHEX('${was}') WHERE secret_sealed IS NOT NULL;
    UPDATE team_key SET private_sealed = UNHEX('${team}') WHERE team_id = 2`);
  assert.equal((await master('--finish')).sealedAgain, 2);
  assert.equal((await masters()).length, 1);
  const damage = (await events()).filter((event) => event.startsWith('integrity')).map((event) => event.replace(/[0-9a-f-]{36}$/, 'UUID'));
  assert.deepEqual(damage.sort(), ['integrity.error app_client:UUID', 'integrity.error team_key:2:1']);
});

test('a team whose keys were destroyed does not hold a rotation up', async () => {
  const team = await stack.addTeam('To be destroyed', world.organizationId);
  await stack.ctl(['keys', 'destroy', 'team', '--team', String(team), '--confirm', 'To be destroyed']);
  await master('--begin');
  await everywhere();
  await master('--finish');
  assert.equal((await masters()).length, 1);
});

test('what cannot be done is refused', async () => {
  for (const step of [[], ['--begin', '--finish'], ['--begin', '--team', '1']]) {
    const said = await tryMaster(...step);
    assert.equal(said.code, 2, said.stderr);
    assert.match(said.stderr, /--begin, --finish or --cancel/);
  }
  assert.deepEqual(readdirSync(join(stack.dir, 'keys')).filter((name) => name.endsWith('.new')), []);
});
