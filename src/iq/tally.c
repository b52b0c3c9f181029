#include "tally.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* One for each kind, which all of that kind share. */
struct iq_tally_entry {
    struct iq_cid_entry in_kinds;
    uint64_t count;
};

int iq_tally_init(struct iq_tally *tally) { return iq_cid_map_init(&tally->kinds); }

void iq_tally_release(struct iq_tally *tally)
{
    assert(tally->kinds.count == 0);
    iq_cid_map_release(&tally->kinds);
}

uint64_t iq_tally_count(const struct iq_tally *tally, const uint8_t *kind, size_t len)
{
    const struct iq_tally_entry *entry = iq_cid_map_find(&tally->kinds, kind, len);

    return entry == NULL ? 0 : entry->count;
}

static struct iq_tally_entry *add_kind(struct iq_tally *tally, const uint8_t *kind, size_t len)
{
    struct iq_tally_entry *entry = calloc(1, sizeof(*entry));

    assert(len <= IQ_CID_MAX);
    if (entry == NULL) {
        return NULL;
    }
    memcpy(entry->in_kinds.cid.bytes, kind, len);
    entry->in_kinds.cid.len = (uint8_t)len;
    entry->in_kinds.owner = entry;
    iq_cid_map_add(&tally->kinds, &entry->in_kinds);
    return entry;
}

int iq_tally_add(struct iq_tally_entry **entry, struct iq_tally *tally, const uint8_t *kind,
                 size_t len)
{
    struct iq_tally_entry *known = iq_cid_map_find(&tally->kinds, kind, len);

    if (known == NULL) {
        known = add_kind(tally, kind, len);
    }
    if (known == NULL) {
        return IQ_ERR_NOMEM;
    }
    known->count++;
    *entry = known;
    return 0;
}

void iq_tally_remove(struct iq_tally *tally, struct iq_tally_entry *entry)
{
    if (entry == NULL) {
        return;
    }
    if (--entry->count == 0) {
        iq_cid_map_remove(&tally->kinds, &entry->in_kinds);
        free(entry);
    }
}
