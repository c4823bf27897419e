// SPDX-License-Identifier: Apache-2.0
// The link this page was opened with. Its secret lives in the address bar, after the #, and for this tab in its session
// storage: a provider sends the person back to an address without it.

const PATH = /^\/request\/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\/?$/i;
const SECRET = /^[A-Za-z0-9_-]{43}$/;

// Session storage can be switched off; then coming back takes the link again, and nothing else is lost.
export const session = {
  get(key) {
    try {
      return window.sessionStorage.getItem(`bailee-${key}`);
    } catch {
      return null;
    }
  },
  set(key, value) {
    try {
      window.sessionStorage.setItem(`bailee-${key}`, value);
    } catch {
      // see above
    }
  },
  take(key) {
    const value = this.get(key);
    try {
      window.sessionStorage.removeItem(`bailee-${key}`);
    } catch {
      // see above
    }
    return value;
  },
};

// { id, secret }, or null when the link is not complete. What stands after the # wins, even when it is damaged: somebody
// has just opened that. An address without it is completed from what this tab knows.
export function openLink() {
  const path = PATH.exec(window.location.pathname);
  if (!path) return null;
  const id = path[1].toLowerCase();
  const fragment = window.location.hash.slice(1);
  const secret = fragment || session.get(`link-${id}`) || '';
  if (!SECRET.test(secret)) return null;
  session.set(`link-${id}`, secret);
  if (!fragment) window.history.replaceState(null, '', `#${secret}`);
  return { id, secret };
}

export function forgetLink(id) {
  session.take(`link-${id}`);
}
