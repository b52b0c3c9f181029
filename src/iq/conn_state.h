/*
 * The inside of a connection, shared by the files that make it up: conn.c (its life, and the public
 * functions), conn_receive.c, conn_deliver.c and conn_send.c (what it does in a turn, in this
 * order), conn_path.c, conn_unproven.c and conn_mtu.c (the way that its packets go, how much may go
 * there, and their size), conn_datagram.c (messages without a stream), conn_start.c and
 * conn_close.c (its beginning and its end), close_reason.c and conn_stats.c (why it ended, and what
 * it has done), conn_quic.c (what ngtcp2 tells us), and conn_goodbye.c (what we do behind its
 * back).
 */
#ifndef IQ_CONN_STATE_H
#define IQ_CONN_STATE_H

#include <ngtcp2/ngtcp2.h>

#include "agenda.h"
#include "cid_map.h"
#include "datagram_queue.h"
#include "heap.h"
#include "iq/config.h"
#include "iq/conn.h"
#include "iq/stats.h"
#include "list.h"
#include "rate.h"
#include "sockaddr.h"
#include "stream_state.h"
#include "tally.h"
#include "tls.h"

#define IQ_CID_LEN          8    /* of the ids that we choose, as iroh's */
#define IQ_FORM_MASK        0x80 /* of the first byte: zero in short headers.  RFC 8999, section 5 */
#define IQ_BURST_MAX        262144 /* bytes that are given to the wire together */
#define IQ_CLOSE_PACKET_MAX 1200
#define IQ_ANSWER_LEN       1200 /* of a PATH_RESPONSE with its padding.  RFC 9000, section 8.2.2 */
#define IQ_UNPROVEN_TIMES   3 /* what came from an unproven address may go there.  RFC 9000, 8.1 */

/* What an endpoint lends to its connections. */
struct iq_conn_env {
    struct iq_endpoint *endpoint; /* whom they belong to */
    struct iq_wire *wire;
    struct iq_agenda agenda;
    struct iq_chunk_pool chunks;
    struct iq_cid_map cids;
    struct iq_cid_map reset_tokens; /* of the peers, by which their stateless resets are known */
    struct iq_heap timers;
    struct iq_list conns; /* all of them, by their `in_all` */
    size_t conn_count;
    struct iq_tls *tls;
    struct iq_endpoint_config config; /* with every default filled in */
    uint8_t reset_secret[32];         /* stateless reset tokens are made with it */
    struct iq_endpoint_stats stats;   /* but for what it says of now */
    size_t accepted_count;   /* connections that peers have dialled, until they are freed */
    size_t half_open_count;  /* those of them that have never been open */
    struct iq_tally by_addr; /* those that have not ended, by the address they have proven */
    struct iq_tally by_id;   /* and by their peer */
    bool wire_is_full;       /* nothing may be sent until iq_endpoint_writable() */

    /* Written here, then sent at once.  Behind a whole burst there is room for any packet: it may
     * be a probe that is larger than those before, and then goes alone. */
    uint8_t packets[IQ_BURST_MAX + UINT16_MAX];
};

enum iq_conn_state {
    IQ_CONN_HANDSHAKE,
    IQ_CONN_EARLY, /* still, but streams can be used: early data, and the answers to it */
    IQ_CONN_OPEN,
    IQ_CONN_CLOSING,   /* the peer is to be told */
    IQ_CONN_LINGERING, /* it was told, and is told again while it still sends */
    IQ_CONN_DRAINING,  /* the peer closed: we are silent.  RFC 9000, section 10.2.2 */
    IQ_CONN_GONE,      /* nothing is left to do */
};

struct iq_conn_name;

/* Messages of the application, which travel in DATAGRAM frames.  RFC 9221. */
struct iq_conn_datagrams {
    struct iq_datagram_queue received; /* not told to the handler yet */
    struct iq_datagram_queue unsent;
    bool streams_next;  /* the next packet begins with streams */
    bool short_of_room; /* iq_conn_offer_datagram() has failed */
    bool news_allowed;  /* and now there is room */
};

struct iq_conn {
    struct iq_conn_env *env;
    enum iq_conn_state state;
    ngtcp2_conn *quic; /* NULL from LINGERING on, unless it hears the answer */
    struct iq_tls_session *tls;
    void *qlog;                                /* the application's file for it, NULL: none */
    const struct iq_protocol_handler *handler; /* NULL until the protocol is known */
    void *data;
    char *alpns;      /* what a dial offers (alpn.h), or the one that the peer has chosen */
    const char *alpn; /* the one of them that is spoken */
    struct iq_id remote_id;
    struct iq_path path;        /* where the two ends are now */
    struct iq_conn_stats stats; /* the datagrams, and from LINGERING on all of it */
    struct iq_streams streams;
    struct iq_conn_datagrams datagrams;
    struct iq_list in_all;
    struct iq_list on_agenda;
    struct iq_conn_name *cids;         /* by which it is known in env->cids */
    struct iq_conn_name *reset_tokens; /* and in env->reset_tokens */
    struct iq_heap_entry timer;
    uint64_t start_ns; /* before that nothing is sent */
    bool dials;
    bool client_in_handshake; /* ngtcp2's client, which leaves it a little later than TLS */
    bool id_is_proven;
    bool opened_told;
    bool is_resumed;
    bool sent_early;     /* or could have */
    bool early_accepted; /* known when the handshake is complete */
    bool is_known;       /* its handler has heard of it */
    bool closed_told;

