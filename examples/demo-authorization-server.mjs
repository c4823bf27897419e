#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// A small OAuth provider, for the tour of ./quickstart: a page to sign in and allow or deny, tokens, and an API that takes them.
//
//   DEMO_OAUTH_CLIENT_ID=… DEMO_OAUTH_CLIENT_SECRET=… DEMO_OAUTH_REDIRECT_URI=…
//     node examples/demo-authorization-server.mjs [--port 8082] [--state FILE]
//   GET  /authorize  the page; PKCE S256 and state are required    POST /decide   its buttons: back to the redirect URI, with iss
//   POST /token      authorization_code and refresh_token, client by Basic; a refresh token is good once, used again it ends all
//   POST /revoke     RFC 7009                                      GET  /api/me   Authorization: Bearer … → 200 {id, name}, or 401
//   GET  /stats      how often each was called
//
// What it has granted is gone when it ends, unless it is kept in FILE. It shows how a provider behaves; it is no server to build on.
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { pathToFileURL } from 'node:url';

const BODY_MAX = 64 * 1024;
const PAGE_MS = 10 * 60 * 1000; // to decide
const CODE_MS = 60 * 1000;
const ACCESS_S = 600;
const KEPT_MAX = 10000; // of each kind; the oldest goes
const WORDS = { 'notes.read': 'Read your notes', 'notes.write': 'Write and delete notes' };

const newSecret = () => randomBytes(32).toString('base64url');
const digest = (text) => createHash('sha256').update(String(text)).digest();
const same = (a, b) => timingSafeEqual(digest(a), digest(b));
const escaped = (text) => String(text).replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);

// Map of what ends by itself.
class Kept extends Map {
  keep(value, ms = Infinity) {
    const key = newSecret();
    if (this.size >= KEPT_MAX) this.delete(this.keys().next().value);
    this.set(key, { ...value, end: Date.now() + Math.min(ms, 1e13) }); // JSON has no infinity
    return key;
  }

  live(key) {
    const value = this.get(key);
    return value && value.end > Date.now() ? value : undefined;
  }

  take(key) {
    const value = this.live(key);
    this.delete(key);
    return value;
  }
}

async function readForm(request) {
  const parts = [];
  let size = 0;
  for await (const part of request) {
    size += part.length;
    if (size > BODY_MAX) throw new Error('body too large');
    parts.push(part);
  }
  return new URLSearchParams(Buffer.concat(parts).toString('utf8'));
}

function json(response, status, value, headers = {}) {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store', ...headers });
  response.end(JSON.stringify(value));
}

const STYLE = `body{font:1rem/1.5 system-ui,sans-serif;max-width:28rem;margin:3rem auto;padding:0 1rem;color-scheme:light dark}
button,input{font:inherit;padding:.6rem 1rem;margin:.25rem 0}input{display:block;width:100%;box-sizing:border-box}`;
const STYLE_HASH = createHash('sha256').update(STYLE).digest('base64');

function html(response, status, title, body) {
  response.writeHead(status, {
    'content-type': 'text/html; charset=utf-8',
    'cache-control': 'no-store',
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    // no form-action: browsers apply it to the redirect that the form is answered with
    'content-security-policy': `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; base-uri 'none'; frame-ancestors 'none'`,
  });
  response.end(`<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escaped(title)}</title><style>${STYLE}</style><main><h1>${escaped(title)}</h1>${body}</main></html>`);
}

function decisionPage(response, id, scopes) {
  html(response, 200, 'Demo provider', `<p><b>Bailee</b> asks for access to your demo account. It will be able to:</p>
<ul>${scopes.map((name) => `<li>${escaped(WORDS[name])}</li>`).join('')}</ul>
<form method="post" action="/decide"><input type="hidden" name="id" value="${id}">
<label>Sign in as (any name will do) <input name="login" value="demo account" maxlength="100" required autocomplete="off"></label>
<button name="decision" value="allow">Sign in and allow</button> <button name="decision" value="deny" formnovalidate>Deny</button></form>`);
}

