/* TLS sessions: the second connection costs less, and its peer is still the one that was proven. */
#include <string.h>

#include "clock.h"
#include "note.h"

#define A_WHILE (60 * SIM_SECOND)
#define HOUR    (3600 * SIM_SECOND)

static const struct iq_endpoint_config keeps_sessions = {.sessions_max = 256};

/* Connects, waits for what comes after the handshake, and hangs up.  Returns whether both sides
 * have resumed a session. */
static bool connect_with(struct note_pair *self, const char *alpn,
                         const struct iq_connect_options *options)
{
    const struct sim *sim = self->pair.sim;
    const struct note dials = self->dials, accepts = self->accepts;

    SIM_EXPECT(sim, note_dial(self, alpn, options) == 0);
    sim_run_for(self->pair.sim, 5 * SIM_SECOND);
    SIM_EXPECT(sim, self->dials.opened == dials.opened + 1);
    SIM_EXPECT(sim, self->accepts.opened == accepts.opened + 1);
    SIM_EXPECT(sim, iq_id_equal(&self->dials.remote_id, &self->addr.id));
    SIM_EXPECT(sim,
               iq_id_equal(&self->accepts.remote_id, iq_endpoint_id(self->pair.dials->endpoint)));
    SIM_EXPECT(sim, strcmp(self->dials.alpn, self->accepts.alpn) == 0);
    SIM_EXPECT(sim, self->dials.resumed - dials.resumed == self->accepts.resumed - accepts.resumed);
    iq_conn_close(self->conn, 0, NULL);
    sim_run_for(self->pair.sim, A_WHILE);
    return self->dials.resumed != dials.resumed;
}

static bool connect_again(struct note_pair *self) { return connect_with(self, APP_ALPN, NULL); }

static void tell_resumes(const struct sim_options *options)
{
    struct note_pair self;
    int i;

    note_start(&self, options, &keeps_sessions, NULL);
    SIM_EXPECT(self.pair.sim, !connect_again(&self));
    for (i = 0; i < 5; i++) {
        SIM_EXPECT(self.pair.sim, connect_again(&self));
    }
    sim_free(self.pair.sim);
}

/* Both must want it. */
static void tell_off(const struct sim_options *options)
{
    static const uint32_t rows[][2] = {{0, 0}, {256, 0}, {0, 256}};
    size_t i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct iq_endpoint_config dials = {.sessions_max = rows[i][0]};
        const struct iq_endpoint_config accepts = {.sessions_max = rows[i][1]};
        struct note_pair self = {.pair = story_pair(options, &dials, &accepts)};

        self.routes[0] =
            (struct iq_route){.alpn = APP_ALPN, .handler = &note_handler, .data = &self.accepts};
        self.addr = sim_addr(self.pair.accepts);
        watch_listen(self.pair.accepts, self.routes);
        SIM_EXPECT(self.pair.sim, !connect_again(&self));
        SIM_EXPECT(self.pair.sim, !connect_again(&self));
        sim_free(self.pair.sim);
    }
}

/* A full handshake brings two sessions, a resumed one brings one: of three connections at once the
 * third finds none. */
static void tell_each_once(const struct sim_options *options)
{
    struct note_pair self;
    int i;

    note_start(&self, options, &keeps_sessions, NULL);
    SIM_EXPECT(self.pair.sim, !connect_again(&self));
    for (i = 0; i < 3; i++) {
        SIM_EXPECT(self.pair.sim, note_dial(&self, APP_ALPN, NULL) == 0);
    }
    sim_run_for(self.pair.sim, A_WHILE);
    SIM_EXPECT(self.pair.sim, self.dials.opened == 4 && self.dials.resumed == 2);
    SIM_EXPECT(self.pair.sim, self.accepts.opened == 4 && self.accepts.resumed == 2);
    sim_free(self.pair.sim);
}

/* A session belongs to the protocol that it was made with.  To one that offers both, it is offered
 * as well, and whatever the accept side chooses then is spoken. */
