/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_TREEMERGE_H
#define LAYERPIPE_TREEMERGE_H

/* Directories of the host laid over each other: what tree-list lists. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/nametree.h"

/* Strings are borrowed. */
struct treemerge_options {
	const char *prefix;   /* where in the image; NULL: its root */
	const char *root_dir; /* with links and in place: where the files lie; NULL: / */
	bool links;           /* each file is to become a link to where it lies */
	bool keep_dirlinks;   /* a directory over a link to a directory goes where the link leads */
	bool follow_dirlinks; /* a link to a directory counts as that directory */
	bool stamps;          /* treemerge.stamps is wanted */
	void (*warn)(const char *message); /* with links: of a file that another hides */
};

/* A directory of the host that lies over one of the tree. */
struct treemerge_overlay {
	char *host;      /* its path, owned; "" is / */
	uint32_t node;   /* the directory of the tree */
	uint32_t source; /* which operand it belongs to */
	uint32_t from;   /* the overlay that led to it; NAMETREE_NONE: an operand */
	dev_t dev;
	ino_t ino;
};

/* Which file a node is, and when it was changed last: another one if anything of it changed. */
struct treemerge_stamp {
	dev_t dev;
	ino_t ino;
	struct timespec changed;
};

/* A node's origin is the overlay that it comes from: there its file is found. */
struct treemerge {
	const struct treemerge_options *opt;
	int root; /* root_dir, -1: none */
	char *real_root;
	struct nametree tree;
	struct treemerge_overlay *overlays;
	uint32_t n;
	struct treemerge_stamp *stamps; /* by node, for those that have an origin */
	/* private */
	size_t stamps_cap;
	uint32_t done;
	size_t cap;
	uint32_t *at; /* directories of the tree on the way down one walk */
	size_t at_cap;
};

void treemerge_init(struct treemerge *m, const struct treemerge_options *opt);
void treemerge_free(struct treemerge *m);

/*
 * Lays the directories over each other in order. Without links the later one
 * wins, and with links the first; two kinds of one name are an error.
 */
MUST_USE int treemerge_dirs(struct treemerge *m, char *const *dirs, int n, struct err *e);

/*
 * Lays files of any kind, each an absolute path, over the same paths of the
 * tree; the directories that lead there get the mode 0755. No link is
 * followed below root_dir. Of the options, only root_dir counts.
 */
MUST_USE int treemerge_in_place(struct treemerge *m, char *const *files, int n, struct err *e);

/* Where the file of a node is on the host, for a node that has an origin. Free it. */
char *treemerge_host(const struct treemerge *m, uint32_t node);

/* The target of a node that is a symbolic link. Free it. */
MUST_USE int treemerge_target(const struct treemerge *m, uint32_t node, char **target,
			      struct err *e);

/* The directory of the tree that a link of the tree leads to; NAMETREE_NONE: to none. */
MUST_USE int treemerge_resolve(struct treemerge *m, uint32_t link, uint32_t *dir, struct err *e);

#endif
