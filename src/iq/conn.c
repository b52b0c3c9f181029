/* A connection's life, and what the application can ask of it. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "alpn.h"
#include "conn_limits.h"
#include "conn_state.h"

/* Bytes by which a connection is known in one of the endpoint's maps. */
struct iq_conn_name {
    struct iq_cid_entry entry;
    struct iq_conn_name *next;
};

static int add_name(struct iq_conn *conn, struct iq_conn_name **names, struct iq_cid_map *map,
                    const uint8_t *bytes, size_t len)
{
    struct iq_conn_name *new = calloc(1, sizeof(*new));

    if (new == NULL) {
        return IQ_ERR_NOMEM;
    }
    assert(len <= IQ_CID_MAX);
    new->entry.cid.len = (uint8_t)len;
    memcpy(new->entry.cid.bytes, bytes, len);
    new->entry.owner = conn;
    new->next = *names;
    *names = new;
    iq_cid_map_add(map, &new->entry);
    return 0;
}

/* Frees the name that `place` points to. */
static void free_name(struct iq_conn_name **place, struct iq_cid_map *map)
{
    struct iq_conn_name *name = *place;

    *place = name->next;
    iq_cid_map_remove(map, &name->entry);
    free(name);
}

static void remove_name(struct iq_conn_name **names, struct iq_cid_map *map, const uint8_t *bytes,
                        size_t len)
{
    struct iq_conn_name **place;

    for (place = names; *place != NULL; place = &(*place)->next) {
        const struct iq_cid *own = &(*place)->entry.cid;

        if (own->len == len && memcmp(own->bytes, bytes, len) == 0) {
            free_name(place, map);
            return;
        }
    }
}

int iq_conn_add_cid(struct iq_conn *conn, const ngtcp2_cid *cid)
{
    return add_name(conn, &conn->cids, &conn->env->cids, cid->data, cid->datalen);
}

void iq_conn_remove_cid(struct iq_conn *conn, const ngtcp2_cid *cid)
{
    remove_name(&conn->cids, &conn->env->cids, cid->data, cid->datalen);
}

int iq_conn_add_reset_token(struct iq_conn *conn, const uint8_t *token)
{
    return add_name(conn, &conn->reset_tokens, &conn->env->reset_tokens, token,
                    NGTCP2_STATELESS_RESET_TOKENLEN);
}

void iq_conn_remove_reset_token(struct iq_conn *conn, const uint8_t *token)
{
    remove_name(&conn->reset_tokens, &conn->env->reset_tokens, token,
                NGTCP2_STATELESS_RESET_TOKENLEN);
}

/* A connection that neither TLS nor QUIC knows of yet. */
static struct iq_conn *new_conn(struct iq_conn_env *env, const struct iq_path *path, bool dials)
{
    struct iq_conn *conn;

    if (iq_heap_reserve(&env->timers, env->conn_count + 1) != 0) {
        return NULL;
    }
    conn = calloc(1, sizeof(*conn));
    if (conn == NULL) {
        return NULL;
    }
    conn->env = env;
    conn->dials = conn->client_in_handshake = dials;
    conn->path = *path;
    conn->streams.conn = conn;
    conn->streams.agenda = &env->agenda;
    conn->streams.chunks = &env->chunks;
    conn->streams.on_agenda = &conn->on_agenda;
    conn->streams.stream_send_buffer = env->config.stream_send_buffer;
    conn->streams.conn_send_buffer = env->config.conn_send_buffer;
    conn->streams.written_max = env->config.limits.buffered_bytes / 4 * 3;
    iq_streams_init(&conn->streams, dials);
    iq_conn_datagrams_init(&conn->datagrams);
    iq_list_init(&conn->on_agenda);
    conn->timer.deadline_ns = IQ_NEVER; /* until its first turn */
    iq_list_init(&conn->in_all);
    iq_list_append(&env->conns, &conn->in_all);
    env->conn_count++;
    ngtcp2_ccerr_default(&conn->error);
    return conn;
}

