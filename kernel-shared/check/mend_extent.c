/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A file extent that the check doubts: the extent tree, the checksums and the file's next extent say what its fields must be. Each field is believed unless
 * another record contradicts it. Spec: on-disk-format 3.9, 6.2. */
#include "kernel-shared/check/inventory.h"
#include "kernel-shared/check/mend.h"

#include <stdlib.h>
#include "kernel-shared/tree/salvage.h"

/* What the extent tree knows of one reference. */
struct data_ref { u64 owner, offset, parent, bytenr, len; };
struct data_refs { VEC(struct data_ref) v; };

/* --- which --- */

bool repair_is_doubt(enum problem_id id)
{
	switch (id) {
	case PROBLEM_INODE_BAD_EXTENT:
	case PROBLEM_INODE_INLINE_LARGE:
	case PROBLEM_INODE_CSUM_MISSING:
	case PROBLEM_INODE_ODD_CSUM:
	case PROBLEM_INODE_EXTENT_UNALIGNED:
		return true;
	default:
		return false;
	}
}

int repair_suspects(const struct repair *r, struct hmap *out)
{
	for (size_t i = 0; i < r->found.len; i++) {
		const struct problem_at *p = &r->found.v[i];

		if (repair_is_doubt(p->id) && (!r->args->only || r->args->only[p->id]) && !hmap_put(out, p->ino, NULL))
			return -ENOMEM;
	}
	return 0;
}

bool repair_suspects_leaf(const struct hmap *suspects, const void *block)
{
	u64 last = 0;

	for (u32 i = 0; suspects->len && i < block_nritems(block); i++) {
		struct key k = block_key(block, i);

		if (k.type != BTRFS_EXTENT_DATA_KEY || k.objectid == last)
			continue;
		if (hmap_get(suspects, k.objectid))
			return true;
		last = k.objectid;
	}
	return false;
}

/* --- what the extent tree says --- */

static int note_refs(struct mend *m, const struct item *item, u64 bytenr, u64 len, u32 pos)
{
	struct extent_ref_view ref;
	int ret = 0;

	while (!ret && extent_ref_next(item, &pos, &ref)) {
		bool own = ref.type == BTRFS_EXTENT_DATA_REF_KEY, shared = ref.type == BTRFS_SHARED_DATA_REF_KEY;

		if ((own && hmap_get(&m->suspects, ref.objectid)) || shared)
			ret = vec_push(&m->refs->v, ((struct data_ref){ own ? ref.objectid : 0, own ? ref.offset : 0, shared ? ref.parent : 0, bytenr, len }));
	}
	return ret;
}

static int read_refs(struct mend *m, struct err *err)
{
	struct root *root = m->fs->extent_tree;
	struct salvage s CLEANUP(salvage_fini) = root ? salvage_range(&root->tree, KEY_MIN, KEY_MAX) : (struct salvage){ .done = true };
	struct extent_view v = { 0 };
	struct item item;
	int ret;

	m->refs = mem_zalloc(sizeof(*m->refs));
	if (!m->refs)
		return err_nomem(err);
	while (root && (ret = salvage_next(&s, &item, err)) >= 0) {
		int full = 0;

		if (ret)
			continue;
		if (item.key.type == BTRFS_EXTENT_ITEM_KEY && !extent_item_parse(m->fs->geo, &item, &v))
			full = v.is_data ? note_refs(m, &item, v.bytenr, v.len, v.refs_start) : 0;
		else if ((item.key.type == BTRFS_EXTENT_DATA_REF_KEY || item.key.type == BTRFS_SHARED_DATA_REF_KEY) && item.key.objectid == v.bytenr)
			full = note_refs(m, &item, v.bytenr, v.len, 0);
		if (full)
			return err_nomem(err);
	}
	err_clear(err);
	return 0;
}

void mend_extents_fini(struct mend *m)
{
	if (m->refs)
		vec_fini(&m->refs->v);
	free(m->refs);
	hmap_fini(&m->suspects);
}

/* 0: no data extent begins there. */
static u64 extent_len(struct mend *m, u64 bytenr)
{
	struct key key = KEY(bytenr, BTRFS_EXTENT_ITEM_KEY, 0);
	struct path p CLEANUP(path_fini) = PATH_INIT;
	struct err ignored = ERR_INIT;
	struct extent_view v;
	struct item item;

	if (!m->fs->extent_tree || tree_lookup_ge(&m->fs->extent_tree->tree, &key, &p, &item, &ignored) || item.key.objectid != bytenr ||
	    item.key.type != BTRFS_EXTENT_ITEM_KEY || extent_item_parse(m->fs->geo, &item, &v) || !v.is_data)
		return 0;
	return v.len;
}

/* --- one extent --- */

struct opinion { struct mend *m; u64 leaf; const struct mended_item *it, *next; struct disk_file_extent_item e; };

/* A reference from here, to bytenr (0: anywhere). */
static const struct data_ref *ref_of(const struct opinion *o, u64 bytenr, u64 offset, bool any_offset)
{
	const struct data_refs *refs = o->m->refs;
	u64 ino = o->it->key.objectid, start = o->it->key.offset;
	const struct data_ref *found = NULL;

	for (size_t i = 0; i < refs->v.len; i++) {
		const struct data_ref *r = &refs->v.v[i];

		if (bytenr ? r->bytenr != bytenr : r->len != le64_get(o->e.disk_num_bytes))
			continue;
		if (r->parent ? r->parent != o->leaf || bytenr : r->owner != ino || (any_offset ? r->offset > start : r->offset != offset))
			continue;
		if (found && found->bytenr != r->bytenr)
			return NULL; /* which of them? */
		found = r;
	}
	return found;
}

