/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel-shared/kapi/search.h"
#include "common/mem.h"
#include "kernel-shared/kapi/call.h"
#include "kernel-shared/kapi/space.h"

#include <stdlib.h>
#include <linux/btrfs.h>

enum { SEARCH_BUF = 1 << 17 };

int kgeometry(int fd, struct geometry *geo)
{
	struct btrfs_ioctl_feature_flags features = { 0 };
	struct kfs_info info;
	int ret = kfs_info(fd, &info);

	if (ret)
		return ret;
	kcall_try(fd, BTRFS_IOC_GET_FEATURES, &features); /* an old kernel has none that matter here */
	*geo = (struct geometry){ .nodesize = info.nodesize, .sectorsize = info.sectorsize, .csum_type = info.csum_type, .csum_size = info.csum_size,
		.incompat = features.incompat_flags, .compat_ro = features.compat_ro_flags, .generation = 1ULL << 62 };
	return 0;
}

static void fill_key(struct btrfs_ioctl_search_key *k, const struct ksearch *s)
{
	*k = (struct btrfs_ioctl_search_key){ .tree_id = s->tree, .min_objectid = s->next.objectid, .min_type = s->next.type,
		.min_offset = s->next.offset, .max_objectid = s->last.objectid, .max_type = s->last.type, .max_offset = s->last.offset,
		.min_transid = s->min_transid, .max_transid = -1ULL, .nr_items = s->at_most ? s->at_most : -1U };
}

static int fill_old(struct ksearch *s)
{
	struct btrfs_ioctl_search_args *args = (void *)s->buf;
	int ret;

	fill_key(&args->key, s);
	args->key.nr_items = min_t(u32, args->key.nr_items, 4096);
	ret = kcall(s->fd, BTRFS_IOC_TREE_SEARCH, args);
	if (ret)
		return ret;
	s->items = args->key.nr_items;
	s->pos = offsetof(struct btrfs_ioctl_search_args, buf);
	s->filled = sizeof(*args);
	return 0;
}

static int fill(struct ksearch *s)
{
	struct btrfs_ioctl_search_args_v2 *args = (void *)s->buf;
	int ret;

	if (s->old)
		return fill_old(s);
	fill_key(&args->key, s);
	args->buf_size = SEARCH_BUF - sizeof(*args);
	ret = kcall_try(s->fd, BTRFS_IOC_TREE_SEARCH_V2, args);
	if (ret == -ENOTTY) {
		s->old = true;
		return fill_old(s);
	}
	if (ret)
		return ret;
	s->items = args->key.nr_items;
	s->pos = offsetof(struct btrfs_ioctl_search_args_v2, buf);
	s->filled = SEARCH_BUF;
	return 0;
}

static int prepare(struct ksearch *s)
{
	int ret = kgeometry(s->fd, &s->geo);

	if (ret)
		return ret;
	s->buf = mem_alloc_io(SEARCH_BUF);
	s->ready = s->buf;
	return s->buf ? 0 : -ENOMEM;
}

static int take_item(struct ksearch *s, struct item *item, struct err *err)
{
	struct btrfs_ioctl_search_header h;
	struct validator v = { .geo = &s->geo, .tree = s->tree, .err = err };

	if (s->filled - s->pos < sizeof(h))
		return err_set(err, -EUCLEAN, "tree search of tree %llu returned more items than fit", s->tree);
	memcpy(&h, s->buf + s->pos, sizeof(h));
	s->pos += sizeof(h);
	if (h.len > s->filled - s->pos)
		return err_set(err, -EUCLEAN, "tree search of tree %llu returned an item of %u bytes, which does not fit", s->tree, h.len);
	*item = (struct item){ .key = KEY(h.objectid, h.type, h.offset), .data = s->buf + s->pos, .size = h.len };
	s->pos += h.len;
	s->items--;
	s->end = !key_cmp(&item->key, &s->last) || key_eq(&item->key, &KEY_MAX);
	s->next = key_next(item->key);
	return item_validate(&v, item, NULL);
}

int ksearch_next(struct ksearch *s, struct item *item, struct err *err)
{
	int ret = s->ready ? 0 : prepare(s);

	if (!ret && !s->items) {
		if (s->end || key_cmp(&s->next, &s->last) > 0)
			return -ENOENT;
		ret = fill(s);
	}
	if (ret)
		return err_errno(err, ret, "cannot search tree %llu", s->tree);
	if (!s->items) {
		s->end = true;
		return -ENOENT;
	}
	return take_item(s, item, err);
}

void ksearch_fini(struct ksearch *s)
{
	free(s->buf);
	s->buf = NULL;
	s->ready = false;
}

int ksearch_first(int fd, u64 tree, struct key lo, struct key hi, struct key *found, void *buf, u32 max, u32 *size, struct err *err)
{
	struct ksearch s CLEANUP(ksearch_fini) = ksearch_range(fd, tree, lo, hi);
	struct item item;
	int ret;

	s.at_most = 1;
	ret = ksearch_next(&s, &item, err);
	if (ret)
		return ret;
	if (found)
		*found = item.key;
	if (size)
		*size = item.size;
	memcpy(buf, item.data, min_t(u32, max, item.size));
	return 0;
}
