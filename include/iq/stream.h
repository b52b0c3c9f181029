/*
 * A stream: bytes in order, in one direction or in both.
 *
 * Bytes that cannot be sent on stay unread.  To read is to peek and then to consume; consuming is
 * what lets the peer send more, so that a slow reader slows the writer down and memory stays
 * bounded, with no state in the handler.  The end is a state that you ask for, not an event that
 * you could miss.  An echo is all of it:
 *
 *     static void echo_stream(struct iq_stream *stream)
 *     {
 *         size_t sent;
 *
 *         do {
 *             struct iq_bytes in = iq_stream_peek(stream);
 *             sent = iq_stream_write(stream, in.data, in.len);
 *             iq_stream_consume(stream, sent);
 *         } while (sent > 0);
 *         if (iq_stream_at_end(stream)) {
 *             iq_stream_finish(stream);
 *         }
 *     }
 */
#ifndef IQ_STREAM_H
#define IQ_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "iq/bytes.h"
#include "iq/error.h"

#pragma GCC visibility push(default)

struct iq_conn;
struct iq_stream;

/* Codes for reset, stop and close are the application's own, below this.  RFC 9000, section 16. */
#define IQ_CODE_END (UINT64_C(1) << 62)

/* A new stream has room for at least this much before the peer answers. */
#define IQ_STREAM_ROOM_MIN 4096

/* RFC 9000, section 2.1: bit 0 tells who opened it, bit 1 whether it has one direction. */
int64_t iq_stream_id(const struct iq_stream *stream);
bool iq_stream_is_bi(const struct iq_stream *stream);
bool iq_stream_is_ours(const struct iq_stream *stream); /* whether we opened it */
struct iq_conn *iq_stream_conn(const struct iq_stream *stream);

/* The application's own pointer, NULL at first. */
void *iq_stream_data(const struct iq_stream *stream);
void iq_stream_set_data(struct iq_stream *stream, void *data);

/* Reading */

/* The next received bytes, in order; empty when there are none now.  There may be more behind them:
 * consume, and peek again.  Valid until the next iq_stream_consume() on this stream, or until the
 * callback returns. */
struct iq_bytes iq_stream_peek(const struct iq_stream *stream);

/* Drops `len` peeked bytes, and lets the peer send as many more.  RFC 9000, section 4.1. */
void iq_stream_consume(struct iq_stream *stream, size_t len);

/* Whether the peer has ended its side, and every byte of it has been consumed. */
bool iq_stream_at_end(const struct iq_stream *stream);

/*
 * All that the peer sent, once it has ended its side; then the stream is at its end.
 * IQ_ERR_AGAIN before that, IQ_ERR_TOO_LONG as soon as it is known to be more than `size` bytes.
 * IQ_ERR_CLOSED if the peer gave up sending, or we told it to.
 */
IQ_MUST_CHECK int iq_stream_read_to_end(struct iq_stream *stream, void *data, size_t size,
                                        size_t *len);

/* Tells the peer that we want to hear no more, and drops what it sent.  RFC 9000, section 3.5. */
void iq_stream_stop(struct iq_stream *stream, uint64_t code);

/* Bytes consumed so far. */
uint64_t iq_stream_bytes_read(const struct iq_stream *stream);

/* Writing */

/* Copies what it can of `data` for sending, and returns how much: less than `len` when the send
 * buffer is full, and then on_stream_ready follows when there is room.  What a peer no longer wants
 * to hear is swallowed.  Returns 0 after iq_stream_finish() and iq_stream_reset(). */
size_t iq_stream_write(struct iq_stream *stream, const void *data, size_t len);

/* Ends our side, after what was written.  RFC 9000, section 3.1. */
void iq_stream_finish(struct iq_stream *stream);

/* Gives up sending: what the peer has not got yet is lost, and it sees `code`.  RFC 9000, section
 * 3.1.  Does nothing once everything, with its end, has been acknowledged. */
void iq_stream_reset(struct iq_stream *stream, uint64_t code);

/* Of the streams of a connection that have something to send, those with the highest priority are
 * served, and take turns among each other; the next lower ones get what these leave.  0 at first.
 * What was lost is sent again before anything new, whatever its priority. */
void iq_stream_set_priority(struct iq_stream *stream, int32_t priority);

/*
 * Lets go of the stream: our side ends after what was written, and the peer is told to stop, with
 * code 0, unless it has ended its side.  No callback follows but on_stream_closed.
 */
void iq_stream_drop(struct iq_stream *stream);

#pragma GCC visibility pop

#endif
