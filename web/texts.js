// SPDX-License-Identifier: Apache-2.0
// The words of the page: one catalogue per language, chosen by what the browser asks for.

const LANGUAGES = ['en', 'de'];
let language = 'en';
let catalogue = {};

async function load(name) {
  const response = await fetch(`/static/texts/${name}.json`, { credentials: 'omit' });
  if (!response.ok) throw new Error(`no texts for ${name}`);
  return response.json();
}

export async function loadTexts(wanted) {
  const bases = wanted.map((tag) => tag.toLowerCase().split('-')[0]);
  language = bases.find((base) => LANGUAGES.includes(base)) ?? 'en';
  catalogue = await load(language);
  document.documentElement.lang = language;
}

// t('who.asks', { name: 'Ada' }): "{name}" in the text is replaced. With { n } the forms "one" and "other" are chosen by it.
export function t(key, values = {}) {
  let text = catalogue[key] ?? key;
  if (typeof text === 'object') text = text[new Intl.PluralRules(language).select(values.n)] ?? text.other;
  return text.replace(/\{(\w+)\}/g, (all, name) => values[name] ?? all);
}

// Words that come from the service in English: labels, helps, reasons. Known ones have a translation.
export function translated(text) {
  return catalogue.service?.[text] ?? text;
}

export function dateText(iso) {
  const date = new Date(iso);
  return Number.isNaN(date.getTime()) ? '' : new Intl.DateTimeFormat(language, { dateStyle: 'long', timeStyle: 'short' }).format(date);
}
