/* SPDX-License-Identifier: MIT
 * stress/sweep/app_memcached.c - memcached under the allocator, loaded by a client of ours.
 *
 * The workload's argument is the number of rounds. In each the client stores a value of 16 B to 8
 * KB under one of 1000 keys, reads another back, and times both; it goes through a few connections
 * in turns, and opens each anew now and then, since buffers of connections are what memcached takes
 * from malloc beside its slabs. What is read back must be what was stored last; a digest of it is
 * the checksum. The server listens on a free port of 127.0.0.1 only and ends by its own command,
 * else by its launcher. */
#include "stress/sweep/allocators.h"
#include "stress/sweep/app.h"
#include "stress/sweep/places.h"
#include "stress/sweep/proof.h"
#include "stress/sweep/redis_client.h"
#include "stress/sweep/text.h"
#include "stress/sweep/workloads.h"

#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics_double.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
	KEYS = 1000,
	CONNECTIONS = 8,
	ROUNDS_PER_CONNECTION = 200,
	VALUE_MAX = 8192,
	TRIES = 3, /* ports to try */
	START_STEPS = 500,
	START_STEP_MS = 20,
};

struct cache {
	struct child child;
	int port;
	FILE *connections[CONNECTIONS];
	uint32_t stored[KEYS]; /* the number of the round that stored it, 0 for none */
	uint64_t sum;
	double *latencies_us;
	size_t n;
};

bool
memcached_available(void)
{
	return app_has("memcached", "memcached", "memcached");
}

static double
cache_now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* The value that a round stores: its length and its bytes follow from the number alone. */
static size_t
cache_value(uint32_t round, char *value)
{
	uint32_t hash = round * UINT32_C(2654435761);
	size_t length = 16u << (hash >> 29);

	length += hash % length;
	length = length < VALUE_MAX ? length : VALUE_MAX;
	for (size_t i = 0; i < length; i++)
		value[i] = (char)('a' + (hash + i * 7 + i / 26) % 26);
	return length;
}

static FILE *
cache_connection(struct cache *c, uint32_t round)
{
	FILE **stream = &c->connections[round % CONNECTIONS];

	if (*stream != NULL && round / CONNECTIONS % ROUNDS_PER_CONNECTION == 0) {
		fclose(*stream);
		*stream = NULL;
	}
	if (*stream == NULL)
		*stream = redis_connect(c->port);
	return *stream;
}

/* Sends what is in the stream's buffer and reads a line of the reply. */
static bool
cache_line(FILE *stream, char *line, size_t size)
{
	if (fflush(stream) != 0)
		return false;
	fseek(stream, 0, SEEK_CUR);
	return fgets(line, (int)size, stream) != NULL;
}

static bool
cache_set(struct cache *c, FILE *stream, uint32_t round)
{
	char value[VALUE_MAX], line[64];
	size_t length = cache_value(round, value);
	uint32_t key = round * UINT32_C(7919) % KEYS;

	fseek(stream, 0, SEEK_CUR);
	fprintf(stream, "set key:%" PRIu32 " 0 0 %zu\r\n", key, length);
	fwrite(value, 1, length, stream);
	fputs("\r\n", stream);
	c->stored[key] = round;
	return cache_line(stream, line, sizeof(line)) && strcmp(line, "STORED\r\n") == 0;
}

static bool
cache_get(struct cache *c, FILE *stream, uint32_t round)
{
	char expected[VALUE_MAX], value[VALUE_MAX + 2], line[64];
	uint32_t key = round * UINT32_C(104729) % KEYS;
	size_t length = c->stored[key] != 0 ? cache_value(c->stored[key], expected) : 0;
	size_t told;

	fseek(stream, 0, SEEK_CUR);
	fprintf(stream, "get key:%" PRIu32 "\r\n", key);
	if (!cache_line(stream, line, sizeof(line)))
		return false;
	if (length == 0)
		return strcmp(line, "END\r\n") == 0;
	if (sscanf(line, "VALUE %*s %*d %zu", &told) != 1 || told != length ||
		fread(value, 1, length + 2, stream) != length + 2 ||
		memcmp(value, expected, length) != 0)
		return false;
	for (size_t i = 0; i < length; i += 64)
		c->sum = (c->sum ^ (unsigned char)value[i]) * UINT64_C(0x100000001b3);
	return fgets(line, sizeof(line), stream) != NULL && strcmp(line, "END\r\n") == 0;
}

/* The whole load; false where the server answered wrongly or not at all. */
static bool
cache_load(struct cache *c, uint32_t rounds, double *seconds)
{
	double start = cache_now_us();

	c->latencies_us = text_alloc(2 * (size_t)rounds, sizeof(*c->latencies_us));
	for (uint32_t round = 1; round <= rounds && !launch_interrupted(); round++) {
		FILE *stream = cache_connection(c, round);
		double before = cache_now_us();

		if (stream == NULL || !cache_set(c, stream, round))
			return false;
		double between = cache_now_us();

		if (!cache_get(c, stream, round))
			return false;
		c->latencies_us[c->n++] = between - before;
		c->latencies_us[c->n++] = cache_now_us() - between;
	}
	*seconds = (cache_now_us() - start) / 1e6;
	return c->n > 0;
}

