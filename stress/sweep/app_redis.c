/* SPDX-License-Identifier: MIT
 * stress/sweep/app_redis.c - redis-server under the allocator, loaded by redis-benchmark.
 *
 * Source: Redis 7's own benchmark: SET, GET, INCR, LPUSH, LPOP, HSET and ZADD as it has them, HGET
 * and ZRANGE as commands of the same form; 50 connections, random keys. The workload's arguments
 * are REQUESTS of each, the SIZE of a value in bytes, how many requests are in a PIPELINE, and
 * where there is a fourth, how many THREADS the client has and the server for its input and output.
 * The server listens on a free port of 127.0.0.1 only, keeps nothing on disk and is always ended:
 * by SHUTDOWN, else by its launcher, which also kills it when the sweep itself dies.
 *
 * What is verified: values of all sizes up to 4 KB that are stored before the load and read back
 * after it are the checksum, and LPUSH and LPOP have to cancel out. Debian's server links jemalloc;
 * the preload stands before it in the search order, for glibc the C library itself is preloaded.
 *
 * A client with threads looks only every 250 ms whether it is done, which makes its own rates too
 * coarse. Since it always has as many requests under way, its rate there is their number divided by
 * their mean latency.
 *
 * The result line has rates and latencies of each command, p50_us= and so on as the means of these,
 * the server's own figures of memory, and the peak RSS from /proc/PID/status. */
#include "stress/sweep/allocators.h"
#include "stress/sweep/app.h"
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
	CLIENTS = 50,
	KEPT = 200,     /* values stored before the load */
	KEPT_STEP = 20, /* the n-th is n times as long */
	REPLY_SIZE = 16384,
	TRIES = 3, /* ports to try */
	START_LIMIT_S = 20,
	START_STEP_MS = 20,
	MAX_BYTES = 200 * 1000 * 1000, /* of the values under all keys */
};

static const char *const redis_tests[] = {
	"SET", "GET", "INCR", "LPUSH", "LPOP", "HSET", "HGET", "ZADD", "ZRANGE"};
/* As redis-benchmark's -t takes them; the others are commands of their own. */
static const char redis_built_in[] = "set,get,incr,lpush,lpop,hset,zadd";

enum { NTESTS = sizeof(redis_tests) / sizeof(redis_tests[0]), MAX_COMMAND = 4 };

static const char *const redis_commands[][MAX_COMMAND + 1] = {
	{"HGET", "myhash", "element:__rand_int__", NULL}, {"ZRANGE", "myzset", "0", "9", NULL}};

enum { NCOMMANDS = sizeof(redis_commands) / sizeof(redis_commands[0]) };

/* What the workload's arguments ask for. */
struct load {
	const char *requests, *size, *pipeline;
	const char *threads; /* of server and client; NULL: one */
};

/* Of one command, in microseconds. */
struct latency {
	double mean, p50, p99, p999;
};

struct server {
	struct child child;
	FILE *stream;
	int port;
	char reply[REPLY_SIZE];
};

bool
redis_available(void)
{
	return app_has("redis", "redis-server", "redis-server") &&
	       app_has("redis", "redis-benchmark", "redis-tools");
}

/* The part of the text that tells of a command, or NULL. */
static const char *
redis_section(const char *text, const char *name)
{
	static const char rule[] = "====== ";
	size_t length = strlen(name);

	while ((text = strstr(text, rule)) != NULL) {
		text += strlen(rule);
		if (strncmp(text, name, length) == 0 && text[length] == ' ')
			return text;
	}
	return NULL;
}

/* p99.9 from the distribution, whose lines are "99.902% <= 0.207 milliseconds ...". */
static double
redis_p999_us(const char *section)
{
	const char *line = strstr(section, "percentile distribution:\n");

	while (line != NULL && (line = strchr(line, '\n')) != NULL) {
		char *end;
		double percent = strtod(++line, &end);

		if (end == line)
			return 0;
		if (percent >= 99.9)
			return strtod(end + strcspn(end, "0123456789"), NULL) * 1000;
	}
	return 0;
}

