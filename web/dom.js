// SPDX-License-Identifier: Apache-2.0
// Making elements without HTML text: what others wrote can never become markup.

// el('button', { class: 'x', type: 'button', onclick: f, hidden: false }, 'text', otherElement, null)
export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? '' : String(value));
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

// Characters that turn the direction of what follows: a name must not rearrange the page around it.
const DIRECTION = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

export function plain(text) {
  return String(text ?? '').replace(DIRECTION, '');
}

// Words of somebody else, in their own direction.
export function said(text, tag = 'bdi', props = {}) {
  return el(tag, { dir: 'auto', ...props }, plain(text));
}

// Words of our own, in the page's direction; what others wrote in them is set apart by t().
export function told(text, tag = 'span', props = {}) {
  return el(tag, props, text);
}

// An address, host or account name; it may break after an @ and before a dot, before it breaks anywhere else.
export function address(text, tag = 'span') {
  const parts = plain(text).split(/(?<=@)|(?=\.)/);
  return el(tag, { dir: 'auto' }, parts.flatMap((part, n) => (n > 0 ? [el('wbr'), part] : [part])));
}

const SVG = 'http://www.w3.org/2000/svg';
const SHAPES = {
  check: 'M5 12.5l4.6 4.6L19 7.7',
  cross: 'M6.5 6.5l11 11m0-11l-11 11',
  lock: 'M7 11V8a5 5 0 0 1 10 0v3M6 11h12a1 1 0 0 1 1 1v7a1 1 0 0 1-1 1H6a1 1 0 0 1-1-1v-7a1 1 0 0 1 1-1zm6 4v2',
  eye: 'M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12zm9.5 3a3 3 0 1 0 0-6 3 3 0 0 0 0 6z',
  alert: 'M12 8.5v4.5m0 3v.1M10.7 4.3L2.9 18a1.5 1.5 0 0 0 1.3 2.2h15.6a1.5 1.5 0 0 0 1.3-2.2L13.3 4.3a1.5 1.5 0 0 0-2.6 0z',
  clock: 'M12 7v5l3.3 2M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18z',
  minus: 'M6.5 12h11',
  key: 'M14.5 14.5a5 5 0 1 0-4.9-4L3.5 16.6V20.5H7.4V18H10v-2.6l1.3-1.3a5 5 0 0 0 3.2.4zm1.7-6.7v.1',
  link: 'M10 14a4 4 0 0 0 5.7 0l3-3A4 4 0 0 0 13 5.3l-1 1M14 10a4 4 0 0 0-5.7 0l-3 3A4 4 0 0 0 11 18.7l1-1',
  hidden: 'M4 4l16 16M10 10a3 3 0 0 0 4 4M6.2 7.4A15.6 15.6 0 0 0 2.5 12S6 18.5 12 18.5a9 9 0 0 0 4-.9M9.9 5.8A9 9 0 0 1 12 5.5c6 0 9.5 6.5 9.5 6.5a16 16 0 0 1-2.9 3.6',
  out: 'M14 5h5v5m0-5l-8.5 8.5M10 6H7a2 2 0 0 0-2 2v9a2 2 0 0 0 2 2h9a2 2 0 0 0 2-2v-3',
  mail: 'M4.5 6h15a1 1 0 0 1 1 1v10a1 1 0 0 1-1 1h-15a1 1 0 0 1-1-1V7a1 1 0 0 1 1-1zm-.7.6L12 13l8.2-6.4',
  window: 'M4.5 5h15a1 1 0 0 1 1 1v12a1 1 0 0 1-1 1h-15a1 1 0 0 1-1-1V6a1 1 0 0 1 1-1zm-1 4.5h17M6.5 7.2v.1m2.5-.1v.1',
  person: 'M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zm-7.5 8a7.5 7.5 0 0 1 15 0',
  undo: 'M8.5 5L4.5 9l4 4M4.5 9H14a5 5 0 0 1 0 10h-3',
  file: 'M7 3.5h6.5L18 8v11.5a1 1 0 0 1-1 1H7a1 1 0 0 1-1-1v-15a1 1 0 0 1 1-1zm6.3.2V8.2H18',
  team: 'M9 11.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zm-6 8a6 6 0 0 1 12 0m1-8.2a3.2 3.2 0 0 0 0-6.4m1.8 9a6 6 0 0 1 3.2 5.6',
  question: 'M9.3 9.3a2.8 2.8 0 1 1 4 2.6c-.9.5-1.3 1-1.3 2m0 2.8v.1M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18z',
};

export function icon(name) {
  const svg = document.createElementNS(SVG, 'svg');
  const path = document.createElementNS(SVG, 'path');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('class', 'icon');
  svg.setAttribute('aria-hidden', 'true');
  svg.setAttribute('focusable', 'false');
  path.setAttribute('d', SHAPES[name]);
  svg.append(path);
  return svg;
}

// The first letters of a name, as a small picture of it.
export function initials(name) {
  const words = plain(name).split(/[^\p{L}\p{M}\p{N}]+/u).filter(Boolean);
  return [words[0], words.length > 1 ? words.at(-1) : ''].map((word) => [...(word ?? '')][0] ?? '').join('').toUpperCase();
}

const ANNOUNCE_MS = 150; // a screen reader must have seen the place empty, or it does not say the same words twice
const waiting = [];

// Said by screen readers without moving anything. What comes at the same time is said together.
export function announce(text) {
  if (waiting.includes(text)) return;
  waiting.push(text);
  if (waiting.length > 1) return;
  const place = document.getElementById('announcer');
  place.replaceChildren();
  setTimeout(() => place.replaceChildren(...waiting.splice(0).map((words) => el('p', {}, words))), ANNOUNCE_MS);
}
