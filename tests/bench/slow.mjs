// SPDX-License-Identifier: Apache-2.0
// Slow remotes: how many one runner has under way at once, and what memory that takes.
import { createServer } from 'node:http';
import { waitFor } from '../e2e/harness.mjs';
import { privateMiB } from './process.mjs';

const SLOW = 256;
const BODY_KIB = 16; // of each answer, of which half has come while they are counted

// A vendor that begins to answer and goes on only when it is told.
async function slowVendor() {
  const open = new Set();
  const half = 'x'.repeat(BODY_KIB * 512);
  const server = createServer((request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.write(`{"a":"${half}`);
    open.add(response);
    response.on('close', () => open.delete(response));
  });
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    open,
    release: () => { for (const response of open) response.end(`${half}","token":"given"}`); },
    close: () => new Promise((resolve) => { server.closeAllConnections(); server.close(resolve); }),
  };
}

export async function measureSlow(world) {
  const vendor = await slowVendor();
  const [runner] = await world.stack.pids('runner');
  try {
    const idleMiB = privateMiB(runner);
    for (let i = 0; i < SLOW; i++) {
      const { id } = await world.created('/api/v1/user_credentials', { name: `Slow ${i}`, mode: 'HTTP_REQUEST_AGENT', team_id: world.teamId,
        http_request_location_of_token: '=response.body.token', http_request_options: { url: vendor.url, method: 'get', timeout: 100 } }, 201);
      const answer = await world.call('POST', `/api/v1/user_credentials/${id}/token`, undefined, undefined, { prefer: 'respond-async' });
      if (answer.status !== 202) throw new Error(answer.text);
    }
    await waitFor(`${SLOW} remotes under way`, () => vendor.open.size === SLOW, { seconds: 60 });
    const busyMiB = privateMiB(runner);
    vendor.release();
    await waitFor('their ends', async () =>
      (await world.stack.mysql("SELECT COUNT(*) FROM job WHERE kind = 'fetch' AND finished_at IS NULL"))[0][0] === '0', { seconds: 60 });
    return { remotes: SLOW, bodyKiB: BODY_KIB, idleMiB, busyMiB, afterMiB: privateMiB(runner) };
  } finally {
    await vendor.close();
  }
}
