/* Beginnings: whom we reach, what we speak, and who may come in. */
#include <string.h>

#include "note.h"

#define A_WHILE (60 * SIM_SECOND)

/* Whom we reach */

static void tell_right_id(const struct sim_options *options)
{
    struct note_pair self;

    note_start(&self, options, NULL, NULL);
    SIM_EXPECT(self.pair.sim, note_dial(&self, APP_ALPN, NULL) == 0);
    sim_run_for(self.pair.sim, A_WHILE);
    SIM_EXPECT(self.pair.sim, self.dials.opened == 1 && self.accepts.opened == 1);
    SIM_EXPECT(self.pair.sim,
               iq_id_equal(&self.accepts.remote_id, iq_endpoint_id(self.pair.dials->endpoint)));
    SIM_EXPECT(self.pair.sim,
               iq_id_equal(&self.dials.remote_id, iq_endpoint_id(self.pair.accepts->endpoint)));
    sim_free(self.pair.sim);
}

static void tell_wrong_id(const struct sim_options *options)
{
    struct note_pair self;
    struct iq_secret_key other;

    note_start(&self, options, NULL, NULL);
    iq_secret_key_generate(&other);
    self.addr.id = other.id;
    SIM_EXPECT(self.pair.sim, note_dial(&self, APP_ALPN, NULL) == 0);
    sim_run_for(self.pair.sim, A_WHILE);
    note_expect_closed(self.pair.sim, "wrong id", &self.dials, IQ_CLOSED_TRANSPORT_ERROR,
                       IQ_CODE_WRONG_ID);
    SIM_EXPECT(self.pair.sim, self.dials.opened == 0);
    SIM_EXPECT(self.pair.sim, self.accepts.opened == 0 && self.accepts.closed == 0);
    SIM_EXPECT(self.pair.sim, self.pair.accepts->endpoint->env.conn_count == 0);
    sim_free(self.pair.sim);
}

static void tell_useless_addrs(const struct sim_options *options)
{
    static const struct iq_socket_addr v6 = {.ip = {1}, .port = 1, .ip_version = IQ_IPV6};
    char alpn[257];
    struct note_pair self;
    struct sim *sim;

    note_start(&self, options, NULL, NULL);
    sim = self.pair.sim;
    memset(alpn, 'a', 256);
    alpn[256] = '\0';
    SIM_EXPECT(sim, note_dial(&self, "", NULL) == IQ_ERR_INVALID_ALPN);
    SIM_EXPECT(sim, note_dial(&self, alpn, NULL) == IQ_ERR_INVALID_ALPN);
    self.addr.count = 0;
    SIM_EXPECT(sim, note_dial(&self, APP_ALPN, NULL) == IQ_ERR_NO_ADDR);
    self.addr.count = 1;
    self.addr.socket_addrs[0] = v6;
    SIM_EXPECT(sim, note_dial(&self, APP_ALPN, NULL) == IQ_ERR_UNREACHABLE);
    self.addr.id = *iq_endpoint_id(self.pair.dials->endpoint);
    SIM_EXPECT(sim, note_dial(&self, APP_ALPN, NULL) == IQ_ERR_SELF);
    self.addr.id = (struct iq_id){0};
    SIM_EXPECT(sim, note_dial(&self, APP_ALPN, NULL) == IQ_ERR_INVALID_KEY);
    self.addr.id = (struct iq_id){.key = {1}}; /* the neutral element */
    SIM_EXPECT(sim, note_dial(&self, APP_ALPN, NULL) == IQ_ERR_INVALID_KEY);
    SIM_EXPECT(sim, self.pair.dials->sent_count == 0 && self.dials.closed == 0);
    self.addr = sim_addr(self.pair.accepts); /* the first address that has a route is taken */
    self.addr.socket_addrs[1] = self.addr.socket_addrs[0];
    self.addr.socket_addrs[0] = v6;
    self.addr.count = 2;
    SIM_EXPECT(sim, note_dial(&self, APP_ALPN, NULL) == 0);
    sim_run_for(sim, A_WHILE);
    SIM_EXPECT(sim, self.dials.opened == 1);
    sim_free(sim);
}

/* What we speak */

#define LETTERS_50  "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeee"
#define LETTERS_254 LETTERS_50 LETTERS_50 LETTERS_50 LETTERS_50 LETTERS_50 "xxxx"

