/* The accept side of the peer: a router, and what it does with those who come. */
#include <stdio.h>
#include <unistd.h>

#include "peer.h"

static ev_io end_of_stdin;

/* The router's filter.  What is ignored comes again and again, so nothing is said of it. */
static void decide(struct iq_incoming *incoming, void *data)
{
    if (peer_behaves("refuse")) {
        iq_incoming_refuse(incoming);
        printf("{\"event\":\"refused\"}\n");
    } else if (peer_behaves("ignore")) {
        iq_incoming_ignore(incoming);
    } else if (peer_behaves("retry") && !iq_incoming_is_validated(incoming)) {
        if (iq_incoming_retry(incoming) == 0) {
            printf("{\"event\":\"retried\"}\n");
        }
    }
}

static bool screen(struct iq_conn *conn)
{
    if (!peer_behaves("screen")) {
        return true;
    }
    peer_say_conn("screened", conn);
    if (peer_number(PEER_CODE) != 0) {
        iq_conn_close(conn, peer_number(PEER_CODE), peer_options[PEER_REASON]);
    }
    return false;
}

static void greet(struct iq_conn *conn)
{
    peer_say_conn("accepted", conn);
    if (peer_behaves("close")) {
        iq_conn_close(conn, peer_number(PEER_CODE), peer_options[PEER_REASON]);
    } else if (peer_behaves("end")) {
        ev_io_stop(ev_default_loop(0), &end_of_stdin); /* the router goes with its endpoint */
        peer_end(conn);
    }
}

/* The echo of what comes early may come early as well. */
static void take_early(struct iq_conn *conn) { (void)conn; }

static void echo_stream(struct iq_stream *stream)
{
    size_t sent;

    do {
        struct iq_bytes in = iq_stream_peek(stream);
        sent = iq_stream_write(stream, in.data, in.len);
        iq_stream_consume(stream, sent);
        peer_count_received(iq_stream_conn(stream), sent);
    } while (sent > 0);
    if (iq_stream_at_end(stream)) {
        peer_finish(stream);
        if (peer_behaves("return")) {
            iq_conn_close(iq_stream_conn(stream), 0, NULL);
        }
    }
}

static void accepted_conn_closed(struct iq_conn *conn, const struct iq_close_reason *why)
{
    peer_stop_trying();
    peer_say_end("closed", why);
}

static struct iq_protocol_handler accept_handler = {
    .on_accepting = screen,
    .on_accept = greet,
    .on_stream_ready = echo_stream,
    .on_closed = accepted_conn_closed,
};

static void read_stdin(struct ev_loop *loop, ev_io *watcher, int events)
{
    char ignored[64];

    if (read(watcher->fd, ignored, sizeof(ignored)) <= 0) {
        ev_io_stop(loop, watcher);
        iq_router_shutdown(watcher->data, NULL, NULL);
    }
}

void peer_accept(struct iq_endpoint *endpoint, struct ev_loop *loop)
{
    struct iq_route routes[PEER_ALPNS_MAX + 1] = {0};
    struct iq_router *router;
    int rc;

    accept_handler.on_accept_early = peer_number(PEER_EARLY) != 0 ? take_early : NULL;
    for (size_t i = 0; peer_alpns[i] != NULL; i++) {
        routes[i] = (struct iq_route){.alpn = peer_alpns[i], .handler = &accept_handler};
    }
    rc = iq_router_spawn(&router, endpoint, routes);
    if (rc != 0) {
        peer_die("accept", iq_strerror(rc));
    }
    iq_router_set_filter(router, decide, NULL);
    ev_io_init(&end_of_stdin, read_stdin, STDIN_FILENO, EV_READ);
    end_of_stdin.data = router;
    ev_io_start(loop, &end_of_stdin);
}
