/* Every callback of the library passes through here. */
#include "watch.h"

#include <string.h>

#include "memory.h"

struct watched_conn {
    struct iq_conn *conn;
    const struct iq_protocol_handler *inner;
    struct sim_node *node;
    bool opened;
    bool early;       /* with early data */
    bool established; /* not only early */
};

struct watched_stream {
    struct iq_stream *stream;
    bool early, dropped, stopped, delivered;
};

struct watch {
    struct sim *sim;
    struct watched_conn *conns;
    size_t conn_count, conn_capacity;
    struct watched_stream *streams;
    size_t stream_count, stream_capacity;
    uint64_t callback_count;
    uint64_t closed_conns;
    const struct iq_conn *accepting; /* on_accepting has said yes: on_accept is to follow at once */
    watch_function *each;
    void *each_arg;
};

struct watch *watch_new(struct sim *sim)
{
    struct watch *watch = sim_alloc(sizeof(*watch));

    watch->sim = sim;
    return watch;
}

void watch_free(struct watch *watch)
{
    SIM_EXPECT(watch->sim, watch->conn_count == 0);
    SIM_EXPECT(watch->sim, watch->stream_count == 0);
    sim_dealloc(watch->conns);
    sim_dealloc(watch->streams);
    sim_dealloc(watch);
}

/* The objects that are live */

static struct sim_node *node_of_conn(const struct iq_conn *conn)
{
    return sim_node_of(iq_conn_endpoint(conn));
}

static struct watch *watch_of(const struct iq_conn *conn) { return node_of_conn(conn)->sim->watch; }

static struct watched_conn *find_conn(const struct iq_conn *conn)
{
    struct watch *watch = watch_of(conn);
    size_t i;

    for (i = 0; i < watch->conn_count; i++) {
        if (watch->conns[i].conn == conn) {
            return &watch->conns[i];
        }
    }
    SIM_FAIL(watch->sim, "a callback for a connection that is not live");
}

static void add_conn(struct iq_conn *conn, const struct iq_protocol_handler *inner)
{
    struct watch *watch = watch_of(conn);

    if (watch->conn_count == watch->conn_capacity) {
        watch->conn_capacity = watch->conn_capacity * 2 + 16;
        watch->conns = sim_realloc(watch->conns, watch->conn_capacity * sizeof(*watch->conns));
    }
    watch->conns[watch->conn_count++] =
        (struct watched_conn){.conn = conn, .inner = inner, .node = node_of_conn(conn)};
}

static size_t find_stream(const struct watch *watch, const struct iq_stream *stream)
{
    size_t i;

    for (i = 0; i < watch->stream_count && watch->streams[i].stream != stream; i++) {
    }
    return i;
}

static void add_stream(struct watch *watch, struct iq_stream *stream)
{
    if (watch->stream_count == watch->stream_capacity) {
        watch->stream_capacity = watch->stream_capacity * 2 + 16;
        watch->streams =
            sim_realloc(watch->streams, watch->stream_capacity * sizeof(*watch->streams));
    }
    watch->streams[watch->stream_count++] = (struct watched_stream){
        .stream = stream, .early = iq_stream_conn(stream)->state == IQ_CONN_EARLY};
}

/* A stream makes its first appearance only if the peer has opened it. */
static struct watched_conn *see_stream(struct iq_stream *stream)
{
    struct watched_conn *conn = find_conn(iq_stream_conn(stream));
    struct watch *watch = conn->node->sim->watch;

    SIM_EXPECT(watch->sim, conn->opened);
    if (find_stream(watch, stream) == watch->stream_count) {
        SIM_EXPECT(watch->sim, !iq_stream_is_ours(stream));
        add_stream(watch, stream);
    }
    return conn;
}

static bool closed_by_us(const struct iq_conn *conn)
{
    return conn->state >= IQ_CONN_CLOSING && conn->why.how == IQ_CLOSED_BY_US;
}

/* After its own close, or the drop of the stream, the application hears of nothing but the end. */
static struct watched_conn *see_news(struct iq_stream *stream)
{
    const struct iq_conn *conn = iq_stream_conn(stream);
    struct watched_conn *watched = see_stream(stream);
    const struct watch *watch = watch_of(conn);

    SIM_EXPECT(watch->sim, !closed_by_us(conn));
    SIM_EXPECT(watch->sim, !watch->streams[find_stream(watch, stream)].dropped);
    return watched;
}

/* The callbacks */

