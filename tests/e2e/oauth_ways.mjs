// SPDX-License-Identifier: Apache-2.0
// Every way of being another provider than RFC 6749 has in mind, as a pair: how the vendor behaves, and how an app definition says so.
//
// name      what is different, for the test's name
// ways      of the vendor's room (oauth_vendor.mjs)
// oauth2    members of the definition; a function gets the room
// more      members of the connection beside oauth2; a function gets the room
// fields    what the person fills in before he is sent to the provider
// secret    of the client, when it is not the usual one
// life      how many seconds the first access token is taken to live, within a few; null: does not expire
// refresh   false: is not refreshed; 'same': the refresh token stays, and is spent again
// account   whose account the page shows, when it is not grace
// parameter value that a field of the connection must have afterwards, by name: seen in the test call
import { createHash, createHmac, generateKeyPairSync } from 'node:crypto';

const pem = (key) => key.export({ type: 'pkcs8', format: 'pem' });
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });

const json = (change) => (values, context) => ({ type: 'application/json', body: JSON.stringify(change(values, context)) });
const form = (values) => ({ type: 'application/x-www-form-urlencoded; charset=utf-8', body: String(new URLSearchParams(values)) });
const without = (...names) => ({ ...values }) => {
  for (const name of names) delete values[name];
  return values;
};
const expiry = (change) => json(({ expires_in, ...values }, context) => ({ ...values, ...change(expires_in, context) }));

// Whoever signs wrongly is told so: headers over the very bytes of the body, the moment in milliseconds, one for both headers.
function signedBody({ headers, body }) {
  if (headers.appkey !== 'client') return 'appkey';
  if (!/^\d{13}$/.test(headers.timestamp ?? '') || Math.abs(Date.now() - Number(headers.timestamp)) > 60000) return `timestamp ${headers.timestamp}`;
  const sign = createHmac('sha256', 'client-secret').update(body + headers.timestamp).digest('hex');
  return headers.sign === sign ? undefined : 'sign';
}

// A digest of what is sent in the parameters themselves; a nonce is good once.
function signedParameters({ headers, form, room, path }) {
  if (path === 'revoke') return undefined;
  const { nonce } = form;
  if (!/^[0-9a-f]{32}$/.test(nonce ?? '') || headers['x-nonce'] !== nonce || room.nonces.has(nonce)) return 'nonce';
  room.nonces.add(nonce);
  const digest = createHash('sha256').update(`${form.code ?? form.refresh_token}.${nonce}.client-secret`).digest('base64url');
  return form.sign === digest ? undefined : 'sign';
}

const hashedSecret = ({ form, path }) => (path === 'revoke' || form.md5_secret === createHash('md5').update('client-secret').digest('hex').slice(0, 20)
  ? undefined : 'md5_secret');
const secretHash = { md5_secret: '<<SUBSTRING(MD5(client_secret), 0, 20)>>' };
const digestOf = (what) => ({ nonce: '<<nonce>>', sign: `<<SHA256(CONCAT(${what}, '.', nonce, '.', client_secret), 'base64url')>>` });

