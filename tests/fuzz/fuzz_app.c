/* SPDX-License-Identifier: Apache-2.0 */
/* An app definition; what passes is used: its forms, its URLs filled in, its look-ups. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/catalog.h"
#include "catalog/fill.h"
#include "must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
use_url(const struct app_connection *connection, const char *member)
{
	const char *url = json_get_text(json_object_get(connection->definition, "oauth2"), member);
	json_auto_t *values = json_object();
	auto_buf struct buf out = BUF_INIT(1u << 20);

	if (!url)
		return;
	for (const struct form_field *field = connection->fields; field->name; field++)
		json_put_text(values, field->name, "value");
	const json_t *kept =
	    json_object_get(json_object_get(connection->definition, "oauth2"), "callback_fields");
	for (size_t i = 0; i < json_array_size(kept); i++)
		json_put_text(values, json_get_text(json_array_get(kept, i), "name"), "value");
	must(fill(url, values, FILL_URL, &out, NULL) == OK);
	must(!strstr(buf_text(&out), "<<"));
}

static void
use_app(const struct app *app)
{
	for (size_t i = 0; i < app->n_connections; i++) {
		const struct app_connection *connection = &app->connections[i];
		json_auto_t *form = form_json(connection->fields), *values = json_object();

		must(catalog_connection_find(app, connection->type) == connection);
		(void)!form_check(connection->fields, "this", values, "", NULL);
		use_url(connection, "authorize_url");
		use_url(connection, "token_url");
		must(json_is_array(form));
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct catalog *catalog = catalog_new();
	struct errctx ctx = { 0 };

	if (catalog_add(catalog, "fuzz", (const char *)data, size, &ctx) == OK) {
		use_app(catalog_at(catalog, 0));
		(void)!catalog_finish(catalog, &ctx);
	} else {
		must(ctx.kind == ERR_CONFIG);
	}
	catalog_close(&catalog);
	return 0;
}
