/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From two snapshots to commands. A first walk over what differs notes what concerns directories and lost names, sorted by phase; a second one, between the
 * phases before and after, sends the files. */
#include "common/mem.h"
#include "common/sortrun.h"
#include "kernel-shared/send/gen.h"

#include <stdlib.h>
#include <sys/stat.h>

/* In this order. */
enum phase {
	DIR_AWAY,   /* a directory that has moved leaves its old place, top down */
	NAMES_GO,   /* names that files have lost */
	DIR_GONE,   /* removed directories, bottom up */
	DIR_HERE,   /* new directories, and moved ones that had to wait, top down */
	FILES,      /* send_files */
	DIR_DONE,   /* attributes of directories */
	PHASES
};
struct step { u8 phase, depth[4] /* NAMES_GO: 1 for an inode that lives on */, ino[8]; } PACKED;
enum { STEP_MEMORY = 8 << 20 };

struct notes {
	struct gen *g;
	struct sortrun *steps;
	u64 ino;                    /* a file that is in both; lost: some of its names may be gone */
	bool lost;
	struct refs now, old;
};

static int note(struct notes *n, enum phase phase, u32 depth, u64 ino)
{
	struct step s = { .phase = phase };

	put_le32(s.depth, __builtin_bswap32(depth)); /* memcmp sorts what has its big end first */
	put_le64(s.ino, __builtin_bswap64(ino));
	return sortrun_add(n->steps, &s, 0);
}

static int note_dir(struct notes *n, enum phase phase, struct side *side, u64 ino)
{
	u32 depth;
	int ret = side_depth(side, ino, &depth, n->g->err);

	return ret ? ret : note(n, phase, phase == DIR_GONE ? ~depth : depth, ino);
}

/* A directory that is in left, and perhaps in right. */
static int note_directory(struct notes *n, const struct change *c)
{
	struct names *names = &n->g->names;
	int ret, moved = 0, placed = 0;

	if (c->has_old) {
		moved = names_moved(names, c->ino, n->g->err);
		placed = moved > 0 ? names_placed(names, c->ino, n->g->err) : 0;
		if (moved < 0 || placed < 0)
			return moved < 0 ? moved : placed;
	}
	ret = note(n, DIR_DONE, 0, c->ino);
	if (!ret && moved)
		ret = note_dir(n, DIR_AWAY, &names->right, c->ino);
	if (!ret && (c->has_old ? moved && !placed : true))
		ret = note_dir(n, DIR_HERE, &names->left, c->ino);
	return ret;
}

static int note_change(void *arg, const struct change *c)
{
	struct notes *n = arg;
	int ret = 0;

	if (c->ino == BTRFS_FIRST_FREE_OBJECTID)
		return 1;
	if (c->has_now && S_ISDIR(c->now.mode))
		ret = note_directory(n, c);
	else if (c->has_old && S_ISDIR(c->old.mode))
		ret = note_dir(n, DIR_GONE, &n->g->names.right, c->ino);
	else if (c->has_old && !c->has_now)
		ret = note(n, NAMES_GO, 0, c->ino);
	else if (c->has_old) {
		/* Its names tell. */
		n->ino = c->ino;
		n->lost = false;
		return 0;
	}
	return ret ? ret : 1;
}

/* Names of a file that is in both: are they the same names of the same directories? */
static int note_names(void *arg, const struct item *now, const struct item *old, bool same)
{
	struct notes *n = arg;
	struct inode_ref_view ref;
	u32 pos = 0;

	if (!old || n->lost || (old->key.type != BTRFS_INODE_REF_KEY && old->key.type != BTRFS_INODE_EXTREF_KEY))
		return 0;
	n->lost = !same;
	while (!n->lost && inode_ref_next(old, &pos, &ref)) {
		int dir = names_same_dir(&n->g->names, ref.parent, n->g->err);

		if (dir < 0)
			return dir;
		n->lost = !dir;
	}
	return 0;
}

static int note_lost(void *arg)
{
	struct notes *n = arg;

	return n->lost ? note(n, NAMES_GO, 1, n->ino) : 0;
}

