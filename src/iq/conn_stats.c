/* What a connection has done: ngtcp2 knows of the path, and the datagrams are counted here. */
#include "conn_state.h"

#define US_PER_NS(ns) ((ns) / NGTCP2_MICROSECONDS)

#if NGTCP2_VERSION_NUM >= 0x011000 /* 1.16 */
static void note_lost(struct iq_conn_stats *stats, const ngtcp2_conn_info *info)
{
    stats->packets_lost = info->pkt_lost;
    stats->bytes_lost = info->bytes_lost;
}
#else
static void note_lost(struct iq_conn_stats *stats, const ngtcp2_conn_info *info) {}
#endif

static void note_path(struct iq_conn_stats *stats, const struct iq_conn *conn)
{
    ngtcp2_conn_info info;

    ngtcp2_conn_get_conn_info(conn->quic, &info);
    stats->smoothed_rtt_us = US_PER_NS(info.smoothed_rtt);
    stats->min_rtt_us = info.min_rtt == UINT64_MAX ? 0 : US_PER_NS(info.min_rtt);
    stats->latest_rtt_us = US_PER_NS(info.latest_rtt);
    stats->cwnd = info.cwnd;
    stats->bytes_in_flight = info.bytes_in_flight;
    stats->mtu = iq_conn_mtu(conn);
    note_lost(stats, &info);
}

void iq_conn_keep_stats(struct iq_conn *conn)
{
    if (conn->quic != NULL) {
        note_path(&conn->stats, conn);
    }
}

void iq_conn_stats(const struct iq_conn *conn, struct iq_conn_stats *stats)
{
    *stats = conn->stats;
    if (conn->quic != NULL) {
        note_path(stats, conn);
    }
}

uint64_t iq_conn_bytes_in_flight(const struct iq_conn *conn)
{
    ngtcp2_conn_info info;

    ngtcp2_conn_get_conn_info(conn->quic, &info);
    return info.bytes_in_flight;
}
