// SPDX-License-Identifier: Apache-2.0
// The page for somebody who comes back from a provider in a way that cannot be continued: says it in their language, and
// leads back to the request where this tab knows its link.
import { el, icon } from './dom.js';
import { session } from './link.js';
import { showNotice } from './notice.js';
import { loadTexts, t } from './texts.js';

// The state that we sent begins with the request's id. It comes from the address, so it is taken for no more than that.
const STATE = /^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\./i;

function backLink() {
  const id = STATE.exec(new URLSearchParams(window.location.search).get('state') ?? '')?.[1].toLowerCase();
  return id && session.get(`link-${id}`)
    ? el('a', { class: 'button primary', href: `/request/${id}` }, icon('undo'), el('span', {}, t('returned.back')))
    : null;
}

// The service was away, so the way back has not been used: loading it again takes it up.
function isPassing() {
  const status = performance.getEntriesByType('navigation')[0]?.responseStatus ?? 0;
  return status === 429 || status >= 500;
}

async function start() {
  await loadTexts();
  document.getElementById('host').textContent = t('host', { host: window.location.host });
  if (isPassing()) {
    showNotice('away', { text: 'returned.away', retry: () => window.location.reload() });
    return;
  }
  const back = backLink();
  showNotice('returned', { more: [el('p', {}, t(back ? 'returned.here' : 'returned.open')), back] });
  window.history.replaceState(null, '', window.location.pathname); // what the provider added is of no use any more
}

start().catch(() => {}); // without script, or without the texts, the page's own words stay
