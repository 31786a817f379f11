/* SPDX-License-Identifier: MIT */
#include "image/blobpipes.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tap.h"

static char dir[] = "blobpipes.XXXXXX";
static const char *const names[] = { "a", "b", "large", "bad", "large2", "large3", "large4" };
enum { N = sizeof names / sizeof *names };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned made[N];

/* Each begins with its first letter; the large ones are more than a pipe holds, bad fails after its
 * first bytes. */
static int make(void *context, size_t i, unsigned threads, struct out *o, struct err *e)
{
	OK(context == dir && threads >= 1 && threads <= 8);
	pthread_mutex_lock(&lock);
	made[i]++;
	pthread_mutex_unlock(&lock);
	if (out_write(o, names[i], 1, e) < 0)
		return -1;
	if (*names[i] == 'l')
		return out_zeros(o, 8 << 20, e);
	return strcmp(names[i], "bad") == 0 ? err_set(e, 0, "it went bad") : 0;
}

/* A script waits for what has to happen, and not for a time. */
static const char await[] = "await() { until eval \"$1\"; do sleep 0.01; done; }";

static int run(const char *script, struct blobpipes_end *end, struct err *e)
{
	const struct blobpipes b = {
		.dir = dir, .names = names, .n = N, .threads = 8, .make = make, .context = dir
	};
	AUTO_FREE char *in_dir = xasprintf("cd %s && { %s; %s\n}", dir, await, script);
	char shell[] = "sh", option[] = "-c";
	char *const command[] = { shell, option, in_dir, NULL };
	memset(made, 0, sizeof made);
	err_clear(e);
	return blobpipes_run(&b, command, end, e);
}

static unsigned files(void)
{
	unsigned n = 0;
	DIR *d = opendir(dir);
	for (struct dirent *entry; d && (entry = readdir(d)) != NULL;)
		n += entry->d_name[0] != '.' || entry->d_name[1] == 'l';
	if (d)
		closedir(d);
	return n;
}

static void test_reading(void)
{
	struct blobpipes_end end;
	struct err e = { 0 };
	OK(run("exit 7", &end, &e) == 0 && end.status == 7 && !end.signal);
	OK(!made[0] && !made[1] && files() == 0);
	OK(run("test $(cat a b a b a) = ababa && test -p bad", &end, &e) == 0 && end.status == 0);
	OK(made[0] == 3 && made[1] == 2 && !made[2] && files() == 0);
	OK(run("cat large large large | wc -c | grep -qx 25165827", &end, &e) == 0 &&
	   end.status == 0);
	OK(run("cat large >1 & cat large2 >2 & cat large3 >3 & cat large4 >4 & wait;"
	       "cmp 1 2 && cmp 3 4 && cmp 1 4 && rm 1 2 3 4",
	       &end, &e) == 0 &&
	   end.status == 0);
	OK(made[2] == 1 && made[6] == 1 && files() == 0);
}

static void test_readers_that_leave(void)
{
	struct blobpipes_end end;
	struct err e = { 0 };
	OK(run("head -c 1 large >1 && cat a >2 && cat large | tail -c 3 >3 && rm 1 2 3", &end,
	       &e) == 0 &&
	   end.status == 0);
	OK(made[2] == 2 && files() == 0);
	OK(run(": <large", &end, &e) == 0 && end.status == 0 && files() == 0);
	OK(run("rm a b large bad large?; exit 3", &end, &e) == 0 && end.status == 3 &&
	   files() == 0);
}

static void test_failures(void)
{
	struct blobpipes_end end;
	struct err e = { 0 };
	char missing[] = "./no-such-program", file[] = "./text";
	char *nothing[] = { missing, NULL };
	char *text[] = { file, NULL };
	const struct blobpipes b = {
		.dir = dir, .names = names, .n = N, .threads = 8, .make = make, .context = dir
	};
	OK(run("cat bad; exec sleep 100", &end, &e) < 0);
	STREQ(e.msg, "it went bad");
	OK(files() == 0);
	OK(run("trap '' TERM; exec sh -c 'cat bad >/dev/null; while :; do sleep 1; done'", &end,
	       &e) < 0);
	STREQ(e.msg, "it went bad");
	err_clear(&e);
	OK(blobpipes_run(&b, nothing, &end, &e) < 0 && end.status == 127 && e.code == ENOENT);
	err_clear(&e);
	close(open("text", O_WRONLY | O_CREAT, 0644));
	OK(blobpipes_run(&b, text, &end, &e) < 0 && end.status == 126 && e.code == EACCES);
	unlink("text");
	close(open("file", O_WRONLY | O_CREAT, 0644));
	AUTO_FREE char *name = xasprintf("%s/b", dir);
	OK(rename("file", name) == 0);
	OK(run(":", &end, &e) < 0);
	AUTO_FREE char *message = xasprintf("'%s' is there already", name);
	STREQ(e.msg, message);
	OK(files() == 1 && unlink(name) == 0);
	err_clear(&e);
}

