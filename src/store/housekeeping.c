/* SPDX-License-Identifier: Apache-2.0 */
/* Rows that have had their day: what is deleted, and when. */
#include "store/housekeeping.h"

struct aged_in {
	int64_t days, batch;
};
static const struct col batch_in[] = { COL(INT, struct aged_in, batch) };
static const struct col days_in[] = { COL(INT, struct aged_in, days),
	COL(INT, struct aged_in, batch) };

static const struct col twice_in[] = { COL(INT, struct aged_in, days),
	COL(INT, struct aged_in, days), COL(INT, struct aged_in, batch) };

#define AGO(span) "< UTC_TIMESTAMP(3) - INTERVAL " span
#define RULE(var, text, in) static const struct stmt var = { #var, text, in, COL_N(in), NULL, 0 }

RULE(old_tokens, "DELETE FROM fetch_token WHERE fresh_until " AGO("1 MINUTE") " LIMIT ?", batch_in);
/* Without an index on the time: ids rise with it, so look from the oldest to the first young one.
 */
#define OLDEST(table, column, span)                                                                \
	"DELETE FROM " table " WHERE " column                                                      \
	" " AGO(span) " AND id < COALESCE((SELECT id FROM "                                        \
		      "(SELECT id FROM " table " WHERE " column                                    \
		      " >= UTC_TIMESTAMP(3) - INTERVAL " span                                      \
		      " ORDER BY id LIMIT 1) young), 9223372036854775807) ORDER BY id LIMIT ?"
RULE(old_fetch_logs, OLDEST("fetch_log", "started_at", "? DAY"), twice_in);
RULE(old_jobs, "DELETE FROM job WHERE finished_at " AGO("? DAY") " ORDER BY finished_at LIMIT ?",
    days_in);
RULE(old_link_failures, OLDEST("link_failure", "failed_at", "1 DAY"), batch_in);
/* The key of page_submit()'s job, in the column's own character set so that its index is used. */
#define JOB_OF_SUBMISSION                                                                          \
	"CONVERT(CONCAT('credential:', LOWER(CONCAT_WS('-', HEX(SUBSTR(credential_id, 1, 4)), "    \
	"HEX(SUBSTR(credential_id, 5, 2)), HEX(SUBSTR(credential_id, 7, 2)), "                     \
	"HEX(SUBSTR(credential_id, 9, 2)), HEX(SUBSTR(credential_id, 11, 6))))) USING ascii)"
RULE(old_submissions,
    "DELETE FROM submission WHERE created_at " AGO(
	"1 DAY") " AND (fields_sealed IS NULL OR NOT EXISTS (SELECT 1 FROM job WHERE active_key "
		 "= " JOB_OF_SUBMISSION ")) LIMIT ?",
    batch_in);
RULE(old_answers, "DELETE FROM idempotency WHERE created_at " AGO("1 DAY") " LIMIT ?", batch_in);
/* Longer than a mail is tried for: its job has ended without a word. */
RULE(old_mail_links, "DELETE FROM mail_link WHERE created_at " AGO("3 DAY") " LIMIT ?", batch_in);
RULE(old_flows, "DELETE FROM oauth_flow WHERE created_at " AGO("1 DAY") " LIMIT ?", batch_in);
/* Their revocation has been given up long before. */
RULE(old_endings,
    "DELETE FROM oauth_grant WHERE state = 'ending' AND updated_at " AGO("7 DAY") " LIMIT ?",
    batch_in);
/* Those of tokens that have been replaced go with them; these are of tokens that never worked. */
RULE(old_spends, "DELETE FROM oauth_spend WHERE spent_at " AGO("30 DAY") " LIMIT ?", batch_in);
RULE(old_job_values, "DELETE FROM job_value WHERE created_at " AGO("1 HOUR") " LIMIT ?", batch_in);
RULE(old_runners, "DELETE FROM runner WHERE seen_at " AGO("1 HOUR") " LIMIT ?", batch_in);
RULE(old_holders, "DELETE FROM key_holder WHERE alive_until " AGO("1 HOUR") " LIMIT ?", batch_in);

const struct housekeeping_rule housekeeping_rules[] = {
	{ "fetch_token", "fetched tokens a minute after they went stale", &old_tokens },
	{ "fetch_log", "fetch logs older than log_retention_days", &old_fetch_logs },
	{ "job", "jobs that ended more than log_retention_days ago", &old_jobs },
	{ "link_failure", "wrong link secrets after a day", &old_link_failures },
	{ "submission", "forms that were taken or called off, a day after they came",
	    &old_submissions },
	{ "idempotency", "answers kept for repeated calls, after a day", &old_answers },
	{ "mail_link", "links whose mail was never sent, after three days", &old_mail_links },
	{ "oauth_flow", "trips to providers a day after they began", &old_flows },
	{ "oauth_grant", "authorizations whose revocation failed, after a week", &old_endings },
	{ "oauth_spend", "what was noted of refreshes, after thirty days", &old_spends },
	{ "job_value", "what jobs were told and said, after an hour", &old_job_values },
	{ "runner", "runners not seen for an hour", &old_runners },
	{ "key_holder", "processes with keys, an hour after they must have ended", &old_holders },
	{ 0 },
};

enum err
housekeeping_run(struct store *store, const struct housekeeping_rule *rule, int64_t retention_days,
    int64_t *deleted_out, struct errctx *ctx)
{
	const struct aged_in in = { retention_days, HOUSEKEEPING_BATCH };

	return stmt_run(store->db, rule->stmt, &in, deleted_out, ctx);
}
