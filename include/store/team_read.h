/* SPDX-License-Identifier: Apache-2.0 */
/* Teams and organizations as their members see them, and who is in a team. */
#ifndef BAILEE_STORE_TEAM_READ_H
#define BAILEE_STORE_TEAM_READ_H

#include <stdint.h>

#include "store/auth.h"
#include "store/list_page.h"
#include "store/store.h"

struct team_row {
	int64_t id, organization_id;
	char *name; /* owned */
};
struct organization_row {
	int64_t id, timezone_id;
	char *name, *zone; /* owned; zone "" where the installation's own is meant */
};
void team_row_free(struct team_row *team);
void team_rows_free(struct team_row **teams, size_t n);
void organization_row_free(struct organization_row *organization);
void organization_rows_free(struct organization_row **organizations, size_t n);

enum team_sort { TEAM_BY_NAME, TEAM_BY_ID, TEAM_SORT_COUNT };

/* The caller's own: one statement each. An organization the caller has no team in lists no teams;
 * organization 0 is any. */
enum err team_read_list(struct store *store, struct auth *auth, int64_t organization_id,
    struct list_page *page, struct team_row **teams_out, size_t *n_out,
    struct errctx *ctx) MUSTCHECK;
enum err team_read_get(struct store *store, struct auth *auth, int64_t id,
    struct team_row *team_out, struct errctx *ctx) MUSTCHECK;
enum err organization_list(struct store *store, struct auth *auth, struct list_page *page,
    struct organization_row **organizations_out, size_t *n_out, struct errctx *ctx) MUSTCHECK;
enum err organization_get(struct store *store, struct auth *auth, int64_t id,
    struct organization_row *organization_out, struct errctx *ctx) MUSTCHECK;

/* For a row that has been locked by its id: ERR_NOT_FOUND, without a text, unless the person is in
 * its team. In the statement that locks, the same question as a subquery ends MariaDB 10.11 (signal
 * 11 in JOIN::optimize) when the row is deleted while it waits. The membership is looked at, not
 * locked: that needs no right to write the table. */
enum err team_hide_from_others(struct store *store, int64_t team_id, int64_t person_id,
    struct errctx *ctx) MUSTCHECK;

/* Inside the caller's transaction: ERR_NOT_MEMBER unless the person is in the team. */
enum err team_require_member(struct store *store, int64_t team_id, int64_t person_id,
    struct errctx *ctx) MUSTCHECK;
/* Inside the caller's transaction: add, or find added; which of both is said. */
enum err team_add_member_in(struct store *store, int64_t team_id, int64_t person_id,
    bool *added_out, struct errctx *ctx) MUSTCHECK;

#endif
