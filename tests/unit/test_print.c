/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <time.h>
#include "tests/unit/unit.h"
#include "tests/unit/leaf.h"
#include "kernel-shared/format/super.h"

static struct leaf l;
static struct strbuf sb = STRBUF_INIT, errors = STRBUF_INIT;
static struct geometry geo;
static struct print_ctx p;

static void start(void)
{
	setenv("TZ", "UTC", 1);
	geo = test_geometry();
	print_ctx_init(&p, &sb, &geo);
	p.errors = &errors;
	sb_reset(&sb);
	sb_reset(&errors);
}

static const char *print_leaf(void)
{
	print_block(&p, l.block);
	return sb_str(&sb);
}

TEST(leaf_header)
{
	start();
	sample_leaf(&l, sample("orphan"));
	CHECK_STR(print_leaf(),
		  "leaf 30408704 items 1 free space 16258 generation 9 owner FS_TREE\n"
		  "leaf 30408704 flags 0x1(WRITTEN) backref revision 1\n"
		  "fs uuid 11111111-1111-1111-1111-111111111111\n"
		  "chunk uuid 22222222-2222-2222-2222-222222222222\n"
		  "\titem 0 key (ORPHAN ORPHAN_ITEM 257) itemoff 16283 itemsize 0\n"
		  "\t\torphan item\n");
	sb_reset(&sb);
	p.csum_headers = true;
	leaf_header(&l)->flags = le64_of(3);
	memset(leaf_header(&l)->csum, 0xab, 4);
	CHECK(strstr(print_leaf(), "\nleaf 30408704 flags 0x3(WRITTEN|RELOC) backref revision 0 csum 0xabababab\nfs uuid") != NULL);
}

TEST(node_with_pointers)
{
	struct disk_key_ptr *ptrs = (struct disk_key_ptr *)(l.block + sizeof(struct disk_header));

	start();
	leaf_init(&l, 16384, 256);
	leaf_header(&l)->level = 1;
	leaf_header(&l)->nritems = le32_of(2);
	ptrs[0] = (struct disk_key_ptr){ key_disk(KEY(256, BTRFS_INODE_ITEM_KEY, 0)), le64_of(133611520), le64_of(55) };
	ptrs[1] = (struct disk_key_ptr){ key_disk(KEY(256, BTRFS_DIR_ITEM_KEY, 3116903767)), le64_of(133562368), le64_of(54) };
	CHECK_STR(print_leaf(),
		  "node 30408704 level 1 items 2 free space 491 generation 9 owner 256\n"
		  "node 30408704 flags 0x1(WRITTEN) backref revision 1\n"
		  "fs uuid 11111111-1111-1111-1111-111111111111\n"
		  "chunk uuid 22222222-2222-2222-2222-222222222222\n"
		  "\tkey (256 INODE_ITEM 0) block 133611520 gen 55\n"
		  "\tkey (256 DIR_ITEM 3116903767) block 133562368 gen 54\n");
}

