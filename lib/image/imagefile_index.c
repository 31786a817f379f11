/* SPDX-License-Identifier: MIT */
#include "image/imagefile_index.h"

#include <inttypes.h>
#include <string.h>

#include "image/imagefile.h"
#include "image/imagefile_path.h"
#include "tar/tarread.h"

/* --- reading --- */

static int check_limits(struct imagefile_index *x, const struct tarread *r, uint64_t size,
			struct err *e)
{
	const struct tar_entry *t = tarread_entry(r);
	uint64_t at = tarread_offset(r);
	if (++x->members > IMAGEFILE_MAX_MEMBERS)
		return tarread_err(r, e, "more than %d members: not an image archive",
				   IMAGEFILE_MAX_MEMBERS);
	x->text += strlen(t->name) + strlen(t->link);
	if (x->text > IMAGEFILE_MAX_NAMES)
		return tarread_err(r, e, "more than %d bytes of names: not an image archive",
				   IMAGEFILE_MAX_NAMES);
	if (t->size > size || at > size - t->size)
		return tarread_err(r, e,
				   "member '%s' has %" PRIu64 " bytes, but only %" PRIu64
				   " are left: the archive is cut short",
				   t->name, t->size, at < size ? size - at : 0);
	return 0;
}

static bool is_link(const struct tar_entry *t)
{
	return t->type == TAR_SYMLINK || t->type == TAR_HARDLINK;
}

/* Enters the member under its cleaned name. A directory may come as often as it likes. */
static void enter(struct imagefile_index *x, const struct tar_entry *t, const struct buf *path,
		  uint64_t offset)
{
	uint32_t known = x->names.n;
	uint32_t number = intern_add(&x->names, path->s, path->len);
	if (number < known) {
		struct imagefile_index_entry *have = &x->entries[number];
		have->twice |= have->type != TAR_DIR || t->type != TAR_DIR;
		return;
	}
	x->entries = mem_grow(x->entries, &x->cap, x->names.n, sizeof *x->entries);
	x->entries[number] = (struct imagefile_index_entry){
		.offset = offset,
		.size = t->size,
		.link = is_link(t) ? intern_keep(&x->names, t->link, strlen(t->link)) : NULL,
		.type = t->type,
	};
}

static int add(struct imagefile_index *x, const struct tarread *r, uint64_t size, struct buf *path,
	       struct err *e)
{
	const struct tar_entry *t = tarread_entry(r);
	if (check_limits(x, r, size, e) < 0)
		return -1;
	if (imagefile_path_set(path, t->name, e) < 0) {
		AUTO_FREE char *why = STEAL(e->msg);
		return tarread_err(r, e, "%s", why);
	}
	enter(x, t, path, tarread_offset(r));
	return 0;
}

/* Behind the end of the archive zeros alone may follow. */
static int read_end(struct tarread *r, struct err *e)
{
	enum tarread_event event;
	if (tarread_next(r, &event, e) < 0)
		return -1;
	return event == TARREAD_EOF
		       ? 0
		       : tarread_err(r, e, "another archive begins here: expected one alone");
}

int imagefile_index_read(struct imagefile_index *x, struct source *s, uint64_t size, struct err *e)
{
	AUTO_TARREAD struct tarread *r = tarread_from(s);
	AUTO_BUF struct buf path = { 0 };
	enum tarread_event event = TARREAD_GLOBAL;
	while (event == TARREAD_GLOBAL || event == TARREAD_ENTRY) {
		if (tarread_next(r, &event, e) < 0 ||
		    (event == TARREAD_ENTRY && add(x, r, size, &path, e) < 0))
			return -1;
	}
	if (event == TARREAD_END && read_end(r, e) < 0)
		return -1;
	if (x->members == 0)
		return err_set(e, 0, "%s: %s: expected an image archive", s->name,
			       event == TARREAD_END ? "an archive without members" : "empty");
	return 0;
}

void imagefile_index_free(struct imagefile_index *x)
{
	intern_free(&x->names);
	free(x->entries);
}

/* --- finding --- */

bool imagefile_index_has(const struct imagefile_index *x, const char *name)
{
	struct err ignored = { 0 };
	AUTO_BUF struct buf path = { 0 };
	bool good = imagefile_path_set(&path, name, &ignored) == 0;
	err_clear(&ignored);
	return good && intern_find(&x->names, path.s, path.len) != INTERN_NONE;
}

/* Goes to where the link at path leads: a hard link's text counts from the root. */
static int follow(const struct imagefile_index_entry *entry, const char *name, struct buf *path,
		  struct err *e)
{
	if (entry->type == TAR_SYMLINK)
		imagefile_path_up(path);
	else
		buf_clear(path);
	if (imagefile_path_follow(path, entry->link, e) < 0)
		return err_wrap(e, "'%s'", name);
	return 0;
}

/* One step: *number where path names a regular file, else path is where the link there leads. */
static int resolve(const struct imagefile_index *x, struct buf *path, uint32_t *number,
		   struct err *e)
{
	uint32_t found = intern_find(&x->names, path->s, path->len);
	if (found == INTERN_NONE)
		return err_set(e, 0, "no member '%s'", path->s);
	const struct imagefile_index_entry *entry = &x->entries[found];
	if (entry->twice)
		return err_set(e, 0, "more than one member '%s'", path->s);
	if (entry->link)
		return follow(entry, x->names.strings[found], path, e);
	if (entry->type != TAR_FILE)
		return err_set(e, 0, "'%s' is no regular file", path->s);
	*number = found;
	return 0;
}

int imagefile_index_find(const struct imagefile_index *x, const char *name, uint32_t *number,
			 struct err *e)
{
	AUTO_BUF struct buf path = { 0 };
	uint32_t found = INTERN_NONE;
	if (imagefile_path_set(&path, name, e) < 0)
		return -1;
	for (int links = 0; links <= IMAGEFILE_MAX_LINKS; links++) {
		if (resolve(x, &path, &found, e) < 0)
			return links ? err_wrap(e, "'%s'", name) : -1;
		if (found != INTERN_NONE) {
			*number = found;
			return 0;
		}
	}
	return err_set(e, 0, "'%s': more than %d links in a row, or a circle of them", name,
		       IMAGEFILE_MAX_LINKS);
}
