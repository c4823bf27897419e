/* SPDX-License-Identifier: Apache-2.0 */
/* baileectl formula: try a formula against a document, and the list of functions. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/secret.h"
#include "ctl/command.h"
#include "formula/formula.h"
#include "formula/functions.h"
#include "formula/template.h"
#include "formula/value.h"

#define DOCUMENT_MAX ((size_t)4 * 1024 * 1024)

enum err
ctl_formula_manual(struct ctl *ctl, struct errctx *ctx)
{
	auto_free char *manual = formula_function_manual();
	(void)ctl;
	(void)ctx;

	fputs(manual, stdout);
	return OK;
}

/* A whole file, or standard input for "-". */
static enum err
read_file(const char *path, struct buf *text, struct errctx *ctx)
{
	bool standard = strcmp(path, "-") == 0;
	FILE *file = standard ? stdin : fopen(path, "rbe");
	char piece[4096];
	size_t n;

	if (!file)
		return err_set(ctx, ERR_IO, "", "%s: %s", path, strerror(errno));
	while ((n = fread(piece, 1, sizeof(piece), file)) > 0)
		buf_add(text, piece, n);
	explicit_bzero(piece, sizeof(piece));
	bool failed = ferror(file) != 0;
	if (!standard)
		fclose(file);
	if (failed)
		return err_set(ctx, ERR_IO, "", "%s cannot be read", path);
	return text->over
		   ? err_set(ctx, ERR_VALUE, "", "%s is larger than %zu bytes", path, text->cap)
		   : OK;
}

/* The formula: the argument, or a file without the line end that editors put there. */
static enum err
read_formula(struct ctl *ctl, struct buf *text, struct errctx *ctx)
{
	const char *argument = ctl_text(ctl, "EXPRESSION"), *path = ctl_text(ctl, "file");

	if (!argument == !path)
		return err_set(ctx, ERR_USAGE, "", "either EXPRESSION or --file");
	if (argument) {
		buf_add_text(text, argument);
		return OK;
	}
	enum err err = read_file(path, text, ctx);
	while (!err && text->len && memchr("\r\n", text->data[text->len - 1], 2))
		text->data[--text->len] = '\0';
	if (!err && strlen(buf_text(text)) != text->len)
		return err_set(ctx, ERR_VALUE, "", "%s holds a NUL character", path);
	return err;
}

/* What the formula sees: the members of the document. */
static enum err
read_document(struct ctl *ctl, json_t **values_out, struct errctx *ctx)
{
	const char *path = ctl_text(ctl, "json");
	auto_buf struct buf text = BUF_INIT_SECRET(DOCUMENT_MAX);
	json_t *values = NULL;

	if (!path)
		return OK;
	enum err err = read_file(path, &text, ctx);
	if (!err)
		err = json_parse(buf_text(&text), text.len, &values, ctx);
	if (!err && !json_is_object(values)) {
		json_decref(values);
		return err_set(ctx, ERR_VALUE, "", "%s must hold a JSON object", path);
	}
	if (!err)
		*values_out = values;
	return err;
}

static enum err
print_text(const struct value *value, struct errctx *ctx)
{
	auto_buf struct buf text = BUF_INIT_SECRET(VALUE_TEXT_MAX);
	enum err err = value_add_text(value, &text, ctx);

	if (err)
		return err;
	fwrite(buf_text(&text), 1, text.len, stdout);
	return OK;
}

static enum err
print_json(const struct value *value, struct errctx *ctx)
{
	json_auto_t *json = NULL;
	enum err err = value_to_json(value, &json, ctx);

	if (err)
		return err;
	auto_wipe char *text = json_text(json);
	puts(text);
	return OK;
}

static enum err
evaluate(const char *text, bool as_template, const struct formula_scope *scope, struct value *out,
    struct errctx *ctx)
{
	struct formula *formula = NULL;

	if (as_template)
		return template_eval(text, scope, "", out, ctx);
	enum err err = formula_parse(text, &formula, ctx);
	if (!err)
		err = formula_eval(formula, scope, out, ctx);
	formula_free(&formula);
	return err;
}

enum err
ctl_formula_eval(struct ctl *ctl, struct errctx *ctx)
{
	auto_buf struct buf text = BUF_INIT_SECRET(FORMULA_TEXT_MAX);
	auto_value struct value value = { 0 };
	json_auto_t *values = NULL;
	enum err err = read_formula(ctl, &text, ctx);

	if (!err)
		err = read_document(ctl, &values, ctx);
	if (err)
		return err;
	const struct formula_scope scope = { .values = values, .now_ms = clock_now_ms() };
	err = evaluate(buf_text(&text), ctl_flag(ctl, "text"), &scope, &value, ctx);
	if (err)
		return err;
	return ctl_flag(ctl, "text") ? print_text(&value, ctx) : print_json(&value, ctx);
}
