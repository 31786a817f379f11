/* SPDX-License-Identifier: MIT */
#include "image/blobpipes.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	MAKERS = 2, /* files that are made at a time: each takes memory, */
	ALONE = 2,  /* as do the threads of one that is alone */
	STACK = 512 << 10,
	PATIENCE = 5,              /* seconds between SIGTERM and SIGKILL, or for a lock */
	MOMENT = 10 * 1000 * 1000, /* nanoseconds */
	CANNOT_RUN = 126,
	NOT_FOUND = 127,
	FILES = 64, /* open files beside those that wait for a reader */
};

/* Where a fresh pipe lies until it takes the other one's place. */
static const char fresh[] = ".layerpipe-pipe-";

struct server {
	const struct blobpipes *b;
	int dir;
	struct rlimit files; /* as it was, and as the command has it */
	pid_t command;
	pthread_mutex_t lock;
	pthread_cond_t change;
	unsigned makers;
	bool stop;
	bool failed;
	struct err err;
};

struct pipe_thread {
	struct server *s;
	size_t i;
	pthread_t thread;
	int fd; /* of the pipe that it writes to; -1: none */
};

/* --- pipes --- */

/* Waits for the lock, but not for long: who keeps it changes nothing. Returns its descriptor or -1.
 */
static int lock_names(const struct server *s)
{
	const struct timespec moment = { .tv_nsec = MOMENT };
	int fd = s->b->lock ? open(s->b->lock, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
	for (int i = 0; fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK; i++)
		if (i == PATIENCE * 100 || nanosleep(&moment, NULL) < 0)
			break;
	return fd;
}

/* Puts a fresh pipe in the place of whatever pipe is there; anything else stays: *taken. */
static int put_pipe(const struct server *s, size_t i, bool *taken, struct err *e)
{
	const char *name = s->b->names[i];
	AUTO_FREE char *temporary = xasprintf("%s%zu", fresh, i);
	AUTO_CLOSE int lock __attribute__((unused)) = lock_names(s);
	struct stat st;
	*taken = fstatat(s->dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISFIFO(st.st_mode);
	if (*taken)
		return 0;
	(void)unlinkat(s->dir, temporary, 0);
	if (mkfifoat(s->dir, temporary, 0600) < 0 || renameat(s->dir, temporary, s->dir, name) < 0)
		return err_set(e, errno, "cannot make the pipe '%s/%s'", s->b->dir, name);
	return 0;
}

static int put_pipes(const struct server *s, struct err *e)
{
	bool taken = false;
	for (size_t i = 0; i < s->b->n; i++) {
		if (put_pipe(s, i, &taken, e) < 0)
			return -1;
		if (taken)
			return err_set(e, 0, "'%s/%s' is there already", s->b->dir, s->b->names[i]);
	}
	return 0;
}

/* Who opens it just now gets an end: it has a writer until it has no name. */
static void remove_pipe(const struct server *s, size_t i)
{
	const char *name = s->b->names[i];
	AUTO_CLOSE int lock __attribute__((unused)) = lock_names(s);
	AUTO_CLOSE int fd = openat(s->dir, name, O_RDWR | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode))
		(void)unlinkat(s->dir, name, 0);
}

static void remove_pipes(const struct server *s)
{
	for (size_t i = 0; i < s->b->n; i++) {
		AUTO_FREE char *temporary = xasprintf("%s%zu", fresh, i);
		(void)unlinkat(s->dir, temporary, 0);
		remove_pipe(s, i);
	}
}

/* --- a thread a pipe --- */

/* Notes what went wrong first, and ends the command. */
static void fail(struct server *s, struct err *e)
{
	pthread_mutex_lock(&s->lock);
	if (!s->failed && !s->stop) {
		s->failed = true;
		s->err = *e;
		*e = (struct err){ 0 };
		kill(s->command, SIGTERM);
	}
	pthread_mutex_unlock(&s->lock);
	err_clear(e);
}

static bool has_stopped(struct server *s)
{
	pthread_mutex_lock(&s->lock);
	bool stopped = s->stop;
	pthread_mutex_unlock(&s->lock);
	return stopped;
}

static bool has_failed(struct server *s)
{
	pthread_mutex_lock(&s->lock);
	bool failed = s->failed;
	pthread_mutex_unlock(&s->lock);
	return failed;
}

/* Waits for its turn; how many threads it may use. One that is alone has more. */
static unsigned take_turn(struct server *s)
{
	pthread_mutex_lock(&s->lock);
	while (s->makers == MAKERS)
		pthread_cond_wait(&s->change, &s->lock);
	unsigned most = s->b->threads < ALONE ? s->b->threads : ALONE;
	unsigned threads = s->makers++ ? 1 : most;
	pthread_mutex_unlock(&s->lock);
	return threads;
}

static void end_turn(struct server *s)
{
	pthread_mutex_lock(&s->lock);
	s->makers--;
	pthread_cond_signal(&s->change);
	pthread_mutex_unlock(&s->lock);
}

static int make(struct server *s, size_t i, int fd, struct err *e)
{
	struct out o;
	unsigned threads = take_turn(s);
	out_init(&o, fd, s->b->names[i]);
	int r = s->b->make(s->b->context, i, threads, &o, e);
	if (r == 0)
		r = out_flush(&o, e);
	out_drop(&o);
	end_turn(s);
	if (r < 0 && e->code == EPIPE) {
		err_clear(e);
		return 0;
	}
	return r;
}

/* Waits for a reader. */
static int await_reader(struct server *s, size_t i)
{
	for (;;) {
		int fd = openat(s->dir, s->b->names[i], O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
		if (fd >= 0 || errno != EINTR || has_stopped(s))
			return fd;
	}
}

static bool is_pipe(int fd)
{
	struct stat st;
	return fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode);
}

static void note_fd(struct pipe_thread *t, int fd)
{
	pthread_mutex_lock(&t->s->lock);
	t->fd = fd;
	pthread_mutex_unlock(&t->s->lock);
}

/* Gives a reader what it wants; *taken: it was the last one. */
static int serve_reader(struct pipe_thread *t, int fd, bool *taken, struct err *e)
{
	if (put_pipe(t->s, t->i, taken, e) < 0)
		return -1;
	note_fd(t, fd);
	int r = make(t->s, t->i, fd, e);
	note_fd(t, -1);
	return r;
}

/* Waits for one reader and serves it. Returns false when there is no more to do. */
static bool serve_one(struct pipe_thread *t)
{
	struct err e = { 0 };
	bool taken = false;
	AUTO_CLOSE int fd = await_reader(t->s, t->i);
	int code = errno;
	if (fd < 0 ? code == ENOENT || has_stopped(t->s) : !is_pipe(fd))
		return false;
	int r = fd < 0 ? err_set(&e, code, "cannot open the pipe '%s'", t->s->b->names[t->i])
		       : serve_reader(t, fd, &taken, &e);
	/* where this failed, the reader gets its end only when the command is being ended */
	if (r < 0)
		fail(t->s, &e);
	return r == 0 && !taken;
}

/* Who has opened a pipe when the end comes is served, but nobody after that. */
static void *serve(void *thread)
{
	struct pipe_thread *t = thread;
	while (!has_stopped(t->s) && serve_one(t))
		;
	remove_pipe(t->s, t->i);
	return NULL;
}

static int start_threads(struct pipe_thread *threads, size_t n, size_t *started, struct err *e)
{
	pthread_attr_t attr;
	pthread_attr_init(&attr);
	int r = pthread_attr_setstacksize(&attr, STACK);
	for (*started = 0; r == 0 && *started < n; *started += r == 0)
		r = pthread_create(&threads[*started].thread, &attr, serve, &threads[*started]);
	pthread_attr_destroy(&attr);
	return r ? err_set(e, r, "cannot start a thread") : 0;
}

static void no_more(int sig)
{
	(void)sig;
}

/* Ends what is still being written: from now on these pipes have no reader. */
static void cut(struct server *s, const struct pipe_thread *threads, size_t n)
{
	int without[2];
	if (pipe2(without, O_CLOEXEC) < 0)
		return;
	close(without[0]);
	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < n; i++)
		if (threads[i].fd >= 0)
			(void)dup3(without[1], threads[i].fd, O_CLOEXEC);
	pthread_mutex_unlock(&s->lock);
	close(without[1]);
}

