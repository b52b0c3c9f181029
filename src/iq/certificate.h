/*
 * X.509 certificates, for peers that know nothing of raw public keys: HTTP clients.
 *
 * One is our own, made over the identity's key and signed with it, so that it proves the same id.
 * Or it is one that the application brings along, with the key that it is for.
 */
#ifndef IQ_CERTIFICATE_H
#define IQ_CERTIFICATE_H

#include <openssl/ssl.h>

#include "iq/error.h"

struct iq_certificate;

/* Signs a certificate over `key`, an ed25519 key.  IQ_ERR_NOMEM, IQ_ERR_CRYPTO. */
IQ_MUST_CHECK int iq_certificate_sign(struct iq_certificate **certificate, EVP_PKEY *key);

/* Reads a certificate, with those that lead to its root behind it, and its key, both PEM (RFC
 * 7468).  IQ_ERR_NOMEM, IQ_ERR_INVALID_CERT. */
IQ_MUST_CHECK int iq_certificate_read(struct iq_certificate **certificate, const char *pem,
                                      const char *key_pem);

void iq_certificate_free(struct iq_certificate *certificate);

/* From now on `ssl` presents it.  IQ_ERR_CRYPTO. */
IQ_MUST_CHECK int iq_certificate_use(const struct iq_certificate *certificate, SSL *ssl);

#endif
