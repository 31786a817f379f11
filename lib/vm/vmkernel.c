/* SPDX-License-Identifier: MIT */
#include "vm/vmkernel.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "base/proc.h"

enum { CHUNK = 64 << 10, FILE_MAX = 64 << 20 };

/* In order; what is built in is not looked for, nor what is optional and not there. */
static const struct {
	const char *name;
	bool optional;
} wanted[] = {
	{ "virtio_mmio", false },   { "virtio_blk", false }, { "virtio_console", false },
	{ "crc32c_generic", true }, /* which ext4 asks for by another name */
	{ "ext4", false },          { "erofs", false },      { "overlay", false },
};

static int read_all(int fd, const char *path, size_t most, struct buf *b, struct err *e)
{
	ssize_t n = 1;
	buf_clear(b);
	buf_add(b, "", 0);
	while (n > 0 && b->len < most) {
		char *room = buf_extend(b, CHUNK);
		b->len -= CHUNK;
		n = read(fd, room, CHUNK);
		if (n < 0)
			return err_set(e, errno, "cannot read '%s'", path);
		b->len += (size_t)n;
		b->s[b->len] = '\0';
	}
	return 0;
}

static int read_file(const char *path, size_t most, struct buf *b, struct err *e)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_set(e, errno, "cannot open '%s'", path);
	return read_all(fd, path, most, b, e);
}

/* --- the image --- */

/* The version in a bzImage, Linux, Documentation/arch/x86/boot.rst; NULL: none. Free it. */
static char *image_version(const struct buf *image)
{
	enum { MAGIC = 0x202, POINTER = 0x20e, BASE = 0x200 };
	if (image->len < POINTER + 2 || memcmp(image->s + MAGIC, "HdrS", 4) != 0)
		return NULL;
	size_t at = BASE + (unsigned char)image->s[POINTER] +
		    ((size_t)(unsigned char)image->s[POINTER + 1] << 8);
	if (at >= image->len)
		return NULL;
	size_t len = strcspn(image->s + at, " ");
	return len && !memchr(image->s + at, '/', len) ? xstrndup(image->s + at, len) : NULL;
}

static int find_modules(struct vmkernel *k, const char *modules, struct err *e)
{
	AUTO_BUF struct buf image = { 0 };
	if (read_file(k->image, CHUNK, &image, e) < 0)
		return -1;
	if (modules) {
		k->modules = xstrdup(modules);
		return 0;
	}
	AUTO_FREE char *version = image_version(&image);
	if (!version)
		return err_set(e, 0,
			       "the kernel '%s' does not say its version: --modules can name the "
			       "directory of its modules",
			       k->image);
	k->modules = xasprintf("/lib/modules/%s", version);
	return 0;
}

/* A kernel of the host; whether it can be read and has modules. */
static bool is_usable(const char *image, const char *version)
{
	AUTO_FREE char *dep = xasprintf("/lib/modules/%s/modules.dep", version);
	return access(image, R_OK) == 0 && access(dep, R_OK) == 0;
}

/* Looks through a directory for PREFIXversionSUFFIX; keeps the newest that is usable. */
static void look_through(const char *dir, const char *prefix, const char *suffix, char **newest,
			 char **image)
{
	DIR *d = opendir(dir);
	const struct dirent *entry;
	while (d && (entry = readdir(d))) {
		size_t len = strlen(prefix);
		if (strncmp(entry->d_name, prefix, len) != 0)
			continue;
		const char *version = entry->d_name + len;
		AUTO_FREE char *path = xasprintf("%s/%s%s", dir, entry->d_name, suffix);
		if (!is_usable(path, version) || (*newest && strverscmp(version, *newest) <= 0))
			continue;
		free(*newest);
		free(*image);
		*newest = xstrdup(version);
		*image = STEAL(path);
	}
	if (d)
		closedir(d);
}

static int find_image(struct vmkernel *k, struct err *e)
{
	AUTO_FREE char *newest = NULL;
	look_through("/boot", "vmlinuz-", "", &newest, &k->image);
	look_through("/lib/modules", "", "/vmlinuz", &newest, &k->image);
	if (k->image)
		return 0;
	return err_set(e, 0,
		       "no kernel for the virtual machine: expected /boot/vmlinuz-VERSION that can "
		       "be read, with /lib/modules/VERSION (Debian: linux-image-cloud-amd64), or "
		       "--kernel and --modules");
}

/* --- its modules --- */

