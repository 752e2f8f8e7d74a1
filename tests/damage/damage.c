/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What happens when a field of the metadata is wrong: one instance of each field of each item and block header of an image takes eight mutations, in all
 * copies, with the checksum made right. For each: does the distribution's check find it (PEER names the program), does ours, does a repair succeed, is the check
 * clean then, and how many names of files are lost.
 *
 *     damage BTRBOX IMAGE WORK [SEED ROWS]
 *
 * IMAGE: one device. WORK: a file that is overwritten. With ROWS, that many of the rows, chosen by SEED. Prints a Markdown table, totals first. Exits with 1 if
 * a repair crashes, hangs, or leaves a name behind that was there before it. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include "common/mem.h"
#include "kernel-shared/check/repair.h"

enum { MUTATIONS = 8, SECONDS = 30 };
static const char *const mutation_names[MUTATIONS] = { "zero", "ones", "top bit", "middle bit", "low bit", "plus 1", "minus 1", "random" };

struct target { char *what; u64 bytenr; u32 offset, size; };
static struct { VEC(struct target) v; struct hmap seen; u64 seed; struct fs *fs; const u8 *block; u64 bytenr; const char *prefix; u32 base; } all;
static const char *box, *image, *work;

/* --- which fields --- */

/* "stripe1.devid" and "stripe0.devid" are one field. */
static void without_numbers(const char *from, char *to)
{
	for (; *from; from++)
		if (*from < '0' || *from > '9')
			*to++ = *from;
	*to = 0;
}

static int on_field(void *arg, const struct field *f, const u8 *value)
{
	char name[160], key[160];
	bool fresh = false;

	snprintf(name, sizeof(name), "%s.%s", all.prefix, f->name);
	without_numbers(name, key);
	if (!f->size || !hmap_put(&all.seen, hash_bytes(key, strlen(key)), &fresh) || !fresh || !strcmp(key, "header.csum"))
		return 0;
	return vec_push(&all.v, ((struct target){ mem_strdup(key), all.bytenr, all.base + f->offset, f->size }));
}

static void visit_leaf(const u8 *block)
{
	for (u32 i = 0; i < block_nritems(block); i++) {
		struct item item = block_item(block, i);
		const struct item_type *t = item_type(item.key.type);

		if (!t)
			continue;
		all.base = item.data - block;
		all.prefix = t->name;
		if (t->fields)
			t->fields(&item, on_field, NULL);
		all.base = 0;
		item_header_fields(block, i, on_field, NULL);
	}
}

static int visit(void *arg, struct scan_block *b, unsigned worker)
{

	if (!b->data)
		return 0;
	all.bytenr = block_bytenr(b->data);
	all.base = 0;
	all.prefix = block_level(b->data) ? "node header" : block_owner(b->data) == BTRFS_FS_TREE_OBJECTID ? "leaf header" : NULL;
	if (all.prefix)
		header_fields(b->data, on_field, NULL);
	if (!block_level(b->data))
		visit_leaf(b->data);
	all.prefix = "node";
	for (u32 i = 0; block_level(b->data) && i < min_t(u32, block_nritems(b->data), 2); i++)
		key_ptr_fields(b->data, i, on_field, NULL);
	return 0;
}

static int list_tree(struct tree *t, struct err *err)
{
	static const struct scan_ops ops = { .work = visit };
	struct block_ref ref = tree_root_ref(t);
	int ret = t->level ? tree_scan_blocks(t->store, &ref, 1, SCAN_LIST, &ops, NULL, err) : 0;

	for (u8 level = 1; !ret && level < t->level; level++) {
		struct block_refs refs = { 0 };

		ret = tree_level_refs(t, level, &refs, NULL, NULL, err);
		if (!ret)
			ret = tree_scan_blocks(t->store, refs.v, refs.len, SCAN_LIST, &ops, NULL, err);
		vec_fini(&refs);
	}
	return ret ? ret : tree_scan(t, SCAN_LIST, &ops, NULL, err);
}

static int list_all(struct fs *fs, struct err *err)
{
	struct tree_iter it = tree_range(&fs->root_tree->tree, KEY_MIN, KEY_MAX);
	struct item item;
	int ret = list_tree(&fs->root_tree->tree, err);

	if (!ret)
		ret = list_tree(&fs->chunk_tree->tree, err);
	while (!ret && !(ret = tree_next(&it, &item, err))) {
		struct root *root;

		if (item.key.type == BTRFS_ROOT_ITEM_KEY && !fs_root_of_item(fs, &item, &root, err))
			ret = list_tree(&root->tree, err);
	}
	tree_iter_fini(&it);
	return ret == -ENOENT ? 0 : ret;
}

