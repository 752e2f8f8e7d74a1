/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of all programs, groups and commands. A new command is one file with a `const struct cmd cmd_X` and one line here.
 * The order is that of help and of the incumbent (cli 2.3); what is ours comes behind it. */
#include "cmds/frame.h"

#define DECLARE(id) extern const struct cmd cmd_##id;
#define ROW(id) &cmd_##id,
/* A group: its rows, its line in help, its information line. A group without rows is not listed. */
#define GROUP(id, words, rows, synopsis, text) \
	rows(DECLARE) \
	static const struct cmd *const id##_rows[] = { rows(ROW) NULL }; \
	const struct cmd cmd_##id = { .name = words, .usage = { synopsis }, .subs = id##_rows, .info = text };

#define BALANCE(X) \
	X(balance_start) \
	X(balance_pause) \
	X(balance_cancel) \
	X(balance_resume) \
	X(balance_status) \
	X(balance_full)
GROUP(balance, "balance", BALANCE, "btrfs balance <command> [options] <path>",
      "balance data across devices, or change block groups using filters")

#define REPLACE(X) \
	X(replace_start) \
	X(replace_status) \
	X(replace_cancel)
GROUP(replace, "replace", REPLACE, "btrfs replace <command> [<args>]", "replace a device in the filesystem")

/* Groups' other places. */
const struct cmd cmd_device_replace = { .name = "replace", .usage = { "btrfs device replace <command> [<args>]" }, .subs = replace_rows,
	.info = "replace a device in the filesystem" };

const struct cmd cmd_filesystem_balance = { .name = "balance", .usage = { "btrfs filesystem balance <command> [options] <path>" }, .flags = CMD_HIDDEN,
	.subs = balance_rows, .info = "balance data across devices, or change block groups using filters" };

#define DEVICE(X) \
	X(device_add) \
	X(device_delete) \
	X(device_remove) \
	X(device_replace) \
	X(device_scan) \
	X(device_ready) \
	X(device_stats) \
	X(device_usage)
GROUP(device, "device", DEVICE, "btrfs device <command> [<args>]", "manage and query devices in the filesystem")

#define FILESYSTEM(X) \
	X(filesystem_df) \
	X(filesystem_du) \
	X(filesystem_show) \
	X(filesystem_commit_stats) \
	X(filesystem_sync) \
	X(filesystem_defragment) \
	X(filesystem_resize) \
	X(filesystem_label) \
	X(filesystem_usage) \
	X(filesystem_mkswapfile) \
	X(filesystem_balance)
GROUP(filesystem, "filesystem", FILESYSTEM, "btrfs filesystem [<group>] <command> [<args>]", "overall filesystem tasks and information")

#define INSPECT(X) \
	X(inspect_inode_resolve) \
	X(inspect_logical_resolve) \
	X(inspect_subvolid_resolve) \
	X(inspect_rootid) \
	X(inspect_map_swapfile) \
	X(inspect_min_dev_size) \
	X(inspect_dump_tree) \
	X(inspect_dump_super) \
	X(inspect_tree_stats) \
	X(inspect_list_chunks)
GROUP(inspect, "inspect-internal", INSPECT, "btrfs inspect-internal <command> <args>", "query various internal information")

#define PROPERTY(X) \
	X(property_get) \
	X(property_set) \
	X(property_list)
GROUP(property, "property", PROPERTY, "btrfs property get/set/list [-t <type>] <object> [<name>] [value]",
      "modify properties of filesystem objects")

#define QGROUP(X) \
	X(qgroup_assign) \
	X(qgroup_remove) \
	X(qgroup_create) \
	X(qgroup_clear_stale) \
	X(qgroup_destroy) \
	X(qgroup_show) \
	X(qgroup_limit)
GROUP(qgroup, "qgroup", QGROUP, "btrfs qgroup <command> [options] <path>", "manage quota groups")

#define QUOTA(X) \
	X(quota_enable) \
	X(quota_disable) \
	X(quota_rescan) \
	X(quota_status)
