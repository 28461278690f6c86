/* SPDX-License-Identifier: MIT
 * tools/prof/heap_v2.c - the way back from estimates to what a reader of heap_v2 scales up.
 *
 * Such a reader takes the unweighted number n and bytes s of a stack's samples, and multiplies both
 * by 1 / (1 - exp(-(s / n) / rate)), as if every block had the mean size. Where sizes are mixed
 * that is not what the profile's own weights come to. So the file does not get the samples as they
 * were, but n and s from which the reader's arithmetic leads to our estimates: bytes to within
 * rounding, and, since n is a whole number, the count as closely as n allows. */
#include "tools/prof/heap_v2.h"
#include "stress/sweep/text.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

struct pair {
	uint64_t count, bytes;
};

/* What the reader makes of n blocks with x * rate bytes each, in bytes of n * rate. */
static double
reader_scale(double x)
{
	return x > 0 ? x / -expm1(-x) : 1;
}

/* The x at which reader_scale is y, which is 1 or more. It is convex and rises by 1/2 or more, so
 * that Newton's steps from above go straight down. */
static double
reader_scale_inverse(double y)
{
	enum { STEPS = 60 };
	double x = y;

	for (int i = 0; i < STEPS && x > 0; i++) {
		double value = reader_scale(x), rest = exp(-x), left = -expm1(-x);
		double slope = (left - x * rest) / (left * left);
		double next = x - (value - y) / fmax(slope, 0.5);

		if (!(next < x))
			break;
		x = next;
	}
	return fmax(x, 0);
}

static struct pair
unscaled(uint64_t count, uint64_t bytes, double rate)
{
	/* As far off as this, the mean size is kept, from which the count follows. */
	const double allowed = 1e-4;

	if (count == 0 || bytes == 0)
		return (struct pair){0};
	double mean = (double)bytes / (double)count;
	double n = fmin(round((double)count * -expm1(-mean / rate)), floor((double)bytes / rate));

	n = fmax(n, 1);
	double s = n * mean;

	if (fabs(n * rate * reader_scale(s / (n * rate)) - (double)bytes) > allowed * (double)bytes)
		s = n * rate * reader_scale_inverse(fmax((double)bytes / (n * rate), 1));
	return (struct pair){.count = (uint64_t)n, .bytes = (uint64_t)fmax(round(s), 1)};
}

/* One sample stands for `rate` bytes at least. A profile in which some site has less, because its
 * parts were sampled at another distance, is told at a lower one. */
static double
rate_of(const struct profile *p)
{
	uint64_t rate = p->sample_bytes;

	for (size_t i = 0; i < p->nsites; i++) {
		const struct site *s = &p->sites[i];

		if (s->live_bytes > 0 && s->live_bytes < rate)
			rate = s->live_bytes;
		if (s->alloc_bytes > 0 && s->alloc_bytes < rate)
			rate = s->alloc_bytes;
	}
	return (double)rate;
}

static void
write_pairs(FILE *out, struct pair live, struct pair all)
{
	fprintf(out, "  t*: %" PRIu64 ": %" PRIu64 " [%" PRIu64 ": %" PRIu64 "]\n", live.count,
		live.bytes, all.count, all.bytes);
}

static struct pair
pair_sum(struct pair a, struct pair b)
{
	return (struct pair){
		.count = profile_sum(a.count, b.count), .bytes = profile_sum(a.bytes, b.bytes)};
}

/* Readers step back from return addresses into the call, but for the innermost. */
static void
write_stack(FILE *out, const struct profile *p, const struct site *s)
{
	fputc('@', out);
	for (size_t i = 0; i < s->nframes; i++) {
		struct frame f = s->frames[i];
		uint64_t bias = f.module == PROFILE_NO_MODULE ? 0 : p->modules[f.module].bias;

		fprintf(out, " 0x%" PRIx64, f.offset + bias - (i == 0));
	}
	/* A stack without frames is none to a reader. */
	fputs(s->nframes == 0 ? " 0x0\n" : "\n", out);
}

/* Lines as those of the kernel's map of a process. */
static void
write_module(FILE *out, const struct profile *p, struct symbols *symbols, size_t i)
{
	const struct module *m = &p->modules[i];
	size_t n;
	struct segment *list = symbols_segments(symbols, (int)i, &n);
	struct segment whole = {.address = m->start - m->bias,
		.size = m->end - m->start,
		.offset = m->start - m->bias,
		.executable = true};
	const uint64_t page = 4096;

	for (size_t j = 0; j < (n > 0 ? n : 1); j++) {
		const struct segment *s = n > 0 ? &list[j] : &whole;
		uint64_t before = s->address % page;
		uint64_t start = m->bias + s->address - before;
		uint64_t end = (m->bias + s->address + s->size + page - 1) & ~(page - 1);

		fprintf(out, "%" PRIx64 "-%" PRIx64 " %s %08" PRIx64 " 00:00 0 %s\n", start, end,
			s->executable ? "r-xp" : "rw-p", s->offset - before, m->path);
	}
	free(list);
}

void
heap_v2_write(FILE *out, const struct profile *p, struct symbols *symbols)
{
	double rate = rate_of(p);
	struct pair *pairs = text_alloc(2 * p->nsites, sizeof(*pairs));
	struct pair live = {0}, all = {0};

	for (size_t i = 0; i < p->nsites; i++) {
		const struct site *s = &p->sites[i];

		pairs[2 * i] = unscaled(s->live_count, s->live_bytes, rate);
		pairs[2 * i + 1] = unscaled(s->alloc_count, s->alloc_bytes, rate);
		live = pair_sum(live, pairs[2 * i]);
		all = pair_sum(all, pairs[2 * i + 1]);
	}
	fprintf(out, "heap_v2/%.0f\n", rate);
	write_pairs(out, live, all);
	for (size_t i = 0; i < p->nsites; i++) {
		write_stack(out, p, &p->sites[i]);
		write_pairs(out, pairs[2 * i], pairs[2 * i + 1]);
	}
	fputs("\nMAPPED_LIBRARIES:\n", out);
	for (size_t i = 0; i < p->nmodules; i++)
		write_module(out, p, symbols, i);
	free(pairs);
}
