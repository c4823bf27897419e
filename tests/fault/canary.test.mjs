// SPDX-License-Identifier: Apache-2.0
// A canary in every place that takes a secret; then every place where one could be seen is searched.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { lstatSync, readFileSync, readdirSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { join } from 'node:path';
import { formsOf, sleep, startStack, waitFor } from '../e2e/harness.mjs';
import { startVendor } from '../e2e/vendor.mjs';

// All canaries begin with this: one search finds them all, and what stands behind says which it was.
const MARKER = `zq${randomBytes(10).toString('hex')}`;
// The same for what is no secret: shows that the search does see.
const OPEN = `op${randomBytes(10).toString('hex')}`;
const planted = new Map();
let count = 0;

// A secret with what is awkward to write down: quotes, percent signs, umlauts, angle brackets.
function canary(field) {
  const secret = `${MARKER}-${count++}-"%41&+ü<>'\\-${field.replace(/\W+/g, '-')}`;
  planted.set(secret, field);
  return secret;
}
// For places that take plain ASCII only.
function plain(field) {
  const secret = `${MARKER}-${count++}-${field.replace(/\W+/g, '-')}`;
  planted.set(secret, field);
  return secret;
}

let stack, vendor, world, linkSecret;
const answers = []; // all that the API said, but for tokens
before(async () => {
  stack = await startStack({ set: ['api.wait_default_s=15', 'common.log_level=debug'] });
  vendor = await startVendor({ user: plain('vendor user'), password: canary('vendor password') });
  world = await stack.world({ name: 'Canary' });
});
after(async () => {
  await vendor?.close();
  await stack?.close();
});

// A call whose answer must hold no secret.
async function call(method, path, body, options = {}) {
  const answer = await stack.api(method, path, body, { token: world.token, ...options });
  answers.push({ what: `${method} ${path}`, text: `${answer.status} ${JSON.stringify(answer.headers)} ${answer.text}` });
  assert.ok(answer.status < 500, `${method} ${path}: ${answer.status} ${answer.text}`);
  return answer;
}

// The one call that gives a secret out.
async function useToken(id) {
  const answer = await stack.api('POST', `/api/v1/user_credentials/${id}/token`, undefined, { token: world.token });
  assert.ok([200, 202, 424].includes(answer.status), answer.text);
  if (answer.status !== 200) answers.push({ what: `POST …/${id}/token`, text: `${JSON.stringify(answer.headers)} ${answer.text}` });
  return answer.status === 202 ? sleep(200).then(() => useToken(id)) : answer;
}

async function created(path, body) {
  const answer = await call('POST', path, body);
  assert.ok([200, 201].includes(answer.status), answer.text);
  return answer.body;
}

const BASE = '/api/v1/user_credentials';
const multi = (name, requests, more = {}) => ({ name, mode: 'MULTI_REQUEST', team_id: world.teamId, http_request_ttl: 60,
  http_request_location_of_token: '=response.body.token', credential_requests: requests, ...more });

// A working login whose every part holds a canary of its own.
const login = () => ({
  options: {
    url: `${vendor.url}/login?key=${plain('url query')}`, method: 'post', content_type: 'json',
    payload: { user: vendor.user, password: '\\<<secret>>', note: canary('payload literal') },
    headers: { 'X-Api-Key': plain('header literal') }, basic_auth: `user:${plain('basic auth literal')}`,
  },
  http_request_secret: vendor.password,
});
const session = (path = '/token', more = {}) => ({
  options: { url: `${vendor.url}${path}`, method: 'post', content_type: 'json',
    payload: { session: '<<PREVIOUS_STEP.body.session>>', again: '<<secret>>' }, basic_auth: ['user', '<<secret>>'], ...more },
  http_request_secret: canary(`second secret of ${path}`),
});

