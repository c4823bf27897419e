// SPDX-License-Identifier: Apache-2.0
// Cisco SD-WAN Manager: a form, a session cookie, a token as text; who is not logged in gets a page of HTML, with 200.
import { newSecret, startServer, text } from './server.mjs';

const page = () => text(200, '<html>\n<head><title>Cisco SD-WAN</title></head><body><form name="loginForm"></form></body></html>', 'text/html;charset=UTF-8');

// With sdwan.forgetful a session has ended before it is used.
export async function startSdWan({ user, password }) {
  const sessions = new Map();
  const sessionOf = (call) => /(?:^|;\s*)JSESSIONID=([^;]+)/.exec(call.headers.cookie ?? '')?.[1];
  const sdwan = await startServer({
    'POST /j_security_check': (call) => {
      const given = call.form();
      if (given?.j_username !== user || given.j_password !== password) return page();
      const session = newSecret();
      if (!sdwan.forgetful) sessions.set(session, null);
      return text(200, '', 'text/html;charset=UTF-8', { 'set-cookie': `JSESSIONID=${session}; Path=/; HttpOnly` });
    },
    'GET /dataservice/client/token': (call) => {
      const session = sessionOf(call);
      if (!sessions.has(session)) return page();
      if (!sessions.get(session)) sessions.set(session, newSecret(60));
      return text(200, sessions.get(session), 'text/html;charset=UTF-8');
    },
  });
  sdwan.tokens = () => [...sessions.values()];
  return sdwan;
}
