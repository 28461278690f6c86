/* SPDX-License-Identifier: MIT
 * stress/espresso.c - minimises two-level logic, on cubes that are heap blocks.
 *
 * Source: the heuristic of R. Brayton, G. Hachtel, C. McMullen, A. Sangiovanni-Vincentelli, "Logic
 * Minimization Algorithms for VLSI Synthesis", Kluwer 1984. The program of that name has been a
 * test of allocators since B. Zorn, D. Barrett, "Using Lifetime Predictors to Improve Memory
 * Allocation Performance", PLDI 1993: one thread, a great many small blocks that live as long as
 * one level of a recursion, among few that live longer. A cube of 14 inputs and 8 outputs is a
 * block of 16 bytes, one of 64 inputs 32; the array of a cover's cubes grows by doubling, mostly
 * from 32 bytes to 1 KiB.
 *
 * The method: the off-set is the complement of what was given. EXPAND raises each cube to a prime
 * that meets no cube of the off-set and drops the cubes that this covers; IRREDUNDANT drops cubes
 * that the others cover together; REDUCE shrinks each cube to what it alone covers, so that the
 * next EXPAND may take another way. They alternate until the cost (cubes, then literals) stays.
 *
 * What differs: cubes are single blocks, where the published program keeps some families of them in
 * one array; the choices in EXPAND and IRREDUNDANT are greedy; essential primes are not set aside
 * and there is no last gasp; the result is not printed.
 *
 * Parameters: [-i INPUTS] [-o OUTPUTS] [-c CUBES] [-r SEED] [FILE]. FILE is in PLA format (.i, .o,
 * .p, .type f or fd, .ilb, .ob, .e; terms of 0, 1 and - and outputs of 0, 1, - and ~; - among the
 * outputs is "don't care"). Without FILE a PLA is generated: cubes drawn at random, cut along
 * random inputs into CUBES pieces, which the minimiser has to put together again.
 *
 * Prints the closing line (harness.h) with the number of cubes and literals before and after. ops
 * counts the cubes allocated; the work is fixed, so `seconds` is the figure to compare. checksum is
 * a digest of the result. It is verified twice: by tautology (each given cube is covered by the
 * result, and each of the result by what was given, don't-cares aside), and by evaluating both at
 * random points, which shares no code with the minimiser. What was generated is generated once more
 * and compared. */
#include "stress/harness.h"

#include "stress/cover.h"
#include "stress/science.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

enum { POINTS = 20000 };

static struct param inputs = {"INPUTS (-i)", PARAM_COUNT, 14, 1, SHAPE_MAX_INPUTS};
static struct param outputs = {"OUTPUTS (-o)", PARAM_COUNT, 8, 1, SHAPE_MAX_OUTPUTS};
static struct param cubes = {"CUBES (-c)", PARAM_COUNT, 2400, 1, 100000};
static struct param seed = {"SEED (-r)", PARAM_COUNT, 1, 0, UINT64_MAX};

/* What is to be minimised. */
struct pla {
	struct cover on;
	struct cover dc;
};

/* --- reading a PLA --------------------------------------------------------------------------- */

struct reader {
	const char *path;
	unsigned line;
	unsigned inputs;
	unsigned outputs;
	bool dont_cares; /* type fd: "-" among the outputs counts */
	bool ended;
	/* The term being read, which may go over several lines. */
	unsigned have;
	char term[SHAPE_MAX_INPUTS + SHAPE_MAX_OUTPUTS];
};

#define READER_BAD(r, format, ...)                                                                 \
	harness_die(HARNESS_USAGE, "%s:%u: " format, (r)->path, (r)->line, __VA_ARGS__)

static unsigned
reader_number(struct reader *r, const char *text, unsigned max)
{
	char *end;
	unsigned long number = text ? strtoul(text, &end, 10) : 0;

	if (!text || *end != '\0' || number < 1 || number > max)
		READER_BAD(r, "'%s': give a number from 1 to %u", text ? text : "", max);
	return (unsigned)number;
}

