/*
 * Closing: whenever it is done, everybody hears of it once, in order, and then nothing more.
 *
 * A trial is a little conversation in which every callback that there is comes.  It is held again
 * for each of them, with something being closed inside of it.
 */
#include "net.h"

enum side { DIALS, ACCEPTS };

enum event {
    ON_INCOMING,
    ON_ACCEPT,
    ON_CONNECT,
    ON_STREAM_READY,
    ON_STREAM_RESET,
    ON_STREAM_STOPPED,
    ON_STREAMS_ALLOWED,
    ON_STREAM_CLOSED,
    ON_CLOSED,
    ON_SHUTDOWN,
    EVENT_COUNT
};

static const char *const event_names[EVENT_COUNT] = {
    "on_incoming",     "on_accept",         "on_connect",         "on_stream_ready",
    "on_stream_reset", "on_stream_stopped", "on_streams_allowed", "on_stream_closed",
    "on_closed",       "on_shutdown"};

enum action {
    DO_NOTHING,
    CLOSE_CONN,
    CLOSE_ENDPOINT,
    CLOSE_BOTH_ENDPOINTS,
    CLOSE_ALL,
    ACTION_COUNT
};

/* One conversation. */
static struct {
    struct net *net;
    struct net_node *nodes[2];
    enum event event;
    enum action action;
    bool done; /* the action */
    unsigned counts[2][EVENT_COUNT];
    unsigned open_conns[2]; /* that their handler knows */
    bool gone[2];           /* the endpoints */
    int streams_closed;
} trial;

static void on_gone(void *node)
{
    const enum side side = node == trial.nodes[DIALS] ? DIALS : ACCEPTS;

    assert_false(trial.gone[side]);
    assert_int_equal(trial.open_conns[side], 0); /* they are told before */
    trial.gone[side] = true;
    net_closed(trial.net);
}

/* Closes it unless that was done. */
static void close_endpoint(enum side side)
{
    struct net_node *node = trial.nodes[side];
    struct iq_endpoint *endpoint = node->endpoint;

    if (endpoint != NULL) {
        node->endpoint = NULL;
        assert_int_equal(iq_endpoint_close(endpoint, on_gone, node), 0);
        assert_int_equal(iq_endpoint_close(endpoint, on_gone, node), IQ_ERR_CLOSED);
        assert_int_equal(iq_endpoint_close(endpoint, NULL, NULL), IQ_ERR_CLOSED);
    }
}

static void happens(enum event event, enum side side, struct iq_conn *conn)
{
    const enum action action = trial.action;

    assert_false(trial.gone[side]);
    trial.counts[side][event]++;
    if (event != trial.event || trial.done) {
        return;
    }
    trial.done = true;
    if (conn != NULL && (action == CLOSE_CONN || action == CLOSE_ALL)) {
        iq_conn_close(conn, 5, "in the middle");
        iq_conn_close(conn, 6, "once more");
    }
    if (action == CLOSE_ENDPOINT || action == CLOSE_BOTH_ENDPOINTS || action == CLOSE_ALL) {
        close_endpoint(side);
    }
    if (action == CLOSE_BOTH_ENDPOINTS || action == CLOSE_ALL) {
        close_endpoint(side == DIALS ? ACCEPTS : DIALS);
    }
}

static enum side side_of(const struct iq_conn *conn)
{
    return iq_conn_data(conn) == trial.nodes[DIALS] ? DIALS : ACCEPTS;
}

/* Both sides */

static void on_stream_closed(struct iq_stream *stream)
{
    struct iq_conn *conn = iq_stream_conn(stream);

    happens(ON_STREAM_CLOSED, side_of(conn), conn);
    if (side_of(conn) == DIALS && ++trial.streams_closed == 2) {
        close_endpoint(ACCEPTS);
    }
}

static void on_stream_reset(struct iq_stream *stream, uint64_t code)
{
    happens(ON_STREAM_RESET, side_of(iq_stream_conn(stream)), iq_stream_conn(stream));
    iq_stream_reset(stream, code);
}

static void on_stream_stopped(struct iq_stream *stream, uint64_t code)
{
    happens(ON_STREAM_STOPPED, side_of(iq_stream_conn(stream)), iq_stream_conn(stream));
}

static void on_closed(struct iq_conn *conn, const struct iq_close_reason *why)
{
    const enum side side = side_of(conn);

    happens(ON_CLOSED, side, conn);
    assert_int_equal(trial.open_conns[side], 1);
    trial.open_conns[side]--;
    close_endpoint(DIALS);
    close_endpoint(ACCEPTS);
}

static void on_shutdown(struct iq_conn *conn) { happens(ON_SHUTDOWN, side_of(conn), conn); }

/* Accepts: echoes the first stream, and gives up the second in both directions. */

static void on_accept(struct iq_conn *conn)
{
    trial.open_conns[ACCEPTS]++;
    happens(ON_ACCEPT, ACCEPTS, conn);
}

static void on_ready_to_echo(struct iq_stream *stream)
{
    happens(ON_STREAM_READY, ACCEPTS, iq_stream_conn(stream));
    if (iq_stream_id(stream) == 0) {
        net_echo_stream(stream);
    } else if (iq_stream_data(stream) == NULL) {
        iq_stream_set_data(stream, stream);
        iq_stream_stop(stream, 8);
        iq_stream_reset(stream, 9);
    }
}

/* Dials: is allowed one stream after the other. */

