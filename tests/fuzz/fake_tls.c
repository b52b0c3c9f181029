/* TLS without secrets: what a connection knows of it, and the handshake. */
#include "fake_tls.h"

#include <stdlib.h>
#include <string.h>

#include <ngtcp2/ngtcp2_crypto.h>

#include "conn_state.h"
#include "routes.h"
#include "tls.h"

#define MESSAGE_MAX  1500
#define DECODE_ERROR 50 /* an alert of RFC 8446, section 6 */
#define OVERHEAD     16
#define IV_LEN       12

struct iq_tls_session {
    ngtcp2_conn *quic;
    bool dials;
    bool has_hello;  /* the peer's */
    bool has_params; /* the peer's, too */
    bool early;      /* the side that answers: the peer sends early data */
    struct iq_id dialled;
    const char *alpns;
    struct iq_route *routes;
    const struct iq_route *route; /* the one of them that the peer wants */
    uint8_t message[MESSAGE_MAX]; /* what has arrived of it */
    size_t message_len;
};

/* What conn_start.c, conn_receive.c and conn.c call. */

int iq_tls_new(struct iq_tls **tls, const struct iq_secret_key *key,
               const struct iq_endpoint_config *config)
{
    *tls = NULL;
    return 0;
}

void iq_tls_free(struct iq_tls *tls) {}

int iq_tls_dial(struct iq_tls_session **session, struct iq_tls *tls, const struct iq_id *id,
                const char *alpns)
{
    struct iq_tls_session *self = calloc(1, sizeof(*self));

    if (self == NULL) {
        return IQ_ERR_NOMEM;
    }
    self->dials = true;
    self->dialled = *id;
    self->alpns = alpns;
    *session = self;
    return 0;
}

int iq_tls_answer(struct iq_tls_session **session, struct iq_tls *tls,
                  const struct iq_route *routes)
{
    struct iq_tls_session *self = calloc(1, sizeof(*self));
    int rc;

    if (self == NULL) {
        return IQ_ERR_NOMEM;
    }
    rc = iq_routes_copy(&self->routes, routes, NULL);
    if (rc != 0) {
        free(self);
        return rc;
    }
    *session = self;
    return 0;
}

void iq_tls_session_free_routes(struct iq_tls_session *session)
{
    free(session->routes);
    session->routes = NULL;
    session->route = NULL;
}

void iq_tls_attach(struct iq_tls_session *session, ngtcp2_conn *quic) { session->quic = quic; }

void iq_tls_session_free(struct iq_tls_session *session)
{
    if (session != NULL) {
        free(session->routes);
        free(session);
    }
}

void iq_tls_session_resume(struct iq_tls_session *session) {}

bool iq_tls_session_is_resumed(const struct iq_tls_session *session) { return session->early; }

const struct iq_socket_addr *iq_tls_early_addr(struct iq_tls *tls, const struct iq_id *id,
                                               const char *alpn)
{
    return NULL;
}

bool iq_tls_session_start_early(struct iq_tls_session *session) { return false; }

void iq_tls_session_let_go(struct iq_tls_session *session) {}

uint8_t iq_tls_session_alert(const struct iq_tls_session *session)
{
    return ngtcp2_conn_get_tls_alert(session->quic);
}

bool iq_tls_session_early_accepted(const struct iq_tls_session *session) { return session->early; }

int iq_tls_export(const struct iq_tls_session *session, void *out, size_t len, const char *label,
                  const void *context, size_t context_len)
{
    memset(out, 0, len);
    return 0;
}

/* Whoever dials is the one whose id is the base point of the curve. */
uint8_t iq_tls_session_peer(const struct iq_tls_session *session, struct iq_tls_peer *peer)
{
    struct iq_tls_peer found = {.id = session->dialled, .has_id = true, .alpn = session->alpns};

    if (!session->dials) {
        found.alpn = NULL;
        found.route = session->route;
        found.has_id = !found.route->anonymous;
        memset(found.id.key, 0x66, sizeof(found.id.key));
        found.id.key[0] = 0x58;
    }
    *peer = found;
    return 0;
}

/* Keys that are none. */

