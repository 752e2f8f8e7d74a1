/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which copy of a block to start from, and its header. */
#include "kernel-shared/check/mend.h"

#include <stdlib.h>
#include "crypto/csum.h"
#include "kernel-shared/tree/edit.h"

void mend_init(struct mend *m, struct repair *r, struct fs *fs)
{
	*m = (struct mend){ .r = r, .fs = fs, .transid = raw_transid(fs) };
}

void mend_fini(struct mend *m)
{
	arena_fini(&m->arena);
	mend_extents_fini(m);
	orphans_fini(m);
}

/* CRCs are linear: the difference between stored and computed sum is the sum of the one bit alone. Bits are tried from the last one on, where the
 * difference is a constant, each earlier one being one zero bit further away. */
static bool flip_crc(const struct geometry *geo, u8 *block)
{
	u32 len = geo->nodesize - BTRFS_CSUM_SIZE, stored, diff, sums[8];
	const u8 zero = 0;
	u8 *data = block + BTRFS_CSUM_SIZE;

	memcpy(&stored, block, sizeof(stored));
	diff = stored ^ crc32c(data, len);
	/* in the checksum itself */
	if (diff && !(diff & (diff - 1))) {
		block_set_csum(geo, block);
		return true;
	}
	for (unsigned bit = 0; bit < 8; bit++) {
		u8 one = 1 << bit;

		sums[bit] = crc32c_raw(0, &one, 1);
	}
	for (u32 at = len; at--;) {
		for (unsigned bit = 0; bit < 8; bit++) {
			if (sums[bit] == diff) {
				data[at] ^= 1 << bit;
				return true;
			}
			sums[bit] = crc32c_raw(sums[bit], &zero, 1);
		}
	}
	return false;
}

bool mend_flip(const struct geometry *geo, u8 *block)
{
	return geo->csum_type == CSUM_CRC32C && flip_crc(geo, block) && block_check_csum(geo, block, NULL);
}

static bool our_fsid(const struct volume *vol, const u8 fsid[16])
{
	for (unsigned i = 0; i < vol->nfsids; i++)
		if (!memcmp(fsid, vol->fsids[i], BTRFS_FSID_SIZE))
			return true;
	return false;
}

static bool owner_fits(const struct place *p, u64 owner)
{
	if (owner == p->tree || p->any_owner)
		return true;
	return is_fstree(p->tree) && is_fstree(owner);
}

/* How many of the things that identify a block are otherwise. The block may be another one that was written to the wrong place. */
static unsigned mismatches(const struct mend *m, const struct place *p, const u8 *block)
{
	const struct disk_header *h = block_header(block);
	bool level = h->level == p->level;
	struct key first = block_nritems(block) && level ? block_key(block, 0) : KEY_MIN;
	unsigned n = 0;

	n += le64_get(h->bytenr) != p->bytenr;
	n += !our_fsid(m->fs->vol, h->fsid);
	n += p->generation && le64_get(h->generation) != p->generation;
	n += !level;
	n += !owner_fits(p, le64_get(h->owner));
	n += level && p->has_first && !key_eq(&first, &p->first);
	return n;
}

/* As many as ascend and lead somewhere. */
static u32 count_pointers(const struct mend *m, const u8 *block, u32 max)
{
	const struct disk_key_ptr *p = block_ptrs(block);
	u32 n = 0;

	for (; n < max; n++) {
		struct key key = key_get(&p[n].key), last = n ? key_get(&p[n - 1].key) : KEY_MIN;
		u64 to = le64_get(p[n].blockptr);

		if (!to || !is_aligned_p2(to, m->fs->geo->sectorsize) || !chunk_lookup(m->fs->vol, to) || (n && key_cmp(&key, &last) <= 0))
			break;
	}
	return n;
}

static void mend_header(struct mend *m, const struct place *p, u8 *block)
{
	struct disk_header *h = (struct disk_header *)block;
	u32 max = p->level ? geo_max_ptrs(m->fs->geo) : geo_leafdata(m->fs->geo) / sizeof(struct disk_item);

	h->bytenr = le64_of(p->bytenr);
	memcpy(h->fsid, m->fs->vol->fsids[0], sizeof(h->fsid));
	h->level = p->level;
	if (!owner_fits(p, le64_get(h->owner)))
		h->owner = le64_of(p->tree);
	h->flags = le64_of((u64)BTRFS_MIXED_BACKREF_REV << 56 | BTRFS_HEADER_FLAG_WRITTEN | mend_flags(block));
	/* of a leaf the items themselves say how many there are */
	if (le32_get(h->nritems) > max || !le32_get(h->nritems))
		h->nritems = le32_of(p->level ? count_pointers(m, block, max) : 0);
}

/* Lower is better; 0 nothing wrong. -1: not it. */
static int rate(struct mend *m, const struct place *p, u8 *block)
{
	const struct geometry *geo = m->fs->geo;
	struct validator v = { .geo = geo, .tree = p->tree };
	int score = 0;
	unsigned n;

	if (!block_check_csum(geo, block, NULL)) {
		if (!mend_flip(geo, block))
			return -1;
		score++;
	}
	n = mismatches(m, p, block);
	if (n > 2)
		return -1;
	mend_header(m, p, block);
	return score + n * 4 + (block_validate(&v, block) ? 2 : 0);
}

int mend_read(struct mend *m, const struct place *p, u8 *buf, struct err *err)
{
	u32 size = m->fs->geo->nodesize;
	unsigned copies = rio_copies(m->fs->vol, p->bytenr);
	u8 *try CLEANUP(mem_freep) = mem_alloc_io(size);
	int best = -1;

	if (!try)
		return err_nomem(err);
	for (unsigned mirror = 1; mirror <= copies && best; mirror++) {
		struct err ignored = ERR_INIT;
		int score;

		if (rio_read(m->fs->vol, p->bytenr, size, mirror, try, &ignored))
			continue;
		score = rate(m, p, try);
		if (score < 0 || (best >= 0 && score >= best))
			continue;
		best = score;
		memcpy(buf, try, size);
	}
	return best < 0 ? -ENOENT : 0;
}
