/* SPDX-License-Identifier: MIT */
#include "vm/vmjob.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/out.h"
#include "base/source.h"
#include "base/spool.h"
#include "layer/layerread.h"
#include "layer/layertree.h"
#include "tar/tar.h"
#include "vm/erofs.h"
#include "vm/guestproto.h"
#include "vm/vmmount.h"
#include "vm/vmplaces.h"

enum { SCRIPT_MAX = 64 << 20, CHUNK = 64 << 10 };

/* Member sizes that one header block can say. */
#define MEMBER_MAX ((uint64_t)1 << 33)

struct state {
	const struct vmjob *job;
	struct out out; /* the job */
	int layers;     /* a spool: the layer tars, one after the other */
	uint64_t *ends; /* where each ends in it */
	size_t n, cap;
	struct layertree *tree; /* all but the last */
	struct buf places;      /* what is made in it to mount on */
	struct buf header;
};

void vmjob_string(struct vmjob_strings *s, const char *string)
{
	s->list = mem_grow(s->list, &s->cap, s->n + 1, sizeof *s->list);
	s->list[s->n++] = string;
}

/* --- the layers --- */

/* One layer on its way into the spool; its digest must be what the stream says. */
static int spool_layer(struct state *s, struct layerread *r, const char *diffid, struct err *e)
{
	AUTO_DIGEST struct digest *d = digest_new();
	char hex[DIGEST_HEX_LEN + 1];
	uint64_t end = s->n ? s->ends[s->n - 1] : 0;
	const void *data;
	size_t len;
	do {
		if (layerread_data(r, &data, &len, e) < 0 ||
		    spool_write(s->layers, data, len, e) < 0)
			return -1;
		if (diffid)
			digest_add(d, data, len);
		end += len;
	} while (len);
	digest_hex(d, hex);
	if (diffid && strcmp(hex, diffid) != 0) {
		err_set(e, 0, "its digest is sha256:%s, the stream says sha256:%s", hex, diffid);
		return layerread_wrap(r, e);
	}
	s->ends = mem_grow(s->ends, &s->cap, s->n + 1, sizeof *s->ends);
	s->ends[s->n++] = end;
	return 0;
}

static int spool_layers(struct state *s, int fd, const char *name, struct err *e)
{
	AUTO_LAYERREAD struct layerread *r = layerread_new(fd, name);
	const struct layerread_layer *layer;
	uint64_t expected = s->job->expect_layers;
	if (spool_open(&s->layers, e) < 0)
		return -1;
	do {
		if (layerread_next(r, &layer, e) < 0)
			return -1;
		if (!layer)
			break;
		AUTO_FREE char *diffid = layer->diffid ? xstrdup(layer->diffid) : NULL;
		if (spool_layer(s, r, diffid, e) < 0)
			return -1;
	} while (layer);
	if (s->n == 0)
		return err_set(e, 0,
			       "%s: no layers: expected at least the new layer (layer-tar --mtree "
			       "--allow-empty makes an empty one)",
			       name);
	if (expected && s->n != expected)
		return err_set(e, 0,
			       "%s: expected %" PRIu64 " layers, found %zu: a producer failed",
			       name, expected, s->n);
	return 0;
}

static void layer_source(const struct state *s, size_t n, const char *name, struct source_part *p)
{
	uint64_t start = n ? s->ends[n - 1] : 0;
	source_part(p, s->layers, name, start, s->ends[n] - start);
}

static int read_layers(struct state *s, struct vmtimes *times, struct err *e)
{
	struct source_part part;
	for (size_t i = 0; i + 1 < s->n; i++) {
		AUTO_FREE char *name = xasprintf("layer %zu", i + 1);
		layer_source(s, i, name, &part);
		if (layertree_add(s->tree, &part.source, i ? s->ends[i - 1] : 0, e) < 0)
			return -1;
	}
	AUTO_FREE char *name = xasprintf("layer %zu", s->n);
	layer_source(s, s->n - 1, name, &part);
	if (vmtimes_add_tree(times, s->tree, e) < 0)
		return -1;
	return vmtimes_add_layer(times, &part.source, e);
}

