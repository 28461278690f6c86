/* SPDX-License-Identifier: MIT
 * tests/unit/test_policy.c - arenas/policy: the table, publishing, and the file, good and bad. */
#include "arenas/policy.h"

#include <sys/stat.h>

#include "arenas/elo.h"
#include "base/config.h"
#include "tests/unit/learn_unit.h"

/* --- policies -------------------------------------------------------------------------------- */

static size_t
standard_of(size_t offset)
{
	for (size_t i = 0; i < config_setting_count; i++)
		if (config_settings[i].offset == offset)
			return config_settings[i].standard;
	ck_abort_msg("no setting at %zu", offset);
	return 0;
}

static void
check_within(size_t offset, size_t value, const char *policy)
{
	for (size_t i = 0; i < config_setting_count; i++)
		if (config_settings[i].offset == offset)
			ck_assert_msg(value >= config_settings[i].least &&
					      value <= config_settings[i].most,
				"%s: %s=%zu", policy, config_settings[i].variable, value);
}

/* The first is the default; all are within what the environment could set, and named apart. */
START_TEST(test_policies)
{
#define X(field) ck_assert_uint_eq(policies[0].field, standard_of(offsetof(struct config, field)));
	POLICY_SETTINGS(X)
#undef X
	for (unsigned i = 0; i < POLICIES; i++) {
#define X(field) check_within(offsetof(struct config, field), policies[i].field, policies[i].name);
		POLICY_SETTINGS(X)
#undef X
		ck_assert_uint_le(policies[i].warm, policies[i].cold);
		ck_assert_uint_eq(policy_find(policies[i].name), i);
		ck_assert_uint_eq(strcspn(policies[i].name, " \t#"), strlen(policies[i].name));
	}
	ck_assert_uint_eq(policy_find("none"), POLICIES);
}
END_TEST

START_TEST(test_publish)
{
	char cold[] = "HAKMEM_COLD=77", *environment[] = {cold, NULL};

	config_load(environment);
	CONFIG_GIVE(giveback, 5 * MIB);
	for (unsigned i = 0; i < POLICIES; i++) {
		policy_publish(&policies[i]);
		ck_assert_uint_eq(CONFIG(cold), 77);
		ck_assert_uint_eq(CONFIG(giveback), 5 * MIB);
		ck_assert_uint_eq(CONFIG(warm), policies[i].warm);
		ck_assert_uint_eq(CONFIG(bigcache), policies[i].bigcache);
		ck_assert_uint_eq(CONFIG(keep), policies[i].keep);
		ck_assert_uint_eq(CONFIG(magazine), policies[i].magazine);
		ck_assert_uint_eq(CONFIG(huge), policies[i].huge);
	}
}
END_TEST

/* --- the file -------------------------------------------------------------------------------- */

/* A name in the directory for temporary files. */
static void
temporary(char *path, size_t size)
{
	const char *directory = getenv("TMPDIR");
	int fd;

	snprintf(path, size, "%s/hakmem-policy-XXXXXX", directory ? directory : P_tmpdir);
	fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	close(fd);
}

static void
write_text(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	ck_assert_ptr_nonnull(file);
	ck_assert_int_ge(fputs(text, file), 0);
	ck_assert_int_eq(fclose(file), 0);
}

/* Loads into a new learner; what is said of it goes to `message`. */
static void
load(struct learner *l, const char *path, bool held, char *message, size_t size)
{
	learn_begin(l, POLICIES, 0, 1, 0);
	struct capture c = capture_begin();
	bool good = policy_load(l, path, held);
	capture_end(&c, message, size);
	ck_assert(good == (message[0] == '\0'));
}

