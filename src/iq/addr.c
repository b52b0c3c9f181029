/*
 * Socket addresses as text: one spelling for each port and scope, IPv6 in brackets, no names.
 *
 * inet_pton() and inet_ntop() only turn text into bytes and back; no socket is touched here.
 */
#include "iq/addr.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* Reads a decimal number up to `max` and returns where it ends; NULL if there is none, or one with
 * a leading zero. */
static const char *parse_number(uint32_t *number, const char *text, uint32_t max)
{
    uint64_t value = 0;
    const char *end = text;

    for (; *end >= '0' && *end <= '9'; end++) {
        value = 10 * value + (uint64_t)(*end - '0');
        if (value > max) {
            return NULL;
        }
    }
    if (end == text || (*text == '0' && end - text > 1)) {
        return NULL;
    }
    *number = (uint32_t)value;
    return end;
}

/* Reads an IP address of `family` that ends before any of `ends`.  Returns where; NULL if the text
 * is no address. */
static const char *parse_ip(uint8_t ip[16], const char *text, int family, const char *ends)
{
    char copy[INET6_ADDRSTRLEN];
    size_t len = strcspn(text, ends);

    if (len >= sizeof(copy)) {
        return NULL;
    }
    memcpy(copy, text, len);
    copy[len] = '\0';
    return inet_pton(family, copy, ip) == 1 ? text + len : NULL;
}

static const char *parse_ipv4(struct iq_socket_addr *addr, const char *text)
{
    addr->ip_version = IQ_IPV4;
    return parse_ip(addr->ip, text, AF_INET, ":");
}

/* Reads an address in brackets, with or without a scope. */
static const char *parse_ipv6(struct iq_socket_addr *addr, const char *text)
{
    addr->ip_version = IQ_IPV6;
    text = parse_ip(addr->ip, text + 1, AF_INET6, "%]");
    if (text != NULL && *text == '%') {
        text = parse_number(&addr->scope_id, text + 1, UINT32_MAX);
    }
    return text != NULL && *text == ']' ? text + 1 : NULL;
}

int iq_socket_addr_parse(struct iq_socket_addr *addr, const char *text)
{
    struct iq_socket_addr parsed = {0};
    uint32_t port;

    text = *text == '[' ? parse_ipv6(&parsed, text) : parse_ipv4(&parsed, text);
    if (text == NULL || *text != ':') {
        return IQ_ERR_INVALID_ADDR;
    }
    text = parse_number(&port, text + 1, UINT16_MAX);
    if (text == NULL || *text != '\0') {
        return IQ_ERR_INVALID_ADDR;
    }
    parsed.port = (uint16_t)port;
    *addr = parsed;
    return 0;
}

const char *iq_socket_addr_str(const struct iq_socket_addr *addr, char str[IQ_SOCKET_ADDR_STR_SIZE])
{
    char ip[INET6_ADDRSTRLEN] = "";
    char scope[sizeof("%4294967295")] = "";

    if (addr->ip_version == IQ_IPV4) {
        inet_ntop(AF_INET, addr->ip, ip, sizeof(ip));
        snprintf(str, IQ_SOCKET_ADDR_STR_SIZE, "%s:%" PRIu16, ip, addr->port);
        return str;
    }
    if (addr->ip_version != IQ_IPV6) {
        snprintf(str, IQ_SOCKET_ADDR_STR_SIZE, "none");
        return str;
    }
    if (addr->scope_id != 0) {
        snprintf(scope, sizeof(scope), "%%%" PRIu32, addr->scope_id);
    }
    inet_ntop(AF_INET6, addr->ip, ip, sizeof(ip));
    snprintf(str, IQ_SOCKET_ADDR_STR_SIZE, "[%s%s]:%" PRIu16, ip, scope, addr->port);
    return str;
}

bool iq_socket_addr_equal(const struct iq_socket_addr *a, const struct iq_socket_addr *b)
{
    return memcmp(a->ip, b->ip, sizeof(a->ip)) == 0 && a->scope_id == b->scope_id &&
           a->port == b->port && a->ip_version == b->ip_version;
}
