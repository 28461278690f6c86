/* SPDX-License-Identifier: MIT
 * tests/xml.h - just enough XML to check malloc_info's output: well-formedness of a document of
 * elements, attributes and text, and the attribute of an element. */
#ifndef TESTS_XML_H
#define TESTS_XML_H

#include <stdbool.h>
#include <stddef.h>

/* NULL when the text is a well-formed document with one root element, else what is wrong and, in
 * *offset, where. */
const char *xml_error(const char *text, size_t *offset);
/* Finds the first element `name` that has the attribute `key` with the given value, and reads its
 * attribute `wanted` as a decimal number. False where there is none. The text is well-formed. */
bool xml_number(const char *text, const char *name, const char *key, const char *value,
	const char *wanted, size_t *number);

#endif
