/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <string.h>

#include "base/num.h"
#include "tar/tarread_parts.h"

/*
 * Sparse files: GNU tar's manual, "Storing Sparse Files", has the three forms of pax headers, and
 * its "Basic Tar Format" the old one, type S. A map says where in the file each stored piece lies.
 */

static int bad_map(const struct tarread *r, const char *why, struct err *e)
{
	return tarread_err(r, e, "bad sparse map: %s", why);
}

static int map_number(const struct tarread *r, const char *s, size_t len, uint64_t *value,
		      struct err *e)
{
	if (num_parse(s, len, 10, 0, INT64_MAX, value, e) == 0)
		return 0;
	err_clear(e);
	return bad_map(r, "expected decimal numbers", e);
}

static int add(struct tarread *r, uint64_t offset, uint64_t size, struct err *e)
{
	struct tarread_sparse *s = &r->sparse;
	if (s->n == TARREAD_MAX_SEGMENTS)
		return tarread_err(r, e, "bad sparse map: more than %u pieces",
				   TARREAD_MAX_SEGMENTS);
	s->list = mem_grow(s->list, &s->cap, s->n + 1, sizeof *s->list);
	s->list[s->n++] = (struct tarread_segment){ offset, size };
	return 0;
}

/* --- maps in extended headers --- */

static int record_number(const struct tarread *r, const struct tarread_pax *rec, uint64_t *value,
			 struct err *e)
{
	return map_number(r, rec->value, rec->len, value, e);
}

/* 0.0: a pair of records for each piece. */
static int read_pairs(struct tarread *r, struct err *e)
{
	uint64_t offset = 0, size = 0;
	bool open = false;
	for (size_t i = 0; i < r->own.n; i++) {
		const struct tarread_pax *rec = &r->own.list[i];
		bool is_offset = strcmp(rec->key, "GNU.sparse.offset") == 0;
		if (!is_offset && strcmp(rec->key, "GNU.sparse.numbytes") != 0)
			continue;
		if (is_offset == open)
			return bad_map(r, "expected pairs of offset and numbytes", e);
		open = is_offset;
		if (record_number(r, rec, is_offset ? &offset : &size, e) < 0 ||
		    (!is_offset && add(r, offset, size, e) < 0))
			return -1;
	}
	return open ? bad_map(r, "expected pairs of offset and numbytes", e) : 0;
}

/* 0.1: all numbers in one record, with commas between them. */
static int read_list(struct tarread *r, const struct tarread_pax *map, struct err *e)
{
	uint64_t pair[2];
	const char *s = map->value, *end = s + map->len;
	bool more = map->len > 0;
	for (size_t n = 0; more || n % 2; n++) {
		const char *comma = memchr(s, ',', (size_t)(end - s));
		const char *to = comma ? comma : end;
		if (map_number(r, s, (size_t)(to - s), &pair[n % 2], e) < 0 ||
		    (n % 2 && add(r, pair[0], pair[1], e) < 0))
			return -1;
		s = comma ? comma + 1 : end;
		more = comma != NULL;
	}
	return 0;
}

static int read_records(struct tarread *r, struct err *e)
{
	const struct tarread_pax *map = tarread_records_find(&r->own, "GNU.sparse.map");
	const struct tarread_pax *count = tarread_records_find(&r->own, "GNU.sparse.numblocks");
	uint64_t n;
	if ((map ? read_list(r, map, e) : read_pairs(r, e)) < 0)
		return -1;
	if (count && (record_number(r, count, &n, e) < 0 || n != r->sparse.n))
		return e->msg ? -1 : bad_map(r, "numblocks is not the number of its pieces", e);
	return 0;
}

/* --- maps in contents --- */

/* One block of contents. */
static int read_block(struct tarread *r, struct buf *block, struct err *e)
{
	if (r->left < TAR_BLOCK)
		return bad_map(r, "it is longer than the contents", e);
	r->left -= TAR_BLOCK;
	return tarread_text(r, TAR_BLOCK, block, e);
}

