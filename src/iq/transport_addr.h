/*
 * Transport addresses: what a ticket holds beside the id, iroh's TransportAddr.
 *
 * They are read from postcard and written to it, and have the order in which a ticket lists them.
 */
#ifndef IQ_TRANSPORT_ADDR_H
#define IQ_TRANSPORT_ADDR_H

#include <stdint.h>

#include "iq/addr.h"
#include "iq/bytes.h"
#include "postcard.h"

#define IQ_TRANSPORT_ADDR_MIN_LEN 3  /* bytes of a custom address without data */
#define IQ_CUSTOM_INLINE_MAX      30 /* bytes of a custom address that iroh keeps in place */

/* The tags, in the order of the kinds. */
enum iq_transport_kind { IQ_TRANSPORT_RELAY = 0, IQ_TRANSPORT_IP = 1, IQ_TRANSPORT_CUSTOM = 2 };

/* How all the custom addresses of a ticket are written.  Nothing in it says so. */
enum iq_custom_form {
    IQ_CUSTOM_NEW, /* after iroh's pull request 4465: length, data */
    IQ_CUSTOM_OLD  /* up to iroh 1.0.3: storage, then a size and 30 bytes, or length and data */
};

/* Where iroh keeps the data of a custom address, which decides on the order too. */
enum iq_storage { IQ_STORAGE_INLINE = 0, IQ_STORAGE_HEAP = 1 };

struct iq_transport_addr {
    enum iq_transport_kind kind;
    struct iq_socket_addr ip; /* without a scope */
    uint64_t transport_id;    /* of a custom address: who understands it */
    enum iq_storage storage;
    struct iq_bytes bytes; /* a relay's URL; or custom data, in old inline form size and 30 bytes */
};

/* Reads one.  Its `bytes` are the reader's; they are valid if the reader has no mistake. */
struct iq_transport_addr iq_transport_addr_read(struct iq_postcard_reader *reader,
                                                enum iq_custom_form form);

/* Writes one, which was read in the same form if it is custom. */
void iq_transport_addr_write(struct iq_postcard_writer *writer,
                             const struct iq_transport_addr *addr, enum iq_custom_form form);

/* For qsort(): less than, equal to, or greater than 0. */
int iq_transport_addr_compare(const void *one, const void *other);

#endif
