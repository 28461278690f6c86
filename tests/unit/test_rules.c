/* SPDX-License-Identifier: MIT
 * tests/unit/test_rules.c - arenas/rules: lines that are rules and lines that are none, the file's
 * bounds, what a site meets by symbol, module, id and size, the table's bound, and threads. */
#include "arenas/rules.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "arenas/arena.h"
#include "base/config.h"
#include "tests/unit/unit.h"

#define PATH_BYTES 128

static struct rules *
table(void)
{
	return RELAXED(hak_rules);
}

/* A file of its own with this text. */
static void
write_file(char path[PATH_BYTES], const char *text)
{
	const char *directory = getenv("TMPDIR");
	FILE *f;

	snprintf(path, PATH_BYTES, "%s/test_rules.XXXXXX", directory ? directory : "/tmp");
	f = fdopen(mkstemp(path), "w");
	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	ck_assert_int_eq(fclose(f), 0);
}

/* Loads rules; what is said of them goes to the message. */
static void
load(const char *text, char *message, size_t size)
{
	char path[PATH_BYTES];
	struct capture c;

	write_file(path, text);
	backend_init();
	c = capture_begin();
	errno = ERRNO_MARK;
	rules_load(path);
	ck_assert_int_eq(errno, ERRNO_MARK);
	capture_end(&c, message, size);
	unlink(path);
}

static void
load_good(const char *text, unsigned count)
{
	char message[4096];

	load(text, message, sizeof(message));
	ck_assert_str_eq(message, "");
	ck_assert_ptr_nonnull(table());
	ck_assert_uint_eq(table()->count, count);
	ck_assert_uint_eq(table()->refused, 0);
}

/* --- the parser ------------------------------------------------------------------------------- */

START_TEST(test_one_rule)
{
	load_good("symbol f module libx.so+0x1aF0-0x1b00 site 00ff00ff00ff00fF size 1k-2M -> arena "
		  "63, "
		  "bigcache no,purge , sample # all of it",
		1);
	const struct rule *r = &table()->rules[0];
	ck_assert_uint_eq(r->line, 1);
	ck_assert_uint_eq(
		r->conditions, RULE_SYMBOL | RULE_MODULE | RULE_OFFSET | RULE_SITE | RULE_SIZE);
	ck_assert_str_eq(r->symbol, "f");
	ck_assert_str_eq(r->module, "libx.so");
	ck_assert_uint_eq(r->low, 0x1af0);
	ck_assert_uint_eq(r->high, 0x1b00);
	ck_assert_uint_eq(r->id, 0x00ff00ff00ff00ffu);
	ck_assert_uint_eq(r->least, 1024);
	ck_assert_uint_eq(r->most, 2 * MIB);
	ck_assert_uint_eq(r->actions, RULE_ARENA | RULE_FATE | RULE_SAMPLE);
	ck_assert_uint_eq(r->arena, 63);
	ck_assert_int_eq(r->fate, FATE_PURGED);
}
END_TEST

/* Blank lines, comments, carriage returns, tabs, and a last line without an end. */
START_TEST(test_layout)
{
	load_good("\n  # symbol f -> keep\n\t\r\nsymbol\ta\t->\tkeep\r\n\nsize 0-0 -> "
		  "purge,bigcache no\n"
		  "module libstdc++.so.6 -> bigcache yes, keep\nmodule a+0x1+0x2->b+0x3 -> sample",
		4);
	const struct rule *r = table()->rules;
	ck_assert_uint_eq(r[0].line, 4);
	ck_assert_int_eq(r[0].fate, FATE_KEPT);
	ck_assert_uint_eq(r[0].least, 0);
	ck_assert_uint_eq(r[0].most, SIZE_MAX);
	ck_assert_uint_eq(r[1].line, 6);
	ck_assert_int_eq(r[1].fate, FATE_PURGED);
	ck_assert_uint_eq(r[1].most, 0);
	ck_assert_str_eq(r[2].module, "libstdc++.so.6");
	ck_assert_uint_eq(r[2].conditions, RULE_MODULE);
	ck_assert_int_eq(r[2].fate, FATE_KEPT);
	ck_assert_str_eq(r[3].module, "a+0x1+0x2->b");
	ck_assert_uint_eq(r[3].low, 3);
	ck_assert_uint_eq(r[3].high, 3);
}
END_TEST

