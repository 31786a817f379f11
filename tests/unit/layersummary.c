/* SPDX-License-Identifier: MIT */
#include "layer/layersummary.h"

#include "tap.h"
#include "tar/tar.h"

#define STORE "nix/store/00000000000000000000000000000000-"

/* A layer in memory. */
struct layer {
	struct source source;
	struct buf bytes;
	size_t at;
};

static int read_layer(struct source *s, void *data, size_t len, size_t *got, struct err *e)
{
	struct layer *l = (struct layer *)s;
	(void)e;
	*got = l->bytes.len - l->at < len ? l->bytes.len - l->at : len;
	memcpy(data, l->bytes.s + l->at, *got);
	l->at += *got;
	return 0;
}

/* Names that end in a slash are directories. */
static struct layer make_layer(const char *const *names, size_t n)
{
	struct layer l = { .source = { .name = "layer", .read = read_layer } };
	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(names[i]);
		bool dir = len && names[i][len - 1] == '/';
		struct tar_entry t = { .type = dir ? TAR_DIR : TAR_FILE, .name = names[i] };
		tar_header(&l.bytes, &t);
	}
	buf_add(&l.bytes, tar_zeros, TAR_RECORD);
	return l;
}

static void is(const char *const *names, size_t n, const char *want)
{
	struct layer l = make_layer(names, n);
	struct layersummary about = { 0 };
	struct err e = { 0 };
	AUTO_BUF struct buf found = { 0 };
	OK(layersummary_read(&about, &l.source, &e) == 0);
	OK(about.entries == n && !about.more && l.at == l.bytes.len);
	buf_adds(&found, "");
	for (size_t i = 0; i < about.n; i++)
		buf_addf(&found, "%s,", about.names[i]);
	STREQ(found.s, want);
	layersummary_free(&about);
	buf_free(&l.bytes);
}

#define IS(want, ...)                                                                              \
	do {                                                                                       \
		const char *const l_[] = { __VA_ARGS__ };                                          \
		is(l_, sizeof l_ / sizeof *l_, want);                                              \
	} while (0)

static void test_names(void)
{
	is(NULL, 0, "");
	IS("", "./");
	IS("a,b/c,", "a", "b/", "b/c");
	IS("a,b/c,.d,", "./a", "/b/", "/b/c", ".d");
	/* directories that nothing follows */
	IS("tmp,tmpfile,var/empty,", "tmp/", "tmpfile", "var/", "var/empty/");
	/* a name twice */
	IS("a,b,", "a", "b", "a");
}

static void test_store(void)
{
	IS("/" STORE "a,/" STORE "b,etc/x,", "/nix/", "/nix/store/", "/" STORE "a/",
	   "/" STORE "a/bin", "/" STORE "b", "etc/", "etc/x");
	IS("/" STORE "a,/" STORE "b,", "./" STORE "a/c", "./" STORE "b/", "./" STORE "a/d");
	IS("nix/store/.links/x,nix/storey,", "nix/store/.links/x", "nix/storey");
}

static void test_many(void)
{
	char text[2 * LAYERSUMMARY_NAMES][8];
	const char *names[2 * LAYERSUMMARY_NAMES];
	for (size_t i = 0; i < 2 * LAYERSUMMARY_NAMES; i++) {
		snprintf(text[i], sizeof text[i], "%zu", i);
		names[i] = text[i];
	}
	struct layer l = make_layer(names, 2 * LAYERSUMMARY_NAMES);
	struct layersummary about = { 0 };
	struct err e = { 0 };
	OK(layersummary_read(&about, &l.source, &e) == 0);
	OK(about.entries == 2 * LAYERSUMMARY_NAMES && about.n == LAYERSUMMARY_NAMES && about.more);
	STREQ(about.names[LAYERSUMMARY_NAMES - 1], "99");
	layersummary_free(&about);
	buf_free(&l.bytes);
}

/* Names that are too long together, and none after them. */
static void test_long(void)
{
	AUTO_FREE char *name = xcalloc(1, LAYERSUMMARY_BYTES);
	memset(name, 'x', LAYERSUMMARY_BYTES - 1);
	const char *const names[] = { "a", "b", name, "c" };
	struct layer l = make_layer(names, 4);
	struct layersummary about = { 0 };
	struct err e = { 0 };
	OK(layersummary_read(&about, &l.source, &e) == 0);
	OK(about.entries == 4 && about.n == 2 && about.more);
	layersummary_free(&about);
	buf_free(&l.bytes);
}

/* Whatever follows the end, and an archive without one. */
static void test_end(void)
{
	const char *const names[] = { "a" };
	struct layer l = make_layer(names, 1);
	struct layersummary about = { 0 };
	struct err e = { 0 };
	buf_adds(&l.bytes, "rubbish");
	OK(layersummary_read(&about, &l.source, &e) == 0);
	OK(about.entries == 1 && l.at == l.bytes.len);
	layersummary_free(&about);
	l.at = 0;
	l.bytes.len = TAR_BLOCK;
	OK(layersummary_read(&about, &l.source, &e) < 0);
	err_clear(&e);
	layersummary_free(&about);
	buf_free(&l.bytes);
}

int main(void)
{
	test_names();
	test_store();
	test_many();
	test_long();
	test_end();
	return TAP_END;
}
