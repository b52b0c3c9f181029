/*
 * Peers that dial us and break one rule each, of QUIC or of TLS in it: they learn which one it was,
 * no handler hears of those that never completed a handshake, and honest peers notice nothing.
 *
 * These are the rows that h3spec has for servers, in its order.
 */
#include <string.h>

#include "rule.h"

static const struct rule dial_rules[] = {
    {.name = "STREAM far beyond the window (4.1)",
     .code = NGTCP2_FLOW_CONTROL_ERROR,
     .says = FRAMES("\x0f\x00\x85\xf5\xe1\x00\x01x")},
    {.name = "STREAM of a stream beyond the limit (4.6)",
     .code = NGTCP2_STREAM_LIMIT_ERROR,
     .says = FRAMES("\x0a\xbb\x9a\xca\x00\x01x")},
    {.name = "no initial_source_connection_id (7.3)",
     .code = NGTCP2_TRANSPORT_PARAMETER_ERROR,
     .options = {.without_params = 1 << 0x0f}},
    {.name = "original_destination_connection_id (18.2)",
     .code = NGTCP2_TRANSPORT_PARAMETER_ERROR,
     .options = {.params = BYTES("\x00\x05"
                                 "dummy")}},
    {.name = "preferred_address (18.2)",
     .code = NGTCP2_TRANSPORT_PARAMETER_ERROR,
     .options = {.params = BYTES("\x0d\x31\x7f\x00\x00\x01\x01\xbb"
                                 "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
                                 "\x00\x00\x08"
                                 "8 bytes." TOKEN)}},
    {.name = "retry_source_connection_id (18.2)",
     .code = NGTCP2_TRANSPORT_PARAMETER_ERROR,
     .options = {.params = BYTES("\x10\x05"
                                 "dummy")}},
    {.name = "stateless_reset_token (18.2)",
     .code = NGTCP2_TRANSPORT_PARAMETER_ERROR,
     .options = {.params = BYTES("\x02\x10" TOKEN)}},
    {.name = "max_udp_payload_size of 1199 (18.2)",
     .code = NGTCP2_TRANSPORT_PARAMETER_ERROR,
     .options = {.params = BYTES("\x03\x02\x44\xaf")}},
    {.name = "ack_delay_exponent of 21 (18.2)",
     .code = NGTCP2_TRANSPORT_PARAMETER_ERROR,
     .options = {.params = BYTES("\x0a\x01\x15")}},
    {.name = "max_ack_delay of 2^14 (18.2)",
     .code = NGTCP2_TRANSPORT_PARAMETER_ERROR,
     .options = {.params = BYTES("\x0b\x04\x80\x00\x40\x00")}},
    {.name = "a frame of unknown type (12.4)",
     .code = NGTCP2_FRAME_ENCODING_ERROR,
     .says = FRAMES("\x20")},
    {.name = "a packet without frames (12.4)",
     .code = NGTCP2_PROTOCOL_VIOLATION,
     .says = {.no_frames = true}},
    {.name = "reserved bits in a Handshake packet (17.2)",
     .code = NGTCP2_PROTOCOL_VIOLATION,
     .options = {.first[EVIL_HANDSHAKE] = {.header_bits = 0x08}}},
    {.name = "PATH_CHALLENGE in a Handshake packet (17.2.4)",
     .code = NGTCP2_PROTOCOL_VIOLATION,
     .options = {.first[EVIL_HANDSHAKE] = FRAMES("\x1a"
                                                 "8 bytes.")}},
    {.name = "reserved bits with 1-RTT keys (17.3.1)",
     .code = NGTCP2_PROTOCOL_VIOLATION,
     .says = {.header_bits = 0x08}},
    {.name = "RESET_STREAM for a send-only stream (19.4)",
     .code = NGTCP2_STREAM_STATE_ERROR,
     .instead = NGTCP2_PROTOCOL_VIOLATION,
     .says = FRAMES("\x04\x03\x00\x00")},
    {.name = "STOP_SENDING for a stream that we have not opened (19.5)",
     .code = NGTCP2_STREAM_STATE_ERROR,
     .says = FRAMES("\x05\x40\x65\x00")},
    {.name = "NEW_TOKEN (19.7)",
     .code = NGTCP2_PROTOCOL_VIOLATION,
     .says = FRAMES("\x07\x05"
                    "dummy")},
    {.name = "STREAM for a stream that we have not opened (19.8)",
     .code = NGTCP2_STREAM_STATE_ERROR,
     .says = FRAMES("\x0a\x01\x00")},
    {.name = "STREAM for a send-only stream (19.8)",
     .code = NGTCP2_STREAM_STATE_ERROR,
     .says = FRAMES("\x0a\x03\x00")},
    {.name = "MAX_STREAM_DATA for a stream that we have not opened (19.10)",
     .code = NGTCP2_STREAM_STATE_ERROR,
     .says = FRAMES("\x11\x40\x65\x80\x0f\x42\x40")},
    {.name = "MAX_STREAM_DATA for a receive-only stream (19.10)",
     .code = NGTCP2_STREAM_STATE_ERROR,
     .says = FRAMES("\x11\x02\x80\x0f\x42\x40")},
    {.name = "MAX_STREAMS of more than 2^60 (19.11)",
     .code = NGTCP2_FRAME_ENCODING_ERROR,
     .says = FRAMES("\x12\xd0\x00\x00\x00\x00\x00\x00\x01")},
    {.name = "STREAMS_BLOCKED of more than 2^60 (19.14)",
     .code = NGTCP2_FRAME_ENCODING_ERROR,
     .instead = NGTCP2_STREAM_LIMIT_ERROR,
     .says = FRAMES("\x16\xd0\x00\x00\x00\x00\x00\x00\x01")},
    {.name = "NEW_CONNECTION_ID that retires itself and more (19.15)",
     .code = NGTCP2_FRAME_ENCODING_ERROR,
     .says = FRAMES("\x18\x09\x0a\x08"
                    "8 bytes." TOKEN)},
    {.name = "NEW_CONNECTION_ID without bytes (19.15)",
     .code = NGTCP2_FRAME_ENCODING_ERROR,
     .says = FRAMES("\x18\x09\x00\x00" TOKEN)},
    {.name = "HANDSHAKE_DONE (19.20)", .code = NGTCP2_PROTOCOL_VIOLATION, .says = FRAMES("\x1e")},
    {.name = "KeyUpdate behind Finished (RFC 9001, 6)",
     .code = IQ_CODE_TLS_ALERT + SSL_AD_UNEXPECTED_MESSAGE,
     .options = {.behind_tls = BYTES("\x18\x00\x00\x01\x01")}},
    {.name = "KeyUpdate with 1-RTT keys (RFC 9001, 6)",
     .code = IQ_CODE_TLS_ALERT + SSL_AD_UNEXPECTED_MESSAGE,
     .says = FRAMES("\x06\x00\x05\x18\x00\x00\x01\x01")},
    {.name = "no protocol in common (RFC 9001, 8.1)",
     .code = IQ_CODE_NO_ALPN,
     .options = {.alpn = "\x05"
                         "dummy"}},
    {.name = "padding in place of transport parameters (RFC 9001, 8.2)",
     .code = IQ_CODE_TLS_ALERT + TLS13_AD_MISSING_EXTENSION,
     .options = {.first[EVIL_INITIAL] = {.find = BYTES("\x00\x39\x00"),
                                         .put = BYTES("\x00\x15\x00")}}},
    {.name = "transport parameters under their old number (RFC 9001, 8.2)",
     .code = IQ_CODE_TLS_ALERT + TLS13_AD_MISSING_EXTENSION,
     .options = {.first[EVIL_INITIAL] = {.find = BYTES("\x00\x39\x00"),
                                         .put = BYTES("\xff\xa5\x00")}}},
    {.name = "EndOfEarlyData (RFC 9001, 8.3)",
     .code = IQ_CODE_TLS_ALERT + SSL_AD_UNEXPECTED_MESSAGE,
     .options = {.first[EVIL_HANDSHAKE] = FRAMES("\x06\x00\x04\x05\x00\x00\x00")}},
    {.name = "CRYPTO with 0-RTT keys (RFC 9001, 8.3)",
     .code = NGTCP2_PROTOCOL_VIOLATION,
     .early = FRAMES("\x06\x00\x06\x08\x00\x00\x02\x00\x00")},
};

