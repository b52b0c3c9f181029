/* Streams that are let go, and the news that all of a stream has arrived. */
#include <string.h>

#include "story.h"

#define A_WHILE (20 * SIM_SECOND)

/* What one side hears of the one stream that there is. */
struct party {
    struct iq_stream *stream; /* NULL before it is seen, and after it is closed */
    unsigned ready, resets, stops, delivered, closed;
    uint64_t reset_code, stop_code;
    size_t received;
    bool ended, lazy;
};

static struct party *party_of(const struct iq_stream *stream)
{
    return iq_conn_data(iq_stream_conn(stream));
}

static void party_ready(struct iq_stream *stream)
{
    struct party *party = party_of(stream);
    struct iq_bytes in;

    party->stream = stream;
    party->ready++;
    for (in = iq_stream_peek(stream); in.len > 0 && !party->lazy; in = iq_stream_peek(stream)) {
        party->received += in.len;
        iq_stream_consume(stream, in.len);
    }
    party->ended = party->ended || iq_stream_at_end(stream);
}

static void party_reset(struct iq_stream *stream, uint64_t code)
{
    party_of(stream)->resets++;
    party_of(stream)->reset_code = code;
}

static void party_stopped(struct iq_stream *stream, uint64_t code)
{
    party_of(stream)->stops++;
    party_of(stream)->stop_code = code;
}

static void party_delivered(struct iq_stream *stream)
{
    struct party *party = party_of(stream);

    SIM_EXPECT(sim_node_of(iq_conn_endpoint(iq_stream_conn(stream)))->sim, party->closed == 0);
    party->delivered++;
}

static void party_closed(struct iq_stream *stream)
{
    party_of(stream)->stream = NULL;
    party_of(stream)->closed++;
}

static const struct iq_protocol_handler party_handler = {
    .on_stream_ready = party_ready,
    .on_stream_reset = party_reset,
    .on_stream_stopped = party_stopped,
    .on_stream_delivered = party_delivered,
    .on_stream_closed = party_closed,
};

struct two {
    struct story_pair pair;
    struct iq_route routes[2];
    struct party parties[2]; /* the dialling side first */
    struct iq_conn *conn;
};

static void start_two(struct two *two, const struct sim_options *options, bool bi)
{
    struct iq_stream **stream = &two->parties[0].stream;

    *two = (struct two){.pair = story_pair(options, NULL, NULL)};
    two->routes[0] =
        (struct iq_route){.alpn = APP_ALPN, .handler = &party_handler, .data = &two->parties[1]};
    watch_listen(two->pair.accepts, two->routes);
    two->conn = story_connect(&two->pair, &party_handler, &two->parties[0]);
    SIM_EXPECT(two->pair.sim,
               (bi ? watch_open_bi(stream, two->conn) : watch_open_uni(stream, two->conn)) == 0);
}

/* The dialling side writes, and the other side sees the stream. */
static void write_some(struct two *two, size_t len)
{
    static const uint8_t bytes[100000];

    SIM_EXPECT(two->pair.sim, iq_stream_write(two->parties[0].stream, bytes, len) == len);
    sim_run_for(two->pair.sim, A_WHILE);
    SIM_EXPECT(two->pair.sim, two->parties[1].stream != NULL);
}

/* Dropped */

static void tell_drop_finishes(const struct sim_options *options)
{
    static const uint8_t bytes[100000];
    struct two two;

    start_two(&two, options, true);
    SIM_EXPECT(two.pair.sim, iq_stream_write(two.parties[0].stream, bytes, 100000) == 100000);
    watch_drop(two.parties[0].stream);
    SIM_EXPECT(two.pair.sim, iq_stream_write(two.parties[0].stream, bytes, 1) == 0);
    sim_run_for(two.pair.sim, A_WHILE);
    SIM_EXPECT(two.pair.sim, two.parties[1].received == 100000 && two.parties[1].ended);
    SIM_EXPECT(two.pair.sim, two.parties[1].stops == 1 && two.parties[1].stop_code == 0);
    SIM_EXPECT(two.pair.sim, two.parties[1].resets == 0);
    if (two.parties[1].stream != NULL) {
        iq_stream_finish(two.parties[1].stream);
    }
    sim_run_for(two.pair.sim, A_WHILE);
    SIM_EXPECT(two.pair.sim, two.parties[0].closed == 1 && two.parties[1].closed == 1);
    SIM_EXPECT(two.pair.sim, two.parties[0].ready == 0 && two.parties[0].delivered == 0);
    sim_free(two.pair.sim);
}

