/* SPDX-License-Identifier: Apache-2.0 */
/* Every table of routes of the API pools; each is described in the file that handles it. */
#ifndef BAILEE_API_ROUTES_H
#define BAILEE_API_ROUTES_H

#include "web/router.h"

extern const struct route info_routes[];               /* api/info.c */
extern const struct route v1_team_routes[];            /* api/info.c */
extern const struct route folder_routes[];             /* api/folders.c */
extern const struct route user_credential_routes[];    /* api/user_credentials.c */
extern const struct route credential_token_routes[];   /* api/credential_token.c */
extern const struct route credential_call_routes[];    /* api/credential_call.c */
extern const struct route credential_connect_routes[]; /* api/credential_connect.c */
extern const struct route openapi_routes[];            /* api/openapi.c */
extern const struct route ops_routes[];                /* api/ops.c */
extern const struct route user_routes[];               /* api/users.c */
extern const struct route team_routes[];               /* api/teams.c */
extern const struct route request_routes[];            /* api/requests.c */
extern const struct route credential_routes[];         /* api/credentials.c */
extern const struct route module_routes[];             /* api/modules.c */
extern const struct route key_routes[];                /* api/keys.c */
extern const struct route connection_routes[];         /* api/connections.c */
extern const struct route connection_test_routes[];    /* api/connection_test.c */
extern const struct route connection_token_routes[];   /* api/connection_token.c */
extern const struct route metrics_routes[];            /* api/metrics.c */
extern const struct route action_routes[];             /* api/actions.c */
extern const struct route job_routes[];                /* api/jobs.c */

/* What the API pool serves: one table a line. */
/* clang-format off */
#define API_ROUTE_TABLES \
	info_routes, \
	v1_team_routes, \
	folder_routes, \
	user_credential_routes, \
	credential_token_routes, \
	credential_call_routes, \
	credential_connect_routes, \
	user_routes, \
	team_routes, \
	request_routes, \
	credential_routes, \
	module_routes, \
	key_routes, \
	connection_routes, \
	connection_test_routes, \
	connection_token_routes, \
	action_routes, \
	job_routes, \
	openapi_routes, \
	metrics_routes, \
	ops_routes
/* clang-format on */

#endif
