/* SPDX-License-Identifier: MIT */
#include "layer/storelayer.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/esc.h"
#include "base/within.h"
#include "tar/filecontents.h"
#include "tar/tar.h"
#include "tar/walk.h"
#include "tar/whiteout.h"

/* What the first walk knows of an entry, and the second must find again. */
struct fact {
	unsigned char type; /* DT_REG, DT_DIR, DT_LNK */
	unsigned mode;      /* 07777 */
	uint64_t size;      /* of a file or a link's target; entries of a directory */
	uint32_t sum;       /* of a link's target or a directory's names */
};

/* Facts as they stand in the log; end: what was read of it. */
struct log_reader {
	const unsigned char *s;
	const unsigned char *end;
};

struct emitter {
	const struct storelayer_form *form;
	struct out *out;
	struct buf header;
	struct buf link;
};

/* --- the log --- */

static void log_number(struct buf *log, uint64_t value)
{
	for (; value >= 0x80; value >>= 7)
		buf_addc(log, (char)(value | 0x80));
	buf_addc(log, (char)value);
}

static uint64_t read_number(struct log_reader *r)
{
	uint64_t value = 0;
	for (unsigned shift = 0; r->s < r->end; shift += 7) {
		value |= (uint64_t)(*r->s & 0x7f) << shift;
		if (!(*r->s++ & 0x80))
			break;
	}
	return value;
}

static void log_fact(struct buf *log, const struct fact *f)
{
	log_number(log, (uint64_t)f->mode << 4 | f->type);
	log_number(log, f->size);
	if (f->type != DT_REG)
		buf_add(log, &f->sum, sizeof f->sum);
}

static void read_fact(struct log_reader *r, struct fact *f)
{
	uint64_t first = read_number(r);
	*f = (struct fact){ .type = first & 15, .mode = (unsigned)(first >> 4) };
	f->size = read_number(r);
	if (f->type != DT_REG && (size_t)(r->end - r->s) >= sizeof f->sum) {
		memcpy(&f->sum, r->s, sizeof f->sum);
		r->s += sizeof f->sum;
	}
}

/* --- headers --- */

static const char *base_name(const struct storelayer_form *form, const char *path)
{
	return path + strlen(form->store_dir) + 1;
}

/* The header of an entry into em->header. link: the target of a symbolic link. */
static void make_header(struct emitter *em, const char *path, const struct fact *f,
			const char *link)
{
	const struct storelayer_form *form = em->form;
	struct tar_entry entry = {
		.type = f->type == DT_DIR   ? TAR_DIR
			: f->type == DT_LNK ? TAR_SYMLINK
					    : TAR_FILE,
		.name = path,
		.link = link,
		.uname = form->uname,
		.gname = form->gname,
		.mode = f->mode,
		.uid = form->uid,
		.gid = form->gid,
		.size = f->type == DT_REG ? f->size : 0,
		.mtime = form->mtime,
	};
	buf_clear(&em->header);
	tar_header(&em->header, &entry);
}

static void emitter_free(struct emitter *em)
{
	buf_free(&em->header);
	buf_free(&em->link);
}
#define AUTO_EMITTER __attribute__((cleanup(emitter_free)))

/*
 * Appends the headers of the directories that lead to the store, and the
 * store itself.
 */
static void make_ancestors(struct emitter *em, struct buf *b)
{
	const char *dir = em->form->store_dir;
	const struct fact f = { .type = DT_DIR, .mode = 0755 };
	for (size_t len = 1; dir[len - 1]; len++) {
		if (dir[len] != '/' && dir[len] != '\0')
			continue;
		AUTO_FREE char *path = xstrndup(dir, len);
		make_header(em, path, &f, NULL);
		buf_add(b, em->header.s, em->header.len);
	}
}

/* The target of a symbolic link into em->link. size: about how long it is. */
static int read_link(struct emitter *em, const struct walk_entry *entry, uint64_t size,
		     struct err *e)
{
	for (size_t room = (size_t)size + 1;; room *= 2) {
		buf_clear(&em->link);
		char *to = buf_extend(&em->link, room);
		ssize_t n = readlinkat(entry->dir, entry->name, to, room);
		if (n < 0 && (errno == EINVAL || errno == ENOENT))
			return walk_changed(entry->path, e);
		if (n < 0)
			return err_set(e, errno, "cannot read link '%s'", entry->path);
		if ((size_t)n == room)
			continue;
		em->link.len = (size_t)n;
		to[n] = '\0';
		return 0;
	}
}

