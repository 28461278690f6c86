/* SPDX-License-Identifier: MIT
 * stress/sweep/machine.c - describes the machine. What is not known is left out. */
#include "stress/sweep/machine.h"
#include "include/hakmem/hakmem.h"
#include "stress/sweep/allocators.h"
#include "stress/sweep/places.h"
#include "stress/sweep/text.h"

#include <gnu/libc-version.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

static void
machine_line(FILE *out, const char *key, const char *value)
{
	if (value == NULL || *value == '\0')
		return;
	fprintf(out, "# %s: ", key);
	text_one_line(out, value);
	putc('\n', out);
}

/* The value after the colon of the first line that starts with `field`, or the first line. */
static void
machine_file(FILE *out, const char *key, const char *path, const char *field)
{
	char *text = text_read(path);
	char *line = text == NULL || field == NULL ? text : strstr(text, field);

	if (line != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (field != NULL) {
			line += strcspn(line, ":");
			line += strspn(line, ": \t");
		}
		machine_line(out, key, line);
	}
	free(text);
}

static void
machine_answer(FILE *out, const char *key, const struct places *p, const char *const *argv)
{
	char *answer = places_ask(p, argv);

	machine_line(out, key, answer);
	free(answer);
}

static char *
machine_package(const struct places *p, const char *package)
{
	const char *const argv[] = {
		"dpkg-query", "-W", "-f", "${Package} ${Version}\\n", package, NULL};

	return places_ask(p, argv);
}

/* Of the applications beside Redis, which tells more of itself. */
static void
machine_packages(FILE *out, const struct places *p)
{
	static const char *const packages[] = {
		"memcached", "rocksdb-tools", "sqlite3", "lua5.4", "ruby", "python3"};

	for (size_t i = 0; i < sizeof(packages) / sizeof(packages[0]); i++) {
		char *version = machine_package(p, packages[i]);
		char *key = text_format("package %s", packages[i]);

		machine_line(out, key, version);
		free(key);
		free(version);
	}
}

uint64_t
machine_digest(const char *path, uint64_t hash)
{
	FILE *file = fopen(path, "re");

	if (file == NULL)
		return hash;
	for (int c; (c = getc_unlocked(file)) != EOF;)
		hash = (hash ^ (unsigned char)c) * 0x100000001b3u;
	fclose(file);
	return hash;
}

static void
machine_allocators(FILE *out, const struct places *p, const struct allocators *list)
{
	for (size_t i = 0; i < list->n; i++) {
		const struct allocator *a = &list->items[i];
		char *package = a->package != NULL ? machine_package(p, a->package) : NULL;
		const char *version = package != NULL ? package
				      : a->is_libc    ? gnu_get_libc_version()
						      : "";
		uint64_t hash =
			a->package == NULL ? machine_digest(a->path, MACHINE_DIGEST_START) : 0;
		char *value = hash != 0
				      ? text_format("%s %s%sdigest %016" PRIx64, allocators_path(a),
						version, *version != '\0' ? " " : "", hash)
				      : text_format("%s %s", allocators_path(a), version);
		char *key = text_format("allocator %s", a->name);

		machine_line(out, key, value);
		free(key);
		free(value);
		free(package);
	}
}

char *
machine_describe(const struct places *p, const struct allocators *list)
{
	static const char *const redis[] = {"redis-server", "--version", NULL};
	char *text = NULL, when[64], cpus[32];
	size_t size;
	FILE *out = open_memstream(&text, &size);
	struct utsname system;
	time_t now = time(NULL);
	struct tm utc;

	if (out == NULL)
		return text_format("%s", "");
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
	snprintf(cpus, sizeof(cpus), "%ld", sysconf(_SC_NPROCESSORS_ONLN));
	machine_line(out, "hakmem", HAKMEM_VERSION);
	if (p->source != NULL) {
		const char *const commit[] = {"git", "-C", p->source, "describe", "--always",
			"--dirty", "--abbrev=12", NULL};

		machine_answer(out, "commit", p, commit);
	}
	machine_line(out, "date", when);
	machine_file(out, "cpu", "/proc/cpuinfo", "model name");
	machine_line(out, "cpus", cpus);
	machine_file(out, "memory", "/proc/meminfo", "MemTotal");
	if (uname(&system) == 0) {
		char *kernel =
			text_format("%s %s %s", system.sysname, system.release, system.machine);

		machine_line(out, "kernel", kernel);
		free(kernel);
	}
	machine_file(out, "debian", "/etc/debian_version", NULL);
	machine_file(out, "thp", "/sys/kernel/mm/transparent_hugepage/enabled", NULL);
	machine_file(
		out, "governor", "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", NULL);
	machine_answer(out, "redis", p, redis);
	machine_packages(out, p);
	machine_allocators(out, p, list);
	fclose(out);
	return text;
}
