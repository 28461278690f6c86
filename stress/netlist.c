/* SPDX-License-Identifier: MIT
 * stress/netlist.c - named elements and the wires between them. See netlist.h. */
#include "stress/netlist.h"
#include "stress/science.h"

#include <inttypes.h>
#include <stdio.h>

enum {
	NAME_SIZE = 16, /* of 26 letters and the final zero: room for any 64-bit number */
	MAX_WIRES = 5,  /* into an element */
	NEARBY = 1000,  /* half of the wires come from elements as near as that in the list */
	LINE_SIZE = (MAX_WIRES + 4) * NAME_SIZE,
};

/* --- the text -------------------------------------------------------------------------------- */

/* Names are no two the same, and in random order, so that the search tree stays flat. */
static void
name_write(char *name, uint64_t index, uint64_t seed)
{
	uint64_t rest = mix64(index + mix64(seed));
	char *p = name;

	for (; rest > 0 || p == name; rest /= 26)
		*p++ = (char)('a' + rest % 26);
	*p = '\0';
}

/* The line of one element: its name, its kind, the names of those that it has wires from, END. */
static void
line_write(char *line, size_t count, size_t index, uint64_t seed)
{
	struct prng g = prng_init(seed, index);
	unsigned wires = 1 + prng_scale(prng_next(&g), MAX_WIRES);
	char name[NAME_SIZE];

	name_write(name, index, seed);
	line += sprintf(line, "%s %u", name, wires > 2 ? 2 : 1);
	for (unsigned i = 0; i < wires; i++) {
		uint64_t random = prng_next(&g);
		bool near = (random & 1) && count > NEARBY;
		size_t distance = 1 + prng_scale(random, (uint32_t)(near ? NEARBY : count) - 1);

		name_write(name, (index + distance) % count, seed);
		line += sprintf(line, " %s", name);
	}
	strcpy(line, " END\n");
}

/* The next word of the line as a block of its own, as a string class makes it. */
static char *
word_read(const char **line)
{
	size_t length;
	char *word;

	*line += strspn(*line, " ");
	length = strcspn(*line, " \n");
	word = heap_new(length + 1);
	memcpy(word, *line, length);
	word[length] = '\0';
	*line += length;
	return word;
}

/* --- reading --------------------------------------------------------------------------------- */

/* Where the tree has the name, or would have it. */
static struct name_node **
name_find(struct name_node **at, const char *name)
{
	while (*at) {
		int order = strcmp(name, (*at)->name);

		if (order == 0)
			break;
		at = &(*at)->below[order > 0];
	}
	return at;
}

static char *
text_copy(const char *text)
{
	size_t size = strlen(text) + 1;

	return memcpy(heap_new(size), text, size);
}

/* The element of that name; one not met so far is the next of the array. */
static struct element *
element_named(struct netlist *n, const char *name)
{
	struct name_node **at = name_find(&n->names, name);

	if (!*at) {
		if (n->named == n->count)
			harness_die(HARNESS_FAILED,
				"checksum failure: '%s' is one name too many: names were damaged "
				"in memory",
				name);
		*at = heap_new(sizeof(**at));
		**at = (struct name_node){text_copy(name), &n->elements[n->named++], {NULL}};
		(*at)->element->name = text_copy(name);
	}
	return (*at)->element;
}

static void
fan_add(struct fan *f, struct element *to)
{
	if (f->count == f->room) {
		f->room = f->room ? 2 * f->room : 1;
		f->to = heap_resize(f->to, f->room * sizeof(struct element *));
	}
	f->to[f->count++] = to;
}

static void
line_read(struct netlist *n, const char *line)
{
	char *word = word_read(&line);
	struct element *e = element_named(n, word);

	free(word);
	/* The kind, which nobody needs. */
	free(word_read(&line));
	for (word = word_read(&line); strcmp(word, "END") != 0; word = word_read(&line)) {
		struct element *from = element_named(n, word);

		fan_add(&e->in, from);
		fan_add(&from->out, e);
		free(word);
	}
	free(word);
}

/* --- places ---------------------------------------------------------------------------------- */

static struct location *
location_at(const struct netlist *n, size_t i)
{
	return &n->rows[i / n->width][i % n->width];
}

