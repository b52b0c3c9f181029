/* Reads and writes closes.  Every step of reading checks what is left, and ends it if it fails. */
#include "close_frame.h"

#include <string.h>

/* RFC 9000, section 19.  A type is written in its shortest form (section 12.4), these in a byte. */
enum frame_type {
    FRAME_PADDING = 0x00,
    FRAME_ACK = 0x02,
    FRAME_ACK_ECN = 0x03,
    FRAME_CLOSE = 0x1c,
    FRAME_CLOSE_APPLICATION = 0x1d,
};

/* Takes `len` bytes from the front. */
static bool take(struct iq_bytes *taken, struct iq_bytes *left, uint64_t len)
{
    if (len > left->len) {
        return false;
    }
    *taken = (struct iq_bytes){.data = left->data, .len = (size_t)len};
    left->data += len;
    left->len -= (size_t)len;
    return true;
}

/* The first two bits tell the length: 1, 2, 4 or 8 bytes.  RFC 9000, section 16. */
static bool read_varint(uint64_t *number, struct iq_bytes *left)
{
    struct iq_bytes bytes;
    size_t i;

    if (left->len == 0 || !take(&bytes, left, UINT64_C(1) << (left->data[0] >> 6))) {
        return false;
    }
    *number = bytes.data[0] & 0x3f;
    for (i = 1; i < bytes.len; i++) {
        *number = *number << 8 | bytes.data[i];
    }
    return true;
}

/* A count that is larger than what is left runs into its end. */
static bool skip_varints(struct iq_bytes *left, uint64_t count)
{
    uint64_t ignored;

    for (; count > 0; count--) {
        if (!read_varint(&ignored, left)) {
            return false;
        }
    }
    return true;
}

/* What is acknowledged does not matter any more. */
static bool skip_ack(struct iq_bytes *left, bool with_ecn)
{
    uint64_t range_count;

    return skip_varints(left, 2) && /* the largest, and the delay */
           read_varint(&range_count, left) && skip_varints(left, 1 + 2 * range_count) &&
           skip_varints(left, with_ecn ? 3 : 0); /* ECT(0), ECT(1), CE */
}

static bool read_close(struct iq_close_frame *frame, struct iq_bytes *left, bool by_application)
{
    uint64_t reason_len;

    frame->by_application = by_application;
    return read_varint(&frame->code, left) &&
           skip_varints(left, by_application ? 0 : 1) && /* the frame that was at fault */
           read_varint(&reason_len, left) && take(&frame->reason, left, reason_len);
}

/* Reads one frame of what is left, which is not nothing.  Of several closes the first counts. */
static bool read_frame(struct iq_close_frame *frame, bool *found, struct iq_bytes *left)
{
    const uint8_t type = left->data[0];
    struct iq_close_frame close;

    left->data++;
    left->len--;
    switch (type) {
    case FRAME_PADDING:
        return true;
    case FRAME_ACK:
    case FRAME_ACK_ECN:
        return skip_ack(left, type == FRAME_ACK_ECN);
    case FRAME_CLOSE:
    case FRAME_CLOSE_APPLICATION:
        if (!read_close(&close, left, type == FRAME_CLOSE_APPLICATION)) {
            return false;
        }
        if (!*found) {
            *frame = close;
        }
        *found = true;
        return true;
    }
    return false;
}

bool iq_close_frame_read(struct iq_close_frame *frame, struct iq_bytes payload)
{
    struct iq_close_frame first;
    bool found = false;

    while (payload.len > 0) {
        if (!read_frame(&first, &found, &payload)) {
            return false;
        }
    }
    if (found) {
        *frame = first;
    }
    return found;
}

/* In its shortest form.  RFC 9000, section 16. */
static uint8_t *write_varint(uint8_t *dest, uint64_t number)
{
    const unsigned log = number < 1U << 6 ? 0 : number < 1U << 14 ? 1 : number < 1U << 30 ? 2 : 3;
    const size_t len = (size_t)1 << log;
    size_t i;

    for (i = len; i > 0; i--) {
        dest[i - 1] = (uint8_t)number;
        number >>= 8;
    }
    dest[0] |= (uint8_t)(log << 6);
    return dest + len;
}

size_t iq_close_frame_write(uint8_t *dest, const struct iq_close_frame *frame)
{
    uint8_t *end = dest;

    *end++ = frame->by_application ? FRAME_CLOSE_APPLICATION : FRAME_CLOSE;
    end = write_varint(end, frame->code);
    if (!frame->by_application) {
        end = write_varint(end, 0); /* no frame in particular was at fault */
    }
    end = write_varint(end, frame->reason.len);
    if (frame->reason.len > 0) {
        memcpy(end, frame->reason.data, frame->reason.len);
    }
    return (size_t)(end - dest) + frame->reason.len;
}