/* Where there is no such file on the host, who reads it says so. */
static int add_mount_place(struct state *s, const char *host, const char *path, struct err *e)
{
	struct stat st;
	if (stat(host, &st) < 0)
		return 0;
	bool dir = S_ISDIR(st.st_mode);
	return vmplaces_add(s->tree, path, dir ? TAR_DIR : TAR_FILE, dir ? 0755 : 0644, &s->places,
			    e);
}

static int add_places(struct state *s, struct err *e)
{
	static const struct {
		const char *path;
		unsigned mode;
	} always[] = { { "dev", 0755 }, { "proc", 0755 }, { "sys", 0755 }, { "tmp", 01777 } };
	const struct vmjob_strings *m = &s->job->mounts;
	for (size_t i = 0; i < sizeof always / sizeof *always; i++)
		if (vmplaces_add(s->tree, always[i].path, TAR_DIR, always[i].mode, &s->places, e) <
		    0)
			return -1;
	for (size_t i = 0; i < m->n; i += 2)
		if (add_mount_place(s, m->list[i], m->list[i + 1], e) < 0)
			return -1;
	return 0;
}

/* --- members of the job --- */

/* Its header is written when its size is known. */
static int begin_member(struct state *s, uint64_t *start, struct err *e)
{
	*start = s->out.written;
	return out_write(&s->out, tar_zeros, TAR_BLOCK, e);
}

static int end_member(struct state *s, const char *name, uint64_t start, struct err *e)
{
	struct tar_entry t = { .type = TAR_FILE,
			       .name = name,
			       .size = s->out.written - start - TAR_BLOCK };
	if (t.size >= MEMBER_MAX)
		return err_set(e, 0, "'%s' has %" PRIu64 " bytes: expected less than 8 GiB", name,
			       t.size);
	if (out_write(&s->out, tar_zeros, tar_padding(t.size), e) < 0 || out_flush(&s->out, e) < 0)
		return -1;
	buf_clear(&s->header);
	tar_header(&s->header, &t);
	if (pwrite(s->out.fd, s->header.s, s->header.len, (off_t)start) != (ssize_t)s->header.len)
		return err_set(e, errno, "cannot write '%s'", s->out.name);
	return 0;
}

static int put_member(struct state *s, const char *name, const struct buf *b, struct err *e)
{
	uint64_t start;
	if (begin_member(s, &start, e) < 0 || out_write(&s->out, b->s, b->len, e) < 0)
		return -1;
	return end_member(s, name, start, e);
}

static int put_strings(struct state *s, const char *name, const struct vmjob_strings *strings,
		       struct err *e)
{
	AUTO_BUF struct buf b = { 0 };
	for (size_t i = 0; i < strings->n; i++)
		buf_add(&b, strings->list[i], strlen(strings->list[i]) + 1);
	return put_member(s, name, &b, e);
}

static int put_script(struct state *s, struct err *e)
{
	const char *path = s->job->script;
	AUTO_BUF struct buf text = { 0 };
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : 1;
	if (fd < 0)
		return err_set(e, errno, "cannot open the script '%s'", path);
	while (n > 0) {
		char *room = buf_extend(&text, CHUNK);
		text.len -= CHUNK;
		n = read(fd, room, CHUNK);
		if (n < 0)
			return err_set(e, errno, "cannot read the script '%s'", path);
		text.len += (size_t)n;
		if (text.len > SCRIPT_MAX)
			return err_set(e, 0, "the script '%s' is larger than 64 MiB", path);
	}
	return put_member(s, GUEST_SCRIPT, &text, e);
}

static int put_piece(void *context, uint64_t offset, uint64_t size, struct err *e)
{
	struct state *s = context;
	return offset == LAYERTREE_ZEROS ? out_zeros(&s->out, size, e)
					 : spool_copy(s->layers, offset, size, &s->out, e);
}

static int put_entry(const struct layertree_entry *entry, void *context, struct err *e)
{
	struct state *s = context;
	uint64_t size = entry->tar.type == TAR_FILE ? entry->tar.size : 0;
	buf_clear(&s->header);
	tar_header(&s->header, &entry->tar);
	if (out_write(&s->out, s->header.s, s->header.len, e) < 0 ||
	    layertree_contents(entry, put_piece, s, e) < 0)
		return -1;
	return out_write(&s->out, tar_zeros, tar_padding(size), e);
}

