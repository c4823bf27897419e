/* SPDX-License-Identifier: Apache-2.0 */
/* Teams whose keys were destroyed, as a file of the installation's signed statements: what a writer
 * of the database cannot take back. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/crypt.h"
#include "vault/keyring_parts.h"

#define SIGN_DOMAIN "bailee/team-destroyed/1"
#define SIGNED_SIZE (sizeof(SIGN_DOMAIN) - 1 + 8 + 4)
#define LINE_FORMAT "bailee-destroyed-1:%" PRId64 ":%" PRIu32 ":"
#define FILE_MAX (8u << 20)

static void
write_signed(const struct team_destroyed *entry, unsigned char out[SIGNED_SIZE])
{
	unsigned char *at = out + sizeof(SIGN_DOMAIN) - 1;

	memcpy(out, SIGN_DOMAIN, sizeof(SIGN_DOMAIN) - 1);
	for (int i = 0; i < 8; i++)
		*at++ = (unsigned char)((uint64_t)entry->team_id >> (56 - 8 * i));
	for (int i = 0; i < 4; i++)
		*at++ = (unsigned char)(entry->generation >> (24 - 8 * i));
}

bool
keyring_is_destroyed(const struct keyring *keyring, int64_t team_id, uint32_t generation)
{
	for (size_t i = 0; i < keyring->n_destroyed; i++)
		if (keyring->destroyed[i].team_id == team_id &&
		    generation <= keyring->destroyed[i].generation)
			return true;
	return false;
}

/* ---- reading ---- */

static enum err
bad_line(const char *path, size_t number, struct errctx *ctx)
{
	return err_set(ctx, ERR_CONFIG, "",
	    "destroyed keys file: line %zu was not written by this installation; restore the file "
	    "from where baileectl keeps it: %s",
	    number, path);
}

static bool
signature_good(const struct keyring *keyring, const struct team_destroyed *entry, const char *text)
{
	unsigned char *signature = NULL, signed_text[SIGNED_SIZE];
	size_t len = 0;
	bool good;

	if (crypt_base64_decode(text, strlen(text), &signature, &len))
		return false;
	write_signed(entry, signed_text);
	good = len == SIGNATURE_SIZE &&
	       keyring_verify(keyring, signed_text, sizeof(signed_text), signature);
	free(signature);
	return good;
}

static enum err
take_line(struct keyring *keyring, const char *path, const char *line, size_t number,
    struct errctx *ctx)
{
	struct team_destroyed entry = { 0 };
	int at = 0;

	if (sscanf(line, LINE_FORMAT "%n", &entry.team_id, &entry.generation, &at) != 2 || !at ||
	    !signature_good(keyring, &entry, line + at))
		return bad_line(path, number, ctx);
	keyring->destroyed =
	    xrealloc(keyring->destroyed, (keyring->n_destroyed + 1) * sizeof(entry));
	keyring->destroyed[keyring->n_destroyed++] = entry;
	return OK;
}

static enum err
file_error(const char *path, const char *what, struct errctx *ctx)
{
	return err_set(ctx, ERR_CONFIG, "", "destroyed keys file: %s: %s", what, path);
}

/* The whole file; text_out is owned. */
static enum err
read_file(const char *path, struct buf *buf, struct errctx *ctx)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;
	char chunk[4096];
	ssize_t n = 0;
	enum err err = OK;

	if (fd < 0)
		return errno == ENOENT
			   ? file_error(path,
				 "there is none; copy it from where baileectl keeps it, or make an "
				 "empty one if no team's keys were ever destroyed",
				 ctx)
			   : file_error(path, strerror(errno), ctx);
	if (fstat(fd, &st) || !S_ISREG(st.st_mode))
		err = file_error(path, "not a regular file", ctx);
	else if ((st.st_uid != geteuid() && st.st_uid != 0) || (st.st_mode & 022))
		err = file_error(path, "others can change it; chmod 0444, owned by root", ctx);
	while (!err && (n = read(fd, chunk, sizeof(chunk))) > 0 && !buf->over)
		buf_add(buf, chunk, (size_t)n);
	(void)close(fd);
	if (!err && (n < 0 || buf->over))
		err = file_error(path, "cannot be read, or is too long", ctx);
	return err;
}

