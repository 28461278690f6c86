/* SPDX-License-Identifier: MIT
 * stress/sweep/redis.c - redis-server under the allocator, loaded by redis-benchmark.
 *
 * Source: Redis 7's own benchmark, SET, GET, LPUSH, HSET and ZADD, 50 connections, 16 requests in a
 * pipeline, values of 256 bytes, random keys. The server listens on a free port of 127.0.0.1 only,
 * keeps nothing on disk and is always ended: by SHUTDOWN, else by its launcher, which also kills it
 * when the sweep itself dies.
 *
 * What is verified: values of all sizes up to 4 KB that are stored before the load and read back
 * after it are the checksum, and LPUSH's list has to be complete. Debian's server links jemalloc;
 * the preload stands before it in the search order, for glibc the C library itself is preloaded.
 *
 * The result line has the rates, the server's own figures of memory, and the peak RSS from
 * /proc/PID/status. */
#include "stress/sweep/redis.h"
#include "stress/sweep/allocators.h"
#include "stress/sweep/places.h"
#include "stress/sweep/proof.h"
#include "stress/sweep/redis_client.h"
#include "stress/sweep/text.h"
#include "stress/sweep/workloads.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	KEPT = 200,     /* values stored before the load */
	KEPT_STEP = 20, /* the n-th is n times as long */
	REPLY_SIZE = 16384,
	TRIES = 3, /* ports to try */
	START_LIMIT_S = 20,
	START_STEP_MS = 20,
	MAX_KEYS = 200000,
};

static const char *const redis_tests[] = {"SET", "GET", "LPUSH", "HSET", "ZADD"};

enum { NTESTS = sizeof(redis_tests) / sizeof(redis_tests[0]) };

struct server {
	struct child child;
	FILE *stream;
	int port;
	char reply[REPLY_SIZE];
};

bool
redis_available(void)
{
	static const struct {
		const char *program, *package;
	} needed[] = {{"redis-server", "redis-server"}, {"redis-benchmark", "redis-tools"}};

	for (size_t i = 0; i < 2; i++) {
		char *path = places_program(needed[i].program);

		if (path == NULL) {
			fprintf(stderr,
				"hakmem-sweep: redis is left out: no %s; apt-get install %s\n",
				needed[i].program, needed[i].package);
			return false;
		}
		free(path);
	}
	return true;
}

double
redis_parse(const char *csv, char *out, size_t size)
{
	double seconds_per_request = 0;
	size_t used = 0;

	for (size_t i = 0; i < NTESTS; i++) {
		char *quoted = text_format("\"%s\"", redis_tests[i]), field[64];
		const char *line = strstr(csv, quoted);
		double rate = 0;

		if (line != NULL && text_csv_get(line, 1, field, sizeof(field)))
			rate = strtod(field, NULL);
		free(quoted);
		if (!(rate > 0))
			return 0;
		seconds_per_request += 1 / rate;
		if (used < size)
			used += (size_t)snprintf(
				out + used, size - used, " %s=%.0f", redis_tests[i], rate);
	}
	for (char *p = out; *p != '\0'; p++)
		*p = (char)tolower((unsigned char)*p);
	return NTESTS / seconds_per_request;
}

/* Waits until the server that was started (and no other on that port) answers. */
static bool
redis_wait(struct server *s)
{
	struct timespec step = {.tv_nsec = START_STEP_MS * 1000000};

	for (int i = 0; i < START_LIMIT_S * 1000 / START_STEP_MS; i++) {
		if (launch_interrupted() || !launch_alive(&s->child))
			return false;
		s->stream = redis_connect(s->port);
		if (s->stream != NULL) {
			char *field;

			if (redis_command(s->stream, s->reply, sizeof(s->reply), "INFO server") &&
				(field = strstr(s->reply, "process_id:")) != NULL &&
				atoi(field + strlen("process_id:")) == s->child.pid)
				return true;
			fclose(s->stream);
			s->stream = NULL;
		}
		nanosleep(&step, NULL);
	}
	return false;
}

