/* One UDP socket, and what the system needs to be told to carry QUIC well. */
#ifndef IQ_UDP_SOCKET_H
#define IQ_UDP_SOCKET_H

#include <stdbool.h>
#include <stddef.h>

#include "iq/error.h"
#include "wire.h"

struct iq_udp_socket {
    int fd;
    struct iq_socket_addr local; /* as the system says, with the port */
    bool is_wildcard;            /* bound to all addresses */
    bool can_segment;            /* one call sends many datagrams */
    bool can_batch;              /* the system joins none that come: one call takes some of them */
};

#define IQ_UDP_BATCH_MAX 16

/* What one call receives. */
struct iq_udp_batch {
    uint8_t *buffer;  /* to be set: IQ_UDP_BATCH_MAX slots of `slot_size` bytes each */
    size_t slot_size; /* what is longer is dropped */
    struct iq_datagrams datagrams[IQ_UDP_BATCH_MAX];
    size_t count;
};

/* Binds a socket that does not block.  IQ_ERR_ADDR_IN_USE, IQ_ERR_ADDR_NOT_OURS,
 * IQ_ERR_PERMISSION, IQ_ERR_SYSTEM. */
IQ_MUST_CHECK int iq_udp_socket_bind(struct iq_udp_socket *udp, const struct iq_socket_addr *local);
void iq_udp_socket_close(struct iq_udp_socket *udp);

/* Sends from `*from` on, which it moves on.  IQ_ERR_AGAIN: the rest has to wait until the socket is
 * writable.  What the system refuses for another reason is dropped: QUIC sends it again, or finds
 * out that there is no way.  That goes for ENOBUFS too: a full queue is congestion, and to wait for
 * the socket, which stays writable, would be to spin.  IQ_ERR_TOO_LONG: some were dropped because
 * they are longer than the interface carries. */
IQ_MUST_CHECK int iq_udp_socket_send(struct iq_udp_socket *udp,
                                     const struct iq_datagrams *datagrams, size_t *from);

/* Reads what one call gives into `batch`.  That may be nothing, and no error: the system has told
 * of a datagram that did not arrive elsewhere, for example.  IQ_ERR_AGAIN: nothing waits. */
IQ_MUST_CHECK int iq_udp_socket_receive(struct iq_udp_socket *udp, struct iq_udp_batch *batch);

/* The path from this socket to `remote`.  IQ_ERR_UNREACHABLE. */
IQ_MUST_CHECK int iq_udp_socket_path(const struct iq_udp_socket *udp, struct iq_path *path,
                                     const struct iq_socket_addr *remote);

/* Where the socket can be reached: fills up to `max` addresses, returns how many.  One that is
 * bound to all addresses has those of the interfaces, of loopback or of all others. */
size_t iq_udp_socket_addrs(const struct iq_udp_socket *udp, bool loopback,
                           struct iq_socket_addr *addrs, size_t max);

#endif
