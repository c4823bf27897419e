// SPDX-License-Identifier: Apache-2.0
// A person with a link and a browser, played by a script: keeps cookies as a browser does, follows redirects to the provider and
// back, presses the buttons on the way.
//
//   const person = new Person(stack, publicUri);
//   const view = await person.look();                        // GET /public/requests/{id}
//   const item = await person.item((one) => one.name === 'x')
//   const url = await person.connect(item.id, fields);        // where the browser is sent
//   const { answer, callback } = await person.walk(url);      // to the provider and back; callback: the URL of the way back
//   await person.settled(item.id)                             // until the runner has said something
//   await person.confirm(item.id, true)   // the account that the page shows now
//   await person.authorize(item.id, { fields })               // all of it, must succeed
//   person.jar                                                // cookies: name → { value, attributes }
import assert from 'node:assert/strict';
import http from 'node:http';
import https from 'node:https';
import { waitFor } from './harness.mjs';

const HOPS_MAX = 20;

// One HTTP request of a browser; localhost is 127.0.0.1 here, as in Chromium.
function send(url, { method = 'GET', headers = {}, body, net = {} } = {}) {
  const { protocol, hostname, port, pathname, search } = new URL(url);
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port, method, path: pathname + search, agent: false, timeout: 60000, ...net,
      headers: { host: `${hostname}:${port}`, ...headers, ...(body === undefined ? {} : { 'content-length': Buffer.byteLength(body) }) } };
    const request = (protocol === 'https:' ? https : http).request(options, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('error', reject);
      response.on('data', (part) => { text += part; });
      response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, text }));
    });
    request.on('timeout', () => request.destroy(new Error(`${method} ${url}: no answer`)));
    request.on('error', reject);
    request.end(body);
  });
}

// Cookies by host; a browser gives them to all ports of it.
export class Jar {
  constructor() { this.hosts = new Map(); }

  of(url) {
    const { hostname } = new URL(url);
    if (!this.hosts.has(hostname)) this.hosts.set(hostname, new Map());
    return this.hosts.get(hostname);
  }

  header(url) { return [...this.of(url)].map(([name, { value }]) => `${name}=${value}`).join('; '); }

  take(url, lines = []) {
    for (const line of lines) {
      const [pair, ...attributes] = line.split(';').map((part) => part.trim());
      const at = pair.indexOf('=');
      const [name, value] = [pair.slice(0, at), pair.slice(at + 1)];
      const gone = attributes.some((part) => /^max-age=(0|-.*)$/i.test(part) ||
        (/^expires=/i.test(part) && Date.parse(part.slice(8)) <= Date.now()));
      if (gone) this.of(url).delete(name);
      else this.of(url).set(name, { value, attributes });
    }
  }
}

export class Person {
  constructor(stack, publicUri, jar = new Jar()) {
    const { pathname, hash } = new URL(publicUri);
    this.stack = stack;
    this.requestId = pathname.split('/').pop();
    this.secret = hash.slice(1);
    this.jar = jar;
    this.path = `/public/requests/${this.requestId}`;
  }

  // A request of this browser to anybody.
  async browse(url, { headers = {}, ...options } = {}) {
    const cookie = this.jar.header(url);
    const net = url.startsWith(`${this.stack.url}/`) ? this.stack.net : {};
    const answer = await send(url, { ...options, net, headers: { ...headers, ...(cookie ? { cookie } : {}) } });
    this.jar.take(url, answer.headers['set-cookie']);
    return answer;
  }

  // A call of the page; the answer must be as documented.
  async call(method, path = '', body = undefined) {
    const cookie = this.jar.header(this.stack.url);
    const answer = await this.stack.api(method, this.path + path, body, { browser: null, headers: {
      authorization: `Link ${this.secret}`, 'sec-fetch-site': 'same-origin', ...(method === 'GET' ? {} : { origin: this.stack.url }),
      ...(cookie ? { cookie } : {}),
    } });
    this.jar.take(this.stack.url, answer.headers['set-cookie']);
    return answer;
  }

