/* SPDX-License-Identifier: Apache-2.0 */
/* Uses of secrets and tokens, noted while answering and written to the audit trail in batches. */
#include "web/usage.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "store/auth.h"
#include "store/batch.h"
#include "store/store.h"
#include "store/token_use.h"
#include "web/request.h"
#include "web/router.h"

#define USAGE_PLACES 1024
#define USAGE_NOTES 512
#define USAGE_MUCH 256 /* as many are written before the second is over */
#define USAGE_FLUSH_MS 1000
#define FIND_SLOTS 1024 /* a power of two, above USAGE_NOTES */

struct note {
	const char *event; /* static text of this program; NULL: the token itself was used */
	int64_t team_id, subject_id, person_id, count;
	char public_id[13];
	char address[46];
	char request_id[UUID_TEXT_SIZE];
};

/* Written by one worker at a time; n is raised last, so a note is whole or not there. */
struct place {
	_Atomic int pid; /* 0: free */
	_Atomic unsigned n;
	int64_t oldest_ms; /* monotonic, which is the same clock in every process */
	struct note notes[USAGE_NOTES];
};

struct usage {
	struct place *mine; /* per process: this struct is not shared, the places are */
	struct place *places;
	uint16_t find[FIND_SLOTS]; /* where in `mine` a use is noted, from 1; 0: free */
};

