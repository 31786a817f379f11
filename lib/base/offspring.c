/* SPDX-License-Identifier: MIT */
#include "base/offspring.h"

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/num.h"

enum { ROUNDS = 100, ROUND_NS = 50000000 };

struct list {
	pid_t *id;
	size_t n, cap;
};

/* Adds the process that a word names. */
static void add(struct list *l, const char *word, size_t len)
{
	struct err ignored = { 0 };
	uint64_t id;
	if (num_parse(word, len, 10, 2, INT32_MAX, &id, &ignored) < 0)
		return err_clear(&ignored);
	if ((pid_t)id == getpid())
		return;
	l->id = mem_grow(l->id, &l->cap, l->n + 1, sizeof *l->id);
	l->id[l->n++] = (pid_t)id;
}

static void read_children(pid_t of, struct buf *text)
{
	AUTO_FREE char *path = xasprintf("/proc/%d/task/%d/children", (int)of, (int)of);
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	char part[4096];
	ssize_t n;
	while (fd >= 0 && (n = read(fd, part, sizeof part)) > 0)
		buf_add(text, part, (size_t)n);
}

static void add_children(struct list *l, pid_t of)
{
	AUTO_BUF struct buf text = { 0 };
	read_children(of, &text);
	for (size_t i = 0; i < text.len;) {
		size_t len = strcspn(text.s + i, " ");
		add(l, text.s + i, len);
		i += len + 1;
	}
}

/* One that has ended and was not waited for has no program. */
static bool any_runs(const struct list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		AUTO_FREE char *path = xasprintf("/proc/%d/exe", (int)l->id[i]);
		if (access(path, F_OK) == 0)
			return true;
	}
	return false;
}

static void signal_all(const struct list *l, int sig)
{
	for (size_t i = 0; i < l->n; i++)
		(void)kill(l->id[i], sig);
}

void offspring_end(pid_t of)
{
	struct list l = { 0 };
	add_children(&l, of);
	for (size_t i = 0; i < l.n; i++)
		add_children(&l, l.id[i]);
	signal_all(&l, SIGTERM);
	for (int i = 0; i < ROUNDS && any_runs(&l); i++)
		nanosleep(&(struct timespec){ .tv_nsec = ROUND_NS }, NULL);
	if (any_runs(&l))
		signal_all(&l, SIGKILL);
	free(l.id);
}