/* 1.0: the text of a map in front of the contents, in blocks of its own. */
struct text {
	struct buf block;
	size_t at;
	size_t blocks;
};

/* A number and its newline. */
static int read_number(struct tarread *r, struct text *t, uint64_t *value, struct err *e)
{
	char digits[20];
	for (size_t n = 0; n < sizeof digits; n++) {
		if (t->at == t->block.len) {
			if (++t->blocks > TARREAD_MAX_HEADER / TAR_BLOCK)
				return bad_map(r, "more than 1 MiB", e);
			t->at = 0;
			if (read_block(r, &t->block, e) < 0)
				return -1;
		}
		digits[n] = t->block.s[t->at++];
		if (digits[n] == '\n')
			return map_number(r, digits, n, value, e);
	}
	return bad_map(r, "expected decimal numbers", e);
}

static int read_text(struct tarread *r, struct text *t, struct err *e)
{
	uint64_t n = 0, offset = 0, size = 0;
	if (read_number(r, t, &n, e) < 0)
		return -1;
	if (n > TARREAD_MAX_SEGMENTS)
		return tarread_err(r, e, "bad sparse map: more than %u pieces",
				   TARREAD_MAX_SEGMENTS);
	for (; n; n--)
		if (read_number(r, t, &offset, e) < 0 || read_number(r, t, &size, e) < 0 ||
		    add(r, offset, size, e) < 0)
			return -1;
	return 0;
}

/* The old form: four pieces in the header, further ones in blocks behind it, 21 in each. */
enum { OLD_PIECE = 24, OLD_FIELD = 12, OLD_IN_HEADER = 4, OLD_IN_BLOCK = 21 };
enum { OLD_PIECES_AT = 386, OLD_MORE_AT = 482, OLD_SIZE_AT = 483, OLD_MORE_IN_BLOCK = 504 };

static int read_old_pieces(struct tarread *r, const char *from, size_t n, struct err *e)
{
	for (size_t i = 0; i < n && *from; i++, from += OLD_PIECE) {
		uint64_t offset = 0, size = 0;
		if (tarread_field(r, from, OLD_FIELD, "sparse map", &offset, e) < 0 ||
		    tarread_field(r, from + OLD_FIELD, OLD_FIELD, "sparse map", &size, e) < 0 ||
		    add(r, offset, size, e) < 0)
			return -1;
	}
	return 0;
}

static int read_old(struct tarread *r, const char *header, struct err *e)
{
	AUTO_BUF struct buf block = { 0 };
	if (tarread_field(r, header + OLD_SIZE_AT, OLD_FIELD, "real size", &r->sparse.size, e) <
		    0 ||
	    read_old_pieces(r, header + OLD_PIECES_AT, OLD_IN_HEADER, e) < 0)
		return -1;
	for (bool more = header[OLD_MORE_AT]; more; more = block.s[OLD_MORE_IN_BLOCK])
		if (tarread_text(r, TAR_BLOCK, &block, e) < 0 ||
		    read_old_pieces(r, block.s, OLD_IN_BLOCK, e) < 0)
			return -1;
	return 0;
}

/* --- what a map must be --- */

/* In order, within the file, and of what is stored; pieces without bytes are dropped. */
static int check(struct tarread *r, struct err *e)
{
	struct tarread_sparse *s = &r->sparse;
	uint64_t end = 0, stored = 0;
	size_t n = 0;
	for (size_t i = 0; i < s->n; i++) {
		const struct tarread_segment piece = s->list[i];
		if (piece.offset > s->size || piece.size > s->size - piece.offset)
			return bad_map(r, "a piece beyond the end of the file", e);
		if (piece.offset < end)
			return bad_map(r, "pieces overlap, or are not in order", e);
		end = piece.offset + piece.size;
		stored += piece.size;
		if (piece.size)
			s->list[n++] = piece;
	}
	s->n = n;
	if (stored != r->left)
		return tarread_err(r, e,
				   "bad sparse map: its pieces have %" PRIu64 " bytes, but %" PRIu64
				   " are stored",
				   stored, r->left);
	return 0;
}

