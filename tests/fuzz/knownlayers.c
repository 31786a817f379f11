/* SPDX-License-Identifier: MIT */
#include "fuzz.h"

#include "layer/knownlayers.h"

/* The same lines with the check that each must have, so that what is behind it is met, too. */
static struct buf checked(const uint8_t *data, size_t size)
{
	struct buf b = { 0 };
	AUTO_DIGEST struct digest *d = digest_new();
	char hex[DIGEST_HEX_LEN + 1];
	size_t start = 0;
	buf_adds(&b, "");
	for (size_t i = 0; i < size; i++) {
		if (data[i] == '\n') {
			digest_add(d, b.s + start, b.len - start);
			digest_hex(d, hex);
			buf_add(&b, hex, 16);
		}
		buf_addc(&b, (char)data[i]);
		if (data[i] == '\n')
			start = b.len;
	}
	return b;
}

static void hear(const void *context, const char *warning)
{
	(void)context;
	if (!*warning)
		abort();
}

static struct knownlayers *read_file(const char *path)
{
	struct err e = { 0 };
	struct knownlayers *k;
	if (knownlayers_read(path, hear, NULL, &k, &e) < 0)
		abort();
	return k;
}

/* Whatever is in the file, what is appended is found. */
static void append(const void *data, size_t size)
{
	AUTO_CLOSE int fd = fuzz_fd(data, size);
	AUTO_FREE char *path = xasprintf("/proc/self/fd/%d", fd);
	struct knownlayers_layer l = { .size = 7, .compressor = "c 1", .media_type = "a/b" };
	struct err e = { 0 };
	memset(l.key, 'a', DIGEST_HEX_LEN);
	memset(l.diffid, 'b', DIGEST_HEX_LEN);
	memset(l.digest, 'c', DIGEST_HEX_LEN);
	struct knownlayers *k = read_file(path);
	knownlayers_add(k, &l);
	if (knownlayers_append(k, &e) < 0)
		abort();
	knownlayers_free(k);
	k = read_file(path);
	const struct knownlayers_layer *found = knownlayers_find(k, l.key, NULL, l.compressor);
	if (!found || strcmp(found->digest, l.digest) != 0 || found->size != l.size)
		abort();
	knownlayers_free(k);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	append(data, size);
	struct buf b = checked(data, size);
	append(b.s, b.len);
	buf_free(&b);
	return 0;
}
