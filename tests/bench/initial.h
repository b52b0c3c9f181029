/*
 * Initial packets in great number, cheaply: one that a real endpoint has sent is opened, and sealed
 * again for other connection ids.  Its keys follow from the connection id alone: RFC 9001, section
 * 5.2.
 */
#ifndef BENCH_INITIAL_H
#define BENCH_INITIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INITIAL_MAX 1500 /* bytes of a packet */

/* An Initial without its protection. */
struct initial {
    uint8_t packet[INITIAL_MAX];
    size_t len; /* with the tag of the AEAD at the end */
    size_t number_at, payload_at;
};

/* Opens a datagram that is one Initial of version 1; false if it is anything else. */
bool initial_open(struct initial *initial, const uint8_t *datagram, size_t len);

/* Seals it with that many random bytes in the place of its destination connection id.  `packet` has
 * room for INITIAL_MAX; the length is `initial->len`. */
void initial_seal(uint8_t *packet, const struct initial *initial);

#endif
