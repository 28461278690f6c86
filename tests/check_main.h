/* SPDX-License-Identifier: MIT
 * tests/check_main.h - what the Check programs share: a test case that audits the heap after each
 * of its tests, and the main function's body. */
#ifndef TESTS_CHECK_MAIN_H
#define TESTS_CHECK_MAIN_H

#include <check.h>
#include <stdlib.h>

#include <hakmem/hakmem.h>

/* A new test case of the suite; hak_audit runs after each test, in the test's own process. */
static inline TCase *
audited_tcase(Suite *suite, const char *name, double timeout_s)
{
	TCase *tc = tcase_create(name);

	tcase_add_checked_fixture(tc, NULL, hak_audit);
	tcase_set_timeout(tc, timeout_s);
	suite_add_tcase(suite, tc);
	return tc;
}

/* Runs the suite as the CK_ environment variables say; the result is main's. */
static inline int
run_suite(Suite *suite)
{
	SRunner *runner = srunner_create(suite);
	int failed;

	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
