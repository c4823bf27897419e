// SPDX-License-Identifier: Apache-2.0
// Using and testing an OAuth connection: its access token from the database, what is said where there is none, and when it is
// refreshed. The connections are put into the database as a person's trip to the provider leaves them.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { startStack, waitFor } from './harness.mjs';
import { sealerOf } from './seal.mjs';
import { startVendor } from './vendor.mjs';

const ACCESS = 'access-token-5f20c1';
const REFRESH = 'refresh-token-b81e07';

let stack; let mine; let theirs; let seal; let vendor; let apps; let used = 0;

const definitionOf = (url) => ({
  name: 'oauthlet',
  version: 1,
  label: 'Oauthlet',
  connections: [{
    type: 'oauthlet', label: 'Oauthlet', auth: 'oauth2', allowed_hosts: [new URL(url).host],
    inject: [{ where: 'header', name: 'Authorization', template: 'Bearer <<access_token>>' }],
    oauth2: {
      authorize_url: `${url}/authorize`, token_url: `${url}/hang`, client_auth: 'body', pkce: 'S256', scopes: [{ name: 'read', words: 'Read' }],
      default_scopes: ['read'], expires: { source: 'answer', default_s: 3600 },
    },
    test: { method: 'GET', url: `${url}/whoami`, expect: [200] },
    account_name: ['/email'],
  }],
  modules: [{ id: 'Get', name: 'Get', label: 'Get', type: 'account:oauthlet', scope: ['read'] }],
});

before(async () => {
  vendor = await startVendor();
  apps = mkdtempSync(join(tmpdir(), 'bailee-apps-'));
  writeFileSync(join(apps, 'oauthlet.json'), JSON.stringify(definitionOf(vendor.url)));
  stack = await startStack({ workers: 4, set: [`common.apps_extra_dir=${apps}`] });
  mine = await stack.world({ name: 'Ada' });
  theirs = await stack.world({ name: 'Mallory' });
  seal = await sealerOf(stack, mine.teamId);
});
after(async () => {
  await stack?.close();
  await vendor?.close();
  rmSync(apps, { recursive: true, force: true });
});

const bin = (id) => `UNHEX('${id.replaceAll('-', '')}')`;

const tokenOf = (id, query = '', options = {}) => stack.api('POST', `/api/v2/connections/${id}/token${query}`, undefined, { token: mine.token, ...options });

function expectError(answer, status, code, detail) {
  assert.deepEqual([answer.status, answer.body?.code], [status, code], answer.text);
  if (detail) assert.match(answer.body.detail, detail);
  for (const secret of [ACCESS, REFRESH]) assert.equal(answer.text.includes(secret), false);
}

// A connection as a person's trip to the provider leaves it. `lastsS`, `ageS`: of the token, in seconds; null: it does not end.
async function connect({ lastsS = 3600, ageS = 0, refresh = true, state = 'active', problem = null, type = 'github', grant = true } = {}) {
  const [uuid, owner] = [randomUUID(), randomUUID()];
  used += 1;
  await stack.mysql(`INSERT INTO connection (uuid, team_id, name, account_name, account_label, account_type, package_name, scopes, parameters_sealed, created_at, updated_at)
    VALUES (${bin(owner)}, ${mine.teamId}, 'c${used}', '${type}', 'Label', 'oauth', '${type}', '["repo","gist"]', UNHEX('${seal('connection', owner, 'parameters', '{}')}'), UTC_TIMESTAMP(3), UTC_TIMESTAMP(3))`);
  const [[id]] = await stack.mysql(`SELECT id FROM connection WHERE uuid = ${bin(owner)}`);
  if (!grant) return Number(id);
  await stack.mysql(`INSERT INTO oauth_grant (uuid, team_id, state, connection_id, callback_id, client_id, connection_type, scopes, parameters_sealed, generation, problem, created_at, updated_at)
    VALUES (${bin(uuid)}, ${mine.teamId}, '${state}', ${id}, ${bin(randomUUID())}, 'client', '${type}', '["repo","gist"]', UNHEX('${seal('oauth_grant', uuid, 'parameters', '{}')}'), 1,
      ${problem === null ? 'NULL' : `'${problem}'`}, UTC_TIMESTAMP(3), UTC_TIMESTAMP(3));
    INSERT INTO oauth_token (grant_uuid, generation, team_id, access_sealed, refresh_sealed, token_type, expires_at, created_at)
    VALUES (${bin(uuid)}, 1, ${mine.teamId}, UNHEX('${seal('oauth_token', uuid, 'access:1', ACCESS)}'), ${refresh ? `UNHEX('${seal('oauth_token', uuid, 'refresh:1', REFRESH)}')` : 'NULL'}, 'bearer',
      ${lastsS === null ? 'NULL' : `UTC_TIMESTAMP(3) + INTERVAL ${lastsS} SECOND`}, UTC_TIMESTAMP(3) - INTERVAL ${ageS} SECOND)`);
  return Number(id);
}

