/* SPDX-License-Identifier: MIT
 * frontends/rseq_x86_64.h - the three restartable sequences, for x86-64.
 *
 * A restartable sequence (P. Turner and A. Hunter, 2013; rseq(2), Linux 4.18) is a run of
 * instructions that ends with one store. When the thread is preempted, migrated or takes a signal
 * before that store, the kernel sends it to an abort handler, which starts it anew; so that what
 * the sequence reads of its CPU's cache stays true up to the store. All three have one shape:
 *
 *     0: the thread's area is told of the descriptor (3), which names the range 1 to 2 and the
 *        handler 4
 *     1: the CPU's cache is found: base + (index << shift)
 *        ... what may leave by a jump, without a store ...
 *        the committing store, the last instruction of the range
 *     2: behind the range
 *     4: the handler, elsewhere, behind the signature that the kernel demands; back to 0
 *
 * A magazine's word has its first block in the lower 48 bits and the number of blocks above, so
 * that one store commits both. The links through the blocks are plain addresses.
 *
 * In test builds a delay may stand between any two instructions (RSEQ_DELAY), which makes it likely
 * that the kernel interrupts the sequence just there. */
#ifndef HAK_FRONTENDS_RSEQ_X86_64_H
#define HAK_FRONTENDS_RSEQ_X86_64_H

#include "backends/pagemap.h"

/* The instructions stand one to a line, with their reasons. */
/* clang-format off */

#ifdef HAK_TESTING
/* Spins hak_rseq_delays[point] times; no call can be made inside a sequence. */
#define RSEQ_DELAY(point)                                                                          \
	"movl hak_rseq_delays + 4 * " #point "(%%rip), %k[delay]\n"                                \
	"8:\n\t"                                                                                   \
	"subl $1, %k[delay]\n\t"                                                                   \
	"jns 8b\n\t"
#define RSEQ_DELAY_OUT , [delay] "=&r"(delay)
#define RSEQ_DELAY_VARIABLE uintptr_t delay;
#else
#define RSEQ_DELAY(point)
#define RSEQ_DELAY_OUT
#define RSEQ_DELAY_VARIABLE
#endif

/* The descriptor; then the start: arm. */
#define RSEQ_BEGIN                                                                                 \
	".pushsection .data.rel.ro.hak_rseq, \"aw\"\n\t"                                           \
	".balign 32\n"                                                                             \
	"3:\n\t"                                                                                   \
	".long 0, 0\n\t"                     /* version, flags */                                  \
	".quad 1f, 2f - 1f, 4f\n\t"          /* start, length, handler */                          \
	".popsection\n"                                                                            \
	"0:\n\t"                                                                                   \
	"leaq 3b(%%rip), %[cache]\n\t"                                                             \
	"movq %[cache], 8(%[area])\n"        /* area->rseq_cs: from here on we are in range */     \
	"1:\n\t"                                                                                   \
	RSEQ_DELAY(0)                                                                              \
	"movq %[index_at], %[cache]\n\t"     /* where in the area the index is */                  \
	"movslq (%[area], %[cache]), %[cache]\n\t" /* the index; -1 where not registered */        \
	RSEQ_DELAY(1)                                                                              \
	"shlq %[shift], %[cache]\n\t"

#define RSEQ_END                                                                                   \
	"2:\n\t"                                                                                   \
	".pushsection .text.hak_rseq_abort, \"ax\"\n\t"                                            \
	".byte 0x0f, 0xb9, 0x3d\n\t"         /* makes the signature an operand of ud1 */           \
	".long 0x53053053\n"                                                                       \
	"4:\n\t"                                                                                   \
	"lock incq %[restarts]\n\t"                                                                \
	"jmp 0b\n\t"                                                                               \
	".popsection\n"

#define RSEQ_COMMON                                                                                \
	[area] "r"(area), [offset] "r"(offset), [index_at] "m"(hak_rseq.index_at),                 \
		[shift] "i"(RSEQ_CACHE_SHIFT),                                                     \
		[restarts] "m"(hak_rseq.restarts)

/* The first block of the bin at `offset`; NULL where the bin is empty, or begins with an address
 * that is not in the heap's primary region. */
