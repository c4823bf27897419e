/* SPDX-License-Identifier: Apache-2.0 */
/* What a formula works on: JSON's types, but text is bytes that need not be UTF-8 and may hold NUL.
 */
#ifndef BAILEE_FORMULA_VALUE_H
#define BAILEE_FORMULA_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "base/buf.h"
#include "base/error.h"

/* No text a formula makes, and no text made of a value, is longer (bytes). */
#define VALUE_TEXT_MAX ((size_t)1024 * 1024)

/* An answer as later formulas see it. Borrowed everywhere: it outlives every value made from it. */
struct formula_response {
	int status;
	const json_t
	    *headers; /* object: name -> text or array of texts; looked up in any letter case */
	const json_t *body_json; /* the body when it is JSON, else NULL */
	const char *raw;         /* the body as received; may be NULL when raw_len is 0 */
	size_t raw_len;
};

enum value_kind {
	VALUE_NULL,
	VALUE_BOOL,
	VALUE_INTEGER,
	VALUE_REAL, /* finite, and no whole number an integer could hold exactly */
	VALUE_TEXT,
	VALUE_JSON, /* array or object */
	VALUE_RESPONSE,
	VALUE_STEPS, /* all responses so far */
};

/* Everything may be secret: value_free() cleanses text. An empty struct is NULL. */
struct value {
	enum value_kind kind;
	bool flag;
	int64_t integer;
	double real;
	char *text; /* owned; NUL behind len */
	size_t len;
	json_t *json;    /* owned reference */
	bool any_case;   /* members of json are found in any letter case (headers) */
	const char *raw; /* a JSON body as received, which is what it is as text; borrowed */
	size_t raw_len;
	const struct formula_response *response;     /* borrowed */
	const struct formula_response *const *steps; /* borrowed */
	size_t n_steps;
};

void value_free(struct value *value);
#define auto_value __attribute__((cleanup(value_free)))

/* Moves: `from` is NULL afterwards; what `to` held is freed. */
void value_move(struct value *to, struct value *from);

/* Setters free what was there. */
void value_set_bool(struct value *value, bool flag);
void value_set_integer(struct value *value, int64_t number);
void value_set_real(struct value *value,
    double number); /* whole numbers become integers; finite only */
void value_set_text(struct value *value, const void *bytes, size_t len);
void value_set_json(struct value *value, json_t *array_or_object); /* takes over the reference */
/* Any JSON value, copied or referenced; NULL gives NULL. `json` itself is never changed. */
void value_set_from_json(struct value *value, const json_t *json);

/* Only FALSE and NULL are false. */
bool value_truth(const struct value *value);
/* NULL, FALSE, and empty text, array or object: what DEFAULT() replaces. */
bool value_blank(const struct value *value);
/* "text", "a number"...: for error texts. */
const char *value_kind_name(const struct value *value);
bool value_is_number(const struct value *value);
double value_as_real(const struct value *value); /* of a number */
/* Same type and same content; 1 and 1.0 are equal. */
bool value_equal(const struct value *a, const struct value *b);

/* Member of an array, object, response or list of responses; NULL when there is none. `out` is not
 * `base`. */
void value_member(const struct value *base, const struct value *key, struct value *out);

/* The only reason why a value has no text or no JSON. */
#define VALUE_NOT_UTF8 "the result is not UTF-8 text; BASE64_ENCODE() it first"

/* The value as text: NULL is empty, arrays and objects are JSON, a body is the bytes received. Too
 * much sets buf->over. ERR_VALUE when a response with a body that is neither JSON nor UTF-8 is
 * wanted as a whole. */
enum err value_add_text(const struct value *value, struct buf *buf, struct errctx *ctx) MUSTCHECK;

/* What JSON takes that is made or walked, in bytes: so much for each value in it. */
#define VALUE_JSON_COST 64
size_t value_json_cost(const json_t *json);
/* The same for turning the value into JSON; 0 where that only adds a reference. */
size_t value_to_json_cost(const struct value *value);

/* The value as JSON; the caller owns it. ERR_VALUE for text that is not UTF-8. */
enum err value_to_json(const struct value *value, json_t **json_out, struct errctx *ctx) MUSTCHECK;

#endif
