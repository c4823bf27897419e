/* SPDX-License-Identifier: Apache-2.0 */
/* What a stranger, or a taken-over page, can have sealed as a form: a byte for the type, then
 * {"fields", "prefill"}; what is taken is taken again unchanged, and makes a test call that goes
 * where the definition says. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "catalog/item_form.h"
#include "net/allowed_hosts.h"
#include "net/url.h"
#include "platform/test_call.h"
#include "must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char definition[] =
    "{\"name\":\"s\",\"version\":1,\"label\":\"S\",\"connections\":[{\"type\":\"s\",\"label\":"
    "\"S\","
    "\"auth\":\"basic\",\"fields\":["
    "{\"name\":\"site\",\"type\":\"text\",\"label\":\"S\",\"required\":true,"
    "\"pattern\":\"[a-z0-9-]{1,63}\"},"
    "{\"name\":\"user\",\"type\":\"text\",\"label\":\"U\",\"required\":true},"
    "{\"name\":\"password\",\"type\":\"password\",\"label\":\"P\",\"required\":true},"
    "{\"name\":\"token\",\"type\":\"text\",\"label\":\"T\",\"default\":\"t\"},"
    "{\"name\":\"zone\",\"type\":\"select\",\"label\":\"Z\",\"default\":\"eu\",\"options\":["
    "{\"value\":\"eu\",\"label\":\"E\"},{\"value\":\"us\",\"label\":\"U\"}]},"
    "{\"name\":\"live\",\"type\":\"boolean\",\"label\":\"L\",\"default\":\"false\"}],"
    "\"inject\":[{\"where\":\"basic\",\"template\":\"<<user>>:<<password>>\"},"
    "{\"where\":\"header\",\"name\":\"X-Token\",\"template\":\"<<token>>\"},"
    "{\"where\":\"query\",\"name\":\"live\",\"template\":\"<<live>>\"}],"
    "\"test\":{\"method\":\"GET\",\"url\":"
    "\"https://<<site>>.<<zone>>.s.example/u/<<user>>?t=<<token>>\",\"expect\":[200]},"
    "\"allowed_hosts\":[\"<<site>>.<<zone>>.s.example\"]}],"
    "\"modules\":[{\"id\":\"M\",\"name\":\"M\",\"label\":\"M\"}]}";

/* The connection, or one of the types of keys. */
static struct item_form
choose(uint8_t byte)
{
	static struct catalog *catalog;
	struct item_form form;
	size_t n = 0;

	if (!catalog) {
		catalog = catalog_new();
		must(catalog_add(catalog, "s", definition, strlen(definition), NULL) == OK);
	}
	while (key_types[n].name)
		n++;
	size_t at = byte % (n + 1);
	must(at ? item_form_find(catalog, "keychain", key_types[at - 1].name, &form)
		: item_form_find(catalog, "account", "s", &form));
	return form;
}

static bool
allows(const json_t *hosts, const char *url)
{
	bool allowed = false;

	for (size_t i = 0; i < json_array_size(hosts); i++)
		allowed = allowed ||
			  allowed_hosts_match(json_string_value(json_array_get(hosts, i)), url);
	return allowed;
}

static void
check_call(const struct test_call *call)
{
	auto_url struct url url = { 0 };
	static const char *const domains[] = { ".eu.s.example", ".us.s.example" };
	bool ours = false;

	must(url_parse(call->request.url, &url, NULL) == OK && url.tls && url.port == 443);
	for (size_t i = 0; i < 2; i++) {
		size_t len = strlen(url.host), tail = strlen(domains[i]);

		ours = ours || (len > tail && !strcmp(url.host + len - tail, domains[i]));
	}
	must(ours && allows(call->allowed_hosts, call->request.url));
	for (size_t i = 0; i < call->request.n_headers; i++)
		must(!strpbrk(call->request.headers[i].value, "\r\n"));
}

static void
use(const struct item_form *form, const json_t *values)
{
	struct test_call call = { .request = HTTP_REQUEST_INIT };

	if (!form->connection)
		return;
	enum err err = test_call_build(form->connection, values, &call, NULL);
	must(!err || err == ERR_VALUE);
	if (!err)
		check_call(&call);
	test_call_free(&call);
}

static void
check(const struct item_form *form, json_t *prefill, json_t *fields)
{
	struct errctx ctx = { 0 };
	const char *name;
	json_t *fixed;

	if (item_form_check(form, prefill, fields, "", &ctx)) {
		must(ctx.kind == ERR_FIELD && ctx.n_sub > 0);
		return;
	}
	json_object_foreach(json_object_get(prefill, "hard"), name, fixed) must(
	    json_equal(json_object_get(fields, name), fixed) || form->key ||
	    !form_find(form->fields, name) || json_is_null(fixed) || !json_string_length(fixed));
	json_auto_t *kept = json_deep_copy(fields);
	must(item_form_check(form, prefill, fields, "", NULL) == OK && json_equal(kept, fields));
	use(form, fields);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_auto_t *all = NULL;

	if (size < 1 || json_parse((const char *)data + 1, size - 1, &all, NULL))
		return 0;
	const struct item_form form = choose(data[0]);
	json_t *prefill = json_object_get(all, "prefill");
	/* what is stored has passed the check of whoever filled it in */
	if (prefill && item_form_check_prefill(&form, prefill, "prefill", NULL))
		prefill = NULL;
	json_auto_t *shown = item_form_json(&form, prefill);
	must(json_is_array(shown));
	check(&form, prefill, json_object_get(all, "fields"));
	return 0;
}
