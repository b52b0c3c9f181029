/* The connect side of the peer: one connection after the other, on each the streams as credit
 * allows. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "peer.h"

struct dial {
    struct iq_endpoint *endpoint;
    struct iq_addr addr;
    unsigned left; /* connections to make after this one */
    bool connected;
    unsigned opened, done, equal; /* streams of this connection */
    struct iq_conn *conn;         /* whose echo waits, with --hold */
};

/* What we have written and read on a stream that is to be echoed. */
struct echo {
    size_t sent, received;
    bool differs, ended;
};

static uint8_t *payload;
static size_t payload_len;

static void send_payload(struct iq_stream *stream)
{
    struct echo *echo = iq_stream_data(stream);

    echo->sent += iq_stream_write(stream, payload + echo->sent, payload_len - echo->sent);
    if (echo->sent == payload_len) {
        peer_finish(stream);
    }
}

static void open_streams(struct iq_conn *conn)
{
    struct dial *dial = iq_conn_data(conn);
    struct iq_stream *stream;

    while (dial->opened < peer_number(PEER_STREAMS) && iq_conn_open_bi(&stream, conn) == 0) {
        struct echo *echo = calloc(1, sizeof(*echo));

        if (echo == NULL) {
            peer_die("connect", "out of memory");
        }
        dial->opened++;
        iq_stream_set_data(stream, echo);
        send_payload(stream);
    }
}

static void hear_echo(struct iq_stream *stream)
{
    struct echo *echo = iq_stream_data(stream);
    struct iq_bytes in;

    send_payload(stream);
    while ((in = iq_stream_peek(stream)).len > 0) {
        echo->differs |= in.len > payload_len - echo->received ||
                         memcmp(in.data, payload + echo->received, in.len) != 0;
        if (echo->differs) {
            iq_stream_stop(stream, 1);
            return;
        }
        echo->received += in.len;
        iq_stream_consume(stream, in.len);
        peer_count_received(iq_stream_conn(stream), in.len);
    }
    echo->ended = iq_stream_at_end(stream);
}

static void all_echoed(struct iq_conn *conn)
{
    const struct dial *dial = iq_conn_data(conn);

    printf("{\"event\":\"echoed\",\"streams\":%u,\"bytes\":%zu,\"equal\":%s}\n", dial->done,
           payload_len, dial->equal == dial->done ? "true" : "false");
    iq_conn_close(conn, peer_number(PEER_CODE), peer_options[PEER_REASON]);
}

static void stream_closed(struct iq_stream *stream)
{
    struct dial *dial = iq_conn_data(iq_stream_conn(stream));
    struct echo *echo = iq_stream_data(stream);
    const bool equal = echo->ended && !echo->differs && echo->received == payload_len;

    if (!dial->connected) { /* refused early data: all is said again */
        dial->opened--;
    } else if (!peer_behaves("hear")) {
        dial->equal += equal;
        dial->done++;
        if (dial->done == peer_number(PEER_STREAMS)) {
            all_echoed(iq_stream_conn(stream));
        }
    } else if (echo->differs || (echo->ended && !equal)) {
        printf("{\"event\":\"false end\"}\n");
    }
    free(echo);
}

/* --hold: what goes on when there is a line on standard input. */

static ev_io held; /* its data is the dial */

static void hold(struct dial *dial, void (*go_on)(struct ev_loop *, ev_io *, int))
{
    ev_io_init(&held, go_on, STDIN_FILENO, EV_READ);
    held.data = dial;
    ev_io_start(ev_default_loop(0), &held);
}

static void read_line(void)
{
    char line[64];

    if (read(STDIN_FILENO, line, sizeof(line)) <= 0) {
        peer_die("--hold", "standard input has ended");
    }
    ev_io_stop(ev_default_loop(0), &held);
}

static bool holds(const char *what) { return strcmp(peer_options[PEER_HOLD], what) == 0; }

static void go_on_with_echo(struct ev_loop *loop, ev_io *watcher, int events)
{
    struct dial *dial = watcher->data;

    read_line();
    open_streams(dial->conn);
}

static void connected(struct iq_conn *conn)
{
    struct dial *dial = iq_conn_data(conn);

    peer_say_conn("connected", conn);
    dial->connected = true;
    if (peer_behaves("echo") && holds("echo")) {
        dial->conn = conn;
        hold(dial, go_on_with_echo);
    } else if (peer_behaves("echo") || peer_behaves("hear")) {
        open_streams(conn); /* unless they are open since the early data */
    } else if (peer_behaves("end")) {
        peer_end(conn);
    } else if (peer_behaves("close")) {
        iq_conn_close(conn, peer_number(PEER_CODE), peer_options[PEER_REASON]);
    }
}

static void connected_early(struct iq_conn *conn)
{
    printf("{\"event\":\"early\"}\n");
    open_streams(conn);
}

static void start_to_connect(struct dial *dial);

static void go_on_with_dial(struct ev_loop *loop, ev_io *watcher, int events)
{
    read_line();
    start_to_connect(watcher->data);
}

static void dialled_conn_closed(struct iq_conn *conn, const struct iq_close_reason *why)
{
    struct dial *dial = iq_conn_data(conn);

    peer_stop_trying();
    ev_io_stop(ev_default_loop(0), &held);
    peer_say_end(dial->connected ? "closed" : "failed", why);
    if (holds("dial") && dial->left > 0) {
        hold(dial, go_on_with_dial);
    } else {
        start_to_connect(dial);
    }
}

static void start_to_connect(struct dial *dial)
{
    static struct iq_protocol_handler handler = {
        .on_connect = connected,
        .on_streams_allowed = open_streams,
        .on_stream_ready = hear_echo,
        .on_stream_closed = stream_closed,
        .on_closed = dialled_conn_closed,
    };
    const struct iq_connect_options more = {.more_alpns = peer_alpns + 1};
    int rc;

    handler.on_connect_early = peer_number(PEER_EARLY) != 0 ? connected_early : NULL;
    if (dial->left == 0) {
        free(payload);
        iq_endpoint_close(dial->endpoint, NULL, NULL);
        return;
    }
    *dial = (struct dial){.endpoint = dial->endpoint, .addr = dial->addr, .left = dial->left - 1};
    rc =
        iq_endpoint_connect_with(dial->endpoint, &dial->addr, peer_alpns[0], &handler, dial, &more);
    if (rc != 0) {
        peer_die("connect", iq_strerror(rc));
    }
}

static void make_payload(void)
{
    payload_len = peer_number(PEER_SIZE);
    payload = malloc(payload_len + 1);
    if (payload == NULL) {
        peer_die("--size", "out of memory");
    }
    for (size_t i = 0; i < payload_len; i++) {
        payload[i] = (uint8_t)(i * 7 + (i >> 8));
    }
}

void peer_connect(struct iq_endpoint *endpoint)
{
    static struct dial dial;

    dial = (struct dial){
        .endpoint = endpoint,
        .addr = {.count = 1},
        .left = (unsigned)peer_number(PEER_CONNECTIONS),
    };
    if (iq_id_parse(&dial.addr.id, peer_options[PEER_ID]) != 0) {
        peer_die("--id", "expected 64 hex digits");
    }
    if (iq_socket_addr_parse(&dial.addr.socket_addrs[0], peer_options[PEER_ADDR]) != 0) {
        peer_die("--addr", "expected IP:PORT");
    }
    make_payload();
    start_to_connect(&dial);
}
