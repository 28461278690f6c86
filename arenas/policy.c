/* SPDX-License-Identifier: MIT
 * arenas/policy.c - the table of policies, and the file.
 *
 * The file is text. The first line is "hakmem-policy 1"; after it, in any order, one of each:
 *
 *     state frozen                   or learn
 *     policy NAME                    the one that is played
 *     rating NAME RATING G W D L     of each policy, or of some: the rating and numbers of games
 *     sizes N ...                    the bytes allocated, by powers of two, in thousandths
 *     lasting ID SIZE                of each call site whose blocks of that size last: its id
 *
 * Empty lines and those that begin with # are passed over. */
#include "arenas/policy.h"

#include <string.h>

#include "backends/os.h"
#include "backends/os_file.h"
#include "backends/os_lines.h"
#include "base/assert.h"
#include "base/config.h"
#include "base/digits.h"

#define VERSION_LINE "hakmem-policy 1"
#define LINE_BYTES 256
#define FILE_BYTES 2048
/* A line of a site. */
#define SITE_BYTES 40
#define SHARES 1000
/* A rating in a file is within these; Elo's own stay far inside. */
#define RATING_LEAST 100
#define RATING_MOST 10000

#define NEVER ((size_t)3600000)
#define NO_HUGE ((size_t)1048576)
#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)

/* balanced is what the settings are without a learner. The others lean to one side each: prompt and
 * frugal to little memory, patient and hoard to few system calls and page faults, dense to large
 * pages. */
const struct policy policies[POLICIES] = {
	{"balanced", .bigcache = 64, .cold = 800, .giveback = 32 * MIB, .huge = NO_HUGE, .keep = 0,
		.magazine = 64 * KIB, .warm = 200},
	{"prompt", .bigcache = 16, .cold = 150, .giveback = 8 * MIB, .huge = NO_HUGE, .keep = 0,
		.magazine = 16 * KIB, .warm = 50},
	{"frugal", .bigcache = 0, .cold = 0, .giveback = MIB, .huge = NO_HUGE, .keep = 0,
		.magazine = 8 * KIB, .warm = 0},
	{"patient", .bigcache = 256, .cold = 4000, .giveback = 128 * MIB, .huge = NO_HUGE,
		.keep = 0, .magazine = 128 * KIB, .warm = 1000},
	{"hoard", .bigcache = 1024, .cold = NEVER, .giveback = 1024 * MIB, .huge = NO_HUGE,
		.keep = 1024 * MIB, .magazine = 256 * KIB, .warm = NEVER},
	{"dense", .bigcache = 64, .cold = 800, .giveback = 32 * MIB, .huge = 8, .keep = 0,
		.magazine = 64 * KIB, .warm = 200},
};

_Static_assert(POLICIES <= LEARN_POLICIES, "the learner has room for all");

void
policy_publish(const struct policy *p)
{
#define X(field)                                                                                   \
	if (!CONFIG_GIVEN(field))                                                                  \
		CONFIG_SET(field, p->field);
	POLICY_SETTINGS(X)
#undef X
}

unsigned
policy_find(const char *name)
{
	unsigned i = 0;

	while (i < POLICIES && strcmp(policies[i].name, name) != 0)
		i++;
	return i;
}

/* --- reading --------------------------------------------------------------------------------- */

/* What a file has said so far. */
struct reading {
	struct learn_player players[POLICIES];
	bool rated[POLICIES];
	bool state, frozen, sizes;
	unsigned policy; /* POLICIES: not yet */
	double shares[LEARN_SIZES];
};

/* The next word of the line, ended; NULL at its end. */
static char *
next_word(char **line)
{
	char *word = *line + strspn(*line, " \t\r");
	size_t n = strcspn(word, " \t\r");

	*line = word + n + (word[n] != '\0');
	if (n == 0)
		return NULL;
	word[n] = '\0';
	return word;
}

