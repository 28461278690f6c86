/* SPDX-License-Identifier: MIT
 * arenas/policy.h - whole policies: values for the settings that act at any time, which the learner
 * lets compete, and the file that keeps what it has learned, and which call sites' blocks last
 * (lifetime.h).
 *
 * A policy is published by setting these settings; the paths read them as ever. Those that the user
 * or the program has given a value (CONFIG_GIVEN) stay. */
#ifndef HAK_ARENAS_POLICY_H
#define HAK_ARENAS_POLICY_H

#include "arenas/learn.h"
#include "arenas/lifetime.h"

#define POLICY_SETTINGS(X) X(bigcache) X(cold) X(giveback) X(huge) X(keep) X(magazine) X(warm)

struct policy {
	const char *name; /* one word */
#define X(field) size_t field;
	POLICY_SETTINGS(X)
#undef X
};

#define POLICIES 6
/* The first is the settings' defaults. */
extern const struct policy policies[POLICIES];

/* Publishes it. Any thread, one at a time. */
void policy_publish(const struct policy *p);
/* The policy of that name; POLICIES where there is none. */
unsigned policy_find(const char *name);

/* Takes what a file holds into a learner that has just begun, `held` as in learn_freeze, and its
 * sites into those that are known to last (lifetime_know), of which there are none yet. Where there
 * is no such file nothing happens; of a bad one nothing is taken, and one line names the file, the
 * line in it and what is wrong. False for one that is bad or cannot be read: it is to be left as it
 * is. */
bool policy_load(struct learner *l, const char *path, bool held);
/* Writes what the learner holds, and these sites, LIFETIME_KNOWN at most: a new file, which then
 * takes the old one's place. False, and a line, where it cannot be written. */
bool policy_save(const struct learner *l, const struct lifetime_site *sites, unsigned nsites,
	const char *path);

#endif