/* Whether the path, up to len, is that of a module file of this name. */
static bool is_module(const char *path, size_t len, const char *name)
{
	const char *slash = memrchr(path, '/', len);
	const char *file = slash ? slash + 1 : path;
	size_t name_len = strlen(name);
	if ((size_t)(path + len - file) < name_len + 3 || strncmp(file + name_len, ".ko", 3) != 0)
		return false;
	for (size_t i = 0; i < name_len; i++)
		if (file[i] != name[i] && !(file[i] == '-' && name[i] == '_'))
			return false;
	return true;
}

/* The line of modules.dep, or of modules.builtin, about a module; NULL: none. */
static const char *find_line(const struct buf *text, const char *name)
{
	for (const char *p = text->s; *p; p += *p == '\n') {
		size_t len = strcspn(p, ":\n");
		if (is_module(p, len, name))
			return p;
		p += strcspn(p, "\n");
	}
	return NULL;
}

static void need(struct vmkernel *k, const char *file, size_t len)
{
	for (size_t i = 0; i < k->n; i++)
		if (strlen(k->needed[i]) == len && memcmp(k->needed[i], file, len) == 0)
			return;
	k->needed = mem_grow(k->needed, &k->cap, k->n + 1, sizeof *k->needed);
	k->needed[k->n++] = xstrndup(file, len);
}

/* "FILE: FILE…": what stands last is to be loaded first, modules.dep(5). */
static void need_line(struct vmkernel *k, const char *line)
{
	size_t end = strcspn(line, "\n"), colon = strcspn(line, ":\n");
	while (end > colon + 1) {
		size_t start = end;
		while (line[start - 1] != ' ' && line[start - 1] != ':')
			start--;
		if (start < end)
			need(k, line + start, end - start);
		end = start - 1;
	}
	need(k, line, colon);
}

static int find_needed(struct vmkernel *k, struct err *e)
{
	AUTO_FREE char *dep = xasprintf("%s/modules.dep", k->modules);
	AUTO_FREE char *builtin = xasprintf("%s/modules.builtin", k->modules);
	AUTO_BUF struct buf modules = { 0 }, built_in = { 0 };
	if (read_file(dep, FILE_MAX, &modules, e) < 0 ||
	    read_file(builtin, FILE_MAX, &built_in, e) < 0)
		return err_wrap(e,
				"no modules for the kernel '%s' (--modules names their directory)",
				k->image);
	for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
		const char *line = find_line(&modules, wanted[i].name);
		if (line)
			need_line(k, line);
		else if (!wanted[i].optional && !find_line(&built_in, wanted[i].name))
			return err_set(e, 0,
				       "the kernel '%s' has no module '%s' in '%s' (--kernel and "
				       "--modules can name others)",
				       k->image, wanted[i].name, k->modules);
	}
	return 0;
}

int vmkernel_find(const char *image, const char *modules, struct vmkernel *k, struct err *e)
{
	if (image)
		k->image = xstrdup(image);
	else if (find_image(k, e) < 0)
		return -1;
	if (find_modules(k, modules, e) < 0)
		return -1;
	return find_needed(k, e);
}

static bool ends_in(const char *s, const char *end)
{
	size_t len = strlen(s), n = strlen(end);
	return len >= n && strcmp(s + len - n, end) == 0;
}

static int decompress(const char *program, const char *path, int fd, struct buf *b, struct err *e)
{
	AUTO_PROC struct proc p = PROC_NONE;
	const char *const argv[] = { program, "-dc", NULL };
	if (proc_start(&p, argv, NULL, fd, e) < 0 || read_all(p.out, path, FILE_MAX, b, e) < 0 ||
	    proc_wait(&p, e) < 0)
		return err_wrap(e, "cannot decompress '%s'", path);
	return 0;
}

int vmkernel_read_module(const struct vmkernel *k, size_t n, struct buf *b, struct err *e)
{
	AUTO_FREE char *path = xasprintf("%s/%s", k->modules, k->needed[n]);
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_set(e, errno, "cannot open '%s'", path);
	if (ends_in(path, ".xz"))
		return decompress("xz", path, fd, b, e);
	if (ends_in(path, ".zst"))
		return decompress("zstd", path, fd, b, e);
	if (ends_in(path, ".gz"))
		return decompress("gzip", path, fd, b, e);
	return read_all(fd, path, FILE_MAX, b, e);
}

void vmkernel_free(struct vmkernel *k)
{
	for (size_t i = 0; i < k->n; i++)
		free(k->needed[i]);
	free(k->needed);
	free(k->image);
	free(k->modules);
}
