/* SPDX-License-Identifier: MIT */
#include "plan/plansvg.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/esc.h"
#include "base/humansize.h"
#include "closure/storepath.h"

/* Where things stand, in pixels. */
enum {
	WIDTH = 1000,
	MARGIN = 24,
	ROW = 20,
	BAR_HEIGHT = 15,
	NUMBER_END = 52, /* columns of text that end here, or start */
	NAME_START = 64,
	SIZE_END = 465,
	CHANCE_END = 535,
	PULL_START = 545,
	BARS_START = 580,
	BARS_END = WIDTH - MARGIN,
	LEAST_BAR = 3,
	STEP_WIDTH = 56,   /* of the scale */
	GAP = 6,           /* between a bar and its text */
	OLDER_WIDTH = 450, /* of the previous plan, on the right */
	OLDER_START = WIDTH + 60,
	OLDER_END = WIDTH + OLDER_WIDTH - MARGIN,
	LETTER = 7, /* the width of one, near enough */
};

/* Behind names that are not all. */
#define MORE " and %" PRIu32 " more"

/* Characters of a name, paths and sources on mouse-over, characters of a previous layer's name. */
enum { MOST_NAME = 38, MOST_HINTS = 12, MOST_SOURCES = 40, MOST_OLDER = 24 };

/* Colours by how often a layer changes: in up to so many of 100 updates. Light to dark. */
static const struct step {
	double percent;
	const char *colour;
} steps[] = {
	{ 1, "#fff3c4" },  { 2, "#fedc8c" },  { 5, "#fdb863" },   { 10, "#f98e52" },
	{ 20, "#ea5f4a" }, { 50, "#c42f4e" }, { 100, "#7a1452" },
};
enum { STEPS = sizeof steps / sizeof *steps };

/* How often it changes, of how many times. */
static void find_chance(const struct plancost *c, const struct plancost_layer *layer,
			double *changes, double *of)
{
	*changes = c->nevents ? layer->events : (double)layer->weight;
	*of = c->nevents ? c->nevents : (double)c->total_weight;
}

static const char *find_colour(double changes, double of)
{
	size_t i = 0;
	/* as the rounded number beside it says */
	while (i + 1 < STEPS && 100 * changes >= (steps[i].percent + 0.5) * of)
		i++;
	return steps[i].colour;
}

/* Text as XML takes it: what XML cannot hold as \xHH. */
static void add_text(struct buf *b, const char *s)
{
	AUTO_BUF struct buf text = { 0 };
	esc_message(&text, s, strlen(s));
	for (size_t i = 0; i < text.len; i++) {
		char c = text.s[i];
		if (strchr("&<>\"'", c))
			buf_addf(b, "&#%d;", c);
		else
			buf_addc(b, c);
	}
}

/* The name, its middle left out where it is long: the end has the version. */
static void add_name(struct buf *b, const char *name, size_t most)
{
	size_t len = strlen(name), end = most / 3;
	if (len <= most) {
		add_text(b, name);
		return;
	}
	AUTO_FREE char *front = xstrndup(name, most - end - 1);
	add_text(b, front);
	buf_adds(b, "…");
	add_text(b, name + len - end);
}

static void add_cost(struct buf *b, const char *before, double layers, double chain)
{
	buf_addf(b, "%s%.2f bytes by layer, %.2f by chain ID", before, layers, chain);
}

/* --- above the layers --- */

static void open_line(struct buf *b, int y, const char *class)
{
	buf_addf(b, "<text x=\"%d\" y=\"%d\" class=\"%s\">", MARGIN, y, class);
}

static void close_line(struct buf *b)
{
	buf_adds(b, "</text>\n");
}

static void draw_title(struct buf *b, const struct plancost *c)
{
	open_line(b, 40, "title");
	buf_addf(b, "%" PRIu32 " layer%s, %" PRIu32 " path%s, ", c->nlayers,
		 c->nlayers == 1 ? "" : "s", c->graph->n, c->graph->n == 1 ? "" : "s");
	humansize_bytes(b, c->size);
	close_line(b);
}

static void draw_events(struct buf *b, const struct plancost *c, int y)
{
	AUTO_FREE uint32_t *worst = plancost_worst(c);
	const struct plancost_event *event = &c->events[worst[0]];
	open_line(b, y, "note");
	buf_addf(b, "%" PRIu32 " given event%s", c->nevents,
		 c->nevents == 1 ? " pulls " : "s pull ");
	add_cost(b, "", c->by_layer.total, c->by_chain.total);
	buf_addf(b, "; the worst, by layer %.2f: ", plancost_ratio(&event->layers, &event->paths));
	add_name(b, event->name, MOST_NAME);
	close_line(b);
}

