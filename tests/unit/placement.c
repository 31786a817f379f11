/* SPDX-License-Identifier: MIT */
#include "layer/placement.h"

#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tap.h"

static void read_text(struct mtree *m, const char *text)
{
	struct err e = { 0 };
	AUTO_CLOSE int fd = memfd_create("text", MFD_CLOEXEC);
	if (out_write_fd(fd, text, strlen(text)) < 0 || lseek(fd, 0, SEEK_SET) < 0 ||
	    mtree_read_listing(fd, "text", m, &e) < 0)
		printf("Bail out! %s\n", e.msg);
}

static char *written(const struct mtree *m)
{
	struct err e = { 0 };
	struct out o;
	AUTO_CLOSE int fd = memfd_create("written", MFD_CLOEXEC);
	out_init(&o, fd, "written");
	for (size_t i = 0; i < m->n; i++)
		if (mtree_write(&m->entries[i], &o, &e) < 0)
			printf("Bail out! %s\n", e.msg);
	if (out_flush(&o, &e) < 0)
		printf("Bail out! %s\n", e.msg);
	char *text = xcalloc(1, o.written + 1);
	if (pread(fd, text, o.written, 0) != (ssize_t)o.written)
		printf("Bail out! short\n");
	out_drop(&o);
	return text;
}

/* The lines of own placed on base, or the error. Valid until the next call. */
static const char *placed(const char *own, const char *base)
{
	static char *result;
	struct mtree m = { 0 }, b = { 0 };
	struct err e = { 0 };
	free(result);
	read_text(&m, own);
	read_text(&b, base);
	bool bad = placement_apply(&m, &b, &e) < 0;
	mtree_free(&b); /* nothing of it is used */
	result = bad ? xasprintf("%s", e.msg) : written(&m);
	mtree_free(&m);
	err_clear(&e);
	return result;
}

#define MERGED                                                                                     \
	"./bin type=link link=usr/bin\n"                                                           \
	"./lib type=link link=/usr/lib\n"                                                          \
	"./lib64 type=link link=lib\n"                                                             \
	"./sbin type=link link=./usr//bin/\n"                                                      \
	"./usr type=dir mode=0751 uid=3 gid=4 uname=u gname=g time=7.0 xattr.user.a=AQI=\n"        \
	"./usr/bin type=dir mode=0750\n"                                                           \
	"./usr/lib type=dir\n"                                                                     \
	"./usr/bin/sh type=file size=5\n"

static void test_merged(void)
{
	/* nothing lies below a link */
	STREQ(placed(". type=dir mode=0700\n./etc/x type=file\n", MERGED),
	      ". type=dir mode=0700\n./etc type=dir\n./etc/x type=file\n");
	/* what base has of the new way comes with it; the entry of the link's name goes */
	STREQ(placed("./bin type=dir mode=0700\n./bin/x type=file mode=0755\n", MERGED),
	      "./usr type=dir mode=0751 uid=3 gid=4 uname=u gname=g time=7.0 xattr.user.a=AQI=\n"
	      "./usr/bin type=dir mode=0750\n"
	      "./usr/bin/x type=file mode=0755\n");
	STREQ(placed("./bin type=dir\n", MERGED), "");
	/* ways to one directory */
	STREQ(placed("./usr type=dir mode=0700\n./usr/lib/a type=file\n./lib/b type=file\n"
		     "./lib64/c/d type=file\n./lib64/c type=dir mode=0711\n"
		     "./sbin/x type=link link=../y\n./lib/c type=dir mode=0722\n",
		     MERGED),
	      "./usr type=dir mode=0700\n"
	      "./usr/bin type=dir mode=0750\n"
	      "./usr/bin/x type=link link=../y\n"
	      "./usr/lib type=dir\n"
	      "./usr/lib/a type=file\n"
	      "./usr/lib/b type=file\n"
	      "./usr/lib/c type=dir mode=0722\n"
	      "./usr/lib/c/d type=file\n");
	/* a directory that stands at its own place wins, even over a listed one that comes */
	STREQ(placed("./lib/c type=dir mode=0722\n./usr/lib/c type=dir mode=0733\n", MERGED),
	      "./usr type=dir mode=0751 uid=3 gid=4 uname=u gname=g time=7.0 xattr.user.a=AQI=\n"
	      "./usr/lib type=dir\n./usr/lib/c type=dir mode=0733\n");
	/* one that is listed wins over one that is not */
	STREQ(placed("./lib/c type=dir mode=0722\n./usr/lib/c/x type=file\n", MERGED),
	      "./usr type=dir mode=0751 uid=3 gid=4 uname=u gname=g time=7.0 xattr.user.a=AQI=\n"
	      "./usr/lib type=dir\n./usr/lib/c type=dir mode=0722\n./usr/lib/c/x type=file\n");
	/* no directory takes the link's place, as ever */
	STREQ(placed("./bin type=file\n./lib type=link link=elsewhere\n", MERGED),
	      "./bin type=file\n./lib type=link link=elsewhere\n");
	/* a directory that is not listed is as base has it, moved or not */
	STREQ(placed("./usr/bin/x type=file\n", MERGED),
	      "./usr type=dir mode=0751 uid=3 gid=4 uname=u gname=g time=7.0 xattr.user.a=AQI=\n"
	      "./usr/bin type=dir mode=0750\n./usr/bin/x type=file\n");
	/* a directory over a file of base is a new one */
	STREQ(placed("./usr/bin/sh/x type=file\n./usr type=dir\n", MERGED),
	      "./usr type=dir\n./usr/bin type=dir mode=0750\n./usr/bin/sh type=dir\n"
	      "./usr/bin/sh/x type=file\n");
}

