/* Our addresses as the system's, and back. */
#ifndef IQ_SOCKADDR_H
#define IQ_SOCKADDR_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "iq/addr.h"

union iq_sockaddr {
    struct sockaddr sa;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
};

/* Returns the length.  The bytes that mean nothing are zero, since paths are compared. */
socklen_t iq_sockaddr_from(union iq_sockaddr *to, const struct iq_socket_addr *from);

/* `from` is of AF_INET or AF_INET6. */
void iq_sockaddr_to(struct iq_socket_addr *to, const struct sockaddr *from);

#endif
