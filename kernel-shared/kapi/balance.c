/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel-shared/kapi/balance.h"
#include "kernel-shared/kapi/call.h"

#include <linux/btrfs.h>

static void filter_out(struct btrfs_balance_args *to, const struct kbalance_filter *f)
{
	*to = (struct btrfs_balance_args){ .profiles = f->profiles, .devid = f->devid, .pstart = f->pstart, .pend = f->pend, .vstart = f->vstart, .vend = f->vend,
		.target = f->target, .flags = f->flags, .stripes_min = f->stripes_min, .stripes_max = f->stripes_max };
	if (f->flags & BTRFS_BALANCE_ARGS_USAGE_RANGE) {
		to->usage_min = f->usage_min;
		to->usage_max = f->usage_max;
	} else {
		to->usage = f->usage;
	}
	if (f->flags & BTRFS_BALANCE_ARGS_LIMIT_RANGE) {
		to->limit_min = f->limit_min;
		to->limit_max = f->limit_max;
	} else {
		to->limit = f->limit;
	}
}

static void filter_in(struct kbalance_filter *to, const struct btrfs_balance_args *a)
{
	*to = (struct kbalance_filter){ .flags = a->flags, .profiles = a->profiles, .target = a->target, .usage = a->usage, .devid = a->devid, .limit = a->limit,
		.usage_min = a->usage_min, .usage_max = a->usage_max, .limit_min = a->limit_min, .limit_max = a->limit_max,
		.stripes_min = a->stripes_min, .stripes_max = a->stripes_max, .pstart = a->pstart, .pend = a->pend, .vstart = a->vstart, .vend = a->vend };
}

static void answer(struct kbalance *b, const struct btrfs_ioctl_balance_args *args)
{
	b->flags = args->flags;
	filter_in(&b->data, &args->data);
	filter_in(&b->meta, &args->meta);
	filter_in(&b->system, &args->sys);
	b->running = args->state & BTRFS_BALANCE_STATE_RUNNING;
	b->pausing = args->state & BTRFS_BALANCE_STATE_PAUSE_REQ;
	b->cancelling = args->state & BTRFS_BALANCE_STATE_CANCEL_REQ;
	b->expected = args->stat.expected;
	b->considered = args->stat.considered;
	b->completed = args->stat.completed;
}

static int start(int fd, struct kbalance *b, struct btrfs_ioctl_balance_args *args)
{
	int ret = kcall(fd, BTRFS_IOC_BALANCE_V2, args);

	answer(b, args);
	return ret;
}

int kbalance_start(int fd, struct kbalance *b)
{
	struct btrfs_ioctl_balance_args args = { .flags = b->flags };

	filter_out(&args.data, &b->data);
	filter_out(&args.meta, &b->meta);
	filter_out(&args.sys, &b->system);
	return start(fd, b, &args);
}

int kbalance_resume(int fd, struct kbalance *b)
{
	struct btrfs_ioctl_balance_args args = { .flags = BTRFS_BALANCE_RESUME };

	return start(fd, b, &args);
}

/* The number itself is the argument. */
static int control(int fd, unsigned long what)
{
	int ret = kcall(fd, BTRFS_IOC_BALANCE_CTL, (void *)what);

	return ret < 0 ? ret : 0;
}

int kbalance_pause(int fd)
{
	return control(fd, BTRFS_BALANCE_CTL_PAUSE);
}

int kbalance_cancel(int fd)
{
	return control(fd, BTRFS_BALANCE_CTL_CANCEL);
}

int kbalance_status(int fd, struct kbalance *out)
{
	struct btrfs_ioctl_balance_args args = { 0 };
	int ret = kcall(fd, BTRFS_IOC_BALANCE_PROGRESS, &args);

	if (!ret)
		answer(out, &args);
	return ret;
}
