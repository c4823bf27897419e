// SPDX-License-Identifier: Apache-2.0
// Mail, handed to a real SMTP server and parsed by a real parser: invitation, new link, word of the answer; a server that is
// away, says no, or asks for TLS and a login.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { freePort, startStack, waitFor } from './harness.mjs';
import { FROM, linkIn, mailOptions, MailServer } from './mail_server.mjs';

const REQUESTS = '/api/v2/credential-requests/requests';

let stack;
let world;
let server;

const call = (method, path, body, options = {}) => stack.api(method, path, body, { token: world.token, ...options });
const open = (id, secret) => stack.api('GET', `/public/requests/${id}`, undefined,
  { headers: { authorization: `Link ${secret}` } });

async function ask(email, change = {}) {
  const answer = await call('POST', `${REQUESTS}/v2`, {
    name: 'Keys for the shop', teamId: world.teamId, provider: { newUser: { name: 'Pat Provider', email } },
    credentials: [{ appName: 'http', appModules: ['ActionSendDataAPIKeyAuth'], appVersion: 3 }], ...change });
  assert.equal(answer.status, 200, answer.text);
  return answer.body;
}

async function stateOf(id) {
  const answer = await call('GET', `${REQUESTS}/${id}`);
  assert.equal(answer.status, 200, answer.text);
  return answer.body.request;
}

async function jobsOf(id) {
  const rows = await stack.mysql(`SELECT id, state, attempt, error, payload FROM job WHERE kind = 'mail' AND subject = '${id}' ORDER BY id`);
  return rows.map(([jobId, state, attempt, error, payload]) => ({ id: jobId, state, attempt: Number(attempt), error, payload }));
}

before(async () => {
  server = await new MailServer(await freePort()).start();
  stack = await startStack({ set: mailOptions(server.port) });
  world = await stack.world({ name: 'Ada' });
});
after(async () => {
  await stack?.close();
  await server?.stop();
});

describe('an invitation', () => {
  test('arrives, its link opens the request, and that it was sent is told', async () => {
    const { request, publicUri } = await ask('pat@provider.example', { description: 'For the shop.\nThanks' });
    assert.equal(request.shouldSendEmail, true);
    const letter = await server.letter('pat@provider.example');
    assert.equal(letter.from, FROM);
    assert.equal(letter.hello, 'broker.example');
    assert.equal(letter.mail.from.address, FROM);
    assert.deepEqual(letter.mail.to.map(({ name, address }) => ({ name, address })), [{ name: 'Pat Provider', address: 'pat@provider.example' }]);
    assert.equal(letter.mail.subject, 'Ada User asks you for access: Keys for the shop');
    assert.equal(letter.mail.attachments.length, 0);
    assert.match(letter.mail.text, /> For the shop\.\n> Thanks\n/);
    const [link, , secret] = linkIn(letter.mail.text);
    assert.equal(link, publicUri);
    assert.equal(linkIn(letter.mail.html)[0], publicUri);
    const page = await open(request.id, secret);
    assert.equal(page.status, 200, page.text);
    const sent = await waitFor('the note that it was sent', async () => {
      const now = await stateOf(request.id);
      return now.emailSentAt && now;
    });
    assert.ok(Date.parse(sent.emailSentAt) >= Date.parse(sent.createdAt));
    assert.deepEqual((await jobsOf(request.id)).map(({ state }) => state), ['done']);
    assert.deepEqual(await stack.mysql('SELECT COUNT(*) FROM mail_link'), [['0']]);
  });

  test('goes to somebody who is known already, too', async () => {
    const userId = await stack.addUser('Known Person', [world.teamId]);
    await ask('', { provider: { providerMakeUserId: userId } });
    assert.equal((await server.letter('known.person@example.org')).mail.to[0].name, 'Known Person');
  });

  test('is what it is whatever the names hold', async () => {
    const hostile = 'Jörg "x" <b>=?utf-8?q?boss?= \u202e, ceo@boss.example';
    await ask('hostile@provider.example', { name: `${hostile} 😀 ${'ä'.repeat(150)}`,
      description: '</p><script>alert(1)</script>\n\n.\n--=_x\nContent-Type: text/html\n\nmore',
      provider: { newUser: { name: hostile, email: 'hostile@provider.example' } } });
    const { mail, raw, to } = await server.letter('hostile@provider.example');
    assert.deepEqual(to, ['hostile@provider.example']);
    assert.deepEqual(mail.to, [{ name: hostile.replace('\u202e', ' '), address: 'hostile@provider.example' }]);
    assert.equal(mail.subject, `Ada User asks you for access: ${hostile.replace('\u202e', ' ')} 😀 ${'ä'.repeat(150)}`);
    assert.equal(mail.attachments.length, 0);
    assert.deepEqual(mail.headers.map(({ key }) => key).sort(),
      ['auto-submitted', 'content-type', 'date', 'from', 'message-id', 'mime-version', 'subject', 'to']);
    assert.doesNotMatch(mail.html, /<script|<b>/);
    assert.match(mail.text, /> <\/p><script>alert\(1\)<\/script>\n> \n> \.\n> --=_x\n/);
    for (const line of raw.split('\r\n')) assert.ok(line.length <= 78 && /^[\x20-\x7e]*$/.test(line), line);
  });

  test('holds the only copy of its link', async () => {
    const { request } = await ask('canary@provider.example');
    const [, , secret] = linkIn((await server.letter('canary@provider.example')).mail.text);
    await waitFor('the end of the job', async () => (await jobsOf(request.id))[0].state === 'done');
    assert.deepEqual(await stack.findSecret(secret), []);
    const [{ payload }] = await jobsOf(request.id);
    assert.deepEqual(JSON.parse(payload), { request: request.id, template: 'invitation' });
  });
});