/* The rate of one command and its latencies; 0 where the text does not tell. */
static double
redis_parse_one(const char *text, const char *name, struct latency *l)
{
	static const char throughput[] = "throughput summary: ";
	const char *section = redis_section(text, name);
	const char *rate = section != NULL ? strstr(section, throughput) : NULL;
	/* The line of figures follows the one that ends with "max". */
	const char *figures = rate != NULL ? strstr(rate, " max\n") : NULL;

	*l = (struct latency){0};
	if (figures != NULL && sscanf(figures + strlen(" max\n"), "%lf %*f %lf %*f %lf", &l->mean,
				       &l->p50, &l->p99) == 3) {
		l->mean *= 1000;
		l->p50 *= 1000;
		l->p99 *= 1000;
		l->p999 = redis_p999_us(section);
	}
	return rate != NULL ? strtod(rate + strlen(throughput), NULL) : 0;
}

double
redis_parse(const char *text, double under_way, char *out, size_t size)
{
	double seconds_per_request = 0;
	struct latency mean = {0};
	size_t used = 0;

	for (size_t i = 0; i < NTESTS; i++) {
		struct latency l;
		double rate = redis_parse_one(text, redis_tests[i], &l);
		char name[16];

		if (under_way > 0)
			rate = l.mean > 0 ? under_way / l.mean * 1e6 : 0;
		if (!(rate > 0))
			return 0;
		seconds_per_request += 1 / rate;
		mean.p50 += l.p50 / NTESTS;
		mean.p99 += l.p99 / NTESTS;
		mean.p999 += l.p999 / NTESTS;
		snprintf(name, sizeof(name), "%s", redis_tests[i]);
		for (char *p = name; *p != '\0'; p++)
			*p = (char)tolower((unsigned char)*p);
		if (used < size)
			used += (size_t)snprintf(out + used, size - used,
				" %s=%.0f %s_p50_us=%.0f %s_p99_us=%.0f %s_p999_us=%.0f", name,
				rate, name, l.p50, name, l.p99, name, l.p999);
	}
	if (used < size)
		snprintf(out + used, size - used, " p50_us=%.0f p99_us=%.0f p999_us=%.0f", mean.p50,
			mean.p99, mean.p999);
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
redis_start(const struct job *job, const char *program, const struct load *load, struct server *s,
	struct run *run)
{
	struct run_environment vars;

	for (int i = 0; i < TRIES; i++) {
		char port[16];
		const char *const command[] = {program, "--port", port, "--bind", "127.0.0.1",
			"--save", "", "--appendonly", "no", "--dir", job->places->temp,
			"--daemonize", "no", "--io-threads",
			load->threads != NULL ? load->threads : "1", "--io-threads-do-reads",
			load->threads != NULL ? "yes" : "no", NULL};
		const char *argv[LAUNCH_ARG_MAX] = {NULL};
		size_t n = 0;

		for (const char *const *p = job->wrapper; p != NULL && *p != NULL; p++)
			argv[n++] = *p;
		for (const char *const *p = command; *p != NULL; p++)
			argv[n++] = *p;
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

/* Runs redis-benchmark once, with its own tests where `command` is NULL, and appends what it
 * printed to *text; false with a failure. */
static bool
redis_benchmark(const struct job *job, const struct server *s, const struct load *load,
	const char *const *command, char **text, struct run *run)
{
	char port[16], keys[32], clients[16];
	char *program = places_program("redis-benchmark");
	char *out = text_format("%s/load", job->places->temp);
	const char *argv[LAUNCH_ARG_MAX] = {program, "-h", "127.0.0.1", "-p", port, "-n",
		load->requests, "-r", keys, "-c", clients, "-P", load->pipeline, "-d", load->size};
	struct launch l = places_launch(job->places, argv, job->limit_s);
	struct usage u = {0};
	long room = atol(load->size) > 0 ? MAX_BYTES / atol(load->size) : MAX_BYTES;
	long most = atol(load->requests) < room ? atol(load->requests) : room;
	size_t n = 0;

	while (argv[n] != NULL)
		n++;
	if (load->threads != NULL) {
		argv[n++] = "--threads";
		argv[n++] = load->threads;
	}
	if (command == NULL) {
		argv[n++] = "-t";
		argv[n++] = redis_built_in;
	} else {
		while (*command != NULL)
			argv[n++] = *command++;
	}
	snprintf(port, sizeof(port), "%d", s->port);
	snprintf(keys, sizeof(keys), "%ld", most);
	snprintf(clients, sizeof(clients), "%d", CLIENTS);
	l.out = l.err = out;
	bool ok = launch_run(&l, &u) && u.exit_code == 0;
	char *printed = ok ? text_read(out) : NULL;

	if (u.timed_out)
		run_fail(run, RUN_TIMEOUT, "redis-benchmark was killed after %.0f s", job->limit_s);
	else if (!ok)
		run_fail(run, RUN_RESULT, "redis-benchmark failed (exit status %d)", u.exit_code);
	if (printed != NULL) {
		char *longer = text_format("%s%s", *text, printed);

		free(*text);
		*text = longer;
	}
	free(printed);
	free(out);
	free(program);
	return ok;
}

/* Runs the whole load; the requests per second, 0 and a failure where it did not work. */
static double
redis_load(const struct job *job, const struct server *s, const struct load *load, struct run *run,
	char *rates, size_t size)
{
	char *text = text_format("%s", "");
	bool ok = redis_benchmark(job, s, load, NULL, &text, run);
	double rate = 0, under_way = load->threads != NULL ? CLIENTS * atof(load->pipeline) : 0;

	for (size_t i = 0; ok && i < NCOMMANDS; i++)
		ok = redis_benchmark(job, s, load, redis_commands[i], &text, run);
	if (ok) {
		rate = redis_parse(text, under_way, rates, size);
		if (!(rate > 0))
			run_fail(run, RUN_RESULT, "redis-benchmark told no rates");
	}
	free(text);
	return rate;
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
redis_measure(const struct job *job, struct server *s, const struct load *load, struct run *run,
	double *peak_kb)
{
	char rates[1600] = "", why[160], used[32], rss[32], ratio[32];
	uint64_t sum = 0;

	if (!proof_process(s->child.pid, job->allocator->path, why, sizeof(why))) {
		run_fail(run, RUN_PROOF, "%s", why);
		return;
	}
	if (!redis_store(s)) {
		run_fail(run, RUN_RESULT, "the server did not take the values to be kept");
		return;
	}
	double rate = redis_load(job, s, load, run, rates, sizeof(rates));

	*peak_kb = app_peak_kb(s->child.pid);
	if (!(rate > 0))
		return;
	if (!redis_command(s->stream, s->reply, sizeof(s->reply), "LLEN mylist") ||
		strcmp(s->reply, "0") != 0 || !redis_checksum(s, &sum)) {
		run_fail(run, RUN_CHECKSUM, "the server lost values that it had stored");
		return;
	}
	if (!redis_command(s->stream, s->reply, sizeof(s->reply), "INFO memory"))
		s->reply[0] = '\0';
	snprintf(run->result, sizeof(run->result),
		"workload=%s threads=%s ops_per_s=%.0f checksum=%016" PRIx64
		"%s used_memory=%s used_memory_rss=%s mem_fragmentation_ratio=%s vmhwm_kb=%.0f",
		job->workload->name, load->threads != NULL ? load->threads : "1", rate, sum, rates,
		redis_info(s->reply, "used_memory:", used, sizeof(used)),
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
	const struct load load = {
		command.argv[1], command.argv[2], command.argv[3], command.argv[4]};

	if (program != NULL && redis_start(job, program, &load, &s, run)) {
		struct run measured = *run;

		measured.status = RUN_OK;
		measured.detail[0] = '\0';
		redis_measure(job, &s, &load, &measured, &peak_kb);
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
