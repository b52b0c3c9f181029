/*
 * TLS 1.3 for QUIC, with raw public keys.
 *
 * Who the peer is comes down to judge_key(): the key that it shows must be an ed25519 key, and on
 * the side that dials it must be the key that was dialled.  Then the peer must have signed the
 * handshake with it.  Five things are not left to OpenSSL:
 *
 * - It keeps something of every key of a kind that it does not know, so it gets to see none
 *   (tls_messages.c); nor certificates in a form that hides them (RFC 8879).
 * - It verifies forged signatures for keys of small order, so libsodium does (tls_ed25519.c).
 * - It finishes a handshake in which no ALPN was offered, or none was answered, where RFC 9001,
 *   section 8.1, demands no_application_protocol.
 * - It finishes one without transport parameters, where section 8.2 demands missing_extension.
 * - It does not ask judge_key() when a session is resumed, so iq_tls_session_peer() looks again.
 *
 * The key exchange is X25519 or a NIST curve, as iroh's: with the post-quantum groups that OpenSSL
 * offers by default, the ClientHello needs two datagrams.
 */
#include "tls.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>

#include "alpn.h"
#include "cpu.h"
#include "routes.h"
#include "tls_ed25519.h"
#include "tls_state.h"

static ngtcp2_conn *get_quic(ngtcp2_crypto_conn_ref *ref)
{
    return ((struct iq_tls_session *)ref)->quic;
}

struct iq_tls_session *iq_tls_session_of(const SSL *ssl)
{
    return (struct iq_tls_session *)SSL_get_app_data(ssl);
}

/* Copies the id out of a raw public key: false unless it is ed25519. */
static bool read_key(struct iq_id *id, const EVP_PKEY *key)
{
    size_t len = sizeof(id->key);

    return key != NULL && EVP_PKEY_is_a(key, "ED25519") &&
           EVP_PKEY_get_raw_public_key(key, id->key, &len) == 1 && len == sizeof(id->key);
}

/*
 * OpenSSL asks whether it may go on with a peer that shows this key.  The errors are chosen for the
 * alerts that they become: unsupported_certificate (43), and unknown_ca (48), which is what iroh
 * says to a peer that is not the one it dialled.
 */
static int judge_key(X509_STORE_CTX *store, void *arg)
{
    const int ssl_index = SSL_get_ex_data_X509_STORE_CTX_idx();
    const SSL *ssl = X509_STORE_CTX_get_ex_data(store, ssl_index);
    const struct iq_tls_session *session = iq_tls_session_of(ssl);
    const EVP_PKEY *key = X509_STORE_CTX_get0_rpk(store);
    struct iq_id id;

    if (!read_key(&id, key)) {
        X509_STORE_CTX_set_error(store, X509_V_ERR_INVALID_PURPOSE);
        return 0;
    }
    if (session->dials && !iq_id_equal(&id, &session->dialled)) {
        X509_STORE_CTX_set_error(store, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY);
        return 0;
    }
    X509_STORE_CTX_set_error(store, X509_V_OK);
    return 1;
}

/* A ticket has come, or goes out.  Returns whether the reference to the session was taken over. */
static int keep_session(SSL *ssl, SSL_SESSION *saved)
{
    struct iq_tls_session *session = iq_tls_session_of(ssl);

    if (session->dials) {
        return iq_tls_sessions_keep(&session->tls->sessions, saved, &session->dialled,
                                    session->quic);
    }
    (void)SSL_CTX_add_session(SSL_get_SSL_CTX(ssl), saved); /* takes a reference of its own */
    return 0;
}

static void tell_secret(const SSL *ssl, const char *line)
{
    struct iq_tls_session *session = iq_tls_session_of(ssl);
    const struct iq_tls *tls = session->tls;

    iq_tls_keep_exporter(session, line);
    if (tls->on_secret != NULL) {
        tls->on_secret(line, tls->on_secret_arg);
    }
}

/*
 * Without instructions for it, AES takes several times as long as ChaCha20.  If one of the two ends
 * lacks them, ChaCha20 it is: the side that answers goes by its own order, unless the other has
 * ChaCha20 first.
 */
