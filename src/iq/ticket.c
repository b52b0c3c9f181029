/*
 * Tickets: text to bytes to a sorted set of addresses, and back.
 *
 * Source: iroh's crates iroh-tickets and iroh-base (EndpointTicket, EndpointAddr).
 */
#include "iq/ticket.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base32.h"
#include "iq/bytes.h"
#include "postcard.h"
#include "transport_addr.h"

#define PREFIX     "endpoint"
#define PREFIX_LEN (sizeof(PREFIX) - 1)
#define VARIANT    0 /* the only kind of ticket that there is */

struct iq_ticket {
    struct iq_addr addr;
    enum iq_custom_form form;
    uint8_t *data; /* what was read, for custom addresses to point into; NULL if nothing was */
    char *urls;    /* for the relays to point into, each with a NUL; NULL if nothing was read */
    char *str;
    size_t relay_count; /* they are the first of the entries */
    size_t entry_count;
    struct iq_transport_addr entries[];
};

/* A ticket whose entries are still to be filled in; NULL without memory. */
static struct iq_ticket *new_ticket(const struct iq_id *id, size_t entry_count,
                                    enum iq_custom_form form)
{
    struct iq_ticket *ticket;

    ticket = malloc(sizeof(*ticket) + entry_count * sizeof(ticket->entries[0]));
    if (ticket != NULL) {
        *ticket = (struct iq_ticket){
            .addr = {.id = *id},
            .form = form,
            .entry_count = entry_count,
        };
    }
    return ticket;
}

/* Reads what comes before the number of entries. */
static void read_id(struct iq_id *id, struct iq_postcard_reader *reader)
{
    static const char unknown[] = "the ticket is of an unknown kind";
    size_t start = reader->pos;
    struct iq_bytes key;

    if (iq_postcard_read_varint(reader, 32, unknown) != VARIANT) {
        iq_postcard_refuse(reader, start, unknown);
    }
    key = iq_postcard_read_array(reader, sizeof(id->key));
    if (key.len > 0) {
        memcpy(id->key, key.data, sizeof(id->key));
    }
}

static size_t read_count(struct iq_postcard_reader *reader)
{
    return iq_postcard_read_count(reader, IQ_TRANSPORT_ADDR_MIN_LEN);
}

/* Reads `count` entries, or fewer if something is wrong. */
static void read_entries(struct iq_transport_addr *entries, size_t count,
                         struct iq_postcard_reader *reader, enum iq_custom_form form)
{
    for (size_t i = 0; i < count && reader->mistake == NULL; i++) {
        entries[i] = iq_transport_addr_read(reader, form);
    }
}

/* How far the entries can be read in a form, and what stops that. */
static struct iq_postcard_reader try_form(struct iq_postcard_reader reader, size_t count,
                                          enum iq_custom_form form)
{
    for (size_t i = 0; i < count && reader.mistake == NULL; i++) {
        iq_transport_addr_read(&reader, form);
    }
    return reader;
}

/* 0: not, 1: with bytes behind the end, 2: whole. */
static int how_well_read(const struct iq_postcard_reader *reader)
{
    return reader->mistake != NULL ? 0 : 1 + (reader->pos == reader->len);
}

/*
 * The form of the custom addresses: the new one if the entries can be read so.  But bytes behind
 * the end are ignored, and to one who expects the new form an address in the old one is often a
 * short address and many such bytes, so the old form is preferred if only that leaves none.  If
 * neither will do, the mistake that counts is the one further on.
 */
static enum iq_custom_form choose_form(struct iq_postcard_reader reader)
{
    size_t count = read_count(&reader);
    struct iq_postcard_reader as_new = try_form(reader, count, IQ_CUSTOM_NEW);
    struct iq_postcard_reader as_old = try_form(reader, count, IQ_CUSTOM_OLD);
    int new_rank = how_well_read(&as_new), old_rank = how_well_read(&as_old);

    if (new_rank == 0 && old_rank == 0) {
        return as_old.pos > as_new.pos ? IQ_CUSTOM_OLD : IQ_CUSTOM_NEW;
    }
    return old_rank > new_rank ? IQ_CUSTOM_OLD : IQ_CUSTOM_NEW;
}

static enum iq_custom_form form_of(const uint8_t *data, size_t len)
{
    struct iq_postcard_reader reader = iq_postcard_reader(data, len);
    struct iq_id id;

    read_id(&id, &reader);
    return choose_form(reader);
}

