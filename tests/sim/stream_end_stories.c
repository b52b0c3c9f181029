/* How streams end: finished, reset and stopped, by both sides, in every order; and their credit. */
#include <string.h>

#include "story.h"

#define A_WHILE (20 * SIM_SECOND)

/* Both ends of one stream at a time, on which acts happen in every order */

enum act { WRITE, FINISH, RESET, STOP, ACT_COUNT };

#define RESET_CODE 77
#define STOP_CODE  99

struct side {
    struct iq_stream *stream; /* NULL before it is seen, and after it is closed */
    bool seen, closed, ended;
    bool lazy; /* leaves unread what has arrived */
    uint64_t reset_seen, stop_seen;
};

static struct side *side_of(const struct iq_stream *stream)
{
    return iq_conn_data(iq_stream_conn(stream));
}

static void side_ready(struct iq_stream *stream)
{
    struct side *side = side_of(stream);
    struct iq_bytes in;

    side->stream = stream;
    side->seen = true;
    if (side->lazy) {
        return;
    }
    for (in = iq_stream_peek(stream); in.len > 0; in = iq_stream_peek(stream)) {
        iq_stream_consume(stream, in.len);
    }
    side->ended = side->ended || iq_stream_at_end(stream);
}

static void side_reset(struct iq_stream *stream, uint64_t code)
{
    side_ready(stream);
    side_of(stream)->reset_seen = code;
}

static void side_stopped(struct iq_stream *stream, uint64_t code)
{
    side_ready(stream);
    side_of(stream)->stop_seen = code;
}

static void side_closed(struct iq_stream *stream)
{
    side_of(stream)->stream = NULL;
    side_of(stream)->closed = true;
}

static const struct iq_protocol_handler side_handler = {
    .on_stream_ready = side_ready,
    .on_stream_reset = side_reset,
    .on_stream_stopped = side_stopped,
    .on_stream_closed = side_closed,
};

static void perform(struct iq_stream *stream, enum act act)
{
    static const uint8_t bytes[1000];

    if (stream == NULL) {
        return;
    }
    switch (act) {
    case WRITE:
        (void)iq_stream_write(stream, bytes, sizeof(bytes));
        break;
    case FINISH:
        iq_stream_finish(stream);
        break;
    case RESET:
        iq_stream_reset(stream, RESET_CODE);
        break;
    case STOP:
        iq_stream_stop(stream, STOP_CODE);
        break;
    case ACT_COUNT:
        break;
    }
}

static bool is_over(const struct side *side) { return side->closed || !side->seen; }

/* Three acts, each of either side, and then both go to the end. */
static void play(struct sim *sim, struct iq_conn *conn, struct side sides[2], unsigned script,
                 uint64_t gap_ns, bool lazy)
{
    unsigned i;

    sides[0] = sides[1] = (struct side){.lazy = lazy};
    SIM_EXPECT(sim, watch_open_bi(&sides[0].stream, conn) == 0);
    sides[0].seen = true;
    perform(sides[0].stream, WRITE);
    for (i = 0; i < 3; i++, script /= 2 * ACT_COUNT) {
        sim_run_for(sim, gap_ns);
        perform(sides[script % 2].stream, (enum act)(script / 2 % ACT_COUNT));
    }
    for (i = 0; i < 2; i++) {
        sides[i].lazy = false;
        if (sides[i].stream != NULL) {
            side_ready(sides[i].stream);
        }
    }
    for (i = 0; i < 1000 && !(is_over(&sides[0]) && is_over(&sides[1])); i++) {
        perform(sides[0].stream, FINISH);
        perform(sides[1].stream, FINISH);
        sim_run_for(sim, 20 * SIM_MILLISECOND);
    }
    for (i = 0; i < 2; i++) {
        SIM_EXPECT(sim, is_over(&sides[i]));
        SIM_EXPECT(sim, sides[i].reset_seen == 0 || sides[i].reset_seen == RESET_CODE);
        SIM_EXPECT(sim, sides[i].stop_seen == 0 || sides[i].stop_seen == STOP_CODE);
        SIM_EXPECT(sim, !sides[i].ended || sides[i].reset_seen == 0);
    }
}

/* I2: with all streams ended, the peer may send as much as at the beginning; or half of it, because
 * ngtcp2 waits with MAX_DATA for that long.  What every stream loses would add up to more. */
