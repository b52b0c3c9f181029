/* The echo protocol: whatever arrives on a stream goes back out on it. */
#ifndef ECHO_H
#define ECHO_H

#include <iq/iq.h>

/* Each protocol is named by its ALPN: the handshake fails unless both sides pass the same. */
#define ECHO_ALPN "iroh-example/echo/0"

extern const struct iq_protocol_handler echo_handler;

/* Sends back what there is room for.  Whether that was all, and the peer has ended its side. */
bool echo_copy(struct iq_stream *stream);

#endif
