/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Extended attributes, owner, mode, flags, times of one inode. Spec: send-stream 6.10, 6.12. */
#include "kernel-shared/fs/verity.h"
#include "kernel-shared/send/gen.h"

#include <stdlib.h>
#include <sys/stat.h>

static struct send_writer *path_command(struct gen *g, enum send_cmd_id cmd, const char *path, size_t len)
{
	struct send_writer *w = emit_begin(g->emit, cmd);

	send_bytes(w, SEND_A_PATH, path, len);
	return w;
}

/* ---- Extended attributes ---- */

static bool named(const u8 *name, u16 len, const char *text)
{
	return len == strlen(text) && !memcmp(name, text, len);
}

static bool is_capability(const u8 *name, u16 len) { return named(name, len, "security.capability"); }

static bool find_name(const struct item *item, const struct dir_entry_view *want, struct dir_entry_view *out)
{
	u32 pos = 0;

	while (item && dir_item_next(item, &pos, out))
		if (out->name_len == want->name_len && !memcmp(out->name, want->name, want->name_len))
			return true;
	return false;
}

static int set_xattr(struct gen *g, const char *path, size_t len, const u8 *name, u16 name_len, const void *value, size_t value_len)
{
	static const u8 no_entries[4] = { 2 };
	struct send_writer *w = path_command(g, SEND_C_SET_XATTR, path, len);

	/* An ACL without entries is stored as nothing, which no receiver could set. */
	if (!value_len && (named(name, name_len, "system.posix_acl_access") || named(name, name_len, "system.posix_acl_default"))) {
		value = no_entries;
		value_len = sizeof(no_entries);
	}
	send_bytes(w, SEND_A_XATTR_NAME, name, name_len);
	send_bytes(w, SEND_A_XATTR_DATA, value, value_len);
	return emit_end(g->emit);
}

static int remove_xattr(struct gen *g, const char *path, size_t len, const u8 *name, u16 name_len)
{
	struct send_writer *w = path_command(g, SEND_C_REMOVE_XATTR, path, len);

	send_bytes(w, SEND_A_XATTR_NAME, name, name_len);
	return emit_end(g->emit);
}

/* bare: breeding names are not at the receiver. */
static int xattr_item(struct gen *g, const char *path, size_t len, const struct item *now, const struct item *old, bool bare)
{
	struct dir_entry_view x, y;
	int ret = 0;

	for (u32 pos = 0; !ret && now && dir_item_next(now, &pos, &x);) {
		bool there = find_name(old, &x, &y) && !(bare && names_breeding(x.name, x.name_len));

		if (is_capability(x.name, x.name_len)) {
			g->attrs.has_capability = true;
			sb_reset(&g->attrs.capability);
			sb_add(&g->attrs.capability, x.data, x.data_len);
			continue;
		}
		if (there && x.data_len == y.data_len && !memcmp(x.data, y.data, x.data_len))
			continue;
		g->attrs.acl |= named(x.name, x.name_len, "system.posix_acl_access");
		ret = set_xattr(g, path, len, x.name, x.name_len, x.data, x.data_len);
	}
	for (u32 pos = 0; !ret && old && dir_item_next(old, &pos, &y);) {
		if (find_name(now, &y, &x) || (bare && names_breeding(y.name, y.name_len)))
			continue;
		g->attrs.acl |= named(y.name, y.name_len, "system.posix_acl_access");
		ret = remove_xattr(g, path, len, y.name, y.name_len);
	}
	return ret;
}

int attrs_xattr_item(struct gen *g, const char *path, size_t len, const struct item *now, const struct item *old)
{
	return xattr_item(g, path, len, now, old, false);
}

