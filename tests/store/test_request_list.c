/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of credential requests answer as a plain LIKE does, whichever way they are looked up. */
#include "world.h"

#include "store/request.h"

#define CHECKS 350
#define COMMON 230 /* requests with one beginning: more than are looked up */
#define RANDOM 160
#define NAME_MAX_BYTES 256

/* What collations, patterns and padding stumble over: equal letters, expansions, ignorable and
 * combining characters, four bytes, blanks, signs of LIKE. */
static const char *const letters[] = { "a", "A", "b", "e", "E", "\xc3\xa4", "\xc3\xa9", "s", "ss",
	"\xc3\x9f", "\xc5\xbf", " ", "  ", "%", "_", "!", "\\", "'", "\t", "\xcc\x81",
	"\xe2\x80\x8d", "\xc2\xad", "\xf0\x9f\x98\x80", "\xf0\x9f\x91\xa9", "\xc4\xb0", "\xc4\xb1",
	"i", "\xef\xac\x81", "\xe4\xb8\xad", "\xe2\x84\xa2", "7", "8" };

static uint64_t seed;

static size_t
below(size_t n)
{
	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (size_t)(seed >> 33) % n;
}

static void
append_letter(char text[NAME_MAX_BYTES])
{
	size_t len = strlen(text);

	snprintf(text + len, NAME_MAX_BYTES - len, "%s", letters[below(COL_N(letters))]);
}

static void
random_text(char out[NAME_MAX_BYTES], const char *start, size_t n)
{
	snprintf(out, NAME_MAX_BYTES, "%s", start);
	for (size_t i = 0; i < n; i++)
		append_letter(out);
}

/* Somewhere out of a name, and at times with a letter changed or added. */
static void
random_part(char out[NAME_MAX_BYTES], const char *name)
{
	size_t len = strlen(name), from = below(len), n = 1 + below(len - from);

	while (from > 0 && (name[from] & 0xc0) == 0x80)
		from--;
	while (from + n < len && (name[from + n] & 0xc0) == 0x80)
		n++;
	snprintf(out, NAME_MAX_BYTES, "%.*s", (int)n, name + from);
	if (below(4) == 0)
		for (char *at = out; *at; at++)
			if (*at >= 'a' && *at <= 'z')
				*at = (char)(*at - 'a' + 'A');
	if (below(6) == 0 && strlen(out) < NAME_MAX_BYTES - 8)
		append_letter(out);
}

static void
make(const char *name, int64_t requester_id, int64_t provider_id)
{
	const struct credential_new one = { .component = "keychain",
		.type = "key",
		.name = "basicauth",
		.label = "Label",
		.scope = "[]",
		.app_name = "http",
		.app_modules = "[]",
		.app_version = "3" };
	const struct request_new request = { .team_id = the.alpha,
		.requester_id = requester_id,
		.provider_id = provider_id,
		.name = name,
		.expiry_days = (int64_t)(1 + below(90)),
		.credentials = &one,
		.n_credentials = 1 };
	struct audit_entry audit = audit_of("request.create");
	struct request_made made;
	struct errctx ctx = { 0 };

	ok(request_create(&the.store, &audit, &request, &made, &ctx), &ctx);
	request_made_wipe(&made);
}

/* ---- what is right ---- */