static const struct { const char *sample, *text; } bodies[] = {
	{ "inode",
	  "\titem 0 key (256 INODE_ITEM 0) itemoff 16123 itemsize 160\n"
	  "\t\tgeneration 9 transid 55 size 29072 nbytes 0\n"
	  "\t\tblock group 0 mode 40755 links 1 uid 0 gid 0 rdev 0\n"
	  "\t\tsequence 67 flags 0x0(none)\n"
	  "\t\tatime 1795170634.178937649 (2026-11-20 10:30:34)\n"
	  "\t\tctime 1795170653.743992866 (2026-11-20 10:30:53)\n"
	  "\t\tmtime 1795170653.43 (2026-11-20 10:30:53)\n"
	  "\t\totime 0.0 (1970-01-01 00:00:00)\n" },
	{ "inode-ref",
	  "\titem 0 key (257 INODE_REF 256) itemoff 16267 itemsize 16\n"
	  "\t\tindex 2 namelen 6 name: a\\\\\\ b\\001\\n\n" },
	{ "inode-extref",
	  "\titem 0 key (257 INODE_EXTREF 128678539) itemoff 16259 itemsize 24\n"
	  "\t\tindex 5 parent 256 namelen 6 name: a\\\\\\ b\\001\\n\n" },
	{ "orphan",
	  "\titem 0 key (ORPHAN ORPHAN_ITEM 257) itemoff 16283 itemsize 0\n"
	  "\t\torphan item\n" },
	{ "dir",
	  "\titem 0 key (256 DIR_ITEM 2507850652) itemoff 16250 itemsize 33\n"
	  "\t\tlocation key (257 INODE_ITEM 0) type FILE\n"
	  "\t\ttransid 9 data_len 0 name_len 3\n"
	  "\t\tname: foo\n" },
	{ "dir-index",
	  "\titem 0 key (256 DIR_INDEX 2) itemoff 16250 itemsize 33\n"
	  "\t\tlocation key (257 INODE_ITEM 0) type FILE\n"
	  "\t\ttransid 9 data_len 0 name_len 3\n"
	  "\t\tname: foo\n" },
	{ "dir-subvol",
	  "\titem 0 key (256 DIR_ITEM 3841705590) itemoff 16250 itemsize 33\n"
	  "\t\tlocation key (258 ROOT_ITEM 18446744073709551615) type DIR\n"
	  "\t\ttransid 9 data_len 0 name_len 3\n"
	  "\t\tname: sub\n" },
	{ "xattr",
	  "\titem 0 key (257 XATTR_ITEM 3980819260) itemoff 16241 itemsize 42\n"
	  "\t\tlocation key (0 UNKNOWN.0 0) type XATTR\n"
	  "\t\ttransid 9 data_len 4 name_len 8\n"
	  "\t\tname: user.foo\n"
	  "\t\tdata b\\ ar\n" },
	{ "dir-log-item",
	  "\titem 0 key (256 DIR_LOG_ITEM 0) itemoff 16275 itemsize 8\n"
	  "\t\tdir log end 18446744073709551615\n" },
	{ "dir-log-index",
	  "\titem 0 key (256 DIR_LOG_INDEX 2) itemoff 16275 itemsize 8\n"
	  "\t\tdir log end 18446744073709551615\n" },
	{ "extent-regular",
	  "\titem 0 key (258 EXTENT_DATA 4096) itemoff 16230 itemsize 53\n"
	  "\t\tgeneration 9 type 1 (regular)\n"
	  "\t\textent data disk byte 231735296 nr 5242880\n"
	  "\t\textent data offset 4096 nr 8192 ram 5242880\n"
	  "\t\textent compression 0 (none)\n" },
	{ "extent-prealloc",
	  "\titem 0 key (259 EXTENT_DATA 0) itemoff 16230 itemsize 53\n"
	  "\t\tgeneration 9 type 2 (prealloc)\n"
	  "\t\tprealloc data disk byte 231735296 nr 5242880\n"
	  "\t\tprealloc data offset 4096 nr 8192\n" },
	{ "extent-inline",
	  "\titem 0 key (257 EXTENT_DATA 0) itemoff 16256 itemsize 27\n"
	  "\t\tgeneration 9 type 0 (inline)\n"
	  "\t\tinline extent data size 6 ram_bytes 6 compression 0 (none)\n" },
	{ "csum-old",
	  "\titem 0 key (ROOT_TREE CSUM_ITEM 0) itemoff 16283 itemsize 0\n"
	  "\t\tcsum item\n" },
	{ "csum",
	  "\titem 0 key (EXTENT_CSUM EXTENT_CSUM 14680064) itemoff 16275 itemsize 8\n"
	  "\t\trange start 14680064 end 14688256 length 8192\n"
	  "\t\t[14680064] 0xdeadbeef [14684160] 0x01020304\n" },
	{ "root",
	  "\titem 0 key (256 ROOT_ITEM 0) itemoff 15844 itemsize 439\n"
	  "\t\tgeneration 9 root_dirid 256 bytenr 30507008 byte_limit 0 bytes_used 16384\n"
	  "\t\tlast_snapshot 0 flags 0x1(RDONLY) refs 1\n"
	  "\t\tdrop_progress key (0 UNKNOWN.0 0) drop_level 0\n"
	  "\t\tlevel 0 generation_v2 9\n"
	  "\t\tuuid abababab-abab-abab-abab-abababababab\n"
	  "\t\tparent_uuid 00000000-0000-0000-0000-000000000000\n"
	  "\t\treceived_uuid 00000000-0000-0000-0000-000000000000\n"
	  "\t\tctransid 0 otransid 8 stransid 0 rtransid 0\n"
	  "\t\tctime 0.0 (1970-01-01 00:00:00)\n"
	  "\t\totime 1795170631.5 (2026-11-20 10:30:31)\n"
	  "\t\tstime 0.0 (1970-01-01 00:00:00)\n"
	  "\t\trtime 0.0 (1970-01-01 00:00:00)\n" },
	{ "root-legacy",
	  "\titem 0 key (EXTENT_TREE ROOT_ITEM 0) itemoff 16044 itemsize 239\n"
	  "\t\tgeneration 9 root_dirid 256 bytenr 30507008 byte_limit 0 bytes_used 16384\n"
	  "\t\tlast_snapshot 0 flags 0x1(RDONLY) refs 1\n"
	  "\t\tdrop_progress key (0 UNKNOWN.0 0) drop_level 0\n"
	  "\t\tlevel 0 generation_v2 0\n" },
	{ "root-reloc",
	  "\titem 0 key (TREE_RELOC ROOT_ITEM 257) itemoff 15844 itemsize 439\n"
	  "\t\tgeneration 9 root_dirid 256 bytenr 30507008 byte_limit 0 bytes_used 16384\n"
	  "\t\tlast_snapshot 0 flags 0x1(RDONLY) refs 1\n"
	  "\t\tdrop_progress key (0 UNKNOWN.0 0) drop_level 0\n"
	  "\t\tlevel 0 generation_v2 9\n"
	  "\t\tuuid abababab-abab-abab-abab-abababababab\n"
	  "\t\tparent_uuid 00000000-0000-0000-0000-000000000000\n"
	  "\t\treceived_uuid 00000000-0000-0000-0000-000000000000\n"
	  "\t\tctransid 0 otransid 8 stransid 0 rtransid 0\n"
	  "\t\tctime 0.0 (1970-01-01 00:00:00)\n"
	  "\t\totime 1795170631.5 (2026-11-20 10:30:31)\n"
	  "\t\tstime 0.0 (1970-01-01 00:00:00)\n"
	  "\t\trtime 0.0 (1970-01-01 00:00:00)\n" },
	{ "root-reloc-data",
	  "\titem 0 key (TREE_RELOC ROOT_ITEM DATA_RELOC_TREE) itemoff 15844 itemsize 439\n"
	  "\t\tgeneration 9 root_dirid 256 bytenr 30507008 byte_limit 0 bytes_used 16384\n"
	  "\t\tlast_snapshot 0 flags 0x1(RDONLY) refs 1\n"
	  "\t\tdrop_progress key (0 UNKNOWN.0 0) drop_level 0\n"
	  "\t\tlevel 0 generation_v2 9\n"
	  "\t\tuuid abababab-abab-abab-abab-abababababab\n"
	  "\t\tparent_uuid 00000000-0000-0000-0000-000000000000\n"
	  "\t\treceived_uuid 00000000-0000-0000-0000-000000000000\n"
	  "\t\tctransid 0 otransid 8 stransid 0 rtransid 0\n"
	  "\t\tctime 0.0 (1970-01-01 00:00:00)\n"
	  "\t\totime 1795170631.5 (2026-11-20 10:30:31)\n"
	  "\t\tstime 0.0 (1970-01-01 00:00:00)\n"
	  "\t\trtime 0.0 (1970-01-01 00:00:00)\n" },
	{ "root-ref",
	  "\titem 0 key (FS_TREE ROOT_REF 256) itemoff 16261 itemsize 22\n"
	  "\t\troot ref key dirid 256 sequence 3 name sub2\n" },
	{ "root-backref",
	  "\titem 0 key (256 ROOT_BACKREF 5) itemoff 16261 itemsize 22\n"
	  "\t\troot backref key dirid 256 sequence 3 name sub2\n" },
	{ "uuid",
	  "\titem 0 key (0x1122334455667788 UUID_KEY_SUBVOL 0x0000000000000099) itemoff 16267 itemsize 16\n"
	  "\t\tsubvol_id 257\n"
	  "\t\tsubvol_id 300\n" },
	{ "uuid-received",
	  "\titem 0 key (0x0000000000000001 UUID_KEY_RECEIVED_SUBVOL 0x0000000000000002) itemoff 16275 itemsize 8\n"
	  "\t\tsubvol_id 257\n" },
	{ "extent-data",
	  "\titem 0 key (13631488 EXTENT_ITEM 5242880) itemoff 16195 itemsize 88\n"
	  "\t\trefs 4 gen 13 flags DATA\n"
	  "\t\t(172 0x100) extent owner root 256\n"
	  "\t\t(178 0xdea30debbf5f519) extent data backref root 256 objectid 258 offset 0 count 1\n"
	  "\t\t(184 0x1d68000) shared data backref parent 30834688 count 2\n"
	  "\t\t(184 0x1d64000) shared data backref parent 30818304 count 1\n" },
	{ "extent-tree",
	  "\titem 0 key (30507008 EXTENT_ITEM 16384) itemoff 16223 itemsize 60\n"
	  "\t\trefs 4 gen 13 flags TREE_BLOCK|FULL_BACKREF\n"
	  "\t\ttree block key (256 INODE_ITEM 0) level 1\n"
	  "\t\t(176 0x5) tree block backref root FS_TREE\n"
	  "\t\t(182 0x1d68000) shared block backref parent 30834688\n" },
	{ "metadata",
	  "\titem 0 key (30523392 METADATA_ITEM 1) itemoff 16250 itemsize 33\n"
	  "\t\trefs 4 gen 13 flags TREE_BLOCK|FULL_BACKREF\n"
	  "\t\ttree block skinny level 1\n"
	  "\t\t(176 0x3) tree block backref root CHUNK_TREE\n" },
	{ "tree-block-ref",
	  "\titem 0 key (30523392 TREE_BLOCK_REF 5) itemoff 16283 itemsize 0\n"
	  "\t\ttree block backref\n" },
	{ "shared-block-ref",
	  "\titem 0 key (30523392 SHARED_BLOCK_REF 30834688) itemoff 16283 itemsize 0\n"
	  "\t\tshared block backref\n" },
	{ "data-ref",
	  "\titem 0 key (13631488 EXTENT_DATA_REF 1002667600237688089) itemoff 16255 itemsize 28\n"
	  "\t\textent data backref root 256 objectid 258 offset 0 count 3\n" },
	{ "shared-data-ref",
	  "\titem 0 key (13631488 SHARED_DATA_REF 30834688) itemoff 16279 itemsize 4\n"
	  "\t\tshared data backref count 7\n" },
	{ "owner-ref",
	  "\titem 0 key (13631488 EXTENT_OWNER_REF 256) itemoff 16275 itemsize 8\n"
	  "\t\textent owner root 256\n" },
	{ "extent-v0",
	  "\titem 0 key (13631488 EXTENT_REF_V0 256) itemoff 16279 itemsize 4\n"
	  "\t\textent ref v0 (deprecated)\n" },
	{ "chunk",
	  "\titem 0 key (FIRST_CHUNK_TREE CHUNK_ITEM 22020096) itemoff 16171 itemsize 112\n"
	  "\t\tlength 8388608 owner 2 stripe_len 65536 type SYSTEM|DUP\n"
	  "\t\tio_align 65536 io_width 65536 sector_size 4096\n"
	  "\t\tnum_stripes 2 sub_stripes 1\n"
	  "\t\t\tstripe 0 devid 1 offset 22020096\n"
	  "\t\t\tdev_uuid 99000000-0000-0000-0000-000000000000\n"
	  "\t\t\tstripe 1 devid 1 offset 30408704\n"
	  "\t\t\tdev_uuid 99000000-0000-0000-0000-000000000000\n" },
	{ "block-group",
	  "\titem 0 key (13631488 BLOCK_GROUP_ITEM 8388608) itemoff 16247 itemsize 36\n"
	  "\t\tblock group used 2097152 chunk_objectid 256 flags DATA|single\n" },
	{ "raid-stripe",
	  "\titem 0 key (4096 RAID_STRIPE 65536) itemoff 16251 itemsize 32\n"
	  "\t\t\tstripe 0 devid 1 physical 298844160\n"
	  "\t\t\tstripe 1 devid 2 physical 4096\n" },
	{ "identity-remap",
	  "\titem 0 key (1048576 IDENTITY_REMAP 4096) itemoff 16283 itemsize 0\n" },
	{ "remap",
	  "\titem 0 key (1048576 REMAP 8192) itemoff 16275 itemsize 8\n"
	  "\t\taddress 2097152\n" },
	{ "remap-backref",
	  "\titem 0 key (2097152 REMAP_BACKREF 8192) itemoff 16275 itemsize 8\n"
	  "\t\taddress 2097152\n" },
	{ "dev",
	  "\titem 0 key (DEV_ITEMS DEV_ITEM 1) itemoff 16185 itemsize 98\n"
	  "\t\tdevid 1 total_bytes 114294784 bytes_used 92274688\n"
	  "\t\tio_align 4096 io_width 4096 sector_size 4096 type 0\n"
	  "\t\tgeneration 0 start_offset 0 dev_group 0\n"
	  "\t\tseek_speed 0 bandwidth 0\n"
	  "\t\tuuid 99000000-0000-0000-0000-000000000000\n"
	  "\t\tfsid 11000000-0000-0000-0000-000000000000\n" },
	{ "dev-extent",
	  "\titem 0 key (1 DEV_EXTENT 13631488) itemoff 16235 itemsize 48\n"
	  "\t\tdev extent chunk_tree 3\n"
	  "\t\tchunk_objectid 256 chunk_offset 13631488 length 8388608\n"
	  "\t\tchunk_tree_uuid c8000000-0000-0000-0000-000000000000\n" },
	{ "dev-stats",
	  "\titem 0 key (DEV_STATS PERSISTENT_ITEM 1) itemoff 16243 itemsize 40\n"
	  "\t\tpersistent item objectid DEV_STATS offset 1\n"
	  "\t\tdevice stats\n"
	  "\t\twrite_errs 1 read_errs 2 flush_errs 3 corruption_errs 4 generation 5\n" },
	{ "dev-replace",
	  "\titem 0 key (0 DEV_REPLACE 0) itemoff 16211 itemsize 72\n"
	  "\t\tsrc devid 1 cursor left 0 cursor right 0 mode ALWAYS\n"
	  "\t\tstate FINISHED write errors 0 uncorrectable read errors 0\n"
	  "\t\tstart time 1795170129 (2026-11-20 10:22:09)\n"
	  "\t\tstop time 1795170130 (2026-11-20 10:22:10)\n" },
	{ "free-space-info",
	  "\titem 0 key (13631488 FREE_SPACE_INFO 8388608) itemoff 16275 itemsize 8\n"
	  "\t\tfree space info extent count 1 flags 1\n" },
	{ "free-space-extent",
	  "\titem 0 key (13631488 FREE_SPACE_EXTENT 4096) itemoff 16283 itemsize 0\n"
	  "\t\tfree space extent\n" },
	{ "free-space-bitmap",
	  "\titem 0 key (13631488 FREE_SPACE_BITMAP 8388608) itemoff 16027 itemsize 256\n"
	  "\t\tfree space bitmap\n" },
	{ "cache-header",
	  "\titem 0 key (FREE_SPACE UNTYPED 13631488) itemoff 16242 itemsize 41\n"
	  "\t\tlocation key (256 INODE_ITEM 0)\n"
	  "\t\tcache generation 7 entries 1 bitmaps 0\n" },
	{ "qgroup-status",
	  "\titem 0 key (0 QGROUP_STATUS 0) itemoff 16243 itemsize 40\n"
	  "\t\tversion 1 generation 17 flags ON|SIMPLE_MODE scan 0 enable_gen 9\n" },
	{ "qgroup-info",
	  "\titem 0 key (0 QGROUP_INFO 1/7) itemoff 16243 itemsize 40\n"
	  "\t\tgeneration 17\n"
	  "\t\treferenced 2326528 referenced_compressed 0\n"
	  "\t\texclusive 16384 exclusive_compressed 0\n" },
	{ "qgroup-limit",
	  "\titem 0 key (0 QGROUP_LIMIT 0/256) itemoff 16243 itemsize 40\n"
	  "\t\tflags 21\n"
	  "\t\tmax_referenced -1 max_exclusive 5\n"
	  "\t\trsv_referenced 0 rsv_exclusive 0\n" },
	{ "qgroup-relation",
	  "\titem 0 key (0/256 QGROUP_RELATION 1/7) itemoff 16283 itemsize 0\n" },
	{ "balance",
	  "\titem 0 key (BALANCE TEMPORARY_ITEM 0) itemoff 15835 itemsize 448\n"
	  "\t\ttemporary item objectid BALANCE offset 0\n"
	  "\t\tbalance status flags 7\n"
	  "\t\tDATA\n"
	  "\t\tprofiles 0 devid 0 target 0 flags 0\n"
	  "\t\tusage_min 2 usage_max 3 pstart 0 pend 0\n"
	  "\t\tvstart 0 vend 0 limit_min 5 limit_max 0\n"
	  "\t\tstripes_min 0 stripes_max 0\n"
	  "\t\tMETADATA\n"
	  "\t\tprofiles 0 devid 0 target 0 flags 0\n"
	  "\t\tusage_min 0 usage_max 0 pstart 0 pend 0\n"
	  "\t\tvstart 0 vend 0 limit_min 0 limit_max 0\n"
	  "\t\tstripes_min 0 stripes_max 0\n"
	  "\t\tSYSTEM\n"
	  "\t\tprofiles 0 devid 0 target 0 flags 0\n"
	  "\t\tusage_min 0 usage_max 0 pstart 0 pend 0\n"
	  "\t\tvstart 0 vend 0 limit_min 0 limit_max 0\n"
	  "\t\tstripes_min 0 stripes_max 0\n" },
	{ "csum-change",
	  "\titem 0 key (CSUM_CHANGE TEMPORARY_ITEM 1) itemoff 16283 itemsize 0\n"
	  "\t\ttemporary item objectid CSUM_CHANGE offset 1\n"
	  "\t\ttarget csum type xxhash64 (1)\n" },
	{ "verity",
	  "\titem 0 key (257 VERITY_DESC_ITEM 0) itemoff 16258 itemsize 25\n" },
	{ "verity-merkle",
	  "\titem 0 key (257 VERITY_MERKLE_ITEM 0) itemoff 16275 itemsize 8\n" },
	{ "string",
	  "\titem 0 key (ROOT_TREE STRING_ITEM 0) itemoff 16278 itemsize 5\n"
	  "\t\titem data te\\ xt\n" },
};

