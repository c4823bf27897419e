/* SPDX-License-Identifier: Apache-2.0 */
/* Regular expressions (PCRE2). Patterns and texts are anybody's: every step of matching is counted.
 */
#include <stdlib.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/alloc.h"
#include "base/json.h"
#include "base/secret.h"
#include "formula/call.h"

#define PATTERN_MAX 4096
#define MATCHES_MAX 10000
#define GROUPS_NESTED_MAX 50
#define HEAP_KIB_MAX 8192
/* Of one evaluation, over all its expressions: items of patterns tried and characters passed. About
 * a tenth of a second. */
#define MATCHING_MAX 5000000
/* A pattern of 4096 characters becomes up to 64 KiB: what compiling one costs of the work of an
 * evaluation. */
#define COMPILE_COST ((size_t)64 * 1024)

/* One pattern at work on one text. */
struct regex {
	const struct formula_call *call;
	pcre2_general_context *memory;
	pcre2_code *code;
	pcre2_match_context *limits;
	pcre2_match_data *found;
	const char *text;
	size_t len;
	size_t passed; /* position at the step before */
};

/* The library's own memory holds parts of the text. */
static void *
regex_malloc(size_t size, void *data)
{
	(void)data;
	return xmalloc(size);
}

static void
regex_free_block(void *block, void *data)
{
	(void)data;
	secret_free_block(block);
}

static void
regex_free(struct regex *regex)
{
	pcre2_match_data_free(regex->found);
	pcre2_match_context_free(regex->limits);
	pcre2_code_free(regex->code);
	pcre2_general_context_free(regex->memory);
}
#define auto_regex __attribute__((cleanup(regex_free)))

static bool
is_utf8(const char *text, size_t len)
{
	for (size_t i = 0, n; i < len; i += n)
		if ((n = json_utf8_length(text + i, len - i)) == 0)
			return false;
	return true;
}

/* Called in front of each item of the pattern. The library's own limit begins anew at every
 * position of the text, and counts no characters. */
static int
count_step(pcre2_callout_block *step, void *data)
{
	struct regex *regex = data;
	size_t at = step->current_position;
	size_t moved = at > regex->passed ? at - regex->passed : regex->passed - at;

	regex->passed = at;
	regex->call->eval->matching += 1 + moved / 8;
	return regex->call->eval->matching > MATCHING_MAX ? PCRE2_ERROR_MATCHLIMIT : 0;
}

static enum err
too_much(const struct regex *regex)
{
	regex->call->eval->exhausted = true;
	return call_fail(regex->call, "takes too many steps: make the pattern simpler");
}

/* Modifiers, as argument `i` if there is one. */
static enum err
read_options(const struct formula_call *call, size_t i, uint32_t *options)
{
	if (i >= call->n_args)
		return OK;
	if (call->args[i].kind != VALUE_TEXT)
		return call_fail_arg(call, i, "modifiers: some of i, m, s and x");
	for (size_t k = 0; k < call->args[i].len; k++)
		switch (call->args[i].text[k]) {
		case 'i':
			*options |= PCRE2_CASELESS;
			break;
		case 'm':
			*options |= PCRE2_MULTILINE;
			break;
		case 's':
			*options |= PCRE2_DOTALL;
			break;
		case 'x':
			*options |= PCRE2_EXTENDED;
			break;
		default:
			return eval_fail(call->eval, call->node->items[i],
			    "%s knows the modifiers i, m, s and x", call->node->function->name);
		}
	return OK;
}

