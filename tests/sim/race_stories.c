/* Several addresses of one peer: the first that is proven wins, and the application hears of one.
 */
#include <string.h>

#include "note.h"

#define A_WHILE (60 * SIM_SECOND)

/* An address at which nobody is. */
static struct iq_socket_addr nowhere(unsigned k) { return sim_socket_addr(1000 + k, 4433); }

/* These stories dial with the library itself: watch.c follows connections that the application
 * knows, and of a race it knows only the winner. */
static void race(struct note_pair *self, const struct iq_socket_addr *addrs, size_t count)
{
    memcpy(self->addr.socket_addrs, addrs, count * sizeof(*addrs));
    self->addr.count = count;
    SIM_EXPECT(self->pair.sim, iq_endpoint_connect(self->pair.dials->endpoint, &self->addr,
                                                   APP_ALPN, &note_handler, &self->dials) == 0);
}

static void expect_open(const struct note_pair *self)
{
    const struct sim *sim = self->pair.sim;

    SIM_EXPECT(sim, self->dials.opened == 1 && self->dials.closed == 0);
    SIM_EXPECT(sim, self->accepts.opened == 1 && self->accepts.closed == 0);
    SIM_EXPECT(sim, iq_id_equal(&self->dials.remote_id, &self->addr.id));
}

static void tell_dead_first(const struct sim_options *options)
{
    struct note_pair self;

    note_start(&self, options, NULL, NULL);
    race(&self, (struct iq_socket_addr[]){nowhere(1), nowhere(2), self.pair.accepts->addrs[0]}, 3);
    sim_run_for(self.pair.sim, A_WHILE);
    expect_open(&self);
    SIM_EXPECT(self.pair.sim, self.pair.dials->endpoint->env.conn_count == 1);
    sim_free(self.pair.sim);
    note_expect_closed(self.pair.sim, "dead first", &self.dials, IQ_CLOSED_BY_US, 0);
}

/* The second attempt begins 250 ms after the first, and not before. */
static void tell_staggered(const struct sim_options *options)
{
    struct note_pair self;

    note_start(&self, options, NULL, NULL);
    race(&self, (struct iq_socket_addr[]){nowhere(1), self.pair.accepts->addrs[0]}, 2);
    sim_run_for(self.pair.sim, 249 * SIM_MILLISECOND);
    SIM_EXPECT(self.pair.sim, self.pair.accepts->received_count == 0);
    sim_run_for(self.pair.sim, 51 * SIM_MILLISECOND);
    expect_open(&self);
    sim_free(self.pair.sim);
}

/* One that has failed is not waited for. */
static void tell_wrong_then_right(const struct sim_options *options)
{
    struct note_pair self;
    struct sim_node *other;

    note_start(&self, options, NULL, NULL);
    other = sim_add_endpoint(self.pair.sim, NULL);
    watch_listen(other, app_echo_routes);
    race(&self, (struct iq_socket_addr[]){other->addrs[0], self.pair.accepts->addrs[0]}, 2);
    sim_run_for(self.pair.sim, 100 * SIM_MILLISECOND);
    expect_open(&self);
    sim_free(self.pair.sim);
}

/* Who was not called yet is not called to be told that it is over. */
static void tell_closed_uncalled(const struct sim_options *options)
{
    struct note_pair self;
    uint64_t wait_ms;

    for (wait_ms = 0; wait_ms <= 100; wait_ms += 100) {
        note_start(&self, options, NULL, NULL);
        race(&self, (struct iq_socket_addr[]){nowhere(1), self.pair.accepts->addrs[0]}, 2);
        if (wait_ms > 0) { /* else not even the first turn has come */
            sim_run_for(self.pair.sim, wait_ms * SIM_MILLISECOND);
        }
        sim_close(self.pair.dials);
        sim_run_for(self.pair.sim, A_WHILE);
        SIM_EXPECT(self.pair.sim, self.dials.closed == 1 && self.dials.opened == 0);
        SIM_EXPECT(self.pair.sim, self.pair.accepts->received_count == 0);
        SIM_EXPECT(self.pair.sim, wait_ms > 0 || self.pair.dials->sent_count == 0);
        sim_free(self.pair.sim);
    }
}

