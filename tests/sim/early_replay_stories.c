/* Early data that somebody has recorded and sends again: nobody hears it twice. */
#include <string.h>

#include "early.h"

#define A_WHILE (60 * SIM_SECOND)

#define COPIES 100

static struct {
    uint8_t bytes[8][2000];
    size_t lens[8];
    size_t count;
} recorded;

/* Until something comes back. */
static bool record(struct sim_node *node, const struct iq_datagrams *datagram)
{
    if (node->received_count == 0 && recorded.count < 8) {
        memcpy(recorded.bytes[recorded.count], datagram->data, datagram->len);
        recorded.lens[recorded.count++] = datagram->len;
    }
    return true;
}

static bool record_and_lose(struct sim_node *node, const struct iq_datagrams *datagram)
{
    (void)record(node, datagram);
    return false;
}

static void start_recording(struct early_pair *self, bool lose)
{
    recorded.count = 0;
    self->dials->received_count = 0;
    self->dials->tap = lose ? record_and_lose : record;
}

/* From the same address as the first time, or another one for each copy. */
static void replay(const struct early_pair *self, unsigned copy)
{
    struct iq_socket_addr from = self->dials->addrs[0];
    size_t i;

    if (copy % 2 != 0) {
        from = sim_socket_addr(100 + copy, 7000);
    }
    for (i = 0; i < recorded.count; i++) {
        sim_inject(self->sim, &from, &self->accepts->addrs[0], recorded.bytes[i], recorded.lens[i]);
    }
}

/* Most copies come within the ten seconds in which OpenSSL finds the age of a session right. */
static void expect_unheard(struct early_pair *self)
{
    unsigned i;
    bool begun = false;

    self->taker = (struct early_taker){0};
    for (i = 0; i < COPIES; i++) {
        replay(self, i);
        sim_run_for(self->sim, i < COPIES - 5 ? 50 * SIM_MILLISECOND : 12 * SIM_SECOND);
        begun = begun || self->accepts->endpoint->env.conn_count > 0;
    }
    sim_run_for(self->sim, A_WHILE);
    SIM_EXPECT(self->sim, begun);
    SIM_EXPECT(self->sim, self->taker.early == 0 && self->taker.questions == 0);
    SIM_EXPECT(self->sim, self->taker.accepted == 0 && self->taker.closed == 0);
    SIM_EXPECT(self->sim, self->accepts->endpoint->env.conn_count == 0);
}

static void tell_replayed(const struct sim_options *options)
{
    struct early_pair self;

    early_start(&self, options);
    start_recording(&self, false);
    early_ask(&self);
    early_expect(&self, "recorded", EARLY_ACCEPTED);
    SIM_EXPECT(self.sim, self.taker.questions_early == 1 && recorded.count > 0);
    sim_run_for(self.sim, SIM_SECOND); /* or they would come to the connection that lingers */
    expect_unheard(&self);
    early_restart(&self);
    expect_unheard(&self);
    sim_free(self.sim);
}

/* The copies come while the connection lives, as they are and in another order. */
static void tell_replayed_meanwhile(const struct sim_options *options)
{
    struct early_pair self;
    unsigned i;

    early_start(&self, options);
    start_recording(&self, false);
    self.asker.len = 200000;
    early_dial(&self);
    sim_run_for(self.sim, 15 * SIM_MILLISECOND);
    for (i = 0; i < COPIES; i++) {
        replay(&self, i);
        sim_run_for(self.sim, SIM_MILLISECOND);
    }
    sim_run_for(self.sim, A_WHILE);
    early_expect(&self, "meanwhile", EARLY_ACCEPTED);
    sim_free(self.sim);
}

/* A copy takes the place of the original, which never arrives: it is heard, once. */
static void tell_copy_first(const struct sim_options *options)
{
    struct early_pair self;
    unsigned i;

    early_start(&self, options);
    start_recording(&self, true);
    early_dial(&self);
    sim_run_for(self.sim, 100 * SIM_MILLISECOND);
    for (i = 1; i < COPIES; i++) {
        replay(&self, i);
        sim_run_for(self.sim, SIM_SECOND);
    }
    sim_run_for(self.sim, A_WHILE);
    SIM_EXPECT(self.sim, self.taker.early == 1 && self.taker.questions == 1);
    SIM_EXPECT(self.sim, self.taker.accepted == 0 && self.taker.closed == 1);
    self.dials->tap = NULL;
    early_ask(&self);
    early_expect(&self, "the next one", EARLY_ACCEPTED);
    sim_free(self.sim);
}

const struct story early_replay_stories[] = {
    {.name = "early_replayed", .run = tell_replayed, .weather = STORY_CALM_ONLY},
    {.name = "early_replayed_meanwhile",
     .run = tell_replayed_meanwhile,
     .weather = STORY_CALM_ONLY},
    {.name = "early_copy_first", .run = tell_copy_first, .weather = STORY_CALM_ONLY},
    {0},
};
