/* SPDX-License-Identifier: MIT
 * backends/os_thread.c - the fence by membarrier, and threads' states from /proc/self/task.
 *
 * "syscall" there tells the system call that a thread is blocked in, with its arguments, "running",
 * or "-1" where it is blocked elsewhere (a page fault). "status" tells the signal mask and how
 * often the thread has left a CPU: where that is the same before and after, the mask that was read
 * was in force while the thread was blocked. */
#include "backends/os_thread.h"

#include <linux/membarrier.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "backends/os.h"
#include "backends/os_lines.h"
#include "base/digits.h"

#ifndef SYS_epoll_pwait2
#define SYS_epoll_pwait2 441
#endif
#ifdef SYS_vfork
#define VFORK SYS_vfork
#else
#define VFORK UINT64_MAX
#endif
#ifndef SYS_clone3
#define SYS_clone3 435
#endif

struct status {
	uint64_t mask;     /* blocked signals */
	uint64_t switches; /* how often it left a CPU */
	uint64_t id;       /* in the innermost namespace */
};

uint32_t
os_thread_id(void)
{
	return (uint32_t)syscall(SYS_gettid);
}

bool
os_thread_fence(void)
{
	return os_membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED) ||
	       (os_membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) &&
		       os_membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED));
}

/* The number at text in base 10 or 16. */
static uint64_t
number_at(const char *text, unsigned base)
{
	text += strspn(text, " \t");
	return digits_number(&text, base);
}

static const char *
last_word(const char *text)
{
	const char *word = text;

	for (; *text; text++)
		if (*text == '\t' || *text == ' ')
			word = text + 1;
	return word;
}

static void
path_of(uint32_t id, const char *file, char path[64])
{
	static const char front[] = "/proc/self/task/";
	char digits[10];
	size_t n = sizeof(front) - 1, k = 0;

	memcpy(path, front, n);
	for (; id > 0 || k == 0; id /= 10)
		digits[k++] = (char)('0' + id % 10);
	while (k > 0)
		path[n++] = digits[--k];
	memcpy(path + n, file, strlen(file) + 1);
}

/* What follows the key where the line is of that key, else NULL. */
static const char *
value_of(const char *line, const char *key)
{
	size_t n = strlen(key);

	return strncmp(line, key, n) == 0 ? line + n : NULL;
}

static HAK_NOINLINE bool
read_status(uint32_t id, struct status *out)
{
	struct os_lines lines;
	char line[128], path[64];
	const char *value;
	unsigned found = 0;

	*out = (struct status){0};
	path_of(id, "/status", path);
	if (!os_lines_open(&lines, path))
		return false;
	while (os_lines_next(&lines, line, sizeof(line))) {
		if ((value = value_of(line, "SigBlk:")) != NULL) {
			out->mask = number_at(value, 16);
			found |= 1;
		} else if ((value = value_of(line, "NSpid:")) != NULL) {
			out->id = number_at(last_word(value), 10);
			found |= 2;
		} else if ((value = value_of(line, "voluntary_ctxt_switches:")) != NULL) {
			out->switches += number_at(value, 10);
			found |= 4;
		} else if ((value = value_of(line, "nonvoluntary_ctxt_switches:")) != NULL) {
			out->switches += number_at(value, 10);
			found |= 8;
		}
	}
	os_lines_close(&lines);
	return found == 15;
}

/* The n-th argument in a line "NUMBER 0xARGUMENT ...", counted from 0. */
static uint64_t
argument(const char *line, unsigned n)
{
	for (n++; n > 0 && *line; line++)
		n -= *line == ' ';
	return strncmp(line, "0x", 2) == 0 ? number_at(line + 2, 16) : 1;
}

/* True for a system call that leaves the signal mask as it is, and whose caller's memory nobody
 * else runs on meanwhile. */
static bool
is_plain(const char *line)
{
	switch (number_at(line, 10)) {
	case SYS_rt_sigsuspend:
	case SYS_rt_sigtimedwait:
	case SYS_clone:
	case SYS_clone3:
	case VFORK:
		return false;
	case SYS_ppoll:
		return argument(line, 3) == 0;
	case SYS_epoll_pwait:
	case SYS_epoll_pwait2:
		return argument(line, 4) == 0;
	case SYS_pselect6:
	case SYS_io_pgetevents:
		return argument(line, 5) == 0;
	default:
		return true;
	}
}

bool
os_thread_is_blocked(uint32_t id, uint64_t mask)
{
	struct status before, after;
	char line[256], path[64];

	if (!read_status(id, &before) || before.id != id ||
		(before.mask != 0 && before.mask != mask))
		return false;
	path_of(id, "/syscall", path);
	if (!os_first_line(path, line, sizeof(line)) || line[0] < '0' || line[0] > '9' ||
		!is_plain(line))
		return false;
	return read_status(id, &after) && after.switches == before.switches &&
	       after.mask == before.mask;
}
