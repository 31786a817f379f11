/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <string.h>

#include "base/esc.h"
#include "base/intern.h"
#include "base/jsonread.h"
#include "base/source.h"
#include "tar/decompress.h"
#include "tar/zstdtoc.h"
#include "tar/zstdtocread.h"

/* What is read of an entry; other keys are for those who unpack it. */
enum key {
	TYPE,
	NAME,
	SIZE,
	DIGEST,
	OFFSET,
	END_OFFSET,
	CHUNK_SIZE,
	CHUNK_OFFSET,
	CHUNK_DIGEST,
	CHUNK_TYPE,
	NKEYS
};

static const struct {
	const char *name;
	bool text;
} keys[] = {
	[TYPE] = { "type", true },
	[NAME] = { "name", true },
	[SIZE] = { "size", false },
	[DIGEST] = { "digest", true },
	[OFFSET] = { "offset", false },
	[END_OFFSET] = { "endOffset", false },
	[CHUNK_SIZE] = { "chunkSize", false },
	[CHUNK_OFFSET] = { "chunkOffset", false },
	[CHUNK_DIGEST] = { "chunkDigest", true },
	[CHUNK_TYPE] = { "chunkType", true },
};

/* Its values: of what is absent 0, or empty. */
struct entry {
	struct buf texts[NKEYS];
	uint64_t numbers[NKEYS];
	unsigned seen; /* a bit for each key */
};

struct reader {
	struct jsonread *json;
	zstdtocread_take *take;
	void *context;
	struct intern names;
	struct entry entry;
	/* the file whose pieces come, n of them so far; 0: there is none */
	struct zstdtocread_file file;
	struct buf name;
	struct zstdtocread_piece *pieces;
	size_t n, cap;
	bool digested;   /* the first piece has a digest of its own */
	uint64_t sum;    /* of the sizes of the pieces */
	uint64_t end;    /* of the last frame */
	uint64_t before; /* where the frames of the file before end */
	uint64_t limit;  /* the same for all files */
};

static void free_reader(struct reader *r)
{
	for (size_t k = 0; k < NKEYS; k++)
		buf_free(&r->entry.texts[k]);
	jsonread_free(r->json);
	intern_free(&r->names);
	buf_free(&r->name);
	free(r->pieces);
}

static int bad(const char *name, const char *what, struct err *e)
{
	AUTO_BUF struct buf shown = { 0 };
	buf_adds(&shown, "");
	esc_message(&shown, name, strlen(name));
	return err_set(e, 0, "'%s': %s", shown.s, what);
}

/* --- files and their pieces --- */

/* "sha256:HEX" as bytes. */
static bool read_digest(const char *text, unsigned char raw[DIGEST_LEN])
{
	static const char values[] = "0123456789abcdef";
	const char *s = digest_digits(text, strlen(text));
	for (size_t i = 0; s && i < DIGEST_LEN; i++)
		raw[i] = (unsigned char)((strchr(values, s[2 * i]) - values) << 4 |
					 (strchr(values, s[2 * i + 1]) - values));
	return s != NULL;
}

/* A piece ends in the blob where the next begins. */
static int place_pieces(struct reader *r, struct err *e)
{
	for (size_t i = 0; i < r->n; i++) {
		struct zstdtocread_piece *p = &r->pieces[i];
		p->end = i + 1 < r->n ? p[1].begin : r->end;
		if (p->begin < r->before || p->end > r->limit || p->end < p->begin ||
		    (p->end == p->begin && !p->zeros))
			return bad(r->name.s,
				   "expected pieces that lie behind each other and behind those of "
				   "the files before, in front of the table",
				   e);
		r->before = p->end;
	}
	return 0;
}

/* A file of one piece need not say of the piece what it says of itself. */
static int settle_only_piece(struct reader *r, struct err *e)
{
	struct zstdtocread_piece *p = r->pieces;
	if (p->size == 0)
		r->sum = p->size = r->file.size;
	if (r->digested && memcmp(p->digest, r->file.digest, DIGEST_LEN) != 0)
		return bad(r->name.s, "its only piece has another digest", e);
	memcpy(p->digest, r->file.digest, DIGEST_LEN);
	return 0;
}

/* All pieces of the file are there, if there is one. */
static int finish_file(struct reader *r, struct err *e)
{
	if (r->n == 0)
		return 0;
	if (r->n == 1 && settle_only_piece(r, e) < 0)
		return -1;
	if (r->sum != r->file.size)
		return bad(r->name.s, "expected pieces that make up its size", e);
	if (place_pieces(r, e) < 0)
		return -1;
	r->file.name = r->name.s;
	r->file.pieces = r->pieces;
	r->file.n = r->n;
	r->n = 0;
	return r->take(r->context, &r->file, e);
}

