/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that is there or the process is not: out of memory ends the worker, its master starts
 * another. */
#ifndef BAILEE_BASE_ALLOC_H
#define BAILEE_BASE_ALLOC_H

#include <stddef.h>
#include <stdlib.h>

/* Never return NULL. Free with free(). */
void *xmalloc(size_t size) __attribute__((malloc, returns_nonnull));
void *xcalloc(size_t n, size_t size) __attribute__((malloc, returns_nonnull));
void *xrealloc(void *old, size_t size) __attribute__((returns_nonnull));
char *xstrdup(const char *text) __attribute__((malloc, returns_nonnull));
char *xmemdup0(const void *data, size_t len)
    __attribute__((malloc, returns_nonnull)); /* with a NUL behind */
char *xasprintf(const char *fmt, ...)
    __attribute__((malloc, returns_nonnull, format(printf, 1, 2)));

/* Scope clean-up: `auto_free char *text = ...;` */
static inline void
alloc_auto_free(void *pointer)
{
	free(*(void **)pointer);
}
#define auto_free __attribute__((cleanup(alloc_auto_free)))

#endif
