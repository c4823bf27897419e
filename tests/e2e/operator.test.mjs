// SPDX-License-Identifier: Apache-2.0
// What an operator does with baileectl, and what comes of it.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { startStack, TOP } from './harness.mjs';

let stack;
let world;
before(async () => {
  stack = await startStack();
  world = await stack.world();
});
after(() => stack.close());

test('without a command, with an unknown one, and with a wrong option it says how, and exits 2', async () => {
  for (const [args, words] of [[[], 'name a command'], [['dance'], 'no such command: dance'], [['token'], 'token needs one of the verbs'],
    [['org', 'add'], '--name is missing'], [['org', 'add', '--nam', 'x'], 'unknown option --nam'],
    [['org', 'remove', '--id', 'x'], '--id must be a number'], [['org', 'add', '--name'], '--name needs a value'],
    [['org', 'add', '--name', 'a', '--name', 'b'], 'stands twice']]) {
    const { code, stderr } = await stack.tryCtl(args);
    assert.equal(code, 2, args.join(' '));
    assert.ok(stderr.includes(words), `${args.join(' ')}: ${stderr}`);
  }
});

test('help names every command and exits 0', async () => {
  const { code, stdout } = await stack.tryCtl(['--help']);
  assert.equal(code, 0);
  for (const command of ['init', 'migrate', 'accounts', 'doctor', 'org add', 'user add', 'team add', 'member add', 'token create',
    'token revoke', 'jobs list', 'jobs show', 'jobs retry']) {
    assert.ok(stdout.includes(`baileectl ${command}`), command);
  }
  const one = await stack.tryCtl(['jobs', '--help']);
  assert.ok(one.stdout.includes('jobs retry') && !one.stdout.includes('org add'));
});

test('docs/CONFIG.md is what the table of options says', async () => {
  assert.equal(await stack.ctl(['config', 'manual']), readFileSync(join(TOP, 'docs', 'CONFIG.md'), 'utf8'));
});

test('the sample configuration names every option', async () => {
  const sample = await stack.ctl(['config', 'sample']);
  for (const [, name] of (await stack.ctl(['config', 'manual'])).matchAll(/^\| `(\w+)` \|/gm)) assert.ok(sample.includes(`#${name} =`), name);
});

test('doctor finds nothing wrong with a running installation, and a missing runner when it is stopped', async () => {
  const well = await stack.ctl(['doctor', '--json']);
  assert.deepEqual(well.filter((row) => row.result !== 'ok'), []);
  const { code, stdout } = await stack.tryCtl(['--json', 'doctor'], { env: { BAILEE_DB_SOCKET: '/nonexistent' } });
  assert.equal(code, 1);
  assert.equal(JSON.parse(stdout).at(-1).check, 'database');
});

test('a second init refuses and changes nothing', async () => {
  const before = await stack.mysql('SELECT kind, key_id FROM install_check ORDER BY 1');
  const { code, stderr } = await stack.tryCtl(['init']);
  assert.equal(code, 1);
  assert.match(stderr, /installation already/);
  assert.deepEqual(await stack.mysql('SELECT kind, key_id FROM install_check ORDER BY 1'), before);
});

test('what exists already, is still in use or does not exist is told', async () => {
  for (const [args, words] of [
    [['user', 'add', '--email', 'world.user@example.org', '--name', 'x'], 'exists already'],
    [['user', 'add', '--email', 'no address', '--name', 'x'], '--email is no e-mail address'],
    [['team', 'add', '--organization', '1', '--name', 'WORLD team'], 'exists already'],
    [['team', 'add', '--organization', '1', '--name', '???'], 'letter or a digit'],
    [['team', 'add', '--organization', '4711', '--name', 'x'], 'does not exist'],
    [['org', 'remove', String(world.organizationId)], 'still in use'],
    [['org', 'remove', '4711'], 'no such organization'],
    [['member', 'add', '--team', '4711', '--user', '1'], 'does not exist'],
    [['token', 'create', '--user', '1', '--name', 'x', '--scopes', 'keys:rea'], 'no scope "keys:rea"'],
    [['token', 'revoke', 'AAAAAAAAAAAA'], 'no such token'],
    [['org', 'add', '--name', ''], '--name must be'],
    [['jobs', 'show', '4711'], 'no such job'],
  ]) {
    const { code, stderr } = await stack.tryCtl(args);
    assert.equal(code, 1, args.join(' '));
    assert.ok(stderr.includes(words), `${args.join(' ')}: ${stderr}`);
  }
});

