/* SPDX-License-Identifier: Apache-2.0 */
/* One HTTP request as plain data: its few helpers and its clean end. */
#include "net/http_request.h"

#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/secret.h"

void
http_request_add_header(struct http_request *request, const char *name, const char *value)
{
	/* No realloc of the entries' texts: only the array moves, and it holds pointers alone. */
	request->headers =
	    xrealloc(request->headers, (request->n_headers + 1) * sizeof(*request->headers));
	request->headers[request->n_headers++] =
	    (struct http_header){ .name = xstrdup(name), .value = xstrdup(value) };
}

const char *
http_request_header(const struct http_request *request, const char *name)
{
	for (size_t i = 0; i < request->n_headers; i++)
		if (strcasecmp(request->headers[i].name, name) == 0)
			return request->headers[i].value;
	return NULL;
}

bool
http_retry_wants(const struct http_retry *retry, int status)
{
	for (size_t i = 0; i < retry->n_on; i++)
		if (status >= retry->on[i].from && status <= retry->on[i].to)
			return true;
	return false;
}

void
http_request_free(struct http_request *request)
{
	if (request == NULL)
		return;
	for (size_t i = 0; i < request->n_headers; i++) {
		secret_wipe_text(&request->headers[i].name);
		secret_wipe_text(&request->headers[i].value);
	}
	free(request->headers);
	secret_wipe_text(&request->url);
	if (request->body != NULL)
		explicit_bzero(request->body, request->body_len);
	free(request->body);
	free(request->method);
	secret_wipe_text(&request->client_certificate);
	secret_wipe_text(&request->client_key);
	secret_wipe_text(&request->extra_roots);
	*request = HTTP_REQUEST_INIT;
}