static enum err
compile(struct regex *regex, const struct buf *pattern, uint32_t options)
{
	const struct formula_call *call = regex->call;
	int code = 0;
	size_t at = 0;

	regex->memory = pcre2_general_context_create(regex_malloc, regex_free_block, NULL);
	pcre2_compile_context *rules = pcre2_compile_context_create(regex->memory);
	pcre2_set_parens_nest_limit(rules, GROUPS_NESTED_MAX);
	regex->code = pcre2_compile((PCRE2_SPTR)buf_text(pattern), pattern->len,
	    options | PCRE2_AUTO_CALLOUT | PCRE2_NEVER_BACKSLASH_C, &code, &at, rules);
	pcre2_compile_context_free(rules);
	if (regex->code == NULL) {
		PCRE2_UCHAR words[100] = "";

		pcre2_get_error_message(code, words, sizeof(words));
		return eval_fail(call->eval, call->node->items[1],
		    "the pattern of %s is wrong at its character %zu: %s",
		    call->node->function->name, at + 1, (const char *)words);
	}
	regex->limits = pcre2_match_context_create(regex->memory);
	pcre2_set_heap_limit(regex->limits, HEAP_KIB_MAX);
	pcre2_set_callout(regex->limits, count_step, regex);
	regex->found = pcre2_match_data_create_from_pattern(regex->code, regex->memory);
	return OK;
}

/* Arguments: text, pattern and, at `modifiers`, how. The text is borrowed. */
static enum err
regex_open(struct regex *regex, const struct buf *text, size_t modifiers)
{
	const struct formula_call *call = regex->call;
	auto_buf struct buf pattern = BUF_INIT_SECRET(VALUE_TEXT_MAX);
	uint32_t options = 0;
	enum err err = call_text(call, 1, &pattern);

	if (err == OK && pattern.len > PATTERN_MAX)
		err = eval_fail(call->eval, call->node->items[1],
		    "the pattern of %s is longer than %d bytes", call->node->function->name,
		    PATTERN_MAX);
	if (err == OK)
		err = read_options(call, modifiers, &options);
	if (err == OK)
		err = eval_spend_json(call->eval, call->node, COMPILE_COST);
	if (err != OK)
		return err;
	/* Characters where both are text, else bytes. */
	bool utf8 = is_utf8(buf_text(text), text->len) && is_utf8(buf_text(&pattern), pattern.len);
	regex->text = buf_text(text);
	regex->len = text->len;
	return compile(regex, &pattern, options | (utf8 ? PCRE2_UTF : PCRE2_NEVER_UTF));
}

/* The next match at or behind `from`: one that is empty does not hold the search up. */
static enum err
regex_next(struct regex *regex, size_t from, uint32_t options, int *groups_out)
{
	regex->call->eval->matching += 16 + ((regex->len - from) >> 8);
	if (regex->call->eval->matching > MATCHING_MAX)
		return too_much(regex);
	regex->passed = from;
	int n = pcre2_match(regex->code, (PCRE2_SPTR)regex->text, regex->len, from,
	    options | PCRE2_NO_UTF_CHECK, regex->found, regex->limits);
	if (n == PCRE2_ERROR_MATCHLIMIT || n == PCRE2_ERROR_HEAPLIMIT ||
	    n == PCRE2_ERROR_DEPTHLIMIT || n == PCRE2_ERROR_RECURSELOOP)
		return too_much(regex);
	if (n < 0 && n != PCRE2_ERROR_NOMATCH)
		return call_fail(regex->call, "cannot match this pattern");
	*groups_out = n < 0 ? 0 : n;
	return OK;
}

/* Where to go on behind a match: an empty one is followed by the next character. */
static size_t
step_over(const struct regex *regex, const size_t *span)
{
	size_t n;

	if (span[1] > span[0])
		return span[1];
	if (span[1] >= regex->len)
		return regex->len + 1;
	n = json_utf8_length(regex->text + span[1], regex->len - span[1]);
	return span[1] + (n > 0 ? n : 1);
}

/* A lookbehind with \K may end before it begins, or begin before the match in front of it. */
static bool
span_is_odd(const size_t *span, size_t from)
{
	return span[0] > span[1] || span[0] < from;
}

