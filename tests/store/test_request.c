/* SPDX-License-Identifier: Apache-2.0 */
/* Behaviour of credential requests and their credentials on a real MariaDB. */
#include "world.h"

#include "base/crypt.h"

#include "store/job.h"
#include "store/keychain.h"
#include "store/mail.h"
#include "store/request.h"
#include "store/team_read.h"

static const struct request_extra nothing_extra = { false, false };

static struct credential_new
item(const char *type, const char *app)
{
	return (struct credential_new){ .component = "keychain",
		.type = "key",
		.name = type,
		.label = "Label",
		.scope = "[]",
		.app_name = app,
		.app_modules = "[\"M\"]",
		.app_version = "3" };
}

/* A request of Ada's in Alpha with `n` credentials, to herself unless `new` says otherwise. */
static struct request_made
make(const char *name, size_t n)
{
	struct credential_new items[8];
	struct audit_entry audit = audit_of("request.create");
	struct request_made made;
	struct errctx ctx = { 0 };

	assert_true(n <= 8);
	for (size_t i = 0; i < n; i++)
		items[i] = item("apikeyauth", i % 2 ? "http" : "zeta");
	const struct request_new request = { .team_id = the.alpha,
		.requester_id = the.ada.id,
		.provider_id = the.ada.id,
		.name = name,
		.expiry_days = 30,
		.credentials = items,
		.n_credentials = n };
	ok(request_create(&the.store, &audit, &request, &made, &ctx), &ctx);
	assert_int_equal(audit.team_id, the.alpha);
	return made;
}

static void
read_detail(const struct uuid *id, struct request_detail *detail_out)
{
	struct auth auth = as(&the.ada, SCOPE_REQUESTS_READ);
	struct errctx ctx = { 0 };

	ok(request_detail(&the.store, &auth, id, detail_out, &ctx), &ctx);
}

static void
expect_status(const struct uuid *id, const char *status)
{
	struct auth auth = as(&the.ada, SCOPE_REQUESTS_READ);
	struct request_row row;
	struct errctx ctx = { 0 };

	ok(request_get(&the.store, &auth, id, &nothing_extra, &row, &ctx), &ctx);
	assert_string_equal(row.status, status);
	request_free(&row);
}

/* ---- making ---- */

static enum err
try_create(int64_t team_id, int64_t requester_id, int64_t provider_id, const char *email)
{
	const struct credential_new one = item("basicauth", "http");
	const struct request_new request = { .team_id = team_id,
		.requester_id = requester_id,
		.provider_id = provider_id,
		.provider_email = email,
		.provider_name = "New Person",
		.name = "try",
		.expiry_days = 30,
		.credentials = &one,
		.n_credentials = 1 };
	struct audit_entry audit = audit_of("request.create");
	struct request_made made;
	enum err err = request_create(&the.store, &audit, &request, &made, NULL);

	if (!err)
		request_made_wipe(&made);
	return err;
}

static void
hash_link(const char *text, unsigned char hash_out[REQUEST_LINK_HASH])
{
	unsigned char *secret;
	size_t len;

	assert_int_equal(crypt_base64url_decode(text, strlen(text), &secret, &len), OK);
	assert_int_equal(len, REQUEST_SECRET_SIZE);
	request_link_hash(secret, hash_out);
	free(secret);
}

static void
a_new_request_is_pending_and_only_the_digest_of_its_link_is_kept(void **state)
{
	struct request_made made = make("first", 2);
	char query[160];
	unsigned char hash[REQUEST_LINK_HASH];
	(void)state;

	assert_int_equal(strlen(made.link_secret), 43);
	assert_string_equal(made.request.status, "pending");
	assert_int_equal(made.request.organization_id, the.first);
	assert_int_equal(made.request.expires_at - made.request.created_at,
	    INT64_C(30) * 24 * 3600 * 1000);
	hash_link(made.link_secret, hash);
	snprintf(query, sizeof(query),
	    "SELECT COUNT(*) FROM credential_request WHERE name = 'first' AND "
	    "HEX(LEFT(link_hash, 4)) = '%02X%02X%02X%02X'",
	    hash[0], hash[1], hash[2], hash[3]);
	assert_int_equal(number_of(query), 1);
	request_made_wipe(&made);
	assert_int_equal(made.link_secret[0], 0);
}

