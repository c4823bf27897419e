// SPDX-License-Identifier: Apache-2.0
// A SOAP login as Salesforce has it: XML in, a session in XML out, a fault with 500.
import { newSecret, startServer, text } from './server.mjs';

const envelope = (body) => `<?xml version="1.0" encoding="UTF-8"?>\n<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns="urn:partner.soap.sforce.com" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body>${body}</soapenv:Body></soapenv:Envelope>`;
const fault = (code, words) => text(500, envelope(`<soapenv:Fault><faultcode>${code}</faultcode><faultstring>${code}: ${words}</faultstring></soapenv:Fault>`), 'text/xml; charset=utf-8');
const unescape = (value) => value.replace(/&(lt|gt|amp|quot|apos);/g, (all, name) => ({ lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" })[name]);

export async function startSoap({ user, password }) {
  const sessions = [];
  const soap = await startServer({
    'POST /services/Soap/u/59.0': (call) => {
      if (!/^text\/xml; ?charset=utf-8$/i.test(call.headers['content-type'] ?? '')) return text(415, '');
      if (call.headers.soapaction === undefined) return fault('soapenv:Client', 'SOAPAction HTTP header missing');
      const [, name, given] = /<n1:username>([^<]*)<\/n1:username><n1:password>([^<]*)<\/n1:password>/.exec(call.text) ?? [];
      if (name === undefined || /&(?!(lt|gt|amp|quot|apos);)/.test(given)) return fault('soapenv:Client', 'The markup is not well-formed');
      if (unescape(name) !== user || unescape(given) !== password)
        return fault('INVALID_LOGIN', 'Invalid username, password, security token; or user locked out.');
      const session = `00D5e!${newSecret(40)}`;
      sessions.push(session);
      return text(200, envelope(`<loginResponse><result><metadataServerUrl>https://example.com/?a=1&amp;b=2</metadataServerUrl><passwordExpired>false</passwordExpired><sessionId>${session}</sessionId><userInfo><accessibilityMode>false</accessibilityMode><currencySymbol xsi:nil="true"/></userInfo></result></loginResponse>`), 'text/xml; charset=utf-8');
    },
  });
  soap.sessions = sessions;
  return soap;
}