export const WAYS = [
  { name: 'nothing is different' },

  // ---- expiry
  { name: 'expires_in is a text', ways: { expires_in: 900, shape: expiry((s) => ({ expires_in: String(s) })) }, life: 900 },
  { name: 'expires_in is a fraction', ways: { expires_in: 900, shape: expiry((s) => ({ expires_in: s + 0.5 })) }, life: 900 },
  { name: 'expires_in is milliseconds', ways: { expires_in: 900, shape: expiry((s) => ({ expires_in: s * 1000 })) },
    oauth2: { expires: { source: 'answer', unit: 'ms' } }, life: 900 },
  { name: 'a point in time in seconds', ways: { expires_in: 900, shape: expiry((s) => ({ access_token_expiration: Math.floor(Date.now() / 1000) + s })) },
    oauth2: { expires: { source: 'answer', unit: 'unix_s' }, response_map: { expires: ['/access_token_expiration'] } }, life: 900 },
  { name: 'a point in time in milliseconds, as a text', ways: { expires_in: 900, shape: expiry((s) => ({ expireTime: String(Date.now() + s * 1000) })) },
    oauth2: { expires: { source: 'answer', unit: 'unix_ms' }, response_map: { expires: ['/expireTime'] } }, life: 900 },
  { name: 'a point in time of ISO 8601', ways: { expires_in: 900, shape: expiry((s) => ({ expiresAt: new Date(Date.now() + s * 1000).toISOString() })) },
    oauth2: { expires: { source: 'answer', unit: 'iso8601' }, response_map: { expires: ['/expiresAt'] } }, life: 900 },
  { name: 'days, hours and minutes', ways: { expires_in: 5400, shape: expiry(() => ({ life: '0:1:30' })) },
    oauth2: { expires: { source: 'answer', unit: 'd:hh:mm' }, response_map: { expires: ['/life'] } }, life: 5400 },
  { name: 'no expiry, and the definition knows it', ways: { shape: expiry(() => ({})) },
    oauth2: { expires: { source: 'answer', default_s: 1800 } }, life: 1800 },
  { name: 'no expiry, and tokens that live for ever', ways: { shape: json(without('expires_in', 'refresh_token')) },
    oauth2: { expires: { source: 'never' }, refresh_source: 'none' }, life: null, refresh: false },
  { name: 'the expiry stands in the token', ways: { jwt: true, expires_in: 900, shape: expiry(() => ({})) },
    oauth2: { expires: { source: 'jwt' } }, life: 900 },
  { name: 'the expiry is told by introspection', ways: { expires_in: 900, shape: expiry(() => ({})) },
    oauth2: (room) => ({ expires: { source: 'introspect', default_s: 60 }, introspect_url: `${room.url}/introspect` }), life: 900 },

  // ---- the form of answers
  { name: 'answers are form-encoded', ways: { shape: form } },
  { name: 'answers are form-encoded, and say that they are text', ways: { shape: (values) => ({ ...form(values), type: 'text/plain' }) } },
  { name: 'a good answer says so with 200, as a bad one would',
    ways: { shape: json((values) => ({ ok: true, ...values })) }, oauth2: { success_when: { path: '/ok', equals: true } } },
  { name: 'a bad answer would be a 200 with an error', oauth2: { error_when: { path: '/errcode' } },
    ways: { shape: json((values) => ({ errcode: '', ...values })) } },
  { name: 'tokens are nested, and not where they were after a refresh',
    ways: { shape: json(({ access_token, refresh_token, ...rest }, { kind }) =>
      (kind === 'code' ? { ...rest, authed_user: { access_token, refresh_token } } : { ...rest, access_token, refresh_token })) },
    oauth2: { response_map: { access_token: ['/authed_user/access_token', '/access_token'],
      refresh_token: ['/authed_user/refresh_token', '/refresh_token'] } } },
  { name: 'everything has another name', ways: { shape: json(({ access_token, refresh_token, expires_in, scope }) =>
    ({ data: { token: access_token, refreshToken: refresh_token, ttl: expires_in, granted: scope } })) },
    oauth2: { response_map: { access_token: ['/data/token'], refresh_token: ['/data/refreshToken'], expires: ['/data/ttl'],
      scope: ['/data/granted'] } }, life: 3600 },
  { name: 'neither type of token nor scopes are told', ways: { shape: json(without('token_type', 'scope')) } },
  { name: 'the type of token is written small', ways: { shape: json((values) => ({ ...values, token_type: 'bearer' })) } },
  { name: 'scopes are asked for with blanks and told with commas, form-encoded',
    ways: { shape: (values) => form({ ...values, scope: values.scope.replaceAll(' ', ',') }) } },
  { name: 'a success has a code too', ways: { shape: json((values) => ({ result: '0000', ...values })) },
    oauth2: { success_when: { path: '/result', equals: '0000' } } },
  { name: 'there are blanks around the answer', ways: { shape: (values) => ({ type: 'application/json', body: `  ${JSON.stringify(values)} \r\n` }) } },

  // ---- scopes
  { name: 'scopes have commas between them', ways: { scope_separator: ',' }, oauth2: { scope_separator: ',' } },
  { name: 'scopes have a plus between them', ways: { scope_separator: ' ' }, oauth2: { scope_separator: '+' } },
  { name: 'scopes are a list', ways: { shape: json((values) => ({ ...values, scope: values.scope.split(' ') })) } },
  { name: 'scopes have another parameter', ways: { scope_param: 'user_scope' }, oauth2: { scope_param: 'user_scope' } },
  { name: 'a scope is asked for whatever is wanted', oauth2: { default_scopes: ['offline_access'],
    scopes: [{ name: 'read', words: 'Read' }, { name: 'write', words: 'Write' }, { name: 'offline_access', words: 'Stay connected' }] } },

  // ---- refresh tokens
  { name: 'a refresh brings no refresh token: the old one stays', ways: { rotates: false }, oauth2: { rotation: { rotates: false } }, refresh: 'same' },
  { name: 'a refresh brings the same refresh token again', oauth2: { rotation: { rotates: false } }, refresh: 'same',
    ways: { rotates: false, shape: json((values, { kind, room }) => (kind === 'code' ? values : { ...values, refresh_token: room.grants.at(-1).current })) } },
  { name: 'the access token is what is spent for a new one',
    ways: { refresh_source: 'access_token', refresh_grant: 'fb_exchange_token', refresh_parameter: 'fb_exchange_token' },
    oauth2: { refresh_source: 'access_token', refresh_grant: 'fb_exchange_token', param_rename: { refresh_token: 'fb_exchange_token' } } },
  { name: 'the access token renews itself, by GET and without the client',
    ways: { refresh_source: 'access_token', refresh_grant: 'ig_refresh_token', refresh_path: 'renew', refresh_method: 'GET', refresh_bare: true },
    oauth2: (room) => ({ refresh_source: 'access_token', refresh_grant: 'ig_refresh_token', refresh_url: `${room.url}/renew`, refresh_method: 'GET',
      refresh_bare: true, param_rename: { refresh_token: 'access_token' } }) },
  { name: 'a refresh names the scopes again', ways: { refresh_scopes: true, scope_separator: ',' },
    oauth2: { refresh_scopes: true, scope_separator: ',' } },
  { name: 'a refresh token that is no text counts as none', ways: { shape: json((values) => ({ ...values, refresh_token: { a: 1 } })) }, refresh: false },
  { name: 'refreshes go to another URL and say more',
    ways: { refresh_params: { audience: 'shop' }, refresh_path: 'renew' },
    oauth2: (room) => ({ refresh_url: `${room.url}/renew`, refresh_params: { audience: 'shop' } }) },
  { name: 'a short-lived token is changed for a long-lived one',
    ways: { long: true }, oauth2: (room) => ({ post_exchange: { url: `${room.url}/long`,
      params: { grant_type: 'exchange', client_secret: '<<client_secret>>', access_token: '<<access_token>>' } } }) },
  { name: 'every access token only opens a session', ways: { session: true },
    oauth2: (room) => ({ post_exchange: { url: `${room.url}/long`, params: { access_token: '<<access_token>>' }, after_refresh: true },
      response_map: { access_token: ['/session', '/access_token'] }, expires: { source: 'answer', default_s: 600 },
      answer_fields: [{ name: 'rest', path: ['/rest'], pattern: '[a-z0-9-]{1,40}' }] }),
    more: (room) => ({ test: { method: 'GET', url: `${room.url}/me?rest=<<rest>>`, expect: [200] } }),
    seen: { path: 'me', query: { rest: 'session-rest' } }, room: 'session', life: 600 },

  // ---- the client
  { name: 'the client says who it is with Basic, characters and all', secret: 's:%+&/=?"x',
    ways: { client: { id: 'client', secret: 's:%+&/=?"x', auth: 'basic' } }, oauth2: { client_auth: 'basic' } },
  { name: 'the secret is the user of Basic', ways: { client: { id: 'client', secret: 'client-secret', auth: 'secret_as_user' } },
    oauth2: { client_auth: 'basic_template', client_auth_template: '<<client_secret>>:' } },
  { name: 'a public client', secret: null, ways: { client: { id: 'client', auth: 'none' } }, oauth2: { client_auth: 'none' } },
  { name: 'the client signs, with an elliptic curve', secret: pem(ec.privateKey),
    ways: { client: { id: 'client', auth: 'private_key_jwt', publicKey: ec.publicKey } },
    oauth2: (room) => ({ client_auth: 'private_key_jwt', client_jwt: { algorithm: 'ES256', audience: room.url } }) },
  { name: 'the client signs, with RSA, for the token URL', secret: pem(rsa.privateKey),
    ways: { client: { id: 'client', auth: 'private_key_jwt', publicKey: rsa.publicKey } }, oauth2: { client_auth: 'private_key_jwt' } },

  // ---- calls
  { name: 'bodies are JSON', ways: { token_body: 'json' }, oauth2: { token_body: 'json' } },
  { name: 'tokens are asked for with GET', ways: { token_method: 'GET' }, oauth2: { token_method: 'GET' } },
  { name: 'calls carry further headers and parameters',
    ways: { token_headers: { 'X-Api-Key': 'app-7', Accept: 'application/json' }, token_params: { tenant: 'north' }, refresh_params: { tenant: 'north' } },
    oauth2: { token_headers: { 'X-Api-Key': 'app-7', Accept: 'application/json' }, token_params: { tenant: 'north' }, refresh_params: { tenant: 'north' } } },
  { name: 'headers sign the body and the time', ways: { token_body: 'json', client: { id: 'client', auth: 'none' }, signed: signedBody },
    oauth2: { token_body: 'json', client_auth: 'none', token_headers: { appkey: '<<client_id>>', timestamp: "<<DATE(NOW(), '%Q')>>",
      sign: "<<HMAC_SHA256(CONCAT(body, DATE(NOW(), '%Q')), client_secret)>>" } } },
  { name: 'parameters are signed with a nonce', ways: { client: { id: 'client', auth: 'none' }, signed: signedParameters },
    oauth2: { client_auth: 'none', token_params: digestOf('code'), refresh_params: digestOf('refresh_token'), token_headers: { 'X-Nonce': '<<nonce>>' } } },
  { name: 'a digest of the secret stands for it', ways: { client: { id: 'client', auth: 'none' }, signed: hashedSecret },
    oauth2: { client_auth: 'none', token_params: secretHash, refresh_params: secretHash } },
  { name: 'parameters have other names',
    ways: { rename: { client_id: 'app_id', client_secret: 'app_secret', redirect_uri: 'redirect_url', code: 'auth_code' } },
    oauth2: { param_rename: { client_id: 'app_id', client_secret: 'app_secret', redirect_uri: 'redirect_url', code: 'auth_code' } } },

  // ---- the trip
  { name: 'the authorize URL says more', ways: { authorize_params: { prompt: 'consent', access_type: 'offline', audience: 'api' } },
    oauth2: { authorize_params: { prompt: 'consent', access_type: 'offline' }, audience: 'api' } },
  { name: 'the authorize URL has a query of its own', ways: { authorize_params: { owner: 'user' } },
    oauth2: (room) => ({ authorize_url: `${room.url}/authorize?owner=user` }) },
  { name: 'the code comes in another parameter', ways: { code_param: 'auth_code' }, oauth2: { code_param: 'auth_code' } },
  { name: 'the state has another name', ways: { rename: { state: 'customField' } }, oauth2: { param_rename: { state: 'customField' } } },
  { name: 'a page reads the parameters behind the #',
    oauth2: (room) => ({ authorize_url: `${room.url}/page`, authorize_fragment: `/${room.name}/authorize` }) },
  { name: 'what is empty is left out', ways: { absent: ['hint', 'x-team'], authorize_params: { shown: 'always' } },
    fields: {}, more: { fields: [{ name: 'team', type: 'text', label: 'Team' }] },
    oauth2: { skip_empty: true, authorize_params: { hint: '<<team>>', shown: 'always' }, token_params: { hint: "<<DEFAULT(team, '')>>" },
      refresh_params: { hint: '<<team>>' }, token_headers: { 'X-Team': '<<team>>' } } },
  { name: 'the redirect brings what later calls need', ways: { callback: { realmId: '4711' } },
    oauth2: { callback_fields: [{ name: 'realm', param: 'realmId', pattern: '[0-9]{1,20}', required: true }] },
    more: (room) => ({ test: { method: 'GET', url: `${room.url}/me?realm=<<realm>>`, expect: [200] } }), seen: { path: 'me', query: { realm: '4711' } } },
  { name: 'the token answer brings what later calls need', ways: { shape: json((values) => ({ ...values, instance: { id: 'eu-1' } })) },
    oauth2: { answer_fields: [{ name: 'instance', path: ['/instance/id'], pattern: '[a-z0-9-]{1,20}', required: true }] },
    more: (room) => ({ test: { method: 'GET', url: `${room.url}/me?instance=<<instance>>`, expect: [200] } }), seen: { path: 'me', query: { instance: 'eu-1' } } },
  { name: 'the account itself says what later calls need', fields: { region: 'eu' }, ways: { me: { accounts: [{ id: 'a-7', base: 'https://eu.shop.example' }] } },
    oauth2: { test_fields: [{ name: 'accountId', path: ['/accounts/0/id'], pattern: 'a-[0-9]+', required: true },
      { name: 'base', path: ['/accounts/0/base'], pattern: 'https://[a-z.]+' }, { name: 'other', path: ['/nowhere'], pattern: '.*' }] },
    more: { fields: [{ name: 'region', type: 'text', label: 'Region' }, { name: 'note', type: 'password', label: 'Note' }] },
    given: { accountId: 'a-7', base: 'https://eu.shop.example', region: 'eu' } },
  { name: 'iss is sent, and checked', ways: { iss: 'http://127.0.0.1:1/issuer' }, oauth2: { issuer: 'http://127.0.0.1:1/issuer', iss_required: true } },
  { name: 'PKCE is plain', ways: { pkce: 'plain' }, oauth2: { pkce: 'plain' } },
  { name: 'PKCE is refused', ways: { pkce: 'off' }, oauth2: { pkce: 'off' } },
  { name: 'URLs depend on the account', fields: { tenant: 'templated' },
    more: (room) => ({ fields: [{ name: 'tenant', type: 'text', label: 'Tenant', required: true, pattern: '[a-z]{1,20}', expected: 'small letters' }],
      test: { method: 'GET', url: `${new URL(room.url).origin}/<<tenant>>/me`, expect: [200] } }),
    oauth2: (room) => ({ authorize_url: `${new URL(room.url).origin}/<<tenant>>/authorize`, token_url: `${new URL(room.url).origin}/<<tenant>>/token` }),
    room: 'templated' },

  // ---- giving it back
  { name: 'revocation is JSON', ways: { revoke: { style: 'json', status: 200 } }, oauth2: (room) => ({ revoke: { url: `${room.url}/revoke`, style: 'json' } }) },
  { name: 'revocation is authorized by the token', ways: { revoke: { style: 'bearer', status: 204 } },
    oauth2: (room) => ({ revoke: { url: `${room.url}/revoke`, style: 'bearer', token: 'access_token' } }) },
  { name: 'revocation is a DELETE by the client', ways: { revoke: { style: 'basic_json', status: 204 } },
    oauth2: (room) => ({ revoke: { url: `${room.url}/revoke`, style: 'basic_json', method: 'DELETE', token: 'access_token' } }) },
];

