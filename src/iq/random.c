/*
 * Randomness, the keyed hash and the wiping of secrets, from libsodium.
 *
 * There is no hook for tests here because libsodium has one: a test that wants a run to repeat
 * calls randombytes_set_implementation() before iq_random_start().
 */
#include "random.h"

#include <sodium.h>
#include <string.h>

int iq_random_start(void) { return sodium_init() < 0 ? IQ_ERR_CRYPTO : 0; }

void iq_random_fill(void *data, size_t len) { randombytes_buf(data, len); }

uint64_t iq_keyed_hash(const void *data, size_t len, const uint8_t key[16])
{
    uint8_t bytes[crypto_shorthash_BYTES];
    uint64_t hash;

    _Static_assert(sizeof(bytes) == sizeof(hash), "a hash is one 64-bit number");
    _Static_assert(crypto_shorthash_KEYBYTES == 16, "SipHash has a key of 16 bytes");

    crypto_shorthash(bytes, data, len, key);
    /* Machines of different byte order see different numbers.  That does no harm: a hash places
     * things in the tables of this process, and is never sent or stored. */
    memcpy(&hash, bytes, sizeof(hash));
    return hash;
}

bool iq_secrets_equal(const void *a, const void *b, size_t len)
{
    return sodium_memcmp(a, b, len) == 0;
}

void iq_wipe(void *data, size_t len) { sodium_memzero(data, len); }
