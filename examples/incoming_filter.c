/*
 * iroh's example "incoming-filter": an echo for peers who have proven their address.
 *
 * Nothing but the first datagram has come, and its sender's address may be forged.  The filter
 * sends it back with a token (RFC 9000, section 8.1.2), and only who returns with it costs us
 * memory and a handshake.  Runs until ^C.
 */
#include <ev.h>
#include <signal.h>
#include <stdio.h>

#include <iq/iq.h>

#define ALPN "iroh-example/incoming-filter/0"

static void validate(struct iq_incoming *incoming, void *data)
{
    char text[IQ_SOCKET_ADDR_STR_SIZE];

    iq_socket_addr_str(iq_incoming_remote_addr(incoming), text);
    if (iq_incoming_is_validated(incoming)) {
        printf("%s is validated\n", text); /* undecided: the router accepts it */
        return;
    }
    printf("%s has to come back\n", text);
    if (iq_incoming_retry(incoming) != 0) {
        iq_incoming_refuse(incoming);
    }
}

/* The peer closes when it has its echo: closing here would lose what is still on its way. */
static void echo(struct iq_stream *stream)
{
    size_t sent;

    do {
        struct iq_bytes in = iq_stream_peek(stream);
        sent = iq_stream_write(stream, in.data, in.len);
        iq_stream_consume(stream, sent);
    } while (sent > 0);

    if (iq_stream_at_end(stream)) {
        iq_stream_finish(stream);
    }
}

static const struct iq_protocol_handler handler = {.on_stream_ready = echo};
static const struct iq_route routes[] = {{.alpn = ALPN, .handler = &handler}, {0}};

static void leave(struct ev_loop *loop, ev_signal *interrupt, int events)
{
    ev_signal_stop(loop, interrupt); /* so that the next ^C ends the program at once */
    iq_router_shutdown(interrupt->data, NULL, NULL);
}

static void print_ourselves(const struct iq_addr *addr)
{
    char id[IQ_ID_STR_SIZE], text[IQ_SOCKET_ADDR_STR_SIZE];

    printf("Node ID: %s\nListening on:", iq_id_str(&addr->id, id));
    for (size_t i = 0; i < addr->count; i++) {
        printf(" %s", iq_socket_addr_str(&addr->socket_addrs[i], text));
    }
    printf("\nAll direct connections require address validation via retry.\n\n");
}

int main(void)
{
    struct ev_loop *loop = ev_default_loop(0);
    struct iq_endpoint *endpoint;
    struct iq_router *router;
    ev_signal interrupt;
    int rc;

    if ((rc = iq_endpoint_bind(&endpoint, loop, NULL)) != 0 ||
        (rc = iq_router_spawn(&router, endpoint, routes)) != 0) {
        fprintf(stderr, "incoming_filter: cannot start: %s\n", iq_strerror(rc));
        return 1;
    }
    iq_router_set_filter(router, validate, NULL);
    (void)setvbuf(stdout, NULL, _IOLBF, 0); /* each line at once, into a pipe too */
    print_ourselves(iq_endpoint_addr(endpoint));
    ev_signal_init(&interrupt, leave, SIGINT);
    interrupt.data = router;
    ev_signal_start(loop, &interrupt);
    ev_run(loop, 0);
    return fflush(stdout) == 0 ? 0 : 1;
}
