// SPDX-License-Identifier: Apache-2.0
// Every flow of docs/FLOWS.md, created through the API as it stands there, against a strict server of its vendor.
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { startStack, TOP } from './harness.mjs';
import { startConjur } from './vendors/conjur.mjs';
import { startCyberArk } from './vendors/cyberark.mjs';
import { startGitHub } from './vendors/github.mjs';
import { startOkta } from './vendors/okta.mjs';
import { startPrisma } from './vendors/prisma.mjs';
import { startRegistry } from './vendors/registry.mjs';
import { startSap } from './vendors/sap.mjs';
import { startSdWan } from './vendors/sdwan.mjs';
import { startSoap } from './vendors/soap.mjs';
import { startVault } from './vendors/vault.mjs';

const BASE = '/api/v1/user_credentials';
const SECRET = 'canary-flow-7729-p<&>"\'w ü+%20=';
const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048,
  privateKeyEncoding: { type: 'pkcs1', format: 'pem' }, publicKeyEncoding: { type: 'spki', format: 'pem' } });
const otherKey = generateKeyPairSync('rsa', { modulusLength: 2048,
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' }, publicKeyEncoding: { type: 'spki', format: 'pem' } }).privateKey;

let stack; let world; let count = 0;
const vendors = [];
before(async () => {
  stack = await startStack();
  world = await stack.world();
});
after(async () => {
  await stack?.close();
  for (const vendor of vendors) await vendor.close();
});

// The JSON below the heading of that name.
const page = readFileSync(join(TOP, 'docs', 'FLOWS.md'), 'utf8');
function documented(heading) {
  const section = page.split(/^## /m).find((part) => part.startsWith(`${heading}\n`));
  assert.ok(section, `docs/FLOWS.md has no ${heading}`);
  return JSON.parse(/```json\n(.*?)```/s.exec(section)[1]);
}

// Every string with the vendor's address and our secrets in place of the page's.
function adapted(value, vendor, secrets) {
  if (Array.isArray(value)) return value.map((item) => adapted(item, vendor, secrets));
  if (value !== null && typeof value === 'object')
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, adapted(item, vendor, secrets)]));
  if (typeof value !== 'string') return value;
  if (value in secrets) return secrets[value];
  return value.replace(/^https:\/\/[a-z.-]*example\.com/, vendor.url);
}

async function keep(starting) {
  const vendor = await starting;
  vendors.push(vendor);
  return vendor;
}

async function create(heading, vendor, secrets, change = () => {}) {
  const body = adapted(documented(heading), vendor, secrets);
  body.team_id = world.teamId;
  body.name = `${body.name} ${++count}`;
  change(body);
  const answer = await stack.api('POST', BASE, body, { token: world.token });
  assert.equal(answer.status, 201, answer.text);
  return answer.body.id;
}

const ask = (id) => stack.api('POST', `${BASE}/${id}/token`, undefined, { token: world.token });
const log = async (id) => (await stack.api('GET', `${BASE}/${id}/log`, undefined, { token: world.token })).body.log;

async function gives(id, vendor, wanted) {
  const answer = await ask(id);
  assert.equal(answer.status, 200, `${answer.text} ${vendor.refused.join(', ')}`);
  if (typeof wanted === 'string') assert.equal(answer.body.token, wanted);
  else assert.ok(wanted(answer.body.token), answer.body.token);
  assert.deepEqual(vendor.refused, []);
}

// Fails with these statuses, a reason that says it, and nothing of the secret anywhere.
async function fails(id, statuses, reason, secret = SECRET) {
  const answer = await ask(id);
  assert.equal(answer.status, 424, answer.text);
  const [entry] = await log(id);
  assert.match(entry.reason, reason);
  assert.deepEqual(entry.requests.map((request) => request.status).filter(Boolean), statuses);
  for (const shown of [answer.text, JSON.stringify(entry)]) assert.ok(!shown.includes(secret), 'a secret is shown');
  return entry;
}

describe('HashiCorp Vault', () => {
  const secrets = { 'my-secret': SECRET };
  const start = (more) => keep(startVault({ roleId: 'my-role-id', secretId: SECRET, password: 'from the vault', ...more }));

  it('reads a secret after a login', async () => {
    const vault = await start();
    await gives(await create('HashiCorp Vault', vault, secrets), vault, 'from the vault');
    assert.equal(vault.calls[0].headers.authorization, undefined);
  });

  it('keeps the token of a secret id that is good for one login, and fails when it has to log in again', async () => {
    const vault = await start({ uses: 1 });
    const id = await create('HashiCorp Vault', vault, secrets);
    await gives(id, vault, 'from the vault');
    await gives(id, vault, 'from the vault');
    assert.equal((await stack.api('PATCH', `${BASE}/${id}`, { description: 'x' }, { token: world.token })).status, 200);
    await fails(id, [400], /^request 1 of 2: .*400/);
  });

  it('fails on a wrong secret id, and on a wrong header', async () => {
    const vault = await start();
    await fails(await create('HashiCorp Vault', vault, { 'my-secret': 'wrong' }), [400], /^request 1 of 2: .*400/);
    const id = await create('HashiCorp Vault', vault, secrets, (body) => {
      body.credential_requests[1].options.headers = { Authorization: 'Bearer <<PREVIOUS_STEP.body.auth.client_token>>' };
    });
    await fails(id, [200, 400], /^request 2 of 2: .*400/);
  });
});

