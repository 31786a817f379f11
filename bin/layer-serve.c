/* SPDX-License-Identifier: MIT */
/* layer-serve: runs a command on an OCI layout, and makes the blobs that it lacks when they are
 * read. */
#include <signal.h>
#include <string.h>

#include "base/cli.h"
#include "base/machine.h"
#include "image/imageconfig.h"
#include "image/layerserve.h"

static const char help[] =
	"usage: layer-serve --layout DIR --known FILE [option...] COMMAND [ARG...]\n"
	"Runs COMMAND on an OCI layout. Blobs that the layout lacks are made when they are read.\n"
	"\n"
	"      --layout DIR        the layout\n"
	"      --plan FILE         the plan of its store layers, - is standard input\n"
	"      --image FILE        an image whose layers are served too, such as the base; "
	"repeatable\n"
	"      --image-name NAME:TAG\n"
	"                          which image of the file before (the first)\n"
	"      --platform P        which platform of it, if there are several: "
	"[OS/]ARCH[/VARIANT]\n"
	"                          (this machine)\n"
	"      --known FILE        what the layers are known as, known-layers(5)\n"
	"      --root-dir DIR      where the store directory lies (/)\n"
	"      --store-dir DIR     the store directory (/nix/store)\n"
	"      --mtime T           as layer-tar had it: time of every entry (1)\n"
	"      --uid N             as layer-tar had it: owner of every entry (0)\n"
	"      --gid N             as layer-tar had it: its group (0)\n"
	"      --uname NAME        as layer-tar had it: the owner's name (root)\n"
	"      --gname NAME        as layer-tar had it: the group's name (root)\n"
	"      --jobs N            threads for compression (the number of cores)\n"
	"  -h, --help              show this help\n"
	"      --version           show the version\n";

enum { FAILED = 125 };

enum {
	GID = CLI_OPT,
	GNAME,
	IMAGE,
	IMAGE_NAME,
	JOBS,
	KNOWN,
	LAYOUT,
	MTIME,
	PLAN,
	PLATFORM,
	ROOT_DIR,
	STORE_DIR,
	UID,
	UNAME,
};

static const struct option longs[] = {
	{ "gid", required_argument, NULL, GID },
	{ "gname", required_argument, NULL, GNAME },
	{ "image", required_argument, NULL, IMAGE },
	{ "image-name", required_argument, NULL, IMAGE_NAME },
	{ "jobs", required_argument, NULL, JOBS },
	{ "known", required_argument, NULL, KNOWN },
	{ "layout", required_argument, NULL, LAYOUT },
	{ "mtime", required_argument, NULL, MTIME },
	{ "plan", required_argument, NULL, PLAN },
	{ "platform", required_argument, NULL, PLATFORM },
	{ "root-dir", required_argument, NULL, ROOT_DIR },
	{ "store-dir", required_argument, NULL, STORE_DIR },
	{ "uid", required_argument, NULL, UID },
	{ "uname", required_argument, NULL, UNAME },
	CLI_OPTIONS_END,
};

static const struct cli cli = { "layer-serve", help, longs };

/* An image that layers come from. */
struct origin {
	const char *path;
	const char *name; /* which one of the file; NULL: the first */
	char *platform;   /* NULL: this machine's */
	struct imagefile *file;
	struct imageset set;
	struct image image;
};

struct options {
	struct layerserve serve;
	struct origin *origins;
	size_t norigins;
	const char *plan;
	const char *known;
};

static void add_image(struct options *o)
{
	o->origins = xrealloc(o->origins, (o->norigins + 1) * sizeof *o->origins);
	o->origins[o->norigins++] = (struct origin){ .path = optarg };
}

/* The image that an option is for. */
static struct origin *last_image(struct options *o, const char *option)
{
	if (!o->norigins)
		cli_usage(&cli, "%s is for the --image before it: there is none", option);
	return &o->origins[o->norigins - 1];
}

static const uint64_t id_max = UINT32_MAX - 1;

static const char *read_store_dir(void)
{
	struct err e = { 0 };
	if (storelayer_check_dir(optarg, &e) < 0)
		cli_usage(&cli, "--store-dir: %s", e.msg);
	return optarg;
}

static void read_platform(struct origin *from)
{
	struct err e = { 0 };
	free(from->platform);
	if (imageconfig_read_platform(optarg, &from->platform, &e) < 0)
		cli_usage(&cli, "--platform: %s", e.msg);
}

