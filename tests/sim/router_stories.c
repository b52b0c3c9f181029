/* A router: routes that come and go while it runs, and a filter before them. */
#include <string.h>

#include "desk.h"
#include "evil.h"

#define A_WHILE (60 * SIM_SECOND)

static void expect_added(struct desk *self, size_t route)
{
    SIM_EXPECT(self->sim, iq_router_add(self->router, &self->watched[route]) == 0);
}

static void expect_removed(struct desk *self, const char *alpn)
{
    SIM_EXPECT(self->sim, iq_router_remove(self->router, alpn) == 0);
}

/* Routes that come and go */

static void tell_add_and_remove(const struct sim_options *options)
{
    static struct desk self;
    struct iq_route other;

    desk_start(&self, options, &note_handler, NULL, 1);
    desk_expect_unknown(&self, "b");
    expect_added(&self, 1);
    desk_expect_spoken(&self, "b", &self.heard[1]);
    expect_removed(&self, "a");
    desk_expect_unknown(&self, "a");
    desk_expect_spoken(&self, "b", &self.heard[1]);
    expect_added(&self, 0);
    desk_expect_spoken(&self, "a", &self.heard[0]);
    other = self.watched[0];
    other.data = &self.heard[2];
    SIM_EXPECT(self.sim, iq_router_add(self.router, &other) == 0); /* replaces */
    desk_expect_spoken(&self, "a", &self.heard[2]);
    SIM_EXPECT(self.sim, self.heard[0].opened == 1 && self.heard[0].closed == 0);
    expect_removed(&self, "a");
    desk_expect_unknown(&self, "a"); /* it is not there twice */
    sim_free(self.sim);
}

/* Mistakes change nothing. */
static void tell_mistakes(const struct sim_options *options)
{
    static struct desk self;
    char alpn[IQ_ALPN_MAX + 2] = "";
    struct iq_route bad;

    desk_start(&self, options, &note_handler, NULL, 2);
    bad = self.watched[2];
    bad.alpn = alpn;
    SIM_EXPECT(self.sim, iq_router_add(self.router, &bad) == IQ_ERR_INVALID_ALPN);
    memset(alpn, 'x', IQ_ALPN_MAX + 1);
    SIM_EXPECT(self.sim, iq_router_add(self.router, &bad) == IQ_ERR_INVALID_ALPN);
    SIM_EXPECT(self.sim, iq_router_remove(self.router, "c") == IQ_ERR_UNKNOWN_ALPN);
    SIM_EXPECT(self.sim, iq_router_remove(self.router, "ab") == IQ_ERR_UNKNOWN_ALPN);
    SIM_EXPECT(self.sim, iq_router_remove(self.router, "") == IQ_ERR_UNKNOWN_ALPN);
    desk_expect_spoken(&self, "a", &self.heard[0]);
    desk_expect_spoken(&self, "b", &self.heard[1]);
    desk_expect_unknown(&self, "c");
    sim_free(self.sim);
}

/* The string may be gone as soon as the call has returned. */
static void tell_strings_are_copied(const struct sim_options *options)
{
    static struct desk self;
    char alpn[] = "b";
    struct iq_route route;

    desk_start(&self, options, &note_handler, NULL, 0);
    route = self.watched[1];
    route.alpn = alpn;
    SIM_EXPECT(self.sim, iq_router_add(self.router, &route) == 0);
    SIM_EXPECT(self.sim, iq_router_add(self.router, &route) == 0); /* replaced by itself */
    alpn[0] = 'x';
    expect_added(&self, 2);
    desk_expect_spoken(&self, "b", &self.heard[1]);
    desk_expect_unknown(&self, "x");
    sim_free(self.sim);
}

/* A handshake goes on with the routes of its beginning */

static void run_until_accepted(struct desk *self)
{
    while (self->accepts->endpoint->env.conn_count == 0) {
        SIM_EXPECT(self->sim, sim_step(self->sim));
    }
    SIM_EXPECT(self->sim, self->heard[0].opened == 0);
}