static void expect_credit(struct sim *sim, const struct iq_conn *conn, uint64_t window)
{
    SIM_EXPECT(sim, 2 * ngtcp2_conn_get_max_data_left(conn->quic) >= window);
}

static void tell_reset_and_stop(const struct sim_options *options)
{
    const struct iq_endpoint_config small = {.stream_window = 8192, .conn_window = 16384};
    struct story_pair pair = story_pair(options, &small, &small);
    struct side sides[2];
    const struct iq_route routes[] = {
        {.alpn = APP_ALPN, .handler = &side_handler, .data = &sides[1]}, {0}};
    const unsigned scripts = 8 * ACT_COUNT * ACT_COUNT * ACT_COUNT;
    struct iq_conn *conn;
    unsigned script;

    watch_listen(pair.accepts, routes);
    conn = story_connect(&pair, &side_handler, &sides[0]);
    for (script = 0; script < scripts; script++) {
        play(pair.sim, conn, sides, script, 0, false);
        play(pair.sim, conn, sides, script, 7 * SIM_MILLISECOND, false);
        play(pair.sim, conn, sides, script, 25 * SIM_MILLISECOND, false);
        play(pair.sim, conn, sides, script, 25 * SIM_MILLISECOND, true);
    }
    sim_run_for(pair.sim, A_WHILE);
    SIM_EXPECT(pair.sim, watch_live_streams(pair.sim) == 0);
    expect_credit(pair.sim, conn, small.conn_window);
    expect_credit(pair.sim, watch_conn(pair.accepts, 0), small.conn_window);
    sim_free(pair.sim);
}

/* What each act looks like to the peer when nothing crosses it */
static void tell_reset_and_stop_codes(const struct sim_options *options)
{
    struct story_pair pair = story_pair(options, NULL, NULL);
    struct side sides[2] = {0};
    const struct iq_route routes[] = {
        {.alpn = APP_ALPN, .handler = &side_handler, .data = &sides[1]}, {0}};
    struct iq_conn *conn;
    unsigned actor;

    watch_listen(pair.accepts, routes);
    conn = story_connect(&pair, &side_handler, &sides[0]);
    for (actor = 0; actor < 2; actor++) {
        sides[0] = sides[1] = (struct side){0};
        SIM_EXPECT(pair.sim, watch_open_bi(&sides[0].stream, conn) == 0);
        perform(sides[0].stream, WRITE);
        sim_run_for(pair.sim, A_WHILE);
        perform(sides[actor].stream, RESET);
        perform(sides[actor].stream, STOP);
        sim_run_for(pair.sim, A_WHILE);
        SIM_EXPECT(pair.sim, sides[!actor].reset_seen == RESET_CODE);
        SIM_EXPECT(pair.sim, sides[!actor].stop_seen == STOP_CODE);
        SIM_EXPECT(pair.sim, sides[0].closed && sides[1].closed);
    }
    sim_free(pair.sim);
}

/* Only the first of each counts; what comes after the end of a side changes nothing. */
static void tell_again(const struct sim_options *options)
{
    static const struct iq_endpoint_config small_window = {.stream_window = 1000};
    static const uint8_t bytes[5000];
    struct story_pair pair = story_pair(options, NULL, &small_window);
    struct side sides[2] = {0};
    const struct iq_route routes[] = {
        {.alpn = APP_ALPN, .handler = &side_handler, .data = &sides[1]}, {0}};
    struct iq_conn *conn;

    sides[1].lazy = true;
    watch_listen(pair.accepts, routes);
    conn = story_connect(&pair, &side_handler, &sides[0]);
    SIM_EXPECT(pair.sim, watch_open_bi(&sides[0].stream, conn) == 0);
    SIM_EXPECT(pair.sim, iq_stream_write(sides[0].stream, bytes, sizeof(bytes)) == sizeof(bytes));
    perform(sides[0].stream, FINISH);
    perform(sides[0].stream, FINISH);
    SIM_EXPECT(pair.sim, iq_stream_write(sides[0].stream, bytes, 1) == 0);
    sim_run_for(pair.sim, A_WHILE);
    SIM_EXPECT(pair.sim, sides[1].seen && !sides[1].ended); /* most of it waits for the window */

    perform(sides[0].stream, RESET); /* after the finish, and it counts */
    iq_stream_reset(sides[0].stream, RESET_CODE + 1);
    perform(sides[0].stream, STOP);
    iq_stream_stop(sides[0].stream, STOP_CODE + 1);
    SIM_EXPECT(pair.sim, iq_stream_write(sides[0].stream, bytes, 1) == 0);
    sim_run_for(pair.sim, A_WHILE);
    SIM_EXPECT(pair.sim, sides[1].reset_seen == RESET_CODE && sides[1].stop_seen == STOP_CODE);
    SIM_EXPECT(pair.sim, sides[0].reset_seen == 0 && sides[0].stop_seen == 0);
    SIM_EXPECT(pair.sim, sides[0].closed && sides[1].closed && !sides[1].ended);
    sim_free(pair.sim);
}

