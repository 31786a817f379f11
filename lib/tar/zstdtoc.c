/* SPDX-License-Identifier: MIT */
#include "tar/zstdtoc.h"

#include <inttypes.h>
#include <string.h>

#include "base/base64.h"
#include "base/jsonwrite.h"
#include "base/timestamp.h"

/* What RFC 3339 can say: the years 1 to 9999. */
#define FIRST_TIME INT64_C(-62135596800)
#define LAST_TIME  INT64_C(253402300799)

/* A piece of a file; begin and end are known once the frame is written. */
struct piece {
	uint64_t frame, size, begin, end;
	unsigned char digest[DIGEST_LEN];
};

/* A member that is not in the table yet. */
struct waiting {
	struct buf text; /* its entry, up to the digest */
	struct buf name; /* as JSON */
	size_t pieces;
	unsigned char digest[DIGEST_LEN];
};

struct zstdtoc {
	struct zstdpack *to;
	struct intern names;
	struct waiting *members;
	size_t nmembers, members_cap;
	struct piece *pieces; /* of these members */
	size_t npieces, pieces_cap;
	size_t placed; /* so many of them have their frames written */
	bool open;     /* the last member lacks pieces */
	bool begun;    /* there is an entry */
	uint64_t frames, length;
};

struct zstdtoc *zstdtoc_new(struct zstdpack *to)
{
	struct zstdtoc *t = xcalloc(1, sizeof *t);
	t->to = to;
	return t;
}

/* --- the text of an entry --- */

static void time_member(struct jsonwrite *j, const struct tar_entry *entry)
{
	struct timestamp time = { entry->mtime, entry->mtime_nsec,
				  entry->mtime_nsec ? TIMESTAMP_DIGITS : 0 };
	AUTO_FREE char *text = timestamp_format(&time);
	jsonwrite_member(j, "modtime", text);
}

static void number(struct jsonwrite *j, const char *key, uint64_t value)
{
	if (value == 0)
		return;
	jsonwrite_key(j, key);
	jsonwrite_number(j, (int64_t)value);
}

static void xattrs(struct jsonwrite *j, const struct tar_entry *entry)
{
	if (entry->nxattrs == 0)
		return;
	jsonwrite_key(j, "xattrs");
	jsonwrite_open(j, '{');
	for (size_t i = 0; i < entry->nxattrs; i++) {
		AUTO_BUF struct buf value = { 0 };
		base64_encode(&value, entry->xattrs[i].value, entry->xattrs[i].len);
		jsonwrite_key(j, entry->xattrs[i].name);
		jsonwrite_string(j, value.s, value.len);
	}
	jsonwrite_close(j, '}');
}

/* An object that stays open. */
static void entry_text(struct jsonwrite *j, const struct tar_entry *entry)
{
	static const char *const types[] = { "reg",   "hardlink", "symlink", "char",
					     "block", "dir",      "fifo" };
	bool link = entry->type == TAR_HARDLINK || entry->type == TAR_SYMLINK;
	jsonwrite_open(j, '{');
	jsonwrite_member(j, "type", types[entry->type - TAR_FILE]);
	jsonwrite_member(j, "name", entry->name);
	if (link)
		jsonwrite_member(j, "linkName", entry->link);
	number(j, "mode", entry->mode);
	number(j, "size", entry->size);
	number(j, "uid", entry->uid);
	number(j, "gid", entry->gid);
	if (entry->mtime || entry->mtime_nsec)
		time_member(j, entry);
	number(j, "devMajor", entry->devmajor);
	number(j, "devMinor", entry->devminor);
	xattrs(j, entry);
}

/* --- members --- */

bool zstdtoc_is_new(struct intern *names, const char *name)
{
	char hex[DIGEST_HEX_LEN + 1];
	uint32_t before = names->n;
	while (*name == '/' || strncmp(name, "./", 2) == 0)
		name++;
	size_t len = strlen(name);
	while (len && name[len - 1] == '/')
		len--;
	digest_of(name, len, hex);
	/* a part of the digest takes less room, and is as good as the name */
	intern_add(names, hex, DIGEST_HEX_LEN / 2);
	return names->n > before;
}

bool zstdtoc_leads_up(const char *name)
{
	for (size_t len; *name; name += len + (name[len] == '/')) {
		len = strcspn(name, "/");
		if (len == 2 && name[0] == '.' && name[1] == '.')
			return true;
	}
	return false;
}

static bool fits(const struct tar_entry *entry)
{
	return entry->size <= INT64_MAX && entry->uid <= INT32_MAX && entry->gid <= INT32_MAX &&
	       entry->mtime >= FIRST_TIME && entry->mtime <= LAST_TIME &&
	       !zstdtoc_leads_up(entry->name);
}

bool zstdtoc_member(struct zstdtoc *t, const struct tar_entry *entry)
{
	struct err ignored = { 0 };
	struct jsonwrite text = { 0 }, name = { 0 };
	struct waiting w = { 0 };
	if (!fits(entry) || !zstdtoc_is_new(&t->names, entry->name))
		return false;
	entry_text(&text, entry);
	jsonwrite_string(&name, entry->name, strlen(entry->name));
	bool good = jsonwrite_finish(&text, &w.text, &ignored) == 0;
	good = jsonwrite_finish(&name, &w.name, &ignored) == 0 && good;
	err_clear(&ignored);
	t->members = mem_grow(t->members, &t->members_cap, t->nmembers + 1, sizeof *t->members);
	t->members[t->nmembers++] = w;
	t->open = entry->size > 0;
	return good;
}