describe('CyberArk PVWA', () => {
  const start = () => keep(startCyberArk({ user: 'my-user', password: SECRET, content: 'pass"word\\' }));

  it('passes bare JSON strings on', async () => {
    const pvwa = await start();
    await gives(await create('CyberArk PVWA', pvwa, { 'my-secret': SECRET }), pvwa, 'pass"word\\');
  });

  it('fails on a wrong password, and on a token behind Bearer', async () => {
    const pvwa = await start();
    await fails(await create('CyberArk PVWA', pvwa, { 'my-secret': 'wrong' }), [403], /^request 1 of 2: .*403/);
    const id = await create('CyberArk PVWA', pvwa, { 'my-secret': SECRET }, (body) => {
      body.credential_requests[1].options.headers.Authorization = 'Bearer <<PREVIOUS_STEP.body>>';
    });
    await fails(id, [200, 401], /^request 2 of 2: .*401/);
  });
});

describe('Conjur', () => {
  const start = () => keep(startConjur({ login: 'host/my-app', apiKey: SECRET, variable: 'db/password', value: 'of the database' }));

  it('sends the bytes of the token back in base64', async () => {
    const conjur = await start();
    await gives(await create('Conjur', conjur, { 'my-secret': SECRET }), conjur, 'of the database');
  });

  it('fails on a wrong key, and on a token that was written anew', async () => {
    const conjur = await start();
    await fails(await create('Conjur', conjur, { 'my-secret': 'wrong' }), [401], /^request 1 of 2: .*401/);
    const id = await create('Conjur', conjur, { 'my-secret': SECRET }, (body) => {
      body.credential_requests[1].options.headers.Authorization = 'Token token="<<BASE64_ENCODE(JSON_STRINGIFY(PREVIOUS_STEP.body))>>"';
    });
    await fails(id, [200, 401], /^request 2 of 2: .*401/);
  });
});

describe('Cisco SD-WAN', () => {
  const start = () => keep(startSdWan({ user: 'my-user', password: SECRET }));

  it('takes the token with the cookie of the login', async () => {
    const sdwan = await start();
    await gives(await create('Cisco SD-WAN', sdwan, { 'my-secret': SECRET }), sdwan, (token) => sdwan.tokens().includes(token));
  });

  it('fails on a refused login, which is 200 with HTML, and goes no further', async () => {
    const sdwan = await start();
    const id = await create('Cisco SD-WAN', sdwan, { 'my-secret': 'wrong' });
    await fails(id, [200], /^request 2 of 2: .*SD-WAN Manager refused the login/);
    assert.equal(sdwan.calls.length, 1);
  });

  it('fails on a session that ended in between', async () => {
    const sdwan = await start();
    const id = await create('Cisco SD-WAN', sdwan, { 'my-secret': SECRET });
    sdwan.forgetful = true;
    await fails(id, [200, 200], /the session has ended/);
    sdwan.forgetful = false;
    await gives(id, sdwan, (token) => sdwan.tokens().includes(token));
  });
});

describe('SAP OData', () => {
  const start = () => keep(startSap({ user: 'my-user', password: SECRET }));

  it('takes the token out of a header', async () => {
    const sap = await start();
    await gives(await create('SAP OData', sap, { 'my-secret': SECRET }), sap, (token) => sap.tokens.includes(token));
  });

  it('fails on a wrong password, and when the token was not asked for', async () => {
    const sap = await start();
    await fails(await create('SAP OData', sap, { 'my-secret': 'wrong' }), [401], /^request 1 of 1: .*401/);
    const id = await create('SAP OData', sap, { 'my-secret': SECRET }, (body) => { delete body.credential_requests[0].options.headers['X-CSRF-Token']; });
    await fails(id, [200], /nothing in the answer at the location of the token/);
  });
});

describe('GitHub App', () => {
  const start = () => keep(startGitHub({ clientId: 'Iv23liMyClientId', publicKey, installation: 8172635 }));

  it('signs a token for each request and gets one of the installation', async () => {
    const github = await start();
    await gives(await create('GitHub App', github, { 'my-private-key': privateKey }), github, (token) => github.tokens.includes(token));
  });

  it('fails on the key of another app, on one that is none, and on a token that lives too long', async () => {
    const github = await start();
    const secret = privateKey.split('\n')[3];
    await fails(await create('GitHub App', github, { 'my-private-key': otherKey }), [401], /^request 1 of 2: .*401/, secret);
    await fails(await create('GitHub App', github, { 'my-private-key': SECRET }), [], /^request 1 of 2: .*JWT_SIGN: the key is not a private key in PEM form/);
    const id = await create('GitHub App', github, { 'my-private-key': privateKey }, (body) => {
      const { headers } = body.credential_requests[0].options;
      headers.Authorization = headers.Authorization.replace('+ 540', '+ 3600');
    });
    await fails(id, [401], /^request 1 of 2: .*401/, secret);
  });
});

