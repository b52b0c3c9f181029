/*
 * TLS sessions of earlier connections, for resuming them (RFC 8446, section 2.2).
 *
 * The side that answers leaves them to OpenSSL, which finds a session by its ticket and forgets it
 * in the same moment.  The side that dials keeps its own here, by the peer and the protocol that
 * they were made with.  On both sides a session is good for one connection: its early data cannot
 * be accepted twice (RFC 8446, section 8.1), and nobody who watches the network can tell by a
 * ticket that two connections belong together (appendix C.4).
 */
#ifndef IQ_TLS_SESSIONS_H
#define IQ_TLS_SESSIONS_H

#include <ngtcp2/ngtcp2.h>
#include <openssl/ssl.h>

#include "iq/addr.h"
#include "iq/key.h"
#include "list.h"

struct iq_tls_sessions {
    struct iq_list all; /* the oldest first */
    size_t count;
    size_t max; /* 0: none are kept */
};

void iq_tls_sessions_init(struct iq_tls_sessions *sessions, size_t max);
void iq_tls_sessions_release(struct iq_tls_sessions *sessions);

/* The rules for both sides: `max` sessions are kept of peers that have dialled `id`. */
bool iq_tls_sessions_set_rules(SSL_CTX *ctx, const struct iq_id *id, size_t max);

/* Keeps a session that the peer `id` has offered on `quic`, unless it is not the session of that
 * peer, or there is no memory for it.  Takes it over if it returns true. */
bool iq_tls_sessions_keep(struct iq_tls_sessions *sessions, SSL_SESSION *session,
                          const struct iq_id *id, ngtcp2_conn *quic);

/* Has `ssl` resume the newest session with this peer and the first of `alpns` (alpn.h) that has
 * one.  Returns whether there was one. */
bool iq_tls_sessions_resume(struct iq_tls_sessions *sessions, SSL *ssl, const struct iq_id *id,
                            const char *alpns);

/* Where the peer was when the session was made that a dial of `alpn` would resume, if early data
 * can come with it; else NULL.  Valid until the next call of any function here. */
const struct iq_socket_addr *iq_tls_sessions_early_addr(struct iq_tls_sessions *sessions,
                                                        const struct iq_id *id, const char *alpn);

/* Has `ssl` resume that session, with early data on `quic`.  False: without. */
bool iq_tls_sessions_resume_early(struct iq_tls_sessions *sessions, SSL *ssl, ngtcp2_conn *quic,
                                  const struct iq_id *id, const char *alpn);

/* The last look before the ClientHello is written: resumes nothing, and sends no early data, if the
 * session has grown too old. */
void iq_tls_sessions_drop_stale(SSL *ssl);

#endif
