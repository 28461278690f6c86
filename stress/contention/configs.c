/* SPDX-License-Identifier: MIT
 * stress/contention/configs.c - makes the list of configurations. */
#include "stress/contention/configs.h"
#include "stress/sweep/places.h"
#include "stress/sweep/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const config_frontends[] = {"lock", "tls", "rseq"};
const char *const config_selectors[] = {"site", "thread", "cpu", "single"};

static const char *const backends[] = {"hakmem", "jemalloc"};

enum { HAKMEM, BACKENDS = 2 };

static void
configs_add(struct configs *out, const struct allocator *library, const char *selector)
{
	struct allocator own = *library;

	own.name = selector != NULL ? text_format("%s %s", library->name, selector)
				    : text_format("%s", library->name);
	out->items = text_grow(out->items, (out->n + 1) * sizeof(*out->items));
	out->items[out->n++] =
		(struct config){.allocator = own, .variant = library->name, .selector = selector};
}

static bool
configs_has_library(const struct configs *c, const struct allocator *library)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->items[i].variant == library->name)
			return true;
	return false;
}

/* Those of one back-end, in the order of the front-ends. */
static void
configs_add_backend(struct configs *out, int backend)
{
	for (size_t f = 0; f < CONFIG_FRONTENDS; f++) {
		char *name = text_format("%s-%s", config_frontends[f], backends[backend]);
		const struct allocator *library = allocators_named(&out->libraries, name);
		size_t selectors = backend == HAKMEM ? CONFIG_SELECTORS : 1;

		for (size_t i = 0; library != NULL && i < selectors; i++)
			configs_add(out, library, config_selectors[i]);
		if (library == NULL)
			fprintf(stderr,
				"hakmem-contention: %s is left out: libhakmem-%s.so was not "
				"built\n",
				name, name);
		free(name);
	}
}

void
configs_make(struct configs *out, struct allocators list)
{
	*out = (struct configs){.libraries = list};
	for (int backend = 0; backend < BACKENDS; backend++)
		configs_add_backend(out, backend);
	for (size_t i = 0; i < list.n; i++)
		if (!configs_has_library(out, &list.items[i]))
			configs_add(out, &list.items[i], NULL);
}

bool
configs_find(const struct places *p, struct configs *out)
{
	const struct allocator_choice all = {0};
	struct allocators list;

	*out = (struct configs){0};
	if (!allocators_find(p, &all, &list))
		return false;
	configs_make(out, list);
	for (size_t f = 0; f < CONFIG_FRONTENDS; f++) {
		char *name = text_format("%s-%s", config_frontends[f], backends[HAKMEM]);
		bool found = configs_named(out, name, config_selectors[0]) != NULL;

		free(name);
		if (found)
			return true;
	}
	fprintf(stderr,
		"hakmem-contention: no libhakmem-*-hakmem.so in %s; configure with "
		"--enable-variants=all and run make\n",
		p->libraries);
	return false;
}

void
configs_free(struct configs *c)
{
	for (size_t i = 0; i < c->n; i++)
		free(c->items[i].allocator.name);
	free(c->items);
	allocators_free(&c->libraries);
	*c = (struct configs){0};
}

const struct config *
configs_named(const struct configs *c, const char *variant, const char *selector)
{
	for (size_t i = 0; i < c->n; i++) {
		const struct config *item = &c->items[i];
		bool same = selector == NULL || item->selector == NULL
				    ? selector == item->selector
				    : strcmp(item->selector, selector) == 0;

		if (same && strcmp(item->variant, variant) == 0)
			return item;
	}
	return NULL;
}
