/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cli.h"
#include "base/esc.h"
#include "base/machine.h"
#include "base/outfile.h"
#include "image/assemble.h"
#include "image/imageref.h"

static const char help[] =
	"usage: image-assemble [option...] [LAYER-STREAM...]\n"
	"Makes a container image from layer streams and image-config(5) lines.\n"
	"\n"
	"Name and file:\n"
	"      --name NAME         name of the image, such as hello or registry.example/hello\n"
	"  -t, --tag TAG           a tag of the image; repeatable (made from the content)\n"
	"  -o, --output FILE       write the image to FILE (standard output); of oci, to a "
	"directory\n"
	"                          if its name does not end in .tar, .tar.gz or .tar.zst\n"
	"      --format FORMAT     docker, oci or hybrid (docker)\n"
	"      --compressor KIND   none, gz or zstd, for the whole archive (none)\n"
	"      --layer-compressor KIND\n"
	"                          none, gz, zstd or zstd:chunked, for each layer of oci\n"
	"                          and hybrid (gz)\n"
	"      --known FILE        remember and use compressed layers of oci and hybrid\n"
	"      --annotation KEY=VALUE\n"
	"                          an annotation of oci and hybrid; repeatable\n"
	"\nConfiguration:\n"
	"      --config FILE       JSON, or image-config(5) lines (none)\n"
	"      --architecture A    the machine of the image, as Go names it: [OS/]ARCH[/VARIANT]\n"
	"                          (this machine)\n"
	"      --variant V         the variant of the machine, such as v7 (none)\n"
	"      --os OS             the system of the image (linux)\n"
	"      --created TIME      when the image was made: ISO 8601 or now (" IMAGECONFIG_CREATED
	")\n"
	"\nLayers:\n"
	"      --layers-out FILE   write the layers as layer-list(5) lines to FILE\n"
	"      --max-layers N      refuse an image of more layers\n"
	"      --expect-layers N   refuse an image of any other number of layers\n"
	"      --allow-empty       make an image without layers of empty input\n"
	"\nMore:\n"
	"      --jobs N            threads for compression (the number of cores)\n"
	"      --progress MODE     auto, bar, lines or none (auto)\n"
	"  -h, --help              show this help\n"
	"      --version           show the version\n";

enum {
	OPT_NAME = CLI_OPT,
	OPT_TAG,
	OPT_CONFIG,
	OPT_ARCHITECTURE,
	OPT_VARIANT,
	OPT_OS,
	OPT_CREATED,
	OPT_FORMAT,
	OPT_OUTPUT,
	OPT_COMPRESSOR,
	OPT_LAYER_COMPRESSOR,
	OPT_KNOWN,
	OPT_ANNOTATION,
	OPT_JOBS,
	OPT_LAYERS_OUT,
	OPT_MAX_LAYERS,
	OPT_EXPECT_LAYERS,
	OPT_ALLOW_EMPTY,
	OPT_PROGRESS,
};

static const struct option longs[] = {
	{ "name", required_argument, NULL, OPT_NAME },
	{ "tag", required_argument, NULL, OPT_TAG },
	{ "config", required_argument, NULL, OPT_CONFIG },
	{ "architecture", required_argument, NULL, OPT_ARCHITECTURE },
	{ "variant", required_argument, NULL, OPT_VARIANT },
	{ "os", required_argument, NULL, OPT_OS },
	{ "created", required_argument, NULL, OPT_CREATED },
	{ "format", required_argument, NULL, OPT_FORMAT },
	{ "output", required_argument, NULL, OPT_OUTPUT },
	{ "compressor", required_argument, NULL, OPT_COMPRESSOR },
	{ "layer-compressor", required_argument, NULL, OPT_LAYER_COMPRESSOR },
	{ "known", required_argument, NULL, OPT_KNOWN },
	{ "annotation", required_argument, NULL, OPT_ANNOTATION },
	{ "jobs", required_argument, NULL, OPT_JOBS },
	{ "layers-out", required_argument, NULL, OPT_LAYERS_OUT },
	{ "max-layers", required_argument, NULL, OPT_MAX_LAYERS },
	{ "expect-layers", required_argument, NULL, OPT_EXPECT_LAYERS },
	{ "allow-empty", no_argument, NULL, OPT_ALLOW_EMPTY },
	{ "progress", required_argument, NULL, OPT_PROGRESS },
	CLI_OPTIONS_END
};