// id and secret of RFC 6749 section 2.3.1: each form-encoded, then put together.
function clientOf(request) {
  const given = /^Basic (.+)$/i.exec(request.headers.authorization ?? '')?.[1];
  const text = given ? Buffer.from(given, 'base64').toString('utf8') : ':';
  const decode = (part) => new URLSearchParams(`x=${part}`).get('x');
  return { id: decode(text.slice(0, text.indexOf(':'))), secret: decode(text.slice(text.indexOf(':') + 1)) };
}

// What was granted: in memory, and in a file when there is one.
function loadGrants(file) {
  let kept = {};
  try {
    kept = file ? JSON.parse(readFileSync(file, 'utf8')) : {};
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
  }
  const [grants, access, refresh] = ['grants', 'access', 'refresh'].map((name) => new Kept(kept[name] ?? []));
  const save = () => {
    if (!file) return;
    const text = JSON.stringify({ grants: [...grants], access: [...access].filter(([, { end }]) => end > Date.now()), refresh: [...refresh] });
    writeFileSync(`${file}.new`, text, { mode: 0o600 });
    renameSync(`${file}.new`, file);
  };
  return { grants, access, refresh, save };
}

// Starts the server; port 0 takes any free one. Gives { url, stats, close() }.
export function startDemoAuthorizationServer({ clientId, clientSecret, redirectUri, port = 0, state }) {
  const [pages, codes] = [new Kept(), new Kept()];
  const { grants, access, refresh, save } = loadGrants(state);
  const stats = { pages: 0, allowed: 0, denied: 0, tokens: 0, refreshes: 0, refused: 0, revoked: 0, calls: 0 };
  let issuer = '';

  function giveTokens(response, grant) {
    const answer = {
      access_token: access.keep({ grant }, ACCESS_S * 1000),
      refresh_token: refresh.keep({ grant }),
      token_type: 'Bearer',
      expires_in: ACCESS_S,
      scope: grants.get(grant).scopes.join(' '),
    };
    save();
    json(response, 200, answer);
  }
  const grantOf = (row) => (row ? grants.get(row.grant) : undefined);
  const isGood = (row) => Boolean(grantOf(row) && !grantOf(row).ended);
  function end(row) {
    if (!grantOf(row)) return;
    grantOf(row).ended = true;
    save();
  }
  const refuse = (response, error, description, status = 400) => {
    stats.refused++;
    json(response, status, { error, error_description: description });
  };

  function askFor(query) {
    const scopes = (query.get('scope') ?? '').split(' ').filter(Boolean);
    if (query.get('response_type') !== 'code') return { error: 'unsupported_response_type' };
    if (query.get('code_challenge_method') !== 'S256' || !/^[\w-]{43}$/.test(query.get('code_challenge') ?? ''))
      return { error: 'invalid_request' }; // RFC 7636 section 4.4.1
    if (scopes.length === 0 || scopes.some((name) => !(name in WORDS))) return { error: 'invalid_scope' };
    return { scopes, challenge: query.get('code_challenge') };
  }

  function goBack(response, state, parameters) {
    const back = new URL(redirectUri);
    for (const [name, value] of Object.entries({ ...parameters, state, iss: issuer })) back.searchParams.set(name, value);
    response.writeHead(303, { location: String(back), 'cache-control': 'no-store', 'referrer-policy': 'no-referrer' });
    response.end();
  }

  function exchange(response, form) {
    const code = codes.take(form.get('code'));
    const challenge = createHash('sha256').update(form.get('code_verifier') ?? '').digest('base64url');
    if (!code || form.get('redirect_uri') !== redirectUri || !same(challenge, code.challenge))
      return refuse(response, 'invalid_grant', 'no such code, or not for this verifier and redirect URI');
    stats.tokens++;
    return giveTokens(response, grants.keep({ user: code.user, scopes: code.scopes, ended: false }));
  }

  function renew(response, form) {
    const row = refresh.get(form.get('refresh_token'));
    if (!isGood(row) || row.used) {
      end(row); // used again: one of the two who have it is a thief (RFC 9700 section 4.14)
      return refuse(response, 'invalid_grant', 'no such refresh token, or it was used before');
    }
    row.used = true;
    stats.refreshes++;
    return giveTokens(response, row.grant);
  }

  // A route that only our client may call.
  const forClient = (route) => async (request, response) => {
    const { id, secret } = clientOf(request);
    const form = await readForm(request);
    if (same(id, clientId) && same(secret, clientSecret)) return route(response, form);
    return refuse(response, 'invalid_client', 'wrong client id or secret', 401);
  };

  const routes = {
    'GET /authorize': (request, response, query) => {
      if (query.get('client_id') !== clientId || query.get('redirect_uri') !== redirectUri || !query.get('state'))
        return html(response, 400, 'Demo provider', '<p>This is no request of a client that is known here.</p>');
      const { error, ...asked } = askFor(query);
      if (error) return goBack(response, query.get('state'), { error });
      stats.pages++;
      return decisionPage(response, pages.keep({ ...asked, state: query.get('state') }, PAGE_MS), asked.scopes);
    },
    'POST /decide': async (request, response) => {
      const form = await readForm(request);
      const page = pages.take(form.get('id'));
      if (!page) return html(response, 400, 'Demo provider', '<p>This page has been answered, or is too old. Please begin anew.</p>');
      if (form.get('decision') !== 'allow') {
        stats.denied++;
        return goBack(response, page.state, { error: 'access_denied' });
      }
      stats.allowed++;
      const user = (form.get('login') || 'demo account').slice(0, 100);
      return goBack(response, page.state, { code: codes.keep({ user, scopes: page.scopes, challenge: page.challenge }, CODE_MS) });
    },
    'POST /token': forClient((response, form) => {
      const grants = { authorization_code: exchange, refresh_token: renew };
      const grant = Object.hasOwn(grants, form.get('grant_type')) ? grants[form.get('grant_type')] : undefined;
      return grant ? grant(response, form) : refuse(response, 'unsupported_grant_type', 'authorization_code or refresh_token');
    }),
    'POST /revoke': forClient((response, form) => {
      end(refresh.get(form.get('token')) ?? access.get(form.get('token')));
      stats.revoked++;
      return json(response, 200, {});
    }),
    'GET /api/me': (request, response) => {
      const row = access.live(/^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1]);
      if (!isGood(row)) return json(response, 401, { error: 'invalid_token' }, { 'www-authenticate': 'Bearer error="invalid_token"' });
      stats.calls++;
      const { user } = grantOf(row);
      return json(response, 200, { id: digest(user).toString('hex').slice(0, 12), name: user });
    },
    'GET /stats': (request, response) => json(response, 200, stats),
  };

  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url, 'http://demo');
    const route = routes[`${request.method} ${pathname}`];
    if (!route) return json(response, 404, { error: 'not found' });
    return Promise.resolve(route(request, response, searchParams)).catch(() => json(response, 400, { error: 'invalid_request' }));
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      issuer = `http://127.0.0.1:${server.address().port}`;
      const close = () => new Promise((done) => {
        server.close(done);
        server.closeAllConnections();
      });
      resolve({ url: issuer, stats, close });
    });
  });
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const option = (name) => (process.argv.includes(name) ? process.argv[process.argv.indexOf(name) + 1] : undefined);
  const { DEMO_OAUTH_CLIENT_ID: clientId, DEMO_OAUTH_CLIENT_SECRET: clientSecret, DEMO_OAUTH_REDIRECT_URI: redirectUri } = process.env;
  if (!clientId || !clientSecret || !redirectUri) {
    console.error('demo-authorization-server: set DEMO_OAUTH_CLIENT_ID, DEMO_OAUTH_CLIENT_SECRET and DEMO_OAUTH_REDIRECT_URI');
    process.exit(2);
  }
  startDemoAuthorizationServer({ clientId, clientSecret, redirectUri, port: Number(option('--port') ?? 8082), state: option('--state') }).then(
    ({ url, close }) => {
      console.log(`demo authorization server on ${url}`);
      for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, close);
    },
    (error) => {
      console.error(`demo-authorization-server: ${error.message}`);
      process.exit(1);
    },
  );
}
