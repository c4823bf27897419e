// SPDX-License-Identifier: Apache-2.0
// What nginx in front answers by itself, what it lets through and what it writes down.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startStack } from './harness.mjs';

let stack;
before(async () => { stack = await startStack({ publicRate: '5r/s' }); });
after(() => stack?.close());

function isV2Error(answer, status, code) {
  assert.equal(answer.status, status, answer.text);
  assert.match(answer.headers['content-type'], /^application\/json/);
  assert.equal(answer.body?.code, code, answer.text);
  assert.ok(answer.body.message && answer.body.detail, answer.text);
  assert.match(answer.headers['x-request-id'], /^[0-9a-f]{32}$/);
  assert.equal(answer.headers['cache-control'], 'no-store');
}

function isV1Error(answer, status) {
  assert.equal(answer.status, status, answer.text);
  assert.equal(typeof answer.body?.error, 'string', answer.text);
  assert.ok(answer.body.errors.length > 0 && answer.body.errors[0].message && answer.body.errors[0].details, answer.text);
}

test('a body over the limit is refused in the shape of the surface that was asked', async () => {
  const big = Buffer.alloc(300 * 1024, 32);
  isV2Error(await stack.api('POST', '/api/v2/keys', big), 413, 'SC413');
  isV1Error(await stack.api('POST', '/api/v1/user_credentials', big), 413);
  isV2Error(await stack.api('POST', '/public/x', Buffer.alloc(65 * 1024, 32)), 413, 'SC413');
});

test('a request that cannot be read is refused as JSON', async () => {
  isV2Error(await stack.api('GET', '/api/%00'), 400, 'SC400');
  isV2Error(await stack.api('GET', '/api/v2/users/me', undefined, { headers: { 'x-long': 'x'.repeat(40000) } }), 400, 'SC400');
  const garbage = await stack.raw('GET /a\x01b FOO\r\n\r\n');
  assert.match(garbage, /^HTTP\/1\.1 400 /);
  assert.match(garbage, /"code":"SC400"/);
  const twice = await stack.raw('GET /api/v2/users/me HTTP/1.1\r\nHost: a\r\nAuthorization: Token a\r\nAuthorization: Token b\r\n\r\n');
  assert.match(twice, /^HTTP\/1\.1 400 /);
});

test('a way back from a provider that cannot be read is a page, and no query of it is written down', async () => {
  const long = { headers: { 'x-long': 'x'.repeat(40000) } };
  for (const [path, options] of [['%00'], ['%00?code=front-canary-back'], ['%zz?code=front-canary-back'], ['1?code=front-canary-back', long]]) {
    const answer = await stack.call('GET', `/oauth/callback/${path}`, undefined, options);
    assert.equal(answer.status, 400, path);
    assert.match(answer.headers['content-type'], /^text\/html/, path);
    assert.match(answer.text, /<!doctype html>/i);
    assert.ok(answer.headers['content-security-policy'] && answer.headers['referrer-policy'] === 'no-referrer', path);
  }
  assert.deepEqual(await stack.findSecret('front-canary-back'), []);
  isV2Error(await stack.api('GET', '/oauth/%00'), 400, 'SC400');
});

test('an unknown path and a method nobody takes are refused as JSON', async () => {
  isV2Error(await stack.api('GET', '/nothing'), 404, 'SC404');
  isV2Error(await stack.api('GET', '/.answer/method'), 404, 'SC404');
  const trace = await stack.api('TRACE', '/api/v2/users/me');
  isV2Error(trace, 405, 'SC405');
  const post = await stack.api('POST', '/request/0', '{}');
  isV2Error(post, 405, 'SC405');
  assert.equal(post.headers.allow, 'GET, HEAD');
});

