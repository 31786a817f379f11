/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_FUZZ_LAYERS_H
#define LAYERPIPE_FUZZ_LAYERS_H

/*
 * Layers out of lines. An empty one begins the next layer; any other one is an entry, whose first
 * byte says what it is: a file (f), directory (d), symbolic link (s), hard link (h), device (c, b)
 * or something else (p). The name follows, and behind a tab the target.
 *
 * A capital letter makes much of it, as much as the next byte says: a long name, target or
 * attribute, a large file or number; a directory has that many names in it.
 */

#include "fuzz.h"
#include "layer/layertree.h"

enum { LAYERS_INPUT_MAX = 4096, LAYERS_TAR_MAX = 256 << 10, LAYERS_NAME_MAX = 4200 };

static inline void layers_put(struct buf *tar, const struct tar_entry *t)
{
	tar_header(tar, t);
	char *contents = buf_extend(tar, t->size);
	for (size_t i = 0; i < t->size; i++)
		contents[i] = (char)(i * t->size >> 3);
	buf_add(tar, tar_zeros, tar_padding(t->size));
}

static inline void layers_names(struct buf *tar, const char *dir, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		AUTO_FREE char *name = xasprintf("%s/%0*u", dir, (int)(3 + i * n % 60), i);
		layers_put(tar, &(struct tar_entry){ .type = TAR_FIFO, .name = name });
	}
}

/* A string, and what it lacks to a length. */
static inline char *layers_long(const char *s, size_t len)
{
	size_t own = strlen(s);
	char *all = xmalloc((own > len ? own : len) + 1);
	memset(all, 'n', len);
	memcpy(all, s, own);
	all[own > len ? own : len] = '\0';
	return all;
}

static inline void layers_entry(struct buf *tar, const char *line, size_t len)
{
	static const char kinds[] = "fhscbd";
	static const char *const xattrs[] = { "trusted.x", "security.xy", "trusted.overlay.z" };
	bool much = line[0] >= 'A' && line[0] <= 'Z' && len > 1;
	char letter = much ? (char)(line[0] - 'A' + 'a') : line[0];
	unsigned n = much ? (unsigned char)line[1] : 0;
	AUTO_FREE char *text = xstrndup(line + 1 + much, len - 1 - much);
	char *tab = strchr(text, '\t');
	const char *kind = memchr(kinds, letter, sizeof kinds - 1);
	if (tab)
		*tab = '\0';
	AUTO_FREE char *name = layers_long(text, *text && letter != 'd' ? n : 0),
		       *link = layers_long(tab ? tab + 1 : "", n * 16),
		       *value = layers_long(text, n * n / 4);
	struct tar_xattr xattr = { xattrs[n % 3], value, strlen(value) };
	struct tar_entry t = { .type = TAR_FIFO,
			       .name = name,
			       .link = link,
			       .uname = "u",
			       .gname = "g",
			       .mode = (unsigned)len & 07777,
			       .uid = (uint64_t)n << 24,
			       .gid = len,
			       .mtime = (int64_t)len - 5,
			       .mtime_nsec = len % 3 ? 0 : 10,
			       .devmajor = n * 16,
			       .devminor = n << 12 | n,
			       .xattrs = &xattr,
			       .nxattrs = len % 2 };
	if (kind)
		t.type = (enum tar_type)(TAR_FILE + (kind - kinds));
	t.size = t.type == TAR_FILE ? len + n * 32 : 0;
	if (!*name || strlen(name) > LAYERS_NAME_MAX)
		return;
	layers_put(tar, &t);
	if (letter == 'd')
		layers_names(tar, name, n);
}

/* The layer in tar, which becomes empty; it is put behind those in all. */
static inline int layers_add_tar(struct layertree *t, struct buf *tar, struct buf *all)
{
	struct err e = { 0 };
	struct source_fd s;
	buf_add(tar, tar_zeros, (size_t)2 * TAR_BLOCK);
	AUTO_CLOSE int fd = fuzz_fd(tar->s, tar->len);
	source_fd(&s, fd, "<fuzz>");
	int status = layertree_add(t, &s.source, all->len, &e);
	if ((status < 0) != (e.msg != NULL))
		abort();
	err_clear(&e);
	buf_add(all, tar->s, tar->len);
	buf_clear(tar);
	return status;
}

/* All layers of the input; -1 where one is refused, or it is too much. */
static inline int layers_add(struct layertree *t, const char *data, size_t size, struct buf *all)
{
	AUTO_BUF struct buf tar = { 0 };
	if (size > LAYERS_INPUT_MAX)
		return -1;
	for (const char *end; size; data = end + 1) {
		end = memchr(data, '\n', size);
		if (!end)
			break;
		size_t len = (size_t)(end - data);
		if (len && !memchr(data, 0, len))
			layers_entry(&tar, data, len);
		else if (layers_add_tar(t, &tar, all) < 0)
			return -1;
		if (tar.len + all->len > LAYERS_TAR_MAX)
			return -1;
		size -= len + 1;
	}
	return layers_add_tar(t, &tar, all);
}

#endif
