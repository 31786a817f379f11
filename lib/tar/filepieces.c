/* SPDX-License-Identifier: MIT */
#include "tar/filepieces.h"

#include <string.h>

/* A store path as it stands in files: a slash, the hash, and a dash before the name. */
enum { BLOCK = FILEPIECES_BLOCK, HASH_LEN = 32, PATH_LEN = 1 + HASH_LEN + 1 };

struct filepieces {
	filepieces_give *give;
	void *context;
	bool is_digit[256]; /* of Nix's base 32 */
	char *held;         /* a block, and what a path that begins in it needs of the next */
	size_t nheld;
	uint64_t left; /* contents still to come */
	bool small;    /* the file is one piece */
	bool begun;    /* it has a piece */
	bool marked;   /* the next block is to be a short piece, whatever is in it */
	bool was_marked;
	size_t run; /* bytes of the current piece */
};

struct filepieces *filepieces_new(filepieces_give *give, void *context)
{
	struct filepieces *f = xcalloc(1, sizeof *f);
	f->give = give;
	f->context = context;
	f->held = xmalloc(BLOCK + PATH_LEN);
	for (const char *c = "0123456789abcdfghijklmnpqrsvwxyz"; *c; c++)
		f->is_digit[(unsigned char)*c] = true;
	return f;
}

void filepieces_free(struct filepieces *f)
{
	if (!f)
		return;
	free(f->held);
	free(f);
}

/* The first block has what a linker makes of all the others: a build ID. */
void filepieces_file(struct filepieces *f, uint64_t size)
{
	f->left = size;
	f->small = size <= BLOCK;
	f->marked = size > FILEPIECES_SHORT;
	f->begun = false;
	f->run = 0;
}

/* Where the first store path from there on begins; len: there is none. */
static size_t find_path(const struct filepieces *f, const char *s, size_t from, size_t len)
{
	for (size_t i = from; i + PATH_LEN <= len;) {
		size_t last = HASH_LEN;
		while (last && f->is_digit[(unsigned char)s[i + last]])
			last--;
		if (last == 0 && s[i] == '/' && s[i + PATH_LEN - 1] == '-')
			return i;
		i += last ? last : 1;
	}
	return len;
}

/* Gives out a block whose kind is known. */
static int give(struct filepieces *f, const void *data, size_t len, bool marked, struct err *e)
{
	size_t most = marked ? FILEPIECES_SHORT : FILEPIECES_LONG;
	bool first = !f->begun || marked != f->was_marked || f->run + len > most;
	f->begun = true;
	f->was_marked = marked;
	f->run = (first ? 0 : f->run) + len;
	return f->give(f->context, data, len, first, e);
}

/* Judges and gives out the first block of what is there. */
static int take_block(struct filepieces *f, const char *s, size_t n, struct err *e)
{
	size_t len = n < BLOCK ? n : BLOCK;
	size_t path = find_path(f, s, 0, n);
	bool marked = f->marked || path < len;
	size_t border = len < PATH_LEN ? 0 : len - PATH_LEN + 1;
	path = path < border ? find_path(f, s, border, n) : path;
	f->marked = path < len && path + PATH_LEN > len;
	return give(f, s, len, marked, e);
}

/* The same of what is held. */
static int take_held(struct filepieces *f, struct err *e)
{
	size_t len = f->nheld < BLOCK ? f->nheld : BLOCK;
	if (take_block(f, f->held, f->nheld, e) < 0)
		return -1;
	f->nheld -= len;
	memmove(f->held, f->held + len, f->nheld);
	return 0;
}

int filepieces_flush(struct filepieces *f, struct err *e)
{
	while (f->nheld)
		if (take_held(f, e) < 0)
			return -1;
	return 0;
}

/* Gives out a block, or holds what is none yet; what is at hand need not be held. */
static int take(struct filepieces *f, const char *data, size_t len, size_t *taken, struct err *e)
{
	size_t room = BLOCK + PATH_LEN - f->nheld;
	if (f->nheld == 0 && len >= room) {
		*taken = BLOCK;
		return take_block(f, data, room, e);
	}
	*taken = room < len ? room : len;
	memcpy(f->held + f->nheld, data, *taken);
	f->nheld += *taken;
	if (f->nheld < BLOCK + PATH_LEN)
		return 0;
	if (take_held(f, e) < 0)
		return -1;
	if (f->nheld <= *taken) {
		*taken -= f->nheld;
		f->nheld = 0;
	}
	return 0;
}

int filepieces_write(struct filepieces *f, const void *data, size_t len, struct err *e)
{
	if (f->small)
		return give(f, data, len, false, e);
	size_t n;
	for (const char *from = data; len; from += n, len -= n) {
		if (take(f, from, len, &n, e) < 0)
			return -1;
		f->left -= n;
	}
	return f->left == 0 ? filepieces_flush(f, e) : 0;
}
