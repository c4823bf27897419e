// SPDX-License-Identifier: Apache-2.0
// The question before declining an item, with room for a reason.
import { el, icon, said } from './dom.js';
import { t } from './texts.js';

const REASON_MOST = 2048; // characters

// Opens the dialog; `send(reason)` is called when the person confirms, and its CallError is shown in the dialog;
// `sent()` follows when it went well and the dialog is gone.
export function askDecline({ label, name, send, sent, wordsOf }) {
  const reason = el('textarea', { id: 'decline-reason', rows: 3, maxlength: REASON_MOST, 'aria-describedby': 'decline-help', autocomplete: 'off' });
  const problem = el('p', { class: 'error', role: 'alert', hidden: true });
  const confirm = el('button', { type: 'submit', class: 'button danger' }, t('decline.yes'));
  const form = el('form', { novalidate: true, autocomplete: 'off' },
    el('h2', { id: 'decline-title' }, said(t('decline.title', { label }), 'span')),
    el('p', {}, said(t('decline.text', { name }), 'span')),
    el('div', { class: 'field' },
      el('label', { for: 'decline-reason' }, el('span', {}, t('decline.reason')), el('span', { class: 'optional' }, t('form.optional'))),
      el('p', { class: 'help', id: 'decline-help' }, t('decline.help', { name })),
      reason, problem),
    el('div', { class: 'buttons' }, confirm,
      el('button', { type: 'button', class: 'button', onclick: () => dialog.close() }, t('decline.no'))));
  const dialog = el('dialog', { 'aria-labelledby': 'decline-title' }, form);

  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    if (confirm.hasAttribute('aria-disabled')) return;
    confirm.setAttribute('aria-disabled', 'true');
    problem.hidden = true;
    try {
      await send(reason.value.trim());
      dialog.close();
      sent();
    } catch (error) {
      problem.replaceChildren(icon('alert'), said(wordsOf(error), 'span'));
      problem.hidden = false;
    } finally {
      confirm.removeAttribute('aria-disabled');
    }
  });
  dialog.addEventListener('close', () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  reason.focus();
}
