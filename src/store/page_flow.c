/* SPDX-License-Identifier: Apache-2.0 */
/* Trips of a person to an OAuth provider and back, as the public pool begins and ends them. */
#include <stdlib.h>
#include <string.h>

#include "store/page.h"
#include "store/page_parts.h"

/* ---- setting out ---- */

static const struct col connect_in[] = { PAGE_IN_LINK, PAGE_IN(UUID, credential),
	PAGE_IN(UUID, row), PAGE_IN(BYTES, state_hash), PAGE_IN(UUID, callback),
	PAGE_IN(TEXT, type), PAGE_IN(TEXT, text), PAGE_IN(BYTES, sealed), PAGE_IN_CALL };
static const struct stmt set_out = { "page_connect",
	"CALL page_connect(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", connect_in, COL_N(connect_in),
	NULL, 0 };

enum err
page_connect(struct store *store, const struct page_link *link, const struct page_row *row,
    const struct page_start *start, const struct page_call *call, struct errctx *ctx)
{
	struct page_change change = {
		.key = page_key_of(link),
		.credential = row->id,
		.callback = start->callback_id,
		.state_hash = page_bytes(start->state_hash, sizeof(start->state_hash)),
		.type = start->connection_type,
		.text = start->issuer,
		.address = call->address,
		.call = call->request_id,
		.stmt = &set_out,
	};
	const struct page_team_key key = { row->team_id, row->generation, row->public_key,
		row->signature };

	uuid_make(&change.row);
	enum err err = page_seal(store, &key, "oauth_flow", "start", start->text,
	    strlen(start->text), &change, ctx);
	if (!err)
		err = page_change_run(store, &change, ctx);
	free(change.sealed.data);
	return err;
}

/* ---- coming back ---- */

static const struct col look_in[] = { PAGE_IN(UUID, callback), PAGE_IN(BYTES, state_hash),
	PAGE_IN(BYTES, key.browser) };
static const struct col look_out[] = {
	COL(UUID, struct page_flow, uuid),
	COL(INT, struct page_flow, team_id),
	COL(INT, struct page_flow, generation),
	COL(BYTES, struct page_flow, public_key),
	COL(BYTES, struct page_flow, signature),
	COL(TEXT, struct page_flow, connection_type),
	COL(TEXT, struct page_flow, issuer),
	COL(BOOL, struct page_flow, done),
	COL(TEXT, struct page_flow, own_type),
};
static const struct stmt look = { "page_return_look", "CALL page_return_look(?, ?, ?)", look_in,
	COL_N(look_in), look_out, COL_N(look_out) };
static const struct col return_in[] = { PAGE_IN(UUID, callback), PAGE_IN(BYTES, state_hash),
	PAGE_IN(BYTES, key.browser), PAGE_IN(BYTES, sealed), PAGE_IN(TEXT, text), PAGE_IN_CALL };
static const struct stmt come_back = { "page_return", "CALL page_return(?, ?, ?, ?, ?, ?, ?, ?)",
	return_in, COL_N(return_in), NULL, 0 };

static struct page_change
change_of(const struct page_return *back, const struct stmt *stmt)
{
	return (struct page_change){
		.callback = back->callback_id,
		.state_hash = page_bytes(back->state_hash, sizeof(back->state_hash)),
		.key.browser = page_bytes(back->browser, sizeof(back->browser)),
		.stmt = stmt,
	};
}

enum err
page_return_look(struct store *store, const struct page_return *back, struct page_flow *flow_out,
    struct errctx *ctx)
{
	const struct page_change in = change_of(back, &look);
	struct page_flow flow = { 0 };
	enum err err = stmt_one(store->db, &look, &in, &flow, ctx);

	if (err == ERR_LOST) { /* nothing is changed by looking */
		err_clear(ctx);
		err = stmt_one(store->db, &look, &in, &flow, ctx);
	}
	if (!err)
		*flow_out = flow;
	return err;
}

void
page_flow_free(struct page_flow *flow)
{
	stmt_row_free(&look, flow);
}

enum err
page_return(struct store *store, const struct page_return *back, const struct page_flow *flow,
    const char *text, const char *error, const struct page_call *call, struct errctx *ctx)
{
	struct page_change change = change_of(back, &come_back);
	const struct page_team_key key = { flow->team_id, flow->generation, flow->public_key,
		flow->signature };
	enum err err = OK;

	change.row = flow->uuid;
	change.text = error;
	change.address = call->address;
	change.call = call->request_id;
	if (!error)
		err = page_seal(store, &key, "oauth_flow", "return", text, strlen(text), &change,
		    ctx);
	if (!err)
		err = page_change_run(store, &change, ctx);
	free(change.sealed.data);
	return err;
}
