/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the check share. The room's own. */
#ifndef CHECK_INTERNAL_H
#define CHECK_INTERNAL_H

#include <pthread.h>
#include "common/endian.h"
#include "common/mem.h"
#include "common/sortrun.h"
#include "kernel-shared/check/check.h"
#include "kernel-shared/format/items.h"

/* --- sets of tree block addresses: bits per sector of each chunk --- */

struct blockmap { struct blockmap_part *parts; size_t n; u32 sectorsize; pthread_mutex_t lock; };
int blockmap_init(struct blockmap *m, const struct volume *vol);
void blockmap_fini(struct blockmap *m);
void blockmap_clear(struct blockmap *m);
/* Thread-safe. 1: was there already, 0: new, -ENOMEM. Addresses outside all chunks are never kept. */
int blockmap_set(struct blockmap *m, u64 bytenr);
bool blockmap_has(const struct blockmap *m, u64 bytenr);
/* The first address in [*at, end) that is in the set, to *at; end must not lie beyond the chunk of *at. */
bool blockmap_next(const struct blockmap *m, u64 *at, u64 end);

/* --- which sectors of data have checksums --- */

struct coverage_map { struct coverage_part *parts; size_t n; u32 sectorsize; };
int coverage_init(struct coverage_map *m, const struct volume *vol);
void coverage_fini(struct coverage_map *m);
/* One thread at a time. Nothing is kept of what lies outside all chunks. Then settle, before anything is asked. */
int coverage_add(struct coverage_map *m, u64 start, u64 len);
void coverage_settle(struct coverage_map *m);
u64 coverage_bytes(const struct coverage_map *m, u64 start, u64 len);
/* The first covered range that ends behind pos, from pos on. False: none. */
bool coverage_next(const struct coverage_map *m, u64 pos, u64 *start, u64 *end);

/* --- sets of trees --- */

struct rootset { const u32 *v; u32 n; }; /* indexes in check->trees, ascending */
struct rootsets { pthread_mutex_t lock; struct arena arena; VEC(struct rootset) sets; struct hmap by_hash, unions; };
void rootsets_init(struct rootsets *s);
void rootsets_fini(struct rootsets *s);
/* Numbers of sets; 0 is the empty one. Where a set cannot be empty, 0 means no memory. Thread-safe. */
u32 rootset_one(struct rootsets *s, u32 tree);
u32 rootset_union(struct rootsets *s, u32 a, u32 b);
bool rootset_has(const struct rootsets *s, u32 set, u32 tree); /* while no thread adds */

/* --- findings --- */

/* Where a finding is: as in struct check_finding; sorted by order first. */
struct where {
	u64 tree, tree_offset, ino, bytenr, len;
	struct key key;
	u64 block, parent, index, have, want, devid, last;
	u8 level, type, mirror;
	u16 name_len;
	const u8 *name;       /* copied */
	const char *path;     /* copied */
	u64 order;
	u32 sub;              /* within what is the same otherwise: order of the lines about one inode */
};
struct sink {
	pthread_mutex_t lock;
	VEC(struct kept) kept;
	u64 seq, dropped[CHECK_QUOTA + 1], errors[CHECK_QUOTA + 1], warnings;
	struct err failed;    /* out of memory */
};
struct kept { struct check_finding f; u64 order, seq; u32 sub; };
enum { FINDINGS_MAX = 1 << 18 };

/* --- trees and claims --- */

enum tree_kind { TREE_OTHER, TREE_SUBVOL, TREE_RELOC, TREE_LOG };
struct ctree {
	u64 id, offset, bytenr, generation, last_snapshot, flags;
	u8 level, drop_level;
	enum tree_kind kind;
	u32 refs;
	struct key drop;      /* of a tree being deleted: where its remains begin */
	bool early;           /* read first: what all others are judged by */
	bool done;
	u64 weight;           /* random; 0: no names are expected of it */
};

/* What a parent says of a child. Plain bytes: sorted as records. */
struct claim {
	u8 order[8], addr[8];  /* big-endian: device position, bytenr */
	u64 generation, parent, weight;
	u64 ref_root;          /* the root that the back reference must name; 0: it names the parent, or there is none */
	u32 tree;              /* index in trees */
	u8 level;
	u8 dropping;           /* on the way to the tree's drop key */
	u8 has_first;
	u8 pad;
	struct disk_key first, bound; /* bound: the first key to the right, all ones: none */
	u8 set[4];             /* the trees in which it is alive, where that is asked for */
	u8 pad2[2];
};
_Static_assert(sizeof(struct claim) == 96, "no padding that is not named");


struct claims { struct claim *v; size_t len, cap; };

/* --- facts --- */

/* A sum of references of one extent: what is found minus what the extent tree says. */
struct ref_fact { u8 bytenr[8]; u64 sum; s64 count; };
/* An extent item. kind: see extent_kind. */
struct extent_fact { u8 bytenr[8], len[8]; u32 kind, pad; };
enum { EXTENT_IS_DATA = 1 << 8 };
/* Referenced data that must, or must not, have checksums; data that has some. */

