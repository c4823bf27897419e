// SPDX-License-Identifier: Apache-2.0
// Accounts at a provider: the way there, whose account it was, and what can go wrong on the way.
import { Destination, registerNote } from './client.js';
import { address, el, icon, initials, plain, said, told } from './dom.js';
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
  const destination = item.connect.client ? new Destination(card) : null;
  const form = new Form(item.connect.fields ?? [], `c-${item.id}`, {
    kept: card.kept,
    head: destination ? registerNote(card) : null,
    foot: destination ? [destination.node, card.foot()] : card.foot(),
    buttons: card.buttons(),
    submitText: destination ? t('own.go') : t('connect.go', { app: card.appName }),
    busyText: destination ? t('own.going') : t('connect.going', { app: card.appName }),
    sign: 'out',
    send: (fields) => card.connect(fields),
  });
  destination?.follow(form);
  return form;
}

function scopeList(scopes, sign, labelledby) {
  return el('ul', { 'aria-labelledby': labelledby }, scopes.map(({ name, words }) => el('li', {}, icon(sign),
    words && words !== name ? said(translated(words), 'span') : said(name, 'code'))));
}

// What the person gives away there, in words.
export function scopesOf(card) {
  const { item } = card;
  const scopes = item.scopes ?? item.scope.map((name) => ({ name, words: name }));
  if (scopes.length === 0) return null;
  const id = `scopes-${item.id}`;
  return el('div', { class: 'scopes' },
    told(t('connect.may', { team: card.team }), 'p', { id, class: 'scopes-title' }), scopeList(scopes, 'check', id));
}

const missingOf = (item) => item.missing ?? [];

// What was asked for and not granted there: the person left it out, or the provider did.
function missingNote(card) {
  const { item, appName: app, team, requester: name } = card;
  if (missingOf(item).length === 0) return null;
  const id = `missing-${item.id}`;
  return el('div', { class: 'scopes missing' },
    told(t('missing.title', { app }), 'p', { id, class: 'scopes-title' }), scopeList(missingOf(item), 'cross', id),
    told(t('missing.text', { team, name, app }), 'p', { class: 'help' }));
}

// The same for what is connected.
export function missingLeft({ item, appName: app }) {
  if (missingOf(item).length === 0) return null;
  const id = `missing-${item.id}`;
  return el('div', { class: 'left-out help' }, told(t('missing.title', { app }), 'p', { id }), scopeList(missingOf(item), 'cross', id));
}

function missingWords({ item, appName: app }) {
  const names = missingOf(item).map(({ name, words }) => plain(words ? translated(words) : name));
  return names.length > 0 ? `${t('missing.title', { app })} ${names.join('; ')}.` : null;
}

// Not every provider says whose account it is; of one that the person has named himself there is the host.
function accountOf({ account, connect }, app, id) {
  if (connect?.client && account.name) return accountOf({ account: { name: null } }, account.name, id);
  return el('p', { class: 'account', id },
    el('span', { class: 'face', 'aria-hidden': 'true' }, initials(account.name) || icon('person')),
    account.name
      ? el('span', {}, address(account.name, 'strong'), el('span', { class: 'at' }, told(t('account.at', { app }))))
      : el('span', {}, address(t('account.unnamed', { app }), 'strong')));
}

// Another account than the one before, which is named where it is known and differs by name.
function otherWords({ item, appName: app, team }) {
  const { account } = item;
  if (!account.other) return null;
  const former = plain(account.former);
  return former && former !== plain(account.name) ? t('confirm.former', { former, team, app }) : t('confirm.other', { team, app });
}

// What is to be confirmed, to be said.
export function confirmWords(card) {
  const account = card.item.account.name ? plain(card.item.account.name) : t('account.unnamed', { app: card.appName });
  return [t('said.confirm', { label: plain(card.label), account }), otherWords(card), missingWords(card)].filter(Boolean).join(' ');
}

// "Is this your account?" Nothing counts before the answer.
export function confirmBody(card) {
  const { item, appName: app, team } = card;
  const problem = el('p', { class: 'error', role: 'alert', hidden: true });
  const yes = el('button', { type: 'button', class: 'button primary' }, icon('check'), el('span', {}, t('confirm.yes')));
  const missing = missingNote(card);
  const again = missing && item.connect?.available
    ? el('button', { type: 'button', class: 'button' }, icon('out'), el('span', {}, t('confirm.again'))) : null;
  const no = el('button', { type: 'button', class: 'button' }, t(item.form ? 'confirm.no.form' : 'confirm.no'));
  const buttons = [yes, again, no].filter(Boolean);
  const other = otherWords(card);
  const show = (words) => {
    problem.replaceChildren(icon('alert'), said(words ?? '', 'span'));
    problem.hidden = !words;
  };
  const doing = (call) => async () => {
    if (yes.hasAttribute('aria-disabled')) return;
    for (const button of buttons) button.setAttribute('aria-disabled', 'true');
    problem.hidden = true;
    const words = await call();
    for (const button of buttons) button.removeAttribute('aria-disabled');
    show(words);
  };
  yes.addEventListener('click', doing(() => card.confirm(true)));
  no.addEventListener('click', doing(() => card.confirm(false)));
  again?.addEventListener('click', doing(() => card.connectAgain()));
  return [
    el('div', { class: 'confirm', role: 'group', 'aria-labelledby': `ask-${item.id}` },
      el('h4', { id: `ask-${item.id}`, class: 'question', tabindex: '-1', 'aria-describedby': `account-${item.id}` }, t('confirm.title')),
      accountOf(item, app, `account-${item.id}`),
      other ? el('p', { class: 'warning' }, icon('alert'), told(other, 'span')) : null,
      missing,
      told(t('confirm.text', { team }), 'p', { class: 'help' }),
      problem,
      el('div', { class: 'buttons' }, buttons)),
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
    el('h4', {}, icon(calm ? 'undo' : 'alert'), told(t(`${own}.title`, { app }), 'span')),
    text && !calm ? el('blockquote', {}, said(sentence(translated(text)), 'p')) : null,
    told(t(own, { app, name }), 'p'),
    card.mayRepeat ? told(t('problem.kept'), 'p') : null);
}
