/* SPDX-License-Identifier: Apache-2.0 */
/* Cuts a formula into tokens, counting columns as the user sees them. */
#include "formula/lexer.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/secret.h"
#include "formula/formula.h"

static bool
is_name_char(char c)
{
	return isalnum((unsigned char)c) || c == '_' || (unsigned char)c >= 0x80;
}

static char
peek(const struct lexer *lexer, size_t ahead)
{
	return lexer->pos + ahead < lexer->len ? lexer->whole[lexer->pos + ahead] : '\0';
}

unsigned
lexer_column(struct lexer *lexer, const char *at)
{
	if (at < lexer->counted) {
		lexer->counted = lexer->whole;
		lexer->column = 1;
	}
	for (; lexer->counted < at; lexer->counted++)
		lexer->column += ((unsigned char)*lexer->counted & 0xc0) != 0x80;
	return lexer->column;
}

static enum err
fail_at(struct lexer *lexer, const char *at, const char *what)
{
	return err_set(lexer->ctx, ERR_FIELD, "", "column %u: %s", lexer_column(lexer, at), what);
}

enum err
lexer_expected(struct lexer *lexer, const char *what)
{
	const struct token *token = &lexer->token;
	unsigned column = lexer_column(lexer, token->start);

	/* What somebody wrote out may be a secret that only looks like a formula; punctuation is
	 * none. */
	static const char *const found[] = { [TOKEN_END] = "the end of the formula",
		[TOKEN_NAME] = "a name",
		[TOKEN_NUMBER] = "a number",
		[TOKEN_TEXT] = "a text" };

	if (token->kind == TOKEN_SYMBOL)
		return err_set(lexer->ctx, ERR_FIELD, "", "column %u: expected %s, found '%.*s'",
		    column, what, (int)token->len, token->start);
	return err_set(lexer->ctx, ERR_FIELD, "", "column %u: expected %s, found %s", column, what,
	    found[token->kind]);
}

/* Digits with fraction and exponent; 0 when the run of characters is a name that begins with a
 * digit. */
static size_t
number_length(const struct lexer *lexer)
{
	size_t n = 0;

	while (isdigit((unsigned char)peek(lexer, n)))
		n++;
	if (peek(lexer, n) == '.' && isdigit((unsigned char)peek(lexer, n + 1))) {
		n++;
		while (isdigit((unsigned char)peek(lexer, n)))
			n++;
	}
	if (peek(lexer, n) == 'e' || peek(lexer, n) == 'E') {
		size_t sign = peek(lexer, n + 1) == '+' || peek(lexer, n + 1) == '-';

		if (isdigit((unsigned char)peek(lexer, n + 1 + sign))) {
			n += 1 + sign;
			while (isdigit((unsigned char)peek(lexer, n)))
				n++;
		}
	}
	return is_name_char(peek(lexer, n)) ? 0 : n;
}

static enum err
read_number(struct lexer *lexer, size_t n)
{
	struct token *token = &lexer->token;
	char digits[64];

	token->kind = TOKEN_NUMBER;
	token->len = n;
	if (n >= sizeof(digits))
		return fail_at(lexer, token->start, "the number is too long");
	memcpy(digits, token->start, n);
	digits[n] = '\0';
	lexer->pos += n;
	errno = 0;
	if (strspn(digits, "0123456789") == n) {
		intmax_t whole = strtoimax(digits, NULL, 10);

		if (errno == ERANGE)
			return fail_at(lexer, token->start, "the number is too large");
		value_set_integer(&token->value, whole);
		return OK;
	}
	double real = strtod(digits, NULL);
	if (!isfinite(real))
		return fail_at(lexer, token->start, "the number is too large");
	value_set_real(&token->value, real);
	return OK;
}

/* Four hexadecimal digits at pos, or -1. */
static int
read_hex4(const struct lexer *lexer)
{
	int code = 0;

	for (size_t i = 0; i < 4; i++) {
		char c = peek(lexer, i);

		if (!isxdigit((unsigned char)c))
			return -1;
		code = code * 16 + (isdigit((unsigned char)c) ? c - '0' : (c | 0x20) - 'a' + 10);
	}
	return code;
}

static void
add_utf8(struct buf *out, unsigned code)
{
	if (code < 0x80) {
		buf_add_char(out, (char)code);
		return;
	}
	if (code >= 0x10000) {
		buf_add_char(out, (char)(0xf0 | (code >> 18)));
		buf_add_char(out, (char)(0x80 | ((code >> 12) & 0x3f)));
	} else if (code >= 0x800) {
		buf_add_char(out, (char)(0xe0 | (code >> 12)));
	}
	if (code >= 0x800)
		buf_add_char(out, (char)(0x80 | ((code >> 6) & 0x3f)));
	else
		buf_add_char(out, (char)(0xc0 | (code >> 6)));
	buf_add_char(out, (char)(0x80 | (code & 0x3f)));
}

