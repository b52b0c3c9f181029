/* Messages of TLS, cut anywhere: which keys OpenSSL gets to see, and which messages afterwards. */
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

struct row {
    const char *name;
    const uint8_t *bytes;
    size_t len;
    uint8_t alert;
    bool dials; /* and nothing of it belongs to a handshake */
};

static const struct row handshakes[] = {
    {"a key", BYTES(GOOD), 0, false},
    {"a key, behind and before others", BYTES(EXTENSIONS GOOD EXTENSIONS GOOD), 0, false},
    {"no key", BYTES("\x0b\x00\x00\x04\x00\x00\x00\x00" GOOD), 0, false},
    {"nothing at all", BYTES("\x0b\x00\x00\x00" GOOD), 0, false},
    {"with extensions",
     BYTES("\x0b\x00\x00\x39\x00\x00\x00\x35\x00\x00\x2c" ED25519 KEY "\x00\x04\x00\x12\x00\x00"),
     0, false},
    {"a key in a message of another type", BYTES("\x0f\x00\x00\x05\x01\x02\x03\x04\x05"), 0, false},
    {"X25519",
     BYTES("\x0b\x00\x00\x35\x00\x00\x00\x31\x00\x00\x2c"
           "\x30\x2a\x30\x05\x06\x03\x2b\x65\x6e"),
     UNSUPPORTED_CERTIFICATE, false},
    {"the second key of two messages",
     BYTES(GOOD "\x0b\x00\x00\x35\x00\x00\x00\x31\x00\x00\x2c"
                "\x30\x2a\x30\x05\x06\x03\x2b\x65\x71"),
     UNSUPPORTED_CERTIFICATE, false},
    {"a certificate of X.509", BYTES("\x0b\x00\x01\x35\x00\x00\x01\x31\x00\x01"),
     UNSUPPORTED_CERTIFICATE, false},
    {"an entry of a byte less", BYTES("\x0b\x00\x00\x35\x00\x00\x00\x31\x00\x00\x2b"),
     UNSUPPORTED_CERTIFICATE, false},
    {"an entry of a byte more", BYTES("\x0b\x00\x00\x35\x00\x00\x00\x31\x00\x00\x2d"),
     UNSUPPORTED_CERTIFICATE, false},
    {"an entry of 64 KB more", BYTES("\x0b\x01\x00\x35\x00\x01\x00\x31\x01"),
     UNSUPPORTED_CERTIFICATE, false},
    {"an empty list with something behind it", BYTES("\x0b\x00\x00\x05\x00\x00\x00\x00\x30"),
     UNSUPPORTED_CERTIFICATE, false},
    {"a context, by which all is elsewhere", BYTES("\x0b\x00\x00\x36\x01"), UNSUPPORTED_CERTIFICATE,
     false},
};

static const struct row afterwards[] = {
    {"tickets", BYTES("\x04\x00\x00\x03\x0b\x0b\x0b\x04\x00\x00\x00\x04\x00"), 0, true},
    {"a ticket for who is dialled", BYTES("\x04"), UNEXPECTED_MESSAGE, false},
    {"a key", BYTES("\x0b"), UNEXPECTED_MESSAGE, true},
    {"KeyUpdate behind a ticket", BYTES("\x04\x00\x00\x01\x18\x18"), UNEXPECTED_MESSAGE, true},
};

#define ROWS(table) (table), sizeof(table) / sizeof((table)[0])

static uint8_t follow_handshake(struct iq_tls_messages *messages, const struct row *row, size_t at,
                                size_t len)
{
    return iq_tls_messages_follow(messages, row->bytes + at, len);
}

static uint8_t follow_after(struct iq_tls_messages *messages, const struct row *row, size_t at,
                            size_t len)
{
    return iq_tls_messages_follow_after(messages, row->dials, row->bytes + at, len);
}

typedef uint8_t follow_row(struct iq_tls_messages *messages, const struct row *row, size_t at,
                           size_t len);

/* Its last byte is the first that is wrong. */
static void expect_in_pieces(follow_row *follow, const struct row *row, size_t piece_len)
{
    struct iq_tls_messages messages = {0};
    uint8_t alert = 0;
    size_t at, len;

    for (at = 0; at < row->len; at += len) {
        assert_row(alert == 0, row->name);
        len = piece_len < row->len - at ? piece_len : row->len - at;
        alert = follow(&messages, row, at, len);
    }
    assert_row(alert == row->alert, row->name);
}

static void expect(follow_row *follow, const struct row *rows, size_t count)
{
    size_t i, piece_len;

    for (i = 0; i < count; i++) {
        for (piece_len = 1; piece_len <= rows[i].len; piece_len++) {
            expect_in_pieces(follow, &rows[i], piece_len);
        }
    }
}

static void test_handshakes(void **state) { expect(follow_handshake, ROWS(handshakes)); }

static void test_afterwards(void **state) { expect(follow_after, ROWS(afterwards)); }

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_handshakes),
        cmocka_unit_test(test_afterwards),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
