/* Handlers that look at a peer before they speak with it. */
#include <string.h>

#include "desk.h"

#define A_WHILE     (60 * SIM_SECOND)
#define ALL_IS_OVER (100 * SIM_SECOND)

/* What on_accepting says and does, and what it has seen.  The data of every route. */
struct guard {
    struct desk desk;
    bool welcome;
    void (*act)(struct guard *guard, struct iq_conn *conn);
    unsigned asked, ended_before;
    struct note other; /* of a connection that it dials itself */
};

static bool ask(struct iq_conn *conn)
{
    struct guard *guard = iq_conn_data(conn);
    const struct sim *sim = guard->desk.sim;

    guard->asked++;
    SIM_EXPECT(sim, iq_id_equal(iq_conn_remote_id(conn), &guard->desk.dials->endpoint->id));
    SIM_EXPECT(sim, iq_socket_addr_equal(iq_conn_remote_addr(conn), &guard->desk.dials->addrs[0]));
    SIM_EXPECT(sim, strcmp(iq_conn_alpn(conn), "a") == 0);
    SIM_EXPECT(sim, iq_conn_endpoint(conn) == guard->desk.accepts->endpoint);
    iq_conn_set_data(conn, &guard->desk.heard[0]); /* which on_accept and on_closed find */
    if (guard->act != NULL) {
        guard->act(guard, conn);
    }
    return guard->welcome;
}

/* The notes of note.c, behind a guard. */
static void guard_start(struct guard *self, const struct sim_options *options)
{
    static struct iq_protocol_handler guarded;

    guarded = note_handler;
    guarded.on_accepting = ask;
    desk_start(&self->desk, options, &guarded, self, DESK_ROUTES);
}

static void close_with_403(struct guard *guard, struct iq_conn *conn)
{
    iq_conn_close(conn, 403, "not allowed");
}

static const struct screening_row {
    const char *name;
    bool welcome;
    void (*act)(struct guard *guard, struct iq_conn *conn);
    uint64_t code;
    const char *text;
} screening_rows[] = {
    {.name = "welcome", .welcome = true},
    {.name = "not welcome", .text = ""},
    {.name = "not welcome, with a code", .act = close_with_403, .code = 403, .text = "not allowed"},
    {.name = "welcome, and closed",
     .welcome = true,
     .act = close_with_403,
     .code = 403,
     .text = "not allowed"},
};

/* The peer is dialled by its id, so it hears on_connect before we know who it is. */
static void expect_refused(const struct guard *self, const struct screening_row *row,
                           const struct note *note, bool calm)
{
    const struct sim *sim = self->desk.sim;

    SIM_EXPECT(sim, self->desk.heard[0].opened == 0 && self->desk.heard[0].closed == 0);
    SIM_EXPECT(sim, note->opened == 1 && note->closed == 1);
    SIM_EXPECT(sim, self->desk.accepts->endpoint->env.conn_count == 0);
    if (calm) { /* else the close may have been lost */
        note_expect_closed(sim, row->name, note, IQ_CLOSED_BY_PEER, row->code);
        SIM_EXPECT(sim, strcmp(note->text, row->text) == 0);
    }
}

static void screening_row(const struct sim_options *options, const struct screening_row *row)
{
    static struct guard self;
    struct note note = {0};

    self = (struct guard){.welcome = row->welcome, .act = row->act};
    guard_start(&self, options);
    desk_dial(&self.desk, "a", &note);
    sim_run_for(self.desk.sim, A_WHILE);
    SIM_EXPECT(self.desk.sim, self.asked == 1);
    if (row->text != NULL) {
        expect_refused(&self, row, &note, options->weather.loss == 0);
    } else {
        SIM_EXPECT(self.desk.sim, note.opened == 1 && note.closed == 0);
        SIM_EXPECT(self.desk.sim, self.desk.heard[0].opened == 1);
    }
    sim_free(self.desk.sim);
    SIM_EXPECT(self.desk.sim, self.asked == 1);
    SIM_EXPECT(self.desk.sim, self.desk.heard[0].closed == self.desk.heard[0].opened);
}

