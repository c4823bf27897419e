// SPDX-License-Identifier: Apache-2.0
// Idempotency-Key: a call that creates and is sent again has one effect and one answer.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startStack } from './harness.mjs';

const KEYS = '/api/v2/keys';
const REQUESTS = '/api/v2/credential-requests/requests/v2';
const CANARY = 'canary-7e21c0ab55';

let stack;
let mine;
let theirs;
let number = 0;

const call = (path, body, key, options = {}) => stack.api('POST', path, body,
  { token: mine.token, headers: key === undefined ? {} : { 'idempotency-key': key }, ...options });
const nextKey = () => `test-${++number}`;
const keyBody = (change = {}) => ({ name: `Key ${number}`, teamId: mine.teamId, typeName: 'apikeyauth', parameters: { key: CANARY }, ...change });
const requestBody = (change = {}) => ({ name: `Request ${number}`, teamId: mine.teamId, provider: { providerMakeUserId: mine.userId },
  credentials: [{ appName: 'http', appModules: ['*'] }], ...change });
const count = async (table, where = '1') => Number((await stack.mysql(`SELECT COUNT(*) FROM ${table} WHERE ${where}`))[0][0]);

function expectReplay(first, again) {
  assert.equal(first.headers['idempotent-replayed'], undefined);
  assert.equal(again.headers['idempotent-replayed'], 'true', again.text);
  assert.equal(again.status, first.status);
  assert.equal(again.text, first.text);
  assert.equal(again.headers['content-type'], first.headers['content-type']);
  assert.equal(again.headers.location, first.headers.location);
}

before(async () => {
  stack = await startStack({ workers: 6 });
  mine = await stack.world({ name: 'Ada' });
  theirs = await stack.world({ name: 'Mallory' });
});
after(() => stack?.close());

// Every call that creates: path with its query, body, and the table that grows.
const CREATES = [
  ['/api/v2/connections?teamId=1', () => ({ accountName: `Connection ${number}`, accountType: 'anthropic', apiKey: CANARY }), 'connection'],
  [KEYS, () => keyBody(), 'keychain'],
  [REQUESTS, () => requestBody(), 'credential_request'],
  ['/api/v2/credential-requests/requests', () => ({ name: `Old ${number}`, teamId: mine.teamId, provider: { providerMakeUserId: mine.userId },
    keys: [{ type: 'basicauth', appName: 'http', appModules: ['*'], appVersion: '3' }] }), 'credential_request'],
  ['/api/v2/credential-requests/actions/create', () => ({ teamId: mine.teamId, credentials: [{ appName: 'http', appModules: ['*'] }] }), 'credential_request'],
  ['/api/v2/credential-requests/actions/create-by-credentials', () => ({ teamId: mine.teamId, keys: [{ type: 'basicauth' }] }), 'credential_request'],
  ['/api/v1/folders', () => ({ name: `Folder ${number}`, team_id: mine.teamId, content_type: 'CREDENTIAL' }), 'folder'],
  ['/api/v1/user_credentials', () => ({ name: `Text ${number}`, team_id: mine.teamId, mode: 'TEXT', value: CANARY }), 'user_credential'],
];
test('every call that is documented to take a key is tried here', async () => {
  const { body } = await stack.call('GET', '/api/openapi.json');
  const documented = Object.entries(body.paths).filter(([, methods]) => methods.post?.parameters.some((one) => one.$ref?.endsWith('/IdempotencyKey')));
  // extend needs a connection that a person has signed in to; it is the same handler's end as the other actions, and connect of a user
  // credential is tried where those are connected
  assert.deepEqual(documented.map(([path]) => path).filter((path) => !/\/(extend|connect)$/.test(path)).sort(), CREATES.map(([path]) => path.split('?')[0]).sort());
});
for (const [path, make, table] of CREATES) {
  test(`POST ${path} again with the same key has no second effect and the first answer`, async () => {
    const key = nextKey();
    const body = make();
    const first = await call(path, body, key);
    assert.ok(first.status === 200 || first.status === 201, first.text);
    const before_ = await count(table);
    expectReplay(first, await call(path, body, key));
    expectReplay(first, await call(path, body, key));
    assert.equal(await count(table), before_);
  });
  test(`POST ${path} ten times at once with one key has exactly one effect`, async () => {
    const key = nextKey();
    const body = make();
    const before_ = await count(table);
    const answers = await Promise.all(Array.from({ length: 10 }, () => call(path, body, key)));
    assert.equal(await count(table), before_ + 1);
    const fresh = answers.filter((answer) => !answer.headers['idempotent-replayed']);
    assert.deepEqual(fresh.map(({ status }) => status < 300), [true], fresh.map(({ text }) => text).join('\n'));
    for (const answer of answers) assert.equal(answer.text, fresh[0].text);
  });
}

test('the link of a request is the same when it is given again, and is nowhere in the open', async () => {
  const key = nextKey();
  const first = await call(REQUESTS, requestBody(), key);
  expectReplay(first, await call(REQUESTS, requestBody(), key));
  const secret = first.body.publicUri.split('#')[1];
  assert.ok(secret.length > 30);
  assert.deepEqual(await stack.findSecret(secret), []);
});

