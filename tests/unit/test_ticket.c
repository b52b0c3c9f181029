/* Tickets: iroh's own vectors, what iroh forgives, and every way to damage them. */
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

static const char no_addr[] = "endpointacxfr74igmsbvsbnn73wcecg5vt3kbzncqwfrdiampuufwnhkublmaa";

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

/* Made by iroh 1.0.2, the custom one in new form by a later version. */
static const struct {
    const char *name;
    const char *text;
    const char *bytes;
    const char *addrs;
} vectors[] = {
    {.name = "id only",
     .text = "endpointacxfr74igmsbvsbnn73wcecg5vt3kbzncqwfrdiampuufwnhkublmaa",
     .bytes = "00" ID "00",
     .addrs = ""},
    {.name = "127.0.0.1:1024",
     .text = "endpointacxfr74igmsbvsbnn73wcecg5vt3kbzncqwfrdiampuufwnhkublmaibab7qaaabqaea",
     .bytes = "00" ID "0101007f0000018008",
     .addrs = "127.0.0.1:1024"},
    {.name = "127.0.0.1:1234",
     .text = "endpointacxfr74igmsbvsbnn73wcecg5vt3kbzncqwfrdiampuufwnhkublmaibab7qaaab2ieq",
     .bytes = "00" ID "0101007f000001d209",
     .addrs = "127.0.0.1:1234"},
    {.name = "192.168.1.10:11204",
     .text = "endpointacxfr74igmsbvsbnn73wcecg5vt3kbzncqwfrdiampuufwnhkublmaibadakqaikyrlq",
     .bytes = "00" ID "010100c0a8010ac457",
     .addrs = "192.168.1.10:11204"},
    {.name = "[::1]:4433",
     .text = "endpointacxfr74igmsbvsbnn73wcecg5vt3kbzncqwfrdiampuufwnhkublmaibaeaaaaaaaaaaaaaaaaaaa"
             "aaaaaa5ciq",
     .bytes = "00" ID "01010100000000000000000000000000000001d122",
     .addrs = "[::1]:4433"},
    {.name = "[2001:db8::1]:65535",
     .text = "endpointacxfr74igmsbvsbnn73wcecg5vt3kbzncqwfrdiampuufwnhkublmaibaeqacdnyaaaaaaaaaaaaa"
             "aaaaaa777yd",
     .bytes = "00" ID "01010120010db8000000000000000000000001ffff03",
     .addrs = "[2001:db8::1]:65535"},
    {.name = "relay http://derp.me./",
     .text = "endpointacxfr74igmsbvsbnn73wcecg5vt3kbzncqwfrdiampuufwnhkublmaiacbuhi5dqhixs6zdfojyc4"
             "3lffyxq",
     .bytes = "00" ID "010010687474703a2f2f646572702e6d652e2f",
     .addrs = "http://derp.me./"},
    {.name = "relay https://euc1-1.relay.n0.iroh.link./",
     .text = "endpointacxfr74igmsbvsbnn73wcecg5vt3kbzncqwfrdiampuufwnhkublmaiaenuhi5dqom5c6l3fovrtc"
             "ljrfzzgk3dbpexg4mbonfzg62bonruw42zof4",
     .bytes =
         "00" ID "01002368747470733a2f2f657563312d312e72656c61792e6e302e69726f682e6c696e6b2e2f",
     .addrs = "https://euc1-1.relay.n0.iroh.link./"},
    {.name = "relay http://derp.me./ + 127.0.0.1:1024",
     .text = "endpointacxfr74igmsbvsbnn73wcecg5vt3kbzncqwfrdiampuufwnhkublmaqacbuhi5dqhixs6zdfojyc4"
             "3lffyxqcad7aaaadaai",
     .bytes = "00" ID "020010687474703a2f2f646572702e6d652e2f01007f0000018008",
     .addrs = "http://derp.me./ 127.0.0.1:1024"},
    {.name = "10.0.0.1:8, 10.0.0.1:9, 10.0.0.2:9, [::1]:1",
     .text = "endpointacxfr74igmsbvsbnn73wcecg5vt3kbzncqwfrdiampuufwnhkublmbabaafaaaabbaaqacqaaaaqs"
             "aiabiaaaaqjaeaqaaaaaaaaaaaaaaaaaaaaaaaacai",
     .bytes = "00" ID
              "0401000a0000010801000a0000010901000a0000020901010000000000000000000000000000000101",
     .addrs = "10.0.0.1:8 10.0.0.1:9 10.0.0.2:9 [::1]:1"},
    {.name = "custom, old form",
     .text = "endpointacxfr74igmsbvsbnn73wcecg5vt3kbzncqwfrdiampuufwnhkublmaicaeaaninsypkol5qaaaaaa"
             "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
     .bytes = "00" ID "0102010006a1b2c3d4e5f6000000000000000000000000000000000000000000000000",
     .addrs = ""},
    {.name = "custom, new form",
     .text = "endpointacxfr74igmsbvsbnn73wcecg5vt3kbzncqwfrdiampuufwnhkublmaicaedkdmwd2ts7m",
     .bytes = "00" ID "01020106a1b2c3d4e5f6",
     .addrs = ""},
};

