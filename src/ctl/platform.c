/* SPDX-License-Identifier: Apache-2.0 */
/* baileectl team set-platform, show-platform: where the credentials of a team live. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/alloc.h"
#include "ctl/command.h"
#include "store/platform.h"

#define REMOTE_TEAM_MAX UINT32_MAX

/* A token is one word of visible characters; a line end behind it is the editor's. */
static enum err
trim_token(struct secret *token, struct errctx *ctx)
{
	size_t len = token->len;

	while (len && (token->data[len - 1] == '\n' || token->data[len - 1] == '\r'))
		len--;
	for (size_t i = 0; i < len; i++)
		if (token->data[i] <= ' ' || token->data[i] > '~')
			len = 0;
	if (len == 0 || len > PLATFORM_TOKEN_MAX)
		return err_set(ctx, ERR_VALUE, "token-file",
		    "the file must hold an API token and nothing else");
	token->len = len;
	token->data[len] = '\0';
	return OK;
}

static enum err
read_all(int fd, struct secret *token_out, struct errctx *ctx)
{
	size_t len = 0;
	ssize_t got = 1;

	secret_alloc(token_out, PLATFORM_TOKEN_MAX + 2);
	while (len < token_out->len && got) {
		got = read(fd, token_out->data + len, token_out->len - len);
		if (got < 0 && errno != EINTR)
			return err_set(ctx, ERR_IO, "token-file", "cannot read the token: %s",
			    strerror(errno));
		len += got > 0 ? (size_t)got : 0;
		got = got < 0 ? 1 : got;
	}
	token_out->len = len;
	return trim_token(token_out, ctx);
}

/* "-" is standard input: never the command line, where others could read it. */
static enum err
read_token(const char *path, struct secret *token_out, struct errctx *ctx)
{
	bool standard = strcmp(path, "-") == 0;
	int fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return err_set(ctx, ERR_IO, "token-file", "cannot read %s: %s", path,
		    strerror(errno));
	enum err err = read_all(fd, token_out, ctx);
	if (!standard)
		close(fd);
	return err;
}

/* Without TLS the token could be read on its way: on this machine alone. */
static bool
is_loopback(const char *host)
{
	static const char *const hosts[] = { "127.0.0.1", "localhost", "[::1]" };

	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		size_t len = strlen(hosts[i]);

		if (strncasecmp(host, hosts[i], len) == 0 && (host[len] == ':' || host[len] == '/'))
			return true;
	}
	return false;
}

/* `url_out` is the URL without a slash at its end; the caller frees it. */
static enum err
check_url(const char *text, char **url_out, struct errctx *ctx)
{
	static const char tail[] = "/api/v2";
	size_t len = strlen(text);
	bool tls = strncasecmp(text, "https://", 8) == 0;

	while (len && text[len - 1] == '/')
		len--;
	if (!tls && (strncasecmp(text, "http://", 7) != 0 || !is_loopback(text + 7)))
		return err_set(ctx, ERR_VALUE, "base-url", "--base-url must begin with https://");
	for (size_t i = 0; i < len; i++)
		if (text[i] <= ' ' || text[i] > '~' || strchr("?#@\\", text[i]))
			return err_set(ctx, ERR_VALUE, "base-url", "--base-url is no plain URL");
	if (len > PLATFORM_URL_MAX || len < sizeof(tail) + 8 ||
	    strncmp(text + len - (sizeof(tail) - 1), tail, sizeof(tail) - 1) != 0)
		return err_set(ctx, ERR_VALUE, "base-url",
		    "--base-url must end with %s, such as https://eu1.make.com%s", tail, tail);
	*url_out = xasprintf("%.*s", (int)len, text);
	return OK;
}

static void
print_platform(const struct ctl *ctl, const struct team_platform *platform)
{
	json_t *answer = json_object();

	json_put_int(answer, "teamId", platform->team_id);
	json_put_text(answer, "kind", platform->kind ? platform->kind : PLATFORM_LOCAL_NAME);
	json_put_text(answer, "baseUrl", platform->base_url);
	json_put(answer, "remoteTeamId",
	    platform->kind ? json_integer(platform->remote_team_id) : json_null());
	ctl_print(ctl, answer);
}

enum err
ctl_team_show_platform(struct ctl *ctl, struct errctx *ctx)
{
	struct team_platform platform = { 0 };
	enum err err = team_platform_load(&ctl->store, ctl_number(ctl, "team", 0), &platform, ctx);

	if (!err)
		print_platform(ctl, &platform);
	team_platform_free(&platform);
	return err;
}

static enum err
set_make(struct ctl *ctl, struct errctx *ctx)
{
	struct team_platform_new platform = { .team_id = ctl_number(ctl, "team", 0),
		.remote_team_id = ctl_number(ctl, "remote-team", 0) };
	auto_secret struct secret token = { 0 };
	auto_free char *url = NULL;

	if (!ctl_text(ctl, "base-url") || !ctl_text(ctl, "token-file") ||
	    platform.remote_team_id < 1 || platform.remote_team_id > REMOTE_TEAM_MAX)
		return err_set(ctx, ERR_VALUE, "kind",
		    "--kind make needs --base-url, --remote-team and --token-file");
	enum err err = check_url(ctl_text(ctl, "base-url"), &url, ctx);
	if (!err)
		err = read_token(ctl_text(ctl, "token-file"), &token, ctx);
	if (err)
		return err;
	platform.base_url = url;
	platform.token = &token;
	return team_platform_set(&ctl->store, &platform, ctx);
}

static enum err
set_local(struct ctl *ctl, struct errctx *ctx)
{
	const struct team_platform_new platform = { .team_id = ctl_number(ctl, "team", 0) };

	if (ctl_text(ctl, "base-url") || ctl_text(ctl, "token-file") ||
	    ctl_text(ctl, "remote-team"))
		return err_set(ctx, ERR_VALUE, "kind", "--kind local goes with --team alone");
	return team_platform_set(&ctl->store, &platform, ctx);
}

enum err
ctl_team_set_platform(struct ctl *ctl, struct errctx *ctx)
{
	const char *kind = ctl_text(ctl, "kind");
	enum err err;

	if (strcmp(kind, PLATFORM_MAKE_NAME) == 0)
		err = set_make(ctl, ctx);
	else if (strcmp(kind, PLATFORM_LOCAL_NAME) == 0)
		err = set_local(ctl, ctx);
	else
		err = err_set(ctx, ERR_VALUE, "kind", "--kind is local or make");
	return err ? err : ctl_team_show_platform(ctl, ctx);
}
