/*
 * How often something may happen: so many times at once, and then so many a second.
 *
 * It is a token bucket, kept as one number: the time until which everything that has happened is
 * paid for (the generic cell rate algorithm, ITU-T I.371).
 */
#ifndef IQ_RATE_H
#define IQ_RATE_H

#include <stdbool.h>
#include <stdint.h>

struct iq_rate {
    uint64_t paid_until_ns; /* 0: nothing has happened */
};

/* Whether it may happen now once more.  `at_once` is at least 1; more than 10^9 `per_s` is no
 * limit. */
bool iq_rate_allows(const struct iq_rate *rate, uint64_t per_s, uint64_t at_once, uint64_t now_ns);

/* It has happened, whether it might or not. */
void iq_rate_count(struct iq_rate *rate, uint64_t per_s, uint64_t now_ns);

/* Counts it if it may happen now, and returns whether. */
bool iq_rate_take(struct iq_rate *rate, uint64_t per_s, uint64_t at_once, uint64_t now_ns);

#endif