START_TEST(test_round_trip)
{
	struct world world = {
		.rng = unit_rng(1), .noise = 0.05, .cost = {1.5, 1.4, 1.3, 1, 1.2, 1.1}, .size = 6};
	struct learner l, again;
	char path[256], message[512];

	temporary(path, sizeof(path));
	learn_begin(&l, POLICIES, 0, 1, 0);
	play_until_frozen(&l, &world, LONG);
	while (l.state != LEARNER_CANARY)
		play_window(&l, &world);
	ck_assert_uint_eq(l.incumbent, 3);
	ck_assert(policy_save(&l, NULL, 0, path));
	load(&again, path, false, message, sizeof(message));
	ck_assert_str_eq(message, "");
	ck_assert_int_eq(again.state, LEARNER_FROZEN);
	ck_assert(!again.held && again.sizes_known);
	ck_assert_uint_eq(again.playing, 3);
	for (unsigned i = 0; i < POLICIES; i++) {
		ck_assert_double_eq_tol(again.players[i].rating, l.players[i].rating, 0.0501);
		ck_assert_uint_eq(again.players[i].won, l.players[i].won);
		ck_assert_uint_eq(again.players[i].drawn, l.players[i].drawn);
		ck_assert_uint_eq(again.players[i].lost, l.players[i].lost);
		ck_assert_uint_eq(again.players[i].games, l.players[i].games);
	}
	for (unsigned i = 0; i < LEARN_SIZES; i++)
		ck_assert_double_eq_tol(again.sizes[i], l.sizes[i], 0.00051);
	/* It begins with what was learned, and other sizes than those are noticed. */
	ck_assert_uint_eq(play_window(&again, &world).play, 3);
	world.size = 12;
	for (int i = 0; i < LEARN_WINDOWS; i++)
		play_window(&again, &world);
	ck_assert_int_eq(again.state, LEARNER_LEARNS);
	load(&again, path, true, message, sizeof(message));
	ck_assert(again.held);
	ck_assert_int_eq(unlink(path), 0);
}
END_TEST

/* One that was still learning goes on. */
START_TEST(test_saved_while_learning)
{
	struct world world = {.rng = 1, .cost = {2, 1, 1, 1, 1, 1}};
	struct learner l, again;
	char path[256], message[512];

	temporary(path, sizeof(path));
	learn_begin(&l, POLICIES, 0, 1, 0);
	for (int i = 0; i < 5; i++)
		play_window(&l, &world);
	ck_assert(policy_save(&l, NULL, 0, path));
	load(&again, path, false, message, sizeof(message));
	ck_assert_str_eq(message, "");
	ck_assert_int_eq(again.state, LEARNER_LEARNS);
	ck_assert_uint_eq(again.incumbent, 1);
	ck_assert_uint_eq(again.playing, 1);
	ck_assert_double_gt(again.players[1].rating, again.players[0].rating);
	ck_assert(!again.sizes_known);
	ck_assert_int_eq(unlink(path), 0);
}
END_TEST

#define HEAD "hakmem-policy 1\nstate frozen\npolicy hoard\n"
#define SIZES "sizes 1000 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 "
#define LASTING "lasting 0123456789abcdef "

START_TEST(test_good_files)
{
	static const char *const files[] = {HEAD, "hakmem-policy 1\npolicy hoard\nstate frozen",
		HEAD "# a note\n\n  \t\n", HEAD "rating hoard 1600 0 0 0 0\n",
		HEAD "rating  hoard\t1600.5 1 2 3 4 \r\n", HEAD SIZES "0\n"};
	struct learner l;
	char path[256], message[512];

	temporary(path, sizeof(path));
	for (size_t i = 0; i < LENGTH(files); i++) {
		write_text(path, files[i]);
		load(&l, path, false, message, sizeof(message));
		ck_assert_str_eq(message, "");
		ck_assert_uint_eq(l.playing, policy_find("hoard"));
		ck_assert_int_eq(l.state, LEARNER_FROZEN);
		ck_assert_double_eq(l.players[0].rating, ELO_FIRST);
	}
	ck_assert_double_eq(l.sizes[0], 1);
	ck_assert_int_eq(unlink(path), 0);
}
END_TEST

/* Sites that last, as many as there may be, and one more. */
START_TEST(test_sites)
{
	static struct lifetime_site sites[LIFETIME_KNOWN + 1];
	struct learner l;
	char path[256], message[512];

	for (unsigned i = 0; i <= LIFETIME_KNOWN; i++)
		sites[i] = (struct lifetime_site){
			UINT64_MAX / (i + 1), 1 + i % (CLASS_LARGE - 1), true};
	temporary(path, sizeof(path));
	learn_begin(&l, POLICIES, 0, 1, 0);
	ck_assert(policy_save(&l, sites, LIFETIME_KNOWN, path));
	load(&l, path, false, message, sizeof(message));
	ck_assert_str_eq(message, "");
	ck_assert_uint_eq(hak_lifetime_known.count, LIFETIME_KNOWN);
	for (unsigned i = 0; i < LIFETIME_KNOWN; i++) {
		const struct lifetime_site *s = lifetime_known(sites[i].id, sites[i].cls);
		ck_assert_ptr_eq(s, &hak_lifetime_known.sites[i]);
		ck_assert(!s->met);
	}
	ck_assert_ptr_null(lifetime_known(sites[0].id, sites[1].cls));
	/* Those that are known already are no more. */
	load(&l, path, false, message, sizeof(message));
	ck_assert_uint_eq(hak_lifetime_known.count, LIFETIME_KNOWN);
	ck_assert(policy_save(&l, sites, LIFETIME_KNOWN + 1, path));
	load(&l, path, false, message, sizeof(message));
	ck_assert_msg(strstr(message, "there are too many sites"), "'%s'", message);
	ck_assert_uint_eq(hak_lifetime_known.count, 0);
	ck_assert_int_eq(unlink(path), 0);
}
END_TEST