/* A number of at most nine digits, with at most one place behind the point where `tenths` asks for
 * tenths of it. */
static bool
parse_number(const char *word, bool tenths, uint32_t *out)
{
	const char *start = word;
	uint64_t value;

	if (!word || !digits_take(&word, 10, &value) || word - start > 8)
		return false;
	if (tenths) {
		bool point = word[0] == '.' && word[1] >= '0' && word[1] <= '9';
		value = value * 10 + (point ? (uint64_t)(word[1] - '0') : 0);
		word += point ? 2 : 0;
	}
	*out = (uint32_t)value;
	return *word == '\0';
}

/* Each take_* has the words after the first; NULL, or what is wrong. */

static const char *
take_state(struct reading *r, char *line)
{
	const char *word = next_word(&line);

	if (r->state)
		return "a second state";
	r->state = true;
	r->frozen = word && strcmp(word, "frozen") == 0;
	return r->frozen || (word && strcmp(word, "learn") == 0) ? NULL
								 : "a state is learn or frozen";
}

static const char *
take_policy(struct reading *r, char *line)
{
	const char *word = next_word(&line);

	if (r->policy < POLICIES)
		return "a second policy";
	r->policy = word ? policy_find(word) : POLICIES;
	return r->policy < POLICIES ? NULL : "there is no such policy";
}

static const char *
take_rating(struct reading *r, char *line)
{
	const char *word = next_word(&line);
	unsigned i = word ? policy_find(word) : POLICIES;
	uint32_t rating;

	if (i == POLICIES)
		return "there is no such policy";
	if (r->rated[i])
		return "a second rating of this policy";
	r->rated[i] = true;
	if (!parse_number(next_word(&line), true, &rating) || rating < 10 * RATING_LEAST ||
		rating > 10 * RATING_MOST)
		return "a rating is a number from 100 to 10000";
	struct learn_player *p = &r->players[i];
	p->rating = rating / 10.0;
	uint32_t *counts[] = {&p->games, &p->won, &p->drawn, &p->lost};
	for (size_t n = 0; n < sizeof(counts) / sizeof(counts[0]); n++)
		if (!parse_number(next_word(&line), false, counts[n]))
			return "behind the rating come four numbers of games";
	return NULL;
}

static const char *
take_sizes(struct reading *r, char *line)
{
	uint32_t sum = 0, share;

	if (r->sizes)
		return "a second line of sizes";
	r->sizes = true;
	for (unsigned i = 0; i < LEARN_SIZES; i++) {
		if (!parse_number(next_word(&line), false, &share) || share > SHARES)
			return "sizes are 18 numbers from 0 to 1000";
		r->shares[i] = (double)share / SHARES;
		sum += share;
	}
	/* Each was rounded. */
	if (sum < SHARES - LEARN_SIZES || sum > SHARES + LEARN_SIZES)
		return "sizes do not add up to 1000";
	return next_word(&line) ? "sizes are 18 numbers from 0 to 1000" : NULL;
}

static const char *
take_lasting(struct reading *r, char *line)
{
	const char *id = next_word(&line), *size = next_word(&line);
	uint64_t number, bytes;

	(void)r;
	if (!id || !digits_site_id(id, &number))
		return "a site's id has 16 hexadecimal digits";
	if (!size || !digits_whole(size, 10, &bytes) || bytes == 0 || bytes > MID_MAX)
		return "behind a site's id comes a size from 1 to 32768";
	return lifetime_know(number, sizeclass_of(bytes)) ? NULL : "there are too many sites";
}

static const char *
take_line(struct reading *r, char *line)
{
	static const struct {
		const char *word;
		const char *(*take)(struct reading *, char *);
	} kinds[] = {{"state", take_state}, {"policy", take_policy}, {"rating", take_rating},
		{"sizes", take_sizes}, {"lasting", take_lasting}};
	const char *word = next_word(&line);

	if (!word || *word == '#')
		return NULL;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(word, kinds[i].word) == 0)
			return kinds[i].take(r, line);
	return "a line begins with state, policy, rating, sizes, lasting or #";
}

