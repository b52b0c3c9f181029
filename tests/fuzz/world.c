/* The simulated world, and the application in it. */
#include "world.h"

#include <string.h>

#include <ngtcp2/ngtcp2_crypto.h>

#include "fuzz.h"

/* The application */

static void talk(struct iq_conn *conn)
{
    static const uint8_t bytes[3000];
    struct iq_stream *stream;

    if (watch_open_bi(&stream, conn) == 0) {
        (void)iq_stream_write(stream, bytes, sizeof(bytes));
    }
    if (watch_open_uni(&stream, conn) == 0) {
        (void)iq_stream_write(stream, bytes, 10);
        iq_stream_finish(stream);
    }
}

static void echo(struct iq_stream *stream, size_t max)
{
    struct iq_bytes in = iq_stream_peek(stream);

    in.len = in.len < max ? in.len : max;
    iq_stream_consume(stream, iq_stream_write(stream, in.data, in.len));
    if (iq_stream_at_end(stream)) {
        iq_stream_finish(stream);
    }
}

static void on_stream_ready(struct iq_stream *stream)
{
    if (iq_stream_is_ours(stream)) { /* the other may echo, too */
        iq_stream_consume(stream, iq_stream_peek(stream).len);
        return;
    }
    switch (iq_stream_id(stream) / 4 % 8) {
    case 3:
        echo(stream, 100);
        break;
    case 4:
        iq_stream_reset(stream, 4);
        break;
    case 5:
        iq_stream_stop(stream, 5);
        iq_stream_finish(stream);
        break;
    case 6:
        watch_drop(stream);
        break;
    case 7:
        iq_stream_set_priority(stream, 7);
        iq_stream_consume(stream, iq_stream_peek(stream).len);
        break;
    default:
        echo(stream, SIZE_MAX);
        break;
    }
}

/* What the peer may wish. */
static void on_datagram(struct iq_conn *conn, struct iq_bytes datagram)
{
    int rc;

    switch (datagram.len > 0 ? datagram.data[0] : 0) {
    case 'c':
        iq_conn_close(conn, datagram.len, "as you wish");
        break;
    case 'k':
        rc = iq_conn_update_keys(conn);
        assert(rc == 0 || rc == IQ_ERR_AGAIN || rc == IQ_ERR_CLOSED);
        break;
    case 'm':
        iq_endpoint_network_changed(iq_conn_endpoint(conn));
        break;
    case 't':
        talk(conn);
        break;
    default:
        rc = iq_conn_send_datagram(conn, datagram.data, datagram.len);
        assert(rc == 0 || rc == IQ_ERR_TOO_LONG || rc == IQ_ERR_UNSUPPORTED || rc == IQ_ERR_CLOSED);
        break;
    }
}

#define APPLICATION                                                                                \
    .on_accept = talk, .on_connect = talk, .on_stream_ready = on_stream_ready,                     \
    .on_streams_allowed = talk, .on_datagram = on_datagram

static const struct iq_protocol_handler application = {APPLICATION};
static const struct iq_protocol_handler application_early = {APPLICATION, .on_accept_early = talk};

/* The last takes no ids, and early data. */
static const struct iq_route routes[] = {
    {.alpn = WORLD_ALPN, .handler = &application},
    {.alpn = "fuzz/early", .handler = &application_early},
    {.alpn = "fuzz/anonymous", .handler = &application, .anonymous = true},
    {0},
};

/* The events of connections, which must be text. */

static void *open_qlog(const char *name, void *arg)
{
    assert(name[0] != '\0' && strlen(name) < 64);
    return arg;
}

static void write_qlog(void *file, const void *data, size_t len)
{
    const uint8_t *bytes = data;
    size_t i;

    for (i = 0; i < len; i++) {
        assert(bytes[i] >= ' ' || bytes[i] == '\n' || bytes[i] == 0x1e);
    }
}

static void close_qlog(void *file) {}

/* The world */

#define VICTIM_SEED 1

static const struct iq_secret_key *key_of(uint8_t seed)
{
    static struct iq_secret_key keys[WORLD_PEER_SEED + 1];
    const uint8_t bytes[IQ_KEY_LEN] = {seed};

    if (keys[seed].seed[0] != seed) {
        iq_secret_key_from_seed(&keys[seed], bytes);
    }
    return &keys[seed];
}

static struct sim_node *add_endpoint(struct sim *sim, uint8_t seed,
                                     const struct world_options *options)
{
    static char file;
    static const struct iq_qlog qlog = {
        .open = open_qlog, .write = write_qlog, .close = close_qlog, .arg = &file};
    const struct iq_endpoint_config config = {
        .secret_key = key_of(seed),
        .max_streams_bi = 40,
        .max_streams_uni = 10,
        .stream_window = 6000,
        .conn_window = 12000,
        .stream_send_buffer = 5000,
        .sessions_max = options->sessions_max,
        .congestion_control = options->bbr ? IQ_BBR : IQ_CUBIC,
        .qlog = options->qlog ? &qlog : NULL,
    };

    return sim_add_endpoint(sim, &config);
}

