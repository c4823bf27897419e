// SPDX-License-Identifier: Apache-2.0
// SAP OData: a CSRF token, in a header, for who asks for it by a header.
import { json, newSecret, startServer, text } from './server.mjs';

export async function startSap({ user, password }) {
  const tokens = [];
  const wanted = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
  const sap = await startServer({
    'GET /sap/opu/odata/sap/API_BUSINESS_PARTNER/': (call) => {
      if (call.headers.authorization !== wanted)
        return text(401, '<html><head><title>Logon Error Message</title></head></html>', 'text/html', { 'www-authenticate': 'Basic realm="SAP NetWeaver"' });
      if ((call.headers['x-csrf-token'] ?? '').toLowerCase() !== 'fetch') return json(200, { d: { EntitySets: [] } });
      const token = `${newSecret(12)}==`;
      tokens.push(token);
      return json(200, { d: { EntitySets: ['A_BusinessPartner'] } },
        { 'x-csrf-token': token, 'set-cookie': [`SAP_SESSIONID_S4H_100=${newSecret()}; path=/`, 'sap-usercontext=sap-client=100; path=/'] });
    },
    'GET *': () => text(404, ''),
  });
  sap.tokens = tokens;
  return sap;
}