#define VECTOR_COUNT (sizeof(vectors) / sizeof(vectors[0]))

static void test_vectors(void **state)
{
    for (size_t i = 0; i < VECTOR_COUNT; i++) {
        struct iq_ticket *ticket = parse(vectors[i].text, vectors[i].name);
        char text[TEXT_SIZE];
        char id[IQ_ID_STR_SIZE];

        text_of_hex(text, vectors[i].bytes);
        assert_string_equal(text, vectors[i].text);
        assert_string_equal(iq_ticket_str(ticket), vectors[i].text);
        assert_string_equal(iq_id_str(&iq_ticket_addr(ticket)->id, id), ID);
        describe(text, ticket);
        assert_string_equal(text, vectors[i].addrs);
        iq_ticket_free(ticket);
    }
}

/* What is not in its shortest form, or not in order, comes out so. */
static const struct {
    const char *name;
    const char *bytes;
    const char *printed;
    const char *addrs;
} odd_rows[] = {
    {.name = "bytes behind the end",
     .bytes = "00" ID "00ffff",
     .printed = "00" ID "00",
     .addrs = ""},
    {.name = "bytes behind an address",
     .bytes = "00" ID "0101007f000001800800",
     .printed = "00" ID "0101007f0000018008",
     .addrs = "127.0.0.1:1024"},
    {.name = "over-long tag of the ticket",
     .bytes = "8000" ID "00",
     .printed = "00" ID "00",
     .addrs = ""},
    {.name = "over-long count",
     .bytes = "00" ID "810001007f0000018008",
     .printed = "00" ID "0101007f0000018008",
     .addrs = "127.0.0.1:1024"},
    {.name = "over-long tags of the address",
     .bytes = "00" ID "01818080800080007f0000018008",
     .printed = "00" ID "0101007f0000018008",
     .addrs = "127.0.0.1:1024"},
    {.name = "over-long port",
     .bytes = "00" ID "0101007f0000018a00",
     .printed = "00" ID "0101007f0000010a",
     .addrs = "127.0.0.1:10"},
    {.name = "over-long length",
     .bytes = "00" ID "01008800687474703a2f2f78",
     .printed = "00" ID "010008687474703a2f2f78",
     .addrs = "http://x"},
    {.name = "over-long number of a custom address",
     .bytes = "00" ID "010281000107",
     .printed = "00" ID "0102010107",
     .addrs = ""},
    {.name = "twice the same",
     .bytes = "00" ID "0201007f000001800801007f0000018008",
     .printed = "00" ID "0101007f0000018008",
     .addrs = "127.0.0.1:1024"},
    {.name = "twice the same in two lengths",
     .bytes = "00" ID "0201007f0000010801007f0000018800",
     .printed = "00" ID "0101007f00000108",
     .addrs = "127.0.0.1:8"},
    {.name = "kinds in reverse",
     .bytes = "00" ID "0402010107"
              "0101" ZEROS_8 "000000000000000101"
              "01000a00000101"
              "0008687474703a2f2f78",
     .printed = "00" ID "040008687474703a2f2f78"
                "01000a00000101"
                "0101" ZEROS_8 "000000000000000101"
                "02010107",
     .addrs = "http://x 10.0.0.1:1 [::1]:1"},
    {.name = "IPv4 by number, then port",
     .bytes = "00" ID "040100c80000010101000a0000010101000a000001ac02"
              "01000a00000102",
     .printed = "00" ID "0401000a0000010101000a0000010201000a000001ac02"
                "0100c800000101",
     .addrs = "10.0.0.1:1 10.0.0.1:2 10.0.0.1:300 200.0.0.1:1"},
    {.name = "relays by text, the shorter first",
     .bytes = "00" ID "030009687474703a2f2f7879"
              "0008687474703a2f2f79"
              "0008687474703a2f2f78",
     .printed = "00" ID "030008687474703a2f2f78"
                "0009687474703a2f2f7879"
                "0008687474703a2f2f79",
     .addrs = "http://x http://xy http://y"},
    {.name = "relays by bytes, not by signed ones",
     .bytes = "00" ID "02000a687474703a2f2f78c3a4"
              "0009687474703a2f2f787a",
     .printed = "00" ID "020009687474703a2f2f787a"
                "000a687474703a2f2f78c3a4",
     .addrs = "http://xz http://x\xc3\xa4"},
    {.name = "new custom addresses: number, short before long, length, bytes",
     .bytes = "00" ID "06020200"
              "0201021f00"
              "0201021e01"
              "02011f" BYTES_31 "02010120"
              "020100",
     .printed = "00" ID "06020100"
                "02010120"
                "0201021e01"
                "0201021f00"
                "02011f" BYTES_31 "020200",
     .addrs = ""},
    {.name = "long new custom addresses: bytes before length",
     .bytes = "00" ID "0202011f" BYTES_30 "20"
              "020120" BYTES_31 "00",
     .printed = "00" ID "02020120" BYTES_31 "00"
                "02011f" BYTES_30 "20",
     .addrs = ""},
    {.name = "old custom addresses: number, storage, size, bytes",
     .bytes = "00" ID "05" OLD_7_OF_2 OLD_LONG OLD_56 OLD_7 OLD_45,
     .printed = "00" ID "05" OLD_7 OLD_45 OLD_56 OLD_LONG OLD_7_OF_2,
     .addrs = ""},
    {.name = "old custom address that is no new one, and bytes behind it",
     .bytes = "00" ID "02" OLD_LONG OLD_7_OF_2 "ffff",
     .printed = "00" ID "02" OLD_LONG OLD_7_OF_2,
     .addrs = ""},
    {.name = "new custom address and bytes behind it",
     .bytes = "00" ID "0102010107" ZEROS_28,
     .printed = "00" ID "0102010107",
     .addrs = ""},
    {.name = "old custom address with a full size",
     .bytes = "00" ID "010201001e" BYTES_30,
     .printed = "00" ID "010201001e" BYTES_30,
     .addrs = ""},
    {.name = "old custom address with something behind its data",
     .bytes = "00" ID "010201000005" ZEROS_28 "06",
     .printed = "00" ID "010201000005" ZEROS_28 "06",
     .addrs = ""},
};

