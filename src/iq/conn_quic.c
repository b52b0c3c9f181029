/*
 * What ngtcp2 tells us of a connection.
 *
 * The callbacks take note, nothing else: ngtcp2 forbids to read, write or close a connection from
 * inside them, and a handler that is called later may do all of that.  A callback that fails ends
 * the whole connection, so only the want of memory does, and a peer's lie that ngtcp2 would
 * believe.
 */
#include <assert.h>
#include <string.h>

#include <ngtcp2/ngtcp2_crypto.h>

#include "conn_limits.h"
#include "conn_state.h"
#include "random.h"

void iq_quic_path_from(struct iq_quic_path *to, const struct iq_path *from)
{
    to->path = (ngtcp2_path){
        .local = {.addr = &to->local.sa, .addrlen = iq_sockaddr_from(&to->local, &from->local)},
        .remote = {.addr = &to->remote.sa, .addrlen = iq_sockaddr_from(&to->remote, &from->remote)},
    };
}

void iq_quic_path_to(struct iq_path *to, const ngtcp2_path *from)
{
    iq_sockaddr_to(&to->local, from->local.addr);
    iq_sockaddr_to(&to->remote, from->remote.addr);
}

void iq_quic_random_cid(ngtcp2_cid *cid, size_t len)
{
    uint8_t bytes[NGTCP2_MAX_CIDLEN];

    assert(len <= sizeof(bytes));
    iq_random_fill(bytes, len);
    ngtcp2_cid_init(cid, bytes, len);
}

/* Connection ids and randomness */

static void fill_random(uint8_t *dest, size_t len, const ngtcp2_rand_ctx *rand_ctx)
{
    iq_random_fill(dest, len);
}

static int fill_path_challenge(ngtcp2_conn *quic, uint8_t *data, void *user_data)
{
    iq_random_fill(data, NGTCP2_PATH_CHALLENGE_DATALEN);
    return 0;
}

static int new_cid(ngtcp2_conn *quic, ngtcp2_cid *cid, uint8_t *token, size_t len, void *user_data)
{
    struct iq_conn *conn = user_data;
    const struct iq_conn_env *env = conn->env;

    if (!iq_conn_may_have_cid(conn)) {
        return NGTCP2_ERR_CALLBACK_FAILURE;
    }
    iq_quic_random_cid(cid, len);
    if (ngtcp2_crypto_generate_stateless_reset_token(token, env->reset_secret,
                                                     sizeof(env->reset_secret), cid) != 0 ||
        iq_conn_add_cid(conn, cid) != 0) {
        return NGTCP2_ERR_CALLBACK_FAILURE;
    }
    return 0;
}

static int remove_cid(ngtcp2_conn *quic, const ngtcp2_cid *cid, void *user_data)
{
    iq_conn_remove_cid(user_data, cid);
    return 0;
}

/* The peer's ids come and go, and with them the tokens that tell us that it has forgotten us.  The
 * client side of ngtcp2 tells of the first one when it leaves the handshake. */
static int note_peer_cid(ngtcp2_conn *quic, ngtcp2_connection_id_status_type type, uint64_t seq,
                         const ngtcp2_cid *cid, const uint8_t *token, void *user_data)
{
    struct iq_conn *conn = user_data;

    conn->client_in_handshake = false;
    if (token == NULL) {
        return 0;
    }
    if (type == NGTCP2_CONNECTION_ID_STATUS_TYPE_DEACTIVATE) {
        iq_conn_remove_reset_token(user_data, token);
        return 0;
    }
    return iq_conn_add_reset_token(user_data, token) == 0 ? 0 : NGTCP2_ERR_CALLBACK_FAILURE;
}

/* The handshake */

/* Here, and not when the connection was made: an attempt that is never started must not use up a
 * session. */
static int start_handshake(ngtcp2_conn *quic, void *user_data)
{
    const struct iq_conn *conn = user_data;

    iq_tls_session_resume(conn->tls);
    return ngtcp2_crypto_client_initial_cb(quic, user_data);
}

static int note_handshake(ngtcp2_conn *quic, void *user_data)
{
    struct iq_conn *conn = user_data;

    conn->handshake_completed = true;
    conn->handshake_confirmed = !conn->dials; /* who accepts confirms it */
    if (conn->sent_early && !iq_tls_session_early_accepted(conn->tls)) {
        conn->news_early_refused = true;
        iq_streams_note_refused(&conn->streams); /* ngtcp2 forgets them without a word */
        return ngtcp2_conn_tls_early_data_rejected(quic);
    }
    return 0;
}

