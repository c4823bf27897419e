// SPDX-License-Identifier: Apache-2.0
// The credential-request API from outside: shapes, columns, pages, filters, scopes, hidden things and bad input.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startStack } from './harness.mjs';

const REQUESTS = '/api/v2/credential-requests/requests';
const CREDENTIALS = '/api/v2/credential-requests/credentials';
const UNKNOWN = '00000000-0000-4000-8000-000000000000';
const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const REQUEST_KEYS = ['id', 'organizationId', 'teamId', 'userId', 'name', 'description', 'externalProviderId', 'makeProviderId',
  'createdAt', 'updatedAt', 'expiresAt', 'status', 'shouldSendEmail', 'emailSentAt'].sort();
const CREDENTIAL_KEYS = ['id', 'requestId', 'component', 'type', 'name', 'label', 'description', 'scope', 'remoteId', 'remoteScope',
  'tokenId', 'createdAt', 'updatedAt', 'state', 'declineReason', 'appName', 'appModules', 'appVersion', 'nameOverride'].sort();

let stack;
let mine; // Ada's world
let theirs; // a stranger's
let fullBody; // a body that is right

const keys = (object) => Object.keys(object).sort();
const call = (method, path, body, options = {}) => stack.api(method, path, body, { token: mine.token, ...options });
const list = async (query = '', options = {}) => call('GET', `${REQUESTS}?teamId=${mine.teamId}${query}`, undefined, options);

function expectError(answer, status, code, detail) {
  assert.equal(answer.status, status, answer.text);
  assert.match(answer.headers['content-type'], /^application\/json; charset=utf-8$/i);
  assert.equal(answer.body.code, code, answer.text);
  assert.equal(typeof answer.body.message, 'string');
  assert.notEqual(answer.body.message, '');
  if (detail) assert.match(`${answer.body.detail} ${JSON.stringify(answer.body.suberrors ?? [])}`, detail);
}

async function create(change = {}) {
  const answer = await call('POST', `${REQUESTS}/v2`, { ...fullBody, ...change });
  assert.equal(answer.status, 200, answer.text);
  return answer.body;
}

async function detailOf(id) {
  const answer = await call('GET', `${REQUESTS}/${id}/detail`);
  assert.equal(answer.status, 200, answer.text);
  return answer.body.requestDetail;
}

// A key made from the first credential, as the runner does it.
async function authorizeFirst(requestId) {
  const [credential] = (await detailOf(requestId)).credentials;
  const made = await call('POST', '/api/v2/keys', { name: 'from a request', teamId: mine.teamId, typeName: 'basicauth',
    parameters: { authUser: 'u', authPass: 'p' } });
  assert.equal(made.status, 200, made.text);
  await stack.mysql(`UPDATE credential SET state = 'authorized', remote_id = ${made.body.key.id} WHERE uuid_text(id) = '${credential.id}';
    UPDATE credential_request SET status = 'authorized' WHERE uuid_text(id) = '${requestId}'`);
  return { credential, keyId: made.body.key.id };
}

before(async () => {
  stack = await startStack();
  mine = await stack.world({ name: 'Ada' });
  theirs = await stack.world({ name: 'Mallory' });
  fullBody = {
    name: 'Keys for the shop',
    teamId: mine.teamId,
    description: 'Two of them',
    provider: { providerMakeUserId: mine.userId },
    credentials: [{ appName: 'http', appModules: ['ActionSendDataBasicAuth', 'ActionSendDataAPIKeyAuth'], appVersion: 3 }],
  };
});
after(() => stack?.close());

