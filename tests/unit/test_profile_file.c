/* SPDX-License-Identifier: MIT
 * tests/unit/test_profile_file.c - frontends/profile_file: what is in the file, its names,
 * failures, the signal, forks, and threads that write at once. The JSON is read by Jansson. */
#include "frontends/profile_file.h"

#include <dirent.h>
#include <jansson.h>
#include <sys/stat.h>

#include "arenas/profile.h"
#include "backends/os.h"
#include "base/config.h"
#include "frontends/frontend.h"
#include "frontends/modules.h"
#include "tests/unit/unit.h"

static char directory[256];

/* Profiling from the start, in an empty directory. */
static void
setup(void)
{
	const char *top = getenv("TMPDIR");

	snprintf(directory, sizeof(directory), "%s/hakmem-profile-XXXXXX",
		top && *top ? top : P_tmpdir);
	ck_assert_ptr_nonnull(mkdtemp(directory));
	ck_assert_int_eq(chdir(directory), 0);
	profile_restart(100);
	profile_file_init();
}

/* How many files there are; their names, if asked for. */
static unsigned
files(char names[][256], unsigned most)
{
	DIR *dir = opendir(directory);
	unsigned n = 0;

	ck_assert_ptr_nonnull(dir);
	for (struct dirent *e; (e = readdir(dir));)
		if (e->d_name[0] != '.' && n < most)
			snprintf(names[n++], sizeof(names[0]), "%s", e->d_name);
	closedir(dir);
	return n;
}

static void
teardown(void)
{
	char names[64][256];
	unsigned n = files(names, LENGTH(names));

	/* Nothing at exit. */
	profile_restart(0);
	for (unsigned i = 0; i < n; i++)
		if (unlink(names[i]) != 0)
			rmdir(names[i]);
	ck_assert_int_eq(chdir("/"), 0);
	ck_assert_int_eq(rmdir(directory), 0);
}

static void
sample(uintptr_t block, size_t size, const void *code, uintptr_t offset)
{
	ck_assert(profile_alloc((void *)block, size, (uintptr_t)code + offset, NULL, 0));
}

static json_t *
load(const char *path)
{
	json_error_t error;
	json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &error);

	ck_assert_msg(root != NULL, "%s: %s at %d", path, error.text, error.position);
	return root;
}

static json_t *
dumped(void)
{
	errno = ERRNO_MARK;
	ck_assert_int_eq(hak_profile_dump("p.json"), 0);
	ck_assert_int_eq(errno, ERRNO_MARK);
	return load("p.json");
}

static uint64_t
number(const json_t *object, const char *key)
{
	json_t *value = json_object_get(object, key);

	ck_assert_msg(json_is_integer(value), "%s", key);
	ck_assert_int_ge(json_integer_value(value), 0);
	return (uint64_t)json_integer_value(value);
}

static const char *
string(const json_t *object, const char *key)
{
	const char *value = json_string_value(json_object_get(object, key));

	ck_assert_msg(value != NULL, "%s", key);
	return value;
}

static uint64_t
hex(const json_t *value)
{
	const char *text = json_string_value(value);
	char *end;

	ck_assert_ptr_nonnull(text);
	ck_assert_uint_eq(strspn(text, "0123456789abcdef"), strlen(text));
	uint64_t n = strtoull(text, &end, 16);
	ck_assert_int_eq(*end, '\0');
	return n;
}

/* The sum of an array, or of its elements' second elements. */
static uint64_t
sum(const json_t *array)
{
	uint64_t n = 0;

	ck_assert(json_is_array(array));
	for (size_t i = 0; i < json_array_size(array); i++) {
		json_t *value = json_array_get(array, i);
		value = json_is_array(value) ? json_array_get(value, 1) : value;
		ck_assert(json_is_integer(value));
		n += (uint64_t)json_integer_value(value);
	}
	return n;
}

/* The site whose first frame is that address. */
static json_t *
site_at(const json_t *root, const void *code, uintptr_t offset)
{
	json_t *sites = json_object_get(root, "sites"), *modules = json_object_get(root, "modules");

	for (size_t i = 0; i < json_array_size(sites); i++) {
		json_t *site = json_array_get(sites, i);
		json_t *frame = json_array_get(json_object_get(site, "frames"), 0);
		json_int_t module = json_integer_value(json_array_get(frame, 0));
		uint64_t at = hex(json_array_get(frame, 1));
		if (module >= 0)
			at += hex(json_object_get(json_array_get(modules, (size_t)module), "bias"));
		if (at == (uintptr_t)code + offset)
			return site;
	}
	return NULL;
}

