/* SPDX-License-Identifier: MIT
 * tests/prof_program.c - a program and its library, compiled by tests/test_prof.py: it tells its
 * modules, and return addresses that stand for calls of malloc.
 *
 * Output: "module PATH BIAS START END BUILD-ID" and "frame ADDRESS LINE NAME", in hex but for LINE,
 * the source line of the call. LIBRARY is defined for the library's half. */
#include <link.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void library_call(void (*told)(uintptr_t, int, const char *));

/* Stands for malloc: what it returns to is a site. Callers hand its result on, so that the call is
 * never the last thing that they do. */
static __attribute__((noinline, noclone)) uintptr_t
allocate(void)
{
	uintptr_t to = (uintptr_t)__builtin_return_address(0);

	__asm__ volatile("" : "+r"(to));
	return to;
}

#ifdef LIBRARY

__attribute__((noinline)) void
library_call(void (*told)(uintptr_t, int, const char *))
{
	told(allocate(), __LINE__, "library_call");
}

#else

static void
tell(uintptr_t address, int line, const char *name)
{
	printf("frame %lx %d %s\n", (unsigned long)address, line, name);
}

static inline __attribute__((always_inline)) void
inner(void)
{
	tell(allocate(), __LINE__, "inner");
}

static __attribute__((noinline, noclone)) int
outer(void)
{
	inner();
	return __LINE__ - 1;
}

#define OWNER(n)                                                                                   \
	static __attribute__((noinline, noclone)) void owner_##n(void)                             \
	{                                                                                          \
		tell(allocate(), __LINE__, "owner_" #n);                                           \
	}

OWNER(0)
OWNER(1)
OWNER(2)
OWNER(3)
OWNER(4)
OWNER(5)
OWNER(6)
OWNER(7)
OWNER(8)
OWNER(9)
OWNER(10)
OWNER(11)

static void
print_build_id(const char *note, const char *end)
{
	while (note + sizeof(ElfW(Nhdr)) <= end) {
		ElfW(Nhdr) n;

		memcpy(&n, note, sizeof(n));
		const char *name = note + sizeof(n), *id = name + ((n.n_namesz + 3) & ~3u);

		for (size_t i = 0; n.n_type == NT_GNU_BUILD_ID && i < n.n_descsz; i++)
			printf("%02x", (unsigned char)id[i]);
		note = id + ((n.n_descsz + 3) & ~3u);
	}
}

static int
print_module(struct dl_phdr_info *info, size_t size, void *unused)
{
	char self[4096] = "";
	uintptr_t low = UINTPTR_MAX, high = 0;

	(void)size;
	(void)unused;
	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		return 1;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];

		if (p->p_type != PT_LOAD)
			continue;
		uintptr_t start = info->dlpi_addr + p->p_vaddr, end = start + p->p_memsz;

		low = start < low ? start : low;
		high = end > high ? end : high;
	}
	printf("module %s %lx %lx %lx ", *info->dlpi_name != '\0' ? info->dlpi_name : self,
		(unsigned long)info->dlpi_addr, (unsigned long)low & ~4095ul,
		((unsigned long)high + 4095) & ~4095ul);
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		const char *note = (const char *)info->dlpi_addr + p->p_vaddr;

		if (p->p_type == PT_NOTE && p->p_align <= 4)
			print_build_id(note, note + p->p_memsz);
	}
	putchar('\n');
	return 0;
}

int
main(void)
{
	dl_iterate_phdr(print_module, NULL);
	library_call(tell);
	printf("line %d\n", outer());
	owner_0();
	owner_1();
	owner_2();
	owner_3();
	owner_4();
	owner_5();
	owner_6();
	owner_7();
	owner_8();
	owner_9();
	owner_10();
	owner_11();
	return 0;
}

#endif
