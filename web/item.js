// SPDX-License-Identifier: Apache-2.0
// One thing that is asked for, as a card: its form while it is open, then how it went.
import { announce, el, icon, plain, said } from './dom.js';
import { Form } from './form.js';
import { askDecline } from './decline.js';
import { t, translated } from './texts.js';

const AGAIN = new Set(['reauthorizing', 'invalid']);

// Which of the looks below an item has. A refusal stands until the person takes it back here, whatever was tried before.
export function lookOf(item, reopened = false) {
  if (item.progress === 'working') return 'working';
  if (item.state === 'authorized') return 'done';
  if (item.state === 'declined' && !reopened) return 'declined';
  if (item.progress === 'failed') return 'failed';
  return AGAIN.has(item.state) ? 'again' : 'open';
}

const LOOKS = {
  open: { icon: 'key', body: (card) => card.open() },
  again: { icon: 'key', body: (card) => [el('p', { class: 'hint' }, t('item.again')), ...card.open()] },
  failed: { icon: 'alert', body: (card) => [card.failure(), ...card.open()], said: 'said.failed' },
  working: { icon: 'clock', body: (card) => card.working(), said: 'said.working' },
  done: { icon: 'check', body: (card) => card.done(), said: 'said.done' },
  declined: { icon: 'minus', body: (card) => card.declined(), said: 'said.declined' },
};

// calls: { submit(item, fields), decline(item, reason), wordsOf(error), changed() }
export class ItemCard {
  constructor(calls) {
    this.calls = calls;
    this.kept = new Map();
    this.node = el('li', { class: 'item' });
  }

  // Draws again only what has changed, so that nothing a person is typing is lost.
  update(item, request, delayed) {
    this.item = item;
    this.request = request;
    this.delayed = delayed;
    const look = lookOf(item, this.reopened);
    const drawn = JSON.stringify([look, item, look === 'working' && delayed]);
    if (drawn === this.drawn) return;
    const changed = this.look !== undefined && this.look !== look;
    this.drawn = drawn;
    this.look = look;
    this.draw(changed);
  }

  draw(changed) {
    const hadFocus = this.node.contains(document.activeElement);
    const { item, look } = this;
    const titleId = `item-${item.id}`;
    this.title = el('h3', { id: titleId, tabindex: '-1' }, said(this.label, 'span'));
    const card = el('section', { class: `card ${look}`, 'aria-labelledby': titleId },
      el('div', { class: 'head' },
        el('span', { class: 'sign' }, icon(LOOKS[look].icon)),
        el('div', {}, this.title, el('p', { class: 'app' }, t('item.for', { app: plain(this.appName) }))),
        el('span', { class: 'badge' }, t(`state.${look}`))),
      item.description ? said(item.description, 'p', { class: 'words' }) : null,
      LOOKS[look].body(this));
    this.node.replaceChildren(card);
    if (hadFocus) this.title.focus();
    if (changed && LOOKS[look].said) announce(t(LOOKS[look].said, { label: plain(this.label), error: plain(item.error) }));
  }

  // Its form is there to be filled in.
  get isOpen() { return Boolean(this.form) && this.node.contains(this.form.node); }

  get label() { return translated(this.item.label); }

  get appName() {
    const { app } = this.item;
    return app === app.toLowerCase() && app.length <= 4 ? app.toUpperCase() : app;
  }

  get requester() { return plain(this.request.requester.name); }

  details() {
    const { item } = this;
    return [
      item.scope.length > 0 ? el('p', { class: 'help' }, t('item.scope')) : null,
      item.scope.length > 0 ? el('ul', { class: 'scope' }, item.scope.map((scope) => said(scope, 'li'))) : null,
      item.nameOverride ? said(t('item.saved', { name: plain(item.nameOverride) }), 'p', { class: 'help' }) : null,
    ];
  }

  declineButton() {
    return el('button', { type: 'button', class: this.item.form ? 'button quiet' : 'button', onclick: () => this.askDecline() }, t('item.decline'));
  }

  open() {
    const { item } = this;
    const buttons = item.state === 'declined' ? [] : [this.declineButton()];
    if (!item.form) {
      const why = t(item.component === 'account' ? 'item.account' : 'item.unknown', { name: this.requester });
      return [...this.details(), el('p', { class: 'hint' }, why), el('div', { class: 'buttons' }, buttons)];
    }
    this.form = new Form(item.form, `f-${item.id}`, {
      kept: this.kept,
      buttons,
      submitText: t('item.send'),
      send: (fields) => this.send(fields),
    });
    return [...this.details(), this.form.node];
  }

  async send(fields) {
    const { form } = this;
    try {
      this.kept = form.keptValues();
      await this.calls.submit(this.item, fields);
    } catch (error) {
      if (error.kind === undefined) throw error;
      form.showReasons(error.kind === 'refused' && error.reasons.length > 0
        ? error.reasons : [{ field: null, text: this.calls.wordsOf(error) }]);
    }
  }

  askDecline() {
    if (this.form?.busy) return;
    askDecline({
      label: plain(this.label),
      name: this.requester,
      wordsOf: this.calls.wordsOf,
      send: (reason) => this.calls.decline(this.item, reason),
      sent: () => this.title.focus(),
    });
  }

  failure() {
    return el('div', { class: 'summary' },
      el('h4', {}, icon('alert'), t('item.failed')),
      this.item.error ? said(translated(this.item.error), 'p') : null,
      el('p', {}, t('item.failed.help')));
  }

  result(title, ...rest) {
    return [el('div', { class: 'result' }, said(title, 'p', { class: 'result-title' }), ...rest)];
  }

  working() {
    return this.result(t('item.working.title'), el('p', {}, t(this.delayed ? 'item.delayed' : 'item.working')),
      el('div', { class: 'bar', 'aria-hidden': 'true' }, el('span')));
  }

  done() {
    this.kept.clear();
    return this.result(t('item.done', { team: plain(this.request.team) }));
  }

  declined() {
    const { item } = this;
    const again = el('button', { type: 'button', class: 'button', onclick: () => this.reopen() }, t('item.change'));
    return this.result(t('item.declined'),
      item.declineReason ? said(t('item.declined.reason', { reason: plain(item.declineReason) }), 'p') : null,
      item.form ? el('div', { class: 'buttons' }, again) : null);
  }

  reopen() {
    this.reopened = true;
    this.update(this.item, this.request, this.delayed);
    this.calls.changed();
  }
}
