/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The send stream: known answers, every byte of them changed, what must be refused, resume tokens. Vectors: spec send-stream 1.2. */
#include "crypto/csum.h"
#include "kernel-shared/send/stream.h"
#include "unit.h"

struct vector { unsigned version; const char *hex; void (*build)(struct send_writer *w); };

static void v_end(struct send_writer *w) { send_begin(w, SEND_C_END); }
static void v_mkfile(struct send_writer *w)
{
	send_begin(w, SEND_C_MKFILE);
	send_bytes(w, SEND_A_PATH, "a", 1);
	send_u64(w, SEND_A_INO, 257);
}
static void v_truncate(struct send_writer *w)
{
	send_begin(w, SEND_C_TRUNCATE);
	send_bytes(w, SEND_A_PATH, "dir/f", 5);
	send_u64(w, SEND_A_SIZE, 4096);
}
static void v_write(struct send_writer *w)
{
	void *p;

	send_begin(w, SEND_C_WRITE);
	send_bytes(w, SEND_A_PATH, "f", 1);
	send_u64(w, SEND_A_FILE_OFFSET, 0);
	p = send_data(w, 2);
	if (p)
		memcpy(p, "hi", 2);
}
static void v_chown(struct send_writer *w)
{
	send_begin(w, SEND_C_CHOWN);
	send_bytes(w, SEND_A_PATH, "", 0);
	send_u64(w, SEND_A_UID, 0);
	send_u64(w, SEND_A_GID, 0);
}
static void v_subvol(struct send_writer *w)
{
	static const u8 uuid[16] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };

	send_begin(w, SEND_C_SUBVOL);
	send_bytes(w, SEND_A_PATH, "snap", 4);
	send_bytes(w, SEND_A_UUID, uuid, 16);
	send_u64(w, SEND_A_CTRANSID, 7);
}

static const struct vector vectors[] = {
	{ 1, "000000001500506cc99d", v_end },
	{ 1, "110000000300f4250b360f000100610300080001010000 00000000", v_mkfile },
	{ 1, "1500000011009444cc4c0f0005006469722f66040008000010000000000000", v_truncate },
	{ 1, "170000000f00e46725ae0f00010066120008000000000000000000130002006869", v_write },
	{ 2, "150000000f000b4986ee0f0001006612000800000000000000000013006869", v_write },
	{ 1, "1c000000130002372d8c0f0000000600080000000000000000000700080000000000 00000000", v_chown },
	{ 1, "2800000001007a3c72c90f000400736e617001001000000102030405060708090a0b0c0d0e0f020008000700000000000000", v_subvol },
};

static size_t unhex(const char *hex, u8 *out)
{
	size_t n = 0;
	unsigned v;

	for (; *hex; hex += 2) {
		while (*hex == ' ')
			hex++;
		if (sscanf(hex, "%2x", &v) != 1)
			break;
		out[n++] = v;
	}
	return n;
}

struct input { const u8 *p; size_t len, pos; };
static ssize_t take(void *arg, void *buf, size_t len)
{
	struct input *in = arg;
	size_t n = min_t(size_t, len, in->len - in->pos);

	memcpy(buf, in->p + in->pos, n);
	in->pos += n;
	return n;
}

/* A stream as bytes: header, SUBVOL, whatever, END. */
static void begin(struct send_writer *w, unsigned version)
{
	send_writer_init(w, version, NULL, NULL);
	send_header(w);
	v_subvol(w);
	send_end(w);
}

/* Reads all of a stream; the number of commands, or the error. */
static int read_all(const u8 *p, size_t len, unsigned flags, struct err *err)
{
	struct input in = { p, len, 0 };
	struct send_reader *r;
	struct send_cmd c = { 0 };
	int ret, n = 0;

	if (send_reader_new(&r, take, &in, flags, NULL, err))
		return -ENOMEM;
	ret = send_reader_header(r, err);
	while (!ret) {
		ret = send_reader_next(r, &c, err);
		n += !ret;
		if (!ret && c.id == SEND_C_END)
			break;
	}
	send_reader_free(r);
	return ret ? ret : n;
}