GROUP(quota, "quota", QUOTA, "btrfs quota <command> [options] <path>", "manage filesystem quota settings")

/* In the incumbent's experimental builds only: it may not make an abbreviation ambiguous. */
extern const struct cmd cmd_reflink_clone;
static const struct cmd *const reflink_rows[] = { &cmd_reflink_clone, NULL };
const struct cmd cmd_reflink = { .name = "reflink", .usage = { "btrfs reflink <command> <args>" }, .subs = reflink_rows, .info = "reflink, shallow file copies: clone",
	.flags = CMD_OURS };

#define RESCUE(X) \
	X(rescue_chunk_recover) \
	X(rescue_super_recover) \
	X(rescue_zero_log) \
	X(rescue_fix_device_size) \
	X(rescue_fix_data_checksum) \
	X(rescue_create_control_device) \
	X(rescue_clear_ino_cache) \
	X(rescue_clear_space_cache) \
	X(rescue_clear_uuid_tree) \
	X(rescue_undo)
GROUP(rescue, "rescue", RESCUE, "btrfs rescue <command> [options] <path>", "toolbox for specific rescue operations")

#define SCRUB(X) \
	X(scrub_start) \
	X(scrub_cancel) \
	X(scrub_resume) \
	X(scrub_status) \
	X(scrub_limit)
GROUP(scrub, "scrub", SCRUB, "btrfs scrub <command> [options] <path>|<device>", "verify checksums of data and metadata")

#define SUBVOLUME(X) \
	X(subvolume_create) \
	X(subvolume_delete) \
	X(subvolume_snapshot) \
	X(subvolume_list) \
	X(subvolume_get_default) \
	X(subvolume_set_default) \
	X(subvolume_find_new) \
	X(subvolume_show) \
	X(subvolume_sync) \
	X(subvolume_diff)
GROUP(subvolume, "subvolume", SUBVOLUME, "btrfs subvolume <command> <args>", "manage subvolumes: create, delete, list, etc")

/* The incumbent's words in its order, then ours. */
#define BTRFS(X) \
	X(balance) \
	X(check) \
	X(device) \
	X(filesystem) \
	X(inspect) \
	X(property) \
	X(qgroup) \
	X(quota) \
	X(replace) \
	X(receive) \
	X(rescue) \
	X(restore) \
	X(scrub) \
	X(send) \
	X(subvolume) \
	X(help) \
	X(version) \
	X(offline) \
	X(reflink)
GROUP(btrfs, "btrfs", BTRFS, "btrfs [global options] <group> [<group>...] <command> [options] [<args>]", NULL)

/* What btrbox is by the name of a link or by its first word. */
#define PROGRAMS(X) \
	X(btrfs) \
	X(mkfs) \
	X(image) \
	X(tune) \
	X(btrfsck) \
	X(fsck) \
	X(find_root) \
	X(map_logical) \
	X(select_super) \
	X(corrupt_block)
PROGRAMS(DECLARE)
const struct cmd *const programs[] = { PROGRAMS(ROW) NULL };

/* The short forms: mkfs for mkfs.btrfs, image for btrfs-image, tune for btrfstune. */
static bool short_name(const char *full, const char *name)
{
	static const char base[] = "btrfs";
	size_t len = strlen(name);

	if (!strncmp(full, base, 5))
		return !strcmp(full + 5 + (full[5] == '-'), name) && len;
	return !strncmp(full, name, len) && full[len] == '.' && !strcmp(full + len + 1, base);
}

const struct cmd *program_find(const char *name)
{
	for (const struct cmd *const *p = programs; *p; p++)
		if (!strcmp((*p)->name, name))
			return *p;
	return NULL;
}

const struct cmd *program_find_short(const char *name)
{
	for (const struct cmd *const *p = programs; *p; p++)
		if (short_name((*p)->name, name))
			return *p;
	return program_find(name);
}
