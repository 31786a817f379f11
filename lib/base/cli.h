/* SPDX-License-Identifier: MIT */
#ifndef LAYERPIPE_CLI_H
#define LAYERPIPE_CLI_H

/*
 * What every filter's main shares: options, messages, exit status. The only
 * module of lib/ (running out of memory apart) that prints or exits.
 */

#include <getopt.h>
#include <stdint.h>

#include "base/err.h"
#include "base/out.h"

enum cli_status { CLI_OK = 0, CLI_FAIL = 1, CLI_USAGE = 2 };

struct cli {
	const char *tool; /* name in messages */
	const char *help; /* text of --help: a usage line, a sentence, one line an option */
	const struct option *longs; /* own options; ends with CLI_OPTIONS_END */
};

/* Values of options without a short letter start here. */
enum { CLI_OPT = 256, CLI_OPT_VERSION = 1 };

#define CLI_OPTIONS_END                                                                            \
	{ "help", no_argument, NULL, 'h' }, { "version", no_argument, NULL, CLI_OPT_VERSION },     \
	{                                                                                          \
		NULL, 0, NULL, 0                                                                   \
	}

/*
 * Call first: makes sure that descriptors 0, 1 and 2 are taken, so that a
 * file opened later never lands on one (a closed stdout stays an error), and
 * that programs are looked for where TOOLS of the Makefile says, first, and
 * that the status of a program is heard of whatever the caller did to SIGCHLD.
 */
void cli_start(const struct cli *cli);

/*
 * For a program whose status is that of another program: what it ends with
 * instead of CLI_FAIL and CLI_USAGE.
 */
void cli_statuses(int fail, int usage);

/* For a program whose operands are a command with options of its own: options end before it. */
void cli_runs_command(void);

/*
 * The next option's value (its struct option's val), -1 at the end; then
 * optind is the first operand. --help and --version print and exit 0; a bad
 * option is one line on stderr and exit 2.
 */
int cli_option(const struct cli *cli, int argc, char **argv);

/* optarg as a decimal number from min to max, or exit 2. option: the long name, for the message. */
uint64_t cli_number(const struct cli *cli, const char *option, uint64_t min, uint64_t max);

/* optarg as whole seconds (timestamp_parse_seconds()), or exit 2. */
int64_t cli_time(const struct cli *cli, const char *option);

/* Prints "TOOL: MESSAGE" and a hint at --help, and exits 2. */
_Noreturn void cli_usage(const struct cli *cli, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Exits 2 unless the number of operands left is from min to max. */
void cli_operands(const struct cli *cli, int argc, char **argv, int min, int max);

/* Prints "TOOL: MESSAGE" for the error. Returns the status: "return cli_fail(&cli, &e);". */
int cli_fail(const struct cli *cli, const struct err *e);

/*
 * The same, with words about --root-dir where a name in the store is not there. root_dir: what that
 * option said, or "/", or NULL.
 */
int cli_fail_store(const struct cli *cli, const struct err *e, const char *root_dir,
		   const char *store_dir);

/* Prints "TOOL: waiting for WHAT ..." where the operand is "-" and that is a terminal. */
void cli_waits(const struct cli *cli, const char *operand, const char *what);

/* Prints "TOOL: warning: MESSAGE". */
void cli_warn(const struct cli *cli, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The same for a function that takes who warns: cli is a struct cli. */
void cli_warn_text(const void *cli, const char *text);

/*
 * Standard output for lines: held until cli_finish(), so that of a program
 * that fails the next one does not get some and takes them for all.
 */
void cli_stdout(struct out *o);

/* Standard output for binary data: exits 2 where it is a terminal. */
void cli_stdout_binary(const struct cli *cli, struct out *o);

/* An operand that is to bring binary data: exits 2 where it is "-" and that is a terminal. */
void cli_binary(const struct cli *cli, const char *operand);

/* Closes the output; prints the failure where there is one. Returns the exit status. */
int cli_finish(const struct cli *cli, struct out *o);

/*
 * Opens an operand for reading: "-" is standard input. *fd is to be closed;
 * *name is what messages call it ("<stdin>" or the path, borrowed).
 */
MUST_USE int cli_open(const char *operand, int *fd, const char **name, struct err *e);

#endif
