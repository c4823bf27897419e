// SPDX-License-Identifier: Apache-2.0
// App definitions: those that ship, the operator's own, and what comes of a reload.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { startStack, TOP, waitFor } from './harness.mjs';

const own = mkdtempSync(join(tmpdir(), 'bailee-own-'));
const mine = (more = {}) => ({
  name: 'app#mine', version: 1, label: 'Mine', uses: ['google'],
  connections: [{
    type: 'mine-key', label: 'My key', auth: 'apikey', fields: [{ name: 'key', type: 'password', label: 'Key', required: true }],
    inject: [{ where: 'header', name: 'X-Key', template: '<<key>>' }], allowed_hosts: ['api.mine.example'],
  }],
  modules: [
    { id: 'Read:auth:key', name: 'Read', label: 'Read', type: 'account:mine-key' },
    { id: 'Read:auth:google', name: 'Read', label: 'Read', type: 'account:google,mine-key', scope: ['profile'] },
    { id: 'Free', name: 'Free', label: 'Free' },
  ],
  ...more,
});
const put = (name, definition) => writeFileSync(join(own, name), JSON.stringify(definition));

let stack;
let world;
before(async () => {
  put('mine.json', mine());
  stack = await startStack({ set: [`common.apps_extra_dir=${own}`] });
  world = await stack.world();
});
after(async () => {
  await stack.close();
  rmSync(own, { recursive: true });
});

const modules = (app, version = 'latest') =>
  stack.api('GET', `/api/v2/credential-requests/apps/${app}/${version}/modules-with-credentials`, undefined, { token: world.token });

test('every shipped app lists its modules that need a credential, then their other ids', async () => {
  for (const file of readdirSync(join(TOP, 'apps'))) {
    const definition = JSON.parse(readFileSync(join(TOP, 'apps', file), 'utf8'));
    for (const version of ['latest', String(definition.version)]) {
      const { status, body } = await modules(definition.name, version);
      assert.equal(status, 200, file);
      const needing = definition.modules.filter((row) => row.type);
      assert.deepEqual(body.appModules.map((row) => row.id), [...needing.map((row) => row.id), ...needing.flatMap((row) => row.aliases ?? [])], file);
    }
  }
});

test('a module is told with its type, its scopes and whether a web hook starts it', async () => {
  const { body } = await modules('github');
  assert.deepEqual(body.appModules.find((row) => row.id === 'ActionGetUser:auth:token'),
    { id: 'ActionGetUser:auth:token', name: 'ActionGetUser', label: 'Get a user (personal access token)', type: 'account:github-token', hook: false });
  assert.deepEqual(body.appModules.find((row) => row.id === 'TriggerWatchEvents'),
    { id: 'TriggerWatchEvents', name: 'TriggerWatchEvents', label: 'Watch events', type: 'account:github', scope: ['admin:repo_hook'], hook: true });
});

test('the modules stand where older clients look for them, too', async () => {
  const { status, body } = await stack.api('GET', '/api/v2/imt/apps/http/3/modules-with-credentials', undefined, { token: world.token });
  assert.equal(status, 200);
  assert.deepEqual(body, (await modules('http', '3')).body);
});

test('a custom app is reached by its name with %23', async () => {
  const { status, body } = await modules('app%23mine', '1');
  assert.equal(status, 200);
  assert.deepEqual(body.appModules.map((row) => row.type), ['account:mine-key', 'account:google,mine-key']);
});

test('unknown apps and versions are IM007', async () => {
  for (const [app, version] of [['none', 'latest'], ['app%23none', 'latest'], ['http', '99'], ['http', '0'], ['http', 'newest'], ['HTTP', 'latest']]) {
    const { status, body } = await modules(app, version);
    assert.equal(status, 400, `${app} ${version}`);
    assert.equal(body.code, 'IM007', `${app} ${version}`);
  }
});