/* --- mutations --- */

static u64 next_random(void)
{
	all.seed = hash_mix2(all.seed, 0x2545F4914F6CDD1DULL);
	return all.seed;
}

/* Fields longer than a number change in their first eight bytes. False: nothing changes. */
static bool mutate(u8 *at, u32 size, unsigned how)
{
	u32 n = min_t(u32, size, 8), bits = n * 8;
	u64 mask = n == 8 ? -1ULL : (1ULL << bits) - 1, was = 0, now;

	memcpy(&was, at, n);
	switch (how) {
	case 0: now = 0; break;
	case 1: now = mask; break;
	case 2: now = was ^ 1ULL << (bits - 1); break;
	case 3: now = was ^ 1ULL << (bits / 2); break;
	case 4: now = was ^ 1; break;
	case 5: now = (was + 1) & mask; break;
	case 6: now = (was - 1) & mask; break;
	default: now = next_random() & mask; break;
	}
	memcpy(at, &now, n);
	return now != was;
}

static bool damage(const struct target *t, unsigned how)
{
	u32 size = all.fs->geo->nodesize;
	u8 *buf = mem_alloc_io(size);
	struct err err = ERR_INIT;
	int fd = open(work, O_RDWR);
	struct phys p;
	bool changed;

	if (!buf || fd < 0 || rio_read(all.fs->vol, t->bytenr, size, 0, buf, &err))
		exit(2);
	changed = mutate(buf + t->offset, t->size, how);
	block_set_csum(all.fs->geo, buf);
	for (unsigned mirror = 1; changed && mirror <= rio_copies(all.fs->vol, t->bytenr); mirror++)
		if (rio_map(all.fs->vol, t->bytenr, size, mirror, &p) || pwrite(fd, buf, size, p.physical) != (ssize_t)size)
			exit(2);
	close(fd);
	free(buf);
	return changed;
}

/* --- judging --- */

/* The exit code; -1: crashed or did not end. What it prints goes to the file (NULL: away). */
static int run(const char *out, const char *const *argv)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		int null = open("/dev/null", O_RDWR), to = out ? open(out, O_WRONLY | O_CREAT | O_TRUNC, 0600) : null;

		dup2(null, 0);
		dup2(to, 1);
		dup2(null, 2);
		alarm(SECONDS);
		execvp(argv[0], (char *const *)argv);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0 || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

static void copy_image(void)
{
	if (run(NULL, (const char *const[]){ "cp", "--sparse=auto", image, work, NULL }))
		exit(2);
}

struct names { char **v; size_t len, cap; };

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* All names, sorted; -1 when even the top cannot be listed. */
static int list_names(const char *path, struct names *out)
{
	char list[4096], *line = NULL;
	size_t cap = 0;
	FILE *f;
	int ret;

	snprintf(list, sizeof(list), "%s.names", work);
	ret = run(list, (const char *const[]){ box, "btrfs", "offline", path, "find", "/", NULL });
	f = fopen(list, "r");
	while (f && getline(&line, &cap, f) > 0)
		if (vec_push(out, mem_strdup(line)))
			exit(2);
	if (f)
		fclose(f);
	free(line);
	unlink(list);
	vec_sort(out, by_text);
	return ret;
}

static void names_fini(struct names *n)
{
	for (size_t i = 0; i < n->len; i++)
		free(n->v[i]);
	vec_fini(n);
}

static unsigned missing(const struct names *from, const struct names *in)
{
	unsigned n = 0;

	for (size_t i = 0; i < from->len; i++)
		n += !in->len || !bsearch(&from->v[i], in->v, in->len, sizeof(*in->v), by_text);
	return n;
}

struct verdict { int peer, ours, repaired, clean; unsigned lost, hurt; };

static int check(const char *program, bool ours)
{
	return ours ? run(NULL, (const char *const[]){ program, "btrfs", "check", work, NULL }) : run(NULL, (const char *const[]){ program, "check", work, NULL });
}

static struct verdict judge(const struct names *want)
{
	const char *peer = getenv("PEER");
	struct names before = { 0 }, after = { 0 };
	struct verdict v = { .peer = peer ? check(peer, false) : -2, .ours = check(box, true) };

