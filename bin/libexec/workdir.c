/* SPDX-License-Identifier: MIT */
/*
 * workdir TOOL make DIR
 * workdir TOOL rename DIR TO
 * workdir TOOL end PROCESS [DIR...]   ends what the process started, then removes the directories
 *
 * For the pipelines' temporary.sh: the messages begin with the name of the pipeline.
 */
#include "base/workdir.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/esc.h"
#include "base/num.h"
#include "base/offspring.h"

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

static int say(const char *tool, const struct err *e)
{
	AUTO_BUF struct buf line = { 0 };
	esc_message(&line, e->msg, strlen(e->msg));
	fprintf(stderr, "%s: %s\n", tool, line.s);
	return 1;
}

/* Each directory that stays is told. */
static int end(const char *tool, const char *process, char **dirs)
{
	struct err e = { 0 };
	uint64_t id;
	int status = 0;
	if (num_parse(process, strlen(process), 10, 1, INT32_MAX, &id, &e) < 0)
		return say(tool, &e);
	offspring_end((pid_t)id);
	for (; *dirs; dirs++)
		if (workdir_remove(*dirs, &e) < 0) {
			status = say(tool, &e);
			err_clear(&e);
		}
	return status;
}

static int run(int argc, char **argv, struct err *e)
{
	if (argc == 4 && strcmp(argv[2], "make") == 0)
		return workdir_make(argv[3], e);
	if (argc == 5 && strcmp(argv[2], "rename") == 0)
		return workdir_rename(argv[3], argv[4], e);
	return err_set(e, 0, "expected TOOL and make DIR, rename DIR TO or end PROCESS [DIR...]");
}

int main(int argc, char **argv)
{
	struct err e = { 0 };
	block_signals();
	if (argc >= 4 && strcmp(argv[2], "end") == 0)
		return end(argv[1], argv[3], argv + 4);
	return run(argc, argv, &e) == 0 ? 0 : say(argc > 1 ? argv[1] : "workdir", &e);
}
