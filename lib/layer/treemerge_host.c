/* SPDX-License-Identifier: MIT */
#include "layer/treemerge_host.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- bases --- */

static char *trimmed(const char *path)
{
	size_t len = strlen(path);
	while (len && path[len - 1] == '/')
		len--;
	return xstrndup(path, len);
}

uint32_t treemerge_base(struct treemerge *m, const char *name)
{
	m->bases = mem_grow(m->bases, &m->bases_cap, m->nbases + 1, sizeof *m->bases);
	m->bases[m->nbases] = trimmed(name);
	return (uint32_t)m->nbases++;
}

int treemerge_open_root(struct treemerge *m, struct err *e)
{
	const char *name = m->opt->root_dir ? m->opt->root_dir : "/";
	if (within_enter(&m->root, name, e) < 0)
		return -1;
	(void)treemerge_base(m, name);
	return 0;
}

void treemerge_close(struct treemerge *m)
{
	for (size_t i = 0; i < m->nbases; i++)
		free(m->bases[i]);
	free(m->bases);
	free(m->parent.path);
	within_leave(&m->root);
	mem_cleanup_close(&m->base_fd);
	mem_cleanup_close(&m->parent_fd);
}

/* The descriptor of a base; that of the last operand stays open. */
static int base_fd(struct treemerge *m, uint32_t base)
{
	if (base == TREEMERGE_ROOT || base == m->base)
		return base == TREEMERGE_ROOT ? m->root.fd : m->base_fd;
	const char *name = *m->bases[base] ? m->bases[base] : "/";
	mem_cleanup_close(&m->base_fd);
	m->base = TREEMERGE_ROOT;
	m->base_fd = open(name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (m->base_fd >= 0)
		m->base = base;
	return m->base_fd;
}

/* --- links --- */

static int find(struct treemerge *m, const struct treemerge_place *p, int flags,
		enum within_links links, struct within_place *found)
{
	int dir = base_fd(m, p->base);
	return dir < 0 ? -1 : within_find(dir, p->path, flags, links, found);
}

int treemerge_open(struct treemerge *m, const struct treemerge_place *place, int flags)
{
	return find(m, place, flags, WITHIN_NO_LINKS, NULL);
}

/* How far links lead at first. */
static enum within_links reach(const struct treemerge_place *p)
{
	return p->base == TREEMERGE_ROOT ? WITHIN_ROOT : WITHIN_BENEATH;
}

/* Where an operand lies on the host, for those who may go there. Free it. */
static char *real_base(const struct treemerge *m, uint32_t base)
{
	return realpath(*m->bases[base] ? m->bases[base] : "/", NULL);
}

/* The path in base 0 of what lies beyond an operand; NULL: nothing is looked for there. */
static char *beyond(const struct treemerge *m, uint32_t base, const char *rest)
{
	if (*rest == '/')
		return xstrdup(rest);
	if (*m->bases[TREEMERGE_ROOT]) {
		errno = ENOENT;
		return NULL;
	}
	AUTO_FREE char *real = real_base(m, base);
	return real ? xasprintf("%s/%s", real, rest) : NULL;
}

int treemerge_follow(struct treemerge *m, const struct treemerge_place *from,
		     struct treemerge_place *to, struct stat *st)
{
	AUTO_WITHIN_PLACE struct within_place found = { 0 };
	AUTO_FREE char *path = NULL;
	uint32_t base = from->base;
	AUTO_CLOSE int fd = find(m, from, O_PATH, reach(from), &found);
	if (fd < 0 && errno == EXDEV) {
		path = beyond(m, base, found.rest.s);
		base = TREEMERGE_ROOT;
		if (path)
			fd = within_find(m->root.fd, path, O_PATH, WITHIN_ROOT, &found);
	}
	if (fd < 0 || fstat(fd, st) < 0)
		return -1;
	*to = (struct treemerge_place){ base, xstrdup(found.path.s) };
	return 0;
}

bool treemerge_leads_to_dir(struct treemerge *m, const struct treemerge_place *from)
{
	struct treemerge_place to = { 0 };
	struct stat st;
	AUTO_CLOSE int fd = find(m, from, O_PATH | O_DIRECTORY, reach(from), NULL);
	if (fd >= 0 || errno != EXDEV)
		return fd >= 0;
	bool is = treemerge_follow(m, from, &to, &st) == 0 && S_ISDIR(st.st_mode);
	free(to.path);
	return is;
}

static int look(struct treemerge *m, const struct treemerge_place *p, struct stat *st)
{
	struct treemerge_place to = { 0 };
	int r = treemerge_follow(m, p, &to, st);
	free(to.path);
	return r;
}

bool treemerge_same_file(struct treemerge *m, const struct treemerge_place *a,
			 const struct treemerge_place *b)
{
	struct stat x, y;
	return look(m, a, &x) == 0 && look(m, b, &y) == 0 && x.st_dev == y.st_dev &&
	       x.st_ino == y.st_ino;
}