/* One reference of an extent in the exact pass. */
struct exact_ref {
	u64 bytenr, len;
	u64 root, owner, offset, parent;
	u64 count;
	bool data, found, item, keyed; /* found: from a leaf or node; else from the extent tree. item: the extent item itself */
	u8 level;
	u64 generation;        /* of tree blocks */
	u64 refs;              /* item: its count */
};

/* What the exact pass finds of a suspected inode, besides its own items: names that lead to it, an orphan item, where its items lie. */
enum say_kind { SAY_OWN, SAY_ORPHAN, SAY_ITEM, SAY_INDEX };
struct saying {
	u64 ino, dir, index, block; /* index: of DIR_ITEM the key's offset */
	u32 set;
	enum say_kind kind;
	bool subvol;           /* ino is a subvolume */
	u8 type;
	u16 name_len;
	const u8 *name;        /* in the worker's arena */
};
VEC_TYPE(sayings, struct saying);

/* A directory entry that leads to a subvolume, in whatever trees (their weight). index 0: a DIR_ITEM. */
struct subvol_entry { u64 child, dir, index, transid, weight; u16 name_len; const u8 *name; };

enum { INO_BUCKETS = 1 << 17 };

struct chunk_rec { struct disk_chunk head; u64 start, length, type, owner, key_objectid; u16 num_stripes, sub_stripes; struct disk_stripe *stripes; bool invalid, matched; };
struct devext_rec { u64 devid, physical, length, chunk; bool matched; };
struct group_rec { u64 start, length, flags, used, found, objectid; bool matched; };

struct worker {
	struct claims children[BTRFS_MAX_LEVEL];
	struct check_totals totals;
	VEC(struct exact_ref) exact;
	u64 *ino_sums;         /* INO_BUCKETS */
	struct sayings sayings;
	struct arena names;
	struct hmap charges;   /* simple quotas: subvolume -> bytes */
	int failed;
};

/* Who wants to see the live blocks themselves instead of having them compared (repairs). block: each once, with all claims on it; data NULL: no copy
 * passed the gate. from: the first slot that counts (trees half deleted). full: by its extent item. Parallel; negative ends the scan. */
struct live_block { const struct claim *claims; size_t n; const void *data; const struct findings *findings; int from; unsigned worker; };
struct check;
struct live_watch { int (*block)(struct live_watch *w, struct check *c, const struct live_block *b); };

struct check {
	struct fs *fs;
	struct env *env;
	const struct geometry *geo;
	const struct check_args *args;
	const struct check_ops *ops;
	struct check_totals *totals;
	struct sink sink;
	pthread_mutex_t lock;  /* the vectors below */
	VEC(struct ctree) trees;
	struct blockmap seen, full;
	struct worker *workers;
	unsigned nworkers;
	u64 seed, memory;
	struct claims level[BTRFS_MAX_LEVEL]; /* of interior blocks still to be read */
	struct sortrun *leaves;
	struct sortrun *refs, *extents;
	VEC(struct chunk_rec) chunks;
	VEC(struct devext_rec) devexts;
	VEC(struct group_rec) groups;
	VEC(struct disk_dev_item) devices;
	struct coverage_map summed;
	struct rootsets sets;
	struct sortrun *edges; /* inodes that reach over the border of a leaf */
	VEC(struct subvol_entry) subvol_entries;
	struct arena names;    /* of those; under lock */
	u64 *ino_bad;          /* sets of inodes that are looked at exactly, a bit each */
	struct { u32 lo, hi; u64 bytes; bool overflow; } x; /* the exact pass: which of them now; what is kept */
	enum { SETS_NONE, SETS_LIVE /* trees with a weight */, SETS_SUBVOLS /* all subvolumes, dying ones, too */ } sets_of; /* that claims carry */
	struct {
		bool on, simple, rescanning, inconsistent, counting, no_status;
		u64 since;     /* simple: the first generation that counts */
		struct sortrun *data;
		VEC(u64) bytes; /* of each set of trees */
	} quota;
	u64 *bad;              /* extents whose references differ, ascending */
	size_t nbad;
	struct hmap bad_copies; /* told already */
	bool exact;            /* the second pass: only references of bad extents are of interest */
	struct live_watch *watch; /* NULL: compare */
	bool early;            /* the stage of the trees that are read first */
};

/* sink.c */
void sink_init(struct sink *s);
void sink_fini(struct sink *s);
void check_report_(struct check *c, enum check_phase phase, enum problem_id id, const struct where *w, const char *fmt, ...) PRINTF(5, 6);
/* REPORT(c, CHECK_EXTENTS, EXTENT_REFS, where, arguments of its message...) */
#define REPORT(c, phase, ID, where, ...) check_report_(c, phase, PROBLEM_##ID, &(where), PROBLEM_FORMAT_##ID, ##__VA_ARGS__)
int phase_begin(struct check *c, enum check_phase phase, bool skipped, struct err *err);
int phase_end(struct check *c, enum check_phase phase, struct err *err);
bool check_phase_clean(const struct check *c, enum check_phase phase);

