/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "base/cli.h"
#include "base/outfile.h"
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
	"      --list[=FILE]       write the layers as layer-list(5) lines instead\n"
	"      --config[=FILE]     write the configuration as image-config(5) lines instead\n"
	"      --files[=FILE]      write the files as layerpipe-mtree(5) lines instead\n"
	"      --store-paths[=FILE]\n"
	"                          write the store paths in the image and their NAR sizes instead\n"
	"      --repo-tags         write the names of the images instead, one a line\n"
	"      --store-dir DIR     with --store-paths: the store directory (/nix/store)\n"
	"      --known FILE        send layers that this file knows by reference, known-layers(5)\n"
	"      --layer-compressor KIND\n"
	"                          none, gz, zstd or zstd:chunked: how --known must know\n"
	"                          them (gz)\n"
	"  -h, --help              show this help\n"
	"      --version           show the version\n";

/* What can be written; of some, lines can go to a file of their own. */
enum kind { LIST, CONFIG, FILES, STORE_PATHS, KINDS };
enum mode { MODE_LINES = CLI_OPT, REPO_TAGS = MODE_LINES + KINDS, STREAM };
enum { IMAGE = STREAM + 1, STORE_DIR, KNOWN, LAYER_COMPRESSOR, PLATFORM, PREFER_PLATFORM };

static const struct option longs[] = {
	{ "image", required_argument, NULL, IMAGE },
	{ "platform", required_argument, NULL, PLATFORM },
	{ "prefer-platform", required_argument, NULL, PREFER_PLATFORM },
	{ "list", optional_argument, NULL, MODE_LINES + LIST },
	{ "config", optional_argument, NULL, MODE_LINES + CONFIG },
	{ "files", optional_argument, NULL, MODE_LINES + FILES },
	{ "store-paths", optional_argument, NULL, MODE_LINES + STORE_PATHS },
	{ "repo-tags", no_argument, NULL, REPO_TAGS },
	{ "store-dir", required_argument, NULL, STORE_DIR },
	{ "known", required_argument, NULL, KNOWN },
	{ "layer-compressor", required_argument, NULL, LAYER_COMPRESSOR },
	CLI_OPTIONS_END,
};

static const struct cli cli = { "image-layers", help, longs };

struct settings {
	int mode; /* what goes to standard output: MODE_LINES + kind, REPO_TAGS or STREAM */
	bool wanted[KINDS], any_wanted;
	const char *files[KINDS]; /* NULL: standard output */
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

static void set_mode(struct settings *s, int opt)
{
	if (opt != REPO_TAGS) {
		bool again = s->wanted[opt - MODE_LINES];
		if (again && !s->files[opt - MODE_LINES] != !optarg)
			cli_usage(&cli,
				  "give --list, --config, --files and --store-paths once each");
		s->any_wanted = s->wanted[opt - MODE_LINES] = true;
		s->files[opt - MODE_LINES] = optarg;
	}
	if (optarg)
		return;
	if (s->mode != STREAM && s->mode != opt)
		cli_usage(&cli, "give only one of --list, --config, --repo-tags, --files and "
				"--store-paths");
	s->mode = opt;
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
	else
		set_mode(s, opt);
}

static void check_files(const struct settings *s)
{
	for (int i = 0; i < KINDS; i++)
		for (int k = 0; k < i; k++)
			if (s->files[i] && s->files[k] && strcmp(s->files[i], s->files[k]) == 0)
				cli_usage(&cli, "two kinds of lines would go to '%s'", s->files[i]);
}

static void check(struct settings *s)
{
	check_files(s);
	if (s->any_wanted && s->mode == REPO_TAGS)
		cli_usage(&cli, "--repo-tags goes with no other lines");
	if (s->store_dir && !s->wanted[STORE_PATHS])
		cli_usage(&cli, "--store-dir goes with --store-paths only");
	if (s->known && (s->any_wanted || s->mode != STREAM))
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

/* Where lines of one kind go. */
struct lines {
	struct out *out; /* NULL: nobody asked for them */
	struct out own;
	struct outfile *file; /* NULL: out is standard output */
};

static int lines_open(struct lines *l, const struct settings *s, enum kind kind, struct out *o,
		      struct err *e)
{
	if (!s->wanted[kind])
		return 0;
	l->out = o;
	if (!s->files[kind])
		return 0;
	if (outfile_new(s->files[kind], &l->file, e) < 0)
		return -1;
	out_init(&l->own, outfile_fd(l->file), s->files[kind]);
	l->out = &l->own;
	return 0;
}

static int lines_end(struct lines *l, struct err *e)
{
	if (!l->file)
		return 0;
	return out_flush(&l->own, e) < 0 ? -1 : outfile_commit(l->file, e);
}

static void lines_free(struct lines *l)
{
	if (l->file)
		out_drop(&l->own);
	outfile_free(l->file);
}

static int tell(const struct settings *s, const struct image *i, const struct lines *l,
		struct err *e)
{
	if ((l[LIST].out && imagelayers_list(i, l[LIST].out, e) < 0) ||
	    (l[CONFIG].out && out_write(l[CONFIG].out, i->config.s, i->config.len, e) < 0))
		return -1;
	if (!l[FILES].out && !l[STORE_PATHS].out)
		return 0;
	return imagelayers_tree(i, l[FILES].out, l[STORE_PATHS].out, s->store_dir, e);
}

/* All that is wanted, from one look at the image. */
static int write_lines(const struct settings *s, const struct image *i, struct out *o,
		       struct err *e)
{
	struct lines l[KINDS] = { 0 };
	int status = 0;
	for (int k = 0; k < KINDS && status == 0; k++)
		status = lines_open(&l[k], s, (enum kind)k, o, e);
	if (status == 0)
		status = tell(s, i, l, e);
	for (int k = 0; k < KINDS && status == 0; k++)
		status = lines_end(&l[k], e);
	for (int k = 0; k < KINDS; k++)
		lines_free(&l[k]);
	return status;
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
	image.absent_ok =
		s->known || (s->any_wanted && !s->wanted[FILES] && !s->wanted[STORE_PATHS]);
	image.platform = s->platform;
	image.alone_ok = s->alone_ok;
	if (image_read(f, &set, entry, &image, e) < 0)
		return -1;
	return s->any_wanted ? write_lines(s, &image, o, e) : write_stream(s, &image, o, e);
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
	if (s.mode == STREAM && !s.any_wanted)
		cli_stdout_binary(&cli, &o);
	else
		cli_stdout(&o);
	int status = run(&s, image, &o, &e);
	free(s.platform);
	if (status < 0)
		return cli_fail(&cli, &e);
	return cli_finish(&cli, &o);
}