/* NULL, or what is wrong, and in which line. */
static const char *
read_all(struct os_lines *lines, struct reading *r, size_t *number)
{
	char line[LINE_BYTES];
	const char *wrong = NULL;

	*number = 1;
	if (!os_lines_next(lines, line, sizeof(line)) || strcmp(line, VERSION_LINE) != 0)
		return "the first line is not " VERSION_LINE;
	while (!wrong && os_lines_next(lines, line, sizeof(line))) {
		++*number;
		wrong = strlen(line) == LINE_BYTES - 1 ? "the line is too long"
						       : take_line(r, line);
	}
	if (!wrong && !r->state)
		wrong = "the state is missing";
	if (!wrong && r->policy == POLICIES)
		wrong = "the policy is missing";
	return wrong;
}

bool
policy_load(struct learner *l, const char *path, bool held)
{
	struct reading r = {.policy = POLICIES};
	struct os_lines lines;
	size_t number;

	if (!os_lines_open(&lines, path)) {
		bool there = os_file_exists(path);
		if (there)
			log_line("%s: the policy file cannot be read; left out", path);
		return !there;
	}
	const char *wrong = read_all(&lines, &r, &number);
	os_lines_close(&lines);
	if (wrong) {
		hak_lifetime_known.count = 0;
		log_line("%s:%u: %s; the policy file is left out", path, number, wrong);
		return false;
	}
	for (unsigned i = 0; i < l->count && i < POLICIES; i++)
		if (r.rated[i])
			l->players[i] = r.players[i];
	l->incumbent = l->playing = r.policy;
	l->sizes_known = r.sizes;
	memcpy(l->sizes, r.shares, sizeof(l->sizes));
	if (r.frozen || held)
		learn_freeze(l, held);
	return true;
}

/* --- writing --------------------------------------------------------------------------------- */

/* Adds to the text; it has room for all there can be. */
#define PUT(...) used += log_text(text + used, size - used, __VA_ARGS__)

/* Returns the length. */
static size_t
write_all(const struct learner *l, const struct lifetime_site *sites, unsigned nsites, char *text,
	size_t size)
{
	size_t used = 0;

	PUT("%s\nstate %s\npolicy %s\n", VERSION_LINE,
		l->state == LEARNER_LEARNS ? "learn" : "frozen", policies[l->incumbent].name);
	for (unsigned i = 0; i < l->count && i < POLICIES; i++) {
		const struct learn_player *p = &l->players[i];
		size_t tenths = (size_t)(p->rating * 10 + 0.5);
		PUT("rating %s %u.%u %u %u %u %u\n", policies[i].name, tenths / 10, tenths % 10,
			(size_t)p->games, (size_t)p->won, (size_t)p->drawn, (size_t)p->lost);
	}
	if (l->sizes_known) {
		PUT("sizes");
		for (unsigned i = 0; i < LEARN_SIZES; i++)
			PUT(" %u", (size_t)(l->sizes[i] * SHARES + 0.5));
		PUT("\n");
	}
	for (unsigned i = 0; i < nsites; i++)
		PUT("lasting %x %u\n", (size_t)sites[i].id, (size_t)sizeclass_size(sites[i].cls));
	return used;
}

#undef PUT

bool
policy_save(const struct learner *l, const struct lifetime_site *sites, unsigned nsites,
	const char *path)
{
	size_t size = FILE_BYTES + (size_t)nsites * SITE_BYTES;
	char *text = os_map(size);
	bool ok = text && os_file_replace(path, text, write_all(l, sites, nsites, text, size));

	if (text)
		os_unmap(text, size);
	if (!ok)
		log_line("%s: the policy file cannot be written", path);
	return ok;
}
