/*
 * Transport addresses: three kinds, each with its bytes and its place in the order.
 *
 * The sources are iroh-base's endpoint_addr.rs and relay_url.rs, and what serde and the standard
 * library make of their types.
 */
#include "transport_addr.h"

#include <string.h>
#include <strings.h>

#define INLINE_OLD_LEN (1 + IQ_CUSTOM_INLINE_MAX)

/* The tags of iroh's SocketAddr. */
enum ip_tag { IP_TAG_V4 = 0, IP_TAG_V6 = 1 };

static int compare_numbers(uint64_t a, uint64_t b) { return a < b ? -1 : a > b; }

/* As Rust compares slices and strings. */
static int compare_bytes(struct iq_bytes a, struct iq_bytes b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len == 0 ? 0 : memcmp(a.data, b.data, len);

    return order != 0 ? order : compare_numbers(a.len, b.len);
}

static int compare_ips(const struct iq_socket_addr *a, const struct iq_socket_addr *b)
{
    int order = compare_numbers(a->ip_version, b->ip_version);

    if (order == 0) {
        order = memcmp(a->ip, b->ip, sizeof(a->ip));
    }
    return order != 0 ? order : compare_numbers(a->port, b->port);
}

/* Inline data begins with its size, or is meant to. */
static int compare_customs(const struct iq_transport_addr *a, const struct iq_transport_addr *b)
{
    int order = compare_numbers(a->transport_id, b->transport_id);

    if (order == 0) {
        order = compare_numbers(a->storage, b->storage);
    }
    if (order == 0 && a->storage == IQ_STORAGE_INLINE) {
        order = compare_numbers(a->bytes.len, b->bytes.len);
    }
    return order != 0 ? order : compare_bytes(a->bytes, b->bytes);
}

int iq_transport_addr_compare(const void *one, const void *other)
{
    const struct iq_transport_addr *a = one, *b = other;

    if (a->kind != b->kind) {
        return compare_numbers(a->kind, b->kind);
    }
    switch (a->kind) {
    case IQ_TRANSPORT_RELAY:
        return compare_bytes(a->bytes, b->bytes);
    case IQ_TRANSPORT_IP:
        return compare_ips(&a->ip, &b->ip);
    case IQ_TRANSPORT_CUSTOM:
        break;
    }
    return compare_customs(a, b);
}

/* A control character of ASCII or, in UTF-8, of ISO 8859-1: a terminal might obey it. */
static bool is_control(struct iq_bytes text, size_t i)
{
    uint8_t byte = text.data[i];

    return byte < 0x20 || byte == 0x7f ||
           (byte == 0xc2 && i + 1 < text.len && text.data[i + 1] < 0xa0);
}

/* The length of the scheme with its slashes; 0 if no relay can have it. */
static size_t scheme_len(struct iq_bytes url)
{
    static const char *const schemes[] = {"http://", "https://"};

    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        size_t len = strlen(schemes[i]);

        if (url.len >= len && strncasecmp((const char *)url.data, schemes[i], len) == 0) {
            return len;
        }
    }
    return 0;
}

/* Whether a host follows at `start`, behind the scheme.  The characters that end it are those of
 * the WHATWG's URL standard, section 4.4. */
static bool has_host(struct iq_bytes url, size_t start)
{
    size_t end = start;

    while (end < url.len && strchr("/\\?#", url.data[end]) == NULL) {
        if (url.data[end++] == '@') { /* before it is the name of a user */
            start = end;
        }
    }
    return end > start && url.data[start] != ':' &&
           memchr(url.data + start, ' ', end - start) == NULL;
}

/* Not all that iroh checks, which brings the URL into a normal form: this finds what is no URL of a
 * relay at all, and what must not reach a terminal. */
static struct iq_bytes read_relay(struct iq_postcard_reader *reader)
{
    struct iq_bytes url = iq_postcard_read_str(reader);
    size_t start = reader->pos - url.len;
    size_t host_at = scheme_len(url);

    for (size_t i = 0; i < url.len; i++) {
        if (is_control(url, i)) {
            iq_postcard_refuse(reader, start + i, "a relay's URL has a control character");
            return url;
        }
    }
    if (host_at == 0) {
        iq_postcard_refuse(reader, start, "a relay's URL must begin with http:// or https://");
    } else if (!has_host(url, host_at)) {
        iq_postcard_refuse(reader, start + host_at, "a relay's URL needs the name of a host");
    }
    return url;
}

static struct iq_socket_addr read_ip(struct iq_postcard_reader *reader)
{
    struct iq_socket_addr addr = {0};
    size_t start = reader->pos;
    static const char unknown[] = "an IP address is neither version 4 nor version 6";
    uint64_t tag = iq_postcard_read_varint(reader, 32, unknown);
    struct iq_bytes ip;

