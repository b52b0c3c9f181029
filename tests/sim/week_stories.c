/*
 * A week in the life of two endpoints: connections come as in a Poisson process, most carry little
 * and a few very much, the network is another one every hour, a NAT forgets its mappings, keys
 * change.  At the end of each day everybody hangs up, and then not a byte more is alive than at the
 * end of the day before.
 */
#include <inttypes.h>

#include <math.h>

#include "story.h"

#define SLOTS 64 /* connections at the same time, at most */
#define DAYS  7

#define MEAN_GAP_NS   (30 * SIM_SECOND) /* from one dial to the next */
#define REBINDING_NS  (600 * SIM_SECOND)
#define NAT_PORTS     16  /* in turn: a node keeps account of 64 addresses */
#define LEN_MIN       100 /* bytes */
#define DOUBLINGS_MAX 13  /* 800 KB */

struct week {
    struct story_pair pair;
    struct app_task tasks[SLOTS];
    struct app_task stays; /* the whole day, if the network lets it */
    unsigned dialled, done, timed_out, keys_changed;
    uint64_t next_rung_ns, next_rebinding_ns, day_ns;
    unsigned rung, port;
};

/* Whether the task is over, which is counted; it failed only if the network was too bad for it. */
static bool is_over(struct week *week, struct app_task *task)
{
    if (task->closed_count == 0) {
        return false;
    }
    if (app_is_done(task)) {
        week->done++;
        return true;
    }
    if (task->how != IQ_CLOSED_TIMED_OUT && task->how != IQ_CLOSED_RESET) {
        SIM_FAIL(week->pair.sim, "connected %d, echoed %u, how %d, code %#llx %s", task->connected,
                 task->echoed, (int)task->how, (unsigned long long)task->code, task->reason);
    }
    week->timed_out++;
    return true;
}

/* Pareto's distribution with the exponent 1: twice as long is half as likely. */
static uint64_t heavy_tailed_len(struct dice *dice)
{
    unsigned doublings = 0;

    while (doublings < DOUBLINGS_MAX && dice_below(dice, 2) == 0) {
        doublings++;
    }
    return (LEN_MIN << doublings) + dice_below(dice, LEN_MIN << doublings);
}

/* Without memory of the gaps before. */
static uint64_t gap_ns(struct dice *dice)
{
    const double u = (double)(dice_below(dice, 1U << 30) + 1) / (double)(1U << 30);

    return (uint64_t)(-log(u) * (double)MEAN_GAP_NS);
}

static void dial(struct week *week)
{
    struct dice *dice = &week->pair.sim->workload;
    struct app_task *task = NULL;
    unsigned i;

    for (i = 0; i < SLOTS && task == NULL; i++) {
        if (week->tasks[i].len == 0 || is_over(week, &week->tasks[i])) {
            task = &week->tasks[i];
        }
    }
    SIM_EXPECT(week->pair.sim, task != NULL);
    *task = (struct app_task){.len = heavy_tailed_len(dice),
                              .stream_count = 1 + (unsigned)dice_below(dice, 3)};
    app_dial(task, week->pair.dials, week->pair.accepts);
    week->dialled++;
}

static void change_keys(struct week *week)
{
    unsigned i;

    for (i = 0; i < SLOTS; i++) {
        const struct app_task *task = &week->tasks[i];

        week->keys_changed +=
            task->connected && task->closed_count == 0 && iq_conn_update_keys(task->conn) == 0;
    }
    week->keys_changed += week->stays.connected && week->stays.closed_count == 0 &&
                          iq_conn_update_keys(week->stays.conn) == 0;
}

/* What happens to the network, when it is time for it. */
static void change_network(struct week *week)
{
    struct sim_node *dials = week->pair.dials;
    const uint64_t now_ns = week->pair.sim->now_ns;

    if (now_ns >= week->next_rung_ns) {
        dials->link = week->pair.accepts->link = story_ladder[week->rung++ % STORY_RUNGS];
        week->next_rung_ns = now_ns + week->day_ns / 24;
    }
    if (now_ns >= week->next_rebinding_ns) {
        dials->external = dials->addrs[0];
        dials->external.port = (uint16_t)(5000 + week->port++ % NAT_PORTS);
        week->next_rebinding_ns = now_ns + REBINDING_NS;
    }
}

