// SPDX-License-Identifier: Apache-2.0
// A second Bailee as the platform of the first one's team, over real HTTP, and what the operator may say about platforms.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { startStack, waitFor } from './harness.mjs';
import { startVendor } from './vendor.mjs';

const REQUESTS = '/api/v2/credential-requests/requests';
const CREDENTIALS = '/api/v2/credential-requests/credentials';
const FORMS = { basicauth: { authUser: 'somebody', authPass: 'pass-word-3fd0' }, apikeyauth: { key: 'key-77b1c9' } };

let here; let there; let mine; let theirs; let remoteToken; let vendor; let apps;

const call = (method, path, body, options = {}) => here.api(method, path, body, { token: mine.token, ...options });
const remoteKeys = async () => (await there.api('GET', `/api/v2/keys?teamId=${theirs.teamId}`, undefined, { token: theirs.token })).body.keys;
const credentialOf = async (id) => (await call('GET', `${CREDENTIALS}/${id}`)).body.credential;

async function ask(teamId = mine.teamId) {
  const made = await call('POST', `${REQUESTS}/v2`, { name: 'For the platform', teamId, provider: { providerMakeUserId: mine.userId },
    credentials: [{ appName: 'http', appModules: ['ActionSendDataBasicAuth', 'ActionSendDataAPIKeyAuth'], nameOverride: 'Made there' }] });
  assert.equal(made.status, 200, made.text);
  const { id } = made.body.request;
  const detail = await call('GET', `${REQUESTS}/${id}/detail`);
  return { id, secret: made.body.publicUri.split('#')[1], credentials: detail.body.requestDetail.credentials };
}

async function fillIn(request, credential) {
  const sent = await here.api('POST', `/public/requests/${request.id}/items/${credential.id}`, { fields: FORMS[credential.name] },
    { token: request.secret, scheme: 'Link' });
  assert.equal(sent.status, 202, sent.text);
  return waitFor('an authorized credential', async () => {
    const now = await credentialOf(credential.id);
    return now.state === 'authorized' && now;
  });
}

const setPlatform = (args, input = `${remoteToken}\n`) =>
  here.tryCtl(['team', 'set-platform', '--team', String(mine.teamId), ...args, '--json'], { input });
const asMake = (url = `${there.url}/api/v2`) =>
  ['--kind', 'make', '--base-url', url, '--remote-team', String(theirs.teamId), '--token-file', '-'];

// An app that both installations know; its calls go to the vendor of the test.
const definitionOf = (url) => ({
  name: 'shoplet',
  version: 1,
  label: 'Shoplet',
  connections: [{
    type: 'shoplet', label: 'Shoplet', auth: 'apikey', allowed_hosts: [new URL(url).host],
    fields: [{ name: 'apiKey', type: 'password', label: 'Key', required: true }],
    inject: [{ where: 'header', name: 'X-Key', template: '<<apiKey>>' }],
    test: { method: 'GET', url: `${url}/whoami`, expect: [200] },
    account_name: ['/email'],
  }],
  modules: [{ id: 'Get', name: 'Get', label: 'Get', type: 'account:shoplet' }],
});

before(async () => {
  vendor = await startVendor();
  apps = mkdtempSync(join(tmpdir(), 'bailee-apps-'));
  writeFileSync(join(apps, 'shoplet.json'), JSON.stringify(definitionOf(vendor.url)));
  const options = { set: [`common.apps_extra_dir=${apps}`] };
  [here, there] = await Promise.all([startStack(options), startStack(options)]);
  mine = await here.world({ name: 'Here' });
  theirs = await there.world({ name: 'There' });
  remoteToken = await there.addToken(theirs.userId, 'keys:write,connections:write');
});
after(async () => {
  await here?.close();
  await there?.close();
  await vendor?.close();
  rmSync(apps, { recursive: true, force: true });
});