/* Brings the set into order, each entry once. */
static void sort_entries(struct iq_ticket *ticket)
{
    struct iq_transport_addr *entries = ticket->entries;
    size_t kept = 0;

    qsort(entries, ticket->entry_count, sizeof(entries[0]), iq_transport_addr_compare);
    for (size_t i = 0; i < ticket->entry_count; i++) {
        if (kept == 0 || iq_transport_addr_compare(&entries[kept - 1], &entries[i]) != 0) {
            entries[kept++] = entries[i];
        }
    }
    ticket->entry_count = kept;
}

/* Fills in what follows from the entries. */
static void note_addresses(struct iq_ticket *ticket)
{
    for (size_t i = 0; i < ticket->entry_count; i++) {
        const struct iq_transport_addr *entry = &ticket->entries[i];

        ticket->relay_count += entry->kind == IQ_TRANSPORT_RELAY;
        if (entry->kind == IQ_TRANSPORT_IP && ticket->addr.count < IQ_ADDR_MAX) {
            ticket->addr.socket_addrs[ticket->addr.count++] = entry->ip;
        }
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
        iq_transport_addr_write(&writer, &ticket->entries[i], ticket->form);
    }
    return writer.len;
}

/* Sorts the entries, and makes all that follows from them.  IQ_ERR_INVALID_TICKET if the text would
 * be read in another form than the ticket was, which nobody writes by accident. */
static int finish_ticket(struct iq_ticket *ticket)
{
    int rc = IQ_ERR_NOMEM;
    size_t len;
    uint8_t *data;

    sort_entries(ticket);
    note_addresses(ticket);
    len = write_ticket(NULL, 0, ticket);
    data = malloc(len);
    ticket->str = malloc(PREFIX_LEN + IQ_BASE32_LEN(len) + 1);
    if (data == NULL || ticket->str == NULL) {
        goto done;
    }
    write_ticket(data, len, ticket);
    memcpy(ticket->str, PREFIX, PREFIX_LEN);
    iq_base32_encode(ticket->str + PREFIX_LEN, data, len, iq_base32_rfc4648);
    rc = form_of(data, len) == ticket->form ? 0 : IQ_ERR_INVALID_TICKET;
done:
    free(data);
    return rc;
}

static int refuse(struct iq_ticket_mistake *mistake, size_t where, const char *what)
{
    if (mistake != NULL) {
        *mistake = (struct iq_ticket_mistake){.where = where, .what = what};
    }
    return IQ_ERR_INVALID_TICKET;
}

