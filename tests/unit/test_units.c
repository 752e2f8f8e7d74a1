/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/units.h"
#include "tests/unit/unit.h"

static const char *text(u64 n, enum unit_base base, unsigned step)
{
	static char buf[SIZE_TEXT_MAX];

	return units_format(n, (struct units){ base, step }, buf);
}

TEST(human_sizes_have_two_decimals_of_the_last_division)
{
	CHECK_STR(text(0, UNIT_BINARY, 0), "0.00B");
	CHECK_STR(text(1023, UNIT_BINARY, 0), "1023.00B");
	CHECK_STR(text(1024, UNIT_BINARY, 0), "1.00KiB");
	CHECK_STR(text(1536, UNIT_BINARY, 0), "1.50KiB");
	CHECK_STR(text(1048575, UNIT_BINARY, 0), "1024.00KiB");
	CHECK_STR(text(1610612736, UNIT_BINARY, 0), "1.50GiB");
	CHECK_STR(text(UINT64_MAX, UNIT_BINARY, 0), "16.00EiB");
}

TEST(decimal_sizes)
{
	CHECK_STR(text(999, UNIT_DECIMAL, 0), "999.00B");
	CHECK_STR(text(1000, UNIT_DECIMAL, 0), "1.00kB");
	CHECK_STR(text(8388608, UNIT_DECIMAL, 0), "8.39MB");
	CHECK_STR(text(629145600, UNIT_DECIMAL, 0), "629.15MB"); /* in single precision, as the incumbent */
	CHECK_STR(text(UINT64_MAX, UNIT_DECIMAL, 0), "18.45EB");
}

TEST(fixed_units_and_raw)
{
	CHECK_STR(text(8388608, UNIT_BINARY, 1), "8192.00KiB");
	CHECK_STR(text(8388608, UNIT_DECIMAL, 1), "8388.61kB");
	CHECK_STR(text(1048576, UNIT_BINARY, 3), "0.00GiB");
	CHECK_STR(text(GiB(1) / 2, UNIT_BINARY, 3), "0.50GiB");
	CHECK_STR(text(5767168, UNIT_BINARY, 3), "0.01GiB");
	CHECK_STR(text(12345, UNIT_RAW, 1), "12345");
}

TEST(the_ring_holds_eight_texts)
{
	const char *a = units_human(1), *b = units_human(2);

	CHECK_STR(a, "1.00B");
	CHECK_STR(b, "2.00B");
}

static const char *number_error(int (*parse)(const char *, u64 *, struct err *), const char *s, int code)
{
	static struct err err;
	u64 v;

	err_clear(&err);
	return parse(s, &v, &err) == code ? err_text(&err) : "wrong code";
}

TEST(numbers_are_decimal_only)
{
	u64 v = 7;

	CHECK_EQ(parse_u64("0", &v, NULL), 0);
	CHECK_EQ(v, 0);
	CHECK_EQ(parse_u64("00042", &v, NULL), 0);
	CHECK_EQ(v, 42);
	CHECK_EQ(parse_u64("18446744073709551615", &v, NULL), 0);
	CHECK_EQ(v, UINT64_MAX);
	CHECK_STR(number_error(parse_u64, "0x10", -EINVAL), "0x10 is not a valid numeric value");
	CHECK_STR(number_error(parse_u64, "", -EINVAL), " is not a valid numeric value");
	CHECK_STR(number_error(parse_u64, "5 ", -EINVAL), "5  is not a valid numeric value");
	CHECK_STR(number_error(parse_u64, "-5", -EINVAL), "-5: negative value is invalid");
	CHECK_STR(number_error(parse_u64, "18446744073709551616", -ERANGE), "18446744073709551616 is too large");
	CHECK_STR(number_error(parse_u64, "99999999999999999999999", -ERANGE), "99999999999999999999999 is too large");
}

