/* SPDX-License-Identifier: GPL-2.0-or-later */
/* btrfs filesystem mkswapfile: a new file that the kernel can swap to. Spec: cli 8.10. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include "cmds/changes.h"
#include "cmds/mounted/host.h"
#include "common/io.h"
#include "kernel-shared/kapi/extents.h"

struct swap_args { u64 size; bool has_size; const char *uuid; };

enum { SWAP_PAGE = 4096, SWAP_MIN = 40 << 10 };
/* The first page, as mkswap writes it; its first KiB is left to boot loaders. */
struct swap_header {
	u8 boot[1024];
	le32 version, last_page, badpages;
	u8 uuid[16], label[16];
	u8 unused[SWAP_PAGE - 1024 - 3 * 4 - 32 - 10];
	u8 magic[10];
};
_Static_assert(sizeof(struct swap_header) == SWAP_PAGE, "one page");

/* A version 1 uuid: the time, and a random node that says so. */
static void time_uuid(struct env *env, u8 uuid[16])
{
	u64 ticks;
	s64 sec;
	u32 nsec;

	env_now(env, &sec, &nsec);
	ticks = (u64)sec * 10000000 + nsec / 100 + 0x01b21dd213814000ULL; /* 100 ns since October 1582 */
	env_random(env, uuid + 8, 8);
	for (unsigned i = 0; i < 4; i++)
		uuid[i] = ticks >> (24 - 8 * i);
	uuid[4] = ticks >> 40;
	uuid[5] = ticks >> 32;
	uuid[6] = (ticks >> 56 & 0x0f) | 0x10;
	uuid[7] = ticks >> 48;
	uuid[8] = (uuid[8] & 0x3f) | 0x80;
	uuid[10] |= 1;
}

static int fill_header(struct cmd_ctx *ctx, const struct swap_args *a, u64 size, struct swap_header *h)
{
	*h = (struct swap_header){ .version = le32_of(1), .last_page = le32_of(size / SWAP_PAGE - 1) };
	memcpy(h->magic, "SWAPSPACE2", sizeof(h->magic));
	if (!a->uuid || !strcmp(a->uuid, "random"))
		env_uuid(ctx->env, h->uuid);
	else if (!strcmp(a->uuid, "time"))
		time_uuid(ctx->env, h->uuid);
	else if (strcmp(a->uuid, "clear") && parse_uuid(a->uuid, h->uuid))
		return cmd_error(ctx, "UUID not recognized: %s", a->uuid);
	return 0;
}

static int fill_mounted(struct cmd_ctx *ctx, int fd, const char *path, u64 size, const struct swap_header *h)
{
	int ret = kset_nocow(fd);

	if (ret)
		return cmd_error(ctx, "cannot set NOCOW flag: %s", strerror(-ret));
	cmd_say(ctx, 2, "set NOCOW attribute\n");
	cmd_say(ctx, 2, "fallocate to size %llu, page size %d, %llu pages\n", size, SWAP_PAGE, size / SWAP_PAGE - 1);
	ret = posix_fallocate(fd, 0, size);
	if (ret)
		return cmd_error(ctx, "cannot fallocate file: %s", strerror(ret));
	cmd_say(ctx, 2, "write swap signature\n");
	ret = io_pwrite(fd, h, sizeof(*h), 0);
	if (!ret && fsync(fd))
		ret = -errno;
	return ret ? cmd_error(ctx, "cannot write swap signature: %s", strerror(-ret)) : 0;
}

static int make_mounted(struct cmd_ctx *ctx, const char *path, u64 size, const struct swap_header *h)
{
	int ret = host_refuse_offline_options(ctx, path), fd;

	if (ret)
		return ret;
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return cmd_error(ctx, "cannot create new swapfile: %s", strerror(errno));
	cmd_say(ctx, 2, "create file %s with mode 0600\n", path);
	ret = fill_mounted(ctx, fd, path, size, h);
	close(fd);
	if (ret)
		unlink(path);
	return ret;
}

/* Not copied on write, and hence without checksums, as the kernel has it. */
static int make_inside(struct change *c, struct loc dir, const char *name, size_t len, u64 size, const struct swap_header *h, struct err *err)
{
	struct new_inode ni = { .mode = S_IFREG | 0600, .uid = geteuid(), .gid = getegid(), .flags = BTRFS_INODE_NODATACOW | BTRFS_INODE_NODATASUM };
	struct write_opts plain = WRITE_OPTS_DEFAULT;
	struct loc loc = { .root = dir.root };
	int ret = op_create(c->txn, dir, name, len, &ni, &loc.ino, err);

	plain.nodatacow = plain.nodatasum = true;
	plain.max_inline = 0;
	if (!ret)
		ret = op_fallocate(c->txn, loc, 0, size, 0, err);
	return ret ? ret : op_write(c->txn, &plain, loc, 0, h, sizeof(*h), err);
}

static int make_offline(struct cmd_ctx *ctx, const struct target *t, u64 size, const struct swap_header *h)
{
	struct change c;
	struct loc dir;
	const char *name;
	size_t len;
	int ret = change_begin(ctx, t, &c);

	if (ret)
		return ret;
	ret = change_resolve_parent(ctx, &c, t, &dir, &name, &len);
	if (!ret) {
		ret = make_inside(&c, dir, name, len, size, h, &ctx->err);
		if (ret)
			ret = change_failed(ctx, ret, "cannot create new swapfile");
	}
	return change_end(ctx, &c, ret);
}

static int swap_run(struct cmd_ctx *ctx, void *args)
{
	const struct swap_args *a = args;
	u64 size = round_down_p2(a->has_size ? a->size : 2ULL << 30, SWAP_PAGE);
	const char *path = ctx->argv[0];
	char text[SIZE_TEXT_MAX];
	struct swap_header h;
	struct target t;
	int ret;

	if (size < SWAP_MIN)
		return cmd_error(ctx, "swapfile needs to be at least 40 KiB");
	if (size / SWAP_PAGE > 1ULL << 32)
		return cmd_error(ctx, "a swapfile cannot have more than 2^32 pages of 4 KiB");
	ret = fill_header(ctx, a, size, &h);
	if (ret)
		return ret;
	if (target_arg(ctx, path, &t))
		return cmd_error(ctx, "not enough memory");
	ret = t.kind == TARGET_INSIDE ? make_offline(ctx, &t, size, &h) : make_mounted(ctx, path, size, &h);
	target_fini(&t);
	if (!ret)
		cmd_say(ctx, 1, "create swapfile %s size %s (%llu)\n", path, units_format(size, UNITS_HUMAN, text), size);
	return ret;
}

#define OPT_STRUCT struct swap_args
static const struct opt swap_opts[] = {
	OPT_SIZE('s', "size", size, "SIZE", "create file of SIZE (accepting k/m/g/e/p suffix; default: 2G, at least 40K)"),
	OPT_STRING('U', "uuid", uuid, "UUID", "specify UUID to use, or a special value: clear (all zeros), random, time (time-based random)",
		   .complete = "clear|random|time"),
	OPT_END
};
#undef OPT_STRUCT

const struct cmd cmd_filesystem_mkswapfile = {
	.name = "mkswapfile", .usage = { "btrfs filesystem mkswapfile <file>" }, .brief = "Create a new file that's suitable and formatted as a swapfile.",
	.opts = swap_opts, CMD_ARGS(struct swap_args), .min_args = 1, .max_args = 1, .flags = CMD_QUIET | CMD_VERBOSE | CMD_WRITES, .run = swap_run,
	.complete = "file",
};