/* The peer has ended its side: there is nothing to stop. */
static void tell_drop_after_end(const struct sim_options *options)
{
    unsigned lazy;

    for (lazy = 0; lazy < 2; lazy++) { /* whether what has come is unread */
        struct two two;

        start_two(&two, options, true);
        two.parties[1].lazy = lazy == 1;
        (void)iq_stream_write(two.parties[0].stream, "hello", 5);
        iq_stream_finish(two.parties[0].stream);
        sim_run_for(two.pair.sim, A_WHILE);
        SIM_EXPECT(two.pair.sim, two.parties[1].stream != NULL);
        watch_drop(two.parties[1].stream);
        sim_run_for(two.pair.sim, A_WHILE);
        SIM_EXPECT(two.pair.sim, two.parties[0].stops == 0 && two.parties[0].resets == 0);
        SIM_EXPECT(two.pair.sim, two.parties[0].ended && two.parties[0].closed == 1);
        SIM_EXPECT(two.pair.sim, two.parties[0].delivered == 1 && two.parties[1].closed == 1);
        sim_free(two.pair.sim);
    }
}

/* The peer has stopped our side: it sees its own code come back. */
static void tell_drop_after_stop(const struct sim_options *options)
{
    struct two two;

    start_two(&two, options, true);
    write_some(&two, 10);
    iq_stream_stop(two.parties[0].stream, 42);
    sim_run_for(two.pair.sim, A_WHILE);
    SIM_EXPECT(two.pair.sim, two.parties[1].stops == 1 && two.parties[1].stop_code == 42);
    watch_drop(two.parties[1].stream);
    sim_run_for(two.pair.sim, A_WHILE);
    SIM_EXPECT(two.pair.sim, two.parties[0].stops == 1 && two.parties[0].stop_code == 0);
    SIM_EXPECT(two.pair.sim, two.parties[0].closed == 1 && two.parties[1].closed == 1);
    SIM_EXPECT(two.pair.sim, two.parties[0].delivered == 0 && two.parties[1].delivered == 0);
    sim_free(two.pair.sim);
}

/* Whatever has come in the meantime is not told any more. */
static void tell_drop_silences(const struct sim_options *options)
{
    struct two two;
    unsigned ready;

    start_two(&two, options, true);
    write_some(&two, 10);
    ready = two.parties[1].ready;
    (void)iq_stream_write(two.parties[0].stream, "more", 4);
    iq_stream_stop(two.parties[0].stream, 1);
    iq_stream_reset(two.parties[0].stream, 2);
    watch_drop(two.parties[1].stream); /* before it hears of that */
    sim_run_for(two.pair.sim, A_WHILE);
    SIM_EXPECT(two.pair.sim, two.parties[1].ready == ready && two.parties[1].closed == 1);
    SIM_EXPECT(two.pair.sim, two.parties[1].resets == 0 && two.parties[1].stops == 0);
    sim_free(two.pair.sim);
}

/* Delivered */

/* How the bytes and the end go out: together, the end alone, nothing but the end. */
enum sending { TOGETHER, END_LATER, END_ONLY, SENDING_COUNT };

static void send_and_finish(struct two *two, enum sending how)
{
    static const uint8_t bytes[50000];

    if (how != END_ONLY) {
        SIM_EXPECT(two->pair.sim, iq_stream_write(two->parties[0].stream, bytes, 50000) == 50000);
    }
    if (how == END_LATER) {
        sim_run_for(two->pair.sim, SIM_MILLISECOND);
    }
    iq_stream_finish(two->parties[0].stream);
}

static void tell_delivered(const struct sim_options *options)
{
    unsigned how, bi;

    for (how = 0; how < SENDING_COUNT; how++) {
        for (bi = 0; bi < 2; bi++) {
            struct two two;

            start_two(&two, options, bi == 1);
            send_and_finish(&two, (enum sending)how);
            SIM_EXPECT(two.pair.sim, two.parties[0].delivered == 0);
            sim_run_for(two.pair.sim, A_WHILE);
            SIM_EXPECT(two.pair.sim, two.parties[0].delivered == 1);
            SIM_EXPECT(two.pair.sim, two.parties[1].ended);
            SIM_EXPECT(two.pair.sim, two.parties[0].closed == !bi);
            sim_free(two.pair.sim);
        }
    }
}

/* It comes neither before the peer has everything, nor never: whichever of the first datagrams with
 * the stream are lost, and then sent again in other frames. */
static unsigned lost_mask, sent_since;

static bool lose_some(struct sim_node *node, const struct iq_datagrams *datagram)
{
    const unsigned number = sent_since++;

    return number >= 8 || (lost_mask >> number & 1) == 0;
}

