/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Receiving into a mounted filesystem. Spec: send-stream 8. */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>
#include "cmds/receive/hostdir.h"
#include "cmds/receive/hostfs.h"
#include "common/mem.h"
#include "kernel-shared/kapi/receive.h"
#include "kernel-shared/kapi/subvol.h"

struct source { u8 uuid[16]; int fd; };

struct mounted {
	struct hostfs h;
	VEC(struct source) sources;  /* opened for clones */
	VEC(struct source) family;   /* parents, and what was received just now: fd -1 */
	struct apply_note note;
};

static struct mounted *of(struct apply_target *t)
{
	return container_of(t, struct mounted, h.base);
}

/* The first of the subvolumes of a list that opens; readonly: only one that cannot change. */
static int open_first(int dest, const struct ksubvol_ids *ids, bool readonly)
{
	for (size_t i = 0; i < ids->len; i++) {
		int fd = ksubvol_open(dest, ids->v[i]);
		bool ro = false;

		if (fd < 0 && fd != -ESTALE && fd != -ENOENT)
			return fd;
		if (fd >= 0 && (!readonly || (!ksubvol_readonly(fd, &ro) && ro)))
			return fd;
		if (fd >= 0)
			close(fd);
	}
	return -ENOENT;
}

/* A subvolume that was received with this uuid, or has it. A descriptor. */
static int open_by_uuid(int dest, const u8 uuid[16], bool readonly, struct err *err)
{
	int ret = -ENOENT;

	for (unsigned received = 2; received-- && ret == -ENOENT;) {
		struct ksubvol_ids ids = VEC_INIT;

		ret = ksubvol_by_uuid(dest, uuid, received, &ids, err);
		if (!ret)
			ret = open_first(dest, &ids, readonly);
		vec_fini(&ids);
	}
	return ret;
}

static int is_family(const struct mounted *m, const u8 uuid[16])
{
	for (size_t i = 0; i < m->family.len; i++)
		if (!memcmp(m->family.v[i].uuid, uuid, 16))
			return true;
	return false;
}

static int add_family(struct mounted *m, const u8 uuid[16], struct err *err)
{
	struct source s = { .fd = -1 };

	memcpy(s.uuid, uuid, 16);
	return is_family(m, uuid) ? 0 : vec_push(&m->family, s) ? err_nomem(err) : 0;
}

static int clone_source(struct hostfs *h, const struct send_cmd *c, int *root, struct err *err)
{
	struct mounted *m = of(&h->base);
	struct source s = { .fd = -1 };
	bool narrow = h->rc->args->sources && !strcmp(h->rc->args->sources, "parents");

	memcpy(s.uuid, c->v[SEND_A_CLONE_UUID].p, 16);
	for (size_t i = 0; i < m->sources.len; i++)
		if (!memcmp(m->sources.v[i].uuid, s.uuid, 16)) {
			*root = m->sources.v[i].fd;
			return 0;
		}
	if (narrow && !is_family(m, s.uuid))
		return apply_missing(err, -EACCES, "clone: the source is no parent: subvol", s.uuid);
	s.fd = open_by_uuid(h->dest, s.uuid, true, err);
	if (s.fd < 0)
		return apply_missing(err, s.fd, "clone: cannot find source subvol", s.uuid);
	if (m->sources.len == 64) {
		close(m->sources.v[0].fd);
		vec_remove(&m->sources, 0);
	}
	*root = s.fd;
	return vec_push(&m->sources, s) ? err_nomem(err) : 0;
}

static int make_snapshot(struct mounted *m, const struct send_cmd *c, struct err *err)
{
	const u8 *uuid = c->v[SEND_A_CLONE_UUID].p;
	int ret, fd = open_by_uuid(m->h.dest, uuid, false, err);

	if (fd < 0)
		return apply_missing(err, fd, "cannot find parent subvolume", uuid);
	ret = ksubvol_snapshot(m->h.dest, m->h.work, fd, false, NULL, 0);
	close(fd);
	if (ret)
		return err_set(err, ret, "%s", strerror(-ret));
	memcpy(m->note.parent, uuid, 16);
	return add_family(m, uuid, err);
}

