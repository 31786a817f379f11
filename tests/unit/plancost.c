/* SPDX-License-Identifier: MIT */
#include "plan/plancost.h"

#include <sys/mman.h>
#include <unistd.h>

#include "base/humansize.h"
#include "plan/plandiff.h"
#include "plan/planreport.h"
#include "plan/plansvg.h"
#include "tap.h"

#define P "/nix/store/00000000000000000000000000000000-"
#define A "sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define B "sha256-BAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

static void add(struct plan *p, uint32_t layer, const char *path, const char *hash, uint64_t size)
{
	struct err e = { 0 };
	if (plan_add(p, layer, path, hash, true, size, &e) < 0)
		abort();
}

/* a is what b needs. */
static struct graph make_graph(void)
{
	struct graph g;
	struct err e = { 0 };
	struct graph_builder *b = graph_builder_new();
	const char *const refs[] = { P "a" };
	if (graph_add(b, P "a", A, true, 100, NULL, 0, &e) < 0 ||
	    graph_add(b, P "b", A, true, 300, refs, 1, &e) < 0 || graph_finish(b, &g, &e) < 0)
		abort();
	return g;
}

static void test_diff(void)
{
	AUTO_PLAN struct plan old = { 0 }, new = { 0 };
	add(&old, 1, P "a", A, 1);
	add(&old, 1, P "b", A, 1);
	add(&old, 2, P "c", A, 1);
	add(&old, 3, P "d", A, 1);
	add(&old, 4, P "e", NULL, 1);
	add(&new, 1, P "a", A, 1); /* the start of a layer */
	add(&new, 2, P "b", A, 1); /* its end */
	add(&new, 3, P "c", B, 1); /* other contents */
	add(&new, 4, P "e", B, 1);
	add(&new, 5, P "d", A, 1);
	add(&new, 5, P "f", A, 1); /* more than the old layer */
	AUTO_PLANDIFF struct plandiff d = plandiff_make(&new, &old);
	OK(d.known[0] && d.known[1] && !d.known[2] && d.known[3] && d.known[4] && !d.known[5]);
	OK(d.equal[0] == 0 && d.equal[1] == 0 && d.equal[2] == 0 && d.equal[4] == 0);
	OK(d.equal[3] == 4);
}

/* Two neighbouring old layers in one are none of both. */
static void test_diff_joined(void)
{
	AUTO_PLAN struct plan old = { 0 }, new = { 0 };
	add(&old, 1, P "a", A, 1);
	add(&old, 2, P "b", A, 1);
	add(&new, 1, P "a", A, 1);
	add(&new, 1, P "b", A, 1);
	AUTO_PLANDIFF struct plandiff d = plandiff_make(&new, &old);
	OK(d.known[0] && d.known[1] && d.equal[0] == 0);
}

/* Another order, though it starts and ends alike, is another layer. */
static void test_diff_order(void)
{
	AUTO_PLAN struct plan old = { 0 }, new = { 0 };
	static const char *const was[] = { P "a", P "b", P "c", P "d" };
	static const char *const is[] = { P "a", P "c", P "b", P "d" };
	for (size_t i = 0; i < 4; i++) {
		add(&old, 1, was[i], A, 1);
		add(&new, 1, is[i], A, 1);
	}
	AUTO_PLANDIFF struct plandiff d = plandiff_make(&new, &old);
	OK(d.known[1] && d.known[2] && d.equal[0] == 0);
}

static void test_measure(void)
{
	AUTO_PLAN struct plan plan = { 0 };
	struct graph g = make_graph();
	struct plancost c;
	struct err e = { 0 };
	add(&plan, 1, P "b", A, 300);
	add(&plan, 1, P "a", NULL, 100);
	const struct plancost_input in = {
		.graph = &g, .graph_name = "g", .plan = &plan, .plan_name = "p"
	};
	OK(plancost_measure(&in, &c, &e) == 0);
	OK(c.size == 400 && c.nlayers == 1 && c.total_weight == 2);
	/* 400 bytes change with 2 paths; alone 100 with 1, 300 with 2 */
	OK(c.expected == 800.0 / 700 && c.expected_chain == 800.0 / 700);
	OK(c.expected_bytes == 400);
	OK(c.layers[0].changers == 2 && plancost_over(&c.layers[0]) == 800.0 / 700);
	STREQ(plancost_layer_name(&c, &c.layers[0]), "b");
	/* what the graph knew is in the plan, too */
	STREQ(plan.paths[1].nar_hash, A);
	plancost_free(&c);
	plan.paths[0].nar_size = 1;
	OK(plancost_measure(&in, &c, &e) < 0);
	STREQ(e.msg, "p:1: '" P "b' has another size in the graph 'g'");
	err_clear(&e);
	graph_free(&g);
}

static void is_written(uint64_t bytes, const char *expected)
{
	AUTO_BUF struct buf b = { 0 };
	humansize_bytes(&b, bytes);
	STREQ(b.s, expected);
}

static void test_bytes(void)
{
	is_written(0, "0 B");
	is_written(999, "999 B");
	is_written(1000, "1.00 kB");
	is_written(9994, "9.99 kB");
	is_written(9996, "10.0 kB");
	is_written(99960, "100 kB");
	is_written(999499, "999 kB");
	is_written(999500, "1.00 MB");
	is_written(UINT64_MAX, "18.4 EB");
}

static void is_percent(double part, double whole, const char *expected)
{
	AUTO_BUF struct buf b = { 0 };
	humansize_percent(&b, part, whole);
	STREQ(b.s, expected);
}

static void test_percent(void)
{
	is_percent(0, 3, "0 %");
	is_percent(1, 317, "0.3 %");
	is_percent(96, 10000, "1 %");
	is_percent(2, 3, "67 %");
	is_percent(3, 3, "100 %");
}

static void test_ratio(void)
{
	const struct plancost_pull none = { 0 }, some = { 1, 10 }, more = { 2, 25 };
	OK(plancost_ratio(&none, &none) == 1);
	OK(plancost_ratio(&more, &some) == 2.5);
	AUTO_BUF struct buf b = { 0 };
	buf_addf(&b, "%.4f", plancost_ratio(&some, &none));
	STREQ(b.s, "inf");
}

int main(void)
{
	test_diff();
	test_diff_joined();
	test_diff_order();
	test_measure();
	test_bytes();
	test_percent();
	test_ratio();
	return TAP_END;
}
