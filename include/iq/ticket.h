/*
 * Tickets: how to reach an endpoint, as one line of text that people pass around.
 *
 * It is iroh's EndpointTicket, byte for byte: the word "endpoint", then in base32 the endpoint's id
 * and a set of addresses.  These are of three kinds: IP addresses, the URLs of relays, and custom
 * ones that only the two programs understand.  iq dials the first kind, and keeps the other two so
 * that a ticket can be passed on whole.
 *
 *     struct iq_ticket *ticket;
 *     struct iq_ticket_mistake mistake;
 *
 *     if (iq_ticket_parse(&ticket, "endpointaa5wuj...", &mistake) == IQ_ERR_INVALID_TICKET) {
 *         fprintf(stderr, "character %zu: %s\n", mistake.where + 1, mistake.what);
 *         return 2;
 *     }
 *     addr = *iq_ticket_addr(ticket);
 *     iq_ticket_free(ticket);
 */
#ifndef IQ_TICKET_H
#define IQ_TICKET_H

#include <stdbool.h>
#include <stddef.h>

#include "iq/addr.h"
#include "iq/error.h"

#pragma GCC visibility push(default)

/* A ticket never changes, and owns its memory. */
struct iq_ticket;

/* Characters that a ticket has at most, against abuse.  A ticket with ten addresses has 250. */
#define IQ_TICKET_STR_MAX 65536

/* What is wrong with a text. */
struct iq_ticket_mistake {
    size_t where;     /* the index of the character at fault; the text's length if more must come */
    const char *what; /* one clause for a person, without a full stop; valid for ever */
};

/*
 * Reads a ticket.  What iroh forgives is forgiven: upper case behind "endpoint", addresses in any
 * order or more than once, and bytes behind the end, where later versions may add something.  Two
 * checks are stricter than iroh's: the id must be one that iq_id_is_valid() accepts, and a relay's
 * URL must begin with http:// or https:// and a host, and have no control characters.
 *
 * IQ_ERR_INVALID_TICKET, and only then `mistake`, which may be NULL, says why; IQ_ERR_NOMEM.
 */
IQ_MUST_CHECK int iq_ticket_parse(struct iq_ticket **ticket, const char *text,
                                  struct iq_ticket_mistake *mistake);

/*
 * A ticket for `addr`.  A ticket has no room for scopes: a link-local IPv6 address loses its own.
 *
 * IQ_ERR_INVALID_KEY if iq_id_is_valid() refuses the id; IQ_ERR_INVALID_ADDR if one of the
 * addresses is none; IQ_ERR_NOMEM.
 */
IQ_MUST_CHECK int iq_ticket_new(struct iq_ticket **ticket, const struct iq_addr *addr);

/* NULL is fine. */
void iq_ticket_free(struct iq_ticket *ticket);

/* The id, and the first IQ_ADDR_MAX of the IP addresses: in order, IPv4 first, each once.  Valid as
 * long as the ticket. */
const struct iq_addr *iq_ticket_addr(const struct iq_ticket *ticket);

/*
 * The text: all addresses that were read, in order, each once.  It is what iroh prints for the same
 * ticket, with one exception: relay URLs are kept verbatim.  iroh writes them in the normal form of
 * the WHATWG's URL standard ("http://derp.me./"), and would bring one that another program wrote
 * differently ("HTTP://Derp.me.") into that form.  Valid as long as the ticket.
 */
const char *iq_ticket_str(const struct iq_ticket *ticket);

/* The relays' URLs in order, `i` from 0 to the count less one.  Valid UTF-8 without control
 * characters; valid as long as the ticket. */
size_t iq_ticket_relay_count(const struct iq_ticket *ticket);
const char *iq_ticket_relay(const struct iq_ticket *ticket, size_t i);

/* Whether both have the same id and the same addresses of all kinds. */
bool iq_ticket_equal(const struct iq_ticket *a, const struct iq_ticket *b);

#pragma GCC visibility pop

#endif