static int take_crypto(ngtcp2_conn *quic, ngtcp2_encryption_level level, uint64_t offset,
                       const uint8_t *data, size_t len, void *user_data)
{
    const struct iq_conn *conn = user_data;

    return iq_tls_session_receive(conn->tls, level, data, len);
}

/* Keys for the next update, which begins when either side wants it.  RFC 9001, section 6. */
static int make_next_keys(ngtcp2_conn *quic, uint8_t *rx_secret, uint8_t *tx_secret,
                          ngtcp2_crypto_aead_ctx *rx_aead_ctx, uint8_t *rx_iv,
                          ngtcp2_crypto_aead_ctx *tx_aead_ctx, uint8_t *tx_iv,
                          const uint8_t *rx_now, const uint8_t *tx_now, size_t len, void *user_data)
{
    struct iq_conn *conn = user_data;

    conn->next_keys_made = true;
    return ngtcp2_crypto_update_key_cb(quic, rx_secret, tx_secret, rx_aead_ctx, rx_iv, tx_aead_ctx,
                                       tx_iv, rx_now, tx_now, len, user_data);
}

/* A HANDSHAKE_DONE that comes before our Finished has left is a lie (RFC 9001, section 4.1.2).
 * ngtcp2 believes it, forgets its Handshake packets, and then looks for them when it writes. */
static int note_handshake_confirmed(ngtcp2_conn *quic, void *user_data)
{
    struct iq_conn *conn = user_data;

    if (conn->client_in_handshake) {
        conn->confirmed_too_early = true;
        return NGTCP2_ERR_CALLBACK_FAILURE;
    }
    conn->handshake_confirmed = true;
    return 0;
}

#if NGTCP2_VERSION_NUM >= 0x010e00
static int note_path_doubted(ngtcp2_conn *quic, uint32_t flags, const ngtcp2_path *path,
                             const ngtcp2_path *fallback, void *user_data)
{
    struct iq_path doubted;

    iq_quic_path_to(&doubted, path);
    iq_conn_note_proof_wanted(user_data, &doubted);
    return 0;
}
#endif

static int note_path_tried(ngtcp2_conn *quic, uint32_t flags, const ngtcp2_path *path,
                           const ngtcp2_path *fallback, ngtcp2_path_validation_result result,
                           void *user_data)
{
    struct iq_path tried;

    iq_quic_path_to(&tried, path);
    iq_conn_note_proof(user_data, &tried);
    iq_conn_note_path_tried(user_data, result == NGTCP2_PATH_VALIDATION_RESULT_SUCCESS);
    return 0;
}

static int note_stateless_reset(ngtcp2_conn *quic, const ngtcp2_pkt_stateless_reset *reset,
                                void *user_data)
{
    struct iq_conn *conn = user_data;

    conn->was_reset = true;
    return 0;
}

/* Streams */

static struct iq_stream *find_unknown(struct iq_conn *conn, int64_t id)
{
    struct iq_list *node;

    for (node = conn->streams.all.next; node != &conn->streams.all; node = node->next) {
        struct iq_stream *stream = IQ_CONTAINER_OF(node, struct iq_stream, in_all);

        if (stream->id == id && stream->unknown_to_quic) {
            return stream;
        }
    }
    return NULL;
}

/*
 * The peer has opened a stream, and with it all of the same kind that have lower ids (RFC 9000,
 * section 3.2), of which ngtcp2 says nothing until a frame for them arrives.  The handler sees them
 * all, in their order.
 */
static int note_stream_open(ngtcp2_conn *quic, int64_t id, void *user_data)
{
    struct iq_conn *conn = user_data;
    struct iq_streams *streams = &conn->streams;
    int64_t *next = &streams->next_of_peer[(id & 2) != 0];
    struct iq_stream *stream = NULL;

    if (id < *next) {
        stream = find_unknown(conn, id);
        assert(stream != NULL);
        iq_stream_note_known(stream);
    }
    for (; *next <= id; *next += 4) {
        stream = iq_stream_new(streams, *next, false);
        if (stream == NULL) {
            return NGTCP2_ERR_CALLBACK_FAILURE;
        }
        stream->unknown_to_quic = *next != id;
        iq_stream_note_opened(stream);
    }
    return ngtcp2_conn_set_stream_user_data(quic, id, stream) == 0 ? 0
                                                                   : NGTCP2_ERR_CALLBACK_FAILURE;
}

