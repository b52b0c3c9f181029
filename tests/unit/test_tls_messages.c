/* Messages of TLS, cut anywhere: which of them OpenSSL gets to see, and which keys. */
#include "tls_messages.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "assert_row.h"

#define BYTES(text) .bytes = (const uint8_t *)(text), .len = sizeof(text) - 1

#define EXTENSIONS "\x08\x00\x00\x02\x00\x00" /* EncryptedExtensions, which are none */
#define KEY        "a key can be any of 32 bytes...."
#define ED25519    "\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00"
#define GOOD       "\x0b\x00\x00\x35\x00\x00\x00\x31\x00\x00\x2c" ED25519 KEY "\x00\x00"

#define UNSUPPORTED_CERTIFICATE 43
#define UNEXPECTED_MESSAGE      10

#define INITIAL   NGTCP2_ENCRYPTION_LEVEL_INITIAL
#define HANDSHAKE NGTCP2_ENCRYPTION_LEVEL_HANDSHAKE
#define ONE_RTT   NGTCP2_ENCRYPTION_LEVEL_1RTT

struct row {
    const char *name;
    const uint8_t *bytes;
    size_t len;
    uint8_t alert;
    bool dials;
    ngtcp2_encryption_level level;
};

static const struct row rows[] = {
    {"a ClientHello", BYTES("\x01\x00\x00\x01\x00"), 0, false, INITIAL},
    {"a HelloRetryRequest and a ServerHello", BYTES("\x02\x00\x00\x01\x00\x02"), 0, true, INITIAL},
    {"EncryptedExtensions in an Initial", BYTES("\x02\x00\x00\x01\x00\x08"), UNEXPECTED_MESSAGE,
     true, INITIAL},
    {"a key in an Initial", BYTES("\x01\x00\x00\x01\x00\x0b"), UNEXPECTED_MESSAGE, false, INITIAL},
    {"a ClientHello behind the first keys", BYTES("\x01"), UNEXPECTED_MESSAGE, false, HANDSHAKE},
    {"a ticket in the handshake", BYTES(EXTENSIONS "\x04"), UNEXPECTED_MESSAGE, true, HANDSHAKE},
    {"a key", BYTES(GOOD), 0, false, HANDSHAKE},
    {"a key, behind and before others", BYTES(EXTENSIONS GOOD EXTENSIONS GOOD), 0, false,
     HANDSHAKE},
    {"no key", BYTES("\x0b\x00\x00\x04\x00\x00\x00\x00" GOOD), 0, false, HANDSHAKE},
    {"nothing at all", BYTES("\x0b\x00\x00\x00" GOOD), 0, false, HANDSHAKE},
    {"with extensions",
     BYTES("\x0b\x00\x00\x39\x00\x00\x00\x35\x00\x00\x2c" ED25519 KEY "\x00\x04\x00\x12\x00\x00"),
     0, false, HANDSHAKE},
    {"a key in a message of another type", BYTES("\x0f\x00\x00\x05\x01\x02\x03\x04\x05"), 0, false,
     HANDSHAKE},
    {"X25519",
     BYTES("\x0b\x00\x00\x35\x00\x00\x00\x31\x00\x00\x2c"
           "\x30\x2a\x30\x05\x06\x03\x2b\x65\x6e"),
     UNSUPPORTED_CERTIFICATE, false, HANDSHAKE},
    {"the second key of two messages",
     BYTES(GOOD "\x0b\x00\x00\x35\x00\x00\x00\x31\x00\x00\x2c"
                "\x30\x2a\x30\x05\x06\x03\x2b\x65\x71"),
     UNSUPPORTED_CERTIFICATE, false, HANDSHAKE},
    {"a certificate of X.509", BYTES("\x0b\x00\x01\x35\x00\x00\x01\x31\x00\x01"),
     UNSUPPORTED_CERTIFICATE, false, HANDSHAKE},
    {"an entry of a byte less", BYTES("\x0b\x00\x00\x35\x00\x00\x00\x31\x00\x00\x2b"),
     UNSUPPORTED_CERTIFICATE, false, HANDSHAKE},
    {"an entry of a byte more", BYTES("\x0b\x00\x00\x35\x00\x00\x00\x31\x00\x00\x2d"),
     UNSUPPORTED_CERTIFICATE, false, HANDSHAKE},
    {"an entry of 64 KB more", BYTES("\x0b\x01\x00\x35\x00\x01\x00\x31\x01"),
     UNSUPPORTED_CERTIFICATE, false, HANDSHAKE},
    {"an empty list with something behind it", BYTES("\x0b\x00\x00\x05\x00\x00\x00\x00\x30"),
     UNSUPPORTED_CERTIFICATE, false, HANDSHAKE},
    {"a context, by which all is elsewhere", BYTES("\x0b\x00\x00\x36\x01"), UNSUPPORTED_CERTIFICATE,
     false, HANDSHAKE},
    {"tickets", BYTES("\x04\x00\x00\x03\x0b\x0b\x0b\x04\x00\x00\x00\x04\x00"), 0, true, ONE_RTT},
    {"a ticket for who is dialled", BYTES("\x04"), UNEXPECTED_MESSAGE, false, ONE_RTT},
    {"a key", BYTES("\x0b"), UNEXPECTED_MESSAGE, true, ONE_RTT},
    {"KeyUpdate behind a ticket", BYTES("\x04\x00\x00\x01\x18\x18"), UNEXPECTED_MESSAGE, true,
     ONE_RTT},
};

/* Its last byte is the first that is wrong. */
static void expect_in_pieces(const struct row *row, size_t piece_len)
{
    struct iq_tls_messages messages = {0};
    uint8_t alert = 0;
    size_t at, len;

    for (at = 0; at < row->len; at += len) {
        assert_row(alert == 0, row->name);
        len = piece_len < row->len - at ? piece_len : row->len - at;
        alert = iq_tls_messages_follow(&messages, row->dials, row->level, row->bytes + at, len);
    }
    assert_row(alert == row->alert, row->name);
}

static void test_rows(void **state)
{
    size_t i, piece_len;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (piece_len = 1; piece_len <= rows[i].len; piece_len++) {
            expect_in_pieces(&rows[i], piece_len);
        }
    }
}

static uint8_t follow(struct iq_tls_messages *messages, ngtcp2_encryption_level level,
                      const char *bytes, size_t len)
{
    return iq_tls_messages_follow(messages, true, level, (const uint8_t *)bytes, len);
}

static void test_whole_messages(void **state)
{
    struct iq_tls_messages messages = {0};

    assert_int_equal(follow(&messages, INITIAL, "\x02\x00\x00\x01\x00", 5), 0);
    assert_int_equal(follow(&messages, HANDSHAKE, EXTENSIONS, 6), 0);
    assert_int_equal(follow(&messages, HANDSHAKE, EXTENSIONS, 5), 0);
    assert_int_equal(follow(&messages, ONE_RTT, "", 0), 0);
    assert_int_equal(follow(&messages, ONE_RTT, "\x00", 1), UNEXPECTED_MESSAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_whole_messages),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
