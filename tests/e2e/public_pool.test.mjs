// SPDX-License-Identifier: Apache-2.0
// Whoever takes over the public pool has its database account, its configuration and its memory. None of these gives him what
// people have entered, what providers have granted, or a say in a request whose link he does not have.
import assert from 'node:assert/strict';
import { closeSync, openSync, readFileSync, readlinkSync, readdirSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { startAuthorizationServer } from './authorization_server.mjs';
import { TOP } from './harness.mjs';
import { startOauthStack } from './oauth_stack.mjs';

const CLIENT_SECRET = 'public-pool-client-canary-4410';
const ENTERED = 'public-pool-entered-canary-4411';
const REGION_MAX = 256 << 20; // larger ones are reserved, not used
// The workers are closed to others of their own user.
const needsRoot = process.getuid() === 0 ? false : 'looking into a worker needs root';

let oauth;
let strict;
let tokens; // of a connection that is in use
let victim; // a request in the middle of everything
before(async () => {
  strict = await startAuthorizationServer();
  oauth = await startOauthStack([{ connection: strict.connection('strict'), secret: CLIENT_SECRET, clientId: 'bailee' }]);
  strict.addClient({ client_id: 'bailee', client_secret: CLIENT_SECRET, redirect_uris: [await oauth.redirectUri('strict')] });
  const { id } = await oauth.connect('strict');
  tokens = await oauth.live(id);
  victim = await oauth.ask('strict');
  victim.url = await victim.person.connect(victim.item.id);
  const typed = await oauth.ask('strict', { credentials: [{ appName: 'http', appModules: ['ActionSendDataAPIKeyAuth'], appVersion: 3 }] });
  await oauth.stack.kill('runner', 'STOP'); // what was entered stays where the public pool has put it
  const sent = await typed.person.call('POST', `/items/${typed.item.id}`, { fields: { key: ENTERED } });
  assert.equal(sent.status, 202, sent.text);
});
after(async () => {
  await oauth?.stack.kill('runner', 'CONT').catch(() => {});
  await oauth?.close();
  await strict?.close();
});

const asPublic = (sql, options) => oauth.stack.mysqlAs('public', sql, options);
const READABLE = ['install_check', 'schema_version']; // whether these are the right keys and the right version

test('its account reads and writes no table', async () => {
  const tables = (await oauth.stack.mysql("SELECT table_name FROM information_schema.tables WHERE table_schema = 'bailee'")).flat();
  assert.ok(tables.includes('oauth_token') && tables.includes('job') && tables.length > 25, String(tables.length));
  const columns = new Map(await oauth.stack.mysql(`SELECT table_name, column_name FROM information_schema.columns
    WHERE table_schema = 'bailee' AND ordinal_position = 1`));
  const reads = tables.filter((table) => !READABLE.includes(table)).map((table) => `SELECT * FROM ${table} LIMIT 1`);
  const writes = tables.flatMap((table) => [`DELETE FROM ${table} LIMIT 1`, `INSERT INTO ${table} () VALUES ()`, `TRUNCATE ${table}`,
    `UPDATE ${table} SET ${columns.get(table)} = ${columns.get(table)} LIMIT 1`, `ALTER TABLE ${table} ADD COLUMN x INT`, `DROP TABLE ${table}`]);
  const tried = [...reads, ...writes];
  const { stdout, stderr } = await asPublic(tried.map((sql) => `${sql};\n`).join(''), { force: true });
  assert.equal(stdout, '');
  const refused = new Set([...stderr.matchAll(/^ERROR 1(?:142|143|044|227) \(42000\) at line (\d+): /gm)].map(([, line]) => Number(line)));
  assert.deepEqual(tried.filter((sql, at) => !refused.has(at + 1)), []);
  for (const table of READABLE) assert.equal((await asPublic(`SELECT * FROM ${table}`)).code, 0, table);
});

test('its account calls what its page needs, and nothing else', async () => {
  const list = "SELECT routine_type, routine_name FROM information_schema.routines WHERE routine_schema = 'bailee'";
  const routines = await oauth.stack.mysql(list);
  const may = (await asPublic(list)).stdout.trim().split('\n').map((line) => line.split('\t')[1]);
  assert.ok(may.length < routines.length, 'some are for others');
  for (const name of may) assert.match(name, /^page_/);
  for (const [type, name] of routines.filter(([, one]) => !may.includes(one))) {
    const { stderr } = await asPublic(type === 'FUNCTION' ? `SELECT ${name}(NULL)` : `CALL ${name}()`);
    assert.match(stderr, /ERROR (1370|1305|1318|1644)/, `${name}: ${stderr}`);
  }
  for (const sql of ['SELECT user, authentication_string FROM mysql.user', 'CREATE TABLE x (a INT)', "SELECT LOAD_FILE('/etc/passwd')",
    'SHOW GRANTS FOR bailee_runner@localhost', "SELECT 1 INTO OUTFILE '/tmp/x'", 'SET GLOBAL general_log = 1', 'CREATE PROCEDURE x() SELECT 1',
    'KILL 1']) {
    const { code, stdout, stderr } = await asPublic(sql);
    assert.ok(code !== 0 || stdout.trim() === 'NULL', `${sql}: ${stdout}${stderr}`);
  }
});

// With the ids of everything, which he may have seen, and without the links.
test('with ids alone it gets into no request, no trip and no grant', async () => {
  const [[request, credential, flow, callback]] = await oauth.stack.mysql(`SELECT HEX(c.request_id), HEX(c.id), HEX(f.uuid), HEX(f.callback_id)
    FROM credential c JOIN oauth_flow f ON f.credential_id = c.id WHERE uuid_text(c.id) = '${victim.item.id}'`);
  const own = await oauth.ask('strict'); // a link of his own
  const [[ownRequest, ownLink]] = await oauth.stack.mysql(`SELECT HEX(id), HEX(link_hash) FROM credential_request
    WHERE uuid_text(id) = '${own.request.id}'`);
  const counts = () => oauth.stack.mysql(`SELECT (SELECT COUNT(*) FROM job), (SELECT COUNT(*) FROM submission), (SELECT COUNT(*) FROM oauth_flow),
    (SELECT COUNT(*) FROM oauth_flow WHERE used_at IS NOT NULL), (SELECT COUNT(*) FROM oauth_grant WHERE state = 'ending'),
    (SELECT COUNT(*) FROM audit WHERE event LIKE 'link.%')`);
  const before_ = await counts();
  const hash = `UNHEX('${'ab'.repeat(32)}')`;
  const id = `UNHEX('${'cd'.repeat(16)}')`;
  const [r, c, cb, f, oR, oL] = [request, credential, callback, flow, ownRequest, ownLink].map((hex) => `UNHEX('${hex}')`);
  const note = `${id}, '192.0.2.1', '${'0'.repeat(36)}'`;
  for (const [what, sql] of Object.entries({
    'open without the link': `CALL page_open(${r}, ${hash}, ${hash})`,
    'open with another link': `CALL page_open(${r}, ${oL}, ${hash})`,
    'look at a trip': `CALL page_return_look(${cb}, ${hash}, ${hash})`,
    'look at a trip by its id': `CALL page_return_look(${f}, ${f}, ${f})`,
  })) {
    const { stdout } = await asPublic(sql);
    assert.equal(stdout, '', what);
  }
  for (const [what, sql] of Object.entries({
    'submit without the link': `CALL page_submit(${r}, ${hash}, ${hash}, ${c}, ${id}, 'x', ${note})`,
    'submit through another link': `CALL page_submit(${oR}, ${oL}, ${hash}, ${c}, ${id}, 'x', ${note})`,
    'decline without the link': `CALL page_decline(${r}, ${hash}, ${hash}, ${c}, NULL, ${note})`,
    'connect without the link': `CALL page_connect(${r}, ${hash}, ${hash}, ${c}, ${id}, ${hash}, ${cb}, 'strict', NULL, 'x', ${note})`,
    'connect through another link': `CALL page_connect(${oR}, ${oL}, ${hash}, ${c}, ${id}, ${hash}, ${cb}, 'strict', NULL, 'x', ${note})`,
    'come back from a trip': `CALL page_return(${cb}, ${hash}, ${hash}, 'x', NULL, ${note})`,
    'confirm without the link': `CALL page_confirm(${r}, ${hash}, ${hash}, ${c}, ${id}, TRUE, ${note})`,
    'confirm through another link': `CALL page_confirm(${oR}, ${oL}, ${hash}, ${c}, ${id}, TRUE, ${note})`,
    'have the link sent': `CALL page_relink(${r}, ${hash}, ${hash}, ${id}, 'x', ${note})`,
  })) {
    const { code, stderr } = await asPublic(sql);
    assert.equal(code, 1, what);
    assert.match(stderr, /ERROR 3000[1-5]/, `${what}: ${stderr}`);
  }
  assert.deepEqual(await counts(), before_, 'nothing was written');
});

test('its configuration names no key that opens anything, and it has none open', { skip: needsRoot }, async () => {
  const section = readFileSync(oauth.stack.conf, 'utf8').split(/^\[/m).find((part) => part.startsWith('public]'));
  assert.doesNotMatch(section, /master_key_file|token_key_file|signing_key_file/);
  const keys = join(oauth.stack.dir, 'keys');
  for (const pid of await oauth.stack.pids('public')) {
    const open = readdirSync(`/proc/${pid}/fd`).map((fd) => {
      try {
        return readlinkSync(`/proc/${pid}/fd/${fd}`);
      } catch {
        return ''; // closed meanwhile
      }
    });
    assert.deepEqual(open.filter((path) => path.startsWith(keys)), []);
  }
});

// The parts of a process's memory that are written to.
function* memoryOf(pid) {
  const regions = readFileSync(`/proc/${pid}/maps`, 'utf8').split('\n').map((line) => /^([0-9a-f]+)-([0-9a-f]+) rw/.exec(line)).filter(Boolean)
    .map(([, from, to]) => [BigInt(`0x${from}`), Number(BigInt(`0x${to}`) - BigInt(`0x${from}`))]).filter(([, size]) => size <= REGION_MAX);
  const fd = openSync(`/proc/${pid}/mem`, 'r');
  try {
    for (const [from, size] of regions) {
      const part = Buffer.alloc(size);
      try {
        readSync(fd, part, 0, size, from);
      } catch {
        continue; // a region of a device
      }
      yield part;
    }
  } finally {
    closeSync(fd);
  }
}

test('its memory holds no key, no token, no client secret, and of a form nothing once it is sealed',
  { skip: needsRoot }, async () => {
    const key = (name) => readFileSync(join(oauth.stack.dir, 'keys', name));
    const secrets = { 'access token': tokens.token, 'client secret': CLIENT_SECRET, 'what was entered': ENTERED };
    const wanted = Object.entries(secrets).map(([name, text]) => [name, [Buffer.from(text)]]);
    for (const name of ['master.key', 'token.key', 'signing.key']) {
      const text = key(name).toString('latin1').trim().split(':').pop();
      const bytes = Buffer.from(text, 'base64');
      assert.equal(bytes.length, 32, name);
      wanted.push([name, [Buffer.from(text), bytes]]);
    }
    let looked = 0;
    for (const pid of await oauth.stack.pids('public')) {
      for (const part of memoryOf(pid)) {
        looked += part.length;
        for (const [name, forms] of wanted) assert.ok(!forms.some((form) => part.includes(form)), `${name} in the memory of ${pid}`);
      }
    }
    assert.ok(looked > 1 << 20, 'something was read');
    // That the look would find something: what every worker must hold.
    const password = key('db-public.password').toString().trim();
    const found = (await oauth.stack.pids('public')).some((pid) => [...memoryOf(pid)].some((part) => part.includes(password)));
    assert.ok(found, 'the password of its account is not found, which is there');
  });

// A sanitizer keeps what is freed, and glibc's own way of overwriting it is off.
const sanitized = readFileSync(join(process.env.BAILEE_BUILD ?? join(TOP, 'build-check'), 'bailee-fcgi')).includes('__asan_init');

test('no worker keeps a link, a form or a token that it has handed out',
  { skip: sanitized ? 'needs a build without sanitizers' : needsRoot }, async () => {
    const link = victim.publicUri.split('#')[1];
    for (const pool of ['public', 'api']) {
      for (const pid of await oauth.stack.pids(pool)) {
        for (const part of memoryOf(pid))
          for (const secret of [link, ENTERED, tokens.token]) assert.ok(!part.includes(secret), `${secret} in the memory of ${pool} ${pid}`);
      }
    }
  });
