/* SPDX-License-Identifier: MIT */
#include "layer/mtreelayer.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "layer/layerwrite.h"
#include "layer/pathmark.h"
#include "tar/filecontents.h"
#include "tar/tar.h"
#include "tar/walk.h"
#include "tar/whiteout.h"

/* --- what the mtree does not say --- */

static unsigned default_mode(enum tar_type type)
{
	return type == TAR_DIR ? 0755 : type == TAR_SYMLINK ? 0777 : 0644;
}

/* A name goes with the number that stands beside it. */
static void complete(const struct mtreelayer_form *form, struct mtree_entry *entry)
{
	if (!(entry->has & MTREE_MODE))
		entry->mode = default_mode(entry->type);
	if (!(entry->has & MTREE_UNAME))
		entry->uname = entry->has & MTREE_UID ? "" : form->uname;
	if (!(entry->has & MTREE_GNAME))
		entry->gname = entry->has & MTREE_GID ? "" : form->gname;
	if (!(entry->has & MTREE_UID))
		entry->uid = form->uid;
	if (!(entry->has & MTREE_GID))
		entry->gid = form->gid;
	if (!(entry->has & MTREE_TIME))
		entry->time = form->mtime;
}

/* What deletes something is a file, and its name says what. */
static int check_deletion(const struct mtree_entry *entry, struct err *e)
{
	const char *slash = strrchr(entry->path, '/'), *name = slash ? slash + 1 : entry->path;
	if (entry->type == TAR_CHAR && !entry->devmajor && !entry->devminor)
		return err_set(e, 0,
			       "'%s' is a character device 0:0, which an overlay file system takes "
			       "for a deletion: to delete NAME, give a file .wh.NAME",
			       entry->path);
	if (whiteout_is(name) && !(whiteout_deletes(name) && entry->type == TAR_FILE))
		return err_set(e, 0,
			       "'%s' deletes nothing: expected a file .wh.NAME or .wh..wh..opq",
			       entry->path);
	return 0;
}

/* Where the bytes of an entry are. */
static int find_contents(struct pathmark *m, const struct mtree_entry *entry, int *dir,
			 const char **name, struct err *e)
{
	if (pathmark_find(m, entry->contents, dir, name) == 0)
		return 0;
	if (errno == ELOOP || errno == ENOTDIR)
		return walk_changed(entry->contents, e);
	return err_set(e, errno, "cannot read '%s', the contents of '%s'", entry->contents,
		       entry->path);
}

static int find_size(struct pathmark *m, struct mtree_entry *entry, struct err *e)
{
	struct stat st;
	const char *name;
	int dir;
	if (entry->type != TAR_FILE || !(entry->has & MTREE_CONTENTS))
		return 0;
	if (find_contents(m, entry, &dir, &name, e) < 0)
		return -1;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_set(e, errno, "cannot read '%s', the contents of '%s'", entry->contents,
			       entry->path);
	if (!S_ISREG(st.st_mode))
		return err_set(e, 0, "'%s', the contents of '%s', is not a regular file",
			       entry->contents, entry->path);
	if (entry->has & MTREE_SIZE && entry->size != (uint64_t)st.st_size)
		return err_set(e, 0,
			       "'%s' has %" PRIu64 " bytes, the mtree says %" PRIu64 " of '%s'",
			       entry->contents, (uint64_t)st.st_size, entry->size, entry->path);
	entry->size = (uint64_t)st.st_size;
	return 0;
}

/* --- the tar --- */

static void make_header(const struct mtree_entry *entry, struct buf *header)
{
	struct tar_entry t = {
		.type = entry->type,
		.name = strcmp(entry->path, ".") == 0 ? "./" : entry->path,
		.link = entry->type == TAR_SYMLINK ? entry->link : NULL,
		.uname = entry->uname,
		.gname = entry->gname,
		.mode = entry->mode,
		.uid = entry->uid,
		.gid = entry->gid,
		.size = entry->type == TAR_FILE ? entry->size : 0,
		.mtime = entry->time,
		.mtime_nsec = entry->nsec,
		.devmajor = entry->devmajor,
		.devminor = entry->devminor,
		.xattrs = entry->xattrs,
		.nxattrs = entry->nxattrs,
	};
	buf_clear(header);
	tar_header(header, &t);
}

