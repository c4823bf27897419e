// SPDX-License-Identifier: Apache-2.0
// What goes out, seen from the other end: TLS that must not be trusted, answers that swell, and values that would become
// headers or other paths.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';

import { startStack } from './harness.mjs';

const BASE = '/api/v1/user_credentials';
const SECRET = 'egress-canary-55120';

let folder; let stack; let world; let count = 0;

const openssl = (...args) => execFileSync('openssl', args, { cwd: folder, stdio: 'ignore' });

// A certificate by the authority of this test (or by itself), for a name, from and until so many days from now.
function certificate(name, { host = 'localhost', days = 2, by = 'ca' } = {}) {
  openssl('req', '-newkey', 'rsa:2048', '-nodes', '-subj', `/CN=${host}`, '-keyout', `${name}.key`, '-out', `${name}.csr`);
  writeFileSync(join(folder, `${name}.ext`), `subjectAltName=DNS:${host}\n`);
  const issuer = by === 'ca' ? ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial'] : ['-signkey', `${name}.key`];
  openssl('x509', '-req', '-in', `${name}.csr`, '-extfile', `${name}.ext`, ...issuer, '-days', String(days), '-out', `${name}.crt`);
  return { key: readFileSync(join(folder, `${name}.key`)), cert: readFileSync(join(folder, `${name}.crt`)) };
}

// Serves on a free port of 127.0.0.1 while `body` runs; gives what that gives. `seen` counts requests.
async function serving(server, body) {
  const seen = [];
  server.on('request', (request) => seen.push(request));
  server.on('tlsClientError', () => {});
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  try {
    return await body(server.address().port, seen);
  } finally {
    server.closeAllConnections?.();
    await new Promise((resolve) => { server.close(resolve); });
  }
}

async function fetchBy(options, more = {}) {
  const made = await stack.api('POST', BASE, { name: `egress ${++count}`, mode: 'MULTI_REQUEST', team_id: world.teamId,
    http_request_location_of_token: '=response.body.token',
    credential_requests: [{ options, http_request_secret: SECRET, ...more }] }, { token: world.token });
  if (made.status !== 201) return made;
  return stack.api('POST', `${BASE}/${made.body.id}/token`, undefined, { token: world.token });
}

const giveToken = (request, response) => {
  response.setHeader('content-type', 'application/json');
  response.end('{"token":"given"}');
};

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'bailee-egress-'));
  openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=test authority', '-keyout', 'ca.key', '-out', 'ca.crt');
  stack = await startStack({ workers: 8, egress: '127.0.0.1,[::1]', set: [`runner.egress_ca_file=${folder}/ca.crt`] });
  world = await stack.world();
});
after(async () => {
  await stack?.close();
  if (folder) rmSync(folder, { recursive: true, force: true });
});