static void tell_other_alpn(const struct sim_options *options)
{
    const struct iq_connect_options or_a = {.more_alpns = (const char *const[]){"a", NULL}};
    struct note_pair self;

    note_start(&self, options, &keeps_sessions, (const char *const[3]){"b", "a"});
    SIM_EXPECT(self.pair.sim, !connect_with(&self, "a", NULL));
    SIM_EXPECT(self.pair.sim, !connect_with(&self, "b", NULL));
    SIM_EXPECT(self.pair.sim, connect_with(&self, "a", NULL));
    sim_free(self.pair.sim);
    note_start(&self, options, &keeps_sessions, (const char *const[3]){"b", "a"});
    SIM_EXPECT(self.pair.sim, !connect_with(&self, "a", NULL));
    SIM_EXPECT(self.pair.sim, connect_with(&self, "b", &or_a));
    SIM_EXPECT(self.pair.sim, strcmp(self.dials.alpn, "b") == 0);
    sim_free(self.pair.sim);
}

/* The peer speaks the protocol no more: an earlier session does not help. */
static void tell_lost_route(const struct sim_options *options)
{
    static const struct iq_route others[] = {{.alpn = "other", .handler = &note_handler}, {0}};
    struct note_pair self;

    note_start(&self, options, &keeps_sessions, NULL);
    SIM_EXPECT(self.pair.sim, !connect_again(&self));
    self.dials.closed = 0;
    watch_listen(self.pair.accepts, others);
    SIM_EXPECT(self.pair.sim, note_dial(&self, APP_ALPN, NULL) == 0);
    sim_run_for(self.pair.sim, A_WHILE);
    note_expect_closed(self.pair.sim, "without its route", &self.dials, IQ_CLOSED_ABORTED_BY_PEER,
                       IQ_CODE_NO_ALPN);
    SIM_EXPECT(self.pair.sim, self.dials.opened == 1 && self.accepts.opened == 1);
    sim_free(self.pair.sim);
}

/* Who was let in before, and is not welcome any more: his session does not let him in. */

static struct {
    bool welcome;
    unsigned asked, resumed;
} host;

static bool look_at(struct iq_conn *conn)
{
    host.asked++;
    host.resumed += iq_conn_is_resumed(conn);
    return host.welcome;
}

static void tell_not_welcome(const struct sim_options *options)
{
    struct iq_protocol_handler guarded = note_handler;
    struct note_pair self;

    guarded.on_accepting = look_at;
    memset(&host, 0, sizeof(host));
    host.welcome = true;
    note_start(&self, options, &keeps_sessions, NULL);
    self.routes[0].handler = &guarded;
    watch_listen(self.pair.accepts, self.routes);
    SIM_EXPECT(self.pair.sim, !connect_again(&self));
    host.welcome = false;
    SIM_EXPECT(self.pair.sim, note_dial(&self, APP_ALPN, NULL) == 0);
    sim_run_for(self.pair.sim, A_WHILE);
    SIM_EXPECT(self.pair.sim, host.asked == 2 && host.resumed == 1);
    SIM_EXPECT(self.pair.sim, self.accepts.opened == 1 && self.accepts.closed == 1);
    SIM_EXPECT(self.pair.sim, self.dials.closed == 2);
    host.welcome = true;
    (void)connect_again(&self);
    SIM_EXPECT(self.pair.sim, host.asked == 3);
    sim_free(self.pair.sim);
}

static void swap_addrs(struct sim_node *a, struct sim_node *b)
{
    const struct iq_socket_addr addr = a->addrs[0];

    a->addrs[0] = b->addrs[0];
    b->addrs[0] = addr;
}

/* Somebody else lives where the peer was: he is not taken for the peer, nor does he profit. */
static void tell_other_peer(const struct sim_options *options)
{
    struct note_pair self;
    struct sim_node *other;

    note_start(&self, options, &keeps_sessions, NULL);
    other = sim_add_endpoint(self.pair.sim, &keeps_sessions);
    watch_listen(other, self.routes);
    SIM_EXPECT(self.pair.sim, !connect_again(&self));
    swap_addrs(self.pair.accepts, other);
    self.dials.closed = 0;
    SIM_EXPECT(self.pair.sim, note_dial(&self, APP_ALPN, NULL) == 0);
    sim_run_for(self.pair.sim, A_WHILE);
    note_expect_closed(self.pair.sim, "another peer", &self.dials, IQ_CLOSED_TRANSPORT_ERROR,
                       IQ_CODE_WRONG_ID);
    SIM_EXPECT(self.pair.sim, self.dials.opened == 1 && self.accepts.opened == 1);
    self.addr.id = *iq_endpoint_id(other->endpoint);
    SIM_EXPECT(self.pair.sim, !connect_again(&self));
    SIM_EXPECT(self.pair.sim, connect_again(&self));
    self.addr = sim_addr(self.pair.accepts);
    SIM_EXPECT(self.pair.sim, connect_again(&self)); /* with its second session */
    sim_free(self.pair.sim);
}

