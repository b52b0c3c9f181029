/* Questions and answers, as early as can be. */
#include "early.h"

#include <string.h>

#define SHORT_LEN 40

static struct early_pair *pair_of(const struct iq_conn *conn)
{
    return sim_node_of(iq_conn_endpoint(conn))->data;
}

/* The asking side */

struct question {
    uint64_t sent, received;
};

static uint64_t question_len(const struct early_pair *self)
{
    return self->asker.len == 0 ? SHORT_LEN : self->asker.len;
}

static void asker_stream(struct iq_stream *stream)
{
    struct early_pair *self = pair_of(iq_stream_conn(stream));
    struct question *question = iq_stream_data(stream);

    app_write(stream, &question->sent, question_len(self));
    if (question->sent == question_len(self)) {
        iq_stream_finish(stream);
    }
    app_read(stream, &question->received);
    if (iq_stream_at_end(stream)) {
        SIM_EXPECT(self->sim, question->received == question_len(self));
        self->asker.answers++;
        self->asker.answered_after_ns = self->sim->now_ns - self->asker.dialled_at_ns;
    }
}

static void ask(struct iq_conn *conn)
{
    struct iq_stream *stream;

    SIM_EXPECT(pair_of(conn)->sim, watch_open_bi(&stream, conn) == 0);
    SIM_EXPECT(pair_of(conn)->sim, iq_stream_id(stream) == 0); /* the first, even if it is again */
    iq_stream_set_data(stream, sim_alloc(sizeof(struct question)));
    asker_stream(stream);
}

static void asker_early(struct iq_conn *conn)
{
    pair_of(conn)->asker.early++;
    ask(conn);
}

static void asker_connected(struct iq_conn *conn)
{
    struct early_pair *self = pair_of(conn);

    self->asker.connected++;
    self->asker.resumed += iq_conn_is_resumed(conn);
    SIM_EXPECT(self->sim, self->asker.early == 0 || iq_conn_early_data_accepted(conn) ==
                                                        (self->asker.streams_closed == 0));
    snprintf(self->asker.alpn, sizeof(self->asker.alpn), "%s", iq_conn_alpn(conn));
    if (iq_conn_early_data_accepted(conn)) {
        self->asker.accepted++;
    } else {
        ask(conn);
    }
}

static void asker_stream_closed(struct iq_stream *stream)
{
    struct early_pair *self = pair_of(iq_stream_conn(stream));

    sim_dealloc(iq_stream_data(stream));
    self->asker.streams_closed++;
    if (self->asker.answers > 0) {
        iq_conn_close(iq_stream_conn(stream), 0, NULL);
    }
}

static void asker_closed(struct iq_conn *conn, const struct iq_close_reason *why)
{
    struct early_pair *self = pair_of(conn);

    SIM_EXPECT(self->sim, self->asker.early == 0 || iq_conn_remote_id(conn) != NULL);
    self->asker.closed++;
    self->asker.how = why->how;
    self->asker.code = why->code;
    self->conn = NULL;
}

static void asker_shutdown(struct iq_conn *conn) { pair_of(conn)->asker.shutdowns++; }

const struct iq_protocol_handler early_asker = {
    .on_connect_early = asker_early,
    .on_connect = asker_connected,
    .on_stream_ready = asker_stream,
    .on_stream_closed = asker_stream_closed,
    .on_closed = asker_closed,
    .on_shutdown = asker_shutdown,
};

const struct iq_protocol_handler early_plain_asker = {
    .on_connect = asker_connected,
    .on_stream_ready = asker_stream,
    .on_stream_closed = asker_stream_closed,
    .on_closed = asker_closed,
};

/* The answering side */

static void taker_early(struct iq_conn *conn)
{
    struct early_pair *self = pair_of(conn);

    SIM_EXPECT(self->sim,
               iq_id_equal(iq_conn_remote_id(conn), iq_endpoint_id(self->dials->endpoint)));
    self->taker.early++;
}

static void taker_accept(struct iq_conn *conn)
{
    struct early_pair *self = pair_of(conn);

    SIM_EXPECT(self->sim,
               iq_id_equal(iq_conn_remote_id(conn), iq_endpoint_id(self->dials->endpoint)));
    self->taker.accepted++;
}

static void taker_stream(struct iq_stream *stream)
{
    const struct iq_conn *conn = iq_stream_conn(stream);
    struct early_pair *self = pair_of(conn);

    if (iq_stream_data(stream) == NULL) {
        iq_stream_set_data(stream, self);
        self->taker.questions++;
        self->taker.questions_early += conn->state == IQ_CONN_EARLY;
    }
    app_echo.on_stream_ready(stream);
}

