/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmds/mounted/subvols.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include "cmds/report.h"
#include "common/mem.h"
#include "kernel-shared/kapi/search.h"
#include "kernel-shared/kapi/subvol.h"

enum { MAX_NESTING = 4096 };

static int open_with(struct cmd_ctx *ctx, const char *arg, unsigned flags, struct subvols *s)
{
	struct loc loc;
	int ret;

	memset(s, 0, sizeof(*s));
	ret = host_open(ctx, arg, flags, &s->host);
	if (ret == HOST_OFFLINE) {
		ret = report_open(ctx, arg, &s->fs, &loc);
		if (ret)
			return ret;
		s->id = loc.root->tree.id;
		s->top = loc.ino == BTRFS_FIRST_FREE_OBJECTID;
		return 0;
	}
	if (ret)
		return ret;
	s->top = host_is_subvol(&s->host);
	ret = ksubvol_id(s->host.fd, &s->id);
	if (ret) {
		cmd_error(ctx, "cannot tell the subvolume of %s: %s", arg, strerror(-ret));
		host_close(&s->host);
	}
	return ret ? 1 : 0;
}

int subvols_open(struct cmd_ctx *ctx, const char *arg, struct subvols *s) { return open_with(ctx, arg, 0, s); }
int subvols_open_dir(struct cmd_ctx *ctx, const char *arg, struct subvols *s) { return open_with(ctx, arg, HOST_DIR, s); }

void subvols_close(struct cmd_ctx *ctx, struct subvols *s)
{
	if (s->fs)
		target_close(ctx, s->fs);
	else
		host_close(&s->host);
	subvols_forget(s);
}

void subvols_forget(struct subvols *s)
{
	for (size_t i = 0; i < s->user_paths.len; i++)
		free(s->user_paths.v[i]);
	for (size_t i = 0; i < s->dirs.len; i++)
		free(s->dirs.v[i].path);
	vec_fini(&s->user_paths);
	vec_fini(&s->dirs);
	hmap_fini(&s->dir_index);
	subvol_list_fini(&s->all);
}

static int load_range(struct subvols *s, struct key lo, struct key hi, struct err *err)
{
	struct ksearch it CLEANUP(ksearch_fini) = ksearch_range(s->host.fd, BTRFS_ROOT_TREE_OBJECTID, lo, hi);
	struct item item;
	int ret;

	while (!(ret = ksearch_next(&it, &item, err))) {
		ret = subvol_list_item(&s->all, &item, err);
		if (ret)
			return ret;
	}
	return ret == -ENOENT ? 0 : ret;
}

/* The kernel's root tree. What the top level says of those below it, they say themselves. */
static int load_root(struct subvols *s, struct err *err)
{
	/* large from the start, it grows without being copied */
	int ret = vec_reserve(&s->all, 4096) ? err_nomem(err) : load_range(s, KEY(BTRFS_FS_TREE_OBJECTID, BTRFS_ROOT_ITEM_KEY, 0), KEY(BTRFS_FS_TREE_OBJECTID, BTRFS_ROOT_ITEM_KEY, -1ULL), err);

	return ret ? ret : load_range(s, KEY(BTRFS_FIRST_FREE_OBJECTID, BTRFS_ROOT_ITEM_KEY, 0), KEY((1ULL << 48) - 1, BTRFS_ROOT_BACKREF_KEY, -1ULL), err);
}

/* What the subvolume of fd says of itself, as an entry of the list; path is taken. */
static int add_own(struct subvols *s, int fd, char *path, struct err *err)
{
	struct subvol_info info = { 0 };
	struct ksubvol own;
	int ret = ksubvol_info(fd, &own);

	if (!ret) {
		info = (struct subvol_info){ .id = own.id, .parent = own.parent, .dirid = own.dirid, .item = subvol_item_of(&own.item) };
		info.deleted = !le32_get(own.item.refs);
		/* only snapshots have a key offset, and only they have a parent uuid */
		info.key_offset = uuid_is_null(own.item.parent_uuid) ? 0 : le64_get(own.item.otransid);
		info.name_len = strlen(own.name);
		info.name = info.name_len ? mem_strdup(own.name) : NULL;
		if ((info.name_len && !info.name) || vec_push(&s->all, info)) {
			free(info.name);
			ret = -ENOMEM;
		} else if (!vec_push(&s->user_paths, path)) {
			return 0;
		} else {
			ret = -ENOMEM;
		}
	}
	free(path);
	return err_errno(err, ret, "cannot get information about a subvolume");
}

