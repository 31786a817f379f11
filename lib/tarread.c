/* SPDX-License-Identifier: MIT */
#include "tarread.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

#include "num.h"
#include "ustar.h"

/* One read: as much as a pipe can be made to hold. */
enum { CHUNK = 1 << 20 };

enum { NSEC = 1000000000 };

struct record {
	const char *key, *value; /* into the text, NUL-terminated */
	size_t len;
};

/* The records of one extended header. */
struct records {
	struct buf text;
	struct record *list;
	size_t n, cap;
	bool present;
};

struct tarread {
	struct source *source;
	struct source_fd fd; /* the source where a descriptor was given */
	const char *name;
	/* Two buffers in turn, so that the piece given out last stays as it is. */
	char *buffers[2];
	int current;
	size_t start, end; /* what is unread in the current buffer */
	uint64_t offset;   /* of the byte at start */
	uint64_t header;   /* offset of the last header */
	uint64_t left;     /* contents not given out yet */
	size_t padding;    /* zeros behind them */
	bool in_archive;
	bool open_end; /* it may end without zero blocks */
	struct records own, global;
	const struct records *shown; /* what tarread_record() reads */
	struct buf long_name, long_link;
	bool has_name, has_link;
	struct buf ustar_name, ustar_link, uname, gname;
	struct tar_xattr *xattrs;
	size_t xattrs_cap;
	struct tar_entry entry;
};

struct tarread *tarread_from(struct source *s)
{
	struct tarread *r = xcalloc(1, sizeof *r);
	r->source = s;
	r->name = s->name;
	r->buffers[0] = xmalloc(CHUNK);
	r->buffers[1] = xmalloc(CHUNK);
	r->shown = &r->own;
	return r;
}

struct tarread *tarread_new(int fd, const char *name)
{
	struct source_fd s;
	source_fd(&s, fd, name);
	struct tarread *r = tarread_from(&s.source);
	r->fd = s;
	r->source = &r->fd.source;
	return r;
}

static void records_free(struct records *l)
{
	buf_free(&l->text);
	free(l->list);
}

void tarread_free(struct tarread *r)
{
	if (!r)
		return;
	free(r->buffers[0]);
	free(r->buffers[1]);
	records_free(&r->own);
	records_free(&r->global);
	buf_free(&r->long_name);
	buf_free(&r->long_link);
	buf_free(&r->ustar_name);
	buf_free(&r->ustar_link);
	buf_free(&r->uname);
	buf_free(&r->gname);
	free(r->xattrs);
	free(r);
}

void tarread_open_end(struct tarread *r)
{
	r->open_end = true;
}

void tarread_cleanup(struct tarread **r)
{
	tarread_free(*r);
}

int tarread_err(const struct tarread *r, struct err *e, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	AUTO_FREE char *msg = xvasprintf(fmt, ap);
	va_end(ap);
	return err_set(e, 0, "%s: header at byte %" PRIu64 ": %s", r->name, r->header, msg);
}

static int truncated(const struct tarread *r, struct err *e)
{
	return err_set(e, 0,
		       "%s: truncated at byte %" PRIu64
		       ": expected more, up to two zero blocks at the end of the archive",
		       r->name, r->offset + (r->end - r->start));
}

/* Turns to the other buffer: unread bytes go to its front, new ones behind them. */
static int fill(struct tarread *r, size_t *got, struct err *e)
{
	char *to = r->buffers[!r->current];
	size_t kept = r->end - r->start;
	memcpy(to, r->buffers[r->current] + r->start, kept);
	if (source_read(r->source, to + kept, CHUNK - kept, got, e) < 0)
		return -1;
	r->current = !r->current;
	r->start = 0;
	r->end = kept + *got;
	return 0;
}

static void use(struct tarread *r, size_t n)
{
	r->start += n;
	r->offset += n;
}

/* The next block, or NULL where the input ends in front of it. */
static int next_block(struct tarread *r, const char **block, struct err *e)
{
	while (r->end - r->start < TAR_BLOCK) {
		size_t got;
		if (fill(r, &got, e) < 0)
			return -1;
		if (got)
			continue;
		if (r->end > r->start)
			return truncated(r, e);
		*block = NULL;
		return 0;
	}
	*block = r->buffers[r->current] + r->start;
	use(r, TAR_BLOCK);
	return 0;
}

