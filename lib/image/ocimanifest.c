/* SPDX-License-Identifier: MIT */
#include "image/ocimanifest.h"

#include <string.h>

#include "base/jq.h"
#include "base/jsonwrite.h"
#include "common.jq.h"
#include "image/imageref.h"
#include "oci-index.jq.h"

#define OCI_IMAGE "application/vnd.oci.image."
#define OCI_INDEX OCI_IMAGE "index.v1+json"

static void text(struct jsonwrite *j, const char *s)
{
	jsonwrite_string(j, s, strlen(s));
}

static void begin(struct jsonwrite *j, const char *media_type)
{
	jsonwrite_open(j, '{');
	jsonwrite_key(j, "schemaVersion");
	jsonwrite_number(j, 2);
	jsonwrite_member(j, "mediaType", media_type);
}

/* An open descriptor. */
static void descriptor(struct jsonwrite *j, const char *media_type,
		       const struct ocimanifest_blob *blob)
{
	AUTO_FREE char *digest = xasprintf("sha256:%s", blob->hex);
	jsonwrite_open(j, '{');
	jsonwrite_member(j, "mediaType", media_type);
	jsonwrite_member(j, "digest", digest);
	jsonwrite_key(j, "size");
	jsonwrite_number(j, (int64_t)blob->size);
}

static void add_annotations(struct jsonwrite *j, const struct ocimanifest_annotations *a)
{
	if (a->n == 0)
		return;
	jsonwrite_key(j, "annotations");
	jsonwrite_open(j, '{');
	for (size_t i = 0; i < a->n; i++) {
		jsonwrite_key(j, a->list[i].key);
		text(j, a->list[i].value);
	}
	jsonwrite_close(j, '}');
}

const char *ocimanifest_layer_type(enum compress_kind kind)
{
	static const char *const types[] = { [COMPRESS_NONE] = OCI_IMAGE "layer.v1.tar",
					     [COMPRESS_GZ] = OCI_IMAGE "layer.v1.tar+gzip",
					     [COMPRESS_ZSTD] = OCI_IMAGE "layer.v1.tar+zstd",
					     [COMPRESS_XZ] = OCI_IMAGE "layer.v1.tar+xz",
					     [COMPRESS_CHUNKED] = OCI_IMAGE "layer.v1.tar+zstd" };
	return types[kind];
}

/* --- the manifest --- */

/*
 * Where the table of a zstd:chunked layer is, for programs of before and after the keys had
 * "github" in them. details is zstdchunked_place(), cut into words.
 */
static void chunked(struct jsonwrite *j, char *details)
{
	static const char *const prefixes[] = { "io.containers.zstd-chunked.",
						"io.github.containers.zstd-chunked." };
	char *words[5] = { details };
	for (size_t i = 1; i < 5 && words[i - 1]; i++)
		if ((words[i] = strchr(words[i - 1], ' ')))
			*words[i]++ = '\0';
	if (!words[4] || strcmp(words[0], "toc") != 0)
		return;
	AUTO_FREE char *place = xasprintf("%s:1", words[2]);
	const char *const pairs[][2] = { { "manifest-checksum", words[1] },
					 { "manifest-position", place },
					 { "tarsplit-position", words[4] } };
	for (size_t p = 0; p < 2; p++)
		for (size_t i = 0; i < p + 2; i++) {
			AUTO_FREE char *key = xasprintf("%s%s", prefixes[p], pairs[i][0]);
			jsonwrite_member(j, key, pairs[i][1]);
		}
}

static void layer(struct jsonwrite *j, const struct ocimanifest_blob *blob)
{
	descriptor(j, blob->media_type, blob);
	if (blob->compressor) {
		AUTO_FREE char *how = xstrdup(blob->compressor);
		char *details = strstr(how, "; ");
		if (details)
			*details = '\0';
		jsonwrite_key(j, "annotations");
		jsonwrite_open(j, '{');
		if (details)
			chunked(j, details + 2);
		jsonwrite_member(j, "layerpipe.compressor", how);
		jsonwrite_close(j, '}');
	}
	jsonwrite_close(j, '}');
}

