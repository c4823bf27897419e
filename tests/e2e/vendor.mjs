// SPDX-License-Identifier: Apache-2.0
// A vendor that can be had in every mood: a working two-step login, and routes that refuse, hang, lie, flood and cut off.
//
//   const vendor = await startVendor({ user, password });
//   vendor.url                      http://127.0.0.1:<port>
//   vendor.hits('/login')           how often a route was called; vendor.requests: what came, oldest first
//   vendor.reset()                  forget hits, requests and held answers
//   vendor.on('/path', handler)     a route of the test's own: handler(request, response, body); undefined restores
//   vendor.hold('/path')            answers to /path wait until the returned release() is called
//   vendor.accepts(token)           whether the vendor gave this token out
//   await vendor.close()
//
// Routes (any method):
//   /login {user,password} → {session}    /token (X-Session or {session}) → {token}, once a session    /api/me (Bearer)
//   /token-text → the bare token as text  /token-header → the token in X-CSRF-Token
//   /refuse 401   /status/<n>   /hang never answers   /slow?ms=N answers {session,token} after N ms   /garbage no HTTP
//   /not-json 200 of broken JSON   /html 200 with a login page   /big?mb=N (10) JSON   /redirect?to=URL&status=N (302)
//   /redirect-private to 10.0.0.1   /redirect-metadata   /redirect-loop   /cut ends in the middle of the answer
//   /drop closes without a word   /flaky?n=N 503 for the first N calls, then {token}   /retry-after?s=N 429 once, then {token}
//   /echo what was sent, as JSON   /cookies sets two cookies   /empty 204   /null {"token":null}   /headers-huge
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';

const BODY_MAX = 1024 * 1024;
const newSecret = () => randomBytes(24).toString('base64url');

function json(response, status, value, headers = {}) {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(value));
}

function text(response, status, value, type = 'text/plain') {
  response.writeHead(status, { 'content-type': type });
  response.end(value);
}

function asObject(body) {
  try {
    const value = JSON.parse(body);
    if (value !== null && typeof value === 'object') return value;
  } catch {
    // a form, then
  }
  return Object.fromEntries(new URLSearchParams(body));
}