/* Every error, and what is said of it. */
static const struct {
	const char *line, *reason;
} bad[] = {
	{"symbol f keep", "\"keep\" is no condition (symbol, module, site, size)"},
	{"symbol f", "there is no \" -> \" with an action behind it"},
	{"-> keep", "there is no condition before the \"->\""},
	{"group x -> keep", "\"group\" is no condition"},
	{"symbol", "nothing follows \"symbol\""},
	{"symbol -> keep", "nothing follows \"symbol\""},
	{"symbol a symbol b -> keep", "\"symbol\" twice"},
	{"size 1-2 module m size 3-4 -> keep", "\"size\" twice"},
	{"module a+0x -> keep", "\"a+0x\" is not NAME, NAME+0xOFFSET or NAME+0xLOW-0xHIGH"},
	{"module a+0x1- -> keep", "\"a+0x1-\" is not NAME"},
	{"module a+0x1-2 -> keep", "\"a+0x1-2\" is not NAME"},
	{"module a+0x1g -> keep", "\"a+0x1g\" is not NAME"},
	{"module a+0x5-0x4 -> keep", "\"a+0x5-0x4\" is not NAME"},
	{"module a+0x11112222333344445 -> keep", "\"a+0x11112222333344445\" is not NAME"},
	{"module +0x5 -> keep", "\"+0x5\" has no file's name before the offset"},
	{"site 12 -> keep", "\"12\" is no site's id, which has 16 hexadecimal digits"},
	{"site 0123456789abcdeg -> keep", "is no site's id"},
	{"site 0123456789abcdef0 -> keep", "is no site's id"},
	{"size 5 -> keep", "\"5\" is no range MIN-MAX of sizes, such as 0-1K or 64K-1M"},
	{"size -5 -> keep", "\"-5\" is no range"},
	{"size 5- -> keep", "\"5-\" is no range"},
	{"size 2K-1K -> keep", "\"2K-1K\" is no range"},
	{"size 1-2T -> keep", "\"1-2T\" is no range"},
	{"size 1-2KK -> keep", "\"1-2KK\" is no range"},
	{"size 0-18446744073709551616 -> keep", "is no range"},
	{"size 0-17179869184G -> keep", "is no range"},
	{"symbol f ->", "an action is missing ("
			"arena, bigcache, isolate, keep, lasting, purge, sample, short)"},
	{"symbol f -> keep,", "an action is missing"},
	{"symbol f -> keep,,purge", "an action is missing"},
	{"symbol f -> hold", "\"hold\" is no action (arena, bigcache, isolate, "},
	{"symbol f -> group a", "\"group\" is no action"},
	{"symbol f -> isolate 3", "there is no comma before \"3\""},
	{"symbol f -> isolate, lasting", "\"isolate\", \"lasting\" and \"short\" exclude"},
	{"symbol f -> lasting, short", "exclude each other"},
	{"symbol f -> short, keep, isolate", "exclude each other"},
	{"size 32769-1M -> lasting", "\"lasting\" is for blocks of up to 32768 bytes"},
	{"symbol f -> keep purge", "there is no comma before \"purge\""},
	{"symbol f -> arena 1 keep", "there is no comma before \"keep\""},
	{"symbol f -> arena", "\"arena\" needs a number from 0 to 63"},
	{"symbol f -> arena x", "\"arena\" needs a number from 0 to 63"},
	{"symbol f -> arena 64", "\"arena\" needs a number from 0 to 63"},
	{"symbol f -> arena -1", "\"arena\" needs a number from 0 to 63"},
	{"symbol f -> arena 1, arena 2", "\"arena\" twice"},
	{"symbol f -> bigcache", "\"bigcache\" needs yes or no"},
	{"symbol f -> bigcache 1", "\"bigcache\" needs yes or no"},
	{"symbol f -> keep, purge", "exclude each other"},
	{"symbol f -> purge, keep", "exclude each other"},
	{"symbol f -> bigcache no, keep", "exclude each other"},
	{"symbol f -> bigcache yes, purge", "exclude each other"},
	{"symbol f -> bigcache yes, bigcache no", "exclude each other"},
};