describe('the caller', () => {
  test('users/me has every member', async () => {
    for (const scheme of ['Bearer', 'Token']) {
      const answer = await call('GET', '/api/v2/users/me', undefined, { scheme });
      assert.equal(answer.status, 200, answer.text);
      assert.deepEqual(keys(answer.body), ['authUser']);
      const user = answer.body.authUser;
      assert.deepEqual(keys(user), ['avatar', 'countryId', 'email', 'features', 'id', 'language', 'lastLogin', 'locale', 'localeId',
        'name', 'timezone', 'timezoneId']);
      assert.equal(user.id, mine.userId);
      assert.equal(user.name, 'Ada User');
    }
  });

  test('current-authorization lists the scopes of the token', async () => {
    const token = await stack.addToken(mine.userId, 'keys:read,teams:read');
    const answer = await call('GET', '/api/v2/users/me/current-authorization', undefined, { token });
    assert.deepEqual(answer.body, { authorization: { authUsed: 'token', scope: ['keys:read', 'teams:read'] } });
  });

  test('teams and organizations are those of the caller', async () => {
    const teams = await call('GET', `/api/v2/teams?organizationId=${mine.organizationId}&pg%5BreturnTotalCount%5D=true`);
    assert.deepEqual(teams.body, {
      teams: [{ id: mine.teamId, name: 'Ada Team', organizationId: mine.organizationId }],
      pg: { sortBy: 'name', sortDir: 'asc', limit: 100, offset: 0, totalCount: 1 },
    });
    assert.deepEqual((await call('GET', `/api/v2/teams?organizationId=${theirs.organizationId}`)).body.teams, []);
    expectError(await call('GET', '/api/v2/teams'), 400, 'SC400', /organizationId/);
    const team = await call('GET', `/api/v2/teams/${mine.teamId}?cols=name&cols=id`);
    assert.deepEqual(team.body, { team: { id: mine.teamId, name: 'Ada Team' } });
    expectError(await call('GET', `/api/v2/teams/${theirs.teamId}`), 404, 'SC404');
    expectError(await call('GET', '/api/v2/teams/999999'), 404, 'SC404');
    const organizations = await call('GET', '/api/v2/organizations');
    assert.deepEqual(keys(organizations.body), ['organizations', 'pg']);
    assert.equal(organizations.body.organizations.length, 1);
    assert.deepEqual(keys(organizations.body.organizations[0]), ['id', 'name', 'timezoneId', 'zone']);
    assert.match(organizations.body.organizations[0].zone, /^127\.0\.0\.1/);
    const one = await call('GET', `/api/v2/organizations/${mine.organizationId}`);
    assert.deepEqual(one.body.organization, organizations.body.organizations[0]);
    expectError(await call('GET', `/api/v2/organizations/${theirs.organizationId}`), 404, 'SC404');
  });
});

describe('modules with credentials', () => {
  const path = (name, version) => `/api/v2/credential-requests/apps/${name}/${version}/modules-with-credentials`;

  test('lists those that need one', async () => {
    for (const version of ['3', 'latest']) {
      const answer = await call('GET', path('http', version));
      assert.equal(answer.status, 200, answer.text);
      assert.deepEqual(answer.body.appModules.map(({ id, type }) => [id, type]), [
        ['ActionSendDataBasicAuth', 'keychain:basicauth'], ['ActionSendDataAPIKeyAuth', 'keychain:apikeyauth'],
        ['ActionSendDataOAuth', 'account:oauth2']]);
      assert.deepEqual(keys(answer.body.appModules[0]), ['hook', 'id', 'label', 'name', 'type']);
    }
  });

  test('knows no other app or version', async () => {
    for (const [name, version] of [['none', 'latest'], ['http', '2'], ['http', 'x'], ['app%23mine', '1'], ['http', '0']]) {
      expectError(await call('GET', path(name, version)), 400, 'IM007');
    }
  });
});

