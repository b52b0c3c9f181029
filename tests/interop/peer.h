/* The parts of the peer (peer.c), and what it was told on the command line. */
#ifndef INTEROP_PEER_H
#define INTEROP_PEER_H

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "iq/iq.h"

enum peer_option {
    PEER_ID,
    PEER_ADDR,
    PEER_BEHAVIOUR,
    PEER_SIZE,
    PEER_STREAMS,
    PEER_CONNECTIONS,
    PEER_CODE,
    PEER_REASON,
    PEER_UPDATE_KEYS,
    PEER_BIND,
    PEER_SESSIONS,
    PEER_EARLY,
    PEER_HOLD,
    PEER_ALPN
};

/* What each option says; PEER_ALPN is in peer_alpns, in its order and with NULL behind the last. */
#define PEER_ALPNS_MAX 4
extern const char *peer_options[PEER_ALPN];
extern const char *peer_alpns[PEER_ALPNS_MAX + 1];

uint64_t peer_number(enum peer_option option);
bool peer_behaves(const char *behaviour);

/* Ends the program. */
void peer_die(const char *what, const char *why);

/* Events: a line of JSON each. */
void peer_say_conn(const char *event, struct iq_conn *conn);
void peer_say_end(const char *event, const struct iq_close_reason *why);

/* Closes the endpoint of the connection, and once more, and then dials; tells what comes of it. */
void peer_end(struct iq_conn *conn);

/* --update-keys: how many bytes have arrived, and the end of a stream, which waits for the change.
 * Nothing waits any more when the connection is gone. */
void peer_count_received(struct iq_conn *conn, size_t len);
void peer_finish(struct iq_stream *stream);
void peer_stop_trying(void);

/* The two sides. */
void peer_accept(struct iq_endpoint *endpoint, struct ev_loop *loop);
void peer_connect(struct iq_endpoint *endpoint);

#endif