static void
only_members_may_ask_in_the_name_of_a_team(void **state)
{
	(void)state;
	assert_int_equal(try_create(the.beta, the.ada.id, the.ada.id, NULL), ERR_NOT_MEMBER);
	assert_int_equal(try_create(4000000000, the.ada.id, the.ada.id, NULL), ERR_NOT_MEMBER);
	assert_int_equal(number_of("SELECT COUNT(*) FROM audit WHERE event = 'request.create' "
				   "AND subject = ''"),
	    0);
}

static void
providers_of_the_organization_and_without_a_team_are_added_and_strangers_refused(void **state)
{
	struct errctx ctx = { 0 };
	(void)state;

	assert_int_equal(try_create(the.alpha, the.ada.id, the.ben.id, NULL), OK);
	ok(team_require_member(&the.store, the.alpha, the.ben.id, &ctx), &ctx);
	assert_int_equal(try_create(the.alpha, the.ada.id, the.ben.id, NULL), OK);
	assert_int_equal(try_create(the.alpha, the.ada.id, the.dee.id, NULL), OK);
	assert_int_equal(try_create(the.alpha, the.ada.id, the.cy.id, NULL), ERR_VALUE);
	assert_int_equal(try_create(the.alpha, the.ada.id, 4000000000, NULL), ERR_VALUE);
}

static void
a_new_user_is_made_once_and_a_refused_request_leaves_none(void **state)
{
	(void)state;
	assert_int_equal(try_create(the.beta, the.ada.id, 0, "nobody@example.com"), ERR_NOT_MEMBER);
	assert_int_equal(number_of(
			     "SELECT COUNT(*) FROM person WHERE email = 'nobody@example.com'"),
	    0);
	assert_int_equal(try_create(the.alpha, the.ada.id, 0, "new@example.com"), OK);
	assert_int_equal(try_create(the.alpha, the.ada.id, 0, "new@example.com"), OK);
	assert_int_equal(number_of("SELECT COUNT(*) FROM person WHERE email = 'new@example.com'"),
	    1);
	assert_int_equal(number_of("SELECT COUNT(*) FROM team_member m JOIN person p ON p.id = "
				   "m.person_id WHERE p.email = 'new@example.com'"),
	    1);
}

static void
an_address_of_another_organization_is_asked_and_gets_no_access(void **state)
{
	struct errctx ctx = { 0 };
	(void)state;

	assert_int_equal(try_create(the.alpha, the.ada.id, 0, "cy@example.com"), OK);
	assert_int_equal(team_require_member(&the.store, the.alpha, the.cy.id, &ctx),
	    ERR_NOT_MEMBER);
}

static void
a_provider_who_joins_leaves_one_audit_row(void **state)
{
	static const char rows[] = "SELECT COUNT(*) FROM audit a JOIN person p ON a.subject = "
				   "CONCAT(a.team_id, ':', p.id) WHERE a.event = 'member.add' AND "
				   "a.actor LIKE 'token:%' AND p.email = 'joins@example.com'";
	(void)state;

	assert_int_equal(try_create(the.alpha, the.ada.id, 0, "joins@example.com"), OK);
	assert_int_equal(try_create(the.alpha, the.ada.id, 0, "joins@example.com"), OK);
	assert_int_equal(number_of(rows), 1);
}

/* ---- reading ---- */

static size_t
count_listed(const struct request_filter *filter, struct list_page *page)
{
	struct auth auth = as(&the.ada, SCOPE_REQUESTS_READ);
	struct request_row *rows = NULL;
	struct errctx ctx = { 0 };
	size_t n = 0;

	ok(request_list(&the.store, &auth, filter, &nothing_extra, page, &rows, &n, &ctx), &ctx);
	request_list_free(&rows, n);
	return n;
}

