/* SPDX-License-Identifier: MIT */
#include "flatten.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hashing.h"
#include "layerread.h"
#include "layertree.h"
#include "spool.h"

/* Files up to this size are read into the output buffer; for others out_copy() is faster. */
enum { SMALL = 64 << 10 };

/* The layer that is being read, a source for the tree. */
struct layer {
	struct source source;
	struct layerread *in;
	struct hashing *hashing; /* NULL: its digest is not given */
	int spool;               /* -1: the input can be read once more */
	const char *data;        /* what is unused of the last piece */
	size_t len;
};

/* --- first pass: what there is --- */

/* The next piece, also for the digest and the spool; none at the end. */
static int next_piece(struct layer *l, struct err *e)
{
	const void *data;
	if (layerread_data(l->in, &data, &l->len, e) < 0)
		return -1;
	l->data = data;
	if (l->hashing)
		hashing_add(l->hashing, data, l->len);
	return l->spool >= 0 ? spool_write(l->spool, data, l->len, e) : 0;
}

static int layer_read(struct source *source, void *to, size_t len, size_t *got, struct err *e)
{
	struct layer *l = (struct layer *)source;
	if (!l->len && next_piece(l, e) < 0)
		return -1;
	*got = len < l->len ? len : l->len;
	memcpy(to, l->data, *got);
	l->data += *got;
	l->len -= *got;
	return 0;
}

/* Takes no less notice of the bytes, but does not copy them. */
static int layer_skip(struct source *source, uint64_t len, struct err *e)
{
	struct layer *l = (struct layer *)source;
	while (len) {
		if (!l->len && next_piece(l, e) < 0)
			return -1;
		if (!l->len)
			return 0;
		size_t n = len < l->len ? (size_t)len : l->len;
		l->data += n;
		l->len -= n;
		len -= n;
	}
	return 0;
}

static int check_digest(struct layer *l, const char *diffid, struct err *e)
{
	char hex[DIGEST_HEX_LEN + 1];
	hashing_hex(l->hashing, hex);
	if (strcmp(hex, diffid) == 0)
		return 0;
	err_set(e, 0, "its diff ID is given as sha256:%s, but its bytes are sha256:%s", diffid,
		hex);
	return layerread_wrap(l->in, e);
}

static int add_layer(struct layertree *t, struct layer *l, const struct layerread_layer *about,
		     const char *input, uint64_t base, struct err *e)
{
	AUTO_FREE char *name = xasprintf("%s: layer %" PRIu64 " ('%s')", input,
					 layerread_layers(l->in), about->name);
	l->source = (struct source){ .name = name, .read = layer_read, .skip = layer_skip };
	if (layertree_add(t, &l->source, base, e) < 0)
		return -1;
	return about->diffid ? check_digest(l, about->diffid, e) : 0;
}

/* start: where in the file the input begins that layerread counts; of no use for a spool */
static int read_layers(struct layertree *t, struct layer *l, const char *input, uint64_t start,
		       struct err *e)
{
	AUTO_HASHING struct hashing *hashing = hashing_new();
	const struct layerread_layer *about = NULL;
	uint64_t spooled = 0;
	do {
		if (layerread_next(l->in, &about, e) < 0)
			return -1;
		if (!about)
			break;
		uint64_t base = l->spool >= 0 ? spooled : start + layerread_offset(l->in);
		l->hashing = about->diffid ? hashing : NULL;
		if (add_layer(t, l, about, input, base, e) < 0)
			return -1;
		spooled += about->size;
	} while (about);
	return 0;
}

/* --- second pass: the tar --- */

struct writing {
	struct out *out;
	int from;
	const char *name; /* of what contents are read from */
	struct buf header;
};

static int shrank(const struct writing *w, struct err *e)
{
	return err_set(e, 0, "%s: it became shorter while it was read", w->name);
}

static int copy_small(struct writing *w, uint64_t offset, size_t size, struct err *e)
{
	size_t done = 0;
	char *room = out_reserve(w->out, size, e);
	if (!room)
		return -1;
	while (done < size) {
		ssize_t n = pread(w->from, room + done, size - done, (off_t)(offset + done));
		if (n < 0 && errno != EINTR)
			return err_set(e, errno, "cannot read '%s'", w->name);
		if (n == 0)
			return shrank(w, e);
		done += n > 0 ? (size_t)n : 0;
	}
	out_commit(w->out, size);
	return 0;
}

static int copy_large(struct writing *w, uint64_t offset, uint64_t size, struct err *e)
{
	uint64_t copied;
	if (lseek(w->from, (off_t)offset, SEEK_SET) < 0)
		return err_set(e, errno, "cannot read '%s'", w->name);
	if (out_copy(w->out, w->from, w->name, size, &copied, e) < 0)
		return -1;
	return copied == size ? 0 : shrank(w, e);
}

static int write_entry(const struct layertree_entry *entry, void *writing, struct err *e)
{
	struct writing *w = writing;
	uint64_t size = entry->tar.size;
	buf_clear(&w->header);
	tar_header(&w->header, &entry->tar);
	if (out_write(w->out, w->header.s, w->header.len, e) < 0)
		return -1;
	if ((size <= SMALL ? copy_small(w, entry->offset, (size_t)size, e)
			   : copy_large(w, entry->offset, size, e)) < 0)
		return -1;
	return out_write(w->out, tar_zeros, tar_padding(size), e);
}

static int write_tree(const struct layertree *t, int from, const char *name, struct out *o,
		      struct err *e)
{
	struct writing w = { .out = o, .from = from, .name = name };
	int result = layertree_each(t, write_entry, &w, e);
	buf_free(&w.header);
	return result < 0 ? -1 : out_write(o, tar_zeros, tar_trailer(o->written), e);
}

/* Where in it the file stands; -1 where it is nothing that can be read again. */
static off_t position(int fd)
{
	struct stat st;
	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? lseek(fd, 0, SEEK_CUR) : -1;
}

int flatten(int in, const char *name, bool allow_empty, struct out *o, struct err *e)
{
	AUTO_LAYERTREE struct layertree *t = layertree_new();
	AUTO_LAYERREAD struct layerread *reader = layerread_new(in, name);
	AUTO_CLOSE int spool = -1;
	off_t start = position(in);
	if (start < 0 && spool_open(&spool, e) < 0)
		return -1;
	struct layer l = { .in = reader, .spool = spool };
	if (read_layers(t, &l, name, start < 0 ? 0 : (uint64_t)start, e) < 0)
		return -1;
	if (layertree_layers(t) == 0 && !allow_empty)
		return err_set(e, 0, "%s: no layers (--allow-empty makes an empty tree of them)",
			       name);
	return write_tree(t, start < 0 ? spool : in, start < 0 ? "the spool" : name, o, e);
}
