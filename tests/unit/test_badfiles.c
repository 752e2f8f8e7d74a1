/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Subvolumes that no kernel writes: loops, lies and things that lead nowhere, in trees made by hand. Every call ends, with an error that
 * says what is wrong or with what the kernel would show. */
#include "crypto/csum.h"
#include "kernel-shared/fs/file.h"
#include "tests/unit/unit.h"
#include "tests/unit/synth.h"

#include <sys/stat.h>

struct part { struct key key; u8 data[700]; u32 size; };
static VEC(struct part) parts; /* of the leaf being made */
static struct synth synth;
static struct fs fs;
static struct root fs_root, root_root, csum_root;

static void add(struct key key, const void *data, u32 size)
{
	struct part p = { .key = key, .size = size };

	memcpy(p.data, data, size);
	for (size_t i = 0; i < parts.len; i++)
		if (key_eq(&parts.v[i].key, &key)) { /* further entries of the same item */
			memcpy(parts.v[i].data + parts.v[i].size, data, size);
			parts.v[i].size += size;
			return;
		}
	if (vec_push(&parts, p))
		abort();
}

static int cmp_parts(const void *a, const void *b) { return key_cmp(&((const struct part *)a)->key, &((const struct part *)b)->key); }

/* Writes the parts as the only leaf of a tree. */
static void make_tree(struct root *root, u64 id)
{
	u8 block[SYNTH_NODE];
	struct disk_header *h = (void *)block;
	u32 end = SYNTH_NODE - sizeof(*h);

	vec_sort(&parts, cmp_parts);
	synth_block(&synth, block, id, 0);
	for (size_t i = 0; i < parts.len; i++) {
		end -= parts.v[i].size;
		((struct disk_item *)block_items(block))[i] =
			(struct disk_item){ key_disk(parts.v[i].key), le32_of(end), le32_of(parts.v[i].size) };
		memcpy(block + sizeof(*h) + end, parts.v[i].data, parts.v[i].size);
	}
	if (end < parts.len * sizeof(struct disk_item))
		abort();
	h->nritems = le32_of(parts.len);
	synth_write(&synth, block, block_bytenr(block), 0);
	tree_init(&root->tree, &synth.store, id, block_bytenr(block), SYNTH_GEN, 0);
	root->tree.shareable = is_fstree(id);
	root->fs = &fs;
	vec_fini(&parts);
}

static void begin(void)
{
	struct disk_root_ref head = { .dirid = le64_of(256), .name_len = le16_of(3) };
	u8 root_ref[sizeof(head) + 3];

	synth_init(&synth, 2, MiB(1));
	fs = (struct fs){ .env = &synth.env, .vol = synth.vol, .store = synth.store, .geo = &synth.vol->geo, .fs_tree = &fs_root,
		.root_tree = &root_root, .csum_tree = &csum_root, .roots_lock = PTHREAD_MUTEX_INITIALIZER };
	fs_root = root_root = csum_root = (struct root){ 0 };
	add(KEY(BTRFS_EXTENT_CSUM_OBJECTID, BTRFS_EXTENT_CSUM_KEY, MiB(40)), "abcd", 4);
	make_tree(&csum_root, BTRFS_CSUM_TREE_OBJECTID);
	memcpy(root_ref + sizeof(head), "sub", 3);
	memcpy(root_ref, &head, sizeof(head));
	add(KEY(5, BTRFS_ROOT_REF_KEY, 300), root_ref, sizeof(root_ref));
	make_tree(&root_root, BTRFS_ROOT_TREE_OBJECTID);
}

static void end(void)
{
	tree_fini(&fs_root.tree);
	tree_fini(&root_root.tree);
	tree_fini(&csum_root.tree);
	hmap_fini(&fs.roots);
	synth_fini(&synth);
}

static void inode(u64 ino, u32 mode, u64 size, u64 flags)
{
	struct disk_inode_item i = { .generation = le64_of(1), .transid = le64_of(1), .size = le64_of(size), .nlink = le32_of(1), .mode = le32_of(mode),
		.flags = le64_of(flags) };

	add(KEY(ino, BTRFS_INODE_ITEM_KEY, 0), &i, sizeof(i));
}

static void ref(u64 ino, u64 parent, u64 index, const char *name)
{
	u8 item[sizeof(struct disk_inode_ref) + 255];
	struct disk_inode_ref r = { le64_of(index), le16_of(strlen(name)) };

	memcpy(item, &r, sizeof(r));
	memcpy(item + sizeof(r), name, strlen(name));
	add(KEY(ino, BTRFS_INODE_REF_KEY, parent), item, sizeof(r) + strlen(name));
}

