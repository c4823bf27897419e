// SPDX-License-Identifier: Apache-2.0
// A database of each older schema version, with all that a version could hold, becomes one of the newest; so does one whose migration broke
// off anywhere. Programs refuse meanwhile. What an older version held is made with the newest and copied as far as its columns go.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { sleep, TOP, waitFor } from '../e2e/harness.mjs';
import { startOauthStack } from '../e2e/oauth_stack.mjs';
import { startOauthVendor } from '../e2e/oauth_vendor.mjs';
import { sealerOf } from '../e2e/seal.mjs';
import { startVendor } from '../e2e/vendor.mjs';
import { multiRequest } from './load.mjs';

const FILES = readdirSync(join(TOP, 'schema')).filter((name) => /^\d{4}_/.test(name)).sort();
const NEWEST = FILES.length;
const READ_BACK = [1, 6, 10, NEWEST - 1]; // versions whose values are opened again
const WITH_OAUTH = 6;

let folder, provider, strict, vendor, oauth, stack, world, made;
before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'bailee-upgrade-'));
  vendor = await startVendor();
  provider = await startOauthVendor();
  strict = provider.room('strict');
  oauth = await startOauthStack([{ connection: strict.connection('strict') }],
    { workers: 4, set: ['common.mail_server=smtp://127.0.0.1:1', 'common.mail_from=bailee@example.org', 'api.wait_default_s=5', 'common.runner_doorbell='] });
  ({ stack, world } = oauth);
  made = await makeEverything();
  await stack.stop('runner');
  await call('POST', `/api/v2/credential-requests/credentials/${made.leftKey}/delete-remote`, undefined, { headers: { prefer: 'respond-async' } });
  for (const part of ['api', 'public']) await stack.stop(part);
  await stack.mysql(`DELETE FROM runner; UPDATE job SET state = 'running', lease_owner = UUID(), lease_until = UTC_TIMESTAMP(3), attempt = 1, fence = 1
    WHERE state = 'queued' ORDER BY id LIMIT 1`);
}, { timeout: 120000 });
after(async () => {
  await oauth?.close();
  await vendor?.close();
  await provider?.close();
  if (folder) rmSync(folder, { recursive: true, force: true });
});

async function call(method, path, body, options) {
  const answer = await stack.api(method, path, body, { token: world.token, ...options });
  assert.ok(answer.status < 300, answer.text);
  return answer.body;
}

// For nobody, as versions before 19 did.
async function sealAsBefore(connection, access) {
  const seal = await sealerOf(stack, world.teamId);
  const { uuid, generation } = await oauth.grant(connection);
  const sealed = (field, text) => `${field}_sealed = UNHEX('${seal('oauth_token', uuid, `${field}:${generation}`, text)}')`;
  await stack.mysql(`UPDATE oauth_token SET bound = FALSE, ${sealed('access', access)}, ${sealed('refresh', strict.grants.at(-1).current)}
    WHERE grant_uuid = UNHEX('${uuid.replaceAll('-', '')}') AND generation = ${generation}`);
}

// Requests in every state, keys, connections, user credentials, a kept answer, letters and jobs.
async function makeEverything() {
  const request = async (name) => {
    const answer = await call('POST', '/api/v2/credential-requests/requests/v2', { name, teamId: world.teamId,
      provider: { newUser: { name: 'Grace Hopper', email: 'grace@example.org' } },
      credentials: [{ appName: 'http', appModules: ['ActionSendDataAPIKeyAuth', 'ActionSendDataBasicAuth'], appVersion: 3 }] }, { headers: { 'idempotency-key': encodeURIComponent(name).slice(0, 64) } });
    const path = `/public/requests/${answer.request.id}`;
    const link = { token: answer.publicUri.split('#')[1], scheme: 'Link', browser: name };
    return { path, link, items: (await stack.api('GET', path, undefined, link)).body.items };
  };
  const fill = async ({ path, link, items }, n) => {
    for (const item of items.slice(0, n)) {
      const fields = item.name === 'apikeyauth' ? { key: 'k-of-old' } : { authUser: 'u', authPass: 'p-of-old' };
      assert.equal((await stack.api('POST', `${path}/items/${item.id}`, { fields }, link)).status, 202);
      await waitFor('the key', async () => (await stack.api('GET', path, undefined, link)).body.items.find(({ id }) => id === item.id).state === 'authorized');
    }
  };
  await request('pending, of 200 characters '.padEnd(200, 'ä'));
  await fill(await request('in part'), 1);
  const whole = await request('authorized');
  await fill(whole, 2);
  const declined = await request('declined');
  for (const { id } of declined.items) await stack.api('POST', `${declined.path}/items/${id}/decline`, {}, declined.link);
  await stack.mysql("UPDATE credential_request SET expires_at = created_at WHERE name = 'declined'");
  await oauth.ask('strict');
  const connection = (await oauth.connect('strict')).id;
  await oauth.age(connection);
  await sealAsBefore(connection, (await oauth.live(connection)).token);
  const folderId = (await call('POST', '/api/v1/folders', { name: 'Folder', team_id: world.teamId, content_type: 'CREDENTIAL' })).id;
  const text = (await call('POST', '/api/v1/user_credentials', { name: 'Text', mode: 'TEXT', team_id: world.teamId, value: 'text-of-old', folder_id: folderId })).id;
  const multi = (await call('POST', '/api/v1/user_credentials', multiRequest(world.teamId, vendor, 'Multi'))).id;
  const cached = (await call('POST', `/api/v1/user_credentials/${multi}/token`)).token;
  return { connection, text, multi, cached, leftKey: whole.items[0].id };
}

