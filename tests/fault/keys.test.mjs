// SPDX-License-Identifier: Apache-2.0
// Wrong, missing, open and mixed-up key files, a wrong schema, a wrong configuration: nothing starts, and it says why.
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { chmodSync, copyFileSync, mkdtempSync, readFileSync, readdirSync, readlinkSync, renameSync, rmSync, writeFileSync }
  from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startStack, waitFor } from '../e2e/harness.mjs';
import { workersOf } from './load.mjs';

const EXIT_CONFIG = 78;
const API = { program: 'bailee-fcgi', args: ['--pool=api'], section: 'api' };
const PUBLIC = { program: 'bailee-fcgi', args: ['--pool=public'], section: 'public' };
const RUNNER = { program: 'bailee-runner', args: [], section: 'runner' };
const CTL = { program: 'baileectl', args: ['org', 'add', '--name', 'Nothing'], section: 'ctl' };

let stack, other, dump, files;
before(async () => {
  stack = await startStack();
  await stack.world();
  for (const part of ['api', 'public', 'runner', 'nginx']) await stack.stop(part);
  // Keys of another installation, made by the same program.
  const dir = mkdtempSync(join(tmpdir(), 'bailee-keys-'));
  const conf = readFileSync(stack.conf, 'utf8').replaceAll(join(stack.dir, 'keys'), dir);
  for (const account of ['public', 'api', 'runner', 'ctl'])
    copyFileSync(join(stack.dir, 'keys', `db-${account}.password`), join(dir, `db-${account}.password`));
  writeFileSync(join(dir, 'bailee.conf'), conf.replace('db_name = bailee', 'db_name = bailee_other'));
  await stack.mysql("CREATE DATABASE bailee_other; GRANT ALL ON bailee_other.* TO 'bailee_ctl'@'localhost';");
  await stack.ctl(['init', '--config', join(dir, 'bailee.conf')]);
  other = (name) => join(dir, name);
  dump = await contents();
  files = readdirSync(join(stack.dir, 'keys'));
});
afterEach(async () => {
  if (!dump) return;
  assert.equal(await contents(), dump, 'the database was changed');
  assert.deepEqual(readdirSync(join(stack.dir, 'keys')), files, 'a file was made');
});
after(async () => {
  if (other) rmSync(other(''), { recursive: true, force: true });
  await stack?.close();
});

const key = (name) => join(stack.dir, 'keys', name);

// All rows and columns of Bailee's database.
async function contents() {
  const tables = (await stack.mysql(`SELECT table_name FROM information_schema.tables WHERE table_schema = 'bailee'`)).flat();
  const sums = await stack.mysql(tables.map((table) => `CHECKSUM TABLE ${table};`).join('\n'));
  return JSON.stringify(sums);
}

// Starts a program with a changed configuration; it must refuse. That the database stays as it is is seen to after each test.
async function refused(what, wanted, { text = (conf) => conf, env } = {}) {
  const conf = join(stack.dir, 'refused.conf');
  writeFileSync(conf, text(readFileSync(stack.conf, 'utf8')));
  const args = what === CTL ? [...what.args, '--config', conf] : ['--config', conf, ...what.args];
  const result = await stack.tryProgram(what.program, args, { env, ms: 20000 });
  const said = result.stderr + result.stdout;
  assert.equal(result.code, what === CTL ? 1 : EXIT_CONFIG, `${what.section}: ended with ${result.code}: ${said}`);
  for (const pattern of [wanted].flat()) assert.match(said, pattern, what.section);
  assert.doesNotMatch(said, /Sanitizer|runtime error/);
}

