/* SPDX-License-Identifier: MIT
 * arenas/rules_file.c - the file of Site Rules, line by line; docs/rules.md has the syntax.
 *
 * A line is cut into words in place. Whatever is wrong with it is said in one line of the log, and
 * the line is left out. Symbols and modules are copied into the rules' names. */
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>

#include "arenas/arena.h"
#include "arenas/rules.h"
#include "backends/os_lines.h"
#include "backends/pages.h"
#include "base/assert.h"
#include "base/digits.h"

#define BLANKS " \t\r"
#define REASON_BYTES 256
#define ACTIONS "arena, bigcache, isolate, keep, lasting, purge, sample, short"
/* So many lines that are no rule are reported one by one. */
#define REFUSALS_SHOWN 20

/* The line that is being read. */
struct reading {
	struct rules *rules;
	const char *path;
	unsigned line;
	struct rule rule;
};

/* Says what is wrong with the line; always false. */
static HAK_COLD bool
refuse(const struct reading *in, const char *format, ...)
{
	char reason[REASON_BYTES];
	va_list args;

	if (in->rules->refused++ >= REFUSALS_SHOWN)
		return false;
	va_start(args, format);
	log_format(reason, sizeof(reason), format, args);
	va_end(args);
	log_line("%s:%u: %s", in->path, (size_t)in->line, reason);
	return false;
}

/* The next word of the text, cut off, and the text behind it; NULL at the end. */
static char *
next_word(char **text)
{
	char *word = *text + strspn(*text, BLANKS);

	if (*word == '\0')
		return NULL;
	*text = word + strcspn(word, BLANKS);
	if (**text)
		*(*text)++ = '\0';
	return word;
}

/* --- numbers --------------------------------------------------------------------------------- */

static bool
take_offset(const char **text, uintptr_t *out)
{
	uint64_t value;

	if (strncmp(*text, "0x", 2) != 0)
		return false;
	*text += 2;
	if (!digits_take(text, 16, &value))
		return false;
	*out = (uintptr_t)value;
	return true;
}

static bool
take_size(const char **text, size_t *out)
{
	static const char units[] = "KMG";
	uint64_t value;

	if (!digits_take(text, 10, &value))
		return false;
	const char *unit = **text ? strchr(units, **text & ~0x20) : NULL;
	unsigned shift = unit ? 10 * (unsigned)(unit - units + 1) : 0;
	if (value > SIZE_MAX >> shift)
		return false;
	*text += unit != NULL;
	*out = (size_t)value << shift;
	return true;
}

/* --- conditions ------------------------------------------------------------------------------ */

/* A copy of n bytes of the word among the rules' names. */
static bool
keep_name(struct reading *in, const char *word, size_t n, const char **out)
{
	struct rules *r = in->rules;

	if (n >= sizeof(r->names) - r->names_used)
		return refuse(
			in, "no room: all names together may have %u bytes", sizeof(r->names));
	char *name = r->names + r->names_used;
	memcpy(name, word, n);
	name[n] = '\0';
	r->names_used += n + 1;
	*out = name;
	return true;
}

static bool
take_symbol(struct reading *in, const char *word)
{
	return keep_name(in, word, strlen(word), &in->rule.symbol);
}

/* The offsets begin with the last "+0x": a name may have a plus. */
static bool
take_module(struct reading *in, const char *word)
{
	const char *plus = NULL;

	for (const char *p = word; (p = strstr(p, "+0x")) != NULL; p++)
		plus = p;
	if (plus == word)
		return refuse(in, "\"%s\" has no file's name before the offset", word);
	if (!plus)
		return keep_name(in, word, strlen(word), &in->rule.module);
	const char *text = plus + 1;
	bool good = take_offset(&text, &in->rule.low);
	in->rule.high = in->rule.low;
	if (good && *text == '-') {
		text++;
		good = take_offset(&text, &in->rule.high);
	}
	if (!good || *text || in->rule.low > in->rule.high)
		return refuse(in, "\"%s\" is not NAME, NAME+0xOFFSET or NAME+0xLOW-0xHIGH", word);
	in->rule.conditions |= RULE_OFFSET;
	return keep_name(in, word, (size_t)(plus - word), &in->rule.module);
}

static bool
take_site(struct reading *in, const char *word)
{
	if (digits_site_id(word, &in->rule.id))
		return true;
	return refuse(in, "\"%s\" is no site's id, which has 16 hexadecimal digits", word);
}