static void
reader_keyword(struct reader *r, const char *key)
{
	const char *value = strtok(NULL, " \t\r\n");

	if (strcmp(key, ".i") == 0) {
		r->inputs = reader_number(r, value, SHAPE_MAX_INPUTS);
	} else if (strcmp(key, ".o") == 0) {
		r->outputs = reader_number(r, value, SHAPE_MAX_OUTPUTS);
	} else if (strcmp(key, ".type") == 0) {
		if (!value || (strcmp(value, "f") != 0 && strcmp(value, "fd") != 0))
			READER_BAD(
				r, "type '%s' is not supported: give f or fd", value ? value : "");
		r->dont_cares = value[1] == 'd';
	} else if (strcmp(key, ".e") == 0 || strcmp(key, ".end") == 0) {
		r->ended = true;
	} else if (strcmp(key, ".p") != 0 && strcmp(key, ".ilb") != 0 && strcmp(key, ".ob") != 0) {
		READER_BAD(r,
			"'%s' is not supported: give .i, .o, .p, .type, .ilb, .ob and .e only",
			key);
	}
}

static void
reader_add_term(struct reader *r, struct pla *p)
{
	struct cube *on = cube_full();
	struct cube *dc;
	unsigned ons = 0, dcs = 0;

	for (unsigned i = 0; i < shape.inputs; i++) {
		char c = r->term[i];

		if (!strchr("01-2", c))
			READER_BAD(r, "'%c' is no input: give 0, 1 or -", c);
		if (c == '0' || c == '1')
			cube_unset(on, 2 * i + (c == '0'));
	}
	dc = cube_copy(on);
	for (unsigned i = 0; i < shape.outputs; i++) {
		char c = r->term[shape.inputs + i];

		if (!strchr("01-2~4", c))
			READER_BAD(r, "'%c' is no output: give 0, 1, - or ~", c);
		if (c == '1' || c == '4')
			ons++;
		else
			cube_unset(on, 2 * shape.inputs + i);
		if (c == '-' || c == '2')
			dcs++;
		else
			cube_unset(dc, 2 * shape.inputs + i);
	}
	if (ons)
		cover_add(&p->on, on);
	else
		free(on);
	if (dcs && r->dont_cares)
		cover_add(&p->dc, dc);
	else
		free(dc);
}

static void
reader_term_part(struct reader *r, struct pla *p, const char *text)
{
	if (shape.words == 0) {
		if (r->inputs == 0 || r->outputs == 0)
			READER_BAD(r, "'%s' comes before .i and .o: give these first", text);
		shape_init(r->inputs, r->outputs);
	}
	for (; *text; text++) {
		if (*text == '|')
			continue;
		r->term[r->have++] = *text;
		if (r->have == shape.inputs + shape.outputs) {
			reader_add_term(r, p);
			r->have = 0;
		}
	}
}

static void
pla_read(struct pla *p, const char *path)
{
	struct reader r = {.path = path, .dont_cares = true};
	FILE *file = fopen(path, "r");
	char *line = NULL;
	size_t room = 0;

	if (!file)
		harness_die(HARNESS_USAGE, "cannot read '%s': %s: give a file in PLA format", path,
			strerror(errno));
	while (!r.ended && getline(&line, &room, file) >= 0) {
		r.line++;
		line[strcspn(line, "#")] = '\0';
		for (char *text = strtok(line, " \t\r\n"); text; text = strtok(NULL, " \t\r\n")) {
			if (*text == '.') {
				reader_keyword(&r, text);
				break;
			}
			reader_term_part(&r, p, text);
		}
	}
	if (ferror(file))
		harness_die(HARNESS_USAGE, "cannot read '%s': %s", path, strerror(errno));
	if (r.have > 0)
		READER_BAD(&r, "the last term has only %u characters: it needs %u", r.have,
			shape.inputs + shape.outputs);
	if (p->on.count == 0)
		READER_BAD(&r, "no term has an output of %d: give some", 1);
	free(line);
	fclose(file);
}

/* --- generating one -------------------------------------------------------------------------- */

/* About half of the inputs and a third of the outputs, at least one. */
static struct cube *
random_cube(struct prng *g)
{
	struct cube *c = cube_full();
	unsigned kept = prng_scale(prng_next(g), shape.outputs);

	for (unsigned i = 0; i < shape.inputs; i++) {
		uint64_t random = prng_next(g);

		if (random >> 63)
			cube_unset(c, 2 * i + (random >> 62 & 1));
	}
	for (unsigned i = 0; i < shape.outputs; i++) {
		if (i != kept && prng_scale(prng_next(g), 3) > 0)
			cube_unset(c, 2 * shape.inputs + i);
	}
	return c;
}

