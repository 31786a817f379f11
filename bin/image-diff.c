/* SPDX-License-Identifier: MIT */
/* image-diff: tells which layers two images share, and what a pull of the second costs. */
#include <string.h>
#include <unistd.h>

#include "base/cli.h"
#include "image/diffreport.h"

static const char help[] =
	"usage: image-diff [option...] A B\n"
	"Tells which layers the images A and B share, and what a pull of B costs a client that has "
	"A.\n"
	"\n"
	"      --image-a NAME:TAG  which image of the file A (the first)\n"
	"      --image-b NAME:TAG  which image of the file B (the first)\n"
	"      --format text|tsv   for people, or for scripts (text on a terminal, otherwise tsv)\n"
	"  -h, --help              show this help\n"
	"      --version           show the version\n";

enum { IMAGE_A = CLI_OPT, IMAGE_B, FORMAT };

static const struct option longs[] = {
	{ "image-a", required_argument, NULL, IMAGE_A },
	{ "image-b", required_argument, NULL, IMAGE_B },
	{ "format", required_argument, NULL, FORMAT },
	CLI_OPTIONS_END,
};

static const struct cli cli = { "image-diff", help, longs };

typedef void write_fn(const struct diffreport *, struct buf *);

struct options {
	const char *a, *b;
	const char *image_a, *image_b; /* NULL: the first */
	write_fn *write;
};

static write_fn *format(const char *name)
{
	if (strcmp(name, "text") == 0)
		return diffreport_text;
	if (strcmp(name, "tsv") == 0)
		return diffreport_tsv;
	cli_usage(&cli, "--format: expected text or tsv, found '%s'", name);
}

static void set_option(struct options *o, int opt)
{
	switch (opt) {
	case IMAGE_A:
		o->image_a = optarg;
		break;
	case IMAGE_B:
		o->image_b = optarg;
		break;
	case FORMAT:
		o->write = format(optarg);
	}
}

static struct options parse_options(int argc, char **argv)
{
	struct options o = { .write = isatty(STDOUT_FILENO) ? diffreport_text : diffreport_tsv };
	for (int opt; (opt = cli_option(&cli, argc, argv)) != -1;)
		set_option(&o, opt);
	cli_operands(&cli, argc, argv, 2, 2);
	o.a = argv[optind];
	o.b = argv[optind + 1];
	if (strcmp(o.a, "-") == 0 && strcmp(o.b, "-") == 0)
		cli_usage(&cli, "standard input can be one of the images only, not both");
	cli_binary(&cli, o.a);
	cli_binary(&cli, o.b);
	return o;
}

static int compare(const struct options *o, struct buf *text, struct err *e)
{
	AUTO_IMAGESUMMARY struct imagesummary a = { 0 }, b = { 0 };
	AUTO_DIFFREPORT struct diffreport report = { 0 };
	if (imagesummary_open(o->a, o->image_a, &a, e) < 0 ||
	    imagesummary_open(o->b, o->image_b, &b, e) < 0 ||
	    diffreport_make(&a, &b, &report, e) < 0)
		return -1;
	o->write(&report, text);
	return 0;
}

int main(int argc, char **argv)
{
	struct err e = { 0 };
	struct out out;
	AUTO_BUF struct buf text = { 0 };
	cli_start(&cli);
	struct options o = parse_options(argc, argv);
	cli_stdout(&out);
	if (compare(&o, &text, &e) < 0 || out_write(&out, text.s, text.len, &e) < 0)
		return cli_fail(&cli, &e);
	return cli_finish(&cli, &out);
}
