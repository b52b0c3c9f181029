/*
 * Clients that break the rules of HTTP/3 and QPACK, byte by byte: each learns which rule it was.
 * Among the rows are those that h3spec has for servers.
 */
#include <string.h>

#include <nghttp3/nghttp3.h>

#include "ask.h"

#define A_WHILE (20 * SIM_SECOND)

/* A string without its NUL, which may hold others. */
#define BYTES(text) .bytes = (text), .len = sizeof(text) - 1

/* What it takes to ask for the page: GET, https, / of the static table, and an authority. */
#define GET                                                                                        \
    "\x01\x08\0\0\xd1\xd7\xc1\x50\x01"                                                             \
    "a"
#define POST_ECHO                                                                                  \
    "\x01\x0e\0\0\xd4\xd7\x51\x05/echo\x50\x01"                                                    \
    "a"
#define SETTINGS "\0\x04\0" /* with the type of the control stream */

enum where { NOWHERE, REQUEST, UNI, SAME_UNI, THEIR_CONTROL };
enum outcome { CONN_ENDS, REQUEST_ENDS, RESPONDS };

/* From here on nghttp3 takes a malformed request for an error of the connection, as RFC 9114,
 * section 8, allows. */
#define STRICT_NGHTTP3 0x010b00

static const struct rule {
    const char *name;
    enum outcome outcome;
    uint64_t code;
    struct step {
        enum where where;
        const char *bytes;
        size_t len;
        enum { STAYS, ENDS, RESETS } end;
    } steps[3];
} rules[] = {
    {"a request", RESPONDS, 0, {{REQUEST, BYTES(GET), ENDS}}},
    {"with settings", RESPONDS, 0, {{UNI, BYTES(SETTINGS)}, {REQUEST, BYTES(GET), ENDS}}},
    {"unknown frames, settings and streams",
     RESPONDS,
     0,
     {{UNI, BYTES("\0\x04\x02\x21\x07\x21\x01?")},
      {UNI, BYTES("\x21junk")},
      {REQUEST, BYTES("\x21\x02??" GET "\x21\0"), ENDS}}},
    {"priorities, one of them in pieces",
     RESPONDS,
     0,
     {{UNI, BYTES(SETTINGS "\x80\x0f\x07\0\x04\0u=1\x80\x0f\x07\0\x44\0\0")},
      {SAME_UNI, BYTES("u=2,iiiiii")},
      {REQUEST, BYTES(GET), ENDS}}},
    {"trailers", RESPONDS, 0, {{REQUEST, BYTES(POST_ECHO "\0\x02hi\x01\x06\0\0\x21x\x01y"), ENDS}}},
    {"an empty DATA", RESPONDS, 0, {{REQUEST, BYTES(POST_ECHO "\0\0\0\x02hi\0\0"), ENDS}}},

    /* RFC 9114, section 4.1: frames of requests */
    {"DATA before HEADERS", CONN_ENDS, 0x105, {{REQUEST, BYTES("\0\x01x")}}},
    {"no HEADERS", CONN_ENDS, 0x105, {{REQUEST, BYTES("\x21\0"), ENDS}}},
    {"HEADERS after trailers",
     CONN_ENDS,
     0x105,
     {{REQUEST, BYTES(POST_ECHO "\x01\x06\0\0\x21x\x01y\x01\x06\0\0\x21x\x01y")}}},
    {"CANCEL_PUSH in a request", CONN_ENDS, 0x105, {{REQUEST, BYTES("\x03\x01\0")}}},
    {"SETTINGS in a request", CONN_ENDS, 0x105, {{REQUEST, BYTES(GET "\x04\0")}}},
    {"a PING of HTTP/2", CONN_ENDS, 0x105, {{REQUEST, BYTES(GET "\x06\0")}}},
    {"half a frame", CONN_ENDS, 0x106, {{REQUEST, BYTES(POST_ECHO "\0\x05hi"), ENDS}}},
    {"half a frame's head", CONN_ENDS, 0x106, {{REQUEST, BYTES(POST_ECHO "\0\x40"), ENDS}}},

    /* Sections 4.2 and 4.3: fields */
    {"a pseudo-header twice",
     REQUEST_ENDS,
     0x10e,
     {{REQUEST, BYTES("\x01\x09\0\0\xd1\xd1\xd7\xc1\x50\x01"
                      "a")}}},
    {"a pseudo-header missing",
     REQUEST_ENDS,
     0x10e,
     {{REQUEST, BYTES("\x01\x07\0\0\xd1\xd7\x50\x01"
                      "a")}}},
    {"a pseudo-header of responses",
     REQUEST_ENDS,
     0x10e,
     {{REQUEST, BYTES("\x01\x09\0\0\xd1\xd7\xc1\x50\x01"
                      "a\xd9")}}},
    {"a pseudo-header after fields",
     REQUEST_ENDS,
     0x10e,
     {{REQUEST, BYTES("\x01\x09\0\0\xd1\xd7\xdd\xc1\x50\x01"
                      "a")}}},
    {"a name in upper case",
     REQUEST_ENDS,
     0x10e,
     {{REQUEST, BYTES("\x01\x0c\0\0\xd1\xd7\xc1\x50\x01"
                      "a\x21X\x01y")}}},
    {"a field of HTTP/1",
     REQUEST_ENDS,
     0x10e,
     {{REQUEST, BYTES("\x01\x16\0\0\xd1\xd7\xc1\x50\x01"
                      "a\x27\x03"
                      "connection\x01y")}}},

    /* Section 6.2: the streams of one direction */
    {"no SETTINGS", CONN_ENDS, 0x10a, {{UNI, BYTES("\0\x0d\x01\0")}}},
    {"SETTINGS twice", CONN_ENDS, 0x105, {{UNI, BYTES(SETTINGS "\x04\0")}}},
    {"DATA on the control stream", CONN_ENDS, 0x105, {{UNI, BYTES(SETTINGS "\0\0")}}},
    {"HEADERS on the control stream", CONN_ENDS, 0x105, {{UNI, BYTES(SETTINGS "\x01\0")}}},
    {"a setting of HTTP/2", CONN_ENDS, 0x109, {{UNI, BYTES("\0\x04\x02\x02\0")}}},
    {"the control stream ends", CONN_ENDS, 0x104, {{UNI, BYTES(SETTINGS), ENDS}}},
    {"the control stream is reset",
     CONN_ENDS,
     0x104,
     {{UNI, BYTES(SETTINGS)}, {REQUEST, BYTES(GET), ENDS}, {SAME_UNI, BYTES(""), RESETS}}},
    {"the server's control stream is stopped", CONN_ENDS, 0x104, {{THEIR_CONTROL, BYTES("")}}},
    {"two control streams", CONN_ENDS, 0x103, {{UNI, BYTES(SETTINGS)}, {UNI, BYTES(SETTINGS)}}},
    {"a client that pushes", CONN_ENDS, 0x103, {{UNI, BYTES("\x01\0")}}},

    /* RFC 9204 */
    {"a static index beyond the table",
     CONN_ENDS,
     0x200,
     {{REQUEST, BYTES("\x01\x04\0\0\xff\x24")}}},
    {"a dynamic index without a table", CONN_ENDS, 0x200, {{REQUEST, BYTES("\x01\x03\x02\0\x80")}}},
    {"an insertion of a static index beyond the table",
     CONN_ENDS,
     0x201,
     {{UNI, BYTES("\x02\xff\x24\0")}}},
    {"a capacity above the limit", CONN_ENDS, 0x201, {{UNI, BYTES("\x02\x3f\xe2\x1f")}}},
    {"an increment by nothing", CONN_ENDS, 0x202, {{UNI, BYTES("\x03\0")}}},
    {"the encoder's stream ends", CONN_ENDS, 0x104, {{UNI, BYTES("\x02"), ENDS}}},
};

