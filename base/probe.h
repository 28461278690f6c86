/* SPDX-License-Identifier: MIT
 * base/probe.h - static probes (USDT) for tracers: a no-op instruction each, and a note in the
 * library that says where it is and where its arguments are.
 *
 * Without <sys/sdt.h> (Debian: systemtap-sdt-dev) at build time they are nothing. Arguments are
 * whole numbers or addresses that the code has at hand anyway. docs/profile.md lists the probes. */
#ifndef HAK_BASE_PROBE_H
#define HAK_BASE_PROBE_H

#ifdef HAVE_SYS_SDT_H
#include <sys/sdt.h>

#define PROBE1(provider, name, a) DTRACE_PROBE1(provider, name, a)
#define PROBE2(provider, name, a, b) DTRACE_PROBE2(provider, name, a, b)
#define PROBE3(provider, name, a, b, c) DTRACE_PROBE3(provider, name, a, b, c)
#else
#define PROBE1(provider, name, a) ((void)(a))
#define PROBE2(provider, name, a, b) ((void)(a), (void)(b))
#define PROBE3(provider, name, a, b, c) ((void)(a), (void)(b), (void)(c))
#endif

#endif
