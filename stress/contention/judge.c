/* SPDX-License-Identifier: MIT
 * stress/contention/judge.c - differences, verdicts and criteria. */
#include "stress/contention/judge.h"

#include <math.h>
#include <stdio.h>

#define KEEP_AT_4 0.20
#define KEEP_AT_16 0.40

struct difference
judge_difference(struct stats value, struct stats base)
{
	struct difference d = {.ratio = stats_ratio(value.median, base.median),
		.noise = fmax(value.spread, base.spread)};

	d.known = isfinite(d.ratio);
	/* A single run has no spread that anything could be above. */
	d.above = d.known && value.n > 1 && base.n > 1 && fabs(d.ratio - 1) > d.noise;
	return d;
}

double
judge_benefit(struct difference d)
{
	return d.above && d.ratio > 1 ? d.ratio - 1 : 0;
}

enum verdict
judge_verdict(struct difference at_4, struct difference at_16)
{
	double benefit_4 = judge_benefit(at_4), benefit_16 = judge_benefit(at_16);

	if (!at_4.known || !at_16.known)
		return VERDICT_UNKNOWN;
	if (benefit_4 > KEEP_AT_4 && benefit_16 > KEEP_AT_16)
		return VERDICT_KEEP;
	return benefit_4 > 0 || benefit_16 > 0 ? VERDICT_CONDITIONAL : VERDICT_REVERT;
}

enum verdict
judge_overall(const enum verdict *verdicts, size_t n)
{
	enum verdict overall = VERDICT_UNKNOWN;

	for (size_t i = 0; i < n; i++) {
		if (verdicts[i] == VERDICT_UNKNOWN)
			continue;
		if (overall == VERDICT_UNKNOWN)
			overall = verdicts[i];
		else if (overall != verdicts[i])
			overall = VERDICT_CONDITIONAL;
	}
	return overall;
}

const char *
verdict_name(enum verdict v)
{
	static const char *const names[] = {[VERDICT_UNKNOWN] = "not measured",
		[VERDICT_REVERT] = "revert",
		[VERDICT_CONDITIONAL] = "conditional",
		[VERDICT_KEEP] = "keep"};

	return names[v];
}

enum outcome
judge_at_most(struct difference d, double most)
{
	if (!d.known)
		return OUTCOME_UNKNOWN;
	return d.ratio <= most ? OUTCOME_MET : OUTCOME_MISSED;
}

enum outcome
judge_ahead(struct difference d)
{
	if (!d.known)
		return OUTCOME_UNKNOWN;
	return judge_benefit(d) > 0 ? OUTCOME_MET : OUTCOME_MISSED;
}

const char *
outcome_name(enum outcome o)
{
	static const char *const names[] = {[OUTCOME_UNKNOWN] = "not measured",
		[OUTCOME_MISSED] = "missed",
		[OUTCOME_MET] = "met"};

	return names[o];
}

const char *
judge_text(struct difference d, char out[JUDGE_TEXT])
{
	double percent = (d.ratio - 1) * 100;

	if (!d.known)
		snprintf(out, JUDGE_TEXT, "not measured");
	else if (d.above)
		snprintf(out, JUDGE_TEXT, "%+.0f %%", percent);
	else
		snprintf(out, JUDGE_TEXT, "no difference (%+.0f %%, spread %.0f %%)", percent,
			d.noise * 100);
	return out;
}
