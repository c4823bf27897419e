/* SPDX-License-Identifier: Apache-2.0 */
/* Other credentials in a credential's requests: found, opened, and fetched first where need be. */
#include "runner/references.h"

#include <string.h>

#include "agent/jwt_token.h"
#include "base/clock.h"
#include "base/json.h"
#include "formula/template.h"

#define WAIT_MOST_MS (10 * 60 * 1000) /* for all that a job needs, from when it was put in */

void
references_free(struct references *references)
{
	json_decref(references->values);
	json_decref(references->hosts);
	json_decref(references->metadata);
	*references = (struct references){ 0 };
}

/* ---- one value ---- */

static enum err
text_value(const json_t *definition, struct secret *value_out, struct errctx *ctx)
{
	const json_t *text = json_object_get(definition, "value");

	(void)ctx;
	secret_set(value_out, json_is_string(text) ? json_string_value(text) : "",
	    json_string_length(text));
	return OK;
}

static enum err
jwt_value(const json_t *definition, struct secret *value_out, struct errctx *ctx)
{
	auto_buf struct buf token = BUF_INIT_SECRET(JWT_TOKEN_MAX);
	int64_t expires_at;
	enum err err =
	    jwt_token_make(definition, clock_now_ms(), FETCH_MARGIN_S, &token, &expires_at, ctx);

	if (!err)
		secret_set(value_out, buf_text(&token), token.len);
	return err;
}

/* What the fetch of a session gives as well: {"access_key", "secret_key"}. */
static enum err
aws_value(const json_t *definition, struct secret *value_out, struct errctx *ctx)
{
	const char *type = json_get_text(definition, "aws_authentication_type");
	json_auto_t *keys = json_object();

	if (!type || strcmp(type, "KEY") != 0)
		return err_set(ctx, ERR_STALE, "", "it is fetched");
	json_put_text(keys, "access_key", json_get_text(definition, "aws_access_key"));
	json_put_text(keys, "secret_key", json_get_text(definition, "aws_secret_key"));
	auto_wipe char *text = json_text(keys);
	secret_set(value_out, text, strlen(text));
	return OK;
}

/* Modes whose value is in the definition, or ERR_STALE; that of the others is fetched. */
static const struct {
	const char *mode;
	enum err (*value)(const json_t *definition, struct secret *value_out, struct errctx *ctx);
} own_values[] = {
	{ "TEXT", text_value }, { "JWT", jwt_value }, { "AWS", aws_value },
	{ "MTLS", text_value }, /* none: it opens the connection */
};

static enum err
fetched_value(struct store *store, const struct job *job, const struct credential_need *need,
    struct secret *value_out, bool *wait_out, struct errctx *ctx)
{
	const struct fetch_subject *subject = &need->subject;
	int64_t id;

	if (need->token_sealed.data)
		return credential_need_open(store, need, value_out, ctx);
	if (need->failed)
		return err_set(ctx, ERR_VALUE, "", "%s", need->failed);
	*wait_out = true;
	return fetch_order(store, &subject->place, subject->version, job->request_id, &id, ctx);
}

enum err
reference_value(struct store *store, const struct job *job, const struct credential_need *need,
    struct secret *value_out, bool *wait_out, struct errctx *ctx)
{
	const struct user_credential_place *place = &need->subject.place;

	for (size_t i = 0; i < sizeof(own_values) / sizeof(own_values[0]); i++) {
		json_auto_t *definition = NULL;

		if (strcmp(own_values[i].mode, place->mode) != 0)
			continue;
		enum err err = user_credential_open(store, place, &need->subject.definition_sealed,
		    &definition, ctx);
		err = err ? err : own_values[i].value(definition, value_out, ctx);
		if (err != ERR_STALE)
			return err;
		err_clear(ctx);
	}
	return fetched_value(store, job, need, value_out, wait_out, ctx);
}

/* ---- circles ---- */

/* Those that wait for one another, from the credential of the job on. */
struct chain {
	int64_t ids[REFERENCES_DEPTH_MAX];
	size_t n;
};

static enum err
chain_add(struct chain *chain, const struct credential_need *need, struct errctx *ctx)
{
	for (size_t i = 0; i < chain->n; i++)
		if (chain->ids[i] == need->subject.place.id)
			return err_set(ctx, ERR_VALUE, "",
			    "CREDENTIAL.%s: credentials that refer to each other in a circle",
			    need->subject.slug);
	if (chain->n == REFERENCES_DEPTH_MAX)
		return err_set(ctx, ERR_VALUE, "",
		    "CREDENTIAL.%s: too many credentials that need one another",
		    need->subject.slug);
	chain->ids[chain->n++] = need->subject.place.id;
	return OK;
}

static json_t *
slugs_of(const json_t *document)
{
	json_t *slugs = json_array();
	struct errctx ignored = { 0 };

	/* what cannot be read was refused when it was stored; the request says so again */
	if (template_references(document, slugs, &ignored))
		err_clear(&ignored);
	return slugs;
}

/* The options of all requests of an opened definition; caller owns. Secrets are no formulas. */
static json_t *
options_of(const json_t *definition)
{
	json_t *list = json_array(), *options;
	const json_t *request;
	size_t i;

	json_array_foreach(json_object_get(definition, "requests"), i, request)
	{
		if ((options = json_object_get(request, "options")))
			json_array_append(list, options);
	}
	if ((options = json_object_get(json_object_get(definition, "request"), "options")))
		json_array_append(list, options);
	return list;
}

