/*
 * A running 64-bit sum of bytes, to compare an echo of any length with what was sent.
 *
 * It is for mistakes, not against attacks: QUIC has authenticated every byte already.
 */
#ifndef CHECKSUM_H
#define CHECKSUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Starts as all zero. */
struct checksum {
    uint64_t len; /* bytes so far */
    uint64_t sum;
    uint8_t tail[8]; /* the first len % 8 of them are not in the sum yet */
};

void checksum_add(struct checksum *checksum, const uint8_t *data, size_t len);

bool checksum_equal(const struct checksum *a, const struct checksum *b);

#endif
