// SPDX-License-Identifier: Apache-2.0
// Fields made from their specs: {name, type, label, help, required, default, value, locked, multiline, options, prefix, suffix}.
// What is typed stays here until it is sent; a locked value is the requester's.
import { el, icon, plain, said, told } from './dom.js';
import { t, translated } from './texts.js';

// Nothing of this is the person's own login here: no history, no corrections, no capital letters, and no password manager
// that fills in what belongs to this site or keeps for it what belongs to another (each has a name of its own for that).
const QUIET = { autocomplete: 'off', autocapitalize: 'off', autocorrect: 'off', spellcheck: 'false',
  'data-1p-ignore': true, 'data-bwignore': true, 'data-lpignore': 'true', 'data-protonpass-ignore': true, 'data-form-type': 'other' };
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

// Text copied out of mails, settings and JSON files: with the line ends of Windows, indented, as one line with \n in it,
// with blanks or a byte order mark around. What is no PEM stays as it is.
function tidyPem(text) {
  if (!text.includes('-----BEGIN ')) return text;
  const lines = /[\r\n]/.test(text.trim()) ? text : text.replaceAll('\\r', '').replaceAll('\\n', '\n');
  return `${lines.replace(/^[\s\ufeff"']+|[\s\ufeff"',]+$/g, '').split(/\r\n?|\n/).map((line) => line.trim()).join('\n')}\n`;
}

const BLANK_AROUND = /^[\s\u200b\ufeff]+|[\s\u200b\ufeff]+$/g;

// What was copied often comes with a blank at its end, which nobody sees in a password: pointed out, as it may belong there.
// At once, not when the field is left: a button that is about to be pressed must not move away.
function blankNote(input) {
  const note = el('p', { class: 'help blank', role: 'status' });
  input.addEventListener('input', ({ inputType }) => {
    const tidy = input.value.replace(BLANK_AROUND, '');
    const pasted = ['insertFromPaste', 'insertFromDrop'].includes(inputType);
    if (tidy === input.value || tidy === '') note.replaceChildren();
    else if (pasted) {
      note.replaceChildren(told(t('form.blank')), ' ', el('button', { type: 'button', class: 'jump', onclick: () => {
        input.value = tidy;
        note.replaceChildren();
        input.focus();
      } }, t('form.blank.remove')));
    }
  });
  return note;
}

// A key or certificate in text form: pasted, read from a file, or a file dropped on it.
function fileControl(make, spec, id, value, label) {
  const control = make({ ...spec, multiline: true }, id, value, label);
  const problem = el('p', { class: 'error', role: 'alert', hidden: true }, icon('alert'), t('form.file.failed'));
  const chosen = el('p', { class: 'help chosen', role: 'status' });
  const picker = el('input', { type: 'file', id: `${id}-file`, class: 'unseen', 'aria-describedby': `${id}-help` });
  const read = async (file) => {
    problem.hidden = true;
    chosen.replaceChildren();
    try {
      if (file.size > FILE_MOST) throw new RangeError('too long');
      control.input.value = fileText(await file.arrayBuffer(), spec.type === 'cert');
      chosen.replaceChildren(icon('check'), told(t('form.file.chosen', { name: plain(file.name) }), 'span'));
    } catch {
      problem.hidden = false;
    }
  };
  picker.addEventListener('change', () => {
    const [file] = picker.files;
    if (file) read(file).finally(() => { picker.value = ''; });
  });
  control.input.addEventListener('input', () => chosen.replaceChildren());
  control.node = el('div', { class: 'file' }, control.node,
    el('div', { class: 'pick' }, picker, el('label', { for: `${id}-file`, class: 'button small' }, icon('file'), t('form.file')), chosen), problem);
  const over = (is) => control.node.classList.toggle('over', is);
  control.node.addEventListener('dragover', (event) => {
    event.preventDefault();
    over(true);
  });
  control.node.addEventListener('dragleave', () => over(false));
  control.node.addEventListener('drop', (event) => {
    over(false);
    const [file] = event.dataTransfer.files;
    if (!file) return;
    event.preventDefault();
    if (!control.input.readOnly) read(file);
  });
  control.value = () => tidyPem(control.input.value);
  control.locked = () => {
    control.node.querySelector('.pick').remove();
    control.value = () => value; // to the letter
  };
  return control;
}

