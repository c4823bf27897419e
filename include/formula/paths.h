/* SPDX-License-Identifier: Apache-2.0 */
/* Which paths a formula reads, as text. For the formula layer; others use template_paths(). */
#ifndef BAILEE_FORMULA_PATHS_H
#define BAILEE_FORMULA_PATHS_H

#include <jansson.h>

struct formula;

/* As template_references(), of one formula. */
void paths_note_references(const struct formula *formula, json_t *slugs);
/* As template_paths(), of one formula. */
void paths_note(const struct formula *formula, json_t *paths);

#endif
