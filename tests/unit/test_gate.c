/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/unit/unit.h"
#include "tests/unit/synth.h"

/* Each case changes a good leaf or what is expected of it, and names what the gate must say. */
struct gate_case {
	const char *name;
	void (*spoil)(u8 *block, struct block_ref *ref);
	bool keep_csum;       /* the checksum is not made right again */
	const char *text;     /* NULL: passes */
	bool lenient;         /* a lenient store takes the block, with a finding */
	bool transid;         /* so does one that ignores generations */
};

static struct disk_header *head(u8 *block) { return (struct disk_header *)block; }
static void spoil_nothing(u8 *b, struct block_ref *r) { }
static void spoil_byte(u8 *b, struct block_ref *r) { b[3000] ^= 1; }
static void spoil_bytenr(u8 *b, struct block_ref *r) { head(b)->bytenr = le64_of(SYNTH_START + 4096); }
static void spoil_fsid(u8 *b, struct block_ref *r) { head(b)->fsid[0] = 0; }
static void spoil_level9(u8 *b, struct block_ref *r) { head(b)->level = 9; r->has_level = false; }
static void spoil_nritems(u8 *b, struct block_ref *r) { head(b)->nritems = le32_of(5000); }
static void spoil_level(u8 *b, struct block_ref *r) { r->level = 1; }
static void spoil_generation(u8 *b, struct block_ref *r) { r->generation = SYNTH_GEN + 1; }
static void spoil_first(u8 *b, struct block_ref *r) { r->first = KEY(7, 253, 8); }
static void spoil_owner(u8 *b, struct block_ref *r) { head(b)->owner = le64_of(BTRFS_CSUM_TREE_OBJECTID); }
static void spoil_order(u8 *b, struct block_ref *r) { ((struct disk_item *)block_items(b))[2].key = key_disk(KEY(1, 253, 0)); }
static void spoil_offset(u8 *b, struct block_ref *r) { ((struct disk_item *)block_items(b))[1].offset = le32_of(100000); }
static void other_subvolume(u8 *b, struct block_ref *r) { head(b)->owner = le64_of(257); r->tree = 300; }
static void other_subvolume_root(u8 *b, struct block_ref *r) { head(b)->owner = le64_of(257); r->tree = 300; r->is_root = true; r->has_first = false; }
static void internal_in_subvolume(u8 *b, struct block_ref *r) { r->tree = 300; }
static void log_tree(u8 *b, struct block_ref *r) { head(b)->owner = le64_of(300); r->tree = BTRFS_TREE_LOG_OBJECTID; r->any_owner = true; }
static void all_unknown(u8 *b, struct block_ref *r) { *r = (struct block_ref){ .bytenr = SYNTH_START }; }
static void child_of_generation_zero(u8 *b, struct block_ref *r) { r->generation = 0; }

static const struct gate_case cases[] = {
	{ "good", spoil_nothing, false, NULL, false, false },
	{ "checksum", spoil_byte, true, "checksum verify failed on 1048576 wanted 0x", false, false },
	{ "bytenr", spoil_bytenr, false, "bad tree block 1048576, bytenr mismatch, want=1048576, have=1052672", false, false },
	{ "fsid", spoil_fsid, false, "bad tree block 1048576, fsid mismatch, want=11111111-1111-1111-1111-111111111111, "
		"have=00111111-1111-1111-1111-111111111111", false, false },
	{ "level 9", spoil_level9, false, "bad tree block 1048576, bad level, 9 > 8", false, false },
	{ "nritems", spoil_nritems, false, "bad tree block 1048576, invalid nr_items: 5000", false, false },
	{ "level", spoil_level, false, "bad tree block 1048576, level mismatch, want=1, have=0", false, false },
	{ "generation", spoil_generation, false, "parent transid verify failed on 1048576 wanted 51 found 50", true, true },
	{ "first key", spoil_first, false, "bad tree block 1048576, first key mismatch, want=(7 253 8), have=(1000 253 0)", true, false },
	{ "owner", spoil_owner, false, "bad tree block 1048576, owner mismatch, want=9, have=7", true, false },
	{ "key order", spoil_order, false, "corrupt leaf: root=9 block=1048576 slot=2, bad key order", true, false },
	{ "item offset", spoil_offset, false, "corrupt leaf: root=9 block=1048576 slot=1, ", false, false },
	{ "block of another subvolume", other_subvolume, false, NULL, false, false },
	{ "root of another subvolume", other_subvolume_root, false, "bad tree block 1048576, owner mismatch, want=300, have=257", true, false },
	{ "internal block in a subvolume", internal_in_subvolume, false, "bad tree block 1048576, owner mismatch, want=300, have=9", true, false },
	{ "log tree", log_tree, false, NULL, false, false },
	{ "all unknown", all_unknown, false, NULL, false, false },
	{ "pointer of generation 0", child_of_generation_zero, false, "parent transid verify failed on 1048576 wanted 0 found 50", true, true },
};