static struct note heard; /* of the latest rule */
static bool heard_early;

static void note_early(struct iq_conn *conn) { heard_early = true; }

static void note_accept(struct iq_conn *conn) { note_handler.on_accept(conn); }

static void note_closed(struct iq_conn *conn, const struct iq_close_reason *why)
{
    note_handler.on_closed(conn, why);
}

static const struct iq_protocol_handler early_handler = {
    .on_accept_early = note_early, .on_accept = note_accept, .on_closed = note_closed};

static const struct iq_route routes[] = {
    {.alpn = RULE_ALPN, .handler = &early_handler, .data = &heard},
    {.alpn = APP_ALPN, .handler = &app_echo},
    {0},
};

/* Connects once, so that early data can be sent the next time. */
static void resume(struct evil *evil, struct sim_node *raw, const struct sim_node *accepts,
                   struct evil_options *wanted)
{
    static uint8_t early_params[256];

    evil_dial(evil, raw, accepts, wanted);
    sim_run_for(raw->sim, SIM_SECOND);
    SIM_EXPECT(raw->sim, evil->ticket != NULL);
    memcpy(early_params, evil->early_params, evil->early_params_len);
    wanted->resume = evil->ticket;
    wanted->early_params = (struct iq_bytes){.data = early_params, .len = evil->early_params_len};
    evil->ticket = NULL;
    evil_close(evil, 0);
    evil_free(evil);
    sim_run_for(raw->sim, RULE_A_WHILE);
    heard = (struct note){0};
}

