/* What TLS has to do after the handshake, when OpenSSL's part of it is freed. */
#include <string.h>

#include "evil.h"
#include "note.h"
#include "story.h"
#include "tls_state.h"

#define OFFER "\x13" APP_ALPN

#define AES_128 "TLS_AES_128_GCM_SHA256"
#define AES_256 "TLS_AES_256_GCM_SHA384"
#define CHACHA  "TLS_CHACHA20_POLY1305_SHA256"

#define UNEXPECTED_MESSAGE 0x10a

/* A peer that does not use our library, and our end of the connection to it. */
struct scene {
    struct sim *sim;
    struct sim_node *ours, *raw;
    struct iq_route routes[2];
    struct note heard;
    struct evil evil;
};

static void meet(struct scene *self, const struct sim_options *options,
                 const struct iq_endpoint_config *config, bool dials,
                 const struct evil_options *theirs)
{
    struct iq_addr addr = {.count = 1};
    struct iq_secret_key key;

    *self = (struct scene){.sim = sim_new(options)};
    self->ours = sim_add_endpoint(self->sim, config);
    self->raw = sim_add_raw(self->sim);
    if (dials) {
        iq_secret_key_from_seed(&key, theirs->seed);
        addr.id = key.id;
        addr.socket_addrs[0] = self->raw->addrs[0];
        evil_answer(&self->evil, self->raw, theirs);
        SIM_EXPECT(self->sim, watch_dial(NULL, self->ours, &addr, APP_ALPN, &note_handler,
                                         &self->heard, NULL) == 0);
    } else {
        self->routes[0] =
            (struct iq_route){.alpn = APP_ALPN, .handler = &note_handler, .data = &self->heard};
        watch_listen(self->ours, self->routes);
        evil_dial(&self->evil, self->raw, self->ours, theirs);
    }
    sim_run_for(self->sim, 5 * SIM_SECOND);
    SIM_EXPECT(self->sim, self->heard.opened == 1 && self->heard.closed == 0);
    SIM_EXPECT(self->sim, self->evil.completed);
}

static void part(struct scene *self)
{
    evil_fall_silent(&self->evil);
    sim_run_for(self->sim, 60 * SIM_SECOND);
    evil_free(&self->evil);
    sim_free(self->sim);
}

static bool has_let_go(const struct scene *self)
{
    return watch_conn(self->ours, 0)->tls->ssl == NULL;
}

/* Exported keys: as OpenSSL exports them. */

static const struct export_row {
    const char *name;
    bool dials; /* we do */
    const char *cipher;
    const char *label;
    const char *context;
} export_rows[] = {
    {"SHA-256", false, AES_128, "EXPORTER-iq", "a context"},
    {"SHA-256, dials", true, AES_128, "EXPORTER-iq", "a context"},
    {"SHA-384", false, AES_256, "EXPORTER-iq", "a context"},
    {"SHA-384, dials", true, AES_256, "EXPORTER-iq", "a context"},
    {"ChaCha20", false, CHACHA, "EXPORTER-iq", "a context"},
    {"no context", false, AES_128, "EXPORTER-iq", ""},
    {"no label", false, AES_128, "", "a context"},
};

static void export_row(const struct sim_options *options, const struct export_row *row)
{
    const struct evil_options theirs = {.alpn = OFFER, .ciphers = row->cipher, .seed = "late"};
    const size_t context_len = strlen(row->context);
    uint8_t our_key[100], their_key[sizeof(our_key)];
    static struct scene self;
    const struct iq_conn *conn;

    meet(&self, options, NULL, row->dials, &theirs);
    conn = watch_conn(self.ours, 0);
    SIM_EXPECT(self.sim, has_let_go(&self));
    SIM_EXPECT(self.sim, iq_conn_export_keying_material(conn, our_key, sizeof(our_key), row->label,
                                                        row->context, context_len) == 0);
    SIM_EXPECT(self.sim,
               SSL_export_keying_material(self.evil.ssl, their_key, sizeof(their_key), row->label,
                                          strlen(row->label), (const uint8_t *)row->context,
                                          context_len, 1) == 1);
    if (memcmp(our_key, their_key, sizeof(our_key)) != 0) {
        SIM_FAIL(self.sim, "%s: OpenSSL has another key", row->name);
    }
    part(&self);
}

static void tell_exported(const struct sim_options *options)
{
    size_t i;

    for (i = 0; i < sizeof(export_rows) / sizeof(export_rows[0]); i++) {
        export_row(options, &export_rows[i]);
    }
}

/* A label may have 249 bytes: RFC 8446, section 7.1. */
static void tell_long_label(const struct sim_options *options)
{
    const struct evil_options theirs = {.alpn = OFFER};
    static struct scene self;
    char label[251];
    uint8_t key[32];

    meet(&self, options, NULL, false, &theirs);
    memset(label, 'x', sizeof(label));
    label[250] = '\0';
    SIM_EXPECT(self.sim, iq_conn_export_keying_material(watch_conn(self.ours, 0), key, sizeof(key),
                                                        label, NULL, 0) == IQ_ERR_CRYPTO);
    label[249] = '\0';
    SIM_EXPECT(self.sim, iq_conn_export_keying_material(watch_conn(self.ours, 0), key, sizeof(key),
                                                        label, NULL, 0) == 0);
    part(&self);
}

