/* SPDX-License-Identifier: Apache-2.0 */
/* What the fields of a mode must be together. For user_credential_modes.c alone. */
#ifndef BAILEE_API_USER_CREDENTIAL_RULES_H
#define BAILEE_API_USER_CREDENTIAL_RULES_H

#include "base/json.h"

/* Each gets the whole definition, whose members are named as the fields of the API are, may add to
 * it what is generated, and fills what answers show. ERR_FIELD names the field that does not fit
 * the others. */
enum err credential_jwt_settle(json_t *definition, json_t *shown, struct errctx *ctx) MUSTCHECK;
enum err credential_oauth_settle(json_t *definition, json_t *shown, struct errctx *ctx) MUSTCHECK;
enum err credential_aws_settle(json_t *definition, json_t *shown, struct errctx *ctx) MUSTCHECK;
enum err credential_mtls_settle(json_t *definition, json_t *shown, struct errctx *ctx) MUSTCHECK;

#endif