describe('making a request', () => {
  test('answers the request and its link, once', async () => {
    const answer = await create();
    assert.deepEqual(keys(answer), ['publicUri', 'request']);
    const { request, publicUri } = answer;
    assert.deepEqual(keys(request), REQUEST_KEYS);
    assert.match(request.id, UUID);
    assert.deepEqual({ ...request, id: 0, createdAt: 0, updatedAt: 0, expiresAt: 0 }, {
      id: 0, organizationId: mine.organizationId, teamId: mine.teamId, userId: mine.userId, name: 'Keys for the shop',
      description: 'Two of them', externalProviderId: null, makeProviderId: mine.userId, createdAt: 0, updatedAt: 0, expiresAt: 0,
      status: 'pending', shouldSendEmail: false, emailSentAt: null,
    });
    for (const member of ['createdAt', 'updatedAt', 'expiresAt']) assert.match(request[member], ISO);
    assert.equal(Date.parse(request.expiresAt) - Date.parse(request.createdAt), 30 * 86400 * 1000);
    const link = new RegExp(`^${stack.url}/request/${request.id}#([A-Za-z0-9_-]{43})$`).exec(publicUri);
    assert.ok(link, publicUri);
    const again = await call('GET', `${REQUESTS}/${request.id}`);
    assert.deepEqual(again.body, { request });
    assert.deepEqual(await stack.findSecret(link[1]), []);
  });

  test('derives one credential per type and keeps what was said about it', async () => {
    const { request } = await create({ credentials: [
      { appName: 'http', appModules: ['*'], nameOverride: 'Mine', description: 'For the shop' },
      { appName: 'http', appModules: ['ActionSendDataAPIKeyAuth'] },
    ] });
    const { credentials } = await detailOf(request.id);
    assert.deepEqual(credentials.map((c) => [c.component, c.type, c.name, c.appName, c.appVersion, c.nameOverride, c.description]), [
      ['keychain', 'key', 'basicauth', 'http', '3', 'Mine', 'For the shop'],
      ['keychain', 'key', 'apikeyauth', 'http', '3', 'Mine', 'For the shop'],
      ['account', 'oauth', 'oauth2', 'http', '3', 'Mine', 'For the shop'],
      ['keychain', 'key', 'apikeyauth', 'http', '3', null, null],
    ]);
    assert.deepEqual(credentials[0].appModules, ['ActionSendDataBasicAuth']);
    assert.deepEqual(credentials[0].scope, []);
  });

  test('a new user is made once, in lower case, and added to the team', async () => {
    const provider = { newUser: { name: 'Pat Provider', email: 'Pat@Example.ORG' } };
    const first = (await create({ provider })).request;
    const second = (await create({ provider: { newUser: { name: 'Other', email: 'pat@example.org' } } })).request;
    assert.equal(first.makeProviderId, second.makeProviderId);
    assert.deepEqual((await detailOf(second.id)).makeProvider, { id: first.makeProviderId, email: 'pat@example.org', name: 'Pat Provider' });
  });

  test('a known user of the organization is added; a stranger is unknown', async () => {
    const teamId = await stack.addTeam('Second', mine.organizationId);
    const colleague = await stack.addUser('Colleague', [teamId]);
    assert.equal((await create({ provider: { providerMakeUserId: colleague } })).request.makeProviderId, colleague);
    const token = await stack.addToken(colleague);
    assert.equal((await call('GET', `/api/v2/teams/${mine.teamId}`, undefined, { token })).status, 200);
    for (const providerMakeUserId of [theirs.userId, 999999]) {
      expectError(await call('POST', `${REQUESTS}/v2`, { ...fullBody, provider: { providerMakeUserId } }), 400, 'IM005', /no such user/);
    }
  });

  test('a team of others is refused, known or not', async () => {
    for (const teamId of [theirs.teamId, 999999]) {
      expectError(await call('POST', `${REQUESTS}/v2`, { ...fullBody, teamId }), 403, 'IM002');
    }
  });

  test('names every field that is wrong', async () => {
    const item = { appName: 'http', appModules: ['*'] };
    const cases = [
      [{ name: undefined }, /name/],
      [{ name: '' }, /name/],
      [{ name: 'x'.repeat(256) }, /name/],
      [{ name: 'a\u0007b' }, /name/],
      [{ name: 7 }, /name/],
      [{ teamId: '1' }, /teamId/],
      [{ teamId: 0 }, /teamId/],
      [{ teamId: 1.5 }, /teamId/],
      [{ teamId: null }, /teamId/],
      [{ description: 'x'.repeat(513) }, /description/],
      [{ provider: undefined }, /provider/],
      [{ provider: {} }, /provider/, 422],
      [{ provider: [] }, /provider/],
      [{ provider: { providerMakeUserId: 1, newUser: { name: 'n', email: 'a@example.org' } } }, /provider/, 422],
      [{ provider: { providerMakeUserId: '1' } }, /provider\.providerMakeUserId/],
      [{ provider: { newUser: { name: 'n' } } }, /provider\.newUser\.email/],
      [{ provider: { newUser: { email: 'a@example.org' } } }, /provider\.newUser\.name/],
      [{ credentials: undefined }, /credentials/],
      [{ credentials: [] }, /credentials/],
      [{ credentials: Array(65).fill(item) }, /credentials/],
      [{ credentials: ['http'] }, /credentials\[0\]/],
      [{ credentials: [item, { appName: 'http' }] }, /credentials\[1\]\.appModules/],
      [{ credentials: [{ ...item, appModules: [] }] }, /credentials\[0\]\.appModules/],
      [{ credentials: [{ ...item, appModules: [3] }] }, /credentials\[0\]\.appModules\[0\]/],
      [{ credentials: [{ ...item, appVersion: '3' }] }, /credentials\[0\]\.appVersion/],
      [{ credentials: [{ ...item, nameOverride: 'x'.repeat(256) }] }, /credentials\[0\]\.nameOverride/],
      [{ credentials: [{ ...item, description: 'x'.repeat(513) }] }, /credentials\[0\]\.description/],
    ];
    for (const email of ['nobody', '@example.org', 'a@', 'a b@example.org', 'a@b@example.org', 'a@exa_mple.org', 'jos\u00e9@example.org',
      `${'x'.repeat(65)}@example.org`, 'a@example..org', 'a@-example.org', 'a\n@example.org', `a@${'x'.repeat(260)}`]) {
      cases.push([{ provider: { newUser: { name: 'n', email } } }, /provider\.newUser\.email/]);
    }
    for (const [change, path, status = 400] of cases) {
      expectError(await call('POST', `${REQUESTS}/v2`, { ...fullBody, ...change }), status, `SC${status}`, path);
    }
    const two = await call('POST', `${REQUESTS}/v2`, { ...fullBody, name: '', teamId: 'x' });
    expectError(two, 400, 'SC400');
    assert.ok(two.body.suberrors.length >= 2 && two.body.suberrors.every(({ message }) => typeof message === 'string'), two.text);
  });

  test('the longest texts fit, in any script', async () => {
    const name = '\u{1f511}'.repeat(255);
    const { request } = await create({ name, description: '\u00e9'.repeat(512) });
    assert.equal((await call('GET', `${REQUESTS}/${request.id}`)).body.request.name, name);
  });

  test('unknown apps, versions and modules are named', async () => {
    for (const [item, path] of [
      [{ appName: 'none', appModules: ['*'] }, /credentials\[0\]\.appName/],
      [{ appName: 'http', appModules: ['*'], appVersion: 4 }, /credentials\[0\]\.appVersion/],
      [{ appName: 'http', appModules: ['Nope'] }, /credentials\[0\]\.appModules\[0\]/],
    ]) expectError(await call('POST', `${REQUESTS}/v2`, { ...fullBody, credentials: [item] }), 400, 'IM007', path);
    expectError(await call('POST', `${REQUESTS}/v2`, { ...fullBody, credentials: [{ appName: 'http', appModules: ['ActionSendData'] }] }),
      400, 'IM005', /appModules/);
  });

  test('a body that is no JSON object is refused', async () => {
    const good = JSON.stringify(fullBody);
    for (const body of ['', '{', '[]', '"x"', 'null', `${good}x`, good.replace('{', '{"name":"twice",'), good.replace('Keys', 'K\\u0000s'),
      Buffer.from(good.replace('Keys', '\xff\xfe'), 'latin1'), '['.repeat(100000)]) {
      expectError(await call('POST', `${REQUESTS}/v2`, body), 400, 'SC400');
    }
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/jsonx', 'multipart/form-data; boundary=x']) {
      expectError(await call('POST', `${REQUESTS}/v2`, good, { headers: { 'content-type': type } }), 415, 'SC415');
    }
    assert.equal((await call('POST', `${REQUESTS}/v2`, good, { headers: { 'content-type': 'application/json; charset=UTF-8' } })).status, 200);
    const large = await call('POST', `${REQUESTS}/v2`, JSON.stringify({ ...fullBody, description: 'x'.repeat(3 << 20) }));
    assert.equal(large.status, 413);
  });
});

