/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vm/confine_parts.h"

/* The directory of the host on which the new root is mounted for a moment. */
#define FOOTHOLD "/proc"

/* --- the plan --- */

static void plan(struct confine_root *r, const char *from, const char *to, enum confine_place place)
{
	r->mounts = mem_grow(r->mounts, &r->cap, r->n + 1, sizeof *r->mounts);
	r->mounts[r->n++] = (struct confine_mount){ xstrdup(from), xstrdup(to), place, false, -1 };
}

static void plan_work(const struct confine *c, struct confine_root *r)
{
	AUTO_FREE char *tree = xasprintf("%s/tree", c->work);
	AUTO_FREE char *host = xasprintf("%s/host", c->work);
	AUTO_FREE char *tmp = xasprintf("%s/tmp", c->work);
	plan(r, tree, CONFINE_PLACE "/tree", CONFINE_NEEDED);
	plan(r, tmp, "/tmp", CONFINE_NEEDED);
	plan(r, tmp, "/var/tmp", CONFINE_THERE);
	for (size_t i = 0; i < r->n; i++)
		r->mounts[i].writable = true;
	plan(r, host, CONFINE_PLACE "/host", CONFINE_NEEDED);
}

/* Where layerpipe is: this program is in PREFIX/libexec/layerpipe. */
static char *find_prefix(void)
{
	AUTO_FREE char *self = realpath("/proc/self/exe", NULL);
	for (int i = 0; self && i < 3; i++) {
		char *slash = strrchr(self, '/');
		if (slash)
			*slash = '\0';
	}
	return STEAL(self);
}

static void plan_prefix(struct confine_root *r)
{
	AUTO_FREE char *prefix = find_prefix();
	if (prefix && *prefix)
		plan(r, prefix, CONFINE_PLACE "/layerpipe", CONFINE_NEEDED);
}

/* Whether the path is in a directory whose files the program does not see: then it can be mounted
 * there. */
static bool is_hidden(const char *path)
{
	static const char *const places[] = { "/tmp/", "/var/tmp/", "/run/", "/build/" };
	AUTO_FREE char *top = xstrndup(path, 1 + strcspn(path + 1, "/"));
	struct stat st;
	for (size_t i = 0; i < sizeof places / sizeof *places; i++)
		if (strncmp(path, places[i], strlen(places[i])) == 0)
			return true;
	return stat(top, &st) == 0 && !(st.st_mode & S_IXOTH);
}

static void plan_hidden(struct confine_root *r, const char *path)
{
	if (is_hidden(path))
		plan(r, path, path, CONFINE_HIDDEN);
}

static void plan_keep(const struct confine *c, struct confine_root *r)
{
	AUTO_FREE char *here = getcwd(NULL, 0);
	for (size_t i = 0; i < c->nkeep; i++) {
		const char *given = c->keep[i];
		AUTO_FREE char *path = xasprintf("%s/%s", here ? here : "", given);
		plan_hidden(r, *given == '/' ? given : path);
	}
}

/* A directory of PATH, by its real name: the program may not see links on the way to it. */
static void plan_program_dir(struct confine_root *r, const char *dir)
{
	AUTO_FREE char *real = *dir == '/' ? realpath(dir, NULL) : NULL;
	if (!real || strchr(real, ':'))
		return;
	plan_hidden(r, real);
	buf_addf(&r->path, "%s:", real);
}

static void plan_programs(struct confine_root *r)
{
	for (const char *s = getenv("PATH"); s && *s; s += *s == ':') {
		size_t len = strcspn(s, ":");
		AUTO_FREE char *dir = xstrndup(s, len);
		plan_program_dir(r, dir);
		s += len;
	}
	buf_adds(&r->path, CONFINE_PLACE "/layerpipe/bin");
}

/* The program by its real name, for the same reason. A bare name is looked up in PATH. */
static void plan_program(const struct confine *c, struct confine_root *r)
{
	const char *given = c->argv[0];
	AUTO_FREE char *real = *given == '/' ? realpath(given, NULL) : NULL;
	r->program = xstrdup(real ? real : given);
}

void confine_root_plan(const struct confine *c, struct confine_root *r)
{
	plan_program(c, r);
	plan_work(c, r);
	plan_prefix(r);
	plan_keep(c, r);
	plan_programs(r);
}

/* --- mounts of the host --- */

