/*
 * iroh's example "connect": says hello to a "listen", ours or iroh's, and prints what it answers:
 *     connect --endpoint-id ID --addrs "ADDR:PORT ADDR:PORT ..."
 */
#include <ev.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include <iq/iq.h>

#define ALPN        "n0/iroh/examples/0"
#define MESSAGE_MAX 100

static bool answered;

static void say_hello(struct iq_conn *conn)
{
    char message[MESSAGE_MAX], id[IQ_ID_STR_SIZE];
    struct iq_stream *stream;

    if (iq_conn_open_bi(&stream, conn) != 0) {
        iq_conn_close(conn, 1, "no stream");
        return;
    }
    iq_id_str(iq_endpoint_id(iq_conn_endpoint(conn)), id);
    (void)snprintf(message, sizeof(message), "%s is saying 'hello!'", id);
    iq_stream_write(stream, message, strlen(message));
    iq_stream_finish(stream);
}

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

static void hear_answer(struct iq_stream *stream)
{
    struct iq_conn *conn = iq_stream_conn(stream);
    char message[MESSAGE_MAX];
    size_t len;
    int rc = iq_stream_read_to_end(stream, message, sizeof(message), &len);

    if (rc == IQ_ERR_AGAIN) {
        return;
    }
    if (rc != 0) {
        iq_conn_close(conn, 1, "expected an answer of at most 100 bytes");
        return;
    }
    answered = true;
    print_received(message, len);
    iq_endpoint_close(iq_conn_endpoint(conn), NULL, NULL); /* we heard the last word, so we close */
}

static void hang_up(struct iq_conn *conn, const struct iq_close_reason *why)
{
    char text[IQ_CLOSE_REASON_STR_SIZE];

    if (!answered) {
        fprintf(stderr, "connect: %s\n", iq_close_reason_str(why, text, sizeof(text)));
    }
    iq_endpoint_close(iq_conn_endpoint(conn), NULL, NULL);
}

static const struct iq_protocol_handler guest = {
    .on_connect = say_hello, .on_stream_ready = hear_answer, .on_closed = hang_up};

/* Splits `text` at its spaces. */
static bool read_addrs(struct iq_addr *addr, char *text)
{
    for (char *one = strtok(text, " "); one != NULL; one = strtok(NULL, " ")) {
        if (addr->count == IQ_ADDR_MAX ||
            iq_socket_addr_parse(&addr->socket_addrs[addr->count], one) != 0) {
            fprintf(stderr, "connect: '%s' is one too many, or no ADDR:PORT\n", one);
            return false;
        }
        addr->count++;
    }
    return true;
}

/* iroh's "listen" prints a --relay-url as well; it may stay, but there are no relays here. */
static bool read_options(struct iq_addr *addr, int argc, char **argv)
{
    static const struct option names[] = {{"endpoint-id", required_argument, NULL, 'i'},
                                          {"addrs", required_argument, NULL, 'a'},
                                          {"relay-url", required_argument, NULL, 'r'},
                                          {0}};
    bool has_id = false;
    int name;

    while ((name = getopt_long(argc, argv, "", names, NULL)) != -1) {
        if (name == 'i' && iq_id_parse(&addr->id, optarg) != 0) {
            fprintf(stderr, "connect: '%s' is not an endpoint id: 64 hex digits\n", optarg);
            return false;
        }
        if (name == '?' || (name == 'a' && !read_addrs(addr, optarg))) {
            return false;
        }
        has_id |= name == 'i';
    }
    if (!has_id || addr->count == 0 || optind != argc) {
        fprintf(stderr, "usage: connect --endpoint-id ID --addrs \"ADDR:PORT ...\"\n");
        return false;
    }
    return true;
}

static void print_ourselves(const struct iq_addr *addr)
{
    char id[IQ_ID_STR_SIZE], text[IQ_SOCKET_ADDR_STR_SIZE];

    iq_id_str(&addr->id, id);
    printf("\nconnect example!\n\npublic key: %s\nendpoint id: %s\n", id, id);
    printf("endpoint listening addresses:\n");
    for (size_t i = 0; i < addr->count; i++) {
        printf("\t%s\n", iq_socket_addr_str(&addr->socket_addrs[i], text));
    }
    printf("\n");
}

int main(int argc, char **argv)
{
    struct ev_loop *loop = ev_default_loop(0);
    struct iq_endpoint *endpoint;
    struct iq_addr peer = {0};
    int rc;

    if (!read_options(&peer, argc, argv)) {
        return 2;
    }
    if ((rc = iq_endpoint_bind(&endpoint, loop, NULL)) == 0) {
        print_ourselves(iq_endpoint_addr(endpoint));
        rc = iq_endpoint_connect(endpoint, &peer, ALPN, &guest, NULL);
    }
    if (rc != 0) {
        fprintf(stderr, "connect: cannot start: %s\n", iq_strerror(rc));
        return 1;
    }
    ev_run(loop, 0);
    return answered && fflush(stdout) == 0 ? 0 : 1;
}
