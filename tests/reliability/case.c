/* SPDX-License-Identifier: MIT
 * tests/reliability/case.c - what the reliability programs share; see case.h. */
#include "case.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void
say(int descriptor, const char *format, va_list arguments)
{
	char line[512];
	int length = vsnprintf(line, sizeof(line) - 1, format, arguments);

	if (length < 0)
		return;
	if (length > (int)sizeof(line) - 2)
		length = (int)sizeof(line) - 2;
	line[length++] = '\n';
	/* With the standard descriptors closed there is nobody to tell; the status still does. */
	if (write(descriptor, line, (size_t)length) < 0)
		return;
}

void
case_fail(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	say(STDERR_FILENO, format, arguments);
	va_end(arguments);
	_exit(CASE_FAILED);
}

void
case_skip(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	say(STDOUT_FILENO, format, arguments);
	va_end(arguments);
	_exit(CASE_SKIPPED);
}

void
case_note(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	say(STDOUT_FILENO, format, arguments);
	va_end(arguments);
}

static const char *library_name = "";

bool
case_library_has(const char *part)
{
	return strstr(library_name, part) != NULL;
}

/* The library's file name is compared as a whole, so that one variant can't pass for another. */
static bool
served_by(const char *library)
{
	const char *slash = strrchr(library, '/');
	const char *wanted = slash ? slash + 1 : library;
	const char *const names[] = {"malloc", "free", "realloc", "aligned_alloc"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		Dl_info info;
		void *address = dlsym(RTLD_DEFAULT, names[i]);

		if (!address || !dladdr(address, &info) || !info.dli_fname)
			return false;
		slash = strrchr(info.dli_fname, '/');
		if (strcmp(slash ? slash + 1 : info.dli_fname, wanted) != 0)
			return false;
	}
	return true;
}

int
case_main(int argc, char **argv, const struct reliability_case *cases)
{
	char name[64] = "";
	const char *colon;
	size_t length;

	if (argc < 2 || argc > 3 || strlen(argv[1]) >= sizeof(name)) {
		dprintf(STDERR_FILENO, "usage: %s CASE[:NUMBER] [LIBRARY]\n", argv[0]);
		return CASE_NOT_SERVED;
	}
	if (argc == 3)
		library_name = argv[2];
	if (argc == 3 && !served_by(argv[2])) {
		dprintf(STDERR_FILENO, "malloc is not served by %s\n", argv[2]);
		return CASE_NOT_SERVED;
	}
	colon = strchr(argv[1], ':');
	length = colon ? (size_t)(colon - argv[1]) : strlen(argv[1]);
	memcpy(name, argv[1], length);
	for (; cases->name; cases++) {
		if (strcmp(cases->name, name) == 0) {
			cases->run(colon ? strtol(colon + 1, NULL, 10) : 0);
			return 0;
		}
	}
	dprintf(STDERR_FILENO, "%s has no case \"%s\"\n", argv[0], name);
	return CASE_NOT_SERVED;
}

size_t
case_proc_kib(const char *path, const char *field)
{
	char text[4096];
	size_t length = 0;
	ssize_t got;
	char *found;
	int descriptor = open(path, O_RDONLY | O_CLOEXEC);

	CASE_REQUIRE(descriptor >= 0, "%s can't be read: %s", path, strerror(errno));
	while ((got = read(descriptor, text + length, sizeof(text) - 1 - length)) > 0)
		length += (size_t)got;
	close(descriptor);
	text[length] = '\0';
	found = strstr(text, field);
	CASE_REQUIRE(found, "%s has no field %s", path, field);
	return strtoul(found + strlen(field), NULL, 10);
}

size_t
case_rss_kib(void)
{
	return case_proc_kib("/proc/self/smaps_rollup", "Rss:");
}

uint64_t
case_random(uint64_t *state)
{
	/* A 64-bit linear congruential step whose high half, the good one, is folded down. */
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return *state ^ (*state >> 33);
}

size_t
case_random_size(uint64_t *state, size_t min, size_t max)
{
	unsigned doublings = 0;
	size_t low;

	while ((min << (doublings + 1)) <= max)
		doublings++;
	low = min << (case_random(state) % (doublings + 1));
	low += case_random(state) % low;
	return low > max ? max : low;
}

void
case_sleep_us(unsigned us)
{
	struct timespec rest = {.tv_sec = us / 1000000, .tv_nsec = (long)(us % 1000000) * 1000};

	while (nanosleep(&rest, &rest) != 0 && errno == EINTR)
		;
}

unsigned
case_seconds(void)
{
	struct timespec now;

	CASE_REQUIRE(clock_gettime(CLOCK_MONOTONIC, &now) == 0, "clock_gettime failed");
	return (unsigned)now.tv_sec;
}

