/* SPDX-License-Identifier: MIT
 * tests/test_reliability.c - every variant in processes that treat an allocator badly.
 *
 * Runs the programs of tests/reliability, case by case, with each library that HAKMEM_TEST_VARIANTS
 * names (absolute paths with spaces between) preloaded, under a time limit, and judges how they
 * end. A program is told the library's name and ends with an error where malloc isn't that
 * library's. Check's own processes keep the C library's malloc.
 *
 * With RELIABILITY_IDLE set it has the cases that mostly wait for memory to become idle, which make
 * a test of their own beside the others (test_reliability_idle).
 *
 * CK_RUN_CASE=fork and the like run the cases of one program; CK_TIMEOUT_MULTIPLIER stretches the
 * time limits. What a case has to say, and which cases are skipped, is printed. */
#include "check_main.h"
#include "reliability/spawn.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#define NO_CALLS (SPAWN_NO_MADVISE | SPAWN_NO_MREMAP | SPAWN_NO_MEMBARRIER | SPAWN_NO_RSEQ)

enum outcome {
	SUCCEEDS,
	ABORTS,             /* by SIGABRT, after one line that has "hakmem:" in it */
	ABORTS_OR_SUCCEEDS, /* where telling would cost the fast path; never any other end */
};

static const struct spec {
	const char *program;
	const char *name;
	enum outcome outcome;
	unsigned limit_s; /* generous: only what hangs is to meet it, on a slow machine too */
	unsigned limit_as_mib;
	unsigned circumstances;
} specs[] = {
#if !RELIABILITY_IDLE
	{"fork", "load", SUCCEEDS, 300, 0, 0},
	{"fork", "child-threads", SUCCEEDS, 180, 0, 0},
	{"fork", "stdio", SUCCEEDS, 180, 0, 0},
	{"threads", "churn", SUCCEEDS, 300, 0, 0},
	{"threads", "stacks", SUCCEEDS, 180, 0, 0},
	{"threads", "many", SUCCEEDS, 180, 0, 0},
	{"destructors", "keys", SUCCEEDS, 180, 0, 0},
	{"destructors", "thread", SUCCEEDS, 180, 0, 0},
	{"destructors", "exit", SUCCEEDS, 60, 0, 0},
	{"destructors", "exit:1", SUCCEEDS, 60, 0, 0},
	{"dlopen", "alternate", SUCCEEDS, 180, 0, 0},
	{"dlopen", "concurrent", SUCCEEDS, 180, 0, 0},
	{"dlopen", "deepbind", SUCCEEDS, 60, 0, 0},
	{"limits", "exhaust:64", SUCCEEDS, 180, 64, 0},
	{"limits", "exhaust:256", SUCCEEDS, 180, 256, 0},
	{"limits", "threads:64", SUCCEEDS, 60, 64, 0},
	{"limits", "threads:128", SUCCEEDS, 60, 128, 0},
	{"limits", "threads:512", SUCCEEDS, 60, 512, 0},
	{"limits", "threads-after:64", SUCCEEDS, 60, 64, 0},
	{"limits", "threads-after:128", SUCCEEDS, 60, 128, 0},
	{"limits", "threads-after:512", SUCCEEDS, 60, 512, 0},
	{"limits", "within:256", SUCCEEDS, 180, 0, 0},
	{"limits", "within-threads:256", SUCCEEDS, 60, 0, 0},
	{"limits", "first:64", SUCCEEDS, 90, 64, 0},
	{"limits", "first:128", SUCCEEDS, 90, 128, 0},
	{"limits", "first:512", SUCCEEDS, 90, 512, 0},
	{"limits", "overcommit", SUCCEEDS, 60, 0, SPAWN_STRICT_OVERCOMMIT},
	{"enomem", "absurd", SUCCEEDS, 60, 0, 0},
	{"enomem", "limit:64", SUCCEEDS, 60, 64, 0},
	{"enomem", "limit:512", SUCCEEDS, 60, 512, 0},
	{"enomem", "alignment", SUCCEEDS, 60, 0, 0},
	{"mlock", "early", SUCCEEDS, 90, 0, 0},
	{"mlock", "late", SUCCEEDS, 90, 0, 0},
	{"mlock", "limit", SUCCEEDS, 90, 0, 0},
	{"load", "load", SUCCEEDS, 180, 0, 0},
	{"load", "load:1", SUCCEEDS, 180, 0, SPAWN_NO_MADVISE},
	{"load", "load:2", SUCCEEDS, 180, 0, SPAWN_NO_MREMAP},
	{"load", "load:3", SUCCEEDS, 180, 0, SPAWN_NO_MEMBARRIER | SPAWN_NO_RSEQ},
	{"load", "load:4", SUCCEEDS, 180, 0, NO_CALLS},
	{"load", "load:5", SUCCEEDS, 180, 0, SPAWN_NO_PROC},
	{"load", "load:6", SUCCEEDS, 180, 0, SPAWN_EMPTY_ENVIRONMENT},
	{"load", "calloc", SUCCEEDS, 180, 0, 0},
	{"load", "calloc:1", SUCCEEDS, 180, 0, NO_CALLS},
	{"load", "descriptors", SUCCEEDS, 180, 0, SPAWN_CLOSED_DESCRIPTORS},
	{"load", "chain", SUCCEEDS, 180, 0, 0},
	{"load", "chain:1", SUCCEEDS, 180, 0, NO_CALLS},
	{"signals", "small-handler", SUCCEEDS, 60, 0, 0},
	{"signals", "large-handler", SUCCEEDS, 60, 0, 0},
	{"signals", "huge-handler", SUCCEEDS, 60, 0, 0},
	{"misuse", "double-free:16", ABORTS, 60, 0, 0},
	{"misuse", "double-free:64", ABORTS, 60, 0, 0},
	{"misuse", "double-free:1000", ABORTS, 60, 0, 0},
	{"misuse", "double-free:20000", ABORTS, 60, 0, 0},
	{"misuse", "double-free:200000", ABORTS, 60, 0, 0},
	{"misuse", "double-free:4194304", ABORTS, 60, 0, 0},
	{"misuse", "free-stack", ABORTS, 60, 0, 0},
	{"misuse", "free-static", ABORTS, 60, 0, 0},
	{"misuse", "free-mapped", ABORTS, 60, 0, 0},
	{"misuse", "free-mapped:1", ABORTS, 60, 0, 0},
	{"misuse", "free-wild", ABORTS, 60, 0, 0},
	{"misuse", "free-unused", ABORTS, 60, 0, 0},
	{"misuse", "free-interior:64", ABORTS_OR_SUCCEEDS, 60, 0, 0},
	{"misuse", "free-interior:1000", ABORTS_OR_SUCCEEDS, 60, 0, 0},
	{"misuse", "free-interior:20000", ABORTS_OR_SUCCEEDS, 60, 0, 0},
	{"misuse", "free-interior:200000", ABORTS, 60, 0, 0},
	{"misuse", "free-interior:4194304", ABORTS, 60, 0, 0},
	{"misuse", "realloc-stack", ABORTS, 60, 0, 0},
	{"misuse", "double-realloc:64", ABORTS_OR_SUCCEEDS, 60, 0, 0},
	{"misuse", "double-realloc:4194304", ABORTS, 60, 0, 0},
	{"misuse", "link-wild", ABORTS_OR_SUCCEEDS, 60, 0, 0},
	{"misuse", "link-outside", ABORTS_OR_SUCCEEDS, 60, 0, 0},
	{"memory", "hard:64", SUCCEEDS, 180, 0, 0},
	{"memory", "hard:20480", SUCCEEDS, 180, 0, 0},
	{"memory", "hard:204800", SUCCEEDS, 180, 0, 0},
	{"memory", "hard:4194304", SUCCEEDS, 180, 0, 0},
	{"memory", "hard-threads", SUCCEEDS, 180, 0, 0},
	{"memory", "soft", SUCCEEDS, 180, 0, 0},
	{"memory", "cgroup", SUCCEEDS, 180, 0, 0},
#else
	{"purge", "size:64", SUCCEEDS, 90, 0, 0},
	{"purge", "size:1024", SUCCEEDS, 90, 0, 0},
	{"purge", "size:20480", SUCCEEDS, 90, 0, 0},
	{"purge", "size:204800", SUCCEEDS, 90, 0, 0},
	{"purge", "size:4194304", SUCCEEDS, 90, 0, 0},
	{"purge", "mixed", SUCCEEDS, 90, 0, 0},
	{"purge", "threads", SUCCEEDS, 90, 0, 0},
	{"background", "idle:0", SUCCEEDS, 180, 0, 0},
	{"background", "idle:64", SUCCEEDS, 180, 0, 0},
	{"background", "idle:20480", SUCCEEDS, 180, 0, 0},
	{"background", "threads", SUCCEEDS, 180, 0, 0},
	{"background", "sleeps", SUCCEEDS, 180, 0, 0},
	{"background", "fork", SUCCEEDS, 300, 0, 0},
	{"background", "short", SUCCEEDS, 180, 0, 0},
	{"background", "exit", SUCCEEDS, 180, 0, 0},
	{"background", "main-ends", SUCCEEDS, 180, 0, 0},
	{"background", "setuid", SUCCEEDS, 60, 0, 0},
	{"background", "dlopen", SUCCEEDS, 60, 0, 0},
#endif
};

