/* SPDX-License-Identifier: MIT */
#include "base/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/esc.h"
#include "base/near.h"
#include "base/num.h"
#include "base/timestamp.h"

#ifndef LAYERPIPE_VERSION
#error "LAYERPIPE_VERSION comes from the Makefile"
#endif

/* Directories of programs, as in PATH, for a package that knows where they are. */
#ifndef LAYERPIPE_TOOLS
#define LAYERPIPE_TOOLS ""
#endif

/* What the process ends with after a failure, and after a wrong command line. */
static int fail_status = CLI_FAIL, usage_status = CLI_USAGE;
static bool runs_command;

void cli_runs_command(void)
{
	runs_command = true;
}

void cli_statuses(int fail, int usage)
{
	fail_status = fail;
	usage_status = usage;
}

/* Whether a character begins at s, as text can be cut there. */
static bool is_start(const char *s)
{
	return ((unsigned char)*s & 0xc0) != 0x80;
}

/* Adds what stands between two quotes: of a very long name the two ends. */
static void add_piece(struct buf *b, const char *s, size_t len)
{
	enum { LONG = 1000, END = 300 };
	size_t head = len, tail = len;
	if (len > LONG) {
		for (head = END; head && !is_start(s + head);)
			head--;
		for (tail = len - END; tail < len && !is_start(s + tail);)
			tail++;
	}
	esc_message(b, s, head);
	if (head < tail)
		buf_adds(b, "...");
	esc_message(b, s + tail, len - tail);
}

static void add_message(struct buf *b, const char *msg)
{
	for (;; msg++) {
		size_t len = strcspn(msg, "'");
		add_piece(b, msg, len);
		msg += len;
		if (!*msg)
			return;
		buf_addc(b, '\'');
	}
}

/* One message, one write: lines of several processes on one stderr stay whole. */
static void print(const struct cli *cli, const char *kind, const char *msg)
{
	AUTO_BUF struct buf b = { 0 };
	buf_addf(&b, "%s: %s", cli->tool, kind);
	add_message(&b, msg);
	buf_addc(&b, '\n');
	/* nowhere left to report a failure to */
	(void)!out_write_fd(STDERR_FILENO, b.s, b.len);
}

static void look_for_tools(void)
{
	AUTO_BUF struct buf b = { 0 };
	const char *path = getenv("PATH");
	if (!*LAYERPIPE_TOOLS)
		return;
	buf_addf(&b, "%s%s%s", LAYERPIPE_TOOLS, path ? ":" : "", path ? path : "");
	setenv("PATH", b.s, 1);
}

void cli_start(const struct cli *cli)
{
	look_for_tools();
	sigaction(SIGCHLD, &(struct sigaction){ .sa_handler = SIG_DFL }, NULL);
	for (int fd = 0; fd <= 2; fd++) {
		/* taken the wrong way round, so that using it is still an error */
		int flags = fd == 0 ? O_WRONLY : O_RDONLY;
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", flags) != fd) {
			print(cli, "", "cannot open /dev/null");
			exit(fail_status);
		}
	}
}

static _Noreturn void print_and_exit(const struct cli *cli, const char *text)
{
	struct out o;
	struct err e = { 0 };
	cli_stdout(&o);
	if (out_write(&o, text, strlen(text), &e) < 0)
		exit(cli_fail(cli, &e));
	exit(cli_finish(cli, &o));
}

static _Noreturn void unknown_option(const struct cli *cli, const char *word)
{
	AUTO_FREE char *name = xstrndup(word + 2, strcspn(word + 2, "="));
	const char *nearest = NULL, *meant = strcmp(name, "platform") == 0 ? "architecture" : name;
	unsigned least = NEAR_NOT;
	for (const struct option *o = cli->longs; o->name; o++) {
		unsigned n = near(meant, o->name);
		nearest = n < least ? o->name : nearest;
		least = n < least ? n : least;
	}
	if (nearest)
		cli_usage(cli, "unknown option '%s': did you mean --%s?", word, nearest);
	cli_usage(cli, "unknown option '%s'", word);
}

/* Refuses a long option that is not written whole: what is short for one today may be for two
 * tomorrow. */
static void check_name(const struct cli *cli, int argc, char **argv)
{
	int i = optind > 0 ? optind : 1;
	while (i < argc && !runs_command && (argv[i][0] != '-' || !argv[i][1]))
		i++; /* operands, which are taken later */
	if (i >= argc || strncmp(argv[i], "--", 2) != 0 || !argv[i][2])
		return;
	size_t len = strcspn(argv[i] + 2, "=");
	for (const struct option *o = cli->longs; o->name; o++)
		if (strlen(o->name) == len && strncmp(o->name, argv[i] + 2, len) == 0)
			return;
	unknown_option(cli, argv[i]);
}

static _Noreturn void bad_option(const struct cli *cli, int argc, char **argv, int opt)
{
	const char *word = optind > 0 && optind <= argc ? argv[optind - 1] : "";
	if (opt == ':')
		cli_usage(cli, "option '%s' needs an argument", word);
	if (optopt && strncmp(word, "--", 2) == 0)
		cli_usage(cli, "option '%s' takes no argument", word);
	if (optopt)
		cli_usage(cli, "unknown option '-%c'", optopt);
	unknown_option(cli, word);
}

