/* SPDX-License-Identifier: MIT */
/* plan-cost: tells what a plan costs when something changes. */
#include <string.h>

#include "base/cli.h"
#include "plan/plancost.h"
#include "plan/planreport.h"
#include "plan/plansvg.h"
#include "plan/weights.h"

static const char help[] =
	"usage: plan-cost --graph FILE [option...] [PLAN]\n"
	"Tells what a layer-plan(5) costs when something changes, in figures or as a picture.\n"
	"\n"
	"      --graph FILE            the closure of the plan: closure-graph(5) lines\n"
	"      --events FILE           which paths changed together: lines of an event and a name\n"
	"      --weights FILE          how often each path changes: lines of a name and a number\n"
	"      --previous PLAN         tell what a pull costs a client that has this plan\n"
	"      --replay                tell how well plans hold when events follow each other\n"
	"      --format text|tsv|svg   for people, for scripts, or a picture (text)\n"
	"  -h, --help                  show this help\n"
	"      --version               show the version\n";

enum { GRAPH = CLI_OPT, EVENTS, WEIGHTS, PREVIOUS, REPLAY, FORMAT };

static const struct option longs[] = {
	{ "graph", required_argument, NULL, GRAPH },
	{ "events", required_argument, NULL, EVENTS },
	{ "weights", required_argument, NULL, WEIGHTS },
	{ "previous", required_argument, NULL, PREVIOUS },
	{ "replay", no_argument, NULL, REPLAY },
	{ "format", required_argument, NULL, FORMAT },
	CLI_OPTIONS_END,
};

static const struct cli cli = { "plan-cost", help, longs };

typedef void write_fn(const struct plancost *, struct buf *);

struct options {
	const char *graph, *plan;
	const char *events, *weights, *previous; /* NULL: none */
	bool replay;
	write_fn *write;
};

static write_fn *format(const char *name)
{
	static const struct {
		const char *name;
		write_fn *write;
	} formats[] = { { "text", planreport_text },
			{ "tsv", planreport_tsv },
			{ "svg", plansvg } };
	for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
		if (strcmp(name, formats[i].name) == 0)
			return formats[i].write;
	cli_usage(&cli, "--format: expected text, tsv or svg, found '%s'", name);
}

static void set_option(struct options *o, int opt)
{
	switch (opt) {
	case GRAPH:
		o->graph = optarg;
		break;
	case EVENTS:
		o->events = optarg;
		break;
	case WEIGHTS:
		o->weights = optarg;
		break;
	case PREVIOUS:
		o->previous = optarg;
		break;
	case REPLAY:
		o->replay = true;
		break;
	case FORMAT:
		o->write = format(optarg);
	}
}

static void check_inputs(const struct options *o)
{
	const char *const inputs[] = { o->graph, o->plan, o->events, o->weights, o->previous };
	int n = 0;
	for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++)
		n += inputs[i] && strcmp(inputs[i], "-") == 0;
	if (n > 1)
		cli_usage(&cli, "standard input can be one of the inputs only, not %d", n);
}

static struct options parse_options(int argc, char **argv)
{
	struct options o = { .write = planreport_text };
	for (int opt; (opt = cli_option(&cli, argc, argv)) != -1;)
		set_option(&o, opt);
	cli_operands(&cli, argc, argv, 0, 1);
	o.plan = optind < argc ? argv[optind] : "-";
	if (!o.graph)
		cli_usage(&cli, "--graph is missing: give the closure graph of the plan");
	if (o.replay && !o.events)
		cli_usage(&cli, "--replay: only with --events");
	check_inputs(&o);
	return o;
}

/* What was read; starts as { 0 }. */
struct inputs {
	struct graph graph;
	struct plan plan, previous;
	struct events events;
	uint64_t *weights;
};

static void free_inputs(struct inputs *in)
{
	graph_free(&in->graph);
	plan_free(&in->plan);
	plan_free(&in->previous);
	events_free(&in->events);
	free(in->weights);
}

typedef int read_fn(struct inputs *in, int fd, const char *name, struct err *e);

static int read_graph(struct inputs *in, int fd, const char *name, struct err *e)
{
	struct graph_builder *b = graph_builder_new();
	if (graph_read(b, fd, name, e) == 0)
		return graph_finish(b, &in->graph, e);
	graph_builder_free(b);
	return -1;
}

static int read_plan(struct inputs *in, int fd, const char *name, struct err *e)
{
	return plan_read(fd, name, &in->plan, e);
}

static int read_previous(struct inputs *in, int fd, const char *name, struct err *e)
{
	if (plan_read(fd, name, &in->previous, e) < 0)
		return -1;
	return in->previous.n ? 0 : err_set(e, 0, "%s: the previous plan is empty", name);
}

static int read_events(struct inputs *in, int fd, const char *name, struct err *e)
{
	return events_read(fd, name, &in->graph, &in->events, e);
}

static int read_weights(struct inputs *in, int fd, const char *name, struct err *e)
{
	return weights_read(&in->graph, fd, name, &in->weights, e);
}

/* Does nothing where the operand is NULL. */
static int read_input(struct inputs *in, const char *operand, read_fn *read, struct err *e)
{
	AUTO_CLOSE int fd = -1;
	const char *name;
	if (!operand)
		return 0;
	if (cli_open(operand, &fd, &name, e) < 0)
		return -1;
	return read(in, fd, name, e);
}

static int measure(const struct options *o, struct inputs *in, struct buf *text, struct err *e)
{
	if (read_input(in, o->graph, read_graph, e) < 0 ||
	    read_input(in, o->plan, read_plan, e) < 0 ||
	    read_input(in, o->events, read_events, e) < 0 ||
	    read_input(in, o->weights, read_weights, e) < 0 ||
	    read_input(in, o->previous, read_previous, e) < 0)
		return -1;
	const struct plancost_input input = {
		.graph = &in->graph,
		.graph_name = o->graph,
		.plan = &in->plan,
		.plan_name = strcmp(o->plan, "-") == 0 ? "<stdin>" : o->plan,
		.weights = in->weights,
		.events = o->events ? &in->events : NULL,
		.previous = o->previous ? &in->previous : NULL,
		.replay = o->replay,
	};
	struct plancost c;
	if (plancost_measure(&input, &c, e) < 0)
		return -1;
	o->write(&c, text);
	plancost_free(&c);
	return 0;
}

int main(int argc, char **argv)
{
	struct err e = { 0 };
	struct out out;
	struct inputs in = { 0 };
	AUTO_BUF struct buf text = { 0 };
	cli_start(&cli);
	struct options o = parse_options(argc, argv);
	cli_stdout(&out);
	int result = measure(&o, &in, &text, &e);
	free_inputs(&in);
	if (result < 0 || out_write(&out, text.s, text.len, &e) < 0)
		return cli_fail(&cli, &e);
	return cli_finish(&cli, &out);
}
