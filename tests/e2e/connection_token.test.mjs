// SPDX-License-Identifier: Apache-2.0
// Using an OAuth connection: its access token from the database, what is said where there is none, and when it is refreshed.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { startStack, waitFor } from './harness.mjs';
import { sealerOf } from './seal.mjs';

const ACCESS = 'access-token-5f20c1';
const REFRESH = 'refresh-token-b81e07';

let stack; let mine; let theirs; let seal; let used = 0;

before(async () => {
  stack = await startStack({ workers: 4 });
  mine = await stack.world({ name: 'Ada' });
  theirs = await stack.world({ name: 'Mallory' });
  seal = await sealerOf(stack, mine.teamId);
});
after(() => stack?.close());

const tokenOf = (id, query = '', options = {}) => stack.api('POST', `/api/v2/connections/${id}/token${query}`, undefined, { token: mine.token, ...options });

function expectError(answer, status, code, detail) {
  assert.deepEqual([answer.status, answer.body?.code], [status, code], answer.text);
  if (detail) assert.match(answer.body.detail, detail);
  for (const secret of [ACCESS, REFRESH]) assert.equal(answer.text.includes(secret), false);
}

// A connection as a person's trip to the provider leaves it. `lastsS`, `ageS`: of the token, in seconds; null: it does not end.
async function connect({ lastsS = 3600, ageS = 0, refresh = true, state = 'active', problem = null, type = 'github', grant = true } = {}) {
  const [uuid, owner] = [randomUUID(), randomUUID()];
  const bin = (id) => `UNHEX('${id.replaceAll('-', '')}')`;
  used += 1;
  await stack.mysql(`INSERT INTO connection (uuid, team_id, name, account_name, account_label, account_type, package_name, scopes, parameters_sealed, created_at, updated_at)
    VALUES (${bin(owner)}, ${mine.teamId}, 'c${used}', '${type}', 'Label', 'oauth', '${type}', '["repo","gist"]', UNHEX('${seal('connection', owner, 'parameters', '{}')}'), UTC_TIMESTAMP(3), UTC_TIMESTAMP(3))`);
  const [[id]] = await stack.mysql(`SELECT id FROM connection WHERE uuid = ${bin(owner)}`);
  if (!grant) return Number(id);
  await stack.mysql(`INSERT INTO oauth_grant (uuid, team_id, state, connection_id, callback_id, client_id, connection_type, scopes, parameters_sealed, generation, problem, created_at, updated_at)
    VALUES (${bin(uuid)}, ${mine.teamId}, '${state}', ${id}, ${bin(randomUUID())}, 'client', '${type}', '["repo","gist"]', UNHEX('${seal('oauth_grant', uuid, 'parameters', '{}')}'), 1,
      ${problem === null ? 'NULL' : `'${problem}'`}, UTC_TIMESTAMP(3), UTC_TIMESTAMP(3));
    INSERT INTO oauth_token (grant_uuid, generation, access_sealed, refresh_sealed, token_type, expires_at, created_at)
    VALUES (${bin(uuid)}, 1, UNHEX('${seal('oauth_token', uuid, 'access:1', ACCESS)}'), ${refresh ? `UNHEX('${seal('oauth_token', uuid, 'refresh:1', REFRESH)}')` : 'NULL'}, 'bearer',
      ${lastsS === null ? 'NULL' : `UTC_TIMESTAMP(3) + INTERVAL ${lastsS} SECOND`}, UTC_TIMESTAMP(3) - INTERVAL ${ageS} SECOND)`);
  return Number(id);
}

test('the token that is there is given, and its use is noted', async () => {
  const id = await connect();
  const user = await stack.addToken(mine.userId, 'connections:use');
  for (let i = 0; i < 3; i++) {
    const given = await tokenOf(id, '', { token: user });
    assert.equal(given.status, 200, given.text);
    assert.deepEqual([given.body.token, given.body.tokenType], [ACCESS, 'bearer']);
    assert.ok(Math.abs(Date.parse(given.body.expiresAt) - Date.now() - 3600e3) < 60e3);
    assert.ok(Math.abs(Date.parse(given.body.fetchedAt) - Date.now()) < 60e3);
    assert.match(given.headers['cache-control'], /no-store/);
  }
  await waitFor('the audit row', async () => {
    const [[count]] = await stack.mysql(`SELECT COALESCE(SUM(count), 0) FROM audit WHERE event = 'connection.use' AND subject = '${id}' AND team_id = ${mine.teamId}`);
    return count === '3';
  });
  assert.deepEqual(await stack.mysql("SELECT COUNT(*) FROM job WHERE kind = 'oauth_refresh'"), [['0']]);
  assert.deepEqual(await stack.findSecret(ACCESS), []);
});

test('a token that does not end is given however long it is to last', async () => {
  const given = await tokenOf(await connect({ lastsS: null, refresh: false }), '?minimum_seconds=86400');
  assert.deepEqual([given.status, given.body.expiresAt], [200, null], given.text);
});

