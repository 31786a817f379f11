/* SPDX-License-Identifier: MIT */
#include "image/ocilayout.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/out.h"
#include "base/workdir.h"
#include "image/imagefile.h"
#include "image/ocimanifest.h"

static const char layout_name[] = "oci-layout", index_name[] = "index.json";

/* A blob that waits for its name. */
struct blob {
	struct outfile *file; /* NULL: it has its name, in the new directory or the layout */
	char hex[DIGEST_HEX_LEN + 1];
	uint64_t size;
	bool added;    /* to a layout, which did not have it */
	bool expected; /* in a layout, which had it */
};

struct ocilayout {
	char *path;   /* without slashes at its end */
	char *parent; /* the directory that it is in */
	bool exists;
	char *fresh; /* the new directory's name until it has its own; NULL: none */
	struct blob *blobs;
	size_t n, cap;
};

/* --- what is there --- */

static bool ends_in(const char *s, const char *end)
{
	size_t len = strlen(s), n = strlen(end);
	return len > n && strcmp(s + len - n, end) == 0;
}

bool ocilayout_is_archive(const char *path)
{
	struct stat st;
	return ends_in(path, ".tar") || ends_in(path, ".tar.gz") || ends_in(path, ".tar.zst") ||
	       (stat(path, &st) == 0 && S_ISREG(st.st_mode));
}

static char *inside(const char *dir, const char *name)
{
	return xasprintf("%s/%s", dir, name);
}

/* Whether an entry makes a directory not empty: files that somebody still writes do not. */
static bool counts(const char *name)
{
	return strcmp(name, ".") != 0 && strcmp(name, "..") != 0 && !outfile_is_temporary(name);
}

static int is_empty(const char *path, bool *empty, struct err *e)
{
	DIR *dir = opendir(path);
	size_t n = 0;
	if (!dir)
		return err_set(e, errno, "cannot open '%s'", path);
	for (const struct dirent *entry; errno = 0, (entry = readdir(dir));)
		n += counts(entry->d_name);
	int code = errno;
	closedir(dir);
	*empty = n == 0;
	return code ? err_set(e, code, "cannot read '%s'", path) : 0;
}

static bool is_layout(const char *path)
{
	AUTO_FREE char *layout = inside(path, layout_name);
	struct stat st;
	return lstat(layout, &st) == 0 && S_ISREG(st.st_mode);
}

/*
 * A directory that is there: it must be a layout, or empty. An empty one can become a layout
 * between the two looks, so a third decides.
 */
static int check_there(const char *path, struct err *e)
{
	bool empty = false;
	if (is_layout(path))
		return 0;
	if (is_empty(path, &empty, e) < 0)
		return -1;
	if (empty || is_layout(path))
		return 0;
	return err_set(e, 0,
		       "'%s' is a directory, but neither empty nor an OCI layout: expected a file "
		       "%s in it",
		       path, layout_name);
}

static char *without_slashes(const char *path)
{
	size_t len = strlen(path);
	while (len > 1 && path[len - 1] == '/')
		len--;
	return xstrndup(path, len);
}

int ocilayout_new(const char *path, struct ocilayout **l, struct err *e)
{
	AUTO_OCILAYOUT struct ocilayout *made = xcalloc(1, sizeof *made);
	struct stat st;
	made->path = without_slashes(path);
	made->parent = outfile_directory(made->path);
	made->exists = stat(made->path, &st) == 0;
	if (!made->exists && (errno != ENOENT || lstat(made->path, &st) == 0 || !*path))
		return err_set(e, errno ? errno : ENOENT, "cannot write '%s'", path);
	if (made->exists && !S_ISDIR(st.st_mode))
		return err_set(e, 0, "cannot write '%s': it is not a directory", path);
	if (made->exists && check_there(made->path, e) < 0)
		return -1;
	*l = STEAL(made);
	return 0;
}

const char *ocilayout_path(const struct ocilayout *l)
{
	return l->path;
}

/* --- blobs --- */

int ocilayout_blob(struct ocilayout *l, struct outfile **f, struct err *e)
{
	return outfile_new_in(l->exists ? l->path : l->parent, l->path, f, e);
}

void ocilayout_keep(struct ocilayout *l, struct outfile *f, const char *hex, uint64_t size)
{
	l->blobs = mem_grow(l->blobs, &l->cap, l->n + 1, sizeof *l->blobs);
	struct blob *b = &l->blobs[l->n++];
	*b = (struct blob){ .file = f, .size = size };
	memcpy(b->hex, hex, sizeof b->hex);
}

static int write_text(const struct ocilayout *l, const struct outfile *f, const struct buf *text,
		      struct err *e)
{
	if (out_write_fd(outfile_fd(f), text->s, text->len) < 0)
		return err_set(e, errno, "cannot write '%s'", l->path);
	return 0;
}

