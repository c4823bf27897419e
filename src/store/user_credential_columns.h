/* SPDX-License-Identifier: Apache-2.0 */
/* The columns of a user credential, shared by its reads and its writes. */
#ifndef BAILEE_STORE_USER_CREDENTIAL_COLUMNS_H
#define BAILEE_STORE_USER_CREDENTIAL_COLUMNS_H

/* With user_credential AS c and person AS o. */
#define USER_CREDENTIAL_COLUMNS                                                                    \
	USER_CREDENTIAL_PLACE_COLUMNS                                                              \
	", c.folder_id, c.owner_id, c.name, c.slug, c.read_access, c.shared_team_slugs, "          \
	"c.description, c.metadata, c.http_request_ttl, c.version, c.expires_at, c.created_at, "   \
	"c.updated_at, c.shown, o.name AS owner_name, o.email AS owner_email"
#define USER_CREDENTIAL_COLS(strukt, m)                                                            \
	USER_CREDENTIAL_PLACE_COLS(strukt, m.place), COL(INT0, strukt, m.folder_id),               \
	    COL(INT, strukt, m.owner_id), COL(TEXT, strukt, m.name), COL(TEXT, strukt, m.slug),    \
	    COL(TEXT, strukt, m.read_access), COL(TEXT, strukt, m.shared_team_slugs),              \
	    COL(TEXT, strukt, m.description), COL(TEXT, strukt, m.metadata),                       \
	    COL(INT0, strukt, m.http_request_ttl), COL(INT, strukt, m.version),                    \
	    COL(TIME, strukt, m.expires_at), COL(TIME, strukt, m.created_at),                      \
	    COL(TIME, strukt, m.updated_at), COL(TEXT, strukt, m.shown),                           \
	    COL(TEXT, strukt, m.owner_name), COL(TEXT, strukt, m.owner_email)

#endif