/* Whether what this one needs leads back to anything in the chain. */
static enum err
check_circle(struct store *store, struct chain *chain, const struct credential_need *need,
    struct errctx *ctx)
{
	const struct user_credential_place *place = &need->subject.place;
	const struct credential_asker asker = { .team_id = place->team_id };
	json_auto_t *definition = NULL;
	size_t i;
	const json_t *slug;
	enum err err = chain_add(chain, need, ctx);

	if (!err)
		err = user_credential_open(store, place, &need->subject.definition_sealed,
		    &definition, ctx);
	if (err)
		return err;
	json_auto_t *options = options_of(definition), *slugs = slugs_of(options);
	json_array_foreach(slugs, i, slug)
	{
		struct credential_need next = { 0 };

		err = credential_need_find(store, &asker, json_string_value(slug), &next, ctx);
		if (!err)
			err = check_circle(store, chain, &next, ctx);
		credential_need_free(&next);
		if (err)
			return err;
	}
	chain->n--;
	return OK;
}

/* ---- all of them ---- */

static void
keep(struct references *references, const struct credential_need *need, const struct secret *value)
{
	const struct fetch_subject *subject = &need->subject;
	json_t *hosts = NULL, *metadata = NULL, *info = json_object();

	json_put(references->values, subject->slug,
	    json_text_lossy(secret_text(value), value->len));
	/* a list that cannot be read allows nothing */
	if (json_parse(subject->place.allowed_hosts, strlen(subject->place.allowed_hosts), &hosts,
		NULL))
		hosts = json_false();
	if (json_is_array(hosts) && json_array_size(hosts) == 0)
		json_decref(hosts);
	else
		json_put(references->hosts, subject->slug, hosts);
	if (json_parse(subject->metadata, strlen(subject->metadata), &metadata, NULL))
		metadata = json_object();
	json_put(info, "metadata", metadata);
	json_put(references->metadata, subject->slug, info);
}

static enum err
check_readable(const struct credential_need *need, const char *slug, struct errctx *ctx)
{
	const char *mode = need->subject.place.mode;

	if (strcmp(need->subject.slug, slug) != 0) /* the database does not mind the case */
		return err_set(ctx, ERR_NOT_FOUND, "", "CREDENTIAL.%s: there is none", slug);
	if (!strcmp(mode, "AWS") || !strcmp(mode, "MTLS"))
		return err_set(ctx, ERR_VALUE, "",
		    "CREDENTIAL.%s: a credential of mode %s is used, not read", slug, mode);
	return OK;
}

static enum err
load_one(struct store *store, const struct job *job, const struct user_credential_place *place,
    const char *slug, struct references *references, bool *wait, struct errctx *ctx)
{
	const struct credential_asker asker = { .team_id = place->team_id, .job = job };
	struct chain chain = { .ids = { place->id }, .n = 1 };
	struct credential_need need = { 0 };
	auto_secret struct secret value = { 0 };
	struct errctx inner = { 0 };
	bool waits = false;
	enum err err = credential_need_find(store, &asker, slug, &need, ctx);

	if (!err)
		err = check_readable(&need, slug, ctx);
	if (!err && !need.token_sealed.data)
		err = check_circle(store, &chain, &need, ctx);
	if (!err) {
		err = reference_value(store, job, &need, &value, &waits, &inner);
		if (err == ERR_VALUE)
			(void)err_set(ctx, err, "", "CREDENTIAL.%s: %s", slug, err_text(&inner));
		else if (err)
			*ctx = inner;
	}
	if (!err && !waits)
		keep(references, &need, &value);
	*wait = *wait || waits;
	credential_need_free(&need);
	return err;
}

enum err
references_load(struct store *store, const struct job *job,
    const struct user_credential_place *place, const json_t *document,
    struct references *references_out, bool *wait_out, struct errctx *ctx)
{
	struct references references = { json_object(), json_object(), json_object() };
	json_auto_t *options = options_of(document), *slugs = slugs_of(options);
	const json_t *slug;
	bool wait = false;
	enum err err = OK;
	size_t i;

	json_array_foreach(slugs, i, slug)
	{
		err = load_one(store, job, place, json_string_value(slug), &references, &wait, ctx);
		if (err)
			break;
	}
	if (err || wait)
		references_free(&references);
	else
		*references_out = references;
	*wait_out = wait;
	return err;
}

json_t *
references_of_request(const struct references *references, const json_t *options, json_t *roots)
{
	json_auto_t *slugs = NULL;
	json_t *values = json_object(), *hosts = json_array();
	const json_t *slug;
	size_t i;

	if (json_object_size(references->values) > 0)
		slugs = slugs_of(options);
	json_array_foreach(slugs, i, slug)
	{
		const char *name = json_string_value(slug);
		json_t *limits = json_object_get(references->hosts, name);

		json_object_set(values, name, json_object_get(references->values, name));
		if (limits)
			json_array_append(hosts, limits);
	}
	json_put(roots, FORMULA_CREDENTIAL, values);
	if (json_array_size(hosts) > 0)
		return hosts;
	json_decref(hosts);
	return NULL;
}

void
references_wait(struct task *task)
{
	int64_t waited = clock_now_ms() - task->job.created_at;

	if (waited > WAIT_MOST_MS) {
		task_settle(task, JOB_FAILED, "a credential that it needs did not come in time");
		return;
	}
	task_settle(task, JOB_BACK, NULL);
	task->outcome.delay_ms =
	    waited < REFERENCES_SOON_MS ? REFERENCES_WAIT_MS / 5 : REFERENCES_WAIT_MS;
}
