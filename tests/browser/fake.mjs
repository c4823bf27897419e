// SPDX-License-Identifier: Apache-2.0
// A small server that shows the request page with answers made up for it: every state can be had at once, also those that
// take a provider, a clock or an accident. What the page does with the real service is shown by the other tests.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { dirname, extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

const TOP = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const TYPES = { '.html': 'text/html', '.css': 'text/css', '.js': 'text/javascript', '.json': 'application/json', '.svg': 'image/svg+xml' };
const site = readFileSync(join(TOP, 'nginx', 'bailee.conf.in'), 'utf8');

// The headers that nginx gives the page, from its own file, so that the page is never seen under milder ones.
const HEADERS = Object.fromEntries([...site.matchAll(/add_header (Content-Security-Policy|Referrer-Policy|Cross-Origin-\S+) (?:"([^"]+)"|(\S+)) always;/g)]
  .map(([, name, quoted, plain]) => [name, quoted ?? plain]));

export const ID = '0198a1c2-7d3e-7000-8000-00000000cafe';
export const SECRET = 'fake'.padEnd(43, '0');

const refusal = (status, body, headers = {}) => ({ status, body, headers });
export const ERRORS = {
  unknown: () => refusal(404, { message: 'Not Found', detail: 'no such request', code: 'SC404' }),
  gone: () => refusal(410, { message: 'Gone', detail: 'this request has expired', code: 'SC410' }),
  rate: () => refusal(429, { message: 'Too Many Requests', detail: 'too many', code: 'SC429' }, { 'Retry-After': '600' }),
  away: () => refusal(503, { message: 'Service Unavailable', detail: 'away', code: 'SC503' }, { 'Retry-After': '1' }),
  used: () => refusal(409, { message: 'Conflict', detail: 'this link is in use in another browser', code: 'SC409' }),
  field: (name, text) => refusal(400, { message: 'Validation failed', detail: 'x', code: 'IM005', suberrors: [{ message: `fields.${name}: ${text}` }] }),
};

async function bodyOf(request) {
  const parts = [];
  for await (const part of request) parts.push(part);
  const text = Buffer.concat(parts).toString();
  return text ? JSON.parse(text) : undefined;
}

// script: { view } is what the link shows. A test changes fake.view as it likes, and gives fake.on[<kind of call>] for a
// POST: ({ item, body, fake }) => answer to give, or nothing for 202. fake.calls has what was sent. The provider lives at
// fake.provider, another origin, and sends the browser back to the request's address without the link's secret.
export async function startFake() {
  const fake = { view: null, on: {}, calls: [], back: null };

  async function answerOf(method, path, body) {
    if (!path) return typeof fake.view === 'function' ? fake.view() : { status: 200, body: fake.view };
    const [, itemId, what] = /^\/items\/([^/]+)(?:\/(\w+))?$/.exec(path) ?? [];
    const kind = path === '/relink' ? 'relink' : what ?? 'submit';
    const item = fake.view.items?.find((one) => one.id === itemId);
    fake.calls.push({ kind, item: itemId, body });
    const answer = await fake.on[kind]?.({ item, body, fake });
    if (answer) return answer.status ? answer : { status: 200, body: answer };
    return { status: 202, body: { accepted: true, delayed: fake.view.delayed } };
  }

  function send(response, { status, body, headers = {} }) {
    response.writeHead(status, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store', ...headers });
    response.end(JSON.stringify(body));
  }

  function sendFile(response, name, status = 200) {
    const path = normalize(join(TOP, 'web', name));
    if (!path.startsWith(join(TOP, 'web'))) return response.writeHead(404).end();
    try {
      const data = readFileSync(path);
      response.writeHead(status, { ...HEADERS, 'Content-Type': `${TYPES[extname(path)]}; charset=utf-8`, 'Cache-Control': name.endsWith('.html') ? 'no-store' : 'no-cache' });
      return response.end(data);
    } catch {
      return response.writeHead(404).end();
    }
  }

  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url, 'http://127.0.0.1');
    const call = /^\/public\/requests\/[^/]+(\/.*)?$/.exec(pathname);
    if (call) {
      if (request.headers.authorization !== `Link ${SECRET}`) return send(response, ERRORS.unknown());
      return send(response, await answerOf(request.method, call[1], await bodyOf(request)));
    }
    if (pathname.startsWith('/request/')) return sendFile(response, 'index.html');
    if (pathname.startsWith('/static/')) return sendFile(response, pathname.slice('/static/'.length));
    if (pathname === '/provider') { // on another name, so that it is another origin
      response.writeHead(200, { 'Content-Type': 'text/html', 'Cross-Origin-Opener-Policy': 'same-origin' });
      return response.end(`<!doctype html><title>Provider</title><h1>Allow it?</h1><a id="allow" href="${fake.url}/oauth/callback/x?code=c&state=${ID}.s">Allow</a>`);
    }
    if (pathname.startsWith('/oauth/callback/')) {
      if (typeof fake.back === 'number') return sendFile(response, 'returned.html', fake.back);
      fake.back?.();
      return response.writeHead(303, { Location: `${fake.url}/request/${ID}`, 'Cache-Control': 'no-store', 'Referrer-Policy': 'no-referrer' }).end();
    }
    if (request.headers.accept?.includes('text/html')) return sendFile(response, 'nothing.html', 404);
    return response.writeHead(404).end();
  });
  await new Promise((resolve) => { server.listen(0, resolve); });
  const { port } = server.address();
  fake.url = `http://127.0.0.1:${port}`;
  fake.provider = `http://localhost:${port}/provider`;
  fake.uri = `${fake.url}/request/${ID}#${SECRET}`;
  fake.close = () => new Promise((resolve) => { server.closeAllConnections(); server.close(resolve); });
  return fake;
}