static void draw_replay(struct buf *b, const struct plancost *c, int y)
{
	open_line(b, y, "note");
	add_cost(b, "Replay of the events, planned afresh: ", c->replay_fresh.layers,
		 c->replay_fresh.chain);
	add_cost(b, "; with --previous: ", c->replay_previous.layers, c->replay_previous.chain);
	close_line(b);
}

static void draw_pull(struct buf *b, const struct plancost *c, int y)
{
	open_line(b, y, "note");
	buf_addf(b, "Pull from the previous plan: %" PRIu32 " layer%s, ", c->pull_layers.n,
		 c->pull_layers.n == 1 ? "" : "s");
	humansize_bytes(b, c->pull_layers.bytes);
	buf_adds(b, " (");
	humansize_bytes(b, c->pull_paths.bytes);
	buf_adds(b, " changed); by chain ID ");
	humansize_bytes(b, c->pull_chain.bytes);
	close_line(b);
}

/* Returns where the scale stands below. */
static int draw_costs(struct buf *b, const struct plancost *c)
{
	int y = 64;
	open_line(b, y, "note");
	add_cost(b, "For each byte that changes, an update is expected to pull ", c->expected,
		 c->expected_chain);
	close_line(b);
	if (c->nevents)
		draw_events(b, c, y += ROW);
	if (c->has_replay)
		draw_replay(b, c, y += ROW);
	if (c->has_previous)
		draw_pull(b, c, y += ROW);
	return y + ROW + 8;
}

static void draw_scale(struct buf *b, const struct plancost *c, int y)
{
	open_line(b, y + 12, "note");
	buf_addf(b, "How often a layer changes, in %% of %s:",
		 c->nevents ? "the given events" : "all updates");
	close_line(b);
	int x = BARS_END - STEPS * STEP_WIDTH;
	for (size_t i = 0; i < STEPS; i++, x += STEP_WIDTH) {
		buf_addf(b,
			 "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"%s\" "
			 "class=\"edge\"/>\n",
			 x, y, STEP_WIDTH, BAR_HEIGHT, steps[i].colour);
		buf_addf(b, "<text x=\"%d\" y=\"%d\" class=\"head middle\">%s%.0f %%</text>\n",
			 x + STEP_WIDTH / 2, y + 30, i ? "to " : "up to ", steps[i].percent);
	}
}

static void draw_head(struct buf *b, int y)
{
	static const struct {
		int x;
		const char *class, *text;
	} heads[] = {
		{ NUMBER_END, "head end", "layer" },
		{ NAME_START, "head", "largest path, and how many more" },
		{ SIZE_END, "head end", "size" },
		{ CHANCE_END, "head end", "changes" },
		{ BARS_START, "head",
		  "a bar as wide as the layer is large, and the sources of several" },
	};
	for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
		buf_addf(b, "<text x=\"%d\" y=\"%d\" class=\"%s\">%s</text>\n", heads[i].x, y,
			 heads[i].class, heads[i].text);
}

/* --- layers --- */

/* A source goes by the name of its largest path in the layer. */
static const char *source_name(const struct plancost *c, uint32_t path)
{
	return storepath_name(c->graph->paths[path].path);
}

static void hint_sources(struct buf *b, const struct plancost *c,
			 const struct plancost_layer *layer)
{
	AUTO_FREE uint32_t *paths = plancost_layer_sources(c, layer);
	buf_adds(b, "\nsources: ");
	for (uint32_t i = 0; i < layer->nsources && i < MOST_SOURCES; i++) {
		buf_adds(b, i ? ", " : "");
		add_text(b, source_name(c, paths[i]));
	}
	if (layer->nsources > MOST_SOURCES)
		buf_addf(b, MORE, layer->nsources - MOST_SOURCES);
}

/* What shows when one points at the row. */
static void add_hint(struct buf *b, const struct plancost *c, const struct plancost_layer *layer)
{
	buf_addf(b,
		 "<title>%" PRIu32 " path%s of %" PRIu32 " source%s, changed by %" PRIu32
		 " of %" PRIu32 " sources; costs %.2f times what the paths alone cost",
		 layer->npaths, layer->npaths == 1 ? "" : "s", layer->nsources,
		 layer->nsources == 1 ? "" : "s", layer->changers, c->nsources,
		 plancost_over(layer));
	for (uint32_t i = 0; i < layer->npaths && i < MOST_HINTS; i++) {
		const struct graph_path *path = &c->graph->paths[layer->paths[i]];
		buf_adds(b, "\n");
		add_text(b, storepath_name(path->path));
		buf_adds(b, ", ");
		humansize_bytes(b, path->nar_size);
	}
	if (layer->npaths > MOST_HINTS)
		buf_addf(b, "\nand %" PRIu32 " more", layer->npaths - MOST_HINTS);
	if (layer->nsources < layer->npaths || layer->npaths > MOST_HINTS)
		hint_sources(b, c, layer);
	buf_adds(b, "</title>\n");
}