test('a revoked token is refused on the very next request, an expired one as well, with one text for all', async () => {
  const me = (token) => stack.api('GET', '/api/v2/users/me', undefined, { token });
  const revoked = await stack.addToken(world.userId);
  assert.equal((await me(revoked)).status, 200);
  await stack.ctl(['token', 'revoke', revoked.slice(3, 15)]);
  const answer = await me(revoked);
  assert.equal(answer.status, 401);
  assert.equal(answer.body.code, 'SC401');
  const expired = await stack.addToken(world.userId);
  await stack.mysql(`UPDATE api_token SET expires_at = UTC_TIMESTAMP(3) - INTERVAL 1 SECOND WHERE public_id = '${expired.slice(3, 15)}'`);
  const unknown = 'bl_000000000000_' + revoked.slice(16);
  for (const token of [expired, unknown, revoked.slice(0, -1)]) {
    const other = await me(token);
    assert.equal(other.status, 401);
    assert.equal(other.body.detail, answer.body.detail);
  }
});

test('the use of a token is noted, in batches', async () => {
  const token = await stack.addToken(world.userId);
  await stack.api('GET', '/api/v2/users/me', undefined, { token });
  for (let i = 0; i < 100; i++) {
    const [[when]] = await stack.mysql(`SELECT last_used_at FROM api_token WHERE public_id = '${token.slice(3, 15)}'`);
    if (when !== 'NULL') return;
    await new Promise((resolve) => { setTimeout(resolve, 100); });
  }
  assert.fail('never noted');
});

test('lists are tables for people and JSON for programs, without anything secret', async () => {
  const tokens = await stack.ctl(['token', 'list', '--json']);
  assert.deepEqual(Object.keys(tokens[0]), ['id', 'userId', 'name', 'scopes', 'createdAt', 'expiresAt', 'revokedAt', 'lastUsedAt']);
  assert.ok(!JSON.stringify(tokens).includes(world.token.slice(16)));
  assert.match(await stack.ctl(['team', 'list']), /^id +organizationId +name +slug +createdAt\n1 /);
});

test('a client registration is kept sealed, replaced, and never shown', async () => {
  const secret = 'client-secret-CANARY-4711';
  const set = (...more) => stack.tryCtl(['app', 'set-client', '--app', 'github', '--type', 'github', '--client-id', 'abc', ...more], { input: `${secret}\n` });
  assert.equal((await set('--client-secret-file', '-')).code, 0);
  assert.equal((await set('--organization', String(world.organizationId))).code, 0);
  assert.equal((await set('--client-secret-file', '-')).code, 0);
  const clients = await stack.ctl(['app', 'clients', '--json']);
  assert.deepEqual(clients.map((one) => [one.app, one.organizationId, one.clientId, one.secret]),
    [['github', 0, 'abc', true], ['github', world.organizationId, 'abc', false]]);
  assert.match((await set('--organization', '4711')).stderr, /no such organization/);
  assert.match((await set('--client-secret-file', '/nonexistent')).stderr, /cannot be read/);
  assert.match((await stack.tryCtl(['app', 'set-client', '--app', 'nope', '--type', 'x', '--client-id', 'y'])).stderr, /no such app/);
  assert.deepEqual(await stack.findSecret(secret), []);
});

test('every change of the operator is in the audit trail', async () => {
  const events = (await stack.mysql("SELECT DISTINCT event FROM audit WHERE actor = 'ctl'")).flat();
  for (const event of ['installation.create', 'organization.create', 'user.create', 'team.create', 'member.add', 'token.create', 'token.revoke']) {
    assert.ok(events.includes(event), event);
  }
});

test('every column of every table has a comment', async () => {
  assert.deepEqual(await stack.mysql(`SELECT table_name, column_name FROM information_schema.columns
    WHERE table_schema = 'bailee' AND column_comment = ''`), []);
});

test('every command has its help, and every list its JSON', async () => {
  const { stdout } = await stack.tryCtl(['--help']);
  const commands = [...stdout.matchAll(/^ {2}baileectl (\w+)(?: ([a-z-]+))?/gm)].map(([, group, verb]) => [group, verb].filter(Boolean));
  for (const group of ['org', 'user', 'team', 'member', 'token', 'app', 'request', 'credential', 'jobs', 'keys', 'audit'])
    assert.ok(commands.some(([name]) => name === group), group);
  for (const command of commands) {
    const help = await stack.tryCtl([...command, '--help']);
    assert.deepEqual([help.code, help.stdout.includes(`baileectl ${command.join(' ')}`)], [0, true], command.join(' '));
    if (['list', 'status', 'clients'].includes(command[1])) assert.ok(Array.isArray(await stack.ctl([...command, '--json'])), command.join(' '));
  }
});

