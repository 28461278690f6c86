/* SPDX-License-Identifier: MIT
 * tests/unit/test_writer.c - base/writer: JSON and text from the same calls. */
#include "base/writer.h"

#include <fcntl.h>
#include <math.h>

#include "tests/unit/unit.h"

static char text[200000];

static const char *top = "top";

/* What `body` writes. */
static const char *
written(bool json, void (*body)(struct writer *w))
{
	struct writer w;
	FILE *file = tmpfile();
	size_t n;

	ck_assert_ptr_nonnull(file);
	errno = ERRNO_MARK;
	writer_begin(&w, fileno(file), json, top);
	body(&w);
	writer_finish(&w);
	ck_assert_int_eq(errno, ERRNO_MARK);
	rewind(file);
	n = fread(text, 1, sizeof(text) - 1, file);
	text[n] = '\0';
	fclose(file);
	return text;
}

static void
nothing(struct writer *w)
{
	(void)w;
}

static void
some(struct writer *w)
{
	writer_number(w, "n", 0);
	writer_number(w, "most", UINT64_MAX);
	writer_object(w, "o");
	writer_string(w, "s", "a\"b");
	writer_null(w, "none");
	writer_end(w);
	writer_array(w, "list");
	for (uint64_t i = 0; i < 2; i++) {
		writer_object(w, NULL);
		writer_number(w, "i", i);
		writer_address(w, "at", 0xdeadbeef + i);
		writer_end(w);
	}
	writer_end(w);
	writer_array(w, "empty");
	writer_end(w);
	writer_object(w, "bare");
	writer_end(w);
	writer_number(w, "last", 1);
}

START_TEST(test_structure)
{
	ck_assert_str_eq(written(true, nothing), "{\"top\":{}}\n");
	ck_assert_str_eq(written(true, some),
		"{\"top\":{\"n\":0,\"most\":18446744073709551615,"
		"\"o\":{\"s\":\"a\\\"b\",\"none\":null},"
		"\"list\":[{\"i\":0,\"at\":\"0xdeadbeef\"},{\"i\":1,\"at\":\"0xdeadbef0\"}],"
		"\"empty\":[],\"bare\":{},\"last\":1}}\n");
	ck_assert_str_eq(written(false, nothing), "");
	ck_assert_str_eq(written(false, some), "n                       0\n"
					       "most                    18446744073709551615\n"
					       "o:\n"
					       "  s                     a\"b\n"
					       "  none                  -\n"
					       "list: i=0 at=0xdeadbeef\n"
					       "list: i=1 at=0xdeadbef0\n"
					       "bare:\n"
					       "last                    1\n");
}
END_TEST

static void
figures(struct writer *w)
{
	writer_array(w, "l");
	writer_signed(w, NULL, -1);
	writer_signed(w, NULL, 0);
	writer_signed(w, NULL, INT64_MIN);
	writer_signed(w, NULL, INT64_MAX);
	writer_end(w);
	writer_array(w, "h");
	writer_hex(w, NULL, 0, 1);
	writer_hex(w, NULL, 0xabc, 1);
	writer_hex(w, NULL, 0xabc, 16);
	writer_hex(w, NULL, UINT64_MAX, 16);
	writer_end(w);
	writer_array(w, "d");
	writer_large(w, NULL, 0);
	writer_large(w, NULL, 0.6);
	writer_large(w, NULL, 0x1p52 + 1);
	writer_large(w, NULL, 999999999999999872.0);
	writer_large(w, NULL, 1e18);
	writer_large(w, NULL, 1.5e19);
	writer_large(w, NULL, -1);
	writer_large(w, NULL, NAN);
	writer_large(w, NULL, INFINITY);
	writer_end(w);
}

/* An object that is no member of another. */
START_TEST(test_alone)
{
	top = NULL;
	ck_assert_str_eq(written(true, nothing), "{}\n");
	ck_assert_str_eq(written(true, figures),
		"{\"l\":[-1,0,-9223372036854775808,9223372036854775807],"
		"\"h\":[\"0\",\"abc\",\"0000000000000abc\",\"ffffffffffffffff\"],"
		"\"d\":[0,1,4503599627370497,999999999999999872,100000000000000000e1,"
		"150000000000000000e2,null,null,null]}\n");
}
END_TEST

START_TEST(test_error)
{
	struct writer w;
	int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	writer_begin(&w, fd, true, NULL);
	for (int i = 0; i < 1000; i++)
		writer_number(&w, "n", 1);
	errno = ERRNO_MARK;
	writer_finish(&w);
	ck_assert_int_eq(errno, ERRNO_MARK);
	ck_assert_int_eq(w.error, ENOSPC);
	close(fd);
}
END_TEST