describe('Azure Container Registry', () => {
  const start = () => keep(startRegistry({ service: 'myregistry.example.com', tenant: 'my-tenant', entraToken: SECRET, scope: 'repository:my/image:pull,push' }));

  it('posts two forms', async () => {
    const registry = await start();
    await gives(await create('Azure Container Registry', registry, { 'my-secret': SECRET }), registry, (token) => registry.tokens.includes(token));
  });

  it('fails on a token of somebody else, and on JSON in place of a form', async () => {
    const registry = await start();
    await fails(await create('Azure Container Registry', registry, { 'my-secret': 'wrong' }), [401], /^request 1 of 2: .*401/);
    const id = await create('Azure Container Registry', registry, { 'my-secret': SECRET }, (body) => { body.credential_requests[1].options.content_type = 'json'; });
    await fails(id, [200, 400], /^request 2 of 2: .*400/);
  });
});

describe('Prisma Cloud', () => {
  const start = () => keep(startPrisma({ accessKey: 'my-access-key', secretKey: SECRET }));

  it('logs in and extends', async () => {
    const prisma = await start();
    await gives(await create('Prisma Cloud', prisma, { 'my-secret': SECRET }), prisma, (token) => prisma.tokens.includes(token));
  });

  it('fails on a wrong key, and when a token is extended twice', async () => {
    const prisma = await start();
    await fails(await create('Prisma Cloud', prisma, { 'my-secret': 'wrong' }), [401], /^request 1 of 2: .*401/);
    const id = await create('Prisma Cloud', prisma, { 'my-secret': SECRET }, (body) => {
      const again = structuredClone(body.credential_requests[1]);
      again.options.headers['x-redlock-auth'] = '<<STEPS[0].body.token>>';
      body.credential_requests.push(again);
    });
    await fails(id, [200, 200, 401], /^request 3 of 3: .*401/);
  });
});

describe('Okta', () => {
  const start = (more) => keep(startOkta({ user: 'my-user', password: SECRET, ...more }));

  it('turns a session token into a session', async () => {
    const okta = await start();
    await gives(await create('Okta', okta, { 'my-secret': SECRET }), okta, (token) => okta.sessions.includes(token));
  });

  it('fails cleanly when a second factor is asked for, or the password has expired', async () => {
    const okta = await start({ status: 'MFA_REQUIRED' });
    const id = await create('Okta', okta, { 'my-secret': SECRET });
    await fails(id, [200], /^request 2 of 2: .*Okta asks for a second factor: MFA_REQUIRED/);
    okta.status = 'PASSWORD_EXPIRED';
    await fails(id, [200], /^request 2 of 2: .*another status than SUCCESS/);
    assert.ok(okta.calls.every((call) => call.path === '/api/v1/authn'));
    okta.status = 'SUCCESS'; // a failure is not kept
    await gives(id, okta, (token) => okta.sessions.includes(token));
  });

  it('fails on a wrong password, and on a session token that is used twice', async () => {
    const okta = await start();
    await fails(await create('Okta', okta, { 'my-secret': 'wrong' }), [401], /^request 1 of 2: .*401/);
    const id = await create('Okta', okta, { 'my-secret': SECRET }, (body) => {
      const again = structuredClone(body.credential_requests[1]);
      again.options.payload.sessionToken = '=STEPS[0].body.sessionToken';
      body.credential_requests.push(again);
    });
    await fails(id, [200, 200, 401], /^request 3 of 3: .*401/);
  });
});

describe('SOAP login', () => {
  const start = () => keep(startSoap({ user: 'my-user', password: SECRET }));

  it('escapes the password and finds the session', async () => {
    const soap = await start();
    await gives(await create('SOAP login', soap, { 'my-secret': SECRET }), soap, (token) => soap.sessions.includes(token));
  });

  it('fails on a wrong password, on markup that the password breaks, and on another content type', async () => {
    const soap = await start();
    await fails(await create('SOAP login', soap, { 'my-secret': 'wrong' }), [500], /^request 1 of 1: .*500/);
    const raw = await create('SOAP login', soap, { 'my-secret': SECRET }, ({ credential_requests: [{ options }] }) => {
      options.payload = options.payload.replace(/<<REPLACE.*?>>/, '<<secret>>');
    });
    await fails(raw, [500], /^request 1 of 1: .*500/);
    const typed = await create('SOAP login', soap, { 'my-secret': SECRET }, ({ credential_requests: [{ options }] }) => { options.content_type = 'xml'; });
    await fails(typed, [415], /^request 1 of 1: .*415/);
  });
});

it('every flow of the page is tested here', () => {
  const here = readFileSync(new URL(import.meta.url), 'utf8');
  for (const [, heading] of page.matchAll(/^## (.+)$/gm)) assert.ok(here.includes(`create('${heading}'`), heading);
});
