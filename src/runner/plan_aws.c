/* SPDX-License-Identifier: Apache-2.0 */
/* How a session of AWS is fetched: from the metadata service, by assuming a role, or both. */
#include "runner/plan_aws.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"

/* The metadata service of an instance, version 2 (EC2 user guide, "Use IMDSv2"). */
#define IMDS_CALL "\"timeout\":5,\"disable_redirect_follow\":true,\"headers\":"
#define IMDS_ROLES_URL "<<AWS.metadata>>/latest/meta-data/iam/security-credentials/"
#define IMDS_ROLE "<<URL_ENCODE(FIRST(SPLIT(STRIP(STEPS[1].body), '\\\\n')))>>"
static const char *const metadata_calls[] = {
	"{\"options\":{\"url\":\"<<AWS.metadata>>/latest/api/token\",\"method\":\"put\"," IMDS_CALL
	"{\"X-aws-ec2-metadata-token-ttl-seconds\":\"300\"}}}",
	"{\"options\":{\"url\":\"" IMDS_ROLES_URL "\",\"method\":\"get\"," IMDS_CALL
	"{\"X-aws-ec2-metadata-token\":\"<<STEPS[0].body>>\"}}}",
	"{\"options\":{\"url\":\"" IMDS_ROLES_URL IMDS_ROLE "\",\"method\":\"get\"," IMDS_CALL
	"{\"X-aws-ec2-metadata-token\":\"<<STEPS[0].body>>\"}}}",
};
#define IMDS_LOCATION                                                                              \
	"={\"access_key\": response.body.AccessKeyId, \"secret_key\": "                            \
	"response.body.SecretAccessKey, \"session_token\": response.body.Token}"
#define IMDS_EXPIRES "=response.body.Expiration"

/* AssumeRole of the security token service (STS API reference). */
#define STS_CALL                                                                                   \
	"{\"options\":{\"url\":\"=AWS.sts\",\"method\":\"post\",\"content_type\":\"form\","        \
	"\"disable_redirect_follow\":true,\"payload\":{\"Action\":\"AssumeRole\","                 \
	"\"Version\":\"2011-06-15\",\"RoleArn\":\"=AWS.role\",\"RoleSessionName\":\"bailee\","     \
	"\"DurationSeconds\":\"3600\",\"ExternalId\":\"=AWS.external_id\"}},"                      \
	"\"sign\":{\"access_key\":\"=AWS.access_key\",\"secret_key\":\"=AWS.secret_key\","         \
	"\"service\":\"sts\",\"region\":\"=AWS.region\"}}"
#define STS_RESULT "XML_PARSE(response.body).AssumeRoleResponse.AssumeRoleResult.Credentials."
#define STS_LOCATION                                                                               \
	"={\"access_key\": " STS_RESULT "AccessKeyId, \"secret_key\": " STS_RESULT                 \
	"SecretAccessKey, \"session_token\": " STS_RESULT "SessionToken}"
#define STS_EXPIRES "=" STS_RESULT "Expiration"

static const char *metadata = "http://169.254.169.254", *sts = "";

void
plan_aws_setup(const char *metadata_url, const char *sts_url)
{
	metadata = metadata_url;
	sts = sts_url;
}

static json_t *
add_request(json_t *requests, const char *text)
{
	json_t *request = NULL;

	if (json_parse(text, strlen(text), &request, NULL))
		abort(); /* our own text */
	json_array_append_new(requests, request);
	return request;
}

/* Where roles of a partition are assumed: arn:<partition>:iam::… */
static void
put_sts(json_t *root, const char *role)
{
	static const struct {
		const char *begin, *url, *region;
	} partitions[] = {
		{ "arn:aws-cn:", "https://sts.cn-north-1.amazonaws.com.cn/", "cn-north-1" },
		{ "arn:aws-us-gov:", "https://sts.us-gov-west-1.amazonaws.com/", "us-gov-west-1" },
		{ "", "https://sts.amazonaws.com/", "us-east-1" },
	};
	size_t i = 0;

	while (strncmp(role, partitions[i].begin, strlen(partitions[i].begin)) != 0)
		i++;
	json_put_text(root, "sts", *sts ? sts : partitions[i].url);
	json_put_text(root, "region", partitions[i].region);
}

static void
plan_role(const json_t *definition, json_t *root, json_t *requests)
{
	const char *role = json_get_text(definition, "aws_assumed_role_arn");
	const char *external_id = json_get_text(definition, "aws_external_id");
	bool by_profile = json_array_size(requests) > 0;
	json_t *call = add_request(requests, STS_CALL), *keys = json_object_get(call, "sign");

	put_sts(root, role ? role : "");
	json_put_text(root, "role", role);
	json_put_text(root, "external_id", external_id);
	json_put_text(root, "access_key", json_get_text(definition, "aws_access_key"));
	json_put_text(root, "secret_key", json_get_text(definition, "aws_secret_key"));
	if (!external_id)
		json_object_del(json_object_get(json_object_get(call, "options"), "payload"),
		    "ExternalId");
	if (!by_profile)
		return;
	json_put_text(keys, "access_key", "=PREVIOUS_STEP.body.AccessKeyId");
	json_put_text(keys, "secret_key", "=PREVIOUS_STEP.body.SecretAccessKey");
	json_put_text(keys, "session_token", "=PREVIOUS_STEP.body.Token");
}

enum err
plan_aws(const json_t *definition, json_t *roots, json_t *plan, struct errctx *ctx)
{
	const char *type = json_get_text(definition, "aws_authentication_type");
	bool role = type && !strcmp(type, "ROLE");
	json_t *root = json_object(), *requests = json_array();

	json_put(roots, "AWS", root);
	json_put(plan, "requests", requests);
	json_put_text(plan, "path", "");
	if (!type || !strcmp(type, "KEY"))
		return err_set(ctx, ERR_VALUE, "", "these keys are used as they are");
	json_put_text(root, "metadata", metadata);
	if (!role || !json_get_text(definition, "aws_access_key"))
		for (size_t i = 0; i < sizeof(metadata_calls) / sizeof(metadata_calls[0]); i++)
			add_request(requests, metadata_calls[i]);
	if (role)
		plan_role(definition, root, requests);
	json_put_text(plan, "location", role ? STS_LOCATION : IMDS_LOCATION);
	json_put_text(plan, "expires", role ? STS_EXPIRES : IMDS_EXPIRES);
	return OK;
}
