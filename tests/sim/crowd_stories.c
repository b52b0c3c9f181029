/* Many connections: in a row, at once, and in a storm. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "crowd.h"
#include "story.h"

/* One after the other, and no byte is left of any. */
static void tell_in_a_row(const struct sim_options *options)
{
    const unsigned count = options->weather.loss > 0 ? 1000 : 10000;
    struct story_pair pair = story_pair(options, NULL, NULL);
    size_t after_the_first = 0;
    unsigned i;

    for (i = 0; i < 100 + story_scale(count); i++) {
        struct app_task task = {.len = 100};

        app_dial(&task, pair.dials, pair.accepts);
        story_finish(&pair, &task, 120 * SIM_SECOND);
        sim_run(pair.sim, 120 * SIM_SECOND); /* until both sides have forgotten it */
        sim_forget_errors();
        if (i == 99) {
            after_the_first = sim_live_bytes();
        }
    }
    SIM_EXPECT(pair.sim, sim_live_bytes() == after_the_first);
    sim_free(pair.sim);
}

/* Several endpoints in one process, each of which dials all the others while it is dialled. */

#define CROWD 6

static void tell_several_endpoints(const struct sim_options *options)
{
    struct sim *sim = sim_new(options);
    struct sim_node *nodes[CROWD];
    struct app_task tasks[CROWD * CROWD] = {0};
    unsigned i;

    for (i = 0; i < CROWD; i++) {
        nodes[i] = sim_add_endpoint(sim, NULL);
        watch_listen(nodes[i], app_echo_routes);
    }
    for (i = 0; i < CROWD * CROWD; i++) {
        tasks[i].len = 5000 + i * 100;
        if (i / CROWD != i % CROWD) {
            app_dial(&tasks[i], nodes[i / CROWD], nodes[i % CROWD]);
        }
    }
    sim_run(sim, 600 * SIM_SECOND);
    for (i = 0; i < CROWD * CROWD; i++) {
        if (i / CROWD != i % CROWD) {
            app_expect_done(sim, &tasks[i]);
        }
    }
    sim_free(sim);
}

/* An idle connection costs no more than this, both sides together. */
static void tell_memory_each(const struct sim_options *options)
{
    struct story_pair pair = story_pair(options, NULL, NULL);
    struct app_task tasks[50] = {0};
    size_t live_before, i;

    live_before = sim_live_bytes();
    for (i = 0; i < 50; i++) {
        tasks[i] = (struct app_task){.len = 1000, .stay = true};
        app_dial(&tasks[i], pair.dials, pair.accepts);
    }
    sim_run_for(pair.sim, 60 * SIM_SECOND);
    SIM_EXPECT(pair.sim, watch_live_conns(pair.sim) == 100);
    SIM_EXPECT(pair.sim, (sim_live_bytes() - live_before) / 100 <= (size_t)96 * 1024);
    sim_free(pair.sim);
}

/* The storm */

static const struct sim_link storm = {.name = "storm",
                                      .delay_ms = 10,
                                      .loss = 1000,
                                      .duplicate = 300,
                                      .reorder = 500,
                                      .corrupt = 200};

#define AT_ONCE 20

/* In such weather one handshake in some 20,000 does not make it in the time that the accept side
 * gives it, and has to be dialled again.  More than one in 2,000 is a fault. */
static unsigned dialled_again;

static void dial_again(struct story_pair *pair, struct app_task *task)
{
    if (!task->connected && task->how == IQ_CLOSED_TIMED_OUT) {
        *task = (struct app_task){.len = task->len};
        app_dial(task, pair->dials, pair->accepts);
        sim_run(pair->sim, 300 * SIM_SECOND);
        dialled_again++;
    }
}

/* Dials so many at once, and waits for all.  Returns how many have failed. */
static unsigned blow(struct story_pair *pair)
{
    struct app_task tasks[AT_ONCE];
    unsigned failed = 0, i;

    for (i = 0; i < AT_ONCE; i++) {
        tasks[i] = (struct app_task){.len = 512 + dice_below(&pair->sim->workload, 1024)};
        app_dial(&tasks[i], pair->dials, pair->accepts);
    }
    sim_run(pair->sim, 300 * SIM_SECOND);
    for (i = 0; i < AT_ONCE; i++) {
        dial_again(pair, &tasks[i]);
    }
    for (i = 0; i < AT_ONCE; i++) {
        if (!app_is_done(&tasks[i])) {
            failed++;
            fprintf(stderr, "connected %d, how %d, code %#" PRIx64 " %s\n", tasks[i].connected,
                    (int)tasks[i].how, tasks[i].code, tasks[i].reason);
        }
    }
    return failed;
}

uint64_t crowd_storm(uint64_t seed, unsigned count)
{
    /* In 30 seconds a dial says hello five times, and of 20,000 one or the other loses them all. */
    static const struct iq_endpoint_config patient = {.idle_timeout_ms = 120000,
                                                      .connect_timeout_ms = 120000};
    const struct sim_options options = {.seed = seed, .weather = storm};
    struct story_pair pair = story_pair(&options, &patient, &patient);
    unsigned done, failed = 0;
    uint64_t trace;

    dialled_again = 0;
    pair.sim->check_every = 4;
    for (done = 0; done < count; done += AT_ONCE) {
        failed += blow(&pair);
    }
    if (failed > 0) {
        SIM_FAIL(pair.sim, "%u of %u connections failed", failed, count);
    }
    SIM_EXPECT(pair.sim, dialled_again <= 1 + count / 2000);
    trace = pair.sim->trace;
    sim_free(pair.sim);
    return trace;
}

static void tell_storm(const struct sim_options *options)
{
    (void)crowd_storm(options->seed, story_scale(20000));
}

/* The same seed gives the same bytes at the same times: here, and in another process. */
static void tell_same_trace(const struct sim_options *options)
{
    const unsigned count = 200;
    const uint64_t trace = crowd_storm(options->seed, count);
    char command[4200], line[64] = "";
    FILE *other;

    assert_true(crowd_storm(options->seed, count) == trace);
    assert_true(crowd_storm(options->seed + 1, count) != trace);
    snprintf(command, sizeof(command), "'%s' --trace %" PRIu64 " %u", crowd_program, options->seed,
             count);
    other = popen(command, "r"); /* this program.  NOLINT(cert-env33-c) */
    assert_non_null(other);
    assert_non_null(fgets(line, sizeof(line), other));
    assert_int_equal(pclose(other), 0);
    assert_true(strtoull(line, NULL, 16) == trace);
}

const struct story crowd_stories[] = {
    {.name = "crowd_in_a_row", .run = tell_in_a_row},
    {.name = "crowd_several_endpoints", .run = tell_several_endpoints, .seeds = 5},
    {.name = "crowd_memory_each", .run = tell_memory_each, .weather = STORY_CALM_ONLY},
    {.name = "crowd_storm", .run = tell_storm, .weather = STORY_CALM_ONLY},
    {.name = "crowd_same_trace", .run = tell_same_trace, .weather = STORY_CALM_ONLY},
    {0},
};
