/* SPDX-License-Identifier: MIT
 * tests/unit/test_assert.c - base/assert: formatting without stdio, and the ways to stop. */
#include "base/assert.h"

#include <fcntl.h>
#include <stdarg.h>

#include "tests/unit/unit.h"

static size_t
format(char *buf, size_t size, const char *text, ...)
{
	va_list args;
	size_t n;

	va_start(args, text);
	n = log_format(buf, size, text, args);
	va_end(args);
	return n;
}

START_TEST(test_conversions)
{
	char buf[128];
	size_t n;

	n = format(buf, sizeof(buf), "a%sb%sc", "", "text");
	ck_assert_str_eq(buf, "abtextc");
	ck_assert_uint_eq(n, strlen(buf));
	format(buf, sizeof(buf), "%p %p %p", NULL, (void *)0xdeadbeef, (void *)UINTPTR_MAX);
	ck_assert_str_eq(buf, "0x0 0xdeadbeef 0xffffffffffffffff");
	format(buf, sizeof(buf), "%u %u %u", (size_t)0, (size_t)10, SIZE_MAX);
	ck_assert_str_eq(buf, "0 10 18446744073709551615");
	format(buf, sizeof(buf), "100%% %u%%", (size_t)5);
	ck_assert_str_eq(buf, "100% 5%");
	n = format(buf, sizeof(buf), "");
	ck_assert_str_eq(buf, "");
	ck_assert_uint_eq(n, 0);
}
END_TEST

/* Against stdio. */
START_TEST(test_random_numbers)
{
	uint64_t rng = unit_rng(0);

	for (int i = 0; i < 10000; i++) {
		size_t value = (size_t)(rng_next(&rng) >> rng_below(&rng, 64));
		char buf[128], expected[128];

		format(buf, sizeof(buf), "%u %p", value, (void *)value);
		snprintf(expected, sizeof(expected), "%zu 0x%zx", value, value);
		ck_assert_str_eq(buf, expected);
	}
}
END_TEST

/* Each size of buffer gets as much of the text as fits, and its terminator; no byte behind. */
START_TEST(test_truncation)
{
	static const char whole[] = "one 1234567890 0xabc % two";

	for (size_t size = 1; size <= sizeof(whole) + 2; size++) {
		char buf[64];
		size_t fits = size - 1 < strlen(whole) ? size - 1 : strlen(whole);
		size_t n;

		memset(buf, '#', sizeof(buf));
		n = format(buf, size, "%s %u %p %% %s", "one", (size_t)1234567890, (void *)0xabc,
			"two");
		ck_assert_uint_eq(n, fits);
		ck_assert_int_eq(strncmp(buf, whole, fits), 0);
		ck_assert_int_eq(buf[fits], '\0');
		for (size_t i = size; i < sizeof(buf); i++)
			ck_assert_int_eq(buf[i], '#');
	}
}
END_TEST

START_TEST(test_line)
{
	char message[1024], text[600];
	struct capture c = capture_begin();

	errno = ERRNO_MARK;
	log_line("%s: %u", "figure", (size_t)42);
	ck_assert_int_eq(errno, ERRNO_MARK);
	capture_end(&c, message, sizeof(message));
	ck_assert_str_eq(message, "hakmem: figure: 42\n");

	/* A long one is cut, and is still a line. */
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	c = capture_begin();
	log_line("%s", text);
	capture_end(&c, message, sizeof(message));
	ck_assert_uint_le(strlen(message), 512);
	ck_assert_uint_ge(strlen(message), 500);
	ck_assert_int_eq(message[strlen(message) - 1], '\n');
	ck_assert_int_eq(strncmp(message, "hakmem: xxx", 11), 0);
}
END_TEST

/* Nobody reads standard error: nothing happens, and errno stays. */
static void
line_to_closed(void *arg)
{
	int fd;

	(void)arg;
	close(STDERR_FILENO);
	errno = ERRNO_MARK;
	log_line("lost");
	CHILD_REQUIRE(errno == ERRNO_MARK, "errno %d", errno);
	/* The descriptor's number serves a file of the program's next; nothing was left open. */
	fd = open("/dev/null", O_WRONLY);
	_exit(fd == STDERR_FILENO ? 3 : 1);
}

static void
fatal_to_closed(void *arg)
{
	(void)arg;
	close(STDERR_FILENO);
	log_fatal("lost");
}

START_TEST(test_closed)
{
	char message[128];
	int status = run_child(line_to_closed, NULL, message, sizeof(message));

	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 3);
	status = run_child(fatal_to_closed, NULL, message, sizeof(message));
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	ck_assert_str_eq(message, "");
}
END_TEST

static void
fatal(void *arg)
{
	log_fatal("%s at %p", (const char *)arg, (void *)0x10);
}

static void
failing_check(void *arg)
{
	HAK_CHECK(!arg);
}

static void
failing_assert(void *arg)
{
	HAK_ASSERT(!arg);
	(void)arg;
}

START_TEST(test_fatal)
{
	char message[512];
	int evaluated = 0;

	expect_abort(fatal, "trouble", "trouble at 0x10");
	expect_abort(failing_check, message, "!arg");
	if (HAK_DEBUG >= 1)
		expect_abort(failing_assert, message, "!arg");
	else
		ck_assert_int_eq(run_child(failing_assert, message, message, sizeof(message)), 0);
	HAK_CHECK(true);
	HAK_ASSERT(true);
	HAK_AUDIT(evaluated++);
	ck_assert_int_eq(evaluated, HAK_DEBUG >= 2);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("assert");
	TCase *tc = plain_tcase(suite, "assert", 30);

	unit_begin("test_assert");
	tcase_add_test(tc, test_conversions);
	tcase_add_test(tc, test_random_numbers);
	tcase_add_test(tc, test_truncation);
	tcase_add_test(tc, test_line);
	tcase_add_test(tc, test_closed);
	tcase_add_test(tc, test_fatal);
	return run_suite(suite);
}