/* \uXXXX, or a pair of them (RFC 8259 section 7). pos is behind the `u`. */
static enum err
read_unicode(struct lexer *lexer, struct buf *out)
{
	const char *start = lexer->whole + lexer->pos - 2;
	int code = read_hex4(lexer);

	if (code < 0)
		return fail_at(lexer, start, "expected four hexadecimal digits after \\u");
	lexer->pos += 4;
	if (code >= 0xd800 && code < 0xdc00 && peek(lexer, 0) == '\\' && peek(lexer, 1) == 'u') {
		lexer->pos += 2;
		int low = read_hex4(lexer);
		if (low < 0xdc00 || low > 0xdfff)
			return fail_at(lexer, start, "half of a surrogate pair");
		lexer->pos += 4;
		add_utf8(out, 0x10000 + (((unsigned)code & 0x3ff) << 10) + ((unsigned)low & 0x3ff));
		return OK;
	}
	if (code >= 0xd800 && code <= 0xdfff)
		return fail_at(lexer, start, "half of a surrogate pair");
	add_utf8(out, (unsigned)code);
	return OK;
}

/* pos is at the backslash. What is no escape stays as written, so that patterns such as "\d+" need
 * no doubling. */
static enum err
read_escape(struct lexer *lexer, struct buf *out)
{
	static const char letters[] = "\\\"'/nrt", meant[] = "\\\"'/\n\r\t";
	char c = peek(lexer, 1);
	const char *found = c != '\0' ? strchr(letters, c) : NULL;

	if (c == 'u') {
		lexer->pos += 2;
		return read_unicode(lexer, out);
	}
	if (found != NULL) {
		buf_add_char(out, meant[found - letters]);
		lexer->pos += 2;
	} else {
		buf_add_char(out, '\\');
		lexer->pos++;
	}
	return OK;
}

static enum err
read_text(struct lexer *lexer)
{
	struct token *token = &lexer->token;
	char quote = peek(lexer, 0);
	auto_buf struct buf text = BUF_INIT_SECRET(FORMULA_TEXT_MAX);

	token->kind = TOKEN_TEXT;
	lexer->pos++;
	for (;;) {
		if (lexer->pos >= lexer->len)
			return fail_at(lexer, token->start, "this text has no closing quote");
		char c = peek(lexer, 0);
		if (c == quote)
			break;
		if (c == '\\') {
			enum err err = read_escape(lexer, &text);

			if (err != OK)
				return err;
		} else {
			buf_add_char(&text, c);
			lexer->pos++;
		}
	}
	lexer->pos++;
	token->len = (size_t)(lexer->whole + lexer->pos - token->start);
	value_set_text(&token->value, buf_text(&text), text.len);
	return OK;
}

static enum err
read_symbol(struct lexer *lexer)
{
	static const char symbols[] = "=<>+-*/()[]{},:.", before_equals[] = "!<>";
	struct token *token = &lexer->token;
	char c = *token->start;
	bool two = c != '\0' && strchr(before_equals, c) != NULL && peek(lexer, 1) == '=';

	if (two || (c != '\0' && strchr(symbols, c) != NULL)) {
		token->kind = TOKEN_SYMBOL;
		token->len = two ? 2 : 1;
		lexer->pos += token->len;
		return OK;
	}
	if (isprint((unsigned char)*token->start))
		return err_set(lexer->ctx, ERR_FIELD, "", "column %u: unexpected character '%c'",
		    lexer_column(lexer, token->start), *token->start);
	return fail_at(lexer, token->start, "unexpected control character");
}

enum err
lexer_next(struct lexer *lexer)
{
	struct token *token = &lexer->token;

	value_free(&token->value);
	while (lexer->pos < lexer->len && strchr(" \t\r\n", peek(lexer, 0)) != NULL &&
	       peek(lexer, 0) != '\0')
		lexer->pos++;
	*token = (struct token){ .kind = TOKEN_END, .start = lexer->whole + lexer->pos };
	if (lexer->pos >= lexer->len)
		return OK;
	if (lexer->in_template && peek(lexer, 0) == '>' && peek(lexer, 1) == '>') {
		token->len = 2;
		return OK;
	}
	char c = peek(lexer, 0);
	if (c == '"' || c == '\'')
		return read_text(lexer);
	if (!is_name_char(c))
		return read_symbol(lexer);
	size_t digits = isdigit((unsigned char)c) ? number_length(lexer) : 0;
	if (digits > 0)
		return read_number(lexer, digits);
	token->kind = TOKEN_NAME;
	while (is_name_char(peek(lexer, token->len)))
		token->len++;
	lexer->pos += token->len;
	return OK;
}

enum err
lexer_start(struct lexer *lexer, const char *whole, size_t len, size_t pos, bool in_template,
    struct errctx *ctx)
{
	*lexer = (struct lexer){
		.whole = whole,
		.len = len,
		.pos = pos,
		.in_template = in_template,
		.ctx = ctx,
		.counted = whole,
		.column = 1,
	};
	lexer->token.start = whole + pos;
	if (len > FORMULA_TEXT_MAX)
		return err_set(ctx, ERR_FIELD, "",
		    "column 1: a text with formulas is longer than %zu bytes", FORMULA_TEXT_MAX);
	return lexer_next(lexer);
}

bool
lexer_is(const struct lexer *lexer, const char *symbol)
{
	const struct token *token = &lexer->token;

	return token->kind == TOKEN_SYMBOL && *token->start == *symbol &&
	       token->len == strlen(symbol) && memcmp(token->start, symbol, token->len) == 0;
}

bool
lexer_is_name(const struct lexer *lexer, const char *name)
{
	const struct token *token = &lexer->token;

	return token->kind == TOKEN_NAME && *token->start == *name && token->len == strlen(name) &&
	       memcmp(token->start, name, token->len) == 0;
}

void
lexer_free(struct lexer *lexer)
{
	value_free(&lexer->token.value);
}
