/* SPDX-License-Identifier: MIT
 * arenas/background.c - making, waking and ending the background thread, and what it does.
 *
 * pthread_create calls calloc, which is ours, and takes the dynamic loader's lock. So it is called
 * where the front-end is open, no lock of ours but RANK_BACKGROUND is held, and the caller of
 * malloc is not the loader in the middle of changing what the lock protects. Nor in a signal
 * handler: the thread's signal mask tells of one, as far as it was not set up with SA_NODEFER. */
#include "arenas/background.h"

#include <elf.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "arenas/internal.h"
#include "arenas/pressure.h"
#include "backends/os.h"
#include "backends/pages.h"
#include "base/assert.h"
#include "base/config.h"
#include "base/futex.h"

/* A heap that holds less has nothing worth a thread. */
#define WORTH_BYTES ((size_t)2 << 20)
/* The interval of ticks is a quarter of HAKMEM_COLD within these bounds. */
#define LEAST_TICK_MS 50
#define MOST_TICK_MS 1000
/* A thread that could not be made is tried again after so long. */
#define RETRY_MS 1000
/* The stack: reading the control group's files takes 4 KiB, and libc takes its TLS out of it. */
#define STACK_BYTES ((size_t)64 << 10)
#define MOST_STACK_BYTES ((size_t)4 << 20)
/* Signals that libc uses between threads, for setuid and cancellation: to be left alone. */
#define LIBC_SIGNALS ((uint64_t)3 << 31)

_Atomic unsigned hak_background = BACKGROUND_OFF;

/* Synchronization: `lock`, but for what is atomic. */
static struct {
	struct lock lock;
	pthread_t thread;
	pid_t pid; /* the process that may make it */
	pthread_key_t main_key;
	bool have_key, main_watched;
	bool allowed;         /* set before other threads run */
	uint64_t signal_mask; /* of the thread that loaded the library; fixed then */
	uintptr_t loader, loader_size;
	bool (*drain)(uint32_t now_ms, uint32_t least_ms);
	_Atomic uint32_t asleep; /* a futex: 1 while the thread sleeps until it is woken */
	_Atomic uint32_t ending; /* a futex: 1 when it has to end */
	_Atomic uint32_t tried_ms, tick_ms;
	_Atomic uint64_t started, failures, wakeups, ticks, purged;
} bg = {.lock = LOCK_INITIALIZER(RANK_BACKGROUND)};