struct id_row {
	struct uuid id;
	char *name;
};
struct plain_in {
	int64_t team_id, requester_id, provider_id;
	const char *status, *pattern;
};
static const struct col plain_in[] = {
	COL(INT, struct plain_in, team_id),
	COL(TEXT, struct plain_in, status),
	COL(TEXT, struct plain_in, status),
	COL(INT0, struct plain_in, requester_id),
	COL(INT0, struct plain_in, requester_id),
	COL(INT0, struct plain_in, provider_id),
	COL(INT0, struct plain_in, provider_id),
	COL(TEXT, struct plain_in, pattern),
	COL(TEXT, struct plain_in, pattern),
};
static const struct col id_out[] = { COL(UUID, struct id_row, id), COL(TEXT, struct id_row, name) };
#define PLAIN(order)                                                                               \
	{                                                                                          \
		"plain",                                                                           \
		    "SELECT id, name FROM credential_request IGNORE INDEX (request_list, "         \
		    "request_status, request_name, request_updated, request_expires, "             \
		    "request_requester, request_provider) WHERE team_id = ? AND "                  \
		    "(? IS NULL OR status = ?) AND (? IS NULL OR requester_id = ?) AND "           \
		    "(? IS NULL OR provider_id = ?) AND (? IS NULL OR name LIKE ? ESCAPE '!') "    \
		    "ORDER BY " order,                                                             \
		    plain_in, COL_N(plain_in), id_out, COL_N(id_out)                               \
	}
#define BOTH(column)                                                                               \
	{                                                                                          \
		PLAIN(column ", id"), PLAIN(column " DESC, id DESC")                               \
	}
static const struct stmt plain[REQUEST_SORT_COUNT][2] = { BOTH("created_at"), BOTH("updated_at"),
	BOTH("expires_at"), BOTH("name") };

static struct id_row *
rows_of(const struct request_filter *filter, const struct list_page *page, size_t *n_out)
{
	char pattern[2 * NAME_MAX_BYTES + 3] = "%", *end = pattern + 1;
	struct errctx ctx = { 0 };
	void *rows = NULL;

	for (const char *at = filter->name ? filter->name : ""; *at; at++) {
		if (strchr("!%_", *at))
			*end++ = '!';
		*end++ = *at;
	}
	memcpy(end, "%", 2);
	const struct plain_in in = { filter->team_id, filter->requester_id, filter->provider_id,
		filter->status, filter->name ? pattern : NULL };
	ok(stmt_all(the.store.db, &plain[page->sort][page->desc], &in, sizeof(struct id_row), &rows,
	       n_out, &ctx),
	    &ctx);
	return rows;
}

static void
free_rows(struct id_row **rows, size_t n)
{
	void *all = *rows;

	stmt_rows_free(&plain[0][0], sizeof(struct id_row), &all, n);
	*rows = NULL;
}

/* One page somewhere in the list of a filter; true when the whole list has a row. */
static bool
compare(const struct request_filter *filter)
{
	static const struct request_extra nothing_extra = { false, false };
	struct auth auth = as(&the.ada, SCOPE_REQUESTS_READ);
	struct list_page page = { .sort = (unsigned)below(REQUEST_SORT_COUNT),
		.desc = below(2) == 0,
		.limit = (int64_t)(1 + below(300)),
		.count = below(2) == 0 };
	struct request_row *listed = NULL;
	struct errctx ctx = { 0 };
	size_t n = 0, total = 0;
	struct id_row *right = rows_of(filter, &page, &total);

	page.offset = below(2) ? 0 : (int64_t)below(total + 2);
	size_t from = (size_t)page.offset, left = from < total ? total - from : 0;
	size_t shown = left < (size_t)page.limit ? left : (size_t)page.limit;
	ok(request_list(&the.store, &auth, filter, &nothing_extra, &page, &listed, &n, &ctx), &ctx);
	if (n != shown || page.total != (page.count ? (int64_t)total : 0))
		fail_msg("'%s': %zu of %zu rows, total %lld of %zu",
		    filter->name ? filter->name : "", n, shown, (long long)page.total, total);
	for (size_t i = 0; i < n; i++)
		assert_memory_equal(&listed[i].id, &right[from + i].id, sizeof(struct uuid));
	request_list_free(&listed, n);
	free_rows(&right, total);
	return total > 0;
}

static struct request_filter
random_filter(const char *name)
{
	const int64_t people[] = { 0, 0, the.ada.id, the.ben.id };

	return (struct request_filter){ .team_id = the.alpha,
		.requester_id = people[below(4)],
		.provider_id = people[below(4)],
		.status = below(3) ? NULL : request_status_names[below(2)],
		.name = name };
}