static bool set_ciphers(SSL_CTX *ctx)
{
    static const char aes_first[] = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:"
                                    "TLS_CHACHA20_POLY1305_SHA256";
    static const char aes_last[] = "TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256:"
                                   "TLS_AES_256_GCM_SHA384";

    (void)SSL_CTX_set_options(ctx, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    return SSL_CTX_set_ciphersuites(ctx, iq_cpu_has_aes() ? aes_first : aes_last) == 1;
}

static bool set_rules(SSL_CTX *ctx)
{
    static const unsigned char raw_public_key[] = {TLSEXT_cert_type_rpk};

    if (SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) != 1 ||
        SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION) != 1 || !set_ciphers(ctx) ||
        SSL_CTX_set1_groups_list(ctx, "X25519:P-256:P-384") != 1 ||
        SSL_CTX_set1_sigalgs_list(ctx, "ed25519") != 1 ||
        SSL_CTX_set1_client_sigalgs_list(ctx, "ed25519") != 1 ||
        SSL_CTX_set1_server_cert_type(ctx, raw_public_key, sizeof(raw_public_key)) != 1 ||
        SSL_CTX_set1_client_cert_type(ctx, raw_public_key, sizeof(raw_public_key)) != 1) {
        return false;
    }
    (void)SSL_CTX_set_options(ctx, SSL_OP_NO_RX_CERTIFICATE_COMPRESSION);
    SSL_CTX_sess_set_new_cb(ctx, keep_session);
    SSL_CTX_set_keylog_callback(ctx, tell_secret);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_cert_verify_callback(ctx, judge_key, NULL);
    SSL_CTX_set_client_hello_cb(ctx, iq_tls_look_at_hello, NULL);
    SSL_CTX_set_alpn_select_cb(ctx, iq_tls_choose_alpn, NULL);
    return true;
}

static bool set_key(SSL_CTX *ctx, const struct iq_secret_key *key)
{
    EVP_PKEY *pkey =
        EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, key->seed, sizeof(key->seed));
    bool done = pkey != NULL && SSL_CTX_use_PrivateKey(ctx, pkey) == 1;

    EVP_PKEY_free(pkey); /* the context has its own reference */
    return done;
}

static SSL_CTX *new_ctx(void)
{
    OSSL_LIB_CTX *context = iq_tls_ed25519_context();

    return context == NULL ? NULL
                           : SSL_CTX_new_ex(context, IQ_TLS_ED25519_PROPERTIES, TLS_method());
}

static int read_certificate(struct iq_tls *tls, const struct iq_endpoint_config *config)
{
    if (config->certificate == NULL || config->certificate_key == NULL) {
        return IQ_ERR_INVALID_CERT;
    }
    return iq_certificate_read(&tls->certificate, config->certificate, config->certificate_key);
}

/* Without it ngtcp2 looks its algorithms up again for every packet key. */
static void start_crypto(void) { (void)ngtcp2_crypto_ossl_init(); }

int iq_tls_new(struct iq_tls **tls, const struct iq_secret_key *key,
               const struct iq_endpoint_config *config)
{
    static CRYPTO_ONCE once = CRYPTO_ONCE_STATIC_INIT;
    struct iq_tls *self = calloc(1, sizeof(*self));

    if (self == NULL) {
        return IQ_ERR_NOMEM;
    }
    iq_tls_sessions_init(&self->sessions, config->sessions_max);
    self->ctx = new_ctx();
    if (CRYPTO_THREAD_run_once(&once, start_crypto) != 1 || self->ctx == NULL ||
        !set_rules(self->ctx) || !set_key(self->ctx, key) ||
        !iq_tls_sessions_set_rules(self->ctx, &key->id, config->sessions_max)) {
        ERR_clear_error();
        iq_tls_free(self);
        return IQ_ERR_CRYPTO;
    }
    if (config->certificate != NULL || config->certificate_key != NULL) {
        const int rc = read_certificate(self, config);

        if (rc != 0) {
            iq_tls_free(self);
            return rc;
        }
    }
    self->on_secret = config->on_secret;
    self->on_secret_arg = config->on_secret_arg;
    *tls = self;
    return 0;
}

void iq_tls_free(struct iq_tls *tls)
{
    if (tls != NULL) {
        iq_tls_sessions_release(&tls->sessions);
        iq_certificate_free(tls->certificate);
        SSL_CTX_free(tls->ctx);
        free(tls);
    }
}

/* A session that does not know its side yet. */
static struct iq_tls_session *new_session(struct iq_tls *tls)
{
    struct iq_tls_session *session = calloc(1, sizeof(*session));

    if (session == NULL) {
        return NULL;
    }
    session->ssl = SSL_new(tls->ctx);
    if (session->ssl == NULL || ngtcp2_crypto_ossl_ctx_new(&session->crypto, session->ssl) != 0) {
        ERR_clear_error();
        iq_tls_session_free(session);
        return NULL;
    }
    session->tls = tls;
    session->ref.get_conn = get_quic;
    SSL_set_app_data(session->ssl, &session->ref);
    return session;
}