/* Cuts the cube in two along a random input that it does not need; false if there is none. */
static bool
cut(struct cover *f, unsigned at, struct prng *g)
{
	unsigned first = prng_scale(prng_next(g), shape.inputs);

	for (unsigned k = 0; k < shape.inputs; k++) {
		unsigned i = (first + k) % shape.inputs;
		struct cube *c = f->cube[at];

		if (!cube_has(c, 2 * i) || !cube_has(c, 2 * i + 1))
			continue;
		cover_add(f, cube_copy(c));
		cube_unset(c, 2 * i);
		cube_unset(f->cube[f->count - 1], 2 * i + 1);
		return true;
	}
	return false;
}

static void
pla_generate(struct pla *p)
{
	struct prng g = prng_init(seed.value, 0);
	unsigned wanted = (unsigned)cubes.value;
	unsigned whole = wanted / 8 + 1;

	shape_init((unsigned)inputs.value, (unsigned)outputs.value);
	while (p->on.count < whole && p->on.count < wanted)
		cover_add(&p->on, random_cube(&g));
	while (p->on.count < wanted) {
		if (!cut(&p->on, prng_scale(prng_next(&g), p->on.count), &g))
			cover_add(&p->on, random_cube(&g));
	}
	for (unsigned i = 0; i < wanted / 64; i++)
		cover_add(&p->dc, random_cube(&g));
}

/* --- minimising ------------------------------------------------------------------------------ */

/* Gives each cube the number of other cubes that share its bits, all bits added up: small for the
 * cubes that the fewest others will cover. */
static void
weigh(struct cover *f, unsigned *columns)
{
	cover_columns(f, columns);
	for (unsigned i = 0; i < f->count; i++) {
		struct cube *c = f->cube[i];

		c->order = 0;
		for (unsigned bit = 0; bit < shape.bits; bit++)
			c->order += cube_has(c, bit) ? columns[bit] : 0;
	}
}

/* Takes out of `free_bits` those that would make the cube meet r: r and the cube are disjoint in
 * one input or in the outputs alone, and there the bit belongs to r. */
static void
block_bits(uint64_t *free_bits, const struct cube *c, const struct cube *r)
{
	uint64_t results = 0, empty = 0;
	unsigned distance = 0, at = 0;

	for (unsigned w = 0; w < shape.words; w++) {
		uint64_t both = c->bits[w] & r->bits[w];
		uint64_t missing = ~(both | both >> 1) & shape.pairs[w];

		if (missing) {
			distance += (unsigned)__builtin_popcountll(missing);
			at = w;
			empty = missing | missing << 1;
		}
		results |= both & shape.results[w];
	}
	if (distance + !results != 1)
		return;
	if (results) {
		free_bits[at] &= ~(r->bits[at] & empty);
		return;
	}
	for (unsigned w = 0; w < shape.words; w++)
		free_bits[w] &= ~(r->bits[w] & shape.results[w]);
}

/* Raises c to a prime, the bits that most cubes have first. */
static void
expand_cube(struct cube *c, const struct cover *off, const unsigned *columns)
{
	uint64_t free_bits[SHAPE_MAX_WORDS];

	for (unsigned w = 0; w < shape.words; w++)
		free_bits[w] = shape.full[w] & ~c->bits[w];
	for (;;) {
		int best = -1;

		for (unsigned i = 0; i < off->count; i++)
			block_bits(free_bits, c, off->cube[i]);
		for (unsigned bit = 0; bit < shape.bits; bit++) {
			if ((free_bits[bit / 64] >> bit % 64 & 1) &&
				(best < 0 || columns[bit] > columns[best]))
				best = (int)bit;
		}
		if (best < 0)
			return;
		cube_set(c, (unsigned)best);
		free_bits[best / 64] &= ~(UINT64_C(1) << best % 64);
	}
}

static void
expand(struct cover *f, const struct cover *off)
{
	unsigned columns[2 * SHAPE_MAX_INPUTS + SHAPE_MAX_OUTPUTS];

	weigh(f, columns);
	cover_sort(f);
	for (unsigned i = 0; i < f->count; i++) {
		expand_cube(f->cube[i], off, columns);
		for (unsigned k = f->count; k-- > 0;) {
			if (k == i || !cube_covers(f->cube[i], f->cube[k]))
				continue;
			cover_drop(f, k);
			if (k < i)
				i--;
		}
	}
}

