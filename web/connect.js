// SPDX-License-Identifier: Apache-2.0
// Accounts at a provider: the way there, whose account it was, and what can go wrong on the way.
import { address, el, icon, initials, plain, said } from './dom.js';
import { Form } from './form.js';
import { sentence, t, translated } from './texts.js';

const LEAVE_MS = 12000; // a page that has not gone by then stays, and its button works again

// Goes to the provider. Resolves only when this page is still, or again, what the person sees.
export function leaveFor(url) {
  const { protocol, href } = new URL(url);
  if (protocol !== 'https:' && protocol !== 'http:') throw new TypeError('not an address of the web');
  return new Promise((resolve) => {
    window.addEventListener('pageshow', resolve, { once: true }); // came back by the back button
    setTimeout(resolve, LEAVE_MS);
    window.location.assign(href);
  });
}

export function connectForm(card) {
  const { item } = card;
  return new Form(item.connect.fields ?? [], `c-${item.id}`, {
    kept: card.kept,
    foot: card.foot(),
    buttons: card.buttons(),
    submitText: t('connect.go', { app: card.appName }),
    busyText: t('connect.going', { app: card.appName }),
    sign: 'out',
    send: (fields) => card.connect(fields),
  });
}

// What the person gives away there, in words.
export function scopesOf(card) {
  const { item } = card;
  const scopes = item.scopes ?? item.scope.map((name) => ({ name, words: name }));
  if (scopes.length === 0) return null;
  const id = `scopes-${item.id}`;
  return el('div', { class: 'scopes' },
    said(t('connect.may', { team: card.team }), 'p', { id, class: 'scopes-title' }),
    el('ul', { 'aria-labelledby': id }, scopes.map(({ name, words }) => el('li', {}, icon('check'),
      words && words !== name ? said(translated(words), 'span') : said(name, 'code')))));
}

// Not every provider says whose account it is.
export function accountOf(account, app) {
  return el('p', { class: 'account' },
    el('span', { class: 'face', 'aria-hidden': 'true' }, account.name ? initials(account.name) : icon('person')),
    account.name
      ? el('span', {}, address(account.name, 'strong'), el('span', { class: 'at' }, said(t('account.at', { app }))))
      : el('span', {}, said(t('account.unnamed', { app }), 'strong')));
}

// "Is this your account?" Nothing counts before the answer.
export function confirmBody(card) {
  const { item, appName: app, team } = card;
  const problem = el('p', { class: 'error', role: 'alert', hidden: true });
  const yes = el('button', { type: 'button', class: 'button primary' }, icon('check'), el('span', {}, t('confirm.yes')));
  const no = el('button', { type: 'button', class: 'button' }, t(item.form ? 'confirm.no.form' : 'confirm.no'));
  const answer = (accept) => async () => {
    if (yes.hasAttribute('aria-disabled')) return;
    for (const button of [yes, no]) button.setAttribute('aria-disabled', 'true');
    problem.hidden = true;
    const words = await card.confirm(accept);
    for (const button of [yes, no]) button.removeAttribute('aria-disabled');
    problem.replaceChildren(icon('alert'), said(words ?? '', 'span'));
    problem.hidden = !words;
  };
  yes.addEventListener('click', answer(true));
  no.addEventListener('click', answer(false));
  return [
    el('div', { class: 'confirm', role: 'group', 'aria-labelledby': `ask-${item.id}` },
      el('h4', { id: `ask-${item.id}`, class: 'question', tabindex: '-1' }, t('confirm.title')),
      accountOf(item.account, app),
      item.account.other ? el('p', { class: 'warning' }, icon('alert'), said(t('confirm.other', { team, app }), 'span')) : null,
      said(t('confirm.text', { team }), 'p', { class: 'help' }),
      problem,
      el('div', { class: 'buttons' }, yes, no)),
  ];
}

// What the service said, and what to do now. Denied is the person's own choice, so it is told without alarm.
const PROBLEMS = new Set(['denied', 'provider', 'expired', 'refused', 'away']);
const CALM = new Set(['denied', 'expired']);

export function problemOf(item) {
  const code = PROBLEMS.has(item.problem?.code) ? item.problem.code : 'other';
  return { code, calm: CALM.has(code), text: item.problem?.text ?? item.error };
}

function problemKey(item, code) {
  if (item.connect) return `problem.${code}`;
  return code === 'away' ? 'problem.away' : 'problem.entered';
}

// The same in one sentence, to be said.
export function problemWords({ item, appName: app }) {
  const { code, calm, text } = problemOf(item);
  const title = t(`${problemKey(item, code)}.title`, { app });
  return text && !calm ? `${title}. ${sentence(translated(plain(text)))}` : title;
}

export function problemBody(card) {
  const { item, appName: app, requester: name } = card;
  const { code, calm, text } = problemOf(item);
  const own = problemKey(item, code);
  return el('div', { class: `summary ${calm ? 'calm' : ''}` },
    el('h4', {}, icon(calm ? 'undo' : 'alert'), said(t(`${own}.title`, { app }), 'span')),
    text && !calm ? el('blockquote', {}, said(sentence(translated(text)), 'p')) : null,
    said(t(own, { app, name }), 'p'));
}

export function accountName(item, app) {
  return item.account?.name ? plain(item.account.name) : t('account.unnamed', { app });
}
