/* SPDX-License-Identifier: MIT */
#include "layer/layerread.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "base/digest.h"
#include "base/esc.h"
#include "base/jsonwrite.h"
#include "base/num.h"
#include "layer/layerstream.h"
#include "tar/tarread.h"

enum { END = 2 * TAR_BLOCK };

/* The records that a header can hold. */
enum { LAYERS, DIFFID, KEY, BLOB, COMMENT, NRECORDS };

static const char *const record_names[NRECORDS] = {
	[LAYERS] = LAYERSTREAM_LAYERS, [DIFFID] = LAYERSTREAM_DIFFID,   [KEY] = LAYERSTREAM_KEY,
	[BLOB] = LAYERSTREAM_BLOB,     [COMMENT] = LAYERSTREAM_COMMENT,
};

/* What one says: len bytes with a NUL behind them, or NULL. */
struct record {
	const char *value;
	size_t len;
};

struct layerread {
	struct tarread *tar;
	const char *name;
	bool fresh;                      /* no entry of this archive seen yet */
	bool counted;                    /* a global header told how many layers come */
	uint64_t announced;              /* that many */
	uint64_t held;                   /* layers of this archive so far */
	uint64_t layers;                 /* of the whole input */
	struct record records[NRECORDS]; /* of the last header */
	struct buf lines;                /* its comment, where that holds some */
	bool references;                 /* layers without bytes are taken */
	struct buf reference;            /* the record of such a layer, in strings */
	struct layerread_blob blob;
	struct layerread_layer layer;
	char first[TAR_BLOCK]; /* the layer's first block, as far as it was read */
	size_t nfirst;
	size_t zeros; /* the layer's last bytes that are zero, as far as they matter */
};

struct layerread *layerread_new(int fd, const char *name)
{
	struct layerread *r = xcalloc(1, sizeof *r);
	r->tar = tarread_new(fd, name);
	r->name = name;
	r->fresh = true;
	return r;
}

void layerread_free(struct layerread *r)
{
	if (!r)
		return;
	tarread_free(r->tar);
	buf_free(&r->lines);
	buf_free(&r->reference);
	free(r);
}

void layerread_references(struct layerread *r)
{
	r->references = true;
}

void layerread_cleanup(struct layerread **r)
{
	layerread_free(*r);
}

uint64_t layerread_layers(const struct layerread *r)
{
	return r->layers;
}

uint64_t layerread_offset(const struct layerread *r)
{
	return tarread_offset(r->tar);
}

int layerread_wrap(const struct layerread *r, struct err *e)
{
	return err_wrap(e, "%s: layer %" PRIu64 " ('%s')", r->name, r->layers,
			r->layer.name ? r->layer.name : "");
}

static bool is_ours(const char *record)
{
	return strncmp(record, LAYERSTREAM_PREFIX, sizeof LAYERSTREAM_PREFIX - 1) == 0;
}

/* A record of ours that this reader does not know may change what the layer means. */
static int take_record(struct layerread *r, const char *name, struct record record, struct err *e)
{
	for (size_t i = 0; i < NRECORDS; i++) {
		if (strcmp(name, record_names[i]) != 0)
			continue;
		r->records[i] = record;
		return 0;
	}
	return tarread_err(r->tar, e, "record '%s' is not known", name);
}

/* Takes the line at s, of a text that ends at end; *next is where the next one begins. */
static int take_line(struct layerread *r, char *s, char *end, char **next, struct err *e)
{
	char *stop = memchr(s, '\n', (size_t)(end - s));
	if (!stop || strncmp(s, LAYERSTREAM_COMMENT "=", sizeof LAYERSTREAM_COMMENT) == 0)
		stop = end;
	char *equals = memchr(s, '=', (size_t)(stop - s));
	if (!is_ours(s) || !equals)
		return tarread_err(r->tar, e,
				   "comment: expected lines " LAYERSTREAM_PREFIX "NAME=VALUE");
	*next = stop < end ? stop + 1 : end;
	*equals = *stop = '\0';
	return take_record(r, s, (struct record){ equals + 1, (size_t)(stop - equals - 1) }, e);
}

/* The lines in the value of the header's pax record "comment", where they are ours. */
static int take_lines(struct layerread *r, struct err *e)
{
	size_t len = 0;
	const char *comment = tarread_record(r->tar, "comment", &len);
	buf_clear(&r->lines);
	if (!comment || !is_ours(comment))
		return 0;
	if (memchr(comment, '\0', len))
		return tarread_err(r->tar, e, "comment: expected no NUL byte");
	buf_add(&r->lines, comment, len);
	char *s = r->lines.s, *end = s + len;
	while (s < end)
		if (take_line(r, s, end, &s, e) < 0)
			return -1;
	return 0;
}

