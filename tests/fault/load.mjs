// SPDX-License-Identifier: Apache-2.0
// What the fault tests share: the usual credentials, and process questions.
import { readFileSync } from 'node:fs';

// The body of a MULTI_REQUEST credential that logs in at the vendor.
export function multiRequest(teamId, vendor, name, { login = '/login', token = '/token', ttl = 300, options = {}, extra = {} } = {}) {
  const slug = name.toLowerCase().replace(/[^a-z0-9]+/g, '_');
  return {
    name, mode: 'MULTI_REQUEST', team_id: teamId, http_request_ttl: ttl,
    http_request_location_of_token: `=${slug}.body.token`,
    credential_requests: [
      { options: { url: `${vendor.url}${login}`, method: 'post', payload: { user: vendor.user, password: '<<secret>>' }, ...options },
        http_request_secret: vendor.password },
      { options: { url: `${vendor.url}${token}`, method: 'post', payload: { session: '<<PREVIOUS_STEP.body.session>>' }, ...options } },
    ],
    ...extra,
  };
}

// Process ids of a pool's workers.
export async function workersOf(stack, pool) {
  const master = await stack.pid(pool);
  return (await stack.pids(pool)).filter((pid) => pid !== master);
}

// The state letter of a process (R, S, T, Z, …); undefined when there is none.
export function processState(pid) {
  try {
    return /\) (\w)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))[1];
  } catch {
    return undefined;
  }
}