int ocilayout_text(struct ocilayout *l, const char *hex, const struct buf *text, struct err *e)
{
	AUTO_OUTFILE struct outfile *f = NULL;
	if (ocilayout_blob(l, &f, e) < 0 || write_text(l, f, text, e) < 0)
		return -1;
	ocilayout_keep(l, STEAL(f), hex, text->len);
	return 0;
}

/* --- names --- */

static int make_directory(const char *path, struct err *e)
{
	struct stat st;
	if (mkdir(path, 0777) < 0 && errno != EEXIST)
		return err_set(e, errno, "cannot create '%s'", path);
	if (lstat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return 0;
	return err_set(e, ENOTDIR, "cannot create '%s'", path);
}

static char *blob_name(const char *dir, const struct blob *b)
{
	return xasprintf("%s/blobs/sha256/%s", dir, b->hex);
}

static bool is_there(const char *name, uint64_t size)
{
	struct stat st;
	return stat(name, &st) == 0 && S_ISREG(st.st_mode) && (uint64_t)st.st_size == size;
}

bool ocilayout_expect(struct ocilayout *l, const char *hex, uint64_t size)
{
	AUTO_FREE char *name = xasprintf("%s/blobs/sha256/%s", l->path, hex);
	if (!l->exists || !is_there(name, size))
		return false;
	ocilayout_keep(l, NULL, hex, size);
	l->blobs[l->n - 1].expected = true;
	return true;
}

/* Gives a blob its name in dir, where one of the same size may be already. */
static int name_blob(const struct ocilayout *l, struct blob *b, const char *dir, struct err *e)
{
	AUTO_FREE char *name = blob_name(dir, b), *fresh = NULL;
	struct stat st;
	if (is_there(name, b->size))
		return 0;
	if (b->expected)
		return err_set(e, 0, "'%s' is gone, which was there before: make the image again",
			       name);
	b->added = lstat(name, &st) < 0;
	if (b->file) {
		struct outfile *f = STEAL(b->file);
		int status = outfile_commit_as(f, name, e);
		outfile_free(f);
		return status;
	}
	fresh = blob_name(l->fresh, b);
	return rename(fresh, name) < 0 ? err_set(e, errno, "cannot create '%s'", name) : 0;
}

static int name_blobs(struct ocilayout *l, const char *dir, struct err *e)
{
	AUTO_FREE char *blobs = inside(dir, "blobs"), *sha256 = inside(dir, "blobs/sha256");
	if (make_directory(blobs, e) < 0 || make_directory(sha256, e) < 0)
		return -1;
	for (size_t i = 0; i < l->n; i++)
		if (name_blob(l, &l->blobs[i], dir, e) < 0)
			return -1;
	return 0;
}

static int put_file(const struct ocilayout *l, const char *dir, const char *name,
		    const struct buf *text, struct err *e)
{
	AUTO_OUTFILE struct outfile *f = NULL;
	AUTO_FREE char *path = inside(dir, name);
	if (outfile_new_in(dir, path, &f, e) < 0 || write_text(l, f, text, e) < 0)
		return -1;
	return outfile_commit_as(f, path, e);
}

/* --- adding to a layout --- */

/* Opens oci-layout, makes it where it lacks, and waits for whoever has it locked. */
static int lock(const char *name, int *fd, struct err *e)
{
	struct stat st;
	for (;;) {
		AUTO_CLOSE int f = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
		if (f < 0)
			return err_set(e, errno, "cannot open '%s'", name);
		while (flock(f, LOCK_EX) < 0)
			if (errno != EINTR)
				return err_set(e, errno, "cannot lock '%s'", name);
		/* who had it may have failed, and removed what it had made */
		if (fstat(f, &st) == 0 && st.st_nlink) {
			*fd = f;
			f = -1;
			return 0;
		}
	}
}

/* The index that the layout is to have. */
static int new_index(const struct ocilayout *l, const struct buf *index, struct buf *b,
		     struct err *e)
{
	AUTO_BUF struct buf layout = { 0 }, old = { 0 };
	AUTO_IMAGEFILE struct imagefile *f = NULL;
	AUTO_FREE char *name = inside(l->path, index_name);
	struct stat st;
	if (lstat(name, &st) < 0) {
		if (errno != ENOENT)
			return err_set(e, errno, "cannot read '%s'", name);
		buf_add(b, index->s, index->len);
		return 0;
	}
	if (!S_ISREG(st.st_mode))
		return err_set(e, 0, "cannot write '%s': it is not a regular file", name);
	buf_adds(&layout, "");
	buf_adds(&old, "");
	int dir = open(l->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return err_set(e, errno, "cannot open '%s'", l->path);
	if (imagefile_open_fd(dir, l->path, &f, e) < 0 ||
	    imagefile_text(f, layout_name, &layout, e) < 0 ||
	    imagefile_text(f, index_name, &old, e) < 0)
		return -1;
	return ocimanifest_add(l->path, &layout, &old, index, b, e);
}

static bool is_new(int layout)
{
	struct stat st;
	return fstat(layout, &st) == 0 && st.st_size == 0;
}

static int add_names(struct ocilayout *l, int layout, const struct buf *index, struct err *e)
{
	if (name_blobs(l, l->path, e) < 0)
		return -1;
	if (is_new(layout) &&
	    out_write_fd(layout, OCIMANIFEST_LAYOUT, sizeof OCIMANIFEST_LAYOUT - 1) < 0)
		return err_set(e, errno, "cannot write '%s/%s'", l->path, layout_name);
	return put_file(l, l->path, index_name, index, e);
}

/* After a failure: removes what was added, and of a layout that was an empty directory all. */
static void remove_added(const struct ocilayout *l, bool was_empty)
{
	AUTO_FREE char *blobs = inside(l->path, "blobs"), *sha256 = inside(l->path, "blobs/sha256"),
		       *layout = inside(l->path, layout_name);
	for (size_t i = 0; i < l->n; i++) {
		AUTO_FREE char *name = blob_name(l->path, &l->blobs[i]);
		if (l->blobs[i].added)
			unlink(name);
	}
	if (!was_empty)
		return;
	rmdir(sha256);
	rmdir(blobs);
	unlink(layout);
}

/* Puts off what would end the process between two names; *old is for restore_signals(). */
static void hold_signals(sigset_t *old)
{
	sigset_t ending;
	sigemptyset(&ending);
	sigaddset(&ending, SIGINT);
	sigaddset(&ending, SIGTERM);
	sigaddset(&ending, SIGHUP);
	sigaddset(&ending, SIGPIPE);
	sigprocmask(SIG_BLOCK, &ending, old);
}

static void restore_signals(const sigset_t *old)
{
	sigprocmask(SIG_SETMASK, old, NULL);
}

static int add(struct ocilayout *l, const struct buf *index, struct err *e)
{
	AUTO_CLOSE int layout = -1;
	AUTO_BUF struct buf both = { 0 };
	AUTO_FREE char *name = inside(l->path, layout_name),
		       *index_file = inside(l->path, index_name);
	sigset_t old;
	/* who waits can be ended */
	if (check_there(l->path, e) < 0 || lock(name, &layout, e) < 0)
		return -1;
	hold_signals(&old);
	bool was_empty = is_new(layout) && access(index_file, F_OK) < 0;
	int status = new_index(l, index, &both, e);
	if (status == 0)
		status = add_names(l, layout, &both, e);
	if (status < 0)
		remove_added(l, was_empty);
	restore_signals(&old);
	return status;
}

/* --- a new layout --- */

static int make_fresh(struct ocilayout *l, struct err *e)
{
	for (unsigned i = 0; i < 1000; i++) {
		AUTO_FREE char *name = outfile_temporary(l->parent, i);
		if (mkdir(name, 0777) == 0) {
			l->fresh = STEAL(name);
			return 0;
		}
		if (errno != EEXIST)
			break;
	}
	return err_set(e, errno, "cannot create '%s'", l->path);
}

static int fill_fresh(struct ocilayout *l, const struct buf *index, struct err *e)
{
	struct buf layout = { 0 };
	buf_adds(&layout, OCIMANIFEST_LAYOUT);
	int status = name_blobs(l, l->fresh, e);
	if (status == 0)
		status = put_file(l, l->fresh, layout_name, &layout, e);
	if (status == 0)
		status = put_file(l, l->fresh, index_name, index, e);
	buf_free(&layout);
	return status;
}

/* Gives the new directory its name; where somebody else made one meanwhile, the image goes there.
 */
static int name_fresh(struct ocilayout *l, const struct buf *index, struct err *e)
{
	if (rename(l->fresh, l->path) == 0) {
		free(STEAL(l->fresh));
		return 0;
	}
	if (errno != EEXIST && errno != ENOTEMPTY)
		return err_set(e, errno, "cannot rename '%s' to '%s'", l->fresh, l->path);
	return add(l, index, e);
}

static int create(struct ocilayout *l, const struct buf *index, struct err *e)
{
	sigset_t old;
	struct err ignored = { 0 };
	hold_signals(&old);
	int status = make_fresh(l, e);
	if (status == 0)
		status = fill_fresh(l, index, e);
	if (status == 0)
		status = name_fresh(l, index, e);
	if (l->fresh && workdir_remove(l->fresh, &ignored) < 0 && status == 0)
		status = err_set(e, 0, "%s", ignored.msg);
	err_clear(&ignored);
	restore_signals(&old);
	return status;
}

int ocilayout_commit(struct ocilayout *l, const struct buf *index, struct err *e)
{
	return l->exists ? add(l, index, e) : create(l, index, e);
}

void ocilayout_free(struct ocilayout *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < l->n; i++)
		outfile_free(l->blobs[i].file);
	free(l->blobs);
	free(l->fresh);
	free(l->parent);
	free(l->path);
	free(l);
}

void ocilayout_cleanup(struct ocilayout **l)
{
	ocilayout_free(*l);
}
