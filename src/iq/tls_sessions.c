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

#include "sockaddr.h"

/* Of one peer and protocol, so that a peer that offers many does not drive out all others. */
#define PER_PEER_MAX 8

/* A session is not used in the last minute of its life.  OpenSSL would find it too old when it
 * writes the ClientHello, offer early data without the session, and encrypt that with a key that
 * everybody can compute. */
#define SPARE_SECONDS 60

/* RFC 8446, section 4.6.1. */
#define LIFETIME_MAX_SECONDS (7 * 24 * 60 * 60)

void iq_tls_sessions_init(struct iq_tls_sessions *sessions, size_t max)
{
    iq_list_init(&sessions->all);
    sessions->count = 0;
    sessions->max = max;
}

static struct iq_tls_saved *saved_of(struct iq_list *node)
{
    return IQ_CONTAINER_OF(node, struct iq_tls_saved, in_all);
}

static void remove_saved(struct iq_tls_sessions *sessions, struct iq_tls_saved *saved)
{
    iq_list_remove(&saved->in_all);
    sessions->count--;
}

void iq_tls_saved_free(struct iq_tls_saved *saved)
{
    if (saved != NULL) {
        SSL_SESSION_free(saved->session);
        free(saved);
    }
}

void iq_tls_sessions_release(struct iq_tls_sessions *sessions)
{
    while (!iq_list_is_empty(&sessions->all)) {
        struct iq_tls_saved *saved = saved_of(sessions->all.next);

        remove_saved(sessions, saved);
        iq_tls_saved_free(saved);
    }
}

/*
 * Tickets only name a session in our memory (SSL_OP_NO_TICKET), which is removed when it is used:
 * OpenSSL does so itself as long as early data is possible and SSL_OP_NO_ANTI_REPLAY is not set.
 * New ones are put there by iq_tls.c's callback, since those of the side that dials would come into
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

static bool is_for(const struct iq_tls_saved *saved, const struct iq_id *id, const uint8_t *alpn,
                   size_t len)
{
    const unsigned char *own;
    size_t own_len;

    SSL_SESSION_get0_alpn_selected(saved->session, &own, &own_len);
    return iq_id_equal(&saved->id, id) && own_len == len && memcmp(own, alpn, len) == 0;
}

/* Makes room for one more like `saved`. */
static void make_room(struct iq_tls_sessions *sessions, const struct iq_tls_saved *like)
{
    struct iq_tls_saved *oldest = NULL; /* of this peer and protocol */
    const unsigned char *alpn;
    struct iq_list *node;
    size_t alpn_len, of_peer = 0;

    SSL_SESSION_get0_alpn_selected(like->session, &alpn, &alpn_len);
    for (node = sessions->all.next; node != &sessions->all; node = node->next) {
        struct iq_tls_saved *saved = saved_of(node);

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
        iq_tls_saved_free(oldest);
    }
}

bool iq_tls_sessions_keep(struct iq_tls_sessions *sessions, SSL_SESSION *session,
                          const struct iq_id *id, ngtcp2_conn *quic)
{
    struct iq_tls_saved *saved;
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

/* By the clock that OpenSSL goes by, which may have been set. */
static bool is_fresh(const SSL_SESSION *session)
{
    const int64_t age = (int64_t)time(NULL) - (int64_t)SSL_SESSION_get_time_ex(session);
    const unsigned long hint = SSL_SESSION_get_ticket_lifetime_hint(session);
    const int64_t lifetime = hint < LIFETIME_MAX_SECONDS ? (int64_t)hint : LIFETIME_MAX_SECONDS;

    return age >= 0 && age < lifetime - SPARE_SECONDS;
}

static void drop_stale(struct iq_tls_sessions *sessions)
{
    struct iq_list *node = sessions->all.next;

    while (node != &sessions->all) {
        struct iq_tls_saved *saved = saved_of(node);

        node = node->next;
        if (!is_fresh(saved->session)) {
            remove_saved(sessions, saved);
            iq_tls_saved_free(saved);
        }
    }
}

static struct iq_tls_saved *find(struct iq_tls_sessions *sessions, const struct iq_id *id,
                                 const char *alpn)
{
    struct iq_list *node;

    drop_stale(sessions);
    for (node = sessions->all.prev; node != &sessions->all; node = node->prev) {
        struct iq_tls_saved *saved = saved_of(node);

        if (is_for(saved, id, (const uint8_t *)alpn, strlen(alpn))) {
            return saved;
        }
    }
    return NULL;
}

const struct iq_tls_saved *iq_tls_sessions_find(struct iq_tls_sessions *sessions,
                                                const struct iq_id *id, const char *alpn)
{
    return find(sessions, id, alpn);
}

struct iq_tls_saved *iq_tls_sessions_take(struct iq_tls_sessions *sessions, const struct iq_id *id,
                                          const char *alpn)
{
    struct iq_tls_saved *saved = find(sessions, id, alpn);

    if (saved != NULL) {
        remove_saved(sessions, saved);
    }
    return saved;
}

bool iq_tls_saved_allows_early_data(const struct iq_tls_saved *saved)
{
    return SSL_SESSION_get_max_early_data(saved->session) == UINT32_MAX;
}
