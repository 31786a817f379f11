/* SPDX-License-Identifier: MIT */
#include "base/cli.h"
#include "image/imageconfig.h"
#include "image/imagelayers.h"
#include "layer/storelayer.h"

static const char help[] =
	"usage: image-layers [option...] [IMAGE]\n"
	"Takes an image apart: writes its layers as a layer stream.\n"
	"\n"
	"      --image NAME:TAG    which image of the file (the first)\n"
	"      --platform P        which platform of it: [OS/]ARCH[/VARIANT] (this machine)\n"
	"      --prefer-platform P the same, but an image that is the only one is taken as it is\n"
	"      --list              write the layers as layer-list(5) lines instead\n"
	"      --config            write the configuration as image-config(5) lines instead\n"
	"      --repo-tags         write the names of the images instead, one a line\n"
	"      --files             write the files as layerpipe-mtree(5) lines instead\n"
	"      --store-paths       write the store paths in the image and their NAR sizes instead\n"
	"      --store-dir DIR     with --store-paths: the store directory (/nix/store)\n"
	"      --known FILE        send layers that this file knows by reference, known-layers(5)\n"
	"      --layer-compressor KIND\n"
	"                          none, gz, zstd or zstd:chunked: how --known must know\n"
	"                          them (gz)\n"
	"  -h, --help              show this help\n"
	"      --version           show the version\n";

enum mode { STREAM = CLI_OPT, LIST, CONFIG, REPO_TAGS, FILES, STORE_PATHS };
enum { IMAGE = STORE_PATHS + 1, STORE_DIR, KNOWN, LAYER_COMPRESSOR, PLATFORM, PREFER_PLATFORM };

static const struct option longs[] = {
	{ "image", required_argument, NULL, IMAGE },
	{ "platform", required_argument, NULL, PLATFORM },
	{ "prefer-platform", required_argument, NULL, PREFER_PLATFORM },
	{ "list", no_argument, NULL, LIST },
	{ "config", no_argument, NULL, CONFIG },
	{ "repo-tags", no_argument, NULL, REPO_TAGS },
	{ "files", no_argument, NULL, FILES },
	{ "store-paths", no_argument, NULL, STORE_PATHS },
	{ "store-dir", required_argument, NULL, STORE_DIR },
	{ "known", required_argument, NULL, KNOWN },
	{ "layer-compressor", required_argument, NULL, LAYER_COMPRESSOR },
	CLI_OPTIONS_END,
};

static const struct cli cli = { "image-layers", help, longs };

struct settings {
	enum mode mode;
	const char *image;
	char *platform;
	bool alone_ok; /* only preferred */
	const char *store_dir;
	const char *known;
	enum compress_kind compressor;
	bool has_compressor;
};

static const char *read_store_dir(void)
{
	struct err e = { 0 };
	if (storelayer_check_dir(optarg, &e) < 0)
		cli_usage(&cli, "--store-dir: %s", e.msg);
	return optarg;
}

static void read_compressor(struct settings *s)
{
	struct err e = { 0 };
	if (compress_layer_kind(optarg, &s->compressor, &e) < 0)
		cli_usage(&cli, "--layer-compressor: %s", e.msg);
	s->has_compressor = true;
}

static void read_platform(struct settings *s, bool alone_ok)
{
	struct err e = { 0 };
	if (s->platform && s->alone_ok != alone_ok)
		cli_usage(&cli, "give only one of --platform and --prefer-platform");
	free(s->platform);
	s->alone_ok = alone_ok;
	if (imageconfig_read_platform(optarg, &s->platform, &e) < 0)
		cli_usage(&cli, "--%splatform: %s", alone_ok ? "prefer-" : "", e.msg);
}

static void option(int opt, struct settings *s)
{
	if (opt == IMAGE)
		s->image = optarg;
	else if (opt == PLATFORM || opt == PREFER_PLATFORM)
		read_platform(s, opt == PREFER_PLATFORM);
	else if (opt == STORE_DIR)
		s->store_dir = read_store_dir();
	else if (opt == KNOWN)
		s->known = optarg;
	else if (opt == LAYER_COMPRESSOR)
		read_compressor(s);
	else if (s->mode == STREAM || s->mode == (enum mode)opt)
		s->mode = (enum mode)opt;
	else
		cli_usage(&cli, "give only one of --list, --config, --repo-tags, --files and "
				"--store-paths");
}

static void check(struct settings *s)
{
	if (s->store_dir && s->mode != STORE_PATHS)
		cli_usage(&cli, "--store-dir goes with --store-paths only");
	if (s->known && s->mode != STREAM)
		cli_usage(&cli, "--known goes with a layer stream only");
	if (s->platform && s->mode == REPO_TAGS)
		cli_usage(&cli, "--%splatform: names are the same for all platforms",
			  s->alone_ok ? "prefer-" : "");
	if (s->has_compressor && !s->known)
		cli_usage(&cli, "--layer-compressor goes with --known only");
	if (!s->store_dir)
		s->store_dir = "/nix/store";
}

static int write_stream(const struct settings *s, struct image *i, struct out *o, struct err *e)
{
	AUTO_KNOWNLAYERS struct knownlayers *known = NULL;
	AUTO_FREE char *compressor = compress_about(s->compressor);
	if (s->known && knownlayers_read(s->known, cli_warn_text, &cli, &known, e) < 0)
		return -1;
	return imagelayers_stream(i, known, compressor, o, e);
}

static int write_image(const struct settings *s, struct image *i, struct out *o, struct err *e)
{
	switch (s->mode) {
	case LIST:
		return imagelayers_list(i, o, e);
	case CONFIG:
		return out_write(o, i->config.s, i->config.len, e);
	case FILES:
		return imagelayers_files(i, o, e);
	case STORE_PATHS:
		return imagelayers_store_paths(i, s->store_dir, o, e);
	case STREAM:
	case REPO_TAGS:
		break;
	}
	return write_stream(s, i, o, e);
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
	image.absent_ok = s->mode == LIST || s->mode == CONFIG || s->known;
	image.platform = s->platform;
	image.alone_ok = s->alone_ok;
	if (image_read(f, &set, entry, &image, e) < 0)
		return -1;
	return write_image(s, &image, o, e);
}

int main(int argc, char **argv)
{
	struct settings s = { .mode = STREAM, .compressor = COMPRESS_GZ };
	struct err e = { 0 };
	struct out o;

	cli_start(&cli);
	for (int opt; (opt = cli_option(&cli, argc, argv)) != -1;)
		option(opt, &s);
	cli_operands(&cli, argc, argv, 0, 1);
	const char *image = optind < argc ? argv[optind] : "-";
	check(&s);
	cli_binary(&cli, image);
	if (s.mode == STREAM)
		cli_stdout_binary(&cli, &o);
	else
		cli_stdout(&o);
	int status = run(&s, image, &o, &e);
	free(s.platform);
	if (status < 0)
		return cli_fail(&cli, &e);
	return cli_finish(&cli, &o);
}
