/* SPDX-License-Identifier: Apache-2.0 */
/* The options of one request as the user wrote them: which there are, what each may be. */
#include "agent/options.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/rules.h"
#include "base/json.h"
#include "formula/template.h"

/* One check under way. */
struct check {
	const json_t *options;
	const char *path;
	bool rendered; /* formulas have been worked out; nothing is left open */
	struct errctx *ctx;
};

/* Whether a formula will decide, so that there is nothing to check yet. */
static bool
left_open(const struct check *check, const json_t *value)
{
	return !check->rendered && json_is_string(value) &&
	       template_has_formula(json_string_value(value));
}

static enum err
fault_at(const struct check *check, const char *name, const char *fault)
{
	char path[2 * ERR_PATH_MAX + 2];

	if (fault == NULL)
		return OK;
	snprintf(path, sizeof(path), "%s%s%s", check->path, *check->path != '\0' ? "." : "", name);
	return err_set(check->ctx, ERR_FIELD, path, "%s", fault);
}

static enum err
check_url(const struct check *check, const char *name, const json_t *value)
{
	const char *url = json_string_value(value);

	if (!json_is_string(value) || *url == '\0')
		return fault_at(check, name, "must be a text that is not empty");
	if (!left_open(check, value))
		return fault_at(check, name,
		    agent_url_fault(url, json_string_length(value),
			check->rendered &&
			    agent_option_flag(check->options, "disable_url_encoding")));
	/* A formula may stand anywhere; what stands before the first one is known. */
	if (template_is_formula(url) || strncmp(url, "<<", 2) == 0 ||
	    strncmp(url, "\\<<", 3) == 0 || strncasecmp(url, "https://", 8) == 0 ||
	    strncasecmp(url, "http://", 7) == 0)
		return OK;
	return fault_at(check, name, "the URL must begin with http://, https:// or a formula");
}

static const char *const methods[] = { "GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS" };

static const char *
find_method(const char *text)
{
	for (size_t i = 0; text != NULL && i < sizeof(methods) / sizeof(methods[0]); i++)
		if (strcasecmp(text, methods[i]) == 0)
			return methods[i];
	return NULL;
}

static enum err
check_method(const struct check *check, const char *name, const json_t *value)
{
	if (left_open(check, value) || find_method(json_string_value(value)) != NULL)
		return OK;
	return fault_at(check, name, "must be get, post, put, patch, delete, head or options");
}

static enum err
check_content_type(const struct check *check, const char *name, const json_t *value)
{
	if (left_open(check, value))
		return OK;
	if (json_is_string(value) && agent_content_type_known(json_string_value(value)))
		return OK;
	return fault_at(check, name, "must be json, form, xml, data or a MIME type");
}

static enum err
check_payload(const struct check *check, const char *name, const json_t *value)
{
	const json_t *method = json_object_get(check->options, "method");
	const char *mime;
	enum agent_encoding encoding;

	if (left_open(check, value))
		return OK;
	if (left_open(check, method) || (json_is_string(value) && !check->rendered) ||
	    left_open(check, json_object_get(check->options, "content_type")))
		return fault_at(check, name, agent_payload_fault(value, AGENT_OTHER, "", false));
	encoding = agent_option_content_type(check->options, &mime);
	const char *verb = agent_option_method(check->options);
	bool as_query = strcmp(verb, "GET") == 0 || strcmp(verb, "HEAD") == 0;
	return fault_at(check, name, agent_payload_fault(value, encoding, mime, as_query));
}

/* One header: name and value. NULL leaves the header out. */
static const char *
header_fault(const struct check *check, const char *name, const json_t *value)
{
	const char *fault = NULL;

	if (check->rendered || !template_has_formula(name))
		fault = agent_header_name_fault(name);
	if (fault != NULL || json_is_null(value) || left_open(check, value) ||
	    json_is_number(value) || json_is_boolean(value))
		return fault;
	if (!json_is_string(value))
		return "must be a text";
	return agent_header_value_fault(json_string_value(value), json_string_length(value));
}

