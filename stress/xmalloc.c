/* SPDX-License-Identifier: MIT
 * stress/xmalloc.c - producers allocate, consumers free: every block dies in another thread than it
 * was born in.
 *
 * Source: C. Lever, D. Boreham, "malloc() Performance in a Multithreaded Linux Environment",
 * USENIX 2000, and the test of that name that grew out of it. A producer allocates a batch of
 * blocks (the batch itself is one) and puts it into a queue; a consumer takes it out and frees all
 * of them. This is the worst case for allocators that give a block back to its first owner.
 *
 * What differs: the queue holds few batches and producers wait while it is full, so that live
 * memory has a bound that does not depend on who is faster: (16 + 2 WORKERS) batches of 4096
 * blocks. Sizes come from a stateless hash, so that the consumer can check each block.
 *
 * Parameters: -w WORKERS producers and as many consumers (1); -t SECONDS (5); -s SIZE of a block in
 * bytes, or -1 for a mix of sizes from 8 to 2048, which is the default.
 *
 * Prints the closing line (harness.h); threads= counts both kinds, workers= one of them. ops counts
 * blocks freed; the time is fixed, so ops_per_s is the figure to compare. checksum adds up the
 * words read back from the first batch of each producer, which is made even if the time is over
 * sooner, so that it depends on the parameters alone. At the end what was freed must equal what was
 * allocated, by number and by sum of words. */
#include "stress/harness.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <unistd.h>

enum { BATCH_BLOCKS = 4096, QUEUE_BATCHES = 16, MIXED_SIZES = 16 };

static struct param workers = {"WORKERS (-w)", PARAM_COUNT, 1, 1, HARNESS_MAX_THREADS};
static struct param seconds = {"SECONDS (-t)", PARAM_SECONDS, 5000, 1, 86400000};
static struct param size = {"SIZE (-s), if not -1,", PARAM_COUNT, 0, 1, UINT64_C(1) << 30};

/* Powers of two and the sizes halfway between them, as programs have them. */
static const uint16_t mixed_sizes[MIXED_SIZES] = {
	8, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048};

struct batch {
	struct batch *next;
	uint64_t id; /* of its first block; 0 to BATCH_BLOCKS - 1 are added for the others */
	bool fixed;  /* its words count for the checksum */
	void *blocks[BATCH_BLOCKS];
};

static struct {
	pthread_mutex_t lock;
	pthread_cond_t not_empty;
	pthread_cond_t not_full;
	/* All of these under the lock. */
	struct batch *head;
	struct batch **tail;
	unsigned length;
	unsigned producers; /* still at work; without one an empty queue is the end */
} queue = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.not_empty = PTHREAD_COND_INITIALIZER,
	.not_full = PTHREAD_COND_INITIALIZER,
	.tail = &queue.head,
};

static atomic_bool stop;

/* Sums of all words, on a line of its own for each thread. */
struct audit {
	_Alignas(HARNESS_CACHE_LINE) uint64_t words;
};

static struct audit audits[2 * HARNESS_MAX_THREADS];

static void
queue_put(struct batch *b)
{
	pthread_mutex_lock(&queue.lock);
	while (queue.length == QUEUE_BATCHES)
		pthread_cond_wait(&queue.not_full, &queue.lock);
	b->next = NULL;
	*queue.tail = b;
	queue.tail = &b->next;
	queue.length++;
	pthread_cond_signal(&queue.not_empty);
	pthread_mutex_unlock(&queue.lock);
}

/* The oldest batch; NULL when the queue is empty and no producer is left. */
static struct batch *
queue_take(void)
{
	struct batch *b;

	pthread_mutex_lock(&queue.lock);
	while (!queue.head && queue.producers > 0)
		pthread_cond_wait(&queue.not_empty, &queue.lock);
	b = queue.head;
	if (b) {
		queue.head = b->next;
		if (!queue.head)
			queue.tail = &queue.head;
		queue.length--;
		pthread_cond_signal(&queue.not_full);
	}
	pthread_mutex_unlock(&queue.lock);
	return b;
}

