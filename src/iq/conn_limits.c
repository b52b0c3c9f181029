/*
 * What strangers may cost us: the limits of limits.h, all of them.
 *
 * Connections that we dial are counted nowhere here.
 */
#include <string.h>

#include "conn_limits.h"

/* A connection changes its ids now and then, and a peer that moves about a lot changes them more
 * often. */
#define CIDS_AT_ONCE 1000

/* Newcomers */

/* What counts as one address: of IPv6 the /64, in which a customer makes up as many as he likes. */
struct addr_kind {
    uint8_t bytes[9];
    size_t len;
};

static struct addr_kind kind_of_addr(const struct iq_socket_addr *addr)
{
    struct addr_kind kind = {.len = addr->ip_version == IQ_IPV4 ? 5 : 9};

    kind.bytes[0] = addr->ip_version;
    memcpy(kind.bytes + 1, addr->ip, kind.len - 1);
    return kind;
}

static uint64_t count_from(const struct iq_conn_env *env, const struct iq_path *path)
{
    const struct addr_kind kind = kind_of_addr(&path->remote);

    return iq_tally_count(&env->by_addr, kind.bytes, kind.len);
}

/* Whoever forges an address gets no further than this: he is not counted, and so the owner of the
 * address is turned away only for connections that are really from there. */
enum iq_screening iq_limits_screen(struct iq_conn_env *env, const struct iq_path *path)
{
    const struct iq_limits *limits = &env->config.limits;
    struct iq_limits *beyond = &env->stats.beyond;

    if (env->half_open_count >= limits->half_open) {
        beyond->half_open++;
        return IQ_SCREEN_DROP;
    }
    if (env->accepted_count >= limits->conns) {
        beyond->conns++;
        return IQ_SCREEN_REFUSE;
    }
    if (env->chunks.used > limits->buffered_bytes / 4 * 3) {
        beyond->buffered_bytes++;
        return IQ_SCREEN_REFUSE;
    }
    if (count_from(env, path) >= limits->conns_per_addr) {
        beyond->conns_per_addr++;
        return IQ_SCREEN_REFUSE;
    }
    return IQ_SCREEN_WELCOME;
}

bool iq_limits_want_retry(struct iq_conn_env *env)
{
    if (env->half_open_count < env->config.limits.half_open_before_retry) {
        return false;
    }
    env->stats.beyond.half_open_before_retry++;
    return true;
}

/* Connections */

static int count_addr(struct iq_conn *conn)
{
    const struct addr_kind kind = kind_of_addr(&conn->path.remote);

    return iq_tally_add(&conn->in_by_addr, &conn->env->by_addr, kind.bytes, kind.len);
}

int iq_conn_count(struct iq_conn *conn, bool addr_is_validated)
{
    conn->env->accepted_count++;
    conn->env->half_open_count++;
    conn->is_half_open = true;
    return addr_is_validated ? count_addr(conn) : 0;
}

static void end_half_open(struct iq_conn *conn)
{
    conn->env->half_open_count -= conn->is_half_open;
    conn->is_half_open = false;
}

void iq_conn_uncount(struct iq_conn *conn)
{
    if (!conn->dials) {
        iq_conn_make_place(conn);
        end_half_open(conn);
        conn->env->accepted_count--;
    }
}

void iq_conn_make_place(struct iq_conn *conn)
{
    iq_tally_remove(&conn->env->by_addr, conn->in_by_addr);
    iq_tally_remove(&conn->env->by_id, conn->in_by_id);
    conn->in_by_addr = conn->in_by_id = NULL;
}

/* The first bytes of an id are enough: to find another key with the same 20 is as hard as to find
 * the secret one. */
static bool is_one_too_many(struct iq_conn *conn, int *rc)
{
    const struct iq_conn_env *env = conn->env;
    const struct iq_limits *limits = &env->config.limits;
    struct iq_limits *beyond = &conn->env->stats.beyond;

    *rc = 0;
    if (conn->in_by_addr == NULL) { /* it was not validated when it came */
        if (count_from(env, &conn->path) >= limits->conns_per_addr) {
            beyond->conns_per_addr++;
            return true;
        }
        *rc = count_addr(conn);
    }
    if (*rc != 0 || !conn->id_is_proven) {
        return false;
    }
    if (iq_tally_count(&env->by_id, conn->remote_id.key, IQ_CID_MAX) >= limits->conns_per_id) {
        beyond->conns_per_id++;
        return true;
    }
    *rc = iq_tally_add(&conn->in_by_id, &conn->env->by_id, conn->remote_id.key, IQ_CID_MAX);
    return false;
}

bool iq_conn_admit(struct iq_conn *conn)
{
    int rc;

    if (conn->dials) {
        return true;
    }
    if (is_one_too_many(conn, &rc)) {
        iq_conn_abort(conn, NGTCP2_CONNECTION_REFUSED, "too many connections");
    } else if (rc != 0) {
        iq_conn_fail(conn, NGTCP2_ERR_NOMEM);
    } else {
        end_half_open(conn);
        return true;
    }
    if (!conn->is_known) { /* its early data may have been shown */
        conn->handler = NULL;
    }
    return false;
}

/* Streams */

#define STREAMS_AHEAD_MAX 16 /* beyond the limit, of one way */

