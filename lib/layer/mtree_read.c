/* SPDX-License-Identifier: MIT */
#include "layer/mtree_parts.h"

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

static int read_path(struct mtree_reader *r, const struct record_field *word, const char **path,
		     struct err *e)
{
	bool root = mtree_same(".", word->s, word->len), dotted;
	if (!root && !memchr(word->s, '/', word->len))
		return record_err(&r->rec, e,
				  "bad name '%.*s': expected . or one that begins with ./",
				  (int)word->len, word->s);
	if (mtree_text(r, word->s, word->len, path, e) < 0)
		return record_wrap(&r->rec, e);
	dotted = strncmp(*path, "./", 2) == 0;
	*path += dotted ? 2 : 0;
	if (!root && !is_plain(*path))
		return record_err(&r->rec, e,
				  "bad name '%.*s': expected parts that are not empty, . or ..",
				  (int)word->len, word->s);
	return 0;
}

/* Whether what an entry says fits its type. */
static int check_entry(struct mtree_reader *r, const struct mtree_entry *entry, struct err *e)
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
	else if (file && entry->size && !r->listing && !(entry->has & MTREE_CONTENTS))
		what = "expected contents=: its size is not 0";
	return what ? record_err(&r->rec, e, "'%s': %s", entry->path, what) : 0;
}

static int read_entry(struct mtree_reader *r, const struct record_field *name,
		      struct record_field *line, struct err *e)
{
	struct mtree *m = r->m;
	m->entries = mem_grow(m->entries, &m->cap, m->n + 1, sizeof *m->entries);
	struct mtree_entry *entry = &m->entries[m->n++];
	*entry = r->defaults;
	entry->line = r->rec.line;
	if (read_path(r, name, &entry->path, e) < 0 ||
	    mtree_read_pairs(r, entry, line, false, e) < 0)
		return -1;
	return check_entry(r, entry, e);
}

static int read_line(struct mtree_reader *r, struct record_field line, struct err *e)
{
	struct record_field word = mtree_word(&line);
	if (!word.len || *word.s == '#')
		return 0;
	if (mtree_same("/set", word.s, word.len))
		return mtree_read_pairs(r, &r->defaults, &line, true, e);
	if (mtree_same("/unset", word.s, word.len))
		return mtree_read_unset(r, &line, e);
	return read_entry(r, &word, &line, e);
}

/* Whether the line goes on: its last \ is not itself escaped. */
static bool goes_on(const struct record_field *line)
{
	size_t n = 0;
	while (n < line->len && line->s[line->len - 1 - n] == '\\')
		n++;
	return n % 2;
}

/* The next line, those that end in \ joined; s is NULL at the end. */
static int next_line(struct mtree_reader *r, struct record_field *line, struct err *e)
{
	buf_clear(&r->line);
	if (record_next(&r->rec, line, e) < 0)
		return -1;
	while (line->s && goes_on(line)) {
		buf_add(&r->line, line->s, line->len - 1);
		if (r->line.len > RECORD_MAX_LEN)
			return record_err(&r->rec, e, "line too long: expected at most %u bytes",
					  RECORD_MAX_LEN);
		if (record_next(&r->rec, line, e) < 0)
			return -1;
		if (!line->s)
			return record_err(&r->rec, e,
					  "expected a line after the \\ of the one before");
	}
	if (!r->line.len)
		return 0;
	buf_add(&r->line, line->s, line->len);
	*line = (struct record_field){ r->line.s, r->line.len };
	return 0;
}

static int read_lines(struct mtree_reader *r, struct err *e)
{
	struct record_field line;
	int bad;
	while ((bad = next_line(r, &line, e)) == 0 && line.s)
		if (read_line(r, line, e) < 0)
			return -1;
	return bad;
}

static int read_all(struct mtree_reader *r, int fd, const char *name, struct err *e)
{
	record_init(&r->rec, fd, name);
	int bad = read_lines(r, e);
	record_free(&r->rec);
	buf_free(&r->line);
	buf_free(&r->word);
	return bad < 0 ? -1 : mtree_finish(r->m, name, e);
}

int mtree_read(int fd, const char *name, struct mtree *m, struct err *e)
{
	struct mtree_reader r = { .m = m };
	return read_all(&r, fd, name, e);
}

int mtree_read_listing(int fd, const char *name, struct mtree *m, struct err *e)
{
	struct mtree_reader r = { .m = m, .listing = true };
	return read_all(&r, fd, name, e);
}
