/* SPDX-License-Identifier: MIT
 * stress/dedup.c - compresses a stream by leaving out what came before, in a pipeline of threads.
 *
 * Source: the program of that name in PARSEC 3.0 (C. Bienia, S. Kumar, J. Singh, K. Li, "The PARSEC
 * Benchmark Suite: Characterization and Architectural Implications", PACT 2008). One thread cuts
 * the stream into coarse pieces; THREADS threads each cut pieces into chunks where a rolling hash
 * says so, look the chunks' SHA-1 up in a table, and compress those that are new; one thread puts
 * all in order again and writes the archive. Blocks are born in one stage and die in another: a
 * piece's buffer (above 1 MiB) when the last of its chunks has been compressed or found again; a
 * record for each chunk; a buffer for each compressed chunk, cut down by realloc; an entry of the
 * table for each new one, which lives to the end; and zlib's state, five blocks of together some
 * 256 KiB, made and freed for each compression.
 *
 * What differs: the stream is generated: text of segments, some of which come again. Queues pass
 * single chunks, not batches. Which of two equal chunks is found to be new depends on the threads;
 * in the archive it is always the first one, so that the archive is the same in every run.
 *
 * Parameters: [-t THREADS] [-s MEGABYTES] [-d DUPLICATES] [-r SEED]; -t as in the published
 * program, MEGABYTES (2^20 bytes) in place of its input file, DUPLICATES the percentage of segments
 * that come again.
 *
 * Prints the closing line (harness.h), where threads= counts all, stage_threads= those of a stage.
 * ops counts chunks; the work is fixed, so `seconds` is the figure to compare. checksum is a digest
 * of the archive's records (kind, length, SHA-1) in order; it does not depend on THREADS. In the
 * end the archive is unpacked and compared with the stream. */
#include "stress/harness.h"

#include "stress/science.h"
#include "stress/sha1.h"

#include <errno.h>
#include <inttypes.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

enum {
	COARSE = 1 << 20,    /* the least length of a piece */
	CHUNK_MIN = 1 << 10, /* but for the last one of a piece */
	CHUNK_MAX = 1 << 15,
	CHUNK_BITS = 12, /* of the hash that are 0 at a cut: one place in 4096 */
	WINDOW = 32,     /* bytes under the rolling hash */
	QUEUE_LENGTH = 256,
	BUCKETS = 1 << 14, /* a power of two */
	WORDS = 2048,
	WORD_SIZE = 8,
};

static struct param threads = {"THREADS (-t)", PARAM_COUNT, 1, 1, HARNESS_MAX_THREADS};
static struct param megabytes = {"MEGABYTES (-s)", PARAM_COUNT, 24, 1, 65536};
static struct param duplicates = {"DUPLICATES (-d)", PARAM_COUNT, 50, 0, 99};
static struct param seed = {"SEED (-r)", PARAM_COUNT, 1, 0, UINT64_MAX};

/* --- the stream ------------------------------------------------------------------------------ */

/* Words of 1 to 7 letters and a blank each, filled up to 8 bytes. */
struct word {
	char text[WORD_SIZE];
	unsigned length;
};

static struct word words[WORDS];

/* A place in the stream. Segments are numbered; each is a text that follows from its number, or
 * the same text as an earlier one. */
struct stream {
	uint64_t segment;
	size_t left; /* of the segment */
	struct prng text;
	char carry[WORD_SIZE]; /* of a word that did not fit */
	size_t carried;
};

static void
words_init(void)
{
	struct prng g = prng_init(seed.value, 0);

	for (unsigned i = 0; i < WORDS; i++) {
		uint64_t random = prng_next(&g);

		words[i].length = 2 + prng_scale(random, WORD_SIZE - 1);
		for (unsigned k = 0; k + 1 < words[i].length; k++)
			words[i].text[k] = (char)('a' + (random >> 4 * k & 15));
		words[i].text[words[i].length - 1] = ' ';
	}
}

