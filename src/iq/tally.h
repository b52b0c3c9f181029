/*
 * How many there are of each kind: of connections from each address, and of each peer.
 *
 * A kind is named by up to IQ_CID_MAX bytes, and costs memory only while there is one of it.
 * Strangers choose these bytes; the table beneath is made for that (cid_map.h).
 */
#ifndef IQ_TALLY_H
#define IQ_TALLY_H

#include "cid_map.h"

struct iq_tally {
    struct iq_cid_map kinds;
};

struct iq_tally_entry;

/* After iq_random_start().  IQ_ERR_NOMEM. */
IQ_MUST_CHECK int iq_tally_init(struct iq_tally *tally);
void iq_tally_release(struct iq_tally *tally); /* everything has been taken out */

/* How many there are of this kind. */
uint64_t iq_tally_count(const struct iq_tally *tally, const uint8_t *kind, size_t len);

/* Counts one more, which is taken out with `entry`.  IQ_ERR_NOMEM. */
IQ_MUST_CHECK int iq_tally_add(struct iq_tally_entry **entry, struct iq_tally *tally,
                               const uint8_t *kind, size_t len);

/* Counts one less.  NULL is none. */
void iq_tally_remove(struct iq_tally *tally, struct iq_tally_entry *entry);

#endif
