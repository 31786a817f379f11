/* SPDX-License-Identifier: MIT */
#include "vm/vmmount.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tar/filecontents.h"
#include "tar/tar.h"
#include "tar/walk.h"

static int read_target(const struct walk_entry *entry, size_t size, struct buf *target,
		       struct err *e)
{
	buf_clear(target);
	ssize_t n = readlinkat(entry->dir, entry->name, buf_extend(target, size + 1), size + 1);
	if (n < 0 || (size_t)n > size)
		return walk_changed(entry->path, e);
	target->s[n] = '\0';
	return 0;
}

static int put_entry(const struct walk_entry *entry, enum tar_type type, const struct stat *st,
		     const char *link, struct out *o, struct err *e)
{
	AUTO_CLOSE int fd = -1;
	AUTO_BUF struct buf header = { 0 };
	AUTO_FREE char *name = xasprintf("mount%s", entry->path);
	struct tar_entry t = { .type = type,
			       .name = name,
			       .link = link,
			       .mode = st->st_mode & 07777,
			       .uid = st->st_uid,
			       .gid = st->st_gid,
			       .size = type == TAR_FILE ? (uint64_t)st->st_size : 0,
			       .mtime = st->st_mtime };
	if (type == TAR_FILE &&
	    filecontents_open(entry->dir, entry->name, entry->path, t.size, &fd, e) < 0)
		return -1;
	tar_header(&header, &t);
	if (out_write(o, header.s, header.len, e) < 0)
		return -1;
	return fd < 0 ? 0 : filecontents_write(o, fd, entry->path, t.size, e);
}

static int visit(const struct walk_entry *entry, struct buf *target, struct out *o, struct err *e)
{
	struct stat st;
	if (fstatat(entry->dir, entry->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return walk_changed(entry->path, e);
	switch (st.st_mode & S_IFMT) {
	case S_IFDIR:
		return put_entry(entry, TAR_DIR, &st, NULL, o, e);
	case S_IFREG:
		return put_entry(entry, TAR_FILE, &st, NULL, o, e);
	case S_IFLNK:
		if (read_target(entry, (size_t)st.st_size, target, e) < 0)
			return -1;
		return put_entry(entry, TAR_SYMLINK, &st, target->s, o, e);
	default:
		return 0;
	}
}

/* The path itself may be a link: what it leads to is meant. */
static int walk_all(const char *real, struct buf *target, struct out *o, struct err *e)
{
	AUTO_WALK struct walk *w = walk_new();
	const struct walk_entry *entry;
	walk_bytewise(w);
	if (walk_start(w, AT_FDCWD, real, "", e) < 0)
		return -1;
	do {
		if (walk_next(w, &entry, e) < 0 || (entry && visit(entry, target, o, e) < 0))
			return -1;
	} while (entry);
	return out_write(o, tar_zeros, (size_t)2 * TAR_BLOCK, e);
}

int vmmount_write(const char *path, struct out *o, struct err *e)
{
	AUTO_BUF struct buf target = { 0 };
	AUTO_FREE char *real = realpath(path, NULL);
	if (!real)
		return err_set(e, errno, "cannot open '%s'", path);
	return walk_all(real, &target, o, e) < 0 ? err_wrap(e, "%s", path) : 0;
}
