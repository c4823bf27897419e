/* SPDX-License-Identifier: Apache-2.0 */
/* bailee-fcgi: wires configuration, keys, store and routes into one pool of workers. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/openapi.h"
#include "api/routes.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/secret.h"
#include "base/service.h"
#include "catalog/catalog.h"
#include "page/routes.h"
#include "store/auth.h"
#include "web/pool.h"
#include "web/prefork.h"
#include "web/router.h"
#include "web/usage.h"

#define SECURE_HEAP_BYTES (1u << 19)

static const struct route *const api_tables[] = { API_ROUTE_TABLES, NULL };
static const struct route *const public_tables[] = { PAGE_ROUTE_TABLES, NULL };
static const struct route *const all_tables[] = { API_ROUTE_TABLES, PAGE_ROUTE_TABLES, NULL };

struct program {
	const char *config_path;
	enum config_role role;
	struct config in_use; /* what later workers go back to when a reload is called off */
	struct pool pool;
};

/* Copy an option into a field of `size` bytes. */
static enum err
take_text(char *out, size_t size, const char *name, const char *text, struct errctx *ctx)
{
	size_t len = strlen(text);

	if (len >= size)
		return err_set(ctx, ERR_CONFIG, name, "%s is longer than %zu characters", name,
		    size - 1);
	memcpy(out, text, len + 1);
	return OK;
}

/* What workers forked from now on find. */
static void
use_config(struct program *program, const struct config *config)
{
	log_setup(program->role == CONFIG_API ? "bailee-api" : "bailee-public",
	    config_log_level(config), strcmp(config->log_format, "json") == 0);
	program->pool.config = *config;
}

static void
reload_settled(void *arg, bool in_use)
{
	struct program *program = arg;

	if (in_use)
		program->in_use = program->pool.config;
	else
		use_config(program, &program->in_use);
}

static enum err
reload(void *arg, struct prefork_settings *settings_out, struct errctx *ctx)
{
	struct program *program = arg;
	struct config config;
	enum err err = config_load(program->config_path, program->role, &config, ctx);

	if (err)
		return err;
	struct prefork_settings settings = { 0 };
	err = take_text(settings.listen_socket, sizeof(settings.listen_socket), "listen_socket",
	    config.listen_socket, ctx);
	if (!err)
		err = take_text(settings.user, sizeof(settings.user), "user", config.user, ctx);
	if (err)
		return err;
	settings.workers = (unsigned)config.workers;
	settings.request_limit_s = config.request_limit_s;
	settings.drain_s = config.drain_s;
	settings.max_requests = config.worker_max_requests;
	settings.body_limit = (size_t)config.body_limit;
	use_config(program, &config);
	*settings_out = settings;
	return OK;
}

/* The key files of a role; on the public pool there is no private one, whatever the file says. */
static enum err
load_keys(const struct config *config, struct keyring **keyring_out, struct errctx *ctx)
{
	bool api = config->role == CONFIG_API;
	const char *const paths[KEY_KIND_COUNT] = {
		[KEY_MASTER] = api ? config->master_key_file : NULL,
		[KEY_SIGNING_PUBLIC] = config->signing_public_file,
		[KEY_TOKEN] = api ? config->token_key_file : NULL,
	};

	if (!config->signing_public_file[0] ||
	    (api && (!config->master_key_file[0] || !config->token_key_file[0])))
		return err_set(ctx, ERR_CONFIG, "", "%s must be set for this pool",
		    !config->signing_public_file[0] ? "signing_public_file"
		    : !config->master_key_file[0]   ? "master_key_file"
						    : "token_key_file");
	enum err err = keyring_load(paths, keyring_out, ctx);
	return err ? err : keyring_load_destroyed(*keyring_out, config->destroyed_keys_file, ctx);
}

/* Keys and schema fit? A database that is away leaves the question open until the next request. */
static enum err
prove(struct pool *pool, struct errctx *ctx)
{
	const bool api = pool->config.role == CONFIG_API;
	enum err err = api ? key_holder_join(&pool->store, &pool->holder, ctx)
			   : store_check(&pool->store, ctx);

	pool->checked = err == OK;
	pool->look_at = clock_monotonic_ms() + STORE_SCHEMA_LOOK_MS;
	return err;
}

static enum err
worker_start(void *arg, struct errctx *ctx)
{
	struct program *program = arg;
	struct pool *pool = &program->pool;
	struct keyring *keyring = NULL;
	struct db *db = NULL;
	bool api = program->role == CONFIG_API;

	if (secret_heap_init(SECURE_HEAP_BYTES))
		log_warn(LOG_EVENT("memory_not_locked"),
		    LOG_S("hint", "raise the memlock limit (LimitMEMLOCK)"));
	enum err err = load_keys(&pool->config, &keyring, ctx);
	if (!err)
		err = db_open(&pool->config, &db, ctx);
	if (!err)
		err = catalog_open(pool->config.apps_dir, pool->config.apps_extra_dir,
		    &pool->catalog, ctx);
	if (!err)
		err = router_open(api ? api_tables : public_tables, &pool->router, ctx);
	if (!err && api)
		err = openapi_load(all_tables, pool->config.openapi_file, pool->config.public_url,
		    &pool->openapi, ctx);
	if (err) {
		keyring_free(&keyring);
		db_close(&db);
		return err;
	}
	store_init(&pool->store, db, keyring);
	pool->store.doorbell = pool->config.runner_doorbell;
	pool->store.mails = pool->config.mail_server[0] != '\0';
	pool->holder =
	    (struct key_holder){ .program = "bailee-api", .busy_s = pool->config.request_limit_s };
	usage_worker_start(pool->usage);
	err = prove(pool, ctx);
	if (err == ERR_CONFIG || err == ERR_INTEGRITY)
		return ERR_CONFIG;
	err_clear(ctx);
	return OK;
}

