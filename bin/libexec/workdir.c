/* SPDX-License-Identifier: MIT */
/* workdir: makes, removes and renames temporary directories for the pipelines' temporary.sh. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

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
	if (argc == 3 && strcmp(argv[1], "make") == 0)
		return workdir_make(argv[2], e);
	if (argc == 3 && strcmp(argv[1], "remove") == 0)
		return workdir_remove(argv[2], e);
	if (argc == 4 && strcmp(argv[1], "rename") == 0)
		return workdir_rename(argv[2], argv[3], e);
	return err_set(e, 0, "expected make DIR, remove DIR or rename DIR TO");
}

int main(int argc, char **argv)
{
	struct err e = { 0 };
	block_signals();
	if (run(argc, argv, &e) == 0)
		return 0;
	fprintf(stderr, "workdir: %s\n", e.msg);
	return 1;
}
