/* SPDX-License-Identifier: MIT */
#include "image/flatten.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hashing.h"
#include "base/spool.h"
#include "layer/layerread.h"
#include "layer/layertree.h"

/* Files up to this size are read into the output buffer; for others out_copy() is faster. */
enum { SMALL = 64 << 10 };

/* Where the bytes of a layer lie, which the tree counts from start on. */
struct place {
	uint64_t start;
	int fd;
	uint64_t offset;
	char *name;              /* what messages call the file; owned */
	struct timespec written; /* when it was written last, before it was read */
};

struct flatten {
	struct layertree *tree;
	struct place *places; /* one for each layer */
	size_t nplaces, places_cap;
	uint64_t size; /* of all layers */
	int spool;     /* -1: not needed yet */
	uint64_t spooled;
};

struct flatten *flatten_new(void)
{
	struct flatten *f = xcalloc(1, sizeof *f);
	f->tree = layertree_new();
	f->spool = -1;
	return f;
}

void flatten_free(struct flatten *f)
{
	if (!f)
		return;
	layertree_free(f->tree);
	for (size_t i = 0; i < f->nplaces; i++)
		free(f->places[i].name);
	free(f->places);
	if (f->spool >= 0)
		close(f->spool);
	free(f);
}

void flatten_cleanup(struct flatten **f)
{
	flatten_free(*f);
}

uint32_t flatten_layers(const struct flatten *f)
{
	return layertree_layers(f->tree);
}

/* --- first pass: what there is --- */

/* A layer on its way to the tree: every byte is read, counted, and put aside where it has to be. */
struct layer {
	struct source source;
	struct source *from;
	int spool; /* -1: it can be read once more where it is */
	uint64_t size;
};

enum { SKIP = 256 << 10 };

static int read_layer(struct source *source, void *data, size_t len, size_t *got, struct err *e)
{
	struct layer *l = (struct layer *)source;
	if (source_read(l->from, data, len, got, e) < 0)
		return -1;
	l->size += *got;
	return l->spool >= 0 ? spool_write(l->spool, data, *got, e) : 0;
}

/* A digest is of what is skipped, too. */
static int skip_layer(struct source *source, uint64_t len, struct err *e)
{
	AUTO_FREE char *data = xmalloc(SKIP);
	size_t got = 1;
	for (; len && got; len -= got)
		if (read_layer(source, data, len < SKIP ? (size_t)len : SKIP, &got, e) < 0)
			return -1;
	return 0;
}

static struct timespec last_written(int fd)
{
	struct stat st;
	return fstat(fd, &st) == 0 ? st.st_mtim : (struct timespec){ 0 };
}

/* Lays a layer on top that lies in the file at the offset; fd -1: it can be read but now. */
static int add(struct flatten *f, struct source *from, int fd, uint64_t offset, const char *name,
	       struct err *e)
{
	struct layer l = { .from = from, .spool = -1 };
	l.source = (struct source){ .name = from->name, .read = read_layer, .skip = skip_layer };
	if (fd < 0) {
		if (f->spool < 0 && spool_open(&f->spool, e) < 0)
			return -1;
		fd = l.spool = f->spool;
		offset = f->spooled;
		name = "<spool>";
	}
	f->places = mem_grow(f->places, &f->places_cap, f->nplaces + 1, sizeof *f->places);
	f->places[f->nplaces++] =
		(struct place){ f->size, fd, offset, xstrdup(name), last_written(fd) };
	if (layertree_add(f->tree, &l.source, f->size, e) < 0)
		return -1;
	f->size += l.size;
	f->spooled += l.spool >= 0 ? l.size : 0;
	return 0;
}

/* --- streams --- */

/* The current layer of a stream. */
struct streamed {
	struct source source;
	struct layerread *in;
	struct hashing *hashing; /* NULL: its digest is not given */
	const char *data;        /* what is unused of the last piece */
	size_t len;
};

static int read_streamed(struct source *source, void *to, size_t len, size_t *got, struct err *e)
{
	struct streamed *s = (struct streamed *)source;
	if (!s->len) {
		const void *piece;
		if (layerread_data(s->in, &piece, &s->len, e) < 0)
			return -1;
		if (s->len == 0) {
			*got = 0;
			return 0;
		}
		s->data = piece;
		if (s->hashing)
			hashing_add(s->hashing, piece, s->len);
	}
	*got = len < s->len ? len : s->len;
	memcpy(to, s->data, *got);
	s->data += *got;
	s->len -= *got;
	return 0;
}

static int check_digest(const struct streamed *s, const char *diffid, struct err *e)
{
	char hex[DIGEST_HEX_LEN + 1];
	hashing_hex(s->hashing, hex);
	if (strcmp(hex, diffid) == 0)
		return 0;
	err_set(e, 0, "its diff ID is given as sha256:%s, but its bytes are sha256:%s", diffid,
		hex);
	return layerread_wrap(s->in, e);
}

