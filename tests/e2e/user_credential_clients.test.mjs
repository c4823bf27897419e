// SPDX-License-Identifier: Apache-2.0
// User credentials as published clients of this surface send them (a Go library and its Terraform resource, two Python
// wrappers, the examples of the documentation), and what these read out of the answers.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { startStack } from './harness.mjs';
import { startVendor } from './vendor.mjs';

const BASE = '/api/v1/user_credentials';
const STEP = { url: 'http://www.example.com', content_type: 'json', method: 'post', headers: {}, payload: { key: 'value', secret: '\\<<secret>>' } };
const AGENT = { url: 'https://example.com', content_type: 'json', method: 'post', payload: { key: '<<secret>>' } };
const CLIENT = { oauth_token_url: 'https://example.com/token', oauth_client_id: 'foo', oauth_client_secret: 'bar', oauth_scope: 'sync' };
const STEPS = [{ options: STEP, http_request_secret: 'secret_value' }, { options: STEP, http_request_secret: 'secret_value' }];

let stack; let world; let vendor;

// As the Go library calls: every call says it has JSON, with or without a body, and the token has a header of its own.
const api = (method, path, body) => stack.api(method, path, body, { headers: { 'x-user-token': world.token, 'x-user-email': 'ada@example.org',
  'content-type': 'application/json', accept: 'application/json', 'user-agent': 'tines-go-sdk', 'accept-encoding': 'gzip' } });

async function create(name, body) {
  const made = await api('POST', BASE, { name, team_id: world.teamId, ...body });
  assert.equal(made.status, 201, `${name}: ${made.text}`);
  return made.body;
}

before(async () => {
  stack = await startStack();
  world = await stack.world();
  vendor = await startVendor();
});
after(async () => {
  await vendor?.close();
  await stack.close();
});

