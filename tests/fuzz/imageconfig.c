/* SPDX-License-Identifier: MIT */
#include "image/imageconfig.h"

#include <stdbool.h>
#include <string.h>

#include "base/esc.h"
#include "fuzz.h"

/* One line of UTF-8 without control bytes, whose brackets outside of strings close. */
static void check(const struct buf *json)
{
	int depth = 0;
	bool quoted = false;
	for (size_t i = 0, n; i + 1 < json->len; i += n) {
		n = esc_utf8(json->s + i, json->len - i);
		if (n == 0 || (unsigned char)json->s[i] < 0x20)
			abort();
		if (quoted && json->s[i] == '\\')
			n = 2;
		else if (json->s[i] == '"')
			quoted = !quoted;
		else if (!quoted)
			depth += (strchr("{[", json->s[i]) != NULL) -
				 (strchr("}]", json->s[i]) != NULL);
	}
	if (quoted || depth != 0 || json->s[json->len - 1] != '\n')
		abort();
}

/* A layer for each line: as many as a history can describe. */
static struct layerlist layers_for(const uint8_t *data, size_t size)
{
	static char text[] = "x";
	struct layerlist l = { 0 };
	for (size_t i = 0; i < size; i++)
		if (data[i] == '\n')
			layerlist_add(&l, &(struct layerlist_layer){ .diffid = text,
								     .media_type = text,
								     .digest = text,
								     .comment = text });
	return l;
}

/* What jq would be started for. */
static bool is_object(const uint8_t *data, size_t size)
{
	size_t i = 0;
	while (i < size && memchr(" \t\r\n", data[i], 4))
		i++;
	return i < size && memchr("{[\"", data[i], 3);
}

/* Lines that are taken make a document; those that would start jq are left out. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct imageconfig_options options = { .architecture = "amd64" };
	AUTO_IMAGECONFIG struct imageconfig *c = imageconfig_new();
	AUTO_CLOSE int in = fuzz_fd(data, size);
	AUTO_BUF struct buf json = { 0 };
	AUTO_LAYERLIST struct layerlist layers = layers_for(data, size);
	struct err e = { 0 };
	bool empty;
	if (memmem(data, size, "json", 4) || memmem(data, size, "now", 3) || is_object(data, size))
		return 0;
	if (imageconfig_read(c, in, "<fuzz>", &empty, &e) == 0) {
		if (imageconfig_complete(c, &options, &e) < 0 ||
		    imageconfig_write(c, &layers, &json, &e) < 0)
			abort();
		check(&json);
	}
	err_clear(&e);
	return 0;
}
