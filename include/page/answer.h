/* SPDX-License-Identifier: Apache-2.0 */
/* What every answer of a person to an item begins and ends with. */
#ifndef BAILEE_PAGE_ANSWER_H
#define BAILEE_PAGE_ANSWER_H

#include "page/link.h"
#include "store/page.h"
#include "web/router.h"

/* Zero-initialise; answer_free() in the end. */
struct answer {
	struct page_link link;
	struct page_view view;
	const struct page_row *row; /* in view */
	struct page_call call;
	json_t *body; /* the request's; NULL where it is optional and was not sent */
};
void answer_free(struct answer *answer);
#define auto_answer __attribute__((cleanup(answer_free)))

/* Open the link, find the item {itemId}, and check the body. A browser without a cookie gets one
 * with the answer: the first answer binds the link to it. ERR_SCOPE in another browser, ERR_VALUE
 * when the item has been provided. */
enum err answer_open(struct ctx *ctx, const struct field_spec *fields, struct answer *answer,
    struct response *response) MUSTCHECK;

/* 202 {accepted, delayed} */
enum err answer_accepted(struct ctx *ctx, struct response *response) MUSTCHECK;

#endif
