// SPDX-License-Identifier: Apache-2.0
// A complete private Bailee for a test: MariaDB, nginx, both pools and a runner in a temporary folder, on a port of its own.
//
//   const stack = await startStack({ set: ['api.wait_default_s=2'] });   // options below
//   const { token, teamId } = await stack.world();                       // organization, team, user, token
//   const answer = await stack.api('GET', '/api/v2/users/me', undefined, { token });
//   await stack.kill('runner'); await stack.start('runner');
//   await stack.close();                                                  // fails when a sanitizer spoke
//
// Several may run at once, as root or not. When a test ends without close(), the stack is stopped at exit all the same.
// BAILEE_BUILD names the build folder (default build-check), BAILEE_KEEP=1 keeps the temporary folder.
import { execFile, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, mkdtempSync, statSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const TOP = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const SCRIPT = join(TOP, 'scripts', 'stack.sh');
const SANITIZER = /ERROR: \w+Sanitizer|runtime error:|Assertion [`'].*failed/;

// Waits until `check` gives something true, and gives that; throws after `seconds`.
export async function waitFor(what, check, { seconds = 40, everyMs = 25 } = {}) {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const got = await check();
    if (got) return got;
    if (Date.now() > end) throw new Error(`waited ${seconds} s in vain for ${what}`);
    await sleep(everyMs);
  }
}

export const sleep = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

const isFree = (port) => new Promise((resolve) => {
  const server = net.createServer();
  server.once('error', () => resolve(false));
  server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
});

// Below the ports that connections going out are given: one of those may hold the port by the time its server starts.
export async function freePort() {
  for (;;) {
    const port = 10000 + Math.floor(Math.random() * 22000);
    if (await isFree(port)) return port;
  }
}

let wishedPort = Number(process.env.BAILEE_TEST_PORT ?? 0); // for the first stack only
async function nextPort() {
  const port = wishedPort || await freePort();
  wishedPort = 0;
  return port;
}

// Runs a program; gives { code, stdout, stderr }. `input` goes to its standard input.
function run(file, args, { input = '', env = {}, ms = 120000 } = {}) {
  return new Promise((resolve) => {
    const options = { env: { ...process.env, ...env }, maxBuffer: 64 << 20, timeout: ms, killSignal: 'SIGKILL' };
    const child = execFile(file, args, options, (error, stdout, stderr) => {
      resolve({ code: error ? error.code ?? error.signal ?? 1 : 0, stdout, stderr });
    });
    child.stdin.on('error', () => {}); // it may end without reading
    child.stdin.end(input);
  });
}

async function must(file, args, options) {
  const result = await run(file, args, options);
  if (result.code !== 0) throw new Error(`${args.join(' ')} ended with ${result.code}: ${result.stderr}${result.stdout}`);
  return result.stdout;
}

function filesBelow(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return filesBelow(path);
    return entry.isFile() ? [path] : [];
  });
}

// The forms in which a secret (a text) may have leaked.
export function formsOf(secret) {
  const bytes = Buffer.from(secret);
  const forms = [bytes, Buffer.from(bytes.toString('hex')), Buffer.from(bytes.toString('hex').toUpperCase()),
    Buffer.from(encodeURIComponent(secret)), Buffer.from(JSON.stringify(secret).slice(1, -1))];
  for (let shift = 0; shift < 3; shift++) {
    // base64 of a text that holds the secret somewhere: the inner characters do not depend on what stands around it
    const whole = Buffer.concat([Buffer.alloc(shift), bytes]).toString('base64').replace(/=+$/, '');
    forms.push(Buffer.from(whole.slice(shift ? 4 : 0, -2)));
  }
  return forms.filter((form) => form.length >= 8);
}

// One for each build: documents differ in the address of the server only.
const contracts = new Map();

const running = new Set();
process.on('exit', () => {
  for (const stack of running) stack.closeNow();
});
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.once(signal, () => process.exit(1));

class Stack {
  constructor(dir, port, build, tls, db) {
    Object.assign(this, { dir, port, build, tls, db: db ?? join(dir, 'run', 'db.sock'), url: `http${tls ? 's' : ''}://127.0.0.1:${port}`, conf: join(dir, 'bailee.conf') });
    this.browsers = new Map(); // name of a browser → its cookies
  }

  // What a request to the site needs besides; with TLS its certificate is checked.
  get net() {
    return { host: '127.0.0.1', port: this.port, agent: false, ...(this.tls ? { ca: readFileSync(join(this.dir, 'keys', 'tls.crt')) } : {}) };
  }

  script(...args) {
    return must(SCRIPT, ['--dir', this.dir, ...args]);
  }

  // One part: db, public, api, runner or nginx.
  start(part) { return this.script('start', part); }

  stop(part) { return this.script('stop', part); }

  async restart(part) {
    await this.stop(part);
    await this.start(part);
  }

  kill(part, signal = 'KILL') { return this.script('kill', part, signal); }

  async pid(part) {
    const { stdout } = await run(SCRIPT, ['--dir', this.dir, 'pid', part]);
    return Number(stdout.trim()) || null;
  }

  // Process ids of a part: the first process and all it started.
  async pids(part) {
    const pid = await this.pid(part);
    if (!pid) return [];
    const { stdout } = await run('pgrep', ['-g', String(pid)]);
    return stdout.trim().split('\n').filter(Boolean).map(Number);
  }

  // SQL as the database's root; rows of text columns ("NULL" for NULL).
  async mysql(sql) {
    const out = await must('mariadb', ['--no-defaults', '--default-character-set=utf8mb4', `--socket=${this.db}`, '-uroot', '-N', '-B', 'bailee'],
      { input: sql });
    return out.split('\n').filter((line) => line !== '').map((line) => line.split('\t'));
  }

  // SQL as one of Bailee's own accounts (public, api, runner, ctl); gives { code, stdout, stderr }. With `force` it goes on
  // after errors, each of which is told with its line.
  mysqlAs(account, sql, { force = false } = {}) {
    const password = readFileSync(join(this.dir, 'keys', `db-${account}.password`), 'utf8').trim();
    return run('mariadb', ['--no-defaults', '--default-character-set=utf8mb4', `--socket=${this.db}`, `-ubailee_${account}`, '-N', '-B', ...(force ? ['-f'] : []), 'bailee'],
      { input: sql, env: { MYSQL_PWD: password } });
  }

  // Has the runner do its housekeeping now, not within a minute; not the one that it may be doing already.
  async housekeep() {
    await waitFor('housekeeping to be put in', async () => (await this.mysql(`INSERT IGNORE INTO job (kind, subject, active_key, team_id, run_at, max_attempts, payload, created_at)
      VALUES ('housekeeping', 'housekeeping', 'housekeeping', 0, UTC_TIMESTAMP(3), 1, '{}', UTC_TIMESTAMP(3)); SELECT ROW_COUNT()`))[0][0] === '1');
  }

  // baileectl; gives { code, stdout, stderr }.
  tryCtl(args, options) {
    return run(join(this.build, 'baileectl'), ['--config', this.conf, ...args], options);
  }

  // baileectl that must succeed; with --json the parsed answer, else its text.
  async ctl(args, options) {
    const out = await must(join(this.build, 'baileectl'), ['--config', this.conf, ...args], options);
    return args.includes('--json') ? JSON.parse(out) : out;
  }

  // A program of the build with this configuration, for tests of refused starts; gives { code, stdout, stderr }.
  tryProgram(program, args, options) {
    return run(join(this.build, program), ['--config', this.conf, ...args], options);
  }

  async addTeam(name, organizationId) {
    return (await this.ctl(['team', 'add', '--organization', String(organizationId), '--name', name, '--json'])).id;
  }

  async addUser(name, teamIds = []) {
    const email = `${name.toLowerCase().replace(/[^a-z0-9]+/g, '.')}@example.org`;
    const { id } = await this.ctl(['user', 'add', '--email', email, '--name', name, '--json']);
    for (const team of teamIds) await this.ctl(['member', 'add', '--team', String(team), '--user', String(id)]);
    return id;
  }

  async addToken(userId, scopes = 'all') {
    return (await this.ctl(['token', 'create', '--user', String(userId), '--scopes', scopes, '--name', 'test', '--json'])).token;
  }

  // The usual beginning: { organizationId, teamId, userId, token }.
  async world({ name = 'World', scopes = 'all' } = {}) {
    const organizationId = (await this.ctl(['org', 'add', '--name', `${name} Organization`, '--json'])).id;
    const teamId = await this.addTeam(`${name} Team`, organizationId);
    const userId = await this.addUser(`${name} User`, [teamId]);
    return { organizationId, teamId, userId, token: await this.addToken(userId, scopes) };
  }

  // One HTTP request on a connection of its own; the path goes out as it is. An object becomes JSON, text stays as it is.
  // Gives { status, headers, text, body }: body is the parsed JSON or undefined. An answer that the OpenAPI document does
  // not know is an error.
  async api(method, path, body, options) {
    const answer = await this.call(method, path, body, options);
    (await this.contract())?.check(method, path, answer);
    return answer;
  }

  // Undefined as long as the API is away. What only measures (BAILEE_CONTRACT=off, as the benchmark) needs no package from
  // npm; a test that lacks one fails.
  async contract() {
    if (process.env.BAILEE_CONTRACT === 'off') return null;
    if (!contracts.has(this.build)) {
      const { Contract, fetchDocument } = await import('./contract.mjs');
      const document = await fetchDocument(this);
      if (document && !contracts.has(this.build)) contracts.set(this.build, new Contract(document));
    }
    return contracts.get(this.build);
  }

  // Cookies of a browser, by name.
  cookiesOf(browser) {
    if (!this.browsers.has(browser)) this.browsers.set(browser, new Map());
    return this.browsers.get(browser);
  }

  keepCookies(browser, answer) {
    for (const line of answer.headers['set-cookie'] ?? []) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
      this.cookiesOf(browser).set(name, value);
    }
  }

  // The same, whatever comes back. Calls to the public pool come from one browser, which keeps its cookies, or from the one
  // that is named; null: from none.
  async call(method, path, body, { browser = 'one', headers = {}, ...options } = {}) {
    const jar = /^\/(public|oauth)\//.test(path) && browser !== null;
    // of one request each; all of them would be more than fits where a test makes hundreds
    const cookie = jar ? [...this.cookiesOf(browser)].filter(([name]) => path.includes(name.slice(-36)))
      .map(([name, value]) => `${name}=${value}`).join('; ') : '';
    const answer = await this.send(method, path, body, { ...options, headers: cookie ? { cookie, ...headers } : headers });
    if (jar) this.keepCookies(browser, answer);
    return answer;
  }

  send(method, path, body, { token, scheme = 'Bearer', headers = {}, ms = 90000 } = {}) {
    const payload = body === undefined || typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
    const all = { ...headers };
    if (token) all.authorization = `${scheme} ${token}`;
    if (payload !== undefined) {
      all['content-length'] = Buffer.byteLength(payload);
      if (!Object.keys(all).some((name) => name.toLowerCase() === 'content-type')) all['content-type'] = 'application/json';
    }
    return new Promise((resolve, reject) => {
      const request = (this.tls ? https : http).request({ ...this.net, method, path, headers: all, timeout: ms });
      request.on('timeout', () => request.destroy(new Error(`${method} ${path}: no answer within ${ms} ms`)));
      request.on('error', reject);
      request.on('response', (response) => {
        const parts = [];
        response.on('error', reject);
        response.on('data', (part) => parts.push(part));
        response.on('end', () => {
          const text = Buffer.concat(parts).toString('utf8');
          const answer = { status: response.statusCode, headers: response.headers, text, body: undefined };
          try {
            answer.body = JSON.parse(text);
          } catch {
            // not JSON
          }
          resolve(answer);
        });
      });
      request.end(payload);
    });
  }

  // Waits until nothing is done with an item of the page any more, and says yes when it asks whose account it is; gives the item.
  async answered(requestId, secret, itemId) {
    const path = `/public/requests/${requestId}`;
    const link = { token: secret, scheme: 'Link' };
    const idle = () => waitFor('the end of the job', async () => {
      const { items } = (await this.api('GET', path, undefined, link)).body;
      const item = items.find(({ id }) => id === itemId);
      return item.progress !== 'working' && item;
    });
    const item = await idle();
    if (item.progress !== 'confirm') return item;
    const said = await this.api('POST', `${path}/items/${itemId}/confirm`, { account: item.account.id, accept: true }, link);
    if (said.status !== 202) throw new Error(`not confirmed: ${said.text}`);
    return idle();
  }

  // Bytes as they are over TCP; gives all that comes back until the other side closes.
  raw(bytes, { ms = 10000 } = {}) {
    return new Promise((resolve, reject) => {
      const parts = [];
      const socket = net.connect(this.port, '127.0.0.1', () => socket.write(bytes));
      socket.setTimeout(ms, () => socket.destroy(new Error('no end of the answer')));
      socket.on('data', (part) => parts.push(part));
      socket.on('error', reject);
      socket.on('close', () => resolve(Buffer.concat(parts).toString('latin1')));
    });
  }

  // All logs, or those of one part, as text.
  logs(part = '') {
    const folder = join(this.dir, 'log');
    return readdirSync(folder).filter((name) => name.startsWith(part)).sort()
      .map((name) => readFileSync(join(folder, name), 'utf8')).join('');
  }

  // Where a secret can be seen that should be nowhere: logs, database files, run files, arguments and environments of
  // our processes. Gives the list of places; key files and what the test itself holds are not looked at.
  async findSecret(secret) {
    const forms = formsOf(secret);
    const places = [];
    const look = (place, bytes) => {
      if (forms.some((form) => bytes.includes(form))) places.push(place);
    };
    await this.mysql('FLUSH TABLES'); // what waits in memory goes to the files
    for (const path of filesBelow(this.dir)) {
      if (statSync(path).size > 0 && !path.startsWith(join(this.dir, 'keys'))) look(path.slice(this.dir.length + 1), readFileSync(path));
    }
    look('database dump', Buffer.from(await must('mariadb-dump',
      ['--no-defaults', `--socket=${this.db}`, '-uroot', '--hex-blob', '--skip-extended-insert', 'bailee'])));
    for (const part of ['db', 'public', 'api', 'runner', 'nginx']) {
      for (const pid of await this.pids(part)) {
        for (const file of ['cmdline', 'environ']) {
          try {
            look(`${part} ${pid} ${file}`, readFileSync(`/proc/${pid}/${file}`));
          } catch {
            // ended meanwhile
          }
        }
      }
    }
    return places;
  }

  sanitizerReports() {
    return this.logs().split('\n').filter((line) => SANITIZER.test(line));
  }

  // Stops everything and removes the folder. A sanitizer's report in any log is an error.
  async close() {
    running.delete(this);
    await this.script('down');
    const reports = this.sanitizerReports();
    if (reports.length > 0) throw new Error(`see ${this.dir}/log: ${reports.join('; ')}`);
    if (!process.env.BAILEE_KEEP) rmSync(this.dir, { recursive: true, force: true });
  }

  // At the end of a process nothing can be waited for any more.
  closeNow() {
    spawnSync(SCRIPT, ['--dir', this.dir, 'down'], { timeout: 60000 });
    if (!process.env.BAILEE_KEEP) rmSync(this.dir, { recursive: true, force: true });
  }
}

