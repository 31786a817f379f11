/* SPDX-License-Identifier: MIT */
#include "plan/merge.h"

#include "plan/descend.h"

#include "tap.h"

#define STORE "/nix/store/"
#define HASH  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

/* libc <- shell <- tool, and doc, which nothing refers to and which refers to nothing. */
enum { LIBC, SHELL, TOOL, DOC, PATHS };

static const uint32_t libc_refs[] = { LIBC }, shell_refs[] = { LIBC }, tool_refs[] = { SHELL };

static struct graph_path paths[PATHS] = {
	[LIBC] = { .path = STORE HASH "1-libc", .nar_size = 100, .refs = libc_refs, .nrefs = 1 },
	[SHELL] = { .path = STORE HASH "2-shell", .nar_size = 20, .refs = shell_refs, .nrefs = 1 },
	[TOOL] = { .path = STORE HASH "3-tool", .nar_size = 50, .refs = tool_refs, .nrefs = 1 },
	[DOC] = { .path = STORE HASH "4-doc", .nar_size = 10 },
};
static const struct graph g = { .paths = paths, .n = PATHS };

/* Names without versions: each path is a source of its own. */
static void sets(const struct reachable *r)
{
	static const uint64_t closures[] = { 1, 2, 3, 1 }, users[] = { 3, 2, 1, 1 };
	for (uint32_t i = 0; i < PATHS; i++) {
		OK(reachable_count(reachable_closure(r, i), r->words) == closures[i]);
		OK(reachable_count(reachable_users(r, i), r->words) == users[i]);
	}
	OK(reachable_has(r, reachable_closure(r, TOOL), LIBC));
	OK(!reachable_has(r, reachable_closure(r, LIBC), TOOL));
}

static void changes(void)
{
	static const uint32_t two[] = { SHELL, DOC };
	static const uint64_t weights[] = { 5, 0, 7, 1000 };
	struct costmodel m = costmodel_make(&g, NULL);
	OK(costmodel_changes(&m, two, 2) == 3);
	OK(costmodel_changes(&m, two, 0) == 0);
	costmodel_free(&m);
	m = costmodel_make(&g, weights);
	OK(costmodel_changes(&m, two, 2) == 1005);
	costmodel_free(&m);
}

/*
 * Users: 3, 2, 1, 1; sources in closures: 1, 2, 3, 1; sizes rounded: 96, 20,
 * 48, 10. So others want 92, 18, 36 and 9 bytes alone. Seven tenths of these
 * are 21, 6, 25 and 6 for each user.
 */
static void unshared(void)
{
	static const uint64_t alone[] = { 29, 6, 11, 3 };
	static const uint64_t apart[] = { 21 + 125, 6 + 25, 25 + 62, 6 + 12 };
	static const uint32_t all[] = { LIBC, SHELL, TOOL, DOC };
	struct costmodel m = costmodel_make(&g, NULL);
	for (uint32_t i = 0; i < PATHS; i++)
		OK(m.alone[i] == alone[i] && m.apart[i] == apart[i]);
	OK(costmodel_unshared(&m, &all[SHELL], 1) == 0);
	OK(costmodel_unshared(&m, &all[SHELL], 2) == 6 + 31 + 11); /* the tool has both */
	OK(costmodel_unshared(&m, all, 4) == 49 + 3 * 146 + 2 * 31 + 87 + 18);
	costmodel_free(&m);
}

/*
 * Alone: 100 + 20 * 2 + 50 * 3 + 10 = 300. The cheapest merge is shell with
 * tool, which adds 20; the next is doc with them, which adds 70 + 30 (with
 * libc: 110); one layer is 180 * 4.
 */
static void cost(uint32_t limit, uint64_t expected)
{
	struct costmodel m = costmodel_make(&g, NULL);
	const struct merge_rules rules = { .limit = limit };
	struct merge_group *groups = xcalloc(PATHS, sizeof *groups);
	uint32_t n = 0;
	merge_alone(&g, groups, &n);
	OK(n == PATHS);
	merge_groups(&m, &rules, groups, &n);
	OK(n == limit);
	double found = merge_expected_cost(&m, groups, n) * 300;
	OK(found > (double)expected - .01 && found < (double)expected + .01);
	merge_free_groups(groups, n);
	costmodel_free(&m);
}