static void
filters_are_taken_literally(void **state)
{
	struct list_page page = { .limit = 100, .count = true };
	struct request_made made[4] = { make("100% _sure_", 1), make("100x xsurex", 1),
		make("Wow! Fine", 1), make("back\\slash", 1) };
	struct request_filter filter = { .team_id = the.alpha };
	static const struct {
		const char *name;
		size_t n;
	} cases[] = { { "100% _", 1 }, { "%", 1 }, { "_", 1 }, { "WOW! f", 1 }, { "\\", 1 },
		{ "' OR 1=1 -- ", 0 }, { "nothing like it", 0 } };
	(void)state;

	for (size_t i = 0; i < COL_N(cases); i++) {
		filter.name = cases[i].name;
		assert_int_equal(count_listed(&filter, &page), cases[i].n);
		assert_int_equal(page.total, cases[i].n);
	}
	filter = (struct request_filter){ .team_id = the.alpha,
		.name = "sure",
		.requester_id = the.ada.id,
		.provider_id = the.ada.id,
		.status = "pending" };
	assert_int_equal(count_listed(&filter, &page), 2);
	filter.status = "authorized";
	assert_int_equal(count_listed(&filter, &page), 0);
	filter.status = NULL;
	filter.provider_id = the.ben.id;
	assert_int_equal(count_listed(&filter, &page), 0);
	for (size_t i = 0; i < COL_N(made); i++)
		request_made_wipe(&made[i]);
}

static void
every_filter_goes_with_every_order(void **state)
{
	struct request_made made[3] = { make("goes one", 1), make("goes two", 1),
		make("stays", 1) };
	const struct request_filter filters[] = {
		{ .name = "goes" },
		{ .name = "goes", .status = "pending" },
		{ .name = "goes", .requester_id = the.ada.id },
		{ .name = "goes", .provider_id = the.ada.id, .status = "pending" },
	};
	(void)state;

	for (size_t i = 0; i < COL_N(filters); i++)
		for (unsigned k = 0; k < REQUEST_SORT_COUNT * 2; k++) {
			struct list_page page = { .sort = k / 2,
				.desc = k % 2,
				.limit = 100,
				.count = true };
			struct request_filter filter = filters[i];

			filter.team_id = the.alpha;
			assert_int_equal(count_listed(&filter, &page), 2);
			assert_int_equal(page.total, 2);
		}
	for (size_t i = 0; i < COL_N(made); i++)
		request_made_wipe(&made[i]);
}

static void
pages_never_repeat_or_skip_in_any_order(void **state)
{
	const struct request_filter filter = { .team_id = the.alpha };
	struct list_page whole = { .limit = 500, .count = true };
	struct errctx ctx = { 0 };
	(void)state;

	/* all alike: only the id decides */
	sql("UPDATE credential_request SET created_at = '2026-01-01', updated_at = '2026-01-01', "
	    "expires_at = '2027-01-01', name = 'same'");
	size_t total = count_listed(&filter, &whole);
	assert_true(total > 5);
	assert_int_equal(whole.total, total);
	for (unsigned i = 0; i < REQUEST_SORT_COUNT * 2; i++) {
		struct list_page page = { .sort = i / 2, .desc = i % 2, .limit = 2 };
		struct uuid last = { { 0 } };
		size_t seen = 0, n;

		for (; seen < total; seen += n, page.offset += 2) {
			struct auth auth = as(&the.ada, SCOPE_REQUESTS_READ);
			struct request_row *rows = NULL;

			ok(request_list(&the.store, &auth, &filter, &nothing_extra, &page, &rows,
			       &n, &ctx),
			    &ctx);
			assert_true(n > 0);
			for (size_t k = 0; k < n; k++) {
				int order = memcmp(&rows[k].id, &last, sizeof(last));

				if (seen + k)
					assert_true(page.desc ? order < 0 : order > 0);
				last = rows[k].id;
			}
			request_list_free(&rows, n);
		}
		assert_int_equal(seen, total);
		assert_int_equal(page.total, 0);
	}
}

