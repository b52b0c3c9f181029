/*
 * The inside of TLS, shared by the files that make it up: tls.c (its rules, its sessions and their
 * life), tls_hello.c (what becomes of a ClientHello), and tls_after.c (what comes in, and what is
 * left after the handshake).
 */
#ifndef IQ_TLS_STATE_H
#define IQ_TLS_STATE_H

#include <ngtcp2/ngtcp2_crypto.h>
#include <ngtcp2/ngtcp2_crypto_ossl.h>
#include <openssl/ssl.h>

#include "certificate.h"
#include "tls.h"
#include "tls_messages.h"
#include "tls_sessions.h"

#define IQ_TLS_SECRET_MAX 48 /* bytes: SHA-384 */

struct iq_tls {
    SSL_CTX *ctx;
    struct iq_certificate *certificate; /* for anonymous routes; NULL: not needed so far */
    void (*on_secret)(const char *line, void *arg);
    void *on_secret_arg;
    struct iq_tls_sessions sessions; /* of peers that we have dialled */
};

struct iq_tls_session {
    ngtcp2_crypto_conn_ref ref; /* first: it is what OpenSSL gives back to us */
    struct iq_tls *tls;
    ngtcp2_crypto_ossl_ctx *crypto;
    SSL *ssl;
    ngtcp2_conn *quic;
    bool dials;
    uint8_t alert;                   /* to send instead of OpenSSL's own; 0: none */
    bool resumes;                    /* the side that dials: a session was chosen */
    struct iq_id dialled;            /* the side that dials */
    const char *alpns;               /* and what it offers to speak */
    struct iq_route *routes;         /* the side that answers: our copy */
    const struct iq_route *admitted; /* the one of them whose rules hold */
    const struct iq_route *route;    /* the same, once it was chosen */

    struct iq_tls_messages messages; /* of the peer */

    /* After the handshake */
    uint8_t exporter[IQ_TLS_SECRET_MAX]; /* exporter_secret of RFC 8446, section 7.1 */
    size_t exporter_len;
};

struct iq_tls_session *iq_tls_session_of(const SSL *ssl);

/* tls_hello.c: what OpenSSL calls on the side that answers, first the one, then the other. */
int iq_tls_look_at_hello(SSL *ssl, int *alert, void *arg);
int iq_tls_choose_alpn(SSL *ssl, const unsigned char **chosen, unsigned char *chosen_len,
                       const unsigned char *offer, unsigned int offer_len, void *arg);

/* tls_after.c: takes the secret for iq_tls_export() out of `line` of the NSS key log, if it is
 * there; frees what the handshake alone needs. */
void iq_tls_keep_exporter(struct iq_tls_session *session, const char *line);
void iq_tls_free_handshake(struct iq_tls_session *session);

#endif
