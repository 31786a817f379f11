/* SPDX-License-Identifier: MIT */
#include "base/base64.h"
#include "base/num.h"
#include "layer/mtree_parts.h"

enum { DEVICE_MAX = 07777777, NSEC_MAX = 999999999 }; /* what a tar header holds */
static const uint64_t time_max = 253402300799;        /* the end of the year 9999 */

/* A key's value into the entry. */
typedef int set_fn(struct mtree_reader *r, struct mtree_entry *entry, const char *s, size_t len,
		   struct err *e);

/* --- values --- */

int mtree_text(struct mtree_reader *r, const char *s, size_t len, const char **value, struct err *e)
{
	buf_clear(&r->word);
	if (mtree_unescape(&r->word, s, len, e) < 0)
		return -1;
	if (!r->word.len)
		return err_set(e, 0, "expected a value");
	*value = intern_keep(&r->m->strings, r->word.s, r->word.len);
	return 0;
}

/* The same for values of which there are few. */
static int shared_text(struct mtree_reader *r, const char *s, size_t len, const char **value,
		       struct err *e)
{
	buf_clear(&r->word);
	if (mtree_unescape(&r->word, s, len, e) < 0)
		return -1;
	/* a statement of its own: the addition can move the strings */
	uint32_t id = intern_add(&r->m->strings, r->word.len ? r->word.s : "", r->word.len);
	*value = r->m->strings.strings[id];
	return 0;
}

static int set_type(struct mtree_reader *r, struct mtree_entry *entry, const char *s, size_t len,
		    struct err *e)
{
	static const struct {
		const char *name;
		enum tar_type type;
	} types[] = { { "file", TAR_FILE }, { "dir", TAR_DIR },        { "link", TAR_SYMLINK },
		      { "char", TAR_CHAR }, { "block", TAR_BLOCKDEV }, { "fifo", TAR_FIFO } };
	(void)r;
	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (strlen(types[i].name) == len && memcmp(s, types[i].name, len) == 0) {
			entry->type = types[i].type;
			return 0;
		}
	return err_set(e, 0, "expected file, dir, link, char, block or fifo, found '%.*s'",
		       (int)len, s);
}

static int set_mode(struct mtree_reader *r, struct mtree_entry *entry, const char *s, size_t len,
		    struct err *e)
{
	uint64_t value;
	(void)r;
	if (num_parse(s, len, 8, 0, 07777, &value, e) < 0)
		return -1;
	entry->mode = (unsigned)value;
	return 0;
}

static int set_uid(struct mtree_reader *r, struct mtree_entry *entry, const char *s, size_t len,
		   struct err *e)
{
	(void)r;
	return num_parse(s, len, 10, 0, UINT32_MAX - 1, &entry->uid, e);
}

static int set_gid(struct mtree_reader *r, struct mtree_entry *entry, const char *s, size_t len,
		   struct err *e)
{
	(void)r;
	return num_parse(s, len, 10, 0, UINT32_MAX - 1, &entry->gid, e);
}

static int set_uname(struct mtree_reader *r, struct mtree_entry *entry, const char *s, size_t len,
		     struct err *e)
{
	return shared_text(r, s, len, &entry->uname, e);
}

static int set_gname(struct mtree_reader *r, struct mtree_entry *entry, const char *s, size_t len,
		     struct err *e)
{
	return shared_text(r, s, len, &entry->gname, e);
}

static int set_size(struct mtree_reader *r, struct mtree_entry *entry, const char *s, size_t len,
		    struct err *e)
{
	(void)r;
	return num_parse(s, len, 10, 0, INT64_MAX, &entry->size, e);
}

