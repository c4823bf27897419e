/* SPDX-License-Identifier: Apache-2.0 */
/* The body that makes or changes a user credential: its fields, checked all at once. */
#ifndef BAILEE_API_USER_CREDENTIAL_BODY_H
#define BAILEE_API_USER_CREDENTIAL_BODY_H

#include "base/json.h"
#include "store/user_credential.h"

/* Create asks for everything the mode needs; replace (PUT) for the mode alone, and takes a missing
 * http_request_ttl for null; patch for nothing. */
enum body_use { BODY_CREATE, BODY_REPLACE, BODY_PATCH };

/* `change` borrows from the body and from the rest. */
struct user_credential_body {
	struct user_credential_change change;
	json_t *definition;
	char *allowed_hosts, *metadata;
};

/* ERR_FIELD with one entry for each field that is wrong: types, limits, modes, request options,
 * formulas (with their column), patterns of hosts. Nothing is left to free on failure. */
enum err user_credential_body_read(json_t *object, enum body_use use,
    struct user_credential_body *body_out, struct errctx *ctx) MUSTCHECK;
void user_credential_body_free(struct user_credential_body *body);

#endif
