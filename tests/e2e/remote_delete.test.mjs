// SPDX-License-Identifier: Apache-2.0
// A platform in every mood: away, slow, refusing, busy, broken, cut off after it has acted. Nothing is made twice, nothing that
// is still there is shown as deleted, and the API goes on answering.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, afterEach, before, describe, test } from 'node:test';
import { sleep, startStack, waitFor } from './harness.mjs';

const REQUESTS = '/api/v2/credential-requests/requests';
const CREDENTIALS = '/api/v2/credential-requests/credentials';
const TOKEN = 'platform-token-0a55e1';
const PASSWORD = 'pass-word-9c41ab';

let stack; let mine; let platform;

const call = (method, path, body, options = {}) => stack.api(method, path, body, { token: mine.token, ...options });
const credentialOf = async (id) => (await call('GET', `${CREDENTIALS}/${id}`)).body.credential;
const deleteRemote = (id, headers = {}) => call('POST', `${CREDENTIALS}/${id}/delete-remote`, undefined, { headers });
const jobOf = async (id) => (await call('GET', `/api/v2/jobs/${id}`)).body.job;
const jobEnd = (id) => waitFor(`the end of job ${id}`, async () => {
  const job = await jobOf(id);
  return job.finishedAt && job;
});

// A zone of Make, as far as keys go. `mood(request, act)` may do anything; act() does what was asked for and gives the answer.
async function startPlatform() {
  const state = { keys: new Map(), answers: new Map(), calls: [], nextId: 70, mood: null };
  const server = createServer((request, response) => {
    const parts = [];
    request.on('data', (part) => parts.push(part));
    request.on('end', async () => {
      const { pathname, searchParams } = new URL(request.url, 'http://platform');
      const body = parts.length ? JSON.parse(Buffer.concat(parts).toString()) : undefined;
      state.calls.push({ method: request.method, path: request.url, headers: request.headers, body, at: Date.now() });
      const send = (status, json, headers = {}) => response.writeHead(status, { 'content-type': 'application/json', ...headers })
        .end(json === undefined ? '' : JSON.stringify(json));
      const act = () => {
        if (request.method === 'POST' && pathname === '/api/v2/keys') {
          const once = request.headers['idempotency-key'];
          if (!state.answers.has(once)) {
            state.nextId += 1;
            state.keys.set(String(state.nextId), body);
            state.answers.set(once, { key: { id: state.nextId, name: body.name, typeName: body.typeName, teamId: body.teamId } });
          }
          return [200, state.answers.get(once)];
        }
        const id = /^\/api\/v2\/keys\/(\d+)$/.exec(pathname)?.[1];
        if (request.method !== 'DELETE' || searchParams.get('confirmed') !== 'true') return [400, { message: 'Bad Request' }];
        return state.keys.delete(id) ? [200, { key: Number(id) }] : [404, { message: 'Not Found', code: 'SC404' }];
      };
      if (!state.mood || !(await state.mood({ send, act, request, response, body }))) send(...act());
    });
  });
  const listen = (port) => new Promise((resolve) => { server.listen(port, '127.0.0.1', resolve); });
  await listen(0);
  const { port } = server.address();
  return Object.assign(state, {
    url: `http://127.0.0.1:${port}/api/v2`,
    deletes: () => state.calls.filter(({ method }) => method === 'DELETE'),
    down: () => new Promise((resolve) => { server.close(resolve); server.closeAllConnections(); }),
    up: async () => { if (!server.listening) await listen(port); },
  });
}

async function ask() {
  const made = await call('POST', `${REQUESTS}/v2`, { name: 'Moody', teamId: mine.teamId, provider: { providerMakeUserId: mine.userId },
    credentials: [{ appName: 'http', appModules: ['ActionSendDataBasicAuth', 'ActionSendDataAPIKeyAuth'] }] });
  assert.equal(made.status, 200, made.text);
  const { id } = made.body.request;
  const detail = await call('GET', `${REQUESTS}/${id}/detail`);
  return { id, secret: made.body.publicUri.split('#')[1], credentials: detail.body.requestDetail.credentials };
}

async function submit(request, credential) {
  const fields = credential.name === 'basicauth' ? { authUser: 'u', authPass: PASSWORD } : { key: PASSWORD };
  const sent = await stack.api('POST', `/public/requests/${request.id}/items/${credential.id}`, { fields },
    { token: request.secret, scheme: 'Link' });
  assert.equal(sent.status, 202, sent.text);
}