static void
add(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

static uint32_t
interval_ms(void)
{
	size_t ms = CONFIG(cold) / 4;

	return (uint32_t)(ms < LEAST_TICK_MS  ? LEAST_TICK_MS
			  : ms > MOST_TICK_MS ? MOST_TICK_MS
					      : ms);
}

/* --- sleeping -------------------------------------------------------------------------------- */

static void
wait_while(_Atomic uint32_t *word, uint32_t value, uint32_t ms)
{
	futex_wait(word, value, (uint64_t)ms * 1000);
	add(&bg.wakeups, 1);
}

static void
wake_if_asleep(void)
{
	uint32_t asleep = 1;

	/* Sequentially consistent, as in sleep_until_woken: either this thread sees the other
	 * asleep, or that one sees that a slow path was used. */
	atomic_thread_fence(memory_order_seq_cst);
	if (RELAXED(bg.asleep) && atomic_compare_exchange_strong_explicit(&bg.asleep, &asleep, 0,
					  memory_order_relaxed, memory_order_relaxed))
		futex_wake(&bg.asleep, 1);
}

static bool
is_ending(void)
{
	return atomic_load_explicit(&bg.ending, memory_order_acquire) != 0;
}

/* `active_ms`: when a slow path was last used, as the last tick saw it. */
static void
sleep_until_woken(uint32_t active_ms)
{
	RELAXED_SET(bg.asleep, 1);
	atomic_thread_fence(memory_order_seq_cst);
	if (arena_last_active_ms() != active_ms)
		RELAXED_SET(bg.asleep, 0);
	while (RELAXED(bg.asleep) && !is_ending())
		wait_while(&bg.asleep, 1, 0);
}

/* --- the thread ------------------------------------------------------------------------------ */

/* True where all that is idle has been given back. */
static bool
tick(uint32_t now_ms, uint32_t active_ms)
{
	uint32_t cold_ms = (uint32_t)CONFIG(cold);
	bool paused = idle_for(now_ms, active_ms, cold_ms);
	bool whole = !lock_fork_is_open();

	pressure_look(now_ms);
	whole &= bg.drain(now_ms, paused ? 0 : cold_ms);
	add(&bg.purged, arena_age(now_ms, paused ? 0 : cold_ms));
	add(&bg.ticks, 1);
	RELAXED_SET(bg.tick_ms, now_ms);
	return paused && whole;
}

static void *
run(void *unused)
{
	syscall(SYS_prctl, (long)PR_SET_NAME, "hakmem", 0L, 0L, 0L);
	while (!is_ending()) {
		bool done = false;
		/* Also what keeps the wake-ups apart. */
		wait_while(&bg.ending, 0, interval_ms());
		if (is_ending() || !lock_acquire(&bg.lock))
			continue;
		uint32_t active_ms = arena_last_active_ms();
		done = tick(os_now_ms(), active_ms);
		lock_release(&bg.lock);
		if (done)
			sleep_until_woken(active_ms);
	}
	return unused;
}

/* --- making it ------------------------------------------------------------------------------- */

/* Where the dynamic loader's code is; none in a static program. */
static void
find_loader(void)
{
	const Elf64_Ehdr *header = (const Elf64_Ehdr *)getauxval(AT_BASE);

	if (!header)
		return;
	const Elf64_Phdr *segments = (const Elf64_Phdr *)((const char *)header + header->e_phoff);
	for (unsigned i = 0; i < header->e_phnum; i++) {
		uintptr_t end = segments[i].p_vaddr + segments[i].p_memsz;
		if (segments[i].p_type == PT_LOAD && end > bg.loader_size)
			bg.loader_size = end;
	}
	bg.loader = (uintptr_t)header;
}

/* The main thread ends by pthread_exit: the thread goes first, or it would be the last one, which
 * keeps the process alive and then has to run its exit handlers. */
static void
main_ends(void *unused)
{
	(void)unused;
	lock_acquire_wait(&bg.lock);
	bool made = RELAXED(hak_background) == BACKGROUND_MADE;
	RELAXED_SET(hak_background, BACKGROUND_ENDED);
	atomic_store_explicit(&bg.ending, 1, memory_order_release);
	RELAXED_SET(bg.asleep, 0);
	lock_release(&bg.lock);
	if (!made)
		return;
	futex_wake(&bg.ending, 1);
	futex_wake(&bg.asleep, 1);
	pthread_join(bg.thread, NULL);
}

/* Has the main thread's end noticed; false where that cannot be, here or at all. */
static bool
watch_main(void)
{
	if (bg.main_watched)
		return true;
	if (syscall(SYS_gettid) != bg.pid)
		return false;
	bg.have_key = bg.have_key || pthread_key_create(&bg.main_key, main_ends) == 0;
	bg.main_watched = bg.have_key && pthread_setspecific(bg.main_key, &bg) == 0;
	return bg.main_watched;
}

/* EINVAL is libc's answer to a stack that its own part does not fit. */
static int
create_thread(void)
{
	uint64_t mask = ~LIBC_SIGNALS, before = 0;
	pthread_attr_t attributes;
	int error = EINVAL;

	syscall(SYS_rt_sigprocmask, (long)SIG_SETMASK, &mask, &before, sizeof(mask));
	for (size_t stack = STACK_BYTES; error == EINVAL && stack <= MOST_STACK_BYTES; stack *= 2) {
		pthread_attr_init(&attributes);
		if (pthread_attr_setstacksize(&attributes, stack) == 0)
			error = pthread_create(&bg.thread, &attributes, run, NULL);
		pthread_attr_destroy(&attributes);
	}
	syscall(SYS_rt_sigprocmask, (long)SIG_SETMASK, &before, NULL, sizeof(mask));
	return error;
}

/* The lock is held, so that the pthread_create's own calls of malloc do not come back here. */
static void
make_locked(void)
{
	int error;

	if (RELAXED(hak_background) != BACKGROUND_WANTED || !watch_main())
		return;
	RELAXED_SET(bg.asleep, 0);
	RELAXED_SET(bg.ending, 0);
	error = create_thread();
	if (error == 0) {
		RELAXED_SET(hak_background, BACKGROUND_MADE);
		add(&bg.started, 1);
		return;
	}
	if (RELAXED(bg.failures) == 0)
		log_line("HAKMEM_BACKGROUND: pthread_create fails with error %u; idle memory is "
			 "given back by calls of malloc and free alone until it succeeds",
			(size_t)error);
	add(&bg.failures, 1);
}

HAK_COLD void
background_make(uintptr_t site)
{
	uint32_t now_ms = os_now_ms(), tried_ms = RELAXED(bg.tried_ms);
	uint32_t pause_ms = RELAXED(bg.failures) ? RETRY_MS : 1;
	int saved = errno;

	if (site - bg.loader < bg.loader_size || now_ms - tried_ms < pause_ms ||
		lock_fork_is_open())
		return;
	if (!atomic_compare_exchange_strong_explicit(
		    &bg.tried_ms, &tried_ms, now_ms, memory_order_relaxed, memory_order_relaxed))
		return;
	uint64_t mask = os_signal_mask();
	/* Another process is in this memory: a child by vfork. */
	if ((mask != 0 && mask != bg.signal_mask) || getpid() != bg.pid)
		return;
	if (lock_try(&bg.lock)) {
		make_locked();
		lock_release(&bg.lock);
	}
	errno = saved;
}

/* --- what slow paths see of it --------------------------------------------------------------- */

HAK_COLD void
background_note_slow(void)
{
	unsigned state = RELAXED(hak_background);

	if (state == BACKGROUND_MADE) {
		wake_if_asleep();
	} else if (state == BACKGROUND_NONE && bg.allowed) {
		struct pages_totals t = pages_totals();
		if (t.used + t.resident >= WORTH_BYTES)
			atomic_compare_exchange_strong_explicit(&hak_background, &state,
				BACKGROUND_WANTED, memory_order_relaxed, memory_order_relaxed);
	}
}

bool
background_ages(uint32_t now_ms)
{
	return RELAXED(hak_background) == BACKGROUND_MADE &&
	       now_ms - RELAXED(bg.tick_ms) < 4 * interval_ms();
}

void
background_report(struct background_report *out)
{
	*out = (struct background_report){
		.state = (enum background_state)RELAXED(hak_background),
		.started = RELAXED(bg.started),
		.failures = RELAXED(bg.failures),
		.wakeups = RELAXED(bg.wakeups),
		.ticks = RELAXED(bg.ticks),
		.purged = RELAXED(bg.purged),
	};
}

/* --- start and forks ------------------------------------------------------------------------- */

void
background_init(bool (*drain)(uint32_t now_ms, uint32_t least_ms))
{
	bg.drain = drain;
	if (CONFIG(background))
		RELAXED_SET(hak_background, BACKGROUND_NONE);
}

void
background_allow(void)
{
	if (RELAXED(hak_background) == BACKGROUND_OFF)
		return;
	bg.pid = getpid();
	bg.signal_mask = os_signal_mask();
	find_loader();
	watch_main();
	bg.allowed = true;
}

void
background_fork_prepare(void)
{
	lock_acquire_wait(&bg.lock);
}

void
background_fork_parent(void)
{
	lock_release(&bg.lock);
}

void
background_fork_child(void)
{
	lock_reset(&bg.lock);
	if (!bg.allowed)
		return;
	/* The thread is the parent's; this one is the main thread now. */
	bg.pid = getpid();
	bg.main_watched = false;
	watch_main();
	RELAXED_SET(bg.tried_ms, 0);
	RELAXED_SET(hak_background, BACKGROUND_NONE);
}
