// SPDX-License-Identifier: Apache-2.0
// The page for somebody at an address that is none, in their language: most often a part of a link.
import { showNotice } from './notice.js';
import { loadTexts, t } from './texts.js';

async function start() {
  await loadTexts();
  const { host } = window.location;
  document.getElementById('host').textContent = t('host', { host });
  showNotice('nothing', { values: { host } });
}

start().catch(() => {}); // without script, or without the texts, the page's own words stay