/* Checks that the text is the prefix and then characters of base32. */
static int check_text(const char *text, struct iq_ticket_mistake *mistake)
{
    static const char symbols[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    size_t pos = 0;

    while (pos < PREFIX_LEN && text[pos] == PREFIX[pos]) {
        pos++;
    }
    if (pos < PREFIX_LEN) {
        return refuse(mistake, pos, "expected a ticket, which begins with \"" PREFIX "\"");
    }
    if (strnlen(text, IQ_TICKET_STR_MAX + 1) > IQ_TICKET_STR_MAX) {
        return refuse(mistake, IQ_TICKET_STR_MAX, "no ticket is as long as that");
    }
    pos += strspn(text + pos, symbols); /* before the length: it says more to a person */
    if (text[pos] != '\0') {
        return refuse(mistake, pos, "only letters and the digits 2 to 7 can stand here");
    }
    return 0;
}

/* Decodes a text that check_text() likes to `data`. */
static int decode(uint8_t *data, const char *text, struct iq_ticket_mistake *mistake)
{
    const char *body = text + PREFIX_LEN;
    size_t where;

    switch (iq_base32_decode(data, body, strlen(body), &where)) {
    case IQ_BASE32_OK:
        return 0;
    case IQ_BASE32_SYMBOL:
    case IQ_BASE32_LENGTH:
        return refuse(mistake, strlen(text), "characters are missing, or there is one too many");
    case IQ_BASE32_TRAILING_BITS:
        break;
    }
    return refuse(mistake, PREFIX_LEN + where,
                  "no ticket ends with this character: it is wrong, or others are missing");
}

/* Gives the relays' URLs an end, as strings have it.  `data_len` is how many bytes were read. */
static int make_urls(struct iq_ticket *ticket, size_t data_len)
{
    char *url = malloc(data_len); /* there each has two bytes more too, its tag and its length */

    if (url == NULL) {
        return IQ_ERR_NOMEM;
    }
    ticket->urls = url;
    for (size_t i = 0; i < ticket->relay_count; i++) {
        struct iq_bytes *bytes = &ticket->entries[i].bytes;

        memcpy(url, bytes->data, bytes->len);
        url[bytes->len] = '\0';
        bytes->data = (const uint8_t *)url;
        url += bytes->len + 1;
    }
    return 0;
}

/* Makes the ticket that a reader is in front of; custom addresses stay the reader's.  With
 * IQ_ERR_INVALID_TICKET the reader has the mistake. */
static int read_ticket(struct iq_ticket **ticket, struct iq_postcard_reader *reader)
{
    struct iq_ticket *made;
    struct iq_id id = {{0}};
    enum iq_custom_form form;
    int rc;

    read_id(&id, reader);
    if (reader->mistake == NULL && !iq_id_is_valid(&id)) {
        iq_postcard_refuse(reader, reader->pos - sizeof(id.key), "the id is not a valid key");
    }
    form = choose_form(*reader);
    made = new_ticket(&id, read_count(reader), form);
    if (made == NULL) {
        return IQ_ERR_NOMEM;
    }
    read_entries(made->entries, made->entry_count, reader, form);
    rc = reader->mistake == NULL ? finish_ticket(made) : IQ_ERR_INVALID_TICKET;
    if (rc == 0) {
        rc = make_urls(made, reader->len);
    }
    if (rc == IQ_ERR_INVALID_TICKET) { /* the first mistake counts */
        iq_postcard_refuse(reader, 0, "its custom addresses can be read in two ways");
    }
    if (rc != 0) {
        iq_ticket_free(made);
        return rc;
    }
    *ticket = made;
    return 0;
}

int iq_ticket_parse(struct iq_ticket **ticket, const char *text, struct iq_ticket_mistake *mistake)
{
    size_t text_len;
    uint8_t *data;
    struct iq_ticket *made;
    struct iq_postcard_reader reader;
    int rc = check_text(text, mistake);

    if (rc != 0) {
        return rc;
    }
    text_len = strlen(text);
    data = malloc(text_len);
    if (data == NULL) {
        return IQ_ERR_NOMEM;
    }
    rc = decode(data, text, mistake);
    if (rc != 0) {
        goto fail;
    }
    reader = iq_postcard_reader(data, (text_len - PREFIX_LEN) * 5 / 8);
    rc = read_ticket(&made, &reader);
    if (rc == IQ_ERR_INVALID_TICKET) {
        bool is_at_end = reader.pos == reader.len;

        refuse(mistake, is_at_end ? text_len : PREFIX_LEN + reader.pos * 8 / 5, reader.mistake);
    }
    if (rc != 0) {
        goto fail;
    }
    made->data = data;
    *ticket = made;
    return 0;
fail:
    free(data);
    return rc;
}

static struct iq_transport_addr ip_entry(const struct iq_socket_addr *addr)
{
    struct iq_transport_addr entry = {
        .kind = IQ_TRANSPORT_IP,
        .ip = {.port = addr->port, .ip_version = addr->ip_version},
    };

    memcpy(entry.ip.ip, addr->ip, addr->ip_version == IQ_IPV6 ? 16 : 4);
    return entry;
}

int iq_ticket_new(struct iq_ticket **ticket, const struct iq_addr *addr)
{
    struct iq_ticket *made;
    int rc;

    assert(addr->count <= IQ_ADDR_MAX);
    if (!iq_id_is_valid(&addr->id)) {
        return IQ_ERR_INVALID_KEY;
    }
    made = new_ticket(&addr->id, addr->count, IQ_CUSTOM_NEW);
    if (made == NULL) {
        return IQ_ERR_NOMEM;
    }
    for (size_t i = 0; i < addr->count; i++) {
        uint8_t version = addr->socket_addrs[i].ip_version;

        if (version != IQ_IPV4 && version != IQ_IPV6) {
            rc = IQ_ERR_INVALID_ADDR;
            goto fail;
        }
        made->entries[i] = ip_entry(&addr->socket_addrs[i]);
    }
    rc = finish_ticket(made);
    if (rc != 0) {
        goto fail;
    }
    *ticket = made;
    return 0;
fail:
    iq_ticket_free(made);
    return rc;
}

void iq_ticket_free(struct iq_ticket *ticket)
{
    if (ticket == NULL) {
        return;
    }
    free(ticket->data);
    free(ticket->urls);
    free(ticket->str);
    free(ticket);
}

const struct iq_addr *iq_ticket_addr(const struct iq_ticket *ticket) { return &ticket->addr; }

const char *iq_ticket_str(const struct iq_ticket *ticket) { return ticket->str; }

size_t iq_ticket_relay_count(const struct iq_ticket *ticket) { return ticket->relay_count; }

const char *iq_ticket_relay(const struct iq_ticket *ticket, size_t i)
{
    assert(i < ticket->relay_count);
    return (const char *)ticket->entries[i].bytes.data;
}

/* Each ticket has one text, and each text one ticket. */
bool iq_ticket_equal(const struct iq_ticket *a, const struct iq_ticket *b)
{
    return strcmp(a->str, b->str) == 0;
}