static bool
take_sizes(struct reading *in, const char *word)
{
	const char *text = word;

	if (take_size(&text, &in->rule.least) && *text++ == '-' &&
		take_size(&text, &in->rule.most) && *text == '\0' &&
		in->rule.least <= in->rule.most)
		return true;
	return refuse(in, "\"%s\" is no range MIN-MAX of sizes, such as 0-1K or 64K-1M", word);
}

static const struct {
	const char *name;
	unsigned bit;
	bool (*take)(struct reading *in, const char *word);
} conditions[] = {
	{"symbol", RULE_SYMBOL, take_symbol},
	{"module", RULE_MODULE, take_module},
	{"site", RULE_SITE, take_site},
	{"size", RULE_SIZE, take_sizes},
};

/* One condition, whose first word this is. */
static bool
take_condition(struct reading *in, const char *word, char **text)
{
	for (size_t i = 0; i < sizeof(conditions) / sizeof(conditions[0]); i++) {
		if (strcmp(word, conditions[i].name) != 0)
			continue;
		if (in->rule.conditions & conditions[i].bit)
			return refuse(in, "\"%s\" twice", word);
		const char *value = next_word(text);
		if (!value || strcmp(value, "->") == 0)
			return refuse(in, "nothing follows \"%s\"", word);
		in->rule.conditions |= conditions[i].bit;
		return conditions[i].take(in, value);
	}
	return refuse(in, "\"%s\" is no condition (symbol, module, site, size)", word);
}

/* All that is before the arrow. */
static bool
take_conditions(struct reading *in, char **text)
{
	const char *word;

	while ((word = next_word(text)) != NULL && strcmp(word, "->") != 0)
		if (!take_condition(in, word, text))
			return false;
	if (!word)
		return refuse(in, "there is no \" -> \" with an action behind it");
	if (in->rule.conditions == 0)
		return refuse(in, "there is no condition before the \"->\"");
	return true;
}

/* --- actions --------------------------------------------------------------------------------- */

static bool
take_arena(struct reading *in, const char *value)
{
	uint64_t index;

	if (in->rule.actions & RULE_ARENA)
		return refuse(in, "\"arena\" twice");
	if (!value || !digits_whole(value, 10, &index) || index >= MAX_ARENAS)
		return refuse(in, "\"arena\" needs a number from 0 to %u", (size_t)MAX_ARENAS - 1);
	in->rule.arena = (unsigned)index;
	in->rule.actions |= RULE_ARENA;
	return true;
}

/* Freed memory has one fate; only "bigcache no" goes with another, since "purge" says it too. */
static bool
take_fate(struct reading *in, enum backend_fate fate)
{
	enum backend_fate before = in->rule.actions & RULE_FATE ? in->rule.fate : FATE_USUAL;

	in->rule.actions |= RULE_FATE;
	in->rule.fate = fate > before ? fate : before;
	if (before == FATE_USUAL || before == fate ||
		(before == FATE_UNCACHED && fate == FATE_PURGED) ||
		(before == FATE_PURGED && fate == FATE_UNCACHED) ||
		(before == FATE_CACHED && fate == FATE_KEPT) ||
		(before == FATE_KEPT && fate == FATE_CACHED))
		return true;
	return refuse(in, "\"keep\" or \"bigcache yes\", and \"purge\" or \"bigcache no\", exclude "
			  "each other");
}

static bool
take_bigcache(struct reading *in, const char *value)
{
	if (value && strcmp(value, "yes") == 0)
		return take_fate(in, FATE_CACHED);
	if (value && strcmp(value, "no") == 0)
		return take_fate(in, FATE_UNCACHED);
	return refuse(in, "\"bigcache\" needs yes or no");
}

static bool
take_keep(struct reading *in, const char *value)
{
	(void)value;
	return take_fate(in, FATE_KEPT);
}

static bool
take_purge(struct reading *in, const char *value)
{
	(void)value;
	return take_fate(in, FATE_PURGED);
}

static bool
take_sample(struct reading *in, const char *value)
{
	(void)value;
	in->rule.actions |= RULE_SAMPLE;
	return true;
}

static bool
take_place(struct reading *in, enum rule_place place)
{
	if ((in->rule.actions & RULE_PLACE) && in->rule.place != place)
		return refuse(in, "\"isolate\", \"lasting\" and \"short\" exclude each other");
	in->rule.actions |= RULE_PLACE;
	in->rule.place = place;
	return true;
}

