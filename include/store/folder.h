/* SPDX-License-Identifier: Apache-2.0 */
/* Folders: order among the user credentials of a team. */
#ifndef BAILEE_STORE_FOLDER_H
#define BAILEE_STORE_FOLDER_H

#include <stdint.h>

#include "store/auth.h"
#include "store/store.h"

struct folder {
	int64_t id, team_id;
	char *name, *content_type;
	int64_t size; /* credentials inside */
};

/* A page, by id, in one statement. team_id 0: every team of the
 * caller; ERR_NOT_FOUND for a team the caller does not belong to. content_type NULL: any. id 0: all
 * of them. */
struct folder_filter {
	int64_t id, team_id;
	const char *content_type;
	int64_t limit, offset;
};
struct folder_page {
	struct folder *rows; /* owned; folder_page_free() */
	size_t n;
	int64_t total;
};
enum err folder_list(struct store *store, struct auth *auth, const struct folder_filter *filter,
    struct folder_page *page_out, struct errctx *ctx) MUSTCHECK;
void folder_page_free(struct folder_page *page);

/* ERR_NOT_FOUND: folder or team hidden or missing. Credentials of a deleted folder stay, filed
 * nowhere. */
enum err folder_create(struct store *store, struct audit_entry *audit, int64_t team_id,
    const char *name, const char *content_type, int64_t *id_out, struct errctx *ctx) MUSTCHECK;
enum err folder_rename(struct store *store, struct audit_entry *audit, int64_t id, const char *name,
    struct errctx *ctx) MUSTCHECK;
enum err folder_delete(struct store *store, struct audit_entry *audit, int64_t id,
    struct errctx *ctx) MUSTCHECK;

#endif
