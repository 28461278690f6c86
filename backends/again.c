/* SPDX-License-Identifier: MIT
 * backends/again.c - the long runs that were freed last. */
#include "backends/again.h"

#include "backends/os.h"

/* A run that comes again may be shorter by this part. */
#define SHORTER_PART 8
/* What is longer by this part of the run has taken its place. */
#define LONGER_PART 4
/* All but this part of the pages that it began without count as most of them. */
#define UNTOUCHED_PART 4
/* A run is kept for so many times as long as it last took to come again. */
#define WAIT_PART 4

static bool
waits(const struct again_run *r, uint32_t now_ms)
{
	return r->state == AGAIN_KEPT ||
	       (r->state == AGAIN_FREED && !idle_for(now_ms, r->since_ms, AGAIN_MS));
}

struct again_run *
again_find(struct again *a, unsigned group, size_t npages, uint32_t now_ms)
{
	a->last = npages;
	for (unsigned i = 0; i < AGAIN_RUNS; i++) {
		struct again_run *r = &a->runs[i];
		if (r->group == group && waits(r, now_ms) && npages <= r->npages &&
			npages >= r->npages - r->npages / SHORTER_PART) {
			r->state = AGAIN_IN_USE;
			r->wait_ms = WAIT_PART * (now_ms - r->since_ms);
			if (r->wait_ms < AGAIN_LEAST_MS)
				r->wait_ms = AGAIN_LEAST_MS;
			r->since_ms = now_ms;
			return r;
		}
	}
	return NULL;
}

void
again_taken(struct again_run *r, size_t npages, size_t clean, bool zero)
{
	r->zero = zero;
	r->npages = npages;
	r->clean = clean;
	r->faults = os_faults().minor;
}

/* Whose place a run that was not known takes: that of the one which has been in its state for
 * longest. */
static struct again_run *
oldest(struct again *a, uint32_t now_ms)
{
	struct again_run *found = &a->runs[0];

	for (unsigned i = 0; i < AGAIN_RUNS; i++) {
		struct again_run *r = &a->runs[i];
		if (r->state == AGAIN_GONE)
			return r;
		if (now_ms - r->since_ms > now_ms - found->since_ms)
			found = r;
	}
	return found;
}

bool
again_freed(struct again *a, unsigned group, size_t npages, uint32_t now_ms)
{
	struct again_run *r = NULL;

	for (unsigned i = 0; !r && i < AGAIN_RUNS; i++)
		if (a->runs[i].state == AGAIN_IN_USE && a->runs[i].group == group &&
			a->runs[i].npages == npages)
			r = &a->runs[i];
	bool touched = r && os_faults().minor - r->faults >= r->clean - r->clean / UNTOUCHED_PART;
	bool grows = a->last > npages + npages / LONGER_PART;
	bool keep = r && !grows && (touched || !r->zero);
	if (!r)
		r = oldest(a, now_ms);
	r->state = keep ? AGAIN_KEPT : AGAIN_FREED;
	r->touched = touched;
	r->group = group;
	r->npages = npages;
	r->since_ms = now_ms;
	return keep;
}

size_t
again_awaited(const struct again *a)
{
	size_t npages = 0;

	for (unsigned i = 0; i < AGAIN_RUNS; i++)
		if (a->runs[i].state == AGAIN_KEPT)
			npages += a->runs[i].npages;
	return npages;
}

int
again_overdue(struct again *a, uint32_t now_ms)
{
	for (unsigned i = 0; i < AGAIN_RUNS; i++) {
		struct again_run *r = &a->runs[i];
		if (r->state == AGAIN_KEPT && idle_for(now_ms, r->since_ms, r->wait_ms)) {
			r->state = AGAIN_FREED;
			return (int)r->group;
		}
	}
	return -1;
}
