/*
 * A doubly linked list whose nodes live inside the things that it links.
 *
 * A list is a node too: the one before the first and after the last.  A node that is in no list
 * points to itself, so that removing it twice does no harm.
 */
#ifndef IQ_LIST_H
#define IQ_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct iq_list {
    struct iq_list *prev;
    struct iq_list *next;
};

/* The struct that holds `node` as its `member`. */
#define IQ_CONTAINER_OF(node, type, member) ((type *)((char *)(node)-offsetof(type, member)))

static inline void iq_list_init(struct iq_list *node) { node->prev = node->next = node; }

/* Of a list: whether it has no nodes.  Of a node: whether it is in no list. */
static inline bool iq_list_is_empty(const struct iq_list *list) { return list->next == list; }

static inline void iq_list_remove(struct iq_list *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    iq_list_init(node);
}

/* Moves `node` to the end of `list`, from whichever list it is in. */
static inline void iq_list_append(struct iq_list *list, struct iq_list *node)
{
    iq_list_remove(node);
    node->prev = list->prev;
    node->next = list;
    list->prev->next = node;
    list->prev = node;
}

/* Takes the first node out, NULL if there is none. */
static inline struct iq_list *iq_list_pop(struct iq_list *list)
{
    struct iq_list *node = list->next;

    if (node == list) {
        return NULL;
    }
    iq_list_remove(node);
    return node;
}

/* Moves all nodes of `from`, in their order, to the end of `list`. */
static inline void iq_list_move_all(struct iq_list *list, struct iq_list *from)
{
    struct iq_list *node;

    while ((node = iq_list_pop(from)) != NULL) {
        iq_list_append(list, node);
    }
}

#endif
