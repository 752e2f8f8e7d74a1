/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is read from an image against what the kernel shows of it. Needs root, loop devices, a kernel with btrfs and a mkfs.btrfs; says
 * so and passes otherwise. Mounts live in a namespace of this process and go with it. */
#include "cmds/hosthash.h"
#include "kernel-shared/fs/file.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <linux/btrfs.h>
#include <sched.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

static char work[200];        /* image at work/img, mounted at work/mnt */
static struct env env;
static struct fs *fs;
static u64 seed = 88172645463325252ULL;

static u64 rnd(u64 below)
{
	seed ^= seed << 13; seed ^= seed >> 7; seed ^= seed << 17;
	return seed % below;
}

static int sh(const char *fmt, ...)
{
	char cmd[1000];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(cmd, sizeof(cmd), fmt, ap);
	va_end(ap);
	return system(cmd);
}

/* ---- The image ---- */

/* Text, noise and zeros in turn. */
static void fill(u8 *p, size_t n)
{
	while (n) {
		size_t run = 1 + rnd(40000);
		unsigned kind = rnd(3);

		run = min_t(size_t, n, run);
		for (size_t i = 0; i < run; i++)
			p[i] = kind == 0 ? "some text that packs well. "[i % 27] : kind == 1 ? (int)rnd(256) : 0;
		p += run;
		n -= run;
	}
}

static void put(const char *path, off_t off, size_t n)
{
	u8 *data = malloc(n + 1);
	int fd = open(path, O_RDWR | O_CREAT, 0644);

	fill(data, n);
	if (fd < 0 || pwrite(fd, data, n, off) != (ssize_t)n)
		perror(path);
	fsync(fd);
	close(fd);
	free(data);
}

/* from: what to take a snapshot of; NULL: an empty subvolume. */
static void subvol(const char *from, const char *dir, const char *name)
{
	struct btrfs_ioctl_vol_args args = { .fd = from ? open(from, O_RDONLY) : -1 };
	int fd = open(dir, O_RDONLY);

	strcpy(args.name, name);
	if (ioctl(fd, from ? BTRFS_IOC_SNAP_CREATE : BTRFS_IOC_SUBVOL_CREATE, &args))
		perror(name);
	if (from)
		close(args.fd);
	close(fd);
}

static void make_files(const char *alg)
{
	static const size_t sizes[] = { 1, 100, 2000, 4095, 4096, 4097, 70000, 131072, 131073, 700000 };
	char path[100];

	mkdir(alg, 0755);
	if (strcmp(alg, "none"))
		setxattr(alg, "btrfs.compression", alg, strlen(alg), 0);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		snprintf(path, sizeof(path), "%s/%zu", alg, sizes[i]);
		put(path, 0, sizes[i]);
	}
	snprintf(path, sizeof(path), "%s/rewritten", alg);
	put(path, 0, 1000000);
	for (int i = 0; i < 15; i++)
		put(path, rnd(1000000), 1 + rnd(30000));
	if (truncate(path, 876543))
		perror(path);
}

static void make_reflink(const char *from, const char *to)
{
	int in = open(from, O_RDONLY), out = open(to, O_RDWR | O_CREAT, 0644);
	struct btrfs_ioctl_clone_range_args range = { .src_fd = in, .src_offset = 5 * 4096, .src_length = 90 * 4096, .dest_offset = 3 * 4096 };

	if (ioctl(out, BTRFS_IOC_CLONE_RANGE, &range))
		perror(to);
	close(in);
	close(out);
}

static void make_holes(void)
{
	int fd = open("holes", O_RDWR | O_CREAT, 0644);

	for (int i = 0; i < 40; i++)
		if (pwrite(fd, "some bytes", 10, i * 200000 + rnd(9000)) != 10)
			perror("holes");
	if (ftruncate(fd, 9000000))
		perror("holes");
	close(fd);
	fd = open("prealloc", O_RDWR | O_CREAT, 0644);
	if (fallocate(fd, 0, 0, 1 << 20) || fallocate(fd, FALLOC_FL_KEEP_SIZE, 1 << 20, 1 << 20) || pwrite(fd, "in it", 5, 300000) != 5)
		perror("prealloc");
	close(fd);
	put("punched", 0, 600000);
	fd = open("punched", O_RDWR);
	for (int i = 0; i < 9; i++)
		fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, rnd(600000), 1 + rnd(30000));
	close(fd);
	if (close(open("huge", O_RDWR | O_CREAT, 0644)) || truncate("huge", (1LL << 60) + 5))
		perror("huge");
	put("huge", 1LL << 40, 3000);
}