static void tell_all_dead(const struct sim_options *options)
{
    struct note_pair self;
    struct iq_socket_addr addrs[IQ_ADDR_MAX];
    unsigned k;

    for (k = 0; k < IQ_ADDR_MAX; k++) {
        addrs[k] = nowhere(k);
    }
    note_start(&self, options, NULL, NULL);
    race(&self, addrs, IQ_ADDR_MAX);
    sim_run_for(self.pair.sim, A_WHILE);
    note_expect_closed(self.pair.sim, "all dead", &self.dials, IQ_CLOSED_TIMED_OUT, 0);
    SIM_EXPECT(self.pair.sim, self.dials.opened == 0);
    SIM_EXPECT(self.pair.sim, self.pair.dials->endpoint->env.conn_count == 0);
    sim_free(self.pair.sim);
}

/* Of several failures that is told which says most. */
static void tell_wrong_and_dead(const struct sim_options *options)
{
    struct note_pair self;
    struct sim_node *other;

    note_start(&self, options, NULL, NULL);
    other = sim_add_endpoint(self.pair.sim, NULL);
    watch_listen(other, app_echo_routes);
    race(&self, (struct iq_socket_addr[]){nowhere(1), other->addrs[0], nowhere(2)}, 3);
    sim_run_for(self.pair.sim, A_WHILE);
    note_expect_closed(self.pair.sim, "wrong and dead", &self.dials, IQ_CLOSED_TRANSPORT_ERROR,
                       IQ_CODE_WRONG_ID);
    sim_free(self.pair.sim);
}

/* Both addresses lead to the peer, and both handshakes are on their way when the first is done. */
static void tell_both_good(const struct sim_options *options)
{
    struct note_pair self;
    struct sim_node *accepts;

    note_start(&self, options, NULL, NULL);
    accepts = self.pair.accepts;
    accepts->addrs[1] = sim_socket_addr(2000, 4433);
    accepts->addr_count = 2;
    accepts->link.delay_ms = self.pair.dials->link.delay_ms = 200;
    race(&self, accepts->addrs, 2);
    sim_run_for(self.pair.sim, A_WHILE);
    SIM_EXPECT(self.pair.sim, self.dials.opened == 1 && self.dials.closed == 0);
    SIM_EXPECT(self.pair.sim, self.pair.dials->endpoint->env.conn_count == 1);
    SIM_EXPECT(self.pair.sim, accepts->endpoint->env.conn_count == 1);
    sim_free(self.pair.sim);
    note_expect_closed(self.pair.sim, "both good", &self.dials, IQ_CLOSED_BY_US, 0);
}

/* An address that is not needed never hears of us. */
static void tell_second_not_needed(const struct sim_options *options)
{
    struct note_pair self;
    struct sim_node *other;

    note_start(&self, options, NULL, NULL);
    other = sim_add_raw(self.pair.sim);
    race(&self, (struct iq_socket_addr[]){self.pair.accepts->addrs[0], other->addrs[0]}, 2);
    sim_run_for(self.pair.sim, A_WHILE);
    expect_open(&self);
    SIM_EXPECT(self.pair.sim, other->received_count == 0);
    sim_free(self.pair.sim);
}

static void tell_closed_meanwhile(const struct sim_options *options)
{
    static const uint64_t when_ns[] = {0, 1, 10 * SIM_MILLISECOND, 20 * SIM_MILLISECOND,
                                       260 * SIM_MILLISECOND};
    size_t i;

    for (i = 0; i < sizeof(when_ns) / sizeof(when_ns[0]); i++) {
        struct note_pair self;

        note_start(&self, options, NULL, NULL);
        race(&self, (struct iq_socket_addr[]){nowhere(1), nowhere(2), self.pair.accepts->addrs[0]},
             3);
        sim_run_for(self.pair.sim, when_ns[i]);
        sim_close(self.pair.dials);
        note_expect_closed(self.pair.sim, "closed meanwhile", &self.dials, IQ_CLOSED_BY_US, 0);
        SIM_EXPECT(self.pair.sim, self.dials.opened == 0);
        sim_free(self.pair.sim);
    }
}

const struct story race_stories[] = {
    {.name = "race_dead_first", .run = tell_dead_first},
    {.name = "race_staggered", .run = tell_staggered, .weather = STORY_CALM_ONLY},
    {.name = "race_wrong_then_right", .run = tell_wrong_then_right, .weather = STORY_CALM_ONLY},
    {.name = "race_closed_uncalled", .run = tell_closed_uncalled},
    {.name = "race_all_dead", .run = tell_all_dead},
    {.name = "race_wrong_and_dead", .run = tell_wrong_and_dead},
    {.name = "race_both_good", .run = tell_both_good},
    {.name = "race_second_not_needed", .run = tell_second_not_needed, .weather = STORY_CALM_ONLY},
    {.name = "race_closed_meanwhile", .run = tell_closed_meanwhile},
    {0},
};
