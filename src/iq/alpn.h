/*
 * Protocol names (RFC 7301), as a dial offers them.
 *
 * We keep a list as strings one behind the other, with an empty one at the end: "a\0b\0".  TLS
 * carries it with a length byte before each name instead, which takes just as many bytes.
 */
#ifndef IQ_ALPN_H
#define IQ_ALPN_H

#include <stddef.h>
#include <stdint.h>

#include "iq/error.h"
#include "iq/protocol.h"

#define IQ_ALPNS_WIRE_MAX (IQ_ALPNS_MAX * (1 + IQ_ALPN_MAX))

/* A list of `first` and of what follows in `more` (NULL-terminated; NULL: nothing), to be freed by
 * the caller.  IQ_ERR_INVALID_ALPN, IQ_ERR_NOMEM. */
IQ_MUST_CHECK int iq_alpns_join(char **list, const char *first, const char *const *more);

IQ_MUST_CHECK int iq_alpns_copy(char **copy, const char *list);

/* The name behind this one: empty after the last. */
const char *iq_alpns_next(const char *alpn);

/* The name in the list that has these bytes, NULL if none has. */
const char *iq_alpns_find(const char *list, const uint8_t *alpn, size_t len);

/* Writes the list as TLS carries it.  Returns the length, at most IQ_ALPNS_WIRE_MAX. */
size_t iq_alpns_encode(uint8_t *wire, const char *list);

/* Looks for `alpn` in a list as TLS carries it, which may hold anything.  Returns the name there,
 * NULL if it is not offered. */
const uint8_t *iq_alpns_find_on_wire(const uint8_t *wire, size_t len, const char *alpn);

#endif
