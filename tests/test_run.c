/* SPDX-License-Identifier: MIT
 * tests/test_run.c - hakmem-run from outside: which library it finds in a build and in an
 * installation, what the command gets, what --which and --list tell, every error and its status.
 *
 * The variant that configure chose is always there, as libhakmem.so and under its own name. What is
 * tested of others is passed over where the file does not exist. */
#include "stress/sweep/text.h"
#include "tests/check_main.h"
#include "tests/reliability/spawn.h"
#include "tools/run/libraries.h"

#include <check.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { OWN = 125, CANNOT_EXECUTE = 126, NOT_FOUND = 127, LIMIT_S = 60, WALK_FDS = 8 };

#define CHOSEN_PATH TEST_BUILT "/libhakmem.so"
#define VARIANT TEST_FRONTEND "-" TEST_BACKEND
#define VARIANT_FILE "libhakmem-" VARIANT ".so"
#define VARIANT_PATH TEST_BUILT "/" VARIANT_FILE
/* Either option alone names the variant too: the other is as chosen. */
#define BY_NAME "--frontend=" TEST_FRONTEND
/* Linked statically wherever glibc is. */
#define STATIC_PROGRAM "/sbin/ldconfig"

static struct spawn_result result;
static char *base;      /* of the scratch directories */
static char *directory; /* scratch, a new one for each test */

/* A command that prints what hakmem-run may have set. */
#define PRINT_SETTINGS "sh", "-c", "env | grep -E '^(HAKMEM|LD_PRELOAD)'"

/* For each variant that there may be: its names are *f and *b. */
#define EACH_VARIANT(f, b)                                                                         \
	for (const char *const *f = libraries_frontends; *f != NULL; f++)                          \
		for (const char *const *b = libraries_backends; *b != NULL; b++)

/* --- helpers --------------------------------------------------------------------------------- */

static void
make_base(void)
{
	const char *temp = getenv("TMPDIR");

	base = text_format("%s/test-run.XXXXXX", temp != NULL && *temp ? temp : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(base));
}

