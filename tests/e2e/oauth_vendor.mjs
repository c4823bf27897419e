// SPDX-License-Identifier: Apache-2.0
// OAuth providers that do what no strict server would: each room of the vendor is one provider with ways of its own.
//
//   const vendor = await startOauthVendor();
//   const room = vendor.room('comma', { scope_separator: ',' });    // its ways: see `usual` below
//   room.connection(type, { oauth2: {…} })   a connection of an app definition that speaks to it
//   room.spends()                    {1: 1, 2: 1}: how often the refresh token of each generation was sent, over all grants
//   room.grants                      what it gave: { user, scopes, dead, generation, … }
//   room.accepts(accessToken)        whether its API would take the token now; room.end(user) ends all that a user granted
//   room.hold('token')               answers wait, after the vendor has acted, until the returned release() is called;
//                                    release.waiting() tells how many do. hold('token-in'): calls wait before it acts
//   room.expireAccess()              access tokens given so far are refused
//   room.requests                    what came to it: { path, method, headers, query, body, form }, oldest first
//   room.ways                        may be changed at any time
//   await vendor.leave(); await vendor.comeBack(); await vendor.close()
//
// Paths of a room: /<room>/authorize /<room>/token /<room>/revoke /<room>/introspect /<room>/long /<room>/me
// Authorize answers with the redirect at once, as the person `ways.user`; with ways.page it shows buttons to allow and deny.
import { createHash, createPublicKey, randomBytes, verify } from 'node:crypto';
import { createServer } from 'node:http';

const newToken = (kind) => `${kind}-${randomBytes(24).toString('base64url')}`;
const sleep = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

// The ways of a room that says nothing else: RFC 6749, nearly. Functions get the room.
export const usual = {
  client: { id: 'client', secret: 'client-secret', auth: 'body' }, // auth: basic, body, none, private_key_jwt (with publicKey), secret_as_user
  user: 'grace', page: false, deny: '', // deny: the error to send instead of a code
  withholds: [], // scopes that the person leaves out on the provider's page
  pkce: 'S256', // plain; off: refuses the parameters
  rename: {}, // standard name: the name here
  scope_param: 'scope', scope_separator: ' ',
  user_scope_param: 'user_scope', user_expires_in: 7200, // who asks with it gets a second token, of the person, under authed_user
  user_alone: false, // who asks for scopes of the person alone gets that token and no other
  audiences: [], // for which (`scope` or `resource` of a refresh) an access token of their own can be had
  authorize_params: {}, token_params: {}, refresh_params: {}, token_headers: {}, // must come so
  absent: [], // names of parameters and headers that must not come
  code_param: 'code', callback: {}, iss: undefined, // of the redirect
  token_body: 'form', token_method: 'POST',
  expires_in: 3600, // seconds the access token lives; what the answer says is the business of `shape`
  shape: (values) => ({ type: 'application/json', body: JSON.stringify(values) }), // (values, { kind, room }) → { status, type, body }
  refresh_grant: 'refresh_token', refresh_source: 'refresh_token',
  refresh_path: 'token', // where refreshes go
  refresh_method: null, // null: token_method
  refresh_bare: false, // a refresh must say nothing of the client
  refresh_scopes: false, // a refresh must name the scopes that were granted
  jwt: false, // access tokens are JSON Web Tokens with exp
  rotates: true, grace_ms: 0, // how long the refresh token spent last may be spent again, for the same answer
  session: false, // tokens of the code and of refreshes open sessions at /long, and are good for nothing else
  long: false, // tokens of the code must be changed for long-lived ones at /long
  signed: null, // ({ headers, body, form, room, path }) → what is wrong with the signature of a call, or undefined
  me: {}, // what /me says besides
  always_200: false, // /me says so of tokens that are no good, too
  delay_ms: 0, drop: 0, duplicate: 0, // the next n token answers are dropped after acting, or sent twice
  consent: null, // { scope }: no codes: an administrator grants the client access to his directory, /token/<directory> is asked by the client alone
  no_consent: null, // the error a redirect says then, or 'False': admin_consent=False
  refuse: null, // { status, body }: the next token calls are answered so, without acting
  bounce: null, // authorize sends the browser there, with the same query
  revoke: { style: 'form', status: 200 },
};