static enum err
check_headers(const struct check *check, const char *name, const json_t *value)
{
	union {
		const json_t *borrowed;
		json_t *iterated; /* jansson's iteration wants it writable, though it only reads */
	} tree = { .borrowed = value };
	const char *header;
	json_t *item;
	enum err err = OK;

	if (left_open(check, value))
		return OK;
	if (!json_is_object(value) || json_object_size(value) > AGENT_HEADERS_MAX)
		return fault_at(check, name, "must be an object of at most 100 headers");
	json_object_foreach(tree.iterated, header, item)
	{
		char path[ERR_PATH_MAX];

		/* A name that came out of a formula is not for showing. */
		snprintf(path, sizeof(path), "%s%s%s", name, check->rendered ? "" : ".",
		    check->rendered ? "" : header);
		enum err latest = fault_at(check, path, header_fault(check, header, item));
		if (err == OK)
			err = latest;
		if (strcasecmp(header, "Authorization") == 0 && !json_is_null(item) &&
		    json_object_get(check->options, "basic_auth") != NULL)
			err = fault_at(check, path, "cannot stand beside basic_auth");
	}
	return err;
}

static const char *
basic_auth_fault(const struct check *check, const json_t *value)
{
	const json_t *user = json_array_get(value, 0), *password = json_array_get(value, 1);
	const char *const wrong = "must be \"user:password\" or [user, password]";

	if (json_is_string(value))
		return strchr(json_string_value(value), ':') == NULL
			   ? wrong
			   : agent_header_value_fault(json_string_value(value),
				 json_string_length(value));
	if (json_array_size(value) != 2 || !json_is_string(user) || !json_is_string(password))
		return wrong;
	/* RFC 7617 section 2: the first colon ends the user's name. */
	if (!left_open(check, user) && strchr(json_string_value(user), ':') != NULL)
		return "a user name must not hold a colon";
	const char *fault =
	    agent_header_value_fault(json_string_value(user), json_string_length(user));
	return fault != NULL ? fault
			     : agent_header_value_fault(json_string_value(password),
				   json_string_length(password));
}

static enum err
check_basic_auth(const struct check *check, const char *name, const json_t *value)
{
	return left_open(check, value) ? OK : fault_at(check, name, basic_auth_fault(check, value));
}

static enum err
check_user_agent(const struct check *check, const char *name, const json_t *value)
{
	if (left_open(check, value))
		return OK;
	if (!json_is_string(value))
		return fault_at(check, name, "must be a text");
	return fault_at(check, name,
	    agent_header_value_fault(json_string_value(value), json_string_length(value)));
}

/* -1 when it is neither a number nor digits. */
static int
read_number(const json_t *value)
{
	const char *text = json_string_value(value);

	if (json_is_integer(value) && json_integer_value(value) >= 0 &&
	    json_integer_value(value) <= 9999)
		return (int)json_integer_value(value);
	if (text == NULL || *text == '\0' || strlen(text) > 4 ||
	    strspn(text, "0123456789") != strlen(text))
		return -1;
	return (int)strtol(text, NULL, 10);
}

static enum err
check_number(const struct check *check, const char *name, const json_t *value, int least, int most)
{
	char fault[80];
	int number = read_number(value);

	if (left_open(check, value) || (number >= least && number <= most))
		return OK;
	snprintf(fault, sizeof(fault), "must be a whole number from %d to %d", least, most);
	return fault_at(check, name, fault);
}

static enum err
check_timeout(const struct check *check, const char *name, const json_t *value)
{
	return check_number(check, name, value, 1, AGENT_TIMEOUT_MAX_S);
}

static enum err
check_retries(const struct check *check, const char *name, const json_t *value)
{
	return check_number(check, name, value, 0, AGENT_RETRIES_MAX);
}

static enum err
check_flag(const struct check *check, const char *name, const json_t *value)
{
	const char *text = json_string_value(value);

	if (json_is_boolean(value) || left_open(check, value))
		return OK;
	if (text != NULL && (strcmp(text, "true") == 0 || strcmp(text, "false") == 0))
		return OK;
	return fault_at(check, name, "must be true or false");
}

/* 503, "503", "500-599", and 0 for "no answer in time". */
static bool
read_range(const json_t *value, struct http_status_range *out)
{
	const char *text = json_string_value(value);
	int single = read_number(value);

	if (single >= 0)
		*out = (struct http_status_range){ single, single };
	else if (text != NULL && strlen(text) == 7 && strspn(text, "0123456789") == 3 &&
		 text[3] == '-' && strspn(text + 4, "0123456789") == 3)
		*out = (struct http_status_range){ (int)strtol(text, NULL, 10),
			(int)strtol(text + 4, NULL, 10) };
	else
		return false;
	return single == 0 || (out->from >= 100 && out->from <= out->to && out->to <= 599);
}