/* A side that the peer has ended with a reset has nothing unread and nothing to stop, and one that
 * the peer has stopped can be finished, and reset, to no effect. */
static void tell_after_peer(const struct sim_options *options)
{
    struct story_pair pair = story_pair(options, NULL, NULL);
    struct side sides[2] = {0};
    const struct iq_route routes[] = {
        {.alpn = APP_ALPN, .handler = &side_handler, .data = &sides[1]}, {0}};
    struct iq_conn *conn;
    unsigned finishes;

    watch_listen(pair.accepts, routes);
    conn = story_connect(&pair, &side_handler, &sides[0]);
    for (finishes = 0; finishes < 2; finishes++) {
        sides[0] = sides[1] = (struct side){0};
        SIM_EXPECT(pair.sim, watch_open_bi(&sides[0].stream, conn) == 0);
        perform(sides[0].stream, WRITE);
        sim_run_for(pair.sim, A_WHILE);
        perform(sides[0].stream, STOP);
        sim_run_for(pair.sim, A_WHILE);
        SIM_EXPECT(pair.sim, sides[1].stop_seen == STOP_CODE && sides[1].stream != NULL);
        SIM_EXPECT(pair.sim, iq_stream_write(sides[1].stream, "swallowed", 9) == 9);
        perform(sides[1].stream, finishes == 1 ? FINISH : RESET);
        SIM_EXPECT(pair.sim, iq_stream_write(sides[1].stream, "refused", 7) == 0);
        perform(sides[0].stream, RESET);
        sim_run_for(pair.sim, A_WHILE);
        SIM_EXPECT(pair.sim, sides[1].reset_seen == RESET_CODE);
        SIM_EXPECT(pair.sim, sides[0].reset_seen == 0 && sides[0].stop_seen == 0);
        SIM_EXPECT(pair.sim, sides[0].closed && sides[1].closed);
    }
    sim_free(pair.sim);
}

/* What is written to a peer that wants to hear no more is swallowed: a handler that does not know
 * of it comes to its end all the same. */
static void tell_stopped_swallows(const struct sim_options *options)
{
    const struct iq_endpoint_config small = {.stream_send_buffer = 10000};
    static const uint8_t bytes[1000];
    struct story_pair pair = story_pair(options, &small, &small);
    struct side sides[2] = {0};
    const struct iq_route routes[] = {
        {.alpn = APP_ALPN, .handler = &side_handler, .data = &sides[1]}, {0}};
    struct iq_conn *conn;
    unsigned i;

    watch_listen(pair.accepts, routes);
    conn = story_connect(&pair, &side_handler, &sides[0]);
    SIM_EXPECT(pair.sim, watch_open_bi(&sides[0].stream, conn) == 0);
    perform(sides[0].stream, WRITE);
    sim_run_for(pair.sim, A_WHILE);
    perform(sides[1].stream, STOP);
    sim_run_for(pair.sim, A_WHILE);
    SIM_EXPECT(pair.sim, sides[0].stop_seen == STOP_CODE && sides[0].stream != NULL);
    for (i = 0; i < 1000; i++) {
        SIM_EXPECT(pair.sim, iq_stream_write(sides[0].stream, bytes, sizeof(bytes)) == 1000);
    }
    perform(sides[0].stream, FINISH);
    perform(sides[1].stream, FINISH);
    sim_run_for(pair.sim, A_WHILE);
    SIM_EXPECT(pair.sim, sides[0].closed && sides[1].closed);
    sim_free(pair.sim);
}

/* The accept side gives streams up that the peer has opened only by the use of a higher one. */
static void give_up(struct iq_stream *stream)
{
    iq_stream_stop(stream, STOP_CODE);
    iq_stream_reset(stream, RESET_CODE);
}