static void
segment_begin(struct stream *s)
{
	uint64_t source = s->segment++;

	for (;;) {
		struct prng g = prng_init(seed.value, 2 * source + 1);

		if (source == 0 || prng_scale(prng_next(&g), 100) >= duplicates.value)
			break;
		source = prng_scale(prng_next(&g), (uint32_t)source);
	}
	s->text = prng_init(seed.value, 2 * source + 2);
	s->left = 8192 + prng_scale(prng_next(&s->text), 57344);
}

/* A word of the segment's text, the first ones of the table more often. */
static const struct word *
word_next(struct stream *s)
{
	uint64_t random = prng_next(&s->text);

	return &words[prng_scale(random << 32, prng_scale(random, WORDS) + 1)];
}

/* The next `length` bytes of the stream. */
static void
stream_read(struct stream *s, char *to, size_t length)
{
	while (length > 0) {
		size_t n;

		if (s->carried == 0) {
			const struct word *w;

			if (s->left == 0)
				segment_begin(s);
			w = word_next(s);
			memcpy(s->carry, w->text, WORD_SIZE);
			s->carried = w->length < s->left ? w->length : s->left;
			s->left -= s->carried;
		}
		n = s->carried < length ? s->carried : length;
		memcpy(to, s->carry, n);
		memmove(s->carry, s->carry + n, s->carried - n);
		s->carried -= n;
		to += n;
		length -= n;
	}
}

/* --- where to cut ---------------------------------------------------------------------------- */

#define HASH_FACTOR UINT64_C(0x9b97714def8a3d19) /* odd, and random otherwise */

static uint64_t hash_oldest; /* HASH_FACTOR^WINDOW */

/* The length of the chunk at the start of data: where the hash of the last WINDOW bytes (M. Rabin,
 * R. Karp, 1987) ends in zeros, from `from` on, but `max` at most. */
static size_t
cut_after(const char *data, size_t from, size_t max)
{
	uint64_t hash = 0;
	size_t at = from > WINDOW ? from - WINDOW : 0;
	size_t start = at;

	for (; at < max; at++) {
		hash = hash * HASH_FACTOR + (unsigned char)data[at] + 1;
		if (at >= start + WINDOW)
			hash -= hash_oldest * ((unsigned char)data[at - WINDOW] + 1u);
		/* The upper bits: those below depend on few bytes. */
		if (at + 1 >= from && at + 1 >= start + WINDOW && hash >> (64 - CHUNK_BITS) == 0)
			return at + 1;
	}
	return max;
}

static void
cut_init(void)
{
	hash_oldest = 1;
	for (int i = 0; i < WINDOW; i++)
		hash_oldest *= HASH_FACTOR;
}

/* --- chunks and queues ----------------------------------------------------------------------- */

/* Freed by whoever drops the last reference. */
struct buffer {
	atomic_uint refs;
	char data[];
};

/* What is known of a content. The table's lock guards the chain; the writer alone touches what
 * comes after the digest. */
struct entry {
	struct entry *next;
	uint8_t digest[SHA1_SIZE];
	void *packed; /* from when it arrived until it was written */
	uint32_t packed_length;
	uint32_t index; /* of its record in the archive, once `written` */
	bool written;
};

/* A piece of the stream or a chunk of one. Belongs to the stage that has it. */
struct chunk {
	uint32_t piece; /* number in the stream */
	uint32_t part;  /* number in the piece */
	bool last;      /* of the piece */
	uint32_t length;
	struct buffer *buffer; /* NULL once the data is not needed any more */
	const char *data;
	struct entry *entry;
	void *packed;
	uint32_t packed_length;
};

struct queue {
	pthread_mutex_t lock;
	pthread_cond_t not_empty;
	pthread_cond_t not_full;
	/* All of these under the lock. */
	unsigned producers; /* still at work; without one an empty queue is the end */
	unsigned first;
	unsigned length;
	struct chunk *chunks[QUEUE_LENGTH];
};

