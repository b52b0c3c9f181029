/* That the evil peer can say what it wants, and that the right code comes back. */
#include <string.h>

#include "evil.h"
#include "note.h"

#define BYTES(text)                                                                                \
    {                                                                                              \
        .data = (const uint8_t *)(text), .len = sizeof(text) - 1                                   \
    }

/* What it says, as soon as it has the keys for it.  Those of an Initial everybody has: what is
 * wrong there is ignored, since the peer may not have said it.  RFC 9001, section 7. */
static const struct say_row {
    const char *name;
    struct evil_options options;
    uint64_t code; /* with which it is closed; 0: it is not */
} say_rows[] = {
    {.name = "an unknown frame in an Initial",
     .options = {.first[EVIL_INITIAL] = {.frames = BYTES("\x40\x52")}}},
    {.name = "a stream in an Initial",
     .options = {.first[EVIL_INITIAL] = {.frames = BYTES("\x0a\x00\x01x")}}},
    {.name = "a stream in a Handshake packet",
     .options = {.first[EVIL_HANDSHAKE] = {.frames = BYTES("\x0a\x00\x01x")}},
     .code = NGTCP2_PROTOCOL_VIOLATION},
    {.name = "another message of TLS",
     .options = {.first[EVIL_HANDSHAKE] = {.frames = BYTES("\x06\x00\x05\x18\x00\x00\x01\x00")}},
     .code = IQ_CODE_TLS_ALERT + 10}, /* unexpected_message */
    {.name = "an unknown frame with 1-RTT keys",
     .options = {.first[EVIL_ONE_RTT] = {.frames = BYTES("\x40\x52")}},
     .code = NGTCP2_FRAME_ENCODING_ERROR},
    {.name = "reserved bits of an Initial",
     .options = {.first[EVIL_INITIAL] = {.header_bits = 0x04}}},
    {.name = "reserved bits of a Handshake packet",
     .options = {.first[EVIL_HANDSHAKE] = {.header_bits = 0x08}},
     .code = NGTCP2_PROTOCOL_VIOLATION},
    {.name = "reserved bits with 1-RTT keys",
     .options = {.first[EVIL_ONE_RTT] = {.header_bits = 0x18}},
     .code = NGTCP2_PROTOCOL_VIOLATION},
    {.name = "max_udp_payload_size of 1199",
     .options = {.without_params = 1 << 3, .params = BYTES("\x03\x02\x44\xaf")},
     .code = NGTCP2_TRANSPORT_PARAMETER_ERROR},
    {.name = "no initial_source_connection_id",
     .options = {.without_params = 1 << 0xf},
     .code = NGTCP2_TRANSPORT_PARAMETER_ERROR},
};

static struct evil_options options_of(const struct say_row *row, struct iq_secret_key *key)
{
    struct evil_options wanted = row->options;

    iq_secret_key_generate(key);
    wanted.alpn = "\x13iroh-example/echo/0";
    memcpy(wanted.seed, key->seed, IQ_KEY_LEN);
    return wanted;
}

static void said_by_dialling(const struct sim_options *options, const struct say_row *row)
{
    struct sim *sim = sim_new(options);
    struct sim_node *accepts = sim_add_endpoint(sim, NULL);
    struct note heard = {0};
    const struct iq_route routes[] = {{.alpn = APP_ALPN, .handler = &note_handler, .data = &heard},
                                      {0}};
    struct iq_secret_key key;
    const struct evil_options wanted = options_of(row, &key);
    static struct evil evil;

    watch_listen(accepts, routes);
    evil_dial(&evil, sim_add_raw(sim), accepts, &wanted);
    sim_run_for(sim, 5 * SIM_SECOND);
    if (evil.closed_count != (row->code != 0) || evil.code != row->code ||
        (row->code == 0 && heard.opened != 1)) {
        SIM_FAIL(sim, "%s: closed %u, code %#llx, error %d", row->name, evil.closed_count,
                 (unsigned long long)evil.code, evil.failed);
    }
    evil_free(&evil);
    sim_free(sim);
}

static void said_by_answering(const struct sim_options *options, const struct say_row *row)
{
    struct sim *sim = sim_new(options);
    struct sim_node *dials = sim_add_endpoint(sim, NULL);
    struct sim_node *raw = sim_add_raw(sim);
    struct iq_addr addr = {.count = 1, .socket_addrs = {raw->addrs[0]}};
    struct note heard = {0};
    struct iq_secret_key key;
    const struct evil_options wanted = options_of(row, &key);
    static struct evil evil;

    addr.id = key.id;
    evil_answer(&evil, raw, &wanted);
    SIM_EXPECT(sim, watch_dial(NULL, dials, &addr, APP_ALPN, &note_handler, &heard, NULL) == 0);
    sim_run_for(sim, 5 * SIM_SECOND);
    if (row->code != 0) {
        note_expect_closed(sim, row->name, &heard, IQ_CLOSED_TRANSPORT_ERROR, row->code);
    } else if (heard.opened != 1 || heard.closed != 0) {
        SIM_FAIL(sim, "%s: opened %u, closed %u", row->name, heard.opened, heard.closed);
    }
    evil_free(&evil);
    sim_free(sim);
}

static void tell_says(const struct sim_options *options)
{
    size_t i;

    for (i = 0; i < sizeof(say_rows) / sizeof(say_rows[0]); i++) {
        said_by_dialling(options, &say_rows[i]);
        said_by_answering(options, &say_rows[i]);
    }
}

const struct story evil_say_stories[] = {
    {.name = "evil_says", .run = tell_says, .weather = STORY_CALM_ONLY},
    {0},
};