/* --- contents --------------------------------------------------------------------------------- */

START_TEST(test_heading)
{
	static const char *const keys[] = {"format", "version", "program", "host", "pid", "time_ms",
		"uptime_ms", "variant", "reason", "sample_bytes", "allocated_bytes", "live_bytes",
		"peak_live_bytes", "dropped_samples", "modules", "sites"};
	char self[1024];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	json_t *root = dumped();

	ck_assert_int_gt(n, 0);
	self[n] = '\0';
	ck_assert_uint_eq(json_object_size(root), LENGTH(keys));
	for (unsigned i = 0; i < LENGTH(keys); i++)
		ck_assert_msg(json_object_get(root, keys[i]) != NULL, "%s", keys[i]);
	ck_assert_str_eq(string(root, "format"), "hakmem-profile");
	ck_assert_uint_eq(number(root, "version"), 1);
	ck_assert_str_eq(string(root, "program"), self);
	gethostname(self, sizeof(self));
	ck_assert_str_eq(string(root, "host"), self);
	ck_assert_uint_eq(number(root, "pid"), (uint64_t)getpid());
	ck_assert_uint_le(number(root, "time_ms") / 1000, (uint64_t)time(NULL));
	ck_assert_uint_ge(number(root, "time_ms") / 1000, (uint64_t)time(NULL) - 60);
	ck_assert_uint_lt(number(root, "uptime_ms"), 60000);
	ck_assert_str_eq(string(root, "variant"), hak_variant());
	ck_assert_str_eq(string(root, "reason"), "call");
	ck_assert_uint_eq(number(root, "sample_bytes"), 100);
	ck_assert_uint_eq(json_array_size(json_object_get(root, "sites")), 0);
	json_decref(root);
}
END_TEST

static void
check_site(const json_t *site)
{
	ck_assert_uint_eq(strlen(string(site, "id")), 16);
	hex(json_object_get(site, "id"));
	ck_assert_uint_eq(sum(json_object_get(site, "sizes")), number(site, "samples"));
	uint64_t ended = number(site, "samples") - number(site, "live_samples");
	ck_assert_uint_eq(sum(json_object_get(site, "lifetime_bytes")), ended);
	ck_assert_uint_eq(sum(json_object_get(site, "lifetime_ms")), ended);
	ck_assert_uint_le(number(site, "live_bytes"), number(site, "peak_live_bytes"));
	ck_assert_uint_le(number(site, "peak_live_bytes"), number(site, "alloc_bytes"));
	ck_assert_uint_le(number(site, "live_count"), number(site, "alloc_count"));
	ck_assert(json_is_number(json_object_get(site, "live_variance")));
	ck_assert(json_is_number(json_object_get(site, "alloc_variance")));
	ck_assert_uint_eq(json_object_size(site), 15);
}

START_TEST(test_sites)
{
	struct estimate small = estimate_of(32, 100), large = estimate_of(100000, 100);

	sample(0x1000, 32, (const void *)setup, 4);
	sample(0x2000, 32, (const void *)setup, 4);
	sample(0x3000, 100000, (const void *)setup, 4);
	sample(0x4000, 100000, (const void *)printf, 7);
	sample(0x5000, 32, NULL, 4096);
	profile_free((void *)0x2000);
	profile_free((void *)0x4000);
	json_t *root = dumped(), *again = dumped();
	ck_assert_uint_eq(json_array_size(json_object_get(root, "sites")), 3);
	for (size_t i = 0; i < 3; i++)
		check_site(json_array_get(json_object_get(root, "sites"), i));
	json_t *site = site_at(root, (const void *)setup, 4);
	ck_assert_ptr_nonnull(site);
	ck_assert_uint_eq(number(site, "samples"), 3);
	ck_assert_uint_eq(number(site, "live_samples"), 2);
	ck_assert_uint_eq(number(site, "alloc_bytes"), 2 * small.bytes + large.bytes);
	ck_assert_uint_eq(number(site, "live_bytes"), small.bytes + large.bytes);
	/* 1 / (1 - exp(-0.32)) is 3.65, and the large one is certain. */
	ck_assert_uint_eq(number(site, "live_count"), 5);
	ck_assert_uint_eq(number(site, "alloc_count"), 8);
	ck_assert_uint_eq(number(site, "threads"), 1);
	ck_assert_double_eq_tol(json_number_value(json_object_get(site, "live_variance")),
		(double)small.variance + (double)large.variance, 1);
	ck_assert_ptr_nonnull(site_at(root, (const void *)printf, 7));
	/* Of no module. */
	site = site_at(root, NULL, 4096);
	ck_assert_ptr_nonnull(site);
	ck_assert_int_eq(json_integer_value(json_array_get(
				 json_array_get(json_object_get(site, "frames"), 0), 0)),
		-1);
	ck_assert_uint_eq(number(root, "allocated_bytes"), 3 * small.bytes + 2 * large.bytes);
	ck_assert_uint_eq(number(root, "live_bytes"), 2 * small.bytes + large.bytes);
	/* Ids differ by site, and are the same again. */
	for (size_t i = 0; i < 3; i++) {
		json_t *a = json_array_get(json_object_get(root, "sites"), i);
		json_t *b = json_array_get(json_object_get(again, "sites"), i);
		json_t *next = json_array_get(json_object_get(root, "sites"), (i + 1) % 3);
		ck_assert_str_eq(string(a, "id"), string(b, "id"));
		ck_assert_str_ne(string(a, "id"), string(next, "id"));
	}
	json_decref(root);
	json_decref(again);
}
END_TEST

