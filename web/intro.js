// SPDX-License-Identifier: Apache-2.0
// What stands around the items: who asks and what for, and what a careful person wants to know before answering.
import { address, el, icon, initials, plain, said, told } from './dom.js';
import { dateText, t } from './texts.js';

const TITLE_LONG = 60; // characters; from there on it is set smaller

export function introOf(request) {
  const { requester } = request;
  const name = plain(request.name);
  const asking = plain(requester.name);
  const place = request.organization ? `${plain(request.team)}, ${plain(request.organization)}` : plain(request.team);
  return el('header', { class: 'intro' },
    el('div', { class: 'who' },
      el('span', { class: 'avatar', 'aria-hidden': 'true' }, initials(asking)),
      el('div', {},
        told(t('intro.asks', { name: asking }), 'p', { class: 'asks' }),
        el('p', { class: 'from' }, requester.email ? el('span', {}, address(requester.email)) : null, el('span', {}, said(place))))),
    said(name, 'h1', { tabindex: '-1', class: name.length > TITLE_LONG ? 'long' : null }),
    request.description ? said(request.description, 'p', { class: 'words lead' }) : null);
}

export function untilOf(request) {
  const date = dateText(request.expiresAt);
  return date ? el('p', { class: 'until' }, icon('clock'), el('span', {}, t('intro.until', { date }))) : null;
}

export function trustOf(request) {
  const name = plain(request.requester.name);
  const team = plain(request.team);
  const notes = [['lock', 'sealed'], ['hidden', 'once'], ['undo', 'back'], ['question', 'unexpected']];
  return el('aside', { class: 'trust', 'aria-labelledby': 'trust-title' },
    el('h2', { id: 'trust-title' }, t('trust.title')),
    el('ul', {}, notes.map(([sign, key]) => el('li', { class: key }, icon(sign),
      el('div', {}, el('h3', {}, t(`trust.${key}.title`)), told(t(`trust.${key}`, { name, team }), 'p'))))));
}