describe('the operator', () => {
  test('sees local until a platform is set, and never the token', async () => {
    assert.deepEqual(await here.ctl(['team', 'show-platform', '--team', String(mine.teamId), '--json']),
      { teamId: mine.teamId, kind: 'local', baseUrl: null, remoteTeamId: null });
    const set = await setPlatform(asMake(`${there.url}/api/v2/`));
    assert.equal(set.code, 0, set.stderr);
    assert.deepEqual(JSON.parse(set.stdout),
      { teamId: mine.teamId, kind: 'make', baseUrl: `${there.url}/api/v2`, remoteTeamId: theirs.teamId });
    const [[event, actor, subject]] = await here.mysql("SELECT event, actor, subject FROM audit WHERE event = 'team.set_platform'");
    assert.deepEqual([event, actor, subject], ['team.set_platform', 'ctl', String(mine.teamId)]);
    assert.deepEqual(await here.findSecret(remoteToken), []);
  });

  test('takes the token from a file too', async () => {
    const file = join(here.dir, 'keys', 'platform.token');
    writeFileSync(file, remoteToken, { mode: 0o600 });
    const set = await setPlatform([...asMake().slice(0, -1), file], '');
    assert.equal(set.code, 0, set.stderr);
  });

  test('is told what is wrong', async () => {
    for (const [args, input, why] of [
      [['--kind', 'zapier'], '', /local or make/],
      [['--kind', 'make'], '', /needs --base-url, --remote-team and --token-file/],
      [['--kind', 'local', '--base-url', 'https://eu1.make.com/api/v2'], '', /with --team alone/],
      [asMake('http://eu1.make.com/api/v2'), remoteToken, /https/],
      [asMake('http://127.0.0.1.evil.example/api/v2'), remoteToken, /https/],
      [asMake('https://user@eu1.make.com/api/v2'), remoteToken, /plain URL/],
      [asMake('https://eu1.make.com'), remoteToken, /\/api\/v2/],
      [asMake(), '', /an API token and nothing else/],
      [asMake(), 'two words', /an API token and nothing else/],
      [asMake(), 'x'.repeat(5000), /an API token and nothing else/],
    ]) {
      const set = await setPlatform(args, input);
      assert.notEqual(set.code, 0, args.join(' '));
      assert.match(set.stderr, why);
    }
    const none = await here.tryCtl(['team', 'set-platform', '--team', '999999', '--kind', 'local']);
    assert.match(none.stderr, /no such team/);
  });
});