START_TEST(test_modules)
{
	json_t *root = dumped(), *modules = json_object_get(root, "modules");
	bool found = false;
	uint64_t last = 0;
	struct module m;

	ck_assert(module_of((uintptr_t)setup, &m));
	for (size_t i = 0; i < json_array_size(modules); i++) {
		json_t *module = json_array_get(modules, i);
		uint64_t start = hex(json_object_get(module, "start"));
		ck_assert_uint_eq(json_object_size(module), 5);
		ck_assert_uint_ge(start, last);
		last = hex(json_object_get(module, "end"));
		ck_assert_uint_gt(last, start);
		if (start != m.start)
			continue;
		found = true;
		ck_assert_str_eq(string(module, "path"), m.path);
		ck_assert_uint_eq(strlen(string(module, "build_id")), 2 * m.id_bytes);
		ck_assert_uint_eq(hex(json_object_get(module, "bias")), m.bias);
	}
	ck_assert(found);
	json_decref(root);
}
END_TEST

/* As many sites as there may be, each with several frames and sizes. */
START_TEST(test_large)
{
	uintptr_t frames[PROFILE_FRAMES];

	for (unsigned i = 0; i < 20000; i++) {
		for (unsigned k = 0; k < LENGTH(frames); k++)
			frames[k] = (uintptr_t)setup + i * k;
		ck_assert(profile_alloc((void *)(uintptr_t)(0x1000 + 16 * i), 16 + i, 0, frames,
			1 + i % LENGTH(frames)));
	}
	json_t *root = dumped(), *sites = json_object_get(root, "sites");
	uint64_t samples = 0, bytes = 0;
	for (size_t i = 0; i < json_array_size(sites); i++) {
		json_t *site = json_array_get(sites, i);
		check_site(site);
		samples += number(site, "samples");
		bytes += number(site, "live_bytes");
	}
	ck_assert_uint_eq(samples, 20000);
	ck_assert_uint_eq(bytes, number(root, "live_bytes"));
	json_decref(root);
}
END_TEST

/* --- names and failures ----------------------------------------------------------------------- */

static void
set_file(const char *pattern)
{
	snprintf(hak_config_paths.profile_file, CONFIG_PATH_BYTES, "%s", pattern);
}

static void
expect_file(const char *pattern, const char *name)
{
	struct stat status;

	set_file(pattern);
	ck_assert_int_eq(hak_profile_dump(NULL), 0);
	ck_assert_msg(stat(name, &status) == 0, "%s: no %s", pattern, name);
	ck_assert_int_eq(status.st_mode & 07777, 0600);
	json_decref(load(name));
	ck_assert_int_eq(unlink(name), 0);
}

