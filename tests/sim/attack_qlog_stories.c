/* The same attacks while a qlog is kept, which has to write down whatever the peer says. */
#include <string.h>

#include "attack.h"

/* Transport parameters with all that they can have.  CVE-2026-40170 */

#define VERSIONS 100

static void put_param(struct frames *frames, uint64_t id, const void *value, size_t len)
{
    FRAMES_PUT(frames, id, len);
    frames_put_bytes(frames, value, len);
}

/* RFC 9368, section 3; and RFC 9000, section 18.2, in which most values are numbers. */
static void put_params(struct frames *params)
{
    static const uint64_t numbers[] = {0x04, 0x05, 0x06, 0x07};
    static const uint8_t largest[8] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    uint8_t versions[4 * VERSIONS] = {0, 0, 0, 1, 0, 0, 0, 1};
    size_t i;

    for (i = 8; i < sizeof(versions); i++) {
        versions[i] = (uint8_t)(i % 4 == 3 ? 1 : i);
    }
    put_param(params, 0x11, versions, sizeof(versions));
    for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        put_param(params, numbers[i], largest, sizeof(largest));
    }
    put_param(params, 0x1234, versions, 30); /* unknown */
}

static void tell_params(const struct sim_options *options)
{
    struct frames params = {0};
    struct evil_options peer = {.without_params = 0xf0 | 1 << 0x11};
    static struct attack self;
    unsigned i;

    put_params(&params);
    peer.params = frames_bytes(&params);
    for (i = 0; i < 2; i++) {
        attack_with_qlog = i == 1;
        attack_start(&self, options, NULL, &peer);
        attack_expect_open(&self, "params");
        attack_end(&self);
    }
    attack_with_qlog = false;
}

static void run_short(const struct story *story, const struct sim_options *options)
{
    for (; story->name != NULL; story++) {
        if (strncmp(story->name, "long_", 5) != 0) {
            story->run(options);
        }
    }
}

static void tell_with_qlog(const struct sim_options *options)
{
    static const struct story *const collections[] = {
        attack_stories,          attack_limit_stories, attack_memory_stories,
        attack_datagram_stories, attack_fair_stories,
    };
    size_t i;

    attack_with_qlog = true;
    for (i = 0; i < sizeof(collections) / sizeof(collections[0]); i++) {
        run_short(collections[i], options);
    }
    attack_with_qlog = false;
}

const struct story attack_qlog_stories[] = {
    {.name = "attack_params", .run = tell_params, .weather = STORY_CALM_ONLY},
    {.name = "attack_with_qlog", .run = tell_with_qlog, .weather = STORY_CALM_ONLY},
    {0},
};