test('credentials are made, read, listed, changed, used and deleted', async () => {
  const text = await created(BASE, { name: 'Text', mode: 'TEXT', team_id: world.teamId, value: canary('TEXT value'), description: OPEN });
  vendor.on('/login', (request, response) => { // the session and the token are canaries as well
    response.writeHead(200, { 'content-type': 'application/json', 'set-cookie': `session=${plain('cookie')}`, 'x-session': plain('session header') });
    response.end(JSON.stringify({ session: canary('session') }));
  });
  const token = canary('fetched token');
  vendor.on('/token', (request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ token }));
  });
  const both = await created(BASE, multi('Both', [login(), session()]));
  assert.equal((await useToken(text.id)).status, 200);
  const used = await useToken(both.id);
  assert.equal(used.status, 200, used.text);
  assert.equal(used.body.token, token);
  assert.equal((await useToken(both.id)).body.token, token);
  for (const id of [text.id, both.id]) {
    await call('GET', `${BASE}/${id}`);
    await call('GET', `${BASE}/${id}/log`);
  }
  await call('GET', BASE);
  const patched = await call('PATCH', `${BASE}/${text.id}`, { value: canary('TEXT value patched') });
  assert.equal(patched.status, 200, patched.text);
  const put = await call('PUT', `${BASE}/${both.id}`, multi('Both', [login(), session()]));
  assert.equal(put.status, 200, put.text);
  await useToken(both.id);
  await useToken(text.id);
  const gone = await created(BASE, { name: 'Gone', mode: 'TEXT', team_id: world.teamId, value: canary('deleted TEXT value') });
  assert.equal((await call('DELETE', `${BASE}/${gone.id}`)).status, 204);
});

test('fetches fail in every way a vendor or a formula can make them fail', async () => {
  const say = (status, type, body, headers = {}) => (request, response, given) => {
    response.writeHead(status, { 'content-type': type, 'x-echo': plain('echoed header'), ...headers });
    response.end(body(given));
  };
  const secretly = (name, handler) => { vendor.on(name, handler); return name; };
  const answersOf = [
    secretly('/no', say(401, 'application/json', (given) => JSON.stringify({ error: canary('401 body'), given }))),
    secretly('/reason', (request, response) => response.writeHead(403, plain('reason phrase')).end()),
    secretly('/page', say(200, 'text/html', () => `<p>${canary('html body')}</p>`)),
    secretly('/half', say(200, 'application/json', () => `{"token": "${plain('half JSON')}`)),
    secretly('/array', say(200, 'application/json', () => JSON.stringify([canary('array')]))),
    secretly('/later', say(429, 'text/plain', () => canary('429 body'), { 'retry-after': plain('retry-after') })),
    secretly('/there', say(302, 'text/plain', () => '', { location: `http://10.0.0.1/${plain('redirect path')}` })),
    secretly('/userinfo', say(302, 'text/plain', () => '', { location: `http://u:${plain('redirect userinfo')}@10.0.0.1/` })),
    secretly('/strange', say(302, 'text/plain', () => '', { location: `${plain('redirect scheme')}:x` })),
    secretly('/nohost', say(302, 'text/plain', () => '', { location: `http://${plain('redirect host').slice(0, 60)}.invalid/` })),
    secretly('/badhost', say(302, 'text/plain', () => '', { location: `http://${plain('redirect bad host')}%00/` })),
    secretly('/raw', (request) => request.socket.end(`${plain('no HTTP')}\r\n\r\n`)),
    secretly('/header', (request) => request.socket.end(`HTTP/1.1 200 OK\r\n${plain('bad header')}\r\nX: ${plain('x')}\r\n\r\n`)),
    secretly('/cutoff', (request) => request.socket.end(`HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n${plain('cut body')}`)),
    '/garbage', '/redirect-loop', '/drop', '/empty', '/null', '/headers-huge', '/status/500',
  ];
  let number = 0;
  const fetched = [];
  const fails = async (requests, more) =>
    fetched.push((await created(BASE, multi(`Fails ${number++}`, requests, more))).id);
  for (const path of answersOf) await fails([login(), session(path, { timeout: 2, retries: 0 })]);
  // What only comes out wrong when it is rendered, with a secret in it.
  const rendered = (options) => [{ options: { url: `${vendor.url}/token`, ...options }, http_request_secret: canary('rendered') }];
  const asPlain = (options) => [{ options: { url: `${vendor.url}/token`, ...options }, http_request_secret: plain('rendered plain') }];
  for (const options of [
    { url: '<<secret>>' }, { url: 'http://<<secret>>/' }, { url: 'http://<<secret>>.invalid/' }, { url: 'http://user:<<secret>>@127.0.0.1:1/' },
    { url: 'http://127.0.0.1:<<secret>>/' }, { url: 'http://127.0.0.1:1/<<secret>>' }, { url: 'http://10.0.0.1/<<secret>>' },
    { method: '<<secret>>' }, { timeout: '<<secret>>' }, { retries: '<<secret>>' }, { content_type: '<<secret>>' },
    { headers: { '<<secret>>': 'x' } }, { headers: { X: '<<secret>>\r\nY: 1' } }, { headers: '=secret' }, { basic_auth: '=secret' },
    { retry_on_status: '=[secret]' }, { disable_redirect_follow: '<<secret>>' }, { user_agent: '<<secret>>\n' },
    { payload: '=secret + 1' }, { payload: '=JSON_PARSE(secret)' }, { payload: '=FIRST(secret)' }, { payload: '=secret > 1' },
    { payload: '=JOIN(secret, 1, 2)' }, { payload: '={"a": secret}[secret]' }, { payload: '=-secret' }, { payload: '=secret / 0' },
  ]) {
    for (const make of [rendered, asPlain]) {
      const made = await call('POST', BASE, multi(`Renders ${number++}`, make(options)));
      if (made.status === 201) fetched.push(made.body.id);
      else assert.equal(made.status, 422, made.text);
    }
  }
  for (const location of ['=response.body.token + 1', '=JSON_PARSE(response.body.token)', '=response.body.none', '=response.body',
    '=-response.body.token', '=response.body.token > 2', '=STEPS[0].body.session'])
    await fails([login(), session()], { http_request_location_of_token: location });

  const ended = await Promise.all(fetched.map((id) => useToken(id)));
  assert.ok(ended.filter((answer) => answer.status === 424).length > 40, ended.map((answer) => answer.status).join(' '));
  for (const id of fetched) {
    await call('GET', `${BASE}/${id}`);
    await call('GET', `${BASE}/${id}/log`);
  }
  const jobs = await stack.ctl(['jobs', 'list', '--limit', '500', '--json']);
  for (const job of jobs.slice(0, 100)) {
    await call('GET', `/api/v2/jobs/${job.id}`);
    answers.push({ what: `jobs show ${job.id}`, text: await stack.ctl(['jobs', 'show', String(job.id)]) });
  }
});