describe('bodies of a create', () => {
  for (const [name, body, shown = {}] of [
    ['text', { mode: 'TEXT', value: 'bar' }],
    ['text of Terraform', { mode: 'TEXT', value: 'bar', description: 'Managed via Terraform', read_access: 'TEAM' }, { description: 'Managed via Terraform' }],
    ['text with everything', { mode: 'TEXT', value: 'bar', kwargs: {}, id: 0, is_test: false, test_credential_enabled: false, live_credential_id: 7,
      folder_id: null, read_access: null, shared_team_slugs: null, description: null, metadata: null, allowed_hosts: null }],
    ['jwt', { mode: 'JWT', jwt_algorithm: 'HS256', jwt_payload: { iss: '', sub: '', scope: '', aud: '' }, jwt_auto_generate_time_claims: true, jwt_private_key: '<private-key>' }],
    ['jwt with its payload as text', { mode: 'JWT', jwt_algorithm: 'HS256', jwt_payload: '{"iss":"me"}', jwt_private_key: 'k' }],
    ['oauth', { mode: 'OAUTH', ...CLIENT, oauth_url: 'https://example.com/auth', oauth_grant_type: 'authorization_code' }],
    ['oauth for a program', { mode: 'OAUTH', ...CLIENT, oauth_url: '', oauth_grant_type: 'client_credentials' }],
    ['oauth without its grant', { mode: 'OAUTH', ...CLIENT, jwt_auto_generate_time_claims: true }],
    ['aws keys', { mode: 'AWS', aws_authentication_type: 'KEY', aws_access_key: 'foo', aws_secret_key: 'bar' },
      { aws_authentication_type: 'KEY', aws_assumed_role_external_id: null }],
    ['aws role', { mode: 'AWS', aws_authentication_type: 'ROLE', aws_access_key: 'v_access_key', aws_secret_key: 'v_secret_key', aws_assumed_role_arn: 'v_role_arn' },
      { aws_authentication_type: 'ROLE' }],
    ['http', { mode: 'HTTP_REQUEST_AGENT', http_request_options: AGENT, http_request_location_of_token: '=response.body.value', http_request_secret: 'example', http_request_ttl: 60 }],
    ['http with its options as text', { mode: 'HTTP_REQUEST_AGENT', http_request_options: JSON.stringify(AGENT), http_request_location_of_token: '\\=credential_name.body.token', http_request_ttl: '60' }],
    ['multi', { mode: 'MULTI_REQUEST', http_request_location_of_token: '\\=credential_name.body.token', credential_requests: STEPS, content_type: 'json' }],
  ]) {
    it(name, async () => {
      const made = await create(name, body);
      assert.deepEqual({ ...made, ...shown }, made);
      assert.deepEqual([made.folder_id, made.shared_team_slugs, made.allowed_hosts, made.metadata], [null, [], [], {}]);
      assert.match(made.created_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
      const put = await api('PUT', `${BASE}/${made.id}`, { id: made.id, mode: made.mode, name: `${name} again`, kwargs: {} });
      assert.equal(put.status, 200, put.text);
      assert.ok(put.body.updated_at > made.created_at);
      assert.equal((await api('GET', `${BASE}/${made.id}`)).body.name, `${name} again`);
      const gone = await api('DELETE', `${BASE}/${made.id}`);
      assert.deepEqual([gone.status, gone.text], [204, '']);
      assert.equal((await api('GET', `${BASE}/${made.id}`)).status, 404);
    });
  }
});

it('a grant that is not named follows from whether there is an address for a person', async () => {
  assert.equal((await create('by program', { mode: 'OAUTH', ...CLIENT })).redirect_url, null);
  assert.ok((await create('by person', { mode: 'OAUTH', ...CLIENT, oauth_url: 'https://example.com/auth' })).redirect_url);
});

it('a list is walked by next_page, and by next_page_number', async () => {
  for (let i = 0; i < 5; i++) await create(`listed ${i}`, { mode: 'TEXT', value: 'x', allowed_hosts: ['example.com'] });
  const byUrl = []; const byNumber = [];
  for (let url = `${BASE}?per_page=2&filter=RESTRICTED&team_id=${world.teamId}`; url;) {
    const { user_credentials: page, meta } = (await api('GET', url)).body;
    byUrl.push(...page.map(({ id }) => id));
    assert.equal(meta.count, 5);
    url = meta.next_page && meta.next_page.slice(stack.url.length);
  }
  for (let page = 1; page;) {
    const answer = (await api('GET', `${BASE}?per_page=2&filter=RESTRICTED&page=${page}`)).body;
    byNumber.push(...answer.user_credentials.map(({ id }) => id));
    page = answer.meta.next_page_number;
  }
  assert.equal(new Set(byUrl).size, 5);
  assert.deepEqual(byNumber, byUrl);
});

it('the log of a credential comes in pages, newest first', async () => {
  vendor.on('/token', (request, response) => response.writeHead(403).end());
  const { id } = await create('logged', { mode: 'HTTP_REQUEST_AGENT', http_request_options: { url: `${vendor.url}/token` }, http_request_location_of_token: '=response.body.token' });
  assert.deepEqual((await api('GET', `${BASE}/${id}/log`)).body.log, []);
  for (let i = 0; i < 3; i++) assert.equal((await api('POST', `${BASE}/${id}/token`)).status, 424);
  const all = (await api('GET', `${BASE}/${id}/log`)).body;
  assert.equal(all.log.length, 3);
  assert.deepEqual([all.meta.count, all.meta.per_page, all.meta.next_page], [3, 20, null]);
  const first = (await api('GET', `${BASE}/${id}/log?per_page=2`)).body;
  assert.deepEqual(first.log, all.log.slice(0, 2));
  const { log, meta } = (await api('GET', first.meta.next_page.slice(stack.url.length))).body;
  assert.deepEqual(log, all.log.slice(2));
  assert.deepEqual([meta.next_page, meta.next_page_number, meta.pages], [null, null, 2]);
  assert.deepEqual((await api('GET', `${BASE}/${id}/log?page=9`)).body.log, []);
  assert.equal((await api('GET', `${BASE}/${id}/log?per_page=501`)).status, 422);
});