TEST(vectors_are_written)
{
	for (unsigned i = 0; i < ARRAY_SIZE(vectors); i++) {
		u8 want[128];
		size_t len = unhex(vectors[i].hex, want);
		struct send_writer w;

		send_writer_init(&w, vectors[i].version, NULL, NULL);
		vectors[i].build(&w);
		CHECK_EQ(send_end(&w), 0);
		CHECK_EQ(w.len, len);
		CHECK(!memcmp(w.buf, want, len));
		send_writer_fini(&w);
	}
}

TEST(the_header_is_written)
{
	u8 want[32];
	size_t len = unhex("62747266732d73747265616d0001000000", want);
	struct send_writer w;

	send_writer_init(&w, 1, NULL, NULL);
	CHECK_EQ(send_header(&w), 0);
	CHECK_EQ(w.len, len);
	CHECK(!memcmp(w.buf, want, len));
	send_writer_fini(&w);
}

TEST(vectors_are_read)
{
	for (unsigned i = 0; i < ARRAY_SIZE(vectors); i++) {
		struct err err = ERR_INIT;
		struct send_writer w;
		int n;

		begin(&w, vectors[i].version);
		vectors[i].build(&w);
		send_end(&w);
		v_end(&w);
		send_end(&w);
		n = read_all(w.buf, w.len, 0, &err);
		if (vectors[i].build == v_end)
			CHECK_EQ(n, 2);
		else
			CHECK_EQ(n, 3);
		send_writer_fini(&w);
	}
}

/* The checksum finds every changed byte; with the checksum made right again nothing may go wrong but by an error. */
TEST(every_byte_changed)
{
	for (unsigned i = 0; i < ARRAY_SIZE(vectors); i++) {
		struct err err = ERR_INIT;
		struct send_writer w;
		size_t from;

		begin(&w, vectors[i].version);
		from = w.len;
		vectors[i].build(&w);
		send_end(&w);
		for (size_t at = from; at < w.len; at++)
			for (unsigned v = 1; v < 256; v++) {
				u8 *copy = malloc(w.len);
				int n;

				memcpy(copy, w.buf, w.len);
				copy[at] ^= v;
				n = read_all(copy, w.len, 0, &err);
				CHECK(n == -EPROTO || n == -EBADMSG);
				put_le32(copy + from + 6, 0);
				put_le32(copy + from + 6, crc32c_raw(0, copy + from, w.len - from));
				n = read_all(copy, w.len, 0, &err);
				CHECK(n == -EPROTO || n == 2 || (n == -EBADMSG && at < from + 4));
				free(copy);
			}
		for (size_t len = 0; len < w.len; len++)
			CHECK(read_all(w.buf, len, 0, &err) == (len ? -EPROTO : -ENODATA));
		send_writer_fini(&w);
	}
}

/* One command behind SUBVOL: refused, or not. */
static int one(void (*build)(struct send_writer *w, const char *path, size_t len), const char *path, size_t len, unsigned flags)
{
	struct err err = ERR_INIT;
	struct send_writer w;
	int n;

	begin(&w, 2);
	build(&w, path, len);
	if (send_end(&w)) {
		send_writer_fini(&w);
		return -EMSGSIZE;
	}
	v_end(&w);
	send_end(&w);
	n = read_all(w.buf, w.len, flags, &err);
	send_writer_fini(&w);
	return n;
}
static void unlink_path(struct send_writer *w, const char *path, size_t len)
{
	send_begin(w, SEND_C_UNLINK);
	send_bytes(w, SEND_A_PATH, path, len);
}
static void second_subvol(struct send_writer *w, const char *path, size_t len)
{
	send_begin(w, SEND_C_SUBVOL);
	send_bytes(w, SEND_A_PATH, path, len);
	send_bytes(w, SEND_A_UUID, "0123456789abcdef", 16);
	send_u64(w, SEND_A_CTRANSID, 1);
}
static void symlink_to(struct send_writer *w, const char *path, size_t len)
{
	send_begin(w, SEND_C_SYMLINK);
	send_bytes(w, SEND_A_PATH, "l", 1);
	send_u64(w, SEND_A_INO, 1);
	send_bytes(w, SEND_A_PATH_LINK, path, len);
}