int iq_conn_dial(struct iq_conn **conn, struct iq_conn_env *env, const struct iq_path *path,
                 const struct iq_id *id, const char *alpns, uint32_t timeout_ms)
{
    struct iq_conn *self = new_conn(env, path, true);
    int rc;

    if (self == NULL) {
        return IQ_ERR_NOMEM;
    }
    rc = iq_alpns_copy(&self->alpns, alpns);
    if (rc != 0) {
        goto fail;
    }
    self->alpn = self->alpns;
    self->remote_id = *id;
    rc = iq_tls_dial(&self->tls, env->tls, id, self->alpns);
    if (rc != 0) {
        goto fail;
    }
    rc = iq_quic_dial(self, path, timeout_ms);
    if (rc != 0) {
        goto fail;
    }
    iq_agenda_add(&env->agenda, &self->on_agenda);
    *conn = self;
    return 0;
fail:
    iq_conn_free(self);
    return rc;
}

void iq_conn_start_early(struct iq_conn *conn)
{
    conn->sent_early = iq_tls_session_start_early(conn->tls);
    if (conn->sent_early) {
        conn->state = IQ_CONN_EARLY;
        conn->news_early = true;
    }
}

int iq_conn_answer(struct iq_conn **conn, struct iq_conn_env *env,
                   const struct iq_conn_initial *initial, const struct iq_route *routes)
{
    struct iq_conn *self = new_conn(env, &initial->path, false);
    int rc;

    if (self == NULL) {
        return IQ_ERR_NOMEM;
    }
    rc = iq_conn_count(self, initial->retried);
    if (rc != 0) {
        goto fail;
    }
    rc = iq_tls_answer(&self->tls, env->tls, routes);
    if (rc != 0) {
        goto fail;
    }
    rc = iq_quic_answer(self, initial);
    if (rc != 0) {
        goto fail;
    }
    *conn = self;
    return 0;
fail:
    iq_conn_free(self);
    return rc;
}

void iq_conn_let_go(struct iq_conn *conn)
{
    struct iq_list *node;

    iq_conn_keep_stats(conn);
    iq_tls_session_free(conn->tls); /* before ngtcp2, which it calls */
    conn->tls = NULL;
    ngtcp2_conn_del(conn->quic); /* before the streams, whose bytes it may hold */
    conn->quic = NULL;
    while ((node = iq_list_pop(&conn->streams.all)) != NULL) {
        iq_stream_free(IQ_CONTAINER_OF(node, struct iq_stream, in_all));
    }
    iq_conn_datagrams_release(&conn->datagrams);
    if (conn->qlog != NULL) {
        conn->env->config.qlog->close(conn->qlog);
        conn->qlog = NULL;
    }
}

void iq_conn_free(struct iq_conn *conn)
{
    if (conn == NULL) {
        return;
    }
    iq_conn_let_go(conn);
    iq_conn_uncount(conn);
    while (conn->cids != NULL) {
        free_name(&conn->cids, &conn->env->cids);
    }
    while (conn->reset_tokens != NULL) {
        free_name(&conn->reset_tokens, &conn->env->reset_tokens);
    }
    iq_heap_set(&conn->env->timers, &conn->timer, IQ_NEVER);
    iq_list_remove(&conn->on_agenda);
    iq_list_remove(&conn->in_all);
    conn->env->conn_count--;
    free(conn->close_packet);
    free(conn->why_text);
    free(conn->alpns);
    free(conn);
}

void iq_conn_end(struct iq_conn *conn, enum iq_conn_state next, const struct iq_close_reason *why)
{
    const size_t len = why->text_len < IQ_REASON_MAX ? why->text_len : IQ_REASON_MAX;

    if (conn->state >= IQ_CONN_CLOSING) {
        return;
    }
    conn->env->stats.handshakes_failed += conn->state < IQ_CONN_OPEN && why->how != IQ_CLOSED_BY_US;
    conn->state = next;
    conn->streams.closed = true;
    iq_conn_make_place(conn);
    conn->why = *why;
    conn->why_text = calloc(1, len + 1);
    if (conn->why_text == NULL) { /* then without its text */
        conn->why.text = "";
        conn->why.text_len = 0;
    } else {
        if (len > 0) {
            memcpy(conn->why_text, why->text, len);
        }
        conn->why.text = conn->why_text;
        conn->why.text_len = len;
    }
    iq_agenda_add(&conn->env->agenda, &conn->on_agenda);
}

/* The public functions */