function asForm(request, body, ways) {
  if (request.method === 'GET') return Object.fromEntries(new URL(request.url, 'http://vendor').searchParams);
  if (ways.token_body === 'json') {
    try {
      return JSON.parse(body);
    } catch {
      return {};
    }
  }
  return Object.fromEntries(new URLSearchParams(body));
}

function basicOf(request) {
  const given = /^Basic (.+)$/.exec(request.headers.authorization ?? '')?.[1];
  if (!given) return [];
  const text = Buffer.from(given, 'base64').toString('utf8');
  const at = text.indexOf(':');
  return [text.slice(0, at), text.slice(at + 1)];
}

// RFC 6749 section 2.3.1: both halves are form-encoded before they are put together.
const formDecoded = (text) => new URLSearchParams(`x=${text ?? ''}`).get('x');

const inBase64url = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
// Nobody but its maker checks it, so nobody needs to sign it.
const newJwt = (claims) => `${inBase64url({ alg: 'HS256' })}.${inBase64url(claims)}.${randomBytes(32).toString('base64url')}`;
const fromBase64url = (text) => JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));

// RFC 7523: what the client signs of itself. Gives the reason why not, or undefined.
function assertionFault(assertion, { id, publicKey, audience }, seen) {
  const [head, claims, signature] = String(assertion ?? '').split('.');
  if (!signature) return 'no assertion';
  const { alg } = fromBase64url(head);
  const key = typeof publicKey === 'string' ? createPublicKey(publicKey) : publicKey;
  const bytes = Buffer.from(signature, 'base64url');
  const good = {
    RS256: () => verify('sha256', Buffer.from(`${head}.${claims}`), key, bytes),
    ES256: () => verify('sha256', Buffer.from(`${head}.${claims}`), { key, dsaEncoding: 'ieee-p1363' }, bytes),
    EdDSA: () => verify(null, Buffer.from(`${head}.${claims}`), key, bytes),
  }[alg];
  if (!good?.()) return `signature (${alg})`;
  const { iss, sub, aud, exp, jti } = fromBase64url(claims);
  if (iss !== id || sub !== id) return 'iss or sub';
  if (!audience.includes(aud)) return `aud ${JSON.stringify(aud)}`;
  const left = exp - Date.now() / 1000;
  if (!(left > 0 && left <= 305)) return `exp: ${left} s left`;
  if (!jti || seen.has(jti)) return 'jti';
  seen.add(jti);
  return undefined;
}

class Room {
  constructor(vendor, name, ways) {
    Object.assign(this, { vendor, name, ways: { ...usual, ...ways }, grants: [], requests: [], codes: new Map(), access: new Map(),
      refresh: new Map(), assertions: new Set(), faults: [], gates: new Map(), revoked: [], nonces: new Set(), consented: new Map() });
  }

  get url() { return `${this.vendor.url}/${this.name}`; }

  calls(path) { return this.requests.filter((one) => one.path === path).length; }

  // By generation; a token that was sent twice counts twice.
  spends() {
    const counts = {};
    for (const { generation, spends } of this.refresh.values())
      if (spends > 0) counts[generation] = (counts[generation] ?? 0) + spends;
    return counts;
  }

  hold(path) {
    let release;
    const promise = new Promise((resolve) => { release = resolve; });
    const gate = { promise, waiting: 0 };
    this.gates.set(path, gate);
    return Object.assign(() => {
      this.gates.delete(path);
      release();
    }, { waiting: () => gate.waiting });
  }

  async waitAt(path) {
    const gate = this.gates.get(path);
    if (!gate) return;
    gate.waiting++;
    await gate.promise;
  }

  accepts(token) {
    const row = this.access.get(token);
    return Boolean(row && !row.grant.dead && !row.short && row.end > Date.now());
  }

  end(user) {
    for (const grant of this.grants) if (grant.user === user) grant.dead = true;
  }

  expireAccess() {
    for (const row of this.access.values()) row.end = 0;
  }

  name_(parameter) { return this.ways.rename[parameter] ?? parameter; }

  fault(text) {
    this.faults.push(text);
    return text;
  }

  // ---- authorize

