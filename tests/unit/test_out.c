/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/out.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

/* What was collected so far, not yet written. */
static const char *collected(struct out *o)
{
	return sb_str(&o->buf);
}

TEST(a_json_document)
{
	struct out o;

	out_init(&o, -1);
	out_json_begin(&o);
	out_arr(&o, "filesystem-df");
	out_obj(&o, NULL);
	out_json_str(&o, "bg-type", "Data");
	out_json_u64(&o, "total", 8388608);
	out_end(&o);
	out_obj(&o, NULL);
	out_end(&o);
	out_end(&o);
	out_arr(&o, "none");
	out_end(&o);
	out_json_end(&o);
	CHECK_STR(collected(&o),
		"{\n  \"__header\": {\n    \"version\": \"1\"\n  },\n  \"filesystem-df\": [\n    {\n      \"bg-type\": \"Data\",\n"
		"      \"total\": 8388608\n    },\n    {\n    }\n  ],\n  \"none\": [\n  ]\n}\n");
	sb_fini(&o.buf);
}

TEST(json_values)
{
	static const u8 null[16], uuid[16] = { 0x54, [15] = 0x71 };
	struct out o;

	setenv("TZ", "UTC", 1);
	out_init(&o, -1);
	out_arr(&o, NULL);
	out_json_s64(&o, NULL, -5);
	out_json_bool(&o, NULL, true);
	out_json_bool(&o, NULL, false);
	out_json_null(&o, NULL);
	out_json_uuid(&o, NULL, null);
	out_json_uuid(&o, NULL, uuid);
	out_json_time(&o, NULL, 0);
	out_json_time(&o, NULL, 1795170631);
	out_json_double(&o, NULL, 1.005, 1);
	out_json_double(&o, NULL, 0.0 / 0.0, 1);
	out_end(&o);
	CHECK_STR(collected(&o),
		"[\n  -5,\n  true,\n  false,\n  null,\n  null,\n  \"54000000-0000-0000-0000-000000000071\",\n  \"-\",\n"
		"  \"2026-11-20 10:30:31 +0000\",\n  1.0,\n  null\n]");
	sb_fini(&o.buf);
}

TEST(json_strings_of_any_bytes)
{
	static const char text[] = "a\"\\\b\t\n\f\r\x01\x7f\xc3\xa4\xff\xc0\x80\xed\xa0\x80\xe2\x82";
	struct out o;

	out_init(&o, -1);
	out_json_strn(&o, NULL, text, sizeof(text)); /* the NUL too */
	CHECK_STR(collected(&o),
		"\"a\\\"\\\\\\b\\t\\n\\f\\r\\u0001\\u007f\xc3\xa4\\u00ff\\u00c0\\u0080\\u00ed\\u00a0\\u0080\\u00e2\\u0082\\u0000\"");
	sb_fini(&o.buf);
}

TEST(nesting_past_the_arrays_stays_in_bounds)
{
	struct out o;

	out_init(&o, -1);
	for (int i = 0; i < 100; i++)
		out_arr(&o, NULL);
	for (int i = 0; i < 120; i++)
		out_end(&o);
	CHECK_EQ(o.depth, 0);
	sb_fini(&o.buf);
}

TEST(a_table_is_as_wide_as_its_cells)
{
	struct table *t = table_new(3, 1);
	struct out o;

	out_init(&o, -1);
	table_align(t, "rlr");
	table_cell(t, "Id");
	table_cell(t, "Path");
	table_cell(t, "Size");
	table_rule(t);
	table_cell(t, "%d", 1);
	table_cell(t, "/dev/%s", "sdb");
	table_cell(t, "%d", 123456);
	table_print(t, &o, true);
	CHECK_STR(collected(&o), "Id Path       Size\n-- -------- ------\n 1 /dev/sdb 123456\n");
	table_free(t);
	sb_fini(&o.buf);
}

TEST(trailing_blanks_are_optional)
{
	for (int blanks = 0; blanks < 2; blanks++) {
		struct table *t = table_new(2, 2);
		struct out o;

		out_init(&o, -1);
		table_cell(t, "a");
		table_cell(t, "\xc3\xa4");
		table_cell(t, "bb");
		table_cell(t, "cc");
		table_print(t, &o, blanks);
		CHECK_STR(collected(&o), blanks ? "a   \xc3\xa4 \nbb  cc\n" : "a   \xc3\xa4\nbb  cc\n");
		table_free(t);
		sb_fini(&o.buf);
	}
}

TEST(long_text_is_not_cut)
{
	struct out o;

	out_init(&o, -1);
	out_printf(&o, "%0900d", 7);
	CHECK_EQ(o.buf.len, 900);
	CHECK_EQ(o.buf.v[899], '7');
	sb_fini(&o.buf);
}

TEST(a_full_disk_is_remembered)
{
	struct out o;

	out_init(&o, open("/dev/full", O_WRONLY));
	out_puts(&o, "text");
	CHECK_EQ(out_flush(&o), -ENOSPC);
	out_puts(&o, "more");
	close(o.fd);
	CHECK_EQ(out_fini(&o), -ENOSPC);
}

TEST(a_closed_pipe_other_than_standard_output_is_an_error)
{
	struct out o;
	int fds[2];

	signal(SIGPIPE, SIG_IGN);
	CHECK_EQ(pipe(fds), 0);
	close(fds[0]);
	out_init(&o, fds[1]);
	out_puts(&o, "text");
	CHECK_EQ(out_fini(&o), -EPIPE);
	close(fds[1]);
}

UNIT_MAIN
