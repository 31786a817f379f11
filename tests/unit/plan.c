/* SPDX-License-Identifier: MIT */
#include "plan/plan.h"

#include <sys/mman.h>
#include <unistd.h>

#include "tap.h"

/* Reads text as a plan; returns the message, "" where it is one. The caller frees it. */
static char *read_text(const char *text, struct plan *p)
{
	struct err e = { 0 };
	int fd = memfd_create("plan", 0);
	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text) ||
	    lseek(fd, 0, SEEK_SET) < 0)
		abort();
	int failed = plan_read(fd, "plan", p, &e) < 0;
	close(fd);
	return failed ? e.msg : xstrdup("");
}

/* What plan_write() makes of the plan. The caller frees it. */
static char *write_text(const struct plan *p)
{
	struct out o;
	struct err e = { 0 };
	int fd = memfd_create("plan", 0);
	out_init(&o, fd, "plan");
	if (fd < 0 || plan_write(p, &o, &e) < 0 || out_flush(&o, &e) < 0)
		abort();
	char *text = xcalloc(o.written + 1, 1);
	if (pread(fd, text, o.written, 0) != (ssize_t)o.written || out_close(&o, &e) < 0)
		abort();
	return text;
}

static void becomes(const char *text, const char *expected)
{
	AUTO_PLAN struct plan p = { 0 };
	AUTO_FREE char *msg = read_text(text, &p);
	AUTO_FREE char *found = write_text(&p);
	STREQ(msg, "");
	STREQ(found, expected);
}

static void is_refused(const char *text, const char *expected)
{
	AUTO_PLAN struct plan p = { 0 };
	AUTO_FREE char *msg = read_text(text, &p);
	STREQ(msg, expected);
	OK(p.n == 0);
}

#define P    "/nix/store/00000000000000000000000000000000-"
#define SRI  "sha256-1p9Xq7jrQuW+nh6S4i/dbToOihEIYbTDasG+oOe6hsU="
#define HEX  "d69f57abb8eb42e5be9e1e92e22fdd6d3a0e8a110861b4c36ac1bea0e7ba86c5"
#define REST "\t-\t-\n"

static void test_read(void)
{
	becomes("", "");
	becomes("1\t" P "a\t5\t" SRI "\n2\t" P "b" REST, "1\t" P "a\t5\t" SRI "\n2\t" P "b" REST);
	becomes("1\t" P "b\t0\t-\n1\t" P "a" REST, "1\t" P "b\t0\t-\n1\t" P "a" REST);
	becomes("2\t" P "a" REST "7\t" P "b" REST "7\t" P "c" REST,
		"1\t" P "a" REST "2\t" P "b" REST "2\t" P "c" REST);
	becomes("1\t" P "a\t18446744073709551615\t" HEX "\n",
		"1\t" P "a\t18446744073709551615\t" SRI "\n");
	becomes("1\t/st\\xff \\t\\\\e/00000000000000000000000000000000-a" REST,
		"1\t/st\\xff \\t\\\\e/00000000000000000000000000000000-a" REST);
}

static void test_refuse(void)
{
	is_refused("2\t" P "a" REST "1\t" P "b" REST,
		   "plan:2: layer 1 follows layer 2: expected ascending layers "
		   "(sort -s -n -k 1,1 sorts them)");
	is_refused("1\t" P "c" REST "1\t" P "a" REST "2\t" P "b" REST "3\t" P "a" REST,
		   "plan:4: path '" P "a' is already in line 2");
	is_refused("0\t" P "a" REST, "plan:1: layer: '0': expected a number from 1 to 4294967295");
	is_refused("1\t-" REST, "plan:1: path: expected a value, found -");
	is_refused("1\t/etc/../passwd" REST,
		   "plan:1: '/etc/../passwd' is not a store path: expected /…/HASH-NAME");
	is_refused("1\t" P "a\t-\tmd5-x\n",
		   "plan:1: nar-hash: 'md5-x' is not a SHA-256 hash: expected sha256-BASE64, "
		   "or hex or nix-base32 with or without sha256:");
	is_refused("1\t" P "a\t-\n", "plan:1: expected 4 fields separated by single tabs, found 3");
	is_refused("1\t" P "a\t1 \t-\n",
		   "plan:1: nar-size: '1 ': expected a number from 0 to 18446744073709551615");
}

static void test_add(void)
{
	AUTO_PLAN struct plan p = { 0 };
	struct err e = { 0 };
	OK(plan_add(&p, 2, P "a", NULL, false, 0, &e) < 0);
	STREQ(e.msg, "cannot plan '" P "a': layer 2 cannot follow layer 0");
	OK(plan_add(&p, 1, P "a", NULL, false, 0, &e) == 0);
	OK(plan_add(&p, 2, P "b", SRI, true, 7, &e) == 0);
	OK(plan_add(&p, 1, P "c", NULL, false, 0, &e) < 0);
	OK(plan_add(&p, 4, P "c", NULL, false, 0, &e) < 0);
	OK(p.n == 2 && p.layers == 2);
	AUTO_FREE char *text = write_text(&p);
	STREQ(text, "1\t" P "a" REST "2\t" P "b\t7\t" SRI "\n");
	err_clear(&e);
}

int main(void)
{
	test_read();
	test_refuse();
	test_add();
	return TAP_END;
}
