// SPDX-License-Identifier: Apache-2.0
// Questions that are asked before something is done.
import { el, icon, said, told } from './dom.js';
import { t } from './texts.js';

const REASON_MOST = 2048; // characters

function show(title, form, focus) {
  const dialog = el('dialog', { 'aria-labelledby': 'dialog-title' }, form);
  form.prepend(told(title, 'h2', { id: 'dialog-title' }));
  dialog.addEventListener('close', () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  focus.focus();
  return dialog;
}

// The question before declining an item, with room for a reason. `send(reason)` is called when the person confirms, and its
// CallError is shown in the dialog; `sent()` follows when it went well and the dialog is gone.
export function askDecline({ label, name, send, sent, wordsOf }) {
  const reason = el('textarea', { id: 'decline-reason', rows: 3, maxlength: REASON_MOST, 'aria-describedby': 'decline-help', autocomplete: 'off' });
  const problem = el('p', { class: 'error', role: 'alert', hidden: true });
  const confirm = el('button', { type: 'submit', class: 'button danger' }, t('decline.yes'));
  const form = el('form', { novalidate: true, autocomplete: 'off' },
    told(t('decline.text', { name }), 'p'),
    el('div', { class: 'field' },
      el('label', { for: 'decline-reason' }, el('span', {}, t('decline.reason')), el('span', { class: 'optional' }, t('form.optional'))),
      el('p', { class: 'help', id: 'decline-help' }, told(t('decline.help', { name }))),
      reason, problem),
    el('div', { class: 'buttons' }, confirm,
      el('button', { type: 'button', class: 'button', onclick: () => dialog.close() }, t('decline.no'))));

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
  const dialog = show(t('decline.title', { label }), form, reason);
}

// The way to a provider leads off this page, and what was typed for other items would be lost: resolves to true when the
// person goes all the same.
export function askLeave({ app }) {
  return new Promise((resolve) => {
    const stay = el('button', { type: 'button', class: 'button primary', onclick: () => dialog.close() }, t('leave.no'));
    const go = el('button', { type: 'button', class: 'button', onclick: () => { resolve(true); dialog.close(); } }, t('leave.yes', { app }));
    const dialog = show(t('leave.title'), el('form', { method: 'dialog' },
      told(t('leave.text', { app }), 'p'), el('div', { class: 'buttons' }, stay, go)), stay);
    dialog.addEventListener('close', () => resolve(false));
  });
}