  authorizeFault(query) {
    const { ways } = this;
    const get = (name) => query.get(this.name_(name));
    if (get('client_id') !== ways.client.id) return 'client_id';
    if (!get('redirect_uri')) return 'redirect_uri';
    if (ways.consent) return ['response_type', 'code_challenge'].find((name) => query.has(name)) ?? (get('scope') === ways.consent.scope ? undefined : 'scope');
    if (get('response_type') !== 'code') return 'response_type';
    const [challenge, method] = [query.get('code_challenge'), query.get('code_challenge_method')];
    if (ways.pkce === 'off' ? challenge !== null || method !== null : !challenge || method !== ways.pkce) return 'PKCE';
    for (const name of ways.absent) if (query.has(name)) return name;
    for (const [name, value] of Object.entries(ways.authorize_params)) if (query.get(name) !== value) return name;
    return undefined;
  }

  // As directories do: who has agreed for which one, and nothing else.
  consentRedirect(response, query, tenant) {
    const back = new URL(query.get('redirect_uri'));
    const { no_consent: no } = this.ways;
    const said = no && no !== 'False' ? { error: no, error_description: 'The admin canceled the request' }
      : { admin_consent: no ?? 'True', tenant };
    if (!no) this.consented.set(tenant, { user: this.ways.user, scopes: [this.ways.consent.scope], generation: 0, dead: false });
    for (const [name, value] of Object.entries({ ...said, state: query.get('state') })) back.searchParams.set(name, value);
    return response.writeHead(302, { location: String(back) }).end();
  }

  // RFC 6749 section 4.4.2, for one directory.
  askByClient(form, tenant) {
    const grant = this.consented.get(tenant);
    if (form.scope !== this.ways.consent.scope || Object.keys(form).some((name) => /code|refresh|redirect/.test(name)))
      return { error: 'invalid_request', error_description: this.fault('parameters') };
    if (!grant || grant.dead) return { error: 'unauthorized_client', error_description: 'nobody has consented' };
    if (!this.grants.includes(grant)) this.grants.push(grant);
    return this.mint(grant, { refresh: false });
  }

  authorize(request, response, query, decision, rest) {
    const { ways } = this;
    if (ways.bounce) return response.writeHead(302, { location: ways.bounce(query) }).end();
    const fault = this.authorizeFault(query);
    if (fault) return this.vendor.text(response, 400, `bad authorization request: ${this.fault(fault)}`);
    if (ways.page && !decision) {
      const link = (to, words) => `<a href="${request.url.replace(/&/g, '&amp;')}&amp;decision=${to}">${words}</a>`;
      return this.vendor.text(response, 200,
        `<!doctype html><html lang="en"><title>Provider</title><h1>Provider</h1>${link('allow', 'Allow')} ${link('deny', 'Deny')}`, 'text/html');
    }
    if (ways.consent) return this.consentRedirect(response, query, rest);
    const back = new URL(query.get(this.name_('redirect_uri')));
    const state = query.get(this.name_('state'));
    const deny = ways.deny || (decision === 'deny' ? 'access_denied' : '');
    if (deny) back.searchParams.set('error', deny);
    else back.searchParams.set(ways.code_param, this.newCode(query));
    back.searchParams.set(this.name_('state'), state);
    if (ways.iss !== undefined) back.searchParams.set('iss', ways.iss);
    for (const [name, value] of Object.entries(ways.callback)) back.searchParams.set(name, value);
    return response.writeHead(302, { location: String(back) }).end();
  }

  newCode(query) {
    const code = newToken('code');
    const split = (parameter) => (query.get(parameter) ?? '').split(this.ways.scope_separator)
      .filter((scope) => scope && !this.ways.withholds.includes(scope));
    const userScopes = this.ways.user_scope_param === this.ways.scope_param ? [] : split(this.ways.user_scope_param);
    this.codes.set(code, { scopes: split(this.ways.scope_param), userScopes,
      challenge: query.get('code_challenge'), redirect: query.get(this.name_('redirect_uri')),
      user: this.ways.user });
    return code;
  }

  // ---- token

