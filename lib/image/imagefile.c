/* SPDX-License-Identifier: MIT */
#include "image/imagefile.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/source.h"
#include "base/spool.h"
#include "image/imagefile_dir.h"
#include "image/imagefile_index.h"
#include "tar/decompress.h"

struct imagefile {
	char *name;
	int fd;        /* the file, its spool, or the directory */
	uint64_t base; /* where in the file the archive begins */
	bool is_dir;
	enum compress_kind compression;
	struct imagefile_index index;
	struct imagefile_dir dir;
};

/* --- opening --- */

/* A source that puts aside what is read from another one. */
struct tee {
	struct source source;
	struct source *from;
	int spool;
};

static int tee_read(struct source *source, void *data, size_t len, size_t *got, struct err *e)
{
	struct tee *t = (struct tee *)source;
	if (source_read(t->from, data, len, got, e) < 0)
		return -1;
	return spool_write(t->spool, data, *got, e);
}

/* What cannot be read in place goes to a spool while its index is read. */
static int put_aside(struct imagefile *f, struct source *from, struct err *e)
{
	AUTO_CLOSE int spool = -1;
	struct tee tee = { .source = { .name = f->name, .read = tee_read }, .from = from };
	if (spool_open(&spool, e) < 0)
		return err_wrap(e, "%s", f->name);
	tee.spool = spool;
	if (imagefile_index_read(&f->index, &tee.source, UINT64_MAX, e) < 0)
		return -1;
	close(f->fd);
	f->fd = spool;
	spool = -1;
	return 0;
}

/* Standard input may stand anywhere in its file. */
static uint64_t where(int fd)
{
	off_t at = lseek(fd, 0, SEEK_CUR);
	return at < 0 ? 0 : (uint64_t)at;
}

static int read_archive(struct imagefile *f, const struct stat *st, struct err *e)
{
	bool regular = S_ISREG(st->st_mode);
	uint64_t base = where(f->fd), end = (uint64_t)st->st_size;
	uint64_t size = regular && base < end ? end - base : 0;
	AUTO_DECOMPRESS struct decompress *d = NULL;
	struct source_fd stream;
	struct source_part part;
	source_fd(&stream, f->fd, f->name);
	source_part(&part, f->fd, f->name, base, size);
	if (decompress_new(regular ? &part.source : &stream.source, &d, e) < 0)
		return -1;
	f->compression = decompress_kind(d);
	if (!regular || f->compression != COMPRESS_NONE)
		return put_aside(f, decompress_source(d), e);
	f->base = base;
	return imagefile_index_read(&f->index, decompress_source(d), size, e);
}

static int open_fd(const char *path, int *fd, struct err *e)
{
	bool is_stdin = strcmp(path, "-") == 0;
	*fd = is_stdin ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3) : open(path, O_RDONLY | O_CLOEXEC);
	return *fd < 0 ? err_set(e, errno, "cannot open '%s'", is_stdin ? "<stdin>" : path) : 0;
}

static int read_fd(struct imagefile *f, struct err *e)
{
	struct stat st;
	if (fstat(f->fd, &st) < 0)
		return err_set(e, errno, "cannot open '%s'", f->name);
	f->is_dir = S_ISDIR(st.st_mode);
	f->dir.fd = f->fd;
	return f->is_dir ? 0 : read_archive(f, &st, e);
}

int imagefile_open_fd(int fd, const char *name, struct imagefile **f, struct err *e)
{
	AUTO_IMAGEFILE struct imagefile *made = xcalloc(1, sizeof *made);
	made->name = xstrdup(name);
	made->fd = fd;
	if (read_fd(made, e) < 0)
		return -1;
	*f = STEAL(made);
	return 0;
}

int imagefile_open(const char *path, struct imagefile **f, struct err *e)
{
	int fd;
	struct stat st;
	/* a directory is named; as standard input it is a mistake */
	if (strcmp(path, "-") == 0 && fstat(STDIN_FILENO, &st) == 0 && S_ISDIR(st.st_mode))
		return err_set(e, EISDIR, "cannot read '<stdin>'");
	if (open_fd(path, &fd, e) < 0)
		return -1;
	return imagefile_open_fd(fd, strcmp(path, "-") == 0 ? "<stdin>" : path, f, e);
}

void imagefile_free(struct imagefile *f)
{
	if (!f)
		return;
	imagefile_dir_free(&f->dir);
	imagefile_index_free(&f->index);
	mem_cleanup_close(&f->fd);
	free(f->name);
	free(f);
}

void imagefile_cleanup(struct imagefile **f)
{
	imagefile_free(*f);
}

const char *imagefile_name(const struct imagefile *f)
{
	return f->name;
}

enum compress_kind imagefile_compression(const struct imagefile *f)
{
	return f->compression;
}

/* --- members --- */

bool imagefile_has(const struct imagefile *f, const char *name)
{
	return f->is_dir ? imagefile_dir_has(&f->dir, name) : imagefile_index_has(&f->index, name);
}

static int find_file(struct imagefile *f, const char *name, struct imagefile_member *m,
		     struct err *e)
{
	uint32_t number;
	if (imagefile_dir_find(&f->dir, name, &number, e) < 0)
		return -1;
	const struct imagefile_dir_file *file = &f->dir.files[number];
	*m = (struct imagefile_member){
		.name = f->dir.names.strings[number],
		.fd = file->fd,
		.size = file->size,
	};
	return 0;
}

static int find_member(struct imagefile *f, const char *name, struct imagefile_member *m,
		       struct err *e)
{
	uint32_t number;
	if (imagefile_index_find(&f->index, name, &number, e) < 0)
		return -1;
	const struct imagefile_index_entry *entry = &f->index.entries[number];
	*m = (struct imagefile_member){
		.name = f->index.names.strings[number],
		.fd = f->fd,
		.offset = f->base + entry->offset,
		.size = entry->size,
	};
	return 0;
}

int imagefile_find(struct imagefile *f, const char *name, struct imagefile_member *m, struct err *e)
{
	int result = f->is_dir ? find_file(f, name, m, e) : find_member(f, name, m, e);
	return result < 0 ? err_wrap(e, "%s", f->name) : 0;
}

static int read_text(struct imagefile *f, const struct imagefile_member *m, struct buf *b,
		     struct err *e)
{
	struct source_part part;
	size_t got = 0;
	char *to = buf_extend(b, (size_t)m->size);
	source_part(&part, m->fd, f->name, m->offset, m->size);
	if (source_fill(&part.source, to, (size_t)m->size, &got, e) < 0)
		return -1;
	return got == m->size ? 0
			      : err_set(e, 0, "%s: '%s' became shorter while it was read", f->name,
					m->name);
}

int imagefile_text(struct imagefile *f, const char *name, struct buf *b, struct err *e)
{
	struct imagefile_member m;
	AUTO_BUF struct buf text = { 0 };
	if (imagefile_find(f, name, &m, e) < 0)
		return -1;
	if (m.size > IMAGEFILE_MAX_TEXT)
		return err_set(e, 0, "%s: '%s' has %" PRIu64 " bytes: at most %d allowed", f->name,
			       name, m.size, IMAGEFILE_MAX_TEXT);
	if (read_text(f, &m, &text, e) < 0)
		return -1;
	if (text.len && memchr(text.s, '\0', text.len))
		return err_set(e, 0, "%s: '%s' is not JSON: it has a NUL byte", f->name, name);
	buf_add(b, text.s, text.len);
	return 0;
}