const authorized = (id) => waitFor('an authorized credential', async () => {
  const now = await credentialOf(id);
  return now.state === 'authorized' && now;
});

async function oneKey() {
  const request = await ask();
  await submit(request, request.credentials[0]);
  return { request, made: await authorized(request.credentials[0].id) };
}

before(async () => {
  platform = await startPlatform();
  stack = await startStack({ workers: 4 });
  mine = await stack.world();
  await stack.ctl(['team', 'set-platform', '--team', String(mine.teamId), '--kind', 'make', '--base-url', platform.url,
    '--remote-team', '31', '--token-file', '-'], { input: TOKEN });
});
afterEach(async () => {
  await platform.up();
  platform.mood = null;
  platform.calls.length = 0;
});
after(async () => {
  await stack?.close();
  await platform?.down();
});

describe('deleting a remote', () => {
  test('says who it is, and follows the contract', async () => {
    const { made } = await oneKey();
    const create = platform.calls.find(({ method }) => method === 'POST');
    assert.equal(create.headers.authorization, `Token ${TOKEN}`);
    assert.match(create.headers['idempotency-key'], /^bailee-\d+$/);
    assert.deepEqual(Object.keys(create.body).sort(), ['name', 'parameters', 'teamId', 'typeName']);
    assert.equal(create.body.teamId, 31);
    const gone = await deleteRemote(made.id);
    assert.deepEqual([gone.status, gone.body.credential?.state], [200, 'pending'], gone.text);
    assert.deepEqual(platform.deletes().map(({ path }) => path), [`/api/v2/keys/${made.remoteId}?confirmed=true`]);
  });

  test('takes "not found" for deleted', async () => {
    const { made } = await oneKey();
    platform.keys.clear();
    const gone = await deleteRemote(made.id);
    assert.deepEqual([gone.status, gone.body.credential?.remoteId], [200, null], gone.text);
  });

  test('a slow platform: 202 with the job, then done', async () => {
    const { made } = await oneKey();
    platform.mood = async () => { await sleep(2500); return false; };
    const begun = await deleteRemote(made.id, { Prefer: 'wait=1' });
    assert.equal(begun.status, 202, begun.text);
    assert.deepEqual(Object.keys(begun.body).sort(), ['credential', 'job']);
    assert.equal(begun.headers.location, `/api/v2/jobs/${begun.body.job.id}`);
    assert.equal(begun.headers['preference-applied'], 'wait=1');
    assert.deepEqual(begun.body.credential, made);
    // asked again meanwhile, it is the same job
    const again = await deleteRemote(made.id, { Prefer: 'respond-async' });
    assert.deepEqual([again.status, again.body.job.id, again.headers['preference-applied']],
      [202, begun.body.job.id, 'respond-async']);
    assert.equal((await jobEnd(begun.body.job.id)).state, 'done');
    assert.equal((await credentialOf(made.id)).state, 'pending');
    assert.equal(platform.deletes().length, 1);
  });

  test('a refusal is told in the words of the platform, and nothing is changed', async () => {
    const { made } = await oneKey();
    for (const [status, body, detail] of [
      [401, { message: 'Access denied', detail: 'The token has\nexpired' }, 'the platform answered 401: The token has expired'],
      [403, { message: 'Permission denied' }, 'the platform answered 403: Permission denied'],
      [400, { detail: `token ${TOKEN} is odd` }, 'the platform answered 400'],
      [409, 'no object', 'the platform answered 409'],
      [302, {}, 'the platform answered 302'],
      [418, { message: 'x'.repeat(5000) }, `the platform answered 418: ${'x'.repeat(240)}`],
    ]) {
      platform.mood = ({ send }) => { send(status, body, { location: '/api/v2/elsewhere' }); return true; };
      const refused = await deleteRemote(made.id);
      assert.deepEqual([refused.status, refused.body.code, refused.body.detail], [424, 'SC424', detail]);
      assert.deepEqual(await credentialOf(made.id), made);
    }
    assert.equal(platform.deletes().length, 6, 'a refusal is not repeated');
    assert.deepEqual(await stack.findSecret(TOKEN), []);
  });

  test('busy: it comes back when it was told to', async () => {
    const { made } = await oneKey();
    let first = 0;
    platform.mood = ({ send }) => {
      if (first) return false;
      first = Date.now();
      send(429, { message: 'slow down' }, { 'retry-after': '2' });
      return true;
    };
    const gone = await deleteRemote(made.id);
    assert.equal(gone.status, 200, gone.text);
    assert.ok(platform.deletes()[1].at - first >= 1900, 'too early');
  });

  test('broken once: it works the second time', async () => {
    const { made } = await oneKey();
    let calls = 0;
    platform.mood = ({ send }) => (calls++ ? false : (send(500, { message: 'oops' }), true));
    assert.equal((await deleteRemote(made.id)).status, 200);
    assert.equal(calls, 2);
  });

  test('away: the job goes on until it is back', async () => {
    const { made } = await oneKey();
    await platform.down();
    const begun = await deleteRemote(made.id, { Prefer: 'wait=2' });
    assert.equal(begun.status, 202, begun.text);
    assert.equal((await credentialOf(made.id)).state, 'authorized');
    await platform.up();
    assert.equal((await jobEnd(begun.body.job.id)).state, 'done');
    assert.equal((await credentialOf(made.id)).state, 'pending');
  });

  test('cut off after it has acted: deleted all the same', async () => {
    const { made } = await oneKey();
    let calls = 0;
    platform.mood = ({ act, response }) => {
      if (calls++) return false;
      act();
      response.socket.destroy();
      return true;
    };
    const gone = await deleteRemote(made.id);
    assert.deepEqual([gone.status, gone.body.credential?.state], [200, 'pending'], gone.text);
  });
});

