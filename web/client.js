// SPDX-License-Identifier: Apache-2.0
// A client of one's own at a provider: what has to be registered there, and to whom its secret goes.
import { el, icon, told } from './dom.js';
import { t } from './texts.js';

// The host of what stands in a field that holds a URL; null while it is none.
export function hostOf(text) {
  try {
    const { protocol, host } = new URL(text);
    return (protocol === 'https:' || protocol === 'http:') && host ? host : null;
  } catch {
    return null;
  }
}

// The redirect URI, to be copied.
export function registerNote({ item }) {
  const id = `redirect-${item.id}`;
  const input = el('input', { id, type: 'text', readonly: true, autocomplete: 'off', spellcheck: 'false', 'aria-describedby': `${id}-help` });
  input.value = item.connect.client.redirectUri;
  const copied = el('p', { class: 'help chosen', role: 'status' });
  const copy = el('button', { type: 'button', class: 'button small', onclick: async () => {
    input.select();
    try {
      await navigator.clipboard.writeText(input.value);
      copied.replaceChildren(icon('check'), told(t('own.copied'), 'span'));
    } catch {
      copied.replaceChildren(told(t('own.marked'), 'span')); // it may not be written to, but what is marked can be copied
    }
  } }, icon('file'), t('own.copy'));
  return el('div', { class: 'field register' },
    el('label', { for: id }, told(t('own.redirect'), 'span')),
    told(t('own.register'), 'p', { class: 'help', id: `${id}-help` }),
    input, el('div', { class: 'pick' }, copy, copied));
}

// Where the person signs in and where the secret goes, as the fields stand now; whoever asks may have chosen it.
export class Destination {
  constructor({ item, requester }) {
    Object.assign(this, { client: item.connect.client, requester });
    this.node = el('div', { role: 'status' });
  }

  // Follows the fields of a form.
  follow(form) {
    const fields = form.fields.all();
    const field = (name) => fields.find(({ spec }) => spec.name === name);
    const [there, tokens] = [field(this.client.authorizeField), field(this.client.tokenField)];
    const show = () => this.#show(hostOf(there?.control.value()), hostOf(tokens?.control.value()), tokens?.spec.value === tokens?.control.value());
    for (const one of [there, tokens]) one?.control.input.addEventListener('change', show);
    show();
  }

  #show(there, tokens, proposed) {
    const key = proposed ? 'own.secret.theirs' : 'own.secret';
    const lines = [
      there ? told(t('own.there', { host: there }), 'span') : null,
      tokens ? told(t(key, { host: tokens, name: this.requester }), 'strong') : null,
    ].filter(Boolean);
    this.node.replaceChildren(...(lines.length > 0 ? [el('p', { class: 'warning' }, icon('alert'), el('span', {}, lines.flatMap((line, n) => (n > 0 ? [' ', line] : [line]))))] : []));
  }
}
