/*
 * iq: iroh-compatible QUIC endpoints in C, on one libev loop.
 *
 * An endpoint is dialled by its ed25519 public key.  A connection carries streams, and what they
 * mean is named by an ALPN.  Three rules hold for the whole API.
 *
 * 1. Ownership.  Endpoints own connections, connections own streams.  A pointer stays valid until
 *    the object's `closed` callback returns; that callback comes exactly once, and last.
 * 2. No re-entrancy.  Callbacks never run inside a call that you make.  They run from the loop, so
 *    that a handler may call anything, close anything, and never finds an object freed under its
 *    feet.
 * 3. Errors.  A function that can fail returns 0 or a negative enum iq_error, and has then done
 *    nothing: no callback follows.  What happens later to a connection is told once, to on_closed.
 *
 * And one idea keeps handlers short: bytes that cannot be sent on stay unread.  See stream.h.
 *
 * One thread: a loop and everything in it belong to the thread that runs the loop.  And one
 * process: after fork() only one of the two may go on with the endpoints that there are.
 */
#ifndef IQ_H
#define IQ_H

#include "iq/addr.h"
#include "iq/bytes.h"
#include "iq/config.h"
#include "iq/conn.h"
#include "iq/endpoint.h"
#include "iq/error.h"
#include "iq/incoming.h"
#include "iq/key.h"
#include "iq/protocol.h"
#include "iq/router.h"
#include "iq/stats.h"
#include "iq/stream.h"
#include "iq/ticket.h"

#endif