  clientFault(request, form) {
    const { id, secret, auth, publicKey } = this.ways.client;
    const [user, password] = basicOf(request);
    const clientId = form[this.name_('client_id')];
    const clientSecret = form[this.name_('client_secret')];
    switch (auth) {
    case 'basic':
      return formDecoded(user) === id && formDecoded(password) === secret && clientSecret === undefined ? undefined : 'Basic';
    case 'body': return clientId === id && clientSecret === secret && user === undefined ? undefined : 'client in body';
    case 'none': return clientId === id && clientSecret === undefined && user === undefined ? undefined : 'public client';
    case 'secret_as_user': return user === secret && password === '' ? undefined : 'secret as user';
    case 'private_key_jwt':
      if (form.client_assertion_type !== 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer') return 'client_assertion_type';
      return assertionFault(form.client_assertion, { id, publicKey, audience: [this.url, `${this.url}/token`] }, this.assertions);
    default: return `auth ${auth}`;
    }
  }

  // What it says to a good call: values under their standard names.
  mint(grant, { refresh = true, short = false, audience = '' } = {}) {
    const life = grant.expires_in ?? this.ways.expires_in;
    const exp = Math.floor(Date.now() / 1000) + life;
    const access = this.ways.jwt ? newJwt({ jti: newToken('access'), exp }) : newToken('access');
    this.access.set(access, { grant, short, audience, end: Date.now() + life * 1000 });
    const values = { access_token: access, token_type: grant.second ? 'user' : 'Bearer', expires_in: life,
      scope: grant.scopes.join(this.ways.scope_separator) };
    if (refresh) {
      grant.generation++;
      const token = this.ways.refresh_source === 'access_token' ? access : newToken('refresh');
      this.refresh.set(token, { grant, generation: grant.generation, spends: 0, used: 0 });
      grant.current = token;
      if (this.ways.refresh_source === 'refresh_token') values.refresh_token = token;
    }
    return values;
  }

  exchange(form) {
    const code = form[this.name_('code')];
    const row = this.codes.get(code);
    this.codes.delete(code); // once, whatever comes of it
    if (!row) return { error: 'invalid_grant', error_description: 'no such code' };
    const verifier = form.code_verifier;
    const expected = { S256: () => createHash('sha256').update(verifier ?? '').digest('base64url'), plain: () => verifier,
      off: () => (verifier === undefined ? row.challenge : 'nothing') }[this.ways.pkce]();
    if (expected !== row.challenge) return { error: 'invalid_grant', error_description: this.fault('verifier') };
    if (form[this.name_('redirect_uri')] !== row.redirect) return { error: 'invalid_grant', error_description: this.fault('redirect_uri') };
    if (this.ways.user_alone && !row.scopes.length) return { authed_user: this.second(row) };
    const grant = { user: row.user, scopes: row.scopes, generation: 0, dead: false, current: null };
    this.grants.push(grant);
    const values = this.mint(grant, this.ways.long ? { refresh: false, short: true } : { short: this.ways.session });
    return row.userScopes.length ? { ...values, authed_user: this.second(row) } : values;
  }

  // It rotates and ends by itself.
  second({ user, userScopes }) {
    const grant = { user, scopes: userScopes, generation: 0, dead: false, current: null, second: true, expires_in: this.ways.user_expires_in };
    this.grants.push(grant);
    return { id: `id-${user}`, ...this.mint(grant) };
  }

  // An access token for another audience; the refresh token stays.
  derive(grant, audience) {
    return this.ways.audiences.includes(audience) ? this.mint(grant, { refresh: false, audience })
      : { error: 'invalid_grant', error_description: `nobody has agreed to ${audience}` };
  }

  // Reuse ends the family, but within the grace gives what was given before.
  spend(form) {
    const sent = form[this.ways.refresh_source === 'access_token' ? this.ways.refresh_parameter ?? 'access_token' : this.name_('refresh_token')];
    const row = this.refresh.get(sent);
    if (!row) return { error: 'invalid_grant', error_description: 'no such token' };
    row.spends++;
    if (this.ways.refresh_scopes && form[this.ways.scope_param] !== row.grant.scopes.join(this.ways.scope_separator))
      return { error: 'invalid_scope', error_description: this.fault('scopes of a refresh') };
    if (row.grant.dead) return { error: 'invalid_grant', error_description: 'ended' };
    const audience = form.resource ?? form.scope;
    if (audience && this.ways.audiences.length) return row.used ? { error: 'invalid_grant', error_description: 'another one was given since' } : this.derive(row.grant, audience);
    if (!this.ways.rotates) return this.mint(row.grant, { refresh: false });
    if (row.used) {
      if (Date.now() - row.used <= this.ways.grace_ms) return row.answer;
      row.grant.dead = true;
      return { error: 'invalid_grant', error_description: 'reuse' };
    }
    row.used = Date.now();
    row.answer = this.mint(row.grant, { short: this.ways.session });
    return row.answer;
  }

  token(request, form, path, rest) {
    const grantType = form[this.name_('grant_type')];
    const kind = grantType === 'authorization_code' ? 'code' : 'refresh';
    const refuse = (error, what) => ({ kind, values: { error, error_description: this.fault(what) } });
    if (path !== (kind === 'code' ? 'token' : this.ways.refresh_path)) return refuse('invalid_request', 'path');
    const bare = kind === 'refresh' && this.ways.refresh_bare;
    const fault = bare ? ['client_id', 'client_secret'].find((name) => this.name_(name) in form) ?? request.headers.authorization
      : this.clientFault(request, form);
    if (fault) return refuse('invalid_client', fault);
    for (const name of this.ways.absent) if (name in form || name in request.headers) return refuse('invalid_request', name);
    for (const [name, value] of Object.entries(this.ways.token_headers))
      if (request.headers[name.toLowerCase()] !== value) return refuse('invalid_request', name);
    for (const [name, value] of Object.entries(kind === 'code' ? this.ways.token_params : this.ways.refresh_params))
      if (form[name] !== value) return refuse('invalid_request', name);
    if (this.ways.consent) return grantType === 'client_credentials' ? { kind, values: this.askByClient(form, rest) } : refuse('unsupported_grant_type', grantType);
    if (kind === 'code') return { kind, values: this.exchange(form) };
    if (grantType !== this.ways.refresh_grant) return refuse('unsupported_grant_type', `grant_type ${grantType}`);
    return { kind, values: this.spend(form) };
  }

  // Of calls to the token endpoint and to revoke.
  signatureFault(request, body, form, path) {
    const fault = this.ways.signed?.({ headers: request.headers, body, form, room: this, path });
    return fault && this.fault(fault);
  }

  async answerToken(request, response, form, path, body, rest) {
    const { ways } = this;
    if (ways.refuse) return this.vendor.text(response, ways.refuse.status, ways.refuse.body, ways.refuse.type ?? 'application/json');
    if (request.method !== (path === ways.refresh_path && path !== 'token' && ways.refresh_method ? ways.refresh_method : ways.token_method)) return this.vendor.text(response, 405, this.fault('method'));
    const wrong = this.signatureFault(request, body, form, path);
    if (wrong) return this.vendor.json(response, 401, { error: 'invalid_client', error_description: wrong });
    await this.waitAt('token-in');
    if (request.socket.destroyed) return undefined; // the caller has gone: as if the call had never come
    const { kind, values } = this.token(request, form, path, rest);
    await this.waitAt('token');
    if (ways.delay_ms) await sleep(ways.delay_ms);
    if (ways.drop > 0 && kind === 'refresh') {
      ways.drop--;
      return request.socket.destroy();
    }
    const shaped = values.error && ways.shape_error !== true
      ? { status: 400, type: 'application/json', body: JSON.stringify(values) } : ways.shape(values, { kind, room: this });
    if (ways.duplicate > 0) {
      ways.duplicate--;
      const head = [`HTTP/1.1 ${shaped.status ?? 200} OK`, `Content-Type: ${shaped.type}`, `Content-Length: ${Buffer.byteLength(shaped.body)}`];
      const text = `${head.join('\r\n')}\r\n\r\n${shaped.body}`;
      return request.socket.end(text + text);
    }
    return this.vendor.text(response, shaped.status ?? 200, shaped.body, shaped.type, shaped.headers);
  }

  // ---- the rest

  bearer(request) { return /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? ''; }

  // A short-lived token becomes a long-lived one.
  long(request, response, form) {
    const sent = form.short_token ?? form.access_token ?? this.bearer(request);
    const row = this.access.get(sent);
    if (!row?.short || row.grant.dead) return this.vendor.json(response, 400, { error: 'invalid_token' });
    this.access.delete(sent);
    if (this.ways.no_sessions) return this.vendor.json(response, 503, { error: 'temporarily_unavailable' });
    if (this.ways.session)
      return this.vendor.json(response, 200, { session: this.mint(row.grant, { refresh: false }).access_token, rest: `${this.name}-rest` });
    return this.vendor.json(response, 200, this.mint(row.grant));
  }

  me(request, response) {
    const row = this.access.get(this.bearer(request));
    if (this.ways.always_200 && !this.accepts(this.bearer(request))) return this.vendor.json(response, 200, { code: 602, message: 'expired' });
    if (!row || !this.accepts(this.bearer(request))) return this.vendor.json(response, 401, { error: 'invalid_token' });
    return this.vendor.json(response, 200, { id: `id-${row.grant.user}`, name: row.grant.user, scopes: row.grant.scopes, ...this.ways.me });
  }

  introspect(request, response, form) {
    const row = this.access.get(form.token);
    return this.vendor.json(response, 200, row ? { active: this.accepts(form.token), exp: Math.floor(row.end / 1000) } : { active: false });
  }

  async answerRevoke(request, response, form, body) {
    await this.waitAt('revoke');
    const wrong = this.signatureFault(request, body, form, 'revoke');
    if (wrong) return this.vendor.json(response, 401, { error: 'invalid_client', error_description: wrong });
    const { style, status } = this.ways.revoke;
    const sent = style === 'bearer' ? this.bearer(request) : form.token ?? form.access_token;
    const row = this.refresh.get(sent) ?? this.access.get(sent);
    this.revoked.push({ sent, known: Boolean(row) });
    if (status >= 400) return this.vendor.json(response, status, { error: 'temporarily_unavailable' });
    if (row) row.grant.dead = true;
    return response.writeHead(status).end();
  }

  async serve(request, response, path, query, body, rest) {
    const form = path === 'revoke' || path === 'introspect' || path === 'long'
      ? Object.fromEntries(body.startsWith('{') ? Object.entries(JSON.parse(body)) : new URLSearchParams(body)) : asForm(request, body, this.ways);
    this.requests.push({ path, method: request.method, headers: request.headers, query: Object.fromEntries(query), body, form, at: Date.now() });
    switch (path) {
    case 'authorize': return this.authorize(request, response, query, query.get('decision'), rest);
    case 'page': return this.vendor.text(response, 200, '<!doctype html><script src="app.js"></script>', 'text/html');
    case 'token': return this.answerToken(request, response, form, path, body, rest);
    case this.ways.refresh_path: return this.answerToken(request, response, form, path, body, rest);
    case 'revoke': return this.answerRevoke(request, response, form, body);
    case 'introspect': return this.introspect(request, response, form);
    case 'long': return this.long(request, response, form);
    case 'me': return this.me(request, response);
    default: return this.vendor.json(response, 404, { error: 'not found' });
    }
  }

  connection(type, { oauth2 = {}, ...more } = {}) {
    return {
      type,
      label: `${type} account`,
      auth: 'oauth2',
      inject: [{ where: 'header', name: 'Authorization', template: 'Bearer <<access_token>>' }],
      oauth2: {
        authorize_url: `${this.url}/authorize`,
        token_url: `${this.url}/token`,
        revoke: { url: `${this.url}/revoke`, style: 'form' },
        client_auth: 'body',
        pkce: 'S256',
        scopes: [{ name: 'read', words: 'Read what is there' }, { name: 'write', words: 'Change what is there' }],
        rotation: { rotates: true },
        ...oauth2,
      },
      test: { method: 'GET', url: `${this.url}/me`, expect: [200] },
      account_name: ['/name'],
      account_id: ['/id'],
      allowed_hosts: [new URL(this.url).host],
      ...more,
    };
  }
}

export async function startOauthVendor({ port = 0 } = {}) {
  const rooms = new Map();
  const vendor = {
    text(response, status, body, type = 'text/plain', headers = {}) {
      response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store', ...headers });
      response.end(body);
    },
    json: (response, status, value) => vendor.text(response, status, JSON.stringify(value), 'application/json'),
    room(name, ways) {
      const room = new Room(vendor, name, ways);
      rooms.set(name, room);
      return room;
    },
  };

  async function serve(request, response) {
    const { pathname, searchParams } = new URL(request.url, 'http://vendor');
    const [, name, path, rest] = pathname.split('/');
    let body = '';
    for await (const part of request) body += part;
    const room = rooms.get(name);
    return room ? room.serve(request, response, path, searchParams, body, rest) : vendor.json(response, 404, { error: 'not found' });
  }

  const server = createServer({ requestTimeout: 0 }, (request, response) => {
    serve(request, response).catch(() => request.socket.destroy());
  });
  const open = (at) => new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(at, '127.0.0.1', resolve);
  });
  await open(port);
  vendor.port = server.address().port;
  vendor.url = `http://127.0.0.1:${vendor.port}`;
  vendor.comeBack = () => open(vendor.port);
  vendor.leave = () => new Promise((resolve) => {
    server.close(resolve);
    server.closeAllConnections();
  });
  vendor.close = async () => {
    if (server.listening) await vendor.leave();
  };
  return vendor;
}
