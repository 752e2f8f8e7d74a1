/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One row per item type (items.def): name, sizes, rules, text, fields. Whoever needs to know item types iterates over the
 * rows: dump-tree, JSON, the checker, sanitizing, the offline shell, field corruption, fuzzing. */
#ifndef FORMAT_ITEMS_H
#define FORMAT_ITEMS_H

#include "common/strbuf.h"
#include "kernel-shared/format/validate.h"

/* How one field reads. The size says how wide. */
enum field_kind { FIELD_UINT, FIELD_SINT, FIELD_HEX, FIELD_FLAGS, FIELD_MODE, FIELD_UUID, FIELD_BYTES, FIELD_NAME };
struct field {
	const char *name;     /* "size", "atime.sec"; repeated parts are prefixed: "0.name", "stripe1.devid", "ref0.root" */
	enum field_kind kind;
	u32 offset, size;     /* bytes within the item (or header, or superblock) */
};
/* Called for each field in ascending offset order; the field is valid during the call. Non-zero stops. */
typedef int (*field_fn)(void *arg, const struct field *field, const u8 *value);

/* What printing needs and remembers. One thread at a time. */
struct print_ctx {
	struct strbuf *sb;
	const struct geometry *geo;
	struct strbuf *errors;  /* lines for standard error ("ERROR: ..."), in the order met; NULL: they go among the text */
	bool hide_names, csum_headers, csum_items;
	/* Offsets of local time, for quarters of an hour: bulk text costs no tz lookups. And the last day as text. */
	struct { s64 quarter; s32 offset; bool valid; } tz[64];
	s64 day;
	u8 day_len;
	char day_text[23];
};
void print_ctx_init(struct print_ctx *p, struct strbuf *sb, const struct geometry *geo);

enum { ITEM_SIZE_ANY = BTRFS_MAX_METADATA_BLOCKSIZE };

struct item_type {
	u8 type;
	const char *name;                 /* as dump-tree prints it: "INODE_ITEM" */
	/* The sizes that the rules allow (max ITEM_SIZE_ANY: bounded by the leaf alone). Types that chapter 13 has no rule for allow any
	 * size: their readers look at item->size themselves (item_struct). */
	u32 min_size, max_size;
	int (*validate)(struct validator *v, const struct item *item, const struct item *prev); /* NULL: sizes only */
	void (*print)(struct print_ctx *p, const struct item *item);                              /* dump-tree's body; bounded by item->size */
	int (*fields)(const struct item *item, field_fn fn, void *arg);                           /* follows variable parts as far as they make sense */
};
/* The row, or NULL for a type that nobody defined. */
const struct item_type *item_type(u8 type);
/* All rows in type order, for iterating; *n receives their number. */
const struct item_type *item_type_all(unsigned *n);

/* Of a tree block's header. */
int header_fields(const void *block, field_fn fn, void *arg);
/* Those of one slot: "ptr3.key.objectid", "ptr3.blockptr", "item3.data_offset"...; offsets and values from the block's start. */
int key_ptr_fields(const void *block, unsigned slot, field_fn fn, void *arg);
int item_header_fields(const void *block, unsigned slot, field_fn fn, void *arg);
int super_fields(const struct disk_super *sb, field_fn fn, void *arg); /* including system array ("sys0.length") and backup roots */
/* The field of that name, in an item, in a tree block of nodesize bytes ("generation", "item3.key.offset"), in a superblock. out->name is the given one.
 * 0, -ENOENT. */
int item_field_find(const struct item *item, const char *name, struct field *out);
int block_field_find(const void *block, u32 nodesize, const char *name, struct field *out);
int super_field_find(const struct disk_super *sb, const char *name, struct field *out);
/* A field's value as text (numbers decimal, flags 0x..., modes octal with a leading 0, names escaped, bytes as hex digits), and text as a value
 * (for `field set`; numbers also with 0x, or negative): -EINVAL, -ERANGE if it does not parse or fit. */
void field_format(const struct field *f, const u8 *value, struct strbuf *out);
int field_parse(const struct field *f, const char *text, u8 *value, struct err *err);

