/*
 * Addresses: who an endpoint is, and where it may be reached.
 *
 *     struct iq_addr addr = {0};
 *
 *     if (iq_id_parse(&addr.id, "3b6a27bc...") != 0 ||
 *         iq_socket_addr_parse(&addr.socket_addrs[0], "192.0.2.7:4433") != 0) {
 *         return 1;
 *     }
 *     addr.count = 1;
 */
#ifndef IQ_ADDR_H
#define IQ_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "iq/error.h"
#include "iq/key.h"

#pragma GCC visibility push(default)

enum iq_ip_version { IQ_IPV4 = 4, IQ_IPV6 = 6 };

/* An IP address and a UDP port.  All zero means none. */
struct iq_socket_addr {
    uint8_t ip[16];     /* network byte order; IPv4 uses the first four, the others are zero */
    uint32_t scope_id;  /* the interface of a link-local IPv6 address, else 0.  RFC 4007 */
    uint16_t port;      /* host byte order */
    uint8_t ip_version; /* enum iq_ip_version */
};

/* "[fe80:0000:0000:0000:0000:ffff:255.255.255.255%4294967295]:65535" and the terminating NUL. */
#define IQ_SOCKET_ADDR_STR_SIZE 72

/* Reads "192.0.2.7:4433", "[2001:db8::7]:4433" or "[fe80::7%2]:4433", where a scope is a number.
 * IQ_ERR_INVALID_ADDR. */
IQ_MUST_CHECK int iq_socket_addr_parse(struct iq_socket_addr *addr, const char *text);

/* Writes the same text form to `str`, IPv6 as RFC 5952 recommends, and returns `str`.  An address
 * of all zeros is "none". */
const char *iq_socket_addr_str(const struct iq_socket_addr *addr,
                               char str[IQ_SOCKET_ADDR_STR_SIZE]);

bool iq_socket_addr_equal(const struct iq_socket_addr *a, const struct iq_socket_addr *b);

#define IQ_ADDR_MAX 16

/* How to reach an endpoint. */
struct iq_addr {
    struct iq_id id;
    struct iq_socket_addr socket_addrs[IQ_ADDR_MAX]; /* the first `count` of them */
    size_t count;
};

#pragma GCC visibility pop

#endif
