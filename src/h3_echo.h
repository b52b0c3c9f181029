/*
 * The echo over HTTP/3: POST /echo sends the body back.
 *
 *     curl --http3-only -k --data-binary @photo.jpg https://127.0.0.1:4433/echo -o back.jpg
 *
 * GET / tells what this is, and GET /metrics how much it has done.
 */
#ifndef H3_ECHO_H
#define H3_ECHO_H

#include <iq/h3.h>
#include <iq/iq.h>

/* What the data of a session points to, and what it has counted.  Set `endpoint`. */
struct h3_echo {
    struct iq_endpoint *endpoint;
    struct h3_echo_session *sessions; /* those that are open */
    uint64_t session_count;           /* all there ever were, and so on */
    uint64_t request_count;
    uint64_t failure_count; /* requests that did not come to their end */
    uint64_t echoed_bytes;
};

extern const struct iq_h3_handler h3_echo_handler;

/* Sends GOAWAY to every session.  Whether there is one that has requests. */
bool h3_echo_shut_down(struct h3_echo *echo);
bool h3_echo_is_busy(const struct h3_echo *echo);

#endif
