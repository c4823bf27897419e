// SPDX-License-Identifier: Apache-2.0
// A real SMTP server that keeps the letters it is handed, parsed by a real parser.
//
//   const server = await new MailServer(await freePort()).start();
//   startStack({ set: mailOptions(server.port) })
//   const { mail } = await server.letter('pat@provider.example');   // waits for the first letter to somebody; (address, 2): the second
//   const [link, , secret] = linkIn(mail.text);
import { createRequire } from 'node:module';
import PostalMime from 'postal-mime';
import { waitFor } from './harness.mjs';

const { SMTPServer } = createRequire(import.meta.url)('smtp-server');

export const FROM = 'bailee@broker.example';
export const linkIn = (text) => /(http:\/\/[^\s"]+\/request\/[0-9a-f-]{36})#([A-Za-z0-9_-]{43})/.exec(text);
export const mailOptions = (port) => [`common.mail_server=smtp://127.0.0.1:${port}`, `common.mail_from=${FROM}`, 'common.mail_starttls=off'];

// Takes mail; `refuse` may throw for a recipient.
export class MailServer {
  constructor(port, options = {}) {
    Object.assign(this, { port, options, letters: [], refuse: () => {} });
  }

  async start() {
    this.server = new SMTPServer({
      authOptional: true,
      disabledCommands: ['STARTTLS', 'AUTH'],
      disableReverseLookup: true,
      closeTimeout: 100,
      onRcptTo: ({ address }, session, done) => {
        try {
          this.refuse(address);
          done();
        } catch (error) {
          done(error);
        }
      },
      onData: (stream, session, done) => {
        const parts = [];
        stream.on('data', (part) => parts.push(part));
        stream.on('end', async () => {
          const raw = Buffer.concat(parts);
          this.letters.push({ raw: raw.toString('latin1'), from: session.envelope.mailFrom.address, user: session.user,
            secure: session.secure, hello: session.hostNameAppearsAs, to: session.envelope.rcptTo.map(({ address }) => address),
            ...{ mail: await PostalMime.parse(raw) } });
          done();
        });
      },
      ...this.options,
    });
    this.server.on('error', () => {});
    await new Promise((resolve) => { this.server.listen(this.port, '127.0.0.1', resolve); });
    return this;
  }

  stop() { return new Promise((resolve) => { this.server.close(resolve); }); }

  to(address) { return this.letters.filter((letter) => letter.to.includes(address)); }

  // The nth letter to somebody.
  async letter(address, nth = 1) {
    await waitFor(`letter ${nth} to ${address}`, () => this.to(address).length >= nth, { seconds: 40 });
    return this.to(address)[nth - 1];
  }
}
