/*
 * Key updates of the peer.  iroh changes the keys by itself at some time in its first thousand
 * packets, and then ours has to wait, so that the stream ends only when it is done: its end has the
 * new keys.
 */
#include <stdio.h>

#include "peer.h"

static uint64_t received_count; /* bytes */
static bool keys_are_new;
static ev_timer next_try; /* its data is the stream that is to end */

static void update_keys(struct iq_conn *conn)
{
    if (keys_are_new || received_count < peer_number(PEER_UPDATE_KEYS)) {
        return;
    }
    keys_are_new = iq_conn_update_keys(conn) == 0;
    if (keys_are_new) {
        printf("{\"event\":\"keys updated\"}\n");
    }
}

void peer_count_received(struct iq_conn *conn, size_t len)
{
    received_count += len;
    if (peer_number(PEER_UPDATE_KEYS) > 0) {
        update_keys(conn);
    }
}

static void try_again(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct iq_stream *stream = timer->data;

    update_keys(iq_stream_conn(stream));
    if (keys_are_new) {
        ev_timer_stop(loop, timer);
        iq_stream_finish(stream);
    }
}

static void start_to_try(struct iq_stream *stream)
{
    ev_timer_init(&next_try, try_again, 0.01, 0.01);
    next_try.data = stream;
    ev_timer_start(ev_default_loop(0), &next_try);
}

void peer_finish(struct iq_stream *stream)
{
    if (peer_number(PEER_UPDATE_KEYS) == 0 || keys_are_new) {
        iq_stream_finish(stream);
    } else if (!ev_is_active(&next_try)) {
        start_to_try(stream);
    }
}

void peer_stop_trying(void) { ev_timer_stop(ev_default_loop(0), &next_try); }
