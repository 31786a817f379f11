/* SPDX-License-Identifier: MIT */
#include "base/jq.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/out.h"

extern char **environ;

/* A growing list of borrowed strings for argv and environ. */
struct list {
	const char **items;
	size_t n, cap;
};

static void list_add(struct list *l, const char *s)
{
	l->items = mem_grow(l->items, &l->cap, l->n + 1, sizeof *l->items);
	l->items[l->n++] = s;
}

/* Our environment, with a HOME where no .jq can be: definitions in it would change results. */
static const char **environment(void)
{
	struct list l = { 0 };
	for (char **var = environ; *var; var++)
		if (strncmp(*var, "HOME=", 5) != 0)
			list_add(&l, *var);
	list_add(&l, "HOME=/dev/null");
	list_add(&l, NULL);
	return l.items;
}

static const char **arguments(const char *program, const char *const *args)
{
	struct list l = { 0 };
	list_add(&l, "jq");
	list_add(&l, "-r");
	while (args && *args)
		list_add(&l, *args++);
	list_add(&l, program);
	list_add(&l, NULL);
	return l.items;
}

int jq_start(struct proc *p, const char *program, const char *const *args, int in, struct err *e)
{
	AUTO_FREE const char **argv = arguments(program, args);
	AUTO_FREE const char **env = environment();
	return proc_start(p, argv, env, in, e);
}

/* A file in memory that holds the text, to be read from its start. */
static int text_file(const char *text, size_t len, int *fd, struct err *e)
{
	AUTO_CLOSE int f = memfd_create("json", MFD_CLOEXEC);
	if (f < 0 || out_write_fd(f, text, len) < 0 || lseek(f, 0, SEEK_SET) < 0)
		return err_set(e, errno, "cannot keep JSON in a memory file");
	*fd = f;
	f = -1;
	return 0;
}

int jq_start_text(struct proc *p, const char *program, const char *const *args, const char *text,
		  size_t len, struct err *e)
{
	AUTO_CLOSE int in = -1;
	if (text_file(text, len, &in, e) < 0)
		return -1;
	return jq_start(p, program, args, in, e);
}

/* What follows the prefix, NULL where it is another one. */
static const char *behind(const char *s, const char *prefix)
{
	size_t len = strlen(prefix);
	return strncmp(s, prefix, len) == 0 ? s + len : NULL;
}

int jq_wait(struct proc *p, struct err *e)
{
	if (proc_wait(p, e) == 0)
		return 0;
	/* jq 1.6 writes "parse error: REASON", later ones "jq: parse error: REASON" */
	const char *text = behind(e->msg, "jq: ");
	const char *reason = behind(text ? text : e->msg, "parse error: ");
	if (!reason)
		return -1;
	AUTO_FREE char *copy = xstrdup(reason);
	return err_set(e, 0, "cannot parse JSON: %s", copy);
}

static int read_all(int fd, struct buf *b, struct err *e)
{
	enum { STEP = 16 << 10 };
	ssize_t n;
	do {
		char *to = buf_extend(b, STEP);
		n = read(fd, to, STEP);
		b->len -= STEP - (n > 0 ? (size_t)n : 0);
	} while (n > 0 || (n < 0 && errno == EINTR));
	return n < 0 ? err_set(e, errno, "cannot read from jq") : 0;
}

int jq_text(const char *program, const char *const *args, const char *text, size_t len,
	    struct buf *b, struct err *e)
{
	AUTO_PROC struct proc p = PROC_NONE;
	if (jq_start_text(&p, program, args, text, len, e) < 0 || read_all(p.out, b, e) < 0)
		return -1;
	return jq_wait(&p, e);
}
