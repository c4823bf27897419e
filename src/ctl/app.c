/* SPDX-License-Identifier: Apache-2.0 */
/* baileectl app: the apps that credentials can be asked for, and the format of their definitions.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/secret.h"
#include "catalog/app_rules.h"
#include "catalog/catalog.h"
#include "catalog/client_host.h"
#include "ctl/command.h"
#include "store/app_client.h"

static enum err
open_catalog(const struct ctl *ctl, struct catalog **catalog_out, struct errctx *ctx)
{
	return catalog_open(ctl->config.apps_dir, ctl->config.apps_extra_dir, catalog_out, ctx);
}

/* ---- list ---- */

static json_t *
joined(json_t *names)
{
	auto_free char *text = xstrdup("");

	for (size_t i = 0; i < json_array_size(names); i++) {
		char *longer = xasprintf("%s%s%s", text, i ? "," : "",
		    json_string_value(json_array_get(names, i)));

		free(text);
		text = longer;
	}
	json_decref(names);
	return json_string(text);
}

static json_t *
connection_types(const struct app *app)
{
	json_t *names = json_array();

	for (size_t i = 0; i < app->n_connections; i++)
		json_array_append_new(names, json_string(app->connections[i].type));
	for (size_t i = 0; i < app->n_uses; i++)
		json_array_append_new(names, json_string(app->uses[i]->type));
	return names;
}

/* "google-email 4": as it can be asked for. */
static json_t *
alias_names(const struct app *app)
{
	const json_t *rows = json_object_get(app->definition, "aliases");
	json_t *names = json_array();

	for (size_t i = 0; i < json_array_size(rows); i++) {
		const json_t *row = json_array_get(rows, i);
		const json_t *versions = json_object_get(row, "versions");

		for (size_t k = 0; k < json_array_size(versions); k++)
			json_array_append_new(names,
			    json_sprintf("%s %lld", json_get_text(row, "name"),
				(long long)json_integer_value(json_array_get(versions, k))));
	}
	return names;
}

static json_t *
app_row(const struct ctl *ctl, const struct app *app)
{
	json_t *row = json_object(), *types = connection_types(app);

	json_put_text(row, "name", app->name);
	json_put_int(row, "version", app->version);
	json_put_text(row, "label", app->label);
	json_put_int(row, "modules", (json_int_t)app->n_own_modules);
	json_put(row, "connections", ctl->json ? types : joined(types));
	json_t *aliases = alias_names(app);
	json_put(row, "aliases", ctl->json ? aliases : joined(aliases));
	json_put_text(row, "from", app->shipped ? "bailee" : "operator");
	return row;
}

enum err
ctl_app_list(struct ctl *ctl, struct errctx *ctx)
{
	struct catalog *catalog = NULL;
	enum err err = open_catalog(ctl, &catalog, ctx);

	if (err)
		return err;
	json_t *rows = json_array();
	for (size_t i = 0; i < catalog_count(catalog); i++)
		json_array_append_new(rows, app_row(ctl, catalog_at(catalog, i)));
	catalog_close(&catalog);
	ctl_print(ctl, rows);
	return OK;
}

/* ---- show ---- */

enum err
ctl_app_show(struct ctl *ctl, struct errctx *ctx)
{
	struct catalog *catalog = NULL;
	const char *version = ctl_text(ctl, "version");
	const struct app *app = NULL;
	enum err err = open_catalog(ctl, &catalog, ctx);

	if (!err)
		err = catalog_find_text(catalog, ctl_text(ctl, "NAME"),
		    version ? version : "latest", &app, ctx);
	if (!err)
		ctl_print(ctl, json_incref(app->definition));
	catalog_close(&catalog);
	return err;
}

/* ---- check ---- */

/* By itself first; then beside all others, unless it is one of them already. */
static enum err
check_file(const struct ctl *ctl, const char *file, struct catalog *alone, struct catalog **all,
    struct errctx *ctx)
{
	enum err err = catalog_add_file(alone, file, ctx);

	if (!err)
		err = open_catalog(ctl, all, ctx);
	if (err)
		return err;
	const struct app *app = catalog_at(alone, 0),
			 *there = catalog_find(*all, app->name, app->version);
	if (there && json_equal(there->definition, app->definition))
		return OK;
	err = catalog_add_file(*all, file, ctx);
	return err ? err : catalog_finish(*all, ctx);
}

