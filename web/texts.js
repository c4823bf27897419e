// SPDX-License-Identifier: Apache-2.0
// The words of the page: one catalogue per language, texts/<language>.json. A further language is its file, and its name here.
import { el, plain } from './dom.js';

const LANGUAGES = { en: 'English', de: 'Deutsch' };
const CHOSEN = 'bailee-language';
let language = 'en';
let region = 'en'; // the same with the person's own country, for dates
let catalogue = {};
let patterns = [];

async function load(name) {
  const response = await fetch(`/static/texts/${name}.json`, { credentials: 'omit' });
  if (!response.ok) throw new Error(`no texts for ${name}`);
  return response.json();
}

function chosen() {
  try {
    return window.localStorage.getItem(CHOSEN);
  } catch {
    return null;
  }
}

// The language chosen on this page earlier, else the first that the browser asks for and that is here.
export async function loadTexts() {
  const wanted = [chosen(), ...(navigator.languages ?? [navigator.language])];
  language = wanted.map((tag) => tag?.toLowerCase().split('-')[0]).find((base) => base in LANGUAGES) ?? 'en';
  region = wanted.find((tag) => tag?.toLowerCase().split('-')[0] === language && tag !== language) ?? language;
  catalogue = await load(language);
  patterns = patternsOf(catalogue.service ?? {});
  document.documentElement.lang = language;
  document.documentElement.dir = catalogue.direction ?? 'ltr';
}

// The other languages, as buttons in their own words. Nothing is typed yet when somebody needs them.
export function offerLanguages(place) {
  place.replaceChildren(...Object.entries(LANGUAGES).filter(([tag]) => tag !== language).map(([tag, name]) => el('button', {
    type: 'button',
    lang: tag,
    onclick: () => {
      try {
        window.localStorage.setItem(CHOSEN, tag);
      } catch {
        return; // cannot be kept, so it would not hold
      }
      window.location.reload();
    },
  }, name)));
}

const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;

// A name that is written the other way must not turn the sentence around it (first strong isolate).
function apart(value) {
  const text = plain(value);
  return RIGHT_TO_LEFT.test(text) !== (document.documentElement.dir === 'rtl') ? `\u2068${text}\u2069` : text;
}

// t('who.asks', { name: 'Ada' }): "{name}" in the text is replaced. With { n } the forms "one" and "other" are chosen by it.
export function t(key, values = {}) {
  let text = catalogue[key] ?? key;
  if (typeof text === 'object') text = text[new Intl.PluralRules(language).select(values.n)] ?? text.other;
  return text.replace(/\{(\w+)\}/g, (all, name) => (name in values ? apart(values[name]) : all));
}

// "{} account" in a catalogue stands for any "GitHub account"; the most particular pattern wins.
function patternsOf(service) {
  const literal = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return Object.entries(service).filter(([text]) => text.includes('{}')).sort(([one], [two]) => two.length - one.length)
    .map(([text, words]) => ({ match: new RegExp(`^${text.split('{}').map(literal).join('(.+)')}$`), words }));
}

// Words that come from the service in English: labels, helps, reasons. Known ones have a translation.
export function translated(text) {
  const known = catalogue.service?.[text];
  if (known !== undefined) return known;
  for (const { match, words } of patterns) {
    const found = match.exec(text);
    if (found) return words.replace('{}', () => found[1]);
  }
  return text;
}

// The same as a sentence of its own.
export function sentence(text) {
  return text ? text[0].toUpperCase() + text.slice(1) : text;
}

export function dateText(iso) {
  const date = new Date(iso);
  return Number.isNaN(date.getTime()) ? '' : new Intl.DateTimeFormat(region, { dateStyle: 'long', timeStyle: 'short' }).format(date);
}
