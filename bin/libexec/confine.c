/* SPDX-License-Identifier: MIT */
/* confine: runs the commands of a pipeline so that they can change only their tree. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "base/esc.h"
#include "vm/confine.h"

/*
 * confine [--keep DIR]... [--unconfined] -- WORK PROGRAM [ARGUMENT...]
 *
 * Its status is that of the program, or one of these, as with env(1).
 */
enum { OWN_FAILURE = 125, CANNOT_RUN = 126, NOT_FOUND = 127 };

static void say(const char *what, const struct err *e, const char *more)
{
	AUTO_BUF struct buf line = { 0 };
	esc_message(&line, e->msg, strlen(e->msg));
	fprintf(stderr, "confine: %s%s%s\n", what, line.s, more);
}

static int fail(const struct err *e, int status)
{
	say("", e, "");
	return status;
}

/* Becomes the program, with all rights that this process has. */
static int run_unconfined(const struct confine *c)
{
	struct err e = { 0 };
	AUTO_FREE char *tree = xasprintf("%s/tree", c->work);
	AUTO_FREE char *tmp = xasprintf("%s/tmp", c->work);
	if (chdir(tree) < 0 || setenv("TMPDIR", tmp, 1) < 0) {
		err_set(&e, errno, "cannot enter '%s'", tree);
		return fail(&e, OWN_FAILURE);
	}
	execvp(c->argv[0], c->argv);
	int status = errno == ENOENT ? NOT_FOUND : CANNOT_RUN;
	err_set(&e, errno, "cannot run '%s'", c->argv[0]);
	return fail(&e, status);
}

/* If the host does not allow namespaces, an ordinary user runs the program unconfined, but root
 * does not: the program could harm other users. */
static int run(const struct confine *c)
{
	struct err e = { 0 };
	int status;
	bool allowed;
	if (confine_run(c, &status, &allowed, &e) == 0)
		return status;
	if (!allowed && getauxval(AT_EUID) != 0) {
		say("warning: ", &e,
		    ": commands are not kept from your files, processes and network "
		    "(--unconfined-commands allows this without a warning)");
		err_clear(&e);
		return run_unconfined(c);
	}
	if (!allowed) {
		AUTO_FREE char *why = STEAL(e.msg);
		err_set(&e, 0,
			"%s: commands would have all rights of root over this machine (run this "
			"as another user, or give --unconfined-commands)",
			why);
	}
	return fail(&e, OWN_FAILURE);
}

static int usage(void)
{
	fputs("usage: confine [--keep DIR]... [--unconfined] -- WORK PROGRAM [ARGUMENT...]\n",
	      stderr);
	return OWN_FAILURE;
}

int main(int argc, char **argv)
{
	static const struct option longs[] = { { "keep", required_argument, NULL, 'k' },
					       { "unconfined", no_argument, NULL, 'u' },
					       { NULL, 0, NULL, 0 } };
	struct confine c = { 0 };
	const char **keep = xcalloc((size_t)argc + 1, sizeof *keep);
	bool unconfined = false;
	int option;
	while ((option = getopt_long(argc, argv, "+", longs, NULL)) != -1)
		if (option == 'k')
			keep[c.nkeep++] = optarg;
		else if (option == 'u')
			unconfined = true;
		else
			return usage();
	if (argc - optind < 2)
		return usage();
	c.keep = keep;
	c.work = argv[optind];
	c.argv = argv + optind + 1;
	return unconfined ? run_unconfined(&c) : run(&c);
}
