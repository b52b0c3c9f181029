/*
 * HTTP/3 (RFC 9114) over connections, for both sides: a library of its own on top of iq.
 *
 * A session is HTTP/3 on one connection, and a request is an exchange on it: what the client asks,
 * and what the server responds.  A route serves it beside any other protocol:
 *
 *     static const struct iq_h3_handler pages = {.on_request = answer};
 *     static struct iq_h3_app app = {.handler = &pages};
 *
 *     {.alpn = IQ_H3_ALPN, .handler = &iq_h3_protocol, .data = &app, .anonymous = true},
 *
 * The rules of iq.h hold here too: sessions own requests, a pointer stays valid until the object's
 * closed callback returns, callbacks run from the loop only, and what fails has done nothing.  A
 * body is read and written as a stream is (stream.h): bytes that cannot be sent on stay unread, and
 * then the peer waits.
 *
 * What breaks RFC 9114 or RFC 9204 ends the connection with the code that they name, or only the
 * request where they say so.  A malformed message that nghttp3 cannot go on behind ends the
 * connection too, as RFC 9114, section 8, allows: one whose body is not as long as its
 * content-length says, and from nghttp3 1.11 on every one.  Trailers and informational responses
 * are read over, nothing is pushed.  A peer's field section of more than IQ_H3_FIELDS_MAX is
 * answered with status 431, or its request ends with IQ_H3_EXCESSIVE_LOAD.
 */
#ifndef IQ_H3_H
#define IQ_H3_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "iq/bytes.h"
#include "iq/error.h"
#include "iq/protocol.h"

#pragma GCC visibility push(default)

struct iq_addr;
struct iq_close_reason;
struct iq_conn;
struct iq_endpoint;
struct iq_h3_request;
struct iq_h3_session;

#define IQ_H3_ALPN       "h3"
#define IQ_H3_FIELDS_MAX 16384 /* bytes of names and values, and 32 each.  RFC 9114, 4.2.2 */

/* RFC 9114, section 8.1. */
#define IQ_H3_NO_ERROR           0x0100
#define IQ_H3_INTERNAL_ERROR     0x0102
#define IQ_H3_EXCESSIVE_LOAD     0x0107
#define IQ_H3_REQUEST_REJECTED   0x010b /* nothing was done: it may be tried again */
#define IQ_H3_REQUEST_CANCELLED  0x010c
#define IQ_H3_REQUEST_INCOMPLETE 0x010d

/* A header field; its name is in lower case.  Neither holds a NUL. */
struct iq_h3_field {
    const char *name;
    const char *value;
};

/* What an application does with requests, filled by name.  Every member is optional. */
struct iq_h3_handler {
    /* The session has begun: a client can make requests. */
    void (*on_open)(struct iq_h3_session *session);

    /* Server: a request's fields are here.  Left out: it is rejected. */
    void (*on_request)(struct iq_h3_request *request);

    /* Client: the response's status and fields are here. */
    void (*on_response)(struct iq_h3_request *request);

    /* Bytes of the peer's body or its end have arrived, or there is room to write again after
     * iq_h3_request_write() took less than it was given.  It follows on_request and on_response
     * where there is a body already. */
    void (*on_ready)(struct iq_h3_request *request);

    /* The peer gave up its side, with its code; what was not read is lost.  Left out: the request
     * is cancelled, unless our side has ended. */
    void (*on_reset)(struct iq_h3_request *request, uint64_t code);

    /* The last call about this request: IQ_H3_NO_ERROR if both sides came to their ends, else the
     * code of whoever gave up first. */
    void (*on_request_closed)(struct iq_h3_request *request, uint64_t code);

    /* Client: the server allows more requests, after iq_h3_request_new() failed for want of them.
     */
    void (*on_requests_allowed)(struct iq_h3_session *session);

    /* The last call about this session, after on_request_closed for each of its requests. */
    void (*on_closed)(struct iq_h3_session *session, const struct iq_close_reason *why);
};

/* Sessions */

/* What the data of a route points to; it must outlive the endpoint. */
struct iq_h3_app {
    const struct iq_h3_handler *handler;
    void *data; /* the first iq_h3_session_data() of its sessions, shared by them */
};

