/*
 * Tickets: text to bytes to a sorted set of addresses, and back.
 *
 * The order of the set and the meaning of each byte are those of iroh-base's EndpointAddr, which
 * derives them from its types.  Custom addresses were written in one form up to iroh 1.0.3 and in
 * another since (iroh's pull request 4465), and nothing in a ticket says which: see choose_form().
 */
#include "iq/ticket.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base32.h"
#include "iq/bytes.h"
#include "postcard.h"

#define PREFIX     "endpoint"
#define PREFIX_LEN (sizeof(PREFIX) - 1)

#define VARIANT        0  /* the only kind of ticket that there is */
#define ENTRY_MIN_LEN  3  /* a custom address without data */
#define INLINE_MAX     30 /* bytes of a custom address that iroh keeps in place */
#define INLINE_OLD_LEN (1 + INLINE_MAX)

/* The tags in a ticket, in the order of the set. */
enum entry_kind { ENTRY_RELAY = 0, ENTRY_IP = 1, ENTRY_CUSTOM = 2 };
enum ip_tag { IP_TAG_V4 = 0, IP_TAG_V6 = 1 };

/* Where iroh keeps a custom address: it orders them by that, and wrote it into old tickets. */
enum storage { STORAGE_INLINE = 0, STORAGE_HEAP = 1 };

/* How custom addresses are written, in all of a ticket. */
enum custom_form {
    FORM_NEW, /* length, data */
    FORM_OLD  /* storage, then a size and 30 bytes, or length and data */
};

/* One address of the set. */
struct entry {
    enum entry_kind kind;
    struct iq_socket_addr ip;
    uint64_t transport_id;
    enum storage storage;
    struct iq_bytes bytes; /* a URL; data of a custom address, in old inline form with its size */
};

struct iq_ticket {
    struct iq_addr addr;
    enum custom_form form;
    uint8_t *data; /* what was read, for the entries to point into; NULL if nothing was */
    char *urls;    /* the relays' URLs, each with a NUL, for the entries to point into; or NULL */
    char *str;
    size_t relay_count; /* they are the first of the entries */
    size_t entry_count;
    struct entry entries[];
};

/* --- order --------------------------------------------------------------------------------------
 */

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
static int compare_customs(const struct entry *a, const struct entry *b)
{
    int order = compare_numbers(a->transport_id, b->transport_id);

    if (order == 0) {
        order = compare_numbers(a->storage, b->storage);
    }
    if (order == 0 && a->storage == STORAGE_INLINE) {
        order = compare_numbers(a->bytes.len, b->bytes.len);
    }
    return order != 0 ? order : compare_bytes(a->bytes, b->bytes);
}

static int compare_entries(const void *one, const void *other)
{
    const struct entry *a = one, *b = other;

    if (a->kind != b->kind) {
        return compare_numbers(a->kind, b->kind);
    }
    switch (a->kind) {
    case ENTRY_RELAY:
        return compare_bytes(a->bytes, b->bytes);
    case ENTRY_IP:
        return compare_ips(&a->ip, &b->ip);
    case ENTRY_CUSTOM:
        return compare_customs(a, b);
    }
    return 0;
}

static void sort_entries(struct iq_ticket *ticket)
{
    struct entry *entries = ticket->entries;
    size_t kept = 0;

    qsort(entries, ticket->entry_count, sizeof(entries[0]), compare_entries);
    for (size_t i = 0; i < ticket->entry_count; i++) {
        if (kept == 0 || compare_entries(&entries[kept - 1], &entries[i]) != 0) {
            entries[kept++] = entries[i];
        }
    }
    ticket->entry_count = kept;
}

/* --- bytes to entries ---------------------------------------------------------------------------
 */

/* The host of a URL whose scheme has `scheme_len` bytes.  The characters that end it are those of
 * the WHATWG's URL standard, section 4.4. */
static struct iq_bytes url_host(struct iq_bytes url, size_t scheme_len)
{
    struct iq_bytes host = {.data = url.data + scheme_len};

    for (size_t i = scheme_len; i < url.len && strchr("/\\?#", url.data[i]) == NULL; i++) {
        if (url.data[i] == '@') { /* so that was a user's name */
            host = (struct iq_bytes){.data = url.data + i + 1};
        } else {
            host.len++;
        }
    }
    return host;
}