/* Copies the mounts from there on down. Later mounts of the host do not appear in the copy. */
static int clone_tree(int dir, const char *name, bool writable, int *mount, struct err *e)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV,
				   .propagation = MS_PRIVATE };
	if (!writable)
		attr.attr_set |= MOUNT_ATTR_RDONLY;
	AUTO_CLOSE int fd =
		open_tree(dir, name, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
	if (fd < 0 || mount_setattr(fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof attr) < 0)
		return err_set(e, errno, "cannot mount '%s'", name);
	*mount = fd;
	fd = -1;
	return 0;
}

static bool is_dir(int fd)
{
	struct stat st;
	return fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);
}

int confine_root_open(struct confine_root *r, struct err *e)
{
	for (size_t i = 0; i < r->n; i++) {
		struct confine_mount *m = &r->mounts[i];
		if (m->fd >= 0)
			continue;
		int bad = clone_tree(AT_FDCWD, m->from, m->writable, &m->fd, e);
		if (bad < 0 && (m->place == CONFINE_NEEDED || e->code == EPERM))
			return -1;
		err_clear(e);
	}
	return 0;
}

void confine_root_free(struct confine_root *r)
{
	for (size_t i = 0; i < r->n; i++) {
		mem_cleanup_close(&r->mounts[i].fd);
		free((void *)(uintptr_t)r->mounts[i].from);
		free((void *)(uintptr_t)r->mounts[i].to);
	}
	free(r->mounts);
	buf_free(&r->path);
	free(r->program);
}

/* --- the new root, which is the working directory --- */

static int attach(int mount, int dir, const char *path, struct err *e)
{
	if (move_mount(mount, "", dir, path, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return err_set(e, errno, "cannot mount on '%s'", path);
	return 0;
}

static int make_link(int from, const char *name, int to, struct err *e)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(from, name, target, sizeof target - 1);
	if (n < 0)
		return err_set(e, errno, "cannot read '%s'", name);
	target[n] = '\0';
	return symlinkat(target, to, name) < 0 ? err_set(e, errno, "cannot make '%s'", name) : 0;
}

/* Makes a directory or file that shows the host's, read-only. A directory that cannot be searched
 * stays empty. */
static int make_copy(int from, const char *name, bool dir, int to, struct err *e)
{
	AUTO_CLOSE int mount = -1;
	int made = dir ? mkdirat(to, name, 0755) : mknodat(to, name, S_IFREG | 0444, 0);
	if (made < 0)
		return err_set(e, errno, "cannot make '%s'", name);
	if (dir && faccessat(from, name, X_OK, AT_EACCESS) < 0)
		return 0;
	return clone_tree(from, name, false, &mount, e) < 0 ? -1 : attach(mount, to, name, e);
}

static int make_entry(int from, const char *name, int to, bool links, struct err *e)
{
	struct stat st;
	if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_set(e, errno, "cannot read '%s'", name);
	if (S_ISLNK(st.st_mode))
		return make_link(from, name, to, e);
	if (links || (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode)))
		return 0;
	return make_copy(from, name, S_ISDIR(st.st_mode), to, e);
}

static bool is_one_of(const char *name, const char *const *list)
{
	while (*list && strcmp(*list, name) != 0)
		list++;
	return *list;
}

/* Shows the entries of a directory of the host, or only its links, without the exceptions. */
static int mirror(int from, int to, const char *const *except, bool links, struct err *e)
{
	DIR *d = fdopendir(from);
	const struct dirent *entry;
	int bad = d ? 0 : err_set(e, errno, "cannot read a directory");
	while (bad == 0 && (errno = 0, entry = readdir(d)))
		if (!is_one_of(entry->d_name, except))
			bad = make_entry(from, entry->d_name, to, links, e);
	if (bad == 0 && errno)
		bad = err_set(e, errno, "cannot read a directory");
	if (d)
		closedir(d);
	return bad;
}

