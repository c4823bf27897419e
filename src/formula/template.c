/* SPDX-License-Identifier: Apache-2.0 */
/* Strings with formulas in them, one by one or throughout a JSON value. */
#include "formula/template.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/secret.h"
#include "formula/eval.h"
#include "formula/parser.h"
#include "formula/paths.h"

#define WALK_DEPTH_MAX (2 * JSON_DEPTH_MAX)

/* A string on its way through; `eval` is shared by all strings of one rendering. */
struct text {
	const char *chars;
	size_t len;
	size_t pos;
	size_t counted;  /* columns are counted once: in front of this… */
	unsigned column; /* …stand so many characters */
	const char *path;
	struct errctx *ctx;
	struct errctx *inner; /* empty; errors get the path on their way from here to ctx */
	json_t *slugs;        /* checking notes credentials here; NULL: not wanted */
	json_t *paths;        /* and what is read here; likewise */
};

/* Some literal characters and, unless the string is over, the formula behind them. */
struct piece {
	const char *literal;
	size_t len;
	struct formula *formula;
};

/* Where the formula of a string in formula mode begins, 0 when it is in text mode. */
static size_t
formula_start(const char *chars, size_t len)
{
	if (len > 0 && chars[0] == '=')
		return 1;
	return len > 1 && chars[0] == '\\' && chars[1] == '=' ? 2 : 0;
}

bool
template_is_formula(const char *text)
{
	return formula_start(text, strlen(text)) > 0;
}

bool
template_has_formula(const char *text)
{
	return template_is_formula(text) || strstr(text, "<<") != NULL;
}

/* Errors of the formula get the path of the string they are in. */
static enum err
with_path(const struct text *text, enum err err)
{
	if (err == OK)
		return OK;
	err_set(text->ctx, err, text->path, "%s", err_text(text->inner));
	err_clear(text->inner);
	return err;
}

static unsigned
column_at(struct text *text, size_t pos)
{
	for (; text->counted < pos; text->counted++)
		text->column += ((unsigned char)text->chars[text->counted] & 0xc0) != 0x80;
	return text->column + 1;
}

static enum err
parse_at(struct text *text, size_t start, bool in_template, struct formula **out, size_t *end_out)
{
	struct formula_source source = { .whole = text->chars,
		.len = text->len,
		.start = start,
		.in_template = in_template,
		.column = column_at(text, start) };

	return with_path(text, parser_parse(&source, out, end_out, text->inner));
}

/* The next piece in text mode; moves on. */
static enum err
next_piece(struct text *text, struct piece *out)
{
	const char *from = text->chars + text->pos;
	const char *mark = memmem(from, text->len - text->pos, "<<", 2);

	*out = (struct piece){ .literal = from, .len = text->len - text->pos };
	if (mark == NULL) {
		text->pos = text->len;
		return OK;
	}
	out->len = (size_t)(mark - from);
	if (out->len > 0 && mark[-1] == '\\')
		out->len--;
	return parse_at(text, (size_t)(mark - text->chars) + 2, true, &out->formula, &text->pos);
}

static void
note(const struct text *text, const struct formula *formula)
{
	if (formula != NULL && text->paths != NULL)
		paths_note(formula, text->paths);
	if (formula != NULL && text->slugs != NULL)
		paths_note_references(formula, text->slugs);
}

static enum err
check_text(struct text *text)
{
	size_t start = formula_start(text->chars, text->len);
	struct formula *formula = NULL;

	if (start > 0) {
		enum err err = parse_at(text, start, false, &formula, NULL);

		note(text, formula);
		formula_free(&formula);
		return err;
	}
	while (text->pos < text->len) {
		struct piece piece;
		enum err err = next_piece(text, &piece);

		note(text, piece.formula);
		formula_free(&piece.formula);
		if (err != OK)
			return err;
	}
	return OK;
}

static struct text
whole_text(const char *text, const char *path, struct errctx *ctx, struct errctx *inner)
{
	return (struct text){ .chars = text,
		.len = strlen(text),
		.path = path,
		.ctx = ctx,
		.inner = inner };
}

enum err
formula_references(const char *text, json_t *slugs, struct errctx *ctx)
{
	struct errctx inner = { 0 };
	struct text whole = whole_text(text, "", ctx, &inner);

	whole.slugs = slugs;
	return check_text(&whole);
}

enum err
template_check_text(const char *text, const char *path, struct errctx *ctx)
{
	struct errctx inner = { 0 };
	struct text whole = whole_text(text, path, ctx, &inner);

	return check_text(&whole);
}

/* Evaluate with errors that carry the path. */
static enum err
eval_with_path(struct eval *eval, const struct text *text, const struct formula *formula,
    struct value *out)
{
	eval->ctx = text->inner;
	return with_path(text, eval_node(eval, formula->root, out));
}