TEST(sizes_take_one_letter)
{
	static const char letters[] = "bkmgtpe";
	u64 v;

	for (unsigned i = 0; letters[i]; i++) {
		char low[] = { '3', letters[i], 0 }, up[] = { '3', letters[i] - 'a' + 'A', 0 };

		CHECK_EQ(parse_size(low, &v, NULL), 0);
		CHECK_EQ(v, 3ULL << 10 * i);
		CHECK_EQ(parse_size(up, &v, NULL), 0);
		CHECK_EQ(v, 3ULL << 10 * i);
	}
	CHECK_EQ(parse_size("123", &v, NULL), 0);
	CHECK_EQ(v, 123);
	CHECK_EQ(parse_size("15e", &v, NULL), 0);
	CHECK_STR(number_error(parse_size, "16e", -ERANGE), "size value '16e' is too large for u64");
	CHECK_STR(number_error(parse_size, "99999999999999999999", -ERANGE), "size value '99999999999999999999' is too large for u64");
	CHECK_STR(number_error(parse_size, "1KiB", -EINVAL), "1KiB is not a valid numeric value with supported size suffixes");
	CHECK_STR(number_error(parse_size, "k", -EINVAL), "k is not a valid numeric value with supported size suffixes");
	CHECK_STR(number_error(parse_size, "1.5k", -EINVAL), "1.5k is not a valid numeric value with supported size suffixes");
	CHECK_STR(number_error(parse_size, "5x", -EINVAL), "5x is not a valid numeric value with supported size suffixes");
	CHECK_STR(number_error(parse_size, "", -EINVAL), " is not a valid numeric value with supported size suffixes");
}

TEST(ranges_may_be_open)
{
	u64 lo, hi;

	CHECK_EQ(parse_range("3..9", &lo, &hi, NULL), 0);
	CHECK_EQ(lo, 3);
	CHECK_EQ(hi, 9);
	CHECK_EQ(parse_range("..9", &lo, &hi, NULL), 0);
	CHECK_EQ(lo, 0);
	CHECK_EQ(parse_range("3..", &lo, &hi, NULL), 0);
	CHECK_EQ(hi, UINT64_MAX);
	CHECK_EQ(parse_range("..", &lo, &hi, NULL), 0);
	CHECK_EQ(parse_range("3", &lo, &hi, NULL), -EINVAL);
	CHECK_EQ(parse_range("3..x", &lo, &hi, NULL), -EINVAL);
	CHECK_EQ(parse_range("3x..4", &lo, &hi, NULL), -EINVAL);
	CHECK_EQ(parse_range("1..18446744073709551616", &lo, &hi, NULL), -ERANGE);
}

TEST(uuids)
{
	static const char good[] = "544ce184-dfad-4c1f-8dd9-4a740ce03371";
	char buf[UUID_TEXT_MAX];
	u8 uuid[16];

	CHECK_EQ(parse_uuid(good, uuid), 0);
	CHECK_STR(uuid_format(uuid, buf), good);
	CHECK(!uuid_is_null(uuid));
	CHECK_EQ(parse_uuid("544CE184-DFAD-4C1F-8DD9-4A740CE03371", uuid), 0);
	CHECK_STR(uuid_format(uuid, buf), good);
	CHECK_EQ(parse_uuid("544ce184-dfad-4c1f-8dd9-4a740ce0337", uuid), -EINVAL);
	CHECK_EQ(parse_uuid("544ce184-dfad-4c1f-8dd9-4a740ce033712", uuid), -EINVAL);
	CHECK_EQ(parse_uuid("544ce184dfad-4c1f-8dd9-4a740ce03371-", uuid), -EINVAL);
	CHECK_EQ(parse_uuid("", uuid), -EINVAL);
}

TEST(qgroup_ids)
{
	u64 id;

	CHECK_EQ(parse_qgroupid("0/256", &id), 0);
	CHECK_EQ(id, 256);
	CHECK_EQ(parse_qgroupid("1/100", &id), 0);
	CHECK_EQ(id, 1ULL << 48 | 100);
	CHECK_EQ(parse_qgroupid("65535/281474976710655", &id), 0);
	CHECK_EQ(id, UINT64_MAX);
	CHECK_EQ(parse_qgroupid("65536/1", &id), -EINVAL);
	CHECK_EQ(parse_qgroupid("0/281474976710656", &id), -EINVAL);
	CHECK_EQ(parse_qgroupid("256", &id), -EINVAL);
	CHECK_EQ(parse_qgroupid("/256", &id), -EINVAL);
	CHECK_EQ(parse_qgroupid("0/", &id), -EINVAL);
	CHECK_EQ(parse_qgroupid("0/1x", &id), -EINVAL);
}

UNIT_MAIN
