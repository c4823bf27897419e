// SPDX-License-Identifier: Apache-2.0
// Requests that no honest client sends, through nginx and straight into the pools' sockets: refused in the shape of the
// surface, never a 5xx, never a worker held up.
import assert from 'node:assert/strict';
import net from 'node:net';
import { after, before, test } from 'node:test';
import { join } from 'node:path';
import { sleep, startStack, waitFor } from '../e2e/harness.mjs';
import { workersOf } from './load.mjs';

const WORKERS = 2;
let stack, world, workers, credential;
before(async () => {
  stack = await startStack({ workers: WORKERS });
  world = await stack.world();
  const made = await stack.api('POST', '/api/v1/user_credentials',
    { name: 'One', mode: 'TEXT', team_id: world.teamId, value: 'v' }, { token: world.token });
  assert.equal(made.status, 201, made.text);
  credential = made.body;
  workers = (await workersOf(stack, 'api')).sort();
});
after(() => stack?.close());

// The error shape of the surface that a path belongs to; nothing else is acceptable below 500.
function assertShape(path, answer, statuses) {
  assert.ok(answer.status < 500, `${path}: ${answer.status} ${answer.text}`);
  if (statuses) assert.ok([statuses].flat().includes(answer.status), `${path}: ${answer.status} ${answer.text}`);
  assert.match(answer.headers['x-request-id'] ?? '', /^[\w-]{8,36}$/, path);
  if (answer.status < 400) return;
  assert.match(answer.headers['content-type'] ?? '', /^application\/json/, `${path}: ${answer.text}`);
  if (/^\/api\/v1([/?]|$)/.test(path)) {
    assert.equal(typeof answer.body?.error, 'string', answer.text);
    assert.ok(Array.isArray(answer.body.errors) && answer.body.errors.length > 0, answer.text);
    for (const error of answer.body.errors) assert.ok(typeof error.message === 'string' && typeof error.details === 'string', answer.text);
  } else {
    assert.ok(typeof answer.body?.message === 'string' && typeof answer.body.detail === 'string', answer.text);
    assert.match(answer.body.code, /^(SC|IM)\d{3}$/, answer.text);
  }
}

async function ask(method, path, { body, statuses, token = world.token, ...options } = {}) {
  const answer = await stack.api(method, path, body, { token, ...options });
  if (method !== 'HEAD') assertShape(path, answer, statuses);
  return answer;
}

// Bytes over a plain connection; gives { status, headers, text, body } of the first answer, as soon as it is whole.
function sendRaw(bytes, ms = 10000) {
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = net.connect(stack.port, '127.0.0.1', () => socket.write(bytes));
    const end = () => {
      socket.destroy();
      resolve(parseAnswer(text));
    };
    socket.setTimeout(ms, () => { socket.destroy(); reject(new Error(`no whole answer: ${text}`)); });
    socket.on('data', (part) => {
      text += part.toString('latin1');
      const [head, body] = text.split(/\r\n\r\n(.*)/s);
      const length = /^content-length: (\d+)/im.exec(head)?.[1];
      if (body !== undefined && length !== undefined && body.length >= Number(length)) end();
    });
    socket.on('error', end); // nginx may reset what it has refused
    socket.on('close', end);
  });
}

function parseAnswer(text) {
  const [head, body = ''] = text.split(/\r\n\r\n(.*)/s);
  const answer = { status: Number(/^HTTP\/1\.[01] (\d{3})/.exec(head)?.[1]), headers: {}, text: body, body: undefined };
  for (const line of head.split('\r\n').slice(1)) {
    const at = line.indexOf(':');
    answer.headers[line.slice(0, at).toLowerCase()] = line.slice(at + 1).trim();
  }
  try {
    answer.body = JSON.parse(body);
  } catch {
    // not JSON
  }
  return answer;
}

const V1 = '/api/v1/user_credentials';
const V2 = '/api/v2/credential-requests/requests';

