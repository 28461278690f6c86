/* SPDX-License-Identifier: MIT
 * stress/sweep/app_rocksdb.c - RocksDB's db_bench: fillrandom, readrandom, readwhilewriting.
 *
 * Source: db_bench of Debian's rocksdb-tools, with its own sizes (keys of 16 bytes, values of 100).
 * The workload's argument is the number of keys, and of operations of each test. The database is in
 * the sweep's temporary directory; nothing is compressed, so that the allocator's share is larger.
 *
 * The result line has the rate and latencies of each test, and p50_us= and so on as the means of
 * these. The checksum is the number of keys that readrandom found, which the seed decides. */
#include "stress/sweep/app.h"
#include "stress/sweep/places.h"
#include "stress/sweep/text.h"
#include "stress/sweep/workloads.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const rocksdb_tests[] = {"fillrandom", "readrandom", "readwhilewriting"};

enum { NTESTS = sizeof(rocksdb_tests) / sizeof(rocksdb_tests[0]) };

bool
rocksdb_available(void)
{
	return app_has("rocksdb", "db_bench", "rocksdb-tools");
}

/* The line "NAME : X micros/op ...", which may follow the carriage returns of the progress. */
static const char *
rocksdb_section(const char *text, const char *name)
{
	size_t length = strlen(name);

	for (; (text = strstr(text, name)) != NULL; text += length) {
		const char *rest = text + length + strspn(text + length, " ");

		if (rest[0] == ':' && strstr(rest, "micros/op") != NULL)
			return rest;
	}
	return NULL;
}

/* The number before a word in the line, 0 where it is not there. */
static double
rocksdb_before(const char *line, const char *word)
{
	const char *end = line + strcspn(line, "\n"), *at = strstr(line, word);

	if (at == NULL || at > end)
		return 0;
	while (at > line && at[-1] == ' ')
		at--;
	while (at > line && strchr("0123456789.", at[-1]) != NULL)
		at--;
	return strtod(at, NULL);
}

/* The number after a word in the section, 0 where it is not there. */
static double
rocksdb_after(const char *section, const char *word)
{
	const char *at = strstr(section, word);

	return at != NULL ? strtod(at + strlen(word), NULL) : 0;
}

double
rocksdb_parse(const char *text, char *out, size_t size, char *checksum, size_t room)
{
	static const char *const percentiles[] = {"P50: ", "P99: ", "P99.9: "};
	double seconds_per_operation = 0, means[3] = {0};
	size_t used = 0;

	checksum[0] = '\0';
	for (size_t i = 0; i < NTESTS; i++) {
		const char *section = rocksdb_section(text, rocksdb_tests[i]);
		double rate = section != NULL ? rocksdb_before(section, "ops/sec") : 0;
		double values[3];

		if (!(rate > 0))
			return 0;
		if (i == 1)
			snprintf(checksum, room, "%.0f", rocksdb_after(section, " ("));
		for (size_t k = 0; k < 3; k++) {
			values[k] = rocksdb_after(section, percentiles[k]);
			means[k] += values[k] / NTESTS;
		}
		seconds_per_operation += 1 / rate;
		if (used < size)
			used += (size_t)snprintf(out + used, size - used,
				" %s=%.0f %s_p50_us=%.2f %s_p99_us=%.2f %s_p999_us=%.2f",
				rocksdb_tests[i], rate, rocksdb_tests[i], values[0],
				rocksdb_tests[i], values[1], rocksdb_tests[i], values[2]);
	}
	if (used < size)
		snprintf(out + used, size - used, " p50_us=%.2f p99_us=%.2f p999_us=%.2f", means[0],
			means[1], means[2]);
	return NTESTS / seconds_per_operation;
}

static void
rocksdb_result(const char *text, struct run *run)
{
	char rates[1024] = "", checksum[32];
	double rate = rocksdb_parse(text, rates, sizeof(rates), checksum, sizeof(checksum));

	if (!(rate > 0) || checksum[0] == '\0') {
		run_fail(run, RUN_RESULT, "db_bench told no rates");
		return;
	}
	snprintf(run->result, sizeof(run->result),
		"workload=rocksdb threads=1 ops_per_s=%.0f checksum=%s%s", rate, checksum, rates);
	run_judge_result(run);
}

void
rocksdb_run(const struct job *job, struct run *run)
{
	struct workload_command command;
	char *program = places_program("db_bench");

	workload_command(job->workload, program, job, &command);
	char *number = text_format("--num=%s", command.argv[1]);
	char *database = text_format("--db=%s/rocksdb", job->places->temp);
	const char *argv[] = {program, "--benchmarks=fillrandom,readrandom,readwhilewriting",
		number, database, "--seed=1", "--threads=1", "--compression_type=none",
		"--histogram=1", NULL};

	if (program == NULL) {
		run_fail(run, RUN_EXIT, "db_bench is gone");
	} else {
		char *text = app_output(job, argv, NULL, run);

		if (text != NULL)
			rocksdb_result(text, run);
		free(text);
	}
	free(database);
	free(number);
	free(program);
}
