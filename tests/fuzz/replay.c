/* SPDX-License-Identifier: Apache-2.0 */
/* Runs one fuzz target over its corpus without a fuzzer and prints TAP: a finding stays found. */
#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FILE_MAX_SIZE (1024 * 1024)
#define FILES_MAX 10000

static bool
run_file(const char *path)
{
	FILE *file = fopen(path, "rb");
	if (!file)
		return false;
	uint8_t *data = malloc(FILE_MAX_SIZE);
	size_t size = data ? fread(data, 1, FILE_MAX_SIZE, file) : 0;
	bool read = data && !ferror(file);

	fclose(file);
	/* A copy of the exact size, so that the sanitizer sees a read behind its end. */
	uint8_t *exact = read ? malloc(size ? size : 1) : NULL;
	if (exact) {
		memcpy(exact, data, size);
		LLVMFuzzerTestOneInput(exact, size);
	}
	free(exact);
	free(data);
	return exact != NULL;
}

static int
is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

/* $FUZZ_CORPUS/<name>, the name being what stands behind "replay_" in the program's own. */
static int
corpus_of(const char *program, char *out, size_t room)
{
	const char *base = strrchr(program, '/');
	const char *root = getenv("FUZZ_CORPUS");

	base = base ? base + 1 : program;
	if (strncmp(base, "replay_", strlen("replay_")) == 0)
		base += strlen("replay_");
	int len = snprintf(out, room, "%s/%s", root ? root : "tests/fuzz/corpus", base);
	return len > 0 && (size_t)len < room ? 0 : -1;
}

int
main(int argc, char **argv)
{
	char folder[4096];
	struct dirent **entries = NULL;
	int failed = 0;

	if (argc > 1 ? snprintf(folder, sizeof(folder), "%s", argv[1]) < 0
		     : corpus_of(argv[0], folder, sizeof(folder)))
		return 2;
	int n = scandir(folder, &entries, is_visible, alphasort);
	if (n < 0 || n > FILES_MAX) {
		fprintf(stderr, "cannot read the corpus %s\n", folder);
		return 2;
	}
	printf("1..%d\n", n + 1);
	uint8_t *nothing = malloc(1); /* on the heap, so that reading it is seen */
	LLVMFuzzerTestOneInput(nothing, 0);
	free(nothing);
	printf("ok 1 - the empty input\n");
	for (int i = 0; i < n; i++) {
		char path[4608];
		int len = snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);

		fflush(stdout);
		bool ok = len > 0 && (size_t)len < sizeof(path) && run_file(path);
		printf("%sok %d - %s\n", ok ? "" : "not ", i + 2, entries[i]->d_name);
		failed += !ok;
		free(entries[i]);
	}
	free(entries);
	return failed ? 1 : 0;
}
