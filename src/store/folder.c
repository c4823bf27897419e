/* SPDX-License-Identifier: Apache-2.0 */
/* Folders: a page of them, making and deleting one. */
#include "store/folder.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "store/team_read.h"

/* ---- a page ---- */

struct list_in {
	const char *public_id, *content_type;
	int64_t id, team_id, limit, offset;
};
#define MINE_COLS                                                                                  \
	COL(TEXT, struct list_in, public_id), COL(INT0, struct list_in, team_id),                  \
	    COL(INT0, struct list_in, team_id), COL(TEXT, struct list_in, content_type),           \
	    COL(TEXT, struct list_in, content_type), COL(INT0, struct list_in, id),                \
	    COL(INT0, struct list_in, id)
#define MINE                                                                                       \
	"FROM api_token a JOIN team_member m ON m.person_id = a.person_id "                        \
	"JOIN folder f ON f.team_id = m.team_id WHERE a.public_id = ? "                            \
	"AND (? IS NULL OR f.team_id = ?) AND (? IS NULL OR f.content_type = ?) "                  \
	"AND (? IS NULL OR f.id = ?)"
static const struct col list_in[] = { COL(INT0, struct list_in, team_id),
	COL(INT0, struct list_in, team_id), MINE_COLS, MINE_COLS, COL(INT, struct list_in, limit),
	COL(INT, struct list_in, offset), COL(TEXT, struct list_in, public_id) };
struct list_row {
	struct auth_row auth;
	struct auth_list list;
	struct folder folder;
};
#define FOLDER_COLS                                                                                \
	COL(INT, struct list_row, folder.id), COL(INT, struct list_row, folder.team_id),           \
	    COL(TEXT, struct list_row, folder.name),                                               \
	    COL(TEXT, struct list_row, folder.content_type),                                       \
	    COL(INT, struct list_row, folder.size)
static const struct col list_out[] = { AUTH_COLS(struct list_row, auth),
	AUTH_LIST_COLS(struct list_row, list), FOLDER_COLS };
static const struct stmt list = { "folder_list",
	"SELECT " AUTH_COLUMNS ", ? IS NULL OR EXISTS (SELECT 1 FROM team_member e "
	"WHERE e.team_id = ? AND e.person_id = k.person_id), (SELECT COUNT(*) " MINE
	"), FALSE, p.* "
	"FROM api_token k LEFT JOIN (SELECT f.id, f.team_id, f.name, f.content_type, "
	"(SELECT COUNT(*) FROM user_credential c WHERE c.folder_id = f.id) AS size " MINE
	" ORDER BY f.id LIMIT ? OFFSET ?) p ON TRUE WHERE k.public_id = ? ORDER BY p.id",
	list_in, COL_N(list_in), list_out, COL_N(list_out) };

static const struct col alone_out[] = { FOLDER_COLS };
static const struct stmt alone = { .out = alone_out, .n_out = COL_N(alone_out) };

enum err
folder_list(struct store *store, struct auth *auth, const struct folder_filter *filter,
    struct folder_page *page_out, struct errctx *ctx)
{
	const struct list_in in = { auth->public_id, filter->content_type, filter->id,
		filter->team_id, filter->limit, filter->offset };
	static const struct auth_thing thing = AUTH_THING(struct list_row, folder, id);
	struct folder_page page = { 0 };
	struct auth_list found;
	void *things = NULL;
	enum err err =
	    auth_read_list(store, auth, &list, &in, &thing, &found, &things, &page.n, ctx);

	if (!err && !found.seen)
		err = err_set(ctx, ERR_NOT_FOUND, "team_id", "no such team");
	if (err)
		return err;
	page.rows = things;
	page.total = found.total;
	*page_out = page;
	return OK;
}

void
folder_page_free(struct folder_page *page)
{
	for (size_t i = 0; i < page->n; i++)
		stmt_row_free(&alone, &(struct list_row){ .folder = page->rows[i] });
	free(page->rows);
	*page = (struct folder_page){ 0 };
}

/* ---- making and deleting ---- */

struct work {
	int64_t id, team_id, person_id;
	const char *name, *content_type;
};

