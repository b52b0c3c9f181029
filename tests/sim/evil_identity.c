/*
 * Peers that are not who they say, or say nothing: no handler may ever hear of them.
 *
 * Each of the traps that OpenSSL and ngtcp2 leave open has its row.
 */
#include <string.h>

#include "evil.h"
#include "note.h"

#define A_WHILE (60 * SIM_SECOND)

#define OFFER_A "\x13iroh-example/echo/0"

static const uint8_t good_seed[IQ_KEY_LEN] = "a seed, which has to be 32 bytes";

/* Those who dial us */

static const struct dial_row {
    const char *name;
    struct evil_options options;
    const char *spoken; /* NULL: refused */
    uint64_t code;      /* that the peer sees */
} dial_rows[] = {
    {.name = "a good peer", .options = {.alpn = OFFER_A}, .spoken = "iroh-example/echo/0"},
    {.name = "no key", .options = {.key = EVIL_KEY_NONE, .alpn = OFFER_A}, .code = IQ_CODE_NO_KEY},
    {.name = "a P-256 key",
     .options = {.key = EVIL_KEY_P256, .alpn = OFFER_A},
     .code = IQ_CODE_NO_KEY}, /* we ask for ed25519, and it has none */
    {.name = "a key of small order",
     .options = {.key = EVIL_KEY_SMALL_ORDER, .alpn = OFFER_A},
     .code = IQ_CODE_BAD_SIGNATURE},
    {.name = "no protocol", .code = IQ_CODE_NO_ALPN},
    {.name = "unknown protocols", .options = {.alpn = "\x01x\x02yz"}, .code = IQ_CODE_NO_ALPN},
    {.name = "several protocols, and ours decides",
     .options = {.alpn = "\x01x\x01"
                         "c\x01"
                         "b"},
     .spoken = "b"},
    {.name = "certificates only",
     .options = {.alpn = OFFER_A, .no_raw_keys = true},
     .code = 0x128}, /* handshake_failure */
    {.name = "post-quantum groups",
     .options = {.alpn = OFFER_A, .default_groups = true},
     .spoken = "iroh-example/echo/0"},
};

static void expect_refused(const struct sim *sim, const struct dial_row *row,
                           const struct evil *evil, const struct note *heard)
{
    if (heard->opened != 0 || heard->closed != 0 || evil->closed_count != 1 ||
        evil->code != row->code) {
        SIM_FAIL(sim, "%s: handler called %u times, closed %u, code %#llx, error %d", row->name,
                 heard->opened, evil->closed_count, (unsigned long long)evil->code, evil->failed);
    }
    if (sim->options.weather.loss == 0) { /* it learns within two round trips */
        SIM_EXPECT(sim, evil->closed_at_ns <= SIM_SECOND + 40 * SIM_MILLISECOND);
    }
}

static void expect_spoken(const struct sim *sim, const struct dial_row *row,
                          const struct evil *evil, const struct note *heard)
{
    struct iq_secret_key key;

    if (heard->opened != 1 || !evil->completed || strcmp(heard->alpn, row->spoken) != 0) {
        SIM_FAIL(sim, "%s: handler called %u times, \"%s\", closed %u, code %#llx, error %d",
                 row->name, heard->opened, heard->alpn, evil->closed_count,
                 (unsigned long long)evil->code, evil->failed);
    }
    iq_secret_key_from_seed(&key, good_seed);
    SIM_EXPECT(sim, iq_id_equal(&heard->remote_id, iq_secret_key_id(&key)));
}

/* Two datagrams change places on the way: the second one arrives first. */
static bool swap_first_two(struct sim_node *node, const struct iq_datagrams *datagram)
{
    node->link.delay_ms = node->sent_count == 0 ? 100 : 10;
    return true;
}

