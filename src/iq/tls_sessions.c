/*
 * TLS sessions of earlier connections.
 *
 * A list is enough: a dial looks through it once, which costs less than one of the signatures that
 * it saves.
 */
#include "tls_sessions.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/err.h>

#include "alpn.h"
#include "sockaddr.h"

/* Of one peer and protocol, so that a peer that offers many does not drive out all others. */
#define PER_PEER_MAX 8

/* A session is not used in the last minute of its life.  If OpenSSL finds it too old when it writes
 * the ClientHello, it leaves it out, but still offers the early data, and encrypts that with a key
 * that everybody can compute. */
#define SPARE_SECONDS 60

/* RFC 8446, section 4.6.1. */
#define LIFETIME_MAX_SECONDS (INT64_C(7) * 24 * 60 * 60)

/* A session, and what must be remembered with it. */
struct saved {
    struct iq_list in_all;
    SSL_SESSION *session;
    struct iq_id id;
    struct iq_socket_addr addr; /* where the peer was */
    uint8_t params[256];        /* its transport parameters.  RFC 9000, section 7.4.1 */
    size_t params_len;
};

void iq_tls_sessions_init(struct iq_tls_sessions *sessions, size_t max)
{
    iq_list_init(&sessions->all);
    sessions->count = 0;
    sessions->max = max;
}

static struct saved *saved_of(struct iq_list *node)
{
    return IQ_CONTAINER_OF(node, struct saved, in_all);
}

static void remove_saved(struct iq_tls_sessions *sessions, struct saved *saved)
{
    iq_list_remove(&saved->in_all);
    sessions->count--;
}

static void free_saved(struct saved *saved)
{
    SSL_SESSION_free(saved->session);
    free(saved);
}

void iq_tls_sessions_release(struct iq_tls_sessions *sessions)
{
    struct iq_list *node = sessions->all.next;

    while (node != &sessions->all) {
        struct saved *saved = saved_of(node);

        node = node->next;
        free_saved(saved);
    }
}

/*
 * Tickets only name a session in our memory (SSL_OP_NO_TICKET), which is removed when it is used:
 * OpenSSL does so itself as long as early data is possible and SSL_OP_NO_ANTI_REPLAY is not set.
 * New ones are put there by tls.c's callback, since those of the side that dials would come into
 * the same place otherwise.
 *
 * The context keeps a session from being resumed at another endpoint; without one, OpenSSL aborts
 * every handshake that resumes and asks for the peer's key.
 */
bool iq_tls_sessions_set_rules(SSL_CTX *ctx, const struct iq_id *id, size_t max)
{
    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
    if (max == 0) {
        SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
        return SSL_CTX_set_num_tickets(ctx, 0) == 1;
    }
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_BOTH | SSL_SESS_CACHE_NO_INTERNAL_STORE);
    SSL_CTX_sess_set_cache_size(ctx, (long)max + 1); /* the new one counts when it makes room */
    return SSL_CTX_set_session_id_context(ctx, id->key, sizeof(id->key)) == 1 &&
           SSL_CTX_set_max_early_data(ctx, UINT32_MAX) == 1; /* RFC 9001, section 4.6.1 */
}

static bool is_of_peer(SSL_SESSION *session, const struct iq_id *id)
{
    const EVP_PKEY *key = SSL_SESSION_get0_peer_rpk(session);
    uint8_t bytes[IQ_KEY_LEN];
    size_t len = sizeof(bytes);

    return key != NULL && EVP_PKEY_get_raw_public_key(key, bytes, &len) == 1 &&
           len == sizeof(bytes) && memcmp(bytes, id->key, len) == 0;
}

static bool is_for(const struct saved *saved, const struct iq_id *id, const uint8_t *alpn,
                   size_t len)
{
    const unsigned char *own;
    size_t own_len;

    SSL_SESSION_get0_alpn_selected(saved->session, &own, &own_len);
    return iq_id_equal(&saved->id, id) && own_len == len && memcmp(own, alpn, len) == 0;
}

/* Makes room for one more like `saved`. */
static void make_room(struct iq_tls_sessions *sessions, const struct saved *like)
{
    struct saved *oldest = NULL; /* of this peer and protocol */
    const unsigned char *alpn;
    struct iq_list *node;
    size_t alpn_len, of_peer = 0;

    SSL_SESSION_get0_alpn_selected(like->session, &alpn, &alpn_len);
    for (node = sessions->all.next; node != &sessions->all; node = node->next) {
        struct saved *saved = saved_of(node);

        if (is_for(saved, &like->id, alpn, alpn_len)) {
            oldest = oldest == NULL ? saved : oldest;
            of_peer++;
        }
    }
    if (of_peer < PER_PEER_MAX) {
        oldest = sessions->count < sessions->max ? NULL : saved_of(sessions->all.next);
    }
    if (oldest != NULL) {
        remove_saved(sessions, oldest);
        free_saved(oldest);
    }
}

