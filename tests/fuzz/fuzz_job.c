/* SPDX-License-Identifier: Apache-2.0 */
/* Payloads of jobs: a byte for the kind, a line for the subject, then the payload; what a kind
 * takes it takes as it stands, and what it refuses it says why. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "runner/kinds.h"
#include "must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct kind *
choose(uint8_t byte)
{
	size_t n = 0;

	while (kind_at(n))
		n++;
	return kind_at(byte % n);
}

static void
check(const struct kind *kind, const struct job *job, json_t *payload)
{
	json_auto_t *kept = json_deep_copy(payload);
	struct errctx ctx = { 0 };

	if (!kind->check)
		return;
	enum err err = kind->check(job, payload, &ctx);
	must(json_equal(kept, payload));
	must(!err || (err == ERR_FIELD && *err_text(&ctx)));
	must(err == kind->check(job, payload, NULL));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_auto_t *payload = NULL;

	if (size < 1)
		return 0;
	auto_free char *subject = xmemdup0(data + 1, size - 1);
	char *text = strchr(subject, '\n');
	if (!text)
		return 0;
	*text++ = '\0';
	struct job job = { .id = 1, .subject = subject, .payload = text };
	/* the runner looks at objects only */
	if (json_parse(text, strlen(text), &payload, NULL) || !json_is_object(payload))
		return 0;
	check(choose(data[0]), &job, payload);
	return 0;
}
