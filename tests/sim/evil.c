/* A raw peer: QUIC as simple as can be.  Its TLS is in evil_tls.c, its lies are in evil_say.c. */
#include "evil.h"

#include <string.h>

#include <ngtcp2/ngtcp2_crypto.h>

#include "conn_state.h"

static void fill_random(uint8_t *dest, size_t len, const ngtcp2_rand_ctx *ctx)
{
    struct dice *dice = ctx->native_handle;
    size_t i;

    for (i = 0; i < len; i++) {
        dest[i] = (uint8_t)dice_roll(dice);
    }
}

static int new_cid(ngtcp2_conn *quic, ngtcp2_cid *cid, uint8_t *token, size_t len, void *user_data)
{
    struct evil *self = user_data;
    const ngtcp2_rand_ctx ctx = {.native_handle = &self->node->sim->workload};

    fill_random(cid->data, len, &ctx);
    cid->datalen = len;
    fill_random(token, NGTCP2_STATELESS_RESET_TOKENLEN, &ctx);
    return 0;
}

static int path_challenge(ngtcp2_conn *quic, uint8_t *data, void *user_data)
{
    struct evil *self = user_data;
    const ngtcp2_rand_ctx ctx = {.native_handle = &self->node->sim->workload};

    fill_random(data, NGTCP2_PATH_CHALLENGE_DATALEN, &ctx);
    return 0;
}

static int note_completed(ngtcp2_conn *quic, void *user_data)
{
    struct evil *self = user_data;

    self->completed = true;
    self->was_resumed = SSL_session_reused(self->ssl) == 1;
    return 0;
}

static int note_retry(ngtcp2_conn *quic, const ngtcp2_pkt_hd *hd, void *user_data)
{
    ((struct evil *)user_data)->was_retried = true;
    return ngtcp2_crypto_recv_retry_cb(quic, hd, user_data);
}

static int note_datagram(ngtcp2_conn *quic, uint32_t flags, const uint8_t *data, size_t len,
                         void *user_data)
{
    struct evil *self = user_data;

    self->datagram_count++;
    self->longest_datagram = len > self->longest_datagram ? len : self->longest_datagram;
    return 0;
}

static const ngtcp2_callbacks callbacks = {
    .client_initial = ngtcp2_crypto_client_initial_cb,
    .recv_client_initial = ngtcp2_crypto_recv_client_initial_cb,
    .recv_crypto_data = ngtcp2_crypto_recv_crypto_data_cb,
    .encrypt = evil_encrypt,
    .decrypt = ngtcp2_crypto_decrypt_cb,
    .hp_mask = evil_hp_mask,
    .recv_retry = note_retry,
    .update_key = ngtcp2_crypto_update_key_cb,
    .delete_crypto_aead_ctx = ngtcp2_crypto_delete_crypto_aead_ctx_cb,
    .delete_crypto_cipher_ctx = ngtcp2_crypto_delete_crypto_cipher_ctx_cb,
    .version_negotiation = ngtcp2_crypto_version_negotiation_cb,
    .rand = fill_random,
    .get_path_challenge_data = path_challenge,
    .get_new_connection_id = new_cid,
    .handshake_completed = note_completed,
    .recv_datagram = note_datagram,
};

void evil_send(struct evil *self, const ngtcp2_path *path, const uint8_t *packet, size_t len)
{
    struct iq_datagrams datagram = {.data = packet, .len = len, .segment_len = len};

    iq_quic_path_to(&datagram.path, path);
    sim_send(self->node, &datagram);
}

/* If there is something to tell, and keys to tell it with. */
static void send_close(struct evil *self, const ngtcp2_ccerr *error)
{
    ngtcp2_path_storage path;
    ngtcp2_pkt_info info;
    uint8_t packet[1200];
    ngtcp2_ssize n;

    ngtcp2_path_storage_zero(&path);
    evil_note_speaking(self);
    n = ngtcp2_conn_write_connection_close(self->quic, &path.path, &info, packet, sizeof(packet),
                                           error, self->node->sim->now_ns);
    if (n > 0) {
        evil_send(self, &path.path, packet, (size_t)n);
    }
}

/* Tells the peer what we do not like, if there is something. */
void evil_fail(struct evil *self, int rc)
{
    ngtcp2_ccerr error;

    self->closed_count++;
    self->closed_at_ns = self->node->sim->now_ns;
    sim_wake_at(self->node, IQ_NEVER);
    if (rc == NGTCP2_ERR_DRAINING) {
        const ngtcp2_ccerr *heard = ngtcp2_conn_get_ccerr(self->quic);

        self->code = heard->error_code;
        self->by_application = heard->type == NGTCP2_CCERR_TYPE_APPLICATION;
        self->reason_len = heard->reasonlen;
        return;
    }
    self->failed = rc;
    ngtcp2_ccerr_default(&error);
    if (rc == NGTCP2_ERR_CRYPTO) {
        ngtcp2_ccerr_set_tls_alert(&error, ngtcp2_conn_get_tls_alert(self->quic), NULL, 0);
    } else {
        ngtcp2_ccerr_set_liberr(&error, rc, NULL, 0);
    }
    send_close(self, &error);
}

static void send_all(struct evil *self)
{
    const uint64_t now_ns = self->node->sim->now_ns;
    uint8_t packet[1452];
    ngtcp2_path_storage path;
    ngtcp2_pkt_info info;
    ngtcp2_ssize n;

    ngtcp2_path_storage_zero(&path);
    evil_note_speaking(self);
    while ((n = ngtcp2_conn_write_pkt(self->quic, &path.path, &info, packet, sizeof(packet),
                                      now_ns)) > 0) {
        evil_send(self, &path.path, packet, (size_t)n);
    }
    if (n < 0) {
        evil_fail(self, (int)n);
        return;
    }
    ngtcp2_conn_update_pkt_tx_time(self->quic, now_ns);
    sim_wake_at(self->node, ngtcp2_conn_get_expiry(self->quic));
}