// Options: workers (2), egress (addresses the runner may call; "127.0.0.1"), publicRate (requests a second to /public/;
// high, so that tests are not slowed), apiRate and addressRate (requests a second to /api/ with a token and from an address;
// not limited), set (["section.option=value", …]), db (the socket of a database that the test runs itself), build.
export async function startStack({ tls = false, db, workers = 2, egress = '127.0.0.1', publicRate = '10000r/s', apiRate, addressRate, set = [],
  build = process.env.BAILEE_BUILD ?? join(TOP, 'build-check') } = {}) {
  const args = ['--build', build, '--workers', String(workers), '--egress', egress, '--public-rate', publicRate, ...(tls ? ['--tls', 'yes'] : []),
    ...(db ? ['--db', db] : []),
    ...(apiRate ? ['--api-rate', apiRate] : []), ...(addressRate ? ['--address-rate', addressRate] : []), ...set.flatMap((option) => ['--set', option])];
  for (let attempt = 1; ; attempt++) {
    const dir = mkdtempSync(join(tmpdir(), 'bailee-'));
    const stack = new Stack(dir, await nextPort(), build, tls, db);
    running.add(stack);
    const result = await run(SCRIPT, ['--dir', dir, '--port', String(stack.port), ...args, 'up']);
    if (result.code === 0) return stack;
    running.delete(stack);
    stack.closeNow();
    // another program can be quicker to a free port
    if (attempt === 3 || !/is taken|Address already in use/.test(result.stderr)) throw new Error(`the stack did not start: ${result.stderr}`);
  }
}
