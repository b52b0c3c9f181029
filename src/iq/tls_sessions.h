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

/* A session, and what must be remembered with it. */
struct iq_tls_saved {
    struct iq_list in_all;
    SSL_SESSION *session;
    struct iq_id id;
    struct iq_socket_addr addr; /* where the peer was */
    uint8_t params[256];        /* its transport parameters.  RFC 9000, section 7.4.1 */
    size_t params_len;
};

void iq_tls_sessions_init(struct iq_tls_sessions *sessions, size_t max);
void iq_tls_sessions_release(struct iq_tls_sessions *sessions);

/* The rules for both sides: `max` sessions are kept of peers that have dialled `id`. */
bool iq_tls_sessions_set_rules(SSL_CTX *ctx, const struct iq_id *id, size_t max);

/* Keeps a session that the peer `id` has offered on `quic`, unless it is not the session of that
 * peer, or there is no memory for it.  Takes it over if it returns true. */
bool iq_tls_sessions_keep(struct iq_tls_sessions *sessions, SSL_SESSION *session,
                          const struct iq_id *id, ngtcp2_conn *quic);

/* The newest session with this peer and protocol that it still accepts, NULL if there is none.
 * Valid until the next call of any function here. */
const struct iq_tls_saved *iq_tls_sessions_find(struct iq_tls_sessions *sessions,
                                                const struct iq_id *id, const char *alpn);

/* The same, and it is out of the list: the caller frees it. */
struct iq_tls_saved *iq_tls_sessions_take(struct iq_tls_sessions *sessions, const struct iq_id *id,
                                          const char *alpn);

void iq_tls_saved_free(struct iq_tls_saved *saved);

/* Whether the peer lets early data come with it. */
bool iq_tls_saved_allows_early_data(const struct iq_tls_saved *saved);

#endif
