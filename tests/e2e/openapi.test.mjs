// SPDX-License-Identifier: Apache-2.0
// The OpenAPI document: served to anybody, a valid one, and true. What every other test gets as an answer is held against it
// by the harness; here it is shown that the harness would notice.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Contract } from './contract.mjs';
import { startStack, TOP } from './harness.mjs';

const KEYS = '/api/v2/keys';
let stack;
let mine;
let document;

before(async () => {
  stack = await startStack();
  mine = await stack.world({ name: 'Ada' });
  document = (await stack.call('GET', '/api/openapi.json')).body;
});
after(() => stack?.close());

test('the document is served without a token, as JSON, and names this installation', async () => {
  const answer = await stack.call('GET', '/api/openapi.json');
  assert.equal(answer.status, 200);
  assert.match(answer.headers['content-type'], /^application\/json/);
  assert.equal(answer.body.openapi, '3.1.0');
  assert.deepEqual(answer.body.servers, [{ url: stack.url }]);
  assert.equal(answer.body.info.version, (await stack.api('GET', '/api/v1/info', undefined, { token: mine.token })).body.version);
});

test('every operation has an id of its own, parameters for every part of its path, and schemas that compile', () => {
  const contract = new Contract(document);
  const ids = new Set();
  for (const [path, methods] of Object.entries(document.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      assert.equal(ids.has(operation.operationId), false, operation.operationId);
      ids.add(operation.operationId);
      assert.deepEqual(operation.parameters.filter((one) => one.in === 'path').map(({ name }) => name),
        [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name));
      const at = `/paths/${path.replaceAll('/', '~1')}/${method}`;
      for (const [status, response] of Object.entries(operation.responses)) {
        assert.ok(response.description.length > 0, `${method} ${path} ${status}`);
        for (const type of Object.keys(response.content ?? {})) contract.validator(`${at}/responses/${status}/content/${type.replace('/', '~1')}/schema`)({});
      }
      if (operation.requestBody) contract.validator(`${at}/requestBody/content/application~1json/schema`)({});
    }
  }
  assert.ok(ids.size > 30);
});

test('what the table of fields says is in the schema of the body', () => {
  const { schema } = document.paths[KEYS].post.requestBody.content['application/json'];
  assert.deepEqual(schema.required, ['name', 'teamId', 'typeName', 'parameters']);
  assert.deepEqual(schema.properties.name, { type: 'string', minLength: 1, maxLength: 255 });
  assert.ok(document.paths[KEYS].post.parameters.some((one) => one.$ref === '#/components/parameters/IdempotencyKey'));
});

test('an answer that differs in status, member, type or column is noticed', async () => {
  const contract = new Contract(document);
  const list = `${KEYS}?teamId=${mine.teamId}`;
  await stack.api('POST', KEYS, { name: 'One', teamId: mine.teamId, typeName: 'apikeyauth', parameters: { key: 'x' } }, { token: mine.token });
  const good = await stack.api('GET', list, undefined, { token: mine.token });
  const changed = (change) => {
    const copy = structuredClone({ status: good.status, headers: good.headers, text: good.text, body: good.body });
    change(copy);
    return contract.differences('GET', list, copy);
  };
  assert.deepEqual(changed(() => {}), []);
  for (const [what, change] of [
    ['an undocumented status', (a) => { a.status = 201; }],
    ['an unknown member', (a) => { a.body.keys[0].secret = 'x'; }],
    ['a missing member', (a) => { delete a.body.keys[0].theme; }],
    ['another type', (a) => { a.body.keys[0].id = '7'; }],
    ['a missing page', (a) => { delete a.body.pg; }],
    ['another content type', (a) => { a.headers['content-type'] = 'text/html'; }],
    ['no JSON', (a) => { a.body = undefined; }],
  ]) assert.notDeepEqual(changed(change), [], what);
  const few = await stack.api('GET', `${list}&cols=id`, undefined, { token: mine.token });
  assert.deepEqual(Object.keys(few.body.keys[0]), ['id']);
  assert.deepEqual(contract.differences('GET', '/nowhere', { status: 418 }), []);
  assert.match(contract.differences('GET', list, { status: 429, headers: { 'content-type': 'application/json' }, text: '{}', body: {} }).join(), /Retry-After/);
});

test('a missing or broken file of schemas stops the API pool and is named', async () => {
  for (const file of ['/nonexistent.json', join(TOP, 'README.md')]) {
    const { code, stderr } = await stack.tryProgram('bailee-fcgi', ['--pool=api'], { env: { BAILEE_OPENAPI_FILE: file, BAILEE_LISTEN_SOCKET: join(stack.dir, 'run', 'other.sock') }, ms: 20000 });
    assert.equal(code, 78, stderr);
    assert.ok(stderr.includes(file), stderr);
  }
});

test('the file of schemas in the tree is the one that is served', () => {
  const file = JSON.parse(readFileSync(join(TOP, 'docs', 'openapi', 'schemas.json'), 'utf8'));
  assert.deepEqual(document.components, file.components);
});

test('docs/REQUESTS.md names every call below /credential-requests, every state and every status of a request', () => {
  const text = readFileSync(join(TOP, 'docs', 'REQUESTS.md'), 'utf8');
  const base = '/api/v2/credential-requests';
  const calls = Object.entries(document.paths).filter(([path]) => path.startsWith(`${base}/`))
    .flatMap(([path, methods]) => Object.keys(methods).filter((method) => method !== 'parameters').map((method) => `${method.toUpperCase()} ${path.slice(base.length)}`));
  assert.ok(calls.length > 10, calls.join());
  for (const call of calls) assert.ok(text.includes(`\`${call}\``), call);
  const { Credential, CredentialRequest } = document.components.schemas;
  for (const word of [...Credential.properties.state.enum, ...CredentialRequest.properties.status.enum]) assert.ok(text.includes(`\`${word}\``), word);
});