static enum err
check_statuses(const struct check *check, const char *name, const json_t *value)
{
	struct http_status_range range;
	enum err err = OK;
	size_t i;
	const json_t *item;

	if (left_open(check, value))
		return OK;
	if (!json_is_array(value) || json_array_size(value) > HTTP_REQUEST_RETRY_RANGES_MAX)
		return fault_at(check, name, "must be an array of at most 32 statuses");
	json_array_foreach(value, i, item)
	{
		char path[ERR_PATH_MAX];

		if (left_open(check, item) || read_range(item, &range))
			continue;
		snprintf(path, sizeof(path), "%s[%zu]", name, i);
		err = fault_at(check, path,
		    "must be a status from 100 to 599, 0, or a range such as \"500-599\"");
	}
	return err;
}

/* Every option there is. */
static const struct option {
	const char *name;
	enum err (*check)(const struct check *check, const char *name, const json_t *value);
	bool required;
} option_table[] = {
	{ "url", check_url, true },
	{ "method", check_method, false },
	{ "content_type", check_content_type, false },
	{ "payload", check_payload, false },
	{ "headers", check_headers, false },
	{ "basic_auth", check_basic_auth, false },
	{ "user_agent", check_user_agent, false },
	{ "timeout", check_timeout, false },
	{ "disable_ssl_verification", check_flag, false },
	{ "disable_redirect_follow", check_flag, false },
	{ "disable_url_encoding", check_flag, false },
	{ "retry_on_status", check_statuses, false },
	{ "retries", check_retries, false },
	{ "log_error_on_status", check_statuses, false },
};
#define OPTIONS (sizeof(option_table) / sizeof(option_table[0]))

static bool
is_option(const char *name)
{
	for (size_t i = 0; i < OPTIONS; i++)
		if (strcmp(option_table[i].name, name) == 0)
			return true;
	return false;
}

static enum err
check_known(const struct check *check)
{
	union {
		const json_t *borrowed;
		json_t *iterated; /* jansson's iteration wants it writable, though it only reads */
	} tree = { .borrowed = check->options };
	enum err err = OK;
	const char *name;
	json_t *value;

	json_object_foreach(tree.iterated, name, value) if (!is_option(name)) err =
	    fault_at(check, name, "there is no such option");
	return err;
}

static enum err
check_all(const struct check *check)
{
	if (!json_is_object(check->options))
		return err_set(check->ctx, ERR_FIELD, check->path, "must be an object");
	enum err err = check_known(check);
	for (size_t i = 0; i < OPTIONS; i++) {
		const struct option *option = &option_table[i];
		const json_t *value = json_object_get(check->options, option->name);
		enum err latest = OK;

		/* An option that is null is one that was not given. */
		if (value != NULL && !json_is_null(value))
			latest = option->check(check, option->name, value);
		else if (option->required)
			latest = fault_at(check, option->name, "is required");
		if (err == OK)
			err = latest;
	}
	return err;
}

enum err
agent_options_check(const json_t *options, const char *path, struct errctx *ctx)
{
	struct check check = { .options = options, .path = path, .ctx = ctx };
	enum err err = check_all(&check);

	if (!json_is_object(options))
		return err;
	enum err syntax = template_check(options, path, ctx);
	return err != OK ? err : syntax;
}

enum err
agent_options_check_rendered(const json_t *options, const char *path, struct errctx *ctx)
{
	struct check check = { .options = options, .path = path, .rendered = true, .ctx = ctx };

	return check_all(&check);
}

bool
agent_option_flag(const json_t *options, const char *name)
{
	const json_t *value = json_object_get(options, name);

	return json_is_true(value) ||
	       (json_is_string(value) && strcmp(json_string_value(value), "true") == 0);
}

int
agent_option_number(const json_t *options, const char *name, int otherwise)
{
	int number = read_number(json_object_get(options, name));

	return number >= 0 ? number : otherwise;
}

enum agent_encoding
agent_option_content_type(const json_t *options, const char **mime_out)
{
	const char *given = json_get_text(options, "content_type");

	return agent_content_type(given != NULL ? given : "json", mime_out);
}

const char *
agent_option_method(const json_t *options)
{
	const char *method = find_method(json_get_text(options, "method"));

	return method != NULL ? method : "POST";
}

void
agent_option_statuses(const json_t *options, const char *name, struct http_retry *retry)
{
	const json_t *list = json_object_get(options, name);
	size_t i;
	const json_t *item;

	json_array_foreach(list, i, item) if (retry->n_on < HTTP_REQUEST_RETRY_RANGES_MAX &&
					      read_range(item, &retry->on[retry->n_on]))
	    retry->n_on++;
}