const struct iq_id *iq_conn_remote_id(const struct iq_conn *conn)
{
    return conn->id_is_proven || conn->sent_early ? &conn->remote_id : NULL;
}

const struct iq_socket_addr *iq_conn_remote_addr(const struct iq_conn *conn)
{
    return &conn->path.remote;
}

const struct iq_socket_addr *iq_conn_local_addr(const struct iq_conn *conn)
{
    return &conn->path.local;
}

bool iq_conn_is_dialled(const struct iq_conn *conn) { return conn->dials; }

const char *iq_conn_alpn(const struct iq_conn *conn) { return conn->alpn; }

bool iq_conn_is_resumed(const struct iq_conn *conn) { return conn->is_resumed; }

bool iq_conn_early_data_accepted(const struct iq_conn *conn) { return conn->early_accepted; }

struct iq_endpoint *iq_conn_endpoint(const struct iq_conn *conn) { return conn->env->endpoint; }

void *iq_conn_data(const struct iq_conn *conn) { return conn->data; }

void iq_conn_set_data(struct iq_conn *conn, void *data) { conn->data = data; }

static int open_stream(struct iq_stream **stream, struct iq_conn *conn,
                       int (*open)(ngtcp2_conn *, int64_t *, void *))
{
    struct iq_stream *self;
    int rc;

    if (conn->state != IQ_CONN_OPEN && conn->state != IQ_CONN_EARLY) {
        return IQ_ERR_CLOSED;
    }
    if (!conn->dials && !conn->is_known) {
        return IQ_ERR_AGAIN; /* on_accepting may still refuse it */
    }
    self = iq_stream_new(&conn->streams, 0, true);
    if (self == NULL) {
        return IQ_ERR_NOMEM;
    }
    rc = open(conn->quic, &self->id, self);
    if (rc != 0) {
        iq_stream_free(self);
    }
    if (rc == NGTCP2_ERR_STREAM_ID_BLOCKED) {
        conn->short_of_streams = true;
        return IQ_ERR_STREAM_LIMIT;
    }
    if (rc != 0) {
        return IQ_ERR_NOMEM;
    }
    self->shown = true;
    *stream = self;
    return 0;
}

int iq_conn_open_bi(struct iq_stream **stream, struct iq_conn *conn)
{
    return open_stream(stream, conn, ngtcp2_conn_open_bidi_stream);
}

int iq_conn_open_uni(struct iq_stream **stream, struct iq_conn *conn)
{
    return open_stream(stream, conn, ngtcp2_conn_open_uni_stream);
}

int iq_conn_check_open(const struct iq_conn *conn)
{
    if (conn->state >= IQ_CONN_CLOSING) {
        return IQ_ERR_CLOSED;
    }
    return conn->state < IQ_CONN_OPEN ? IQ_ERR_AGAIN : 0;
}

int iq_conn_export_keying_material(const struct iq_conn *conn, void *out, size_t len,
                                   const char *label, const void *context, size_t context_len)
{
    const int rc = iq_conn_check_open(conn);

    return rc != 0 ? rc : iq_tls_export(conn->tls, out, len, label, context, context_len);
}

int iq_conn_update_keys(struct iq_conn *conn)
{
    const int rc = iq_conn_check_open(conn);

    if (rc != 0) {
        return rc;
    }
    /* ngtcp2 makes keys when it is ready for them, and asserts here that it is. */
    if (!conn->next_keys_made ||
        ngtcp2_conn_initiate_key_update(conn->quic, iq_agenda_now(&conn->env->agenda)) != 0) {
        return IQ_ERR_AGAIN;
    }
    return 0;
}

void iq_conn_close(struct iq_conn *conn, uint64_t code, const char *reason)
{
    struct iq_close_reason why = {.how = IQ_CLOSED_BY_US, .code = code, .text = reason};

    assert(code < IQ_CODE_END);
    why.text_len = reason == NULL ? 0 : strlen(reason);
    if (conn->state >= IQ_CONN_CLOSING) {
        return;
    }
    iq_conn_end(conn, IQ_CONN_CLOSING, &why);
    ngtcp2_ccerr_set_application_error(&conn->error, code, (const uint8_t *)conn->why.text,
                                       conn->why.text_len);
}
