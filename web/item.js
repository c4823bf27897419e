// SPDX-License-Identifier: Apache-2.0
// One thing that is asked for, as a card: its form or its way to the provider while it is open, then how it went.
import { address, announce, el, icon, initials, plain, said, told } from './dom.js';
import { Form } from './form.js';
import { confirmBody, confirmWords, connectForm, leaveFor, missingLeft, problemBody, problemOf, problemWords, scopesOf } from './connect.js';
import { askDecline } from './dialog.js';
import { t, translated } from './texts.js';

const AGAIN = new Set(['reauthorizing', 'invalid']);
const GENERIC = 'http'; // any service: its name says nothing to the person
const isWaiting = (item) => item.progress === 'confirm' && Boolean(item.account);

// Which of the looks below an item has. A refusal stands until the person takes it back here, whatever was tried before; so
// does an account that waits until the person wants to connect again.
export function lookOf(item, reopened = false) {
  if (item.progress === 'working') return 'working';
  if (isWaiting(item) && !reopened) return 'confirm';
  if (item.state === 'authorized') return 'done';
  if (item.state === 'declined' && !reopened) return 'declined';
  if (item.progress === 'failed' || item.problem) return 'failed';
  return AGAIN.has(item.state) ? 'again' : 'open';
}

// What each shows, and what is said of it.
const LOOKS = {
  open: { body: (card) => card.open(), said: (card) => card.sentence(card.another ? 'said.another' : 'said.open') },
  again: { body: (card) => [card.note('item.again', 'undo'), ...card.open()], said: (card) => card.sentence('said.again') },
  failed: { icon: 'alert', body: (card) => [problemBody(card), ...card.open()],
    said: (card) => card.sentence('said.failed', { error: problemWords(card) }) },
  working: { icon: 'clock', body: (card) => card.working(), said: (card) => card.sentence(card.delayed ? 'said.delayed' : 'said.working') },
  confirm: { icon: 'person', body: confirmBody, said: confirmWords },
  done: { icon: 'check', body: (card) => card.done(), said: (card) => card.sentence('said.done') },
  declined: { icon: 'minus', body: (card) => card.declined(), said: (card) => card.sentence('said.declined') },
};

// calls: { submit(item, fields), connect(item, fields), confirm(item, accept), decline(item, reason), mayLeave(card),
//          left(item), wordsOf(error), changed() }
export class ItemCard {
  constructor(calls, item) {
    this.calls = calls;
    this.item = item;
    this.kept = new Map();
    this.node = el('li', { class: 'item' });
  }

  // Draws again only what has changed, so that nothing a person is typing is lost.
  update(item, request, delayed) {
    if (isWaiting(item) && item.account.id !== this.item.account?.id) this.reopened = false; // this one has not been looked at
    this.item = item;
    this.request = request;
    this.delayed = delayed;
    const look = lookOf(item, this.reopened);
    const drawn = JSON.stringify([look, item, look === 'working' && delayed, this.another]);
    if (drawn === this.drawn) return;
    const first = this.look === undefined;
    this.drawn = drawn;
    this.look = look;
    this.draw();
    // Whoever opens the page reads it; an account that waits for a yes is said even so.
    const words = LOOKS[look].said(this);
    if (words !== this.words && (!first || look === 'confirm')) announce(words);
    this.words = words;
  }

  // How it stands, to be said.
  announce() { announce(this.words); }

  sentence(key, values) { return t(key, { label: plain(this.label), app: this.appName, ...values }); }