/* A piece of what is unread, at most max bytes. */
static int piece(struct tarread *r, uint64_t max, const char **data, size_t *len, struct err *e)
{
	if (r->start == r->end) {
		size_t got;
		if (fill(r, &got, e) < 0)
			return -1;
		if (got == 0)
			return truncated(r, e);
	}
	size_t have = r->end - r->start;
	*data = r->buffers[r->current] + r->start;
	*len = have < max ? have : (size_t)max;
	use(r, *len);
	return 0;
}

int tarread_data(struct tarread *r, const void **data, size_t *len, struct err *e)
{
	const char *p = NULL;
	size_t n = 0;
	if (r->left && piece(r, r->left, &p, &n, e) < 0)
		return -1;
	r->left -= n;
	*data = p;
	*len = n;
	return 0;
}

/* Skips more than is in the buffer; its last byte is read, which shows that all of it is there. */
static int seek(struct tarread *r, uint64_t left, struct err *e)
{
	size_t have = r->end - r->start, got = 0;
	use(r, have);
	r->offset += left - have - 1;
	if (r->source->skip(r->source, left - have - 1, e) < 0 || fill(r, &got, e) < 0)
		return -1;
	if (got == 0)
		return tarread_err(r, e, "truncated: its contents are not all there");
	use(r, 1);
	return 0;
}

static int read_away(struct tarread *r, uint64_t left, struct err *e)
{
	while (left) {
		const char *p = NULL;
		size_t n = 0;
		if (piece(r, left, &p, &n, e) < 0)
			return -1;
		left -= n;
	}
	return 0;
}

/* Skips the zeros behind contents, which an open end may lack. */
static int skip_padding(struct tarread *r, struct err *e)
{
	while (r->padding) {
		size_t got = 0;
		if (r->start == r->end && fill(r, &got, e) < 0)
			return -1;
		size_t have = r->end - r->start;
		if (have == 0 && !r->open_end)
			return truncated(r, e);
		size_t n = have && have < r->padding ? have : r->padding;
		use(r, have ? n : 0);
		r->padding -= n;
	}
	return 0;
}

static int skip_contents(struct tarread *r, struct err *e)
{
	uint64_t left = r->left;
	bool seeks = r->source->skip && left > r->end - r->start;
	r->left = 0;
	if ((seeks ? seek(r, left, e) : read_away(r, left, e)) < 0)
		return -1;
	return skip_padding(r, e);
}

/* Reads size bytes and their padding into b. */
static int read_text(struct tarread *r, uint64_t size, struct buf *b, struct err *e)
{
	if (size > TARREAD_MAX_HEADER)
		return tarread_err(r, e, "extended header of %" PRIu64 " bytes: at most %u allowed",
				   size, TARREAD_MAX_HEADER);
	buf_clear(b);
	for (uint64_t left = size; left;) {
		const char *p = NULL;
		size_t n = 0;
		if (piece(r, left, &p, &n, e) < 0)
			return -1;
		buf_add(b, p, n);
		left -= n;
	}
	return read_away(r, tar_padding(size), e);
}

/* --- fields of the block --- */

static bool is_zero(const char *block)
{
	return memcmp(block, tar_zeros, TAR_BLOCK) == 0;
}

/* A base-256 number, two's complement, as GNU tar and star write it. */
static int base256(const char *field, size_t width, int64_t *value)
{
	const unsigned char *f = (const unsigned char *)field;
	bool negative = f[0] & 0x40;
	uint64_t v = negative ? UINT64_MAX : 0;
	for (size_t i = 0; i < width; i++) {
		unsigned byte = i ? f[i] : (f[0] & 0x7fU) | (negative ? 0x80U : 0);
		if (v >> 55 != (negative ? 0x1ff : 0))
			return -1;
		v = v << 8 | byte;
	}
	*value = (int64_t)v;
	return (*value < 0) == negative ? 0 : -1;
}