static bool join(pthread_t thread)
{
	struct timespec until;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += MOMENT;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	return pthread_timedjoin_np(thread, NULL, &until) == 0;
}

/*
 * A signal wakes who waits for a reader: again and again, as it may come just before that. Where
 * the end was not the command's own, nobody waits for a reader that does not read.
 */
static void stop_threads(struct server *s, const struct pipe_thread *threads, size_t n,
			 const sigset_t *set, struct blobpipes_end *end)
{
	const struct sigaction wake = { .sa_handler = no_more };
	const struct timespec now = { 0 };
	sigaction(SIGUSR1, &wake, NULL);
	for (size_t i = 0; i < n; i++)
		do {
			int sig = sigtimedwait(set, NULL, &now);
			if (sig > 0 && sig != SIGCHLD)
				end->signal = sig;
			if (end->signal || has_failed(s))
				cut(s, threads, n);
			pthread_kill(threads[i].thread, SIGUSR1);
		} while (!join(threads[i].thread));
}

/* --- the command --- */

static void signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGCHLD);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGHUP);
}

static void on_broken_pipe(void (*handler)(int))
{
	const struct sigaction action = { .sa_handler = handler };
	sigaction(SIGPIPE, &action, NULL);
}

/* Without us nobody would ever write into a pipe that the command reads: it ends with us. */
static _Noreturn void become(const struct server *s, char *const command[], const sigset_t *before,
			     int report)
{
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	on_broken_pipe(SIG_DFL);
	setrlimit(RLIMIT_NOFILE, &s->files);
	sigprocmask(SIG_SETMASK, before, NULL);
	execvp(*command, command);
	int code = errno;
	_exit(out_write_fd(report, &code, sizeof code) < 0 ? CANNOT_RUN : NOT_FOUND);
}