enum { TO_REFINE, TO_LOOK_UP, TO_COMPRESS, TO_WRITE, QUEUES };

static struct queue queues[QUEUES];

static void
queue_init(struct queue *q, unsigned producers)
{
	pthread_mutex_init(&q->lock, NULL);
	pthread_cond_init(&q->not_empty, NULL);
	pthread_cond_init(&q->not_full, NULL);
	q->producers = producers;
}

static void
queue_put(struct queue *q, struct chunk *c)
{
	pthread_mutex_lock(&q->lock);
	while (q->length == QUEUE_LENGTH)
		pthread_cond_wait(&q->not_full, &q->lock);
	q->chunks[(q->first + q->length++) % QUEUE_LENGTH] = c;
	pthread_cond_signal(&q->not_empty);
	pthread_mutex_unlock(&q->lock);
}

/* NULL when the queue is empty and no producer is left. */
static struct chunk *
queue_take(struct queue *q)
{
	struct chunk *c = NULL;

	pthread_mutex_lock(&q->lock);
	while (q->length == 0 && q->producers > 0)
		pthread_cond_wait(&q->not_empty, &q->lock);
	if (q->length > 0) {
		c = q->chunks[q->first];
		q->first = (q->first + 1) % QUEUE_LENGTH;
		q->length--;
		pthread_cond_signal(&q->not_full);
	}
	pthread_mutex_unlock(&q->lock);
	return c;
}

static void
queue_leave(struct queue *q)
{
	pthread_mutex_lock(&q->lock);
	q->producers--;
	pthread_cond_broadcast(&q->not_empty);
	pthread_mutex_unlock(&q->lock);
}

static struct chunk *
chunk_new(uint32_t piece, uint32_t part, struct buffer *b, const char *data, size_t length)
{
	struct chunk *c = heap_new(sizeof(*c));

	*c = (struct chunk){.piece = piece,
		.part = part,
		.buffer = b,
		.data = data,
		.length = (uint32_t)length};
	/* relaxed: who adds a reference has one. */
	atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed);
	return c;
}

static void
buffer_release(struct buffer *b)
{
	/* acq_rel: all reads of the data come before the free, whoever does it. */
	if (atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel) == 1)
		free(b);
}

static void
chunk_drop_data(struct chunk *c)
{
	buffer_release(c->buffer);
	c->buffer = NULL;
	c->data = NULL;
}

/* --- the stages ------------------------------------------------------------------------------ */

/* One thread. What is behind a cut is copied to the next buffer, until when this thread keeps a
 * reference of its own. */
static void
fragment(void)
{
	size_t room = COARSE + CHUNK_MAX;
	size_t left = megabytes.value << 20;
	struct stream s = {0};
	struct buffer *before = NULL;
	size_t kept = 0; /* bytes, from `cut` on in the buffer before */
	size_t cut = 0;

	for (uint32_t piece = 0; left + kept > 0; piece++) {
		size_t fresh = left < room - kept ? left : room - kept;
		struct buffer *b = heap_new(sizeof(*b) + room);

		atomic_init(&b->refs, 1);
		if (before) {
			memcpy(b->data, before->data + cut, kept);
			buffer_release(before);
		}
		stream_read(&s, b->data + kept, fresh);
		left -= fresh;
		kept += fresh;
		cut = kept > COARSE ? cut_after(b->data, COARSE, kept) : kept;
		kept -= cut;
		before = b;
		queue_put(&queues[TO_REFINE], chunk_new(piece, 0, b, b->data, cut));
	}
	buffer_release(before);
	queue_leave(&queues[TO_REFINE]);
}

