/* SPDX-License-Identifier: MIT
 * arenas/rules.h - Site Rules: what the user's file says of the call sites that it names.
 *
 * The file is read once, at start. Which of its rules a site meets, whatever the size, is found out
 * by the front-end, which knows how to tell an address's file and function, on the site's first
 * slow path (frontends/resolve.h). It settles the site here: a set of rules in a hash table of
 * bounded size. After that an action is the first rule of the set that has it and whose sizes fit.
 * Where there is no rule, asking is one load and a branch.
 *
 * Rules are fixed at start but for their counters, which any thread adds to. Sites are settled by
 * the holder of RANK_RULES, read by any thread, and never removed. */
#ifndef HAK_ARENAS_RULES_H
#define HAK_ARENAS_RULES_H

#include "backends/backend.h"
#include "base/compiler.h"

#define RULES_MOST 256
#define RULES_SITES 16384
#define RULES_NAMES_BYTES 65536
/* Of a line, with its end. */
#define RULES_LINE_BYTES 2048
#define RULES_LINES 4096

/* What has to hold; a rule's bits. The sizes always have to. */
enum { RULE_SYMBOL = 1, RULE_MODULE = 2, RULE_OFFSET = 4, RULE_SITE = 8, RULE_SIZE = 16 };
/* What a rule says; its bits. */
enum { RULE_ARENA = 1, RULE_FATE = 2, RULE_SAMPLE = 4, RULE_PLACE = 8 };

/* Where blocks are to lie: with the others, with those that last, apart from all other sites'. */
enum rule_place { PLACE_SHORT, PLACE_LASTING, PLACE_ISOLATED };

struct rule {
	unsigned line;                /* in the file, from 1 */
	unsigned conditions, actions; /* the bits above */
	const char *symbol, *module;  /* in the rules' names */
	uintptr_t low, high;          /* offsets in ELF's terms */
	uint64_t id;
	size_t least, most; /* bytes of a block */
	unsigned arena;
	enum backend_fate fate;
	enum rule_place place;
	unsigned group; /* of arenas, for the place; set by the front-end, at start */
	_Atomic uint64_t sites, acted; /* numbers */
};

/* Bit i is rule i. */
struct rule_set {
	uint64_t words[RULES_MOST / 64];
};

struct rules {
	unsigned count;
	unsigned refused; /* lines that are no rule */
	bool by_symbol;   /* some rule names one */
	size_t names_used;
	_Atomic size_t settled;   /* sites */
	_Atomic size_t overflows; /* slow paths of sites that found no place */
	struct rule rules[RULES_MOST];
	char names[RULES_NAMES_BYTES];
	struct settled_site {
		_Atomic uintptr_t site; /* 0: empty; released with its set */
		struct rule_set set;
		bool placed; /* some rule of the set has RULE_PLACE */
	} sites[RULES_SITES];
};

/* NULL without rules; set under the startup lock. */
extern struct rules *_Atomic hak_rules;

/* --- the file -------------------------------------------------------------------------------- */

/* Reads the file, and logs a line for each that is no rule. Under the startup lock, behind
 * backend_init; once. */
void rules_load(const char *path);
/* Takes one line of the file, which is written to; false, with a line in the log that names file,
 * line and reason, where it is neither a rule nor empty. */
bool rules_take_line(struct rules *r, char *line, const char *path, unsigned number);

/* --- settling sites -------------------------------------------------------------------------- */

/* A return address, as rules see it. */
struct rules_frame {
	const char *path, *name; /* of its file, and the base name; NULL where it is in none */
	bool exact;              /* the next two are known */
	uintptr_t offset;        /* in ELF's terms */
	uint64_t id;             /* of the site that ends with this frame */
	struct rule_set symbols; /* rules whose symbol is a function around it */
};

/* True where there are rules. */
HAK_INLINE bool
rules_any(void)
{
	return HAK_UNLIKELY(RELAXED(hak_rules) != NULL);
}

/* True where the site needs no settling: it has been, or there is no room for it. The functions
 * from here on need rules_any. */
bool rules_know(uintptr_t site);
/* True where the functions around a frame matter. */
bool rules_need_functions(void);
/* Notes that the frame is in a function of that name. */
void rules_note_function(struct rules_frame *frame, const char *name);
/* The site has these n frames; a rule holds for it where it holds for one of them. RANK_RULES
 * held. */
void rules_settle(uintptr_t site, const struct rules_frame *frames, unsigned n);

/* --- asking; any thread ---------------------------------------------------------------------- */

/* The arena for the site's blocks of that size, -1 where no rule says. */
int rules_arena(uintptr_t site, size_t size);
/* What is to become of the site's Big block of that size when it is freed. */
enum backend_fate rules_fate(uintptr_t site, size_t size);
/* True where a rule asks for a sample of the site's block of that size; without rules too. */
bool rules_samples(uintptr_t site, size_t size);

/* The group of arenas for the site's blocks of that size, or one of these. Counts nothing; the next
 * counts a block, or a magazine of them. */
enum { RULES_UNSAID = -1, RULES_UNSETTLED = -2 };
int rules_group(uintptr_t site, size_t size);
void rules_note_placed(uintptr_t site, size_t size);

#endif
