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

static int keep_ticket(SSL *ssl, SSL_SESSION *session)
{
    struct evil *self = SSL_get_app_data(ssl);

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

static void start_ctx(struct evil *self)
{
    EVP_PKEY *key;

    SIM_EXPECT(self->node->sim, forger_init(&self->forger));
    self->ctx = SSL_CTX_new_ex(self->forger.ctx, NULL, TLS_method());
    SIM_EXPECT(self->node->sim, self->ctx != NULL);
    key = make_key(self);
    SIM_EXPECT(self->node->sim, key != NULL || self->options.key == EVIL_KEY_NONE);
    SIM_EXPECT(self->node->sim, key == NULL || SSL_CTX_use_PrivateKey(self->ctx, key) == 1);
    EVP_PKEY_free(key);
    if (!self->options.no_raw_keys) {
        (void)SSL_CTX_set1_server_cert_type(self->ctx, raw_public_key, 1);
        (void)SSL_CTX_set1_client_cert_type(self->ctx, raw_public_key, 1);
    }
    if (!self->options.default_groups) {
        (void)SSL_CTX_set1_groups_list(self->ctx, "X25519");
    }
    SIM_EXPECT(self->node->sim,
               self->options.ciphers == NULL ||
                   SSL_CTX_set_ciphersuites(self->ctx, self->options.ciphers) == 1);
    SSL_CTX_set_min_proto_version(self->ctx, TLS1_3_VERSION);
    SSL_CTX_set_verify(self->ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(self->ctx, believe, NULL);
    SSL_CTX_set_alpn_select_cb(self->ctx, choose_alpn, self);
    SSL_CTX_set_client_hello_cb(self->ctx, note_server_name, self);
    if (self->options.tickets > 0) {
        (void)SSL_CTX_set_num_tickets(self->ctx, self->options.tickets);
    }
    SSL_CTX_set_session_cache_mode(self->ctx,
                                   SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
    SSL_CTX_sess_set_new_cb(self->ctx, keep_ticket);
}

void evil_start_tls(struct evil *self)
{
    const char *alpn = self->options.alpn;

    start_ctx(self);
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