static const struct {
	const char *raw, *escaped;
} strings[] = {
	{"", ""},
	{"/usr/lib/libx.so.1 (deleted)", "/usr/lib/libx.so.1 (deleted)"},
	{"\"\\/", "\\\"\\\\/"},
	{"\n\t\x01\x1f\x7f", "\\u000a\\u0009\\u0001\\u001f\\u007f"},
	{"h\xc3\xa4kmem \xe2\x82\xac \xf0\x9f\x8e\x89",
		"h\xc3\xa4kmem \xe2\x82\xac \xf0\x9f\x8e\x89"},
	/* Alone, cut, too long, surrogates, too high. */
	{"\x80", "\\ufffd"},
	{"\xff\xfe", "\\ufffd\\ufffd"},
	{"\xc3", "\\ufffd"},
	{"\xc3(", "\\ufffd("},
	{"\xe2\x82", "\\ufffd\\ufffd"},
	{"\xc0\xaf", "\\ufffd\\ufffd"},
	{"\xe0\x80\xaf", "\\ufffd\\ufffd\\ufffd"},
	{"\xed\xa0\x80", "\\ufffd\\ufffd\\ufffd"},
	{"\xf4\x90\x80\x80", "\\ufffd\\ufffd\\ufffd\\ufffd"},
	{"\xf0\x9f\x8e", "\\ufffd\\ufffd\\ufffd"},
};

static const char *raw;

static void
one_string(struct writer *w)
{
	writer_string(w, "s", raw);
}

START_TEST(test_strings)
{
	char expected[256];

	raw = strings[_i].raw;
	snprintf(expected, sizeof(expected), "{\"top\":{\"s\":\"%s\"}}\n", strings[_i].escaped);
	ck_assert_str_eq(written(true, one_string), expected);
	/* Whatever is in it, text stays one line. */
	written(false, one_string);
	ck_assert_ptr_eq(strchr(text, '\n'), text + strlen(text) - 1);
}
END_TEST

static const struct {
	double value;
	unsigned decimals;
	const char *text;
} fixed[] = {
	{0, 0, "0"},
	{0, 6, "0.000000"},
	{0.5, 0, "1"},
	{0.49, 0, "0"},
	{1.0 / 3, 4, "0.3333"},
	{2.0 / 3, 6, "0.666667"},
	{0.05, 2, "0.05"},
	{0.999999, 3, "1.000"},
	{123456789.25, 1, "123456789.3"},
	{4e12, 1, "4000000000000.0"},
	{-1, 2, "null"},
	{-0.0, 1, "0.0"},
	{1e300, 2, "null"},
	{INFINITY, 2, "null"},
	{NAN, 2, "null"},
};

static int which;

static void
one_fixed(struct writer *w)
{
	writer_fixed(w, "f", fixed[which].value, fixed[which].decimals);
}

START_TEST(test_fixed)
{
	char expected[64];

	which = _i;
	snprintf(expected, sizeof(expected), "{\"top\":{\"f\":%s}}\n", fixed[_i].text);
	ck_assert_str_eq(written(true, one_fixed), expected);
}
END_TEST

static void
many(struct writer *w)
{
	writer_array(w, "a");
	for (uint64_t i = 0; i < 5000; i++) {
		writer_object(w, NULL);
		writer_number(w, "i", i);
		writer_end(w);
	}
	writer_end(w);
}

/* More than the buffer holds, again and again. */
START_TEST(test_long)
{
	char member[32];
	const char *at;

	at = strstr(written(true, many), "[");
	for (unsigned i = 0; i < 5000; i++) {
		int n = snprintf(member, sizeof(member), "%c{\"i\":%u}", i ? ',' : '[', i);
		REQUIRE_MSG(strncmp(at, member, (size_t)n) == 0, "%.30s, not %s", at, member);
		at += n;
	}
	ck_assert_str_eq(at, "]}}\n");
}
END_TEST

/* Nowhere to write to is no reason to stop. */
START_TEST(test_nowhere)
{
	struct writer w;

	errno = ERRNO_MARK;
	writer_begin(&w, -1, true, "top");
	many(&w);
	writer_finish(&w);
	ck_assert_int_eq(errno, ERRNO_MARK);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("writer");
	TCase *tc = plain_tcase(suite, "writer", 30);

	unit_begin("test_writer");
	tcase_add_test(tc, test_structure);
	tcase_add_test(tc, test_alone);
	tcase_add_test(tc, test_error);
	tcase_add_loop_test(tc, test_strings, 0, LENGTH(strings));
	tcase_add_loop_test(tc, test_fixed, 0, LENGTH(fixed));
	tcase_add_test(tc, test_long);
	tcase_add_test(tc, test_nowhere);
	return run_suite(suite);
}
