/*
 * ed25519 for OpenSSL, done by libsodium.
 *
 * OpenSSL's own is slow, and takes forged signatures for good where a key is of small order; ours
 * is iq_secret_key_sign() and iq_id_verify().
 */
#ifndef IQ_TLS_ED25519_H
#define IQ_TLS_ED25519_H

#include <openssl/crypto.h>

/* An SSL_CTX with these two (SSL_CTX_new_ex) signs and verifies with libsodium.  Loads a provider
 * into a context of its own, which the rest of the process does not notice; NULL if that fails. */
OSSL_LIB_CTX *iq_tls_ed25519_context(void);

#define IQ_TLS_ED25519_PROPERTIES "?provider=iq"

#endif
