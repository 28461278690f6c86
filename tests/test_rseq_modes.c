/* SPDX-License-Identifier: MIT
 * tests/test_rseq_modes.c - the rseq library where the system offers more or less of what it needs.
 *
 * The program runs itself with the library preloaded (libhakmem-rseq-hakmem.so of those that
 * HAKMEM_TEST_VARIANTS names, as absolute paths with spaces between):
 *
 *     test_rseq_modes arrange MODE MECHANISM     arranges what can be before exec, then runs
 *     test_rseq_modes run MODE MECHANISM         the load: threads and forks
 *
 * and checks that the library is the process's malloc, that it reports the mechanism that is to be
 * expected here, and that threads which exchange blocks find their contents. What to expect follows
 * from the kernel: whether it has rseq, and mm_cid. glibc ends a process whose new threads cannot
 * be registered when its first one was; so a filter that comes late refuses rseq only where the
 * library has its own registration. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/check_main.h"
#include "tests/pattern.h"
#include "tests/reliability/spawn.h"

#define LIBRARY "libhakmem-rseq-hakmem.so"
#define LIMIT_S 40
#define THREADS 4
#define STEPS 60000
#define SLOTS 64
#define MAILBOXES 16
#define FORKS 6
/* Offset of the end of mm_cid in the area that a thread shares with the kernel. */
#define MM_CID_END 28

/* Older headers lack it. */
#ifndef AT_RSEQ_FEATURE_SIZE
#define AT_RSEQ_FEATURE_SIZE 27
#endif

enum expected { AS_PLAIN, OWN, TRYLOCK };

static const struct mode {
	const char *name;
	enum expected expected;
	bool own;     /* libc is told not to register */
	long refused; /* a system call; -1 for none */
	int error;    /* that it answers with */
	bool late;    /* the filter comes when the load is under way */
	bool one_cpu, little_space, valgrind;
	unsigned steps_divisor; /* where everything is slower */
} modes[] = {
	{.name = "plain", .refused = -1},
	{.name = "own", .own = true, .expected = OWN, .refused = -1},
	{.name = "rseq-enosys", .expected = TRYLOCK, .refused = SYS_rseq, .error = ENOSYS},
	{.name = "rseq-eperm", .expected = TRYLOCK, .refused = SYS_rseq, .error = EPERM},
	{.name = "rseq-late",
		.own = true,
		.expected = OWN,
		.refused = SYS_rseq,
		.error = EPERM,
		.late = true},
	{.name = "membarrier-enosys", .refused = SYS_membarrier, .error = ENOSYS},
	{.name = "membarrier-eperm",
		.own = true,
		.expected = OWN,
		.refused = SYS_membarrier,
		.error = EPERM},
	{.name = "membarrier-late", .refused = SYS_membarrier, .error = EPERM, .late = true},
	{.name = "one-cpu", .refused = -1, .one_cpu = true},
	{.name = "little-space", .refused = -1, .little_space = true},
	{.name = "valgrind",
		.expected = TRYLOCK,
		.refused = -1,
		.valgrind = true,
		.steps_divisor = 20},
};

enum { NMODES = sizeof(modes) / sizeof(modes[0]) };

/* --- the program under test ------------------------------------------------------------------- */

#define REQUIRE(cond, ...)                                                                         \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			dprintf(STDERR_FILENO, "%s:%d: %s: ", __FILE__, __LINE__, #cond);          \
			dprintf(STDERR_FILENO, __VA_ARGS__);                                       \
			dprintf(STDERR_FILENO, "\n");                                              \
			_exit(EXIT_FAILURE);                                                       \
		}                                                                                  \
	} while (0)

/* From the preloaded library. */
extern const char *hak_mechanism(void) __attribute__((weak));
extern int hak_malloc_trim(size_t pad) __attribute__((weak));
extern void hak_stats_get(struct hak_stats *out) __attribute__((weak));
extern bool hak_is_in_heap(const void *p) __attribute__((weak));
extern void hak_audit(void) __attribute__((weak));

/* A block's header; the pattern is behind it. */
struct parcel {
	uint64_t id;
	size_t size;
};

static struct parcel *_Atomic mailboxes[MAILBOXES];
static unsigned steps;

static struct parcel *
acquire(uint64_t *rng)
{
	uint64_t kind = rng_next(rng);
	size_t size = sizeof(struct parcel) + (kind % 8 ? kind / 8 % 500 : kind / 8 % 40000);
	struct parcel *p = malloc(size);

	REQUIRE(p != NULL, "no memory for %zu bytes", size);
	*p = (struct parcel){rng_next(rng), size};
	pattern_fill(p, p->id, sizeof(*p), size);
	return p;
}