/* A line that is none is told by file, line and reason, and the others are taken. */
START_TEST(test_bad_line)
{
	char text[512], message[1024], where[8] = ":2: ";

	snprintf(text, sizeof(text), "symbol a -> keep\n%s\nsymbol b -> purge\n", bad[_i].line);
	load(text, message, sizeof(message));
	ck_assert_msg(strstr(message, bad[_i].reason) != NULL, "%s: %s", bad[_i].line, message);
	ck_assert_msg(strncmp(message, "hakmem: ", 8) == 0, "%s", message);
	ck_assert_ptr_nonnull(strstr(message, "test_rules."));
	ck_assert_msg(strstr(message, where) != NULL, "%s", message);
	ck_assert_msg(strchr(message, '\n') == message + strlen(message) - 1, "%s", message);
	ck_assert_uint_eq(table()->count, 2);
	ck_assert_uint_eq(table()->refused, 1);
	ck_assert_uint_eq(table()->rules[1].line, 3);
	ck_assert_str_eq(table()->rules[1].symbol, "b");
	/* Names of a refused line take no room. */
	ck_assert_uint_eq(table()->names_used, strlen("a") + 1 + strlen("b") + 1);
}
END_TEST

/* Text of n copies of a line. */
static char *
repeat(const char *line, size_t n)
{
	size_t length = strlen(line);
	char *text = malloc(n * length + 1);

	ck_assert_ptr_nonnull(text);
	for (size_t i = 0; i < n; i++)
		memcpy(text + i * length, line, length);
	text[n * length] = '\0';
	return text;
}

START_TEST(test_bounds)
{
	static char name[RULES_LINE_BYTES - 30], message[16384], line[RULES_LINE_BYTES];
	char *text = repeat("symbol f -> keep\n", RULES_MOST + 3);

	load(text, message, sizeof(message));
	ck_assert_uint_eq(table()->count, RULES_MOST);
	ck_assert_uint_eq(table()->refused, 3);
	ck_assert_ptr_nonnull(strstr(message, ":257: there are 256 rules already"));
	free(text);
	/* All names together. */
	memset(name, 'n', sizeof(name) - 1);
	snprintf(line, sizeof(line), "symbol %s -> keep\n", name);
	text = repeat(line, 40);
	load(text, message, sizeof(message));
	ck_assert_uint_eq(table()->count, RULES_NAMES_BYTES / sizeof(name));
	ck_assert_ptr_nonnull(strstr(message, "all names together may have 65536 bytes"));
	free(text);
	/* One line too long, and one that is not. */
	text = repeat("#", RULES_LINE_BYTES - 1);
	load(text, message, sizeof(message));
	ck_assert_ptr_nonnull(strstr(message, ":1: the line is longer than 2046 bytes"));
	load(text + 1, message, sizeof(message));
	ck_assert_str_eq(message, "");
	free(text);
}
END_TEST

/* What is no rules file at all says little, and is not read to its end. */
START_TEST(test_garbage)
{
	char message[8192], *text = repeat("nonsense\n", RULES_LINES + 100);
	size_t lines = 0;

	load(text, message, sizeof(message));
	free(text);
	for (const char *p = message; (p = strchr(p, '\n')) != NULL; p++)
		lines++;
	ck_assert_uint_eq(lines, 22);
	ck_assert_ptr_nonnull(strstr(message, ":4097: no more than 4096 lines are read"));
	ck_assert_ptr_nonnull(strstr(message, ": 4076 more lines are no rules"));
	ck_assert_uint_eq(table()->refused, RULES_LINES);
	for (int i = 0; i < 20000 / UNIT_SLOW; i++) {
		static const char letters[] = "symbol size-> +0x1,K\t#module arena keep purge\n";
		static uint64_t rng;
		char line[64];
		if (i == 0)
			rng = unit_rng(1);
		size_t n = rng_below(&rng, sizeof(line));
		for (size_t k = 0; k < n; k++)
			line[k] = letters[rng_below(&rng, sizeof(letters) - 1)];
		line[n] = '\0';
		rules_take_line(table(), line, "random", 1);
		REQUIRE_MSG(table()->count <= RULES_MOST, "%u", table()->count);
	}
}
END_TEST

