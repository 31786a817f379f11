/* SPDX-License-Identifier: MIT */
/* Symbolic links followed inside the tree. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "layer/treemerge.h"
#include "tar/walk.h"

enum { LINKS_MAX = 40 }; /* symbolic links on one way, as Linux has it */

/* One step from the directory at: the node of the name, or at and its parent for . and .. */
static uint32_t step(const struct treemerge *m, uint32_t at, const char *name)
{
	if (!*name || strcmp(name, ".") == 0)
		return at;
	if (strcmp(name, "..") == 0)
		return m->tree.nodes[at].parent;
	return nametree_find(&m->tree, at, name);
}

int treemerge_target(const struct treemerge *m, uint32_t node, char **target, struct err *e)
{
	AUTO_FREE char *host = treemerge_host(m, node);
	size_t room = (size_t)m->tree.nodes[node].size + 1;
	AUTO_FREE char *s = xcalloc(1, room + 1);
	ssize_t n = readlink(host, s, room);
	if (n < 0)
		return err_set(e, errno, "cannot read link '%s'", host);
	if ((size_t)n == room || n == 0)
		return walk_changed(host, e);
	*target = STEAL(s);
	return 0;
}

/* Goes along the path from the directory at as far as there are directories: *node is the first
 * that is none, or the last one. Returns what is left of the path. */
static char *descend(const struct treemerge *m, uint32_t *at, char *path, uint32_t *node)
{
	char *s = path;
	*at = *s == '/' ? NAMETREE_ROOT : *at;
	*node = *at;
	while (s && *s) {
		char *name = s, *slash = strchr(s, '/');
		s = slash ? slash + 1 : NULL;
		if (slash)
			*slash = '\0';
		*node = step(m, *at, name);
		if (*node == NAMETREE_NONE || !S_ISDIR(m->tree.nodes[*node].mode))
			break;
		*at = *node;
	}
	return s;
}

int treemerge_resolve(const struct treemerge *m, uint32_t link, uint32_t *dir, struct err *e)
{
	AUTO_BUF struct buf rest = { 0 };
	uint32_t at = m->tree.nodes[link].parent, node = link;
	for (int links = 0; node != NAMETREE_NONE && S_ISLNK(m->tree.nodes[node].mode); links++) {
		AUTO_FREE char *target = NULL;
		if (links == LINKS_MAX || treemerge_target(m, node, &target, e) < 0)
			return links == LINKS_MAX ? (*dir = NAMETREE_NONE, 0) : -1;
		AUTO_FREE char *path = xasprintf("%s/%s", target, rest.s ? rest.s : "");
		char *left = descend(m, &at, path, &node);
		buf_clear(&rest);
		buf_adds(&rest, left ? left : "");
	}
	*dir = node != NAMETREE_NONE && S_ISDIR(m->tree.nodes[node].mode) ? node : NAMETREE_NONE;
	return 0;
}
