/* SPDX-License-Identifier: Apache-2.0 */
/* When tokens were last used. */
#include "store/token_use.h"

struct use_in {
	const char *public_id;
	int64_t person_id;
};
static const struct col token_in[] = { COL(TEXT, struct use_in, public_id) };
static const struct stmt token_touch = { "token_touch",
	"UPDATE api_token SET last_used_at = UTC_TIMESTAMP(3) WHERE public_id = ?", token_in,
	COL_N(token_in), NULL, 0 };
static const struct col person_in[] = { COL(INT, struct use_in, person_id) };
static const struct stmt person_touch = { "person_touch",
	"UPDATE person SET last_login_at = UTC_TIMESTAMP(3) WHERE id = ?", person_in,
	COL_N(person_in), NULL, 0 };

enum err
token_use_write(struct store *store, const char *public_id, int64_t person_id, struct errctx *ctx)
{
	const struct use_in in = { .public_id = public_id, .person_id = person_id };
	enum err err = stmt_run(store->db, &token_touch, &in, NULL, ctx);

	return err ? err : stmt_run(store->db, &person_touch, &in, NULL, ctx);
}