/* The accept side has a new memory, and the same key. */
static void tell_restart(const struct sim_options *options)
{
    struct iq_secret_key key;
    struct iq_endpoint_config config = keeps_sessions;
    struct note_pair self;

    note_start(&self, options, &keeps_sessions, NULL);
    iq_secret_key_generate(&key);
    config.secret_key = &key;
    sim_close(self.pair.accepts);
    SIM_EXPECT(self.pair.sim, iq_endpoint_new(&self.pair.accepts->endpoint,
                                              &self.pair.accepts->wire, &config) == 0);
    watch_listen(self.pair.accepts, self.routes);
    self.addr = sim_addr(self.pair.accepts);
    SIM_EXPECT(self.pair.sim, !connect_again(&self));
    SIM_EXPECT(self.pair.sim, connect_again(&self));
    sim_close(self.pair.accepts);
    SIM_EXPECT(self.pair.sim, iq_endpoint_new(&self.pair.accepts->endpoint,
                                              &self.pair.accepts->wire, &config) == 0);
    watch_listen(self.pair.accepts, self.routes);
    SIM_EXPECT(self.pair.sim, !connect_again(&self));
    SIM_EXPECT(self.pair.sim, connect_again(&self));
    sim_free(self.pair.sim);
}

/* Sessions grow old, and a clock that is set makes all of them useless, but nothing else. */
static void tell_too_old(const struct sim_options *options)
{
    struct note_pair self;

    note_start(&self, options, &keeps_sessions, NULL);
    SIM_EXPECT(self.pair.sim, !connect_again(&self));
    sim_run_for(self.pair.sim, HOUR);
    SIM_EXPECT(self.pair.sim, connect_again(&self));
    sim_run_for(self.pair.sim, 3 * HOUR);
    SIM_EXPECT(self.pair.sim, !connect_again(&self));
    sim_clock_jump(INT64_C(8) * 24 * 3600);
    SIM_EXPECT(self.pair.sim, !connect_again(&self));
    SIM_EXPECT(self.pair.sim, connect_again(&self));
    sim_clock_jump(INT64_C(-8) * 24 * 3600);
    SIM_EXPECT(self.pair.sim, !connect_again(&self));
    SIM_EXPECT(self.pair.sim, connect_again(&self));
    sim_free(self.pair.sim);
}

/* Both sides keep as many as they were told, the latest. */
static void tell_bounded(const struct sim_options *options)
{
    const struct iq_endpoint_config keeps_three = {.sessions_max = 3};
    const char *const alpns[3] = {"a", "b", "c"};
    struct note_pair self;

    note_start(&self, options, &keeps_three, alpns);
    SIM_EXPECT(self.pair.sim, !connect_with(&self, "a", NULL));
    SIM_EXPECT(self.pair.sim, !connect_with(&self, "b", NULL)); /* one of "a" is left */
    SIM_EXPECT(self.pair.sim, connect_with(&self, "a", NULL));
    SIM_EXPECT(self.pair.sim, !connect_with(&self, "c", NULL)); /* now none of "b" */
    SIM_EXPECT(self.pair.sim, !connect_with(&self, "b", NULL));
    SIM_EXPECT(self.pair.sim, connect_with(&self, "c", NULL));
    sim_free(self.pair.sim);
}

const struct story session_stories[] = {
    {.name = "session_resumes", .run = tell_resumes, .seeds = 5},
    {.name = "session_off", .run = tell_off},
    {.name = "session_each_once", .run = tell_each_once},
    {.name = "session_other_alpn", .run = tell_other_alpn},
    {.name = "session_lost_route", .run = tell_lost_route},
    {.name = "session_not_welcome", .run = tell_not_welcome},
    {.name = "session_other_peer", .run = tell_other_peer},
    {.name = "session_restart", .run = tell_restart},
    {.name = "session_too_old", .run = tell_too_old},
    {.name = "session_bounded", .run = tell_bounded},
    {0},
};
