/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_TREEMERGE_H
#define LAYERPIPE_TREEMERGE_H

/*
 * Directories of the host laid over each other: what tree-list lists.
 *
 * Each file is known by a base, which is a directory that was given, and its
 * path within it, which no link is part of: so it is found again without
 * following one, and a directory that became a link is an error.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/nametree.h"
#include "base/within.h"

/* Strings are borrowed. */
struct treemerge_options {
	const char *prefix; /* where in the image; NULL: its root */
	/*
	 * NULL: none. With links and in place, where the operands are looked up; else, where those
	 * are that begin with it. Absolute links lead from it, and nothing beside it and the
	 * operands is read.
	 */
	const char *root_dir;
	bool links;           /* each file is to become a link to where it lies */
	bool keep_dirlinks;   /* a directory over a link to a directory goes where the link leads */
	bool follow_dirlinks; /* a link to a directory counts as that directory */
	bool stamps;          /* treemerge.stamps is wanted */
	/* With follow_dirlinks: a link that leads nowhere from its new place, but into this
	 * directory from its old one, becomes absolute. NULL: none. */
	const char *store_dir;
	/* with links: of a file that another hides; with follow_dirlinks: of a link that leads
	 * nowhere from its new place */
	void (*warn)(const char *message);
};

/* Base 0: root_dir, or / where there is none. The others are operands. */
enum { TREEMERGE_ROOT = 0 };

/* Where something lies. */
struct treemerge_place {
	uint32_t base;
	char *path; /* owned: "", or "/a/b" */
};

/* A directory of the host that lies over one of the tree. */
struct treemerge_overlay {
	struct treemerge_place place;
	char *name;      /* what the user calls it, links in it or not, owned; "" is / */
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
	struct nametree tree;
	struct treemerge_overlay *overlays;
	uint32_t n;
	struct treemerge_stamp *stamps; /* by node, for those that have an origin */
	/* private */
	size_t stamps_cap;
	char **bases; /* their names, no slash at the end */
	size_t nbases, bases_cap;
	struct within root; /* base 0 */
	uint32_t base;      /* the one that was used last, and its descriptor */
	int base_fd;
	struct treemerge_place parent; /* a directory that is open, and its descriptor */
	int parent_fd;
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
 * tree; the directories that lead there get the mode 0755. Of the options,
 * only root_dir counts.
 */
MUST_USE int treemerge_in_place(struct treemerge *m, char *const *files, int n, struct err *e);

/* What messages call the file of a node, for a node that has an origin. Free it. */
char *treemerge_name(const struct treemerge *m, uint32_t node);

/* Where that file lies. Free .path. */
struct treemerge_place treemerge_place(const struct treemerge *m, uint32_t node);

/* The same as a name to open it by, pathmark.h, with its base as what was given. Free it. */
char *treemerge_contents(const struct treemerge *m, uint32_t node);

/* The file of such a node: the entry name of the directory dir, borrowed until the next call. */
struct treemerge_file {
	int dir;
	char *name; /* owned */
};
MUST_USE int treemerge_find(struct treemerge *m, uint32_t node, struct treemerge_file *f,
			    struct err *e);

/*
 * The target of a node that is a symbolic link, as it is to be listed. A
 * relative one that lies in a directory that a link was followed to may lead
 * nowhere from where it is now; see store_dir. Free it.
 */
MUST_USE int treemerge_listed_target(struct treemerge *m, uint32_t node, char **target,
				     struct err *e);

/* What the host says of it. Free it. */
MUST_USE int treemerge_target(struct treemerge *m, uint32_t node, char **target, struct err *e);

/* The directory of the tree that a link of the tree leads to; NAMETREE_NONE: to none. */
MUST_USE int treemerge_resolve(struct treemerge *m, uint32_t link, uint32_t *dir, struct err *e);

#endif
