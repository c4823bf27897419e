/* SPDX-License-Identifier: Apache-2.0 */
/* The types of keys: one table of their fields, from which forms are made and values are checked.
 */
#ifndef BAILEE_CATALOG_KEY_TYPES_H
#define BAILEE_CATALOG_KEY_TYPES_H

#include "base/error.h"
#include "base/json.h"
#include "catalog/form.h"

/* A rule over several fields, called once each of them is fine by itself. It may rewrite a value
 * into the form it is kept in, so that checking again finds nothing to do. */
typedef enum err (*key_rule_fn)(json_t *parameters, const char *path, struct errctx *ctx);

struct key_type {
	const char *name; /* NULL ends the table */
	const char *label;
	const char *theme, *icon; /* colour and picture that clients show */
	int version;
	const struct form_field *fields;
	key_rule_fn rule; /* or NULL */
};

/* Every type this program can take; ended by a row with NULL name. */
extern const struct key_type key_types[];

/* NULL when there is none of that name. */
const struct key_type *key_type_find(const char *name);

/* form_check() of the type's fields, and its rule: values that cannot be a key of this type are
 * ERR_FIELD too. Files in binary form (DER, PKCS#12, in base64) become PEM in place. */
enum err key_type_check(const struct key_type *type, json_t *parameters, const char *path,
    struct errctx *ctx) MUSTCHECK;

/* form_json() of its fields: the form of the request page and the `parameters` of /keys/types.
 * Caller owns. */
json_t *key_type_form(const struct key_type *type);

/* Rules of catalog/key_files.c */
enum err key_rule_certificate_pair(json_t *parameters, const char *path, struct errctx *ctx);
enum err key_rule_private_key(json_t *parameters, const char *path, struct errctx *ctx);
enum err key_rule_gpg_private(json_t *parameters, const char *path, struct errctx *ctx);
enum err key_rule_gpg_public(json_t *parameters, const char *path, struct errctx *ctx);

#endif
