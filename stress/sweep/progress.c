/* SPDX-License-Identifier: MIT
 * stress/sweep/progress.c - the bar and the lines. */
#include "stress/sweep/progress.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { BAR = 24 };

#define CLEAR_LINE "\r\033[K"

static double
progress_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

void
progress_start(struct progress *p, double total_s)
{
	*p = (struct progress){.total_s = total_s,
		.start_s = progress_now(),
		.terminal = isatty(STDERR_FILENO) == 1};
}

static double
progress_share(const struct progress *p)
{
	return p->total_s > 0 && p->done_s < p->total_s ? p->done_s / p->total_s : 1;
}

/* Expected seconds are guesses: what is done corrects them by the time it really took. */
static int
progress_left(const struct progress *p)
{
	double left = p->total_s - p->done_s, pace = 1;

	if (p->done_s > 0)
		pace = (progress_now() - p->start_s) / p->done_s;
	return left > 0 ? (int)(left * pace) : 0;
}

void
progress_show(const struct progress *p, const char *what)
{
	if (!p->terminal)
		return;
	int full = (int)(progress_share(p) * BAR), left = progress_left(p);

	fputs(CLEAR_LINE "[", stderr);
	for (int i = 0; i < BAR; i++)
		putc(i < full ? '#' : '.', stderr);
	fprintf(stderr, "] %3.0f %%, %d:%02d left  %.40s", progress_share(p) * 100, left / 60,
		left % 60, what);
}

void
progress_done(struct progress *p, double seconds)
{
	p->done_s += seconds;
}

void
progress_line(const struct progress *p, bool stamp, const char *format, ...)
{
	va_list args;

	if (p->terminal)
		fputs(CLEAR_LINE, stderr);
	if (stamp) {
		int left = progress_left(p);

		fprintf(stderr, "[%3.0f %%, %d:%02d left] ", progress_share(p) * 100, left / 60,
			left % 60);
	}
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	putc('\n', stderr);
}

void
progress_end(const struct progress *p)
{
	if (p->terminal)
		fputs(CLEAR_LINE, stderr);
}