static const struct cli cli = { "image-assemble", help, longs };

struct settings {
	struct assemble_options image;
	struct imageconfig_options about;
	const char *config, *output, *layers_out, *known;
	enum compress_kind compressor;
	bool layer_compressor; /* it was given */
	bool directory;        /* the output is an OCI layout */
	enum progress_mode progress;
	const char **tags;
	size_t ntags, tags_cap;
	char *own_name; /* out of a tag */
	struct ocimanifest_annotation *annotations;
	size_t nannotations, annotations_cap;
	struct assemble_input *inputs;
	size_t ninputs;
};

static void add_tag(struct settings *s)
{
	s->tags = mem_grow(s->tags, &s->tags_cap, s->ntags + 1, sizeof *s->tags);
	s->tags[s->ntags++] = optarg;
}

/* The value of KEY=VALUE; the option becomes its key. */
static const char *cut_annotation(void)
{
	char *equals = strchr(optarg, '=');
	if (equals && equals != optarg && esc_is_utf8(optarg, strlen(optarg))) {
		*equals = '\0';
		return equals + 1;
	}
	cli_usage(&cli, "--annotation: expected KEY=VALUE in UTF-8, found '%s'", optarg);
}

static void add_annotation(struct settings *s)
{
	const char *value = cut_annotation();
	for (size_t i = 0; i < s->nannotations; i++)
		if (strcmp(s->annotations[i].key, optarg) == 0)
			cli_usage(&cli, "--annotation: '%s' is given twice", optarg);
	s->annotations = mem_grow(s->annotations, &s->annotations_cap, s->nannotations + 1,
				  sizeof *s->annotations);
	s->annotations[s->nannotations++] = (struct ocimanifest_annotation){ optarg, value };
}

/* Options whose value is one of a few words. */
static void word_option(int opt, struct settings *s)
{
	struct err e = { 0 };
	if (opt == OPT_COMPRESSOR && compress_kind(optarg, &s->compressor, &e) < 0)
		cli_usage(&cli, "--compressor: %s", e.msg);
	if (opt == OPT_PROGRESS && progress_mode(optarg, &s->progress, &e) < 0)
		cli_usage(&cli, "--progress: %s", e.msg);
	if (opt == OPT_FORMAT && assemble_format(optarg, &s->image.format, &e) < 0)
		cli_usage(&cli, "--format: %s", e.msg);
	if (opt == OPT_LAYER_COMPRESSOR &&
	    compress_layer_kind(optarg, &s->image.compressor, &e) < 0)
		cli_usage(&cli, "--layer-compressor: %s", e.msg);
	s->layer_compressor |= opt == OPT_LAYER_COMPRESSOR;
}

static void option(int opt, struct settings *s)
{
	switch (opt) {
	case OPT_NAME:
		s->image.name = optarg;
		break;
	case OPT_TAG:
		add_tag(s);
		break;
	case OPT_CONFIG:
		s->config = optarg;
		break;
	case OPT_ARCHITECTURE:
		s->about.architecture = optarg;
		break;
	case OPT_VARIANT:
		s->about.variant = optarg;
		break;
	case OPT_OS:
		s->about.os = optarg;
		break;
	case OPT_CREATED:
		s->about.created = optarg;
		break;
	case OPT_OUTPUT:
		s->output = optarg;
		break;
	case OPT_KNOWN:
		s->known = optarg;
		break;
	case OPT_ANNOTATION:
		add_annotation(s);
		break;
	case OPT_JOBS:
		s->image.jobs = (unsigned)cli_number(&cli, "jobs", 1, 1024);
		break;
	case OPT_LAYERS_OUT:
		s->layers_out = optarg;
		break;
	case OPT_MAX_LAYERS:
		s->image.max_layers = cli_number(&cli, "max-layers", 1, UINT32_MAX);
		break;
	case OPT_EXPECT_LAYERS:
		s->image.expect_layers = cli_number(&cli, "expect-layers", 0, UINT32_MAX);
		break;
	case OPT_ALLOW_EMPTY:
		s->image.allow_empty = true;
		break;
	default:
		word_option(opt, s);
	}
}

