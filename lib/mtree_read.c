/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "base64.h"
#include "mtree.h"
#include "num.h"
#include "rec.h"

enum { DEVICE_MAX = 07777777 };                /* what a tar header holds */
static const uint64_t time_max = 253402300799; /* the end of the year 9999 */

struct reader {
	struct rec_reader rec;
	struct mtree *m;
	struct mtree_entry defaults; /* what /set said */
	struct buf line;             /* a record whose lines end in \ are joined here */
	struct buf word;
};

/* A key's value into the entry. */
typedef int set_fn(struct reader *r, struct mtree_entry *entry, const char *s, size_t len,
		   struct err *e);

/* --- values --- */

/* The value's meaning, kept; never empty. */
static int text(struct reader *r, const char *s, size_t len, const char **value, struct err *e)
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
static int shared_text(struct reader *r, const char *s, size_t len, const char **value,
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

static int set_type(struct reader *r, struct mtree_entry *entry, const char *s, size_t len,
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

static int set_mode(struct reader *r, struct mtree_entry *entry, const char *s, size_t len,
		    struct err *e)
{
	uint64_t value;
	(void)r;
	if (num_parse(s, len, 8, 0, 07777, &value, e) < 0)
		return -1;
	entry->mode = (unsigned)value;
	return 0;
}

static int set_uid(struct reader *r, struct mtree_entry *entry, const char *s, size_t len,
		   struct err *e)
{
	(void)r;
	return num_parse(s, len, 10, 0, UINT32_MAX - 1, &entry->uid, e);
}

static int set_gid(struct reader *r, struct mtree_entry *entry, const char *s, size_t len,
		   struct err *e)
{
	(void)r;
	return num_parse(s, len, 10, 0, UINT32_MAX - 1, &entry->gid, e);
}

static int set_uname(struct reader *r, struct mtree_entry *entry, const char *s, size_t len,
		     struct err *e)
{
	return shared_text(r, s, len, &entry->uname, e);
}

static int set_gname(struct reader *r, struct mtree_entry *entry, const char *s, size_t len,
		     struct err *e)
{
	return shared_text(r, s, len, &entry->gname, e);
}

static int set_size(struct reader *r, struct mtree_entry *entry, const char *s, size_t len,
		    struct err *e)
{
	(void)r;
	return num_parse(s, len, 10, 0, INT64_MAX, &entry->size, e);
}

/* SECONDS[.FRACTION], the fraction dropped. */
static int set_time(struct reader *r, struct mtree_entry *entry, const char *s, size_t len,
		    struct err *e)
{
	const char *dot = memchr(s, '.', len);
	size_t whole = dot ? (size_t)(dot - s) : len, minus = len && *s == '-';
	uint64_t value, fraction;
	(void)r;
	if (num_parse(s + minus, whole - minus, 10, 0, time_max, &value, e) < 0 ||
	    (dot && num_parse(dot + 1, len - whole - 1, 10, 0, UINT64_MAX, &fraction, e) < 0))
		return -1;
	entry->time = minus ? -(int64_t)value : (int64_t)value;
	return 0;
}

static int set_link(struct reader *r, struct mtree_entry *entry, const char *s, size_t len,
		    struct err *e)
{
	return text(r, s, len, &entry->link, e);
}

static int set_contents(struct reader *r, struct mtree_entry *entry, const char *s, size_t len,
			struct err *e)
{
	return text(r, s, len, &entry->contents, e);
}

/* FORMAT,MAJOR,MINOR. */
static int set_device(struct reader *r, struct mtree_entry *entry, const char *s, size_t len,
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

static bool same(const char *name, const char *s, size_t len)
{
	return strlen(name) == len && memcmp(name, s, len) == 0;
}

static const struct key *find_key(const char *s, size_t len)
{
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		if (same(keys[i].name, s, len))
			return &keys[i];
	return NULL;
}

static bool is_ignored(const char *s, size_t len)
{
	for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
		if (same(ignored[i], s, len))
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

static struct pair cut(const struct rec_field *word)
{
	const char *eq = memchr(word->s, '=', word->len);
	size_t name_len = eq ? (size_t)(eq - word->s) : word->len;
	return (struct pair){ word->s, name_len, eq ? eq + 1 : NULL,
			      eq ? word->len - name_len - 1 : 0 };
}

/* Keeps the extended attributes sorted by name. */
static int add_xattr(struct reader *r, struct mtree_entry *entry, const struct pair *p,
		     struct err *e)
{
	AUTO_BUF struct buf value = { 0 };
	struct tar_xattr x = { 0 };
	if (text(r, p->name + 6, p->name_len - 6, &x.name, e) < 0 ||
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

static int read_key(struct reader *r, struct mtree_entry *entry, const struct key *key,
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
static int read_pair(struct reader *r, struct mtree_entry *entry, const struct rec_field *word,
		     bool set, unsigned *seen, struct err *e)
{
	struct pair p = cut(word);
	const struct key *key = find_key(p.name, p.name_len);
	bool xattr = !set && p.name_len > 6 && memcmp(p.name, "xattr.", 6) == 0;
	int bad;
	if (is_ignored(p.name, p.name_len))
		return 0;
	if (!xattr && (!key || (set && !key->settable)))
		return rec_err(&r->rec, e, "unknown keyword '%.*s'%s", (int)p.name_len, p.name,
			       set ? " for /set" : "");
	if (!p.value)
		bad = err_set(e, 0, "expected =VALUE");
	else if (key)
		bad = read_key(r, entry, key, &p, seen, e);
	else
		bad = add_xattr(r, entry, &p, e);
	if (bad < 0) {
		err_wrap(e, "%.*s", (int)p.name_len, p.name);
		return rec_wrap(&r->rec, e);
	}
	return 0;
}

/* --- lines --- */

/* The next word of the line, len 0 at its end; *line is moved behind it. */
static struct rec_field next_word(struct rec_field *line)
{
	while (line->len && (*line->s == ' ' || *line->s == '\t')) {
		line->s++;
		line->len--;
	}
	struct rec_field word = { line->s, 0 };
	while (line->len && *line->s != ' ' && *line->s != '\t') {
		line->s++;
		line->len--;
		word.len++;
	}
	return word;
}

static int read_pairs(struct reader *r, struct mtree_entry *entry, struct rec_field *line, bool set,
		      struct err *e)
{
	unsigned seen = 0;
	for (struct rec_field word; (word = next_word(line)).len;)
		if (read_pair(r, entry, &word, set, &seen, e) < 0)
			return -1;
	return 0;
}

static int read_unset(struct reader *r, struct rec_field *line, struct err *e)
{
	for (struct rec_field word; (word = next_word(line)).len;) {
		const struct key *key = find_key(word.s, word.len);
		if (same("all", word.s, word.len))
			r->defaults.has = 0;
		else if (key)
			r->defaults.has &= ~(unsigned)key->bit;
		else if (!is_ignored(word.s, word.len))
			return rec_err(&r->rec, e, "unknown keyword '%.*s'", (int)word.len, word.s);
	}
	return 0;
}

/* Refuses an empty, . or .. part. */
static bool is_plain(const char *path)
{
	for (const char *s = path;; s++) {
		size_t len = strcspn(s, "/");
		if (!len || (s[0] == '.' && (len == 1 || (len == 2 && s[1] == '.'))))
			return false;
		s += len;
		if (!*s)
			return true;
	}
}

static int read_path(struct reader *r, const struct rec_field *word, const char **path,
		     struct err *e)
{
	bool root = same(".", word->s, word->len), dotted;
	if (!root && !memchr(word->s, '/', word->len))
		return rec_err(&r->rec, e, "bad name '%.*s': expected . or one that begins with ./",
			       (int)word->len, word->s);
	if (text(r, word->s, word->len, path, e) < 0)
		return rec_wrap(&r->rec, e);
	dotted = strncmp(*path, "./", 2) == 0;
	*path += dotted ? 2 : 0;
	if (!root && !is_plain(*path))
		return rec_err(&r->rec, e,
			       "bad name '%.*s': expected parts that are not empty, . or ..",
			       (int)word->len, word->s);
	return 0;
}

/* Whether what an entry says fits its type. */
static int check_entry(struct reader *r, const struct mtree_entry *entry, struct err *e)
{
	bool file = entry->type == TAR_FILE, link = entry->type == TAR_SYMLINK;
	bool device = entry->type == TAR_CHAR || entry->type == TAR_BLOCKDEV;
	const char *what = NULL;
	if (!(entry->has & MTREE_TYPE))
		what = "expected type=";
	else if (strcmp(entry->path, ".") == 0 && entry->type != TAR_DIR)
		what = "expected type=dir: it is the root";
	else if (link != !!(entry->has & MTREE_LINK))
		what = link ? "expected link=" : "link= goes with type=link only";
	else if (device != !!(entry->has & MTREE_DEVICE))
		what = device ? "expected device=" : "device= goes with char and block only";
	else if (!file && entry->has & MTREE_CONTENTS)
		what = "contents= goes with type=file only";
	else if (file && entry->size && !(entry->has & MTREE_CONTENTS))
		what = "expected contents=: its size is not 0";
	return what ? rec_err(&r->rec, e, "'%s': %s", entry->path, what) : 0;
}

static int read_entry(struct reader *r, const struct rec_field *name, struct rec_field *line,
		      struct err *e)
{
	struct mtree *m = r->m;
	m->entries = mem_grow(m->entries, &m->cap, m->n + 1, sizeof *m->entries);
	struct mtree_entry *entry = &m->entries[m->n++];
	*entry = r->defaults;
	entry->line = r->rec.line;
	if (read_path(r, name, &entry->path, e) < 0 || read_pairs(r, entry, line, false, e) < 0)
		return -1;
	return check_entry(r, entry, e);
}

static int read_line(struct reader *r, struct rec_field line, struct err *e)
{
	struct rec_field word = next_word(&line);
	if (!word.len || *word.s == '#')
		return 0;
	if (same("/set", word.s, word.len))
		return read_pairs(r, &r->defaults, &line, true, e);
	if (same("/unset", word.s, word.len))
		return read_unset(r, &line, e);
	return read_entry(r, &word, &line, e);
}

/* Whether the line goes on: its last \ is not itself escaped. */
static bool goes_on(const struct rec_field *line)
{
	size_t n = 0;
	while (n < line->len && line->s[line->len - 1 - n] == '\\')
		n++;
	return n % 2;
}

/* The next line, those that end in \ joined; s is NULL at the end. */
static int next_line(struct reader *r, struct rec_field *line, struct err *e)
{
	buf_clear(&r->line);
	if (rec_next(&r->rec, line, e) < 0)
		return -1;
	while (line->s && goes_on(line)) {
		buf_add(&r->line, line->s, line->len - 1);
		if (r->line.len > REC_MAX_LEN)
			return rec_err(&r->rec, e, "line too long: expected at most %u bytes",
				       REC_MAX_LEN);
		if (rec_next(&r->rec, line, e) < 0)
			return -1;
		if (!line->s)
			return rec_err(&r->rec, e,
				       "expected a line after the \\ of the one before");
	}
	if (!r->line.len)
		return 0;
	buf_add(&r->line, line->s, line->len);
	*line = (struct rec_field){ r->line.s, r->line.len };
	return 0;
}

/* --- the tree as a whole --- */

static int compare_entries(const void *a, const void *b)
{
	const struct mtree_entry *x = a, *y = b;
	bool root_x = strcmp(x->path, ".") == 0, root_y = strcmp(y->path, ".") == 0;
	int order = root_x || root_y ? root_y - root_x : mtree_compare(x->path, y->path);
	return order ? order : (x->line > y->line) - (x->line < y->line);
}

/* Whether path lies below dir, len bytes long. */
static bool is_below(const char *path, const char *dir, size_t len)
{
	return strncmp(path, dir, len) == 0 && path[len] == '/';
}

/* Refuses entries that cannot follow each other. */
static int check_pair(const char *name, const struct mtree_entry *a, const struct mtree_entry *b,
		      struct err *e)
{
	if (strcmp(a->path, b->path) == 0)
		return err_set(e, 0, "%s:%" PRIu64 ": '%s' stands in line %" PRIu64 " already",
			       name, b->line, b->path, a->line);
	if (a->type != TAR_DIR && is_below(b->path, a->path, strlen(a->path)))
		return err_set(e, 0,
			       "%s:%" PRIu64
			       ": '%s' lies below '%s', which is no directory in line %" PRIu64,
			       name, b->line, b->path, a->path, a->line);
	return 0;
}

/*
 * Adds the directories that lead to path and are not there. open: the
 * directory that the path before is or lies in.
 */
static void add_parents(struct mtree *m, const char *path, const char *open, size_t open_len)
{
	for (const char *s = strchr(path, '/'); s; s = strchr(s + 1, '/')) {
		size_t len = (size_t)(s - path);
		bool there = len <= open_len && memcmp(path, open, len) == 0 &&
			     (len == open_len || open[len] == '/');
		if (there)
			continue;
		m->entries = mem_grow(m->entries, &m->cap, m->n + 1, sizeof *m->entries);
		m->entries[m->n++] =
			(struct mtree_entry){ .path = intern_keep(&m->strings, path, len),
					      .has = MTREE_TYPE,
					      .type = TAR_DIR };
	}
}

static size_t parent_len(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? (size_t)(slash - path) : 0;
}

static void sort(struct mtree *m)
{
	if (m->n)
		qsort(m->entries, m->n, sizeof *m->entries, compare_entries);
}

/* Sorts, checks and completes. */
static int finish(struct mtree *m, const char *name, struct err *e)
{
	const char *open = "";
	size_t open_len = 0, listed = m->n;
	sort(m);
	for (size_t i = 0; i < listed; i++) {
		if (i && check_pair(name, &m->entries[i - 1], &m->entries[i], e) < 0)
			return -1;
		const char *path = m->entries[i].path;
		bool dir = m->entries[i].type == TAR_DIR;
		add_parents(m, path, open, open_len);
		open = path;
		open_len = dir ? strlen(path) : parent_len(path);
	}
	if (m->n > listed)
		sort(m);
	return 0;
}

int mtree_read(int fd, const char *name, struct mtree *m, struct err *e)
{
	struct reader r = { .m = m };
	struct rec_field line;
	int bad;
	rec_init(&r.rec, fd, name);
	while ((bad = next_line(&r, &line, e)) == 0 && line.s)
		if ((bad = read_line(&r, line, e)) < 0)
			break;
	if (!bad)
		bad = finish(m, name, e);
	rec_free(&r.rec);
	buf_free(&r.line);
	buf_free(&r.word);
	return bad;
}
