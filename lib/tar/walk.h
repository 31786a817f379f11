/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_WALK_H
#define LAYERPIPE_WALK_H

/*
 * Walks file trees: each directory before what is in it, the entries of a
 * directory in walk_compare() order, a subtree right behind its directory.
 * No symbolic link is ever followed. Memory: the names of the directories on
 * the way down, nothing of what was passed.
 */

#include <dirent.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"

struct walk;

/* Valid until the next call. */
struct walk_entry {
	const char *path;   /* what walk_start() was given, and /NAME for each step down */
	const char *name;   /* last part of it, in the directory dir */
	int dir;            /* borrowed */
	unsigned char type; /* DT_REG, DT_DIR, … as <dirent.h> has them, never DT_UNKNOWN */
	size_t depth;       /* 0: the start */
	/* directories only: how many entries it has, and a checksum of their names in order */
	uint32_t entries;
	uint32_t names;
};

struct walk *walk_new(void);
void walk_free(struct walk *w);

/* From the next walk_start() on, names come in byte order, as Nix archives have them. */
void walk_bytewise(struct walk *w);

/*
 * Begins at the entry name of the directory dir (borrowed, open while the walk
 * lasts), which may be of any type. path is what its path is to be.
 */
MUST_USE int walk_start(struct walk *w, int dir, const char *name, const char *path, struct err *e);

/* The next entry; NULL at the end. What changed its type meanwhile is an error. */
MUST_USE int walk_next(struct walk *w, const struct walk_entry **entry, struct err *e);

/* Right after a directory came: nothing that is in it comes. */
void walk_skip(struct walk *w);

/* Adds a string, its NUL included, to a checksum; 0 begins one. FNV-1a, 32 bits. */
uint32_t walk_checksum(uint32_t sum, const char *s);

/* Sets "'PATH' changed while it was read". Returns -1. */
int walk_changed(const char *path, struct err *e);

/*
 * The order of names: by Unicode code point, a byte that is not part of valid
 * UTF-8 as U+DC00 plus the byte. That is how Python sorts them, and so
 * nixpkgs; for valid UTF-8 it is byte order.
 */
int walk_compare(const char *a, const char *b);

/* For __attribute__((cleanup)). */
void walk_cleanup(struct walk **w);
#define AUTO_WALK __attribute__((cleanup(walk_cleanup)))

#endif
