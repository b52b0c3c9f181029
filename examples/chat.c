/*
 * A chat: your lines go to the peer and its lines come to you, until both of you have ended.
 *
 *     chat            listens, and prints how to connect to it
 *     chat ID ADDR    connects
 *
 * Each side sends on a stream of its own, so that either can speak first.  A slow terminal or pipe
 * needs no state: what it cannot take stays unread in the peer's stream, and what the peer cannot
 * take stays on our standard input.
 */
#include <ev.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include <iq/iq.h>

#define ALPN "example/chat/0"

static struct {
    struct iq_endpoint *endpoint;
    struct iq_conn *conn;
    struct iq_stream *ours, *theirs; /* ours until it is finished */
    ev_io input, output;
    ev_signal interrupt;
    char typed[4096]; /* read, but not sent yet: `sent` to `len` */
    size_t sent, len;
    bool dials, typed_all, heard_all, complete;
} chat;

/* The accept side ends last, when it has heard everything.  So it is the connect side that hears
 * the last word, and can close without cutting anybody short. */
static void end_if_over(void)
{
    if (chat.ours != NULL && chat.typed_all && (chat.dials || chat.heard_all)) {
        iq_stream_finish(chat.ours);
        chat.ours = NULL;
    }
    if (chat.typed_all && chat.heard_all && chat.dials) {
        iq_conn_close(chat.conn, 0, NULL);
    }
}

static void send_typed(void)
{
    chat.sent += iq_stream_write(chat.ours, chat.typed + chat.sent, chat.len - chat.sent);
    if (chat.sent == chat.len && !chat.typed_all) {
        ev_io_start(ev_default_loop(0), &chat.input);
    } else {
        ev_io_stop(ev_default_loop(0), &chat.input);
    }
}

static void read_typed(struct ev_loop *loop, ev_io *input, int events)
{
    ssize_t len = read(STDIN_FILENO, chat.typed, sizeof(chat.typed));

    chat.sent = 0;
    chat.len = len > 0 ? (size_t)len : 0;
    chat.typed_all = len <= 0;
    send_typed();
    end_if_over();
}

/* Nothing of the peer's may speak to the terminal.  Letters beyond ASCII pass, in UTF-8, but not
 * its control characters: U+0080 to U+009F, which are 0xc2 and one byte more. */
static void show_byte(unsigned char c)
{
    static unsigned char before;
    const bool is_control = c < ' ' || c == 0x7f || (c >= 0x80 && c < 0xa0 && before == 0xc2);

    printf(is_control && c != '\n' && c != '\t' ? "\\x%02x" : "%c", c);
    before = c;
}

/* Runs when standard output takes more: the whole of back-pressure. */
static void show_heard(struct ev_loop *loop, ev_io *output, int events)
{
    struct iq_bytes in = iq_stream_peek(chat.theirs);
    size_t i;

    for (i = 0; i < in.len && i < 1000; i++) { /* what a pipe takes at once, even if all is \xNN */
        show_byte(in.data[i]);
    }
    if (fflush(stdout) != 0) {
        iq_conn_close(chat.conn, 1, "cannot show what you write");
        return;
    }
    iq_stream_consume(chat.theirs, i);
    if (iq_stream_peek(chat.theirs).len == 0) {
        ev_io_stop(loop, output);
    }
}

static void begin(struct iq_conn *conn)
{
    if (chat.conn != NULL || iq_conn_open_uni(&chat.ours, conn) != 0) {
        iq_conn_close(conn, 1, "busy");
        return;
    }
    chat.conn = conn;
    ev_io_start(ev_default_loop(0), &chat.input);
}

static void stream_ready(struct iq_stream *stream)
{
    if (stream == chat.ours) {
        send_typed();
    } else if (chat.theirs == NULL || stream == chat.theirs) {
        chat.theirs = stream;
        ev_io_start(ev_default_loop(0), &chat.output);
    } /* else it has a second one, which nobody reads */
}

