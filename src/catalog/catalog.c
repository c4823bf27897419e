/* SPDX-License-Identifier: Apache-2.0 */
/* The apps that credentials can be asked for: one JSON file each, read and checked at start. */
#include "catalog/catalog.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "catalog/app_rules.h"
#include "catalog/catalog_parts.h"

struct catalog *
catalog_new(void)
{
	struct catalog *catalog = xcalloc(1, sizeof(*catalog));

	atomic_init(&catalog->holders, 1);
	return catalog;
}

void
catalog_close(struct catalog **catalog)
{
	struct catalog *closed = *catalog;

	*catalog = NULL;
	if (!closed || atomic_fetch_sub(&closed->holders, 1) > 1)
		return;
	catalog_aliases_free(closed);
	for (size_t i = 0; i < closed->n; i++)
		catalog_app_free(closed->apps[i]);
	free(closed->apps);
	free(closed);
}

struct catalog *
catalog_hold(struct catalog *catalog)
{
	atomic_fetch_add(&catalog->holders, 1);
	return catalog;
}

/* ---- look-up ---- */

static int
compare(const struct app *app, const char *name, int64_t version)
{
	int order = strcmp(app->name, name);

	return order ? order : (app->version > version) - (app->version < version);
}

size_t
catalog_lower_bound(struct app *const *apps, size_t n, const char *name, int64_t version)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare(apps[middle], name, version) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static const struct app *
find_in(struct app *const *apps, size_t n, const char *name, int64_t version)
{
	size_t at = catalog_lower_bound(apps, n, name, version ? version : INT64_MAX);

	if (!version)
		return at && !strcmp(apps[at - 1]->name, name) ? apps[at - 1] : NULL;
	return at < n && !compare(apps[at], name, version) ? apps[at] : NULL;
}

const struct app *
catalog_find(const struct catalog *catalog, const char *name, int64_t version)
{
	const struct app *app = find_in(catalog->apps, catalog->n, name, version);

	return app ? app : find_in(catalog->aliases, catalog->n_aliases, name, version);
}

/* The major number of "3" or "3.1.4"; 0 for anything that is no version. */
static int64_t
version_number(const char *text)
{
	static const char digits[] = "0123456789";
	size_t len = strspn(text, digits);

	if (len == 0 || len > 9 || *text == '0')
		return 0;
	for (const char *at = text + len; *at;) {
		size_t more = *at == '.' ? strspn(at + 1, digits) : 0;

		if (more == 0)
			return 0;
		at += 1 + more;
	}
	return strtoll(text, NULL, 10);
}

enum err
catalog_find_text(const struct catalog *catalog, const char *name, const char *version,
    const struct app **app_out, struct errctx *ctx)
{
	bool latest = !strcmp(version, "latest");
	int64_t number = latest ? 0 : version_number(version);
	const struct app *app = latest || number ? catalog_find(catalog, name, number) : NULL;

	if (!app && !catalog_find(catalog, name, 0))
		return err_set(ctx, ERR_UNKNOWN_APP, "", "there is no such app");
	if (!app)
		return err_set(ctx, ERR_UNKNOWN_APP, "", "the app %s has no such version", name);
	*app_out = app;
	return OK;
}

size_t
catalog_count(const struct catalog *catalog)
{
	return catalog->n;
}

const struct app *
catalog_at(const struct catalog *catalog, size_t index)
{
	return catalog->apps[index];
}

/* ---- reading ---- */

static void
insert(struct catalog *catalog, struct app *app)
{
	size_t at = catalog_lower_bound(catalog->apps, catalog->n, app->name, app->version);

	catalog->apps = xrealloc(catalog->apps, (catalog->n + 1) * sizeof(struct app *));
	memmove(catalog->apps + at + 1, catalog->apps + at,
	    (catalog->n - at) * sizeof(struct app *));
	catalog->apps[at] = app;
	catalog->n++;
}

