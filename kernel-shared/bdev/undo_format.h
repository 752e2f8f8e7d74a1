/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The undo file. A header, then batches; each batch reaches the disk before any of the writes that it makes undoable.
 *
 * A batch is a header with a checksum of itself and of its payload, and a payload of entries. Only the last batch can be torn (its
 * writes have not begun then); a broken batch with another behind it is damage. All numbers little-endian. */
#ifndef BDEV_UNDO_FORMAT_H
#define BDEV_UNDO_FORMAT_H

#include "common/endian.h"

#define UNDO_MAGIC "btrbox undo log\n"
enum { UNDO_VERSION = 1, UNDO_BATCH_MAGIC = 0x48435442, UNDO_PAYLOAD_MAX = 64 << 20 };

/* A place that every change of a filesystem writes (the superblock): its contents tell whether an unfinished log still fits. */
enum { UNDO_WITNESS_OFF = 65536, UNDO_WITNESS_LEN = 4096 };

enum undo_state {
	UNDO_RECORDED = 0, /* as written */
	UNDO_APPLYING = 1, /* taking back has begun: the devices are between two states and are not compared any more */
	UNDO_APPLIED = 2,
};

struct undo_header {
	char magic[16];
	le32 version, state;
	u8 reserved[40];
} PACKED;
_Static_assert(sizeof(struct undo_header) == 64, "undo_header");

struct undo_batch {
	le32 magic, reserved;
	le64 seq, len;        /* counted from 0; bytes of payload */
	le32 payload_crc, crc; /* crc: of this header with crc itself zero */
} PACKED;
_Static_assert(sizeof(struct undo_batch) == 32, "undo_batch");

enum undo_type {
	UNDO_DEVICE = 1, /* off: size before; data: name. The nth of these is device n */
	UNDO_OLD = 2,    /* data: len bytes that were at off */
	UNDO_ZERO = 3,   /* len zeros were at off (a hole) */
	UNDO_SIZE = 4,   /* off: a size that the device is about to get */
	UNDO_WITNESS = 5,/* len bytes at off are about to become data with this CRC-32C (4 bytes) */
	UNDO_END = 6,    /* len bytes at off had this CRC-32C (4 bytes) at the end */
	UNDO_CLOSE = 7,  /* off: the device's size at the end. Present for every device: the log is whole */
};

struct undo_entry {
	le32 type, device;
	le64 off, len, data;  /* data: bytes that follow */
} PACKED;
_Static_assert(sizeof(struct undo_entry) == 32, "undo_entry");

#endif