/* Messages */

#define BYTES(text) (text), sizeof(text) - 1

#define TICKET     "\x04\x00\x00\x05"
#define KEY_UPDATE "\x18\x00\x00\x01\x00"

static const struct message_row {
    const char *name;
    bool dials; /* we do */
    const char *bytes;
    size_t len;
    uint64_t code; /* 0: it is taken */
} message_rows[] = {
    {"a ticket", true, BYTES(TICKET "12345"), 0},
    {"two tickets", true, BYTES(TICKET "12345" TICKET "12345"), 0},
    {"a ticket in pieces", true, BYTES("\x04\x00"), 0},
    {"an update of keys", true, BYTES(KEY_UPDATE), UNEXPECTED_MESSAGE},
    {"an update of keys behind a ticket", true, BYTES(TICKET "12345" KEY_UPDATE),
     UNEXPECTED_MESSAGE},
    {"a request for a certificate", true, BYTES("\x0d\x00\x00\x01\x00"), UNEXPECTED_MESSAGE},
    {"an update of keys by who dials", false, BYTES(KEY_UPDATE), UNEXPECTED_MESSAGE},
    {"a ticket by who dials", false, BYTES(TICKET "12345"), UNEXPECTED_MESSAGE},
};

static void say(struct scene *self, const void *bytes, size_t len)
{
    SIM_EXPECT(self->sim, ngtcp2_conn_submit_crypto_data(
                              self->evil.quic, NGTCP2_ENCRYPTION_LEVEL_1RTT, bytes, len) == 0);
    sim_run_for(self->sim, 10 * SIM_SECOND); /* it goes out with the answer to a keep-alive */
}

static void message_row(const struct sim_options *options, const struct message_row *row)
{
    const struct evil_options theirs = {.alpn = OFFER, .seed = "late"};
    static struct scene self;

    meet(&self, options, NULL, row->dials, &theirs);
    SIM_EXPECT(self.sim, has_let_go(&self));
    say(&self, row->bytes, row->len);
    if (self.evil.code != row->code || self.heard.closed != (row->code != 0)) {
        SIM_FAIL(self.sim, "%s: %#llx", row->name, (unsigned long long)self.evil.code);
    }
    part(&self);
}

static void tell_messages(const struct sim_options *options)
{
    size_t i;

    for (i = 0; i < sizeof(message_rows) / sizeof(message_rows[0]); i++) {
        message_row(options, &message_rows[i]);
    }
}

/* The rest of a ticket is not taken for another message. */
static void tell_pieces(const struct sim_options *options)
{
    const struct evil_options theirs = {.alpn = OFFER, .seed = "late"};
    static struct scene self;

    meet(&self, options, NULL, true, &theirs);
    say(&self, BYTES("\x04\x00\x00"));
    say(&self, BYTES("\x05\x18\x18"));
    say(&self, BYTES("\x18\x18\x18" TICKET "12345"));
    SIM_EXPECT(self.sim, self.heard.closed == 0 && self.evil.closed_count == 0);
    say(&self, BYTES(KEY_UPDATE));
    SIM_EXPECT(self.sim, self.evil.code == UNEXPECTED_MESSAGE);
    part(&self);
}

/* Tickets come in several packets, and the handshake is confirmed in the middle of one. */
static void tell_many_tickets(const struct sim_options *options)
{
    const struct evil_options theirs = {.alpn = OFFER, .seed = "late", .tickets = 40};
    static struct scene self;

    meet(&self, options, NULL, true, &theirs);
    SIM_EXPECT(self.sim, has_let_go(&self));
    part(&self);
}

/* Whoever keeps sessions still wants tickets, and OpenSSL stays for them; it says the same. */
static void tell_sessions(const struct sim_options *options)
{
    static const struct iq_endpoint_config keeps_sessions = {.sessions_max = 4};
    const struct evil_options theirs = {.alpn = OFFER, .seed = "late"};
    static struct scene self;

    meet(&self, options, &keeps_sessions, true, &theirs);
    SIM_EXPECT(self.sim, !has_let_go(&self));
    say(&self, BYTES(KEY_UPDATE));
    SIM_EXPECT(self.sim, self.evil.code == UNEXPECTED_MESSAGE);
    part(&self);
}

const struct story late_stories[] = {
    {.name = "late_exported", .run = tell_exported},
    {.name = "late_long_label", .run = tell_long_label},
    {.name = "late_messages", .run = tell_messages, .weather = STORY_CALM_ONLY},
    {.name = "late_pieces", .run = tell_pieces, .weather = STORY_CALM_ONLY},
    {.name = "late_many_tickets", .run = tell_many_tickets},
    {.name = "late_sessions", .run = tell_sessions, .weather = STORY_CALM_ONLY},
    {0},
};
