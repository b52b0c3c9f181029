/*
 * Raw public keys that are none of ed25519.  OpenSSL keeps 296 bytes for good of each algorithm
 * that it does not know, so it must not see a single one.
 */
#include <string.h>

#include "attack.h"
#include "memory.h"

#define A_WHILE (20 * SIM_SECOND)

#define BYTES(text)                                                                                \
    {                                                                                              \
        .data = (const uint8_t *)(text), .len = sizeof(text) - 1                                   \
    }

/* An entry of a Certificate message: its length, and the beginning of its SubjectPublicKeyInfo. */
#define ENTRY        "\x00\x00\x2c\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00"
#define ENTRY_LEN    (sizeof(ENTRY) - 1)
#define ALGORITHM_AT 10 /* the last two bytes of the object identifier */

#define KEY "a key can be any of 32 bytes...."

#define UNSUPPORTED_CERTIFICATE (IQ_CODE_TLS_ALERT + SSL_AD_UNSUPPORTED_CERTIFICATE)

/* A peer whose key has, in its message, other bytes there. */
static struct evil_options changed(const uint8_t put[ENTRY_LEN])
{
    return (struct evil_options){.alpn = "\x13iroh-example/echo/0",
                                 .first[EVIL_HANDSHAKE] = {
                                     .find = BYTES(ENTRY),
                                     .put = {.data = put, .len = ENTRY_LEN},
                                 }};
}

/* One endpoint, all the time, and its peers. */
struct scene {
    struct sim *sim;
    struct sim_node *node, *raw;
    struct iq_route routes[2];
    struct note heard; /* of the latest peer */
    uint64_t code;     /* with which it was closed */
};

static void begin(struct scene *self, const struct sim_options *options)
{
    *self = (struct scene){.sim = sim_new(options)};
    self->node = sim_add_endpoint(self->sim, NULL);
    self->raw = sim_add_raw(self->sim);
    self->routes[0] =
        (struct iq_route){.alpn = APP_ALPN, .handler = &note_handler, .data = &self->heard};
    watch_listen(self->node, self->routes);
}

typedef void meet_peer(struct scene *self, const struct evil_options *wanted);

static void be_dialled(struct scene *self, const struct evil_options *wanted)
{
    static struct evil evil;

    self->heard = (struct note){0};
    evil_dial(&evil, self->raw, self->node, wanted);
    sim_run_for(self->sim, A_WHILE);
    SIM_EXPECT(self->sim, self->heard.closed == 0);
    self->code = evil.code;
    evil_free(&evil);
}

static void dial(struct scene *self, const struct evil_options *wanted)
{
    struct iq_addr addr = {.count = 1, .socket_addrs = {self->raw->addrs[0]}};
    struct iq_secret_key key;
    static struct evil evil;

    self->heard = (struct note){0};
    iq_secret_key_from_seed(&key, wanted->seed);
    addr.id = key.id;
    evil_answer(&evil, self->raw, wanted);
    SIM_EXPECT(self->sim, watch_dial(NULL, self->node, &addr, APP_ALPN, &note_handler, &self->heard,
                                     NULL) == 0);
    sim_run_for(self->sim, A_WHILE);
    SIM_EXPECT(self->sim, self->heard.closed == 1);
    self->code = self->heard.code;
    evil_free(&evil);
}

static void expect_refused(struct scene *self, const char *name, meet_peer *meet,
                           const struct evil_options *wanted)
{
    meet(self, wanted);
    if (self->heard.opened != 0 || self->code != UNSUPPORTED_CERTIFICATE) {
        SIM_FAIL(self->sim, "%s: opened %u, code %#llx", name, self->heard.opened,
                 (unsigned long long)self->code);
    }
}

/* Algorithms that nobody knows: none is remembered. */

#define STRANGERS 50

static void meet_strangers(const struct sim_options *options, meet_peer *meet, uint8_t arc)
{
    uint8_t entry[ENTRY_LEN];
    size_t live_before = 0;
    struct scene self;
    uint8_t i;

    begin(&self, options);
    memcpy(entry, ENTRY, ENTRY_LEN);
    for (i = 0; i <= STRANGERS; i++) {
        const struct evil_options wanted = changed(entry);

        entry[ALGORITHM_AT] = 0x80 | arc;
        entry[ALGORITHM_AT + 1] = i;
        expect_refused(&self, "an unknown algorithm", meet, &wanted);
        sim_forget_errors();
        live_before = i == 0 ? sim_live_bytes() : live_before; /* all that the first one needs */
    }
    if (sim_live_bytes() != live_before) {
        SIM_FAIL(self.sim, "%ld bytes are kept of %d strangers",
                 (long)(sim_live_bytes() - live_before), STRANGERS);
    }
    sim_free(self.sim);
}

static void tell_unknown(const struct sim_options *options)
{
    meet_strangers(options, be_dialled, 6);
    meet_strangers(options, dial, 7);
}

/* What is not quite a key */

static void tell_wrong_keys(const struct sim_options *options)
{
    static const struct {
        const char *name;
        const char *entry;
    } rows[] = {
        {"X25519", "\x00\x00\x2c\x30\x2a\x30\x05\x06\x03\x2b\x65\x6e\x03\x21\x00"},
        {"an entry of a byte less", "\x00\x00\x2b\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00"},
        {"an entry of a byte more", "\x00\x00\x2d\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00"},
        {"an entry without bytes", "\x00\x00\x00\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00"},
        {"a key of 31 bytes", "\x00\x00\x2c\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x20\x00"},
        {"an octet string", "\x00\x00\x2c\x04\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00"},
    };
    struct scene self;
    size_t i;

    begin(&self, options);
    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct evil_options wanted = changed((const uint8_t *)rows[i].entry);

        expect_refused(&self, rows[i].name, be_dialled, &wanted);
        expect_refused(&self, rows[i].name, dial, &wanted);
    }
    sim_free(self.sim);
}