/* Everybody hangs up.  What an endpoint keeps to use again, which is bounded, grows until some day
 * was the busiest: that is given up, too. */
static void end_day(struct week *week)
{
    struct sim *sim = week->pair.sim;
    unsigned i;

    sim_run(sim, 3600 * SIM_SECOND);
    for (i = 0; i < SLOTS; i++) {
        SIM_EXPECT(sim, week->tasks[i].len == 0 || is_over(week, &week->tasks[i]));
        week->tasks[i].len = 0;
    }
    iq_chunk_pool_release(&week->pair.dials->endpoint->env.chunks);
    iq_chunk_pool_release(&week->pair.accepts->endpoint->env.chunks);
    sim_forget_errors();
}

/* As many connections as there will ever be, so that tables have their size before anything counts.
 */
static void fill_tables(struct week *week)
{
    unsigned i;

    for (i = 0; i < SLOTS; i++) {
        dial(week);
    }
    end_day(week);
}

/* Returns how many bytes are alive when all is over. */
static size_t live_a_day(struct week *week)
{
    struct sim *sim = week->pair.sim;
    const uint64_t end_ns = sim->now_ns + week->day_ns;

    week->stays = (struct app_task){.len = LEN_MIN, .stay = true};
    app_dial(&week->stays, week->pair.dials, week->pair.accepts);
    while (sim->now_ns < end_ns) {
        sim_run_for(sim, gap_ns(&sim->workload));
        change_network(week);
        change_keys(week);
        dial(week);
    }
    if (week->stays.closed_count == 0) {
        iq_conn_close(week->stays.conn, 0, "bye!");
    }
    end_day(week);
    return sim_live_bytes();
}

/* The slope of the line that fits best, in bytes a day. */
static double slope(const size_t live[DAYS])
{
    const double middle = (DAYS - 1) / 2.0;
    double mean = 0, above = 0, below = 0;
    unsigned i;

    for (i = 0; i < DAYS; i++) {
        mean += (double)live[i] / DAYS;
    }
    for (i = 0; i < DAYS; i++) {
        above += (i - middle) * ((double)live[i] - mean);
        below += (i - middle) * (i - middle);
    }
    return above / below;
}

static void live_a_week(const struct sim_options *options, uint64_t day_ns)
{
    struct week week = {.pair = story_pair(options, NULL, NULL), .day_ns = day_ns};
    size_t live[DAYS];
    unsigned day;

    week.pair.sim->check_every = 16;
    fill_tables(&week);
    for (day = 0; day < DAYS; day++) {
        live[day] = live_a_day(&week);
    }
    print_message(
        "%u connections, %u of them timed out, %" PRIu64 " datagrams lost, keys changed %u times; "
        "live bytes after the first day %zu, after the last %zu\n",
        week.dialled, week.timed_out, week.pair.dials->lost_count + week.pair.accepts->lost_count,
        week.keys_changed, live[0], live[DAYS - 1]);
    if (slope(live) > 0) {
        SIM_FAIL(week.pair.sim, "live bytes grow by %.1f a day", slope(live));
    }
    SIM_EXPECT(week.pair.sim, week.done + week.timed_out == week.dialled);
    SIM_EXPECT(week.pair.sim, week.done > 9 * week.timed_out);
    SIM_EXPECT(week.pair.sim, week.keys_changed > 0);
    sim_free(week.pair.sim);
}

static void tell_hours(const struct sim_options *options)
{
    live_a_week(options, story_scale(3600) * SIM_SECOND);
}

static void tell_week(const struct sim_options *options)
{
    live_a_week(options, 24 * UINT64_C(3600) * SIM_SECOND);
}

const struct story week_stories[] = {
    {.name = "crowd_week_of_hours", .run = tell_hours, .weather = STORY_CALM_ONLY},
    {.name = "long_week", .run = tell_week, .weather = STORY_CALM_ONLY},
    {0},
};
