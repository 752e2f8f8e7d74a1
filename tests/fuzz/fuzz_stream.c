/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The reader of send streams, strict, lenient and from a token, and receive --dump as text and JSON.
 *
 * Input: how u8; then bytes of a stream behind its magic, whose checksums are made right (odd), or what streamgen.h makes of them. */
#include <fcntl.h>
#include <unistd.h>
#include "cmds/receive/receive.h"
#include "tests/fuzz/streamgen.h"

static void right_checksums(u8 *p, size_t len)
{
	for (size_t at = SEND_HEADER_SIZE; len - at >= SEND_CMD_HEADER_SIZE;) {
		u64 size = (u64)get_le32(p + at) + SEND_CMD_HEADER_SIZE;

		if (size > len - at)
			return;
		put_le32(p + at + 6, 0);
		put_le32(p + at + 6, crc32c_raw(0, p + at, size));
		at += size;
	}
}

static void read_all(const u8 *p, size_t len, unsigned flags, const struct send_token *token, struct send_token *middle)
{
	struct gen_input in = { p, len, 0 };
	struct err err = ERR_INIT;
	struct send_reader *r;
	struct send_cmd c;
	unsigned n = 0;

	if (send_reader_new(&r, gen_read, &in, flags, token, &err))
		return;
	while (!send_reader_header(r, &err))
		while (!send_reader_next(r, &c, &err)) {
			for (unsigned i = 1; i < SEND_ATTRS; i++)
				if (send_has(&c, i) && (c.v[i].p < p || c.v[i].len > len) && c.v[i].len > SEND_CMD_MAX_V2)
					abort();
			if (++n == 3 && middle)
				send_reader_here(r, true, middle);
			if (c.id == SEND_C_END)
				break;
		}
	send_reader_free(r);
}

static void dump(const u8 *p, size_t len, bool json)
{
	static struct env env;
	struct gen_input in = { p, len, 0 };
	struct err err = ERR_INIT;
	struct send_reader *r;
	struct out out;
	struct cmd_ctx ctx = { .env = &env, .out = &out, .json = json };
	int fd = open("/dev/null", O_WRONLY);

	env_init(&env);
	out_init(&out, fd);
	out.json = json;
	if (!send_reader_new(&r, gen_read, &in, SEND_LENIENT, NULL, &err)) {
		receive_dump(&ctx, r);
		send_reader_free(r);
	}
	out_fini(&out);
	close(fd);
	env_fini(&env);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct send_token middle = { 0 };
	struct send_writer w = { 0 };
	u8 *copy, how;

	if (size < 2)
		return 0;
	how = data[0];
	if (how & 1) {
		copy = malloc(sizeof(SEND_MAGIC) + size);
		if (!copy)
			return 0;
		memcpy(copy, SEND_MAGIC, sizeof(SEND_MAGIC));
		memcpy(copy + sizeof(SEND_MAGIC), data + 1, size - 1);
		size += sizeof(SEND_MAGIC) - 1;
		if (size >= SEND_HEADER_SIZE) {
			copy[sizeof(SEND_MAGIC)] &= 3;
			memset(copy + sizeof(SEND_MAGIC) + 1, 0, 3);
			right_checksums(copy, size);
		}
	} else {
		gen_stream(&w, data + 1, size - 1);
		copy = w.buf;
		size = w.len;
	}
	read_all(copy, size, 0, NULL, &middle);
	read_all(copy, size, SEND_LENIENT, NULL, NULL);
	if (middle.version) {
		read_all(copy, size, 0, &middle, NULL);
		read_all(copy + middle.offset, size - middle.offset, 0, &middle, NULL);
	}
	dump(copy, size, false);
	dump(copy, size, true);
	if (how & 1)
		free(copy);
	else
		send_writer_fini(&w);
	return 0;
}