describe('reading', () => {
  test('detail holds people and credentials', async () => {
    const { request } = await create();
    const detail = await detailOf(request.id);
    assert.deepEqual(keys(detail), [...REQUEST_KEYS, 'appNames', 'makeProvider', 'user', 'credentials'].sort());
    assert.deepEqual(detail.appNames, ['http']);
    assert.deepEqual(detail.user, { id: mine.userId, email: 'ada.user@example.org', name: 'Ada User' });
    assert.deepEqual(detail.makeProvider, detail.user);
    assert.equal(detail.credentials.length, 2);
    for (const credential of detail.credentials) {
      assert.deepEqual(keys(credential), CREDENTIAL_KEYS);
      assert.equal(credential.requestId, request.id);
      assert.equal(credential.state, 'pending');
      assert.equal(credential.remoteId, null);
      assert.equal(credential.tokenId, null);
      assert.deepEqual(credential.remoteScope, []);
      const one = await call('GET', `${CREDENTIALS}/${credential.id}`);
      assert.deepEqual(one.body, { credential });
      const cut = await call('GET', `${CREDENTIALS}/${credential.id}?cols=state,id`);
      assert.deepEqual(cut.body, { credential: { id: credential.id, state: 'pending' } });
    }
  });

  test('cols cuts to exactly what is asked, in every spelling', async () => {
    const { request } = await create();
    for (const query of ['cols=id,appNames', 'cols=id&cols=appNames', 'cols%5B%5D=id&cols%5B%5D=appNames', 'cols%5B0%5D=id&cols%5B1%5D=appNames']) {
      assert.deepEqual((await call('GET', `${REQUESTS}/${request.id}?${query}`)).body, { request: { id: request.id, appNames: ['http'] } });
      for (const row of (await list(`&${query}`)).body.requests) assert.deepEqual(keys(row), ['appNames', 'id']);
    }
    const all = (await call('GET', `${REQUESTS}/${request.id}?cols%5B%5D=*`)).body.request;
    assert.deepEqual(keys(all), [...REQUEST_KEYS, 'appNames', 'makeProvider'].sort());
    assert.equal(all.makeProvider.id, mine.userId);
    expectError(await call('GET', `${REQUESTS}/${request.id}?cols=linkHash`), 400, 'SC400', /cols/);
    expectError(await list('&cols=id,link_hash'), 400, 'SC400', /cols/);
    expectError(await call('GET', `${REQUESTS}/${request.id}?cols=%27`), 400, 'SC400', /cols/);
  });

  test('lists filter, sort, page and count', async () => {
    const team = await stack.addTeam('Lists', mine.organizationId);
    await stack.ctl(['member', 'add', '--team', String(team), '--user', String(mine.userId)]);
    const other = await stack.addUser('Lists Colleague', [team]);
    for (const name of ['b 100%', 'a_x', 'C', 'axx']) await create({ teamId: team, name });
    const theirOwn = (await create({ teamId: team, name: 'd', provider: { providerMakeUserId: other } })).request;
    const names = async (query) => {
      const answer = await call('GET', `${REQUESTS}?teamId=${team}${query}`);
      assert.equal(answer.status, 200, answer.text);
      return answer.body.requests.map(({ name }) => name);
    };
    const first = (await call('GET', `${REQUESTS}?teamId=${team}`)).body;
    assert.deepEqual(keys(first), ['pg', 'requests']);
    assert.deepEqual(first.pg, { sortBy: 'createdAt', sortDir: 'desc', limit: 100, offset: 0 });
    assert.deepEqual(first.requests.map(keys), Array(5).fill(REQUEST_KEYS));
    assert.deepEqual(await names(''), ['d', 'axx', 'C', 'a_x', 'b 100%']);
    assert.deepEqual(await names('&pg%5BsortBy%5D=name&pg%5BsortDir%5D=asc&pg%5Blimit%5D=2&pg%5Boffset%5D=2'), ['b 100%', 'C']);
    assert.deepEqual(await names('&name=c'), ['C']);
    assert.deepEqual(await names('&name=100%25'), ['b 100%']);
    assert.deepEqual(await names('&name=a_'), ['a_x']);
    assert.deepEqual(await names('&name=b+100'), ['b 100%']);
    assert.deepEqual(await names(`&makeProviderId=${other}`), ['d']);
    assert.deepEqual(await names(`&userId=${other}`), []);
    assert.deepEqual(await names(`&userId=${mine.userId}&status=pending&name=d`), ['d']);
    assert.deepEqual(await names('&status=partially_authorized'), []);
    const counted = (await call('GET', `${REQUESTS}?teamId=${team}&pg%5BreturnTotalCount%5D=true&pg%5Blimit%5D=1&name=x`)).body;
    assert.deepEqual(counted.pg, { sortBy: 'createdAt', sortDir: 'desc', limit: 1, offset: 0, totalCount: 2 });
    const [credential] = (await detailOf(theirOwn.id)).credentials;
    await call('POST', `${CREDENTIALS}/${credential.id}/decline`);
    assert.deepEqual(await names('&status=incomplete'), ['d']);
  });

  test('a query that makes no sense is refused with its name', async () => {
    expectError(await call('GET', REQUESTS), 400, 'SC400', /teamId/);
    for (const [query, name] of [
      ['teamId=x', /teamId/], ['teamId=-1', /teamId/], ['teamId=99999999999999999999', /teamId/], ['teamId=1&teamId=2', /teamId/],
      ['status=done', /status/], [`name=${'x'.repeat(256)}`, /name/], ['userId=me', /userId/], ['makeProviderId=0', /makeProviderId/],
      ['pg%5Blimit%5D=501', /limit/], ['pg%5Blimit%5D=0', /limit/], ['pg%5Boffset%5D=-1', /offset/], ['pg%5BsortBy%5D=link_hash', /sortBy/],
      ['pg%5BsortDir%5D=up', /sortDir/], ['pg%5BreturnTotalCount%5D=perhaps', /returnTotalCount/],
    ]) {
      const prefix = query.startsWith('teamId') ? '' : `teamId=${mine.teamId}&`;
      expectError(await call('GET', `${REQUESTS}?${prefix}${query}`), 400, 'SC400', name);
    }
    for (const query of ['name=%ff', 'name=%00', 'name=%zz']) expectError(await list(`&${query}`), 400, 'SC400');
  });

  test('HEAD answers as GET without a body', async () => {
    const { request } = await create();
    const answer = await call('HEAD', `${REQUESTS}/${request.id}`);
    assert.equal(answer.status, 200);
    assert.equal(answer.text, '');
  });
});

