// SPDX-License-Identifier: Apache-2.0
// Pages of their own: a link that does not work, a link in use elsewhere, a service that is away.
import { el, icon, plain, said, told } from './dom.js';
import { t } from './texts.js';

const NOTICES = {
  incomplete: { icon: 'link' },
  nothing: { icon: 'link' },
  cookies: { icon: 'alert', retry: true },
  unknown: { icon: 'link' },
  gone: { icon: 'clock' },
  rate: { icon: 'clock', retry: true },
  away: { icon: 'alert', retry: true },
  refused: { icon: 'alert', retry: true },
  returned: { icon: 'undo' },
  other: { icon: 'window' },
  relinked: { icon: 'mail' },
};

const main = document.getElementById('main');

// A page in the place of the request. text: the key of other words than its own; more: what stands below them.
export function showNotice(kind, { text = `notice.${kind}`, values = {}, more = [], retry } = {}) {
  const notice = NOTICES[kind];
  const title = t(`notice.${kind}.title`, values);
  document.title = `${title} · Bailee`;
  main.replaceChildren(el('div', { class: `notice ${kind}` },
    el('span', { class: 'sign' }, icon(notice.icon)),
    told(title, 'h1', { tabindex: '-1' }),
    told(t(text, values), 'p'),
    more,
    notice.retry && retry ? el('button', { type: 'button', class: 'button primary', onclick: retry }, t('notice.retry')) : null));
  main.removeAttribute('aria-busy');
  main.querySelector('h1').focus({ preventScroll: true });
}

function contactOf(requester) {
  const subject = encodeURIComponent(t('other.subject'));
  return requester.email
    ? el('p', { class: 'contact' }, el('a', { href: `mailto:${encodeURIComponent(requester.email)}?subject=${subject}`, class: 'button' },
      icon('mail'), said(requester.email, 'span')))
    : null;
}

// The link is bound to another browser. relink() asks for a new one by mail and may throw a CallError.
export function showOther({ request, canRelink }, { relink, wordsOf }) {
  const { requester } = request;
  const values = { name: plain(requester.name), request: plain(request.name) };
  const problem = el('p', { class: 'error', role: 'alert', hidden: true });
  const button = el('button', { type: 'button', class: 'button primary' }, icon('mail'), el('span', {}, t('other.relink')));
  button.addEventListener('click', async () => {
    if (button.hasAttribute('aria-disabled')) return;
    button.setAttribute('aria-disabled', 'true');
    problem.hidden = true;
    try {
      await relink();
      showNotice('relinked', { values });
    } catch (error) {
      problem.replaceChildren(icon('alert'), said(error.status === 429 ? t('other.often', values) : wordsOf(error), 'span'));
      problem.hidden = false;
      button.removeAttribute('aria-disabled');
    }
  });
  const more = canRelink
    ? [told(t('other.can'), 'p'), problem, button]
    : [told(t('other.ask', values), 'p'), contactOf(requester)];
  showNotice('other', { values, more });
}