enum err
ctl_app_check(struct ctl *ctl, struct errctx *ctx)
{
	struct catalog *alone = catalog_new(), *all = NULL;
	enum err err = check_file(ctl, ctl_text(ctl, "FILE"), alone, &all, ctx);

	if (!err) {
		const struct app *app = catalog_at(alone, 0);
		json_t *answer = json_object();

		json_put_bool(answer, "valid", true);
		json_put_text(answer, "name", app->name);
		json_put_int(answer, "version", app->version);
		json_put_int(answer, "modules", (json_int_t)app->n_own_modules);
		json_put_int(answer, "connections", (json_int_t)app->n_connections);
		ctl_print(ctl, answer);
	}
	catalog_close(&alone);
	catalog_close(&all);
	return err;
}

/* ---- the format ---- */

enum err
ctl_app_schema(struct ctl *ctl, struct errctx *ctx)
{
	json_auto_t *schema = app_rules_schema();
	(void)ctl;
	(void)ctx;

	json_dumpf(schema, stdout, JSON_INDENT(2));
	putchar('\n');
	return OK;
}

enum err
ctl_app_manual(struct ctl *ctl, struct errctx *ctx)
{
	auto_free char *manual = app_rules_manual();
	(void)ctl;
	(void)ctx;

	fputs(manual, stdout);
	return OK;
}

/* ---- client registrations ---- */

#define SECRET_FILE_MAX 4096
#define CLIENT_ID_MAX 512 /* oauth/authorize.h */

/* The secret from a file, or from standard input for "-"; a line end behind it is not part of it.
 */
static enum err
read_secret(const char *path, struct secret *secret_out, struct errctx *ctx)
{
	FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	char text[SECRET_FILE_MAX];
	size_t n = file ? fread(text, 1, sizeof(text), file) : 0;

	if (file && file != stdin)
		fclose(file);
	while (n && (text[n - 1] == '\n' || text[n - 1] == '\r'))
		n--;
	if (n && n < sizeof(text))
		secret_set(secret_out, text, n);
	explicit_bzero(text, sizeof(text));
	return secret_out->len ? OK
			       : err_set(ctx, ERR_VALUE, "client-secret-file",
				     "%s cannot be read, is empty or too long", path);
}

/* For types whose client each person brings along there is none to be registered. */
static enum err
check_registered(const struct app_connection *connection, struct errctx *ctx)
{
	const json_t *rules = json_object_get(connection->definition, "oauth2");

	if (!json_object_get(rules, "client"))
		return OK;
	return err_set(ctx, ERR_VALUE, "type",
	    "each person brings a client of his own for connections of this type");
}

/* Whoever has granted a client access with no token to show for it has granted it to all that use
 * this client. */
static bool
is_shared(const struct app_connection *connection, int64_t organization_id)
{
	const json_t *rules = json_object_get(connection->definition, "oauth2");
	const char *grant = json_get_text(rules, "token_grant");

	return grant && strcmp(grant, "client_credentials") == 0 && !organization_id;
}

/* What a client is registered for. */
struct registration {
	char *app, *type, *host;
};

/* A client whose secret would go wherever somebody likes is registered at one host. */
static enum err
check_host(const struct app_connection *connection, const char *said, char **host_out,
    struct errctx *ctx)
{
	if (!client_host_is_free(connection))
		return said ? err_set(ctx, ERR_VALUE, "host",
				  "connections of this type say themselves where they go")
			    : OK;
	*host_out = said ? xstrdup(said) : client_host_usual(connection);
	if (!*host_out)
		return err_set(ctx, ERR_VALUE, "host",
		    "--host says at which host of its users' choice the client is registered: its "
		    "secret is sent there and nowhere else");
	return client_host_is_whole(*host_out)
		   ? OK
		   : err_set(ctx, ERR_VALUE, "host", "--host is no name of a host");
}

/* Kept under the connection's own names, whichever of them was given. */
static enum err
check_oauth(const struct ctl *ctl, int64_t organization_id, struct registration *registration,
    struct errctx *ctx)
{
	const char *name = ctl_text(ctl, "app"), *type = ctl_text(ctl, "type");
	struct catalog *catalog = NULL;
	enum err err = open_catalog(ctl, &catalog, ctx);