/* What an entry says of its piece, which is the next of the file. */
static int add_piece(struct reader *r, struct err *e)
{
	const struct entry *n = &r->entry;
	const char *kind = n->texts[CHUNK_TYPE].s, *digest = n->texts[CHUNK_DIGEST].s;
	struct zstdtocread_piece p = { .begin = n->numbers[OFFSET],
				       .size = n->numbers[CHUNK_SIZE],
				       .zeros = strcmp(kind, "zeros") == 0 };
	if (*kind && !p.zeros)
		return bad(r->name.s, "expected no chunkType but 'zeros'", e);
	if (*digest && !read_digest(digest, p.digest))
		return bad(r->name.s, "chunkDigest: expected sha256: and 64 hex digits", e);
	if (n->numbers[CHUNK_OFFSET] != r->sum || p.size > r->file.size - r->sum)
		return bad(r->name.s, "expected pieces that follow each other in the file", e);
	r->pieces = mem_grow(r->pieces, &r->cap, r->n + 1, sizeof *r->pieces);
	r->pieces[r->n++] = p;
	r->sum += p.size;
	return 0;
}

static int begin_file(struct reader *r, struct err *e)
{
	const struct entry *n = &r->entry;
	if (!read_digest(n->texts[DIGEST].s, r->file.digest))
		return bad(r->name.s, "digest: expected sha256: and 64 hex digits", e);
	r->file.size = n->numbers[SIZE];
	r->end = n->numbers[END_OFFSET];
	r->digested = n->texts[CHUNK_DIGEST].len > 0;
	r->sum = 0;
	return add_piece(r, e);
}

static int add_chunk(struct reader *r, struct err *e)
{
	const struct entry *n = &r->entry;
	if (r->n == 0 || strcmp(n->texts[NAME].s, r->name.s) != 0)
		return bad(n->texts[NAME].s, "a chunk that does not follow its file", e);
	if (!r->digested || r->sum == 0 || !n->texts[CHUNK_DIGEST].len || !n->numbers[CHUNK_SIZE])
		return bad(r->name.s, "expected chunkSize and chunkDigest of each piece", e);
	return add_piece(r, e);
}

/* --- entries --- */

static int check_name(struct reader *r, struct err *e)
{
	const struct buf *name = &r->entry.texts[NAME];
	if (name->len == 0)
		return err_set(e, 0, "an entry without a name");
	if (zstdtoc_leads_up(name->s))
		return bad(name->s, "expected a name without '..'", e);
	if (!zstdtoc_is_new(&r->names, name->s))
		return bad(name->s, "a name that comes twice", e);
	return 0;
}

/* Whether it is one, but for a chunk. */
static bool is_type(const char *name)
{
	static const char *const types[] = { "reg",   "hardlink", "symlink", "char",
					     "block", "dir",      "fifo" };
	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (strcmp(name, types[i]) == 0)
			return true;
	return false;
}

static int take_entry(struct reader *r, struct err *e)
{
	struct entry *n = &r->entry;
	const char *type = n->texts[TYPE].s;
	if (strcmp(type, "chunk") == 0)
		return add_chunk(r, e);
	if (finish_file(r, e) < 0 || check_name(r, e) < 0)
		return -1;
	if (!is_type(type))
		return bad(n->texts[NAME].s, "a type that is not known", e);
	if (strcmp(type, "reg") != 0 || n->numbers[SIZE] == 0)
		return 0;
	buf_clear(&r->name);
	buf_add(&r->name, n->texts[NAME].s, n->texts[NAME].len);
	return begin_file(r, e);
}

static enum key find_key(const char *name)
{
	enum key k = 0;
	while (k < NKEYS && strcmp(keys[k].name, name) != 0)
		k++;
	return k;
}

static int read_value(struct reader *r, enum key k, struct err *e)
{
	struct entry *n = &r->entry;
	if (k == NKEYS)
		return jsonread_skip(r->json, e);
	if (n->seen & 1U << k)
		return err_set(e, 0, "'%s' comes twice in an entry", keys[k].name);
	n->seen |= 1U << k;
	int status = keys[k].text ? jsonread_string(r->json, &n->texts[k], e)
				  : jsonread_whole(r->json, &n->numbers[k], e);
	return status < 0 ? err_wrap(e, "%s", keys[k].name) : 0;
}