    /* The path: conn_path.c */
    bool handshake_confirmed; /* before that nobody migrates.  RFC 9000, section 9 */
    bool path_in_doubt;       /* the network has changed: is there another path now? */
    bool wants_path;          /* there is, and it has not been tried */
    bool path_is_tried;       /* one is being validated, beside the one in use */
    struct iq_path wanted_path;
    uint64_t path_tried_ns;
    struct iq_rate moves; /* of the peer */
    uint64_t heard_ns;    /* when the last datagram arrived */
    uint64_t guarded;     /* bytes in flight that a PING follows; 0: none does */
    bool wants_ping;      /* nothing is in flight, or nothing that a timer would be set for */

    /* Where the peer has come to, and has not been reached yet: conn_unproven.c */
    bool is_unproven;
    struct iq_path unproven_path;
    uint64_t unproven_left; /* bytes that may still go there */

    /* The size of packets: conn_mtu.c */
    uint64_t small_until_ns; /* the least until then; 0: what discovery has found */
    uint64_t sizes_checked_ns;

    /* Noted by the callbacks of ngtcp2, told in the same turn */
    bool handshake_completed;
    bool news_early;
    bool news_early_refused;
    bool news_open;
    bool news_streams_allowed;
    bool next_keys_made;   /* there are keys to change to.  RFC 9001, section 6 */
    bool short_of_streams; /* iq_conn_open_bi() or _uni() has failed */
    bool was_reset;        /* by a stateless reset */

    /* What limits.h is about: conn_limits.c */
    bool is_half_open;
    bool wants_too_many_cids;
    bool may_fall_idle;                           /* the keep-alive is off */
    struct iq_tally_entry *in_by_addr, *in_by_id; /* NULL: not counted there */
    struct iq_rate streams_given;                 /* in the place of abandoned ones */
    uint64_t streams_owed[2];                     /* and not yet given: both ways, one way */
    uint64_t streams_ahead;                       /* one way: given before they were due */
    struct iq_rate cids_given;

