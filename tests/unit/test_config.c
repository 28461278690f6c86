/* SPDX-License-Identifier: MIT
 * tests/unit/test_config.c - base/config: every setting from the environment, and what is said of
 * those that are wrong. */
#include "base/config.h"

#include <ctype.h>

#include "tests/unit/unit.h"

static size_t
field(const struct config_setting *s)
{
	return *(const size_t *)((const char *)&hak_config + s->offset);
}

/* "HAKMEM_ARENAS=" and then the value. */
static void
spell(char *entry, size_t size, const struct config_setting *s, const char *value)
{
	size_t n = 0;

	for (const char *c = s->variable; *c && n + 1 < size; c++)
		entry[n++] = (char)toupper((unsigned char)*c);
	snprintf(entry + n, size - n, "=%s", value);
}

/* Loads an environment of this one entry; what is said of it goes to `message`. */
static void
load_one(char *entry, char *message, size_t size)
{
	char *environment[] = {entry, NULL};
	struct capture c = capture_begin();

	config_load(environment);
	capture_end(&c, message, size);
}

START_TEST(test_defaults)
{
	for (size_t i = 0; i < config_setting_count; i++) {
		const struct config_setting *s = &config_settings[i];

		ck_assert_msg(field(s) == s->standard, "%s", s->variable);
		ck_assert_uint_le(s->least, s->standard);
		ck_assert_uint_le(s->standard, s->most);
		ck_assert_int_eq(strncmp(s->variable, "HAKMEM_", 7), 0);
		ck_assert(*s->unit && *s->doc);
	}
	ck_assert_uint_eq(config_setting_count * sizeof(size_t), sizeof(struct config));
}
END_TEST

/* The setting alone changes, and nothing is said. */
static void
check_accepted(const struct config_setting *s, size_t value)
{
	struct config before = hak_config;
	char entry[128], message[512], text[32];

	if (!config_name(s, value, text))
		snprintf(text, sizeof(text), "%zu", value);
	spell(entry, sizeof(entry), s, text);
	load_one(entry, message, sizeof(message));
	ck_assert_msg(field(s) == value, "%s gave %zu", entry, field(s));
	ck_assert_str_eq(message, "");
	*(size_t *)((char *)&before + s->offset) = value;
	ck_assert_msg(
		memcmp(&before, &hak_config, sizeof(before)) == 0, "%s changed others", entry);
}

START_TEST(test_accepted)
{
	const struct config_setting *s = &config_settings[_i];
	uint64_t rng = unit_rng((uint64_t)_i);

	check_accepted(s, s->least);
	check_accepted(s, s->most);
	check_accepted(s, s->standard);
	for (int i = 0; i < 100; i++)
		check_accepted(s, s->least + rng_below(&rng, s->most - s->least + 1));
}
END_TEST

/* One line names the entry, and the value stays. */
static void
check_refused(char *entry)
{
	struct config before = hak_config;
	char message[512];
	char *newline;

	load_one(entry, message, sizeof(message));
	newline = strchr(message, '\n');
	ck_assert_msg(memcmp(&before, &hak_config, sizeof(before)) == 0, "%s was taken", entry);
	ck_assert_msg(strncmp(message, "hakmem: ", 8) == 0, "%s: '%s'", entry, message);
	ck_assert_msg(strstr(message, entry) != NULL, "%s: '%s'", entry, message);
	ck_assert_msg(newline && newline[1] == '\0', "%s: not one line: '%s'", entry, message);
}

static void
check_refused_value(const struct config_setting *s, const char *value)
{
	char entry[128];

	spell(entry, sizeof(entry), s, value);
	check_refused(entry);
}

