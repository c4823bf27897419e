/* SPDX-License-Identifier: Apache-2.0 */
/* /api/v2/credential-requests/apps/…/modules-with-credentials: what can be asked for. */
#include "api/routes.h"
#include "api/v2.h"
#include "catalog/catalog.h"

static json_t *
module_json(const struct app_module *module)
{
	json_t *json = json_object();

	json_put_text(json, "id", module->id);
	json_put_text(json, "name", module->name);
	json_put_text(json, "label", module->label);
	json_put_text(json, "type", module->type);
	if (module->scopes)
		json_put(json, "scope", json_deep_copy(module->scopes));
	json_put_bool(json, "hook", module->hook != NULL);
	return json;
}

static enum err
list_modules(struct ctx *ctx, struct response *response)
{
	const struct app *app = NULL;
	enum err err = catalog_find_text(api_pool(ctx)->catalog, route_param(ctx, "name"),
	    route_param(ctx, "version"), &app, &ctx->err);

	if (err)
		return err;
	json_t *rows = json_array();
	for (size_t i = 0; i < app->n_modules; i++)
		if (app->modules[i].type)
			json_array_append_new(rows, module_json(&app->modules[i]));
	return v2_answer(response, "appModules", rows);
}

#define ROUTE(below, says)                                                                         \
	.method = METHOD_GET,                                                                      \
	.path = "/api/v2/" below "/apps/{name}/{version}/modules-with-credentials",                \
	.scope = SCOPE_APPS_READ, .audit = "none", .surface = SURFACE_V2, .auth = AUTH_FIRST,      \
	.handler = list_modules, .summary = (says)

const struct route module_routes[] = {
	{ ROUTE("credential-requests", "The modules of an app that need credentials") },
	{ ROUTE("imt", "The same, where older clients look for it") },
	{ 0 },
};