test('a request derives connections of other apps with their kind, label and scopes', async () => {
  const { status, body } = await stack.api('POST', '/api/v2/credential-requests/requests/v2', {
    name: 'Sheets', teamId: world.teamId, provider: { providerMakeUserId: world.userId },
    credentials: [{ appName: 'google-sheets', appModules: ['ActionAddRow', 'ActionSearchRows'] }, { appName: 'app#mine', appModules: ['Read:auth:key'] }],
  }, { token: world.token });
  assert.equal(status, 200, JSON.stringify(body));
  const detail = await stack.api('GET', `/api/v2/credential-requests/requests/${body.request.id}/detail`, undefined, { token: world.token });
  const [sheets, key] = detail.body.requestDetail.credentials;
  assert.deepEqual([sheets.component, sheets.name, sheets.type, sheets.label], ['account', 'google', 'oauth', 'Google account']);
  assert.deepEqual(sheets.scope, ['https://www.googleapis.com/auth/spreadsheets', 'https://www.googleapis.com/auth/spreadsheets.readonly']);
  assert.deepEqual([key.component, key.name, key.type, key.label, key.appName], ['account', 'mine-key', 'basic', 'My key', 'app#mine']);
});

test('a new definition counts from the next HUP on, and a wrong one changes nothing', async () => {
  put('second.json', mine({ name: 'app#second', connections: [], uses: ['mine-key', 'google'] }));
  assert.equal((await modules('app%23second')).status, 400);
  await stack.kill('api', 'HUP');
  await waitFor('the new app', async () => (await modules('app%23second')).status === 200);
  put('third.json', mine({ name: 'app#third' })); // mine-key belongs to app#mine
  put('second.json', mine({ name: 'slack', version: 9 }));
  await stack.kill('api', 'HUP');
  await waitFor('the refusal', () => /reload_refused.*second\.json/.test(stack.logs('api')));
  assert.equal((await modules('app%23second')).status, 200);
  assert.equal((await modules('slack', '9')).status, 400);
  rmSync(join(own, 'second.json'));
  rmSync(join(own, 'third.json'));
  await stack.kill('api', 'HUP');
  await waitFor('the end of it', async () => (await modules('app%23second')).status === 400);
});

test('the runner knows a new definition from its next HUP on, and a wrong one changes nothing', async (t) => {
  const vendor = createServer((request, response) => { response.end('{}'); });
  t.after(() => { vendor.close(); rmSync(join(own, 'live.json'), { force: true }); });
  await new Promise((resolve) => { vendor.listen(0, '127.0.0.1', resolve); });
  const live = mine({ name: 'app#live', uses: undefined, modules: [{ id: 'Read', name: 'Read', label: 'Read', type: 'account:live-key' }] });
  Object.assign(live.connections[0], { type: 'live-key', allowed_hosts: [`localhost:${vendor.address().port}`],
    test: { method: 'GET', url: `http://localhost:${vendor.address().port}/me`, expect: [200] } });
  put('live.json', live);
  await stack.kill('api', 'HUP');
  const asked = { accountName: 'Live', accountType: 'live-key', key: 'k' };
  const { body: { connection } } = await waitFor('the new type', async () => {
    const answer = await stack.api('POST', `/api/v2/connections?teamId=${world.teamId}`, asked, { token: world.token });
    return answer.status === 200 && answer;
  });
  const check = () => stack.api('POST', `/api/v2/connections/${connection.id}/test`, undefined, { token: world.token });
  assert.notEqual((await check()).status, 200);
  await stack.kill('runner', 'HUP');
  await waitFor('the reload', () => /event=reloaded/.test(stack.logs('runner')));
  assert.deepEqual((await check()).body, { verified: true });
  writeFileSync(join(own, 'live.json'), '{');
  await stack.kill('runner', 'HUP');
  await waitFor('the refusal', () => /reload_refused.*live\.json/.test(stack.logs('runner')));
  assert.deepEqual((await check()).body, { verified: true });
});

