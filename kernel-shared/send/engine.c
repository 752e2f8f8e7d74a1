/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Subvolumes of a stream: begun, taken up again, finished, given up. Spec: send-stream 8.2, 8.5. */
#include "kernel-shared/send/engine_priv.h"

void engine_free(struct engine *e)
{
	if (!e)
		return;
	for (unsigned i = 0; i < ENGINE_DIRS; i++)
		free(e->dirs[i].path);
	vec_fini(&e->sources);
	vec_fini(&e->family);
	free(e->p.data);
	free(e->p.target);
	free(e->decoded);
	free(e);
}

struct apply_target *engine_target(struct engine *e)
{
	return &e->base;
}

/* --- where clones and snapshots come from --- */

bool engine_is_family(const struct engine *e, const u8 uuid[16])
{
	for (size_t i = 0; i < e->family.len; i++)
		if (!memcmp(e->family.v[i].uuid, uuid, 16))
			return true;
	return false;
}

int engine_add_family(struct engine *e, const u8 uuid[16], struct err *err)
{
	struct source s = { .root = NULL };

	memcpy(s.uuid, uuid, 16);
	return engine_is_family(e, uuid) ? 0 : vec_push(&e->family, s) ? err_nomem(err) : 0;
}

/* By the uuid that it was received with, or its own. */
static int find_subvol(struct engine *e, const u8 uuid[16], u64 *id, struct err *err)
{
	int ret = subvol_by_uuid(e->fs, uuid, true, id, err);

	return ret == -ENOENT ? subvol_by_uuid(e->fs, uuid, false, id, err) : ret;
}

int engine_source(struct engine *e, const u8 uuid[16], struct root **out, struct err *err)
{
	struct source s;
	u64 id;
	int ret;

	for (size_t i = 0; i < e->sources.len; i++)
		if (!memcmp(e->sources.v[i].uuid, uuid, 16)) {
			*out = e->sources.v[i].root;
			return 0;
		}
	if (e->opts.parents_only && !engine_is_family(e, uuid))
		return apply_missing(err, -EACCES, "clone: the source is no parent: subvol", uuid);
	ret = find_subvol(e, uuid, &id, err);
	if (!ret)
		ret = fs_subvol_root(e->fs, id, &s.root, err);
	if (!ret && !(le64_get(s.root->item.flags) & BTRFS_ROOT_SUBVOL_RDONLY))
		ret = -ENOENT;
	if (ret)
		return apply_missing(err, ret, "clone: cannot find source subvol", uuid);
	memcpy(s.uuid, uuid, 16);
	*out = s.root;
	return vec_push(&e->sources, s) ? err_nomem(err) : 0;
}

/* --- a subvolume's life --- */

static int open_root(struct engine *e, struct err *err)
{
	engine_forget(e);
	pending_clear(e);
	e->sources.len = 0;
	return fs_subvol_root(e->fs, e->id, &e->root, err);
}

static int check_free(struct engine *e, const char *name, struct err *err)
{
	struct dirent d;
	int ret = dir_lookup(e->dest.root, e->dest.ino, name, strlen(name), &d, err);

	return !ret ? err_set(err, -EEXIST, "File exists") : ret == -ENOENT ? 0 : ret;
}

static int begin(struct apply_target *t, const struct send_cmd *c, struct err *err)
{
	struct engine *e = engine_of(t);
	const u8 *parent = c->v[SEND_A_CLONE_UUID].p;
	u64 source;
	int ret;

	memcpy(e->name, c->v[SEND_A_PATH].p, c->v[SEND_A_PATH].len);
	e->name[c->v[SEND_A_PATH].len] = '\0';
	strcpy(e->work, e->name);
	memset(&e->note, 0, sizeof(e->note));
	memcpy(e->note.token.uuid, c->v[SEND_A_UUID].p, 16);
	e->note.ctransid = send_num(c, SEND_A_CTRANSID);
	e->noted = e->kept = false;
	ret = e->opts.keep ? apply_partial_name(e->name, e->work, err) : 0;
	if (!ret)
		ret = check_free(e, e->name, err);
	if (ret)
		return ret;
	if (c->id == SEND_C_SUBVOL) {
		ret = op_subvol_create(e->txn, e->dest, e->work, strlen(e->work), NULL, &e->id, err);
		return ret ? ret : open_root(e, err);
	}
	ret = find_subvol(e, parent, &source, err);
	if (ret)
		return apply_missing(err, ret, "cannot find parent subvolume", parent);
	memcpy(e->note.parent, parent, 16);
	ret = op_subvol_snapshot(e->txn, source, e->dest, e->work, strlen(e->work), false, NULL, &e->id, err);
	if (!ret)
		ret = engine_add_family(e, parent, err);
	return ret ? ret : open_root(e, err);
}

static int resume(struct apply_target *t, const struct send_token *at, struct err *err)
{
	struct engine *e = engine_of(t);

	e->since = at->offset;
	return open_root(e, err);
}

static struct loc top(struct engine *e)
{
	return engine_at(e, BTRFS_FIRST_FREE_OBJECTID);
}

/* Writes down where the stream can go on. */
static int note(struct engine *e, struct err *err)
{
	struct strbuf text = STRBUF_INIT;
	int ret;

	apply_note_text(&e->note, &text);
	ret = op_xattr(e->txn, top(e), APPLY_XATTR, strlen(APPLY_XATTR), text.v, text.len, 0, err);
	sb_fini(&text);
	if (!ret)
		e->noted = true;
	return ret;
}