static void after(struct iq_conn *conn, struct iq_stream *stream)
{
    struct watch *watch = watch_of(conn);

    SIM_EXPECT(watch->sim, watch->accepting == NULL);
    watch->callback_count++;
    if (watch->each != NULL) {
        watch->each(watch->sim, conn, stream, watch->each_arg);
    }
}

static const struct iq_route *find_route(const struct iq_conn *conn)
{
    const struct sim_node *node = node_of_conn(conn);
    const struct iq_route *route = node->routes;

    for (; route != NULL && route->alpn != NULL; route++) {
        if (strcmp(route->alpn, iq_conn_alpn(conn)) == 0) {
            return route;
        }
    }
    SIM_FAIL(node->sim, "a connection speaks what no route says");
}

/* One that is refused is never heard of again: it is not live. */
static bool on_accepting(struct iq_conn *conn)
{
    const struct iq_route *route = find_route(conn);
    const struct iq_protocol_handler *inner = route->handler;
    const struct iq_id *id = iq_conn_remote_id(conn);
    const bool is_welcome = inner->on_accepting == NULL || inner->on_accepting(conn);
    struct iq_stream *stream;

    SIM_EXPECT(watch_of(conn)->sim, iq_conn_open_uni(&stream, conn) != 0);
    SIM_EXPECT(watch_of(conn)->sim, route->anonymous ? id == NULL : iq_id_is_valid(id));
    after(conn, NULL);
    watch_of(conn)->accepting = is_welcome && !closed_by_us(conn) ? conn : NULL;
    return is_welcome;
}

/* No stream of the connection is left, at least of those that were opened early. */
static void expect_no_streams(const struct iq_conn *conn, bool early)
{
    const struct watch *watch = watch_of(conn);
    size_t i;

    for (i = 0; i < watch->stream_count; i++) {
        SIM_EXPECT(watch->sim, iq_stream_conn(watch->streams[i].stream) != conn ||
                                   (early && !watch->streams[i].early));
    }
}

static void note_early(struct watched_conn *watched)
{
    SIM_EXPECT(watched->node->sim, !watched->opened);
    SIM_EXPECT(watched->node->sim, iq_id_is_valid(iq_conn_remote_id(watched->conn)));
    watched->opened = watched->early = true;
}

static void note_established(struct watched_conn *watched)
{
    const bool accepted = iq_conn_early_data_accepted(watched->conn);

    SIM_EXPECT(watched->node->sim, !watched->established && watched->opened == watched->early);
    SIM_EXPECT(watched->node->sim, watched->early || !accepted);
    if (!accepted) {
        expect_no_streams(watched->conn, true); /* it was refused */
    }
    watched->opened = watched->established = true;
}

static void on_accept_early(struct iq_conn *conn)
{
    SIM_EXPECT(watch_of(conn)->sim, watch_of(conn)->accepting == conn);
    watch_of(conn)->accepting = NULL;
    add_conn(conn, find_route(conn)->handler);
    note_early(find_conn(conn));
    find_conn(conn)->inner->on_accept_early(conn);
    after(conn, NULL);
}

static void on_connect_early(struct iq_conn *conn)
{
    note_early(find_conn(conn));
    find_conn(conn)->inner->on_connect_early(conn);
    after(conn, NULL);
}

static void on_accept(struct iq_conn *conn)
{
    const struct iq_route *route = find_route(conn);
    const struct iq_id *id = iq_conn_remote_id(conn);

    if (conn->early_accepted) {
        SIM_EXPECT(watch_of(conn)->sim, find_conn(conn)->early);
    } else {
        SIM_EXPECT(watch_of(conn)->sim, watch_of(conn)->accepting == conn);
        watch_of(conn)->accepting = NULL;
        add_conn(conn, route->handler);
    }
    note_established(find_conn(conn));
    SIM_EXPECT(watch_of(conn)->sim, route->anonymous ? id == NULL : iq_id_is_valid(id));
    if (find_conn(conn)->inner->on_accept != NULL) {
        find_conn(conn)->inner->on_accept(conn);
    }
    after(conn, NULL);
}

static void on_connect(struct iq_conn *conn)
{
    struct watched_conn *watched = find_conn(conn);

    note_established(watched);
    if (watched->inner->on_connect != NULL) {
        watched->inner->on_connect(conn);
    }
    after(conn, NULL);
}

static void on_stream_ready(struct iq_stream *stream)
{
    const struct iq_protocol_handler *inner = see_news(stream)->inner;

    if (inner->on_stream_ready != NULL) {
        inner->on_stream_ready(stream);
    } else if (!iq_stream_is_ours(stream)) {
        watch_drop(stream);
    }
    after(iq_stream_conn(stream), stream);
}