/* How many of the layer's sources fit into so many letters, with a note of the others. */
static uint32_t count_shown(const struct plancost *c, const struct plancost_layer *layer,
			    const uint32_t *paths, double letters)
{
	uint32_t shown = 0;
	size_t used = 0;
	for (uint32_t i = 1; i <= layer->nsources; i++) {
		uint32_t more = layer->nsources - i;
		used += strlen(source_name(c, paths[i - 1])) + (i > 1 ? strlen(", ") : 0);
		int note = more ? snprintf(NULL, 0, MORE, more) : 0;
		if ((double)(used + (size_t)note) <= letters)
			shown = i;
	}
	return shown;
}

/* Right of a short bar, as many of the sources as there is room for. */
static void draw_sources(struct buf *b, const struct plancost *c,
			 const struct plancost_layer *layer, double bar_end, int y)
{
	if (layer->nsources < 2)
		return;
	AUTO_FREE uint32_t *paths = plancost_layer_sources(c, layer);
	uint32_t shown = count_shown(c, layer, paths, (BARS_END - bar_end - GAP) / LETTER);
	if (!shown)
		return;
	buf_addf(b, "<text x=\"%.1f\" y=\"%d\" class=\"more\">", bar_end + GAP, y);
	for (uint32_t i = 0; i < shown; i++) {
		buf_adds(b, i ? ", " : "");
		add_text(b, source_name(c, paths[i]));
	}
	if (shown < layer->nsources)
		buf_addf(b, MORE, layer->nsources - shown);
	close_line(b);
}

/* Never so small that its colour cannot be seen. */
static double bar_width(uint64_t size, uint64_t largest)
{
	double width = largest ? (BARS_END - BARS_START) * ((double)size / (double)largest) : 0;
	return width > LEAST_BAR ? width : LEAST_BAR;
}

static void draw_bar(struct buf *b, const struct plancost_layer *layer, const char *colour,
		     uint64_t largest, int y)
{
	buf_addf(b,
		 "<rect x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"%d\" fill=\"%s\" "
		 "class=\"edge\"/>\n",
		 BARS_START, y + (ROW - BAR_HEIGHT) / 2, bar_width(layer->size, largest),
		 BAR_HEIGHT, colour);
}

static void draw_label(struct buf *b, const struct plancost *c, uint32_t i, int y)
{
	const struct plancost_layer *layer = &c->layers[i];
	buf_addf(b, "<text x=\"%d\" y=\"%d\" class=\"end\">%" PRIu32 "</text>\n", NUMBER_END, y,
		 i + 1);
	buf_addf(b, "<text x=\"%d\" y=\"%d\">", NAME_START, y);
	add_name(b, plancost_layer_name(c, layer), MOST_NAME);
	if (layer->npaths > 1)
		buf_addf(b, " <tspan class=\"more\">+%" PRIu32 " more</tspan>", layer->npaths - 1);
	close_line(b);
	if (c->has_previous && !layer->kept)
		buf_addf(b, "<text x=\"%d\" y=\"%d\" class=\"pull\">pull</text>\n", PULL_START, y);
}

static void draw_layer(struct buf *b, const struct plancost *c, uint32_t i, uint64_t largest, int y)
{
	const struct plancost_layer *layer = &c->layers[i];
	int base = y + ROW - 6;
	double changes, of;
	find_chance(c, layer, &changes, &of);
	buf_adds(b, "<g>\n");
	add_hint(b, c, layer);
	buf_addf(b, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" class=\"row%d\"/>\n",
		 MARGIN, y, WIDTH - 2 * MARGIN, ROW, (int)(i % 2));
	draw_label(b, c, i, base);
	buf_addf(b, "<text x=\"%d\" y=\"%d\" class=\"end\">", SIZE_END, base);
	humansize_bytes(b, layer->size);
	close_line(b);
	buf_addf(b, "<text x=\"%d\" y=\"%d\" class=\"end\">", CHANCE_END, base);
	humansize_percent(b, changes, of);
	close_line(b);
	draw_bar(b, layer, find_colour(changes, of), largest, y);
	draw_sources(b, c, layer, BARS_START + bar_width(layer->size, largest), base);
	buf_adds(b, "</g>\n");
}

/* --- the previous plan --- */

