/*
 * TLS 1.3 for QUIC (RFC 9001), with raw public keys in place of certificates (RFC 7250).
 *
 * The one home of OpenSSL.  A session is the TLS of one connection; it is attached to the ngtcp2
 * connection that carries it.  What it proves comes out of iq_tls_session_peer().
 */
#ifndef IQ_TLS_H
#define IQ_TLS_H

#include <stdbool.h>

#include <ngtcp2/ngtcp2.h>

#include "iq/addr.h"
#include "iq/config.h"
#include "iq/error.h"
#include "iq/key.h"
#include "iq/protocol.h"

struct iq_tls;         /* of an endpoint: its key, and the rules for all its sessions */
struct iq_tls_session; /* of a connection */

/* Of `config` it uses on_secret, sessions_max and certificate.  IQ_ERR_INVALID_CERT, IQ_ERR_NOMEM,
 * IQ_ERR_CRYPTO. */
IQ_MUST_CHECK int iq_tls_new(struct iq_tls **tls, const struct iq_secret_key *key,
                             const struct iq_endpoint_config *config);
void iq_tls_free(struct iq_tls *tls); /* after the last of its sessions */

/* The side that dials: accepts only a peer that holds the key of `id`, and offers to speak `alpns`
 * (alpn.h), which must stay valid until the session is freed. */
IQ_MUST_CHECK int iq_tls_dial(struct iq_tls_session **session, struct iq_tls *tls,
                              const struct iq_id *id, const char *alpns);

/* The side that answers: speaks the first of `routes`, which are copied, that the peer offers, and
 * accepts any valid key that the peer can prove, or none if that route is anonymous.
 * IQ_ERR_INVALID_ALPN. */
IQ_MUST_CHECK int iq_tls_answer(struct iq_tls_session **session, struct iq_tls *tls,
                                const struct iq_route *routes);

/* Frees the copy, and with it the route that iq_tls_session_peer() has told of: after the
 * handshake, once that was used. */
void iq_tls_session_free_routes(struct iq_tls_session *session);

/* From now on the session serves `quic`, which must live until the session is freed. */
void iq_tls_attach(struct iq_tls_session *session, ngtcp2_conn *quic);

void iq_tls_session_free(struct iq_tls_session *session);

/* The side that dials, when the handshake is about to start: resumes a session of an earlier
 * connection, if there is one with this peer and one of the protocols. */
void iq_tls_session_resume(struct iq_tls_session *session);

/* Whether it has resumed one. */
bool iq_tls_session_is_resumed(const struct iq_tls_session *session);

/* Where the peer was when a session was made with which a dial of `alpn` may send early data; NULL
 * if there is none.  Valid until the next call of any function here. */
const struct iq_socket_addr *iq_tls_early_addr(struct iq_tls *tls, const struct iq_id *id,
                                               const char *alpn);

/* The side that dials, attached: takes that session, and has early data sent with it.  False: there
 * will be none. */
bool iq_tls_session_start_early(struct iq_tls_session *session);

/* Whether early data is accepted: known to the side that answers when it has seen the ClientHello,
 * to the side that dials when the handshake is complete. */
bool iq_tls_session_early_accepted(const struct iq_tls_session *session);

/* What a complete handshake has proven, or the session that early data comes with. */
struct iq_tls_peer {
    bool has_id; /* false on an anonymous route: it has proven nothing */
    struct iq_id id;
    const struct iq_route *route; /* the side that answers: what was chosen.  Else NULL */
    const char *alpn;             /* the side that dials: which of those that were offered */
};

/* What CRYPTO frames have brought: 0, or an error of ngtcp2, of which the connection knows more. */
IQ_MUST_CHECK int iq_tls_session_receive(struct iq_tls_session *session,
                                         ngtcp2_encryption_level level, const uint8_t *data,
                                         size_t len);

/* After the handshake is confirmed, and all of the above was asked: frees the larger part of it,
 * unless the side that dials keeps sessions, which are still to come. */
void iq_tls_session_let_go(struct iq_tls_session *session);

/* `len` bytes that only the two ends of a complete handshake can make.  RFC 8446, section 7.5.
 * IQ_ERR_CRYPTO. */
IQ_MUST_CHECK int iq_tls_export(const struct iq_tls_session *session, void *out, size_t len,
                                const char *label, const void *context, size_t context_len);

/* With which alert (RFC 8446, section 6) a handshake has failed. */
uint8_t iq_tls_session_alert(const struct iq_tls_session *session);

/* Looks at what was proven once more, from the outside: returns 0, or the TLS alert with
 * which the connection must be closed. */
IQ_MUST_CHECK uint8_t iq_tls_session_peer(const struct iq_tls_session *session,
                                          struct iq_tls_peer *peer);

#endif