/* What the command's process reports in front of its end; nothing where it runs. */
static int check_start(char *const command[], int report, struct blobpipes_end *end, struct err *e)
{
	int code;
	if (read(report, &code, sizeof code) != sizeof code)
		return 0;
	end->status = code == ENOENT ? NOT_FOUND : CANNOT_RUN;
	return err_set(e, code, "cannot run '%s'", *command);
}

static int start_command(struct server *s, char *const command[], const sigset_t *before,
			 struct blobpipes_end *end, struct err *e)
{
	int report[2];
	if (pipe2(report, O_CLOEXEC) < 0)
		return err_set(e, errno, "cannot start '%s'", *command);
	s->command = fork();
	if (s->command == 0)
		become(s, command, before, report[1]);
	int r = s->command < 0 ? err_set(e, errno, "cannot start '%s'", *command) : 0;
	close(report[1]);
	if (r == 0 && (r = check_start(command, report[0], end, e)) < 0)
		waitpid(s->command, NULL, 0);
	close(report[0]);
	return r;
}

/* It stays a zombie until no thread can signal it any more. */
static bool has_ended(const struct server *s)
{
	siginfo_t info = { 0 };
	int r = waitid(P_PID, (id_t)s->command, &info, WEXITED | WNOHANG | WNOWAIT);
	return r < 0 ? errno != EINTR : info.si_pid != 0;
}