static void deliver_with_loss(const struct sim_options *options, bool bi, bool stops)
{
    struct two two;

    start_two(&two, options, bi);
    sim_run_for(two.pair.sim, A_WHILE);
    two.pair.dials->tap = lose_some;
    sent_since = 0;
    (void)iq_stream_write(two.parties[0].stream, "hello", 5);
    sim_run_for(two.pair.sim, SIM_MILLISECOND);
    if (stops) { /* the other direction, of which the peer's answer has the code */
        iq_stream_stop(two.parties[0].stream, 7);
        sim_run_for(two.pair.sim, SIM_MILLISECOND);
    }
    iq_stream_finish(two.parties[0].stream);
    while (two.parties[0].delivered == 0 && sim_step(two.pair.sim)) {
        SIM_EXPECT(two.pair.sim, two.pair.sim->now_ns < 120 * SIM_SECOND);
        SIM_EXPECT(two.pair.sim, two.parties[0].closed == 0 || two.parties[0].delivered == 1);
    }
    if (!two.parties[1].ended) {
        SIM_FAIL(two.pair.sim, "mask %#x: delivered before its end", lost_mask);
    }
    sim_free(two.pair.sim);
}

static void tell_delivered_after_loss(const struct sim_options *options)
{
    const unsigned step = 256 / story_scale(256);

    for (lost_mask = 0; lost_mask < 256; lost_mask += step) {
        deliver_with_loss(options, true, true);
        deliver_with_loss(options, true, false);
        deliver_with_loss(options, false, false);
    }
}

/* Not after a reset, even if all bytes and the end were on their way. */
static void tell_not_delivered(const struct sim_options *options)
{
    unsigned how;

    for (how = 0; how < SENDING_COUNT; how++) {
        struct two two;

        start_two(&two, options, true);
        write_some(&two, 10);
        send_and_finish(&two, (enum sending)how);
        sim_run_for(two.pair.sim, SIM_MILLISECOND);
        iq_stream_reset(two.parties[0].stream, 9);
        sim_run_for(two.pair.sim, A_WHILE);
        SIM_EXPECT(two.pair.sim, two.parties[0].delivered == 0);
        SIM_EXPECT(two.pair.sim, two.parties[1].ended || two.parties[1].reset_code == 9);
        sim_free(two.pair.sim);
    }
}

/* The peer's stop crosses the last bytes: one or the other is told. */
static void tell_stop_crosses(const struct sim_options *options)
{
    unsigned how;

    for (how = 0; how < 2 * SENDING_COUNT; how++) {
        struct two two;

        start_two(&two, options, true);
        write_some(&two, 10);
        send_and_finish(&two, (enum sending)(how / 2));
        iq_stream_stop(two.parties[1].stream, 8);
        lost_mask = how % 2; /* it comes late, when everything has arrived */
        sent_since = 0;
        two.pair.accepts->tap = lose_some;
        sim_run_for(two.pair.sim, A_WHILE);
        SIM_EXPECT(two.pair.sim, two.parties[0].delivered + two.parties[0].stops == 1);
        SIM_EXPECT(two.pair.sim, two.parties[1].resets == 0 && !two.parties[1].ended);
        sim_free(two.pair.sim);
    }
}

/* Everything has arrived: there is nothing left to stop or to reset. */
static void tell_too_late(const struct sim_options *options)
{
    struct two two;

    start_two(&two, options, true);
    two.parties[1].lazy = true;
    send_and_finish(&two, TOGETHER);
    sim_run_for(two.pair.sim, A_WHILE);
    SIM_EXPECT(two.pair.sim, two.parties[0].delivered == 1);
    iq_stream_reset(two.parties[0].stream, 9);
    iq_stream_stop(two.parties[1].stream, 8);
    sim_run_for(two.pair.sim, A_WHILE);
    SIM_EXPECT(two.pair.sim, two.parties[0].stops == 0 && two.parties[1].resets == 0);
    sim_free(two.pair.sim);
}

const struct story stream_delivery_stories[] = {
    {.name = "streams_drop_finishes", .run = tell_drop_finishes, .seeds = 3},
    {.name = "streams_drop_after_end", .run = tell_drop_after_end, .seeds = 3},
    {.name = "streams_drop_after_stop", .run = tell_drop_after_stop, .seeds = 3},
    {.name = "streams_drop_silences", .run = tell_drop_silences, .seeds = 3},
    {.name = "streams_delivered", .run = tell_delivered, .seeds = 20},
    {.name = "streams_delivered_after_loss", .run = tell_delivered_after_loss},
    {.name = "streams_not_delivered", .run = tell_not_delivered, .seeds = 3},
    {.name = "streams_stop_crosses", .run = tell_stop_crosses, .seeds = 3},
    {.name = "streams_delivered_too_late", .run = tell_too_late, .weather = STORY_CALM_ONLY},
    {0},
};
