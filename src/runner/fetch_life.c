/* SPDX-License-Identifier: Apache-2.0 */
/* How long a fetched token lives: what its owner allows, what the answer and the token say. */
#include "runner/fetch_life.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/crypt.h"
#include "base/json.h"
#include "base/secret.h"
#include "store/fetch_token.h"

#define NUMBER_MOST 1e15 /* beyond are no times */

/* Seconds from now, or a point in time as number; ms. */
static int64_t
time_of_number(double number, int64_t now_ms)
{
	if (number >= 1e12)
		return (int64_t)number;
	if (number >= 1e9)
		return (int64_t)(number * 1000);
	return now_ms + (int64_t)(number * 1000);
}

static bool
number_of_text(const char *text, double *number_out)
{
	char *end;

	if (!*text || strlen(text) > 24 || strspn(text, "0123456789.") != strlen(text))
		return false;
	*number_out = strtod(text, &end);
	return *end == '\0';
}

/* False when it cannot be read; *at_out stays when nothing is said. */
static bool
read_said(const struct value *said, int64_t now_ms, int64_t *at_out)
{
	double number;

	if (!said || said->kind == VALUE_NULL || (said->kind == VALUE_TEXT && said->len == 0))
		return true;
	if (value_is_number(said))
		number = value_as_real(said);
	else if (said->kind != VALUE_TEXT)
		return false;
	else if (!number_of_text(said->text, &number))
		return clock_parse_iso(said->text, at_out) == OK;
	if (!(number >= 0 && number <= NUMBER_MOST))
		return false;
	*at_out = time_of_number(number, now_ms);
	return true;
}

/* The claim `exp` of a signed token (RFC 7519 section 4.1.4), ms; 0 when there is none. */
static int64_t
read_exp(const char *token, size_t len)
{
	const char *first = memchr(token, '.', len);
	const char *second =
	    first ? memchr(first + 1, '.', (size_t)(token + len - first - 1)) : NULL;
	unsigned char *bytes = NULL;
	json_t *claims = NULL;
	int64_t exp = 0;
	size_t n = 0;

	if (!second || memcmp(token, "eyJ", 3) != 0 ||
	    crypt_base64url_decode(first + 1, (size_t)(second - first - 1), &bytes, &n))
		return 0;
	if (!json_parse((const char *)bytes, n, &claims, NULL)) {
		double number = json_number_value(json_object_get(claims, "exp"));

		if (number > 0 && number < NUMBER_MOST / 1000)
			exp = (int64_t)(number * 1000);
	}
	json_decref(claims);
	explicit_bzero(bytes, n);
	free(bytes);
	return exp;
}

enum err
fetch_life_find(int64_t ttl_s, const struct value *said, const char *token, size_t len,
    int64_t now_ms, struct fetch_life *life_out, struct errctx *ctx)
{
	struct fetch_life life = { .keep_s = ttl_s };
	int64_t said_at = 0, ends_at = len > 3 ? read_exp(token, len) : 0;

	if (!read_said(said, now_ms, &said_at))
		return err_set(ctx, ERR_VALUE, "",
		    "what is said of the token's end is neither seconds nor a time");
	if (said_at && (!ends_at || said_at < ends_at))
		ends_at = said_at;
	if (ends_at) {
		life.expires_s = (ends_at - now_ms) / 1000;
		if (life.expires_s < FETCH_MARGIN_S)
			return err_set(ctx, ERR_VALUE, "",
			    "the token that came lives for less than %d seconds", FETCH_MARGIN_S);
		if (said_at && !ttl_s)
			life.keep_s = life.expires_s;
		if (life.keep_s > life.expires_s)
			life.keep_s = life.expires_s;
	}
	if (life.keep_s > FETCH_LIFE_MOST_S)
		life.keep_s = FETCH_LIFE_MOST_S;
	*life_out = life;
	return OK;
}
