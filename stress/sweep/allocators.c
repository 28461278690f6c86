/* SPDX-License-Identifier: MIT
 * stress/sweep/allocators.c - finds the built variants and the peers. */
#include "stress/sweep/allocators.h"
#include "stress/sweep/places.h"
#include "stress/sweep/text.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VARIANT_PREFIX "libhakmem-"

static const struct peer {
	const char *name, *soname, *package;
} peers[] = {
	{"glibc", NULL, NULL},
	{"jemalloc", "libjemalloc.so.2", "libjemalloc2"},
	{"mimalloc", "libmimalloc.so.2", "libmimalloc2.0"},
	{"tcmalloc", "libtcmalloc_minimal.so.4", "libtcmalloc-minimal4"},
	{"tbbmalloc", "libtbbmalloc_proxy.so.2", "libtbbmalloc2"},
};

enum { NPEERS = sizeof(peers) / sizeof(peers[0]) };

const struct allocator *
allocators_named(const struct allocators *list, const char *name)
{
	for (size_t i = 0; i < list->n; i++)
		if (strcmp(list->items[i].name, name) == 0)
			return &list->items[i];
	return NULL;
}

bool
allocators_is_peer(const char *name)
{
	for (size_t i = 0; i < NPEERS; i++)
		if (strcmp(peers[i].name, name) == 0)
			return true;
	return false;
}

const char *
allocators_path(const struct allocator *a)
{
	const char *slash = a->is_variant ? strrchr(a->path, '/') : NULL;

	return slash != NULL ? slash + 1 : a->path;
}

static void
allocators_add(struct allocators *list, char *name, char *path, const struct peer *peer)
{
	if (allocators_named(list, name) != NULL) {
		free(name);
		free(path);
		return;
	}
	list->items = text_grow(list->items, (list->n + 1) * sizeof(*list->items));
	list->items[list->n++] = (struct allocator){.name = name,
		.path = path,
		.package = peer != NULL ? peer->package : NULL,
		.is_libc = peer != NULL && peer->soname == NULL};
}

/* All variants in the directory of the libraries, by their names. */
static struct allocators
allocators_variants(const struct places *p)
{
	struct allocators found = {0};
	char *pattern = text_format("%s/" VARIANT_PREFIX "*-*.so", p->libraries);
	glob_t matches;

	if (glob(pattern, 0, NULL, &matches) == 0) {
		for (size_t i = 0; i < matches.gl_pathc; i++) {
			const char *path = matches.gl_pathv[i];
			const char *stem = strrchr(path, '/') + 1 + strlen(VARIANT_PREFIX);

			allocators_add(&found,
				text_format("%.*s", (int)(strlen(stem) - strlen(".so")), stem),
				text_format("%s", path), NULL);
		}
		globfree(&matches);
	}
	free(pattern);
	return found;
}

static void
allocators_add_peer(const struct places *p, const struct peer *peer, struct allocators *out)
{
	char *path = places_resolve(p, peer->soname != NULL ? peer->soname : "libc.so.6");

	if (path == NULL)
		fprintf(stderr,
			"hakmem-sweep: %s is left out: %s is not installed; apt-get "
			"install %s\n",
			peer->name, peer->soname, peer->package);
	else
		allocators_add(out, text_format("%s", peer->name), path, peer);
}

/* NAME=PATH: any library that the dynamic linker can preload. */
static bool
allocators_add_path(const struct places *p, const char *item, struct allocators *out)
{
	const char *equals = strchr(item, '=');
	char *path = realpath(equals + 1, NULL), *loaded = NULL;

	if (path != NULL && strpbrk(path, " :") == NULL)
		loaded = places_resolve(p, path);
	free(path);
	if (loaded == NULL || equals == item) {
		fprintf(stderr,
			"hakmem-sweep: %s: not NAME=PATH with the path of a shared "
			"library that can be preloaded (without blank or colon)\n",
			item);
		free(loaded);
		return false;
	}
	allocators_add(out, text_format("%.*s", (int)(equals - item), item), loaded, NULL);
	return true;
}

static void
allocators_add_variant(const struct allocator *v, struct allocators *out)
{
	size_t before = out->n;

	allocators_add(out, text_format("%s", v->name), text_format("%s", v->path), NULL);
	if (out->n > before)
		out->items[before].is_variant = true;
}

static void
allocators_unknown(const char *item, const struct allocators *variants)
{
	fprintf(stderr, "hakmem-sweep: no allocator '%s'; there are:", item);
	for (size_t i = 0; i < variants->n; i++)
		fprintf(stderr, " %s", variants->items[i].name);
	for (size_t i = 0; i < NPEERS; i++)
		fprintf(stderr, " %s", peers[i].name);
	fputs(" hakmem (all variants) none, or NAME=PATH\n", stderr);
}

static bool
allocators_add_item(const struct places *p, const char *item, const struct allocators *variants,
	struct allocators *out)
{
	const struct allocator *variant = allocators_named(variants, item);

	if (strchr(item, '=') != NULL)
		return allocators_add_path(p, item, out);
	if (strcmp(item, "none") == 0)
		return true;
	if (variant != NULL) {
		allocators_add_variant(variant, out);
		return true;
	}
	for (size_t i = 0; i < NPEERS; i++) {
		if (strcmp(peers[i].name, item) == 0) {
			allocators_add_peer(p, &peers[i], out);
			return true;
		}
	}
	if (strcmp(item, "hakmem") != 0) {
		allocators_unknown(item, variants);
		return false;
	}
	for (size_t i = 0; i < variants->n; i++)
		allocators_add_variant(&variants->items[i], out);
	if (variants->n == 0)
		fprintf(stderr,
			"hakmem-sweep: no " VARIANT_PREFIX "*-*.so in %s; run make, or "
			"leave hakmem out by --variants none\n",
			p->libraries);
	return variants->n != 0;
}

static bool
allocators_add_list(const struct places *p, const char *list, const struct allocators *variants,
	struct allocators *out)
{
	char **items = text_split(list, NULL);
	bool ok = true;

	for (size_t i = 0; ok && items[i] != NULL; i++)
		ok = allocators_add_item(p, items[i], variants, out);
	free(items);
	return ok;
}

bool
allocators_find(
	const struct places *p, const struct allocator_choice *choice, struct allocators *out)
{
	struct allocators variants = allocators_variants(p);
	bool ok;

	*out = (struct allocators){0};
	if (choice->only != NULL) {
		ok = allocators_add_list(p, choice->only, &variants, out);
	} else {
		ok = allocators_add_list(
			p, choice->variants ? choice->variants : "hakmem", &variants, out);
		if (ok && choice->peers != NULL)
			ok = allocators_add_list(p, choice->peers, &variants, out);
		for (size_t i = 0; ok && choice->peers == NULL && i < NPEERS; i++)
			allocators_add_peer(p, &peers[i], out);
	}
	allocators_free(&variants);
	if (ok && out->n == 0) {
		fputs("hakmem-sweep: no allocator is left to run\n", stderr);
		return false;
	}
	return ok;
}

void
allocators_free(struct allocators *list)
{
	for (size_t i = 0; i < list->n; i++) {
		free(list->items[i].name);
		free(list->items[i].path);
	}
	free(list->items);
	*list = (struct allocators){0};
}
