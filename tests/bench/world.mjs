// SPDX-License-Identifier: Apache-2.0
// What is measured: a private Bailee, the floor behind the same nginx, a cheap vendor, and rows to ask for.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { freePort, startStack, waitFor } from '../e2e/harness.mjs';

export const ROWS = 64; // asked for in turn, so that no single row is hotter than all others
export const IN_FLIGHT = 256; // of the bare program; of the runner's places a team has about three quarters
const SESSION = '{"session":"3f9c2a7be4d1480fa6b5c7d8e9f01234","expires_in":60}';
const TOKEN = '{"token":"4aQm0Zr2vX9tLkS7uYb1wNcE6dHfJgPiO5sRxVzTyB8","expires_in":3600}';

// Runs `work(item, index)` over all items, `width` at a time.
export async function inParallel(items, width, work) {
  const results = new Array(items.length);
  let next = 0;
  await Promise.all(Array.from({ length: width }, async () => {
    while (next < items.length) {
      const at = next++;
      results[at] = await work(items[at], at);
    }
  }));
  return results;
}

export const range = (n) => Array.from({ length: n }, (nothing, at) => at);

function must(answer, status, what) {
  if (answer.status !== status) throw new Error(`${what}: ${answer.status} instead of ${status}: ${answer.text.slice(0, 500)}`);
  return answer.body;
}

// The floor's server is the site's own but for its port and its upstream: the same headers, limits and log lines.
function floorServer(site, port, sitePort, socket) {
  const server = site.slice(site.indexOf('\nserver {'));
  return `upstream bailee_floor {\n\tserver unix:${socket} max_fails=0;\n}\n${server
    .replace(`listen 127.0.0.1:${sitePort};`, `listen 127.0.0.1:${port};`)
    .replaceAll('fastcgi_pass bailee_api;', 'fastcgi_pass bailee_floor;')}`;
}

function vendorServer(port) {
  const answer = (path, body) => `\tlocation = ${path} {\n\t\tdefault_type application/json;\n\t\treturn 200 '${body}';\n\t}\n`;
  return `server {\n\tlisten 127.0.0.1:${port};\n\tkeepalive_requests 1000000;\n\taccess_log off;\n` +
    `${answer('/login', SESSION)}${answer('/token', TOKEN)}}\n`;
}

export class World {
  static async start(options) {
    const world = new World();
    world.options = options;
    world.stack = await startStack({ build: options.build, workers: options.workers,
      set: ['api.worker_max_requests=100000000'] });
    try {
      await world.addServers();
      Object.assign(world, await world.stack.world({ name: 'Bench' }));
    } catch (error) {
      await world.close();
      throw error;
    }
    return world;
  }

  // The private nginx gets two more servers; the shipped site stays as it is.
  async addServers() {
    const { dir, port } = this.stack;
    const conf = join(dir, 'nginx.conf');
    const site = readFileSync(join(dir, 'nginx-site.conf'), 'utf8');
    this.floorPort = await freePort();
    this.vendorPort = await freePort();
    this.vendor = `http://127.0.0.1:${this.vendorPort}`;
    const more = join(dir, 'nginx-bench.conf');
    writeFileSync(more, floorServer(site, this.floorPort, port, join(dir, 'run', 'floor.sock')) + vendorServer(this.vendorPort));
    writeFileSync(conf, readFileSync(conf, 'utf8').replace(/\}\s*$/, `\n\tinclude ${more};\n}\n`));
    await this.stack.kill('nginx', 'HUP');
    await waitFor('the added servers of nginx', () => answersAt(this.vendorPort));
  }

  async startFloor(doc) {
    const { dir, build } = this.stack;
    await this.stack.mysql(`CREATE DATABASE floor; CREATE TABLE floor.floor_doc (id INT UNSIGNED NOT NULL PRIMARY KEY, doc TEXT NOT NULL);
      INSERT INTO floor.floor_doc VALUES ${range(ROWS).map((id) => `(${id}, '${doc.replaceAll("'", "''")}')`).join(',')};`);
    const socket = join(dir, 'run', 'floor.sock');
    this.floor = spawn(join(build, 'tests', 'bench', 'floor'), [socket, String(this.options.workers), join(dir, 'run', 'db.sock')],
      { stdio: 'inherit' });
    await waitFor('the floor', () => existsSync(socket) && this.call('GET', '/api/floor/0', undefined, this.floorPort)
      .then((answer) => answer.status === 200, () => false));
  }

  call(method, path, body, port = this.stack.port, headers = {}) {
    return this.stack.send.call({ net: { ...this.stack.net, port } }, method, path, body, { token: this.token, headers });
  }

  async created(path, body, status) {
    return must(await this.call('POST', path, body), status, `POST ${path}`);
  }

  requestBody(name) {
    return { name, teamId: this.teamId, description: 'An API key and a login, please.',
      provider: { providerMakeUserId: this.userId },
      credentials: [{ appName: 'http', appModules: ['ActionSendDataBasicAuth', 'ActionSendDataAPIKeyAuth'] }] };
  }

  multiRequest(name, ttl, vendor = this.vendor) {
    const step = (path, payload, secret) =>
      ({ options: { url: `${vendor}${path}`, method: 'post', content_type: 'json', payload }, http_request_secret: secret });
    return { name, mode: 'MULTI_REQUEST', team_id: this.teamId, http_request_ttl: ttl, description: 'Made to be measured.',
      http_request_location_of_token: '=response.body.token',
      credential_requests: [step('/login', { user: 'bench', password: '<<secret>>' }, '0123456789abcdef'),
        step('/token', { session: '<<PREVIOUS_STEP.body.session>>' }, 'unused')] };
  }

  async makeCredentials(n, prefix, ttl) {
    const answers = await inParallel(range(n), 8, (at) =>
      this.created('/api/v1/user_credentials', this.multiRequest(`${prefix} ${at}`, ttl), 201));
    return answers.map((answer) => answer.id);
  }

  // 202: half of the workers wait already; the fetch goes on all the same.
  fillCache(id) {
    return waitFor(`the token of credential ${id}`, async () => {
      const answer = await this.call('POST', `/api/v1/user_credentials/${id}/token`);
      if (answer.status !== 202) must(answer, 200, 'POST token');
      return answer.status === 200;
    });
  }

  // Rows for the HTTP calls: ids of requests, and of credentials with a token in the cache.
  async makeRows() {
    const requests = await inParallel(range(ROWS), 8, (at) =>
      this.created('/api/v2/credential-requests/requests/v2', this.requestBody(`Bench ${at}`), 200));
    this.requestIds = requests.map((answer) => answer.request.id);
    this.credentialIds = await this.makeCredentials(ROWS, 'Cached', 86400);
    await inParallel(this.credentialIds, 8, (id) => this.fillCache(id));
    const answer = await this.call('GET', `/api/v2/credential-requests/requests/${this.requestIds[0]}`);
    must(answer, 200, 'GET request');
    await this.startFloor(answer.text);
  }

  async close() {
    this.floor?.kill('SIGKILL');
    await this.stack.close();
  }
}

function answersAt(port) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => { socket.destroy(); resolve(true); });
    socket.on('error', () => resolve(false));
  });
}