// How providers say that a grant is over, who do not say invalid_grant: `no` makes the answer of what would have been one.
const refusing = (no, yes = (values) => values) => ({ shape_error: true,
  shape: (values) => (values.error ? { type: 'application/json', ...no } : { type: 'application/json', body: JSON.stringify(yes(values)) }) });
export const ENDS = [
  { name: 'a 200 that is not ok, with a code of its own', oauth2: { success_when: { path: '/ok', equals: true }, dead_errors: ['token_revoked'] },
    ways: refusing({ body: '{"ok":false,"error":"token_revoked"}' }, (values) => ({ ok: true, ...values })) },
  { name: 'a 200 with a number', oauth2: { error_when: { path: '/errcode' }, error_path: ['/errcode'], dead_errors: ['40030'] },
    ways: refusing({ body: '{"errcode":40030,"errmsg":"invalid refresh_token"}' }) },
  { name: 'a code that stands deep', oauth2: { error_path: ['/fault/detail/code'], dead_errors: ['RefreshTokenExpired'] },
    ways: refusing({ status: 401, body: '{"fault":{"detail":{"code":"RefreshTokenExpired"}}}' }) },
  { name: 'invalid_grant, form-encoded', ways: refusing({ status: 400, type: 'application/x-www-form-urlencoded', body: 'error=invalid_grant&x=1' }) },
];