test('paths in another than their plain form are refused', async () => {
  for (const path of ['/api/v1/user_credentials%2f1', '/api/v1/user_credentials/%2F1', '/api/v1//user_credentials', '/api/v1/user_credentials/',
    '/api/v1/./user_credentials', '/api/v1/x/../user_credentials', '/api/v1/user_credentials/%2e%2e/user_credentials', '/api/v1/%2e/user_credentials',
    '/api/v1/user_credentials/1\\..\\2', '/api/v1/user_credentials/1%5c..%5c2', '/api/v1/user_credentials/%01', '/api/v1/user_credentials/1%0d%0aX:%20y',
    '/api/v1/user_credentials/%ff', '/api/v1/user_credentials/%c0%af', '/api/v1/user_credentials/%ed%a0%80', '/api/v1/user_credentials/1;x=1',
    '/api/v1/user_credentials/%', '/api/v1/user_credentials/%zz', '/api/v1/user_credentials/1%00', '/api/v2/%2e%2e/v1/user_credentials',
    '/api/v1/../../etc/passwd', '/static/../../nginx.conf', '/static/%2e%2e/bailee.conf', '/request/../static/..%2fbailee.conf',
    '/API/v1/user_credentials', '/api/V1/user_credentials', '/api', '/api/', '/api/v1', '/api/v1/', '/public', '/public/', '/oauth', '/oauth/', '/request', '/static', '/healthz/', '/readyz/x'])
    await ask('GET', path, { statuses: [400, 404] });
  await ask('GET', `${V1}/${'1'.repeat(3000)}`, { statuses: [400, 404] });
  await ask('GET', `/api/v1${'/x'.repeat(2000)}`, { statuses: [400, 404] });
  await ask('GET', `${V1}?${'a=1&'.repeat(1500)}`, { statuses: 400 });
  await ask('GET', `${V1}?${'x'.repeat(7000)}=1`, { statuses: [200, 400, 422] });
  await ask('GET', `${V1}?a=${'x'.repeat(20000)}`, { statuses: [400, 414] });
});

const NUMBERS = ['0', '-1', '-0', '+1', '1.5', '1e3', '0x1', '01', ' 1', '1 ', '', 'null', 'true', 'NaN', '2147483648', '4294967295', '4294967296',
  '9007199254740993', '9223372036854775807', '9223372036854775808', '-9223372036854775808', '-9223372036854775809', '18446744073709551616',
  '9'.repeat(40), '1'.repeat(2000), '١', '1%00', "1'--", '1%20OR%201=1', '%ff', '[]', '{}', '1,2', '*'];

test('every id of a path may be anything', async () => {
  const uuid = '00000000-0000-0000-0000-000000000000';
  const paths = [[V1, ''], [V1, '/log'], ['/api/v2/jobs', ''], ['/api/v2/keys', ''], ['/api/v2/teams', ''], ['/api/v2/organizations', ''],
    [V2, ''], [V2, '/detail'], ['/api/v2/credential-requests/credentials', ''], ['/public/requests', '']];
  const ids = [...NUMBERS.filter((id) => id !== ''), uuid, uuid.toUpperCase(), uuid.replaceAll('0', 'f'), uuid.slice(1), `{${uuid}}`, uuid.replaceAll('-', '')];
  for (const [before_, behind] of paths) {
    for (const id of ids) {
      const path = `${before_}/${id.replaceAll(' ', '%20').replace('١', '%D9%A1')}${behind}`;
      const answer = await ask('GET', path);
      assert.ok([400, 404, 200].includes(answer.status), `${path}: ${answer.status} ${answer.text}`);
      if (answer.status === 200) assert.doesNotMatch(path, /[-+.x]1|%|\b0/, path);
    }
  }
  for (const id of ids.slice(0, 24)) {
    const path = `${V1}/${encodeURIComponent(id).replace(/%2[fF]/g, '')}`;
    if (path === `${V1}/`) continue;
    await ask('DELETE', path, { statuses: [400, 404] });
    await ask('PATCH', path, { body: {}, statuses: [400, 404, 422] });
    await ask('POST', `${path}/token`, { statuses: [400, 404] });
  }
});