static void on_stream_reset(struct iq_stream *stream, uint64_t code)
{
    const struct iq_protocol_handler *inner = see_news(stream)->inner;

    if (inner->on_stream_reset != NULL) {
        inner->on_stream_reset(stream, code);
    } else {
        iq_stream_reset(stream, code);
    }
    after(iq_stream_conn(stream), stream);
}

static void on_stream_stopped(struct iq_stream *stream, uint64_t code)
{
    const struct iq_protocol_handler *inner = see_news(stream)->inner;
    struct watch *watch = watch_of(iq_stream_conn(stream));
    struct watched_stream *watched = &watch->streams[find_stream(watch, stream)];

    SIM_EXPECT(watch->sim, !watched->stopped && !watched->delivered);
    watched->stopped = true;

    if (inner->on_stream_stopped != NULL) {
        inner->on_stream_stopped(stream, code);
    }
    after(iq_stream_conn(stream), stream);
}

static void on_stream_delivered(struct iq_stream *stream)
{
    const struct iq_protocol_handler *inner = see_news(stream)->inner;
    struct watch *watch = watch_of(iq_stream_conn(stream));
    struct watched_stream *watched = &watch->streams[find_stream(watch, stream)];

    SIM_EXPECT(watch->sim, !watched->delivered && !watched->stopped);
    SIM_EXPECT(watch->sim, stream->finished && stream->unacked.len == 0);
    watched->delivered = true;
    if (inner->on_stream_delivered != NULL) {
        inner->on_stream_delivered(stream);
    }
    after(iq_stream_conn(stream), stream);
}

static void on_streams_allowed(struct iq_conn *conn)
{
    const struct iq_protocol_handler *inner = find_conn(conn)->inner;

    SIM_EXPECT(watch_of(conn)->sim, find_conn(conn)->opened);
    if (inner->on_streams_allowed != NULL) {
        inner->on_streams_allowed(conn);
    }
    after(conn, NULL);
}

/* What a connection hears that is open, and that the application has not closed. */
static struct watched_conn *see_conn(const struct iq_conn *conn)
{
    struct watched_conn *watched = find_conn(conn);

    SIM_EXPECT(watched->node->sim, watched->opened);
    SIM_EXPECT(watched->node->sim,
               conn->state < IQ_CONN_CLOSING || conn->why.how != IQ_CLOSED_BY_US);
    return watched;
}

static void on_datagram(struct iq_conn *conn, struct iq_bytes datagram)
{
    const struct iq_protocol_handler *inner = see_conn(conn)->inner;

    if (inner->on_datagram != NULL) {
        inner->on_datagram(conn, datagram);
    }
    after(conn, NULL);
}

static void on_datagrams_allowed(struct iq_conn *conn)
{
    const struct iq_protocol_handler *inner = see_conn(conn)->inner;

    if (inner->on_datagrams_allowed != NULL) {
        inner->on_datagrams_allowed(conn);
    }
    after(conn, NULL);
}

static void on_stream_closed(struct iq_stream *stream)
{
    const struct iq_protocol_handler *inner = see_stream(stream)->inner;
    struct watch *watch = watch_of(iq_stream_conn(stream));
    const size_t place = find_stream(watch, stream);

    if (inner->on_stream_closed != NULL) {
        inner->on_stream_closed(stream);
    }
    after(iq_stream_conn(stream), stream);
    watch->streams[place] = watch->streams[--watch->stream_count];
}

static void on_closed(struct iq_conn *conn, const struct iq_close_reason *why)
{
    struct watched_conn *watched = find_conn(conn);
    struct watch *watch = watch_of(conn);

    expect_no_streams(conn, false);
    SIM_EXPECT(watch->sim, why->text != NULL && why->text[why->text_len] == '\0');
    if (watched->inner->on_closed != NULL) {
        watched->inner->on_closed(conn, why);
    }
    after(conn, NULL);
    watched = find_conn(conn); /* others may have been added */
    watch->conn_count--;
    memmove(watched, watched + 1,
            (size_t)(watch->conns + watch->conn_count - watched) * sizeof(*watched));
    watch->closed_conns++;
}

static void on_shutdown(struct iq_conn *conn)
{
    const struct iq_protocol_handler *inner = find_conn(conn)->inner;

    if (inner->on_shutdown != NULL) {
        inner->on_shutdown(conn);
    }
    after(conn, NULL);
}

