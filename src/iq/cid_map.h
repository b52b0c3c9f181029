/*
 * Which connection a connection id belongs to.
 *
 * Some ids are chosen by strangers, so the table hashes with a random key of its own (SipHash):
 * nobody can aim for collisions.  Entries live inside the things they lead to.
 */
#ifndef IQ_CID_MAP_H
#define IQ_CID_MAP_H

#include <stddef.h>
#include <stdint.h>

#include "iq/error.h"

#define IQ_CID_MAX 20 /* RFC 9000, section 17.2 */

struct iq_cid {
    uint8_t len;
    uint8_t bytes[IQ_CID_MAX];
};

struct iq_cid_entry {
    struct iq_cid_entry *next; /* in its bucket */
    struct iq_cid cid;
    void *owner;
};

struct iq_cid_map {
    struct iq_cid_entry **buckets;
    size_t bucket_count; /* a power of two, grows with the entries */
    size_t count;
    uint8_t hash_key[16];
};

/* After iq_random_start().  IQ_ERR_NOMEM. */
IQ_MUST_CHECK int iq_cid_map_init(struct iq_cid_map *map);
void iq_cid_map_release(struct iq_cid_map *map); /* the entries belong to others */

/* Adds an entry whose cid and owner are filled in.  An id that is in the map already: the older
 * entry is found until it is removed.  Cannot fail: without memory for more buckets the map only
 * gets slower. */
void iq_cid_map_add(struct iq_cid_map *map, struct iq_cid_entry *entry);

/* Takes out an entry, which must be in the map, with the cid that it was added with. */
void iq_cid_map_remove(struct iq_cid_map *map, struct iq_cid_entry *entry);

/* The owner, NULL if the id is unknown. */
void *iq_cid_map_find(const struct iq_cid_map *map, const uint8_t *cid, size_t len);

#endif