test('requests are refused that hold a secret in the wrong place or form', async () => {
  const secret = () => canary('refused');
  const text = { name: 'Bad', mode: 'TEXT', team_id: world.teamId };
  const bodies = [
    `{"name":"Bad","mode":"TEXT","team_id":${world.teamId},"value":"${plain('cut JSON')}`,
    `{"name":"Bad","value":"${plain('twice')}","value":"${plain('twice')}"}`, `{"value":"${plain('bad escape')}\\x"}`, `"${plain('bare')}"`,
    `{"value":"${plain('NUL')}\\u0000"}`, Buffer.concat([Buffer.from(`{"value":"${plain('not UTF-8')}`), Buffer.from([0xff, 0x22, 0x7d])]),
    { ...text, value: { [secret()]: secret() } }, { ...text, value: [secret()] }, { ...text, value: secret().repeat(2000) },
    { ...text, mode: secret() }, { ...text, mode: [secret()] }, { ...text, team_id: secret() }, { ...text, folder_id: secret() },
    { ...text, value: 'v', expires_at: secret() }, { ...text, value: 'v', read_access: secret() }, { ...text, value: 'v', allowed_hosts: secret() },
    { ...text, value: 'v', allowed_hosts: [secret()] }, { ...text, value: 'v', metadata: secret() }, { ...text, value: 'v', metadata: { a: [secret()] } },
    { ...text, value: 'v', shared_team_slugs: [secret()], read_access: 'SPECIFIC_TEAMS' },
    multi('Bad', secret()), multi('Bad', [secret()]), multi('Bad', `[{"options": "${plain('JSON text')}"`),
    multi('Bad', [{ options: { url: 'http://127.0.0.1/' }, http_request_secret: { a: secret() } }]),
    multi('Bad', [{ options: secret(), http_request_secret: 'x' }]), multi('Bad', [{ options: `{"url":"${plain('options text')}` }]),
    multi('Bad', [{ options: {}, http_request_secret: secret() }]), multi('Bad', [{ options: { url: 'http://x/', pass: secret() } }]),
    multi('Bad', [login()], { http_request_ttl: secret() }), multi('Bad', [login()], { http_request_location_of_token: `=FIRST("${plain('formula')}"` }),
    ...[`<<"${MARKER}-a" "${MARKER}-b">>`, `<<"${MARKER}-open>>`, `=FIRST("${MARKER}-c", "${MARKER}-d"`, `="${MARKER}-e" + `, `=[1, "${MARKER}-f"`,
      `=1 ${MARKER}`, `=${MARKER}`.padEnd(3000, 'x'), `pass<<word ${MARKER}-g`, `<<'${MARKER}-h' = >>`, `="\\q${MARKER}"`]
      .flatMap((formula) => ['payload', 'basic_auth', 'url', 'method'].map((name) =>
        multi('Bad', [{ options: { url: 'http://127.0.0.1/', [name]: formula } }]))),
    ...['timeout', 'retries', 'retry_on_status', 'method', 'content_type', 'url', 'headers', 'basic_auth', 'user_agent', 'disable_redirect_follow']
      .flatMap((name) => [secret(), [secret()], { a: { b: secret() } }].map((value) =>
        multi('Bad', [{ options: { url: 'http://127.0.0.1/', payload: {}, [name]: value } }]))),
    multi('Bad', [{ options: { url: `http://u:${plain('userinfo')}@127.0.0.1/` } }]), multi('Bad', [{ options: { url: `ftp://${plain('scheme')}/` } }]),
    multi('Bad', [{ options: { url: 'http://127.0.0.1/', headers: { X: `${plain('header')}\r\nY: z` } } }]),
  ];
  let refused = 0;
  for (const body of bodies) {
    const answer = await call('POST', BASE, body);
    refused += answer.status !== 201;
    if (answer.status === 201) await call('DELETE', `${BASE}/${answer.body.id}`);
  }
  assert.ok(refused > 60, `${refused} of ${bodies.length} refused`);
  await call('POST', BASE, `value=${plain('form')}`, { headers: { 'content-type': 'application/x-www-form-urlencoded' } });
  await call('POST', BASE, Buffer.from(plain('too large').padEnd(300 * 1024, 'x')));
  for (const key of [secret(), [secret()], { key: { a: secret() } }, { key: secret().repeat(3000) }, { other: secret() }])
    await call('POST', '/api/v2/keys', { name: 'Bad', teamId: world.teamId, typeName: 'apikeyauth', parameters: key });
  for (const type of ['no-such-type', 'basicauth'])
    await call('POST', '/api/v2/keys', { name: 'Bad', teamId: world.teamId, typeName: type, parameters: { key: secret() } });
});