enum { NSPECS = sizeof(specs) / sizeof(specs[0]), MAX_VARIANTS = 16 };

static char *variants[MAX_VARIANTS];
static int nvariants;

static bool
aborted(const struct spawn_result *result)
{
	const char *newline = strchr(result->err, '\n');

	return WIFSIGNALED(result->status) && WTERMSIG(result->status) == SIGABRT && newline &&
	       newline[1] == '\0' && strstr(result->err, "hakmem:");
}

static bool
succeeded(const struct spawn_result *result)
{
	return WIFEXITED(result->status) && WEXITSTATUS(result->status) == 0;
}

static bool
as_expected(enum outcome outcome, const struct spawn_result *result)
{
	switch (outcome) {
	case SUCCEEDS:
		return succeeded(result);
	case ABORTS:
		return aborted(result);
	default:
		return succeeded(result) || aborted(result);
	}
}

static const char *
base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static void
describe_end(const struct spawn_result *result, char *text, size_t size)
{
	if (result->timed_out)
		snprintf(text, size, "hung and was killed");
	else if (WIFSIGNALED(result->status))
		snprintf(text, size, "ended by signal %d", WTERMSIG(result->status));
	else
		snprintf(text, size, "ended with status %d", WEXITSTATUS(result->status));
}

/* Each variant runs each case: the index counts both. */
START_TEST(test_case)
{
	const struct spec *spec = &specs[_i / nvariants];
	const char *variant = variants[_i % nvariants];
	char path[4096];
	const char *const argv[] = {path, spec->name, variant, NULL};
	const struct spawn spawn = {.argv = argv,
		.preload = variant,
		.circumstances = spec->circumstances,
		.limit_as_mib = spec->limit_as_mib,
		.limit_s = spec->limit_s};
	struct spawn_result result;
	char end[64];

	snprintf(path, sizeof(path), "%s/%s", RELIABILITY_PATH, spec->program);
	spawn_run(&spawn, &result);
	describe_end(&result, end, sizeof(end));
	if (WIFEXITED(result.status) && WEXITSTATUS(result.status) == SPAWN_SKIPPED) {
		printf("%s %s %s: SKIPPED: %s", base_name(variant), spec->program, spec->name,
			result.out);
		return;
	}
	printf("%s %s %s: %s after %.1f s\n%s%s", base_name(variant), spec->program, spec->name,
		end, result.seconds, result.out, result.err);
	ck_assert_msg(as_expected(spec->outcome, &result), "%s, %s %s: %s%s\n%s%s",
		base_name(variant), spec->program, spec->name, end,
		spec->outcome == ABORTS ? ", not by SIGABRT after one line with \"hakmem:\"" : "",
		result.out, result.err);
}
END_TEST

