/* SPDX-License-Identifier: MIT */
/* layer-flatten: merges the layers of a stream, or of an image, into one tar. */
#include <unistd.h>

#include "base/cli.h"
#include "base/outfile.h"
#include "image/flatten.h"

static const char help[] =
	"usage: layer-flatten [option...] <LAYER-STREAM >TAR\n"
	"       layer-flatten [option...] --from-image FILE >TAR\n"
	"Merges layers into one tar of the files that are there in the end.\n"
	"\n"
	"      --from-image FILE   take the layers of this image; - is standard input\n"
	"      --image NAME:TAG    which image of the file (the first)\n"
	"      --output FILE       write the tar to FILE (standard output)\n"
	"      --allow-empty       make an empty tree of input without layers\n"
	"  -h, --help              show this help\n"
	"      --version           show the version\n";

enum { ALLOW_EMPTY = CLI_OPT, FROM_IMAGE, IMAGE, OUTPUT };

static const struct option longs[] = { { "allow-empty", no_argument, NULL, ALLOW_EMPTY },
				       { "from-image", required_argument, NULL, FROM_IMAGE },
				       { "image", required_argument, NULL, IMAGE },
				       { "output", required_argument, NULL, OUTPUT },
				       CLI_OPTIONS_END };

static const struct cli cli = { "layer-flatten", help, longs };

struct settings {
	bool allow_empty;
	const char *file;
	const char *image;
	const char *output;
};

static void read_option(int opt, struct settings *s)
{
	if (opt == ALLOW_EMPTY)
		s->allow_empty = true;
	else
		*(opt == IMAGE ? &s->image : opt == OUTPUT ? &s->output : &s->file) = optarg;
}

static int write_flat(const struct flatten *f, const struct settings *s, const char *name,
		      struct out *o, struct err *e)
{
	if (flatten_layers(f) == 0 && !s->allow_empty)
		return err_set(e, 0, "%s: no layers (--allow-empty makes an empty tree)", name);
	return flatten_write(f, o, e);
}

static int run_stream(const struct settings *s, struct out *o, struct err *e)
{
	AUTO_FLATTEN struct flatten *f = flatten_new();
	if (flatten_stream(f, STDIN_FILENO, "<stdin>", e) < 0)
		return -1;
	return write_flat(f, s, "<stdin>", o, e);
}

static int run_image(const struct settings *s, struct out *o, struct err *e)
{
	AUTO_IMAGEFILE struct imagefile *file = NULL;
	AUTO_IMAGESET struct imageset set = { 0 };
	AUTO_IMAGE struct image image = { 0 };
	AUTO_FLATTEN struct flatten *f = flatten_new();
	size_t entry = 0;
	if (imagefile_open(s->file, &file, e) < 0 || imageset_read(file, &set, e) < 0 ||
	    imageset_find(&set, file, s->image, &entry, e) < 0 ||
	    image_read(file, &set, entry, &image, e) < 0 || flatten_image(f, &image, e) < 0)
		return -1;
	return write_flat(f, s, imagefile_name(file), o, e);
}

static int run(const struct settings *s, struct out *o, struct err *e)
{
	return s->file ? run_image(s, o, e) : run_stream(s, o, e);
}

/* The file gets its name only when everything is written. */
static int run_to_file(const struct settings *s, struct err *e)
{
	AUTO_OUTFILE struct outfile *f = NULL;
	struct out o;
	if (outfile_new(s->output, &f, e) < 0)
		return -1;
	out_init(&o, outfile_fd(f), s->output);
	int result = run(s, &o, e) < 0 || out_flush(&o, e) < 0 ? -1 : outfile_commit(f, e);
	out_drop(&o);
	return result;
}

int main(int argc, char **argv)
{
	struct settings s = { 0 };
	struct err e = { 0 };
	struct out o;
	cli_start(&cli);
	for (int opt; (opt = cli_option(&cli, argc, argv)) != -1;)
		read_option(opt, &s);
	cli_operands(&cli, argc, argv, 0, 0);
	if (s.image && !s.file)
		cli_usage(&cli, "--image goes with --from-image only");
	cli_binary(&cli, s.file ? s.file : "-");
	if (s.output)
		cli_stdout(&o);
	else
		cli_stdout_binary(&cli, &o);
	if ((s.output ? run_to_file(&s, &e) : run(&s, &o, &e)) < 0)
		return cli_fail(&cli, &e);
	return cli_finish(&cli, &o);
}
