/* What peers can make an endpoint hold in its buffers, and how long it keeps those that are idle.
 */
#include <string.h>

#include "evil.h"
#include "note.h"

#define A_WHILE (60 * SIM_SECOND)

#define CROWD 10
#define EACH  500000
#define MOST  ((size_t)4 << 20)
#define A_ROUND                                                                                    \
    ((size_t)128 << 10) /* what arrives before anybody looks, and the ends of chunks               \
                         */

static const struct iq_endpoint_config tight = {.limits.buffered_bytes = MOST};

static struct {
    struct sim_node *accepts;
    uint64_t most;        /* that was ever in use */
    uint64_t sent[CROWD]; /* by the accept side, on the stream of each */
    unsigned closed, begun;
    struct iq_close_reason why; /* of the accept side; no text */
} held;

static void measure(struct sim *sim, void *arg)
{
    if (held.accepts->endpoint != NULL) {
        const uint64_t used = held.accepts->endpoint->env.chunks.used;

        held.most = used > held.most ? used : held.most;
    }
}

static void note_closed(struct iq_conn *conn, const struct iq_close_reason *why)
{
    held.closed++;
    held.why = *why;
}

static struct story_pair begin(const struct sim_options *options, const struct iq_route *routes)
{
    struct story_pair pair = story_pair(options, NULL, &tight);

    memset(&held, 0, sizeof(held));
    held.accepts = pair.accepts;
    pair.sim->after_event = measure;
    watch_listen(pair.accepts, routes);
    return pair;
}

/* One that never reads what it is sent, beside one that echoes. */

static void leave_it(struct iq_stream *stream) {}

static const struct iq_protocol_handler hoards = {.on_stream_ready = leave_it,
                                                  .on_closed = note_closed};

static void tell_received(const struct sim_options *options)
{
    static const struct iq_route routes[] = {
        {.alpn = "hoard", .handler = &hoards}, {.alpn = APP_ALPN, .handler = &app_echo}, {0}};
    struct story_pair pair = begin(options, routes);
    const struct iq_addr addr = sim_addr(pair.accepts);
    struct app_task small = {.len = 10, .stay = true}, late = {.len = 10, .stay = true};
    static struct app_task tasks[CROWD];
    unsigned i;

    app_dial(&small, pair.dials, pair.accepts);
    for (i = 0; i < CROWD; i++) {
        tasks[i] = (struct app_task){.len = EACH + i, .stay = true};
        SIM_EXPECT(pair.sim, watch_dial(NULL, pair.dials, &addr, "hoard", &app_task_handler,
                                        &tasks[i], NULL) == 0);
    }
    sim_run_for(pair.sim, 20 * SIM_SECOND);
    SIM_EXPECT(pair.sim, held.most > MOST - A_ROUND && held.most <= MOST + A_ROUND);
    SIM_EXPECT(pair.sim, held.closed > 0 && held.closed < CROWD / 2);
    SIM_EXPECT(pair.sim,
               held.why.how == IQ_CLOSED_TRANSPORT_ERROR && held.why.code == NGTCP2_INTERNAL_ERROR);
    SIM_EXPECT(pair.sim, pair.accepts->endpoint->env.stats.beyond.buffered_bytes == held.closed);
    SIM_EXPECT(pair.sim, small.echoed == 1 && small.closed_count == 0);

    app_dial(&late, pair.dials, pair.accepts);
    sim_run_for(pair.sim, SIM_SECOND);
    SIM_EXPECT(pair.sim, late.closed_count == 1 && late.code == IQ_CODE_CONNECTION_REFUSED);
    for (i = 0; i < CROWD; i++) {
        if (tasks[i].conn != NULL) {
            iq_conn_close(tasks[i].conn, 0, NULL);
        }
    }
    sim_run_for(pair.sim, SIM_SECOND);
    late = (struct app_task){.len = EACH};
    app_dial(&late, pair.dials, pair.accepts);
    story_finish(&pair, &late, A_WHILE);
    sim_free(pair.sim);
}

/* One that writes more to each than all may have, while they are away. */

static void give(struct iq_stream *stream)
{
    uint64_t *sent = iq_stream_data(stream);

    if (sent == NULL) {
        sent = &held.sent[held.begun++];
        iq_stream_set_data(stream, sent);
    }
    app_write(stream, sent, EACH);
    if (*sent == EACH) {
        iq_stream_finish(stream);
    }
}

static const struct iq_protocol_handler gives = {.on_stream_ready = give, .on_closed = note_closed};

struct reader {
    uint64_t received;
    bool at_end;
};

static void ask(struct iq_conn *conn)
{
    struct iq_stream *stream;

    SIM_EXPECT(held.accepts->sim, watch_open_bi(&stream, conn) == 0);
    iq_stream_finish(stream);
}