test('every number of a query may be anything', async () => {
  const numbers = [[V1, ['team_id', 'folder_id', 'per_page', 'page', 'filter']], ['/api/v1/teams', ['per_page', 'page']],
    ['/api/v1/folders', ['team_id', 'per_page', 'page', 'content_type']],
    [V2, ['teamId', 'userId', 'makeProviderId', 'status', 'name', 'cols', 'pg[limit]', 'pg[offset]', 'pg[sortBy]', 'pg[sortDir]', 'pg[returnTotalCount]']],
    ['/api/v2/keys', ['teamId', 'typeName', 'cols[]']], ['/api/v2/teams', ['organizationId', 'pg[limit]', 'pg[offset]']],
    ['/api/v2/organizations', ['pg[limit]', 'pg[offset]']]];
  for (const [path, names] of numbers) {
    for (const name of names) {
      const needed = { '/api/v2/keys': 'teamId', [V2]: 'teamId', '/api/v2/teams': 'organizationId' }[path];
      const rest = needed && needed !== name ? `&${needed}=${needed === 'teamId' ? world.teamId : world.organizationId}` : '';
      for (const value of NUMBERS)
        await ask('GET', `${path}?${encodeURIComponent(name)}=${value.replaceAll(' ', '+').replace('١', '%D9%A1')}${rest}`, { statuses: [200, 400, 403, 404, 422] });
      await ask('GET', `${path}?${name}=1&${name}=2${rest}`, { statuses: [200, 400, 403, 404, 422] });
    }
  }
  const far = await ask('GET', `${V1}?page=9007199254740993&per_page=500`, { statuses: [200, 422] });
  if (far.status === 200) assert.deepEqual(far.body.user_credentials, []);
});

test('bodies are refused that are no JSON object in UTF-8', async () => {
  const bytes = (...parts) => Buffer.concat(parts.map((part) => Buffer.from(part)));
  const bodies = ['', ' ', '{', '{}}', '[]', '"x"', '1', 'null', 'true', '{"a":1,}', "{'a':1}", '{"a":1}x', '{"a":NaN}', '{"a":01}', '{"a":1e999}',
    '{"name":"x","name":"y"}', '{"a":"\\u0000"}', '{"\\u0000":1}', '{"a":"\\ud800"}', '{"a":"\\udc00\\ud800"}', '{"a":"\n"}',
    bytes('{"a":"', [0xff], '"}'), bytes('{"a":"', [0xc0, 0x80], '"}'), bytes('{"a":"', [0xed, 0xa0, 0x80], '"}'), bytes('{"a":"', [0xf4, 0x90, 0x80, 0x80], '"}'),
    bytes('{"a":', [0], '1}'), bytes('{"a":"', [0], '"}'), bytes([0xef, 0xbb, 0xbf], '{}'), bytes([0xfe, 0xff], Buffer.from('{}', 'utf16le').swap16()),
    `${'['.repeat(100000)}`, `${'{"a":'.repeat(20000)}1${'}'.repeat(20000)}`, `{"a":${'['.repeat(500)}${']'.repeat(500)}}`, '{"a":"'.repeat(30000),
    `{"a":${'9'.repeat(5000)}}`, `{"a":1e${'9'.repeat(5000)}}`, `{${Array.from({ length: 20000 }, (_, i) => `"${i}":0`).join()}}`,
    `{"credential_requests":"${'['.repeat(10000)}","mode":"MULTI_REQUEST"}`, `{"mode":"TEXT","value":"v","name":"n","team_id":${'1'.repeat(400)}}`];
  const wheres = [['POST', V1], ['PATCH', `${V1}/${credential.id}`], ['POST', `${V2}/v2`], ['POST', '/api/v2/keys'], ['POST', '/api/v1/folders'],
    ['POST', '/api/v2/credential-requests/credentials/2f1c0d3e-0000-4000-8000-000000000000/decline']];
  for (const [method, path] of wheres)
    for (const body of bodies) await ask(method, path, { body, statuses: path.endsWith(credential.id) ? [200, 400, 413, 422] : [400, 404, 413, 422] });
  const still = await ask('GET', `${V1}/${credential.id}`, { statuses: 200 });
  assert.equal(still.body.name, 'One');
});

