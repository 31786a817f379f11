/* SPDX-License-Identifier: MIT */
#include "registry/layoutread.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/within.h"
#include "image/imageref.h"
#include "registry/manifestread.h"

enum { DEPTH = 4, MANIFESTS = 1024, BLOBS = 16384, NAMES_SHOWN = 8, TEXTS = 64 << 20 };

static const char index_type[] = "application/vnd.oci.image.index.v1+json";
static const char manifest_type[] = "application/vnd.oci.image.manifest.v1+json";

/* --- files --- */

static int read_all(int fd, struct buf *b, struct err *e)
{
	enum { PIECE = 64 << 10 };
	for (;;) {
		ssize_t n = read(fd, buf_extend(b, PIECE), PIECE);
		b->len -= PIECE - (n > 0 ? (size_t)n : 0);
		if (n < 0 && errno != EINTR)
			return err_set(e, errno, "cannot read it");
		if (b->len > LAYOUTREAD_TEXT)
			return err_set(e, 0, "it has more than 4 MiB");
		if (n == 0)
			return 0;
	}
}

/* Appends what is in a regular file of the layout. */
static int read_file(const struct layoutread *l, const char *name, struct buf *b, struct err *e)
{
	AUTO_CLOSE int fd = within_find(l->dir, name, O_RDONLY | O_NONBLOCK, WITHIN_BENEATH, NULL);
	struct stat st;
	if (fd < 0 && errno == EXDEV)
		return err_set(e, 0, "it is a link that leads out of the layout");
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_set(e, errno, "cannot open it");
	return S_ISREG(st.st_mode) ? read_all(fd, b, e) : err_set(e, 0, "it is no file");
}

/* Reads an index or a manifest that is a blob. */
static int read_blob(const struct layoutread *l, const char *digest, struct buf *b, struct err *e)
{
	AUTO_FREE char *path = layoutread_blob_path(digest);
	char hex[DIGEST_HEX_LEN + 1];
	if (read_file(l, path, b, e) < 0)
		return -1;
	digest_of(b->s, b->len, hex);
	return strcmp(hex, digest + 7) == 0
		       ? 0
		       : err_set(e, 0, "its digest is sha256:%s: the layout is damaged", hex);
}

char *layoutread_blob_path(const char *digest)
{
	return xasprintf("blobs/sha256/%s", digest + strlen("sha256:"));
}

/* --- the image --- */

static int too_many(struct err *e)
{
	return err_set(e, 0, "an image of so many manifests or layers is not pushed");
}

static int add_blob(struct layoutread *l, struct layoutread_manifest *m,
		    const struct manifestread_descriptor *d, size_t layer, struct err *e)
{
	for (size_t i = 0; i < l->nblobs; i++)
		if (strcmp(l->blobs[i].digest, d->digest) == 0) {
			m->blobs[m->nblobs++] = i;
			return l->blobs[i].size == d->size
				       ? 0
				       : err_set(e, 0, "%s has two sizes: the layout is damaged",
						 d->digest);
		}
	if (l->nblobs >= BLOBS)
		return too_many(e);
	m->blobs[m->nblobs++] = l->nblobs;
	l->blobs = mem_grow(l->blobs, &l->blobs_cap, l->nblobs + 1, sizeof *l->blobs);
	struct layoutread_blob *b = &l->blobs[l->nblobs];
	*b = (struct layoutread_blob){ .size = d->size, .layer = layer };
	memcpy(b->digest, d->digest, sizeof b->digest);
	l->nblobs++;
	return 0;
}

static int add_blobs(struct layoutread *l, struct layoutread_manifest *m,
		     const struct manifestread *d, struct err *e)
{
	m->blobs = xcalloc(d->layers.n + 1, sizeof *m->blobs);
	if (d->config.n && add_blob(l, m, &d->config.list[0], 0, e) < 0)
		return -1;
	for (size_t i = 0; i < d->layers.n; i++)
		if (add_blob(l, m, &d->layers.list[i], i + 1, e) < 0)
			return -1;
	return 0;
}

/* What can stand in a header: TYPE/SUBTYPE. */
static bool is_media_type(const char *s)
{
	size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/+-._");
	return *s && !s[n];
}

static int choose_type(const struct manifestread *d, const struct manifestread_descriptor *from,
		       char **type, struct err *e)
{
	const char *s = d->media_type      ? d->media_type
			: from->media_type ? from->media_type
			: d->index         ? index_type
					   : manifest_type;
	if (!is_media_type(s))
		return err_set(e, 0, "bad media type '%s'", s);
	*type = xstrdup(s);
	return 0;
}

static bool has_manifest(const struct layoutread *l, const char *digest)
{
	for (size_t i = 0; i < l->nmanifests; i++)
		if (strcmp(l->manifests[i].digest, digest) == 0)
			return true;
	return false;
}

static int add_manifest(struct layoutread *l, const struct manifestread_descriptor *from,
			const struct manifestread *d, struct buf *text, struct err *e)
{
	l->manifests =
		mem_grow(l->manifests, &l->manifests_cap, l->nmanifests + 1, sizeof *l->manifests);
	struct layoutread_manifest *m = &l->manifests[l->nmanifests];
	*m = (struct layoutread_manifest){ .index = d->index };
	if (choose_type(d, from, &m->media_type, e) < 0)
		return -1;
	l->nmanifests++;
	memcpy(m->digest, from->digest, sizeof m->digest);
	m->text = *text;
	*text = (struct buf){ 0 };
	l->text += m->text.len;
	return l->nmanifests <= MANIFESTS && l->text <= TEXTS ? add_blobs(l, m, d, e) : too_many(e);
}

