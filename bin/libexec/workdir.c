/* SPDX-License-Identifier: MIT */
/*
 * workdir TOOL make DIR | remove DIR | rename DIR TO
 *
 * For the pipelines' temporary.sh: the messages begin with the name of the pipeline.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/esc.h"
#include "base/workdir.h"

/* A signal waits until the job is done: it is short, and should not stop halfway. */
static void block_signals(void)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

static int run(int argc, char **argv, struct err *e)
{
	if (argc == 4 && strcmp(argv[2], "make") == 0)
		return workdir_make(argv[3], e);
	if (argc == 4 && strcmp(argv[2], "remove") == 0)
		return workdir_remove(argv[3], e);
	if (argc == 5 && strcmp(argv[2], "rename") == 0)
		return workdir_rename(argv[3], argv[4], e);
	return err_set(e, 0, "expected TOOL and make DIR, remove DIR or rename DIR TO");
}

int main(int argc, char **argv)
{
	struct err e = { 0 };
	block_signals();
	if (run(argc, argv, &e) == 0)
		return 0;
	AUTO_BUF struct buf line = { 0 };
	esc_message(&line, e.msg, strlen(e.msg));
	fprintf(stderr, "%s: %s\n", argc > 1 ? argv[1] : "workdir", line.s);
	return 1;
}