static const struct alpn_row {
    const char *name;
    const char *dialled;
    const char *routes[3];
    const char *spoken; /* NULL: refused */
} alpn_rows[] = {
    {.name = "the only one", .dialled = "a", .routes = {"a"}, .spoken = "a"},
    {.name = "unknown", .dialled = "b", .routes = {"a"}},
    {.name = "no routes", .dialled = "a"},
    {.name = "a prefix of ours", .dialled = "echo", .routes = {"echo/0"}},
    {.name = "longer than ours", .dialled = "echo/0", .routes = {"echo"}},
    {.name = "other case", .dialled = "Echo", .routes = {"echo"}},
    {.name = "the last", .dialled = "c", .routes = {"a", "b", "c"}, .spoken = "c"},
    {.name = "between prefixes", .dialled = "ab", .routes = {"a", "abc", "ab"}, .spoken = "ab"},
    {.name = "longest",
     .dialled = LETTERS_254 "1",
     .routes = {LETTERS_254, LETTERS_254 "2", LETTERS_254 "1"},
     .spoken = LETTERS_254 "1"},
    {.name = "longest unknown", .dialled = LETTERS_254 "1", .routes = {LETTERS_254 "2"}},
};

static void alpn_row(const struct sim_options *options, const struct alpn_row *row)
{
    struct note_pair self;

    note_start(&self, options, NULL, row->routes);
    SIM_EXPECT(self.pair.sim, note_dial(&self, row->dialled, NULL) == 0);
    sim_run_for(self.pair.sim, A_WHILE);
    if (row->spoken == NULL) {
        note_expect_closed(self.pair.sim, row->name, &self.dials, IQ_CLOSED_ABORTED_BY_PEER,
                           IQ_CODE_NO_ALPN);
        SIM_EXPECT(self.pair.sim, self.dials.opened == 0 && self.accepts.opened == 0);
        SIM_EXPECT(self.pair.sim, self.pair.accepts->endpoint->env.conn_count == 0);
    } else {
        SIM_EXPECT(self.pair.sim, self.dials.opened == 1 && self.accepts.opened == 1);
        SIM_EXPECT(self.pair.sim, strcmp(self.dials.alpn, row->spoken) == 0);
        SIM_EXPECT(self.pair.sim, strcmp(self.accepts.alpn, row->spoken) == 0);
    }
    sim_free(self.pair.sim);
}

static void tell_alpn(const struct sim_options *options)
{
    size_t i;

    for (i = 0; i < sizeof(alpn_rows) / sizeof(alpn_rows[0]); i++) {
        alpn_row(options, &alpn_rows[i]);
    }
}

/* Several protocols */

static const struct alpns_row {
    const char *name;
    const char *dialled[4]; /* the dial's own first */
    const char *routes[3];
    const char *spoken; /* NULL: refused */
} alpns_rows[] = {
    {.name = "the accept side's order", .dialled = {"a", "b"}, .routes = {"b", "a"}, .spoken = "b"},
    {.name = "the only one in common",
     .dialled = {"a", "b", "c"},
     .routes = {"x", "c"},
     .spoken = "c"},
    {.name = "the dial's own", .dialled = {"a", "b"}, .routes = {"a"}, .spoken = "a"},
    {.name = "none in common", .dialled = {"a", "b"}, .routes = {"ab", "aa"}},
    {.name = "one twice", .dialled = {"a", "a"}, .routes = {"a"}, .spoken = "a"},
};

static void alpns_row(const struct sim_options *options, const struct alpns_row *row)
{
    const struct iq_connect_options more = {.more_alpns = row->dialled + 1};
    struct note_pair self;

    note_start(&self, options, NULL, row->routes);
    SIM_EXPECT(self.pair.sim, note_dial(&self, row->dialled[0], &more) == 0);
    SIM_EXPECT(self.pair.sim, strcmp(iq_conn_alpn(self.conn), row->dialled[0]) == 0);
    sim_run_for(self.pair.sim, A_WHILE);
    if (row->spoken == NULL) {
        note_expect_closed(self.pair.sim, row->name, &self.dials, IQ_CLOSED_ABORTED_BY_PEER,
                           IQ_CODE_NO_ALPN);
    } else if (self.dials.opened != 1 || strcmp(self.dials.alpn, row->spoken) != 0 ||
               strcmp(self.accepts.alpn, row->spoken) != 0) {
        SIM_FAIL(self.pair.sim, "%s: spoken are \"%s\" and \"%s\"", row->name, self.dials.alpn,
                 self.accepts.alpn);
    }
    sim_free(self.pair.sim);
}

static void tell_several_alpns(const struct sim_options *options)
{
    size_t i;

    for (i = 0; i < sizeof(alpns_rows) / sizeof(alpns_rows[0]); i++) {
        alpns_row(options, &alpns_rows[i]);
    }
}

