// SPDX-License-Identifier: Apache-2.0
// One item's form: checks that nothing is missing, sends once, and shows what was wrong where it belongs.
import { el, icon, said } from './dom.js';
import { Fields } from './fields.js';
import { sentence, t, translated } from './texts.js';

const BODY_MOST = 63 * 1024; // bytes of the fields; the service takes no more than 64 KiB with what is around them

// The form of one item; one without fields is its button alone. send(fields) returns a promise; a CallError with reasons
// is shown at the fields. head: what stands above its fields; foot: above its buttons; sign: the icon of the first.
export class Form {
  constructor(specs, prefix, { send, kept, head, foot, buttons = [], submitText, busyText, sign = 'lock' }) {
    this.fields = new Fields(specs, prefix, kept);
    this.send = send;
    this.texts = { ready: submitText, busy: busyText };
    this.submit = el('button', { type: 'submit', class: 'button primary' }, icon(sign), el('span', {}, submitText));
    this.summaryTitle = el('h4', { id: `${prefix}-summary` });
    this.summaryList = el('ul');
    this.summary = el('div', { class: 'summary', role: 'group', tabindex: '-1', hidden: true, 'aria-labelledby': `${prefix}-summary` },
      this.summaryTitle, this.summaryList);
    this.node = el('form', { novalidate: true, autocomplete: 'off', onsubmit: (event) => this.#onSubmit(event) },
      this.summary, head, specs.length > 0 ? this.fields.node : null, foot, el('div', { class: 'buttons' }, this.submit, ...buttons));
    this.buttons = [this.submit, ...buttons];
  }

  values() {
    const values = {};
    for (const field of this.fields.all()) {
      const value = field.control.value();
      if (value !== '') values[field.spec.name] = value;
    }
    return values;
  }

  #longest(values) {
    const [field] = Object.entries(values).sort(([, one], [, two]) => String(two).length - String(one).length)[0];
    return { field, text: t('form.long') };
  }

  // What may be shown again when it did not work: everything that is no secret; secrets too where they may be right.
  keptValues(secretsToo = false) {
    return new Map(this.fields.all().filter((field) => secretsToo || !field.isSecret).map((field) => [field.spec.name, field.control.value()]));
  }

  async #onSubmit(event) {
    event.preventDefault();
    if (this.busy) return;
    const missing = this.fields.all().filter((field) => field.isEmpty).map((field) => ({ field: field.spec.name, text: t('form.required') }));
    const values = this.values();
    const long = missing.length === 0 && new Blob([JSON.stringify(values)]).size > BODY_MOST ? [this.#longest(values)] : [];
    const wrong = [...missing, ...long];
    this.showReasons(wrong);
    if (wrong.length > 0) return;
    for (const field of this.fields.all()) field.control.hide?.();
    this.setBusy(true);
    try {
      await this.send(values);
    } finally {
      this.setBusy(false);
    }
  }

  get isTouched() { return this.fields.all().some((field) => field.isTouched); }

  setBusy(busy) {
    this.busy = busy;
    this.submit.classList.toggle('busy', busy);
    for (const button of this.buttons) {
      if (busy) button.setAttribute('aria-disabled', 'true');
      else button.removeAttribute('aria-disabled');
    }
    this.submit.lastChild.textContent = this.texts[busy ? 'busy' : 'ready'];
  }

  // reasons: [{ field, text }]; field null: about the form as a whole. The summary gets the focus.
  showReasons(reasons, title = t('form.refused')) {
    const fields = this.fields.all();
    const rows = reasons.map(({ field: name, text }) => ({ field: fields.find((field) => field.spec.name === name), text: translated(text) }));
    for (const field of fields) field.setError(sentence(rows.find((row) => row.field === field)?.text));
    const named = new Set(rows.map((row) => row.field).filter(Boolean)).size;
    this.summaryTitle.replaceChildren(icon('alert'), named > 0 ? t('form.errors', { n: named }) : title);
    this.summaryList.replaceChildren(...rows.map((row) => el('li', {}, row.field
      // not a link: following one would put another fragment in the place of the secret
      ? el('button', { type: 'button', class: 'jump', onclick: () => row.field.control.input.focus() }, said(`${row.field.label}: ${row.text}`))
      : said(sentence(row.text), 'span'))));
    this.summary.hidden = rows.length === 0;
    if (rows.length > 0) this.summary.focus();
  }
}