static int command(struct gen *g, enum send_cmd_id cmd, const struct spath *path)
{
	struct send_writer *w = emit_begin(g->emit, cmd);

	send_bytes(w, SEND_A_PATH, spath_text(path), spath_len(path));
	return emit_end(g->emit);
}

static int rename_to(struct gen *g, const struct spath *from, const struct spath *to)
{
	struct send_writer *w = emit_begin(g->emit, SEND_C_RENAME);

	send_bytes(w, SEND_A_PATH, spath_text(from), spath_len(from));
	send_bytes(w, SEND_A_PATH_TO, spath_text(to), spath_len(to));
	return emit_end(g->emit);
}

/* Where left has a directory. */
static int final_path(struct gen *g, const struct place *l, struct spath *out)
{
	return names_path(&g->names, STEP_LEFT, l->parent, l->name, l->name_len, out, g->err);
}

static int dir_away(struct gen *g, u64 ino)
{
	struct spath from, to;
	struct place l, r;
	int ret = side_place(&g->names.left, ino, &l, g->err), placed;

	if (!ret)
		ret = side_place(&g->names.right, ino, &r, g->err);
	if (!ret)
		ret = names_path(&g->names, STEP_MOVED, r.parent, r.name, r.name_len, &from, g->err);
	placed = ret ? ret : names_placed(&g->names, ino, g->err);
	if (placed < 0)
		return placed;
	ret = placed ? final_path(g, &l, &to) : names_temporary(&g->names, ino, l.gen, &to, g->err);
	return ret ? ret : rename_to(g, &from, &to);
}

static int old_path(struct notes *n, const struct name_ref *ref, struct spath *out)
{
	return names_path(&n->g->names, STEP_MOVED, ref->parent, ref_name(&n->old, ref), ref->len, out, n->g->err);
}

/* The last name of an inode that lives on is not removed but becomes its first new one, or a temporary one. */
static int rescue_name(struct notes *n, u64 ino, const struct name_ref *ref)
{
	const struct name_ref *first = &n->now.v.v[0];
	struct names *names = &n->g->names;
	struct spath from, to;
	struct place l;
	int ret = old_path(n, ref, &from), placed;

	placed = ret ? ret : names_file_placed(names, ino, &n->now, n->g->err);
	if (placed < 0)
		return placed;
	if (!placed)
		ret = side_place(&names->left, ino, &l, n->g->err);
	if (!ret)
		ret = placed ? names_path(names, STEP_LEFT, first->parent, ref_name(&n->now, first), first->len, &to, n->g->err) :
			names_temporary(names, ino, l.gen, &to, n->g->err);
	return ret ? ret : rename_to(n->g, &from, &to);
}

/* alive: the inode is in left, too. */
static int names_go(struct notes *n, u64 ino, bool alive)
{
	struct names *names = &n->g->names;
	bool kept = false;
	int ret = refs_read(&n->old, &names->right, ino, n->g->err);

	n->now.v.len = 0;
	if (!ret && alive)
		ret = refs_read(&n->now, &names->left, ino, n->g->err);
	if (!ret)
		ret = names_match(names, &n->now, &n->old, n->g->err);
	if (ret)
		return ret;
	for (size_t i = 0; alive && i < n->now.v.len; i++)
		kept |= n->now.v.v[i].both;
	for (size_t i = 0; !ret && i < n->old.v.len; i++) {
		const struct name_ref *ref = &n->old.v.v[i];
		struct spath path;

		if (alive && ref->both)
			continue;
		if (alive && !kept && n->now.v.len) {
			ret = rescue_name(n, ino, ref);
			kept = true;
			continue;
		}
		ret = old_path(n, ref, &path);
		if (!ret)
			ret = command(n->g, SEND_C_UNLINK, &path);
	}
	return ret;
}

static int dir_gone(struct gen *g, u64 ino)
{
	struct spath path;
	struct place r;
	int ret = side_place(&g->names.right, ino, &r, g->err);

	if (!ret)
		ret = names_path(&g->names, STEP_MOVED, r.parent, r.name, r.name_len, &path, g->err);
	return ret ? ret : command(g, SEND_C_RMDIR, &path);
}

static int make_dir(struct gen *g, const struct place *l, const struct spath *at)
{
	struct send_writer *w = emit_begin(g->emit, SEND_C_MKDIR);

	send_bytes(w, SEND_A_PATH, spath_text(at), spath_len(at));
	send_u64(w, SEND_A_INO, l->ino);
	return emit_end(g->emit);
}