test('fields may hold any JSON value', async () => {
  const values = [null, true, -1, 0, 1.5, 1e308, -9007199254740993, 18446744073709551615, '', ' ', 'x'.repeat(70000), '\u0001', 'a\nb', '\u202e', '💥', [], {},
    [[]], [null], [{}], { a: null }, { '': '' }, [1, 2, 3], Array(2000).fill('x'), '1', '-1', '9'.repeat(30), "'; DROP TABLE job; --", '%s%n', '<<', '=', '\\=', '{{}}'];
  const forms = [
    ['POST', V1, { name: 'f', mode: 'TEXT', team_id: world.teamId, value: 'v', folder_id: null, read_access: 'TEAM', shared_team_slugs: [], description: 'd',
      allowed_hosts: [], metadata: {}, expires_at: null }],
    ['POST', V1, { name: 'f', mode: 'MULTI_REQUEST', team_id: world.teamId, http_request_location_of_token: '=response.body.t', http_request_ttl: 1,
      credential_requests: [{ options: { url: 'http://127.0.0.1/' } }] }],
    ['PUT', `${V1}/${credential.id}`, { mode: 'TEXT', value: 'v', name: 'One', team_id: world.teamId, allowed_hosts: [], metadata: {}, expires_at: null }],
    ['POST', '/api/v1/folders', { name: 'f', team_id: world.teamId, content_type: 'CREDENTIAL' }],
    ['POST', '/api/v2/keys', { name: 'k', teamId: world.teamId, typeName: 'apikeyauth', parameters: { key: 'k' } }],
    ['POST', `${V2}/v2`, { name: 'r', teamId: world.teamId, description: 'd', provider: { providerMakeUserId: world.userId },
      credentials: [{ appName: 'http', appModules: ['*'], appVersion: 3, nameOverride: 'n', description: 'd' }] }],
  ];
  for (const [method, path, form] of forms)
    for (const name of Object.keys(form))
      for (const value of [...values, ...values.map((value_) => [value_])])
        await ask(method, path, { body: { ...form, [name]: value }, statuses: [200, 201, 400, 403, 404, 422] });
  for (const name of ['providerMakeUserId', 'newUser'])
    for (const value of values) await ask('POST', `${V2}/v2`, { body: { ...forms[5][2], provider: { [name]: value } }, statuses: [200, 400, 403, 404, 422] });
  for (const name of ['appName', 'appModules', 'appVersion', 'nameOverride', 'description'])
    for (const value of values)
      await ask('POST', `${V2}/v2`, { body: { ...forms[5][2], credentials: [{ ...forms[5][2].credentials[0], [name]: value }] }, statuses: [200, 400, 403, 404, 422] });
});

test('methods, media types and encodings that are not taken are refused', async () => {
  for (const [path, method] of [[V1, 'DELETE'], [V1, 'PUT'], [`${V1}/1`, 'POST'], [`${V1}/1/token`, 'GET'], [V2, 'DELETE'], ['/api/v2/users/me', 'POST'],
    ['/healthz', 'POST'], ['/public/requests/2f1c0d3e-0000-4000-8000-000000000000', 'POST'],
    [V1, 'OPTIONS'], [V1, 'PROPFIND'], [`${V1}/1`, 'LINK']]) {
    const answer = await ask(method, path, { statuses: [400, 405] });
    if (answer.status === 405) assert.match(answer.headers.allow ?? '', /^[A-Z]+(, [A-Z]+)*$/, `${method} ${path}`);
  }
  assert.equal((await ask('DELETE', V1)).headers.allow, 'GET, HEAD, POST');
  for (const method of ['get', 'Get', 'GETT', 'G ET', '', 'X'.repeat(5000), 'CONNECT'])
    assertShape('', await sendRaw(`${method} /api/v2/users/me HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`), [400, 405]);
  const body = JSON.stringify({ name: 'm', mode: 'TEXT', team_id: world.teamId, value: 'v' });
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'application/json; charset=utf-16',
    'application/jsonp', 'application/json, text/plain', 'application/json;charset=utf-8;x=y', 'application', '', ' ', 'x'.repeat(3000)])
    await ask('POST', V1, { body, headers: { 'content-type': type }, statuses: [400, 415] });
  await ask('POST', V1, { body: Buffer.from(body, 'utf16le'), statuses: 400 });
  await ask('POST', V1, { body: Buffer.from([0x1f, 0x8b, 8, 0, 0, 0]), headers: { 'content-encoding': 'gzip' }, statuses: [400, 415] });
});

