// SPDX-License-Identifier: Apache-2.0
// Keys from outside: types, making, changing, deleting, who sees what; and that what they hold never comes out again.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startStack } from './harness.mjs';

const KEYS = '/api/v2/keys';
const CANARY = 'canary-3c9d41ab77';
const KEY_KEYS = ['id', 'name', 'packageName', 'teamId', 'theme', 'typeName'];

let stack;
let mine;
let theirs;

const keys = (object) => Object.keys(object).sort();
const call = (method, path, body, options = {}) => stack.api(method, path, body, { token: mine.token, ...options });

function expectError(answer, status, code, detail) {
  assert.equal(answer.status, status, answer.text);
  assert.equal(answer.body.code, code, answer.text);
  assert.equal(answer.text.includes(CANARY), false, answer.text);
  if (detail) assert.match(`${answer.body.detail} ${JSON.stringify(answer.body.suberrors ?? [])}`, detail);
}

async function create(change = {}) {
  const answer = await call('POST', KEYS, { name: 'Shop', teamId: mine.teamId, typeName: 'apikeyauth', parameters: { key: CANARY }, ...change });
  assert.equal(answer.status, 200, answer.text);
  return answer.body.key;
}

before(async () => {
  stack = await startStack();
  mine = await stack.world({ name: 'Ada' });
  theirs = await stack.world({ name: 'Mallory' });
});
after(() => stack?.close());

test('types come with the fields of their forms', async () => {
  const { body } = await call('GET', `${KEYS}/types?teamId=${mine.teamId}`);
  assert.deepEqual(keys(body), ['keysTypes']);
  assert.deepEqual(body.keysTypes.map(({ name }) => name), ['aes-key', 'apikeyauth', 'apn', 'basicauth',
    'clientcertauth', 'eet', 'gpg-private', 'gpg-public', 'webpay']);
  for (const type of body.keysTypes) {
    assert.deepEqual(keys(type), ['author', 'componentType', 'icon', 'label', 'name', 'parameters', 'theme', 'version']);
    assert.equal(type.componentType, 'key');
    assert.equal(typeof type.version, 'string');
    for (const field of type.parameters) for (const member of ['name', 'type', 'label', 'required', 'multiline']) assert.ok(member in field);
  }
  const [aes, apikey, basic] = ['aes-key', 'apikeyauth', 'basicauth'].map((name) => body.keysTypes.find((type) => type.name === name));
  assert.deepEqual(aes.parameters.map(({ name, type }) => [name, type]), [['key', 'password'], ['keyEncoding', 'select']]);
  assert.deepEqual(aes.parameters[1].options.map(({ value }) => value).sort(), ['base64', 'hex', 'plain']);
  assert.deepEqual(apikey.parameters.map(({ name, type, default: initial }) => [name, type, initial]),
    [['key', 'password', undefined], ['placement', 'select', 'header'], ['name', 'text', 'X-API-Key']]);
  assert.deepEqual(apikey.parameters[1].options.map(({ value }) => value), ['header', 'qs']);
  assert.deepEqual(basic.parameters.map(({ name, type }) => [name, type]), [['authUser', 'text'], ['authPass', 'password']]);
  const one = await call('GET', `${KEYS}/types?typeName=basicauth&cols=name`);
  assert.deepEqual(one.body, { keysTypes: [{ name: 'basicauth' }] });
});

test('a key is made, read, listed, renamed and deleted', async () => {
  const key = await create();
  assert.deepEqual(keys(key), KEY_KEYS);
  assert.deepEqual({ ...key, id: 0, theme: '' }, { id: 0, name: 'Shop', typeName: 'apikeyauth', teamId: mine.teamId, packageName: null, theme: '' });
  assert.deepEqual((await call('GET', `${KEYS}/${key.id}`)).body, { key });
  assert.deepEqual((await call('GET', `${KEYS}/${key.id}?cols%5B%5D=name`)).body, { key: { name: 'Shop' } });
  const renamed = await call('PATCH', `${KEYS}/${key.id}`, { name: 'Shop 2' });
  assert.deepEqual(renamed.body, { key: { ...key, name: 'Shop 2' } });
  const listed = await call('GET', `${KEYS}?teamId=${mine.teamId}`);
  assert.deepEqual(keys(listed.body), ['keys', 'pg']);
  assert.ok(listed.body.keys.some(({ id, name }) => id === key.id && name === 'Shop 2'));
  for (const query of ['', '?confirmed=false']) expectError(await call('DELETE', `${KEYS}/${key.id}${query}`), 400, 'IM004');
  assert.deepEqual((await call('DELETE', `${KEYS}/${key.id}?confirmed=true`)).body, { key: key.id });
  expectError(await call('GET', `${KEYS}/${key.id}`), 404, 'SC404');
  expectError(await call('DELETE', `${KEYS}/${key.id}?confirmed=true`), 404, 'SC404');
});