int mtreelayer_measure(const struct mtreelayer_form *form, struct mtree *m, uint64_t *size,
		       struct err *e)
{
	AUTO_BUF struct buf header = { 0 };
	AUTO_PATHMARK struct pathmark mark = PATHMARK_NONE;
	uint64_t total = 0;
	for (size_t i = 0; i < m->n; i++) {
		struct mtree_entry *entry = &m->entries[i];
		if (check_deletion(entry, e) < 0 || find_size(&mark, entry, e) < 0)
			return -1;
		complete(form, entry);
		make_header(entry, &header);
		total += header.len;
		if (entry->type == TAR_FILE)
			total += entry->size + tar_padding(entry->size);
	}
	*size = total + tar_trailer(total);
	return 0;
}

static int emit_entry(const struct mtree_entry *entry, struct pathmark *mark, struct buf *header,
		      struct out *o, struct err *e)
{
	AUTO_CLOSE int fd = -1;
	const char *from = entry->contents, *name;
	int dir;
	bool contents = entry->type == TAR_FILE && entry->has & MTREE_CONTENTS;
	make_header(entry, header);
	if (contents && (find_contents(mark, entry, &dir, &name, e) < 0 ||
			 filecontents_open(dir, name, from, entry->size, &fd, e) < 0))
		return -1;
	if (out_write(o, header->s, header->len, e) < 0)
		return -1;
	return contents ? filecontents_write(o, fd, from, entry->size, e) : 0;
}

int mtreelayer_emit(const struct mtree *m, struct out *o, struct err *e)
{
	AUTO_BUF struct buf header = { 0 };
	AUTO_PATHMARK struct pathmark mark = PATHMARK_NONE;
	uint64_t start = o->written;
	for (size_t i = 0; i < m->n; i++)
		if (emit_entry(&m->entries[i], &mark, &header, o, e) < 0)
			return -1;
	return out_write(o, tar_zeros, tar_trailer(o->written - start), e);
}

/* --- the stream --- */

static int find_diffid(const struct mtree *m, char diffid[DIGEST_HEX_LEN + 1], struct err *e)
{
	AUTO_DIGEST struct digest *d = digest_new();
	struct out o;
	out_init_digest(&o, d);
	int r = mtreelayer_emit(m, &o, e);
	if (r == 0)
		r = out_flush(&o, e);
	if (r == 0)
		digest_hex(d, diffid);
	out_drop(&o);
	return r;
}

int mtreelayer_write(const struct mtreelayer_form *form, struct mtree *m, const char *comment,
		     struct out *o, struct err *e)
{
	struct layerwrite w;
	struct layerwrite_member member = { .mtime = form->mtime, .comment = comment };
	if (mtreelayer_measure(form, m, &member.size, e) < 0 ||
	    find_diffid(m, member.diffid, e) < 0)
		return -1;
	AUTO_DIGEST struct digest *d = digest_new();
	memcpy(member.key, member.diffid, sizeof member.key);
	if (layerwrite_begin(&w, o, 1, e) < 0)
		return -1;
	layerwrite_check(&w, d);
	if (layerwrite_member(&w, &member, e) < 0 || mtreelayer_emit(m, o, e) < 0)
		return -1;
	return layerwrite_end(&w, e);
}

int mtreelayer_bare(const struct mtreelayer_form *form, struct mtree *m, struct out *o,
		    struct err *e)
{
	uint64_t size;
	if (mtreelayer_measure(form, m, &size, e) < 0)
		return -1;
	return mtreelayer_emit(m, o, e);
}
