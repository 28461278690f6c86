/* SPDX-License-Identifier: MIT
 * frontends/profile_file.c - the profile as JSON in a file.
 *
 * A snapshot is taken under the profile's lock and written without. All that this needs is in a
 * mapping of its own: it may be any thread's malloc that writes the file, on any stack. */
#include "frontends/profile_file.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "arenas/lifetime.h"
#include "arenas/profile.h"
#include "backends/os.h"
#include "backends/os_file.h"
#include "base/assert.h"
#include "base/config.h"
#include "base/writer.h"
#include "frontends/frontend.h"
#include "frontends/modules.h"
#include "frontends/site.h"
#include "hakmem/hakmem.h"

#define STANDARD_FILE "hakmem-profile.%p.%n.json"
#define PATH_BYTES 4096
/* Modules beyond these are not known; nor are the sites in them. */
#define PLACES_MOST 4096
#define VERSION 1

/* Set when the library is loaded. */
static struct {
	uint64_t start_ns;
	pid_t pid;
	bool own_files;             /* may write without being asked by the program */
	char directory[PATH_BYTES]; /* that relative names start from; "" where it is not known */
} begun;

/* What addresses are translated by; by rising address. */
struct place {
	uintptr_t start, end, bias;
	unsigned bytes; /* of the identity */
	uint8_t identity[MODULE_BUILD_ID];
};

struct dump {
	struct profile_snapshot profile;
	struct writer w;
	struct modules walk;
	struct module module;
	char program[PATH_BYTES], host[256];
	char path[PATH_BYTES]; /* the file's name */
	char part[PATH_BYTES]; /* its name while it is written */
	unsigned nplaces;
	struct place places[PLACES_MOST];
};

/* --- names ----------------------------------------------------------------------------------- */

/* A text in a buffer; `failed` once it did not fit. */
struct text {
	char *out;
	size_t used, size;
	bool failed;
};

static void
add(struct text *t, const char *s, size_t n)
{
	if (t->failed || n >= t->size - t->used) {
		t->failed = true;
		return;
	}
	memcpy(t->out + t->used, s, n);
	t->used += n;
	t->out[t->used] = '\0';
}

static void
add_number(struct text *t, uint64_t n)
{
	char digits[20];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + n % 10);
		n /= 10;
	} while (n);
	add(t, digits + at, sizeof(digits) - at);
}

/* The name by HAKMEM_PROFILE_FILE. A fork's child adds its number where the name has none: it would
 * write over its parent's file. */
static bool
name_by_setting(struct dump *d)
{
	static _Atomic uint64_t files;
	const char *pattern = CONFIG_PATH(profile_file);
	struct text t = {d->path, 0, PATH_BYTES, false};
	uint64_t number = atomic_fetch_add_explicit(&files, 1, memory_order_relaxed);
	bool has_pid = false;

	pattern = pattern ? pattern : STANDARD_FILE;
	if (pattern[0] != '/' && begun.directory[0]) {
		add(&t, begun.directory, strlen(begun.directory));
		add(&t, "/", 1);
	}
	for (const char *c = pattern; *c; c++) {
		bool known = *c == '%' && (c[1] == 'p' || c[1] == 'n' || c[1] == '%');
		c += known;
		if (known && *c == 'p')
			add_number(&t, (uint64_t)getpid());
		else if (known && *c == 'n')
			add_number(&t, number);
		else
			add(&t, c, 1);
		has_pid = has_pid || (known && *c == 'p');
	}
	if (!has_pid && getpid() != begun.pid) {
		add(&t, ".", 1);
		add_number(&t, (uint64_t)getpid());
	}
	return !t.failed;
}

/* Beside the file, of a name that no other thread or process uses. */
static bool
name_part(struct dump *d)
{
	static _Atomic uint64_t parts;
	struct text t = {d->part, 0, PATH_BYTES, false};

	add(&t, d->path, strlen(d->path));
	add(&t, ".", 1);
	add_number(&t, (uint64_t)getpid());
	add(&t, "-", 1);
	add_number(&t, atomic_fetch_add_explicit(&parts, 1, memory_order_relaxed));
	add(&t, ".part", 5);
	return !t.failed;
}

/* --- modules --------------------------------------------------------------------------------- */

static void
write_module(struct dump *d)
{
	const struct module *m = &d->module;
	char id[2 * MODULE_BUILD_ID + 1];

	for (unsigned i = 0; i < m->id_bytes; i++) {
		id[2 * i] = "0123456789abcdef"[m->build_id[i] >> 4];
		id[2 * i + 1] = "0123456789abcdef"[m->build_id[i] & 15];
	}
	id[2 * m->id_bytes] = '\0';
	writer_object(&d->w, NULL);
	writer_string(&d->w, "path", m->path);
	writer_string(&d->w, "build_id", id);
	writer_hex(&d->w, "start", m->start, 1);
	writer_hex(&d->w, "end", m->end, 1);
	writer_hex(&d->w, "bias", m->bias, 1);
	writer_end(&d->w);
}