static void
refine(void)
{
	struct chunk *piece;

	while ((piece = queue_take(&queues[TO_REFINE]))) {
		size_t at = 0;

		for (uint32_t part = 0; at < piece->length; part++) {
			size_t left = piece->length - at;
			size_t max = left < CHUNK_MAX ? left : CHUNK_MAX;
			size_t length = cut_after(piece->data + at, CHUNK_MIN, max);
			struct chunk *c = chunk_new(
				piece->piece, part, piece->buffer, piece->data + at, length);

			at += length;
			c->last = at == piece->length;
			queue_put(&queues[TO_LOOK_UP], c);
		}
		chunk_drop_data(piece);
		free(piece);
	}
	queue_leave(&queues[TO_LOOK_UP]);
}

static struct bucket {
	pthread_mutex_t lock;
	struct entry *chain;
} buckets[BUCKETS];

/* The entry for a digest; *created tells whether it was not there before. */
static struct entry *
entry_for(const uint8_t *digest, bool *created)
{
	struct bucket *b = &buckets[(digest[0] << 8 | digest[1]) % BUCKETS];
	struct entry *e;

	pthread_mutex_lock(&b->lock);
	for (e = b->chain; e; e = e->next) {
		if (memcmp(e->digest, digest, SHA1_SIZE) == 0)
			break;
	}
	*created = !e;
	if (!e) {
		e = heap_new(sizeof(*e));
		*e = (struct entry){.next = b->chain};
		memcpy(e->digest, digest, SHA1_SIZE);
		b->chain = e;
	}
	pthread_mutex_unlock(&b->lock);
	return e;
}

static void
look_up(void)
{
	struct chunk *c;

	while ((c = queue_take(&queues[TO_LOOK_UP]))) {
		uint8_t digest[SHA1_SIZE];
		bool created;

		sha1(digest, c->data, c->length);
		c->entry = entry_for(digest, &created);
		if (!created)
			chunk_drop_data(c);
		queue_put(&queues[created ? TO_COMPRESS : TO_WRITE], c);
	}
	queue_leave(&queues[TO_COMPRESS]);
	queue_leave(&queues[TO_WRITE]);
}

static void
pack(void)
{
	struct chunk *c;

	while ((c = queue_take(&queues[TO_COMPRESS]))) {
		uLongf length = compressBound(c->length);
		int error;

		c->packed = heap_new(length);
		error = compress(c->packed, &length, (const Bytef *)c->data, c->length);
		if (error != Z_OK)
			harness_die(HARNESS_FAILED, "cannot compress a chunk: %s", zError(error));
		c->packed = heap_resize(c->packed, length);
		c->packed_length = (uint32_t)length;
		chunk_drop_data(c);
		queue_put(&queues[TO_WRITE], c);
	}
	queue_leave(&queues[TO_WRITE]);
}

/* --- the archive ----------------------------------------------------------------------------- */

/* One record a chunk, in the stream's order: this, and for a new one its compressed data. */
struct record {
	uint32_t length;
	uint32_t packed_length; /* 0: it is the content of record number `index` */
	uint32_t index;
};

/* Written by the writer, read by the main thread in the end. Mapped, not allocated, as a file would
 * be: it is the product, not the work. */
static struct {
	char *data;
	size_t room;
	size_t size;
	uint64_t chunks;
	uint64_t unique;
	uint64_t digest;
} archive;

/* Chunks of a piece that came too early. */
struct piece {
	struct piece *next; /* with a higher number */
	uint32_t number;
	uint32_t room;
	uint32_t written;
	struct chunk **parts;
};