/* Text of dump-tree. Spec: cli 15.6, 15.7. */
void print_key(struct print_ctx *p, const struct key *key);            /* "(256 INODE_ITEM 0)" */
void print_disk_key(struct print_ctx *p, const struct disk_key *key);
void print_objectid(struct print_ctx *p, u64 objectid, u8 type);
void print_block(struct print_ctx *p, const void *block);              /* header, keys or items with bodies; broken slots as the spec says */
void print_block_header(struct print_ctx *p, const void *block);
bool print_slot(struct print_ctx *p, const void *block, int slot);     /* one item of a leaf as print_block does it; false: it lies outside */
void print_super(struct print_ctx *p, const struct disk_super *sb, const char *device, u64 bytenr, bool full); /* cli 15.4, without the trailing empty line */
void print_super_head(struct strbuf *sb, const char *device, u64 bytenr); /* its first two lines alone */
const char *root_name(u64 objectid);                                   /* "fs", "extent", "file" ...: the NAME of cli 15.5 */
void print_time(struct print_ctx *p, const struct disk_timespec *ts);  /* "SEC.NSEC (YYYY-MM-DD HH:MM:SS)" */
/* Local wall time "YYYY-MM-DD HH:MM:SS" with a NUL behind; its length. */
enum { PRINT_TIME_MAX = 40 };
unsigned print_local_time(struct print_ctx *p, s64 sec, char out[PRINT_TIME_MAX]);
/* "2026-11-20T10:21:03+0000" at o, at most PRINT_TIME_MAX bytes; returns its end. */
char *text_iso_time(struct print_ctx *p, char *o, s64 sec);
/* "DATA|RAID1", "METADATA|single". */
void print_bg_flags(struct strbuf *sb, u64 flags);

/* The item's payload as a structure; NULL if it is shorter. item_struct(&item, struct disk_qgroup_info) */
#define item_struct(item, type) ((const type *)((item)->size >= sizeof(type) ? (item)->data : NULL))

/* Iterating the parts of composite items. Each starts with pos = 0, returns false at the end or at the first part that does
 * not fit; *pos then tells whether everything was consumed (== size). Of a name that does not fit its item, *out has what the header says. */
struct dir_entry_view { const struct disk_dir_item *item; struct key location; u64 transid; const u8 *name; u16 name_len; const u8 *data; u16 data_len; u8 type; };
bool dir_item_next(const struct item *item, u32 *pos, struct dir_entry_view *out);
struct inode_ref_view { u64 parent, index; const u8 *name; u16 name_len; }; /* parent: the key's offset, or the extref's own */
bool inode_ref_next(const struct item *item, u32 *pos, struct inode_ref_view *out); /* INODE_REF and INODE_EXTREF */
/* References of an extent item or of a keyed reference item, as one stream. */
struct extent_ref_view {
	u8 type;              /* BTRFS_*_REF_KEY */
	u64 root, objectid, offset; /* data refs; root alone for tree block and owner refs */
	u64 parent;           /* shared refs */
	u32 count;            /* 1 for tree references */
	u64 seq;              /* the order value: root, parent, or hash */
	u32 pos;              /* byte offset of the reference within the item (its type byte, if inline) */
};
/* refs_start: where the inline references begin. */
struct extent_view { u64 bytenr, len; u64 refs, generation, flags; u8 level; bool is_data, has_tree_info; struct key tree_first; u32 refs_start; };
/* EXTENT_ITEM or METADATA_ITEM. -EUCLEAN if too short. len is nodesize for METADATA_ITEM. */
int extent_item_parse(const struct geometry *geo, const struct item *item, struct extent_view *out);
/* *pos starts at refs_start; for keyed items at 0 (those without payload end with *pos 1). An owner reference (squota) is returned like the
 * others though it counts for nothing. */
bool extent_ref_next(const struct item *item, u32 *pos, struct extent_ref_view *out);
struct file_extent_view {
	u64 start;            /* file offset */
	u64 generation, ram_bytes, disk_bytenr, disk_num_bytes, offset, num_bytes; /* num_bytes of inline: ram_bytes */
	u8 type, compression, encryption; u16 other_encoding;
	const u8 *inline_data; u32 inline_len;
};
int file_extent_parse(const struct item *item, struct file_extent_view *out); /* -EUCLEAN if too short */
/* Root items in either length (or damaged ones: what is missing is zero); v2 fields are zero where they are not valid. */
void root_item_parse(const struct item *item, struct disk_root_item *out);
struct root_ref_view { u64 dirid, sequence; const u8 *name; u16 name_len; };
bool root_ref_parse(const struct item *item, struct root_ref_view *out); /* ROOT_REF, ROOT_BACKREF; false if too short */

#endif
