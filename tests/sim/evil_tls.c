/* The TLS of a raw peer, as the test wants it. */
#include <string.h>

#include <ngtcp2/ngtcp2_crypto.h>

#include "evil.h"

static const unsigned char raw_public_key[] = {TLSEXT_cert_type_rpk};

static ngtcp2_conn *get_quic(ngtcp2_crypto_conn_ref *ref) { return ((struct evil *)ref)->quic; }

/* Believes everything. */
static int believe(X509_STORE_CTX *store, void *arg)
{
    X509_STORE_CTX_set_error(store, X509_V_OK);
    return 1;
}

/* Chooses what the options say, whether it was offered or not. */
static int choose_alpn(SSL *ssl, const unsigned char **chosen, unsigned char *len,
                       const unsigned char *offer, unsigned int offer_len, void *arg)
{
    const struct evil *self = arg;

    if (self->options.alpn == NULL) {
        return SSL_TLSEXT_ERR_NOACK;
    }
    *chosen = (const unsigned char *)self->options.alpn + 1;
    *len = (unsigned char)self->options.alpn[0];
    return SSL_TLSEXT_ERR_OK;
}

static int note_server_name(SSL *ssl, int *alert, void *arg)
{
    struct evil *self = arg;
    const unsigned char *name;
    size_t len;

    self->has_heard_hello = true;
    self->heard_server_name =
        SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &name, &len) == 1;
    return SSL_CLIENT_HELLO_SUCCESS;
}

static void note_message(int is_ours, int version, int type, const void *data, size_t len, SSL *ssl,
                         void *arg)
{
    const uint8_t *message = data;
    struct evil *self = arg;

    if (type != SSL3_RT_HANDSHAKE || len == 0) {
        return;
    }
    if (is_ours) {
        self->own_hello_len = message[0] == SSL3_MT_CLIENT_HELLO ? len : self->own_hello_len;
        return;
    }
    if (message[0] == SSL3_MT_CLIENT_HELLO) {
        SIM_EXPECT(self->node->sim, len <= sizeof(self->hello));
        memcpy(self->hello, message, len);
        self->hello_len = len;
    }
    self->heard_key = self->heard_key || message[0] == SSL3_MT_CERTIFICATE;
}

static int keep_ticket(SSL *ssl, SSL_SESSION *session)
{
    struct evil *self = SSL_get_app_data(ssl);

    const ngtcp2_ssize len = ngtcp2_conn_encode_0rtt_transport_params(
        self->quic, self->early_params, sizeof(self->early_params));

    SIM_EXPECT(self->node->sim, len > 0);
    self->early_params_len = (size_t)len;
    SSL_SESSION_free(self->ticket);
    self->ticket = session;
    return 1; /* it is ours now */
}

/* One parameter, as it is written in RFC 9000, section 18: returns its length in all. */
static size_t read_param(const struct evil *self, const uint8_t *bytes, size_t len, uint64_t *id)
{
    size_t at = 0;
    uint64_t numbers[2];
    unsigned i;

    for (i = 0; i < 2; i++) {
        size_t left = (size_t)1 << (bytes[at] >> 6);

        for (numbers[i] = bytes[at++] & 0x3f; left > 1; left--) {
            numbers[i] = numbers[i] << 8 | bytes[at++];
        }
    }
    SIM_EXPECT(self->node->sim, at + numbers[1] <= len);
    *id = numbers[0];
    return at + (size_t)numbers[1];
}

/* ngtcp2's parameters as the options want them. */
static size_t make_params(struct evil *self)
{
    const struct iq_bytes more = self->options.params;
    const size_t size = sizeof(self->params);
    uint8_t own[512];
    const ngtcp2_ssize own_len =
        ngtcp2_conn_encode_local_transport_params(self->quic, own, sizeof(own));
    size_t at, one_len, len = 0;
    uint64_t id;

    SIM_EXPECT(self->node->sim, own_len > 0 && (size_t)own_len + more.len <= size);
    for (at = 0; at < (size_t)own_len; at += one_len) {
        one_len = read_param(self, own + at, (size_t)own_len - at, &id);
        if (id > 63 || (self->options.without_params >> id & 1) == 0) {
            memcpy(self->params + len, own + at, one_len);
            len += one_len;
        }
    }
    if (more.len > 0) {
        memcpy(self->params + len, more.data, more.len);
    }
    return len + more.len;
}

/* ngtcp2 has just set its own parameters: before the ClientHello, or before EncryptedExtensions. */
static void replace_params(const SSL *ssl, int where, int ret)
{
    struct evil *self = SSL_get_app_data(ssl);

    if (SSL_get_state(ssl) == (self->dials ? TLS_ST_BEFORE : TLS_ST_SW_SRVR_HELLO)) {
        SIM_EXPECT(self->node->sim, SSL_set_quic_tls_transport_params(self->ssl, self->params,
                                                                      make_params(self)) == 1);
    }
}