enum err
keyring_load_destroyed(struct keyring *keyring, const char *path, struct errctx *ctx)
{
	auto_buf struct buf buf = BUF_INIT(FILE_MAX);
	size_t number = 0;

	if (!path[0])
		return OK;
	enum err err = read_file(path, &buf, ctx);
	if (!err && buf.len && memchr(buf.data, '\0', buf.len))
		err = bad_line(path, 1, ctx);
	if (err || !buf.len)
		return err;
	char *rest = buf.data, *line;
	while (!err && (line = strsep(&rest, "\n")))
		if (number++, line[0])
			err = take_line(keyring, path, line, number, ctx);
	return err;
}

/* ---- writing ---- */

/* Its folder, locked until the descriptor is closed: of two who read the file and put another in
 * its place at once, one would take away what the other has added. */
static enum err
lock_folder(const char *path, int *fd_out, struct errctx *ctx)
{
	auto_free char *copy = xstrdup(path);
	int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC), failed = -1;

	while (fd >= 0 && (failed = flock(fd, LOCK_EX)) && errno == EINTR)
		;
	if (!failed) {
		*fd_out = fd;
		return OK;
	}
	enum err err = file_error(path, strerror(errno), ctx);
	if (fd >= 0)
		(void)close(fd);
	return err;
}

/* In place of the old file, and on disk before return. */
static enum err
replace_file(const char *path, const struct buf *buf, struct errctx *ctx)
{
	auto_free char *fresh = xasprintf("%s.new", path);
	auto_free char *copy = xstrdup(path);
	int fd, dir;
	bool ok;

	(void)unlink(fresh);
	fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0444);
	ok = fd >= 0 && write(fd, buf->data, buf->len) == (ssize_t)buf->len &&
	     fchmod(fd, 0444) == 0 && fsync(fd) == 0;
	if (fd >= 0)
		ok = close(fd) == 0 && ok;
	ok = ok && rename(fresh, path) == 0;
	dir = ok ? open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	ok = dir >= 0 && fsync(dir) == 0;
	if (dir >= 0)
		(void)close(dir);
	return ok ? OK
		  : err_set(ctx, ERR_IO, "", "destroyed keys file: %s: %s", strerror(errno), path);
}

/* With the folder locked. */
static enum err
add_line(const struct keyring *keyring, const char *path, const struct team_destroyed *entry,
    char **line_out, struct errctx *ctx)
{
	auto_buf struct buf buf = BUF_INIT(FILE_MAX);
	unsigned char text[SIGNED_SIZE], signature[SIGNATURE_SIZE];
	enum err err = OK;

	if (access(path, F_OK) == 0)
		err = read_file(path, &buf, ctx);
	if (err)
		return err;
	write_signed(entry, text);
	keyring_sign(keyring, text, sizeof(text), signature);
	auto_free char *base64 = crypt_base64(signature, sizeof(signature));
	auto_free char *line =
	    xasprintf(LINE_FORMAT "%s", entry->team_id, entry->generation, base64);
	buf_add_text(&buf, line);
	buf_add_text(&buf, "\n");
	if (buf.over)
		return file_error(path, "it is too long", ctx);
	err = replace_file(path, &buf, ctx);
	if (!err) {
		*line_out = line;
		line = NULL;
	}
	return err;
}

enum err
keyring_add_destroyed(struct keyring *keyring, const char *path, int64_t team_id,
    uint32_t generation, struct errctx *ctx)
{
	const struct team_destroyed entry = { team_id, generation };
	auto_free char *line = NULL;
	int folder = -1;

	if (!keyring->signing)
		return err_set(ctx, ERR_CONFIG, "",
		    "destroying a team's keys needs the signing key file");
	if (keyring_is_destroyed(keyring, team_id, generation))
		return OK;
	enum err err = lock_folder(path, &folder, ctx);
	if (err)
		return err;
	err = add_line(keyring, path, &entry, &line, ctx);
	(void)close(folder);
	return err ? err : take_line(keyring, path, line, 1, ctx);
}

enum err
keyring_create_destroyed(const char *path, struct errctx *ctx)
{
	const struct buf none = { 0 };

	return access(path, F_OK) == 0 ? OK : replace_file(path, &none, ctx);
}