static void read_option(int opt, struct options *o)
{
	struct storelayer_form *form = &o->serve.form;
	switch (opt) {
	case GID:
		form->gid = cli_number(&cli, "gid", 0, id_max);
		break;
	case GNAME:
		form->gname = optarg;
		break;
	case IMAGE:
		add_image(o);
		break;
	case IMAGE_NAME:
		last_image(o, "--image-name")->name = optarg;
		break;
	case JOBS:
		o->serve.threads = (unsigned)cli_number(&cli, "jobs", 1, 1024);
		break;
	case KNOWN:
		o->known = optarg;
		break;
	case LAYOUT:
		o->serve.layout = optarg;
		break;
	case MTIME:
		form->mtime = cli_time(&cli, "mtime");
		break;
	case PLAN:
		o->plan = optarg;
		break;
	case PLATFORM:
		read_platform(last_image(o, "--platform"));
		break;
	case ROOT_DIR:
		o->serve.root_dir = optarg;
		break;
	case STORE_DIR:
		form->store_dir = read_store_dir();
		break;
	case UID:
		form->uid = cli_number(&cli, "uid", 0, id_max);
		break;
	case UNAME:
		form->uname = optarg;
		break;
	}
}

static void check(const struct options *o, char **command)
{
	if (!o->serve.layout)
		cli_usage(&cli, "expected --layout DIR");
	if (!o->plan && !o->norigins)
		cli_usage(&cli, "expected --plan FILE or --image FILE");
	if (!o->known)
		cli_usage(&cli, "expected --known FILE");
	if (!*command)
		cli_usage(&cli, "expected a command to run");
}

static int read_plan(const char *file, struct plan *p, struct err *e)
{
	AUTO_CLOSE int fd = -1;
	const char *name;
	if (cli_open(file, &fd, &name, e) < 0)
		return -1;
	if (plan_read(fd, name, p, e) < 0)
		return -1;
	return p->n ? 0 : err_set(e, 0, "%s: the plan is empty", name);
}

static int read_image(struct origin *from, struct err *e)
{
	size_t entry = 0;
	from->image =
		(struct image){ .absent_ok = true, .platform = from->platform, .alone_ok = true };
	if (imagefile_open(from->path, &from->file, e) < 0 ||
	    imageset_read(from->file, &from->set, e) < 0 ||
	    imageset_find(&from->set, from->file, from->name, &entry, e) < 0)
		return -1;
	return image_read(from->file, &from->set, entry, &from->image, e);
}

static void free_images(struct options *o)
{
	for (size_t i = 0; i < o->norigins; i++) {
		image_free(&o->origins[i].image);
		imageset_free(&o->origins[i].set);
		imagefile_free(o->origins[i].file);
		free(o->origins[i].platform);
	}
	free(o->origins);
}

static int run(const struct options *o, char **command, struct blobpipes_end *end, struct err *e)
{
	AUTO_PLAN struct plan p = { 0 };
	AUTO_KNOWNLAYERS struct knownlayers *known = NULL;
	AUTO_FREE const struct image **images = xcalloc(o->norigins + 1, sizeof *images);
	if (o->plan && read_plan(o->plan, &p, e) < 0)
		return -1;
	if (knownlayers_read(o->known, cli_warn_text, &cli, &known, e) < 0)
		return -1;
	for (size_t i = 0; i < o->norigins; i++) {
		images[i] = &o->origins[i].image;
		if (read_image(&o->origins[i], e) < 0)
			return -1;
	}
	struct layerserve serve = o->serve;
	serve.plan = &p;
	serve.images = images;
	serve.nimages = o->norigins;
	serve.known = known;
	return layerserve_run(&serve, command, end, e);
}

int main(int argc, char **argv)
{
	struct options o = {
		.serve = { .form = { .store_dir = "/nix/store",
				     .mtime = 1,
				     .uname = "root",
				     .gname = "root" } },
	};
	struct blobpipes_end end = { 0 };
	struct err e = { 0 };
	int c;
	cli_statuses(FAILED, FAILED);
	cli_runs_command();
	cli_start(&cli);
	while ((c = cli_option(&cli, argc, argv)) != -1)
		read_option(c, &o);
	check(&o, argv + optind);
	if (!o.serve.threads)
		o.serve.threads = machine_cores();
	int r = run(&o, argv + optind, &end, &e);
	free_images(&o);
	if (r < 0) {
		int status = cli_fail(&cli, &e);
		return end.status ? end.status : status;
	}
	if (end.signal) /* as who called us expects of an interrupt */
		raise(end.signal);
	return end.status;
}