static void
compare_many(void)
{
	const struct request_filter whole = { .team_id = the.alpha };
	const struct list_page page = { 0 };
	size_t n = 0, found = 0;
	struct id_row *all = rows_of(&whole, &page, &n);

	for (size_t i = 0; i < CHECKS; i++) {
		char name[NAME_MAX_BYTES];
		struct request_filter filter = random_filter(name);

		if (below(8))
			random_part(name, all[below(n)].name);
		else
			random_text(name, "", below(12));
		if (below(10) == 0)
			filter.name = NULL;
		if (below(2))
			filter.requester_id = filter.provider_id = 0;
		found += compare(&filter);
		found += compare(&filter); /* now that it may be known to be many */
	}
	free_rows(&all, n);
	assert_true(found > CHECKS / 2);
}

static int64_t
parts_without_request(void)
{
	return number_of("SELECT COUNT(*) FROM request_name_part n LEFT JOIN credential_request r "
			 "ON r.id = n.request_id AND r.team_id = n.team_id WHERE r.id IS NULL");
}

/* ---- tests ---- */

static void
lists_are_what_a_plain_like_finds(void **state)
{
	char name[NAME_MAX_BYTES];
	(void)state;

	for (size_t i = 0; i < COMMON + RANDOM; i++) {
		random_text(name, i < COMMON ? "Common beginning " : "",
		    1 + below(i % 20 ? 18 : 60));
		make(name, i % 29 ? the.ada.id : the.ben.id, i % 31 ? the.ada.id : the.ben.id);
	}
	sql("UPDATE credential_request SET status = 'authorized' WHERE CRC32(id) MOD 3 = 0");
	sql("UPDATE credential_request SET updated_at = updated_at + INTERVAL CRC32(id) MOD 50 "
	    "SECOND");
	compare_many();
	for (size_t i = 0; i < 2; i++) {
		const struct request_filter common = { .team_id = the.alpha, .name = "BEGINNING" };

		assert_true(compare(&common));
	}
}

static void
what_is_deleted_leaves_no_part_behind(void **state)
{
	const struct request_filter whole = { .team_id = the.alpha };
	const struct list_page page = { 0 };
	size_t n = 0;
	struct id_row *all = rows_of(&whole, &page, &n);
	(void)state;

	for (size_t i = 0; i < n; i += 2) {
		struct audit_entry audit = audit_of("request.delete");
		struct errctx ctx = { 0 };
		int64_t job_id;

		ok(request_delete(&the.store, &audit, the.ada.id, &all[i].id, true, &job_id, &ctx),
		    &ctx);
	}
	free_rows(&all, n);
	assert_int_equal(parts_without_request(), 0);
	compare_many();
}

/* The migration by itself, whatever has come after it. */
static void
run_migration(void)
{
	char path[512], text[8192];

	snprintf(path, sizeof(path), "%s/0012_name_parts.sql", getenv("BAILEE_TEST_SCHEMA"));
	FILE *file = fopen(path, "re");
	assert_non_null(file);
	size_t n = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	assert_in_range(n, 1, sizeof(text) - 2);
	text[n] = 0;
	sql(text);
}

/* As it was, and as an attempt may leave it. */
static const char *const befores[] = {
	"DROP TABLE request_name_part; ALTER TABLE credential_request DROP KEY request_requester, "
	"DROP KEY request_provider, ADD KEY request_requester (requester_id), "
	"ADD KEY request_provider (provider_id)",
	"DELETE FROM request_name_part WHERE CRC32(request_id) MOD 2 = 0",
};

