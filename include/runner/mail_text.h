/* SPDX-License-Identifier: Apache-2.0 */
/* The words of each mail. */
#ifndef BAILEE_RUNNER_MAIL_TEXT_H
#define BAILEE_RUNNER_MAIL_TEXT_H

#include "base/buf.h"
#include "store/mail.h"

/* All that is asked of one letter; the bodies may hold the link. */
struct mail_words {
	const char *to, *to_name; /* borrowed from the subject */
	struct buf subject, plain, html;
};

/* `link` is where the request is opened: for the one who is asked, with its secret; NULL for
 * MAIL_DONE. Names and texts of the subject are taken as data in both bodies. mail_words_free(). */
void mail_words_make(enum mail_template template, const struct mail_subject *subject,
    const char *link, struct mail_words *words_out);
void mail_words_free(struct mail_words *words);

#endif