describe('a new link', () => {
  test('ends the old one at once, is printed and mailed', async () => {
    const { request } = await ask('again@provider.example');
    const [, , old] = linkIn((await server.letter('again@provider.example')).mail.text);
    assert.equal((await open(request.id, old)).status, 200);
    const answer = await stack.ctl(['request', 'resend', '--id', request.id, '--json']);
    assert.equal(answer.mailed, true);
    assert.equal((await open(request.id, old)).status, 404);
    const letter = await server.letter('again@provider.example', 2);
    const [link, , secret] = linkIn(letter.mail.text);
    assert.equal(link, answer.publicUri);
    assert.match(letter.mail.subject, /^New link: /);
    assert.equal((await open(request.id, secret)).status, 200);
    await waitFor('the note that it was sent', async () => (await stateOf(request.id)).emailSentAt);
    assert.deepEqual(await stack.findSecret(secret), []);
    assert.deepEqual(await stack.mysql(`SELECT actor, outcome FROM audit WHERE event = 'request.resend' AND subject = '${request.id}'`),
      [['ctl', 'ok']]);
  });

  test('is refused for a request that is gone or has expired', async () => {
    const { request } = await ask('late@provider.example');
    await server.letter('late@provider.example');
    await stack.mysql(`UPDATE credential_request SET expires_at = UTC_TIMESTAMP(3) - INTERVAL 1 DAY WHERE uuid_text(id) = '${request.id}'`);
    for (const [id, words] of [[request.id, /expired/], ['00000000-0000-4000-8000-000000000000', /no such/], ['x', /id of a request/]]) {
      const { code, stderr } = await stack.tryCtl(['request', 'resend', '--id', id]);
      assert.notEqual(code, 0);
      assert.match(stderr, words);
    }
  });

  test('list and show tell what was asked for', async () => {
    const { request } = await ask('shown@provider.example', { name: 'To be shown' });
    const list = await stack.ctl(['request', 'list', '--team', String(world.teamId), '--status', 'pending', '--json']);
    const row = list.find(({ id }) => id === request.id);
    assert.deepEqual([row.name, row.provider, row.status], ['To be shown', 'shown@provider.example', 'pending']);
    assert.deepEqual(await stack.ctl(['request', 'list', '--team', '999', '--json']), []);
    assert.equal((await stack.ctl(['request', 'list', '--limit', '1', '--json'])).length, 1);
    const shown = await stack.ctl(['request', 'show', request.id, '--json']);
    assert.equal(shown.requester, 'ada.user@example.org');
    assert.deepEqual(shown.credentials.map(({ app, type, state }) => [app, type, state]), [['http', 'apikeyauth', 'pending']]);
    assert.notEqual((await stack.tryCtl(['request', 'list', '--status', 'odd'])).code, 0);
  });
});

