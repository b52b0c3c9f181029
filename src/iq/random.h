/*
 * Randomness, the keyed hash that tables need against chosen keys, and what secrets need: one
 * place, libsodium's.
 *
 * A test replaces the source, so that a run repeats byte for byte from a seed.
 */
#ifndef IQ_RANDOM_H
#define IQ_RANDOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "iq/error.h"

/* Readies libsodium; may be called more than once.  IQ_ERR_CRYPTO. */
IQ_MUST_CHECK int iq_random_start(void);

void iq_random_fill(void *data, size_t len);

/* SipHash-2-4 of `data`. */
uint64_t iq_keyed_hash(const void *data, size_t len, const uint8_t key[16]);

/* Whether two secrets are the same; how long it takes does not tell where they differ. */
bool iq_secrets_equal(const void *a, const void *b, size_t len);

/* Overwrites a secret. */
void iq_wipe(void *data, size_t len);

#endif