static void allow_stream(struct iq_conn *conn, bool one_way)
{
    if (one_way && conn->streams_ahead > 0) {
        conn->streams_ahead--;
    } else if (one_way) {
        ngtcp2_conn_extend_max_streams_uni(conn->quic, 1);
    } else {
        ngtcp2_conn_extend_max_streams_bidi(conn->quic, 1);
    }
}

void iq_conn_allow_stream_ahead(struct iq_conn *conn)
{
    if (conn->streams_ahead < STREAMS_AHEAD_MAX) {
        conn->streams_ahead++;
        ngtcp2_conn_extend_max_streams_uni(conn->quic, 1);
    }
}

static bool may_allow_stream(struct iq_conn *conn)
{
    return iq_rate_take(&conn->streams_given, conn->env->config.limits.abandoned_streams_per_s, 1,
                        conn->env->agenda.now_ns);
}

/* A stream that comes to its end has cost the peer as much as us.  One that is abandoned has not,
 * and HTTP/2 has shown what follows (CVE-2023-44487): so many more are begun than are open. */
void iq_conn_replace_stream(struct iq_conn *conn, const struct iq_stream *stream)
{
    const bool one_way = !iq_stream_is_bi(stream);

    if (!stream->abandoned || may_allow_stream(conn)) {
        allow_stream(conn, one_way);
    } else {
        conn->streams_owed[one_way]++;
        conn->env->stats.beyond.abandoned_streams_per_s++;
    }
}

void iq_conn_give_owed_streams(struct iq_conn *conn)
{
    uint64_t *owed = conn->streams_owed;

    while (owed[0] + owed[1] > 0 && may_allow_stream(conn)) {
        const bool one_way = owed[1] > owed[0];

        owed[one_way]--;
        allow_stream(conn, one_way);
    }
}

uint64_t iq_conn_owed_streams_at(const struct iq_conn *conn)
{
    return conn->streams_owed[0] + conn->streams_owed[1] > 0 ? conn->streams_given.paid_until_ns
                                                             : IQ_NEVER;
}

/* Connection ids */

bool iq_conn_may_have_cid(struct iq_conn *conn)
{
    struct iq_conn_env *env = conn->env;

    if (iq_rate_take(&conn->cids_given, env->config.limits.retired_cids_per_s, CIDS_AT_ONCE,
                     env->agenda.now_ns)) {
        return true;
    }
    env->stats.beyond.retired_cids_per_s++;
    conn->wants_too_many_cids = true;
    return false;
}

/* Keep-alives */

uint64_t iq_conn_keep_alive_ns(const struct iq_conn *conn)
{
    return conn->may_fall_idle ? UINT64_MAX : conn->env->config.keep_alive_ms * NGTCP2_MILLISECONDS;
}

/*
 * A peer that has an id keeps its connections for a purpose, as iroh's do.  An anonymous one, which
 * is a client of HTTP/3, has forgotten most of them: it keeps them alive itself while it wants them
 * (RFC 9114, section 5.1), and we while it waits for an answer.
 */
void iq_conn_keep_alive(struct iq_conn *conn)
{
    const bool may_fall_idle = conn->state == IQ_CONN_OPEN && !conn->dials && !conn->id_is_proven &&
                               conn->streams.asked_count == 0;

    if (may_fall_idle != conn->may_fall_idle) {
        conn->may_fall_idle = may_fall_idle;
        ngtcp2_conn_set_keep_alive_timeout(conn->quic, iq_conn_keep_alive_ns(conn));
    }
}

/* Memory */

static uint64_t held_by(const struct iq_conn *conn)
{
    uint64_t held = conn->streams.sent_unacked;
    const struct iq_list *node;

    for (node = conn->streams.all.next; node != &conn->streams.all; node = node->next) {
        held += IQ_CONTAINER_OF(node, struct iq_stream, in_all)->received.len;
    }
    return held;
}

/* The connection that holds the most, NULL if none holds anything.  `leaving` is what those hold
 * that have ended, and will let it go as soon as their peers were told. */
static struct iq_conn *find_largest(const struct iq_conn_env *env, uint64_t *leaving)
{
    struct iq_conn *largest = NULL;
    uint64_t most = 0;
    const struct iq_list *node;

    *leaving = 0;
    for (node = env->conns.next; node != &env->conns; node = node->next) {
        struct iq_conn *conn = IQ_CONTAINER_OF(node, struct iq_conn, in_all);
        const uint64_t held = held_by(conn);

        if (conn->state >= IQ_CONN_CLOSING) {
            *leaving += held;
        } else if (held > most) {
            largest = conn;
            most = held;
        }
    }
    return largest;
}

/* Looks at every stream, but only when there is too much. */
void iq_limits_shed(struct iq_conn_env *env)
{
    const uint64_t max = env->config.limits.buffered_bytes;
    uint64_t leaving;

    while (env->chunks.used > max) {
        struct iq_conn *largest = find_largest(env, &leaving);

        if (largest == NULL || env->chunks.used <= max + leaving) {
            return;
        }
        env->stats.beyond.buffered_bytes++;
        iq_conn_abort(largest, NGTCP2_INTERNAL_ERROR, "too much to hold");
    }
}
