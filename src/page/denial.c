/* SPDX-License-Identifier: Apache-2.0 */
/* What a provider says instead of a code. */
#include "page/denial.h"

#include <stddef.h>
#include <string.h>

#define NOT_GRANTED "the provider did not grant the access"
#define ASKED_WRONGLY "the provider did not take the question: the connection is set up wrongly"
#define AWAY "the provider cannot answer at the moment"
#define SIGN_IN "the provider wants you to sign in or to agree first"

const struct denial denials[] = {
	{ "access_denied", "denied", NOT_GRANTED },
	{ "permission_denied", "denied", NOT_GRANTED },
	{ "consent_required", "denied", SIGN_IN },
	{ "login_required", "denied", SIGN_IN },
	{ "interaction_required", "denied", SIGN_IN },
	{ "account_selection_required", "denied", SIGN_IN },
	{ "invalid_request", "provider", ASKED_WRONGLY },
	{ "unauthorized_client", "provider", ASKED_WRONGLY },
	{ "unsupported_response_type", "provider", ASKED_WRONGLY },
	{ "invalid_scope", "provider",
	    "the provider does not know the rights that were asked for" },
	{ "invalid_target", "provider", ASKED_WRONGLY },
	{ "server_error", "provider", AWAY },
	{ "temporarily_unavailable", "provider", AWAY },
	{ "invalid_redirect", "provider", "the provider sent back something else than was agreed" },
	{ "expired", "expired", "the way to the provider and back took too long" },
	{ "unknown_error", "provider", "the provider did not say why it refused" },
	{ NULL, "provider", "the provider did not say why it refused" },
};

const struct denial *
denial_find(const char *code)
{
	const struct denial *denial = denials;

	while (denial->code && strcmp(denial->code, code) != 0)
		denial++;
	return denial;
}

const char *
denial_code(const char *sent)
{
	const struct denial *denial = denial_find(sent);

	return denial->code && strcmp(denial->code, "expired") != 0 ? denial->code
								    : "unknown_error";
}