describe('declining', () => {
  test('may be repeated and changes the reason; the status follows', async () => {
    const { request } = await create();
    const { credentials: [first, second] } = await detailOf(request.id);
    const decline = (id, body, options) => call('POST', `${CREDENTIALS}/${id}/decline`, body, options);
    const once = await decline(first.id);
    assert.equal(once.status, 200, once.text);
    assert.deepEqual(keys(once.body), ['credential']);
    assert.deepEqual(keys(once.body.credential), CREDENTIAL_KEYS);
    assert.equal(once.body.credential.state, 'declined');
    assert.equal(once.body.credential.declineReason, null);
    assert.equal((await decline(first.id, { reason: 'not ours' })).body.credential.declineReason, 'not ours');
    assert.equal((await decline(first.id, { reason: 'r'.repeat(2048) })).body.credential.declineReason, 'r'.repeat(2048));
    assert.equal((await detailOf(request.id)).status, 'incomplete');
    const cut = await call('POST', `${CREDENTIALS}/${first.id}/decline?cols%5B%5D=id&cols%5B%5D=state`, { reason: null });
    assert.deepEqual(cut.body, { credential: { id: first.id, state: 'declined' } });
    expectError(await call('POST', `${CREDENTIALS}/${second.id}/decline?cols=nope`), 400, 'SC400', /cols/);
    assert.equal((await call('GET', `${CREDENTIALS}/${second.id}?cols=state`)).body.credential.state, 'pending');
    assert.deepEqual((await call('POST', `${CREDENTIALS}/${first.id}/delete-remote?cols=remoteId`)).body, { credential: { remoteId: null } });
    assert.equal((await decline(second.id, '', { headers: { 'content-length': '0' } })).status, 200);
    const after_ = await detailOf(request.id);
    assert.equal(after_.status, 'declined');
    assert.ok(after_.updatedAt > request.updatedAt);
  });

  test('many at once leave the status right', async () => {
    const { request } = await create({ credentials: Array(12).fill({ appName: 'http', appModules: ['ActionSendDataBasicAuth'] }) });
    const { credentials } = await detailOf(request.id);
    const answers = await Promise.all(credentials.map(({ id }) => call('POST', `${CREDENTIALS}/${id}/decline`, { reason: id })));
    for (const answer of answers) assert.equal(answer.status, 200, answer.text);
    assert.equal((await detailOf(request.id)).status, 'declined');
    const both = await Promise.all([call('DELETE', `${REQUESTS}/${request.id}`), call('POST', `${CREDENTIALS}/${credentials[0].id}/decline`),
      call('DELETE', `${REQUESTS}/${request.id}`)]);
    assert.equal(both.filter(({ status, body }) => status === 200 && body.deleted).length, 1);
    for (const { status } of both) assert.ok(status === 200 || status === 404);
  });

  test('deleted while all of it is declined: MariaDB 10.11 ended with signal 11', async () => {
    for (let i = 0; i < 8; i++) {
      const { request } = await create({ credentials: Array(12).fill({ appName: 'http', appModules: ['ActionSendDataBasicAuth'] }) });
      const { credentials } = await detailOf(request.id);
      const answers = await Promise.all([...credentials.map(({ id }) => call('POST', `${CREDENTIALS}/${id}/decline`)),
        call('DELETE', `${REQUESTS}/${request.id}`), call('DELETE', `${REQUESTS}/${request.id}`)]);
      for (const answer of answers) assert.ok(answer.status === 200 || answer.status === 404, answer.text);
    }
  });

  test('refuses bad reasons and other media types', async () => {
    const { request } = await create();
    const { credentials: [{ id }] } = await detailOf(request.id);
    for (const body of [{ reason: '' }, { reason: 'r'.repeat(2049) }, { reason: 1 }]) {
      expectError(await call('POST', `${CREDENTIALS}/${id}/decline`, body), 400, 'SC400', /reason/);
    }
    expectError(await call('POST', `${CREDENTIALS}/${id}/decline`, 'reason=x', { headers: { 'content-type': 'text/plain' } }), 415, 'SC415');
    expectError(await call('POST', `${CREDENTIALS}/${id}/decline`, '{'), 400, 'SC400');
    assert.equal((await detailOf(request.id)).status, 'pending');
  });

  test('is impossible once authorized', async () => {
    const { request } = await create();
    const { credential } = await authorizeFirst(request.id);
    expectError(await call('POST', `${CREDENTIALS}/${credential.id}/decline`, { reason: 'late' }), 400, 'IM005');
  });
});