static void make_names(void)
{
	char path[300];

	mkdir("links", 0755);
	put("links/first", 0, 5);
	for (int i = 0; i < 1100; i++) {
		snprintf(path, sizeof(path), "links/%0*d", 1 + i % 60, i);
		if (link("links/first", path))
			perror(path);
	}
	mkdir("dir", 0755);
	if (link("links/first", "dir/elsewhere") || symlink("../links/first", "dir/sym") || symlink("/dir/sym", "abs") || symlink("loop", "loop") ||
	    symlink("../../sub/inner", "links/tosub"))
		perror("symlink");
	memset(path, 'n', 255);
	path[255] = 0;
	put(path, 0, 10);
	put("not \xff utf-8", 0, 10);
	mknod("device", S_IFCHR | 0600, makedev(300, 70000));
	mkfifo("fifo", 0640);
	setxattr("dir", "user.one", "1", 1, 0);
	setxattr("dir", "trusted.two", "22", 2, 0);
	setxattr("fifo", "security.three", "", 0, 0);
	subvol(NULL, ".", "sub");
	subvol(NULL, "sub", "inner");
	put("sub/file", 0, 30000);
	put("sub/inner/file", 0, 300);
	subvol("sub", ".", "snap");
	put("snap/file", 20000, 30000);
	subvol("snap", "sub", "again");
}

static bool mount_image(const char *options)
{
	return !sh("mount -o loop,%s %s/img %s/mnt", options, work, work);
}

static bool make_image(void)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(work, sizeof(work), "%s/fsread.XXXXXX", tmp ? tmp : "/tmp");
	if (geteuid() || access("/dev/loop-control", F_OK) || sh("command -v mkfs.btrfs >/dev/null && grep -qw btrfs /proc/filesystems"))
		return false;
	if (!mkdtemp(work) || sh("mkdir %s/mnt; truncate -s 400M %s/img; mkfs.btrfs -q -d dup -m dup %s/img >/dev/null 2>&1", work, work, work))
		return false;
	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) || !mount_image("noatime") || sh("cd %s/mnt", work))
		return false;
	if (chdir(work) || chdir("mnt"))
		return false;
	make_files("none");
	make_files("zlib");
	make_files("lzo");
	make_files("zstd");
	make_reflink("none/rewritten", "none/clone");
	make_reflink("zstd/rewritten", "zstd/clone");
	make_holes();
	make_names();
	return !chdir("/") && !sh("umount %s/mnt", work) && mount_image("ro,noatime") && !chdir(work) && !chdir("mnt");
}

static void clean_up(void)
{
	if (fs)
		fs_close(fs);
	env_fini(&env);
	if (!chdir("/"))
		sh("umount %s/mnt 2>/dev/null; rm -rf %s", work, work);
}

/* Once for all tests; false: skipped. The working directory is then the top of the mount. */
static bool ready(void)
{
	static int state;
	struct err err = ERR_INIT;
	char image[300];

	if (!state) {
		state = make_image() ? 1 : -1;
		atexit(clean_up);
		env_init(&env);
		snprintf(image, sizeof(image), "%s/img", work);
		if (state > 0 && fs_open_path(&env, image, FS_OPEN_NOSCAN, &fs, &err)) {
			printf("# %s\n", err_text(&err));
			unit_failed = 1;
			state = -1;
		}
	}
	if (state < 0)
		printf("# skipped: needs root, loop devices, btrfs and mkfs.btrfs\n");
	return state > 0;
}

static bool find(const char *path, bool follow, struct inode *inode)
{
	struct err err = ERR_INIT;
	struct loc loc;

	if (!fs_resolve(fs, fs_top(fs), path, follow, &loc, &err) && !inode_get(loc.root, loc.ino, inode, &err))
		return true;
	printf("# %s: %s\n", path, err_text(&err));
	return false;
}

/* ---- The tests ---- */

