/* Socket addresses: what is read, what is refused, and that both directions agree. */
#include "iq/addr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "assert_row.h"
#include "dice.h"

static const struct {
    const char *name;
    const char *text;
    const char *printed; /* NULL if it is the text */
    struct iq_socket_addr addr;
} good_rows[] = {
    {.name = "IPv4",
     .text = "192.0.2.7:4433",
     .addr = {.ip = {192, 0, 2, 7}, .port = 4433, .ip_version = IQ_IPV4}},
    {.name = "lowest", .text = "0.0.0.0:0", .addr = {.ip_version = IQ_IPV4}},
    {.name = "highest",
     .text = "255.255.255.255:65535",
     .addr = {.ip = {255, 255, 255, 255}, .port = 65535, .ip_version = IQ_IPV4}},
    {.name = "IPv6",
     .text = "[2001:db8::7]:4433",
     .addr = {.ip = {0x20, 1, 0xd, 0xb8, [15] = 7}, .port = 4433, .ip_version = IQ_IPV6}},
    {.name = "unspecified", .text = "[::]:0", .addr = {.ip_version = IQ_IPV6}},
    {.name = "loopback",
     .text = "[::1]:1",
     .addr = {.ip = {[15] = 1}, .port = 1, .ip_version = IQ_IPV6}},
    {.name = "zeros at the end",
     .text = "[1::]:1",
     .addr = {.ip = {0, 1}, .port = 1, .ip_version = IQ_IPV6}},
    {.name = "scope",
     .text = "[fe80::7%2]:4433",
     .addr = {.ip = {0xfe, 0x80, [15] = 7}, .scope_id = 2, .port = 4433, .ip_version = IQ_IPV6}},
    {.name = "highest scope",
     .text = "[fe80::7%4294967295]:80",
     .addr =
         {.ip = {0xfe, 0x80, [15] = 7}, .scope_id = UINT32_MAX, .port = 80, .ip_version = IQ_IPV6}},
    {.name = "scope zero is none",
     .text = "[fe80::7%0]:80",
     .printed = "[fe80::7]:80",
     .addr = {.ip = {0xfe, 0x80, [15] = 7}, .port = 80, .ip_version = IQ_IPV6}},
    {.name = "upper case",
     .text = "[2001:DB8::ABCD]:80",
     .printed = "[2001:db8::abcd]:80",
     .addr = {.ip = {0x20, 1, 0xd, 0xb8, [14] = 0xab, 0xcd}, .port = 80, .ip_version = IQ_IPV6}},
    {.name = "in full",
     .text = "[2001:0db8:0000:0000:0000:0000:0000:0001]:80",
     .printed = "[2001:db8::1]:80",
     .addr = {.ip = {0x20, 1, 0xd, 0xb8, [15] = 1}, .port = 80, .ip_version = IQ_IPV6}},
    {.name = "one zero field stays, RFC 5952, section 4.2.2",
     .text = "[2001:db8:0:1:1:1:1:1]:80",
     .addr = {.ip = {0x20, 1, 0xd, 0xb8, 0, 0, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1},
              .port = 80,
              .ip_version = IQ_IPV6}},
    {.name = "the longest run, RFC 5952, section 4.2.3",
     .text = "[2001:0:0:1::1]:80",
     .addr = {.ip = {0x20, 1, [7] = 1, [15] = 1}, .port = 80, .ip_version = IQ_IPV6}},
    {.name = "the first of two runs, RFC 5952, section 4.2.3",
     .text = "[2001:db8:0:0:1::1]:80",
     .printed = "[2001:db8::1:0:0:1]:80",
     .addr = {.ip = {0x20, 1, 0xd, 0xb8, [9] = 1, [15] = 1}, .port = 80, .ip_version = IQ_IPV6}},
    {.name = "IPv4 inside, RFC 5952, section 5",
     .text = "[::ffff:192.0.2.1]:80",
     .addr = {.ip = {[10] = 0xff, 0xff, 192, 0, 2, 1}, .port = 80, .ip_version = IQ_IPV6}},
    {.name = "the longest text",
     .text = "[fe80:0000:0000:0000:0000:ffff:255.255.255.255%4294967295]:65535",
     .printed = "[fe80::ffff:ffff:ffff%4294967295]:65535",
     .addr = {.ip = {0xfe, 0x80, [10] = 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
              .scope_id = UINT32_MAX,
              .port = 65535,
              .ip_version = IQ_IPV6}},
};

static void test_reads_and_prints(void **state)
{
    for (size_t i = 0; i < sizeof(good_rows) / sizeof(good_rows[0]); i++) {
        struct iq_socket_addr addr;
        char str[IQ_SOCKET_ADDR_STR_SIZE];
        const char *printed =
            good_rows[i].printed == NULL ? good_rows[i].text : good_rows[i].printed;

        memset(&addr, 0x55, sizeof(addr)); /* all of it must be overwritten */
        assert_row(iq_socket_addr_parse(&addr, good_rows[i].text) == 0, good_rows[i].name);
        assert_row(iq_socket_addr_equal(&addr, &good_rows[i].addr), good_rows[i].name);
        assert_string_equal(iq_socket_addr_str(&addr, str), printed);
    }
}

static const struct {
    const char *name;
    const char *text;
} bad_rows[] = {
    {.name = "nothing", .text = ""},
    {.name = "a colon", .text = ":"},
    {.name = "a port alone", .text = "4433"},
    {.name = "no address", .text = ":4433"},
    {.name = "no port", .text = "192.0.2.7"},
    {.name = "empty port", .text = "192.0.2.7:"},
    {.name = "port too high", .text = "192.0.2.7:65536"},
    {.name = "port far too high", .text = "192.0.2.7:18446744073709551617"},
    {.name = "endless port", .text = "192.0.2.7:999999999999999999999999999999999999999999999"},
    {.name = "negative port", .text = "192.0.2.7:-1"},
    {.name = "port with plus", .text = "192.0.2.7:+1"},
    {.name = "port with zero", .text = "192.0.2.7:080"},
    {.name = "port 00", .text = "192.0.2.7:00"},
    {.name = "hex port", .text = "192.0.2.7:0x50"},
    {.name = "named port", .text = "192.0.2.7:http"},
    {.name = "blank before", .text = " 192.0.2.7:80"},
    {.name = "blank after", .text = "192.0.2.7:80 "},
    {.name = "line feed after", .text = "192.0.2.7:80\n"},
    {.name = "blank before port", .text = "192.0.2.7: 80"},
    {.name = "blank before colon", .text = "192.0.2.7 :80"},
    {.name = "path after", .text = "192.0.2.7:80/"},
    {.name = "two ports", .text = "192.0.2.7:80:80"},
    {.name = "three numbers", .text = "192.0.2:80"},
    {.name = "five numbers", .text = "192.0.2.7.1:80"},
    {.name = "one number", .text = "3221225991:80"},
    {.name = "empty number", .text = "192..2.7:80"},
    {.name = "dot at the end", .text = "192.0.2.7.:80"},
    {.name = "dot at the start", .text = ".192.0.2.7:80"},
    {.name = "number too high", .text = "192.0.2.256:80"},
    {.name = "number with zero", .text = "192.0.2.07:80"},
    {.name = "octal number", .text = "0300.0.2.7:80"},
    {.name = "hex number", .text = "0xc0.0.2.7:80"},
    {.name = "negative number", .text = "192.0.2.-7:80"},
    {.name = "scope on IPv4", .text = "192.0.2.7%1:80"},
    {.name = "a name", .text = "localhost:80"},
    {.name = "IPv4 in brackets", .text = "[192.0.2.7]:80"},
    {.name = "long IPv4", .text = "192.000000000000000000000000000000000000000000000.2.7:80"},
    {.name = "IPv6 without brackets", .text = "2001:db8::7:80"},
    {.name = "bare IPv6", .text = "::1"},
    {.name = "a bracket", .text = "["},
    {.name = "brackets", .text = "[]"},
    {.name = "empty brackets", .text = "[]:80"},
    {.name = "open bracket", .text = "[::1"},
    {.name = "open bracket and port", .text = "[::1:80"},
    {.name = "missing open bracket", .text = "::1]:80"},
    {.name = "IPv6 without port", .text = "[::1]"},
    {.name = "IPv6 with empty port", .text = "[::1]:"},
    {.name = "IPv6 without colon", .text = "[::1]80"},
    {.name = "IPv6 port too high", .text = "[::1]:65536"},
    {.name = "IPv6 port with zero", .text = "[::1]:01"},
    {.name = "blank after bracket", .text = "[::1] :80"},
    {.name = "blank in brackets", .text = "[ ::1]:80"},
    {.name = "blank at the end of brackets", .text = "[::1 ]:80"},
    {.name = "two brackets", .text = "[[::1]]:80"},
    {.name = "seven fields", .text = "[1:2:3:4:5:6:7]:80"},
    {.name = "nine fields", .text = "[1:2:3:4:5:6:7:8:9]:80"},
    {.name = "eight fields and a gap", .text = "[1:2:3:4::5:6:7:8]:80"},
    {.name = "two gaps", .text = "[1::2::3]:80"},
    {.name = "three colons", .text = "[:::]:80"},
    {.name = "one colon at the start", .text = "[:1:2:3:4:5:6:7]:80"},
    {.name = "one colon at the end", .text = "[1:2:3:4:5:6:7:]:80"},
    {.name = "five digits", .text = "[::00001]:80"},
    {.name = "no hex digit", .text = "[::g]:80"},
    {.name = "IPv4 in the middle", .text = "[::192.0.2.7:1]:80"},
    {.name = "bad IPv4 inside", .text = "[::ffff:192.0.2.256]:80"},
    {.name = "prefix length", .text = "[::1/64]:80"},
    {.name = "empty scope", .text = "[fe80::7%]:80"},
    {.name = "named scope", .text = "[fe80::7%eth0]:80"},
    {.name = "scope too high", .text = "[fe80::7%4294967296]:80"},
    {.name = "scope with zero", .text = "[fe80::7%01]:80"},
    {.name = "negative scope", .text = "[fe80::7%-1]:80"},
    {.name = "blank before scope", .text = "[fe80::7% 1]:80"},
    {.name = "blank after scope", .text = "[fe80::7%1 ]:80"},
    {.name = "scope and another bracket", .text = "[fe80::7%1):80"},
    {.name = "two scopes", .text = "[fe80::7%1%1]:80"},
    {.name = "scope of nothing", .text = "[%1]:80"},
    {.name = "scope outside", .text = "[fe80::7]%1:80"},
    {.name = "long IPv6", .text = "[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]:80"},
    {.name = "what none prints", .text = "none"},
};

static void test_refuses(void **state)
{
    for (size_t i = 0; i < sizeof(bad_rows) / sizeof(bad_rows[0]); i++) {
        struct iq_socket_addr addr, before;

        memset(&addr, 0x55, sizeof(addr));
        before = addr;
        assert_row(iq_socket_addr_parse(&addr, bad_rows[i].text) == IQ_ERR_INVALID_ADDR,
                   bad_rows[i].name);
        assert_true(iq_socket_addr_equal(&addr, &before));
    }
}

/* Many zero bytes, so that every kind of gap is printed. */
static struct iq_socket_addr random_addr(struct dice *dice)
{
    struct iq_socket_addr addr = {.port = (uint16_t)dice_roll(dice), .ip_version = IQ_IPV4};
    size_t len = 4;

    if (dice_below(dice, 4) > 0) {
        addr.ip_version = IQ_IPV6;
        addr.scope_id = dice_below(dice, 2) == 0 ? 0 : (uint32_t)dice_roll(dice);
        len = 16;
    }
    for (size_t i = 0; i < len; i++) {
        addr.ip[i] = dice_below(dice, 3) == 0 ? (uint8_t)dice_roll(dice) : 0;
    }
    return addr;
}

static void test_what_is_printed_is_read(void **state)
{
    struct dice dice = dice_new();

    for (int round = 0; round < 100000; round++) {
        struct iq_socket_addr addr = random_addr(&dice), read;
        char str[IQ_SOCKET_ADDR_STR_SIZE], again[IQ_SOCKET_ADDR_STR_SIZE];

        iq_socket_addr_str(&addr, str);
        assert_row(iq_socket_addr_parse(&read, str) == 0, str);
        assert_row(iq_socket_addr_equal(&addr, &read), str);
        assert_string_equal(iq_socket_addr_str(&read, again), str);
    }
}

/* Texts that are nearly right: whatever is read must be what it says. */
static void test_damaged_texts(void **state)
{
    static const char symbols[] = "0123456789abcdf:.[]% -+x/";
    struct dice dice = dice_new();
    int read_count = 0;

    for (int round = 0; round < 200000; round++) {
        struct iq_socket_addr addr = random_addr(&dice), read, again;
        char str[IQ_SOCKET_ADDR_STR_SIZE];

        iq_socket_addr_str(&addr, str);
        str[dice_below(&dice, strlen(str))] = symbols[dice_below(&dice, sizeof(symbols) - 1)];
        if (iq_socket_addr_parse(&read, str) != 0) {
            continue;
        }
        read_count++;
        iq_socket_addr_str(&read, str);
        assert_int_equal(iq_socket_addr_parse(&again, str), 0);
        assert_true(iq_socket_addr_equal(&read, &again));
    }
    assert_true(read_count > 1000);
}

static void test_equal(void **state)
{
    const struct iq_socket_addr one = {
        .ip = {[15] = 1}, .scope_id = 1, .port = 1, .ip_version = IQ_IPV6};
    struct iq_socket_addr other[] = {one, one, one, one, one};

    other[1].ip[15] = 2;
    other[2].scope_id = 2;
    other[3].port = 2;
    other[4].ip_version = IQ_IPV4;
    assert_true(iq_socket_addr_equal(&one, &other[0]));
    for (size_t i = 1; i < sizeof(other) / sizeof(other[0]); i++) {
        assert_false(iq_socket_addr_equal(&one, &other[i]));
        assert_false(iq_socket_addr_equal(&other[i], &one));
    }
}

static void test_none(void **state)
{
    const struct iq_socket_addr none = {0};
    char str[IQ_SOCKET_ADDR_STR_SIZE];

    assert_string_equal(iq_socket_addr_str(&none, str), "none");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_and_prints),
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_what_is_printed_is_read),
        cmocka_unit_test(test_damaged_texts),
        cmocka_unit_test(test_equal),
        cmocka_unit_test(test_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