static int open_root(struct hostfs *h, struct err *err)
{
	struct stat st;

	h->root = openat(h->dest, h->work, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (h->root < 0)
		return err_set(err, -errno, "%s", strerror(errno));
	if (!fstat(h->root, &st) && st.st_ino == BTRFS_FIRST_FREE_OBJECTID)
		return 0;
	close(h->root);
	h->root = -1;
	return err_set(err, -EINVAL, "not a subvolume");
}

static int begin(struct apply_target *t, const struct send_cmd *c, struct err *err)
{
	struct mounted *m = of(t);
	struct hostfs *h = &m->h;
	struct stat st;
	int ret = 0;

	memcpy(h->name, c->v[SEND_A_PATH].p, c->v[SEND_A_PATH].len);
	h->name[c->v[SEND_A_PATH].len] = '\0';
	memcpy(h->uuid, c->v[SEND_A_UUID].p, 16);
	h->ctransid = send_num(c, SEND_A_CTRANSID);
	memset(m->note.parent, 0, 16);
	strcpy(h->work, h->name);
	if (h->rc->args->keep) {
		ret = apply_partial_name(h->name, h->work, err);
		if (!ret && !fstatat(h->dest, h->name, &st, AT_SYMLINK_NOFOLLOW))
			ret = err_set(err, -EEXIST, "%s", strerror(EEXIST));
	}
	if (ret)
		return ret;
	if (c->id == SEND_C_SNAPSHOT) {
		ret = make_snapshot(m, c, err);
	} else {
		ret = ksubvol_create(h->dest, h->work, NULL, 0);
		if (ret)
			err_set(err, ret, "%s", strerror(-ret));
	}
	return ret ? ret : open_root(h, err);
}

static int resume(struct apply_target *t, const struct send_token *at, struct err *err)
{
	struct mounted *m = of(t);
	int ret = open_root(&m->h, err);

	memcpy(m->h.uuid, at->uuid, 16);
	m->h.ctransid = m->note.ctransid;
	return ret ? ret : add_family(m, m->note.parent, err);
}

static void end(struct hostfs *h)
{
	hostfs_drop(h);
	close(h->root);
	h->root = -1;
}

static int finish(struct apply_target *t, struct err *err)
{
	struct mounted *m = of(t);
	struct hostfs *h = &m->h;
	int ret = 0;

	hostfs_drop(h);
	if (h->rc->apply.resume && fremovexattr(h->root, APPLY_XATTR) && errno != ENODATA)
		return err_errno(err, -errno, "cannot take the note off %s", h->work);
	if (strcmp(h->work, h->name) && renameat2(h->dest, h->work, h->dest, h->name, RENAME_NOREPLACE))
		return err_errno(err, -errno, "cannot rename %s to %s", h->work, h->name);
	strcpy(h->work, h->name);
	ret = ksubvol_set_received(h->root, h->uuid, h->ctransid);
	if (ret)
		return err_errno(err, ret, "cannot mark subvolume %s as received", h->name);
	ret = ksubvol_set_readonly(h->root, true);
	if (ret)
		return err_errno(err, ret, "cannot make subvolume %s read-only", h->name);
	ret = add_family(m, h->uuid, err);
	end(h);
	return ret;
}

/* Notes where it can go on, under a name that says so. */
static void keep(struct mounted *m, const struct send_token *at)
{
	struct hostfs *h = &m->h;
	struct env *env = h->rc->ctx->env;
	struct strbuf text = STRBUF_INIT;
	char partial[256];

	ksubvol_clear_received(h->root);
	if (strcmp(h->work, h->name) == 0 && !apply_partial_name(h->name, partial, NULL) && !renameat2(h->dest, h->work, h->dest, partial, RENAME_NOREPLACE))
		strcpy(h->work, partial);
	if (!at) {
		env_msg(env, MSG_NOTE, "%s is incomplete and cannot go on: commands after the failed one were done", h->work);
		return;
	}
	m->note.token = *at;
	m->note.ctransid = h->ctransid;
	apply_note_text(&m->note, &text);
	if (fsetxattr(h->root, APPLY_XATTR, sb_str(&text), text.len, 0))
		env_msg(env, MSG_WARNING, "cannot note in %s where it can go on: %s", h->work, strerror(errno));
	else
		receive_say_token(h->rc, at, h->work);
	sb_fini(&text);
}

static void abandon(struct apply_target *t, const struct send_token *at)
{
	struct mounted *m = of(t);
	struct hostfs *h = &m->h;
	int ret;

	hostfs_drop(h);
	if (h->rc->args->keep) {
		keep(m, at);
	} else {
		ksubvol_set_readonly(h->root, false);
		ksubvol_clear_received(h->root);
		ret = ksubvol_delete(h->dest, h->work);
		if (ret)
			env_msg(h->rc->ctx->env, MSG_WARNING, "cannot remove the incomplete subvolume %s: %s", h->work, strerror(-ret));
	}
	end(h);
}

static const struct apply_ops ops = { .begin = begin, .resume = resume, .finish = finish, .abandon = abandon,
	.cmd = { HOSTFS_COMMANDS, [SEND_C_FILEATTR] = hostfs_fileattr, [SEND_C_ENABLE_VERITY] = hostfs_verity } };

/* The note of an entry of the destination that is an incomplete subvolume. */
static bool read_note(int dest, const char *name, struct apply_note *note)
{
	size_t len = strlen(name), tail = strlen(APPLY_PARTIAL);
	char text[256];
	ssize_t n;
	int fd;

	if (len <= tail || strcmp(name + len - tail, APPLY_PARTIAL))
		return false;
	fd = openat(dest, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = fgetxattr(fd, APPLY_XATTR, text, sizeof(text));
	close(fd);
	return n > 0 && !apply_note_parse(text, n, note, NULL);
}

struct search { struct mounted *m; const struct send_token *want; unsigned found; };

static int look(void *arg, int dir, const char *name)
{
	struct search *s = arg;
	struct apply_note note;

	if (!read_note(dir, name, &note) || (s->want && memcmp(note.token.uuid, s->want->uuid, 16)))
		return 0;
	s->found++;
	s->m->note = note;
	strcpy(s->m->h.work, name);
	strcpy(s->m->h.name, name);
	s->m->h.name[strlen(name) - strlen(APPLY_PARTIAL)] = '\0';
	return 0;
}

/* The incomplete subvolume of the destination: the one of the token, or the only one. */
static int find_partial(struct mounted *m)
{
	struct cmd_ctx *ctx = m->h.rc->ctx;
	const char *text = m->h.rc->args->resume, *dest = m->h.rc->dest;
	struct send_token want;
	struct search s = { m, text && *text ? &want : NULL, 0 };
	int ret = s.want ? send_token_parse(text, &want, &ctx->err) : 0;

	if (ret)
		return cmd_error(ctx, "%s", err_text(&ctx->err));
	ret = hostdir_each(m->h.dest, look, &s);
	if (ret)
		return cmd_error(ctx, "cannot read %s: %s", dest, strerror(-ret));
	if (!s.found)
		return cmd_error(ctx, "nothing to go on with in %s: no incomplete subvolume%s", dest, s.want ? " of that token" : "");
	if (s.found > 1)
		return cmd_error(ctx, "several incomplete subvolumes in %s: --resume=TOKEN says which", dest);
	return 0;
}

static int open_dest(struct mounted *m)
{
	struct receive *rc = m->h.rc;
	struct cmd_ctx *ctx = rc->ctx;
	char *real CLEANUP(mem_freep) = realpath(rc->dest, NULL), *top CLEANUP(mem_freep) = NULL;
	struct statfs fs;
	struct stat st;
	size_t len;

	if (!real || stat(real, &st))
		return cmd_error(ctx, "cannot access '%s': %s", rc->dest, strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return cmd_error(ctx, "not a directory: %s", rc->dest);
	if (rc->args->mount) {
		top = realpath(rc->args->mount, NULL);
		len = top ? strlen(top) : 0;
		if (!top || strncmp(real, top, len) || (real[len] && real[len] != '/' && strcmp(top, "/")))
			return cmd_error(ctx, "%s doesn't belong to btrfs mount point", rc->dest);
	}
	m->h.dest = open(real, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (m->h.dest < 0)
		return cmd_error(ctx, "cannot open %s: %s", rc->dest, strerror(errno));
	if (fstatfs(m->h.dest, &fs) || (u32)fs.f_type != BTRFS_SUPER_MAGIC)
		return cmd_error(ctx, "not a btrfs filesystem: %s (--to-directory receives the files of a full stream there)", rc->dest);
	if (rc->args->chroot && (chroot(real) || chdir("/")))
		return cmd_error(ctx, "failed to chroot to %s: %s", rc->dest, strerror(errno));
	return 0;
}

int receive_mounted(struct receive *rc)
{
	struct mounted m = { .h = { .rc = rc } };
	int ret;

	hostfs_init(&m.h, rc, &ops);
	m.h.source = clone_source;
	ret = open_dest(&m);
	if (!ret && rc->args->has_resume)
		ret = find_partial(&m);
	if (!ret)
		ret = receive_run(rc, &m.h.base, rc->args->has_resume ? &m.note.token : NULL);
	for (size_t i = 0; i < m.sources.len; i++)
		close(m.sources.v[i].fd);
	vec_fini(&m.sources);
	vec_fini(&m.family);
	hostfs_fini(&m.h);
	return ret;
}