/* Reads what the header says of us, in either form. */
static int read_records(struct layerread *r, struct err *e)
{
	const char *key;
	memset(r->records, 0, sizeof r->records);
	for (size_t i = 0; (key = tarread_record_key(r->tar, i)); i++) {
		struct record record;
		record.value = tarread_record(r->tar, key, &record.len);
		if (is_ours(key) && take_record(r, key, record, e) < 0)
			return -1;
	}
	return take_lines(r, e);
}

static int read_count(struct layerread *r, struct err *e)
{
	if (read_records(r, e) < 0)
		return -1;
	const struct record *count = &r->records[LAYERS];
	if (!count->value)
		return 0;
	if (!r->fresh)
		return tarread_err(r->tar, e,
				   "%s: expected only before the first member of a stream",
				   LAYERSTREAM_LAYERS);
	if (num_parse(count->value, count->len, 10, 0, UINT32_MAX, &r->announced, e) < 0)
		return err_wrap(e, "%s: %s", r->name, LAYERSTREAM_LAYERS);
	r->counted = true;
	r->fresh = false;
	return 0;
}

static int end_archive(struct layerread *r, struct err *e)
{
	if (r->counted && r->held != r->announced)
		return err_set(e, 0,
			       "%s: stream announced %" PRIu64 " layers, but holds %" PRIu64
			       ": its producer failed",
			       r->name, r->announced, r->held);
	r->fresh = true;
	r->counted = false;
	r->held = 0;
	return 0;
}

static bool is_text(const char *s, size_t len)
{
	return !memchr(s, '\0', len) && esc_is_utf8(s, len);
}

static int read_about(struct layerread *r, struct err *e)
{
	struct layerread_layer *l = &r->layer;
	if (read_records(r, e) < 0)
		return -1;
	const struct record *comment = &r->records[COMMENT], *key = &r->records[KEY],
			    *diffid = &r->records[DIFFID];
	if (r->records[LAYERS].value)
		return tarread_err(r->tar, e,
				   "%s: expected only before the first member of a stream",
				   LAYERSTREAM_LAYERS);
	if (comment->value && !is_text(comment->value, comment->len))
		return tarread_err(r->tar, e, "%s: expected UTF-8", LAYERSTREAM_COMMENT);
	if (key->value && !digest_is_hex(key->value, key->len))
		return tarread_err(r->tar, e, "%s: expected %d lower-case hex digits",
				   LAYERSTREAM_KEY, DIGEST_HEX_LEN);
	l->comment = comment->value;
	l->key = key->value;
	if (!diffid->value)
		return 0;
	l->diffid = digest_digits(diffid->value, diffid->len);
	if (!l->diffid)
		return tarread_err(r->tar, e, "%s: expected sha256: and %d lower-case hex digits",
				   LAYERSTREAM_DIFFID, DIGEST_HEX_LEN);
	return 0;
}

/* Cuts the string at its next space; NULL: there is none. */
static char *cut(char *s)
{
	char *space = s ? strchr(s, ' ') : NULL;
	if (space)
		*space++ = '\0';
	return space;
}

static int parse_blob(struct layerread *r, struct err *e)
{
	const struct record *record = &r->records[BLOB];
	struct err ignored = { 0 };
	buf_clear(&r->reference);
	buf_add(&r->reference, record->value, record->len);
	char *digest = r->reference.s, *size = cut(digest), *type = cut(size), *how = cut(type);
	bool good =
		is_text(record->value, record->len) && how &&
		digest_digits(digest, strlen(digest)) && *type && *how &&
		num_parse(size, strlen(size), 10, 0, JSON_WHOLE_MAX, &r->blob.size, &ignored) == 0;
	err_clear(&ignored);
	if (!good)
		return tarread_err(r->tar, e,
				   "%s: expected 'sha256:HEX SIZE MEDIA-TYPE COMPRESSOR'",
				   LAYERSTREAM_BLOB);
	r->blob.digest = strchr(digest, ':') + 1;
	r->blob.media_type = type;
	r->blob.compressor = how;
	r->layer.blob = &r->blob;
	return 0;
}

/* A layer whose bytes are not in the stream. */
static int read_reference(struct layerread *r, struct err *e)
{
	if (!r->records[BLOB].value)
		return 0;
	if (!r->layer.diffid || r->layer.size)
		return tarread_err(r->tar, e, "%s: expected no bytes, and " LAYERSTREAM_DIFFID,
				   LAYERSTREAM_BLOB);
	if (r->references)
		return parse_blob(r, e);
	err_set(e, 0,
		"it is sent by reference, without its bytes: only 'image-assemble --format oci "
		"--output DIR' takes that (leave out --known where the stream is made)");
	return layerread_wrap(r, e);
}

