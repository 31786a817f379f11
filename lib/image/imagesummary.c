/* SPDX-License-Identifier: MIT */
#include "image/imagesummary.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/esc.h"
#include "base/source.h"
#include "base/spool.h"
#include "tar/tar.h"

enum { CHUNK = 64 << 10 };

/* --- a list --- */

static const char list_start[] = "sha256:";

/*
 * Whether the file begins like a layer list. An archive may do so, too: kaniko and crane name the
 * first member by a digest; but zeros follow there.
 */
static bool is_list(int fd)
{
	char start[TAR_BLOCK];
	ssize_t n = pread(fd, start, sizeof start, lseek(fd, 0, SEEK_CUR));
	return n >= (ssize_t)sizeof list_start - 1 &&
	       memcmp(start, list_start, sizeof list_start - 1) == 0 &&
	       !memchr(start, '\0', (size_t)n);
}

static void use_list(struct imagesummary *about)
{
	const struct layerlist *l = &about->list;
	about->n = l->n;
	about->layers = xcalloc(l->n, sizeof *about->layers);
	for (size_t i = 0; i < l->n; i++) {
		bool plain = strcmp(l->layers[i].digest, l->layers[i].diffid) == 0;
		about->layers[i] =
			(struct imagesummary_layer){ .diffid = l->layers[i].diffid,
						     .digest = l->layers[i].digest,
						     .history = l->layers[i].comment,
						     .stored = l->layers[i].size,
						     .size = plain ? l->layers[i].size : 0 };
	}
}

static int read_list(struct imagesummary *about, int fd, const char *image, struct err *e)
{
	if (image)
		return err_set(e, 0, "%s: expected an image with the name '%s', found a layer list",
			       about->name, image);
	if (layerlist_read(&about->list, fd, about->name, e) < 0)
		return -1;
	use_list(about);
	return 0;
}

/* --- an image --- */

static void use_image(struct imagesummary *about)
{
	const struct image *i = &about->from;
	about->n = i->nlayers;
	about->layers = xcalloc(i->nlayers, sizeof *about->layers);
	for (size_t n = 0; n < i->nlayers; n++) {
		const struct image_layer *l = &i->layers[n];
		about->layers[n] = (struct imagesummary_layer){
			.diffid = l->diffid,
			.digest = l->digest || l->compression != COMPRESS_NONE ? l->digest
									       : l->diffid,
			.history = l->created_by ? l->created_by : l->comment,
			.stored = l->absent ? l->size : l->blob.size,
			.size = l->absent || l->compression != COMPRESS_NONE ? 0 : l->blob.size,
		};
	}
}

/* Takes the descriptor over. */
static int read_image(struct imagesummary *about, int fd, const char *image, struct err *e)
{
	size_t entry;
	about->from.absent_ok = true;
	if (imagefile_open_fd(fd, about->name, &about->file, e) < 0 ||
	    imageset_read(about->file, &about->set, e) < 0 ||
	    imageset_find(&about->set, about->file, image, &entry, e) < 0 ||
	    image_read(about->file, &about->set, entry, &about->from, e) < 0)
		return -1;
	if (about->set.entries[entry].nnames)
		about->image = about->set.entries[entry].names[0];
	use_image(about);
	return 0;
}

/* Bytes on their way, counted. */
struct counted {
	struct source source;
	struct source *from;
	uint64_t n;
};

static int count(struct source *s, void *data, size_t len, size_t *got, struct err *e)
{
	struct counted *c = (struct counted *)s;
	if (source_read(c->from, data, len, got, e) < 0)
		return -1;
	c->n += *got;
	return 0;
}

static int read_layer(struct imagesummary *about, size_t layer, struct err *e)
{
	AUTO_IMAGE_READER struct image_reader *r = NULL;
	struct imagesummary_layer *l = &about->layers[layer];
	if (image_layer_open(&about->from, layer, &r, e) < 0)
		return -1;
	struct source *s = image_layer_source(r);
	struct counted c = { .source = { .name = s->name, .read = count }, .from = s };
	if (layersummary_read(&l->holds, l->size ? s : &c.source, e) < 0)
		return -1;
	if (!l->size)
		l->size = c.n;
	l->read = true;
	return 0;
}

int imagesummary_read(struct imagesummary *about, size_t layer, struct err *e)
{
	if (!about->file || about->layers[layer].read || about->from.layers[layer].absent)
		return 0;
	return read_layer(about, layer, e);
}