test('tokens that are none, or not allowed, are not repeated', async () => {
  const wrong = `bl_${'a'.repeat(12)}_${MARKER}`;
  for (const value of [wrong, plain('token'), `${world.token}${MARKER}`]) {
    for (const headers of [{ authorization: `Bearer ${value}` }, { authorization: value }, { authorization: `Basic ${value}` }, { 'x-user-token': value },
      { authorization: `Link ${value}` }, { cookie: `a=${value}` }]) {
      for (const path of ['/api/v2/users/me', '/api/v1/user_credentials', '/public/requests/2f1c0d3e-0000-4000-8000-000000000000'])
        await call('GET', path, undefined, { headers, token: undefined });
    }
  }
  answers.push({ what: 'header twice', text: await stack.raw(`GET /api/v2/users/me HTTP/1.1\r\nHost: a\r\nAuthorization: Token ${
    plain('twice')}\r\nAuthorization: Token ${plain('twice')}\r\n\r\n`) });
  answers.push({ what: 'bad header', text: await stack.raw(`GET /api/v2/users/me HTTP/1.1\r\nHost: a\r\nAuthorization : Token ${plain('blank')}\r\n\r\n`) });
  const revoked = await stack.addToken(world.userId);
  await stack.ctl(['token', 'revoke', revoked.split('_')[1]]);
  const answer = await call('GET', '/api/v2/users/me', undefined, { token: revoked });
  assert.equal(answer.status, 401);
  planted.set(revoked.split('_')[2], 'revoked API token');
});