/* The server's side, for a route. */
extern const struct iq_protocol_handler iq_h3_protocol;

/* Dials a server by its id, which it proves with its raw public key; the same errors as
 * iq_endpoint_connect().  The handler hears on_open, or on_closed if that fails. */
IQ_MUST_CHECK int iq_h3_connect(struct iq_endpoint *endpoint, const struct iq_addr *addr,
                                const struct iq_h3_handler *handler, void *data);

struct iq_conn *iq_h3_session_conn(const struct iq_h3_session *session);
void *iq_h3_session_data(const struct iq_h3_session *session);
void iq_h3_session_set_data(struct iq_h3_session *session, void *data);
size_t iq_h3_session_request_count(const struct iq_h3_session *session); /* not closed yet */

/*
 * Sends GOAWAY (RFC 9114, section 5.2): the peer's further requests are rejected.  Those that have
 * begun go on.  When the last of them has closed, a client closes the connection, with
 * IQ_H3_NO_ERROR.  A server leaves that to the client, and closes what is left after a while: a
 * client that finds the close beside the end of its answer may take the answer for cut off.
 */
void iq_h3_session_shut_down(struct iq_h3_session *session);

/* Requests */

/* Client: what to ask.  All is copied. */
struct iq_h3_question {
    const char *method;    /* NULL: GET */
    const char *authority; /* such as "localhost:4433" */
    const char *path;      /* NULL: "/" */
    const struct iq_h3_field *fields;
    size_t field_count;
};

/*
 * Client: begins a request.  Write its body, if it has one, and finish it.  IQ_ERR_STREAM_LIMIT: as
 * many are open as the server allows; wait for on_requests_allowed.  IQ_ERR_CLOSED: the session is
 * not open, or shutting down.  IQ_ERR_NOMEM.
 */
IQ_MUST_CHECK int iq_h3_request_new(struct iq_h3_request **request, struct iq_h3_session *session,
                                    const struct iq_h3_question *question);

struct iq_h3_session *iq_h3_request_session(const struct iq_h3_request *request);
int64_t iq_h3_request_id(const struct iq_h3_request *request); /* of its stream */

/* The application's own pointer, NULL at first. */
void *iq_h3_request_data(const struct iq_h3_request *request);
void iq_h3_request_set_data(struct iq_h3_request *request, void *data);

/* What the peer has said; strings are valid as long as the request, and NULL where there is none.
 */
const char *iq_h3_request_method(const struct iq_h3_request *request); /* server */
const char *iq_h3_request_path(const struct iq_h3_request *request);   /* server; with its query */
const char *iq_h3_request_authority(const struct iq_h3_request *request); /* server */
int iq_h3_request_status(const struct iq_h3_request *request);            /* client; 0: none yet */
const char *iq_h3_request_field(const struct iq_h3_request *request, const char *name);
size_t iq_h3_request_field_count(const struct iq_h3_request *request);
struct iq_h3_field iq_h3_request_field_at(const struct iq_h3_request *request, size_t index);

/*
 * Server: responds with `status`, 200 to 599, and fields; then write the body, if there is one, and
 * finish.  A status of 100 to 199 may come before, any number of times.  A response to HEAD, and
 * one with status 204 or 304, has no body: what is written is swallowed.  IQ_ERR_CLOSED if it was
 * responded to already or has been cancelled.  IQ_ERR_NOMEM, and then it is cancelled.
 */
IQ_MUST_CHECK int iq_h3_request_respond(struct iq_h3_request *request, int status,
                                        const struct iq_h3_field *fields, size_t field_count);

/* The body: the peer's, and ours.  These are the functions of stream.h by the same names. */
struct iq_bytes iq_h3_request_peek(struct iq_h3_request *request);
void iq_h3_request_consume(struct iq_h3_request *request, size_t len);
bool iq_h3_request_at_end(struct iq_h3_request *request);
size_t iq_h3_request_write(struct iq_h3_request *request, const void *data, size_t len);
void iq_h3_request_finish(struct iq_h3_request *request); /* a body left unread is refused */

/* Gives up both sides; the peer sees `code`. */
void iq_h3_request_cancel(struct iq_h3_request *request, uint64_t code);

#pragma GCC visibility pop

#endif
