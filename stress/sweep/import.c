/* SPDX-License-Identifier: MIT
 * stress/sweep/import.c - reads what mimalloc-bench's bench.sh leaves behind.
 *
 * It knows neither checksums nor the rate of its tests, so that the elapsed time is compared.
 * Elapsed is in seconds, minutes:seconds or hours:minutes:seconds, as GNU time prints it; rss in
 * KiB; faults are major, reclaims minor page faults. */
#include "stress/sweep/import.h"
#include "stress/sweep/document.h"
#include "stress/sweep/text.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TEST, ALLOCATOR, ELAPSED, RSS, USER, SYS, FAULTS, RECLAIMS, FIELDS };

/* Tests that are programs in their own right, by how their names begin. */
static const char *const applications[] = {
	"gs", "lua", "z3", "redis", "rocksdb", "lean", "rbstress", "spec", "linux", "gcc"};
/* What the base is, the first that is there: mimalloc by the names it has there, then glibc. */
static const char *const bases[] = {"mi", "mi2", "mimalloc", "mi3", "sys", "glibc"};
/* How the names of hakmem's variants begin. */
static const char *const variants[] = {"hakmem", "tls-", "lock-", "rseq-"};

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static bool
import_begins(const char *name, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strncmp(name, list[i], strlen(list[i])) == 0)
			return true;
	return false;
}

/* A time as GNU time prints it, in seconds; NaN where it is none. */
static double
import_seconds(const char *text)
{
	double seconds = 0;

	for (;;) {
		char *end;
		double part = strtod(text, &end);

		if (end == text || part < 0 || !isfinite(part))
			return NAN;
		seconds = seconds * 60 + part;
		if (*end == '\0')
			return seconds;
		if (*end != ':')
			return NAN;
		text = end + 1;
	}
}

/* Adds {name, ...} to the array unless it has one of that name; returns it. */
static json_t *
import_named(json_t *array, const char *name)
{
	json_t *item;
	size_t i;

	json_array_foreach(array, i, item)
	{
		if (strcmp(json_string_value(json_object_get(item, "name")), name) == 0)
			return item;
	}
	item = json_pack("{s:o}", "name", document_string(name));
	json_array_append_new(array, item);
	return item;
}

/* Whether the N in the name, at its end or before a hyphen, stands for the threads. */
static bool
import_threaded(const char *test)
{
	const char *n = strrchr(test, 'N');

	return n != NULL && n != test && (n[1] == '\0' || n[1] == '-');
}

static int
import_round(const json_t *runs, const char *test, const char *allocator)
{
	int round = 1;
	json_t *run;
	size_t i;

	json_array_foreach(runs, i, run)
	{
		round += strcmp(json_string_value(json_object_get(run, "workload")), test) == 0 &&
			 strcmp(json_string_value(json_object_get(run, "allocator")), allocator) ==
				 0;
	}
	return round;
}

/* Cuts the line at commas and blanks in place; the number of fields. */
static size_t
import_cut(char *line, char *fields[FIELDS])
{
	size_t n = 0;

	for (char *word; (word = strsep(&line, ", \t\r")) != NULL;)
		if (*word != '\0' && n < FIELDS)
			fields[n++] = word;
	return n;
}

static bool
import_line(char *line, int threads, json_t *workloads, json_t *allocators, json_t *runs)
{
	char *fields[FIELDS];
	double numbers[FIELDS] = {0};

	if (import_cut(line, fields) != FIELDS)
		return false;
	for (int i = ELAPSED; i < FIELDS; i++) {
		numbers[i] = import_seconds(fields[i]);
		if (isnan(numbers[i]))
			return false;
	}
	bool threaded = import_threaded(fields[TEST]);
	json_t *workload = import_named(workloads, fields[TEST]);
	json_t *allocator = import_named(allocators, fields[ALLOCATOR]);

	json_object_set_new(workload, "threaded", json_boolean(threaded));
	json_object_set_new(workload, "application",
		json_boolean(import_begins(fields[TEST], applications, COUNT(applications))));
	json_object_set_new(allocator, "hakmem",
		json_boolean(import_begins(fields[ALLOCATOR], variants, COUNT(variants))));
	int round = import_round(runs, fields[TEST], fields[ALLOCATOR]);

	/* A time below GNU time's resolution is no measurement. */
	if (!(numbers[ELAPSED] > 0))
		return true;
	json_array_append_new(runs,
		json_pack("{s:i, s:o, s:i, s:o, s:i, s:s, s:f, s:f, s:f, s:f, s:f, s:f, s:f}",
			"machine", 0, "workload", document_string(fields[TEST]), "threads",
			threaded ? threads : 1, "allocator", document_string(fields[ALLOCATOR]),
			"round", round, "status", "ok", "time", numbers[ELAPSED], "wall_s",
			numbers[ELAPSED], "rss_kb", numbers[RSS], "user_s", numbers[USER], "sys_s",
			numbers[SYS], "majflt", numbers[FAULTS], "minflt", numbers[RECLAIMS]));
	return true;
}

static const char *
import_base(const json_t *allocators)
{
	json_t *item;
	size_t i;

	for (size_t k = 0; k < COUNT(bases); k++) {
		json_array_foreach(allocators, i, item)
		{
			if (strcmp(json_string_value(json_object_get(item, "name")), bases[k]) == 0)
				return bases[k];
		}
	}
	return json_string_value(json_object_get(json_array_get(allocators, 0), "name"));
}

/* The kernel's own words for what the machine is. */
static json_t *
import_environment(void)
{
	char *version = text_read("/proc/version");
	json_t *environment = json_pack("{s:s}", "source", "mimalloc-bench");

	if (version != NULL) {
		version[strcspn(version, "\n")] = '\0';
		json_object_set_new(environment, "kernel", document_string(version));
	}
	free(version);
	return environment;
}

json_t *
import_mimalloc_bench(const char *path, int threads)
{
	char *text = text_read(path), host[256] = "";
	json_t *workloads = json_array(), *allocators = json_array(), *runs = json_array();
	int number = 0, bad = text == NULL;

	for (char *rest = text, *line; !bad && (line = strsep(&rest, "\n")) != NULL;) {
		number++;
		if (line[strspn(line, " \t\r")] == '\0' || *line == '#')
			continue;
		if (!import_line(line, threads, workloads, allocators, runs))
			bad = number;
	}
	if (text == NULL)
		fprintf(stderr, "hakmem-sweep: %s: %s\n", path, strerror(errno));
	else if (bad)
		fprintf(stderr,
			"hakmem-sweep: %s, line %d: not the eight fields test, allocator, elapsed, "
			"rss, user, sys, faults and reclaims\n",
			path, bad);
	else if (json_array_size(runs) == 0)
		fprintf(stderr, "hakmem-sweep: %s holds no result\n", path);
	free(text);
	gethostname(host, sizeof(host) - 1);
	json_t *machine = json_pack("{s:o, s:o, s:{}, s:o, s:o}", "name", document_string(host),
		"environment", import_environment(), "plan", "workloads", workloads, "allocators",
		allocators);

	if (bad || json_array_size(runs) == 0) {
		json_decref(machine);
		json_decref(runs);
		return NULL;
	}
	json_t *document = document_new(import_base(allocators));

	json_array_append_new(json_object_get(document, "machines"), machine);
	json_object_set_new(document, "runs", runs);
	return document;
}
