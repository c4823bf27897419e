// SPDX-License-Identifier: Apache-2.0
// Surface V1, row by row: user credentials, folders, teams, info; shapes, errors, pages, scopes, sharing.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { startStack, TOP, waitFor } from './harness.mjs';

const BASE = '/api/v1/user_credentials';
const CANARY = 'canary-user-credential-5521';
const KEYS = ['allowed_hosts', 'aws_assumed_role_external_id', 'aws_authentication_type', 'created_at', 'description', 'expires_at',
  'folder_id', 'id', 'metadata', 'mode', 'name', 'owner', 'read_access', 'restriction_type', 'shared_team_slugs', 'slug', 'team_id',
  'test_credential', 'test_credential_enabled', 'updated_at'];
const META = ['count', 'current_page', 'next_page', 'next_page_number', 'pages', 'per_page', 'previous_page'];

let stack; let world; let other; let token; let team; let sister;

const api = (method, path, body, options = {}) => stack.api(method, path, body, { token, ...options });
const text = (name, more = {}) => ({ name, mode: 'TEXT', team_id: team, value: CANARY, ...more });
const multi = (name, more = {}) => ({
  name,
  mode: 'MULTI_REQUEST',
  team_id: team,
  http_request_location_of_token: '\\=credential_name.body.token',
  credential_requests: [
    { options: { url: 'http://www.example.com', content_type: 'json', method: 'post', headers: {},
      payload: { key: 'value', secret: 'I can reference the \\<<secret>> as needed in the payload.' } }, http_request_secret: CANARY },
    { options: { url: 'http://www.example.com', content_type: 'json', method: 'post', headers: {},
      payload: { key: 'value', secret: 'I can reference \\<<PREVIOUS_STEP>> or the \\<<secret>>.' } }, http_request_secret: CANARY },
  ],
  ...more,
});

async function create(body) {
  const answer = await api('POST', BASE, body);
  assert.equal(answer.status, 201, answer.text);
  return answer.body;
}

// An error has both members, and one entry for each thing that is wrong.
function refused(answer, status, ...details) {
  assert.equal(answer.status, status, answer.text);
  assert.match(answer.headers['content-type'], /^application\/json/);
  assert.equal(typeof answer.body.error, 'string');
  assert.ok(Array.isArray(answer.body.errors) && answer.body.errors.length > 0);
  for (const entry of answer.body.errors) assert.deepEqual(Object.keys(entry).sort(), ['details', 'message']);
  assert.ok(!answer.text.includes(CANARY), 'a secret in an error');
  for (const detail of details) assert.ok(answer.body.errors.some((entry) => detail.test(entry.details)), `${detail} in ${answer.text}`);
  return answer.body;
}

before(async () => {
  stack = await startStack();
  world = await stack.world();
  other = await stack.world({ name: 'Other' });
  ({ token } = world);
  team = world.teamId;
  sister = await stack.addTeam('Sister Team', world.organizationId);
});
after(() => stack?.close());