test('a browser at an address that is none is shown a page, and what asks for data is not', async () => {
  const headers = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' };
  for (const path of ['/', '/request', '/nothing?x=text/html', '/static/none.html']) {
    const answer = await stack.call('GET', path, undefined, { headers });
    assert.equal(answer.status, 404, path);
    assert.match(answer.headers['content-type'], /^text\/html/, path);
    assert.match(answer.text, /There is nothing here/, path);
    assert.equal(answer.headers['cache-control'], 'no-store', path);
    assert.ok(answer.headers['content-security-policy'] && answer.headers['referrer-policy'] === 'no-referrer', path);
  }
  for (const path of ['/api', '/api/v2/nothing', '/public', '/public/nothing', '/oauth', '/oauth/nothing?x=text/html'])
    assert.match((await stack.call('GET', path, undefined, { headers })).headers['content-type'], /^application\/json/, path);
  isV2Error(await stack.api('GET', '/?x=text/html'), 404, 'SC404');
});

test('the request page comes with its headers and is never kept', async () => {
  const page = await stack.api('GET', '/request/2f1c0d3e-0000-4000-8000-000000000000');
  assert.equal(page.status, 200);
  assert.match(page.headers['content-type'], /^text\/html; charset=utf-8/);
  assert.equal(page.headers['cache-control'], 'no-store');
  assert.equal(page.headers['referrer-policy'], 'no-referrer');
  assert.equal(page.headers['x-robots-tag'], 'noindex, nofollow');
  assert.equal(page.headers['x-content-type-options'], 'nosniff');
  assert.equal(page.headers['cross-origin-opener-policy'], 'same-origin');
  assert.equal(page.headers['cross-origin-resource-policy'], 'same-origin');
  const policy = page.headers['content-security-policy'].split('; ').sort();
  assert.deepEqual(policy, ["base-uri 'none'", "connect-src 'self'", "default-src 'none'", "form-action 'none'",
    "frame-ancestors 'none'", "img-src 'self'", "script-src 'self'", "style-src 'self'"]);
  assert.doesNotMatch(page.headers.server, /\d/);
});

test('answers of the pools keep their own headers, each once', async () => {
  const answer = await stack.raw('GET /api/v2/users/me HTTP/1.0\r\nHost: a\r\n\r\n');
  for (const name of ['x-request-id', 'cache-control', 'x-content-type-options'])
    assert.equal(answer.toLowerCase().split(`\r\n${name}:`).length, 2, `${name} in ${answer}`);
});

test('too many calls from one address to the page are refused with the time to wait', async () => {
  const answers = await Promise.all(Array.from({ length: 80 }, () => stack.api('GET', '/public/x')));
  const refused = answers.filter((answer) => answer.status === 429);
  assert.ok(refused.length >= 20, `${refused.length} refused`);
  isV2Error(refused[0], 429, 'SC429');
  assert.match(refused[0].headers['retry-after'], /^\d+$/);
  assert.notEqual((await stack.api('GET', '/api/v2/users/me')).status, 429);
});

test('no query is written down', async () => {
  await stack.call('GET', '/oauth/callback/1?code=front-canary-code&state=1');
  await stack.api('GET', '/api/v2/users/me?secret=front-canary-code');
  assert.deepEqual(await stack.findSecret('front-canary-code'), []);
  assert.match(readFileSync(join(stack.dir, 'log', 'bailee-access.log'), 'utf8'), /GET \/oauth\/callback\/1"/);
});

test('a pool that is down is a 503 that says when to come back, and nothing else is lost', async () => {
  await stack.stop('public');
  try {
    const closed = await stack.api('GET', '/public/requests/1');
    isV2Error(closed, 503, 'SC503');
    const page = await stack.call('GET', '/oauth/callback/1?code=front-canary-code'); // by which a browser comes
    assert.equal(page.status, 503);
    assert.match(page.headers['content-type'], /^text\/html/);
    for (const answer of [closed, page]) assert.match(answer.headers['retry-after'], /^\d+$/);
    assert.equal((await stack.api('GET', '/healthz')).status, 200);
    await stack.stop('api');
    isV1Error(await stack.api('GET', '/api/v1/user_credentials'), 503);
    isV2Error(await stack.api('GET', '/healthz'), 503, 'SC503');
  } finally {
    await stack.start('api');
    await stack.start('public');
  }
  assert.equal((await stack.api('GET', '/readyz')).status, 200);
  assert.deepEqual(await stack.findSecret('front-canary-code'), []);
});