static void open_stream(struct iq_conn *conn)
{
    struct iq_stream *stream, *another;
    const int rc = iq_conn_open_bi(&stream, conn);

    if (rc == IQ_ERR_CLOSED) { /* by the event */
        return;
    }
    assert_int_equal(rc, 0);
    assert_int_equal(iq_stream_write(stream, "Hello, world!", 13), 13);
    if (iq_stream_id(stream) == 0) {
        iq_stream_finish(stream);
        assert_int_equal(iq_conn_open_bi(&another, conn), IQ_ERR_STREAM_LIMIT);
    }
}

static void on_connect(struct iq_conn *conn)
{
    happens(ON_CONNECT, DIALS, conn);
    open_stream(conn);
}

static void on_streams_allowed(struct iq_conn *conn)
{
    happens(ON_STREAMS_ALLOWED, DIALS, conn);
    if (trial.streams_closed <= 1) {
        open_stream(conn);
    }
}

static void on_ready_to_read(struct iq_stream *stream)
{
    happens(ON_STREAM_READY, DIALS, iq_stream_conn(stream));
    iq_stream_consume(stream, iq_stream_peek(stream).len);
}

static void on_incoming(struct iq_incoming *incoming, void *data)
{
    static const struct iq_protocol_handler handler = {.on_accept = on_accept,
                                                       .on_stream_ready = on_ready_to_echo,
                                                       .on_stream_reset = on_stream_reset,
                                                       .on_stream_stopped = on_stream_stopped,
                                                       .on_stream_closed = on_stream_closed,
                                                       .on_closed = on_closed,
                                                       .on_shutdown = on_shutdown};
    static struct iq_route routes[] = {{.alpn = NET_ALPN, .handler = &handler}, {0}};

    routes[0].data = trial.nodes[ACCEPTS];
    happens(ON_INCOMING, ACCEPTS, NULL);
    assert_int_equal(iq_incoming_accept(incoming, routes), 0);
    assert_int_equal(iq_incoming_accept(incoming, routes), IQ_ERR_CLOSED);
}

static void hold_trial(struct net *net, enum event event, enum action action)
{
    static const struct iq_endpoint_config one_stream = {.bind = {"127.0.0.1:0"},
                                                         .max_streams_bi = 1};
    static const struct iq_acceptor acceptor = {.on_incoming = on_incoming};
    static const struct iq_protocol_handler handler = {.on_connect = on_connect,
                                                       .on_stream_ready = on_ready_to_read,
                                                       .on_stream_reset = on_stream_reset,
                                                       .on_stream_stopped = on_stream_stopped,
                                                       .on_streams_allowed = on_streams_allowed,
                                                       .on_stream_closed = on_stream_closed,
                                                       .on_closed = on_closed,
                                                       .on_shutdown = on_shutdown};
    struct iq_addr to;

    memset(&trial, 0, sizeof(trial));
    trial.net = net;
    trial.event = event;
    trial.action = action;
    trial.nodes[ACCEPTS] = net_bind_config(net, &one_stream);
    trial.nodes[DIALS] = net_bind(net, "127.0.0.1:0");
    iq_endpoint_listen(trial.nodes[ACCEPTS]->endpoint, &acceptor, NULL);
    to = net_addr(trial.nodes[ACCEPTS], "127.0.0.1");
    trial.open_conns[DIALS] = 1;
    assert_int_equal(iq_endpoint_connect(trial.nodes[DIALS]->endpoint, &to, NET_ALPN, &handler,
                                         trial.nodes[DIALS]),
                     0);
    net_run(net);
}

/* Otherwise the trials below would prove nothing. */
static void test_everything_happens(void **state)
{
    static const struct {
        enum side side;
        enum event event;
    } rows[] = {
        {DIALS, ON_CONNECT},        {DIALS, ON_STREAM_READY},    {DIALS, ON_STREAM_RESET},
        {DIALS, ON_STREAM_STOPPED}, {DIALS, ON_STREAMS_ALLOWED}, {DIALS, ON_STREAM_CLOSED},
        {DIALS, ON_CLOSED},         {ACCEPTS, ON_INCOMING},      {ACCEPTS, ON_ACCEPT},
        {ACCEPTS, ON_STREAM_READY}, {ACCEPTS, ON_STREAM_CLOSED}, {ACCEPTS, ON_CLOSED},
        {ACCEPTS, ON_SHUTDOWN},
    };

    hold_trial(*state, EVENT_COUNT, DO_NOTHING);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_row(trial.counts[rows[i].side][rows[i].event] > 0, event_names[rows[i].event]);
    }
}

static void test_close_in_every_callback(void **state)
{
    for (int event = 0; event < EVENT_COUNT; event++) {
        for (int action = CLOSE_CONN; action < ACTION_COUNT; action++) {
            hold_trial(*state, event, action);
            assert_row(trial.done, event_names[event]);
            assert_row(trial.gone[DIALS] && trial.gone[ACCEPTS], event_names[event]);
            assert_row(trial.counts[DIALS][ON_CLOSED] == 1, event_names[event]);
            assert_row(trial.counts[ACCEPTS][ON_CLOSED] == trial.counts[ACCEPTS][ON_ACCEPT],
                       event_names[event]);
            assert_row(trial.counts[DIALS][ON_CONNECT] <= 1, event_names[event]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_everything_happens, net_set_up, net_tear_down),
        cmocka_unit_test_setup_teardown(test_close_in_every_callback, net_set_up, net_tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