test('more than half of its life is not asked of a new token', async () => {
  assert.equal((await tokenOf(await connect({ lastsS: 3500, ageS: 100 }), '?minimum_seconds=86400')).status, 200);
});

test('one that ends too soon and cannot be renewed is given to who does not insist, as long as it works', async () => {
  const id = await connect({ lastsS: 30, ageS: 3570, refresh: false });
  assert.equal((await tokenOf(id)).body.token, ACCESS);
  assert.equal((await tokenOf(id, '?minimum_seconds=10')).body.token, ACCESS);
  expectError(await tokenOf(id, '?minimum_seconds=300'), 424, 'SC424', /ends too soon/);
  expectError(await tokenOf(await connect({ lastsS: -5, ageS: 3600, refresh: false })), 424, 'SC424', /authorized again/);
});

test('one that the provider has refused is not', async () => {
  const id = await connect({ state: 'broken', problem: 'the provider answered 400 (invalid_grant)' });
  expectError(await tokenOf(id), 424, 'SC424', /invalid_grant/);
});

test('who may not, and what has none', async () => {
  const id = await connect();
  for (const scopes of ['connections:read', 'connections:write', 'user-credentials:use'])
    expectError(await tokenOf(id, '', { token: await stack.addToken(mine.userId, scopes) }), 403, 'SC403', /connections:use/);
  expectError(await tokenOf(id, '', { token: theirs.token }), 404, 'IM304');
  expectError(await tokenOf(999999), 404, 'IM304');
  expectError(await tokenOf('abc'), 404, 'IM304');
  expectError(await tokenOf(await connect({ grant: false })), 400, 'IM005', /no OAuth connection/);
  for (const query of ['?minimum_seconds=-1', '?minimum_seconds=86401', '?minimum_seconds=soon']) expectError(await tokenOf(id, query), 400, 'SC400', /minimum_seconds/);
  // a token moved to another row does not open
  const other = await connect();
  await stack.mysql(`UPDATE oauth_token a JOIN oauth_grant g ON g.uuid = a.grant_uuid AND g.connection_id = ${other}
    JOIN oauth_grant h ON h.connection_id = ${id} JOIN oauth_token b ON b.grant_uuid = h.uuid SET a.access_sealed = b.access_sealed`);
  assert.equal((await tokenOf(other)).status, 500);
});

test('it is listed as what it is, and nothing of it can be edited', async () => {
  const id = await connect();
  const { connection } = (await stack.api('GET', `/api/v2/connections/${id}`, undefined, { token: mine.token })).body;
  assert.deepEqual([connection.accountType, connection.editable, connection.upgradeable, connection.scopesCnt], ['oauth', false, true, 2]);
  assert.deepEqual(connection.scopes, [{ id: 'repo', account: 'github' }, { id: 'gist', account: 'github' }]);
  const list = (await stack.api('GET', `/api/v2/connections?teamId=${mine.teamId}&type=github&github=repo&github=admin`, undefined, { token: mine.token })).body.connections;
  assert.equal(list.find((one) => one.id === id).scoped, false);
  assert.deepEqual((await stack.api('GET', `/api/v2/connections/${id}/editable-data-schema`, undefined, { token: mine.token })).body, { editableParameters: [] });
  expectError(await stack.api('POST', `/api/v2/connections/${id}/set-data`, { a: 'b' }, { token: mine.token }), 400, 'IM005');
});

test('one that ends is refreshed by one job, however many ask', async () => {
  const id = await connect({ lastsS: 20, ageS: 3580 });
  await stack.kill('runner');
  const begun = await tokenOf(id, '', { headers: { Prefer: 'respond-async' } });
  assert.equal(begun.status, 202, begun.text);
  assert.equal(begun.headers.location, `/api/v2/jobs/${begun.body.job.id}`);
  assert.equal(begun.body.job.kind, 'oauth_refresh');
  const joined = await tokenOf(id, '?minimum_seconds=100', { headers: { Prefer: 'wait=1' } });
  assert.deepEqual([joined.status, joined.body.job?.id], [202, begun.body.job.id], joined.text);
  assert.equal((await tokenOf(id, '?minimum_seconds=5')).body.token, ACCESS);
  // it could not be had: the one there is works still, and goes to who does not insist
  const asking = Promise.all(['', '?minimum_seconds=100'].map((query) => tokenOf(id, query, { headers: { Prefer: 'wait=8' } })));
  let over = false;
  asking.finally(() => { over = true; });
  await waitFor('the answers', async () => {
    await stack.mysql(`UPDATE job SET state = 'failed', active_key = NULL, finished_at = UTC_TIMESTAMP(3), error = 'the provider answered 503'
      WHERE kind = 'oauth_refresh' AND state = 'queued'`);
    return over;
  });
  const [easy, insists] = await asking;
  assert.equal(easy.body.token, ACCESS);
  expectError(insists, 424, 'SC424', /503/);
  await stack.start('runner');
});