void zstdtoc_piece(struct zstdtoc *t, uint64_t frame, uint64_t size, const unsigned char *digest)
{
	struct piece p = { .frame = frame, .size = size };
	if (digest)
		memcpy(p.digest, digest, sizeof p.digest);
	t->pieces = mem_grow(t->pieces, &t->pieces_cap, t->npieces + 1, sizeof *t->pieces);
	t->pieces[t->npieces++] = p;
	t->members[t->nmembers - 1].pieces++;
}

void zstdtoc_file_end(struct zstdtoc *t, const unsigned char digest[DIGEST_LEN])
{
	memcpy(t->members[t->nmembers - 1].digest, digest, DIGEST_LEN);
	t->open = false;
}

/* --- the table --- */

static void add_digest(struct buf *b, const char *key, const unsigned char digest[DIGEST_LEN])
{
	char hex[DIGEST_HEX_LEN + 1];
	digest_to_hex(digest, hex);
	buf_adds(b, ",\"");
	buf_adds(b, key);
	buf_adds(b, "\":\"sha256:");
	buf_add(b, hex, DIGEST_HEX_LEN);
	buf_addc(b, '"');
}

static void add_chunk(struct buf *b, const struct piece *p, uint64_t at)
{
	buf_addf(b, ",\"chunkSize\":%" PRIu64, p->size);
	if (at)
		buf_addf(b, ",\"chunkOffset\":%" PRIu64, at);
	add_digest(b, "chunkDigest", p->digest);
}

/* A file of one piece has no chunks. */
static void add_pieces(struct buf *b, const struct waiting *w, const struct piece *p)
{
	uint64_t at = 0;
	add_digest(b, "digest", w->digest);
	buf_addf(b, ",\"offset\":%" PRIu64 ",\"endOffset\":%" PRIu64, p[0].begin,
		 p[w->pieces - 1].end);
	for (size_t i = 0; w->pieces > 1 && i < w->pieces; i++) {
		if (i)
			buf_addf(b, "},{\"type\":\"chunk\",\"name\":%s,\"offset\":%" PRIu64,
				 w->name.s, p[i].begin);
		add_chunk(b, &p[i], at);
		at += p[i].size;
	}
}

static int write_entry(struct zstdtoc *t, const struct waiting *w, const struct piece *p,
		       struct err *e)
{
	AUTO_BUF struct buf b = { 0 };
	buf_adds(&b, t->begun ? "," : "{\"version\":1,\"entries\":[");
	t->begun = true;
	buf_add(&b, w->text.s, w->text.len);
	if (w->pieces)
		add_pieces(&b, w, p);
	buf_addc(&b, '}');
	return zstdpack_add(t->to, b.s, b.len, e);
}

static void free_member(struct waiting *w)
{
	buf_free(&w->text);
	buf_free(&w->name);
}

/* What is in the table need not wait any longer. */
static void drop(struct zstdtoc *t, size_t members, size_t pieces)
{
	for (size_t i = 0; i < members; i++)
		free_member(&t->members[i]);
	t->nmembers -= members;
	t->npieces -= pieces;
	t->placed -= pieces;
	if (members)
		memmove(t->members, t->members + members, t->nmembers * sizeof *t->members);
	if (pieces)
		memmove(t->pieces, t->pieces + pieces, t->npieces * sizeof *t->pieces);
}

/* Writes the entries whose frames are all written. */
static int write_entries(struct zstdtoc *t, struct err *e)
{
	size_t members = 0, pieces = 0;
	for (; members + t->open < t->nmembers; members++) {
		const struct waiting *w = &t->members[members];
		if (pieces + w->pieces > t->placed)
			break;
		if (write_entry(t, w, t->pieces + pieces, e) < 0)
			return -1;
		pieces += w->pieces;
	}
	drop(t, members, pieces);
	return 0;
}

int zstdtoc_frame(struct zstdtoc *t, uint64_t len, const unsigned char *digest, struct err *e)
{
	struct piece *p = t->placed < t->npieces ? &t->pieces[t->placed] : NULL;
	if (p && p->frame == t->frames) {
		p->begin = t->length;
		p->end = t->length + len;
		if (digest)
			memcpy(p->digest, digest, sizeof p->digest);
		t->placed++;
	}
	t->frames++;
	t->length += len;
	return write_entries(t, e);
}

uint64_t zstdtoc_frames_length(const struct zstdtoc *t)
{
	return t->length;
}

int zstdtoc_end(struct zstdtoc *t, const char *tarsplit, struct err *e)
{
	AUTO_BUF struct buf b = { 0 };
	if (write_entries(t, e) < 0)
		return -1;
	if (t->nmembers)
		return err_set(e, 0, "the table of contents lacks entries");
	if (!t->begun)
		buf_adds(&b, "{\"version\":1,\"entries\":[");
	buf_addf(&b, "],\"tarSplitDigest\":\"sha256:%s\"}", tarsplit);
	return zstdpack_add(t->to, b.s, b.len, e);
}

void zstdtoc_free(struct zstdtoc *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->nmembers; i++)
		free_member(&t->members[i]);
	free(t->members);
	free(t->pieces);
	intern_free(&t->names);
	free(t);
}
