/* SPDX-License-Identifier: Apache-2.0 */
/* The apps that credentials can be asked for: one JSON file each, read and checked at start. */
#ifndef BAILEE_CATALOG_CATALOG_H
#define BAILEE_CATALOG_CATALOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/json.h"
#include "catalog/form.h"

#define CATALOG_APPS_MAX 4096
#define CATALOG_FILE_MAX (1u << 20)

/* One way of authorizing for one module. All texts are borrowed from the app's definition. */
struct app_module {
	const char *id;    /* "ActionSendDataBasicAuth", with ":param[:option]" behind where a
			      module has several */
	const char *name;  /* id without what stands behind the colon */
	const char *label; /* for people */
	const char *type;  /* "account:<t>[,<t2>]", "keychain:<t>", or NULL: needs no credential */
	const json_t *scopes; /* array of texts, or NULL */
	const char *hook;     /* name of the web hook a trigger brings along, or NULL */
	bool again;           /* another id of a module that stands before it */
};

enum app_auth { APP_AUTH_OAUTH2, APP_AUTH_BASIC, APP_AUTH_APIKEY };

#define CATALOG_TOKENS_MAX 8      /* of one connection, beside the main one */
#define CATALOG_MAIN_TOKEN "main" /* what the token that has no name is called */

/* A further access token of a connection. Its calls are made, and their answers read, with a
 * definition of its own: that of the connection with what the token has otherwise. */
struct app_token {
	const char *name;
	bool required;
	bool alone;   /* it may come without the main one, whose place it then takes in calls */
	bool derived; /* it has no refresh token: the main one is spent for it, and stays */
	bool scoped;  /* it is asked for with scopes of its own */
	const struct app_connection
	    *first;                       /* reads it from the answer to the code; NULL: derived */
	const struct app_connection *own; /* for its refreshes and its revocation */
};

/* One way of connecting to a service. All texts are borrowed from the app's definition. */
struct app_connection {
	const char *type, *label;
	const char *description; /* or NULL */
	enum app_auth auth;
	const char *account_type; /* "oauth" or "basic": the kind in credentials and connections */
	const struct form_field *fields; /* what a person fills in; ended by a NULL name, may be
					    empty */
	const json_t *definition; /* the object of the file: inject, oauth2, test, account_name,
				     account_id, allowed_hosts as docs/APPS.md has them */
	const struct app *app;    /* where it is defined */
	const struct app_token *tokens; /* beside the main one */
	size_t n_tokens;
};

/* One version of one app. Immutable. */
struct app {
	const char *name, *label;
	const char *description;          /* or NULL */
	int64_t version;                  /* major */
	const struct app_module *modules; /* one row for each id: first the modules' own, then
					     those that are `again` */
	size_t n_modules, n_own_modules;
	const struct app_connection *connections; /* its own */
	size_t n_connections;
	const struct app_connection **uses; /* of other apps; set by catalog_finish() */
	size_t n_uses;
	bool shipped;           /* not from the operator's own folder */
	json_t *definition;     /* owned by the catalogue */
	const struct app *real; /* of an alias: the app it stands for, whose connections it uses and
				   whose label and definition it has; NULL: this is one itself */
	json_t *names;          /* texts that `modules` borrows; owned by the catalogue */
	json_t *types;          /* of an alias: what connections are called there, by their types;
				   owned by the catalogue, NULL: nothing */
};

struct catalog;

/* Read every *.json file of `dir` and, when it is not "" or NULL, of `extra_dir`, and finish.
 * ERR_CONFIG names the file and the JSON path of what is wrong in it; the same app and version
 * twice is wrong too, and an app of `extra_dir` with the name of one of `dir`. */
enum err catalog_open(const char *dir, const char *extra_dir, struct catalog **catalog_out,
    struct errctx *ctx) MUSTCHECK;
struct catalog *catalog_new(void); /* empty; catalog_close() frees it */
/* One definition from memory, or from a file; `file` names it in errors. */
enum err catalog_add(struct catalog *catalog, const char *file, const char *text, size_t len,
    struct errctx *ctx) MUSTCHECK;
enum err catalog_add_file(struct catalog *catalog, const char *file, struct errctx *ctx) MUSTCHECK;
/* What one file cannot tell: connections of other apps are there, no type of connection belongs to
 * two apps, every scope of a module is known to a connection of its type, and no alias is a name of
 * something else. After the last definition; again when more were added. */
enum err catalog_finish(struct catalog *catalog, struct errctx *ctx) MUSTCHECK;
void catalog_close(struct catalog **catalog); /* the last holder's frees it */
/* One more holder, of any thread; each closes it once. Gives it back. */
struct catalog *catalog_hold(struct catalog *catalog);

/* `version` 0 is the newest, aliases coming after definitions. NULL when there is none. Borrowed
 * until catalog_close(), or until catalog_finish() is called again. */
const struct app *catalog_find(const struct catalog *catalog, const char *name, int64_t version);
/* "latest" or a positive number, as it stands in a path. ERR_UNKNOWN_APP names what is missing. */
enum err catalog_find_text(const struct catalog *catalog, const char *name, const char *version,
    const struct app **app_out, struct errctx *ctx) MUSTCHECK;

/* A connection that the app has or uses, by its type or an alias of that; NULL when there is none.
 */
const struct app_connection *catalog_connection_find(const struct app *app, const char *type);
/* By its type or an alias alone, as connections are made (/connections): in the newest version that
 * has it. */
const struct app_connection *catalog_connection_type_find(const struct catalog *catalog,
    const char *type);
/* NULL when there is none of that name; the main one is not among them. */
const struct app_token *catalog_token_find(const struct app_connection *connection,
    const char *name);
/* Words of a scope for people; NULL when the connection does not know it. */
const char *catalog_scope_words(const struct app_connection *connection, const char *scope);
/* Whether `granted`, an array of texts, holds a scope: by its name in small or capital letters,
 * with or without the address of its service, or by a wider one of the definition (`within`).
 * `connection` may be NULL: a type that is not known any more. */
bool catalog_scope_is_granted(const struct app_connection *connection, const json_t *granted,
    const char *name);
/* Those of `asked` that were not granted: a new array. Empty where the provider's answer has none
 * of the names that are known here, for then it says nothing about them. */
json_t *catalog_scopes_missing(const struct app_connection *connection, const json_t *asked,
    const json_t *granted);

/* `asked`, where it is another name than the connection's type; else NULL. */
const char *catalog_alias_of(const struct app_connection *connection, const char *asked);
/* Where a connection that was asked for as `asked` belongs: the newest alias of its app that calls
 * it so, or the app. */
const struct app *catalog_app_of(const struct catalog *catalog,
    const struct app_connection *connection, const char *asked);

/* The definitions, without aliases. */
size_t catalog_count(const struct catalog *catalog);
const struct app *catalog_at(const struct catalog *catalog, size_t index);

#endif
