/*
 * An OpenSSL provider with a key that nobody holds: an ed25519 public key of small order, and
 * signatures that OpenSSL accepts from it for any message, because they need no secret.
 *
 * The signature is R = the neutral element and S = 0; with the public key 01 00 .. 00, which is the
 * neutral element too, S B = R + k A holds for every k (RFC 8032, section 5.1.7).
 */
#ifndef SIM_FORGER_H
#define SIM_FORGER_H

#include <stdbool.h>
#include <stdint.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/provider.h>

/* A library context with OpenSSL's own algorithms and the forger's. */
struct forger {
    OSSL_LIB_CTX *ctx;
    OSSL_PROVIDER *own, *forged;
};

bool forger_init(struct forger *forger); /* false if something is missing */
void forger_release(struct forger *forger);

/* A key with this public half, which signs as said above; NULL if that fails. */
EVP_PKEY *forger_key(const struct forger *forger, const uint8_t public_key[32]);

#endif
