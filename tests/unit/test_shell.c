/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The offline shell's lines, options and completion, without a filesystem. */
#include "cmds/shell/shell.h"
#include "common/linedit.h"
#include "common/mem.h"
#include "tests/unit/unit.h"

/* The words of a line, each in <>. */
static const char *split(const char *line)
{
	static char text[512];
	struct shell_words w = VEC_INIT;
	int ret = shell_split(line, &w);

	text[0] = 0;
	for (size_t i = 0; i < w.len; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "<%s>", w.v[i]);
	if (!ret && w.len && w.v[w.len])
		strcpy(text, "not terminated");
	shell_words_fini(&w);
	return ret ? strerror(-ret) : text;
}

TEST(blanks_separate_and_quotes_keep)
{
	CHECK_STR(split(""), "");
	CHECK_STR(split("  \t "), "");
	CHECK_STR(split("ls -l  dir\t"), "<ls><-l><dir>");
	CHECK_STR(split("cat 'a b' \"c d\" e\\ f"), "<cat><a b><c d><e f>");
	CHECK_STR(split("x'y'\"z\"w"), "<xyzw>");
	CHECK_STR(split("'' \"\""), "<><>");
	CHECK_STR(split("\"a\\\"b\\\\c\\d\""), "<a\"b\\c\\d>");
	CHECK_STR(split("'a\\b'"), "<a\\b>");
}

TEST(comments_begin_a_word)
{
	CHECK_STR(split("# nothing"), "");
	CHECK_STR(split("ls # all"), "<ls>");
	CHECK_STR(split("a#b '#' \\#"), "<a#b><#><#>");
}

TEST(open_quotes_are_an_error)
{
	CHECK_STR(split("ls 'a"), strerror(EINVAL));
	CHECK_STR(split("ls \"a\\\""), strerror(EINVAL));
	CHECK_STR(split("ls a\\"), "<ls><a\\>");
}

TEST(options_add_up_and_the_last_subvolume_counts)
{
	struct shell_opts o = { 0 };
	struct err err = ERR_INIT;

	CHECK_OK(shell_opts_parse(&o, "ro,degraded,subvol=a/b", &err), &err);
	CHECK_OK(shell_opts_parse(&o, "rescue=nologreplay:ignoredatacsums,device=/x,device=/y", &err), &err);
	CHECK_EQ(o.fs_flags, FS_OPEN_DEGRADED | FS_OPEN_NO_LOG_REPLAY | FS_OPEN_NO_DATA_CSUM);
	CHECK_STR(o.subvol, "a/b");
	CHECK_EQ(o.devices.len, 2);
	CHECK_STR(o.devices.v[1], "/y");
	CHECK_OK(shell_opts_parse(&o, "subvolid=257", &err), &err);
	CHECK(!o.subvol);
	CHECK_EQ(o.subvolid, 257);
	CHECK_OK(shell_opts_parse(&o, "subvol=c", &err), &err);
	CHECK_STR(o.subvol, "c");
	CHECK_EQ(o.subvolid, 0);
	CHECK_OK(shell_opts_parse(&o, "", &err), &err);
	shell_opts_fini(&o);
}

TEST(unknown_options_are_named)
{
	static const struct { const char *text, *message; } bad[] = {
		{ "nosuch", "unknown mount option 'nosuch'" },
		{ "ro,no=1", "unknown mount option 'no=1'" },
		{ "rescue=all:x", "unknown mount option 'rescue=x'" },
		{ "subvolid=", NULL }, { "subvolid=5x", NULL }, { "degraded=1", "unknown mount option 'degraded=1'" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct shell_opts o = { 0 };
		struct err err = ERR_INIT;

		CHECK(shell_opts_parse(&o, bad[i].text, &err) < 0);
		if (bad[i].message)
			CHECK_STR(err_text(&err), bad[i].message);
		shell_opts_fini(&o);
	}
}

TEST(base_names)
{
	static const struct { const char *path, *base; } cases[] = {
		{ "a", "a" }, { "/a/b", "b" }, { "a/b//", "b" }, { "/", "" }, { "", "" }, { ".", "" }, { "a/..", "" }, { "a/.", "" }, { "a/...", "..." },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char *base = shell_basename(cases[i].path);

		CHECK_STR(base, cases[i].base);
		free(base);
	}
}

TEST(sizes_round_up_as_ls_does)
{
	static const struct { u64 size; const char *text; } cases[] = {
		{ 0, "0" }, { 1023, "1023" }, { 1024, "1.0K" }, { 1025, "1.1K" }, { 10239, "10K" }, { 10240, "10K" }, { 10241, "11K" },
		{ 279000, "273K" }, { 1048576, "1.0M" }, { 5242880, "5.0M" }, { 1ULL << 40, "1.0T" }, { ~0ULL, "16E" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char text[32];

		text_size_ls(cases[i].size, text);
		CHECK_STR(text, cases[i].text);
	}
}

TEST(modes_have_all_letters)
{
	char text[11];

	text_mode(0104755, text);
	CHECK_STR(text, "-rwsr-xr-x");
	text_mode(0041777, text);
	CHECK_STR(text, "drwxrwxrwt");
	text_mode(0102640, text);
	CHECK_STR(text, "-rw-r-S---");
	text_mode(0120777, text);
	CHECK_STR(text, "lrwxrwxrwx");
	text_mode(0, text);
	CHECK_STR(text, "?---------");
}

/* All that a word can become, in <>. */
static const char *complete(const char *line)
{
	static char text[4096];
	struct linedit_words w = VEC_INIT;
	size_t start = strlen(line);

	while (start && line[start - 1] != ' ')
		start--;
	shell_complete(NULL, line, start, line + start, &w);
	text[0] = 0;
	for (size_t i = 0; i < w.len; i++) {
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "<%s>", w.v[i]);
		free(w.v[i]);
	}
	vec_fini(&w);
	return text;
}

TEST(commands_and_their_groups_complete)
{
	CHECK_STR(complete("gete"), "");
	CHECK_STR(complete("getf"), "<getfattr>");
	CHECK_STR(complete("read"), "<readlink>");
	CHECK(strstr(complete(""), "<checksum>"));
	CHECK(strstr(complete(""), "<subvolume>"));
	CHECK(!strstr(complete(""), "<restore>"));
	CHECK(strstr(complete("lcd /de"), "</dev/>"));
}

UNIT_MAIN
