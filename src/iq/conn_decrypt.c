/*
 * Closes that ngtcp2 does not see.
 *
 * A peer that closes waits three probe time-outs, unless it hears that its close has arrived (RFC
 * 9000, section 10.2).  ngtcp2 cannot say so: once it has read a close it writes nothing any more.
 * So a packet that does nothing but close is kept from it, by way of an answer that such a packet
 * also gets when it is damaged, and the connection ends by our own hand (conn_receive.c), while
 * ngtcp2 can still write the one packet that is allowed.
 *
 * That is how iroh closes, and ngtcp2.  A close that shares its packet with frames that must be
 * processed, or comes in the handshake, goes the usual way, without an answer.
 */
#include <string.h>

#include <ngtcp2/ngtcp2_crypto.h>

#include "close_frame.h"
#include "conn_state.h"

/* Zero in the first byte of a packet with 1-RTT keys: the form, and what is reserved, which ngtcp2
 * is to complain of.  RFC 9000, section 17.3.1. */
#define NOT_OF_1RTT_MASK 0x98

/* Where to keep the close that is read now; NULL while nothing is read.  The callback is not told
 * whose packet it decrypts.  Each thread has its own, as it has its own endpoints. */
static _Thread_local struct iq_peer_close *reading;

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
