// SPDX-License-Identifier: Apache-2.0
// Other ways to a token than two requests: one request, five, one signed here, and one that never leaves.
import { median, percentile } from './figures.mjs';
import { runnerRound } from './jobs.mjs';
import { inParallel, range } from './world.mjs';

const LENT_AT_ONCE = 2; // half of the workers may wait for jobs; what comes beyond that is answered at once, with the job
const SIGNED_AT_ONCE = 8;


async function makeAll(world, n, body) {
  await inParallel(range(n), 8, (at) => world.created('/api/v1/user_credentials', body(at), 201));
}

// Fetches a second by the runner, of credentials that all have this many requests.
async function measureFetches(world, name, body) {
  const { jobs, rounds } = world.options;
  await makeAll(world, jobs, (at) => ({ ...body, name: `${name} ${at}`, team_id: world.teamId }));
  await runnerRound(world, name);
  const all = [];
  for (let round = 0; round < rounds; round++) all.push(await runnerRound(world, name));
  return { name, ...Object.fromEntries(Object.keys(all[0]).map((member) => [member, median(all.map((one) => one[member]))])) };
}

// Calls a second and their times, this many at once, from a client in JavaScript: the same for all rows.
async function measureCalls(world, name, n, width, path, body) {
  const times = [];
  const call = async () => {
    const begin = performance.now();
    await world.created(path, body, 200);
    times.push(performance.now() - begin);
  };
  await inParallel(range(width * 4), width, call);
  times.length = 0;
  const begin = performance.now();
  await inParallel(range(n), width, call);
  return { name, rate: n / (performance.now() - begin) * 1000, p50: percentile(times, 50), p99: percentile(times, 99) };
}

export async function measureModes(world) {
  const step = (path, payload) => ({ options: { url: `${world.vendor}${path}`, method: 'post', content_type: 'json', payload }, http_request_secret: '0123456789abcdef' });
  const location = '=response.body.token';
  const one = step('/token', { user: 'bench', password: '<<secret>>' });
  const later = step('/login', { session: '<<PREVIOUS_STEP.body.session>>', key: '<<BASE64_ENCODE(secret)>>' });
  const fetches = [
    await measureFetches(world, 'One request', { mode: 'HTTP_REQUEST_AGENT', http_request_location_of_token: location,
      http_request_options: one.options, http_request_secret: one.http_request_secret }),
    await measureFetches(world, 'Five requests', { mode: 'MULTI_REQUEST', http_request_location_of_token: location,
      credential_requests: [step('/login', { password: '<<secret>>' }), later, later, later, one] }),
  ];
  const path = '/api/v1/user_credentials';
  const text = await world.created(path, { name: 'Lent', mode: 'TEXT', value: 'a secret of the usual length', team_id: world.teamId }, 201);
  const jwt = await world.created(path, { name: 'Signed', mode: 'JWT', jwt_algorithm: 'HS256', jwt_private_key: 'k'.repeat(64), team_id: world.teamId,
    jwt_payload: { iss: 'bench', sub: 'load' }, jwt_auto_generate_time_claims: true }, 201);
  const calls = [
    await measureCalls(world, 'a text, opened', 2000, SIGNED_AT_ONCE, `${path}/${text.id}/token`),
    await measureCalls(world, 'JWT signed with HS256', 2000, SIGNED_AT_ONCE, `${path}/${jwt.id}/token`),
    await measureCalls(world, 'request lent', 400, LENT_AT_ONCE, `${path}/${text.id}/request`,
      { url: `${world.vendor}/token`, headers: { Authorization: `Bearer <<CREDENTIAL.${text.slug}>>` } }),
  ];
  return { fetches, calls };
}