/* --- the first walk --- */

static const char *kind_name(mode_t mode)
{
	return S_ISFIFO(mode)   ? "a FIFO"
	       : S_ISSOCK(mode) ? "a socket"
	       : S_ISCHR(mode)  ? "a character device"
	       : S_ISBLK(mode)  ? "a block device"
				: "of a kind unknown";
}

static int find_fact(const struct walk_entry *entry, struct fact *f, struct err *e)
{
	struct stat st;
	if (fstatat(entry->dir, entry->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_set(e, errno, "cannot read '%s'", entry->path);
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode) && !S_ISLNK(st.st_mode))
		return err_set(e, 0,
			       "'%s' is %s: a store path holds files, directories and links only",
			       entry->path, kind_name(st.st_mode));
	*f = (struct fact){ .type = (unsigned char)IFTODT(st.st_mode),
			    .mode = st.st_mode & 07777,
			    .size = (uint64_t)st.st_size };
	if (f->type != entry->type)
		return walk_changed(entry->path, e);
	if (f->type == DT_DIR) {
		f->size = entry->entries;
		f->sum = entry->names;
	}
	return 0;
}

static int measure_entry(struct emitter *em, const struct walk_entry *entry,
			 struct storelayer *layer, struct err *e)
{
	struct fact f;
	const char *link = NULL;
	if (whiteout_is(entry->name))
		return whiteout_refuse(entry->path, e);
	if (find_fact(entry, &f, e) < 0)
		return -1;
	if (f.type == DT_LNK) {
		if (read_link(em, entry, f.size, e) < 0)
			return -1;
		link = em->link.s;
		f.size = em->link.len;
		f.sum = walk_checksum(0, link);
	}
	log_fact(&layer->log, &f);
	make_header(em, entry->path, &f, link);
	layer->size += em->header.len;
	if (f.type == DT_REG)
		layer->size += f.size + tar_padding(f.size);
	return 0;
}

int storelayer_measure(const struct storelayer_form *form, const struct storelayer_paths *paths,
		       int store, struct storelayer *layer, struct err *e)
{
	AUTO_EMITTER struct emitter em = { .form = form };
	AUTO_WALK struct walk *w = walk_new();
	AUTO_BUF struct buf ancestors = { 0 };
	make_ancestors(&em, &ancestors);
	layer->size = ancestors.len;
	for (size_t i = 0; i < paths->n; i++) {
		const char *path = paths->paths[i].path;
		const struct walk_entry *entry;
		int r = walk_start(w, store, base_name(form, path), path, e);
		while (r == 0 && (r = walk_next(w, &entry, e)) == 0 && entry)
			r = measure_entry(&em, entry, layer, e);
		if (r < 0)
			return -1;
	}
	layer->size += tar_trailer(layer->size);
	return 0;
}

/* --- the second walk --- */

static int emit_file(struct emitter *em, const struct walk_entry *entry, uint64_t size,
		     struct err *e)
{
	AUTO_CLOSE int fd = -1;
	if (filecontents_open(entry->dir, entry->name, entry->path, size, &fd, e) < 0 ||
	    out_write(em->out, em->header.s, em->header.len, e) < 0)
		return -1;
	return filecontents_write(em->out, fd, entry->path, size, e);
}

static int emit_entry(struct emitter *em, const struct walk_entry *entry, struct log_reader *log,
		      struct err *e)
{
	struct fact f;
	const char *link = NULL;
	read_fact(log, &f);
	if (f.type != entry->type)
		return walk_changed(entry->path, e);
	if (f.type == DT_DIR && (f.size != entry->entries || f.sum != entry->names))
		return walk_changed(entry->path, e);
	if (f.type == DT_LNK) {
		if (read_link(em, entry, f.size, e) < 0)
			return -1;
		link = em->link.s;
		if (f.size != em->link.len || f.sum != walk_checksum(0, link))
			return walk_changed(entry->path, e);
	}
	make_header(em, entry->path, &f, link);
	if (f.type == DT_REG)
		return emit_file(em, entry, f.size, e);
	return out_write(em->out, em->header.s, em->header.len, e);
}