static void
what_others_have_is_as_unknown_as_what_is_not_there(void **state)
{
	struct request_made made = make("hidden", 1);
	struct request_detail detail;
	struct request_row row, *rows = NULL;
	struct credential credential;
	struct list_page page = { .limit = 10 };
	const struct request_filter filter = { .team_id = the.alpha };
	struct auth cy = as(&the.cy, SCOPE_REQUESTS_READ);
	struct uuid unknown;
	size_t n;
	(void)state;

	uuid_make(&unknown);
	read_detail(&made.request.id, &detail);
	const struct uuid ids[] = { made.request.id, unknown };
	int64_t job_id;
	for (size_t i = 0; i < COL_N(ids); i++) {
		struct errctx ctx = { 0 };
		struct request_detail none;

		assert_int_equal(request_get(&the.store, &cy, &ids[i], &nothing_extra, &row, &ctx),
		    ERR_NOT_FOUND);
		assert_string_equal(err_text(&ctx), "no such credential request");
		assert_int_equal(request_detail(&the.store, &cy, &ids[i], &none, NULL),
		    ERR_NOT_FOUND);
	}
	assert_int_equal(credential_get(&the.store, &cy, &detail.credentials[0].id, &credential,
			     NULL),
	    ERR_NOT_FOUND);
	assert_int_equal(request_list(&the.store, &cy, &filter, &nothing_extra, &page, &rows, &n,
			     NULL),
	    ERR_NOT_MEMBER);
	struct audit_entry audit = audit_of("x");
	assert_int_equal(credential_decline(&the.store, &audit, the.cy.id,
			     &detail.credentials[0].id, "no", &credential, NULL),
	    ERR_NOT_FOUND);
	assert_int_equal(request_delete(&the.store, &audit, the.cy.id, &made.request.id, true,
			     &job_id, NULL),
	    ERR_NOT_FOUND);
	/* -1 stands for the runner inside; nobody else may come as it does not exist */
	assert_int_equal(request_delete(&the.store, &audit, -1, &made.request.id, true, &job_id,
			     NULL),
	    ERR_NOT_FOUND);
	request_detail_free(&detail);
	request_made_wipe(&made);
}

static void
a_wrong_or_revoked_token_and_a_missing_scope_read_nothing(void **state)
{
	struct request_made made = make("guarded", 1);
	struct auth auth = as(&the.ada, SCOPE_REQUESTS_READ);
	struct request_row row;
	(void)state;

	auth.token[20] = auth.token[20] == 'a' ? 'b' : 'a';
	assert_int_equal(request_get(&the.store, &auth, &made.request.id, &nothing_extra, &row,
			     NULL),
	    ERR_UNAUTHENTICATED);
	auth = as(&the.ada, SCOPE_REQUESTS_READ);
	sql("UPDATE api_token SET scopes = 2");
	assert_int_equal(request_get(&the.store, &auth, &made.request.id, &nothing_extra, &row,
			     NULL),
	    ERR_SCOPE);
	sql("UPDATE api_token SET scopes = 4095, revoked_at = UTC_TIMESTAMP(3)");
	assert_int_equal(request_get(&the.store, &auth, &made.request.id, &nothing_extra, &row,
			     NULL),
	    ERR_UNAUTHENTICATED);
	sql("UPDATE api_token SET revoked_at = NULL");
	request_made_wipe(&made);
}

static void
details_hold_people_and_credentials_in_order(void **state)
{
	struct request_made made = make("whole", 3);
	struct auth auth = as(&the.ada, SCOPE_REQUESTS_READ);
	struct request_detail detail;
	struct request_row row;
	struct errctx ctx = { 0 };
	(void)state;

	read_detail(&made.request.id, &detail);
	assert_int_equal(detail.n_credentials, 3);
	assert_string_equal(detail.credentials[0].app_name, "zeta");
	assert_string_equal(detail.credentials[1].app_name, "http");
	assert_string_equal(detail.requester.email, "ada@example.com");
	assert_string_equal(detail.request.provider.name, "Ada");
	request_detail_free(&detail);
	const struct request_extra both = { true, true };
	ok(request_get(&the.store, &auth, &made.request.id, &both, &row, &ctx), &ctx);
	assert_string_equal(row.app_names, "[\"http\",\"zeta\"]");
	assert_string_equal(row.provider.email, "ada@example.com");
	request_free(&row);
	ok(request_get(&the.store, &auth, &made.request.id, &nothing_extra, &row, &ctx), &ctx);
	assert_null(row.app_names);
	assert_int_equal(row.provider.id, 0);
	request_free(&row);
	request_made_wipe(&made);
}

