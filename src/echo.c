/*
 * The accept side of the echo protocol.
 *
 * It keeps no state of its own.  What cannot be sent back yet stays unread in the stream, and
 * QUIC's flow control makes the peer wait.
 */
#include "echo.h"

#include <inttypes.h>
#include <stdio.h>

static void echo_accept(struct iq_conn *conn)
{
    char id[IQ_ID_STR_SIZE];

    printf("accepted connection from %s\n", iq_id_str(iq_conn_remote_id(conn), id));
}

bool echo_copy(struct iq_stream *stream)
{
    size_t sent;

    do {
        struct iq_bytes in = iq_stream_peek(stream);
        sent = iq_stream_write(stream, in.data, in.len);
        iq_stream_consume(stream, sent);
    } while (sent > 0);
    return iq_stream_at_end(stream);
}

static void echo_stream(struct iq_stream *stream)
{
    if (echo_copy(stream)) {
        printf("Copied over %" PRIu64 " byte(s)\n", iq_stream_bytes_read(stream));
        iq_stream_finish(stream); /* makes the peer's read_to_end return */
    }
}

/* No on_closed: the connecting side closes the connection once it has its echo. */
const struct iq_protocol_handler echo_handler = {
    .on_accept = echo_accept,
    .on_stream_ready = echo_stream,
};
