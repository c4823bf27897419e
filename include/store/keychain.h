/* SPDX-License-Identifier: Apache-2.0 */
/* Keys (the API's word) or keychains (the schema's): names in clear, parameters sealed. */
#ifndef BAILEE_STORE_KEYCHAIN_H
#define BAILEE_STORE_KEYCHAIN_H

#include <stdint.h>

#include "base/json.h"
#include "store/auth.h"
#include "store/list_page.h"
#include "store/store.h"

#define KEYCHAIN_NAME_MAX 255 /* characters */

/* What lists show; the parameters are never read with it. Texts are owned: keychain_free(). */
struct keychain {
	int64_t id, team_id;
	char *name, *type_name;
	int64_t created_at, updated_at; /* ms */
};
void keychain_free(struct keychain *keychain);

enum keychain_sort { KEYCHAIN_BY_NAME, KEYCHAIN_BY_ID, KEYCHAIN_BY_CREATED, KEYCHAIN_SORT_COUNT };
struct keychain_filter {
	int64_t team_id;
	const char *type_name; /* or NULL */
};

/* One statement each, token and membership included. List: ERR_NOT_MEMBER; the array is owned:
 * keychain_list_free(). */
enum err keychain_list(struct store *store, struct auth *auth, const struct keychain_filter *filter,
    struct list_page *page, struct keychain **keys_out, size_t *n_out,
    struct errctx *ctx) MUSTCHECK;
void keychain_list_free(struct keychain **keys, size_t n);
enum err keychain_get(struct store *store, struct auth *auth, int64_t id,
    struct keychain *keychain_out, struct errctx *ctx) MUSTCHECK;

/* What to make. The parameters have been checked against their type. All borrowed. */
struct keychain_new {
	int64_t team_id;
	const char *name, *type_name;
	const json_t *parameters;
};
/* Inside the caller's transaction; no membership is asked for. */
enum err keychain_create_in(struct store *store, const struct keychain_new *key, int64_t *id_out,
    struct errctx *ctx) MUSTCHECK;
/* As one transaction for a member of the team; ERR_NOT_MEMBER. */
enum err keychain_create(struct store *store, struct audit_entry *audit, int64_t person_id,
    const struct keychain_new *key, int64_t *id_out, struct errctx *ctx) MUSTCHECK;

/* Decides whether merged parameters are right for their type. */
typedef enum err (
    *keychain_check_fn)(const char *type_name, json_t *parameters, struct errctx *ctx);
struct keychain_change {
	int64_t id, person_id;
	const char *name;   /* NULL: unchanged */
	json_t *parameters; /* NULL: unchanged; else laid over the stored ones */
	keychain_check_fn check;
};
/* ERR_NOT_FOUND for hidden and missing ones alike; `keychain_out` is how it is afterwards. */
enum err keychain_update(struct store *store, struct audit_entry *audit,
    const struct keychain_change *change, struct keychain *keychain_out,
    struct errctx *ctx) MUSTCHECK;
/* Credentials authorized with it are pending again, in the same transaction. ERR_CONFIRM unless
 * `confirmed`, for keys the person may see. */
enum err keychain_delete(struct store *store, struct audit_entry *audit, int64_t person_id,
    int64_t id, bool confirmed, struct errctx *ctx) MUSTCHECK;

/* Open the parameters of one key (no caller is asked for): a JSON object that the caller frees;
 * secret. ERR_INTEGRITY. */
enum err keychain_open(struct store *store, int64_t id, json_t **parameters_out,
    struct errctx *ctx) MUSTCHECK;

#endif
