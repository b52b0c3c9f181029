/*
 * Floods of frames by a peer that has connected: they cost it more than us, or end the connection
 * with the code that RFC 9000 names.
 */
#include <string.h>

#include "attack.h"

/* Challenges, which ask for answers: ngtcp2 remembers the last four.  CVE-2023-49295 */

static void challenges(const struct sim_options *options, unsigned count)
{
    static struct attack self;
    uint64_t datagrams;

    attack_start(&self, options, NULL, NULL);
    (void)attack_flood(&self, frames_put_challenge, count, 0);
    attack_expect_open(&self, "challenges");
    datagrams = self.accepts->received_count - self.received_before;
    SIM_EXPECT(self.sim, self.accepts->sent_count - self.sent_before <= 4 * datagrams);
    attack_expect_bytes(&self, "challenges", 4096, 16384);
    attack_end(&self);
}

static void tell_challenges(const struct sim_options *options)
{
    challenges(options, story_scale(20000));
}

static void tell_many_challenges(const struct sim_options *options) { challenges(options, 200000); }

/* New connection ids, each of which retires all before.  CVE-2024-22189, CVE-2024-1410 */

static void put_retiring_cid(struct frames *frames, uint64_t number)
{
    frames_put_new_cid(frames, 10 + number, 10 + number);
}

static void retire(const struct sim_options *options, uint64_t per_packet)
{
    static struct attack self;
    uint64_t said;

    attack_start(&self, options, NULL, NULL);
    self.raw->on_datagram = NULL; /* retirements are never acknowledged */
    said = attack_flood(&self, put_retiring_cid, 1000, per_packet);
    attack_expect_closed(&self, "retired ids", NGTCP2_CONNECTION_ID_LIMIT_ERROR);
    SIM_EXPECT(self.sim, said <= 20 || per_packet == 0);
    attack_expect_bytes(&self, "retired ids", 4096, 8192);
    attack_end(&self);
}

static void tell_new_cids(const struct sim_options *options)
{
    retire(options, 1);
    retire(options, 0);
}

/* Floods of what is cheap to say */

static void put_ping(struct frames *frames, uint64_t number) { FRAMES_PUT(frames, FRAME_PING); }

static void put_max_data(struct frames *frames, uint64_t number)
{
    FRAMES_PUT(frames, FRAME_MAX_DATA, 100000 + number);
}

static void put_blocked(struct frames *frames, uint64_t number)
{
    FRAMES_PUT(frames, FRAME_STREAMS_BLOCKED_BIDI, 1 + number % 100);
}

static void put_padding(struct frames *frames, uint64_t number)
{
    static const uint8_t padding[20];

    frames_put_bytes(frames, padding, sizeof(padding));
    if (number % 50 == 0) { /* to be acknowledged: congestion control holds for evil peers, too */
        put_ping(frames, number);
    }
}

/* Stream 0 has ended, both ways. */
static void put_late_window(struct frames *frames, uint64_t number)
{
    FRAMES_PUT(frames, FRAME_MAX_STREAM_DATA, 0, 200000 + number);
}

static void put_same_byte(struct frames *frames, uint64_t number)
{
    frames_put_stream(frames, 4, 0, "x", 1);
}

static void put_nothing(struct frames *frames, uint64_t number)
{
    frames_put_stream(frames, 4, 1, NULL, 0);
}

static const struct flood_row {
    const char *name;
    attack_put *put;
    bool open_ever; /* each may have its sense; else ngtcp2 has enough after 10,000 */
} flood_rows[] = {
    {.name = "PING", .put = put_ping, .open_ever = true},
    {.name = "MAX_DATA", .put = put_max_data, .open_ever = true},
    {.name = "STREAMS_BLOCKED", .put = put_blocked, .open_ever = true},
    {.name = "PADDING", .put = put_padding, .open_ever = true},
    {.name = "MAX_STREAM_DATA of a closed stream", .put = put_late_window},
    {.name = "the same byte", .put = put_same_byte},
    {.name = "empty STREAM", .put = put_nothing},
};

/* One that has ended both ways, and one that goes on. */
static void use_streams(struct attack *self)
{
    struct frames frames = {0};

    FRAMES_PUT(&frames, FRAME_STREAM_FIN, 0, 0, 0);
    frames_put_stream(&frames, 4, 0, "x", 1);
    evil_say(&self->evil, frames.data, frames.len);
    sim_run_for(self->sim, SIM_SECOND);
    attack_mark(self);
}

static void flood(const struct sim_options *options, const struct flood_row *row, unsigned count)
{
    static struct attack self;
    uint64_t said;

    attack_start(&self, options, NULL, NULL);
    use_streams(&self);
    said = attack_flood(&self, row->put, row->open_ever ? count : 20000, 0);
    if (row->open_ever) {
        attack_expect_open(&self, row->name);
    } else {
        attack_expect_closed(&self, row->name, NGTCP2_INTERNAL_ERROR);
        SIM_EXPECT(self.sim, said > 10000 && said < 11000);
    }
    attack_expect_bytes(&self, row->name, 4096, 16384);
    attack_end(&self);
}

static void tell_floods(const struct sim_options *options)
{
    size_t i;

    for (i = 0; i < sizeof(flood_rows) / sizeof(flood_rows[0]); i++) {
        flood(options, &flood_rows[i], story_scale(20000));
    }
}

static void tell_many_floods(const struct sim_options *options)
{
    size_t i;

    for (i = 0; i < sizeof(flood_rows) / sizeof(flood_rows[0]); i++) {
        flood(options, &flood_rows[i], 200000);
    }
}

const struct story attack_stories[] = {
    {.name = "attack_challenges", .run = tell_challenges, .weather = STORY_CALM_ONLY},
    {.name = "long_attack_challenges", .run = tell_many_challenges, .weather = STORY_CALM_ONLY},
    {.name = "attack_new_cids", .run = tell_new_cids, .weather = STORY_CALM_ONLY},
    {.name = "attack_floods", .run = tell_floods, .weather = STORY_CALM_ONLY},
    {.name = "long_attack_floods", .run = tell_many_floods, .weather = STORY_CALM_ONLY},
    {0},
};
