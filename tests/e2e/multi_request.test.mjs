// SPDX-License-Identifier: Apache-2.0
// MULTI_REQUEST credentials against a vendor: login in two steps, cache, single flight, waiting, and everything that fails.
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';

import { sleep, startStack, waitFor } from './harness.mjs';
import { startVendor } from './vendor.mjs';

const BASE = '/api/v1/user_credentials';
const CANARY = 'canary-multi-request-8841';
const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

let stack; let vendor; let world; let count = 0;

const api = (method, path, body, options = {}) => stack.api(method, path, body, { token: world.token, ...options });
const ask = (id, options) => api('POST', `${BASE}/${id}/token`, undefined, options);
const log = async (id) => (await api('GET', `${BASE}/${id}/log`)).body.log;

async function create(more) {
  const answer = await api('POST', BASE, { name: `login ${++count}`, mode: 'MULTI_REQUEST', team_id: world.teamId,
    http_request_location_of_token: '=credential_name.body.token', ...more });
  assert.equal(answer.status, 201, answer.text);
  return answer.body.id;
}

const login = () => ({ options: { url: `${vendor.url}/login`, method: 'post', content_type: 'json',
  payload: { user: vendor.user, password: '\\<<secret>>' } }, http_request_secret: vendor.password });
const session = (path, headers = { 'X-Session': '<<PREVIOUS_STEP.body.session>>' }) => ({
  options: { url: `${vendor.url}${path}`, method: 'post', content_type: 'json', headers }, http_request_secret: CANARY });
const twoStep = (more = {}) => create({ credential_requests: [login(), session('/token')], http_request_ttl: 300, ...more });

before(async () => {
  vendor = await startVendor({ password: `${CANARY}-password` });
  stack = await startStack({ workers: 8 });
  world = await stack.world();
});
beforeEach(() => vendor.reset());
after(async () => {
  await stack?.close();
  await vendor?.close();
});

describe('a login in two steps', () => {
  it('gives a token the vendor accepts, and the next one from the cache', async () => {
    const id = await twoStep();
    const first = await ask(id);
    assert.equal(first.status, 200, first.text);
    assert.deepEqual(Object.keys(first.body).sort(), ['expires_at', 'fetched_at', 'token', 'token_type']);
    assert.equal(first.body.token_type, 'Bearer');
    assert.match(first.body.fetched_at, ISO);
    assert.equal(Date.parse(first.body.expires_at) - Date.parse(first.body.fetched_at), 300000);
    assert.ok(vendor.accepts(first.body.token));
    const second = await ask(id);
    assert.deepEqual(second.body, first.body);
    assert.equal(vendor.hits('/login'), 1);
    assert.equal(vendor.hits('/token'), 1);
    const [entry, ...rest] = await log(id);
    assert.deepEqual(rest, []);
    assert.equal(entry.outcome, 'fetched');
    assert.equal(entry.reason, null);
    assert.deepEqual(entry.requests.map((request) => request.status), [200, 200]);
    assert.ok(entry.duration_ms >= 0 && ISO.test(entry.started_at));
  });

  it('takes the location as the document writes it, by slug, and from headers and text', async () => {
    const places = [['\\=credential_name.body.token', '/token'], ['=response.body.token', '/token'],
      ['=response.headers["x-csrf-token"]', '/token-header'], ['=credential_name.body', '/token-text'],
      ['<<response.body.token>>', '/token']];
    for (const [location, path] of places) {
      const id = await create({ credential_requests: [login(), session(path)], http_request_location_of_token: location });
      const answer = await ask(id);
      assert.equal(answer.status, 200, `${location}: ${answer.text}`);
      assert.ok(vendor.accepts(answer.body.token), location);
    }
    const id = await create({ name: 'By Slug', credential_requests: [login(), session('/token')],
      http_request_location_of_token: '=by_slug.body.token' });
    assert.ok(vendor.accepts((await ask(id)).body.token));
  });

  it('reads headers in any letter case, steps by number, and sends cookies on', async () => {
    for (const headers of [{ 'X-Session': '<<PREVIOUS_STEP.headers["x-session-ID"]>>' }, { 'X-Session': '<<STEPS[0].body.nested.list[0].session>>' }, {}]) {
      const id = await create({ credential_requests: [login(), session('/token', headers)] });
      const answer = await ask(id);
      assert.equal(answer.status, 200, `${JSON.stringify(headers)}: ${answer.text}`);
      assert.ok(vendor.accepts(answer.body.token));
    }
  });

  it('fetches each time without http_request_ttl', async () => {
    const id = await twoStep({ http_request_ttl: null });
    const first = await ask(id);
    const second = await ask(id);
    assert.equal(first.status, 200, first.text);
    assert.equal(first.body.expires_at, null);
    assert.notEqual(first.body.token, second.body.token);
    assert.equal(vendor.hits('/login'), 2);
  });

  it('fetches each time after a PUT that did not send http_request_ttl', async () => {
    const id = await twoStep();
    await ask(id);
    await ask(id);
    assert.equal(vendor.hits('/login'), 1);
    assert.equal((await api('PUT', `${BASE}/${id}`, { mode: 'MULTI_REQUEST' })).status, 200);
    await ask(id);
    await ask(id);
    assert.equal(vendor.hits('/login'), 3);
  });

  it('drops the cached token when the credential changes, and keeps its secrets', async () => {
    const id = await twoStep();
    const first = await ask(id);
    assert.equal((await api('PATCH', `${BASE}/${id}`, { description: 'changed' })).status, 200);
    const second = await ask(id);
    assert.equal(second.status, 200, second.text);
    assert.notEqual(second.body.token, first.body.token);
    assert.equal(vendor.hits('/login'), 2);
  });

  it('keeps cached tokens sealed', async () => {
    const id = await twoStep();
    const { body } = await ask(id);
    assert.deepEqual(await stack.findSecret(body.token), []);
  });
});

