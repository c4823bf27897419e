// SPDX-License-Identifier: Apache-2.0
// What the strict vendors share: a server of exact routes that notes every request and what it refused.
//
//   const server = await startServer({ 'POST /login': (call) => json(200, {…}) });
// A handler gets call = { method, path, query, headers, body (Buffer), text, json(), form() } and gives { status, headers, body }.
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';

const BODY_MAX = 1024 * 1024;

export const newSecret = (bytes = 24) => randomBytes(bytes).toString('base64url');
export const json = (status, value, headers = {}) =>
  ({ status, headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(value) });
export const text = (status, body, type = 'text/plain', headers = {}) => ({ status, headers: { 'content-type': type, ...headers }, body });

// The media type alone, in lower case.
export const mediaType = (call) => (call.headers['content-type'] ?? '').split(';')[0].trim().toLowerCase();

async function readBody(request) {
  const parts = [];
  let size = 0;
  for await (const part of request) {
    size += part.length;
    if (size > BODY_MAX) throw new Error('too large');
    parts.push(part);
  }
  return Buffer.concat(parts);
}

function parse(read) {
  try {
    return read();
  } catch {
    return undefined;
  }
}

async function take(request) {
  const [path, query = ''] = request.url.split(/\?(.*)/s);
  const body = await readBody(request);
  const plain = body.toString('utf8');
  const call = { method: request.method, path, query, headers: request.headers, body, text: plain };
  call.json = () => (mediaType(call) === 'application/json' ? parse(() => JSON.parse(plain)) : undefined);
  call.form = () => (mediaType(call) === 'application/x-www-form-urlencoded' ? Object.fromEntries(new URLSearchParams(plain)) : undefined);
  return call;
}

export async function startServer(routes) {
  const state = { calls: [], refused: [] };
  const server = createServer((request, response) => {
    take(request).then((call) => {
      const handler = routes[`${call.method} ${call.path}`] ?? routes[`${call.method} *`];
      const answer = (handler && handler(call)) ?? text(404, 'no such route');
      state.calls.push(call);
      if (answer.status >= 400) state.refused.push(`${call.method} ${call.path}: ${answer.status}`);
      response.writeHead(answer.status, answer.headers);
      response.end(answer.body);
    }, () => request.socket.destroy());
  });
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  state.url = `http://127.0.0.1:${server.address().port}`;
  state.close = () => new Promise((resolve) => {
    server.close(resolve);
    server.closeAllConnections();
  });
  return state;
}