test('a name that no token can have was an error of ours', async () => {
  const id = await connect();
  for (const name of ['Grüße', '日本', '🔑', 'ma\u0131n', 'MAIN', "main' OR '1'='1"])
    expectError(await tokenOf(id, `?token=${encodeURIComponent(name)}`), 400, 'IM005', /has no token/);
});

test('the token that is there is given, and its use is noted', async () => {
  const id = await connect();
  const user = await stack.addToken(mine.userId, 'connections:use');
  for (let i = 0; i < 3; i++) {
    const given = await tokenOf(id, '', { token: user });
    assert.equal(given.status, 200, given.text);
    assert.deepEqual([given.body.token, given.body.tokenType, given.body.fields], [ACCESS, 'bearer', {}]);
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
  assert.deepEqual((await stack.api('GET', `/api/v2/connections/${id}/editable-data-schema`, undefined, { token: mine.token })).body, { editableParameters: [], fields: [] });
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

describe('a test', () => {
  const CREDENTIALS = '/api/v2/credential-requests/credentials';
  const call = (method, path, body) => stack.api(method, path, body, { token: mine.token });
  const verify = (id) => call('POST', `/api/v2/connections/${id}/test`);
  const again = (id) => call('POST', `${CREDENTIALS}/${id}/request-reauthorize`);
  const stateOf = async (id) => (await call('GET', `${CREDENTIALS}/${id}`)).body.credential.state;
  const vendorTakes = (...tokens) => vendor.on('/whoami', (request, response) =>
    response.writeHead(tokens.includes(request.headers.authorization) ? 200 : 401, { 'content-type': 'application/json' }).end('{"email":"ada@oauthlet.example"}'));
  const oauthlet = (more) => connect({ type: 'oauthlet', ...more });

  // A credential that was authorized with it.
  async function credentialOf(id) {
    const made = await call('POST', '/api/v2/credential-requests/requests/v2', { name: 'Again', teamId: mine.teamId,
      provider: { providerMakeUserId: mine.userId }, credentials: [{ appName: 'oauthlet', appModules: ['*'] }] });
    const { requestDetail } = (await call('GET', `/api/v2/credential-requests/requests/${made.body.request.id}/detail`)).body;
    const [credential] = requestDetail.credentials;
    await stack.mysql(`UPDATE credential SET state = 'authorized', remote_id = ${id}, platform = 'local' WHERE id = ${bin(credential.id)}`);
    return credential.id;
  }

  test('is made with the access token, and tells whose account it is', async () => {
    const id = await oauthlet();
    vendorTakes(`Bearer ${ACCESS}`);
    assert.deepEqual((await verify(id)).body, { verified: true });
    assert.equal((await call('GET', `/api/v2/connections/${id}`)).body.connection.metadata.value, 'ada@oauthlet.example');
    const credential = await credentialOf(id);
    expectError(await again(credential), 400, 'IM005', /still valid/);
    assert.equal(await stateOf(credential), 'authorized');
  });

  test('that is refused opens the credential again, where nothing can be renewed', async () => {
    vendorTakes();
    for (const how of [{ refresh: false }, { refresh: false, lastsS: -60, ageS: 3600 }, { state: 'broken', problem: 'invalid_grant' }, { grant: false }]) {
      const id = await oauthlet(how);
      const credential = await credentialOf(id);
      expectError(await verify(id), 400, 'IM005');
      assert.equal(await stateOf(credential), 'authorized');
      const opened = await again(credential);
      assert.deepEqual([opened.status, opened.body.credential?.state], [200, 'reauthorizing'], `${JSON.stringify(how)} ${opened.text}`);
    }
  });

  test('of an old token that is refused waits for a new one before it says so', async () => {
    for (const how of [{}, { lastsS: -5, ageS: 3600 }]) {
      const id = await oauthlet(how);
      const credential = await credentialOf(id);
      vendorTakes('Bearer renewed-token');
      const [[grant, text]] = await stack.mysql(`SELECT HEX(uuid), uuid_text(uuid) FROM oauth_grant WHERE connection_id = ${id}`);
      // a refresh that another runner is at
      await stack.mysql(`INSERT INTO job (kind, subject, active_key, team_id, state, run_at, attempt, max_attempts, lease_owner, lease_until, payload, created_at)
        VALUES ('oauth_refresh', '${text}', 'oauth:${text}', ${mine.teamId}, 'running', UTC_TIMESTAMP(3), 1, 5, 'x', UTC_TIMESTAMP(3) + INTERVAL 1 HOUR, '{}', UTC_TIMESTAMP(3))`);
      const tested = again(credential);
      await waitFor('the test', async () => (await stack.mysql(`SELECT started_at FROM job WHERE kind = 'remote_test' AND subject = '${id}' AND started_at IS NOT NULL`)).length > 0);
      await stack.mysql(`START TRANSACTION; UPDATE job SET state = 'done', active_key = NULL, finished_at = UTC_TIMESTAMP(3) WHERE active_key = 'oauth:${text}';
        INSERT INTO oauth_token (grant_uuid, generation, team_id, access_sealed, token_type, expires_at, created_at)
        VALUES (UNHEX('${grant}'), 2, ${mine.teamId}, UNHEX('${seal('oauth_token', text, 'access:2', 'renewed-token')}'), 'bearer', UTC_TIMESTAMP(3) + INTERVAL 1 HOUR, UTC_TIMESTAMP(3));
        UPDATE oauth_grant SET generation = 2 WHERE uuid = UNHEX('${grant}'); COMMIT`);
      expectError(await tested, 400, 'IM005', /still valid/);
      assert.equal(await stateOf(credential), 'authorized');
      assert.equal((await tokenOf(id)).body.token, 'renewed-token');
    }
  });

  test('of an old token that is refused, and not renewed, says nothing', async () => {
    const id = await oauthlet();
    const credential = await credentialOf(id);
    vendorTakes();
    const tested = again(credential);
    const [[grant]] = await stack.mysql(`SELECT uuid_text(uuid) FROM oauth_grant WHERE connection_id = ${id}`);
    const refreshes = () => stack.mysql(`SELECT state FROM job WHERE kind = 'oauth_refresh' AND subject = '${grant}'`);
    await waitFor('the refresh', async () => (await refreshes()).length === 1);
    await stack.mysql(`UPDATE job SET state = 'failed', active_key = NULL, finished_at = UTC_TIMESTAMP(3), fence = fence + 1
      WHERE kind = 'oauth_refresh' AND subject = '${grant}'`);
    expectError(await tested, 424, 'SC424', /refreshed|answered|registration/);
    assert.equal(await stateOf(credential), 'authorized');
    assert.equal((await refreshes()).length, 1);
  });

  test('that cannot be made says nothing', async () => {
    const id = await oauthlet();
    const credential = await credentialOf(id);
    vendor.on('/whoami', (request, response) => response.writeHead(503).end());
    expectError(await verify(id), 424, 'SC424');
    expectError(await again(credential), 424, 'SC424');
    assert.equal(await stateOf(credential), 'authorized');
  });
});

test('deleting one gives its grant back', async () => {
  const id = await connect();
  const [[grant]] = await stack.mysql(`SELECT uuid_text(uuid) FROM oauth_grant WHERE connection_id = ${id}`);
  expectError(await stack.api('DELETE', `/api/v2/connections/${id}`, undefined, { token: mine.token }), 400, 'IM004');
  assert.deepEqual((await stack.api('DELETE', `/api/v2/connections/${id}?confirmed=true`, undefined, { token: mine.token })).body, { connection: id });
  assert.deepEqual(await stack.mysql(`SELECT kind FROM job WHERE subject = '${grant}'`), [['oauth_revoke']]);
  expectError(await tokenOf(id), 404, 'IM304');
});

test('more scopes are asked of the person for the same connection', async () => {
  const id = await connect();
  const extend = (scopes) => stack.api('POST', '/api/v2/credential-requests/actions/extend', { connectionId: id, scopes }, { token: mine.token });
  expectError(await extend(['repo']), 400, 'IM005', /has all of these/);
  const asked = await extend(['user']);
  assert.equal(asked.status, 200, asked.text);
  const { credentials } = (await stack.api('GET', `/api/v2/credential-requests/requests/${asked.body.request.id}/detail`, undefined, { token: mine.token })).body.requestDetail;
  assert.deepEqual(credentials.map(({ component, type, name, scope }) => [component, type, name, scope]), [['account', 'oauth', 'github', ['repo', 'gist', 'user']]]);
});