static void
a_full_database_is_brought_from_the_version_before_also_in_two_attempts(void **state)
{
	static const char missing[] =
	    "SELECT COUNT(*) FROM credential_request r JOIN seq_1_to_255_step_3 s "
	    "ON s.seq <= CHAR_LENGTH(r.name) WHERE NOT EXISTS (SELECT 1 FROM request_name_part n "
	    "WHERE n.team_id = r.team_id AND n.request_id = r.id AND n.part = "
	    "LEFT(WEIGHT_STRING(SUBSTR(r.name, s.seq, 8)), 16))";
	(void)state;

	/* more than are taken at a time */
	sql("INSERT INTO credential_request (id, team_id, requester_id, provider_id, name, "
	    "link_hash, created_at, updated_at, expires_at) SELECT UNHEX(MD5(seq)), t.id, p.id, "
	    "p.id, CONCAT('many ', seq), UNHEX(SHA2(seq, 256)), NOW(), NOW(), NOW() "
	    "FROM seq_1_to_2500 JOIN team t ON t.slug = 'alpha' "
	    "JOIN person p ON p.email = 'ada@example.com'");
	assert_true(number_of(missing) > 2500);
	for (size_t i = 0; i < COL_N(befores); i++) {
		sql(befores[i]);
		run_migration();
		assert_int_equal(number_of(missing), 0);
		assert_int_equal(parts_without_request(), 0);
	}
	compare_many();
}

/* ---- what it costs ---- */

static int64_t
rows_read(void)
{
	return number_of("SELECT SUM(variable_value) FROM information_schema.session_status WHERE "
			 "variable_name IN ('HANDLER_READ_KEY', 'HANDLER_READ_NEXT', "
			 "'HANDLER_READ_PREV', 'HANDLER_READ_RND')");
}

static void
a_long_list_is_not_read_through_whether_few_or_many_pass(void **state)
{
	const struct request_filter filters[] = {
		{ .team_id = the.alpha, .name = "any 123" },
		{ .team_id = the.alpha, .name = "nobody's" },
		{ .team_id = the.alpha, .name = "a longer one that nobody has" },
		{ .team_id = the.alpha, .name = "MANY 1", .requester_id = the.ada.id },
		{ .team_id = the.alpha, .requester_id = the.ben.id },
		{ .team_id = the.alpha, .provider_id = the.ben.id, .name = "m" },
		{ .team_id = the.alpha, .requester_id = the.ada.id },
	};
	(void)state;

	assert_true(number_of("SELECT COUNT(*) FROM credential_request") > 2500);
	for (size_t i = 0; i < COL_N(filters); i++) {
		static const struct request_extra nothing_extra = { false, false };
		struct auth auth = as(&the.ada, SCOPE_REQUESTS_READ);
		struct list_page page = { .sort = REQUEST_BY_UPDATED, .desc = true, .limit = 5 };
		struct request_row *listed = NULL;
		struct errctx ctx = { 0 };
		size_t n;
		int64_t before = rows_read();

		ok(request_list(&the.store, &auth, &filters[i], &nothing_extra, &page, &listed, &n,
		       &ctx),
		    &ctx);
		request_list_free(&listed, n);
		int64_t read = rows_read() - before;
		if (read > 1000)
			fail_msg("filter %zu read %lld rows", i, (long long)read);
	}
}

static int
begin(void **state)
{
	const char *told = getenv("BAILEE_SEED");
	struct errctx ctx = { 0 };
	int result = world_begin(state);

	seed = told ? strtoull(told, NULL, 10) : 20260101;
	ok(admin_member_add(&the.store, the.alpha, the.ben.id, &ctx), &ctx);
	return result;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists_are_what_a_plain_like_finds),
		cmocka_unit_test(what_is_deleted_leaves_no_part_behind),
		cmocka_unit_test(
		    a_full_database_is_brought_from_the_version_before_also_in_two_attempts),
		cmocka_unit_test(a_long_list_is_not_read_through_whether_few_or_many_pass),
	};

	return cmocka_run_group_tests(tests, begin, world_end);
}
