/* SPDX-License-Identifier: MIT
 * tests/reliability/dlopen.c - dlopen and dlclose from threads.
 *
 * alternate   each of 500 threads in turn loads the plugin, works with it and unloads it
 * concurrent  four threads do so at once, 500 times each
 * deepbind    the plugin, loaded with RTLD_DEEPBIND, exchanges blocks with the program and libc
 *
 * The plugin lies beside the program, where libtool puts modules; PLUGIN_PATH says where. */
#include "case.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS = 4, ROUNDS = 500 };

static void *
load(const char *file, int mode)
{
	void *plugin = dlopen(file, mode);

	CASE_REQUIRE(plugin, "dlopen failed: %s", dlerror());
	return plugin;
}

/* Stores the address of the plugin's function in *function. */
static void
find(void *plugin, const char *name, void *function)
{
	void *symbol = dlsym(plugin, name);

	CASE_REQUIRE(symbol, "dlsym failed: %s", dlerror());
	memcpy(function, &symbol, sizeof(symbol));
}

static void
load_and_unload(int value)
{
	int (*work)(int);
	void *plugin = load(PLUGIN_PATH, RTLD_NOW);

	find(plugin, "plugin_work", &work);
	CASE_REQUIRE(work(value) == value + 1, "the plugin computed a wrong value");
	CASE_REQUIRE(dlclose(plugin) == 0, "dlclose failed: %s", dlerror());
	/* A failing dlopen allocates its message, per thread. */
	CASE_REQUIRE(!dlopen("no-such-library.so", RTLD_NOW) && dlerror(),
		"a library that isn't there was loaded");
}

static void *
alternate_thread(void *argument)
{
	case_load((uintptr_t)argument, 20, 64 << 10);
	load_and_unload((int)(uintptr_t)argument);
	return NULL;
}

static void
run_alternate(long number)
{
	(void)number;
	for (uintptr_t i = 0; i < ROUNDS; i++)
		case_thread_join(case_thread_start(alternate_thread, (void *)i));
}

static void *
concurrent_thread(void *argument)
{
	for (int i = 0; i < ROUNDS; i++)
		load_and_unload(i + (int)(uintptr_t)argument);
	return NULL;
}

static void
run_concurrent(long number)
{
	pthread_t threads[THREADS];

	(void)number;
	for (uintptr_t i = 0; i < THREADS; i++)
		threads[i] = case_thread_start(concurrent_thread, (void *)i);
	for (unsigned i = 0; i < THREADS; i++)
		case_thread_join(threads[i]);
}

/* By its bare name: the program's RUNPATH leads there, which counts for those calls of dlopen alone
 * that libc takes for the program's. */
static void
run_deepbind(long number)
{
	char *(*exchange)(void *);
	void *plugin = load("plugin.so", RTLD_NOW | RTLD_DEEPBIND);

	(void)number;
	find(plugin, "plugin_exchange", &exchange);
	for (size_t size = 1; size < 100000; size += 97) {
		void *given = malloc(size);
		char *taken;

		CASE_REQUIRE(given, "malloc of %zu failed", size);
		taken = exchange(given);
		CASE_REQUIRE(
			strcmp(taken, "of libc's") == 0, "the plugin's block has \"%s\"", taken);
		free(taken);
	}
	CASE_REQUIRE(dlclose(plugin) == 0, "dlclose failed: %s", dlerror());
}

int
main(int argc, char **argv)
{
	static const struct reliability_case cases[] = {
		{"alternate", run_alternate},
		{"concurrent", run_concurrent},
		{"deepbind", run_deepbind},
		{NULL, NULL},
	};

	return case_main(argc, argv, cases);
}