// An option of one section set to another value.
const option = (what, name, value) => (conf) => {
  const [head, tail] = conf.split(`[${what.section}]\n`);
  const next = tail.search(/^\[/m);
  const section = next < 0 ? tail : tail.slice(0, next);
  return `${head}[${what.section}]\n${section.replace(new RegExp(`^${name} = .*\n`, 'm'), '')}${name} = ${value}\n${next < 0 ? '' : tail.slice(next)}`;
};

const PRIVATE_KEYS = [[API, 'master_key_file', 'master'], [API, 'token_key_file', 'token'], [RUNNER, 'master_key_file', 'master'],
  [CTL, 'master_key_file', 'master'], [CTL, 'signing_key_file', 'signing'], [CTL, 'token_key_file', 'token']];

for (const [what, name, kind] of PRIVATE_KEYS) {
  test(`${what.section} refuses a ${kind} key file that is missing, empty, broken or open to others`, async () => {
    const copy = join(stack.dir, `${kind}.copy`);
    const broken = async (make, wanted) => {
      rmSync(copy, { force: true });
      make();
      await refused(what, wanted, { text: option(what, name, copy) });
    };
    const good = readFileSync(key(`${kind}.key`), 'utf8');
    const file = (text, mode = 0o400) => () => writeFileSync(copy, text, { mode });
    await broken(() => {}, [new RegExp(`${kind} key`), /No such file/, new RegExp(copy)]);
    await broken(file(''), [new RegExp(`${kind} key file`), new RegExp(copy)]);
    await broken(file(good.slice(0, -6)), new RegExp(`${kind} key file: not one line`));
    await broken(file(`${good}${good}`), new RegExp(`${kind} key file: ${kind === 'master' ? 'key id [0-9a-f]{16} stands twice' : 'not one line'}`));
    await broken(file('x'.repeat(100000)), new RegExp(`${kind} key file`));
    for (const mode of [0o404, 0o640]) {
      await broken(() => { writeFileSync(copy, good); chmodSync(copy, mode); },
        [new RegExp(`${kind} key file: mode 0${mode.toString(8)}`), /chmod 0400/]);
    }
    await refused(what, [new RegExp(`${kind} key file`), /not a regular file/], { text: option(what, name, stack.dir) });
  });

  test(`${what.section} refuses a key of another kind in place of its ${kind} key`, async () => {
    for (const wrong of ['master', 'token', 'signing'].filter((name_) => name_ !== kind))
      await refused(what, [new RegExp(`${kind} key file: this is the ${wrong} key`), new RegExp(`${wrong}\\.key`)],
        { text: option(what, name, key(`${wrong}.key`)) });
  });

  test(`${what.section} refuses the ${kind} key of another installation and names both key ids`, async () => {
    await refused(what, kind === 'signing' ? /signing-public key file: not the public half of signing key [0-9a-f]{16}/
      : new RegExp(`${kind} key: the database belongs to key id [0-9a-f]{16}, the key file holds [0-9a-f]{16}`),
    { text: option(what, name, other(`${kind}.key`)) });
  });
}

for (const what of [API, PUBLIC, RUNNER, CTL]) {
  test(`${what.section} refuses a signing-public key that is missing, changeable by others or another installation's`, async () => {
    const replaced = (path) => (conf) => conf.replace(/^signing_public_file = .*$/m, `signing_public_file = ${path}`);
    const copy = join(stack.dir, 'public.copy');
    await refused(what, [/signing-public key/, /No such file/], { text: replaced(join(stack.dir, 'none.key')) });
    writeFileSync(copy, readFileSync(key('signing-public.key')));
    chmodSync(copy, 0o646);
    await refused(what, /signing-public key file: mode 0646/, { text: replaced(copy) });
    rmSync(copy);
    await refused(what, what === CTL ? /signing-public key file: not the public half/
      : /signing-public key: the database belongs to key id [0-9a-f]{16}, the key file holds [0-9a-f]{16}/,
    { text: replaced(other('signing-public.key')) });
    await refused(what, /signing-public key file: this is the signing key/, { text: replaced(key('signing.key')) });
  });

  test(`${what.section} refuses a configuration with unknown or bad lines and names the line`, async () => {
    const line = (text) => readFileSync(stack.conf, 'utf8').split('\n').length - 1 + text.split('\n').length;
    const added = (text, wanted) => refused(what, wanted, { text: (conf) => `${conf}${text}\n` });
    await added('no_such_option = 1', [/unknown option .*no_such_option/, new RegExp(`line ${line('x')}\\b`)]);
    await added('[nobody]\nworkers = 1', [/unknown section/, new RegExp(`line ${line('x\nx')}\\b`)]);
    await added('[api]\nworkers = many', [/workers|must be a number/, new RegExp(`line ${line('x\nx')}\\b`)]);
    await added('[api]\nworkers = 0', new RegExp(`line ${line('x\nx')}\\b`));
    await added('this is no option', new RegExp(`line ${line('x')}\\b`));
    await refused(what, /log_level/, { env: { BAILEE_LOG_LEVEL: 'loud' } });
    await refused(what, /workers/, { env: { BAILEE_WORKERS: '1;2' } });
  });

  test(`${what.section} refuses a schema of another version and says what to do`, async () => {
    const schema = async (change, wanted, undo) => {
      await stack.mysql(change);
      try {
        await refused(what, wanted);
      } finally {
        await stack.mysql(undo);
      }
    };
    const [[version]] = await stack.mysql('SELECT MAX(version) FROM schema_version');
    await schema('CREATE TABLE kept_version AS SELECT * FROM schema_version; DELETE FROM schema_version ORDER BY version DESC LIMIT 1',
      [new RegExp(`schema version ${Number(version) - 1}, this program is made for ${version}`), /baileectl migrate/],
      'DELETE FROM schema_version; INSERT INTO schema_version SELECT * FROM kept_version; DROP TABLE kept_version');
    await schema(`INSERT INTO schema_version (version, name) VALUES (${Number(version) + 1}, 'later')`,
      [new RegExp(`schema version ${Number(version) + 1}`), /install the newer programs/],
      `DELETE FROM schema_version WHERE version = ${Number(version) + 1}`);
    await schema('CREATE TABLE kept_check AS SELECT * FROM install_check; DELETE FROM install_check', /baileectl init/,
      'INSERT INTO install_check SELECT * FROM kept_check; DROP TABLE kept_check');
    await schema('RENAME TABLE schema_version TO kept_version', /no schema; run: baileectl migrate/,
      'RENAME TABLE kept_version TO schema_version');
  });
}

test('a check value altered in the database is noticed', async () => {
  await stack.mysql("CREATE TABLE kept_check AS SELECT * FROM install_check; UPDATE install_check SET proof = CONCAT(CHAR(1), SUBSTR(proof, 2))");
  try {
    await refused(API, /check value of key id [0-9a-f]{16} does not fit/);
    await refused(PUBLIC, /check value of key id [0-9a-f]{16} does not fit/);
    await refused(RUNNER, /check value of key id [0-9a-f]{16} does not fit/);
  } finally {
    await stack.mysql('DELETE FROM install_check; INSERT INTO install_check SELECT * FROM kept_check; DROP TABLE kept_check');
  }
});

test('the public pool needs no private key and holds none, even if its section names them', async () => {
  const hidden = ['master.key', 'token.key', 'signing.key'];
  for (const name of hidden) renameSync(key(name), key(`${name}.away`));
  const good = readFileSync(stack.conf, 'utf8');
  writeFileSync(stack.conf, option(PUBLIC, 'master_key_file', key('master.key.away'))(good));
  try {
    await stack.start('public');
    const workers = await waitFor('workers', async () => (await workersOf(stack, 'public')).length === 2 && workersOf(stack, 'public'));
    await waitFor('readiness', () => /event=ready\b/.test(stack.logs('public')) || /ready/.test(stack.logs('public')));
    const secrets = hidden.map((name) => readFileSync(key(`${name}.away`), 'utf8').split(':')[1].trim());
    for (const pid of [await stack.pid('public'), ...workers]) {
      for (const fd of readdirSync(`/proc/${pid}/fd`)) {
        let path = '';
        try {
          path = readlinkSync(`/proc/${pid}/fd/${fd}`);
        } catch {
          // closed meanwhile
        }
        assert.doesNotMatch(path, /\.key/, `${pid} holds ${path} open`);
      }
      const environment = readFileSync(`/proc/${pid}/environ`, 'latin1') + readFileSync(`/proc/${pid}/cmdline`, 'latin1');
      for (const secret of secrets) assert.ok(!environment.includes(secret));
    }
  } finally {
    await stack.stop('public');
    writeFileSync(stack.conf, good);
    for (const name of hidden) renameSync(key(`${name}.away`), key(name));
  }
});

test('with the right files all programs start again', async () => {
  dump = undefined; // from here on the database is used
  for (const part of ['api', 'public', 'runner', 'nginx']) await stack.start(part);
  await waitFor('readiness', async () => (await stack.api('GET', '/readyz')).status === 200);
});
