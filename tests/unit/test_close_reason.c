/* Why a connection ended, as people read it: whatever the peer has sent stays on its line. */
#include "iq/conn.h"
#include "iq/stream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "assert_row.h"

#define TEXT(s) .text = (s), .text_len = sizeof(s) - 1

static const struct {
    const char *name;
    struct iq_close_reason why;
    const char *line;
} rows[] = {
    {"by us", {.how = IQ_CLOSED_BY_US, .code = 0, TEXT("")}, "closed (code 0)"},
    {"by peer",
     {.how = IQ_CLOSED_BY_PEER, .code = 0, TEXT("bye!")},
     "closed by peer (code 0): bye!"},
    {"largest code",
     {.how = IQ_CLOSED_BY_PEER, .code = IQ_CODE_END - 1, TEXT("")},
     "closed by peer (code 4611686018427387903)"},
    {"refused",
     {.how = IQ_CLOSED_ABORTED_BY_PEER, .code = IQ_CODE_CONNECTION_REFUSED, TEXT("")},
     "aborted by peer (code 0x2): connection refused"},
    {"the peer's own words",
     {.how = IQ_CLOSED_ABORTED_BY_PEER, .code = IQ_CODE_NO_ALPN, TEXT("what?")},
     "aborted by peer (code 0x178): what?"},
    {"wrong id",
     {.how = IQ_CLOSED_TRANSPORT_ERROR, .code = IQ_CODE_WRONG_ID, TEXT("")},
     "connection error (code 0x130): the peer's key is not the one that was dialled"},
    {"another alert",
     {.how = IQ_CLOSED_ABORTED_BY_PEER, .code = 0x150, TEXT("")},
     "aborted by peer (code 0x150): the handshake failed"},
    {"unknown code",
     {.how = IQ_CLOSED_ABORTED_BY_PEER, .code = 0x4711, TEXT("")},
     "aborted by peer (code 0x4711): unknown error"},
    {"timed out", {.how = IQ_CLOSED_TIMED_OUT, TEXT("")}, "timed out"},
    {"reset", {.how = IQ_CLOSED_RESET, TEXT("")}, "reset by peer"},
    {"escapes",
     {.how = IQ_CLOSED_BY_PEER, .code = 1, TEXT("\x1b[2J\r\n\0\\\xff")},
     "closed by peer (code 1): \\x1b[2J\\x0d\\x0a\\x00\\x5c\\xff"},
};

static void test_lines(void **state)
{
    char line[IQ_CLOSE_REASON_STR_SIZE];
    size_t i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_ptr_equal(iq_close_reason_str(&rows[i].why, line, sizeof(line)), line);
        assert_row(strcmp(line, rows[i].line) == 0, rows[i].name);
    }
}

/* A line that does not fit is cut, and ends within its bounds, whatever they are. */
static void test_cut(void **state)
{
    size_t i, size;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (size = 1; size < 100; size++) {
            char line[128];

            memset(line, '#', sizeof(line));
            iq_close_reason_str(&rows[i].why, line, size);
            assert_row(memchr(line, '\0', size) != NULL && line[size] == '#', rows[i].name);
            assert_row(strncmp(line, rows[i].line, strlen(line)) == 0, rows[i].name);
        }
    }
}

/* A byte that a peer can send reaches the terminal as it is only if it is plain text, and cannot be
 * taken for the number of another. */
static void test_every_byte(void **state)
{
    unsigned int c;

    for (c = 0; c < 256; c++) {
        const char text = (char)c;
        const struct iq_close_reason why = {.how = IQ_CLOSED_BY_PEER, .text = &text, .text_len = 1};
        char line[64], expected[64];

        (void)snprintf(expected, sizeof(expected),
                       c >= 0x20 && c < 0x7f && c != '\\' ? "closed by peer (code 0): %c"
                                                          : "closed by peer (code 0): \\x%02x",
                       c);
        assert_string_equal(iq_close_reason_str(&why, line, sizeof(line)), expected);
    }
}

/* However long the reason, the line is not: four characters for each byte that is kept. */
static void test_longest(void **state)
{
    char text[IQ_REASON_MAX], line[IQ_CLOSE_REASON_STR_SIZE];
    const struct iq_close_reason why = {
        .how = IQ_CLOSED_BY_PEER, .text = text, .text_len = sizeof(text)};

    memset(text, '\x1b', sizeof(text));
    assert_int_equal(strlen(iq_close_reason_str(&why, line, sizeof(line))), sizeof(line) - 1);
    assert_null(strchr(line, '\x1b'));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_every_byte),
        cmocka_unit_test(test_longest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
