// SPDX-License-Identifier: Apache-2.0
// The request page: opens the link, shows what is asked for, and follows what becomes of each answer.
import { Api, CallError, linkFrom } from './api.js';
import { el, icon, plain, said } from './dom.js';
import { ItemCard, lookOf } from './item.js';
import { dateText, loadTexts, t } from './texts.js';

const FOLLOW_MS = [250, 350, 500, 800, 1200, 2000, 3000, 5000]; // pauses while something is worked on
const RETRY_MS = [2000, 3000, 5000, 10000, 20000, 30000]; // pauses while the service is away
const STALE_MS = 30000; // older: looked at again when the person comes back to the page

const main = document.getElementById('main');

// ---- parts of the page ----

function initials(name) {
  const words = plain(name).split(/\s+/).filter(Boolean);
  return [words[0], words.length > 1 ? words.at(-1) : ''].map((word) => [...(word ?? '')][0] ?? '').join('').toUpperCase();
}

function introOf(request) {
  const name = plain(request.requester.name);
  return el('header', { class: 'intro' },
    el('p', { class: 'asks' }, el('span', { class: 'avatar', 'aria-hidden': 'true' }, initials(name)), said(t('intro.asks', { name }), 'span')),
    said(request.name, 'h1'),
    request.description ? said(request.description, 'p', { class: 'words lead' }) : null);
}

function factOf(term, text) {
  return text ? el('div', {}, el('dt', {}, term), said(text, 'dd')) : null;
}

function whoOf(request) {
  const name = plain(request.requester.name);
  const team = request.organization ? `${plain(request.team)}, ${plain(request.organization)}` : request.team;
  return el('aside', { class: 'who', 'aria-labelledby': 'who-title' },
    el('h2', { id: 'who-title' }, t('who.title')),
    said(name, 'p', { class: 'name' }),
    el('dl', {}, factOf(t('who.email'), request.requester.email), factOf(t('who.team'), team), factOf(t('who.until'), dateText(request.expiresAt))));
}

function trustOf(request) {
  const notes = [
    ['lock', t('trust.sealed', { team: plain(request.team) })],
    ['hidden', t('trust.once')],
    ['question', t('trust.unexpected', { name: plain(request.requester.name) })],
  ];
  return el('ul', { class: 'trust' }, notes.map(([sign, text]) => el('li', {}, icon(sign), said(text, 'span'))));
}

const OUTCOMES = [
  { key: 'all.done', icon: 'check', fits: (looks) => looks.every((look) => look === 'done') },
  { key: 'all.declined', icon: 'minus', fits: (looks) => looks.every((look) => look === 'declined') },
  { key: 'all.answered', icon: 'check', fits: (looks) => looks.every((look) => look === 'done' || look === 'declined') },
];

// ---- the page while its link works ----

class RequestPage {
  constructor(api) {
    this.api = api;
    this.cards = new Map();
    this.round = 0;
    this.misses = 0;
    this.answers = 0; // counts what was sent: a view asked for before that is out of date
    this.banner = el('p', { class: 'banner', role: 'status', hidden: true }, icon('alert'), t('banner.away'));
    document.addEventListener('visibilitychange', () => {
      if (!document.hidden && Date.now() - this.seenAt > STALE_MS) this.refresh();
    });
  }

  async refresh() {
    clearTimeout(this.timer);
    const { answers } = this;
    try {
      const view = await this.api.open();
      this.misses = 0;
      this.seenAt = Date.now();
      if (answers !== this.answers) return this.later(0);
      this.show(view);
    } catch (error) {
      if (!(error instanceof CallError)) throw error;
      this.fail(error);
    }
    return undefined;
  }

