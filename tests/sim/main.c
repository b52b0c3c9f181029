/*
 * Tells the stories: the one that is named, or all but the long ones.
 *
 *     sim_stories [--seed N] [NAME]
 *     sim_stories --trace SEED COUNT      (for crowd_same_trace)
 *     sim_stories --play BYTES            (what play_at_random prints)
 *
 * SIM_SEED in the environment is another way to give a seed: it is the one that a failure prints,
 * and then only that run is repeated.  SIM_SCALE divides the large numbers.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "crowd.h"
#include "play.h"
#include "story.h"

static const struct story *const collections[] = {
    echo_stories,
    stream_stories,
    stream_end_stories,
    stream_priority_stories,
    stream_delivery_stories,
    datagram_stories,
    datagram_flow_stories,
    close_stories,
    close_answer_stories,
    mischief_stories,
    dial_stories,
    race_stories,
    incoming_stories,
    token_stories,
    router_stories,
    screening_stories,
    stray_stories,
    path_stories,
    migration_stories,
    packet_stories,
    crowd_stories,
    evil_identity_stories,
    play_stories,
    keys_stories,
    stats_stories,
    session_stories,
    early_stories,
    early_replay_stories,
    early_wish_stories,
    evil_session_stories,
    evil_say_stories,
    evil_key_stories,
    attack_stories,
    attack_qlog_stories,
    attack_path_stories,
    attack_datagram_stories,
    attack_fair_stories,
    attack_memory_stories,
    attack_limit_stories,
    late_stories,
    memory_stories,
    stream_patience_stories,
    clock_stories,
    close_early_stories,
    evil_done_stories,
    close_crossing_stories,
    fair_stories,
    anonymous_stories,
    cipher_stories,
    h3_stories,
    h3_rule_stories,
    week_stories,
    limits_stories,
    limits_stream_stories,
    limits_memory_stories,
    rule_stories,
    rule_param_stories,
    rule_answer_stories,
};

#define STORIES_MAX 400

const char *crowd_program;

static uint64_t seed_given;

static const struct sim_link calm = {.name = "calm", .delay_ms = 10};

static const struct sim_link rough = {
    .name = "rough", .delay_ms = 10, .loss = 500, .duplicate = 300, .reorder = 500};

unsigned story_scale(unsigned count)
{
    const char *text = getenv("SIM_SCALE");
    const unsigned divisor = text == NULL ? 1 : (unsigned)strtoul(text, NULL, 10);
    const unsigned scaled = divisor < 2 ? count : count / divisor;

    return scaled == 0 ? 1 : scaled;
}

struct story_pair story_pair(const struct sim_options *options,
                             const struct iq_endpoint_config *dials,
                             const struct iq_endpoint_config *accepts)
{
    struct story_pair pair = {.sim = sim_new(options)};

    pair.dials = sim_add_endpoint(pair.sim, dials);
    pair.accepts = sim_add_endpoint(pair.sim, accepts);
    watch_listen(pair.accepts, app_echo_routes);
    return pair;
}

struct iq_conn *story_connect(struct story_pair *pair, const struct iq_protocol_handler *handler,
                              void *data)
{
    const struct iq_addr addr = sim_addr(pair->accepts);
    const uint64_t end_ns = pair->sim->now_ns + 60 * SIM_SECOND;
    struct iq_conn *conn;

    SIM_EXPECT(pair->sim,
               watch_dial(&conn, pair->dials, &addr, APP_ALPN, handler, data, NULL) == 0);
    while (watch_conn(pair->accepts, 0) == NULL && sim_step(pair->sim)) {
        SIM_EXPECT(pair->sim, pair->sim->now_ns < end_ns);
    }
    return conn;
}

void story_finish(struct story_pair *pair, const struct app_task *task, uint64_t limit_ns)
{
    const uint64_t end_ns = pair->sim->now_ns + limit_ns;

    while (task->closed_count == 0 && pair->sim->now_ns < end_ns && sim_step(pair->sim)) {
    }
    app_expect_done(pair->sim, task);
}

/* Whole round trips, the second with a session of the first, so that what the libraries keep for
 * ever is there before anything counts. */