static const char *const files[] = {
	"none/1", "none/100", "none/2000", "none/4095", "none/4096", "none/4097", "none/70000", "none/131072", "none/131073", "none/700000", "none/rewritten",
	"zlib/1", "zlib/100", "zlib/2000", "zlib/4095", "zlib/4096", "zlib/4097", "zlib/70000", "zlib/131072", "zlib/131073", "zlib/700000", "zlib/rewritten",
	"lzo/1", "lzo/100", "lzo/2000", "lzo/4095", "lzo/4096", "lzo/4097", "lzo/70000", "lzo/131072", "lzo/131073", "lzo/700000", "lzo/rewritten",
	"zstd/1", "zstd/100", "zstd/2000", "zstd/4095", "zstd/4096", "zstd/4097", "zstd/70000", "zstd/131072", "zstd/131073", "zstd/700000", "zstd/rewritten",
	"none/clone", "zstd/clone", "holes", "prealloc", "punched", "sub/file", "sub/inner/file", "snap/file", "sub/again/file", "dir/sym",
};

TEST(random_ranges_of_files_read_as_mounted)
{
	static u8 ours[400000], theirs[400000];
	struct err err = ERR_INIT;

	if (!ready())
		return;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		int fd = open(files[i], O_RDONLY);
		struct inode inode;

		CHECK(find(files[i], true, &inode));
		for (int k = 0; k < 60; k++) {
			u64 off = rnd(inode.size + 100), len = rnd(k % 2 ? sizeof(ours) : 5000);
			ssize_t want = pread(fd, theirs, len, off);

			memset(ours, 0xaa, sizeof(ours));
			CHECK_EQ(file_read(fs, &inode, off, ours, len, &err), want);
			CHECK(!memcmp(ours, theirs, want));
			CHECK(len == sizeof(ours) || ours[want] == 0xaa);
		}
		close(fd);
	}
}

TEST(beyond_a_terabyte_of_hole)
{
	struct inode inode;
	u8 ours[8192], theirs[8192];
	int fd;

	if (!ready())
		return;
	CHECK(find("huge", true, &inode));
	CHECK_EQ(inode.size, (1LL << 60) + 5);
	fd = open("huge", O_RDONLY);
	CHECK_EQ(pread(fd, theirs, sizeof(theirs), (1LL << 40) - 1000), sizeof(theirs));
	CHECK_EQ(file_read(fs, &inode, (1LL << 40) - 1000, ours, sizeof(ours), NULL), sizeof(ours));
	CHECK(!memcmp(ours, theirs, sizeof(ours)));
	CHECK_EQ(file_read(fs, &inode, (1LL << 60), ours, sizeof(ours), NULL), 5);
	close(fd);
}

static bool pieces_equal(const struct inode *inode, const struct file_pieces *pieces, const u8 *whole)
{
	u8 *built = calloc(1, inode->size + 1), *buf = malloc(inode->size + 1);
	struct err err = ERR_INIT;
	u64 end = 0;
	bool ok = true;

	for (size_t i = 0; ok && i < pieces->len; i++) {
		const struct file_piece *p = &pieces->v[i];
		u64 half = p->len / 3;

		ok = p->start >= end && p->len && p->start + p->len <= inode->size;
		end = p->start + p->len;
		/* In one and in two. */
		ok = ok && !file_piece_read(fs, p, 0, buf, p->len, false, &err) && !file_piece_read(fs, p, 0, built + p->start, half, false, &err) &&
		     !file_piece_read(fs, p, half, built + p->start + half, p->len - half, false, &err) && !memcmp(buf, built + p->start, p->len);
	}
	ok = ok && !memcmp(built, whole, inode->size);
	if (err.code)
		printf("# %s\n", err_text(&err));
	free(built);
	free(buf);
	return ok;
}