static const uint8_t nothing[32];
static const ngtcp2_crypto_aead_ctx no_aead;
static const ngtcp2_crypto_cipher_ctx no_cipher;
static const ngtcp2_crypto_ctx no_crypto = {.aead = {.max_overhead = OVERHEAD},
                                            .max_encryption = UINT64_C(1) << 23,
                                            .max_decryption_failure = UINT64_C(1) << 36};

static int install_initial_keys(ngtcp2_conn *quic)
{
    ngtcp2_conn_set_initial_crypto_ctx(quic, &no_crypto);
    return ngtcp2_conn_install_initial_key(quic, &no_aead, nothing, &no_cipher, &no_aead, nothing,
                                           &no_cipher, IV_LEN) == 0
               ? 0
               : NGTCP2_ERR_CALLBACK_FAILURE;
}

static int install_handshake_keys(ngtcp2_conn *quic)
{
    ngtcp2_conn_set_crypto_ctx(quic, &no_crypto);
    if (ngtcp2_conn_install_rx_handshake_key(quic, &no_aead, nothing, IV_LEN, &no_cipher) != 0) {
        return NGTCP2_ERR_CALLBACK_FAILURE;
    }
    return ngtcp2_conn_install_tx_handshake_key(quic, &no_aead, nothing, IV_LEN, &no_cipher);
}

static int install_rx_keys(ngtcp2_conn *quic)
{
    return ngtcp2_conn_install_rx_key(quic, nothing, sizeof(nothing), &no_aead, nothing, IV_LEN,
                                      &no_cipher);
}

static int install_tx_keys(ngtcp2_conn *quic)
{
    return ngtcp2_conn_install_tx_key(quic, nothing, sizeof(nothing), &no_aead, nothing, IV_LEN,
                                      &no_cipher);
}

/* The handshake. */

static int submit(ngtcp2_conn *quic, ngtcp2_encryption_level level, uint8_t type, bool with_params)
{
    uint8_t message[FAKE_TLS_HEAD_LEN + 1 + 512] = {type};
    const bool with_flags = type == FAKE_TLS_CLIENT_HELLO;
    size_t len = FAKE_TLS_HEAD_LEN + (with_flags ? 1 : 0);

    if (with_params) {
        const ngtcp2_ssize n =
            ngtcp2_conn_encode_local_transport_params(quic, message + len, sizeof(message) - len);

        if (n < 0) {
            return NGTCP2_ERR_CALLBACK_FAILURE;
        }
        len += (size_t)n;
    }
    message[1] = (uint8_t)((len - FAKE_TLS_HEAD_LEN) >> 8);
    message[2] = (uint8_t)(len - FAKE_TLS_HEAD_LEN);
    return ngtcp2_conn_submit_crypto_data(quic, level, message, len) == 0
               ? 0
               : NGTCP2_ERR_CALLBACK_FAILURE;
}

static int refuse(ngtcp2_conn *quic)
{
    ngtcp2_conn_set_tls_alert(quic, DECODE_ERROR);
    return NGTCP2_ERR_CRYPTO;
}

static int take_params(ngtcp2_conn *quic, const uint8_t *data, size_t len)
{
    return ngtcp2_conn_decode_and_set_remote_transport_params(quic, data, len) == 0 ? 0
                                                                                    : refuse(quic);
}

/* The route with this index, or the last. */
static const struct iq_route *find_route(const struct iq_route *routes, unsigned index)
{
    for (; index > 0 && routes[1].alpn != NULL; index--) {
        routes++;
    }
    return routes;
}