test('HEAD answers like GET without a body', async () => {
  for (const path of ['/healthz', '/api/v2/users/me', `${V1}/${credential.id}`, `${V1}/999999`, '/nothing', '/api/v1/user_credentials']) {
    const get = await ask('GET', path);
    const head = await ask('HEAD', path);
    assert.equal(head.status, get.status, path);
    assert.equal(head.text, '');
    assert.equal(head.headers['content-type'], get.headers['content-type'], path);
    if (path !== '/nothing') assert.equal(head.headers['content-length'], get.headers['content-length'], path);
  }
});

test('headers that are doubled, broken, endless or smuggled are refused or mean nothing', async () => {
  const get = (lines, path = '/api/v2/users/me') => sendRaw(`GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${lines}\r\n`);
  const token = `Authorization: Bearer ${world.token}\r\n`;
  assert.equal((await get(token)).status, 200);
  for (const lines of [`${token}${token}`, `${token}X-User-Token: a\r\nX-User-Token: b\r\n`, `${token}Prefer: a\r\nPrefer: b\r\n`, `${token}X-Any: 1\r\nx-any: 2\r\n`,
    `${token}Idempotency-Key: \x01\r\n`, `${token}Prefer: ${'x'.repeat(9000)}\r\n`, `${token}${Array.from({ length: 300 }, (_, i) => `X-${i}: 1\r\n`).join('')}`,
    `${token}Transfer-Encoding: chunked\r\nContent-Length: 3\r\n`, `${token}Content-Length: 1\r\nContent-Length: 2\r\n`, `${token}Content-Length: -1\r\n`,
    `${token}Content-Length: 99999999999999999999\r\n`, `${token}Transfer-Encoding: gzip\r\n`]) {
    const answer = await get(lines);
    assert.ok(answer.status >= 400 && answer.status <= 501, `${lines.slice(-60)}: ${answer.status}`);
    if (answer.status !== 501) assertShape('/api/v2/', answer, [400, 411, 413, 414, 415]);
  }
  for (const lines of ['Authorization: Bearer\r\n', 'Authorization: \r\n', 'Authorization: Bearer  \r\n', `Authorization: Bearer ${'x'.repeat(4000)}\r\n`,
    `Authorization: Digest ${world.token}\r\n`, `Authorization: ${world.token}\r\n`, `Authorization: Bearer ${world.token}x\r\n`, `Authorization: Bearer ${world.token} x\r\n`,
    `Authorization: Bearer ${world.token.toUpperCase()}\r\n`, `X-User-Token: Bearer ${world.token}\r\n`, `X-Forwarded-For: 127.0.0.1\r\n`, `Authorization: Bearer ä\r\n`])
    assertShape('/api/v2/', await get(lines), [400, 401]);
  // names that nginx drops or that would overwrite a parameter of ours
  for (const name of ['REQUEST_METHOD', 'Request-Method', 'BAILEE_REQUEST_ID', 'Bailee-Request-Id', 'REMOTE_ADDR', 'Proxy', 'Content_Length', 'Authorization_'])
    assert.equal((await get(`${token}${name}: evil\r\n`)).status, 200, name);
  const own = await get(`${token}X-Request-Id: evil-request-id\r\nX-Real-IP: 6.6.6.6\r\nX-Forwarded-For: 6.6.6.6\r\n`);
  assert.equal(own.status, 200);
  assert.doesNotMatch(own.headers['x-request-id'], /evil/);
});

