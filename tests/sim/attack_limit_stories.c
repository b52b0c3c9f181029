/* Frames that break a limit, or acknowledge what was never sent: the answer is the code that RFC
 * 9000 names for it. */
#include "attack.h"

#define NUMBERS_MAX 24

/* A frame of numbers; those below 64 are as good as bytes. */
#define SAY(...)                                                                                   \
    {                                                                                              \
        .numbers = {__VA_ARGS__}, .count = sizeof((uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t)    \
    }

struct saying {
    uint64_t numbers[NUMBERS_MAX];
    size_t count;
};

struct say_row {
    const char *name;
    struct saying frames[6]; /* all in one packet */
    uint64_t code;           /* 0: nothing is wrong with it */
};

static void say_row(const struct sim_options *options, const struct say_row *row)
{
    static struct attack self;
    struct frames frames = {0};
    size_t i;

    attack_start(&self, options, NULL, NULL);
    for (i = 0; i < sizeof(row->frames) / sizeof(row->frames[0]); i++) {
        frames_put_numbers(&frames, row->frames[i].numbers, row->frames[i].count);
    }
    evil_say(&self.evil, frames.data, frames.len);
    if (row->code == 0) {
        attack_expect_open(&self, row->name);
    } else {
        attack_expect_closed(&self, row->name, row->code);
        SIM_EXPECT(self.sim, self.evil.code == row->code);
    }
    attack_end(&self);
}

/* Limits.  The endpoint allows 100 streams of each kind, 1,250,000 bytes on each, and 5,000,000 in
 * all. */

#define STREAM_END 1250000
#define LARGEST    ((UINT64_C(1) << 62) - 1)

static const struct say_row limit_rows[] = {
    {.name = "the last stream", .frames = {SAY(FRAME_STREAM, 396, 0, 1, '!')}},
    {.name = "one stream too many",
     .frames = {SAY(FRAME_STREAM, 400, 0, 1, '!')},
     .code = NGTCP2_STREAM_LIMIT_ERROR},
    {.name = "one uni stream too many",
     .frames = {SAY(FRAME_STREAM, 402, 0, 1, '!')},
     .code = NGTCP2_STREAM_LIMIT_ERROR},
    {.name = "the largest stream id",
     .frames = {SAY(FRAME_STREAM, LARGEST - 3, 0, 1, '!')},
     .code = NGTCP2_STREAM_LIMIT_ERROR},
    {.name = "a reset of one too many",
     .frames = {SAY(FRAME_RESET_STREAM, 400, 0, 0)},
     .code = NGTCP2_STREAM_LIMIT_ERROR},
    {.name = "the last byte", .frames = {SAY(FRAME_STREAM, 0, STREAM_END - 1, 1, '!')}},
    {.name = "one byte too many",
     .frames = {SAY(FRAME_STREAM, 0, STREAM_END, 1, '!')},
     .code = NGTCP2_FLOW_CONTROL_ERROR},
    {.name = "a reset behind the window",
     .frames = {SAY(FRAME_RESET_STREAM, 0, 0, STREAM_END + 1)},
     .code = NGTCP2_FLOW_CONTROL_ERROR},
    {.name = "an end behind the window",
     .frames = {SAY(FRAME_STREAM_FIN, 0, STREAM_END + 1, 0)},
     .code = NGTCP2_FLOW_CONTROL_ERROR},
    {.name = "the last byte of the connection",
     .frames = {SAY(FRAME_STREAM, 0, STREAM_END - 1, 1, '!'),
                SAY(FRAME_STREAM, 4, STREAM_END - 1, 1, '!'),
                SAY(FRAME_STREAM, 8, STREAM_END - 1, 1, '!'),
                SAY(FRAME_STREAM, 12, STREAM_END - 1, 1, '!')}},
    {.name = "one byte too many on the connection",
     .frames = {SAY(FRAME_STREAM, 0, STREAM_END - 1, 1, '!'),
                SAY(FRAME_STREAM, 4, STREAM_END - 1, 1, '!'),
                SAY(FRAME_STREAM, 8, STREAM_END - 1, 1, '!'),
                SAY(FRAME_STREAM, 12, STREAM_END - 1, 1, '!'), SAY(FRAME_STREAM, 16, 0, 1, '!')},
     .code = NGTCP2_FLOW_CONTROL_ERROR},
    {.name = "behind 2^62",
     .frames = {SAY(FRAME_STREAM, 0, LARGEST, 1, '!')},
     .code = NGTCP2_FLOW_CONTROL_ERROR},
    {.name = "more than its end",
     .frames = {SAY(FRAME_STREAM_FIN, 0, 0, 1, '!'), SAY(FRAME_STREAM, 0, 1, 1, '!')},
     .code = NGTCP2_FINAL_SIZE_ERROR},
    {.name = "an end before what came",
     .frames = {SAY(FRAME_STREAM, 0, 9, 1, '!'), SAY(FRAME_STREAM_FIN, 0, 0, 1, '!')},
     .code = NGTCP2_FINAL_SIZE_ERROR},
    {.name = "two ends",
     .frames = {SAY(FRAME_STREAM_FIN, 0, 9, 1, '!'), SAY(FRAME_STREAM_FIN, 0, 8, 1, '!')},
     .code = NGTCP2_FINAL_SIZE_ERROR},
    {.name = "a reset before what came",
     .frames = {SAY(FRAME_STREAM, 0, 9, 1, '!'), SAY(FRAME_RESET_STREAM, 0, 0, 9)},
     .code = NGTCP2_FINAL_SIZE_ERROR},
    {.name = "a reset behind the end",
     .frames = {SAY(FRAME_STREAM_FIN, 0, 9, 1, '!'), SAY(FRAME_RESET_STREAM, 0, 0, 11)},
     .code = NGTCP2_FINAL_SIZE_ERROR},
    {.name = "two resets",
     .frames = {SAY(FRAME_RESET_STREAM, 0, 0, 10), SAY(FRAME_RESET_STREAM, 0, 0, 11)},
     .code = NGTCP2_FINAL_SIZE_ERROR},
    {.name = "on a stream that is ours, and not there",
     .frames = {SAY(FRAME_STREAM, 1, 0, 1, '!')},
     .code = NGTCP2_STREAM_STATE_ERROR},
    {.name = "on our uni stream",
     .frames = {SAY(FRAME_STREAM, 3, 0, 1, '!')},
     .code = NGTCP2_STREAM_STATE_ERROR},
    {.name = "a window for a stream that we only read",
     .frames = {SAY(FRAME_MAX_STREAM_DATA, 2, 10)},
     .code = NGTCP2_STREAM_STATE_ERROR},
    {.name = "a stop of a stream that we only read",
     .frames = {SAY(FRAME_STOP_SENDING, 2, 0)},
     .code = NGTCP2_STREAM_STATE_ERROR},
    {.name = "more streams than there can be",
     .frames = {SAY(FRAME_MAX_STREAMS_BIDI, (UINT64_C(1) << 60) + 1)},
     .code = NGTCP2_FRAME_ENCODING_ERROR},
    {.name = "as many streams as there can be",
     .frames = {SAY(FRAME_MAX_STREAMS_BIDI, UINT64_C(1) << 60), SAY(FRAME_MAX_DATA, LARGEST)}},
    {.name = "limits that fall",
     .frames = {SAY(FRAME_MAX_DATA, 0), SAY(FRAME_MAX_STREAMS_BIDI, 0)}},
};

static void tell_limits(const struct sim_options *options)
{
    size_t i;

    for (i = 0; i < sizeof(limit_rows) / sizeof(limit_rows[0]); i++) {
        say_row(options, &limit_rows[i]);
    }
}

/* Acknowledgements.  RFC 9000, section 19.3: largest, delay, number of ranges, first range, and
 * then gaps and ranges */

static const struct say_row ack_rows[] = {
    {.name = "of the first packet, again", .frames = {SAY(FRAME_ACK, 0, 0, 0, 0)}},
    {.name = "with the longest delay", .frames = {SAY(FRAME_ACK, 0, LARGEST, 0, 0)}},
    {.name = "twice", .frames = {SAY(FRAME_ACK, 0, 0, 0, 0), SAY(FRAME_ACK, 0, 0, 0, 0)}},
    {.name = "of what was never sent",
     .frames = {SAY(FRAME_ACK, 1000, 0, 0, 0)},
     .code = NGTCP2_PROTOCOL_VIOLATION},
    {.name = "of the largest number",
     .frames = {SAY(FRAME_ACK, LARGEST, 0, 0, LARGEST)},
     .code = NGTCP2_PROTOCOL_VIOLATION},
    {.name = "of numbers below zero",
     .frames = {SAY(FRAME_ACK, 0, 0, 0, 1)},
     .code = NGTCP2_FRAME_ENCODING_ERROR},
    {.name = "with a gap below zero",
     .frames = {SAY(FRAME_ACK, 1, 0, 1, 0, 0, 0)},
     .code = NGTCP2_FRAME_ENCODING_ERROR},
    {.name = "with a range below zero",
     .frames = {SAY(FRAME_ACK, 3, 0, 1, 0, 0, 2)},
     .code = NGTCP2_FRAME_ENCODING_ERROR},
    {.name = "with more ranges than bytes",
     .frames = {SAY(FRAME_ACK, 0, 0, LARGEST, 0)},
     .code = NGTCP2_FRAME_ENCODING_ERROR},
    {.name = "with marks that nobody has set", .frames = {SAY(FRAME_ACK_ECN, 0, 0, 0, 0, 9, 9, 9)}},
    {.name = "with marks that become fewer",
     .frames = {SAY(FRAME_ACK_ECN, 0, 0, 0, 0, 9, 9, 9), SAY(FRAME_ACK_ECN, 0, 0, 0, 0, 1, 0, 0)}},
    {.name = "with the most marks",
     .frames = {SAY(FRAME_ACK_ECN, 0, 0, 0, 0, LARGEST, LARGEST, LARGEST)}},
};

static void tell_acks(const struct sim_options *options)
{
    size_t i;

    for (i = 0; i < sizeof(ack_rows) / sizeof(ack_rows[0]); i++) {
        say_row(options, &ack_rows[i]);
    }
}

const struct story attack_limit_stories[] = {
    {.name = "attack_limits", .run = tell_limits, .weather = STORY_CALM_ONLY},
    {.name = "attack_acks", .run = tell_acks, .weather = STORY_CALM_ONLY},
    {0},
};
