/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "cli.h"
#include "planner.h"

enum { OPT_MAX_LAYERS = CLI_OPT, OPT_RESERVE, OPT_STRATEGY, OPT_EXPLAIN, OPT_ALLOW_EMPTY };

/* A union mount of more lower directories than this fails in some clients. */
enum { SAFE_LAYERS = 125, MOST_LAYERS = 128 };

static const struct option options[] = {
	{ "max-layers", required_argument, NULL, OPT_MAX_LAYERS },
	{ "reserve", required_argument, NULL, OPT_RESERVE },
	{ "strategy", required_argument, NULL, OPT_STRATEGY },
	{ "explain", no_argument, NULL, OPT_EXPLAIN },
	{ "allow-empty", no_argument, NULL, OPT_ALLOW_EMPTY },
	CLI_OPTIONS_END,
};

static const struct cli cli = {
	.tool = "layer-plan",
	.help = "usage: layer-plan [option...] [FILE]\n"
		"Puts every path of a closure in one layer: graph lines in, layer-plan(5) lines "
		"out.\n"
		"\n"
		"      --max-layers N      layers the image may have, 2 to 128 (100)\n"
		"      --reserve N         so many of them are not for store paths (0)\n"
		"      --strategy NAME     how to choose: popularity (the default)\n"
		"      --explain           write the reasons instead of the plan\n"
		"      --allow-empty       an empty graph makes an empty plan\n"
		"  -h, --help              show this help\n"
		"      --version           show the version\n",
	.longs = options,
};

struct settings {
	uint32_t max_layers, reserve;
	struct planner_options planner;
};

static void set_option(struct settings *s, int opt)
{
	switch (opt) {
	case OPT_MAX_LAYERS:
		s->max_layers = (uint32_t)cli_number(&cli, "max-layers", 2, MOST_LAYERS);
		break;
	case OPT_RESERVE:
		s->reserve = (uint32_t)cli_number(&cli, "reserve", 0, UINT32_MAX);
		break;
	case OPT_STRATEGY:
		if (strcmp(optarg, "popularity") != 0)
			cli_usage(&cli, "--strategy: '%s': expected popularity", optarg);
		break;
	case OPT_EXPLAIN:
		s->planner.explain = true;
		break;
	case OPT_ALLOW_EMPTY:
		s->planner.allow_empty = true;
	}
}

static void count_layers(struct settings *s)
{
	if (s->reserve >= s->max_layers)
		cli_usage(&cli,
			  "at least 1 layer is required to store contents: "
			  "--max-layers %u less --reserve %u leaves none",
			  s->max_layers, s->reserve);
	if (s->max_layers > SAFE_LAYERS)
		cli_warn(&cli,
			 "--max-layers %u: docker and others refuse images of more than %d layers",
			 s->max_layers, SAFE_LAYERS);
	s->planner.layers = s->max_layers - s->reserve;
}

int main(int argc, char **argv)
{
	struct settings s = { .max_layers = 100 };
	struct err e = { 0 };
	struct out out;
	const char *name;
	int opt, fd;
	cli_start(&cli);
	while ((opt = cli_option(&cli, argc, argv)) != -1)
		set_option(&s, opt);
	cli_operands(&cli, argc, 0, 1);
	count_layers(&s);
	if (cli_open(optind < argc ? argv[optind] : "-", &fd, &name, &e) < 0)
		return cli_fail(&cli, &e);
	cli_stdout(&out);
	if (planner_run(fd, name, &s.planner, &out, &e) < 0)
		return cli_fail(&cli, &e);
	return cli_finish(&cli, &out);
}
