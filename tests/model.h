/* SPDX-License-Identifier: MIT
 * tests/model.h - a naive model of the heap, and random operations on both.
 *
 * A model is one thread's list of the live blocks: address, size, alignment, and an id from which
 * the contents follow. model_step draws one operation, performs it on the heap and on the list, and
 * compares. The list lives in the C library's heap, not in the one under test.
 *
 * A model is touched by one thread at a time; blocks change hands through a mailbox, which has a
 * lock. Nothing else is shared, so that the test adds no ordering that could hide a race of the
 * heap's. Functions that return bool say false after a mismatch; `failure` tells it then. */
#ifndef TESTS_MODEL_H
#define TESTS_MODEL_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MAILBOX_SLOTS 64

struct model_block {
	unsigned char *addr;
	size_t asked;     /* the size that was asked for */
	size_t size;      /* the bytes that are filled: asked, or all that are usable */
	size_t alignment; /* from aligned_alloc with this alignment, or 0 */
	uint64_t id;
};

struct mailbox {
	pthread_mutex_t lock;
	size_t count;
	struct model_block slots[MAILBOX_SLOTS];
};

struct model_limits {
	size_t max_size;   /* of one block */
	size_t max_blocks; /* live in one model */
	size_t max_bytes;  /* live in one model */
};

struct model {
	struct model_limits limits;
	struct mailbox *mailbox;
	struct model_block *blocks;
	size_t count;
	size_t bytes;
	uint64_t rng;
	uint64_t next_id;
	char failure[256]; /* empty as long as heap and model agree */
};

/* An empty model; false when the C library has no memory. Ids are unique to `number`. */
bool model_init(struct model *m, unsigned number, uint64_t seed, const struct model_limits *limits,
	struct mailbox *mailbox);
void model_destroy(struct model *m);
/* One random operation. */
bool model_step(struct model *m);
/* Checks all blocks' contents. */
bool model_check_all(struct model *m);
/* Checks and frees all blocks, those in the mailbox too. */
bool model_free_all(struct model *m);
/* Checks that no two live blocks of the n models and their mailbox overlap; none may be running.
 * A mismatch is told in models[0].failure. */
bool model_disjoint(struct model *models, size_t n);

#endif
