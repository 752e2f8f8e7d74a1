/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bad copies of tree blocks and superblocks: where another one is good nothing is lost, and the bad one is overwritten in place. */
#include "kernel-shared/check/repair_internal.h"

#include <stdlib.h>
#include "common/mem.h"

struct copies { struct live_watch watch; struct repair *r; u64 fixed; pthread_mutex_t lock; };

/* Parity is computed from what is good; a mirror is written alone. */
static int rewrite(struct copies *k, struct check *c, const struct live_block *b, unsigned mirror)
{
	struct volume *vol = c->fs->vol;
	u64 bytenr = claim_bytenr(b->claims);
	bool alone = mirror <= chunk_lookup(vol, bytenr)->profile->copies;
	struct err err = ERR_INIT;
	int ret;

	pthread_mutex_lock(&k->lock);
	ret = alone ? rio_write_mirror(vol, bytenr, c->geo->nodesize, mirror, b->data, &err) : rio_write(vol, bytenr, c->geo->nodesize, b->data, &err);
	if (ret) {
		repair_say(k->r, "cannot rewrite copy %u of tree block %llu: %s", mirror, bytenr, err_text(&err));
	} else {
		k->fixed++;
		repair_say(k->r, "Rewrote copy %u of tree block %llu from a good one", mirror, bytenr);
	}
	pthread_mutex_unlock(&k->lock);
	return ret == -ENOMEM ? ret : 0;
}

/* Copies on devices that are not there are nobody's concern. */
static bool copy_is_here(struct volume *vol, u64 bytenr, u32 len, unsigned mirror)
{
	struct phys p;

	return !rio_map(vol, bytenr, len, mirror, &p) && p.dev->bdev && p.dev->bdev->writable && p.len == len;
}

static int copies_block(struct live_watch *w, struct check *c, const struct live_block *b)
{
	struct copies *k = container_of(w, struct copies, watch);
	u64 bytenr = claim_bytenr(b->claims);
	unsigned n = b->data ? rio_copies(c->fs->vol, bytenr) : 0;
	u32 size = c->geo->nodesize;
	u8 *buf CLEANUP(mem_freep) = NULL;
	int ret = 0;

	if (n < 2 || b->findings->len)
		return 0;
	buf = mem_alloc_io(size);
	if (!buf)
		return -ENOMEM;
	for (unsigned mirror = 1; !ret && mirror <= n; mirror++) {
		struct err err = ERR_INIT;

		if (!copy_is_here(c->fs->vol, bytenr, size, mirror))
			continue;
		if (rio_read(c->fs->vol, bytenr, size, mirror, buf, &err) || memcmp(buf, b->data, size))
			ret = rewrite(k, c, b, mirror);
	}
	return ret;
}

int fix_copies(struct repair *r, bool *changed, struct err *err)
{
	struct copies k = { .watch = { copies_block }, .r = r };
	struct fs *fs = NULL;
	int ret;

	pthread_mutex_init(&k.lock, NULL);
	ret = repair_open_raw(r, &fs, err);
	if (!ret)
		ret = check_watch(fs, r->args->check.memory, &k.watch, err);
	fs_close(fs);
	pthread_mutex_destroy(&k.lock);
	*changed = k.fixed;
	return ret;
}

/* The newest is known to be good, or nothing had been opened. */
int fix_supers(struct repair *r, bool *changed, struct err *err)
{
	struct fs *fs = NULL;
	int ret = repair_open_raw(r, &fs, err);

	if (!ret)
		ret = volume_write_supers(fs->vol, err);
	fs_close(fs);
	*changed = !ret;
	if (!ret)
		repair_say(r, "Rewrote the superblock copies");
	return ret;
}
