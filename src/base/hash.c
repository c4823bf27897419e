/* SPDX-License-Identifier: Apache-2.0 */
/* A quick hash for tables in memory. */
#include "base/hash.h"

#include <string.h>

uint64_t
hash_add(uint64_t hash, const void *data, size_t len)
{
	for (const unsigned char *at = data; len; len--)
		hash = (hash ^ *at++) * UINT64_C(1099511628211);
	return hash;
}

uint64_t
hash_add_text(uint64_t hash, const char *text)
{
	return hash_add(hash, text, strlen(text));
}
