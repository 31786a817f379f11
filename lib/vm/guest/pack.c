/* SPDX-License-Identifier: MIT */
#include "vm/guest/pack.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/intern.h"
#include "base/out.h"
#include "tar/overlay.h"
#include "tar/tar.h"
#include "tar/walk.h"
#include "vm/guest/attributes.h"

enum { CHUNK = 256 << 10 };

struct state {
	struct pack *p;
	struct buf out; /* headers and contents not written yet */
	struct attributes attributes;
	struct intern inodes; /* of files with several names */
	struct intern names;  /* the first name of each */
	struct buf link;      /* a target */
};

static int flush(struct state *s, struct err *e)
{
	if (out_write_fd(s->p->channels->result, s->out.s, s->out.len) < 0)
		return err_set(e, errno, "cannot send the layer");
	s->p->written += s->out.len;
	buf_clear(&s->out);
	return 0;
}

static int changed(const char *path, struct err *e)
{
	return err_set(e, errno, "'%s' changed, or cannot be read, while the layer was packed",
		       path);
}

/* The bytes that the header announced. */
static int put_contents(struct state *s, const char *name, const char *path, uint64_t size,
			struct err *e)
{
	AUTO_CLOSE int fd = open(name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return changed(path, e);
	for (uint64_t left = size; left;) {
		if (s->out.len >= CHUNK && flush(s, e) < 0)
			return -1;
		size_t want = left < CHUNK ? (size_t)left : CHUNK;
		char *room = buf_extend(&s->out, want);
		s->out.len -= want;
		ssize_t n = read(fd, room, want);
		if (n <= 0)
			return changed(path, e);
		s->out.len += (size_t)n;
		left -= (uint64_t)n;
	}
	buf_add(&s->out, tar_zeros, tar_padding(size));
	return 0;
}

/* An entry that hides something: empty, no owner, no mode, no time. */
static void put_whiteout(struct state *s, const char *path, const char *name)
{
	AUTO_BUF struct buf whole = { 0 };
	buf_adds(&whole, path);
	buf_adds(&whole, name);
	struct tar_entry t = { .type = TAR_FILE, .name = whole.s };
	tar_header(&s->out, &t);
}

static void hide(struct state *s, const char *path, const char *name)
{
	AUTO_FREE char *dir = xstrndup(path, strlen(path) - strlen(name));
	AUTO_FREE char *whiteout = xasprintf(".wh.%s", name);
	put_whiteout(s, dir, whiteout);
}

static bool is_opaque(const struct state *s, const char *name)
{
	char value[2];
	return lgetxattr(name, s->p->opaque, value, sizeof value) == 1 && *value == 'y';
}

/* A further name of a file becomes a link to the first. */
static void find_first(struct state *s, const struct stat *st, const char *path,
		       struct tar_entry *t)
{
	if (S_ISDIR(st->st_mode) || st->st_nlink < 2)
		return;
	uint32_t known = s->inodes.n;
	uint32_t n = intern_add(&s->inodes, (const char *)&st->st_ino, sizeof st->st_ino);
	if (n == known) {
		intern_add(&s->names, path, strlen(path));
		return;
	}
	t->type = TAR_HARDLINK;
	t->link = s->names.strings[n];
}

static int read_target(struct state *s, const struct stat *st, const char *name, const char *path,
		       struct tar_entry *t, struct err *e)
{
	size_t size = (size_t)st->st_size + 1;
	buf_clear(&s->link);
	ssize_t n = readlink(name, buf_extend(&s->link, size), size);
	if (n < 0 || (size_t)n >= size)
		return changed(path, e);
	s->link.s[n] = '\0';
	t->link = s->link.s;
	return 0;
}

static enum tar_type type_of(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFDIR:
		return TAR_DIR;
	case S_IFLNK:
		return TAR_SYMLINK;
	case S_IFCHR:
		return TAR_CHAR;
	case S_IFBLK:
		return TAR_BLOCKDEV;
	case S_IFIFO:
		return TAR_FIFO;
	default:
		return TAR_FILE;
	}
}

static int describe(struct state *s, const struct stat *st, const char *name, const char *path,
		    struct tar_entry *t, struct err *e)
{
	*t = (struct tar_entry){ .type = type_of(st->st_mode),
				 .name = *path ? path : "./",
				 .mode = st->st_mode & 07777,
				 .uid = st->st_uid,
				 .gid = st->st_gid,
				 .mtime = st->st_mtime,
				 .devmajor = major(st->st_rdev),
				 .devminor = minor(st->st_rdev) };
	find_first(s, st, path, t);
	if (t->type == TAR_HARDLINK)
		return 0;
	if (t->type == TAR_FILE)
		t->size = (uint64_t)st->st_size;
	if (t->type == TAR_SYMLINK && read_target(s, st, name, path, t, e) < 0)
		return -1;
	if (attributes_read(&s->attributes, name, path, e) < 0)
		return -1;
	t->xattrs = s->attributes.list;
	t->nxattrs = s->attributes.n;
	return 0;
}

static int put_entry(struct state *s, const struct stat *st, const char *name, const char *path,
		     struct err *e)
{
	struct tar_entry t;
	if (strncmp(name, ".wh.", 4) == 0)
		return err_set(e, 0,
			       "'%s' cannot be in an image: in a layer, a name that begins with "
			       "'.wh.' deletes what lower layers have",
			       path);
	if (describe(s, st, name, path, &t, e) < 0)
		return -1;
	tar_header(&s->out, &t);
	if (t.type == TAR_FILE && put_contents(s, name, path, t.size, e) < 0)
		return -1;
	if (t.type == TAR_DIR && is_opaque(s, name)) {
		AUTO_FREE char *dir = xasprintf("%s%s", path, *path ? "/" : "");
		put_whiteout(s, dir, ".wh..wh..opq");
	}
	return 0;
}

static int visit(struct state *s, const struct walk_entry *entry, struct err *e)
{
	/* paths are "./a/b", and the root is "." */
	const char *path = entry->depth ? entry->path + 2 : "";
	struct stat st;
	if (fchdir(entry->dir) < 0 || lstat(entry->name, &st) < 0)
		return changed(path, e);
	if (!entry->depth && !s->p->has_root)
		return 0;
	if (S_ISSOCK(st.st_mode)) {
		channel_say(s->p->channels, "note '%s' is a socket, and left out", path);
		return 0;
	}
	if (overlay_is_whiteout(&st))
		hide(s, path, entry->name);
	else if (put_entry(s, &st, entry->name, path, e) < 0)
		return -1;
	return s->out.len >= CHUNK ? flush(s, e) : 0;
}

static int pack_all(struct state *s, struct walk *w, struct err *e)
{
	const struct walk_entry *entry;
	walk_bytewise(w);
	if (walk_start(w, s->p->root, ".", ".", e) < 0)
		return -1;
	do {
		if (walk_next(w, &entry, e) < 0 || (entry && visit(s, entry, e) < 0))
			return -1;
	} while (entry);
	buf_add(&s->out, tar_zeros, tar_trailer(s->p->written + s->out.len));
	return flush(s, e);
}

int pack_layer(struct pack *p, struct err *e)
{
	AUTO_WALK struct walk *w = walk_new();
	struct state s = { .p = p };
	p->written = 0;
	int r = pack_all(&s, w, e);
	buf_free(&s.out);
	buf_free(&s.link);
	attributes_free(&s.attributes);
	intern_free(&s.inodes);
	intern_free(&s.names);
	return r;
}