describe('word of the answer', () => {
  const decline = (id, itemId, secret) => stack.api('POST', `/public/requests/${id}/items/${itemId}/decline`, { reason: 'no' },
    { headers: { authorization: `Link ${secret}` } });

  test('reaches the requester once, when nothing is open any more', async () => {
    const { request } = await ask('answers@provider.example',
      { name: 'Two things', credentials: [{ appName: 'http', appModules: ['ActionSendDataBasicAuth', 'ActionSendDataAPIKeyAuth'], appVersion: 3 }] });
    const [, , secret] = linkIn((await server.letter('answers@provider.example')).mail.text);
    const { credentials } = (await call('GET', `${REQUESTS}/${request.id}/detail`)).body.requestDetail;
    const before = server.to('ada.user@example.org').length;
    for (const { id } of credentials) {
      assert.equal(server.to('ada.user@example.org').length, before);
      const answer = await decline(request.id, id, secret);
      assert.ok(answer.status < 300, answer.text);
      await waitFor('the refusal', async () =>
        (await call('GET', `${REQUESTS}/${request.id}/detail`)).body.requestDetail.credentials.find((one) => one.id === id).state === 'declined');
    }
    const letter = await server.letter('ada.user@example.org', before + 1);
    assert.equal(letter.mail.subject, 'Answered: Two things');
    assert.match(letter.mail.text, /Of 2 asked for, 0 authorized and 2 declined\./);
    assert.equal(linkIn(letter.mail.text), null);
    assert.ok((await decline(request.id, credentials[0].id, secret)).status < 300); // again: no news
    await waitFor('the second refusal', async () =>
      (await stack.mysql(`SELECT COUNT(*) FROM job WHERE kind = 'decline' AND state = 'done' AND subject = '${credentials[0].id}'`))[0][0] === '2');
    assert.equal((await jobsOf(request.id)).length, 2); // invitation and word of the answer
  });
});

describe('a mail server', () => {
  test('that is away is tried again until it is back', async () => {
    await server.stop();
    const { request } = await ask('patient@provider.example');
    const tried = await waitFor('a first attempt', async () => {
      const [job] = await jobsOf(request.id);
      return job.state === 'queued' && job.attempt >= 1 && job;
    });
    assert.match(tried.error, /^the mail server (refused|closed) the connection/);
    assert.equal((await stateOf(request.id)).emailSentAt, null);
    assert.deepEqual(await stack.mysql('SELECT COUNT(*) FROM mail_link'), [['1']]);
    await server.start();
    const letter = await server.letter('patient@provider.example');
    assert.equal((await open(request.id, linkIn(letter.mail.text)[2])).status, 200);
    await waitFor('the end of the job', async () => (await jobsOf(request.id))[0].state === 'done');
    assert.equal(server.to('patient@provider.example').length, 1);
  });

  test('that says later is asked again', async () => {
    let refusals = 0;
    server.refuse = () => {
      if (refusals++ === 0) throw Object.assign(new Error('greylisted'), { responseCode: 451 });
    };
    await ask('grey@provider.example');
    await server.letter('grey@provider.example');
    server.refuse = () => {};
    assert.equal(refusals, 2);
  });

  test('that says no ends the job with its status, and the link goes', async () => {
    server.refuse = (address) => {
      throw Object.assign(new Error(`no ${address} here`), { responseCode: 550 });
    };
    const { request } = await ask('nobody@provider.example');
    const job = await waitFor('the failed job', async () => (await jobsOf(request.id)).find(({ state }) => state === 'failed'));
    server.refuse = () => {};
    assert.equal(job.attempt, 1);
    assert.match(job.error, /refused sender or recipient: status 550/);
    assert.doesNotMatch(stack.logs(), /nobody@provider\.example/);
    assert.equal((await stateOf(request.id)).emailSentAt, null);
    assert.deepEqual(await stack.mysql('SELECT COUNT(*) FROM mail_link'), [['0']]);
    assert.equal((await stack.ctl(['request', 'resend', '--id', request.id, '--json'])).mailed, true);
    await server.letter('nobody@provider.example');
  });
});