static void opine_place(struct opinion *o)
{
	u64 bytenr = le64_get(o->e.disk_bytenr);
	const struct data_ref *r;

	if ((!bytenr && !le64_get(o->e.disk_num_bytes)) || (bytenr && extent_len(o->m, bytenr)))
		return;
	r = ref_of(o, 0, o->it->key.offset - le64_get(o->e.offset), false);
	if (r)
		o->e.disk_bytenr = le64_of(r->bytenr);
}

/* How bytes begin that a kernel compressed; 0: none of these ways. */
static u8 compression_by_bytes(struct mend *m, u64 bytenr, u64 len)
{
	u32 size = m->fs->geo->sectorsize, head;
	u8 *buf CLEANUP(mem_freep) = mem_alloc_io(size);
	struct err ignored = ERR_INIT;

	if (!buf || rio_read(m->fs->vol, bytenr, size, 0, buf, &ignored))
		return 0;
	head = get_le32(buf);
	if (head == 0xfd2fb528)
		return BTRFS_COMPRESS_ZSTD;
	if (buf[0] == 0x78 && !((buf[0] << 8 | buf[1]) % 31))
		return BTRFS_COMPRESS_ZLIB;
	return head > 8 && head <= len && head > len - size && get_le32(buf + 4) <= head ? BTRFS_COMPRESS_LZO : 0;
}

static void opine_form(struct opinion *o, u64 len)
{
	struct disk_file_extent_item *e = &o->e;
	u64 bytenr = le64_get(e->disk_bytenr), end = le64_get(e->offset) + le64_get(e->num_bytes);

	if (e->type == BTRFS_FILE_EXTENT_INLINE)
		e->type = BTRFS_FILE_EXTENT_REG;
	/* what was written to has checksums */
	if (e->type == BTRFS_FILE_EXTENT_PREALLOC && sums_cover(o->m->fs, bytenr, bytenr + len))
		e->type = BTRFS_FILE_EXTENT_REG;
	e->disk_num_bytes = le64_of(len);
	e->encryption = 0;
	e->other_encoding = le16_of(0);
	if (e->compression > BTRFS_COMPRESS_ZSTD || (!e->compression && end > len && le64_get(e->ram_bytes) > len))
		e->compression = compression_by_bytes(o->m, bytenr, len);
}

static void opine_sizes(struct opinion *o, u64 len)
{
	struct disk_file_extent_item *e = &o->e;
	u32 sector = o->m->fs->geo->sectorsize;
	u64 start = o->it->key.offset, num = le64_get(e->num_bytes), ram = le64_get(e->ram_bytes), off = le64_get(e->offset), room = -1ULL;
	const struct data_ref *r = ref_of(o, le64_get(e->disk_bytenr), start - off, false);
	u64 limit = e->compression ? MiB(1) : len;

	if (!r && (r = ref_of(o, le64_get(e->disk_bytenr), 0, true)) && !r->parent && start - r->offset < limit)
		off = start - r->offset;
	if (!e->compression)
		ram = len;
	else if (!ram || ram > MiB(1) || !is_aligned_p2(ram, sector) || off >= ram)
		ram = round_up_p2(off + (num && num <= MiB(1) ? num : sector), sector);
	if (o->next && o->next->key.objectid == o->it->key.objectid && o->next->key.type == BTRFS_EXTENT_DATA_KEY)
		room = o->next->key.offset - start;
	if (!num || !is_aligned_p2(num, sector) || off >= ram || num > ram - off || num > room)
		num = min_t(u64, room, off < ram ? ram - off : ram);
	e->offset = le64_of(off);
	e->ram_bytes = le64_of(ram);
	e->num_bytes = le64_of(num);
}

/* What it holds is about to be something else on purpose. */
static int exempt(struct mend *m, u64 ino)
{
	for (size_t i = 0; i < m->r->found.len; i++)
		if (m->r->found.v[i].ino == ino && !hmap_put(&m->r->exempt, hash_mix2(m->r->found.v[i].tree, ino), NULL))
			return -ENOMEM;
	return 0;
}

int mend_extent(struct mend *m, u64 leaf, struct mended_item *it, const struct mended_item *next, struct err *err)
{
	struct opinion o = { .m = m, .leaf = leaf, .it = it, .next = next };
	u64 len;
	u8 *own;

	if (it->size != sizeof(o.e) || !hmap_get(&m->suspects, it->key.objectid))
		return 0;
	if (!m->refs && read_refs(m, err))
		return -ENOMEM;
	memcpy(&o.e, it->data, sizeof(o.e));
	opine_place(&o);
	len = extent_len(m, le64_get(o.e.disk_bytenr));
	if (len) {
		opine_form(&o, len);
		opine_sizes(&o, len);
	}
	if (!memcmp(&o.e, it->data, sizeof(o.e)))
		return 0;
	own = arena_dup(&m->arena, &o.e, sizeof(o.e));
	if (!own || exempt(m, it->key.objectid))
		return err_nomem(err);
	it->data = own;
	repair_say(m->r, "File extent [%llu,%u,%llu] is what the extent tree says", it->key.objectid, it->key.type, it->key.offset);
	return 0;
}