// What `mariadb` says; the database is named in the statements or given.
const sql = (text, database = 'mysql') => execFileSync('mariadb', ['--no-defaults', '--default-character-set=utf8mb4', `--socket=${stack.db}`, '-uroot', '-N', '-B', database],
  { input: text, encoding: 'utf8', maxBuffer: 64 << 20 });
const rows = (text, database) => sql(text, database).split('\n').filter(Boolean).map((line) => line.split('\t'));

// A folder with the migrations up to a version.
function schemaUpTo(version) {
  const path = join(folder, `schema-${version}`);
  if (existsSync(path)) return path;
  mkdirSync(path);
  for (const name of FILES.slice(0, version)) cpSync(join(TOP, 'schema', name), join(path, name));
  return path;
}

function configFor(database, version) {
  const path = join(folder, `${database}-${version}.conf`);
  const text = readFileSync(stack.conf, 'utf8').replace(/^db_name = .*$/m, `db_name = ${database}`)
    .replace(/^schema_dir = .*$/m, `schema_dir = ${version === NEWEST ? join(TOP, 'schema') : schemaUpTo(version)}`);
  writeFileSync(path, text, { mode: 0o600 });
  return path;
}
const ctlArgs = (database, version, args) => ['--config', configFor(database, version), ...args];

async function migrate(database, version = NEWEST) {
  const { code, stdout, stderr } = await stack.tryCtl(ctlArgs(database, version, ['migrate']));
  return { code, said: stdout + stderr };
}
async function mustMigrate(database, version) {
  const { code, said } = await migrate(database, version);
  assert.equal(code, 0, said);
}

const columnsOf = (database) => {
  const tables = new Map();
  for (const [table, column] of rows(`SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = '${database}'
    AND is_generated = 'NEVER' AND table_name <> 'schema_version' ORDER BY 1, ordinal_position`))
    tables.set(table, [...tables.get(table) ?? [], column]);
  return tables;
};

// A database as a version would have left it.
async function databaseOf(version, name) {
  sql(`DROP DATABASE IF EXISTS ${name}; CREATE DATABASE ${name} CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;
    GRANT ALL ON ${name}.* TO 'bailee_ctl'@'localhost'`);
  await mustMigrate(name, version);
  fillFrom(name);
}
function fillFrom(name) {
  const newest = columnsOf('bailee');
  let text = 'SET foreign_key_checks = 0;\n';
  for (const [table, columns] of columnsOf(name)) {
    const common = columns.filter((column) => newest.get(table).includes(column)).join(', ');
    text += `DELETE FROM ${table}; INSERT INTO ${table} (${common}) SELECT ${common} FROM bailee.${table};\n`;
  }
  if (!columnsOf(name).has('master_key')) { // it stood among the others, and was not signed
    text += "INSERT INTO install_check (kind, key_id, public_key, proof, created_at) SELECT 'master', key_id, public_key, proof, created_at FROM bailee.master_key;\n";
  }
  sql(text, name);
}

// The lines of tables, keys and procedures; in which order keys were made does not matter.
const shape = (database) => execFileSync('mariadb-dump', ['--no-defaults', `--socket=${stack.db}`, '-uroot', '--no-data', '--routines', '--skip-comments', '--skip-dump-date', database],
  { encoding: 'utf8' }).replace(/ AUTO_INCREMENT=\d+/g, '').split('\n').map((line) => line.replace(/,$/, '')).sort();

