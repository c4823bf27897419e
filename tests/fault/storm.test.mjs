// SPDX-License-Identifier: Apache-2.0
// Many clients at the same few things at once, some of them being deleted, while connections to the database are killed:
// every answer is one that a single client could get, and what is left agrees with itself.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { sleep, startStack, waitFor } from '../e2e/harness.mjs';
import { startVendor } from '../e2e/vendor.mjs';
import { multiRequest } from './load.mjs';

const CLIENTS = 12;
const STORM_MS = 6000;
const V1 = '/api/v1/user_credentials';
const V2 = '/api/v2/credential-requests';

let stack, vendor, world;
before(async () => {
  stack = await startStack({ workers: 6, set: ['api.wait_default_s=2'] });
  vendor = await startVendor();
  // The vendor of the storm gives a token to anybody.
  vendor.on('/login', (request, response) => response.end('{"session":"s"}'));
  vendor.on('/token', (request, response) => response.end('{"token":"t"}'));
  world = await stack.world();
});
after(async () => {
  await vendor?.close();
  await stack?.close();
});

const call = (method, path, body, headers) => stack.api(method, path, body, { token: world.token, headers });
const pick = (list) => list[Math.floor(Math.random() * list.length)];

const things = { credentials: [], keys: [], requests: [], items: [], links: [], folders: [] };
const keep = (list, value) => {
  if (value) list.push(value);
  if (list.length > 6) list.shift();
};
let serial = 0;
const newName = () => `Storm ${serial++}`;

// What a client may do; each gives an answer, or undefined when there is nothing yet to do it to.
const actions = [
  async () => {
    const answer = await call('POST', V1, { name: newName(), mode: 'TEXT', team_id: world.teamId, value: 'v', folder_id: pick([null, pick(things.folders) ?? null]) });
    keep(things.credentials, answer.body?.id);
    return answer;
  },
  async () => {
    const answer = await call('POST', V1, multiRequest(world.teamId, vendor, newName(), { ttl: pick([null, 1, 300]) }));
    keep(things.credentials, answer.body?.id);
    return answer;
  },
  async () => {
    const answer = await call('POST', '/api/v1/folders', { name: newName(), team_id: world.teamId, content_type: 'CREDENTIAL' });
    keep(things.folders, answer.body?.id);
    return answer;
  },
  () => things.folders.length > 2 && call('DELETE', `/api/v1/folders/${pick(things.folders)}`),
  () => call('GET', `${V1}?team_id=${world.teamId}&per_page=5`),
  ...Array(3).fill(() => things.credentials.length && call('POST', `${V1}/${pick(things.credentials)}/token`)),
  () => things.credentials.length && call('GET', `${V1}/${pick(things.credentials)}/log`),
  ...Array(2).fill(() => things.credentials.length && call('PATCH', `${V1}/${pick(things.credentials)}`, { description: newName(), allowed_hosts: pick([[], ['example.com']]) })),
  () => things.credentials.length && call('PATCH', `${V1}/${pick(things.credentials)}`, { name: pick(['Same name', newName()]) }),
  () => things.credentials.length && call('PATCH', `${V1}/${pick(things.credentials)}`, { folder_id: pick(things.folders) ?? null }),
  () => things.credentials.length > 4 && call('DELETE', `${V1}/${pick(things.credentials)}`),
  async () => {
    const answer = await call('POST', '/api/v2/keys', { name: newName(), teamId: world.teamId, typeName: 'apikeyauth', parameters: { key: 'k' } });
    keep(things.keys, answer.body?.key?.id);
    return answer;
  },
  () => things.keys.length && call('PATCH', `/api/v2/keys/${pick(things.keys)}`, { parameters: { key: newName() } }),
  () => things.keys.length > 3 && call('DELETE', `/api/v2/keys/${pick(things.keys)}?confirmed=true`),
  async () => {
    const answer = await call('POST', `${V2}/requests/v2`, { name: newName(), teamId: world.teamId, provider: { providerMakeUserId: world.userId },
      credentials: [{ appName: 'http', appModules: ['ActionSendDataBasicAuth', 'ActionSendDataAPIKeyAuth'], appVersion: 3 }] });
    if (answer.status === 200) {
      const { request, publicUri } = answer.body;
      const secret = publicUri.split('#')[1];
      keep(things.links, { path: `/public/requests/${request.id}`, secret });
      keep(things.requests, request.id);
      const view = await call('GET', `/public/requests/${request.id}`, undefined, { authorization: `Link ${secret}` });
      for (const item of view.body?.items ?? []) keep(things.items, { request: request.id, secret, id: item.id, name: item.name });
    }
    return answer;
  },
  ...Array(3).fill(() => {
    const item = pick(things.items);
    const fields = item?.name === 'apikeyauth' ? { key: 'k' } : { authUser: 'u', authPass: 'p' };
    return item && stack.api('POST', `/public/requests/${item.request}/items/${item.id}`, { fields }, { headers: { authorization: `Link ${item.secret}` } });
  }),
  () => {
    const item = pick(things.items);
    return item && stack.api('POST', `/public/requests/${item.request}/items/${item.id}/decline`, undefined, { headers: { authorization: `Link ${item.secret}` } });
  },
  () => things.items.length && call('POST', `${V2}/credentials/${pick(things.items).id}/decline`, { reason: 'r' }),
  () => things.requests.length && call('GET', `${V2}/requests/${pick(things.requests)}/detail`),
  () => call('GET', `${V2}/requests?teamId=${world.teamId}&pg[limit]=3&cols[]=*`),
  () => things.requests.length > 3 && call('DELETE', `${V2}/requests/${pick(things.requests)}?confirmed=true`),
  () => call('GET', `/api/v2/keys?teamId=${world.teamId}`),
];