START_TEST(test_names)
{
	char name[512], names[2][256];

	snprintf(name, sizeof(name), "hakmem-profile.%d.0.json", (int)getpid());
	expect_file("", name);
	expect_file("plain", "plain");
	expect_file("n%n-%n", "n2-2");
	expect_file("%%%x%", "%%x%");
	snprintf(name, sizeof(name), "a%db", (int)getpid());
	expect_file("a%pb", name);
	/* From where the program began, whatever it is now. */
	ck_assert_int_eq(mkdir("sub", 0700), 0);
	ck_assert_int_eq(chdir("sub"), 0);
	expect_file("there", "../there");
	ck_assert_int_eq(chdir(".."), 0);
	snprintf(name, sizeof(name), "%s/absolute", directory);
	expect_file(name, name);
	/* A file is replaced, and nothing else is left. */
	set_file("again");
	ck_assert_int_eq(hak_profile_dump(NULL), 0);
	ck_assert_int_eq(hak_profile_dump(NULL), 0);
	ck_assert_int_eq(rmdir("sub"), 0);
	ck_assert_uint_eq(files(names, 2), 1);
	/* What the program names is not expanded. */
	ck_assert_int_eq(hak_profile_dump("%p"), 0);
	ck_assert_int_eq(access("%p", F_OK), 0);
}
END_TEST

static void
expect_failure(const char *path, int error)
{
	errno = 0;
	ck_assert_int_eq(hak_profile_dump(path), -1);
	ck_assert_msg(errno == error, "%s: %s", path, strerror(errno));
}

START_TEST(test_failures)
{
	static char lengthy[5000];
	char names[2][256];

	memset(lengthy, 'x', sizeof(lengthy) - 1);
	ck_assert_int_eq(mkdir("sub", 0700), 0);
	expect_failure("sub", EISDIR);
	expect_failure("none/file", ENOENT);
	expect_failure("", ENOENT);
	expect_failure("/dev/null/file", ENOTDIR);
	expect_failure(lengthy, ENAMETOOLONG);
	ck_assert_int_eq(rmdir("sub"), 0);
	ck_assert(frontend_enter());
	expect_failure("file", EBUSY);
	frontend_leave();
	for (long i = 0; i < 4; i++) {
		os_fail_after(i, true);
		expect_failure("file", ENOMEM);
		os_fail_after(-1, false);
	}
	profile_restart(0);
	expect_failure("file", ENOTSUP);
	ck_assert_uint_eq(files(names, 2), 0);
	profile_restart(100);
	ck_assert_int_eq(hak_profile_dump("file"), 0);
}
END_TEST

/* Root could replace a device, and anybody his own pipe or link. */
START_TEST(test_special)
{
	char names[4][256];
	struct stat before, now;

	ck_assert_int_eq(mkfifo("pipe", 0600), 0);
	ck_assert_int_eq(symlink("/dev/null", "link"), 0);
	expect_failure("pipe", EEXIST);
	expect_failure("link", EEXIST);
	ck_assert_int_eq(lstat("pipe", &now), 0);
	ck_assert(S_ISFIFO(now.st_mode));
	ck_assert_int_eq(lstat("link", &now), 0);
	ck_assert(S_ISLNK(now.st_mode));
	ck_assert_uint_eq(files(names, LENGTH(names)), 2);
	/* The name that a setting gives, too. Where a part cannot be written in its folder, the
	 * system says so. */
	ck_assert_int_eq(stat("/dev/null", &before), 0);
	set_file("/dev/null");
	ck_assert_int_eq(hak_profile_dump(NULL), -1);
	ck_assert(errno == EEXIST || errno == EACCES);
	ck_assert_int_eq(stat("/dev/null", &now), 0);
	ck_assert_uint_eq(now.st_ino, before.st_ino);
}
END_TEST

/* A disk that is full, as far as a limit on the size of files is one. */
START_TEST(test_full)
{
	struct rlimit limit = {100, 100};
	char names[2][256];

	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	expect_failure("file", EFBIG);
	ck_assert_uint_eq(files(names, 2), 0);
}
END_TEST

/* --- signals, forks, threads ------------------------------------------------------------------ */

START_TEST(test_signal)
{
	char names[2][256];
	void *p;

	set_file("sig.%n");
	CONFIG_SET(profile_signal, SIGUSR2);
	profile_file_init();
	ck_assert_int_eq(raise(SIGUSR2), 0);
	ck_assert_int_eq(raise(SIGUSR2), 0);
	ck_assert_uint_eq(files(names, 2), 0);
	errno = ERRNO_MARK;
	p = hak_malloc(100000000);
	ck_assert_int_eq(errno, ERRNO_MARK);
	ck_assert_ptr_nonnull(p);
	hak_free(p);
	json_t *root = load("sig.0");
	ck_assert_str_eq(string(root, "reason"), "signal");
	json_decref(root);
	hak_free(hak_malloc(100000000));
	hak_free(hak_calloc(1, 100000000));
	ck_assert_uint_eq(files(names, 2), 1);
	raise(SIGUSR2);
	hak_free(hak_calloc(1, 100000000));
	ck_assert_uint_eq(files(names, 2), 2);
}
END_TEST