TEST(every_item_type_reads_as_dump_tree_has_it)
{
	CHECK_EQ(ARRAY_SIZE(bodies), samples()->n);
	for (size_t i = 0; i < ARRAY_SIZE(bodies); i++) {
		start();
		p.csum_items = true;
		sample_leaf(&l, sample(bodies[i].sample));
		CHECK_STR(strstr(print_leaf(), "\titem 0"), bodies[i].text);
		CHECK_EQ(errors.len, 0);
	}
}

TEST(hidden_names)
{
	start();
	p.hide_names = true;
	leaf_init(&l, 16384, 5);
	leaf_add(&l, sample("xattr")->key, sample("xattr")->data, sample("xattr")->size);
	leaf_add(&l, sample("inode-ref")->key, sample("inode-ref")->data, sample("inode-ref")->size);
	leaf_add(&l, sample("root-ref")->key, sample("root-ref")->data, sample("root-ref")->size);
	print_leaf();
	CHECK(strstr(sb_str(&sb), "\t\tname: HIDDEN\n\t\tdata HIDDEN\n") != NULL);
	CHECK(strstr(sb_str(&sb), "namelen 6 name: HIDDEN\n") != NULL);
	CHECK(strstr(sb_str(&sb), "sequence 3 name sub2\n") != NULL); /* never hidden */
}