static void taker_closed(struct iq_conn *conn, const struct iq_close_reason *why)
{
    pair_of(conn)->taker.closed++;
}

static void taker_shutdown(struct iq_conn *conn) { pair_of(conn)->taker.shutdowns++; }

static const struct iq_protocol_handler taker = {
    .on_accept_early = taker_early,
    .on_accept = taker_accept,
    .on_stream_ready = taker_stream,
    .on_closed = taker_closed,
    .on_shutdown = taker_shutdown,
};

static const struct iq_protocol_handler plain_taker = {
    .on_accept = taker_accept, .on_stream_ready = taker_stream, .on_closed = taker_closed};

const struct iq_route early_routes[] = {{.alpn = APP_ALPN, .handler = &taker}, {0}};
const struct iq_route early_plain_routes[] = {{.alpn = APP_ALPN, .handler = &plain_taker}, {0}};
const struct iq_route early_other_routes[] = {
    {.alpn = "other", .handler = &taker}, {.alpn = APP_ALPN, .handler = &taker}, {0}};

/* Both */

static void count_early_secret(const char *line, void *arg)
{
    struct early_pair *self = arg;

    self->early_secrets += strncmp(line, "CLIENT_EARLY_TRAFFIC_SECRET", 27) == 0;
}

static struct iq_endpoint_config accept_config(const struct early_pair *self)
{
    return (struct iq_endpoint_config){
        .secret_key = &self->key, .sessions_max = 256, .stream_window = self->window};
}

void early_start(struct early_pair *self, const struct sim_options *options)
{
    early_start_with(self, options, early_routes, 0);
}

void early_start_with(struct early_pair *self, const struct sim_options *options,
                      const struct iq_route *routes, uint64_t window)
{
    const struct iq_endpoint_config dials = {
        .sessions_max = 256, .on_secret = count_early_secret, .on_secret_arg = self};
    struct iq_endpoint_config accepts;

    *self = (struct early_pair){.sim = sim_new(options), .handler = &early_asker, .window = window};
    iq_secret_key_generate(&self->key);
    accepts = accept_config(self);
    self->dials = sim_add_endpoint(self->sim, &dials);
    self->accepts = sim_add_endpoint(self->sim, &accepts);
    self->dials->data = self->accepts->data = self;
    self->addr = sim_addr(self->accepts);
    watch_listen(self->accepts, routes);
    early_ask(self);
    early_expect(self, "the first connection", EARLY_NOT_TRIED);
}

void early_restart(struct early_pair *self)
{
    const struct iq_endpoint_config config = accept_config(self);
    const struct iq_route *routes = self->accepts->routes;

    sim_close(self->accepts);
    SIM_EXPECT(self->sim,
               iq_endpoint_new(&self->accepts->endpoint, &self->accepts->wire, &config) == 0);
    watch_listen(self->accepts, routes);
}

void early_dial(struct early_pair *self)
{
    self->asker = (struct early_asker){.len = self->asker.len, .dialled_at_ns = self->sim->now_ns};
    self->taker = (struct early_taker){0};
    self->early_secrets = 0;
    SIM_EXPECT(self->sim, watch_dial(&self->conn, self->dials, &self->addr, APP_ALPN, self->handler,
                                     NULL, self->options) == 0);
}

void early_ask(struct early_pair *self)
{
    const uint64_t end_ns = self->sim->now_ns + 60 * SIM_SECOND;

    early_dial(self);
    while ((self->asker.closed == 0 || watch_conn(self->accepts, 0) != NULL) &&
           sim_step(self->sim)) {
        SIM_EXPECT(self->sim, self->sim->now_ns < end_ns);
    }
}

void early_expect(const struct early_pair *self, const char *name, enum early_outcome outcome)
{
    const struct early_asker *asker = &self->asker;
    const bool early = outcome != EARLY_NOT_TRIED, accepted = outcome == EARLY_ACCEPTED;

    if (asker->early != early || asker->accepted != accepted || asker->connected != 1 ||
        asker->answers != 1 || asker->streams_closed != (outcome == EARLY_REFUSED ? 2 : 1) ||
        asker->closed != 1 || self->taker.questions != 1 ||
        (self->taker.accepted != 1 && !accepted) || self->taker.early != accepted ||
        (self->taker.questions_early > 0 && !accepted)) {
        SIM_FAIL(self->sim,
                 "%s: asked early %u, accepted %u, connected %u, %u answers, %u streams closed; "
                 "heard early %u, accepted %u, %u questions, %u early",
                 name, asker->early, asker->accepted, asker->connected, asker->answers,
                 asker->streams_closed, self->taker.early, self->taker.accepted,
                 self->taker.questions, self->taker.questions_early);
    }
}
