/* SPDX-License-Identifier: MIT
 * tests/reliability/plugin.c - a shared object that allocates as it is loaded and unloaded.
 *
 * Its thread-local array is too large for the space that the loader sets aside in each thread, so
 * that the loader itself allocates it, at the first use in a thread, by malloc. */
#include <stdlib.h>
#include <string.h>

int plugin_work(int value);
char *plugin_exchange(void *given);

static _Thread_local char workspace[20000];
static char *kept;

__attribute__((constructor)) static void
plugin_loaded(void)
{
	kept = malloc(5000);
	if (!kept)
		abort();
	memset(kept, 'k', 5000);
	free(malloc(100));
}

__attribute__((destructor)) static void
plugin_unloaded(void)
{
	free(malloc(200));
	free(kept);
}

/* value + 1, by way of the heap and the thread's array. */
int
plugin_work(int value)
{
	int *block = malloc(sizeof(*block));
	int result;

	if (!block || kept[4999] != 'k')
		abort();
	memset(workspace, value, sizeof(workspace));
	*block = value + 1;
	result = *block;
	free(block);
	return result;
}

/* Frees a block of the program's and one of libc's, and returns one of its own. */
char *
plugin_exchange(void *given)
{
	char *copy = strdup("of libc's"), *own = malloc(100);

	if (!copy || !own)
		abort();
	strcpy(own, copy);
	free(copy);
	free(given);
	return own;
}