/* Ends the server in one way or the other and takes its usage. */
static bool
redis_end(struct server *s, struct usage *u)
{
	/* SHUTDOWN has no reply: the connection closes. Where it cannot be asked, it is killed. */
	if (s->stream == NULL || launch_interrupted())
		launch_stop(&s->child);
	else
		redis_command(s->stream, s->reply, sizeof(s->reply), "SHUTDOWN NOSAVE");
	if (s->stream != NULL)
		fclose(s->stream);
	s->stream = NULL;
	return launch_wait(&s->child, u);
}

static bool
redis_start(const struct job *job, const char *program, struct server *s, struct run *run)
{
	struct run_environment vars;

	for (int i = 0; i < TRIES; i++) {
		char port[16];
		const char *argv[] = {program, "--port", port, "--bind", "127.0.0.1", "--save", "",
			"--appendonly", "no", "--dir", job->places->temp, "--daemonize", "no",
			NULL};
		struct launch l = places_launch(job->places, argv, job->limit_s);

		s->port = redis_free_port();
		snprintf(port, sizeof(port), "%d", s->port);
		run_environment(job, true, &l, &vars);
		bool launched = launch_start(&l, &s->child);

		run_environment_free(&vars);
		if (launched && redis_wait(s))
			return true;
		/* A server that exited by itself may have lost the port to another process. */
		launched = launched && redis_end(s, &run->usage);
		if (run_judge_end(job, launched, run))
			run_fail(run, RUN_EXIT, "redis-server ended at once");
		if (run->status != RUN_EXIT)
			return false;
	}
	return false;
}

static char
redis_letter(int n, int i)
{
	return (char)('a' + (n * 7 + i * 31 + i / 26) % 26);
}

static bool
redis_store(struct server *s)
{
	char value[KEPT * KEPT_STEP + 1];

	for (int n = 1; n <= KEPT; n++) {
		for (int i = 0; i < n * KEPT_STEP; i++)
			value[i] = redis_letter(n, i);
		value[n * KEPT_STEP] = '\0';
		if (!redis_command(
			    s->stream, s->reply, sizeof(s->reply), "SET kept:%d %s", n, value))
			return false;
	}
	return true;
}

/* FNV-1a over the values as they come back. */
static bool
redis_checksum(struct server *s, uint64_t *sum)
{
	*sum = 0xcbf29ce484222325u;
	for (int n = 1; n <= KEPT; n++) {
		if (!redis_command(s->stream, s->reply, sizeof(s->reply), "GET kept:%d", n))
			return false;
		for (const char *p = s->reply; *p != '\0'; p++)
			*sum = (*sum ^ (unsigned char)*p) * 0x100000001b3u;
	}
	return true;
}

/* Runs the benchmark; the requests per second, 0 and a failure where it did not work. */
static double
redis_load(const struct job *job, const struct server *s, long requests, struct run *run,
	char *rates, size_t size)
{
	char port[16], count[32], keys[32];
	char *program = places_program("redis-benchmark");
	char *out = text_format("%s/load", job->places->temp);
	const char *argv[] = {program, "-h", "127.0.0.1", "-p", port, "-n", count, "-r", keys, "-c",
		"50", "-P", "16", "-d", "256", "-t", "set,get,lpush,hset,zadd", "--csv", NULL};
	struct launch l = places_launch(job->places, argv, job->limit_s);
	struct usage u;
	double rate = 0;

	snprintf(port, sizeof(port), "%d", s->port);
	snprintf(count, sizeof(count), "%ld", requests);
	snprintf(keys, sizeof(keys), "%ld", requests < MAX_KEYS ? requests : MAX_KEYS);
	l.out = l.err = out;
	if (launch_run(&l, &u) && u.exit_code == 0) {
		char *csv = text_read(out);

		rate = csv != NULL ? redis_parse(csv, rates, size) : 0;
		free(csv);
	}
	if (u.timed_out)
		run_fail(run, RUN_TIMEOUT, "redis-benchmark was killed after %.0f s", job->limit_s);
	else if (!(rate > 0))
		run_fail(run, RUN_RESULT, "redis-benchmark gave no rates (exit status %d)",
			u.exit_code);
	free(out);
	free(program);
	return rate;
}