describe('a key', () => {
  test('is made there, shown here, and deleted there', async () => {
    const request = await ask();
    const made = await fillIn(request, request.credentials[0]);
    const [key] = await remoteKeys();
    assert.equal(made.remoteId, String(key.id));
    assert.equal(key.name, 'Made there');
    assert.equal(key.typeName, request.credentials[0].name);
    assert.deepEqual((await call('GET', `/api/v2/keys?teamId=${mine.teamId}`)).body.keys, []);
    assert.deepEqual(await here.mysql(`SELECT platform FROM credential WHERE uuid_text(id) = '${made.id}'`), [['make']]);

    const gone = await call('POST', `${CREDENTIALS}/${made.id}/delete-remote`);
    assert.equal(gone.status, 200, gone.text);
    assert.deepEqual([gone.body.credential.state, gone.body.credential.remoteId, gone.body.credential.declineReason],
      ['pending', null, null]);
    assert.deepEqual(await remoteKeys(), []);
    assert.deepEqual(await here.mysql(`SELECT platform, remote_id FROM credential WHERE uuid_text(id) = '${made.id}'`), [['NULL', 'NULL']]);
    // again: the same, unchanged
    const again = await call('POST', `${CREDENTIALS}/${made.id}/delete-remote`);
    assert.deepEqual([again.status, again.body], [200, gone.body]);
    // the same link can authorize it again
    assert.equal((await fillIn(request, request.credentials[0])).state, 'authorized');
    assert.equal((await remoteKeys()).length, 1);
    await call('DELETE', `${REQUESTS}/${request.id}?confirmed=true`);
  });

  test('is deleted with its request when that is confirmed', async () => {
    const request = await ask();
    for (const credential of request.credentials) await fillIn(request, credential);
    assert.equal((await remoteKeys()).length, 2);
    assert.equal((await call('DELETE', `${REQUESTS}/${request.id}`)).body.code, 'IM004');
    const deleted = await call('DELETE', `${REQUESTS}/${request.id}?confirmed=true`);
    assert.deepEqual([deleted.status, deleted.body], [200, { deleted: true }]);
    assert.deepEqual(await remoteKeys(), []);
    assert.equal((await call('GET', `${REQUESTS}/${request.id}`)).status, 404);
    const rows = await here.mysql(`SELECT event, actor LIKE 'token:%' FROM audit WHERE subject = '${request.id}' AND event = 'request.delete' ORDER BY at`);
    assert.deepEqual(rows, [['request.delete', '1'], ['request.delete', '0']]);
  });

  test('deleted there by somebody else counts as deleted', async () => {
    const request = await ask();
    const made = await fillIn(request, request.credentials[0]);
    await there.api('DELETE', `/api/v2/keys/${made.remoteId}?confirmed=true`, undefined, { token: theirs.token });
    const gone = await call('POST', `${CREDENTIALS}/${made.id}/delete-remote`);
    assert.deepEqual([gone.status, gone.body.credential?.state], [200, 'pending'], gone.text);
    assert.deepEqual((await call('DELETE', `${REQUESTS}/${request.id}`)).body, { deleted: true });
  });

  test('cannot be tested', async () => {
    const request = await ask();
    const made = await fillIn(request, request.credentials[0]);
    const tried = await call('POST', `${CREDENTIALS}/${made.id}/request-reauthorize`);
    assert.deepEqual([tried.status, tried.body.code], [400, 'IM005'], tried.text);
    assert.equal((await credentialOf(made.id)).state, 'authorized');
    await call('DELETE', `${REQUESTS}/${request.id}?confirmed=true`);
  });

  test('keeps its team from being moved to another platform while it lives there', async () => {
    const request = await ask();
    const made = await fillIn(request, request.credentials[0]);
    for (const args of [['--kind', 'local'], asMake('https://eu1.make.com/api/v2')]) {
      const set = await setPlatform(args);
      assert.notEqual(set.code, 0);
      assert.match(set.stderr, /1 credentials of the team live at its platform/);
    }
    const renewed = await setPlatform(asMake());
    assert.equal(renewed.code, 0, renewed.stderr);
    assert.equal((await call('POST', `${CREDENTIALS}/${made.id}/delete-remote`)).status, 200);
    await call('DELETE', `${REQUESTS}/${request.id}`);
  });

  test('is refused with the words of the platform, and leaves no secret behind', async () => {
    const request = await ask();
    const made = await fillIn(request, request.credentials[0]);
    const readOnly = await there.addToken(theirs.userId, 'keys:read');
    assert.equal((await setPlatform(asMake(), readOnly)).code, 0);
    const refused = await call('POST', `${CREDENTIALS}/${made.id}/delete-remote`);
    assert.deepEqual([refused.status, refused.body.code], [424, 'SC424'], refused.text);
    assert.match(refused.body.detail, /^the platform answered 403: .*keys:write/);
    assert.deepEqual(await credentialOf(made.id), made);
    assert.equal((await setPlatform(asMake())).code, 0);
    assert.deepEqual((await call('DELETE', `${REQUESTS}/${request.id}?confirmed=true`)).body, { deleted: true });
    for (const secret of [remoteToken, FORMS.basicauth.authPass])
      for (const stack of [here, there]) assert.deepEqual(await stack.findSecret(secret), []);
  });
});