  async look() {
    const answer = await this.call('GET');
    assert.equal(answer.status, 200, answer.text);
    return answer.body;
  }

  async item(which) {
    const { items } = await this.look();
    const found = typeof which === 'string' ? items.find(({ id }) => id === which) : which ? items.find(which) : items[0];
    assert.ok(found, `no such item in ${JSON.stringify(items)}`);
    return found;
  }

  async connect(itemId, fields) {
    const answer = await this.call('POST', `/items/${itemId}/connect`, fields ? { fields } : {});
    assert.equal(answer.status, 200, answer.text);
    return answer.body.url;
  }

  // Presses the buttons of the provider's pages (login: under which name) until the way back; `stopBefore` the callback is called.
  async walk(url, { login = 'grace', decision = 'allow', stopBefore = false, decide = () => decision } = {}) {
    let answer = null;
    const seen = [];
    const callback = `${this.stack.url}/oauth/callback/`;
    for (let hop = 0; hop < HOPS_MAX; hop++) {
      seen.push(url);
      if (url.startsWith(callback)) {
        if (stopBefore) return { callback: url, seen };
        return { answer: await this.browse(url, { headers: { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' } }), callback: url, seen };
      }
      answer = await this.browse(url);
      if (answer.headers.location) {
        url = String(new URL(answer.headers.location, url));
        continue;
      }
      const { hash } = new URL(url);
      if (hash.includes('?')) { // a page that goes by what stands there
        url = String(new URL(hash.slice(1), url));
        continue;
      }
      const action = /<form method="post" action="([^"]+)"/.exec(answer.text)?.[1];
      if (!action) return { answer, seen };
      const hidden = [...answer.text.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)"/g)].map(([, name, value]) => [name, value]);
      const body = String(new URLSearchParams({ ...Object.fromEntries(hidden), login, decision: decide(answer.text) }));
      const posted = await this.browse(String(new URL(action, url)),
        { method: 'POST', body, headers: { 'content-type': 'application/x-www-form-urlencoded' } });
      assert.ok(posted.headers.location, `the provider says ${posted.status} ${posted.text}`);
      url = String(new URL(posted.headers.location, url));
    }
    throw new Error(`too many redirects: ${seen.join(' ')}`);
  }

  // Until nothing is under way with an item any more; gives the item.
  settled(itemId, { seconds = 30 } = {}) {
    return waitFor(`the end of what is done with item ${itemId}`, async () => {
      const item = await this.item(itemId);
      return item.progress !== 'working' && item;
    }, { seconds, everyMs: 50 });
  }

  // The account that the page shows now, or `account`, one that it has shown.
  async confirm(itemId, accept = true, { account } = {}) {
    const answer = await this.call('POST', `/items/${itemId}/confirm`, { account: account ?? (await this.item(itemId)).account.id, accept });
    assert.equal(answer.status, 202, answer.text);
    return answer;
  }

  async authorize(itemId, { fields, ...walk } = {}) {
    const { answer } = await this.walk(await this.connect(itemId, fields), walk);
    assert.equal(answer.status, 303, answer.text);
    const waiting = await this.settled(itemId);
    assert.equal(waiting.progress, 'confirm', JSON.stringify(waiting));
    await this.confirm(itemId);
    const item = await this.settled(itemId);
    assert.equal(item.state, 'authorized', JSON.stringify(item));
    return { ...item, account: waiting.account };
  }
}

// Definitions of one app per connection, with a module each: { 'app#type.json': definition }.
export function appFor(connection, { name = `app#${connection.type}`, modules } = {}) {
  return {
    name,
    version: 1,
    label: `App of ${connection.label}`,
    connections: [connection],
    modules: modules ?? [{ id: 'Use', name: 'Use', label: 'Use', type: `account:${connection.type}` }],
  };
}
