/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of every type: the first byte chooses the type, the rest is what the person pasted. What is
 * taken is taken again, unchanged. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/crypt.h"
#include "catalog/key_types.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct key_type *
choose(uint8_t byte)
{
	size_t n = 0;

	while (key_types[n].name)
		n++;
	return &key_types[byte % n];
}

/* Every field holds the text; a passphrase is short, so that encrypted keys are reached. */
static json_t *
filled(const struct key_type *type, const char *text, size_t len)
{
	json_t *parameters = json_object();

	for (const struct form_field *field = type->fields; field->name; field++) {
		json_t *value = json_stringn(text, len);

		if (!strcmp(field->name, "passphrase"))
			json_put_text(parameters, field->name, "open-sesame");
		else if (value && !field->options && strcmp(field->name, "name") != 0)
			json_put(parameters, field->name, json_incref(value));
		json_decref(value);
	}
	return parameters;
}

static void
check(const struct key_type *type, json_t *parameters)
{
	if (key_type_check(type, parameters, "", NULL))
		return;
	json_auto_t *kept = json_deep_copy(parameters);
	if (key_type_check(type, parameters, "", NULL) || !json_equal(kept, parameters))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	const struct key_type *type = choose(data[0]);
	const char *text = (const char *)data + 1;
	json_auto_t *parameters = filled(type, text, size - 1);
	check(type, parameters);
	/* the same bytes as a file that is no text */
	auto_free char *file = crypt_base64(text, size - 1);
	json_auto_t *uploaded = filled(type, file, strlen(file));
	(void)json_object_del(uploaded, "privateKey");
	check(type, uploaded);
	return 0;
}
