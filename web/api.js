// SPDX-License-Identifier: Apache-2.0
// The calls of the request page. The link secret goes out in a header only; the browser adds the cookie that binds it.

const TIMEOUT_MS = 30000;

// What went wrong, in the page's own terms.
//   kind: 'unknown' | 'gone' | 'rate' | 'away' | 'refused'
//   reasons: what the service said, one text for each thing that is wrong; for a field as { field, text }
export class CallError extends Error {
  constructor(kind, { reasons = [], retryAfterS = 0, status = 0 } = {}) {
    super(kind);
    Object.assign(this, { kind, reasons, retryAfterS, status });
  }
}

// "fields.key: is required" belongs to the field key; anything else to no field.
function reasonOf(text) {
  const match = /^fields\.([^:]+): (.*)$/s.exec(text);
  return match ? { field: match[1], text: match[2] } : { field: null, text };
}

const KINDS = { 404: 'unknown', 410: 'gone', 429: 'rate' };
const BUSY_S = 60; // a shorter wait is not about this link: too many calls at once

async function errorOf(response) {
  let body = {};
  try {
    body = await response.json();
  } catch {
    // not from the service itself; the status says enough
  }
  const texts = Array.isArray(body.suberrors) ? body.suberrors.map((sub) => sub.message) : [body.detail];
  const retryAfterS = Number(response.headers.get('Retry-After')) || 0;
  const away = response.status >= 500 || (response.status === 429 && retryAfterS < BUSY_S);
  const kind = away ? 'away' : KINDS[response.status] ?? 'refused';
  return new CallError(kind, { reasons: texts.filter((text) => typeof text === 'string').map(reasonOf), retryAfterS, status: response.status });
}

export class Api {
  #base;

  #authorization;

  constructor({ id, secret }) {
    this.#base = `/public/requests/${id}`;
    this.#authorization = `Link ${secret}`;
  }

  async #call(method, path, body) {
    let response;
    try {
      response = await fetch(this.#base + path, {
        method,
        headers: { Authorization: this.#authorization, ...(body ? { 'Content-Type': 'application/json' } : {}) },
        body: body && JSON.stringify(body),
        cache: 'no-store',
        credentials: 'same-origin', // the cookie that binds the link to this browser
        mode: 'same-origin',
        redirect: 'error',
        referrerPolicy: 'no-referrer',
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
    } catch {
      throw new CallError('away');
    }
    if (!response.ok) throw await errorOf(response);
    try {
      return await response.json();
    } catch {
      throw new CallError('away');
    }
  }

  open() { return this.#call('GET', ''); }

  submit(itemId, fields) { return this.#call('POST', `/items/${itemId}`, { fields }); }

  decline(itemId, reason) { return this.#call('POST', `/items/${itemId}/decline`, reason ? { reason } : {}); }

  // { url }: where the person allows it
  connect(itemId, fields) { return this.#call('POST', `/items/${itemId}/connect`, Object.keys(fields).length > 0 ? { fields } : {}); }

  // account: the id of the one that was shown
  confirm(itemId, account, accept) { return this.#call('POST', `/items/${itemId}/confirm`, { account, accept }); }

  relink() { return this.#call('POST', '/relink', {}); }
}