/* Both entries of a name. */
static void entry(u64 dir, u64 index, const char *name, struct key location, u8 type)
{
	u8 item[sizeof(struct disk_dir_item) + 255];
	struct disk_dir_item d = { .location = key_disk(location), .name_len = le16_of(strlen(name)), .type = type };

	memcpy(item, &d, sizeof(d));
	memcpy(item + sizeof(d), name, strlen(name));
	add(KEY(dir, BTRFS_DIR_ITEM_KEY, hash_name(name, strlen(name))), item, sizeof(d) + strlen(name));
	add(KEY(dir, BTRFS_DIR_INDEX_KEY, index), item, sizeof(d) + strlen(name));
}

static void name(u64 dir, u64 index, const char *text, u64 ino, u8 type)
{
	entry(dir, index, text, KEY(ino, BTRFS_INODE_ITEM_KEY, 0), type);
	ref(ino, dir, index, text);
}

static void top(void)
{
	inode(256, S_IFDIR | 0755, 0, 0);
	ref(256, 256, 0, "..");
}

static void inline_extent(u64 ino, u8 compression, u64 ram_bytes, const void *data, u32 len)
{
	u8 item[BTRFS_FILE_EXTENT_INLINE_DATA_START + 500];
	struct disk_file_extent_item x = { .generation = le64_of(1), .ram_bytes = le64_of(ram_bytes), .compression = compression };

	memcpy(item, &x, BTRFS_FILE_EXTENT_INLINE_DATA_START);
	memcpy(item + BTRFS_FILE_EXTENT_INLINE_DATA_START, data, len);
	add(KEY(ino, BTRFS_EXTENT_DATA_KEY, 0), item, BTRFS_FILE_EXTENT_INLINE_DATA_START + len);
}

static void extent(u64 ino, u64 start, u8 compression, u64 ram_bytes, u64 bytenr, u64 disk_bytes, u64 offset, u64 num_bytes)
{
	struct disk_file_extent_item x = { le64_of(1), le64_of(ram_bytes), compression, 0, { { 0 } }, BTRFS_FILE_EXTENT_REG, le64_of(bytenr),
		le64_of(disk_bytes), le64_of(offset), le64_of(num_bytes) };

	add(KEY(ino, BTRFS_EXTENT_DATA_KEY, start), &x, sizeof(x));
}

static struct err said;
static s64 read_file(u64 ino, u64 off, void *buf, u64 len)
{
	struct inode i;

	err_clear(&said);
	return inode_get(&fs_root, ino, &i, &said) ?: file_read(&fs, &i, off, buf, len, &said);
}

static int hash_tree(void)
{
	char out[TREEHASH_TEXT];

	err_clear(&said);
	return -fs_hash(&fs, fs_top(&fs), HASH_TIMES_ALL, out, &said);
}

TEST(a_directory_that_holds_its_own_parent)
{
	struct strbuf path = STRBUF_INIT;
	struct loc loc;

	begin();
	top();
	inode(257, S_IFDIR | 0755, 0, 0);
	name(256, 2, "a", 257, BTRFS_FT_DIR);
	entry(257, 2, "up", KEY(256, BTRFS_INODE_ITEM_KEY, 0), BTRFS_FT_DIR);
	make_tree(&fs_root, 5);
	CHECK_EQ(hash_tree(), ELOOP);
	CHECK_STR(err_text(&said), "/a/up: directory 256 is reached a second time");
	CHECK_OK(fs_resolve(&fs, fs_top(&fs), "a/up/a/up/a/up/a", true, &loc, &said), &said);
	CHECK_EQ(loc.ino, 257);
	CHECK_OK(dir_path(&fs_root, 257, &path, &said), &said);
	CHECK_STR(sb_str(&path), "a");
	sb_fini(&path);
	end();
}

static int fail_path(void *arg, const char *path, size_t len) { return -EBADMSG; }

TEST(directories_that_hang_below_each_other)
{
	struct strbuf path = STRBUF_INIT;

	begin();
	top();
	for (u64 ino = 257; ino < 264; ino++) {
		inode(ino, S_IFDIR | 0755, 0, 0);
		ref(ino, ino == 263 ? 258 : ino + 1, 2, "round");
	}
	inode(264, S_IFREG | 0644, 0, 0);
	ref(264, 260, 3, "file");
	make_tree(&fs_root, 5);
	CHECK_EQ(-dir_path(&fs_root, 257, &path, &said), ENOENT);
	CHECK(strstr(err_text(&said), "hangs below itself"));
	CHECK_EQ(path.len, 0);
	CHECK_EQ(-dir_path(&fs_root, 300, &path, &said), ENOENT);
	CHECK_OK(inode_paths(&fs_root, 264, fail_path, NULL, &said), &said);
	sb_fini(&path);
	end();
}

