/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/unit/unit.h"
#include "common/err.h"

TEST(set_replaces_and_returns_the_code)
{
	struct err err = ERR_INIT;

	CHECK_EQ(err_set(&err, -EIO, "read of %s at %u", "a.img", 4096u), (u64)-EIO);
	CHECK_STR(err_text(&err), "read of a.img at 4096");
	CHECK_EQ(err.code, (u64)-EIO);
	CHECK_EQ(err.len, strlen(err.text));
	err_set(&err, -EINVAL, "bad");
	CHECK_STR(err_text(&err), "bad");
	CHECK_EQ(err.code, (u64)-EINVAL);
}

TEST(wrap_reads_outermost_first)
{
	struct err err = ERR_INIT;

	err_set(&err, -ENOSPC, "no space for %d KiB", 16);
	CHECK_EQ(err_wrap(&err, err.code, "cannot add snapshot %s", "/snap/1"), (u64)-ENOSPC);
	err_wrap(&err, err.code, "line %d", 3);
	CHECK_STR(err_text(&err), "line 3: cannot add snapshot /snap/1: no space for 16 KiB");
}

TEST(wrap_of_nothing_stands_alone)
{
	struct err err = ERR_INIT;

	err_wrap(&err, -EIO, "cannot open");
	CHECK_STR(err_text(&err), "cannot open");
	CHECK_EQ(err.code, (u64)-EIO);
}

TEST(errno_adds_the_system_text)
{
	struct err err = ERR_INIT;

	CHECK_EQ(err_errno(&err, -ENOENT, "cannot open %s", "x"), (u64)-ENOENT);
	CHECK_STR(err_text(&err), "cannot open x: No such file or directory");
}

TEST(a_null_err_is_accepted_everywhere)
{
	err_clear(NULL);
	CHECK_EQ(err_set(NULL, -EIO, "x"), (u64)-EIO);
	CHECK_EQ(err_errno(NULL, -EIO, "x"), (u64)-EIO);
	CHECK_EQ(err_wrap(NULL, -EIO, "x"), (u64)-EIO);
	CHECK_EQ(err_nomem(NULL), (u64)-ENOMEM);
	CHECK_STR(err_text(NULL), "unknown error");
}

TEST(without_text_the_code_speaks)
{
	struct err err = ERR_INIT;

	CHECK_STR(err_text(&err), "no error");
	err.code = -EPERM;
	CHECK_STR(err_text(&err), "Operation not permitted");
	err_nomem(&err);
	CHECK_STR(err_text(&err), "out of memory");
	err_clear(&err);
	CHECK_STR(err_text(&err), "no error");
}

TEST(long_text_is_cut_at_its_end)
{
	static char longer[3 * ERR_TEXT_MAX];
	struct err err = ERR_INIT;

	memset(longer, 'x', sizeof(longer) - 1);
	err_set(&err, -EIO, "%s", longer);
	CHECK_EQ(strlen(err.text), ERR_TEXT_MAX - 1);
	CHECK_EQ(err.len, ERR_TEXT_MAX - 1);
	err_wrap(&err, -EIO, "outer");
	CHECK_EQ(strlen(err.text), ERR_TEXT_MAX - 1);
	CHECK(!strncmp(err.text, "outer: xxx", 10));
	err_wrap(&err, -EIO, "%s", longer);
	CHECK_EQ(strlen(err.text), ERR_TEXT_MAX - 1);
	err_errno(&err, -EIO, "%s", longer);
	CHECK_EQ(strlen(err.text), ERR_TEXT_MAX - 1);
}

TEST(the_text_may_quote_itself)
{
	struct err err = ERR_INIT;

	err_set(&err, -EIO, "inner");
	err_set(&err, -EIO, "first %s, second %s", err.text, err.text);
	CHECK_STR(err_text(&err), "first inner, second inner");
	err_wrap(&err, -EIO, "%s", err.text);
	CHECK_STR(err_text(&err), "first inner, second inner: first inner, second inner");
}

UNIT_MAIN