static void test_ways(void)
{
	/* chains, through links on the way, up and beyond the root */
	STREQ(placed("./a/b/x type=file\n", "./a type=link link=l/m\n./l type=link link=r/./s\n"
					    "./r/s/m type=link link=../../../../t\n"
					    "./t/b type=link link=/u/../t/c\n./t/c type=dir\n"
					    "./u type=dir\n"),
	      "./t type=dir\n./t/c type=dir\n./t/c/x type=file\n");
	/* a link to the root, and one to its own directory */
	STREQ(placed("./a/b/x type=file\n", "./a type=link link=/\n./b type=link link=.\n"),
	      "./x type=file\n");
	/* where base has nothing, directories are made, all that the way takes */
	STREQ(placed("./a/x type=file\n", "./a type=link link=p/q/../r\n./p type=dir mode=0700\n"),
	      "./p type=dir mode=0700\n./p/q type=dir\n./p/r type=dir\n./p/r/x type=file\n");
	STREQ(placed("./a type=dir mode=0700\n", "./a type=link link=b\n./b type=link link=c\n"),
	      "./c type=dir\n");
	STREQ(placed("./a/x type=file\n./c type=dir mode=0700\n", "./a type=link link=c\n"),
	      "./c type=dir mode=0700\n./c/x type=file\n");
}

static void test_refused(void)
{
	STREQ(placed("./a/x type=file\n", "./a type=link link=b\n./b type=link link=a\n"),
	      "cannot place 'a': in the base 'a' leads through a circle of links");
	STREQ(placed("./a/x type=file\n", "./a type=link link=a/b\n"),
	      "cannot place 'a': in the base 'a' leads through a circle of links");
	STREQ(placed("./d/a/x type=file\n", "./d/a type=link link=f\n./d/f type=file\n"),
	      "cannot place 'd/a': in the base 'd/a' leads to 'd/f', which is no directory");
	STREQ(placed("./a/x type=file\n", "./a type=link link=f/b\n./f type=fifo\n"),
	      "cannot place 'a': in the base 'a' leads to 'f', which is no directory");
	STREQ(placed("./bin/x type=file\n./usr/bin/x type=file\n", MERGED),
	      "'usr/bin/x' and 'bin/x' go to the same place in the base: 'usr/bin/x'");
	STREQ(placed("./bin/x type=dir\n./sbin/x type=file\n", MERGED),
	      "'bin/x' and 'sbin/x' go to the same place in the base: 'usr/bin/x'");
	STREQ(placed("./bin/x type=file\n./usr type=file\n", MERGED),
	      "'bin/x' goes to 'usr/bin/x' in the base, but 'usr' of the new layer is not a "
	      "directory");
	STREQ(placed("./bin/x type=file\n./lib type=link link=l\n",
		     "./bin type=link link=lib/bin\n./lib type=link link=usr/lib\n"),
	      "cannot place 'lib': in the base it is a link that other entries follow");
	STREQ(placed("./a/x type=file\n./c type=file\n", "./a type=link link=c\n"),
	      "'c' and 'a' go to the same place in the base: 'c'");
	AUTO_BUF struct buf base = { 0 };
	buf_adds(&base, "./a type=link link=");
	for (int i = 0; i < 5000; i++)
		buf_addc(&base, '/');
	buf_addc(&base, '\n');
	STREQ(placed("./a/x type=file\n", base.s),
	      "cannot place 'a': in the base 'a' is too long a link");
}

/* 100,000 files in 1,000 directories behind as many links. */
static void test_many(void)
{
	AUTO_BUF struct buf own = { 0 }, base = { 0 };
	for (int i = 0; i < 1000; i++) {
		buf_addf(&base, "./l%d type=link link=l%d\n./d/e%d type=dir\n", i, i + 1000, i);
		buf_addf(&base, "./l%d type=link link=/d/e%d\n", i + 1000, i);
		for (int j = 0; j < 100; j++)
			buf_addf(&own, "./l%d/f%d type=file\n", i, j);
	}
	const char *found = placed(own.s, base.s);
	OK(strncmp(found, "./d type=dir\n./d/e0 type=dir\n./d/e0/f0 type=file\n", 48) == 0);
	OK(!strstr(found, "./l"));
	size_t lines = 0;
	for (const char *s = found; (s = strchr(s, '\n')); s++)
		lines++;
	OK(lines == 1 + 1000 + 100000);
}

int main(void)
{
	test_merged();
	test_ways();
	test_refused();
	test_many();
	return TAP_END;
}
