/* SPDX-License-Identifier: Apache-2.0 */
/* Sealed values from a hostile database: arbitrary bytes never open, and no bent value does. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vault/seal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct keyring *keyring;
static struct team_key team;
static unsigned char *good;
static size_t good_len;

static const struct seal_context context = { .table = "t", .field = "f", .team_id = 1 };

static void
must(int ok)
{
	if (!ok)
		abort();
}

static void
make_keys(void)
{
	char dir[] = "/tmp/bailee-fuzz-XXXXXX", paths[KEY_KIND_COUNT][96];
	const char *list[KEY_KIND_COUNT];

	must(mkdtemp(dir) && !keyring_create_files(dir, NULL));
	for (int kind = 0; kind < KEY_KIND_COUNT; kind++) {
		(void)snprintf(paths[kind], sizeof(paths[kind]), "%s/%s", dir,
		    key_kinds[kind].file);
		list[kind] = paths[kind];
	}
	must(!keyring_load(list, &keyring, NULL));
	for (int kind = 0; kind < KEY_KIND_COUNT; kind++)
		(void)unlink(paths[kind]);
	must(rmdir(dir) == 0);
	must(!keyring_team_key_make(keyring, 1, 1, &team, NULL));
	must(!keyring_team_key_open(keyring, &team, NULL));
	must(!seal_value(&team, &context, "value", 5, &good, &good_len, NULL));
}

/* As it stands, and laid over the head or the tail of a good value. */
static void
never_opens(const uint8_t *data, size_t size, size_t at)
{
	unsigned char bent[256];
	struct secret out = { 0 };
	uint32_t generation;

	must(good_len <= sizeof(bent));
	memcpy(bent, good, good_len);
	if (size > good_len - at)
		size = good_len - at;
	memcpy(bent + at, data, size);
	if (memcmp(bent, good, good_len) != 0) {
		(void)!seal_generation(bent, good_len, &generation);
		must(seal_open(keyring, &context, bent, good_len, &out, NULL) != OK && !out.data);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct secret out = { 0 };

	if (!keyring)
		make_keys();
	must(seal_open(keyring, &context, data, size, &out, NULL) != OK && !out.data);
	if (size < 2)
		return 0;
	never_opens(data + 1, size - 1, data[0] % good_len);
	return 0;
}