static void dial_row(const struct sim_options *options, const struct dial_row *row, bool swap)
{
    struct sim *sim = sim_new(options);
    struct sim_node *accepts = sim_add_endpoint(sim, NULL);
    struct sim_node *raw = sim_add_raw(sim);
    struct note heard = {0};
    const struct iq_route routes[] = {
        {.alpn = "a", .handler = &note_handler, .data = &heard},
        {.alpn = "b", .handler = &note_handler, .data = &heard},
        {.alpn = "c", .handler = &note_handler, .data = &heard},
        {.alpn = "iroh-example/echo/0", .handler = &note_handler, .data = &heard},
        {0},
    };
    struct evil_options wanted = row->options;
    static struct evil evil;

    memcpy(wanted.seed, good_seed, IQ_KEY_LEN);
    watch_listen(accepts, routes);
    raw->tap = swap ? swap_first_two : NULL;
    evil_dial(&evil, raw, accepts, &wanted);
    sim_run_for(sim, 5 * SIM_SECOND);
    if (row->spoken != NULL) {
        expect_spoken(sim, row, &evil, &heard);
        SIM_EXPECT(sim, !swap || evil.was_retried);
        evil_fall_silent(&evil);
    }
    sim_run_for(sim, A_WHILE);
    if (row->spoken == NULL) {
        expect_refused(sim, row, &evil, &heard);
    }
    SIM_EXPECT(sim, accepts->endpoint->env.conn_count == 0);
    evil_free(&evil);
    sim_free(sim);
}

static void tell_dials(const struct sim_options *options)
{
    size_t i;

    for (i = 0; i < sizeof(dial_rows) / sizeof(dial_rows[0]); i++) {
        dial_row(options, &dial_rows[i], false);
    }
}

/* A ClientHello of two datagrams that change places needs a Retry, or the peer waits for ever. */
static void tell_swapped_hello(const struct sim_options *options)
{
    dial_row(options, &dial_rows[sizeof(dial_rows) / sizeof(dial_rows[0]) - 1], true);
}

/* Whoever comes back with what he got from us is as welcome as before. */
static void tell_comes_back(const struct sim_options *options)
{
    struct sim *sim = sim_new(options);
    struct sim_node *accepts = sim_add_endpoint(sim, NULL);
    struct sim_node *raw = sim_add_raw(sim);
    struct note heard = {0};
    const struct iq_route routes[] = {
        {.alpn = "iroh-example/echo/0", .handler = &note_handler, .data = &heard}, {0}};
    struct evil_options wanted = {.alpn = OFFER_A};
    static struct evil evil;
    unsigned i;

    memcpy(wanted.seed, good_seed, IQ_KEY_LEN);
    watch_listen(accepts, routes);
    for (i = 1; i <= 3; i++) {
        evil_dial(&evil, raw, accepts, &wanted);
        sim_run_for(sim, 5 * SIM_SECOND);
        evil_fall_silent(&evil);
        sim_run_for(sim, A_WHILE);
        SIM_EXPECT(sim, evil.completed && heard.opened == i && heard.closed == i);
        SIM_EXPECT(sim, heard.how == IQ_CLOSED_TIMED_OUT);
        SSL_SESSION_free(wanted.resume);
        wanted.resume = evil.ticket;
        evil.ticket = NULL;
        evil_free(&evil);
    }
    SSL_SESSION_free(wanted.resume);
    sim_free(sim);
}

/* The name of a server (RFC 6066, section 3).  Up to 1.0.3 iroh asks for one that tells the id that
 * it dials; who we are says our key, so that no name is looked at, and none is asked for. */

static const char *const server_names[] = {
    NULL,
    "qtd9g0c2m45bflabvr9sip07787e2nsjraj269df08d6hto7a4d0.iroh.invalid", /* what iroh asks for */
    "0000000000000000000000000000000000000000000000000000.iroh.invalid", /* for another id */
    "www.example.com",
    "localhost",
    "-._",
};

