/*
 * Tokens: only the one that a Retry has handed out shows an address, there, and in time.
 *
 * The first byte tells from where (bit 0) and how late (bits 1 to 4, in seconds) the token comes,
 * and whether the rest is a token (bit 5), or what is changed in the one that was handed out.
 */
#include "fuzz.h"
#include "null_peer.h"

#define TOKEN_MAX     512
#define IN_TIME_MAX_S 10 /* incoming.c */

struct exchange {
    uint8_t token[TOKEN_MAX];
    size_t token_len;
    ngtcp2_cid retry_id; /* by which the endpoint wants to be known after the Retry */
    unsigned retries, validated, asked;
};

static void decide(struct iq_incoming *incoming, void *data)
{
    struct exchange *exchange = data;

    exchange->asked++;
    if (iq_incoming_is_validated(incoming)) {
        exchange->validated++;
        iq_incoming_ignore(incoming);
    } else {
        assert(iq_incoming_retry(incoming) == 0);
    }
}

/* RFC 9000, section 17.2.5: ids, then the token, then a tag of 16 bytes. */
static void note_retry(struct sim_node *node, const struct iq_datagrams *datagram)
{
    struct exchange *exchange = node->data;
    const uint8_t *at = datagram->data + 5, *end = datagram->data + datagram->len;

    if ((datagram->data[0] & 0xf0) != 0xf0 || exchange->retries > 0) {
        return;
    }
    at += 1 + at[0];
    ngtcp2_cid_init(&exchange->retry_id, at + 1, at[0]);
    at += 1 + at[0];
    exchange->token_len = (size_t)(end - at) - 16;
    assert(exchange->token_len > 0 && exchange->token_len <= TOKEN_MAX);
    memcpy(exchange->token, at, exchange->token_len);
    exchange->retries++;
}

/* An Initial with a token and one PING.  RFC 9000, section 17.2.2. */
static void ask(struct null_peer *peer, const uint8_t *token, size_t len)
{
    uint8_t packet[5 + 2 + TOKEN_MAX + 2 + 4 + 1 + 16] = {0xc3, 0, 0, 0, 1};
    uint8_t *at = packet + 5;

    *at++ = (uint8_t)(0x40 | len >> 8);
    *at++ = (uint8_t)len;
    if (len > 0) {
        memcpy(at, token, len);
    }
    at += len;
    at[0] = 0x40;
    at[1] = 4 + 1 + 16;
    at[6] = 0x01;
    null_peer_write_long(peer, packet, (size_t)(at - packet) + 2 + 4 + 1 + 16);
    null_peer_send(peer);
}

/* Returns whether anything is different then. */
static bool change(struct exchange *exchange, const uint8_t *data, size_t len)
{
    bool changed = false;
    size_t i;

    for (i = 0; i < len && i < exchange->token_len; i++) {
        exchange->token[i] ^= data[i];
        changed = changed || data[i] != 0;
    }
    return changed;
}

static bool replace(struct exchange *exchange, const uint8_t *data, size_t len)
{
    const size_t new_len = len < TOKEN_MAX ? len : TOKEN_MAX;
    const bool same = new_len == exchange->token_len && memcmp(data, exchange->token, new_len) == 0;

    memcpy(exchange->token, data, new_len);
    exchange->token_len = new_len;
    return !same;
}

static void play(struct null_peer *peer, struct exchange *exchange, const uint8_t *data, size_t len)
{
    const bool elsewhere = (data[0] & 1) != 0;
    const unsigned late_s = data[0] >> 1 & 15;
    bool changed;

    ask(peer, NULL, 0);
    assert(exchange->asked == 1 && exchange->retries == 1 && exchange->validated == 0);
    changed = (data[0] & 32) != 0 ? replace(exchange, data + 1, len - 1)
                                  : change(exchange, data + 1, len - 1);
    sim_run_for(peer->world->sim, late_s * SIM_SECOND);
    peer->victim_id = exchange->retry_id;
    peer->elsewhere = elsewhere;
    ask(peer, exchange->token, exchange->token_len);
    assert(exchange->validated == (!changed && !elsewhere && late_s < IN_TIME_MAX_S));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const struct iq_acceptor acceptor = {.on_incoming = decide};
    struct exchange exchange = {0};
    struct null_peer peer;
    struct world world;

    if (len == 0) {
        return 0;
    }
    world_begin(&world, &(struct world_options){0});
    iq_endpoint_listen(world.victim->endpoint, &acceptor, &exchange);
    world.peer->on_datagram = note_retry;
    world.peer->data = &exchange;
    null_peer_begin(&peer, &world, true);
    play(&peer, &exchange, data, len);
    world_end(&world);
    return 0;
}
