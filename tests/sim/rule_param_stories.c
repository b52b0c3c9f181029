/* Transport parameters at the edges of what is allowed, and beyond: which of them a connection can
 * live with, on either side.  RFC 9000, section 18. */
#include <string.h>

#include "rule.h"

/* What ngtcp2 says by itself is left out, since nothing may be said twice. */
#define WITHOUT(id) (UINT64_C(1) << (id))

#define LARGEST "\x08\xff\xff\xff\xff\xff\xff\xff\xff" /* 2^62 - 1 */

#define LIMITS                                                                                     \
    (WITHOUT(0x04) | WITHOUT(0x05) | WITHOUT(0x06) | WITHOUT(0x07) | WITHOUT(0x08) | WITHOUT(0x09))

static const struct param_row {
    const char *name;
    struct evil_options options;
    uint64_t code; /* that it gets; 0: it is fine */
} param_rows[] = {
    {.name = "no limits at all: nothing may be sent", .options = {.without_params = LIMITS}},
    {.name = "the largest limits",
     .options = {.without_params = LIMITS,
                 .params = BYTES("\x04" LARGEST "\x05" LARGEST "\x06" LARGEST "\x07" LARGEST
                                 "\x08\x08\xd0\x00\x00\x00\x00\x00\x00\x00"
                                 "\x09\x08\xd0\x00\x00\x00\x00\x00\x00\x00")}},
    {.name = "more than 2^60 streams",
     .options = {.without_params = WITHOUT(0x08),
                 .params = BYTES("\x08\x08\xd0\x00\x00\x00\x00\x00\x00\x01")},
     .code = NGTCP2_TRANSPORT_PARAMETER_ERROR},
    {.name = "no time-out", .options = {.without_params = WITHOUT(0x01)}},
    {.name = "the longest time-out",
     .options = {.without_params = WITHOUT(0x01), .params = BYTES("\x01" LARGEST)}},
    {.name = "the smallest max_udp_payload_size", .options = {.params = BYTES("\x03\x02\x44\xb0")}},
    {.name = "the largest max_udp_payload_size", .options = {.params = BYTES("\x03" LARGEST)}},
    {.name = "the largest ack_delay_exponent", .options = {.params = BYTES("\x0a\x01\x14")}},
    {.name = "the longest max_ack_delay", .options = {.params = BYTES("\x0b\x02\x7f\xff")}},
    {.name = "no migration", .options = {.params = BYTES("\x0c\x00")}},
    {.name = "no migration, with a value",
     .options = {.params = BYTES("\x0c\x01\x00")},
     .code = NGTCP2_TRANSPORT_PARAMETER_ERROR},
    {.name = "one connection id",
     .options = {.without_params = WITHOUT(0x0e), .params = BYTES("\x0e\x01\x01")},
     .code = NGTCP2_TRANSPORT_PARAMETER_ERROR},
    {.name = "the most connection ids",
     .options = {.without_params = WITHOUT(0x0e), .params = BYTES("\x0e" LARGEST)}},
    {.name = "no datagrams", .options = {.params = BYTES("\x20\x01\x00")}},
    {.name = "datagrams without room", .options = {.params = BYTES("\x20\x01\x01")}},
    {.name = "the largest datagrams", .options = {.params = BYTES("\x20" LARGEST)}},
    {.name = "reserved and unknown ones", /* 27 is reserved; what iroh has of its own */
     .options = {.params = BYTES("\x1b\x00"
                                 "\x3e\x01\x08"
                                 "\xc0\x00\x00\x00\x9f\x81\xa1\x76\x01\x02"
                                 "\xc0\x00\x3d\x7f\x91\x12\x04\x01\x01\x08")}},
    {.name = "one without a length",
     .options = {.params = BYTES("\x1b")},
     .code = NGTCP2_TRANSPORT_PARAMETER_ERROR},
    {.name = "one that is longer than all",
     .options = {.params = BYTES("\x1b\x05"
                                 "four")},
     .code = NGTCP2_TRANSPORT_PARAMETER_ERROR},
    {.name = "a number that is longer than its length",
     .options = {.without_params = WITHOUT(0x04), .params = BYTES("\x04\x01\x80")},
     .code = NGTCP2_TRANSPORT_PARAMETER_ERROR},
    {.name = "a number that is shorter than its length",
     .options = {.without_params = WITHOUT(0x04), .params = BYTES("\x04\x02\x01\x00")},
     .code = NGTCP2_TRANSPORT_PARAMETER_ERROR},
    {.name = "an id of 21 bytes",
     .options = {.without_params = WITHOUT(0x0f),
                 .params = BYTES("\x0f\x15"
                                 "twenty-one bytes here")},
     .code = NGTCP2_TRANSPORT_PARAMETER_ERROR},
};

