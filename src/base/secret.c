/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes that must not be logged, shown or left in memory: keys, opened values, tokens. */
#include "base/secret.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <jansson.h>
#include <openssl/crypto.h>

#include "base/alloc.h"

/* libjose wakes OpenSSL before main(), which then clears up after everything else is gone: what it
 * keeps for this thread, the state of its generator above all, is wiped in time. */
static void
forget_thread(void)
{
	OPENSSL_thread_stop();
}

enum err
secret_heap_init(size_t bytes)
{
	const struct rlimit none = { 0, 0 };

	if (atexit(forget_thread))
		return ERR_CONFIG;
	if (setrlimit(RLIMIT_CORE, &none) || prctl(PR_SET_DUMPABLE, 0))
		return ERR_CONFIG;
	return CRYPTO_secure_malloc_init(bytes, 32) == 1 ? OK : ERR_CONFIG;
}

void
secret_alloc(struct secret *secret, size_t len)
{
	secret_free(secret);
	secret->data = OPENSSL_secure_malloc(len + 1);
	if (!secret->data) /* heap full, or the value is larger than the heap */
		secret->data = xmalloc(len + 1);
	memset(secret->data, 0, len + 1);
	secret->len = len;
}

void
secret_set(struct secret *secret, const void *data, size_t len)
{
	struct secret fresh = { 0 };

	secret_alloc(&fresh, len);
	if (len)
		memcpy(fresh.data, data, len);
	secret_free(secret);
	*secret = fresh;
}

const char *
secret_text(const struct secret *secret)
{
	return secret->data ? (const char *)secret->data : "";
}

void
secret_free(struct secret *secret)
{
	if (secret->data && CRYPTO_secure_allocated(secret->data)) {
		OPENSSL_secure_clear_free(secret->data, secret->len + 1);
	} else if (secret->data) {
		OPENSSL_cleanse(secret->data, secret->len + 1);
		free(secret->data);
	}
	secret->data = NULL;
	secret->len = 0;
}

void
secret_wipe_text(char **text)
{
	if (*text) {
		OPENSSL_cleanse(*text, strlen(*text));
		free(*text);
	}
	*text = NULL;
}

void
secret_free_block(void *block)
{
	if (block)
		OPENSSL_cleanse(block, malloc_usable_size(block));
	free(block);
}

void
secret_json_allocator(void)
{
	json_set_alloc_funcs(xmalloc, secret_free_block);
}