describe('create', () => {
  it('answers 201 with the credential and nothing secret', async () => {
    const answer = await api('POST', BASE, multi('multi request credential', {
      description: 'for tests', metadata: { region: 'eu' }, allowed_hosts: ['*.example.com'], http_request_ttl: 60, kwargs: {}, id: 7 }));
    assert.equal(answer.status, 201, answer.text);
    const c = answer.body;
    assert.deepEqual(Object.keys(c).sort(), KEYS);
    assert.equal(typeof c.id, 'number');
    assert.equal(c.name, 'multi request credential');
    assert.equal(c.slug, 'multi_request_credential');
    assert.equal(c.mode, 'MULTI_REQUEST');
    assert.equal(c.team_id, team);
    assert.equal(c.folder_id, null);
    assert.equal(c.read_access, 'TEAM');
    assert.deepEqual(c.shared_team_slugs, []);
    assert.equal(c.description, 'for tests');
    assert.deepEqual(c.metadata, { region: 'eu' });
    assert.deepEqual(c.allowed_hosts, ['*.example.com']);
    assert.equal(c.restriction_type, 'RESTRICTED');
    assert.match(c.created_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    assert.equal(c.updated_at, c.created_at);
    assert.deepEqual(c.owner, { user_id: world.userId, first_name: 'World', last_name: 'User', email: 'world.user@example.org' });
    assert.deepEqual([c.expires_at, c.aws_authentication_type, c.aws_assumed_role_external_id, c.test_credential], [null, null, null, null]);
    assert.equal(c.test_credential_enabled, false);
    assert.ok(!answer.text.includes(CANARY) && !answer.text.includes('www.example.com'));
  });

  it('takes ids as digits, JSON as text, and defaults for null', async () => {
    const body = multi('loose', { team_id: String(team), folder_id: null, description: null, metadata: null, allowed_hosts: null,
      shared_team_slugs: null, http_request_ttl: '60', value: null });
    body.credential_requests = JSON.stringify(body.credential_requests);
    const c = await create(body);
    assert.equal(c.team_id, team);
    assert.equal(c.description, '');
    assert.deepEqual([c.metadata, c.allowed_hosts, c.shared_team_slugs], [{}, [], []]);
    assert.equal(c.restriction_type, 'UNRESTRICTED');
  });

  it('takes options as JSON text, and 1 to 8 requests', async () => {
    const one = { options: JSON.stringify({ url: 'https://a.example.com/' }) };
    await create(multi('one request', { credential_requests: [one] }));
    await create(multi('eight requests', { credential_requests: Array(8).fill(one) }));
    refused(await api('POST', BASE, multi('none', { credential_requests: [] })), 422, /^credential_requests: must not be empty/);
    refused(await api('POST', BASE, multi('nine', { credential_requests: Array(9).fill(one) })), 422, /^credential_requests: must have at most 8/);
    refused(await api('POST', BASE, multi('cut', { credential_requests: '[{"options":' })), 422, /^credential_requests: must be an array: the text is not valid JSON \(line 1, column \d+\)/);
    refused(await api('POST', BASE, multi('another', { credential_requests: [{ options: '[]' }] })), 422, /^credential_requests\[0\]\.options: must be an object$/);
    refused(await api('POST', BASE, text('認証情報')), 422, /^name: must hold a Latin letter or a digit/);
  });

  it('keeps expires_at', async () => {
    assert.equal((await create(text('expiring', { expires_at: '2031-02-03T04:05:06+01:00' }))).expires_at, '2031-02-03T03:05:06.000Z');
    refused(await api('POST', BASE, text('expiring badly', { expires_at: 'tomorrow' })), 422, /^expires_at: /);
  });

  it('names every wrong field at once', async () => {
    const body = refused(await api('POST', BASE, { name: '', mode: 'TEXT', team_id: 'x', metadata: { a: 1 }, read_access: 'ALL',
      folder_id: true, value: 5, allowed_hosts: ['*'], expires_at: 'soon' }), 422, /^metadata\.a: must be a text/, /^allowed_hosts\[0\]: /, /^expires_at: /, /^name: /, /^team_id: /, /^read_access: must be one of TEAM, GLOBAL, SPECIFIC_TEAMS/,
    /^folder_id: /, /^value: must be a text/);
    assert.ok(body.error.length > 0);
    const missing = refused(await api('POST', BASE, { mode: 'MULTI_REQUEST' }), 422, /^name: is required/, /^team_id: is required/,
      /^http_request_location_of_token: is required/, /^credential_requests: is required/);
    assert.equal(missing.errors.length, 4);
    assert.equal(refused(await api('POST', BASE, { mode: 'TEXT', name: null, team_id: null, value: null }), 422).errors.length, 3);
    refused(await api('POST', BASE, {}), 422, /^mode: is required/);
  });

  it('says which modes there are', async () => {
    refused(await api('POST', BASE, text('m', { mode: 'text' })), 422, /^mode: must be one of TEXT, JWT/);
    refused(await api('POST', BASE, text('m', { mode: 7 })), 422, /^mode: must be one of/);
  });

  it('refuses limits and patterns that are too wide', async () => {
    refused(await api('POST', BASE, text('n'.repeat(256))), 422, /^name: must have at most 255/);
    refused(await api('POST', BASE, text('d', { description: 'x'.repeat(65536) })), 422, /^description: /);
    refused(await api('POST', BASE, text('d', { description: 'é'.repeat(40000) })), 422, /^description: /);
    refused(await api('POST', BASE, text('h', { allowed_hosts: ['ok.example.com', '*', '*.co.uk', 5] })), 422, /^allowed_hosts\[3\]/);
    const hosts = refused(await api('POST', BASE, text('h', { allowed_hosts: ['ok.example.com', '*', '*.co.uk'] })), 422,
      /^allowed_hosts\[1\]/, /^allowed_hosts\[2\]/);
    assert.equal(hosts.errors.length, 2);
    refused(await api('POST', BASE, text('m', { metadata: { a: 'x', b: ['y'] } })), 422, /^metadata\.b: must be a text/);
    for (const ttl of [0, 86401, 'soon', 1.5])
      refused(await api('POST', BASE, multi('t', { http_request_ttl: ttl })), 422, /^http_request_ttl: /);
  });

  it('finds faults of formulas and options with their place and column', async () => {
    refused(await api('POST', BASE, multi('plain', { http_request_location_of_token: 'response.body.token' })), 422,
      /^http_request_location_of_token: must be a formula/);
    const wrong = multi('formulas', { http_request_location_of_token: '=credential_name.body.' });
    wrong.credential_requests[0].options.payload.secret = 'a <<NOPE(1)>> b';
    wrong.credential_requests[1].options.colour = 'blue';
    refused(await api('POST', BASE, wrong), 422, /^http_request_location_of_token: column \d+/,
      /^credential_requests\[0\]\.options\.payload\.secret: column \d+.*NOPE/, /^credential_requests\[1\]\.options\.colour: /);
    const url = multi('url');
    url.credential_requests[0].options.url = 'ftp://example.com/';
    refused(await api('POST', BASE, url), 422, /^credential_requests\[0\]\.options\.url: /);
    refused(await api('POST', BASE, multi('no options', { credential_requests: [{}] })), 422, /^credential_requests\[0\]\.options: is required/);
  });

  it('makes slugs, and refuses empty and taken ones on name', async () => {
    assert.equal((await create(text('  Größe: Ärger & Øre! '))).slug, 'grosse_arger_ore');
    refused(await api('POST', BASE, text('日本')), 422, /^name: /);
    await create(text('Slug Clash'));
    refused(await api('POST', BASE, text('slug_clash')), 422, /^name: .*slug_clash/);
    assert.equal((await stack.api('POST', BASE, text('Slug Clash', { team_id: other.teamId }), { token: other.token })).status, 201);
  });

  it('refuses what is no JSON object, and other media types', async () => {
    refused(await api('POST', BASE, '{"name": '), 400);
    refused(await api('POST', BASE, '[]'), 400);
    refused(await api('POST', BASE, '{"name":"a","name":"b"}'), 400);
    refused(await api('POST', BASE, Buffer.from('{"name":"\xff"}', 'latin1')), 400);
    refused(await api('POST', BASE, '{"name":"a\\u0000b"}'), 400);
    refused(await api('POST', BASE, ''), 400);
    refused(await api('POST', BASE, 'name=a', { headers: { 'content-type': 'application/x-www-form-urlencoded' } }), 415);
  });

  it('shares with teams of the organization only', async () => {
    const slugs = (await stack.mysql(`SELECT slug FROM team WHERE id IN (${sister}, ${other.teamId}) ORDER BY id`)).flat();
    const foreign = slugs.find((slug) => slug.startsWith('other'));
    const own = slugs.find((slug) => slug.startsWith('sister'));
    const c = await create(text('specific', { read_access: 'SPECIFIC_TEAMS', shared_team_slugs: [own] }));
    assert.deepEqual([c.read_access, c.shared_team_slugs], ['SPECIFIC_TEAMS', [own]]);
    refused(await api('POST', BASE, text('s', { read_access: 'SPECIFIC_TEAMS' })), 422, /^shared_team_slugs: /);
    refused(await api('POST', BASE, text('s', { read_access: 'SPECIFIC_TEAMS', shared_team_slugs: [own, foreign] })), 422,
      /^shared_team_slugs\[1\]: /);
    assert.deepEqual((await create(text('team', { shared_team_slugs: [own] }))).shared_team_slugs, []);
  });
});

describe('read', () => {
  it('shows one credential, also to HEAD', async () => {
    const c = await create(text('readable'));
    const answer = await api('GET', `${BASE}/${c.id}`);
    assert.equal(answer.status, 200);
    assert.deepEqual(answer.body, c);
    assert.ok(!answer.text.includes(CANARY));
    const head = await api('HEAD', `${BASE}/${c.id}`);
    assert.equal(head.status, 200);
    assert.equal(head.text, '');
  });

  it('answers alike for what is missing and what belongs to others', async () => {
    const { id } = await create(text('not yours'));
    const hidden = await stack.api('GET', `${BASE}/${id}`, undefined, { token: other.token });
    const missing = await stack.api('GET', `${BASE}/4000000`, undefined, { token: other.token });
    refused(hidden, 404);
    assert.deepEqual(hidden.body, missing.body);
    for (const bad of ['0', '-1', 'abc', '99999999999999999999', '1%20', '%00'])
      assert.ok([400, 404].includes((await api('GET', `${BASE}/${bad}`)).status), bad);
    for (const [method, body] of [['PUT', { mode: 'TEXT' }], ['PATCH', { name: 'mine' }], ['DELETE', undefined]])
      refused(await stack.api(method, `${BASE}/${id}`, body, { token: other.token }), 404);
    for (const path of ['log']) refused(await stack.api('GET', `${BASE}/${id}/${path}`, undefined, { token: other.token }), 404);
    refused(await stack.api('POST', `${BASE}/${id}/token`, undefined, { token: other.token }), 404);
  });

  it('answers 405 with Allow for other methods', async () => {
    const answer = await api('POST', `${BASE}/1`, {});
    refused(answer, 405);
    assert.match(answer.headers.allow, /GET/);
    assert.match(answer.headers.allow, /PATCH/);
  });
});

describe('list', () => {
  let lonely; let ids;

  before(async () => {
    lonely = await stack.world({ name: 'Lonely' });
    ids = [];
    for (let i = 0; i < 5; i++) {
      const answer = await stack.api('POST', BASE, { name: `c${i}`, mode: 'TEXT', team_id: lonely.teamId, value: CANARY,
        allowed_hosts: i === 3 ? ['x.example.com'] : [] }, { token: lonely.token });
      ids.push(answer.body.id);
    }
  });
  const list = (query, options) => stack.api('GET', `${BASE}${query}`, undefined, { token: lonely.token, ...options });
  const idsOf = (answer) => answer.body.user_credentials.map((c) => c.id);

  it('answers pages with absolute links that repeat every filter', async () => {
    const answer = await list(`?team_id=${lonely.teamId}&per_page=2&page=2&filter=UNRESTRICTED`);
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual(Object.keys(answer.body).sort(), ['meta', 'user_credentials']);
    assert.deepEqual(Object.keys(answer.body.meta).sort(), META);
    assert.deepEqual(idsOf(answer), [ids[2], ids[4]]);
    const { meta } = answer.body;
    assert.deepEqual([meta.per_page, meta.pages, meta.count, meta.next_page_number, meta.next_page], [2, 2, 4, null, null]);
    const previous = new URL(meta.previous_page);
    assert.equal(previous.pathname, BASE);
    assert.deepEqual(Object.fromEntries(previous.searchParams),
      { team_id: String(lonely.teamId), filter: 'UNRESTRICTED', per_page: '2', page: '1' });
    assert.equal(new URL(meta.current_page).searchParams.get('page'), '2');
    const first = await list(previous.search);
    assert.deepEqual(idsOf(first), [ids[0], ids[1]]);
    assert.equal(first.body.meta.next_page_number, 2);
    assert.equal(first.body.meta.previous_page, null);
  });

  it('defaults to 20 a page and answers an empty page past the end', async () => {
    const all = await list('');
    assert.deepEqual(idsOf(all), ids);
    assert.deepEqual([all.body.meta.per_page, all.body.meta.pages, all.body.meta.count], [20, 1, 5]);
    assert.deepEqual(Object.keys(all.body.user_credentials[0]).sort(), KEYS);
    const past = await list('?page=9');
    assert.equal(past.status, 200);
    assert.deepEqual([idsOf(past), past.body.meta.count], [[], 5]);
  });

  it('filters', async () => {
    assert.deepEqual(idsOf(await list('?filter=RESTRICTED')), [ids[3]]);
    assert.deepEqual(idsOf(await list('?filter=UNUSED_IN_ACTIONS')), []);
    refused(await list('?filter=OTHER'), 422, /^filter: /);
    refused(await list('?per_page=501'), 422, /^per_page: /);
    refused(await list('?page=0'), 422, /^page: /);
    refused(await list('?team_id=x'), 422, /^team_id: /);
  });

  it('shows other teams alike whether they are there or not', async () => {
    const foreign = await list(`?team_id=${team}`);
    refused(foreign, 404);
    assert.deepEqual(foreign.body, (await list('?team_id=4000000')).body);
  });
});

describe('change', () => {
  it('keeps on PUT what is not sent, the value too', async () => {
    const c = await create(text('put me', { description: 'old', metadata: { a: 'b' } }));
    const answer = await api('PUT', `${BASE}/${c.id}`, { mode: 'TEXT', name: 'Put You' });
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual([answer.body.name, answer.body.slug, answer.body.description], ['Put You', 'put_you', 'old']);
    assert.deepEqual(answer.body.metadata, { a: 'b' });
    assert.ok(answer.body.updated_at >= c.updated_at);
    assert.equal((await api('POST', `${BASE}/${c.id}/token`)).body.token, CANARY);
    assert.equal((await api('PATCH', `${BASE}/${c.id}`, { value: `${CANARY}-new` })).status, 200);
    assert.equal((await api('POST', `${BASE}/${c.id}/token`)).body.token, `${CANARY}-new`);
  });

  it('asks for mode on PUT and refuses another one', async () => {
    const { id } = await create(text('mode stays'));
    refused(await api('PUT', `${BASE}/${id}`, { name: 'x' }), 422, /^mode: is required/);
    refused(await api('PUT', `${BASE}/${id}`, multi('mode stays')), 422, /^mode: cannot be changed/);
    refused(await api('PATCH', `${BASE}/${id}`, { mode: 'MULTI_REQUEST' }), 422, /^mode: cannot be changed/);
    assert.equal((await api('PATCH', `${BASE}/${id}`, { mode: 'TEXT' })).status, 200);
  });

  it('makes http_request_ttl null when PUT does not send it, and keeps it on PATCH', async () => {
    const { id } = await create(multi('ttl rule', { http_request_ttl: 60 }));
    const ttl = async () => (await stack.mysql(`SELECT http_request_ttl FROM user_credential WHERE id = ${id}`))[0][0];
    assert.equal((await api('PATCH', `${BASE}/${id}`, { description: 'x' })).status, 200);
    assert.equal(await ttl(), '60');
    assert.equal((await api('PUT', `${BASE}/${id}`, { mode: 'MULTI_REQUEST' })).status, 200);
    assert.equal(await ttl(), 'NULL');
    assert.equal((await api('PUT', `${BASE}/${id}`, { mode: 'MULTI_REQUEST', http_request_ttl: 5 })).status, 200);
    assert.equal(await ttl(), '5');
    assert.equal((await api('PATCH', `${BASE}/${id}`, { http_request_ttl: null })).status, 200);
    assert.equal(await ttl(), 'NULL');
  });

  it('checks formulas of a change as it does those of a create', async () => {
    const { id } = await create(multi('checked again'));
    refused(await api('PATCH', `${BASE}/${id}`, { http_request_location_of_token: '=((' }), 422, /column/);
    refused(await api('PATCH', `${BASE}/${id}`, { credential_requests: [{ options: { url: 'http://a.example/<<X(>>' } }] }), 422, /column/);
  });

  it('moves to another team of the caller, and to no other', async () => {
    const mover = await stack.addUser('Mover', [team, sister]);
    const own = await stack.addToken(mover);
    const { id } = await create(text('moving'));
    refused(await api('PUT', `${BASE}/${id}`, { mode: 'TEXT', team_id: sister }), 404);
    refused(await api('PUT', `${BASE}/${id}`, { mode: 'TEXT', team_id: 4000000 }), 404);
    const answer = await stack.api('PUT', `${BASE}/${id}`, { mode: 'TEXT', team_id: sister }, { token: own });
    assert.equal(answer.status, 200, answer.text);
    assert.equal(answer.body.team_id, sister);
    refused(await api('GET', `${BASE}/${id}`), 404);
    assert.equal((await stack.api('POST', `${BASE}/${id}/token`, undefined, { token: own })).body.token, CANARY);
  });

  it('deletes with 204, once', async () => {
    const { id } = await create(text('deleted'));
    const answer = await api('DELETE', `${BASE}/${id}`);
    assert.equal(answer.status, 204);
    assert.equal(answer.text, '');
    refused(await api('DELETE', `${BASE}/${id}`), 404);
    refused(await api('GET', `${BASE}/${id}`), 404);
  });
});

describe('use', () => {
  it('gives the value of a TEXT credential', async () => {
    const { id } = await create(text('used', { expires_at: '2040-01-01T00:00:00Z' }));
    const answer = await api('POST', `${BASE}/${id}/token`);
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual(answer.body, { token: CANARY, token_type: 'N_A', expires_at: '2040-01-01T00:00:00.000Z', fetched_at: null });
    assert.match(answer.headers['cache-control'] ?? '', /no-store/);
  });

  it('lets other teams use what is shared, but not see or change it', async () => {
    const user = await stack.addUser('Sister Member', [sister]);
    const own = await stack.addToken(user);
    const { id } = await create(text('shared widely', { read_access: 'GLOBAL' }));
    assert.equal((await stack.api('POST', `${BASE}/${id}/token`, undefined, { token: own })).body.token, CANARY);
    refused(await stack.api('GET', `${BASE}/${id}`, undefined, { token: own }), 404);
    refused(await stack.api('GET', `${BASE}/${id}/log`, undefined, { token: own }), 404);
    refused(await stack.api('PATCH', `${BASE}/${id}`, { name: 'x' }, { token: own }), 404);
    refused(await stack.api('POST', `${BASE}/${id}/token`, undefined, { token: other.token }), 404);
    assert.equal((await api('PATCH', `${BASE}/${id}`, { read_access: 'TEAM' })).status, 200);
    refused(await stack.api('POST', `${BASE}/${id}/token`, undefined, { token: own }), 404);
  });

  it('does not open a value whose policy was edited in the database', async () => {
    const { id } = await create(text('edited', { allowed_hosts: ['good.example.com'] }));
    await stack.mysql(`UPDATE user_credential SET allowed_hosts = '["evil.example.com"]' WHERE id = ${id}`);
    const answer = await api('POST', `${BASE}/${id}/token`);
    refused(answer, 500);
  });
});

describe('tokens and scopes', () => {
  it('takes both headers and refuses what is no token', async () => {
    assert.equal((await stack.api('GET', BASE, undefined, { headers: { 'X-User-Token': token, 'X-User-Email': 'a@b.c' } })).status, 200);
    assert.equal((await api('GET', BASE, undefined, { scheme: 'Token' })).status, 200);
    const none = await stack.api('GET', BASE);
    refused(none, 401);
    assert.ok(none.headers['www-authenticate']);
    refused(await stack.api('GET', BASE, undefined, { token: 'nonsense' }), 401);
    refused(await stack.api('GET', BASE, undefined, { token: `${token.slice(0, -1)}${token.endsWith('a') ? 'b' : 'a'}` }), 401);
  });

  it('asks for the scope of each call', async () => {
    const { id } = await create(text('scoped'));
    const reader = await stack.addToken(world.userId, 'user-credentials:read');
    const writer = await stack.addToken(world.userId, 'user-credentials:write');
    const user = await stack.addToken(world.userId, 'user-credentials:use');
    const calls = [
      ['GET', BASE, undefined, 'read', [reader]], ['GET', `${BASE}/${id}`, undefined, 'read', [reader]],
      ['GET', `${BASE}/${id}/log`, undefined, 'read', [reader]], ['GET', '/api/v1/folders', undefined, 'read', [reader]],
      ['PATCH', `${BASE}/${id}`, { description: 'd' }, 'write', [writer]], ['PUT', `${BASE}/${id}`, { mode: 'TEXT' }, 'write', [writer]],
      ['POST', `${BASE}/${id}/token`, undefined, 'use', [user]], ['GET', '/api/v1/teams', undefined, '', [reader, writer, user]],
      ['GET', '/api/v1/info', undefined, '', [reader, writer, user]], ['POST', BASE, text('by writer'), 'write', [writer]],
      ['DELETE', `${BASE}/${id}`, undefined, 'write', [writer]],
    ];
    for (const [method, path, body, scope, allowed] of calls) {
      for (const one of [reader, writer, user].filter((t) => !allowed.includes(t)))
        refused(await stack.api(method, path, body, { token: one }), 403, new RegExp(`user-credentials:${scope}`));
    }
    for (const [method, path, body, , allowed] of calls)
      assert.ok((await stack.api(method, path, body, { token: allowed[0] })).status < 300, `${method} ${path}`);
  });
});

describe('what clients call first', () => {
  it('info', async () => {
    const { status, body } = await api('GET', '/api/v1/info');
    assert.equal(status, 200);
    assert.equal(body.name, 'Bailee');
    assert.match(body.version, /^\d+\.\d+/);
    assert.deepEqual(Object.keys(body.stack).sort(), ['egress_ips', 'name', 'region', 'type']);
  });

  it('teams', async () => {
    const { status, body } = await api('GET', '/api/v1/teams');
    assert.equal(status, 200);
    assert.deepEqual(body.teams, [{ id: team, name: 'World Team' }]);
    assert.deepEqual(Object.keys(body.meta).sort(), META);
    assert.equal(body.meta.count, 1);
    assert.deepEqual((await api('GET', `/api/v1/teams/${team}`)).body, { id: team, name: 'World Team' });
    for (const id of [other.teamId, 999999, 'x']) refused(await api('GET', `/api/v1/teams/${id}`), 404);
  });

  it('folders, and credentials in them', async () => {
    const made = await api('POST', '/api/v1/folders', { name: 'Logins', team_id: team, content_type: 'CREDENTIAL' });
    assert.equal(made.status, 201, made.text);
    assert.deepEqual(made.body, { id: made.body.id, name: 'Logins', team_id: team, content_type: 'CREDENTIAL', size: 0 });
    const folder = made.body.id;
    const c = await create(text('filed', { folder_id: String(folder) }));
    assert.equal(c.folder_id, folder);
    const listed = await api('GET', `/api/v1/folders?team_id=${team}&content_type=CREDENTIAL`);
    assert.deepEqual(listed.body.folders, [{ ...made.body, size: 1 }]);
    assert.equal(listed.body.meta.count, 1);
    assert.deepEqual((await api('GET', `${BASE}?folder_id=${folder}`)).body.user_credentials.map((x) => x.id), [c.id]);
    refused(await api('GET', `/api/v1/folders?team_id=${other.teamId}`), 404);
    refused(await api('GET', '/api/v1/folders?content_type=STORY'), 422);
    refused(await api('POST', '/api/v1/folders', { name: 'x', team_id: other.teamId, content_type: 'CREDENTIAL' }), 404);
    refused(await api('POST', '/api/v1/folders', {}), 422, /^name/, /^team_id/);
    refused(await api('POST', '/api/v1/folders', { name: 'x', team_id: team, content_type: 'STORY' }), 422, /^content_type/);
    refused(await stack.api('POST', BASE, text('x', { team_id: other.teamId, folder_id: folder }), { token: other.token }), 422, /^folder_id: /);
    assert.deepEqual((await api('GET', `/api/v1/folders/${folder}`)).body, { ...made.body, size: 1 });
    const renamed = await api('PUT', `/api/v1/folders/${folder}`, { name: 'Keys', id: folder, team_id: other.teamId });
    assert.deepEqual(renamed.body, { ...made.body, name: 'Keys', size: 1 });
    const byQuery = await api('PUT', `/api/v1/folders/${folder}?name=By+query`, undefined, { headers: { 'content-type': 'application/json' } });
    assert.deepEqual(byQuery.body, { ...made.body, name: 'By query', size: 1 });
    for (const wrong of [{}, { name: '' }, { name: 5 }, { name: 'n'.repeat(256) }]) refused(await api('PUT', `/api/v1/folders/${folder}`, wrong), 422, /^name/);
    for (const [method, body] of [['GET'], ['PUT', { name: 'Theirs' }], ['DELETE']]) {
      refused(await stack.api(method, `/api/v1/folders/${folder}`, body, { token: other.token }), 404);
      refused(await api(method, '/api/v1/folders/999999', body), 404);
    }
    assert.equal((await api('DELETE', `/api/v1/folders/${folder}`)).status, 204);
    assert.equal((await api('GET', `${BASE}/${c.id}`)).body.folder_id, null);
  });
});

describe('docs/CREDENTIALS.md', () => {
  it('names every field, mode and call of a user credential', async () => {
    const text = readFileSync(join(TOP, 'docs', 'CREDENTIALS.md'), 'utf8');
    const { paths, components } = (await api('GET', '/api/openapi.json')).body;
    const names = Object.keys(components.schemas.UserCredentialCreate.properties);
    assert.ok(names.length > 30, names.join(' '));
    for (const name of names) assert.ok(text.includes(`\`${name}\``), name);
    for (const path of Object.keys(paths).filter((key) => key.startsWith(`${BASE}/{id}`))) assert.ok(text.includes(`…${path.slice(BASE.length)}\``), path);
  });
});

describe('traces', () => {
  it('every change has its audit row, and uses are counted', async () => {
    const { id } = await create(text('audited'));
    await api('PATCH', `${BASE}/${id}`, { description: 'd' });
    for (let i = 0; i < 3; i++) await api('POST', `${BASE}/${id}/token`);
    await api('DELETE', `${BASE}/${id}`);
    const rows = async () => stack.mysql(`SELECT event, team_id, person_id, SUM(count) FROM audit WHERE subject = '${id}'
      AND event NOT LIKE 'folder%' AND event NOT LIKE 'team%' AND event NOT LIKE 'user.%' GROUP BY event, team_id, person_id ORDER BY event`);
    const expected = ['credential.use', 'user_credential.create', 'user_credential.delete', 'user_credential.update'];
    const until = Date.now() + 10000;
    let found = await rows();
    while ((found.length < 4 || found[0][3] !== '3') && Date.now() < until) {
      await api('GET', '/api/v1/info'); // what is noted is written between requests
      await new Promise((resolve) => { setTimeout(resolve, 300); });
      found = await rows();
    }
    assert.deepEqual(found.map((row) => row[0]), expected);
    for (const row of found) assert.deepEqual(row.slice(1, 3), [String(team), String(world.userId)]);
    assert.equal(found[0][3], '3');
  });

  it('uses of more credentials than one statement writes are all counted, with who and from where', async () => {
    const ids = [];
    for (let i = 0; i < 70; i++) ids.push((await create(text(`used ${i}`))).id);
    for (const id of [...ids, ...ids.slice(0, 5)]) assert.equal((await api('POST', `${BASE}/${id}/token`)).status, 200);
    const uses = () => stack.mysql(`SELECT c.id, SUM(a.count), MIN(a.address), MIN(a.person_id), MIN(a.actor), c.last_used_at IS NOT NULL
      FROM user_credential c JOIN audit a ON a.subject = c.id AND a.event = 'credential.use' WHERE c.id IN (${ids}) GROUP BY c.id ORDER BY c.id`);
    const rows = await waitFor('all uses in the audit trail', async () => {
      await api('GET', '/api/v1/info'); // what is noted is written between requests
      const found = await uses();
      return found.reduce((sum, row) => sum + Number(row[1]), 0) >= 75 && found;
    });
    assert.deepEqual(rows.map(([id, count]) => [Number(id), Number(count)]), ids.map((id, at) => [id, at < 5 ? 2 : 1]));
    for (const [, , address, person, actor, stamped] of rows) {
      assert.deepEqual([address, person, stamped], ['127.0.0.1', String(world.userId), '1']);
      assert.match(actor, /^token:[\w-]{12}$/);
    }
  });

  it('no secret anywhere', async () => {
    assert.deepEqual(await stack.findSecret(CANARY), []);
  });
});