/* ---- states ---- */

/* One transaction of the runner. */
struct runner_step {
	struct uuid id;
	int64_t remote_id;
	bool decline;
};
static enum err
runner_body(struct store *store, void *arg, struct audit_entry *audit, struct errctx *ctx)
{
	const struct runner_step *step = arg;
	(void)audit;

	return step->decline
		   ? credential_decline_in(store, &step->id, "no thanks", ctx)
		   : credential_authorize_in(store, &step->id,
			 &(struct credential_remote){ step->remote_id, "local", NULL }, ctx);
}

static enum err
run(const struct uuid *id, int64_t remote_id)
{
	struct runner_step step = { *id, remote_id, remote_id == 0 };
	struct audit_entry audit = audit_of("runner");

	return store_write(&the.store, &audit, runner_body, &step, NULL);
}

static enum err
decline(const struct uuid *id, const char *reason)
{
	struct audit_entry audit = audit_of("credential.decline");
	struct credential credential;
	enum err err =
	    credential_decline(&the.store, &audit, the.ada.id, id, reason, &credential, NULL);

	if (!err) {
		assert_string_equal(credential.state, "declined");
		credential_free(&credential);
	}
	return err;
}

static void
status_follows_from_the_credentials(void **state)
{
	struct request_made made = make("statuses", 3);
	struct request_detail detail;
	const struct uuid *id = &made.request.id;
	char text[160], uuid[UUID_TEXT_SIZE];
	(void)state;

	read_detail(id, &detail);
	const struct credential *c = detail.credentials;
	assert_int_equal(run(&c[0].id, 0), OK);
	expect_status(id, "incomplete");
	assert_int_equal(run(&c[1].id, 900001), OK);
	expect_status(id, "partially_authorized");
	assert_int_equal(decline(&c[2].id, NULL), OK);
	expect_status(id, "partially_authorized");
	assert_int_equal(run(&c[0].id, 900002), OK);
	assert_int_equal(run(&c[2].id, 900003), OK);
	expect_status(id, "authorized");
	uuid_text(&c[0].id, uuid);
	snprintf(text, sizeof(text),
	    "UPDATE credential SET state = 'reauthorizing' WHERE uuid_text(id) = '%s'", uuid);
	sql(text);
	struct errctx ctx = { 0 };
	ok(credential_status_refresh(&the.store, id, &ctx), &ctx);
	expect_status(id, "invalid");
	request_detail_free(&detail);
	request_made_wipe(&made);

	made = make("all declined", 2);
	read_detail(&made.request.id, &detail);
	assert_int_equal(decline(&detail.credentials[0].id, "one"), OK);
	assert_int_equal(decline(&detail.credentials[1].id, "two"), OK);
	expect_status(&made.request.id, "declined");
	request_detail_free(&detail);
	request_made_wipe(&made);
}

static void
declining_may_be_repeated_and_is_refused_once_authorized(void **state)
{
	struct request_made made = make("decline", 1);
	struct request_detail detail;
	struct credential credential = { 0 };
	struct errctx ctx = { 0 };
	(void)state;

	read_detail(&made.request.id, &detail);
	const struct uuid *id = &detail.credentials[0].id;
	assert_int_equal(decline(id, "first"), OK);
	assert_int_equal(decline(id, "second"), OK);
	assert_int_equal(decline(id, NULL), OK);
	ok(credential_load(&the.store, id, &credential, &ctx), &ctx);
	assert_string_equal(credential.decline_reason, "second");
	credential_free(&credential);
	assert_int_equal(run(id, 900010), OK);
	ok(credential_load(&the.store, id, &credential, &ctx), &ctx);
	assert_null(credential.decline_reason);
	assert_int_equal(credential.remote_id, 900010);
	credential_free(&credential);
	assert_int_equal(decline(id, "late"), ERR_VALUE);
	assert_int_equal(run(id, 0), ERR_VALUE);
	assert_int_equal(run(id, 900011), ERR_VALUE);
	request_detail_free(&detail);
	request_made_wipe(&made);
}

