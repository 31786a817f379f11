/* SPDX-License-Identifier: MIT */
#include "base/within.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

enum {
	LINKS_MAX = 40, /* symbolic links on one way, as Linux has it */
	STEP = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
};

/* On the way. */
struct way {
	int dir;  /* borrowed */
	int *fds; /* of the directories below dir that it has come down */
	size_t depth, cap;
	enum within_links links;
	int followed;
	struct within_place *place;
};

/* --- the kernel's own way --- */

static int open_how(int dir, const char *path, int flags, enum within_links links)
{
	static const unsigned long long resolve[] = {
		[WITHIN_ROOT] = RESOLVE_IN_ROOT,
		[WITHIN_BENEATH] = RESOLVE_BENEATH,
		[WITHIN_NO_LINKS] = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS,
	};
	struct open_how how = { .flags = (unsigned)flags | O_CLOEXEC,
				.resolve = resolve[links] | RESOLVE_NO_MAGICLINKS };
	path += strspn(path, "/");
	return (int)syscall(SYS_openat2, dir, *path ? path : ".", &how, sizeof how);
}

/*
 * Old kernels and some filters of system calls lack it. EAGAIN and EXDEV are what it says where
 * something was moved meanwhile, too.
 */
static bool is_no_answer(int code)
{
	return code == ENOSYS || code == EPERM || code == EAGAIN || code == EXDEV;
}

/* --- step by step --- */

static int top(const struct way *w)
{
	return w->depth ? w->fds[w->depth - 1] : w->dir;
}

static int fail(int code)
{
	errno = code;
	return -1;
}

/* Down into the directory fd. */
static void push(struct way *w, int fd, const char *name)
{
	w->fds = mem_grow(w->fds, &w->cap, w->depth + 1, sizeof *w->fds);
	w->fds[w->depth++] = fd;
	buf_addf(&w->place->path, "/%s", name);
}

static void pop(struct way *w)
{
	struct buf *path = &w->place->path;
	if (!w->depth)
		return;
	close(w->fds[--w->depth]);
	path->len = (size_t)(strrchr(path->s, '/') - path->s);
	path->s[path->len] = '\0';
}

static void set(struct buf *b, const char *s, size_t len)
{
	buf_clear(b);
	buf_add(b, s, len);
}

/* What the link says, into target; -1: it is none, or errno tells what else. */
static int read_link(int dir, const char *name, struct buf *target)
{
	for (size_t room = 256;; room *= 2) {
		buf_clear(target);
		ssize_t n = readlinkat(dir, name, buf_extend(target, room), room - 1);
		target->len = n < 0 ? 0 : (size_t)n;
		target->s[target->len] = '\0';
		if (n < 0 || (size_t)n < room - 1)
			return n < 0 ? -1 : 0;
	}
}