static void tell_remove_in_handshake(const struct sim_options *options)
{
    static struct desk self;
    struct note note = {0};

    desk_start(&self, options, &note_handler, NULL, 2);
    desk_dial(&self, "a", &note);
    run_until_accepted(&self);
    expect_removed(&self, "a");
    sim_run_for(self.sim, A_WHILE);
    SIM_EXPECT(self.sim, note.opened == 1 && note.closed == 0);
    SIM_EXPECT(self.sim, self.heard[0].opened == 1 && strcmp(self.heard[0].alpn, "a") == 0);
    SIM_EXPECT(self.sim, self.heard[1].opened == 0);
    desk_expect_unknown(&self, "a");
    SIM_EXPECT(self.sim, note.closed == 0);
    sim_free(self.sim);
}

static void tell_replace_in_handshake(const struct sim_options *options)
{
    static struct desk self;
    struct note note = {0};
    struct iq_route other;

    desk_start(&self, options, &note_handler, NULL, 1);
    other = self.watched[0];
    other.data = &self.heard[2];
    desk_dial(&self, "a", &note);
    run_until_accepted(&self);
    SIM_EXPECT(self.sim, iq_router_add(self.router, &other) == 0);
    sim_run_for(self.sim, A_WHILE);
    SIM_EXPECT(self.sim, note.opened == 1 && note.closed == 0);
    SIM_EXPECT(self.sim, self.heard[0].opened == 1 && self.heard[2].opened == 0);
    desk_expect_spoken(&self, "a", &self.heard[2]);
    sim_free(self.sim);
}

static bool delay_all_but_the_first(struct sim_node *node, const struct iq_datagrams *datagram)
{
    node->link.delay_ms = node->sent_count == 0 ? 10 : 500;
    return true;
}

/* Even when the peer says only in its second datagram what it wants to speak. */
static void half_a_hello(const struct sim_options *options, const char *alpn, bool add_b)
{
    static struct desk self;
    static struct evil evil;
    const struct evil_options wanted = {.seed = {7}, .alpn = alpn, .default_groups = true};
    struct sim_node *raw;

    desk_start(&self, options, &note_handler, NULL, 1);
    raw = sim_add_raw(self.sim);
    raw->tap = delay_all_but_the_first;
    evil_dial(&evil, raw, self.accepts, &wanted);
    run_until_accepted(&self);
    expect_removed(&self, "a");
    if (add_b) {
        expect_added(&self, 1);
    }
    sim_run_for(self.sim, 5 * SIM_SECOND);
    SIM_EXPECT(self.sim, self.heard[0].opened == (add_b ? 0 : 1) && self.heard[1].opened == 0);
    SIM_EXPECT(self.sim, !add_b || (evil.closed_count == 1 && evil.code == IQ_CODE_NO_ALPN));
    evil_fall_silent(&evil);
    sim_run_for(self.sim, A_WHILE);
    evil_free(&evil);
    sim_free(self.sim);
}

static void tell_half_a_hello(const struct sim_options *options)
{
    half_a_hello(options,
                 "\x01"
                 "a",
                 false);
    half_a_hello(options,
                 "\x01"
                 "b",
                 true);
}

/* Who has been accepted needs no table of routes: how many bytes ten connections take. */
static size_t live_bytes_of_ten(const struct sim_options *options, size_t unused_routes)
{
    static char alpns[100][IQ_ALPN_MAX + 1];
    static struct desk self;
    static struct note notes[10];
    size_t before, after, i;

    desk_start(&self, options, &note_handler, NULL, 1);
    for (i = 0; i < unused_routes; i++) {
        struct iq_route route = self.watched[0];

        snprintf(alpns[i], sizeof(alpns[i]), "%0250zu", i);
        route.alpn = alpns[i];
        SIM_EXPECT(self.sim, iq_router_add(self.router, &route) == 0);
    }
    before = sim_live_bytes();
    for (i = 0; i < 10; i++) {
        notes[i] = (struct note){0};
        desk_dial(&self, "a", &notes[i]);
    }
    sim_run_for(self.sim, 10 * SIM_SECOND);
    SIM_EXPECT(self.sim, self.heard[0].opened == 10);
    after = sim_live_bytes();
    sim_free(self.sim);
    return after - before;
}