static const char *key_text(struct key key)
{
	start();
	print_key(&p, &key);
	return sb_str(&sb);
}

TEST(keys)
{
	CHECK_STR(key_text(KEY(1, BTRFS_ROOT_ITEM_KEY, 0)), "(ROOT_TREE ROOT_ITEM 0)");
	CHECK_STR(key_text(KEY(1, BTRFS_DEV_ITEM_KEY, 1)), "(DEV_ITEMS DEV_ITEM 1)");
	CHECK_STR(key_text(KEY(1, BTRFS_DEV_EXTENT_KEY, 1)), "(1 DEV_EXTENT 1)");
	CHECK_STR(key_text(KEY(256, BTRFS_CHUNK_ITEM_KEY, 0)), "(FIRST_CHUNK_TREE CHUNK_ITEM 0)");
	CHECK_STR(key_text(KEY(256, BTRFS_EXTENT_DATA_KEY, -1ULL)), "(256 EXTENT_DATA -1)");
	CHECK_STR(key_text(KEY(-1ULL, 99, -2ULL)), "(-1 UNKNOWN.99 18446744073709551614)");
	CHECK_STR(key_text(KEY(BTRFS_TREE_RELOC_OBJECTID, BTRFS_ROOT_ITEM_KEY, 5)), "(TREE_RELOC ROOT_ITEM FS_TREE)");
	CHECK_STR(key_text(KEY(258, BTRFS_ROOT_ITEM_KEY, -1ULL)), "(258 ROOT_ITEM 18446744073709551615)");
	CHECK_STR(key_text(KEY(0, BTRFS_PERSISTENT_ITEM_KEY, 1)), "(DEV_STATS PERSISTENT_ITEM 1)");
	CHECK_STR(key_text(KEY(0, 0, 0)), "(0 UNKNOWN.0 0)");
	CHECK_STR(key_text(KEY(BTRFS_FREE_SPACE_OBJECTID, 0, 0)), "(FREE_SPACE UNTYPED 0)");
	CHECK_STR(key_text(KEY(1ULL << 48 | 5, BTRFS_QGROUP_RELATION_KEY, 256)), "(1/5 QGROUP_RELATION 0/256)");
	CHECK_STR(key_text(KEY(BTRFS_MULTIPLE_OBJECTIDS, BTRFS_ORPHAN_ITEM_KEY, 0)), "(MULTIPLE ORPHAN_ITEM 0)");
	CHECK_STR(key_text(KEY(BTRFS_LAST_FREE_OBJECTID, BTRFS_INODE_ITEM_KEY, 0)), "(18446744073709551360 INODE_ITEM 0)");
	CHECK_STR(key_text(KEY(-14ULL, BTRFS_INODE_ITEM_KEY, 0)), "(18446744073709551602 INODE_ITEM 0)");
}

