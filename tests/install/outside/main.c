/* A program that knows iq only as it is installed. */
#include <stdio.h>

#include <ev.h>
#include <iq/iq.h>

static bool connected;

static void on_connect(struct iq_conn *conn)
{
    connected = true;
    iq_conn_close(conn, 0, "done");
}

static void shut_down(void *router) { iq_router_shutdown(router, NULL, NULL); }

static void on_closed(struct iq_conn *conn, const struct iq_close_reason *why)
{
    iq_endpoint_close(iq_conn_endpoint(conn), shut_down, iq_conn_data(conn));
}

int main(void)
{
    static const struct iq_protocol_handler accepting = {0};
    static const struct iq_protocol_handler dialling = {.on_connect = on_connect,
                                                        .on_closed = on_closed};
    static const struct iq_route routes[] = {{.alpn = "outside/0", .handler = &accepting}, {0}};
    static const struct iq_endpoint_config config = {.bind = {"127.0.0.1:0"}};
    struct ev_loop *loop = ev_default_loop(0);
    struct iq_endpoint *here, *there;
    struct iq_router *router;

    if (iq_endpoint_bind(&there, loop, &config) != 0 ||
        iq_router_spawn(&router, there, routes) != 0 ||
        iq_endpoint_bind(&here, loop, &config) != 0 ||
        iq_endpoint_connect(here, iq_endpoint_addr(there), "outside/0", &dialling, router) != 0) {
        return 1;
    }
    ev_run(loop, 0);
    puts(connected ? "dialled and closed" : "not connected");
    return connected ? 0 : 1;
}