/* The cases of one program stand together in the table and make a test case of Check's. */
static Suite *
reliability_suite(void)
{
	Suite *suite = suite_create(RELIABILITY_IDLE ? "reliability_idle" : "reliability");
	int end;

	for (int start = 0; start < NSPECS; start = end) {
		TCase *tc = tcase_create(specs[start].program);

		for (end = start;
			end < NSPECS && strcmp(specs[end].program, specs[start].program) == 0;)
			end++;
		/* The time limit is the program's; Check's is there in case that fails. */
		tcase_set_timeout(tc, 400);
		tcase_add_loop_test(tc, test_case, start * nvariants, end * nvariants);
		suite_add_tcase(suite, tc);
	}
	return suite;
}

static bool
read_variants(void)
{
	const char *list = getenv("HAKMEM_TEST_VARIANTS");
	/* The variants are parts of it. */
	static char copy[16384];

	if (!list || strlen(list) >= sizeof(copy))
		return false;
	strcpy(copy, list);
	for (char *path = strtok(copy, " "); path; path = strtok(NULL, " ")) {
		FILE *file = fopen(path, "r");

		if (!file || path[0] != '/' || nvariants == MAX_VARIANTS) {
			fprintf(stderr,
				"HAKMEM_TEST_VARIANTS: \"%s\" can't be read, is no absolute path "
				"or is one too many: build the libraries first\n",
				path);
			return false;
		}
		fclose(file);
		variants[nvariants++] = path;
	}
	return nvariants > 0;
}

int
main(void)
{
	if (!read_variants()) {
		fprintf(stderr, "HAKMEM_TEST_VARIANTS must name the libraries to test, as absolute "
				"paths with spaces between\n");
		return 99;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	return run_suite(reliability_suite());
}