// Every row that the version held is there as it was; what migrations work out is as programs of today would have written it.
function holdsAllOf(database, before) {
  const [is, should] = [shape(database), shape('bailee')];
  assert.deepEqual([is.filter((line) => !should.includes(line)), should.filter((line) => !is.includes(line)), is.length], [[], [], should.length], database);
  const made = ['request_name_part', 'master_key'];
  const unsigned = (column) => column !== 'signature';
  for (const [table, columns] of [...before, ...made.map((table) => [table, columnsOf('bailee').get(table).filter(unsigned)])]) {
    const list = columns.map((column) => `\`${column}\``).join(', ');
    const compared = rows(`SELECT COUNT(*) FROM (SELECT ${list} FROM ${database}.${table} EXCEPT SELECT ${list} FROM bailee.${table}) a
      UNION ALL SELECT COUNT(*) FROM (SELECT ${list} FROM bailee.${table} EXCEPT SELECT ${list} FROM ${database}.${table}) b`);
    assert.deepEqual(compared, [['0'], ['0']], `${table} of ${database}`);
  }
}

test('a database of each older version becomes one of the newest, and nothing of it is lost', { timeout: 600000 }, async () => {
  const left = Array.from({ length: NEWEST - 1 }, (_, at) => at + 1);
  const work = async () => {
    for (let version = left.shift(); version; version = left.shift()) {
      const name = `from_${version}`;
      await databaseOf(version, name);
      const before = columnsOf(name);
      await mustMigrate(name);
      holdsAllOf(name, before);
      const doctor = JSON.parse((await stack.tryCtl(ctlArgs(name, NEWEST, ['doctor', '--json']))).stdout);
      assert.deepEqual(doctor.filter(({ result }) => result !== 'ok').map(({ check }) => check).filter((check) => !['runner', 'mail'].includes(check)), [], name);
    }
  };
  await Promise.all([work(), work(), work(), work()]);
});

test('what was sealed under an older version is opened after it', { timeout: 120000 }, async () => {
  for (const version of READ_BACK) {
    const name = `from_${version}`;
    const own = readFileSync(stack.conf, 'utf8');
    sql((await stack.ctl(['accounts'])).replaceAll('bailee.', `${name}.`), name);
    writeFileSync(stack.conf, own.replace(/^db_name = .*$/m, `db_name = ${name}`), { mode: 0o600 });
    try {
      for (const part of ['api', 'runner']) await stack.start(part);
      await waitFor('a runner that is known', async () => (await stack.api('GET', '/readyz')).status === 200);
      assert.equal((await call('POST', `/api/v1/user_credentials/${made.text}/token`)).token, 'text-of-old');
      assert.equal((await call('POST', `/api/v1/user_credentials/${made.multi}/token`)).token, made.cached);
      const list = await call('GET', `/api/v2/credential-requests/requests?teamId=${world.teamId}&name=${encodeURIComponent('authorized')}`);
      assert.equal(list.requests.length, 1);
      if (version >= WITH_OAUTH) {
        // its refresh token is good once, in whatever copy
        if (version === WITH_OAUTH) sql('UPDATE oauth_token SET expires_at = UTC_TIMESTAMP(3) - INTERVAL 1 SECOND', name);
        await call('POST', `/api/v2/connections/${made.connection}/token`);
      }
      await waitFor('the end of the job', () => rows("SELECT COUNT(*) FROM job WHERE kind = 'remote_delete' AND state = 'done'", name)[0][0] === '1');
    } finally {
      for (const part of ['api', 'runner']) await stack.stop(part);
      writeFileSync(stack.conf, own, { mode: 0o600 });
    }
  }
});

// Who comes next need not wait for programs to notice.
const breaksOff = (database, file) => sql(`REPLACE INTO schema_version (version, name) VALUES (0, '${file}')`, database);

// The same rule as in src/store/migrate.c.
const statementsOf = (file) => readFileSync(join(TOP, 'schema', file), 'utf8').split(/;\n(?! |END)/).map((text) => text.replace(/^(\s*(--[^\n]*)?\n)*/, '')).filter(Boolean);

