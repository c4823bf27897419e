/* SPDX-License-Identifier: Apache-2.0 */
/* The columns of a credential request, shared by the statements that read one. */
#ifndef BAILEE_STORE_REQUEST_COLUMNS_H
#define BAILEE_STORE_REQUEST_COLUMNS_H

/* With credential_request AS r, its team AS t, the provider AS p; the first parameter says whether
 * the names of the apps are wanted. */
#define REQUEST_OWN_COLUMNS                                                                        \
	"r.id, t.organization_id, r.team_id, r.requester_id, r.provider_id, r.name, "              \
	"r.description, r.status, r.should_send_email, r.email_sent_at, r.created_at, "            \
	"r.updated_at, r.expires_at"
#define REQUEST_EXTRA_COLUMNS                                                                      \
	"CASE WHEN ? THEN "                                                                        \
	"(SELECT JSON_ARRAYAGG(DISTINCT a.app_name ORDER BY a.app_name) FROM credential a "        \
	"WHERE a.request_id = r.id) END, p.id, p.email, p.name"
#define REQUEST_COLUMNS REQUEST_OWN_COLUMNS ", " REQUEST_EXTRA_COLUMNS
/* With neither names of apps nor provider; binds as the above. */
#define REQUEST_PLAIN_COLUMNS REQUEST_OWN_COLUMNS ", NULL, NULL, NULL, NULL"
#define REQUEST_COLS(strukt, m)                                                                    \
	COL(UUID, strukt, m.id), COL(INT, strukt, m.organization_id), COL(INT, strukt, m.team_id), \
	    COL(INT, strukt, m.requester_id), COL(INT, strukt, m.provider_id),                     \
	    COL(TEXT, strukt, m.name), COL(TEXT, strukt, m.description),                           \
	    COL(TEXT, strukt, m.status), COL(BOOL, strukt, m.should_send_email),                   \
	    COL(TIME, strukt, m.email_sent_at), COL(TIME, strukt, m.created_at),                   \
	    COL(TIME, strukt, m.updated_at), COL(TIME, strukt, m.expires_at),                      \
	    COL(TEXT, strukt, m.app_names), COL(INT, strukt, m.provider.id),                       \
	    COL(TEXT, strukt, m.provider.email), COL(TEXT, strukt, m.provider.name)

#endif