static enum err
file_error(const char *file, const struct errctx *inner, struct errctx *ctx)
{
	const char *path = inner->n_sub ? inner->sub[0].path : "";

	return err_set(ctx, ERR_CONFIG, path, "app definition %s: %s%s%s", file, path,
	    *path ? ": " : "", err_text(inner));
}

/* While the operator's own folder is read. */
static bool
is_shipped(const struct catalog *catalog, const char *name)
{
	const struct app *app =
	    catalog->n_shipped ? find_in(catalog->apps, catalog->n, name, 0) : NULL;

	return app && app->shipped;
}

static void
seal_shipped(struct catalog *catalog)
{
	for (size_t i = 0; i < catalog->n; i++)
		catalog->apps[i]->shipped = true;
	catalog->n_shipped = catalog->n;
}

enum err
catalog_add(struct catalog *catalog, const char *file, const char *text, size_t len,
    struct errctx *ctx)
{
	struct errctx inner = { 0 };
	json_t *definition = NULL;
	enum err err = json_parse(text, len, &definition, &inner);

	if (!err)
		err = app_rules_check(definition, &inner);
	if (!err && catalog->n >= CATALOG_APPS_MAX)
		err = err_set(&inner, ERR_CONFIG, "", "more than %d apps", CATALOG_APPS_MAX);
	if (!err && find_in(catalog->apps, catalog->n, json_get_text(definition, "name"),
			json_get_int(definition, "version", 0)))
		err = err_set(&inner, ERR_CONFIG, "$.version",
		    "this version of the app is defined in another file already");
	if (!err && is_shipped(catalog, json_get_text(definition, "name")))
		err = err_set(&inner, ERR_CONFIG, "$.name",
		    "is the name of an app that ships with Bailee; call yours app#something");
	if (err) {
		json_decref(definition);
		return file_error(file, &inner, ctx);
	}
	insert(catalog, catalog_app_new(definition));
	return OK;
}

enum err
catalog_add_file(struct catalog *catalog, const char *path, struct errctx *ctx)
{
	auto_free char *text = xmalloc(CATALOG_FILE_MAX + 1);
	FILE *file = fopen(path, "re");

	if (!file)
		return err_set(ctx, ERR_CONFIG, "", "app definition %s: %s", path, strerror(errno));
	size_t len = fread(text, 1, CATALOG_FILE_MAX + 1, file);
	bool failed = ferror(file);
	(void)fclose(file);
	if (failed)
		return err_set(ctx, ERR_CONFIG, "", "app definition %s: cannot be read", path);
	if (len > CATALOG_FILE_MAX)
		return err_set(ctx, ERR_CONFIG, "", "app definition %s: larger than %u bytes", path,
		    CATALOG_FILE_MAX);
	return catalog_add(catalog, path, text, len, ctx);
}

static int
is_definition(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return entry->d_name[0] != '.' && len > 5 && !strcmp(entry->d_name + len - 5, ".json");
}

static enum err
add_folder(struct catalog *catalog, const char *dir, struct errctx *ctx)
{
	struct dirent **entries = NULL;
	int n = scandir(dir, &entries, is_definition, alphasort);
	enum err err = OK;

	if (n < 0)
		return err_set(ctx, ERR_CONFIG, "", "folder of app definitions %s: %s", dir,
		    strerror(errno));
	for (int i = 0; i < n; i++) {
		char *path = xasprintf("%s/%s", dir, entries[i]->d_name);

		if (!err)
			err = catalog_add_file(catalog, path, ctx);
		free(path);
		free(entries[i]);
	}
	free(entries);
	return err;
}

enum err
catalog_open(const char *dir, const char *extra_dir, struct catalog **catalog_out,
    struct errctx *ctx)
{
	struct catalog *catalog = catalog_new();
	enum err err = add_folder(catalog, dir, ctx);

	seal_shipped(catalog);
	if (!err && extra_dir && *extra_dir)
		err = add_folder(catalog, extra_dir, ctx);
	if (!err)
		err = catalog_finish(catalog, ctx);
	if (err)
		catalog_close(&catalog);
	else
		*catalog_out = catalog;
	return err;
}
