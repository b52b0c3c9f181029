/* A storm of connections, whose trace another process can repeat. */
#ifndef SIM_CROWD_H
#define SIM_CROWD_H

#include <stdint.h>

/* So many connections, each of which must succeed; returns the trace. */
uint64_t crowd_storm(uint64_t seed, unsigned count);

extern const char *crowd_program; /* how this program was called */

#endif