// A name for room and type.
export const typeOf = (way) => way.room ?? `way-${createHash('sha256').update(way.name).digest('hex').slice(0, 10)}`;

// The room of a way and the connection of the definition.
export function furnish(vendor, way) {
  const type = typeOf(way);
  const room = vendor.room(type, way.ways);
  const given = (member) => (typeof way[member] === 'function' ? way[member](room) : way[member] ?? {});
  return { type, room, connection: room.connection(type, { oauth2: given('oauth2'), ...given('more') }) };
}

// ---- answers to the exchange of a code that are of no use: nothing may come of them but words

const page = '<!doctype html><title>Sorry</title><h1>Down for maintenance</h1>';
const CANARY = 'hostile-answer-canary-7731';
const good = (values) => JSON.stringify({ ...values, note: CANARY });
export { CANARY };
export const USELESS = [
  ['HTML', { type: 'text/html', body: () => page }],
  ['HTML that says it is JSON', { type: 'application/json', body: () => page }],
  ['half of a JSON text', { type: 'application/json', body: (values) => good(values).slice(0, -10) }],
  ['ten megabytes', { type: 'application/json', body: (values) => `{"pad":"${'a'.repeat(10 << 20)}",${good(values).slice(1)}` }],
  ['a list', { type: 'application/json', body: (values) => `[${good(values)}]` }],
  ['nothing', { type: 'application/json', body: () => '' }],
  ['null', { type: 'application/json', body: () => 'null' }],
  ['deeply nested lists', { type: 'application/json', body: () => '['.repeat(100000) }],
  ['no access token', { type: 'application/json', body: ({ access_token, ...values }) => good(values) }],
  ['an access token that is a number', { type: 'application/json', body: (values) => good({ ...values, access_token: 7 }) }],
  ['an access token that is null', { type: 'application/json', body: (values) => good({ ...values, access_token: null }) }],
  ['an empty access token', { type: 'application/json', body: (values) => good({ ...values, access_token: '' }) }],
  ['an access token with a line break', { type: 'application/json', body: (values) => good({ ...values, access_token: 'a\r\nX-Evil: 1' }) }],
  ['an access token with a NUL', { type: 'application/json', body: (values) => good({ ...values, access_token: 'a\0b' }) }],
  ['an access token of 100 kB', { type: 'application/json', body: (values) => good({ ...values, access_token: 'a'.repeat(100000) }) }],
  ['an error in a 200', { type: 'application/json', body: () => JSON.stringify({ error: 'invalid_grant', error_description: 'it is over', note: CANARY }) }],
  ['invalid UTF-8', { type: 'application/json',
    body: (values) => Buffer.concat([Buffer.from('{"x":"'), Buffer.from([0xff, 0xfe]), Buffer.from(`",${good(values).slice(1)}`)]) }],
  ['a server error with tokens', { status: 500, type: 'application/json', body: (values) => good(values) }],
  ['a redirect', { status: 307, type: 'text/plain', body: () => '', headers: { location: 'http://127.0.0.1:1/' } }],
];
