/* SPDX-License-Identifier: Apache-2.0 */
/* NOW() and DATE(): moments read from text or numbers and written by a format, in any time zone
 * (GLib, which keeps no state between threads). */
#include <string.h>

#include <glib.h>

#include "base/clock.h"
#include "base/json.h"
#include "formula/call.h"

#define FORMAT_MAX 256
#define WHEN_MAX 64
#define ZONE_MAX 64
#define DATE_COST 4096 /* reading a time zone */
/* From here on a number counts milliseconds: as seconds it is the year 5138. */
#define MILLISECONDS_FROM 100000000000
#define YEAR_FIRST_MS (-62135596800000) /* year 1 */
#define YEAR_LAST_MS 253402300799999    /* year 9999 */

enum err
formula_fn_now(const struct formula_call *call, struct value *out)
{
	char iso[CLOCK_ISO_SIZE];

	clock_iso(call->eval->scope->now_ms, iso);
	value_set_text(out, iso, strlen(iso));
	return OK;
}

/* Argument i as short text of one line, into `room` of `size` bytes. */
static bool
short_text(const struct formula_call *call, size_t i, char *room, size_t size)
{
	const struct value *value = &call->args[i];

	if (value->kind != VALUE_TEXT || value->len >= size || strlen(value->text) != value->len)
		return false;
	memcpy(room, value->text, value->len + 1);
	return g_utf8_validate(room, -1, NULL) != FALSE;
}

