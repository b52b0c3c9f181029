/* Tickets: what is refused, with which words, and where the mistake is said to be. */
#include "iq/ticket.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "scarce_memory.h"
#include "ticket_text.h"

/* All allocations succeed, and none is left at the end. */
static int set_up(void **state)
{
    memory.allowed_count = UINT_MAX;
    memory.live_count = 0; /* a test that failed is not held against the next */
    return 0;
}

static int tear_down(void **state)
{
    memory.allowed_count = UINT_MAX;
    return memory.live_count != 0;
}

static void assert_refused(const char *text, size_t where, const char *what, const char *name)
{
    struct iq_ticket *ticket = (struct iq_ticket *)&memory;
    struct iq_ticket_mistake mistake = {0};

    assert_row(iq_ticket_parse(&ticket, text, &mistake) == IQ_ERR_INVALID_TICKET, name);
    assert_ptr_equal(ticket, &memory);
    assert_string_equal(mistake.what, what);
    if (mistake.where != where) {
        fail_msg("row: %s: at %zu, not %zu", name, mistake.where, where);
    }
    assert_int_equal(iq_ticket_parse(&ticket, text, NULL), IQ_ERR_INVALID_TICKET);
}

#define NO_PREFIX  "expected a ticket, which begins with \"endpoint\""
#define NO_SYMBOL  "only letters and the digits 2 to 7 can stand here"
#define BAD_LENGTH "characters are missing, or there is one too many"
#define BAD_BITS   "no ticket ends with this character: it is wrong, or others are missing"
#define TOO_EARLY  "it ends too early"

static const struct {
    const char *name;
    const char *text;
    size_t where;
    const char *what;
} bad_texts[] = {
    {.name = "nothing", .text = "", .where = 0, .what = NO_PREFIX},
    {.name = "half the prefix", .text = "endpo", .where = 5, .what = NO_PREFIX},
    {.name = "prefix alone", .text = "endpoint", .where = 8, .what = TOO_EARLY},
    {.name = "another ticket", .text = "nodeacxfr74igmsbvsbn", .where = 0, .what = NO_PREFIX},
    {.name = "an id", .text = ID, .where = 0, .what = NO_PREFIX},
    {.name = "blank before",
     .text = " endpointacxfr74igmsbvsbnn73wcecg5vt3kbzncqwfrdiampuufwnhkublmaa",
     .where = 0,
     .what = NO_PREFIX},
    {.name = "upper case prefix",
     .text = "Endpointacxfr74igmsbvsbnn73wcecg5vt3kbzncqwfrdiampuufwnhkublmaa",
     .where = 0,
     .what = NO_PREFIX},
    {.name = "upper case in the prefix",
     .text = "endpoinTacxfr74igmsbvsbnn73wcecg5vt3kbzncqwfrdiampuufwnhkublmaa",
     .where = 7,
     .what = NO_PREFIX},
    {.name = "blank after",
     .text = "endpointacxfr74igmsbvsbnn73wcecg5vt3kbzncqwfrdiampuufwnhkublmaa ",
     .where = 63,
     .what = NO_SYMBOL},
    {.name = "line feed after",
     .text = "endpointacxfr74igmsbvsbnn73wcecg5vt3kbzncqwfrdiampuufwnhkublmaa\n",
     .where = 63,
     .what = NO_SYMBOL},
    {.name = "padding",
     .text = "endpointacxfr74igmsbvsbnn73wcecg5vt3kbzncqwfrdiampuufwnhkublmaa=",
     .where = 63,
     .what = NO_SYMBOL},
    {.name = "blank inside",
     .text = "endpointacxfr74 igmsbvsbnn73wcecg5vt3kbzncqwfrdiampuufwnhkublmaa",
     .where = 15,
     .what = NO_SYMBOL},
    {.name = "a digit that is none",
     .text = "endpoint1cxfr74igmsbvsbnn73wcecg5vt3kbzncqwfrdiampuufwnhkublmaa",
     .where = 8,
     .what = NO_SYMBOL},
    {.name = "UTF-8",
     .text = "endpointacxfr74igmsbvsbnn73wcecg5vt3kbzncqwfrdiampuufwnhkublma\xc3\xa4",
     .where = 62,
     .what = NO_SYMBOL},
    {.name = "spare bits",
     .text = "endpointacxfr74igmsbvsbnn73wcecg5vt3kbzncqwfrdiampuufwnhkublmab",
     .where = 62,
     .what = BAD_BITS},
    {.name = "a character less",
     .text = "endpointacxfr74igmsbvsbnn73wcecg5vt3kbzncqwfrdiampuufwnhkublma",
     .where = 62,
     .what = BAD_LENGTH},
    {.name = "a character more",
     .text = "endpointacxfr74igmsbvsbnn73wcecg5vt3kbzncqwfrdiampuufwnhkublmaaa2",
     .where = 65,
     .what = BAD_LENGTH},
    {.name = "a byte less",
     .text = "endpointacxfr74igmsbvsbnn73wcecg5vt3kbzncqwfrdiampuufwnhkublm",
     .where = 61,
     .what = TOO_EARLY},
};

