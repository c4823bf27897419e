// SPDX-License-Identifier: Apache-2.0
// Conjur: an API key as body, and a token that comes back as the exact bytes that were given out, in base64.
import { newSecret, startServer, text } from './server.mjs';

export async function startConjur({ login, apiKey, variable, value }) {
  const tokens = [];
  return startServer({
    [`POST /authn/my-account/${encodeURIComponent(login)}/authenticate`]: (call) => {
      if (call.text !== apiKey) return text(401, '');
      // blanks and line ends belong to it
      const token = `{ "protected":"${newSecret()}",\n  "payload" : "${newSecret(80)}",\n\t"signature":"${newSecret()}\\u003d" }\n`;
      tokens.push(token);
      return text(200, token);
    },
    [`GET /secrets/my-account/variable/${encodeURIComponent(variable)}`]: (call) => {
      const [, encoded] = /^Token token="([A-Za-z0-9+/]+=*)"$/.exec(call.headers.authorization ?? '') ?? [];
      if (!encoded) return text(401, 'Authorization missing');
      if (!tokens.includes(Buffer.from(encoded, 'base64').toString('utf8')) || encoded.length % 4 !== 0) return text(401, 'Malformed authorization token');
      return text(200, value, 'application/octet-stream');
    },
  });
}
