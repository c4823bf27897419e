// SPDX-License-Identifier: Apache-2.0
// Okta: primary authentication, whose status says what is missing, and a session for a token that is good for once.
import { json, newSecret, startServer } from './server.mjs';

const refuse = (status, code, summary) => json(status, { errorCode: code, errorSummary: summary, errorLink: code, errorId: newSecret(9), errorCauses: [] });

// status: what primary authentication comes to, SUCCESS unless said.
export async function startOkta({ user, password, status = 'SUCCESS' }) {
  const sessionTokens = new Set();
  const sessions = [];
  const okta = await startServer({
    'POST /api/v1/authn': (call) => {
      const given = call.json();
      if (!given) return refuse(400, 'E0000003', 'The request body was not well-formed.');
      if (given.username !== user || given.password !== password) return refuse(401, 'E0000004', 'Authentication failed');
      const expiresAt = new Date(Date.now() + 300000).toISOString();
      if (okta.status !== 'SUCCESS')
        return json(200, { stateToken: newSecret(), expiresAt, status: okta.status, _embedded: { user: { id: '00u1' }, factors: [{ id: 'opf3', factorType: 'push' }] } });
      const token = newSecret();
      sessionTokens.add(token);
      return json(200, { expiresAt, status: 'SUCCESS', sessionToken: token, _embedded: { user: { id: '00u1' } } });
    },
    'POST /api/v1/sessions': (call) => {
      const given = call.json();
      if (!given) return refuse(400, 'E0000003', 'The request body was not well-formed.');
      if (!sessionTokens.delete(given.sessionToken)) return refuse(401, 'E0000004', 'Authentication failed');
      const id = `102${newSecret()}`;
      sessions.push(id);
      return json(200, { id, userId: '00u1', login: user, status: 'ACTIVE', mfaActive: false });
    },
  });
  return Object.assign(okta, { status, sessions });
}