	list_names(work, &before);
	v.repaired = run(NULL, (const char *const[]){ box, "btrfs", "check", "--repair", "--force", work, NULL });
	v.clean = check(box, true);
	list_names(work, &after);
	v.lost = missing(want, &after);
	v.hurt = missing(&before, &after);
	names_fini(&before);
	names_fini(&after);
	return v;
}

/* --- the table --- */

struct row { const struct target *t; unsigned how; struct verdict v; };
static struct { unsigned rows, peer, ours, missed, repaired, clean, lossless, crashes, hurt; } sum;

static const char *word(int rc, const char *zero, const char *one)
{
	return rc == -2 ? "-" : rc < 0 ? "CRASH" : rc ? one : zero;
}

static void count(const struct row *r)
{
	bool found = r->v.ours > 0;

	sum.rows++;
	sum.peer += r->v.peer != 0 && r->v.peer != -2;
	sum.ours += found;
	sum.missed += !found && r->v.peer > 0;
	sum.repaired += found && !r->v.repaired;
	sum.clean += found && !r->v.clean;
	sum.lossless += found && !r->v.clean && !r->v.lost;
	sum.crashes += r->v.ours < 0 || r->v.repaired < 0 || r->v.clean < 0;
	/* names that came only with the damage are no loss */
	sum.hurt += r->v.hurt && r->v.lost;
}

static void print(const struct row *rows, size_t n)
{
	printf("| | rows |\n|---|---|\n| mutations that change something | %u |\n| found by the distribution's check | %u |\n| found by ours | %u |\n"
	       "| found by the distribution's and not by ours | %u |\n| repaired (exit code 0) | %u |\n| clean on the second run | %u |\n"
	       "| of these with every name kept | %u |\n| crashes or endless loops | %u |\n| names that were there before the repair and not after it | %u |\n\n",
	       sum.rows, sum.peer, sum.ours, sum.missed, sum.repaired, sum.clean, sum.lossless, sum.crashes, sum.hurt);
	printf("| field | mutation | distribution | ours | repair | second | names lost |\n|---|---|---|---|---|---|---|\n");
	for (size_t i = 0; i < n; i++)
		printf("| %s | %s | %s | %s | %s | %s | %u |\n", rows[i].t->what, mutation_names[rows[i].how], word(rows[i].v.peer, "", "found"),
		       word(rows[i].v.ours, "", "found"), rows[i].v.ours ? word(rows[i].v.repaired, "yes", "no") : "", word(rows[i].v.clean, "clean", "errors"),
		       rows[i].v.lost);
}

int main(int argc, char **argv)
{
	VEC(struct row) rows = VEC_INIT;
	struct names want = { 0 };
	struct err err = ERR_INIT;
	struct env env;
	const char *only = getenv("DAMAGE_ONLY"), *how_only = getenv("DAMAGE_HOW"); /* one field, one mutation: WORK is kept as damaged */
	u64 take = -1ULL;

	if (argc < 4)
		return 2;
	box = argv[1];
	image = argv[2];
	work = argv[3];
	all.seed = argc > 4 ? strtoull(argv[4], NULL, 10) : 1;
	if (argc > 5)
		take = strtoull(argv[5], NULL, 10);
	env_init(&env);
	if (fs_open_path(&env, image, FS_OPEN_NOSCAN, &all.fs, &err) || list_all(all.fs, &err) || list_names(image, &want)) {
		fprintf(stderr, "%s: %s\n", image, err_text(&err));
		return 2;
	}
	for (size_t i = 0; i < all.v.len; i++) {
		for (unsigned how = 0; how < MUTATIONS; how++) {
			struct row r = { &all.v.v[i], how, { 0 } };

			if (take != -1ULL && next_random() % (all.v.len * MUTATIONS) >= take)
				continue;
			if (only && (strcmp(r.t->what, only) || (how_only && strcmp(mutation_names[how], how_only))))
				continue;
			copy_image();
			if (!damage(r.t, how))
				continue;
			if (how_only)
				return 0;
			r.v = judge(&want);
			count(&r);
			if (r.v.ours < 0 || r.v.repaired < 0 || r.v.clean < 0 || (r.v.hurt && r.v.lost))
				fprintf(stderr, "%s %s: repair %d, second %d, %u names lost\n", r.t->what, mutation_names[how], r.v.repaired, r.v.clean, r.v.hurt);
			if (vec_push(&rows, r))
				return 2;
		}
	}
	print(rows.v, rows.len);
	unlink(work);
	vec_fini(&rows);
	names_fini(&want);
	return sum.crashes || sum.hurt ? 1 : 0;
}