static void
declining_calls_off_the_form_on_its_way(void **state)
{
	struct request_made made = make("called off", 1);
	struct request_detail detail;
	char uuid[UUID_TEXT_SIZE], key[64];
	struct errctx ctx = { 0 };
	struct job_state job;
	int64_t id;
	(void)state;

	read_detail(&made.request.id, &detail);
	uuid_text(&detail.credentials[0].id, uuid);
	snprintf(key, sizeof(key), "credential:%s", uuid);
	const struct job_new new = { .kind = "fulfil",
		.subject = uuid,
		.active_key = key,
		.team_id = the.alpha,
		.max_attempts = 5,
		.payload = "{}" };
	ok(job_enqueue(&the.store, &new, &id, &ctx), &ctx);
	assert_int_equal(decline(&detail.credentials[0].id, "stop"), OK);
	ok(job_state_get(&the.store, id, &job, &ctx), &ctx);
	assert_string_equal(job.state, "failed");
	job_state_free(&job);
	request_detail_free(&detail);
	request_made_wipe(&made);
}

static void
every_state_answers_every_event(void **state)
{
	(void)state;
	for (unsigned s = 0; s < CREDENTIAL_STATE_COUNT; s++)
		for (unsigned e = 0; e < CREDENTIAL_EVENT_COUNT; e++) {
			enum credential_state next = CREDENTIAL_STATE_COUNT;
			struct errctx ctx = { 0 };
			enum err err = credential_event((enum credential_state)s,
			    (enum credential_event)e, &next, &ctx);

			if (err) {
				assert_int_equal(err, ERR_VALUE);
				assert_true(strlen(err_text(&ctx)) > 10);
				if (e == CREDENTIAL_TEST_FAILED || e == CREDENTIAL_TEST_PASSED)
					assert_true(
					    s == CREDENTIAL_PENDING || s == CREDENTIAL_DECLINED);
				else
					assert_int_equal(s, CREDENTIAL_AUTHORIZED);
			} else {
				assert_true(next < CREDENTIAL_STATE_COUNT);
				if (e == CREDENTIAL_TEST_FAILED)
					assert_int_equal(next, CREDENTIAL_REAUTHORIZING);
				if (e == CREDENTIAL_TEST_PASSED)
					assert_int_equal(next, CREDENTIAL_AUTHORIZED);
				if (e == CREDENTIAL_GRANT_BROKEN && s != next)
					assert_int_equal(next, CREDENTIAL_REAUTHORIZING);
			}
		}
}

/* ---- deleting ---- */

static enum err delete (const struct uuid *id, bool confirmed, int64_t *job_out) {
	struct audit_entry audit = audit_of("request.delete");

	return request_delete(&the.store, &audit, the.ada.id, id, confirmed, job_out, NULL);
}

static void
deleting_asks_before_what_was_made_goes_and_leaves_that_to_the_runner(void **state)
{
	struct request_made made = make("delete", 2);
	struct request_detail detail;
	struct errctx ctx = { 0 };
	int64_t job_id = 0, again = 0;
	(void)state;

	read_detail(&made.request.id, &detail);
	assert_int_equal(run(&detail.credentials[0].id, 7), OK);
	assert_int_equal(delete (&made.request.id, false, &job_id), ERR_CONFIRM);
	expect_status(&made.request.id, "partially_authorized");
	assert_int_equal(delete (&made.request.id, true, &job_id), OK);
	assert_int_equal(delete (&made.request.id, true, &again), OK);
	assert_true(job_id > 0);
	assert_int_equal(again, job_id);
	struct job job = { 0 };
	ok(job_show(&the.store, job_id, &job, &ctx), &ctx);
	assert_string_equal(job.kind, "request_delete");
	job_free(&job);
	expect_status(&made.request.id, "partially_authorized");
	request_detail_free(&detail);
	request_made_wipe(&made);
}

