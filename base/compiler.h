/* SPDX-License-Identifier: MIT
 * base/compiler.h - what the compiler is told beyond C11, each attribute under one name. */
#ifndef HAK_BASE_COMPILER_H
#define HAK_BASE_COMPILER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HAK_EXPORT __attribute__((visibility("default")))
#define HAK_NOINLINE __attribute__((noinline))
#define HAK_COLD __attribute__((noinline, cold))
#define HAK_INLINE static inline __attribute__((always_inline))
#define HAK_LIKELY(x) __builtin_expect(!!(x), 1)
#define HAK_UNLIKELY(x) __builtin_expect(!!(x), 0)

/* What different threads write sits on different lines; 64 bytes on all supported machines. */
#define CACHE_LINE 64
#define HAK_CACHE_ALIGNED __attribute__((aligned(CACHE_LINE)))

/* A sanitizer has to see every access, so inline assembly gives way to C there. */
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define HAK_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define HAK_SANITIZED 1
#endif
#endif
#ifndef HAK_SANITIZED
#define HAK_SANITIZED 0
#endif

/* The default model would put a call to __tls_get_addr on the fast path. */
#define HAK_TLS _Thread_local __attribute__((tls_model("initial-exec")))

#define HAK_HIDDEN __attribute__((visibility("hidden")))

/* Keeps a pointer in a register, where the compiler would fold it into each access as base + index.
 * What was just written is read again without a delay by recent processors only where both
 * addresses are a register and a constant: half the time of a malloc (ADR 31). */
#define HAK_IN_REGISTER(pointer) __asm__("" : "+r"(pointer))

/* An atomic's value where no other memory goes with it. */
#define RELAXED(object) atomic_load_explicit(&(object), memory_order_relaxed)
#define RELAXED_SET(object, value) atomic_store_explicit(&(object), value, memory_order_relaxed)

/* HAK_TAIL before `return f(...)`, in a function marked HAK_TAIL_CALLER, makes it a jump: f sees
 * this function's caller as its own. gcc before 15 has no word for it, but jumps from -O2 on. */
#if defined(__has_attribute) && __has_attribute(musttail)
#define HAK_TAIL __attribute__((musttail))
#define HAK_TAIL_CALLER
#else
#define HAK_TAIL
#define HAK_TAIL_CALLER __attribute__((optimize("O2")))
#endif

/* The program's address that called the entry point: what a site is made of. */
#define HAK_SITE() ((uintptr_t)__builtin_return_address(0))

/* Keeps the compiler from moving accesses across it; enough between a thread and a signal handler
 * that interrupts it. */
#define HAK_SIGNAL_FENCE() atomic_signal_fence(memory_order_seq_cst)

HAK_INLINE size_t
round_up(size_t n, size_t power_of_two)
{
	return (n + power_of_two - 1) & ~(power_of_two - 1);
}

HAK_INLINE size_t
round_down(size_t n, size_t power_of_two)
{
	return n & ~(power_of_two - 1);
}

HAK_INLINE bool
is_power_of_two(size_t n)
{
	return n != 0 && (n & (n - 1)) == 0;
}

/* The link in a free block's first word. By memcpy, since a wrong pointer that the program frees
 * may be misaligned; it compiles to one move. */
HAK_INLINE void
link_set(void *block, const void *next)
{
	__builtin_memcpy(block, &next, sizeof(next));
}

HAK_INLINE void *
link_get(const void *block)
{
	void *next;

	__builtin_memcpy(&next, block, sizeof(next));
	return next;
}

/* floor(log2(n)); n must not be 0. */
HAK_INLINE unsigned
log2_floor(size_t n)
{
	return (unsigned)(63 - __builtin_clzll(n));
}

/* The finaliser of splitmix64 (Steele, Lea & Flood, OOPSLA 2014): every input bit reaches every
 * output bit, so that the low bits of a return address select arenas evenly. */
HAK_INLINE uint64_t
mix64(uint64_t x)
{
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
	return x ^ (x >> 31);
}

#endif
