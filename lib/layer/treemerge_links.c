/* SPDX-License-Identifier: MIT */
/* Symbolic links followed inside the tree. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "layer/treemerge.h"
#include "layer/treemerge_host.h"
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

/* Whether the link's directory is listed at another place than it has on the host. */
static bool is_moved(const struct treemerge *m, uint32_t node)
{
	uint32_t overlay = m->tree.nodes[node].origin;
	return m->opt->follow_dirlinks && m->overlays[overlay].from != NAMETREE_NONE;
}

static int leads_nowhere(struct treemerge *m, uint32_t link, bool *nowhere, struct err *e)
{
	const struct nametree_links links = { .context = m, .target = target_of };
	uint32_t node;
	if (nametree_follow(&m->tree, &links, link, &node, e) < 0)
		return -1;
	*nowhere = node == NAMETREE_NONE;
	return 0;
}

/* What the link leads to where it lies on the host, as an absolute path. Free it. NULL: nothing. */
static char *old_target(struct treemerge *m, uint32_t node)
{
	struct treemerge_place from = treemerge_place(m, node), to;
	struct stat st;
	char *target = NULL;
	if (treemerge_follow(m, &from, &to, &st) == 0) {
		bool base = to.base != TREEMERGE_ROOT;
		target = xasprintf("%s%s", base ? m->bases[to.base] : "", to.path);
		free(to.path);
	}
	free(from.path);
	return target;
}

static bool is_below(const char *path, const char *dir)
{
	size_t len = dir ? strlen(dir) : 0;
	return len && strncmp(path, dir, len) == 0 && path[len] == '/';
}

int treemerge_listed_target(struct treemerge *m, uint32_t node, char **target, struct err *e)
{
	bool nowhere = false;
	if (treemerge_target(m, node, target, e) < 0)
		return -1;
	if (**target == '/' || !is_moved(m, node))
		return 0;
	if (leads_nowhere(m, node, &nowhere, e) < 0)
		return -1;
	AUTO_FREE char *old = nowhere ? old_target(m, node) : NULL;
	if (old && is_below(old, m->opt->store_dir)) {
		free(*target);
		*target = STEAL(old);
	} else if (old && !m->opt->stamps) {
		AUTO_FREE char *name = treemerge_name(m, node);
		AUTO_FREE char *message = xasprintf(
			"'%s' leads nowhere from where it is listed: --keep-dirlinks (of "
			"build-image: --keep-contents-dirlinks) keeps the link to its directory",
			name);
		m->opt->warn(message);
	}
	return 0;
}