describe('many askers', () => {
  // often, since the interesting moment is the one in which the fetch has just ended
  for (let round = 1; round <= 10; round++) it(`20 at once lead to one login, and all get its token, round ${round}`, async () => {
    const id = await twoStep();
    const answers = await Promise.all(Array.from({ length: 20 }, async () => {
      let answer = await ask(id);
      while (answer.status === 202) {
        await sleep(3 * round);
        answer = await ask(id);
      }
      return answer;
    }));
    for (const answer of answers) assert.equal(answer.status, 200, answer.text);
    assert.equal(new Set(answers.map((answer) => answer.body.token)).size, 1);
    assert.equal(vendor.hits('/login'), 1);
    assert.equal(vendor.hits('/token'), 1);
    assert.equal((await log(id)).length, 1);
  });

  it('a fetch put in just after one ended does not log in again', async () => {
    const id = await twoStep();
    const first = await ask(id);
    await stack.mysql(`INSERT INTO job (kind, subject, active_key, team_id, run_at, max_attempts, payload, created_at)
      VALUES ('fetch', '${id}', 'fetch:${id}', ${world.teamId}, UTC_TIMESTAMP(3), 3, '{}', UTC_TIMESTAMP(3))`);
    await waitFor('the job to end', async () => (await stack.mysql(`SELECT 1 FROM job WHERE subject = '${id}' AND state <> 'done'`)).length === 0);
    assert.equal(vendor.hits('/login'), 1);
    assert.deepEqual((await ask(id)).body, first.body);
    assert.equal((await log(id)).length, 1);
  });

  it('wait no longer than they want: 202 with the job', async () => {
    const id = await twoStep();
    const release = vendor.hold('/login');
    const async = await ask(id, { headers: { Prefer: 'respond-async' } });
    assert.equal(async.status, 202, async.text);
    assert.match(async.headers['preference-applied'], /respond-async/);
    const { job } = async.body;
    assert.deepEqual(Object.keys(job).sort(),
      ['attempts', 'createdAt', 'error', 'finishedAt', 'id', 'kind', 'nextRunAt', 'startedAt', 'state']);
    assert.equal(job.kind, 'fetch');
    assert.equal(async.headers.location, `/api/v2/jobs/${job.id}`);
    const begin = Date.now();
    const short = await ask(id, { headers: { Prefer: 'wait=1' } });
    assert.equal(short.status, 202);
    assert.equal(short.body.job.id, job.id);
    assert.ok(Date.now() - begin >= 900 && Date.now() - begin < 5000);
    assert.equal(short.headers['preference-applied'], 'wait=1');
    release();
    await waitFor('the job to end', async () => (await api('GET', async.headers.location)).body.job.state === 'done');
    assert.equal((await ask(id)).status, 200);
    assert.equal(vendor.hits('/login'), 1);
  });

  it('can come back for the token of their job, also without http_request_ttl', async () => {
    const id = await twoStep({ http_request_ttl: null });
    const later = await ask(id, { headers: { Prefer: 'respond-async' } });
    assert.equal(later.status, 202, later.text);
    const { id: job_id } = later.body.job;
    await waitFor('the job to end', async () => (await api('GET', later.headers.location)).body.job.state === 'done');
    const collected = await api('POST', `${BASE}/${id}/token`, { job_id });
    assert.equal(collected.status, 200, collected.text);
    assert.ok(vendor.accepts(collected.body.token));
    assert.equal(vendor.hits('/login'), 1);
    assert.equal((await api('POST', `${BASE}/${id}/token`, { job_id: 'x' })).status, 422);
    assert.notEqual((await ask(id)).body.token, collected.body.token);
    assert.equal(vendor.hits('/login'), 2);
    assert.equal((await api('POST', `${BASE}/${id}/token`, { job_id: job_id + 1000 })).status, 200);
    assert.equal(vendor.hits('/login'), 3);
  });

  it('never hold more than half of the workers', async () => {
    const id = await twoStep();
    const release = vendor.hold('/login');
    const waiting = Array.from({ length: 12 }, () => ask(id));
    await sleep(500);
    const begin = Date.now();
    assert.equal((await api('GET', '/api/v1/info')).status, 200);
    assert.ok(Date.now() - begin < 2000);
    release();
    const statuses = (await Promise.all(waiting)).map((answer) => answer.status);
    assert.ok(statuses.filter((status) => status === 202).length >= 8, String(statuses));
    assert.ok(statuses.filter((status) => status === 200).length >= 1, String(statuses));
  });
});

