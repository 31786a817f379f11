/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "base/cli.h"
#include "plan/planner.h"

enum {
	OPT_MAX_LAYERS = CLI_OPT,
	OPT_RESERVE,
	OPT_STRATEGY,
	OPT_PIPELINE,
	OPT_WEIGHTS,
	OPT_SHARING,
	OPT_GROUP,
	OPT_MIN_LAYER_SIZE,
	OPT_PREVIOUS,
	OPT_MAX_DECAY,
	OPT_KNOWN,
	OPT_EXPLAIN,
	OPT_ALLOW_EMPTY,
};

/* A union mount of more lower directories than this fails in some clients. */
enum { SAFE_LAYERS = 125, MOST_LAYERS = 128, MOST_SHARING = 100, MOST_DECAY = 1000000 };

static const struct option options[] = {
	{ "max-layers", required_argument, NULL, OPT_MAX_LAYERS },
	{ "reserve", required_argument, NULL, OPT_RESERVE },
	{ "strategy", required_argument, NULL, OPT_STRATEGY },
	{ "pipeline", required_argument, NULL, OPT_PIPELINE },
	{ "weights", required_argument, NULL, OPT_WEIGHTS },
	{ "sharing", required_argument, NULL, OPT_SHARING },
	{ "group", required_argument, NULL, OPT_GROUP },
	{ "min-layer-size", required_argument, NULL, OPT_MIN_LAYER_SIZE },
	{ "previous", required_argument, NULL, OPT_PREVIOUS },
	{ "max-decay", required_argument, NULL, OPT_MAX_DECAY },
	{ "known", required_argument, NULL, OPT_KNOWN },
	{ "explain", no_argument, NULL, OPT_EXPLAIN },
	{ "allow-empty", no_argument, NULL, OPT_ALLOW_EMPTY },
	CLI_OPTIONS_END,
};

static const struct cli cli = {
	.tool = "layer-plan",
	.help = "usage: layer-plan [option...] [FILE]\n"
		"Puts each path of a closure-graph(5) into a layer; writes layer-plan(5) lines.\n"
		"\n"
		"      --max-layers N      how many layers the image may have, 2 to 128 (100)\n"
		"      --reserve N         how many of these layers are for something else (0)\n"
		"      --strategy NAME     update-cost, size-first or popularity (update-cost)\n"
		"      --pipeline FILE     choose with the layeringPipeline in this JSON file\n"
		"      --group FILE        which paths go together, and which go alone\n"
		"      --weights FILE      how often each path changes\n"
		"      --min-layer-size N  merge layers of fewer bytes (0)\n"
		"      --sharing N         percent by which shared layers count, 0 to 100 (2)\n"
		"      --previous PLAN     keep the layers of this plan where possible\n"
		"      --max-decay N       how many percent more than a fresh plan it may cost "
		"(10)\n"
		"      --known PLAN        use layers of this plan of another image again; "
		"can be repeated\n"
		"      --explain           write the reasons instead of the plan\n"
		"      --allow-empty       make an empty plan of an empty graph\n"
		"  -h, --help              show this help\n"
		"      --version           show the version\n",
	.longs = options,
};

struct settings {
	uint32_t max_layers, reserve;
	struct planner_options planner;
	struct planner_file *known;
	size_t known_cap;
	const char *strategy;  /* as it was given */
	const char *for_cost;  /* an option that only update-cost has */
	const char *for_sizes; /* an option that popularity and pipelines do not have */
};

static struct planner_file open_file(const char *path)
{
	struct planner_file file;
	struct err e = { 0 };
	if (cli_open(path, &file.fd, &file.name, &e) < 0)
		exit(cli_fail(&cli, &e));
	return file;
}

static void set_strategy(struct settings *s)
{
	if (planner_strategy(optarg, &s->planner.strategy) < 0)
		cli_usage(&cli,
			  "--strategy: expected update-cost, size-first or popularity, found '%s'",
			  optarg);
	s->strategy = optarg;
}

static void add_known(struct settings *s)
{
	s->known = mem_grow(s->known, &s->known_cap, s->planner.nknown + 1, sizeof *s->known);
	s->known[s->planner.nknown++] = open_file(optarg);
	s->planner.known = s->known;
}

/* The options that not all strategies have. */
static void set_cost_option(struct settings *s, int opt)
{
	switch (opt) {
	case OPT_WEIGHTS:
		s->planner.weights = open_file(optarg);
		s->for_sizes = "weights";
		break;
	case OPT_GROUP:
		s->planner.groups = open_file(optarg);
		s->for_sizes = "group";
		break;
	case OPT_MIN_LAYER_SIZE:
		s->planner.min_size = cli_number(&cli, "min-layer-size", 0, UINT64_MAX);
		s->for_sizes = "min-layer-size";
		break;
	case OPT_SHARING:
		s->planner.sharing = (uint32_t)cli_number(&cli, "sharing", 0, MOST_SHARING);
		s->for_cost = "sharing";
		break;
	case OPT_PREVIOUS:
		s->planner.previous = open_file(optarg);
		s->for_cost = "previous";
		break;
	case OPT_MAX_DECAY:
		s->planner.max_decay = (uint32_t)cli_number(&cli, "max-decay", 0, MOST_DECAY);
		s->for_cost = "max-decay";
		break;
	case OPT_KNOWN:
		add_known(s);
		s->for_cost = "known";
	}
}

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
		set_strategy(s);
		break;
	case OPT_PIPELINE:
		s->planner.pipeline = open_file(optarg);
		break;
	case OPT_EXPLAIN:
		s->planner.explain = true;
		break;
	case OPT_ALLOW_EMPTY:
		s->planner.allow_empty = true;
		break;
	default:
		set_cost_option(s, opt);
	}
}

static void check_strategy(struct settings *s)
{
	if (s->planner.pipeline.name && s->strategy)
		cli_usage(&cli, "--pipeline and --strategy: expected one of them");
	if (s->planner.pipeline.name)
		s->planner.strategy = PLANNER_PIPELINE;
	if (s->for_cost && s->planner.strategy != PLANNER_UPDATE_COST)
		cli_usage(&cli, "--%s: only with --strategy update-cost", s->for_cost);
	if (s->for_sizes && s->planner.strategy != PLANNER_UPDATE_COST &&
	    s->planner.strategy != PLANNER_SIZE_FIRST)
		cli_usage(&cli, "--%s: only with --strategy size-first or update-cost",
			  s->for_sizes);
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
	struct settings s = {
		.max_layers = 100,
		.planner = { .strategy = PLANNER_UPDATE_COST,
			     .sharing = PLANNER_SHARING,
			     .max_decay = PLANNER_MAX_DECAY },
	};
	struct err e = { 0 };
	struct out out;
	AUTO_FREE char *notice = NULL;
	int opt;
	cli_start(&cli);
	while ((opt = cli_option(&cli, argc, argv)) != -1)
		set_option(&s, opt);
	cli_operands(&cli, argc, argv, 0, 1);
	check_strategy(&s);
	count_layers(&s);
	cli_waits(&cli, optind < argc ? argv[optind] : "-", "closure-graph(5) lines");
	struct planner_file graph = open_file(optind < argc ? argv[optind] : "-");
	cli_stdout(&out);
	int result = planner_run(&graph, &s.planner, &out, &notice, &e);
	free(s.known);
	if (result < 0)
		return cli_fail(&cli, &e);
	if (notice)
		cli_warn(&cli, "%s", notice);
	return cli_finish(&cli, &out);
}
