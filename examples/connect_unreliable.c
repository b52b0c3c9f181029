/*
 * iroh's example "connect-unreliable": connect.c with datagrams instead of a stream.  What is lost
 * stays lost, so it says hello again until it hears the answer:
 *     connect_unreliable --endpoint-id ID --addrs "ADDR:PORT ADDR:PORT ..."
 */
#include <ev.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include <iq/iq.h>

#define ALPN        "n0/iroh/examples/0"
#define MESSAGE_MAX 100

#define SECONDS_BETWEEN_HELLOS 1.0

static bool answered;

static void say_hello(struct iq_conn *conn)
{
    char message[MESSAGE_MAX], id[IQ_ID_STR_SIZE];
    int rc;

    iq_id_str(iq_endpoint_id(iq_conn_endpoint(conn)), id);
    (void)snprintf(message, sizeof(message), "%s is saying 'hello!'", id);
    rc = iq_conn_send_datagram(conn, message, strlen(message));
    if (rc != 0) {
        iq_conn_close(conn, 1, iq_strerror(rc));
    }
}

static void say_hello_again(struct ev_loop *loop, ev_timer *timer, int events)
{
    say_hello(timer->data);
}

static void start_to_say_hello(struct iq_conn *conn)
{
    ev_timer *timer = iq_conn_data(conn);

    timer->data = conn;
    ev_timer_again(ev_default_loop(0), timer);
    say_hello(conn);
}

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

static void hear_answer(struct iq_conn *conn, struct iq_bytes answer)
{
    answered = true;
    print_received(answer);
    iq_conn_close(conn, 0, NULL); /* one answer is enough */
}

static void hang_up(struct iq_conn *conn, const struct iq_close_reason *why)
{
    char text[IQ_CLOSE_REASON_STR_SIZE];

    if (!answered) {
        fprintf(stderr, "connect_unreliable: %s\n", iq_close_reason_str(why, text, sizeof(text)));
    }
    ev_timer_stop(ev_default_loop(0), iq_conn_data(conn));
    iq_endpoint_close(iq_conn_endpoint(conn), NULL, NULL);
}

static const struct iq_protocol_handler guest = {
    .on_connect = start_to_say_hello, .on_datagram = hear_answer, .on_closed = hang_up};

/* Splits `text` at its spaces. */
static bool read_addrs(struct iq_addr *addr, char *text)
{
    for (char *one = strtok(text, " "); one != NULL; one = strtok(NULL, " ")) {
        if (addr->count == IQ_ADDR_MAX ||
            iq_socket_addr_parse(&addr->socket_addrs[addr->count], one) != 0) {
            fprintf(stderr, "connect_unreliable: '%s' is one too many, or no ADDR:PORT\n", one);
            return false;
        }
        addr->count++;
    }
    return true;
}

/* iroh's "listen-unreliable" prints a --relay-url as well; it may stay, but there are no relays
 * here. */
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
            fprintf(stderr, "connect_unreliable: '%s' is not an endpoint id: 64 hex digits\n",
                    optarg);
            return false;
        }
        if (name == '?' || (name == 'a' && !read_addrs(addr, optarg))) {
            return false;
        }
        has_id |= name == 'i';
    }
    if (!has_id || addr->count == 0 || optind != argc) {
        fprintf(stderr, "usage: connect_unreliable --endpoint-id ID --addrs \"ADDR:PORT ...\"\n");
        return false;
    }
    return true;
}

static void print_ourselves(const struct iq_addr *addr)
{
    char id[IQ_ID_STR_SIZE], text[IQ_SOCKET_ADDR_STR_SIZE];

    iq_id_str(&addr->id, id);
    printf("\nconnect (unreliable) example!\n\npublic key: %s\nendpoint id: %s\n", id, id);
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
    ev_timer timer;
    int rc;

    if (!read_options(&peer, argc, argv)) {
        return 2;
    }
    ev_timer_init(&timer, say_hello_again, 0.0, SECONDS_BETWEEN_HELLOS);
    if ((rc = iq_endpoint_bind(&endpoint, loop, NULL)) == 0) {
        print_ourselves(iq_endpoint_addr(endpoint));
        rc = iq_endpoint_connect(endpoint, &peer, ALPN, &guest, &timer);
    }
    if (rc != 0) {
        fprintf(stderr, "connect_unreliable: cannot start: %s\n", iq_strerror(rc));
        return 1;
    }
    ev_run(loop, 0);
    return answered && fflush(stdout) == 0 ? 0 : 1;
}