/* What goes with which format, and the compressor of layers where none is given. */
static void check_format(struct settings *s)
{
	bool docker = s->image.format == ASSEMBLE_DOCKER, whole = s->compressor != COMPRESS_NONE;
	if (docker && s->image.compressor != COMPRESS_NONE)
		cli_usage(&cli, "--layer-compressor goes with --format oci or hybrid");
	if (docker && s->nannotations)
		cli_usage(&cli, "--annotation goes with --format oci or hybrid");
	if (docker && s->known)
		cli_usage(&cli, "--known goes with --format oci or hybrid");
	if (!docker && !s->layer_compressor && !whole)
		s->image.compressor = COMPRESS_GZ;
	if (whole && s->image.compressor != COMPRESS_NONE)
		cli_usage(&cli, "--compressor and --layer-compressor: an image is compressed once");
	s->directory =
		s->image.format == ASSEMBLE_OCI && s->output && !ocilayout_is_archive(s->output);
	if (s->directory && whole)
		cli_usage(&cli, "--compressor: '%s' is a directory: expected --layer-compressor",
			  s->output);
}

/* A tag can have the name in front of it, as docker takes it; without --name it is the image's. */
static void name_in_tags(struct settings *s)
{
	for (size_t i = 0; i < s->ntags; i++) {
		const char *colon = strrchr(s->tags[i], ':');
		if (!colon || !colon[1] || strchr(colon, '/'))
			continue;
		AUTO_FREE char *name = xstrndup(s->tags[i], (size_t)(colon - s->tags[i]));
		if (!s->image.name)
			s->image.name = s->own_name = STEAL(name);
		if (!name || strcmp(name, s->image.name) == 0)
			s->tags[i] = colon + 1;
	}
}

static void check(struct settings *s)
{
	struct err e = { 0 };
	check_format(s);
	s->image.annotations = (struct ocimanifest_annotations){ s->annotations, s->nannotations };
	s->image.tags = s->tags;
	s->image.ntags = s->ntags;
	name_in_tags(s);
	if (s->ntags && !s->image.name)
		cli_usage(&cli, "--tag needs a --name");
	if (s->image.name && imageref_check_name(s->image.name, &e) < 0)
		cli_usage(&cli, "--name: %s", e.msg);
	for (size_t i = 0; i < s->ntags; i++)
		if (imageref_check_tag(s->tags[i], &e) < 0)
			cli_usage(&cli, "--tag: %s", e.msg);
	if (imageconfig_check(&s->about, &e) < 0)
		cli_usage(&cli, "%s", e.msg);
	if (s->config && strcmp(s->config, "-") == 0)
		cli_usage(&cli, "--config: standard input carries the layers: expected a file");
}

/* The operands, or standard input. */
static void set_inputs(struct settings *s, char **operands, size_t n)
{
	s->ninputs = n ? n : 1;
	s->inputs = xcalloc(s->ninputs, sizeof *s->inputs);
	for (size_t i = 0; i < s->ninputs; i++) {
		s->inputs[i] = (struct assemble_input){ -1, n ? operands[i] : "-", n > 0 };
		cli_binary(&cli, s->inputs[i].name);
	}
}

static int read_config(const char *file, struct imageconfig *c, struct err *e)
{
	AUTO_CLOSE int fd = open(file, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_set(e, errno, "cannot open '%s'", file);
	bool empty;
	if (imageconfig_read(c, fd, file, &empty, e) < 0)
		return -1;
	if (empty)
		return err_set(e, 0,
			       "%s: the configuration is empty: its producer failed (for an empty "
			       "one leave out --config)",
			       file);
	return 0;
}

/* Larger pipes where the system allows: fewer switches between the processes. */
static void widen_pipe(int fd)
{
	fcntl(fd, F_SETPIPE_SZ, 1 << 20);
}

static int open_inputs(const struct settings *s, struct err *e)
{
	for (size_t i = 0; i < s->ninputs; i++) {
		struct assemble_input *in = &s->inputs[i];
		if (cli_open(in->name, &in->fd, &in->name, e) < 0)
			return -1;
		widen_pipe(in->fd);
	}
	return 0;
}

/* Bytes to come, where that can be seen: 0 else. */
static uint64_t size_of_inputs(const struct settings *s)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < s->ninputs; i++) {
		struct stat st;
		int fd = s->inputs[i].fd;
		off_t at = lseek(fd, 0, SEEK_CUR);
		if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || at < 0 || at > st.st_size)
			return 0;
		sum += (uint64_t)(st.st_size - at);
	}
	return sum;
}

