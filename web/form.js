// SPDX-License-Identifier: Apache-2.0
// Forms made from field specs: {name, type, label, help, required, default, value, locked, multiline, options, prefix, suffix}.
// What is typed stays here until it is sent; a locked value is the requester's.
import { el, icon, said } from './dom.js';
import { t, translated } from './texts.js';

// Nothing of this is the person's own login here: no history, no corrections, no capital letters.
const QUIET = { autocomplete: 'off', autocapitalize: 'off', autocorrect: 'off', spellcheck: 'false' };
const FILE_MOST = 32 * 1024; // bytes; the service takes no more

function revealButton(input, label) {
  const button = el('button', { type: 'button', class: 'reveal', 'aria-pressed': 'false', 'aria-controls': input.id });
  const show = (shown) => {
    if (input.type === 'textarea') input.classList.toggle('masked', !shown);
    else input.type = shown ? 'text' : 'password';
    button.setAttribute('aria-pressed', String(shown));
    button.setAttribute('aria-label', t(shown ? 'form.hide' : 'form.show', { label }));
    button.replaceChildren(icon(shown ? 'hidden' : 'eye'));
  };
  show(false);
  button.addEventListener('click', () => show(button.getAttribute('aria-pressed') === 'false'));
  return { button, hide: () => show(false) };
}

// Each kind of field gives { node, input, value(), hide(), nested } — node is what is shown, input what is focused;
// hide() turns a revealed secret back, nested is the fields that depend on the choice made.
function textControl(spec, id, value) {
  const input = spec.multiline
    ? el('textarea', { id, rows: 4, ...QUIET })
    : el('input', { id, type: 'text', ...QUIET });
  input.value = value ?? '';
  return { node: input, input, value: () => input.value };
}

function secretControl(spec, id, value, label) {
  const input = spec.multiline
    ? el('textarea', { id, rows: 4, class: 'masked', ...QUIET })
    : el('input', { id, type: 'password', ...QUIET });
  input.value = value ?? '';
  const { button, hide } = revealButton(input, label);
  return { node: el('div', { class: 'secret' }, input, button), input, value: () => input.value, hide };
}

// A certificate may come in binary form too (DER, PKCS#12): it goes as base64, which the server unpacks.
function fileText(bytes, binaryToo) {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    if (!binaryToo) throw error;
    return btoa(Array.from(new Uint8Array(bytes), (byte) => String.fromCharCode(byte)).join(''));
  }
}

// A key or certificate in text form: pasted, or read from a file.
function fileControl(make, spec, id, value, label) {
  const control = make({ ...spec, multiline: true }, id, value, label);
  const problem = el('p', { class: 'error', role: 'alert', hidden: true }, t('form.file.failed'));
  const picker = el('input', { type: 'file', id: `${id}-file`, class: 'unseen' });
  picker.addEventListener('change', async () => {
    const file = picker.files[0];
    picker.value = '';
    problem.hidden = true;
    try {
      if (file.size > FILE_MOST) throw new RangeError('too long');
      control.input.value = fileText(await file.arrayBuffer(), spec.type === 'cert');
    } catch {
      problem.hidden = false;
    }
  });
  control.node = el('div', {}, control.node, picker, el('label', { for: `${id}-file`, class: 'button small' }, t('form.file')), problem);
  return control;
}

function numberControl(spec, id, value) {
  const input = el('input', { id, type: 'text', inputmode: 'decimal', ...QUIET });
  input.value = value ?? '';
  return {
    node: input,
    input,
    value: () => (/^-?\d+(\.\d+)?$/.test(input.value.trim()) ? Number(input.value) : input.value),
  };
}

function booleanControl(spec, id, value) {
  const input = el('input', { id, type: 'checkbox' });
  input.checked = value === true || value === 'true';
  return { node: input, input, value: () => input.checked };
}

function optionNode(option) {
  return Array.isArray(option.options)
    ? el('optgroup', { label: translated(option.label) }, option.options.map(optionNode))
    : el('option', { value: option.value }, translated(option.label ?? option.value));
}

function selectControl(spec, id, value) {
  const all = spec.options.flatMap((option) => option.options ?? [option]);
  const empty = spec.required && value === undefined ? [el('option', { value: '' }, '')] : [];
  const input = el('select', { id, autocomplete: 'off' }, empty, spec.options.map(optionNode));
  const place = el('div', { class: 'nested', hidden: true });
  if (value !== undefined) input.value = value;
  const control = { node: el('div', { class: 'choice' }, input), after: place, input, value: () => input.value, nested: null };
  const choose = () => {
    const chosen = all.find((option) => option.value === input.value);
    control.nested = chosen?.nested ? new Fields(chosen.nested, `${id}-${chosen.value}`) : null;
    place.replaceChildren(...(control.nested ? [control.nested.node] : []));
    place.hidden = !control.nested;
  };
  input.addEventListener('change', choose);
  choose();
  return control;
}

const CONTROLS = {
  text: textControl,
  password: secretControl,
  select: selectControl,
  boolean: booleanControl,
  number: numberControl,
  pkey: (...rest) => fileControl(secretControl, ...rest),
  cert: (...rest) => fileControl(textControl, ...rest),
};
const SECRET = new Set(['password', 'pkey']);

// What stands around a value in its place, such as "https://" and ".example.org".
function withAffixes(node, { prefix, suffix }) {
  if (!prefix && !suffix) return node;
  return el('div', { class: 'affixed' }, prefix ? said(prefix, 'span') : null, node, suffix ? said(suffix, 'span') : null);
}

