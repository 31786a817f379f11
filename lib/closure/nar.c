/* SPDX-License-Identifier: MIT */
#include "closure/nar.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tar/walk.h"

enum { BUFFER = 256 << 10, LINK_START = 256 };

struct nar {
	nar_sink *sink;
	void *arg;
	char *buffer; /* BUFFER bytes */
	size_t used;
	size_t open; /* directories that have begun and not ended */
};

/* --- bytes --- */

static void flush(struct nar *n)
{
	n->sink(n->arg, n->buffer, n->used);
	n->used = 0;
}

static void put(struct nar *n, const void *data, size_t len)
{
	for (const char *from = data; len;) {
		size_t part = BUFFER - n->used < len ? BUFFER - n->used : len;
		memcpy(n->buffer + n->used, from, part);
		n->used += part;
		from += part;
		len -= part;
		if (n->used == BUFFER)
			flush(n);
	}
}

/* 64 bits, the lowest byte first */
static void put_number(struct nar *n, uint64_t value)
{
	unsigned char bytes[8];
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (unsigned char)(value >> 8 * i);
	put(n, bytes, sizeof bytes);
}

static void put_padding(struct nar *n, uint64_t len)
{
	static const char zeros[8];
	put(n, zeros, (size_t)(-len & 7));
}

static void put_bytes(struct nar *n, const char *s, size_t len)
{
	put_number(n, len);
	put(n, s, len);
	put_padding(n, len);
}

static void put_string(struct nar *n, const char *s)
{
	put_bytes(n, s, strlen(s));
}

/* --- files and symlinks --- */

/* Reads exactly size bytes into the archive, then makes sure that the file ends there. */
static int put_contents(struct nar *n, int fd, uint64_t size, const char *path, struct err *e)
{
	while (size) {
		size_t room = BUFFER - n->used;
		ssize_t got = read(fd, n->buffer + n->used, room < size ? room : (size_t)size);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_set(e, errno, "cannot read '%s'", path);
		if (got == 0)
			return walk_changed(path, e);
		n->used += (size_t)got;
		size -= (size_t)got;
		if (n->used == BUFFER)
			flush(n);
	}
	char extra;
	return read(fd, &extra, 1) == 0 ? 0 : walk_changed(path, e);
}

static int put_file(struct nar *n, const struct walk_entry *entry, struct err *e)
{
	struct stat st;
	AUTO_CLOSE int fd =
		openat(entry->dir, entry->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_set(e, errno, "cannot read '%s'", entry->path);
	if (!S_ISREG(st.st_mode))
		return walk_changed(entry->path, e);
	put_string(n, "(");
	put_string(n, "type");
	put_string(n, "regular");
	if (st.st_mode & S_IXUSR) {
		put_string(n, "executable");
		put_string(n, "");
	}
	put_string(n, "contents");
	put_number(n, (uint64_t)st.st_size);
	if (put_contents(n, fd, (uint64_t)st.st_size, entry->path, e) < 0)
		return -1;
	put_padding(n, (uint64_t)st.st_size);
	put_string(n, ")");
	return 0;
}

static int read_link(const struct walk_entry *entry, struct buf *target, struct err *e)
{
	ssize_t len;
	size_t room = LINK_START;
	do {
		room *= 2;
		buf_clear(target);
		char *to = buf_extend(target, room);
		len = readlinkat(entry->dir, entry->name, to, room);
		if (len < 0)
			return err_set(e, errno, "cannot read '%s'", entry->path);
	} while ((size_t)len == room);
	target->len = (size_t)len;
	return 0;
}

static int put_symlink(struct nar *n, const struct walk_entry *entry, struct err *e)
{
	AUTO_BUF struct buf target = { 0 };
	if (read_link(entry, &target, e) < 0)
		return -1;
	put_string(n, "(");
	put_string(n, "type");
	put_string(n, "symlink");
	put_string(n, "target");
	put_bytes(n, target.s, target.len);
	put_string(n, ")");
	return 0;
}

/* --- the walk --- */

static void begin_directory(struct nar *n)
{
	put_string(n, "(");
	put_string(n, "type");
	put_string(n, "directory");
	n->open++;
}

/* Ends directories until so many are open, and with each the entry of its parent that holds it. */
static void end_directories(struct nar *n, size_t open)
{
	while (n->open > open) {
		put_string(n, ")");
		if (--n->open)
			put_string(n, ")");
	}
}

static bool is_special(const struct walk_entry *entry)
{
	return entry->type != DT_DIR && entry->type != DT_REG && entry->type != DT_LNK;
}

/* Archives what the entry is; of a directory, the beginning. */
static int put_node(struct nar *n, const struct walk_entry *entry, struct err *e)
{
	if (entry->type == DT_REG)
		return put_file(n, entry, e);
	if (entry->type == DT_LNK)
		return put_symlink(n, entry, e);
	if (is_special(entry))
		return err_set(e, 0,
			       "cannot read '%s': it is not a file, directory or symbolic link",
			       entry->path);
	begin_directory(n);
	return 0;
}

static int put_entry(struct nar *n, const struct walk_entry *entry, struct err *e)
{
	end_directories(n, entry->depth);
	if (entry->depth == 0)
		return put_node(n, entry, e);
	put_string(n, "entry");
	put_string(n, "(");
	put_string(n, "name");
	put_string(n, entry->name);
	put_string(n, "node");
	if (put_node(n, entry, e) < 0)
		return -1;
	if (entry->type != DT_DIR)
		put_string(n, ")");
	return 0;
}

static int dump(struct nar *n, struct walk *w, bool skip_special, struct err *e)
{
	const struct walk_entry *entry;
	put_string(n, "nix-archive-1");
	for (;;) {
		if (walk_next(w, &entry, e) < 0)
			return -1;
		if (!entry)
			break;
		if (skip_special && entry->depth && is_special(entry))
			continue;
		if (put_entry(n, entry, e) < 0)
			return -1;
	}
	end_directories(n, 0);
	flush(n);
	return 0;
}

int nar_dump(int dir, const char *name, const char *path, bool skip_special, nar_sink *sink,
	     void *arg, struct err *e)
{
	AUTO_WALK struct walk *w = walk_new();
	AUTO_FREE char *buffer = xmalloc(BUFFER);
	struct nar n = { .sink = sink, .arg = arg, .buffer = buffer };
	walk_bytewise(w);
	return walk_start(w, dir, name, path, e) < 0 ? -1 : dump(&n, w, skip_special, e);
}
