/*
 * Speaks with those on a list, and with nobody else.
 *
 *     allow_list              two of its own dial: a friend, who is on the list, and a stranger
 *     allow_list ID...        waits for these, until ^C
 *
 * An id cannot be forged: who gets as far as on_accepting holds its key.
 */
#include <ev.h>
#include <signal.h>
#include <stdio.h>

#include <iq/iq.h>

#define ALPN        "example/allow-list/0"
#define NOT_ALLOWED 403
#define ALLOWED_MAX 100

static struct iq_router *router;
static struct iq_id allowed[ALLOWED_MAX];
static size_t allowed_count;

/* The accept side */

static bool is_allowed(struct iq_conn *conn)
{
    for (size_t i = 0; i < allowed_count; i++) {
        if (iq_id_equal(&allowed[i], iq_conn_remote_id(conn))) {
            return true;
        }
    }
    iq_conn_close(conn, NOT_ALLOWED, "not allowed");
    return false;
}

/* Only those who are allowed come here, so nothing behind this has to ask again. */
static void welcome(struct iq_conn *conn)
{
    char id[IQ_ID_STR_SIZE];

    printf("welcome, %s\n", iq_id_str(iq_conn_remote_id(conn), id));
    iq_conn_close(conn, 0, "that was all");
}

static const struct iq_protocol_handler handler = {.on_accepting = is_allowed,
                                                   .on_accept = welcome};
static const struct iq_route routes[] = {{.alpn = ALPN, .handler = &handler}, {0}};

static void leave(struct ev_loop *loop, ev_signal *interrupt, int events)
{
    ev_signal_stop(loop, interrupt); /* so that the next ^C ends the program at once */
    iq_router_shutdown(router, NULL, NULL);
}

static void wait_for_guests(struct ev_loop *loop)
{
    static ev_signal interrupt;
    const struct iq_addr *addr = iq_endpoint_addr(iq_router_endpoint(router));
    char id[IQ_ID_STR_SIZE], text[IQ_SOCKET_ADDR_STR_SIZE];

    printf("endpoint id: %s\n", iq_id_str(&addr->id, id));
    for (size_t i = 0; i < addr->count; i++) {
        printf("listening on: %s\n", iq_socket_addr_str(&addr->socket_addrs[i], text));
    }
    ev_signal_init(&interrupt, leave, SIGINT);
    ev_signal_start(loop, &interrupt);
}

/* The connect side: one guest after the other, who do nothing but hear how it ends */

static struct guest {
    const char *name;
    struct iq_endpoint *endpoint;
} guests[] = {{.name = "friend"}, {.name = "stranger"}};

#define GUEST_COUNT (sizeof(guests) / sizeof(guests[0]))

static int dial(struct guest *guest);

static void go_on(void *gone)
{
    struct guest *next = (struct guest *)gone + 1;

    if (next == guests + GUEST_COUNT || dial(next) != 0) {
        iq_router_shutdown(router, NULL, NULL);
    }
}

static void hear(struct iq_conn *conn, const struct iq_close_reason *why)
{
    struct guest *guest = iq_conn_data(conn);
    char text[IQ_CLOSE_REASON_STR_SIZE];

    printf("%s: %s\n", guest->name, iq_close_reason_str(why, text, sizeof(text)));
    iq_endpoint_close(guest->endpoint, go_on, guest);
}

static int dial(struct guest *guest)
{
    static const struct iq_protocol_handler hearing = {.on_closed = hear};

    return iq_endpoint_connect(guest->endpoint, iq_endpoint_addr(iq_router_endpoint(router)), ALPN,
                               &hearing, guest);
}

static int start(struct ev_loop *loop)
{
    static const struct iq_endpoint_config on_loopback = {.bind = {"127.0.0.1:0"}};
    const bool others_come = allowed_count > 0;
    struct iq_endpoint *endpoint;
    int rc;

    if ((rc = iq_endpoint_bind(&endpoint, loop, others_come ? NULL : &on_loopback)) != 0 ||
        (rc = iq_router_spawn(&router, endpoint, routes)) != 0) {
        return rc;
    }
    if (others_come) {
        wait_for_guests(loop);
        return 0;
    }
    for (size_t i = 0; i < GUEST_COUNT && rc == 0; i++) {
        rc = iq_endpoint_bind(&guests[i].endpoint, loop, &on_loopback);
    }
    if (rc != 0) {
        return rc;
    }
    allowed[allowed_count++] = *iq_endpoint_id(guests[0].endpoint);
    return dial(&guests[0]);
}

int main(int argc, char **argv)
{
    struct ev_loop *loop = ev_default_loop(0);
    int rc;

    for (int i = 1; i < argc; i++) {
        if (allowed_count == ALLOWED_MAX || iq_id_parse(&allowed[allowed_count++], argv[i]) != 0) {
            fprintf(stderr, "allow_list: '%s' is one too many, or not an id: 64 hex digits\n",
                    argv[i]);
            return 2;
        }
    }
    (void)setvbuf(stdout, NULL, _IOLBF, 0); /* each line at once, into a pipe too */
    if ((rc = start(loop)) != 0) {
        fprintf(stderr, "allow_list: cannot start: %s\n", iq_strerror(rc));
        return 1;
    }
    ev_run(loop, 0);
    return fflush(stdout) == 0 ? 0 : 1;
}