/* Nothing of it is taken, and one line says where and why. */
START_TEST(test_bad_files)
{
	static const struct {
		const char *text, *where, *why;
	} files[] = {{"", ":1: ", "the first line is not hakmem-policy 1"},
		{"hakmem-policy 2\n", ":1: ", "the first line is not"},
		{"hakmem-policy 1 \n", ":1: ", "the first line is not"},
		{"hakmem-policy 1\n", ":1: ", "the state is missing"},
		{"hakmem-policy 1\nstate learn\n", ":2: ", "the policy is missing"},
		{HEAD "state frozen\n", ":4: ", "a second state"},
		{"hakmem-policy 1\nstate\n", ":2: ", "a state is learn or frozen"},
		{"hakmem-policy 1\nstate canary\n", ":2: ", "a state is learn or frozen"},
		{"hakmem-policy 1\npolicy none\n", ":2: ", "there is no such policy"},
		{"hakmem-policy 1\npolicy\n", ":2: ", "there is no such policy"},
		{HEAD "policy hoard\n", ":4: ", "a second policy"},
		{HEAD "rating none 1500 0 0 0 0\n", ":4: ", "there is no such policy"},
		{HEAD "rating\n", ":4: ", "there is no such policy"},
		{HEAD "rating hoard\n", ":4: ", "a rating is a number from 100 to 10000"},
		{HEAD "rating hoard 99.9 0 0 0 0\n", ":4: ", "a rating is a number"},
		{HEAD "rating hoard 10000.1 0 0 0 0\n", ":4: ", "a rating is a number"},
		{HEAD "rating hoard 1500.55 0 0 0 0\n", ":4: ", "a rating is a number"},
		{HEAD "rating hoard -1500 0 0 0 0\n", ":4: ", "a rating is a number"},
		{HEAD "rating hoard 99999999999 0 0 0 0\n", ":4: ", "a rating is a number"},
		{HEAD "rating hoard 1500 0 0 0\n", ":4: ", "four numbers of games"},
		{HEAD "rating hoard 1500 0 0 0 x\n", ":4: ", "four numbers of games"},
		{HEAD "rating hoard 1500 0 0 0 0\nrating hoard 1500 0 0 0 0\n",
			":5: ", "a second rating of this policy"},
		{HEAD "sizes 1000\n", ":4: ", "sizes are 18 numbers"},
		{HEAD SIZES "0 0\n", ":4: ", "sizes are 18 numbers"},
		{HEAD SIZES "1001\n", ":4: ", "sizes are 18 numbers"},
		{HEAD SIZES "100\n", ":4: ", "sizes do not add up to 1000"},
		{HEAD SIZES "0\n" SIZES "0\n", ":5: ", "a second line of sizes"},
		{HEAD LASTING "64\nlasting\n", ":5: ", "16 hexadecimal digits"},
		{HEAD "lasting 0123456789abcde 64\n", ":4: ", "16 hexadecimal digits"},
		{HEAD "lasting 0123456789abcdeg 64\n", ":4: ", "16 hexadecimal digits"},
		{HEAD "lasting 0123456789abcdef0 64\n", ":4: ", "16 hexadecimal digits"},
		{HEAD LASTING "\n", ":4: ", "a size from 1 to 32768"},
		{HEAD LASTING "0\n", ":4: ", "a size from 1 to 32768"},
		{HEAD LASTING "64x\n", ":4: ", "a size from 1 to 32768"},
		{HEAD LASTING "32769\n", ":4: ", "a size from 1 to 32768"},
		{HEAD "colour red\n",
			":4: ", "a line begins with state, policy, rating, sizes, lasting"}};
	struct learner l, untouched;
	char path[256], message[512];

	temporary(path, sizeof(path));
	learn_begin(&untouched, POLICIES, 0, 1, 0);
	for (size_t i = 0; i < LENGTH(files); i++) {
		write_text(path, files[i].text);
		load(&l, path, true, message, sizeof(message));
		ck_assert_int_eq(memcmp(&l, &untouched, sizeof(l)), 0);
		ck_assert_uint_eq(hak_lifetime_known.count, 0);
		ck_assert_msg(strstr(message, path) && strstr(message, files[i].where) &&
				      strstr(message, files[i].why),
			"%s: '%s'", files[i].text, message);
		ck_assert_ptr_eq(strchr(message, '\n'), message + strlen(message) - 1);
	}
	ck_assert_int_eq(unlink(path), 0);
}
END_TEST