describe('making a key', () => {
  test('cut off after it has acted: no second key', async () => {
    const before = platform.keys.size;
    let calls = 0;
    platform.mood = ({ act, response }) => {
      if (calls++) return false;
      act();
      response.socket.destroy();
      return true;
    };
    const { made } = await oneKey();
    assert.equal(platform.keys.size, before + 1);
    assert.ok(platform.keys.has(made.remoteId));
    const keys = platform.calls.filter(({ method }) => method === 'POST').map(({ headers }) => headers['idempotency-key']);
    assert.ok(keys.length >= 2 && keys.every((key) => key === keys[0]), keys.join(' '));
  });

  test('refused: the person is told why, without what was typed in', async () => {
    const request = await ask();
    platform.mood = ({ send, body }) => {
      send(400, { detail: `no such password: ${JSON.stringify(body.parameters)}` });
      return true;
    };
    await submit(request, request.credentials[0]);
    const [error] = await waitFor('the end of the job', async () =>
      (await stack.mysql(`SELECT error FROM job WHERE subject = '${request.credentials[0].id}' AND state = 'failed'`))[0]);
    assert.equal(error, 'the platform answered 400');
    assert.equal((await credentialOf(request.credentials[0].id)).state, 'pending');
  });

  test('the answer names no key: it is refused', async () => {
    const request = await ask();
    platform.mood = ({ send }) => { send(200, { key: { id: 'seven' } }); return true; };
    await submit(request, request.credentials[0]);
    await waitFor('the end of the job', async () =>
      (await stack.mysql(`SELECT error FROM job WHERE subject = '${request.credentials[0].id}' AND state = 'failed'`))[0]);
    assert.equal((await credentialOf(request.credentials[0].id)).state, 'pending');
  });

  for (const [how, undo] of [
    ['declined', (request) => call('POST', `${CREDENTIALS}/${request.credentials[0].id}/decline`, { reason: 'no more' })],
    ['deleted', (request) => call('DELETE', `${REQUESTS}/${request.id}`)],
  ]) {
    test(`${how} while it is made: it does not stay there`, async () => {
      const request = await ask();
      const before = platform.keys.size;
      let acted = false;
      platform.mood = async ({ send, act, request: { method } }) => {
        if (method !== 'POST') return false;
        const answer = act();
        acted = true;
        await sleep(700);
        send(...answer);
        return true;
      };
      await submit(request, request.credentials[0]);
      await waitFor('the call', () => acted);
      assert.equal(platform.keys.size, before + 1);
      const undone = await undo(request);
      assert.equal(undone.status, 200, undone.text);
      await waitFor('the key to go', () => platform.keys.size === before);
    });
  }
});

