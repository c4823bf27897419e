// SPDX-License-Identifier: Apache-2.0
// A team's keys are destroyed: what it has sealed is gone for who has the database, the key files and all programs; nothing else is.
import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { startStack, waitFor } from '../e2e/harness.mjs';
import { startVendor } from '../e2e/vendor.mjs';
import { multiRequest } from './load.mjs';

const GONE = /keys of team \d+ were destroyed/;

let stack, vendor, world, other, folder, file;
before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'bailee-destroyed-'));
  file = join(folder, 'destroyed.keys');
  stack = await startStack({ set: [`common.destroyed_keys_file=${file}`] });
  vendor = await startVendor();
  world = await stack.world();
  other = await stack.world({ name: 'Other' });
});
after(async () => {
  await vendor?.close();
  await stack?.close();
  if (folder) rmSync(folder, { recursive: true, force: true });
});

const api = (method, path, body, { token = world.token, ...options } = {}) => stack.api(method, path, body, { token, ...options });
const text = (name, teamId = world.teamId) => ({ name, mode: 'TEXT', team_id: teamId, value: `value of ${name}` });
const create = async (body, options) => {
  const made = await api('POST', '/api/v1/user_credentials', body, options);
  assert.equal(made.status, 201, made.text);
  return made.body.id;
};
const tokenOf = (id, options) => api('POST', `/api/v1/user_credentials/${id}/token`, undefined, options);
const destroy = (...args) => stack.tryCtl(['keys', 'destroy', 'team', '--team', String(world.teamId), ...args]);

let plain, fetched, theirs, keyId, kept;
test('it has to be confirmed with the name of the team', async () => {
  plain = await create(text('plain'));
  fetched = await create(multiRequest(world.teamId, vendor, 'vendor'));
  theirs = await create(text('theirs', other.teamId), { token: other.token });
  keyId = (await api('POST', '/api/v2/keys', { teamId: world.teamId, name: 'k', typeName: 'apikeyauth', parameters: { key: 'k', placement: 'header', name: 'X' } })).body.key?.id;
  assert.ok(keyId);
  assert.equal((await tokenOf(fetched)).status, 200);
  assert.equal((await tokenOf(plain)).body.token, 'value of plain');
  for (const args of [[], ['--confirm', 'world team'], ['--confirm', '']]) {
    const said = await destroy(...args);
    assert.equal(said.code, 1, said.stderr);
    assert.match(said.stderr, /makes \d+ values of team \d+ unreadable for good.* World Team/);
  }
  assert.equal((await tokenOf(plain)).body.token, 'value of plain');
  assert.equal(readFileSync(file, 'utf8'), '');
  const lost = await stack.tryCtl(['keys', 'destroy', 'team', '--team', '4711', '--confirm', 'x']);
  assert.match(lost.stderr, /no such team/);
});

test('then nothing of it can be read, the callers are told so, and other teams notice nothing', async () => {
  kept = await stack.mysql(`SELECT HEX(private_sealed) FROM team_key WHERE team_id = ${world.teamId}`);
  const done = await destroy('--confirm', 'World Team', '--json');
  assert.equal(done.code, 0, done.stderr);
  const { generationsDestroyed, valuesLost } = JSON.parse(done.stdout);
  assert.deepEqual([generationsDestroyed, valuesLost >= 4], [1, true]);
  // an opened key is kept for half a minute at most, by each of the workers
  await waitFor('the end of what was in memory', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => tokenOf(plain)));
    return answers.every(({ status }) => status === 410);
  }, { seconds: 45, everyMs: 1000 });
  const said = await tokenOf(plain);
  assert.match(said.text, GONE);
  const refusals = [
    await tokenOf(fetched),
    await api('POST', '/api/v1/user_credentials', text('new')),
    await api('PATCH', `/api/v1/user_credentials/${plain}`, { value: 'new' }),
    await api('PATCH', `/api/v2/keys/${keyId}`, { parameters: { key: 'new' } }),
    await api('POST', '/api/v2/keys', { teamId: world.teamId, name: 'k2', typeName: 'apikeyauth', parameters: { key: 'k', placement: 'header', name: 'X' } }),
  ];
  for (const answer of refusals) {
    assert.equal(answer.status, 410, answer.text);
    assert.match(answer.text, GONE);
  }
  assert.equal((await tokenOf(theirs, { token: other.token })).body.token, 'value of theirs');
  // what lists show is there still, and can be deleted
  assert.equal((await api('GET', `/api/v1/user_credentials/${fetched}`)).status, 200);
  assert.equal((await api('DELETE', `/api/v1/user_credentials/${fetched}`)).status, 204);
  assert.equal((await stack.mysql("SELECT COUNT(*) FROM audit WHERE event = 'integrity.error'"))[0][0], '0');
  assert.deepEqual((await stack.ctl(['audit', 'list', '--event', 'keys.destroy', '--json'])).map(({ subject, actor }) => [subject, actor]),
    [[String(world.teamId), 'ctl']]);
  const again = await destroy('--confirm', 'World Team');
  assert.match(again.stderr, /were destroyed before/);
});

test('neither a dump from afterwards nor a restart brings it back', async () => {
  const [[rows]] = await stack.mysql(`SELECT COUNT(*) FROM team_key WHERE team_id = ${world.teamId} AND HEX(private_sealed) REGEXP '[1-9A-F]'`);
  assert.equal(rows, '0');
  assert.equal((await stack.mysql(`SELECT 1 FROM team_key WHERE HEX(private_sealed) = '${kept[0][0]}'`)).length, 0);
  await stack.restart('api');
  await stack.restart('runner');
  assert.equal((await tokenOf(plain)).status, 410);
});

test('nor does somebody who writes the old row back, for programs that have the file', async () => {
  await stack.mysql(`UPDATE team_key SET private_sealed = UNHEX('${kept[0][0]}'), destroyed_at = NULL WHERE team_id = ${world.teamId};
    UPDATE team SET key_generation = 1 WHERE id = ${world.teamId}`);
  await stack.restart('api');
  const said = await tokenOf(plain);
  assert.deepEqual([said.status, GONE.test(said.text)], [410, true], said.text);
  assert.equal((await api('POST', '/api/v1/user_credentials', text('sealed to the old one'))).status, 410);
});

test('a new generation takes new values, on demand', async () => {
  const { generation } = await stack.ctl(['keys', 'rotate', 'team', '--team', String(world.teamId), '--json']);
  assert.equal(generation, 2);
  const id = await create(text('again'));
  assert.equal((await tokenOf(id)).body.token, 'value of again');
  assert.equal((await tokenOf(plain)).status, 410);
});

test('a file that somebody else has written to stops every program at start', async () => {
  for (const part of ['api', 'public', 'runner']) await stack.stop(part);
  const good = readFileSync(file);
  rmSync(file);
  for (const [program, args] of [['bailee-fcgi', ['--pool=api']], ['bailee-fcgi', ['--pool=public']], ['bailee-runner', []]]) {
    const missing = await stack.tryProgram(program, args, { ms: 20000 });
    assert.equal(missing.code, 78, missing.stderr);
    assert.match(missing.stderr, /destroyed keys file: there is none/);
  }
  appendFileSync(file, Buffer.concat([good, Buffer.from('bailee-destroyed-1:2:1:AAAA\n')]), { mode: 0o444 });
  const forged = await stack.tryProgram('bailee-runner', [], { ms: 20000 });
  assert.deepEqual([forged.code, /line 2 was not written by this installation/.test(forged.stderr)], [78, true], forged.stderr);
});