HAK_INLINE void *
rseq_pop(struct os_rseq_area *area, size_t offset)
{
	void *p;
	uintptr_t cache, word, back;
	RSEQ_DELAY_VARIABLE

	__asm__ volatile goto(RSEQ_BEGIN
		"addq %[base], %[cache]\n\t"
		"addq %[offset], %[cache]\n\t"            /* the bin, at no distance: ADR 31 */
		"movq (%[cache]), %[word]\n\t"            /* first block, count */
		RSEQ_DELAY(2)
		"movq %[mask], %[p]\n\t"
		"andq %[word], %[p]\n\t"                  /* the first block */
		"movq %[last], %[back]\n\t"               /* in the heap? as pagemap_in_primary */
		"subq %[p], %[back]\n\t"
		"cmpq %[negated], %[back]\n\t"
		"jb %l[miss]\n\t"
		RSEQ_DELAY(3)
		"subq %[p], %[word]\n\t"                  /* the count alone */
		"addq (%[p]), %[word]\n\t"                /* the next block: still this CPU's */
		RSEQ_DELAY(4)
		"subq %[one], %[word]\n\t"                /* one block less */
		"movq %[word], (%[cache])\n"              /* commit */
		RSEQ_END
		: [p] "=&a"(p), [cache] "=&r"(cache), [word] "=&r"(word), [back] "=&r"(back)
		  RSEQ_DELAY_OUT
		: RSEQ_COMMON, [base] "m"(hak_rseq.alloc_base), [mask] "m"(hak_rseq.mask),
		  [one] "m"(hak_rseq.one), [last] "m"(hak_heap.last),
		  [negated] "m"(hak_heap.negated)
		: "memory", "cc"
		: miss);
	if (!p) /* the compiler need not ask again */
		__builtin_unreachable();
	return p;
miss:
	return NULL;
}

/* Puts p at the front of the bin at `offset`; false where the bin is full or p is its first block
 * already. */
HAK_INLINE bool
rseq_push(struct os_rseq_area *area, size_t offset, void *p)
{
	uintptr_t cache, word, head;
	RSEQ_DELAY_VARIABLE

	__asm__ volatile goto(RSEQ_BEGIN
		"addq %[base], %[cache]\n\t"
		"addq %[offset], %[cache]\n\t"            /* the bin, at no distance: ADR 31 */
		"movq (%[cache]), %[word]\n\t"            /* first block, count */
		RSEQ_DELAY(2)
		"cmpq 8(%[cache]), %[word]\n\t"           /* the limit has its count there too */
		"jae %l[full]\n\t"
		"movq %[mask], %[head]\n\t"
		"andq %[word], %[head]\n\t"
		"cmpq %[head], %[p]\n\t"                  /* freed twice in a row */
		"je %l[full]\n\t"
		RSEQ_DELAY(3)
		"movq %[head], (%[p])\n\t"                /* p is the caller's: may be repeated */
		"subq %[head], %[word]\n\t"
		"addq %[p], %[word]\n\t"
		RSEQ_DELAY(4)
		"addq %[one], %[word]\n\t"
		"movq %[word], (%[cache])\n"              /* commit */
		RSEQ_END
		: [cache] "=&r"(cache), [word] "=&r"(word), [head] "=&r"(head) RSEQ_DELAY_OUT
		: RSEQ_COMMON, [base] "m"(hak_rseq.free_base), [mask] "m"(hak_rseq.mask),
		  [one] "m"(hak_rseq.one), [p] "r"(p)
		: "memory", "cc"
		: full);
	return true;
full:
	return false;
}

/* Replaces the word at `offset` of the CPU's cache where it is `expected`; returns that cache. NULL
 * where it is not, or while the caches are closed. */
HAK_INLINE void *
rseq_replace(struct os_rseq_area *area, size_t offset, uint64_t expected, uint64_t word)
{
	uintptr_t cache, base;
	RSEQ_DELAY_VARIABLE

	__asm__ volatile goto(RSEQ_BEGIN
		"movq %[base], %[where]\n\t"              /* read once: it may change meanwhile */
		"cmpq %[closed], %[where]\n\t"            /* the closed region is not written to */
		"je %l[not]\n\t"
		"addq %[where], %[cache]\n\t"
		RSEQ_DELAY(2)
		"cmpq %[expected], (%[cache], %[offset])\n\t"
		"jne %l[not]\n\t"
		RSEQ_DELAY(3)
		"movq %[word], (%[cache], %[offset])\n"   /* commit */
		RSEQ_END
		: [cache] "=&r"(cache), [where] "=&r"(base) RSEQ_DELAY_OUT
		: RSEQ_COMMON, [base] "m"(hak_rseq.free_base), [closed] "m"(hak_rseq.closed),
		  [expected] "r"(expected), [word] "r"(word)
		: "memory", "cc"
		: not);
	return (void *)cache;
not:
	return NULL;
}

#endif