static void ask_for_server_name(const struct sim_options *options, const char *server_name)
{
    static const uint8_t our_seed[IQ_KEY_LEN] = {/* RFC 8032, section 7.1, test 1 */
                                                 0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60,
                                                 0xba, 0x84, 0x4a, 0xf4, 0x92, 0xec, 0x2c, 0xc4,
                                                 0x44, 0x49, 0xc5, 0x69, 0x7b, 0x32, 0x69, 0x19,
                                                 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60};
    struct iq_secret_key key;
    const struct iq_endpoint_config config = {.secret_key = &key};
    const struct dial_row row = {.name = server_name == NULL ? "none" : server_name,
                                 .spoken = "iroh-example/echo/0"};
    struct evil_options wanted = {.alpn = OFFER_A, .server_name = server_name};
    struct sim *sim = sim_new(options);
    struct sim_node *accepts, *raw;
    struct note heard = {0};
    const struct iq_route routes[] = {
        {.alpn = "iroh-example/echo/0", .handler = &note_handler, .data = &heard}, {0}};
    static struct evil evil;

    iq_secret_key_from_seed(&key, our_seed);
    accepts = sim_add_endpoint(sim, &config);
    raw = sim_add_raw(sim);
    memcpy(wanted.seed, good_seed, IQ_KEY_LEN);
    watch_listen(accepts, routes);
    evil_dial(&evil, raw, accepts, &wanted);
    sim_run_for(sim, 5 * SIM_SECOND);
    expect_spoken(sim, &row, &evil, &heard);
    evil_free(&evil);
    sim_free(sim);
}

static void tell_server_names(const struct sim_options *options)
{
    size_t i;

    for (i = 0; i < sizeof(server_names) / sizeof(server_names[0]); i++) {
        ask_for_server_name(options, server_names[i]);
    }
}

/* Someone who goes on from another address, and takes new connection ids there: he is the same, and
 * his old ids are forgotten. */
static void tell_migrates(const struct sim_options *options)
{
    struct sim *sim = sim_new(options);
    struct sim_node *accepts = sim_add_endpoint(sim, NULL);
    struct sim_node *raw = sim_add_raw(sim);
    struct note heard = {0};
    const struct iq_route routes[] = {
        {.alpn = "iroh-example/echo/0", .handler = &note_handler, .data = &heard}, {0}};
    struct evil_options wanted = {.alpn = OFFER_A};
    static struct evil evil;

    memcpy(wanted.seed, good_seed, IQ_KEY_LEN);
    raw->addrs[1] = sim_socket_addr(50, 5000);
    raw->addr_count = 2;
    watch_listen(accepts, routes);
    evil_dial(&evil, raw, accepts, &wanted);
    sim_run_for(sim, 5 * SIM_SECOND);
    SIM_EXPECT(sim, heard.opened == 1);
    evil_migrate(&evil);
    sim_run_for(sim, 25 * SIM_SECOND);
    SIM_EXPECT(sim, heard.closed == 0 && evil.closed_count == 0);
    SIM_EXPECT(sim, iq_conn_remote_addr(watch_conn(accepts, 0))->port == 5000);
    evil_fall_silent(&evil);
    sim_run_for(sim, A_WHILE);
    SIM_EXPECT(sim, heard.closed == 1 && heard.how == IQ_CLOSED_TIMED_OUT);
    evil_free(&evil);
    sim_free(sim);
}

/* Those whom we dial */

static const struct answer_row {
    const char *name;
    struct evil_options options;
    bool other_id; /* we dial another one than that of the key */
    bool is_good;
    enum iq_close_how how;
    uint64_t code;
} answer_rows[] = {
    {.name = "a good peer", .options = {.alpn = OFFER_A}, .is_good = true},
    {.name = "another key",
     .options = {.alpn = OFFER_A},
     .other_id = true,
     .how = IQ_CLOSED_TRANSPORT_ERROR,
     .code = IQ_CODE_WRONG_ID},
    {.name = "a key of small order",
     .options = {.key = EVIL_KEY_SMALL_ORDER, .alpn = OFFER_A},
     .how = IQ_CLOSED_TRANSPORT_ERROR,
     .code = IQ_CODE_WRONG_ID}, /* nobody can dial it */
    {.name = "a P-256 key",
     .options = {.key = EVIL_KEY_P256, .alpn = OFFER_A},
     .how = IQ_CLOSED_ABORTED_BY_PEER,
     .code = 0x128}, /* handshake_failure: it cannot sign as we want it */
    {.name = "no key",
     .options = {.key = EVIL_KEY_NONE, .alpn = OFFER_A},
     .how = IQ_CLOSED_ABORTED_BY_PEER,
     .code = 0x146}, /* protocol_version: without a key it has none */
    {.name = "no protocol", .how = IQ_CLOSED_TRANSPORT_ERROR, .code = IQ_CODE_NO_ALPN},
    {.name = "a protocol that was not offered",
     .options = {.alpn = "\x01x"},
     .how = IQ_CLOSED_TRANSPORT_ERROR,
     .code = 0x132}, /* OpenSSL sees that by itself */
};