/* Waits until the server takes connections. */
static bool
cache_wait(struct cache *c)
{
	const struct timespec step = {.tv_nsec = START_STEP_MS * 1000000};

	for (int i = 0; i < START_STEPS; i++) {
		if (launch_interrupted() || !launch_alive(&c->child))
			return false;
		c->connections[0] = redis_connect(c->port);
		if (c->connections[0] != NULL)
			return true;
		nanosleep(&step, NULL);
	}
	return false;
}

/* Ends the server in one way or the other and takes its usage. */
static bool
cache_end(struct cache *c, struct usage *u)
{
	if (c->connections[0] == NULL || launch_interrupted()) {
		launch_stop(&c->child);
	} else {
		fseek(c->connections[0], 0, SEEK_CUR);
		fputs("shutdown\r\n", c->connections[0]);
	}
	for (size_t i = 0; i < CONNECTIONS; i++)
		if (c->connections[i] != NULL)
			fclose(c->connections[i]);
	memset(c->connections, 0, sizeof(c->connections));
	return launch_wait(&c->child, u);
}

static bool
cache_start(const struct job *job, const char *program, struct cache *c, struct run *run)
{
	struct run_environment vars;

	for (int i = 0; i < TRIES; i++) {
		char port[16];
		/* It wants to be told when it is to run as root. */
		const char *argv[] = {program, "-l", "127.0.0.1", "-p", port, "-U", "0", "-A", "-t",
			"2", "-m", "64", geteuid() == 0 ? "-u" : NULL, "root", NULL};
		struct launch l = places_launch(job->places, argv, job->limit_s);

		c->port = redis_free_port();
		snprintf(port, sizeof(port), "%d", c->port);
		run_environment(job, false, &l, &vars);
		bool launched = launch_start(&l, &c->child);

		run_environment_free(&vars);
		if (launched && cache_wait(c))
			return true;
		launched = launched && cache_end(c, &run->usage);
		if (run_judge_end(job, launched, run))
			run_fail(run, RUN_EXIT, "memcached ended at once");
		if (run->status != RUN_EXIT)
			return false;
	}
	return false;
}

static void
cache_measure(const struct job *job, struct cache *c, uint32_t rounds, struct run *run)
{
	char why[160];
	double seconds = 0;

	if (!proof_process(c->child.pid, job->allocator->path, why, sizeof(why))) {
		run_fail(run, RUN_PROOF, "%s", why);
		return;
	}
	if (!cache_load(c, rounds, &seconds)) {
		run_fail(run, RUN_CHECKSUM, "the server did not give back what was stored");
		return;
	}
	double peak_kb = app_peak_kb(c->child.pid);

	gsl_sort(c->latencies_us, 1, c->n);
	snprintf(run->result, sizeof(run->result),
		"workload=memcached threads=1 ops_per_s=%.0f checksum=%016" PRIx64
		" p50_us=%.1f p99_us=%.1f p999_us=%.1f vmhwm_kb=%.0f",
		(double)c->n / seconds, c->sum,
		gsl_stats_quantile_from_sorted_data(c->latencies_us, 1, c->n, 0.5),
		gsl_stats_quantile_from_sorted_data(c->latencies_us, 1, c->n, 0.99),
		gsl_stats_quantile_from_sorted_data(c->latencies_us, 1, c->n, 0.999), peak_kb);
	run_judge_result(run);
}

void
memcached_run(const struct job *job, struct run *run)
{
	struct workload_command command;
	char *program = places_program("memcached");
	struct cache *c = text_alloc(1, sizeof(*c));

	c->sum = UINT64_C(0xcbf29ce484222325);
	workload_command(job->workload, program, job, &command);
	if (program == NULL) {
		run_fail(run, RUN_EXIT, "memcached is gone");
	} else if (cache_start(job, program, c, run)) {
		struct run measured = *run, end;
		pid_t pid = c->child.pid;

		/* What went wrong with an earlier port is over. */
		measured.status = RUN_OK;
		measured.detail[0] = '\0';
		cache_measure(job, c, (uint32_t)atol(command.argv[1]), &measured);
		bool ended = cache_end(c, &measured.usage);

		*run = end = measured;
		/* How the server itself ended explains more than what its client then saw. */
		if (!run_judge_end(job, ended, &end))
			*run = end;
		else if (run->status == RUN_OK)
			run_judge_bindings(job, pid, NULL, run);
	}
	free(c->latencies_us);
	free(c);
	free(program);
}