/* A control character of ASCII or, in UTF-8, of ISO 8859-1: a terminal might obey it. */
static bool is_control(const struct iq_bytes text, size_t i)
{
    uint8_t byte = text.data[i];

    return byte < 0x20 || byte == 0x7f ||
           (byte == 0xc2 && i + 1 < text.len && text.data[i + 1] < 0xa0);
}

static struct iq_bytes read_relay(struct iq_postcard_reader *reader)
{
    struct iq_bytes url = iq_postcard_read_str(reader);
    size_t start = reader->pos - url.len;
    size_t scheme_len = 0, controls = 0;
    struct iq_bytes host;

    while (controls < url.len && !is_control(url, controls)) {
        controls++;
    }
    if (controls < url.len) {
        iq_postcard_refuse(reader, start + controls, "a relay's URL has a control character");
        return url;
    }
    if (url.len >= 8 && strncasecmp((const char *)url.data, "https://", 8) == 0) {
        scheme_len = 8;
    } else if (url.len >= 7 && strncasecmp((const char *)url.data, "http://", 7) == 0) {
        scheme_len = 7;
    } else {
        iq_postcard_refuse(reader, start, "a relay's URL must begin with http:// or https://");
        return url;
    }
    host = url_host(url, scheme_len);
    if (host.len == 0 || host.data[0] == ':' || memchr(host.data, ' ', host.len) != NULL) {
        iq_postcard_refuse(reader, start + scheme_len, "a relay's URL needs the name of a host");
    }
    return url;
}

static struct iq_socket_addr read_ip(struct iq_postcard_reader *reader)
{
    struct iq_socket_addr addr = {0};
    size_t start = reader->pos;
    const char *unknown = "an IP address is neither version 4 nor version 6";
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
static void read_old_custom(struct entry *entry, struct iq_postcard_reader *reader)
{
    size_t start = reader->pos;
    const char *unknown = "a custom address is in no known form";
    uint64_t storage = iq_postcard_read_varint(reader, 32, unknown);

    if (storage == STORAGE_HEAP) {
        entry->storage = STORAGE_HEAP;
        entry->bytes = iq_postcard_read_bytes(reader);
        return;
    }
    entry->storage = STORAGE_INLINE;
    entry->bytes = iq_postcard_read_array(reader, INLINE_OLD_LEN);
    if (storage != STORAGE_INLINE || (entry->bytes.len > 0 && entry->bytes.data[0] > INLINE_MAX)) {
        iq_postcard_refuse(reader, start, unknown);
    }
}

static void read_custom(struct entry *entry, struct iq_postcard_reader *reader,
                        enum custom_form form)
{
    entry->transport_id =
        iq_postcard_read_varint(reader, 64, "the number of a custom address is too large");
    if (form == FORM_OLD) {
        read_old_custom(entry, reader);
        return;
    }
    entry->bytes = iq_postcard_read_bytes(reader);
    entry->storage = entry->bytes.len <= INLINE_MAX ? STORAGE_INLINE : STORAGE_HEAP;
}

static struct entry read_entry(struct iq_postcard_reader *reader, enum custom_form form)
{
    struct entry entry = {0};
    size_t start = reader->pos;
    const char *unknown = "an address is of an unknown kind";
    uint64_t tag = iq_postcard_read_varint(reader, 32, unknown);

    if (tag > ENTRY_CUSTOM) {
        iq_postcard_refuse(reader, start, unknown);
        return entry;
    }
    entry.kind = (enum entry_kind)tag;
    switch (entry.kind) {
    case ENTRY_RELAY:
        entry.bytes = read_relay(reader);
        break;
    case ENTRY_IP:
        entry.ip = read_ip(reader);
        break;
    case ENTRY_CUSTOM:
        read_custom(&entry, reader, form);
        break;
    }
    return entry;
}

/* How far `count` entries can be read in a form, and what stops that. */
static struct iq_postcard_reader try_form(struct iq_postcard_reader reader, size_t count,
                                          enum custom_form form)
{
    for (size_t i = 0; i < count && reader.mistake == NULL; i++) {
        read_entry(&reader, form);
    }
    return reader;
}

/*
 * The form in which the ticket can be read or, if both or none will do, in which more of it can.  To
 * be readable is not enough: bytes behind the end are ignored, and to one who expects the new form
 * an old address is often a short one and many such bytes.
 */
static enum custom_form choose_form(struct iq_postcard_reader reader, size_t count)
{
    struct iq_postcard_reader as_new = try_form(reader, count, FORM_NEW);
    struct iq_postcard_reader as_old = try_form(reader, count, FORM_OLD);
    bool is_new = as_new.mistake == NULL, is_old = as_old.mistake == NULL;