static void
archive_open(void)
{
	size_t size = megabytes.value << 20;
	size_t chunks = size / CHUNK_MIN + size / COARSE + 2;

	archive.room = size + size / 512 + 64 * chunks;
	archive.data = mmap(NULL, archive.room, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (archive.data == MAP_FAILED)
		harness_die(HARNESS_FAILED,
			"cannot map %zu bytes for the archive: %s: give fewer "
			"MEGABYTES",
			archive.room, strerror(errno));
}

static void
archive_append(const void *data, size_t size)
{
	if (size > archive.room - archive.size)
		harness_die(HARNESS_FAILED,
			"checksum failure: the archive is longer than it can be: chunks were "
			"damaged in memory");
	memcpy(archive.data + archive.size, data, size);
	archive.size += size;
}

/* Writes the chunk's record, if its content is there. */
static bool
record_write(const struct chunk *c)
{
	struct entry *e = c->entry;
	struct record r = {.length = c->length};
	uint64_t name;

	if (!e->written && !e->packed)
		return false;
	if (e->written) {
		r.index = e->index;
		archive_append(&r, sizeof(r));
	} else {
		e->written = true;
		e->index = (uint32_t)archive.unique++;
		r.index = e->index;
		r.packed_length = e->packed_length;
		archive_append(&r, sizeof(r));
		archive_append(e->packed, e->packed_length);
		free(e->packed);
		e->packed = NULL;
	}
	memcpy(&name, e->digest, sizeof(name));
	name ^= (uint64_t)r.index << 1 | (r.packed_length > 0);
	archive.digest += digest_word(archive.chunks++, name + mix64(r.length));
	return true;
}

/* Puts the chunk to those of its piece; pieces are in order. */
static void
piece_add(struct piece **at, struct chunk *c)
{
	struct piece *p;

	while (*at && (*at)->number < c->piece)
		at = &(*at)->next;
	if (!*at || (*at)->number != c->piece) {
		p = heap_new(sizeof(*p));
		*p = (struct piece){.next = *at, .number = c->piece};
		*at = p;
	}
	p = *at;
	if (c->part >= p->room) {
		uint32_t room = c->part < 8 ? 16 : 2 * c->part;

		p->parts = heap_resize(p->parts, room * sizeof(struct chunk *));
		memset(p->parts + p->room, 0, (room - p->room) * sizeof(struct chunk *));
		p->room = room;
	}
	p->parts[c->part] = c;
}

/* Writes what is next in the stream of this piece. True when that was all of it. */
static bool
piece_write(struct piece *p)
{
	while (p->written < p->room && p->parts[p->written]) {
		struct chunk *c = p->parts[p->written];
		bool last = c->last;

		if (!record_write(c))
			return false;
		free(c);
		p->parts[p->written++] = NULL;
		if (last)
			return true;
	}
	return false;
}

/* One thread. */
static void
write_in_order(void)
{
	struct piece *pieces = NULL;
	uint32_t next = 0;
	struct chunk *c;

	while ((c = queue_take(&queues[TO_WRITE]))) {
		if (c->packed) {
			c->entry->packed = c->packed;
			c->entry->packed_length = c->packed_length;
		}
		piece_add(&pieces, c);
		while (pieces && pieces->number == next && piece_write(pieces)) {
			struct piece *done = pieces;

			pieces = done->next;
			free(done->parts);
			free(done);
			next++;
		}
	}
	if (pieces)
		harness_die(HARNESS_FAILED,
			"checksum failure: chunks of piece %" PRIu32 " are missing: they were "
			"damaged in memory",
			next);
}

/* --- unpacking ------------------------------------------------------------------------------- */

static _Noreturn void
damaged(uint64_t chunk, const char *how)
{
	harness_die(HARNESS_FAILED,
		"checksum failure: chunk %" PRIu64 " of the archive %s: chunks were damaged in "
		"memory",
		chunk, how);
}

/* Unpacks the record at `at` and compares it with the stream. */
static void
record_verify(size_t at, uint32_t length, struct stream *s, uint64_t number)
{
	char expected[CHUNK_MAX], found[CHUNK_MAX];
	uLongf unpacked = sizeof(found);
	struct record r;

	memcpy(&r, archive.data + at, sizeof(r));
	if (r.length != length || length > CHUNK_MAX ||
		uncompress((Bytef *)found, &unpacked, (const Bytef *)archive.data + at + sizeof(r),
			r.packed_length) != Z_OK)
		damaged(number, "cannot be unpacked");
	stream_read(s, expected, length);
	if (unpacked != length || memcmp(expected, found, length) != 0)
		damaged(number, "is not what the stream was");
}

static void
archive_verify(void)
{
	size_t *unique = heap_new((archive.unique + 1) * sizeof(*unique));
	uint64_t uniques = 0, number = 0, total = 0;
	struct stream s = {0};

	for (size_t at = 0; at < archive.size; number++) {
		struct record r;

		memcpy(&r, archive.data + at, sizeof(r));
		if (r.packed_length > 0 && uniques < archive.unique)
			unique[uniques++] = at;
		if (r.index >= uniques)
			damaged(number, "refers to a later one");
		record_verify(unique[r.index], r.length, &s, number);
		total += r.length;
		at += sizeof(r) + r.packed_length;
	}
	free(unique);
	if (number != archive.chunks || total != megabytes.value << 20)
		damaged(number, "should not be the last one");
}

/* --- the program ----------------------------------------------------------------------------- */

static void
run(struct worker *w)
{
	unsigned n = (unsigned)threads.value;

	if (w->index == 0)
		fragment();
	else if (w->index == 1)
		write_in_order();
	else if (w->index < 2 + n)
		refine();
	else if (w->index < 2 + 2 * n)
		look_up();
	else
		pack();
}

static _Noreturn void
usage_error(const char *what)
{
	harness_die(HARNESS_USAGE,
		"'%s' is no option or lacks its value: give -t THREADS, -s MEGABYTES, -d "
		"DUPLICATES or -r SEED",
		what);
}

static void
parse(int argc, char **argv)
{
	int option;

	harness_help(argc, argv, "[-t THREADS=1] [-s MEGABYTES=24] [-d DUPLICATES=50] [-r SEED=1]");
	opterr = 0;
	while ((option = getopt(argc, argv, "t:s:d:r:")) != -1) {
		if (option == 't')
			param_parse(&threads, optarg);
		else if (option == 's')
			param_parse(&megabytes, optarg);
		else if (option == 'd')
			param_parse(&duplicates, optarg);
		else if (option == 'r')
			param_parse(&seed, optarg);
		else
			usage_error((char[]){'-', (char)optopt, '\0'});
	}
	if (optind < argc)
		usage_error(argv[optind]);
}

static void
table_init(void)
{
	for (unsigned i = 0; i < BUCKETS; i++)
		pthread_mutex_init(&buckets[i].lock, NULL);
}

static void
table_free(void)
{
	for (unsigned i = 0; i < BUCKETS; i++) {
		while (buckets[i].chain) {
			struct entry *e = buckets[i].chain;

			buckets[i].chain = e->next;
			free(e);
		}
	}
}

int
main(int argc, char **argv)
{
	struct tally total = {0};
	struct team team;
	unsigned n;

	parse(argc, argv);
	n = (unsigned)threads.value;
	words_init();
	cut_init();
	table_init();
	archive_open();
	queue_init(&queues[TO_REFINE], 1);
	queue_init(&queues[TO_LOOK_UP], n);
	queue_init(&queues[TO_COMPRESS], n);
	queue_init(&queues[TO_WRITE], 2 * n);
	team_start(&team, 2 + 3 * n, run, NULL);
	team_join(&team);
	for (unsigned i = 0; i < team.count; i++)
		tally_add(&total, &team.workers[i].tally);
	team_destroy(&team);
	table_free();
	archive_verify();
	total.ops = archive.chunks;
	total.checksum = archive.digest;
	munmap(archive.data, archive.room);
	report("dedup", 2 + 3 * n, &total,
		"stage_threads=%u megabytes=%" PRIu64 " duplicates=%" PRIu64 " seed=%" PRIu64
		" unique=%" PRIu64 " archive_bytes=%zu",
		n, megabytes.value, duplicates.value, seed.value, archive.unique, archive.size);
	return EXIT_SUCCESS;
}