/* SECONDS[.NANOSECONDS] */
static int set_time(struct mtree_reader *r, struct mtree_entry *entry, const char *s, size_t len,
		    struct err *e)
{
	const char *dot = memchr(s, '.', len);
	size_t whole = dot ? (size_t)(dot - s) : len, minus = len && *s == '-';
	uint64_t value, nsec = 0;
	(void)r;
	if (num_parse(s + minus, whole - minus, 10, 0, time_max, &value, e) < 0 ||
	    (dot && num_parse(dot + 1, len - whole - 1, 10, 0, NSEC_MAX, &nsec, e) < 0))
		return -1;
	entry->time = minus ? -(int64_t)value : (int64_t)value;
	entry->nsec = (uint32_t)nsec;
	return 0;
}

static int set_link(struct mtree_reader *r, struct mtree_entry *entry, const char *s, size_t len,
		    struct err *e)
{
	return mtree_text(r, s, len, &entry->link, e);
}

static int set_contents(struct mtree_reader *r, struct mtree_entry *entry, const char *s,
			size_t len, struct err *e)
{
	return mtree_text(r, s, len, &entry->contents, e);
}

/* FORMAT,MAJOR,MINOR. */
static int set_device(struct mtree_reader *r, struct mtree_entry *entry, const char *s, size_t len,
		      struct err *e)
{
	const char *end = s + len, *one = memchr(s, ',', len);
	const char *two = one ? memchr(one + 1, ',', (size_t)(end - one - 1)) : NULL;
	size_t format = one ? (size_t)(one - s) : 0;
	uint64_t major_nr, minor_nr;
	(void)r;
	if (!two || !((format == 5 && memcmp(s, "linux", 5) == 0) ||
		      (format == 6 && memcmp(s, "native", 6) == 0)))
		return err_set(e, 0, "expected linux,MAJOR,MINOR, found '%.*s'", (int)len, s);
	if (num_parse(one + 1, (size_t)(two - one - 1), 10, 0, DEVICE_MAX, &major_nr, e) < 0 ||
	    num_parse(two + 1, (size_t)(end - two - 1), 10, 0, DEVICE_MAX, &minor_nr, e) < 0)
		return -1;
	entry->devmajor = (uint32_t)major_nr;
	entry->devminor = (uint32_t)minor_nr;
	return 0;
}

/* --- keys --- */

static const struct key {
	const char *name;
	enum mtree_key bit;
	bool settable; /* with /set */
	set_fn *set;
} keys[] = {
	{ "type", MTREE_TYPE, true, set_type },
	{ "mode", MTREE_MODE, true, set_mode },
	{ "uid", MTREE_UID, true, set_uid },
	{ "gid", MTREE_GID, true, set_gid },
	{ "uname", MTREE_UNAME, true, set_uname },
	{ "gname", MTREE_GNAME, true, set_gname },
	{ "time", MTREE_TIME, true, set_time },
	{ "size", MTREE_SIZE, false, set_size },
	{ "link", MTREE_LINK, false, set_link },
	{ "contents", MTREE_CONTENTS, false, set_contents },
	{ "device", MTREE_DEVICE, false, set_device },
};

/* Of other programs: nothing that a layer holds. */
static const char *const ignored[] = {
	"cksum",     "flags",        "inode",           "md5",          "md5digest", "nlink",
	"resdevice", "rmd160",       "ripemd160digest", "rmd160digest", "sha1",      "sha1digest",
	"sha256",    "sha256digest", "sha384",          "sha384digest", "sha512",    "sha512digest",
};

static const struct key *find_key(const char *s, size_t len)
{
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		if (mtree_same(keys[i].name, s, len))
			return &keys[i];
	return NULL;
}

static bool is_ignored(const char *s, size_t len)
{
	for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
		if (mtree_same(ignored[i], s, len))
			return true;
	return false;
}

/* A word cut at its first =. */
struct pair {
	const char *name;
	size_t name_len;
	const char *value; /* NULL: no = */
	size_t len;
};

static struct pair cut(const struct record_field *word)
{
	const char *eq = memchr(word->s, '=', word->len);
	size_t name_len = eq ? (size_t)(eq - word->s) : word->len;
	return (struct pair){ word->s, name_len, eq ? eq + 1 : NULL,
			      eq ? word->len - name_len - 1 : 0 };
}

