/* A sequence from its first byte to the end of everything. */
#include "play.h"

#include <stdio.h>
#include <string.h>

#include <ngtcp2/ngtcp2.h>

#include "memory.h"
#include "play_state.h"

/* Within this everything is told, or has ended: the longest wait for an answer, as it doubles, and
 * the idle time-out. */
#define SETTLED_WITHIN (200 * SIM_SECOND)

/* The bits of the second byte, the first being the seed of everything else. */
enum { SMALL = 1, EARLY = 2, READS_0 = 4, READS_1 = 8 };

static const struct iq_endpoint_config ordinary = {.max_streams_bi = 20, .max_streams_uni = 10};

static const struct iq_endpoint_config small = {.max_streams_bi = 3,
                                                .max_streams_uni = 2,
                                                .stream_window = 6000,
                                                .conn_window = 12000,
                                                .stream_send_buffer = 5000};

void play_dial(struct play *play, unsigned node)
{
    const struct sim_node *to = play->nodes[!node];
    struct play_conn *conn = &play->conns[play->conn_count];
    const ngtcp2_cid *name;
    struct iq_addr addr;
    int rc;

    if (play->conn_count == PLAY_CONNS_MAX || play->nodes[node]->endpoint == NULL ||
        to->endpoint == NULL) {
        return;
    }
    *conn = (struct play_conn){.play = play, .number = play->conn_count};
    conn->ends[0] = (struct play_conn_end){.conn = conn, .side = 0, .node = node};
    conn->ends[1] = (struct play_conn_end){.conn = conn, .side = 1, .node = !node};
    addr = sim_addr(to);
    rc = watch_dial(&conn->ends[0].live, play->nodes[node], &addr, PLAY_ALPN,
                    play->routes[0].handler, &conn->ends[0], NULL);
    PLAY_EXPECT(play, rc == (play->closing[node] ? IQ_ERR_CLOSED : 0));
    if (rc == 0) {
        name = ngtcp2_conn_get_client_initial_dcid(conn->ends[0].live->quic);
        memcpy(conn->name, name->data, name->datalen);
        conn->name_len = name->datalen;
        play->conn_count++;
    }
}

static void begin(struct play *play, const uint8_t *head)
{
    const struct sim_options options = {.seed = head[0], .weather.delay_ms = 10, .aborts = true};
    struct iq_endpoint_config config = (head[1] & SMALL) != 0 ? small : ordinary;
    unsigned i;

    play->sim = sim_new(&options);
    play->early = (head[1] & EARLY) != 0;
    play->reads[0] = (head[1] & READS_0) != 0;
    play->reads[1] = (head[1] & READS_1) != 0;
    play->routes[0] = (struct iq_route){
        .alpn = PLAY_ALPN,
        .handler = play->early ? &play_early_handler : &play_handler,
        .data = play,
    };
    config.sessions_max = play->early ? 4 : 0;
    for (i = 0; i < 2; i++) {
        play->nodes[i] = sim_add_endpoint(play->sim, &config);
        watch_listen(play->nodes[i], play->routes);
    }
    play_dial(play, 0);
}

/* The end */

static void heal(struct play *play)
{
    unsigned i, side;

    for (i = 0; i < 2; i++) {
        play->nodes[i]->link = (struct sim_link){.delay_ms = 10};
        play->nodes[i]->again_chance = 0;
        play->reads[i] = true;
    }
    for (i = 0; i < play->conn_count; i++) {
        for (side = 0; side < 2; side++) {
            play->conns[i].ends[side].plan_count = 0;
        }
    }
}

static bool is_open(const struct play_conn_end *end)
{
    return end->open && end->live != NULL && end->live->state == IQ_CONN_OPEN;
}

typedef void stream_function(struct play_stream_end *end);

static void for_each_stream_at(struct play_conn *conn, unsigned side, stream_function *function)
{
    struct play_stream *stream = conn->streams;

    for (; is_open(&conn->ends[side]) && stream != NULL; stream = stream->next) {
        if (stream->ends[side].live != NULL && !stream->ends[side].dropped) {
            function(&stream->ends[side]);
        }
    }
}

/* Of the connections that are open, and not dropped. */
static void for_each_stream(struct play *play, stream_function *function)
{
    unsigned i;

    for (i = 0; i < play->conn_count; i++) {
        for_each_stream_at(&play->conns[i], 0, function);
        for_each_stream_at(&play->conns[i], 1, function);
    }
}