/* As many of the longest as may be: a ClientHello of four datagrams. */
static void tell_many_alpns(const struct sim_options *options)
{
    static char names[IQ_ALPNS_MAX][IQ_ALPN_MAX + 1];
    const char *more[IQ_ALPNS_MAX + 1] = {0};
    const char *const routes[3] = {names[IQ_ALPNS_MAX - 1]};
    const struct iq_connect_options wanted = {.more_alpns = more};
    struct note_pair self;
    size_t i;

    for (i = 0; i < IQ_ALPNS_MAX; i++) {
        memset(names[i], 'a' + (int)i, IQ_ALPN_MAX);
        more[i] = names[i];
    }
    note_start(&self, options, NULL, routes);
    SIM_EXPECT(self.pair.sim, note_dial(&self, "one more", &wanted) == IQ_ERR_INVALID_ALPN);
    more[IQ_ALPNS_MAX - 1] = "";
    SIM_EXPECT(self.pair.sim, note_dial(&self, "one more", &wanted) == IQ_ERR_INVALID_ALPN);
    more[IQ_ALPNS_MAX - 1] = NULL;
    SIM_EXPECT(self.pair.sim, note_dial(&self, names[IQ_ALPNS_MAX - 1], &wanted) == 0);
    memset(names[0], 'x', IQ_ALPN_MAX); /* they were copied */
    sim_run_for(self.pair.sim, A_WHILE);
    SIM_EXPECT(self.pair.sim, self.dials.opened == 1);
    SIM_EXPECT(self.pair.sim, strcmp(self.accepts.alpn, names[IQ_ALPNS_MAX - 1]) == 0);
    sim_free(self.pair.sim);
}

/* Time-outs */

static const struct timeout_row {
    const char *name;
    uint32_t config_ms, option_ms;
    uint64_t after_ms;
} timeout_rows[] = {
    {.name = "default", .after_ms = 30000},
    {.name = "configured", .config_ms = 5000, .after_ms = 5000},
    {.name = "option", .config_ms = 5000, .option_ms = 2000, .after_ms = 2000},
    {.name = "the idle time-out is shorter", .option_ms = 45000, .after_ms = 30000},
};

static void tell_nobody(const struct sim_options *options)
{
    size_t i;

    for (i = 0; i < sizeof(timeout_rows) / sizeof(timeout_rows[0]); i++) {
        const struct timeout_row *row = &timeout_rows[i];
        const struct iq_endpoint_config config = {.connect_timeout_ms = row->config_ms};
        const struct iq_connect_options option = {.timeout_ms = row->option_ms};
        struct note note = {0};
        struct sim *sim = sim_new(options);
        struct sim_node *dials = sim_add_endpoint(sim, &config);
        struct iq_addr addr = {.count = 1};
        struct iq_secret_key key;
        uint64_t start_ns = sim->now_ns;

        iq_secret_key_generate(&key);
        addr.id = key.id;
        addr.socket_addrs[0] = sim_socket_addr(77, 1);
        SIM_EXPECT(sim,
                   watch_dial(NULL, dials, &addr, APP_ALPN, &note_handler, &note, &option) == 0);
        sim_run(sim, A_WHILE);
        note_expect_closed(sim, row->name, &note, IQ_CLOSED_TIMED_OUT, 0);
        start_ns += row->after_ms * SIM_MILLISECOND;
        if (note.closed_at_ns < start_ns || note.closed_at_ns > start_ns + SIM_SECOND / 2) {
            SIM_FAIL(sim, "%s: closed after %g s", row->name,
                     (double)(note.closed_at_ns - SIM_SECOND) / 1e9);
        }
        SIM_EXPECT(sim, dials->sent_count <= 40);
        sim_free(sim);
    }
}

/* A peer that begins a handshake and goes: nobody hears of it, and it is forgotten after 10 s. */
static void tell_half_open(const struct sim_options *options)
{
    struct note_pair self;
    struct iq_conn_env *env;

    note_start(&self, options, NULL, NULL);
    env = &self.pair.accepts->endpoint->env;
    self.pair.dials->link = (struct sim_link){.delay_ms = 10, .drop_mask = ~UINT64_C(1)};
    SIM_EXPECT(self.pair.sim, note_dial(&self, APP_ALPN, NULL) == 0);
    sim_run_for(self.pair.sim, 9900 * SIM_MILLISECOND);
    SIM_EXPECT(self.pair.sim, env->conn_count == 1);
    sim_run_for(self.pair.sim, 600 * SIM_MILLISECOND);
    SIM_EXPECT(self.pair.sim, env->conn_count == 0);
    SIM_EXPECT(self.pair.sim, self.accepts.opened == 0 && self.accepts.closed == 0);
    sim_free(self.pair.sim);
}