/* Octal digits; spaces may stand before, a NUL or spaces behind; nothing is 0. */
static int octal(const char *field, size_t width, int64_t *value)
{
	size_t from = 0, to;
	while (from < width && field[from] == ' ')
		from++;
	for (to = from; to < width && field[to] && field[to] != ' ';)
		to++;
	for (size_t i = to; i < width; i++)
		if (field[i] && field[i] != ' ')
			return -1;
	struct err ignored = { 0 };
	uint64_t v = 0;
	if (to > from && num_parse(field + from, to - from, 8, 0, INT64_MAX, &v, &ignored) < 0) {
		err_clear(&ignored);
		return -1;
	}
	*value = (int64_t)v;
	return 0;
}

static int number(const struct tarread *r, const char *field, size_t width, const char *what,
		  int64_t *value, struct err *e)
{
	bool binary = (unsigned char)field[0] & 0x80;
	if ((binary ? base256(field, width, value) : octal(field, width, value)) < 0)
		return tarread_err(r, e, "bad %s: expected an octal or base-256 number", what);
	return 0;
}

static int natural(const struct tarread *r, const char *field, size_t width, const char *what,
		   uint64_t *value, struct err *e)
{
	int64_t v = 0;
	if (number(r, field, width, what, &v, e) < 0)
		return -1;
	if (v < 0)
		return tarread_err(r, e, "bad %s: it is negative", what);
	*value = (uint64_t)v;
	return 0;
}

#define NUMBER(h, field, value, e)  number(r, (h)->field, sizeof(h)->field, #field, (value), (e))
#define NATURAL(h, field, value, e) natural(r, (h)->field, sizeof(h)->field, #field, (value), (e))

static const char *text(struct buf *b, const char *field, size_t width)
{
	buf_clear(b);
	buf_add(b, field, strnlen(field, width));
	return b->s;
}

int tarread_is_header(const void *block)
{
	const struct ustar *h = block;
	int64_t sum;
	return octal(h->chksum, sizeof h->chksum, &sum) == 0 && sum == ustar_sum(h);
}

/* --- pax records --- */

static void records_clear(struct records *l)
{
	buf_clear(&l->text);
	l->n = 0;
	l->present = false;
}

static const struct record *find(const struct records *l, const char *key)
{
	/* of equal keys the last one counts */
	for (size_t i = l->n; i-- > 0;)
		if (strcmp(l->list[i].key, key) == 0)
			return &l->list[i];
	return NULL;
}

/* Splits the record "LENGTH KEY=VALUE\n" at s, of which at most max bytes are there. */
static int split_record(struct records *l, char *s, size_t max, size_t *used)
{
	struct err ignored = { 0 };
	char *space = memchr(s, ' ', max < 20 ? max : 20);
	uint64_t len;
	if (!space || num_parse(s, (size_t)(space - s), 10, 1, max, &len, &ignored) < 0) {
		err_clear(&ignored);
		return -1;
	}
	char *key = space + 1, *end = s + len - 1;
	char *equals = key < end ? memchr(key, '=', (size_t)(end - key)) : NULL;
	if (!equals || equals == key || *end != '\n' || memchr(key, 0, (size_t)(equals - key)))
		return -1;
	*equals = *end = '\0';
	l->list = mem_grow(l->list, &l->cap, l->n + 1, sizeof *l->list);
	l->list[l->n++] = (struct record){ key, equals + 1, (size_t)(end - equals - 1) };
	*used = len;
	return 0;
}

static int read_records(struct tarread *r, struct records *l, uint64_t size, struct err *e)
{
	records_clear(l);
	if (read_text(r, size, &l->text, e) < 0)
		return -1;
	for (size_t at = 0, used; at < l->text.len; at += used)
		if (split_record(l, l->text.s + at, l->text.len - at, &used) < 0)
			return tarread_err(
				r, e, "bad pax record: expected 'LENGTH KEY=VALUE' and a newline");
	l->present = true;
	return 0;
}

const char *tarread_record(const struct tarread *r, const char *key, size_t *len)
{
	const struct record *rec = find(r->shown, key);
	if (rec && len)
		*len = rec->len;
	return rec ? rec->value : NULL;
}