TEST(pieces_make_the_file)
{
	struct err err = ERR_INIT;

	if (!ready())
		return;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		struct file_pieces all, some = VEC_INIT;
		struct inode inode;
		int fd = open(files[i], O_RDONLY);
		u64 from = 0;
		u8 *whole;

		CHECK(find(files[i], true, &inode));
		whole = malloc(inode.size);
		CHECK_EQ(read(fd, whole, inode.size), inode.size);
		CHECK_OK(file_pieces(fs, &inode, &all, &err), &err);
		CHECK(pieces_equal(&inode, &all, whole));
		while (from != UINT64_MAX) {
			size_t before = some.len;

			CHECK_OK(file_pieces_some(fs, &inode, &from, 2, &some, &err), &err);
			CHECK(some.len <= before + 2);
		}
		CHECK_EQ(some.len, all.len);
		CHECK(pieces_equal(&inode, &some, whole));
		file_pieces_fini(&all);
		file_pieces_fini(&some);
		free(whole);
		close(fd);
	}
}

TEST(paths_lead_where_the_mount_leads)
{
	static const char *const paths[] = {
		".", "dir", "dir/sym", "dir/../links/first", "sub", "sub/inner/../../snap", "sub/inner/file", "links/tosub", "dir//elsewhere", "not \xff utf-8",
		"dir/.", "sub/again/./../file", "snap/..",
	};

	if (!ready())
		return;
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		for (int follow = 0; follow < 2; follow++) {
			struct inode inode;
			struct stat st;
			int ret = follow ? stat(paths[i], &st) : lstat(paths[i], &st);

			if (ret && follow)
				continue; /* a link out of the mount */
			CHECK(!ret);
			CHECK(find(paths[i], follow, &inode));
			CHECK_EQ(inode.ino, st.st_ino);
			CHECK_EQ(inode.mode, st.st_mode);
			CHECK_EQ(inode.mtime.sec, st.st_mtim.tv_sec);
			CHECK_EQ(inode.mtime.nsec, st.st_mtim.tv_nsec);
		}
}

static int resolve_code(const char *path, bool follow)
{
	struct loc loc;

	return -fs_resolve(fs, fs_top(fs), path, follow, &loc, NULL);
}

TEST(paths_end_at_the_top_and_fail_as_for_the_kernel)
{
	struct inode first, inode;
	char longname[300];

	if (!ready())
		return;
	CHECK(find("links/first", true, &first));
	CHECK(find("abs", true, &inode) && inode.ino == first.ino);
	CHECK(find("/../../links/../../links/first", true, &inode) && inode.ino == first.ino);
	CHECK(find("links/tosub/file", true, &inode) && inode.size == 300); /* its ".." stops at the top */
	CHECK(find("abs", false, &inode) && inode_is(&inode, S_IFLNK));
	CHECK_EQ(resolve_code("nothing", true), ENOENT);
	CHECK_EQ(resolve_code("nothing/more", true), ENOENT);
	CHECK_EQ(resolve_code("links/first/more", true), ENOTDIR);
	CHECK_EQ(resolve_code("links/first/", true), ENOTDIR);
	CHECK_EQ(resolve_code("links/first/.", true), ENOTDIR);
	CHECK_EQ(resolve_code("links/first/..", true), ENOTDIR);
	CHECK_EQ(resolve_code("links/", false), 0);
	CHECK_EQ(resolve_code("loop", true), ELOOP);
	CHECK_EQ(resolve_code("loop", false), 0);
	memset(longname, 'n', sizeof(longname));
	longname[255] = 0;
	CHECK_EQ(resolve_code(longname, true), 0);
	longname[255] = 'n';
	longname[256] = 0;
	CHECK_EQ(resolve_code(longname, true), ENAMETOOLONG);
}

TEST(the_entry_of_a_subvolume_in_a_snapshot_is_an_empty_directory)
{
	struct loc loc, up;
	struct dirent d;
	struct stat st;

	if (!ready())
		return;
	CHECK(!fs_resolve(fs, fs_top(fs), "snap/inner", true, &loc, NULL));
	CHECK_EQ(loc.ino, BTRFS_EMPTY_SUBVOL_DIR_OBJECTID);
	CHECK(!stat("snap/inner", &st) && st.st_ino == loc.ino);
	struct dir_iter it = dir_open(loc.root, loc.ino);
	CHECK_EQ(-dir_next(&it, &d, NULL), ENOENT);
	dir_close(&it);
	CHECK(!fs_resolve(fs, fs_top(fs), "snap/inner/..", true, &up, NULL));
	CHECK(up.ino == 256 && up.root == loc.root);
	CHECK_EQ(resolve_code("snap/inner/file", true), ENOENT);
}

