/* SPDX-License-Identifier: Apache-2.0 */
/* Conditions of app definitions on an answer. */
#include "catalog/condition.h"

bool
condition_holds(const json_t *condition, const json_t *answer)
{
	const json_t *equals = json_object_get(condition, "equals");
	const json_t *found = answer ? json_at(answer, json_get_text(condition, "path")) : NULL;

	if (equals)
		return found && json_equal(found, equals);
	return found && !json_is_null(found) && !json_is_false(found) &&
	       !(json_is_string(found) && !json_string_length(found));
}
