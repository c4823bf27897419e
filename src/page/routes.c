/* SPDX-License-Identifier: Apache-2.0 */
/* The routes of the public pool: what anybody with a link may ask for. */
#include "page/routes.h"

#include "page/confirm.h"
#include "page/link.h"
#include "page/relink.h"
#include "page/submit.h"

#define BODY_MOST (64u << 10) /* as in nginx/bailee.conf.in */

const struct route page_routes[] = {
	{ .method = METHOD_GET,
	    .path = "/public/requests/{id}",
	    .scope = SCOPE_NONE_PUBLIC,
	    .audit = "none",
	    .surface = SURFACE_PUBLIC,
	    .auth = AUTH_PUBLIC,
	    .handler = link_get,
	    .summary = "What a request asks for, to whoever holds its link." },
	{ .method = METHOD_POST,
	    .path = "/public/requests/{id}/items/{itemId}",
	    .scope = SCOPE_NONE_PUBLIC,
	    .audit = "link.submit",
	    .surface = SURFACE_PUBLIC,
	    .auth = AUTH_PUBLIC,
	    .body_limit = BODY_MOST,
	    .handler = submit_post,
	    .summary = "Hand in the form of one item." },
	{ .method = METHOD_POST,
	    .path = "/public/requests/{id}/items/{itemId}/decline",
	    .scope = SCOPE_NONE_PUBLIC,
	    .audit = "link.decline",
	    .surface = SURFACE_PUBLIC,
	    .auth = AUTH_PUBLIC,
	    .body_limit = BODY_MOST,
	    .body_optional = true,
	    .handler = submit_decline,
	    .summary = "Decline one item, with a reason or without." },
	{ .method = METHOD_POST,
	    .path = "/public/requests/{id}/items/{itemId}/confirm",
	    .scope = SCOPE_NONE_PUBLIC,
	    .audit = "link.confirm",
	    .surface = SURFACE_PUBLIC,
	    .auth = AUTH_PUBLIC,
	    .body_limit = BODY_MOST,
	    .handler = confirm_post,
	    .summary = "Say whether the account that waits is the right one." },
	{ .method = METHOD_POST,
	    .path = "/public/requests/{id}/relink",
	    .scope = SCOPE_NONE_PUBLIC,
	    .audit = "link.relink",
	    .surface = SURFACE_PUBLIC,
	    .auth = AUTH_PUBLIC,
	    .body_limit = BODY_MOST,
	    .body_optional = true,
	    .handler = relink_post,
	    .summary = "Mail a new link to whoever is asked; this one ends." },
	{ 0 },
};