static void
make_directory(void)
{
	directory = text_format("%s/XXXXXX", base);
	ck_assert_ptr_nonnull(mkdtemp(directory));
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

/* In the process that runs the tests, so that what a failed test left goes as well. */
static void
remove_base(void)
{
	nftw(base, remove_one, WALK_FDS, FTW_DEPTH | FTW_PHYS);
	free(base);
}

static void
forget_directory(void)
{
	free(directory);
}

/* Runs a command under circumstances; the result is its exit status. */
static int
run_under(unsigned circumstances, const char *preload, const char *const *argv)
{
	const struct spawn spawn = {.argv = argv,
		.preload = preload,
		.circumstances = circumstances,
		.limit_s = LIMIT_S};

	spawn_run(&spawn, &result);
	ck_assert_msg(WIFEXITED(result.status), "%s: wait status %#x: %s", argv[0], result.status,
		result.err);
	return WEXITSTATUS(result.status);
}

#define RUN_AT(...) run_under(0, "", (const char *const[]){__VA_ARGS__, NULL})
#define RUN(...) RUN_AT(TEST_RUN, __VA_ARGS__)

static void
expect(const char *text, const char *part)
{
	ck_assert_msg(strstr(text, part) != NULL, "no \"%s\" in: %s", part, text);
}

static void
expect_none(const char *text, const char *part)
{
	ck_assert_msg(strstr(text, part) == NULL, "\"%s\" in: %s", part, text);
}

/* One line on standard error, which begins with the program's name. */
static void
expect_one_line(void)
{
	const char *newline = strchr(result.err, '\n');

	ck_assert_msg(strncmp(result.err, "hakmem-run: ", 12) == 0, "%s", result.err);
	ck_assert_msg(newline != NULL && newline[1] == '\0', "%s", result.err);
}

/* The first line of standard output that begins with `key`, less the key. */
static char *
line_of(const char *key)
{
	const char *at = strstr(result.out, key);

	ck_assert_msg(at != NULL, "no %s in: %s", key, result.out);
	at += strlen(key);
	return text_format("%.*s", (int)strcspn(at, "\n"), at);
}

static bool
is_built(const char *frontend, const char *backend)
{
	char *path = text_format(TEST_BUILT "/libhakmem-%s-%s.so", frontend, backend);
	bool built = access(path, F_OK) == 0;

	free(path);
	return built;
}

static int
count(const char *const *names)
{
	int n = 0;

	while (names[n] != NULL)
		n++;
	return n;
}

/* A copy of the file below the scratch directory, with the folders in between. */
static char *
copied(const char *from, const char *below)
{
	char *path = text_format("%s/%s", directory, below);
	const char *const argv[] = {"/usr/bin/install", "-D", "-m", "755", from, path, NULL};

	ck_assert_msg(run_under(0, "", argv) == 0, "%s", result.err);
	return path;
}

static char *
written(const char *below, const char *content)
{
	char *path = text_format("%s/%s", directory, below);
	FILE *out = fopen(path, "we");

	ck_assert_ptr_nonnull(out);
	ck_assert_int_ge(fputs(content, out), 0);
	ck_assert_int_eq(fclose(out), 0);
	ck_assert_int_eq(chmod(path, 0755), 0);
	return path;
}

/* --- what the command gets ------------------------------------------------------------------- */

START_TEST(command_has_the_library_mapped)
{
	ck_assert_int_eq(RUN("grep", "libhakmem", "/proc/self/maps"), 0);
	expect(result.out, CHOSEN_PATH);
	ck_assert_int_eq(RUN(BY_NAME, "--", "grep", "libhakmem", "/proc/self/maps"), 0);
	expect(result.out, VARIANT_PATH);
	expect_none(result.out, CHOSEN_PATH);
	ck_assert_str_eq(result.err, "");
}
END_TEST

START_TEST(options_become_settings)
{
	ck_assert_int_eq(
		RUN("--selector=thread", "--arenas=3", "--stats=json", "--", PRINT_SETTINGS), 0);
	expect(result.out, "LD_PRELOAD=" CHOSEN_PATH "\n");
	expect(result.out, "HAKMEM_SELECTOR=thread\n");
	expect(result.out, "HAKMEM_ARENAS=3\n");
	expect(result.out, "HAKMEM_STATS=json\n");
	ck_assert_int_eq(RUN("--stats=text", PRINT_SETTINGS), 0);
	expect(result.out, "HAKMEM_STATS=1\n");
	/* What is not asked for is left as it was. */
	setenv("HAKMEM_ARENAS", "2", 1);
	ck_assert_int_eq(RUN(PRINT_SETTINGS), 0);
	unsetenv("HAKMEM_ARENAS");
	expect(result.out, "HAKMEM_ARENAS=2\n");
	expect_none(result.out, "HAKMEM_STATS");
	expect_none(result.out, "HAKMEM_SELECTOR");
}
END_TEST

START_TEST(library_takes_every_setting)
{
	static const char *const selectors[] = {"site", "thread", "cpu", "single"};

	for (size_t i = 0; i < sizeof(selectors) / sizeof(selectors[0]); i++) {
		char *option = text_format("--selector=%s", selectors[i]);

		ck_assert_int_eq(RUN(BY_NAME, option, "--arenas=64", "true"), 0);
		/* The library complains of what it does not know. */
		ck_assert_str_eq(result.err, "");
		free(option);
	}
}
END_TEST

START_TEST(statistics_come_from_the_chosen_library)
{
	ck_assert_int_eq(RUN(BY_NAME, "--stats", "true"), 0);
	expect(result.err, VARIANT);
	ck_assert_int_eq(RUN("--stats", "true"), 0);
	expect(result.err, VARIANT);
}
END_TEST

START_TEST(existing_preload_stays_behind)
{
	const char *const argv[] = {TEST_RUN, BY_NAME, PRINT_SETTINGS, NULL};

	/* A library of hakmem's is replaced; the items may stand between blanks or colons. */
	ck_assert_int_eq(run_under(0, "libm.so.6 " CHOSEN_PATH ":libdl.so.2", argv), 0);
	expect(result.out, "LD_PRELOAD=" VARIANT_PATH ":libm.so.6:libdl.so.2\n");
}
END_TEST

START_TEST(options_of_the_command_are_its_own)
{
	ck_assert_int_eq(RUN("--", "echo", "--list", "--frontend=x", "--", "y"), 0);
	ck_assert_str_eq(result.out, "--list --frontend=x -- y\n");
	ck_assert_int_eq(RUN("echo", "--which", "--", "y"), 0);
	ck_assert_str_eq(result.out, "--which -- y\n");
}
END_TEST

/* --- exit status ----------------------------------------------------------------------------- */

START_TEST(status_is_the_commands_or_tells_why_not)
{
	char *plain = written("plain", "no program");

	ck_assert_int_eq(RUN("sh", "-c", "exit 3"), 3);
	setenv("PATH", "/usr/bin:/bin", 1);
	ck_assert_int_eq(RUN("no-such-program-anywhere"), NOT_FOUND);
	expect(result.err, "no-such-program-anywhere: No such file");
	expect_one_line();
	ck_assert_int_eq(RUN(directory), CANNOT_EXECUTE);
	expect_one_line();
	ck_assert_int_eq(chmod(plain, 0644), 0);
	ck_assert_int_eq(RUN(plain), CANNOT_EXECUTE);
	ck_assert_int_eq(RUN("--no-such-option", "true"), OWN);
	expect(result.err, "--no-such-option");
	ck_assert_int_eq(RUN(BY_NAME), OWN);
	expect(result.err, "no command");
	ck_assert_int_eq(RUN("--which", "true"), OWN);
	ck_assert_int_eq(RUN("--list", "true"), OWN);
	ck_assert_str_eq(result.out, "");
	free(plain);
}
END_TEST

START_TEST(unknown_names_get_the_valid_ones)
{
	static const struct {
		const char *option, *name, *valid;
	} cases[] = {
		{"--frontend=tlss", "'tlss'", "tls, lock, rseq\n"},
		{"--frontend=", "''", "tls, lock, rseq\n"},
		{"--backend=glibc", "'glibc'", "hakmem, jemalloc\n"},
		{"--selector=sit", "'sit'", "site, thread, cpu, single\n"},
		{"--stats=xml", "'xml'", "text, json\n"},
		{"--arenas=65", "'65'", "from 0 to 64\n"},
		{"--arenas=-1", "'-1'", "from 0 to 64\n"},
		{"--arenas=2x", "'2x'", "from 0 to 64\n"},
		{"--arenas=", "''", "from 0 to 64\n"},
		{"--arenas=18446744073709551617", "'18446744073709551617'", "from 0 to 64\n"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ck_assert_int_eq(RUN(cases[i].option, "echo", "ran"), OWN);
		ck_assert_str_eq(result.out, "");
		expect(result.err, cases[i].name);
		expect(result.err, cases[i].valid);
		expect_one_line();
	}
}
END_TEST

/* --- where libraries are --------------------------------------------------------------------- */

/* Asks for a variant that the scratch directory does not have. */
static void
expect_missing(const char *run, const char *frontend, const char *backend)
{
	char *f = text_format("--frontend=%s", frontend), *b = text_format("--backend=%s", backend);
	char *way = text_format("--enable-variants=%s-%s", frontend, backend);

	ck_assert_int_eq(RUN_AT(run, f, b, "echo", "ran"), OWN);
	ck_assert_str_eq(result.out, "");
	expect(result.err, way);
	ck_assert_int_eq(
		strstr(result.err, "libjemalloc-dev") != NULL, strcmp(backend, "jemalloc") == 0);
	expect_one_line();
	ck_assert_int_eq(RUN_AT(run, f, b, "--which"), OWN);
	expect(result.err, way);
	free(way);
	free(b);
	free(f);
}

START_TEST(missing_variant_names_itself_and_the_way_to_it)
{
	char *run = copied(TEST_RUN, "hakmem-run");
	char *libs = text_format("%s/.libs", directory);

	ck_assert_int_eq(mkdir(libs, 0755), 0);
	ck_assert_int_eq(RUN_AT(run, "--list"), OWN);
	ck_assert_str_eq(result.out, "");
	expect(result.err, libs);
	expect_one_line();
	free(libs);
	free(copied(VARIANT_PATH, ".libs/" VARIANT_FILE));
	ck_assert_int_eq(RUN_AT(run, BY_NAME, "echo", "ran"), 0);
	ck_assert_str_eq(result.out, "ran\n");
	EACH_VARIANT(f, b)
	if (strcmp(*f, TEST_FRONTEND) != 0 || strcmp(*b, TEST_BACKEND) != 0)
		expect_missing(run, *f, *b);
	/* The default one is missing too. */
	ck_assert_int_eq(RUN_AT(run, "echo", "ran"), OWN);
	expect(result.err, "/.libs/libhakmem.so");
	expect_one_line();
	ck_assert_int_eq(RUN_AT(run, "--list"), 0);
	expect(result.out, "/.libs/" VARIANT_FILE "\n");
	expect_none(result.out, "/.libs/libhakmem.so");
	free(run);
}
END_TEST

START_TEST(installation_below_another_root_is_found)
{
	char *run = copied(TEST_RUN, "root" RUN_BINDIR "/hakmem-run");
	char *chosen = copied(CHOSEN_PATH, "root" RUN_LIBDIR "/libhakmem.so");
	char *named = copied(VARIANT_PATH, "root" RUN_LIBDIR "/hakmem/" VARIANT_FILE);

	ck_assert_int_eq(RUN_AT(run, PRINT_SETTINGS), 0);
	char *got = line_of("LD_PRELOAD="), *real = realpath(chosen, NULL);

	ck_assert_str_eq(got, real);
	free(real);
	free(got);
	ck_assert_int_eq(RUN_AT(run, BY_NAME, PRINT_SETTINGS), 0);
	got = line_of("LD_PRELOAD=");
	real = realpath(named, NULL);
	ck_assert_str_eq(got, real);
	free(real);
	free(got);
	free(named);
	free(chosen);
	free(run);
}
END_TEST

START_TEST(program_that_lies_elsewhere_takes_the_installation)
{
	char *run = copied(TEST_RUN, "elsewhere/hakmem-run");
	int status = RUN_AT(run, BY_NAME, "--backend=" TEST_BACKEND, "--which");

	/* Whether something is installed there or not, this is where it looks. */
	expect(status == 0 ? result.out : result.err, " " RUN_LIBDIR "/hakmem/" VARIANT_FILE);
	free(run);
}
END_TEST

START_TEST(path_that_cannot_be_preloaded_is_refused)
{
	static const char *const folders[] = {"a b", "a:b"};

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		char *below = text_format("%s/hakmem-run", folders[i]);
		char *library = text_format("%s/.libs/libhakmem.so", folders[i]);
		char *run = copied(TEST_RUN, below);

		free(copied(CHOSEN_PATH, library));
		ck_assert_int_eq(RUN_AT(run, "echo", "ran"), OWN);
		ck_assert_str_eq(result.out, "");
		expect(result.err, library);
		expect(result.err, "blank or a colon");
		expect_one_line();
		free(run);
		free(library);
		free(below);
	}
}
END_TEST

/* --- what libraries say of themselves -------------------------------------------------------- */

START_TEST(which_tells_library_variant_and_mechanism)
{
	ck_assert_int_eq(RUN("--which"), 0);
	expect(result.out, "library: " CHOSEN_PATH "\n");
	expect(result.out, "variant: " VARIANT "\n");
	char *chosen = line_of("mechanism: ");

	ck_assert_int_eq(RUN("--which", BY_NAME, "--backend=" TEST_BACKEND), 0);
	char *named = line_of("mechanism: ");

	expect(result.out, "library: " VARIANT_PATH "\n");
	expect(result.out, "variant: " VARIANT "\n");
	ck_assert_str_eq(named, chosen);
	ck_assert_int_gt(strlen(named), 0);
	ck_assert_str_eq(result.err, "");
	/* Statistics of the process that answers are not what was asked for. */
	ck_assert_int_eq(RUN("--stats", "--which"), 0);
	ck_assert_str_eq(result.err, "");
	free(named);
	free(chosen);
}
END_TEST

START_TEST(each_front_end_has_its_own_mechanism)
{
	char *seen = text_format("\n");

	EACH_VARIANT(f, b)
	{
		char *frontend = text_format("--frontend=%s", *f);
		char *backend = text_format("--backend=%s", *b);
		char *variant = text_format("variant: %s-%s\n", *f, *b);

		if (is_built(*f, *b)) {
			ck_assert_int_eq(RUN(frontend, backend, "--which"), 0);
			expect(result.out, variant);
			char *mechanism = line_of("mechanism: ");
			char *line = text_format("\n%s: %s\n", *b, mechanism);
			char *more = text_format("%s%s", seen, line);

			expect_none(seen, line);
			free(seen);
			seen = more;
			free(line);
			free(mechanism);
		}
		free(variant);
		free(backend);
		free(frontend);
	}
	free(seen);
}
END_TEST

START_TEST(list_has_every_variant_that_was_built)
{
	ck_assert_int_eq(RUN("--list"), 0);
	expect(result.out, "\n" VARIANT " (default)");
	expect(result.out, CHOSEN_PATH "\n");
	EACH_VARIANT(f, b)
	{
		char *name = text_format("\n%s-%s ", *f, *b);
		char *path = text_format(TEST_BUILT "/libhakmem-%s-%s.so\n", *f, *b);

		if (is_built(*f, *b)) {
			expect(result.out, path);
			expect(result.out, name);
		} else {
			expect_none(result.out, path);
		}
		free(path);
		free(name);
	}
	ck_assert_str_eq(result.err, "");
}
END_TEST

START_TEST(library_that_does_not_load_is_told_in_the_loaders_words)
{
	char *run = copied(TEST_RUN, "hakmem-run");

	free(copied(VARIANT_PATH, ".libs/" VARIANT_FILE));
	free(written(".libs/libhakmem.so", "no library"));
	ck_assert_int_eq(RUN_AT(run, "--which"), OWN);
	ck_assert_str_eq(result.out, "");
	expect(result.err, "cannot be preloaded");
	expect(result.err, "/.libs/libhakmem.so");
	expect_one_line();
	ck_assert_int_eq(RUN_AT(run, "--list"), OWN);
	expect(result.out, "cannot be used");
	expect(result.out, "/.libs/" VARIANT_FILE "\n");
	expect(result.err, "cannot be preloaded");
	free(run);
}
END_TEST

START_TEST(foreign_library_does_not_count)
{
	char *run = copied(TEST_RUN, "hakmem-run"), *behind = copied(VARIANT_PATH, "behind.so");
	const char *const argv[] = {run, "--which", NULL};

	/* It loads, but it is none of hakmem's; the one behind it does not answer in its place. */
	free(copied(TEST_FOREIGN, ".libs/libhakmem.so"));
	ck_assert_int_eq(run_under(0, behind, argv), OWN);
	expect(result.err, "not a library of hakmem");
	expect_one_line();
	free(behind);
	free(run);
}
END_TEST

/* What --which tells of rseq on the back-end; to be freed. NULL where this cannot be arranged. */
static char *
rseq_mechanism(unsigned circumstances, const char *backend)
{
	char *option = text_format("--backend=%s", backend);
	const char *const argv[] = {TEST_RUN, "--frontend=rseq", option, "--which", NULL};
	int status = run_under(circumstances, "", argv);

	free(option);
	if (status == SPAWN_SKIPPED) {
		printf("SKIPPED: %s", result.out);
		return NULL;
	}
	ck_assert_msg(status == 0, "%s", result.err);
	return line_of("mechanism: ");
}

START_TEST(rseq_tells_what_it_has_to_do_without)
{
	const char *backend = libraries_backends[_i];

	if (!is_built("rseq", backend)) {
		printf("SKIPPED: rseq-%s was not built\n", backend);
		return;
	}
	char *usual = rseq_mechanism(0, backend);

	printf("rseq here: %s\n", usual);
	setenv("GLIBC_TUNABLES", "glibc.pthread.rseq=0", 1);
	char *own = rseq_mechanism(0, backend);

	unsetenv("GLIBC_TUNABLES");
	/* On a system that has no rseq at all, the two are the same. */
	ck_assert_msg(
		strstr(own, "own registration") != NULL || strcmp(own, "per-CPU trylock") == 0,
		"%s", own);
	char *without = rseq_mechanism(SPAWN_NO_RSEQ, backend);

	if (without != NULL)
		ck_assert_str_eq(without, "per-CPU trylock");
	free(without);
	free(own);
	free(usual);
}
END_TEST

/* --- commands that nothing can be preloaded into --------------------------------------------- */

START_TEST(static_program_is_warned_of)
{
	char *script = written("script", "#! " STATIC_PROGRAM " -V\n");

	if (access(STATIC_PROGRAM, X_OK) != 0) {
		puts("SKIPPED: there is no " STATIC_PROGRAM);
	} else {
		ck_assert_int_eq(RUN(STATIC_PROGRAM, "-V"), 0);
		expect(result.out, "ldconfig");
		expect(result.err, "warning: " STATIC_PROGRAM " is statically linked");
		expect_one_line();
		ck_assert_int_eq(RUN(script), 0);
		expect(result.err, "warning: " STATIC_PROGRAM " is statically linked");
	}
	free(script);
	script = written("harmless", "#!/bin/sh\necho ran\n");
	ck_assert_int_eq(RUN(script), 0);
	ck_assert_str_eq(result.out, "ran\n");
	ck_assert_str_eq(result.err, "");
	free(script);
}
END_TEST

START_TEST(program_of_another_architecture_is_warned_of)
{
	char head[64];
	char *path = copied("/usr/bin/env", "env");
	FILE *program = fopen(path, "r+e");

	/* The field e_machine, two bytes in; no machine has this number. */
	ck_assert_uint_eq(fread(head, 1, sizeof(head), program), sizeof(head));
	head[18] = head[19] = (char)0xfe;
	rewind(program);
	ck_assert_uint_eq(fwrite(head, 1, sizeof(head), program), sizeof(head));
	fclose(program);
	ck_assert_int_ne(RUN(path), 0);
	expect(result.err, "is for another architecture");
	free(path);
}
END_TEST

START_TEST(warning_of_setuid_is_right)
{
	enum { NOBODY = 65534 };
	static const struct {
		uid_t owner;
		gid_t group;
		mode_t mode;
	} cases[] = {
		{NOBODY, 0, 04755},
		{0, NOBODY, 02755},
		{0, NOBODY, 02745},
		{0, 0, 06755},
		{NOBODY, NOBODY, 0755},
	};
	char *program = copied("/usr/bin/printenv", "printenv");

	if (geteuid() != 0) {
		puts("SKIPPED: only root can make a program that is somebody else's");
		free(program);
		return;
	}
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ck_assert_int_eq(chown(program, cases[i].owner, cases[i].group), 0);
		ck_assert_int_eq(chmod(program, cases[i].mode), 0);
		/* The loader takes the variable away where it does not trust it, which depends on
		 * how the file system is mounted too. */
		bool taken = RUN(program, "LD_PRELOAD") != 0;
		bool warned = strstr(result.err, "warning: ") != NULL;

		ck_assert_msg(taken == warned, "case %zu: %s: %s", i,
			taken ? "not preloaded" : "preloaded", result.err);
	}
	free(program);
}
END_TEST

