/*
 * Tables of routes that we own: the application's may be gone, or changed, when we look at them.
 *
 * A copy is one block with the entries and, behind them, their strings; free() frees it.  Handlers
 * and data are only pointed to.
 */
#ifndef IQ_ROUTES_H
#define IQ_ROUTES_H

#include <stdbool.h>

#include "iq/error.h"
#include "iq/protocol.h"

/* Copies `routes`, and `more` behind them; each ends with a zero entry, and `more` may be NULL.
 * IQ_ERR_INVALID_ALPN, IQ_ERR_NOMEM. */
IQ_MUST_CHECK int iq_routes_copy(struct iq_route **copy, const struct iq_route *routes,
                                 const struct iq_route *more);

/* The first route with this ALPN, NULL if there is none. */
struct iq_route *iq_routes_find(struct iq_route *routes, const char *alpn);

/* Takes every route with this ALPN out of a copy, which keeps its size.  False: there was none. */
bool iq_routes_remove(struct iq_route *routes, const char *alpn);

#endif
