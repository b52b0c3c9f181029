/* Echoes of every size, and what surrounds them. */
#include "story.h"

static void echo_once(const struct sim_options *options, uint64_t len, bool end_alone)
{
    struct story_pair pair = story_pair(options, NULL, NULL);
    struct app_task task = {.len = len, .end_alone = end_alone};

    app_dial(&task, pair.dials, pair.accepts);
    sim_run_for(pair.sim, 120 * SIM_SECOND);
    app_expect_done(pair.sim, &task);
    sim_free(pair.sim);
}

static void tell_hello(const struct sim_options *options) { echo_once(options, 13, false); }

static void tell_end_alone(const struct sim_options *options)
{
    echo_once(options, 13, true);
    echo_once(options, 0, true);
    echo_once(options, 1200, true);
    echo_once(options, 100000, true);
}

/* Around a packet, 2^16, and the default windows of a stream and of a connection */
static void tell_sizes(const struct sim_options *options)
{
    static const uint64_t sizes[] = {0,       1,       2,       13,      65535,   65536,  65537,
                                     1249999, 1250000, 1250001, 4999999, 5000000, 5000001};
    uint64_t len;
    size_t i;

    for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        echo_once(options, sizes[i], false);
    }
    for (len = 1199; len <= 1453; len++) {
        echo_once(options, len, false);
    }
}

static void tell_10_mb(const struct sim_options *options) { echo_once(options, 10000000, false); }

const struct story echo_stories[] = {
    {.name = "echo_hello", .run = tell_hello, .seeds = 20},
    {.name = "echo_sizes", .run = tell_sizes},
    {.name = "echo_end_alone", .run = tell_end_alone, .seeds = 10},
    {.name = "echo_10_mb", .run = tell_10_mb},
    {0},
};
