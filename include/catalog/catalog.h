/* SPDX-License-Identifier: Apache-2.0 */
/* The apps that credentials can be asked for: one JSON file each, read and checked at start. */
#ifndef BAILEE_CATALOG_CATALOG_H
#define BAILEE_CATALOG_CATALOG_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/json.h"

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
};

/* One version of one app. Immutable. */
struct app {
	const char *name, *label;
	const char *description; /* or NULL */
	int64_t version;         /* major */
	const struct app_module *modules;
	size_t n_modules;
	json_t *definition; /* owned by the catalogue */
};

struct catalog;

/* Read every *.json file of `dir` and, when it is not "" or NULL, of `extra_dir`. ERR_CONFIG names
 * the file and the JSON path of what is wrong in it; the same app and version twice is wrong too.
 */
enum err catalog_open(const char *dir, const char *extra_dir, struct catalog **catalog_out,
    struct errctx *ctx) MUSTCHECK;
/* One definition from memory; `file` names it in errors. For tests and fuzzing. */
enum err catalog_add(struct catalog *catalog, const char *file, const char *text, size_t len,
    struct errctx *ctx) MUSTCHECK;
struct catalog *catalog_new(void); /* empty; catalog_close() frees it */
void catalog_close(struct catalog **catalog);

/* `version` 0 is the newest. NULL when there is none. Borrowed until catalog_close(). */
const struct app *catalog_find(const struct catalog *catalog, const char *name, int64_t version);
/* "latest" or a positive number, as it stands in a path. ERR_UNKNOWN_APP names what is missing. */
enum err catalog_find_text(const struct catalog *catalog, const char *name, const char *version,
    const struct app **app_out, struct errctx *ctx) MUSTCHECK;

size_t catalog_count(const struct catalog *catalog);
const struct app *catalog_at(const struct catalog *catalog, size_t index);

#endif
