/*
 * Packets are written one behind the other and given to the wire together, as long as they go the
 * same way and have the same length: to the kernel that is one call (udp.c).
 */
#include "conn_burst.h"

#include <string.h>

static size_t count(const struct iq_datagrams *datagrams)
{
    return (datagrams->len + datagrams->segment_len - 1) / datagrams->segment_len;
}

int iq_conn_env_send(struct iq_conn_env *env, const struct iq_datagrams *datagrams)
{
    int rc;

    if (env->wire_is_full) {
        return 0;
    }
    env->stats.datagrams_sent += count(datagrams);
    env->stats.bytes_sent += datagrams->len;
    rc = env->wire->send(env->wire, datagrams);
    if (rc == IQ_ERR_AGAIN) {
        env->wire_is_full = true;
        return 0;
    }
    return rc;
}

/* The same for those of a connection. */
void iq_conn_send_datagrams(struct iq_conn *conn, const struct iq_datagrams *datagrams)
{
    if (!conn->env->wire_is_full) {
        conn->stats.datagrams_sent += count(datagrams);
        conn->stats.bytes_sent += datagrams->len;
    }
    if (iq_conn_env_send(conn->env, datagrams) == IQ_ERR_TOO_LONG) {
        iq_conn_note_too_long(conn, datagrams->segment_len);
    }
}

void iq_burst_send(struct iq_burst *burst)
{
    if (burst->out.len > 0) {
        iq_conn_send_datagrams(burst->conn, &burst->out);
    }
    burst->out.len = 0;
    burst->last_is_short = false;
}

static bool fits(const struct iq_burst *burst, const struct iq_datagrams *packet)
{
    return burst->out.len == 0 ||
           (!burst->last_is_short && packet->len <= burst->out.segment_len &&
            packet->ecn == burst->out.ecn && iq_path_equal(&packet->path, &burst->out.path));
}

bool iq_burst_is_full(const struct iq_burst *burst)
{
    return burst->out.len + burst->out.segment_len > IQ_BURST_MAX;
}

void iq_burst_add(struct iq_burst *burst, const struct iq_datagrams *packet)
{
    uint8_t *start = burst->conn->env->packets;

    if (!fits(burst, packet)) {
        iq_burst_send(burst);
        memmove(start, packet->data, packet->len);
    }
    if (burst->out.len == 0) {
        burst->out = *packet;
        burst->out.data = start;
        burst->out.segment_len = packet->len;
        return;
    }
    burst->out.len += packet->len;
    burst->last_is_short = packet->len < burst->out.segment_len;
}
