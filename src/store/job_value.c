/* SPDX-License-Identifier: Apache-2.0 */
/* What a job needs to know or has to say and the queue must not hold: sealed, for an hour. */
#include "store/job_value.h"

#include <string.h>

static const char *const ways[] = { [JOB_VALUE_IN] = "in", [JOB_VALUE_OUT] = "out" };

struct value_row {
	int64_t job_id, team_id, person_id;
	const char *direction, *kind, *subject;
	struct uuid uuid;
	struct bytes sealed;
	int64_t n;
};

static const struct col add_in[] = {
	COL(INT, struct value_row, job_id),
	COL(TEXT, struct value_row, direction),
	COL(UUID, struct value_row, uuid),
	COL(INT, struct value_row, team_id),
	COL(BYTES, struct value_row, sealed),
};
static const struct stmt add = { "job_value_add",
	"INSERT INTO job_value (job_id, direction, uuid, team_id, value_sealed) "
	"VALUES (?, ?, ?, ?, ?)",
	add_in, COL_N(add_in), NULL, 0 };

static const struct col one_in[] = { COL(INT, struct value_row, job_id),
	COL(TEXT, struct value_row, direction) };
static const struct col open_out[] = { COL(UUID, struct value_row, uuid),
	COL(INT, struct value_row, team_id), COL(BYTES, struct value_row, sealed) };
static const struct stmt select_one = { "job_value_open",
	"SELECT uuid, team_id, value_sealed FROM job_value WHERE job_id = ? AND direction = ?",
	one_in, COL_N(one_in), open_out, COL_N(open_out) };
static const struct stmt delete_one = { "job_value_replace",
	"DELETE FROM job_value WHERE job_id = ? AND direction = ?", one_in, COL_N(one_in), NULL,
	0 };
static const struct stmt delete_both = { "job_value_forget",
	"DELETE FROM job_value WHERE job_id = ?", one_in, 1, NULL, 0 };

static const struct col check_in[] = { COL(INT, struct value_row, job_id),
	COL(TEXT, struct value_row, kind), COL(TEXT, struct value_row, subject),
	COL(INT, struct value_row, person_id) };
static const struct col check_out[] = { COL(INT, struct value_row, n) };
static const struct stmt check = { "job_value_check",
	"SELECT COUNT(*) FROM job WHERE id = ? AND kind = ? AND subject = ? "
	"AND JSON_VALUE(payload, '$.person') = ?",
	check_in, COL_N(check_in), check_out, COL_N(check_out) };

void
job_value_free(struct job_value *value)
{
	free(value->sealed.data);
	*value = (struct job_value){ 0 };
}

static struct seal_context
context_of(const struct uuid *uuid, int64_t team_id, enum job_value_way way)
{
	return (struct seal_context){
		.table = "job_value",
		.row = *uuid,
		.field = ways[way],
		.team_id = team_id,
	};
}

enum err
job_value_seal(struct store *store, enum job_value_way way, int64_t team_id, const json_t *json,
    struct job_value *value_out, struct errctx *ctx)
{
	auto_wipe char *text = json_text(json);
	struct job_value value = { .way = way, .team_id = team_id };

	if (strlen(text) > JOB_VALUE_MAX)
		return err_set(ctx, ERR_VALUE, "", "what is to be kept is too large");
	uuid_make(&value.uuid);
	const struct seal_context context = context_of(&value.uuid, team_id, way);
	enum err err = store_seal(store, &context, text, strlen(text), &value.sealed, ctx);
	if (!err)
		*value_out = value;
	return err;
}

enum err
job_value_add(struct store *store, int64_t job_id, const struct job_value *value,
    struct errctx *ctx)
{
	const struct value_row row = { .job_id = job_id,
		.direction = ways[value->way],
		.uuid = value->uuid,
		.team_id = value->team_id,
		.sealed = value->sealed };
	enum err err = stmt_run(store->db, &delete_one, &row, NULL, ctx);

	return err ? err : stmt_run(store->db, &add, &row, NULL, ctx);
}

enum err
job_value_open(struct store *store, int64_t job_id, enum job_value_way way, json_t **json_out,
    struct errctx *ctx)
{
	struct value_row row = { .job_id = job_id, .direction = ways[way] }, found = { 0 };
	auto_secret struct secret text = { 0 };
	enum err err = stmt_one(store->db, &select_one, &row, &found, ctx);

	if (err)
		return err;
	const struct seal_context context = context_of(&found.uuid, found.team_id, way);
	err = store_open(store, &context, &found.sealed, &text, ctx);
	free(found.sealed.data);
	if (!err && json_parse(secret_text(&text), text.len, json_out, NULL))
		err = err_set(ctx, ERR_INTEGRITY, "", "a stored value cannot be read");
	return err;
}

enum err
job_value_check(struct store *store, int64_t job_id, const char *kind, const char *subject,
    int64_t person_id, struct errctx *ctx)
{
	const struct value_row in = { .job_id = job_id,
		.kind = kind,
		.subject = subject,
		.person_id = person_id };
	struct value_row found = { 0 };
	enum err err = stmt_one(store->db, &check, &in, &found, ctx);

	if (!err && found.n == 0)
		err = err_set(ctx, ERR_NOT_FOUND, "", "no such job of yours");
	return err;
}

enum err
job_value_forget(struct store *store, int64_t job_id, struct errctx *ctx)
{
	return stmt_run(store->db, &delete_both, &(struct value_row){ .job_id = job_id }, NULL,
	    ctx);
}
