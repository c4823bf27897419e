/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of store/page*.c: one way to call a procedure that changes something. */
#ifndef BAILEE_STORE_PAGE_PARTS_H
#define BAILEE_STORE_PAGE_PARTS_H

#include "store/page.h"

/* What every procedure checks. `browser` has no data for a browser that nobody knows. */
struct page_key {
	struct uuid request;
	struct bytes hash, browser;
};
struct page_key page_key_of(const struct page_link *link);
/* The connector's argument is not const; it only reads. */
struct bytes page_bytes(const unsigned char *data, size_t len);

/* In: what procedures take, each what it needs. All borrowed but `sealed`. */
struct page_change {
	struct page_key key;
	struct uuid credential;
	struct uuid row;     /* that is added, and to which `sealed` is bound; or that is meant */
	struct bytes sealed; /* owned by whoever made it */
	struct bytes state_hash; /* of a trip to a provider */
	struct bytes new_hash;   /* of a new link */
	struct uuid callback;    /* of the client registration */
	const char *type;        /* of a connection */
	const char *text;        /* reason, issuer or error */
	bool accept;
	const char *address, *call;
	struct uuid audit; /* made by page_change_run() */
	const struct stmt *stmt;
};
#define PAGE_IN(type, member) COL(type, struct page_change, member)
#define PAGE_IN_LINK                                                                               \
	PAGE_IN(UUID, key.request), PAGE_IN(BYTES, key.hash), PAGE_IN(BYTES, key.browser)
#define PAGE_IN_CALL PAGE_IN(UUID, audit), PAGE_IN(TEXT, address), PAGE_IN(TEXT, call)

/* One transaction, found again by its audit row when COMMIT is lost. Errors as page_submit(). */
enum err page_change_run(struct store *store, struct page_change *change,
    struct errctx *ctx) MUSTCHECK;

/* A team's key as it was read, not verified yet. Borrowed. */
struct page_team_key {
	int64_t team_id, generation;
	struct bytes public_key, signature;
};
/* Verify the key and seal to it what belongs into `field` of the row change->row of `table`. The
 * caller frees change->sealed.data. ERR_INTEGRITY as page_submit(). */
enum err page_seal(const struct store *store, const struct page_team_key *from, const char *table,
    const char *field, const char *text, size_t len, struct page_change *change,
    struct errctx *ctx) MUSTCHECK;

/* A link that opens nothing looks the same whatever the cause. */
enum err page_refusal(enum err err, struct errctx *ctx) MUSTCHECK;

#endif
