/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes that must not be logged, shown or left in memory: keys, opened values, tokens. */
#ifndef BAILEE_BASE_SECRET_H
#define BAILEE_BASE_SECRET_H

#include <stddef.h>

#include "base/error.h"

/* Held in OpenSSL's secure heap where it fits, else in ordinary memory; cleansed before free in
 * both cases. `data` is NUL-terminated behind `len`. There is deliberately no way to hand one to
 * log_write(). */
struct secret {
	unsigned char *data;
	size_t len;
};

/* Make the secure heap (locked, undumpable). Call after fork: locked memory is not inherited. Also
 * turns core dumps off. ERR_CONFIG when memory could not be locked; the caller decides whether that
 * ends the program. */
enum err secret_heap_init(size_t bytes) MUSTCHECK;

void secret_set(struct secret *secret, const void *data, size_t len); /* replaces */
void secret_alloc(struct secret *secret, size_t len); /* zeroed room to write into; replaces */
const char *secret_text(const struct secret *secret); /* "" when empty */
void secret_free(struct secret *secret);
#define auto_secret __attribute__((cleanup(secret_free)))

/* Cleanse and free a heap string that held a secret. NULL allowed; the pointer becomes NULL. */
void secret_wipe_text(char **text);
#define auto_wipe __attribute__((cleanup(secret_wipe_text)))

/* free() for the libraries that let us bring our own: cleanses the block first. NULL allowed. */
void secret_free_block(void *block);
/* jansson's allocator, set by main() of every program: what it frees is cleansed first. */
void secret_json_allocator(void);

#endif