static void break_by_dialling(struct sim_node *raw, const struct sim_node *accepts,
                              const struct rule *rule)
{
    struct sim *sim = raw->sim;
    struct iq_secret_key key;
    struct evil_options wanted;
    static struct evil evil;

    iq_secret_key_generate(&key);
    wanted = rule_options(rule, &key);
    heard = (struct note){0};
    heard_early = false;
    if (rule_is_said(&rule->early)) {
        resume(&evil, raw, accepts, &wanted);
    }
    evil_dial(&evil, raw, accepts, &wanted);
    if (rule_is_said(&rule->early)) {
        evil_say_at(&evil, EVIL_ZERO_RTT, &rule->early);
    }
    sim_run_for(sim, SIM_SECOND);
    if (rule_is_said(&rule->says)) {
        SIM_EXPECT(sim, evil.completed && heard.opened == 1);
        evil_say_at(&evil, EVIL_ONE_RTT, &rule->says);
    }
    sim_run_for(sim, RULE_A_WHILE);
    rule_expect_told(sim, rule, &evil, &heard, rule_is_said(&rule->says));
    if (heard.opened > 0 || heard_early) {
        note_expect_closed(sim, rule->name, &heard, IQ_CLOSED_TRANSPORT_ERROR, evil.code);
    } else {
        SIM_EXPECT(sim, heard.closed == 0);
    }
    SIM_EXPECT(sim, heard_early == rule_is_said(&rule->early));
    SSL_SESSION_free(wanted.resume);
    evil_free(&evil);
    sim->memory_uncounted = false; /* nothing of it is left over */
}

static void tell_dials(const struct sim_options *options)
{
    static const struct iq_endpoint_config keeps_sessions = {.sessions_max = 2};
    size_t i;

    for (i = 0; i < sizeof(dial_rules) / sizeof(dial_rules[0]); i++) {
        struct sim *sim = sim_new(options);
        struct sim_node *accepts = sim_add_endpoint(sim, &keeps_sessions);
        struct sim_node *raw = sim_add_raw(sim);

        watch_listen(accepts, routes);
        break_by_dialling(raw, accepts, &dial_rules[i]);
        SIM_EXPECT(sim, accepts->endpoint->env.conn_count == 0);
        rule_expect_served(sim_add_endpoint(sim, NULL), accepts);
        sim_free(sim);
    }
}

/* What comes late breaks no rule: frames of a stream that has ended, as a network that repeats and
 * reorders brings them, and limits that were raised since. */

static void read_away(struct iq_stream *stream)
{
    iq_stream_consume(stream, iq_stream_peek(stream).len);
}

static void tell_late(const struct sim_options *options)
{
    static const struct iq_protocol_handler reads = {
        .on_accept = note_accept, .on_stream_ready = read_away, .on_closed = note_closed};
    static const struct iq_route route[] = {{.alpn = RULE_ALPN, .handler = &reads, .data = &heard},
                                            {0}};
    static const struct iq_bytes late[] = {
        BYTES("\x0b\x02\x01x"),    /* STREAM, all of it */
        BYTES("\x0e\x02\x01\x00"), /* and nothing at its end */
        BYTES("\x04\x02\x00\x01"), /* RESET_STREAM */
        BYTES("\x15\x02\x00"),     /* STREAM_DATA_BLOCKED */
        BYTES("\x10\x00\x13\x00"), /* MAX_DATA, MAX_STREAMS */
        BYTES("\x14\x00\x17\x00"), /* DATA_BLOCKED, STREAMS_BLOCKED */
    };
    const struct evil_options wanted = {.alpn = "\x04" RULE_ALPN, .seed = "anything"};
    struct sim *sim = sim_new(options);
    struct sim_node *accepts = sim_add_endpoint(sim, NULL);
    static struct evil evil;
    size_t i;

    heard = (struct note){0};
    watch_listen(accepts, route);
    evil_dial(&evil, sim_add_raw(sim), accepts, &wanted);
    sim_run_for(sim, SIM_SECOND);
    evil_say(&evil, late[0].data, late[0].len);
    sim_run_for(sim, SIM_SECOND);
    SIM_EXPECT(sim, heard.opened == 1 && watch_live_streams(sim) == 0);
    for (i = 0; i < sizeof(late) / sizeof(late[0]); i++) {
        evil_say(&evil, late[i].data, late[i].len);
        sim_run_for(sim, SIM_SECOND);
        SIM_EXPECT(sim, heard.closed == 0 && watch_live_streams(sim) == 0);
    }
    evil_free(&evil);
    sim_free(sim);
}

const struct story rule_stories[] = {
    {.name = "rule_late", .run = tell_late, .weather = STORY_CALM_ONLY},
    {.name = "rule_dials", .run = tell_dials, .weather = STORY_CALM_ONLY},
    {0},
};
