/*
 * Packets in the clear: nothing is encrypted, and every tag is right.
 *
 * The linker leads ngtcp2's helpers through here (CMakeLists.txt), so that a fuzzer's bytes are
 * what a connection reads, and no time is spent on ciphers.
 */
#include <string.h>

#include <ngtcp2/ngtcp2_crypto.h>

/* The linker sets these names. */
/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
int __wrap_ngtcp2_crypto_encrypt_cb(uint8_t *dest, const ngtcp2_crypto_aead *aead,
                                    const ngtcp2_crypto_aead_ctx *aead_ctx, const uint8_t *plain,
                                    size_t len, const uint8_t *nonce, size_t nonce_len,
                                    const uint8_t *header, size_t header_len);
int __wrap_ngtcp2_crypto_decrypt_cb(uint8_t *dest, const ngtcp2_crypto_aead *aead,
                                    const ngtcp2_crypto_aead_ctx *aead_ctx, const uint8_t *cipher,
                                    size_t len, const uint8_t *nonce, size_t nonce_len,
                                    const uint8_t *header, size_t header_len);
int __wrap_ngtcp2_crypto_hp_mask_cb(uint8_t *dest, const ngtcp2_crypto_cipher *hp,
                                    const ngtcp2_crypto_cipher_ctx *hp_ctx, const uint8_t *sample);

int __wrap_ngtcp2_crypto_encrypt_cb(uint8_t *dest, const ngtcp2_crypto_aead *aead,
                                    const ngtcp2_crypto_aead_ctx *aead_ctx, const uint8_t *plain,
                                    size_t len, const uint8_t *nonce, size_t nonce_len,
                                    const uint8_t *header, size_t header_len)
{
    if (len > 0) {
        memmove(dest, plain, len);
    }
    memset(dest + len, 0, aead->max_overhead);
    return 0;
}

int __wrap_ngtcp2_crypto_decrypt_cb(uint8_t *dest, const ngtcp2_crypto_aead *aead,
                                    const ngtcp2_crypto_aead_ctx *aead_ctx, const uint8_t *cipher,
                                    size_t len, const uint8_t *nonce, size_t nonce_len,
                                    const uint8_t *header, size_t header_len)
{
    if (len < aead->max_overhead) {
        return NGTCP2_ERR_DECRYPT;
    }
    memmove(dest, cipher, len - aead->max_overhead);
    return 0;
}

int __wrap_ngtcp2_crypto_hp_mask_cb(uint8_t *dest, const ngtcp2_crypto_cipher *hp,
                                    const ngtcp2_crypto_cipher_ctx *hp_ctx, const uint8_t *sample)
{
    memset(dest, 0, NGTCP2_HP_MASKLEN);
    return 0;
}
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