static int dir_here(struct gen *g, u64 ino)
{
	int old = names_same_dir(&g->names, ino, g->err), breeds, ret;
	struct spath path, temporary;
	struct place l;

	if (old < 0)
		return old;
	ret = side_place(&g->names.left, ino, &l, g->err);
	if (!ret)
		ret = final_path(g, &l, &path);
	breeds = ret || l.parent == BTRFS_FIRST_FREE_OBJECTID ? ret : names_breeds(&g->names, l.parent, g->err);
	if (breeds < 0)
		return breeds;
	if (!old && !breeds)
		return make_dir(g, &l, &path);
	ret = names_temporary(&g->names, ino, l.gen, &temporary, g->err);
	if (!ret && !old)
		ret = make_dir(g, &l, &temporary);
	return ret ? ret : rename_to(g, &temporary, &path);
}

static int dir_done(struct gen *g, u64 ino)
{
	bool root = ino == BTRFS_FIRST_FREE_OBJECTID;
	int has_old = names_same_dir(&g->names, ino, g->err), ret;
	struct inode now, old;
	struct spath path;

	if (has_old < 0)
		return has_old;
	ret = names_path(&g->names, STEP_LEFT, ino, NULL, 0, &path, g->err);
	if (!ret)
		ret = inode_get(g->names.left.root, ino, &now, g->err);
	if (!ret && has_old)
		ret = inode_get(g->names.right.root, ino, &old, g->err);
	g->attrs.acl = g->attrs.has_capability = false;
	if (!ret)
		ret = attrs_xattrs(g, spath_text(&path), spath_len(&path), ino, has_old, root);
	return ret ? ret : attrs_finish(g, spath_text(&path), spath_len(&path), &now, has_old ? &old : NULL);
}

static int do_step(struct notes *n, const struct step *s)
{
	u64 ino = __builtin_bswap64(get_le64(s->ino));

	switch (s->phase) {
	case DIR_AWAY: return dir_away(n->g, ino);
	case NAMES_GO: return names_go(n, ino, get_le32(s->depth) != 0);
	case DIR_GONE: return dir_gone(n->g, ino);
	case DIR_HERE: return dir_here(n->g, ino);
	case FILES: return send_files(n->g);
	default: return dir_done(n->g, ino);
	}
}

static int do_steps(struct notes *n)
{
	struct err runs = ERR_INIT;
	const struct step *s;
	int ret = 0;

	while (!ret && (s = sortrun_next(n->steps, &runs)))
		ret = do_step(n, s);
	if (ret || !runs.code)
		return ret;
	*n->g->err = runs;
	return runs.code;
}

/* The root may pass something on to what is made in it, and so do flags. */
static int bare_root(struct gen *g)
{
	struct place r;
	int ret = attrs_bare_root(g);

	if (!ret)
		ret = side_place(&g->names.right, BTRFS_FIRST_FREE_OBJECTID, &r, g->err);
	return ret || g->emit->version < 2 || !names_breeding_flags(r.flags) ? ret : attrs_flags(g, "", 0, 0);
}

static int send_changes(struct gen *g)
{
	static const struct change_ops ops = { note_change, note_names, note_lost };
	struct notes n = { .g = g, .steps = sortrun_new(g->fs->env, sizeof(struct step), sizeof(struct step), STEP_MEMORY) };
	int ret = n.steps ? changes_walk(&g->names, &ops, &n, g->err) : err_nomem(g->err);

	if (!ret)
		ret = note(&n, FILES, 0, 0);
	if (!ret)
		ret = sortrun_finish(n.steps, g->err);
	if (!ret && g->names.right.root)
		ret = bare_root(g);
	if (!ret)
		ret = do_steps(&n);
	if (!ret)
		ret = dir_done(g, BTRFS_FIRST_FREE_OBJECTID);
	sortrun_free(n.steps);
	refs_fini(&n.now);
	refs_fini(&n.old);
	return ret;
}

/* ---- The whole ---- */