static const char *
source_param(const struct request_source *source, const char *name)
{
	for (size_t i = 0; i < source->n_params; i++)
		if (strcmp(source->params[i].name, name) == 0)
			return source->params[i].value;
	return "";
}

/* Until keys and schema have been proven nothing is done with them; only the two questions about
 * health are answered. True when the request has its answer. */
static bool
refuse_unproven(struct pool *pool, const struct request_source *source, struct response *response)
{
	const char *path = source_param(source, "REQUEST_URI");
	struct errctx why = { 0 };

	if (prove(pool, &why) == OK || strcmp(path, "/healthz") == 0 ||
	    strcmp(path, "/readyz") == 0)
		return false;
	log_error(LOG_EVENT("not_proven"), LOG_S("reason", err_text(&why)));
	err_clear(&why);
	err_set(&why, ERR_UNAVAILABLE, "", "this service is not ready");
	why.retry_after_s = 2;
	response_error(response, router_surface(path), &why);
	response_finish(response, source_param(source, "BAILEE_REQUEST_ID"), false);
	return true;
}

/* A worker that was started before a migration would write as the schema was then. Whether the
 * process lives is said without the database. */
static void
look_at_schema(struct pool *pool, const struct request_source *source)
{
	struct errctx ctx = { 0 };

	if (!pool->checked || clock_monotonic_ms() < pool->look_at ||
	    strcmp(source_param(source, "REQUEST_URI"), "/healthz") == 0)
		return;
	pool->look_at = clock_monotonic_ms() + STORE_SCHEMA_LOOK_MS;
	if (store_check_schema(&pool->store, &ctx) == ERR_CONFIG)
		pool->checked = false;
}

static void
serve(void *arg, const struct request_source *source, struct response *response)
{
	struct program *program = arg;
	struct pool *pool = &program->pool;
	struct auth auth = { 0 };

	look_at_schema(pool, source);
	if (!pool->checked && refuse_unproven(pool, source, response))
		return;
	router_serve(pool->router, pool, &auth, source, response);
	usage_note_token(pool->usage, &auth);
	auth_wipe(&auth);
}

/* One that was taken for dead may lack a key by now. */
static void
show_life(struct pool *pool)
{
	struct errctx ctx = { 0 };
	bool lost = false;

	if (key_holder_beat(&pool->store, &pool->holder, &lost, &ctx))
		log_debug(LOG_EVENT("beat_failed"), LOG_S("error", err_text(&ctx)));
	else if (lost)
		pool->checked = false;
}

static void
after(void *arg)
{
	struct program *program = arg;

	show_life(&program->pool);
	store_ring(&program->pool.store);
	store_report_damage(&program->pool.store);
	usage_flush(program->pool.usage, &program->pool.store, false);
}

static void
worker_stop(void *arg)
{
	struct program *program = arg;
	struct pool *pool = &program->pool;

	usage_flush(pool->usage, &pool->store, true);
	key_holder_leave(&pool->store, &pool->holder);
	store_close(&pool->store);
	catalog_close(&pool->catalog);
	router_close(&pool->router);
	free(pool->openapi);
	pool->openapi = NULL;
}

static int
usage_text(FILE *out, int status)
{
	fputs("usage: bailee-fcgi --pool=public|api [--config FILE] [--check-config] [--help] "
	      "[--version]\n"
	      "Serves one pool of FastCGI workers; see bailee-fcgi(8).\n",
	    out);
	return status;
}

static enum err
parse(int argc, char **argv, struct program *program, bool *check_out, int *exit_out)
{
	static const struct option options[] = { { "pool", required_argument, NULL, 'p' },
		{ "config", required_argument, NULL, 'c' },
		{ "check-config", no_argument, NULL, 'k' }, { "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'v' }, { 0 } };
	int option;

	program->role = CONFIG_CTL;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'p' && strcmp(optarg, "public") == 0)
			program->role = CONFIG_PUBLIC;
		else if (option == 'p' && strcmp(optarg, "api") == 0)
			program->role = CONFIG_API;
		else if (option == 'c')
			program->config_path = optarg;
		else if (option == 'k')
			*check_out = true;
		else if (option == 'v')
			return puts("bailee-fcgi " BAILEE_VERSION), *exit_out = 0, ERR_USAGE;
		else
			return *exit_out = usage_text(option == 'h' ? stdout : stderr,
				   option == 'h' ? 0 : 2),
			       ERR_USAGE;
	}
	if (program->role == CONFIG_CTL || optind < argc)
		return *exit_out = usage_text(stderr, 2), ERR_USAGE;
	return OK;
}

int
main(int argc, char **argv)
{
	static struct program program = { .config_path = CONFIG_PATH };
	const struct prefork_program pool = { .name = "bailee-fcgi",
		.arg = &program,
		.reload = reload,
		.reload_settled = reload_settled,
		.worker_start = worker_start,
		.serve = serve,
		.after = after,
		.idle = after,
		.worker_stop = worker_stop };
	struct prefork_settings settings;
	struct errctx ctx = { 0 };
	bool check_only = false;
	int status = 2;

	if (parse(argc, argv, &program, &check_only, &status))
		return status;
	log_setup("bailee-fcgi", LOG_INFO, false);
	secret_json_allocator();
	enum err err = usage_open(&program.pool.usage, &ctx);
	if (!err)
		err = check_only ? reload(&program, &settings, &ctx) : prefork_run(&pool, &ctx);
	if (err)
		log_error(LOG_EVENT("start_failed"), LOG_S("reason", err_text(&ctx)));
	return service_exit_status(err);
}
