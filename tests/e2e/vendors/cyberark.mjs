// SPDX-License-Identifier: Apache-2.0
// CyberArk Password Vault Web Access: tokens and passwords are bare JSON strings.
import { json, newSecret, startServer } from './server.mjs';

const fault = (status, code, words) => json(status, { ErrorCode: code, ErrorMessage: words });

export async function startCyberArk({ user, password, content }) {
  const sessions = new Set();
  return startServer({
    'POST /PasswordVault/API/auth/Cyberark/Logon/': (call) => {
      const given = call.json();
      if (!given) return fault(400, 'CAWS00001E', 'There are some invalid parameters.');
      if (typeof given.concurrentSession !== 'boolean') return fault(400, 'CAWS00001E', 'concurrentSession must be true or false.');
      if (given.username !== user || given.password !== password)
        return fault(403, 'ITATS542I', `Authentication failure for user [${given.username}].`);
      const session = Buffer.from(newSecret(60)).toString('base64');
      sessions.add(session);
      return json(200, session, { 'content-type': 'application/json; charset=utf-8' });
    },
    'POST /PasswordVault/API/Accounts/12_3/Password/Retrieve/': (call) => {
      // a token in quotes, or behind "Bearer", is none
      if (!sessions.has(call.headers.authorization))
        return fault(401, 'PASWS006E', 'The session token is missing, invalid or expired.');
      if (!call.json()?.reason) return fault(400, 'PASWS030E', 'A reason must be given.');
      return json(200, content);
    },
  });
}
