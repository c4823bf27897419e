/* SPDX-License-Identifier: Apache-2.0 */
/* Signing requests to AWS: Signature Version 4 (IAM user guide, "AWS Signature Version 4"). */
#ifndef BAILEE_AGENT_AWS_SIGN_H
#define BAILEE_AGENT_AWS_SIGN_H

#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "net/http_request.h"

#define AWS_NAME_SIZE 64 /* of a service or region, with NUL */

/* Who signs for what. Borrowed; session_token NULL: long-term keys. */
struct aws_signer {
	const char *access_key, *secret_key, *session_token;
	const char *service, *region; /* "s3", "eu-central-1" */
};

/* Service and region as the host of an AWS endpoint names them ("sqs.eu-west-1.amazonaws.com"; one
 * without a region is in us-east-1). ERR_VALUE for any other host. */
enum err aws_endpoint_read(const char *host, char service_out[AWS_NAME_SIZE],
    char region_out[AWS_NAME_SIZE], struct errctx *ctx) MUSTCHECK;
/* Whether a text may be a service or region: letters, digits and hyphens. */
bool aws_name_is_valid(const char *name);

/* Sign the request as it will be sent: sets X-Amz-Date, X-Amz-Security-Token, for S3
 * X-Amz-Content-Sha256, and Authorization, in place of what the caller gave under these names; it
 * does not follow redirects any more. ERR_VALUE for a URL that url_parse() refuses. */
enum err aws_sign(struct http_request *request, const struct aws_signer *signer, int64_t now_ms,
    struct errctx *ctx) MUSTCHECK;

/* The canonical request alone, for the published tests: `path` and `query` as in the URL, `host`
 * with its port where that is not the scheme's. Headers have been set. */
void aws_canonical(const struct http_request *request, const char *service, const char *host,
    const char *path, const char *query, struct buf *out, struct buf *signed_headers_out);

#endif
