// SPDX-License-Identifier: Apache-2.0
// Tokens of a connection go to the provider that gave them, whatever somebody writes to the database.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startOauthStack } from './oauth_stack.mjs';
import { startOauthVendor } from './oauth_vendor.mjs';
import { sealerOf } from './seal.mjs';

const OWN = 'oauth2'; // of the app `http`: a client of one's own, at addresses of one's own
const CREDENTIALS = '/api/v1/user_credentials';
const SECRET = 'canary-own-client-secret-48';

let honest; let evil; let operators; let oauth; let stack; let seal;

before(async () => {
  [honest, evil] = [await startOauthVendor(), await startOauthVendor()];
  operators = honest.room('operators');
  oauth = await startOauthStack([{ connection: operators.connection('operators') }]);
  ({ stack } = oauth);
  seal = await sealerOf(stack, oauth.world.teamId);
});

after(async () => {
  await oauth?.close();
  await honest?.close();
  await evil?.close();
});

const room = (vendor, name) => vendor.room(name, { client: { id: 'mine', secret: SECRET, auth: 'body' } });
const hostOf = (at) => new URL(at.url).host;
const fieldsOf = (at) => ({ authorizeUri: `${at.url}/authorize`, tokenUri: `${at.url}/token`, clientId: 'mine', clientSecret: SECRET, clientAuth: 'body' });
const uuidOf = async (id) => (await oauth.grant(id)).uuid;
const rowOf = (uuid) => `uuid = UNHEX('${uuid.replaceAll('-', '')}')`;
const fieldsSealed = (uuid, at) => `parameters_sealed = UNHEX('${seal('oauth_grant', uuid, 'parameters', JSON.stringify(fieldsOf(at)))}')`;
const events = async () => Number((await stack.mysql("SELECT COUNT(*) FROM audit WHERE event = 'integrity.error'"))[0][0]);

async function connectOwn(at) {
  const asked = await oauth.askFilled(OWN, {}, { scopes: [] });
  await asked.person.authorize(asked.item.id, { fields: fieldsOf(at) });
  return oauth.connectionOf(asked.item.id);
}

// Someone writes `changes` to the grant and its tokens, and waits for the next refresh: it sends nothing to anybody. Put back, it works.
async function holds(id, at, evilRoom, changes, tokenChanges) {
  const uuid = await uuidOf(id);
  const [before, sent] = [await events(), at.calls('token')];
  await stack.mysql(`CREATE TABLE kept SELECT * FROM oauth_grant WHERE ${rowOf(uuid)}; UPDATE oauth_grant SET ${changes} WHERE ${rowOf(uuid)}`);
  if (tokenChanges) await stack.mysql(`UPDATE oauth_token SET ${tokenChanges} WHERE grant_${rowOf(uuid)}`);
  await oauth.age(id);
  const answer = await oauth.tryLive(id);
  assert.notEqual(answer.status, 200, answer.text);
  assert.deepEqual([evilRoom.requests.length, at.calls('token')], [0, sent], changes);
  assert.ok(await events() > before, changes);
  await stack.mysql(`UPDATE oauth_grant g JOIN kept k ON k.uuid = g.uuid SET g.connection_type = k.connection_type, g.client_id = k.client_id,
    g.destination = k.destination, g.parameters_sealed = k.parameters_sealed; DROP TABLE kept; UPDATE oauth_token SET bound = TRUE WHERE grant_${rowOf(uuid)}`);
  assert.ok(at.accepts((await oauth.live(id)).token));
  assert.equal(at.calls('token'), sent + 1);
}

describe('a writer of the database', () => {
  test('does not get the refresh token of a connection by making its grant one of an own client', async () => {
    const [at, theirs] = [operators, room(evil, 'operators')];
    const { id } = await oauth.connect('operators');
    const uuid = await uuidOf(id);
    const changed = `connection_type = '${OWN}', client_id = 'mine', ${fieldsSealed(uuid, theirs)}`;
    await holds(id, at, theirs, changed);
    await holds(id, at, theirs, `${changed}, destination = '${hostOf(theirs)}'`);
    await holds(id, at, theirs, `${changed}, destination = '${hostOf(theirs)}'`, 'bound = FALSE');
  });

  test('nor by naming another host in the fields of one', async () => {
    const [at, theirs] = [room(honest, 'own'), room(evil, 'own')];
    const id = await connectOwn(at);
    const uuid = await uuidOf(id);
    assert.deepEqual(await stack.mysql(`SELECT destination FROM oauth_grant WHERE ${rowOf(uuid)}`), [[hostOf(at)]]);
    await holds(id, at, theirs, fieldsSealed(uuid, theirs));
    for (const destination of ['', hostOf(theirs)]) {
      await holds(id, at, theirs, `${fieldsSealed(uuid, theirs)}, destination = '${destination}'`);
      await holds(id, at, theirs, `${fieldsSealed(uuid, theirs)}, destination = '${destination}'`, 'bound = FALSE');
    }
  });

  test('nor its access token by hanging its grant on a user credential of his own', async () => {
    const at = operators;
    const { id } = await oauth.connect('operators');
    const uuid = await uuidOf(id);
    const made = await oauth.call('POST', CREDENTIALS, { name: 'Theirs', team_id: oauth.world.teamId, mode: 'OAUTH', oauth_grant_type: 'authorization_code',
      oauth_url: `${evil.url}/x/authorize`, oauth_token_url: `${evil.url}/x/token`, oauth_client_id: 'mine', oauth_client_secret: SECRET });
    assert.equal(made.status, 201, made.text);
    const number = made.body.id;
    await stack.mysql(`UPDATE oauth_grant SET connection_id = NULL, user_credential_id = ${number} WHERE ${rowOf(uuid)}`);
    const before = await events();
    const answer = await oauth.call('POST', `${CREDENTIALS}/${number}/token`);
    assert.notEqual(answer.status, 200, answer.text);
    assert.ok(await events() > before);
    await stack.mysql(`UPDATE oauth_grant SET connection_id = ${id}, user_credential_id = NULL WHERE ${rowOf(uuid)}`);
    assert.ok(at.accepts((await oauth.live(id)).token));
  });
});

describe('tokens that an older version has sealed', () => {
  for (const [name, connect, host] of [['of an operator\'s client', async (at) => (await oauth.connect(at.name)).id, () => ''],
    ['of an own client', connectOwn, hostOf]])
    test(`${name} are refreshed, and bound from then on`, async () => {
      const at = name.includes('operator') ? operators : room(honest, 'older');
      const id = await connect(at);
      const uuid = await uuidOf(id);
      const { current } = at.grants.at(-1);
      await stack.mysql(`UPDATE oauth_grant SET destination = '' WHERE ${rowOf(uuid)}; UPDATE oauth_token SET bound = FALSE,
        access_sealed = UNHEX('${seal('oauth_token', uuid, 'access:1', 'old')}'), refresh_sealed = UNHEX('${seal('oauth_token', uuid, 'refresh:1', current)}')
        WHERE grant_${rowOf(uuid)}`);
      assert.equal((await oauth.live(id)).token, 'old');
      await oauth.age(id);
      assert.ok(at.accepts((await oauth.live(id)).token));
      assert.deepEqual(await stack.mysql(`SELECT g.destination, t.generation, t.bound FROM oauth_grant g JOIN oauth_token t ON t.grant_uuid = g.uuid WHERE g.${rowOf(uuid)}`),
        [[host(at), '2', '1']]);
      await oauth.age(id);
      assert.ok(at.accepts((await oauth.live(id)).token));
    });
});