/* Makes a private directory that shows the entries of the host's directory of that name. */
static int make_own(int host, const char *name, const char *const *except, bool links,
		    struct err *e)
{
	if (mkdir(name, 0755) < 0)
		return err_set(e, errno, "cannot make '%s'", name);
	int from = openat(host, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (from < 0)
		return 0;
	AUTO_CLOSE int to = open(name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return mirror(from, to, except, links, e);
}

static int make_device(int host, const char *name, struct err *e)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_RDONLY };
	AUTO_FREE char *path = xasprintf("dev/%s", name);
	AUTO_CLOSE int fd = open_tree(host, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (fd < 0 || mount_setattr(fd, "", AT_EMPTY_PATH, &attr, sizeof attr) < 0)
		return err_set(e, errno, "cannot mount '/%s'", path);
	if (mknod(path, S_IFREG | 0444, 0) < 0)
		return err_set(e, errno, "cannot make '/%s'", path);
	return attach(fd, AT_FDCWD, path, e);
}

static int make_dev(int host, struct err *e)
{
	static const char *const devices[] = { "null", "zero", "full", "random", "urandom", "tty" };
	static const char *const links[][2] = { { "dev/fd", "/proc/self/fd" },
						{ "dev/stdin", "/proc/self/fd/0" },
						{ "dev/stdout", "/proc/self/fd/1" },
						{ "dev/stderr", "/proc/self/fd/2" } };
	if (mkdir("dev", 0755) < 0 || mkdir("dev/shm", 0755) < 0)
		return err_set(e, errno, "cannot make '/dev'");
	for (size_t i = 0; i < sizeof devices / sizeof *devices; i++)
		if (make_device(host, devices[i], e) < 0)
			return -1;
	for (size_t i = 0; i < sizeof links / sizeof *links; i++)
		if (symlink(links[i][1], links[i][0]) < 0)
			return err_set(e, errno, "cannot make '/%s'", links[i][0]);
	if (mount("tmpfs", "dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777") < 0)
		return err_set(e, errno, "cannot mount '/dev/shm'");
	return 0;
}

static int make_proc(struct err *e)
{
	if (mkdir("proc", 0755) < 0)
		return err_set(e, errno, "cannot make '/proc'");
	if (mount("proc", "proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
		return err_set(e, errno, "cannot mount '/proc'");
	return 0;
}

static int make_root(int host, struct err *e)
{
	static const char *const top[] = { ".",   "..",  "proc",  "sys", "dev",
					   "run", "tmp", "build", NULL };
	static const char *const build[] = { ".", "..", "tree", "host", "layerpipe", NULL };
	static const char *const none[] = { ".", "..", NULL };
	AUTO_CLOSE int root = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int from = openat(host, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root < 0 || from < 0)
		return err_set(e, errno, "cannot open '/'");
	if (mirror(from, root, top, false, e) < 0 || make_own(host, "build", build, false, e) < 0 ||
	    make_own(host, "run", none, true, e) < 0)
		return -1;
	return make_dev(host, e) < 0 ? -1 : make_proc(e);
}

static int leave_host(struct err *e)
{
	if (syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return err_set(e, errno, "cannot change the root directory");
	return 0;
}

/* --- in the new root --- */

/* Makes a directory and those above it. Returns false if it was there. */
static bool make_dirs(const char *path)
{
	AUTO_FREE char *part = xstrdup(path);
	bool made = false;
	for (char *s = part; *s; s++) {
		if (*s != '/' || s == part)
			continue;
		*s = '\0';
		(void)mkdir(part, 0755);
		*s = '/';
	}
	made = mkdir(part, 0755) == 0;
	return made;
}

static int place(const struct confine_mount *m, struct err *e)
{
	if (m->fd < 0 || !is_dir(m->fd))
		return 0;
	bool made = m->place != CONFINE_THERE && make_dirs(m->to);
	if (m->place == CONFINE_HIDDEN && !made)
		return 0;
	int bad = attach(m->fd, AT_FDCWD, m->to, e);
	if (bad < 0 && m->place != CONFINE_NEEDED) {
		err_clear(e);
		return 0;
	}
	return bad;
}

int confine_root_enter(const struct confine_root *r, int host, struct err *e)
{
	struct mount_attr closed = { .attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID |
						 MOUNT_ATTR_NODEV };
	umask(0);
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return err_set(e, errno, "cannot keep mounts private");
	if (mount("tmpfs", FOOTHOLD, "tmpfs", 0, "mode=755") < 0 || chdir(FOOTHOLD) < 0)
		return err_set(e, errno, "cannot mount a tmpfs");
	if (make_root(host, e) < 0 || leave_host(e) < 0)
		return -1;
	for (size_t i = 0; i < r->n; i++)
		if (place(&r->mounts[i], e) < 0)
			return -1;
	if (mount_setattr(AT_FDCWD, "/", 0, &closed, sizeof closed) < 0)
		return err_set(e, errno, "cannot make '/' read-only");
	return chdir(CONFINE_PLACE "/tree") < 0
		       ? err_set(e, errno, "cannot enter '%s'", CONFINE_PLACE "/tree")
		       : 0;
}
