/* SPDX-License-Identifier: MIT */
#include "base/nametree.h"

#include <stdio.h>
#include <string.h>

#include "tap.h"

/* All paths in order, one a line; valid until the next call. */
static const char *listing(const struct tree *t)
{
	static struct buf b;
	AUTO_FREE uint32_t *order = tree_order(t);
	buf_clear(&b);
	for (uint32_t i = 0; i < t->n; i++) {
		tree_path(t, TREE_ROOT, order[i], &b);
		buf_addc(&b, '\n');
	}
	return b.s;
}

static void test_order(void)
{
	struct tree t;
	tree_init(&t);
	STREQ(listing(&t), "\n");
	uint32_t b = tree_add(&t, TREE_ROOT, "b");
	uint32_t a = tree_add(&t, TREE_ROOT, "a");
	tree_add(&t, TREE_ROOT, "a-");
	uint32_t deep = tree_add(&t, tree_add(&t, a, "z"), "deep");
	tree_add(&t, b, "a");
	tree_add(&t, a, "b");
	STREQ(listing(&t), "\na\na/b\na/z\na/z/deep\na-\nb\nb/a\n");
	AUTO_BUF struct buf path = { 0 };
	tree_path(&t, a, deep, &path);
	STREQ(path.s, "z/deep");
	tree_free(&t);
}

static void test_find(void)
{
	struct tree t;
	char name[16];
	int bad = 0;
	tree_init(&t);
	uint32_t dir = tree_add(&t, TREE_ROOT, "dir");
	for (unsigned i = 0; i < 1000; i++) {
		snprintf(name, sizeof name, "%u", i);
		bad += tree_find(&t, dir, name) != TREE_NONE;
		bad += tree_add(&t, dir, name) != i + 2;
	}
	for (unsigned i = 0; i < 1000; i++) {
		snprintf(name, sizeof name, "%u", i);
		bad += tree_find(&t, dir, name) != i + 2;
		bad += tree_find(&t, TREE_ROOT, name) != TREE_NONE;
	}
	OK(bad == 0);
	OK(tree_find(&t, TREE_ROOT, "dir") == dir);
	OK(tree_find(&t, dir, "other") == TREE_NONE);
	tree_free(&t);
}

int main(void)
{
	test_order();
	test_find();
	return TAP_END;
}
