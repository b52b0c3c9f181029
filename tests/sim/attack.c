/* An endpoint, and a peer that attacks it. */
#include "attack.h"

#include <string.h>

#include "memory.h"

#define FRAME_MAX 64 /* bytes, of one that attack_flood() says */

bool attack_with_qlog;

static void *open_qlog(const char *name, void *arg) { return arg; }

static void write_qlog(void *file, const void *data, size_t len) { *(size_t *)file += len; }

static void close_qlog(void *file) {}

static size_t qlog_len;

static const struct iq_qlog qlog = {
    .open = open_qlog, .write = write_qlog, .close = close_qlog, .arg = &qlog_len};

static size_t count_bytes(const struct attack *self)
{
    return sim_live_bytes() - self->evil.own_bytes;
}

static void note_bytes(struct sim *sim, void *arg)
{
    struct attack *self = arg;
    const size_t bytes = count_bytes(self);

    self->most_bytes = bytes > self->most_bytes ? bytes : self->most_bytes;
}

/* Those that are echoed come back on streams that the peer has to know. */
void attack_open_streams(struct attack *self)
{
    const size_t live_before = sim_live_bytes();
    int64_t id;

    while (ngtcp2_conn_open_bidi_stream(self->evil.quic, &id, NULL) == 0) {
    }
    self->evil.own_bytes += sim_live_bytes() - live_before;
}

void attack_dial(struct attack *self, const struct sim_options *options,
                 const struct iq_endpoint_config *config, const struct evil_options *peer)
{
    static const uint8_t seed[IQ_KEY_LEN] = "the seed of one that is an enemy";
    struct evil_options wanted = peer == NULL ? (struct evil_options){0} : *peer;
    struct iq_endpoint_config own = config == NULL ? (struct iq_endpoint_config){0} : *config;

    memcpy(wanted.seed, seed, sizeof(seed));
    wanted.alpn = "\x13iroh-example/echo/0";
    memset(self, 0, sizeof(*self));
    self->sim = sim_new(options);
    own.qlog = attack_with_qlog ? &qlog : own.qlog;
    self->accepts = sim_add_endpoint(self->sim, &own);
    self->raw = sim_add_raw(self->sim);
    self->raw->link = (struct sim_link){.name = "near"}; /* what it says is heard at once */
    self->handler = note_handler;
    self->handler.on_stream_ready = app_echo.on_stream_ready;
    self->routes[0] =
        (struct iq_route){.alpn = APP_ALPN, .handler = &self->handler, .data = &self->heard};
    watch_listen(self->accepts, self->routes);
    self->sim->after_event = note_bytes;
    self->sim->after_event_arg = self;
    evil_dial(&self->evil, self->raw, self->accepts, &wanted);
}

void attack_start(struct attack *self, const struct sim_options *options,
                  const struct iq_endpoint_config *config, const struct evil_options *peer)
{
    attack_dial(self, options, config, peer);
    sim_run_for(self->sim, SIM_SECOND);
    SIM_EXPECT(self->sim, self->evil.completed && self->heard.opened == 1);
    attack_open_streams(self);
    attack_mark(self);
}

void attack_mark(struct attack *self)
{
    self->sent_before = self->accepts->sent_count;
    self->received_before = self->accepts->received_count;
    self->bytes_before = self->most_bytes = count_bytes(self);
}

void attack_end(struct attack *self)
{
    self->sim->after_event = NULL;
    evil_free(&self->evil);
    sim_free(self->sim);
}

uint64_t attack_flood(struct attack *self, attack_put *put, uint64_t count, uint64_t per_packet)
{
    struct frames frames;
    uint64_t said = 0;

    while (said < count && self->heard.closed == 0) {
        const uint64_t first = said;

        frames.len = 0;
        while (said < count && frames.len + FRAME_MAX <= sizeof(frames.data) &&
               (per_packet == 0 || said - first < per_packet)) {
            put(&frames, said++);
        }
        evil_say(&self->evil, frames.data, frames.len);
        sim_run_for(self->sim, SIM_MILLISECOND);
    }
    return said;
}

void attack_expect_bytes(const struct attack *self, const char *name, size_t now_max,
                         size_t ever_max)
{
    const size_t now = count_bytes(self);

    if (now > self->bytes_before + now_max || self->most_bytes > self->bytes_before + ever_max) {
        SIM_FAIL(self->sim, "%s: %zu bytes at the mark, %zu now, %zu at most", name,
                 self->bytes_before, now, self->most_bytes);
    }
}

void attack_expect_open(struct attack *self, const char *name)
{
    sim_run_for(self->sim, SIM_SECOND);
    if (self->heard.closed != 0 || self->evil.closed_count != 0) {
        SIM_FAIL(self->sim, "%s: closed, how %d, code %#llx; error %d", name, (int)self->heard.how,
                 (unsigned long long)self->heard.code, self->evil.failed);
    }
}

void attack_expect_closed(struct attack *self, const char *name, uint64_t code)
{
    sim_run_for(self->sim, SIM_SECOND);
    note_expect_closed(self->sim, name, &self->heard, IQ_CLOSED_TRANSPORT_ERROR, code);
}