async function readBody(request) {
  const parts = [];
  let size = 0;
  for await (const part of request) {
    size += part.length;
    if (size > BODY_MAX) break;
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

// The working login; `state` is shared by its routes.
function loginRoutes(state) {
  const takeToken = (request, body) => {
    const session = request.headers['x-session'] ?? asObject(body).session ??
      /(?:^|;\s*)session=([^;]+)/.exec(request.headers.cookie ?? '')?.[1];
    if (!state.sessions.delete(session)) return undefined;
    const token = newSecret();
    state.tokens.add(token);
    return token;
  };
  const withToken = (give) => (request, response, body) => {
    const token = takeToken(request, body);
    return token ? give(response, token) : json(response, 401, { error: 'bad session' });
  };
  return {
    '/login': (request, response, body) => {
      const given = asObject(body);
      if (given.user !== state.user || given.password !== state.password)
        return json(response, 401, { error: `wrong password for ${given.user}` });
      const session = newSecret();
      state.sessions.add(session);
      return json(response, 200, { session, nested: { list: [{ id: 7, session }] } },
        { 'set-cookie': `session=${session}; Path=/; HttpOnly`, 'X-Session-Id': session });
    },
    '/token': withToken((response, token) => json(response, 200, { token, expires_in: 60 })),
    '/token-text': withToken((response, token) => text(response, 200, token)),
    '/token-header': withToken((response, token) => json(response, 200, {}, { 'X-CSRF-Token': token })),
    '/api/me': (request, response) => {
      const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1];
      return state.tokens.has(token) ? json(response, 200, { user: state.user }) : json(response, 401, { error: 'bad token' });
    },
  };
}

function giveNewToken(state, response) {
  const token = newSecret();
  state.tokens.add(token);
  json(response, 200, { session: token, token });
}

// Everything that goes wrong.
function moodyRoutes(state, url) {
  const number = (query, name, otherwise) => Number(query.get(name) ?? otherwise);
  return {
    '/refuse': (request, response) => json(response, 401, { error: 'no', password: 'wrong' }),
    '/hang': () => {},
    '/slow': (request, response, body, query) => {
      const timer = setTimeout(() => giveNewToken(state, response), number(query, 'ms', 1000));
      response.on('close', () => clearTimeout(timer));
    },
    '/garbage': (request) => request.socket.end('\x16\x03\x01 this is no HTTP\r\n\r\n\0\0\0'),
    '/not-json': (request, response) => text(response, 200, '{"token": "half', 'application/json'),
    '/html': (request, response) => text(response, 200, '<!doctype html><title>Login</title><form>', 'text/html'),
    '/big': (request, response, body, query) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      const chunk = Buffer.alloc(64 * 1024, 'a');
      let left = number(query, 'mb', 10) * 16;
      response.write('{"token":"');
      const more = () => {
        while (left-- > 0) if (!response.write(chunk)) return response.once('drain', more);
        return response.end('"}');
      };
      more();
    },
    '/redirect': (request, response, body, query) => {
      response.writeHead(number(query, 'status', 302), { location: query.get('to') ?? '/login' });
      response.end();
    },
    '/redirect-private': (request, response) => response.writeHead(302, { location: 'http://10.0.0.1/token' }).end(),
    '/redirect-metadata': (request, response) =>
      response.writeHead(302, { location: 'http://169.254.169.254/latest/meta-data/' }).end(),
    '/redirect-loop': (request, response) => response.writeHead(302, { location: `${url()}/redirect-loop` }).end(),
    '/cut': (request, response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' });
      response.write('{"token":"');
      setTimeout(() => request.socket.destroy(), 20);
    },
    '/drop': (request) => request.socket.destroy(),
    '/flaky': (request, response, body, query) => {
      if (state.hits.get('/flaky') <= number(query, 'n', 2)) return json(response, 503, { error: 'later' });
      return giveNewToken(state, response);
    },
    '/retry-after': (request, response, body, query) => {
      if (state.hits.get('/retry-after') === 1)
        return json(response, 429, { error: 'slow down' }, { 'retry-after': String(number(query, 's', 1)) });
      return giveNewToken(state, response);
    },
    '/echo': (request, response, body, query) => json(response, 200, {
      method: request.method, path: request.url, query: Object.fromEntries(query), headers: request.headers, body,
    }),
    '/cookies': (request, response) => json(response, 200, {}, { 'set-cookie': ['a=1; Path=/', 'b=2; Path=/token'] }),
    '/empty': (request, response) => response.writeHead(204).end(),
    '/null': (request, response) => json(response, 200, { token: null }),
    '/headers-huge': (request, response) => json(response, 200, { token: 'x' }, { 'x-huge': 'h'.repeat(300 * 1024) }),
  };
}

export async function startVendor({ user = 'robot', password = newSecret(), port = 0 } = {}) {
  const state = { user, password, sessions: new Set(), tokens: new Set(), hits: new Map() };
  const requests = [];
  const own = new Map();
  const gates = new Map();
  let base = '';
  const routes = { ...loginRoutes(state), ...moodyRoutes(state, () => base) };

  async function serve(request, response) {
    const { pathname: path, searchParams: query } = new URL(request.url, 'http://vendor');
    state.hits.set(path, (state.hits.get(path) ?? 0) + 1);
    const body = await readBody(request);
    requests.push({ method: request.method, path, url: request.url, headers: request.headers, body, at: Date.now() });
    await gates.get(path)?.promise;
    const status = /^\/status\/(\d{3})$/.exec(path)?.[1];
    if (status) return json(response, Number(status), { token: 'from an error page' });
    const route = own.get(path) ?? routes[path];
    return route ? route(request, response, body, query) : json(response, 404, { error: 'not found' });
  }

  const server = createServer({ requestTimeout: 0 }, (request, response) => {
    serve(request, response).catch(() => request.socket.destroy());
  });
  server.on('clientError', (error, socket) => socket.destroy());
  await new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  base = `http://127.0.0.1:${server.address().port}`;

  const open = () => {
    for (const gate of gates.values()) gate.release();
    gates.clear();
  };
  return {
    url: base,
    port: server.address().port,
    user,
    password,
    requests,
    hits: (path) => state.hits.get(path) ?? 0,
    accepts: (token) => state.tokens.has(token),
    reset() {
      open();
      state.hits.clear();
      requests.length = 0;
    },
    on(path, handler) {
      if (handler) own.set(path, handler);
      else own.delete(path);
    },
    hold(path) {
      let release;
      const promise = new Promise((resolve) => { release = resolve; });
      gates.set(path, { promise, release });
      return () => {
        gates.delete(path);
        release();
      };
    },
    async close() {
      open();
      const closed = new Promise((resolve) => { server.close(resolve); });
      server.closeAllConnections();
      await closed;
    },
  };
}
