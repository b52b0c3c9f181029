/*
 * A ClientHello: which protocol it wants decides what the handshake has to prove.
 *
 * OpenSSL chooses the protocol late, when it has settled the certificates.  So the offer is looked
 * at before anything else, and the rules of the route that will be chosen are set for this session.
 */
#include <string.h>

#include <openssl/err.h>

#include "alpn.h"
#include "tls_state.h"

/* What a certificate may sign the handshake with: whatever key the application has brought. */
#define CERTIFICATE_SIGALGS                                                                        \
    "ed25519:ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512:rsa_pss_rsae_sha256:rsa_pss_rsae_sha384:"      \
    "rsa_pss_rsae_sha512"

/* The first of our routes that is offered, NULL if there is none.  Our order counts, not the
 * peer's: RFC 7301, section 3.2.  `name` is where the offer has it. */
static const struct iq_route *find_route(const struct iq_route *routes, const unsigned char *offer,
                                         size_t len, const unsigned char **name)
{
    const struct iq_route *route;

    for (route = routes; route->alpn != NULL; route++) {
        *name = iq_alpns_find_on_wire(offer, len, route->alpn);
        if (*name != NULL) {
            return route;
        }
    }
    return NULL;
}

/* Whether the client knows our certificate type.  RFC 7250, section 3: a list with its length. */
static bool takes_raw_key(SSL *ssl)
{
    const unsigned char *types;
    size_t len;

    return SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_cert_type, &types, &len) == 1 &&
           len > 1 && memchr(types + 1, TLSEXT_cert_type_rpk, len - 1) != NULL;
}

/* The session shows a certificate over our key, or the application's. */
static bool show_certificate(struct iq_tls_session *session)
{
    static const unsigned char x509[] = {TLSEXT_cert_type_x509};
    struct iq_tls *tls = session->tls;
    SSL *ssl = session->ssl;

    if (tls->certificate == NULL &&
        iq_certificate_sign(&tls->certificate, SSL_get_privatekey(ssl)) != 0) {
        return false;
    }
    return SSL_set1_server_cert_type(ssl, x509, sizeof(x509)) == 1 &&
           SSL_set1_sigalgs_list(ssl, CERTIFICATE_SIGALGS) == 1 &&
           iq_certificate_use(tls->certificate, ssl) == 0;
}

/* Transport parameters are what makes TLS that of QUIC.  OpenSSL goes on without them, and ngtcp2
 * asserts that they have come.  RFC 9001, section 8.2, names the alert; OpenSSL, which does not
 * know yet that this is TLS 1.3, would make handshake_failure of it. */
static bool has_transport_params(SSL *ssl, struct iq_tls_session *session)
{
    const unsigned char *params;
    size_t len;

    if (SSL_client_hello_get0_ext(ssl, NGTCP2_TLSEXT_QUIC_TRANSPORT_PARAMETERS_V1, &params, &len) ==
        1) {
        return true;
    }
    session->alert = SSL_AD_MISSING_EXTENSION;
    return false;
}

/* The rules of an anonymous route: whoever is there may come in, and sees either our raw key or a
 * certificate.  It gets no tickets, which are for those who can be known again.  Nothing changes
 * for any other session. */
static bool admit_anonymous(struct iq_tls_session *session)
{
    SSL *ssl = session->ssl;

    SSL_set_verify(ssl, SSL_VERIFY_NONE, NULL);
    return SSL_set_num_tickets(ssl, 0) == 1 && (takes_raw_key(ssl) || show_certificate(session));
}

/* Before anything is answered.  A ClientHello without ALPN ends here: OpenSSL would not call
 * choose_alpn() for it.  And the route decides what the handshake will prove. */
int iq_tls_look_at_hello(SSL *ssl, int *alert, void *arg)
{
    struct iq_tls_session *session = iq_tls_session_of(ssl);
    const struct iq_route *route;
    const unsigned char *extension, *name;
    size_t len;

    if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_application_layer_protocol_negotiation,
                                  &extension, &len) != 1) {
        *alert = SSL_AD_NO_APPLICATION_PROTOCOL;
        return SSL_CLIENT_HELLO_ERROR;
    }
    if (!has_transport_params(ssl, session)) {
        *alert = SSL_AD_MISSING_EXTENSION;
        return SSL_CLIENT_HELLO_ERROR;
    }
    /* The list has its length in front; what is wrong with it OpenSSL finds later. */
    route = len < 2 ? NULL : find_route(session->routes, extension + 2, len - 2, &name);
    if (route != NULL && route->anonymous && !admit_anonymous(session)) {
        ERR_clear_error();
        *alert = SSL_AD_INTERNAL_ERROR;
        return SSL_CLIENT_HELLO_ERROR;
    }
    session->admitted = route;
    return SSL_CLIENT_HELLO_SUCCESS;
}

/* A protocol that does not take early data refuses it here, and its tickets do not promise it. */
static void choose_route(struct iq_tls_session *session, const struct iq_route *route)
{
    session->route = route;
    if (route->handler->on_accept_early == NULL) {
        (void)SSL_set_max_early_data(session->ssl, 0);
    }
}

/* What is chosen is what the rules were made for, or nothing. */
int iq_tls_choose_alpn(SSL *ssl, const unsigned char **chosen, unsigned char *chosen_len,
                       const unsigned char *offer, unsigned int offer_len, void *arg)
{
    struct iq_tls_session *session = iq_tls_session_of(ssl);
    const unsigned char *name;
    const struct iq_route *route = find_route(session->routes, offer, offer_len, &name);

    if (route == NULL || route != session->admitted) {
        return SSL_TLSEXT_ERR_ALERT_FATAL; /* no_application_protocol */
    }
    choose_route(session, route);
    *chosen = name;
    *chosen_len = (unsigned char)strlen(route->alpn);
    return SSL_TLSEXT_ERR_OK;
}