bool iq_tls_sessions_keep(struct iq_tls_sessions *sessions, SSL_SESSION *session,
                          const struct iq_id *id, ngtcp2_conn *quic)
{
    struct saved *saved;
    ngtcp2_ssize params_len;

    if (sessions->max == 0 || !is_of_peer(session, id)) {
        return false;
    }
    saved = calloc(1, sizeof(*saved));
    if (saved == NULL) {
        return false;
    }
    params_len =
        ngtcp2_conn_encode_0rtt_transport_params(quic, saved->params, sizeof(saved->params));
    if (params_len < 0) {
        free(saved);
        return false;
    }
    saved->params_len = (size_t)params_len;
    saved->session = session;
    saved->id = *id;
    iq_sockaddr_to(&saved->addr, ngtcp2_conn_get_path(quic)->remote.addr);
    make_room(sessions, saved);
    iq_list_init(&saved->in_all);
    iq_list_append(&sessions->all, &saved->in_all);
    sessions->count++;
    return true;
}

/* By the clock that OpenSSL goes by, which may have been set meanwhile. */
static bool is_fresh(const SSL_SESSION *session)
{
    const int64_t age = (int64_t)time(NULL) - (int64_t)SSL_SESSION_get_time_ex(session);
    const int64_t hint = (int64_t)SSL_SESSION_get_ticket_lifetime_hint(session);
    const int64_t lifetime = hint < LIFETIME_MAX_SECONDS ? hint : LIFETIME_MAX_SECONDS;

    return age >= 0 && age < lifetime - SPARE_SECONDS;
}

static void drop_stale(struct iq_tls_sessions *sessions)
{
    struct iq_list *node = sessions->all.next;

    while (node != &sessions->all) {
        struct saved *saved = saved_of(node);

        node = node->next;
        if (!is_fresh(saved->session)) {
            remove_saved(sessions, saved);
            free_saved(saved);
        }
    }
}

/* The newest.  Whose it is was seen when it was kept, and is looked at again. */
static struct saved *find(struct iq_tls_sessions *sessions, const struct iq_id *id,
                          const char *alpn)
{
    struct iq_list *node;

    drop_stale(sessions);
    for (node = sessions->all.prev; node != &sessions->all; node = node->prev) {
        struct saved *saved = saved_of(node);

        if (is_for(saved, id, (const uint8_t *)alpn, strlen(alpn)) &&
            is_of_peer(saved->session, id)) {
            return saved;
        }
    }
    return NULL;
}

/* Takes the session out of the list, and gives it to `ssl`. */
static void use(struct iq_tls_sessions *sessions, struct saved *saved, SSL *ssl)
{
    remove_saved(sessions, saved);
    if (SSL_set_session(ssl, saved->session) != 1) {
        ERR_clear_error(); /* then a full handshake */
    }
}

bool iq_tls_sessions_resume(struct iq_tls_sessions *sessions, SSL *ssl, const struct iq_id *id,
                            const char *alpns)
{
    struct saved *saved = NULL;

    for (; saved == NULL && *alpns != '\0'; alpns = iq_alpns_next(alpns)) {
        saved = find(sessions, id, alpns);
    }
    if (saved == NULL) {
        return false;
    }
    use(sessions, saved, ssl);
    free_saved(saved);
    return true;
}

/* Early data */

const struct iq_socket_addr *iq_tls_sessions_early_addr(struct iq_tls_sessions *sessions,
                                                        const struct iq_id *id, const char *alpn)
{
    const struct saved *saved = find(sessions, id, alpn);

    /* The only value that is allowed.  RFC 9001, section 4.6.1. */
    if (saved == NULL || SSL_SESSION_get_max_early_data(saved->session) != UINT32_MAX) {
        return NULL;
    }
    return &saved->addr;
}

bool iq_tls_sessions_resume_early(struct iq_tls_sessions *sessions, SSL *ssl, ngtcp2_conn *quic,
                                  const struct iq_id *id, const char *alpn)
{
    struct saved *saved = find(sessions, id, alpn);
    bool started;

    if (saved == NULL) {
        return false;
    }
    use(sessions, saved, ssl);
    started = SSL_set_quic_tls_early_data_enabled(ssl, 1) == 1;
    if (started && ngtcp2_conn_decode_and_set_0rtt_transport_params(quic, saved->params,
                                                                    saved->params_len) != 0) {
        (void)SSL_set_quic_tls_early_data_enabled(ssl, 0);
        started = false;
    }
    ERR_clear_error();
    free_saved(saved);
    return started;
}

void iq_tls_sessions_drop_stale(SSL *ssl)
{
    const SSL_SESSION *session = SSL_get0_session(ssl);

    if (session != NULL && !is_fresh(session)) {
        (void)SSL_set_quic_tls_early_data_enabled(ssl, 0);
        (void)SSL_set_session(ssl, NULL);
    }
}