static int read_manifest(struct layoutread *l, const struct manifestread_descriptor *from,
			 unsigned depth, struct err *e);

static int read_manifests(struct layoutread *l, const struct manifestread *d, unsigned depth,
			  struct err *e)
{
	if (depth >= DEPTH)
		return err_set(e, 0, "an index within an index, %d deep, is not pushed", DEPTH);
	for (size_t i = 0; i < d->manifests.n; i++)
		if (read_manifest(l, &d->manifests.list[i], depth + 1, e) < 0)
			return -1;
	return 0;
}

static int read_manifest(struct layoutread *l, const struct manifestread_descriptor *from,
			 unsigned depth, struct err *e)
{
	AUTO_BUF struct buf text = { 0 };
	AUTO_MANIFESTREAD struct manifestread d = { 0 };
	if (has_manifest(l, from->digest))
		return 0;
	if (read_blob(l, from->digest, &text, e) < 0 || manifestread_parse(&text, &d, e) < 0)
		return err_wrap(e, "manifest %s", from->digest);
	if (text.len != from->size)
		return err_set(e, 0,
			       "manifest %s has %zu bytes, the layout says %" PRIu64
			       ": the layout is damaged",
			       from->digest, text.len, from->size);
	return read_manifests(l, &d, depth, e) < 0 ? -1 : add_manifest(l, from, &d, &text, e);
}

/* --- names --- */

static const char *tag_of(const char *name)
{
	const char *slash = strrchr(name, '/'), *colon = strchr(slash ? slash : name, ':');
	return colon ? colon + 1 : "latest";
}

static bool is_full(const char *full, const char *want)
{
	AUTO_FREE char *tagged = NULL;
	const char *slash = strrchr(want, '/');
	if (!strchr(slash ? slash : want, ':'))
		tagged = xasprintf("%s:latest", want);
	return strcmp(imageref_familiar(full), imageref_familiar(tagged ? tagged : want)) == 0;
}

/* A whole name is better than a tag, as image.h has it. */
static bool is_called(const struct manifestread_descriptor *d, const char *want)
{
	const char *name = d->full_name ? d->full_name : d->ref_name;
	if (!name)
		return false;
	if (strpbrk(name, ":/"))
		return is_full(name, want);
	return strcmp(name, want) == 0 || strcmp(name, tag_of(want)) == 0;
}

static void list_names(const struct manifestread_list *d, struct buf *b)
{
	for (size_t i = 0; i < d->n && i < NAMES_SHOWN; i++) {
		const struct manifestread_descriptor *one = &d->list[i];
		const char *name = one->full_name ? one->full_name : one->ref_name;
		buf_addf(b, "%s%s", i ? ", " : "", name ? name : one->digest);
	}
	if (d->n > NAMES_SHOWN)
		buf_addf(b, " and %zu more", d->n - NAMES_SHOWN);
}

static int find(const struct manifestread_list *d, const char *name,
		const struct manifestread_descriptor **found, struct err *e)
{
	AUTO_BUF struct buf names = { 0 };
	size_t n = 0;
	for (size_t i = 0; i < d->n; i++)
		if (!name || is_called(&d->list[i], name)) {
			*found = &d->list[i];
			n++;
		}
	if (n == 1)
		return 0;
	list_names(d, &names);
	if (!d->n)
		return err_set(e, 0, "its list of images is empty");
	if (!n)
		return err_set(e, 0, "no image is called '%s'; there are: %s", name, names.s);
	return name ? err_set(e, 0, "%zu images are called '%s'", n, name)
		    : err_set(e, 0,
			      "it has %zu images: choose one with --image NAME:TAG; there are: %s",
			      n, names.s);
}

static int read_index(struct layoutread *l, const char *name, struct err *e)
{
	AUTO_BUF struct buf text = { 0 };
	AUTO_MANIFESTREAD struct manifestread d = { 0 };
	const struct manifestread_descriptor *image = NULL;
	if (read_file(l, "index.json", &text, e) < 0 || manifestread_parse(&text, &d, e) < 0)
		return err_wrap(e, "index.json");
	return find(&d.manifests, name, &image, e) < 0 ? -1 : read_manifest(l, image, 1, e);
}

int layoutread_open(const char *path, const char *name, struct layoutread *l, struct err *e)
{
	l->path = path;
	l->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (l->dir < 0)
		return err_set(e, errno,
			       "cannot open '%s', expected the directory of an OCI layout", path);
	return read_index(l, name, e) < 0 ? err_wrap(e, "%s", path) : 0;
}

const struct layoutread_manifest *layoutread_top(const struct layoutread *l)
{
	return &l->manifests[l->nmanifests - 1];
}

void layoutread_free(struct layoutread *l)
{
	for (size_t i = 0; i < l->nmanifests; i++) {
		free(l->manifests[i].media_type);
		buf_free(&l->manifests[i].text);
		free(l->manifests[i].blobs);
	}
	for (size_t i = 0; i < l->nblobs; i++)
		free(l->blobs[i].comment);
	free(l->manifests);
	free(l->blobs);
	mem_cleanup_close(&l->dir);
	*l = (struct layoutread){ .dir = -1 };
}
