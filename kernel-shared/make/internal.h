/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside make/: what has been laid out so far. */
#ifndef MAKE_INTERNAL_H
#define MAKE_INTERNAL_H

#include "common/ranges.h"
#include "kernel-shared/alloc/alloc.h"
#include "kernel-shared/make/make.h"
#include "kernel-shared/tree/bulk.h"

enum { MAKE_TRANSID = 1 };

/* A chunk with its block group; filled from front to back. */
struct make_group {
	u64 start, length, flags, cursor, used;
	struct ranges excluded;       /* spec 5.5 */
	u64 stripe_length;
	u32 item_size;
	struct disk_chunk *item;      /* heap */
};
struct make_block { u64 bytenr, owner; struct key first; u8 level; };
struct make_extent { u64 bytenr, root, ino, offset; u32 len; };
/* A tree: all that its root item says. */
struct make_tree {
	u64 id, bytenr, blocks, data_bytes;
	u8 level;
	u8 uuid[16];                  /* of subvolumes */
	u64 flags;
	u64 parent, dirid, index;     /* of subvolumes below another: where they hang */
	char *name;                   /* heap */
};

struct make_writer { u8 *buf; u64 start; u32 len; };

struct maker {
	struct env *env;
	struct make_params p;
	struct volume *vol;
	struct dev_space *space;      /* one for each device */
	u8 chunk_uuid[16];
	struct disk_timespec now;
	u64 next_logical;
	VEC(struct make_group *) groups; /* ascending by address */
	VEC(struct make_block) blocks;
	VEC(struct make_extent) extents;
	VEC(struct make_tree) trees;
	struct make_writer writer;
	u64 default_subvol;           /* 0: the top level */
};

static inline const struct geometry *make_geo(const struct maker *m) { return &m->vol->geo; }

/* --- space.c --- */
int space_init(struct maker *m, struct err *err);
void space_fini(struct maker *m);
/* The chunks that every new filesystem has. */
int space_first_chunks(struct maker *m, struct err *err);
/* A further chunk of this type. */
int space_new_chunk(struct maker *m, u64 type, struct err *err);
/* Room for one tree block of the tree. */
int space_block(struct maker *m, u64 owner, u64 *bytenr, struct err *err);
/* From min to want bytes for data, contiguous; multiples of the sector size. */
int space_data(struct maker *m, u64 want, u64 min, u64 *bytenr, u64 *got, struct err *err);
/* Once all data is there: cuts what the last data chunk does not need. */
int space_clip(struct maker *m, struct err *err);
/* Once all chunks are there: the size of a device that fits. */
int space_settle(struct maker *m, struct err *err);

/* --- writer.c: tree blocks in ascending order become large writes --- */
int writer_add(struct maker *m, u64 bytenr, const void *block, struct err *err);
int writer_flush(struct maker *m, struct err *err);

/* --- load.c: trees that are loaded while their items come --- */
struct make_load;
int load_begin(struct maker *m, u64 id, struct make_load **out, struct err *err);
int load_add(struct make_load *l, const struct key *key, const void *data, u32 size, struct err *err);
int load_add_empty(struct make_load *l, const struct key *key, u32 size, u8 **data, struct err *err);
/* Ends the tree; *tree (may be NULL) is valid until the next tree ends. Frees l in any case. */
int load_end(struct make_load *l, struct make_tree **tree, struct err *err);
void load_drop(struct make_load *l);

/* Who takes the items of a tree in key order. data NULL: only the size is asked for. */
typedef int item_sink(void *arg, const struct key *key, const void *data, u32 size, struct err *err);

/* --- roots.c: the root tree and what small trees hold --- */
void make_dir_inode(const struct maker *m, struct disk_inode_item *out);
int make_empty_dir(struct maker *m, struct make_load *l, struct err *err);
int roots_small_trees(struct maker *m, struct err *err);
int roots_items(struct maker *m, item_sink *sink, void *arg, struct err *err);

/* --- lists.c: items of the trees that list chunks, devices, extents and free space --- */
struct made_index { u32 *v; size_t n; }; /* m->blocks by address */
int lists_sort_blocks(struct maker *m, struct made_index *out);
int lists_dev(struct maker *m, item_sink *sink, void *arg, struct err *err);
int lists_chunk(struct maker *m, item_sink *sink, void *arg, struct err *err);
int lists_groups(struct maker *m, item_sink *sink, void *arg, struct err *err);
int lists_free_space(struct maker *m, const struct made_index *blocks, item_sink *sink, void *arg, struct err *err);
int lists_extents(struct maker *m, const struct made_index *blocks, item_sink *sink, void *arg, struct err *err);
void lists_dev_item(const struct maker *m, unsigned i, struct disk_dev_item *out);

/* --- final.c: places and writes them --- */
int final_trees(struct maker *m, struct err *err);

struct make_tree *make_tree_find(struct maker *m, u64 id);

#endif
