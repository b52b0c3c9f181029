/* Streams that compete for a narrow path: who comes first, and who shares. */
#include "story.h"

#define A_WHILE (20 * SIM_SECOND)

#define RACERS 4

/* What the accept side has got of each stream, by its id. */
struct finish_line {
    uint64_t received[RACERS];
};

static void cross_line(struct iq_stream *stream)
{
    struct finish_line *line = iq_conn_data(iq_stream_conn(stream));

    app_read(stream, &line->received[iq_stream_id(stream) / 4]);
}

static const struct iq_protocol_handler line_handler = {.on_stream_ready = cross_line};
static const struct iq_protocol_handler racer_handler = {.on_connect = NULL};

static void read_others(struct iq_stream *stream)
{
    if (iq_stream_id(stream) != 0) {
        cross_line(stream);
    }
}

#define RACE_LEN 400000

struct race {
    struct story_pair pair;
    struct iq_route routes[2];
    struct finish_line line;
    struct iq_conn *conn;
    struct iq_stream *streams[RACERS];
    uint64_t sent[RACERS];
};

/* All are written before any can be sent. */
static void start_race(struct race *race, const struct sim_options *options,
                       const int32_t priorities[RACERS], const struct iq_endpoint_config *accepts,
                       const struct iq_protocol_handler *handler)
{
    unsigned i;

    *race = (struct race){.pair = story_pair(options, NULL, accepts)};
    race->routes[0] = (struct iq_route){.alpn = APP_ALPN, .handler = handler, .data = &race->line};
    race->pair.dials->link.rate_bps = 10000000;
    race->pair.dials->link.queue_bytes = 100000000; /* it loses nothing */
    watch_listen(race->pair.accepts, race->routes);
    race->conn = story_connect(&race->pair, &racer_handler, NULL);
    for (i = 0; i < RACERS; i++) {
        SIM_EXPECT(race->pair.sim, watch_open_bi(&race->streams[i], race->conn) == 0);
        iq_stream_set_priority(race->streams[i], priorities[i]);
        app_write(race->streams[i], &race->sent[i], RACE_LEN);
        SIM_EXPECT(race->pair.sim, race->sent[i] == RACE_LEN);
    }
}

static void run_until_done(struct race *race, unsigned racer)
{
    while (race->line.received[racer] < RACE_LEN && sim_step(race->pair.sim)) {
        SIM_EXPECT(race->pair.sim, race->pair.sim->now_ns < 120 * SIM_SECOND);
    }
}

/* Of the lower ones arrives what is on its way with the last packet of the higher. */
static void tell_high_first(const struct sim_options *options)
{
    static const int32_t priorities[RACERS] = {0, INT32_MIN, INT32_MAX, 1};
    static const unsigned order[RACERS] = {2, 3, 0, 1};
    struct race race;
    unsigned i, k;

    start_race(&race, options, priorities, NULL, &line_handler);
    for (i = 0; i < RACERS; i++) {
        run_until_done(&race, order[i]);
        for (k = i + 1; k < RACERS && options->weather.loss == 0; k++) {
            SIM_EXPECT(race.pair.sim, race.line.received[order[k]] < 3000);
        }
    }
    sim_free(race.pair.sim);
}

static void tell_equal_share(const struct sim_options *options)
{
    static const int32_t priorities[RACERS] = {7, 7, -7, 7};
    struct race race;

    start_race(&race, options, priorities, NULL, &line_handler);
    run_until_done(&race, 0);
    SIM_EXPECT(race.pair.sim, race.line.received[1] > RACE_LEN - 30000);
    SIM_EXPECT(race.pair.sim, race.line.received[3] > RACE_LEN - 30000);
    SIM_EXPECT(race.pair.sim, race.line.received[2] < 30000);
    run_until_done(&race, 2);
    sim_free(race.pair.sim);
}

/* The priority of what waits already counts from now on. */
static void tell_changed(const struct sim_options *options)
{
    static const int32_t priorities[RACERS] = {2, 1, 0, -1};
    struct race race;

    start_race(&race, options, priorities, NULL, &line_handler);
    sim_run_for(race.pair.sim, 100 * SIM_MILLISECOND);
    SIM_EXPECT(race.pair.sim, race.line.received[0] > 0 && race.line.received[3] == 0);
    iq_stream_set_priority(race.streams[3], 3);
    run_until_done(&race, 3);
    SIM_EXPECT(race.pair.sim, race.line.received[0] < RACE_LEN);
    SIM_EXPECT(race.pair.sim, race.line.received[1] == 0 && race.line.received[2] == 0);
    run_until_done(&race, 2);
    SIM_EXPECT(race.pair.sim, race.line.received[0] == RACE_LEN);
    sim_free(race.pair.sim);
}

/* A high one that the peer does not let send does not hold the others up. */
static void tell_blocked(const struct sim_options *options)
{
    static const struct iq_endpoint_config small_window = {.stream_window = 100000};
    static const struct iq_protocol_handler picky = {.on_stream_ready = read_others};
    static const int32_t priorities[RACERS] = {9, 2, 1, 0};
    struct race race;

    start_race(&race, options, priorities, &small_window, &picky);
    run_until_done(&race, 3);
    SIM_EXPECT(race.pair.sim, race.line.received[0] == 0);
    sim_free(race.pair.sim);
}

const struct story stream_priority_stories[] = {
    {.name = "streams_high_first", .run = tell_high_first},
    {.name = "streams_equal_share", .run = tell_equal_share, .weather = STORY_CALM_ONLY},
    {.name = "streams_priority_changed", .run = tell_changed, .weather = STORY_CALM_ONLY},
    {.name = "streams_high_blocked", .run = tell_blocked, .weather = STORY_CALM_ONLY},
    {0},
};