static int read_entry(struct reader *r, struct err *e)
{
	struct entry *n = &r->entry;
	const char *key;
	n->seen = 0;
	for (size_t k = 0; k < NKEYS; k++) {
		n->numbers[k] = 0;
		buf_clear(&n->texts[k]);
		buf_adds(&n->texts[k], "");
	}
	if (jsonread_open(r->json, '{', e) < 0)
		return -1;
	do {
		if (jsonread_key(r->json, &key, e) < 0 ||
		    (key && read_value(r, find_key(key), e) < 0))
			return -1;
	} while (key);
	return take_entry(r, e);
}

/* --- the table --- */

static int read_entries(struct reader *r, struct err *e)
{
	bool more = false;
	if (jsonread_open(r->json, '[', e) < 0 || jsonread_item(r->json, &more, e) < 0)
		return -1;
	while (more)
		if (read_entry(r, e) < 0 || jsonread_item(r->json, &more, e) < 0)
			return -1;
	return finish_file(r, e);
}

static int read_version(struct reader *r, struct err *e)
{
	uint64_t version;
	if (jsonread_whole(r->json, &version, e) < 0)
		return -1;
	return version == 1 ? 0 : err_set(e, 0, "expected version 1, found %" PRIu64, version);
}

/* The version, then the entries; what else there is need not be known. */
static int read_members(struct reader *r, struct err *e)
{
	static const char *const wanted[] = { "version", "entries" };
	static int (*const readers[])(struct reader *, struct err *) = { read_version,
									 read_entries };
	size_t n = 0;
	const char *key;
	if (jsonread_open(r->json, '{', e) < 0 || jsonread_key(r->json, &key, e) < 0)
		return -1;
	while (key) {
		size_t k = 0;
		while (k < 2 && strcmp(key, wanted[k]) != 0)
			k++;
		if (k < 2 && k != n)
			return err_set(e, 0,
				       "expected version and entries once each, in this order");
		n += k < 2;
		if ((k < 2 ? readers[k](r, e) : jsonread_skip(r->json, e)) < 0 ||
		    jsonread_key(r->json, &key, e) < 0)
			return -1;
	}
	return n == 2 ? jsonread_end(r->json, e) : err_set(e, 0, "expected version and entries");
}

/* Bytes of the table on their way: so many, neither more nor fewer. */
struct measured {
	struct source source, *from;
	uint64_t left;
};

static int read_measured(struct source *s, void *data, size_t len, size_t *got, struct err *e)
{
	struct measured *m = (struct measured *)s;
	if (source_read(m->from, data, len, got, e) < 0)
		return -1;
	if (*got > m->left || (*got == 0 && m->left))
		return err_set(e, 0, "expected another length when it is decompressed");
	m->left -= *got;
	return 0;
}

static int check_digest(const struct zstdtocread_blob *blob, const struct zstdtocread_place *p,
			struct err *e)
{
	enum { CHUNK = 64 << 10 };
	AUTO_DIGEST struct digest *d = digest_new();
	AUTO_FREE char *data = xmalloc(CHUNK);
	struct source_part part;
	char hex[DIGEST_HEX_LEN + 1];
	size_t got = 1;
	source_part(&part, blob->fd, blob->name, blob->offset + p->table.offset, p->table.length);
	while (got) {
		if (source_read(&part.source, data, CHUNK, &got, e) < 0)
			return -1;
		digest_add(d, data, got);
	}
	digest_hex(d, hex);
	return strcmp(hex, p->digest) == 0 ? 0
					   : err_set(e, 0, "damaged: its bytes are sha256:%s", hex);
}

static int read_table(struct reader *r, struct source *from, uint64_t raw, struct err *e)
{
	AUTO_DECOMPRESS struct decompress *d = NULL;
	if (decompress_new(from, &d, e) < 0)
		return -1;
	if (decompress_kind(d) != COMPRESS_ZSTD)
		return err_set(e, 0, "expected it to be compressed by zstd");
	struct measured m = { .source = { .name = from->name, .read = read_measured },
			      .from = decompress_source(d),
			      .left = raw };
	r->json = jsonread_new(&m.source);
	return read_members(r, e);
}

int zstdtocread_files(const struct zstdtocread_blob *blob, const struct zstdtocread_place *place,
		      zstdtocread_take *take, void *context, struct err *e)
{
	const struct zstdtocread_part *table = &place->table;
	struct reader r = { .take = take, .context = context, .limit = table->offset - 8 };
	struct source_part part;
	if (check_digest(blob, place, e) < 0)
		return -1;
	source_part(&part, blob->fd, blob->name, blob->offset + table->offset, table->length);
	int status = read_table(&r, &part.source, table->raw, e);
	free_reader(&r);
	return status;
}
