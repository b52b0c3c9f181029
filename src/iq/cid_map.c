/*
 * A hash table with chains, on average no more than one entry in each.
 *
 * A chain keeps the order in which its entries came, also when the table grows: of two entries with
 * the same id the older one is found.
 */
#include "cid_map.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>

#include "random.h"

#define FIRST_BUCKET_COUNT 16

int iq_cid_map_init(struct iq_cid_map *map)
{
    struct iq_cid_entry **buckets = calloc(FIRST_BUCKET_COUNT, sizeof(*buckets));

    if (buckets == NULL) {
        return IQ_ERR_NOMEM;
    }
    *map = (struct iq_cid_map){.buckets = buckets, .bucket_count = FIRST_BUCKET_COUNT};
    iq_random_fill(map->hash_key, sizeof(map->hash_key));
    return 0;
}

void iq_cid_map_release(struct iq_cid_map *map)
{
    free(map->buckets);
    *map = (struct iq_cid_map){0};
}

static struct iq_cid_entry **bucket_of(const struct iq_cid_map *map, const uint8_t *cid, size_t len)
{
    return &map->buckets[iq_keyed_hash(cid, len, map->hash_key) & (map->bucket_count - 1)];
}

/* Makes `entry` the last of its chain. */
static void append(struct iq_cid_map *map, struct iq_cid_entry *entry)
{
    struct iq_cid_entry **link = bucket_of(map, entry->cid.bytes, entry->cid.len);

    while (*link != NULL) {
        link = &(*link)->next;
    }
    entry->next = NULL;
    *link = entry;
}

/* Doubles the buckets.  Without memory all stays as it is, and the next entry tries again. */
static void grow(struct iq_cid_map *map)
{
    struct iq_cid_map old = *map;
    struct iq_cid_entry **buckets = calloc(2 * old.bucket_count, sizeof(*buckets));

    if (buckets == NULL) {
        return;
    }
    map->buckets = buckets;
    map->bucket_count = 2 * old.bucket_count;
    for (size_t i = 0; i < old.bucket_count; i++) {
        struct iq_cid_entry *entry = old.buckets[i];

        while (entry != NULL) {
            struct iq_cid_entry *next = entry->next;

            append(map, entry);
            entry = next;
        }
    }
    free(old.buckets);
}

void iq_cid_map_add(struct iq_cid_map *map, struct iq_cid_entry *entry)
{
    assert(entry->cid.len <= IQ_CID_MAX);

    if (map->count >= map->bucket_count) {
        grow(map);
    }
    append(map, entry);
    map->count++;
}

void iq_cid_map_remove(struct iq_cid_map *map, struct iq_cid_entry *entry)
{
    struct iq_cid_entry **link = bucket_of(map, entry->cid.bytes, entry->cid.len);

    while (*link != entry) {
        assert(*link != NULL);
        link = &(*link)->next;
    }
    *link = entry->next;
    entry->next = NULL;
    map->count--;
}

/* The ids of one map are the tokens of stateless resets, of which a guess must not learn how good
 * it was.  RFC 9000, section 10.3.1. */
static bool has_id(const struct iq_cid_entry *entry, const uint8_t *cid, size_t len)
{
    return entry->cid.len == len && iq_secrets_equal(entry->cid.bytes, cid, len);
}

void *iq_cid_map_find(const struct iq_cid_map *map, const uint8_t *cid, size_t len)
{
    const struct iq_cid_entry *entry = *bucket_of(map, cid, len);

    while (entry != NULL && !has_id(entry, cid, len)) {
        entry = entry->next;
    }
    return entry == NULL ? NULL : entry->owner;
}
