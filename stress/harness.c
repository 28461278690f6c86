/* SPDX-License-Identifier: MIT
 * stress/harness.c - the parts of the harness that are not in a workload's hot path. See
 * harness.h. */
#include "stress/harness.h"
#include "stress/latency.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

void
harness_die(enum harness_status status, const char *format, ...)
{
	va_list args;

	fprintf(stderr, "%s: ", program_invocation_short_name);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	/* Not exit: other threads still run, and the heap may be damaged. */
	_exit((int)status);
}

void
harness_help(int argc, char **argv, const char *parameters)
{
	if (argc < 2 || (strcmp(argv[1], "-h") != 0 && strcmp(argv[1], "--help") != 0))
		return;
	printf("usage: %s %s\n", program_invocation_short_name, parameters);
	exit(fflush(stdout) == 0 ? EXIT_SUCCESS : HARNESS_FAILED);
}

/* --- parameters ------------------------------------------------------------------------------ */

static unsigned
param_scale(const struct param *p)
{
	return p->kind == PARAM_SECONDS ? 1000 : 1;
}

static _Noreturn void
param_bad(const struct param *p, const char *text)
{
	unsigned scale = param_scale(p);

	harness_die(HARNESS_USAGE, "%s is '%s': give a %s from %g to %.*g", p->name, text,
		p->kind == PARAM_SECONDS ? "number" : "whole number", (double)p->min / scale, 20,
		(double)p->max / scale);
}

void
param_parse(struct param *p, const char *text)
{
	char *end;

	/* The library functions would also take blanks, signs, "inf" and "0x1p3". */
	if (strspn(text, p->kind == PARAM_SECONDS ? "0123456789." : "0123456789") != strlen(text))
		param_bad(p, text);
	errno = 0;
	if (p->kind == PARAM_SECONDS) {
		double ms = strtod(text, &end) * param_scale(p) + 0.5;

		if (ms >= (double)p->max + 1)
			param_bad(p, text);
		p->value = (uint64_t)ms;
	} else {
		p->value = strtoull(text, &end, 10);
	}
	if (end == text || *end != '\0' || errno != 0 || p->value < p->min || p->value > p->max)
		param_bad(p, text);
}

static void
params_usage(const struct param *params, size_t n, char *text, size_t size)
{
	size_t used = 0;

	for (size_t i = 0; i < n && used < size; i++)
		used += (size_t)snprintf(text + used, size - used, "%s[%s=%.15g", i ? " " : "",
			params[i].name, (double)params[i].value / param_scale(&params[i]));
	for (size_t i = 0; i < n && used < size; i++)
		used += (size_t)snprintf(text + used, size - used, "]");
}

void
params_positional(struct param *params, size_t n, int argc, char **argv)
{
	char usage[256] = "";

	params_usage(params, n, usage, sizeof(usage));
	harness_help(argc, argv, usage);
	if (argc > 1 && (size_t)argc - 1 > n)
		harness_die(HARNESS_USAGE, "'%s' is one parameter too many: give at most %s",
			argv[n + 1], usage);
	for (size_t i = 0; i + 1 < (size_t)argc; i++)
		param_parse(&params[i], argv[i + 1]);
}

void
params_ordered(const struct param *min, const struct param *max)
{
	if (min->value > max->value)
		harness_die(HARNESS_USAGE, "%s is %" PRIu64 ", above %s, %" PRIu64 ": swap them",
			min->name, min->value, max->name, max->value);
}

/* --- time ------------------------------------------------------------------------------------ */

uint64_t
harness_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void
harness_sleep_ms(uint64_t ms)
{
	struct timespec left = {(time_t)(ms / 1000), (long)(ms % 1000) * 1000000};

	while (nanosleep(&left, &left) != 0 && errno == EINTR)
		continue;
}

/* --- memory ---------------------------------------------------------------------------------- */

uint64_t
harness_rss_kb(void)
{
	char text[128];
	ssize_t length = -1;
	int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	const char *resident;

	if (fd >= 0) {
		length = read(fd, text, sizeof(text) - 1);
		close(fd);
	}
	text[length > 0 ? length : 0] = '\0';
	/* Sizes in pages: of the address space, then of the resident set. */
	resident = strchr(text, ' ');
	if (!resident)
		harness_die(HARNESS_FAILED,
			"cannot read the resident set from /proc/self/statm: mount /proc");
	return strtoull(resident, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE) / 1024;
}