START_TEST(test_no_file)
{
	static const char *const paths[] = {"/nowhere/rules.txt", "/", "/dev/zero"};
	char message[512];
	struct capture c = capture_begin();

	backend_init();
	rules_load(paths[_i]);
	capture_end(&c, message, sizeof(message));
	ck_assert_ptr_nonnull(strstr(message, paths[_i]));
	ck_assert_ptr_nonnull(strstr(message, "no regular file that can be read"));
	ck_assert_ptr_null(table());
	ck_assert(!rules_samples(1, 1));
}
END_TEST

/* Nobody writes to the pipe: reading it would wait for ever. */
START_TEST(test_pipe)
{
	char path[PATH_BYTES], message[512];
	struct capture c;

	write_file(path, "");
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	c = capture_begin();
	backend_init();
	rules_load(path);
	capture_end(&c, message, sizeof(message));
	unlink(path);
	ck_assert_ptr_nonnull(strstr(message, "no regular file"));
}
END_TEST

/* --- sites ------------------------------------------------------------------------------------ */

static struct rules_frame
frame_at(const char *path, uintptr_t offset, uint64_t id, const char *function)
{
	const char *slash = strrchr(path, '/');
	struct rules_frame f = {
		.path = path, .name = slash + 1, .exact = true, .offset = offset, .id = id};

	if (function)
		rules_note_function(&f, function);
	return f;
}

/* The arena that the rules give the site with that one frame. */
static int
arena_for(uintptr_t site, struct rules_frame f, size_t size)
{
	ck_assert(!rules_know(site));
	rules_settle(site, &f, 1);
	ck_assert(rules_know(site));
	return rules_arena(site, size);
}

START_TEST(test_symbols)
{
	load_good("symbol f -> arena 1\nsymbol g -> arena 2\n", 2);
	ck_assert(rules_need_functions());
	ck_assert_int_eq(arena_for(10, frame_at("/l/a", 1, 1, "f"), 8), 1);
	ck_assert_int_eq(arena_for(11, frame_at("/l/a", 1, 1, "g"), 8), 2);
	ck_assert_int_eq(arena_for(12, frame_at("/l/a", 1, 1, "ff"), 8), -1);
	ck_assert_int_eq(arena_for(13, frame_at("/l/a", 1, 1, NULL), 8), -1);
	/* Parts and clones of a function, and versions. */
	ck_assert_int_eq(arena_for(14, frame_at("/l/a", 1, 1, "g.part.0"), 8), 2);
	ck_assert_int_eq(arena_for(15, frame_at("/l/a", 1, 1, "g@@V_1"), 8), 2);
	ck_assert_uint_eq(RELAXED(table()->rules[1].sites), 3);
	ck_assert_uint_eq(RELAXED(table()->rules[1].acted), 3);
	ck_assert_uint_eq(RELAXED(table()->settled), 6);
}
END_TEST

START_TEST(test_modules)
{
	struct rules_frame f = frame_at("/l/b", 0x10, 1, NULL);

	load_good(
		"module a -> arena 1\nmodule /m/b+0x10-0x1f -> arena 2\nmodule b+0x10 -> arena 3\n",
		3);
	ck_assert(!rules_need_functions());
	ck_assert_int_eq(arena_for(10, frame_at("/l/a", 1, 1, NULL), 8), 1);
	ck_assert_int_eq(arena_for(11, frame_at("/m/b", 0x10, 1, NULL), 8), 2);
	ck_assert_int_eq(arena_for(12, frame_at("/m/b", 0x1f, 1, NULL), 8), 2);
	ck_assert_int_eq(arena_for(13, frame_at("/m/b", 0x20, 1, NULL), 8), -1);
	ck_assert_int_eq(arena_for(14, frame_at("/m/b", 0xf, 1, NULL), 8), -1);
	ck_assert_int_eq(arena_for(15, f, 8), 3);
	ck_assert_int_eq(arena_for(16, frame_at("/l/aa", 1, 1, NULL), 8), -1);
	/* Where the file's headers could not be read its offsets are not known. */
	f.exact = false;
	ck_assert_int_eq(arena_for(17, f, 8), -1);
}
END_TEST

