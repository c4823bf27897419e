/* SPDX-License-Identifier: Apache-2.0 */
/* A quick hash for tables in memory. Nothing to rely on against somebody who looks for collisions:
 * what is found by it is compared. */
#ifndef BAILEE_BASE_HASH_H
#define BAILEE_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#define HASH_START UINT64_C(14695981039346656037)

/* FNV-1a, 64 bits: begin with HASH_START, and go on with what came out. */
uint64_t hash_add(uint64_t hash, const void *data, size_t len);
uint64_t hash_add_text(uint64_t hash, const char *text);

#endif