static uint32_t count_rows(const struct plancost *c)
{
	return c->nlayers > c->nolder ? c->nlayers : c->nolder;
}

/* Of layer i of either plan: the bottom layers are in the last row. */
static int find_row(const struct plancost *c, int top, uint32_t i)
{
	return top + (int)(count_rows(c) - 1 - i) * ROW;
}

static void draw_older(struct buf *b, const struct plancost *c, uint32_t i, int y)
{
	const struct plancost_older *layer = &c->older[i];
	const char *gone = layer->kept ? "" : " gone";
	buf_addf(b, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" class=\"row%d\"/>\n",
		 OLDER_START, y, OLDER_END - OLDER_START, ROW, (int)(i % 2));
	y += ROW - 6;
	buf_addf(b, "<text x=\"%d\" y=\"%d\" class=\"end%s\">%" PRIu32 "</text>\n",
		 OLDER_START + 28, y, gone, i + 1);
	buf_addf(b, "<text x=\"%d\" y=\"%d\"%s>", OLDER_START + 40, y,
		 layer->kept ? "" : " class=\"gone\"");
	add_name(b, layer->name, MOST_OLDER);
	if (layer->npaths > 1)
		buf_addf(b, " +%" PRIu32 " more", layer->npaths - 1);
	close_line(b);
	buf_addf(b, "<text x=\"%d\" y=\"%d\" class=\"end%s\">", OLDER_END, y, gone);
	humansize_bytes(b, layer->size);
	close_line(b);
}

/* The layers of the previous plan, and lines to those that are the same in both. */
static void draw_previous(struct buf *b, const struct plancost *c, int top)
{
	buf_adds(b, "<g id=\"previous\">\n");
	buf_addf(b,
		 "<text x=\"%d\" y=\"%d\" class=\"head\">the previous plan: a line leads to the "
		 "layer that is the same</text>\n",
		 OLDER_START, top - 8);
	for (uint32_t i = c->nolder; i-- > 0;)
		draw_older(b, c, i, find_row(c, top, i));
	for (uint32_t i = 0; i < c->nlayers; i++)
		if (c->layers[i].kept)
			buf_addf(b,
				 "<line x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\" class=\"same\"/>\n",
				 BARS_END + 2, find_row(c, top, i) + ROW / 2, OLDER_START - 2,
				 find_row(c, top, c->layers[i].kept - 1) + ROW / 2);
	buf_adds(b, "</g>\n");
}

static uint64_t find_largest(const struct plancost *c)
{
	uint64_t largest = 0;
	for (uint32_t i = 0; i < c->nlayers; i++)
		largest = c->layers[i].size > largest ? c->layers[i].size : largest;
	return largest;
}

static void draw_page(struct buf *b, int width, uint64_t height)
{
	buf_addf(b,
		 "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		 "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%" PRIu64
		 "\" viewBox=\"0 0 %d %" PRIu64 "\">\n",
		 width, height, width, height);
	buf_adds(b, "<style>\n"
		    "text { font: 12px 'DejaVu Sans', Verdana, sans-serif; fill: #222 }\n"
		    ".title { font-size: 20px; font-weight: bold }\n"
		    ".note { font-size: 13px }\n"
		    ".head { font-size: 11px; fill: #666 }\n"
		    ".more { fill: #777 }\n"
		    ".pull { fill: #06c; font-weight: bold }\n"
		    ".gone { fill: #999; text-decoration: line-through }\n"
		    ".same { stroke: #7a9; stroke-width: 1.5 }\n"
		    ".end { text-anchor: end }\n"
		    ".middle { text-anchor: middle }\n"
		    ".edge { stroke: #555; stroke-width: 0.5 }\n"
		    ".row0 { fill: #f5f5f5 }\n"
		    ".row1 { fill: #fff }\n"
		    "</style>\n"
		    "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n");
}

void plansvg(const struct plancost *c, struct buf *b)
{
	AUTO_BUF struct buf head = { 0 };
	draw_title(&head, c);
	int y = draw_costs(&head, c);
	draw_scale(&head, c, y);
	draw_head(&head, y += 62);
	y += 8;
	draw_page(b, WIDTH + (c->has_previous ? OLDER_WIDTH : 0),
		  (uint64_t)y + (uint64_t)count_rows(c) * ROW + MARGIN);
	buf_add(b, head.s, head.len);
	uint64_t largest = find_largest(c);
	for (uint32_t i = c->nlayers; i-- > 0;)
		draw_layer(b, c, i, largest, find_row(c, y, i));
	if (c->has_previous)
		draw_previous(b, c, y);
	buf_adds(b, "</svg>\n");
}
