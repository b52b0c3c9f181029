/*
 * Keys: ed25519 (RFC 8032) by libsodium, and the text forms that iroh reads and writes.
 *
 * Every copy of a seed that is made here is wiped here.
 */
#include "iq/key.h"

#include <sodium.h>
#include <string.h>

#include "base32.h"
#include "random.h"

_Static_assert(IQ_KEY_LEN == crypto_sign_SEEDBYTES, "a seed has 32 bytes");
_Static_assert(IQ_KEY_LEN == crypto_sign_PUBLICKEYBYTES, "a public key has 32 bytes");
_Static_assert(IQ_SIGNATURE_LEN == crypto_sign_BYTES, "a signature has 64 bytes");

#define HEX_LEN      (2 * (size_t)IQ_KEY_LEN)
#define SHORT_ID_LEN 5 /* bytes of an id in its short form */

void iq_secret_key_generate(struct iq_secret_key *key)
{
    uint8_t seed[IQ_KEY_LEN];

    iq_random_fill(seed, sizeof(seed));
    iq_secret_key_from_seed(key, seed);
    iq_wipe(seed, sizeof(seed));
}

void iq_secret_key_from_seed(struct iq_secret_key *key, const uint8_t seed[IQ_KEY_LEN])
{
    uint8_t expanded[crypto_sign_SECRETKEYBYTES]; /* the seed, then the public key */

    crypto_sign_seed_keypair(key->id.key, expanded, seed);
    memcpy(key->seed, expanded, sizeof(key->seed));
    iq_wipe(expanded, sizeof(expanded));
}

/* The value of a lower-case hex digit, or -1. */
static int hex_value(char digit)
{
    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    if (digit >= 'a' && digit <= 'f') {
        return digit - 'a' + 10;
    }
    return -1;
}

static int parse_hex(uint8_t bytes[IQ_KEY_LEN], const char *text)
{
    for (size_t i = 0; i < IQ_KEY_LEN; i++) {
        int high = hex_value(text[2 * i]);
        int low = hex_value(text[2 * i + 1]);

        if (high < 0 || low < 0) {
            return IQ_ERR_INVALID_KEY;
        }
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    return 0;
}

/* The length alone decides which form a text has, as in iroh's FromStr: never guess, because many
 * a z-base-32 text is base32 of another key. */
static int parse_bytes(uint8_t bytes[IQ_KEY_LEN], const char *text)
{
    size_t len = strlen(text);

    if (len == HEX_LEN) {
        return parse_hex(bytes, text);
    }
    if (len == IQ_BASE32_LEN(IQ_KEY_LEN) &&
        iq_base32_decode(bytes, text, len, NULL) == IQ_BASE32_OK) {
        return 0;
    }
    return IQ_ERR_INVALID_KEY;
}

int iq_secret_key_parse(struct iq_secret_key *key, const char *text)
{
    uint8_t seed[IQ_KEY_LEN];
    int rc = parse_bytes(seed, text);

    if (rc == 0) {
        iq_secret_key_from_seed(key, seed);
    }
    iq_wipe(seed, sizeof(seed)); /* half a seed too, if the text goes wrong in the middle */
    return rc;
}

const struct iq_id *iq_secret_key_id(const struct iq_secret_key *key) { return &key->id; }

void iq_secret_key_wipe(struct iq_secret_key *key) { iq_wipe(key, sizeof(*key)); }

void iq_secret_key_sign(const struct iq_secret_key *key, const void *message, size_t len,
                        uint8_t signature[IQ_SIGNATURE_LEN])
{
    uint8_t expanded[crypto_sign_SECRETKEYBYTES]; /* the seed, then the public key */

    memcpy(expanded, key->seed, IQ_KEY_LEN);
    memcpy(expanded + IQ_KEY_LEN, key->id.key, IQ_KEY_LEN);
    crypto_sign_detached(signature, NULL, message, len, expanded);
    iq_wipe(expanded, sizeof(expanded));
}

bool iq_id_verify(const struct iq_id *id, const void *message, size_t len,
                  const uint8_t signature[IQ_SIGNATURE_LEN])
{
    return crypto_sign_verify_detached(signature, message, len, id->key) == 0;
}

/* The canonical points whose eightfold is the identity, without their sign bits: y is 0, 1, -1, or
 * one of the two of order 8. */
static const uint8_t small_order[][IQ_KEY_LEN] = {
    {0},
    {1},
    {0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
    {0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4,
     0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6,
     0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05},
    {0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b,
     0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39,
     0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a},
};

/* Whether y, which is little-endian, is below p = 2^255 - 19. */
static bool is_canonical(const uint8_t y[IQ_KEY_LEN])
{
    size_t i;

    if (y[IQ_KEY_LEN - 1] != 0x7f) {
        return true;
    }
    for (i = IQ_KEY_LEN - 2; i > 0; i--) {
        if (y[i] != 0xff) {
            return true;
        }
    }
    return y[0] < 0xed;
}

/* libsodium's own crypto_core_ed25519_is_valid_point() multiplies by the order of the group, which
 * takes as long as to verify a signature, and refuses more than iroh does and than safety needs. */
bool iq_id_is_valid(const struct iq_id *id)
{
    static const uint8_t identity[IQ_KEY_LEN] = {1};
    uint8_t y[IQ_KEY_LEN], sum[IQ_KEY_LEN];
    size_t i;

    memcpy(y, id->key, sizeof(y));
    y[IQ_KEY_LEN - 1] &= 0x7f; /* without the sign of x */
    if (!is_canonical(y)) {
        return false;
    }
    for (i = 0; i < sizeof(small_order) / sizeof(small_order[0]); i++) {
        if (memcmp(y, small_order[i], sizeof(y)) == 0) {
            return false;
        }
    }
    return crypto_core_ed25519_add(sum, id->key, identity) == 0; /* fails if it is no point */
}

bool iq_id_equal(const struct iq_id *a, const struct iq_id *b)
{
    return memcmp(a->key, b->key, sizeof(a->key)) == 0;
}

int iq_id_parse(struct iq_id *id, const char *text)
{
    struct iq_id parsed;
    int rc = parse_bytes(parsed.key, text);

    if (rc != 0) {
        return rc;
    }
    if (!iq_id_is_valid(&parsed)) {
        return IQ_ERR_INVALID_KEY;
    }
    *id = parsed;
    return 0;
}

const char *iq_id_str(const struct iq_id *id, char str[IQ_ID_STR_SIZE])
{
    return sodium_bin2hex(str, IQ_ID_STR_SIZE, id->key, sizeof(id->key));
}

const char *iq_id_short_str(const struct iq_id *id, char str[IQ_ID_SHORT_STR_SIZE])
{
    return sodium_bin2hex(str, IQ_ID_SHORT_STR_SIZE, id->key, SHORT_ID_LEN);
}

const char *iq_id_z32_str(const struct iq_id *id, char str[IQ_ID_Z32_STR_SIZE])
{
    iq_base32_encode(str, id->key, sizeof(id->key), iq_base32_z);
    return str;
}
