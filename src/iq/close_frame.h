/*
 * The frame with which a connection is closed: read from the payload of a packet, and written to
 * one.  RFC 9000, sections 19.1, 19.3 and 19.19.
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
    struct iq_bytes reason; /* of one that was read: lies in the payload */
};

/*
 * True if the payload of a packet holds a CONNECTION_CLOSE, the first of which is `frame`, and
 * beside it nothing but PADDING and ACK: what a peer that only wants to close sends.  False, and
 * `frame` untouched, for everything else, also for what is malformed.
 */
bool iq_close_frame_read(struct iq_close_frame *frame, struct iq_bytes payload);

/* What a frame takes beside its reason. */
#define IQ_CLOSE_FRAME_HEAD_MAX 18

/* Writes `frame`, whose code is below 2^62; returns its length, at most IQ_CLOSE_FRAME_HEAD_MAX and
 * the length of the reason. */
size_t iq_close_frame_write(uint8_t *dest, const struct iq_close_frame *frame);

#endif