static int count_path(void *arg, const char *path, size_t len)
{
	char text[4096];
	struct stat st;

	snprintf(text, sizeof(text), "%.*s", (int)len, path);
	if (!lstat(text, &st) && st.st_nlink == 1102)
		++*(int *)arg;
	return 0;
}

TEST(all_names_of_a_file_with_a_thousand_links)
{
	struct err err = ERR_INIT;
	struct inode inode;
	int n = 0;

	if (!ready())
		return;
	CHECK(find("links/first", true, &inode));
	CHECK_EQ(inode.nlink, 1102);
	CHECK_OK(inode_paths(inode.root, inode.ino, count_path, &n, &err), &err);
	CHECK_EQ(n, 1102);
}

TEST(directories_list_and_look_up_as_mounted)
{
	struct err err = ERR_INIT;
	struct dirent d, again;
	struct loc loc;
	unsigned ours = 0, theirs = 0;
	FILE *names;

	if (!ready())
		return;
	CHECK(!fs_resolve(fs, fs_top(fs), "links", true, &loc, NULL));
	struct dir_iter it = dir_open(loc.root, loc.ino);
	while (!dir_next(&it, &d, &err)) {
		char path[300];
		struct stat st;

		snprintf(path, sizeof(path), "links/%.*s", d.name_len, d.name);
		CHECK(!lstat(path, &st) && st.st_ino == d.ino && (st.st_mode & S_IFMT) == inode_mode_of_ft(d.type));
		CHECK(!dir_lookup(loc.root, loc.ino, d.name, d.name_len, &again, &err) && again.ino == d.ino && again.type == d.type);
		ours++;
	}
	dir_close(&it);
	names = popen("ls -A links | wc -l", "r");
	CHECK(names && fscanf(names, "%u", &theirs) == 1);
	pclose(names);
	CHECK_EQ(ours, theirs);
}

static int count_xattr(void *arg, const u8 *name, u16 name_len, const u8 *value, u16 value_len)
{
	char text[300], theirs[300];

	snprintf(text, sizeof(text), "%.*s", name_len, name);
	if (lgetxattr("dir", text, theirs, sizeof(theirs)) == value_len && !memcmp(theirs, value, value_len))
		++*(int *)arg;
	return 0;
}

TEST(attributes_as_mounted)
{
	struct err err = ERR_INIT;
	struct inode inode;
	char *value;
	size_t len;
	int n = 0;

	if (!ready())
		return;
	CHECK(find("dir", true, &inode));
	CHECK_OK(xattr_each(inode.root, inode.ino, count_xattr, &n, &err), &err);
	CHECK_EQ(n, 2);
	CHECK_OK(xattr_get(inode.root, inode.ino, "trusted.two", &value, &len, &err), &err);
	CHECK_EQ(len, 2);
	CHECK_STR(value, "22");
	free(value);
	CHECK_EQ(-xattr_get(inode.root, inode.ino, "user.none", &value, &len, NULL), ENODATA);
	CHECK(find("fifo", true, &inode));
	CHECK_OK(xattr_get(inode.root, inode.ino, "security.three", &value, &len, &err), &err);
	CHECK_EQ(len, 0);
	free(value);
	CHECK(find("device", true, &inode));
	CHECK(rdev_major(inode.rdev) == 300 && rdev_minor(inode.rdev) == 70000);
	CHECK_EQ(-symlink_read(inode.root, inode.ino, &value, &len, NULL), EINVAL);
	CHECK(find("dir/sym", false, &inode));
	CHECK_OK(symlink_read(inode.root, inode.ino, &value, &len, &err), &err);
	CHECK_STR(value, "../links/first");
	free(value);
}

