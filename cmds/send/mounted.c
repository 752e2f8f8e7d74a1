/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sending from a mounted filesystem: the kernel makes the stream. */
#include "cmds/send/send.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>
#include "common/io.h"
#include "common/mem.h"
#include "common/progress.h"
#include "kernel-shared/kapi/send.h"

/* Carries the stream from the kernel's pipe to where it goes, and counts it. */
struct carrier {
	int from, to, error;
	struct progress *progress;
	bool spliced;              /* still possible */
};
enum { PIPE_SIZE = 1 << 20 };

static ssize_t carry_some(struct carrier *c, u8 *buf)
{
	ssize_t n;

	if (c->spliced) {
		n = splice(c->from, NULL, c->to, NULL, PIPE_SIZE, SPLICE_F_MOVE | SPLICE_F_MORE);
		if (n >= 0 || (errno != EINVAL && errno != EINTR))
			return n < 0 ? -errno : n;
		if (errno == EINTR)
			return -EINTR;
		c->spliced = false;
	}
	n = read(c->from, buf, PIPE_SIZE);
	if (n > 0) {
		int ret = io_write(c->to, buf, n);

		return ret ? ret : n;
	}
	return n < 0 ? -errno : n;
}

static void *carry(void *arg)
{
	struct carrier *c = arg;
	u8 *buf = mem_alloc_io(PIPE_SIZE);

	c->error = buf ? 0 : -ENOMEM;
	while (!c->error) {
		ssize_t n = carry_some(c, buf);

		if (!n)
			break;
		if (n > 0)
			progress_add(c->progress, n);
		else if (n != -EINTR)
			c->error = n;
	}
	free(buf);
	/* The kernel gets EPIPE and stops. */
	close(c->from);
	return NULL;
}

static int send_one(struct cmd_ctx *ctx, struct send_run *r, const struct send_source *s, u64 parent, unsigned flags, struct carrier *c)
{
	u64 *ids CLEANUP(mem_freep) = mem_calloc(r->clones.len + 1, sizeof(*ids));
	pthread_t thread;
	int ends[2], ret;

	if (!ids)
		return cmd_error(ctx, "not enough memory");
	for (size_t i = 0; i < r->clones.len; i++)
		ids[i] = r->clones.v[i].id;
	if (pipe2(ends, O_CLOEXEC))
		return cmd_error(ctx, "cannot create a pipe: %s", strerror(errno));
	fcntl(ends[1], F_SETPIPE_SZ, PIPE_SIZE);
	c->from = ends[0];
	c->error = 0;
	ret = pthread_create(&thread, NULL, carry, c);
	if (ret) {
		close(ends[0]);
		close(ends[1]);
		return cmd_error(ctx, "cannot start a thread: %s", strerror(ret));
	}
	ret = ksend(s->host.fd, ends[1], parent, ids, r->clones.len, r->version, flags);
	close(ends[1]);
	pthread_join(thread, NULL);
	if (ret == -EINTR || env_check_interrupt(ctx->env, NULL))
		return cmd_error(ctx, "interrupted");
	/* Who reads no more has seen enough: the exit code says so. */
	if (c->error == -EPIPE)
		return 1;
	if (c->error)
		return cmd_error(ctx, "failed to dump stream: %s", strerror(-c->error));
	if (ret < 0) {
		cmd_error(ctx, "send ioctl failed with %d: %s", ret, strerror(-ret));
		if (ret == -EINVAL && (!parent || r->clones.len))
			env_msg(ctx->env, MSG_NOTE, "Try upgrading your kernel or don't use -e.");
		return 1;
	}
	if (send_level(ctx) > 1)
		env_msg(ctx->env, MSG_NOTE, "BTRFS_IOC_SEND returned %d", ret);
	return 0;
}

int send_mounted(struct cmd_ctx *ctx, struct send_run *r)
{
	const struct send_args *a = r->args;
	struct carrier c = { .to = r->fd, .spliced = true, .progress = progress_new("Sending", PROGRESS_BYTES, 0, ctx->progress) };
	int ret = 0;

	for (size_t i = 0; !ret && i < r->sent.len; i++) {
		const struct send_source *s = &r->sent.v[i];
		unsigned flags = (a->no_data ? KSEND_NO_DATA : 0) | (a->compressed ? KSEND_COMPRESSED : 0);
		u64 parent;

		if (a->multi && i)
			flags |= KSEND_OMIT_HEADER;
		if (a->multi && i + 1 < r->sent.len)
			flags |= KSEND_OMIT_END;
		ret = send_choose_parent(ctx, r, s, &parent);
		if (ret)
			break;
		send_announce(ctx, s);
		ret = send_one(ctx, r, s, parent, flags, &c);
		if (!ret && a->clones.len)
			ret = send_add_clone(ctx, r, s);
	}
	progress_free(c.progress);
	return ret;
}
