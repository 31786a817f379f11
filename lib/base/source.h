/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_SOURCE_H
#define LAYERPIPE_SOURCE_H

/* Bytes to be read in order, wherever they come from. */

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"

/*
 * A source of bytes; whoever makes one says in read what it does. Embedded as
 * the first member where it needs more than this. All borrowed.
 */
struct source {
	const char *name; /* what messages call it */
	/* Reads up to len bytes, len > 0; *got is 0 at the end only. */
	int (*read)(struct source *s, void *data, size_t len, size_t *got, struct err *e);
	/* Goes on len bytes without reading them, maybe past the end; NULL: it cannot. */
	int (*skip)(struct source *s, uint64_t len, struct err *e);
};

MUST_USE int source_read(struct source *s, void *data, size_t len, size_t *got, struct err *e);

/*
 * Reads until len bytes are there or the source ends; *got says how many.
 */
MUST_USE int source_fill(struct source *s, void *data, size_t len, size_t *got, struct err *e);

/* Reads what is left, to the end. */
MUST_USE int source_drain(struct source *s, struct err *e);

/* A descriptor, read from where it stands. A regular file is skipped by seeking. */
struct source_fd {
	struct source source;
	int fd;
};

void source_fd(struct source_fd *s, int fd, const char *name);

/* Bytes [offset, offset + size) of a regular file, whose own file offset is left alone. */
struct source_part {
	struct source source;
	int fd;
	uint64_t offset;
	uint64_t size;
};

void source_part(struct source_part *s, int fd, const char *name, uint64_t offset, uint64_t size);

/* Bytes in memory. */
struct source_text {
	struct source source;
	const char *at;
	size_t left;
};

void source_text(struct source_text *s, const char *text, size_t len, const char *name);

#endif