/* The client */

struct client {
    const struct rule *rule;
    struct iq_conn *conn; /* while it is open */
    unsigned next;        /* step */
    struct iq_stream *uni;
    struct iq_stream *their_control;
    bool session_closed, request_reset, responded;
    uint64_t code;
};

static void take_step(struct client *client, struct iq_conn *conn, const struct step *step)
{
    struct sim *sim = sim_node_of(iq_conn_endpoint(conn))->sim;
    struct iq_stream *stream = client->uni;

    if (step->where == THEIR_CONTROL) {
        iq_stream_stop(client->their_control, 0x10c);
        return;
    }
    if (step->where == REQUEST) {
        SIM_EXPECT(sim, watch_open_bi(&stream, conn) == 0);
    } else if (step->where == UNI) {
        SIM_EXPECT(sim, watch_open_uni(&stream, conn) == 0);
        client->uni = stream;
    }
    SIM_EXPECT(sim, iq_stream_write(stream, step->bytes, step->len) == step->len);
    if (step->end == ENDS) {
        iq_stream_finish(stream);
    } else if (step->end == RESETS) {
        iq_stream_reset(stream, 0x10c);
    }
}

/* One after the other, so that each arrives by itself. */
static void take_steps(struct sim *sim, void *arg)
{
    struct client *client = arg;

    if (client->conn != NULL && client->next < 3 &&
        client->rule->steps[client->next].where != NOWHERE) {
        take_step(client, client->conn, &client->rule->steps[client->next++]);
        sim_after(sim, SIM_SECOND, take_steps, client);
    }
}

