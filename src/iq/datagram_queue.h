/*
 * Datagrams that wait, in order and in bounded memory: where one more does not fit, the oldest make
 * room, since with datagrams the news is worth more than what it replaces.
 */
#ifndef IQ_DATAGRAM_QUEUE_H
#define IQ_DATAGRAM_QUEUE_H

#include <stdbool.h>
#include <stddef.h>

#include "iq/bytes.h"
#include "iq/error.h"

/* What a datagram counts for, besides its bytes: empty ones take memory too. */
#define IQ_DATAGRAM_COST 32

struct iq_queued_datagram;

struct iq_datagram_queue {
    struct iq_queued_datagram *first; /* NULL: none waits */
    struct iq_queued_datagram *last;
    size_t size; /* of those that wait, with their costs */
    size_t size_max;
};

/* `size_max` must be enough for every single datagram. */
void iq_datagram_queue_init(struct iq_datagram_queue *queue, size_t size_max);
void iq_datagram_queue_release(struct iq_datagram_queue *queue); /* and may be used again */

bool iq_datagram_queue_is_empty(const struct iq_datagram_queue *queue);

/* Whether a datagram of `len` bytes fits without the loss of another. */
bool iq_datagram_queue_has_room(const struct iq_datagram_queue *queue, size_t len);

/* Copies a datagram to the end.  IQ_ERR_NOMEM: then none is lost. */
IQ_MUST_CHECK int iq_datagram_queue_add(struct iq_datagram_queue *queue, const void *data,
                                        size_t len);

/* The oldest, of at least one.  Valid until it is dropped. */
struct iq_bytes iq_datagram_queue_first(const struct iq_datagram_queue *queue);
void iq_datagram_queue_drop_first(struct iq_datagram_queue *queue);

#endif