static void begin(struct world *world, const struct world_options *options)
{
    const struct sim_options seeded = {.seed = options->seed + UINT64_C(1)};

    world->sim = sim_new(&seeded);
    world->victim = add_endpoint(world->sim, VICTIM_SEED, options);
    world->peer = sim_add_raw(world->sim);
    world->peer->addrs[1] = world->peer->addrs[0];
    world->peer->addrs[1].port++;
    world->peer->addr_count = 2;
    watch_listen(world->victim, routes);
}

static void dial(struct sim_node *from, const struct sim_node *to, uint8_t key)
{
    struct iq_addr addr = {.count = 1, .socket_addrs = {to->addrs[0]}};

    addr.id = *iq_secret_key_id(key_of(key));
    SIM_EXPECT(from->sim, watch_dial(NULL, from, &addr, WORLD_ALPN, &application, NULL, NULL) == 0);
    sim_run_for(from->sim, 1);
}

/* Everything for which an endpoint needs OpenSSL, whatever its connections do without. */
static void use_openssl(void)
{
    static const struct iq_socket_addr addr = {.ip_version = IQ_IPV4};
    static const uint8_t secret[32];
    static const ngtcp2_cid id = {.datalen = 8}, other = {.datalen = 9};
    uint8_t packet[NGTCP2_MAX_UDP_PAYLOAD_SIZE], token[NGTCP2_CRYPTO_MAX_RETRY_TOKENLEN2];
    union iq_sockaddr system;
    const ngtcp2_socklen addr_len = iq_sockaddr_from(&system, &addr);
    ngtcp2_cid original;
    ngtcp2_ssize len;

    len = ngtcp2_crypto_generate_retry_token2(token, secret, sizeof(secret), NGTCP2_PROTO_VER_V1,
                                              &system.sa, addr_len, &id, &id, SIM_SECOND);
    assert(len > 0);
    assert(ngtcp2_crypto_verify_retry_token2(&original, token, (size_t)len, secret, sizeof(secret),
                                             NGTCP2_PROTO_VER_V1, &system.sa, addr_len, &id,
                                             SIM_SECOND, SIM_SECOND) == 0);
    assert(ngtcp2_crypto_write_retry(packet, sizeof(packet), NGTCP2_PROTO_VER_V1, &id, &id, &other,
                                     token, (size_t)len) > 0);
    assert(ngtcp2_crypto_write_connection_close(packet, sizeof(packet), NGTCP2_PROTO_VER_V1, &id,
                                                &id, NGTCP2_CONNECTION_REFUSED, NULL, 0) > 0);
    assert(ngtcp2_crypto_generate_stateless_reset_token(token, secret, sizeof(secret), &id) == 0);
}

/* With two connections, the second with a session of the first. */
void world_warm_up(void)
{
    static const struct world_options options = {.sessions_max = 4};
    struct sim_node *other;
    struct world world;
    static bool warm;
    unsigned i;

    if (warm) {
        return;
    }
    warm = true;
    sim_seed_install();
    begin(&world, &options);
    other = add_endpoint(world.sim, WORLD_PEER_SEED, &options);
    for (i = 0; i < 2; i++) {
        dial(other, world.victim, VICTIM_SEED);
        sim_run_for(world.sim, SIM_SECOND);
    }
    use_openssl();
    world.sim->memory_uncounted = true;
    world_end(&world);
}

void world_begin(struct world *world, const struct world_options *options)
{
    world_warm_up();
    begin(world, options);
}

void world_dial(struct world *world) { dial(world->victim, world->peer, WORLD_PEER_SEED); }

struct sim_node *world_begin_pair(struct world *world, bool accepts)
{
    static const struct world_options options = {.sessions_max = 4};
    struct sim_node *other;

    world_begin(world, &options);
    other = add_endpoint(world->sim, WORLD_PEER_SEED, &options);
    watch_listen(other, routes);
    if (accepts) {
        dial(other, world->victim, VICTIM_SEED);
    } else {
        dial(world->victim, other, WORLD_PEER_SEED);
    }
    return other;
}

void world_end(struct world *world) { sim_free(world->sim); }

struct iq_conn *world_conn(const struct world *world)
{
    const struct iq_list *conns = &world->victim->endpoint->env.conns;
    struct iq_conn *conn;

    if (iq_list_is_empty(conns)) {
        return NULL;
    }
    conn = IQ_CONTAINER_OF(conns->next, struct iq_conn, in_all);
    return conn->quic == NULL ? NULL : conn;
}

void world_receive(struct world *world, const struct iq_datagrams *datagram)
{
    sim_deliver_after(world->sim, 0, &datagram->path.local, datagram);
    sim_run_for(world->sim, SIM_MICROSECOND);
}