static int pause_here(struct apply_target *t, const struct send_token *next, struct err *err)
{
	struct engine *e = engine_of(t);
	int ret;

	if (!e->opts.checkpoint || next->offset - e->since < e->opts.checkpoint)
		return 0;
	ret = pending_flush(e, err);
	e->note.token = *next;
	if (!ret)
		ret = note(e, err);
	if (!ret)
		ret = e->opts.commit(e->opts.arg, &e->txn, err);
	e->since = next->offset;
	return ret;
}

static int finish(struct apply_target *t, struct err *err)
{
	struct engine *e = engine_of(t);
	struct timespec64 zero = { 0, 0 }, now;
	struct inode inode;
	int ret = pending_flush(e, err);

	if (!ret && e->noted) {
		/* The note took the time of change; the stream said another. */
		ret = inode_get(e->root, BTRFS_FIRST_FREE_OBJECTID, &inode, err);
		if (!ret)
			ret = op_xattr(e->txn, top(e), APPLY_XATTR, strlen(APPLY_XATTR), NULL, 0, 0, err);
		if (!ret)
			ret = op_setattr(e->txn, top(e), ATTR_CTIME, &inode, err);
	}
	if (!ret && strcmp(e->work, e->name))
		ret = op_rename(e->txn, e->dest, e->work, strlen(e->work), e->dest, e->name, strlen(e->name), RENAME_NOREPLACE_OP, err);
	env_now(txn_env(e->txn), &now.sec, &now.nsec);
	if (!ret)
		ret = op_subvol_set_received(e->txn, e->id, e->note.token.uuid, e->note.ctransid, &zero, &now, err);
	if (!ret)
		ret = op_subvol_set_readonly(e->txn, e->id, true, err);
	if (!ret)
		ret = engine_add_family(e, e->note.token.uuid, err);
	if (ret)
		return err_wrap(err, ret, "cannot finish subvolume %s", e->name);
	e->root = NULL;
	return 0;
}

static void abandon(struct apply_target *t, const struct send_token *at)
{
	struct engine *e = engine_of(t);
	u8 uuid[16];

	if (!e->opts.keep || !at || writer_dead(e->fs->writer))
		return;
	memcpy(uuid, e->note.token.uuid, 16);
	if (!e->replay && pending_flush(e, NULL) && !e->replay)
		return;
	e->note.token = *at;
	memcpy(e->note.token.uuid, uuid, 16);
	if (e->replay) {
		e->note.token.offset = e->first.offset;
		e->note.token.command = e->first.command;
	}
	e->kept = !note(e, NULL);
}

bool engine_kept(const struct engine *e, struct apply_note *out, const char **name)
{
	*out = e->note;
	*name = e->work;
	return e->kept;
}

/* --- taking up what was kept --- */

static int read_note(struct engine *e, u64 id, struct apply_note *out)
{
	struct root *root;
	char *text;
	size_t len;
	int ret = fs_subvol_root(e->fs, id, &root, NULL);

	if (!ret)
		ret = xattr_get(root, BTRFS_FIRST_FREE_OBJECTID, APPLY_XATTR, &text, &len, NULL);
	if (ret)
		return ret;
	ret = apply_note_parse(text, len, out, NULL);
	free(text);
	return ret;
}

int engine_resume(struct engine *e, const u8 *uuid, struct apply_note *out, struct err *err)
{
	const size_t tail = strlen(APPLY_PARTIAL);
	struct dir_iter it = dir_open(e->dest.root, e->dest.ino);
	struct apply_note found;
	struct dirent d;
	unsigned n = 0;
	int ret;

	while (!(ret = dir_next(&it, &d, err))) {
		if (!d.is_subvol || d.name_len <= tail || d.name_len > 255 || memcmp(d.name + d.name_len - tail, APPLY_PARTIAL, tail) || read_note(e, d.ino, &found) ||
		    (uuid && memcmp(uuid, found.token.uuid, 16)))
			continue;
		n++;
		*out = e->note = found;
		e->id = d.ino;
		memcpy(e->work, d.name, d.name_len);
		e->work[d.name_len] = '\0';
		memcpy(e->name, e->work, d.name_len - tail);
		e->name[d.name_len - tail] = '\0';
	}
	dir_close(&it);
	if (ret != -ENOENT)
		return ret;
	if (n != 1)
		return n ? err_set(err, -EEXIST, "several incomplete subvolumes: --resume=TOKEN says which")
			 : err_set(err, -ENOENT, "nothing to go on with: no incomplete subvolume%s", uuid ? " of that token" : "");
	e->noted = true;
	return engine_add_family(e, e->note.parent, err);
}

static const struct apply_ops ops = { .begin = begin, .resume = resume, .pause = pause_here, .finish = finish, .abandon = abandon, .cmd = ENGINE_COMMANDS };

int engine_new(struct engine **out, struct txn *txn, struct loc dest, const struct engine_opts *opts, struct err *err)
{
	struct engine *e = calloc(1, sizeof(*e));

	*out = e;
	if (!e)
		return err_nomem(err);
	e->opts = *opts;
	e->txn = txn;
	e->fs = dest.root->fs;
	e->dest = dest;
	e->epoch = 1;
	e->base.ops = &ops;
	e->p.data = malloc(ENGINE_DATA);
	e->p.target = malloc(SEND_PATH_MAX);
	if (e->p.data && e->p.target)
		return 0;
	engine_free(e);
	*out = NULL;
	return err_nomem(err);
}