/* Gives each cube the number of its bits: the more, the larger it is. */
static void
measure(struct cover *f)
{
	for (unsigned i = 0; i < f->count; i++) {
		struct cube *c = f->cube[i];

		c->order = 0;
		for (unsigned w = 0; w < shape.words; w++)
			c->order += (unsigned)__builtin_popcountll(c->bits[w]);
	}
}

/* Small cubes go first. */
static void
irredundant(struct cover *f, const struct cover *dc)
{
	measure(f);
	cover_sort(f);
	for (unsigned i = 0; i < f->count;) {
		if (cover_contains(f, (int)i, dc, f->cube[i]))
			cover_drop(f, i);
		else
			i++;
	}
}

/* Shrinks cube number i to the smallest cube around its points that no other covers. */
static void
reduce_cube(struct cover *f, unsigned i, const struct cover *dc)
{
	struct cover others = {0}, alone = {0};
	struct cube *c = f->cube[i];

	cover_cofactor(&others, f, c, (int)i);
	cover_cofactor(&others, dc, c, COVER_ALL);
	cover_complement(&alone, &others);
	for (unsigned w = 0; w < shape.words; w++) {
		uint64_t around = 0;

		for (unsigned k = 0; k < alone.count; k++)
			around |= alone.cube[k]->bits[w];
		c->bits[w] &= around;
	}
	cover_clear(&others);
	if (alone.count == 0)
		cover_drop(f, i);
	cover_clear(&alone);
}

/* Large cubes go first. */
static void
reduce(struct cover *f, const struct cover *dc)
{
	measure(f);
	cover_sort(f);
	for (unsigned i = f->count; i-- > 0;)
		reduce_cube(f, i, dc);
}

/* The inputs that the cubes need. */
static uint64_t
literals(const struct cover *f)
{
	uint64_t missing = 0;

	for (unsigned i = 0; i < f->count; i++) {
		for (unsigned w = 0; w < shape.words; w++)
			missing += (unsigned)__builtin_popcountll(
				shape.full[w] & ~shape.results[w] & ~f->cube[i]->bits[w]);
	}
	return missing;
}

static bool
cheaper(const struct cover *a, const struct cover *b)
{
	if (a->count != b->count)
		return a->count < b->count;
	return literals(a) < literals(b);
}

/* Fills `result` with a cover of p->on that is as cheap as the heuristic gets it. */
static void
minimise(struct cover *result, const struct pla *p)
{
	struct cover given = {0}, off = {0};
	bool better = true;

	cover_add_copies(&given, &p->on);
	cover_add_copies(&given, &p->dc);
	cover_complement(&off, &given);
	cover_clear(&given);
	cover_add_copies(result, &p->on);
	expand(result, &off);
	irredundant(result, &p->dc);
	while (better) {
		struct cover next = {0};

		cover_add_copies(&next, result);
		reduce(&next, &p->dc);
		expand(&next, &off);
		irredundant(&next, &p->dc);
		better = cheaper(&next, result);
		if (better) {
			struct cover old = *result;

			*result = next;
			next = old;
		}
		cover_clear(&next);
	}
	cover_clear(&off);
}

/* --- verifying ------------------------------------------------------------------------------- */

static _Noreturn void
wrong(const char *how)
{
	harness_die(HARNESS_FAILED,
		"checksum failure: the result is another function than what was given (%s): cubes "
		"were damaged in memory",
		how);
}

static void
verify_by_tautology(const struct cover *result, const struct pla *p)
{
	struct cover given = {0};

	for (unsigned i = 0; i < p->on.count; i++) {
		if (!cover_contains(result, COVER_ALL, &p->dc, p->on.cube[i]))
			wrong("a given cube is not covered");
	}
	cover_add_copies(&given, &p->on);
	for (unsigned i = 0; i < result->count; i++) {
		if (!cover_contains(&given, COVER_ALL, &p->dc, result->cube[i]))
			wrong("a cube covers too much");
	}
	cover_clear(&given);
}

/* Whether output o of the cover is 1 at the point, an array of 0 and 1. */
static bool
value_at(const struct cover *f, const uint8_t *point, unsigned o)
{
	for (unsigned i = 0; i < f->count; i++) {
		bool inside = cube_has(f->cube[i], 2 * shape.inputs + o);

		for (unsigned k = 0; inside && k < shape.inputs; k++)
			inside = cube_has(f->cube[i], 2 * k + point[k]);
		if (inside)
			return true;
	}
	return false;
}