static void tell_tables_are_freed(const struct sim_options *options)
{
    const size_t with_few = live_bytes_of_ten(options, 0);
    const size_t with_many = live_bytes_of_ten(options, 100);

    /* One table of the hundred has more than 25,000 bytes. */
    if (with_many > with_few + 10000) {
        fail_msg("ten connections take %zu bytes, and %zu with many routes", with_few, with_many);
    }
}

/* Inside callbacks */

/* The route is for one guest at a time. */
static void close_the_door(struct iq_conn *conn)
{
    struct desk *self = iq_conn_data(conn);

    self->heard[0].opened++;
    (void)iq_router_remove(self->router, "a"); /* another guest may have done so */
}

static void open_the_door(struct iq_conn *conn, const struct iq_close_reason *why)
{
    struct desk *self = iq_conn_data(conn);

    self->heard[0].closed++;
    expect_added(self, 0);
}

static void close_dialling_conns(struct desk *self)
{
    struct iq_conn *conn;
    size_t i;

    for (i = 0; (conn = watch_conn(self->dials, i)) != NULL; i++) {
        iq_conn_close(conn, 0, NULL);
    }
    sim_run_for(self->sim, A_WHILE);
}

static void tell_in_callbacks(const struct sim_options *options)
{
    static const struct iq_protocol_handler one_guest = {.on_accept = close_the_door,
                                                         .on_closed = open_the_door};
    static struct desk self;
    struct note notes[4] = {0};
    size_t i;

    desk_start(&self, options, &one_guest, &self, 2);
    for (i = 0; i < 3; i++) { /* together: each is in its handshake when the first is done */
        desk_dial(&self, "a", &notes[i]);
    }
    sim_run_for(self.sim, A_WHILE);
    SIM_EXPECT(self.sim, self.heard[0].opened >= 1);
    SIM_EXPECT(self.sim, options->weather.loss > 0 || self.heard[0].opened == 3);
    desk_expect_unknown(&self, "a");
    close_dialling_conns(&self);
    SIM_EXPECT(self.sim, self.heard[0].closed == self.heard[0].opened);
    desk_dial(&self, "a", &notes[3]);
    sim_run_for(self.sim, A_WHILE);
    SIM_EXPECT(self.sim, notes[3].opened == 1 && notes[3].closed == 0);
    sim_free(self.sim);
}

/* The filter */

struct porter {
    struct desk *desk;
    void (*decide)(struct porter *porter, struct iq_incoming *incoming);
    unsigned seen, validated;
};

static void filter(struct iq_incoming *incoming, void *data)
{
    struct porter *porter = data;

    porter->seen++;
    porter->validated += iq_incoming_is_validated(incoming);
    porter->decide(porter, incoming);
}

static void leave_undecided(struct porter *porter, struct iq_incoming *incoming) {}

static void refuse(struct porter *porter, struct iq_incoming *incoming)
{
    iq_incoming_refuse(incoming);
}

static void ignore(struct porter *porter, struct iq_incoming *incoming)
{
    iq_incoming_ignore(incoming);
}

static void retry(struct porter *porter, struct iq_incoming *incoming)
{
    if (!iq_incoming_is_validated(incoming)) {
        SIM_EXPECT(porter->desk->sim, iq_incoming_retry(incoming) == 0);
    }
}

static void retry_for_ever(struct porter *porter, struct iq_incoming *incoming)
{
    if (iq_incoming_retry(incoming) != 0) {
        iq_incoming_refuse(incoming);
    }
}

static void accept_otherwise(struct porter *porter, struct iq_incoming *incoming)
{
    SIM_EXPECT(porter->desk->sim, iq_incoming_accept(incoming, &porter->desk->watched[1]) == 0);
}

static void remove_route(struct porter *porter, struct iq_incoming *incoming)
{
    (void)iq_router_remove(porter->desk->router, "a");
}

static void remove_filter(struct porter *porter, struct iq_incoming *incoming)
{
    iq_router_set_filter(porter->desk->router, NULL, NULL);
    iq_incoming_refuse(incoming);
}

