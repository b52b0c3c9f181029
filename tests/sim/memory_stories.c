/*
 * Memory that runs out: at every single allocation of a connection's life, on either side, once or
 * for a while.  That connection may fail, and says so; everything else goes on, and nothing leaks.
 */
#include "story.h"

#define LIMIT (200 * SIM_SECOND)

/* How many allocations fail, one behind the other. */
#define ONCE    1
#define A_WHILE 40

/* A connection that was there before: it has nothing to do while memory is scarce. */
struct bystander {
    struct app_task task;
    struct iq_stream *stream;
};

static void open_bystander(struct story_pair *pair, struct bystander *bystander)
{
    *bystander = (struct bystander){.task = {.len = 100, .stay = true}};
    app_dial(&bystander->task, pair->dials, pair->accepts);
    sim_run_for(pair->sim, 2 * SIM_SECOND);
    SIM_EXPECT(pair->sim, bystander->task.echoed == 1);
}

/* It makes one more echo, and says good-bye. */
static void finish_bystander(struct story_pair *pair, struct bystander *bystander)
{
    SIM_EXPECT(pair->sim, bystander->task.closed_count == 0);
    bystander->task.stay = false;
    bystander->task.stream_count = 2;
    app_task_handler.on_streams_allowed(bystander->task.conn); /* opens what it may */
    story_finish(pair, &bystander->task, LIMIT);
}

/* Dials, echoes and closes while the allocations from `first` on are denied.  Returns whether there
 * were so many. */
static bool live_without(const struct sim_options *options, uint64_t first, uint64_t count)
{
    struct story_pair pair = story_pair(options, NULL, NULL);
    struct app_task task = {.len = 3000}, later = {.len = 3000};
    const struct iq_addr addr = sim_addr(pair.accepts);
    struct bystander bystander;
    uint64_t asked, end_ns;
    int rc;

    pair.sim->memory_uncounted = true; /* leaves_nothing() counts */
    open_bystander(&pair, &bystander);
    sim_deny_memory(first, first + count - 1);
    rc = watch_dial(&task.conn, pair.dials, &addr, APP_ALPN, &app_task_handler, &task, NULL);
    end_ns = pair.sim->now_ns + LIMIT;
    while (rc == 0 && task.closed_count == 0 && pair.sim->now_ns < end_ns && sim_step(pair.sim)) {
    }
    asked = sim_allocation_count();
    sim_deny_memory(0, 0);
    if (rc == 0 && task.closed_count != 1) {
        SIM_FAIL(pair.sim, "allocation %llu: the connection never ends", (unsigned long long)first);
    }
    SIM_EXPECT(pair.sim, rc == 0 || rc == IQ_ERR_NOMEM || rc == IQ_ERR_CRYPTO);
    SIM_EXPECT(pair.sim, rc == 0 || task.closed_count == 0);
    if (asked < first) {
        app_expect_done(pair.sim, &task);
    }
    app_dial(&later, pair.dials, pair.accepts);
    story_finish(&pair, &later, LIMIT);
    finish_bystander(&pair, &bystander);
    sim_run(pair.sim, LIMIT);
    sim_free(pair.sim);
    return asked >= first;
}

/* The same, and looks at what is left over.  When OpenSSL has to go another way than usual, it may
 * keep what it looked up for ever: that is no leak, because the next time it is there. */
static bool leaves_nothing(const struct sim_options *options, uint64_t first, uint64_t count)
{
    const size_t before = (sim_forget_errors(), sim_live_bytes());
    const bool denied = live_without(options, first, count);
    const size_t after = sim_live_bytes();

    if (after == before) {
        return denied;
    }
    (void)live_without(options, first, count);
    if (sim_live_bytes() != after) {
        fail_msg("allocation %llu: %ld bytes left over, each time", (unsigned long long)first,
                 (long)sim_live_bytes() - (long)after);
    }
    return denied;
}

static void deny_each(const struct sim_options *options, uint64_t count, uint64_t step)
{
    uint64_t first = 1;

    while (leaves_nothing(options, first, count)) {
        first += step;
    }
    assert_true(first > 50); /* a whole connection; where OpenSSL is shared, only what is ours */
}

static void tell_each_allocation(const struct sim_options *options)
{
    deny_each(options, ONCE, 4000 / story_scale(4000));
}

static void tell_for_a_while(const struct sim_options *options)
{
    deny_each(options, A_WHILE, UINT64_C(7) * (4000 / story_scale(4000)));
}

/* An endpoint that cannot be made is an error, and not a byte of it is left. */
static void tell_endpoint(const struct sim_options *options)
{
    struct sim *sim = sim_new(options);
    struct sim_node *node = sim_add_raw(sim);
    uint64_t first = 0;
    int rc;

    do {
        const size_t live_before = (sim_forget_errors(), sim_live_bytes());

        first++;
        sim_deny_memory(first, first);
        rc = iq_endpoint_new(&node->endpoint, &node->wire, NULL);
        sim_deny_memory(0, 0);
        sim_forget_errors();
        SIM_EXPECT(sim, rc == 0 || rc == IQ_ERR_NOMEM || rc == IQ_ERR_CRYPTO);
        SIM_EXPECT(sim, rc == 0 || (node->endpoint == NULL && sim_live_bytes() == live_before));
    } while (rc != 0);
    SIM_EXPECT(sim, first > 3);
    sim_free(sim);
}

const struct story memory_stories[] = {
    {.name = "memory_each_allocation", .run = tell_each_allocation, .weather = STORY_CALM_ONLY},
    {.name = "memory_for_a_while", .run = tell_for_a_while, .weather = STORY_CALM_ONLY},
    {.name = "memory_endpoint", .run = tell_endpoint, .weather = STORY_CALM_ONLY},
    {0},
};
