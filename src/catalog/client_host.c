/* SPDX-License-Identifier: Apache-2.0 */
/* At which host an operator's client may be used, where a field of the form names the host. */
#include "catalog/client_host.h"

#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "catalog/fill.h"
#include "catalog/web_url.h"

#define URL_MAX 8192

/* Where tokens, codes and the client's secret are sent; `part` is of "oauth2", NULL: itself. */
static const struct {
	const char *part, *member;
} calls[] = {
	{ NULL, "token_url" },
	{ NULL, "refresh_url" },
	{ NULL, "introspect_url" },
	{ "post_exchange", "url" },
	{ "revoke", "url" },
};
#define N_CALLS (sizeof(calls) / sizeof(calls[0]))

static const char *
url_of(const struct app_connection *type, size_t at)
{
	const json_t *rules = json_object_get(type->definition, "oauth2");

	return json_get_text(calls[at].part ? json_object_get(rules, calls[at].part) : rules,
	    calls[at].member);
}

/* Fields of the form alone have options; what an answer or a redirect brings has none. */
static bool
is_choice(const struct app_connection *type, const char *name, size_t len)
{
	for (const struct form_field *field = type->fields; field && field->name; field++)
		if (strlen(field->name) == len && !memcmp(field->name, name, len))
			return field->type == FORM_SELECT;
	return false;
}

/* Behind its last placeholder a host of a provider's own has a dot and a name of two parts. */
static bool
is_free(const struct app_connection *type, const char *url)
{
	const char *at = web_url_behind_scheme(url), *end, *name, *behind = NULL;
	size_t len = 0;
	bool chosen = false;

	if (!at)
		return strstr(url, "<<") != NULL;
	end = at + strcspn(at, "/?#");
	while ((name = fill_next(&at, &len)) && name < end) {
		chosen = chosen || !is_choice(type, name, len);
		behind = at;
	}
	if (!chosen)
		return false;
	const char *dot =
	    *behind == '.' ? memchr(behind + 1, '.', (size_t)(end - behind - 1)) : NULL;
	return !dot || dot == behind + 1 || dot + 1 >= end;
}

bool
client_host_is_free(const struct app_connection *type)
{
	const json_t *rules = json_object_get(type->definition, "oauth2");
	bool any = false;

	if (json_object_get(rules, "client"))
		return false;
	for (size_t i = 0; i < N_CALLS && !any; i++)
		any = url_of(type, i) && is_free(type, url_of(type, i));
	for (size_t i = 0; i < type->n_tokens && !any; i++)
		any = client_host_is_free(type->tokens[i].own);
	return any;
}

/* NULL: a field is missing, or cannot stand there. One that stands alone is the whole of it. */
static char *
filled_host(const char *url, const json_t *fields)
{
	auto_buf struct buf buf = BUF_INIT_SECRET(URL_MAX);

	if (fill(url, fields, fill_is_alone(url) ? FILL_PLAIN : FILL_URL, &buf, NULL) || buf.over)
		return NULL;
	return web_url_host(buf_text(&buf));
}

char *
client_host_usual(const struct app_connection *type)
{
	json_auto_t *fields = json_object();
	char *host = NULL;

	for (const struct form_field *field = type->fields; field && field->name; field++)
		if (field->initial)
			json_put_text(fields, field->name, field->initial);
	for (size_t i = 0; i < N_CALLS && !host; i++)
		if (url_of(type, i) && is_free(type, url_of(type, i)))
			host = filled_host(url_of(type, i), fields);
	return host;
}

bool
client_host_is_whole(const char *host)
{
	auto_free char *url = xasprintf("https://%s", host);

	return !strpbrk(host, "/?#") && web_url_is_whole(url);
}

char *
client_host_of_tokens(const struct app_connection *type, const json_t *fields)
{
	const char *url = json_get_text(json_object_get(type->definition, "oauth2"), "token_url");

	return url && is_free(type, url) ? filled_host(url, fields) : NULL;
}

static bool
leads_to(const struct app_connection *type, const char *url, const json_t *fields, const char *host)
{
	auto_free char *meant = url && is_free(type, url) ? filled_host(url, fields) : NULL;

	return !meant || strcasecmp(meant, host) == 0;
}

bool
client_host_is_one(const struct app_connection *type, const json_t *fields, const char *host)
{
	bool one = true;

	for (size_t i = 0; i < N_CALLS && one; i++)
		one = leads_to(type, url_of(type, i), fields, host);
	return one;
}

/* Whether both have one host, however their fields are filled in. */
static bool
same_host(const char *one, const char *other)
{
	const char *a = web_url_behind_scheme(one), *b = web_url_behind_scheme(other);
	size_t len = a ? strcspn(a, "/?#") : 0;

	return len && b && strcspn(b, "/?#") == len && !strncmp(a, b, len);
}

bool
client_host_test_is(const struct app_connection *type, const json_t *fields, const char *host)
{
	const json_t *rules = json_object_get(type->definition, "oauth2");
	const char *url = json_get_text(json_object_get(type->definition, "test"), "url");
	const char *token_url = json_get_text(rules, "token_url");

	if (!url || (!json_object_get(rules, "client") && token_url && !same_host(url, token_url)))
		return true;
	return leads_to(type, url, fields, host);
}

enum err
client_host_check(const struct app_connection *type, const json_t *fields, const char *host,
    struct errctx *ctx)
{
	auto_free char *usual = NULL;

	if (!client_host_is_free(type))
		return OK;
	if (!host)
		host = usual = client_host_usual(type);
	if (!host)
		return err_set(ctx, ERR_VALUE, "",
		    "the operator of this service has not said at which host its client is "
		    "registered");
	if (!client_host_is_one(type, fields, host))
		return err_set(ctx, ERR_VALUE, "",
		    "the operator of this service has registered it at %s alone", host);
	return OK;
}
