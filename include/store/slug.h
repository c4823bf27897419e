/* SPDX-License-Identifier: Apache-2.0 */
/* Slugs: the underscored form of a name, by which formulas and shared_team_slugs call a thing. */
#ifndef BAILEE_STORE_SLUG_H
#define BAILEE_STORE_SLUG_H

#define SLUG_SIZE 256 /* longest slug and NUL: the columns hold 255 characters */

/* Latin letters lose their marks (U+00C0..U+017F; combining marks are dropped), everything is put
 * in lower case, each run of anything but a-z and 0-9 becomes one '_', none is left at either end.
 * The same name gives the same slug on every machine: no locale is asked. `name` is UTF-8. A name
 * without any such letter gives "". Cut at SLUG_SIZE - 1 characters. */
void slug_make(const char *name, char out[SLUG_SIZE]);

#endif