test('the operator lists, shows and checks definitions', async () => {
  const list = await stack.ctl(['--json', 'app', 'list']);
  assert.ok(list.length >= 43);
  assert.deepEqual(list.find((row) => row.name === 'app#mine'),
    { name: 'app#mine', version: 1, label: 'Mine', modules: 3, connections: ['mine-key', 'google'], aliases: [], from: 'operator' });
  assert.match(await stack.ctl(['app', 'list']), /^slack +1 +Slack +\d+ +slack,slack-user +slack 4 +bailee$/m);
  assert.equal((await stack.ctl(['--json', 'app', 'show', 'http', '--version', '3'])).label, 'HTTP');
  for (const [args, words] of [[['app', 'show', 'none'], 'there is no such app'], [['app', 'show', 'http', '--version', '9'], 'no such version'],
    [['app', 'check', '/nonexistent.json'], 'No such file']]) {
    const { code, stderr } = await stack.tryCtl(args);
    assert.equal(code, 1);
    assert.ok(stderr.includes(words), stderr);
  }
  assert.equal((await stack.tryCtl(['app', 'check'])).code, 2);
});

test('a definition is checked alone and beside all others', async () => {
  const file = join(tmpdir(), `bailee-check-${process.pid}.json`);
  const check = (definition) => {
    writeFileSync(file, JSON.stringify(definition));
    return stack.tryCtl(['--json', 'app', 'check', file]);
  };
  try {
    const good = await check(mine({ name: 'app#new', connections: [], uses: ['mine-key', 'google'] }));
    assert.deepEqual(JSON.parse(good.stdout), { valid: true, name: 'app#new', version: 1, modules: 3, connections: 0 });
    assert.equal((await check(mine())).code, 0, 'the very one that is there already');
    for (const [definition, path] of [[mine({ modules: [] }), '$.modules'], [mine({ name: 'app#new' }), '$.connections'],
      [mine({ name: 'slack', version: 9 }), '$.name'], [mine({ label: 'Other' }), '$.version'],
      [mine({ name: 'app#new', connections: [], uses: ['none', 'mine-key', 'google'] }), '$.uses']]) {
      const { code, stderr } = await check(definition);
      assert.equal(code, 1);
      assert.ok(stderr.includes(path), `${path}: ${stderr}`);
    }
  } finally {
    rmSync(file, { force: true });
  }
});

test('schema and reference are what the documents hold', async () => {
  assert.deepEqual(JSON.parse(await stack.ctl(['app', 'schema'])), JSON.parse(readFileSync(join(TOP, 'docs', 'app.schema.json'), 'utf8')));
  assert.ok(readFileSync(join(TOP, 'docs', 'APPS.md'), 'utf8').includes(await stack.ctl(['app', 'manual'])));
});

test('keys of all nine types have a form', async () => {
  const { body } = await stack.api('GET', `/api/v2/keys/types?teamId=${world.teamId}`, undefined, { token: world.token });
  assert.deepEqual(body.keysTypes.map((type) => type.name).sort(),
    ['aes-key', 'apikeyauth', 'apn', 'basicauth', 'clientcertauth', 'eet', 'gpg-private', 'gpg-public', 'webpay']);
  const fields = body.keysTypes.find((type) => type.name === 'clientcertauth').parameters;
  assert.deepEqual(fields.map((field) => [field.name, field.type, field.required]),
    [['certificate', 'cert', true], ['privateKey', 'pkey', false], ['passphrase', 'password', false]]);
});

test('a certificate and its key become a key, a wrong pair is told by its field', async () => {
  const text = (name) => readFileSync(join(TOP, 'tests', 'data', 'keys', name), 'utf8');
  const create = (parameters) => stack.api('POST', '/api/v2/keys', { name: 'Client', teamId: world.teamId, typeName: 'clientcertauth', parameters },
    { token: world.token });
  assert.equal((await create({ certificate: text('rsa.crt'), privateKey: text('rsa.key') })).status, 200);
  const wrong = await create({ certificate: text('rsa.crt'), privateKey: text('ec.key') });
  assert.equal(wrong.status, 400);
  assert.match(JSON.stringify(wrong.body), /parameters\.privateKey.*does not belong to the certificate/);
  const file = readFileSync(join(TOP, 'tests', 'data', 'keys', 'rsa.p12')).toString('base64');
  assert.equal((await create({ certificate: file, passphrase: 'open-sesame' })).status, 200);
});
