// SPDX-License-Identifier: Apache-2.0
// A real, strict authorization server: PKCE S256 required, iss in every redirect, a refresh token that is used twice ends all
// that was granted with it, revocation, resource indicators; pages to sign in, allow and deny, for a browser or a script.
//
//   const server = await startAuthorizationServer();
//   server.addClient({ client_id, client_secret, redirect_uris })   // RFC 7591 metadata; with the code flow and refresh
//   server.issuer                   http://localhost:<port>, what a browser sees: another site than Bailee's 127.0.0.1
//   server.url                      http://127.0.0.1:<port>, for programs
//   server.connection(type, more)   a connection of an app definition that speaks to it
//   server.hits('/token')           how often a path was called; server.events: what it granted and refused, oldest first
//   server.hold('/token')           calls of the path wait until the returned release() is called
//   server.answer('/token', handler)  handler(request, response) answers instead; undefined: the server itself again
//   await server.leave(); await server.comeBack()   nobody listens; the same port again
//   server.liveRefreshTokens()      how many could be spent now
//   await server.close()
//
// Anybody may sign in under any name; whose account it is, is that name. GET /api/me with an access token for the resource
// says it: {id, name, email}.
import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import { Provider } from 'oidc-provider';

const GRANTED = ['AccessToken', 'AuthorizationCode', 'RefreshToken'];
const METHODS = ['client_secret_basic', 'client_secret_post', 'none', 'private_key_jwt'];

// What is kept, in the memory of this server alone.
function memory() {
  const rows = new Map(); // "Model:id"
  const key = (model, id) => `${model}:${id}`;
  const adapter = (model) => ({
    async upsert(id, payload, expiresIn) {
      rows.set(key(model, id), { payload, end: expiresIn ? Date.now() + expiresIn * 1000 : Infinity });
    },
    async find(id) {
      const row = rows.get(key(model, id));
      return row && row.end > Date.now() ? row.payload : undefined;
    },
    async findByUid(uid) {
      return [...rows].find(([name, { payload }]) => name.startsWith(`${model}:`) && payload.uid === uid)?.[1].payload;
    },
    async findByUserCode() {},
    async consume(id) {
      const row = rows.get(key(model, id));
      if (row) row.payload.consumed = Math.floor(Date.now() / 1000);
    },
    async destroy(id) { rows.delete(key(model, id)); },
    async revokeByGrantId(grantId) {
      for (const [name, { payload }] of rows)
        if (payload.grantId === grantId && GRANTED.includes(name.split(':')[0])) rows.delete(name);
    },
  });
  return { rows, adapter, put: (model, id, payload) => rows.set(key(model, id), { payload, end: Infinity }) };
}

const escaped = (text) => String(text).replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
const document = (title, body) => `<!doctype html><html lang="en"><meta charset="utf-8"><title>${escaped(title)}</title>
<meta name="viewport" content="width=device-width"><style>body{font:1em sans-serif;margin:2em}</style><h1>${escaped(title)}</h1>${body}`;

function signInPage(action) {
  return document('Sign in', `<form method="post" action="${action}"><label>Account <input name="login" autofocus></label>
<button name="decision" value="allow">Sign in</button> <button name="decision" value="deny">Cancel</button></form>`);
}

function consentPage(action, { client, scopes, name }) {
  return document('Allow access?', `<p><b>${escaped(client)}</b> wants access to the account of <b>${escaped(name)}</b>:</p>
<ul>${scopes.map((scope) => `<li>${escaped(scope)}</li>`).join('')}</ul>
<form method="post" action="${action}"><button name="decision" value="allow">Allow</button>
<button name="decision" value="deny">Deny</button></form>`);
}

async function readForm(request) {
  let text = '';
  for await (const part of request) text += part;
  return new URLSearchParams(text);
}

// A grant of all that was asked for and is not granted yet.
async function grantAll(provider, { grantId, session, params, prompt: { details } }) {
  const grant = (grantId && await provider.Grant.find(grantId)) ??
    new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  if (details.missingOIDCScope) grant.addOIDCScope(details.missingOIDCScope.join(' '));
  for (const [resource, scopes] of Object.entries(details.missingResourceScopes ?? {})) grant.addResourceScope(resource, scopes.join(' '));
  return { consent: { grantId: await grant.save() } };
}

const denied = { error: 'access_denied', error_description: 'the person said no' };

// The pages between authorize and callback.
async function interact(provider, request, response) {
  const { uid, prompt, params, session, ...rest } = await provider.interactionDetails(request, response);
  const details = { uid, prompt, params, session, grantId: rest.grantId };
  if (request.method === 'GET') {
    const action = `/interaction/${uid}`;
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' });
    response.end(prompt.name === 'login' ? signInPage(action) : consentPage(action,
      { client: params.client_id, scopes: String(params.scope ?? '').split(' '), name: session.accountId }));
    return undefined;
  }
  const form = await readForm(request);
  if (form.get('decision') !== 'allow') return provider.interactionFinished(request, response, denied, { mergeWithLastSubmission: false });
  const result = prompt.name === 'login'
    ? { login: { accountId: form.get('login') || 'nobody' } }
    : await grantAll(provider, details);
  return provider.interactionFinished(request, response, result, { mergeWithLastSubmission: true });
}