static enum err
add_match(struct regex *regex, int groups, const size_t *span, json_t *matches)
{
	uint32_t has_groups = 0;
	json_t *match;

	pcre2_pattern_info(regex->code, PCRE2_INFO_CAPTURECOUNT, &has_groups);
	if (has_groups > 0 && (groups < 2 || span[2] == PCRE2_UNSET))
		match = json_null();
	else
		match = json_stringn(regex->text + span[has_groups > 0 ? 2 : 0],
		    has_groups > 0 ? span[3] - span[2] : span[1] - span[0]);
	if (match == NULL)
		return call_fail(regex->call, "needs UTF-8 text");
	json_array_append_new(matches, match);
	if (json_array_size(matches) > MATCHES_MAX)
		return call_fail(regex->call, "finds more than %d matches", MATCHES_MAX);
	return eval_spend_json(regex->call->eval, regex->call->node,
	    VALUE_JSON_COST + json_string_length(match));
}

enum err
formula_fn_regex_extract(const struct formula_call *call, struct value *out)
{
	auto_regex struct regex regex = { .call = call };
	auto_buf struct buf text = CALL_BUF;
	json_auto_t *matches = json_array();
	enum err err = call_text(call, 0, &text);
	int groups = 0;

	if (err == OK)
		err = regex_open(&regex, &text, 2);
	for (size_t from = 0; err == OK && from <= regex.len;) {
		err = regex_next(&regex, from, 0, &groups);
		if (err != OK || groups == 0)
			break;
		const size_t *span = pcre2_get_ovector_pointer(regex.found);
		if (span_is_odd(span, from))
			return call_fail(call, "cannot use \\K in a lookaround");
		err = add_match(&regex, groups, span, matches);
		from = step_over(&regex, span);
	}
	if (err == OK)
		value_set_json(out, json_incref(matches));
	return err;
}

/* \0 to \9 are groups, \\ a backslash. */
static void
add_replacement(const struct regex *regex, int groups, const size_t *span, const struct buf *with,
    struct buf *made)
{
	const char *text = buf_text(with);

	for (size_t i = 0; i < with->len; i++) {
		char next = i + 1 < with->len ? text[i + 1] : '\0';

		if (text[i] != '\\' || (next != '\\' && (next < '0' || next > '9'))) {
			buf_add_char(made, text[i]);
			continue;
		}
		i++;
		if (next == '\\')
			buf_add_char(made, next);
		else if (next - '0' < groups && span[(next - '0') * 2] != PCRE2_UNSET)
			buf_add(made, regex->text + span[(next - '0') * 2],
			    span[(next - '0') * 2 + 1] - span[(next - '0') * 2]);
	}
}

static enum err
replace_all(struct regex *regex, const struct buf *with, struct buf *made)
{
	const struct formula_call *call = regex->call;
	size_t done = 0;
	int groups = 0, n = 0;

	for (size_t from = 0; from <= regex->len && !made->over;) {
		enum err err = regex_next(regex, from, 0, &groups);

		if (err != OK)
			return err;
		if (groups == 0)
			break;
		const size_t *span = pcre2_get_ovector_pointer(regex->found);
		if (span_is_odd(span, done))
			return call_fail(call, "cannot use \\K in a lookaround");
		if (++n > MATCHES_MAX)
			return call_fail(call, "finds more than %d matches", MATCHES_MAX);
		buf_add(made, regex->text + done, span[0] - done);
		add_replacement(regex, groups, span, with, made);
		err = eval_spend_json(call->eval, call->node, with->len);
		if (err != OK)
			return err;
		done = span[1];
		from = step_over(regex, span);
	}
	buf_add(made, regex->text + done, regex->len - done);
	return OK;
}

enum err
formula_fn_regex_replace(const struct formula_call *call, struct value *out)
{
	auto_regex struct regex regex = { .call = call };
	auto_buf struct buf text = CALL_BUF, with = CALL_BUF, made = CALL_BUF;
	enum err err = call_text(call, 0, &text);

	if (err == OK)
		err = call_text(call, 2, &with);
	if (err == OK)
		err = regex_open(&regex, &text, 3);
	if (err == OK)
		err = replace_all(&regex, &with, &made);
	return err == OK ? call_give_text(call, &made, out) : err;
}