static void test_oddities(void **state)
{
    for (size_t i = 0; i < sizeof(odd_rows) / sizeof(odd_rows[0]); i++) {
        char text[TEXT_SIZE], printed[TEXT_SIZE], addrs[TEXT_SIZE];
        struct iq_ticket *ticket;

        text_of_hex(text, odd_rows[i].bytes);
        text_of_hex(printed, odd_rows[i].printed);
        ticket = parse(text, odd_rows[i].name);
        assert_row(strcmp(iq_ticket_str(ticket), printed) == 0, odd_rows[i].name);
        describe(addrs, ticket);
        assert_string_equal(addrs, odd_rows[i].addrs);
        iq_ticket_free(ticket);
    }
}

static void test_either_case(void **state)
{
    for (size_t i = 0; i < VECTOR_COUNT; i++) {
        struct iq_ticket *ticket;
        char text[TEXT_SIZE];
        size_t len = (size_t)snprintf(text, sizeof(text), "%s", vectors[i].text);

        for (size_t k = 8; k < len; k++) {
            bool is_lower = text[k] >= 'a' && text[k] <= 'z';

            text[k] = (char)(is_lower && k % 3 > 0 ? text[k] & 0x5f : text[k]);
        }
        ticket = parse(text, vectors[i].name);
        assert_string_equal(iq_ticket_str(ticket), vectors[i].text);
        iq_ticket_free(ticket);
    }
}