static int reap(struct server *s)
{
	int status = 0;
	pthread_mutex_lock(&s->lock);
	s->stop = true;
	pthread_mutex_unlock(&s->lock);
	while (waitpid(s->command, &status, 0) < 0 && errno == EINTR)
		;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* Waits until the command ends, and passes signals on to it. */
static void await(struct server *s, const sigset_t *set, struct blobpipes_end *end)
{
	time_t since = 0;
	while (!has_ended(s)) {
		const struct timespec second = { .tv_sec = 1 };
		int sig = sigtimedwait(set, NULL, &second);
		if (sig > 0 && sig != SIGCHLD) {
			end->signal = sig;
			kill(s->command, sig);
		}
		if (!since && has_failed(s))
			since = time(NULL);
		if (since && time(NULL) - since > PATIENCE)
			kill(s->command, SIGKILL);
	}
	end->status = reap(s);
}

static int run(struct server *s, char *const command[], const sigset_t *set, const sigset_t *before,
	       struct blobpipes_end *how, struct err *e)
{
	AUTO_FREE struct pipe_thread *threads = xcalloc(s->b->n, sizeof *threads);
	struct err failure = { 0 };
	size_t started = 0;
	for (size_t i = 0; i < s->b->n; i++)
		threads[i] = (struct pipe_thread){ .s = s, .i = i, .fd = -1 };
	if (start_command(s, command, before, how, e) < 0)
		return -1;
	if (start_threads(threads, s->b->n, &started, &failure) < 0)
		fail(s, &failure);
	await(s, set, how);
	stop_threads(s, threads, started, set, how);
	if (!s->failed)
		return 0;
	*e = s->err;
	how->status = 0;
	return -1;
}

/* Who waits for a reader has a descriptor for it: one for each pipe. */
static int allow_files(struct server *s, struct err *e)
{
	rlim_t need = s->b->n + FILES;
	if (getrlimit(RLIMIT_NOFILE, &s->files) < 0)
		return err_set(e, errno, "cannot tell how many files may be open");
	if (s->files.rlim_cur >= need)
		return 0;
	const struct rlimit more = { need, s->files.rlim_max };
	if (s->files.rlim_max < need || setrlimit(RLIMIT_NOFILE, &more) < 0)
		return err_set(e, 0,
			       "%zu pipes need %ju open files, but the limit is %ju (ulimit -Hn)",
			       s->b->n, (uintmax_t)need, (uintmax_t)s->files.rlim_max);
	return 0;
}

/* Signals are put off as long as there are pipes. */
static int serve_pipes(struct server *s, char *const command[], struct blobpipes_end *end,
		       struct err *e)
{
	sigset_t set, before;
	on_broken_pipe(SIG_IGN);
	signals(&set);
	sigprocmask(SIG_BLOCK, &set, &before);
	int r = put_pipes(s, e);
	if (r == 0)
		r = run(s, command, &set, &before, end, e);
	remove_pipes(s);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return r;
}

int blobpipes_run(const struct blobpipes *b, char *const command[], struct blobpipes_end *end,
		  struct err *e)
{
	AUTO_CLOSE int dir = open(b->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return err_set(e, errno, "cannot open directory '%s'", b->dir);
	if (flock(dir, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK
			       ? err_set(e, 0, "'%s' is being served by another process", b->dir)
			       : err_set(e, errno, "cannot lock '%s'", b->dir);
	struct server s = { .b = b,
			    .dir = dir,
			    .lock = PTHREAD_MUTEX_INITIALIZER,
			    .change = PTHREAD_COND_INITIALIZER };
	*end = (struct blobpipes_end){ 0 };
	/* what a thread frees goes back to the system: else each keeps as much as it ever had */
	mallopt(M_MMAP_THRESHOLD, 128 << 10);
	if (allow_files(&s, e) < 0)
		return -1;
	int r = serve_pipes(&s, command, end, e);
	setrlimit(RLIMIT_NOFILE, &s.files);
	return r;
}