test('nothing of a request gets into the headers of its answer', async () => {
  for (const path of [`${V1}?page=1%0d%0aX-Evil:%201`, `${V1}?filter=%0d%0aX-Evil:%201`, `${V1}?x=%0aX-Evil:1&per_page=1`, '/api/v2/x%0d%0aX-Evil:%201',
    `${V2}?teamId=${world.teamId}&name=%0d%0aX-Evil:1`]) {
    const answer = await ask('GET', path);
    assert.equal(answer.headers['x-evil'], undefined, path);
  }
  const log = stack.logs('api').split('\n').filter((line) => line && !/^time=\S+ level=\w+ /.test(line));
  assert.deepEqual(log, [], 'each line of the log is one event');
});

test('bodies over the limit are refused at once, however large they say they are', async () => {
  const started = Date.now();
  for (const length of ['262145', '99999999', '9999999999999']) {
    for (const path of [V1, '/api/v2/keys', '/public/requests/2f1c0d3e-0000-4000-8000-000000000000/items/x']) {
      const answer = await sendRaw(`POST ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n`);
      assertShape(path, answer, 413);
    }
  }
  const chunked = await sendRaw(`POST ${V1} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n${
    `10000\r\n${' '.repeat(65536)}\r\n`.repeat(5)}0\r\n\r\n`);
  assertShape(V1, chunked, 413);
  assert.ok(Date.now() - started < 10000);
});

test('clients that send slowly, stop halfway or leave hold no worker', async () => {
  const slow = Array.from({ length: 200 }, () => {
    const socket = net.connect(stack.port, '127.0.0.1');
    socket.on('error', () => {});
    socket.write(`POST ${V1} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${world.token}\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"name":`);
    return socket;
  });
  const half = Array.from({ length: 50 }, () => {
    const socket = net.connect(stack.port, '127.0.0.1');
    socket.on('error', () => {});
    socket.write(`GET ${V1} HTTP/1.1\r\nHo`);
    return socket;
  });
  await sleep(200);
  const started = Date.now();
  for (let i = 0; i < 20; i++) await ask('GET', '/api/v2/users/me', { statuses: 200 });
  assert.ok(Date.now() - started < 5000, `${Date.now() - started} ms for 20 reads`);
  for (const socket of [...slow, ...half]) socket.destroy();
  await ask('GET', '/api/v2/users/me', { statuses: 200 });
});

test('ten thousand quick connections leave everything as it was', async () => {
  let failed = 0;
  const knock = () => new Promise((resolve) => {
    const socket = net.connect(stack.port, '127.0.0.1', () => {
      socket.write('GET /api/v2/users/me HTTP/1.1\r\nHost: a\r\n\r\n');
      socket.resetAndDestroy ? setImmediate(() => socket.resetAndDestroy()) : socket.destroy();
    });
    socket.on('error', () => { failed++; });
    socket.on('close', resolve);
  });
  const started = Date.now();
  for (let i = 0; i < 100 && Date.now() - started < 25000; i++) await Promise.all(Array.from({ length: 100 }, knock));
  assert.ok(failed < 1000, `${failed} connections failed`);
  const answer = await waitFor('an answer', async () => { // for a moment the queue of the socket may be full
    const now = await stack.api('GET', '/api/v2/users/me', undefined, { token: world.token });
    assert.ok(now.status === 200 || (now.status === 503 && /^\d+$/.test(now.headers['retry-after'])), now.text);
    return now.status === 200 && now;
  }, { seconds: 5 });
  assert.equal(answer.body.authUser.id, world.userId);
});