describe('a connection', () => {
  const vendorTakes = (...taken) => vendor.on('/whoami', (request, response) =>
    response.writeHead(taken.includes(request.headers['x-key']) ? 200 : 401, { 'content-type': 'application/json' })
      .end('{"email":"ada@shoplet.example","error":"bad key"}'));
  const again = (id) => call('POST', `${CREDENTIALS}/${id}/request-reauthorize`);
  const remote = (method, path, body) => there.api(method, `/api/v2/connections${path}`, body, { token: theirs.token });
  const remoteList = async () => (await remote('GET', `?teamId=${theirs.teamId}`)).body.connections;

  async function askShoplet() {
    const made = await call('POST', `${REQUESTS}/v2`, { name: 'For the platform', teamId: mine.teamId, provider: { providerMakeUserId: mine.userId },
      credentials: [{ appName: 'shoplet', appModules: ['*'], nameOverride: 'Made there' }] });
    assert.equal(made.status, 200, made.text);
    const { id } = made.body.request;
    const { requestDetail } = (await call('GET', `${REQUESTS}/${id}/detail`)).body;
    return { id, secret: made.body.publicUri.split('#')[1], item: requestDetail.credentials[0].id };
  }

  async function give(request, apiKey) {
    const link = { token: request.secret, scheme: 'Link' };
    const sent = await here.api('POST', `/public/requests/${request.id}/items/${request.item}`, { fields: { apiKey } }, link);
    assert.equal(sent.status, 202, sent.text);
    await here.answered(request.id, request.secret, request.item);
    return credentialOf(request.item);
  }

  test('is made there, tested there, and changed there when it is given again', async () => {
    const request = await askShoplet();
    vendorTakes('key-one-51c0');
    const made = await give(request, 'key-one-51c0');
    assert.equal(made.state, 'authorized');
    const [there_] = await remoteList();
    assert.deepEqual([String(there_.id), there_.name, there_.accountName], [made.remoteId, 'Made there', 'shoplet']);
    assert.deepEqual((await call('GET', `/api/v2/connections?teamId=${mine.teamId}`)).body.connections, []);

    const valid = await again(made.id);
    assert.deepEqual([valid.status, valid.body.code], [400, 'IM005'], valid.text);
    assert.deepEqual(await credentialOf(made.id), made);

    vendorTakes('key-two-9d7e');
    const broken = await again(made.id);
    assert.deepEqual([broken.status, broken.body.credential?.state, broken.body.credential?.remoteId], [200, 'reauthorizing', made.remoteId], broken.text);
    assert.deepEqual(await here.mysql(`SELECT COUNT(*) FROM audit WHERE event = 'credential.reauthorizing' AND subject = '${made.id}'`), [['1']]);
    assert.equal((await give(request, 'key-one-51c0')).state, 'reauthorizing');
    const kept = await give(request, 'key-two-9d7e');
    assert.deepEqual([kept.state, kept.remoteId], ['authorized', made.remoteId]);
    assert.equal((await remoteList()).length, 1);
    assert.deepEqual((await remote('POST', `/${made.remoteId}/test`)).body, { verified: true });

    const gone = await call('POST', `${CREDENTIALS}/${made.id}/delete-remote`);
    assert.deepEqual([gone.status, gone.body.credential?.state], [200, 'pending'], gone.text);
    assert.deepEqual(await remoteList(), []);
    await call('DELETE', `${REQUESTS}/${request.id}`);
    for (const stack of [here, there]) assert.deepEqual(await stack.findSecret('key-two-9d7e'), []);
  });

  test('that works again ends its reauthorization', async () => {
    const request = await askShoplet();
    vendorTakes('key-three-04bb');
    const made = await give(request, 'key-three-04bb');
    vendorTakes();
    assert.equal((await again(made.id)).body.credential?.state, 'reauthorizing');
    vendorTakes('key-three-04bb');
    assert.equal((await again(made.id)).body.code, 'IM005');
    assert.equal((await credentialOf(made.id)).state, 'authorized');
    await call('DELETE', `${REQUESTS}/${request.id}?confirmed=true`);
  });

  test('deleted there by somebody else is broken, and made anew when it is given again', async () => {
    const request = await askShoplet();
    vendorTakes('key-four-e2a9');
    const made = await give(request, 'key-four-e2a9');
    await remote('DELETE', `/${made.remoteId}?confirmed=true`);
    assert.equal((await again(made.id)).body.credential?.state, 'reauthorizing');
    const anew = await give(request, 'key-four-e2a9');
    assert.equal(anew.state, 'authorized');
    assert.deepEqual((await remoteList()).map(({ id }) => String(id)), [anew.remoteId]);
    await call('DELETE', `${REQUESTS}/${request.id}?confirmed=true`);
    assert.deepEqual(await remoteList(), []);
  });

  test('is not said to be broken by a platform that refuses our token, cannot ask, or is away', async () => {
    const request = await askShoplet();
    vendorTakes('key-five-b310');
    const made = await give(request, 'key-five-b310');
    const readOnly = await there.addToken(theirs.userId, 'connections:read');
    for (const [token, detail] of [[readOnly, /^the platform answered 403: .*connections:write/], ['bl_unknown', /^the platform answered 401/]]) {
      assert.equal((await setPlatform(asMake(), token)).code, 0);
      const refused = await again(made.id);
      assert.deepEqual([refused.status, refused.body.code], [424, 'SC424'], refused.text);
      assert.match(refused.body.detail, detail);
      assert.deepEqual(await credentialOf(made.id), made);
    }
    assert.equal((await setPlatform(asMake())).code, 0);
    vendor.on('/whoami', (asked, response) => response.writeHead(503).end());
    const unasked = await again(made.id);
    assert.deepEqual([unasked.status, unasked.body.code], [424, 'SC424'], unasked.text);
    await there.stop('nginx');
    const away = await again(made.id);
    await there.start('nginx');
    assert.deepEqual([away.status, away.body.code], [424, 'SC424'], away.text);
    assert.match(away.body.detail, /cannot be reached/);
    assert.deepEqual(await credentialOf(made.id), made);
    await call('DELETE', `${REQUESTS}/${request.id}?confirmed=true`);
  });

  test('of ours stays ours when its team gets a platform', async () => {
    assert.equal((await setPlatform(['--kind', 'local'], '')).code, 0);
    const request = await askShoplet();
    vendorTakes('key-six-77d1');
    const made = await give(request, 'key-six-77d1');
    assert.equal((await setPlatform(asMake())).code, 0);
    vendorTakes('key-seven-18f4');
    assert.equal((await again(made.id)).body.credential?.state, 'reauthorizing');
    const kept = await give(request, 'key-seven-18f4');
    assert.deepEqual([kept.state, kept.remoteId], ['authorized', made.remoteId]);
    assert.deepEqual((await call('POST', `/api/v2/connections/${made.remoteId}/test`)).body, { verified: true });
    assert.deepEqual(await remoteList(), []);
    await call('DELETE', `${REQUESTS}/${request.id}?confirmed=true`);
    assert.equal((await call('GET', `/api/v2/connections/${made.remoteId}`)).status, 404);
  });

  test('that is just being made keeps its team from being moved', async () => {
    const request = await askShoplet();
    let release;
    vendor.on('/whoami', (asked, response) => { release = () => response.writeHead(200).end('{}'); });
    const given = give(request, 'key-eight-6ac2');
    await waitFor('the call', () => release);
    const set = await setPlatform(['--kind', 'local'], '');
    assert.notEqual(set.code, 0);
    assert.match(set.stderr, /1 jobs of the team are at work/);
    release();
    const made = await given;
    assert.deepEqual((await remoteList()).map(({ id }) => String(id)), [made.remoteId]);
    await call('DELETE', `${REQUESTS}/${request.id}?confirmed=true`);
    assert.equal((await setPlatform(['--kind', 'local'], '')).code, 0);
    assert.equal((await setPlatform(asMake())).code, 0);
  });
});