/* The points lie in or near a cube of either cover, since few others would hit one. */
static void
verify_at_points(const struct cover *result, const struct pla *p)
{
	struct prng g = prng_init(seed.value, 1);
	uint8_t point[SHAPE_MAX_INPUTS];

	for (unsigned n = 0; n < POINTS; n++) {
		const struct cover *from = n % 2 && result->count > 0 ? result : &p->on;
		const struct cube *c = from->cube[prng_scale(prng_next(&g), from->count)];
		unsigned o = prng_scale(prng_next(&g), shape.outputs);

		for (unsigned i = 0; i < shape.inputs; i++) {
			point[i] = prng_next(&g) >> 63;
			if (!cube_has(c, 2 * i + point[i]) && prng_scale(prng_next(&g), 32) > 0)
				point[i] ^= 1;
		}
		if (value_at(result, point, o) != value_at(&p->on, point, o) &&
			!value_at(&p->dc, point, o))
			wrong("they differ at a point");
	}
}

/* What was generated must still be there: the same again, in other blocks, is compared with it. */
static void
verify_given(const struct pla *p)
{
	struct pla again = {0};

	pla_generate(&again);
	for (unsigned i = 0; i < again.on.count; i++) {
		if (i >= p->on.count || cube_compare(again.on.cube[i], p->on.cube[i]) != 0)
			wrong("what was given has changed");
	}
	for (unsigned i = 0; i < again.dc.count; i++) {
		if (i >= p->dc.count || cube_compare(again.dc.cube[i], p->dc.cube[i]) != 0)
			wrong("what was given has changed");
	}
	cover_clear(&again.on);
	cover_clear(&again.dc);
}

static uint64_t
digest(struct cover *f)
{
	uint64_t sum = 0;

	measure(f);
	cover_sort(f);
	for (unsigned i = 0; i < f->count; i++) {
		for (unsigned w = 0; w < shape.words; w++)
			sum += digest_word((uint64_t)i << 8 | w, f->cube[i]->bits[w]);
	}
	return sum;
}

/* --- the program ----------------------------------------------------------------------------- */

static _Noreturn void
usage_error(const char *what)
{
	harness_die(HARNESS_USAGE,
		"'%s' is no option or lacks its value: give -i INPUTS, -o OUTPUTS, -c CUBES, -r "
		"SEED or one FILE",
		what);
}

/* Returns the file's name, NULL for none. */
static const char *
parse(int argc, char **argv)
{
	int option;

	harness_help(
		argc, argv, "[-i INPUTS=14] [-o OUTPUTS=8] [-c CUBES=2400] [-r SEED=1] [FILE]");
	opterr = 0;
	while ((option = getopt(argc, argv, "i:o:c:r:")) != -1) {
		if (option == 'i')
			param_parse(&inputs, optarg);
		else if (option == 'o')
			param_parse(&outputs, optarg);
		else if (option == 'c')
			param_parse(&cubes, optarg);
		else if (option == 'r')
			param_parse(&seed, optarg);
		else
			usage_error((char[]){'-', (char)optopt, '\0'});
	}
	if (optind + 1 < argc)
		usage_error(argv[optind + 1]);
	return argv[optind];
}

int
main(int argc, char **argv)
{
	const char *path = parse(argc, argv);
	struct pla given = {0};
	struct cover result = {0};
	struct tally total = {0};
	unsigned before, after;
	uint64_t literals_before, literals_after;

	if (path)
		pla_read(&given, path);
	else
		pla_generate(&given);
	before = given.on.count;
	literals_before = literals(&given.on);
	total.start_ns = harness_now_ns();
	minimise(&result, &given);
	verify_by_tautology(&result, &given);
	total.end_ns = harness_now_ns();
	total.ops = cubes_allocated();
	verify_at_points(&result, &given);
	if (!path)
		verify_given(&given);
	total.checksum = digest(&result);
	after = result.count;
	literals_after = literals(&result);
	cover_clear(&result);
	cover_clear(&given.on);
	cover_clear(&given.dc);
	report("espresso", 1, &total,
		"inputs=%u outputs=%u cubes=%u literals=%" PRIu64
		" cubes_after=%u literals_after=%" PRIu64,
		shape.inputs, shape.outputs, before, literals_before, after, literals_after);
	return EXIT_SUCCESS;
}
