/* SPDX-License-Identifier: Apache-2.0 */
/* Requests from anybody: NAME=VALUE lines, an empty line, a body; whatever is accepted is in its
 * plain form. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "web/request.h"
#include "must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LINES_MAX 300

/* What every accepted path promises to the router. */
static void
check_path(const char *path)
{
	size_t len = strlen(path);

	must(path[0] == '/' && len < REQUEST_PATH_MAX);
	must(len == 1 || path[len - 1] != '/');
	must(!strstr(path, "//") && !strstr(path, "/./") && !strstr(path, "/../"));
	must(!strchr(path, '\\') && params_is_utf8(path, len));
	must(!params_has_control(path, false));
}

static void
use_request(struct request *request)
{
	struct errctx ctx = { 0 };
	json_t *object = NULL;
	char value[64];

	check_path(request->path);
	if (request_json(request, &object, &ctx) == OK && object)
		must(json_is_object(object));
	int64_t wait_ms = request_wait_ms(request, 10000);
	must(wait_ms >= 0 && wait_ms <= 10000);
	if (request_cookie(request, "a", value, sizeof(value)))
		must(strlen(value) < sizeof(value));
	for (size_t i = 0; i < request->query.n; i++)
		must(params_is_utf8(request->query.list[i].name,
		    strlen(request->query.list[i].name)));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct request_param params[LINES_MAX];
	struct errctx ctx = { 0 };
	struct request request;
	char *text = malloc(size + 1), *at = text;

	if (!text)
		return 0;
	if (size)
		memcpy(text, data, size);
	text[size] = '\0';
	struct request_source source = { .params = params };
	while (at && *at && *at != '\n' && source.n_params < LINES_MAX) {
		char *line = strsep(&at, "\n"), *equal = strchr(line, '=');

		if (!equal)
			continue;
		*equal = '\0';
		params[source.n_params++] = (struct request_param){ line, equal + 1 };
	}
	if (at && *at == '\n') {
		source.body = at + 1;
		source.body_len = (size_t)(text + size - (at + 1));
	}
	if (request_open(&request, &source, &ctx) == OK)
		use_request(&request);
	must(strlen(request.id) >= 8);
	request_close(&request);
	free(text);
	return 0;
}
