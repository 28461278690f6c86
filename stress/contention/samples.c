/* SPDX-License-Identifier: MIT
 * stress/contention/samples.c - keeps, compares and reduces the runs. */
#include "stress/contention/samples.h"
#include "stress/sweep/text.h"

#include <stdlib.h>
#include <string.h>

enum { ROOM = 256 };

void
samples_add(struct samples *s, struct at at, const struct run *run)
{
	if (s->n == s->room) {
		s->room += s->room + ROOM;
		s->items = text_grow(s->items, s->room * sizeof(*s->items));
	}
	s->items[s->n++] = (struct sample){.at = at, .run = *run};
}

void
samples_free(struct samples *s)
{
	free(s->items);
	*s = (struct samples){0};
}

/* 0 where it is not known. */
static double
samples_cpu_rate(const struct run *run)
{
	double ops = 0, cpu_s = run->usage.user_s + run->usage.sys_s;

	return cpu_s > 0 && text_number(run->result, "ops", &ops) ? ops / cpu_s : 0;
}

struct summary
samples_summary(const struct samples *s, struct at at)
{
	double *values = text_alloc(4 * s->n, sizeof(*values));
	double *rate = values, *time_ns = rate + s->n, *rss_kb = time_ns + s->n,
	       *cpu_rate = rss_kb + s->n;
	struct summary sum = {0};
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++) {
		const struct sample *one = &s->items[i];

		if (one->at.benchmark != at.benchmark || one->at.thread != at.thread ||
			one->at.config != at.config)
			continue;
		if (one->run.status != RUN_OK) {
			sum.failed++;
		} else if (one->run.round > 0) {
			rate[n] = one->run.ops_per_s;
			time_ns[n] = 1e9 / one->run.ops_per_s;
			cpu_rate[n] = samples_cpu_rate(&one->run);
			rss_kb[n++] = one->run.usage.rss_kb;
		}
	}
	sum.rate = stats_of(rate, n);
	sum.time_ns = stats_of(time_ns, n);
	sum.cpu_rate = stats_of(cpu_rate, n);
	sum.rss_kb = stats_of(rss_kb, n);
	free(values);
	return sum;
}

static bool
samples_same_work(const struct sample *a, const struct sample *b)
{
	char of_a[32] = "", of_b[32] = "";

	if (a->at.benchmark != b->at.benchmark || a->at.thread != b->at.thread)
		return false;
	text_value(a->run.result, "iterations", of_a, sizeof(of_a));
	text_value(b->run.result, "iterations", of_b, sizeof(of_b));
	return strcmp(of_a, of_b) == 0;
}

/* Whether no more of the good runs of the same work share its checksum than have another one. */
static bool
samples_outvoted(const struct samples *s, const struct sample *one)
{
	size_t same = 0, other = 0;

	for (size_t i = 0; i < s->n; i++) {
		const struct sample *voter = &s->items[i];

		if (voter->run.status != RUN_OK || !samples_same_work(voter, one))
			continue;
		if (strcmp(voter->run.checksum, one->run.checksum) == 0)
			same++;
		else
			other++;
	}
	return other >= same;
}

void
samples_compare_checksums(struct samples *s)
{
	bool *wrong = text_alloc(s->n, sizeof(*wrong));

	/* All are judged before any is changed, since failures have no vote. */
	for (size_t i = 0; i < s->n; i++)
		wrong[i] = s->items[i].run.status == RUN_OK && samples_outvoted(s, &s->items[i]);
	for (size_t i = 0; i < s->n; i++)
		if (wrong[i])
			run_fail(&s->items[i].run, RUN_CHECKSUM,
				"checksum %s, which most runs of the same work do not have",
				s->items[i].run.checksum);
	free(wrong);
}

size_t
samples_failed(const struct samples *s)
{
	size_t failed = 0;

	for (size_t i = 0; i < s->n; i++)
		failed += s->items[i].run.status != RUN_OK;
	return failed;
}