/* The value of a string in formula mode: it becomes JSON or text next, which is paid for here. */
static enum err
eval_formula(struct eval *eval, const struct text *text, const struct formula *formula,
    struct value *out)
{
	enum err err = eval_with_path(eval, text, formula, out);

	if (err != OK)
		return err;
	err = eval_spend_json(eval, formula->root, value_to_json_cost(out));
	return with_path(text, err);
}

static enum err
add_value(struct eval *eval, const struct text *text, const struct formula *formula,
    struct buf *buf)
{
	auto_value struct value value = { 0 };
	enum err err = eval_with_path(eval, text, formula, &value);

	if (err != OK)
		return err;
	return with_path(text, eval_add_text(eval, formula->root, &value, buf));
}

static enum err
add_pieces(struct eval *eval, struct text *text, struct buf *buf)
{
	while (text->pos < text->len) {
		struct piece piece;
		enum err err = next_piece(text, &piece);

		if (err == OK)
			buf_add(buf, piece.literal, piece.len);
		if (err == OK && piece.formula != NULL)
			err = add_value(eval, text, piece.formula, buf);
		formula_free(&piece.formula);
		if (err != OK)
			return err;
		if (buf->over)
			return err_set(text->ctx, ERR_VALUE, text->path,
			    "the result is longer than %zu bytes", buf->cap);
	}
	return OK;
}

static enum err
eval_text(struct eval *eval, struct text *text, struct value *out)
{
	size_t start = formula_start(text->chars, text->len);

	if (start > 0) {
		struct formula *formula = NULL;
		enum err err = parse_at(text, start, false, &formula, NULL);

		if (err == OK)
			err = eval_formula(eval, text, formula, out);
		formula_free(&formula);
		return err;
	}
	struct buf rendered = BUF_INIT_SECRET(VALUE_TEXT_MAX);
	enum err err = add_pieces(eval, text, &rendered);
	if (err == OK)
		value_set_text(out, buf_text(&rendered), rendered.len);
	buf_free(&rendered);
	return err;
}

enum err
template_eval(const char *text, const struct formula_scope *scope, const char *path,
    struct value *value_out, struct errctx *ctx)
{
	struct eval eval = { .scope = scope };
	struct errctx inner = { 0 };
	struct text whole = whole_text(text, path, ctx, &inner);

	return eval_text(&eval, &whole, value_out);
}

enum err
template_render_text(const char *text, const struct formula_scope *scope, const char *path,
    struct buf *buf, struct errctx *ctx)
{
	auto_value struct value value = { 0 };
	enum err err = template_eval(text, scope, path, &value, ctx);

	if (err != OK)
		return err;
	if (value_add_text(&value, buf, NULL) != OK)
		return err_set(ctx, ERR_VALUE, path, VALUE_NOT_UTF8);
	if (buf->over)
		return err_set(ctx, ERR_VALUE, path, "the result is longer than %zu bytes",
		    buf->cap);
	return OK;
}

/* A way through a JSON value. Without `eval` strings are only checked. */
struct walk {
	struct eval *eval;
	struct errctx *ctx;
	json_t *slugs, *paths;
	unsigned depth;
	char path[ERR_PATH_MAX];
	struct errctx inner; /* shared by the strings: it is large */
};

/* Lengthen the path; what does not fit is left out. Returns the length to cut back to. */
static size_t
path_push(struct walk *walk, const char *key, size_t index)
{
	size_t len = strlen(walk->path);

	if (key == NULL)
		snprintf(walk->path + len, sizeof(walk->path) - len, "[%zu]", index);
	else
		snprintf(walk->path + len, sizeof(walk->path) - len, "%s%s", len > 0 ? "." : "",
		    key);
	return len;
}

static struct text
walk_text(struct walk *walk, const char *chars, size_t len)
{
	return (struct text){ .chars = chars,
		.len = len,
		.path = walk->path,
		.ctx = walk->ctx,
		.inner = &walk->inner,
		.slugs = walk->slugs,
		.paths = walk->paths };
}

static bool
is_plain(const struct text *text)
{
	return formula_start(text->chars, text->len) == 0 &&
	       memmem(text->chars, text->len, "<<", 2) == NULL;
}

static enum err
walk_string(struct walk *walk, const json_t *string, json_t **out)
{
	auto_value struct value value = { 0 };
	struct text text = walk_text(walk, json_string_value(string), json_string_length(string));

	if (walk->eval == NULL)
		return check_text(&text);
	if (is_plain(&text)) { /* most strings are */
		*out = json_stringn_nocheck(text.chars, text.len);
		return OK;
	}
	enum err err = eval_text(walk->eval, &text, &value);
	if (err != OK)
		return err;
	return with_path(&text, value_to_json(&value, out, text.inner));
}

