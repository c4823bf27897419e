/* SPDX-License-Identifier: Apache-2.0 */
/* OpenPGP keys in ASCII armour (RFC 9580): lines to bytes, bytes to packets. */
#include "catalog/armour.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/crypt.h"

#define ARMOUR_MOST (64u << 10)
#define PACKETS_MAX 1000
#define BLANKS " \t\r"

enum tag { TAG_SECRET_KEY = 5, TAG_PUBLIC_KEY = 6, TAG_SECRET_SUBKEY = 7 };

static enum err
refuse(struct errctx *ctx, const char *text)
{
	return err_set(ctx, ERR_VALUE, "", "%s", text);
}

/* ---- lines ---- */

struct line {
	const char *text;
	size_t len; /* without blanks at its end */
};

/* The next line of *at; false at the end. */
static bool
next_line(const char **at, struct line *line)
{
	if (!**at)
		return false;
	size_t len = strcspn(*at, "\n");
	line->text = *at;
	*at += len + ((*at)[len] == '\n');
	while (len && strchr(BLANKS, line->text[len - 1]))
		len--;
	line->len = len;
	return true;
}

static bool
is_line(const struct line *line, const char *text)
{
	return line->len == strlen(text) && !memcmp(line->text, text, line->len);
}

/* Section 6.3: CRC24 of the bytes, as OpenPGP counts it. */
static uint32_t
crc24(const unsigned char *data, size_t len)
{
	uint32_t crc = 0xb704ce;

	for (size_t i = 0; i < len; i++) {
		crc ^= (uint32_t)data[i] << 16;
		for (int bit = 0; bit < 8; bit++) {
			crc <<= 1;
			if (crc & 0x1000000)
				crc ^= 0x1864cfb;
		}
	}
	return crc & 0xffffff;
}

static bool
crc_fits(const struct line *line, const unsigned char *data, size_t len)
{
	unsigned char *sum = NULL;
	size_t n = 0;

	if (crypt_base64_decode(line->text + 1, line->len - 1, &sum, &n))
		return false;
	bool fits =
	    n == 3 && ((uint32_t)sum[0] << 16 | (uint32_t)sum[1] << 8 | sum[2]) == crc24(data, len);
	free(sum);
	return fits;
}

/* The base64 lines up to `tail`; *sum is the line of the CRC, with length 0 when there is none. */
static bool
gather(const char **at, const char *tail, struct buf *body, struct line *sum)
{
	struct line line = { 0 };

	while (next_line(at, &line)) {
		if (is_line(&line, tail))
			return !body->over && (*at)[strspn(*at, BLANKS "\n")] == '\0';
		if (sum->len)
			return false; /* nothing but the tail follows the CRC */
		if (line.len == 5 && line.text[0] == '=')
			*sum = line;
		else
			buf_add(body, line.text, line.len);
	}
	return false;
}

static enum err
decode(const char *text, const char *kind, unsigned char **data_out, size_t *len_out,
    struct errctx *ctx)
{
	char head[64], tail[64];
	struct line line = { 0 }, sum = { 0 };
	auto_buf struct buf body = BUF_INIT_SECRET(ARMOUR_MOST);

	snprintf(head, sizeof(head), "-----BEGIN PGP %s KEY BLOCK-----", kind);
	snprintf(tail, sizeof(tail), "-----END PGP %s KEY BLOCK-----", kind);
	text += strspn(text, BLANKS "\n");
	if (!next_line(&text, &line) || !is_line(&line, head))
		return err_set(ctx, ERR_VALUE, "", "does not begin with %s", head);
	while (next_line(&text, &line) && line.len)
		if (!memmem(line.text, line.len, ": ", 2) && line.text[line.len - 1] != ':')
			return refuse(ctx, "lacks the blank line behind its headers");
	if (!gather(&text, tail, &body, &sum))
		return err_set(ctx, ERR_VALUE, "", "does not end with %s", tail);
	if (crypt_base64_decode(buf_text(&body), body.len, data_out, len_out))
		return refuse(ctx, "is damaged: not base64");
	if (!sum.len || crc_fits(&sum, *data_out, *len_out))
		return OK;
	explicit_bzero(*data_out, *len_out);
	free(*data_out);
	return refuse(ctx, "is damaged: its checksum differs");
}

/* ---- packets (section 4.2) ---- */

struct packet {
	int tag;
	const unsigned char *body;
	size_t len;
};

/* Length of a packet of the older form; false when it is cut or of indeterminate length. */
static bool
old_length(unsigned char first, const unsigned char **at, const unsigned char *end, size_t *len_out)
{
	size_t bytes = (size_t)1 << (first & 3), len = 0;

	if ((first & 3) == 3 || (size_t)(end - *at) < bytes)
		return false;
	for (; bytes; bytes--)
		len = len << 8 | *(*at)++;
	*len_out = len;
	return true;
}

/* Of the newer form; keys are never of partial length. */
static bool
new_length(const unsigned char **at, const unsigned char *end, size_t *len_out)
{
	size_t left = (size_t)(end - *at);
	const unsigned char *p = *at;

	if (left >= 1 && p[0] < 192) {
		*len_out = p[0];
		*at += 1;
	} else if (left >= 2 && p[0] < 224) {
		*len_out = ((size_t)(p[0] - 192) << 8) + p[1] + 192;
		*at += 2;
	} else if (left >= 5 && p[0] == 255) {
		*len_out = (size_t)p[1] << 24 | (size_t)p[2] << 16 | (size_t)p[3] << 8 | p[4];
		*at += 5;
	} else {
		return false;
	}
	return true;
}

static bool
next_packet(const unsigned char **at, const unsigned char *end, struct packet *packet)
{
	unsigned char first = *(*at)++;
	bool newer = first & 0x40;

	if (!(first & 0x80))
		return false;
	packet->tag = newer ? first & 0x3f : first >> 2 & 15;
	if (newer ? !new_length(at, end, &packet->len) : !old_length(first, at, end, &packet->len))
		return false;
	packet->body = *at;
	if (packet->len > (size_t)(end - *at))
		return false;
	*at += packet->len;
	return true;
}

static enum err
check_packets(const unsigned char *data, size_t len, bool secret, struct errctx *ctx)
{
	const unsigned char *at = data, *end = data + len;
	struct packet packet = { 0 };

	for (int n = 0; at < end; n++) {
		if (n == PACKETS_MAX || !next_packet(&at, end, &packet))
			return refuse(ctx, "is damaged: its packets do not fit");
		if (n == 0 && packet.tag != (secret ? TAG_SECRET_KEY : TAG_PUBLIC_KEY))
			return refuse(ctx, "does not begin with a key of this kind");
		if (n == 0 && (packet.len < 6 || (packet.body[0] != 4 && packet.body[0] != 6)))
			return refuse(ctx, "holds a key of a version that is not known");
		if (!secret && (packet.tag == TAG_SECRET_KEY || packet.tag == TAG_SECRET_SUBKEY))
			return refuse(ctx, "holds a secret key: send the public one");
	}
	return len ? OK : refuse(ctx, "is empty");
}

enum err
armour_key_check(const char *text, bool secret, struct errctx *ctx)
{
	unsigned char *data = NULL;
	size_t len = 0;
	enum err err = decode(text, secret ? "PRIVATE" : "PUBLIC", &data, &len, ctx);

	if (err)
		return err;
	err = check_packets(data, len, secret, ctx);
	explicit_bzero(data, len);
	free(data);
	return err;
}
