/* What a peer that is in can make an endpoint do and hold: streams, connection ids, and memory. */
#include <string.h>

#include "conn_state.h"
#include "evil.h"
#include "note.h"

#define A_WHILE (60 * SIM_SECOND)

static const struct iq_limits *beyond(const struct sim_node *node)
{
    return &node->endpoint->env.stats.beyond;
}

/* Streams that are opened and abandoned */

static struct {
    struct sim *sim;
    struct iq_conn *conn;
    unsigned opened;  /* by the peer */
    unsigned handled; /* streams that our handler has heard of */
    unsigned busy;    /* of those, now */
    uint64_t wait_ns; /* from opening to abandoning; 0: at once */
    bool stops;       /* ends its half, and stops ours */
    bool one_way;
} reset;

static void abandon(struct iq_stream *stream)
{
    if (reset.stops) {
        iq_stream_finish(stream);
        iq_stream_stop(stream, 7);
    } else {
        iq_stream_reset(stream, 7);
    }
}

/* Every stream that is open is old enough. */
static void abandon_all(struct sim *sim, void *arg);

static void open_all(struct iq_conn *conn)
{
    struct iq_stream *stream;
    bool some = false;

    reset.conn = conn;
    while ((reset.one_way ? watch_open_uni(&stream, conn) : watch_open_bi(&stream, conn)) == 0) {
        reset.opened++;
        some = true;
        (void)iq_stream_write(stream, "x", 1);
        if (reset.wait_ns == 0) {
            abandon(stream);
        }
    }
    if (some && reset.wait_ns > 0) {
        sim_after(reset.sim, reset.wait_ns, abandon_all, conn);
    }
}

static void abandon_all(struct sim *sim, void *arg)
{
    const struct iq_conn *conn = reset.conn;
    struct iq_list *node;

    for (node = conn->streams.all.next; node != &conn->streams.all; node = node->next) {
        abandon(IQ_CONTAINER_OF(node, struct iq_stream, in_all));
    }
}

static void ignore_stream(struct iq_stream *stream) {}

static const struct iq_protocol_handler resetting = {
    .on_connect = open_all, .on_streams_allowed = open_all, .on_stream_ready = ignore_stream};

static void handle(struct iq_stream *stream)
{
    if (iq_stream_data(stream) == NULL) {
        iq_stream_set_data(stream, &reset);
        reset.handled++;
        reset.busy++;
    }
    iq_stream_consume(stream, iq_stream_peek(stream).len);
    if (iq_stream_at_end(stream)) {
        iq_stream_finish(stream);
    }
}

static void handle_closed(struct iq_stream *stream)
{
    reset.busy -= iq_stream_data(stream) != NULL;
}

static const struct iq_protocol_handler handling = {.on_stream_ready = handle,
                                                    .on_stream_closed = handle_closed};

static const struct reset_row {
    const char *name;
    uint64_t wait_ns;
    bool stops, one_way;
    bool never_heard; /* of any of them */
} reset_rows[] = {
    {.name = "at once", .never_heard = true},
    {.name = "at once, one way", .one_way = true, .never_heard = true},
    {.name = "as soon as it is handled", .wait_ns = 15 * SIM_MILLISECOND},
    {.name = "one way, as soon as it is handled", .wait_ns = 15 * SIM_MILLISECOND, .one_way = true},
    {.name = "stopped at once", .stops = true},
    {.name = "stopped as soon as it is handled", .wait_ns = 15 * SIM_MILLISECOND, .stops = true},
};

static void reset_rapidly(const struct sim_options *options, const struct reset_row *row)
{
    static const struct iq_route routes[] = {{.alpn = APP_ALPN, .handler = &handling}, {0}};
    const unsigned seconds = 20, most = 100 + 50 * seconds + 1;
    struct story_pair pair = story_pair(options, NULL, NULL);
    const struct iq_addr addr = sim_addr(pair.accepts);

    memset(&reset, 0, sizeof(reset));
    reset.sim = pair.sim;
    reset.wait_ns = row->wait_ns;
    reset.stops = row->stops;
    reset.one_way = row->one_way;
    watch_listen(pair.accepts, routes);
    SIM_EXPECT(pair.sim,
               watch_dial(NULL, pair.dials, &addr, APP_ALPN, &resetting, NULL, NULL) == 0);
    sim_run_for(pair.sim, seconds * SIM_SECOND);
    if (reset.opened > most || reset.handled > (row->never_heard ? 0 : most) ||
        reset.opened + 100 < most) {
        SIM_FAIL(pair.sim, "%s: %u streams, %u of them handled", row->name, reset.opened,
                 reset.handled);
    }
    SIM_EXPECT(pair.sim, reset.busy <= 100 && beyond(pair.accepts)->abandoned_streams_per_s > 0);
    sim_free(pair.sim);
}

static void tell_rapid_reset(const struct sim_options *options)
{
    size_t i;

    for (i = 0; i < sizeof(reset_rows) / sizeof(reset_rows[0]); i++) {
        reset_rapidly(options, &reset_rows[i]);
    }
}

