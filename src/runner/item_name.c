/* SPDX-License-Identifier: Apache-2.0 */
/* What a key or connection that is made from a credential is called in lists. */
#include "runner/item_name.h"

#include "base/alloc.h"
#include "base/json.h"

char *
item_name(const struct credential *credential, size_t most)
{
	const char *wish = credential->name_override;
	auto_free char *name = wish && *wish
				   ? xstrdup(wish)
				   : xasprintf("%s (%s)", credential->label, credential->app_name);

	return json_text_cut(name, most);
}