describe('deleting', () => {
  test('a request that made nothing goes at once', async () => {
    const { request } = await create();
    assert.deepEqual((await call('DELETE', `${REQUESTS}/${request.id}`)).body, { deleted: true });
    expectError(await call('DELETE', `${REQUESTS}/${request.id}`), 404, 'SC404');
    expectError(await call('GET', `${REQUESTS}/${request.id}`), 404, 'SC404');
  });

  test('keys go only when confirmed', async () => {
    const { request } = await create();
    const { keyId, credential } = await authorizeFirst(request.id);
    assert.equal((await call('GET', `${CREDENTIALS}/${credential.id}?cols=remoteId`)).body.credential.remoteId, String(keyId));
    for (const query of ['', '?confirmed=false']) expectError(await call('DELETE', `${REQUESTS}/${request.id}${query}`), 400, 'IM004');
    expectError(await call('DELETE', `${REQUESTS}/${request.id}?confirmed=yes`), 400, 'SC400', /confirmed/);
    assert.equal((await call('GET', `/api/v2/keys/${keyId}`)).status, 200);
    assert.deepEqual((await call('DELETE', `${REQUESTS}/${request.id}?confirmed=True`)).body, { deleted: true });
    expectError(await call('GET', `/api/v2/keys/${keyId}`), 404, 'SC404');
    expectError(await call('GET', `${CREDENTIALS}/${credential.id}`), 404, 'SC404');
  });

  test('a key deleted by itself makes the credential pending again', async () => {
    const { request } = await create();
    const { keyId } = await authorizeFirst(request.id);
    assert.equal((await call('DELETE', `/api/v2/keys/${keyId}?confirmed=true`)).status, 200);
    const detail = await detailOf(request.id);
    assert.equal(detail.status, 'pending');
    assert.equal(detail.credentials[0].remoteId, null);
  });
});

