/* The end of an endpoint of the peer, whichever side has it. */
#include <stdio.h>

#include "peer.h"

static const struct iq_protocol_handler nothing;

static void say_gone(void *arg) { printf("{\"event\":\"gone\"}\n"); }

static void say_failed(const char *event, int rc)
{
    printf("{\"event\":\"%s\",\"error\":\"%s\"}\n", event, iq_strerror(rc));
}

void peer_end(struct iq_conn *conn)
{
    struct iq_endpoint *endpoint = iq_conn_endpoint(conn);
    struct iq_addr addr = {.id = *iq_conn_remote_id(conn), .count = 1};
    int rc = iq_endpoint_close(endpoint, say_gone, NULL);

    if (rc != 0) {
        peer_die("close", iq_strerror(rc));
    }
    say_failed("closed twice", iq_endpoint_close(endpoint, say_gone, NULL));
    addr.socket_addrs[0] = *iq_conn_remote_addr(conn);
    say_failed("not dialled",
               iq_endpoint_connect(endpoint, &addr, iq_conn_alpn(conn), &nothing, NULL));
}
