/* The operations: what a sequence can make the network, the endpoints and the applications do. */
#include <string.h>

#include "flight.h"
#include "play_state.h"

/* How far back a datagram is put by a delay, and how far a copy comes behind the original. */
static uint64_t delay_ns(const struct play_op *op) { return (1 + op->amount) * SIM_MILLISECOND; }

static struct sim_node *node_of(const struct play *play, const struct play_op *op)
{
    return play->nodes[op->who & 1];
}

static uint64_t code_of(const struct play_op *op) { return op->amount * UINT64_C(3); }

/* From nothing to 16 KB, and small more often than large. */
static size_t len_of(const struct play_op *op) { return (size_t)op->amount * op->amount / 4; }

/* The network */

static void drive(struct play *play, const struct play_op *op)
{
    unsigned count = 1 + op->amount % 16;

    for (; count > 0 && sim_step(play->sim); count--) {
    }
}

static void advance(struct play *play, const struct play_op *op)
{
    static const uint16_t times_ms[] = {1, 5, 10, 25, 25, 50, 100, 300, 1000, 3000, 12000, 40000};

    sim_run_for(play->sim,
                times_ms[op->amount % (sizeof(times_ms) / sizeof(times_ms[0]))] * SIM_MILLISECOND);
}

static void lose(struct play *play, const struct play_op *op)
{
    play->harmed = flight_drop(node_of(play, op), op->which % 4) || play->harmed;
}

static void lose_all(struct play *play, const struct play_op *op)
{
    while (flight_drop(node_of(play, op), 0)) {
        play->harmed = true;
    }
}

static void delay(struct play *play, const struct play_op *op)
{
    play->harmed = flight_delay(node_of(play, op), op->which % 4, delay_ns(op)) || play->harmed;
}

static void duplicate(struct play *play, const struct play_op *op)
{
    (void)flight_duplicate(node_of(play, op), op->which % 4, delay_ns(op));
}

static void damage(struct play *play, const struct play_op *op)
{
    const size_t bit = (size_t)op->which << 8 | op->amount; /* in the first 8 KB, so anywhere */

    play->harmed = flight_flip(node_of(play, op), op->which % 4, bit) || play->harmed;
}

static void cut(struct play *play, const struct play_op *op)
{
    play->harmed = flight_cut(node_of(play, op), op->which % 4, op->amount * 5U) || play->harmed;
}

/* A NAT thinks of another port. */
static void rebind(struct play *play, const struct play_op *op)
{
    struct sim_node *node = node_of(play, op);

    node->external = node->addrs[0];
    node->external.port = (uint16_t)(1024 + op->amount);
    play->harmed = true;
}

static void change_weather(struct play *play, const struct play_op *op)
{
    static const struct sim_link weathers[] = {
        {.delay_ms = 10},
        {.delay_ms = 10},
        {.delay_ms = 100, .jitter_ms = 30},
        {.delay_ms = 10, .loss = 500, .duplicate = 300, .reorder = 500},
        {.delay_ms = 30, .loss = 3000, .burst = 4},
        {.delay_ms = 10, .mtu = 1250},
        {.delay_ms = 10, .rate_bps = 500000, .queue_bytes = 20000},
        {.delay_ms = 10, .loss = 10000},
    };

    node_of(play, op)->link = weathers[op->amount % (sizeof(weathers) / sizeof(weathers[0]))];
    play->harmed = true;
}

/* Now and then, always or never it takes nothing for some time. */
static void fill_wire(struct play *play, const struct play_op *op)
{
    node_of(play, op)->again_chance = (op->amount % 4) * 3000;
    play->filled = true;
}

/* Endpoints */

static void dial(struct play *play, const struct play_op *op) { play_dial(play, op->who & 1); }

static void close_endpoint(struct play *play, const struct play_op *op)
{
    struct sim_node *node = node_of(play, op);

    if (node->endpoint != NULL) {
        const int rc = iq_endpoint_close(node->endpoint, NULL, NULL);

        PLAY_EXPECT(play, rc == (play->closing[op->who & 1] ? IQ_ERR_CLOSED : 0));
        play->closing[op->who & 1] = true;
    }
}

static void pause_reading(struct play *play, const struct play_op *op)
{
    play->reads[op->who & 1] = !play->reads[op->who & 1];
}

/* Connections */

static void open_bi(struct play_conn_end *end, const struct play_op *op) { play_open(end, true); }

static void open_uni(struct play_conn_end *end, const struct play_op *op) { play_open(end, false); }

static void close_conn(struct play_conn_end *end, const struct play_op *op)
{
    play_close(end, code_of(op));
}

static void update_keys(struct play_conn_end *end, const struct play_op *op)
{
    play_update_keys(end);
}

static void send_datagram(struct play_conn_end *end, const struct play_op *op)
{
    play_send_datagram(end, op->amount * 6U, (op->which & 1) != 0);
}

/* Streams */

static void write(struct play_stream_end *end, const struct play_op *op)
{
    play_write(end, len_of(op));
}

static void finish(struct play_stream_end *end, const struct play_op *op) { play_finish(end); }

static void reset(struct play_stream_end *end, const struct play_op *op)
{
    play_reset(end, code_of(op));
}

static void stop(struct play_stream_end *end, const struct play_op *op)
{
    play_stop(end, code_of(op));
}

static void read(struct play_stream_end *end, const struct play_op *op)
{
    play_read(end, len_of(op));
}

static void read_to_end(struct play_stream_end *end, const struct play_op *op)
{
    play_read_to_end(end, len_of(op));
}

static void drop(struct play_stream_end *end, const struct play_op *op) { play_drop(end); }

