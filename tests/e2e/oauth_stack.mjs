// SPDX-License-Identifier: Apache-2.0
// A stack whose apps are connected at providers of the test: definitions written, clients registered, requests made.
//
//   const oauth = await startOauthStack([{ connection: room.connection('x'), secret: 'client-secret' }]);
//   const { person, item, request } = await oauth.ask('x');          // a request for one account; scopes: ['read'] unless said
//   const made = await person.authorize(item.id);
//   const id = await oauth.connectionOf(item.id);
//   const { token } = await oauth.live(id);                   // POST /api/v2/connections/{id}/token
//   await oauth.age(id);                                             // the access token counts as expired, for us
//   await oauth.grant(id)                                            // row of oauth_grant and of its newest token
//   await oauth.close();
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startStack } from './harness.mjs';
import { Person } from './person.mjs';

const REQUESTS = '/api/v2/credential-requests/requests';
const APP = 'app#oauth-test';
const AT_ONCE = 4;
const APP_MOST = 64; // connections of one definition

const moduleOf = (type, scope) => `${scope === 'write' ? 'Change' : scope === 'read' ? 'Use' : scope.replace(/\W/g, '-')}-${type}`;

function definition(name, connections) {
  const modules = connections.flatMap(({ type, oauth2 }) => oauth2.scopes.map(({ name }) => name).map((scope) =>
    ({ id: moduleOf(type, scope), name: moduleOf(type, scope), label: `${scope} with ${type}`, type: `account:${type}`, scope: [scope] })));
  return { name, version: 1, label: 'Accounts of the test', connections, modules };
}

class OauthStack {
  constructor(folder, stack, world) {
    Object.assign(this, { folder, stack, world, apps: new Map() });
  }

  appOf(type) { return this.apps.get(type) ?? APP; }

  call(method, path, body, options) {
    return this.stack.api(method, path, body, { token: this.world.token, ...options });
  }

  async register(type, { secret = 'client-secret', clientId = 'client', host, organizationId, app = this.appOf(type) } = {}) {
    await this.stack.ctl(['app', 'set-client', '--app', app, '--type', type, '--client-id', clientId, ...(host ? ['--host', host] : []),
      ...(organizationId ? ['--organization', String(organizationId)] : []),
      ...(secret === null ? [] : ['--client-secret-file', '-'])], { input: secret ?? '' });
  }

  async redirectUri(type, organizationId) {
    const own = organizationId ? ['--organization', String(organizationId)] : [];
    return (await this.stack.ctl(['app', 'redirect-uri', type, ...own, '--json'])).redirectUri;
  }

  // Asks for one account per type; gives also the first of its items.
  async ask(types, { scopes = ['read'], jar, app, ...change } = {}) {
    const modules = new Map();
    for (const type of [types].flat()) {
      const name = app ?? this.appOf(type);
      modules.set(name, [...modules.get(name) ?? [], ...scopes.map((scope) => moduleOf(type, scope))]);
    }
    const answer = await this.call('POST', `${REQUESTS}/v2`, { name: 'Accounts for the reports', teamId: this.world.teamId,
      provider: { newUser: { name: 'Grace Hopper', email: 'grace@example.org' } },
      credentials: [...modules].map(([appName, appModules]) => ({ appName, appModules })), ...change });
    return this.asked(answer, jar);
  }

  // The same of one whose fields are filled in beforehand.
  async askFilled(type, prefill, { scopes = ['read'], jar } = {}) {
    return this.asked(await this.call('POST', '/api/v2/credential-requests/actions/create-by-credentials', { teamId: this.world.teamId,
      provider: { newUser: { name: 'Grace Hopper', email: 'grace@example.org' } }, connections: [{ type, scope: scopes, prefill }] }), jar);
  }

  async asked(answer, jar) {
    assert.equal(answer.status, 200, answer.text);
    const person = new Person(this.stack, answer.body.publicUri, jar);
    const items = (await person.look()).items;
    return { person, request: answer.body.request, publicUri: answer.body.publicUri, items, item: items[0] };
  }