static void tell_implicit_given_up(const struct sim_options *options)
{
    static const struct iq_protocol_handler accepting = {.on_stream_ready = give_up};
    static const struct iq_route routes[] = {{.alpn = APP_ALPN, .handler = &accepting}, {0}};
    struct story_pair pair = story_pair(options, NULL, NULL);
    struct side side = {0};
    struct iq_stream *streams[3];
    struct iq_conn *conn;
    unsigned i;

    watch_listen(pair.accepts, routes);
    conn = story_connect(&pair, &side_handler, &side);
    for (i = 0; i < 3; i++) {
        SIM_EXPECT(pair.sim, watch_open_bi(&streams[i], conn) == 0);
    }
    for (i = 0; i < 3; i++) {
        (void)iq_stream_write(streams[2 - i], "x", 1);
        sim_run_for(pair.sim, A_WHILE);
        SIM_EXPECT(pair.sim, side.reset_seen == RESET_CODE && side.stop_seen == STOP_CODE);
        side = (struct side){0};
    }
    SIM_EXPECT(pair.sim, watch_live_streams(pair.sim) == 0);
    sim_free(pair.sim);
}

/* A handler without on_stream_ready wants no streams: the peer sees them stopped, and ended. */
static void tell_unwanted(const struct sim_options *options)
{
    static const struct iq_protocol_handler nothing = {0};
    static const struct iq_route routes[] = {{.alpn = APP_ALPN, .handler = &nothing}, {0}};
    struct story_pair pair = story_pair(options, NULL, NULL);
    struct side side = {.stop_seen = 1};
    struct iq_stream *stream;
    struct iq_conn *conn;

    watch_listen(pair.accepts, routes);
    conn = story_connect(&pair, &side_handler, &side);
    SIM_EXPECT(pair.sim, watch_open_bi(&stream, conn) == 0);
    (void)iq_stream_write(stream, "x", 1);
    sim_run_for(pair.sim, A_WHILE);
    SIM_EXPECT(pair.sim, side.closed && side.ended && side.stop_seen == 0);
    sim_free(pair.sim);
}

/* What becomes of a stream after its end concerns its handler no more */

static void echo_and_count(struct iq_stream *stream)
{
    unsigned *ends = iq_conn_data(iq_stream_conn(stream));

    app_echo.on_stream_ready(stream);
    *ends += iq_stream_at_end(stream) ? 1 : 0;
}

/* The echo is written and finished, but waits for the peer's window when the peer gives it up. */
static void tell_end_once(const struct sim_options *options)
{
    static const struct iq_endpoint_config small_window = {.stream_window = 1000};
    static const struct iq_protocol_handler counting = {.on_stream_ready = echo_and_count};
    static const struct iq_protocol_handler deaf = {.on_connect = NULL};
    static const uint8_t bytes[100000];
    unsigned ends = 0;
    const struct iq_route routes[] = {{.alpn = APP_ALPN, .handler = &counting, .data = &ends}, {0}};
    struct story_pair pair = story_pair(options, &small_window, NULL);
    struct iq_stream *stream;
    struct iq_conn *conn;

    watch_listen(pair.accepts, routes);
    conn = story_connect(&pair, &deaf, NULL);
    SIM_EXPECT(pair.sim, watch_open_bi(&stream, conn) == 0);
    SIM_EXPECT(pair.sim, iq_stream_write(stream, bytes, sizeof(bytes)) == sizeof(bytes));
    iq_stream_finish(stream);
    sim_run_for(pair.sim, A_WHILE);
    SIM_EXPECT(pair.sim, ends == 1);
    iq_stream_stop(stream, STOP_CODE);
    sim_run_for(pair.sim, A_WHILE);
    SIM_EXPECT(pair.sim, ends == 1);
    sim_free(pair.sim);
}

const struct story stream_end_stories[] = {
    {.name = "streams_reset_and_stop", .run = tell_reset_and_stop},
    {.name = "streams_reset_and_stop_codes", .run = tell_reset_and_stop_codes, .seeds = 5},
    {.name = "streams_again", .run = tell_again, .seeds = 3},
    {.name = "streams_after_peer", .run = tell_after_peer, .seeds = 3},
    {.name = "streams_stopped_swallows", .run = tell_stopped_swallows, .seeds = 3},
    {.name = "streams_implicit_given_up", .run = tell_implicit_given_up, .seeds = 5},
    {.name = "streams_unwanted", .run = tell_unwanted, .seeds = 3},
    {.name = "streams_end_once", .run = tell_end_once},
    {0},
};
