// SPDX-License-Identifier: Apache-2.0
// Prisma Cloud: login with an access key, then the token is extended, each once.
import { json, newSecret, startServer } from './server.mjs';

const refuse = (status, kind) =>
  ({ status, headers: { 'x-redlock-status': JSON.stringify([{ i18nKey: kind, severity: 'error', subject: null }]) }, body: '' });

export async function startPrisma({ accessKey, secretKey }) {
  const fresh = new Set();
  const tokens = [];
  const prisma = await startServer({
    'POST /login': (call) => {
      const given = call.json();
      if (!given) return refuse(400, 'bad_request');
      if (given.username !== accessKey || given.password !== secretKey) return refuse(401, 'invalid_credentials');
      const token = newSecret(60);
      fresh.add(token);
      return json(200, { token, message: 'login_successful', customerNames: [{ customerName: 'Example', tosAccepted: true }] });
    },
    'GET /auth_token/extend': (call) => {
      if (!fresh.delete(call.headers['x-redlock-auth'])) return refuse(401, 'unauthorized_access');
      const token = newSecret(60);
      tokens.push(token);
      return json(200, { token, message: 'login_successful', customerNames: [] });
    },
  });
  prisma.tokens = tokens;
  return prisma;
}
