/* SPDX-License-Identifier: MIT
 * tools/prof/profile.c - the arithmetic of profiles, and their release. */
#include "tools/prof/profile.h"
#include "stress/sweep/text.h"

#include <stdlib.h>
#include <string.h>

uint64_t
profile_sum(uint64_t a, uint64_t b)
{
	return a > (uint64_t)INT64_MAX - b ? (uint64_t)INT64_MAX : a + b;
}

uint64_t
profile_first_buckets(const uint64_t *buckets, size_t n)
{
	uint64_t total = 0;

	for (size_t i = 0; i < n; i++)
		total = profile_sum(total, buckets[i]);
	return total;
}

uint64_t
site_freed(const struct site *s)
{
	return profile_first_buckets(s->lifetime_ms, PROFILE_MS_BUCKETS);
}

static void
buckets_add(uint64_t *total, const uint64_t *more, size_t n)
{
	for (size_t i = 0; i < n; i++)
		total[i] = profile_sum(total[i], more[i]);
}

/* Both lists are in order, and so is the result. */
static void
sizes_add(struct site *total, const struct site *more)
{
	struct size_count *all = text_alloc(total->nsizes + more->nsizes, sizeof(*all));
	size_t n = 0, i = 0, j = 0;

	while (i < total->nsizes || j < more->nsizes) {
		bool left = j == more->nsizes ||
			    (i < total->nsizes && total->sizes[i].size <= more->sizes[j].size);
		struct size_count next = left ? total->sizes[i++] : more->sizes[j++];

		if (n > 0 && all[n - 1].size == next.size)
			all[n - 1].samples = profile_sum(all[n - 1].samples, next.samples);
		else
			all[n++] = next;
	}
	free(total->sizes);
	total->sizes = all;
	total->nsizes = n;
}

void
site_add(struct site *total, const struct site *more)
{
	enum { MOST_THREADS = 255 };

	total->samples = profile_sum(total->samples, more->samples);
	total->live_samples = profile_sum(total->live_samples, more->live_samples);
	total->alloc_count = profile_sum(total->alloc_count, more->alloc_count);
	total->alloc_bytes = profile_sum(total->alloc_bytes, more->alloc_bytes);
	total->live_count = profile_sum(total->live_count, more->live_count);
	total->live_bytes = profile_sum(total->live_bytes, more->live_bytes);
	total->peak_live_bytes = profile_sum(total->peak_live_bytes, more->peak_live_bytes);
	total->threads = profile_sum(total->threads, more->threads);
	if (total->threads > MOST_THREADS)
		total->threads = MOST_THREADS;
	total->alloc_variance += more->alloc_variance;
	total->live_variance += more->live_variance;
	buckets_add(total->lifetime_bytes, more->lifetime_bytes, PROFILE_BYTE_BUCKETS);
	buckets_add(total->lifetime_ms, more->lifetime_ms, PROFILE_MS_BUCKETS);
	sizes_add(total, more);
}

void
site_free(struct site *s)
{
	free(s->frames);
	free(s->sizes);
}

static int
compare_ids(const void *a, const void *b)
{
	const struct site *x = a, *y = b;

	return (x->id > y->id) - (x->id < y->id);
}

void
profile_order(struct profile *p)
{
	size_t n = 0;

	if (p->nsites > 0)
		qsort(p->sites, p->nsites, sizeof(*p->sites), compare_ids);
	for (size_t i = 0; i < p->nsites; i++) {
		if (n > 0 && p->sites[n - 1].id == p->sites[i].id) {
			site_add(&p->sites[n - 1], &p->sites[i]);
			site_free(&p->sites[i]);
		} else {
			p->sites[n++] = p->sites[i];
		}
	}
	p->nsites = n;
}

double
profile_rate(const struct profile *p, uint64_t bytes)
{
	return p->uptime_ms != 0 ? (double)bytes * 1000 / (double)p->uptime_ms : 0;
}

void
profile_free(struct profile *p)
{
	for (size_t i = 0; i < p->nmodules; i++) {
		free(p->modules[i].path);
		free(p->modules[i].build_id);
	}
	for (size_t i = 0; i < p->nsites; i++)
		site_free(&p->sites[i]);
	free(p->modules);
	free(p->sites);
	free(p->program);
	free(p->host);
	free(p->variant);
	free(p->reason);
	*p = (struct profile){0};
}
