/* SPDX-License-Identifier: MIT */
/*
 * pinned TOOL FILE CALLED HASH COMMAND [ARGUMENT...]
 *
 * Runs a command that writes to the file which its descriptor 3 is. What it wrote becomes FILE if
 * HASH is its hash, in a form that Nix takes, or if HASH is "-"; then the hash is printed.
 * Messages begin with TOOL, and call the hash CALLED.
 * The command's standard output is our standard error, and its standard error is our descriptor 4.
 * The status is 0, 1 or 2 (HASH is none), or 125 if the command failed,
 * who has said why.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/esc.h"
#include "base/outfile.h"
#include "base/source.h"
#include "closure/nixhash.h"

enum { FAILED = 1, WRONG_USAGE = 2, COMMAND_FAILED = 125, NOT_RUN = 127 };
enum { FILE_FD = 3, MESSAGES_FD = 4, BASE64_LEN = 44 };

typedef char sri_hash[NIXHASH_SRI_LEN + 1];

static int say(const char *tool, const struct err *e)
{
	AUTO_BUF struct buf line = { 0 };
	esc_message(&line, e->msg, strlen(e->msg));
	fprintf(stderr, "%s: %s\n", tool, line.s);
	return FAILED;
}

/* Nix takes base 64 alone, too. "-" is kept. */
static int read_hash(const char *called, const char *text, sri_hash wanted, struct err *e)
{
	if (strcmp(text, "-") == 0) {
		memcpy(wanted, "-", 2);
		return 0;
	}
	const char *type = strlen(text) == BASE64_LEN ? "sha256:" : "";
	AUTO_FREE char *typed = xasprintf("%s%s", type, text);
	if (nixhash_sri(typed, strlen(typed), wanted, e) == 0)
		return 0;
	return err_set(e, 0,
		       "%s: expected a SHA-256 hash in SRI form, base 16, base 32 or base 64, "
		       "found '%s'",
		       called, text);
}

static _Noreturn void become(char **command, int file)
{
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (dup2(STDERR_FILENO, STDOUT_FILENO) < 0 || dup2(MESSAGES_FD, STDERR_FILENO) < 0 ||
	    close(MESSAGES_FD) < 0 || (file = dup(file)) < 0 || dup2(file, FILE_FD) < 0 ||
	    close(file) < 0)
		_exit(NOT_RUN);
	execvp(command[0], command);
	_exit(NOT_RUN);
}

static int wait_for(const char *name, pid_t pid, bool *worked, struct err *e)
{
	int status;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return err_set(e, errno, "cannot wait for '%s'", name);
	if (WIFSIGNALED(status))
		return err_set(e, 0, "%s was ended by signal %d (%s)", name, WTERMSIG(status),
			       strsignal(WTERMSIG(status)));
	if (WEXITSTATUS(status) == NOT_RUN)
		return err_set(e, 0, "cannot run '%s'", name);
	*worked = WEXITSTATUS(status) == 0;
	return 0;
}

static int run(char **command, int file, bool *worked, struct err *e)
{
	pid_t pid = fork();
	if (pid < 0)
		return err_set(e, errno, "cannot run '%s'", command[0]);
	if (pid == 0)
		become(command, file);
	return wait_for(command[0], pid, worked, e);
}

/* Of the whole file, which holds something. */
static int hash_file(int fd, const char *name, const char *command, sri_hash found, struct err *e)
{
	AUTO_DIGEST struct digest *digest = digest_new();
	unsigned char raw[DIGEST_LEN];
	char data[65536];
	struct source_fd in;
	size_t got, all = 0;
	if (lseek(fd, 0, SEEK_SET) < 0) /* the command may have written by its descriptor */
		return err_set(e, errno, "cannot read '%s'", name);
	source_fd(&in, fd, name);
	do {
		if (source_read(&in.source, data, sizeof data, &got, e) < 0)
			return -1;
		digest_add(digest, data, got);
		all += got;
	} while (got);
	if (all == 0)
		return err_set(e, 0, "%s wrote nothing", command);
	digest_raw(digest, raw);
	nixhash_from_raw(raw, found);
	return 0;
}

static int check(const char *name, const sri_hash wanted, const sri_hash found, struct err *e)
{
	if (strcmp(wanted, "-") == 0 || strcmp(wanted, found) == 0)
		return 0;
	return err_set(e, 0, "hash mismatch in '%s': specified: %s, got: %s", name, wanted, found);
}

static int print(const sri_hash found, struct err *e)
{
	if (printf("%s\n", found) < 0 || fflush(stdout) != 0)
		return err_set(e, errno, "cannot write '<stdout>'");
	return 0;
}

static int make(const char *name, const sri_hash wanted, char **command, bool *worked,
		struct err *e)
{
	AUTO_OUTFILE struct outfile *file = NULL;
	sri_hash found;
	if (outfile_new(name, &file, e) < 0 || run(command, outfile_fd(file), worked, e) < 0)
		return -1;
	if (!*worked)
		return 0;
	if (hash_file(outfile_fd(file), name, command[0], found, e) < 0 ||
	    check(name, wanted, found, e) < 0 || print(found, e) < 0)
		return -1;
	return outfile_commit(file, e);
}

int main(int argc, char **argv)
{
	struct err e = { 0 };
	sri_hash wanted;
	bool worked = false;
	if (argc < 6) {
		fputs("usage: pinned TOOL FILE CALLED HASH COMMAND [ARGUMENT...]\n", stderr);
		return WRONG_USAGE;
	}
	if (read_hash(argv[3], argv[4], wanted, &e) < 0) {
		say(argv[1], &e);
		return WRONG_USAGE;
	}
	if (make(argv[2], wanted, argv + 5, &worked, &e) < 0)
		return say(argv[1], &e);
	return worked ? 0 : COMMAND_FAILED;
}