function urlControl(spec, id, value) {
  const input = el('input', { id, type: 'text', inputmode: 'url', dir: 'ltr', ...QUIET });
  input.value = value ?? '';
  return { node: input, input, value: () => input.value.trim() };
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

function selectControl(spec, id, value, label, kept) {
  const all = spec.options.flatMap((option) => option.options ?? [option]);
  const empty = spec.required && value === undefined ? [el('option', { value: '' }, t('form.choose'))] : [];
  const input = el('select', { id, autocomplete: 'off' }, empty, spec.options.map(optionNode));
  const place = el('div', { class: 'nested', hidden: true });
  if (value !== undefined) input.value = value;
  const control = { node: el('div', { class: 'choice' }, input), after: place, input, value: () => input.value, nested: null };
  const choose = () => {
    const chosen = all.find((option) => option.value === input.value);
    control.nested = chosen?.nested ? new Fields(chosen.nested, `${id}-${chosen.value}`, kept) : null;
    place.replaceChildren(...(control.nested ? [control.nested.node] : []));
    place.hidden = !control.nested;
  };
  input.addEventListener('change', choose);
  choose();
  return control;
}

const CONTROLS = {
  text: textControl,
  url: urlControl,
  password: secretControl,
  select: selectControl,
  boolean: booleanControl,
  number: numberControl,
  pkey: (...rest) => fileControl(secretControl, ...rest),
  cert: (...rest) => fileControl(textControl, ...rest),
};
const SECRET = new Set(['password', 'pkey']);

// What stands around a value in its place, such as "https://" and ".example.org".
function withAffixes(node, id, { prefix, suffix }) {
  if (!prefix && !suffix) return node;
  return el('div', { class: 'affixed' }, prefix ? said(prefix, 'span', { id: `${id}-prefix` }) : null, node,
    suffix ? said(suffix, 'span', { id: `${id}-suffix` }) : null);
}

// Text stays readable and can be copied; choices know no such state.
function lock({ input, locked }) {
  locked?.();
  if (input.type === 'checkbox' || input.tagName === 'SELECT') input.disabled = true;
  else input.readOnly = true;
}

class Field {
  constructor(spec, prefix, kept) {
    const id = `${prefix}-${spec.name}`;
    this.spec = spec;
    this.label = translated(spec.label ?? spec.name);
    const value = (spec.locked ? undefined : kept.get(spec.name)) ?? spec.value ?? spec.default;
    this.control = (CONTROLS[spec.type] ?? textControl)(spec, id, value, this.label, kept);
    this.first = this.control.value();
    const help = spec.help ? el('p', { class: 'help', id: `${id}-help` }, translated(spec.help)) : null;
    const filled = this.#filledNote(id);
    this.error = el('p', { class: 'error', id: `${id}-error`, hidden: true });
    const { input } = this.control;
    input.setAttribute('aria-describedby', [spec.prefix && `${id}-prefix`, spec.suffix && `${id}-suffix`, help && `${id}-help`, filled && `${id}-filled`, `${id}-error`].filter(Boolean).join(' '));
    if (spec.locked) lock(this.control);
    if (spec.required && spec.type !== 'boolean') input.setAttribute('aria-required', 'true');
    const label = el('label', { for: id }, said(this.label, 'span'),
      spec.required || spec.locked || spec.type === 'boolean' ? null : el('span', { class: 'optional' }, t('form.optional')));
    this.node = el('div', { class: `field ${spec.type === 'boolean' ? 'tick' : ''}` },
      label, help, withAffixes(this.control.node, id, spec), this.#hasLine ? blankNote(input) : null, filled, this.error, this.control.after ?? null);
  }

  // One line, to type or paste something into.
  get #hasLine() { return this.control.input.matches('input:not([type="checkbox"], [inputmode], [readonly])'); }

  // What the requester has filled in: theirs for good, or a proposal.
  #filledNote(id) {
    if (this.spec.value === undefined) return null;
    return el('p', { class: `help ${this.spec.locked ? 'locked' : ''}`, id: `${id}-filled` },
      this.spec.locked ? icon('lock') : null, t(this.spec.locked ? 'form.locked' : 'form.suggested'));
  }

  // Something was typed or chosen here.
  get isTouched() { return this.control.value() !== this.first; }

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
export class Fields {
  constructor(specs, prefix, kept = new Map()) {
    this.own = specs.map((spec) => new Field(spec, prefix, kept));
    this.node = el('div', { class: 'fields' }, this.own.map((field) => field.node));
  }

  all() {
    return this.own.flatMap((field) => [field, ...(field.control.nested?.all() ?? [])]);
  }
}