/* The items of both in order of their keys, side by side. */
int attrs_xattrs(struct gen *g, const char *path, size_t len, u64 ino, bool has_old, bool root_bare)
{
	struct key lo = KEY(ino, BTRFS_XATTR_ITEM_KEY, 0), hi = KEY(ino, BTRFS_XATTR_ITEM_KEY, -1ULL);
	struct tree_iter a CLEANUP(tree_iter_fini) = tree_range(&g->names.left.root->tree, lo, hi), b CLEANUP(tree_iter_fini) = { 0 };
	struct item now, old;
	int ra = tree_next(&a, &now, g->err), rb = -ENOENT, ret = 0;

	if (has_old) {
		b = tree_range(&g->names.right.root->tree, lo, hi);
		rb = tree_next(&b, &old, g->err);
	}
	while (!ret && (!ra || !rb)) {
		int cmp = ra ? 1 : rb ? -1 : key_cmp(&now.key, &old.key);

		ret = xattr_item(g, path, len, cmp <= 0 ? &now : NULL, cmp >= 0 ? &old : NULL, root_bare);
		if (cmp <= 0)
			ra = tree_next(&a, &now, g->err);
		if (cmp >= 0)
			rb = tree_next(&b, &old, g->err);
		if ((ra && ra != -ENOENT) || (rb && rb != -ENOENT))
			break;
	}
	return ret ? ret : ra && ra != -ENOENT ? ra : rb == -ENOENT ? 0 : rb;
}

static int bare(void *arg, const u8 *name, u16 name_len, const u8 *value, u16 value_len)
{
	return names_breeding(name, name_len) ? remove_xattr(arg, "", 0, name, name_len) : 0;
}

int attrs_bare_root(struct gen *g)
{
	return xattr_each(g->names.right.root, BTRFS_FIRST_FREE_OBJECTID, bare, g, g->err);
}

/* ---- Flags ---- */

u64 attrs_early_flags(const struct gen *g, const struct inode *now)
{
	if (g->emit->version < 2 || !S_ISREG(now->mode) || !(now->flags & (BTRFS_INODE_NODATACOW | BTRFS_INODE_NODATASUM)))
		return 0;
	return now->flags & (BTRFS_INODE_NODATACOW | BTRFS_INODE_NODATASUM | BTRFS_INODE_COMPRESS | BTRFS_INODE_NOCOMPRESS);
}

int attrs_flags(struct gen *g, const char *path, size_t len, u64 flags)
{
	struct send_writer *w = path_command(g, SEND_C_FILEATTR, path, len);

	send_u64(w, SEND_A_FILEATTR, flags);
	return emit_end(g->emit);
}

/* Of the file itself, not of how it is stored. */
static u64 settable(u64 flags)
{
	return flags & BTRFS_INODE_FLAG_MASK & ~(BTRFS_INODE_PREALLOC | BTRFS_INODE_ROOT_ITEM_INIT);
}

static int send_flags(struct gen *g, const char *path, size_t len, const struct inode *now, const struct inode *old)
{
	u64 there = old ? settable(old->flags) : attrs_early_flags(g, now);

	if (g->emit->version < 2 || S_ISLNK(now->mode) || settable(now->flags) == there)
		return 0;
	return attrs_flags(g, path, len, now->flags);
}

/* ---- fs-verity ---- */

static int read_descriptor(struct gen *g, struct root *root, u64 ino, struct strbuf *out)
{
	struct tree_iter it CLEANUP(tree_iter_fini) =
		tree_range(&root->tree, KEY(ino, BTRFS_VERITY_DESC_ITEM_KEY, 1), KEY(ino, BTRFS_VERITY_DESC_ITEM_KEY, -1ULL));
	struct item item;
	int ret;

	while (!(ret = tree_next(&it, &item, g->err)) && out->len < VERITY_DESC_MAX)
		sb_add(out, item.data, item.size);
	return ret == -ENOENT ? 0 : ret;
}

static int has_descriptor(struct gen *g, struct root *root, u64 ino)
{
	struct path p CLEANUP(path_fini) = PATH_INIT;
	struct key key = KEY(ino, BTRFS_VERITY_DESC_ITEM_KEY, 0);
	struct item item;
	int ret = tree_lookup(&root->tree, &key, &p, &item, g->err);

	return ret == -ENOENT ? 0 : ret ? ret : 1;
}

