// SPDX-License-Identifier: Apache-2.0
// The request page: opens the link, shows what is asked for, and follows what becomes of each answer.
import { Api, CallError } from './api.js';
import { askLeave } from './dialog.js';
import { announce, el, icon, plain, told } from './dom.js';
import { introOf, trustOf, untilOf } from './intro.js';
import { ItemCard, lookOf } from './item.js';
import { forgetLink, openLink, session } from './link.js';
import { showNotice, showOther } from './notice.js';
import { Overview } from './overview.js';
import { loadTexts, offerLanguages, t } from './texts.js';

const FOLLOW_MS = [250, 350, 500, 800, 1200, 2000, 3000, 5000]; // pauses while something is worked on
const RETRY_MS = [2000, 3000, 5000, 10000, 20000, 30000]; // pauses while the service is away
const STALE_MS = 5000; // older: looked at again when the person comes back to the page

const main = document.getElementById('main');

const OUTCOMES = [
  { key: 'all.less', icon: 'check', fits: (looks, items) => looks.every((look) => look === 'done') && items.some((item) => item.missing?.length > 0) },
  { key: 'all.done', icon: 'check', fits: (looks) => looks.every((look) => look === 'done') },
  { key: 'all.declined', icon: 'minus', fits: (looks) => looks.every((look) => look === 'declined') },
  { key: 'all.answered', icon: 'check', fits: (looks) => looks.every((look) => look === 'done' || look === 'declined') },
];