int ocimanifest_write(const struct ocimanifest_blob *config, const struct ocimanifest_blob *layers,
		      size_t nlayers, const struct ocimanifest_annotations *annotations,
		      struct buf *b, struct err *e)
{
	struct jsonwrite j = { 0 };
	begin(&j, OCI_IMAGE "manifest.v1+json");
	jsonwrite_key(&j, "config");
	descriptor(&j, OCI_IMAGE "config.v1+json", config);
	jsonwrite_close(&j, '}');
	jsonwrite_key(&j, "layers");
	jsonwrite_open(&j, '[');
	for (size_t i = 0; i < nlayers; i++)
		layer(&j, &layers[i]);
	jsonwrite_close(&j, ']');
	add_annotations(&j, annotations);
	jsonwrite_close(&j, '}');
	return jsonwrite_finish(&j, b, e);
}

/* --- the index --- */

static void platform(struct jsonwrite *j, const struct imageconfig_platform *p)
{
	jsonwrite_key(j, "platform");
	jsonwrite_open(j, '{');
	jsonwrite_member(j, "architecture", p->architecture);
	jsonwrite_member(j, "os", p->os);
	if (p->variant)
		jsonwrite_member(j, "variant", p->variant);
	jsonwrite_close(j, '}');
}

/* name is "NAME:TAG", or NULL. */
static void index_entry(struct jsonwrite *j, const struct ocimanifest_entry *entry,
			const char *name)
{
	descriptor(j, entry->index ? OCI_INDEX : OCI_IMAGE "manifest.v1+json", &entry->manifest);
	if (!entry->index)
		platform(j, &entry->platform);
	if (name) {
		AUTO_FREE char *full = imageref_full(name);
		const struct ocimanifest_annotation list[] = {
			{ "io.containerd.image.name", full },
			{ "org.opencontainers.image.ref.name", strrchr(name, ':') + 1 }
		};
		add_annotations(j, &(struct ocimanifest_annotations){ list, 2 });
	}
	jsonwrite_close(j, '}');
}

/* An entry for each of its names. */
static void index_entries(struct jsonwrite *j, const struct ocimanifest_entry *entry)
{
	for (size_t i = 0; i < entry->nnames; i++)
		index_entry(j, entry, entry->names[i]);
	if (entry->nnames == 0)
		index_entry(j, entry, NULL);
}

int ocimanifest_write_index(const struct ocimanifest_entry *entries, size_t n,
			    const struct ocimanifest_annotations *annotations, struct buf *b,
			    struct err *e)
{
	struct jsonwrite j = { 0 };
	begin(&j, OCI_INDEX);
	jsonwrite_key(&j, "manifests");
	jsonwrite_open(&j, '[');
	for (size_t i = 0; i < n; i++)
		index_entries(&j, &entries[i]);
	jsonwrite_close(&j, ']');
	add_annotations(&j, annotations);
	jsonwrite_close(&j, '}');
	return jsonwrite_finish(&j, b, e);
}

/* --- an index that is there --- */

int ocimanifest_add(const char *where, const struct buf *layout, const struct buf *old,
		    const struct buf *new, struct buf *b, struct err *e)
{
	static const char *const args[] = { "-c", "-s", NULL };
	AUTO_BUF struct buf documents = { 0 };
	AUTO_FREE char *program = xasprintf("%s%s", jq_common, jq_oci_index);
	buf_addf(&documents, "%s\n%s\n%s\n", layout->s, old->s, new->s);
	if (jq_text(program, args, documents.s, documents.len, b, e) < 0)
		return err_wrap(e, "%s", where);
	b->len--; /* jq's newline */
	return 0;
}
