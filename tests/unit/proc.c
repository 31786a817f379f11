/* SPDX-License-Identifier: MIT */
#include "base/proc.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/jq.h"
#include "tap.h"

static struct err e;

/* Runs a shell command on the text; what it wrote goes to out, NUL-terminated. */
static int shell(const char *command, const char *text, char *out, size_t size)
{
	struct proc p = PROC_NONE;
	AUTO_CLOSE int in = memfd_create("in", MFD_CLOEXEC);
	(void)!write(in, text, strlen(text));
	lseek(in, 0, SEEK_SET);
	if (proc_start(&p, (const char *[]){ "sh", "-c", command, NULL }, NULL, in, &e) < 0)
		return -1;
	ssize_t n = read(p.out, out, size - 1);
	out[n > 0 ? n : 0] = '\0';
	return proc_wait(&p, &e);
}

static int filter(const char *program, const char *text)
{
	AUTO_PROC struct proc p = PROC_NONE;
	AUTO_CLOSE int in = memfd_create("in", MFD_CLOEXEC);
	(void)!write(in, text, strlen(text));
	lseek(in, 0, SEEK_SET);
	return jq_start(&p, program, NULL, in, &e) < 0 ? -1 : jq_wait(&p, &e);
}

static void failures(void)
{
	char out[64];
	OK(shell("echo first >&2; echo second >&2; exit 3", "", out, sizeof out) < 0);
	STREQ(e.msg, "first");
	OK(shell("exit 3", "", out, sizeof out) < 0);
	STREQ(e.msg, "'sh' ended with status 3");
	OK(shell("kill -9 $$", "", out, sizeof out) < 0);
	STREQ(e.msg, "'sh' was ended by signal 9 (Killed)");
	/* more on standard error than a pipe holds */
	OK(shell("echo big >&2; head -c 200000 /dev/zero >&2; exit 1", "", out, sizeof out) < 0);
	STREQ(e.msg, "big");
}

static void missing(void)
{
	struct proc p = PROC_NONE;
	setenv("PATH", "/nonexistent", 1);
	OK(jq_start(&p, ".", NULL, 0, &e) < 0);
	STREQ(e.msg, "cannot run 'jq': it is not installed, or not on PATH");
	proc_abort(&p);
}

int main(void)
{
	char out[64];
	OK(shell("tr a-z A-Z", "hello", out, sizeof out) == 0);
	STREQ(out, "HELLO");
	failures();
	OK(filter("empty", "[1]") == 0);
	OK(filter(".", "[1,") < 0);
	STREQ(e.msg, "cannot parse JSON: Unfinished JSON term at EOF at line 1, column 3");
	OK(filter("\"say this\\n\" | halt_error(5)", "[1]") < 0);
	STREQ(e.msg, "say this");
	/* a child that is not read to its end is ended */
	struct proc p = PROC_NONE;
	OK(proc_start(&p, (const char *[]){ "yes", NULL }, NULL, 0, &e) == 0);
	proc_abort(&p);
	OK(p.out == -1);
	missing();
	err_clear(&e);
	return TAP_END;
}
