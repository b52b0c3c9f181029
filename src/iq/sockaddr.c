/* Our addresses as the system's, and back. */
#include "sockaddr.h"

#include <assert.h>
#include <string.h>

socklen_t iq_sockaddr_from(union iq_sockaddr *to, const struct iq_socket_addr *from)
{
    memset(to, 0, sizeof(*to));
    if (from->ip_version == IQ_IPV6) {
        to->in6.sin6_family = AF_INET6;
        to->in6.sin6_port = htons(from->port);
        to->in6.sin6_scope_id = from->scope_id;
        memcpy(&to->in6.sin6_addr, from->ip, 16);
        return sizeof(to->in6);
    }
    to->in.sin_family = AF_INET;
    to->in.sin_port = htons(from->port);
    memcpy(&to->in.sin_addr, from->ip, 4);
    return sizeof(to->in);
}

void iq_sockaddr_to(struct iq_socket_addr *to, const struct sockaddr *from)
{
    union iq_sockaddr in;

    memset(to, 0, sizeof(*to));
    if (from->sa_family == AF_INET6) {
        memcpy(&in.in6, from, sizeof(in.in6));
        to->ip_version = IQ_IPV6;
        to->port = ntohs(in.in6.sin6_port);
        to->scope_id = in.in6.sin6_scope_id;
        memcpy(to->ip, &in.in6.sin6_addr, 16);
        return;
    }
    assert(from->sa_family == AF_INET);
    memcpy(&in.in, from, sizeof(in.in));
    to->ip_version = IQ_IPV4;
    to->port = ntohs(in.in.sin_port);
    memcpy(to->ip, &in.in.sin_addr, 4);
}
