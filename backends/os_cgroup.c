/* SPDX-License-Identifier: MIT
 * backends/os_cgroup.c - how many CPUs the control groups of this process pay for.
 *
 * /proc/self/cgroup says which group the process is in, /proc/self/mountinfo where each hierarchy
 * is mounted and which of its groups is seen there as the top. The quota that holds is the least
 * from the group itself up to that top: cpu.max in version 2, cpu.cfs_quota_us over
 * cpu.cfs_period_us in version 1. What cannot be read sets no limit. */
#include "backends/os_cgroup.h"

#include <limits.h>
#include <string.h>

#include "backends/os_lines.h"

/* Small, since this may run on a thread's small stack. A longer path leaves the groups above it;
 * the cut end of a longer line of mountinfo is none that matters here. */
#define PATH_BYTES 512

struct path {
	size_t length;
	char text[PATH_BYTES];
};

/* Appends n bytes; false, and the path as it was, where they do not fit. */
static bool
append(struct path *p, const char *text, size_t n)
{
	if (n >= PATH_BYTES - p->length)
		return false;
	memcpy(p->text + p->length, text, n);
	p->length += n;
	p->text[p->length] = '\0';
	return true;
}

static void
cut(struct path *p, size_t length)
{
	p->length = length;
	p->text[length] = '\0';
}

/* A number at *text, which then points behind it; false where there is none ("max", "-1"). */
static bool
take_number(const char **text, uint64_t *out)
{
	const char *c = *text;

	for (*out = 0; *c >= '0' && *c <= '9' && *out < UINT64_MAX / 16; c++)
		*out = *out * 10 + (uint64_t)(*c - '0');
	bool any = c != *text;
	*text = c + (*c == ' ');
	return any;
}

/* The first line of a file in the group's directory. */
static bool
read_value(struct path *group, const char *name, char *line, size_t size)
{
	size_t length = group->length;
	bool ok = append(group, name, strlen(name)) && os_first_line(group->text, line, size);

	cut(group, length);
	return ok;
}

/* The CPUs of one group's own quota, rounded up. */
static unsigned
group_cpus(struct path *group, bool v2)
{
	char line[64], second[64];
	const char *at = line, *then = line;
	uint64_t quota, period;

	if (!read_value(group, v2 ? "/cpu.max" : "/cpu.cfs_quota_us", line, sizeof(line)))
		return UINT_MAX;
	if (!take_number(&at, &quota))
		return UINT_MAX;
	if (v2) {
		then = at;
	} else {
		if (!read_value(group, "/cpu.cfs_period_us", second, sizeof(second)))
			return UINT_MAX;
		then = second;
	}
	if (!take_number(&then, &period) || period == 0)
		return UINT_MAX;
	uint64_t cpus = quota / period + (quota % period != 0);
	return cpus < 1 ? 1 : cpus < UINT_MAX ? (unsigned)cpus : UINT_MAX;
}

/* The least of the group's and those above it, up to the first `top` bytes of its path. */
static unsigned
least_cpus(struct path *group, size_t top, bool v2)
{
	unsigned least = UINT_MAX;

	for (;;) {
		unsigned cpus = group_cpus(group, v2);
		least = cpus < least ? cpus : least;
		if (group->length <= top)
			return least;
		size_t length = group->length - 1;
		while (length > top && group->text[length] != '/')
			length--;
		cut(group, length);
	}
}

/* True where `word` is one of the words between commas. */
static bool
has_word(const char *text, size_t n, const char *word)
{
	size_t length = strlen(word);

	for (size_t start = 0, i = 0; i <= n; i++)
		if (i == n || text[i] == ',') {
			if (i - start == length && strncmp(text + start, word, length) == 0)
				return true;
			start = i + 1;
		}
	return false;
}

/* Opens a file below the root; out of line, so that the path is off the stack again. */
static HAK_NOINLINE bool
open_below(struct os_lines *lines, const char *root, const char *name)
{
	struct path file = {0};

	return append(&file, root, strlen(root)) && append(&file, name, strlen(name)) &&
	       os_lines_open(lines, file.text);
}

/* The process's group in a hierarchy, "/" and so on: from "0::PATH" or "N:cpu,cpuacct:PATH". */
static HAK_NOINLINE bool
find_group(const char *root, bool v2, char *group, size_t size)
{
	struct os_lines lines;
	bool found = false;

	if (!open_below(&lines, root, "/proc/self/cgroup"))
		return false;
	while (!found && os_lines_next(&lines, group, size)) {
		const char *controllers = strchr(group, ':');
		const char *path = controllers ? strchr(controllers + 1, ':') : NULL;
		if (!path)
			continue;
		size_t n = (size_t)(path - controllers) - 1;
		found = v2 ? n == 0 : has_word(controllers + 1, n, "cpu");
		if (found)
			memmove(group, path + 1, strlen(path + 1) + 1);
	}
	os_lines_close(&lines);
	/* It may be outside of what is mounted here ("/../x"). */
	return found && group[0] == '/' && !strstr(group, "/..");
}

/* The n-th word of a line, counted from 0, and its length. */
static const char *
word_at(const char *line, unsigned n, size_t *length)
{
	for (; n > 0 && line; n--) {
		line = strchr(line, ' ');
		line = line ? line + 1 : NULL;
	}
	*length = line ? strcspn(line, " ") : 0;
	return line;
}

static bool
is_word(const char *word, size_t n, const char *wanted)
{
	return word && strlen(wanted) == n && strncmp(word, wanted, n) == 0;
}

/* One line of mountinfo: "ID PARENT MAJOR:MINOR TOP MOUNTPOINT OPTIONS ... - TYPE SOURCE SUPER". */
static unsigned
mount_cpus(const char *root, const char *line)
{
	struct path group = {0};
	char own[PATH_BYTES];
	size_t n, top_n, point_n, super_n;
	const char *dash = strstr(line, " - ");

	if (!dash)
		return UINT_MAX;
	const char *type = word_at(dash + 3, 0, &n);
	const char *super = word_at(dash + 3, 2, &super_n);
	bool v2 = is_word(type, n, "cgroup2");
	if (!v2 && (!is_word(type, n, "cgroup") || !super || !has_word(super, super_n, "cpu")))
		return UINT_MAX;
	const char *top = word_at(line, 3, &top_n);
	const char *point = word_at(line, 4, &point_n);
	if (!top || !point || !append(&group, root, strlen(root)) ||
		!append(&group, point, point_n))
		return UINT_MAX;
	size_t stop = group.length;
	if (find_group(root, v2, own, sizeof(own))) {
		const char *below = own;
		/* The mount may show a part of the hierarchy: the group's path from there on. */
		if (top_n > 1)
			below = strncmp(own, top, top_n) == 0 ? own + top_n : "";
		/* One that is too long for us leaves those above it. */
		if (below[0] == '/' && below[1] != '\0')
			append(&group, below, strlen(below));
	}
	return least_cpus(&group, stop, v2);
}

unsigned
os_cgroup_cpus(const char *root)
{
	struct os_lines lines;
	char line[PATH_BYTES];
	unsigned least = UINT_MAX;

	if (!open_below(&lines, root, "/proc/self/mountinfo"))
		return least;
	while (os_lines_next(&lines, line, sizeof(line))) {
		unsigned cpus = mount_cpus(root, line);
		least = cpus < least ? cpus : least;
	}
	os_lines_close(&lines);
	return least;
}
