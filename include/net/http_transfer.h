/* SPDX-License-Identifier: Apache-2.0 */
/* One call of the HTTP client on its way: its hops, its checks, its result. For http_client.c
 * alone. */
#ifndef BAILEE_NET_HTTP_TRANSFER_H
#define BAILEE_NET_HTTP_TRANSFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "net/http_client.h"
#include "net/url.h"

struct http_settings {
	struct address_guard guard;
	char *proxy;   /* "" for none */
	char *ca_file; /* NULL: the system's */
	size_t body_max;
};

enum http_fault { HTTP_FAULT_NONE, HTTP_FAULT_ADDRESS, HTTP_FAULT_HEADERS, HTTP_FAULT_BODY };

#define HTTP_ERROR_TEXT_SIZE 256 /* CURL_ERROR_SIZE */

struct http_transfer {
	TAILQ_ENTRY(http_transfer) link; /* the client's */
	const struct http_settings *settings;
	struct http_call call;
	void *easy;      /* CURL; the client's pool gets it back */
	void *headers;   /* struct curl_slist of this hop */
	struct url url;  /* of this hop */
	unsigned hops;   /* redirects followed so far */
	bool as_get;     /* a redirect turned the method into GET, without body */
	bool bare;       /* another origin was entered: only harmless headers go on */
	bool other_door; /* this hop's is the first one's host by another port or scheme */
	enum http_fault fault;
	size_t header_bytes, header_lines; /* of this hop */
	int64_t started_ms, deadline_ms;   /* monotonic */
	char error_text[HTTP_ERROR_TEXT_SIZE];
	char *final_url;
	size_t letter_given; /* bytes of a letter that libcurl has taken */
	struct http_result result;
};

struct http_transfer *http_transfer_new(const struct http_settings *settings,
    const struct http_call *call, void *easy);
/* Cleanses; the easy handle stays the caller's. */
void http_transfer_free(struct http_transfer **transfer);

/* Check and set up the first hop. False: refused, the result says why. */
bool http_transfer_begin(struct http_transfer *transfer);
/* What to do when libcurl is done with a hop (`code` is its CURLcode). True: the next hop is set up
 * and the handle wants to be run again; false: over, the result is complete. */
bool http_transfer_hop_ended(struct http_transfer *transfer, int code);

#endif