test('parameters are laid over what is there and checked as a whole', async () => {
  const key = await create({ typeName: 'aes-key', parameters: { key: '0123456789abcdef' } });
  const patch = (parameters) => call('PATCH', `${KEYS}/${key.id}`, { parameters });
  assert.equal((await patch({ key: '00'.repeat(32), keyEncoding: 'hex' })).status, 200);
  // the stored key is right in hexadecimal only
  assert.equal((await patch({})).status, 200);
  expectError(await patch({ keyEncoding: 'base64' }), 400, 'SC400', /parameters\.key/);
  expectError(await patch({ more: 1 }), 400, 'SC400', /parameters\.more/);
  expectError(await call('PATCH', `${KEYS}/${key.id}`, { name: '' }), 400, 'SC400', /name/);
  expectError(await call('PATCH', `${KEYS}/${key.id}`, { parameters: 'x' }), 400, 'SC400', /parameters/);
  expectError(await call('PATCH', `${KEYS}/${key.id}`, '[]'), 400, 'SC400');
  expectError(await call('PATCH', `${KEYS}/${key.id}`, ''), 400, 'SC400');
});

test('wrong values are refused by name and never repeated', async () => {
  const base = { name: 'x', teamId: mine.teamId, typeName: 'apikeyauth', parameters: { key: 'k' } };
  for (const [change, path] of [
    [{ name: undefined }, /name/],
    [{ name: 'n'.repeat(256) }, /name/],
    [{ name: 'a\nb' }, /name/],
    [{ teamId: undefined }, /teamId/],
    [{ teamId: `${mine.teamId}` }, /teamId/],
    [{ typeName: undefined }, /typeName/],
    [{ parameters: undefined }, /parameters/],
    [{ parameters: [CANARY] }, /parameters/],
    [{ parameters: {} }, /parameters\.key/],
    [{ parameters: { key: '' } }, /parameters\.key/],
    [{ parameters: { key: [CANARY] } }, /parameters\.key/],
    [{ parameters: { key: `${CANARY}\r\nX: y` } }, /parameters\.key/],
    [{ parameters: { key: CANARY.repeat(1000) } }, /parameters\.key/],
    [{ parameters: { key: 'k', placement: 'body' } }, /parameters\.placement/],
    [{ parameters: { key: 'k', name: 'X Key' } }, /parameters\.name/],
    [{ parameters: { key: 'k', unknown: CANARY } }, /parameters\.unknown/],
    [{ typeName: 'basicauth', parameters: { authUser: 'a:b', authPass: CANARY } }, /parameters\.authUser/],
    [{ typeName: 'aes-key', parameters: { key: CANARY } }, /parameters\.key/],
  ]) expectError(await call('POST', KEYS, { ...base, ...change }), 400, 'SC400', path);
  for (const typeName of ['nope', 'APIKEYAUTH', 'gpg-secret', 'keychain:basicauth']) {
    expectError(await call('POST', KEYS, { ...base, typeName }), 400, 'IM007');
  }
  for (const teamId of [theirs.teamId, 999999]) expectError(await call('POST', KEYS, { ...base, teamId }), 403, 'IM002');
});