static enum err
read_zone(const struct formula_call *call, size_t i, GTimeZone **zone_out)
{
	static const char allowed[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-:/";
	char name[ZONE_MAX];

	if (i >= call->n_args || call->args[i].kind == VALUE_NULL) {
		*zone_out = g_time_zone_new_utc();
		return OK;
	}
	/* GLib makes a file name of it. */
	if (short_text(call, i, name, sizeof(name)) && name[0] != '\0' && name[0] != '/' &&
	    name[0] != ':' && strspn(name, allowed) == strlen(name))
		*zone_out = g_time_zone_new_identifier(name);
	return *zone_out != NULL
		   ? OK
		   : eval_fail(call->eval, call->node->items[i],
			 "DATE needs a time zone such as Europe/Berlin, UTC or +02:00");
}

/* ---- the moment ---- */

static bool
number_to_ms(double number, double *ms_out)
{
	double ms =
	    number >= MILLISECONDS_FROM || number <= -MILLISECONDS_FROM ? number : number * 1000;

	*ms_out = ms;
	return ms >= (double)YEAR_FIRST_MS && ms <= (double)YEAR_LAST_MS;
}

/* "now", or "now + 10 minutes". */
static bool
relative_to_ms(const char *text, int64_t now_ms, double *ms_out)
{
	static const struct {
		const char *name;
		int64_t ms;
	} units[] = { { "second", 1000 }, { "minute", 60000 }, { "hour", 3600000 },
		{ "day", 86400000 }, { "week", 604800000 } };
	char *end;

	if (g_ascii_strncasecmp(text, "now", 3) != 0)
		return false;
	text += 3 + strspn(text + 3, " ");
	*ms_out = (double)now_ms;
	if (*text == '\0')
		return true;
	bool minus = *text == '-';
	if (*text != '+' && !minus)
		return false;
	text += 1 + strspn(text + 1, " ");
	if (!g_ascii_isdigit(*text))
		return false;
	guint64 n = g_ascii_strtoull(text, &end, 10);
	end += strspn(end, " ");
	for (size_t i = 0; i < G_N_ELEMENTS(units); i++) {
		size_t len = strlen(units[i].name);

		if (g_ascii_strncasecmp(end, units[i].name, len) != 0 ||
		    (end[len] != '\0' && g_ascii_strcasecmp(end + len, "s") != 0))
			continue;
		double moved = (double)n * (double)units[i].ms;
		*ms_out += minus ? -moved : moved;
		return *ms_out >= (double)YEAR_FIRST_MS && *ms_out <= (double)YEAR_LAST_MS;
	}
	return false;
}

/* The moment as microseconds are wanted by nobody: milliseconds, within the years 1 to 9999. */
static bool
text_to_ms(const char *text, int64_t now_ms, GTimeZone *zone, double *ms_out)
{
	char room[WHEN_MAX + 10];
	size_t len = strlen(text);

	if (relative_to_ms(text, now_ms, ms_out))
		return true;
	if (len > 0 && strspn(text + (*text == '-'), "0123456789") == len - (*text == '-'))
		return number_to_ms(g_ascii_strtod(text, NULL), ms_out);
	/* A date alone is its first moment. */
	g_snprintf(room, sizeof(room), "%s%s", text, strlen(text) <= 10 ? "T00:00:00" : "");
	GDateTime *moment = g_date_time_new_from_iso8601(room, zone);
	if (moment == NULL)
		return false;
	*ms_out =
	    (double)g_date_time_to_unix(moment) * 1000 + g_date_time_get_microsecond(moment) / 1000;
	g_date_time_unref(moment);
	return *ms_out >= (double)YEAR_FIRST_MS && *ms_out <= (double)YEAR_LAST_MS;
}

static enum err
read_moment(const struct formula_call *call, GTimeZone *zone, int64_t *ms_out)
{
	const struct value *when = &call->args[0];
	char text[WHEN_MAX];
	double ms = 0;
	bool read = value_is_number(when)
			? number_to_ms(value_as_real(when), &ms)
			: short_text(call, 0, text, sizeof(text)) &&
			      text_to_ms(text, call->eval->scope->now_ms, zone, &ms);

	if (!read)
		return eval_fail(call->eval, call->node->items[0],
		    "DATE needs \"now\", a date as ISO 8601 writes it, or seconds or milliseconds "
		    "since 1970");
	*ms_out = (int64_t)(ms < 0 ? ms - 0.5 : ms + 0.5);
	return OK;
}

/* ---- the format ---- */

static int64_t
floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

/* What vendors ask for and strftime has not: fractions of a second (%L, %N, %3N…) and milliseconds
 * since 1970 (%Q). All else is GLib's. */
static void
expand(const char *format, int64_t ms, GString *out)
{
	int fraction = (int)(ms - floor_div(ms, 1000) * 1000);

	for (const char *c = format; *c != '\0'; c++) {
		if (c[0] != '%' || c[1] == '\0') {
			g_string_append_c(out, *c);
		} else if (c[1] == 'L' || (c[1] == '3' && c[2] == 'N')) {
			g_string_append_printf(out, "%03d", fraction);
			c += c[1] == 'L' ? 1 : 2;
		} else if (c[1] == 'N' || ((c[1] == '6' || c[1] == '9') && c[2] == 'N')) {
			g_string_append_printf(out, "%03d%s", fraction,
			    c[1] == '6' ? "000" : "000000");
			c += c[1] == 'N' ? 1 : 2;
		} else if (c[1] == 'Q') {
			g_string_append_printf(out, "%lld", (long long)ms);
			c++;
		} else {
			g_string_append_len(out, c, 2);
			c++;
		}
	}
}

static enum err
write_date(const struct formula_call *call, const char *format, int64_t ms, GTimeZone *zone,
    struct value *out)
{
	GDateTime *utc = g_date_time_new_from_unix_utc(floor_div(ms, 1000));
	GDateTime *local = utc != NULL ? g_date_time_to_timezone(utc, zone) : NULL;
	GString *expanded = g_string_new(NULL);
	enum err err = OK;

	expand(format, ms, expanded);
	char *text = local != NULL ? g_date_time_format(local, expanded->str) : NULL;
	if (text == NULL)
		err = eval_fail(call->eval, call->node->items[1],
		    "DATE cannot use this format; it is one of strftime, such as %%Y-%%m-%%d");
	else
		err = call_give_bytes(call, text, strlen(text), out);
	g_free(text);
	g_string_free(expanded, TRUE);
	g_clear_pointer(&local, g_date_time_unref);
	g_clear_pointer(&utc, g_date_time_unref);
	return err;
}

enum err
formula_fn_date(const struct formula_call *call, struct value *out)
{
	GTimeZone *zone = NULL;
	char format[FORMAT_MAX];
	int64_t ms = 0;
	enum err err = eval_spend_json(call->eval, call->node, DATE_COST);

	if (err == OK && !short_text(call, 1, format, sizeof(format)))
		err = eval_fail(call->eval, call->node->items[1],
		    "DATE needs a format of at most %d characters, such as %%Y-%%m-%%d",
		    FORMAT_MAX - 1);
	if (err == OK)
		err = read_zone(call, 2, &zone);
	if (err == OK)
		err = read_moment(call, zone, &ms);
	if (err == OK && strcmp(format, "%s") == 0)
		value_set_integer(out, floor_div(ms, 1000));
	else if (err == OK && strcmp(format, "%Q") == 0)
		value_set_integer(out, ms);
	else if (err == OK)
		err = write_date(call, format, ms, zone, out);
	g_clear_pointer(&zone, g_time_zone_unref);
	return err;
}