/* The ticket keeps all of its addresses, also those that struct iq_addr has no room for. */
static void test_many_addresses(void **state)
{
    enum { COUNT = 100 };
    uint8_t bytes[BYTES_MAX];
    size_t len = bytes_of_hex(bytes, "00" ID);
    char text[TEXT_SIZE];
    struct iq_ticket *ticket;

    bytes[len++] = COUNT;
    for (size_t i = 0; i < COUNT; i++) {
        const uint8_t entry[] = {1, 0, 10, 0, 0, (uint8_t)i, (uint8_t)i};

        memcpy(bytes + len, entry, sizeof(entry));
        len += sizeof(entry);
    }
    text_of_bytes(text, bytes, len);
    ticket = parse(text, "many");
    assert_string_equal(iq_ticket_str(ticket), text);
    assert_int_equal(iq_ticket_addr(ticket)->count, IQ_ADDR_MAX);
    for (uint8_t i = 0; i < IQ_ADDR_MAX; i++) {
        assert_int_equal(iq_ticket_addr(ticket)->socket_addrs[i].port, i);
    }
    iq_ticket_free(ticket);
}

/* Of a vector without relays and custom addresses, struct iq_addr says all. */
static void test_new_makes_the_vectors(void **state)
{
    for (size_t i = 0; i < VECTOR_COUNT; i++) {
        struct iq_ticket *ticket = parse(vectors[i].text, vectors[i].name), *made;

        assert_int_equal(iq_ticket_new(&made, iq_ticket_addr(ticket)), 0);
        if (strstr(vectors[i].name, "relay") == NULL && strstr(vectors[i].name, "custom") == NULL) {
            assert_string_equal(iq_ticket_str(made), vectors[i].text);
            assert_true(iq_ticket_equal(made, ticket));
        } else {
            assert_false(iq_ticket_equal(made, ticket));
        }
        iq_ticket_free(made);
        iq_ticket_free(ticket);
    }
}

static void test_new_sorts(void **state)
{
    static const char *const addrs[] = {"[fe80::1%3]:2", "10.0.0.2:1", "[fe80::1%2]:2",
                                        "10.0.0.1:2",    "10.0.0.1:1", "10.0.0.1:2"};
    struct iq_addr addr = {.count = 6};
    struct iq_ticket *ticket;
    char text[TEXT_SIZE];

    assert_int_equal(iq_id_parse(&addr.id, ID), 0);
    for (size_t i = 0; i < addr.count; i++) {
        assert_int_equal(iq_socket_addr_parse(&addr.socket_addrs[i], addrs[i]), 0);
    }
    addr.socket_addrs[1].ip[4] = 1; /* behind an IPv4 address */
    assert_int_equal(iq_ticket_new(&ticket, &addr), 0);
    describe(text, ticket);
    assert_string_equal(text, "10.0.0.1:1 10.0.0.1:2 10.0.0.2:1 [fe80::1]:2");
    assert_int_equal(iq_ticket_addr(ticket)->socket_addrs[2].ip[4], 0);
    iq_ticket_free(ticket);
}

static void test_new_refuses(void **state)
{
    struct iq_addr addr = {.count = 0};
    struct iq_ticket *ticket = (struct iq_ticket *)&memory;

    assert_int_equal(iq_ticket_new(&ticket, &addr), IQ_ERR_INVALID_KEY);
    assert_int_equal(iq_id_parse(&addr.id, ID), 0);
    assert_int_equal(iq_socket_addr_parse(&addr.socket_addrs[0], "10.0.0.1:1"), 0);
    addr.count = 2;
    assert_int_equal(iq_ticket_new(&ticket, &addr), IQ_ERR_INVALID_ADDR);
    assert_ptr_equal(ticket, &memory);
}