START_TEST(test_bad_signals)
{
	static const int bad[] = {SIGKILL, SIGSTOP, SIGSEGV, SIGABRT, 33};
	struct sigaction before, after;
	char message[512];

	for (unsigned i = 0; i < LENGTH(bad); i++) {
		sigaction(bad[i], NULL, &before);
		CONFIG_SET(profile_signal, (size_t)bad[i]);
		struct capture c = capture_begin();
		profile_file_init();
		capture_end(&c, message, sizeof(message));
		ck_assert_msg(strstr(message, "HAKMEM_PROFILE_SIGNAL=") != NULL, "%d: '%s'", bad[i],
			message);
		if (sigaction(bad[i], NULL, &after) == 0)
			ck_assert(before.sa_handler == after.sa_handler);
	}
}
END_TEST

START_TEST(test_exit)
{
	char message[512];

	set_file("exit");
	profile_file_at_exit();
	json_t *root = load("exit");
	ck_assert_str_eq(string(root, "reason"), "exit");
	json_decref(root);
	/* What cannot be written is said in one line. */
	set_file("none/exit");
	struct capture c = capture_begin();
	errno = ERRNO_MARK;
	profile_file_at_exit();
	ck_assert_int_eq(errno, ERRNO_MARK);
	capture_end(&c, message, sizeof(message));
	ck_assert_msg(strncmp(message, "hakmem: the profile cannot be written", 37) == 0, "'%s'",
		message);
	ck_assert_ptr_eq(strchr(message, '\n'), message + strlen(message) - 1);
}
END_TEST

static void
dump_in_child(void *name)
{
	snprintf(name, 64, "fixed.%d", (int)getpid());
	CHILD_REQUIRE(hak_profile_dump(NULL) == 0, "errno %d", errno);
	CHILD_REQUIRE(access(name, F_OK) == 0, "no %s", (char *)name);
}

/* A child must not write over its parent's file. */
START_TEST(test_fork)
{
	char name[64], message[512];

	set_file("fixed");
	sample(0x1000, 32, (const void *)setup, 4);
	ck_assert_int_eq(hak_profile_dump(NULL), 0);
	int status = run_child(dump_in_child, name, message, sizeof(message));
	ck_assert_msg(status == 0, "%s", message);
	json_t *root = load("fixed");
	ck_assert_uint_eq(number(root, "pid"), (uint64_t)getpid());
	json_decref(root);
}
END_TEST

static void *
write_many(void *arg)
{
	for (unsigned i = 0; i < 20; i++) {
		profile_alloc((char *)arg + 16 * i, 100, (uintptr_t)setup + i, NULL, 0);
		REQUIRE_MSG(hak_profile_dump("same.json") == 0, "errno %d", errno);
		REQUIRE_MSG(hak_profile_dump(NULL) == 0, "errno %d", errno);
	}
	return NULL;
}

START_TEST(test_threads)
{
	char names[2][256];
	char bases[4][1024];

	set_file("other.json");
	run_threads(4, write_many, bases, sizeof(bases[0]));
	ck_assert_uint_eq(files(names, 2), 2);
	json_decref(load("same.json"));
	json_decref(load("other.json"));
	json_t *root = dumped();
	ck_assert_uint_eq(json_array_size(json_object_get(root, "sites")), 20);
	json_decref(root);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("profile_file");
	TCase *tc = audited_tcase(suite, "profile_file", 120);

	unit_begin("test_profile_file");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_heading);
	tcase_add_test(tc, test_sites);
	tcase_add_test(tc, test_modules);
	tcase_add_test(tc, test_large);
	tcase_add_test(tc, test_names);
	tcase_add_test(tc, test_failures);
	tcase_add_test(tc, test_special);
	tcase_add_test(tc, test_full);
	tcase_add_test(tc, test_signal);
	tcase_add_test(tc, test_bad_signals);
	tcase_add_test(tc, test_exit);
	tcase_add_test(tc, test_fork);
	tcase_add_test(tc, test_threads);
	return run_suite(suite);
}