test('keys are made and changed, requests made, answered on the page and declined', async () => {
  const parameters = { apikeyauth: () => ({ key: plain('apikeyauth key') }),
    basicauth: () => ({ authUser: canary('authUser'), authPass: canary('basicauth authPass') }) };
  for (const [typeName, make] of Object.entries(parameters)) {
    const { key } = await created('/api/v2/keys', { name: typeName, teamId: world.teamId, typeName, parameters: make() });
    const patched = await call('PATCH', `/api/v2/keys/${key.id}`, { parameters: make() });
    assert.equal(patched.status, 200, patched.text);
    await call('GET', `/api/v2/keys/${key.id}`);
  }
  const asked = await created('/api/v2/credential-requests/requests/v2', { name: 'Please', teamId: world.teamId, description: OPEN,
    provider: { providerMakeUserId: world.userId }, credentials: [{ appName: 'http', appModules: ['ActionSendDataBasicAuth', 'ActionSendDataAPIKeyAuth'], appVersion: 3 }] })
    .finally(() => answers.pop()); // the one answer that gives the link
  linkSecret = asked.publicUri.split('#')[1];
  assert.match(linkSecret, /^[\w-]{43}$/);
  const page = `/public/requests/${asked.request.id}`;
  const link = { token: undefined, headers: { authorization: `Link ${linkSecret}` } };
  const wrongLink = { token: undefined, headers: { authorization: `Link ${Buffer.from(MARKER.padEnd(32, '.').slice(0, 32)).toString('base64url')}` } };
  assert.equal((await call('GET', page, undefined, wrongLink)).status, 404);
  const view = await call('GET', page, undefined, link);
  assert.equal(view.status, 200, view.text);
  const items = Object.fromEntries(view.body.items.map((item) => [item.name, item]));
  const path = (name) => `${page}/items/${items[name].id}`;

  for (const body of [{ fields: canary('page') }, { fields: { key: [canary('page')] } }, { fields: { key: canary('page').repeat(900) } },
    { fields: { nothing: canary('page') } }, { key: canary('page') }, `{"fields":{"key":"${plain('page cut')}`])
    assert.ok((await call('POST', path('apikeyauth'), body, link)).status >= 400);
  assert.equal((await call('POST', path('apikeyauth'), { fields: { key: plain('page apikeyauth key') } }, wrongLink)).status, 404);
  const sent = await call('POST', path('apikeyauth'), { fields: { key: plain('page apikeyauth key') } }, link);
  assert.equal(sent.status, 202, sent.text);
  await call('POST', `${path('basicauth')}/decline`, { reason: OPEN }, link);
  const states = () => call('GET', page, undefined, link).then((answer) => answer.body.items.map((item) => item.state).sort().join());
  await waitFor('authorized and declined', async () => await states() === 'authorized,declined');
  const late = await call('POST', path('apikeyauth'), { fields: { key: plain('page second time') } }, link);
  assert.equal(late.status, 400, late.text);
  const after_ = await call('POST', path('basicauth'), { fields: { authUser: 'u', authPass: canary('page after decline') } }, link);
  assert.equal(after_.status, 202, after_.text);
  await waitFor('both authorized', async () => await states() === 'authorized,authorized');

  const requests = '/api/v2/credential-requests/requests';
  await call('GET', `${requests}/${asked.request.id}`);
  await call('GET', `${requests}/${asked.request.id}/detail`);
  await call('GET', `${requests}?teamId=${world.teamId}`);
  await call('GET', `/api/v2/keys?teamId=${world.teamId}`);
  for (const item of view.body.items) {
    await call('GET', `/api/v2/credential-requests/credentials/${item.id}`);
    await call('POST', `/api/v2/credential-requests/credentials/${item.id}/decline`, { reason: 'late' });
  }
  const keys = await call('GET', `/api/v2/keys?teamId=${world.teamId}`);
  assert.equal(keys.body.keys.length, 4, keys.text);
  await call('DELETE', `/api/v2/keys/${keys.body.keys[0].id}?confirmed=true`);
});