static void closed_groups(void)
{
	struct costmodel m = costmodel_make(&g, NULL);
	const struct merge_rules rules = { .limit = 1 };
	struct merge_group *groups = xcalloc(PATHS, sizeof *groups);
	uint32_t n = 0;
	merge_alone(&g, groups, &n);
	groups[LIBC].closed = groups[DOC].closed = true;
	merge_groups(&m, &rules, groups, &n);
	OK(n == 3); /* the limit does not hold: shell and tool is all that could be merged */
	merge_free_groups(groups, n);
	costmodel_free(&m);
}

/*
 * With these weights the cheapest update is that of libc with doc: 10 * 1; of
 * shell with tool it is 20 * 2. A byte that is not shared costs the weight of
 * all, 4, in 25 of 100 updates: 1. These are 488 of libc and doc, which nobody
 * has both, 48 of shell and tool, and 89 of shell and doc.
 */
static void sharing(uint32_t percent, uint32_t a, uint32_t b)
{
	static const uint64_t weights[] = { 1, 1, 2, 0 };
	struct costmodel m = costmodel_make(&g, weights);
	const struct merge_rules rules = { .limit = 3, .sharing = percent };
	struct merge_group *groups = xcalloc(PATHS, sizeof *groups);
	uint32_t n = 0;
	merge_alone(&g, groups, &n);
	merge_groups(&m, &rules, groups, &n);
	for (uint32_t i = 0; i < n; i++)
		OK((groups[i].n == 2) == (groups[i].paths[0] == a || groups[i].paths[0] == b));
	merge_free_groups(groups, n);
	costmodel_free(&m);
}

static struct merge_group group_of(uint32_t a, uint32_t b)
{
	struct merge_group group = { .paths = xcalloc(2, sizeof *group.paths), .n = 2 };
	group.paths[0] = a;
	group.paths[1] = b;
	return group;
}

/*
 * libc with tool is 150 * 3, shell with doc 30 * 3. Moving shell away gains 20
 * (520), tool to doc 40 (480), shell to them 60 (420), and then nothing more.
 */
static void single_moves(bool closed, bool known, uint64_t min_size, uint64_t expected)
{
	struct costmodel m = costmodel_make(&g, NULL);
	const struct merge_rules rules = { .limit = 2, .min_size = min_size };
	struct merge_group *groups = xcalloc(PATHS, sizeof *groups);
	const uint32_t n = 2;
	groups[0] = group_of(LIBC, TOOL);
	groups[1] = group_of(SHELL, DOC);
	groups[1].closed = closed;
	groups[1].known = known;
	descend_groups(&m, &rules, groups, n);
	double found = merge_expected_cost(&m, groups, n) * 300;
	OK(found > (double)expected - .01 && found < (double)expected + .01);
	merge_free_groups(groups, n);
	costmodel_free(&m);
}

/*
 * No source ever changes, so that only sharing counts: shell moves to
 * tool and doc, of which 20 + 2 * 31 + 87 + 18 bytes are not shared then.
 */
static void moves_for_sharing(void)
{
	static const uint64_t weights[PATHS] = { 0 };
	struct costmodel m = costmodel_make(&g, weights);
	const struct merge_rules rules = { .limit = 2, .sharing = 25 };
	struct merge_group *groups = xcalloc(PATHS, sizeof *groups);
	cost_t unshared = 0;
	groups[0] = group_of(LIBC, SHELL);
	groups[1] = group_of(TOOL, DOC);
	descend_groups(&m, &rules, groups, 2);
	for (uint32_t i = 0; i < 2; i++)
		unshared += costmodel_unshared(&m, groups[i].paths, groups[i].n);
	OK(unshared == 187);
	merge_free_groups(groups, 2);
	costmodel_free(&m);
}

int main(void)
{
	struct reachable r;
	reachable_init(&r, &g);
	sets(&r);
	changes();
	unshared();
	cost(4, 300);
	cost(3, 320);
	cost(2, 420);
	cost(1, 720);
	closed_groups();
	sharing(0, LIBC, DOC);
	sharing(25, SHELL, TOOL);
	single_moves(false, false, 0, 420);
	single_moves(true, false, 0, 540);
	single_moves(false, true, 0, 540);
	single_moves(false, false, 101, 540); /* nothing may leave */
	moves_for_sharing();
	reachable_free(&r);
	return TAP_END;
}