/* Holes cost nothing in an archive, but what comes of it has their zeros. */
static int check_growth(struct tarread *r, struct err *e)
{
	struct tarread_sparse *s = &r->sparse;
	uint64_t holes = s->size - r->left;
	s->holes = holes > UINT64_MAX - s->holes ? UINT64_MAX : s->holes + holes;
	if (s->holes <= TARREAD_FREE_HOLES || s->holes / TARREAD_HOLES_RATIO <= r->offset)
		return 0;
	return tarread_err(r, e,
			   "sparse files with %" PRIu64 " bytes of holes in an archive of %" PRIu64
			   " so far: this looks like a bomb",
			   s->holes, r->offset);
}

static int read_size(struct tarread *r, struct err *e)
{
	const struct tarread_pax *size = tarread_records_find(&r->own, "GNU.sparse.realsize");
	if (!size)
		size = tarread_records_find(&r->own, "GNU.sparse.size");
	if (!size)
		return tarread_err(r, e, "sparse file without its size");
	return map_number(r, size->value, size->len, &r->sparse.size, e);
}

/* Which of the forms of pax headers it is. */
static int read_pax(struct tarread *r, struct err *e)
{
	const struct tarread_pax *major = tarread_records_find(&r->own, "GNU.sparse.major");
	const struct tarread_pax *minor = tarread_records_find(&r->own, "GNU.sparse.minor");
	const char *version[] = { major ? major->value : "0", minor ? minor->value : "0" };
	if (read_size(r, e) < 0)
		return -1;
	if (strcmp(version[0], "0") == 0)
		return read_records(r, e);
	if (strcmp(version[0], "1") != 0 || strcmp(version[1], "0") != 0)
		return tarread_err(r, e, "sparse file of form %s.%s: not supported", version[0],
				   version[1]);
	struct text t = { .at = 0 };
	int result = read_text(r, &t, e);
	buf_free(&t.block);
	return result;
}

int tarread_sparse_member(struct tarread *r, const struct ustar *h, struct err *e)
{
	struct tarread_sparse *s = &r->sparse;
	bool old = h->typeflag == TARREAD_OLD_SPARSE;
	if (!s->allowed || r->entry.type != TAR_FILE || (old && memcmp(h->magic, "ustar ", 6) != 0))
		return tarread_err(r, e, "sparse file: not supported");
	s->n = s->at = 0;
	s->place = 0;
	if ((old ? read_old(r, (const char *)h, e) : read_pax(r, e)) < 0 || check(r, e) < 0 ||
	    check_growth(r, e) < 0)
		return -1;
	r->entry.size = s->size;
	s->on = true;
	return 0;
}

/* --- contents --- */

int tarread_sparse_data(struct tarread *r, const void **data, size_t *len, struct err *e)
{
	struct tarread_sparse *s = &r->sparse;
	if (s->at < s->n && s->place == s->list[s->at].offset + s->list[s->at].size)
		s->at++;
	bool last = s->at == s->n;
	uint64_t next = last ? s->size : s->list[s->at].offset;
	if (s->place < next || last) {
		*data = tar_zeros;
		*len = next - s->place < TAR_RECORD ? (size_t)(next - s->place) : TAR_RECORD;
	} else if (tarread_stored(r, next + s->list[s->at].size - s->place, data, len, e) < 0) {
		return -1;
	}
	s->place += *len;
	return 0;
}

void tarread_sparse(struct tarread *r)
{
	r->sparse.allowed = true;
}

const struct tarread_segment *tarread_segments(const struct tarread *r, size_t *n)
{
	*n = r->sparse.n;
	return r->sparse.on ? r->sparse.list : NULL;
}