/* Files without code are data: no site is in them. */
static void
write_modules(struct dump *d)
{
	writer_array(&d->w, "modules");
	if (modules_open(&d->walk)) {
		while (d->nplaces < PLACES_MOST && modules_next(&d->walk, &d->module)) {
			const struct module *m = &d->module;
			if (!m->code)
				continue;
			write_module(d);
			struct place *place = &d->places[d->nplaces++];
			*place = (struct place){m->start, m->end, m->bias, 0, {0}};
			place->bytes = module_identity(m, place->identity);
		}
		modules_close(&d->walk);
	}
	writer_end(&d->w);
}

/* The index of the module that the address is in; -1 where none is known. */
static int
place_of(const struct dump *d, uintptr_t address)
{
	unsigned low = 0, high = d->nplaces;

	while (low < high) {
		unsigned middle = (low + high) / 2;
		if (address >= d->places[middle].end)
			low = middle + 1;
		else
			high = middle;
	}
	return low < d->nplaces && address >= d->places[low].start ? (int)low : -1;
}

/* --- sites ----------------------------------------------------------------------------------- */

/* The same in every process that runs the same builds: from the frames' builds and offsets. */
static uint64_t
site_id(const struct dump *d, const struct profile_site *s)
{
	uint64_t id = 0;

	for (unsigned i = 0; i < s->nframes; i++) {
		int place = place_of(d, s->frames[i]);
		const struct place *in = place < 0 ? NULL : &d->places[place];
		id = in ? site_id_add(id, in->identity, in->bytes, s->frames[i] - in->bias)
			: site_id_add(id, NULL, 0, s->frames[i]);
	}
	return id;
}

static void
write_frames(struct dump *d, const struct profile_site *s)
{
	writer_array(&d->w, "frames");
	for (unsigned i = 0; i < s->nframes; i++) {
		int place = place_of(d, s->frames[i]);
		uintptr_t bias = place < 0 ? 0 : d->places[place].bias;
		writer_array(&d->w, NULL);
		writer_signed(&d->w, NULL, place);
		writer_hex(&d->w, NULL, s->frames[i] - bias, 1);
		writer_end(&d->w);
	}
	writer_end(&d->w);
}

static void
write_sizes(struct dump *d, const struct profile_site *s)
{
	const struct profile_size *sizes = d->profile.sizes;

	writer_array(&d->w, "sizes");
	for (uint32_t i = s->sizes; i; i = sizes[i].next) {
		writer_array(&d->w, NULL);
		writer_number(&d->w, NULL, sizes[i].size);
		writer_number(&d->w, NULL, sizes[i].samples);
		writer_end(&d->w);
	}
	writer_end(&d->w);
}

/* Without the zeroes at the end. */
static void
write_histogram(struct writer *w, const char *key, const uint64_t *buckets, unsigned n)
{
	while (n > 0 && buckets[n - 1] == 0)
		n--;
	writer_array(w, key);
	for (unsigned i = 0; i < n; i++)
		writer_number(w, NULL, buckets[i]);
	writer_end(w);
}

/* An estimated number of blocks. */
static uint64_t
blocks(uint64_t parts)
{
	return (parts + ESTIMATE_PARTS / 2) / ESTIMATE_PARTS;
}

static void
write_site(struct dump *d, const struct profile_site *s)
{
	struct writer *w = &d->w;

	writer_object(w, NULL);
	writer_hex(w, "id", site_id(d, s), 16);
	write_frames(d, s);
	writer_number(w, "samples", s->samples);
	writer_number(w, "live_samples", s->live_samples);
	writer_number(w, "alloc_count", blocks(s->alloc_parts));
	writer_number(w, "alloc_bytes", s->alloc_bytes);
	writer_number(w, "live_count", blocks(s->live_parts));
	writer_number(w, "live_bytes", s->live_bytes);
	writer_large(w, "live_variance", (double)s->live_variance);
	writer_large(w, "alloc_variance", (double)s->alloc_variance);
	writer_number(w, "peak_live_bytes", s->peak_live_bytes);
	writer_number(w, "threads", profile_threads(s));
	write_sizes(d, s);
	write_histogram(w, "lifetime_bytes", s->lifetime_bytes, PROFILE_BYTES_BUCKETS);
	write_histogram(w, "lifetime_ms", s->lifetime_ms, PROFILE_MS_BUCKETS);
	writer_end(w);
}

/* --- the file -------------------------------------------------------------------------------- */

static void
write_heading(struct dump *d, const char *reason)
{
	struct writer *w = &d->w;

	if (!os_file_link("/proc/self/exe", d->program, sizeof(d->program)))
		d->program[0] = '\0';
	os_host_name(d->host, sizeof(d->host));
	writer_string(w, "format", "hakmem-profile");
	writer_number(w, "version", VERSION);
	writer_string(w, "program", d->program);
	writer_string(w, "host", d->host);
	writer_number(w, "pid", (uint64_t)getpid());
	writer_number(w, "time_ms", os_unix_ms());
	writer_number(w, "uptime_ms", (os_now_ns() - begun.start_ns) / 1000000);
	writer_string(w, "variant", hak_variant());
	writer_string(w, "reason", reason);
	writer_number(w, "sample_bytes", d->profile.sample_bytes);
	writer_number(w, "allocated_bytes", d->profile.allocated_bytes);
	writer_number(w, "live_bytes", d->profile.live_bytes);
	writer_number(w, "peak_live_bytes", d->profile.peak_live_bytes);
	writer_number(w, "dropped_samples", d->profile.dropped);
}

