// SPDX-License-Identifier: Apache-2.0
// GitHub: an app shows a token it signed, finds its installation, and gets a token for that (201).
import { createPublicKey, verify } from 'node:crypto';
import { json, newSecret, startServer } from './server.mjs';

const refuse = (status, message) => json(status, { message, documentation_url: 'https://docs.github.com/rest' });

function claimsOf(token, key) {
  const [header, payload, signature] = token.split('.').map((part) => Buffer.from(part, 'base64url'));
  const { alg } = JSON.parse(header);
  if (alg !== 'RS256') throw new Error('alg');
  const signed = token.slice(0, token.lastIndexOf('.'));
  if (!verify('sha256', Buffer.from(signed), key, signature)) throw new Error('signature');
  return JSON.parse(payload);
}

export async function startGitHub({ clientId, publicKey, installation }) {
  const tokens = [];
  const key = createPublicKey(publicKey);
  const faultOf = (call) => {
    if (!call.headers['user-agent']) return refuse(403, 'Request forbidden by administrative rules. Please make sure your request has a User-Agent header');
    if (call.headers.accept !== 'application/vnd.github+json') return refuse(415, "Unsupported 'Accept' header");
    if (call.headers['x-github-api-version'] !== '2022-11-28') return refuse(400, 'The API version is not supported');
    const [, token] = /^Bearer ([\w-]+\.[\w-]+\.[\w-]+)$/.exec(call.headers.authorization ?? '') ?? [];
    const now = Date.now() / 1000;
    let claims;
    try {
      claims = claimsOf(token, key);
    } catch {
      return refuse(401, 'A JSON web token could not be decoded');
    }
    if (claims.iss !== clientId) return refuse(404, 'Integration not found');
    if (!Number.isInteger(claims.iat) || claims.iat > now) return refuse(401, "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued");
    if (!Number.isInteger(claims.exp) || claims.exp <= now) return refuse(401, "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires");
    if (claims.exp > now + 600) return refuse(401, "'Expiration time' claim ('exp') is too far in the future");
    return undefined;
  };
  const github = await startServer({
    'GET /app/installations': (call) => faultOf(call) ?? json(200, [{ id: installation, account: { login: 'octo-org' }, app_slug: 'my-app' }]),
    [`POST /app/installations/${installation}/access_tokens`]: (call) => {
      const fault = faultOf(call);
      if (fault) return fault;
      const token = `ghs_${newSecret()}`;
      tokens.push(token);
      return json(201, { token, expires_at: new Date(Date.now() + 3600000).toISOString(), permissions: { contents: 'read' } });
    },
    'POST *': () => refuse(404, 'Not Found'),
  });
  github.tokens = tokens;
  return github;
}
