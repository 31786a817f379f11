/* SPDX-License-Identifier: MIT */
#include "cli.h"
#include "imagelayers.h"

static const char help[] =
	"usage: image-layers [option...] [IMAGE]\n"
	"Takes an image apart: writes its layers as a layer stream.\n"
	"\n"
	"      --image NAME:TAG    this image of the file (the first)\n"
	"      --list              write the layers as layer-list(5) instead\n"
	"      --config            write the configuration as image-config(5) instead\n"
	"      --repo-tags         write the names of the images instead, one a line\n"
	"  -h, --help              show this help\n"
	"      --version           show the version\n";

enum mode { STREAM = CLI_OPT, LIST, CONFIG, REPO_TAGS, IMAGE };

static const struct option longs[] = {
	{ "image", required_argument, NULL, IMAGE },
	{ "list", no_argument, NULL, LIST },
	{ "config", no_argument, NULL, CONFIG },
	{ "repo-tags", no_argument, NULL, REPO_TAGS },
	CLI_OPTIONS_END,
};

static const struct cli cli = { "image-layers", help, longs };

struct settings {
	enum mode mode;
	const char *image;
};

static void options(int argc, char **argv, struct settings *s)
{
	for (int opt; (opt = cli_option(&cli, argc, argv)) != -1;) {
		if (opt == IMAGE)
			s->image = optarg;
		else if (s->mode != STREAM && s->mode != (enum mode)opt)
			cli_usage(&cli, "only one of --list, --config and --repo-tags");
		else
			s->mode = (enum mode)opt;
	}
}

static int write_image(struct image *i, enum mode mode, struct out *o, struct err *e)
{
	switch (mode) {
	case LIST:
		return imagelayers_list(i, o, e);
	case CONFIG:
		return out_write(o, i->config.s, i->config.len, e);
	case STREAM:
	case REPO_TAGS:
	case IMAGE:
		break;
	}
	return imagelayers_stream(i, o, e);
}

static int run(const struct settings *s, const char *file, struct out *o, struct err *e)
{
	AUTO_IMAGEFILE struct imagefile *f = NULL;
	AUTO_IMAGESET struct imageset set = { 0 };
	AUTO_IMAGE struct image image = { 0 };
	size_t entry = 0;
	if (imagefile_open(file, &f, e) < 0 || imageset_read(f, &set, e) < 0)
		return -1;
	if (s->mode == REPO_TAGS && !s->image)
		return imagelayers_names(set.entries, set.n, o, e);
	if (imageset_find(&set, f, s->image, &entry, e) < 0)
		return -1;
	if (s->mode == REPO_TAGS)
		return imagelayers_names(&set.entries[entry], 1, o, e);
	if (image_read(f, &set, entry, &image, e) < 0)
		return -1;
	return write_image(&image, s->mode, o, e);
}

int main(int argc, char **argv)
{
	struct settings s = { .mode = STREAM };
	struct err e = { 0 };
	struct out o;

	cli_start(&cli);
	options(argc, argv, &s);
	cli_operands(&cli, argc, 0, 1);
	if (s.mode == STREAM)
		cli_stdout_binary(&cli, &o);
	else
		cli_stdout(&o);
	if (run(&s, optind < argc ? argv[optind] : "-", &o, &e) < 0)
		return cli_fail(&cli, &e);
	return cli_finish(&cli, &o);
}