describe('what vendors do wrong', () => {
  const moods = [
    ['refuses', '/refuse', /request 1 of 1: .*401/, 401],
    ['answers an error page with a token in it', '/status/500', /500/, 500],
    ['answers no HTTP', '/garbage', /not HTTP/],
    ['answers broken JSON', '/not-json', /nothing in the answer at the location/, 200],
    ['answers 200 with a login page', '/html', /nothing in the answer at the location/, 200],
    ['answers 10 MB', '/big?mb=10', /too large/],
    ['redirects to a private address', '/redirect-private', /address is not one that may be reached/],
    ['redirects to the metadata service', '/redirect-metadata', /address is not one that may be reached/],
    ['redirects without end', '/redirect-loop', /too many redirects/],
    ['hangs', '/hang', /in time/],
    ['cuts its answer off', '/cut', /closed within/],
    ['closes without a word', '/drop', /closed without/],
    ['gives a null token', '/null', /nothing in the answer at the location/, 200],
    ['answers nothing', '/empty', /nothing in the answer at the location/, 204],
    ['sends huge headers', '/headers-huge', /request 1 of 1/],
  ];
  for (const [what, path, reason, status] of moods) {
    it(`${what}: 424 with the reason, a log entry, no secret`, async () => {
      const id = await create({ http_request_ttl: 300, credential_requests: [{ http_request_secret: CANARY,
        options: { url: `${vendor.url}${path}`, method: 'post', content_type: 'json', timeout: 2,
          payload: { password: '<<secret>>' }, headers: { Authorization: 'Bearer <<secret>>' } } }] });
      const answer = await ask(id);
      assert.equal(answer.status, 424, answer.text);
      assert.match(answer.body.error, reason);
      assert.equal(answer.body.errors.length, 1);
      assert.ok(!answer.text.includes(CANARY));
      const entries = await log(id);
      assert.equal(entries.length, 1);
      assert.equal(entries[0].outcome, 'failed');
      assert.match(entries[0].reason, reason);
      assert.ok(!JSON.stringify(entries).includes(CANARY));
      if (status) assert.equal(entries[0].requests[0].status, status);
    });
  }

  it('failures are not cached', async () => {
    const id = await create({ http_request_ttl: 300, credential_requests: [{ options: { url: `${vendor.url}/flaky?n=1` } }] });
    assert.equal((await ask(id)).status, 424);
    const again = await ask(id);
    assert.equal(again.status, 200, again.text);
    assert.ok(vendor.accepts(again.body.token));
    assert.deepEqual((await log(id)).map((entry) => entry.outcome), ['fetched', 'failed']);
  });

  it('retries what the options say, and honours Retry-After', async () => {
    const flaky = await create({ credential_requests: [{ options: { url: `${vendor.url}/flaky?n=2`, retry_on_status: [503], retries: 3 } }] });
    const answer = await ask(flaky);
    assert.equal(answer.status, 200, answer.text);
    assert.equal(vendor.hits('/flaky'), 3);
    const later = await create({ credential_requests: [{ options: { url: `${vendor.url}/retry-after?s=1`, retry_on_status: ['429'], retries: 2 } }] });
    const begin = Date.now();
    assert.equal((await ask(later)).status, 200);
    assert.ok(Date.now() - begin >= 1000);
  });

  it('a wrong password fails at the first request and says so', async () => {
    const requests = [login(), session('/token')];
    requests[0].http_request_secret = `${CANARY}-wrong`;
    const id = await create({ credential_requests: requests });
    const answer = await ask(id);
    assert.equal(answer.status, 424);
    assert.match(answer.body.error, /request 1 of 2.*401/);
    assert.equal(vendor.hits('/token'), 0);
  });

  it('does not call private addresses', async () => {
    // 167772161 is 10.0.0.1: there are many ways to write an address
    for (const url of ['http://10.0.0.1/', 'http://169.254.169.254/latest/', 'http://[::1]/', 'http://0.0.0.0/', 'http://167772161/',
      'http://0x0a.1/', 'http://[::ffff:10.0.0.1]/']) {
      const answer = await api('POST', BASE, { name: `private ${++count}`, mode: 'MULTI_REQUEST', team_id: world.teamId,
        http_request_location_of_token: '=response.body.token', credential_requests: [{ options: { url, timeout: 2 } }] });
      if (answer.status === 422) continue; // refused when it is stored is just as well
      const asked = await ask(answer.body.id);
      assert.equal(asked.status, 424, url);
      assert.match(asked.body.error, /address is not one that may be reached/, url);
    }
  });
});

