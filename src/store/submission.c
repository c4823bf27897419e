/* SPDX-License-Identifier: Apache-2.0 */
/* What a person typed into a form, sealed, until the runner has taken it. */
#include "store/submission.h"

static const struct col id_in[] = { COL(UUID, struct submission, id) };
static const struct col load_out[] = {
	COL(UUID, struct submission, id),
	COL(UUID, struct submission, credential_id),
	COL(INT, struct submission, team_id),
	COL(BYTES, struct submission, fields_sealed),
	COL(TEXT, struct submission, account_name),
	COL(TEXT, struct submission, account_id),
};
static const struct stmt load = { "submission_load",
	"SELECT id, credential_id, team_id, fields_sealed, account_name, account_id "
	"FROM submission WHERE id = ?",
	id_in, COL_N(id_in), load_out, COL_N(load_out) };
static const struct stmt wipe = { "submission_wipe",
	"UPDATE submission SET fields_sealed = NULL, account_name = NULL, account_id = NULL WHERE "
	"id = ? AND fields_sealed IS NOT NULL",
	id_in, COL_N(id_in), NULL, 0 };
struct wait_in {
	struct uuid id;
	const char *account_name, *account_id;
};
static const struct col wait_in[] = { COL(TEXT, struct wait_in, account_name),
	COL(TEXT, struct wait_in, account_id), COL(UUID, struct wait_in, id) };
/* as long as the columns, and as a connection keeps them */
static const struct stmt wait_for = { "submission_wait",
	"UPDATE submission SET account_name = LEFT(?, 255), account_id = LEFT(?, 255) "
	"WHERE id = ? AND fields_sealed IS NOT NULL",
	wait_in, COL_N(wait_in), NULL, 0 };

void
submission_free(struct submission *submission)
{
	if (submission)
		stmt_row_free(&load, submission);
}

enum err
submission_load(struct store *store, const struct uuid *id, struct submission *submission_out,
    struct errctx *ctx)
{
	struct submission row = { 0 };
	enum err err = stmt_one(store->db, &load, &(struct submission){ .id = *id }, &row, ctx);

	if (err == ERR_NOT_FOUND)
		return err_set(ctx, err, "", "no such submission");
	if (!err)
		*submission_out = row;
	return err;
}

enum err
submission_open(struct store *store, const struct submission *submission, struct secret *fields_out,
    struct errctx *ctx)
{
	const struct seal_context context = {
		.table = "submission",
		.row = submission->id,
		.field = "fields",
		.team_id = submission->team_id,
	};

	return store_open(store, &context, &submission->fields_sealed, fields_out, ctx);
}

enum err
submission_wipe_in(struct store *store, const struct uuid *id, bool *wiped_out, struct errctx *ctx)
{
	int64_t affected = 0;
	enum err err =
	    stmt_run(store->db, &wipe, &(struct submission){ .id = *id }, &affected, ctx);

	if (!err)
		*wiped_out = affected > 0;
	return err;
}

enum err
submission_wait_in(struct store *store, const struct uuid *id, const char *account_name,
    const char *account_id, struct errctx *ctx)
{
	const struct wait_in in = { *id, account_name, account_id };
	int64_t affected = 0;
	enum err err = stmt_run(store->db, &wait_for, &in, &affected, ctx);

	if (err || affected)
		return err;
	return err_set(ctx, ERR_VALUE, "", "the form was taken back");
}
