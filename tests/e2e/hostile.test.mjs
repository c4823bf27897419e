// SPDX-License-Identifier: Apache-2.0
// What a client may try at a bad moment or with bad intent, on the real accounts of the pools.
import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';

import { startStack, waitFor } from './harness.mjs';

const FORMS = { basicauth: { authUser: 'somebody', authPass: 'pass-word' }, apikeyauth: { key: 'key' } };
const CREDENTIALS = '/api/v2/credential-requests/credentials';

let stack; let world; let token;

const api = (method, path, body, options = {}) => stack.api(method, path, body, { token, ...options });

async function ask(provider = { newUser: { name: 'Asked', email: 'asked@example.org' } }) {
  const made = await api('POST', '/api/v2/credential-requests/requests/v2',
    { name: 'Hostile', teamId: world.teamId, provider, credentials: [{ appName: 'http', appModules: ['*'] }] });
  assert.equal(made.status, 200, made.text);
  const { id } = made.body.request;
  const detail = await api('GET', `/api/v2/credential-requests/requests/${id}/detail`);
  return { id, secret: made.body.publicUri.split('#')[1], credentials: detail.body.requestDetail.credentials };
}

const fillIn = (request, credential) => stack.api('POST', `/public/requests/${request.id}/items/${credential.id}`,
  { fields: FORMS[credential.name] }, { token: request.secret, scheme: 'Link' });

before(async () => {
  stack = await startStack();
  world = await stack.world();
  ({ token } = world);
});
after(() => stack?.close());

it('a decline over the API calls off the form that waits for a runner', async () => {
  const request = await ask();
  const [waiting, idle] = request.credentials;
  await stack.stop('runner');
  assert.equal((await fillIn(request, waiting)).status, 202);
  for (const credential of [waiting, idle]) {
    const declined = await api('POST', `${CREDENTIALS}/${credential.id}/decline`, { reason: 'not this one' });
    assert.equal(declined.status, 200, declined.text);
    assert.equal(declined.body.credential.state, 'declined');
  }
  await stack.start('runner');
  assert.deepEqual(await stack.mysql(`SELECT state, error FROM job WHERE subject = '${waiting.id}'`),
    [['failed', 'called off: the credential was declined']]);
  // Not even an operator brings it back: the form is gone.
  const [[job]] = await stack.mysql(`SELECT id FROM job WHERE subject = '${waiting.id}'`);
  await stack.ctl(['jobs', 'retry', '--id', job]);
  await waitFor('the end of the job', async () =>
    (await stack.mysql(`SELECT error FROM job WHERE id = ${job} AND state = 'failed'`))[0]?.[0] === 'the form was taken back');
  assert.deepEqual(await stack.mysql('SELECT COUNT(*) FROM submission WHERE fields_sealed IS NOT NULL'), [['0']]);
  assert.equal((await api('GET', `${CREDENTIALS}/${waiting.id}`)).body.credential.state, 'declined');
  assert.equal((await api('GET', `/api/v2/keys?teamId=${world.teamId}`)).body.keys.length, 0);
});

it('the api account may call a job off and change nothing else of it', async () => {
  for (const column of ['payload', 'fence', 'lease_owner', 'subject', 'team_id', 'attempt']) {
    const tried = await stack.mysqlAs('api', `UPDATE job SET ${column} = ${column}`);
    assert.notEqual(tried.code, 0, column);
  }
  assert.notEqual((await stack.mysqlAs('api', 'DELETE FROM job')).code, 0);
});

it('the api account can ask for an audit row that may still be on its way', async () => {
  const asked = await stack.mysqlAs('api', "SELECT COUNT(*) FROM audit WHERE id = REPEAT('x', 16) LOCK IN SHARE MODE");
  assert.equal(asked.code, 0, asked.stderr);
  assert.equal(asked.stdout.trim(), '0');
});
