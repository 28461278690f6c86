/* SPDX-License-Identifier: MIT
 * arenas/profile.h - what becomes of sampled blocks: who allocated them, how many there are, how
 * long they live.
 *
 * A front-end decides by profile_draw which blocks are sampled and reports their allocation and
 * their end here. Each sample is counted at its site, the addresses that led to the allocation; the
 * live ones are in a table by address. Both tables are bounded: 64 Ki sites, 3 Mi live samples. A
 * sample that finds no place is counted as dropped and then forgotten.
 *
 * One lock, RANK_PROFILE, protects all; a sample is rare. Memory is mapped as samples come, none
 * before the first, and never taken from the heap. Sites are never removed.
 *
 * Invariants, under the lock: of each site the sizes' samples sum up to `samples`, both histograms
 * to samples - live_samples; the live table holds live_samples records of it; the estimates are
 * what the samples stand for (estimate.h); the sites' alloc_bytes sum up to `allocated_bytes`. */
#ifndef HAK_ARENAS_PROFILE_H
#define HAK_ARENAS_PROFILE_H

#include "arenas/estimate.h"
#include "arenas/lifetime.h"
#include "backends/backend.h"

#define PROFILE_FRAMES 8
#define PROFILE_SITES 65536
#define PROFILE_BYTES_BUCKETS 48
#define PROFILE_MS_BUCKETS 32
#define PROFILE_THREAD_BITS 256

/* Samples of one size at one site. */
struct profile_size {
	uint64_t size;    /* bytes of the class, or of one of four steps to a doubling above it */
	uint64_t samples; /* a number */
	uint32_t next;    /* the site's next larger one; 0: none */
};

struct profile_site {
	/* Fixed at birth: return addresses, innermost first. */
	uintptr_t frames[PROFILE_FRAMES];
	uint32_t nframes;
	uint32_t sizes;                 /* by rising size: profile_size_at of it; 0: none */
	uint64_t samples, live_samples; /* numbers */
	/* Estimates; numbers of blocks in parts (ESTIMATE_PARTS). */
	uint64_t alloc_parts, live_parts;
	uint64_t alloc_bytes, live_bytes, peak_live_bytes;
	estimate_wide alloc_variance, live_variance; /* bytes squared */
	/* A bit for each allocating thread's number, modulo their count. */
	uint64_t threads[PROFILE_THREAD_BITS / 64];
	/* Freed samples by floor(log2) of the bytes allocated and the time passed meanwhile. */
	uint64_t lifetime_bytes[PROFILE_BYTES_BUCKETS];
	uint64_t lifetime_ms[PROFILE_MS_BUCKETS];
	/* While lifetimes are tallied (profile_learn); the id where sites are named, 0 before. */
	struct lifetime_tally tally;
	uint64_t id;
};

/* The mean distance of samples in bytes; 0: profiling is off. Set under the startup lock. */
extern _Atomic uint64_t hak_profile_mean HAK_HIDDEN;

/* Reads HAKMEM_PROFILE, and HAKMEM_PLACEMENT for profile_learn; under the startup lock. */
void profile_init(void);

HAK_INLINE bool
profile_is_on(void)
{
	return RELAXED(hak_profile_mean) != 0;
}

/* As estimate_draw, with the mean of the settings; never comes to a sample where profiling is off.
 * A block takes profile_step off the distance. */
uint64_t profile_draw(uint64_t *state);
/* Lifetimes are tallied, and the block is too large to be placed. */
HAK_INLINE bool
profile_is_coarse(size_t size)
{
	return size > MID_MAX && lifetime_is_learned();
}

/* A block's bytes, or the part of them by which it is sampled. */
HAK_INLINE size_t
profile_step(size_t size)
{
	return profile_is_coarse(size) ? size / LIFETIME_COARSE : size;
}

/* A first state for profile_draw: from the system's random numbers, or the clock. */
uint64_t profile_seed(void);
/* A sampled block was handed out: `size` bytes granted, nframes return addresses, innermost first;
 * where there are none, `site` is the one. False where there is no room for the record: nothing is
 * remembered then. The caller is between frontend_enter and frontend_leave and holds no lock above
 * RANK_PROFILE. Thread-safe; preserves errno. While lifetimes are tallied, `site` and the size are
 * the site, and frames count for nothing; above MID_MAX all are one site. */
bool profile_alloc(void *p, size_t size, uintptr_t site, const uintptr_t *frames, unsigned nframes);
/* The same for one that was not drawn: its size, thread and lifetime are noted, and it stands for
 * nothing in the estimates. */
bool profile_alloc_extra(
	void *p, size_t size, uintptr_t site, const uintptr_t *frames, unsigned nframes);
/* A block comes back; nothing happens where it is no sample. To be called before anybody can get
 * the address again. Otherwise as profile_alloc. */
void profile_free(void *p);

/* The same for any block that is about to go back; cheap where it is no sample. */
HAK_INLINE void
profile_note_free(void *p)
{
	if (HAK_UNLIKELY(profile_is_on()) && backend_is_sampled(p))
		profile_free(p);
}

/* What HAKMEM_PLACEMENT=lifetime has found. */
struct profile_lifetime {
	uint64_t threshold;               /* bytes */
	uint32_t sites, lasting;          /* up to MID_MAX; numbers */
	uint64_t live_bytes[BIN_CLASSES]; /* of lasting sites by class, estimates */
};

/* Tallies sites' lifetimes from now on (lifetime.h); publishes those that last where `acts`. Under
 * the startup lock. */
void profile_learn(bool acts);
/* From now on sites whose lifetimes are tallied are named by this function, once each: the id of a
 * call site, LIFETIME_NAMELESS where it has none, 0 where that cannot be told now. It is called
 * without a lock, on slow paths. Those that are known to last do so at once. Under the startup
 * lock. */
void profile_name_sites(uint64_t (*name)(uintptr_t site));
/* Sites that last and have a name, and those that are known to and have not been met, `most` of
 * them at most; *n is their number. False while a fork holds the lock. The caller as in
 * profile_alloc. */
bool profile_lasting(struct lifetime_site *out, unsigned most, unsigned *n);
/* False where no lifetimes are tallied, or while a fork holds the lock. The caller as above. */
bool profile_lifetime(struct profile_lifetime *out);

/* A copy of it all, taken under the lock and looked at without. */
struct profile_snapshot {
	uint64_t sample_bytes; /* mean distance */
	uint64_t allocated_bytes, live_bytes, peak_live_bytes;
	uint64_t dropped; /* samples (a number) */
	uint32_t nsites, nsizes;
	struct profile_site *sites;
	struct profile_size *sizes; /* number 0 is none's */
	size_t mapped;              /* bytes, at `sites` */
};

/* 0, or ENOMEM, or EBUSY while a fork holds the lock: it may wait for a stdio lock of the caller's.
 * The caller as above; profile_snapshot_drop gives it back. Preserves errno. */
int profile_snapshot_take(struct profile_snapshot *out);
void profile_snapshot_drop(struct profile_snapshot *s);
/* Different threads that a site was seen in, as far as the bits tell: at most 255. */
unsigned profile_threads(const struct profile_site *s);
/* Walks the tables and aborts where an invariant is broken; the caller as above. */
void profile_audit(void);

void profile_fork_prepare(void);
void profile_fork_parent(void);
void profile_fork_child(void);

#ifdef HAK_TESTING
/* Seeds are from here on a sequence that follows from this number; not 0. */
void profile_fix_seed(uint64_t seed);
/* Forgets everything, as if the process had just started, with another mean. No other thread is in
 * here. */
void profile_restart(uint64_t mean);
#endif

#endif