int iq_tls_dial(struct iq_tls_session **session, struct iq_tls *tls, const struct iq_id *id,
                const char *alpns)
{
    uint8_t offer[IQ_ALPNS_WIRE_MAX];
    const size_t offer_len = iq_alpns_encode(offer, alpns);
    struct iq_tls_session *self = new_session(tls);

    if (self == NULL) {
        return IQ_ERR_NOMEM;
    }
    self->dials = true;
    self->dialled = *id;
    self->alpns = alpns;
    if (ngtcp2_crypto_ossl_configure_client_session(self->ssl) != 0 ||
        SSL_set_alpn_protos(self->ssl, offer, (unsigned int)offer_len) != 0) {
        ERR_clear_error();
        iq_tls_session_free(self);
        return IQ_ERR_CRYPTO;
    }
    SSL_set_connect_state(self->ssl);
    *session = self;
    return 0;
}

int iq_tls_answer(struct iq_tls_session **session, struct iq_tls *tls,
                  const struct iq_route *routes)
{
    struct iq_tls_session *self = new_session(tls);
    int rc;

    if (self == NULL) {
        return IQ_ERR_NOMEM;
    }
    rc = iq_routes_copy(&self->routes, routes, NULL);
    if (rc != 0) {
        iq_tls_session_free(self);
        return rc;
    }
    if (ngtcp2_crypto_ossl_configure_server_session(self->ssl) != 0 ||
        (tls->sessions.max > 0 && SSL_set_quic_tls_early_data_enabled(self->ssl, 1) != 1)) {
        ERR_clear_error();
        iq_tls_session_free(self);
        return IQ_ERR_CRYPTO;
    }
    SSL_set_accept_state(self->ssl);
    *session = self;
    return 0;
}

void iq_tls_attach(struct iq_tls_session *session, ngtcp2_conn *quic)
{
    session->quic = quic;
    ngtcp2_conn_set_tls_native_handle(quic, session->crypto);
}

void iq_tls_session_free_routes(struct iq_tls_session *session)
{
    free(session->routes);
    session->routes = NULL;
    session->admitted = session->route = NULL;
}

void iq_tls_session_free(struct iq_tls_session *session)
{
    if (session == NULL) {
        return;
    }
    iq_tls_free_handshake(session);
    OPENSSL_cleanse(session->exporter, sizeof(session->exporter));
    free(session->routes);
    free(session);
}

void iq_tls_session_resume(struct iq_tls_session *session)
{
    if (session->resumes) {
        iq_tls_sessions_drop_stale(session->ssl);
        return;
    }
    session->resumes = iq_tls_sessions_resume(&session->tls->sessions, session->ssl,
                                              &session->dialled, session->alpns);
}

const struct iq_socket_addr *iq_tls_early_addr(struct iq_tls *tls, const struct iq_id *id,
                                               const char *alpn)
{
    return iq_tls_sessions_early_addr(&tls->sessions, id, alpn);
}

bool iq_tls_session_start_early(struct iq_tls_session *session)
{
    session->resumes = true;
    return iq_tls_sessions_resume_early(&session->tls->sessions, session->ssl, session->quic,
                                        &session->dialled, session->alpns);
}

bool iq_tls_session_early_accepted(const struct iq_tls_session *session)
{
    return SSL_get_early_data_status(session->ssl) == SSL_EARLY_DATA_ACCEPTED;
}

bool iq_tls_session_is_resumed(const struct iq_tls_session *session)
{
    return SSL_session_reused(session->ssl) == 1;
}

uint8_t iq_tls_session_alert(const struct iq_tls_session *session)
{
    return session->alert != 0 ? session->alert : ngtcp2_conn_get_tls_alert(session->quic);
}

uint8_t iq_tls_session_peer(const struct iq_tls_session *session, struct iq_tls_peer *peer)
{
    struct iq_tls_peer found = {.route = session->route};
    const unsigned char *alpn;
    unsigned int alpn_len;

    if (ngtcp2_conn_get_remote_transport_params(session->quic) == NULL) {
        return SSL_AD_MISSING_EXTENSION; /* ngtcp2 says so too, but after the handler was called */
    }
    SSL_get0_alpn_selected(session->ssl, &alpn, &alpn_len);
    if (session->dials) {
        found.alpn = iq_alpns_find(session->alpns, alpn, alpn_len);
    }
    if (alpn_len == 0 || (session->dials ? found.alpn == NULL : session->route == NULL)) {
        return SSL_AD_NO_APPLICATION_PROTOCOL;
    }
    if (!session->dials && session->route->anonymous) {
        *peer = found;
        return 0;
    }
    if (!read_key(&found.id, SSL_get0_peer_rpk(session->ssl))) {
        return SSL_AD_CERTIFICATE_REQUIRED;
    }
    if (session->dials && !iq_id_equal(&found.id, &session->dialled)) {
        return SSL_AD_UNKNOWN_CA;
    }
    found.has_id = true;
    *peer = found;
    return 0;
}