test('what a client asked for and did not wait for is not done once it has gone', async () => {
  const body = JSON.stringify({ name: 'abandoned', mode: 'TEXT', team_id: world.teamId, value: 'v' });
  const bytes = `POST ${V1} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${world.token}\r\nContent-Type: application/json\r\n` +
    `Content-Length: ${body.length}\r\n\r\n${body}`;
  for (const pid of workers) process.kill(pid, 'SIGSTOP');
  try {
    const sockets = Array.from({ length: 20 }, () => {
      const socket = net.connect(stack.port, '127.0.0.1');
      socket.on('error', () => {});
      socket.write(bytes);
      return socket;
    });
    await sleep(500);
    for (const socket of sockets) socket.destroy();
    await sleep(500); // nginx closes what it had opened for them
  } finally {
    for (const pid of workers) process.kill(pid, 'SIGCONT');
  }
  await ask('GET', '/api/v2/users/me', { statuses: 200 });
  const list = await ask('GET', `${V1}?per_page=500`, { statuses: 200 });
  assert.deepEqual(list.body.user_credentials.filter(({ name }) => name === 'abandoned'), []);
});

// ---- without nginx ----

const record = (type, id, content) => {
  const head = Buffer.alloc(8);
  head.writeUInt8(1, 0);
  head.writeUInt8(type, 1);
  head.writeUInt16BE(id, 2);
  head.writeUInt16BE(content.length, 4);
  return Buffer.concat([head, content]);
};
const BEGIN = record(1, 1, Buffer.from([0, 1, 0, 0, 0, 0, 0, 0]));

function pairs(params) {
  const length = (n) => {
    if (n < 128) return Buffer.from([n]);
    const long = Buffer.alloc(4);
    long.writeUInt32BE((n | 0x80000000) >>> 0);
    return long;
  };
  return Buffer.concat(params.map(([name, value]) => {
    const [n, v] = [Buffer.from(name), Buffer.from(value)];
    return Buffer.concat([length(n.length), length(v.length), n, v]);
  }));
}

// One FastCGI request; params is a list of pairs. Gives the answer's text.
function fastcgi(pool, bytes, ms = 5000) {
  return new Promise((resolve, reject) => {
    const parts = [];
    const socket = net.connect(join(stack.dir, 'run', `${pool}.sock`), () => socket.write(bytes));
    socket.setTimeout(ms, () => { socket.destroy(); resolve(undefined); });
    socket.on('data', (part) => parts.push(part));
    socket.on('error', (error) => (error.code === 'EPIPE' || error.code === 'ECONNRESET' ? resolve(undefined) : reject(error)));
    socket.on('close', () => resolve(Buffer.concat(parts).toString('latin1')));
  });
}
const request = (params, body = '') => Buffer.concat([BEGIN, ...chunks(4, pairs(params)), record(4, 1, Buffer.alloc(0)),
  ...chunks(5, Buffer.from(body)), record(5, 1, Buffer.alloc(0))]);
function chunks(type, bytes) {
  const list = [];
  for (let at = 0; at < bytes.length; at += 60000) list.push(record(type, 1, bytes.subarray(at, at + 60000)));
  return list;
}

