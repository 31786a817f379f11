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

/* --- links --- */

static struct nametree linked;
static char targets[48][24]; /* by the origin of a link */

static int target_of(void *context, uint32_t link, char **target, struct err *e)
{
	(void)context;
	if (!*targets[linked.nodes[link].origin])
		return err_set(e, 0, "no target");
	*target = xstrdup(targets[linked.nodes[link].origin]);
	return 0;
}

static uint32_t add(uint32_t parent, const char *name, mode_t mode)
{
	uint32_t node = nametree_add(&linked, parent, name);
	linked.nodes[node].mode = mode;
	return node;
}

static uint32_t make(void *context, uint32_t dir, const char *name)
{
	(void)context;
	return add(dir, name, S_IFDIR);
}

static uint32_t add_link(uint32_t parent, const char *name, uint32_t number, const char *target)
{
	uint32_t node = add(parent, name, S_IFLNK);
	linked.nodes[node].origin = number;
	snprintf(targets[number], sizeof targets[number], "%s", target);
	return node;
}

static uint32_t lead(uint32_t link, bool making)
{
	const struct nametree_links links = { .target = target_of, .make = making ? make : NULL };
	struct err e = { 0 };
	uint32_t node = NAMETREE_NONE - 1;
	if (nametree_follow(&linked, &links, link, &node, &e) < 0)
		STREQ(e.msg, "no target");
	err_clear(&e);
	return node;
}

static void test_links(void)
{
	nametree_init(&linked);
	linked.nodes[NAMETREE_ROOT].mode = S_IFDIR;
	uint32_t a = add(NAMETREE_ROOT, "a", S_IFDIR), b = add(a, "b", S_IFDIR);
	uint32_t file = add(a, "file", S_IFREG);
	uint32_t link = add_link(NAMETREE_ROOT, "link", 0, "a/./b//");
	OK(lead(link, false) == b);
	OK(lead(add_link(b, "up", 1, "../../../../link/.."), false) == a);
	OK(lead(add_link(b, "absolute", 2, "/link"), false) == b);
	OK(lead(add_link(a, "none", 3, "c/d"), false) == NAMETREE_NONE);
	OK(lead(add_link(a, "through", 4, "file/d"), false) == file);
	uint32_t circle = add_link(a, "circle", 5, "/a/circle/x");
	OK(lead(circle, false) == circle);
	OK(lead(add_link(a, "unreadable", 6, ""), false) == NAMETREE_NONE - 1);
	uint32_t made = lead(nametree_find(&linked, a, "none"), true);
	OK(made == nametree_find(&linked, nametree_find(&linked, a, "c"), "d"));
	OK(made != NAMETREE_NONE);
	nametree_free(&linked);
}

/* Whether a chain of so many links is followed to its end. */
static bool chain_ends(uint32_t links)
{
	char name[16], target[16] = "/";
	uint32_t link = NAMETREE_ROOT;
	nametree_init(&linked);
	linked.nodes[NAMETREE_ROOT].mode = S_IFDIR;
	for (uint32_t i = 0; i < links; i++) {
		snprintf(name, sizeof name, "%u", i);
		link = add_link(NAMETREE_ROOT, name, i, target);
		snprintf(target, sizeof target, "%s", name);
	}
	bool ends = lead(link, false) == NAMETREE_ROOT;
	nametree_free(&linked);
	return ends;
}

static void test_chains(void)
{
	OK(chain_ends(1));
	OK(chain_ends(40));
	OK(!chain_ends(41));
}

int main(void)
{
	test_order();
	test_find();
	test_links();
	test_chains();
	return TAP_END;
}
