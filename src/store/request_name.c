/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of names of credential requests: kept, and looked for. */
#include "request_name.h"

#include <string.h>

#include "base/json.h"

#define PART_CHARACTERS 8
#define LOOKED_FOR (PART_CHARACTERS + REQUEST_NAME_PARTS - 1)

/* Where the last `n` characters of a text begin. */
static const char *
last_characters(const char *text, size_t n)
{
	const char *at = text + strlen(text);

	while (at > text && n > 0)
		if ((*--at & 0xc0) != 0x80)
			n--;
	return at;
}

void
request_name_parts(const char *text, char *parts_out[REQUEST_NAME_PARTS])
{
	const char *at = last_characters(text, LOOKED_FOR);
	size_t left = strlen(at), length, characters = 0;

	for (const char *next = at; (length = json_utf8_length(next, left)) > 0; next += length) {
		left -= length;
		characters++;
	}
	if (left > 0 || characters < REQUEST_NAME_LEAST)
		return;
	for (size_t i = 0; i < REQUEST_NAME_PARTS; i++) {
		parts_out[i] = json_text_cut(at, PART_CHARACTERS);
		at += json_utf8_length(at, strlen(at));
	}
}

/* ---- kept ---- */

struct name_in {
	struct uuid id;
};
static const struct col name_in[] = { COL(UUID, struct name_in, id) };
/* One row of the sequence for each part. */
#define PARTS_OF_NAME                                                                              \
	"credential_request r STRAIGHT_JOIN seq_1_to_255_step_3 s "                                \
	"ON s.seq <= GREATEST(CHAR_LENGTH(r.name), 1) "
#define PART_OF_NAME REQUEST_NAME_PART("SUBSTR(r.name, s.seq, 8)")
static const struct stmt add = { "request_name_add",
	"INSERT INTO request_name_part (team_id, part, request_id) "
	"SELECT r.team_id, " PART_OF_NAME ", r.id FROM " PARTS_OF_NAME "WHERE r.id = ? "
	"ON DUPLICATE KEY UPDATE request_id = r.id",
	name_in, COL_N(name_in), NULL, 0 };
static const struct stmt remove_parts = { "request_name_remove",
	"DELETE n FROM " PARTS_OF_NAME "STRAIGHT_JOIN request_name_part n "
	"ON n.team_id = r.team_id AND n.part = " PART_OF_NAME " AND n.request_id = r.id "
	"WHERE r.id = ?",
	name_in, COL_N(name_in), NULL, 0 };
_Static_assert(REQUEST_NAME_PARTS == 3 && PART_CHARACTERS == 8, "as the statements say");

enum err
request_name_add_in(struct store *store, const struct uuid *id, struct errctx *ctx)
{
	return stmt_run(store->db, &add, &(struct name_in){ *id }, NULL, ctx);
}

enum err
request_name_remove_in(struct store *store, const struct uuid *id, struct errctx *ctx)
{
	return stmt_run(store->db, &remove_parts, &(struct name_in){ *id }, NULL, ctx);
}
