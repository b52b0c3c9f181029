/* Datagrams that wait: a list of copies. */
#include "datagram_queue.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct datagram {
    struct iq_list in_queue;
    size_t len;
    uint8_t data[];
};

void iq_datagram_queue_init(struct iq_datagram_queue *queue, size_t size_max)
{
    iq_list_init(&queue->datagrams);
    queue->size = 0;
    queue->size_max = size_max;
}

void iq_datagram_queue_release(struct iq_datagram_queue *queue)
{
    while (!iq_datagram_queue_is_empty(queue)) {
        iq_datagram_queue_drop_first(queue);
    }
}

bool iq_datagram_queue_is_empty(const struct iq_datagram_queue *queue)
{
    return iq_list_is_empty(&queue->datagrams);
}

bool iq_datagram_queue_has_room(const struct iq_datagram_queue *queue, size_t len)
{
    return len + IQ_DATAGRAM_COST <= queue->size_max - queue->size;
}

int iq_datagram_queue_add(struct iq_datagram_queue *queue, const void *data, size_t len)
{
    struct datagram *new;

    assert(len + IQ_DATAGRAM_COST <= queue->size_max);
    new = malloc(sizeof(*new) + len);
    if (new == NULL) {
        return IQ_ERR_NOMEM;
    }
    iq_list_init(&new->in_queue);
    new->len = len;
    if (len > 0) { /* else there may be no data to point to */
        memcpy(new->data, data, len);
    }
    while (!iq_datagram_queue_has_room(queue, len)) {
        iq_datagram_queue_drop_first(queue);
    }
    iq_list_append(&queue->datagrams, &new->in_queue);
    queue->size += len + IQ_DATAGRAM_COST;
    return 0;
}

static struct datagram *first_of(const struct iq_datagram_queue *queue)
{
    assert(!iq_datagram_queue_is_empty(queue));
    return IQ_CONTAINER_OF(queue->datagrams.next, struct datagram, in_queue);
}

struct iq_bytes iq_datagram_queue_first(const struct iq_datagram_queue *queue)
{
    const struct datagram *first = first_of(queue);

    return (struct iq_bytes){.data = first->data, .len = first->len};
}

void iq_datagram_queue_drop_first(struct iq_datagram_queue *queue)
{
    struct datagram *first = first_of(queue);

    queue->size -= first->len + IQ_DATAGRAM_COST;
    iq_list_remove(&first->in_queue);
    free(first);
}