TEST(paths_stay_inside)
{
	static const char *const refused[] = { "", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/..", "a/../b", "a/./b", "./a" };
	static const char *const fine[] = { "a", "a/b", "...", "..a", "a..", ".a/b.", "a b", "\xff" };
	char big[5000];

	for (unsigned i = 0; i < ARRAY_SIZE(refused); i++) {
		CHECK_EQ(one(unlink_path, refused[i], strlen(refused[i]), 0), -EPROTO);
		CHECK_EQ(one(unlink_path, refused[i], strlen(refused[i]), SEND_LENIENT), 3);
		CHECK_EQ(one(second_subvol, refused[i], strlen(refused[i]), 0), -EPROTO);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(fine); i++)
		CHECK_EQ(one(unlink_path, fine[i], strlen(fine[i]), 0), 3);
	CHECK_EQ(one(second_subvol, "a/b", 3, 0), -EPROTO);
	CHECK_EQ(one(unlink_path, "a\0b", 3, 0), -EPROTO);
	CHECK_EQ(one(symlink_to, "../../etc", 9, 0), 3);
	CHECK_EQ(one(symlink_to, "", 0, 0), -EPROTO);
	for (unsigned i = 0; i < sizeof(big); i++)
		big[i] = i % 2 ? '/' : 'a';
	CHECK_EQ(one(unlink_path, big, 4095, 0), 3);
	CHECK_EQ(one(unlink_path, big, 4097, 0), -EPROTO);
	memset(big, 'a', sizeof(big));
	CHECK_EQ(one(unlink_path, big, 255, 0), 3);
	CHECK_EQ(one(unlink_path, big, 256, 0), -EPROTO);
	CHECK_EQ(one(symlink_to, big, 4095, 0), 3);
	CHECK_EQ(one(symlink_to, big, 4096, 0), -EPROTO);
}

static u64 numbers[4];
static void chown_to(struct send_writer *w, const char *path, size_t len)
{
	send_begin(w, SEND_C_CHOWN);
	send_bytes(w, SEND_A_PATH, path, len);
	send_u64(w, SEND_A_UID, numbers[0]);
	send_u64(w, SEND_A_GID, numbers[1]);
}
static void clone_from(struct send_writer *w, const char *path, size_t len)
{
	send_begin(w, SEND_C_CLONE);
	send_u64(w, SEND_A_FILE_OFFSET, numbers[0]);
	send_u64(w, SEND_A_CLONE_LEN, numbers[1]);
	send_bytes(w, SEND_A_PATH, "f", 1);
	send_bytes(w, SEND_A_CLONE_UUID, "0123456789abcdef", 16);
	send_u64(w, SEND_A_CLONE_CTRANSID, 1);
	send_bytes(w, SEND_A_CLONE_PATH, path, len);
	send_u64(w, SEND_A_CLONE_OFFSET, numbers[2]);
}
static void encoded(struct send_writer *w, const char *data, size_t len)
{
	send_begin(w, SEND_C_ENCODED_WRITE);
	send_bytes(w, SEND_A_PATH, "f", 1);
	send_u64(w, SEND_A_FILE_OFFSET, 0);
	send_u64(w, SEND_A_UNENCODED_FILE_LEN, numbers[0]);
	send_u64(w, SEND_A_UNENCODED_LEN, numbers[1]);
	send_u64(w, SEND_A_UNENCODED_OFFSET, numbers[2]);
	send_u64(w, SEND_A_COMPRESSION, numbers[3]);
	send_bytes(w, SEND_A_DATA, data, len);
}
static void set(u64 a, u64 b, u64 c, u64 d)
{
	numbers[0] = a;
	numbers[1] = b;
	numbers[2] = c;
	numbers[3] = d;
}

TEST(numbers_have_bounds)
{
	set(UINT32_MAX, 0, 0, 0);
	CHECK_EQ(one(chown_to, "f", 1, 0), -EPROTO);
	set(UINT32_MAX - 1, UINT32_MAX - 1, 0, 0);
	CHECK_EQ(one(chown_to, "", 0, 0), 3);
	set(0, 0, 0, 0);
	CHECK_EQ(one(clone_from, "f", 1, 0), -EPROTO);
	set(0, 4096, 0, 0);
	CHECK_EQ(one(clone_from, "f", 1, 0), 3);
	CHECK_EQ(one(clone_from, "../f", 4, 0), -EPROTO);
	set(INT64_MAX - 4095, 4096, 0, 0);
	CHECK_EQ(one(clone_from, "f", 1, 0), -EPROTO);
	set(0, 4096, ~0ULL - 4095, 0);
	CHECK_EQ(one(clone_from, "f", 1, 0), -EPROTO);
	set(4096, 131072, 4096, 1);
	CHECK_EQ(one(encoded, "x", 1, 0), 3);
	CHECK_EQ(one(encoded, "", 0, 0), -EPROTO);
	set(4096, 131072, 4096, 0);
	CHECK_EQ(one(encoded, "x", 1, 0), -EPROTO);
	set(4096, 131072, 4096, 8);
	CHECK_EQ(one(encoded, "x", 1, 0), -EPROTO);
	set(4096, 131072 + 4096, 4096, 2);
	CHECK_EQ(one(encoded, "x", 1, 0), -EPROTO);
	set(4097, 8192, 4096, 2);
	CHECK_EQ(one(encoded, "x", 1, 0), -EPROTO);
	set(1, 8192, ~0ULL, 2);
	CHECK_EQ(one(encoded, "x", 1, 0), -EPROTO);
}

TEST(nothing_comes_before_a_subvolume)
{
	struct err err = ERR_INIT;
	struct send_writer w;

	send_writer_init(&w, 1, NULL, NULL);
	send_header(&w);
	v_mkfile(&w);
	send_end(&w);
	CHECK_EQ(read_all(w.buf, w.len, 0, &err), -EPROTO);
	CHECK_STR(err_text(&err), "offset 17, command 0 (mkfile): comes before a subvolume was begun");
	send_writer_fini(&w);
}

TEST(lengths_are_bounded)
{
	struct err err = ERR_INIT;
	struct send_writer w;
	u8 huge[27] = { 0 };

	begin(&w, 1);
	send_begin(&w, SEND_C_WRITE);
	send_bytes(&w, SEND_A_PATH, "f", 1);
	send_u64(&w, SEND_A_FILE_OFFSET, 0);
	CHECK(!send_data(&w, 65536));
	CHECK_EQ(send_end(&w), -EMSGSIZE);
	memcpy(huge, w.buf, 17);
	send_writer_fini(&w);
	memset(huge + 17, 0xff, 4);
	huge[21] = SEND_C_WRITE;
	CHECK_EQ(read_all(huge, sizeof(huge), 0, &err), -EPROTO);
	CHECK_STR(err_text(&err), "offset 17, command 0 (write): a command of 4294967305 bytes, where 65536 is the most");
}

TEST(versions_are_known)
{
	u8 header[17] = SEND_MAGIC;
	struct err err = ERR_INIT;

	CHECK_EQ(read_all(header, 17, 0, &err), -EPROTO);
	header[13] = 4;
	CHECK_EQ(read_all(header, 17, 0, &err), -EPROTO);
	CHECK_EQ(read_all(header, 16, 0, &err), -EPROTO);
	CHECK_STR(err_text(&err), "short read from stream: expected 17 read 16");
	header[0] = 'B';
	CHECK_EQ(read_all(header, 17, 0, &err), -EPROTO);
}

TEST(a_token_is_text)
{
	struct send_token t = { .version = 2, .offset = 123456789012, .command = 77, .uuid = { 0xbd, 0xba, 0x33, 0xfe, 15 } }, back;
	struct strbuf sb = STRBUF_INIT;
	struct err err = ERR_INIT;
	static const char *const refused[] = { "", "2", "2:17:0", "0:17:0:bdba33fe-0f00-0000-0000-000000000000", "4:17:0:bdba33fe-0f00-0000-0000-000000000000",
		"2:16:0:bdba33fe-0f00-0000-0000-000000000000", "2:27:0:bdba33fe-0f00-0000-0000-00000000000", "2:27:0:bdba33fe-0f00-0000-0000-0000000000000",
		"2:27:0:bdba33fe-0f00-0000-000000000000", "2:99999999999999999999:0:bdba33fe-0f00-0000-0000-000000000000", "2:-1:0:bdba33fe-0f00-0000-0000-000000000000",
		"2:17:9:bdba33fe-0f00-0000-0000-000000000000" };

	send_token_text(&t, &sb);
	CHECK_STR(sb_str(&sb), "2:123456789012:77:bdba33fe-0f00-0000-0000-000000000000");
	CHECK_OK(send_token_parse(sb_str(&sb), &back, &err), &err);
	CHECK(back.version == t.version && back.offset == t.offset && back.command == t.command && !memcmp(back.uuid, t.uuid, 16));
	sb_fini(&sb);
	for (unsigned i = 0; i < ARRAY_SIZE(refused); i++)
		CHECK_EQ(send_token_parse(refused[i], &back, &err), -EINVAL);
}

/* From every place of a stream: the whole stream and its rest give the same next command. */
TEST(reading_goes_on_at_a_token)
{
	struct send_token at[8];
	struct err err = ERR_INIT;
	struct send_writer w;
	struct send_reader *r;
	struct send_cmd c;
	unsigned n = 0;

	begin(&w, 2);
	v_mkfile(&w);
	send_end(&w);
	v_write(&w);
	send_end(&w);
	v_end(&w);
	send_end(&w);
	{
		struct input in = { w.buf, w.len, 0 };

		CHECK_OK(send_reader_new(&r, take, &in, 0, NULL, &err), &err);
		CHECK_OK(send_reader_header(r, &err), &err);
		do {
			CHECK_OK(send_reader_next(r, &c, &err), &err);
			if (n)
				send_reader_here(r, false, &at[n]);
			n++;
		} while (c.id != SEND_C_END);
		send_reader_free(r);
	}
	CHECK_EQ(n, 4);
	for (unsigned i = 1; i < n; i++)
		for (unsigned whole = 0; whole < 2; whole++) {
			struct input in = { w.buf, w.len, whole ? 0 : at[i].offset };
			unsigned id;

			CHECK_OK(send_reader_new(&r, take, &in, 0, &at[i], &err), &err);
			CHECK_OK(send_reader_header(r, &err), &err);
			CHECK_OK(send_reader_next(r, &c, &err), &err);
			id = i == 1 ? SEND_C_MKFILE : i == 2 ? SEND_C_WRITE : SEND_C_END;
			CHECK_EQ(c.id, id);
			CHECK_EQ(c.offset, at[i].offset);
			CHECK_EQ(c.number, i);
			send_reader_free(r);
		}
	at[2].uuid[3] ^= 1;
	{
		struct input in = { w.buf, w.len, 0 };

		CHECK_OK(send_reader_new(&r, take, &in, 0, &at[2], &err), &err);
		CHECK_EQ(send_reader_header(r, &err), -EPROTO);
		send_reader_free(r);
	}
	send_writer_fini(&w);
}

static int collect(void *arg, const void *p, size_t n)
{
	sb_add(arg, p, n);
	return 0;
}

/* What goes out is the same whether commands were built in place or by others. */
TEST(appended_commands_are_the_same)
{
	struct strbuf one_by_one = STRBUF_INIT, joined = STRBUF_INIT;
	struct send_writer a, b, part;
	struct err err = ERR_INIT;

	send_writer_init(&a, 2, collect, &one_by_one);
	send_writer_init(&b, 2, collect, &joined);
	send_header(&a);
	v_subvol(&a);
	send_end(&a);
	send_header(&b);
	v_subvol(&b);
	send_end(&b);
	send_writer_init(&part, 2, NULL, NULL);
	for (unsigned i = 0; i < 40; i++) {
		struct send_writer *to[] = { &a, &part };

		for (unsigned k = 0; k < 2; k++) {
			void *p;

			send_begin(to[k], SEND_C_WRITE);
			send_bytes(to[k], SEND_A_PATH, "f", 1);
			send_u64(to[k], SEND_A_FILE_OFFSET, i * 131072);
			p = send_data(to[k], 131072);
			CHECK(p);
			memset(p, i, 131072);
			CHECK_EQ(send_end(to[k]), 0);
		}
		if (i % 3 == 0 || i == 39)
			CHECK_EQ(send_append(&b, &part), 0);
	}
	v_end(&a);
	send_end(&a);
	v_end(&b);
	send_end(&b);
	CHECK_EQ(send_flush(&a), 0);
	CHECK_EQ(send_flush(&b), 0);
	CHECK_EQ(a.commands, 42);
	CHECK_EQ(b.commands, 42);
	CHECK_EQ(a.offset, b.offset);
	CHECK_EQ(one_by_one.len, joined.len);
	CHECK(!memcmp(one_by_one.v, joined.v, joined.len));
	CHECK_EQ(read_all((u8 *)joined.v, joined.len, 0, &err), 42);
	send_writer_fini(&a);
	send_writer_fini(&b);
	send_writer_fini(&part);
	sb_fini(&one_by_one);
	sb_fini(&joined);
}

UNIT_MAIN