const u8 *send_identity(const struct root *root)
{
	static const u8 none[16];

	return memcmp(root->item.received_uuid, none, sizeof(none)) ? root->item.received_uuid : root->item.uuid;
}

/* A subvolume that nobody writes to. */
static int open_root(struct gen *g, u64 id, const char *what, struct root **out)
{
	int ret;

	if (id == BTRFS_FS_TREE_OBJECTID)
		return err_set(g->err, -ENOENT, "the top-level subvolume cannot be a %s: it has no name", what);
	ret = fs_subvol_root(g->fs, id, out, g->err);
	if (ret)
		return err_wrap(g->err, ret, "cannot read %s %llu", what, id);
	if (!(le64_get((*out)->item.flags) & BTRFS_ROOT_SUBVOL_RDONLY))
		return err_set(g->err, -EPERM, "%s %llu is not read-only", what, id);
	return le32_get((*out)->item.refs) ? 0 : err_set(g->err, -EPERM, "%s %llu is being deleted", what, id);
}

static int add_source(struct gen *g, struct root *root, struct side *side)
{
	struct clone_source s = { .root = root, .side = side, .newest = le64_get(root->item.generation) };
	int ret = 0;

	for (size_t i = 0; i < g->sources.len; i++)
		if (g->sources.v[i].root == root)
			return 0;
	if (!side) {
		s.side = mem_zalloc(sizeof(*s.side));
		s.own = true;
		ret = s.side ? side_init(s.side, root, g->err) : err_nomem(g->err);
	}
	if (!ret && vec_push(&g->sources, s))
		ret = err_nomem(g->err);
	if (ret && s.own && s.side) {
		side_fini(s.side);
		free(s.side);
	}
	return ret;
}

static int open_all(struct gen *g)
{
	const struct send_plan *p = g->plan;
	struct root *left, *right = NULL, *source;
	int ret = open_root(g, p->subvol, "subvolume", &left);

	if (!ret && p->parent)
		ret = open_root(g, p->parent, "parent", &right);
	if (!ret)
		ret = names_init(&g->names, left, right, g->err);
	if (!ret)
		ret = add_source(g, left, &g->names.left);
	if (!ret && right)
		ret = add_source(g, right, &g->names.right);
	for (size_t i = 0; !ret && i < p->nclones; i++) {
		ret = open_root(g, p->clones[i], "clone source", &source);
		if (!ret)
			ret = add_source(g, source, NULL);
	}
	return ret;
}

static int begin_stream(struct gen *g)
{
	struct root *left = g->names.left.root, *right = g->names.right.root;
	struct subvol_info info;
	struct send_writer *w;
	int ret = subvol_info_get(g->fs, left->tree.id, &info, g->err);

	if (ret)
		return ret;
	w = emit_begin(g->emit, right ? SEND_C_SNAPSHOT : SEND_C_SUBVOL);
	send_bytes(w, SEND_A_PATH, info.name ? info.name : "", info.name_len);
	send_bytes(w, SEND_A_UUID, send_identity(left), 16);
	send_u64(w, SEND_A_CTRANSID, le64_get(left->item.ctransid));
	if (right) {
		send_bytes(w, SEND_A_CLONE_UUID, send_identity(right), 16);
		send_u64(w, SEND_A_CLONE_CTRANSID, le64_get(right->item.ctransid));
	}
	ret = emit_end(g->emit);
	memcpy(g->emit->uuid, send_identity(left), 16);
	subvol_info_fini(&info);
	return ret;
}

int send_generate(struct emit *e, const struct send_plan *plan, struct err *err)
{
	struct gen g = { .fs = e->fs, .emit = e, .plan = plan, .err = err };
	int ret;

	resolver_init(&g.resolver, e->fs);
	ret = open_all(&g);
	if (!ret)
		ret = begin_stream(&g);
	if (!ret)
		ret = send_changes(&g);
	for (size_t i = 0; i < g.sources.len; i++) {
		if (g.sources.v[i].own) {
			side_fini(g.sources.v[i].side);
			free(g.sources.v[i].side);
		}
	}
	vec_fini(&g.sources);
	path_fini(&g.extent_path);
	resolver_fini(&g.resolver);
	content_fini(&g);
	sb_fini(&g.attrs.capability);
	names_fini(&g.names);
	return ret;
}