void *
harness_table(size_t n, size_t size)
{
	void *table = mmap(NULL, n * size, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (table == MAP_FAILED)
		block_exhausted(n * size);
	return table;
}

void
harness_table_free(void *table, size_t n, size_t size)
{
	munmap(table, n * size);
}

/* --- blocks ---------------------------------------------------------------------------------- */

void
block_exhausted(size_t size)
{
	harness_die(HARNESS_FAILED,
		"out of memory: no block of %zu bytes to be had: give smaller parameters or raise "
		"the limit (ulimit -v)",
		size);
}

void
block_damaged(const void *mem, size_t size, uint64_t expected, uint64_t found)
{
	harness_die(HARNESS_FAILED,
		"checksum failure: the block of %zu bytes at %p holds %#" PRIx64 " where %#" PRIx64
		" was written: handed out twice or overwritten",
		size, mem, found, expected);
}

void *
harness_array(size_t n, size_t size)
{
	size_t bytes = (n * size + HARNESS_CACHE_LINE - 1) & ~(size_t)(HARNESS_CACHE_LINE - 1);
	void *array = aligned_alloc(HARNESS_CACHE_LINE, bytes);

	if (!array)
		block_exhausted(bytes);
	memset(array, 0, bytes);
	return array;
}

/* --- threads --------------------------------------------------------------------------------- */

void
thread_start(pthread_t *thread, void *(*run)(void *), void *arg)
{
	int error = pthread_create(thread, NULL, run, arg);

	if (error)
		harness_die(HARNESS_FAILED,
			"cannot start a thread: %s: use fewer threads or raise the limit "
			"(ulimit -u)",
			strerror(error));
}

void
thread_join(pthread_t thread)
{
	int error = pthread_join(thread, NULL);

	if (error)
		harness_die(HARNESS_FAILED, "cannot join a thread: %s", strerror(error));
}

void
barrier_init(pthread_barrier_t *barrier, unsigned count)
{
	int error = pthread_barrier_init(barrier, NULL, count);

	if (error)
		harness_die(HARNESS_FAILED, "cannot create a barrier: %s", strerror(error));
}

void
barrier_wait(pthread_barrier_t *barrier)
{
	int error = pthread_barrier_wait(barrier);

	if (error && error != PTHREAD_BARRIER_SERIAL_THREAD)
		harness_die(HARNESS_FAILED, "cannot wait at a barrier: %s", strerror(error));
}

static void *
worker_main(void *arg)
{
	struct worker *w = arg;

	barrier_wait(w->ready);
	w->tally.start_ns = harness_now_ns();
	w->run(w);
	w->tally.end_ns = harness_now_ns();
	return NULL;
}

void
team_start(struct team *t, unsigned count, void (*run)(struct worker *w), void *shared)
{
	t->count = count;
	t->workers = harness_array(count, sizeof(*t->workers));
	barrier_init(&t->ready, count + 1);
	for (unsigned i = 0; i < count; i++) {
		struct worker *w = &t->workers[i];

		w->index = i;
		w->shared = shared;
		w->run = run;
		w->ready = &t->ready;
		thread_start(&w->thread, worker_main, w);
	}
	barrier_wait(&t->ready);
}

void
team_join(struct team *t)
{
	for (unsigned i = 0; i < t->count; i++)
		thread_join(t->workers[i].thread);
}

void
team_destroy(struct team *t)
{
	pthread_barrier_destroy(&t->ready);
	free(t->workers);
}

/* --- the closing line ------------------------------------------------------------------------ */

void
tally_add(struct tally *total, const struct tally *t)
{
	total->ops += t->ops;
	total->checksum += t->checksum;
	if (total->start_ns == 0 || t->start_ns < total->start_ns)
		total->start_ns = t->start_ns;
	if (t->end_ns > total->end_ns)
		total->end_ns = t->end_ns;
}

/* The highest resident set of this program in KiB. VmHWM rather than ru_maxrss, because the latter
 * also counts what the process was before exec: a large launcher would hide a small workload. */
static long
peak_rss_kb(const struct rusage *usage)
{
	static const char key[] = "VmHWM:";
	char text[4096];
	const char *line = NULL;
	ssize_t length = -1;
	int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);

	if (fd >= 0) {
		length = read(fd, text, sizeof(text) - 1);
		close(fd);
	}
	if (length > 0) {
		text[length] = '\0';
		line = strstr(text, key);
	}
	return line ? strtol(line + sizeof(key) - 1, NULL, 10) : usage->ru_maxrss;
}

static double
timeval_seconds(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

void
report(const char *workload, unsigned threads, const struct tally *total, const char *extra, ...)
{
	struct rusage usage = {0};
	double seconds = (double)(total->end_ns - total->start_ns) / 1e9;
	va_list args;

	getrusage(RUSAGE_SELF, &usage);
	printf("workload=%s threads=%u ops=%" PRIu64 " seconds=%.6f ops_per_s=%.0f cpu_s=%.3f "
	       "checksum=%016" PRIx64 " rss_peak_kb=%ld minor_faults=%ld",
		workload, threads, total->ops, seconds,
		seconds > 0 ? (double)total->ops / seconds : 0,
		timeval_seconds(usage.ru_utime) + timeval_seconds(usage.ru_stime), total->checksum,
		peak_rss_kb(&usage), usage.ru_minflt);
	va_start(args, extra);
	if (extra[0] != '\0') {
		putchar(' ');
		vprintf(extra, args);
	}
	va_end(args);
	if (latency_samples() > 0)
		printf(" p50_us=%.3f p99_us=%.3f p999_us=%.3f", latency_us(0.5), latency_us(0.99),
			latency_us(0.999));
	putchar('\n');
	if (fflush(stdout) != 0)
		harness_die(HARNESS_FAILED, "cannot write the closing line: %s", strerror(errno));
}