/* Once what the server says at first is here. */
static void on_connect(struct iq_conn *conn)
{
    struct client *client = iq_conn_data(conn);

    client->conn = conn;
    sim_after(sim_node_of(iq_conn_endpoint(conn))->sim, SIM_SECOND, take_steps, client);
}

static void on_stream_ready(struct iq_stream *stream)
{
    struct client *client = iq_conn_data(iq_stream_conn(stream));
    struct iq_bytes in;

    if (iq_stream_id(stream) == 3) {
        client->their_control = stream;
    }
    for (in = iq_stream_peek(stream); in.len > 0; in = iq_stream_peek(stream)) {
        iq_stream_consume(stream, in.len);
    }
    client->responded = client->responded || (iq_stream_is_bi(stream) && iq_stream_at_end(stream));
}

static void on_stream_reset(struct iq_stream *stream, uint64_t code)
{
    struct client *client = iq_conn_data(iq_stream_conn(stream));

    client->request_reset = true;
    client->code = code;
}

static void on_closed(struct iq_conn *conn, const struct iq_close_reason *why)
{
    struct client *client = iq_conn_data(conn);

    client->conn = NULL;
    client->session_closed = true;
    client->code = why->how == IQ_CLOSED_BY_PEER ? why->code : 0;
}

static const struct iq_protocol_handler client_handler = {
    .on_connect = on_connect,
    .on_stream_ready = on_stream_ready,
    .on_stream_reset = on_stream_reset,
    .on_closed = on_closed,
};

static enum outcome wanted(const struct rule *rule)
{
    const bool strict = nghttp3_version(STRICT_NGHTTP3) != NULL;

    return rule->outcome == REQUEST_ENDS && strict ? CONN_ENDS : rule->outcome;
}

static bool came_out(const struct client *client)
{
    switch (wanted(client->rule)) {
    case CONN_ENDS:
        return client->session_closed && client->code == client->rule->code;
    case REQUEST_ENDS:
        return !client->session_closed && client->request_reset && !client->responded &&
               client->code == client->rule->code;
    case RESPONDS:
        return !client->session_closed && !client->request_reset && client->responded;
    }
    return false;
}

static void tell_rules(const struct sim_options *options)
{
    size_t i;

    for (i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        struct client client = {.rule = &rules[i]};
        struct ask_pair pair;
        struct iq_addr addr;

        ask_serve(&pair, options, NULL, NULL);
        addr = sim_addr(pair.pair.accepts);
        SIM_EXPECT(pair.pair.sim, watch_dial(NULL, pair.pair.dials, &addr, IQ_H3_ALPN,
                                             &client_handler, &client, NULL) == 0);
        sim_run_for(pair.pair.sim, A_WHILE);
        if (!came_out(&client)) {
            SIM_FAIL(pair.pair.sim, "%s: session closed %d, request reset %d, responded %d, %#llx",
                     rules[i].name, client.session_closed, client.request_reset, client.responded,
                     (unsigned long long)client.code);
        }
        sim_free(pair.pair.sim);
    }
}

const struct story h3_rule_stories[] = {
    {.name = "h3_rules", .run = tell_rules, .seeds = 2},
    {0},
};
