/*
 * In the place of tls.c and of ngtcp2's helpers: a handshake of four messages without any secret.
 *
 * Each has a type and two bytes with the length of what follows.  The client's hello is a byte of
 * flags and the transport parameters (RFC 9000, section 18), the server's hello is empty, the
 * server's extensions are its transport parameters, and the client's end is empty.
 */
#ifndef FAKE_TLS_H
#define FAKE_TLS_H

#define FAKE_TLS_CLIENT_HELLO 1 /* in an Initial packet */
#define FAKE_TLS_SERVER_HELLO 2 /* in an Initial packet */
#define FAKE_TLS_EXTENSIONS   8 /* in a Handshake packet, as is the last: */
#define FAKE_TLS_FINISHED     20

/* The flags: which of the routes the client wants, and whether it sends early data. */
#define FAKE_TLS_ROUTE_MASK 3
#define FAKE_TLS_EARLY_DATA 4

#define FAKE_TLS_HEAD_LEN 3 /* the type and the length */

#endif