static EVP_PKEY *make_key(struct evil *self)
{
    static const uint8_t neutral[IQ_KEY_LEN] = {1};

    switch (self->options.key) {
    case EVIL_KEY_GOOD:
        return EVP_PKEY_new_raw_private_key_ex(self->forger.ctx, "ED25519", NULL,
                                               self->options.seed, IQ_KEY_LEN);
    case EVIL_KEY_P256:
        return EVP_PKEY_Q_keygen(self->forger.ctx, NULL, "EC", "P-256");
    case EVIL_KEY_SMALL_ORDER:
        return forger_key(&self->forger, neutral);
    case EVIL_KEY_NONE:
        break;
    }
    return NULL;
}

static SSL_CTX *make_ctx(struct evil *self)
{
    SSL_CTX *ctx = SSL_CTX_new_ex(self->forger.ctx, NULL, TLS_method());
    EVP_PKEY *key;

    SIM_EXPECT(self->node->sim, ctx != NULL);
    key = make_key(self);
    SIM_EXPECT(self->node->sim, key != NULL || self->options.key == EVIL_KEY_NONE);
    SIM_EXPECT(self->node->sim, key == NULL || SSL_CTX_use_PrivateKey(ctx, key) == 1);
    EVP_PKEY_free(key);
    if (!self->options.no_raw_keys) {
        (void)SSL_CTX_set1_server_cert_type(ctx, raw_public_key, 1);
        (void)SSL_CTX_set1_client_cert_type(ctx, raw_public_key, 1);
    }
    if (!self->options.default_groups) {
        (void)SSL_CTX_set1_groups_list(ctx, "X25519");
    }
    SIM_EXPECT(self->node->sim, self->options.ciphers == NULL ||
                                    SSL_CTX_set_ciphersuites(ctx, self->options.ciphers) == 1);
    SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(ctx, believe, NULL);
    SSL_CTX_set_alpn_select_cb(ctx, choose_alpn, self);
    SSL_CTX_set_client_hello_cb(ctx, note_server_name, self);
    SSL_CTX_set_msg_callback(ctx, note_message);
    SSL_CTX_set_msg_callback_arg(ctx, self);
    if (self->options.tickets > 0) {
        (void)SSL_CTX_set_num_tickets(ctx, self->options.tickets);
    }
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
    SSL_CTX_sess_set_new_cb(ctx, keep_ticket);
    return ctx;
}

/*
 * An answer without transport parameters: the peer's come to us, and OpenSSL, which knows nothing
 * of them, has none to answer with.  Its own extension it adds to every SSL; but that of an SSL_CTX
 * goes first, if that is set afterwards.
 */

static int take_params(SSL *ssl, unsigned int type, unsigned int context, const unsigned char *data,
                       size_t len, X509 *certificate, size_t chain_index, int *alert, void *arg)
{
    const struct evil *self = arg;

    return ngtcp2_conn_decode_and_set_remote_transport_params(self->quic, data, len) == 0;
}

static int add_no_params(SSL *ssl, unsigned int type, unsigned int context,
                         const unsigned char **data, size_t *len, X509 *certificate,
                         size_t chain_index, int *alert, void *arg)
{
    return 0;
}

static void leave_params_out(struct evil *self)
{
    SSL_CTX *ctx = make_ctx(self);

    SIM_EXPECT(self->node->sim,
               SSL_CTX_add_custom_ext(ctx, TLSEXT_TYPE_quic_transport_parameters,
                                      SSL_EXT_TLS1_3_ONLY | SSL_EXT_CLIENT_HELLO |
                                          SSL_EXT_TLS1_3_ENCRYPTED_EXTENSIONS,
                                      add_no_params, NULL, NULL, take_params, self) == 1);
    SIM_EXPECT(self->node->sim, SSL_set_SSL_CTX(self->ssl, ctx) == ctx);
    SSL_CTX_free(ctx);
}

void evil_start_tls(struct evil *self)
{
    const char *alpn = self->options.alpn;

    SIM_EXPECT(self->node->sim, forger_init(&self->forger));
    self->ctx = make_ctx(self);
    self->ssl = SSL_new(self->ctx);
    SIM_EXPECT(self->node->sim, self->ssl != NULL);
    self->ref.get_conn = get_quic;
    SSL_set_app_data(self->ssl, &self->ref);
    if (self->options.params.len > 0 || self->options.without_params != 0) {
        SSL_set_info_callback(self->ssl, replace_params);
    }
    SIM_EXPECT(self->node->sim, ngtcp2_crypto_ossl_ctx_new(&self->crypto, self->ssl) == 0);
    if (!self->dials) {
        SIM_EXPECT(self->node->sim, ngtcp2_crypto_ossl_configure_server_session(self->ssl) == 0);
        SSL_set_accept_state(self->ssl);
        if (self->options.no_params) {
            leave_params_out(self);
        }
        return;
    }
    SIM_EXPECT(self->node->sim, ngtcp2_crypto_ossl_configure_client_session(self->ssl) == 0);
    SSL_set_connect_state(self->ssl);
    if (alpn != NULL) {
        (void)SSL_set_alpn_protos(self->ssl, (const unsigned char *)alpn,
                                  (unsigned int)strlen(alpn));
    }
    if (self->options.server_name != NULL) {
        SIM_EXPECT(self->node->sim,
                   SSL_set_tlsext_host_name(self->ssl, self->options.server_name) == 1);
    }
    if (self->options.resume != NULL) {
        (void)SSL_set_session(self->ssl, self->options.resume);
    }
}
