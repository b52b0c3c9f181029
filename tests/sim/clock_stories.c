/* Clocks that jump, tremble or stop, as those of machines do that sleep or are moved. */
#include "story.h"

#define HOUR_NS (3600 * SIM_SECOND)

/* Long enough for a clock that has gone back by an hour to be where it was. */
#define ALL_IS_OVER (3 * HOUR_NS)

/* How many events there may be before the clock jumps. */
#define PLACES 60

/* One that dials after all that is served as ever. */
static void expect_alive(struct story_pair *pair)
{
    struct app_task task = {.len = 1000};

    app_dial(&task, pair->dials, pair->accepts);
    story_finish(pair, &task, 60 * SIM_SECOND);
}

/* The clock of one side jumps in the middle: the connection comes to an end, once. */
static void jump_after(const struct sim_options *options, unsigned events, int64_t ns,
                       bool dialling_side)
{
    struct story_pair pair = story_pair(options, NULL, NULL);
    struct app_task task = {.len = 20000};

    sim_run_for(pair.sim, 2 * HOUR_NS); /* so that there is room to go back */
    app_dial(&task, pair.dials, pair.accepts);
    for (; events > 0 && sim_step(pair.sim); events--) {
    }
    sim_shift_clock(dialling_side ? pair.dials : pair.accepts, ns);
    sim_run(pair.sim, ALL_IS_OVER);
    SIM_EXPECT(pair.sim, task.closed_count == 1);
    SIM_EXPECT(pair.sim, app_is_done(&task) || task.how != IQ_CLOSED_BY_US);
    expect_alive(&pair);
    sim_free(pair.sim);
}

static void jump_everywhere(const struct sim_options *options, int64_t ns)
{
    const unsigned step = PLACES / story_scale(PLACES);
    unsigned events;

    for (events = 0; events < PLACES; events += step) {
        jump_after(options, events, ns, true);
        jump_after(options, events, ns, false);
    }
}

static void tell_forward(const struct sim_options *options)
{
    jump_everywhere(options, (int64_t)HOUR_NS);
}

static void tell_backward(const struct sim_options *options)
{
    jump_everywhere(options, -(int64_t)HOUR_NS);
}

/* An open connection whose hour has passed in a moment has timed out, and nothing else. */
static void tell_idle(const struct sim_options *options)
{
    unsigned side;

    for (side = 0; side < 2; side++) {
        struct story_pair pair = story_pair(options, NULL, NULL);
        struct app_task task = {.len = 1000, .stay = true};

        app_dial(&task, pair.dials, pair.accepts);
        sim_run_for(pair.sim, 12 * SIM_SECOND);
        SIM_EXPECT(pair.sim, task.echoed == 1);
        sim_shift_clock(side == 0 ? pair.dials : pair.accepts, (int64_t)HOUR_NS);
        sim_run_for(pair.sim, SIM_MILLISECOND);
        SIM_EXPECT(pair.sim, watch_live_conns(pair.sim) == 1); /* at once */
        sim_run(pair.sim, 60 * SIM_SECOND);
        SIM_EXPECT(pair.sim, task.closed_count == 1);
        SIM_EXPECT(pair.sim, side == 1 || task.how == IQ_CLOSED_TIMED_OUT);
        expect_alive(&pair);
        sim_free(pair.sim);
    }
}

/* Both clocks go back and forth by a millisecond all the time.  What is to happen soon is not moved
 * with them. */
static void tremble(struct sim *sim, void *arg)
{
    size_t i;

    for (i = 0; i < sim->node_count; i++) {
        sim->nodes[i].clock_ahead_ns = (int64_t)dice_below(&sim->network, SIM_MILLISECOND);
    }
}

static void tell_trembling(const struct sim_options *options)
{
    struct story_pair pair = story_pair(options, NULL, NULL);
    struct app_task task = {.len = 300000, .stream_count = 3, .at_once = 3};

    pair.sim->after_event = tremble;
    app_dial(&task, pair.dials, pair.accepts);
    story_finish(&pair, &task, 120 * SIM_SECOND);
    sim_free(pair.sim);
}

/* A machine stops in the middle of an echo: shorter than the idle time-out, and nobody minds. */
static void tell_short_pause(const struct sim_options *options)
{
    unsigned side;

    for (side = 0; side < 2; side++) {
        struct story_pair pair = story_pair(options, NULL, NULL);
        struct app_task task = {.len = 3000000};

        pair.dials->link.rate_bps = pair.accepts->link.rate_bps = 10000000;
        app_dial(&task, pair.dials, pair.accepts);
        sim_run_for(pair.sim, SIM_SECOND);
        sim_pause(side == 0 ? pair.dials : pair.accepts, 20 * SIM_SECOND);
        story_finish(&pair, &task, 120 * SIM_SECOND);
        sim_free(pair.sim);
    }
}

/* Or longer: its peer has gone, which it learns, and everybody can begin anew. */
static void tell_long_pause(const struct sim_options *options)
{
    unsigned side;

    for (side = 0; side < 2; side++) {
        struct story_pair pair = story_pair(options, NULL, NULL);
        struct app_task task = {.len = 3000000};

        pair.dials->link.rate_bps = pair.accepts->link.rate_bps = 10000000;
        app_dial(&task, pair.dials, pair.accepts);
        sim_run_for(pair.sim, SIM_SECOND);
        sim_pause(side == 0 ? pair.dials : pair.accepts, 60 * SIM_SECOND);
        sim_run(pair.sim, 200 * SIM_SECOND);
        SIM_EXPECT(pair.sim, task.closed_count == 1 && task.echoed == 0);
        SIM_EXPECT(pair.sim, watch_live_conns(pair.sim) == 0);
        expect_alive(&pair);
        sim_free(pair.sim);
    }
}

const struct story clock_stories[] = {
    {.name = "clock_forward", .run = tell_forward},
    {.name = "clock_backward", .run = tell_backward},
    {.name = "clock_idle", .run = tell_idle},
    {.name = "clock_trembling", .run = tell_trembling, .seeds = 3},
    {.name = "clock_short_pause", .run = tell_short_pause, .seeds = 3},
    {.name = "clock_long_pause", .run = tell_long_pause, .seeds = 3},
    {0},
};
