/* Key updates (RFC 9001, section 6), and keys for others. */
#include <string.h>

#include <ngtcp2/ngtcp2_crypto.h>

#include "note.h"

#define MB            UINT64_C(1000000)
#define KEY_PHASE_BIT 0x04 /* RFC 9000, section 17.3.1 */

/* What is decrypted is counted by its key phase: the linker leads the library here. */

static uint64_t decrypted_count[2];

/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
int __real_ngtcp2_crypto_decrypt_cb(uint8_t *dest, const ngtcp2_crypto_aead *aead,
                                    const ngtcp2_crypto_aead_ctx *aead_ctx, const uint8_t *cipher,
                                    size_t len, const uint8_t *nonce, size_t nonce_len,
                                    const uint8_t *header, size_t header_len);
int __wrap_ngtcp2_crypto_decrypt_cb(uint8_t *dest, const ngtcp2_crypto_aead *aead,
                                    const ngtcp2_crypto_aead_ctx *aead_ctx, const uint8_t *cipher,
                                    size_t len, const uint8_t *nonce, size_t nonce_len,
                                    const uint8_t *header, size_t header_len);

int __wrap_ngtcp2_crypto_decrypt_cb(uint8_t *dest, const ngtcp2_crypto_aead *aead,
                                    const ngtcp2_crypto_aead_ctx *aead_ctx, const uint8_t *cipher,
                                    size_t len, const uint8_t *nonce, size_t nonce_len,
                                    const uint8_t *header, size_t header_len)
{
    const int rc = __real_ngtcp2_crypto_decrypt_cb(dest, aead, aead_ctx, cipher, len, nonce,
                                                   nonce_len, header, header_len);

    if (rc == 0 && (header[0] & 0x80) == 0) {
        decrypted_count[(header[0] & KEY_PHASE_BIT) != 0]++;
    }
    return rc;
}
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */

/* An echo during which one side, or both, change the keys again and again. */
struct updates {
    struct story_pair pair;
    struct app_task task;
    bool by_dials, by_accepts;
    unsigned dials_count, accepts_count;
};

/* Tries until the side has changed them once for each half megabyte that has come back. */
static void update_one(const struct updates *self, struct iq_conn *conn, unsigned *count)
{
    if (conn != NULL && self->task.received > (*count + 1) * (MB / 2)) {
        *count += iq_conn_update_keys(conn) == 0;
    }
}

static void update(struct sim *sim, void *arg)
{
    struct updates *self = arg;

    if (self->by_dials) {
        update_one(self, watch_conn(self->pair.dials, 0), &self->dials_count);
    }
    if (self->by_accepts) {
        update_one(self, watch_conn(self->pair.accepts, 0), &self->accepts_count);
    }
}

static void echo_with_updates(const struct sim_options *options, bool by_dials, bool by_accepts)
{
    static struct updates self;
    struct sim_options slow = *options;

    slow.weather.rate_bps = 10000000; /* so that there is time between the updates */
    decrypted_count[0] = decrypted_count[1] = 0;
    self = (struct updates){.pair = story_pair(&slow, NULL, NULL),
                            .task = {.len = 3 * MB},
                            .by_dials = by_dials,
                            .by_accepts = by_accepts};
    self.pair.sim->after_event = update;
    self.pair.sim->after_event_arg = &self;
    app_dial(&self.task, self.pair.dials, self.pair.accepts);
    story_finish(&self.pair, &self.task, 600 * SIM_SECOND);
    SIM_EXPECT(self.pair.sim, !by_dials || self.dials_count >= 3);
    SIM_EXPECT(self.pair.sim, !by_accepts || self.accepts_count >= 3);
    SIM_EXPECT(self.pair.sim, decrypted_count[0] > 500 && decrypted_count[1] > 500);
    sim_free(self.pair.sim);
}

static void tell_by_dials(const struct sim_options *options)
{
    echo_with_updates(options, true, false);
}

static void tell_by_accepts(const struct sim_options *options)
{
    echo_with_updates(options, false, true);
}

static void tell_by_both(const struct sim_options *options)
{
    echo_with_updates(options, true, true);
}

/* When it can be done, and when it cannot. */

static void update_too_early(struct iq_conn *conn)
{
    const struct sim *sim = sim_node_of(iq_conn_endpoint(conn))->sim;

    SIM_EXPECT(sim, iq_conn_update_keys(conn) == IQ_ERR_AGAIN);
    ++*(unsigned *)iq_conn_data(conn);
}

static void update_too_late(struct iq_conn *conn, const struct iq_close_reason *why)
{
    const struct sim *sim = sim_node_of(iq_conn_endpoint(conn))->sim;

    SIM_EXPECT(sim, iq_conn_update_keys(conn) == IQ_ERR_CLOSED);
    ++*(unsigned *)iq_conn_data(conn);
}

static void tell_when(const struct sim_options *options)
{
    static const struct iq_protocol_handler handler = {.on_connect = update_too_early,
                                                       .on_closed = update_too_late};
    struct story_pair pair = story_pair(options, NULL, NULL);
    unsigned told = 0;
    struct iq_conn *conn = story_connect(&pair, &handler, &told);

    sim_run_for(pair.sim, 10 * SIM_SECOND);
    SIM_EXPECT(pair.sim, told == 1);
    SIM_EXPECT(pair.sim, iq_conn_update_keys(conn) == 0);
    SIM_EXPECT(pair.sim, iq_conn_update_keys(conn) == IQ_ERR_AGAIN); /* not confirmed */
    sim_run_for(pair.sim, 20 * SIM_SECOND);
    SIM_EXPECT(pair.sim, iq_conn_update_keys(conn) == 0); /* a keep-alive has confirmed it */
    iq_conn_close(conn, 0, NULL);
    SIM_EXPECT(pair.sim, iq_conn_update_keys(conn) == IQ_ERR_CLOSED);
    sim_run_for(pair.sim, SIM_SECOND);
    SIM_EXPECT(pair.sim, told == 2);
    sim_free(pair.sim);
}

