/* SPDX-License-Identifier: MIT */
#include "base/within.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tap.h"

/* A root in a directory of its own, and a secret beside it. */
static int root;
static char place_of_all[] = "within.XXXXXX";

static bool put_file(const char *name, const char *text)
{
	AUTO_CLOSE int fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
}

static bool make_all(void)
{
	static const char *const links[][2] = {
		{ "a/b", "root/rel" },
		{ "/a/b", "root/abs" },
		{ "/a/../../../a/file", "root/up" },
		{ "../../../secret", "root/a/out" },
		{ "/secret", "root/host" },
		{ "../rel", "root/a/to-rel" },
		{ "loop", "root/loop" },
		{ "..", "root/a/b/parent" },
		{ "../out/secret", "root/a/beside" },
		{ "/abs/deep", "root/chain" },
		{ "nowhere", "root/dangling" },
		{ "file", "root/a/name" },
	};
	static const char *const dirs[] = { "root", "root/a", "root/a/b", "out" };
	bool good = mkdtemp(place_of_all) && chdir(place_of_all) == 0;
	for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++)
		good = good && mkdir(dirs[i], 0755) == 0;
	for (size_t i = 0; i < sizeof links / sizeof *links; i++)
		good = good && symlink(links[i][0], links[i][1]) == 0;
	good = good && put_file("secret", "secret") && put_file("out/secret", "secret") &&
	       put_file("root/a/file", "a/file") && put_file("root/a/b/deep", "a/b/deep");
	root = open("root", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return good && root >= 0;
}

struct expected {
	const char *path, *place; /* or NULL, and */
	int code;
	int flags;
};

static bool same_file(int a, int b)
{
	struct stat x, y;
	return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_ino == y.st_ino &&
	       x.st_dev == y.st_dev;
}

/* Step by step and as the kernel does it, to one file. */
static bool found(const struct expected *x, enum within_links links)
{
	AUTO_WITHIN_PLACE struct within_place place = { 0 };
	AUTO_CLOSE int fd = within_find(root, x->path, x->flags | O_PATH, links, &place);
	int code = errno;
	AUTO_CLOSE int kernel = within_find(root, x->path, x->flags | O_PATH, links, NULL);
	bool good = x->place ? fd >= 0 && strcmp(place.path.s, x->place) == 0 && kernel >= 0 &&
				       same_file(fd, kernel)
			     : fd < 0 && code == x->code && kernel < 0 && errno == x->code;
	if (!good)
		printf("# '%s': '%s', %s, %s\n", x->path, place.path.s,
		       fd < 0 ? strerror(code) : "found", kernel < 0 ? strerror(errno) : "found");
	return good;
}

static bool all_found(const struct expected *list, size_t n, enum within_links links)
{
	bool good = true;
	for (size_t i = 0; i < n; i++)
		good = found(&list[i], links) && good;
	return good;
}
#define ALL_FOUND(list, links) all_found((list), sizeof(list) / sizeof *(list), (links))

static void test_root(void)
{
	static const struct expected list[] = {
		{ "", "", 0, 0 },
		{ "/", "", 0, 0 },
		{ "..", "", 0, 0 },
		{ "/../..//a", "/a", 0, 0 },
		{ "a/file", "/a/file", 0, 0 },
		{ "a/./b/../file", "/a/file", 0, 0 },
		{ "a/b/", "/a/b", 0, 0 },
		{ "rel/deep", "/a/b/deep", 0, 0 },
		{ "abs/deep", "/a/b/deep", 0, 0 },
		{ "abs/", "/a/b", 0, O_NOFOLLOW },
		{ "abs", "/abs", 0, O_NOFOLLOW },
		{ "abs", "/a/b", 0, 0 },
		{ "up", "/a/file", 0, 0 },
		{ "chain", "/a/b/deep", 0, 0 },
		{ "a/to-rel/deep", "/a/b/deep", 0, 0 },
		{ "a/b/parent/b/parent", "/a", 0, 0 },
		{ "abs/..", "/a", 0, 0 },
		{ "a/name", "/a/file", 0, 0 },
		{ "a/out", NULL, ENOENT, 0 },
		{ "host", NULL, ENOENT, 0 },
		{ "a/beside", NULL, ENOENT, 0 },
		{ "dangling", NULL, ENOENT, 0 },
		{ "none/..", NULL, ENOENT, 0 },
		{ "loop", NULL, ELOOP, 0 },
		{ "a/file/", NULL, ENOTDIR, 0 },
		{ "a/file/..", NULL, ENOTDIR, 0 },
		{ "a/name/x", NULL, ENOTDIR, 0 },
	};
	OK(ALL_FOUND(list, WITHIN_ROOT));
}

static void test_beneath(void)
{
	static const struct expected list[] = {
		{ "a/file", "/a/file", 0, 0 },
		{ "rel/deep", "/a/b/deep", 0, 0 },
		{ "a/b/parent/file", "/a/file", 0, 0 },
		{ "a/to-rel", "/a/b", 0, 0 },
		{ "..", NULL, EXDEV, 0 },
		{ "abs", NULL, EXDEV, 0 },
		{ "a/out", NULL, EXDEV, 0 },
		{ "a/b/../../..", NULL, EXDEV, 0 },
		{ "dangling", NULL, ENOENT, 0 },
	};
	static const struct expected none[] = {
		{ "a/b/deep", "/a/b/deep", 0, 0 }, { "rel", NULL, ELOOP, 0 },
		{ "rel/deep", NULL, ELOOP, 0 },    { "a/b/parent/file", NULL, ELOOP, 0 },
		{ "a/b/..", "/a", 0, 0 },          { "loop", NULL, ELOOP, 0 },
	};
	OK(ALL_FOUND(list, WITHIN_BENEATH));
	OK(ALL_FOUND(none, WITHIN_NO_LINKS));
}