static void make(struct synth *s, const struct gate_case *c, u8 *block, struct block_ref *ref)
{
	s->next = SYNTH_START;
	synth_block(s, block, SYNTH_TREE, 0);
	for (int i = 0; i < 5; i++)
		synth_add_item(block, synth_key(i), i);
	*ref = (struct block_ref){ .bytenr = SYNTH_START, .generation = SYNTH_GEN, .tree = SYNTH_TREE, .first = synth_key(0), .has_first = true,
		.has_level = true };
	block_set_csum(&s->vol->geo, block);
	c->spoil(block, ref);
	if (!c->keep_csum)
		block_set_csum(&s->vol->geo, block);
}

static void check_case(struct synth *s, const struct gate_case *c)
{
	struct findings found = VEC_INIT;
	struct err err = ERR_INIT;
	struct block_ref ref;
	u8 block[SYNTH_NODE];
	int ret;

	make(s, c, block, &ref);
	ret = node_gate(&s->store, block, &ref, NULL, &err);
	CHECK_EQ(ret, c->text ? -EIO : 0);
	CHECK(!c->text || !strncmp(err_text(&err), c->text, strlen(c->text)));

	s->store.lenient = true;
	ret = node_gate(&s->store, block, &ref, &found, &err);
	s->store.lenient = false;
	CHECK_EQ(ret, c->text && !c->lenient ? -EIO : 0);
	CHECK(!c->lenient || (found.len && !strncmp(found.v[0].text, c->text, strlen(c->text))));
	CHECK(!c->lenient || strstr(found.v[0].text, found.v[0].v.text));
	CHECK(c->text || !found.len);
	findings_fini(&found);

	s->store.ignore_transid = true;
	ret = node_gate(&s->store, block, &ref, &found, &err);
	s->store.ignore_transid = false;
	CHECK_EQ(ret, c->text && !c->transid ? -EIO : 0);
	CHECK_EQ(found.len, ret ? found.len : c->transid);
	findings_fini(&found);
}

TEST(each_claim_and_rule_is_held_against_a_block)
{
	struct synth s;

	synth_init(&s, 1, MiB(1));
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		unit_failed = 0;
		check_case(&s, &cases[i]);
		if (unit_failed) {
			printf("# case %s\n", cases[i].name);
			break;
		}
	}
	synth_fini(&s);
}

TEST(a_seeds_fsid_is_accepted)
{
	struct block_ref ref;
	u8 block[SYNTH_NODE];
	struct synth s;
	int before, after;

	synth_init(&s, 1, MiB(1));
	make(&s, &cases[0], block, &ref);
	memset(head(block)->fsid, 0x22, 16);
	block_set_csum(&s.vol->geo, block);
	before = node_gate(&s.store, block, &ref, NULL, NULL);
	memset(s.vol->fsids[1], 0x22, 16);
	s.vol->nfsids = 2;
	after = node_gate(&s.store, block, &ref, NULL, NULL);
	synth_fini(&s);
	CHECK_EQ(before, -EIO);
	CHECK_EQ(after, 0);
}

TEST(random_damage_behind_a_right_checksum_never_escapes)
{
	struct findings found = VEC_INIT;
	struct block_ref ref;
	u8 block[SYNTH_NODE];
	struct synth s;
	u64 sum = 0;

	synth_init(&s, 1, MiB(1));
	env_seed(&s.env, 1);
	for (int i = 0; i < 20000; i++) {
		make(&s, &cases[0], block, &ref);
		for (u64 n = env_random_u64(&s.env) % 4 + 1; n; n--) {
			u64 r = env_random_u64(&s.env);

			block[32 + (r & 1 ? r / 4 % 250 : r / 4 % (SYNTH_NODE - 32))] = r >> 40;
		}
		block_set_csum(&s.vol->geo, block);
		s.store.lenient = i & 1;
		ref.has_level = ref.has_first = i & 2;
		if (!node_gate(&s.store, block, &ref, i & 1 ? &found : NULL, NULL))
			for (u32 k = 0; k < block_nritems(block) && !block_level(block); k++) {
				struct item item = block_item(block, k);

				for (u32 b = 0; b < item.size; b++)
					sum += item.data[b];
				if (item.data < block || item.data + item.size > block + SYNTH_NODE)
					sum = ~0ULL >> 1;
			}
		findings_fini(&found);
	}
	synth_fini(&s);
	CHECK(sum && sum < ~0ULL >> 1);
}

UNIT_MAIN
