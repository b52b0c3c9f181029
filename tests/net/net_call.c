/* Those who echo, and those who call. */
#include "net.h"

/* The side that echoes */

static void echo_accept(struct iq_conn *conn)
{
    struct net_node *node = iq_conn_data(conn);

    node->accepted_count++;
    node->conn = conn;
    node->accepted_from = *iq_conn_remote_addr(conn);
    node->accepted_at = *iq_conn_local_addr(conn);
}

void net_echo_stream(struct iq_stream *stream)
{
    size_t sent;

    do {
        const struct iq_bytes in = iq_stream_peek(stream);

        sent = iq_stream_write(stream, in.data, in.len);
        iq_stream_consume(stream, sent);
    } while (sent > 0);
    if (iq_stream_at_end(stream)) {
        iq_stream_finish(stream);
    }
}

static void echo_closed(struct iq_conn *conn, const struct iq_close_reason *why)
{
    struct net_node *node = iq_conn_data(conn);

    node->hung_up_count++;
    node->conn = NULL;
    node->hung_up_from = *iq_conn_remote_addr(conn);
}

void net_echo(struct net_node *node)
{
    static const struct iq_protocol_handler handler = {
        .on_accept = echo_accept, .on_stream_ready = net_echo_stream, .on_closed = echo_closed};
    const struct iq_route routes[] = {{.alpn = NET_ALPN, .handler = &handler, .data = node}, {0}};
    struct iq_router *router;

    assert_int_equal(iq_router_spawn(&router, node->endpoint, routes), 0);
    assert_ptr_equal(iq_router_endpoint(router), node->endpoint);
}

struct net_node *net_listen(struct net *net, const char *bind)
{
    struct net_node *node = net_bind(net, bind);

    net_echo(node);
    return node;
}

/* The side that calls */

static uint8_t pattern(uint64_t offset)
{
    return (uint8_t)(offset * 7 + (offset >> 8) * 13 + (offset >> 16) * 29);
}

static void send_pattern(struct net_call *call, struct iq_stream *stream)
{
    uint8_t chunk[16384];
    size_t len, sent;

    do {
        len = call->len - call->sent < sizeof(chunk) ? (size_t)(call->len - call->sent)
                                                     : sizeof(chunk);
        for (size_t i = 0; i < len; i++) {
            chunk[i] = pattern(call->sent + i);
        }
        sent = iq_stream_write(stream, chunk, len);
        call->sent += sent;
    } while (len > 0 && sent == len);
    if (call->sent == call->len) {
        iq_stream_finish(stream);
    }
}

static void call_connect(struct iq_conn *conn)
{
    struct net_call *call = iq_conn_data(conn);
    struct iq_stream *stream;

    call->connected_count++;
    call->conn = conn;
    call->local_addr = *iq_conn_local_addr(conn);
    call->remote_addr = *iq_conn_remote_addr(conn);
    assert_int_equal(iq_conn_open_bi(&stream, conn), 0);
    send_pattern(call, stream);
}

static bool is_pattern(uint64_t offset, const struct iq_bytes *in)
{
    for (size_t i = 0; i < in->len; i++) {
        if (in->data[i] != pattern(offset + i)) {
            return false;
        }
    }
    return true;
}

static void call_ready(struct iq_stream *stream)
{
    struct net_call *call = iq_conn_data(iq_stream_conn(stream));
    struct iq_bytes in = iq_stream_peek(stream);

    for (; in.len > 0; in = iq_stream_peek(stream)) {
        assert_true(is_pattern(call->received, &in));
        call->received += in.len;
        iq_stream_consume(stream, in.len);
    }
    send_pattern(call, stream);
    if (iq_stream_at_end(stream)) {
        call->is_equal = call->received == call->len;
        if (!call->stays) {
            iq_conn_close(iq_stream_conn(stream), 0, "bye!");
        }
        if (call->echoed != NULL) {
            call->echoed(call, call->arg);
        }
    }
}

void net_note_end(struct net_call *call, const struct iq_close_reason *why)
{
    call->closed_count++;
    call->conn = NULL;
    call->how = why->how;
    call->code = why->code;
    (void)snprintf(call->reason, sizeof(call->reason), "%s", why->text);
}

static void call_closed(struct iq_conn *conn, const struct iq_close_reason *why)
{
    struct net_call *call = iq_conn_data(conn);

    net_note_end(call, why);
    if (call->closed != NULL) {
        call->closed(call, call->arg);
    }
    if (--call->net->calls_open == 0) {
        net_end(call->net);
    }
}

const struct iq_protocol_handler net_call_handler = {
    .on_connect = call_connect, .on_stream_ready = call_ready, .on_closed = call_closed};

void net_dial_alpn(struct net_call *call, const struct net_node *from, const struct iq_addr *to,
                   const char *alpn)
{
    call->net = from->net;
    call->net->calls_open++;
    assert_int_equal(iq_endpoint_connect(from->endpoint, to, alpn, &net_call_handler, call), 0);
}

void net_dial(struct net_call *call, const struct net_node *from, const struct iq_addr *to)
{
    net_dial_alpn(call, from, to, NET_ALPN);
}

bool net_is_done(const struct net_call *call)
{
    return call->connected_count == 1 && call->is_equal && call->closed_count == 1 &&
           call->how == IQ_CLOSED_BY_US && call->code == 0 && strcmp(call->reason, "bye!") == 0;
}
