// SPDX-License-Identifier: Apache-2.0
// HashiCorp Vault: login with AppRole, whose secret id may be used so often, and the key/value engine, version 2.
import { json, newSecret, startServer } from './server.mjs';

const errors = (status, ...words) => json(status, { errors: words });

// uses: how many logins the secret id is good for; 0: any number.
export async function startVault({ roleId, secretId, password, uses = 0 }) {
  const tokens = new Set();
  let left = uses || Infinity;
  return startServer({
    'POST /v1/auth/approle/login': (call) => {
      const given = call.json();
      if (!given) return errors(400, 'error parsing JSON');
      if (!given.role_id || given.role_id !== roleId) return errors(400, 'invalid role or secret ID');
      if (given.secret_id !== secretId || left-- <= 0) return errors(400, 'invalid role or secret ID');
      const token = `hvs.${newSecret()}`;
      tokens.add(token);
      return json(200, { request_id: newSecret(), lease_id: '', renewable: false, lease_duration: 0, data: null,
        auth: { client_token: token, accessor: newSecret(), policies: ['default'], token_type: 'service', lease_duration: 1200, renewable: true } });
    },
    'GET /v1/secret/data/my-app': (call) => {
      if (call.headers.authorization && !call.headers['x-vault-token']) return errors(400, 'missing client token');
      if (!tokens.has(call.headers['x-vault-token'])) return errors(403, 'permission denied');
      return json(200, { lease_id: '', renewable: false, data: { data: { password }, metadata: { version: 3, destroyed: false } } });
    },
  });
}
