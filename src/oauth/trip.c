/* SPDX-License-Identifier: Apache-2.0 */
/* OAuth 2, what was kept of a person's trip: whether it is what it was when it was sealed. */
#include <string.h>

#include "catalog/item_form.h"
#include "oauth/authorize.h"

#define DAMAGED "what a browser brought back is damaged"

/* All of them have stood in a URL. */
static bool
are_scopes(const json_t *scopes)
{
	size_t n = json_array_size(scopes), all = 0;

	for (size_t i = 0; i < n; i++) {
		size_t len = json_string_length(json_array_get(scopes, i));

		all += len;
		if (!len || all > OAUTH_URL_MAX)
			return false;
	}
	return json_is_array(scopes);
}

enum err
oauth_trip_check(const struct oauth_kept *kept, struct errctx *ctx)
{
	const struct app_connection *type = kept->type;
	const struct item_form form = { .connection = type, .fields = type->fields };
	json_t *fields = json_object_get(kept->start, "fields");
	json_auto_t *prefill = NULL;
	const char *client_id = json_get_text(kept->start, "client_id");
	struct errctx why = { 0 };

	if ((client_id && strlen(client_id) > OAUTH_CLIENT_ID_MAX) || !json_is_object(fields) ||
	    !are_scopes(json_object_get(kept->start, "scopes")) ||
	    !oauth_return_is_whole(type, kept->back) ||
	    (kept->prefill && json_parse(kept->prefill, strlen(kept->prefill), &prefill, NULL)))
		return err_set(ctx, ERR_INTEGRITY, "", DAMAGED);
	if (item_form_check(&form, prefill, fields, "", &why) == OK)
		return oauth_return_agrees(type, fields, kept->back, ctx);
	return err_set(ctx, ERR_VALUE, "", "the form was not accepted: %s: %s", why.sub[0].path,
	    why.sub[0].text);
}
