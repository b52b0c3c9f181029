/*
 * The packet with which a peer closes, read from its payload: the part of QUIC's frames that this
 * takes.  RFC 9000, sections 19.1, 19.3 and 19.19.
 */
#ifndef IQ_CLOSE_FRAME_H
#define IQ_CLOSE_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "iq/bytes.h"

struct iq_close_frame {
    bool by_application; /* type 0x1d; else it is QUIC or TLS that closes, 0x1c */
    uint64_t code;
    struct iq_bytes reason; /* lies in the payload that was read */
};

/*
 * True if the payload of a packet holds a CONNECTION_CLOSE, the first of which is `frame`, and
 * beside it nothing but PADDING and ACK: what a peer that only wants to close sends.  False, and
 * `frame` untouched, for everything else, also for what is malformed.
 */
bool iq_close_frame_read(struct iq_close_frame *frame, struct iq_bytes payload);

#endif
