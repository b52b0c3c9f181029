/*
 * The inside of an endpoint, and what the world (wire.h) calls.
 *
 * When something has arrived, or a wake-up is due, the world gives the endpoint all the datagrams
 * that wait, and then it gives it one turn:
 *
 *     iq_endpoint_receive(endpoint, &datagrams);   as often as there are some
 *     iq_endpoint_turn(endpoint);
 *
 * Without anything to receive a turn is due at the time asked for with wake_at().
 */
#ifndef IQ_ENDPOINT_STATE_H
#define IQ_ENDPOINT_STATE_H

#include "conn_state.h"
#include "iq/endpoint.h"
#include "retry_token.h"
#include "wire.h"

struct iq_endpoint {
    struct iq_conn_env env;
    struct iq_id id;
    struct iq_addr addr; /* what iq_endpoint_addr() returned last */
    const struct iq_acceptor *acceptor;
    void *acceptor_data;
    struct iq_retry_secrets retry_secrets;
    struct iq_rate resets; /* stateless ones */
    bool closing;          /* iq_endpoint_close() was called */
    bool shutdown_told;    /* every handler has heard of it */
    void (*closed)(void *arg);
    void *closed_arg;
};

/* An endpoint on `wire`, which it closes at its end.  `config` may be NULL; its `bind` is not for
 * here.  IQ_ERR_INVALID_CONFIG, IQ_ERR_INVALID_CERT, IQ_ERR_NOMEM, IQ_ERR_CRYPTO. */
IQ_MUST_CHECK int iq_endpoint_new(struct iq_endpoint **endpoint, struct iq_wire *wire,
                                  const struct iq_endpoint_config *config);

/* Frees an endpoint that has no connections yet, and does not close the wire. */
void iq_endpoint_free(struct iq_endpoint *endpoint);

void iq_endpoint_receive(struct iq_endpoint *endpoint, const struct iq_datagrams *datagrams);

/* After IQ_ERR_AGAIN: there is room for more.  A turn follows. */
void iq_endpoint_writable(struct iq_endpoint *endpoint);

/* What wake_at() asked for has come, perhaps a little early.  A turn follows. */
void iq_endpoint_woken(struct iq_endpoint *endpoint);

/* May free the endpoint: then it has closed the wire. */
void iq_endpoint_turn(struct iq_endpoint *endpoint);

/* incoming.c: a datagram that belongs to no connection. */
void iq_endpoint_receive_stray(struct iq_endpoint *endpoint, const struct iq_datagrams *datagram);

#endif