void
case_fill(void *p, size_t size, unsigned char value)
{
	memset(p, value, size);
}

bool
case_holds(const void *p, size_t size, unsigned char value)
{
	const unsigned char *bytes = p;

	return size == 0 || (bytes[0] == value && memcmp(bytes, bytes + 1, size - 1) == 0);
}

struct slot {
	unsigned char *block;
	size_t size;
	unsigned char value;
};

static void
slot_drop(struct slot *slot)
{
	CASE_REQUIRE(!slot->block || case_holds(slot->block, slot->size, slot->value),
		"a block of %zu bytes at %p lost its contents", slot->size, (void *)slot->block);
	free(slot->block);
	slot->block = NULL;
}

static void
slot_take(struct slot *slot, uint64_t *state, size_t max_size)
{
	uint64_t choice = case_random(state) % 8;

	slot->size = case_random_size(state, 1, max_size);
	slot->value = (unsigned char)case_random(state);
	if (choice == 0) {
		slot->block = calloc(1, slot->size);
		CASE_REQUIRE(!slot->block || case_holds(slot->block, slot->size, 0),
			"calloc of %zu bytes is not zeroed", slot->size);
	} else if (choice == 1) {
		size_t alignment = (size_t)16 << case_random(state) % 9;

		slot->block = aligned_alloc(alignment, slot->size);
		CASE_REQUIRE((uintptr_t)slot->block % alignment == 0,
			"aligned_alloc(%zu, %zu) gave %p", alignment, slot->size,
			(void *)slot->block);
	} else {
		slot->block = malloc(slot->size);
	}
	CASE_REQUIRE(
		slot->block, "an allocation of %zu bytes failed: %s", slot->size, strerror(errno));
	case_fill(slot->block, slot->size, slot->value);
}

static void
slot_resize(struct slot *slot, uint64_t *state, size_t max_size)
{
	size_t size = case_random_size(state, 1, max_size);
	size_t kept = size < slot->size ? size : slot->size;
	unsigned char *block = realloc(slot->block, size);

	CASE_REQUIRE(block, "realloc from %zu to %zu bytes failed: %s", slot->size, size,
		strerror(errno));
	CASE_REQUIRE(case_holds(block, kept, slot->value),
		"realloc from %zu to %zu bytes lost contents", slot->size, size);
	slot->block = block;
	slot->size = size;
	case_fill(block, size, slot->value);
}

void
case_load(uint64_t seed, unsigned operations, size_t max_size)
{
	struct slot slots[48] = {{0}};
	const size_t nslots = sizeof(slots) / sizeof(slots[0]);
	uint64_t state = seed;

	for (unsigned i = 0; i < operations; i++) {
		struct slot *slot = &slots[case_random(&state) % nslots];

		if (!slot->block)
			slot_take(slot, &state, max_size);
		else if (case_random(&state) % 4 == 0)
			slot_resize(slot, &state, max_size);
		else
			slot_drop(slot);
	}
	for (size_t i = 0; i < nslots; i++)
		slot_drop(&slots[i]);
}

pthread_t
case_thread_start(void *(*function)(void *), void *argument)
{
	pthread_t thread;
	int error = pthread_create(&thread, NULL, function, argument);

	CASE_REQUIRE(!error, "pthread_create failed: %s", strerror(error));
	return thread;
}

void
case_thread_join(pthread_t thread)
{
	int error = pthread_join(thread, NULL);

	CASE_REQUIRE(!error, "pthread_join failed: %s", strerror(error));
}

bool
case_thread_start_small(pthread_t *thread, void *(*function)(void *), void *argument)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	const long minimum = sysconf(_SC_THREAD_STACK_MIN);
	size_t stack = minimum > 0 ? (size_t)minimum : (size_t)PTHREAD_STACK_MIN;
	int error = EINVAL;

	/* The C library answers EINVAL while the stack is too small for its own part of it. */
	for (stack = (stack + page - 1) / page * page; error == EINVAL; stack += page) {
		pthread_attr_t attributes;

		pthread_attr_init(&attributes);
		pthread_attr_setguardsize(&attributes, page);
		error = pthread_attr_setstacksize(&attributes, stack);
		if (!error)
			error = pthread_create(thread, &attributes, function, argument);
		pthread_attr_destroy(&attributes);
		CASE_REQUIRE(stack < CASE_MIB, "no stack below 1 MiB is accepted");
	}
	CASE_REQUIRE(!error || error == EAGAIN || error == ENOMEM, "pthread_create failed: %s",
		strerror(error));
	return !error;
}
