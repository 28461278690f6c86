/* SPDX-License-Identifier: MIT
 * tests/reliability/misuse.c - programs that misuse the heap; most are to be aborted.
 *
 * double-free:N     the block of N bytes that was just freed is freed again
 * free-stack, free-static, free-mapped, free-wild, free-unused
 *                   free of an address of the stack, of the program's data, of a mapping of its
 *                   own, of no memory at all, and of one that malloc has but never handed out
 * free-interior:N   free of the middle of a block of N bytes
 * realloc-stack     realloc of an address of the stack
 * double-realloc    realloc of the block that was just freed
 * link-wild, link-outside
 *                   the first word of a freed block is overwritten, with no address at all or with
 *                   one outside the heap; that must never come out of malloc
 *
 * A case that is not aborted says on standard output what happened. */
#include "case.h"

#include <inttypes.h>
#include <stdlib.h>
#include <sys/mman.h>

/* The compiler sees each of these misuses, and would complain of them or leave them out. */
static void (*volatile free_function)(void *) = free;
static void *(*volatile realloc_function)(void *, size_t) = realloc;

static _Alignas(16) unsigned char outside[4096];

/* What the program goes on with when it isn't aborted. */
static void
go_on(const char *misuse)
{
	case_load(1, 2000, 64 << 10);
	case_note("%s went unnoticed", misuse);
}

static unsigned char *
block_of(size_t size)
{
	unsigned char *block = malloc(size);

	CASE_REQUIRE(block, "malloc failed");
	case_fill(block, size, 0x5a);
	return block;
}

static void
run_double_free(long number)
{
	unsigned char *neighbour = block_of((size_t)number);
	unsigned char *block = block_of((size_t)number);

	free_function(block);
	free_function(block);
	go_on("the double free");
	free_function(neighbour);
}

static void
run_free_stack(long number)
{
	_Alignas(16) unsigned char local[64] = {0};

	free_function(local + 16 * number);
	go_on("the free of a stack address");
}

static void
run_free_static(long number)
{
	free_function(outside + 16 * number);
	go_on("the free of a static address");
}

static void
run_free_mapped(long number)
{
	unsigned char *mapped =
		mmap(NULL, 4 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CASE_REQUIRE(mapped != MAP_FAILED, "mmap failed");
	free_function(mapped + 4096 * number);
	go_on("the free of a mapping of the program's");
}

static void
run_free_wild(long number)
{
	(void)number;
	/* Not an address that the processor knows. */
	free_function((void *)(uintptr_t)0x4141414141414140);
	go_on("the free of a wild address");
}

/* Whatever lies a long way above a block is memory that the heap keeps for later, or no memory. */
static void
run_free_unused(long number)
{
	unsigned char *block = block_of(64);

	(void)number;
	free_function((void *)((uintptr_t)block + (512 << 20)));
	go_on("the free of an address never handed out");
}

static void
run_free_interior(long number)
{
	unsigned char *block = block_of((size_t)number);

	free_function(block + number / 2 / 16 * 16);
	/* Going on would overwrite one block through the other; the program has asked for that. */
	case_note("the free of a block's middle went unnoticed");
}

static void
run_realloc_stack(long number)
{
	_Alignas(16) unsigned char local[64] = {0};

	(void)number;
	if (realloc_function(local, 1000))
		go_on("the realloc of a stack address");
}

static void
run_double_realloc(long number)
{
	unsigned char *block = block_of((size_t)number);

	free_function(block);
	if (realloc_function(block, (size_t)number * 4))
		case_note("the realloc of a freed block went unnoticed");
}

/* Frees three blocks, overwrites the link that the last of them holds, and allocates a thousand
 * times as many as any cache has. */
static void
overwrite_link(uintptr_t link)
{
	enum { COUNT = 100000 };
	const uintptr_t begin = (uintptr_t)outside;
	volatile uintptr_t *freed;
	unsigned char *blocks[3];

	for (unsigned i = 0; i < 3; i++)
		blocks[i] = block_of(64);
	for (unsigned i = 0; i < 3; i++)
		free_function(blocks[i]);
	freed = (volatile uintptr_t *)(uintptr_t)blocks[2];
	*freed = link;
	for (unsigned i = 0; i < COUNT; i++) {
		unsigned char *block = malloc(64);
		uintptr_t address = (uintptr_t)block;

		CASE_REQUIRE(block, "malloc failed");
		CASE_REQUIRE(
			address != link && (address < begin || address >= begin + sizeof(outside)),
			"malloc handed out %p, outside the heap", (void *)block);
		block[0] = 1;
	}
	case_note("the overwritten link 0x%" PRIxPTR " was never followed", link);
}

static void
run_link_wild(long number)
{
	(void)number;
	overwrite_link(0x4141414141414141);
}

static void
run_link_outside(long number)
{
	(void)number;
	overwrite_link((uintptr_t)outside + 1024);
}

int
main(int argc, char **argv)
{
	static const struct reliability_case cases[] = {
		{"double-free", run_double_free},
		{"free-stack", run_free_stack},
		{"free-static", run_free_static},
		{"free-mapped", run_free_mapped},
		{"free-wild", run_free_wild},
		{"free-unused", run_free_unused},
		{"free-interior", run_free_interior},
		{"realloc-stack", run_realloc_stack},
		{"double-realloc", run_double_realloc},
		{"link-wild", run_link_wild},
		{"link-outside", run_link_outside},
		{NULL, NULL},
	};

	return case_main(argc, argv, cases);
}