/* Messages that the peer makes itself, in pieces of its choice, the last one first; and with
 * Initial keys, which are still there: OpenSSL does not ask with which ones a message has come, so
 * that we have to.  RFC 9001, section 4.1.3. */

#define UNKNOWN_ENTRY(last)                                                                        \
    "\x00\x00\x2c\x30\x2a\x30\x05\x06\x03\x2b\x88" last "\x03\x21\x00" KEY "\x00\x00"
#define UNKNOWN(last) "\x0b\x00\x00\x35\x00\x00\x00\x31" UNKNOWN_ENTRY(last)

static const struct say_row {
    const char *name;
    struct iq_bytes message;
    size_t piece_len;
    enum evil_level level;
    uint8_t alert;
} say_rows[] = {
    {"at once", BYTES(UNKNOWN("\x01")), 1000, EVIL_HANDSHAKE, SSL_AD_UNSUPPORTED_CERTIFICATE},
    {"in halves", BYTES(UNKNOWN("\x02")), 19, EVIL_HANDSHAKE, SSL_AD_UNSUPPORTED_CERTIFICATE},
    {"in bytes", BYTES(UNKNOWN("\x03")), 1, EVIL_HANDSHAKE, SSL_AD_UNSUPPORTED_CERTIFICATE},
    {"with Initial keys", BYTES(UNKNOWN("\x04")), 1000, EVIL_INITIAL, SSL_AD_UNEXPECTED_MESSAGE},
    {"behind another one",
     BYTES("\x0b\x00\x00\x66\x00\x00\x00\x62" ENTRY KEY "\x00\x00" UNKNOWN_ENTRY("\x05")), 1000,
     EVIL_HANDSHAKE, SSL_AD_DECODE_ERROR},
    {"cut off", BYTES("\x0b\x00\x00\x13\x00\x00\x00\x0f" ENTRY), 1000, EVIL_HANDSHAKE,
     SSL_AD_DECODE_ERROR},
    {"behind a context", BYTES("\x0b\x00\x00\x36\x01x\x00\x00\x31" UNKNOWN_ENTRY("\x06")), 1000,
     EVIL_HANDSHAKE, SSL_AD_UNSUPPORTED_CERTIFICATE},
    {"compressed (RFC 8879)", BYTES("\x19\x00\x00\x09\x00\x01\x00\x00\x35\x00\x00\x01x"), 1000,
     EVIL_HANDSHAKE, SSL_AD_UNEXPECTED_MESSAGE},
};

static void put_pieces(struct frames *frames, const struct say_row *row, uint64_t offset)
{
    size_t end = row->message.len;

    while (end > 0) {
        const size_t len = row->piece_len < end ? row->piece_len : end;

        end -= len;
        frames_put_crypto(frames, offset + end, row->message.data + end, len);
    }
}

static void say(const struct sim_options *options, const struct say_row *row)
{
    static const struct evil_options unfinished = {
        .first[EVIL_HANDSHAKE] = {.frames = BYTES("\1")}};
    const bool is_early = row->level == EVIL_INITIAL;
    static struct attack self;
    struct frames frames = {0};
    struct evil_packet packet;

    attack_dial(&self, options, NULL, &unfinished);
    sim_run_for(self.sim, is_early ? SIM_MILLISECOND : 100 * SIM_MILLISECOND);
    put_pieces(&frames, row, is_early ? self.evil.own_hello_len : 0);
    packet = (struct evil_packet){.frames = frames_bytes(&frames)};
    evil_say_at(&self.evil, row->level, &packet);
    sim_run_for(self.sim, A_WHILE);
    if (self.evil.code != (uint64_t)IQ_CODE_TLS_ALERT + row->alert || self.heard.opened != 0) {
        SIM_FAIL(self.sim, "%s: closed %u, code %#llx", row->name, self.evil.closed_count,
                 (unsigned long long)self.evil.code);
    }
    attack_end(&self);
}

/* Nothing is left of it: each has another algorithm. */
static void say_and_forget(const struct sim_options *options, const struct say_row *row)
{
    const size_t live_before = (sim_forget_errors(), sim_live_bytes());

    say(options, row);
    sim_forget_errors();
    if (sim_live_bytes() != live_before) {
        fail_msg("%s: %ld bytes left over", row->name, (long)(sim_live_bytes() - live_before));
    }
}

static void tell_odd_messages(const struct sim_options *options)
{
    size_t i;

    for (i = 0; i < sizeof(say_rows) / sizeof(say_rows[0]); i++) {
        say_and_forget(options, &say_rows[i]);
    }
}

const struct story evil_key_stories[] = {
    {.name = "evil_unknown_keys", .run = tell_unknown, .weather = STORY_CALM_ONLY},
    {.name = "evil_wrong_keys", .run = tell_wrong_keys, .weather = STORY_CALM_ONLY},
    {.name = "evil_odd_certificates", .run = tell_odd_messages, .weather = STORY_CALM_ONLY},
    {0},
};