  async credential(id) {
    const answer = await this.call('GET', `/api/v2/credential-requests/credentials/${id}`);
    assert.equal(answer.status, 200, answer.text);
    return answer.body.credential;
  }

  async connectionOf(itemId) { return Number((await this.credential(itemId)).remoteId); }

  // From asking to the connection's id.
  async connect(type, { scopes, prefill, ...how } = {}) {
    const asked = prefill ? await this.askFilled(type, prefill, { scopes }) : await this.ask(type, { scopes });
    const made = await asked.person.authorize(asked.item.id, how);
    return { ...asked, made, id: await this.connectionOf(asked.item.id) };
  }

  // `name`: of a named token.
  async tryLive(id, { minimumSeconds, name, ...options } = {}) {
    const query = new URLSearchParams({ ...(minimumSeconds && { minimum_seconds: minimumSeconds }), ...(name !== undefined && { token: name }) });
    return this.call('POST', `/api/v2/connections/${id}/token${query.size ? `?${query}` : ''}`, undefined, options);
  }

  async live(id, options) {
    const answer = await this.tryLive(id, options);
    assert.equal(answer.status, 200, answer.text);
    return answer.body;
  }

  async grant(id, name = 'main') {
    const [row] = await this.stack.mysql(`SELECT uuid_text(g.uuid), g.state, g.generation, COALESCE(g.account_name, ''), g.scopes, COALESCE(g.problem, ''),
      COALESCE(TIMESTAMPDIFF(SECOND, UTC_TIMESTAMP(3), t.expires_at), 'never'), t.refresh_sealed IS NOT NULL, g.lease_until IS NOT NULL
      FROM oauth_grant g JOIN oauth_token t ON t.grant_uuid = g.uuid AND t.generation = g.generation WHERE g.connection_id = ${id} AND g.token_name = '${name}'`);
    if (!row) return null;
    const [uuid, state, generation, account, scopes, problem, life, refreshes, leased] = row;
    return { uuid, state, generation: Number(generation), account, scopes: JSON.parse(scopes), problem,
      life: life === 'never' ? null : Number(life), refreshes: refreshes === '1', leased: leased === '1' };
  }

  // All tokens, or that of a name.
  age(id, name) {
    return this.stack.mysql(`UPDATE oauth_token t JOIN oauth_grant g ON g.uuid = t.grant_uuid
      SET t.expires_at = UTC_TIMESTAMP(3) - INTERVAL 1 SECOND WHERE g.connection_id = ${id}${name ? ` AND g.token_name = '${name}'` : ''}`);
  }

  jobs(kind, subject) {
    return this.stack.mysql(`SELECT id, state, attempt, COALESCE(error, '') FROM job
      WHERE kind = '${kind}'${subject ? ` AND subject = '${subject}'` : ''} ORDER BY id`);
  }

  async close() {
    await this.stack.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

// `clients`: { connection, secret (null: none), clientId, host, own (true: of the organization alone) } each; more files: { name: definition }. Other options are those of the stack.
export async function startOauthStack(clients, { files = {}, set = [], ...options } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'bailee-apps-'));
  const apps = Array.from({ length: Math.ceil(clients.length / APP_MOST) }, (_, at) => definition(at ? `${APP}-${at}` : APP,
    clients.slice(at * APP_MOST, (at + 1) * APP_MOST).map(({ connection }) => connection)));
  const ours = Object.fromEntries(apps.map((one, at) => [`oauth-test-${at}.json`, one]));
  for (const [name, content] of Object.entries({ ...files, ...ours }))
    writeFileSync(join(folder, name), JSON.stringify(content));
  const stack = await startStack({ set: [`common.apps_extra_dir=${folder}`, ...set], ...options });
  const oauth = new OauthStack(folder, stack, await stack.world({ name: 'Ada' }));
  for (const { name, connections } of apps) for (const { type } of connections) oauth.apps.set(type, name);
  const left = [...clients];
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    for (let client = left.shift(); client; client = left.shift()) await oauth.register(client.connection.type, { ...client, organizationId: client.own ? oauth.world.organizationId : undefined });
  }));
  return oauth;
}
