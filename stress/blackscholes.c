/* SPDX-License-Identifier: MIT
 * stress/blackscholes.c - prices options: a few large blocks, and no other allocation at all.
 *
 * Source: the program of that name in PARSEC (C. Bienia, S. Kumar, J. Singh, K. Li, "The PARSEC
 * Benchmark Suite: Characterization and Architectural Implications", PACT 2008); the formula is F.
 * Black, M. Scholes, "The Pricing of Options and Corporate Liabilities", Journal of Political
 * Economy 81, 1973. The published program allocates the options' records, six arrays of what the
 * formula reads (one block, cut at cache lines) and the prices, before the threads start, and frees
 * them after they ended; each thread prices its range of options 100 times over. So does this one:
 * an allocator can gain or lose only by how it places large blocks, and by what it costs to start.
 * It is the control among the workloads.
 *
 * What differs: the options are drawn at random where the published program reads a file, and the
 * prices are verified rather than written to one; the arithmetic is in double precision, for a
 * checksum that does not hang on the last bit.
 *
 * Parameters: THREADS OPTIONS RUNS SEED. OPTIONS and RUNS take the place of the published INPUT and
 * OUTPUT files and of its constant 100.
 *
 * Prints the closing line (harness.h). ops counts options priced; the work is fixed, so `seconds`
 * is the figure to compare. checksum adds up a digest of each price in millionths; it does not
 * depend on THREADS. The normal distribution is approximated by a polynomial, as in the published
 * program; each price is verified against the C library's error function. */
#include "stress/harness.h"

#include "stress/science.h"

#include <inttypes.h>
#include <math.h>

enum { THREADS, OPTIONS, RUNS, SEED, PARAMS };

static struct param params[PARAMS] = {
	[THREADS] = {"THREADS", PARAM_COUNT, 1, 1, HARNESS_MAX_THREADS},
	[OPTIONS] = {"OPTIONS", PARAM_COUNT, 65536, 1, 100000000},
	[RUNS] = {"RUNS", PARAM_COUNT, 300, 1, 1000000},
	[SEED] = {"SEED", PARAM_COUNT, 1, 0, UINT64_MAX},
};

/* What a price may be off by, as a part of spot plus strike: the polynomial is good to 7.5e-8. */
#define TOLERANCE 2e-7

/* As they come from the market. */
struct option {
	double spot;
	double strike;
	double rate;
	double volatility;
	double years;
	bool put;
};

/* What the threads read, an array for each quantity, and what they write. */
static struct {
	struct option *options;
	void *block; /* of the arrays */
	double *spot, *strike, *rate, *volatility, *years;
	uint64_t *put;
	double *price; /* each written by the thread whose option it is */
	size_t count;
} book;

/* The normal distribution function: M. Abramowitz, I. Stegun, Handbook of Mathematical Functions,
 * 26.2.17. */
static double
normal(double x)
{
	static const double b[] = {
		0.319381530, -0.356563782, 1.781477937, -1.821255978, 1.330274429};
	double size = fabs(x);
	double t = 1 / (1 + 0.2316419 * size);
	double sum = 0;
	double tail;

	for (int i = 4; i >= 0; i--)
		sum = (sum + b[i]) * t;
	tail = sum * exp(-size * size / 2) * 0.39894228040143267794;
	return x < 0 ? tail : 1 - tail;
}

static double
normal_exact(double x)
{
	return erfc(-x * M_SQRT1_2) / 2;
}

static double
price_option(size_t i, double (*distribution)(double))
{
	double deviation = book.volatility[i] * sqrt(book.years[i]);
	double drift = book.rate[i] + book.volatility[i] * book.volatility[i] / 2;
	double d1 = (log(book.spot[i] / book.strike[i]) + drift * book.years[i]) / deviation;
	double d2 = d1 - deviation;
	double present = book.strike[i] * exp(-book.rate[i] * book.years[i]);

	if (book.put[i])
		return present * distribution(-d2) - book.spot[i] * distribution(-d1);
	return book.spot[i] * distribution(d1) - present * distribution(d2);
}