static int note_stream_data(ngtcp2_conn *quic, uint32_t flags, int64_t id, uint64_t offset,
                            const uint8_t *data, size_t len, void *user_data, void *stream)
{
    const bool end = (flags & NGTCP2_STREAM_DATA_FLAG_FIN) != 0;

    return iq_stream_note_data(stream, data, len, end) == 0 ? 0 : NGTCP2_ERR_CALLBACK_FAILURE;
}

static int note_stream_acked(ngtcp2_conn *quic, int64_t id, uint64_t offset, uint64_t len,
                             void *user_data, void *stream)
{
    iq_stream_note_acked(stream, (size_t)len);
    return 0;
}

static int note_stream_reset(ngtcp2_conn *quic, int64_t id, uint64_t final_size, uint64_t code,
                             void *user_data, void *stream)
{
    iq_stream_note_reset(stream, code);
    return 0;
}

#if NGTCP2_VERSION_NUM >= 0x011800 /* before 1.24 conn_send.c finds out, but not the code */
static int note_stream_stopped(ngtcp2_conn *quic, int64_t id, uint64_t code, void *user_data,
                               void *stream)
{
    iq_stream_note_stopped(stream, code);
    return 0;
}

/* A code may be that of our own stop, while what we sent has arrived. */
static bool may_be_stopped(uint32_t flags) { return false; }
#else
/* A code is the only sign of a stop. */
static bool may_be_stopped(uint32_t flags)
{
    return (flags & NGTCP2_STREAM_CLOSE_FLAG_APP_ERROR_CODE_SET) != 0;
}
#endif

/* A stream of the peer that has ended makes room for another one. */
static int note_stream_closed(ngtcp2_conn *quic, uint32_t flags, int64_t id, uint64_t code,
                              void *user_data, void *stream)
{
    iq_stream_note_closed(stream, !may_be_stopped(flags));
    if (!iq_stream_is_ours(stream)) {
        iq_conn_replace_stream(user_data, stream);
    }
    return 0;
}

static int note_streams_allowed(ngtcp2_conn *quic, uint64_t max_streams, void *user_data)
{
    struct iq_conn *conn = user_data;

    conn->news_streams_allowed = conn->short_of_streams;
    return 0;
}

/* The oldest give way to it, as the network might have lost them.  RFC 9221, section 5.3: there is
 * no flow control. */
static int note_datagram(ngtcp2_conn *quic, uint32_t flags, const uint8_t *data, size_t len,
                         void *user_data)
{
    struct iq_conn *conn = user_data;

    if (conn->state >= IQ_CONN_CLOSING) { /* nobody will hear it */
        return 0;
    }
    return iq_datagram_queue_add(&conn->datagrams.received, data, len) == 0
               ? 0
               : NGTCP2_ERR_CALLBACK_FAILURE;
}

const ngtcp2_callbacks iq_quic_callbacks = {
    .client_initial = start_handshake,
    .recv_client_initial = ngtcp2_crypto_recv_client_initial_cb,
    .recv_crypto_data = take_crypto,
    .encrypt = iq_quic_encrypt,
    .decrypt = iq_quic_decrypt,
    .hp_mask = ngtcp2_crypto_hp_mask_cb,
    .recv_retry = ngtcp2_crypto_recv_retry_cb,
    .update_key = make_next_keys,
    .delete_crypto_aead_ctx = ngtcp2_crypto_delete_crypto_aead_ctx_cb,
    .delete_crypto_cipher_ctx = ngtcp2_crypto_delete_crypto_cipher_ctx_cb,
    .version_negotiation = ngtcp2_crypto_version_negotiation_cb,
    .rand = fill_random,
    .get_path_challenge_data = fill_path_challenge,
    .get_new_connection_id = new_cid,
    .remove_connection_id = remove_cid,
    .dcid_status = note_peer_cid,
    .handshake_completed = note_handshake,
    .handshake_confirmed = note_handshake_confirmed,
#if NGTCP2_VERSION_NUM >= 0x010e00
    .begin_path_validation = note_path_doubted,
#endif
    .path_validation = note_path_tried,
    .recv_stateless_reset = note_stateless_reset,
    .stream_open = note_stream_open,
    .recv_stream_data = note_stream_data,
    .acked_stream_data_offset = note_stream_acked,
    .stream_reset = note_stream_reset,
#if NGTCP2_VERSION_NUM >= 0x011800
    .recv_stop_sending = note_stream_stopped,
#endif
    .stream_close = note_stream_closed,
    .recv_datagram = note_datagram,
    .extend_max_local_streams_bidi = note_streams_allowed,
    .extend_max_local_streams_uni = note_streams_allowed,
};