static double
redis_peak_kb(pid_t pid)
{
	char *path = text_format("/proc/%d/status", (int)pid), *status = text_read(path);
	const char *field = status != NULL ? strstr(status, "VmHWM:") : NULL;
	double kb = field != NULL ? strtod(field + strlen("VmHWM:"), NULL) : 0;

	free(status);
	free(path);
	return kb;
}

static const char *
redis_info(const char *info, const char *field, char *out, size_t size)
{
	const char *at = strstr(info, field);

	if (at == NULL)
		return "";
	at += strlen(field);
	snprintf(out, size, "%.*s", (int)strcspn(at, "\r\n"), at);
	return out;
}

/* Everything between the server's start and its end; the peak RSS comes back in *peak_kb. */
static void
redis_measure(
	const struct job *job, struct server *s, long requests, struct run *run, double *peak_kb)
{
	char rates[160] = "", why[160], used[32], rss[32], ratio[32];
	uint64_t sum = 0;

	if (!proof_process(s->child.pid, job->allocator->path, why, sizeof(why))) {
		run_fail(run, RUN_PROOF, "%s", why);
		return;
	}
	if (!redis_store(s)) {
		run_fail(run, RUN_RESULT, "the server did not take the values to be kept");
		return;
	}
	double rate = redis_load(job, s, requests, run, rates, sizeof(rates));

	*peak_kb = redis_peak_kb(s->child.pid);
	if (!(rate > 0))
		return;
	if (!redis_command(s->stream, s->reply, sizeof(s->reply), "LLEN mylist") ||
		atol(s->reply) < requests || !redis_checksum(s, &sum)) {
		run_fail(run, RUN_CHECKSUM, "the server lost values that it had stored");
		return;
	}
	if (!redis_command(s->stream, s->reply, sizeof(s->reply), "INFO memory"))
		s->reply[0] = '\0';
	snprintf(run->result, sizeof(run->result),
		"workload=redis threads=1 ops_per_s=%.0f checksum=%016" PRIx64
		"%s used_memory=%s used_memory_rss=%s mem_fragmentation_ratio=%s vmhwm_kb=%.0f",
		rate, sum, rates, redis_info(s->reply, "used_memory:", used, sizeof(used)),
		redis_info(s->reply, "used_memory_rss:", rss, sizeof(rss)),
		redis_info(s->reply, "mem_fragmentation_ratio:", ratio, sizeof(ratio)), *peak_kb);
	run_judge_result(run);
}

void
redis_run(const struct job *job, struct run *run)
{
	struct workload_command command;
	char *program = places_program("redis-server");
	struct server s = {.stream = NULL};
	double peak_kb = 0;

	workload_command(job->workload, program, job, &command);
	if (program != NULL && redis_start(job, program, &s, run)) {
		struct run measured = *run;

		measured.status = RUN_OK;
		measured.detail[0] = '\0';
		redis_measure(job, &s, atol(command.argv[1]), &measured, &peak_kb);
		pid_t pid = s.child.pid;
		bool ended = redis_end(&s, &run->usage);

		measured.usage = run->usage;
		if (peak_kb > 0)
			measured.usage.rss_kb = peak_kb;
		*run = measured;
		struct run end = *run;

		/* How the server itself ended explains more than what its client then saw. */
		if (!run_judge_end(job, ended, &end))
			*run = end;
		else if (run->status == RUN_OK)
			run_judge_bindings(job, pid, program, run);
	}
	free(program);
}
