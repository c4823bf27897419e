/* SPDX-License-Identifier: Apache-2.0 */
/* What can go wrong: one enum for the whole program, one context for the words that may be shown.
 */
#ifndef BAILEE_BASE_ERROR_H
#define BAILEE_BASE_ERROR_H

#include <stdbool.h>
#include <stddef.h>

#define MUSTCHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))

/* The result of everything that can fail. What each means to a caller outside is in error_kinds[]
 * of base/error.c. */
enum err {
	OK = 0,
	/* answers to a client */
	ERR_MALFORMED,       /* not JSON, not UTF-8, a parameter that cannot be read at all */
	ERR_FIELD,           /* a field is missing, mistyped or out of range; names the field */
	ERR_VALUE,           /* well-formed, but impossible value or state */
	ERR_CONFIRM,         /* confirmed=true is missing */
	ERR_UNKNOWN_APP,     /* no such app, version, module, connection type or key type */
	ERR_UNAUTHENTICATED, /* no token, or one that is unknown, revoked or expired */
	ERR_SCOPE,           /* the token lacks the scope */
	ERR_NOT_MEMBER,      /* a named team the caller is no member of */
	ERR_NOT_FOUND,       /* no such thing, or none the caller may see */
	ERR_NO_CONNECTION,   /* the same of a connection */
	ERR_METHOD,          /* path known, method not */
	ERR_TOO_LARGE,       /* body over the limit */
	ERR_MEDIA_TYPE,      /* body of another type than JSON */
	ERR_RULE,            /* well-formed, but breaks a rule over several fields */
	ERR_REMOTE,          /* something outside (vendor, platform) refused or failed */
	ERR_RATE,            /* too many requests */
	ERR_UNAVAILABLE,     /* database or runners away; try again */
	ERR_GONE,            /* a request link that has ended */
	/* conditions inside */
	ERR_INTERNAL,        /* a bug, or a condition nobody planned for */
	ERR_INTEGRITY,       /* a sealed value or a signature does not verify */
	ERR_DUPLICATE,       /* a unique key exists already */
	ERR_CONFLICT,        /* the database asks to run the transaction again */
	ERR_LOST,            /* connection to the database lost, nothing committed */
	ERR_UNKNOWN_OUTCOME, /* connection lost while COMMIT was in flight */
	ERR_STALE,           /* a fence, lease or version has moved on */
	ERR_TIMEOUT,         /* a deadline passed */
	ERR_IO,              /* file or socket trouble */
	ERR_CONFIG, /* configuration, key files or schema are wrong; the program does not start */
	ERR_USAGE,  /* command line */
	ERR_COUNT
};

/* The two public surfaces shape the same error differently. */
enum surface { SURFACE_V2, SURFACE_V1, SURFACE_PUBLIC, SURFACE_COUNT };

#define ERR_PATH_MAX 160
#define ERR_TEXT_MAX 400
#define ERR_SUB_MAX 16

struct suberror {
	char path[ERR_PATH_MAX]; /* JSON path or parameter name, "" when none */
	char text[ERR_TEXT_MAX]; /* safe to show: never holds a secret */
};

/* What a success may look like outside; the numbers are in base/error.c as all of them. */
enum success {
	SUCCESS_OK,
	SUCCESS_CREATED,
	SUCCESS_ACCEPTED,  /* a job goes on */
	SUCCESS_EMPTY,     /* done, nothing to say */
	SUCCESS_SEE_OTHER, /* a redirect */
	SUCCESS_COUNT
};

/* Filled beside a failing result. Zero-initialise it; the first error set is the headline, later
 * ones are suberrors. */
struct errctx {
	enum err kind;
	struct suberror sub[ERR_SUB_MAX];
	unsigned n_sub;
	int retry_after_s; /* 0: none */
};

/* Record an error and return `kind`, so that `return err_set(...)` works. `path` may be NULL or "".
 * NULL ctx is allowed. */
enum err err_set(struct errctx *ctx, enum err kind, const char *path, const char *fmt, ...)
    PRINTF_LIKE(4, 5);

/* Forget what ctx holds (for a retry). */
void err_clear(struct errctx *ctx);

/* First text of ctx, or the generic text of its kind. Never NULL. */
const char *err_text(const struct errctx *ctx);

/* What an error looks like outside. */
struct err_kind {
	const char *name;          /* for logs and jobs: "not_found" */
	const char *message;       /* generic text, always safe */
	int status[SURFACE_COUNT]; /* HTTP status on each surface */
	const char *code;          /* code of surface V2: "SC404" */
	bool inner; /* outside only the generic text is told; the words go to the log as an error */
};
const struct err_kind *err_kind(enum err kind);

/* HTTP status of a success and its reason phrase (static). */
int err_success_status(enum success how, const char **reason_out);

#endif
