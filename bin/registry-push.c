/* SPDX-License-Identifier: MIT */
/* registry-push: brings an image of an OCI layout to a registry. */
#include <string.h>

#include "base/cli.h"
#include "image/imageref.h"
#include "registry/registrypush.h"

static const char help[] =
	"usage: registry-push [option...] LAYOUT [docker://]HOST/REPOSITORY[:TAG] [TAG...]\n"
	"Pushes an image of an OCI layout. The registry is asked first what it lacks.\n"
	"\n"
	"      --image NAME:TAG    which image of the layout, if there are several\n"
	"      --credentials FD    read lines of host, user and secret from this descriptor\n"
	"      --mount-from REPOSITORY\n"
	"                          a repository of the registry that may have layers; repeatable\n"
	"      --tls-verify[=B]    false: take plain http, and any certificate (true)\n"
	"      --plain-http        the registry has no TLS: do not try it\n"
	"      --ca-file FILE      whose certificates count (SSL_CERT_FILE, or the system's)\n"
	"      --dry-run           send nothing, and list what would be sent\n"
	"      --jobs N            connections at most (8)\n"
	"      --progress MODE     auto, bar, lines or none (auto)\n"
	"  -h, --help              show this help\n"
	"      --version           show the version\n";

enum {
	CA_FILE = CLI_OPT,
	CREDENTIALS,
	DRY_RUN,
	IMAGE,
	JOBS,
	MOUNT_FROM,
	PLAIN_HTTP,
	PROGRESS,
	TLS_VERIFY,
};

enum { JOBS_MOST = 64 };

static const struct option longs[] = {
	{ "ca-file", required_argument, NULL, CA_FILE },
	{ "credentials", required_argument, NULL, CREDENTIALS },
	{ "dry-run", no_argument, NULL, DRY_RUN },
	{ "image", required_argument, NULL, IMAGE },
	{ "jobs", required_argument, NULL, JOBS },
	{ "mount-from", required_argument, NULL, MOUNT_FROM },
	{ "plain-http", no_argument, NULL, PLAIN_HTTP },
	{ "progress", required_argument, NULL, PROGRESS },
	{ "tls-verify", optional_argument, NULL, TLS_VERIFY },
	CLI_OPTIONS_END,
};

static const struct cli cli = { "registry-push", help, longs };

struct options {
	struct registrypush push;
	const char *image;
	int credentials;   /* a descriptor, or -1 */
	bool tls_demanded; /* with an option */
	const char **sources;
	const char **tags;
};

static void add_source(struct options *o)
{
	struct err e = { 0 };
	if (imageref_check_name(optarg, &e) < 0)
		cli_usage(&cli, "--mount-from: %s", e.msg);
	if (strchr(optarg, ':'))
		cli_usage(&cli,
			  "--mount-from: expected a repository of the same registry without "
			  "its host, found '%s'",
			  optarg);
	o->sources = xrealloc(o->sources, (o->push.nsources + 1) * sizeof *o->sources);
	o->sources[o->push.nsources++] = optarg;
	o->push.sources = o->sources;
}

static bool read_bool(const char *s)
{
	if (s && strcmp(s, "true") != 0 && strcmp(s, "false") != 0)
		cli_usage(&cli, "--tls-verify: expected true or false, found '%s'", s);
	return !s || strcmp(s, "true") == 0;
}

static void read_option(int opt, struct options *o)
{
	struct err e = { 0 };
	switch (opt) {
	case CA_FILE:
		o->push.ca_file = optarg;
		break;
	case CREDENTIALS:
		o->credentials = (int)cli_number(&cli, "credentials", 0, 1 << 20);
		break;
	case DRY_RUN:
		o->push.dry_run = true;
		break;
	case IMAGE:
		o->image = optarg;
		break;
	case JOBS:
		o->push.jobs = (unsigned)cli_number(&cli, "jobs", 1, JOBS_MOST);
		break;
	case MOUNT_FROM:
		add_source(o);
		break;
	case PLAIN_HTTP:
		o->push.plain_http = true;
		break;
	case PROGRESS:
		if (progress_mode(optarg, &o->push.progress, &e) < 0)
			cli_usage(&cli, "--progress: %s", e.msg);
		break;
	case TLS_VERIFY:
		o->push.tls_verify = o->tls_demanded = read_bool(optarg);
		break;
	}
}

static void check_options(const struct options *o)
{
	if (o->push.plain_http && o->tls_demanded)
		cli_usage(&cli, "--plain-http and --tls-verify=true contradict each other");
	if (o->push.plain_http && o->push.ca_file)
		cli_usage(&cli, "--plain-http and --ca-file contradict each other");
}

/* The tag of the reference and those behind it. */
static void read_tags(struct options *o, const struct registryref *ref, int n, char **tags)
{
	struct err e = { 0 };
	o->tags = xcalloc((size_t)n + 1, sizeof *o->tags);
	o->tags[0] = ref->tag;
	for (int i = 0; i < n; i++) {
		if (imageref_check_tag(tags[i], &e) < 0)
			cli_usage(&cli, "%s", e.msg);
		o->tags[i + 1] = tags[i];
	}
	o->push.tags = o->tags;
	o->push.ntags = (size_t)n + 1;
}

static int run(struct options *o, const char *path, const struct registryref *ref, struct out *out,
	       struct err *e)
{
	AUTO_LAYOUTREAD struct layoutread layout = { .dir = -1 };
	AUTO_CREDENTIALS struct credentials credentials = { 0 };
	if (o->credentials >= 0 && credentials_read(o->credentials, ref->host, &credentials, e) < 0)
		return -1;
	if (layoutread_open(path, o->image, &layout, e) < 0)
		return -1;
	o->push.layout = &layout;
	o->push.ref = ref;
	o->push.credentials = &credentials;
	return registrypush_run(&o->push, out, e);
}

int main(int argc, char **argv)
{
	struct options o = { .push = { .tls_verify = true, .jobs = 8 }, .credentials = -1 };
	AUTO_REGISTRYREF struct registryref ref = { 0 };
	struct err e = { 0 };
	struct out out;
	cli_start(&cli);
	for (int c; (c = cli_option(&cli, argc, argv)) != -1;)
		read_option(c, &o);
	check_options(&o);
	cli_operands(&cli, argc, argv, 2, INT32_MAX);
	if (registryref_parse(argv[optind + 1], &ref, &e) < 0)
		cli_usage(&cli, "%s", e.msg);
	read_tags(&o, &ref, argc - optind - 2, argv + optind + 2);
	const char *certificates = getenv("SSL_CERT_FILE");
	if (!o.push.ca_file && certificates && *certificates)
		o.push.ca_file = certificates;
	cli_stdout(&out);
	int r = run(&o, argv[optind], &ref, &out, &e);
	free(o.sources);
	free(o.tags);
	return r < 0 ? cli_fail(&cli, &e) : cli_finish(&cli, &out);
}
