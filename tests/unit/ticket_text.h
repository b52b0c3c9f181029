/*
 * Texts and bytes of tickets, as the tests of them write and read them.
 *
 * Include it behind cmocka.h.
 */
#ifndef TICKET_TEXT_H
#define TICKET_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assert_row.h"
#include "base32.h"
#include "iq/ticket.h"

/* The id in iroh's vectors; this and what follows are hex digits. */
#define ID "ae58ff8833241ac82d6ff7611046ed67b5072d142c588d0063e942d9a75502b6"

#define ZEROS_8  "0000000000000000"
#define ZEROS_28 ZEROS_8 ZEROS_8 ZEROS_8 "00000000"
#define BYTES_10 "0102030405060708090a"
#define BYTES_30 BYTES_10 "0b0c0d0e0f101112131415161718191a1b1c1d1e"
#define BYTES_31 BYTES_30 "1f"

/* Custom addresses in the old form: tag, number, storage, data. */
#define OLD_7      "020100010700" ZEROS_28
#define OLD_45     "020100020405" ZEROS_28
#define OLD_56     "020100020506" ZEROS_28
#define OLD_LONG   "0201010103"
#define OLD_7_OF_2 "020200010700" ZEROS_28

/* Room for every ticket of these tests. */
#define BYTES_MAX 4096
#define TEXT_SIZE 8192

/* Where a text ends, when it should go on. */
#define END ((size_t)-1)

static inline size_t bytes_of_hex(uint8_t *bytes, const char *hex)
{
    size_t len = strlen(hex) / 2;

    assert_true(len <= BYTES_MAX);
    for (size_t i = 0; i < len; i++) {
        char digits[3] = {hex[2 * i], hex[2 * i + 1]};

        bytes[i] = (uint8_t)strtoul(digits, NULL, 16);
    }
    return len;
}

static inline void text_of_bytes(char text[TEXT_SIZE], const uint8_t *bytes, size_t len)
{
    static const char prefix[] = "endpoint";

    memcpy(text, prefix, sizeof(prefix));
    iq_base32_encode(text + strlen(prefix), bytes, len, iq_base32_rfc4648);
}

static inline void text_of_hex(char text[TEXT_SIZE], const char *hex)
{
    uint8_t bytes[BYTES_MAX];

    text_of_bytes(text, bytes, bytes_of_hex(bytes, hex));
}

static inline struct iq_ticket *parse(const char *text, const char *name)
{
    struct iq_ticket_mistake mistake = {.what = "no memory"};
    struct iq_ticket *ticket = NULL;
    int rc = iq_ticket_parse(&ticket, text, &mistake);

    if (rc != 0) {
        fail_msg("row: %s: %s at %zu", name, mistake.what, mistake.where);
    }
    return ticket;
}

/* The relays and the IP addresses, with blanks between them. */
static inline void describe(char text[TEXT_SIZE], const struct iq_ticket *ticket)
{
    const struct iq_addr *addr = iq_ticket_addr(ticket);
    size_t len = 0;

    text[0] = '\0';
    for (size_t i = 0; i < iq_ticket_relay_count(ticket); i++) {
        len += (size_t)snprintf(text + len, TEXT_SIZE - len, "%s ", iq_ticket_relay(ticket, i));
    }
    for (size_t i = 0; i < addr->count; i++) {
        char str[IQ_SOCKET_ADDR_STR_SIZE];

        len += (size_t)snprintf(text + len, TEXT_SIZE - len, "%s ",
                                iq_socket_addr_str(&addr->socket_addrs[i], str));
    }
    if (len > 0) {
        text[len - 1] = '\0';
    }
}

/* Whatever is read is printed, and what was printed is read as the same.  Returns whether it was
 * read. */
static inline bool read_twice(const char *text)
{
    struct iq_ticket_mistake mistake = {.where = END};
    struct iq_ticket *ticket, *again;
    char first[TEXT_SIZE], second[TEXT_SIZE];
    int rc = iq_ticket_parse(&ticket, text, &mistake);

    if (rc != 0) {
        assert_int_equal(rc, IQ_ERR_INVALID_TICKET);
        assert_row(mistake.where <= strlen(text) && mistake.what != NULL, text);
        return false;
    }
    again = parse(iq_ticket_str(ticket), text);
    assert_true(iq_ticket_equal(ticket, again));
    describe(first, ticket);
    describe(second, again);
    assert_string_equal(first, second);
    iq_ticket_free(again);
    iq_ticket_free(ticket);
    return true;
}

#endif