async function storm(ms, allowed) {
  const statuses = {};
  const wrong = [];
  const end = Date.now() + ms;
  const client = async () => {
    while (Date.now() < end) {
      const answer = await pick(actions)();
      if (!answer) continue;
      statuses[answer.status] = (statuses[answer.status] ?? 0) + 1;
      // the one 503 there may be: its Retry-After is all there is to say about a credential changed under a fetch
      const changed = answer.status === 503 && /was changed while its token was fetched/.test(answer.text);
      if (!allowed.includes(answer.status) && !changed) wrong.push(`${answer.status} ${answer.text}`);
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
  assert.deepEqual(wrong, [], JSON.stringify(statuses));
  return statuses;
}

async function agrees() {
  await waitFor('an idle queue', async () =>
    (await stack.mysql("SELECT COUNT(*) FROM job WHERE state IN ('queued', 'running') AND kind <> 'housekeeping'"))[0][0] === '0', { seconds: 30 });
  const none = async (what, sql) => assert.deepEqual(await stack.mysql(sql), [], what);
  await none('authorized without a key, or a key of nobody',
    "SELECT c.id FROM credential c LEFT JOIN keychain k ON k.id = c.remote_id WHERE (c.state = 'authorized') <> (k.id IS NOT NULL)");
  await none('a key made twice for one credential', 'SELECT remote_id FROM credential WHERE remote_id IS NOT NULL GROUP BY remote_id HAVING COUNT(*) > 1');
  await none('dead jobs, but for credentials that were changed again and again',
    "SELECT id, kind, error FROM job WHERE state = 'dead' AND error NOT LIKE '%changed meanwhile'");
  await none('a submission left open whose credential is settled',
    "SELECT s.id FROM submission s JOIN credential c ON c.id = s.credential_id WHERE s.fields_sealed IS NOT NULL AND c.state = 'authorized'");
}

test('clients at the same things at once get no error of ours', async () => {
  const statuses = await storm(STORM_MS, [200, 201, 202, 204, 400, 404, 422, 424]);
  assert.ok(statuses[200] > 50 && statuses[201] > 5, JSON.stringify(statuses));
  await agrees();
});

test('connections to the database that are killed cost no request', async () => {
  let over = false;
  let kills = 0;
  const killer = (async () => {
    while (!over) {
      const ids = (await stack.mysql("SELECT id FROM information_schema.processlist WHERE user LIKE 'bailee%'")).flat();
      const id = pick(ids);
      if (id) await stack.mysql(`KILL CONNECTION ${id}`).then(() => { kills++; }, () => {});
      await sleep(50);
    }
  })();
  try {
    await storm(STORM_MS, [200, 201, 202, 204, 400, 404, 422, 424]);
  } finally {
    over = true;
    await killer;
  }
  assert.ok(kills >= 5, `${kills} connections killed`);
  await agrees();
});

test('a database that takes no writes is a 503 for writes alone', async () => {
  await stack.mysql('SET GLOBAL read_only = 1');
  try {
    const made = await call('POST', V1, { name: newName(), mode: 'TEXT', team_id: world.teamId, value: 'v' });
    assert.equal(made.status, 503, made.text);
    assert.match(made.headers['retry-after'], /^\d+$/);
    assert.equal((await call('GET', '/api/v2/users/me')).status, 200);
    assert.equal((await call('GET', V1)).status, 200);
  } finally {
    await stack.mysql('SET GLOBAL read_only = 0');
  }
  const made = await call('POST', V1, { name: newName(), mode: 'TEXT', team_id: world.teamId, value: 'v' });
  assert.equal(made.status, 201, made.text);
});

test('nothing was called an error of ours', () => {
  assert.deepEqual(stack.logs('api').split('\n').filter((line) => /level=error/.test(line)), []);
  assert.deepEqual(stack.logs('public').split('\n').filter((line) => /level=error/.test(line)), []);
  assert.deepEqual(stack.logs('runner').split('\n').filter((line) => /level=error/.test(line)), []);
});