static void tell_answers(const struct sim_options *options)
{
    size_t i;

    for (i = 0; i < sizeof(screening_rows) / sizeof(screening_rows[0]); i++) {
        screening_row(options, &screening_rows[i]);
    }
}

/* A peer that says much at once, and one that has gone before it was looked at.  watch.c sees that
 * who is refused is never heard of, whatever it has sent. */

static void say_much(struct iq_conn *conn)
{
    static const uint8_t bytes[5000];
    struct iq_stream *stream;
    int i;

    for (i = 0; i < 5 && watch_open_bi(&stream, conn) == 0; i++) {
        (void)iq_stream_write(stream, bytes, sizeof(bytes));
        iq_stream_finish(stream);
    }
}

static void say_much_and_go(struct iq_conn *conn)
{
    say_much(conn);
    iq_conn_close(conn, 9, "gone");
}

static void hasty_peer(const struct sim_options *options, const struct iq_protocol_handler *peer,
                       bool welcome)
{
    static struct guard self;

    self = (struct guard){.welcome = welcome};
    guard_start(&self, options);
    SIM_EXPECT(self.desk.sim,
               watch_dial(NULL, self.desk.dials, &self.desk.addr, "a", peer, NULL, NULL) == 0);
    sim_run_for(self.desk.sim, A_WHILE);
    sim_free(self.desk.sim);
    SIM_EXPECT(self.desk.sim, self.desk.heard[0].opened == (welcome ? self.asked : 0));
    SIM_EXPECT(self.desk.sim, self.desk.heard[0].closed == self.desk.heard[0].opened);
}

static void tell_hasty_peers(const struct sim_options *options)
{
    static const struct iq_protocol_handler stays = {.on_connect = say_much};
    static const struct iq_protocol_handler goes = {.on_connect = say_much_and_go};
    int welcome;

    for (welcome = 0; welcome <= 1; welcome++) {
        hasty_peer(options, &stays, welcome);
        hasty_peer(options, &goes, welcome);
    }
}

/* The peer's close arrives together with the end of the handshake: on_accepting is asked about a
 * connection that has ended. */
static void count_ended(struct guard *guard, struct iq_conn *conn)
{
    guard->ended_before += conn->state == IQ_CONN_DRAINING;
}

/* Datagrams without a mark are handed over together: the close has none. */
static bool send_unmarked(struct sim_node *node, const struct iq_datagrams *datagram)
{
    struct iq_datagrams copy = *datagram;

    copy.ecn = 0;
    sim_transmit(node, &copy);
    return false;
}

static void gone_meanwhile(const struct sim_options *options, bool welcome)
{
    static struct guard self;
    struct note note = {0};

    self = (struct guard){.welcome = welcome, .act = count_ended};
    guard_start(&self, options);
    self.desk.dials->tap = send_unmarked;
    self.desk.dials->link.mtu = 1200; /* no probe of a larger one comes between */
    desk_dial(&self.desk, "a", &note);
    while (note.opened == 0) {
        SIM_EXPECT(self.desk.sim, sim_step(self.desk.sim));
    }
    iq_conn_close(watch_conn(self.desk.dials, 0), 9, "gone");
    sim_run_for(self.desk.sim, A_WHILE);
    SIM_EXPECT(self.desk.sim, self.asked == 1 && self.ended_before == 1);
    if (welcome) {
        SIM_EXPECT(self.desk.sim, self.desk.heard[0].opened == 1);
        note_expect_closed(self.desk.sim, "gone", &self.desk.heard[0], IQ_CLOSED_BY_PEER, 9);
    } else {
        SIM_EXPECT(self.desk.sim, self.desk.heard[0].opened == 0);
        SIM_EXPECT(self.desk.sim, self.desk.heard[0].closed == 0);
    }
    sim_free(self.desk.sim);
}