static void test_bad_texts(void **state)
{
    for (size_t i = 0; i < sizeof(bad_texts) / sizeof(bad_texts[0]); i++) {
        assert_refused(bad_texts[i].text, bad_texts[i].where, bad_texts[i].what, bad_texts[i].name);
    }
}

static const struct {
    const char *name;
    const char *bytes;
    size_t byte; /* the index of the byte at fault; END if more must come */
    const char *what;
} bad_bytes[] = {
    {.name = "ticket tag 1",
     .bytes = "01" ID "00",
     .byte = 0,
     .what = "the ticket is of an unknown kind"},
    {.name = "endless ticket tag",
     .bytes = "808080808000" ID "00",
     .byte = 0,
     .what = "the ticket is of an unknown kind"},
    {.name = "tag alone", .bytes = "00", .byte = END, .what = TOO_EARLY},
    {.name = "no count", .bytes = "00" ID, .byte = END, .what = TOO_EARLY},
    {.name = "count and nothing after", .bytes = "00" ID "01", .byte = END, .what = TOO_EARLY},
    {.name = "huge count",
     .bytes = "00" ID "ffffffffffffffffff01" ZEROS_28,
     .byte = END,
     .what = TOO_EARLY},
    {.name = "count beyond 64 bits",
     .bytes = "00" ID "ffffffffffffffffff02",
     .byte = 33,
     .what = "a length is too large"},
    {.name = "one address of two",
     .bytes = "00" ID "0201007f0000018008",
     .byte = END,
     .what = TOO_EARLY},
    {.name = "no point of the curve",
     .bytes = "00"
              "0200000000000000000000000000000000000000000000000000000000000000"
              "00",
     .byte = 1,
     .what = "the id is not a valid key"},
    {.name = "a point of small order",
     .bytes = "00"
              "0100000000000000000000000000000000000000000000000000000000000000"
              "00",
     .byte = 1,
     .what = "the id is not a valid key"},
    {.name = "address tag 3",
     .bytes = "00" ID "010301ffff",
     .byte = 34,
     .what = "an address is of an unknown kind"},
    {.name = "second address",
     .bytes = "00" ID "0201007f000001800804" ZEROS_28,
     .byte = 42,
     .what = "an address is of an unknown kind"},
    {.name = "IP tag 2",
     .bytes = "00" ID "0101027f0000018008",
     .byte = 35,
     .what = "an IP address is neither version 4 nor version 6"},
    {.name = "cut IPv4 address", .bytes = "00" ID "0101007f00", .byte = END, .what = TOO_EARLY},
    {.name = "cut IPv6 address", .bytes = "00" ID "010101" ZEROS_8, .byte = END, .what = TOO_EARLY},
    {.name = "no port", .bytes = "00" ID "0101007f000001", .byte = END, .what = TOO_EARLY},
    {.name = "half a port", .bytes = "00" ID "0101007f00000180", .byte = END, .what = TOO_EARLY},
    {.name = "port 65536",
     .bytes = "00" ID "0101007f000001808004",
     .byte = 40,
     .what = "a port is larger than 65535"},
    {.name = "port in four bytes",
     .bytes = "00" ID "0101007f0000018a808000",
     .byte = 40,
     .what = "a port is larger than 65535"},
    {.name = "cut URL", .bytes = "00" ID "010009687474703a2f2f78", .byte = END, .what = TOO_EARLY},
    {.name = "URL that is not UTF-8",
     .bytes = "00" ID "010009687474703a2f2fff78",
     .byte = 43,
     .what = "a text is not UTF-8"},
    {.name = "number of a custom address beyond 64 bits",
     .bytes = "00" ID "0102ffffffffffffffffff0200",
     .byte = 35,
     .what = "the number of a custom address is too large"},
    {.name = "custom address in no form",
     .bytes = "00" ID "01020102ff",
     .byte = END,
     .what = TOO_EARLY},
    {.name = "old custom address, then tag 3",
     .bytes = "00" ID "02020100050506" ZEROS_28 "03" ZEROS_8,
     .byte = 68,
     .what = "an address is of an unknown kind"},
    {.name = "old custom address of 31 bytes",
     .bytes = "00" ID "02" OLD_LONG "020200"
              "1f" BYTES_30,
     .byte = 41,
     .what = "a custom address is in no known form"},
    {.name = "old custom address with storage 2",
     .bytes = "00" ID "02" OLD_LONG "020202"
              "1e" BYTES_30,
     .byte = 41,
     .what = "a custom address is in no known form"},
};