static void
places_init(struct netlist *n, uint64_t seed)
{
	struct prng g = prng_init(seed, n->count);
	size_t places;
	uint32_t *order;

	for (n->width = 1; n->width * n->width < n->count; n->width++)
		continue;
	n->height = (n->count + n->width - 1) / n->width;
	n->rows = heap_new(n->height * sizeof(struct location *));
	for (size_t y = 0; y < n->height; y++) {
		n->rows[y] = heap_new(n->width * sizeof(struct location));
		for (size_t x = 0; x < n->width; x++)
			n->rows[y][x] = (struct location){(int32_t)x, (int32_t)y};
	}
	places = n->width * n->height;
	order = heap_new(places * sizeof(*order));
	for (size_t i = 0; i < places; i++) {
		size_t other = prng_scale(prng_next(&g), (uint32_t)i + 1);

		order[i] = order[other];
		order[other] = (uint32_t)i;
	}
	for (size_t i = 0; i < n->count; i++)
		n->elements[i].now = n->elements[i].before = location_at(n, order[i]);
	free(order);
}

void
netlist_read(struct netlist *n, size_t count, uint64_t seed)
{
	char line[LINE_SIZE];

	*n = (struct netlist){.count = count};
	n->elements = harness_array(count, sizeof(*n->elements));
	for (size_t i = 0; i < count; i++) {
		line_write(line, count, i, seed);
		line_read(n, line);
	}
	places_init(n, seed);
}

/* The depth is a few times the logarithm of the number of names. */
static void
names_free(struct name_node *node)
{
	if (!node)
		return;
	names_free(node->below[0]);
	names_free(node->below[1]);
	free(node->name);
	free(node);
}

void
netlist_free(struct netlist *n)
{
	names_free(n->names);
	for (size_t i = 0; i < n->count; i++) {
		free(n->elements[i].name);
		free(n->elements[i].in.to);
		free(n->elements[i].out.to);
	}
	free(n->elements);
	for (size_t y = 0; y < n->height; y++)
		free(n->rows[y]);
	free(n->rows);
}

/* --- verifying ------------------------------------------------------------------------------- */

uint64_t
netlist_cost(const struct netlist *n)
{
	uint64_t cost = 0;

	for (size_t i = 0; i < n->count; i++) {
		const struct element *e = &n->elements[i];

		for (uint32_t k = 0; k < e->in.count; k++) {
			const struct location *other = e->in.to[k]->now;

			cost += (uint64_t)abs(e->now->x - other->x);
			cost += (uint64_t)abs(e->now->y - other->y);
		}
	}
	return cost;
}

static unsigned
occurrences(const struct fan *f, const struct element *e)
{
	unsigned count = 0;

	for (uint32_t i = 0; i < f->count; i++)
		count += f->to[i] == e;
	return count;
}

static _Noreturn void
damaged(const char *name, const char *how)
{
	harness_die(HARNESS_FAILED,
		"checksum failure: element '%s' %s: the netlist was damaged in memory", name, how);
}

uint64_t
netlist_verify(const struct netlist *n, uint64_t seed)
{
	struct name_node *names = n->names;
	uint8_t *taken = harness_array(n->width * n->height, 1);
	uint64_t digest = 0;

	for (size_t i = 0; i < n->count; i++) {
		char name[NAME_SIZE];
		struct name_node *node;
		const struct element *e;
		size_t place;

		name_write(name, i, seed);
		node = *name_find(&names, name);
		if (!node || strcmp(node->element->name, name) != 0)
			damaged(name, "is not found by its name");
		e = node->element;
		place = (size_t)e->now->y * n->width + (size_t)e->now->x;
		if (place >= n->width * n->height || e->now != location_at(n, place) ||
			taken[place]++)
			damaged(name, "has no place or that of another");
		for (uint32_t k = 0; k < e->in.count; k++) {
			const struct element *from = e->in.to[k];

			if (occurrences(&from->out, e) != occurrences(&e->in, from))
				damaged(name, "has a wire that is unknown at its other end");
		}
		digest += digest_word(i, place);
	}
	free(taken);
	return digest;
}