  draw() {
    const hadFocus = this.node.contains(document.activeElement);
    const { item, look } = this;
    const titleId = `item-${item.id}`;
    this.form = null;
    if (look !== 'working' && !this.mayRepeat) this.sent = null;
    this.title = el('h3', { id: titleId, tabindex: '-1' }, said(this.label, 'span'));
    const card = el('section', { class: `card ${look} ${this.isCalm ? 'calm' : ''}`, 'aria-labelledby': titleId },
      el('div', { class: 'head' },
        this.sign(),
        el('div', { class: 'name' },
          el('div', {}, this.title, this.subtitle()),
          look === 'open' ? null : el('span', { class: 'badge' }, t(`state.${this.state}`)))),
      item.description && look !== 'done' && look !== 'declined' ? said(item.description, 'p', { class: 'words' }) : null,
      LOOKS[look].body(this));
    // in a list of all buttons, one "Decline" is like another
    for (const button of card.querySelectorAll('.buttons button')) button.setAttribute('aria-describedby', titleId);
    this.node.replaceChildren(card);
    if (hadFocus) this.focus();
  }

  // Nothing was given, and nothing is wrong: it is open as before.
  get isCalm() { return this.look === 'failed' && problemOf(this.item).calm; }

  get state() { return this.isCalm ? 'open' : this.look; }

  get icon() { return LOOKS[this.state].icon; }

  sign() {
    if (this.icon) return el('span', { class: 'sign' }, icon(this.icon));
    return this.item.component === 'account'
      ? el('span', { class: 'sign letter', 'aria-hidden': 'true' }, initials(this.appName)[0])
      : el('span', { class: 'sign' }, icon('key'));
  }

  // Its app, where the label does not say it already; once it is provided, the account.
  subtitle() {
    const { appName: app } = this;
    if (this.look === 'done' && this.item.account?.name) return el('p', { class: 'app' }, address(this.item.account.name));
    if (this.item.app === GENERIC || plain(this.label).toLowerCase().includes(app.toLowerCase())) return null;
    return told(t('item.for', { app }), 'p', { class: 'app' });
  }

  // Brings it into view, from a list of all.
  show() {
    this.node.scrollIntoView({ block: 'start' });
    this.title.focus({ preventScroll: true });
  }

  // Where a keyboard or a screen reader goes on.
  focus() {
    (this.node.querySelector('.question') ?? this.title).focus();
  }

  // Its form is there to be filled in, and sends what it holds (a way to the provider leads off the page instead).
  get isOpen() { return Boolean(this.form) && !this.item.connect && this.node.contains(this.form.node); }

  get isTouched() { return this.isOpen && this.form.isTouched; }

  get label() { return translated(this.item.label); }

  get appName() {
    const { app, appLabel } = this.item;
    if (appLabel) return plain(appLabel);
    return app === app.toLowerCase() && app.length <= 4 ? app.toUpperCase() : plain(app);
  }

  // The service could not be reached, so nobody has said that anything is wrong: the same can be sent once more.
  get mayRepeat() { return this.look === 'failed' && this.item.problem?.code === 'away' && Boolean(this.sent); }

  get requester() { return plain(this.request.requester.name); }

  get team() { return plain(this.request.team); }

  note(key, sign, values = {}) {
    return el('p', { class: 'hint' }, icon(sign), told(t(key, { app: this.appName, name: this.requester, ...values }), 'span'));
  }

  buttons() {
    if (isWaiting(this.item)) return [el('button', { type: 'button', class: 'button quiet', onclick: () => this.reopen(false) }, t('confirm.back'))];
    if (this.item.state === 'declined') {
      return this.reopened ? [el('button', { type: 'button', class: 'button quiet', onclick: () => this.reopen(false) }, t('item.keep'))] : [];
    }
    return [el('button', { type: 'button', class: 'button quiet', onclick: () => this.askDecline() }, t('item.decline'))];
  }

  open() {
    const { item } = this;
    const closed = item.connect ? !item.connect.available : !item.form;
    const parts = [
      this.another ? this.note('item.another', 'person') : null,
      scopesOf(this),
      item.nameOverride ? told(t('item.saved', { name: plain(item.nameOverride) }), 'p', { class: 'help' }) : null,
    ];
    if (closed) {
      const why = t(item.component === 'account' ? 'item.account' : 'item.unknown', { app: this.appName, name: this.requester });
      return [...parts, el('p', { class: 'hint' }, icon('alert'), told(why, 'span')), el('div', { class: 'buttons' }, this.buttons())];
    }
    this.form = item.connect ? connectForm(this) : this.enterForm();
    return [...parts, this.form.node];
  }

