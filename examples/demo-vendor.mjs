#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// A small vendor with a two-step login, for the tour of ./quickstart: password to session, session to token, token to answer.
//
//   DEMO_VENDOR_USER=… DEMO_VENDOR_PASSWORD=… node examples/demo-vendor.mjs [--port 8081]
//   POST /login   {"user","password"}                       200 {"session"} and a cookie, or 401
//   POST /token   X-Session: …, or {"session"}, or the cookie  200 {"token","expires_in"} once a session, or 401
//   GET  /api/me  Authorization: Bearer <token>             200 {"user"}, or 401
//   GET  /stats                                             how often each was called
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { createServer } from 'node:http';
import { pathToFileURL } from 'node:url';

const BODY_MAX = 64 * 1024;
const digest = (text) => createHash('sha256').update(String(text)).digest();
const same = (a, b) => timingSafeEqual(digest(a), digest(b));

async function readJson(request) {
  const parts = [];
  let size = 0;
  for await (const part of request) {
    size += part.length;
    if (size > BODY_MAX) throw new Error('body too large');
    parts.push(part);
  }
  const value = size ? JSON.parse(Buffer.concat(parts).toString('utf8')) : {};
  return value !== null && typeof value === 'object' ? value : {};
}

function answer(response, status, value, headers = {}) {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(value));
}

// Starts the vendor; port 0 takes any free one. Gives { url, stats, close() }.
export function startDemoVendor({ user, password, port = 0 }) {
  const sessions = new Set(); // issued, not yet used for a token
  const tokens = new Set();
  const stats = { logins: 0, refused_logins: 0, tokens: 0, refused_tokens: 0, calls: 0, refused_calls: 0 };

  const routes = {
    'POST /login': async (request, response) => {
      const body = await readJson(request);
      if (!same(body.user, user) || !same(body.password, password)) {
        stats.refused_logins++;
        return answer(response, 401, { error: 'wrong user or password' });
      }
      const session = randomBytes(24).toString('base64url');
      sessions.add(session);
      stats.logins++;
      return answer(response, 200, { session }, { 'set-cookie': `demo_session=${session}; Path=/; HttpOnly` });
    },
    'POST /token': async (request, response) => {
      const body = await readJson(request);
      const cookie = /(?:^|;\s*)demo_session=([^;]+)/.exec(request.headers.cookie ?? '')?.[1];
      const session = request.headers['x-session'] ?? body.session ?? cookie;
      if (!sessions.delete(session)) {
        stats.refused_tokens++;
        return answer(response, 401, { error: 'no such session, or it has given its token already' });
      }
      const token = randomBytes(32).toString('base64url');
      tokens.add(token);
      stats.tokens++;
      return answer(response, 200, { token, expires_in: 3600 });
    },
    'GET /api/me': (request, response) => {
      const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1];
      if (!tokens.has(token)) {
        stats.refused_calls++;
        return answer(response, 401, { error: 'no such token' });
      }
      stats.calls++;
      return answer(response, 200, { user });
    },
    'GET /stats': (request, response) => answer(response, 200, stats),
  };

  const server = createServer((request, response) => {
    const path = new URL(request.url, 'http://demo').pathname;
    const route = routes[`${request.method} ${path}`];
    if (!route) return answer(response, 404, { error: 'not found' });
    return Promise.resolve(route(request, response)).catch(() => answer(response, 400, { error: 'not JSON' }));
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      const url = `http://127.0.0.1:${server.address().port}`;
      const close = () => new Promise((done) => {
        server.close(done);
        server.closeAllConnections();
      });
      resolve({ url, stats, close });
    });
  });
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const at = process.argv.indexOf('--port');
  const { DEMO_VENDOR_USER: user, DEMO_VENDOR_PASSWORD: password } = process.env;
  if (!user || !password) {
    console.error('demo-vendor: set DEMO_VENDOR_USER and DEMO_VENDOR_PASSWORD');
    process.exit(2);
  }
  startDemoVendor({ user, password, port: at > 0 ? Number(process.argv[at + 1]) : 8081 }).then(
    ({ url, close }) => {
      console.log(`demo vendor on ${url}`);
      for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, close);
    },
    (error) => {
      console.error(`demo-vendor: ${error.message}`);
      process.exit(1);
    },
  );
}