static enum err
walk_key(struct walk *walk, const char *key, size_t len, json_t *value, json_t *object)
{
	auto_buf struct buf rendered = BUF_INIT_SECRET(VALUE_TEXT_MAX);
	auto_value struct value made = { 0 };
	struct text text = walk_text(walk, key, len);

	if (walk->eval == NULL)
		return check_text(&text);
	if (is_plain(&text))
		buf_add(&rendered, key, len);
	enum err err = rendered.len > 0 ? OK : eval_text(walk->eval, &text, &made);
	if (err == OK)
		err = with_path(&text, value_add_text(&made, &rendered, text.inner));
	if (err != OK)
		return err;
	if (json_object_getn(object, buf_text(&rendered), rendered.len) != NULL)
		return err_set(walk->ctx, ERR_VALUE, walk->path, "two keys become the same");
	if (json_object_setn(object, buf_text(&rendered), rendered.len, value) != 0)
		return err_set(walk->ctx, ERR_VALUE, walk->path, "the key is not UTF-8 text");
	return OK;
}

static enum err walk_value(struct walk *walk, const json_t *json, json_t **out) MUSTCHECK;

/* A checking walk goes on after an error, a rendering one stops. */
static bool
worse(const struct walk *walk, enum err *err, enum err latest)
{
	if (*err == OK)
		*err = latest;
	return walk->eval != NULL && *err != OK;
}

static enum err
walk_array(struct walk *walk, const json_t *array, json_t **out)
{
	json_auto_t *made = json_array();
	enum err err = OK;
	size_t i;
	const json_t *item;

	json_array_foreach(array, i, item)
	{
		json_t *rendered = NULL;
		size_t cut = path_push(walk, NULL, i);
		enum err latest = walk_value(walk, item, &rendered);

		walk->path[cut] = '\0';
		if (rendered != NULL)
			json_array_append_new(made, rendered);
		if (worse(walk, &err, latest))
			break;
	}
	if (err == OK)
		*out = json_incref(made);
	return err;
}

static enum err
walk_object(struct walk *walk, const json_t *object, json_t **out)
{
	json_auto_t *made = json_object();
	enum err err = OK;
	void *at;

	/* jansson's iteration wants the object writable, though it only reads. */
	union {
		const json_t *borrowed;
		json_t *iterated;
	} tree = { .borrowed = object };
	for (at = json_object_iter(tree.iterated); at != NULL;
	     at = json_object_iter_next(tree.iterated, at)) {
		json_auto_t *rendered = NULL;
		const char *key = json_object_iter_key(at);
		size_t cut = path_push(walk, key, 0);
		bool stop =
		    worse(walk, &err, walk_value(walk, json_object_iter_value(at), &rendered));

		if (!stop)
			stop = worse(walk, &err,
			    walk_key(walk, key, json_object_iter_key_len(at), rendered, made));
		walk->path[cut] = '\0';
		if (stop)
			break;
	}
	if (err == OK)
		*out = json_incref(made);
	return err;
}

static enum err
walk_value(struct walk *walk, const json_t *json, json_t **out)
{
	if (walk->depth >= WALK_DEPTH_MAX)
		return err_set(walk->ctx, ERR_FIELD, walk->path, "nested too deep");
	if (json_is_string(json))
		return walk_string(walk, json, out);
	if (json_is_array(json) || json_is_object(json)) {
		walk->depth++;
		enum err err = json_is_array(json) ? walk_array(walk, json, out)
						   : walk_object(walk, json, out);
		walk->depth--;
		return err;
	}
	*out = json_deep_copy(json);
	return OK;
}

/* Without an evaluation nothing of use is made. */
static enum err
walk_checking(struct walk *walk, const json_t *json)
{
	json_t *made = NULL;
	enum err err = walk_value(walk, json, &made);

	json_decref(made);
	return err;
}

enum err
template_check(const json_t *json, const char *path, struct errctx *ctx)
{
	struct walk walk = { .ctx = ctx };

	snprintf(walk.path, sizeof(walk.path), "%s", path);
	return walk_checking(&walk, json);
}

enum err
template_references(const json_t *json, json_t *slugs, struct errctx *ctx)
{
	struct walk walk = { .ctx = ctx, .slugs = slugs };

	return walk_checking(&walk, json);
}

enum err
template_paths(const json_t *json, json_t *paths, struct errctx *ctx)
{
	struct walk walk = { .ctx = ctx, .paths = paths };

	return walk_checking(&walk, json);
}

enum err
template_render_json(const json_t *json, const struct formula_scope *scope, const char *path,
    json_t **json_out, struct errctx *ctx)
{
	struct eval eval = { .scope = scope };
	struct walk walk = { .eval = &eval, .ctx = ctx };

	snprintf(walk.path, sizeof(walk.path), "%s", path);
	return walk_value(&walk, json, json_out);
}