TEST(names_that_lead_nowhere)
{
	struct loc loc;

	begin();
	top();
	entry(256, 2, "gone", KEY(999, BTRFS_INODE_ITEM_KEY, 0), BTRFS_FT_REG_FILE);
	entry(256, 3, "sub", KEY(300, BTRFS_ROOT_ITEM_KEY, -1ULL), BTRFS_FT_DIR);
	entry(256, 4, "other", KEY(301, BTRFS_ROOT_ITEM_KEY, 0), BTRFS_FT_DIR);
	make_tree(&fs_root, 5);
	CHECK_EQ(hash_tree(), ENOENT);
	CHECK_STR(err_text(&said), "/gone: inode 999 does not exist in tree 5");
	/* One has a ROOT_REF but no root, the other not even that. */
	CHECK_OK(fs_resolve(&fs, fs_top(&fs), "sub", true, &loc, &said), &said);
	CHECK_EQ(loc.ino, BTRFS_EMPTY_SUBVOL_DIR_OBJECTID);
	CHECK_OK(fs_resolve(&fs, fs_top(&fs), "other/../other", true, &loc, &said), &said);
	CHECK_EQ(loc.ino, BTRFS_EMPTY_SUBVOL_DIR_OBJECTID);
	CHECK_EQ(-fs_resolve(&fs, fs_top(&fs), "sub/x", true, &loc, &said), ENOENT);
	end();
}

TEST(names_with_one_hash_are_told_apart)
{
	struct dirent d;

	CHECK_EQ(hash_name("3519a2105c", 10), hash_name("a06ea6bb7a", 10));
	begin();
	top();
	inode(257, S_IFREG | 0644, 0, 0);
	inode(258, S_IFREG | 0644, 0, 0);
	name(256, 2, "3519a2105c", 257, BTRFS_FT_REG_FILE);
	name(256, 3, "a06ea6bb7a", 258, BTRFS_FT_REG_FILE);
	make_tree(&fs_root, 5);
	CHECK(!dir_lookup(&fs_root, 256, "3519a2105c", 10, &d, &said) && d.ino == 257);
	CHECK(!dir_lookup(&fs_root, 256, "a06ea6bb7a", 10, &d, &said) && d.ino == 258);
	CHECK_EQ(hash_tree(), 0);
	end();
}

TEST(inline_data_shorter_and_longer_than_the_file)
{
	u8 buf[100];

	begin();
	top();
	inode(257, S_IFREG | 0644, 20, 0);
	inline_extent(257, 0, 5, "short", 5);
	inode(258, S_IFREG | 0644, 3, 0);
	inline_extent(258, 0, 6, "longer", 6);
	make_tree(&fs_root, 5);
	memset(buf, 0xee, sizeof(buf));
	CHECK_EQ(read_file(257, 0, buf, sizeof(buf)), 20);
	CHECK(!memcmp(buf, "short\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xee", 21));
	CHECK_EQ(read_file(257, 4, buf, 3), 3);
	CHECK(!memcmp(buf, "t\0\0", 3));
	CHECK_EQ(read_file(258, 1, buf, sizeof(buf)), 2);
	CHECK(!memcmp(buf, "on", 2));
	CHECK_EQ(read_file(258, 3, buf, sizeof(buf)), 0);
	end();
}

TEST(symlinks_that_lie)
{
	char *target;
	size_t len;

	begin();
	top();
	inode(257, S_IFLNK | 0777, 6, 0);
	inline_extent(257, 0, 7, "target", 7); /* with its NUL, as mkfs --rootdir writes it */
	inode(258, S_IFLNK | 0777, 1ULL << 60, 0);
	inode(259, S_IFLNK | 0777, 5, 0);
	inline_extent(259, 0, 5, "a\0b/c", 5);
	inode(260, S_IFLNK | 0777, 0, 0);
	name(256, 2, "empty", 260, BTRFS_FT_SYMLINK);
	make_tree(&fs_root, 5);
	CHECK_OK(symlink_read(&fs_root, 257, &target, &len, &said), &said);
	CHECK_STR(target, "target");
	CHECK_EQ(len, 6);
	free(target);
	CHECK_EQ(-symlink_read(&fs_root, 258, &target, &len, &said), EUCLEAN);
	CHECK_OK(symlink_read(&fs_root, 259, &target, &len, &said), &said);
	CHECK_STR(target, "a");
	CHECK_EQ(len, 1);
	free(target);
	CHECK_EQ(-fs_resolve(&fs, fs_top(&fs), "empty", true, &(struct loc){ 0 }, &said), ENOENT);
	end();
}