test('lists are by name, filtered by type, with pages', async () => {
  const teamId = await stack.addTeam('Lists', mine.organizationId);
  await stack.ctl(['member', 'add', '--team', String(teamId), '--user', String(mine.userId)]);
  for (const name of ['b', 'C', 'a']) await create({ teamId, name });
  await create({ teamId, name: 'login', typeName: 'basicauth', parameters: { authUser: 'u', authPass: CANARY } });
  const names = async (query) => (await call('GET', `${KEYS}?teamId=${teamId}${query}`)).body.keys.map(({ name }) => name);
  assert.deepEqual(await names(''), ['a', 'b', 'C', 'login']);
  assert.deepEqual(await names('&pg%5BsortDir%5D=desc&pg%5Blimit%5D=2'), ['login', 'C']);
  assert.deepEqual(await names('&typeName=basicauth'), ['login']);
  assert.deepEqual(await names('&typeName=gpg-private'), []);
  const { pg } = (await call('GET', `${KEYS}?teamId=${teamId}&pg%5BreturnTotalCount%5D=1&typeName=apikeyauth&pg%5Blimit%5D=1`)).body;
  assert.deepEqual(pg, { sortBy: 'name', sortDir: 'asc', limit: 1, offset: 0, totalCount: 3 });
  expectError(await call('GET', KEYS), 400, 'SC400', /teamId/);
  expectError(await call('GET', `${KEYS}?teamId=${teamId}&cols=parameters`), 400, 'SC400', /cols/);
});

test('keys of others are as unknown as those that are not there', async () => {
  const key = await create();
  for (const [method, query, body] of [['GET', ''], ['PATCH', '', { name: 'x' }], ['DELETE', ''], ['DELETE', '?confirmed=true']]) {
    const hidden = await call(method, `${KEYS}/${key.id}${query}`, body, { token: theirs.token });
    const missing = await call(method, `${KEYS}/999999${query}`, body, { token: theirs.token });
    expectError(hidden, 404, 'SC404');
    assert.equal(hidden.text, missing.text);
  }
  expectError(await call('GET', `${KEYS}?teamId=${mine.teamId}`, undefined, { token: theirs.token }), 403, 'IM002');
  assert.equal((await call('GET', `${KEYS}/${key.id}`)).body.key.name, 'Shop');
});

test('reading and writing keys are scopes of their own', async () => {
  const key = await create();
  const reader = await stack.addToken(mine.userId, 'keys:read');
  const writer = await stack.addToken(mine.userId, 'keys:write');
  assert.equal((await call('GET', `${KEYS}/${key.id}`, undefined, { token: reader })).status, 200);
  for (const [method, path, token, scope] of [
    ['POST', KEYS, reader, 'keys:write'], ['PATCH', `${KEYS}/${key.id}`, reader, 'keys:write'],
    ['DELETE', `${KEYS}/${key.id}?confirmed=true`, reader, 'keys:write'], ['GET', `${KEYS}/${key.id}`, writer, 'keys:read'],
    ['GET', `${KEYS}?teamId=${mine.teamId}`, writer, 'keys:read'], ['GET', `${KEYS}/types`, writer, 'keys:read'],
  ]) {
    const answer = await call(method, path, method === 'GET' ? undefined : {}, { token });
    expectError(answer, 403, 'SC403');
    assert.ok(answer.body.detail.includes(scope), answer.text);
  }
});

test('a value edited in the database is an integrity error, told to the client and the audit trail', async () => {
  const one = await create();
  const two = await create();
  await stack.mysql(`UPDATE keychain a JOIN keychain b ON b.id = ${one.id} SET a.parameters_sealed = b.parameters_sealed WHERE a.id = ${two.id}`);
  expectError(await call('PATCH', `${KEYS}/${two.id}`, { parameters: { name: 'X-Other' } }), 500, 'SC500');
  const [[events]] = await stack.mysql("SELECT COUNT(*) FROM audit WHERE event = 'integrity.error' AND outcome = 'failed'");
  assert.equal(events, '1');
  assert.equal((await call('GET', `${KEYS}/${two.id}`)).status, 200);
});

test('what keys hold is nowhere to be seen', async () => {
  await create({ typeName: 'basicauth', parameters: { authUser: 'u', authPass: CANARY } });
  assert.deepEqual(await stack.findSecret(CANARY), []);
});