/* The caller's frame counts too; each rule has to hold for one frame as a whole. */
START_TEST(test_frames_and_ids)
{
	struct rules_frame f[2];

	load_good("site 0000000000000abc -> arena 1\nsymbol g module a -> arena 2\n", 2);
	f[0] = frame_at("/l/a", 1, 5, "f");
	f[1] = frame_at("/l/b", 1, 0xabc, "g");
	rules_settle(10, f, 2);
	ck_assert_int_eq(rules_arena(10, 8), 1);
	f[1].id = 6;
	rules_settle(11, f, 2);
	ck_assert_int_eq(rules_arena(11, 8), -1);
	f[1] = frame_at("/m/a", 1, 6, "g");
	rules_settle(12, f, 2);
	ck_assert_int_eq(rules_arena(12, 8), 2);
	ck_assert_int_eq(arena_for(13, frame_at("/l/a", 1, 0xabc, NULL), 8), 1);
	/* No file at all. */
	f[0] = (struct rules_frame){.id = 0xabc};
	ck_assert_int_eq(arena_for(14, f[0], 8), -1);
}
END_TEST

/* Sizes are both included; each action comes from the first rule that has it. */
START_TEST(test_sizes_and_order)
{
	load_good("symbol f size 1K-2K -> arena 1, bigcache no\nsize 2K-4K -> arena 2, sample\n"
		  "size 2K-8K -> arena 3, keep\n",
		3);
	struct rules_frame f = frame_at("/l/a", 1, 1, "f");
	rules_settle(10, &f, 1);
	ck_assert_int_eq(rules_arena(10, 1023), -1);
	ck_assert_int_eq(rules_arena(10, 1024), 1);
	ck_assert_int_eq(rules_arena(10, 2048), 1);
	ck_assert_int_eq(rules_arena(10, 2049), 2);
	ck_assert_int_eq(rules_arena(10, 4097), 3);
	ck_assert_int_eq(rules_arena(10, 8193), -1);
	ck_assert_int_eq(rules_fate(10, 2048), FATE_UNCACHED);
	ck_assert_int_eq(rules_fate(10, 2049), FATE_KEPT);
	ck_assert_int_eq(rules_fate(10, 1), FATE_USUAL);
	ck_assert(rules_samples(10, 2048) && !rules_samples(10, 2047) && !rules_samples(10, 5000));
	ck_assert_uint_eq(RELAXED(table()->rules[1].acted), 2);
	/* A site that nobody has settled has no rules. */
	ck_assert_int_eq(rules_arena(99, 3000), -1);
}
END_TEST

/* Where blocks lie, by the first rule that says so; asking counts nothing. */
START_TEST(test_places)
{
	load_good("symbol f size 0-64 -> short\nsymbol f -> keep, lasting, lasting\n"
		  "size 4K-8K -> isolate, arena 3\nsize 32K-1M -> lasting\n",
		4);
	struct rule *r = table()->rules;
	ck_assert_int_eq(r[0].place, PLACE_SHORT);
	ck_assert_int_eq(r[1].place, PLACE_LASTING);
	ck_assert_int_eq(r[2].place, PLACE_ISOLATED);
	for (unsigned i = 0; i < 4; i++) {
		ck_assert(r[i].actions & RULE_PLACE);
		r[i].group = i;
	}
	struct rules_frame f = frame_at("/l/a", 1, 1, "f"), g = frame_at("/l/a", 1, 1, "g");
	ck_assert_int_eq(rules_group(10, 64), RULES_UNSETTLED);
	rules_settle(10, &f, 1);
	rules_settle(11, &g, 1);
	ck_assert_int_eq(rules_group(10, 64), 0);
	ck_assert_int_eq(rules_group(10, 65), 1);
	ck_assert_int_eq(rules_group(10, 5000), 1);
	ck_assert_int_eq(rules_group(10, 32768), 1);
	ck_assert_int_eq(rules_group(10, 32769), RULES_UNSAID);
	ck_assert_int_eq(rules_group(11, 5000), 2);
	ck_assert_int_eq(rules_group(11, 32768), 3);
	ck_assert_int_eq(rules_group(11, 64), RULES_UNSAID);
	ck_assert_int_eq(rules_group(11, 2 * MIB), RULES_UNSAID);
	ck_assert_uint_eq(RELAXED(r[1].acted), 0);
	rules_note_placed(10, 65);
	rules_note_placed(11, 64);
	ck_assert_uint_eq(RELAXED(r[1].acted), 1);
	/* Left out for this process, at start. */
	r[2].actions &= ~(unsigned)RULE_PLACE;
	rules_settle(12, &g, 1);
	ck_assert_int_eq(rules_group(12, 5000), RULES_UNSAID);
}
END_TEST