describe('other configurations', () => {
  test('without a mail server nothing is sent and shouldSendEmail is false', async () => {
    const other = await startStack();
    try {
      const { teamId, token } = await other.world();
      const made = await other.api('POST', `${REQUESTS}/v2`, { name: 'n', teamId, provider: { newUser: { name: 'P', email: 'p@example.org' } },
        credentials: [{ appName: 'http', appModules: ['ActionSendDataAPIKeyAuth'], appVersion: 3 }] }, { token });
      assert.equal(made.status, 200, made.text);
      assert.equal(made.body.request.shouldSendEmail, false);
      const answer = await other.ctl(['request', 'resend', '--id', made.body.request.id, '--json']);
      assert.equal(answer.mailed, false);
      assert.match(answer.publicUri, /#[A-Za-z0-9_-]{43}$/);
      assert.notEqual(answer.publicUri, made.body.publicUri);
      assert.deepEqual(await other.mysql("SELECT COUNT(*) FROM job WHERE kind = 'mail'"), [['0']]);
      assert.deepEqual(await other.mysql('SELECT COUNT(*) FROM mail_link'), [['0']]);
    } finally {
      await other.close();
    }
  });

  test('with TLS and a login the password is in the letter box only', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'bailee-mail-'));
    const password = 'p4ssw0rd-of-the-relay';
    execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=localhost',
      '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1', '-keyout', `${folder}/key`, '-out', `${folder}/crt`], { stdio: 'ignore' });
    writeFileSync(`${folder}/password`, `${password}\n`, { mode: 0o400 });
    const tls = await new MailServer(await freePort(), { disabledCommands: [], authOptional: false, key: readFileSync(`${folder}/key`),
      cert: readFileSync(`${folder}/crt`),
      onAuth: ({ username, password: given }, session, done) =>
        (username === 'relay' && given === password ? done(null, { user: username }) : done(new Error('no'))) }).start();
    const other = await startStack({ set: [`common.mail_server=smtp://localhost:${tls.port}`, `common.mail_from=${FROM}`,
      'common.mail_user=relay', `common.mail_password_file=${folder}/password`, `runner.egress_ca_file=${folder}/crt`],
    egress: '127.0.0.1,[::1]' });
    try {
      const { teamId, token } = await other.world();
      const made = await other.api('POST', `${REQUESTS}/v2`, { name: 'n', teamId, provider: { newUser: { name: 'P', email: 'p@example.org' } },
        credentials: [{ appName: 'http', appModules: ['ActionSendDataAPIKeyAuth'], appVersion: 3 }] }, { token });
      assert.equal(made.status, 200, made.text);
      const letter = await tls.letter('p@example.org');
      assert.equal(letter.secure, true);
      assert.equal(letter.user, 'relay');
      assert.deepEqual(await other.findSecret(password), []);
    } finally {
      await other.close();
      await tls.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