int imagesummary_is_image(const struct imagesummary *about, struct err *e)
{
	if (about->file)
		return 0;
	return err_set(e, 0,
		       "%s: found a layer list, which does not tell what layers hold: expected an "
		       "image",
		       about->name);
}

int imagesummary_open_layer(const struct imagesummary *about, size_t layer, struct image_reader **r,
			    struct err *e)
{
	if (imagesummary_is_image(about, e) < 0)
		return -1;
	return image_layer_open(&about->from, layer, r, e);
}

int imagesummary_find_tables(struct imagesummary *about, struct err *e)
{
	if (imagesummary_is_image(about, e) < 0)
		return -1;
	return image_find_tables(&about->from, e);
}

bool imagesummary_has_table(const struct imagesummary *about, size_t layer)
{
	return image_layer_has_table(&about->from, layer);
}

int imagesummary_pieces(const struct imagesummary *about, size_t layer, zstdtocread_take *take,
			void *context, uint64_t *length, struct err *e)
{
	return image_layer_pieces(&about->from, layer, take, context, length, e);
}

/* --- either --- */

struct imagediff imagesummary_diff(const struct imagesummary *a, const struct imagesummary *b)
{
	AUTO_FREE const char **diffids = xcalloc(a->n + b->n, sizeof *diffids);
	for (size_t i = 0; i < a->n; i++)
		diffids[i] = a->layers[i].diffid;
	for (size_t i = 0; i < b->n; i++)
		diffids[a->n + i] = b->layers[i].diffid;
	return imagediff_make(diffids, a->n, diffids + a->n, b->n);
}

void imagesummary_title(const struct imagesummary *about, const char *which, struct buf *b)
{
	buf_addf(b, "%s  ", which);
	esc_message(b, about->name, strlen(about->name));
	if (about->image) {
		buf_adds(b, " (");
		esc_message(b, about->image, strlen(about->image));
		buf_addc(b, ')');
	}
	buf_addc(b, '\n');
}

/* Gives the descriptor away. */
static int take(int *fd)
{
	int taken = *fd;
	*fd = -1;
	return taken;
}

/* Opens a file or a named directory; *mode is what it is. */
static int open_input(struct imagesummary *about, const char *path, int *fd, mode_t *mode,
		      struct err *e)
{
	bool is_stdin = strcmp(path, "-") == 0;
	struct stat st;
	about->name = is_stdin ? "<stdin>" : path;
	*fd = is_stdin ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3) : open(path, O_RDONLY | O_CLOEXEC);
	if (*fd < 0 || fstat(*fd, &st) < 0)
		return err_set(e, errno, "cannot open '%s'", about->name);
	if (is_stdin && S_ISDIR(st.st_mode))
		return err_set(e, EISDIR, "cannot read '%s'", about->name);
	*mode = st.st_mode;
	return 0;
}

/* Puts what comes from a pipe aside, to look at it first. */
static int put_aside(const struct imagesummary *about, int *fd, struct err *e)
{
	AUTO_FREE char *data = xmalloc(CHUNK);
	AUTO_CLOSE int spool = -1;
	struct source_fd from;
	size_t got;
	source_fd(&from, *fd, about->name);
	if (spool_open(&spool, e) < 0)
		return err_wrap(e, "%s", about->name);
	do {
		if (source_read(&from.source, data, CHUNK, &got, e) < 0)
			return -1;
		if (spool_write(spool, data, got, e) < 0)
			return err_wrap(e, "%s", about->name);
	} while (got);
	close(*fd);
	*fd = take(&spool);
	return spool_rewind(*fd, e);
}

int imagesummary_open(const char *path, const char *image, struct imagesummary *about,
		      struct err *e)
{
	AUTO_CLOSE int fd = -1;
	mode_t mode = 0;
	if (open_input(about, path, &fd, &mode, e) < 0)
		return -1;
	if (!S_ISREG(mode) && !S_ISDIR(mode) && put_aside(about, &fd, e) < 0)
		return -1;
	if (!S_ISDIR(mode) && is_list(fd))
		return read_list(about, fd, image, e);
	return read_image(about, take(&fd), image, e);
}

void imagesummary_free(struct imagesummary *about)
{
	for (size_t i = 0; i < about->n; i++)
		layersummary_free(&about->layers[i].holds);
	free(about->layers);
	image_free(&about->from);
	imageset_free(&about->set);
	imagefile_free(about->file);
	layerlist_free(&about->list);
	*about = (struct imagesummary){ 0 };
}
