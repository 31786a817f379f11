/* SPDX-License-Identifier: MIT */
/* layer-flatten: merges the layers of a stream, or of an image, into one tar. */
#include <unistd.h>

#include "base/cli.h"
#include "base/outfile.h"
#include "image/flatten.h"

static const char help[] =
	"usage: layer-flatten [option...] [LAYER-STREAM...] >TAR\n"
	"       layer-flatten [option...] --from-image FILE >TAR\n"
	"Merges layers into one tar of the files that are there in the end.\n"
	"\n"
	"      --from-image FILE   take the layers of this image; - is standard input\n"
	"      --image NAME:TAG    which image of the file (the first)\n"
	"  -o, --output FILE       write the tar to FILE (standard output)\n"
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
	char **streams; /* none: standard input */
	int nstreams;
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

static int add_stream(struct flatten *f, const char *operand, const char **name, struct err *e)
{
	int fd; /* to be read once more, when the tar is written */
	bool empty = false;
	if (cli_open(operand, &fd, name, e) < 0 || flatten_stream(f, fd, *name, &empty, e) < 0)
		return -1;
	if (empty)
		return err_set(e, 0, "%s: empty, not even a layer stream: its producer failed",
			       *name);
	return 0;
}

static int run_streams(const struct settings *s, struct out *o, struct err *e)
{
	AUTO_FLATTEN struct flatten *f = flatten_new();
	const char *name = "<stdin>";
	bool empty;
	if (s->nstreams == 0 && flatten_stream(f, STDIN_FILENO, name, &empty, e) < 0)
		return -1;
	for (int i = 0; i < s->nstreams; i++)
		if (add_stream(f, s->streams[i], &name, e) < 0)
			return -1;
	return write_flat(f, s, s->nstreams > 1 ? "the inputs together" : name, o, e);
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
	return s->file ? run_image(s, o, e) : run_streams(s, o, e);
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

static void check(const struct settings *s)
{
	if (s->image && !s->file)
		cli_usage(&cli, "--image goes with --from-image only");
	if (s->file && s->nstreams)
		cli_usage(&cli, "--from-image goes without other operands, found '%s'",
			  s->streams[0]);
	cli_binary(&cli, s->file ? s->file : "-");
}

int main(int argc, char **argv)
{
	struct settings s = { 0 };
	struct err e = { 0 };
	struct out o;
	cli_start(&cli);
	for (int opt; (opt = cli_option(&cli, argc, argv)) != -1;)
		read_option(opt, &s);
	s.streams = argv + optind;
	s.nstreams = argc - optind;
	check(&s);
	if (s.output)
		cli_stdout(&o);
	else
		cli_stdout_binary(&cli, &o);
	if ((s.output ? run_to_file(&s, &e) : run(&s, &o, &e)) < 0)
		return cli_fail(&cli, &e);
	return cli_finish(&cli, &o);
}
