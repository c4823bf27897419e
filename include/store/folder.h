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
void folder_free(struct folder *folder);

/* A page, by id, and how many there are in all, in one statement. team_id 0: every team of the
 * caller; ERR_NOT_FOUND for a team the caller does not belong to. content_type NULL: any. */
struct folder_filter {
	int64_t team_id;
	const char *content_type;
	int64_t limit, offset;
};
struct folder_list; /* rows as read; opaque */
enum err folder_list(struct store *store, struct auth *auth, const struct folder_filter *filter,
    struct folder_list **list_out, struct errctx *ctx) MUSTCHECK;
int64_t folder_list_total(const struct folder_list *list);
size_t folder_list_count(const struct folder_list *list);
const struct folder *folder_list_at(const struct folder_list *list, size_t index);
void folder_list_free(struct folder_list **list);

/* ERR_NOT_FOUND: folder or team hidden or missing. Credentials of a deleted folder stay, filed
 * nowhere. */
enum err folder_create(struct store *store, struct audit_entry *audit, int64_t team_id,
    const char *name, const char *content_type, int64_t *id_out, struct errctx *ctx) MUSTCHECK;
enum err folder_delete(struct store *store, struct audit_entry *audit, int64_t id,
    struct errctx *ctx) MUSTCHECK;

#endif
