/* SPDX-License-Identifier: MIT */
/* config-json: writes the configuration of an image as JSON. */
#include "base/cli.h"
#include "image/imageconfig.h"

static const char help[] =
	"usage: config-json [option...] [FILE...]\n"
	"Writes image-config(5) lines as the JSON configuration of an image.\n"
	"\n"
	"      --layers FILE       take rootfs and history from these layer-list(5) lines\n"
	"      --architecture A    the machine of the image, as Go names it: [OS/]ARCH[/VARIANT]\n"
	"                          (this machine)\n"
	"      --variant V         the variant of the machine, such as v7 (none)\n"
	"      --os OS             the system of the image (linux)\n"
	"      --created TIME      when the image was made: ISO 8601 or now (" IMAGECONFIG_CREATED
	")\n"
	"  -h, --help              show this help\n"
	"      --version           show the version\n";

enum { OPT_LAYERS = CLI_OPT, OPT_ARCHITECTURE, OPT_VARIANT, OPT_OS, OPT_CREATED };

static const struct option longs[] = { { "layers", required_argument, NULL, OPT_LAYERS },
				       { "architecture", required_argument, NULL,
					 OPT_ARCHITECTURE },
				       { "variant", required_argument, NULL, OPT_VARIANT },
				       { "os", required_argument, NULL, OPT_OS },
				       { "created", required_argument, NULL, OPT_CREATED },
				       CLI_OPTIONS_END };

static const struct cli cli = { "config-json", help, longs };

struct settings {
	const char *layers;
	struct imageconfig_options image;
};

static void options(int argc, char **argv, struct settings *s)
{
	for (int opt; (opt = cli_option(&cli, argc, argv)) != -1;)
		*(opt == OPT_LAYERS         ? &s->layers
		  : opt == OPT_ARCHITECTURE ? &s->image.architecture
		  : opt == OPT_VARIANT      ? &s->image.variant
		  : opt == OPT_OS           ? &s->image.os
					    : &s->image.created) = optarg;
}

static int read_layers(const char *file, struct layerlist *layers, struct err *e)
{
	AUTO_CLOSE int fd = -1;
	const char *name;
	if (cli_open(file, &fd, &name, e) < 0)
		return -1;
	return layerlist_read(layers, fd, name, e);
}

static int read_config(const char *file, struct imageconfig *c, struct err *e)
{
	AUTO_CLOSE int fd = -1;
	const char *name;
	cli_waits(&cli, file, "image-config(5) lines, or JSON,");
	if (cli_open(file, &fd, &name, e) < 0)
		return -1;
	bool empty;
	return imageconfig_read(c, fd, name, &empty, e);
}

static int run(const struct settings *s, char **files, struct buf *json, struct err *e)
{
	AUTO_IMAGECONFIG struct imageconfig *c = imageconfig_new();
	AUTO_LAYERLIST struct layerlist layers = { 0 };
	if (s->layers && read_layers(s->layers, &layers, e) < 0)
		return -1;
	if (!*files && read_config("-", c, e) < 0)
		return -1;
	for (; *files; files++)
		if (read_config(*files, c, e) < 0)
			return -1;
	if (imageconfig_complete(c, &s->image, e) < 0)
		return -1;
	return imageconfig_write(c, &layers, json, e);
}

int main(int argc, char **argv)
{
	struct err e = { 0 };
	struct settings s = { 0 };
	struct out o;
	AUTO_BUF struct buf json = { 0 };

	cli_start(&cli);
	options(argc, argv, &s);
	if (imageconfig_check(&s.image, &e) < 0)
		cli_usage(&cli, "%s", e.msg);
	cli_stdout(&o);
	if (run(&s, argv + optind, &json, &e) < 0 || out_write(&o, json.s, json.len, &e) < 0)
		return cli_fail(&cli, &e);
	return cli_finish(&cli, &o);
}