static Suite *
run_tool_suite(void)
{
	Suite *s = suite_create("run");
	TCase *tc = tcase_create("run");

	tcase_add_unchecked_fixture(tc, make_base, remove_base);
	tcase_add_checked_fixture(tc, make_directory, forget_directory);
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, command_has_the_library_mapped);
	tcase_add_test(tc, options_become_settings);
	tcase_add_test(tc, library_takes_every_setting);
	tcase_add_test(tc, statistics_come_from_the_chosen_library);
	tcase_add_test(tc, existing_preload_stays_behind);
	tcase_add_test(tc, options_of_the_command_are_its_own);
	tcase_add_test(tc, status_is_the_commands_or_tells_why_not);
	tcase_add_test(tc, unknown_names_get_the_valid_ones);
	tcase_add_test(tc, missing_variant_names_itself_and_the_way_to_it);
	tcase_add_test(tc, installation_below_another_root_is_found);
	tcase_add_test(tc, program_that_lies_elsewhere_takes_the_installation);
	tcase_add_test(tc, path_that_cannot_be_preloaded_is_refused);
	tcase_add_test(tc, which_tells_library_variant_and_mechanism);
	tcase_add_test(tc, each_front_end_has_its_own_mechanism);
	tcase_add_test(tc, list_has_every_variant_that_was_built);
	tcase_add_test(tc, library_that_does_not_load_is_told_in_the_loaders_words);
	tcase_add_test(tc, foreign_library_does_not_count);
	tcase_add_loop_test(tc, rseq_tells_what_it_has_to_do_without, 0, count(libraries_backends));
	tcase_add_test(tc, static_program_is_warned_of);
	tcase_add_test(tc, program_of_another_architecture_is_warned_of);
	tcase_add_test(tc, warning_of_setuid_is_right);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	return run_suite(run_tool_suite());
}