/* live.c: reads every block that trees of this stage reach, once. */
int live_add_tree(struct check *c, const struct ctree *t, struct err *err);
int live_scan(struct check *c, bool early, struct err *err);
/* Everything again for the exact pass. */
int live_rescan(struct check *c, struct err *err);

/* What a claim says, as the gate wants it. */
struct block_ref live_claim_ref(const struct check *c, const struct claim *cl);
/* check.c: shows all live blocks to w and compares nothing. fs: as for check_run. */
int check_watch(struct fs *fs, u64 memory, struct live_watch *w, struct err *err);

/* leaf.c: what the items of a leaf state. */
struct leaf_ctx { struct check *c; const void *block; u64 bytenr, owner; const struct ctree *tree; const struct claim *claims; size_t nclaims; unsigned worker; u64 weight; u32 set; bool full; };
int leaf_facts(struct leaf_ctx *l);

/* header.c: of a block that all of its claims agree on or not */
void check_header(struct check *c, const struct claim *claims, size_t n, const void *block);

/* facts.c */
struct ref { u64 root, owner, offset, parent; u64 count; };
int fact_data_ref(struct check *c, unsigned worker, u64 bytenr, u64 len, const struct ref *ref);
int fact_tree_ref(struct check *c, unsigned worker, u64 bytenr, u8 level, u64 generation, const struct ref *ref);
int fact_extent_item(struct leaf_ctx *l, const struct item *item);
int fact_keyed_ref(struct leaf_ctx *l, const struct item *item);

/* inodes.c: of leaves that weigh something */
int inodes_init(struct check *c);
int leaf_inodes(struct leaf_ctx *l);
int pass_inodes(struct check *c, struct err *err);
u32 ino_bucket(u64 ino);
u32 subvol_bucket(u64 id);
void suspect_inode(struct check *c, u64 ino);
void suspect_bucket(struct check *c, u32 bucket);

int pass_root_items(struct check *c, struct err *err);
int pass_roots(struct check *c, struct err *err);
int pass_log(struct check *c, struct err *err);       /* there is one */

/* pass_quota.c. begin: before blocks go by. */
int quota_begin(struct check *c, struct err *err);
int quota_block(struct check *c, unsigned worker, const void *block, u32 set);
int quota_data(struct leaf_ctx *l, const struct file_extent_view *v);
int quota_extent(struct leaf_ctx *l, const struct item *item, const struct extent_view *v);
int pass_quota(struct check *c, struct err *err);
int list_extents(struct check *c, struct err *err);   /* args->subvol_extents */
void quota_end(struct check *c);

int pass_data(struct check *c, struct err *err);      /* --check-data-csum */
int pass_parity(struct check *c, struct err *err);

/* exact.c: whatever did not add up, one by one. */
int leaf_exact(struct leaf_ctx *l);
int pass_exact(struct check *c, struct err *err);
/* exact_inode.c: facts: about one inode of tree index. */
int judge_inode(struct check *c, u32 tree, u64 ino, const struct saying *facts, size_t n, bool *clean, struct err *err);

int pass_extents(struct check *c, struct err *err);   /* merges facts; free space comes along */
int judge_extents(struct check *c, struct err *err);  /* what a rescan has collected */
int pass_chunks(struct check *c, struct err *err);
int pass_supers(struct check *c, struct err *err);

/* pass_space.c: fed with the free ranges of each group in ascending order. */
struct space_cmp;
int fst_cmp_begin(struct check *c, struct space_cmp **out, struct err *err);
int fst_cmp_group(struct space_cmp *s, const struct group_rec *g, struct err *err);
int fst_cmp_free(struct space_cmp *s, u64 start, u64 end, struct err *err);
int fst_cmp_group_end(struct space_cmp *s, struct err *err);
int fst_cmp_finish(struct space_cmp *s, struct err *err);
void fst_cmp_end(struct space_cmp *s);

/* pass_cachev1.c: the same for the old cache; *out stays NULL where there is none to compare. */
struct cache_cmp;
int cache_cmp_begin(struct check *c, struct cache_cmp **out, struct err *err);
void cache_cmp_group(struct cache_cmp *m, const struct group_rec *g);
int cache_cmp_free(struct cache_cmp *m, u64 start, u64 end, struct err *err);
int cache_cmp_group_end(struct cache_cmp *m, struct err *err);
void cache_cmp_end(struct cache_cmp *m);
int check_cache_inodes(struct check *c, struct err *err);

static inline u32 claim_set(const struct claim *cl) { u32 v; memcpy(&v, cl->set, 4); return v; }
static inline void claim_set_set(struct claim *cl, u32 v) { memcpy(cl->set, &v, 4); }
static inline u64 claim_bytenr(const struct claim *cl) { return get_be64(cl->addr); }

#endif
