/* SPDX-License-Identifier: MIT
 * backends/os_cgroup.c - what the control groups of this process grant it: CPUs, and memory.
 *
 * /proc/self/cgroup says which group the process is in, /proc/self/mountinfo where each hierarchy
 * is mounted and which of its groups is seen there as the top. The quota that holds is the least
 * from the group itself up to that top: cpu.max in version 2, cpu.cfs_quota_us over
 * cpu.cfs_period_us in version 1. The memory limit likewise: the less of memory.high and
 * memory.max, or memory.limit_in_bytes. What cannot be read sets no limit. */
#include "backends/os_cgroup.h"

#include <limits.h>
#include <string.h>

#include "backends/os_lines.h"

/* Small, since this may run on a thread's small stack. A longer path leaves the groups above it;
 * the cut end of a longer line of mountinfo is none that matters here. */
#define PATH_BYTES OS_CGROUP_PATH
/* From here on a number of version 1 stands for "no limit". */
#define NO_LIMIT ((uint64_t)1 << 60)

/* Appends n bytes; false, and the path as it was, where they do not fit. */
static bool
append(struct os_cgroup_path *p, const char *text, size_t n)
{
	if (n >= PATH_BYTES - p->length)
		return false;
	memcpy(p->text + p->length, text, n);
	p->length += n;
	p->text[p->length] = '\0';
	return true;
}

static void
cut(struct os_cgroup_path *p, size_t length)
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
read_value(struct os_cgroup_path *group, const char *name, char *line, size_t size)
{
	size_t length = group->length;
	bool ok = append(group, name, strlen(name)) && os_first_line(group->text, line, size);

	cut(group, length);
	return ok;
}

/* The CPUs of one group's own quota, rounded up. */
static unsigned
group_cpus(struct os_cgroup_path *group, bool v2)
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

/* Goes on to the group above, down to the first `top` bytes of the path; false where there is none.
 */
static bool
go_up(struct os_cgroup_path *group, size_t top)
{
	if (group->length <= top)
		return false;
	size_t length = group->length - 1;
	while (length > top && group->text[length] != '/')
		length--;
	cut(group, length);
	return true;
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
	struct os_cgroup_path file = {0};

	return append(&file, root, strlen(root)) && append(&file, name, strlen(name)) &&
	       os_lines_open(lines, file.text);
}

/* The process's group in a hierarchy, "/" and so on: from "0::PATH" or "N:cpu,cpuacct:PATH". */
static HAK_NOINLINE bool
find_group(const char *root, bool v2, const char *controller, char *group, size_t size)
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
		found = v2 ? n == 0 : has_word(controllers + 1, n, controller);
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

/* One line of mountinfo: "ID PARENT MAJOR:MINOR TOP MOUNTPOINT OPTIONS ... - TYPE SOURCE SUPER".
 * True where it is a hierarchy with the controller, or one of version 2; *out is then the process's
 * group there. */
static bool
mount_group(const char *root, const char *line, const char *controller, struct os_cgroup_group *out)
{
	char own[PATH_BYTES];
	size_t n, top_n, point_n, super_n;
	const char *dash = strstr(line, " - ");

	cut(&out->path, 0);
	if (!dash)
		return false;
	const char *type = word_at(dash + 3, 0, &n);
	const char *super = word_at(dash + 3, 2, &super_n);
	out->v2 = is_word(type, n, "cgroup2");
	if (!out->v2 &&
		(!is_word(type, n, "cgroup") || !super || !has_word(super, super_n, controller)))
		return false;
	const char *top = word_at(line, 3, &top_n);
	const char *point = word_at(line, 4, &point_n);
	if (!top || !point || !append(&out->path, root, strlen(root)) ||
		!append(&out->path, point, point_n))
		return false;
	out->top = out->path.length;
	if (find_group(root, out->v2, controller, own, sizeof(own))) {
		const char *below = own;
		/* The mount may show a part of the hierarchy: the group's path from there on. */
		if (top_n > 1)
			below = strncmp(own, top, top_n) == 0 ? own + top_n : "";
		/* One that is too long for us leaves those above it. */
		if (below[0] == '/' && below[1] != '\0')
			append(&out->path, below, strlen(below));
	}
	return true;
}