describe('TLS', () => {
  const get = (port, host = 'localhost', more = {}) => fetchBy({ url: `https://${host}:${port}/`, method: 'get', ...more });

  test('a server with a good certificate is trusted', async () => {
    await serving(https.createServer(certificate('good'), giveToken), async (port) => {
      const answer = await get(port);
      assert.equal(answer.status, 200, answer.text);
      assert.equal(answer.body.token, 'given');
    });
  });

  const BAD = [
    ['made by itself', { by: 'itself' }, {}],
    ['that has expired', { days: -1 }, {}],
    ['for another name', { host: 'other.example.org' }, {}],
    ['with TLS 1.1 at most', {}, { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' }],
  ];
  for (const [name, made, options] of BAD) {
    test(`a certificate ${name} is refused before anything is said`, async () => {
      const server = https.createServer({ ...certificate(name.replaceAll(/\W/g, '-'), made), ...options }, giveToken);
      await serving(server, async (port, seen) => {
        const answer = await get(port, 'localhost', { headers: { 'X-Key': '<<secret>>' } });
        assert.equal(answer.status, 424, answer.text);
        assert.match(answer.text, /TLS|certificate/);
        assert.equal(seen.length, 0);
      });
    });
  }

  test('a certificate made by itself is taken where the options switch checking off', async () => {
    await serving(https.createServer(certificate('itself', { by: 'itself' }), giveToken), async (port) => {
      const answer = await get(port, 'localhost', { disable_ssl_verification: true });
      assert.equal(answer.status, 200, answer.text);
    });
  });

  test('a redirect from https to http carries no credential', async () => {
    await serving(http.createServer(giveToken), (plainPort, plainSeen) => {
      const server = https.createServer(certificate('down'), (request, response) => {
        response.writeHead(302, { location: `http://localhost:${plainPort}/` });
        response.end();
      });
      return serving(server, async (port) => {
        await get(port, 'localhost', { headers: { 'X-Key': '<<secret>>', Authorization: 'Bearer <<secret>>' } });
        for (const request of plainSeen) assert.ok(!JSON.stringify(request.rawHeaders).includes(SECRET));
      });
    });
  });
});

describe('answers', () => {
  const HOSTILE = [
    ['that unpack to a thousand times their size', (request, response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' });
      response.end(gzipSync(Buffer.from(`{"token":"${'a'.repeat(64 << 20)}"}`)));
    }],
    ['without end', (request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      const more = () => {
        if (!response.destroyed) response.write('x'.repeat(65536), () => setImmediate(more));
      };
      more();
    }],
    ['a byte at a time', (request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      const timer = setInterval(() => response.write(' '), 100);
      response.on('close', () => clearInterval(timer));
    }],
    ['of headers without end', (request) => {
      request.socket.write('HTTP/1.1 200 OK\r\n');
      const more = () => {
        if (!request.socket.destroyed) request.socket.write(`X-Many: ${'y'.repeat(8000)}\r\n`, () => setImmediate(more));
      };
      more();
    }],
  ];
  for (const [name, handler] of HOSTILE) {
    test(`${name} end soon, and others are served meanwhile`, async () => {
      await serving(http.createServer((request, response) => (request.url === '/good' ? giveToken(request, response) : handler(request, response))),
        async (port) => {
          const url = `http://127.0.0.1:${port}`;
          const started = Date.now();
          const bad = fetchBy({ url: `${url}/bad`, method: 'get', timeout: 2 });
          const good = await fetchBy({ url: `${url}/good`, method: 'get' });
          assert.equal(good.status, 200, good.text);
          const answer = await bad;
          assert.equal(answer.status, 424, answer.text);
          assert.ok(Date.now() - started < 15000);
          assert.ok(!answer.text.includes('aaaaaaaa'));
        });
    });
  }
});

describe('values that would become something else', () => {
  const EVIL = ['\r\nX-Injected: 1', '\nX-Injected: 1', '\rX-Injected: 1', '\u0000', '\u0001', '\u007f', '\r\n\r\nGET /second HTTP/1.1\r\n\r\n'];
  const PLACES = [
    ['a header', () => ({ headers: { 'X-Key': 'a<<secret>>b' } })],
    ['the name of a header', () => ({ headers: { 'X-<<secret>>': 'a' } })],
    ['the path', (url) => ({ url: `${url}/p/<<secret>>/q` })],
    ['the query', (url) => ({ url: `${url}/p?a=<<secret>>&b=2` })],
    ['pairs of a query', () => ({ payload: { a: '<<secret>>' } })],
    ['the user agent', () => ({ user_agent: 'a<<secret>>' })],
    ['Basic authorization', () => ({ basic_auth: ['user', '<<secret>>'] })],
    ['the content type', () => ({ method: 'post', content_type: 'text/<<secret>>', payload: 'x' })],
  ];

  // A server of bytes: what a parser would hide is seen.
  async function listening(body) {
    const heard = [];
    const server = net.createServer((socket) => {
      socket.on('error', () => {});
      socket.on('data', (data) => {
        heard.push(data.toString('latin1'));
        socket.end('HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 17\r\nConnection: close\r\n\r\n{"token":"given"}');
      });
    });
    await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
    try {
      await body(server.address().port, heard);
    } finally {
      await new Promise((resolve) => { server.close(resolve); });
    }
  }

  for (const [place, optionsOf] of PLACES) {
    test(`in ${place}: one request as it was meant, or none`, async () => {
      await listening(async (port, heard) => {
        const url = `http://127.0.0.1:${port}`;
        for (const evil of EVIL) {
          heard.length = 0;
          const answer = await fetchBy({ url: `${url}/p`, method: 'get', ...optionsOf(url) }, { http_request_secret: `k${evil}k` });
          assert.ok([200, 400, 422, 424].includes(answer.status), answer.text);
          const all = heard.join('');
          const head = all.split('\r\n\r\n')[0];
          assert.ok(heard.length <= 1 && !/^X-Injected/im.test(all) && !all.includes('GET /second'), JSON.stringify([evil, all]));
          assert.match(head.replaceAll('\r\n', ''), /^[\x20-\x7e]*$/, JSON.stringify([evil, all]));
          if (answer.status !== 200) assert.ok(!answer.text.includes('k\\r') && !answer.text.includes('Injected'), answer.text);
        }
      });
    });
  }

  test('in a path segment: it stays one segment of that path', async () => {
    await listening(async (port, heard) => {
      for (const evil of ['../../admin', '..', 'a/../../b', '%2e%2e/x', 'a?b=c', 'a#b', '//evil.example', 'a\\..\\b']) {
        heard.length = 0;
        const answer = await fetchBy({ url: `http://127.0.0.1:${port}/v1/<<URL_ENCODE(secret)>>/end`, method: 'get' }, { http_request_secret: evil });
        assert.ok([200, 424].includes(answer.status), answer.text);
        const target = /^GET (\S*) /.exec(heard[0] ?? '')?.[1];
        if (target !== undefined) assert.match(target, /^\/v1\/[^/?#]+\/end$/, JSON.stringify([evil, target]));
      }
    });
  });
});
