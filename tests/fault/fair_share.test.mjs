// SPDX-License-Identifier: Apache-2.0
// One team's vendors hang, many at once: another team's credentials are fetched all the same.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startStack, waitFor } from '../e2e/harness.mjs';
import { startVendor } from '../e2e/vendor.mjs';
import { multiRequest } from './load.mjs';

const PLACES = 8;
const HANGING = 24;

let stack; let vendor; let greedy; let other;
before(async () => {
  stack = await startStack({ workers: 4, set: [`runner.runner_in_flight=${PLACES}`, 'api.wait_default_s=10'] });
  vendor = await startVendor();
  greedy = await stack.world({ name: 'Greedy' });
  other = await stack.world({ name: 'Other' });
});
after(async () => {
  await vendor?.close();
  await stack?.close();
});

async function create(world, name, more) {
  const made = await stack.api('POST', '/api/v1/user_credentials', multiRequest(world.teamId, vendor, name, more), { token: world.token });
  assert.equal(made.status, 201, made.text);
  return made.body.id;
}

test('a team with many hanging vendors leaves places to others, and is served again itself', async () => {
  for (let i = 0; i < HANGING; i++) {
    const id = await create(greedy, `Hanging ${i}`, { login: '/hang', ttl: null, options: { timeout: 3 } });
    const asked = await stack.api('POST', `/api/v1/user_credentials/${id}/token`, undefined, { token: greedy.token, headers: { prefer: 'respond-async' } });
    assert.equal(asked.status, 202, asked.text);
  }
  const underWay = async () => Number((await stack.mysql("SELECT COUNT(*) FROM job WHERE state = 'running'"))[0][0]);
  await waitFor('its share to be taken', async () => (await underWay()) >= PLACES / 2);
  for (let i = 0; i < 5; i++) {
    const id = await create(other, `Quick ${i}`);
    const answer = await stack.api('POST', `/api/v1/user_credentials/${id}/token`, undefined, { token: other.token });
    assert.equal(answer.status, 200, answer.text);
    assert.ok(vendor.accepts(answer.body.token));
    assert.ok((await underWay()) < PLACES, 'a place is free');
  }
  await waitFor('every one of them to have been tried', async () =>
    Number((await stack.mysql("SELECT COUNT(*) FROM job WHERE kind = 'fetch' AND state = 'failed'"))[0][0]) === HANGING, { seconds: 90 });
});