static void
deleting_without_keys_needs_no_confirmation(void **state)
{
	struct request_made made = make("delete", 2);
	int64_t job_id = 1;
	(void)state;

	assert_int_equal(delete (&made.request.id, false, &job_id), OK);
	assert_int_equal(job_id, 0);
	assert_int_equal(delete (&made.request.id, true, &job_id), ERR_NOT_FOUND);
	request_made_wipe(&made);
}

/* Whoever takes the public pool over can seal what he likes; the operator's mail does not carry it.
 */
static void
a_letter_takes_nothing_but_a_link_secret(void **state)
{
	static const struct {
		const char *text;
		enum err err;
	} cases[] = {
		{ "0123456789-_ABCDEFGHIJKLMNOPQRSTUVWXYZabcdeA", ERR_INTEGRITY },
		{ "0123456789-_ABCDEFGHIJKLMNOPQRSTUVWXYZabcdA", OK },
		{ "0123456789-_ABCDEFGHIJKLMNOPQRSTUVWXYZabcdA=", ERR_INTEGRITY },
		{ "x\n\nPay here: https://evil.example/", ERR_INTEGRITY },
		{ "0123456789-_ABCDEFGHIJKLMNOPQRSTUVWXYZ \n<a>", ERR_INTEGRITY },
		{ "", ERR_INTEGRITY },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct mail_subject subject = { .team_id = the.alpha };
		struct errctx ctx = { 0 };

		uuid_make(&subject.link_id);
		const struct seal_context context = { .table = "mail_link",
			.row = subject.link_id,
			.field = "secret",
			.team_id = the.alpha };
		auto_secret struct secret secret = { 0 };
		ok(store_seal(&the.store, &context, cases[i].text, strlen(cases[i].text),
		       &subject.secret_sealed, &ctx),
		    &ctx);
		assert_int_equal(mail_subject_open(&the.store, &subject, &secret, NULL),
		    cases[i].err);
		free(subject.secret_sealed.data);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_request_is_pending_and_only_the_digest_of_its_link_is_kept),
		cmocka_unit_test(only_members_may_ask_in_the_name_of_a_team),
		cmocka_unit_test(
		    providers_of_the_organization_and_without_a_team_are_added_and_strangers_refused),
		cmocka_unit_test(a_new_user_is_made_once_and_a_refused_request_leaves_none),
		cmocka_unit_test(an_address_of_another_organization_is_asked_and_gets_no_access),
		cmocka_unit_test(a_provider_who_joins_leaves_one_audit_row),
		cmocka_unit_test(filters_are_taken_literally),
		cmocka_unit_test(every_filter_goes_with_every_order),
		cmocka_unit_test(pages_never_repeat_or_skip_in_any_order),
		cmocka_unit_test(what_others_have_is_as_unknown_as_what_is_not_there),
		cmocka_unit_test(a_wrong_or_revoked_token_and_a_missing_scope_read_nothing),
		cmocka_unit_test(details_hold_people_and_credentials_in_order),
		cmocka_unit_test(status_follows_from_the_credentials),
		cmocka_unit_test(declining_may_be_repeated_and_is_refused_once_authorized),
		cmocka_unit_test(declining_calls_off_the_form_on_its_way),
		cmocka_unit_test(every_state_answers_every_event),
		cmocka_unit_test(
		    deleting_asks_before_what_was_made_goes_and_leaves_that_to_the_runner),
		cmocka_unit_test(deleting_without_keys_needs_no_confirmation),
		cmocka_unit_test(a_letter_takes_nothing_but_a_link_secret),
	};

	return cmocka_run_group_tests_name("request", tests, world_begin, world_end);
}