/* A magic link says something absolute, and is no text. */
static bool is_magic(const struct way *w, const struct buf *target)
{
	struct statfs fs;
	return *target->s == '/' && fstatfs(top(w), &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC;
}

/* Puts what the link says in front of the rest. */
static int follow(struct way *w, const char *name, const struct buf *target)
{
	struct within_place *p = w->place;
	if (w->links == WITHIN_NO_LINKS || ++w->followed > LINKS_MAX || is_magic(w, target))
		return fail(ELOOP);
	set(&p->target, target->s, target->len);
	set(&p->link, p->path.s, p->path.len);
	buf_addf(&p->link, "/%s", name);
	AUTO_FREE char *rest = xasprintf("%s%s", target->s, p->rest.s);
	set(&p->rest, rest, strlen(rest));
	if (*rest != '/')
		return 0;
	if (w->links == WITHIN_BENEATH)
		return fail(EXDEV);
	while (w->depth)
		pop(w);
	return 0;
}

/* Takes the next part of the rest, "" at its end; slashes in front of it go. Free it. */
static char *next_part(struct buf *rest)
{
	size_t skip = strspn(rest->s, "/"), len = strcspn(rest->s + skip, "/");
	char *part = xstrndup(rest->s + skip, len);
	rest->len -= skip + len;
	memmove(rest->s, rest->s + skip + len, rest->len + 1);
	return part;
}

/* The part that was taken goes back: for those who look at the rest. */
static int give_back(struct way *w, const char *part)
{
	int code = errno;
	AUTO_FREE char *rest = xasprintf("%s%s", part, w->place->rest.s);
	set(&w->place->rest, rest, strlen(rest));
	return fail(code);
}

/* The last part is opened: 1, with the descriptor, or an error. */
static int open_last(struct way *w, const char *part, int flags, int *fd)
{
	*fd = openat(top(w), *part ? part : ".", flags | O_NOFOLLOW | O_CLOEXEC);
	if (*fd < 0)
		return give_back(w, part);
	if (*part)
		buf_addf(&w->place->path, "/%s", part);
	return 1;
}

static int up(struct way *w)
{
	if (!w->depth && w->links != WITHIN_ROOT) {
		errno = EXDEV;
		return give_back(w, "..");
	}
	pop(w);
	return 0;
}

/* A border that the path ends at is reached, not crossed. */
static bool is_at_border(const struct within_place *p)
{
	return p->border && strcmp(p->path.s, p->border) == 0 && p->rest.s[strspn(p->rest.s, "/")];
}

/* Goes one part on: 0, or 1 at the end, or -1. */
static int step(struct way *w, int flags, int *fd)
{
	AUTO_BUF struct buf target = { 0 };
	AUTO_FREE char *part = next_part(&w->place->rest);
	bool last = !*w->place->rest.s;
	if (!*part)
		return open_last(w, part, flags, fd);
	if (strcmp(part, ".") == 0)
		return 0;
	if (strcmp(part, "..") == 0)
		return up(w);
	if (!last || !(flags & O_NOFOLLOW)) {
		if (read_link(top(w), part, &target) == 0)
			return follow(w, part, &target);
		if (errno != EINVAL)
			return give_back(w, part);
	}
	if (last)
		return open_last(w, part, flags, fd);
	int dir = openat(top(w), part, STEP);
	if (dir < 0)
		return give_back(w, part);
	push(w, dir, part);
	return is_at_border(w->place) ? fail(EXDEV) : 0;
}

static void begin(struct within_place *place, const char *path)
{
	struct buf *const all[] = { &place->path, &place->rest, &place->link, &place->target };
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		set(all[i], "", 0);
	path += strspn(path, "/");
	set(&place->rest, path, strlen(path));
}

static int walk(int dir, const char *path, int flags, enum within_links links,
		struct within_place *place)
{
	struct way w = { .dir = dir, .links = links, .place = place };
	int fd = -1, r = 0;
	begin(place, path);
	while (r == 0)
		r = step(&w, flags, &fd);
	int code = errno;
	while (w.depth)
		close(w.fds[--w.depth]);
	free(w.fds);
	errno = code;
	return r < 0 ? -1 : fd;
}

/* The kernel takes no path as long as this: the first part of it is a way of its own. */
static int find_long(int dir, const char *path, int flags)
{
	AUTO_FREE char *first = xstrndup(path, PATH_MAX - 1);
	char *slash = strrchr(first, '/');
	if (!slash || slash == first)
		return fail(ENAMETOOLONG);
	*slash = '\0';
	AUTO_CLOSE int fd = within_find(dir, first, O_PATH | O_DIRECTORY, WITHIN_NO_LINKS, NULL);
	return fd < 0 ? -1 : within_find(fd, path + (slash - first), flags, WITHIN_NO_LINKS, NULL);
}

int within_find(int dir, const char *path, int flags, enum within_links links,
		struct within_place *place)
{
	AUTO_WITHIN_PLACE struct within_place own = { 0 };
	path += strspn(path, "/");
	if (!place && links == WITHIN_NO_LINKS && strlen(path) >= PATH_MAX)
		return find_long(dir, path, flags);
	if (!place) {
		int fd = open_how(dir, path, flags, links);
		if (fd >= 0 || !is_no_answer(errno))
			return fd;
	}
	return walk(dir, path, flags, links, place ? place : &own);
}

void within_place_free(struct within_place *place)
{
	int code = errno;
	buf_free(&place->path);
	buf_free(&place->rest);
	buf_free(&place->link);
	buf_free(&place->target);
	errno = code;
}

/* --- the directory --- */

int within_enter(struct within *w, const char *dir, struct err *e)
{
	*w = (struct within){ AT_FDCWD, NULL };
	if (!dir)
		return 0;
	size_t len = strlen(dir);
	while (len && dir[len - 1] == '/')
		len--;
	w->fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (w->fd < 0)
		return err_set(e, errno, "cannot open directory '%s'", dir);
	w->name = xstrndup(dir, len);
	return 0;
}

void within_leave(struct within *w)
{
	if (w->fd >= 0)
		close(w->fd);
	free(w->name);
	*w = (struct within)WITHIN_NONE;
}

char *within_name(const struct within *w, const char *path)
{
	if (!w->name)
		return xstrdup(path);
	path += strspn(path, "/");
	return xasprintf("%s%s%s", w->name, *path || !*w->name ? "/" : "", path);
}

/* The place tells which link it was that led nowhere. */
static int cannot(const struct within *w, const char *what, const char *path,
		  const struct within_place *place, struct err *e)
{
	int code = errno;
	AUTO_FREE char *name = within_name(w, path);
	if (!place->link.len)
		return err_set(e, code, "cannot %s '%s'", what, name);
	err_set(e, 0, "cannot %s '%s': %s (the link '%s%s' leads to '%s' in '%s/')", what, name,
		strerror(code), w->name, place->link.s, place->target.s, w->name);
	e->code = code;
	return -1;
}

int within_open(const struct within *w, const char *what, const char *path, int flags, int *fd,
		struct within_place *place, struct err *e)
{
	AUTO_WITHIN_PLACE struct within_place own = { 0 };
	place = place ? place : &own;
	if (w->fd == AT_FDCWD) {
		int f = open(path, flags | O_CLOEXEC);
		if (f < 0)
			return err_set(e, errno, "cannot %s '%s'", what, path);
		*fd = f;
		return 0;
	}
	int f = within_find(w->fd, path, flags, WITHIN_ROOT, place);
	if (f < 0)
		return cannot(w, what, path, place, e);
	*fd = f;
	return 0;
}