describe('bad luck', () => {
  it('without a runner: 503 with Retry-After, cached tokens go on, and all is well again', async () => {
    const cached = await twoStep();
    const fresh = await twoStep();
    assert.equal((await ask(cached)).status, 200);
    await stack.stop('runner');
    await stack.mysql('UPDATE runner SET seen_at = UTC_TIMESTAMP(3) - INTERVAL 1 HOUR');
    const away = await ask(fresh);
    assert.equal(away.status, 503, away.text);
    assert.ok(Number(away.headers['retry-after']) > 0);
    assert.equal((await ask(cached)).status, 200);
    await stack.start('runner');
    await waitFor('a token again', async () => (await ask(fresh)).status === 200);
  });

  it('changed while it is fetched: never the token of the old definition', async () => {
    const id = await twoStep();
    const release = vendor.hold('/token');
    const asking = ask(id);
    await waitFor('the second request', () => vendor.hits('/token') === 1);
    assert.equal((await api('PATCH', `${BASE}/${id}`, { description: 'meanwhile' })).status, 200);
    release();
    const answer = await asking;
    assert.equal(answer.status, 200, answer.text); // fetched again, with what it is now
    assert.equal(vendor.hits('/login'), 2);
    assert.deepEqual((await ask(id)).body, answer.body);
    const versions = await stack.mysql(`SELECT c.version = t.version FROM user_credential c JOIN fetch_token t ON t.credential_id = c.id
      WHERE c.id = ${id}`);
    assert.deepEqual(versions, [['1']]);
  });

  it('deleted while it is fetched: an error, and nothing is left', async () => {
    const id = await twoStep();
    const release = vendor.hold('/login');
    const asking = ask(id);
    await waitFor('the first request', () => vendor.hits('/login') === 1);
    assert.equal((await api('DELETE', `${BASE}/${id}`)).status, 204);
    release();
    assert.ok([404, 424, 503].includes((await asking).status));
    assert.deepEqual(await stack.mysql(`SELECT COUNT(*) FROM fetch_token WHERE credential_id = ${id}`), [['0']]);
  });

  it('leaves no secret anywhere', async () => {
    assert.deepEqual(await stack.findSecret(CANARY), []);
    assert.deepEqual(await stack.findSecret(vendor.password), []);
  });
});