const char *tarread_record_key(const struct tarread *r, size_t n)
{
	return n < r->shown->n ? r->shown->list[n].key : NULL;
}

/* The record's text replaces *value; an empty one leaves the header's value, as POSIX has it. */
static int pax_text(const struct tarread *r, const char *key, const char **value, struct err *e)
{
	const struct record *rec = find(&r->own, key);
	if (!rec || rec->len == 0)
		return 0;
	if (memchr(rec->value, 0, rec->len))
		return tarread_err(r, e, "pax record '%s' holds a NUL byte", key);
	*value = rec->value;
	return 0;
}

static int pax_natural(const struct tarread *r, const char *key, uint64_t *value, struct err *e)
{
	const struct record *rec = find(&r->own, key);
	if (!rec || rec->len == 0)
		return 0;
	if (num_parse(rec->value, rec->len, 10, 0, INT64_MAX, value, e) < 0) {
		err_clear(e);
		return tarread_err(r, e, "bad pax record '%s': expected a decimal number", key);
	}
	return 0;
}

/* The first nine of n digits behind the point; one more where others than zeros follow, if up. */
static uint32_t nanoseconds(const char *digits, size_t n, bool up)
{
	uint32_t value = 0;
	for (size_t i = 0; i < 9; i++)
		value = value * 10 + (i < n ? (uint32_t)(digits[i] - '0') : 0);
	return value + (up && n > 9 && strspn(digits + 9, "0") < n - 9);
}

/* Seconds with an optional sign and fraction, rounded down to nanoseconds. */
static int pax_time(const struct tarread *r, const char *key, int64_t *value, uint32_t *nsec,
		    struct err *e)
{
	const struct record *rec = find(&r->own, key);
	if (!rec || rec->len == 0)
		return 0;
	bool negative = rec->value[0] == '-';
	const char *digits = rec->value + negative;
	size_t whole = strspn(digits, "0123456789");
	const char *rest = digits + whole;
	size_t fraction = *rest == '.' ? strspn(rest + 1, "0123456789") : 0;
	size_t used = (size_t)(rest - rec->value) + (*rest == '.' ? 1 + fraction : 0);
	uint64_t v;
	if (used != rec->len || num_parse(digits, whole, 10, 0, INT64_MAX - 1, &v, e) < 0) {
		err_clear(e);
		return tarread_err(r, e, "bad pax record '%s': expected seconds", key);
	}
	uint32_t ns = nanoseconds(rest + 1, fraction, negative);
	*value = negative ? -(int64_t)v - (ns > 0) : (int64_t)v;
	*nsec = negative && ns ? NSEC - ns : ns;
	return 0;
}

static void pax_xattrs(struct tarread *r)
{
	static const char prefix[] = "SCHILY.xattr.";
	size_t n = 0;
	for (size_t i = 0; i < r->own.n; i++) {
		const struct record *rec = &r->own.list[i];
		if (strncmp(rec->key, prefix, sizeof prefix - 1) != 0)
			continue;
		r->xattrs = mem_grow(r->xattrs, &r->xattrs_cap, n + 1, sizeof *r->xattrs);
		r->xattrs[n++] =
			(struct tar_xattr){ rec->key + sizeof prefix - 1, rec->value, rec->len };
	}
	r->entry.xattrs = r->xattrs;
	r->entry.nxattrs = n;
}

/* --- members --- */

static void set_names(struct tarread *r, const struct ustar *h)
{
	struct tar_entry *t = &r->entry;
	bool posix = memcmp(h->magic, "ustar", 6) == 0;
	if (posix && h->prefix[0]) {
		text(&r->ustar_name, h->prefix, sizeof h->prefix);
		buf_addc(&r->ustar_name, '/');
		buf_add(&r->ustar_name, h->name, strnlen(h->name, sizeof h->name));
		t->name = r->ustar_name.s;
	} else {
		t->name = text(&r->ustar_name, h->name, sizeof h->name);
	}
	t->link = text(&r->ustar_link, h->linkname, sizeof h->linkname);
	bool named = memcmp(h->magic, "ustar", 5) == 0;
	t->uname = text(&r->uname, h->uname, named ? sizeof h->uname : 0);
	t->gname = text(&r->gname, h->gname, named ? sizeof h->gname : 0);
	if (r->has_name)
		t->name = r->long_name.s;
	if (r->has_link)
		t->link = r->long_link.s;
}