static void test_signals(void)
{
	struct blobpipes_end end;
	struct err e = { 0 };
	OK(run("kill -TERM $PPID; exec sleep 100", &end, &e) == 0);
	OK(end.signal == SIGTERM && end.status == 128 + SIGTERM && files() == 0);
	OK(run("exec 3<large; kill -HUP $PPID; exec sleep 2", &end, &e) == 0);
	OK(end.signal == SIGHUP && files() == 0);
	OK(run("kill -KILL $$", &end, &e) == 0 && end.status == 128 + SIGKILL && !end.signal);
}

/* Whether a file holds just this text. */
static bool holds(const char *name, const char *text)
{
	AUTO_FREE char *path = xasprintf("%s/%s", dir, name);
	AUTO_CLOSE int fd = open(path, O_RDONLY);
	char found[16] = "";
	return read(fd, found, sizeof found - 1) >= 0 && strcmp(found, text) == 0;
}

/* A process in the background that does not read does not keep us from ending. */
static void test_background(void)
{
	struct blobpipes_end end;
	struct err e = { 0 };
	OK(run("exec 3<large; { cat <&3 >.1; mv .1 1; } >/dev/null 2>&1 & :", &end, &e) == 0 &&
	   end.status == 0 && !end.signal);
	OK(run("await 'test -e 1'; test $(wc -c <1) = 8388609 && rm 1", &end, &e) == 0 &&
	   end.status == 0);
	OK(run("exec 3<large >/dev/null 2>&1;"
	       "{ await '! kill -0 $$'; kill -TERM $PPID; await '! test -p b'; } & exit 3",
	       &end, &e) == 0);
	OK(end.status == 3 && end.signal == SIGTERM && files() == 0);
	/* a pipe goes when its thread ends: who holds one open and then wants another waits for
	 * nobody */
	OK(run("exec 3<large >/dev/null 2>&1;"
	       "{ await '! kill -0 $$'; await '! test -p a'; cat <&3 >.2; mv .2 2; } &",
	       &end, &e) == 0 &&
	   end.status == 0);
	OK(run("await 'test -e 2'; test $(wc -c <2) = 8388609 && rm 2", &end, &e) == 0 &&
	   end.status == 0 && files() == 0);
}

/* A blob that another process puts there stays, and nobody's reading fails. */
static void test_replaced(void)
{
	struct blobpipes_end end;
	struct err e = { 0 };
	AUTO_FREE char *large = xasprintf("%s/large", dir), *a = xasprintf("%s/a", dir);
	OK(run("printf x >.t; printf y >.u; i=$(stat -c %i large); exec 3<large;"
	       "await 'test $(stat -c %i large) != $i'; mv .t large; mv .u a;"
	       "cat <&3 | wc -c | grep -qx 8388609; exec 3<&-; test $(cat large a b) = xyb",
	       &end, &e) == 0);
	OK(end.status == 0 && files() == 2 && holds("large", "x") && holds("a", "y"));
	OK(unlink(large) == 0 && unlink(a) == 0);
	err_clear(&e);
}

/* Each pipe takes a descriptor, whatever the limit is, and the command has the limit that was. */
static void test_limit(void)
{
	struct blobpipes_end end;
	struct err e = { 0 };
	struct rlimit before;
	OK(getrlimit(RLIMIT_NOFILE, &before) == 0);
	struct rlimit few = { 9, before.rlim_max };
	OK(setrlimit(RLIMIT_NOFILE, &few) == 0);
	OK(run("test $(ulimit -n) = 9 && test $(cat a b) = ab", &end, &e) == 0 && end.status == 0);
	OK(getrlimit(RLIMIT_NOFILE, &few) == 0 && few.rlim_cur == 9);
	pid_t child = fork();
	if (child == 0) { /* the hard limit can only be lowered */
		few.rlim_max = 70;
		bool refused = setrlimit(RLIMIT_NOFILE, &few) == 0 && run(":", &end, &e) < 0 &&
			       strcmp(e.msg, "7 pipes need 71 open files, but the limit is 70 "
					     "(ulimit -Hn)") == 0;
		_exit(refused ? 0 : 1);
	}
	int status = 1;
	OK(waitpid(child, &status, 0) == child && status == 0);
	OK(setrlimit(RLIMIT_NOFILE, &before) == 0 && files() == 0);
}

/* What a server that was killed leaves is no hindrance. */
static void test_leftovers(void)
{
	struct blobpipes_end end;
	struct err e = { 0 };
	AUTO_FREE char *pipe = xasprintf("%s/a", dir);
	OK(mkfifo(pipe, 0600) == 0);
	OK(run("test $(cat a) = a", &end, &e) == 0 && end.status == 0 && files() == 0);
}

int main(void)
{
	alarm(300); /* who waits for ever fails */
	if (!mkdtemp(dir))
		return 1;
	test_reading();
	test_readers_that_leave();
	test_failures();
	test_signals();
	test_background();
	test_replaced();
	test_limit();
	test_leftovers();
	rmdir(dir);
	return TAP_END;
}
