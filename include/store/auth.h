/* SPDX-License-Identifier: Apache-2.0 */
/* The caller's token, checked by the same statement that reads what it asks for. */
#ifndef BAILEE_STORE_AUTH_H
#define BAILEE_STORE_AUTH_H

#include <stdint.h>

#include "store/store.h"

#define AUTH_TOKEN_ROOM 96

/* Zeroed per request. Presented by web/auth.c, accepted only here. */
struct auth {
	char token[AUTH_TOKEN_ROOM]; /* cleansed by auth_wipe() */
	char public_id[13];
	uint32_t need; /* scope bit of the route */
	/* set by acceptance */
	bool checked;
	uint32_t scopes;
	int64_t person_id;
	int64_t last_used_at; /* ms; decides whether a use is noted */
};

/* First member of every row that is read together with the token; filled by AUTH_COLUMNS. */
struct auth_row {
	struct bytes mac;
	int64_t person_id, scopes, last_used_at, revoked_at, expires_at, now;
};

/* Use with api_token AS k: the SELECT list, and the binding of the row's member of type struct
 * auth_row (7 columns). Conditions are left to auth_accept(): in every read of every call they
 * would cost the database more than two columns do. */
#define AUTH_COLUMNS                                                                               \
	"k.mac, k.person_id, k.scopes, k.last_used_at, k.revoked_at, k.expires_at, "               \
	"UTC_TIMESTAMP(3)"
#define AUTH_COLS(strukt, member)                                                                  \
	COL(BYTES, strukt, member.mac), COL(INT, strukt, member.person_id),                        \
	    COL(INT, strukt, member.scopes), COL(TIME, strukt, member.last_used_at),               \
	    COL(TIME, strukt, member.revoked_at), COL(TIME, strukt, member.expires_at),            \
	    COL(TIME, strukt, member.now)

/* Decide on the row (NULL: no such token): constant-time compare, then life, then scope. On OK
 * auth->checked is true. ERR_UNAUTHENTICATED with one text for all causes; ERR_SCOPE names the
 * scope. */
enum err auth_accept(struct auth *auth, const struct keyring *keyring, const struct auth_row *row,
    struct errctx *ctx) MUSTCHECK;

/* Statement of its own for routes that write: one round trip. */
enum err auth_load(struct store *store, struct auth *auth, struct errctx *ctx) MUSTCHECK;
void auth_wipe(struct auth *auth);

/* One read of a joined statement: runs it, takes the first row's auth_row (which must be the row's
 * first member) and decides. What is found costs one round trip. A statement that answers no row
 * has the token looked at by itself: then `rows_out` is one zeroed row and `n_out` 0, so that
 * hidden and missing things look alike. `rows` as stmt_all, freed with stmt_rows_free(). On failure
 * nothing is left to free. */
enum err auth_read(struct store *store, struct auth *auth, const struct stmt *stmt, const void *in,
    size_t row_size, void **rows_out, size_t *n_out, struct errctx *ctx) MUSTCHECK;

/* What such rows are read for: a member of the row's struct, and in it the id, whose bytes are all
 * zero when the row has none. */
struct auth_thing {
	size_t row_size, offset, size, id_offset, id_size;
};
#define AUTH_THING(strukt, member, id)                                                             \
	{                                                                                          \
		sizeof(strukt), offsetof(strukt, member), sizeof(((strukt *)0)->member),           \
		    offsetof(strukt, member.id), sizeof(((strukt *)0)->member.id)                  \
	}

/* auth_read() of one thing. `thing_out` is the caller's to free. ERR_NOT_FOUND without a text:
 * hidden, or missing. */
enum err auth_read_one(struct store *store, struct auth *auth, const struct stmt *stmt,
    const void *in, const struct auth_thing *thing, void *thing_out, struct errctx *ctx) MUSTCHECK;

/* What the first row of a list says of all of it; second member of such rows, bound by
 * AUTH_LIST_COLS (3 columns). */
struct auth_list {
	int64_t seen;  /* 0: nothing that the caller may see could have such a list */
	int64_t total; /* things on all pages; NULL when nobody asked */
	bool many;     /* of use to who made the statement */
};
#define AUTH_LIST_COLS(strukt, member)                                                             \
	COL(INT, strukt, member.seen), COL(INT, strukt, member.total),                             \
	    COL(BOOL, strukt, member.many)
/* auth_read() of a list: `things_out` is an array of the things, freed by the caller one by one and
 * with free(); NULL where nothing is seen. */
enum err auth_read_list(struct store *store, struct auth *auth, const struct stmt *stmt,
    const void *in, const struct auth_thing *thing, struct auth_list *list_out, void **things_out,
    size_t *n_out, struct errctx *ctx) MUSTCHECK;
/* The same of what a team has: ERR_NOT_MEMBER when the caller does not belong to it. */
enum err auth_read_of_team(struct store *store, struct auth *auth, const struct stmt *stmt,
    const void *in, const struct auth_thing *thing, struct auth_list *list_out, void **things_out,
    size_t *n_out, struct errctx *ctx) MUSTCHECK;

#endif