static void
queue_leave(void)
{
	pthread_mutex_lock(&queue.lock);
	queue.producers--;
	pthread_cond_broadcast(&queue.not_empty);
	pthread_mutex_unlock(&queue.lock);
}

/* The size follows from the word, so that no one needs to remember it. */
static size_t
block_size(uint64_t word)
{
	return size.value ? size.value : mixed_sizes[word % MIXED_SIZES];
}

static void
produce(struct worker *w)
{
	/* No two blocks of a run carry the same id. */
	uint64_t id = (uint64_t)w->index << 56;
	uint64_t words = 0;
	uint64_t count = 0;

	/* relaxed: it carries no data. */
	while (count == 0 || !atomic_load_explicit(&stop, memory_order_relaxed)) {
		struct batch *b = malloc(sizeof(*b));

		if (!b)
			block_exhausted(sizeof(*b));
		b->id = id + count;
		b->fixed = count == 0;
		for (size_t i = 0; i < BATCH_BLOCKS; i++) {
			uint64_t word = mix64(b->id + i);

			b->blocks[i] = block_new(block_size(word), word);
			words += block_truncate(word, block_size(word));
		}
		count += BATCH_BLOCKS;
		queue_put(b);
	}
	queue_leave();
	w->tally.ops = count;
	audits[w->index].words = words;
}

static void
consume(struct worker *w)
{
	uint64_t words = 0;
	struct batch *b;

	while ((b = queue_take())) {
		uint64_t sum = 0;

		for (size_t i = 0; i < BATCH_BLOCKS; i++) {
			uint64_t word = mix64(b->id + i);

			sum += block_delete(b->blocks[i], block_size(word), word);
		}
		if (b->fixed)
			w->tally.checksum += sum;
		words += sum;
		w->tally.ops += BATCH_BLOCKS;
		free(b);
	}
	audits[w->index].words = words;
}

static void
run(struct worker *w)
{
	if (w->index < workers.value)
		produce(w);
	else
		consume(w);
}

static _Noreturn void
usage_error(const char *what)
{
	harness_die(HARNESS_USAGE,
		"'%s' is no option or lacks its value: give -w WORKERS, -t SECONDS or -s SIZE",
		what);
}

static void
parse(int argc, char **argv)
{
	int option;

	harness_help(argc, argv, "[-w WORKERS=1] [-t SECONDS=5] [-s SIZE=-1]");
	opterr = 0;
	while ((option = getopt(argc, argv, "w:t:s:")) != -1) {
		if (option == 'w')
			param_parse(&workers, optarg);
		else if (option == 't')
			param_parse(&seconds, optarg);
		else if (option == 's' && strcmp(optarg, "-1") == 0)
			size.value = 0;
		else if (option == 's')
			param_parse(&size, optarg);
		else
			usage_error((char[]){'-', (char)optopt, '\0'});
	}
	if (optind < argc)
		usage_error(argv[optind]);
}

int
main(int argc, char **argv)
{
	struct tally produced = {0};
	struct tally consumed = {0};
	uint64_t words = 0;
	unsigned pairs;
	struct team team;

	parse(argc, argv);
	pairs = (unsigned)workers.value;
	queue.producers = pairs;
	team_start(&team, 2 * pairs, run, NULL);
	harness_sleep_ms(seconds.value);
	atomic_store_explicit(&stop, true, memory_order_relaxed);
	team_join(&team);
	for (unsigned i = 0; i < pairs; i++) {
		tally_add(&produced, &team.workers[i].tally);
		tally_add(&consumed, &team.workers[pairs + i].tally);
		words += audits[i].words - audits[pairs + i].words;
	}
	team_destroy(&team);
	if (words != 0 || produced.ops != consumed.ops)
		harness_die(HARNESS_FAILED,
			"checksum failure: %" PRIu64 " blocks allocated, %" PRIu64
			" freed, sums of words differ by %#" PRIx64,
			produced.ops, consumed.ops, words);
	if (produced.start_ns < consumed.start_ns)
		consumed.start_ns = produced.start_ns;
	report("xmalloc", 2 * pairs, &consumed, "workers=%u size=%" PRId64, pairs,
		size.value ? (int64_t)size.value : INT64_C(-1));
	return EXIT_SUCCESS;
}