describe('a team without a platform', () => {
  test('has its keys deleted here', async () => {
    const teamId = await here.addTeam('Plain', mine.organizationId);
    await here.ctl(['member', 'add', '--team', String(teamId), '--user', String(mine.userId)]);
    const request = await ask(teamId);
    for (const credential of request.credentials) await fillIn(request, credential);
    const keys = async () => (await call('GET', `/api/v2/keys?teamId=${teamId}`)).body.keys;
    assert.equal((await keys()).length, 2);
    const gone = await call('POST', `${CREDENTIALS}/${request.credentials[0].id}/delete-remote`);
    assert.deepEqual([gone.status, gone.body.credential?.state], [200, 'pending'], gone.text);
    assert.equal((await keys()).length, 1);
    assert.deepEqual((await call('DELETE', `${REQUESTS}/${request.id}?confirmed=true`)).body, { deleted: true });
    assert.deepEqual(await keys(), []);
  });

  test('has nothing deleted while no runner is at work', async () => {
    const teamId = await here.addTeam('Waiting', mine.organizationId);
    await here.ctl(['member', 'add', '--team', String(teamId), '--user', String(mine.userId)]);
    const request = await ask(teamId);
    const empty = await ask(teamId);
    const made = await fillIn(request, request.credentials[0]);
    await here.stop('runner');
    await here.mysql('DELETE FROM runner');
    for (const [method, path] of [['POST', `${CREDENTIALS}/${made.id}/delete-remote`], ['DELETE', `${REQUESTS}/${request.id}?confirmed=true`]]) {
      const tried = await call(method, path);
      assert.equal(tried.status, 503, tried.text);
      assert.ok(Number(tried.headers['retry-after']) > 0);
    }
    assert.deepEqual((await call('DELETE', `${REQUESTS}/${empty.id}?confirmed=true`)).body, { deleted: true });
    assert.equal((await credentialOf(made.id)).state, 'authorized');
    await here.start('runner');
    await waitFor('a runner', async () => (await here.mysql('SELECT COUNT(*) FROM runner'))[0][0] !== '0');
    assert.deepEqual((await call('DELETE', `${REQUESTS}/${request.id}?confirmed=true`)).body, { deleted: true });
  });
});