	if (err)
		return err;
	const struct app *app = catalog_find(catalog, name, 0);
	const struct app_connection *connection = app ? catalog_connection_find(app, type) : NULL;
	if (!connection)
		err = err_set(ctx, ERR_UNKNOWN_APP, "",
		    app ? "the app has no connection of this type" : "there is no such app");
	else if (strcmp(connection->account_type, "oauth") != 0)
		err = err_set(ctx, ERR_VALUE, "type",
		    "connections of this type need no client registration");
	else if (check_registered(connection, ctx))
		err = ERR_VALUE;
	else if (is_shared(connection, organization_id))
		err = err_set(ctx, ERR_VALUE, "organization",
		    "a client of this type is granted access itself: it belongs to one "
		    "organization (--organization)");
	else
		err = check_host(connection, ctl_text(ctl, "host"), &registration->host, ctx);
	if (!err) {
		registration->app = xstrdup(connection->app->name);
		registration->type = xstrdup(connection->type);
	}
	catalog_close(&catalog);
	return err;
}

/* What the provider must be told, whichever client id it gives out then. */
static enum err
redirect_uri(struct ctl *ctl, const struct app_client *client, json_t *answer, struct errctx *ctx)
{
	struct uuid callback_id;
	char id[UUID_TEXT_SIZE];
	enum err err = app_client_reserve(&ctl->store, client, &callback_id, ctx);

	if (err)
		return err;
	uuid_text(&callback_id, id);
	auto_free char *uri = xasprintf("%s/oauth/callback/%s", ctl->config.public_url, id);
	json_put_text(answer, "redirectUri", uri);
	return OK;
}

enum err
ctl_app_set_client(struct ctl *ctl, struct errctx *ctx)
{
	auto_secret struct secret secret = { 0 };
	const char *file = ctl_text(ctl, "client-secret-file");
	struct app_client client = { .organization_id = ctl_number(ctl, "organization", 0),
		.client_id = ctl_text(ctl, "client-id"),
		.secret = file ? &secret : NULL };
	json_auto_t *answer = json_object();
	struct registration registration = { 0 };
	enum err err = check_oauth(ctl, client.organization_id, &registration, ctx);

	client.app = registration.app;
	client.connection_type = registration.type;
	client.host = registration.host;
	if (!err && !*client.client_id)
		err = err_set(ctx, ERR_VALUE, "client-id", "--client-id must not be empty");
	if (!err && strlen(client.client_id) > CLIENT_ID_MAX)
		err = err_set(ctx, ERR_VALUE, "client-id", "--client-id is longer than %d bytes",
		    CLIENT_ID_MAX);
	if (!err && file)
		err = read_secret(file, &secret, ctx);
	if (!err)
		err = app_client_set(&ctl->store, &client, ctx);
	json_put_bool(answer, "set", true);
	if (!err)
		err = redirect_uri(ctl, &client, answer, ctx);
	if (!err)
		ctl_print(ctl, json_incref(answer));
	free(registration.app);
	free(registration.type);
	free(registration.host);
	return err;
}

enum err
ctl_app_redirect_uri(struct ctl *ctl, struct errctx *ctx)
{
	struct catalog *catalog = NULL;
	json_auto_t *answer = json_object();
	enum err err = open_catalog(ctl, &catalog, ctx);

	if (err)
		return err;
	const struct app_connection *type =
	    catalog_connection_type_find(catalog, ctl_text(ctl, "TYPE"));
	if (!type || type->auth != APP_AUTH_OAUTH2)
		err = err_set(ctx, ERR_VALUE, "", "there is no OAuth connection of this type");
	else
		err = check_registered(type, ctx);
	if (!err)
		err = redirect_uri(ctl,
		    &(struct app_client){ .app = type->app->name,
			.connection_type = type->type,
			.organization_id = ctl_number(ctl, "organization", 0) },
		    answer, ctx);
	catalog_close(&catalog);
	if (!err)
		ctl_print(ctl, json_incref(answer));
	return err;
}

enum err
ctl_app_clients(struct ctl *ctl, struct errctx *ctx)
{
	json_t *list;
	enum err err = app_client_list(&ctl->store, &list, ctx);

	if (!err)
		ctl_print(ctl, list);
	return err;
}