/* What is left to be looked up, and which link it was. */
static void test_rest(void)
{
	AUTO_WITHIN_PLACE struct within_place p = { 0 };
	OK(within_find(root, "chain/x", O_PATH, WITHIN_BENEATH, &p) < 0 && errno == EXDEV);
	STREQ(p.rest.s, "/abs/deep/x");
	STREQ(p.link.s, "/chain");
	OK(within_find(root, "a/out", O_PATH, WITHIN_BENEATH, &p) < 0 && errno == EXDEV);
	STREQ(p.rest.s, "../../secret");
	STREQ(p.path.s, "");
	OK(within_find(root, "a/none/x", O_PATH, WITHIN_ROOT, &p) < 0 && errno == ENOENT);
	STREQ(p.path.s, "/a");
	STREQ(p.rest.s, "none/x");
	STREQ(p.link.s, "");
}

static void test_border(void)
{
	AUTO_WITHIN_PLACE struct within_place p = { .border = "/a/b" };
	OK(within_find(root, "abs/deep", O_PATH, WITHIN_ROOT, &p) < 0 && errno == EXDEV);
	STREQ(p.path.s, "/a/b");
	STREQ(p.rest.s, "/deep");
	OK(within_find(root, "chain", O_PATH, WITHIN_ROOT, &p) < 0 && errno == EXDEV);
	AUTO_CLOSE int border = within_find(root, "abs//", O_PATH, WITHIN_ROOT, &p);
	AUTO_CLOSE int beside = within_find(root, "a/file", O_PATH, WITHIN_ROOT, &p);
	OK(border >= 0 && beside >= 0);
}

static void test_magic(void)
{
	AUTO_WITHIN_PLACE struct within_place p = { 0 };
	AUTO_CLOSE int proc = open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC);
	OK(within_find(proc, "root/etc", O_PATH, WITHIN_ROOT, &p) < 0 && errno == ELOOP);
	OK(within_find(proc, "root/etc", O_PATH, WITHIN_ROOT, NULL) < 0 && errno == ELOOP);
	OK(within_find(proc, "cwd", O_PATH, WITHIN_ROOT, &p) < 0 && errno == ELOOP);
	AUTO_CLOSE int all = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	AUTO_CLOSE int fd = within_find(all, "self/status", O_PATH, WITHIN_ROOT, &p);
	OK(fd >= 0);
}

/* --- what changes meanwhile --- */

static volatile bool stop;

/* a/b is now a directory, now a link to what is outside. */
static void *swap(void *arg)
{
	(void)arg;
	while (!stop)
		if (renameat2(AT_FDCWD, "root/a/b", AT_FDCWD, "bait", RENAME_EXCHANGE) < 0)
			return arg;
	return NULL;
}

static void test_race(void)
{
	AUTO_WITHIN_PLACE struct within_place p = { 0 };
	pthread_t thread;
	bool outside = false;
	int inside = 0;
	AUTO_CLOSE int secret = open("out/secret", O_PATH | O_CLOEXEC);
	OK(symlink("../../out", "bait") == 0 && put_file("root/a/b/secret", "mine"));
	OK(pthread_create(&thread, NULL, swap, &p) == 0);
	for (int i = 0; i < 30000; i++) {
		AUTO_CLOSE int fd =
			within_find(root, "a/b/secret", O_RDONLY,
				    i % 3 ? WITHIN_ROOT : WITHIN_NO_LINKS, i % 2 ? &p : NULL);
		inside += fd >= 0;
		outside = outside || (fd >= 0 && same_file(fd, secret));
	}
	stop = true;
	void *failed;
	OK(pthread_join(thread, &failed) == 0 && !failed);
	OK(!outside);
	OK(inside > 0);
}

static void test_open(void)
{
	AUTO_WITHIN struct within w = WITHIN_NONE, host = WITHIN_NONE, none = WITHIN_NONE;
	struct err e = { 0 };
	int fd = -1;
	OK(within_enter(&w, "root//", &e) == 0 && within_enter(&host, "/", &e) == 0);
	OK(within_open(&w, "open", "/dangling", O_RDONLY, &fd, NULL, &e) < 0 && e.code == ENOENT);
	STREQ(e.msg, "cannot open 'root/dangling': No such file or directory (the link "
		     "'root/dangling' leads to 'nowhere' in 'root/')");
	OK(within_open(&w, "read", "//none", O_RDONLY, &fd, NULL, &e) < 0);
	STREQ(e.msg, "cannot read 'root/none': No such file or directory");
	OK(within_open(&host, "open", "/none/x", O_RDONLY, &fd, NULL, &e) < 0);
	STREQ(e.msg, "cannot open '/none/x': No such file or directory");
	OK(within_enter(&none, NULL, &e) == 0 &&
	   within_open(&none, "open", "root/up", O_RDONLY, &fd, NULL, &e) < 0);
	STREQ(e.msg, "cannot open 'root/up': No such file or directory");
	OK(within_open(&none, "open", "secret", O_RDONLY, &fd, NULL, &e) == 0 && close(fd) == 0);
	OK(within_enter(&none, "nowhere", &e) < 0);
	STREQ(e.msg, "cannot open directory 'nowhere': No such file or directory");
	AUTO_FREE char *top = within_name(&host, "/"), *own = within_name(&w, "");
	STREQ(top, "/");
	STREQ(own, "root");
	err_clear(&e);
}

int main(void)
{
	if (!make_all())
		return printf("Bail out! cannot make files\n"), 1;
	test_root();
	test_beneath();
	test_rest();
	test_border();
	test_magic();
	test_open();
	test_race();
	return TAP_END;
}
