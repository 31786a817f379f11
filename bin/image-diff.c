/* SPDX-License-Identifier: MIT */
/* image-diff: tells which layers two images share, and what a pull of the second costs. */
#include <string.h>
#include <unistd.h>

#include "base/cli.h"
#include "image/diffreport.h"
#include "image/pathdiff.h"

static const char help[] =
	"usage: image-diff [option...] A B\n"
	"Tells which layers the images A and B share, and what a pull of B costs a client that has "
	"A.\n"
	"\n"
	"      --image-a NAME:TAG  which image of the file A (the first)\n"
	"      --image-b NAME:TAG  which image of the file B (the first)\n"
	"      --paths             tell which paths differ in the layers that are not shared\n"
	"      --pieces            tell also what clients pull that pull by pieces, "
	"zstd-chunked(5)\n"
	"      --format text|tsv   for people, or for scripts (text on a terminal, otherwise tsv)\n"
	"  -h, --help              show this help\n"
	"      --version           show the version\n";

enum { IMAGE_A = CLI_OPT, IMAGE_B, FORMAT, PATHS, PIECES };

static const struct option longs[] = {
	{ "image-a", required_argument, NULL, IMAGE_A },
	{ "image-b", required_argument, NULL, IMAGE_B },
	{ "paths", no_argument, NULL, PATHS },
	{ "pieces", no_argument, NULL, PIECES },
	{ "format", required_argument, NULL, FORMAT },
	CLI_OPTIONS_END,
};

static const struct cli cli = { "image-diff", help, longs };

struct options {
	const char *a, *b;
	const char *image_a, *image_b; /* NULL: the first */
	bool paths, pieces;
	bool text;
};

static bool is_text(const char *format)
{
	if (strcmp(format, "text") != 0 && strcmp(format, "tsv") != 0)
		cli_usage(&cli, "--format: expected text or tsv, found '%s'", format);
	return strcmp(format, "text") == 0;
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
	case PATHS:
		o->paths = true;
		break;
	case PIECES:
		o->pieces = true;
		break;
	case FORMAT:
		o->text = is_text(optarg);
	}
}

static struct options parse_options(int argc, char **argv)
{
	struct options o = { .text = isatty(STDOUT_FILENO) };
	for (int opt; (opt = cli_option(&cli, argc, argv)) != -1;)
		set_option(&o, opt);
	cli_operands(&cli, argc, argv, 2, 2);
	if (o.paths && o.pieces)
		cli_usage(&cli, "--pieces counts layers: it does not go with --paths");
	o.a = argv[optind];
	o.b = argv[optind + 1];
	if (strcmp(o.a, "-") == 0 && strcmp(o.b, "-") == 0)
		cli_usage(&cli, "standard input can be one of the images only, not both");
	cli_binary(&cli, o.a);
	cli_binary(&cli, o.b);
	return o;
}

static int compare_layers(const struct options *o, struct imagesummary *a, struct imagesummary *b,
			  struct buf *text, struct err *e)
{
	AUTO_DIFFREPORT struct diffreport report = { 0 };
	if (diffreport_make(a, b, o->pieces, &report, e) < 0)
		return -1;
	(o->text ? diffreport_text : diffreport_tsv)(&report, text);
	return 0;
}

static int compare_paths(const struct options *o, struct imagesummary *a, struct imagesummary *b,
			 struct buf *text, struct err *e)
{
	AUTO_PATHDIFF struct pathdiff diff = { 0 };
	if (pathdiff_make(a, b, &diff, e) < 0)
		return -1;
	(o->text ? pathdiff_text : pathdiff_tsv)(&diff, text);
	return 0;
}

static int compare(const struct options *o, struct buf *text, struct err *e)
{
	AUTO_IMAGESUMMARY struct imagesummary a = { 0 }, b = { 0 };
	if (imagesummary_open(o->a, o->image_a, &a, e) < 0 ||
	    imagesummary_open(o->b, o->image_b, &b, e) < 0)
		return -1;
	return (o->paths ? compare_paths : compare_layers)(o, &a, &b, text, e);
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
