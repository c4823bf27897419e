/* SPDX-License-Identifier: Apache-2.0 */
/* Key files: lines "bailee-<kind>-1:<base64 of 32 bytes>", refused unless they are what and whose
 * they should be. */
#include "vault/key_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/crypt.h"
#include "base/service.h"

#define LINE_MAX_SIZE 256 /* longer than any key and its prefix */
#define FILE_MAX_SIZE (LINE_MAX_SIZE * KEYRING_MASTERS_MAX)

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

/* One line, without its end. False: it is no key of that kind. */
static bool
parse_line(enum key_kind kind, const char *line, size_t len, struct secret *key_out)
{
	unsigned char *key = NULL;
	size_t key_len = 0, prefix_len;
	char prefix[32];
	bool good;

	key_prefix(kind, prefix, sizeof(prefix));
	prefix_len = strlen(prefix);
	if (len < prefix_len || memcmp(line, prefix, prefix_len) != 0 ||
	    crypt_base64_decode(line + prefix_len, len - prefix_len, &key, &key_len))
		return false;
	good = key_len == KEY_SIZE;
	if (good)
		secret_set(key_out, key, KEY_SIZE);
	OPENSSL_cleanse(key, key_len);
	free(key);
	return good;
}

static enum err
parse(enum key_kind kind, const char *path, char *text, size_t len, struct key_file *file_out,
    struct errctx *ctx)
{
	const size_t most = kind == KEY_MASTER ? KEYRING_MASTERS_MAX : 1;
	auto_key_file struct key_file file = { 0 };
	size_t at = 0;

	do {
		const char *end = memchr(text + at, '\n', len - at);
		const size_t line_len = end ? (size_t)(end - text) - at : len - at;

		if (file.n == most || !parse_line(kind, text + at, line_len, &file.keys[file.n]))
			return wrong_kind(kind, path, text, ctx);
		file.n++;
		at += line_len + 1;
	} while (at < len);
	*file_out = file;
	file = (struct key_file){ 0 };
	return OK;
}

void
key_file_free(struct key_file *file)
{
	for (size_t i = 0; i < KEYRING_MASTERS_MAX; i++)
		secret_free(&file->keys[i]);
	file->n = 0;
}

enum err
key_file_read(enum key_kind kind, const char *path, struct key_file *file_out, struct errctx *ctx)
{
	char text[FILE_MAX_SIZE + 1];
	ssize_t n;
	enum err err;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd < 0)
		return err_set(ctx, ERR_CONFIG, "",
		    "%s key file: %s; restore it, or make new keys with baileectl init: %s",
		    key_kinds[kind].name, strerror(errno), path);
	err = check_access(fd, kind, path, ctx);
	n = err ? -1 : read(fd, text, FILE_MAX_SIZE);
	if (n >= 0) {
		text[n] = '\0';
		err = parse(kind, path, text, (size_t)n, file_out, ctx);
	} else if (!err) {
		err = err_set(ctx, ERR_CONFIG, "", "%s key file: %s: %s", key_kinds[kind].name,
		    strerror(errno), path);
	}
	OPENSSL_cleanse(text, sizeof(text));
	(void)close(fd);
	return err;
}

/* ---- writing ---- */

static bool
write_all(int fd, const struct buf *text, mode_t mode)
{
	return write(fd, text->data, text->len) == (ssize_t)text->len && fchmod(fd, mode) == 0 &&
	       fsync(fd) == 0;
}

/* Give the new file to whom the old one belongs; without one it is ours. */
static bool
give_as(int fd, const struct stat *old)
{
	return !old || (old->st_uid == geteuid() && old->st_gid == getegid()) ||
	       fchown(fd, old->st_uid, old->st_gid) == 0;
}

enum err
key_file_write(enum key_kind kind, const char *path, const struct key_file *file,
    const struct stat *as, struct errctx *ctx)
{
	auto_buf struct buf text = BUF_INIT_SECRET(FILE_MAX_SIZE);
	char prefix[32];
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
	for (size_t i = 0; i < file->n; i++) {
		auto_wipe char *base64 = crypt_base64(file->keys[i].data, KEY_SIZE);

		buf_add_text(&text, prefix);
		buf_add_text(&text, base64);
		buf_add_text(&text, "\n");
	}
	errno = 0;
	if (!give_as(fd, as) || !write_all(fd, &text, key_kinds[kind].is_private ? 0400 : 0444))
		failure = errno ? errno : EIO;
	if (close(fd) && !failure)
		failure = errno;
	if (!failure)
		return OK;
	(void)unlink(path);
	return err_set(ctx, ERR_IO, "", "%s key file: %s: %s", key_kinds[kind].name,
	    strerror(failure), path);
}

enum err
key_file_sync_dir(const char *dir, struct errctx *ctx)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool ok = fd >= 0 && fsync(fd) == 0;

	if (fd >= 0)
		(void)close(fd);
	return ok ? OK : err_set(ctx, ERR_IO, "", "key files: %s: %s", strerror(errno), dir);
}
