/* SPDX-License-Identifier: MIT
 * base/digits.h - numbers in the texts of files. */
#ifndef HAK_BASE_DIGITS_H
#define HAK_BASE_DIGITS_H

#include <string.h>

#include "base/compiler.h"

/* The digits of a base up to 16 that *text begins with; moves it behind them. False where there are
 * none, or too many for the number. Thread-safe. */
static inline bool
digits_take(const char **text, unsigned base, uint64_t *out)
{
	const char *start = *text;
	uint64_t value = 0;

	for (;; ++*text) {
		char c = **text, lower = (char)(c | 0x20);
		unsigned digit = c >= '0' && c <= '9'           ? (unsigned)(c - '0')
				 : lower >= 'a' && lower <= 'f' ? (unsigned)(lower - 'a') + 10
								: base;
		if (digit >= base)
			break;
		if (value > (UINT64_MAX - digit) / base)
			return false;
		value = value * base + digit;
	}
	*out = value;
	return *text != start;
}

/* For files of the kernel's: the number that *text begins with, 0 where there is none; moves it
 * behind that. */
static inline uint64_t
digits_number(const char **text, unsigned base)
{
	uint64_t value = 0;

	digits_take(text, base, &value);
	return value;
}

/* digits_take where the word is nothing but digits. */
static inline bool
digits_whole(const char *word, unsigned base, uint64_t *out)
{
	return digits_take(&word, base, out) && *word == '\0';
}

/* The same for a call site's id, as log_line's %x has it. */
static inline bool
digits_site_id(const char *word, uint64_t *out)
{
	return strlen(word) == 16 && digits_whole(word, 16, out);
}

#endif
