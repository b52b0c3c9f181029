/* Datagrams that wait: a list of copies. */
#include "datagram_queue.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct iq_queued_datagram {
    struct iq_queued_datagram *next;
    size_t len;
    uint8_t data[];
};

void iq_datagram_queue_init(struct iq_datagram_queue *queue, size_t size_max)
{
    *queue = (struct iq_datagram_queue){.size_max = size_max};
}

void iq_datagram_queue_release(struct iq_datagram_queue *queue)
{
    while (!iq_datagram_queue_is_empty(queue)) {
        iq_datagram_queue_drop_first(queue);
    }
}

bool iq_datagram_queue_is_empty(const struct iq_datagram_queue *queue)
{
    return queue->first == NULL;
}

bool iq_datagram_queue_has_room(const struct iq_datagram_queue *queue, size_t len)
{
    return len + IQ_DATAGRAM_COST <= queue->size_max - queue->size;
}

int iq_datagram_queue_add(struct iq_datagram_queue *queue, const void *data, size_t len)
{
    struct iq_queued_datagram *new;

    assert(len + IQ_DATAGRAM_COST <= queue->size_max);
    new = malloc(sizeof(*new) + len);
    if (new == NULL) {
        return IQ_ERR_NOMEM;
    }
    new->next = NULL;
    new->len = len;
    if (len > 0) { /* else there may be no data to point to */
        memcpy(new->data, data, len);
    }
    while (!iq_datagram_queue_has_room(queue, len)) {
        iq_datagram_queue_drop_first(queue);
    }
    if (queue->first == NULL) {
        queue->first = new;
    } else {
        queue->last->next = new;
    }
    queue->last = new;
    queue->size += len + IQ_DATAGRAM_COST;
    return 0;
}

struct iq_bytes iq_datagram_queue_first(const struct iq_datagram_queue *queue)
{
    const struct iq_queued_datagram *first = queue->first;

    assert(first != NULL);
    return (struct iq_bytes){.data = first->data, .len = first->len};
}

void iq_datagram_queue_drop_first(struct iq_datagram_queue *queue)
{
    struct iq_queued_datagram *first = queue->first;

    assert(first != NULL);
    queue->first = first->next;
    queue->size -= first->len + IQ_DATAGRAM_COST;
    free(first);
}