test('the audit trail is listed newest first and exported oldest first', async () => {
  const all = (await stack.ctl(['audit', 'export'])).trim().split('\n').map((line) => JSON.parse(line));
  const [[count]] = await stack.mysql('SELECT COUNT(*) FROM audit');
  assert.ok(all.length > 5 && all.length <= Number(count));
  assert.deepEqual(all.map(({ id }) => id), all.map(({ id }) => id).sort());
  assert.deepEqual(Object.keys(all[0]), ['at', 'event', 'outcome', 'actor', 'personId', 'address', 'teamId', 'subject', 'count', 'requestId', 'id']);
  const newest = await stack.ctl(['audit', 'list', '--limit', '3', '--json']);
  assert.deepEqual(newest.map(({ id }) => id), [...newest.map(({ id }) => id)].sort().reverse());
  const members = await stack.ctl(['audit', 'list', '--event', 'member.add', '--team', String(world.teamId), '--json']);
  assert.ok(members.length > 0 && members.every(({ event, teamId }) => event === 'member.add' && teamId === world.teamId));
  assert.deepEqual(await stack.ctl(['audit', 'list', '--since', '2999-01-01T00:00:00Z', '--json']), []);
  assert.equal(await stack.ctl(['audit', 'export', '--until', '2000-01-01T00:00:00Z']), '');
  const wrong = await stack.tryCtl(['audit', 'list', '--since', 'yesterday']);
  assert.deepEqual([wrong.code, wrong.stderr.includes('--since must be a time')], [2, true], wrong.stderr);
});

test('the old end of the audit trail is cut off, and the cut is told', async () => {
  const events = async (...args) => (await stack.ctl(['audit', 'list', '--limit', '1000', '--json', ...args])).map(({ event }) => event);
  const kept = await events();
  await stack.mysql(`INSERT INTO audit (id, at, event, actor)
    SELECT UNHEX(CONCAT(LPAD(HEX((UNIX_TIMESTAMP() - 400 * 86400) * 1000 + seq), 12, '0'), '7000', '8000000000000000')),
      UTC_TIMESTAMP(3) - INTERVAL 400 DAY + INTERVAL seq SECOND, 'old.event', 'runner' FROM seq_1_to_1203`);
  const cut = new Date(Date.now() - 399 * 86400e3).toISOString();
  assert.equal((await events('--until', cut)).length, 1000);
  assert.deepEqual(await events('--since', cut), kept);
  for (const [args, words] of [[[], '--before is missing'], [['--before', 'soon'], '--before must be a time'],
    [['--before', new Date(Date.now() - 3600e3).toISOString()], 'a day ago or longer']]) {
    const tried = await stack.tryCtl(['audit', 'prune', ...args]);
    assert.deepEqual([tried.code, tried.stderr.includes(words)], [2, true], tried.stderr);
  }
  assert.deepEqual(await stack.ctl(['audit', 'prune', '--before', cut, '--json']), { deleted: 1203 });
  assert.deepEqual(await events(), ['audit.prune', ...kept]);
  assert.equal((await stack.ctl(['audit', 'list', '--limit', '1', '--json']))[0].subject, `before ${cut}`);
});

test('credentials are shown without what they hold', async () => {
  const secret = 'operator-canary-5d1f';
  const kept = await stack.api('POST', '/api/v1/user_credentials', { name: 'Kept one', mode: 'TEXT', team_id: world.teamId, value: secret }, { token: world.token });
  assert.ok(kept.status < 300, kept.text);
  const listed = await stack.ctl(['credential', 'list', '--team', String(world.teamId), '--json']);
  assert.deepEqual(listed.map(({ id, name, mode }) => [id, name, mode]), [[kept.body.id, 'Kept one', 'TEXT']]);
  const shown = await stack.ctl(['credential', 'show', String(kept.body.id), '--json']);
  assert.equal(shown.slug, 'kept_one');
  const made = await stack.api('POST', '/api/v2/credential-requests/requests/v2', { name: 'r', teamId: world.teamId, provider: { providerMakeUserId: world.userId },
    credentials: [{ appName: 'http', appModules: ['*'] }] }, { token: world.token });
  const { credentials } = await stack.ctl(['request', 'show', made.body.request.id, '--json']);
  const asked = await stack.ctl(['credential', 'show', credentials[0].id, '--json']);
  assert.deepEqual([asked.requestId, asked.state, asked.remoteId], [made.body.request.id, 'pending', null]);
  assert.equal(JSON.stringify([listed, shown, asked]).includes(secret), false);
  for (const [id, code, words] of [['4711', 1, 'no such credential'], ['6ba7b810-9dad-41d1-80b4-00c04fd430c8', 1, 'no such credential'], ['x', 2, '--id must be']]) {
    const tried = await stack.tryCtl(['credential', 'show', id]);
    assert.deepEqual([tried.code, tried.stderr.includes(words)], [code, true], tried.stderr);
  }
});

