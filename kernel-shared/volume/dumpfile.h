/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The container of metadata dumps: clusters of an index block and payloads, each payload a run of bytes at consecutive logical addresses, raw
 * or a zlib stream. Spec: metadump 1. */
#ifndef VOLUME_DUMPFILE_H
#define VOLUME_DUMPFILE_H

#include "common/vec.h"
#include "kernel-shared/bdev/bdev.h"
#include "kernel-shared/format/block.h"
#include "kernel-shared/format/super.h"

#define DUMP_MAGIC 0xBD5C25E27295668BULL
#define DUMP_MAGIC_DATA 0x31765F506D55445FULL /* file data is in it, too */
enum {
	DUMP_BLOCK = 1024,            /* clusters begin at multiples of this; size of the index block */
	DUMP_CLUSTER_ITEMS = 83,
	DUMP_ITEM_BYTES = 256 << 10,  /* what writers merge up to */
	DUMP_ITEM_MAX = 512 << 10,    /* what is read at once: one extent alone may be larger than the merged limit */
	DUMP_DATA_MAX = 256 << 20,    /* what others merge up to if data is in it; raw items of that size are taken apart, zlib streams refused */
	DUMP_STORED_MAX = DUMP_ITEM_MAX + (DUMP_ITEM_MAX >> 10) + 64, /* what does not compress grows a little */
};
struct dump_header { le64 magic, bytenr; le32 nritems; u8 compress; } PACKED;
struct dump_entry { le64 bytenr; le32 size; } PACKED;
DISK_SIZE(struct dump_header, 21);
DISK_SIZE(struct dump_entry, 12);

/* A payload in the file. */
struct dump_item { u64 bytenr, pos; u32 size; bool compressed; };
struct dump_file {
	struct bdev *bdev;
	struct disk_super sb;         /* its superblock, validated */
	struct geometry geo;
	VEC(struct dump_item) items;  /* ascending by address, each address once (the last of the file counts); without the superblock */
	u64 bytes;                    /* stored bytes of the items */
	bool has_data;                /* contents of files are in it */
};
/* Does the device begin as a metadata dump does? */
bool dump_probe(struct bdev *b);
/* Reads all index blocks and the superblock. Takes bdev on success. -EINVAL (no dump), -EUCLEAN (broken or cut off: err says where). */
int dump_open(struct bdev *bdev, struct dump_file **out, struct err *err);
void dump_close(struct dump_file *f);

/* One thread's means of compressing and decompressing. level 0 to 9: zlib's; 0: for decompressing alone. NULL: no memory. */
struct dump_codec;
struct dump_codec *dump_codec_new(unsigned level);
void dump_codec_free(struct dump_codec *c);
void dump_codec_freep(struct dump_codec **c); /* for CLEANUP */
/* The bytes of an item into out (DUMP_ITEM_MAX), *len of them, a multiple of the sector size. -EIO, -EUCLEAN, -ENOMEM. */
int dump_item_read(const struct dump_file *f, const struct dump_item *item, struct dump_codec *c, u8 *out, u32 *len, struct err *err);
/* The index of the item that may hold bytenr: the last that begins at or before it. -1: none. */
ssize_t dump_item_find(const struct dump_file *f, u64 bytenr);
/* The item at bytenr, of len bytes, as a zlib stream of the codec's level into out (room for DUMP_STORED_MAX); the size, 0 if that fails. */
u32 dump_compress(struct dump_codec *c, u64 bytenr, const void *in, u32 len, void *out);

/* Is this a tree block of the filesystem at that address, as far as its header says? */
bool dump_is_block(const struct dump_file *f, u64 bytenr, const void *data);
/* Dumps of the incumbent carry a CRC-32C in each tree block whatever the filesystem's type is. Gives such blocks their own checksum; leaves
 * those alone that match neither. Spec: metadump 2.1. */
void dump_heal_csums(const struct dump_file *f, u64 bytenr, u8 *data, u32 len);

#endif
