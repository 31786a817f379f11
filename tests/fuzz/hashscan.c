/* SPDX-License-Identifier: MIT */
#include "closure/hashscan.h"
#include "closure/pathscan.h"

#include "fuzz.h"

#include <stdbool.h>
#include <string.h>

static const char *const paths[] = {
	"/nix/store/0123456789abcdfghijklmnpqrsvwxyz-a",
	"/nix/store/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-b",
	"/nix/store/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab-c",
};
enum { PATHS = 3 };

static bool mentioned(const uint8_t *data, size_t size, const char *path)
{
	return size && memmem(data, size, path + 11, 32);
}

/* The paths of /s that are written out. */
static uint32_t written(struct pathscan **s, const uint8_t *data, size_t size, size_t piece,
			const char *const **found)
{
	*s = pathscan_new("/s");
	for (size_t i = 0; i < size; i += piece)
		pathscan_add(*s, data + i, size - i < piece ? size - i : piece);
	pathscan_end(*s);
	return pathscan_found(*s, found);
}

/* In pieces, the same are found as in one. */
static void check_written(const uint8_t *data, size_t size, size_t piece)
{
	struct pathscan *a, *b;
	const char *const *in_pieces, *const *at_once;
	uint32_t n = written(&a, data, size, piece, &in_pieces);
	if (written(&b, data, size, size, &at_once) != n)
		abort();
	for (uint32_t i = 0; i < n; i++)
		if (strcmp(in_pieces[i], at_once[i]) != 0 ||
		    !memmem(data, size, at_once[i], strlen(at_once[i])))
			abort();
	pathscan_free(a);
	pathscan_free(b);
}

/* In pieces whose size the first byte says, the same is found as by looking everywhere. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err e = { 0 };
	struct hashscan *s = NULL;
	const uint32_t *found;
	if (size == 0)
		return 0;
	size_t piece = data[0] % 80U + 1;
	check_written(data, size, piece);
	if (hashscan_new(paths, PATHS, &s, &e) < 0)
		abort();
	for (size_t i = 0; i < size; i += piece)
		hashscan_add(s, (const char *)data + i, size - i < piece ? size - i : piece);
	uint32_t n = hashscan_found(s, &found), next = 0;
	for (uint32_t i = 0; i < PATHS; i++) {
		bool is = next < n && found[next] == i;
		next += is;
		if (is != mentioned(data, size, paths[i]))
			abort();
	}
	if (next != n)
		abort();
	hashscan_free(s);
	return 0;
}
