/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The digest of a tree, over trees of the running system: what counts, what does not, and the definition itself. */
#include "cmds/hosthash.h"
#include "common/endian.h"
#include "crypto/csum.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <ftw.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <xxhash.h>

static char dir[4096];

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw) { return remove(path); }

static bool begin(void)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(dir, sizeof(dir), "%s/treehash.XXXXXX", tmp ? tmp : "/tmp");
	return mkdtemp(dir) && !chdir(dir);
}

static void end(void)
{
	if (!chdir("/"))
		nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void write_at(const char *path, off_t off, const void *data, size_t len)
{
	int fd = open(path, O_RDWR | O_CREAT, 0644);

	if (fd < 0 || pwrite(fd, data, len, off) != (ssize_t)len)
		perror(path);
	close(fd);
}
static void put(const char *path, const char *text) { write_at(path, 0, text, strlen(text)); }

static const char *hash_with(const char *path, enum hash_times times, unsigned jobs)
{
	static char out[4][1000];
	static unsigned next;
	struct err err = ERR_INIT;
	struct env env;
	char *to = out[next++ % 4];

	env_init(&env);
	env.jobs = jobs;
	if (host_hash(&env, path, times, to, &err))
		snprintf(to, 1000, "%s", err_text(&err));
	env_fini(&env);
	return to;
}
static const char *hash(const char *path) { return hash_with(path, HASH_TIMES_NONE, 2); }

static void make_tree(const char *top, bool backwards)
{
	char path[200];

	mkdir(top, 0755);
	for (int i = 0; i < 300; i++) {
		int n = backwards ? 299 - i : i;

		snprintf(path, sizeof(path), "%s/f%d", top, n);
		put(path, path + strlen(top));
	}
	snprintf(path, sizeof(path), "%s/sub", top);
	mkdir(path, 0700);
	snprintf(path, sizeof(path), "%s/sub/link", top);
	if (symlink("../f1", path))
		perror(path);
	snprintf(path, sizeof(path), "%s/pipe", top);
	mkfifo(path, 0600);
}

TEST(equal_trees_have_equal_digests_whatever_the_order_and_the_threads)
{
	CHECK(begin());
	make_tree("a", false);
	make_tree("b", true);
	CHECK_STR(hash_with("a", HASH_TIMES_NONE, 1), hash_with("b", HASH_TIMES_NONE, 5));
	CHECK_EQ(strlen(hash("a")), 64);
	CHECK_STR(hash("a"), hash("a/"));
	CHECK_STR(hash("a"), hash("a/sub/.."));
	end();
}

/* Each of these must make a difference. */
static void change(int what, const char *top)
{
	char path[100], other[100];
	struct timespec t[2] = { { 0, UTIME_OMIT }, { 77, 5 } };

	snprintf(path, sizeof(path), "%s/f7", top);
	snprintf(other, sizeof(other), "%s/f8", top);
	switch (what) {
	case 0: chmod(path, 0600); break;
	case 1: write_at(path, 1, "F", 1); break;
	case 2: if (truncate(path, 4)) perror(path); break;
	case 3: unlink(path); break;
	case 4: rename(path, other); break;
	case 5: unlink(path); if (link(other, path)) perror(path); break;
	case 6: unlink(path); mkdir(path, 0644); break;
	case 7: utimensat(AT_FDCWD, path, t, 0); break;
	case 8: unlink(path); mkfifo(path, 0644); break;
	case 9: snprintf(path, sizeof(path), "%s/sub/link", top); unlink(path); if (symlink("../f2", path)) perror(path); break;
	case 10: snprintf(path, sizeof(path), "%s/sub/f7", top); rename(other, path); break;
	}
}

TEST(every_difference_shows)
{
	char names[11][100];

	CHECK(begin());
	for (int i = 0; i < 11; i++) {
		char top[16];

		snprintf(top, sizeof(top), "t%d", i);
		make_tree(top, false);
		change(i, top);
		strcpy(names[i], hash_with(top, i == 7 ? HASH_TIMES_MTIME : HASH_TIMES_NONE, 2));
		CHECK_EQ(strlen(names[i]), 64);
		for (int j = 0; j < i; j++)
			CHECK(strcmp(names[i], names[j]));
	}
	make_tree("plain", false);
	for (int i = 0; i < 11; i++)
		CHECK(strcmp(names[i], hash("plain")));
	CHECK_STR(hash("t7"), hash("plain")); /* only a time differs */
	CHECK(strcmp(hash_with("t7", HASH_TIMES_ALL, 2), hash_with("t7", HASH_TIMES_MTIME, 2)));
	end();
}

TEST(attributes_count)
{
	CHECK(begin());
	make_tree("a", false);
	make_tree("b", false);
	if (!setxattr("a/f1", "user.one", "1", 1, 0)) {
		CHECK(strcmp(hash("a"), hash("b")));
		setxattr("a/f1", "user.two", "", 0, 0);
		setxattr("b/f1", "user.two", "", 0, 0);
		setxattr("b/f1", "user.one", "1", 1, 0);
		CHECK_STR(hash("a"), hash("b"));
		setxattr("b/f1", "user.one", "2", 1, 0);
		CHECK(strcmp(hash("a"), hash("b")));
	} else {
		printf("# no extended attributes here\n");
	}
	end();
}

TEST(hard_links_are_one_thing_wherever_they_are)
{
	CHECK(begin());
	for (int i = 0; i < 2; i++) {
		char path[20], other[20];

		snprintf(path, sizeof(path), "%c", 'a' + i);
		mkdir(path, 0755);
		snprintf(path, sizeof(path), "%c/x", 'a' + i);
		snprintf(other, sizeof(other), "%c/y", 'a' + i);
		put(path, "content");
		if (i)
			put(other, "content");
		else
			CHECK(!link(path, other));
	}
	CHECK(strcmp(hash("a"), hash("b")));
	/* A link to the outside does not count. */
	unlink("a/y");
	unlink("b/y");
	CHECK(!link("a/x", "outside"));
	CHECK_STR(hash("a"), hash("b"));
	end();
}

TEST(holes_are_zeros_and_cost_nothing)
{
	static u8 zeros[1 << 20];

	CHECK(begin());
	for (int i = 0; i < 20; i++)
		write_at("written", i * sizeof(zeros), zeros, sizeof(zeros));
	write_at("written", 12345678, "x", 1);
	write_at("hole", 12345678, "x", 1);
	CHECK(!truncate("hole", 20 << 20));
	CHECK_STR(hash("hole"), hash("written"));
	write_at("huge", (off_t)1 << 40, "x", 1);
	CHECK_EQ(strlen(hash("huge")), 64);
	end();
}

TEST(large_files_in_parts)
{
	static u8 data[3 << 20];
	char before[TREEHASH_TEXT];
	static const off_t places[] = { 0, (128 << 10) - 1, 128 << 10, (8 << 20) - 1, 8 << 20, (9 << 20) + 77, (30 << 20) - 1, (30 << 20) };

	CHECK(begin());
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = i * 31 + (i >> 9);
	mkdir("d", 0755);
	for (int i = 0; i < 10; i++)
		write_at("d/large", i * sizeof(data), data, sizeof(data));
	put("d/small", "small");
	CHECK_STR(hash_with("d", HASH_TIMES_NONE, 1), hash_with("d", HASH_TIMES_NONE, 4));
	strcpy(before, hash("d"));
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		u8 old = places[i] == 30 << 20 ? 0 : data[places[i] % sizeof(data)], new = ~old;

		write_at("d/large", places[i], &new, 1);
		CHECK(strcmp(before, hash("d")));
		write_at("d/large", places[i], &old, 1);
		CHECK(!truncate("d/large", 30 << 20));
		CHECK_STR(before, hash("d"));
	}
	end();
}