test('what is sealed waits sealed while the runner is away, and in a worker that is killed', async () => {
  await stack.kill('runner');
  const made = await created(BASE, multi('Waits', [login(), session()]));
  await call('POST', `${BASE}/${made.id}/token`, undefined, { headers: { prefer: 'respond-async' } });
  for (const pid of await stack.pids('api')) if (pid !== await stack.pid('api')) process.kill(pid, 'SIGABRT');
  await stack.start('runner');
  await waitFor('the token', async () => (await useToken(made.id)).status === 200);
});

// ---- the search ----

function filesBelow(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return filesBelow(path);
    return entry.isFile() && lstatSync(path).size > 0 ? [path] : [];
  });
}

// Every place: [name, bytes].
async function* places() {
  for (const { what, text } of answers) yield [`answer to ${what}`, Buffer.from(text)];
  await stack.mysql('FLUSH TABLES');
  const socket = `--socket=${stack.dir}/run/db.sock`;
  for (const options of [['--hex-blob'], []])
    yield [`dump ${options}`, execFileSync('mariadb-dump', ['--no-defaults', socket, '-uroot', ...options, '--routines', '--all-databases'], { maxBuffer: 1 << 28 })];
  for (const args of [['org', 'list'], ['user', 'list'], ['team', 'list'], ['token', 'list'], ['jobs', 'list', '--limit', '500']]) {
    yield [`baileectl ${args}`, Buffer.from(await stack.ctl(args))];
    yield [`baileectl --json ${args}`, Buffer.from(JSON.stringify(await stack.ctl([...args, '--json'])))];
  }
  for (const part of ['db', 'public', 'api', 'runner', 'nginx'])
    for (const pid of await stack.pids(part))
      for (const file of ['cmdline', 'environ']) yield [`${part} ${file}`, readFileSync(`/proc/${pid}/${file}`)];
  for (const path of filesBelow(stack.dir))
    if (!path.startsWith(join(stack.dir, 'keys'))) yield [path.slice(stack.dir.length + 1), readFileSync(path)];
}

// Where any form of a text is found, with what stands there.
function found(name, bytes, secrets) {
  const hits = [];
  for (const secret of secrets) {
    const forms = formsOf(secret).concat(Buffer.from(secret.toUpperCase()));
    for (const form of forms) {
      const at = bytes.indexOf(form);
      if (at >= 0) hits.push(`${name}: …${bytes.subarray(Math.max(0, at - 80), at + 120).toString('latin1').replace(/[^\x20-\x7e]/g, '.')}…`);
    }
  }
  return hits;
}

test('no canary is in any answer, log, table, file, argument or environment', async () => {
  const secrets = [MARKER, world.token.split('_')[2], linkSecret,
    ...[...planted].filter(([secret]) => !secret.startsWith(MARKER)).map(([secret]) => secret)];
  assert.ok(planted.size > 100, `${planted.size} planted`);
  await call('GET', `/api/v2/${OPEN}`); // the access log holds paths
  answers.pop();
  const hits = [];
  const seen = new Set();
  const rawLink = Buffer.from(linkSecret, 'base64url');
  for await (const [name, bytes] of places()) {
    hits.push(...found(name, bytes, secrets));
    if (bytes.includes(rawLink) || bytes.includes(rawLink.toString('hex').toUpperCase())) hits.push(`${name}: the link secret`);
    if (found(name, bytes, [OPEN]).length > 0) seen.add(name.split(' ')[0].split('/')[0]);
  }
  for (const place of ['answer', 'dump', 'db', 'log']) assert.ok(seen.has(place), `the search does not see into: ${place} (${[...seen]})`);
  assert.deepEqual([...new Set(hits)], []);
});