TEST(subvolumes_with_parents_and_paths)
{
	static const struct { u64 id, parent; const char *path; } want[] = {
		{ 5, 0, "" }, { 256, 5, "sub" }, { 257, 256, "sub/inner" }, { 258, 5, "snap" }, { 259, 256, "sub/again" },
	};
	struct err err = ERR_INIT;
	struct subvol_list list;
	struct subvol_info info;
	struct strbuf path = STRBUF_INIT;
	u64 id;

	if (!ready())
		return;
	CHECK_OK(subvol_list(fs, &list, &err), &err);
	CHECK_EQ(list.len, ARRAY_SIZE(want));
	for (size_t i = 0; i < list.len; i++) {
		CHECK(list.v[i].id == want[i].id && list.v[i].parent == want[i].parent && !list.v[i].deleted);
		sb_reset(&path);
		CHECK_OK(subvol_path(fs, want[i].id, &path, &err), &err);
		CHECK_STR(sb_str(&path), want[i].path);
		CHECK_OK(subvol_by_uuid(fs, list.v[i].item.uuid, false, &id, &err), &err);
		CHECK_EQ(id, want[i].id);
		CHECK_OK(subvol_info_get(fs, want[i].id, &info, &err), &err);
		CHECK(info.parent == want[i].parent && info.dirid == list.v[i].dirid && info.index == list.v[i].index);
		subvol_info_fini(&info);
	}
	CHECK(!memcmp(list.v[3].item.parent_uuid, list.v[1].item.uuid, 16));
	CHECK_EQ(-subvol_by_uuid(fs, (const u8 *)"0123456789abcdef", false, &id, NULL), ENOENT);
	CHECK_EQ(-subvol_info_get(fs, 300, &info, NULL), ENOENT);
	CHECK_EQ(-subvol_path(fs, 300, &path, NULL), ENOENT);
	subvol_list_fini(&list);
	sb_fini(&path);
}

TEST(the_digest_is_that_of_the_mount)
{
	char ours[TREEHASH_TEXT], theirs[TREEHASH_TEXT];
	struct err err = ERR_INIT;

	if (!ready())
		return;
	for (enum hash_times t = HASH_TIMES_NONE; t <= HASH_TIMES_ALL; t++) {
		CHECK_OK(fs_hash(fs, fs_top(fs), t, ours, &err), &err);
		CHECK_OK(host_hash(&env, ".", t, theirs, &err), &err);
		CHECK_STR(ours, theirs);
	}
}

/* Both copies of the first extent of a file; mirrors says which to spoil. */
static int read_spoilt(const char *path, unsigned mirrors, u8 *buf, u64 len, struct err *err)
{
	char name[300];
	struct inode inode;
	struct file_pieces pieces;
	u8 good[2], bad;
	struct phys at;
	s64 got;
	int fd;

	snprintf(name, sizeof(name), "%s/img", work);
	fd = open(name, O_RDWR);
	if (!find(path, true, &inode) || file_pieces(fs, &inode, &pieces, err))
		return -1;
	for (unsigned m = 1; m <= 2; m++) {
		rio_map(fs->vol, pieces.v[0].ext.disk_bytenr, 4096, m, &at);
		if (pread(fd, &good[m - 1], 1, at.physical) != 1)
			return -1;
		bad = ~good[m - 1];
		if (mirrors & m && pwrite(fd, &bad, 1, at.physical) != 1)
			return -1;
	}
	got = file_read(fs, &inode, 0, buf, len, err);
	for (unsigned m = 1; m <= 2; m++) {
		rio_map(fs->vol, pieces.v[0].ext.disk_bytenr, 4096, m, &at);
		if (pwrite(fd, &good[m - 1], 1, at.physical) != 1)
			return -1;
	}
	file_pieces_fini(&pieces);
	close(fd);
	return got;
}

TEST(one_bad_copy_is_healed_and_two_are_an_error)
{
	static u8 ours[700000], theirs[700000];
	static const char *const paths[] = { "none/700000", "zstd/700000", "lzo/700000" };
	struct err err = ERR_INIT;

	if (!ready())
		return;
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		int fd = open(paths[i], O_RDONLY);

		CHECK_EQ(read(fd, theirs, sizeof(theirs)), sizeof(theirs));
		close(fd);
		for (unsigned m = 1; m <= 2; m++) {
			memset(ours, 0, sizeof(ours));
			CHECK_EQ(read_spoilt(paths[i], m, ours, sizeof(ours), &err), sizeof(ours));
			CHECK(!memcmp(ours, theirs, sizeof(ours)));
		}
		CHECK_EQ(-read_spoilt(paths[i], 3, ours, sizeof(ours), &err), EIO);
		CHECK(strstr(err_text(&err), "data checksum does not match at logical"));
		CHECK(strstr(err_text(&err), "in any of 2 copies"));
	}
}

UNIT_MAIN