static int emit_end(struct out *o, uint64_t start, const struct storelayer *layer, struct err *e)
{
	uint64_t size = o->written - start;
	if (out_write(o, tar_zeros, tar_trailer(size), e) < 0)
		return -1;
	if (o->written - start != layer->size)
		return err_set(e, 0, "a layer has %" PRIu64 " bytes, announced were %" PRIu64,
			       o->written - start, layer->size);
	return 0;
}

int storelayer_emit(const struct storelayer_form *form, const struct storelayer_paths *paths,
		    int store, const struct storelayer *layer, struct out *o, struct err *e)
{
	AUTO_EMITTER struct emitter em = { .form = form, .out = o };
	AUTO_WALK struct walk *w = walk_new();
	AUTO_BUF struct buf ancestors = { 0 };
	const unsigned char *s = (const unsigned char *)layer->log.s;
	struct log_reader log = { s, s + layer->log.len };
	uint64_t start = o->written;
	make_ancestors(&em, &ancestors);
	if (out_write(o, ancestors.s, ancestors.len, e) < 0)
		return -1;
	for (size_t i = 0; i < paths->n; i++) {
		const char *path = paths->paths[i].path;
		const struct walk_entry *entry;
		int r = walk_start(w, store, base_name(form, path), path, e);
		while (r == 0 && (r = walk_next(w, &entry, e)) == 0 && entry)
			r = emit_entry(&em, entry, &log, e);
		if (r < 0)
			return -1;
	}
	return emit_end(o, start, layer, e);
}

/* --- keys --- */

/* Appends the text whose digest is the key. Returns whether it says all. */
static bool key_text(const struct storelayer_form *form, const struct storelayer_paths *paths,
		     struct buf *b)
{
	bool known = true;
	buf_adds(b, "store-layer\t1\nowner\t");
	buf_addf(b, "%" PRIu64 "\t%" PRIu64 "\t", form->uid, form->gid);
	esc_field(b, form->uname, strlen(form->uname));
	buf_addc(b, '\t');
	esc_field(b, form->gname, strlen(form->gname));
	buf_addf(b, "\nmtime\t%" PRId64 "\nstore\t", form->mtime);
	esc_field(b, form->store_dir, strlen(form->store_dir));
	buf_addc(b, '\n');
	for (size_t i = 0; i < paths->n; i++) {
		const struct plan_path *p = &paths->paths[i];
		known = known && p->nar_hash;
		buf_adds(b, "path\t");
		esc_field(b, p->path, strlen(p->path));
		buf_addc(b, '\t');
		esc_field(b, p->nar_hash ? p->nar_hash : "", p->nar_hash ? strlen(p->nar_hash) : 0);
		buf_addc(b, '\n');
	}
	return known;
}

bool storelayer_key(const struct storelayer_form *form, const struct storelayer_paths *paths,
		    char key[DIGEST_HEX_LEN + 1])
{
	AUTO_BUF struct buf text = { 0 };
	if (!key_text(form, paths, &text))
		return false;
	digest_of(text.s, text.len, key);
	return true;
}

/* --- plans and stores --- */

struct storelayer_paths *storelayer_cut(const struct plan *p)
{
	struct storelayer_paths *layers = xcalloc(p->layers, sizeof *layers);
	for (size_t i = 0; i < p->n; i++) {
		struct storelayer_paths *paths = &layers[p->paths[i].layer - 1];
		if (!paths->n++)
			paths->paths = &p->paths[i];
	}
	return layers;
}

int storelayer_open_store(const char *root_dir, const struct storelayer_form *form, int *store,
			  struct err *e)
{
	AUTO_WITHIN struct within root = WITHIN_NONE;
	if (within_enter(&root, root_dir, e) < 0)
		return -1;
	return within_open(&root, "open directory", form->store_dir, O_RDONLY | O_DIRECTORY, store,
			   NULL, e);
}

int storelayer_check_dir(const char *store_dir, struct err *e)
{
	const char *s = store_dir;
	bool ok = *s == '/';
	while (ok && *s) {
		size_t len = strcspn(++s, "/");
		ok = len && !(s[0] == '.' && (len == 1 || (len == 2 && s[1] == '.')));
		s += len;
	}
	if (!ok)
		return err_set(e, 0,
			       "bad store directory '%s': expected an absolute path without an "
			       "empty, . or .. part and without a slash at its end",
			       store_dir);
	return 0;
}

void storelayer_free(struct storelayer *layer)
{
	buf_free(&layer->log);
}
