/* Peers that we dial, and that break one rule each. */
#include "rule.h"

/* The same where it holds for both sides, and what only those can do who are dialled. */
static const struct rule answer_rules[] = {
    {.name = "STREAM far beyond the window (4.1)",
     .code = NGTCP2_FLOW_CONTROL_ERROR,
     .says = FRAMES("\x0f\x01\x85\xf5\xe1\x00\x01x")},
    {.name = "STREAM of a stream beyond the limit (4.6)",
     .code = NGTCP2_STREAM_LIMIT_ERROR,
     .says = FRAMES("\x0a\xbb\x9a\xca\x01\x01x")},
    {.name = "no initial_source_connection_id (7.3)",
     .code = NGTCP2_TRANSPORT_PARAMETER_ERROR,
     .options = {.without_params = 1 << 0x0f}},
    {.name = "no original_destination_connection_id (7.3)",
     .code = NGTCP2_TRANSPORT_PARAMETER_ERROR,
     .options = {.without_params = 1 << 0x00}},
    {.name = "another original_destination_connection_id (7.3)",
     .code = NGTCP2_TRANSPORT_PARAMETER_ERROR,
     .options = {.without_params = 1 << 0x00,
                 .params = BYTES("\x00\x08"
                                 "8 bytes.")}},
    {.name = "retry_source_connection_id without a Retry (7.3)",
     .code = NGTCP2_TRANSPORT_PARAMETER_ERROR,
     .options = {.params = BYTES("\x10\x05"
                                 "dummy")}},
    {.name = "stateless_reset_token of 15 bytes (18.2)",
     .code = NGTCP2_TRANSPORT_PARAMETER_ERROR,
     .options = {.params = BYTES("\x02\x0f"
                                 "15 bytes it is.")}},
    {.name = "preferred_address with an id of no bytes (18.2)",
     .code = NGTCP2_TRANSPORT_PARAMETER_ERROR,
     .options = {.params = BYTES("\x0d\x29\x7f\x00\x00\x01\x01\xbb"
                                 "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
                                 "\x00\x00\x00" TOKEN)}},
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
     .says = FRAMES("\x04\x02\x00\x00")},
    {.name = "STOP_SENDING for a stream that we have not opened (19.5)",
     .code = NGTCP2_STREAM_STATE_ERROR,
     .says = FRAMES("\x05\x40\x64\x00")},
    {.name = "NEW_TOKEN without bytes (19.7)",
     .code = NGTCP2_FRAME_ENCODING_ERROR,
     .says = FRAMES("\x07\x00")},
    {.name = "STREAM for a stream that we have not opened (19.8)",
     .code = NGTCP2_STREAM_STATE_ERROR,
     .says = FRAMES("\x0a\x00\x00")},
    {.name = "STREAM for a send-only stream (19.8)",
     .code = NGTCP2_STREAM_STATE_ERROR,
     .says = FRAMES("\x0a\x02\x00")},
    {.name = "MAX_STREAM_DATA for a stream that we have not opened (19.10)",
     .code = NGTCP2_STREAM_STATE_ERROR,
     .says = FRAMES("\x11\x40\x64\x80\x0f\x42\x40")},
    {.name = "MAX_STREAM_DATA for a receive-only stream (19.10)",
     .code = NGTCP2_STREAM_STATE_ERROR,
     .says = FRAMES("\x11\x03\x80\x0f\x42\x40")},
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
    {.name = "EncryptedExtensions in an Initial (RFC 9001, 4.1.3)",
     .code = IQ_CODE_TLS_ALERT + SSL_AD_UNEXPECTED_MESSAGE,
     .options = {.first[EVIL_INITIAL] = FRAMES("\x06\x00\x06\x08\x00\x00\x02\x00\x00")}},
    {.name = "KeyUpdate with Handshake keys (RFC 9001, 6)",
     .code = IQ_CODE_TLS_ALERT + SSL_AD_UNEXPECTED_MESSAGE,
     .options = {.first[EVIL_HANDSHAKE] = FRAMES("\x06\x00\x05\x18\x00\x00\x01\x01")}},
    {.name = "KeyUpdate behind tickets (RFC 9001, 6)",
     .code = IQ_CODE_TLS_ALERT + SSL_AD_UNEXPECTED_MESSAGE,
     .options = {.behind_tls = BYTES("\x18\x00\x00\x01\x01")}},
    {.name = "no transport parameters (RFC 9001, 8.2)",
     .code = IQ_CODE_TLS_ALERT + TLS13_AD_MISSING_EXTENSION,
     .options = {.no_params = true}},
    {.name = "EndOfEarlyData (RFC 9001, 8.3)",
     .code = IQ_CODE_TLS_ALERT + SSL_AD_UNEXPECTED_MESSAGE,
     .options = {.first[EVIL_HANDSHAKE] = FRAMES("\x06\x00\x04\x05\x00\x00\x00")}},
};

static void break_by_answering(struct sim_node *dials, struct sim_node *raw,
                               const struct rule *rule)
{
    struct sim *sim = raw->sim;
    struct iq_addr addr = {.count = 1, .socket_addrs = {raw->addrs[0]}};
    struct note heard = {0};
    struct iq_secret_key key;
    struct evil_options wanted;
    static struct evil evil;

    iq_secret_key_generate(&key);
    wanted = rule_options(rule, &key);
    addr.id = key.id;
    evil_answer(&evil, raw, &wanted);
    SIM_EXPECT(sim, watch_dial(NULL, dials, &addr, RULE_ALPN, &note_handler, &heard, NULL) == 0);
    sim_run_for(sim, SIM_SECOND);
    if (rule_is_said(&rule->says)) {
        SIM_EXPECT(sim, evil.completed && heard.opened == 1);
        evil_say_at(&evil, EVIL_ONE_RTT, &rule->says);
    }
    sim_run_for(sim, RULE_A_WHILE);
    rule_expect_told(sim, rule, &evil, &heard,
                     rule_is_said(&rule->says) || rule->options.behind_tls.len > 0);
    note_expect_closed(sim, rule->name, &heard, IQ_CLOSED_TRANSPORT_ERROR, evil.code);
    evil_free(&evil);
    sim->memory_uncounted = false; /* nothing of it is left over */
}

static void tell_answers(const struct sim_options *options)
{
    size_t i;

    for (i = 0; i < sizeof(answer_rules) / sizeof(answer_rules[0]); i++) {
        struct sim *sim = sim_new(options);
        struct sim_node *dials = sim_add_endpoint(sim, NULL);
        struct sim_node *accepts = sim_add_endpoint(sim, NULL);

        watch_listen(accepts, app_echo_routes);
        break_by_answering(dials, sim_add_raw(sim), &answer_rules[i]);
        rule_expect_served(dials, accepts);
        sim_free(sim);
    }
}

const struct story rule_answer_stories[] = {
    {.name = "rule_answers", .run = tell_answers, .weather = STORY_CALM_ONLY},
    {0},
};
