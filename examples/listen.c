/*
 * iroh's example "listen": greets everybody who connects, until ^C.
 *
 * It prints the line that runs its other half, examples/connect.c; iroh's "connect" does as well.
 */
#include <ev.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <iq/iq.h>

#define ALPN        "n0/iroh/examples/0"
#define MESSAGE_MAX 100

/* The peer may write anything; what a terminal would obey is shown in hex. */
static void print_received(const char *text, size_t len)
{
    printf("received: ");
    for (size_t i = 0; i < len; i++) {
        const unsigned char c = (unsigned char)text[i];

        printf(c >= 0x20 && c < 0x7f ? "%c" : "\\x%02x", c);
    }
    printf("\n");
}

/* A guest is a connection and a timer, which runs once the guest has its answer. */

static void lose_patience(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct iq_conn *guest = timer->data;
    char id[IQ_ID_STR_SIZE];

    printf("endpoint %s did not disconnect within 3 seconds\n",
           iq_id_str(iq_conn_remote_id(guest), id));
    iq_conn_close(guest, 0, NULL);
}

static void welcome(struct iq_conn *guest)
{
    ev_timer *timer = malloc(sizeof(*timer));

    if (timer == NULL) {
        iq_conn_close(guest, 1, "out of memory");
        return;
    }
    ev_timer_init(timer, lose_patience, 3.0, 0.0);
    timer->data = guest;
    iq_conn_set_data(guest, timer);
}

static void answer(struct iq_stream *stream)
{
    struct iq_conn *guest = iq_stream_conn(stream);
    char message[MESSAGE_MAX], reply[MESSAGE_MAX], id[IQ_ID_STR_SIZE];
    ev_timer *timer = iq_conn_data(guest);
    size_t len;
    int rc;

    if (ev_is_active(timer)) {
        return; /* it has its answer; one is all that a guest gets */
    }
    rc = iq_stream_read_to_end(stream, message, sizeof(message), &len);
    if (rc == IQ_ERR_AGAIN) {
        return;
    }
    if (rc != 0) {
        iq_conn_close(guest, 1, "expected a message of at most 100 bytes");
        return;
    }
    print_received(message, len);
    iq_id_str(iq_endpoint_id(iq_conn_endpoint(guest)), id);
    len = (size_t)snprintf(reply, sizeof(reply), "hi! you connected to %s. bye bye", id);
    iq_stream_write(stream, reply, len);
    iq_stream_finish(stream);
    /* The last word was ours, and is lost if we close now: the guest closes when it has heard it.
     */
    ev_timer_start(ev_default_loop(0), timer);
}

static void see_off(struct iq_conn *guest, const struct iq_close_reason *why)
{
    char id[IQ_ID_STR_SIZE], text[IQ_CLOSE_REASON_STR_SIZE];
    ev_timer *timer = iq_conn_data(guest);

    if (timer == NULL) {
        return;
    }
    if (ev_is_active(timer) && why->how != IQ_CLOSED_BY_PEER && why->how != IQ_CLOSED_BY_US) {
        printf("endpoint %s disconnected with an error: %s\n",
               iq_id_str(iq_conn_remote_id(guest), id),
               iq_close_reason_str(why, text, sizeof(text)));
    }
    ev_timer_stop(ev_default_loop(0), timer);
    free(timer);
}

static const struct iq_protocol_handler host = {
    .on_accept = welcome, .on_stream_ready = answer, .on_closed = see_off};
static const struct iq_route routes[] = {{.alpn = ALPN, .handler = &host}, {0}};

/* Everything that somebody has to know who wants to connect.  `folder` is where this program is. */
static void print_invitation(const struct iq_addr *addr, const char *folder, int folder_len)
{
    char id[IQ_ID_STR_SIZE], text[IQ_SOCKET_ADDR_STR_SIZE];

    iq_id_str(&addr->id, id);
    printf("\nlisten example!\n\npublic key: %s\nendpoint id: %s\n", id, id);
    printf("endpoint listening addresses:\n");
    for (size_t i = 0; i < addr->count; i++) {
        printf("\t%s\n", iq_socket_addr_str(&addr->socket_addrs[i], text));
    }
    printf("\nin a separate terminal run:\n");
    printf("\t%.*sconnect --endpoint-id %s --addrs \"", folder_len, folder, id);
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
        fprintf(stderr, "listen: cannot start: %s\n", iq_strerror(rc));
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