static int put_lower(struct state *s, struct err *e)
{
	uint64_t start;
	if (s->job->machine)
		return 0;
	if (begin_member(s, &start, e) < 0 || layertree_each(s->tree, put_entry, s, e) < 0 ||
	    out_write(&s->out, tar_zeros, (size_t)2 * TAR_BLOCK, e) < 0)
		return -1;
	return end_member(s, GUEST_LOWER, start, e);
}

static int put_upper(struct state *s, struct err *e)
{
	uint64_t from = s->n > 1 ? s->ends[s->n - 2] : 0, size = s->ends[s->n - 1] - from;
	uint64_t start;
	if (begin_member(s, &start, e) < 0 || spool_copy(s->layers, from, size, &s->out, e) < 0)
		return -1;
	return end_member(s, GUEST_UPPER, start, e);
}

static int put_mounts(struct state *s, struct err *e)
{
	const struct vmjob_strings *m = &s->job->mounts;
	for (size_t i = 0; s->job->machine && i < m->n; i += 2) {
		uint64_t start;
		if (begin_member(s, &start, e) < 0 || vmmount_write(m->list[i], &s->out, e) < 0 ||
		    end_member(s, GUEST_MOUNT, start, e) < 0)
			return -1;
	}
	return 0;
}

static int put_all(struct state *s, struct err *e)
{
	if (put_strings(s, GUEST_MOUNTS, &s->job->mounts, e) < 0 ||
	    put_member(s, GUEST_PLACES, &s->places, e) < 0 ||
	    put_strings(s, GUEST_ENVIRONMENT, &s->job->environment, e) < 0 ||
	    put_strings(s, GUEST_SHELL, &s->job->shells, e) < 0 || put_script(s, e) < 0 ||
	    put_lower(s, e) < 0 || put_upper(s, e) < 0 || put_mounts(s, e) < 0)
		return -1;
	if (out_write(&s->out, tar_zeros, (size_t)2 * TAR_BLOCK, e) < 0)
		return -1;
	return out_flush(&s->out, e);
}

/* What the layers below make, as a disk. */
static int write_base(const struct state *s, int *base, struct err *e)
{
	AUTO_CLOSE int fd = -1;
	struct out o;
	if (spool_open(&fd, e) < 0)
		return -1;
	out_init(&o, fd, "a temporary file");
	int r = erofs_write(s->tree, GUEST_LOWER, s->layers, &o, e);
	if (r == 0)
		r = out_flush(&o, e);
	out_drop(&o);
	return r < 0 ? spool_full(e) : spool_open_reader(fd, base, e);
}

static int write_job(struct state *s, int *job, struct err *e)
{
	AUTO_CLOSE int fd = -1;
	if (spool_open(&fd, e) < 0)
		return -1;
	out_init(&s->out, fd, "a temporary file");
	int r = put_all(s, e);
	out_drop(&s->out);
	return r < 0 ? spool_full(e) : spool_open_reader(fd, job, e);
}

static int write_all(struct state *s, int *job, int *base, struct err *e)
{
	AUTO_CLOSE int disk = -1;
	if (s->job->machine && write_base(s, &disk, e) < 0)
		return -1;
	if (write_job(s, job, e) < 0)
		return -1;
	*base = disk;
	disk = -1;
	return 0;
}

int vmjob_write(const struct vmjob *j, int layers, const char *name, int *job, int *base,
		struct vmtimes *times, struct err *e)
{
	AUTO_LAYERTREE struct layertree *tree = layertree_new();
	struct state s = { .job = j, .tree = tree, .layers = -1 };
	int r = spool_layers(&s, layers, name, e);
	if (r == 0)
		r = read_layers(&s, times, e);
	if (r == 0)
		r = add_places(&s, e);
	if (r == 0)
		r = write_all(&s, job, base, e);
	if (s.layers >= 0)
		close(s.layers);
	free(s.ends);
	buf_free(&s.header);
	buf_free(&s.places);
	return r;
}
