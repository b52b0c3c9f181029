/*
 * The peer's streams of one direction: its control stream, QPACK's two, and what nobody knows.
 *
 * nghttp3 reads them all, but for one kind of frame that is taken out of the control stream:
 * PRIORITY_UPDATE (RFC 9218, section 7.1).  Our streams send what was written first, so that it
 * would change nothing; and an nghttp3 before 1.10 ends the process when one of them is cut behind
 * the id in it, which a peer can do at will.
 */
#include <stdlib.h>

#include "h3_state.h"

#define CONTROL_STREAM  0x00 /* RFC 9114, section 6.2.1 */
#define PRIORITY_UPDATE 0xf0700
#define HEAD_MAX        16 /* a type and a length */

enum part { STREAM_TYPE, FRAME_HEAD, FRAME_BODY, ANYTHING };

struct iq_h3_uni {
    enum part part;
    uint8_t head[HEAD_MAX]; /* what has come of the type, or of the frame's head */
    size_t head_len;
    uint64_t body_left;
    bool settings_seen; /* the first frame, which nghttp3 must see whatever it is */
    bool dropping;
    bool end_read;
};

/* Reads a variable-length integer (RFC 9000, section 16) and moves behind it: false if it is not
 * complete. */
static bool read_varint(uint64_t *value, const uint8_t **at, const uint8_t *end)
{
    const uint8_t *from = *at;
    size_t len, i;

    if (from == end) {
        return false;
    }
    len = (size_t)1 << (from[0] >> 6);
    if ((size_t)(end - from) < len) {
        return false;
    }
    *value = from[0] & 0x3f;
    for (i = 1; i < len; i++) {
        *value = *value << 8 | from[i];
    }
    *at += len;
    return true;
}

/* Looks at what has come of a head.  Whether it is complete, and then `part` is what follows. */
static bool complete_head(struct iq_h3_uni *uni)
{
    const uint8_t *at = uni->head, *end = uni->head + uni->head_len;
    uint64_t type;

    if (!read_varint(&type, &at, end)) {
        return false;
    }
    if (uni->part == STREAM_TYPE) {
        uni->part = type == CONTROL_STREAM ? FRAME_HEAD : ANYTHING;
        return true;
    }
    if (!read_varint(&uni->body_left, &at, end)) {
        return false;
    }
    uni->dropping = uni->settings_seen && (type | 1) == (PRIORITY_UPDATE | 1);
    uni->settings_seen = true;
    uni->part = uni->body_left > 0 ? FRAME_BODY : FRAME_HEAD;
    return true;
}

/* Finds the next bytes that are to be read, or dropped, as one: sets `bytes`, which may be empty
 * while a head is not complete.  Returns how many of `in` that takes. */
static size_t next_bytes(struct iq_h3_uni *uni, struct iq_bytes in, struct iq_bytes *bytes)
{
    size_t len = in.len;

    if (uni->part == STREAM_TYPE || uni->part == FRAME_HEAD) {
        uni->dropping = false;
        uni->head[uni->head_len++] = in.data[0];
        *bytes = (struct iq_bytes){0};
        if (complete_head(uni)) {
            *bytes = (struct iq_bytes){.data = uni->head, .len = uni->head_len};
            uni->head_len = 0;
        }
        return 1;
    }
    if (uni->part == FRAME_BODY) {
        len = uni->body_left < len ? (size_t)uni->body_left : len;
        uni->body_left -= len;
        uni->part = uni->body_left > 0 ? FRAME_BODY : FRAME_HEAD;
    }
    *bytes = (struct iq_bytes){.data = in.data, .len = len};
    return len;
}

static bool read_some(struct iq_h3_session *session, struct iq_stream *stream,
                      struct iq_h3_uni *uni, struct iq_bytes in)
{
    const size_t whole = in.len;

    while (in.len > 0) {
        struct iq_bytes bytes;
        const size_t taken = next_bytes(uni, in, &bytes);

        in.data += taken;
        in.len -= taken;
        if (bytes.len > 0 && !uni->dropping &&
            !iq_h3_read(session, stream, bytes.data, bytes.len, false)) {
            return false;
        }
    }
    iq_h3_consume(stream, whole);
    return true;
}

void iq_h3_uni_read(struct iq_h3_session *session, struct iq_stream *stream)
{
    struct iq_h3_uni *uni = iq_stream_data(stream);
    struct iq_bytes in;

    if (uni == NULL) {
        uni = calloc(1, sizeof(*uni));
        if (uni == NULL) {
            iq_h3_fail(session, NGHTTP3_ERR_NOMEM);
            return;
        }
        iq_stream_set_data(stream, uni);
    }
    for (in = iq_stream_peek(stream); in.len > 0; in = iq_stream_peek(stream)) {
        if (!read_some(session, stream, uni, in)) {
            return;
        }
    }
    if (iq_stream_at_end(stream) && !uni->end_read) {
        uni->end_read = true;
        if (uni->head_len == 0 || iq_h3_read(session, stream, uni->head, uni->head_len, false)) {
            (void)iq_h3_read(session, stream, NULL, 0, true);
        }
    }
}

void iq_h3_uni_free(struct iq_stream *stream)
{
    free(iq_stream_data(stream));
    iq_stream_set_data(stream, NULL);
}