TEST(names_of_trees)
{
	CHECK_STR(root_name(5), "fs");
	CHECK_STR(root_name(BTRFS_DATA_RELOC_TREE_OBJECTID), "data reloc");
	CHECK_STR(root_name(256), "file");
	CHECK_STR(root_name(BTRFS_REMAP_TREE_OBJECTID), "file");
	CHECK_STR(root_name(0), "file");
}

static const char *flags_text(u64 flags)
{
	start();
	print_bg_flags(&sb, flags);
	return sb_str(&sb);
}

TEST(block_group_flags)
{
	CHECK_STR(flags_text(BTRFS_BLOCK_GROUP_DATA), "DATA|single");
	CHECK_STR(flags_text(BTRFS_BLOCK_GROUP_DATA | BTRFS_BLOCK_GROUP_METADATA | BTRFS_BLOCK_GROUP_RAID1C3), "DATA|METADATA|RAID1C3");
	CHECK_STR(flags_text(BTRFS_BLOCK_GROUP_SYSTEM | BTRFS_BLOCK_GROUP_RAID10 | BTRFS_BLOCK_GROUP_DUP), "SYSTEM|UNKNOWN.0x60");
}

TEST(slots_that_point_outside)
{
	start();
	leaf_init(&l, 16384, 5);
	leaf_add(&l, sample("orphan")->key, NULL, 0);
	leaf_add(&l, sample("inode")->key, sample("inode")->data, 160);
	leaf_slot(&l, 1)->offset = le32_of(16200);
	print_leaf();
	CHECK_STR(sb_str(&errors), "ERROR: leaf 30408704 slot 1 pointer invalid, offset 16200 size 160 leaf data limit 16283\n"
				   "ERROR: skip remaining slots\n");
	CHECK(strstr(sb_str(&sb), "orphan item") != NULL);
	CHECK(strstr(sb_str(&sb), "INODE_ITEM") == NULL);
	leaf_slot(&l, 1)->size = le32_of(-1u);
	print_leaf();
}

