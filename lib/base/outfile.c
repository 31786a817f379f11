/* SPDX-License-Identifier: MIT */
#include "base/outfile.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_TEMPORARY = 1024 };

/* What a temporary name begins with. */
#define TEMPORARY ".layerpipe-"

/* Names that a signal must remove, from before there is a file until it has its own name. */
static char *volatile temporary[MAX_TEMPORARY];

struct outfile {
	int fd;
	char *path; /* where it shall appear */
	char *dir;
	char *temp; /* its name until then; NULL: none */
};

static void on_signal(int sig)
{
	for (int i = 0; i < MAX_TEMPORARY; i++)
		if (temporary[i])
			unlink(temporary[i]);
	/* the handler is reset by now: this ends the process */
	raise(sig);
}

static void catch_signals(void)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGPIPE };
	struct sigaction old, sa = { .sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND };
	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
		if (sigaction(signals[i], NULL, &old) == 0 && old.sa_handler == SIG_DFL)
			sigaction(signals[i], &sa, NULL);
}

static void note_temporary(char *name)
{
	catch_signals();
	for (int i = 0; i < MAX_TEMPORARY; i++)
		if (!temporary[i]) {
			temporary[i] = name;
			return;
		}
}

static void forget_temporary(const char *name)
{
	for (int i = 0; i < MAX_TEMPORARY; i++)
		if (temporary[i] == name)
			temporary[i] = NULL;
}

/* Where the file is to appear: path, or what a symbolic link there leads to. */
static int resolve(const char *path, char **real, struct err *e)
{
	struct stat st;
	if (lstat(path, &st) < 0) {
		*real = xstrdup(path);
		return errno == ENOENT && *path ? 0 : err_set(e, errno, "cannot write '%s'", path);
	}
	*real = S_ISLNK(st.st_mode) ? realpath(path, NULL) : xstrdup(path);
	if (!*real || stat(*real, &st) < 0)
		return err_set(e, errno, "cannot write '%s'", path);
	if (!S_ISREG(st.st_mode))
		return err_set(e, 0,
			       "cannot write '%s': it is not a regular file (standard output can "
			       "go anywhere)",
			       path);
	return 0;
}

char *outfile_directory(const char *path)
{
	const char *slash = strrchr(path, '/');
	if (!slash)
		return xstrdup(".");
	return slash == path ? xstrdup("/") : xstrndup(path, (size_t)(slash - path));
}

char *outfile_temporary(const char *dir, unsigned i)
{
	return xasprintf("%s/" TEMPORARY "%ld-%u", dir, (long)getpid(), i);
}

bool outfile_is_temporary(const char *name)
{
	return strncmp(name, TEMPORARY, sizeof TEMPORARY - 1) == 0;
}

/* What is there already is somebody else's. */
static bool is_free(const char *name)
{
	struct stat st;
	return lstat(name, &st) < 0 && errno == ENOENT;
}

/* Calls make with one name after the other until there is one that is free. */
static int with_temporary_name(struct outfile *f, int (*make)(struct outfile *, const char *))
{
	for (unsigned i = 0; i < 1000; i++) {
		AUTO_FREE char *name = outfile_temporary(f->dir, i);
		errno = EEXIST;
		if (is_free(name)) {
			note_temporary(name);
			if (make(f, name) == 0) {
				f->temp = STEAL(name);
				return 0;
			}
			forget_temporary(name);
		}
		if (errno != EEXIST)
			return -1;
	}
	return -1;
}

static int create(struct outfile *f, const char *name)
{
	f->fd = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	return f->fd < 0 ? -1 : 0;
}

static int name_it(struct outfile *f, const char *name)
{
	char self[40];
	snprintf(self, sizeof self, "/proc/self/fd/%d", f->fd);
	return linkat(AT_FDCWD, self, AT_FDCWD, name, AT_SYMLINK_FOLLOW);
}

/* Opens it in its directory, without a name where the file system can. */
static int open_file(struct outfile *f, const char *what, struct err *e)
{
	if (access("/proc/self/fd", X_OK) == 0)
		f->fd = open(f->dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0666);
	if (f->fd < 0 && with_temporary_name(f, create) < 0)
		return err_set(e, errno, "cannot create '%s'", what);
	return 0;
}

int outfile_new(const char *path, struct outfile **f, struct err *e)
{
	AUTO_OUTFILE struct outfile *made = xcalloc(1, sizeof *made);
	made->fd = -1;
	if (resolve(path, &made->path, e) < 0)
		return -1;
	made->dir = outfile_directory(made->path);
	if (open_file(made, path, e) < 0)
		return -1;
	*f = STEAL(made);
	return 0;
}

int outfile_new_in(const char *dir, const char *what, struct outfile **f, struct err *e)
{
	AUTO_OUTFILE struct outfile *made = xcalloc(1, sizeof *made);
	made->fd = -1;
	made->path = xstrdup(what);
	made->dir = xstrdup(dir);
	if (open_file(made, what, e) < 0)
		return -1;
	*f = STEAL(made);
	return 0;
}

int outfile_fd(const struct outfile *f)
{
	return f->fd;
}

/* Names a file that has no name yet; under its own where nothing is to be replaced. */
static int give_name(struct outfile *f, bool *named, struct err *e)
{
	*named = name_it(f, f->path) == 0;
	if (!*named && errno == EEXIST && with_temporary_name(f, name_it) == 0)
		return 0;
	return *named ? 0 : err_set(e, errno, "cannot name '%s'", f->path);
}

int outfile_commit(struct outfile *f, struct err *e)
{
	bool named = false;
	if (!f->temp && give_name(f, &named, e) < 0)
		return -1;
	int fd = f->fd;
	f->fd = -1;
	if (close(fd) < 0) {
		err_set(e, errno, "cannot write '%s'", f->path);
		if (named)
			unlink(f->path);
		return -1;
	}
	if (named)
		return 0;
	if (rename(f->temp, f->path) < 0)
		return err_set(e, errno, "cannot rename '%s' to '%s'", f->temp, f->path);
	forget_temporary(f->temp);
	free(f->temp);
	f->temp = NULL;
	return 0;
}

int outfile_commit_as(struct outfile *f, const char *path, struct err *e)
{
	free(f->path);
	free(f->dir);
	f->path = xstrdup(path);
	f->dir = outfile_directory(path);
	return outfile_commit(f, e);
}

void outfile_free(struct outfile *f)
{
	if (!f)
		return;
	if (f->fd >= 0)
		close(f->fd);
	if (f->temp) {
		unlink(f->temp);
		forget_temporary(f->temp);
	}
	free(f->temp);
	free(f->path);
	free(f->dir);
	free(f);
}

void outfile_cleanup(struct outfile **f)
{
	outfile_free(*f);
}
