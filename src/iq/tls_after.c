/*
 * TLS after the handshake, and the way by which messages come to it.
 *
 * What OpenSSL keeps for a session is two fifths of the memory of an idle connection, and little of
 * it is wanted any more: QUIC updates its keys without TLS (RFC 9001, section 6).  So it is freed,
 * and what is left is done here:
 *
 * - Keys are exported from the one secret that they are made of (RFC 8446, section 7.5).
 * - A message that still comes is a session ticket or an error (section 4.6; tls_messages.c).
 *   Tickets are ignored, as RFC 8446 lets those do who have no use for them; a side that dials and
 *   keeps sessions goes on with OpenSSL instead.
 */
#include <string.h>

#include <ngtcp2/ngtcp2_crypto.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include "tls_state.h"

#define LABEL_PREFIX   "tls13 "
#define LABEL_MAX      255 /* with the prefix */
#define EXPORTER_LABEL "EXPORTER_SECRET "

/* The exporter */

/* Its line is `EXPORTER_SECRET <client random> <secret>`, both in hexadecimal. */
void iq_tls_keep_exporter(struct iq_tls_session *session, const char *line)
{
    const char *secret = strrchr(line, ' ');

    if (strncmp(line, EXPORTER_LABEL, strlen(EXPORTER_LABEL)) == 0 && secret != NULL) {
        (void)OPENSSL_hexstr2buf_ex(session->exporter, sizeof(session->exporter),
                                    &session->exporter_len, secret + 1, '\0');
    }
}

/* HKDF-Expand-Label.  RFC 8446, section 7.1. */
static bool expand_label(uint8_t *out, size_t len, const ngtcp2_crypto_md *md,
                         const uint8_t *secret, const char *label, const uint8_t *hash)
{
    const size_t hash_len = ngtcp2_crypto_md_hashlen(md);
    const size_t label_len = strlen(LABEL_PREFIX) + strlen(label);
    uint8_t info[2 + 1 + LABEL_MAX + 1 + EVP_MAX_MD_SIZE];
    uint8_t *at = info;

    if (label_len > LABEL_MAX || len > UINT16_MAX) {
        return false;
    }
    *at++ = (uint8_t)(len >> 8);
    *at++ = (uint8_t)len;
    *at++ = (uint8_t)label_len;
    memcpy(at, LABEL_PREFIX, strlen(LABEL_PREFIX));
    memcpy(at + strlen(LABEL_PREFIX), label, strlen(label));
    at += label_len;
    *at++ = (uint8_t)hash_len;
    memcpy(at, hash, hash_len);
    at += hash_len;
    return ngtcp2_crypto_hkdf_expand(out, len, md, secret, hash_len, info, (size_t)(at - info)) ==
           0;
}

static bool hash_of(uint8_t hash[EVP_MAX_MD_SIZE], const ngtcp2_crypto_md *md, const void *data,
                    size_t len)
{
    return EVP_Digest(data, len, hash, NULL, md->native_handle, NULL) == 1;
}

int iq_tls_export(const struct iq_tls_session *session, void *out, size_t len, const char *label,
                  const void *context, size_t context_len)
{
    const ngtcp2_crypto_md *md = &ngtcp2_conn_get_crypto_ctx(session->quic)->md;
    uint8_t hash[EVP_MAX_MD_SIZE], secret[EVP_MAX_MD_SIZE];
    const bool done =
        session->exporter_len == ngtcp2_crypto_md_hashlen(md) && hash_of(hash, md, NULL, 0) &&
        expand_label(secret, session->exporter_len, md, session->exporter, label, hash) &&
        hash_of(hash, md, context, context_len) &&
        expand_label(out, len, md, secret, "exporter", hash);

    OPENSSL_cleanse(secret, sizeof(secret));
    if (!done) {
        ERR_clear_error();
    }
    return done ? 0 : IQ_ERR_CRYPTO;
}

/* Messages */

/* ngtcp2 does not tell OpenSSL at which level bytes have come, and it reads them one behind the
 * other: so they are followed in that order, too. */
int iq_tls_session_receive(struct iq_tls_session *session, ngtcp2_encryption_level level,
                           const uint8_t *data, size_t len)
{
    const uint8_t alert =
        iq_tls_messages_follow(&session->messages, session->dials, level, data, len);

    if (alert != 0) {
        ngtcp2_conn_set_tls_alert(session->quic, alert);
        return NGTCP2_ERR_CRYPTO;
    }
    if (session->ssl != NULL) {
        return ngtcp2_crypto_recv_crypto_data_cb(session->quic, level, 0, data, len, NULL);
    }
    return 0;
}

/* The end of OpenSSL's part */

void iq_tls_free_handshake(struct iq_tls_session *session)
{
    if (session->ssl != NULL) {
        /* SSL_free() calls into the QUIC glue, and forgets the latest session unless TLS was shut
         * down, which QUIC has no use for. */
        SSL_set_app_data(session->ssl, NULL);
        SSL_set_shutdown(session->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    }
    SSL_free(session->ssl);
    ngtcp2_crypto_ossl_ctx_del(session->crypto);
    session->ssl = NULL;
    session->crypto = NULL;
}

void iq_tls_session_let_go(struct iq_tls_session *session)
{
    const bool wants_tickets = session->dials && session->tls->sessions.max > 0;

    if (session->ssl != NULL && !wants_tickets) {
        iq_tls_free_handshake(session);
        ngtcp2_conn_set_tls_native_handle(session->quic, NULL);
    }
}
