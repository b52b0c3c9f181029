/*
 * The inside of a connection, shared by the files that make it up: conn.c (its life, and the public
 * functions), conn_receive.c, conn_deliver.c and conn_send.c (what it does in a turn, in this
 * order), and conn_quic.c (what ngtcp2 is told, and tells us).
 */
#ifndef IQ_CONN_STATE_H
#define IQ_CONN_STATE_H

#include <ngtcp2/ngtcp2.h>

#include "agenda.h"
#include "cid_map.h"
#include "heap.h"
#include "iq/config.h"
#include "iq/conn.h"
#include "list.h"
#include "sockaddr.h"
#include "stream_state.h"
#include "tls.h"

#define IQ_CID_LEN          8     /* of the ids that we choose, as iroh's */
#define IQ_PACKETS_MAX      65535 /* bytes that one call to the wire may carry */
#define IQ_SEGMENTS_MAX     64    /* and datagrams: UDP_MAX_SEGMENTS of Linux */
#define IQ_CLOSE_PACKET_MAX 1200

/* What an endpoint lends to its connections. */
struct iq_conn_env {
    struct iq_endpoint *endpoint; /* whom they belong to */
    struct iq_wire *wire;
    struct iq_agenda agenda;
    struct iq_cid_map cids;
    struct iq_cid_map reset_tokens; /* of the peers, by which their stateless resets are known */
    struct iq_heap timers;
    struct iq_list conns; /* all of them, by their `in_all` */
    size_t conn_count;
    struct iq_tls *tls;
    struct iq_endpoint_config config; /* with every default filled in */
    uint8_t reset_secret[32];         /* stateless reset tokens are made with it */
    bool wire_is_full;                /* nothing may be sent until iq_endpoint_writable() */
    uint8_t packets[IQ_PACKETS_MAX];  /* written here, then sent at once */
};

enum iq_conn_state {
    IQ_CONN_HANDSHAKE,
    IQ_CONN_EARLY, /* still, but streams can be used: early data, and the answers to it */
    IQ_CONN_OPEN,
    IQ_CONN_CLOSING,   /* the peer is to be told */
    IQ_CONN_LINGERING, /* it was told, and is told again when it still sends */
    IQ_CONN_DRAINING,  /* the peer closed: we are silent.  RFC 9000, section 10.2.2 */
    IQ_CONN_GONE,      /* nothing is left to do */
};

struct iq_conn_name;

struct iq_conn {
    struct iq_conn_env *env;
    enum iq_conn_state state;
    ngtcp2_conn *quic; /* NULL from LINGERING on */
    struct iq_tls_session *tls;
    void *qlog;                                /* the application's file for it, NULL: none */
    const struct iq_protocol_handler *handler; /* NULL until the protocol is known */
    void *data;
    char *alpns;      /* what a dial offers (alpn.h), or the one that the peer has chosen */
    const char *alpn; /* the one of them that is spoken */
    struct iq_id remote_id;
    struct iq_socket_addr remote_addr;
    struct iq_streams streams;
    struct iq_list in_all;
    struct iq_list on_agenda;
    struct iq_conn_name *cids;         /* by which it is known in env->cids */
    struct iq_conn_name *reset_tokens; /* and in env->reset_tokens */
    struct iq_heap_entry timer;
    uint64_t start_ns; /* before that nothing is sent */
    bool dials;
    bool id_is_proven;
    bool is_resumed;
    bool sent_early;     /* or could have */
    bool early_accepted; /* known when the handshake is complete */
    bool is_known;       /* its handler has heard of it */
    bool closed_told;

    /* Noted by the callbacks of ngtcp2, told in the same turn */
    bool handshake_completed;
    bool news_early;
    bool news_early_refused;
    bool news_open;
    bool news_streams_allowed;
    bool short_of_streams; /* iq_conn_open_bi() or _uni() has failed */
    bool was_reset;        /* by a stateless reset */