static const struct filter_row {
    const char *name;
    void (*decide)(struct porter *porter, struct iq_incoming *incoming);
    uint64_t code;
    enum iq_close_how how;
    bool opens, validates;
    bool needs_calm; /* a refusal that gets lost is followed by another attempt */
} filter_rows[] = {
    {.name = "undecided", .decide = leave_undecided, .opens = true},
    {.name = "refused",
     .decide = refuse,
     .how = IQ_CLOSED_ABORTED_BY_PEER,
     .code = IQ_CODE_CONNECTION_REFUSED},
    {.name = "ignored", .decide = ignore, .how = IQ_CLOSED_TIMED_OUT},
    {.name = "retried", .decide = retry, .opens = true, .validates = true},
    {.name = "retried for ever",
     .decide = retry_for_ever,
     .how = IQ_CLOSED_ABORTED_BY_PEER,
     .code = IQ_CODE_CONNECTION_REFUSED,
     .validates = true},
    {.name = "accepted for another protocol",
     .decide = accept_otherwise,
     .how = IQ_CLOSED_ABORTED_BY_PEER,
     .code = IQ_CODE_NO_ALPN},
    {.name = "its route removed",
     .decide = remove_route,
     .how = IQ_CLOSED_ABORTED_BY_PEER,
     .code = IQ_CODE_NO_ALPN},
    {.name = "the last that is refused",
     .decide = remove_filter,
     .how = IQ_CLOSED_ABORTED_BY_PEER,
     .code = IQ_CODE_CONNECTION_REFUSED,
     .needs_calm = true},
};

static void filter_row(const struct sim_options *options, const struct filter_row *row)
{
    static struct desk self;
    struct porter porter = {.desk = &self, .decide = row->decide};
    struct note note = {0};

    desk_start(&self, options, &note_handler, NULL, 2);
    iq_router_set_filter(self.router, filter, &porter);
    desk_dial(&self, "a", &note);
    sim_run_for(self.sim, A_WHILE);
    SIM_EXPECT(self.sim, porter.seen > 0 && (porter.validated > 0) == row->validates);
    if (row->opens) {
        SIM_EXPECT(self.sim, note.opened == 1 && note.closed == 0 && self.heard[0].opened == 1);
    } else {
        note_expect_closed(self.sim, row->name, &note, row->how, row->code);
        SIM_EXPECT(self.sim, note.opened == 0 && self.heard[0].opened == 0);
        SIM_EXPECT(self.sim, self.accepts->endpoint->env.conn_count == 0);
    }
    porter.seen = 0;
    iq_router_set_filter(self.router, NULL, NULL);
    desk_expect_spoken(&self, "b", &self.heard[1]);
    SIM_EXPECT(self.sim, porter.seen == 0);
    sim_free(self.sim);
}

static void tell_filter(const struct sim_options *options)
{
    size_t i;

    for (i = 0; i < sizeof(filter_rows) / sizeof(filter_rows[0]); i++) {
        if (!filter_rows[i].needs_calm || options->weather.loss == 0) {
            filter_row(options, &filter_rows[i]);
        }
    }
}

const struct story router_stories[] = {
    {.name = "router_add_and_remove", .run = tell_add_and_remove, .seeds = 5},
    {.name = "router_mistakes", .run = tell_mistakes},
    {.name = "router_strings_are_copied", .run = tell_strings_are_copied},
    {.name = "router_remove_in_handshake", .run = tell_remove_in_handshake, .seeds = 10},
    {.name = "router_replace_in_handshake", .run = tell_replace_in_handshake, .seeds = 10},
    {.name = "router_half_a_hello", .run = tell_half_a_hello, .weather = STORY_CALM_ONLY},
    {.name = "router_tables_are_freed", .run = tell_tables_are_freed, .weather = STORY_CALM_ONLY},
    {.name = "router_in_callbacks", .run = tell_in_callbacks, .seeds = 5},
    {.name = "router_filter", .run = tell_filter, .seeds = 5},
    {0},
};
