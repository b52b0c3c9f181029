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

/* A ticket with room for `entry_count` entries, which are not there yet; NULL without memory. */
static struct iq_ticket *new_ticket(const struct iq_id *id, size_t entry_count)
{
    struct iq_ticket *ticket;

    ticket = malloc(sizeof(*ticket) + entry_count * sizeof(ticket->entries[0]));
    if (ticket != NULL) {
        *ticket = (struct iq_ticket){.addr = {.id = *id}};
    }
    return ticket;
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

/* --- from bytes to entries ---------------------------------------------------------------------- */

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

/* Reads entries until there are `count` of them, or something is wrong. */
static void read_entries(struct iq_transport_addr *entries, size_t count,
                         struct iq_postcard_reader *reader, enum iq_custom_form form)
{
    for (size_t i = 0; i < count && reader->mistake == NULL; i++) {
        struct iq_transport_addr entry = iq_transport_addr_read(reader, form);

        if (entries != NULL) {
            entries[i] = entry;
        }
    }
}

/*
 * The form in which the entries can be read or, if both or none will do, in which more of them can.
 * To be readable is not enough: bytes behind the end are ignored, and to one who expects the new
 * form an address in the old one is often a short address and many such bytes.
 */
static enum iq_custom_form choose_form(struct iq_postcard_reader reader)
{
    size_t count = read_count(&reader);
    struct iq_postcard_reader as_new = reader, as_old = reader;
    bool new_is_wrong, old_is_wrong;

    read_entries(NULL, count, &as_new, IQ_CUSTOM_NEW);
    read_entries(NULL, count, &as_old, IQ_CUSTOM_OLD);
    new_is_wrong = as_new.mistake != NULL;
    old_is_wrong = as_old.mistake != NULL;
    if (new_is_wrong != old_is_wrong) {
        return new_is_wrong ? IQ_CUSTOM_OLD : IQ_CUSTOM_NEW;
    }
    return as_old.pos > as_new.pos ? IQ_CUSTOM_OLD : IQ_CUSTOM_NEW;
}

static enum iq_custom_form form_of(const uint8_t *data, size_t len)
{
    struct iq_postcard_reader reader = iq_postcard_reader(data, len);
    struct iq_id id;

    read_id(&id, &reader);
    return choose_form(reader);
}

/* --- from entries to text ----------------------------------------------------------------------- */

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

@@PARSE@@
/* --- between text and bytes --------------------------------------------------------------------- */

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