static void test_equal(void **state)
{
    for (size_t i = 0; i < VECTOR_COUNT; i++) {
        struct iq_ticket *one = parse(vectors[i].text, vectors[i].name);

        for (size_t k = 0; k < VECTOR_COUNT; k++) {
            struct iq_ticket *other = parse(vectors[k].text, vectors[k].name);

            assert_row(iq_ticket_equal(one, other) == (i == k), vectors[i].name);
            iq_ticket_free(other);
        }
        iq_ticket_free(one);
    }
}

static void test_free_of_nothing(void **state) { iq_ticket_free(NULL); }

/* Of an old custom address the first bytes are a new one, without data; the rest is then ignored,
 * as by iroh.  Nothing else can be cut unnoticed. */
static void test_every_truncation(void **state)
{
    for (size_t i = 0; i < VECTOR_COUNT; i++) {
        bool may_be_cut = strstr(vectors[i].name, "old") != NULL;
        char text[TEXT_SIZE];
        size_t len = (size_t)snprintf(text, sizeof(text), "%s", vectors[i].text);

        assert_true(read_twice(text));
        while (len > 0) {
            text[--len] = '\0';
            assert_row(!read_twice(text) || may_be_cut, text);
        }
    }
}

/* Puts each of many characters at `place`. */
static void mutate(char *place, const char *text)
{
    static const char symbols[] = "abcdefghijklmnopqrstuvwxyz234567AZ01=- \n\x80";
    char kept = *place;

    for (size_t i = 0; i < sizeof(symbols); i++) { /* the NUL too */
        *place = symbols[i];
        read_twice(text);
    }
    *place = kept;
}

static void test_every_mutation(void **state)
{
    for (size_t i = 0; i < VECTOR_COUNT; i++) {
        char text[TEXT_SIZE];
        size_t len = (size_t)snprintf(text, sizeof(text), "%s", vectors[i].text);

        for (size_t k = 0; k < len; k++) {
            mutate(text + k, text);
        }
        assert_string_equal(text, vectors[i].text);
    }
}

/* Lets one allocation more succeed with each try. */
static void parse_without_memory(const char *text)
{
    struct iq_ticket *ticket = NULL;
    struct iq_ticket_mistake mistake = {.where = END};
    unsigned allowed_count = 0;
    int rc = IQ_ERR_NOMEM;

    for (; rc != 0; allowed_count++) {
        memory.allowed_count = allowed_count;
        rc = iq_ticket_parse(&ticket, text, &mistake);
        if (rc != 0) {
            assert_int_equal(rc, IQ_ERR_NOMEM);
            assert_null(ticket);
            assert_int_equal(memory.live_count, 0);
        }
    }
    assert_true(allowed_count > 4);
    assert_int_equal(mistake.where, END);
    assert_string_equal(iq_ticket_str(ticket), text);
    iq_ticket_free(ticket);
}

static void test_parse_without_memory(void **state)
{
    for (size_t i = 0; i < VECTOR_COUNT; i++) {
        parse_without_memory(vectors[i].text);
    }
}

static void test_new_without_memory(void **state)
{
    struct iq_ticket *ticket = NULL;
    struct iq_addr addr = {.count = 0};
    unsigned allowed_count = 0;
    int rc = IQ_ERR_NOMEM;

    assert_int_equal(iq_id_parse(&addr.id, ID), 0);
    for (; rc != 0; allowed_count++) {
        memory.allowed_count = allowed_count;
        rc = iq_ticket_new(&ticket, &addr);
        if (rc != 0) {
            assert_int_equal(rc, IQ_ERR_NOMEM);
            assert_null(ticket);
            assert_int_equal(memory.live_count, 0);
        }
    }
    assert_true(allowed_count > 3);
    assert_string_equal(iq_ticket_str(ticket), no_addr);
    iq_ticket_free(ticket);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_vectors, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_oddities, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_either_case, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_many_addresses, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_new_makes_the_vectors, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_new_sorts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_new_refuses, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_equal, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_free_of_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_every_truncation, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_every_mutation, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_parse_without_memory, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_new_without_memory, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
