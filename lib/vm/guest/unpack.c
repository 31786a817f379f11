/* SPDX-License-Identifier: MIT */
#include "vm/guest/unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/intern.h"
#include "base/out.h"
#include "tar/overlay.h"
#include "tar/tarread.h"
#include "vm/guest/attributes.h"
#include "vm/guest/below.h"

/* A directory, whose time is set when nothing more is put into it. */
struct dir_time {
	const char *path;
	int64_t mtime;
};

struct state {
	struct unpack *u;
	struct tarread *tar;
	struct buf path;   /* of the current entry: "" or names with single slashes */
	const char *name;  /* its last part; "." for the root */
	int dir;           /* where that is */
	bool set_gid;      /* what is made in dir gets its group */
	struct buf parent; /* the path of dir */
	int file;          /* the current entry, if it is a regular file; -1 */
	struct dir_time *times;
	size_t ntimes, times_cap;
	struct intern strings;
	uint64_t left_out; /* devices */
	char *first_left_out;
};

static int failed(const struct state *s, const char *what, struct err *e)
{
	return err_set(e, errno, "cannot %s '%s'", what, s->path.s);
}

/* --- paths --- */

/* Makes path of a name of the archive: no leading "/", no "." and empty parts. */
static int clean(struct buf *path, const char *name, struct err *e)
{
	buf_clear(path);
	buf_add(path, "", 0);
	for (const char *p = name; *p;) {
		size_t len = strcspn(p, "/");
		if (len == 2 && p[0] == '.' && p[1] == '.')
			return err_set(e, 0, "'%s': '..' in a name is not allowed", name);
		if (len && !(len == 1 && p[0] == '.')) {
			if (path->len)
				buf_addc(path, '/');
			buf_add(path, p, len);
		}
		p += len;
		p += *p == '/';
	}
	return 0;
}

static void remember_time(struct state *s, const char *path, int64_t mtime)
{
	s->times = mem_grow(s->times, &s->times_cap, s->ntimes + 1, sizeof *s->times);
	s->times[s->ntimes++] =
		(struct dir_time){ intern_keep(&s->strings, path, strlen(path)), mtime };
}

/* A directory that no entry told of looks as it does in the layers below, if it is there. */
static int like_base(struct state *s, const char *path, int fd, struct err *e)
{
	struct stat st;
	AUTO_CLOSE int base = s->u->base < 0 ? -1 : below_dir(s->u->base, path);
	if (base < 0) {
		remember_time(s, path, 0);
		/* the group is that of a set-group-ID parent otherwise */
		return fchown(fd, 0, 0) < 0 || fchmod(fd, 0755) < 0 ? failed(s, "make", e) : 0;
	}
	if (fstat(base, &st) < 0)
		return failed(s, "make", e);
	remember_time(s, path, st.st_mtime);
	return unpack_like(base, fd, e);
}

/* Opens a directory; where parts of its path are missing, makes them. */
static int make_dirs(struct state *s, const char *path, int *dir, struct err *e)
{
	AUTO_CLOSE int at = below_dir(s->u->root, "");
	for (const char *end = path; at >= 0 && *end; end += *end == '/') {
		const char *part = end;
		end += strcspn(end, "/");
		AUTO_FREE char *name = xstrndup(part, (size_t)(end - part));
		AUTO_FREE char *so_far = xstrndup(path, (size_t)(end - path));
		bool made = mkdirat(at, name, 0700) == 0;
		int next = below_dir(at, name);
		close(at);
		at = next;
		if (made && at >= 0 && like_base(s, so_far, at, e) < 0)
			return -1;
	}
	if (at < 0)
		return failed(s, "make", e);
	*dir = at;
	at = -1;
	return 0;
}

static int open_dir(struct state *s, const char *path, int *dir, struct err *e)
{
	*dir = below_dir(s->u->root, path);
	if (*dir >= 0)
		return 0;
	if (errno == ENOENT)
		return make_dirs(s, path, dir, e);
	if (errno == ELOOP || errno == ENOTDIR)
		return err_set(e, 0, "'%s' is below a file that is not a directory in this layer",
			       s->path.s);
	return failed(s, "make", e);
}

static void leave_dir(struct state *s)
{
	if (s->dir >= 0)
		close(s->dir);
	s->dir = -1;
}