/* The names are as many as the values, differ, and are those that the code means. */
START_TEST(test_names)
{
	static const struct {
		const char *variable;
		size_t value;
		const char *name;
	} names[] = {{"HAKMEM_learn", LEARN_OFF, "off"}, {"HAKMEM_learn", LEARN_ON, "learn"},
		{"HAKMEM_learn", LEARN_HELD, "frozen"}, {"HAKMEM_learn", LEARN_LOG, "log"},
		{"HAKMEM_placement", PLACEMENT_NONE, "none"},
		{"HAKMEM_placement", PLACEMENT_ISOLATE, "isolate"},
		{"HAKMEM_placement", PLACEMENT_LIFETIME, "lifetime"},
		{"HAKMEM_placement", PLACEMENT_LIFETIME_DRY, "lifetime-dry"},
		{"HAKMEM_selector", SELECTOR_SITE, "site"},
		{"HAKMEM_selector", SELECTOR_THREAD, "thread"},
		{"HAKMEM_selector", SELECTOR_CPU, "cpu"},
		{"HAKMEM_selector", SELECTOR_SINGLE, "single"},
		{"HAKMEM_site", SITE_RETURN, "return"}, {"HAKMEM_site", SITE_CALLER, "caller"},
		{"HAKMEM_stats", STATS_NONE, "0"}, {"HAKMEM_stats", STATS_TEXT, "1"},
		{"HAKMEM_stats", STATS_JSON, "json"}};
	size_t values = 0;
	char name[CONFIG_NAME_BYTES];

	for (size_t i = 0; i < config_setting_count; i++) {
		const struct config_setting *s = &config_settings[i];

		if (!config_name(s, s->least, name)) {
			ck_assert_ptr_null(strchr(s->unit, '|'));
			continue;
		}
		ck_assert_uint_eq(s->least, 0);
		for (size_t value = 0; value <= s->most; value++, values++) {
			ck_assert(config_name(s, value, name));
			ck_assert_str_eq(s->variable, names[values].variable);
			ck_assert_uint_eq(value, names[values].value);
			ck_assert_str_eq(name, names[values].name);
		}
		/* None is left over. */
		ck_assert(config_name(s, s->most + 1, name));
		ck_assert_str_eq(name, "");
	}
	ck_assert_uint_eq(values, LENGTH(names));
}
END_TEST

/* One line lists the names there are and the one that stays. */
START_TEST(test_misspelt_names)
{
	static const struct {
		char entry[64];
		const char *list;
	} entries[] = {{"HAKMEM_SELECTOR=sites", "not one of site|thread|cpu|single; using site"},
		{"HAKMEM_SELECTOR=SITE", "site|thread|cpu|single"},
		{"HAKMEM_SELECTOR=", "site|thread|cpu|single"},
		{"HAKMEM_SELECTOR=0", "site|thread|cpu|single"},
		{"HAKMEM_SELECTOR=cpu|single", "site|thread|cpu|single"},
		{"HAKMEM_SELECTOR=cpu ", "site|thread|cpu|single"},
		{"HAKMEM_SITE=callers", "not one of return|caller; using return"},
		{"HAKMEM_STATS=text", "not one of 0|1|json; using 0"},
		{"HAKMEM_STATS=2", "not one of 0|1|json; using 0"}};
	char entry[64], message[512];

	for (size_t i = 0; i < LENGTH(entries); i++) {
		strcpy(entry, entries[i].entry);
		check_refused(entry);
		load_one(entry, message, sizeof(message));
		ck_assert_msg(strstr(message, entries[i].list) != NULL, "%s: '%s'", entry, message);
	}
}
END_TEST

START_TEST(test_bad_numbers)
{
	static const char *const values[] = {"", " ", "-1", "+1", "1 ", " 1", "0x10", "1k", "1.5",
		"one", "1,000", "18446744073709551616", "99999999999999999999999999",
		"9223372036854775807", "1\t"};

	for (size_t i = 0; i < LENGTH(values); i++)
		check_refused_value(&config_settings[_i], values[i]);
}
END_TEST

START_TEST(test_out_of_range)
{
	const struct config_setting *s = &config_settings[_i];
	char number[CONFIG_NAME_BYTES + 32];

	if (config_name(s, s->most, number))
		return;

	/* A value of its own, so that a refusal that fell back on the default would show. */
	check_accepted(s, s->most);
	snprintf(number, sizeof(number), "%zu", s->most + 1);
	check_refused_value(s, number);
	if (s->least > 0) {
		snprintf(number, sizeof(number), "%zu", s->least - 1);
		check_refused_value(s, number);
	}
}
END_TEST

START_TEST(test_misspelt)
{
	char *entries[] = {"HAKMEM_ARENA=1", "HAKMEM_ARENASS=1", "HAKMEM_arenas=1", "HAKMEM_=1",
		"HAKMEM_Cold=1", "HAKMEM_X=", "HAKMEM_STATS_=1", "HAKMEM_WARM =1"};

	for (size_t i = 0; i < LENGTH(entries); i++)
		check_refused(entries[i]);
}
END_TEST