static bool
take_isolate(struct reading *in, const char *value)
{
	(void)value;
	return take_place(in, PLACE_ISOLATED);
}

static bool
take_lasting(struct reading *in, const char *value)
{
	(void)value;
	if (in->rule.least > MID_MAX)
		return refuse(in, "\"lasting\" is for blocks of up to %u bytes", (size_t)MID_MAX);
	return take_place(in, PLACE_LASTING);
}

static bool
take_short(struct reading *in, const char *value)
{
	(void)value;
	return take_place(in, PLACE_SHORT);
}

static const struct {
	const char *name;
	bool with_value;
	bool (*take)(struct reading *in, const char *value);
} actions[] = {
	{"arena", true, take_arena},
	{"bigcache", true, take_bigcache},
	{"isolate", false, take_isolate},
	{"keep", false, take_keep},
	{"lasting", false, take_lasting},
	{"purge", false, take_purge},
	{"sample", false, take_sample},
	{"short", false, take_short},
};

/* One action: what is between two commas. */
static bool
take_action(struct reading *in, char *text)
{
	const char *word = next_word(&text);

	if (!word)
		return refuse(in, "an action is missing (" ACTIONS ")");
	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
		if (strcmp(word, actions[i].name) != 0)
			continue;
		const char *value = actions[i].with_value ? next_word(&text) : NULL;
		const char *more = next_word(&text);
		if (more)
			return refuse(in, "there is no comma before \"%s\"", more);
		return actions[i].take(in, value);
	}
	return refuse(in, "\"%s\" is no action (" ACTIONS ")", word);
}

static bool
take_actions(struct reading *in, char *text)
{
	bool more = true;

	while (more) {
		char *end = text + strcspn(text, ",");
		more = *end == ',';
		*end = '\0';
		if (!take_action(in, text))
			return false;
		text = end + 1;
	}
	return true;
}

/* --- lines ----------------------------------------------------------------------------------- */

static void
add_rule(struct rules *r, const struct rule *rule)
{
	r->rules[r->count++] = *rule;
	if (rule->conditions & RULE_SYMBOL)
		r->by_symbol = true;
}

bool
rules_take_line(struct rules *r, char *line, const char *path, unsigned number)
{
	struct reading in = {r, path, number, {.line = number, .most = SIZE_MAX}};
	size_t names_used = r->names_used;

	if (strlen(line) == RULES_LINE_BYTES - 1)
		return refuse(
			&in, "the line is longer than %u bytes", (size_t)RULES_LINE_BYTES - 2);
	line[strcspn(line, "#")] = '\0';
	if (line[strspn(line, BLANKS)] == '\0')
		return true;
	if (r->count == RULES_MOST)
		return refuse(&in, "there are %u rules already, and no more are taken",
			(size_t)RULES_MOST);
	if (take_conditions(&in, &line) && take_actions(&in, line)) {
		add_rule(r, &in.rule);
		return true;
	}
	r->names_used = names_used;
	return false;
}

static void
read_lines(struct rules *r, struct os_lines *lines, const char *path)
{
	char line[RULES_LINE_BYTES];
	unsigned number = 0;

	while (os_lines_next(lines, line, sizeof(line))) {
		if (++number > RULES_LINES) {
			log_line("%s:%u: no more than %u lines are read; the rest is left out",
				path, (size_t)number, (size_t)RULES_LINES);
			break;
		}
		rules_take_line(r, line, path, number);
	}
	if (r->refused > REFUSALS_SHOWN)
		log_line("%s: %u more lines are no rules", path,
			(size_t)(r->refused - REFUSALS_SHOWN));
}

/* A pipe or a terminal would make the program wait. */
static bool
is_regular(const char *path)
{
	int saved = errno;
	struct stat status;
	bool regular = stat(path, &status) == 0 && S_ISREG(status.st_mode);

	errno = saved;
	return regular;
}

void
rules_load(const char *path)
{
	struct os_lines lines;

	/* The messages would show a file that the user may not read. */
	if (getauxval(AT_SECURE))
		return;
	if (!is_regular(path) || !os_lines_open(&lines, path)) {
		log_line("HAKMEM_RULES=%s: no regular file that can be read; there are no rules",
			path);
		return;
	}
	struct rules *r = pages_meta_alloc(sizeof(*r));
	if (r)
		read_lines(r, &lines, path);
	else
		log_line("HAKMEM_RULES=%s: no memory for rules", path);
	os_lines_close(&lines);
	if (r)
		RELAXED_SET(hak_rules, r);
}