static void
release(struct parcel *p)
{
	if (!p)
		return;
	REQUIRE(pattern_check(p, p->id, sizeof(*p), p->size) == p->size, "a block changed");
	/* Who finds it again while it is free, or twice, finds another id. */
	p->id++;
	free(p);
}

static void *
load(void *arg)
{
	uint64_t rng = (uintptr_t)arg;
	struct parcel *slots[SLOTS] = {NULL};

	for (unsigned i = 0; i < steps; i++) {
		struct parcel **slot = &slots[rng_next(&rng) % SLOTS];
		if (!*slot) {
			*slot = acquire(&rng);
			continue;
		}
		if (i % 4 == 0)
			*slot = atomic_exchange(&mailboxes[rng_next(&rng) % MAILBOXES], *slot);
		release(*slot);
		*slot = NULL;
	}
	for (unsigned i = 0; i < SLOTS; i++)
		release(slots[i]);
	return NULL;
}

static pthread_t
start(uintptr_t seed)
{
	pthread_t thread;

	REQUIRE(pthread_create(&thread, NULL, load, (void *)seed) == 0, "no thread");
	return thread;
}

static void
forget_mailboxes(void)
{
	for (unsigned i = 0; i < MAILBOXES; i++)
		release(atomic_exchange(&mailboxes[i], NULL));
}

/* The child's load runs over what the parent's threads were changing. */
static void
fork_and_check(void)
{
	int status;
	pid_t child = fork();

	REQUIRE(child >= 0, "no fork");
	if (child == 0) {
		alarm(LIMIT_S);
		steps /= 10;
		pthread_t thread = start(100);
		load((void *)200);
		REQUIRE(pthread_join(thread, NULL) == 0, "no join");
		hak_audit();
		_exit(EXIT_SUCCESS);
	}
	REQUIRE(waitpid(child, &status, 0) == child && status == 0,
		"the child's wait status is 0x%x", (unsigned)status);
}

static void
refuse(const struct mode *mode)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)mode->refused, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)mode->error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof(code) / sizeof(code[0]), code};

	REQUIRE(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "no_new_privs");
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
		printf("no seccomp filter to be had\n");
		exit(SPAWN_SKIPPED);
	}
}

/* What one thread has freed is in its CPU's cache; trimming takes it out, if the caches can be
 * closed for that. */
static void
check_trim(bool possible)
{
	enum { BLOCKS = 8 };
	struct hak_stats before, after;
	void *blocks[BLOCKS];

	for (unsigned i = 0; i < BLOCKS; i++)
		blocks[i] = malloc(48);
	for (unsigned i = 0; i < BLOCKS; i++)
		free(blocks[i]);
	hak_stats_get(&before);
	hak_malloc_trim(0);
	hak_stats_get(&after);
	REQUIRE(before.cached_bytes > 0, "nothing is cached");
	REQUIRE((after.cached_bytes == 0) == possible, "%zu bytes stay in caches",
		after.cached_bytes);
}

static int
run(const struct mode *mode, const char *mechanism)
{
	pthread_t threads[THREADS];
	void *p = malloc(100);
	bool ours = hak_is_in_heap && hak_is_in_heap(p);

	free(p);
	REQUIRE(ours, "malloc is not that of " LIBRARY);
	REQUIRE(strcmp(hak_mechanism(), mechanism) == 0, "it is \"%s\", expected was \"%s\"",
		hak_mechanism(), mechanism);
	steps = STEPS / (mode->steps_divisor ? mode->steps_divisor : 1);
	for (unsigned i = 0; i < THREADS; i++) {
		if (i == THREADS / 2 && mode->late)
			refuse(mode);
		threads[i] = start(i + 1);
	}
	for (unsigned i = 0; i < FORKS; i++)
		fork_and_check();
	for (unsigned i = 0; i < THREADS; i++)
		REQUIRE(pthread_join(threads[i], NULL) == 0, "no join");
	forget_mailboxes();
	check_trim(mode->refused != SYS_membarrier);
	hak_audit();
	printf("%s\n", hak_mechanism());
	return EXIT_SUCCESS;
}

static void
use_one_cpu(void)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	REQUIRE(sched_setaffinity(0, sizeof(one), &one) == 0, "no affinity");
}

/* What has to be there before the process starts. */
static int
arrange(const struct mode *mode, char **argv)
{
	static const struct rlimit space = {(rlim_t)256 << 20, (rlim_t)256 << 20};
	char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	char *next[] = {TEST_VALGRIND, "-q", "--tool=none", path, "run", argv[2], argv[3], NULL};

	REQUIRE(n > 0, "no path to this program");
	path[n] = '\0';
	if (mode->own)
		setenv("GLIBC_TUNABLES", "glibc.pthread.rseq=0", 1);
	else
		unsetenv("GLIBC_TUNABLES");
	if (mode->one_cpu)
		use_one_cpu();
	if (mode->little_space)
		REQUIRE(setrlimit(RLIMIT_AS, &space) == 0, "no limit");
	if (mode->refused >= 0 && !mode->late)
		refuse(mode);
	if (!mode->valgrind) {
		execv(path, next + 3);
	} else {
		execvp(next[0], next);
		printf("no valgrind: install valgrind\n");
		return SPAWN_SKIPPED;
	}
	REQUIRE(false, "exec: %s", strerror(errno));
}