static void read_on(struct iq_stream *stream)
{
    struct reader *reader = iq_conn_data(iq_stream_conn(stream));

    app_read(stream, &reader->received);
    reader->at_end = iq_stream_at_end(stream);
}

static void tell_written(const struct sim_options *options)
{
    static const struct iq_protocol_handler reads = {.on_connect = ask, .on_stream_ready = read_on};
    static const struct iq_route routes[] = {{.alpn = APP_ALPN, .handler = &gives}, {0}};
    struct story_pair pair = begin(options, routes);
    const struct iq_addr addr = sim_addr(pair.accepts);
    struct reader readers[CROWD] = {{0}};
    unsigned i;

    for (i = 0; i < CROWD; i++) {
        SIM_EXPECT(pair.sim,
                   watch_dial(NULL, pair.dials, &addr, APP_ALPN, &reads, &readers[i], NULL) == 0);
    }
    while (held.begun < CROWD && sim_step(pair.sim)) {
    }
    sim_pause(pair.dials, 5 * SIM_SECOND);
    sim_run_for(pair.sim, 5 * SIM_SECOND);
    SIM_EXPECT(pair.sim, held.most > MOST / 4 * 3 - A_ROUND);
    SIM_EXPECT(pair.sim, held.most <= MOST / 4 * 3 + A_ROUND);
    sim_run_for(pair.sim, A_WHILE);
    for (i = 0; i < CROWD; i++) {
        SIM_EXPECT(pair.sim, readers[i].received == EACH && readers[i].at_end);
    }
    SIM_EXPECT(pair.sim, held.closed == 0);
    sim_free(pair.sim);
}

/* Who is kept alive */

static void answer(struct iq_stream *stream)
{
    iq_stream_consume(stream, iq_stream_peek(stream).len);
    if (iq_stream_at_end(stream)) {
        iq_stream_finish(stream);
    }
}

static const struct iq_protocol_handler answers = {.on_stream_ready = answer};

static const struct idle_row {
    const char *name;
    struct evil_options peer;
    bool asks;  /* begins a request */
    bool stays; /* as long as it does no more */
} idle_rows[] = {
    {.name = "anonymous", .peer = {.alpn = "\x02h3", .key = EVIL_KEY_NONE, .no_raw_keys = true}},
    {.name = "anonymous, with a request",
     .peer = {.alpn = "\x02h3", .key = EVIL_KEY_NONE, .no_raw_keys = true},
     .asks = true,
     .stays = true},
    {.name = "with an id", .peer = {.alpn = "\x13" APP_ALPN}, .stays = true},
};

static void say_request(struct evil *peer)
{
    static const uint8_t first[] = {0x0a, 0, 1, 'x'}; /* STREAM.  RFC 9000, section 19.8 */
    int64_t id;

    SIM_EXPECT(peer->node->sim, ngtcp2_conn_open_bidi_stream(peer->quic, &id, NULL) == 0);
    SIM_EXPECT(peer->node->sim, id == 0);
    evil_say(peer, first, sizeof(first));
}

static void fall_idle(const struct sim_options *options, const struct idle_row *row)
{
    static const uint8_t end[] = {0x0f, 0, 1, 0};
    static const struct iq_route routes[] = {{.alpn = "h3", .handler = &answers, .anonymous = true},
                                             {.alpn = APP_ALPN, .handler = &answers},
                                             {0}};
    struct sim *sim = sim_new(options);
    struct sim_node *accepts = sim_add_endpoint(sim, NULL);
    static struct evil peer;

    watch_listen(accepts, routes);
    evil_dial(&peer, sim_add_raw(sim), accepts, &row->peer);
    sim_run_for(sim, SIM_SECOND);
    SIM_EXPECT(sim, peer.completed);
    if (row->asks) {
        say_request(&peer);
    }
    sim_run_for(sim, 5 * A_WHILE);
    if ((watch_conn(accepts, 0) != NULL) != row->stays) {
        SIM_FAIL(sim, "%s: %s", row->name, row->stays ? "it was not kept alive" : "it never ends");
    }
    if (row->asks) {
        evil_say(&peer, end, sizeof(end));
        sim_run_for(sim, A_WHILE);
        SIM_EXPECT(sim, watch_conn(accepts, 0) == NULL);
    }
    evil_free(&peer);
    sim_free(sim);
}

static void tell_idle(const struct sim_options *options)
{
    size_t i;

    for (i = 0; i < sizeof(idle_rows) / sizeof(idle_rows[0]); i++) {
        fall_idle(options, &idle_rows[i]);
    }
}

const struct story limits_memory_stories[] = {
    {.name = "limits_received", .run = tell_received, .weather = STORY_CALM_ONLY},
    {.name = "limits_written", .run = tell_written, .weather = STORY_CALM_ONLY},
    {.name = "limits_idle", .run = tell_idle, .weather = STORY_CALM_ONLY},
    {0},
};
