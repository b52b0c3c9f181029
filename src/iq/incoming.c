/*
 * Datagrams that belong to no connection: the first of a new one, or a stray.
 *
 * Nothing is allocated before the application has accepted, and nothing that is sent from here is
 * larger than what it answers: strangers can neither fill our memory nor use us against others.
 */
#include <string.h>

#include <ngtcp2/ngtcp2_crypto.h>

#include "conn_limits.h"
#include "endpoint_state.h"
#include "iq/incoming.h"
#include "random.h"

/* RFC 9000, section 10.3.3: what a stateless reset answers could be one, so that each is shorter
 * than that.  By the one byte that the RFC asks for, two endpoints that have forgotten each other
 * would fall silent after 23 of them; by three, after eight.  No packet with one of our ids is so
 * short (29 bytes, section 5.4.2 of RFC 9001) that it would get no answer. */
#define RESET_LEN_MAX 43
#define RESET_LEN_MIN (NGTCP2_MIN_STATELESS_RESET_RANDLEN + NGTCP2_STATELESS_RESET_TOKENLEN)
#define RESET_SHORTER 3

#define RESETS_PER_S   10
#define RESETS_AT_ONCE 100

struct iq_incoming {
    struct iq_endpoint *endpoint;
    const struct iq_datagrams *datagram;
    struct iq_conn_initial initial;
    bool decided;
};

static void answer(struct iq_endpoint *endpoint, const struct iq_path *path, const uint8_t *data,
                   ngtcp2_ssize len)
{
    if (len > 0) {
        const struct iq_datagrams out = {
            .path = *path, .data = data, .len = (size_t)len, .segment_len = (size_t)len};

        (void)iq_conn_env_send(&endpoint->env, &out);
    }
}

/* RFC 9000, section 6.1. */
static void negotiate_version(struct iq_endpoint *endpoint, const struct iq_datagrams *datagram,
                              const ngtcp2_version_cid *header)
{
    static const uint32_t versions[] = {NGTCP2_PROTO_VER_V1};
    uint8_t packet[NGTCP2_MAX_UDP_PAYLOAD_SIZE];
    uint8_t random;

    if (header->version == 0 || datagram->len < NGTCP2_MAX_UDP_PAYLOAD_SIZE) {
        return;
    }
    iq_random_fill(&random, 1);
    answer(endpoint, &datagram->path, packet,
           ngtcp2_pkt_write_version_negotiation(packet, sizeof(packet), random, header->scid,
                                                header->scidlen, header->dcid, header->dcidlen,
                                                versions, 1));
}

/* A peer that we have forgotten learns that it need not try on.  RFC 9000, section 10.3. */
static void reset(struct iq_endpoint *endpoint, const struct iq_datagrams *datagram,
                  const ngtcp2_version_cid *header)
{
    uint8_t packet[RESET_LEN_MAX];
    uint8_t token[NGTCP2_STATELESS_RESET_TOKENLEN];
    uint8_t random[RESET_LEN_MAX - NGTCP2_STATELESS_RESET_TOKENLEN];
    const size_t len_max = datagram->len - RESET_SHORTER;
    const size_t len = len_max < RESET_LEN_MAX ? len_max : RESET_LEN_MAX;
    ngtcp2_cid cid;

    if (datagram->len < RESET_LEN_MIN + RESET_SHORTER ||
        !iq_rate_take(&endpoint->resets, RESETS_PER_S, RESETS_AT_ONCE,
                      endpoint->env.agenda.now_ns)) {
        return;
    }
    ngtcp2_cid_init(&cid, header->dcid, header->dcidlen);
    if (ngtcp2_crypto_generate_stateless_reset_token(
            token, endpoint->env.reset_secret, sizeof(endpoint->env.reset_secret), &cid) != 0) {
        return;
    }
    iq_random_fill(random, sizeof(random));
    endpoint->env.stats.resets_sent++;
    answer(endpoint, &datagram->path, packet,
           ngtcp2_pkt_write_stateless_reset(packet, len, token, random, sizeof(random)));
}

/* Answers with a CONNECTION_CLOSE that needs no connection. */
static void close_statelessly(struct iq_incoming *incoming, uint64_t code)
{
    const struct iq_conn_initial *initial = &incoming->initial;
    uint8_t packet[NGTCP2_MAX_UDP_PAYLOAD_SIZE];

    answer(incoming->endpoint, &initial->path, packet,
           ngtcp2_crypto_write_connection_close(packet, sizeof(packet), initial->version,
                                                &initial->scid, &initial->dcid, code, NULL, 0));
}

static void send_retry(struct iq_incoming *incoming)
{
    struct iq_endpoint *endpoint = incoming->endpoint;
    const struct iq_conn_initial *initial = &incoming->initial;
    struct iq_retry retry = {.remote = initial->path.remote,
                             .version = initial->version,
                             .original_dcid = initial->dcid};
    uint8_t packet[NGTCP2_MAX_UDP_PAYLOAD_SIZE];
    uint8_t token[IQ_RETRY_TOKEN_LEN];

    iq_quic_random_cid(&retry.scid, IQ_CID_LEN);
    if (iq_retry_token_make(token, &endpoint->retry_secrets, &retry, endpoint->env.agenda.now_ns)) {
        answer(endpoint, &initial->path, packet,
               ngtcp2_crypto_write_retry(packet, sizeof(packet), initial->version, &initial->scid,
                                         &retry.scid, &initial->dcid, token, sizeof(token)));
    }
}

