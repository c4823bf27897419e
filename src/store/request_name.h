/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of names of credential requests, by which a name is found by what stands anywhere in it.
 *
 * Of every name the table request_name_part has the text from each third character on, eight
 * characters of it, as the weights that the collation compares by: what LIKE takes for the same
 * character has the same weight. Wherever a text stands in a name, one of the name's parts begins
 * within the text's first three characters; so a name that has the text has a part that begins as
 * the text does from its first, its second or its third character on. The reverse does not hold:
 * what is found is looked at with LIKE. (A text of more than ten characters is looked for by its
 * last ten, for beginnings are what names have in common.) */
#ifndef BAILEE_STORE_REQUEST_NAME_H
#define BAILEE_STORE_REQUEST_NAME_H

#include "base/uuid.h"
#include "store/store.h"

#define REQUEST_NAME_PARTS 3 /* beginnings to look for, as many as characters from part to part */
#define REQUEST_NAME_LEAST                                                                         \
	5 /* characters of a text; of a shorter one a beginning is found often                     \
	   */

/* A text's part; as in schema/0012_name_parts.sql. */
#define REQUEST_NAME_PART(text) "LEFT(WEIGHT_STRING(" text "), 16)"

/* The beginnings by which a text in a name is looked for; all NULL for one that is too short. The
 * caller frees each. */
void request_name_parts(const char *text, char *parts_out[REQUEST_NAME_PARTS]);

/* Inside the caller's transaction: the parts of a request's name, after it was made and before it
 * is deleted. */
enum err request_name_add_in(struct store *store, const struct uuid *id,
    struct errctx *ctx) MUSTCHECK;
enum err request_name_remove_in(struct store *store, const struct uuid *id,
    struct errctx *ctx) MUSTCHECK;

#endif
