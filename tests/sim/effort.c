/*
 * I11: a turn does not try again what cannot be done.
 *
 * A stream that the peer has stopped, that it allows no more bytes, or that ngtcp2 has forgotten is
 * found out by trying to write on it: once or twice in an event, and never in a loop.  The linker
 * leads the call through here (CMakeLists.txt).
 */
#include "effort.h"

#include <stdio.h>
#include <stdlib.h>

#include <ngtcp2/ngtcp2.h>

#define ENDLESS 100000

/* At the beginning of an event there may be streams that are gone at its end. */
#define STREAMS_GONE_MAX 256

static unsigned fruitless_count;

/* The linker sets these names. */
/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
ngtcp2_ssize __real_ngtcp2_conn_writev_stream_versioned(ngtcp2_conn *quic, ngtcp2_path *path,
                                                        int info_version, ngtcp2_pkt_info *info,
                                                        uint8_t *dest, size_t dest_len,
                                                        ngtcp2_ssize *taken, uint32_t flags,
                                                        int64_t id, const ngtcp2_vec *data,
                                                        size_t count, ngtcp2_tstamp now_ns);

ngtcp2_ssize __wrap_ngtcp2_conn_writev_stream_versioned(ngtcp2_conn *quic, ngtcp2_path *path,
                                                        int info_version, ngtcp2_pkt_info *info,
                                                        uint8_t *dest, size_t dest_len,
                                                        ngtcp2_ssize *taken, uint32_t flags,
                                                        int64_t id, const ngtcp2_vec *data,
                                                        size_t count, ngtcp2_tstamp now_ns)
{
    const ngtcp2_ssize n = __real_ngtcp2_conn_writev_stream_versioned(
        quic, path, info_version, info, dest, dest_len, taken, flags, id, data, count, now_ns);

    if (n == NGTCP2_ERR_STREAM_DATA_BLOCKED || n == NGTCP2_ERR_STREAM_SHUT_WR ||
        n == NGTCP2_ERR_STREAM_NOT_FOUND) {
        fruitless_count++;
    }
    if (fruitless_count == ENDLESS) {
        fprintf(stderr, "I11: stream %lld is tried for ever\n", (long long)id);
        abort();
    }
    return n;
}
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */

static size_t count_streams(const struct iq_conn_env *env)
{
    const struct iq_list *conn, *stream;
    size_t count = 0;

    for (conn = env->conns.next; conn != &env->conns; conn = conn->next) {
        const struct iq_list *all = &IQ_CONTAINER_OF(conn, struct iq_conn, in_all)->streams.all;

        for (stream = all->next; stream != all; stream = stream->next) {
            count++;
        }
    }
    return count;
}

void sim_begin_effort(void) { fruitless_count = 0; }

void sim_check_effort(const struct sim *sim)
{
    size_t streams = STREAMS_GONE_MAX, i;

    if (fruitless_count <= 2 * streams) {
        return;
    }
    for (i = 0; i < sim->node_count; i++) {
        if (sim->nodes[i].endpoint != NULL) {
            streams += count_streams(&sim->nodes[i].endpoint->env);
        }
    }
    if (fruitless_count > 2 * streams) {
        SIM_FAIL(sim, "I11: %u fruitless tries to write in one event", fruitless_count);
    }
}
