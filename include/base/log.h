/* SPDX-License-Identifier: Apache-2.0 */
/* One line per event on stderr: key=value pairs, or one JSON object. Never a secret, never a raw
 * control byte. */
#ifndef BAILEE_BASE_LOG_H
#define BAILEE_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

struct log_field {
	const char *key;
	const char *text; /* NULL: number counts */
	int64_t number;
};

/* log_info(LOG_EVENT("job_done"), LOG_S("kind", kind), LOG_I("ms", ms)); */
static inline const char *
log_text_or_empty(const char *text)
{
	return text ? text : "";
}
#define LOG_S(k, v) ((struct log_field){ .key = (k), .text = log_text_or_empty(v) })
#define LOG_I(k, v) ((struct log_field){ .key = (k), .number = (int64_t)(v) })
#define LOG_EVENT(name) LOG_S("event", name)
#define LOG_FIELDS(...) ((const struct log_field[]){ __VA_ARGS__, { 0 } })
#define log_debug(...) log_write(LOG_DEBUG, LOG_FIELDS(__VA_ARGS__))
#define log_info(...) log_write(LOG_INFO, LOG_FIELDS(__VA_ARGS__))
#define log_warn(...) log_write(LOG_WARN, LOG_FIELDS(__VA_ARGS__))
#define log_error(...) log_write(LOG_ERROR, LOG_FIELDS(__VA_ARGS__))

/* Writes one line with one write: time, level, program, pid, request id of this thread, then the
 * fields up to {0}. */
void log_write(enum log_level level, const struct log_field *fields);

/* Where stderr is systemd's journal, each line begins with its priority, which the journal takes
 * off. */
void log_setup(const char *program, enum log_level least, bool json);
/* The id that every line of this thread carries until changed; "" for none. Copied. */
void log_set_request_id(const char *id);
const char *log_request_id(void);

#endif
