/* SPDX-License-Identifier: Apache-2.0 */
/* What the handlers of surface V2 (/api/v2) share: lists, columns, and entities used by several. */
#ifndef BAILEE_API_V2_H
#define BAILEE_API_V2_H

#include "api/shared.h"
#include "store/credential.h"
#include "store/list_page.h"
#include "store/request.h"
#include "web/router.h"

#define V2_ID_MAX UINT32_MAX /* largest number an id can be */

/* What a list call asks for. */
struct v2_list {
	struct page page;
	struct list_page want; /* the same for the store */
	struct columns columns;
};
/* Read pg[...] and cols. */
enum err v2_list_read(struct ctx *ctx, const char *const *sort_columns, bool desc_default,
    const struct column_spec *columns, struct v2_list *list_out) MUSTCHECK;
/* Answer {"<name>": rows, "pg": …}; steals `rows`, whose members are cut to the columns. */
enum err v2_list_answer(struct response *response, const char *name, json_t *rows,
    struct v2_list *list);
/* Answer {"<name>": value}; steals `value`. */
enum err v2_answer(struct response *response, const char *name, json_t *value);

/* `confirmed=true`. ERR_FIELD when it is no truth value. */
enum err v2_confirmed(struct ctx *ctx, bool *confirmed_out) MUSTCHECK;

/* The path parameter {id} of a connection; what cannot be one is ERR_NO_CONNECTION, as unknown ones
 * are. */
enum err v2_connection_id(struct ctx *ctx, int64_t *id_out) MUSTCHECK;

/* Entities with every member. Caller owns. */
extern const struct column_spec v2_credential_columns[];
extern const struct column_spec v2_request_columns[];
json_t *v2_credential_json(const struct credential *credential);
/* appNames and makeProvider are null where they were not read. */
json_t *v2_request_json(const struct request_row *request);
/* {id, email, name}, or null without an id. */
json_t *v2_person_json(const struct request_person *person);

#endif
