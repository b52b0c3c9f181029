/*
 * A story: something that may happen to endpoints, and how it has to end.
 *
 * Each is a test of its own (`sim_stories NAME`), and is run in every weather that it allows.
 */
#ifndef SIM_STORY_H
#define SIM_STORY_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "app.h"
#include "memory.h"
#include "sim.h"
#include "watch.h"

/* In which weather a story can be told. */
enum story_weather {
    STORY_ROUGH_TOO, /* calm, and with loss, reordering and duplication */
    STORY_CALM_ONLY, /* counts datagrams, or brings its own links */
};

struct story {
    const char *name;
    void (*run)(const struct sim_options *options);
    enum story_weather weather;
    unsigned seeds; /* how often in each weather; 0: once */
};

/* Divides the large numbers of a story: the environment variable SIM_SCALE, 1 if there is none. */
unsigned story_scale(unsigned count);

/* Two endpoints of which the second echoes: what most stories begin with. */
struct story_pair {
    struct sim *sim;
    struct sim_node *dials, *accepts;
};

struct story_pair story_pair(const struct sim_options *options,
                             const struct iq_endpoint_config *dials,
                             const struct iq_endpoint_config *accepts);

/* Dials, and runs until both sides have the connection; returns the dialling side's.  What has not
 * happened within a minute is an error. */
struct iq_conn *story_connect(struct story_pair *pair, const struct iq_protocol_handler *handler,
                              void *data);

/* Runs until the task has closed, and expects that it is done. */
void story_finish(struct story_pair *pair, const struct app_task *task, uint64_t limit_ns);

/* Networks, from a good one to an absurd one.  path_stories.c */
#define STORY_RUNGS 9
extern const struct sim_link story_ladder[STORY_RUNGS];

extern const struct story echo_stories[];
extern const struct story stream_stories[];
extern const struct story stream_end_stories[];
extern const struct story stream_delivery_stories[];
extern const struct story stream_priority_stories[];
extern const struct story datagram_stories[];
extern const struct story datagram_flow_stories[];
extern const struct story close_stories[];
extern const struct story close_answer_stories[];
extern const struct story mischief_stories[];
extern const struct story keys_stories[];
extern const struct story stats_stories[];
extern const struct story dial_stories[];
extern const struct story race_stories[];
extern const struct story incoming_stories[];
extern const struct story token_stories[];
extern const struct story stray_stories[];
extern const struct story path_stories[];
extern const struct story router_stories[];
extern const struct story screening_stories[];
extern const struct story migration_stories[];
extern const struct story packet_stories[];
extern const struct story crowd_stories[];
extern const struct story evil_identity_stories[];
extern const struct story play_stories[];
extern const struct story session_stories[];
extern const struct story early_stories[];
extern const struct story early_replay_stories[];
extern const struct story early_wish_stories[];
extern const struct story evil_session_stories[];
extern const struct story evil_say_stories[];
extern const struct story evil_key_stories[];
extern const struct story attack_stories[];
extern const struct story attack_qlog_stories[];
extern const struct story attack_path_stories[];
extern const struct story attack_datagram_stories[];
extern const struct story attack_fair_stories[];
extern const struct story attack_memory_stories[];
extern const struct story attack_limit_stories[];
extern const struct story late_stories[];
extern const struct story memory_stories[];
extern const struct story stream_patience_stories[];
extern const struct story clock_stories[];
extern const struct story close_early_stories[];
extern const struct story evil_done_stories[];
extern const struct story close_crossing_stories[];
extern const struct story fair_stories[];
extern const struct story anonymous_stories[];
extern const struct story cipher_stories[];
extern const struct story h3_stories[];
extern const struct story h3_rule_stories[];
extern const struct story week_stories[];
extern const struct story limits_stories[];
extern const struct story limits_stream_stories[];
extern const struct story limits_memory_stories[];
extern const struct story rule_stories[];
extern const struct story rule_param_stories[];
extern const struct story rule_answer_stories[];

#endif