  // What is given away, in one sentence, before the button that does it.
  foot() {
    const { item, team, appName: app } = this;
    const key = item.connect?.client ? 'own.trust' : item.connect ? 'connect.trust' : item.component === 'keychain' ? 'item.gives.key' : 'item.gives';
    return el('p', { class: 'foot' }, icon('lock'), told(t(key, { team, app }), 'span'));
  }

  enterForm() {
    return new Form(this.item.form, `f-${this.item.id}`, {
      kept: this.sent ?? this.kept,
      foot: this.foot(),
      buttons: this.buttons(),
      submitText: t('item.send'),
      busyText: t('item.sending'),
      send: (fields) => this.attempt(() => this.calls.submit(this.item, fields)),
    });
  }

  // Does what the form asks for; what the service has against it is shown at the form.
  async attempt(call) {
    const { form } = this;
    try {
      this.kept = form.keptValues();
      this.sent = form.keptValues(true); // in this page alone, until it is known what became of it
      await call();
    } catch (error) {
      if (error.kind === undefined) throw error;
      if (error.kind === 'refused' && error.reasons.length > 0) form.showReasons(error.reasons);
      else form.showReasons([{ field: null, text: this.calls.wordsOf(error) }], t('form.unsent'));
    }
  }

  async connect(fields) {
    if (await this.calls.mayLeave(this)) await this.attempt(() => this.leave(fields));
  }

  async leave(fields) {
    const { url } = await this.calls.connect(this.item, fields);
    this.calls.left(this.item);
    await leaveFor(url);
  }

  // To the provider once more, over the form where one has to be filled in first; the account that waits stays until
  // another has come. Resolves as confirm().
  async connectAgain() {
    if (this.item.connect.fields?.length > 0) {
      this.reopen(true);
      return null;
    }
    return await this.calls.mayLeave(this) ? this.inWords(() => this.leave({})) : null;
  }

  // Answers "Is this your account?"; resolves to what went wrong, in words.
  async confirm(accept) {
    this.another = !accept;
    return this.inWords(() => this.calls.confirm(this.item, accept));
  }

  async inWords(call) {
    try {
      await call();
    } catch (error) {
      if (error.kind === undefined) throw error;
      return this.calls.wordsOf(error);
    }
    return null;
  }

  askDecline() {
    if (this.form?.busy) return;
    askDecline({
      label: plain(this.label),
      name: this.requester,
      wordsOf: this.calls.wordsOf,
      send: async (reason) => {
        this.reopened = false;
        await this.calls.decline(this.item, reason);
      },
      sent: () => this.focus(),
    });
  }

  result(title, ...rest) {
    return [el('div', { class: 'result' }, told(title, 'p', { class: 'result-title' }), ...rest)];
  }

  working() {
    const title = this.item.connect ? t('item.working.connect', { app: this.appName }) : t('item.working.title');
    return this.result(title, el('p', {}, t(this.delayed ? 'item.delayed' : 'item.working')),
      el('div', { class: 'bar', 'aria-hidden': 'true' }, el('span')));
  }

  done() {
    const { item, team, appName: app } = this;
    this.kept.clear();
    this.another = false;
    return [told(t(item.connect ? 'item.done.account' : 'item.done', { team, app }), 'p', { class: 'help' }), missingLeft(this)];
  }

  declined() {
    const { item } = this;
    const again = el('button', { type: 'button', class: 'button', onclick: () => this.reopen(true) }, icon('undo'), t('item.change'));
    return this.result(t('item.declined'),
      item.declineReason ? told(t('item.declined.reason', { reason: plain(item.declineReason) }), 'p') : null,
      item.form || item.connect?.available ? el('div', { class: 'buttons' }, again) : null);
  }

  reopen(reopened) {
    this.reopened = reopened;
    this.update(this.item, this.request, this.delayed);
    this.calls.changed();
  }
}
