/* SPDX-License-Identifier: MIT */
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/cli.h"
#include "base/machine.h"
#include "base/outfile.h"
#include "image/imagemerge.h"

static const char help[] =
	"usage: merge-images [option...] IMAGE...\n"
	"Puts the images of several files into one docker-archive or OCI layout.\n"
	"\n"
	"      --name NAME[:TAG]   the name of images that have a tag alone, a digest or none\n"
	"  -o, --output FILE       write the archive to FILE (standard output); of oci, the layout "
	"to\n"
	"                          that directory, or add the images to the layout there\n"
	"      --format FORMAT     docker or oci (docker); in oci, images of one name for several\n"
	"                          platforms become an index\n"
	"      --compressor KIND   none, gz or zstd (the compression of the last IMAGE)\n"
	"      --layer-compressor KIND\n"
	"                          none, gz or zstd, for layers of oci that are in no OCI image "
	"(gz)\n"
	"      --jobs N            threads for compression (the number of cores)\n"
	"      --progress MODE     auto, bar, lines or none (auto)\n"
	"  -h, --help              show this help\n"
	"      --version           show the version\n";

enum {
	OPT_NAME = CLI_OPT,
	OPT_OUTPUT,
	OPT_FORMAT,
	OPT_COMPRESSOR,
	OPT_LAYER_COMPRESSOR,
	OPT_JOBS,
	OPT_PROGRESS
};

static const struct option longs[] = { { "name", required_argument, NULL, OPT_NAME },
				       { "output", required_argument, NULL, OPT_OUTPUT },
				       { "format", required_argument, NULL, OPT_FORMAT },
				       { "compressor", required_argument, NULL, OPT_COMPRESSOR },
				       { "layer-compressor", required_argument, NULL,
					 OPT_LAYER_COMPRESSOR },
				       { "jobs", required_argument, NULL, OPT_JOBS },
				       { "progress", required_argument, NULL, OPT_PROGRESS },
				       CLI_OPTIONS_END };

static const struct cli cli = { "merge-images", help, longs };

struct settings {
	const char *name;
	const char *output;
	bool oci; /* the output is an OCI layout */
	bool layers_compressed;
	enum compress_kind layer_compressor;
	bool compressed; /* as .compressor says, else as the last image is */
	enum compress_kind compressor;
	unsigned jobs;
	enum progress_mode progress;
	char **images;
	int nimages;
};

static void read_format(struct settings *s)
{
	s->oci = strcmp(optarg, "oci") == 0;
	if (!s->oci && strcmp(optarg, "docker") != 0)
		cli_usage(&cli, "--format: expected docker or oci, found '%s'", optarg);
}

static void option(int opt, struct settings *s)
{
	struct err e = { 0 };
	switch (opt) {
	case OPT_NAME:
		s->name = optarg;
		break;
	case OPT_OUTPUT:
		s->output = optarg;
		break;
	case OPT_FORMAT:
		read_format(s);
		break;
	case OPT_LAYER_COMPRESSOR:
		s->layers_compressed = true;
		if (compress_kind(optarg, &s->layer_compressor, &e) < 0)
			cli_usage(&cli, "--layer-compressor: %s", e.msg);
		break;
	case OPT_COMPRESSOR:
		s->compressed = true;
		if (compress_kind(optarg, &s->compressor, &e) < 0)
			cli_usage(&cli, "--compressor: %s", e.msg);
		break;
	case OPT_JOBS:
		s->jobs = (unsigned)cli_number(&cli, "jobs", 1, 1024);
		break;
	default:
		if (progress_mode(optarg, &s->progress, &e) < 0)
			cli_usage(&cli, "--progress: %s", e.msg);
	}
}

static void check(const struct settings *s)
{
	if (s->oci && (!s->output || ocilayout_is_archive(s->output)))
		cli_usage(&cli, "--format oci: expected --output DIR");
	if (s->oci && s->compressed)
		cli_usage(&cli, "--compressor: '%s' is a directory: expected --layer-compressor",
			  s->output);
	if (!s->oci && s->layers_compressed)
		cli_usage(&cli, "--layer-compressor goes with --format oci");
}

static void operands(int argc, char **argv, struct settings *s)
{
	bool standard = false;
	cli_operands(&cli, argc, argv, 1, INT_MAX);
	s->images = argv + optind;
	s->nimages = argc - optind;
	for (int i = 0; i < s->nimages; i++) {
		bool is_standard = strcmp(s->images[i], "-") == 0;
		if (is_standard && standard)
			cli_usage(&cli, "'-' is given twice: standard input can be read only once");
		standard |= is_standard;
		cli_binary(&cli, s->images[i]);
	}
}

static int write_archive(const struct settings *s, struct imagemerge *m, struct progress *progress,
			 struct out *o, struct err *e)
{
	AUTO_COMPRESS struct compress *c = NULL;
	enum compress_kind kind = s->compressed ? s->compressor : imagemerge_compression(m);
	if (compress_new(kind, s->jobs, o, &c, e) < 0 || imagemerge_write(m, c, progress, e) < 0 ||
	    compress_finish(c, e) < 0)
		return -1;
	return out_flush(o, e);
}

static int write_layout(const struct settings *s, struct imagemerge *m, struct err *e)
{
	AUTO_PROGRESS struct progress *progress =
		progress_new(s->progress, STDERR_FILENO, imagemerge_blobs(m), 0);
	AUTO_OCILAYOUT struct ocilayout *layout = NULL;
	if (ocilayout_new(s->output, &layout, e) < 0 ||
	    imagemerge_write_layout(m, layout, s->layer_compressor, s->jobs, progress, e) < 0)
		return -1;
	progress_finish(progress);
	return 0;
}

/* What is to be a file gets its name only when everything is written. */
static int write_output(const struct settings *s, struct imagemerge *m, struct out *o,
			struct err *e)
{
	AUTO_PROGRESS struct progress *progress =
		progress_new(s->progress, STDERR_FILENO, imagemerge_layers(m), imagemerge_bytes(m));
	AUTO_OUTFILE struct outfile *file = NULL;
	if (s->output && outfile_new(s->output, &file, e) < 0)
		return -1;
	if (file)
		out_init(o, outfile_fd(file), s->output);
	if (write_archive(s, m, progress, o, e) < 0 || (file && outfile_commit(file, e) < 0))
		return -1;
	progress_finish(progress);
	return 0;
}

static int run(const struct settings *s, struct out *o, struct err *e)
{
	AUTO_IMAGEMERGE struct imagemerge *m = imagemerge_new();
	if (s->oci)
		imagemerge_for_layout(m);
	if (s->name && imagemerge_name(m, s->name, e) < 0)
		return -1;
	for (int i = 0; i < s->nimages; i++)
		if (imagemerge_add(m, s->images[i], e) < 0)
			return -1;
	return s->oci ? write_layout(s, m, e) : write_output(s, m, o, e);
}

int main(int argc, char **argv)
{
	struct settings s = { .layer_compressor = COMPRESS_GZ };
	struct out file = { 0 }, standard;
	struct err e = { 0 };

	cli_start(&cli);
	for (int opt; (opt = cli_option(&cli, argc, argv)) != -1;)
		option(opt, &s);
	operands(argc, argv, &s);
	check(&s);
	if (!s.jobs)
		s.jobs = machine_cores();
	if (s.output)
		cli_stdout(&standard);
	else
		cli_stdout_binary(&cli, &standard);
	int status = run(&s, s.output ? &file : &standard, &e);
	out_drop(&file);
	return status < 0 ? cli_fail(&cli, &e) : cli_finish(&cli, &standard);
}
