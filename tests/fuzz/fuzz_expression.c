/* SPDX-License-Identifier: Apache-2.0 */
/* Texts of definitions with formulas in them: what is filled in can be sent, and no value stands in
 * what is said when it cannot. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "catalog/expression.h"
#include "catalog/fill.h"
#include "must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOW INT64_C(1800000000000)
#define ROOM 16384
#define SECRET "qZ7-secret-qZ7"
#define PIECE "qZ7"

static json_t *
make_values(void)
{
	json_t *values = json_object();

	json_put_text(values, "client_secret", SECRET);
	json_put_text(values, "body", "grant_type=authorization_code&code=" SECRET);
	json_put_text(values, "client_id", "id");
	json_put_text(values, "nonce", "00ff");
	json_put_text(values, "shop", "[{\"" SECRET "\": 1}]");
	json_put_int(values, "n", 7);
	return values;
}

static bool
has(const json_t *names, const char *name)
{
	for (size_t i = 0; i < json_array_size(names); i++)
		if (!strcmp(json_string_value(json_array_get(names, i)), name))
			return true;
	return false;
}

/* What a definition says by itself may break a line; what is put in may not. */
static size_t
count_breaks(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += *text == '\r' || *text == '\n';
	return n;
}

static void
check_words(const char *text, const struct errctx *ctx)
{
	for (unsigned i = 0; i < ctx->n_sub && !strstr(text, PIECE); i++)
		must(!strstr(ctx->sub[i].text, PIECE) && !strstr(ctx->sub[i].path, PIECE));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_free char *text = xmemdup0(data, size);
	auto_buf struct buf out = BUF_INIT_SECRET(ROOM);
	json_auto_t *names = json_array(), *values = make_values();
	struct errctx ctx = { 0 };
	enum err named = expression_names(text, names, "path", &ctx);

	must(!named || named == ERR_CONFIG);
	check_words(text, &ctx);
	err_clear(&ctx);
	enum err err = expression_fill(text, values, NOW, &out, &ctx);
	check_words(text, &ctx);
	must(!named || err); /* what is refused with its definition is never worked out */
	if (err)
		return 0;
	must(strlen(buf_text(&out)) == out.len || out.over);
	must(count_breaks(buf_text(&out)) <= count_breaks(text));
	/* what a check of names has let through reads nothing else */
	if (!has(names, "client_secret") && !has(names, "body") && !has(names, "shop"))
		must(strstr(text, PIECE) || !strstr(buf_text(&out), PIECE));
	if (fill_is_template(text)) {
		auto_buf struct buf plain = BUF_INIT_SECRET(ROOM);

		must(fill(text, values, FILL_PLAIN, &plain, NULL) == OK);
		must(!strcmp(buf_text(&plain), buf_text(&out)));
	}
	return 0;
}