static int set_numbers(struct tarread *r, const struct ustar *h, struct err *e)
{
	struct tar_entry *t = &r->entry;
	uint64_t mode = 0, major = 0, minor = 0;
	if (NATURAL(h, mode, &mode, e) < 0 || NATURAL(h, uid, &t->uid, e) < 0 ||
	    NATURAL(h, gid, &t->gid, e) < 0 || NATURAL(h, size, &t->size, e) < 0 ||
	    NUMBER(h, mtime, &t->mtime, e) < 0)
		return -1;
	bool device = t->type == TAR_CHAR || t->type == TAR_BLOCKDEV;
	if (device && (NATURAL(h, devmajor, &major, e) < 0 || NATURAL(h, devminor, &minor, e) < 0))
		return -1;
	if (major > UINT32_MAX || minor > UINT32_MAX)
		return tarread_err(r, e, "bad device number");
	t->mode = (unsigned)(mode & 07777);
	t->devmajor = (uint32_t)major;
	t->devminor = (uint32_t)minor;
	return 0;
}

static int set_pax(struct tarread *r, struct err *e)
{
	struct tar_entry *t = &r->entry;
	for (size_t i = 0; i < r->own.n; i++)
		if (strncmp(r->own.list[i].key, "GNU.sparse.", 11) == 0)
			return tarread_err(r, e, "sparse file: not supported");
	if (pax_text(r, "path", &t->name, e) < 0 || pax_text(r, "linkpath", &t->link, e) < 0 ||
	    pax_text(r, "uname", &t->uname, e) < 0 || pax_text(r, "gname", &t->gname, e) < 0 ||
	    pax_natural(r, "uid", &t->uid, e) < 0 || pax_natural(r, "gid", &t->gid, e) < 0 ||
	    pax_natural(r, "size", &t->size, e) < 0 ||
	    pax_time(r, "mtime", &t->mtime, &t->mtime_nsec, e) < 0)
		return -1;
	pax_xattrs(r);
	return 0;
}

/* The type, the historic ways to say "regular file" and "directory" included; 0: unknown. */
static int member_type(const struct ustar *h)
{
	size_t len = strnlen(h->name, sizeof h->name);
	switch (h->typeflag) {
	case '\0':
		return len && h->name[len - 1] == '/' ? TAR_DIR : TAR_FILE;
	case '7':
		return TAR_FILE;
	default:
		return h->typeflag >= TAR_FILE && h->typeflag <= TAR_FIFO ? h->typeflag : 0;
	}
}

static int read_member(struct tarread *r, const struct ustar *h, struct err *e)
{
	int type = member_type(h);
	if (!type)
		return tarread_err(r, e, "type '%c': not supported", h->typeflag);
	r->entry = (struct tar_entry){ .type = (enum tar_type)type };
	set_names(r, h);
	if (set_numbers(r, h, e) < 0 || set_pax(r, e) < 0)
		return -1;
	if (!*r->entry.name)
		return tarread_err(r, e, "member without a name");
	if (type != TAR_FILE)
		r->entry.size = 0;
	r->left = r->entry.size;
	r->padding = tar_padding(r->entry.size);
	r->shown = &r->own;
	r->has_name = r->has_link = false;
	return 0;
}

static int read_long(struct tarread *r, uint64_t size, struct buf *b, bool *has, struct err *e)
{
	if (*has)
		return tarread_err(r, e, "two long names for one member");
	if (read_text(r, size, b, e) < 0)
		return -1;
	if (b->len && b->s[b->len - 1] == '\0')
		b->len--;
	if (b->len == 0 || memchr(b->s, 0, b->len))
		return tarread_err(r, e, "bad long name: expected bytes that are not NUL");
	*has = true;
	return 0;
}