static void set_priority(struct play_stream_end *end, const struct play_op *op)
{
    iq_stream_set_priority(end->live, op->amount % 3);
}

/* The table: a row is taken with its weight of 256. */

static const struct row {
    const char *name;
    unsigned weight;
    void (*on_network)(struct play *play, const struct play_op *op);
    void (*on_conn)(struct play_conn_end *end, const struct play_op *op);
    void (*on_stream)(struct play_stream_end *end, const struct play_op *op);
} rows[] = {
    {.name = "drive", .weight = 44, .on_network = drive},
    {.name = "advance", .weight = 12, .on_network = advance},
    {.name = "lose", .weight = 10, .on_network = lose},
    {.name = "lose all", .weight = 4, .on_network = lose_all},
    {.name = "delay", .weight = 8, .on_network = delay},
    {.name = "duplicate", .weight = 6, .on_network = duplicate},
    {.name = "damage", .weight = 4, .on_network = damage},
    {.name = "cut", .weight = 2, .on_network = cut},
    {.name = "rebind", .weight = 3, .on_network = rebind},
    {.name = "weather", .weight = 2, .on_network = change_weather},
    {.name = "fill the wire", .weight = 3, .on_network = fill_wire},
    {.name = "dial", .weight = 3, .on_network = dial},
    {.name = "close endpoint", .weight = 1, .on_network = close_endpoint},
    {.name = "pause reading", .weight = 4, .on_network = pause_reading},
    {.name = "open both ways", .weight = 24, .on_conn = open_bi},
    {.name = "open one way", .weight = 10, .on_conn = open_uni},
    {.name = "close", .weight = 2, .on_conn = close_conn},
    {.name = "update keys", .weight = 3, .on_conn = update_keys},
    {.name = "send a datagram", .weight = 8, .on_conn = send_datagram},
    {.name = "write", .weight = 44, .on_stream = write},
    {.name = "finish", .weight = 16, .on_stream = finish},
    {.name = "reset", .weight = 8, .on_stream = reset},
    {.name = "stop", .weight = 8, .on_stream = stop},
    {.name = "read", .weight = 18, .on_stream = read},
    {.name = "read to the end", .weight = 4, .on_stream = read_to_end},
    {.name = "drop", .weight = 3, .on_stream = drop},
    {.name = "set priority", .weight = 2, .on_stream = set_priority},
};

#define ROW_COUNT (sizeof(rows) / sizeof(rows[0]))

static const struct row *row_of(const struct play_op *op)
{
    unsigned left = op->kind;
    size_t i;

    for (i = 0; i < ROW_COUNT - 1 && left >= rows[i].weight; i++) {
        left -= rows[i].weight;
    }
    return &rows[i];
}

struct play_op play_decode(const uint8_t bytes[PLAY_OP_SIZE])
{
    return (struct play_op){
        .kind = bytes[0], .who = bytes[1], .which = bytes[2], .amount = bytes[3]};
}

const char *play_op_name(const struct play_op *op) { return row_of(op)->name; }

/* What they are performed on */

/* The n-th end on the node that its application knows, counted in a circle. */
static struct play_conn_end *find_conn(struct play *play, const struct play_op *op)
{
    struct play_conn_end *known[PLAY_CONNS_MAX * 2];
    size_t count = 0, i;

    for (i = 0; i < play->conn_count * 2U; i++) {
        struct play_conn_end *end = &play->conns[i / 2].ends[i % 2];

        if (end->node == (op->who & 1U) && end->known && !end->closed) {
            known[count++] = end;
        }
    }
    return count == 0 ? NULL : known[(op->who >> 1 & 3) % count];
}

static bool is_usable(const struct play_stream_end *end)
{
    return end->live != NULL && !end->dropped;
}

static struct play_stream_end *find_stream(const struct play_conn_end *end, unsigned which)
{
    struct play_stream *stream;
    unsigned count = 0;

    for (stream = end->conn->streams; stream != NULL; stream = stream->next) {
        count += is_usable(&stream->ends[end->side]);
    }
    which = count == 0 ? 0 : which % count;
    for (stream = end->conn->streams; stream != NULL; stream = stream->next) {
        if (is_usable(&stream->ends[end->side]) && which-- == 0) {
            return &stream->ends[end->side];
        }
    }
    return NULL;
}

static void perform_on(struct play_conn_end *end, struct play_stream_end *stream,
                       const struct play_op *op)
{
    const struct row *row = row_of(op);

    if (row->on_conn != NULL) {
        row->on_conn(end, op);
    } else if (stream != NULL) {
        row->on_stream(stream, op);
    }
}

/* With the highest bit of `who` it waits for the next callback of the connection. */
void play_perform(struct play *play, const struct play_op *op)
{
    struct play_conn_end *end;

    if (row_of(op)->on_network != NULL) {
        row_of(op)->on_network(play, op);
        return;
    }
    end = find_conn(play, op);
    if (end == NULL) {
        return;
    }
    if ((op->who & 0x80) == 0) {
        perform_on(end, find_stream(end, op->which), op);
    } else if (end->plan_count < PLAY_PLANS_MAX) {
        end->plans[end->plan_count++] = *op;
    }
}

void play_perform_plan(struct play_conn_end *end, struct iq_stream *stream)
{
    struct play_stream_end *chosen = stream == NULL ? NULL : iq_stream_data(stream);
    struct play_op op;

    if (end->plan_count == 0 || end->live == NULL) {
        return;
    }
    op = end->plans[0];
    end->plan_count--;
    memmove(end->plans, end->plans + 1, end->plan_count * sizeof(op));
    if (chosen == NULL || !is_usable(chosen)) {
        chosen = find_stream(end, op.which);
    }
    perform_on(end, chosen, &op);
}
