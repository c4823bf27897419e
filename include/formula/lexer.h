/* SPDX-License-Identifier: Apache-2.0 */
/* Cuts a formula into tokens, counting columns as the user sees them. */
#ifndef BAILEE_FORMULA_LEXER_H
#define BAILEE_FORMULA_LEXER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "formula/value.h"

enum token_kind {
	TOKEN_END,    /* end of the string or, inside a template, `>>` */
	TOKEN_NAME,   /* letters, digits, `_` and everything beyond ASCII */
	TOKEN_NUMBER, /* value holds it */
	TOKEN_TEXT,   /* value holds it, escapes resolved */
	TOKEN_SYMBOL, /* one or two characters of punctuation */
};

struct token {
	enum token_kind kind;
	const char *start; /* into the source */
	size_t len;
	struct value value;
};

/* What is cut: a stretch of the string the user wrote. Columns count from its beginning. */
struct lexer {
	const char *whole;
	size_t len;
	size_t pos;
	bool in_template;    /* `>>` ends the formula */
	struct token token;  /* the one under consideration */
	const char *counted; /* columns are counted once: up to here… */
	unsigned column;     /* …it is this one */
	struct errctx *ctx;
};

/* Reads the first token at `pos`. Call lexer_free() whatever comes of it. */
enum err lexer_start(struct lexer *lexer, const char *whole, size_t len, size_t pos,
    bool in_template, struct errctx *ctx) MUSTCHECK;
/* ERR_FIELD for what is no token at all. */
enum err lexer_next(struct lexer *lexer) MUSTCHECK;
bool lexer_is(const struct lexer *lexer, const char *symbol); /* the token is this symbol */
bool lexer_is_name(const struct lexer *lexer,
    const char *name); /* the token is this name, as written */
/* 1-based, in characters. */
unsigned lexer_column(struct lexer *lexer, const char *at);
/* "column N: expected <what>, found <token>": ERR_FIELD. */
enum err lexer_expected(struct lexer *lexer, const char *what);
void lexer_free(struct lexer *lexer);

#endif