static int answer_hello(struct iq_tls_session *self, const uint8_t *body, size_t len)
{
    ngtcp2_conn *quic = self->quic;
    int rc;

    if (len == 0 || self->has_hello) {
        return refuse(quic);
    }
    self->has_hello = self->has_params = true;
    self->route = find_route(self->routes, body[0] & FAKE_TLS_ROUTE_MASK);
    self->early =
        (body[0] & FAKE_TLS_EARLY_DATA) != 0 && self->route->handler->on_accept_early != NULL;
    rc = take_params(quic, body + 1, len - 1);
    if (rc == 0 && self->early) {
        ngtcp2_conn_set_0rtt_crypto_ctx(quic, &no_crypto);
        rc = ngtcp2_conn_install_0rtt_key(quic, &no_aead, nothing, IV_LEN, &no_cipher);
    }
    rc = rc != 0 ? rc : install_handshake_keys(quic);
    rc = rc != 0 ? rc : submit(quic, NGTCP2_ENCRYPTION_LEVEL_INITIAL, FAKE_TLS_SERVER_HELLO, false);
    rc = rc != 0 ? rc : submit(quic, NGTCP2_ENCRYPTION_LEVEL_HANDSHAKE, FAKE_TLS_EXTENSIONS, true);
    return rc != 0 ? rc : install_tx_keys(quic);
}

static int finish(struct iq_tls_session *self, const uint8_t *params, size_t len)
{
    ngtcp2_conn *quic = self->quic;
    int rc;

    if (self->has_params) {
        return refuse(quic);
    }
    self->has_params = true;
    rc = take_params(quic, params, len);
    rc = rc != 0 ? rc : submit(quic, NGTCP2_ENCRYPTION_LEVEL_HANDSHAKE, FAKE_TLS_FINISHED, false);
    rc = rc != 0 ? rc : install_rx_keys(quic);
    rc = rc != 0 ? rc : install_tx_keys(quic);
    if (rc == 0) {
        ngtcp2_conn_tls_handshake_completed(quic);
    }
    return rc;
}

static int hear_end(struct iq_tls_session *self)
{
    const int rc = install_rx_keys(self->quic);

    if (rc == 0) {
        ngtcp2_conn_tls_handshake_completed(self->quic);
    }
    return rc;
}

/* One whole message.  Behind the handshake there is none that counts, as with tickets. */
static int hear(struct iq_tls_session *self, ngtcp2_encryption_level level, uint8_t type,
                const uint8_t *body, size_t len)
{
    const bool initial = level == NGTCP2_ENCRYPTION_LEVEL_INITIAL;
    const bool handshake = level == NGTCP2_ENCRYPTION_LEVEL_HANDSHAKE;

    if (level == NGTCP2_ENCRYPTION_LEVEL_1RTT) {
        return 0;
    }
    if (self->dials && initial && type == FAKE_TLS_SERVER_HELLO && !self->has_hello) {
        self->has_hello = true;
        return install_handshake_keys(self->quic);
    }
    if (self->dials && handshake && type == FAKE_TLS_EXTENSIONS) {
        return finish(self, body, len);
    }
    if (!self->dials && initial && type == FAKE_TLS_CLIENT_HELLO) {
        return answer_hello(self, body, len);
    }
    if (!self->dials && handshake && type == FAKE_TLS_FINISHED && self->has_params &&
        !ngtcp2_conn_get_handshake_completed(self->quic)) {
        return hear_end(self);
    }
    return refuse(self->quic);
}

/* Messages may come in pieces. */
static int collect(struct iq_tls_session *self, ngtcp2_encryption_level level, const uint8_t *data,
                   size_t data_len)
{
    size_t len;
    int rc;

    if (data_len > sizeof(self->message) - self->message_len) {
        return refuse(self->quic);
    }
    memcpy(self->message + self->message_len, data, data_len);
    self->message_len += data_len;
    while (self->message_len >= FAKE_TLS_HEAD_LEN) {
        len = FAKE_TLS_HEAD_LEN + ((size_t)self->message[1] << 8 | self->message[2]);
        if (len > self->message_len) {
            break;
        }
        rc = hear(self, level, self->message[0], self->message + FAKE_TLS_HEAD_LEN,
                  len - FAKE_TLS_HEAD_LEN);
        if (rc != 0) {
            return rc;
        }
        self->message_len -= len;
        memmove(self->message, self->message + len, self->message_len);
    }
    return 0;
}

int iq_tls_session_receive(struct iq_tls_session *session, ngtcp2_encryption_level level,
                           const uint8_t *data, size_t len)
{
    return collect(session, level, data, len);
}