/* What is owed to a peer comes without any word of it. */
static void tell_owed_streams(const struct sim_options *options)
{
    struct story_pair pair = story_pair(options, NULL, NULL);
    struct iq_conn *conn = story_connect(&pair, &app_echo, NULL);
    struct iq_stream *stream;

    sim_run_for(pair.sim, SIM_SECOND);
    while (watch_open_bi(&stream, conn) == 0) {
        iq_stream_reset(stream, 7);
    }
    sim_run_for(pair.sim, 100 * SIM_MILLISECOND);
    SIM_EXPECT(pair.sim, ngtcp2_conn_get_streams_bidi_left(conn->quic) < 10);
    sim_run_for(pair.sim, 2 * SIM_SECOND);
    SIM_EXPECT(pair.sim, ngtcp2_conn_get_streams_bidi_left(conn->quic) == 100);
    sim_free(pair.sim);
}

/* Streams that come to their end are as many as the peer likes. */
static void tell_honest_streams(const struct sim_options *options)
{
    struct story_pair pair = story_pair(options, NULL, NULL);
    struct app_task task = {.len = 100, .stream_count = 5000, .at_once = 100};

    app_dial(&task, pair.dials, pair.accepts);
    story_finish(&pair, &task, 3 * SIM_SECOND);
    SIM_EXPECT(pair.sim, beyond(pair.accepts)->abandoned_streams_per_s == 0);
    sim_free(pair.sim);
}

/* Connection ids */

/* Goes to its other address, and with that to another connection id. */
static bool move(struct evil *peer)
{
    const struct iq_path to = {.local = peer->node->addrs[0], .remote = peer->remote};
    const struct iq_socket_addr from = peer->node->addrs[0];
    struct iq_quic_path path;

    iq_quic_path_from(&path, &to);
    peer->node->addrs[0] = peer->node->addrs[1];
    peer->node->addrs[1] = from;
    iq_quic_path_from(&path, &(struct iq_path){peer->node->addrs[0], peer->remote});
    if (ngtcp2_conn_initiate_immediate_migration(peer->quic, &path.path, peer->node->sim->now_ns) !=
        0) {
        return false;
    }
    peer->node->on_wake(peer->node);
    return true;
}

/* Moves so many times, unless it is closed before, and returns how often it did.  Once it is closed
 * it has `code`, else 0. */
static unsigned move_about(const struct sim_options *options, unsigned count, uint64_t interval_ns,
                           uint64_t *code)
{
    const struct evil_options who = {.alpn = "\x13" APP_ALPN};
    struct sim *sim = sim_new(&(struct sim_options){
        .seed = options->seed, .weather = {.name = "near", .delay_ns = 100 * SIM_MICROSECOND}});
    struct sim_node *accepts = sim_add_endpoint(sim, NULL), *node = sim_add_raw(sim);
    static struct evil peer;
    unsigned moved = 0;

    node->addrs[1] = sim_socket_addr(200, 4433);
    node->addr_count = 2;
    watch_listen(accepts, app_echo_routes);
    evil_dial(&peer, node, accepts, &who);
    sim_run_for(sim, SIM_SECOND);
    SIM_EXPECT(sim, peer.completed);
    while (peer.closed_count == 0 && moved < count) {
        watch_conn(accepts, 0)->moves = (struct iq_rate){0};
        moved += move(&peer);
        sim_run_for(sim, interval_ns);
        SIM_EXPECT(sim, accepts->endpoint->env.cids.count <= 20);
    }
    SIM_EXPECT(sim, beyond(accepts)->retired_cids_per_s == peer.closed_count);
    *code = peer.closed_count == 0 ? 0 : peer.code;
    evil_free(&peer);
    sim_free(sim);
    return moved;
}

/* Each move retires an id, or nearly so: 250 a second last for about seven seconds.  Moves have a
 * limit of their own, which is lifted here. */
static void tell_retired_cids(const struct sim_options *options)
{
    const unsigned moderate = 200 + story_scale(2000);
    uint64_t code;

    assert_in_range(move_about(options, 5000, 4 * SIM_MILLISECOND, &code), 1600, 2000);
    assert_int_equal(code, NGTCP2_PROTOCOL_VIOLATION);
    assert_int_equal(move_about(options, moderate, 20 * SIM_MILLISECOND, &code), moderate);
    assert_int_equal(code, 0);
}

const struct story limits_stream_stories[] = {
    {.name = "limits_rapid_reset", .run = tell_rapid_reset, .weather = STORY_CALM_ONLY},
    {.name = "limits_owed_streams", .run = tell_owed_streams, .weather = STORY_CALM_ONLY},
    {.name = "limits_honest_streams", .run = tell_honest_streams, .weather = STORY_CALM_ONLY},
    {.name = "limits_retired_cids", .run = tell_retired_cids, .weather = STORY_CALM_ONLY},
    {0},
};