/* Whether a member is one that images have beside their layers. */
static bool is_of_image(const char *name)
{
	static const char *const last[] = { ".json", "/VERSION", "oci-layout" };
	size_t len = strlen(name);
	for (size_t i = 0; i < sizeof last / sizeof *last; i++) {
		size_t n = strlen(last[i]);
		if (len >= n && strcmp(name + len - n, last[i]) == 0)
			return true;
	}
	return strncmp(name, "blobs/", strlen("blobs/")) == 0;
}

/* No tar has this size: what it may be instead. */
static int wrong_size(struct layerread *r, const struct tar_entry *t, struct err *e)
{
	const void *data;
	size_t len;
	if (is_of_image(t->name))
		return tarread_err(r->tar, e,
				   "'%s' is part of an image: expected layers, which image-layers"
				   " takes out of it",
				   t->name);
	if (tarread_data(r->tar, &data, &len, e) < 0)
		return -1;
	if (tarread_is_compressed(data, len))
		return tarread_err(r->tar, e, "layer '%s' is compressed: decompress it first",
				   t->name);
	return tarread_err(r->tar, e,
			   "layer '%s' has %" PRIu64
			   " bytes: expected a tar of layer tars, each a multiple of %d bytes "
			   "('tar -c FILE' puts one into another)",
			   t->name, t->size, TAR_BLOCK);
}

static int check_size(struct layerread *r, const struct tar_entry *t, struct err *e)
{
	if (r->layer.diffid || (t->size > 0 && t->size % TAR_BLOCK == 0))
		return 0;
	return wrong_size(r, t, e);
}

static int read_member(struct layerread *r, const struct layerread_layer **layer, struct err *e)
{
	const struct tar_entry *t = tarread_entry(r->tar);
	r->fresh = false;
	if (t->type == TAR_DIR && !r->counted)
		return 0;
	if (t->type != TAR_FILE)
		return tarread_err(r->tar, e,
				   "'%s' is not a regular file: expected one layer tar a member",
				   t->name);
	r->held++;
	if (r->counted && r->held > r->announced)
		return tarread_err(r->tar, e, "more layers than the %" PRIu64 " announced",
				   r->announced);
	r->layers++;
	r->nfirst = 0;
	r->zeros = 0;
	r->layer = (struct layerread_layer){ .name = t->name, .size = t->size };
	if (read_about(r, e) < 0 || read_reference(r, e) < 0)
		return -1;
	if (check_size(r, t, e) < 0)
		return -1;
	*layer = &r->layer;
	return 0;
}

int layerread_next(struct layerread *r, const struct layerread_layer **layer, struct err *e)
{
	enum tarread_event event = TARREAD_END;
	const struct layerread_layer *found = NULL;
	while (!found) {
		if (tarread_next(r->tar, &event, e) < 0)
			return -1;
		if (event == TARREAD_EOF)
			break;
		if ((event == TARREAD_GLOBAL && read_count(r, e) < 0) ||
		    (event == TARREAD_END && end_archive(r, e) < 0) ||
		    (event == TARREAD_ENTRY && read_member(r, &found, e) < 0))
			return -1;
	}
	*layer = found;
	return 0;
}

/* Looks at the first block of a layer as it comes by. */
static int check_first(struct layerread *r, const void *data, size_t len, struct err *e)
{
	size_t n = TAR_BLOCK - r->nfirst;
	if (n > len)
		n = len;
	memcpy(r->first + r->nfirst, data, n);
	r->nfirst += n;
	if (n == 0 || r->nfirst < TAR_BLOCK || tarread_is_header(r->first) ||
	    memcmp(r->first, tar_zeros, TAR_BLOCK) == 0)
		return 0;
	if (tarread_is_compressed(r->first, TAR_BLOCK))
		err_set(e, 0, "it is compressed: decompress it first");
	else
		err_set(e, 0,
			"not an uncompressed tar: its first block is no tar header "
			"('tar -c FILE' puts a layer into a tar of layers)");
	return layerread_wrap(r, e);
}

/* Counts the zeros at the end, up to what ends an archive. */
static void count_zeros(struct layerread *r, const char *data, size_t len)
{
	size_t n = 0, most = len < END ? len : END;
	while (n < most && data[len - 1 - n] == '\0')
		n++;
	r->zeros = n == len ? r->zeros + n : n;
}

/* A layer whose digest is known is what it is; any other one must not look cut short. */
static int check_end(const struct layerread *r, struct err *e)
{
	if (r->zeros >= END || r->layer.diffid)
		return 0;
	err_set(e, 0, "cut short: a tar ends with two zero blocks");
	return layerread_wrap(r, e);
}

int layerread_data(struct layerread *r, const void **data, size_t *len, struct err *e)
{
	const void *p;
	size_t n;
	if (tarread_data(r->tar, &p, &n, e) < 0)
		return -1;
	if (n)
		count_zeros(r, p, n);
	if ((n ? check_first(r, p, n, e) : check_end(r, e)) < 0)
		return -1;
	*data = p;
	*len = n;
	return 0;
}