/* --- what to expect --------------------------------------------------------------------------- */

extern const unsigned __rseq_size __attribute__((weak));

/* True where the kernel knows the call and lets it through; no arguments that it could take. */
static bool
kernel_has_rseq(void)
{
#if defined(__x86_64__)
	return syscall(SYS_rseq, NULL, 0, 0, 0) != 0 && errno != ENOSYS && errno != EPERM;
#else
	return false;
#endif
}

static bool
libc_registers(void)
{
	return &__rseq_size && __rseq_size > 0;
}

static void
expected_mechanism(const struct mode *mode, char *text, size_t size)
{
	const char *index = getauxval(AT_RSEQ_FEATURE_SIZE) >= MM_CID_END ? "mm_cid" : "cpu_id";
	bool libc = mode->expected == AS_PLAIN && libc_registers();

	if (mode->expected == TRYLOCK || !kernel_has_rseq())
		snprintf(text, size, "per-CPU trylock");
	else
		snprintf(text, size, "rseq (%s registration), indexed by %s",
			libc ? "libc's" : "own", index);
}

/* --- the test --------------------------------------------------------------------------------- */

static char library[4096];

START_TEST(test_mode)
{
	const struct mode *mode = &modes[_i];
	char mechanism[128];
	const char *const argv[] = {"/proc/self/exe", "arrange", mode->name, mechanism, NULL};
	const struct spawn spawn = {.argv = argv, .preload = library, .limit_s = LIMIT_S};
	struct spawn_result result;

	expected_mechanism(mode, mechanism, sizeof(mechanism));
	spawn_run(&spawn, &result);
	if (WIFEXITED(result.status) && WEXITSTATUS(result.status) == SPAWN_SKIPPED) {
		printf("%s: SKIPPED: %s", mode->name, result.out);
		return;
	}
	printf("%s: %s", mode->name, result.out);
	ck_assert_msg(WIFEXITED(result.status) && WEXITSTATUS(result.status) == 0,
		"%s: %s (wait status 0x%x)\n%s%s", mode->name,
		result.timed_out ? "hung and was killed" : "failed", (unsigned)result.status,
		result.out, result.err);
}
END_TEST

static bool
find_library(void)
{
	const char *list = getenv("HAKMEM_TEST_VARIANTS");
	const char *name = list ? strstr(list, "/" LIBRARY) : NULL;

	if (!name)
		return false;
	const char *begin = name, *end = name + strlen("/" LIBRARY);
	while (begin > list && begin[-1] != ' ')
		begin--;
	if (*begin != '/' || (*end != ' ' && *end != '\0') ||
		(size_t)(end - begin) >= sizeof(library))
		return false;
	memcpy(library, begin, (size_t)(end - begin));
	return access(library, R_OK) == 0;
}

static const struct mode *
find_mode(const char *name)
{
	for (unsigned i = 0; i < NMODES; i++)
		if (strcmp(modes[i].name, name) == 0)
			return &modes[i];
	fprintf(stderr, "test_rseq_modes: there is no mode %s; the modes are", name);
	for (unsigned i = 0; i < NMODES; i++)
		fprintf(stderr, " %s", modes[i].name);
	fprintf(stderr, "\n");
	exit(2);
}

int
main(int argc, char **argv)
{
	if (argc == 4 && strcmp(argv[1], "arrange") == 0)
		return arrange(find_mode(argv[2]), argv);
	if (argc == 4 && strcmp(argv[1], "run") == 0)
		return run(find_mode(argv[2]), argv[3]);
	if (argc != 1) {
		fprintf(stderr, "usage: test_rseq_modes [arrange|run MODE MECHANISM]\n");
		return 2;
	}
	if (!find_library()) {
		fprintf(stderr, "HAKMEM_TEST_VARIANTS must name " LIBRARY
				" by an absolute path: build it first\n");
		return 99;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);

	Suite *suite = suite_create("rseq modes");
	TCase *tc = tcase_create("modes");
	/* The time limit is the program's; Check's is there in case that fails. */
	tcase_set_timeout(tc, LIMIT_S + 20);
	tcase_add_loop_test(tc, test_mode, 0, NMODES);
	suite_add_tcase(suite, tc);
	printf("%s; libc %s\n", kernel_has_rseq() ? "the kernel has rseq" : "no rseq here",
		libc_registers() ? "registers its own area" : "registers nothing");
	return run_suite(suite);
}
