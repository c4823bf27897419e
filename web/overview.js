// SPDX-License-Identifier: Apache-2.0
// All that is asked for at a glance: a part for each item, so that it can be seen from afar how much is left, and from three
// items on with its name, which leads to its card.
import { el, icon, plain } from './dom.js';
import { t } from './texts.js';

const NAMED_FROM = 3; // fewer are seen at once anyway
const FOLDED_FROM = 13; // the names of so many would hide what they lead to

// One item's part; it is changed in place, as it may have the focus.
class Step {
  constructor(card) {
    this.card = card;
    this.sign = el('span', { class: 'step-sign' });
    this.state = el('span', { class: 'unseen' });
    this.button = el('button', { type: 'button', onclick: () => card.show() },
      this.sign, el('span', { class: 'step-name', dir: 'auto' }, plain(card.label)), this.state);
    this.node = el('li', {}, this.button);
  }

  update() {
    const { look, icon: sign, state } = this.card;
    if (this.drawn === `${look} ${state}`) return;
    this.drawn = `${look} ${state}`;
    this.button.className = `step ${look}`;
    this.sign.replaceChildren(...(sign ? [icon(sign)] : []));
    this.state.textContent = ` ${t(`state.${state}`)}`;
  }
}

export class Overview {
  constructor(cards) {
    this.cards = cards;
    this.bar = el('div', { class: `steps ${cards.length >= FOLDED_FROM ? 'many' : ''}`, 'aria-hidden': 'true' }, cards.map(() => el('span')));
    this.steps = cards.length < NAMED_FROM ? [] : cards.map((card) => new Step(card));
    this.node = this.#nodeOf(cards.length);
  }

  #nodeOf(n) {
    if (n < 2) return el('div');
    if (n < NAMED_FROM) return this.bar;
    const list = el('ol', { class: 'named' }, this.steps.map((step) => step.node));
    const folded = n >= FOLDED_FROM ? [this.bar, el('details', {}, el('summary', {}, t('overview.all', { n })), list)] : list;
    return el('nav', { class: 'overview', 'aria-label': t('overview.title') }, folded);
  }

  update() {
    this.cards.forEach((card, n) => { this.bar.children[n].className = card.look; });
    for (const step of this.steps) step.update();
  }
}
