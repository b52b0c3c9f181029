/*
 * HTTP/3 in stories: the program's own server (src/h3_echo.c), and a client that asks it for
 * something, any number of times, and compares what comes back.
 *
 * The watch does not stand between: it knows connections, and here the library's own protocol is
 * what hears of them.
 */
#ifndef SIM_ASK_H
#define SIM_ASK_H

#include "h3_echo.h"
#include "iq/h3.h"
#include "story.h"

struct ask {
    /* What is wanted */
    struct iq_h3_question question;
    uint64_t len;   /* of each body */
    unsigned count; /* of requests in all; 0: one */
    unsigned at_once;
    bool stay;          /* does not close at the end */
    bool never_read;    /* but writes on */
    uint64_t cancel_at; /* gives each request up once it has read so much; 0: never */

    /* What became of it */
    struct sim *sim;
    struct iq_h3_session *session; /* NULL before it is open, and after its end */
    struct iq_h3_request *request; /* the latest; NULL once it has closed */
    unsigned opened, open_now, responded, echoed, closed;
    int status;    /* of the latest response */
    uint64_t sent; /* of all bodies */
    uint64_t received;
    uint64_t code;      /* with which the latest request has closed */
    uint64_t field_len; /* of the latest response: its content-length */
    bool session_closed;
    enum iq_close_how how;
    uint64_t session_code;
};

/* A pair of endpoints, of which one serves HTTP/3, and the plain echo beside it. */
struct ask_pair {
    struct story_pair pair;
    struct h3_echo echo;
    struct iq_h3_app app;
    struct iq_route routes[3];
};

void ask_serve(struct ask_pair *self, const struct sim_options *options,
               const struct iq_endpoint_config *dials, const struct iq_endpoint_config *accepts);

/* Another server than that of the program. */
void ask_serve_with(struct ask_pair *self, const struct sim_options *options,
                    const struct iq_h3_handler *handler, void *data);

/* Dials; `ask` must live until the session has closed. */
void ask_dial(struct ask *ask, struct ask_pair *pair);

/* Makes as many requests as are wanted, and there is room for. */
void ask_more(struct ask *ask);

/* Reads and writes on: after `never_read` was changed. */
void ask_go_on(struct ask *ask);

/* Dials, runs until the session has closed, and expects that all bodies came back. */
void ask_all(struct ask *ask, struct ask_pair *pair, uint64_t limit_ns);
void ask_expect_done(const struct ask *ask);

#endif