/* Sets dir and name for the path; the directory of the entry before is kept open. */
static int find_place(struct state *s, struct err *e)
{
	const char *slash = strrchr(s->path.s, '/');
	size_t len = slash ? (size_t)(slash - s->path.s) : 0;
	struct stat st;
	s->name = slash ? slash + 1 : *s->path.s ? s->path.s : ".";
	if (s->dir >= 0 && s->parent.len == len && memcmp(s->parent.s, s->path.s, len) == 0)
		return 0;
	leave_dir(s);
	buf_clear(&s->parent);
	buf_add(&s->parent, s->path.s, len);
	if (open_dir(s, s->parent.s, &s->dir, e) < 0)
		return -1;
	if (fstat(s->dir, &st) < 0)
		return failed(s, "make", e);
	s->set_gid = st.st_mode & S_ISGID;
	return 0;
}

/* --- whiteouts --- */

static int mark_opaque(const struct state *s, int dir, const char *name, struct err *e)
{
	AUTO_CLOSE int fd = below_dir(dir, name);
	if (fd < 0 || fsetxattr(fd, s->u->opaque, "y", 1, 0) < 0)
		return failed(s, "make", e);
	return 0;
}

/* Hides a name; what the layer itself has of that name stays, and hides what is below it. */
static int hide(struct state *s, const char *name, struct err *e)
{
	struct stat st;
	if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return err_set(e, 0,
			       "'%s' deletes nothing: expected a file .wh.NAME or .wh..wh..opq",
			       s->path.s);
	if (mknodat(s->dir, name, S_IFCHR, makedev(0, 0)) == 0)
		return 0;
	if (errno != EEXIST || fstatat(s->dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return failed(s, "make", e);
	return S_ISDIR(st.st_mode) ? mark_opaque(s, s->dir, name, e) : 0;
}

/* Whether the entry says only what a layer hides; then *done is set. */
static int read_whiteout(struct state *s, bool *done, struct err *e)
{
	static const char prefix[] = ".wh.", own[] = ".wh..wh.";
	*done = s->u->opaque && strncmp(s->name, prefix, sizeof prefix - 1) == 0;
	if (!*done)
		return 0;
	if (strcmp(s->name, ".wh..wh..opq") == 0)
		return mark_opaque(s, s->dir, ".", e);
	if (strncmp(s->name, own, sizeof own - 1) == 0)
		return 0;
	return hide(s, s->name + sizeof prefix - 1, e);
}

/* --- what an entry is --- */

static int write_contents(struct state *s, int fd, struct err *e)
{
	const void *data;
	size_t len;
	do {
		if (tarread_data(s->tar, &data, &len, e) < 0)
			return -1;
		if (out_write_fd(fd, data, len) < 0)
			return failed(s, "write", e);
	} while (len);
	return 0;
}

static int make_file(struct state *s, const struct tar_entry *t, struct err *e)
{
	int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	s->file = openat(s->dir, s->name, flags, t->mode & 0777);
	if (s->file < 0)
		return failed(s, "make", e);
	return write_contents(s, s->file, e);
}

static int make_hard_link(struct state *s, const struct tar_entry *t, struct err *e)
{
	AUTO_BUF struct buf target = { 0 };
	struct stat st;
	if (clean(&target, t->link, e) < 0)
		return -1;
	char *slash = strrchr(target.s, '/');
	const char *name = slash ? slash + 1 : target.s;
	if (slash)
		*slash = '\0';
	AUTO_CLOSE int dir = below_dir(s->u->root, slash ? target.s : "");
	if (dir < 0 || fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || S_ISDIR(st.st_mode) ||
	    overlay_is_whiteout(&st))
		return err_set(e, 0,
			       "'%s' is a hard link to '%s', which is no file of the same layer",
			       s->path.s, t->link);
	return linkat(dir, name, s->dir, s->name, 0) < 0 ? failed(s, "make", e) : 0;
}

static int make_node(struct state *s, const struct tar_entry *t, struct err *e)
{
	mode_t kind = t->type == TAR_CHAR ? S_IFCHR : t->type == TAR_FIFO ? S_IFIFO : S_IFBLK;
	dev_t device = kind == S_IFIFO ? 0 : makedev(t->devmajor, t->devminor);
	return mknodat(s->dir, s->name, kind | 0600, device) < 0 ? failed(s, "make", e) : 0;
}

static int make_dir(struct state *s, struct err *e)
{
	if (strcmp(s->name, ".") == 0) {
		s->u->has_root = true;
		return 0;
	}
	return mkdirat(s->dir, s->name, 0700) < 0 ? failed(s, "make", e) : 0;
}

static int make_new(struct state *s, const struct tar_entry *t, struct err *e)
{
	switch ((int)t->type) {
	case TAR_FILE:
		return make_file(s, t, e);
	case TAR_DIR:
		return make_dir(s, e);
	case TAR_HARDLINK:
		return make_hard_link(s, t, e);
	case TAR_SYMLINK:
		return symlinkat(t->link, s->dir, s->name) < 0 ? failed(s, "make", e) : 0;
	default:
		return make_node(s, t, e);
	}
}

/* Something has the name already: unless both are directories, it must be a whiteout. */
static int make_again(struct state *s, const struct tar_entry *t, bool *hidden, struct err *e)
{
	struct stat st;
	if (fstatat(s->dir, s->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return failed(s, "make", e);
	if (t->type == TAR_DIR && S_ISDIR(st.st_mode))
		return 0;
	*hidden = s->u->opaque && overlay_is_whiteout(&st);
	if (!*hidden)
		return err_set(e, 0, "'%s' is in the layer twice", s->path.s);
	if (unlinkat(s->dir, s->name, 0) < 0)
		return failed(s, "make", e);
	return make_new(s, t, e);
}

/* Most names are new, and nobody looks for them first. *hidden: it was a whiteout before. */
static int make(struct state *s, const struct tar_entry *t, bool *hidden, struct err *e)
{
	*hidden = false;
	if (make_new(s, t, e) == 0)
		return 0;
	if (e->code != EEXIST)
		return -1;
	err_clear(e);
	return make_again(s, t, hidden, e);
}

/* --- its attributes --- */

static int change_owner(const struct state *s, uid_t uid, gid_t gid)
{
	if (s->file < 0)
		return fchownat(s->dir, s->name, uid, gid, AT_SYMLINK_NOFOLLOW);
	/* it is root's as it is made */
	return uid || gid || s->set_gid ? fchown(s->file, uid, gid) : 0;
}

static int set_owner(const struct state *s, const struct tar_entry *t, struct err *e)
{
	if (t->uid >= UINT32_MAX || t->gid >= UINT32_MAX)
		errno = EINVAL;
	else if (change_owner(s, (uid_t)t->uid, (gid_t)t->gid) == 0)
		return 0;
	return err_set(e, errno, "cannot give '%s' to %" PRIu64 ":%" PRIu64,
		       s->path.len ? s->path.s : ".", t->uid, t->gid);
}

static int set_xattrs(const struct state *s, const struct tar_entry *t, struct err *e)
{
	if (t->nxattrs && fchdir(s->dir) < 0)
		return failed(s, "make", e);
	for (size_t i = 0; i < t->nxattrs; i++) {
		const struct tar_xattr *x = &t->xattrs[i];
		if (overlay_is_private(x->name) ||
		    lsetxattr(s->name, x->name, x->value, x->len, 0) == 0)
			continue;
		if (!s->u->lenient || (errno != EPERM && errno != ENOTSUP))
			return err_set(e, errno, "cannot set '%s' of '%s'", x->name, s->path.s);
	}
	return 0;
}

static int set_time(struct state *s, const struct tar_entry *t, struct err *e)
{
	struct timespec times[2] = { { .tv_sec = t->mtime }, { .tv_sec = t->mtime } };
	int r = 0;
	if (t->type == TAR_DIR)
		remember_time(s, s->path.s, t->mtime);
	else if (s->file >= 0)
		r = futimens(s->file, times);
	else
		r = utimensat(s->dir, s->name, times, AT_SYMLINK_NOFOLLOW);
	return r < 0 ? failed(s, "set the time of", e) : 0;
}

static int set_attributes(struct state *s, const struct tar_entry *t, struct err *e)
{
	if (t->type == TAR_HARDLINK)
		return 0;
	/* the owner first: a new one takes set-ID bits and capabilities away */
	if (set_owner(s, t, e) < 0)
		return -1;
	bool has_mode = t->type == TAR_SYMLINK || (t->type == TAR_FILE && t->mode <= 0777);
	if (!has_mode && fchmodat(s->dir, s->name, t->mode, 0) < 0)
		return failed(s, "set the mode of", e);
	if (set_xattrs(s, t, e) < 0)
		return -1;
	return set_time(s, t, e);
}

int unpack_like(int from, int to, struct err *e)
{
	AUTO_ATTRIBUTES struct attributes a = { 0 };
	struct stat st;
	if (fstat(from, &st) < 0 || fchown(to, st.st_uid, st.st_gid) < 0 ||
	    fchmod(to, st.st_mode & 07777) < 0 || fchdir(from) < 0)
		return err_set(e, errno, "cannot copy the attributes of a directory");
	if (attributes_read(&a, ".", "a directory", e) < 0)
		return -1;
	for (size_t i = 0; i < a.n; i++)
		if (fsetxattr(to, a.list[i].name, a.list[i].value, a.list[i].len, 0) < 0)
			return err_set(e, errno, "cannot copy the attributes of a directory");
	return 0;
}

/* --- the archive --- */

static bool is_device(const struct tar_entry *t)
{
	return t->type == TAR_CHAR || t->type == TAR_BLOCKDEV;
}

static void leave_out(struct state *s)
{
	if (!s->left_out++)
		s->first_left_out = xstrdup(s->path.s);
}

static int unpack_member(struct state *s, const struct tar_entry *t, struct err *e)
{
	bool hidden;
	if (make(s, t, &hidden, e) < 0) {
		if (!s->u->lenient || !is_device(t) || e->code != EPERM)
			return -1;
		err_clear(e);
		leave_out(s);
		return 0;
	}
	if (hidden && t->type == TAR_DIR && mark_opaque(s, s->dir, s->name, e) < 0)
		return -1;
	return set_attributes(s, t, e);
}

static int unpack_entry(struct state *s, const struct tar_entry *t, struct err *e)
{
	bool done;
	if (clean(&s->path, t->name, e) < 0)
		return -1;
	if (!*s->path.s && t->type != TAR_DIR)
		return err_set(e, 0, "the root is not a directory");
	if (find_place(s, e) < 0 || read_whiteout(s, &done, e) < 0)
		return -1;
	if (done)
		return 0;
	int r = unpack_member(s, t, e);
	if (s->file >= 0)
		close(s->file);
	s->file = -1;
	/* what is known of it is no longer true */
	if (strcmp(s->name, ".") == 0)
		leave_dir(s);
	return r;
}

static int set_times(const struct state *s, struct err *e)
{
	for (size_t i = 0; i < s->ntimes; i++) {
		const struct dir_time *d = &s->times[i];
		struct timespec times[2] = { { .tv_sec = d->mtime }, { .tv_sec = d->mtime } };
		const char *path = *d->path ? d->path : ".";
		if (utimensat(s->u->root, path, times, AT_SYMLINK_NOFOLLOW) < 0)
			return err_set(e, errno, "cannot set the time of '%s'", d->path);
	}
	return 0;
}

static int unpack_all(struct state *s, struct err *e)
{
	enum tarread_event event = TARREAD_END;
	if (s->u->base >= 0 && like_base(s, "", s->u->root, e) < 0)
		return -1;
	while (event != TARREAD_EOF) {
		if (tarread_next(s->tar, &event, e) < 0)
			return -1;
		if (event == TARREAD_ENTRY && unpack_entry(s, tarread_entry(s->tar), e) < 0)
			return -1;
	}
	return set_times(s, e);
}

int unpack_tar(struct unpack *u, struct source *tar, struct err *e)
{
	AUTO_TARREAD struct tarread *reader = tarread_from(tar);
	struct state s = { .u = u, .tar = reader, .dir = -1, .file = -1 };
	tarread_sparse(reader);
	int r = unpack_all(&s, e);
	if (s.left_out)
		channel_say(u->channels,
			    "note %" PRIu64 " devices of the base, '%s' the first, are left out: "
			    "only a virtual machine can make them",
			    s.left_out, s.first_left_out);
	leave_dir(&s);
	buf_free(&s.path);
	buf_free(&s.parent);
	free(s.times);
	free(s.first_left_out);
	intern_free(&s.strings);
	return r;
}
