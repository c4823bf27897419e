/* SPDX-License-Identifier: Apache-2.0 */
/* A runner's sign of life, and its end when the schema is no longer the one it was made for. */
#include "runner/life.h"

#include <signal.h>
#include <unistd.h>

#include "base/log.h"

void
life_begin(struct life *life)
{
	struct uuid id;

	*life = (struct life){ 0 };
	uuid_make(&id);
	uuid_text(&id, life->id);
	gethostname(life->host, sizeof(life->host) - 1);
}

/* Whether schema and keys are what this process was started with. */
static enum err
check(struct life *life, struct store *store, struct errctx *ctx)
{
	enum err err = store_check_schema(store, ctx);
	bool lost = false;

	if (!err && life->holder)
		err = key_holder_beat(store, life->holder, &lost, ctx);
	return err || !lost ? err : key_holder_join(store, life->holder, ctx);
}

enum err
life_show(struct life *life, struct store *store, struct errctx *ctx)
{
	enum err err = life->over ? ERR_CONFIG : check(life, store, ctx);

	if (err == ERR_CONFIG && !life->over) {
		log_error(LOG_EVENT("schema_changed"), LOG_S("detail", err_text(ctx)));
		life->over = true;
		kill(getpid(), SIGTERM); /* as an operator would: what is under way is saved */
	}
	if (err == ERR_CONFIG) {
		err_clear(ctx);
		return OK;
	}
	return err ? err : runner_beat(store, life->id, life->host, getpid(), ctx);
}