/* A close in the first packet with new keys is heard, and answered. */
static void tell_new_keys_for_the_close(const struct sim_options *options)
{
    static struct note_pair self;

    note_connect(&self, options, NULL);
    sim_run_for(self.pair.sim, SIM_SECOND);
    decrypted_count[1] = 0;
    self.pair.accepts->sent_count = 0;
    SIM_EXPECT(self.pair.sim, iq_conn_update_keys(self.conn) == 0);
    iq_conn_close(self.conn, 42, "with new keys");
    sim_run_for(self.pair.sim, SIM_SECOND);
    note_expect_closed(self.pair.sim, "new keys", &self.accepts, IQ_CLOSED_BY_PEER, 42);
    SIM_EXPECT(self.pair.sim, decrypted_count[1] == 1 && self.pair.accepts->sent_count == 1);
    sim_free(self.pair.sim);
}

/* Exported keys */

#define EXPORT_LEN 32

static const struct export_row {
    const char *name;
    const char *label;
    const char *context;
    bool other_conn;
} export_rows[] = {
    {.name = "the first", .label = "EXPORTER-iq", .context = "a"},
    {.name = "another label", .label = "EXPORTER-qi", .context = "a"},
    {.name = "another context", .label = "EXPORTER-iq", .context = "b"},
    {.name = "no context", .label = "EXPORTER-iq"},
    {.name = "another connection", .label = "EXPORTER-iq", .context = "a", .other_conn = true},
};

#define EXPORT_ROW_COUNT (sizeof(export_rows) / sizeof(export_rows[0]))

static void export_both(const struct note_pair *self, const struct export_row *row,
                        struct iq_conn *const dials[2], uint8_t out[EXPORT_LEN])
{
    uint8_t theirs[EXPORT_LEN];
    const size_t context_len = row->context == NULL ? 0 : strlen(row->context);
    const struct iq_conn *accepts = watch_conn(self->pair.accepts, row->other_conn);

    SIM_EXPECT(self->pair.sim,
               iq_conn_export_keying_material(dials[row->other_conn], out, EXPORT_LEN, row->label,
                                              row->context, context_len) == 0);
    SIM_EXPECT(self->pair.sim,
               iq_conn_export_keying_material(accepts, theirs, EXPORT_LEN, row->label, row->context,
                                              context_len) == 0);
    if (memcmp(out, theirs, EXPORT_LEN) != 0) {
        SIM_FAIL(self->pair.sim, "%s: the two ends differ", row->name);
    }
}

static void tell_exported(const struct sim_options *options)
{
    static struct note_pair self;
    struct iq_conn *dials[2];
    uint8_t out[EXPORT_ROW_COUNT][EXPORT_LEN], large[8161];
    size_t i, j;

    note_connect(&self, options, NULL);
    dials[0] = self.conn;
    SIM_EXPECT(self.pair.sim, note_dial(&self, APP_ALPN, NULL) == 0);
    dials[1] = self.conn;
    SIM_EXPECT(self.pair.sim, iq_conn_export_keying_material(dials[1], out[0], EXPORT_LEN, "x",
                                                             NULL, 0) == IQ_ERR_AGAIN);
    sim_run_for(self.pair.sim, 5 * SIM_SECOND);
    for (i = 0; i < EXPORT_ROW_COUNT; i++) {
        export_both(&self, &export_rows[i], dials, out[i]);
        for (j = 0; j < i; j++) {
            SIM_EXPECT(self.pair.sim, memcmp(out[i], out[j], EXPORT_LEN) != 0);
        }
    }
    SIM_EXPECT(self.pair.sim,
               iq_conn_export_keying_material(dials[0], large, 8160, "x", NULL, 0) == 0);
    SIM_EXPECT(self.pair.sim, iq_conn_export_keying_material(dials[0], large, sizeof(large), "x",
                                                             NULL, 0) == IQ_ERR_CRYPTO);
    iq_conn_close(dials[0], 0, NULL);
    SIM_EXPECT(self.pair.sim, iq_conn_export_keying_material(dials[0], out[0], EXPORT_LEN, "x",
                                                             NULL, 0) == IQ_ERR_CLOSED);
    sim_free(self.pair.sim);
}

const struct story keys_stories[] = {
    {.name = "keys_by_dials", .run = tell_by_dials, .seeds = 3},
    {.name = "keys_by_accepts", .run = tell_by_accepts, .seeds = 3},
    {.name = "keys_by_both", .run = tell_by_both, .seeds = 3},
    {.name = "keys_when", .run = tell_when, .weather = STORY_CALM_ONLY},
    {.name = "keys_new_for_the_close",
     .run = tell_new_keys_for_the_close,
     .weather = STORY_CALM_ONLY},
    {.name = "keys_exported", .run = tell_exported, .weather = STORY_CALM_ONLY},
    {0},
};