/* Does what an application may do as soon as it has a connection. */
static void use(struct iq_conn *conn)
{
    static const uint8_t bytes[10000];
    struct iq_stream *stream;
    const size_t max_len = iq_conn_max_datagram_len(conn);

    note_handler.on_connect(conn);
    if (watch_open_bi(&stream, conn) == 0) {
        (void)iq_stream_write(stream, bytes, sizeof(bytes));
    }
    if (watch_open_uni(&stream, conn) == 0) {
        (void)iq_stream_write(stream, bytes, sizeof(bytes));
        iq_stream_finish(stream);
    }
    SIM_EXPECT(sim_node_of(iq_conn_endpoint(conn))->sim,
               max_len == 0 || iq_conn_send_datagram(conn, bytes, max_len) == 0);
}

static void note_closed(struct iq_conn *conn, const struct iq_close_reason *why)
{
    note_handler.on_closed(conn, why);
}

static const struct iq_protocol_handler user = {
    .on_accept = use, .on_connect = use, .on_closed = note_closed};

/* With what it has allowed, some of them cannot live themselves. */
static void expect_outcome(const struct sim *sim, const struct param_row *row,
                           const struct evil *evil, const struct note *heard)
{
    const bool is_told = evil->closed_count == 1 && evil->failed == 0 && !evil->by_application;
    const bool is_fine = !is_told && (heard->opened == 1 || evil->failed != 0);

    if (row->code == 0 ? !is_fine : !is_told || evil->code != row->code || heard->opened > 0) {
        SIM_FAIL(sim, "%s: closed %u, code %#llx, error %d; opened %u", row->name,
                 evil->closed_count, (unsigned long long)evil->code, evil->failed, heard->opened);
    }
}

static void with_params(const struct sim_options *options, const struct param_row *row, bool dials)
{
    const struct rule rule = {.options = row->options};
    struct sim *sim = sim_new(options);
    struct sim_node *ours = sim_add_endpoint(sim, NULL);
    struct sim_node *raw = sim_add_raw(sim);
    struct iq_addr addr = {.count = 1, .socket_addrs = {raw->addrs[0]}};
    struct note heard = {0};
    const struct iq_route routes[] = {{.alpn = RULE_ALPN, .handler = &user, .data = &heard}, {0}};
    struct iq_secret_key key;
    struct evil_options wanted;
    static struct evil evil;

    iq_secret_key_generate(&key);
    addr.id = key.id;
    wanted = rule_options(&rule, &key);
    if (dials) {
        watch_listen(ours, routes);
        evil_dial(&evil, raw, ours, &wanted);
    } else {
        evil_answer(&evil, raw, &wanted);
        SIM_EXPECT(sim, watch_dial(NULL, ours, &addr, RULE_ALPN, &user, &heard, NULL) == 0);
    }
    sim_run_for(sim, 5 * SIM_SECOND);
    expect_outcome(sim, row, &evil, &heard);
    evil_free(&evil);
    sim->memory_uncounted = false; /* nothing of it is left over */
    sim_free(sim);
}

static void tell_params(const struct sim_options *options)
{
    size_t i;

    for (i = 0; i < sizeof(param_rows) / sizeof(param_rows[0]); i++) {
        with_params(options, &param_rows[i], true);
        with_params(options, &param_rows[i], false);
    }
}

const struct story rule_param_stories[] = {
    {.name = "rule_params", .run = tell_params, .weather = STORY_CALM_ONLY},
    {0},
};