static void
run(struct worker *w)
{
	size_t threads = params[THREADS].value;
	size_t from = book.count * w->index / threads;
	size_t to = book.count * (w->index + 1) / threads;

	for (uint64_t n = 0; n < params[RUNS].value; n++) {
		for (size_t i = from; i < to; i++)
			book.price[i] = price_option(i, normal);
		w->tally.ops += to - from;
	}
}

/* `length` bytes of the block, from the next cache line on. */
static void *
carve(char **from, size_t length)
{
	uintptr_t at = ((uintptr_t)*from + HARNESS_CACHE_LINE - 1) & -(uintptr_t)HARNESS_CACHE_LINE;
	char *place = *from + (at - (uintptr_t)*from);

	*from = place + length;
	return place;
}

static void
book_open(void)
{
	struct prng g = prng_init(params[SEED].value, 0);
	size_t length = book.count * sizeof(double);
	char *free_part;

	book.options = heap_new(book.count * sizeof(*book.options));
	book.price = heap_new(length);
	book.block = heap_new(6 * (length + HARNESS_CACHE_LINE));
	for (size_t i = 0; i < book.count; i++) {
		struct option *o = &book.options[i];

		o->strike = 20 + 80 * prng_unit(&g);
		o->spot = o->strike * (0.7 + 0.6 * prng_unit(&g));
		o->rate = 0.02 + 0.08 * prng_unit(&g);
		o->volatility = 0.1 + 0.5 * prng_unit(&g);
		o->years = 0.1 + 0.9 * prng_unit(&g);
		o->put = prng_next(&g) >> 63;
	}
	free_part = book.block;
	book.spot = carve(&free_part, length);
	book.strike = carve(&free_part, length);
	book.rate = carve(&free_part, length);
	book.volatility = carve(&free_part, length);
	book.years = carve(&free_part, length);
	book.put = carve(&free_part, length);
	for (size_t i = 0; i < book.count; i++) {
		const struct option *o = &book.options[i];

		book.spot[i] = o->spot;
		book.strike[i] = o->strike;
		book.rate[i] = o->rate;
		book.volatility[i] = o->volatility;
		book.years[i] = o->years;
		book.put[i] = o->put;
	}
}

/* Returns the checksum. */
static uint64_t
book_verify(void)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < book.count; i++) {
		const struct option *o = &book.options[i];
		double exact = price_option(i, normal_exact);

		/* A comparison with a NaN is false, too. */
		if (book.spot[i] != o->spot || book.strike[i] != o->strike ||
			book.rate[i] != o->rate || book.volatility[i] != o->volatility ||
			book.years[i] != o->years || book.put[i] != o->put ||
			!(fabs(book.price[i] - exact) < TOLERANCE * (o->spot + o->strike)))
			harness_die(HARNESS_FAILED,
				"checksum failure: option %zu was priced %.9f where %.9f is right: "
				"it was damaged in memory",
				i, book.price[i], exact);
		sum += digest_word(i, (uint64_t)llround(book.price[i] * 1e6));
	}
	return sum;
}

int
main(int argc, char **argv)
{
	struct tally total = {0};
	struct team team;

	params_positional(params, PARAMS, argc, argv);
	book.count = params[OPTIONS].value;
	book_open();
	team_start(&team, (unsigned)params[THREADS].value, run, NULL);
	team_join(&team);
	for (unsigned i = 0; i < team.count; i++)
		tally_add(&total, &team.workers[i].tally);
	team_destroy(&team);
	total.checksum = book_verify();
	free(book.options);
	free(book.price);
	free(book.block);
	report("blackscholes", (unsigned)params[THREADS].value, &total,
		"options=%" PRIu64 " runs=%" PRIu64 " seed=%" PRIu64, params[OPTIONS].value,
		params[RUNS].value, params[SEED].value);
	return EXIT_SUCCESS;
}
