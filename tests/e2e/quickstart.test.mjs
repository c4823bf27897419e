// SPDX-License-Identifier: Apache-2.0
// The tour a newcomer takes: it succeeds, may be repeated, and stops without a trace.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { freePort, TOP } from './harness.mjs';
import { Person } from './person.mjs';

const parent = mkdtempSync(join(tmpdir(), 'bailee-tour-'));
const dir = join(parent, 'var');
const build = process.env.BAILEE_BUILD ?? join(TOP, 'build-check');
const quickstart = (...args) =>
  spawnSync(join(TOP, 'quickstart'), ['--dir', dir, '--build', build, ...args], { encoding: 'utf8', timeout: 180000 });
after(() => {
  quickstart('stop');
  rmSync(parent, { recursive: true, force: true });
});

const variables = () => Object.fromEntries(readFileSync(join(dir, 'quickstart.env'), 'utf8').trim().split('\n')
  .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));

test('the tour shows a token of the vendor, its cached twin, a request link and a key taken back', async () => {
  const port = await freePort();
  const run = quickstart('--port', String(port));
  assert.equal(run.status, 0, run.stderr + run.stdout);
  assert.match(run.stdout, /→ \{"user":"demo"\}/);
  assert.match(run.stdout, /logins at the vendor: 1\n/);
  assert.match(run.stdout, new RegExp(`http://127\\.0\\.0\\.1:${port}/request/[0-9a-f-]{36}#\\S{20,}`));
  assert.match(run.stdout, /→ \{"state":"authorized","remoteId":"\d+"\}[^]*delete-remote[^]*→ \{"state":"pending","remoteId":null\}[^]*→ \{"deleted":true\}/);
  assert.equal(statSync(join(dir, 'quickstart.env')).mode & 0o777, 0o600);
  assert.equal(variables().BAILEE_URL, `http://127.0.0.1:${port}`);
});

test('the account behind the link can be connected, and its live token is shown afterwards', async () => {
  const { DEMO_REQUEST_LINK, BAILEE_URL, DEMO_OAUTH_URL } = variables();
  const call = async (method, path, body, { headers }) => {
    const answer = await fetch(BAILEE_URL + path, { method, headers: { ...headers, 'content-type': 'application/json' }, body: body && JSON.stringify(body) });
    const text = await answer.text();
    return { status: answer.status, text, body: JSON.parse(text), headers: { 'set-cookie': answer.headers.getSetCookie() } };
  };
  const person = new Person({ url: BAILEE_URL, api: call }, DEMO_REQUEST_LINK);
  const item = await person.item(({ component }) => component === 'account');
  const done = await person.authorize(item.id, { login: 'a new user' });
  assert.equal(done.account.name, 'a new user');
  const run = quickstart();
  assert.equal(run.status, 0, run.stderr + run.stdout);
  assert.match(run.stdout, /connections\/\d+\/token[^]*→ \{"token":"[\w-]{8}…"/);
  assert.match(run.stdout, /→ \{"id":"[0-9a-f]{12}","name":"a new user"\}/);
  assert.match(run.stdout, /still open/, 'the keys are not given yet');
  assert.ok((await (await fetch(`${DEMO_OAUTH_URL}/stats`)).json()).calls >= 2);
});

test('its secrets are not shown', () => {
  const run = quickstart();
  assert.equal(run.status, 0, run.stderr + run.stdout);
  for (const name of ['BAILEE_TOKEN', 'DEMO_VENDOR_PASSWORD', 'DEMO_OAUTH_CLIENT_SECRET']) assert.ok(!run.stdout.includes(variables()[name]), name);
});

test('a second start changes nothing that was handed out', () => {
  const first = variables();
  const run = quickstart();
  assert.equal(run.status, 0, run.stderr + run.stdout);
  assert.match(run.stdout, /still open/);
  const second = variables();
  for (const name of ['BAILEE_TOKEN', 'BAILEE_TEAM_ID', 'DEMO_REQUEST_LINK', 'DEMO_VENDOR_URL', 'DEMO_OAUTH_URL', 'DEMO_OAUTH_REDIRECT_URI'])
    assert.equal(second[name], first[name], name);
});

test('a port that another program has is refused, and what runs goes on', async () => {
  const server = net.createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => { server.once('listening', resolve); });
  const run = quickstart('--port', String(server.address().port));
  server.close();
  assert.notEqual(run.status, 0);
  assert.match(run.stderr, /port \d+ .* is taken/);
  assert.equal(quickstart('status').status, 0);
});

test('stop ends every part; reset removes the folder', () => {
  assert.equal(quickstart('stop').status, 0);
  const status = quickstart('status');
  assert.notEqual(status.status, 0);
  assert.doesNotMatch(status.stdout, /running/);
  assert.equal(spawnSync('pgrep', ['-f', dir]).status, 1, 'a process of the folder is left');
  assert.equal(quickstart('reset').status, 0);
  assert.ok(!existsSync(dir));
});