class RequestPage {
  constructor(link) {
    this.link = link;
    this.api = new Api(link);
    this.cards = new Map();
    this.round = 0;
    this.misses = 0;
    this.answers = 0; // counts what was sent: a view asked for before that is out of date
    this.banner = el('p', { class: 'banner', hidden: true }, icon('alert'), el('span', {}, t('banner.away')));
    // Another window of this browser has changed something; it says no more than that.
    this.others = new BroadcastChannel(`bailee-${link.id}`);
    this.others.addEventListener('message', () => this.refresh());
    window.addEventListener('pageshow', (event) => { if (event.persisted) this.refresh(); });
    for (const change of ['online', 'offline']) window.addEventListener(change, () => this.refresh());
    // Once something is typed, leaving asks; who is asked by this page already is not asked twice.
    main.addEventListener('input', () => {
      window.addEventListener('beforeunload', (event) => { if (!this.parting && this.#typedBut()) event.preventDefault(); });
    }, { once: true });
    window.addEventListener('pageshow', () => { this.parting = false; });
    document.addEventListener('visibilitychange', () => {
      if (!document.hidden && Date.now() - this.seenAt > STALE_MS) this.refresh();
    });
  }

  async refresh() {
    clearTimeout(this.timer);
    if (this.replaced) return undefined;
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
    if (this.view && passing) this.setAway(true);
    else this.end(error.kind, () => showNotice(error.kind, { retry: () => this.refresh() }));
    if (error.kind === 'unknown' || error.kind === 'gone') forgetLink(this.link.id);
    if (passing) {
      this.later(Math.max(error.retryAfterS * 1000, RETRY_MS[Math.min(this.misses, RETRY_MS.length - 1)]));
      this.misses += 1;
    }
  }

  setAway(away) {
    if (this.banner.hidden !== away) return;
    this.banner.hidden = !away;
    announce(t(away ? 'banner.away' : 'banner.back'));
  }

  end(kind, showIt) {
    if (this.ended === kind) return;
    this.ended = kind;
    this.view = null;
    this.cards.clear();
    document.querySelector('dialog')?.close();
    showIt();
  }

  show(view) {
    if (view.browser === 'other') {
      this.end('other', () => showOther(view, {
        relink: async () => {
          await this.api.relink();
          this.replaced = true; // this link has ended, and that is as it should be
          forgetLink(this.link.id);
        },
        wordsOf: (error) => this.wordsOf(error),
      }));
      return;
    }
    this.setAway(false);
    if (!this.view) this.build(view);
    this.ended = undefined;
    this.view = view;
    for (const item of view.items) this.cards.get(item.id)?.update(item, view.request, view.delayed);
    this.showOutcome();
    this.welcomeBack();
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
      confirm: (item, accept) => this.answer(item, () => this.api.confirm(item.id, item.account.id, accept)),
      connect: (item, fields) => this.tried(() => this.api.connect(item.id, fields)),
      mayLeave: (card) => this.mayLeave(card),
      left: (item) => session.set(`left-${this.link.id}`, item.id),
      wordsOf: (error) => this.wordsOf(error),
      changed: () => this.showOutcome(),
    };
    this.outcomeKey = undefined;
    this.seen = false;
    for (const item of view.items) this.cards.set(item.id, new ItemCard(calls, item));
    this.overview = new Overview([...this.cards.values()]);
    this.outcome = el('div', { class: 'outcome', tabindex: '-1', hidden: true });
    this.progress = el('p', { class: 'progress' });
    this.title = el('h2', { id: 'items-title' });
    this.sendAll = el('button', { type: 'button', class: 'button primary send-all', onclick: () => this.sendEvery() },
      icon('lock'), el('span', {}, t('all.send')));
    document.title = t('title', { name: plain(view.request.name), requester: plain(view.request.requester.name) });
    main.replaceChildren(el('div', { class: 'page' },
      introOf(view.request),
      el('section', { class: 'items', 'aria-labelledby': 'items-title' },
        this.banner, this.outcome,
        el('div', { class: 'items-head' }, this.title, this.progress, untilOf(view.request)),
        this.overview.node,
        el('ul', { class: 'cards' }, [...this.cards.values()].map((card) => card.node)), this.sendAll),
      trustOf(view.request)));
    main.removeAttribute('aria-busy');
    if (this.ended) main.querySelector('h1').focus(); // this page has taken the place of a notice
  }

  // Back from a provider, the eye and the keyboard go to the item that led there.
  welcomeBack() {
    const card = this.cards.get(session.take(`left-${this.link.id}`));
    if (!card) return;
    this.acted = true;
    card.node.scrollIntoView({ block: 'center' });
    card.focus();
    card.announce();
  }

  showOutcome() {
    const looks = this.view.items.map((item) => lookOf(item, this.cards.get(item.id)?.reopened));
    const answered = looks.filter((look) => look === 'done' || look === 'declined').length;
    const outcome = OUTCOMES.find(({ fits }) => looks.length > 0 && fits(looks, this.view.items));
    this.progress.textContent = t('intro.progress', { done: answered, all: looks.length });
    this.progress.hidden = looks.length < 2;
    this.overview.update();
    this.sendAll.hidden = [...this.cards.values()].filter((card) => card.isOpen).length < 2;
    if (outcome?.key !== this.outcomeKey && outcome) {
      const name = plain(this.view.request.requester.name);
      this.outcome.replaceChildren(el('span', { class: 'sign' }, icon(outcome.icon)),
        el('div', {}, el('h2', {}, t(`${outcome.key}.title`)), told(t(outcome.key, { name }), 'p')));
      this.outcome.hidden = false;
      if (this.acted) this.outcome.focus(); // it comes into view with the focus
      else if (this.seen) announce(`${t(`${outcome.key}.title`)}. ${t(outcome.key, { name })}`);
    }
    if (!outcome) this.outcome.hidden = true;
    this.title.textContent = t(outcome ? 'items.answered' : 'items.title');
    main.firstChild.classList.toggle('finished', Boolean(outcome));
    this.outcome.classList.toggle('plain', outcome?.icon === 'minus');
    this.outcomeKey = outcome?.key;
    this.seen = true; // what comes from here on has changed under the person's eyes
  }

  // Every open form, as if each one's own button were pressed; the first that lacks something gets the focus.
  sendEvery() {
    const open = [...this.cards.values()].filter((card) => card.isOpen);
    for (const card of open.reverse()) card.form.node.requestSubmit();
  }

  // The way to a provider: what is typed elsewhere on this page would be lost.
  async mayLeave(leaving) {
    if (!this.#typedBut(leaving)) return true;
    this.parting = await askLeave({ app: leaving.appName });
    return this.parting;
  }

  // Something is typed and not sent, elsewhere than there.
  #typedBut(leaving) {
    return [...this.cards.values()].some((card) => card !== leaving && card.isTouched);
  }

  // A call that changes something. When it is refused the item may have changed, or it arrived all the same: looked at again.
  async tried(call) {
    try {
      return await call();
    } catch (error) {
      this.parting = false;
      if (error.kind === 'gone' || error.kind === 'unknown') this.fail(error);
      else if (error.kind === 'refused' || error.kind === 'away') this.later(500);
      throw error;
    }
  }

  // Send an answer, then show the item as worked on and follow it.
  async answer(item, call) {
    const { delayed } = await this.tried(call);
    this.acted = true;
    this.answers += 1;
    this.round = 0;
    this.others.postMessage('changed');
    const items = this.view.items.map((one) => (one.id === item.id ? { ...one, progress: 'working', error: null, problem: null } : one));
    this.show({ ...this.view, items, delayed });
  }

  wordsOf(error) {
    if (error.kind === 'away' || error.kind === 'rate') return t(`form.${error.kind}`);
    return error.reasons?.map((reason) => reason.text).join(' ') || t('notice.refused');
  }
}

// A file that misses its field would take the place of this page.
for (const event of ['dragover', 'drop']) {
  document.addEventListener(event, (dropped) => {
    if (dropped.dataTransfer?.types.includes('Files')) dropped.preventDefault();
  });
}

async function start() {
  await loadTexts();
  offerLanguages(document.getElementById('languages'));
  document.getElementById('host').textContent = t('host', { host: window.location.host });
  window.addEventListener('hashchange', () => window.location.reload()); // another link was pasted
  const link = openLink();
  if (!link) {
    showNotice('incomplete');
    return;
  }
  if (!navigator.cookieEnabled) { // the first answer would bind the link to a cookie that nobody keeps
    showNotice('cookies', { retry: () => window.location.reload() });
    return;
  }
  main.replaceChildren(el('div', { class: 'opening' }, el('p', {}, t('loading')),
    el('div', { class: 'bar', 'aria-hidden': 'true' }, el('span'))));
  await new RequestPage(link).refresh();
}

start().catch(() => {
  // without its words the page has these alone
  main.replaceChildren(el('div', { class: 'notice' }, el('h1', {}, 'This page could not be loaded'),
    el('p', {}, 'Please load it again in a moment.')));
  main.removeAttribute('aria-busy');
});