/* Keeps the extended attributes sorted by name. */
static int add_xattr(struct mtree_reader *r, struct mtree_entry *entry, const struct pair *p,
		     struct err *e)
{
	AUTO_BUF struct buf value = { 0 };
	struct tar_xattr x = { 0 };
	if (mtree_text(r, p->name + 6, p->name_len - 6, &x.name, e) < 0 ||
	    base64_decode(&value, p->value, p->len, e) < 0)
		return -1;
	x.value = intern_keep(&r->m->strings, value.s ? value.s : "", value.len);
	x.len = value.len;
	size_t at = entry->nxattrs;
	while (at && strcmp(entry->xattrs[at - 1].name, x.name) > 0)
		at--;
	if (at && strcmp(entry->xattrs[at - 1].name, x.name) == 0)
		return err_set(e, 0, "given twice");
	size_t cap = entry->nxattrs;
	entry->xattrs = mem_grow(entry->xattrs, &cap, entry->nxattrs + 1, sizeof *entry->xattrs);
	memmove(entry->xattrs + at + 1, entry->xattrs + at,
		(entry->nxattrs - at) * sizeof *entry->xattrs);
	entry->xattrs[at] = x;
	entry->nxattrs++;
	return 0;
}

static int read_key(struct mtree_reader *r, struct mtree_entry *entry, const struct key *key,
		    const struct pair *p, unsigned *seen, struct err *e)
{
	if (*seen & key->bit)
		return err_set(e, 0, "given twice");
	if (key->set(r, entry, p->value, p->len, e) < 0)
		return -1;
	entry->has |= key->bit;
	*seen |= key->bit;
	return 0;
}

/* One KEY=VALUE of an entry or, where set is given, of a /set. seen: the keys of this line. */
static int read_pair(struct mtree_reader *r, struct mtree_entry *entry,
		     const struct record_field *word, bool set, unsigned *seen, struct err *e)
{
	struct pair p = cut(word);
	const struct key *key = find_key(p.name, p.name_len);
	bool xattr = !set && p.name_len > 6 && memcmp(p.name, "xattr.", 6) == 0;
	int bad;
	if (is_ignored(p.name, p.name_len))
		return 0;
	if (!xattr && (!key || (set && !key->settable)))
		return record_err(&r->rec, e, "unknown keyword '%.*s'%s", (int)p.name_len, p.name,
				  set ? " for /set" : "");
	if (!p.value)
		bad = err_set(e, 0, "expected =VALUE");
	else if (key)
		bad = read_key(r, entry, key, &p, seen, e);
	else
		bad = add_xattr(r, entry, &p, e);
	if (bad < 0) {
		err_wrap(e, "%.*s", (int)p.name_len, p.name);
		return record_wrap(&r->rec, e);
	}
	return 0;
}

struct record_field mtree_word(struct record_field *line)
{
	while (line->len && (*line->s == ' ' || *line->s == '\t')) {
		line->s++;
		line->len--;
	}
	struct record_field word = { line->s, 0 };
	while (line->len && *line->s != ' ' && *line->s != '\t') {
		line->s++;
		line->len--;
		word.len++;
	}
	return word;
}

int mtree_read_pairs(struct mtree_reader *r, struct mtree_entry *entry, struct record_field *line,
		     bool set, struct err *e)
{
	unsigned seen = 0;
	for (struct record_field word; (word = mtree_word(line)).len;)
		if (read_pair(r, entry, &word, set, &seen, e) < 0)
			return -1;
	return 0;
}

int mtree_read_unset(struct mtree_reader *r, struct record_field *line, struct err *e)
{
	for (struct record_field word; (word = mtree_word(line)).len;) {
		const struct key *key = find_key(word.s, word.len);
		if (mtree_same("all", word.s, word.len))
			r->defaults.has = 0;
		else if (key)
			r->defaults.has &= ~(unsigned)key->bit;
		else if (!is_ignored(word.s, word.len))
			return record_err(&r->rec, e, "unknown keyword '%.*s'", (int)word.len,
					  word.s);
	}
	return 0;
}