    /* The end */
    struct iq_close_reason why;
    char *why_text;
    ngtcp2_ccerr error;       /* what the peer is told; NO_ERROR for an answer */
    uint64_t gone_at_ns;      /* when lingering or draining ends */
    bool hears_answer;        /* LINGERING: until the peer closes too */
    bool confirmed_too_early; /* the peer has lied: conn_quic.c */
    uint8_t *close_packet;
    size_t close_packet_len;
    uint64_t close_credit; /* the side that answers: bytes that may be sent again */
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

/* Frees what a connection that has ended does not need: QUIC, TLS, streams, datagrams. */
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

/* What a public function returns that needs the handshake to be complete: IQ_ERR_AGAIN before that,
 * IQ_ERR_CLOSED after the end, else 0. */
IQ_MUST_CHECK int iq_conn_check_open(const struct iq_conn *conn);

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

/* Ends it for a reason of our own, with a code of RFC 9000, section 20.1. */
void iq_conn_abort(struct iq_conn *conn, uint64_t code, const char *text);

/* conn_deliver.c: calls the handler with all that has been noted. */
void iq_conn_deliver(struct iq_conn *conn);

/* conn_send.c */

/* Gives the wire what ngtcp2 and the streams have, and sets the timer. */
void iq_conn_send(struct iq_conn *conn);
void iq_conn_send_packets(struct iq_conn *conn); /* without the timer */

/* conn_burst.c */

/* Gives the wire some datagrams, and counts them.  On a full one they are lost, as datagrams may
 * be. IQ_ERR_TOO_LONG: they are lost because the system carries none of that length. */
int iq_conn_env_send(struct iq_conn_env *env, const struct iq_datagrams *datagrams);
void iq_conn_send_datagrams(struct iq_conn *conn, const struct iq_datagrams *datagrams);

/* conn_close.c */

/* Tells the peer what conn->error says. */
void iq_conn_send_close(struct iq_conn *conn);

/* Tells a peer that has closed, and waits for it, that it was heard.  It is the last thing that
 * ngtcp2 writes. */
void iq_conn_answer_close(struct iq_conn *conn);

/* One datagram after our close. */
void iq_conn_linger(struct iq_conn *conn, const ngtcp2_path *path, const ngtcp2_pkt_info *info,
                    const uint8_t *data, size_t len);

/* conn_path.c */

/* The network has changed: the connection looks for a path when it has its turn. */
void iq_conn_doubt_path(struct iq_conn *conn);

/* A timer has expired: so it does, too, if nothing has come back for some probes. */
void iq_conn_doubt_silent_path(struct iq_conn *conn);

/* Migrates if there is a better path. */
void iq_conn_follow_path(struct iq_conn *conn);

/* Whether a datagram on this path is to be read: not if the peer changes its address too often. */
bool iq_conn_may_come_from(const struct iq_conn *conn, const struct iq_path *path);

/* After ngtcp2 was called: notes which path it uses now. */
void iq_conn_note_path(struct iq_conn *conn);

/* ngtcp2 has tried a path, and it leads to the peer or not. */
void iq_conn_note_path_tried(struct iq_conn *conn, bool works);

/* After a packet that may be the answer to a PATH_CHALLENGE was written. */
void iq_conn_note_answer(struct iq_conn *conn);

/* After packets were written, among them a PING if one was due. */
void iq_conn_end_ping(struct iq_conn *conn);

/* conn_unproven.c */

/* ngtcp2 begins to validate a path; and has found out whether it leads to the peer, or given up. */
void iq_conn_note_proof_wanted(struct iq_conn *conn, const struct iq_path *path);
void iq_conn_note_proof(struct iq_conn *conn, const struct iq_path *path);

/* A datagram has been read, and one has been written. */
void iq_conn_note_came_from(struct iq_conn *conn, const struct iq_path *path, size_t len);
void iq_conn_note_went_to(struct iq_conn *conn, const struct iq_path *path, size_t len);

/* How much of `len` bytes the next packet may have. */
size_t iq_conn_may_go(const struct iq_conn *conn, size_t len);

/* conn_mtu.c */

/* The largest packet that may be written now, be it a probe; and the largest that the path is known
 * to carry. */
size_t iq_conn_packet_max(const struct iq_conn *conn);
size_t iq_conn_mtu(const struct iq_conn *conn);

/* Looks for a black hole, into which large packets vanish. */
void iq_conn_check_sizes(struct iq_conn *conn);

/* The system has refused a packet of this length. */
void iq_conn_note_too_long(struct iq_conn *conn, size_t len);

/* conn_datagram.c */
void iq_conn_datagrams_init(struct iq_conn_datagrams *datagrams);
void iq_conn_datagrams_release(struct iq_conn_datagrams *datagrams);

/* Whether a datagram waits to be sent, the first of `unsent`.  Drops those before it that fit into
 * no packet any more, because the path has changed. */
bool iq_conn_has_datagram(struct iq_conn *conn);
void iq_conn_drop_unsent_datagram(struct iq_conn *conn); /* the first */

/* conn_stats.c */

/* Keeps what ngtcp2 knows, which is about to be freed. */
void iq_conn_keep_stats(struct iq_conn *conn);

/* What was sent and is neither acknowledged nor lost. */
uint64_t iq_conn_bytes_in_flight(const struct iq_conn *conn);

/* conn_goodbye.c */

/* The close of a peer. */
struct iq_peer_close {
    bool seen;
    struct iq_close_reason why;
    char text[IQ_REASON_MAX]; /* of `why` */
};

/* ngtcp2_conn_read_pkt(), but for a packet that does nothing but close: that is kept in `close`. */
int iq_conn_read(struct iq_conn *conn, const ngtcp2_path *path, const ngtcp2_pkt_info *info,
                 const uint8_t *data, size_t len, struct iq_peer_close *close);

/*
 * Writes what conn->error says, so that the connection can still read and hears of the peer's own
 * close.  Only once the handshake is confirmed, and not after ngtcp2 has failed.  False if that
 * cannot be done now: nothing is written, and ngtcp2_conn_write_connection_close() still works.
 */
IQ_MUST_CHECK bool iq_conn_write_goodbye(struct iq_conn *conn, ngtcp2_path *path,
                                         ngtcp2_pkt_info *info, uint8_t *dest, ngtcp2_ssize *len);

/* How ngtcp2 is to encrypt and to decrypt. */
int iq_quic_encrypt(uint8_t *dest, const ngtcp2_crypto_aead *aead,
                    const ngtcp2_crypto_aead_ctx *aead_ctx, const uint8_t *plaintext, size_t len,
                    const uint8_t *nonce, size_t nonce_len, const uint8_t *header,
                    size_t header_len);
int iq_quic_decrypt(uint8_t *dest, const ngtcp2_crypto_aead *aead,
                    const ngtcp2_crypto_aead_ctx *aead_ctx, const uint8_t *ciphertext, size_t len,
                    const uint8_t *nonce, size_t nonce_len, const uint8_t *header,
                    size_t header_len);

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

/* What ngtcp2 tells us. */
extern const ngtcp2_callbacks iq_quic_callbacks;

/* conn_start.c */
IQ_MUST_CHECK int iq_quic_dial(struct iq_conn *conn, const struct iq_path *path,
                               uint32_t timeout_ms);
IQ_MUST_CHECK int iq_quic_answer(struct iq_conn *conn, const struct iq_conn_initial *initial);

#endif