/* start: where in the file the input begins; -1: it is nothing that can be read once more */
static int add_streamed(struct flatten *f, struct layerread *in,
			const struct layerread_layer *layer, struct hashing *hashing,
			const char *input, int fd, off_t start, struct err *e)
{
	AUTO_FREE char *name =
		xasprintf("%s: layer %" PRIu64 " ('%s')", input, layerread_layers(in), layer->name);
	struct streamed s = { .source = { .name = name, .read = read_streamed },
			      .in = in,
			      .hashing = layer->diffid ? hashing : NULL };
	uint64_t offset = (uint64_t)start + layerread_offset(in);
	if (add(f, &s.source, start < 0 ? -1 : fd, offset, input, e) < 0)
		return -1;
	return s.hashing ? check_digest(&s, layer->diffid, e) : 0;
}

/* Where in it a regular file stands. */
static off_t position(int fd)
{
	struct stat st;
	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? lseek(fd, 0, SEEK_CUR) : -1;
}

int flatten_stream(struct flatten *f, int in, const char *name, bool *empty, struct err *e)
{
	AUTO_LAYERREAD struct layerread *reader = layerread_new(in, name);
	/* the last one made is freed first: it may still read what the other holds */
	AUTO_HASHING struct hashing *hashing = hashing_new(true);
	off_t start = position(in);
	for (;;) {
		const struct layerread_layer *layer;
		if (layerread_next(reader, &layer, e) < 0)
			return -1;
		if (!layer)
			break;
		if (add_streamed(f, reader, layer, hashing, name, in, start, e) < 0)
			return -1;
	}
	*empty = layerread_offset(reader) == 0;
	return 0;
}

/* --- images --- */

int flatten_image(struct flatten *f, const struct image *i, struct err *e)
{
	for (size_t n = 0; n < i->nlayers; n++) {
		AUTO_IMAGE_READER struct image_reader *r = NULL;
		const struct image_layer *l = &i->layers[n];
		bool plain = l->compression == COMPRESS_NONE;
		if (image_layer_open(i, n, &r, e) < 0 ||
		    add(f, image_layer_source(r), plain ? l->blob.fd : -1, l->blob.offset,
			image_layer_source(r)->name, e) < 0)
			return -1;
	}
	return 0;
}

/* --- second pass: the tar --- */

struct writing {
	const struct flatten *f;
	struct out *out;
	struct buf header;
};

/* The layer that has the byte. */
static const struct place *find_place(const struct flatten *f, uint64_t offset)
{
	size_t low = 0, high = f->nplaces;
	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;
		*(f->places[middle].start <= offset ? &low : &high) = middle;
	}
	return &f->places[low];
}

static int shrank(const struct place *p, struct err *e)
{
	return err_set(e, 0, "%s: it became shorter while it was read", p->name);
}

static int cannot_read(const struct place *p, struct err *e)
{
	return err_set(e, errno, "cannot read '%s'", p->name);
}

static int copy_small(struct out *o, const struct place *p, uint64_t at, size_t size, struct err *e)
{
	size_t done = 0;
	char *room = out_reserve(o, size, e);
	if (!room)
		return -1;
	while (done < size) {
		ssize_t n = pread(p->fd, room + done, size - done, (off_t)(at + done));
		if (n < 0 && errno != EINTR)
			return cannot_read(p, e);
		if (n == 0)
			return shrank(p, e);
		done += n > 0 ? (size_t)n : 0;
	}
	out_commit(o, size);
	return 0;
}

static int copy_large(struct out *o, const struct place *p, uint64_t at, uint64_t size,
		      struct err *e)
{
	uint64_t copied;
	if (lseek(p->fd, (off_t)at, SEEK_SET) < 0)
		return cannot_read(p, e);
	if (out_copy(o, p->fd, p->name, size, &copied, e) < 0)
		return -1;
	return copied == size ? 0 : shrank(p, e);
}

static int copy_piece(void *writing, uint64_t offset, uint64_t size, struct err *e)
{
	const struct writing *w = writing;
	if (offset == LAYERTREE_ZEROS)
		return out_zeros(w->out, size, e);
	const struct place *p = find_place(w->f, offset);
	uint64_t at = p->offset + (offset - p->start);
	return size <= SMALL ? copy_small(w->out, p, at, (size_t)size, e)
			     : copy_large(w->out, p, at, size, e);
}

static int write_entry(const struct layertree_entry *entry, void *writing, struct err *e)
{
	struct writing *w = writing;
	buf_clear(&w->header);
	tar_header(&w->header, &entry->tar);
	if (out_write(w->out, w->header.s, w->header.len, e) < 0)
		return -1;
	if (layertree_contents(entry, copy_piece, w, e) < 0)
		return -1;
	return out_write(w->out, tar_zeros, tar_padding(entry->tar.size), e);
}

/* What was read first, and compared with digests, is what was written now. */
static int check_written(const struct flatten *f, struct err *e)
{
	for (size_t i = 0; i < f->nplaces; i++) {
		const struct place *p = &f->places[i];
		struct timespec now = last_written(p->fd), then = p->written;
		if (p->fd != f->spool && (now.tv_sec != then.tv_sec || now.tv_nsec != then.tv_nsec))
			return err_set(e, 0, "%s: it changed while it was read", p->name);
	}
	return 0;
}

int flatten_write(const struct flatten *f, struct out *o, struct err *e)
{
	struct writing w = { .f = f, .out = o };
	uint64_t start = o->written;
	int result = layertree_each(f->tree, write_entry, &w, e);
	buf_free(&w.header);
	if (result < 0 || check_written(f, e) < 0)
		return -1;
	return out_write(o, tar_zeros, tar_trailer(o->written - start), e);
}
