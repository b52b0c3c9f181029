/*
 * Closes that ngtcp2 does not see.
 *
 * A peer that closes waits three probe time-outs, unless it hears that its close has arrived (RFC
 * 9000, section 10.2).  ngtcp2 leaves no way to do either well: once it has read a close it writes
 * nothing any more, not even the one packet that is allowed as an answer; and once it has written a
 * close it reads nothing, so that we would wait for an answer that we cannot hear.  A connection
 * takes 90 ms longer to close then on a fast network, and up to 3 s without a round-trip sample.
 *
 * So both are done where packets are encrypted and decrypted, behind its back:
 *
 * - A packet of the peer that does nothing but close is kept from it, by way of an answer that such
 *   a packet also gets when it is damaged.  The connection ends by our own hand (conn_receive.c),
 *   while ngtcp2 can still write.  That is how iroh closes, and ngtcp2.
 * - To close, ngtcp2 is made to write an ordinary packet, and gets our close in the place of what
 *   it had put in.  It goes on to read, until the peer's own close comes.
 *
 * A close in the handshake, and one that shares its packet with frames that must be processed, goes
 * the usual way, and that is to wait.
 */
#include <string.h>

#include <ngtcp2/ngtcp2_crypto.h>

#include "close_frame.h"
#include "conn_state.h"

/* Zero in the first byte of a packet with 1-RTT keys: the form, and what is reserved, which ngtcp2
 * is to complain of.  RFC 9000, section 17.3.1. */
#define NOT_OF_1RTT_MASK 0x98

/* A packet around its payload: flags, connection id, packet number, and the tag of the AEAD. */
#define OVERHEAD_MAX (1 + NGTCP2_MAX_CIDLEN + 4 + 16)

_Static_assert(IQ_CLOSE_FRAME_HEAD_MAX + IQ_REASON_MAX + OVERHEAD_MAX <= IQ_CLOSE_PACKET_MAX,
               "the longest close fits");

/* The callbacks are not told whose packet it is.  Each thread has its own, as it has its own
 * endpoints. */
static _Thread_local struct iq_peer_close *reading;   /* where to keep a close; NULL: nowhere */
static _Thread_local struct iq_close_packet *writing; /* what to put in; NULL: nothing */

/* The peer's close */

static void keep(struct iq_peer_close *close, const struct iq_close_frame *frame)
{
    const size_t len = frame->reason.len < IQ_REASON_MAX ? frame->reason.len : IQ_REASON_MAX;

    close->seen = true;
    memcpy(close->text, frame->reason.data, len);
    close->why = (struct iq_close_reason){
        .how = frame->by_application ? IQ_CLOSED_BY_PEER : IQ_CLOSED_ABORTED_BY_PEER,
        .code = frame->code,
        .text = close->text,
        .text_len = len,
    };
}

int iq_quic_decrypt(uint8_t *dest, const ngtcp2_crypto_aead *aead,
                    const ngtcp2_crypto_aead_ctx *aead_ctx, const uint8_t *ciphertext, size_t len,
                    const uint8_t *nonce, size_t nonce_len, const uint8_t *header,
                    size_t header_len)
{
    const int rc = ngtcp2_crypto_decrypt_cb(dest, aead, aead_ctx, ciphertext, len, nonce, nonce_len,
                                            header, header_len);
    struct iq_close_frame frame;

    if (rc != 0 || reading == NULL || reading->seen || (header[0] & NOT_OF_1RTT_MASK) != 0) {
        return rc;
    }
    if (!iq_close_frame_read(&frame, (struct iq_bytes){dest, len - aead->max_overhead})) {
        return 0;
    }
    keep(reading, &frame);
    return NGTCP2_ERR_DECRYPT;
}

int iq_conn_read(struct iq_conn *conn, const ngtcp2_path *path, const ngtcp2_pkt_info *info,
                 const uint8_t *data, size_t len, struct iq_peer_close *close)
{
    int rc;

    close->seen = false;
    reading = close;
    rc = ngtcp2_conn_read_pkt(conn->quic, path, info, data, len, conn->env->agenda.now_ns);
    reading = NULL;
    return rc;
}

/* Our close */

/* What takes the place of a packet's payload. */
struct iq_close_packet {
    uint8_t payload[IQ_CLOSE_PACKET_MAX]; /* the close, then PADDING, which is zeros */
    size_t len;                           /* of the close */
    bool written;
};

int iq_quic_encrypt(uint8_t *dest, const ngtcp2_crypto_aead *aead,
                    const ngtcp2_crypto_aead_ctx *aead_ctx, const uint8_t *plaintext, size_t len,
                    const uint8_t *nonce, size_t nonce_len, const uint8_t *header,
                    size_t header_len)
{
    if (writing != NULL && !writing->written && (header[0] & IQ_FORM_MASK) == 0 &&
        len >= writing->len && len <= sizeof(writing->payload)) {
        plaintext = writing->payload;
        writing->written = true;
    }
    return ngtcp2_crypto_encrypt_cb(dest, aead, aead_ctx, plaintext, len, nonce, nonce_len, header,
                                    header_len);
}

bool iq_conn_write_goodbye(struct iq_conn *conn, ngtcp2_path *path, ngtcp2_pkt_info *info,
                           uint8_t *dest, ngtcp2_ssize *len)
{
    const ngtcp2_ccerr *error = &conn->error;
    const struct iq_close_frame frame = {
        .by_application = error->type == NGTCP2_CCERR_TYPE_APPLICATION,
        .code = error->error_code,
        .reason = {error->reason, error->reasonlen},
    };
    struct iq_close_packet packet = {0};

    packet.len = iq_close_frame_write(packet.payload, &frame);
    ngtcp2_conn_extend_max_streams_uni(conn->quic, 1); /* gives it something to write */
    writing = &packet;
    *len = ngtcp2_conn_writev_stream(conn->quic, path, info, dest, packet.len + OVERHEAD_MAX, NULL,
                                     NGTCP2_WRITE_STREAM_FLAG_PADDING, -1, NULL, 0,
                                     conn->env->agenda.now_ns);
    writing = NULL;
    return *len > 0 && packet.written;
}