enum err
usage_open(struct usage **usage_out, struct errctx *ctx)
{
	static struct usage usage; /* one pool per program */

	usage.places = mmap(NULL, sizeof(struct place) * USAGE_PLACES, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (usage.places == MAP_FAILED)
		return err_set(ctx, ERR_CONFIG, "", "no shared memory: %s", strerror(errno));
	*usage_out = &usage;
	return OK;
}

/* A place whose worker has gone, first of all one with notes left in it. */
static struct place *
take_place(struct usage *usage, bool with_notes)
{
	for (int i = 0; i < USAGE_PLACES; i++) {
		struct place *place = &usage->places[i];
		int pid = atomic_load(&place->pid);
		bool gone = pid == 0 || (kill(pid, 0) && errno == ESRCH);

		if (gone && (!with_notes || atomic_load(&place->n)) &&
		    atomic_compare_exchange_strong(&place->pid, &pid, getpid()))
			return place;
	}
	return NULL;
}

static bool
same_use(const struct note *a, const struct note *b)
{
	return a->event == b->event && a->subject_id == b->subject_id && a->team_id == b->team_id &&
	       strcmp(a->public_id, b->public_id) == 0 && strcmp(a->address, b->address) == 0;
}

/* Where the same use stands in find[], or the free slot where it belongs. */
static uint16_t *
find_use(struct usage *usage, const struct note *note)
{
	uint64_t hash = hash_add(HASH_START, &note->event, sizeof(note->event));

	hash = hash_add(hash, &note->subject_id, sizeof(note->subject_id));
	hash = hash_add_text(hash, note->public_id);
	hash = hash_add_text(hash, note->address);
	for (size_t at = (size_t)(hash ^ hash >> 32);; at++) {
		uint16_t *slot = &usage->find[at % FIND_SLOTS];

		if (!*slot || same_use(&usage->mine->notes[*slot - 1], note))
			return slot;
	}
}

void
usage_worker_start(struct usage *usage)
{
	usage->mine = take_place(usage, true);
	if (!usage->mine)
		usage->mine = take_place(usage, false);
	if (!usage->mine)
		abort(); /* twice as many places as workers there may be */
	for (unsigned i = 0; i < atomic_load(&usage->mine->n); i++)
		*find_use(usage, &usage->mine->notes[i]) = (uint16_t)(i + 1);
}

static void
add_note(struct usage *usage, const struct note *note)
{
	struct place *place = usage->mine;
	uint16_t *slot = find_use(usage, note);
	unsigned n = atomic_load(&place->n);

	if (*slot) {
		place->notes[*slot - 1].count++;
		return;
	}
	if (n == USAGE_NOTES) { /* the database has been away for long: the log has to do */
		log_error(LOG_EVENT("usage_not_written"), LOG_S("use", note->event),
		    LOG_S("token", note->public_id), LOG_I("subject", note->subject_id));
		return;
	}
	if (n == 0)
		place->oldest_ms = clock_monotonic_ms();
	place->notes[n] = *note;
	*slot = (uint16_t)(n + 1);
	atomic_store(&place->n, n + 1);
}

void
usage_note(struct usage *usage, const struct ctx *ctx, const char *event, int64_t team_id,
    int64_t subject_id)
{
	struct note note = { .event = event,
		.team_id = team_id,
		.subject_id = subject_id,
		.person_id = ctx->auth->person_id,
		.count = 1 };

	snprintf(note.public_id, sizeof(note.public_id), "%s", ctx->auth->public_id);
	snprintf(note.address, sizeof(note.address), "%s", ctx->req->remote_addr);
	snprintf(note.request_id, sizeof(note.request_id), "%s", ctx->req->id);
	add_note(usage, &note);
}

void
usage_note_token(struct usage *usage, const struct auth *auth)
{
	struct note note = { .person_id = auth->person_id, .count = 1 };

	if (!auth->checked || clock_now_ms() - auth->last_used_at < TOKEN_USE_EVERY_MS)
		return;
	snprintf(note.public_id, sizeof(note.public_id), "%s", auth->public_id);
	add_note(usage, &note);
}

struct flushing {
	struct store *store;
	const struct note *notes;
	unsigned n;
};

static enum err
write_audit(struct store *store, const struct note *notes, size_t n, struct errctx *ctx)
{
	struct audit_entry entries[BATCH_MAX];
	char actors[BATCH_MAX][sizeof("token:") + sizeof(notes->public_id)];
	size_t n_entries = 0;

	for (size_t i = 0; i < n; i++) {
		struct audit_entry *entry = &entries[n_entries];

		if (!notes[i].event)
			continue;
		*entry = (struct audit_entry){ .event = notes[i].event,
			.actor = actors[n_entries],
			.address = notes[i].address[0] ? notes[i].address : NULL,
			.request_id = notes[i].request_id,
			.person_id = notes[i].person_id,
			.team_id = notes[i].team_id,
			.count = notes[i].count };
		snprintf(actors[n_entries++], sizeof(actors[0]), "token:%s", notes[i].public_id);
		snprintf(entry->subject, sizeof(entry->subject), "%lld",
		    (long long)notes[i].subject_id);
	}
	return batch_audit(store, entries, n_entries, ctx);
}

static enum err
write_token_uses(struct store *store, const struct note *notes, size_t n, struct errctx *ctx)
{
	enum err err = OK;

	for (size_t i = 0; i < n && !err; i++)
		if (!notes[i].event)
			err = token_use_write(store, notes[i].public_id, notes[i].person_id, ctx);
	return err;
}

static int
compare_ids(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static enum err
write_credential_uses(const struct flushing *flushing, struct errctx *ctx)
{
	int64_t ids[USAGE_NOTES];
	size_t n = 0;
	enum err err = OK;

	for (unsigned i = 0; i < flushing->n; i++)
		if (flushing->notes[i].event &&
		    strcmp(flushing->notes[i].event, "credential.use") == 0)
			ids[n++] = flushing->notes[i].subject_id;
	qsort(ids, n, sizeof(ids[0]), compare_ids);
	for (size_t at = 0; at < n && !err; at += BATCH_MAX)
		err = batch_credential_uses(flushing->store, ids + at,
		    n - at < BATCH_MAX ? n - at : BATCH_MAX, ctx);
	return err;
}

static enum err
flush_body(struct db *db, void *arg, struct errctx *ctx)
{
	const struct flushing *flushing = arg;
	enum err err = OK;
	(void)db;

	for (unsigned at = 0; at < flushing->n && !err; at += BATCH_MAX) {
		const struct note *notes = flushing->notes + at;
		size_t n = flushing->n - at < BATCH_MAX ? flushing->n - at : BATCH_MAX;

		err = write_audit(flushing->store, notes, n, ctx);
		if (!err)
			err = write_token_uses(flushing->store, notes, n, ctx);
	}
	return err ? err : write_credential_uses(flushing, ctx);
}

void
usage_flush(struct usage *usage, struct store *store, bool now)
{
	struct place *place = usage->mine;
	unsigned n = atomic_load(&place->n);
	int64_t age = clock_monotonic_ms() - place->oldest_ms;

	if (n == 0 || (!now && age < USAGE_FLUSH_MS && n < USAGE_MUCH))
		return;
	struct errctx ctx = { 0 };
	struct flushing flushing = { store, place->notes, n };
	/* An unknown outcome counts as written: twice in the trail would say more uses than there
	 * were. */
	enum err err = db_transaction(store->db, flush_body, NULL, &flushing, &ctx);
	if (err == OK || err == ERR_UNKNOWN_OUTCOME) {
		atomic_store(&place->n, 0);
		memset(usage->find, 0, sizeof(usage->find));
	} else {
		place->oldest_ms = clock_monotonic_ms(); /* try again in a second */
	}
}
