/* SPDX-License-Identifier: MIT */
#include <stdbool.h>
#include <string.h>

#include "base/nametree.h"

enum { LINKS_MAX = 40 }; /* symbolic links on one way, as Linux has it */

static bool is_kind(const struct nametree *t, uint32_t node, mode_t kind)
{
	return node != NAMETREE_NONE && (t->nodes[node].mode & S_IFMT) == kind;
}

static uint32_t step(const struct nametree *t, const struct nametree_links *l, uint32_t at,
		     const char *name)
{
	if (!*name || strcmp(name, ".") == 0)
		return at;
	if (strcmp(name, "..") == 0)
		return t->nodes[at].parent;
	uint32_t node = nametree_find(t, at, name);
	return node == NAMETREE_NONE && l->make ? l->make(l->context, at, name) : node;
}

/*
 * Goes along the path from the directory at: *node is the first that is no
 * directory, or the last one. Returns what is left of the path.
 */
static const char *descend(const struct nametree *t, const struct nametree_links *l, uint32_t at,
			   char *path, uint32_t *node)
{
	char *s = path;
	*node = *s == '/' ? NAMETREE_ROOT : at;
	do {
		char *name = s;
		s = strchr(s, '/');
		if (s)
			*s++ = '\0';
		*node = step(t, l, *node, name);
	} while (s && is_kind(t, *node, S_IFDIR));
	return s ? s : "";
}

int nametree_follow(const struct nametree *t, const struct nametree_links *l, uint32_t link,
		    uint32_t *node, struct err *e)
{
	AUTO_FREE char *rest = xstrdup("");
	uint32_t at = link;
	for (int n = 0; n < LINKS_MAX && is_kind(t, at, S_IFLNK); n++) {
		AUTO_FREE char *target = NULL;
		if (l->target(l->context, at, &target, e) < 0)
			return -1;
		AUTO_FREE char *path = xasprintf("%s/%s", target, rest);
		const char *left = descend(t, l, t->nodes[at].parent, path, &at);
		free(rest);
		rest = xstrdup(left);
	}
	*node = at;
	return 0;
}