static const struct col insert_in[] = { COL(TEXT, struct work, name),
	COL(TEXT, struct work, content_type), COL(INT, struct work, team_id),
	COL(INT, struct work, person_id) };
static const struct stmt insert = { "folder_insert",
	"INSERT INTO folder (team_id, name, content_type, created_at) SELECT m.team_id, ?, ?, "
	"UTC_TIMESTAMP(3) FROM team_member m WHERE m.team_id = ? AND m.person_id = ?",
	insert_in, COL_N(insert_in), NULL, 0 };

static void
note_subject(struct audit_entry *audit, const struct work *work)
{
	audit->team_id = work->team_id;
	snprintf(audit->subject, sizeof(audit->subject), "%lld", (long long)work->id);
}

static enum err
create_body(struct store *store, void *arg, struct audit_entry *audit, struct errctx *ctx)
{
	struct work *work = arg;
	int64_t affected = 0;
	enum err err = stmt_run(store->db, &insert, work, &affected, ctx);

	if (!err && affected == 0)
		err = err_set(ctx, ERR_NOT_FOUND, "team_id", "no such team");
	if (!err) {
		work->id = stmt_insert_id(store->db);
		note_subject(audit, work);
	}
	return err;
}

enum err
folder_create(struct store *store, struct audit_entry *audit, int64_t team_id, const char *name,
    const char *content_type, int64_t *id_out, struct errctx *ctx)
{
	struct work work = { .team_id = team_id,
		.person_id = audit->person_id,
		.name = name,
		.content_type = content_type };
	enum err err = store_write(store, audit, create_body, &work, ctx);

	if (!err)
		*id_out = work.id;
	return err;
}

static const struct col id_in[] = { COL(INT, struct work, id) };
static const struct col find_out[] = { COL(INT, struct work, team_id) };
static const struct stmt find = { "folder_lock",
	"SELECT f.team_id FROM folder f WHERE f.id = ? FOR UPDATE", id_in, COL_N(id_in), find_out,
	COL_N(find_out) };
static const struct stmt clear = { "folder_clear",
	"UPDATE user_credential SET folder_id = NULL WHERE folder_id = ?", id_in, COL_N(id_in),
	NULL, 0 };
static const struct col rename_in[] = { COL(TEXT, struct work, name), COL(INT, struct work, id) };
static const struct stmt rename_row = { "folder_rename", "UPDATE folder SET name = ? WHERE id = ?",
	rename_in, COL_N(rename_in), NULL, 0 };
static const struct stmt remove_row = { "folder_delete", "DELETE FROM folder WHERE id = ?", id_in,
	COL_N(id_in), NULL, 0 };

static enum err
lock_folder(struct store *store, struct work *work, struct errctx *ctx)
{
	enum err err = stmt_one(store->db, &find, work, work, ctx);

	if (!err)
		err = team_hide_from_others(store, work->team_id, work->person_id, ctx);
	return err == ERR_NOT_FOUND ? err_set(ctx, err, "", "no such folder") : err;
}

static enum err
rename_body(struct store *store, void *arg, struct audit_entry *audit, struct errctx *ctx)
{
	struct work *work = arg;
	enum err err = lock_folder(store, work, ctx);

	if (!err)
		err = stmt_run(store->db, &rename_row, work, NULL, ctx);
	if (!err)
		note_subject(audit, work);
	return err;
}

enum err
folder_rename(struct store *store, struct audit_entry *audit, int64_t id, const char *name,
    struct errctx *ctx)
{
	struct work work = { .id = id, .person_id = audit->person_id, .name = name };

	return store_write(store, audit, rename_body, &work, ctx);
}

static enum err
delete_body(struct store *store, void *arg, struct audit_entry *audit, struct errctx *ctx)
{
	struct work *work = arg;
	enum err err = lock_folder(store, work, ctx);

	if (!err)
		err = stmt_run(store->db, &clear, work, NULL, ctx);
	if (!err)
		err = stmt_run(store->db, &remove_row, work, NULL, ctx);
	if (!err)
		note_subject(audit, work);
	return err;
}

enum err
folder_delete(struct store *store, struct audit_entry *audit, int64_t id, struct errctx *ctx)
{
	struct work work = { .id = id, .person_id = audit->person_id };

	return store_write(store, audit, delete_body, &work, ctx);
}