/* The first datagram comes once more, long after the connection has ended: a ghost. */

static struct {
    uint8_t data[2000];
    size_t len;
} first_datagram;

static bool keep_first(struct sim_node *node, const struct iq_datagrams *datagram)
{
    if (node->sent_count == 0) {
        memcpy(first_datagram.data, datagram->data, datagram->len);
        first_datagram.len = datagram->len;
    }
    return true;
}

static void tell_ghost(const struct sim_options *options)
{
    struct story_pair pair = story_pair(options, NULL, NULL);
    struct app_task task = {.len = 13};
    uint64_t callbacks;

    pair.dials->tap = keep_first;
    app_dial(&task, pair.dials, pair.accepts);
    sim_run_for(pair.sim, A_WHILE);
    app_expect_done(pair.sim, &task);
    sim_close(pair.dials);
    sim_run_for(pair.sim, A_WHILE);
    SIM_EXPECT(pair.sim, pair.accepts->endpoint->env.conn_count == 0);
    callbacks = watch_callback_count(pair.sim);
    sim_inject(pair.sim, &pair.dials->addrs[0], &pair.accepts->addrs[0], first_datagram.data,
               first_datagram.len);
    sim_step(pair.sim);
    SIM_EXPECT(pair.sim, pair.accepts->endpoint->env.conn_count == 1);
    sim_run(pair.sim, 11 * SIM_SECOND);
    SIM_EXPECT(pair.sim, pair.accepts->endpoint->env.conn_count == 0);
    SIM_EXPECT(pair.sim, watch_callback_count(pair.sim) == callbacks);
    sim_free(pair.sim);
}

/* The first datagram comes several times more while the connection is in its closing or draining
 * period, and a new connection between the same addresses begins: nothing is mixed up. */
static void dial_while_closing(const struct sim_options *options, bool dialling_side)
{
    struct story_pair pair = story_pair(options, NULL, NULL);
    struct app_task first = {.len = 13, .stay = true}, second = {.len = 5000};
    unsigned i;

    pair.dials->tap = keep_first;
    app_dial(&first, pair.dials, pair.accepts);
    sim_run_for(pair.sim, A_WHILE);
    SIM_EXPECT(pair.sim, first.echoed == 1);
    iq_conn_close(dialling_side ? first.conn : watch_conn(pair.accepts, 0), 7, "again");
    sim_run_for(pair.sim, 11 * SIM_MILLISECOND);
    SIM_EXPECT(pair.sim, pair.accepts->endpoint->env.conn_count == 1);
    app_dial(&second, pair.dials, pair.accepts);
    for (i = 0; i < 5; i++) {
        sim_inject(pair.sim, &pair.dials->addrs[0], &pair.accepts->addrs[0], first_datagram.data,
                   first_datagram.len);
        sim_run_for(pair.sim, SIM_MILLISECOND);
    }
    SIM_EXPECT(pair.sim, pair.accepts->endpoint->env.conn_count == 1);
    story_finish(&pair, &second, A_WHILE);
    sim_run(pair.sim, A_WHILE);
    SIM_EXPECT(pair.sim, first.closed_count == 1 && first.code == 7);
    SIM_EXPECT(pair.sim, watch_closed_conns(pair.sim) == 4);
    sim_free(pair.sim);
}

static void tell_while_closing(const struct sim_options *options)
{
    dial_while_closing(options, true);
    dial_while_closing(options, false);
}

const struct story dial_stories[] = {
    {.name = "dial_right_id", .run = tell_right_id, .seeds = 5},
    {.name = "dial_wrong_id", .run = tell_wrong_id, .seeds = 10},
    {.name = "dial_useless_addrs", .run = tell_useless_addrs},
    {.name = "dial_alpn", .run = tell_alpn, .seeds = 3},
    {.name = "dial_several_alpns", .run = tell_several_alpns, .seeds = 3},
    {.name = "dial_many_alpns", .run = tell_many_alpns, .seeds = 3},
    {.name = "dial_nobody", .run = tell_nobody, .seeds = 2},
    {.name = "dial_half_open", .run = tell_half_open, .weather = STORY_CALM_ONLY},
    {.name = "dial_while_closing", .run = tell_while_closing, .weather = STORY_CALM_ONLY},
    {.name = "dial_ghost", .run = tell_ghost, .weather = STORY_CALM_ONLY},
    {0},
};
