/* SPDX-License-Identifier: Apache-2.0 */
/* Key files: one line "bailee-<kind>-1:<base64 of 32 bytes>", refused unless they are what and
 * whose they should be. */
#include "vault/key_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "base/alloc.h"
#include "base/crypt.h"
#include "base/service.h"

#define LINE_MAX_SIZE 256 /* longer than any key file */

const struct key_kind_row key_kinds[KEY_KIND_COUNT] = {
	[KEY_MASTER] = { "master", "master.key", true },
	[KEY_SIGNING] = { "signing", "signing.key", true },
	[KEY_SIGNING_PUBLIC] = { "signing-public", "signing-public.key", false },
	[KEY_TOKEN] = { "token", "token.key", true },
};

static void
key_prefix(enum key_kind kind, char *out, size_t size)
{
	(void)snprintf(out, size, "bailee-%s-1:", key_kinds[kind].name);
}

static enum err
check_access(int fd, enum key_kind kind, const char *path, struct errctx *ctx)
{
	const char *name = key_kinds[kind].name;
	struct stat st;

	if (fstat(fd, &st))
		return err_set(ctx, ERR_CONFIG, "", "%s key file: %s: %s", name, strerror(errno),
		    path);
	if (!S_ISREG(st.st_mode))
		return err_set(ctx, ERR_CONFIG, "", "%s key file: not a regular file: %s", name,
		    path);
	/* systemd gives a credential to the unit's user by an ACL where it can: the file stays
	 * root's, and the group's bits of its mode are the most that the ACL may give. */
	mode_t others = service_is_credential(path) && st.st_uid == 0 && st.st_gid == 0 ? 037 : 077;
	if (st.st_uid != geteuid() && st.st_uid != 0)
		return err_set(ctx, ERR_CONFIG, "",
		    "%s key file: owned by uid %u; give it to the service user or root: %s", name,
		    (unsigned)st.st_uid, path);
	if (key_kinds[kind].is_private && (st.st_mode & others))
		return err_set(ctx, ERR_CONFIG, "",
		    "%s key file: mode %04o lets others at it; chmod 0400 it, and make new keys if "
		    "others"
		    " may have read it: %s",
		    name, (unsigned)(st.st_mode & 07777), path);
	if (!key_kinds[kind].is_private && (st.st_mode & 022))
		return err_set(ctx, ERR_CONFIG, "",
		    "%s key file: mode %04o lets others change it; chmod 0444 it: %s", name,
		    (unsigned)(st.st_mode & 07777), path);
	return OK;
}

/* `text` is the whole file. Says which other kind it is, when it is one. */
static enum err
wrong_kind(enum key_kind kind, const char *path, const char *text, struct errctx *ctx)
{
	char prefix[32];

	for (unsigned other = 0; other < KEY_KIND_COUNT; other++) {
		key_prefix((enum key_kind)other, prefix, sizeof(prefix));
		if (other != kind && strncmp(text, prefix, strlen(prefix)) == 0)
			return err_set(ctx, ERR_CONFIG, "",
			    "%s key file: this is the %s key; name the file %s was made as: %s",
			    key_kinds[kind].name, key_kinds[other].name, key_kinds[kind].file,
			    path);
	}
	return err_set(ctx, ERR_CONFIG, "",
	    "%s key file: not one line bailee-%s-1:<base64 of 32 bytes>; restore it from its "
	    "backup: %s",
	    key_kinds[kind].name, key_kinds[kind].name, path);
}

static enum err
parse(enum key_kind kind, const char *path, char *text, size_t len, struct secret *key_out,
    struct errctx *ctx)
{
	unsigned char *key = NULL;
	size_t key_len = 0, prefix_len;
	char prefix[32];
	bool good;

	if (len && text[len - 1] == '\n')
		text[--len] = '\0';
	key_prefix(kind, prefix, sizeof(prefix));
	prefix_len = strlen(prefix);
	if (len < prefix_len || memcmp(text, prefix, prefix_len) != 0 ||
	    crypt_base64_decode(text + prefix_len, len - prefix_len, &key, &key_len))
		return wrong_kind(kind, path, text, ctx);
	good = key_len == KEY_SIZE;
	if (good)
		secret_set(key_out, key, KEY_SIZE);
	OPENSSL_cleanse(key, key_len);
	free(key);
	return good ? OK : wrong_kind(kind, path, text, ctx);
}

enum err
key_file_read(enum key_kind kind, const char *path, struct secret *key_out, struct errctx *ctx)
{
	char text[LINE_MAX_SIZE + 1];
	ssize_t n;
	enum err err;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd < 0)
		return err_set(ctx, ERR_CONFIG, "",
		    "%s key file: %s; restore it, or make new keys with baileectl init: %s",
		    key_kinds[kind].name, strerror(errno), path);
	err = check_access(fd, kind, path, ctx);
	n = err ? -1 : read(fd, text, LINE_MAX_SIZE);
	if (n >= 0) {
		text[n] = '\0';
		err = parse(kind, path, text, (size_t)n, key_out, ctx);
	} else if (!err) {
		err = err_set(ctx, ERR_CONFIG, "", "%s key file: %s: %s", key_kinds[kind].name,
		    strerror(errno), path);
	}
	OPENSSL_cleanse(text, sizeof(text));
	(void)close(fd);
	return err;
}

static bool
write_all(int fd, const char *text, mode_t mode)
{
	size_t len = strlen(text);

	return write(fd, text, len) == (ssize_t)len && fchmod(fd, mode) == 0 && fsync(fd) == 0;
}

enum err
key_file_write(enum key_kind kind, const char *path, const unsigned char key[KEY_SIZE],
    struct errctx *ctx)
{
	auto_wipe char *base64 = crypt_base64(key, KEY_SIZE);
	char line[LINE_MAX_SIZE], prefix[32];
	int failure = 0,
	    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0400);

	if (fd < 0 && errno == EEXIST)
		return err_set(ctx, ERR_CONFIG, "",
		    "%s key file: there is one already and it is not overwritten: %s",
		    key_kinds[kind].name, path);
	if (fd < 0)
		return err_set(ctx, ERR_IO, "", "%s key file: %s: %s", key_kinds[kind].name,
		    strerror(errno), path);
	key_prefix(kind, prefix, sizeof(prefix));
	(void)snprintf(line, sizeof(line), "%s%s\n", prefix, base64);
	if (!write_all(fd, line, key_kinds[kind].is_private ? 0400 : 0444))
		failure = errno ? errno : EIO;
	OPENSSL_cleanse(line, sizeof(line));
	if (close(fd) && !failure)
		failure = errno;
	if (!failure)
		return OK;
	(void)unlink(path);
	return err_set(ctx, ERR_IO, "", "%s key file: %s: %s", key_kinds[kind].name,
	    strerror(failure), path);
}
