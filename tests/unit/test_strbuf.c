/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/unit/unit.h"
#include "common/strbuf.h"

static const u64 numbers[] = {
	0, 1, 7, 8, 9, 10, 11, 15, 16, 99, 100, 101, 255, 256, 999, 1000, 9999, 10000, 65535, 99999, 100000, 4294967295ULL, 4294967296ULL,
	9999999999ULL, 10000000000ULL, 9223372036854775807ULL, 9223372036854775808ULL, 9999999999999999999ULL, 10000000000000000000ULL,
	18446744073709551615ULL,
};

TEST(numbers_print_as_printf_prints_them)
{
	struct strbuf sb = STRBUF_INIT;
	char want[128];

	for (size_t i = 0; i < ARRAY_SIZE(numbers) + 100000; i++) {
		u64 v = i < ARRAY_SIZE(numbers) ? numbers[i] : i * 0x9e3779b97f4a7c15ULL >> i % 64;

		sb_reset(&sb);
		sb_u64(&sb, v);
		sb_char(&sb, ' ');
		sb_s64(&sb, v);
		sb_lit(&sb, " 0x");
		sb_hex(&sb, v);
		sb_puts(&sb, " ");
		sb_hex0(&sb, v, 12);
		sb_add(&sb, " ", 1);
		sb_oct(&sb, v);
		snprintf(want, sizeof(want), "%llu %lld 0x%llx %012llx %llo", v, (s64)v, v, v, v);
		CHECK_STR(sb_str(&sb), want);
	}
	sb_fini(&sb);
}

TEST(wide_padding)
{
	struct strbuf sb = STRBUF_INIT;

	sb_hex0(&sb, 0xab, 40);
	CHECK_STR(sb_str(&sb), "00000000000000000000000000000000000000ab");
	sb_fini(&sb);
}

TEST(uuid_and_bytes)
{
	static const u8 uuid[16] = { 0x54, 0x4c, 0xe1, 0x84, 0xda, 0xfa, 0x4c, 0x1f, 0x8d, 0xd9, 0x4a, 0x74, 0x0c, 0xe3, 0xff, 0x00 };
	struct strbuf sb = STRBUF_INIT;

	sb_uuid(&sb, uuid);
	sb_char(&sb, ' ');
	sb_hexbytes(&sb, uuid, 16);
	CHECK_STR(sb_str(&sb), "544ce184-dafa-4c1f-8dd9-4a740ce3ff00 544ce184dafa4c1f8dd94a740ce3ff00");
	sb_fini(&sb);
}

TEST(names_are_escaped)
{
	static const char name[] = "a b\\c\a\b\x1b\f\n\r\t\v\x01\x7f\xc3\xa4~!";
	struct strbuf sb = STRBUF_INIT;

	sb_escape(&sb, name, sizeof(name)); /* with the NUL */
	CHECK_STR(sb_str(&sb), "a\\ b\\\\c\\a\\b\\e\\f\\n\\r\\t\\v\\001\\177\\303\\244~!\\000");
	sb_reset(&sb);
	sb_escape(&sb, "plain", 5);
	sb_escape(&sb, NULL, 0);
	CHECK_STR(sb_str(&sb), "plain");
	sb_fini(&sb);
}

TEST(every_byte_escapes_to_what_decodes_to_it)
{
	struct strbuf sb = STRBUF_INIT;

	for (unsigned c = 0; c < 256; c++) {
		u8 b = c;

		sb_reset(&sb);
		sb_escape(&sb, &b, 1);
		if (sb.len == 1)
			CHECK(sb.v[0] == (char)c && c > ' ' && c < 0x7f && c != '\\');
		else if (sb.len == 4)
			CHECK_EQ(strtoul(sb_str(&sb) + 1, NULL, 8), c);
		else
			CHECK(sb.len == 2 && sb.v[0] == '\\');
	}
	sb_fini(&sb);
}

TEST(printf_fits_exactly_and_grows)
{
	struct strbuf sb = STRBUF_INIT;

	for (int i = 0; i < 2000; i++) {
		sb_printf(&sb, "%d,", i % 10);
		CHECK_EQ(sb.len, 2 * (i + 1));
	}
	sb_printf(&sb, "%s", "");
	CHECK_EQ(sb.len, 4000);
	CHECK(!strncmp(sb_str(&sb), "0,1,2,3,4,5,6,7,8,9,0,", 22));
	sb_fini(&sb);
	sb_printf(&sb, "%01000d", 5);
	CHECK_EQ(strlen(sb_str(&sb)), 1000);
	sb_fini(&sb);
}

TEST(pad)
{
	struct strbuf sb = STRBUF_INIT;

	CHECK_STR(sb_str(&sb), "");
	sb_pad(&sb, '-', 3);
	sb_pad(&sb, ' ', 0);
	CHECK_STR(sb_str(&sb), "---");
	sb_fini(&sb);
}

TEST(a_failure_is_remembered_and_later_appends_do_nothing)
{
	static volatile size_t huge = SIZE_MAX / 2;
	struct strbuf sb = STRBUF_INIT;

	sb_puts(&sb, "text");
	sb_pad(&sb, 'x', huge);
	CHECK(sb.failed);
	sb_puts(&sb, "more");
	sb_char(&sb, 'c');
	sb_u64(&sb, 1);
	sb_printf(&sb, "%d", 1);
	sb_escape(&sb, " ", 1);
	CHECK_EQ(sb.len, 0);
	CHECK_STR(sb_str(&sb), "");
	sb_fini(&sb);
	sb_puts(&sb, "anew");
	CHECK_STR(sb_str(&sb), "anew");
	sb_fini(&sb);
}

UNIT_MAIN
