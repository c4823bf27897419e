/* SPDX-License-Identifier: Apache-2.0 */
/* Uses of secrets and tokens, noted while answering and written to the audit trail in batches. */
#include "web/usage.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/auth.h"
#include "store/store.h"
#include "store/token_use.h"
#include "web/request.h"
#include "web/router.h"

#define USAGE_PLACES 1024
#define USAGE_NOTES 128
#define USAGE_FLUSH_MS 1000

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

void
usage_worker_start(struct usage *usage)
{
	usage->mine = take_place(usage, true);
	if (!usage->mine)
		usage->mine = take_place(usage, false);
	if (!usage->mine)
		abort(); /* twice as many places as workers there may be */
}

static bool
same_use(const struct note *a, const struct note *b)
{
	return a->event == b->event && a->subject_id == b->subject_id && a->team_id == b->team_id &&
	       strcmp(a->public_id, b->public_id) == 0 && strcmp(a->address, b->address) == 0;
}

static void
add_note(struct usage *usage, const struct note *note)
{
	struct place *place = usage->mine;
	unsigned n = atomic_load(&place->n);

	for (unsigned i = 0; i < n; i++)
		if (same_use(&place->notes[i], note)) {
			place->notes[i].count++;
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
	const struct place *place;
	unsigned n;
};

static enum err
write_note(struct store *store, const struct note *note, struct errctx *ctx)
{
	char actor[32];
	struct audit_entry entry = { .event = note->event,
		.actor = actor,
		.address = note->address[0] ? note->address : NULL,
		.request_id = note->request_id,
		.person_id = note->person_id,
		.team_id = note->team_id,
		.count = note->count };

	if (!note->event)
		return token_use_write(store, note->public_id, note->person_id, ctx);
	snprintf(actor, sizeof(actor), "token:%s", note->public_id);
	snprintf(entry.subject, sizeof(entry.subject), "%lld", (long long)note->subject_id);
	enum err err = audit_add(store, &entry, ctx);
	if (!err && strcmp(note->event, "credential.use") == 0)
		err = credential_use_write(store, note->subject_id, ctx);
	return err;
}

static enum err
flush_body(struct db *db, void *arg, struct errctx *ctx)
{
	const struct flushing *flushing = arg;
	enum err err = OK;
	(void)db;

	for (unsigned i = 0; i < flushing->n && !err; i++)
		err = write_note(flushing->store, &flushing->place->notes[i], ctx);
	return err;
}

void
usage_flush(struct usage *usage, struct store *store, bool now)
{
	struct place *place = usage->mine;
	unsigned n = atomic_load(&place->n);
	int64_t age = clock_monotonic_ms() - place->oldest_ms;
	struct errctx ctx = { 0 };

	if (n == 0 || (!now && age < USAGE_FLUSH_MS && n < USAGE_NOTES / 2))
		return;
	struct flushing flushing = { store, place, n };
	/* An unknown outcome counts as written: twice in the trail would say more uses than there
	 * were. */
	enum err err = db_transaction(store->db, flush_body, NULL, &flushing, &ctx);
	if (err == OK || err == ERR_UNKNOWN_OUTCOME)
		atomic_store(&place->n, 0);
	else
		place->oldest_ms = clock_monotonic_ms(); /* try again in a second */
}