test('a job is called off, and can be put back', async () => {
  await stack.mysql(`INSERT INTO job (kind, subject, active_key, team_id, state, run_at, max_attempts, payload, created_at)
    VALUES ('fetch', '4711', 'fetch:4711', ${world.teamId}, 'queued', UTC_TIMESTAMP(3) + INTERVAL 1 HOUR, 3, '{}', UTC_TIMESTAMP(3))`);
  const [{ id }] = (await stack.ctl(['jobs', 'list', '--json'])).filter(({ subject }) => subject === '4711');
  assert.deepEqual(await stack.ctl(['jobs', 'cancel', String(id), '--json']), { canceled: true });
  const { state, error } = await stack.ctl(['jobs', 'show', String(id), '--json']);
  assert.deepEqual([state, error], ['failed', 'called off by the operator']);
  const again = await stack.tryCtl(['jobs', 'cancel', String(id)]);
  assert.deepEqual([again.code, again.stderr.includes('no queued or running job')], [1, true]);
  assert.equal((await stack.ctl(['audit', 'list', '--event', 'job.cancel', '--json']))[0].subject, String(id));
  await stack.ctl(['jobs', 'retry', String(id)]);
});

test('keys are listed by id and generation', async () => {
  const keys = await stack.ctl(['keys', 'status', '--json']);
  assert.deepEqual(keys.filter(({ teamId }) => teamId === null).map(({ kind }) => kind).sort(), ['master', 'signing-public', 'token']);
  const [team] = keys.filter(({ teamId }) => teamId === world.teamId);
  assert.deepEqual([team.kind, team.generation, team.current, team.keyId], ['team', 1, true, keys.find(({ kind }) => kind === 'master').keyId]);
});

test('doctor says when letters are lost, or nobody can send them', async () => {
  const mail = async (env) => JSON.parse((await stack.tryCtl(['doctor', '--json'], { env })).stdout).find(({ check }) => check === 'mail');
  assert.deepEqual((await mail({})).result, 'ok');
  const server = { BAILEE_MAIL_SERVER: 'smtp://mail.example.org', BAILEE_MAIL_FROM: 'bailee@example.org' };
  assert.deepEqual(await mail(server), { check: 'mail', result: 'ok', detail: 'smtp://mail.example.org' });
  assert.match((await mail({ ...server, BAILEE_MAIL_USER: 'u', BAILEE_MAIL_PASSWORD_FILE: '/nonexistent' })).detail, /cannot be read/);
  await stack.mysql(`INSERT INTO job (kind, subject, state, run_at, max_attempts, payload, created_at, finished_at)
    VALUES ('mail', 'x', 'failed', UTC_TIMESTAMP(3), 3, '{}', UTC_TIMESTAMP(3), UTC_TIMESTAMP(3))`);
  assert.match((await mail(server)).detail, /^1 letters/);
});

test('metrics tell what waits and who works, and keep still while the database is away', async () => {
  const metrics = async () => {
    const answer = await stack.api('GET', '/metrics');
    assert.equal(answer.status, 200);
    assert.match(answer.headers['content-type'], /^text\/plain; version=0\.0\.4/);
    for (const line of answer.text.trim().split('\n')) assert.match(line, /^(# (HELP|TYPE) bailee_\w+ .+|bailee_\w+(\{state="\w+"\})? \d+)$/);
    return Object.fromEntries(answer.text.split('\n').filter((line) => /^bailee/.test(line)).map((line) => line.split(' ')));
  };
  const before_ = await metrics();
  assert.deepEqual([before_.bailee_database_up, before_.bailee_runners], ['1', '1']);
  await stack.mysql(`INSERT INTO job (kind, subject, state, run_at, max_attempts, payload, created_at, finished_at)
    VALUES ('fetch', 'x', 'dead', UTC_TIMESTAMP(3), 3, '{}', UTC_TIMESTAMP(3), UTC_TIMESTAMP(3))`);
  assert.equal(Number((await metrics())['bailee_jobs{state="dead"}']), Number(before_['bailee_jobs{state="dead"}']) + 1);
  await stack.stop('db');
  assert.deepEqual(await metrics(), { bailee_database_up: '0' });
  await stack.start('db');
});
