/*
 * Tickets: what is read is printed in one form, and read from it as the same.
 *
 * Each input is tried as a text and, because few texts are tickets, as the bytes within one.
 */
#include "iq/ticket.h"

#include "fuzz.h"

/* Base32 of RFC 4648; written anew, because nothing else here needs more than the public API. */
static char *ticket_of_bytes(const uint8_t *data, size_t len)
{
    static const char prefix[] = "endpoint";
    char *text = malloc(sizeof(prefix) + (len * 8 + 4) / 5);
    char *end = text;

    assert(text != NULL);
    memcpy(text, prefix, sizeof(prefix));
    end += strlen(prefix);
    for (size_t bit = 0; bit < len * 8; bit += 5) {
        unsigned pair = (unsigned)data[bit / 8] << 8 | (bit / 8 + 1 < len ? data[bit / 8 + 1] : 0);

        *end++ = "abcdefghijklmnopqrstuvwxyz234567"[pair >> (11 - bit % 8) & 31];
    }
    *end = '\0';
    return text;
}

static void check_same(const struct iq_ticket *a, const struct iq_ticket *b)
{
    const struct iq_addr *addr_a = iq_ticket_addr(a), *addr_b = iq_ticket_addr(b);

    assert(iq_ticket_equal(a, b));
    assert(strcmp(iq_ticket_str(a), iq_ticket_str(b)) == 0);
    assert(iq_id_equal(&addr_a->id, &addr_b->id));
    assert(addr_a->count == addr_b->count && addr_a->count <= IQ_ADDR_MAX);
    for (size_t i = 0; i < addr_a->count; i++) {
        assert(iq_socket_addr_equal(&addr_a->socket_addrs[i], &addr_b->socket_addrs[i]));
    }
    assert(iq_ticket_relay_count(a) == iq_ticket_relay_count(b));
    for (size_t i = 0; i < iq_ticket_relay_count(a); i++) {
        assert(strcmp(iq_ticket_relay(a, i), iq_ticket_relay(b, i)) == 0);
        assert(i == 0 || strcmp(iq_ticket_relay(a, i - 1), iq_ticket_relay(a, i)) < 0);
    }
}

/* What is left if only the id and the IP addresses are kept. */
static void check_new(const struct iq_ticket *ticket)
{
    struct iq_ticket *made, *again;

    assert(iq_ticket_new(&made, iq_ticket_addr(ticket)) == 0);
    assert(iq_ticket_parse(&again, iq_ticket_str(made), NULL) == 0);
    check_same(made, again);
    iq_ticket_free(made);
    iq_ticket_free(again);
}

static void check_text(const char *text)
{
    struct iq_ticket_mistake mistake = {0};
    struct iq_ticket *ticket, *again;
    int rc = iq_ticket_parse(&ticket, text, &mistake);

    if (rc != 0) {
        assert(rc == IQ_ERR_INVALID_TICKET);
        assert(mistake.what != NULL && mistake.where <= strlen(text));
        return;
    }
    assert(strlen(iq_ticket_str(ticket)) <= strlen(text));
    assert(iq_ticket_parse(&again, iq_ticket_str(ticket), NULL) == 0);
    check_same(ticket, again);
    check_new(ticket);
    iq_ticket_free(again);
    iq_ticket_free(ticket);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char *text = fuzz_str(data, len);
    char *ticket = ticket_of_bytes(data, len);

    check_text(text);
    check_text(ticket);
    free(text);
    free(ticket);
    return 0;
}