/* The end of the peer's stream, once everything was shown; or of either before its time. */
static void stream_closed(struct iq_stream *stream)
{
    if (stream == chat.theirs) {
        ev_io_stop(ev_default_loop(0), &chat.output);
        chat.theirs = NULL;
        chat.heard_all |= iq_stream_at_end(stream);
    }
    if (stream == chat.ours || !(chat.heard_all || iq_stream_is_ours(stream))) {
        iq_conn_close(iq_stream_conn(stream), 1, "a stream ended early");
    } else {
        end_if_over();
    }
}

static void end(struct iq_conn *conn, const struct iq_close_reason *why)
{
    char text[IQ_CLOSE_REASON_STR_SIZE];

    if (conn != chat.conn && !chat.dials) {
        return; /* we are busy with another */
    }
    ev_io_stop(ev_default_loop(0), &chat.input);
    ev_io_stop(ev_default_loop(0), &chat.output);
    ev_signal_stop(ev_default_loop(0), &chat.interrupt);
    chat.complete = chat.typed_all && chat.heard_all && why->code == 0 &&
                    why->how == (chat.dials ? IQ_CLOSED_BY_US : IQ_CLOSED_BY_PEER);
    if (!chat.complete) {
        fprintf(stderr, "chat: %s\n", iq_close_reason_str(why, text, sizeof(text)));
    }
    iq_endpoint_close(chat.endpoint, NULL, NULL);
}

static const struct iq_protocol_handler handler = {.on_accept = begin,
                                                   .on_connect = begin,
                                                   .on_stream_ready = stream_ready,
                                                   .on_stream_closed = stream_closed,
                                                   .on_closed = end};

static int listen_for_peer(void)
{
    static const struct iq_route routes[] = {{.alpn = ALPN, .handler = &handler}, {0}};
    const struct iq_addr *addr = iq_endpoint_addr(chat.endpoint);
    char id[IQ_ID_STR_SIZE], text[IQ_SOCKET_ADDR_STR_SIZE];
    struct iq_router *router;

    for (size_t i = 0; i < addr->count; i++) {
        fprintf(stderr, "%s chat %s %s\n", i == 0 ? "chat: the peer runs" : "chat: or",
                iq_id_str(&addr->id, id), iq_socket_addr_str(&addr->socket_addrs[i], text));
    }
    return iq_router_spawn(&router, chat.endpoint, routes);
}

static void leave(struct ev_loop *loop, ev_signal *interrupt, int events)
{
    ev_signal_stop(loop, interrupt);
    iq_endpoint_close(chat.endpoint, NULL, NULL);
}

int main(int argc, char **argv)
{
    struct ev_loop *loop = ev_default_loop(0);
    struct iq_addr peer = {.count = 1};
    int rc;

    chat.dials = argc == 3;
    if (argc != 1 && (argc != 3 || iq_id_parse(&peer.id, argv[1]) != 0 ||
                      iq_socket_addr_parse(&peer.socket_addrs[0], argv[2]) != 0)) {
        fprintf(stderr, "usage: chat [ID ADDR:PORT]\n");
        return 2;
    }
    if ((rc = iq_endpoint_bind(&chat.endpoint, loop, NULL)) != 0 ||
        (rc = chat.dials ? iq_endpoint_connect(chat.endpoint, &peer, ALPN, &handler, NULL)
                         : listen_for_peer()) != 0) {
        fprintf(stderr, "chat: cannot start: %s\n", iq_strerror(rc));
        return 1;
    }
    (void)signal(SIGPIPE, SIG_IGN); /* fflush() tells */
    ev_io_init(&chat.input, read_typed, STDIN_FILENO, EV_READ);
    ev_io_init(&chat.output, show_heard, STDOUT_FILENO, EV_WRITE);
    ev_signal_init(&chat.interrupt, leave, SIGINT);
    ev_signal_start(loop, &chat.interrupt);
    ev_run(loop, 0);
    return chat.complete ? 0 : 1;
}