static void read_all(struct play_stream_end *end) { play_read(end, UINT64_MAX); }

/* What has to come before the sequence is at rest; NULL: nothing. */
static const char *find_unsettled(struct play *play)
{
    const char *found = NULL;
    unsigned i;

    for_each_stream(play, read_all); /* also of connections that have only just opened */
    for (i = 0; i < play->conn_count && found == NULL; i++) {
        const struct play_conn_end *ends = play->conns[i].ends;

        if (ends[0].closed && (ends[1].closed || ends[1].live == NULL)) {
            continue;
        }
        found = is_open(&ends[0]) && is_open(&ends[1])
                    ? play_find_difference(&play->conns[i])
                    : "one side of a connection is neither open nor closed";
    }
    return found;
}

/* What appears only now ends, too. */
static const char *finish_all(struct play *play)
{
    const char *found = NULL;
    unsigned i;

    for_each_stream(play, play_finish);
    for (i = 0; i < play->conn_count && found == NULL; i++) {
        if (is_open(&play->conns[i].ends[0])) {
            found = play_find_live(&play->conns[i]);
        }
    }
    return found;
}

static const char *find_live_conn(struct play *play)
{
    return watch_live_conns(play->sim) == 0 ? NULL : "a connection has not closed";
}

static void run_until(struct play *play, const char *(*find)(struct play *play))
{
    const uint64_t end_ns = play->sim->now_ns + SETTLED_WITHIN;
    const char *found;

    while ((found = find(play)) != NULL) {
        if (play->sim->now_ns >= end_ns) {
            SIM_FAIL(play->sim, "%s", found);
        }
        sim_run_for(play->sim, 50 * SIM_MILLISECOND);
    }
}

static void settle(struct play *play)
{
    unsigned i;

    heal(play);
    run_until(play, find_unsettled);
    run_until(play, finish_all);
    run_until(play, find_unsettled);
    for (i = 0; i < play->conn_count; i++) {
        if (is_open(&play->conns[i].ends[i % 2])) {
            play_close(&play->conns[i].ends[i % 2], i);
        }
    }
    run_until(play, find_live_conn);
}

void play_run(const uint8_t *bytes, size_t len)
{
    static const uint8_t nothing[PLAY_HEAD_SIZE];
    struct play *play = sim_alloc(sizeof(*play));
    size_t at;
    unsigned i;

    len = len < PLAY_SIZE_MAX ? len : PLAY_SIZE_MAX;
    begin(play, len < PLAY_HEAD_SIZE ? nothing : bytes);
    for (at = PLAY_HEAD_SIZE; at + PLAY_OP_SIZE <= len; at += PLAY_OP_SIZE) {
        const struct play_op op = play_decode(bytes + at);

        play_perform(play, &op);
    }
    settle(play);
    play->closing[0] = play->closing[1] = true; /* a connection may come to light only now */
    sim_free(play->sim);
    for (i = 0; i < play->conn_count; i++) {
        play_free_streams(&play->conns[i]);
    }
    sim_dealloc(play);
}

void play_print(const uint8_t *bytes, size_t len)
{
    size_t at;

    if (len >= PLAY_HEAD_SIZE) {
        fprintf(stderr, "  seed %u, %s, %s, reads: %s %s\n", bytes[0],
                (bytes[1] & SMALL) != 0 ? "small windows" : "ordinary windows",
                (bytes[1] & EARLY) != 0 ? "early data" : "no early data",
                (bytes[1] & READS_0) != 0 ? "A" : "-", (bytes[1] & READS_1) != 0 ? "B" : "-");
    }
    for (at = PLAY_HEAD_SIZE; at + PLAY_OP_SIZE <= len; at += PLAY_OP_SIZE) {
        const struct play_op op = play_decode(bytes + at);

        fprintf(stderr, "  %c %-16s connection %u, which %3u, amount %3u%s\n", 'A' + (op.who & 1),
                play_op_name(&op), op.who >> 1 & 3, op.which, op.amount,
                (op.who & 0x80) != 0 ? ", in a callback" : "");
    }
    fprintf(stderr, "  repeat with: sim_stories --play ");
    for (at = 0; at < len; at++) {
        fprintf(stderr, "%02x", bytes[at]);
    }
    fprintf(stderr, "\n");
}