static void warm_up(void)
{
    static bool warm;
    const struct sim_options options = {.seed = 1, .weather = calm};
    const struct iq_endpoint_config keeps_sessions = {.sessions_max = 2};
    struct story_pair pair;
    struct app_task tasks[2] = {{.len = 1}, {.len = 1}};
    unsigned i;

    if (warm) {
        return;
    }
    warm = true;
    pair = story_pair(&options, &keeps_sessions, &keeps_sessions);
    for (i = 0; i < 2; i++) {
        app_dial(&tasks[i], pair.dials, pair.accepts);
        sim_run(pair.sim, 60 * SIM_SECOND);
    }
    sim_close(pair.dials);
    sim_close(pair.accepts);
    sim_forget_errors();
    pair.sim->live_bytes_before = sim_live_bytes();
    sim_free(pair.sim);
}

static void run(void **state)
{
    const struct story *story = *state;
    const struct sim_link *weathers[] = {&calm, &rough};
    const unsigned seeds = seed_given != 0 || story->seeds == 0 ? 1 : story_scale(story->seeds);
    unsigned weather, i;

    warm_up();
    for (weather = 0; weather < (story->weather == STORY_CALM_ONLY ? 1 : 2); weather++) {
        for (i = 0; i < seeds; i++) {
            const struct sim_options options = {.seed = seed_given != 0 ? seed_given : i + 1,
                                                .weather = *weathers[weather]};

            story->run(&options);
        }
    }
}

static int print_trace(const char *seed, const char *count)
{
    warm_up();
    printf("%" PRIx64 "\n",
           crowd_storm(strtoull(seed, NULL, 10), (unsigned)strtoul(count, NULL, 10)));
    return 0;
}

/* The bytes are written as hexadecimal digits. */
static int play(const char *digits)
{
    static uint8_t bytes[PLAY_SIZE_MAX];
    size_t len = 0;

    for (; len < sizeof(bytes) && strlen(digits) >= 2; digits += 2) {
        const char digit_pair[] = {digits[0], digits[1], '\0'};

        bytes[len++] = (uint8_t)strtoul(digit_pair, NULL, 16);
    }
    play_print(bytes, len);
    warm_up();
    return play_survives(bytes, len) ? 0 : 1;
}

static const char *read_arguments(int argc, char **argv)
{
    const char *seed = getenv("SIM_SEED");
    const char *name = NULL;
    int i;

    for (i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc) {
            seed = argv[++i];
        } else {
            name = argv[i];
        }
    }
    seed_given = seed == NULL ? 0 : strtoull(seed, NULL, 10);
    return name;
}

/* Those that take minutes are told only by name. */
static bool is_told(const struct story *story, const char *name)
{
    return name == NULL ? strncmp(story->name, "long_", 5) != 0 : strcmp(name, story->name) == 0;
}

/* Adds the stories of a collection, or the one of that name; returns how many there are now. */
static size_t collect(struct CMUnitTest tests[STORIES_MAX], size_t count, const struct story *story,
                      const char *name)
{
    for (; story->name != NULL; story++) {
        if (is_told(story, name)) {
            assert_true(count < STORIES_MAX);
            tests[count++] = (struct CMUnitTest){
                .name = story->name, .test_func = run, .initial_state = (void *)story};
        }
    }
    return count;
}

int main(int argc, char **argv)
{
    static struct CMUnitTest tests[STORIES_MAX];
    const char *name = read_arguments(argc, argv);
    size_t count = 0, i;

    crowd_program = argv[0];
    sim_seed_install();
    if (argc == 4 && strcmp(argv[1], "--trace") == 0) {
        return print_trace(argv[2], argv[3]);
    }
    if (argc == 3 && strcmp(argv[1], "--play") == 0) {
        return play(argv[2]);
    }
    for (i = 0; i < sizeof(collections) / sizeof(collections[0]); i++) {
        count = collect(tests, count, collections[i], name);
    }
    if (count == 0) {
        fprintf(stderr, "there is no story %s\n", name);
        return 2;
    }
    return _cmocka_run_group_tests("sim", tests, count, NULL, NULL);
}
