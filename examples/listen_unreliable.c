/*
 * iroh's example "listen-unreliable": listen.c with datagrams instead of streams.  Every datagram
 * is answered with one, until ^C.
 *
 * It prints the line that runs its other half, examples/connect_unreliable.c; iroh's
 * "connect-unreliable" does as well.
 */
#include <ev.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <iq/iq.h>

#define ALPN        "n0/iroh/examples/0"
#define MESSAGE_MAX 100

/* The peer may write anything; what a terminal would obey is shown in hex. */
static void print_received(struct iq_bytes message)
{
    printf("received: ");
    for (size_t i = 0; i < message.len; i++) {
        const unsigned char c = message.data[i];

        printf(c >= 0x20 && c < 0x7f ? "%c" : "\\x%02x", c);
    }
    printf("\n");
}

static void answer(struct iq_conn *guest, struct iq_bytes message)
{
    char reply[MESSAGE_MAX], id[IQ_ID_STR_SIZE];
    int rc;

    print_received(message);
    iq_id_str(iq_endpoint_id(iq_conn_endpoint(guest)), id);
    (void)snprintf(reply, sizeof(reply), "hi! you connected to %s. bye bye", id);
    rc = iq_conn_send_datagram(guest, reply, strlen(reply));
    if (rc != 0) {
        iq_conn_close(guest, 1, iq_strerror(rc));
    }
}

static const struct iq_protocol_handler host = {.on_datagram = answer};
static const struct iq_route routes[] = {{.alpn = ALPN, .handler = &host}, {0}};

/* Everything that somebody has to know who wants to connect.  `folder` is where this program is. */
static void print_invitation(const struct iq_addr *addr, const char *folder, int folder_len)
{
    char id[IQ_ID_STR_SIZE], text[IQ_SOCKET_ADDR_STR_SIZE];

    iq_id_str(&addr->id, id);
    printf("\nlisten (unreliable) example!\n\npublic key: %s\nendpoint id: %s\n", id, id);
    printf("endpoint listening addresses:\n");
    for (size_t i = 0; i < addr->count; i++) {
        printf("\t%s\n", iq_socket_addr_str(&addr->socket_addrs[i], text));
    }
    printf("\nin a separate terminal run:\n");
    printf("\t%.*sconnect_unreliable --endpoint-id %s --addrs \"", folder_len, folder, id);
    for (size_t i = 0; i < addr->count; i++) {
        printf("%s%s", i > 0 ? " " : "", iq_socket_addr_str(&addr->socket_addrs[i], text));
    }
    printf("\"\n\n");
}

static void leave(struct ev_loop *loop, ev_signal *watcher, int events)
{
    ev_signal_stop(loop, watcher); /* so that the next ^C ends the program at once */
    iq_router_shutdown(watcher->data, NULL, NULL);
}

int main(int argc, char **argv)
{
    struct ev_loop *loop = ev_default_loop(0);
    const char *name = argc > 0 ? strrchr(argv[0], '/') : NULL;
    struct iq_endpoint *endpoint;
    struct iq_router *router;
    ev_signal interrupt;
    int rc;

    if ((rc = iq_endpoint_bind(&endpoint, loop, NULL)) != 0 ||
        (rc = iq_router_spawn(&router, endpoint, routes)) != 0) {
        fprintf(stderr, "listen_unreliable: cannot start: %s\n", iq_strerror(rc));
        return 1;
    }
    (void)setvbuf(stdout, NULL, _IOLBF, 0); /* each line at once, into a pipe too */
    print_invitation(iq_endpoint_addr(endpoint), argv[0], name ? (int)(name + 1 - argv[0]) : 0);
    ev_signal_init(&interrupt, leave, SIGINT);
    interrupt.data = router;
    ev_signal_start(loop, &interrupt);
    ev_run(loop, 0);
    return fflush(stdout) == 0 ? 0 : 1;
}