static void tell_gone_meanwhile(const struct sim_options *options)
{
    gone_meanwhile(options, false);
    gone_meanwhile(options, true);
}

/* Mischief.  watch.c and sim_free() see to it that everything comes to its end. */

static void close_endpoint(struct guard *guard, struct iq_conn *conn)
{
    (void)iq_endpoint_close(iq_conn_endpoint(conn), NULL, NULL);
}

static void close_both_endpoints(struct guard *guard, struct iq_conn *conn)
{
    close_endpoint(guard, conn);
    (void)iq_endpoint_close(guard->desk.dials->endpoint, NULL, NULL);
}

static void shut_router_down(struct guard *guard, struct iq_conn *conn)
{
    (void)iq_router_shutdown(guard->desk.router, NULL, NULL);
}

static void remove_route(struct guard *guard, struct iq_conn *conn)
{
    (void)iq_router_remove(guard->desk.router, "a");
}

static void add_route(struct guard *guard, struct iq_conn *conn)
{
    SIM_EXPECT(guard->desk.sim, iq_router_add(guard->desk.router, guard->desk.watched) == 0);
}

static void dial_back(struct guard *guard, struct iq_conn *conn)
{
    const struct iq_addr addr = sim_addr(guard->desk.dials);

    SIM_EXPECT(guard->desk.sim, watch_dial(NULL, guard->desk.accepts, &addr, APP_ALPN,
                                           &note_handler, &guard->other, NULL) == 0);
}

static void dial_back_and_close(struct guard *guard, struct iq_conn *conn)
{
    dial_back(guard, conn);
    iq_conn_close(watch_conn(guard->desk.accepts, 0), 1, "changed my mind");
}

static void close_twice(struct guard *guard, struct iq_conn *conn)
{
    iq_conn_close(conn, 1, "once");
    iq_conn_close(conn, 2, "twice");
}

static void mischief(const struct sim_options *options,
                     void (*act)(struct guard *guard, struct iq_conn *conn), bool welcome)
{
    static struct guard self;
    struct note notes[3] = {0};
    size_t i;

    self = (struct guard){.welcome = welcome, .act = act};
    guard_start(&self, options);
    watch_listen(self.desk.dials, app_echo_routes);
    for (i = 0; i < 3; i++) {
        desk_dial(&self.desk, "a", &notes[i]);
    }
    sim_run_for(self.desk.sim, ALL_IS_OVER);
    SIM_EXPECT(self.desk.sim, self.asked >= 1);
    SIM_EXPECT(self.desk.sim, welcome || self.desk.heard[0].opened == 0);
    sim_close(self.desk.dials);
    sim_run_for(self.desk.sim, ALL_IS_OVER);
    SIM_EXPECT(self.desk.sim, notes[0].closed + notes[1].closed + notes[2].closed == 3);
    SIM_EXPECT(self.desk.sim, self.desk.heard[0].closed == self.desk.heard[0].opened);
    sim_free(self.desk.sim);
}

static void tell_mischief(const struct sim_options *options)
{
    static void (*const acts[])(struct guard * guard, struct iq_conn * conn) = {
        close_endpoint, close_both_endpoints, shut_router_down, remove_route, add_route,
        dial_back,      dial_back_and_close,  close_twice,
    };
    size_t i;

    for (i = 0; i < sizeof(acts) / sizeof(acts[0]); i++) {
        mischief(options, acts[i], false);
        mischief(options, acts[i], true);
    }
}

const struct story screening_stories[] = {
    {.name = "router_screening", .run = tell_answers, .seeds = 10},
    {.name = "router_screening_hasty_peers", .run = tell_hasty_peers, .seeds = 10},
    {.name = "router_screening_gone_meanwhile",
     .run = tell_gone_meanwhile,
     .weather = STORY_CALM_ONLY},
    {.name = "router_screening_mischief", .run = tell_mischief, .seeds = 5},
    {0},
};
