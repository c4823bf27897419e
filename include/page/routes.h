/* SPDX-License-Identifier: Apache-2.0 */
/* Every table of routes of the public pool; each is described in the file that handles it. */
#ifndef BAILEE_PAGE_ROUTES_H
#define BAILEE_PAGE_ROUTES_H

#include "web/router.h"

extern const struct route page_routes[]; /* page/routes.c */

#define PAGE_ROUTE_TABLES page_routes

#endif