/* Full: sites without a place are done without, and none of the others is lost. */
START_TEST(test_overflow)
{
	const struct rules_frame nothing = {.id = 1};
	size_t settled = 0;

	load_good("size 0-9 -> arena 7\n", 1);
	for (uintptr_t site = 1; site <= 2 * RULES_SITES; site++) {
		if (!rules_know(site))
			rules_settle(site, &nothing, 1);
		settled += rules_arena(site, 8) == 7;
	}
	ck_assert_uint_gt(settled, RULES_SITES * 9 / 10);
	ck_assert_uint_le(settled, RULES_SITES);
	ck_assert_uint_eq(RELAXED(table()->settled), settled);
	ck_assert_uint_eq(RELAXED(table()->overflows), 2 * RULES_SITES - settled);
}
END_TEST

/* One settles while others ask: a site is known with its rules or not at all. */
static void *
ask(void *done)
{
	uint64_t wrong = 0;

	while (!RELAXED(*(_Atomic bool *)done))
		for (uintptr_t site = 1; site <= 1000; site++) {
			int arena = rules_arena(site, 8);
			wrong += arena != -1 && arena != (int)(site & 1);
		}
	return (void *)wrong;
}

START_TEST(test_threads)
{
	static _Atomic bool done;
	pthread_t threads[3];
	void *wrong;

	load_good("symbol even -> arena 0\nsymbol odd -> arena 1\n", 2);
	for (size_t i = 0; i < LENGTH(threads); i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, ask, &done), 0);
	for (uintptr_t site = 1; site <= 1000; site++) {
		struct rules_frame f = frame_at("/l/a", 1, 1, site & 1 ? "odd" : "even");
		rules_settle(site, &f, 1);
		if (site % 100 == 0)
			sleep_us(1000);
	}
	RELAXED_SET(done, true);
	for (size_t i = 0; i < LENGTH(threads); i++) {
		ck_assert_int_eq(pthread_join(threads[i], &wrong), 0);
		ck_assert_ptr_null(wrong);
	}
}
END_TEST

/* An arena that a rule names is made when it is needed, and serves the site alone. */
START_TEST(test_arena)
{
	struct arena_report report;
	struct backend_tiers tiers = {0};
	unsigned cls = sizeclass_of(100);
	struct rules_frame f;
	struct magazine m;

	backend_init();
	arena_init();
	load_good("symbol f size 0-128 -> arena 5\n", 1);
	f = frame_at("/l/a", 1, 1, "f");
	rules_settle(10, &f, 1);
	m = arena_refill(cls, 10, 4, 4);
	ck_assert_uint_eq(m.count, 4);
	ck_assert(arena_report(5, &report, &tiers));
	ck_assert_uint_eq(report.counts.refills, 1);
	ck_assert(!arena_report(0, &report, &tiers));
	arena_flush(arena_refill(cls, 11, 4, 4).head);
	arena_flush(arena_refill(sizeclass_of(200), 10, 4, 4).head);
	ck_assert(arena_report(0, &report, &tiers));
	ck_assert_uint_eq(report.counts.refills, 2);
	ck_assert_uint_eq(arena_totals().arenas, 1);
	arena_flush(m.head);
	arena_audit();
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("rules");
	TCase *tc = plain_tcase(suite, "file", 60);

	unit_begin("test_rules");
	tcase_add_test(tc, test_one_rule);
	tcase_add_test(tc, test_layout);
	tcase_add_loop_test(tc, test_bad_line, 0, (int)LENGTH(bad));
	tcase_add_test(tc, test_bounds);
	tcase_add_test(tc, test_garbage);
	tcase_add_loop_test(tc, test_no_file, 0, 3);
	tcase_add_test(tc, test_pipe);
	tc = plain_tcase(suite, "sites", 60);
	tcase_add_test(tc, test_symbols);
	tcase_add_test(tc, test_modules);
	tcase_add_test(tc, test_frames_and_ids);
	tcase_add_test(tc, test_sizes_and_order);
	tcase_add_test(tc, test_places);
	tcase_add_test(tc, test_overflow);
	tcase_add_test(tc, test_threads);
	tcase_add_test(tc, test_arena);
	return run_suite(suite);
}