unsigned
os_cgroup_cpus(const char *root)
{
	struct os_lines lines;
	struct os_cgroup_group group;
	char line[PATH_BYTES];
	unsigned least = UINT_MAX;

	if (!open_below(&lines, root, "/proc/self/mountinfo"))
		return least;
	while (os_lines_next(&lines, line, sizeof(line))) {
		if (!mount_group(root, line, "cpu", &group))
			continue;
		do {
			unsigned cpus = group_cpus(&group.path, group.v2);
			least = cpus < least ? cpus : least;
		} while (go_up(&group.path, group.top));
	}
	os_lines_close(&lines);
	return least;
}

/* --- memory ---------------------------------------------------------------------------------- */

/* A number in a file of the group's; UINT64_MAX where the file says "max" or so. */
static bool
read_bytes(struct os_cgroup_path *group, const char *name, uint64_t *out)
{
	char line[64];
	const char *at = line;

	if (!read_value(group, name, line, sizeof(line)))
		return false;
	if (!take_number(&at, out) || *out >= NO_LIMIT)
		*out = UINT64_MAX;
	return true;
}

/* Bytes of the group that are clean file pages nobody used lately: the system takes those first. */
static HAK_NOINLINE uint64_t
droppable_bytes(struct os_cgroup_path *group, bool v2)
{
	const char *key = v2 ? "inactive_file " : "total_inactive_file ";
	size_t length = group->length;
	struct os_lines lines;
	uint64_t bytes = 0;
	char line[64];

	if (append(group, "/memory.stat", strlen("/memory.stat")) &&
		os_lines_open(&lines, group->text)) {
		while (bytes == 0 && os_lines_next(&lines, line, sizeof(line))) {
			const char *at = line + strlen(key);
			if (strncmp(line, key, strlen(key)) == 0 && !take_number(&at, &bytes))
				break;
		}
		os_lines_close(&lines);
	}
	cut(group, length);
	return bytes;
}

bool
os_cgroup_memory_find(const char *root, struct os_cgroup_group *out)
{
	struct os_lines lines;
	char line[PATH_BYTES];
	struct os_cgroup_memory ignored;
	bool found = false;

	if (!open_below(&lines, root, "/proc/self/mountinfo"))
		return false;
	/* Version 2 is often mounted beside version 1, and without this controller. */
	while (!found && os_lines_next(&lines, line, sizeof(line)))
		found = mount_group(root, line, "memory", out) &&
			os_cgroup_memory_read(out, &ignored);
	os_lines_close(&lines);
	return found;
}

bool
os_cgroup_memory_read(const struct os_cgroup_group *group, struct os_cgroup_memory *out)
{
	struct os_cgroup_path at = group->path;
	uint64_t least = UINT64_MAX;
	bool any = false;

	*out = (struct os_cgroup_memory){UINT64_MAX, UINT64_MAX, 0};
	do {
		uint64_t high = UINT64_MAX, max, used;
		if (!read_bytes(&at, group->v2 ? "/memory.max" : "/memory.limit_in_bytes", &max) ||
			!read_bytes(&at, group->v2 ? "/memory.current" : "/memory.usage_in_bytes",
				&used))
			continue;
		if (group->v2)
			read_bytes(&at, "/memory.high", &high);
		out->high = high < out->high ? high : out->high;
		out->max = max < out->max ? max : out->max;
		/* The use that counts is that of the group with the least limit. */
		if (any && out->high >= least && out->max >= least)
			continue;
		least = out->high < out->max ? out->high : out->max;
		uint64_t droppable = droppable_bytes(&at, group->v2);
		out->used = used > droppable ? used - droppable : 0;
		any = true;
	} while (go_up(&at, group->top));
	return any;
}

/* The first line of a file of the kernel's stall times: "some avg10=0.00 ... total=MICROSECONDS".
 */
static bool
read_stall(struct os_cgroup_path *dir, const char *name, uint64_t *total_us)
{
	char line[128];
	const char *at;

	if (!read_value(dir, name, line, sizeof(line)) || strncmp(line, "some ", 5) != 0)
		return false;
	at = strstr(line, "total=");
	if (!at)
		return false;
	at += strlen("total=");
	return take_number(&at, total_us);
}

enum os_stall_source
os_memory_stall(const char *root, const struct os_cgroup_group *group, uint64_t *total_us)
{
	struct os_cgroup_path dir = {0};

	if (group && group->v2) {
		dir = group->path;
		if (read_stall(&dir, "/memory.pressure", total_us))
			return OS_STALL_GROUP;
		cut(&dir, 0);
	}
	if (append(&dir, root, strlen(root)) && read_stall(&dir, "/proc/pressure/memory", total_us))
		return OS_STALL_SYSTEM;
	return OS_STALL_UNREADABLE;
}