/* Long options that a letter is short for, in the tools that have them. */
static const struct {
	const char *name, *letter;
} short_for[] = { { "output", "o:" }, { "quiet", "q" }, { "tag", "t:" } };
enum { SHORT = sizeof short_for / sizeof *short_for };

static const struct option *find_option(const struct cli *cli, const char *name)
{
	for (const struct option *o = cli->longs; o->name; o++)
		if (strcmp(o->name, name) == 0)
			return o;
	return NULL;
}

/* getopt_long(3), with the letters that the tool has. */
static int next_option(const struct cli *cli, int argc, char **argv)
{
	AUTO_BUF struct buf letters = { 0 };
	buf_adds(&letters, runs_command ? "+:h" : ":h");
	for (size_t i = 0; i < SHORT; i++)
		if (find_option(cli, short_for[i].name))
			buf_adds(&letters, short_for[i].letter);
	int opt = getopt_long(argc, argv, letters.s, cli->longs, NULL);
	for (size_t i = 0; i < SHORT; i++)
		if (opt == short_for[i].letter[0])
			return find_option(cli, short_for[i].name)->val;
	return opt;
}

int cli_option(const struct cli *cli, int argc, char **argv)
{
	opterr = 0;
	optopt = 0;
	check_name(cli, argc, argv);
	int opt = next_option(cli, argc, argv);
	switch (opt) {
	case 'h':
		print_and_exit(cli, cli->help);
	case CLI_OPT_VERSION: {
		char *text = xasprintf("%s (layerpipe) %s\n", cli->tool, LAYERPIPE_VERSION);
		print_and_exit(cli, text);
	}
	case '?':
	case ':':
		bad_option(cli, argc, argv, opt);
	}
	return opt;
}

uint64_t cli_number(const struct cli *cli, const char *option, uint64_t min, uint64_t max)
{
	uint64_t value;
	struct err e = { 0 };
	if (num_parse(optarg, strlen(optarg), 10, min, max, &value, &e) < 0)
		cli_usage(cli, "--%s: %s", option, e.msg);
	return value;
}

int64_t cli_time(const struct cli *cli, const char *option)
{
	int64_t seconds;
	struct err e = { 0 };
	if (timestamp_parse_seconds(optarg, &seconds, &e) < 0)
		cli_usage(cli, "--%s: %s", option, e.msg);
	return seconds;
}

void cli_usage(const struct cli *cli, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	char *msg = xvasprintf(fmt, ap);
	va_end(ap);
	print(cli, "", xasprintf("%s (see '%s --help')", msg, cli->tool));
	exit(usage_status);
}

void cli_operands(const struct cli *cli, int argc, char **argv, int min, int max)
{
	int n = argc - optind;
	if (n < min)
		cli_usage(cli, "an operand is missing");
	if (n > 0 && max == 0)
		cli_usage(cli, "too many operands: expected options only, found '%s'",
			  argv[optind]);
	if (n > max)
		cli_usage(cli, "too many operands: expected at most %d, found %d", max, n);
}

int cli_fail(const struct cli *cli, const struct err *e)
{
	print(cli, "", e->msg ? e->msg : "unknown error");
	return fail_status;
}

int cli_fail_store(const struct cli *cli, const struct err *e, const char *root_dir,
		   const char *store_dir)
{
	AUTO_FREE char *start = xasprintf("'%s/", store_dir);
	if (e->code != ENOENT || (root_dir && strcmp(root_dir, "/") != 0) || !strstr(e->msg, start))
		return cli_fail(cli, e);
	AUTO_FREE char *msg =
		xasprintf("%s: --root-dir names the directory that the store lies below", e->msg);
	print(cli, "", msg);
	return fail_status;
}

void cli_waits(const struct cli *cli, const char *operand, const char *what)
{
	if (strcmp(operand, "-") != 0 || !isatty(STDIN_FILENO))
		return;
	AUTO_FREE char *msg = xasprintf("waiting for %s on the terminal (Ctrl-D ends it)", what);
	print(cli, "", msg);
}

void cli_warn(const struct cli *cli, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	AUTO_FREE char *msg = xvasprintf(fmt, ap);
	va_end(ap);
	print(cli, "warning: ", msg);
}

void cli_warn_text(const void *cli, const char *text)
{
	cli_warn(cli, "%s", text);
}

void cli_stdout(struct out *o)
{
	out_init(o, STDOUT_FILENO, "<stdout>");
	out_hold(o);
}

void cli_stdout_binary(const struct cli *cli, struct out *o)
{
	if (isatty(STDOUT_FILENO))
		cli_usage(cli, "refusing to write binary data to a terminal: redirect the output");
	out_init(o, STDOUT_FILENO, "<stdout>");
}

void cli_binary(const struct cli *cli, const char *operand)
{
	if (strcmp(operand, "-") == 0 && isatty(STDIN_FILENO))
		cli_usage(cli, "refusing to read binary data from a terminal: redirect the input");
}

int cli_finish(const struct cli *cli, struct out *o)
{
	struct err e = { 0 };
	return out_close(o, &e) < 0 ? cli_fail(cli, &e) : CLI_OK;
}

int cli_open(const char *operand, int *fd, const char **name, struct err *e)
{
	bool in = strcmp(operand, "-") == 0;
	const char *called = in ? "<stdin>" : operand;
	int f = in ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3) : open(operand, O_RDONLY | O_CLOEXEC);
	if (f < 0)
		return err_set(e, errno, "cannot open '%s'", called);
	*fd = f;
	*name = called;
	return 0;
}
