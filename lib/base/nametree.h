/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_NAMETREE_H
#define LAYERPIPE_NAMETREE_H

/* A file tree in memory: nodes known by number, each with a name in its parent. */

#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/intern.h"
#include "base/keyhash.h"
#include "base/mem.h"

enum { NAMETREE_ROOT = 0 };
#define NAMETREE_NONE UINT32_MAX

struct nametree_node {
	uint32_t parent; /* of the root: itself */
	uint32_t name;   /* number in names */
	uint32_t origin; /* the caller's */
	mode_t mode;     /* with the type bits */
	uid_t uid;
	gid_t gid;
	uint64_t size;
	int64_t mtime;
	dev_t rdev;
};

struct nametree {
	struct nametree_node *nodes;
	uint32_t n;
	/* private */
	size_t cap;
	struct intern names;
	uint32_t *slots; /* open addressing over parent and name */
	size_t nslots;   /* a power of two */
	struct keyhash key;
};

/* A tree of the root alone, whose fields are 0 and whose origin is NAMETREE_NONE. */
void nametree_init(struct nametree *t);
void nametree_free(struct nametree *t);

/* The node of that name, NAMETREE_NONE where there is none. */
uint32_t nametree_find(const struct nametree *t, uint32_t parent, const char *name);

/* Adds a node that is not there. Pointers to nodes become invalid. */
uint32_t nametree_add(struct nametree *t, uint32_t parent, const char *name);

/* The name of a node, borrowed until the next is added; "" of the root. */
const char *nametree_name(const struct nametree *t, uint32_t node);

/* Appends the names from the node top, exclusive, down to node: "a/b", nothing for top itself. */
void nametree_path(const struct nametree *t, uint32_t top, uint32_t node, struct buf *b);

/*
 * The numbers of all nodes, each directory before what is in it and names in
 * byte order. Free it.
 */
uint32_t *nametree_order(const struct nametree *t);

/* How links of a tree are followed. */
struct nametree_links {
	void *context;
	/* Where a node that is a symbolic link leads, a new string. */
	int (*target)(void *context, uint32_t link, char **target, struct err *e);
	/* The node for a name that a directory on the way lacks; NULL: there is none. */
	uint32_t (*make)(void *context, uint32_t dir, const char *name);
};

/*
 * Follows a link as in a root file system: absolute targets begin at the root
 * of the tree, ".." does not leave it, and links on the way are followed too.
 * *node is what the link leads to, or the first on its way that is no
 * directory. It is NAMETREE_NONE if a name is missing, and it is still a link
 * if there are more than 40 on the way.
 */
MUST_USE int nametree_follow(const struct nametree *t, const struct nametree_links *l,
			     uint32_t link, uint32_t *node, struct err *e);

#endif
