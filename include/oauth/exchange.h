/* SPDX-License-Identifier: Apache-2.0 */
/* OAuth 2, the calls to a provider's token endpoint: made from an app definition, and what their
 * answers mean (RFC 6749 sections 4.1.3, 5 and 6, RFC 7523, RFC 7662). Pure: who sends them, and
 * keeps what comes, is the runner. */
#ifndef BAILEE_OAUTH_EXCHANGE_H
#define BAILEE_OAUTH_EXCHANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/json.h"
#include "base/secret.h"
#include "catalog/catalog.h"
#include "net/http_client.h"
#include "net/http_request.h"

#define OAUTH_TIMEOUT_MS 20000        /* of one call; a lease must be longer */
#define OAUTH_TOKEN_MAX 16384         /* bytes of a token */
#define OAUTH_ANSWER_MAX (256 * 1024) /* bytes of an answer that is read */
#define OAUTH_TOKEN_TYPE_SIZE 33

enum oauth_step {
	OAUTH_EXCHANGE,   /* a code for tokens */
	OAUTH_LENGTHEN,   /* a short-lived access token for a long-lived one, after that */
	OAUTH_REFRESH,    /* a spent token for new ones */
	OAUTH_INTROSPECT, /* asks how long an access token lives */
	OAUTH_DONE        /* there is no further step */
};

/* One call. All borrowed. */
struct oauth_call {
	enum oauth_step step;
	const struct app_connection *type;
	const char *client_id;
	const struct secret *client_secret; /* or private key (PEM); NULL or empty: none */
	const json_t *fields; /* the connection's: of the form, the redirect, answers before */
	const char *token;    /* EXCHANGE: the code, or NULL; REFRESH: what oauth_refresh_source()
				 says;    else the access token */
	const char *verifier; /* EXCHANGE; NULL: without PKCE */
	const char *redirect_uri; /* EXCHANGE: the same as on the way there */
	const json_t *scopes;     /* array: REFRESH: those granted; else those asked for; or NULL */
	int64_t now_ms;           /* wall clock; expiries are counted from here */
};

/* One request without retries or redirects on a connection of its own: a token must not be spent
 * twice unseen. ERR_VALUE names what has no value or cannot stand where it belongs; ERR_CONFIG: the
 * client lacks a secret, or has one that is no key. http_request_free() it. */
enum err oauth_request(const struct oauth_call *call, struct http_request *request_out,
    struct errctx *ctx) MUSTCHECK;

/* ---- answers ---- */

enum oauth_verdict {
	OAUTH_GOOD,
	OAUTH_INVALID_GRANT, /* the code or token that was spent is not, or no longer, good */
	OAUTH_REFUSED,       /* anything else is wrong: the client, a parameter, the account */
	OAUTH_AWAY,          /* no usable answer: whether it acted is not known */
	OAUTH_NOT_SENT       /* certainly nothing was sent: may be sent again */
};

/* What a grant's tokens are. */
struct oauth_tokens {
	struct secret access;
	struct secret refresh; /* empty: none came; after a REFRESH the old one then stays, unless
				  `ends_refresh` */
	bool ends_refresh;     /* the definition says so: there is no refresh token any more */
	char token_type[OAUTH_TOKEN_TYPE_SIZE]; /* "Bearer" where the answer does not say */
	bool has_expiry;                        /* false: does not expire, as far as is known */
	int64_t expires_at_ms;
	json_t *scopes;    /* array of those granted; NULL: the answer does not say, as asked */
	char *account_id;  /* NULL: the answer does not say */
	json_t *fields;    /* object of what of the answer becomes fields of the connection; NULL:
			      none */
	bool lacks_fields; /* the answer to the code lacks one that must be there */
};
/* Whether there is anything that is good for something at the provider. */
bool oauth_tokens_came(const struct oauth_tokens *tokens);

struct oauth_answer {
	enum oauth_verdict verdict;
	char words[ERR_TEXT_MAX]; /* unless good: safe to show, holds nothing of the call's secrets
				   */
	char error[65];    /* the provider's error code; "": none. Letters, digits and _ . - */
	int retry_after_s; /* what the provider wants; 0: does not say */
	struct oauth_tokens tokens; /* if good; of INTROSPECT only the expiry; of an EXCHANGE that
				       is not good what came all the same: to be given back */
};

/* What came of oauth_request(). oauth_answer_free() it. */
void oauth_read(const struct oauth_call *call, const struct http_result *result,
    struct oauth_answer *answer_out);
void oauth_answer_free(struct oauth_answer *answer);
#define auto_oauth_answer __attribute__((cleanup(oauth_answer_free)))

/* Whether what an EXCHANGE with this end was made with is used up, or may be: a code is by silence
 * too, and without a code nothing is. */
bool oauth_is_spent(const struct app_connection *type, enum oauth_verdict verdict);

/* What the definition wants done after `step` was good. INTROSPECT may fail without harm: an expiry
 * by the definition is there already. A LENGTHEN that fails makes the whole exchange fail. */
enum oauth_step oauth_next_step(const struct app_connection *type, enum oauth_step step);

/* Take what a later step's answer says over what there was; what it does not say stays. `later` is
 * left empty. */
void oauth_tokens_merge(struct oauth_tokens *tokens, struct oauth_tokens *later);
void oauth_tokens_free(struct oauth_tokens *tokens);

/* What of the answer of the definition's test call becomes fields of the connection, put into
 * `fields`. False: one that must be there is missing, or one is not as its pattern says. */
bool oauth_read_test(const struct app_connection *type, const char *text, size_t len,
    json_t *fields);

/* ---- named tokens ---- */

/* Of scopes as the definition names them those that one token is asked for with, as the provider
 * writes them; `token` NULL: the main one. `type` is the connection's. Caller owns. */
json_t *oauth_scopes_of(const struct app_connection *type, const struct app_token *token,
    const json_t *scopes);
/* The way back: what a token was granted is put behind `scopes` as the definition names it. */
void oauth_name_scopes(const struct app_token *token, const json_t *own, json_t *scopes);
/* Of all scopes of several tokens as many as can be kept. */
void oauth_cut_scopes(json_t *scopes);

/* ---- what the definition says about refreshing ---- */

enum oauth_source {
	OAUTH_SOURCE_REFRESH,
	OAUTH_SOURCE_ACCESS,
	OAUTH_SOURCE_CLIENT, /* nothing is spent: the client asks again, as often as need be */
	OAUTH_SOURCE_NONE
};
/* Which token is spent for a new one. */
enum oauth_source oauth_refresh_source(const struct app_connection *type);

struct oauth_rotation {
	bool rotates;           /* a refresh ends the refresh token that was sent */
	int64_t reuse_grace_ms; /* how long it may be sent again all the same; 0: not known */
	int64_t refresh_ttl_ms, idle_ttl_ms; /* of refresh tokens, from issue and last use; 0: not
						known */
};
void oauth_rotation(const struct app_connection *type, struct oauth_rotation *rotation_out);

/* When to refresh ahead, for tokens that came at `now_ms`: before the access token ends, and before
 * the refresh token would for want of use. 0: never (no source, or nothing known). */
int64_t oauth_refresh_at(const struct app_connection *type, const struct oauth_tokens *tokens,
    bool has_refresh, int64_t now_ms);

#endif