/* Whether these bytes hold an id, or a text form of it. */
static bool tells(const uint8_t *bytes, size_t len, const struct iq_id *id)
{
    char hex[IQ_ID_STR_SIZE], z32[IQ_ID_Z32_STR_SIZE];

    (void)iq_id_str(id, hex);
    (void)iq_id_z32_str(id, z32);
    for (size_t at = 0; at + IQ_KEY_LEN <= len; at++) {
        if (memcmp(bytes + at, id->key, IQ_KEY_LEN) == 0 || memcmp(bytes + at, hex, 16) == 0 ||
            memcmp(bytes + at, z32, 16) == 0) {
            return true;
        }
    }
    return false;
}

/* Anybody can read a ClientHello: it names neither side.  And the side that dials shows its key to
 * the one that it has dialled, and to nobody else. */
static void expect_discreet(const struct sim_node *dials, const struct evil *evil, bool is_good)
{
    const struct sim *sim = dials->sim;
    struct iq_secret_key key;

    iq_secret_key_from_seed(&key, good_seed);
    SIM_EXPECT(sim, evil->has_heard_hello && !evil->heard_server_name && evil->hello_len > 0);
    SIM_EXPECT(sim, !tells(evil->hello, evil->hello_len, &key.id));
    SIM_EXPECT(sim, !tells(evil->hello, evil->hello_len, iq_endpoint_id(dials->endpoint)));
    SIM_EXPECT(sim, evil->heard_key == is_good);
}

static void answer_row(const struct sim_options *options, const struct answer_row *row)
{
    struct sim *sim = sim_new(options);
    struct sim_node *dials = sim_add_endpoint(sim, NULL);
    struct sim_node *raw = sim_add_raw(sim);
    struct iq_addr addr = {.count = 1, .socket_addrs = {raw->addrs[0]}};
    struct evil_options wanted = row->options;
    struct note heard = {0};
    struct iq_secret_key key;
    static struct evil evil;

    memcpy(wanted.seed, good_seed, IQ_KEY_LEN);
    iq_secret_key_from_seed(&key, good_seed);
    if (row->other_id) {
        iq_secret_key_generate(&key);
    }
    addr.id = key.id;
    evil_answer(&evil, raw, &wanted);
    SIM_EXPECT(sim, watch_dial(NULL, dials, &addr, APP_ALPN, &note_handler, &heard, NULL) == 0);
    sim_run_for(sim, A_WHILE);
    if (heard.opened != (row->is_good ? 1 : 0) ||
        (!row->is_good &&
         (heard.closed != 1 || heard.how != row->how || heard.code != row->code))) {
        SIM_FAIL(sim, "%s: handler called %u times, closed %u, how %d, code %#llx", row->name,
                 heard.opened, heard.closed, (int)heard.how, (unsigned long long)heard.code);
    }
    expect_discreet(dials, &evil, row->is_good);
    evil_free(&evil);
    sim_free(sim);
}

static void tell_answers(const struct sim_options *options)
{
    size_t i;

    for (i = 0; i < sizeof(answer_rows) / sizeof(answer_rows[0]); i++) {
        answer_row(options, &answer_rows[i]);
    }
}

const struct story evil_identity_stories[] = {
    {.name = "evil_dials", .run = tell_dials, .seeds = 3},
    {.name = "evil_swapped_hello", .run = tell_swapped_hello, .weather = STORY_CALM_ONLY},
    {.name = "evil_comes_back", .run = tell_comes_back, .seeds = 3},
    {.name = "evil_server_names", .run = tell_server_names, .seeds = 3},
    {.name = "evil_migrates", .run = tell_migrates, .seeds = 3},
    {.name = "evil_answers", .run = tell_answers, .seeds = 3},
    {0},
};
