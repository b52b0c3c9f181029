/*
 * How a connection begins: the settings of ngtcp2, the transport parameters that the peer is told,
 * and the log that is kept for those who want to look.
 */
#include <stdio.h>
#include <string.h>

#include <ngtcp2/ngtcp2_crypto.h>

#include "conn_state.h"

/* What path MTU discovery tries (RFC 8899): first what nearly every path carries, and is the most
 * that iroh takes; then what larger links and loopback do, with up to three times the throughput;
 * then, if already the first was too long, less. */
static const uint16_t mtu_probes[] = {1452, 8952, 16332, 65507, 1406, 1342, 1252};
static const size_t mtu_probe_count = sizeof(mtu_probes) / sizeof(mtu_probes[0]);

static void fill_settings(ngtcp2_settings *settings, const struct iq_conn_env *env,
                          uint32_t timeout_ms)
{
    size_t first = 0;

    ngtcp2_settings_default(settings);
    settings->initial_ts = env->agenda.now_ns;
    settings->cc_algo =
        env->config.congestion_control == IQ_BBR ? NGTCP2_CC_ALGO_BBR : NGTCP2_CC_ALGO_CUBIC;
    settings->handshake_timeout = timeout_ms * NGTCP2_MILLISECONDS; /* by default never */
    settings->max_stream_window = env->config.conn_window; /* which then is the bound of both */
    settings->max_tx_udp_payload_size = env->config.max_datagram_size;
    while (first < mtu_probe_count && mtu_probes[first] > env->config.max_datagram_size) {
        first++;
    }
    settings->no_pmtud = first == mtu_probe_count;
    settings->pmtud_probes = mtu_probes + first;
    settings->pmtud_probeslen = mtu_probe_count - first;
}

/* RFC 9000, section 18.2.  The values are iroh's but for the connection's window, which iroh leaves
 * open, and active_connection_id_limit: 4 is as many paths as ngtcp2 keeps, and bounds what a peer
 * can make us store. */
static void fill_params(ngtcp2_transport_params *params, const struct iq_endpoint_config *config)
{
    ngtcp2_transport_params_default(params);
    params->initial_max_streams_bidi = config->max_streams_bi;
    params->initial_max_streams_uni = config->max_streams_uni;
    params->initial_max_stream_data_bidi_local = config->stream_window;
    params->initial_max_stream_data_bidi_remote = config->stream_window;
    params->initial_max_stream_data_uni = config->stream_window;
    params->initial_max_data = config->conn_window;
    params->max_idle_timeout = config->idle_timeout_ms * NGTCP2_MILLISECONDS;
    params->max_datagram_frame_size = 65535;
    params->active_connection_id_limit = 4;
}

/* qlog */

static void write_qlog(void *user_data, uint32_t flags, const void *data, size_t len)
{
    const struct iq_conn *conn = user_data;

    if (len > 0) {
        conn->env->config.qlog->write(conn->qlog, data, len);
    }
}

/* Named after the id that the first packet of the connection was sent to, as it is everywhere. */
static void start_qlog(struct iq_conn *conn, ngtcp2_settings *settings, const ngtcp2_cid *dcid)
{
    const struct iq_qlog *qlog = conn->env->config.qlog;
    char name[64]; /* two digits for each of up to 20 bytes, and the side */
    size_t i;

    if (qlog == NULL) {
        return;
    }
    for (i = 0; i < dcid->datalen; i++) {
        (void)snprintf(name + 2 * i, sizeof(name) - 2 * i, "%02x", dcid->data[i]);
    }
    (void)snprintf(name + 2 * i, sizeof(name) - 2 * i, conn->dials ? "-connect" : "-accept");
    conn->qlog = qlog->open(name, qlog->arg);
    if (conn->qlog != NULL) {
        settings->qlog_write = write_qlog;
    }
}

static int start(struct iq_conn *conn, int rc)
{
    if (rc != 0) {
        conn->quic = NULL;
        return IQ_ERR_NOMEM;
    }
    ngtcp2_conn_set_keep_alive_timeout(conn->quic,
                                       conn->env->config.keep_alive_ms * NGTCP2_MILLISECONDS);
    iq_tls_attach(conn->tls, conn->quic);
    return 0;
}

int iq_quic_dial(struct iq_conn *conn, const struct iq_path *path, uint32_t timeout_ms)
{
    struct iq_quic_path quic_path;
    ngtcp2_settings settings;
    ngtcp2_transport_params params;
    ngtcp2_cid dcid, scid;

    iq_quic_path_from(&quic_path, path);
    iq_quic_random_cid(&dcid, NGTCP2_MAX_CIDLEN);
    iq_quic_random_cid(&scid, IQ_CID_LEN);
    fill_settings(&settings, conn->env, timeout_ms);
    start_qlog(conn, &settings, &dcid);
    fill_params(&params, &conn->env->config);
    if (iq_conn_add_cid(conn, &scid) != 0) {
        return IQ_ERR_NOMEM;
    }
    return start(conn, ngtcp2_conn_client_new(&conn->quic, &dcid, &scid, &quic_path.path,
                                              NGTCP2_PROTO_VER_V1, &iq_quic_callbacks, &settings,
                                              &params, NULL, conn));
}

int iq_quic_answer(struct iq_conn *conn, const struct iq_conn_initial *initial)
{
    const struct iq_conn_env *env = conn->env;
    struct iq_quic_path quic_path;
    ngtcp2_settings settings;
    ngtcp2_transport_params params;
    ngtcp2_cid scid;

    iq_quic_path_from(&quic_path, &initial->path);
    iq_quic_random_cid(&scid, IQ_CID_LEN);
    fill_settings(&settings, env, env->config.accept_timeout_ms);
    fill_params(&params, &env->config);
    params.original_dcid = initial->dcid;
    params.original_dcid_present = 1;
    if (initial->retried) {
        params.original_dcid = initial->original_dcid;
        params.retry_scid = initial->dcid;
        params.retry_scid_present = 1;
        settings.token = initial->token;
        settings.tokenlen = initial->token_len;
        settings.token_type = NGTCP2_TOKEN_TYPE_RETRY;
    }
    start_qlog(conn, &settings, &params.original_dcid);
    params.stateless_reset_token_present = 1;
    if (ngtcp2_crypto_generate_stateless_reset_token(params.stateless_reset_token,
                                                     env->reset_secret, sizeof(env->reset_secret),
                                                     &scid) != 0) {
        return IQ_ERR_CRYPTO;
    }
    if (iq_conn_add_cid(conn, &scid) != 0 || iq_conn_add_cid(conn, &initial->dcid) != 0) {
        return IQ_ERR_NOMEM;
    }
    return start(conn, ngtcp2_conn_server_new(&conn->quic, &initial->scid, &scid, &quic_path.path,
                                              initial->version, &iq_quic_callbacks, &settings,
                                              &params, NULL, conn));
}