static int add_child(struct subvols *s, int fd, const char *prefix, const struct ksubvol_ref *ref, unsigned depth, struct err *err);

/* Everything below the directory fd that a user may see. */
static int load_below(struct subvols *s, int fd, const char *prefix, unsigned depth, struct err *err)
{
	struct ksubvol_ref refs[255];
	u64 min = 0;
	int n, ret = 0;

	if (depth > MAX_NESTING)
		return err_set(err, -ELOOP, "subvolumes are nested too deeply below %s", prefix);
	while (!ret && (n = ksubvol_refs(fd, &min, refs)) > 0)
		for (int i = 0; !ret && i < n; i++)
			ret = add_child(s, fd, prefix, &refs[i], depth, err);
	return ret ? ret : n < 0 ? err_errno(err, n, "cannot list the subvolumes below %s", prefix) : 0;
}

static int add_child(struct subvols *s, int fd, const char *prefix, const struct ksubvol_ref *ref, unsigned depth, struct err *err)
{
	struct strbuf rel CLEANUP(sb_fini) = STRBUF_INIT, path CLEANUP(sb_fini) = STRBUF_INIT;
	char *copy;
	int child, ret = ksubvol_user_path(fd, ref->id, ref->dirid, &rel);

	if (ret)
		return ret == -EACCES || ret == -ENOENT ? 0 : err_errno(err, ret, "cannot tell the path of subvolume %llu", ref->id);
	child = openat(fd, sb_str(&rel), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (child < 0)
		return errno == EACCES || errno == ENOENT ? 0 : err_errno(err, -errno, "cannot open subvolume %llu", ref->id);
	sb_printf(&path, "%s%s", prefix, sb_str(&rel));
	copy = mem_strdup(sb_str(&path));
	ret = copy ? add_own(s, child, copy, err) : err_nomem(err);
	sb_char(&path, '/');
	if (!ret)
		ret = load_below(s, child, sb_str(&path), depth + 1, err);
	close(child);
	return ret;
}

struct user_row { struct subvol_info info; char *path; };

static int user_cmp(const void *a, const void *b)
{
	u64 x = ((const struct user_row *)a)->info.id, y = ((const struct user_row *)b)->info.id;

	return x < y ? -1 : x > y;
}

/* Both arrays by id. */
static int sort_user(struct subvols *s, struct err *err)
{
	struct user_row *rows = mem_calloc(s->all.len + 1, sizeof(*rows));

	if (!rows)
		return err_nomem(err);
	for (size_t i = 0; i < s->all.len; i++)
		rows[i] = (struct user_row){ s->all.v[i], s->user_paths.v[i] };
	qsort(rows, s->all.len, sizeof(*rows), user_cmp);
	for (size_t i = 0; i < s->all.len; i++) {
		s->all.v[i] = rows[i].info;
		s->user_paths.v[i] = rows[i].path;
	}
	free(rows);
	return 0;
}

static int load_user(struct subvols *s, struct err *err)
{
	char *own = mem_strdup("");
	int ret = own ? add_own(s, s->host.fd, own, err) : err_nomem(err);

	if (!ret)
		ret = load_below(s, s->host.fd, "", 0, err);
	return ret ? ret : sort_user(s, err);
}

int subvols_load(struct subvols *s, struct err *err)
{
	int ret;

	if (s->loaded)
		return 0;
	if (s->fs) {
		ret = subvol_list(s->fs, &s->all, err);
	} else {
		ret = load_root(s, err);
		if (ret == -EPERM) {
			s->user = true;
			err_clear(err);
			ret = load_user(s, err);
		}
	}
	s->loaded = !ret;
	/* until the kernel commits, a subvolume that was just deleted lacks its entry alone */
	for (size_t i = 0; !ret && i < s->all.len; i++)
		s->all.v[i].deleted |= !s->all.v[i].parent && s->all.v[i].id != BTRFS_FS_TREE_OBJECTID;
	return ret;
}

const struct subvol_info *subvols_find(struct subvols *s, u64 id, int *ret, struct err *err)
{
	size_t lo = 0, hi;

	*ret = subvols_load(s, err);
	if (*ret)
		return NULL;
	/* most who ask go through all in order */
	for (size_t i = s->hint; i < s->all.len && i < s->hint + 2; i++)
		if (s->all.v[i].id == id)
			return &s->all.v[s->hint = i];
	for (hi = s->all.len; lo < hi;) {
		size_t mid = lo + (hi - lo) / 2;

		if (s->all.v[mid].id < id)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < s->all.len && s->all.v[lo].id == id ? &s->all.v[lo] : NULL;
}

/* The directory of an entry within its tree, with a slash behind. */
static int holder_path(struct subvols *s, u64 tree, u64 ino, const char **out, struct err *err)
{
	struct strbuf sb = STRBUF_INIT;
	u64 *known;
	int ret;

	*out = "";
	if (ino == BTRFS_FIRST_FREE_OBJECTID)
		return 0;
	known = hmap_put(&s->dir_index, hash_mix2(tree, ino), NULL);
	if (!known)
		return err_nomem(err);
	if (*known && s->dirs.v[*known - 1].tree == tree && s->dirs.v[*known - 1].ino == ino) {
		*out = s->dirs.v[*known - 1].path;
		return 0;
	}
	ret = kino_path(s->host.fd, tree, ino, &sb);
	if (ret) {
		sb_fini(&sb);
		return err_errno(err, ret, "cannot tell the path of directory %llu in subvolume %llu", ino, tree);
	}
	if (!*sb_str(&sb) || vec_reserve(&s->dirs, s->dirs.len + 1)) {
		sb_fini(&sb);
		return err_nomem(err);
	}
	s->dirs.v[s->dirs.len].tree = tree;
	s->dirs.v[s->dirs.len].ino = ino;
	*out = s->dirs.v[s->dirs.len++].path = sb.v;
	*known = s->dirs.len;
	return 0;
}

/* What lies above the entry first. */
static int climb(struct subvols *s, const struct subvol_info *info, unsigned depth, struct strbuf *out, struct err *err)
{
	const char *dir;
	int ret = 0;

	if (!info || !info->name || depth > MAX_NESTING)
		return -ENOENT;
	if (info->parent != BTRFS_FS_TREE_OBJECTID) {
		const struct subvol_info *above = subvols_find(s, info->parent, &ret, err);

		ret = ret ? ret : climb(s, above, depth + 1, out, err);
	}
	if (!ret)
		ret = holder_path(s, info->parent, info->dirid, &dir, err);
	if (ret)
		return ret;
	if (out->len)
		sb_char(out, '/');
	sb_puts(out, dir);
	sb_add(out, info->name, info->name_len);
	return 0;
}

int subvols_path(struct subvols *s, u64 id, struct strbuf *out, struct err *err)
{
	const struct subvol_info *info;
	int ret;

	if (s->fs)
		return subvol_path(s->fs, id, out, err);
	info = subvols_find(s, id, &ret, err);
	if (ret || (id == BTRFS_FS_TREE_OBJECTID && !s->user))
		return ret;
	if (!s->user)
		return climb(s, info, 0, out, err);
	if (!info)
		return -ENOENT;
	sb_puts(out, s->user_paths.v[info - s->all.v]);
	return 0;
}

int subvols_default(struct subvols *s, u64 *id, struct err *err)
{
	if (!s->fs)
		return ksubvol_default(s->host.fd, id, err);
	*id = s->fs->default_subvol;
	return 0;
}

int subvols_by_uuid(struct subvols *s, const u8 uuid[16], u64 *id, struct err *err)
{
	int ret;

	if (s->fs)
		return subvol_by_uuid(s->fs, uuid, false, id, err);
	ret = subvols_load(s, err);
	for (size_t i = 0; !ret && i < s->all.len; i++) {
		if (s->all.v[i].deleted || memcmp(s->all.v[i].item.uuid, uuid, BTRFS_UUID_SIZE))
			continue;
		*id = s->all.v[i].id;
		return 0;
	}
	return ret ? ret : -ENOENT;
}
