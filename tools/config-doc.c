/* SPDX-License-Identifier: MIT
 * tools/config-doc.c - writes docs/config.md, the settings, from the table in base/config.h.
 * `make check` compares the committed file with what this program prints. */
#include <ctype.h>
#include <stdio.h>

#include "base/config.h"

/* The table spells fields in lower case, the environment takes upper case. */
static void
print_name(const char *variable)
{
	for (; *variable; variable++)
		putchar(toupper((unsigned char)*variable));
}

/* Powers of two from 2^20 on are easier to read with their unit. */
static void
print_number(size_t n)
{
	static const char *const units[] = {"", "Ki", "Mi", "Gi", "Ti"};
	size_t unit = 0;

	if (n >= (size_t)1 << 20)
		while (unit < sizeof(units) / sizeof(units[0]) - 1 && n % 1024 == 0) {
			n /= 1024;
			unit++;
		}
	printf("%zu%s%s", n, unit ? " " : "", units[unit]);
}

static void
print_setting(const struct config_setting *s)
{
	char name[CONFIG_NAME_BYTES];

	printf("\n## ");
	print_name(s->variable);
	printf("\n\n%s\n\n", s->doc);
	if (config_name(s, s->standard, name)) {
		printf("| default | values |\n|---|---|\n| `%s` |", name);
		for (size_t value = s->least; value <= s->most; value++) {
			config_name(s, value, name);
			printf(" `%s`", name);
		}
		printf(" |\n");
		return;
	}
	printf("| default | least | most | unit |\n|---|---|---|---|\n| ");
	print_number(s->standard);
	printf(" | ");
	print_number(s->least);
	printf(" | ");
	print_number(s->most);
	printf(" | %s |\n", s->unit);
}

static void
print_path(const struct config_path *p)
{
	printf("\n## ");
	print_name(p->variable);
	printf("\n\n%s\n\n| default | value |\n|---|---|\n| none | a path of at most %d bytes |\n",
		p->doc, CONFIG_PATH_BYTES - 1);
}

int
main(void)
{
	printf("# Settings\n\n"
	       "<!-- Written by tools/config-doc.c from base/config.h; "
	       "`make update-generated` renews it. -->\n\n"
	       "hakmem reads its settings from the environment when it starts. Each is a whole\n"
	       "decimal number without a suffix, one of a few names, or a path. A variable whose\n"
	       "name begins with `HAKMEM_` and is not listed here, and a value that is no number,\n"
	       "out of its range, none of the names or too long, is reported in one line on\n"
	       "standard error and left out. (`HAKMEM_TEST_` variables belong to the tests and\n"
	       "are passed over.) A path that does not begin with / starts from the working\n"
	       "directory of the moment; an empty one is none.\n\nBelow, Mi, Gi and Ti stand for "
	       "2^20, 2^30 and 2^40.\n");
	for (size_t i = 0; i < config_setting_count; i++)
		print_setting(&config_settings[i]);
	for (size_t i = 0; i < config_path_count; i++)
		print_path(&config_paths[i]);
	return fflush(stdout) == 0 && !ferror(stdout) ? 0 : 1;
}
