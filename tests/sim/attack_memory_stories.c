/* A peer that wants our memory: pieces that never become a whole, and streams that never end. */
#include <string.h>

#include "attack.h"

/* Handshake messages whose beginning never comes.  RFC 9000, section 7.5; CVE-2024-1765 */

#define CRYPTO_BYTES_MAX 98304

static const uint8_t some[1000];

static void put_late_crypto(struct frames *frames, uint64_t number)
{
    frames_put_crypto(frames, 1000 + number * sizeof(some), some, sizeof(some));
}

static void tell_crypto(const struct sim_options *options)
{
    static struct attack self;
    uint64_t said;

    attack_start(&self, options, NULL, NULL);
    said = attack_flood(&self, put_late_crypto, 1000, 1);
    attack_expect_closed(&self, "CRYPTO", NGTCP2_CRYPTO_BUFFER_EXCEEDED);
    SIM_EXPECT(self.sim, said <= 66);
    attack_expect_bytes(&self, "CRYPTO", 0, CRYPTO_BYTES_MAX);
    attack_end(&self);
}

/* While the handshake goes on: with Initial keys, which everybody has, nothing ends it. */

static void say_crypto(struct attack *self, enum evil_level level, uint64_t count)
{
    uint64_t i;

    for (i = 0; i < count && self->evil.closed_count == 0; i++) {
        struct frames frames = {0};
        struct evil_packet packet;

        put_late_crypto(&frames, i);
        packet = (struct evil_packet){.frames = frames_bytes(&frames)};
        evil_say_at(&self->evil, level, &packet);
        sim_run_for(self->sim, 0);
    }
}

static void tell_crypto_initial(const struct sim_options *options)
{
    static struct attack self;

    attack_dial(&self, options, NULL, NULL);
    sim_run_for(self.sim, SIM_MILLISECOND);
    attack_mark(&self);
    say_crypto(&self, EVIL_INITIAL, 8);
    attack_expect_bytes(&self, "CRYPTO in Initial packets", CRYPTO_BYTES_MAX, CRYPTO_BYTES_MAX);
    attack_expect_open(&self, "CRYPTO in Initial packets");
    SIM_EXPECT(self.sim, self.heard.opened == 1);
    attack_end(&self);
}

static void tell_crypto_handshake(const struct sim_options *options)
{
    static const struct evil_options unfinished = {
        .first[EVIL_HANDSHAKE] = {.frames = {.data = (const uint8_t *)"\1", .len = 1}}};
    static struct attack self;

    attack_dial(&self, options, NULL, &unfinished);
    sim_run_for(self.sim, 100 * SIM_MILLISECOND);
    attack_mark(&self);
    say_crypto(&self, EVIL_HANDSHAKE, 100);
    sim_run_for(self.sim, SIM_SECOND);
    SIM_EXPECT(self.sim, self.evil.code == NGTCP2_CRYPTO_BUFFER_EXCEEDED && self.heard.opened == 0);
    attack_expect_bytes(&self, "CRYPTO in Handshake packets", 0, CRYPTO_BYTES_MAX);
    attack_end(&self);
}

/* Every other byte.  RFC 9000, section 21.7; RUSTSEC-2026-0185.  ngtcp2 has enough of 4,000 gaps.
 */

static void put_gap(struct frames *frames, uint64_t number)
{
    frames_put_stream(frames, 0, 1 + 2 * number, "x", 1);
}

static void tell_gaps(const struct sim_options *options)
{
    static struct attack self;
    uint64_t said;

    attack_start(&self, options, NULL, NULL);
    said = attack_flood(&self, put_gap, 10000, 0);
    attack_expect_closed(&self, "gaps", NGTCP2_INTERNAL_ERROR);
    SIM_EXPECT(self.sim, said < 4200);
    attack_expect_bytes(&self, "gaps", 0, 409600);
    attack_end(&self);
}

/* On 100 streams at once: the second byte, without the first, or one byte and no end */

#define STREAMS ((size_t)100)

static void put_second_byte(struct frames *frames, uint64_t number)
{
    frames_put_stream(frames, 4 * number, 1, "x", 1);
}

static void put_first_byte(struct frames *frames, uint64_t number)
{
    frames_put_stream(frames, 4 * number, 0, "x", 1);
}

static void on_every_stream(const struct sim_options *options, const char *name, attack_put *put,
                            size_t now_max, size_t ever_max)
{
    static struct attack self;

    attack_start(&self, options, NULL, NULL);
    (void)attack_flood(&self, put, STREAMS, 0);
    attack_expect_open(&self, name);
    SIM_EXPECT(self.sim, watch_live_streams(self.sim) == STREAMS);
    attack_expect_bytes(&self, name, now_max, ever_max);
    attack_end(&self);
}

/* ngtcp2 keeps 8 KB for the one byte that cannot be told yet; and 4,096 are the connection's own.
 * The other byte is echoed, and waits for its acknowledgement. */
static void tell_streams(const struct sim_options *options)
{
    const size_t late = STREAMS * 10752 + 4096;

    on_every_stream(options, "second bytes", put_second_byte, late, late);
    on_every_stream(options, "first bytes", put_first_byte, STREAMS * 750, STREAMS * 1024);
}

/* A peer that acknowledges what is echoed to it, and never reads it. */

#define WINDOW 262144

static void put_piece(struct frames *frames, uint64_t number)
{
    const uint64_t per_stream = 65;

    frames_put_stream(frames, 4 * (number / per_stream), number % per_stream * sizeof(some), some,
                      sizeof(some));
}

static void tell_mute(const struct sim_options *options)
{
    static const struct iq_endpoint_config small = {.stream_window = 65536, .conn_window = WINDOW};
    static const struct evil_options mute = {.window = 1};
    static struct attack self;

    attack_start(&self, options, &small, &mute);
    (void)attack_flood(&self, put_piece, WINDOW / sizeof(some), 1);
    attack_expect_open(&self, "mute");
    attack_expect_bytes(&self, "mute", WINDOW + 65536, WINDOW + 65536);
    attack_end(&self);
}

const struct story attack_memory_stories[] = {
    {.name = "attack_crypto", .run = tell_crypto, .weather = STORY_CALM_ONLY},
    {.name = "attack_crypto_initial", .run = tell_crypto_initial, .weather = STORY_CALM_ONLY},
    {.name = "attack_crypto_handshake", .run = tell_crypto_handshake, .weather = STORY_CALM_ONLY},
    {.name = "attack_gaps", .run = tell_gaps, .weather = STORY_CALM_ONLY},
    {.name = "attack_streams", .run = tell_streams, .weather = STORY_CALM_ONLY},
    {.name = "attack_mute", .run = tell_mute, .weather = STORY_CALM_ONLY},
    {0},
};