    /* The end */
    struct iq_close_reason why;
    char *why_text;
    ngtcp2_ccerr error;  /* what the peer is told */
    uint64_t gone_at_ns; /* when lingering or draining ends */
    uint8_t *close_packet;
    size_t close_packet_len;
    uint32_t received_since_close;
    struct iq_path close_path;
};

/* How a client's first packet is to be answered. */
struct iq_conn_initial {
    struct iq_path path;
    uint32_t version;
    ngtcp2_cid dcid; /* that the packet was sent to */
    ngtcp2_cid scid;
    bool retried;
    ngtcp2_cid original_dcid; /* before the Retry */
    const uint8_t *token;
    size_t token_len;
};

/* conn.c */
IQ_MUST_CHECK int iq_conn_dial(struct iq_conn **conn, struct iq_conn_env *env,
                               const struct iq_path *path, const struct iq_id *id,
                               const char *alpns, uint32_t timeout_ms);
IQ_MUST_CHECK int iq_conn_answer(struct iq_conn **conn, struct iq_conn_env *env,
                                 const struct iq_conn_initial *initial,
                                 const struct iq_route *routes);
void iq_conn_free(struct iq_conn *conn);

/* What was dialled and has its handler begins with early data, if it can. */
void iq_conn_start_early(struct iq_conn *conn);

/* Frees what a connection that has ended does not need: QUIC, TLS, and its streams. */
void iq_conn_let_go(struct iq_conn *conn);

/* The ids by which the connection is found, and the tokens by which a stateless reset is known to
 * be meant for it. */
IQ_MUST_CHECK int iq_conn_add_cid(struct iq_conn *conn, const ngtcp2_cid *cid);
void iq_conn_remove_cid(struct iq_conn *conn, const ngtcp2_cid *cid);
IQ_MUST_CHECK int iq_conn_add_reset_token(struct iq_conn *conn, const uint8_t *token);
void iq_conn_remove_reset_token(struct iq_conn *conn, const uint8_t *token);

/* Ends the connection, and keeps why.  Only the first end counts.  `next` is CLOSING if the peer is
 * to be told conn->error, DRAINING, or GONE. */
void iq_conn_end(struct iq_conn *conn, enum iq_conn_state next, const struct iq_close_reason *why);

/* close_reason.c: what a transport code means.  RFC 9000, section 20.1. */
const char *iq_transport_code_str(uint64_t code);

/* conn_receive.c */

/* One datagram.  IQ_ERR_AGAIN: the client must come back with a token (RFC 9000, section 8.1.2),
 * and the connection is useless. */
int iq_conn_receive(struct iq_conn *conn, const struct iq_path *path, uint8_t ecn,
                    const uint8_t *data, size_t len);
void iq_conn_expire(struct iq_conn *conn); /* its timer has come */

/* Ends the connection for an error that ngtcp2 has returned. */
void iq_conn_fail(struct iq_conn *conn, int rc);

/* conn_deliver.c: calls the handler with all that has been noted. */
void iq_conn_deliver(struct iq_conn *conn);

/* conn_send.c */

/* Gives the wire what ngtcp2 and the streams have, and sets the timer. */
void iq_conn_send(struct iq_conn *conn);

/* Gives the wire some datagrams.  On a full one they are lost, as datagrams may be. */
void iq_conn_env_send(struct iq_conn_env *env, const struct iq_datagrams *datagrams);

/* conn_quic.c */

/* The same path for ngtcp2, which wants the system's addresses. */
struct iq_quic_path {
    union iq_sockaddr local;
    union iq_sockaddr remote;
    ngtcp2_path path;
};

void iq_quic_path_from(struct iq_quic_path *to, const struct iq_path *from);
void iq_quic_path_to(struct iq_path *to, const ngtcp2_path *from);
void iq_quic_random_cid(ngtcp2_cid *cid, size_t len);
IQ_MUST_CHECK int iq_quic_dial(struct iq_conn *conn, const struct iq_path *path,
                               uint32_t timeout_ms);
IQ_MUST_CHECK int iq_quic_answer(struct iq_conn *conn, const struct iq_conn_initial *initial);

#endif
