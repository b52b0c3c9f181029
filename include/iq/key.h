/*
 * Keys: an endpoint is known, dialled and proven by an ed25519 key (RFC 8032).
 *
 * The secret key is a 32-byte seed; the public key is the endpoint's id.  Ids are compared as
 * bytes, and printed as 64 lower-case hex digits.
 *
 *     struct iq_secret_key key;
 *     char text[IQ_ID_STR_SIZE];
 *
 *     iq_secret_key_generate(&key);
 *     puts(iq_id_str(iq_secret_key_id(&key), text));
 *     iq_secret_key_wipe(&key);
 */
#ifndef IQ_KEY_H
#define IQ_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "iq/error.h"

#pragma GCC visibility push(default)

#define IQ_KEY_LEN           32
#define IQ_SIGNATURE_LEN     64
#define IQ_ID_STR_SIZE       65 /* 64 hex digits and the terminating NUL */
#define IQ_ID_SHORT_STR_SIZE 11 /* 10 hex digits and the terminating NUL */
#define IQ_ID_Z32_STR_SIZE   53 /* 52 symbols and the terminating NUL */

/* An endpoint's id: its public key, the 32 bytes of RFC 8032, section 5.1.5. */
struct iq_id {
    uint8_t key[IQ_KEY_LEN];
};

/* A seed (RFC 8032, section 5.1.5) and the id that follows from it.  Wipe it after use. */
struct iq_secret_key {
    uint8_t seed[IQ_KEY_LEN];
    struct iq_id id;
};

/* A fresh random key. */
void iq_secret_key_generate(struct iq_secret_key *key);

/* Every 32 bytes are a seed. */
void iq_secret_key_from_seed(struct iq_secret_key *key, const uint8_t seed[IQ_KEY_LEN]);

/* Reads 64 lower-case hex digits, or 52 characters of base32 (RFC 4648, no padding, either case),
 * as iroh does.  IQ_ERR_INVALID_KEY. */
IQ_MUST_CHECK int iq_secret_key_parse(struct iq_secret_key *key, const char *text);

/* The id of this key. */
const struct iq_id *iq_secret_key_id(const struct iq_secret_key *key);

/* Overwrites the key, in a way that the compiler cannot leave out. */
void iq_secret_key_wipe(struct iq_secret_key *key);

/* Signs `len` bytes.  RFC 8032, section 5.1.6. */
void iq_secret_key_sign(const struct iq_secret_key *key, const void *message, size_t len,
                        uint8_t signature[IQ_SIGNATURE_LEN]);

/* Whether `signature` over `len` bytes was made with the key of `id`.  Strict: a key or a nonce of
 * small order, and a scalar that is not reduced, never verify. */
bool iq_id_verify(const struct iq_id *id, const void *message, size_t len,
                  const uint8_t signature[IQ_SIGNATURE_LEN]);

/*
 * Whether `id` is a key that somebody can hold: a point of the curve, in its canonical form, that
 * is not of small order.  With a key of small order, a zero id for example, anybody can make
 * signatures that a careless verifier takes for good; such an id cannot be dialled, and no peer can
 * have it.
 */
bool iq_id_is_valid(const struct iq_id *id);

bool iq_id_equal(const struct iq_id *a, const struct iq_id *b);

/* Reads the text forms that iq_secret_key_parse() reads.  The key must be one that
 * iq_id_is_valid() accepts, which is stricter than iroh: it takes points of small order too, with
 * which no handshake can succeed.  IQ_ERR_INVALID_KEY. */
IQ_MUST_CHECK int iq_id_parse(struct iq_id *id, const char *text);

/* Each writes a text form of `id` to `str`, and returns `str`. */
const char *iq_id_str(const struct iq_id *id, char str[IQ_ID_STR_SIZE]);
const char *iq_id_short_str(const struct iq_id *id, char str[IQ_ID_SHORT_STR_SIZE]); /* for logs */
const char *iq_id_z32_str(const struct iq_id *id, char str[IQ_ID_Z32_STR_SIZE]);     /* z-base-32 */

#pragma GCC visibility pop

#endif
