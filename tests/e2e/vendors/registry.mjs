// SPDX-License-Identifier: Apache-2.0
// Azure Container Registry: a token of Microsoft Entra for a refresh token, that for an access token.
import { json, newSecret, startServer } from './server.mjs';

const refuse = (status, code, message) => json(status, { errors: [{ code, message }] });

export async function startRegistry({ service, tenant, entraToken, scope }) {
  const refreshTokens = new Set();
  const tokens = [];
  const registry = await startServer({
    'POST /oauth2/exchange': (call) => {
      const form = call.form();
      if (!form) return refuse(400, 'UNSUPPORTED', 'a form is wanted');
      if (form.grant_type !== 'access_token') return refuse(400, 'UNSUPPORTED', 'grant_type unsupported');
      if (form.service !== service || form.tenant !== tenant) return refuse(400, 'INVALID_REQUEST', 'service or tenant is wrong');
      if (form.access_token !== entraToken) return refuse(401, 'UNAUTHORIZED', 'authentication required');
      const token = newSecret(90);
      refreshTokens.add(token);
      return json(200, { refresh_token: token });
    },
    'POST /oauth2/token': (call) => {
      const form = call.form();
      if (!form) return refuse(400, 'UNSUPPORTED', 'a form is wanted');
      if (form.grant_type !== 'refresh_token' || form.service !== service) return refuse(400, 'UNSUPPORTED', 'grant_type or service is wrong');
      if (form.scope !== scope) return refuse(401, 'UNAUTHORIZED', 'authentication required');
      if (!refreshTokens.has(form.refresh_token)) return refuse(401, 'UNAUTHORIZED', 'authentication required');
      const token = newSecret(90);
      tokens.push(token);
      return json(200, { access_token: token });
    },
  });
  registry.tokens = tokens;
  return registry;
}
