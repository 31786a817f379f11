/* SPDX-License-Identifier: MIT */
/* Symbolic links followed inside the tree. */
#include <errno.h>
#include <unistd.h>

#include "layer/treemerge.h"
#include "tar/walk.h"

int treemerge_target(struct treemerge *m, uint32_t node, char **target, struct err *e)
{
	struct treemerge_file f;
	AUTO_FREE char *host = treemerge_name(m, node);
	size_t room = (size_t)m->tree.nodes[node].size + 1;
	AUTO_FREE char *s = xcalloc(1, room + 1);
	if (treemerge_find(m, node, &f, e) < 0)
		return -1;
	AUTO_FREE char *name = f.name;
	ssize_t n = readlinkat(f.dir, name, s, room);
	if (n < 0)
		return err_set(e, errno, "cannot read link '%s'", host);
	if ((size_t)n == room || n == 0)
		return walk_changed(host, e);
	*target = STEAL(s);
	return 0;
}

static int target_of(void *context, uint32_t link, char **target, struct err *e)
{
	return treemerge_target(context, link, target, e);
}

int treemerge_resolve(struct treemerge *m, uint32_t link, uint32_t *dir, struct err *e)
{
	const struct nametree_links links = { .context = m, .target = target_of };
	uint32_t node;
	if (nametree_follow(&m->tree, &links, link, &node, e) < 0)
		return -1;
	*dir = node != NAMETREE_NONE && S_ISDIR(m->tree.nodes[node].mode) ? node : NAMETREE_NONE;
	return 0;
}
