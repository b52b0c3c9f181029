/* Where these numbers come from is said in config.h, in limits.h, and in docs/limits.md. */
#include "config_values.h"

/* What QUIC can express.  RFC 9000, sections 4.6 and 16. */
#define STREAMS_MAX (UINT64_C(1) << 60)
#define WINDOW_MAX  ((UINT64_C(1) << 62) - 1)

#define DATAGRAM_MIN 1200  /* every path carries it.  RFC 9000, section 14 */
#define DATAGRAM_MAX 65507 /* the most that IPv4 carries */
#define SESSIONS_MAX (UINT32_C(1) << 30)

static bool is_complete(const struct iq_qlog *qlog)
{
    return qlog->open != NULL && qlog->write != NULL && qlog->close != NULL;
}

bool iq_config_is_in_range(const struct iq_endpoint_config *config)
{
    const uint16_t size = config->max_datagram_size;

    return config->max_streams_bi <= STREAMS_MAX && config->max_streams_uni <= STREAMS_MAX &&
           config->stream_window <= WINDOW_MAX && config->conn_window <= WINDOW_MAX &&
           (size == 0 || (size >= DATAGRAM_MIN && size <= DATAGRAM_MAX)) &&
           (config->congestion_control == IQ_CUBIC || config->congestion_control == IQ_BBR) &&
           config->sessions_max <= SESSIONS_MAX &&
           (config->qlog == NULL || is_complete(config->qlog));
}

#define FILL(member) config->member = config->member == 0 ? defaults.member : config->member

void iq_config_fill_defaults(struct iq_endpoint_config *config)
{
    static const struct iq_endpoint_config defaults = {
        .idle_timeout_ms = 30000,
        .keep_alive_ms = 5000,
        .connect_timeout_ms = 30000,
        .accept_timeout_ms = 10000,
        .max_streams_bi = 100,
        .max_streams_uni = 100,
        .stream_window = 1250000,
        .conn_window = 5000000,
        .stream_send_buffer = 1000000,
        .conn_send_buffer = 10000000,
        .max_datagram_size = DATAGRAM_MAX,
        .limits = {.half_open_before_retry = 64,
                   .half_open = 1024,
                   .conns = 10000,
                   .conns_per_addr = 256,
                   .conns_per_id = 64,
                   .abandoned_streams_per_s = 50,
                   .retired_cids_per_s = 100,
                   .buffered_bytes = UINT64_C(1) << 30},
    };

    FILL(idle_timeout_ms);
    FILL(keep_alive_ms);
    FILL(connect_timeout_ms);
    FILL(accept_timeout_ms);
    FILL(max_streams_bi);
    FILL(max_streams_uni);
    FILL(stream_window);
    FILL(conn_window);
    FILL(stream_send_buffer);
    FILL(conn_send_buffer);
    FILL(max_datagram_size);
    FILL(limits.half_open_before_retry);
    FILL(limits.half_open);
    FILL(limits.conns);
    FILL(limits.conns_per_addr);
    FILL(limits.conns_per_id);
    FILL(limits.abandoned_streams_per_s);
    FILL(limits.retired_cids_per_s);
    FILL(limits.buffered_bytes);
}
