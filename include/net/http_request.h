/* SPDX-License-Identifier: Apache-2.0 */
/* One HTTP request as plain data: what is to be sent, not how. */
#ifndef BAILEE_NET_HTTP_REQUEST_H
#define BAILEE_NET_HTTP_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_REQUEST_RETRY_RANGES_MAX 32

struct http_header {
	char *name;  /* RFC 9110 token */
	char *value; /* no control byte but TAB */
};

/* Statuses from..to, both included. Status 0 stands for "no answer in time". */
struct http_status_range {
	int from;
	int to;
};

/* When a request is repeated. Network errors other than a timeout count as repeatable whenever
 * retries > 0. */
struct http_retry {
	struct http_status_range on[HTTP_REQUEST_RETRY_RANGES_MAX];
	size_t n_on;
	int retries; /* repetitions after the first attempt, 0..25 */
};

/* Everything in here may hold a secret: url, header values and body are never logged and are
 * cleansed when freed. All texts are heap strings the request owns. Start from HTTP_REQUEST_INIT.
 */
struct http_request {
	char *method; /* upper case: "POST" */
	char *url;    /* absolute http or https URL; printable ASCII only unless url_verbatim */
	struct http_header *headers;
	size_t n_headers;
	char *body; /* bytes, may hold NUL; a NUL behind body_len; NULL: no body at all (not even an
		       empty one) */
	size_t body_len;
	int64_t timeout_ms;    /* of one attempt as a whole */
	bool verify_tls;       /* certificate and host name */
	bool follow_redirects; /* each hop's address is checked again by the client */
	bool url_verbatim; /* the user switched URL encoding off: may hold bytes over 0x7f, never
			      control bytes or space */
	bool once; /* must not be sent twice unknown to the caller: no kept connection is used, on
		      which libcurl by itself repeats what got no answer */
	/* PEM texts of a client's identity; NULL: none. With one the connection is the request's
	 * alone, and neither is shown to another origin. The roots are trusted besides the
	 * system's. */
	char *client_certificate, *client_key, *extra_roots;
	struct http_retry retry;
};

#define HTTP_REQUEST_INIT                                                                          \
	((struct http_request){ .timeout_ms = 30000, .verify_tls = true, .follow_redirects = true })

/* Append a header; copies both. The caller has checked them. */
void http_request_add_header(struct http_request *request, const char *name, const char *value);

/* First header of that name in any letter case, or NULL. Borrowed. */
const char *http_request_header(const struct http_request *request, const char *name);

/* Whether an answer with this status (0: timeout) is to be repeated by the policy; counting
 * attempts is the caller's. */
bool http_retry_wants(const struct http_retry *retry, int status);

/* Cleanses and frees what the request owns and leaves HTTP_REQUEST_INIT behind. NULL allowed. */
void http_request_free(struct http_request *request);
#define auto_http_request __attribute__((cleanup(http_request_free)))

#endif
