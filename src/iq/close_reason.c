/* Why a connection ended, in one line for people. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "conn_state.h"

struct line {
    char *str;
    size_t size; /* with the NUL */
    size_t len;
};

static void add(struct line *line, const char *text)
{
    const size_t room = line->size - line->len - 1;
    const size_t len = strlen(text) < room ? strlen(text) : room;

    memcpy(line->str + line->len, text, len);
    line->len += len;
    line->str[line->len] = '\0';
}

/* The peer chose this text: nothing in it may speak to a terminal. */
static void add_safely(struct line *line, const char *text, size_t len)
{
    size_t i;

    for (i = 0; i < len; i++) {
        const unsigned char c = (unsigned char)text[i];
        char one[5];

        (void)snprintf(one, sizeof(one), c >= 0x20 && c < 0x7f && c != '\\' ? "%c" : "\\x%02x", c);
        add(line, one);
    }
}

const char *iq_transport_code_str(uint64_t code)
{
    static const struct {
        uint64_t code;
        const char *text;
    } texts[] = {
        {0x00, "no error"},
        {0x01, "internal error"},
        {IQ_CODE_CONNECTION_REFUSED, "connection refused"},
        {0x03, "flow control error"},
        {0x04, "stream limit error"},
        {0x05, "stream state error"},
        {0x06, "final size error"},
        {0x07, "frame encoding error"},
        {0x08, "transport parameter error"},
        {0x09, "connection id limit error"},
        {0x0a, "protocol violation"},
        {0x0b, "invalid token"},
        {IQ_CODE_APPLICATION_ERROR, "closed during the handshake"},
        {0x0d, "crypto buffer exceeded"},
        {0x0e, "key update error"},
        {0x0f, "aead limit reached"},
        {0x10, "no viable path"},
        {IQ_CODE_WRONG_ID, "the peer's key is not the one that was dialled"},
        {IQ_CODE_BAD_SIGNATURE, "the peer has not proven its key"},
        {IQ_CODE_NO_KEY, "the peer shows no key"},
        {IQ_CODE_NO_ALPN, "no protocol in common"},
    };
    size_t i;

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (texts[i].code == code) {
            return texts[i].text;
        }
    }
    return code >= IQ_CODE_TLS_ALERT && code <= IQ_CODE_TLS_ALERT + 0xff ? "the handshake failed"
                                                                         : "unknown error";
}

static const char *how_name(enum iq_close_how how)
{
    switch (how) {
    case IQ_CLOSED_BY_US:
        return "closed";
    case IQ_CLOSED_BY_PEER:
        return "closed by peer";
    case IQ_CLOSED_ABORTED_BY_PEER:
        return "aborted by peer";
    case IQ_CLOSED_TRANSPORT_ERROR:
        return "connection error";
    case IQ_CLOSED_TIMED_OUT:
        return "timed out";
    case IQ_CLOSED_RESET:
        return "reset by peer";
    case IQ_CLOSED_VERSION_MISMATCH:
        return "the peer speaks no QUIC version that we speak";
    }
    return "";
}

const char *iq_close_reason_str(const struct iq_close_reason *why, char *str, size_t size)
{
    const bool by_application = why->how == IQ_CLOSED_BY_US || why->how == IQ_CLOSED_BY_PEER;
    const bool by_transport =
        why->how == IQ_CLOSED_ABORTED_BY_PEER || why->how == IQ_CLOSED_TRANSPORT_ERROR;
    struct line line = {.str = str, .size = size};
    char code[32];

    add(&line, how_name(why->how));
    if (!by_application && !by_transport) {
        return str;
    }
    (void)snprintf(code, sizeof(code),
                   by_transport ? " (code 0x%" PRIx64 ")" : " (code %" PRIu64 ")", why->code);
    add(&line, code); /* before the text, which may be cut */
    if (why->text_len > 0) {
        add(&line, ": ");
        add_safely(&line, why->text, why->text_len);
    } else if (by_transport) {
        add(&line, ": ");
        add(&line, iq_transport_code_str(why->code));
    }
    return str;
}
