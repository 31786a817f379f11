/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_TARREAD_H
#define LAYERPIPE_TARREAD_H

/*
 * Reading tar archives from a source that need not seek: ustar and the
 * older form, pax extended and global headers, GNU long names (L, K) and
 * base-256 numbers (POSIX.1-2017 pax; GNU tar manual, "Basic Tar Format").
 * Nothing in the input is believed: sizes are checked for overflow, headers
 * have a limit, checksums must fit, and a name holds no NUL. Multi-volume
 * archives and unknown types are refused, and sparse files unless they are
 * asked for.
 *
 * Errors name the input and the byte offset of the header they are about.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/source.h"
#include "tar/tar.h"

/* Bytes of one extended header or long name; Go's archive/tar has the same limit. */
#define TARREAD_MAX_HEADER (1U << 20)

/* Pieces of one sparse file, as many as an extended header can tell of. */
#define TARREAD_MAX_SEGMENTS (1U << 18)

/*
 * Sparse files may have TARREAD_FREE_HOLES bytes of holes together, or
 * TARREAD_HOLES_RATIO times the archive's size so far where that is more: more
 * is taken for a bomb.
 */
#define TARREAD_FREE_HOLES  ((uint64_t)1 << 30)
#define TARREAD_HOLES_RATIO 200

struct tarread;

/* A piece of a sparse file that is stored: where it lies in the file, and how many bytes. */
struct tarread_segment {
	uint64_t offset, size;
};

enum tarread_event {
	TARREAD_EOF,    /* the input ends, at a place where it may */
	TARREAD_ENTRY,  /* one member; its contents come from tarread_data() */
	TARREAD_GLOBAL, /* a global header; tarread_record() reads it */
	TARREAD_END,    /* the two zero blocks that end an archive */
};

/* Starts reading; fd and name (for messages) are borrowed. */
struct tarread *tarread_new(int fd, const char *name);

/* The same from any source, borrowed. Contents that nobody reads are skipped where it can. */
struct tarread *tarread_from(struct source *s);
void tarread_free(struct tarread *r);

/*
 * From now on an archive may also end right behind a member, without the two
 * zero blocks and the zeros that fill up its last block, as tools do that
 * never finish what they write: for input that is known to be whole.
 */
void tarread_open_end(struct tarread *r);

/*
 * From now on sparse files are read: the forms 0.0, 0.1 and 1.0 of pax headers,
 * and GNU tar's old one. Their size is that of the file, and tarread_data()
 * gives the zeros of holes, too.
 */
void tarread_sparse(struct tarread *r);

/*
 * The stored pieces of the current member if it is sparse, in order, none of
 * them empty; they follow each other from tarread_offset() on. NULL: it is
 * stored whole. Valid until the next tarread_next().
 */
const struct tarread_segment *tarread_segments(const struct tarread *r, size_t *n);

/*
 * The next event; what is left of the current member's contents is skipped.
 * After TARREAD_END further zero blocks are skipped, and another archive may
 * follow. An input that ends anywhere but there, or before its first byte,
 * is an error.
 */
MUST_USE int tarread_next(struct tarread *r, enum tarread_event *event, struct err *e);

/*
 * The current member, valid until the next tarread_next(). Its type is one
 * of TAR_FILE to TAR_FIFO; the name and link target are as in the archive,
 * size is 0 unless it is TAR_FILE.
 */
const struct tar_entry *tarread_entry(const struct tarread *r);

/*
 * The value of a record in the current member's own extended header, or in
 * the global header just read: borrowed, NUL-terminated; NULL where there is
 * none. Its length, NULs in it counted, goes to *len unless that is NULL.
 */
const char *tarread_record(const struct tarread *r, const char *key, size_t *len);

/*
 * Goes through those records: the n-th one's key, or NULL at the end.
 */
const char *tarread_record_key(const struct tarread *r, size_t n);

/*
 * The next piece of the current member's contents; *len is 0 at its end. A
 * piece stays valid during one more call of tarread_data().
 */
MUST_USE int tarread_data(struct tarread *r, const void **data, size_t *len, struct err *e);

/* Whether what begins so is compressed (gzip, zstd, xz), and no tar. */
bool tarread_is_compressed(const char *s, size_t len);

/* Bytes of input used so far; right after TARREAD_ENTRY: where the member's contents begin. */
uint64_t tarread_offset(const struct tarread *r);

/* Sets an error that names the input and the offset of the last header. Returns -1. */
int tarread_err(const struct tarread *r, struct err *e, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Whether the TAR_BLOCK bytes are a header whose checksum fits. */
int tarread_is_header(const void *block);

/* A number in a field of a header, of width bytes: octal, or base-256. -1: it is none, or negative.
 */
MUST_USE int tarread_number(const char *field, size_t width, uint64_t *value);

/* For __attribute__((cleanup)). */
void tarread_cleanup(struct tarread **r);
#define AUTO_TARREAD __attribute__((cleanup(tarread_cleanup)))

#endif