static void test_bad_bytes(void **state)
{
    for (size_t i = 0; i < sizeof(bad_bytes) / sizeof(bad_bytes[0]); i++) {
        char text[TEXT_SIZE];
        size_t byte = bad_bytes[i].byte;

        text_of_hex(text, bad_bytes[i].bytes);
        assert_refused(text, byte == END ? strlen(text) : 8 + byte * 8 / 5, bad_bytes[i].what,
                       bad_bytes[i].name);
    }
}

/* Two old addresses that, in order, are two new ones as well; not in order they are old ones only.
 * What is printed would be read as something else. */
static void test_two_meanings(void **state)
{
    static const char first[] = "020100"
                                "02013e" BYTES_10 BYTES_10 "0102030405060708";
    static const char second[] = "020200"
                                 "030506" ZEROS_28;
    char hex[BYTES_MAX], text[TEXT_SIZE];
    struct iq_ticket *ticket;

    snprintf(hex, sizeof(hex), "00" ID "02%s%s", first, second);
    text_of_hex(text, hex);
    ticket = parse(text, "in order");
    assert_string_equal(iq_ticket_str(ticket), text);
    iq_ticket_free(ticket);
    snprintf(hex, sizeof(hex), "00" ID "02%s%s", second, first);
    text_of_hex(text, hex);
    assert_refused(text, 8, "its custom addresses can be read in two ways", "not in order");
}

#define NO_SCHEME  "a relay's URL must begin with http:// or https://"
#define NO_HOST    "a relay's URL needs the name of a host"
#define IS_CONTROL "a relay's URL has a control character"

