/* SPDX-License-Identifier: MIT */
#include "plan.h"

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

static void test_read(void)
{
	becomes("", "");
	becomes("1\t/a\t5\tsha256-x\n2\t/b\t-\t-\n", "1\t/a\t5\tsha256-x\n2\t/b\t-\t-\n");
	becomes("1\t/b\t1\t-\n1\t/a\\tb\\xff\\\\\t2\t-\n",
		"1\t/b\t1\t-\n1\t/a\\tb\\xff\\\\\t2\t-\n");
	becomes("2\t/a\t-\t-\n7\t/b\t-\t-\n7\t/c\t-\t-\n",
		"1\t/a\t-\t-\n2\t/b\t-\t-\n2\t/c\t-\t-\n");
	becomes("1\t/a\t18446744073709551615\t-\n", "1\t/a\t18446744073709551615\t-\n");
}

static void test_refuse(void)
{
	is_refused("2\t/a\t-\t-\n1\t/b\t-\t-\n",
		   "plan:2: layer 1 follows layer 2: expected ascending layers, "
		   "sort -s -n -k 1,1 makes them so");
	is_refused("1\t/c\t-\t-\n1\t/a\t-\t-\n2\t/b\t-\t-\n3\t/a\t-\t-\n",
		   "plan:4: path '/a' is in the plan already, in line 2");
	is_refused("0\t/a\t-\t-\n", "plan:1: layer: '0': expected a number from 1 to 4294967295");
	is_refused("1\t-\t-\t-\n", "plan:1: path: expected a value, found -");
	is_refused("1\t\\e\t-\t-\n", "plan:1: path: expected a value, found the empty one");
	is_refused("1\t/a\t-\t\\e\n", "plan:1: nar-hash: expected a value, found the empty one");
	is_refused("1\t/a\t-\n", "plan:1: expected 4 fields separated by single tabs, found 3");
	is_refused("1\t/a\t1 \t-\n",
		   "plan:1: nar-size: '1 ': expected a number from 0 to 18446744073709551615");
}

static void test_add(void)
{
	AUTO_PLAN struct plan p = { 0 };
	struct err e = { 0 };
	OK(plan_add(&p, 2, "/a", NULL, false, 0, &e) < 0);
	STREQ(e.msg, "cannot plan '/a': layer 2 cannot follow layer 0");
	OK(plan_add(&p, 1, "/a", NULL, false, 0, &e) == 0);
	OK(plan_add(&p, 2, "/b", "sha256-x", true, 7, &e) == 0);
	OK(plan_add(&p, 1, "/c", NULL, false, 0, &e) < 0);
	OK(plan_add(&p, 4, "/c", NULL, false, 0, &e) < 0);
	OK(p.n == 2 && p.layers == 2);
	AUTO_FREE char *text = write_text(&p);
	STREQ(text, "1\t/a\t-\t-\n2\t/b\t7\tsha256-x\n");
	err_clear(&e);
}

int main(void)
{
	test_read();
	test_refuse();
	test_add();
	return TAP_END;
}