describe('who may do what', () => {
  const calls = (id, credentialId, teamId) => [
    ['credential-requests:read', 'GET', `${REQUESTS}?teamId=${teamId}`],
    ['credential-requests:read', 'GET', `${REQUESTS}/${id}`],
    ['credential-requests:read', 'GET', `${REQUESTS}/${id}/detail`],
    ['credential-requests:read', 'GET', `${CREDENTIALS}/${credentialId}`],
    ['credential-requests:write', 'POST', `${REQUESTS}/v2`],
    ['credential-requests:write', 'POST', `${CREDENTIALS}/${credentialId}/decline`],
    ['credential-requests:write', 'DELETE', `${REQUESTS}/${id}`],
    ['apps:read', 'GET', '/api/v2/credential-requests/apps/http/latest/modules-with-credentials'],
    ['teams:read', 'GET', `/api/v2/teams/${teamId}`],
    ['teams:read', 'GET', '/api/v2/teams?organizationId=1'],
    ['organizations:read', 'GET', '/api/v2/organizations'],
  ];
  let request;
  let credentialId;
  before(async () => {
    ({ request } = await create());
    credentialId = (await detailOf(request.id)).credentials[0].id;
  });

  test('each call asks for its scope and no other', async () => {
    const scopes = ['credential-requests:read', 'credential-requests:write', 'apps:read', 'keys:read', 'keys:write', 'teams:read',
      'organizations:read', 'user-credentials:read'];
    for (const [scope, method, path] of calls(request.id, credentialId, mine.teamId)) {
      const token = await stack.addToken(mine.userId, scopes.filter((other) => other !== scope).join(','));
      const answer = await call(method, path, undefined, { token });
      expectError(answer, 403, 'SC403');
      assert.ok(answer.body.detail.includes(scope), `${path}: ${answer.text}`);
    }
    assert.equal((await detailOf(request.id)).status, 'pending');
  });

  test('no token, a wrong one, a revoked and an expired one are refused alike', async () => {
    const revoked = await stack.addToken(mine.userId);
    const publicId = revoked.split('_')[1];
    assert.equal((await call('GET', '/api/v2/users/me', undefined, { token: revoked })).status, 200);
    await stack.mysql(`UPDATE api_token SET revoked_at = UTC_TIMESTAMP(3) WHERE public_id = '${publicId}'`);
    const expired = await stack.addToken(mine.userId);
    await stack.mysql(`UPDATE api_token SET expires_at = UTC_TIMESTAMP(3) - INTERVAL 1 SECOND WHERE public_id = '${expired.split('_')[1]}'`);
    const wrong = mine.token.slice(0, -1) + (mine.token.endsWith('a') ? 'b' : 'a');
    for (const [, method, path] of [...calls(request.id, credentialId, mine.teamId), ['', 'GET', '/api/v2/users/me']]) {
      for (const token of [undefined, wrong, revoked, expired, 'x', 'bl_']) {
        expectError(await call(method, path, undefined, { token }), 401, 'SC401');
      }
    }
  });

  test('what others have is as unknown as what is not there', async () => {
    const strip = (answer) => [answer.status, answer.text];
    for (const [, method, path] of calls(request.id, credentialId, mine.teamId)) {
      if (!path.includes(request.id) && !path.includes(credentialId)) continue;
      const hidden = await call(method, path, undefined, { token: theirs.token });
      const missing = await call(method, path.replace(request.id, UNKNOWN).replace(credentialId, UNKNOWN), undefined, { token: theirs.token });
      expectError(hidden, 404, 'SC404');
      assert.deepEqual(strip(hidden), strip(missing), path);
    }
    const hidden = await call('GET', `${REQUESTS}?teamId=${mine.teamId}`, undefined, { token: theirs.token });
    const missing = await call('GET', `${REQUESTS}?teamId=999999`, undefined, { token: theirs.token });
    expectError(hidden, 403, 'IM002');
    assert.deepEqual(strip(hidden), strip(missing));
  });

  test('ids that cannot be one are unknown', async () => {
    for (const id of ['1', 'x', `${request.id}0`, request.id.slice(1), `${request.id}%27`, '%F0%9F%94%91']) {
      expectError(await call('GET', `${REQUESTS}/${id}`), 404, 'SC404');
      expectError(await call('POST', `${CREDENTIALS}/${id}/decline`), 404, 'SC404');
    }
    assert.equal((await call('GET', `${REQUESTS}/${request.id.toUpperCase()}`)).status, 200);
    for (const id of ['x', '0', '-1', '1.0', '99999999999999999999']) expectError(await call('GET', `/api/v2/teams/${id}`), 404, 'SC404');
  });

  test('other methods are told what there is', async () => {
    const answer = await call('PUT', `${REQUESTS}/${request.id}`, {});
    expectError(answer, 405, 'SC405');
    assert.deepEqual(answer.headers.allow.split(', ').sort(), ['DELETE', 'GET', 'HEAD']);
    expectError(await call('GET', '/api/v2/credential-requests/nothing'), 404, 'SC404');
  });
});