static void close_inputs(struct settings *s)
{
	for (size_t i = 0; i < s->ninputs; i++)
		mem_cleanup_close(&s->inputs[i].fd);
	free(s->inputs);
}

/* Reads the inputs and writes the image to o, flushed, or into the layout. */
static int make_image(const struct settings *s, const struct imageconfig *config,
		      struct ocilayout *layout, struct progress *progress, struct out *o,
		      struct layerlist *layers, struct err *e)
{
	AUTO_COMPRESS struct compress *c = NULL;
	AUTO_KNOWNLAYERS struct knownlayers *known = NULL;
	if (s->known && knownlayers_read(s->known, cli_warn_text, &cli, &known, e) < 0)
		return -1;
	struct assemble_streams streams = { .inputs = s->inputs,
					    .ninputs = s->ninputs,
					    .layout = layout,
					    .known = known,
					    .progress = progress };
	if (layout)
		return assemble(&streams, &s->image, config, layers, e);
	if (compress_new(s->compressor, s->image.jobs, o, &c, e) < 0)
		return -1;
	streams.archive = c;
	if (assemble(&streams, &s->image, config, layers, e) < 0 || compress_finish(c, e) < 0)
		return -1;
	return out_flush(o, e);
}

static int write_layers(const struct layerlist *layers, struct outfile *f, const char *name,
			struct err *e)
{
	struct out o;
	out_init(&o, outfile_fd(f), name);
	int status = layerlist_write(layers, &o, e) < 0 ? -1 : out_flush(&o, e);
	out_drop(&o);
	return status;
}

/* What is to be a file gets its name only when everything is written. */
static int write_image(const struct settings *s, const struct imageconfig *config,
		       struct progress *progress, struct out *o, struct err *e)
{
	AUTO_LAYERLIST struct layerlist layers = { 0 };
	AUTO_OUTFILE struct outfile *image = NULL, *list = NULL;
	AUTO_OCILAYOUT struct ocilayout *layout = NULL;
	if ((s->directory && ocilayout_new(s->output, &layout, e) < 0) ||
	    (s->output && !s->directory && outfile_new(s->output, &image, e) < 0) ||
	    (s->layers_out && outfile_new(s->layers_out, &list, e) < 0))
		return -1;
	if (image)
		out_init(o, outfile_fd(image), s->output);
	if (make_image(s, config, layout, progress, o, &layers, e) < 0 ||
	    (list && write_layers(&layers, list, s->layers_out, e) < 0))
		return -1;
	if (image && outfile_commit(image, e) < 0)
		return -1;
	return list ? outfile_commit(list, e) : 0;
}

static int run(const struct settings *s, struct out *o, struct err *e)
{
	AUTO_IMAGECONFIG struct imageconfig *config = imageconfig_new();
	uint64_t total = s->image.expect_layers == ASSEMBLE_ANY ? 0 : s->image.expect_layers;
	if ((s->config && read_config(s->config, config, e) < 0) ||
	    imageconfig_complete(config, &s->about, e) < 0 || open_inputs(s, e) < 0)
		return -1;
	AUTO_PROGRESS struct progress *progress =
		progress_new(s->progress, STDERR_FILENO, total, size_of_inputs(s));
	if (write_image(s, config, progress, o, e) < 0)
		return -1;
	progress_finish(progress);
	return 0;
}

int main(int argc, char **argv)
{
	struct settings s = { .image = { .max_layers = ASSEMBLE_ANY,
					 .expect_layers = ASSEMBLE_ANY } };
	struct out file = { 0 }, standard;
	struct err e = { 0 };

	cli_start(&cli);
	for (int opt; (opt = cli_option(&cli, argc, argv)) != -1;)
		option(opt, &s);
	if (!s.image.jobs)
		s.image.jobs = machine_cores();
	check(&s);
	set_inputs(&s, argv + optind, (size_t)(argc - optind));
	if (s.output)
		cli_stdout(&standard);
	else
		cli_stdout_binary(&cli, &standard);
	widen_pipe(STDOUT_FILENO);
	int status = run(&s, s.output ? &file : &standard, &e);
	out_drop(&file);
	close_inputs(&s);
	free(s.annotations);
	free(s.tags);
	free(s.own_name);
	return status < 0 ? cli_fail(&cli, &e) : cli_finish(&cli, &standard);
}