function configuration(store, { resource, scopes, accessTtl, refreshTtl }) {
  return {
    adapter: store.adapter,
    cookies: { keys: ['only for tests'] },
    jwks: { keys: [generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' })] },
    pkce: { methods: ['S256'], required: () => true },
    scopes: ['openid', 'offline_access', ...scopes],
    claims: { openid: ['sub', 'name', 'email'] },
    findAccount: (ctx, id) => ({ accountId: id, claims: () => ({ sub: id, name: id, email: `${id}@accounts.example` }) }),
    clientDefaults: { grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'] },
    clientAuthMethods: METHODS,
    enabledJWA: { clientAuthSigningAlgValues: ['RS256', 'PS256', 'ES256', 'EdDSA'] },
    interactions: { url: (ctx, interaction) => `/interaction/${interaction.uid}` },
    issueRefreshToken: (ctx, client) => client.grantTypeAllowed('refresh_token'),
    rotateRefreshToken: true,
    ttl: { AccessToken: accessTtl, AuthorizationCode: 60, RefreshToken: refreshTtl, IdToken: 60,
      Session: 3600, Interaction: 600, Grant: 86400 },
    features: {
      devInteractions: { enabled: false },
      revocation: { enabled: true },
      introspection: { enabled: true },
      rpInitiatedLogout: { enabled: false },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => [],
        getResourceServerInfo: () => ({ scope: scopes.join(' '), audience: resource, accessTokenFormat: 'opaque', accessTokenTTL: accessTtl }),
      },
    },
  };
}

// What it did, in words of its own: [{ what: 'grant.success', grant: 'refresh_token' }, …].
function listen(provider) {
  const events = [];
  const note = (what) => (ctx, error) =>
    events.push({ what, grant: ctx?.oidc?.params?.grant_type, error: error?.error, detail: error?.error_detail });
  for (const what of ['grant.success', 'grant.error', 'authorization.error', 'revocation.error']) provider.on(what, note(what));
  provider.on('grant.revoked', (ctx, grantId) => events.push({ what: 'grant.revoked', grantId }));
  provider.on('refresh_token.destroyed', () => events.push({ what: 'refresh_token.destroyed' }));
  return events;
}

// Options: port, resource (RFC 8707; what its API is), scopes it knows, accessTtl and refreshTtl in seconds.
export async function startAuthorizationServer({ port = 0, resource = 'https://api.strict.example/', scopes = ['read', 'write', 'admin'],
  accessTtl = 600, refreshTtl = 86400 } = {}) {
  const store = memory();
  const hits = new Map();
  const gates = new Map();
  const own = new Map();
  let provider;

  async function me(request, response) {
    const token = await provider.AccessToken.find(/^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? '');
    const good = token?.isValid && [token.aud].flat().includes(resource);
    response.writeHead(good ? 200 : 401, { 'content-type': 'application/json' });
    response.end(JSON.stringify(good ? { id: `id-${token.accountId}`, name: token.accountId, email: `${token.accountId}@accounts.example`,
      scope: token.scope } : { error: 'invalid_token' }));
  }

  async function serve(request, response) {
    const { pathname } = new URL(request.url, 'http://server');
    hits.set(pathname, (hits.get(pathname) ?? 0) + 1);
    await gates.get(pathname)?.promise;
    if (own.has(pathname)) return own.get(pathname)(request, response);
    if (pathname === '/api/me') return me(request, response);
    if (pathname.startsWith('/interaction/')) return interact(provider, request, response);
    return provider.callback()(request, response);
  }

  const server = createServer((request, response) => {
    serve(request, response).catch((error) => {
      if (!response.headersSent) response.writeHead(400, { 'content-type': 'text/plain' });
      response.end(String(error.error_description ?? error.message));
    });
  });
  const open = (at) => new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(at, '127.0.0.1', resolve);
  });
  const leave = () => new Promise((resolve) => {
    server.close(resolve);
    server.closeAllConnections();
  });

  await open(port);
  const at = server.address().port;
  const issuer = `http://localhost:${at}`;
  const url = `http://127.0.0.1:${at}`;
  const settings = configuration(store, { resource, scopes, accessTtl, refreshTtl });
  provider = new Provider(issuer, settings);
  const events = listen(provider);

  return {
    issuer,
    url,
    port: at,
    resource,
    events,
    hits: (path) => hits.get(path) ?? 0,
    addClient: (metadata) => store.put('Client', metadata.client_id, metadata),
    liveRefreshTokens: () => [...store.rows].filter(([name, { payload, end }]) =>
      name.startsWith('RefreshToken:') && !payload.consumed && end > Date.now()).length,
    answer(path, handler) {
      if (handler) own.set(path, handler);
      else own.delete(path);
    },
    hold(path) {
      let release;
      const promise = new Promise((resolve) => { release = resolve; });
      gates.set(path, { release, promise });
      return () => {
        gates.delete(path);
        release();
      };
    },
    leave,
    comeBack: () => open(at),
    connection: (type, { oauth2 = {}, ...more } = {}) => ({
      type,
      label: `${type} account`,
      auth: 'oauth2',
      inject: [{ where: 'header', name: 'Authorization', template: 'Bearer <<access_token>>' }],
      oauth2: {
        authorize_url: `${issuer}/auth`,
        token_url: `${url}/token`,
        revoke: { url: `${url}/token/revocation`, style: 'form' },
        issuer,
        client_auth: 'basic',
        pkce: 'S256',
        resource,
        scopes: scopes.map((name) => ({ name, words: `The right to ${name}` })),
        authorize_params: { prompt: 'consent' },
        rotation: { rotates: true },
        ...oauth2,
      },
      test: { method: 'GET', url: `${url}/api/me`, expect: [200] },
      account_name: ['/name'],
      account_id: ['/id'],
      allowed_hosts: [`127.0.0.1:${at}`],
      ...more,
    }),
    async close() {
      for (const gate of gates.values()) gate.release();
      if (server.listening) await leave();
    },
  };
}