static int read_global(struct tarread *r, uint64_t size, struct err *e)
{
	static const char *const keys[] = { "path", "linkpath", "size",  "uid",
					    "gid",  "uname",    "gname", "mtime" };
	if (read_records(r, &r->global, size, e) < 0)
		return -1;
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		if (find(&r->global, keys[i]))
			return tarread_err(r, e, "global header sets '%s': not supported", keys[i]);
	r->shown = &r->global;
	return 0;
}

static bool pending(const struct tarread *r)
{
	return r->own.present || r->has_name || r->has_link;
}

static bool is_compressed(const char *s)
{
	static const char gzip[] = "\x1f\x8b", zstd[] = "\x28\xb5\x2f\xfd",
			  xz[] = "\xfd"
				 "7zXZ";
	return memcmp(s, gzip, sizeof gzip - 1) == 0 || memcmp(s, zstd, sizeof zstd - 1) == 0 ||
	       memcmp(s, xz, sizeof xz - 1) == 0;
}

static int no_header(const struct tarread *r, const void *block, struct err *e)
{
	if (is_compressed(block))
		return tarread_err(r, e, "it is compressed: expected a tar as it is");
	return tarread_err(r, e, "checksum does not fit: not a tar archive, or damaged");
}

/* One header block; *event is TARREAD_EOF where it only prepares the next. */
static int read_header(struct tarread *r, const struct ustar *h, enum tarread_event *event,
		       struct err *e)
{
	uint64_t size = 0;
	if (!tarread_is_header(h))
		return no_header(r, h, e);
	if (NATURAL(h, size, &size, e) < 0)
		return -1;
	switch (h->typeflag) {
	case TAR_PAX:
		if (r->own.present)
			return tarread_err(r, e, "two extended headers for one member");
		return read_records(r, &r->own, size, e);
	case 'L':
		return read_long(r, size, &r->long_name, &r->has_name, e);
	case 'K':
		return read_long(r, size, &r->long_link, &r->has_link, e);
	case TAR_PAX_GLOBAL:
		if (pending(r))
			return tarread_err(r, e, "extended header without a member");
		*event = TARREAD_GLOBAL;
		return read_global(r, size, e);
	default:
		*event = TARREAD_ENTRY;
		return read_member(r, h, e);
	}
}

/* A zero block was read: within an archive a second one must follow. */
static int read_end(struct tarread *r, struct err *e)
{
	const char *block;
	if (pending(r))
		return tarread_err(r, e, "extended header without a member");
	if (next_block(r, &block, e) < 0)
		return -1;
	if (!block && !r->open_end)
		return truncated(r, e);
	if (block && !is_zero(block))
		return tarread_err(r, e, "one zero block alone: expected two, or none");
	r->in_archive = false;
	return 0;
}

/* The next header block; NULL where the input or an archive ends, as *event says. */
static int next_header(struct tarread *r, const char **block, enum tarread_event *event,
		       struct err *e)
{
	do {
		r->header = r->offset;
		if (next_block(r, block, e) < 0)
			return -1;
	} while (*block && is_zero(*block) && !r->in_archive && r->header);
	if (!*block) {
		*event = TARREAD_EOF;
		return r->in_archive && (!r->open_end || pending(r)) ? truncated(r, e) : 0;
	}
	if (is_zero(*block)) {
		*block = NULL;
		*event = TARREAD_END;
		return read_end(r, e);
	}
	r->in_archive = true;
	return 0;
}

int tarread_next(struct tarread *r, enum tarread_event *event, struct err *e)
{
	enum tarread_event found = TARREAD_EOF;
	if (skip_contents(r, e) < 0)
		return -1;
	records_clear(&r->own);
	while (found == TARREAD_EOF) {
		const char *block;
		struct ustar h;
		if (next_header(r, &block, &found, e) < 0)
			return -1;
		if (!block)
			break;
		memcpy(&h, block, sizeof h);
		if (read_header(r, &h, &found, e) < 0)
			return -1;
	}
	*event = found;
	return 0;
}

const struct tar_entry *tarread_entry(const struct tarread *r)
{
	return &r->entry;
}

uint64_t tarread_offset(const struct tarread *r)
{
	return r->offset;
}