    if (is_new != is_old) {
        return is_new ? FORM_NEW : FORM_OLD;
    }
    return as_new.pos >= as_old.pos ? FORM_NEW : FORM_OLD;
}

/* What comes before the entries; returns their number. */
static size_t read_head(struct iq_id *id, struct iq_postcard_reader *reader)
{
    size_t start = reader->pos;
    const char *unknown = "the ticket is of an unknown kind";
    struct iq_bytes key;

    if (iq_postcard_read_varint(reader, 32, unknown) != VARIANT) {
        iq_postcard_refuse(reader, start, unknown);
    }
    start = reader->pos;
    key = iq_postcard_read_array(reader, sizeof(id->key));
    if (key.len > 0) {
        memcpy(id->key, key.data, sizeof(id->key));
        if (!iq_id_is_valid(id)) {
            iq_postcard_refuse(reader, start, "the id is not a valid key");
        }
    }
    return iq_postcard_read_count(reader, ENTRY_MIN_LEN);
}

/* --- entries to bytes to text -------------------------------------------------------------------
 */

static void write_custom(struct iq_postcard_writer *writer, const struct entry *entry,
                         enum custom_form form)
{
    iq_postcard_write_varint(writer, entry->transport_id);
    if (form == FORM_OLD) {
        iq_postcard_write_varint(writer, entry->storage);
    }
    if (form == FORM_OLD && entry->storage == STORAGE_INLINE) {
        iq_postcard_write_array(writer, entry->bytes.data, entry->bytes.len);
    } else {
        iq_postcard_write_bytes(writer, entry->bytes);
    }
}

static void write_entry(struct iq_postcard_writer *writer, const struct entry *entry,
                        enum custom_form form)
{
    bool is_v6 = entry->ip.ip_version == IQ_IPV6;

    iq_postcard_write_varint(writer, entry->kind);
    switch (entry->kind) {
    case ENTRY_RELAY:
        iq_postcard_write_bytes(writer, entry->bytes);
        break;
    case ENTRY_IP:
        iq_postcard_write_varint(writer, is_v6 ? IP_TAG_V6 : IP_TAG_V4);
        iq_postcard_write_array(writer, entry->ip.ip, is_v6 ? 16 : 4);
        iq_postcard_write_varint(writer, entry->ip.port);
        break;
    case ENTRY_CUSTOM:
        write_custom(writer, entry, form);
        break;
    }
}

/* Writes the bytes of a ticket to `data`, of which there are `size`, and returns their number. */
static size_t write_ticket(uint8_t *data, size_t size, const struct iq_ticket *ticket)
{
    struct iq_postcard_writer writer = iq_postcard_writer(data, size);

    iq_postcard_write_varint(&writer, VARIANT);
    iq_postcard_write_array(&writer, ticket->addr.id.key, sizeof(ticket->addr.id.key));
    iq_postcard_write_varint(&writer, ticket->entry_count);
    for (size_t i = 0; i < ticket->entry_count; i++) {
        write_entry(&writer, &ticket->entries[i], ticket->form);
    }
    return writer.len;
}

static int make_str(struct iq_ticket *ticket)
{
    size_t len = write_ticket(NULL, 0, ticket);
    uint8_t *data = malloc(len);

    ticket->str = malloc(PREFIX_LEN + IQ_BASE32_LEN(len) + 1);
    if (data == NULL || ticket->str == NULL) {
        free(data);
        return IQ_ERR_NOMEM; /* the text goes with the ticket */
    }
    write_ticket(data, len, ticket);
    memcpy(ticket->str, PREFIX, PREFIX_LEN);
    iq_base32_encode(ticket->str + PREFIX_LEN, data, len, iq_base32_rfc4648);
    free(data);
    return 0;
}