/* Reads the token that the client brings.  False if it is a forged or an old one. */
static bool check_token(struct iq_incoming *incoming)
{
    struct iq_endpoint *endpoint = incoming->endpoint;
    struct iq_conn_initial *initial = &incoming->initial;
    struct iq_retry retry = {
        .remote = initial->path.remote, .version = initial->version, .scid = initial->dcid};

    if (!iq_retry_token_is_ours(initial->token, initial->token_len)) {
        return true; /* as if there were none */
    }
    initial->retried = iq_retry_token_check(&retry, &endpoint->retry_secrets, initial->token,
                                            initial->token_len, endpoint->env.agenda.now_ns);
    initial->original_dcid = retry.original_dcid;
    return initial->retried;
}

/* What the limits turn away costs us a datagram, or nothing.  False if that has happened. */
static bool screen(struct iq_incoming *incoming)
{
    switch (iq_limits_screen(&incoming->endpoint->env, &incoming->initial.path)) {
    case IQ_SCREEN_WELCOME:
        return true;
    case IQ_SCREEN_REFUSE:
        close_statelessly(incoming, NGTCP2_CONNECTION_REFUSED);
        return false;
    case IQ_SCREEN_DROP:
        return false;
    }
    return false;
}

static void show(struct iq_endpoint *endpoint, const struct iq_datagrams *datagram,
                 const ngtcp2_pkt_hd *header)
{
    const struct iq_acceptor *acceptor = endpoint->closing ? NULL : endpoint->acceptor;
    struct iq_incoming incoming = {
        .endpoint = endpoint,
        .datagram = datagram,
        .initial = {.path = datagram->path,
                    .version = header->version,
                    .dcid = header->dcid,
                    .scid = header->scid,
                    .token = header->token,
                    .token_len = header->tokenlen},
    };

    if (acceptor != NULL && !screen(&incoming)) {
        return;
    }
    if (!check_token(&incoming)) {
        close_statelessly(&incoming, NGTCP2_INVALID_TOKEN);
        return;
    }
    if (acceptor != NULL && !incoming.initial.retried && iq_limits_want_retry(&endpoint->env)) {
        send_retry(&incoming);
        return;
    }
    if (acceptor != NULL) {
        acceptor->on_incoming(&incoming, endpoint->acceptor_data);
    }
    iq_incoming_refuse(&incoming); /* unless it is decided */
}

void iq_endpoint_receive_stray(struct iq_endpoint *endpoint, const struct iq_datagrams *datagram)
{
    ngtcp2_version_cid header;
    ngtcp2_pkt_hd initial;
    const bool is_short = (datagram->data[0] & IQ_FORM_MASK) == 0;
    const int rc =
        ngtcp2_pkt_decode_version_cid(&header, datagram->data, datagram->len, IQ_CID_LEN);
    /* ngtcp2 also speaks version 2 (RFC 9369), which iroh does not. */
    const bool is_ours = rc == 0 && header.version == NGTCP2_PROTO_VER_V1;

    if (is_ours && ngtcp2_accept(&initial, datagram->data, datagram->len) == 0) {
        show(endpoint, datagram, &initial);
        return;
    }
    endpoint->env.stats.strays++;
    if (rc == 0 && is_short) {
        reset(endpoint, datagram, &header);
    } else if (rc == NGTCP2_ERR_VERSION_NEGOTIATION || (rc == 0 && !is_ours)) {
        negotiate_version(endpoint, datagram, &header);
    }
}

/* The public functions */

int iq_incoming_accept(struct iq_incoming *incoming, const struct iq_route *routes)
{
    const struct iq_datagrams *datagram = incoming->datagram;
    struct iq_conn *conn;
    int rc;

    if (incoming->decided) {
        return IQ_ERR_CLOSED;
    }
    rc = iq_conn_answer(&conn, &incoming->endpoint->env, &incoming->initial, routes);
    if (rc != 0) {
        return rc;
    }
    incoming->decided = true;
    if (iq_conn_receive(conn, &datagram->path, datagram->ecn, datagram->data, datagram->len) != 0) {
        iq_conn_free(conn);
        if (!incoming->initial.retried) {
            send_retry(incoming);
        }
    }
    return 0;
}

void iq_incoming_refuse(struct iq_incoming *incoming)
{
    if (!incoming->decided) {
        incoming->decided = true;
        incoming->endpoint->env.stats.incoming_refused++;
        close_statelessly(incoming, NGTCP2_CONNECTION_REFUSED);
    }
}

int iq_incoming_retry(struct iq_incoming *incoming)
{
    if (incoming->decided) {
        return IQ_ERR_CLOSED;
    }
    if (incoming->initial.retried) {
        return IQ_ERR_VALIDATED;
    }
    incoming->decided = true;
    incoming->endpoint->env.stats.incoming_retried++;
    send_retry(incoming);
    return 0;
}

void iq_incoming_ignore(struct iq_incoming *incoming) { incoming->decided = true; }

const struct iq_socket_addr *iq_incoming_remote_addr(const struct iq_incoming *incoming)
{
    return &incoming->initial.path.remote;
}

const struct iq_socket_addr *iq_incoming_local_addr(const struct iq_incoming *incoming)
{
    return &incoming->initial.path.local;
}

bool iq_incoming_is_validated(const struct iq_incoming *incoming)
{
    return incoming->initial.retried;
}
