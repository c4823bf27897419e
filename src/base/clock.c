/* SPDX-License-Identifier: Apache-2.0 */
/* Time: milliseconds since the Unix epoch (wall) or since some start (monotonic), and ISO 8601
 * text. */
#include "base/clock.h"

#include <time.h>

static int64_t
clock_read(clockid_t id)
{
	struct timespec now;

	clock_gettime(id, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t
clock_now_ms(void)
{
	return clock_read(CLOCK_REALTIME);
}

int64_t
clock_monotonic_ms(void)
{
	return clock_read(CLOCK_MONOTONIC);
}

int64_t
clock_from_parts(const struct clock_parts *parts)
{
	struct tm tm = { .tm_year = parts->year - 1900,
		.tm_mon = parts->month - 1,
		.tm_mday = parts->day,
		.tm_hour = parts->hour,
		.tm_min = parts->minute,
		.tm_sec = parts->second };

	return (int64_t)timegm(&tm) * 1000 + parts->ms;
}

void
clock_to_parts(int64_t ms, struct clock_parts *out)
{
	time_t seconds = (time_t)(ms >= 0 ? ms / 1000 : (ms - 999) / 1000);
	struct tm tm;

	gmtime_r(&seconds, &tm);
	*out = (struct clock_parts){ tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour,
		tm.tm_min, tm.tm_sec, (int)(ms - (int64_t)seconds * 1000) };
}

/* Exactly `digits` of them; returns where the next byte goes. */
static char *
put_digits(char *to, int value, int digits, char behind)
{
	for (int i = digits - 1; i >= 0; i--, value /= 10)
		to[i] = (char)('0' + value % 10);
	to[digits] = behind;
	return to + digits + 1;
}

void
clock_iso(int64_t ms, char out[CLOCK_ISO_SIZE])
{
	struct clock_parts p;

	clock_to_parts(ms, &p);
	if (p.year < 0 || p.year > 9999)
		p.year = 9999;
	char *to = put_digits(out, p.year, 4, '-');
	to = put_digits(to, p.month, 2, '-');
	to = put_digits(to, p.day, 2, 'T');
	to = put_digits(to, p.hour, 2, ':');
	to = put_digits(to, p.minute, 2, ':');
	to = put_digits(to, p.second, 2, '.');
	*put_digits(to, p.ms, 3, 'Z') = '\0';
}

/* Reads exactly `digits` digits; -1 when there are fewer. */
static int
take_digits(const char **at, int digits)
{
	int value = 0;

	for (int i = 0; i < digits; i++, (*at)++) {
		if (**at < '0' || **at > '9')
			return -1;
		value = value * 10 + (**at - '0');
	}
	return value;
}

static int
take_fraction_ms(const char **at)
{
	int ms = 0, scale = 100;

	if (**at != '.')
		return 0;
	(*at)++;
	while (**at >= '0' && **at <= '9') {
		ms += (**at - '0') * scale;
		scale /= 10;
		(*at)++;
	}
	return ms;
}

/* 'Z' or +hh:mm; minutes east of UTC. */
static enum err
take_offset(const char **at, int *minutes_out)
{
	char sign = **at;

	(*at)++;
	*minutes_out = 0;
	if (sign == 'Z' || sign == 'z')
		return OK;
	if (sign != '+' && sign != '-')
		return ERR_VALUE;
	int hours = take_digits(at, 2);
	if (**at == ':')
		(*at)++;
	int minutes = take_digits(at, 2);
	if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59)
		return ERR_VALUE;
	*minutes_out = (hours * 60 + minutes) * (sign == '-' ? -1 : 1);
	return OK;
}

static bool
parts_valid(const struct clock_parts *p)
{
	return p->year >= 0 && p->month >= 1 && p->month <= 12 && p->day >= 1 && p->day <= 31 &&
	       p->hour >= 0 && p->hour <= 23 && p->minute >= 0 && p->minute <= 59 &&
	       p->second >= 0 && p->second <= 60;
}

enum err
clock_parse_iso(const char *text, int64_t *ms_out)
{
	const char *at = text;
	struct clock_parts p = { 0 };
	int offset = 0;

	p.year = take_digits(&at, 4);
	if (p.year < 0 || *at++ != '-')
		return ERR_VALUE;
	p.month = take_digits(&at, 2);
	if (p.month < 0 || *at++ != '-')
		return ERR_VALUE;
	p.day = take_digits(&at, 2);
	if (p.day < 0 || (*at != 'T' && *at != 't' && *at != ' '))
		return ERR_VALUE;
	at++;
	p.hour = take_digits(&at, 2);
	if (p.hour < 0 || *at++ != ':')
		return ERR_VALUE;
	p.minute = take_digits(&at, 2);
	if (p.minute < 0 || *at++ != ':')
		return ERR_VALUE;
	p.second = take_digits(&at, 2);
	p.ms = take_fraction_ms(&at);
	if (take_offset(&at, &offset) || *at != '\0' || !parts_valid(&p))
		return ERR_VALUE;
	struct clock_parts back;
	int64_t ms = clock_from_parts(&p);
	clock_to_parts(ms, &back);
	if (back.day != p.day && p.second != 60) /* 31 February and its like */
		return ERR_VALUE;
	ms -= (int64_t)offset * 60000;
	clock_to_parts(ms, &back);
	if (back.year < 1 || back.year > 9999) /* an offset can lead out of what may be written */
		return ERR_VALUE;
	*ms_out = ms;
	return OK;
}