test('a pool refuses what nginx would never send', async () => {
  const line = (method, uri) => [['REQUEST_METHOD', method], ['REQUEST_URI', uri], ['REMOTE_ADDR', '127.0.0.1']];
  const token = ['HTTP_AUTHORIZATION', `Bearer ${world.token}`];
  const good = await fastcgi('api', request([...line('GET', '/api/v2/users/me'), token]));
  assert.match(good, /Status: 200/);
  const refused = [
    [], [['REQUEST_METHOD', 'GET']], [['REQUEST_URI', '/healthz']], [...line('GET', ''), token], [...line('GET', 'healthz'), token], [...line('GET', '*'), token],
    [...line('GET', '/healthz'), ...line('GET', '/api/v2/users/me')], [...line('GET', '/api/v2/users/me'), token, token],
    [...line('GET', `/api/v2/users/me${'/x'.repeat(30000)}`), token], [...line('GET', '/api/v1/a b'), token],
    [...line('GET', Buffer.from('/api/v2/users/me?a=\xff', 'latin1')), token], [...line('', '/api/v2/users/me'), token], [...line('GET'.repeat(5000), '/api/v2/users/me'), token],
    [...line('POST', V1), token, ['CONTENT_LENGTH', '-1']], [...line('POST', V1), token, ['CONTENT_LENGTH', '99999999999999999999']],
    [...line('POST', V1), token, ['CONTENT_LENGTH', '1x']], [...line('POST', V1), token, ['CONTENT_LENGTH', '300000']],
    [...line('POST', V1), token, ['CONTENT_TYPE', 'application/json'], ['CONTENT_LENGTH', '100']],
    [...line('GET', '/api/v2/users/me'), ['HTTP_AUTHORIZATION', 'Bearer \r\n x']],
    [...line('GET', '/api/v2/users/me'), ...Array.from({ length: 2000 }, (_, i) => [`HTTP_X_${i}`, 'x'])],
    [...line('GET', '/api/v2/users/me'), ...Array.from({ length: 40 }, (_, i) => [`HTTP_X_${i}`, 'x'.repeat(50000)])],
    [...line('GET', '/api/v2/users/me'), ['HTTP_X', '=x=y'], ['=', '='], ['', '']],
    [...line('GET', '/api/v2/users/me'), ['BAILEE_REQUEST_ID', 'evil\r\nX-Evil: 1']],
  ];
  for (const params of refused) {
    const text = await fastcgi('api', request(params, '{"short":1}'));
    assert.ok(text === undefined || /Status: (400|401|404|405|413|415)/.test(text), `${JSON.stringify(params).slice(0, 200)}: ${text}`);
    assert.doesNotMatch(text ?? '', /^X-Evil/im);
  }
  const health = await fastcgi('api', request([...line('GET', '/healthz'), ['BAILEE_REQUEST_ID', 'x'.repeat(1000)]]));
  assert.match(health, /Status: 200/);
});

test('a pool outlives bytes that are no FastCGI', async () => {
  const long = Buffer.from(BEGIN);
  const broken = [Buffer.from('GET / HTTP/1.1\r\n\r\n'), Buffer.alloc(100), Buffer.alloc(100, 0xff), BEGIN.subarray(0, 5), record(9, 0, pairs([['FCGI_MAX_CONNS', '']])),
    Buffer.concat([BEGIN, record(4, 1, Buffer.from([0x84, 0, 0, 0, 0xff]))]), Buffer.concat([BEGIN, record(4, 1, Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff])), record(4, 1, Buffer.alloc(0))]),
    Buffer.concat([BEGIN, record(4, 7, pairs([['A', 'b']]))]), Buffer.concat([BEGIN, record(2, 1, Buffer.alloc(0))]), Buffer.concat([long, long, long]),
    record(1, 1, Buffer.from([0, 9, 1, 0, 0, 0, 0, 0])), record(250, 1, Buffer.alloc(65535))];
  for (const bytes of broken) {
    const text = await new Promise((resolve) => {
      const socket = net.connect(join(stack.dir, 'run', 'api.sock'), () => socket.end(bytes));
      socket.setTimeout(3000, () => { socket.destroy(); resolve('timeout'); });
      socket.on('error', () => resolve(''));
      socket.on('data', () => {});
      socket.on('close', () => resolve(''));
    });
    assert.equal(text, '', `${bytes.subarray(0, 30).toString('hex')} held a worker`);
    await ask('GET', '/api/v2/users/me', { statuses: 200 });
  }
});

test('no worker was lost over all this, and nothing was called an error of ours', async () => {
  assert.deepEqual((await workersOf(stack, 'api')).sort(), workers);
  assert.deepEqual(stack.logs('api').split('\n').filter((line) => /level=error|worker_ended/.test(line)), []);
  assert.deepEqual(stack.logs('public').split('\n').filter((line) => /level=error|worker_ended/.test(line)), []);
});