static bool
write_file(struct dump *d, const char *reason)
{
	int fd = os_file_create(d->part);

	if (fd < 0)
		return false;
	writer_begin(&d->w, fd, true, NULL);
	write_heading(d, reason);
	write_modules(d);
	writer_array(&d->w, "sites");
	for (uint32_t i = 0; i < d->profile.nsites; i++)
		/* Those that never got a sample met the end of some memory. */
		if (d->profile.sites[i].samples)
			write_site(d, &d->profile.sites[i]);
	writer_end(&d->w);
	writer_finish(&d->w);
	if (d->w.error) {
		os_file_discard(fd, d->part);
		errno = d->w.error;
		return false;
	}
	return os_file_finish(fd, d->part, d->path);
}

/* False, and errno, where a signal handler has interrupted the front-end, whose thread may hold the
 * profile's lock, a fork holds it, or memory is exhausted. */
static bool
take_snapshot(struct dump *d)
{
	if (!frontend_enter()) {
		errno = EBUSY;
		return false;
	}
	int error = profile_snapshot_take(&d->profile);
	frontend_leave();
	if (error)
		errno = error;
	return error == 0;
}

/* Samples of HAKMEM_PLACEMENT=lifetime are no profile. */
static bool
is_taken(void)
{
	return profile_is_on() && !lifetime_is_learned();
}

/* As hak_profile_dump; errno is preserved on success. */
static bool
dump(const char *path, const char *reason)
{
	int saved = errno;
	bool ok, named;

	if (!is_taken()) {
		errno = ENOTSUP;
		return false;
	}
	struct dump *d = os_map(sizeof(*d));
	if (!d) {
		errno = ENOMEM;
		return false;
	}
	if (path) {
		struct text t = {d->path, 0, PATH_BYTES, false};
		add(&t, path, strlen(path));
		named = !t.failed;
	} else {
		named = name_by_setting(d);
	}
	ok = named && name_part(d);
	if (!ok)
		errno = ENAMETOOLONG;
	if (ok && (ok = take_snapshot(d))) {
		ok = write_file(d, reason);
		int error = errno;
		profile_snapshot_drop(&d->profile);
		errno = error;
	}
	os_unmap(d, sizeof(*d));
	if (ok)
		errno = saved;
	return ok;
}

HAK_EXPORT int
hak_profile_dump(const char *path)
{
	return dump(path, "call") ? 0 : -1;
}

/* --- at exit, and by signal ------------------------------------------------------------------ */

/* Relaxed, here and below: no data goes with the flag. */
static void
request(void)
{
	atomic_fetch_or_explicit(&hak_site_attention, SITE_ASKED, memory_order_relaxed);
}

static void
dump_by_itself(const char *reason)
{
	int saved = errno;

	if (begun.own_files && !dump(NULL, reason)) {
		if (errno == EBUSY)
			/* The next slow path tries again. */
			request();
		else
			log_line("the profile cannot be written (errno %u); see "
				 "HAKMEM_PROFILE_FILE",
				(size_t)errno);
	}
	errno = saved;
}

void
profile_file_requested(void)
{
	unsigned before = atomic_fetch_and_explicit(
		&hak_site_attention, ~(unsigned)SITE_ASKED, memory_order_relaxed);

	/* One thread does it. */
	if (before & SITE_ASKED)
		dump_by_itself("signal");
}

void
profile_file_at_exit(void)
{
	if (is_taken())
		dump_by_itself("exit");
}

static void
on_signal(int number)
{
	(void)number;
	request();
}

/* A handler that returns from a fault meets it again. */
static bool
may_be_asked_by(int number)
{
	return number != SIGSEGV && number != SIGBUS && number != SIGILL && number != SIGFPE &&
	       number != SIGTRAP && number != SIGABRT;
}

static void
take_signal(int number)
{
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};

	if (!may_be_asked_by(number) || sigaction(number, &action, NULL) != 0)
		log_line("HAKMEM_PROFILE_SIGNAL=%u: no signal that can be handled; using none",
			(size_t)number);
}

void
profile_file_init(void)
{
	int saved = errno;

	begun.start_ns = os_now_ns();
	begun.pid = getpid();
	if (is_taken()) {
		/* Whoever starts a program that has more rights than he does must not have it write
		 * where he says. */
		begun.own_files = getauxval(AT_SECURE) == 0;
		if (!os_file_directory(begun.directory, sizeof(begun.directory)))
			begun.directory[0] = '\0';
		if (CONFIG(profile_signal))
			take_signal((int)CONFIG(profile_signal));
	}
	errno = saved;
}