/* ngtcp2's helpers, through which the linker leads here. */
/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
int __wrap_ngtcp2_crypto_client_initial_cb(ngtcp2_conn *quic, void *user_data);
int __wrap_ngtcp2_crypto_recv_client_initial_cb(ngtcp2_conn *quic, const ngtcp2_cid *dcid,
                                                void *user_data);
int __wrap_ngtcp2_crypto_recv_retry_cb(ngtcp2_conn *quic, const ngtcp2_pkt_hd *hd, void *user_data);
int __wrap_ngtcp2_crypto_version_negotiation_cb(ngtcp2_conn *quic, uint32_t version,
                                                const ngtcp2_cid *dcid, void *user_data);
int __wrap_ngtcp2_crypto_update_key_cb(ngtcp2_conn *quic, uint8_t *rx_secret, uint8_t *tx_secret,
                                       ngtcp2_crypto_aead_ctx *rx_aead_ctx, uint8_t *rx_iv,
                                       ngtcp2_crypto_aead_ctx *tx_aead_ctx, uint8_t *tx_iv,
                                       const uint8_t *rx_now, const uint8_t *tx_now, size_t len,
                                       void *user_data);
int __wrap_ngtcp2_crypto_generate_stateless_reset_token(uint8_t *token, const uint8_t *secret,
                                                        size_t secret_len, const ngtcp2_cid *cid);
bool __wrap_iq_id_is_valid(const struct iq_id *id);

int __wrap_ngtcp2_crypto_client_initial_cb(ngtcp2_conn *quic, void *user_data)
{
    ngtcp2_conn_set_retry_aead(quic, &no_crypto.aead, &no_aead);
    if (install_initial_keys(quic) != 0) {
        return NGTCP2_ERR_CALLBACK_FAILURE;
    }
    return submit(quic, NGTCP2_ENCRYPTION_LEVEL_INITIAL, FAKE_TLS_CLIENT_HELLO, true);
}

int __wrap_ngtcp2_crypto_recv_client_initial_cb(ngtcp2_conn *quic, const ngtcp2_cid *dcid,
                                                void *user_data)
{
    return install_initial_keys(quic);
}

int __wrap_ngtcp2_crypto_recv_retry_cb(ngtcp2_conn *quic, const ngtcp2_pkt_hd *hd, void *user_data)
{
    return install_initial_keys(quic);
}

int __wrap_ngtcp2_crypto_version_negotiation_cb(ngtcp2_conn *quic, uint32_t version,
                                                const ngtcp2_cid *dcid, void *user_data)
{
    return ngtcp2_conn_install_vneg_initial_key(quic, version, &no_aead, nothing, &no_cipher,
                                                &no_aead, nothing, &no_cipher, IV_LEN) == 0
               ? 0
               : NGTCP2_ERR_CALLBACK_FAILURE;
}

int __wrap_ngtcp2_crypto_update_key_cb(ngtcp2_conn *quic, uint8_t *rx_secret, uint8_t *tx_secret,
                                       ngtcp2_crypto_aead_ctx *rx_aead_ctx, uint8_t *rx_iv,
                                       ngtcp2_crypto_aead_ctx *tx_aead_ctx, uint8_t *tx_iv,
                                       const uint8_t *rx_now, const uint8_t *tx_now, size_t len,
                                       void *user_data)
{
    memset(rx_secret, 0, len);
    memset(tx_secret, 0, len);
    memset(rx_iv, 0, IV_LEN);
    memset(tx_iv, 0, IV_LEN);
    *rx_aead_ctx = *tx_aead_ctx = no_aead;
    return 0;
}

/* The id twice: a fuzzer can find that out. */
int __wrap_ngtcp2_crypto_generate_stateless_reset_token(uint8_t *token, const uint8_t *secret,
                                                        size_t secret_len, const ngtcp2_cid *cid)
{
    size_t i;

    for (i = 0; i < NGTCP2_STATELESS_RESET_TOKENLEN; i++) {
        token[i] = cid->datalen == 0 ? 0 : cid->data[i % cid->datalen];
    }
    return 0;
}

/* Whether it is takes longer to find out than all the rest of a connection. */
bool __wrap_iq_id_is_valid(const struct iq_id *id) { return true; }
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
