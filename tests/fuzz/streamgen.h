/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A stream out of the bytes of a fuzzer: well-formed commands about a few names, so that most of them have an effect, and now and then a byte changed with
 * the checksum made right again.
 *
 * Input: version u8, then for each command its number u8 and its values, as the table has them. */
#ifndef TESTS_FUZZ_STREAMGEN_H
#define TESTS_FUZZ_STREAMGEN_H

#include <stdio.h>
#include "crypto/csum.h"
#include "kernel-shared/send/stream.h"
#include "tests/fuzz/fuzz.h"

static const char *const gen_paths[] = {
	"a", "b", "c", "d", "a/b", "a/c", "b/c", "a/b/c", "d/e", "l", "l/x", "s", "o257-7-0", "a/b/c/d/e", "", "../x", "/x", "a//b", "a/../b", "in/secret",
};
static const char *const gen_keys[] = {
	"user.x", "user.y", "btrfs.compression", "system.posix_acl_access", "system.posix_acl_default", "security.capability", "trusted.btrbox.receive", "bad", "btrfs.x",
};
static const char *const gen_values[] = { "zstd", "lzo", "zlib", "none", "", "\2\0\0\0" };
static const char *const gen_targets[] = { "..", "../..", "/", "a", "../secret", "l" };

#define PICK(in, list) ((list)[fuzz_u8(in) % ARRAY_SIZE(list)])

static void gen_string(struct send_writer *w, struct fuzz_in *in, unsigned cmd, unsigned attr)
{
	const char *text;

	if (attr == SEND_A_XATTR_NAME)
		text = PICK(in, gen_keys);
	else if (attr == SEND_A_PATH_LINK && cmd == SEND_C_SYMLINK)
		text = PICK(in, gen_targets);
	else if (attr == SEND_A_PATH && (cmd == SEND_C_SUBVOL || cmd == SEND_C_SNAPSHOT))
		text = (const char *[]){ "x", "y", "z", "x/y" }[fuzz_u8(in) % 4];
	else
		text = PICK(in, gen_paths);
	send_bytes(w, attr, text, strlen(text));
}

static u64 gen_number(struct fuzz_in *in, unsigned attr)
{
	u64 v = fuzz_edge(in);

	switch (attr) {
	case SEND_A_FILE_OFFSET: case SEND_A_CLONE_OFFSET: case SEND_A_CLONE_LEN: case SEND_A_SIZE:
		return fuzz_u8(in) & 7 ? v % (4 << 20) & (v & 1 ? ~0ULL : ~4095ULL) : v;
	case SEND_A_UNENCODED_LEN: case SEND_A_UNENCODED_FILE_LEN: case SEND_A_UNENCODED_OFFSET:
		return v % 140000;
	case SEND_A_COMPRESSION: return v % 9;
	case SEND_A_FALLOCATE_MODE: return v % 20;
	case SEND_A_VERITY_ALGORITHM: return v & 255;
	case SEND_A_VERITY_BLOCK_SIZE: case SEND_A_ENCRYPTION: return (u32)v;
	case SEND_A_MODE: return fuzz_u8(in) & 7 ? 0020000 | (v & 07777) : v;
	case SEND_A_UID: case SEND_A_GID: return fuzz_u8(in) & 7 ? v & 0xffff : v;
	default: return v;
	}
}

static void gen_bytes(struct send_writer *w, struct fuzz_in *in, unsigned attr)
{
	u8 kind = fuzz_u8(in);
	u32 len = kind < 64 ? kind : kind < 128 ? (kind - 64u) * 1000 % 48000 : kind % 3 * 4096;
	const char *value;
	size_t got;
	const u8 *p;
	u8 *to;

	if (attr == SEND_A_XATTR_DATA && kind & 1) {
		value = PICK(in, gen_values);
		send_bytes(w, attr, value, strlen(value));
		return;
	}
	if (attr != SEND_A_DATA) {
		p = fuzz_bytes(in, kind % 64, 64, &got);
		send_bytes(w, attr, p, got);
		return;
	}
	p = fuzz_bytes(in, 16, 16, &got);
	to = send_data(w, len);
	for (u32 i = 0; to && i < len; i++)
		to[i] = got ? p[i % got] : 'x';
}

static void gen_attr(struct send_writer *w, struct fuzz_in *in, unsigned cmd, unsigned attr)
{
	u8 uuid[16] = { 0 };

	switch (send_attr_rows[attr].type) {
	case SEND_T_UUID:
		uuid[0] = fuzz_u8(in) % 4;
		send_bytes(w, attr, uuid, 16);
		return;
	case SEND_T_TIME: send_time(w, attr, (s64)fuzz_edge(in), fuzz_u8(in) ? 5 : 2000000000); return;
	case SEND_T_STRING: gen_string(w, in, cmd, attr); return;
	case SEND_T_BYTES: gen_bytes(w, in, attr); return;
	default: send_u64(w, attr, gen_number(in, attr));
	}
}

/* One byte of the last command becomes another. */
static void gen_spoil(struct send_writer *w, struct fuzz_in *in, size_t start)
{
	u32 size = w->len - start;

	w->buf[start + fuzz_num(in, 2) % size] ^= fuzz_u8(in);
	put_le32(w->buf + start + 6, 0);
	put_le32(w->buf + start + 6, crc32c_raw(0, w->buf + start, size));
}

/* The whole stream; the caller frees with send_writer_fini. False: something did not fit. */
static bool gen_stream(struct send_writer *w, const u8 *data, size_t size)
{
	struct fuzz_in in = { data, size };
	unsigned version = 1 + fuzz_u8(&in) % 3;

	send_writer_init(w, version, NULL, NULL);
	send_header(w);
	for (unsigned n = 0; in.left && n < 200 && w->len < 8 << 20; n++) {
		u8 b = fuzz_u8(&in);
		unsigned cmd = n ? b % SEND_CMDS : SEND_C_SUBVOL + (b & 1);
		const struct send_cmd_row *row = send_cmd_row(cmd);
		size_t start = w->len;

		if (!row || row->version > version)
			continue;
		send_begin(w, cmd);
		for (const struct send_use *u = row->use; u < row->use + ARRAY_SIZE(row->use) && u->attr; u++)
			gen_attr(w, &in, cmd, u->attr);
		if (send_end(w))
			return false;
		if (b >= 240)
			gen_spoil(w, &in, start);
		if (cmd == SEND_C_END && w->version)
			break;
	}
	send_begin(w, SEND_C_END);
	return !send_end(w);
}

struct gen_input { const u8 *p; size_t len, pos; };
UNUSED static ssize_t gen_read(void *arg, void *buf, size_t len)
{
	struct gen_input *in = arg;
	size_t n = min_t(size_t, len, in->len - in->pos);

	memcpy(buf, in->p + in->pos, n);
	in->pos += n;
	return n;
}

#endif
