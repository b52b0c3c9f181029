/* The time of day, which OpenSSL asks for when a TLS session may be too old: it is simulated too.
 */
#ifndef SIM_CLOCK_H
#define SIM_CLOCK_H

#include <stdint.h>

/* From now on the clock follows `now_ns`, NULL for standing still. */
void sim_clock_follow(const uint64_t *now_ns);

/* Somebody sets the clock. */
void sim_clock_jump(int64_t seconds);

#endif