static int send_verity(struct gen *g, const char *path, size_t len, const struct inode *now, const struct inode *old)
{
	struct strbuf d CLEANUP(sb_fini) = STRBUF_INIT;
	struct send_writer *w;
	const struct verity_descriptor *v;
	u32 sig;
	int ret;

	if (g->emit->version < 3 || !S_ISREG(now->mode))
		return 0;
	ret = has_descriptor(g, now->root, now->ino);
	if (ret <= 0)
		return ret;
	ret = old ? has_descriptor(g, old->root, old->ino) : 0;
	if (ret)
		return ret < 0 ? ret : 0;
	ret = read_descriptor(g, now->root, now->ino, &d);
	if (ret)
		return ret;
	v = (const struct verity_descriptor *)d.v;
	sig = d.len < VERITY_DESC_SIZE ? 0 : le32_get(v->sig_size);
	if (d.len < VERITY_DESC_SIZE || v->log_blocksize > 31 || v->salt_size > VERITY_SALT_MAX || sig > d.len - VERITY_DESC_SIZE)
		return err_set(g->err, -EUCLEAN, "the fs-verity descriptor of %.*s is damaged", (int)len, path);
	w = path_command(g, SEND_C_ENABLE_VERITY, path, len);
	send_u64(w, SEND_A_VERITY_ALGORITHM, v->hash_algorithm);
	send_u64(w, SEND_A_VERITY_BLOCK_SIZE, 1u << v->log_blocksize);
	send_bytes(w, SEND_A_VERITY_SALT_DATA, v->salt, v->salt_size);
	send_bytes(w, SEND_A_VERITY_SIG_DATA, d.v + VERITY_DESC_SIZE, sig);
	return emit_end(g->emit);
}

/* ---- The rest ---- */

/* Owner and content take capabilities away at the receiver, so they come last, whenever anything was sent for the inode. */
static int send_capability(struct gen *g, const char *path, size_t len, const struct inode *now, const struct inode *old)
{
	static const char name[] = "security.capability";
	struct dir_entry_view want = { .name = (const u8 *)name, .name_len = sizeof(name) - 1 }, found;
	struct item item;
	int ret;

	if (g->attrs.has_capability)
		return g->attrs.capability.failed ? err_nomem(g->err) :
			set_xattr(g, path, len, want.name, want.name_len, g->attrs.capability.v, g->attrs.capability.len);
	if (!old)
		return 0;
	ret = side_item(&g->names.left, KEY(now->ino, BTRFS_XATTR_ITEM_KEY, hash_name(name, sizeof(name) - 1)), &item, g->err);
	if (!ret && find_name(&item, &want, &found))
		return set_xattr(g, path, len, want.name, want.name_len, found.data, found.data_len);
	return ret == -ENOENT ? 0 : ret;
}

static int send_times(struct gen *g, const char *path, size_t len, const struct inode *now)
{
	struct send_writer *w = path_command(g, SEND_C_UTIMES, path, len);

	send_time(w, SEND_A_ATIME, now->atime.sec, now->atime.nsec);
	send_time(w, SEND_A_MTIME, now->mtime.sec, now->mtime.nsec);
	send_time(w, SEND_A_CTIME, now->ctime.sec, now->ctime.nsec);
	if (g->emit->version >= 2)
		send_time(w, SEND_A_OTIME, now->otime.sec, now->otime.nsec);
	return emit_end(g->emit);
}

int attrs_finish(struct gen *g, const char *path, size_t len, const struct inode *now, const struct inode *old)
{
	bool chowned = !old || old->uid != now->uid || old->gid != now->gid;
	struct send_writer *w;
	int ret = 0;

	if (chowned) {
		w = path_command(g, SEND_C_CHOWN, path, len);
		send_u64(w, SEND_A_UID, now->uid);
		send_u64(w, SEND_A_GID, now->gid);
		ret = emit_end(g->emit);
	}
	/* A new owner takes setuid and setgid away, an ACL sets the group's bits. */
	if (!ret && !S_ISLNK(now->mode) && (chowned || g->attrs.acl || old->mode != now->mode)) {
		w = path_command(g, SEND_C_CHMOD, path, len);
		send_u64(w, SEND_A_MODE, now->mode & 07777);
		ret = emit_end(g->emit);
	}
	if (!ret)
		ret = send_flags(g, path, len, now, old);
	if (!ret)
		ret = send_verity(g, path, len, now, old);
	if (!ret)
		ret = send_capability(g, path, len, now, old);
	return ret ? ret : send_times(g, path, len, now);
}