describe('deleting a request with all that was made from it', () => {
  async function twoKeys() {
    const request = await ask();
    for (const credential of request.credentials) {
      await submit(request, credential);
      await authorized(credential.id);
    }
    return request;
  }
  const states = async (id) => (await call('GET', `${REQUESTS}/${id}/detail`)).body.requestDetail.credentials.map(({ state }) => state);

  test('half of it is refused: what is gone is shown as gone, the rest as there', async () => {
    const request = await twoKeys();
    let calls = 0;
    platform.mood = ({ send }) => (calls++ ? (send(401, { message: 'Access denied' }), true) : false);
    const refused = await call('DELETE', `${REQUESTS}/${request.id}?confirmed=true`);
    assert.deepEqual([refused.status, refused.body.detail], [424, 'the platform answered 401: Access denied']);
    assert.deepEqual(await states(request.id), ['pending', 'authorized']);
    platform.mood = null;
    assert.deepEqual((await call('DELETE', `${REQUESTS}/${request.id}?confirmed=true`)).body, { deleted: true });
    assert.equal((await call('GET', `${REQUESTS}/${request.id}`)).status, 404);
  });

  test('half of it hangs: 202, the request is there until the job is done', async () => {
    const request = await twoKeys();
    let calls = 0;
    let broken = true;
    platform.mood = ({ send }) => (calls++ && broken ? (send(503, { message: 'later' }), true) : false);
    const begun = await call('DELETE', `${REQUESTS}/${request.id}?confirmed=true`, undefined, { headers: { Prefer: 'wait=1' } });
    assert.equal(begun.status, 202, begun.text);
    assert.deepEqual(Object.keys(begun.body), ['job']);
    assert.equal(begun.headers.location, `/api/v2/jobs/${begun.body.job.id}`);
    await waitFor('the first to be shown as gone', async () => (await states(request.id))[0] === 'pending');
    assert.deepEqual(await states(request.id), ['pending', 'authorized']);
    broken = false;
    assert.equal((await jobEnd(begun.body.job.id)).state, 'done');
    assert.equal((await call('GET', `${REQUESTS}/${request.id}`)).status, 404);
  });

  test('the runner dies in the middle: the next one ends it', async () => {
    const request = await twoKeys();
    let calls = 0;
    platform.mood = async () => { if (calls++) await sleep(3000); return false; };
    const begun = await call('DELETE', `${REQUESTS}/${request.id}?confirmed=true`, undefined, { headers: { Prefer: 'respond-async' } });
    assert.equal(begun.status, 202, begun.text);
    await waitFor('the second call', () => calls >= 2);
    await stack.kill('runner');
    platform.mood = null;
    await stack.mysql("UPDATE job SET lease_until = UTC_TIMESTAMP(3) - INTERVAL 1 SECOND WHERE state = 'running'");
    await stack.start('runner');
    assert.equal((await jobEnd(begun.body.job.id)).state, 'done');
    assert.equal((await call('GET', `${REQUESTS}/${request.id}`)).status, 404);
  });
});

test('all remotes hang, four workers: two calls wait, the others are told at once, reads are answered', async () => {
  const made = [], waitMs = 8000;
  for (let i = 0; i < 6; i++) made.push((await oneKey()).made);
  let release;
  const gate = new Promise((resolve) => { release = resolve; });
  platform.mood = async () => { await gate; return false; };
  const began = Date.now();
  const answers = made.map((credential) => deleteRemote(credential.id, { Prefer: `wait=${waitMs / 1000}` }).then((answer) => [answer, Date.now() - began]));
  await sleep(500);
  for (let i = 0; i < 10; i++) {
    const start = Date.now();
    assert.equal((await call('GET', `${REQUESTS}?teamId=${mine.teamId}`)).status, 200);
    assert.ok(Date.now() - start < 2000, 'a read had to wait');
  }
  assert.ok(Date.now() - began < waitMs, 'the reads took as long as the platform');
  const ended = await Promise.all(answers);
  assert.deepEqual(ended.map(([{ status }]) => status), Array(6).fill(202));
  assert.equal(ended.filter(([, ms]) => ms < waitMs - 1000).length, 4, ended.map(([, ms]) => ms).join(' '));
  release();
  for (const [{ body }] of ended) assert.equal((await jobEnd(body.job.id)).state, 'done');
});