test('another body or query with the same key is refused, without an effect', async () => {
  const key = nextKey();
  const first = await call(KEYS, keyBody(), key);
  assert.equal(first.status, 200, first.text);
  const before_ = await count('keychain');
  for (const [path, body] of [[KEYS, keyBody({ name: 'Another' })], [`${KEYS}?x=1`, keyBody()], [KEYS, `${JSON.stringify(keyBody())} `], [KEYS, {}]]) {
    const answer = await call(path, body, key);
    assert.equal(answer.status, 422, answer.text);
    assert.equal(answer.body.code, 'SC422');
    assert.match(answer.body.detail, /Idempotency-Key/);
  }
  assert.equal(await count('keychain'), before_);
  expectReplay(first, await call(KEYS, keyBody(), key));
  const folder = { name: `Folder ${key}`, team_id: mine.teamId, content_type: 'CREDENTIAL' };
  assert.equal((await call('/api/v1/folders', folder, key)).status, 201);
  const refused = await call('/api/v1/folders', { ...folder, name: 'x' }, key);
  assert.equal(refused.status, 422);
  assert.match(refused.body.error, /another query or body/);
});

test('keys are told apart by caller, path and letter case', async () => {
  const key = `${nextKey()}-a`;
  const first = await call(KEYS, keyBody(), key);
  const upper = await call(KEYS, keyBody(), key.toUpperCase());
  const other = await call(KEYS, { ...keyBody(), teamId: theirs.teamId }, key, { token: theirs.token });
  for (const answer of [upper, other]) {
    assert.equal(answer.status, 200, answer.text);
    assert.equal(answer.headers['idempotent-replayed'], undefined);
    assert.notEqual(answer.body.key.id, first.body.key.id);
  }
});

test('without a key, and with one on a call that creates nothing, nothing is kept', async () => {
  const before_ = await count('idempotency');
  const [one, two] = [await call(KEYS, keyBody()), await call(KEYS, keyBody())];
  assert.notEqual(one.body.key.id, two.body.key.id);
  const key = nextKey();
  for (let i = 0; i < 2; i++) {
    const answer = await stack.api('PATCH', `${KEYS}/${one.body.key.id}`, { name: `New ${i}` }, { token: mine.token, headers: { 'idempotency-key': key } });
    assert.equal(answer.body.key.name, `New ${i}`);
  }
  assert.equal(await count('idempotency'), before_);
});

test('a call that was refused had no effect, is not kept, and runs anew', async () => {
  const key = nextKey();
  const refused = await call(KEYS, keyBody({ teamId: theirs.teamId }), key);
  assert.equal(refused.status, 403, refused.text);
  await stack.ctl(['member', 'add', '--team', String(theirs.teamId), '--user', String(mine.userId)]);
  const made = await call(KEYS, keyBody({ teamId: theirs.teamId }), key);
  assert.equal(made.status, 200, made.text);
  assert.equal(made.headers['idempotent-replayed'], undefined);
});

test('a token that is revoked or lacks the scope gets no kept answer', async () => {
  const key = nextKey();
  const weak = await stack.addToken(mine.userId, 'keys:read');
  const first = await call(KEYS, keyBody(), key);
  assert.equal(first.status, 200);
  assert.equal((await call(KEYS, keyBody(), key, { token: weak })).status, 403);
  assert.equal((await call(KEYS, keyBody(), key, { token: undefined })).status, 401);
});

test('keys of 1 to 255 visible characters are taken, others refused by name', async () => {
  for (const key of ['a', '"quoted"', '~'.repeat(255)]) assert.equal((await call(KEYS, keyBody(), key)).status, 200, key);
  for (const key of ['a b', 'a\tb', 'x'.repeat(256)]) {
    const answer = await call(KEYS, keyBody(), key);
    assert.equal(answer.status, 400, answer.text);
    assert.match(answer.body.detail, /Idempotency-Key/);
  }
});

test('after a day the key is free again, and the row goes', async () => {
  const key = nextKey();
  const first = await call(KEYS, keyBody(), key);
  await stack.mysql('UPDATE idempotency SET created_at = created_at - INTERVAL 25 HOUR');
  const again = await call(KEYS, keyBody(), key);
  assert.equal(again.status, 200, again.text);
  assert.notEqual(again.body.key.id, first.body.key.id);
});

test('an answer that was moved to another row or team does not open', async () => {
  const key = nextKey();
  assert.equal((await call(KEYS, keyBody(), key)).status, 200);
  await stack.mysql('UPDATE idempotency SET uuid = UNHEX(MD5(RAND())) ORDER BY created_at DESC LIMIT 1');
  const answer = await call(KEYS, keyBody(), key);
  assert.equal(answer.status, 500, answer.text);
  assert.equal(answer.text.includes(CANARY), false);
});

test('kept rows hold neither the key sent nor the body, nor a digest that could be guessed', async () => {
  const key = 'guess-me-1';
  const body = JSON.stringify(keyBody());
  await call(KEYS, body, key);
  const { createHash } = await import('node:crypto');
  const plain = createHash('sha256').update(`|${body.length}:${body}`).digest('hex');
  const rows = await stack.mysql('SELECT HEX(call_hash), HEX(answer_sealed) FROM idempotency');
  assert.ok(rows.length > 0);
  for (const [hash] of rows) assert.notEqual(hash.toLowerCase(), plain);
  assert.deepEqual(await stack.findSecret(CANARY), []);
});

test('killed workers never leave an effect without its answer, or two effects', async () => {
  const body = () => keyBody({ name: 'Crash' });
  const pending = [];
  const keys = Array.from({ length: 30 }, nextKey);
  for (const key of keys) pending.push(call(KEYS, body(), key).catch(() => null));
  for (const pid of (await stack.pids('api')).slice(1)) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // gone already
    }
  }
  await Promise.all(pending);
  for (const key of keys) {
    let answer;
    for (let i = 0; i < 20 && answer?.status !== 200; i++) {
      answer = await call(KEYS, body(), key).catch(() => null);
      if (answer?.status !== 200) await new Promise((resolve) => { setTimeout(resolve, 100); });
    }
    assert.equal(answer.status, 200, answer.text);
  }
  assert.equal(await count('keychain', "name = 'Crash'"), keys.length);
});