TEST(broken_lengths_show_what_there_is)
{
	struct sample x = *sample("dir");

	start();
	put_le16(x.data + offsetof(struct disk_dir_item, name_len), 65535);
	sample_leaf(&l, &x);
	print_leaf();
	CHECK_STR(sb_str(&errors), "ERROR: invalid length, cur=0 name_len=65535 data_len=0 size=33\n");
	CHECK(strstr(sb_str(&sb), "name_len 65535\n\t\tname: foo\n") != NULL);
	start();
	x = *sample("inode");
	x.size = 159;
	sample_leaf(&l, &x);
	print_leaf();
	CHECK_STR(sb_str(&errors), "ERROR: item 0 is too short for its type: has 159 bytes, needs 160\n");
}

TEST(local_time_is_that_of_the_c_library)
{
	static const char *const zones[] = { "UTC", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Monrovia" };
	u64 x = 88172645463325252ULL;

	for (size_t z = 0; z < ARRAY_SIZE(zones); z++) {
		setenv("TZ", zones[z], 1);
		print_ctx_init(&p, &sb, &geo);
		for (int i = 0; i < 20000; i++) {
			char ours[PRINT_TIME_MAX], theirs[64];
			struct tm tm;
			time_t t;

			x ^= x << 13, x ^= x >> 7, x ^= x << 17;
			t = i & 1 ? 1700000000 + (s64)(x % 40000000) : (s64)x >> (20 + x % 40);
			if (!localtime_r(&t, &tm))
				continue;
			strftime(theirs, sizeof(theirs), "%Y-%m-%d %H:%M:%S", &tm);
			CHECK_EQ(print_local_time(&p, t, ours), strlen(theirs));
			CHECK_STR(ours, theirs);
		}
	}
	setenv("TZ", "UTC", 1);
	print_ctx_init(&p, &sb, &geo);
	{
		char out[PRINT_TIME_MAX];

		print_local_time(&p, (s64)(-1ULL >> 1), out);
		CHECK_STR(out, "out of range");
	}
}

TEST(sums_are_as_many_in_a_line_as_16_bytes_hold)
{
	u8 sums[96];

	for (size_t i = 0; i < sizeof(sums); i++)
		sums[i] = i;
	start();
	p.csum_items = true;
	leaf_init(&l, 16384, 7);
	leaf_add(&l, KEY(BTRFS_EXTENT_CSUM_OBJECTID, BTRFS_EXTENT_CSUM_KEY, 4096), sums, 20);
	CHECK(strstr(print_leaf(), "\t\t[4096] 0x00010203 [8192] 0x04050607 [12288] 0x08090a0b [16384] 0x0c0d0e0f\n\t\t[20480] 0x10111213\n") != NULL);
	start();
	p.csum_items = true;
	geo.csum_size = 32;
	leaf_init(&l, 16384, 7);
	leaf_add(&l, KEY(BTRFS_EXTENT_CSUM_OBJECTID, BTRFS_EXTENT_CSUM_KEY, 4096), sums, 64);
	CHECK(strstr(print_leaf(), "1e1f\n\t\t[8192] 0x2021") != NULL);
}

TEST(superblock)
{
	static struct disk_super s;
	struct { struct disk_key key; u8 chunk[112]; } PACKED entry;

	start();
	memset(s.fsid, 0x11, 16);
	s.bytenr = le64_of(65536);
	s.flags = le64_of(1ULL << 32 | 5);
	s.magic = le64_of(BTRFS_MAGIC);
	memcpy(s.label, "my\x01 label", 9);
	s.compat_ro_flags = le64_of(3);
	s.incompat_flags = le64_of(1 | 1ULL << 50);
	memset(s.dev_item.fsid, 0x11, 16);
	entry.key = key_disk(sample("chunk")->key);
	memcpy(entry.chunk, sample("chunk")->data, 112);
	memcpy(s.sys_chunk_array, &entry, sizeof(entry));
	s.sys_chunk_array_size = le32_of(sizeof(entry) + 5);
	s.super_roots[2].tree_root = le64_of(30523392);
	s.super_roots[2].tree_root_gen = le64_of(9);
	super_set_csum(&s);
	print_super(&p, &s, "disk.img", 65536, true);
	sb_str(&sb);
	CHECK(!strncmp(sb.v, "superblock: bytenr=65536, device=disk.img\n---------------------------------------------------------\ncsum_type\t\t0 (crc32c)\n"
			     "csum_size\t\t4\ncsum\t\t\t0x", 126));
	CHECK(strstr(sb.v, " [match]\nbytenr\t\t\t65536\nflags\t\t\t0x100000005\n\t\t\t( WRITTEN |\n\t\t\t  SEEDING |\n\t\t\t  unknown flag: 0x4 )\n"
			   "magic\t\t\t_BHRfS_M [match]\n") != NULL);
	CHECK(strstr(sb.v, "metadata_uuid\t\t00000000-0000-0000-0000-000000000000\nlabel\t\t\tmy. label\ngeneration\t\t0\n") != NULL);
	CHECK(strstr(sb.v, "compat_ro_flags\t\t0x3\n\t\t\t( FREE_SPACE_TREE |\n\t\t\t  FREE_SPACE_TREE_VALID )\nincompat_flags\t\t0x4000000000001\n"
			   "\t\t\t( MIXED_BACKREF |\n\t\t\t  unknown flag: 0x4000000000000 )\n") != NULL);
	CHECK(strstr(sb.v, "sys_chunk_array[2048]:\n\titem 0 key (FIRST_CHUNK_TREE CHUNK_ITEM 22020096)\n\t\tlength 8388608 owner 2") != NULL);
	CHECK(strstr(sb.v, "backup_roots[4]:\n\tbackup 2:\n\t\tbackup_tree_root:\t30523392\tgen: 9\tlevel: 0\n") != NULL);
	CHECK(strstr(sb.v, "\t\tcsum_root:\t0\tgen: 0\tlevel: 0\n\t\tbackup_total_bytes:\t0\n\t\tbackup_bytes_used:\t0\n\t\tbackup_num_devices:\t0\n\n") != NULL);
	CHECK_STR(sb_str(&errors), "ERROR: sys_array too short to read 17 bytes at offset 129\n");
	sb_reset(&sb);
	s.csum_type = le16_of(7);
	print_super(&p, &s, "disk.img", 65536, false);
	CHECK(strstr(sb_str(&sb), "csum_type\t\t7 (INVALID)\ncsum_size\t\t32\n") != NULL);
	CHECK(strstr(sb_str(&sb), " [UNKNOWN CSUM TYPE OR SIZE]\n") != NULL);
	CHECK(strstr(sb_str(&sb), "sys_chunk_array[") == NULL);
}

UNIT_MAIN