#define WATCHING                                                                                   \
    .on_accepting = on_accepting, .on_accept = on_accept, .on_connect = on_connect,                \
    .on_stream_ready = on_stream_ready, .on_stream_reset = on_stream_reset,                        \
    .on_stream_stopped = on_stream_stopped, .on_stream_delivered = on_stream_delivered,            \
    .on_streams_allowed = on_streams_allowed, .on_datagram = on_datagram,                          \
    .on_datagrams_allowed = on_datagrams_allowed, .on_stream_closed = on_stream_closed,            \
    .on_closed = on_closed, .on_shutdown = on_shutdown

static const struct iq_protocol_handler watching = {WATCHING};

/* For handlers that take part in early data. */
static const struct iq_protocol_handler watching_early = {
    WATCHING, .on_accept_early = on_accept_early, .on_connect_early = on_connect_early};

/* What stories call */

const struct iq_route *watch_routes(struct sim_node *node, const struct iq_route *routes)
{
    size_t count = 0, i;

    while (routes[count].alpn != NULL) {
        count++;
    }
    sim_dealloc(node->watched_routes);
    node->watched_routes = sim_alloc((count + 1) * sizeof(*routes));
    for (i = 0; i < count; i++) {
        node->watched_routes[i] = routes[i];
        node->watched_routes[i].handler =
            routes[i].handler->on_accept_early == NULL ? &watching : &watching_early;
    }
    node->routes = routes;
    return node->watched_routes;
}

static void accept_all(struct iq_incoming *incoming, void *data)
{
    const struct sim_node *node = data;
    const int rc = iq_incoming_accept(incoming, node->watched_routes);

    SIM_EXPECT(node->sim, rc == 0 || sim_is_memory_denied());
}

void watch_listen(struct sim_node *node, const struct iq_route *routes)
{
    static const struct iq_acceptor acceptor = {.on_incoming = accept_all};

    (void)watch_routes(node, routes);
    iq_endpoint_listen(node->endpoint, &acceptor, node);
}

int watch_dial(struct iq_conn **conn, struct sim_node *node, const struct iq_addr *addr,
               const char *alpn, const struct iq_protocol_handler *handler, void *data,
               const struct iq_connect_options *options)
{
    const struct iq_protocol_handler *outer =
        handler->on_connect_early == NULL ? &watching : &watching_early;
    struct iq_conn *made;
    const int rc = iq_endpoint_connect_with(node->endpoint, addr, alpn, outer, data, options);

    if (rc == 0) { /* of one address there is one attempt, the newest connection */
        made = IQ_CONTAINER_OF(node->endpoint->env.conns.prev, struct iq_conn, in_all);
        add_conn(made, handler);
        if (conn != NULL) {
            *conn = made;
        }
    }
    return rc;
}

int watch_open_bi(struct iq_stream **stream, struct iq_conn *conn)
{
    const int rc = iq_conn_open_bi(stream, conn);

    if (rc == 0) {
        add_stream(watch_of(conn), *stream);
    }
    return rc;
}

int watch_open_uni(struct iq_stream **stream, struct iq_conn *conn)
{
    const int rc = iq_conn_open_uni(stream, conn);

    if (rc == 0) {
        add_stream(watch_of(conn), *stream);
    }
    return rc;
}

void watch_drop(struct iq_stream *stream)
{
    struct watch *watch = watch_of(iq_stream_conn(stream));
    const size_t place = find_stream(watch, stream);

    SIM_EXPECT(watch->sim, place < watch->stream_count);
    watch->streams[place].dropped = true;
    iq_stream_drop(stream);
}

void watch_each_callback(struct sim *sim, watch_function *function, void *arg)
{
    sim->watch->each = function;
    sim->watch->each_arg = arg;
}

uint64_t watch_callback_count(const struct sim *sim) { return sim->watch->callback_count; }

size_t watch_live_conns(const struct sim *sim) { return sim->watch->conn_count; }

size_t watch_live_streams(const struct sim *sim) { return sim->watch->stream_count; }

uint64_t watch_closed_conns(const struct sim *sim) { return sim->watch->closed_conns; }

struct iq_conn *watch_conn(const struct sim_node *node, size_t n)
{
    const struct watch *watch = node->sim->watch;
    size_t i;

    for (i = 0; i < watch->conn_count; i++) {
        if (watch->conns[i].node == node && n-- == 0) {
            return watch->conns[i].conn;
        }
    }
    return NULL;
}
