/* SPDX-License-Identifier: MIT
 * stress/sweep/progress.h - says how far the sweep is: a bar with the time left on a terminal,
 * plain lines elsewhere. Everything goes to standard error. */
#ifndef HAKMEM_SWEEP_PROGRESS_H
#define HAKMEM_SWEEP_PROGRESS_H

#include <stdbool.h>

struct progress {
	double total_s, done_s; /* expected seconds */
	double start_s;
	bool terminal;
};

void progress_start(struct progress *p, double total_s);
/* What comes next, shown in the bar; on no terminal nothing. */
void progress_show(const struct progress *p, const char *what);
/* That many of the expected seconds are done. */
void progress_done(struct progress *p, double seconds);
/* A line of its own; with the share done and the time left where `stamp` is true. */
void progress_line(const struct progress *p, bool stamp, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void progress_end(const struct progress *p);

#endif