static void wake(struct sim_node *node)
{
    struct evil *self = node->data;
    const int rc = ngtcp2_conn_handle_expiry(self->quic, node->sim->now_ns);

    if (rc != 0) {
        evil_fail(self, rc);
    } else {
        send_all(self);
    }
}

static void fill_params(struct evil *self, ngtcp2_settings *settings,
                        ngtcp2_transport_params *params)
{
    ngtcp2_settings_default(settings);
    settings->initial_ts = self->node->sim->now_ns;
    settings->rand_ctx.native_handle = &self->node->sim->workload;
    ngtcp2_transport_params_default(params);
    params->initial_max_data = params->initial_max_stream_data_bidi_local = 100000;
    params->initial_max_streams_bidi = params->initial_max_streams_uni = 10;
    params->max_idle_timeout = 10 * NGTCP2_SECONDS;
    params->max_datagram_frame_size = self->options.max_datagram;
}

static void start_quic(struct evil *self, const struct iq_path *path, const ngtcp2_pkt_hd *hd)
{
    const ngtcp2_rand_ctx ctx = {.native_handle = &self->node->sim->workload};
    struct iq_quic_path quic_path;
    ngtcp2_settings settings;
    ngtcp2_transport_params params;
    ngtcp2_cid dcid = {.datalen = 18}, scid = {.datalen = 8};
    int rc;

    iq_quic_path_from(&quic_path, path);
    fill_random(dcid.data, dcid.datalen, &ctx);
    fill_random(scid.data, scid.datalen, &ctx);
    fill_params(self, &settings, &params);
    evil_start_tls(self);
    if (hd == NULL) {
        rc = ngtcp2_conn_client_new(&self->quic, &dcid, &scid, &quic_path.path, NGTCP2_PROTO_VER_V1,
                                    &callbacks, &settings, &params, NULL, self);
    } else {
        params.original_dcid = hd->dcid;
        params.original_dcid_present = 1;
        rc = ngtcp2_conn_server_new(&self->quic, &hd->scid, &scid, &quic_path.path, hd->version,
                                    &callbacks, &settings, &params, NULL, self);
    }
    SIM_EXPECT(self->node->sim, rc == 0);
    ngtcp2_conn_set_tls_native_handle(self->quic, self->crypto);
}

static void receive(struct sim_node *node, const struct iq_datagrams *datagram)
{
    struct evil *self = node->data;
    struct iq_quic_path path;
    const ngtcp2_pkt_info info = {.ecn = datagram->ecn};
    ngtcp2_pkt_hd hd;
    int rc;

    if (self->closed_count > 0 || datagram->len == 0) {
        return;
    }
    if (self->quic == NULL) {
        if (ngtcp2_accept(&hd, datagram->data, datagram->len) != 0) {
            return;
        }
        start_quic(self, &datagram->path, &hd);
    }
    iq_quic_path_from(&path, &datagram->path);
    rc = ngtcp2_conn_read_pkt(self->quic, &path.path, &info, datagram->data, datagram->len,
                              node->sim->now_ns);
    if (rc != 0) {
        evil_fail(self, rc);
    } else {
        send_all(self);
    }
}

static void start(struct evil *self, struct sim_node *node, const struct evil_options *options,
                  bool dials)
{
    *self = (struct evil){.options = *options, .node = node, .dials = dials};
    memcpy(self->wanted, options->first, sizeof(self->wanted));
    node->sim->memory_uncounted = true;
    node->data = self;
    node->on_datagram = receive;
    node->on_wake = wake;
}

void evil_answer(struct evil *self, struct sim_node *node, const struct evil_options *options)
{
    start(self, node, options, false);
}

void evil_dial(struct evil *self, struct sim_node *node, const struct sim_node *to,
               const struct evil_options *options)
{
    const struct iq_path path = {.local = node->addrs[0], .remote = to->addrs[0]};

    start(self, node, options, true);
    self->remote = to->addrs[0];
    start_quic(self, &path, NULL);
    send_all(self);
}

void evil_migrate(struct evil *self)
{
    const struct iq_path from_there = {.local = self->node->addrs[1], .remote = self->remote};
    struct iq_quic_path path;

    SIM_EXPECT(self->node->sim, self->node->addr_count > 1);
    iq_quic_path_from(&path, &from_there);
    SIM_EXPECT(self->node->sim, ngtcp2_conn_initiate_immediate_migration(
                                    self->quic, &path.path, self->node->sim->now_ns) == 0);
    send_all(self);
}

void evil_close(struct evil *self, uint64_t code)
{
    ngtcp2_ccerr error;

    ngtcp2_ccerr_set_transport_error(&error, code, NULL, 0);
    send_close(self, &error);
    evil_fall_silent(self);
}

void evil_fall_silent(struct evil *self)
{
    self->node->on_datagram = NULL;
    self->node->on_wake = NULL;
}

void evil_free(struct evil *self)
{
    evil_fall_silent(self);
    if (self->ssl != NULL) {
        SSL_set_shutdown(self->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN); /* tickets stay */
        SSL_set_app_data(self->ssl, NULL);
    }
    SSL_free(self->ssl);
    ngtcp2_crypto_ossl_ctx_del(self->crypto);
    ngtcp2_conn_del(self->quic);
    SSL_SESSION_free(self->ticket);
    SSL_CTX_free(self->ctx);
    forger_release(&self->forger);
}
