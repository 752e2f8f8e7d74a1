/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmds/target.h"
#include "tests/unit/unit.h"

#include <sys/stat.h>
#include <unistd.h>

static char home[] = "/tmp/btrbox-target-XXXXXX";

static void touch(const char *name)
{
	FILE *f = fopen(name, "w");

	if (f)
		fclose(f);
}

__attribute__((constructor)) static void enter(void)
{
	if (!mkdtemp(home) || chdir(home))
		exit(1);
	touch("a.img");
	touch("b.img");
	touch("comma,in.img");
	touch("at@1.img");
	touch("both:");
	mkdir("dir", 0777);
	touch("t10");
	mkdir("a.img:", 0777); /* makes "a.img:/real" a host path that exists */
	touch("a.img:/real");
}

__attribute__((destructor)) static void leave(void)
{
	const char *const names[] = { "a.img:/real", "a.img", "b.img", "comma,in.img", "at@1.img", "both:", "t10" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		unlink(names[i]);
	rmdir("a.img:");
	rmdir("dir");
	rmdir(home);
}

/* "kind|device|device|path" */
static const char *parsed(const char *arg)
{
	static char text[256];
	struct target t;
	int n;

	if (target_parse(arg, &t))
		return "failed";
	n = snprintf(text, sizeof(text), "%s", t.kind == TARGET_HOST ? "host" : t.kind == TARGET_DEVICE ? "device" : "inside");
	for (size_t i = 0; i < t.devices.len; i++)
		n += snprintf(text + n, sizeof(text) - n, "|%s", t.devices.v[i]);
	if (t.path)
		snprintf(text + n, sizeof(text) - n, "|%s", t.path);
	target_fini(&t);
	return text;
}

TEST(whole_filesystems)
{
	CHECK_STR(parsed("a.img"), "device|a.img");
	CHECK_STR(parsed("a.img,b.img"), "device|a.img|b.img");
	CHECK_STR(parsed("a.img@1MiB"), "device|a.img@1MiB");
	CHECK_STR(parsed("a.img@p2,b.img@p3"), "device|a.img@p2|b.img@p3");
	CHECK_STR(parsed("UUID=544ce184-dfad-4c1f-8dd9-4a740ce03371"), "device|UUID=544ce184-dfad-4c1f-8dd9-4a740ce03371");
	CHECK_STR(parsed("LABEL=x"), "device|LABEL=x");
}

TEST(paths_inside)
{
	CHECK_STR(parsed("a.img:/home/me"), "inside|a.img|/home/me");
	CHECK_STR(parsed("b.img:/"), "inside|b.img|/");
	CHECK_STR(parsed("a.img,b.img:/x:y"), "inside|a.img|b.img|/x:y");
	CHECK_STR(parsed("a.img@p1:/x"), "inside|a.img@p1|/x");
	CHECK_STR(parsed("LABEL=x:/y"), "inside|LABEL=x|/y");
}

TEST(names_with_commas_and_at_signs_are_found_whole)
{
	CHECK_STR(parsed("comma,in.img"), "device|comma,in.img");
	CHECK_STR(parsed("comma,in.img,a.img:/x"), "inside|comma,in.img|a.img|/x");
	CHECK_STR(parsed("at@1.img"), "device|at@1.img");
	CHECK_STR(parsed("at@1.img@4096:/x"), "inside|at@1.img@4096|/x");
}

TEST(everything_else_is_a_host_path)
{
	CHECK_STR(parsed("dir"), "host|dir");
	CHECK_STR(parsed("nothing"), "host|nothing");
	CHECK_STR(parsed("nothing:/x"), "host|nothing:/x");
	CHECK_STR(parsed("a.img:x"), "host|a.img:x");
	CHECK_STR(parsed("a.img,nothing:/x"), "host|a.img,nothing:/x");
	CHECK_STR(parsed("a.img,:/x"), "host|a.img,:/x");
	CHECK_STR(parsed(",a.img"), "host|,a.img");
	CHECK_STR(parsed("dir:/x"), "host|dir:/x");
	CHECK_STR(parsed("/mnt/snap/x.2026-11-20T10:30"), "host|/mnt/snap/x.2026-11-20T10:30");
	CHECK_STR(parsed("t10:30"), "host|t10:30");
	CHECK_STR(parsed(""), "host|");
	CHECK_STR(parsed(":/x"), "host|:/x");
	CHECK_STR(parsed("@p1"), "host|@p1");
}

TEST(a_host_path_of_that_name_wins)
{
	CHECK_STR(parsed("a.img:/real"), "device|a.img:/real");
	CHECK_STR(parsed("a.img:/"), "host|a.img:/");
	CHECK_STR(parsed("both:"), "device|both:");
}

UNIT_MAIN