  later(ms) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.refresh(), ms);
  }

  // What was typed is kept while the service is away; any other answer ends the page.
  fail(error) {
    const passing = error.kind === 'away' || error.kind === 'rate';
    if (this.view && passing) this.banner.hidden = false;
    else this.end(error);
    if (passing) {
      this.later(Math.max(error.retryAfterS * 1000, RETRY_MS[Math.min(this.misses, RETRY_MS.length - 1)]));
      this.misses += 1;
    }
  }

  end(error) {
    if (this.ended === error.kind) return;
    this.ended = error.kind;
    this.view = null;
    this.cards.clear();
    document.querySelector('dialog')?.close();
    showNotice(error.kind, () => this.refresh());
  }

  show(view) {
    this.banner.hidden = true;
    this.ended = undefined;
    if (!this.view) this.build(view);
    this.view = view;
    for (const item of view.items) this.cards.get(item.id)?.update(item, view.request, view.delayed);
    this.showOutcome();
    if (view.items.some((item) => item.progress === 'working')) {
      this.later(FOLLOW_MS[Math.min(this.round, FOLLOW_MS.length - 1)]);
      this.round += 1;
    } else {
      this.round = 0;
    }
  }

  build(view) {
    const calls = {
      submit: (item, fields) => this.answer(item, () => this.api.submit(item.id, fields)),
      decline: (item, reason) => this.answer(item, () => this.api.decline(item.id, reason)),
      wordsOf: (error) => this.wordsOf(error),
      changed: () => this.showOutcome(),
    };
    this.outcomeKey = undefined;
    for (const item of view.items) this.cards.set(item.id, new ItemCard(calls));
    this.outcome = el('div', { class: 'outcome', tabindex: '-1', hidden: true });
    this.progress = el('p', { class: 'progress' });
    this.sendAll = el('button', { type: 'button', class: 'button primary send-all', onclick: () => this.sendEvery() },
      icon('lock'), t('all.send'));
    document.title = t('title', { name: plain(view.request.name), requester: plain(view.request.requester.name) });
    main.replaceChildren(el('div', { class: 'page' },
      introOf(view.request),
      whoOf(view.request),
      el('section', { class: 'items', 'aria-labelledby': 'items-title' },
        this.banner, this.outcome,
        el('div', { class: 'items-head' }, el('h2', { id: 'items-title' }, t('items.title')), this.progress),
        el('ul', { class: 'cards' }, [...this.cards.values()].map((card) => card.node)), this.sendAll),
      trustOf(view.request)));
    main.removeAttribute('aria-busy');
  }

  showOutcome() {
    const looks = this.view.items.map((item) => lookOf(item, this.cards.get(item.id)?.reopened));
    const answered = looks.filter((look) => look === 'done' || look === 'declined').length;
    const outcome = OUTCOMES.find(({ fits }) => fits(looks));
    this.progress.textContent = t('intro.progress', { done: answered, all: looks.length });
    this.sendAll.hidden = [...this.cards.values()].filter((card) => card.isOpen).length < 2;
    if (outcome?.key !== this.outcomeKey && outcome) {
      const name = plain(this.view.request.requester.name);
      this.outcome.replaceChildren(el('span', { class: 'sign' }, icon(outcome.icon)),
        el('div', {}, el('h2', {}, t(`${outcome.key}.title`)), said(t(outcome.key, { name }), 'p')));
      this.outcome.hidden = false;
      if (this.answers > 0) this.outcome.focus(); // it comes into view with the focus
    }
    if (!outcome) this.outcome.hidden = true;
    this.outcomeKey = outcome?.key;
  }

  // Every open form, as if each one's own button were pressed; the first that lacks something gets the focus.
  sendEvery() {
    const open = [...this.cards.values()].filter((card) => card.isOpen);
    for (const card of open.reverse()) card.form.node.requestSubmit();
  }

  // Send an answer, then show the item as worked on and follow it.
  async answer(item, call) {
    let delayed = false;
    try {
      ({ delayed } = await call());
    } catch (error) {
      if (error.kind === 'gone' || error.kind === 'unknown') this.fail(error);
      else if (error.kind === 'refused' || error.kind === 'away') this.later(500); // it may have changed, or arrived, all the same
      throw error;
    }
    this.answers += 1;
    this.round = 0;
    const items = this.view.items.map((one) => (one.id === item.id ? { ...one, progress: 'working', error: null } : one));
    this.show({ ...this.view, items, delayed });
  }

  wordsOf(error) {
    if (error.kind === 'away' || error.kind === 'rate') return t(`form.${error.kind}`);
    return error.reasons?.map((reason) => reason.text).join(' ') || t('notice.refused');
  }
}

// ---- pages for links that do not work ----

const NOTICES = {
  incomplete: { icon: 'link' },
  unknown: { icon: 'link' },
  gone: { icon: 'clock' },
  rate: { icon: 'clock', retry: true },
  away: { icon: 'alert', retry: true },
  refused: { icon: 'alert', retry: true },
};

function showNotice(kind, retry) {
  const notice = NOTICES[kind];
  document.title = `${t(`notice.${kind}.title`)} · Bailee`;
  main.replaceChildren(el('div', { class: `notice ${kind}` },
    el('span', { class: 'sign' }, icon(notice.icon)),
    el('h1', {}, t(`notice.${kind}.title`)),
    el('p', {}, t(`notice.${kind}`)),
    notice.retry ? el('button', { type: 'button', class: 'button primary', onclick: retry }, t('notice.retry')) : null));
  main.removeAttribute('aria-busy');
  main.focus({ preventScroll: true });
}

async function start() {
  await loadTexts(navigator.languages ?? [navigator.language]);
  document.getElementById('host').textContent = t('host', { host: window.location.host });
  const link = linkFrom(window.location);
  window.addEventListener('hashchange', () => window.location.reload()); // another link was pasted
  if (!link) {
    showNotice('incomplete');
    return;
  }
  main.replaceChildren(el('p', { class: 'loading' }, t('loading')));
  await new RequestPage(new Api(link)).refresh();
}

start().catch(() => {
  // without its words the page has these alone
  main.replaceChildren(el('div', { class: 'notice' }, el('h1', {}, 'This page could not be loaded'),
    el('p', {}, 'Please load it again in a moment.')));
  main.removeAttribute('aria-busy');
});
