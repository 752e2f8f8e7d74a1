/* SPDX-License-Identifier: GPL-2.0-or-later */
/* receive --to-directory: the files of a full stream, in a directory of any filesystem. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cmds/receive/hostdir.h"
#include "cmds/receive/hostfs.h"

struct plain {
	struct hostfs h;
	bool said[SEND_CMDS];        /* what could not be kept */
	VEC(struct complete { u8 uuid[16]; int fd; }) complete; /* received just now: later ones may clone from them */
};

static struct plain *of(struct apply_target *t)
{
	return container_of(t, struct plain, h.base);
}

static int begin(struct apply_target *t, const struct send_cmd *c, struct err *err)
{
	struct plain *p = of(t);
	struct hostfs *h = &p->h;
	struct stat st;
	int ret = 0;

	if (c->id == SEND_C_SNAPSHOT)
		return err_set(err, -EOPNOTSUPP, "a directory can take full streams only, this one is incremental");
	memcpy(h->name, c->v[SEND_A_PATH].p, c->v[SEND_A_PATH].len);
	h->name[c->v[SEND_A_PATH].len] = '\0';
	memcpy(h->uuid, c->v[SEND_A_UUID].p, 16);
	strcpy(h->work, h->name);
	if (h->rc->args->keep) {
		ret = apply_partial_name(h->name, h->work, err);
		if (!ret && !fstatat(h->dest, h->name, &st, AT_SYMLINK_NOFOLLOW))
			ret = err_set(err, -EEXIST, "%s", strerror(EEXIST));
	}
	if (ret)
		return ret;
	if (mkdirat(h->dest, h->work, 0700))
		return err_set(err, -errno, "%s", strerror(errno));
	h->root = openat(h->dest, h->work, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return h->root < 0 ? err_set(err, -errno, "%s", strerror(errno)) : 0;
}

/* Ordinary users keep no owners, some filesystems no attributes: said once, no failure. */
static bool forgive(struct hostfs *h, const struct send_cmd *c, int code)
{
	struct plain *p = of(&h->base);
	const char *what;

	switch (c->id) {
	case SEND_C_CHOWN: what = "owners"; break;
	case SEND_C_SET_XATTR: case SEND_C_REMOVE_XATTR: what = "some extended attributes"; break;
	case SEND_C_FILEATTR: what = "file attributes"; break;
	case SEND_C_ENABLE_VERITY: what = "fs-verity"; break;
	default: return false;
	}
	if (code != -EPERM && code != -EOPNOTSUPP && code != -ENOTTY && !(c->id == SEND_C_REMOVE_XATTR && code == -ENODATA))
		return false;
	if (code != -ENODATA && !p->said[c->id])
		env_msg(h->rc->ctx->env, MSG_WARNING, "%s cannot be kept here: %s", what, strerror(-code));
	p->said[c->id] = true;
	return true;
}

static int clone_source(struct hostfs *h, const struct send_cmd *c, int *root, struct err *err)
{
	struct plain *p = of(&h->base);

	for (size_t i = 0; i < p->complete.len; i++)
		if (!memcmp(p->complete.v[i].uuid, c->v[SEND_A_CLONE_UUID].p, 16)) {
			*root = p->complete.v[i].fd;
			return 0;
		}
	return err_set(err, -ENOENT, "clone: the source is another subvolume, and not in this stream");
}

static int finish(struct apply_target *t, struct err *err)
{
	struct plain *p = of(t);
	struct hostfs *h = &p->h;
	struct complete done = { .fd = h->root };

	hostfs_drop(h);
	if (strcmp(h->work, h->name) && renameat2(h->dest, h->work, h->dest, h->name, RENAME_NOREPLACE))
		return err_errno(err, -errno, "cannot rename %s to %s", h->work, h->name);
	memcpy(done.uuid, h->uuid, 16);
	if (p->complete.len == 64) {
		close(p->complete.v[0].fd);
		vec_remove(&p->complete, 0);
	}
	if (vec_push(&p->complete, done))
		return err_nomem(err);
	h->root = -1;
	return 0;
}

static void abandon(struct apply_target *t, const struct send_token *at)
{
	struct hostfs *h = &of(t)->h;
	char partial[256];
	int ret = 0;

	hostfs_drop(h);
	if (h->rc->args->keep) {
		if (!strcmp(h->work, h->name) && !apply_partial_name(h->name, partial, NULL) && !renameat2(h->dest, h->work, h->dest, partial, RENAME_NOREPLACE))
			strcpy(h->work, partial);
		env_msg(h->rc->ctx->env, MSG_NOTE, "%s is incomplete", h->work);
	} else {
		fchmod(h->root, 0700);
		ret = hostdir_empty(h->root);
		if (!ret && unlinkat(h->dest, h->work, AT_REMOVEDIR))
			ret = -errno;
		if (ret)
			env_msg(h->rc->ctx->env, MSG_WARNING, "cannot remove the incomplete directory %s: %s", h->work, strerror(-ret));
	}
	close(h->root);
	h->root = -1;
}

static const struct apply_ops ops = { .begin = begin, .finish = finish, .abandon = abandon,
	.cmd = { HOSTFS_COMMANDS, [SEND_C_FILEATTR] = hostfs_fileattr, [SEND_C_ENABLE_VERITY] = hostfs_verity } };

int receive_directory(struct receive *rc)
{
	struct plain p = { .said = { false } };
	int ret;

	hostfs_init(&p.h, rc, &ops);
	p.h.no_encoded = true;
	p.h.source = clone_source;
	p.h.forgive = forgive;
	p.h.dest = open(rc->dest, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ret = p.h.dest < 0 ? cmd_error(rc->ctx, errno == ENOTDIR ? "not a directory: %s" : "cannot access '%s': No such file or directory", rc->dest) : 0;
	if (!ret)
		ret = receive_run(rc, &p.h.base, NULL);
	for (size_t i = 0; i < p.complete.len; i++)
		close(p.complete.v[i].fd);
	vec_fini(&p.complete);
	hostfs_fini(&p.h);
	return ret;
}