/* Of an environment's other entries nothing is said. */
START_TEST(test_others)
{
	char *environment[] = {"PATH=/bin", "HAKMEM", "HAKMEM_COLD", "HAKME_COLD=1",
		"hakmem_cold=1", "XHAKMEM_COLD=1", "HAKMEM_TEST_SEED=abc", "", "=",
		"HAKMEM_KEEP=77", "HAKMEM_KEEP=78", NULL};
	struct config before = hak_config;
	char message[512];
	struct capture c = capture_begin();

	config_load(NULL);
	config_load(environment);
	capture_end(&c, message, sizeof(message));
	ck_assert_str_eq(message, "");
	/* Where a variable is there twice, the later one holds. */
	before.keep = 78;
	ck_assert_int_eq(memcmp(&before, &hak_config, sizeof(before)), 0);
}
END_TEST

/* What the environment has given a value, and nothing else, counts as given. */
START_TEST(test_given)
{
	const struct config_setting *s = &config_settings[_i];
	char entry[128], message[512], text[32];

	for (size_t i = 0; i < config_setting_count; i++)
		ck_assert(!hak_config_given[i]);
	spell(entry, sizeof(entry), s, "no value");
	load_one(entry, message, sizeof(message));
	ck_assert(!hak_config_given[_i]);
	if (!config_name(s, s->standard, text))
		snprintf(text, sizeof(text), "%zu", s->standard);
	spell(entry, sizeof(entry), s, text);
	load_one(entry, message, sizeof(message));
	for (size_t i = 0; i < config_setting_count; i++)
		ck_assert(hak_config_given[i] == (i == (size_t)_i));
}
END_TEST

START_TEST(test_give)
{
	CONFIG_SET(keep, 5);
	ck_assert(!CONFIG_GIVEN(keep));
	CONFIG_GIVE(keep, 6);
	ck_assert(CONFIG_GIVEN(keep) && CONFIG(keep) == 6);
	ck_assert(!CONFIG_GIVEN(warm) && !CONFIG_GIVEN(arenas));
}
END_TEST

/* "HAKMEM_POLICY=" and then a path of so many bytes. */
static void
spell_path(char *entry, size_t size, const struct config_path *p, size_t length)
{
	struct config_setting s = {.variable = p->variable};
	char path[2 * CONFIG_PATH_BYTES];

	memset(path, 'p', length);
	path[length] = '\0';
	spell(entry, size, &s, path);
}

/* Taken as it is, up to the longest; a longer one changes nothing; an empty one is none. */
START_TEST(test_paths)
{
	const struct config_path *p = &config_paths[_i];
	char entry[3 * CONFIG_PATH_BYTES], message[512];

	ck_assert_str_eq(p->value, "");
	for (size_t length = CONFIG_PATH_BYTES - 1;; length /= 2) {
		spell_path(entry, sizeof(entry), p, length);
		load_one(entry, message, sizeof(message));
		ck_assert_str_eq(message, "");
		ck_assert_str_eq(p->value, strchr(entry, '=') + 1);
		if (length == 0)
			break;
	}
	spell_path(entry, sizeof(entry), p, 7);
	load_one(entry, message, sizeof(message));
	spell_path(entry, sizeof(entry), p, CONFIG_PATH_BYTES);
	load_one(entry, message, sizeof(message));
	ck_assert_str_eq(p->value, "ppppppp");
	strcpy(strchr(entry, '='), ": a path of 1024 bytes, and 1023 are the most; left out\n");
	ck_assert_str_eq(message + strlen("hakmem: "), entry);
}
END_TEST

/* The copy outlives what the program does to its environment. */
START_TEST(test_path_is_copied)
{
	char entry[] = "HAKMEM_POLICY=/var/lib/policy", message[512];

	ck_assert_ptr_null(CONFIG_PATH(policy));
	load_one(entry, message, sizeof(message));
	memset(entry, 'x', sizeof(entry) - 1);
	ck_assert_str_eq(CONFIG_PATH(policy), "/var/lib/policy");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("config");
	TCase *tc = plain_tcase(suite, "config", 30);
	int n = (int)config_setting_count;

	unit_begin("test_config");
	tcase_add_test(tc, test_defaults);
	tcase_add_loop_test(tc, test_accepted, 0, n);
	tcase_add_loop_test(tc, test_bad_numbers, 0, n);
	tcase_add_loop_test(tc, test_out_of_range, 0, n);
	tcase_add_test(tc, test_names);
	tcase_add_test(tc, test_misspelt);
	tcase_add_test(tc, test_misspelt_names);
	tcase_add_test(tc, test_others);
	tcase_add_loop_test(tc, test_given, 0, n);
	tcase_add_test(tc, test_give);
	tcase_add_loop_test(tc, test_paths, 0, (int)config_path_count);
	tcase_add_test(tc, test_path_is_copied);
	return run_suite(suite);
}