    if (tag != IP_TAG_V4 && tag != IP_TAG_V6) {
        iq_postcard_refuse(reader, start, unknown);
    }
    addr.ip_version = tag == IP_TAG_V6 ? IQ_IPV6 : IQ_IPV4;
    ip = iq_postcard_read_array(reader, tag == IP_TAG_V6 ? 16 : 4);
    if (ip.len > 0) {
        memcpy(addr.ip, ip.data, ip.len);
    }
    addr.port = (uint16_t)iq_postcard_read_varint(reader, 16, "a port is larger than 65535");
    return addr;
}

/* Iroh up to 1.0.3 reads a size beyond the 30 bytes, and ends when such an address is looked at. */
static void read_old_custom(struct iq_transport_addr *addr, struct iq_postcard_reader *reader)
{
    static const char unknown[] = "a custom address is in no known form";
    size_t start = reader->pos;
    uint64_t storage = iq_postcard_read_varint(reader, 32, unknown);

    if (storage == IQ_STORAGE_HEAP) {
        addr->storage = IQ_STORAGE_HEAP;
        addr->bytes = iq_postcard_read_bytes(reader);
        return;
    }
    if (storage != IQ_STORAGE_INLINE) {
        iq_postcard_refuse(reader, start, unknown);
    }
    addr->storage = IQ_STORAGE_INLINE;
    addr->bytes = iq_postcard_read_array(reader, INLINE_OLD_LEN);
    if (addr->bytes.len > 0 && addr->bytes.data[0] > IQ_CUSTOM_INLINE_MAX) {
        iq_postcard_refuse(reader, start, unknown);
    }
}

static void read_custom(struct iq_transport_addr *addr, struct iq_postcard_reader *reader,
                        enum iq_custom_form form)
{
    addr->transport_id =
        iq_postcard_read_varint(reader, 64, "the number of a custom address is too large");
    if (form == IQ_CUSTOM_OLD) {
        read_old_custom(addr, reader);
        return;
    }
    addr->bytes = iq_postcard_read_bytes(reader);
    addr->storage = addr->bytes.len <= IQ_CUSTOM_INLINE_MAX ? IQ_STORAGE_INLINE : IQ_STORAGE_HEAP;
}

struct iq_transport_addr iq_transport_addr_read(struct iq_postcard_reader *reader,
                                                enum iq_custom_form form)
{
    struct iq_transport_addr addr = {0};
    size_t start = reader->pos;
    static const char unknown[] = "an address is of an unknown kind";
    uint64_t tag = iq_postcard_read_varint(reader, 32, unknown);

    if (tag > IQ_TRANSPORT_CUSTOM) {
        iq_postcard_refuse(reader, start, unknown);
        return addr;
    }
    addr.kind = (enum iq_transport_kind)tag;
    switch (addr.kind) {
    case IQ_TRANSPORT_RELAY:
        addr.bytes = read_relay(reader);
        break;
    case IQ_TRANSPORT_IP:
        addr.ip = read_ip(reader);
        break;
    case IQ_TRANSPORT_CUSTOM:
        read_custom(&addr, reader, form);
        break;
    }
    return addr;
}

static void write_custom(struct iq_postcard_writer *writer, const struct iq_transport_addr *addr,
                         enum iq_custom_form form)
{
    iq_postcard_write_varint(writer, addr->transport_id);
    if (form == IQ_CUSTOM_OLD) {
        iq_postcard_write_varint(writer, addr->storage);
    }
    if (form == IQ_CUSTOM_OLD && addr->storage == IQ_STORAGE_INLINE) {
        iq_postcard_write_array(writer, addr->bytes.data, addr->bytes.len);
    } else {
        iq_postcard_write_bytes(writer, addr->bytes);
    }
}

void iq_transport_addr_write(struct iq_postcard_writer *writer,
                             const struct iq_transport_addr *addr, enum iq_custom_form form)
{
    bool is_v6 = addr->ip.ip_version == IQ_IPV6;

    iq_postcard_write_varint(writer, addr->kind);
    switch (addr->kind) {
    case IQ_TRANSPORT_RELAY:
        iq_postcard_write_bytes(writer, addr->bytes);
        break;
    case IQ_TRANSPORT_IP:
        iq_postcard_write_varint(writer, is_v6 ? IP_TAG_V6 : IP_TAG_V4);
        iq_postcard_write_array(writer, addr->ip.ip, is_v6 ? 16 : 4);
        iq_postcard_write_varint(writer, addr->ip.port);
        break;
    case IQ_TRANSPORT_CUSTOM:
        write_custom(writer, addr, form);
        break;
    }
}
