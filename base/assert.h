/* SPDX-License-Identifier: MIT
 * base/assert.h - messages and the three assertion strengths. Nothing here allocates.
 *
 * HAK_CHECK holds in every build: when it fails the heap is already corrupt. HAK_ASSERT is O(1)
 * and there from --enable-debug=1, HAK_AUDIT may walk a structure and is there from 2. None has a
 * side effect. */
#ifndef HAK_BASE_ASSERT_H
#define HAK_BASE_ASSERT_H

#include "base/compiler.h"

#ifndef HAK_DEBUG
#define HAK_DEBUG 0
#endif

/* A line on standard error by write(2), in one call: "hakmem: " and then the arguments. The format
 * knows %s (string), %p (address, as 0x...), %u (size_t, decimal), %x (size_t, 16 hexadecimal
 * digits) and %%. Longer lines are cut at 512 bytes. Thread-safe and async-signal-safe; errno is
 * preserved. */
void log_line(const char *format, ...) __attribute__((cold));

/* The same formatting into buf, cut at size and terminated; returns the length written. */
size_t log_format(char *buf, size_t size, const char *format, __builtin_va_list args);
/* The same with the arguments themselves. */
size_t log_text(char *buf, size_t size, const char *format, ...);

/* log_line and then abort(). */
_Noreturn void log_fatal(const char *format, ...) __attribute__((cold));

#define HAK_CHECK(cond)                                                                            \
	do {                                                                                       \
		if (HAK_UNLIKELY(!(cond)))                                                         \
			log_fatal("corrupt heap: %s (%s:%u)", #cond, __FILE__, (size_t)__LINE__);  \
	} while (0)

#if HAK_DEBUG >= 1
#define HAK_ASSERT(cond) HAK_CHECK(cond)
#else
#define HAK_ASSERT(cond) ((void)sizeof(cond))
#endif

#if HAK_DEBUG >= 2
#define HAK_AUDIT(call) (call)
#else
#define HAK_AUDIT(call) ((void)0)
#endif

#endif