// After each of the first statements, and after every fourth.
test('a migration that broke off between two statements is gone on with', { timeout: 600000 }, async () => {
  const most = Math.max(...FILES.map((file) => statementsOf(file).length));
  const left = Array.from({ length: most }, (_, at) => at + 1).filter((cut) => cut <= 4 || cut % 4 === 0);
  const work = async () => {
    for (let cut = left.shift(); cut; cut = left.shift()) {
      const name = `cut_${cut}`;
      await databaseOf(1, name);
      const before = columnsOf(name);
      for (let version = 2; version <= NEWEST; version++) {
        const statements = statementsOf(FILES[version - 1]);
        if (cut <= statements.length) {
          breaksOff(name, 'another');
          await mustMigrate(name, version - 1);
          breaksOff(name, FILES[version - 1]);
          const cutOff = await stack.mysqlAs('ctl', `USE ${name};\nDELIMITER $$$\n${statements.slice(0, cut).map((text) => `${text}\n$$$\n`).join('')}`);
          assert.equal(cutOff.code, 0, cutOff.stderr);
        }
        if (version === NEWEST || cut <= statements.length) await mustMigrate(name, version);
      }
      holdsAllOf(name, before);
    }
  };
  await Promise.all([work(), work(), work(), work()]);
});

test('baileectl or the database killed in the middle of a migration, which is then repeated', { timeout: 120000 }, async () => {
  for (const [version, ms] of [[1, 3300], [6, 3500], [10, 3700]]) {
    const name = `killed_${version}`;
    await databaseOf(version, name);
    const before = columnsOf(name);
    const child = spawn(join(stack.build, 'baileectl'), ctlArgs(name, NEWEST, ['migrate']), { stdio: 'ignore' });
    const ended = new Promise((resolve) => { child.on('exit', (code, signal) => resolve(code ?? signal)); });
    await sleep(ms);
    if (version === 6) {
      await stack.kill('db');
      await waitFor('the end of the database', async () => !await stack.pid('db'));
      await stack.start('db');
      assert.notEqual(await ended, null);
    } else {
      child.kill('SIGKILL');
      await ended;
    }
    await waitFor('an idle database', () => rows(`SELECT COUNT(*) FROM information_schema.processlist WHERE db = '${name}'`)[0][0] === '0');
    await mustMigrate(name);
    holdsAllOf(name, before);
  }
});

test('a migration does not begin while a runner is at work, and tables of others are not taken for ours', { timeout: 60000 }, async () => {
  await databaseOf(NEWEST - 1, 'busy');
  sql("INSERT INTO runner (id, host, pid, started_at, seen_at) VALUES (UUID(), 'here', 1, UTC_TIMESTAMP(3), UTC_TIMESTAMP(3))", 'busy');
  const busy = await migrate('busy');
  assert.equal(busy.code, 1);
  assert.match(busy.said, /a runner is at work; stop all programs/);
  assert.deepEqual(rows('SELECT MIN(version), MAX(version) FROM schema_version', 'busy'), [['1', String(NEWEST - 1)]]);
  sql("CREATE DATABASE others; GRANT ALL ON others.* TO 'bailee_ctl'@'localhost'; CREATE TABLE others.person (id INT PRIMARY KEY)");
  const others = await migrate('others');
  assert.equal(others.code, 1);
  assert.match(others.said, /there already/);
});

test('programs that run on refuse as soon as a migration is at work', { timeout: 60000 }, async () => {
  for (const part of ['api', 'public', 'runner']) await stack.start(part);
  await waitFor('the runner', async () => (await stack.mysql('SELECT COUNT(*) FROM runner'))[0][0] !== '0');
  await call('POST', `/api/v1/user_credentials/${made.text}/token`);
  await stack.mysql("INSERT INTO schema_version (version, name) VALUES (0, 'a migration')");
  await sleep(3000);
  const refused = await stack.api('POST', `/api/v1/user_credentials/${made.text}/token`, undefined, { token: world.token });
  assert.equal(refused.status, 503, refused.text);
  assert.match(refused.headers['retry-after'], /^\d+$/);
  assert.equal((await stack.api('GET', '/public/requests/2f1c0d3e-0000-4000-8000-000000000001', undefined, { token: 'A'.repeat(43), scheme: 'Link' })).status, 503);
  await waitFor('the end of the runner', async () => !await stack.pid('runner'));
  assert.match(stack.logs('runner'), /schema_changed/);
  assert.equal((await stack.tryProgram('bailee-runner', [])).code, 78);
  await stack.mysql('DELETE FROM schema_version WHERE version = 0');
  assert.equal((await stack.api('POST', `/api/v1/user_credentials/${made.text}/token`, undefined, { token: world.token })).status, 200);
});