/* Random bytes, and good files with a byte changed, end in a learner that can play on. */
START_TEST(test_random_files)
{
	static const char good[] = HEAD "rating hoard 1600.5 1 2 3 4\n" SIZES "0\n";
	uint64_t rng = unit_rng(_i + 50);
	char path[256], message[1024], text[sizeof(good) + 300];
	struct learner l;

	temporary(path, sizeof(path));
	for (int round = 0; round < 200; round++) {
		struct world world = {.rng = 1, .cost = {1, 1, 1, 1, 1, 1}};
		if (_i == 0) {
			memset(text, 'x', sizeof(text) - 1);
			for (size_t i = 0; i < sizeof(text) - 1; i++)
				text[i] = (char)(1 + rng_below(&rng, 255));
			memcpy(text, "hakmem-policy 1\n", 16);
		} else {
			strcpy(text, good);
			text[rng_below(&rng, sizeof(good) - 1)] = (char)(1 + rng_below(&rng, 255));
		}
		text[sizeof(text) - 1] = '\0';
		write_text(path, text);
		load(&l, path, false, message, sizeof(message));
		for (int i = 0; i < 5; i++)
			ck_assert_uint_lt(play_window(&l, &world).play, POLICIES);
	}
	ck_assert_int_eq(unlink(path), 0);
}
END_TEST

/* No file is no fault; a place where none can be is. */
START_TEST(test_no_file)
{
	char path[256], below[300], message[512];
	struct learner l, untouched;

	temporary(path, sizeof(path));
	snprintf(below, sizeof(below), "%s/policy", path);
	learn_begin(&untouched, POLICIES, 0, 1, 0);
	load(&l, below, false, message, sizeof(message));
	ck_assert_str_eq(message, "");
	ck_assert_int_eq(memcmp(&l, &untouched, sizeof(l)), 0);
	struct capture c = capture_begin();
	errno = ERRNO_MARK;
	ck_assert(!policy_save(&l, NULL, 0, below));
	ck_assert_int_eq(errno, ERRNO_MARK);
	capture_end(&c, message, sizeof(message));
	ck_assert_msg(
		strstr(message, below) && strstr(message, "cannot be written"), "'%s'", message);
	ck_assert_int_eq(unlink(path), 0);
}
END_TEST

/* What is no file is not replaced by one. */
START_TEST(test_no_plain_file)
{
	char path[256], message[512];
	struct learner l;
	struct stat status;

	temporary(path, sizeof(path));
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	learn_begin(&l, POLICIES, 0, 1, 0);
	struct capture c = capture_begin();
	ck_assert(!policy_save(&l, NULL, 0, path));
	capture_end(&c, message, sizeof(message));
	ck_assert_msg(
		strstr(message, path) && strstr(message, "cannot be written"), "'%s'", message);
	ck_assert_int_eq(lstat(path, &status), 0);
	ck_assert(S_ISFIFO(status.st_mode));
	ck_assert_int_eq(unlink(path), 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("policy");
	TCase *tc = plain_tcase(suite, "policy", 60);

	unit_begin("test_policy");
	tcase_add_test(tc, test_policies);
	tcase_add_test(tc, test_publish);
	tcase_add_test(tc, test_round_trip);
	tcase_add_test(tc, test_saved_while_learning);
	tcase_add_test(tc, test_good_files);
	tcase_add_test(tc, test_sites);
	tcase_add_test(tc, test_bad_files);
	tcase_add_loop_test(tc, test_random_files, 0, 2);
	tcase_add_test(tc, test_no_file);
	tcase_add_test(tc, test_no_plain_file);
	return run_suite(suite);
}
