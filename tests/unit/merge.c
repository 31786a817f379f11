/* SPDX-License-Identifier: MIT */
#include "plan/merge.h"

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

static void changes(const struct reachable *r)
{
	static const uint32_t two[] = { SHELL, DOC };
	static const uint64_t weights[] = { 5, 0, 7, 1000 };
	OK(merge_changes(r, NULL, two, 2) == 3);
	OK(merge_changes(r, weights, two, 2) == 1005);
	OK(merge_changes(r, NULL, two, 0) == 0);
}

/*
 * Alone: 100 + 20 * 2 + 50 * 3 + 10 = 300. The cheapest merge is shell with
 * tool, which adds 20; the next is doc with them, which adds 70 + 30 (with
 * libc: 110); one layer is 180 * 4.
 */
static void cost(const struct reachable *r, uint32_t limit, uint64_t expected)
{
	AUTO_FREE uint32_t *rank = merge_ranks(&g);
	const struct merge_rules rules = { .limit = limit };
	struct merge_group *groups = xcalloc(PATHS, sizeof *groups);
	uint32_t n = 0;
	merge_alone(&g, groups, &n);
	OK(n == PATHS);
	merge_groups(&g, r, rank, &rules, groups, &n);
	OK(n == limit);
	double found = merge_expected_cost(&g, r, NULL, groups, n) * 300;
	OK(found > (double)expected - .01 && found < (double)expected + .01);
	merge_free_groups(groups, n);
}

static void closed_groups(const struct reachable *r)
{
	AUTO_FREE uint32_t *rank = merge_ranks(&g);
	const struct merge_rules rules = { .limit = 1 };
	struct merge_group *groups = xcalloc(PATHS, sizeof *groups);
	uint32_t n = 0;
	merge_alone(&g, groups, &n);
	groups[LIBC].closed = groups[DOC].closed = true;
	merge_groups(&g, r, rank, &rules, groups, &n);
	OK(n == 3); /* the limit does not hold: shell and tool is all that could be merged */
	merge_free_groups(groups, n);
}

int main(void)
{
	struct reachable r;
	reachable_init(&r, &g);
	sets(&r);
	changes(&r);
	cost(&r, 4, 300);
	cost(&r, 3, 320);
	cost(&r, 2, 420);
	cost(&r, 1, 720);
	closed_groups(&r);
	reachable_free(&r);
	return TAP_END;
}
