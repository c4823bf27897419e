/* SPDX-License-Identifier: Apache-2.0 */
/* What a credential is given by: the form of its key or connection type, and what the requester
 * has filled in beforehand. */
#ifndef BAILEE_CATALOG_ITEM_FORM_H
#define BAILEE_CATALOG_ITEM_FORM_H

#include <stdbool.h>

#include "base/error.h"
#include "base/json.h"
#include "catalog/catalog.h"
#include "catalog/key_types.h"

/* Of what an unknown field is no field. */
#define ITEM_FORM_CONNECTION "this connection type"
#define ITEM_FORM_KEY "this key type"

/* Exactly one of the two is set. Borrowed from the catalogue. */
struct item_form {
	const struct key_type *key;
	const struct app_connection *connection;
	const struct form_field *fields; /* of it */
};

/* By component ("account" or "keychain") and type id of a credential. False when there is no such
 * type. */
bool item_form_find(const struct catalog *catalog, const char *component, const char *type,
    struct item_form *form_out);
/* Whether filling in the form is all it takes: OAuth asks for more. */
bool item_form_is_all(const struct item_form *form);

/* form_json() of the fields. A field that is filled in beforehand (`prefill` as below, or NULL) has
 * its `value`, and `locked` true where it must stay as it is. Caller owns. */
json_t *item_form_json(const struct item_form *form, const json_t *prefill);

/* Check the fields that a person has sent: those that must stay as they are are put in where they
 * are missing, and refused when they are others; then form_check() and the rule of a key type.
 * ERR_FIELD names each bad one as `<path>.<field>`. */
enum err item_form_check(const struct item_form *form, const json_t *prefill, json_t *values,
    const char *path, struct errctx *ctx) MUSTCHECK;

/* What a requester wants filled in: {"hard": {…}, "soft": {…}}, both optional, or NULL; hard ones
 * cannot be changed by the person who is asked. ERR_FIELD for what is no field, is a secret, stands
 * in both, or is no value for its field, and for a field of the requester that is not among the
 * hard ones. Values may be rewritten in place. */
enum err item_form_check_prefill(const struct item_form *form, json_t *prefill, const char *path,
    struct errctx *ctx) MUSTCHECK;

#endif
