/* SPDX-License-Identifier: MIT */
#include "layer/treemerge_host.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { LINKS_MAX = 40 }; /* symbolic links on one way, as Linux has it */

int treemerge_open_root(struct treemerge *m)
{
	m->root = open(m->opt->root_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (m->root < 0)
		return -1;
	m->real_root = realpath(m->opt->root_dir, NULL);
	return m->real_root ? 0 : -1;
}

static int open_below(const struct treemerge *m, const char *path, int flags)
{
	struct open_how how = { .flags = (unsigned)flags | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT };
	return (int)syscall(SYS_openat2, m->root, path, &how, sizeof how);
}

/* What readlink(2) says, or NULL. */
static char *link_target(const char *host)
{
	for (size_t room = 256;; room *= 2) {
		AUTO_FREE char *s = xcalloc(1, room + 1);
		ssize_t n = readlink(host, s, room);
		if (n < 0)
			return NULL;
		if ((size_t)n < room)
			return STEAL(s);
	}
}

/* The part of a real path that lies below root_dir; NULL: it does not. */
static const char *below_root(const struct treemerge *m, const char *real)
{
	size_t len = strcmp(m->real_root, "/") == 0 ? 0 : strlen(m->real_root);
	bool below = strncmp(real, m->real_root, len) == 0 && (!real[len] || real[len] == '/');
	return below ? real + len : NULL;
}

/* Where a link's target is, as a path from the host's root or, *below, from root_dir. */
static char *target_path(const struct treemerge *m, const char *host, const char *target,
			 bool *below)
{
	*below = *target == '/';
	if (*below)
		return xstrdup(target);
	const char *slash = strrchr(host, '/');
	AUTO_FREE char *dir = slash ? xstrndup(host, (size_t)(slash - host) + 1) : xstrdup(".");
	AUTO_FREE char *real = realpath(dir, NULL);
	if (!real)
		return NULL;
	const char *rest = below_root(m, real);
	*below = rest != NULL;
	return xasprintf("%s/%s", rest ? rest : real, target);
}

static int open_link(const struct treemerge *m, const char *host, int flags)
{
	AUTO_FREE char *path = xstrdup(host);
	for (int i = 0; i < LINKS_MAX; i++) {
		bool below;
		AUTO_FREE char *target = link_target(path);
		if (!target)
			return open(path, flags | O_CLOEXEC);
		char *next = target_path(m, path, target, &below);
		free(path);
		path = next;
		if (!path || below)
			return path ? open_below(m, path, flags) : -1;
	}
	errno = ELOOP;
	return -1;
}

int treemerge_open(const struct treemerge *m, const char *host, int flags)
{
	const char *path = *host ? host : "/";
	if (m->root < 0)
		return open(path, flags | O_CLOEXEC);
	return m->opt->links ? open_below(m, path, flags) : open_link(m, path, flags);
}

int treemerge_stat(const struct treemerge *m, const char *host, struct stat *st)
{
	AUTO_CLOSE int fd = treemerge_open(m, host, O_PATH);
	return fd < 0 ? -1 : fstat(fd, st);
}

int treemerge_follow(const struct treemerge *m, const char *host, char **real, struct stat *st)
{
	AUTO_CLOSE int fd = treemerge_open(m, host, O_PATH);
	if (fd < 0 || fstat(fd, st) < 0)
		return -1;
	AUTO_FREE char *self = xasprintf("/proc/self/fd/%d", fd);
	bool plain = m->root < 0 || m->opt->links;
	*real = plain ? xstrdup(host) : link_target(self);
	return *real ? 0 : -1;
}

bool treemerge_leads_to_dir(const struct treemerge *m, const char *host)
{
	struct stat st;
	return treemerge_stat(m, host, &st) == 0 && S_ISDIR(st.st_mode);
}

bool treemerge_same_file(const struct treemerge *m, const char *a, const char *b)
{
	struct stat x, y;
	return treemerge_stat(m, a, &x) == 0 && treemerge_stat(m, b, &y) == 0 &&
	       x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}