describe('traces', () => {
  test('every change leaves an audit row with who and what', async () => {
    const { request } = await create();
    const [{ id }] = (await detailOf(request.id)).credentials;
    await call('POST', `${CREDENTIALS}/${id}/decline`, { reason: 'secret reason' });
    await call('DELETE', `${REQUESTS}/${request.id}`);
    const actor = `token:${mine.token.split('_')[1]}`;
    const rows = await stack.mysql(`SELECT event, outcome, actor, person_id, team_id FROM audit
      WHERE subject IN ('${request.id}', '${id}') ORDER BY id`);
    assert.deepEqual(rows, ['request.create', 'credential.decline', 'request.delete']
      .map((event) => [event, 'ok', actor, String(mine.userId), String(mine.teamId)]));
  });

  test('jobs are seen by members of their team', async () => {
    const [[jobId]] = await stack.mysql(`INSERT INTO job (kind, subject, team_id, state, run_at, max_attempts, payload, created_at)
      VALUES ('fetch', 'x', ${mine.teamId}, 'dead', UTC_TIMESTAMP(3), 3, '{}', UTC_TIMESTAMP(3)); SELECT LAST_INSERT_ID()`);
    const answer = await call('GET', `/api/v2/jobs/${jobId}`);
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual(keys(answer.body), ['job']);
    assert.deepEqual(keys(answer.body.job), ['attempts', 'createdAt', 'error', 'finishedAt', 'id', 'kind', 'nextRunAt', 'startedAt', 'state']);
    expectError(await call('GET', `/api/v2/jobs/${jobId}`, undefined, { token: theirs.token }), 404, 'SC404');
    expectError(await call('GET', '/api/v2/jobs/999999'), 404, 'SC404');
  });
});
