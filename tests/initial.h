/*
 * Initial packets as anybody can open and make them: the keys of those that a client sends follow
 * from the connection id that is written on them.  RFC 9001, section 5.2.
 */
#ifndef TESTS_INITIAL_H
#define TESTS_INITIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INITIAL_MAX     1500 /* bytes of a packet */
#define INITIAL_DCID_AT 6    /* behind the first byte, the version, and the id's length */
#define INITIAL_TAG_LEN 16   /* of the AEAD, at the end */

/* An Initial without its protection. */
struct initial {
    uint8_t packet[INITIAL_MAX];
    size_t len; /* with the tag */
    size_t number_at, payload_at;
};

/* Opens a datagram that is one Initial of version 1; false if it is anything else. */
bool initial_open(struct initial *initial, const uint8_t *datagram, size_t len);

/* Seals it.  `packet` has room for INITIAL_MAX; `initial->len` of it are written. */
void initial_seal(uint8_t *packet, const struct initial *initial);

#endif
