/* SPDX-License-Identifier: Apache-2.0 */
/* What a key or connection that is made from a credential is called in lists. */
#include "runner/item_name.h"

#include <string.h>

#include "base/alloc.h"
#include "base/json.h"

char *
item_name(const struct credential *credential, size_t most)
{
	const char *wish = credential->name_override;
	char *name = wish && *wish ? xstrdup(wish)
				   : xasprintf("%s (%s)", credential->label, credential->app_name);
	size_t at = 0, chars = 0, length;

	while (name[at] && chars < most &&
	       (length = json_utf8_length(name + at, strlen(name + at))) > 0) {
		at += length;
		chars++;
	}
	name[at] = '\0';
	return name;
}
