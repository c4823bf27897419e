// SPDX-License-Identifier: Apache-2.0
// Calls made at random from the OpenAPI document, valid and broken, against every operation: each answer is documented, none
// is a 5xx, none holds a secret, and nothing is left that speaks of a crash. BAILEE_SEED repeats a run, BAILEE_CALLS (400)
// makes it longer.
import assert from 'node:assert/strict';
import { randomInt, randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { formsOf, startStack } from './harness.mjs';

const SEED = Number(process.env.BAILEE_SEED ?? randomInt(2 ** 31));
const CALLS = Number(process.env.BAILEE_CALLS ?? 400);
const CANARY = 'canary-51f0c3d9e7';
const LONG = 'x'.repeat(70000);
const NAUGHTY = ['', ' ', '0', '-1', '1e3', '007', 'null', 'true', '[]', "' OR 1=1 -- ", '"', '\\', '../../etc/passwd', '%00', '%', '=1+1', '<<secret>>',
  '<script>alert(1)</script>', '\u0000', '\u0007\u001b[31m', '\ud800', '\u202e', '𝒳😀', 'e\u0301', 'ÿ'.repeat(300), LONG, '9'.repeat(40), 'line\r\nSet-Cookie: a=b'];
const NUMBERS = [0, -1, 1, 255, 256, 2 ** 31, 2 ** 32, 2 ** 53, -(2 ** 53), 1.5, 1e300];
// A provider of the wide world is not asked by a test.
const GOES_OUT = /\/(test|request-reauthorize)$/;
const GIVES_SECRETS = /^\/api\/v1\/user_credentials\/[^/]+\/token$/;

// mulberry32: small, and the same everywhere
let state = SEED;
function random() {
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
}
const below = (n) => Math.floor(random() * n);
const pick = (list) => list[below(list.length)];
const chance = (p) => random() < p;

let stack;
let contract;
let mine;
let theirs;
let tokens;
let link;
const ids = {}; // of things made, by the first part of their path

before(async () => {
  stack = await startStack({ workers: 3, set: ['api.wait_default_s=1'] });
  mine = await stack.world({ name: 'Ada' });
  theirs = await stack.world({ name: 'Mallory' });
  tokens = [mine.token, mine.token, mine.token, mine.token, mine.token, mine.token, theirs.token,
    await stack.addToken(mine.userId, 'keys:read,teams:read'), undefined, `bl_${'a'.repeat(62)}`, LONG.slice(0, 3000)];
  contract = await stack.contract();
});
after(() => stack?.close());

// ---- values by schema

function resolve(schema) {
  if (!schema?.$ref) return schema ?? {};
  return resolve(schema.$ref.slice(2).split('/').reduce((at, part) => at[part.replaceAll('~1', '/')], contract.document));
}

function valueOf(given, depth = 0) {
  const schema = resolve(given);
  if ('const' in schema) return schema.const;
  if (schema.enum) return pick(schema.enum);
  if (schema.anyOf) return valueOf(pick(schema.anyOf), depth);
  const type = Array.isArray(schema.type) ? pick(schema.type) : schema.type;
  const least = schema.minLength ?? schema.minItems ?? schema.minimum ?? 0;
  if (type === 'integer') return pick([least, least + 1, mine.teamId, schema.maximum ?? 7]);
  if (type === 'boolean') return chance(0.5);
  if (type === 'null') return null;
  if (type === 'string') {
    if (schema.format === 'uuid') return randomUUID();
    if (schema.pattern === '^[0-9]+$') return String(mine.teamId);
    return pick(['x', 'Grüße', 'a b', 'Shop']).repeat(1 + below(3)).padEnd(least, 'y').slice(0, schema.maxLength);
  }
  if (type === 'array') return Array.from({ length: Math.min(Math.max(least, below(3)), 3) }, () => valueOf(schema.items, depth + 1));
  if (type === 'object') {
    const names = Object.keys(schema.properties ?? {}).filter((name) => schema.required?.includes(name) || (depth < 4 && chance(0.4)));
    return Object.fromEntries(names.map((name) => [name, valueOf(schema.properties[name], depth + 1)]));
  }
  return pick([1, 'x', null, true]);
}

// Bodies that are really taken, where a schema alone does not lead to one.
const name = () => `Random ${below(1e6)}`;
const BODIES = {
  'POST /api/v2/keys': () => ({ name: name(), teamId: mine.teamId, typeName: 'apikeyauth', parameters: { key: CANARY } }),
  'PATCH /api/v2/keys/{id}': () => ({ name: name(), parameters: { key: `${CANARY}-2` } }),
  'POST /api/v2/credential-requests/requests/v2': () => ({ name: name(), teamId: mine.teamId, provider: pick([{ providerMakeUserId: mine.userId },
    { newUser: { name: 'Bo', email: `bo${below(50)}@example.org` } }]), credentials: [{ appName: 'http', appModules: ['*'] }] }),
  'POST /api/v2/connections': () => ({ accountName: name(), accountType: 'anthropic', apiKey: CANARY }),
  'POST /api/v2/connections/{id}/set-data': () => ({ apiKey: `${CANARY}-3` }),
  'PUT /api/v1/user_credentials/{id}': () => ({ name: name(), mode: pick(['TEXT', 'MULTI_REQUEST']) }),
  'PATCH /api/v1/user_credentials/{id}': () => ({ name: name(), description: pick([null, 'x', LONG.slice(0, 2000)]) }),
  'POST /api/v1/folders': () => ({ name: name(), team_id: mine.teamId, content_type: 'CREDENTIAL' }),
  'POST /api/v1/user_credentials': () => ({ name: name(), team_id: mine.teamId, ...pick([{ mode: 'TEXT', value: CANARY }, { mode: 'MULTI_REQUEST',
    http_request_location_of_token: '=x', credential_requests: [{ options: { url: 'http://127.0.0.1:9/' }, http_request_secret: CANARY }] }]) }),
};

// ---- breaking things

const WRONG = () => pick([null, 1, -1, 1.5, true, [], {}, [[]], { a: { b: {} } }, pick(NAUGHTY), pick(NUMBERS), [pick(NAUGHTY)]]);

function breakBody(body) {
  const text = JSON.stringify(body);
  const members = body && typeof body === 'object' ? Object.keys(body) : [];
  const one = pick(members);
  return pick([
    () => ({ ...body, [one]: WRONG() }),
    () => ({ ...body, [one]: pick(NAUGHTY) }),
    () => ({ ...body, [one]: pick(NUMBERS) }),
    () => Object.fromEntries(Object.entries(body ?? {}).filter(([key]) => key !== one)),
    () => ({ ...body, unknown: WRONG(), __proto__x: 1 }),
    () => (body?.[one] && typeof body[one] === 'object' ? { ...body, [one]: breakBody(body[one]) } : { ...body, [one]: WRONG() }),
    () => text.slice(0, below(text.length)),
    () => `${text}${pick([' ', 'x', '\u0000', text])}`,
    () => `{"a":1,"a":2,${text.slice(1)}`,
    () => `${'['.repeat(100)}${']'.repeat(100)}`,
    () => pick(['', 'null', '[]', '1', '"x"', '{', '{}', '\u00ff', '{"a":\ud800}']),
  ])();
}

function pathOf(template, broken) {
  const kind = template.split('/')[3];
  return template.replace(/\{(\w+)\}/g, (_, parameter) => {
    if (broken) return encodeURIComponent(pick([...NAUGHTY.filter((text) => text.length < 1000 && text !== '' && text.isWellFormed?.() !== false && text !== '\ud800'), randomUUID(), '999999'])) || 'x';
    if (parameter === 'name') return pick(['http', 'anthropic', 'app%23x', 'none']);
    if (parameter === 'version') return pick(['latest', '3', '99', 'x']);
    if (template.startsWith('/public')) return parameter === 'id' ? link?.id ?? 'x' : link?.item ?? 'x';
    if (template.includes('/teams/')) return String(mine.teamId);
    if (template.includes('/organizations/')) return String(mine.organizationId);
    const known = ids[template.includes('/credentials/') ? 'credentials' : kind] ?? [];
    return String(known.length > 0 && chance(0.9) ? pick(known) : pick([1, randomUUID()]));
  });
}

function queryOf(operation, broken) {
  const pairs = [];
  for (const given of operation.parameters) {
    const parameter = resolve(given);
    if (parameter.in !== 'query' || (!parameter.required && parameter.name !== 'confirmed' && !chance(broken ? 0.5 : 0.3))) continue;
    if (broken && chance(0.3)) continue;
    const special = { teamId: mine.teamId, team_id: mine.teamId, organizationId: mine.organizationId };
    let value = special[parameter.name] ?? (parameter.name === 'confirmed' ? chance(0.8) : valueOf(parameter.schema));
    if (broken && chance(0.6)) value = pick([pick(NAUGHTY).slice(0, 3000), String(pick(NUMBERS)), theirs.teamId]);
    for (const each of Array.isArray(value) ? value : [value]) pairs.push([parameter.name, each]);
    if (broken && chance(0.1)) pairs.push([parameter.name, value]);
  }
  if (broken && chance(0.2)) pairs.push([pick(['unknown', 'pg', 'pg[]', 'cols', '']), pick(NAUGHTY).slice(0, 100)]);
  const text = pairs.map(([key, value]) => `${encodeURIComponent(key)}=${encodeURIComponent(String(value).replace(/[\ud800-\udfff]/g, '?'))}`).join('&');
  return text ? `?${broken && chance(0.1) ? `${text}&%zz` : text}` : '';
}

// ---- one call

const FAILURES = [];
const seen = new Map(); // how often each operation was answered with success, by name

function remember(operation, template, answer) {
  if (answer.status >= 300 || !answer.body) return;
  const { key, connection, request, publicUri, id } = answer.body;
  const kind = template.split('/')[3];
  const made = key?.id ?? connection?.id ?? request?.id ?? id;
  if (made) (ids[kind === 'credential-requests' ? 'credential-requests' : kind] ??= []).push(made);
  if (publicUri) link = { id: request.id, secret: publicUri.split('#')[1] };
  for (const credential of answer.body.requestDetail?.credentials ?? []) (ids.credentials ??= []).push(credential.id);
  if (template === '/public/requests/{id}') link.item = answer.body.items[0]?.id;
}

async function one(template, method, operation, { broken }) {
  const named = `${method.toUpperCase()} ${template}`;
  const where = broken ? pick(['path', 'query', 'body', 'token', 'type', 'everything']) : '';
  const is = (part) => where === part || where === 'everything';
  const path = pathOf(template, is('path') && template.includes('{')) + queryOf(operation, is('query'));
  const token = is('token') ? pick(tokens) : mine.token;
  const headers = {};
  let body;
  if (operation.requestBody) {
    body = (BODIES[named] ?? (() => valueOf(operation.requestBody.content['application/json'].schema)))();
    if (is('body')) body = breakBody(body);
    if (is('type')) headers['content-type'] = pick(['text/plain', 'application/json; charset=utf-16', 'application/xml', 'application/json', 'a']);
  } else if (chance(0.1)) {
    body = pick(NAUGHTY).slice(0, 1000);
  }
  if (chance(0.2)) headers['idempotency-key'] = pick(['a', `k-${below(20)}`, ...(broken ? ['x'.repeat(256), 'a b'] : [])]);
  if (chance(0.2)) headers.prefer = pick(['respond-async', 'wait=0', 'wait=1', 'wait=99999999999', 'x; y="z"']);
  if (template.startsWith('/public') && link && !is('token')) headers.authorization = `Link ${link.secret}`;
  const answer = await stack.call(method.toUpperCase(), path, body, { token: headers.authorization ? undefined : token, headers });
  const problems = contract.differences(method.toUpperCase(), path, answer);
  if (answer.status >= 500) problems.push(`status ${answer.status}`);
  if (!(GIVES_SECRETS.test(path.split('?')[0]) && answer.status === 200)) {
    const bytes = Buffer.from(answer.text + JSON.stringify(answer.headers));
    if (formsOf(CANARY).some((form) => bytes.includes(form))) problems.push('the answer holds a secret');
  }
  if (answer.status < 300) seen.set(named, (seen.get(named) ?? 0) + 1);
  if (problems.length > 0) {
    FAILURES.push(`${named}\n  ${method.toUpperCase()} ${path.slice(0, 600)}\n  ${JSON.stringify(headers)}\n  ${String(typeof body === 'string' ? body : JSON.stringify(body)).slice(0, 600)}\n  -> ${answer.status} ${answer.text.slice(0, 600)}\n  ${problems.join('; ')}`);
  }
  remember(operation, template, answer);
  return answer;
}

function verdict() {
  assert.deepEqual(FAILURES.splice(0), [], `BAILEE_SEED=${SEED} repeats this`);
}

// ---- the tests

test(`every operation, whole and broken (BAILEE_SEED=${SEED})`, async (t) => {
  t.diagnostic(`BAILEE_SEED=${SEED}`);
  const all = Object.entries(contract.document.paths).flatMap(([template, methods]) => Object.entries(methods).map(([method, operation]) => [template, method, operation]))
    .filter(([template]) => !GOES_OUT.test(template));
  // what makes things first, what shows them then, what ends them last
  const order = (method, template) => ({ post: /\{/.test(template) ? 2 : 0, get: 1, put: 3, patch: 3, delete: 4 })[method];
  all.sort((a, b) => order(a[1], a[0]) - order(b[1], b[0]));
  for (const [template, method, operation] of all.filter(([, method]) => method === 'post').slice(0, 8)) await one(template, method, operation, { broken: false });
  for (const [template, method, operation] of all) await one(template, method, operation, { broken: false });
  for (let i = all.length; i < CALLS; i++) {
    const [template, method, operation] = pick(all);
    // what is deleted is missed by later calls: seldom
    if (method === 'delete' && chance(0.6)) continue;
    await one(template, method, operation, { broken: chance(0.8) });
  }
  verdict();
  const quiet = all.map(([template, method]) => `${method.toUpperCase()} ${template}`).filter((named) => !seen.has(named));
  t.diagnostic(`${seen.size} of ${all.length} operations answered with success at least once; never: ${quiet.join(', ')}`);
  assert.ok(seen.size > all.length * 0.7, quiet.join(', '));
});

// Path, the members that a list, a create and a get have, and what an update sends.
const LIVES = [
  { path: '/api/v2/keys', list: 'keys', item: 'key', make: BODIES['POST /api/v2/keys'], query: () => `?teamId=${mine.teamId}`, update: 'PATCH', ending: '?confirmed=true' },
  { path: '/api/v2/connections', list: 'connections', item: 'connection', make: BODIES['POST /api/v2/connections'], query: () => `?teamId=${mine.teamId}`, on: () => `?teamId=${mine.teamId}`, update: 'PATCH', ending: '?confirmed=true' },
  { path: '/api/v1/user_credentials', list: 'user_credentials', make: BODIES['POST /api/v1/user_credentials'], query: () => `?team_id=${mine.teamId}&per_page=500`, update: 'PATCH' },
];
for (const life of LIVES) {
  test(`${life.path}: made, read, listed, changed and deleted, with any name (BAILEE_SEED=${SEED})`, async () => {
    for (let i = 0; i < 4; i++) {
      const call = (method, path, body) => stack.api(method, path, body, { token: mine.token });
      const of = (answer) => (life.item ? answer.body[life.item] : answer.body);
      const named = `${pick(['Zoë', '𝒳 😀', '"quoted"', "O'Neil; --", '<b>', '%s%n', 'a\\b', '..'])} ${below(1e9)}`;
      const body = life.make();
      body['accountName' in body ? 'accountName' : 'name'] = named;
      const made = await call('POST', life.path + (life.on?.() ?? ''), body);
      assert.ok(made.status < 300, made.text);
      const { id } = of(made);
      assert.equal(of(made).name, named);
      assert.equal(of(await call('GET', `${life.path}/${id}`)).name, named);
      const rows = (await call('GET', life.path + life.query())).body[life.list];
      assert.equal(rows.filter((row) => row.id === id).length, 1);
      const changed = await call(life.update, `${life.path}/${id}`, { name: `${named}+` });
      assert.equal(of(changed).name, `${named}+`, changed.text);
      assert.equal((await stack.api('GET', `${life.path}/${id}`, undefined, { token: theirs.token })).status, 404);
      const deleted = await call('DELETE', `${life.path}/${id}${life.ending ?? ''}`);
      assert.ok(deleted.status < 300, deleted.text);
      assert.equal((await call('GET', `${life.path}/${id}`)).status, 404);
    }
  });
}

test('after all of it no secret is anywhere in the open, and every worker lives', async () => {
  assert.deepEqual(await stack.findSecret(CANARY), []);
  assert.equal(/event=worker_(died|crashed|killed)/.test(stack.logs('api')), false);
  assert.equal((await stack.call('GET', '/readyz')).status, 200);
});
