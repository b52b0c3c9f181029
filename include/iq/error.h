/*
 * Errors: a function that can fail returns 0 or one of these negative codes.
 *
 * It has then done nothing: its outputs are untouched and no callback follows.  What happens to a
 * connection later is told once, to its handler's on_closed (conn.h).
 */
#ifndef IQ_ERROR_H
#define IQ_ERROR_H

#pragma GCC visibility push(default)

/* The caller must look at the result. */
#define IQ_MUST_CHECK __attribute__((warn_unused_result))

/* Each row is a code and what iq_strerror() says of it. */
#define IQ_ERRORS(X)                                                                               \
    X(IQ_ERR_NOMEM, -1, "out of memory")                                                           \
    X(IQ_ERR_AGAIN, -2, "not yet, wait for the next callback")                                     \
    X(IQ_ERR_TOO_LONG, -3, "more data than the caller allows")                                     \
    X(IQ_ERR_STREAM_LIMIT, -4, "the peer allows no further stream yet")                            \
    X(IQ_ERR_CLOSED, -5, "the object is closed or closing")                                        \
    X(IQ_ERR_INVALID_KEY, -6, "not a valid ed25519 key")                                           \
    X(IQ_ERR_INVALID_ADDR, -7, "not an address, or not one that this endpoint can use")            \
    X(IQ_ERR_INVALID_ALPN, -8, "an ALPN must have 1 to 255 bytes, and a dial at most 16 of them")  \
    X(IQ_ERR_NO_ADDR, -9, "no address to dial")                                                    \
    X(IQ_ERR_SELF, -10, "connecting to ourself is not supported")                                  \
    X(IQ_ERR_ADDR_IN_USE, -11, "the address is in use")                                            \
    X(IQ_ERR_ADDR_NOT_OURS, -12, "the address is not one of this machine")                         \
    X(IQ_ERR_PERMISSION, -13, "permission denied")                                                 \
    X(IQ_ERR_UNREACHABLE, -14, "no route to that address")                                         \
    X(IQ_ERR_SYSTEM, -15, "the operating system refused")                                          \
    X(IQ_ERR_CRYPTO, -16, "the cryptographic library failed")                                      \
    X(IQ_ERR_VALIDATED, -17, "the remote address is validated already")                            \
    X(IQ_ERR_INVALID_TICKET, -18, "not a ticket")                                                  \
    X(IQ_ERR_UNKNOWN_ALPN, -19, "no route has that ALPN")                                          \
    X(IQ_ERR_UNSUPPORTED, -20, "the peer takes no datagrams")                                      \
    X(IQ_ERR_INVALID_CERT, -21, "not a certificate with its key")                                  \
    X(IQ_ERR_INVALID_CONFIG, -22, "a setting of the endpoint is out of its range")                 \
    X(IQ_ERR_TAKEN, -23, "the endpoint has a router or another acceptor already")

enum iq_error {
#define X(name, value, text) name = (value),
    IQ_ERRORS(X)
#undef X
};

/* One clause in English, without a full stop, for a code above or for 0.  Never NULL. */
const char *iq_strerror(int error);

#pragma GCC visibility pop

#endif
