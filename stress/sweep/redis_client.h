/* SPDX-License-Identifier: MIT
 * stress/sweep/redis_client.h - the little of the Redis protocol that the sweep itself speaks:
 * one command, one reply, over the loopback. */
#ifndef HAKMEM_SWEEP_REDIS_CLIENT_H
#define HAKMEM_SWEEP_REDIS_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* A port of 127.0.0.1 that is free now; 0 where there is none. */
int redis_free_port(void);
/* A connection as a stream with time-outs, or NULL. */
FILE *redis_connect(int port);
/* Sends an inline command and takes a simple, integer or bulk reply into `reply`. False for an
 * error reply, one that does not fit, or a lost connection. */
bool redis_command(FILE *to, char *reply, size_t size, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

#endif
