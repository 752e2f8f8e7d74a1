/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The gate: the one way by which a block becomes a node. Spec: on-disk-format 2.6, 13; texts: check.md 1.10, 1.11. */
#include "kernel-shared/tree/gate.h"

#include <stdarg.h>
#include <stdio.h>
#include "common/mem.h"
#include "common/units.h"
#include "crypto/csum.h"

struct gate {
	const struct nstore *s;
	const void *block;
	const struct block_ref *ref;
	struct findings *findings; /* NULL: whatever is broken fails */
	struct err *err;
	bool nomem;
};

static int gate_keep(struct gate *g, const struct violation *v, const char *line, size_t text_at)
{
	struct finding f = { .v = *v, .text = mem_strdup(line) };

	if (!f.text)
		return -ENOMEM;
	f.v.text = f.text + text_at;
	if (vec_push(g->findings, f)) {
		free(f.text);
		return -ENOMEM;
	}
	return 0;
}

/* A broken claim: a finding if the store puts up with it and findings are collected. */
static int gate_claim_broken(struct gate *g, unsigned claim, const char *id, const char *fmt, ...) PRINTF(4, 5);
static int gate_claim_broken(struct gate *g, unsigned claim, const char *id, const char *fmt, ...)
{
	struct violation v = { .id = id, .tree = g->ref->tree, .bytenr = g->ref->bytenr, .slot = -1 };
	char line[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (g->findings && (claim & gate_tolerated(g->s)))
		return gate_keep(g, &v, line, 0) ? err_nomem(g->err) : 0;
	return err_set(g->err, -EIO, "%s", line);
}

unsigned gate_broken_claims(const void *block, const struct block_ref *ref)
{
	unsigned broken = 0;
	u64 owner = block_owner(block);

	if (ref->has_level && block_level(block) != ref->level)
		broken |= CLAIM_LEVEL;
	if ((ref->generation || ref->has_first) && block_generation(block) != ref->generation)
		broken |= CLAIM_GENERATION;
	if (ref->has_first) {
		struct key first;

		if (!block_nritems(block) || (first = block_key(block, 0), !key_eq(&first, &ref->first)))
			broken |= CLAIM_FIRST_KEY;
	}
	if (ref->tree && !ref->any_owner && owner != ref->tree && (ref->is_root || !is_fstree(ref->tree) || !is_fstree(owner)))
		broken |= CLAIM_OWNER;
	return broken;
}

static int gate_csum(struct gate *g)
{
	const struct disk_header *h = block_header(g->block);
	u8 found[CSUM_SIZE_MAX];
	char want_hex[2 * CSUM_SIZE_MAX + 1], found_hex[2 * CSUM_SIZE_MAX + 1];

	if (block_check_csum(g->s->geo, g->block, found))
		return 0;
	for (unsigned i = 0; i < g->s->geo->csum_size; i++) {
		snprintf(want_hex + 2 * i, 3, "%02x", h->csum[i]);
		snprintf(found_hex + 2 * i, 3, "%02x", found[i]);
	}
	return err_set(g->err, -EIO, "checksum verify failed on %llu wanted 0x%s found 0x%s", g->ref->bytenr, want_hex, found_hex);
}

static int gate_fsid(struct gate *g)
{
	const struct disk_header *h = block_header(g->block);
	const struct volume *vol = g->s->vol;
	char want[UUID_TEXT_MAX], have[UUID_TEXT_MAX];

	for (unsigned i = 0; i < vol->nfsids; i++)
		if (!memcmp(h->fsid, vol->fsids[i], BTRFS_FSID_SIZE))
			return 0;
	/* btrfstune -u was interrupted, or is at work: some blocks have the old one */
	if (le64_get(vol->sb.flags) & BTRFS_SUPER_FLAG_CHANGING_FSID)
		return 0;
	return err_set(g->err, -EIO, "bad tree block %llu, fsid mismatch, want=%s, have=%s", g->ref->bytenr,
		       uuid_format(vol->fsids[0], want), uuid_format(h->fsid, have));
}

/* Is this the block at all, and can its slots be located? */
static int gate_header(struct gate *g)
{
	const struct geometry *geo = g->s->geo;
	u64 bytenr = g->ref->bytenr;
	u32 n = block_nritems(g->block);
	u8 level = block_level(g->block);
	int ret = gate_csum(g);

	if (ret)
		return ret;
	if (block_bytenr(g->block) != bytenr)
		return err_set(g->err, -EIO, "bad tree block %llu, bytenr mismatch, want=%llu, have=%llu", bytenr, bytenr,
			       block_bytenr(g->block));
	ret = gate_fsid(g);
	if (ret)
		return ret;
	if (level >= BTRFS_MAX_LEVEL)
		return err_set(g->err, -EIO, "bad tree block %llu, bad level, %u > %u", bytenr, level, BTRFS_MAX_LEVEL);
	if (level ? !n || n > geo_max_ptrs(geo) : n > geo_leafdata(geo) / sizeof(struct disk_item))
		return err_set(g->err, -EIO, "bad tree block %llu, invalid nr_items: %u", bytenr, n);
	return 0;
}

static int gate_first_key_broken(struct gate *g)
{
	const struct key *want = &g->ref->first;
	struct key have;

	if (!block_nritems(g->block))
		return gate_claim_broken(g, CLAIM_FIRST_KEY, "block-first-key", "bad tree block %llu, first key mismatch, want=(%llu %u %llu), have none",
					 g->ref->bytenr, want->objectid, want->type, want->offset);
	have = block_key(g->block, 0);
	return gate_claim_broken(g, CLAIM_FIRST_KEY, "block-first-key",
				 "bad tree block %llu, first key mismatch, want=(%llu %u %llu), have=(%llu %u %llu)", g->ref->bytenr,
				 want->objectid, want->type, want->offset, have.objectid, have.type, have.offset);
}

static int gate_claims(struct gate *g)
{
	const struct block_ref *ref = g->ref;
	unsigned broken = gate_broken_claims(g->block, ref);
	int ret = 0;

	if (!broken)
		return 0;
	if (broken & CLAIM_LEVEL)
		ret = gate_claim_broken(g, CLAIM_LEVEL, "block-level", "bad tree block %llu, level mismatch, want=%u, have=%u",
					ref->bytenr, ref->level, block_level(g->block));
	if (!ret && (broken & CLAIM_GENERATION))
		ret = gate_claim_broken(g, CLAIM_GENERATION, "block-generation", "parent transid verify failed on %llu wanted %llu found %llu",
					ref->bytenr, ref->generation, block_generation(g->block));
	if (!ret && (broken & CLAIM_FIRST_KEY))
		ret = gate_first_key_broken(g);
	if (!ret && (broken & CLAIM_OWNER))
		ret = gate_claim_broken(g, CLAIM_OWNER, "block-owner", "bad tree block %llu, owner mismatch, want=%llu, have=%llu",
					ref->bytenr, ref->tree, block_owner(g->block));
	return ret;
}

static void gate_on_violation(struct validator *v, const struct violation *violation)
{
	struct gate *g = v->arg;
	struct strbuf line = STRBUF_INIT;
	size_t len = strlen(violation->text), at;

	violation_format(violation, !block_level(g->block), &line);
	at = line.len >= len ? line.len - len : 0;
	if (line.failed || gate_keep(g, violation, sb_str(&line), at))
		g->nomem = true;
	sb_fini(&line);
}

static int gate_rules(struct gate *g)
{
	bool collect = g->findings && g->s->lenient;
	struct validator v = {
		.geo = g->s->geo, .tree = g->ref->tree, .err = g->err,
		.on_violation = collect ? gate_on_violation : NULL, .arg = g,
	};

	if (!block_validate(&v, g->block))
		return 0;
	if (g->nomem)
		return err_nomem(g->err);
	if (!collect)
		return -EIO;
	for (size_t i = 0; i < g->findings->len; i++)
		if (g->findings->v[i].v.structural)
			return err_set(g->err, -EIO, "%s", g->findings->v[i].text);
	return 0;
}

int node_gate(const struct nstore *s, const void *block, const struct block_ref *expect, struct findings *findings, struct err *err)
{
	struct gate g = { .s = s, .block = block, .ref = expect, .findings = findings, .err = err };
	int ret = gate_header(&g);

	if (!ret)
		ret = gate_claims(&g);
	if (!ret)
		ret = gate_rules(&g);
	return ret;
}

void findings_fini(struct findings *f)
{
	for (size_t i = 0; i < f->len; i++)
		free(f->v[i].text);
	vec_fini(f);
}