static const struct {
    const char *url;
    const char *what; /* NULL if it is good */
    size_t where;     /* in the URL */
} urls[] = {
    {.url = "http://derp.me./"},
    {.url = "https://euc1-1.relay.n0.iroh.link./"},
    {.url = "http://x"},
    {.url = "https://[::1]:3340/"},
    {.url = "https://user:word@host:443/path?query#fragment"},
    {.url = "HTTPS://Derp.ME"},
    {.url = "http://derp.me/a b"},
    {.url = "https://b\xc3\xbc\x63her.example/"},
    {.url = "https://\xc2\xa0.example/"},
    {.url = "", .what = TOO_EARLY},
    {.url = "derp.me", .what = NO_SCHEME},
    {.url = "http:/derp.me", .what = NO_SCHEME},
    {.url = "http:", .what = NO_SCHEME},
    {.url = "httpss://derp.me", .what = NO_SCHEME},
    {.url = "ftp://derp.me/", .what = NO_SCHEME},
    {.url = " http://derp.me/", .what = NO_SCHEME},
    {.url = "http://", .what = NO_HOST, .where = 7},
    {.url = "https://", .what = NO_HOST, .where = 8},
    {.url = "http:///derp.me", .what = NO_HOST, .where = 7},
    {.url = "http://?derp.me", .what = NO_HOST, .where = 7},
    {.url = "http://#derp.me", .what = NO_HOST, .where = 7},
    {.url = "http://\\derp.me", .what = NO_HOST, .where = 7},
    {.url = "http://:80/", .what = NO_HOST, .where = 7},
    {.url = "http://user@/", .what = NO_HOST, .where = 7},
    {.url = "http://user@:80/", .what = NO_HOST, .where = 7},
    {.url = "http://derp me/", .what = NO_HOST, .where = 7},
    {.url = "http://derp.me/\x1b[2J", .what = IS_CONTROL, .where = 15},
    {.url = "http://derp.me/\n", .what = IS_CONTROL, .where = 15},
    {.url = "http://derp\x7f", .what = IS_CONTROL, .where = 11},
    {.url = "http://derp\xc2\x9b", .what = IS_CONTROL, .where = 11},
    {.url = "\thttp://derp.me", .what = IS_CONTROL, .where = 0},
};

/* A ticket with one relay. */
static void text_of_url(char text[TEXT_SIZE], const char *url, size_t len)
{
    uint8_t bytes[BYTES_MAX];
    size_t head_len = bytes_of_hex(bytes, "00" ID "0100");

    assert_true(len <= 127);
    bytes[head_len++] = (uint8_t)len;
    memcpy(bytes + head_len, url, len);
    text_of_bytes(text, bytes, head_len + len);
}

static void test_urls(void **state)
{
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        size_t len = strlen(urls[i].url);
        char text[TEXT_SIZE];

        text_of_url(text, urls[i].url, len);
        if (urls[i].what == NULL) {
            struct iq_ticket *ticket = parse(text, urls[i].url);

            assert_int_equal(iq_ticket_relay_count(ticket), 1);
            assert_string_equal(iq_ticket_relay(ticket, 0), urls[i].url);
            assert_string_equal(iq_ticket_str(ticket), text);
            iq_ticket_free(ticket);
        } else {
            size_t where = 8 + (36 + urls[i].where) * 8 / 5;

            assert_refused(text, urls[i].where == len ? strlen(text) : where, urls[i].what,
                           urls[i].url);
        }
    }
}

static void test_nul_in_url(void **state)
{
    char text[TEXT_SIZE];

    text_of_url(text, "http://x\0y", 10);
    assert_refused(text, 8 + 44 * 8 / 5, IS_CONTROL, "NUL");
}

static void test_longest_text(void **state)
{
    char no_addr[TEXT_SIZE];
    char *text = malloc(IQ_TICKET_STR_MAX + 2);
    struct iq_ticket *ticket;

    assert_non_null(text);
    text_of_hex(no_addr, "00" ID "00");
    memset(text, 'a', IQ_TICKET_STR_MAX + 1);
    memcpy(text, no_addr, strlen(no_addr));
    text[IQ_TICKET_STR_MAX] = '\0';
    ticket = parse(text, "longest");
    assert_string_equal(iq_ticket_str(ticket), no_addr);
    iq_ticket_free(ticket);
    text[IQ_TICKET_STR_MAX] = 'a';
    text[IQ_TICKET_STR_MAX + 1] = '\0';
    assert_refused(text, IQ_TICKET_STR_MAX, "no ticket is as long as that", "one more");
    free(text);
}

/* A count makes nobody allocate what the text cannot fill. */
static void test_count_costs_nothing(void **state)
{
    char text[TEXT_SIZE];

    text_of_hex(text, "00" ID "ffffffff7f" ZEROS_28);
    memory.largest_size = 0;
    assert_refused(text, strlen(text), TOO_EARLY, "count");
    assert_true(memory.largest_size < 4096);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_bad_texts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bad_bytes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_two_meanings, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_urls, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_nul_in_url, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_longest_text, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_count_costs_nothing, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
