/* The random bytes of libsodium and OpenSSL, from a seed. */
#define OPENSSL_SUPPRESS_DEPRECATED /* RAND_set_rand_method() is all that replaces the source */

#include "seed.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <sodium.h>

static struct dice dice;

static void fill(void *data, size_t len)
{
    uint8_t *bytes = data;
    uint64_t word = 0;
    size_t i;

    for (i = 0; i < len; i++) {
        word = i % 8 == 0 ? dice_roll(&dice) : word >> 8;
        bytes[i] = (uint8_t)word;
    }
}

static const char *sodium_name(void) { return "simulated"; }

static uint32_t sodium_random(void) { return (uint32_t)dice_roll(&dice); }

static void sodium_buf(void *const data, const size_t len) { fill(data, len); }

static int openssl_bytes(unsigned char *data, int len)
{
    fill(data, (size_t)len);
    return 1;
}

static int openssl_status(void) { return 1; }

void sim_seed_install(void)
{
    static randombytes_implementation sodium = {
        .implementation_name = sodium_name, .random = sodium_random, .buf = sodium_buf};
    static const RAND_METHOD openssl = {
        .bytes = openssl_bytes, .pseudorand = openssl_bytes, .status = openssl_status};

    (void)randombytes_set_implementation(&sodium);
    (void)RAND_set_rand_method(&openssl);
}

void sim_seed_libraries(uint64_t seed) { dice.state = seed; }

void sim_forget_errors(void) { OPENSSL_thread_stop(); }
