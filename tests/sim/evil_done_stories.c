/* A peer that confirms a handshake which is not over.  RFC 9001, section 4.1.2. */
#include <string.h>

#include "evil.h"
#include "note.h"

/* As soon as it has keys, which is before it has heard of ours; and once, behind the frames of
 * `self`. */
struct hasty {
    struct evil evil;
    struct iq_bytes frames;
    bool said;
};

static void say_at_once(struct sim *sim, void *arg)
{
    struct hasty *self = arg;

    if (!self->said && self->evil.quic != NULL) {
        self->said = true;
        evil_say(&self->evil, self->frames.data, self->frames.len);
    }
}

static void confirmed_too_early(const struct sim_options *options, const char *frames, size_t len)
{
    struct sim *sim = sim_new(options);
    struct sim_node *dials = sim_add_endpoint(sim, NULL);
    struct sim_node *raw = sim_add_raw(sim);
    struct iq_addr addr = {.count = 1, .socket_addrs = {raw->addrs[0]}};
    struct evil_options wanted = {.alpn = "\x13iroh-example/echo/0", .max_datagram = 65535};
    static struct hasty hasty;
    struct note heard = {0};
    struct iq_secret_key key;

    iq_secret_key_generate(&key);
    memcpy(wanted.seed, key.seed, IQ_KEY_LEN);
    addr.id = key.id;
    hasty = (struct hasty){.frames = {.data = (const uint8_t *)frames, .len = len}};
    evil_answer(&hasty.evil, raw, &wanted);
    sim->after_event = say_at_once;
    sim->after_event_arg = &hasty;
    SIM_EXPECT(sim, watch_dial(NULL, dials, &addr, APP_ALPN, &note_handler, &heard, NULL) == 0);
    sim_run_for(sim, SIM_MILLISECOND);
    sim_pause(dials, SIM_SECOND); /* it sends probes, and then has to wait with its Finished */
    sim_run_for(sim, 5 * SIM_SECOND);
    note_expect_closed(sim, frames, &heard, IQ_CLOSED_TRANSPORT_ERROR, NGTCP2_PROTOCOL_VIOLATION);
    evil_free(&hasty.evil);
    sim_free(sim);
}

static void tell_too_early(const struct sim_options *options)
{
    confirmed_too_early(options, "\x1e", 1);
    confirmed_too_early(options, "\x1e\x1d\x07\x00", 4); /* and closes behind it */
}

const struct story evil_done_stories[] = {
    {.name = "evil_confirms_too_early", .run = tell_too_early, .weather = STORY_CALM_ONLY},
    {0},
};