// Text stays readable and can be copied; choices know no such state.
function lock(input) {
  if (input.type === 'checkbox' || input.tagName === 'SELECT') input.disabled = true;
  else input.readOnly = true;
}

class Field {
  constructor(spec, prefix, value) {
    const id = `${prefix}-${spec.name}`;
    this.spec = spec;
    this.label = translated(spec.label ?? spec.name);
    this.control = (CONTROLS[spec.type] ?? textControl)(spec, id, (spec.locked ? undefined : value) ?? spec.value ?? spec.default, this.label);
    const locked = spec.locked ? el('p', { class: 'help locked', id: `${id}-locked` }, icon('lock'), t('form.locked')) : null;
    const help = spec.help ? el('p', { class: 'help', id: `${id}-help` }, translated(spec.help)) : null;
    this.error = el('p', { class: 'error', id: `${id}-error`, hidden: true });
    const { input } = this.control;
    input.setAttribute('aria-describedby', [help && `${id}-help`, locked && `${id}-locked`, `${id}-error`].filter(Boolean).join(' '));
    if (locked) lock(input);
    if (spec.required && spec.type !== 'boolean') input.setAttribute('aria-required', 'true');
    const label = el('label', { for: id }, said(this.label, 'span'),
      spec.required || spec.type === 'boolean' ? null : el('span', { class: 'optional' }, t('form.optional')));
    this.node = el('div', { class: `field ${spec.type === 'boolean' ? 'tick' : ''}` },
      label, help, locked, withAffixes(this.control.node, spec), this.error, this.control.after ?? null);
  }

  get isSecret() { return SECRET.has(this.spec.type); }

  get isEmpty() { return this.spec.required && this.spec.type !== 'boolean' && this.control.value() === ''; }

  setError(text) {
    this.error.replaceChildren(...(text ? [icon('alert'), said(text, 'span')] : []));
    this.error.hidden = !text;
    if (text) this.control.input.setAttribute('aria-invalid', 'true');
    else this.control.input.removeAttribute('aria-invalid');
  }
}

// A list of fields; those nested in a choice belong to it as well.
class Fields {
  constructor(specs, prefix, kept = new Map()) {
    this.own = specs.map((spec) => new Field(spec, prefix, kept.get(spec.name)));
    this.node = el('div', { class: 'fields' }, this.own.map((field) => field.node));
  }

  all() {
    return this.own.flatMap((field) => [field, ...(field.control.nested?.all() ?? [])]);
  }
}

// The form of one item. send(fields) returns a promise; a CallError with reasons is shown at the fields.
export class Form {
  constructor(specs, prefix, { send, kept, buttons = [], submitText }) {
    this.fields = new Fields(specs, prefix, kept);
    this.send = send;
    this.submit = el('button', { type: 'submit', class: 'button primary' }, icon('lock'), el('span', {}, submitText));
    this.summaryTitle = el('h4', { id: `${prefix}-summary` });
    this.summaryList = el('ul');
    this.summary = el('div', { class: 'summary', role: 'group', tabindex: '-1', hidden: true, 'aria-labelledby': `${prefix}-summary` },
      this.summaryTitle, this.summaryList);
    this.node = el('form', { novalidate: true, autocomplete: 'off', onsubmit: (event) => this.#onSubmit(event) },
      this.summary, this.fields.node, el('div', { class: 'buttons' }, this.submit, ...buttons));
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

  // What may be shown again when sending did not work: everything that is no secret.
  keptValues() {
    return new Map(this.fields.all().filter((field) => !field.isSecret).map((field) => [field.spec.name, field.control.value()]));
  }

  async #onSubmit(event) {
    event.preventDefault();
    if (this.busy) return;
    const missing = this.fields.all().filter((field) => field.isEmpty).map((field) => ({ field: field.spec.name, text: t('form.required') }));
    this.showReasons(missing);
    if (missing.length > 0) return;
    for (const field of this.fields.all()) field.control.hide?.();
    this.setBusy(true);
    try {
      await this.send(this.values());
    } finally {
      this.setBusy(false);
    }
  }

  setBusy(busy) {
    this.busy = busy;
    this.submit.classList.toggle('busy', busy);
    for (const button of this.buttons) {
      if (busy) button.setAttribute('aria-disabled', 'true');
      else button.removeAttribute('aria-disabled');
    }
    this.submit.lastChild.textContent = t(busy ? 'item.sending' : 'item.send');
  }

  // reasons: [{ field, text }]; field null: about the form as a whole. The summary gets the focus.
  showReasons(reasons) {
    const fields = this.fields.all();
    const rows = reasons.map(({ field: name, text }) => ({ field: fields.find((field) => field.spec.name === name), text: translated(text) }));
    for (const field of fields) field.setError(sentence(rows.find((row) => row.field === field)?.text));
    const named = new Set(rows.map((row) => row.field).filter(Boolean)).size;
    this.summaryTitle.replaceChildren(icon('alert'), named > 0 ? t('form.errors', { n: named }) : t('form.refused'));
    this.summaryList.replaceChildren(...rows.map((row) => el('li', {}, row.field
      // not a link: following one would put another fragment in the place of the secret
      ? el('button', { type: 'button', class: 'jump', onclick: () => row.field.control.input.focus() }, `${row.field.label}: ${row.text}`)
      : said(sentence(row.text), 'span'))));
    this.summary.hidden = rows.length === 0;
    if (rows.length > 0) this.summary.focus();
  }
}

function sentence(text) {
  return text ? text[0].toUpperCase() + text.slice(1) : text;
}
