/* SPDX-License-Identifier: MIT */
#include "base/nametree.h"

#include <stdio.h>
#include <string.h>

#include "tap.h"

/* All paths in order, one a line; valid until the next call. */
static const char *listing(const struct nametree *t)
{
	static struct buf b;
	AUTO_FREE uint32_t *order = nametree_order(t);
	buf_clear(&b);
	for (uint32_t i = 0; i < t->n; i++) {
		nametree_path(t, NAMETREE_ROOT, order[i], &b);
		buf_addc(&b, '\n');
	}
	return b.s;
}

static void test_order(void)
{
	struct nametree t;
	nametree_init(&t);
	STREQ(listing(&t), "\n");
	uint32_t b = nametree_add(&t, NAMETREE_ROOT, "b");
	uint32_t a = nametree_add(&t, NAMETREE_ROOT, "a");
	nametree_add(&t, NAMETREE_ROOT, "a-");
	uint32_t deep = nametree_add(&t, nametree_add(&t, a, "z"), "deep");
	nametree_add(&t, b, "a");
	nametree_add(&t, a, "b");
	STREQ(listing(&t), "\na\na/b\na/z\na/z/deep\na-\nb\nb/a\n");
	AUTO_BUF struct buf path = { 0 };
	nametree_path(&t, a, deep, &path);
	STREQ(path.s, "z/deep");
	nametree_free(&t);
}

static void test_find(void)
{
	struct nametree t;
	char name[16];
	int bad = 0;
	nametree_init(&t);
	uint32_t dir = nametree_add(&t, NAMETREE_ROOT, "dir");
	for (unsigned i = 0; i < 1000; i++) {
		snprintf(name, sizeof name, "%u", i);
		bad += nametree_find(&t, dir, name) != NAMETREE_NONE;
		bad += nametree_add(&t, dir, name) != i + 2;
	}
	for (unsigned i = 0; i < 1000; i++) {
		snprintf(name, sizeof name, "%u", i);
		bad += nametree_find(&t, dir, name) != i + 2;
		bad += nametree_find(&t, NAMETREE_ROOT, name) != NAMETREE_NONE;
	}
	OK(bad == 0);
	OK(nametree_find(&t, NAMETREE_ROOT, "dir") == dir);
	OK(nametree_find(&t, dir, "other") == NAMETREE_NONE);
	nametree_free(&t);
}

int main(void)
{
	test_order();
	test_find();
	return TAP_END;
}