TEST(depth_needs_neither_stack_nor_descriptors)
{
	enum { DEPTH = 3000 };
	struct rlimit old, few = { 400, 0 };

	CHECK(begin());
	for (int i = 0; i < DEPTH; i++)
		CHECK(!mkdir("deeper-and-deeper", 0755) && !chdir("deeper-and-deeper"));
	put("bottom", "bottom");
	CHECK(!chdir(dir));
	getrlimit(RLIMIT_NOFILE, &old);
	few.rlim_max = old.rlim_max;
	CHECK(!setrlimit(RLIMIT_NOFILE, &few));
	CHECK_EQ(strlen(hash(".")), 64);
	setrlimit(RLIMIT_NOFILE, &old);
	end();
}

TEST(what_cannot_be_read_is_named)
{
	CHECK(begin());
	CHECK(strstr(hash("nothing"), "cannot hash nothing: "));
	mkdir("d", 0755);
	mkdir("d/e", 0755);
	put("d/e/secret", "x");
	chmod("d/e/secret", 0);
	if (geteuid())
		CHECK(strstr(hash("d"), "cannot hash d: /e/secret: cannot open it"));
	chmod("d/e/secret", 0644);
	end();
}

static size_t add_int(u8 *p, u64 v, size_t size)
{
	le64 x = le64_of(v);

	memcpy(p, &x, size);
	return size;
}

/* Mode, owner, no attributes. */
static size_t add_owner(u8 *p, u32 mode, const struct stat *st)
{
	add_int(p, mode, 4);
	add_int(p + 4, st->st_uid, 4);
	add_int(p + 8, st->st_gid, 4);
	add_int(p + 12, 0, 4);
	return 16;
}

/* The listing of treehash.h by hand, for a directory with a file of two segments, the first zero, and a second name of it. */
TEST(the_listing_is_as_defined)
{
	u8 listing[400], digest[32], record[24];
	struct strbuf expected CLEANUP(sb_fini) = STRBUF_INIT;
	XXH128_canonical_t c;
	struct stat st;
	size_t n = 0;

	CHECK(begin());
	mkdir("d", 0750);
	write_at("d/b", 128 << 10, "data", 4);
	CHECK(!chmod("d/b", 04644) && !link("d/b", "d/c") && !stat("d/b", &st));
	n += sprintf((char *)listing, "treehash 1 none\nd");
	n += add_int(listing + n, 0, 2);
	n += add_owner(listing + n, 0750, &st);
	listing[n++] = 'f';
	n += add_int(listing + n, 1, 2);
	listing[n++] = 'b';
	n += add_owner(listing + n, 04644, &st);
	n += add_int(listing + n, (128 << 10) + 4, 8);
	add_int(record, 1, 8);
	XXH128_canonicalFromHash(&c, XXH3_128bits("data", 4));
	memcpy(record + 8, c.digest, 16);
	XXH128_canonicalFromHash(&c, XXH3_128bits(record, 24));
	memcpy(listing + n, c.digest, 16);
	n += 16;
	listing[n++] = 'h';
	n += add_int(listing + n, 1, 2);
	listing[n++] = 'c';
	n += add_int(listing + n, 1, 8);
	listing[n++] = 0;
	csum_compute(CSUM_SHA256, listing, n, digest);
	sb_hexbytes(&expected, digest, 32);
	CHECK_STR(hash("d"), sb_str(&expected));
	end();
}

UNIT_MAIN