TEST(extents_that_cannot_be)
{
	static u8 buf[300000];
	static const struct { u8 compression; u64 ram, bytenr, disk, offset, num; int code; const char *text; } bad[] = {
		{ 0, 8192, 1ULL << 50, 8192, 0, 8192, EIO, "1125899906842624" },              /* no chunk there */
		{ 0, 8192, -8192ULL, 8192, 0, 8192, EUCLEAN, "past the end of the address space" },
		{ 0, 8192, MiB(30), 8192, 4096, 8192, EUCLEAN, "shows 8192 bytes from 4096 on, but holds 8192" },
		{ 0, 4096, MiB(30), 4096, -4096ULL, 4096, EUCLEAN, "shows" },
		{ 1, 1 << 20, MiB(30), 4096, 0, 1 << 20, EUCLEAN, "says that it holds 1048576 bytes" },
		{ 1, 131072, MiB(30), 1 << 20, 0, 131072, EUCLEAN, "says that it has 1048576 bytes on disk" },
		{ 2, 4096, MiB(30), 4096, 0, 1ULL << 60, EUCLEAN, "shows 1152921504606846976 bytes" },
		{ 3, 8192, MiB(30), 4096, 0, 8192, EUCLEAN, "without its magic number" },       /* zeros on disk */
	};

	begin();
	top();
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		inode(300 + i, S_IFREG | 0644, 1ULL << 61, BTRFS_INODE_NODATASUM);
		extent(300 + i, 0, bad[i].compression, bad[i].ram, bad[i].bytenr, bad[i].disk, bad[i].offset, bad[i].num);
	}
	inode(400, S_IFREG | 0644, 100, 0);
	inline_extent(400, 3, 100, "no zstd", 7);
	make_tree(&fs_root, 5);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		CHECK_EQ(-read_file(300 + i, 0, buf, sizeof(buf)), bad[i].code);
		CHECK(strstr(err_text(&said), bad[i].text));
		CHECK(strstr(err_text(&said), "cannot read bytes 0 to "));
	}
	CHECK_EQ(-read_file(400, 0, buf, sizeof(buf)), EUCLEAN);
	end();
}

TEST(data_without_a_checksum_is_an_error_unless_none_is_due)
{
	u8 buf[4096], sum[4];

	begin();
	top();
	inode(257, S_IFREG | 0644, 4096, 0);
	extent(257, 0, 0, 4096, MiB(30), 4096, 0, 4096);
	inode(258, S_IFREG | 0644, 4096, BTRFS_INODE_NODATASUM);
	extent(258, 0, 0, 4096, MiB(30), 4096, 0, 4096);
	make_tree(&fs_root, 5);
	CHECK_EQ(-read_file(257, 0, buf, sizeof(buf)), EIO);
	CHECK(strstr(err_text(&said), "there is no data checksum for logical 31457280"));
	CHECK_EQ(read_file(258, 0, buf, sizeof(buf)), 4096);
	CHECK_OK(data_read(&fs, MiB(30), 4096, buf, CSUM_IF_PRESENT, &said), &said);
	CHECK_EQ(-data_read(&fs, MiB(40), 4096, buf, CSUM_IF_PRESENT, &said), EIO); /* "abcd" is not the sum of zeros */
	CHECK_OK(data_read(&fs, MiB(40), 4096, buf, CSUM_IGNORED, &said), &said);
	CHECK_EQ(-data_read(&fs, MiB(40) + 1, 4096, buf, CSUM_IGNORED, &said), EINVAL);
	CHECK_OK(csum_lookup(&fs, MiB(40), 4096, sum, NULL, &said), &said);
	CHECK(!memcmp(sum, "abcd", 4));
	fs.flags |= FS_OPEN_NO_DATA_CSUM;
	CHECK_EQ(read_file(257, 0, buf, sizeof(buf)), 4096);
	end();
}

TEST(an_old_inline_extent_followed_by_others)
{
	u8 buf[9000];

	begin();
	top();
	inode(257, S_IFREG | 0644, 8192 + 10, BTRFS_INODE_NODATASUM);
	inline_extent(257, 0, 6, "inline", 6);
	extent(257, 8192, 0, 4096, MiB(30), 4096, 0, 4096);
	make_tree(&fs_root, 5);
	if (bdev_write(synth.dev, MiB(1) + MiB(30) - SYNTH_START, "regular", 7, NULL))
		abort();
	memset(buf, 0xee, sizeof(buf));
	CHECK_EQ(read_file(257, 0, buf, sizeof(buf)), 8202);
	CHECK(!memcmp(buf, "inline\0", 7) && !buf[5000] && !memcmp(buf + 8192, "regular\0\0\0\xee", 11));
	CHECK_EQ(read_file(257, 8194, buf, 3), 3);
	CHECK(!memcmp(buf, "gul", 3));
	end();
}

UNIT_MAIN
