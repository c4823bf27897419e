/* SPDX-License-Identifier: Apache-2.0 */
/* People: the caller himself, and those who are asked. */
#include "store/person.h"

struct me_in {
	const char *public_id;
};
static const struct col me_in[] = { COL(TEXT, struct me_in, public_id) };
struct me_row {
	struct auth_row auth;
	struct person person;
};
#define PERSON_COLS(strukt, m)                                                                     \
	COL(INT, strukt, m.id), COL(TEXT, strukt, m.email), COL(TEXT, strukt, m.name),             \
	    COL(TEXT, strukt, m.language), COL(TEXT, strukt, m.timezone),                          \
	    COL(TIME, strukt, m.last_login_at)
static const struct col me_out[] = { AUTH_COLS(struct me_row, auth),
	PERSON_COLS(struct me_row, person) };
static const struct stmt me_select = { "person_me",
	"SELECT " AUTH_COLUMNS ", p.id, p.email, p.name, p.language, p.timezone, p.last_login_at "
	"FROM api_token k JOIN person p ON p.id = k.person_id WHERE k.public_id = ?",
	me_in, COL_N(me_in), me_out, COL_N(me_out) };

void
person_free(struct person *person)
{
	static const struct col own[] = { COL(TEXT, struct person, email),
		COL(TEXT, struct person, name), COL(TEXT, struct person, language),
		COL(TEXT, struct person, timezone) };
	static const struct stmt shape = { .out = own, .n_out = COL_N(own) };

	stmt_row_free(&shape, person);
}

enum err
person_me(struct store *store, struct auth *auth, struct person *person_out, struct errctx *ctx)
{
	static const struct auth_thing thing = AUTH_THING(struct me_row, person, id);

	return auth_read_one(store, auth, &me_select, &(struct me_in){ auth->public_id }, &thing,
	    person_out, ctx);
}

struct find_io {
	const char *email, *name;
	int64_t id, team_id;
};
static const struct col email_in[] = { COL(TEXT, struct find_io, email) };
static const struct col id_out[] = { COL(INT, struct find_io, id) };
static const struct stmt by_email = { "person_by_email", "SELECT id FROM person WHERE email = ?",
	email_in, COL_N(email_in), id_out, COL_N(id_out) };
/* Two callers may bring the same new person at once: the second finds what the first made. */
static const struct col make_in[] = { COL(TEXT, struct find_io, email),
	COL(TEXT, struct find_io, name) };
static const struct stmt make = { "person_make",
	"INSERT IGNORE INTO person (email, name) VALUES (?, ?)", make_in, COL_N(make_in), NULL, 0 };

enum err
person_find_or_make_in(struct store *store, const char *email, const char *name, int64_t *made_out,
    struct errctx *ctx)
{
	struct find_io io = { .email = email, .name = name };
	enum err err = stmt_one(store->db, &by_email, &io, &io, ctx);

	if (err == ERR_NOT_FOUND) {
		err = stmt_run(store->db, &make, &io, NULL, ctx);
		if (!err)
			err = stmt_one(store->db, &by_email, &io, &io, ctx);
	}
	if (!err)
		*made_out = io.id;
	return err;
}

static const struct col asked_in[] = { COL(INT, struct find_io, team_id),
	COL(INT, struct find_io, id) };
static const struct stmt asked = { "person_may_be_asked",
	"SELECT p.id FROM person p JOIN team t ON t.id = ? WHERE p.id = ? AND "
	"(NOT EXISTS (SELECT 1 FROM team_member m WHERE m.person_id = p.id) OR "
	"EXISTS (SELECT 1 FROM team_member m JOIN team o ON o.id = m.team_id "
	"WHERE m.person_id = p.id AND o.organization_id = t.organization_id))",
	asked_in, COL_N(asked_in), id_out, COL_N(id_out) };

enum err
person_may_be_asked(struct store *store, int64_t person_id, int64_t team_id, struct errctx *ctx)
{
	struct find_io io = { .id = person_id, .team_id = team_id };

	return stmt_one(store->db, &asked, &io, &io, ctx);
}
